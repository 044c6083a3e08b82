//! Staged rows applied: chunk by chunk, both lanes at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::ImportError;
use super::engine::Shared;
use super::intake::Intake;
use super::progress::Phase;
use super::row::Rejected;
use crate::domain::customer::{CustomerNumber, LegalEntity};
use crate::store::imports::{
    Applied, Chunk, Counts, FirstLoad, LINE_BITS, Lane, Preview, Replacements, Successor,
    first_load,
};
use crate::store::{Again, StoreError};

/// How long a chunk should take. Whoever is to be created at a sign-up waits
/// for it, and 250 ms are the most that may be.
const CHUNK: Duration = Duration::from_millis(100);

/// The blocks of the first chunk, and the most that one may have.
const FIRST: u32 = 8;
const MOST: u32 = 4096;

/// From so many rows on, an empty table is loaded apart and indexed then.
const FIRST_LOAD: u64 = 20_000;

/// How often a chunk is run again that met somebody.
const TRIES: u32 = 20;

/// The sizes of chunks, after how long the last one took.
struct Pace {
    blocks: u32,
}

impl Pace {
    fn new() -> Self {
        Self { blocks: FIRST }
    }

    fn next(&self, from: u32, end: u32) -> Chunk {
        Chunk {
            from,
            to: from.saturating_add(self.blocks).min(end),
        }
    }

    /// At most twice as many as before: the next rows may be dearer.
    fn took(&mut self, time: Duration) {
        let spent = time.as_micros().max(1);
        let fitting = u128::from(self.blocks) * CHUNK.as_micros() / spent;
        let fitting = u32::try_from(fitting).unwrap_or(MOST);
        self.blocks = fitting.min(self.blocks.saturating_mul(2)).clamp(1, MOST);
    }
}

/// What an import has come to so far, by legal entity.
pub(super) struct Tally {
    counts: Vec<(LegalEntity, Counts)>,
    withheld: Vec<u64>,
    unplaced: Vec<u64>,
}

impl Tally {
    pub(super) fn new(legal_entities: &[LegalEntity]) -> Self {
        let counts = legal_entities
            .iter()
            .map(|entity| (entity.clone(), Counts::default()));
        Self {
            counts: counts.collect(),
            withheld: vec![0; legal_entities.len()],
            unplaced: vec![0; legal_entities.len()],
        }
    }

    fn of(&mut self, legal_entity: &LegalEntity) -> Option<(usize, &mut Counts)> {
        let mut counts = self.counts.iter_mut().enumerate();
        let (n, (_, counts)) = counts.find(|(_, (code, _))| code == legal_entity)?;
        Some((n, counts))
    }

    fn applied(&mut self, legal_entity: &LegalEntity, applied: Applied) {
        if let Some((n, counts)) = self.of(legal_entity) {
            counts.added += applied.added;
            counts.changed += applied.changed;
            counts.returned += applied.returned;
            counts.for_review += applied.for_review;
            if let Some(withheld) = self.withheld.get_mut(n) {
                *withheld += applied.withheld;
            }
        }
    }

    fn replaced(&mut self, legal_entity: &LegalEntity, done: &Replacements) {
        if let Some((n, counts)) = self.of(legal_entity) {
            counts.replaced += done.replaced;
            counts.links_moved += done.links_moved;
            counts.for_review += done.for_review;
            if let Some(withheld) = self.withheld.get_mut(n) {
                *withheld += done.withheld;
            }
            if let Some(unplaced) = self.unplaced.get_mut(n) {
                *unplaced += done.unplaced.len() as u64;
            }
        }
    }

    fn legal_entities(&self) -> Vec<LegalEntity> {
        self.counts.iter().map(|(code, _)| code.clone()).collect()
    }

    pub(super) fn gone(&mut self, n: usize, gone: u64) {
        if let Some((_, counts)) = self.counts.get_mut(n) {
            counts.gone += gone;
        }
    }

