//! Customers: how sign-ups create and hold them, and what staff does with them.

use time::OffsetDateTime;
use tokio_postgres::Row;

use super::candidates::Lookup;
use super::{Store, StoreError, Transaction, columns, imports};
use crate::domain::customer::{
    AddressOrigin, CustomerId, CustomerKind, CustomerNumber, CustomerOrigin, CustomerState,
    CustomerType, LegalEntity,
};
use crate::domain::email::{CANONICAL_VERSION, Email};

/// A customer about to be written.
pub struct CustomerRow<'a> {
    pub id: CustomerId,
    pub number: &'a CustomerNumber,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub name: Option<&'a str>,
    pub email: Option<(&'a Email, AddressOrigin)>,
    pub state: CustomerState,
    pub origin: CustomerOrigin,
}

/// A customer as staff sees it.
#[derive(Debug)]
pub struct CustomerFile {
    pub id: CustomerId,
    pub number: CustomerNumber,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub state: CustomerState,
    pub origin: CustomerOrigin,
    pub name: Option<String>,
    pub email: Option<(String, AddressOrigin)>,
    pub merged_into: Option<CustomerId>,
    pub created_at: OffsetDateTime,
    pub changed_at: OffsetDateTime,
}

/// The constraint by which a legal entity gives each number once.
pub const NUMBER_ONCE: &str = "customer_legal_entity_customer_number";

/// Whether a row was still what it had been read as when it was locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Unchanged,
    Changed,
}

impl Store {
    /// The customer with this number.
    pub async fn customer(
        &self,
        legal_entity: &LegalEntity,
        number: &CustomerNumber,
    ) -> Result<Option<CustomerFile>, StoreError> {
        const SQL: &str = "
            SELECT customer_id, customer_number, kind, is_b2b, state, origin, name,
                   email_original, email_origin, merged_into, created_at, changed_at
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = $2";
        let row = self
            .query_opt(SQL, &[&legal_entity.as_str(), &number.as_str()])
            .await?;
        row.as_ref().map(customer_file).transpose()
    }

    /// Every customer with this address, in any state. None is not an error.
    pub async fn customers_with_email(
        &self,
        legal_entity: &LegalEntity,
        email: &Email,
    ) -> Result<Vec<CustomerFile>, StoreError> {
        const SQL: &str = "
            SELECT customer_id, customer_number, kind, is_b2b, state, origin, name,
                   email_original, email_origin, merged_into, created_at, changed_at
              FROM customer
             WHERE legal_entity = $1
               AND email_canonical = $2
             ORDER BY customer_number
             LIMIT 100";
        let rows = self
            .query(SQL, &[&legal_entity.as_str(), &email.canonical()])
            .await?;
        rows.iter().map(customer_file).collect()
    }

    /// How many customers each legal entity has.
    pub async fn customer_counts(&self) -> Result<Vec<(LegalEntity, i64)>, StoreError> {
        const SQL: &str = "
            SELECT legal_entity.legal_entity, count(customer_id)
              FROM legal_entity
              LEFT JOIN customer USING (legal_entity)
             GROUP BY legal_entity.legal_entity
             ORDER BY legal_entity.legal_entity";
        let rows = self.query(SQL, &[]).await?;
        rows.iter()
            .map(|row| {
                let code = LegalEntity::parse(row.try_get(0)?)
                    .ok_or(StoreError::Corrupt("legal_entity.legal_entity"))?;
                Ok((code, row.try_get(1)?))
            })
            .collect()
    }
}

impl Transaction {
    /// Waits until no other sign-up of this address is being recorded.
    ///
    /// Writes the row even when it is there: a row that was only read could
    /// stand on a primary that is about to be lost.
    pub async fn hold_slot(
        &self,
        legal_entity: &LegalEntity,
        email: &Email,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO email_slot (legal_entity, email_canonical, touched_at)
                 VALUES ($1, $2, $3)
            ON CONFLICT (legal_entity, email_canonical) DO UPDATE
                    SET touched_at = excluded.touched_at";
        self.session
            .execute(SQL, &[&legal_entity.as_str(), &email.canonical(), &now])
            .await?;
        Ok(())
    }

