//! Who calls for a tenant of B2C: HTTP Basic, a bearer token, an API key, a client certificate;
//! checked before any of the body is read.
//!
//! Every method keeps several credentials with an end each, so that one can
//! be rolled while the other still counts. Nothing that a caller can see or
//! measure tells a wrong credential from an unknown tenant; the log does.

mod certificate;
mod proxy;
mod roster;
mod secret;

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use time::OffsetDateTime;

use super::Connectors;
use crate::domain::tenant::{Platform, Tenant};

pub use certificate::{
    Accepted, Authority, AuthorityError, CertificateCredential, ClientCertificate, Fingerprint,
    Peer,
};
pub use proxy::{Network, Proxy};
pub use roster::Roster;
pub use secret::{BasicCredential, SharedSecret};

use secret::Presented;

/// The header that carries an API key unless the tenant names another one.
pub const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// A way to prove who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Basic,
    Bearer,
    ApiKey,
    Certificate,
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Basic, Self::Bearer, Self::ApiKey, Self::Certificate];

    /// As in the settings, in the log and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
            Self::Certificate => "certificate",
        }
    }
}

/// Who may speak for one tenant, as the settings say.
#[derive(Clone, Debug)]
pub struct Callers {
    pub basic: Vec<BasicCredential>,
    pub bearer: Vec<SharedSecret>,
    pub api_keys: Vec<SharedSecret>,
    pub api_key_header: HeaderName,
    pub certificates: Vec<CertificateCredential>,
    /// All of these must fit. Empty: any one method is enough.
    pub require: BTreeSet<Method>,
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            basic: Vec::new(),
            bearer: Vec::new(),
            api_keys: Vec::new(),
            api_key_header: API_KEY_HEADER,
            certificates: Vec::new(),
            require: BTreeSet::new(),
        }
    }
}

impl From<Vec<BasicCredential>> for Callers {
    fn from(basic: Vec<BasicCredential>) -> Self {
        Self {
            basic,
            ..Self::default()
        }
    }
}

/// The caller presented none of the tenant's credentials, or there is no such
/// tenant: both are told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// The tenant in whose name the caller speaks. A refusal is written to the
/// log and counted here.
pub fn identify(
    request: &HttpRequest,
    tenant: &str,
    connectors: &Connectors,
    now: OffsetDateTime,
) -> Result<Arc<Tenant>, Unknown> {
    let found = connectors.directory.tenant(tenant);
    let roster = connectors.callers.get(tenant).unwrap_or(Roster::nobody());
    let proxy = connectors.proxy.as_ref();
    let presented = Presented::by(request, roster.api_key_header(), proxy, now);
    let decided = roster.decide(&presented, now);
    let method = decided
        .err()
        .and_then(|(method, _)| method)
        .map_or("none", Method::as_str);
    match (decided, found) {
        (Ok(()), Some(tenant)) if tenant.platform == Platform::B2c => Ok(Arc::clone(tenant)),
        (Ok(()), Some(tenant)) => Err(refuse(&tenant.name, method, "another platform")),
        (Err((_, reason)), Some(tenant)) => Err(refuse(&tenant.name, method, reason.as_str())),
        // The name is the caller's own text, and is not repeated.
        (_, None) => Err(refuse("unknown", method, "unknown tenant")),
    }
}

impl Callers {
    /// When each of the credentials ends, if ever.
    pub fn ends(&self) -> impl Iterator<Item = Option<OffsetDateTime>> {
        let basic = self.basic.iter().map(|credential| credential.not_after);
        let secrets = self.bearer.iter().chain(&self.api_keys);
        let certificates = self.certificates.iter();
        basic
            .chain(secrets.map(|secret| secret.not_after))
            .chain(certificates.map(|certificate| certificate.not_after))
    }
}

/// One line and one count for each refusal, with nothing that was presented.
pub(super) fn refuse(tenant: &str, method: &'static str, reason: &'static str) -> Unknown {
    tracing::warn!(tenant, method, reason, "a caller was refused");
    metrics::counter!(
        "idlink_callers_refused_total",
        "tenant" => tenant.to_owned(),
        "method" => method,
        "reason" => reason
    )
    .increment(1);
    Unknown
}