    pub(super) fn previewed(&mut self, n: usize, preview: &Preview) {
        if let Some((_, counts)) = self.counts.get_mut(n) {
            counts.added = preview.added;
            counts.changed = preview.changed;
            counts.returned = preview.returned;
            counts.replaced = preview.replaced;
            counts.for_review = preview.withheld;
        }
        if let Some(withheld) = self.withheld.get_mut(n) {
            *withheld = preview.withheld;
        }
    }

    /// What is left says nothing new.
    pub(super) fn finish(self, intake: &Intake, rejected: u64) -> Vec<(LegalEntity, Counts)> {
        let aside = self.withheld.into_iter().zip(self.unplaced);
        self.counts
            .into_iter()
            .zip(&intake.read)
            .zip(aside)
            .map(|(((code, counts), read), (withheld, unplaced))| {
                let told = counts.added
                    + counts.changed
                    + counts.superseded
                    + counts.replaced
                    + withheld
                    + unplaced;
                let counts = Counts {
                    rows: read.rows,
                    rejected,
                    unchanged: read.rows.saturating_sub(told),
                    ..counts
                };
                (code, counts)
            })
            .collect()
    }
}

/// What a round over the replaced rows came to.
#[derive(Default)]
struct Round {
    replaced: u64,
    waiting: u64,
    unplaced: u64,
}

/// The sessions of an import and what they share.
pub(super) struct Lanes {
    pub(super) lanes: Vec<Lane>,
    pub(super) import_id: Uuid,
    /// Of the files, by their place.
    pub(super) names: Arc<[String]>,
    pub(super) shared: Arc<Shared>,
}

impl Lanes {
    /// The lane that holds the claim.
    pub(super) fn first(&self) -> Result<&Lane, ImportError> {
        self.lanes.first().ok_or(ImportError::LaneClosed)
    }

    fn name(&self, row_no: i64) -> &str {
        let file = usize::try_from(row_no >> LINE_BITS).unwrap_or_default();
        self.names.get(file).map_or("", String::as_str)
    }

    /// The last row of each number counts; the others are reported.
    pub(super) async fn settle(&self, repeats: bool, tally: &mut Tally) -> Result<(), ImportError> {
        let settled = self.lanes.iter().map(|lane| lane.settle(repeats));
        let settled = try_join_all(settled).await?;
        for (lane, set_aside) in self.lanes.iter().zip(settled) {
            if set_aside > 0 {
                self.report_superseded(lane, tally).await?;
            }
        }
        Ok(())
    }

    async fn report_superseded(&self, lane: &Lane, tally: &mut Tally) -> Result<(), ImportError> {
        let mut after = i64::MIN;
        loop {
            let rows = lane.superseded(after).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.row_no;
            for row in &rows {
                if let Some((_, counts)) = tally.of(&row.legal_entity) {
                    counts.superseded += 1;
                }
                let line = row.line_that_counts();
                let by = match row.row_no >> LINE_BITS == row.by >> LINE_BITS {
                    true => format!("line {line}"),
                    false => format!("line {line} of {}", self.name(row.by)),
                };
                let rejected = Rejected {
                    line: row.line(),
                    column: None,
                    reason: format!("has a number that {by} repeats; the last row counts"),
                    number: Some(row.number.clone()),
                    legal_entity: Some(Arc::new(row.legal_entity.clone())),
                    original: None,
                };
                self.shared.reject(self.name(row.row_no), &rejected)?;
            }
        }
    }

    /// Loads everything into an empty table, if that is possible and worth it.
    pub(super) async fn load(&self, rows: u64, tally: &mut Tally) -> Result<bool, ImportError> {
        let first = self.first()?;
        if rows < FIRST_LOAD {
            first.clear_first_load().await?;
            return Ok(false);
        }
        if !first.begin_first_load().await? {
            return Ok(false);
        }
        let progress = self.shared.progress();
        progress.begin(Phase::Applying, None);
        let indexing = || progress.begin(Phase::Indexing, None);
        let now = OffsetDateTime::now_utc();
        let FirstLoad::Done(loaded) =
            first_load(&self.lanes, self.import_id, now, indexing).await?
        else {
            return Ok(false);
        };
        for (legal_entity, added) in loaded {
            if let Some((_, counts)) = tally.of(&legal_entity) {
                counts.added += added;
            }
        }
        Ok(true)
    }

