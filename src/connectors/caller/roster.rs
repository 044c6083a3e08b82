//! Who may speak for one tenant, ready to be compared with.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use actix_web::http::header::HeaderName;
use time::OffsetDateTime;

use super::certificate::{self, CertificateCredential};
use super::secret::{self, Hashed, Presented};
use super::{Callers, Method};

/// Why a method does not speak for the caller: for the log, never for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
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
    pub(super) fn as_str(self) -> &'static str {
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

pub(super) type Verdict = Result<(), Reason>;

type Verdicts = [(Method, Verdict); 4];

/// Secrets of each kind that are compared at least: two more than rolling one
/// takes. What is missing is filled up with some that nobody has been told, so
/// that the time of a comparison tells nothing of how many there are.
const AT_LEAST: usize = 4;

/// A tenant's callers, without their secrets.
pub struct Roster {
    basic: Vec<Hashed>,
    bearer: Vec<Hashed>,
    api_keys: Vec<Hashed>,
    api_key_header: HeaderName,
    certificates: Vec<CertificateCredential>,
    /// The methods that the tenant has credentials for.
    methods: BTreeSet<Method>,
    require: BTreeSet<Method>,
}

impl From<&Callers> for Roster {
    fn from(callers: &Callers) -> Self {
        let methods = [
            (Method::Basic, callers.basic.is_empty()),
            (Method::Bearer, callers.bearer.is_empty()),
            (Method::ApiKey, callers.api_keys.is_empty()),
            (Method::Certificate, callers.certificates.is_empty()),
        ];
        Self {
            basic: filled_up(callers.basic.iter().map(Hashed::from)),
            bearer: filled_up(callers.bearer.iter().map(Hashed::from)),
            api_keys: filled_up(callers.api_keys.iter().map(Hashed::from)),
            api_key_header: callers.api_key_header.clone(),
            certificates: callers.certificates.clone(),
            methods: methods
                .into_iter()
                .filter_map(|(method, is_empty)| (!is_empty).then_some(method))
                .collect(),
            require: callers.require.clone(),
        }
    }
}

fn filled_up(known: impl Iterator<Item = Hashed>) -> Vec<Hashed> {
    let mut known: Vec<_> = known.collect();
    while known.len() < AT_LEAST {
        known.push(Hashed::of_nothing_known());
    }
    known
}

static NOBODY: LazyLock<Roster> = LazyLock::new(|| Roster::from(&Callers::default()));

impl Roster {
    /// What unknown tenants are compared with, so that asking for one takes
    /// the same way and time.
    pub(super) fn nobody() -> &'static Self {
        &NOBODY
    }

    pub(super) fn api_key_header(&self) -> &HeaderName {
        &self.api_key_header
    }

    /// Whether the caller may speak. If not, why, and by the method that they
    /// tried or should have tried.
    pub(super) fn decide(
        &self,
        presented: &Presented,
        now: OffsetDateTime,
    ) -> Result<(), (Option<Method>, Reason)> {
        let verdicts = self.judge(presented, now);
        if self.require.is_empty() {
            self.any_of(verdicts)
        } else {
            self.all_required_of(verdicts)
        }
    }

    /// Every method is judged, whichever fits: the time that a refusal takes
    /// tells nothing about them.
    fn judge(&self, presented: &Presented, now: OffsetDateTime) -> Verdicts {
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

    fn all_required_of(&self, verdicts: Verdicts) -> Result<(), (Option<Method>, Reason)> {
        let mut required = verdicts
            .into_iter()
            .filter(|(method, _)| self.require.contains(method));
        let failed = required.find_map(|(method, verdict)| Some((method, verdict.err()?)));
        match failed {
            Some((method, reason)) => Err((Some(method), reason)),
            None => Ok(()),
        }
    }

    fn any_of(&self, verdicts: Verdicts) -> Result<(), (Option<Method>, Reason)> {
        if verdicts.iter().any(|(_, verdict)| verdict.is_ok()) {
            return Ok(());
        }
        let mut tried = verdicts
            .into_iter()
            .filter_map(|(method, verdict)| Some((method, verdict.err()?)))
            .filter(|(_, reason)| *reason != Reason::Missing);
        let own = tried
            .clone()
            .find(|(method, _)| self.methods.contains(method));
        match own.or_else(|| tried.next()) {
            Some((method, reason)) => Err((Some(method), reason)),
            None => Err((None, Reason::Missing)),
        }
    }
}
