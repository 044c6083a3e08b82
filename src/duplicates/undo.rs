//! A decision taken back, as long as what it made still stands.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::tell;
use crate::domain::customer::{AddressOrigin, CustomerId, CustomerState};
use crate::domain::email::Email;
use crate::staff::Desk;
use crate::store::duplicates::{DecidedCustomer, DecisionFile, MovedLink, Present, Verdict};
use crate::store::{StoreError, Transaction, Tries};

const PATIENCE: Duration = Duration::from_secs(10);

/// Why a decision stands.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    #[error("there is no decision {0}")]
    NoSuchDecision(Uuid),
    #[error("the decision was undone already, by {0}")]
    UndoneBefore(String),
    #[error("customer {number} {change} since, so the decision stands")]
    CustomerChanged {
        number: String,
        change: &'static str,
    },
    #[error("the link {0} has ended or was moved since, so the decision stands")]
    LinkChanged(Uuid),
    #[error(
        "another customer who signed up with the address is active since, so the decision stands"
    )]
    AddressTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Desk<'_> {
    /// Makes everything what it was before the decision, or nothing of it.
    pub async fn undo(&self, decision: Uuid, now: OffsetDateTime) -> Result<(), UndoError> {
        let mut tries = Tries::until(Instant::now() + PATIENCE);
        loop {
            match self.undo_once(decision, now).await {
                Err(UndoError::Store(error)) if error.violates("customer_signed_up_once") => {
                    return Err(UndoError::AddressTaken);
                }
                Err(UndoError::Store(error)) => tries.another(error).await?,
                settled => return settled,
            }
        }
    }

    async fn undo_once(&self, decision: Uuid, now: OffsetDateTime) -> Result<(), UndoError> {
        let email = self.address_of(decision).await?;
        let tx = self.store.begin().await?;
        // The address first, as everybody does who locks both.
        tx.hold_slot(self.legal_entity, &email, now).await?;
        tx.hold_import_gate(self.legal_entity).await?;
        let file = tx.hold_decision(self.legal_entity, decision).await?;
        let file = file.ok_or(UndoError::NoSuchDecision(decision))?;
        if let Some((_, by)) = file.undone {
            return Err(UndoError::UndoneBefore(by));
        }
        self.check(&tx, &file).await?;
        for decided in &file.verdicts {
            self.take_back(&tx, decision, decided, now).await?;
        }
        for moved in &file.moves {
            self.move_back(&tx, decision, *moved, now).await?;
        }
        tx.mark_undone(self.legal_entity, decision, self.actor, now)
            .await?;
        tell(self, &tx, decision, "duplicates.undone", json!({}), now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn address_of(&self, decision: Uuid) -> Result<Email, UndoError> {
        let tx = self.store.begin().await?;
        let file = tx.hold_decision(self.legal_entity, decision).await?;
        tx.roll_back().await?;
        let file = file.ok_or(UndoError::NoSuchDecision(decision))?;
        let email = Email::parse(&file.email_canonical);
        Ok(email.map_err(|_| StoreError::Corrupt("duplicate_decision.email_canonical"))?)
    }

    /// Whether each customer whom the undoing touches, or gives something back
    /// from, is what the decision made of it.
    async fn check(&self, tx: &Transaction, file: &DecisionFile) -> Result<(), UndoError> {
        let customers: Vec<CustomerId> = file.verdicts.iter().map(|d| d.customer).collect();
        let present = tx.hold_customers(self.legal_entity, &customers).await?;
        for decided in &file.verdicts {
            let now = present.iter().find(|now| now.customer == decided.customer);
            let change = match now {
                None => Some("has gone"),
                Some(now) => change(decided, now, file),
            };
            if let Some(change) = change {
                return Err(UndoError::CustomerChanged {
                    number: decided.number.to_string(),
                    change,
                });
            }
        }
        Ok(())
    }

    async fn take_back(
        &self,
        tx: &Transaction,
        decision: Uuid,
        decided: &DecidedCustomer,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let customer = decided.customer;
        let action = match decided.verdict {
            Verdict::Keep => return Ok(()),
            Verdict::MergeInto(_) => {
                tx.part_customer(self.legal_entity, customer, now).await?;
                "customer.parted"
            }
            Verdict::AddressWrong => {
                let before = decided.address_origin_before;
                tx.set_address_origin(self.legal_entity, customer, before, now)
                    .await?;
                "customer.address_restored"
            }
        };
        let detail = json!({
            "customer_id": customer.0,
            "customer_number": decided.number.as_str(),
            "decision_id": decision,
        });
        tell(self, tx, customer.0, action, detail, now).await
    }

    async fn move_back(
        &self,
        tx: &Transaction,
        decision: Uuid,
        moved: MovedLink,
        now: OffsetDateTime,
    ) -> Result<(), UndoError> {
        let back = MovedLink {
            from: moved.to,
            to: moved.from,
            ..moved
        };
        if !tx.move_link(self.legal_entity, back).await? {
            return Err(UndoError::LinkChanged(moved.link_id.0));
        }
        let detail = json!({
            "from_customer_id": back.from.0,
            "customer_id": back.to.0,
            "decision_id": decision,
        });
        tell(self, tx, moved.link_id.0, "link.moved", detail, now).await?;
        Ok(())
    }
}

/// What has become of a customer, if it matters. Names may change, and so may
/// whoever was only kept.
fn change(decided: &DecidedCustomer, now: &Present, file: &DecisionFile) -> Option<&'static str> {
    let same_address = now.email_canonical.as_deref() == Some(&file.email_canonical);
    let is_survivor = file
        .verdicts
        .iter()
        .any(|other| other.verdict == Verdict::MergeInto(decided.customer));
    match decided.verdict {
        Verdict::Keep if !is_survivor => None,
        Verdict::Keep if now.state != CustomerState::Active => Some("is no longer active"),
        Verdict::Keep => None,
        Verdict::MergeInto(survivor)
            if now.state != CustomerState::Merged || now.merged_into != Some(survivor) =>
        {
            Some("is no longer merged as it was")
        }
        Verdict::MergeInto(_) if now.blocked_by_file && now.changed_at > file.decided_at => {
            Some("was blocked by an import")
        }
        Verdict::AddressWrong if now.address_origin != Some(AddressOrigin::Wrong) => {
            Some("has got another address")
        }
        Verdict::MergeInto(_) | Verdict::AddressWrong if !same_address => {
            Some("has got another address")
        }
        Verdict::MergeInto(_) | Verdict::AddressWrong => None,
    }
}
