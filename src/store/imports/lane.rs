//! A session that an import works on, with the temporary table that takes the
//! rows of its half of the customer numbers.

use std::io::Cursor;
use std::pin::pin;

use futures_util::SinkExt;

use super::super::session::Session;
use super::super::{Store, StoreError};
use super::copy::line_of;
use crate::domain::customer::{CustomerNumber, LegalEntity};

/// How many lanes an import has. Their gates are rows of the schema.
pub const LANES: usize = 2;

/// Which lane a number goes to: all rows of one number go to one lane. The
/// same as `ascii(right(customer_number, 1)) % 2` in SQL.
pub fn lane_of(number: &CustomerNumber) -> usize {
    let last = number.as_str().chars().next_back().map_or(0, u32::from);
    usize::from(last % 2 == 1)
}

/// A session of an import. Dropped, it closes, and what it held goes with it.
pub struct Lane {
    pub(super) session: Session,
    pub(super) number: i16,
    /// Whether it takes all numbers, as the only lane there is.
    pub(super) alone: bool,
}

/// A range of the staged rows, by the blocks of their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub from: u32,
    pub to: u32,
}

impl Chunk {
    /// As SQL compares it with `ctid`.
    pub(super) fn bounds(self) -> (String, String) {
        (format!("({},0)", self.from), format!("({},0)", self.to))
    }
}

/// A row that a later one of the same files repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    pub row_no: i64,
    pub number: CustomerNumber,
    pub legal_entity: LegalEntity,
    /// The row that counts.
    pub by: i64,
}

impl Superseded {
    /// The line of the file that the row begins on.
    pub fn line(&self) -> u64 {
        line_of(self.row_no)
    }

    pub fn line_that_counts(&self) -> u64 {
        line_of(self.by)
    }
}

/// How the session differs from those that answer people: it may take its
/// time, and only its last commit waits for the disk. What a person is told of
/// an imported row is written after it, and so is no sooner safe than the row.
const SETTINGS: &str = "
    SET statement_timeout = 0;
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = 0;
    SET synchronous_commit = off;
    SET plan_cache_mode = force_custom_plan;
    SET jit = off;
    SET enable_seqscan = on;
    SET work_mem = '64MB';
    SET maintenance_work_mem = '256MB';
    SELECT set_config(name, '1s', false) FROM pg_settings
     WHERE name = 'client_connection_check_interval'";

const STAGE: &str = "
    CREATE TEMPORARY TABLE staged (
        row_no            bigint NOT NULL,
        legal_entity      text COLLATE \"C\" NOT NULL,
        customer_number   text NOT NULL,
        repeats           boolean NOT NULL,
        customer_id       uuid,
        kind              text,
        is_b2b            boolean,
        name              text,
        email_original    text,
        email_canonical   text COLLATE \"C\",
        state             text,
        replaced_by       text,
        source_changed_at timestamptz,
        digest            bytea
    )";

impl Store {
    /// A session for an import, with nothing staged. `alone`: there is no other.
    pub async fn lane(&self, number: usize, alone: bool) -> Result<Lane, StoreError> {
        let session = self.own_session("an import").await?;
        session.batch_execute(SETTINGS).await?;
        session.batch_execute(STAGE).await?;
        Ok(Lane {
            session,
            number: i16::try_from(number).unwrap_or_default(),
            alone,
        })
    }
}

impl Lane {
    pub(super) async fn begin(&self) -> Result<(), StoreError> {
        const SQL: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
        self.session.batch_execute(SQL).await
    }

    /// Begins a transaction about a few rows, each of which an index finds. A
    /// table that is being filled is larger than its statistics say, and by
    /// them, reading all of a legal entity may look cheaper.
    pub(super) async fn begin_by_index(&self) -> Result<(), StoreError> {
        const SQL: &str = "
            BEGIN ISOLATION LEVEL READ COMMITTED;
            SET LOCAL enable_hashjoin = off;
            SET LOCAL enable_mergejoin = off;
            SET LOCAL enable_material = off;
            SET LOCAL enable_bitmapscan = off;
            SET LOCAL enable_seqscan = off";
        self.session.batch_execute(SQL).await
    }

    pub(super) async fn commit(&self) -> Result<(), StoreError> {
        self.session.batch_execute("COMMIT").await
    }

    /// Ends a transaction that a statement of it has broken. The lane goes on.
    pub async fn roll_back(&self) -> Result<(), StoreError> {
        self.session.batch_execute("ROLLBACK").await
    }

    /// Keeps out sign-ups that create customers, until the transaction ends.
    pub(super) async fn hold_gate(&self, legal_entity: &LegalEntity) -> Result<(), StoreError> {
        const SQL: &str = "
            SELECT 1
              FROM import_gate
             WHERE legal_entity = $1
               AND lane = $2
               FOR UPDATE";
        self.session
            .query_opt(SQL, &[&legal_entity.as_str(), &self.number])
            .await?
            .ok_or(StoreError::Corrupt("import_gate"))?;
        Ok(())
    }

    /// Takes rows until `next` has no more. One lane stages at a time what one
    /// statement takes.
    pub async fn stage<F>(&self, mut next: F) -> Result<(), StoreError>
    where
        F: AsyncFnMut() -> Option<Vec<u8>>,
    {
        const SQL: &str = "
            COPY staged (row_no, legal_entity, customer_number, repeats, customer_id, kind, is_b2b,
                         name, email_original, email_canonical, state, replaced_by,
                         source_changed_at, digest)
            FROM STDIN";
        let mut sink = pin!(self.session.copy_in(SQL).await?);
        while let Some(rows) = next().await {
            sink.send(Cursor::new(rows)).await?;
        }
        sink.close().await?;
        Ok(())
    }

