//! The first customers of all: loaded apart, indexed, put in place.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::StoreError;
use super::lane::Lane;
use crate::domain::customer::LegalEntity;
use crate::domain::email::CANONICAL_VERSION;

/// How often the last step tries to get the table to itself. Whoever uses it
/// then is not kept waiting for long.
const SWAPS: usize = 40;

/// What a first load came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstLoad {
    /// By legal entity, how many customers there are now.
    Done(Vec<(LegalEntity, u64)>),
    /// There are customers, or the table is not ours alone: rows go in one by
    /// one.
    Impossible,
}

impl Lane {
    /// Makes the table to load into, where that is possible.
    pub async fn begin_first_load(&self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT begin_first_load()";
        Ok(self.session.query_one(SQL, &[]).await?.try_get(0)?)
    }

    /// Drops what a load that died has left, unless one is under way.
    pub async fn clear_first_load(&self) -> Result<(), StoreError> {
        const LEFT: &str = "
            SELECT CASE WHEN EXISTS (SELECT 1
                                       FROM pg_class
                                      WHERE oid = to_regclass('customer_first_load')
                                        AND pg_has_role(relowner, 'USAGE'))
                        THEN pg_try_advisory_lock(7316295142) ELSE false END";
        let left: bool = self.session.query_one(LEFT, &[]).await?.try_get(0)?;
        match left {
            true => self.leave_first_load().await,
            false => Ok(()),
        }
    }

    /// Lets another session load.
    pub async fn leave_first_load(&self) -> Result<(), StoreError> {
        const SQL: &str = "
            DROP TABLE IF EXISTS customer_first_load;
            SELECT pg_advisory_unlock(7316295142)";
        self.session.batch_execute(SQL).await
    }

    async fn load(
        &self,
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Vec<(LegalEntity, u64)>, StoreError> {
        const LOAD: &str = "
            INSERT INTO customer_first_load
                        (legal_entity, customer_id, customer_number, kind, is_b2b, name,
                         email_original, email_canonical, email_version, email_origin,
                         state, origin, created_at, changed_at,
                         imported_digest, imported_state, import_id, source_changed_at)
                 SELECT legal_entity, customer_id, customer_number, kind, is_b2b, name,
                        email_original, email_canonical,
                        CASE WHEN email_canonical IS NOT NULL THEN $3::smallint END,
                        CASE WHEN email_original IS NOT NULL THEN 'imported' END,
                        state, 'import', $2, $2, digest, state, $1, source_changed_at
                   FROM staged
                  WHERE kind IS NOT NULL
                    AND replaced_by IS NULL";
        const COUNT: &str = "
            SELECT legal_entity, count(*)
              FROM staged
             WHERE kind IS NOT NULL
               AND replaced_by IS NULL
             GROUP BY legal_entity";
        self.session
            .execute(LOAD, &[&import_id, &now, &CANONICAL_VERSION])
            .await?;
        let rows = self.session.query(COUNT, &[]).await?;
        rows.iter()
            .map(|row| {
                let code = LegalEntity::parse(row.try_get(0)?)
                    .ok_or(StoreError::Corrupt("staged.legal_entity"))?;
                let count: i64 = row.try_get(1)?;
                Ok((code, u64::try_from(count).unwrap_or_default()))
            })
            .collect()
    }

    async fn indexes(&self) -> Result<VecDeque<String>, StoreError> {
        const SQL: &str = "
            SELECT relname::text
              FROM pg_index
              JOIN pg_class ON pg_class.oid = indexrelid
             WHERE indrelid = 'customer'::regclass
             ORDER BY relname";
        let rows = self.session.query(SQL, &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Builds one index after the other, as long as there are some.
    async fn index(&self, names: &Mutex<VecDeque<String>>) -> Result<(), StoreError> {
        const SQL: &str = "SELECT index_first_load($1)";
        let next = || {
            let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
            names.pop_front()
        };
        while let Some(name) = next() {
            self.session.execute(SQL, &[&name]).await?;
        }
        Ok(())
    }

    /// Whether the loaded table is in place now. A moment in which somebody
    /// uses the table, or another one, is waited for again and again.
    async fn swap(&self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT end_first_load()";
        for _ in 0..SWAPS {
            self.begin().await?;
            self.session
                .batch_execute("SET LOCAL lock_timeout = '100ms'")
                .await?;
            let swapped = match self.session.query_one(SQL, &[]).await {
                Ok(row) => row.try_get(0)?,
                Err(error) => {
                    let waiting = matches!(
                        &error,
                        StoreError::Refused { code, .. } if code == "55P03" || code == "40P01"
                    );
                    self.roll_back().await?;
                    if !waiting {
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            self.commit().await?;
            return Ok(swapped);
        }
        Ok(false)
    }
}

/// Loads everything that is staged in `lanes`, the first of which has begun.
/// `indexing` is called when the rows are in.
pub async fn first_load(
    lanes: &[Lane],
    import_id: Uuid,
    now: OffsetDateTime,
    indexing: impl Fn(),
) -> Result<FirstLoad, StoreError> {
    let Some(first) = lanes.first() else {
        return Ok(FirstLoad::Impossible);
    };
    let loaded = try_join_all(lanes.iter().map(|lane| lane.load(import_id, now))).await?;
    indexing();
    let names = Mutex::new(first.indexes().await?);
    try_join_all(lanes.iter().map(|lane| lane.index(&names))).await?;
    for step in [
        "SELECT constrain_first_load()",
        "SELECT check_first_load()",
        "ANALYZE customer_first_load",
    ] {
        first.session.batch_execute(step).await?;
    }
    let swapped = first.swap().await?;
    first.leave_first_load().await?;
    Ok(match swapped {
        true => FirstLoad::Done(loaded.into_iter().flatten().collect()),
        false => FirstLoad::Impossible,
    })
}
