//! Staged rows put where they belong, a chunk at a time.
//!
//! Who wins where a file and somebody else say different things:
//!
//! - An erased customer stays erased, and nothing about it is written.
//! - An address that was proven at a sign-up stays; a file that says another
//!   one is told to the review.
//! - A state that staff has given stays, as long as the file says what it said
//!   before. When the file changes its mind, blocked always counts, and any
//!   other state only where nobody has ruled since.
//! - An address that staff has found wrong, or that a sign-up typed and nobody
//!   proved, stays so until the file brings another one: a file that was made of
//!   what we gave out proves nothing.
//! - A customer that a sign-up created is the file's from the first row that
//!   brings its number and its address. With another address, the number is
//!   taken to have been given twice.
//! - A row whose address belongs to a customer that a sign-up created is not
//!   put beside it, unless staff has said how the two stand to each other.

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::StoreError;
use super::super::audit::{Many, tell_many};
use super::lane::{Chunk, Lane};
use super::said::{address_after, rows_that_say_something, state_after};
use crate::domain::customer::LegalEntity;

/// What became of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub added: u64,
    pub changed: u64,
    /// Of the changed ones, those that had been gone.
    pub returned: u64,
    /// Rows that people must look at; not applied, but for an address.
    pub for_review: u64,
    /// Rows not applied.
    pub withheld: u64,
}

/// The whole chunk in one statement: what is new or says something new, what
/// stands in its way, and what follows.
///
/// The columns of `customer` in the UPDATE are those of the row once it is
/// locked, whoever changed it a moment ago.
const UPSERT: &str = concat!(
    "
    WITH found AS MATERIALIZED (
        ",
    rows_that_say_something!(
        "staged.ctid >= $2::text::tid
           AND staged.ctid < $3::text::tid
           AND staged.replaced_by IS NULL"
    ),
    "
    ), added AS (
        INSERT INTO customer
                    (legal_entity, customer_id, customer_number, kind, is_b2b, name,
                     email_original, email_canonical, email_version, email_origin,
                     state, origin, created_at, changed_at,
                     imported_digest, imported_state, import_id, source_changed_at)
             SELECT $1, customer_id, customer_number, kind, is_b2b, name,
                    email_original, email_canonical,
                    CASE WHEN email_canonical IS NOT NULL THEN $6::smallint END,
                    CASE WHEN email_original IS NOT NULL THEN 'imported' END,
                    state, 'import', $5, $5, digest, state, $4, source_changed_at
               FROM found
              WHERE known IS NULL
                AND in_the_way IS NULL
          RETURNING 1
    ), changed AS (
        UPDATE customer
           SET kind = found.kind,
               is_b2b = found.is_b2b,
               name = found.name,
               ",
    address_after!("found"),
    ",
               state = ",
    state_after!("found"),
    ",
               merged_into = CASE
                   WHEN customer.state = 'merged' AND customer.imported_state = 'merged'
                   THEN NULL ELSE customer.merged_into END,
               state_before_gone = NULL,
               changed_at = $5,
               imported_digest = found.digest,
               imported_state = found.state,
               import_id = $4,
               source_changed_at = found.source_changed_at
          FROM found
         WHERE customer.legal_entity = $1
           AND customer.customer_id = found.known
           AND customer.state <> 'erased'
           AND found.in_the_way IS NULL
           AND NOT found.number_clashes
     RETURNING customer.customer_id, found.was, customer.state
    ), reviewed AS (
        INSERT INTO import_review
                    (legal_entity, customer_number, reason, customer_id, import_id, line,
                     opened_at, seen_at)
             SELECT $1, customer_number,
                    CASE WHEN number_clashes THEN 'number_of_sign_up'
                         WHEN in_the_way IS NOT NULL THEN 'address_of_sign_up'
                         ELSE 'proven_address_differs' END,
                    coalesce(CASE WHEN NOT number_clashes THEN in_the_way END, known),
                    $4, row_no & ((1::bigint << 40) - 1), $5, $5
               FROM found
              WHERE number_clashes OR in_the_way IS NOT NULL OR address_differs
        ON CONFLICT (legal_entity, customer_number, reason) DO UPDATE
                SET customer_id = excluded.customer_id,
                    import_id = excluded.import_id,
                    line = excluded.line,
                    opened_at = CASE WHEN import_review.closed_at IS NULL
                        THEN import_review.opened_at ELSE excluded.opened_at END,
                    seen_at = excluded.seen_at,
                    closed_at = NULL
          RETURNING 1
    )
    SELECT (SELECT count(*) FROM added) AS added,
           (SELECT count(*) FROM changed) AS changed,
           (SELECT count(*) FROM changed WHERE was = 'gone') AS returned,
           (SELECT count(*) FROM reviewed) AS reviewed,
           (SELECT count(*) FROM found WHERE in_the_way IS NOT NULL OR number_clashes) AS withheld,
           array(SELECT customer_id FROM changed
                  WHERE was IN ('active', 'pending') AND state = 'blocked') AS suspended,
           array(SELECT customer_id FROM changed
                  WHERE was IN ('gone', 'blocked') AND state IN ('active', 'pending')) AS resumed"
);