    /// Applies everything that is staged and replaced by nothing.
    pub(super) async fn apply(&self, tally: &mut Tally) -> Result<(), ImportError> {
        let blocks = try_join_all(self.lanes.iter().map(Lane::staged_blocks)).await?;
        let of = blocks.iter().map(|blocks| u64::from(*blocks)).sum();
        self.shared.progress().begin(Phase::Applying, Some(of));
        let done = Mutex::new((0_u64, tally));
        let applying = self.lanes.iter().zip(blocks).enumerate();
        let applying = applying.map(|(n, (lane, blocks))| {
            let done = &done;
            async move {
                let mut pace = Pace::new();
                let mut from = 0;
                while from < blocks {
                    if n == 0 {
                        lane.refresh_statistics().await?;
                    }
                    let chunk = pace.next(from, blocks);
                    for legal_entity in lane.legal_entities_in(chunk).await? {
                        let begun = Instant::now();
                        let applied = self.apply_chunk(lane, &legal_entity, chunk).await?;
                        pace.took(begun.elapsed());
                        let (_, tally) = &mut *lock(done);
                        tally.applied(&legal_entity, applied);
                    }
                    let (blocks_done, tally) = &mut *lock(done);
                    *blocks_done += u64::from(chunk.to - chunk.from);
                    let rows = tally.counts.iter().map(|(_, c)| c.added + c.changed).sum();
                    self.shared.progress().reached(*blocks_done, rows);
                    from = chunk.to;
                }
                Ok::<_, ImportError>(())
            }
        });
        try_join_all(applying).await?;
        Ok(())
    }

    async fn apply_chunk(
        &self,
        lane: &Lane,
        legal_entity: &LegalEntity,
        chunk: Chunk,
    ) -> Result<Applied, StoreError> {
        again(lane, || {
            lane.apply(
                legal_entity,
                chunk,
                self.import_id,
                OffsetDateTime::now_utc(),
            )
        })
        .await
    }

    /// Merges what is replaced, one lane after the other: the survivor may be
    /// in either, and what is done must not depend on who is faster. A row whose
    /// survivor has been replaced itself, and was never heard of before, waits
    /// for the next round. Returns how many rows could not be followed.
    pub(super) async fn replace(&self, tally: &mut Tally) -> Result<u64, ImportError> {
        for lane in &self.lanes {
            lane.find_replaced().await?;
        }
        let mut unplaced = 0;
        loop {
            let mut round = Round::default();
            self.replace_round(tally, &mut round).await?;
            unplaced += round.unplaced;
            if round.waiting == 0 {
                return Ok(unplaced);
            }
            if round.replaced == 0 {
                return Ok(unplaced + self.strand(tally).await?);
            }
        }
    }

    async fn replace_round(&self, tally: &mut Tally, round: &mut Round) -> Result<(), ImportError> {
        for lane in &self.lanes {
            let mut after = i64::MIN;
            loop {
                let rows = lane.replaced(after).await?;
                let Some(last) = rows.last() else {
                    break;
                };
                after = last.row_no;
                for (legal_entity, rows) in by_legal_entity(rows) {
                    let done = again(lane, || {
                        lane.replace(
                            &legal_entity,
                            &rows,
                            self.import_id,
                            OffsetDateTime::now_utc(),
                        )
                    })
                    .await?;
                    round.unplaced += self.report(&legal_entity, &done)?;
                    round.waiting += done.waiting;
                    round.replaced += done.replaced;
                    tally.replaced(&legal_entity, &done);
                }
            }
        }
        Ok(())
    }

