//! One account, as the directory holds it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::emulator::settings::{FederatedIdentity, SeedUser};

/// One account. Passwords are kept as they were typed: this is a mock, and
/// nobody's real password belongs in it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    pub(crate) object_id: Uuid,
    /// Seconds.
    pub(crate) created: i64,
    /// Empty until the directory gives one.
    pub(crate) principal_name: String,
    /// By kind: `emailAddress`, `userName`, `phoneNumber`, …
    pub(crate) sign_in_names: BTreeMap<String, String>,
    pub(crate) identities: Vec<FederatedIdentity>,
    pub(crate) password: Option<String>,
    /// The one before: who types it is told so.
    pub(crate) former_password: Option<String>,
    /// `forceChangePasswordNextLogin`.
    pub(crate) must_change_password: bool,
    /// `accountEnabled`.
    pub(crate) is_enabled: bool,
    pub(crate) other_mails: Vec<String>,
    /// `refreshTokensValidFromDateTime`, in seconds.
    pub(crate) tokens_valid_from: i64,
    /// All others: `displayName`, `extension_<Name>` of the tenant's own
    /// b2c-extensions-app, `extension_<app id>_<Name>` of another one.
    pub(crate) attributes: BTreeMap<String, Value>,
}

impl User {
    pub(crate) fn new(object_id: Uuid, now: i64) -> Self {
        Self {
            object_id,
            created: now,
            principal_name: String::new(),
            sign_in_names: BTreeMap::new(),
            identities: Vec::new(),
            password: None,
            former_password: None,
            must_change_password: false,
            is_enabled: true,
            other_mails: Vec::new(),
            tokens_valid_from: now,
            attributes: BTreeMap::new(),
        }
    }

    pub(crate) fn from_seed(seed: SeedUser, now: i64) -> Self {
        let mut user = Self::new(seed.object_id.unwrap_or_else(Uuid::new_v4), now);
        user.principal_name = seed.user_principal_name.unwrap_or_default();
        user.other_mails = seed.other_mails;
        user.password = seed.password;
        user.set_email(seed.email);
        for (kind, name) in seed.sign_in_names {
            user.sign_in_names
                .insert(sign_in_kind(&kind).to_owned(), name);
        }
        user.identities = seed.federated.into_iter().chain(seed.identities).collect();
        user.is_enabled = seed.account_enabled.unwrap_or(true);
        user.must_change_password = seed.force_change_password_next_login;
        user.attributes = seed.attributes;
        user
    }

    /// An address is a sign-in name of a local account, and anybody else's
    /// contact.
    fn set_email(&mut self, email: Option<String>) {
        match (email, &self.password) {
            (Some(email), Some(_)) => {
                self.sign_in_names.insert("emailAddress".to_owned(), email);
            }
            (Some(email), None) => self.other_mails.insert(0, email),
            (None, _) => {}
        }
    }

    /// What is known as the person's address: the one to sign in with, else the
    /// first of the others.
    pub(crate) fn email(&self) -> Option<&str> {
        let own = self.sign_in_names.get("emailAddress");
        own.or_else(|| self.other_mails.first()).map(String::as_str)
    }

    pub(crate) fn federated(&self) -> Option<&FederatedIdentity> {
        self.identities.first()
    }

    /// Whatever the case of its name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Value> {
        let exact = self.attributes.get(name);
        let found = || {
            let mut all = self.attributes.iter();
            all.find(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        exact.or_else(|| found().map(|(_, value)| value))
    }

    /// Under the name it has already, where only the case differs.
    pub(crate) fn set_attribute(&mut self, name: &str, value: Value) {
        let mut known = self.attributes.keys();
        let known = known.find(|own| own.eq_ignore_ascii_case(name)).cloned();
        let name = known.unwrap_or_else(|| name.to_owned());
        self.attributes.insert(name, value);
    }

    pub(crate) fn remove_attribute(&mut self, name: &str) {
        self.attributes
            .retain(|own, _| !own.eq_ignore_ascii_case(name));
    }

    /// Tokens from before are no longer good, and nobody has to change it again.
    pub(crate) fn set_password(&mut self, password: String, now: i64) {
        self.former_password = self.password.replace(password);
        self.must_change_password = false;
        self.tokens_valid_from = now;
    }
}

/// An account as state files of version 1 hold it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserOfVersion1 {
    object_id: Uuid,
    created: i64,
    email: Option<String>,
    password: Option<String>,
    federated: Option<FederatedIdentity>,
    attributes: BTreeMap<String, Value>,
}

impl From<UserOfVersion1> for User {
    fn from(old: UserOfVersion1) -> Self {
        let mut user = Self::new(old.object_id, old.created);
        user.password = old.password;
        user.set_email(old.email);
        user.identities = old.federated.into_iter().collect();
        user.attributes = old.attributes;
        user
    }
}

/// The usual spelling of a kind of sign-in name.
pub(crate) fn sign_in_kind(kind: &str) -> &str {
    let mut usual = ["emailAddress", "userName", "phoneNumber"].into_iter();
    usual
        .find(|usual| usual.eq_ignore_ascii_case(kind))
        .unwrap_or(kind)
}

/// `{"type":6,"identityProvider":"facebook.com","key":"MTIzNDU="}` of
/// `alternativeSecurityId`, or `{"issuer":"facebook.com",
/// "issuerUserId":"MTIzNDU="}` of the collections ("Social accounts claims
/// transformations"), or a list of them.
pub(crate) fn parse_identities(text: &str) -> Vec<FederatedIdentity> {
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => items.iter().filter_map(parse_identity).collect(),
        Ok(Value::String(text)) => parse_identities(&text),
        Ok(one) => parse_identity(&one).into_iter().collect(),
        Err(_) => Vec::new(),
    }
}

fn parse_identity(value: &Value) -> Option<FederatedIdentity> {
    let text = |names: [&str; 2]| {
        let mut found = names
            .into_iter()
            .filter_map(|name| value.get(name)?.as_str());
        found.next().filter(|text| !text.is_empty())
    };
    if let Value::String(text) = value {
        return parse_identities(text).into_iter().next();
    }
    Some(FederatedIdentity {
        issuer: text(["identityProvider", "issuer"])?.to_owned(),
        subject: decoded(text(["key", "issuerUserId"])?),
    })
}

/// The ids of people travel in Base64. One that does not read as that is taken
/// as it is.
fn decoded(subject: &str) -> String {
    let bytes = STANDARD.decode(subject).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_plain = |text: &String| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    text.filter(is_plain).unwrap_or_else(|| subject.to_owned())
}

/// As an item of `alternativeSecurityIds` and `userIdentities`.
pub(crate) fn identity_json(identity: &FederatedIdentity) -> Value {
    json!({
        "issuer": identity.issuer,
        "issuerUserId": STANDARD.encode(&identity.subject),
    })
}
