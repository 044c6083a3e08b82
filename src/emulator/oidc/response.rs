//! What the token endpoint answers, in the form of the platform that was asked.

use actix_web::{HttpResponse, http::header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Authority, OAuthError};
use crate::emulator::{
    engine::program::Program,
    keys::KeyError,
    params::Params,
    settings::{AccessTokenVariant, NumberVariant},
    state::{Grant, Tenant, error_timestamp, random_id},
    token::{self, Companions},
};

/// A request that gets no tokens.
pub(super) fn refusal(tenant: &Tenant, authority: Authority, error: &OAuthError) -> HttpResponse {
    let now = tenant.now();
    let mut response = match (authority, error.error) {
        (Authority::ExternalId(_), "invalid_client") => HttpResponse::Unauthorized(),
        (Authority::ExternalId(_) | Authority::B2c, _) => HttpResponse::BadRequest(),
    };
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    match authority {
        Authority::B2c => response.json(json!({
            "error": error.error,
            "error_description": error.description(now),
        })),
        Authority::ExternalId(_) => {
            let correlation_id = Uuid::new_v4();
            let code = error.code.trim_start_matches("AADSTS").parse::<u64>().ok();
            response.json(json!({
                "error": error.error,
                "error_description": error.described(correlation_id, now),
                "error_codes": code.into_iter().collect::<Vec<_>>(),
                "timestamp": error_timestamp(now),
                "correlation_id": correlation_id,
            }))
        }
    }
}

pub(super) fn tokens(
    tenant: &Tenant,
    program: &Program,
    grant: Grant,
    form: &Params,
) -> Result<Value, KeyError> {
    let script = tenant.state().next_script().unwrap_or_default();
    let access_token = access_token(tenant, program, &grant)?;
    let companions = Companions {
        code: None,
        access_token: access_token.as_deref(),
    };
    let id_token = token::id_token(tenant, program, &grant, &companions, &script)?;
    let mut members = match grant.authority {
        Authority::B2c => b2c(tenant, program, &grant, access_token),
        Authority::ExternalId(_) => external_id(tenant, program, &grant, access_token, form),
    };
    members.insert("id_token".to_owned(), id_token.into());
    members.insert("token_type".to_owned(), "Bearer".into());
    members.insert("scope".to_owned(), grant.scope.as_str().into());
    if grant.has_scope("offline_access") {
        let refresh_token = random_id();
        members.insert("refresh_token".to_owned(), refresh_token.as_str().into());
        tenant.state().refresh_tokens.insert(refresh_token, grant);
    }
    members.extend(script.response.clone());
    for name in &script.response_remove {
        members.remove(name);
    }
    Ok(Value::Object(members))
}

/// The variant is one of B2C's: Entra always sends one.
fn access_token(
    tenant: &Tenant,
    program: &Program,
    grant: &Grant,
) -> Result<Option<String>, KeyError> {
    let variant = tenant.state().variants.access_token;
    match (grant.authority, variant) {
        (Authority::B2c, AccessTokenVariant::WhenScoped) if !grant.names_a_resource() => Ok(None),
        _ => token::access_token(tenant, program, grant).map(Some),
    }
}

fn b2c(
    tenant: &Tenant,
    program: &Program,
    grant: &Grant,
    access_token: Option<String>,
) -> Map<String, Value> {
    let variant = tenant.state().variants.numbers;
    let now = tenant.now();
    let rules = &program.tokens;
    let spells_numbers = rules
        .json_numbers
        .unwrap_or(variant == NumberVariant::Number);
    let number = |value: i64| match spells_numbers {
        false => Value::from(value.to_string()),
        true => Value::from(value),
    };
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("not_before", number(now));
    add("id_token_expires_in", number(rules.id_token_seconds));
    add("profile_info", profile_info(tenant, grant).into());
    if let Some(access_token) = access_token {
        let seconds = rules.access_token_seconds;
        add("access_token", access_token.into());
        add("expires_in", number(seconds));
        add("expires_on", number(now.saturating_add(seconds)));
        add("resource", grant.client_id.as_str().into());
    }
    if grant.has_scope("offline_access") {
        add(
            "refresh_token_expires_in",
            number(rules.refresh_token_seconds),
        );
    }
    members
}

fn external_id(
    tenant: &Tenant,
    program: &Program,
    grant: &Grant,
    access_token: Option<String>,
    form: &Params,
) -> Map<String, Value> {
    let seconds = program.tokens.access_token_seconds;
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("expires_in", seconds.into());
    add("ext_expires_in", seconds.into());
    add("access_token", access_token.into());
    // Microsoft's own libraries ask for it.
    if form.get("client_info") == Some("1") {
        let info = json!({ "uid": grant.object_id, "utid": tenant.id });
        let encoded = URL_SAFE_NO_PAD.encode(info.to_string());
        add("client_info", encoded.into());
    }
    members
}

fn profile_info(tenant: &Tenant, grant: &Grant) -> String {
    let info = json!({
        "ver": "1.0",
        "tid": tenant.id,
        "sub": null,
        "name": grant.claims.get("name"),
        "preferred_username": null,
        "idp": grant.claims.get("idp"),
    });
    URL_SAFE_NO_PAD.encode(info.to_string())
}
