//! Customers that a full feed comes without.

use time::OffsetDateTime;
use uuid::Uuid;

use super::super::StoreError;
use super::lane::{Chunk, Lane};
use crate::domain::customer::LegalEntity;

/// How many customers of one lane the file does not have, and of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vanished {
    pub missing: u64,
    pub of: u64,
}

impl Lane {
    /// Finds the imported customers of the legal entity that no staged row
    /// names. Rejected rows name theirs.
    pub async fn find_vanished(&self, legal_entity: &LegalEntity) -> Result<Vanished, StoreError> {
        const TABLE: &str = "
            CREATE TEMPORARY TABLE IF NOT EXISTS vanished (
                legal_entity text COLLATE \"C\" NOT NULL,
                customer_id  uuid NOT NULL
            )";
        const FIND: &str = "
            INSERT INTO vanished
            SELECT legal_entity, customer_id
              FROM customer
             WHERE legal_entity = $1
               AND origin = 'import'
               AND state IN ('active', 'pending', 'blocked')
               AND ($3 OR ascii(right(customer_number, 1)) % 2 = $2::smallint)
               AND NOT EXISTS (SELECT 1
                                 FROM staged
                                WHERE staged.legal_entity = $1
                                  AND staged.customer_number = customer.customer_number)";
        const COUNT: &str = "
            SELECT count(*)
              FROM customer
             WHERE legal_entity = $1
               AND origin = 'import'
               AND state IN ('active', 'pending', 'blocked')
               AND ($3 OR ascii(right(customer_number, 1)) % 2 = $2::smallint)";
        self.session.batch_execute(TABLE).await?;
        let code = legal_entity.as_str();
        let missing = self
            .session
            .execute(FIND, &[&code, &self.number, &self.alone])
            .await?;
        let of: i64 = self
            .session
            .query_one(COUNT, &[&code, &self.number, &self.alone])
            .await?
            .try_get(0)?;
        Ok(Vanished {
            missing,
            of: u64::try_from(of).unwrap_or_default(),
        })
    }

    /// How many blocks the vanished customers take.
    pub async fn vanished_blocks(&self) -> Result<u32, StoreError> {
        self.blocks_of("vanished").await
    }

    /// Marks those of the range as gone, and tells whoever is linked to one.
    pub async fn mark_gone(
        &self,
        legal_entity: &LegalEntity,
        chunk: Chunk,
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
               UPDATE customer
                  SET state = 'gone', state_before_gone = customer.state, changed_at = $5,
                      import_id = $4
                 FROM vanished
                WHERE vanished.ctid >= $2::text::tid
                  AND vanished.ctid < $3::text::tid
                  AND vanished.legal_entity = $1
                  AND customer.legal_entity = $1
                  AND customer.customer_id = vanished.customer_id
                  AND customer.state IN ('active', 'pending', 'blocked')
            RETURNING customer.customer_id, customer.state_before_gone";
        self.begin_by_index().await?;
        let (from, to) = chunk.bounds();
        let rows = self
            .session
            .query(SQL, &[&legal_entity.as_str(), &from, &to, &import_id, &now])
            .await?;
        let mut suspended = Vec::new();
        for row in &rows {
            let was: &str = row.try_get(1)?;
            if was != "blocked" {
                suspended.push(row.try_get(0)?);
            }
        }
        self.tell_of_links(legal_entity, "link.suspended", &suspended, import_id, now)
            .await?;
        self.commit().await?;
        Ok(rows.len() as u64)
    }
}
