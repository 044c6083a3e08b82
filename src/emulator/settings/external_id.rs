//! An External ID user flow, its custom authentication extensions and what of
//! them goes into tokens.

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::{Attribute, Provider, RetryOn};
use crate::emulator::{
    entra::CallerToken,
    external_id::{EventKind, Shape},
};

/// A "sign up and sign in" user flow of an external tenant. An application
/// belongs to one flow at most.
#[derive(Clone)]
pub struct ExternalIdFlow {
    pub name: String,
    /// Client ids.
    pub applications: Vec<String>,
    /// Collected at sign-up, persisted.
    pub attributes: Vec<Attribute>,
    /// Upstream identity providers, each played by a stub page.
    pub providers: Vec<Provider>,
    pub local: LocalMethod,
    pub extensions: Extensions,
    /// The claims-mapping policy of the flow's applications, source
    /// `CustomClaimsProvider`.
    pub claims: Vec<MappedClaim>,
}

impl ExternalIdFlow {
    /// Email with password, two social providers, the name as the attribute.
    pub fn new(name: &str, applications: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            applications: applications.iter().map(|id| (*id).to_owned()).collect(),
            attributes: vec![
                Attribute::new("displayName").required(),
                Attribute::new("givenName"),
                Attribute::new("surname"),
            ],
            providers: vec![
                Provider::new("google.com", "Google"),
                Provider::new("facebook.com", "Facebook"),
            ],
            local: LocalMethod::default(),
            extensions: Extensions::default(),
            claims: Vec::new(),
        }
    }
}

/// How people with an account of the tenant's own prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalMethod {
    #[default]
    EmailWithPassword,
    EmailOneTimePasscode,
    /// Only social providers are offered.
    None,
}

/// The custom authentication extensions of a flow, by event.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Extensions {
    pub on_attribute_collection_start: Option<Extension>,
    pub on_attribute_collection_submit: Option<Extension>,
    pub on_token_issuance_start: Option<Extension>,
}

impl Extensions {
    /// The same extension for all three events.
    pub fn all(extension: &Extension) -> Self {
        Self {
            on_attribute_collection_start: Some(extension.clone()),
            on_attribute_collection_submit: Some(extension.clone()),
            on_token_issuance_start: Some(extension.clone()),
        }
    }

    pub(in crate::emulator) fn of(&self, event: EventKind) -> Option<&Extension> {
        match event {
            EventKind::AttributeCollectionStart => self.on_attribute_collection_start.as_ref(),
            EventKind::AttributeCollectionSubmit => self.on_attribute_collection_submit.as_ref(),
            EventKind::TokenIssuanceStart => self.on_token_issuance_start.as_ref(),
            // The emulator sends its codes itself.
            EventKind::EmailOtpSend => None,
        }
    }

    /// What of them Graph would refuse.
    pub(in crate::emulator) fn fault(&self) -> Option<&'static str> {
        let all = [
            &self.on_attribute_collection_start,
            &self.on_attribute_collection_submit,
            &self.on_token_issuance_start,
        ];
        let mut faults = all.into_iter().flatten().filter_map(Extension::fault);
        faults.next()
    }
}

/// A custom authentication extension (Graph: `customAuthenticationExtension`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Extension {
    pub target_url: String,
    /// The token that its API is called with.
    pub token: CallerToken,
    /// `timeoutInMilliseconds`: 200 to 2000.
    pub time_limit_ms: u64,
    /// 0 or 1.
    pub maximum_retries: u32,
    pub retry_on: Vec<RetryOn>,
    pub shape: Shape,
    /// `claimsForTokenConfiguration`; none is a configuration that lists
    /// whatever comes.
    pub claims_for_token: Option<Vec<String>>,
    pub extension_id: Option<Uuid>,
    pub listener_id: Option<Uuid>,
}

impl Default for Extension {
    fn default() -> Self {
        Self {
            target_url: String::new(),
            token: CallerToken::default(),
            time_limit_ms: 1_000,
            maximum_retries: 1,
            retry_on: vec![RetryOn::Timeout, RetryOn::Connect],
            shape: Shape::Docs,
            claims_for_token: None,
            extension_id: None,
            listener_id: None,
        }
    }
}

impl Extension {
    pub fn at(target_url: &str) -> Self {
        Self {
            target_url: target_url.to_owned(),
            ..Self::default()
        }
    }

    fn fault(&self) -> Option<&'static str> {
        limits_fault(&self.target_url, self.time_limit_ms, self.maximum_retries)
    }
}

/// The limits of `endpointConfiguration` and `clientConfiguration`.
pub(in crate::emulator) fn limits_fault(
    target_url: &str,
    time_limit_ms: u64,
    maximum_retries: u32,
) -> Option<&'static str> {
    let faults = [
        (Url::parse(target_url).is_err(), "`target_url` is no URL"),
        (
            !(200..=2_000).contains(&time_limit_ms),
            "`time_limit_ms` is 200 to 2000",
        ),
        (maximum_retries > 1, "`maximum_retries` is 0 or 1"),
    ];
    let found = faults.into_iter().find(|(is_so, _)| *is_so);
    found.map(|(_, text)| text)
}

/// A claim of `tokenIssuanceStart` that tokens carry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedClaim {
    /// `ID`: as the extension spells it, case counts.
    pub id: String,
    /// `JwtClaimType`: as the token spells it.
    pub name: String,
}

impl MappedClaim {
    pub fn same(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
        }
    }
}

/// Claims that no mapping can put anything else into (the restricted claim
/// set), as far as the emulator's tokens have them.
const RESTRICTED: [&str; 20] = [
    "aio", "appid", "at_hash", "aud", "azp", "azpacr", "c_hash", "exp", "iat", "idp", "iss", "nbf",
    "nonce", "oid", "rh", "scp", "sub", "tid", "uti", "ver",
];

/// What does not fit among the flows; `applications` are the client ids that
/// are registered.
pub(in crate::emulator) fn fault(
    flows: &[ExternalIdFlow],
    applications: &[&str],
) -> Option<String> {
    let mut taken: Vec<(&str, &str)> = Vec::new();
    for flow in flows {
        let name = flow.name.as_str();
        if !is_name(name) {
            return Some(format!(
                "the External ID flow `{name}` is not called with letters, digits, `_` and `-` only"
            ));
        }
        if let Some(fault) = flow.extensions.fault() {
            return Some(format!(
                "an extension of the External ID flow `{name}`: {fault}"
            ));
        }
        if flow.local == LocalMethod::None && flow.providers.is_empty() {
            return Some(format!(
                "the External ID flow `{name}` has neither a local method nor a provider"
            ));
        }
        let is_restricted = |claim: &&MappedClaim| RESTRICTED.contains(&claim.name.as_str());
        if let Some(claim) = flow.claims.iter().find(is_restricted) {
            return Some(format!(
                "the External ID flow `{name}` maps a claim to `{}`, which is restricted",
                claim.name
            ));
        }
        for client_id in &flow.applications {
            if !applications.contains(&client_id.as_str()) {
                return Some(format!(
                    "the External ID flow `{name}` names the application `{client_id}`, which is \
                     not registered"
                ));
            }
            if let Some((_, other)) = taken.iter().find(|(own, _)| own == client_id) {
                return Some(format!(
                    "the application `{client_id}` is in the External ID flows `{other}` and \
                     `{name}`: one is the limit"
                ));
            }
            taken.push((client_id, name));
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.bytes().all(is_plain)
}
