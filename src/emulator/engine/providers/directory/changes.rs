//! What the persisted claims of a profile change in a user.

use serde_json::Value as Json;

use super::{KeyClaim, extensions, key::identities, technical, warning};
use crate::{
    emulator::{
        directory::{TooLong, User, is_strong, sign_in_kind, too_long},
        engine::{
            failure::{Failure, PageText},
            mapping::default_value,
            providers::Call,
            trace::ProfileRecord,
            value::Value,
        },
        settings::{FederatedIdentity, Fidelity},
    },
    policy::view::ClaimRef,
};

/// One persisted claim that has a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    PrincipalName(String),
    SignInName {
        kind: String,
        name: String,
    },
    Identities(Vec<FederatedIdentity>),
    Password(String),
    MustChangePassword(bool),
    Enabled(bool),
    OtherMails(Vec<String>),
    Attribute {
        name: String,
        value: Json,
    },
    /// An empty text.
    Cleared {
        name: String,
    },
}

/// Whose account it is that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    New,
    Known,
}

/// What the directory works out by itself.
const READ_ONLY: [&str; 7] = [
    "createddatetime",
    "creationtype",
    "refreshtokensvalidfromdatetime",
    "legalagegroupclassification",
    "newclaimsprincipalcreated",
    "signinnames",
    "usertype",
];

pub(super) fn of(
    call: &Call<'_>,
    key: &KeyClaim,
    record: &mut ProfileRecord,
) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    let mut has_key = false;
    for reference in call.profile.persisted_claims() {
        let Some(claim) = reference.claim() else {
            continue;
        };
        let name = reference.partner_name().unwrap_or(claim);
        has_key |= name.eq_ignore_ascii_case(&key.name);
        let Some(value) = value(call, &reference, claim, record)? else {
            continue;
        };
        if READ_ONLY.contains(&name.to_ascii_lowercase().as_str()) {
            let text = format!("The directory works out {name} by itself: it is not written.");
            record.notes.push(warning(call, text));
            continue;
        }
        if let Some(change) = change(call, name, &value, record)? {
            changes.push(change);
        }
    }
    if !has_key {
        let text = format!("The key {} should be a persisted claim too.", key.name);
        record.notes.push(warning(call, text));
    }
    Ok(changes)
}

fn value(
    call: &Call<'_>,
    reference: &ClaimRef<'_>,
    claim: &str,
    record: &mut ProfileRecord,
) -> Result<Option<Value>, Failure> {
    let scene = &call.scene;
    let default = default_value(scene, &call.profile, reference, claim, &mut record.notes);
    let value = match reference.always_use_default() {
        true => default,
        false => scene.bag.get(claim).cloned().or(default),
    };
    let is_missing = value.as_ref().is_none_or(Value::is_empty);
    if !(reference.required() && is_missing) {
        return Ok(value);
    }
    let text = format!("The required persisted claim {claim} has no value.");
    match scene.tenant.fidelity {
        Fidelity::Strict => Err(technical(text)),
        Fidelity::Lenient => {
            record.notes.push(warning(call, text));
            Ok(value)
        }
    }
}

fn change(
    call: &Call<'_>,
    name: &str,
    value: &Value,
    record: &mut ProfileRecord,
) -> Result<Option<Change>, Failure> {
    let lower = name.to_ascii_lowercase();
    let text = value.text();
    let flag = || match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(technical(format!("The attribute {name} is true or false."))),
    };
    Ok(match lower.as_str() {
        "objectid" => None,
        "userprincipalname" => Some(Change::PrincipalName(text)).filter(|_| !value.is_empty()),
        "password" => Some(Change::Password(text)).filter(|_| !value.is_empty()),
        "accountenabled" => Some(Change::Enabled(flag()?)),
        "forcechangepasswordnextlogin"
        | "passwordprofile.forcechangepasswordnextlogin"
        | "passwordprofile.forcechangepasswordnextsignin" => {
            Some(Change::MustChangePassword(flag()?))
        }
        "othermails" => Some(Change::OtherMails(mails(value))),
        "alternativesecurityid" | "alternativesecurityids" | "useridentities" => {
            Some(Change::Identities(identities(value)))
        }
        _ => match name.split_once('.') {
            Some((first, kind)) if first.eq_ignore_ascii_case("signInNames") => (!value.is_empty())
                .then(|| Change::SignInName {
                    kind: sign_in_kind(kind).to_owned(),
                    name: text,
                }),
            _ => Some(attribute(call, name, value, record)?),
        },
    })
}

fn mails(value: &Value) -> Vec<String> {
    if let Value::Texts(texts) = value {
        return texts.clone();
    }
    let text = Some(value.text()).filter(|text| !text.is_empty());
    text.into_iter().collect()
}