    /// Reports the rows whose survivor never came.
    async fn strand(&self, tally: &mut Tally) -> Result<u64, ImportError> {
        let mut stranded = 0;
        for lane in &self.lanes {
            let mut after = i64::MIN;
            loop {
                let rows = lane.replaced(after).await?;
                let Some(last) = rows.last() else {
                    break;
                };
                after = last.row_no;
                for (legal_entity, rows) in by_legal_entity(rows) {
                    let done = Replacements {
                        unplaced: rows.iter().map(Successor::stranded).collect(),
                        ..Replacements::default()
                    };
                    stranded += self.report(&legal_entity, &done)?;
                    tally.replaced(&legal_entity, &done);
                }
            }
        }
        Ok(stranded)
    }

    fn report(&self, legal_entity: &LegalEntity, done: &Replacements) -> Result<u64, ImportError> {
        for row in &done.unplaced {
            let rejected = Rejected {
                line: row.line(),
                column: None,
                reason: row.reason.to_owned(),
                number: CustomerNumber::parse(&row.number),
                legal_entity: Some(Arc::new(legal_entity.clone())),
                original: None,
            };
            self.shared.reject(self.name(row.row_no), &rejected)?;
        }
        Ok(done.unplaced.len() as u64)
    }

    /// Marks who was found missing as gone.
    pub(super) async fn mark_gone(&self, tally: &mut Tally) -> Result<(), ImportError> {
        for lane in &self.lanes {
            let blocks = lane.vanished_blocks().await?;
            let mut pace = Pace::new();
            let mut from = 0;
            while from < blocks {
                let chunk = pace.next(from, blocks);
                let begun = Instant::now();
                for (n, legal_entity) in tally.legal_entities().into_iter().enumerate() {
                    let gone = again(lane, || {
                        lane.mark_gone(
                            &legal_entity,
                            chunk,
                            self.import_id,
                            OffsetDateTime::now_utc(),
                        )
                    })
                    .await?;
                    tally.gone(n, gone);
                }
                pace.took(begun.elapsed());
                from = chunk.to;
            }
        }
        Ok(())
    }
}

/// Runs a transaction of a lane again as long as somebody stood in its way.
/// A lane that lost its connection has lost its rows, and is not tried again.
pub(super) async fn again<T, F>(lane: &Lane, run: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 0;
    loop {
        match run().await {
            Ok(done) => return Ok(done),
            Err(error @ StoreError::Refused { .. })
                if error.again() == Again::Worthwhile && tries < TRIES =>
            {
                lane.roll_back().await?;
                tries += 1;
                tracing::debug!(%error, "a chunk of an import is tried again");
                tokio::time::sleep(Duration::from_millis(10) * tries).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn by_legal_entity(rows: Vec<Successor>) -> Vec<(LegalEntity, Vec<Successor>)> {
    let mut groups: Vec<(LegalEntity, Vec<Successor>)> = Vec::new();
    for row in rows {
        match groups
            .iter_mut()
            .find(|(code, _)| *code == row.legal_entity)
        {
            Some((_, group)) => group.push(row),
            None => groups.push((row.legal_entity.clone(), vec![row])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_get_smaller_at_once_and_larger_step_by_step() {
        let mut pace = Pace::new();
        pace.took(Duration::from_millis(10));
        assert_eq!(pace.blocks, 16, "no more than twice as many");
        pace.took(Duration::from_millis(400));
        assert_eq!(pace.blocks, 4);
        pace.took(Duration::from_secs(60));
        assert_eq!(pace.blocks, 1);
        assert_eq!(pace.next(6, 7), Chunk { from: 6, to: 7 });
        for _ in 0..20 {
            pace.took(Duration::ZERO);
        }
        assert_eq!(pace.blocks, MOST);
        assert_eq!(pace.next(5, 7), Chunk { from: 5, to: 7 });
    }
}
