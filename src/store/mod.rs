//! PostgreSQL. The only module that writes SQL.
//!
//! Three habits hold everywhere in it, each for a failure that was measured:
//! a query is never cancelled (a cancelled COMMIT of a synchronously
//! replicated server reports success without the standby having it), a
//! connection that was left in the middle of something is closed instead of
//! returned to the pool, and rows are locked in a statement of their own before
//! the rows that depend on them are read. The first two are kept by
//! [`session`], the one way to run a statement.

pub mod address;
pub mod attempts;
pub mod audit;
pub mod baseline;
mod batches;
pub mod candidates;
pub mod census;
mod columns;
pub mod customers;
pub mod duplicates;
pub mod embedded;
pub mod features;
pub mod feeds;
pub mod imports;
pub mod legal_entities;
pub mod links;
pub mod migrations;
pub mod outbox;
mod param;
mod remember;
pub mod reviews;
mod session;
mod sessions;
pub mod sign_ups;

use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use batches::{Batches, Bounds};
use param::Param;
use remember::Repeated;
use session::Session;
use sessions::Sessions;
use sign_ups::SignUp;

use crate::tracked::Tracked;
pub use session::Statements;
pub(crate) use session::{InOrder, pipelined};
pub(crate) use sessions::BY_INDEX;

/// How to reach the database and how long to wait for it.
#[derive(Clone)]
pub struct StoreSettings {
    pub config: tokio_postgres::Config,
    /// `None` for the embedded server's socket and for plain TCP.
    pub tls: Option<rustls::ClientConfig>,
    pub connections: usize,
    pub limits: Limits,
    pub statements: Statements,
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
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database cannot be reached: {reason}")]
    Unreachable { reason: String },
    #[error("the database is busy: no connection, or no place before it, became free in time")]
    Busy,
    #[error(
        "the database refused a statement: SQLSTATE {code}{}{}",
        named(constraint),
        explained(code)
    )]
    Refused { code: String, constraint: String },
    #[error("a stored value cannot be right: {0}")]
    Corrupt(&'static str),
    #[error("the schema could not be brought up to date: {0}")]
    Migration(String),
    #[error(
        "{0} keeps a session to itself, which a pooler that `database.statements = \"unnamed\"` \
         is for does not give: run the command with `IDLINK__DATABASE__STATEMENTS=prepared` and \
         an `IDLINK__DATABASE__URL` that leads to the database itself"
    )]
    Pooled(&'static str),
}

fn named(constraint: &str) -> String {
    match constraint {
        "" => String::new(),
        name => format!(", constraint {name}"),
    }
}

/// What poolers say who know nothing of start-up options and of names that
/// statements have.
fn explained(code: &str) -> &'static str {
    match code {
        "08P01" | "26000" | "42P05" => {
            "; where PgBouncer or another pooler of transactions is between, set \
             `database.statements = \"unnamed\"`"
        }
        _ => "",
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
            Self::Refused { .. } | Self::Corrupt(_) | Self::Migration(_) | Self::Pooled(_) => {
                Again::Pointless
            }
        }
    }

    /// Whether one of several things that a statement was about may be the
    /// reason, so that the others succeed without it: data that nobody can
    /// store, a row that somebody holds, a question that takes too long.
    fn may_be_of_one(&self) -> bool {
        match self {
            Self::Refused { code, .. } => {
                let class = code.get(..2).unwrap_or_default();
                matches!(class, "22" | "23" | "40")
                    || code == SqlState::LOCK_NOT_AVAILABLE.code()
                    || code == SqlState::QUERY_CANCELED.code()
            }
            Self::Corrupt(_) => true,
            Self::Unreachable { .. } | Self::Busy | Self::Migration(_) | Self::Pooled(_) => false,
        }
    }

    /// Whether this is a violation of the constraint `name`. By prefix: a
    /// distributed table's constraints carry the shard's number behind.
    pub fn violates(&self, name: &str) -> bool {
        match self {
            Self::Refused { code, constraint } => {
                code == SqlState::UNIQUE_VIOLATION.code() && constraint.starts_with(name)
            }
            Self::Unreachable { .. }
            | Self::Busy
            | Self::Corrupt(_)
            | Self::Migration(_)
            | Self::Pooled(_) => false,
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

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    tracked: Tracked,
    sessions: Sessions,
    sign_ups: Batches<SignUp>,
    repeated: Batches<Repeated>,
}

impl Store {
    /// Makes the pool; nothing is connected before the first question. To be
    /// called on the runtime that lives longest: it carries what is asked
    /// together.
    pub fn new(settings: StoreSettings) -> Result<Self, StoreError> {
        let tracked = Tracked::new(Handle::current());
        let bounds = Bounds::of(settings.connections, &settings.limits, &tracked);
        let sessions = Sessions::new(settings)?;
        Ok(Self {
            tracked,
            sign_ups: Batches::new(sessions.clone(), bounds.clone()),
            repeated: Batches::new(sessions.clone(), bounds),
            sessions,
        })
    }

    /// Whether the database answers now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let session = self.session().await?;
        session.batch_execute("SELECT 1").await?;
        session.give_back();
        Ok(())
    }

    /// What is under way, to be waited for at the end; and where whatever else
    /// uses the database is to run.
    pub fn tracked(&self) -> &Tracked {
        &self.tracked
    }

    /// Connections in use and allowed, for the health page.
    pub fn load(&self) -> (usize, usize) {
        self.sessions.load()
    }

    /// Closes the pool; what is under way ends with its connection.
    pub fn close(&self) {
        self.sessions.close();
    }

    async fn session(&self) -> Result<Session, StoreError> {
        self.sessions.session().await
    }

    async fn own_session(&self, whose: &'static str) -> Result<Session, StoreError> {
        self.sessions.own_session(whose).await
    }

    /// One statement on a session of its own.
    async fn query(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<Vec<Row>, StoreError> {
        let session = self.session().await?;
        let rows = session.query(sql, values).await?;
        session.give_back();
        Ok(rows)
    }

    async fn query_opt(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<Option<Row>, StoreError> {
        let session = self.session().await?;
        let row = session.query_opt(sql, values).await?;
        session.give_back();
        Ok(row)
    }

    /// Begins a transaction. The server hears of it with the first statement.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        self.sessions.begin().await
    }
}

/// A transaction under way. Dropping it closes its connection, which ends it
/// without sending the server a cancellation.
pub struct Transaction {
    session: Session,
}

impl Transaction {
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.end("COMMIT").await
    }

    pub async fn roll_back(self) -> Result<(), StoreError> {
        self.session.end("ROLLBACK").await
    }
}

/// For a transaction that looks at everybody, however long its caller takes.
const UNLIMITED: &str = "
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL enable_seqscan = on";

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
