//! Answers to what imports have left open: each in one transaction, with its
//! line in the audit, and in force at once. An import does not ask again what
//! was answered.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::customer::{
    AddressOrigin, CustomerId, CustomerKind, CustomerNumber, CustomerOrigin, CustomerState,
    CustomerType,
};
use crate::domain::email::Email;
use crate::duplicates::decide::{GroupRefusal, SiteRules, moves, second_identity};
use crate::duplicates::tell;
use crate::staff::Desk;
use crate::store::customers::CustomerRow;
use crate::store::duplicates::{DecidedCustomer, DecisionFile, Present, Verdict};
use crate::store::reviews::{Reason, Resolution, ReviewFile};
use crate::store::{StoreError, Transaction, Tries};

const PATIENCE: Duration = Duration::from_secs(10);

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The row's customer gets its place beside the other, or in its stead.
    Place(Resolution),
    /// The customer with the number is the file's.
    HandOver,
    /// The proven address is not the customer's any more.
    GiveUpAddress,
    /// Everything is as it should be.
    Close,
}

#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error("no import has left anything open about {0}")]
    Nothing(CustomerNumber),
    #[error("several questions are open about {0}: say with --reason which of {1}")]
    Several(CustomerNumber, String),
    #[error("{0}")]
    NotAnAnswer(&'static str),
    #[error("the question was answered, or has changed, meanwhile: look at it again")]
    Changed,
    #[error("customer {number} is {state}: there is nothing to settle any more")]
    Gone {
        number: CustomerNumber,
        state: &'static str,
    },
    #[error(transparent)]
    SecondIdentity(GroupRefusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// By which a merge can be undone.
    pub decision: Option<Uuid>,
}

/// Which answers there are to which question.
fn step(reason: Reason, resolution: Resolution) -> Result<Step, &'static str> {
    match (reason, resolution) {
        (Reason::AddressOfSignUp, resolution) => Ok(Step::Place(resolution)),
        (Reason::NumberOfSignUp, Resolution::Merge) => Ok(Step::HandOver),
        (Reason::NumberOfSignUp, Resolution::AddressWrong) => Err(
            "it is the number that was given twice: `merge` if both are one person, or give one \
             of them another number in the business's system",
        ),
        (Reason::ProvenAddressDiffers, Resolution::AddressWrong) => Ok(Step::GiveUpAddress),
        (Reason::ProvenAddressDiffers, Resolution::Merge) => Err(
            "there is one customer only: `keep-separate` keeps the proven address, \
             `address-wrong` takes the file's",
        ),
        (Reason::SecondIdentity, Resolution::Merge | Resolution::AddressWrong) => Err(
            "two sign-ins are at one customer: end one of them with `idlink link remove`, or \
             leave both with `keep-separate`",
        ),
        (
            Reason::NumberOfSignUp | Reason::ProvenAddressDiffers | Reason::SecondIdentity,
            Resolution::KeepSeparate,
        ) => Ok(Step::Close),
    }
}

