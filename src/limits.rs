//! How much one tenant, and one e-mail address of it, may ask at a time. Over
//! it, people are told what they are told in an outage: to try again later.
//!
//! Counted by credential and by person, never by the network address of the
//! caller: a platform has many of those and changes them (contracts.md §6).

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::trust::Address;

/// Addresses that are remembered for each tenant, some 10 MB. Beyond it, new
/// ones fall under the tenant's own limit only.
const MOST_ADDRESSES: usize = 100_000;

/// How often those are forgotten that have been quiet.
const SWEEPS_A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);

/// What a tenant may ask; `None` is as much as it likes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    pub per_second: Option<NonZeroU32>,
    pub per_address_per_minute: Option<NonZeroU32>,
    pub in_flight: Option<NonZeroU32>,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    Tenant,
    Address,
    InFlight,
}

impl Exceeded {
    /// As in metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Address => "address",
            Self::InFlight => "in_flight",
        }
    }

    /// Whether somebody asked too often. Requests pile up for another reason:
    /// the store is slow, which is an outage.
    pub fn is_askers_doing(self) -> bool {
        match self {
            Self::Tenant | Self::Address => true,
            Self::InFlight => false,
        }
    }

    /// For the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Tenant => "the tenant asks more often than it may",
            Self::Address => "this address is asked about more often than it may be",
            Self::InFlight => "too many of the tenant's requests are under way",
        }
    }
}

/// Leave to go on, until it is dropped.
#[must_use = "a request is under way for as long as this is kept"]
pub struct Admitted(
    #[expect(dead_code, reason = "dropped at the end")] Option<OwnedSemaphorePermit>,
);

/// The limits of all tenants. Cheap to clone; tenants without any, and those
/// that nobody has set limits for, may ask as much as they like.
#[derive(Clone, Default)]
pub struct Limits(Arc<ArcSwap<BTreeMap<String, Arc<Tenant>>>>);

impl Limits {
    /// Puts new limits in place. A tenant whose quotas stay keeps its counts.
    pub fn set(&self, quotas: &BTreeMap<String, Quotas>) {
        let before = self.0.load_full();
        let tenants = quotas.iter().map(|(name, quotas)| {
            let tenant = match before.get(name) {
                Some(tenant) if tenant.quotas == *quotas => Arc::clone(tenant),
                _ => Arc::new(Tenant::new(quotas.clone())),
            };
            (name.clone(), tenant)
        });
        self.0.store(Arc::new(tenants.collect()));
    }

    /// Counts a request, or refuses it.
    pub fn admit(&self, tenant: &str, address: &Address) -> Result<Admitted, Exceeded> {
        let tenants = self.0.load();
        let Some(limits) = tenants.get(tenant) else {
            return Ok(Admitted(None));
        };
        limits.admit(address).inspect_err(|exceeded| {
            metrics::counter!(
                "idlink_limited_total",
                "tenant" => tenant.to_owned(),
                "limit" => exceeded.as_str()
            )
            .increment(1);
        })
    }
}

/// The counts of one tenant.
struct Tenant {
    quotas: Quotas,
    requests: Option<DefaultDirectRateLimiter>,
    addresses: Option<Addresses>,
    in_flight: Option<Arc<Semaphore>>,
}

impl Tenant {
    fn new(quotas: Quotas) -> Self {
        let permits = |most: NonZeroU32| usize::try_from(most.get()).unwrap_or(usize::MAX);
        Self {
            requests: quotas
                .per_second
                .map(|most| RateLimiter::direct(Quota::per_second(most))),
            addresses: quotas.per_address_per_minute.map(Addresses::new),
            in_flight: quotas
                .in_flight
                .map(|most| Arc::new(Semaphore::new(permits(most).min(Semaphore::MAX_PERMITS)))),
            quotas,
        }
    }

    fn admit(&self, address: &Address) -> Result<Admitted, Exceeded> {
        if let Some(requests) = &self.requests {
            requests.check().map_err(|_| Exceeded::Tenant)?;
        }
        if let Some(addresses) = &self.addresses {
            addresses.check(address)?;
        }
        let permit = match &self.in_flight {
            Some(in_flight) => Some(
                Arc::clone(in_flight)
                    .try_acquire_owned()
                    .map_err(|_| Exceeded::InFlight)?,
            ),
            None => None,
        };
        Ok(Admitted(permit))
    }
}

/// Counts by address, without keeping one: only digests of canonical forms.
struct Addresses {
    counts: DefaultKeyedRateLimiter<[u8; 32]>,
    sweeps: DefaultDirectRateLimiter,
}

