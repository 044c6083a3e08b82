//! The users of the directory, as a test turns and reads them. Passwords go in
//! and never come out.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{Answer, Refused, done, parse};
use crate::emulator::{
    directory::{DirectoryError, Extensions, User, sign_in_kind},
    settings::{FederatedIdentity, SeedUser},
    state::{Tenant, rfc3339},
};

fn shown(user: &User) -> Value {
    json!({
        "objectId": user.object_id,
        "created": user.created,
        "email": user.email(),
        "isLocal": user.password.is_some(),
        "federated": user.federated(),
        "userPrincipalName": user.principal_name,
        "signInNames": user.sign_in_names,
        "identities": user.identities,
        "otherMails": user.other_mails,
        "accountEnabled": user.is_enabled,
        "forceChangePasswordNextLogin": user.must_change_password,
        "refreshTokensValidFromDateTime": rfc3339(user.tokens_valid_from),
        "attributes": user.attributes,
    })
}

pub(super) async fn list(tenant: web::Data<Tenant>) -> HttpResponse {
    let users: Vec<Value> = tenant.state().directory.all().map(shown).collect();
    HttpResponse::Ok().json(users)
}

pub(super) async fn add(
    tenant: web::Data<Tenant>,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let mut seed = parse::<SeedUser>(&request, &body)?;
    let extensions = Extensions::new(&tenant.extensions_app_id, None);
    let attributes = std::mem::take(&mut seed.attributes).into_iter();
    seed.attributes = attributes
        .map(|(name, value)| (extensions.kept(&name), value))
        .collect();
    let object_id = tenant.add_user(seed).map_err(|error| refused(&error))?;
    Ok(HttpResponse::Created().json(json!({ "objectId": object_id })))
}

fn refused(error: &DirectoryError) -> Refused {
    let status = match error {
        DirectoryError::AlreadyExists => StatusCode::CONFLICT,
        DirectoryError::Full | DirectoryError::NoIdentity => StatusCode::BAD_REQUEST,
    };
    Refused(status, error.to_string())
}

fn no_such_user() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "No user has this object id.")
}

/// What is stated changes. Names and identities are replaced as a whole,
/// attributes one by one: null takes one away.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    password: Option<String>,
    sign_in_names: Option<BTreeMap<String, String>>,
    identities: Option<Vec<FederatedIdentity>>,
    user_principal_name: Option<String>,
    other_mails: Option<Vec<String>>,
    account_enabled: Option<bool>,
    force_change_password_next_login: Option<bool>,
    refresh_tokens_valid_from_date_time: Option<String>,
    attributes: Map<String, Value>,
}

impl Change {
    fn apply(self, user: &mut User, tenant: &Tenant, now: i64) -> Result<(), Refused> {
        if let Some(password) = self.password {
            user.set_password(password, now);
        }
        if let Some(names) = self.sign_in_names {
            let names = names.into_iter();
            user.sign_in_names = names
                .map(|(kind, name)| (sign_in_kind(&kind).to_owned(), name))
                .collect();
        }
        if let Some(identities) = self.identities {
            user.identities = identities;
        }
        if let Some(name) = self.user_principal_name {
            user.principal_name = name;
        }
        if let Some(mails) = self.other_mails {
            user.other_mails = mails;
        }
        if let Some(is_enabled) = self.account_enabled {
            user.is_enabled = is_enabled;
        }
        if let Some(must_change) = self.force_change_password_next_login {
            user.must_change_password = must_change;
        }
        if let Some(moment) = self.refresh_tokens_valid_from_date_time {
            user.tokens_valid_from = seconds(&moment)?;
        }
        let extensions = Extensions::new(&tenant.extensions_app_id, None);
        for (name, value) in self.attributes {
            let name = extensions.kept(&name);
            match value {
                Value::Null => user.remove_attribute(&name),
                value => user.set_attribute(&name, value),
            }
        }
        Ok(())
    }
}

fn seconds(moment: &str) -> Result<i64, Refused> {
    let parsed = OffsetDateTime::parse(moment, &Rfc3339);
    parsed.map(OffsetDateTime::unix_timestamp).map_err(|_| {
        let text = "`refreshTokensValidFromDateTime` is a time as 2026-01-01T10:00:00Z.";
        Refused::new(StatusCode::BAD_REQUEST, text)
    })
}

pub(super) async fn change(
    tenant: web::Data<Tenant>,
    id: web::Path<Uuid>,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let change = parse::<Change>(&request, &body)?;
    if change.user_principal_name.as_deref() == Some("") {
        let text = "`userPrincipalName` cannot be empty.";
        return Err(Refused::new(StatusCode::BAD_REQUEST, text));
    }
    let now = tenant.now();
    {
        let mut state = tenant.state();
        let user = state.directory.get(*id).cloned();
        let mut user = user.ok_or_else(no_such_user)?;
        change.apply(&mut user, &tenant, now)?;
        let replaced = state.directory.replace(user);
        replaced.map_err(|error| refused(&error))?;
    }
    tenant.save_or_log();
    done()
}

pub(super) async fn remove(tenant: web::Data<Tenant>, id: web::Path<Uuid>) -> Answer {
    let removed = tenant.state().directory.remove(*id);
    removed.ok_or_else(no_such_user)?;
    tenant.save_or_log();
    done()
}