impl Desk<'_> {
    /// Answers the open question about `number`; `reason` says which, where
    /// there are several.
    pub async fn resolve(
        &self,
        number: &CustomerNumber,
        reason: Option<Reason>,
        resolution: Resolution,
        rules: &SiteRules,
        now: OffsetDateTime,
    ) -> Result<Resolved, ReviewError> {
        let ids = (Uuid::now_v7(), CustomerId(Uuid::now_v7()));
        let mut tries = Tries::until(Instant::now() + PATIENCE);
        loop {
            let done = self.resolve_once(number, reason, resolution, rules, ids, now);
            match done.await {
                Err(ReviewError::Store(error)) => tries.another(error).await?,
                settled => return settled,
            }
        }
    }

    async fn resolve_once(
        &self,
        number: &CustomerNumber,
        reason: Option<Reason>,
        resolution: Resolution,
        rules: &SiteRules,
        (decision, new): (Uuid, CustomerId),
        now: OffsetDateTime,
    ) -> Result<Resolved, ReviewError> {
        let review = self.the_open_one(number, reason).await?;
        let step = step(review.reason, resolution).map_err(ReviewError::NotAnAnswer)?;
        let tx = self.store.begin().await?;
        let address = self.hold_address(&tx, &review, now).await?;
        tx.hold_import_gate(self.legal_entity).await?;
        let closed = tx.close_review(self.legal_entity, &review, resolution, self.actor, now);
        if !closed.await? {
            return Err(ReviewError::Changed);
        }
        let other = review.other.as_ref().map(|(id, _)| *id);
        let mut resolved = Resolved { decision: None };
        match (step, other) {
            (Step::Close, _) => {}
            (_, None) => return Err(ReviewError::Changed),
            (Step::HandOver, Some(customer)) => {
                tx.hand_to_file(self.legal_entity, customer, now).await?;
            }
            (Step::GiveUpAddress, Some(customer)) => {
                let wrong = AddressOrigin::Wrong;
                tx.set_address_origin(self.legal_entity, customer, wrong, now)
                    .await?;
                tx.hand_to_file(self.legal_entity, customer, now).await?;
            }
            (Step::Place(resolution), Some(other)) => {
                let address = address.ok_or(ReviewError::Changed)?;
                let place = Place {
                    number,
                    new,
                    other,
                    address: &address,
                    now,
                };
                let customer = self.place(&tx, &place, resolution).await?;
                if resolution == Resolution::Merge {
                    self.merge(&tx, decision, customer, &place, rules).await?;
                    resolved.decision = Some(decision);
                }
            }
        }
        self.tell_of(&tx, &review, resolution, now).await?;
        tx.commit().await?;
        Ok(resolved)
    }

    async fn the_open_one(
        &self,
        number: &CustomerNumber,
        reason: Option<Reason>,
    ) -> Result<ReviewFile, ReviewError> {
        let mut reviews = self.store.reviews_of(self.legal_entity, number).await?;
        reviews.retain(|review| {
            let asked = reason.is_none_or(|reason| reason == review.reason);
            review.closed_at.is_none() && asked
        });
        let reasons: Vec<_> = reviews
            .iter()
            .map(|review| review.reason.as_str())
            .collect();
        let reasons = reasons.join(", ");
        let mut reviews = reviews.into_iter();
        match (reviews.next(), reviews.next()) {
            (None, _) => Err(ReviewError::Nothing(number.clone())),
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(ReviewError::Several(number.clone(), reasons)),
        }
    }

    /// The address of the customer in the way, held against sign-ups.
    async fn hold_address(
        &self,
        tx: &Transaction,
        review: &ReviewFile,
        now: OffsetDateTime,
    ) -> Result<Option<Email>, ReviewError> {
        let Some((_, number)) = &review.other else {
            return Ok(None);
        };
        let file = self.store.customer(self.legal_entity, number).await?;
        let text = file.and_then(|file| file.email).map(|(text, _)| text);
        let email = text.and_then(|text| Email::parse(&text).ok());
        if let Some(email) = &email {
            tx.hold_slot(self.legal_entity, email, now).await?;
        }
        Ok(email)
    }

    async fn tell_of(
        &self,
        tx: &Transaction,
        review: &ReviewFile,
        resolution: Resolution,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let Some((customer, _)) = &review.other else {
            return Ok(());
        };
        let detail = json!({
            "customer_id": customer.0,
            "number_in_file": review.number.as_str(),
            "reason": review.reason.as_str(),
            "resolution": resolution.as_str(),
        });
        tell(self, tx, customer.0, "review.resolved", detail, now).await
    }
}

/// A row that was withheld, about to get its place.
struct Place<'a> {
    number: &'a CustomerNumber,
    /// Its customer's identifier, if it is not there yet.
    new: CustomerId,
    /// The customer that a sign-up created, and its address.
    other: CustomerId,
    address: &'a Email,
    now: OffsetDateTime,
}

