//! Customers who share an address: found, given to people to decide about, and
//! made what they decided.
//!
//! A merged customer has no place of its own any more: its address finds
//! nobody, its links speak for the survivor, and an import that brings it
//! again changes what is written in it and not that it is merged. An address
//! that is wrong stays in the customer and matches nobody, until an import
//! brings another one.

pub mod decide;
pub mod file;
pub mod group;
pub mod orders;
pub mod plan;
mod records;
pub mod sheet;
pub mod undo;

use std::collections::HashMap;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::customer::CustomerNumber;
use crate::domain::email::Email;
use crate::staff::Desk;
use crate::store::audit::{Change, ChangeIds};
use crate::store::duplicates::Known;
use crate::store::{StoreError, Transaction};

use plan::Plan;

/// How many numbers are looked up at once.
const NUMBERS_AT_ONCE: usize = 1000;

impl Desk<'_> {
    /// What is on file of the customers that `plans` name.
    pub async fn known(&self, plans: &[Plan]) -> Result<Vec<Known>, StoreError> {
        let numbers: Vec<&str> = plans
            .iter()
            .flat_map(|plan| plan.lines.iter().map(|line| line.number.as_str()))
            .collect();
        let mut known = Vec::new();
        for some in numbers.chunks(NUMBERS_AT_ONCE) {
            known.extend(self.store.known_numbers(self.legal_entity, some).await?);
        }
        Ok(known)
    }
}

/// The address of each plan's group; `None` where its customers have not the
/// same one any more.
pub fn addresses(plans: &[Plan], known: &[Known]) -> Vec<Option<Email>> {
    let known: HashMap<&CustomerNumber, Option<&str>> = known
        .iter()
        .map(|known| (&known.number, known.email_canonical.as_deref()))
        .collect();
    let address = |plan: &Plan| {
        let mut all = plan
            .lines
            .iter()
            .map(|line| known.get(&line.number).copied().flatten());
        let first = all.next()??;
        let same = all.all(|other| other == Some(first));
        same.then(|| Email::parse(first).ok()).flatten()
    };
    plans.iter().map(address).collect()
}

/// The audit's line and the event of one change, in the name of the desk.
pub(crate) async fn tell(
    desk: &Desk<'_>,
    tx: &Transaction,
    subject_id: Uuid,
    action: &str,
    detail: serde_json::Value,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    tx.tell(
        desk.legal_entity,
        &Change {
            ids: ChangeIds::new(),
            subject_id,
            action,
            at: now,
            actor: desk.actor,
            detail,
        },
    )
    .await
}
