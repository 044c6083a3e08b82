//! Two configurations beside each other: who would get something else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::outcome::{Judge, Outcome};
use super::population::{Person, Population};
use crate::domain::directory::Directory;
use crate::domain::site::Site;

/// At a site that is in one of the configurations only.
const NO_SITE: &str = "no_site";

/// How many customers change from one outcome to another, by site.
pub type Changes = BTreeMap<(String, &'static str, &'static str), u64>;

/// A customer who would get something else.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    pub person: &'a Person,
    pub site: &'a str,
    pub before: &'static str,
    pub after: &'static str,
}

/// Compares what becomes of a settled population.
pub fn compare<E>(
    population: &Population,
    before: &Directory,
    after: &Directory,
    judge: &Judge,
    mut each: impl FnMut(Change<'_>) -> Result<(), E>,
) -> Result<Changes, E> {
    let names: BTreeSet<&str> = before
        .sites()
        .chain(after.sites())
        .map(|site| site.name.as_str())
        .collect();
    let mut changes = Changes::new();
    let (mut was, mut is) = (Vec::new(), Vec::new());
    for group in population.groups() {
        for name in &names {
            judged(population, group, before.site(name), judge, &mut was);
            judged(population, group, after.site(name), judge, &mut is);
            for (person, (before, after)) in group.iter().zip(was.iter().zip(&is)) {
                let (before, after) = match (before, after) {
                    (None, None) => continue,
                    (before, after) if before == after => continue,
                    (before, after) => (code(*before), code(*after)),
                };
                *changes
                    .entry(((*name).to_owned(), before, after))
                    .or_default() += 1;
                each(Change {
                    person,
                    site: name,
                    before,
                    after,
                })?;
            }
        }
    }
    Ok(changes)
}

fn code(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or(NO_SITE, Outcome::code)
}

/// What becomes of a group at a site; `None` where it does not sell for their
/// legal entity, or does not exist.
fn judged(
    population: &Population,
    group: &[Person],
    site: Option<&Arc<Site>>,
    judge: &Judge,
    outcomes: &mut Vec<Option<Outcome>>,
) {
    outcomes.clear();
    let entity = group.first().map(Person::entity);
    let entity = entity.and_then(|place| population.entities().get(place));
    match site.filter(|site| Some(&site.legal_entity) == entity) {
        None => outcomes.resize(group.len(), None),
        Some(site) => {
            judge.judge(group, &site.rules, |_, outcome| {
                outcomes.push(Some(outcome))
            });
        }
    }
}
