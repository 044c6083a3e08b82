//! Customers out of files into the store.
//!
//! Everything is read and staged before anything is applied. What is applied
//! goes in by short chunks between which people sign up, each of them safe by
//! itself: an import that is killed is run again and goes on where the rows
//! say something new.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join_all, try_join_all};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::ImportError;
use super::apply::{Lanes, Tally};
use super::intake::{Format, Input, Intake, Reader, Rejects, names};
use super::meter::Meter;
use super::progress::{Phase, Progress};
use super::row::{CustomerRecord, Rejected};
use crate::domain::customer::LegalEntity;
use crate::store::Store;
use crate::store::imports::{
    Claimed, Counts, End, Ending, Feed, ImportKind, LANES, Lane, NewImport, Preview, Vanished,
};

/// How many portions may wait for a lane.
const WAITING: usize = 4;

/// What the operator asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whose rows are taken. A row of any other is rejected.
    pub legal_entities: Vec<LegalEntity>,
    pub feed: Feed,
    /// Say what would happen, and do nothing.
    pub dry_run: bool,
    /// With more rejected rows, nothing of the files is applied.
    pub max_errors: u64,
    /// How many of a hundred customers a full feed may leave out.
    pub max_shrink: u8,
    pub source_time: Option<OffsetDateTime>,
    pub actor: String,
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Summary {
    pub legal_entities: Vec<(LegalEntity, Counts)>,
    /// Of a dry run, in the same order.
    pub previews: Vec<Preview>,
    pub rejected: u64,
    /// A full feed took nobody for gone: rejected rows name nobody, and may be
    /// anybody's.
    pub kept_everybody: bool,
    /// Everything went into an empty table, which was indexed afterwards.
    pub first_load: bool,
}

/// What the thread that reads and the tasks that write both tell.
pub(super) struct Shared {
    meter: Meter,
    rejects: Mutex<Box<dyn Rejects>>,
    progress: Arc<dyn Progress>,
}

impl Shared {
    pub(super) fn new(
        meter: Meter,
        rejects: Box<dyn Rejects>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        Self {
            meter,
            rejects: Mutex::new(rejects),
            progress,
        }
    }

    pub(super) fn reject(&self, file: &str, rejected: &Rejected) -> Result<(), ImportError> {
        let mut rejects = self.rejects.lock().unwrap_or_else(PoisonError::into_inner);
        rejects
            .reject(file, rejected)
            .map_err(ImportError::RejectsLost)
    }

    /// The files are read up to where the meter stands.
    pub(super) fn read(&self, rows: u64) {
        self.progress.reached(self.meter.bytes(), rows);
    }

    pub(super) fn progress(&self) -> &dyn Progress {
        self.progress.as_ref()
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }
}

/// Imports customers. `meter` measures the inputs' files, `size` is what it
/// will come to where that is known.
pub async fn import_customers(
    store: &Store,
    plan: Plan,
    inputs: Vec<Input<CustomerRecord>>,
    told: Told,
) -> Result<Summary, ImportError> {
    let shared = Arc::new(Shared::new(told.meter, told.rejects, told.progress));
    let import = NewImport {
        import_id: Uuid::now_v7(),
        kind: ImportKind::Customers,
        feed: plan.feed,
        actor: plan.actor.clone(),
        started_at: OffsetDateTime::now_utc(),
        source_time: plan.source_time,
    };
    let count = if plan.dry_run { 1 } else { LANES };
    let lanes = (0..count).map(|number| store.lane(number, count == 1));
    let lanes = try_join_all(lanes).await?;
    let run = Run {
        lanes: Lanes {
            lanes,
            import_id: import.import_id,
            names: names(&inputs),
            shared: shared.clone(),
        },
        plan: Arc::new(plan),
        import,
        size: told.size,
    };
    if run.plan.dry_run {
        return run.preview(inputs).await;
    }
    claim(run.lanes.first()?, &run.plan.legal_entities, &run.import).await?;
    let mut summary = Summary::default();
    let result = run.go(inputs, &mut summary).await;
    let ending = match &result {
        Ok(()) => Ending::Completed,
        Err(_) => Ending::Failed,
    };
    let ended = run.end(ending, &summary).await;
    result?;
    ended?;
    Ok(summary)
}

/// Whom an import tells what.
pub struct Told {
    pub meter: Meter,
    /// The size of all files, where it is known.
    pub size: Option<u64>,
    pub rejects: Box<dyn Rejects>,
    pub progress: Arc<dyn Progress>,
}

/// Claims all legal entities, always in the same order, so that two imports of
/// several never wait for each other.
pub(super) async fn claim(
    lane: &Lane,
    legal_entities: &[LegalEntity],
    import: &NewImport,
) -> Result<(), ImportError> {
    let mut sorted: Vec<_> = legal_entities.iter().collect();
    sorted.sort();
    for legal_entity in sorted {
        match lane.claim(legal_entity, import).await? {
            Claimed::Ours => {}
            Claimed::Held(holder) => {
                return Err(ImportError::Held {
                    legal_entity: legal_entity.clone(),
                    holder,
                });
            }
        }
    }
    Ok(())
}

/// An import under way.
struct Run {
    lanes: Lanes,
    plan: Arc<Plan>,
    import: NewImport,
    size: Option<u64>,
}

