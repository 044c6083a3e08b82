//! What a profile proves itself with: `AuthenticationType`, and the policy keys
//! that it needs for it.

use std::fmt;

use secrecy::ExposeSecret;

use super::failures::Refusal;
use crate::{
    emulator::{
        ClientCertificate, PolicyAuthentication, PolicyKey,
        engine::{program::Program, trace::Place},
        policy_keys::PolicyKeys,
    },
    policy::view::TechnicalProfile,
};

/// `AuthenticationType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    None,
    Basic,
    Bearer,
    ClientCertificate,
    ApiKeyHeader,
}

impl Kind {
    pub(super) fn of(profile: &TechnicalProfile<'_>) -> Result<Self, Refusal> {
        let key = "AuthenticationType";
        let written = profile
            .metadata(key)
            .ok_or_else(|| Refusal::no_metadata(profile.id(), key))?;
        Ok(match written.trim().to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "basic" => Self::Basic,
            "bearer" => Self::Bearer,
            "clientcertificate" => Self::ClientCertificate,
            "apikeyheader" => Self::ApiKeyHeader,
            _ => {
                let text = format!(
                    "Profile '{}' contains the unsupported authentication type '{written}'. \
                     Expected one of 'None', 'Basic', 'Bearer', 'ClientCertificate' or \
                     'ApiKeyHeader'.",
                    profile.id()
                );
                return Err(Refusal::new("AADB2C90024", text));
            }
        })
    }
}

/// A key that a profile needs and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingKey {
    /// The `Key`'s id.
    pub(crate) id: String,
    /// Its `StorageReferenceId`.
    pub(crate) container: Option<String>,
    pub(crate) why: WhyMissing,
    pub(crate) place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhyMissing {
    /// The profile has no such `Key`.
    NotStated,
    /// The tenant has no such container.
    NotInTenant,
    /// A text where a certificate is needed, or the other way round.
    WrongKind,
}

impl fmt::Display for MissingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.id;
        let container = self.container.as_deref().unwrap_or_default();
        match self.why {
            WhyMissing::NotStated => write!(
                f,
                "CryptographicKeys has no Key '{id}' with a StorageReferenceId: add it to the \
                 technical profile"
            ),
            WhyMissing::NotInTenant => write!(
                f,
                "the policy key '{container}' (Key '{id}') is not there: add it to the emulator's \
                 policy keys"
            ),
            WhyMissing::WrongKind => write!(
                f,
                "the policy key '{container}' (Key '{id}') is of the wrong kind: a client \
                 certificate needs a certificate with its key, everything else a secret text"
            ),
        }
    }
}

/// The keys of a profile, in the order in which they are needed.
enum Key {
    Text { id: String, secret: String },
    Certificates(Vec<ClientCertificate>),
}

fn found(
    program: &Program,
    profile: &TechnicalProfile<'_>,
    kind: Kind,
    keys: &PolicyKeys,
) -> (Vec<Key>, Vec<MissingKey>) {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for id in needed(profile, kind) {
        let element = profile.keys().find(|key| {
            let own = key.value("Id");
            own.is_some_and(|own| own.eq_ignore_ascii_case(&id))
        });
        let container = profile.key(&id);
        let why = match (container, container.and_then(|name| keys.get(name)), kind) {
            (None, _, _) => WhyMissing::NotStated,
            (Some(_), None, _) => WhyMissing::NotInTenant,
            (_, Some(PolicyKey::Certificates(certificates)), Kind::ClientCertificate) => {
                found.push(Key::Certificates(certificates.clone()));
                continue;
            }
            (_, Some(PolicyKey::Certificates(_)), _)
            | (_, Some(PolicyKey::Secret(_)), Kind::ClientCertificate) => WhyMissing::WrongKind,
            (_, Some(PolicyKey::Secret(secret)), _) => {
                let secret = secret.expose_secret().to_owned();
                found.push(Key::Text { id, secret });
                continue;
            }
        };
        missing.push(MissingKey {
            container: container.map(str::to_owned),
            why,
            place: program.place(element.unwrap_or(profile.element)),
            id,
        });
    }
    (found, missing)
}

/// Ids of the `Key` elements that the type wants.
fn needed(profile: &TechnicalProfile<'_>, kind: Kind) -> Vec<String> {
    match kind {
        Kind::None => Vec::new(),
        Kind::Basic => vec![
            "BasicAuthenticationUsername".to_owned(),
            "BasicAuthenticationPassword".to_owned(),
        ],
        Kind::Bearer if profile.metadata("UseClaimAsBearerToken").is_some() => Vec::new(),
        Kind::Bearer => vec!["BearerAuthenticationToken".to_owned()],
        Kind::ClientCertificate => vec!["ClientCertificate".to_owned()],
        // The id is the header's name; "only one key" is supported.
        Kind::ApiKeyHeader => {
            let header = profile.keys().find_map(|key| key.value("Id"));
            vec![header.unwrap_or("the header's name").to_owned()]
        }
    }
}

/// What the profile proves itself with, as far as its keys go: a bearer token
/// out of a claim is the caller's to find.
pub(super) fn authentication(
    program: &Program,
    profile: &TechnicalProfile<'_>,
    kind: Kind,
    keys: &PolicyKeys,
) -> Result<PolicyAuthentication, Vec<MissingKey>> {
    let (found, missing) = found(program, profile, kind, keys);
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut found = found.into_iter();
    let (first, second) = (found.next(), found.next());
    Ok(match (kind, first, second) {
        (
            Kind::Basic,
            Some(Key::Text { secret, .. }),
            Some(Key::Text {
                secret: password, ..
            }),
        ) => PolicyAuthentication::Basic {
            username: secret,
            password,
        },
        (Kind::Bearer, Some(Key::Text { secret, .. }), _) => {
            PolicyAuthentication::Bearer { token: secret }
        }
        (Kind::ApiKeyHeader, Some(Key::Text { id, secret }), _) => {
            PolicyAuthentication::ApiKeyHeader {
                name: id,
                value: secret,
            }
        }
        (Kind::ClientCertificate, Some(Key::Certificates(certificates)), _) => {
            PolicyAuthentication::ClientCertificate { certificates }
        }
        _ => PolicyAuthentication::None,
    })
}

/// What the application is told of keys that are missing.
pub(super) fn refusal(
    program: &Program,
    profile: &TechnicalProfile<'_>,
    kind: Kind,
    tenant: &str,
    missing: &MissingKey,
) -> Refusal {
    let id = profile.id();
    match (kind, missing.why) {
        (Kind::Basic, _) => Refusal::basic_credentials(id),
        (Kind::ClientCertificate, _) => Refusal::certificate(id),
        (Kind::None | Kind::Bearer | Kind::ApiKeyHeader, WhyMissing::NotStated) => Refusal::new(
            "AADB2C90025",
            format!(
                "Profile '{id}' in policy '{}' in tenant '{tenant}' does not contain the required \
                 cryptographic key '{}'.",
                program.id, missing.id
            ),
        ),
        (
            Kind::None | Kind::Bearer | Kind::ApiKeyHeader,
            WhyMissing::NotInTenant | WhyMissing::WrongKind,
        ) => Refusal::new(
            "AADB2C90019",
            format!(
                "The key container with ID '{}' in tenant '{tenant}' does not have a valid key. \
                 Reason: {missing}.",
                missing.container.as_deref().unwrap_or_default()
            ),
        ),
    }
}
