//! Imports: who runs one, what became of it, and how fresh a feed is.
//!
//! An import works on sessions of its own, its lanes. What a file says goes
//! into a temporary table of each lane first, so that nothing is applied of a
//! file that cannot be read to its end; and whoever dies takes along the
//! table, and the lock that keeps a second import of the legal entity out.

mod copy;
mod gone;
mod lane;
mod link_rows;
mod load;
mod preview;
mod replacement;
mod review;
mod said;
mod upsert;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::customer::LegalEntity;

pub use copy::{LINE_BITS, Staged, StagedEmail, Unstorable, row_no};
pub use gone::Vanished;
pub use lane::{Chunk, LANES, Lane, Superseded, lane_of};
pub use link_rows::{FoundCustomer, Kept, NewLink, StagedLink, StandingIdentity};
pub use load::{FirstLoad, first_load};
pub use preview::Preview;
pub use replacement::{Replacements, Successor, Unplaced};
pub use review::Review;
pub use upsert::Applied;

/// What kind of rows an import brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportKind {
    Customers,
    Links,
}

impl ImportKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Links => "links",
        }
    }
}

/// What it means that somebody is not in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// They are gone.
    Full,
    /// Nothing.
    Delta,
}

impl Feed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Delta => "delta",
        }
    }
}

/// An import that begins.
#[derive(Clone, Debug)]
pub struct NewImport {
    pub import_id: Uuid,
    pub kind: ImportKind,
    pub feed: Feed,
    pub actor: String,
    pub started_at: OffsetDateTime,
    pub source_time: Option<OffsetDateTime>,
}

/// Whether the legal entity is ours to import into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    Ours,
    /// Another import is under way; with its beginning, if it has said so.
    Held(Option<Holder>),
}

/// Who imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub actor: String,
    pub started_at: OffsetDateTime,
}

/// What an import has come to, for one legal entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub rows: u64,
    pub rejected: u64,
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Rows that a later one of the same file repeats.
    pub superseded: u64,
    pub for_review: u64,
    pub gone: u64,
    pub returned: u64,
    pub replaced: u64,
    pub links_moved: u64,
}

/// How an import ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Completed,
    Failed,
}

/// How fresh the customers of a legal entity are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    pub legal_entity: LegalEntity,
    pub completed_at: OffsetDateTime,
    /// By the source's own account, where a feed gave one.
    pub source_time: Option<OffsetDateTime>,
}

/// A line of the list of imports.
#[derive(Clone, Debug)]
pub struct ImportFile {
    pub import_id: Uuid,
    pub kind: String,
    pub feed: String,
    pub state: String,
    pub actor: String,
    pub started_at: OffsetDateTime,
    pub finished_at: Option<OffsetDateTime>,
    pub counts: Counts,
}

/// How long a lock may outlive whoever held it: the server looks every second
/// whether a client is still there.
const DYING: Duration = Duration::from_secs(3);