impl Run {
    async fn go(
        &self,
        inputs: Vec<Input<CustomerRecord>>,
        summary: &mut Summary,
    ) -> Result<(), ImportError> {
        let intake = self.stage(inputs).await?;
        summary.rejected = intake.rejected;
        let mut tally = Tally::new(&self.plan.legal_entities);
        let progress = self.lanes.shared.progress();
        progress.begin(Phase::Comparing, None);
        self.lanes.settle(intake.repeats, &mut tally).await?;
        summary.kept_everybody = self.plan.feed == Feed::Full && intake.anonymous;
        let marks_gone = self.plan.feed == Feed::Full && !intake.anonymous;
        if marks_gone {
            self.find_vanished().await?;
        }
        for (legal_entity, read) in self.plan.legal_entities.iter().zip(&intake.read) {
            if let Some(highest) = read.highest {
                let lane = self.lanes.first()?;
                lane.pass_over_numbers(legal_entity, highest).await?;
            }
        }
        let rows = intake.read.iter().map(|read| read.rows).sum();
        summary.first_load = self.lanes.load(rows, &mut tally).await?;
        if !summary.first_load {
            self.lanes.apply(&mut tally).await?;
        }
        if intake.replaced {
            progress.begin(Phase::Replacing, None);
            summary.rejected += self.lanes.replace(&mut tally).await?;
        }
        if marks_gone {
            progress.begin(Phase::Removing, None);
            self.lanes.mark_gone(&mut tally).await?;
        }
        summary.legal_entities = tally.finish(&intake, summary.rejected);
        Ok(())
    }

    /// Reads the files on a thread of their own and stages what they say.
    async fn stage(&self, inputs: Vec<Input<CustomerRecord>>) -> Result<Intake, ImportError> {
        let formats = self.formats().await?;
        self.lanes
            .shared
            .progress()
            .begin(Phase::Reading, self.size);
        let (senders, receivers): (Vec<_>, Vec<_>) = self
            .lanes
            .lanes
            .iter()
            .map(|_| mpsc::channel(WAITING))
            .unzip();
        let (plan, shared) = (self.plan.clone(), self.lanes.shared.clone());
        let reading = tokio::task::spawn_blocking(move || {
            Reader::new(&plan, &shared, &formats, senders).read(inputs)
        });
        let staging =
            self.lanes
                .lanes
                .iter()
                .zip(receivers)
                .map(|(lane, mut receiver)| async move {
                    lane.stage(async || receiver.recv().await).await
                });
        // A file that ends too early ends the rows, not the staging.
        let staged = join_all(staging).await;
        let intake = reading.await.map_err(|_| ImportError::ReaderDied)?;
        match intake {
            Err(ImportError::LaneClosed) | Ok(_) => {
                for staged in staged {
                    staged?;
                }
            }
            Err(_) => {}
        }
        intake
    }

    async fn formats(&self) -> Result<Vec<Format>, ImportError> {
        let lane = self.lanes.first()?;
        let mut formats = Vec::new();
        for legal_entity in &self.plan.legal_entities {
            let (prefix, width) = lane
                .number_format(legal_entity)
                .await?
                .ok_or_else(|| ImportError::UnknownLegalEntity(legal_entity.clone()))?;
            formats.push(Format { prefix, width });
        }
        Ok(formats)
    }

    /// Finds who is not in the files, before anything is applied: too many of
    /// them mean that the file is not what it seems.
    async fn find_vanished(&self) -> Result<(), ImportError> {
        for legal_entity in &self.plan.legal_entities {
            let mut all = Vanished::default();
            for found in try_join_all(
                self.lanes
                    .lanes
                    .iter()
                    .map(|lane| lane.find_vanished(legal_entity)),
            )
            .await?
            {
                all.missing += found.missing;
                all.of += found.of;
            }
            let limit = u128::from(self.plan.max_shrink) * u128::from(all.of);
            if u128::from(all.missing) * 100 > limit {
                return Err(ImportError::TooManyGone {
                    legal_entity: legal_entity.clone(),
                    missing: all.missing,
                    of: all.of,
                    limit: self.plan.max_shrink,
                });
            }
        }
        Ok(())
    }

    async fn end(&self, ending: Ending, summary: &Summary) -> Result<(), ImportError> {
        let lane = self.lanes.first()?;
        if ending == Ending::Failed {
            // Whatever statement failed may have left its transaction open.
            lane.roll_back().await?;
        }
        let meter = self.lanes.shared.meter();
        for legal_entity in &self.plan.legal_entities {
            let found = summary
                .legal_entities
                .iter()
                .find(|(code, _)| code == legal_entity);
            let at = OffsetDateTime::now_utc();
            if ending == Ending::Completed {
                lane.close_reviews(legal_entity, &self.import, at).await?;
            }
            let end = End {
                ending,
                at,
                file_digest: meter.digest(),
                file_bytes: meter.bytes(),
                counts: found.map(|(_, counts)| *counts).unwrap_or(Counts {
                    rejected: summary.rejected,
                    ..Counts::default()
                }),
            };
            lane.end(legal_entity, &self.import, &end).await?;
        }
        Ok(())
    }

    async fn preview(&self, inputs: Vec<Input<CustomerRecord>>) -> Result<Summary, ImportError> {
        let intake = self.stage(inputs).await?;
        let mut tally = Tally::new(&self.plan.legal_entities);
        let lane = self.lanes.first()?;
        let progress = self.lanes.shared.progress();
        progress.begin(Phase::Comparing, None);
        self.lanes.settle(intake.repeats, &mut tally).await?;
        let mut summary = Summary {
            rejected: intake.rejected,
            kept_everybody: self.plan.feed == Feed::Full && intake.anonymous,
            ..Summary::default()
        };
        for (n, legal_entity) in self.plan.legal_entities.iter().enumerate() {
            let preview = lane.preview(legal_entity, self.plan.feed).await?;
            if self.plan.feed == Feed::Full && !intake.anonymous {
                tally.gone(n, lane.find_vanished(legal_entity).await?.missing);
            }
            tally.previewed(n, &preview);
            summary.previews.push(preview);
        }
        summary.legal_entities = tally.finish(&intake, summary.rejected);
        Ok(summary)
    }
}