impl Lane {
    /// Applies the staged rows of the legal entity in the range, in one short
    /// transaction that no sign-up creates a customer beside.
    pub async fn apply(
        &self,
        legal_entity: &LegalEntity,
        chunk: Chunk,
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Applied, StoreError> {
        self.begin_by_index().await?;
        self.hold_gate(legal_entity).await?;
        let (from, to) = chunk.bounds();
        let row = self
            .session
            .query_one(
                UPSERT,
                &[
                    &legal_entity.as_str(),
                    &from,
                    &to,
                    &import_id,
                    &now,
                    &crate::domain::email::CANONICAL_VERSION,
                ],
            )
            .await?;
        let count = |name: &str| -> Result<u64, StoreError> {
            Ok(u64::try_from(row.try_get::<_, i64>(name)?).unwrap_or_default())
        };
        let applied = Applied {
            added: count("added")?,
            changed: count("changed")?,
            returned: count("returned")?,
            for_review: count("reviewed")?,
            withheld: count("withheld")?,
        };
        let resting: [(&str, Vec<Uuid>); 2] = [
            ("link.suspended", row.try_get("suspended")?),
            ("link.resumed", row.try_get("resumed")?),
        ];
        for (action, customers) in resting {
            self.tell_of_links(legal_entity, action, &customers, import_id, now)
                .await?;
        }
        self.commit().await?;
        Ok(applied)
    }

    /// Tells of every active link of these customers, and of those who were
    /// merged into them, that it rests, or no longer does. The links themselves
    /// stand: whom they lead to decides.
    pub(super) async fn tell_of_links(
        &self,
        legal_entity: &LegalEntity,
        action: &str,
        customers: &[Uuid],
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            WITH RECURSIVE absorbed AS (
                SELECT customer_id, customer_id AS speaker
                  FROM unnest($2::uuid[]) AS customer_id
                 UNION
                SELECT merged.customer_id, absorbed.speaker
                  FROM absorbed
                  JOIN customer AS merged
                    ON merged.legal_entity = $1
                   AND merged.merged_into = absorbed.customer_id)
            SELECT link_id, speaker
              FROM absorbed
              JOIN identity_link USING (customer_id)
             WHERE legal_entity = $1
               AND revoked_at IS NULL
             ORDER BY link_id";
        if customers.is_empty() {
            return Ok(());
        }
        let rows = self
            .session
            .query(SQL, &[&legal_entity.as_str(), &customers])
            .await?;
        let mut told = Many::default();
        for row in &rows {
            let customer: Uuid = row.try_get(1)?;
            let detail = json!({ "customer_id": customer, "import_id": import_id });
            told.add(row.try_get(0)?, detail);
        }
        tell_many(&self.session, legal_entity, action, "import", now, &told).await
    }
}