    /// Keeps imports of the legal entity from writing customers until the end
    /// of the transaction. What was read before must be read again: a row may
    /// have come in meanwhile.
    pub async fn hold_import_gate(&self, legal_entity: &LegalEntity) -> Result<(), StoreError> {
        const SQL: &str = "
            SELECT 1
              FROM import_gate
             WHERE legal_entity = $1
             ORDER BY lane
               FOR SHARE";
        let lanes = self.session.query(SQL, &[&legal_entity.as_str()]).await?;
        match lanes.len() {
            imports::LANES => Ok(()),
            _ => Err(StoreError::Corrupt("import_gate")),
        }
    }

    /// Locks a candidate against everybody who would link, change or merge it.
    ///
    /// Whoever held the row before may have changed it: PostgreSQL then looks
    /// at the new row, so everything that makes a candidate is asked again.
    pub async fn hold_candidate(
        &self,
        lookup: &Lookup<'_>,
        customer: CustomerId,
    ) -> Result<Held, StoreError> {
        const SQL: &str = "
            SELECT 1
              FROM customer
             WHERE legal_entity = $1
               AND customer_id = $2
               AND email_canonical = $3
               AND email_version = $4
               AND is_b2b = $5
               AND state = 'active'
               AND kind = 'person'
               AND email_origin IN ('imported', 'proven')
               FOR NO KEY UPDATE";
        let row = self
            .session
            .query_opt(
                SQL,
                &[
                    &lookup.legal_entity.as_str(),
                    &customer.0,
                    &lookup.email.canonical(),
                    &CANONICAL_VERSION,
                    &columns::is_b2b(lookup.customer_type),
                ],
            )
            .await?;
        Ok(match row {
            Some(_) => Held::Unchanged,
            None => Held::Changed,
        })
    }

    pub async fn insert_customer(
        &self,
        legal_entity: &LegalEntity,
        row: &CustomerRow<'_>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO customer
                        (legal_entity, customer_id, customer_number, kind, is_b2b, name,
                         email_original, email_canonical, email_version, email_origin,
                         state, origin, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)";
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &row.id.0,
                    &row.number.as_str(),
                    &columns::kind(row.kind),
                    &columns::is_b2b(row.customer_type),
                    &row.name,
                    &row.email.map(|(email, _)| email.original()),
                    &row.email.map(|(email, _)| email.canonical()),
                    &row.email.map(|_| CANONICAL_VERSION),
                    &row.email.map(|(_, origin)| columns::address_origin(origin)),
                    &columns::state(row.state),
                    &columns::origin(row.origin),
                    &now,
                ],
            )
            .await?;
        Ok(())
    }

    /// The state of the customer with this number, locked until the end of
    /// the transaction.
    pub async fn hold_by_number(
        &self,
        legal_entity: &LegalEntity,
        number: &CustomerNumber,
    ) -> Result<Option<(CustomerId, CustomerState)>, StoreError> {
        const SQL: &str = "
            SELECT customer_id, state
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = $2
               FOR NO KEY UPDATE";
        let row = self
            .session
            .query_opt(SQL, &[&legal_entity.as_str(), &number.as_str()])
            .await?;
        match row {
            None => Ok(None),
            Some(row) => Ok(Some((
                CustomerId(row.try_get(0)?),
                columns::read_state(row.try_get(1)?)?,
            ))),
        }
    }

    pub async fn set_state(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        state: CustomerState,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET state = $3, changed_at = $4
             WHERE legal_entity = $1
               AND customer_id = $2";
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &customer.0,
                    &columns::state(state),
                    &now,
                ],
            )
            .await?;
        Ok(())
    }
}

fn customer_file(row: &Row) -> Result<CustomerFile, StoreError> {
    let email: Option<String> = row.try_get("email_original")?;
    let origin: Option<&str> = row.try_get("email_origin")?;
    let merged_into: Option<uuid::Uuid> = row.try_get("merged_into")?;
    Ok(CustomerFile {
        id: CustomerId(row.try_get("customer_id")?),
        number: columns::read_number(row.try_get("customer_number")?)?,
        kind: columns::read_kind(row.try_get("kind")?)?,
        customer_type: columns::read_customer_type(row.try_get("is_b2b")?),
        state: columns::read_state(row.try_get("state")?)?,
        origin: columns::read_origin(row.try_get("origin")?)?,
        name: row.try_get("name")?,
        email: email.zip(origin.map(columns::read_address_origin).transpose()?),
        merged_into: merged_into.map(CustomerId),
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
    })
}
