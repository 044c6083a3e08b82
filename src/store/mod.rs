//! PostgreSQL. The only module that writes SQL.
//!
//! Three habits hold everywhere in it, each for a failure that was measured:
//! a query is never cancelled (a cancelled COMMIT of a synchronously
//! replicated server reports success without the standby having it), a
//! connection that was left in the middle of something is closed instead of
//! returned to the pool, and rows are locked in a statement of their own before
//! the rows that depend on them are read.

pub mod address;
pub mod attempts;
pub mod audit;
pub mod baseline;
pub mod census;
mod columns;
pub mod customers;
pub mod embedded;
pub mod features;
pub mod imports;
pub mod legal_entities;
pub mod links;
pub mod migrations;
pub mod outbox;

use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Timeouts,
};
use tokio::time::Instant;
use tokio_postgres::NoTls;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How to reach the database and how long to wait for it.
#[derive(Clone)]
pub struct StoreSettings {
    pub config: tokio_postgres::Config,
    /// `None` for the embedded server's socket and for plain TCP.
    pub tls: Option<rustls::ClientConfig>,
    pub connections: usize,
    pub limits: Limits,
}

/// How long each part of asking the database may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a connection of the pool to become free.
    pub wait: Duration,
    /// For a new connection.
    pub connect: Duration,
    /// For a row lock that somebody else holds.
    pub lock: Duration,
    /// For one statement.
    pub statement: Duration,
}

/// The limits that leave room for a second try within a user flow's 5 s.
impl Default for Limits {
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(500),
            connect: Duration::from_millis(1000),
            lock: Duration::from_millis(800),
            statement: Duration::from_millis(1500),
        }
    }
}

/// What can go wrong between us and the database. Holds nobody's data: the
/// driver's own error prints the values that broke a constraint, so it ends
/// here.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database cannot be reached: {reason}")]
    Unreachable { reason: String },
    #[error("no database connection became free in time")]
    Busy,
    #[error(
        "the database refused a statement: SQLSTATE {code}{}",
        named(constraint)
    )]
    Refused { code: String, constraint: String },
    #[error("a stored value cannot be right: {0}")]
    Corrupt(&'static str),
    #[error("the schema could not be brought up to date: {0}")]
    Migration(String),
}

fn named(constraint: &str) -> String {
    match constraint {
        "" => String::new(),
        name => format!(", constraint {name}"),
    }
}

/// Whether the same transaction may succeed when it is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Worthwhile,
    Pointless,
}

impl StoreError {
    /// Whether to run the same transaction, with the same identifiers, again.
    ///
    /// A lost connection is worthwhile although its COMMIT may have happened:
    /// the second run finds what the first one left. So is a full pool: others
    /// may be waiting in it for a lock that this address has no part in.
    pub fn again(&self) -> Again {
        match self {
            Self::Unreachable { .. } | Self::Busy => Again::Worthwhile,
            Self::Refused { code, .. } if is_passing(code) => Again::Worthwhile,
            Self::Refused { .. } | Self::Corrupt(_) | Self::Migration(_) => Again::Pointless,
        }
    }

    /// Whether this is a violation of the constraint `name`. By prefix: a
    /// distributed table's constraints carry the shard's number behind.
    pub fn violates(&self, name: &str) -> bool {
        match self {
            Self::Refused { code, constraint } => {
                code == SqlState::UNIQUE_VIOLATION.code() && constraint.starts_with(name)
            }
            Self::Unreachable { .. } | Self::Busy | Self::Corrupt(_) | Self::Migration(_) => false,
        }
    }
}

/// Serialization failure, deadlock, lock not available, unique violation, and
/// everything that a dying or restarting server says.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "40001" | "40P01" | "55P03" | "23505" | "57P01" | "57P02" | "57P03" | "25006"
    ) || code.starts_with("08")
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::Refused {
                code: db.code().code().to_owned(),
                constraint: db.constraint().unwrap_or_default().to_owned(),
            },
            // Without a message from the server the text names a kind of
            // failure (closed, timed out, a parameter by its place), no value.
            None => Self::Unreachable {
                reason: error.to_string(),
            },
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(deadpool_postgres::TimeoutType::Create) => Self::Unreachable {
                reason: "connecting took too long".to_owned(),
            },
            PoolError::Timeout(_) => Self::Busy,
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Unreachable {
                    reason: "the pool is closed".to_owned(),
                }
            }
        }
    }
}

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
}