impl Addresses {
    fn new(most: NonZeroU32) -> Self {
        Self {
            counts: RateLimiter::hashmap(Quota::per_minute(most)),
            sweeps: RateLimiter::direct(Quota::per_minute(SWEEPS_A_MINUTE)),
        }
    }

    /// Whoever only claims an address is counted apart: anybody may claim it,
    /// and must not shut out the person who proves it.
    fn check(&self, address: &Address) -> Result<(), Exceeded> {
        let Some(email) = address.email() else {
            return Ok(());
        };
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&[u8::from(matches!(address, Address::Proven(_)))]);
        context.update(email.canonical().as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        if self.sweeps.check().is_ok() {
            self.counts.retain_recent();
            self.counts.shrink_to_fit();
        }
        if self.counts.len() >= MOST_ADDRESSES {
            return Ok(());
        }
        self.counts.check_key(&key).map_err(|_| Exceeded::Address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::email::Email;

    fn limits(per_second: u32, per_address: u32, in_flight: u32) -> Limits {
        let limits = Limits::default();
        limits.set(&quotas(per_second, per_address, in_flight));
        limits
    }

    fn quotas(per_second: u32, per_address: u32, in_flight: u32) -> BTreeMap<String, Quotas> {
        let quotas = Quotas {
            per_second: NonZeroU32::new(per_second),
            per_address_per_minute: NonZeroU32::new(per_address),
            in_flight: NonZeroU32::new(in_flight),
        };
        [("contoso".to_owned(), quotas)].into()
    }

    fn proven(text: &str) -> Address {
        Address::Proven(Email::parse(text).unwrap())
    }

    fn outcome(limits: &Limits, tenant: &str, address: &str) -> Option<Exceeded> {
        limits.admit(tenant, &proven(address)).err()
    }

    #[test]
    fn one_address_in_any_spelling_is_one_and_the_next_is_another() {
        let limits = limits(0, 2, 0);
        assert_eq!(outcome(&limits, "contoso", "ada@example.org"), None);
        assert_eq!(outcome(&limits, "contoso", " Ada@EXAMPLE.org"), None);
        let third = outcome(&limits, "contoso", "ada@example.org");
        assert_eq!(third, Some(Exceeded::Address));
        assert_eq!(outcome(&limits, "contoso", "bob@example.org"), None);
        assert!(
            limits.admit("contoso", &Address::Missing).is_ok(),
            "without an address"
        );
        assert_eq!(outcome(&limits, "fabrikam", "ada@example.org"), None);
    }

    #[test]
    fn a_tenants_requests_are_counted_together() {
        let limits = limits(3, 0, 0);
        let outcomes: Vec<_> = (0..4)
            .map(|n| outcome(&limits, "contoso", &format!("{n}@example.org")))
            .collect();
        assert_eq!(outcomes, [None, None, None, Some(Exceeded::Tenant)]);
    }

    #[test]
    fn a_request_under_way_makes_room_when_it_ends() {
        let limits = limits(0, 0, 1);
        let first = limits.admit("contoso", &Address::Missing);
        assert!(first.is_ok());
        assert_eq!(
            limits.admit("contoso", &Address::Missing).err(),
            Some(Exceeded::InFlight)
        );
        drop(first);
        assert!(limits.admit("contoso", &Address::Missing).is_ok());
    }

    #[test]
    fn settings_that_stay_keep_their_counts_and_new_ones_begin_anew() {
        let limits = limits(0, 1, 0);
        assert_eq!(outcome(&limits, "contoso", "ada@example.org"), None);
        limits.set(&quotas(0, 1, 0));
        let again = outcome(&limits, "contoso", "ada@example.org");
        assert_eq!(again, Some(Exceeded::Address));
        limits.set(&quotas(0, 2, 0));
        assert_eq!(outcome(&limits, "contoso", "ada@example.org"), None);
        limits.set(&BTreeMap::new());
        assert_eq!(outcome(&limits, "contoso", "ada@example.org"), None);
    }

    #[test]
    fn memory_is_bounded_and_the_crowd_goes_uncounted() {
        let limits = limits(0, 1, 0);
        for n in 0..MOST_ADDRESSES + 10 {
            assert_eq!(
                outcome(&limits, "contoso", &format!("{n}@example.org")),
                None
            );
        }
        let tenants = limits.0.load();
        let addresses = tenants["contoso"].addresses.as_ref();
        assert!(addresses.is_some_and(|a| a.counts.len() <= MOST_ADDRESSES));
    }
}