fn attribute(
    call: &Call<'_>,
    name: &str,
    value: &Value,
    record: &mut ProfileRecord,
) -> Result<Change, Failure> {
    let kept = extensions(call).kept(name);
    if matches!(value, Value::Text(text) if text.is_empty()) {
        return Ok(Change::Cleared { name: kept });
    }
    if let Value::Text(text) = value
        && let Some(TooLong { limit }) = too_long(name, text)
    {
        let text = format!("The directory takes at most {limit} characters as {name}.");
        match call.scene.tenant.fidelity {
            Fidelity::Strict => return Err(technical(text)),
            Fidelity::Lenient => record.notes.push(warning(call, text)),
        }
    }
    Ok(Change::Attribute {
        name: kept,
        value: value.to_json(),
    })
}

/// Makes the changes, or tells what is wrong with the account that they make.
pub(super) fn apply(
    call: &Call<'_>,
    user: &mut User,
    subject: Subject,
    changes: &[Change],
    now: i64,
    record: &mut ProfileRecord,
) -> Result<(), Failure> {
    let names_some = |change: &Change| matches!(change, Change::SignInName { .. });
    if subject == Subject::Known && changes.iter().any(names_some) {
        // "Specifying this in PersistedClaims alone will remove other types of
        // signInNames."
        user.sign_in_names.clear();
    }
    for change in changes {
        match change {
            Change::PrincipalName(name) => {
                principal_name(call, user, subject, name, record)?;
            }
            Change::SignInName { kind, name } => {
                user.sign_in_names.insert(kind.clone(), name.clone());
            }
            Change::Identities(identities) => user.identities.clone_from(identities),
            Change::Password(password) => user.set_password(password.clone(), now),
            Change::Enabled(is_enabled) => user.is_enabled = *is_enabled,
            Change::OtherMails(mails) => user.other_mails.clone_from(mails),
            Change::Attribute { name, value } => user.set_attribute(name, value.clone()),
            Change::Cleared { name } => user.remove_attribute(name),
            // Behind the password, which takes it back.
            Change::MustChangePassword(_) => {}
        }
    }
    for change in changes {
        if let Change::MustChangePassword(must) = change {
            user.must_change_password = *must;
        }
    }
    check_password(user, changes)?;
    check_display_name(call, user, subject, changes)
}

/// "The value of the userPrincipalName claim must be in the format of
/// user@tenant.onmicrosoft.com"; and it is immutable.
fn principal_name(
    call: &Call<'_>,
    user: &mut User,
    subject: Subject,
    name: &str,
    record: &mut ProfileRecord,
) -> Result<(), Failure> {
    if subject == Subject::Known {
        if !user.principal_name.eq_ignore_ascii_case(name) {
            let text = "userPrincipalName never changes: it stays as it is.";
            record.notes.push(warning(call, text));
        }
        return Ok(());
    }
    let domain = &call.scene.tenant.domain;
    match name.split_once('@') {
        Some((local, own)) if !local.is_empty() && !own.is_empty() => {
            if !own.eq_ignore_ascii_case(domain) {
                let text = format!("userPrincipalName should end with @{domain}.");
                record.notes.push(warning(call, text));
            }
            user.principal_name = name.to_owned();
            Ok(())
        }
        Some(_) | None => Err(technical(format!(
            "userPrincipalName has to be in the format of user@{domain}."
        ))),
    }
}

/// Strong unless the account's `passwordPolicies` say otherwise.
fn check_password(user: &User, changes: &[Change]) -> Result<(), Failure> {
    let set = changes.iter().find_map(|change| {
        let Change::Password(password) = change else {
            return None;
        };
        Some(password)
    });
    let policies = user.attribute("passwordPolicies").and_then(Json::as_str);
    let is_free = policies.is_some_and(|policies| {
        let mut policies = policies.split(',').map(str::trim);
        policies.any(|policy| policy.eq_ignore_ascii_case("DisableStrongPassword"))
    });
    match set {
        Some(password) if !is_free && !is_strong(password) => {
            let text = "The specified password does not comply with password complexity \
                        requirements. Please provide a different password.";
            Err(Failure {
                page: PageText::Said(text.to_owned()),
                ..technical(text)
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// "The displayName claim is required and cannot be an empty string."
fn check_display_name(
    call: &Call<'_>,
    user: &User,
    subject: Subject,
    changes: &[Change],
) -> Result<(), Failure> {
    let names_it = |change: &Change| {
        matches!(change, Change::Attribute { name, .. } | Change::Cleared { name }
            if name.eq_ignore_ascii_case("displayName"))
    };
    let is_touched = subject == Subject::New || changes.iter().any(names_it);
    let name = user.attribute("displayName").and_then(Json::as_str);
    match is_touched && name.is_none_or(str::is_empty) {
        true => Err(technical(format!(
            "The technical profile '{}' writes a user without displayName, which is required and \
             cannot be empty.",
            call.profile.id()
        ))),
        false => Ok(()),
    }
}
