//! The one input claim of a profile of the directory: who is meant.

use uuid::Uuid;

use super::{technical, warning};
use crate::emulator::{
    directory::{Directory, Key, User, parse_identities, sign_in_kind},
    engine::{
        failure::Failure, mapping::Input, providers::Call, trace::ProfileRecord, value::Value,
    },
    settings::{FederatedIdentity, Fidelity},
};

const KEYS: &str = "objectId, userPrincipalName, signInNames, signInNames.<kind>, \
                    alternativeSecurityId and userIdentities";

/// The key of a profile, and the name under which the directory knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyClaim {
    pub(super) name: String,
    pub(super) found: Found,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Key(Key),
    /// The claim has no value, or one that nobody can have.
    Nobody,
}

/// "There must be exactly one InputClaim element in the input claims
/// collection."
pub(super) fn of(call: &Call<'_>, record: &mut ProfileRecord) -> Result<KeyClaim, Failure> {
    let names = names(call);
    let name = match (&names[..], call.scene.tenant.fidelity) {
        ([only], _) => only.clone(),
        (many, Fidelity::Strict) => {
            return Err(technical(format!(
                "The technical profile '{}' has {} input claims. One of the directory has exactly \
                 one, which tells who is meant.",
                call.profile.id(),
                many.len()
            )));
        }
        (many, Fidelity::Lenient) => {
            let text = "There should be exactly one input claim. The first with a value that can \
                        be a key is taken: --lenient.";
            record.notes.push(warning(call, text));
            let has_value = |name: &&String| call.input(name).is_some();
            let mut usable = many.iter().filter(has_value);
            let usable = usable.find(|name| is_key(name));
            usable.or(many.first()).cloned().unwrap_or_default()
        }
    };
    if !is_key(&name) {
        return Err(technical(format!(
            "The technical profile '{}' looks for users by '{name}', which is no key of the \
             directory. Keys are {KEYS}.",
            call.profile.id()
        )));
    }
    let found = match call.input(&name).and_then(|input| key(&name, input)) {
        Some(key) => Found::Key(key),
        None => Found::Nobody,
    };
    Ok(KeyClaim { name, found })
}

fn names(call: &Call<'_>) -> Vec<String> {
    let claims = call.profile.input_claims();
    let names = claims.filter_map(|claim| claim.partner_name().or(claim.claim()));
    names.map(str::to_owned).collect()
}

fn is_key(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = [
        "objectid",
        "userprincipalname",
        "signinnames",
        "alternativesecurityid",
        "alternativesecurityids",
        "useridentities",
    ];
    known.contains(&name.as_str()) || name.starts_with("signinnames.")
}

fn key(name: &str, input: &Input) -> Option<Key> {
    let text = Some(input.value.text()).filter(|text| !text.is_empty())?;
    match name.to_ascii_lowercase().as_str() {
        "objectid" => Uuid::parse_str(&text).ok().map(Key::ObjectId),
        "userprincipalname" => Some(Key::PrincipalName(text)),
        "signinnames" => Some(Key::SignInName(text)),
        "alternativesecurityid" | "alternativesecurityids" | "useridentities" => {
            let identities = identities(&input.value);
            (!identities.is_empty()).then_some(Key::Identities(identities))
        }
        _ => {
            let (_, kind) = name.split_once('.')?;
            Some(Key::SignInNameOf {
                kind: sign_in_kind(kind).to_owned(),
                name: text,
            })
        }
    }
}

/// Identities stand in claims as JSON texts.
pub(super) fn identities(value: &Value) -> Vec<FederatedIdentity> {
    match value {
        Value::Texts(texts) => texts
            .iter()
            .flat_map(|text| parse_identities(text))
            .collect(),
        Value::Text(text) => parse_identities(text),
        Value::Flag(_) | Value::Number(_) | Value::Moment(_) | Value::Day(_) => Vec::new(),
    }
}

pub(super) fn find<'a>(directory: &'a Directory, key: &KeyClaim) -> Option<&'a User> {
    match &key.found {
        Found::Key(key) => directory.find(key),
        Found::Nobody => None,
    }
}

/// Gives a newcomer what it is looked for by. False if that is nothing that a
/// user can be created with.
pub(super) fn claim(user: &mut User, key: &Key) -> bool {
    match key {
        Key::ObjectId(_) | Key::SignInName(_) => return false,
        Key::PrincipalName(name) => user.principal_name.clone_from(name),
        Key::SignInNameOf { kind, name } => {
            user.sign_in_names.insert(kind.clone(), name.clone());
        }
        Key::Identities(identities) => user.identities.clone_from(identities),
    }
    true
}