impl Lane {
    /// Keeps every other import of the legal entity out while this lane lives,
    /// and writes down that this one runs. What is found running then had died.
    pub async fn claim(
        &self,
        legal_entity: &LegalEntity,
        import: &NewImport,
    ) -> Result<Claimed, StoreError> {
        const LOCK: &str = "SELECT pg_try_advisory_lock($1)";
        const STALE: &str = "
            UPDATE import
               SET state = 'interrupted', finished_at = $2
             WHERE legal_entity = $1
               AND state = 'running'";
        const BEGIN: &str = "
            INSERT INTO import (legal_entity, import_id, kind, feed, state, actor, started_at,
                                source_time)
                 VALUES ($1, $2, $3, $4, 'running', $5, $6, $7)";
        let until = Instant::now() + DYING;
        let key = lock_key(legal_entity);
        loop {
            let locked: bool = self.session.query_one(LOCK, &[&key]).await?.try_get(0)?;
            if locked {
                break;
            }
            if Instant::now() >= until {
                return Ok(Claimed::Held(self.holder(legal_entity).await?));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let code = legal_entity.as_str();
        self.session
            .execute(STALE, &[&code, &import.started_at])
            .await?;
        self.session
            .execute(
                BEGIN,
                &[
                    &code,
                    &import.import_id,
                    &import.kind.as_str(),
                    &import.feed.as_str(),
                    &import.actor,
                    &import.started_at,
                    &import.source_time,
                ],
            )
            .await?;
        Ok(Claimed::Ours)
    }

    async fn holder(&self, legal_entity: &LegalEntity) -> Result<Option<Holder>, StoreError> {
        const SQL: &str = "
            SELECT actor, started_at
              FROM import
             WHERE legal_entity = $1
               AND state = 'running'
             ORDER BY started_at DESC
             LIMIT 1";
        let row = self
            .session
            .query_opt(SQL, &[&legal_entity.as_str()])
            .await?;
        row.map(|row| {
            Ok(Holder {
                actor: row.try_get(0)?,
                started_at: row.try_get(1)?,
            })
        })
        .transpose()
    }

    /// Writes down how an import ended; a completed one of customers moves the
    /// watermark. This commit waits for the disk, and so for everything that
    /// the import has written before it.
    pub async fn end(
        &self,
        legal_entity: &LegalEntity,
        import: &NewImport,
        end: &End,
    ) -> Result<(), StoreError> {
        const MARK: &str = "
            INSERT INTO feed_watermark (legal_entity, import_id, completed_at, source_time)
                 VALUES ($1, $2, $3, $4)
            ON CONFLICT (legal_entity) DO UPDATE
                    SET import_id = excluded.import_id,
                        completed_at = excluded.completed_at,
                        source_time = CASE WHEN excluded.source_time IS NOT NULL
                            THEN greatest(feed_watermark.source_time, excluded.source_time) END";
        self.begin().await?;
        self.session
            .batch_execute("SET LOCAL synchronous_commit = on")
            .await?;
        self.write_end(legal_entity, import, end).await?;
        if end.ending == Ending::Completed && import.kind == ImportKind::Customers {
            self.session
                .execute(
                    MARK,
                    &[
                        &legal_entity.as_str(),
                        &import.import_id,
                        &end.at,
                        &import.source_time,
                    ],
                )
                .await?;
        }
        if end.ending == Ending::Completed {
            self.tell_of_import(legal_entity, import, end).await?;
        }
        self.commit().await
    }

    async fn write_end(
        &self,
        legal_entity: &LegalEntity,
        import: &NewImport,
        end: &End,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE import
               SET state = $3, finished_at = $4, file_digest = $5, file_bytes = $6,
                   rejected = $7, rows_read = $8, added = $9, changed = $10, unchanged = $11,
                   superseded = $12, for_review = $13, gone = $14, returned = $15,
                   replaced = $16, links_moved = $17
             WHERE legal_entity = $1
               AND import_id = $2";
        let state = match end.ending {
            Ending::Completed => "completed",
            Ending::Failed => "failed",
        };
        let counts = end.counts;
        let [rejected, rows, added, changed, unchanged, superseded] = [
            counts.rejected,
            counts.rows,
            counts.added,
            counts.changed,
            counts.unchanged,
            counts.superseded,
        ]
        .map(column);
        let [review, gone, returned, replaced, moved] = [
            counts.for_review,
            counts.gone,
            counts.returned,
            counts.replaced,
            counts.links_moved,
        ]
        .map(column);
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &import.import_id,
                    &state,
                    &end.at,
                    &end.file_digest.as_slice(),
                    &column(end.file_bytes),
                    &rejected,
                    &rows,
                    &added,
                    &changed,
                    &unchanged,
                    &superseded,
                    &review,
                    &gone,
                    &returned,
                    &replaced,
                    &moved,
                ],
            )
            .await?;
        Ok(())
    }
}

/// What is written down at the end.
#[derive(Clone, Debug)]
pub struct End {
    pub ending: Ending,
    pub at: OffsetDateTime,
    pub file_digest: [u8; 32],
    pub file_bytes: u64,
    pub counts: Counts,
}

fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The key of a legal entity's import among the database's advisory locks.
fn lock_key(legal_entity: &LegalEntity) -> i64 {
    let text = format!("idlink import {}", legal_entity.as_str());
    let digest = digest(&SHA256, text.as_bytes());
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    i64::from_be_bytes(key)
}

impl Store {
    /// How fresh each legal entity's customers are; those that never had a
    /// complete import are not in it.
    pub async fn watermarks(&self) -> Result<Vec<Watermark>, StoreError> {
        const SQL: &str = "
            SELECT legal_entity, completed_at, source_time
              FROM feed_watermark
             ORDER BY legal_entity";
        let rows = self.query(SQL, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Watermark {
                    legal_entity: LegalEntity::parse(row.try_get(0)?)
                        .ok_or(StoreError::Corrupt("feed_watermark.legal_entity"))?,
                    completed_at: row.try_get(1)?,
                    source_time: row.try_get(2)?,
                })
            })
            .collect()
    }

    /// The last imports of a legal entity, newest first, a hundred at most.
    pub async fn imports(&self, legal_entity: &LegalEntity) -> Result<Vec<ImportFile>, StoreError> {
        const SQL: &str = "
            SELECT import_id, kind, feed, state, actor, started_at, finished_at, rows_read,
                   rejected, added, changed, unchanged, superseded, for_review, gone, returned,
                   replaced, links_moved
              FROM import
             WHERE legal_entity = $1
             ORDER BY started_at DESC
             LIMIT 100";
        let rows = self.query(SQL, &[&legal_entity.as_str()]).await?;
        rows.iter().map(import_file).collect()
    }
}

fn import_file(row: &Row) -> Result<ImportFile, StoreError> {
    let count = |name: &str| -> Result<u64, StoreError> {
        u64::try_from(row.try_get::<_, i64>(name)?).map_err(|_| StoreError::Corrupt("import"))
    };
    Ok(ImportFile {
        import_id: row.try_get("import_id")?,
        kind: row.try_get("kind")?,
        feed: row.try_get("feed")?,
        state: row.try_get("state")?,
        actor: row.try_get("actor")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        counts: Counts {
            rows: count("rows_read")?,
            rejected: count("rejected")?,
            added: count("added")?,
            changed: count("changed")?,
            unchanged: count("unchanged")?,
            superseded: count("superseded")?,
            for_review: count("for_review")?,
            gone: count("gone")?,
            returned: count("returned")?,
            replaced: count("replaced")?,
            links_moved: count("links_moved")?,
        },
    })
}
