//! What the directory tells of a user, by the names that policies use ("User
//! profile attributes").

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use crate::emulator::{
    directory::{Extensions, User, identity_json, sign_in_kind},
    engine::value::Value,
};

pub(super) fn attributes(user: &User, extensions: &Extensions<'_>) -> Vec<(String, Json)> {
    let mut told = vec![
        ("objectId".to_owned(), user.object_id.to_string().into()),
        (
            "userPrincipalName".to_owned(),
            user.principal_name.as_str().into(),
        ),
        ("accountEnabled".to_owned(), user.is_enabled.into()),
        (
            "forceChangePasswordNextLogin".to_owned(),
            user.must_change_password.into(),
        ),
        (
            "passwordProfile.forceChangePasswordNextLogin".to_owned(),
            user.must_change_password.into(),
        ),
        ("createdDateTime".to_owned(), moment(user.created)),
        (
            "refreshTokensValidFromDateTime".to_owned(),
            moment(user.tokens_valid_from),
        ),
        ("userType".to_owned(), "Member".into()),
    ];
    if !user.other_mails.is_empty() {
        told.push(("otherMails".to_owned(), user.other_mails.clone().into()));
    }
    told.extend(names(user));
    told.extend(identities(user));
    if let Some(group) = legal_age_group(user) {
        told.push(("legalAgeGroupClassification".to_owned(), group.into()));
    }
    for (kept, value) in &user.attributes {
        for name in extensions.names(kept) {
            told.push((name, value.clone()));
        }
    }
    told
}

fn names(user: &User) -> Vec<(String, Json)> {
    let names = user.sign_in_names.iter();
    let mut told: Vec<(String, Json)> = names
        .map(|(kind, name)| (format!("signInNames.{kind}"), name.as_str().into()))
        .collect();
    if !told.is_empty() {
        told.push(("creationType".to_owned(), "LocalAccount".into()));
    }
    told
}

/// One is told as `alternativeSecurityId`, all of them in the collections.
fn identities(user: &User) -> Vec<(String, Json)> {
    let Some(first) = user.identities.first() else {
        return Vec::new();
    };
    let one = json!({
        "type": 6,
        "identityProvider": first.issuer,
        "key": STANDARD.encode(&first.subject),
    });
    let all: Vec<Json> = user.identities.iter().map(identity_json).collect();
    vec![
        ("alternativeSecurityId".to_owned(), one.to_string().into()),
        ("alternativeSecurityIds".to_owned(), all.clone().into()),
        ("userIdentities".to_owned(), all.into()),
    ]
}

fn moment(seconds: i64) -> Json {
    let moment = OffsetDateTime::from_unix_timestamp(seconds);
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Value::Moment(moment).to_json()
}

/// "Read-only and calculated based on ageGroup and consentProvidedForMinor."
fn legal_age_group(user: &User) -> Option<&'static str> {
    let text = |name: &str| {
        let value = user.attribute(name).and_then(Json::as_str);
        value.unwrap_or_default().to_ascii_lowercase()
    };
    match text("ageGroup").as_str() {
        "adult" => Some("adult"),
        "notadult" => Some("notAdult"),
        "minor" => Some(match text("consentProvidedForMinor").as_str() {
            "granted" => "minorWithParentalConsent",
            "notrequired" => "minorNoParentalConsentRequired",
            _ => "minorWithOutParentalConsent",
        }),
        _ => None,
    }
}

/// Takes an attribute away. False if the directory keeps it.
pub(super) fn removed(user: &mut User, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "objectid"
        | "userprincipalname"
        | "password"
        | "displayname"
        | "accountenabled"
        | "createddatetime"
        | "refreshtokensvalidfromdatetime" => return false,
        "othermails" => user.other_mails.clear(),
        "alternativesecurityid" | "alternativesecurityids" | "useridentities" => {
            user.identities.clear();
        }
        _ => match lower.strip_prefix("signinnames.") {
            Some(kind) => {
                let kind = sign_in_kind(kind);
                user.sign_in_names
                    .retain(|own, _| !own.eq_ignore_ascii_case(kind));
            }
            None => user.remove_attribute(name),
        },
    }
    true
}