    /// Sets aside the rows that a later row of the same number repeats: the
    /// last one counts. Rows that were rejected repeat nothing. `some`:
    /// whether a row may be there that does.
    pub async fn settle(&self, some: bool) -> Result<u64, StoreError> {
        const SET_ASIDE: &str = "
            CREATE TEMPORARY TABLE superseded AS
            SELECT row_no, legal_entity, customer_number, counts
              FROM (SELECT row_no, legal_entity, customer_number,
                           max(row_no) OVER (PARTITION BY legal_entity, customer_number) AS counts
                      FROM staged
                     WHERE kind IS NOT NULL
                       AND (legal_entity, customer_number) IN (
                           SELECT legal_entity, customer_number FROM staged WHERE repeats)) AS rows
             WHERE row_no < counts";
        const TAKE_OUT: &str = "
            DELETE FROM staged USING superseded WHERE staged.row_no = superseded.row_no";
        self.session.batch_execute("ANALYZE staged").await?;
        if !some {
            return Ok(0);
        }
        self.session.batch_execute(SET_ASIDE).await?;
        self.session.execute(TAKE_OUT, &[]).await
    }

    /// The rows set aside, in their order, up to a thousand after `after`.
    pub async fn superseded(&self, after: i64) -> Result<Vec<Superseded>, StoreError> {
        const SQL: &str = "
            SELECT row_no, legal_entity, customer_number, counts
              FROM superseded
             WHERE row_no > $1
             ORDER BY row_no
             LIMIT 1000";
        let rows = self.session.query(SQL, &[&after]).await?;
        rows.iter()
            .map(|row| {
                Ok(Superseded {
                    row_no: row.try_get(0)?,
                    legal_entity: LegalEntity::parse(row.try_get(1)?)
                        .ok_or(StoreError::Corrupt("superseded.legal_entity"))?,
                    number: super::super::columns::read_number(row.try_get(2)?)?,
                    by: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Looks at the customers anew when they have become twice as many as the
    /// statistics know, without which the chunks would not be found by index.
    pub async fn refresh_statistics(&self) -> Result<(), StoreError> {
        const IS_OUTGROWN: &str = "
            SELECT reltuples < 0
                   OR pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint
              FROM pg_class
             WHERE oid = 'customer'::regclass";
        if self.session.query_one(IS_OUTGROWN, &[]).await?.try_get(0)? {
            self.session.batch_execute("ANALYZE customer").await?;
        }
        Ok(())
    }

    /// How many blocks the staged rows take.
    pub async fn staged_blocks(&self) -> Result<u32, StoreError> {
        self.blocks_of("staged").await
    }

    pub(super) async fn blocks_of(&self, table: &str) -> Result<u32, StoreError> {
        const SQL: &str = "
            SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint";
        let blocks: i64 = self.session.query_one(SQL, &[&table]).await?.try_get(0)?;
        u32::try_from(blocks).map_err(|_| StoreError::Corrupt("pg_relation_size"))
    }

    /// The legal entities that some staged row of the range belongs to.
    pub async fn legal_entities_in(&self, chunk: Chunk) -> Result<Vec<LegalEntity>, StoreError> {
        const SQL: &str = "
            SELECT DISTINCT legal_entity
              FROM staged
             WHERE ctid >= $1::text::tid
               AND ctid < $2::text::tid
             ORDER BY legal_entity";
        let (from, to) = chunk.bounds();
        let rows = self.session.query(SQL, &[&from, &to]).await?;
        rows.iter()
            .map(|row| {
                LegalEntity::parse(row.try_get(0)?)
                    .ok_or(StoreError::Corrupt("staged.legal_entity"))
            })
            .collect()
    }

    /// Passes over the numbers up to `highest`: a sign-up must not be given one
    /// that the file is about to bring.
    pub async fn pass_over_numbers(
        &self,
        legal_entity: &LegalEntity,
        highest: i64,
    ) -> Result<(), StoreError> {
        // Never back: a number may be drawn at this very moment.
        const SQL: &str = "
            SELECT setval(quote_ident('customer_number_' || $1)::regclass, $2)
             WHERE nextval(quote_ident('customer_number_' || $1)::regclass) < $2";
        self.session
            .query_opt(SQL, &[&legal_entity.as_str(), &highest])
            .await?;
        Ok(())
    }

    /// How the legal entity writes its own numbers: prefix and width.
    pub async fn number_format(
        &self,
        legal_entity: &LegalEntity,
    ) -> Result<Option<(String, usize)>, StoreError> {
        const SQL: &str = "
            SELECT number_prefix, number_width
              FROM legal_entity
             WHERE legal_entity = $1";
        let row = self
            .session
            .query_opt(SQL, &[&legal_entity.as_str()])
            .await?;
        row.map(|row| {
            let width: i16 = row.try_get(1)?;
            Ok((row.try_get(0)?, usize::try_from(width).unwrap_or_default()))
        })
        .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbers_last_character_chooses_its_lane() {
        let cases = [("C000002", 0), ("C000003", 1), ("A", 1), ("Ä", 0), ("ß", 1)];
        for (number, lane) in cases {
            let number = CustomerNumber::parse(number).unwrap();
            assert_eq!(lane_of(&number), lane, "{number}");
        }
    }
}
