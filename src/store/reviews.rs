//! What staff makes of the questions that imports leave open.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError, Transaction, columns};
use crate::domain::customer::{AddressOrigin, CustomerId, CustomerNumber, LegalEntity};

/// Why an import left a row, or an address in it, to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A customer that a sign-up created has proven the row's address.
    AddressOfSignUp,
    /// The row's number is that of a customer whom a sign-up created with
    /// another address.
    NumberOfSignUp,
    /// The customer has proven another address than the row has.
    ProvenAddressDiffers,
    /// A link stays with a merged customer: the survivor has one like it.
    SecondIdentity,
}

impl Reason {
    pub const ALL: [Self; 4] = [
        Self::AddressOfSignUp,
        Self::NumberOfSignUp,
        Self::ProvenAddressDiffers,
        Self::SecondIdentity,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressOfSignUp => "address_of_sign_up",
            Self::NumberOfSignUp => "number_of_sign_up",
            Self::ProvenAddressDiffers => "proven_address_differs",
            Self::SecondIdentity => "second_identity",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What staff says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Two people, or it is well as it is.
    KeepSeparate,
    /// One person.
    Merge,
    /// The address is not theirs.
    AddressWrong,
}

impl Resolution {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KeepSeparate => "keep_separate",
            Self::Merge => "merge",
            Self::AddressWrong => "address_wrong",
        }
    }
}

/// A question as staff sees it.
#[derive(Clone, Debug)]
pub struct ReviewFile {
    /// In the file.
    pub number: CustomerNumber,
    pub reason: Reason,
    /// The customer that stands in the way, and its number today.
    pub other: Option<(CustomerId, CustomerNumber)>,
    /// Of the file; 0 where no line is to be looked at.
    pub line: i64,
    pub opened_at: OffsetDateTime,
    pub seen_at: OffsetDateTime,
    pub closed_at: Option<OffsetDateTime>,
    /// What was made of it, and by whom.
    pub resolved: Option<(String, String)>,
}

impl Store {
    /// Every question about a number, the open ones first.
    pub async fn reviews_of(
        &self,
        legal_entity: &LegalEntity,
        number: &CustomerNumber,
    ) -> Result<Vec<ReviewFile>, StoreError> {
        const SQL: &str = "
            SELECT import_review.customer_number, reason, line, opened_at, seen_at, closed_at,
                   resolution, resolved_by, customer_id, other.customer_number AS other
              FROM import_review
              LEFT JOIN customer AS other USING (legal_entity, customer_id)
             WHERE legal_entity = $1
               AND import_review.customer_number = $2
             ORDER BY closed_at IS NOT NULL, reason";
        let rows = self
            .query(SQL, &[&legal_entity.as_str(), &number.as_str()])
            .await?;
        rows.iter().map(review_file).collect()
    }
}

fn review_file(row: &Row) -> Result<ReviewFile, StoreError> {
    let other: Option<&str> = row.try_get("other")?;
    let id: Option<Uuid> = row.try_get("customer_id")?;
    let resolution: Option<String> = row.try_get("resolution")?;
    Ok(ReviewFile {
        number: columns::read_number(row.try_get("customer_number")?)?,
        reason: Reason::parse(row.try_get("reason")?)
            .ok_or(StoreError::Corrupt("import_review.reason"))?,
        other: id
            .map(CustomerId)
            .zip(other.map(columns::read_number).transpose()?),
        line: row.try_get("line")?,
        opened_at: row.try_get("opened_at")?,
        seen_at: row.try_get("seen_at")?,
        closed_at: row.try_get("closed_at")?,
        resolved: resolution.zip(row.try_get("resolved_by")?),
    })
}

/// What becomes of a customer's number and address by a decision of staff.
impl Transaction {
    /// Closes the question, if it is still open about `other`. Written before
    /// anything follows from it, so that two answers come one after the other.
    pub async fn close_review(
        &self,
        legal_entity: &LegalEntity,
        review: &ReviewFile,
        resolution: Resolution,
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE import_review
               SET closed_at = $5, resolution = $6, resolved_by = $7, settled_with = customer_id
             WHERE legal_entity = $1
               AND customer_number = $2
               AND reason = $3
               AND customer_id IS NOT DISTINCT FROM $4
               AND closed_at IS NULL";
        let other = review.other.as_ref().map(|(id, _)| id.0);
        let closed = self
            .session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &review.number.as_str(),
                    &review.reason.as_str(),
                    &other,
                    &now,
                    &resolution.as_str(),
                    &actor,
                ],
            )
            .await?;
        Ok(closed == 1)
    }

    /// The customer gets the address of `other`, and what the file said of it
    /// where it was left to people: an active person who buys as a consumer.
    /// What staff has ruled about the customer stays.
    pub async fn take_address_of(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        other: CustomerId,
        origin: AddressOrigin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET kind = 'person', is_b2b = false,
                   email_original = other.email_original,
                   email_canonical = other.email_canonical,
                   email_version = other.email_version,
                   email_origin = $4,
                   state = CASE
                       WHEN coalesce(customer.state_before_gone, customer.state)
                            = customer.imported_state
                       THEN 'active'
                       ELSE coalesce(customer.state_before_gone, customer.state) END,
                   state_before_gone = NULL,
                   changed_at = $5
              FROM customer AS other
             WHERE customer.legal_entity = $1
               AND customer.customer_id = $2
               AND other.legal_entity = $1
               AND other.customer_id = $3";
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &customer.0,
                    &other.0,
                    &columns::address_origin(origin),
                    &now,
                ],
            )
            .await?;
        Ok(())
    }

    /// The file speaks for the customer from now on: what it says of the
    /// number is taken by the next import, as if it were not the first time.
    pub async fn hand_to_file(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET imported_digest = ''::bytea, changed_at = $3
             WHERE legal_entity = $1
               AND customer_id = $2";
        self.session
            .execute(SQL, &[&legal_entity.as_str(), &customer.0, &now])
            .await?;
        Ok(())
    }
}
