//! The database that everything is measured with: a server of its own, a
//! population, and whether both may be used again.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use time::OffsetDateTime;

use super::failure::BenchFailure;
use super::population::{LEGAL_ENTITY, Population};
use super::processes::Tree;
use crate::domain::customer::LegalEntity;
use crate::import::customer_rows::CustomerRows;
use crate::import::engine::{Plan, Told, import_customers};
use crate::import::meter::Meter;
use crate::import::profile::Profile;
use crate::import::progress::{Phase, Progress};
use crate::import::row::Rejected;
use crate::import::source::Source;
use crate::import::table::Reading;
use crate::import::{Input, Rejects};
use crate::store::embedded::{Durability, Embedded, Options};
use crate::store::features::{AUTOMATIC_LINKING, Switch};
use crate::store::imports::Feed;
use crate::store::legal_entities::NumberFormat;
use crate::store::{Limits, Statements, Store, StoreSettings};

/// For the service, pgbench with as many clients as there may be, and peers.
const CONNECTIONS: u16 = 400;

/// Whoever measures after that is told by their figures.
const LONGEST_TIDYING: Duration = Duration::from_secs(300);

/// Where a bench keeps what it needs.
pub(super) struct Folder {
    path: PathBuf,
    kept: Kept,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

impl Folder {
    /// `keep`: a folder that stays, and whose data are used again.
    pub(super) fn make(keep: Option<&Path>, data_dir: &Path) -> Result<Self, BenchFailure> {
        let (path, kept) = match keep {
            Some(path) => (path.to_owned(), Kept::Yes),
            None => {
                let name = format!("bench-{}", std::process::id());
                (data_dir.join(name), Kept::No)
            }
        };
        let at = |source| BenchFailure::File {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&path).map_err(at)?;
        Ok(Self {
            path: path.canonicalize().map_err(at)?,
            kept,
        })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.kept == Kept::No {
            // What is left is found by its name.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The server, and the files of everything that is started beside it.
pub(super) struct Stage {
    pub(super) folder: Folder,
    server: Embedded,
}

/// One population in a database of its own.
pub(super) struct Customers {
    pub(super) population: Population,
    pub(super) database: String,
    pub(super) store: Store,
}

/// A certificate of ours and its key.
pub(super) struct Certificate {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Stage {
    pub(super) async fn set_up(folder: Folder) -> Result<Self, BenchFailure> {
        let options = Options {
            data_dir: folder.file("postgres"),
            durability: Durability::Durable,
            max_connections: CONNECTIONS,
        };
        say(format_args!("starting PostgreSQL"));
        let server = Embedded::start_or_join(options.clone()).await?;
        let store = open(&server, "postgres")?;
        store.set_up_for_load().await?;
        store.close();
        server.stop().await?;
        let server = Embedded::start_or_join(options).await?;
        Ok(Self { folder, server })
    }

    pub(super) async fn stop(self) -> Result<(), BenchFailure> {
        Ok(self.server.stop().await?)
    }

    /// All processes of the server.
    pub(super) fn processes(&self) -> Tree {
        Tree::of(self.server.postmaster_pid())
    }

    pub(super) fn connection_string(&self, database: &str) -> String {
        self.server.connection_string(database)
    }

    /// `postgres (PostgreSQL) 15.18` as people say it.
    pub(super) async fn version(&self) -> String {
        let program = self.processes().program();
        let program = program.unwrap_or_else(|| PathBuf::from("postgres"));
        let output = tokio::process::Command::new(program)
            .arg("--version")
            .output();
        let text = output.await.map(|output| output.stdout).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let number = text
            .split_whitespace()
            .nth(2)
            .unwrap_or("of unknown version");
        format!("PostgreSQL {number}")
    }

    /// So many customers, loaded unless they are there already. What earlier
    /// runs have asked is taken away.
    pub(super) async fn customers(&self, customers: u64) -> Result<Customers, BenchFailure> {
        let database = format!("customers_{customers}");
        let population = Population::of(customers);
        let done = self.folder.file(&format!("{database}.loaded"));
        let entity = legal_entity()?;
        self.server.ensure_database(&database).await?;
        let store = open(&self.server, &database)?;
        store.migrate().await?;
        store
            .ensure_legal_entity(&entity, &NumberFormat::default())
            .await?;
        let (switch, now) = (Switch::On, OffsetDateTime::now_utc());
        store
            .turn_feature(AUTOMATIC_LINKING, switch, "bench", now)
            .await?;
        store.forget_attempts().await?;
        if !done.exists() {
            self.load(&store, population, entity).await?;
            File::create(&done).map_err(|source| BenchFailure::File { path: done, source })?;
        }
        store.settle_down().await?;
        wait_for_quiet(&store).await?;
        Ok(Customers {
            population,
            database,
            store,
        })
    }

    async fn load(
        &self,
        store: &Store,
        population: Population,
        entity: LegalEntity,
    ) -> Result<(), BenchFailure> {
        let customers = population.customers();
        say(format_args!("making up {customers} customers"));
        let path = self.folder.file("customers.csv");
        let at = |source| BenchFailure::File {
            path: path.clone(),
            source,
        };
        let file = File::create(&path).map_err(at)?;
        population.write(BufWriter::new(file)).map_err(at)?;
        let meter = Meter::default();
        let source = Source::named(&path);
        let rows = CustomerRows::open(&source, &Reading::of(Profile::idlink()), &meter)?;
        let plan = Plan {
            legal_entities: vec![entity],
            feed: Feed::Delta,
            dry_run: false,
            max_errors: 0,
            max_shrink: 0,
            source_time: None,
            actor: "bench".to_owned(),
        };
        let told = Told {
            meter,
            size: None,
            rejects: Box::new(Spoken),
            progress: Arc::new(Spoken),
        };
        let input = Input {
            name: source.name(),
            rows: Box::new(rows) as Box<_>,
        };
        let summary = import_customers(store, plan, vec![input], told).await?;
        let added: u64 = summary.legal_entities.iter().map(|(_, c)| c.added).sum();
        if added != customers {
            return Err(BenchFailure::Incomplete { added, customers });
        }
        fs::remove_file(&path).map_err(at)?;
        say(format_args!("tidying up"));
        store.tidy_up().await?;
        Ok(())
    }

    /// A certificate for this machine, of the kind that README recommends.
    pub(super) fn certificate(&self) -> Result<Certificate, BenchFailure> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
        let made = Certificate {
            certificate: self.folder.file("tls.pem"),
            key: self.folder.file("tls.key"),
        };
        for (path, text) in [
            (&made.certificate, cert.pem()),
            (&made.key, signing_key.serialize_pem()),
        ] {
            fs::write(path, text).map_err(|source| BenchFailure::File {
                path: path.clone(),
                source,
            })?;
        }
        Ok(made)
    }
}

fn legal_entity() -> Result<LegalEntity, BenchFailure> {
    LegalEntity::parse(LEGAL_ENTITY).ok_or(BenchFailure::LegalEntity)
}

/// What the server does of its own accord after a load would be measured, too.
async fn wait_for_quiet(store: &Store) -> Result<(), BenchFailure> {
    let until = Instant::now() + LONGEST_TIDYING;
    while store.is_tidying_up().await? && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

fn open(server: &Embedded, database: &str) -> Result<Store, BenchFailure> {
    Ok(Store::new(StoreSettings {
        config: server.config(database),
        tls: None,
        connections: 4,
        limits: Limits::default(),
        statements: Statements::default(),
    })?)
}

/// For whoever waits; the figures alone go to standard output.
pub(super) fn say(text: std::fmt::Arguments<'_>) {
    eprintln!("{text} …");
}

/// Says which part of an import has begun.
struct Spoken;

impl Progress for Spoken {
    fn begin(&self, phase: Phase, _of: Option<u64>) {
        match phase {
            Phase::Reading => say(format_args!("loading them")),
            Phase::Indexing => say(format_args!("indexing them")),
            Phase::Comparing | Phase::Applying | Phase::Replacing | Phase::Removing => {}
        }
    }

    fn reached(&self, _done: u64, _rows: u64) {}
}

impl Rejects for Spoken {
    fn reject(&mut self, _file: &str, _rejected: &Rejected) -> io::Result<()> {
        Ok(())
    }
}
