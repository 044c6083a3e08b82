//! Imports against `psql \copy`, in one run on a server of their own.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::processes::peak_memory;
use super::stage::say;
use crate::cli::Context;
use crate::domain::customer::LegalEntity;
use crate::import::customer_rows::CustomerRows;
use crate::import::engine::{Plan, Summary, Told, import_customers};
use crate::import::meter::Meter;
use crate::import::profile::Profile;
use crate::import::progress::{Phase, Progress};
use crate::import::row::{Rejected, Unreadable};
use crate::import::sample::{Layout, Sample};
use crate::import::source::Source;
use crate::import::table::Reading;
use crate::import::{ImportError, Input, Rejects};
use crate::store::baseline::{BaselineError, psql_copy};
use crate::store::embedded::{Durability, Embedded, EmbeddedError, Options};
use crate::store::imports::Feed;
use crate::store::legal_entities::NumberFormat;
use crate::store::{Limits, Statements, Store, StoreError, StoreSettings};

/// The company that all the customers are of.
const LEGAL_ENTITY: &str = "USMF";

/// What each way of importing is to reach, as a multiple of psql's speed.
const GOALS: [(&str, f64); 3] = [
    ("first load", 1.2),
    ("into a table with customers", 0.8),
    ("again, nothing changed", 1.6),
];