impl Store {
    /// Makes the pool; nothing is connected before the first question.
    pub fn new(settings: StoreSettings) -> Result<Self, StoreError> {
        let mut config = settings.config;
        let options = session_options(config.get_options(), &settings.limits);
        config
            .application_name("idlink")
            // A replica may not know yet what was decided a moment ago.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(settings.limits.connect)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(Duration::from_secs(10))
            .options(options);
        let how = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match settings.tls {
            Some(tls) => Manager::from_config(config, MakeRustlsConnect::new(tls), how),
            None => Manager::from_config(config, NoTls, how),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.connections)
            .timeouts(Timeouts {
                wait: Some(settings.limits.wait),
                create: Some(settings.limits.connect),
                recycle: Some(Duration::from_millis(200)),
            })
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unreachable {
                reason: error.to_string(),
            })?;
        Ok(Self { pool })
    }

    /// Whether the database answers now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        connection.client()?.simple_query("SELECT 1").await?;
        connection.give_back();
        Ok(())
    }

    /// Connections in use and allowed, for the health page.
    pub fn load(&self) -> (usize, usize) {
        let status = self.pool.status();
        (
            status.size.saturating_sub(status.available),
            status.max_size,
        )
    }

    /// Closes the pool; what is under way ends with its connection.
    pub fn close(&self) {
        self.pool.close();
    }

    async fn connection(&self) -> Result<Connection, StoreError> {
        Ok(Connection {
            object: Some(self.pool.get().await?),
        })
    }

    /// Begins a transaction at READ COMMITTED: each statement sees what was
    /// committed before it, which is what makes lock first, read next, work.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let connection = self.connection().await?;
        connection
            .client()?
            .batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            .await?;
        Ok(Transaction { connection })
    }
}

fn session_options(given: Option<&str>, limits: &Limits) -> String {
    format!(
        "{} -c lock_timeout={} -c statement_timeout={} \
         -c idle_in_transaction_session_timeout=3000 -c synchronous_commit=on -c timezone=UTC",
        given.unwrap_or_default(),
        limits.lock.as_millis(),
        limits.statement.as_millis(),
    )
}

/// A connection that is closed unless it is given back: whoever is stopped in
/// the middle of a statement must not leave it to the next one.
struct Connection {
    object: Option<Object>,
}

impl Connection {
    fn client(&self) -> Result<&Object, StoreError> {
        self.object
            .as_ref()
            .ok_or(StoreError::Corrupt("a connection that was given back"))
    }

    /// Returns the connection to the pool, idle and outside a transaction.
    fn give_back(mut self) {
        drop(self.object.take());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

/// A transaction under way. Dropping it closes its connection, which ends it
/// without sending the server a cancellation.
pub struct Transaction {
    connection: Connection,
}

impl Transaction {
    fn client(&self) -> Result<&Object, StoreError> {
        self.connection.client()
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    pub async fn roll_back(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(self, how: &'static str) -> Result<(), StoreError> {
        self.client()?.batch_execute(how).await?;
        self.connection.give_back();
        Ok(())
    }
}

/// How often one request runs its transaction again, and until when.
pub struct Tries {
    left: u8,
    until: Instant,
}

impl Tries {
    /// Three runs in all, none begun after `until`.
    pub fn until(until: Instant) -> Self {
        Self { left: 2, until }
    }

    /// Waits before another run, or hands back the error that ended the last.
    pub async fn another(&mut self, error: StoreError) -> Result<(), StoreError> {
        let pause = Duration::from_millis(rand::random_range(20..=120));
        let in_time = Instant::now() + pause < self.until;
        if self.left == 0 || !in_time || error.again() == Again::Pointless {
            return Err(error);
        }
        self.left -= 1;
        tracing::debug!(%error, "the store is tried again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
