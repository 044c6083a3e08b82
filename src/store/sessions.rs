//! The pool of connections, and how one is opened.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Timeouts};
use tokio_postgres::NoTls;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::{self, Manner, Session, Statements};
use super::{Limits, StoreError, StoreSettings, Transaction};

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    pool: Pool,
    manner: Manner,
}

impl Sessions {
    /// Makes the pool; nothing is connected before the first question.
    pub(super) fn new(settings: StoreSettings) -> Result<Self, StoreError> {
        let mut config = settings.config;
        if settings.statements == Statements::Prepared {
            let options = session_options(config.get_options(), &settings.limits);
            config.options(options);
        }
        config
            .application_name("idlink")
            // A replica may not know yet what was decided a moment ago.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(settings.limits.connect)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(Duration::from_secs(10));
        let how = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match settings.tls {
            Some(tls) => Manager::from_config(config, MakeRustlsConnect::new(tls), how),
            None => Manager::from_config(config, NoTls, how),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.connections)
            // The one that was used last knows the tables best.
            .queue_mode(QueueMode::Lifo)
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
        Ok(Self {
            pool,
            manner: Manner::new(settings.statements, &settings.limits),
        })
    }

    /// Connections in use and allowed.
    pub(super) fn load(&self) -> (usize, usize) {
        let status = self.pool.status();
        (
            status.size.saturating_sub(status.available),
            status.max_size,
        )
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    pub(super) async fn session(&self) -> Result<Session, StoreError> {
        Ok(Session::new(self.pool.get().await?, self.manner.clone()))
    }

    /// A session that keeps what it is told, and what it holds.
    pub(super) async fn own_session(&self, whose: &'static str) -> Result<Session, StoreError> {
        match self.manner.statements {
            Statements::Prepared => self.session().await,
            Statements::Unnamed => Err(StoreError::Pooled(whose)),
        }
    }

    /// The server hears of it with the first statement.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        let mut session = self.session().await?;
        session.begin();
        Ok(Transaction { session })
    }
}

/// What a connection's session is told at its beginning, which holds until its
/// end.
fn session_options(given: Option<&str>, limits: &Limits) -> String {
    let settings = session::settings(limits);
    let set = settings.map(|(name, value)| format!(" -c {name}={value}"));
    let given = given.unwrap_or_default();
    // As transactions that are begun say themselves.
    let isolation = r" -c default_transaction_isolation=read\ committed";
    format!("{given}{}{isolation}{BY_INDEX}", set.concat())
}

/// For plans that are kept. One that was made when a table was empty or small
/// would read all of it until somebody analyses it, and it may have grown by
/// thousands of rows meanwhile. What an index cannot find looks dear then, and
/// would be compiled.
pub(crate) const BY_INDEX: &str = " -c enable_seqscan=off -c jit=off";
