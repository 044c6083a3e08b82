//! Accounts that exist already: what each would get at its next sign-in.

use std::collections::BTreeMap;

use super::outcome::{Judge, number_of};
use super::population::Population;
use crate::domain::directory::Directory;
use crate::domain::feed::Freshness;
use crate::domain::identity::{LOCAL, Provider};
use crate::domain::matching::{Decision, NewCustomer, decide};
use crate::domain::site::Site;
use crate::domain::tenant::{MissingProvider, Tenant};
use crate::domain::trust::{Address, Claimed};
use crate::import::identity_rows::IdentityRecord;

/// How many accounts get what, by site.
#[derive(Clone, Debug, Default)]
pub struct IdentityTally {
    pub counts: BTreeMap<(String, &'static str), u64>,
    pub all: u64,
    /// Of an issuer that no tenant has.
    pub strangers: u64,
    /// Rows that say no account.
    pub unreadable: u64,
}

/// What an account gets at a site.
pub struct Got<'a> {
    pub site: &'a str,
    /// `link`, `create`, or the name of an error.
    pub outcome: &'static str,
    /// Whose customer it is linked to.
    pub number: Option<&'a str>,
}

impl IdentityTally {
    /// Counts an account; `each` is told what it gets at every site of its
    /// tenant.
    pub fn count<E>(
        &mut self,
        record: &IdentityRecord,
        population: &Population,
        directory: &Directory,
        judge: &Judge,
        mut each: impl FnMut(&Got<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.all += 1;
        let tenant = directory
            .tenants()
            .find(|tenant| tenant.issued(&record.issuer));
        let Some(tenant) = tenant else {
            self.strangers += 1;
            return each(&Got {
                site: "",
                outcome: "unknown_issuer",
                number: None,
            });
        };
        let address = address(record, tenant);
        for site in directory.sites() {
            let is_asked = population.entities().contains(&site.legal_entity);
            if site.tenant != tenant.name || !is_asked {
                continue;
            }
            let got = at_site(&address, site, population, judge);
            *self
                .counts
                .entry((site.name.clone(), got.outcome))
                .or_default() += 1;
            each(&got)?;
        }
        Ok(())
    }
}

fn address(record: &IdentityRecord, tenant: &Tenant) -> Address {
    let provider = match record.provider.as_deref() {
        Some(LOCAL) => Provider::local(),
        Some(other) => Provider::federated(other),
        None => match tenant.missing_idp {
            MissingProvider::Local => Provider::local(),
            MissingProvider::Unverified => Provider::unknown(),
        },
    };
    let claimed = match record.is_verified {
        Some(false) => Claimed::Disowned,
        Some(true) | None => Claimed::Plain,
    };
    Address::weigh(record.email.as_deref(), claimed, &provider, &tenant.trust)
}

fn at_site<'a>(
    address: &Address,
    site: &'a Site,
    population: &'a Population,
    judge: &Judge,
) -> Got<'a> {
    let (decision, group) = match address {
        Address::Proven(email) => {
            let group = population.with_address(&site.legal_entity, email);
            (judge.decide(group, &site.rules), group)
        }
        Address::Claimed(_) | Address::NotComparable | Address::Missing => {
            (decide(address, &[], Freshness::Fresh, &site.rules), &[][..])
        }
    };
    Got {
        site: &site.name,
        outcome: match &decision {
            Decision::Link(..) => "link",
            Decision::Create(NewCustomer::Proven) => "create",
            Decision::Create(NewCustomer::Separate) => "create_separate",
            Decision::Refuse(refusal) => refusal.name(),
        },
        number: number_of(&decision, group, population),
    }
}
