//! Who calls: HTTP Basic, a bearer token, an API key, a client certificate;
//! checked before any of the body is read.
//!
//! Every method keeps several credentials with an end each, so that one can
//! be rolled while the other still counts. Nothing that a caller can see or
//! measure tells a wrong credential from an unknown tenant; the log does.

mod certificate;
mod proxy;
mod secret;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use time::OffsetDateTime;

use super::Connectors;
use crate::domain::tenant::Tenant;

pub use certificate::{
    Accepted, Authority, AuthorityError, CertificateCredential, ClientCertificate, Fingerprint,
    Peer,
};
pub use proxy::{Network, Proxy};
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

/// Who may speak for one tenant.
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

/// Why a method does not speak for the caller: for the log, never for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// Nothing was presented.
    Missing,
    /// Repeated, or not in the method's own form.
    Malformed,
    /// None of the tenant's.
    Wrong,
    /// One of the tenant's, past its `not_after`.
    Ended,
    /// The certificate's own time has not come.
    NotYetValid,
    /// The certificate's own time is over.
    Expired,
    /// The certificate was not issued for clients.
    Purpose,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Ended => "ended",
            Self::NotYetValid => "not yet valid",
            Self::Expired => "expired",
            Self::Purpose => "wrong purpose",
        }
    }
}

type Verdict = Result<(), Reason>;

/// The tenant in whose name the caller speaks. A refusal is written to the
/// log and counted here.
pub fn identify(
    request: &HttpRequest,
    tenant: &str,
    connectors: &Connectors,
    now: OffsetDateTime,
) -> Result<Arc<Tenant>, Unknown> {
    let found = connectors.directory.tenant(tenant);
    let callers = connectors.callers.get(tenant).unwrap_or(&NOBODY);
    let presented = Presented::by(request, callers, connectors.proxy.as_ref(), now);
    let verdicts = callers.judge(&presented, now);
    let decided = callers.decide(verdicts);
    let method = decided
        .err()
        .and_then(|(method, _)| method)
        .map_or("none", Method::as_str);
    match (decided, found) {
        (Ok(()), Some(tenant)) => Ok(Arc::clone(tenant)),
        (Err((_, reason)), Some(tenant)) => Err(refuse(&tenant.name, method, reason.as_str())),
        // The name is the caller's own text, and is not repeated.
        (_, None) => Err(refuse("unknown", method, "unknown tenant")),
    }
}

/// What unknown tenants are compared with, so that asking for one takes the
/// same time: two of everything, as while credentials are exchanged.
static NOBODY: LazyLock<Callers> = LazyLock::new(|| {
    let secret = || SharedSecret {
        secret: secret::unguessable(),
        not_after: None,
    };
    let basic = || BasicCredential {
        username: "nobody".to_owned(),
        password: secret::unguessable(),
        not_after: None,
    };
    Callers {
        basic: vec![basic(), basic()],
        bearer: vec![secret(), secret()],
        api_keys: vec![secret(), secret()],
        ..Callers::default()
    }
});

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

    fn has(&self, method: Method) -> bool {
        match method {
            Method::Basic => !self.basic.is_empty(),
            Method::Bearer => !self.bearer.is_empty(),
            Method::ApiKey => !self.api_keys.is_empty(),
            Method::Certificate => !self.certificates.is_empty(),
        }
    }

    /// Every method is judged, whichever fits: the time that a refusal takes
    /// tells nothing about them.
    fn judge(&self, presented: &Presented, now: OffsetDateTime) -> [(Method, Verdict); 4] {
        Method::ALL.map(|method| {
            let verdict = match method {
                Method::Basic => secret::judge_basic(&self.basic, presented.basic(), now),
                Method::Bearer => secret::judge(&self.bearer, presented.bearer(), now),
                Method::ApiKey => secret::judge(&self.api_keys, presented.api_key(), now),
                Method::Certificate => {
                    certificate::judge(&self.certificates, presented.certificate(), now)
                }
            };
            (method, verdict)
        })
    }

    /// On a refusal, the method that the caller tried or should have tried.
    fn decide(&self, verdicts: [(Method, Verdict); 4]) -> Result<(), (Option<Method>, Reason)> {
        let failed = |(method, verdict): (Method, Verdict)| Some((method, verdict.err()?));
        let mut required = verdicts
            .into_iter()
            .filter(|(method, _)| self.require.contains(method));
        let any_fits = verdicts.iter().any(|(_, verdict)| verdict.is_ok());
        if let Some((method, reason)) = required.find_map(failed) {
            return Err((Some(method), reason));
        }
        if !self.require.is_empty() || any_fits {
            return Ok(());
        }
        let mut tried = verdicts
            .into_iter()
            .filter_map(failed)
            .filter(|(_, reason)| *reason != Reason::Missing);
        let own = tried.clone().find(|(method, _)| self.has(*method));
        let tried = own.or_else(|| tried.next());
        match tried {
            Some((method, reason)) => Err((Some(method), reason)),
            None => Err((None, Reason::Missing)),
        }
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