/// Import made-up customers, and load the same with `psql \copy`
#[derive(Debug, Args)]
pub(super) struct ImportBench {
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum BenchError {
    #[error("psql cannot be started: {0}. It comes with PostgreSQL's client programs")]
    NoPsql(io::Error),
    #[error("psql failed: {0}")]
    Psql(ExitStatus),
    #[error("{0} of the {1} rows came in: what was measured is not what was meant")]
    Incomplete(u64, u64),
    #[error("the bench's files cannot be written: {0}")]
    Files(#[from] io::Error),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

/// A folder that goes away with everything in it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is found by its name.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Silent;

impl Progress for Silent {
    fn begin(&self, _phase: Phase, _of: Option<u64>) {}
    fn reached(&self, _done: u64, _rows: u64) {}
}

impl Rejects for Silent {
    fn reject(&mut self, _file: &str, _rejected: &Rejected) -> io::Result<()> {
        Ok(())
    }
}

/// The server and the file that everything is measured with.
struct Bench {
    server: Embedded,
    file: PathBuf,
    legal_entity: LegalEntity,
}

impl ImportBench {
    pub(super) async fn run(self, context: &Context) -> Result<(), BenchError> {
        let folder = context
            .data_dir()
            .join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let folder = Scratch(folder.canonicalize()?);
        let Some(legal_entity) = LegalEntity::parse(LEGAL_ENTITY) else {
            return Ok(());
        };
        say(format_args!("making up {} customers", self.rows));
        let file = folder.0.join("customers.csv");
        let sample = Sample {
            count: self.rows,
            seed: 1,
            legal_entities: vec![LEGAL_ENTITY.to_owned()],
            layout: Layout::Idlink,
        };
        sample.write(BufWriter::new(File::create(&file)?))?;
        let bench = Bench {
            server: Embedded::start_or_join(Options {
                data_dir: folder.0.join("postgres"),
                durability: Durability::Durable,
                max_connections: 20,
            })
            .await?,
            file,
            legal_entity,
        };
        let measured = bench.measure(&folder.0).await;
        bench.server.stop().await?;
        self.report(&measured?);
        Ok(())
    }

    fn report(&self, measured: &Measured) {
        let psql = measured.psql.as_secs_f64();
        let figures = GOALS.iter().zip(measured.ours);
        if self.json {
            let ours: Vec<_> = figures
                .map(|((what, goal), took)| {
                    json!({
                        "what": what,
                        "seconds": took.as_secs_f64(),
                        "ratio": psql / took.as_secs_f64(),
                        "goal": goal,
                    })
                })
                .collect();
            let all = json!({
                "rows": self.rows,
                "psql_copy_seconds": psql,
                "imports": ours,
                "peak_memory_bytes": measured.peak_memory,
            });
            println!("{all}");
            return;
        }
        let rate = |seconds: f64| (self.rows as f64 / seconds).round();
        println!(
            "{} rows{:>30} {:>12} {:>8} {:>6}",
            self.rows, "s", "rows/s", "ratio", "goal"
        );
        println!(
            "{:<34} {psql:>8.1} {:>12}",
            "psql \\copy, indexed table",
            rate(psql)
        );
        for ((what, goal), took) in figures {
            let took = took.as_secs_f64();
            let ratio = psql / took;
            let verdict = if ratio >= *goal { "" } else { "  missed" };
            println!(
                "{:<34} {took:>8.1} {:>12} {ratio:>8.2} {goal:>6}{verdict}",
                format!("idlink import, {what}"),
                rate(took)
            );
        }
        if let Some(bytes) = measured.peak_memory {
            println!("most memory of idlink itself: {} MB", bytes / 1_000_000);
        }
    }
}

struct Measured {
    psql: Duration,
    /// In the order of [`GOALS`].
    ours: [Duration; 3],
    peak_memory: Option<u64>,
}

impl Bench {
    /// Each measurement on a table of its own; the first one's customers are
    /// what psql loads.
    async fn measure(&self, folder: &Path) -> Result<Measured, BenchError> {
        let empty = self.database("first").await?;
        let (first, summary) = self.import("first load", &empty).await?;
        let rows: u64 = summary.legal_entities.iter().map(|(_, c)| c.rows).sum();
        let (again, summary) = self.import("again", &empty).await?;
        let unchanged: u64 = summary
            .legal_entities
            .iter()
            .map(|(_, counts)| counts.unchanged + counts.superseded)
            .sum();
        if unchanged + summary.rejected < rows {
            return Err(BenchError::Incomplete(unchanged, rows));
        }
        let exported = folder.join("baseline.csv");
        empty
            .export_customers(BufWriter::new(File::create(&exported)?))
            .await?;
        empty.close();

        let psql = self.psql(&exported).await?;

        let inhabited = self.database("inhabited").await?;
        self.add_one(folder, &inhabited).await?;
        let (upsert, _) = self
            .import("into a table with customers", &inhabited)
            .await?;
        inhabited.close();
        Ok(Measured {
            psql,
            ours: [first, upsert, again],
            peak_memory: peak_memory(std::process::id()),
        })
    }

    async fn database(&self, name: &str) -> Result<Store, BenchError> {
        self.server.ensure_database(name).await?;
        let store = Store::new(StoreSettings {
            config: self.server.config(name),
            tls: None,
            connections: 4,
            limits: Limits::default(),
            statements: Statements::Prepared,
        })?;
        store.migrate().await?;
        store
            .ensure_legal_entity(&self.legal_entity, &NumberFormat::default())
            .await?;
        Ok(store)
    }

    async fn import(&self, what: &str, store: &Store) -> Result<(Duration, Summary), BenchError> {
        store.settle_down().await?;
        say(format_args!("importing: {what}"));
        self.import_file(&self.file, store).await
    }

    /// A table with a single customer is loaded row by row like any other.
    async fn add_one(&self, folder: &Path, store: &Store) -> Result<(), BenchError> {
        let file = folder.join("one.csv");
        let mut one = File::create(&file)?;
        one.write_all(
            b"customer_number,kind,type,name,email\nONE,person,b2c,One,one@example.org\n",
        )?;
        self.import_file(&file, store).await?;
        Ok(())
    }

    async fn import_file(
        &self,
        file: &Path,
        store: &Store,
    ) -> Result<(Duration, Summary), BenchError> {
        let begun = Instant::now();
        let meter = Meter::default();
        let source = Source::named(file);
        let rows = CustomerRows::open(&source, &Reading::of(Profile::idlink()), &meter)?;
        let plan = Plan {
            legal_entities: vec![self.legal_entity.clone()],
            feed: Feed::Delta,
            dry_run: false,
            max_errors: u64::MAX,
            max_shrink: 0,
            source_time: None,
            actor: "bench".to_owned(),
        };
        let told = Told {
            meter,
            size: None,
            rejects: Box::new(Silent),
            progress: Arc::new(Silent),
        };
        let input = Input {
            name: source.name(),
            rows: Box::new(rows) as Box<_>,
        };
        let summary = import_customers(store, plan, vec![input], told).await?;
        Ok((begun.elapsed(), summary))
    }

    async fn psql(&self, file: &Path) -> Result<Duration, BenchError> {
        let store = self.database("baseline").await?;
        store.settle_down().await?;
        store.close();
        say(format_args!("loading the same with psql"));
        let begun = Instant::now();
        let status = tokio::process::Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1"])
            .args(["-d", &self.server.connection_string("baseline")])
            .args(["-c", &psql_copy(&file.display().to_string())])
            .status()
            .await
            .map_err(BenchError::NoPsql)?;
        match status.success() {
            true => Ok(begun.elapsed()),
            false => Err(BenchError::Psql(status)),
        }
    }
}