/// Whether the row's customer is still one.
fn may_be_placed(number: &CustomerNumber, state: CustomerState) -> Result<(), ReviewError> {
    let gone = |state| ReviewError::Gone {
        number: number.clone(),
        state,
    };
    match state {
        CustomerState::Merged => Err(gone("merged")),
        CustomerState::Erased => Err(gone("erased")),
        CustomerState::Active
        | CustomerState::Pending
        | CustomerState::Blocked
        | CustomerState::Gone => Ok(()),
    }
}

/// Whether the question is still one.
fn stands_in_the_way(other: &Present, address: &Email) -> Result<(), ReviewError> {
    let same = other.email_canonical.as_deref() == Some(address.canonical());
    match other.state == CustomerState::Active && same {
        true => Ok(()),
        false => Err(ReviewError::Changed),
    }
}

impl Desk<'_> {
    /// Makes the row's customer what the file said: with the address, right or
    /// wrong. Its name comes with the next import.
    async fn place(
        &self,
        tx: &Transaction,
        place: &Place<'_>,
        resolution: Resolution,
    ) -> Result<CustomerId, ReviewError> {
        let entity = self.legal_entity;
        let known = self.store.customer(entity, place.number).await?;
        let known = known.map(|file| file.id);
        let both: Vec<CustomerId> = known.into_iter().chain([place.other]).collect();
        for present in tx.hold_customers(entity, &both).await? {
            if Some(present.customer) == known {
                may_be_placed(place.number, present.state)?;
            } else {
                stands_in_the_way(&present, place.address)?;
            }
        }
        let origin = match resolution {
            Resolution::AddressWrong => AddressOrigin::Wrong,
            Resolution::KeepSeparate | Resolution::Merge => AddressOrigin::Imported,
        };
        match known {
            Some(known) => {
                tx.take_address_of(entity, known, place.other, origin, place.now)
                    .await?;
                Ok(known)
            }
            None => self.enter(tx, place, origin).await,
        }
    }

    async fn enter(
        &self,
        tx: &Transaction,
        place: &Place<'_>,
        origin: AddressOrigin,
    ) -> Result<CustomerId, ReviewError> {
        let row = CustomerRow {
            id: place.new,
            number: place.number,
            kind: CustomerKind::Person,
            customer_type: CustomerType::B2c,
            name: None,
            email: Some((place.address, origin)),
            state: CustomerState::Active,
            origin: CustomerOrigin::Import,
        };
        tx.insert_customer(self.legal_entity, &row, place.now)
            .await?;
        let detail = json!({
            "customer_id": place.new.0,
            "customer_number": place.number.as_str(),
        });
        tell(self, tx, place.new.0, "customer.created", detail, place.now).await?;
        Ok(place.new)
    }

    /// The customer that the sign-up created goes into the row's, with its
    /// links: a decision about duplicates like any other.
    async fn merge(
        &self,
        tx: &Transaction,
        decision: Uuid,
        survivor: CustomerId,
        place: &Place<'_>,
        rules: &SiteRules,
    ) -> Result<(), ReviewError> {
        let (members, links) = tx.hold_group(self.legal_entity, place.address).await?;
        let decided = |customer, verdict| {
            let member = members.iter().find(|member| member.id == customer)?;
            Some(DecidedCustomer {
                customer,
                number: member.number.clone(),
                verdict,
                address_origin_before: member.address_origin,
            })
        };
        // A survivor that waits for approval, or is blocked, would take the
        // person's account away.
        let verdicts: Option<Vec<_>> = [
            decided(survivor, Verdict::Keep),
            decided(place.other, Verdict::MergeInto(survivor)),
        ]
        .into_iter()
        .collect();
        let verdicts = verdicts.ok_or(ReviewError::NotAnAnswer(
            "the customer of the file is not active: approve it first, or `keep-separate`",
        ))?;
        if let Some(refusal) = second_identity(&members, &links, &verdicts, rules) {
            return Err(ReviewError::SecondIdentity(refusal));
        }
        let file = DecisionFile {
            email_canonical: place.address.canonical().to_owned(),
            decided_at: place.now,
            decided_by: self.actor.to_owned(),
            undone: None,
            moves: moves(&links, &verdicts),
            verdicts,
        };
        self.carry_out(tx, decision, &file, place.now).await?;
        Ok(())
    }
}
