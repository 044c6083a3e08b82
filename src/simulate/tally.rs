//! Everything counted: by site, by legal entity, by size of groups.

use std::sync::Arc;

use super::SimulateError;
use super::outcome::{AddressOutcome, Judge, Outcome, Outcomes};
use super::population::{Person, Population};
use crate::domain::customer::{CustomerType, LegalEntity};
use crate::domain::site::Site;

/// The distinct addresses of a site's legal entity, by what each would get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    pub link: u64,
    pub ambiguous: u64,
    pub unknown: u64,
    pub refused: u64,
}

impl Addresses {
    fn count(&mut self, outcome: AddressOutcome) {
        match outcome {
            AddressOutcome::Link => self.link += 1,
            AddressOutcome::Ambiguous => self.ambiguous += 1,
            AddressOutcome::Unknown => self.unknown += 1,
            AddressOutcome::Refused => self.refused += 1,
        }
    }

    pub fn all(&self) -> u64 {
        self.link + self.ambiguous + self.unknown + self.refused
    }
}

/// What becomes of the customers of a legal entity at one site.
#[derive(Clone, Debug)]
pub struct SiteTally {
    pub site: Arc<Site>,
    pub customers: Outcomes,
    pub addresses: Addresses,
}

/// The sizes of groups that are counted apart, with their words.
pub const SIZES: [&str; 6] = ["2", "3", "4", "5", "6 to 10", "11 and more"];

/// A legal entity by itself.
#[derive(Clone, Debug)]
pub struct EntityTally {
    pub entity: LegalEntity,
    pub customers: u64,
    pub unreadable: u64,
    /// Addresses that several active persons of one type share, by how many,
    /// and those persons.
    pub shared: [(u64, u64); SIZES.len()],
}

/// The result.
#[derive(Clone, Debug)]
pub struct Tally {
    pub sites: Vec<SiteTally>,
    /// How many customers get what at some site, each counted once for an
    /// outcome, however many sites sell for its legal entity.
    pub anywhere: Outcomes,
    pub entities: Vec<EntityTally>,
}

impl Tally {
    /// Counts a settled population at the sites of its legal entities. `fix` is
    /// told of every customer whose record somebody should look at, with the
    /// place of the first one that has the same address.
    pub fn count(
        population: &Population,
        sites: impl IntoIterator<Item = Arc<Site>>,
        judge: &Judge,
        mut fix: impl FnMut(&Person, Outcome, Option<&Person>) -> Result<(), SimulateError>,
    ) -> Result<Self, SimulateError> {
        let entities = population.entities();
        let mut tally = Self {
            anywhere: Outcomes::default(),
            sites: sites
                .into_iter()
                .filter(|site| entities.contains(&site.legal_entity))
                .map(|site| SiteTally {
                    site,
                    customers: Outcomes::default(),
                    addresses: Addresses::default(),
                })
                .collect(),
            entities: entities
                .iter()
                .enumerate()
                .map(|(place, entity)| EntityTally {
                    entity: entity.clone(),
                    customers: 0,
                    unreadable: population
                        .unreadable
                        .get(place)
                        .copied()
                        .unwrap_or_default(),
                    shared: Default::default(),
                })
                .collect(),
        };
        tally.sites.sort_by(|a, b| {
            (&a.site.legal_entity, &a.site.name).cmp(&(&b.site.legal_entity, &b.site.name))
        });
        let mut worst: Vec<Option<Outcome>> = Vec::new();
        let mut got: Vec<Vec<Outcome>> = Vec::new();
        for group in population.groups() {
            let Some(place) = group.first().map(Person::entity) else {
                continue;
            };
            if let Some(entity) = tally.entities.get_mut(place) {
                entity.count(group);
            }
            worst.clear();
            worst.resize(group.len(), None);
            got.iter_mut().for_each(Vec::clear);
            got.resize(group.len().max(got.len()), Vec::new());
            tally.count_at_sites(population, group, judge, &mut worst, &mut got);
            for (person, outcome) in group.iter().zip(&worst) {
                if let Some(outcome) = outcome {
                    let first = group.first().filter(|_| *outcome == Outcome::Shared);
                    fix(person, *outcome, first)?;
                }
            }
        }
        Ok(tally)
    }

    fn count_at_sites(
        &mut self,
        population: &Population,
        group: &[Person],
        judge: &Judge,
        worst: &mut [Option<Outcome>],
        got: &mut [Vec<Outcome>],
    ) {
        let entity = group.first().map(Person::entity);
        let entity = entity.and_then(|place| population.entities().get(place));
        for site in &mut self.sites {
            if Some(&site.site.legal_entity) != entity {
                continue;
            }
            let mut at = 0;
            let address = judge.judge(group, &site.site.rules, |_, outcome| {
                site.customers.count(outcome);
                if let Some(got) = got.get_mut(at)
                    && !got.contains(&outcome)
                {
                    got.push(outcome);
                    self.anywhere.count(outcome);
                }
                if let Some(slot) = worst.get_mut(at)
                    && outcome.is_to_fix()
                {
                    *slot = Some(outcome);
                }
                at += 1;
            });
            if let Some(outcome) = address {
                site.addresses.count(outcome);
            }
        }
    }

    pub fn customers(&self) -> u64 {
        self.entities.iter().map(|entity| entity.customers).sum()
    }
}

impl EntityTally {
    fn count(&mut self, group: &[Person]) {
        self.customers += group.len() as u64;
        for customer_type in [CustomerType::B2b, CustomerType::B2c] {
            let sharing = group.iter().filter(|person| {
                person.is_candidate_of_some_site() && person.customer_type == customer_type
            });
            let count = sharing.count() as u64;
            let size = match count {
                0 | 1 => continue,
                2..=5 => count as usize - 2,
                6..=10 => 4,
                _ => 5,
            };
            if let Some((addresses, customers)) = self.shared.get_mut(size) {
                *addresses += 1;
                *customers += count;
            }
        }
    }
}
