//! `idlink serve`: run the service until it is told to stop.

use std::io;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use super::{Context, ContextError};
use crate::server::{self, Pace, Running, StartError};
use crate::telemetry;

/// A supervisor that kills after 30 s must not be needed.
const STOP_LIMIT: Duration = Duration::from_millis(29_500);

/// Run the service. SIGTERM drains and stops, Ctrl-C stops, SIGHUP reads the
/// settings again
#[derive(Debug, Args)]
pub(super) struct ServeCommand {}

#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("signals cannot be received: {0}")]
    Signals(#[from] io::Error),
}

/// More than there are connections with a few workers.
const OPEN_FILES: u64 = 65_536;

/// What the operating system and people tell us.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn receive() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the signal to stop; reloads at every other one.
    async fn stop_or_reload(&mut self, running: &Running) -> Pace {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Pace::Drain,
                _ = self.interrupt.recv() => return Pace::AtOnce,
                _ = self.hang_up.recv() => running.reload().await,
            }
        }
    }

    /// Waits for somebody who has lost patience.
    async fn again(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Linux starts programs with room for 1024 open files, for the sake of old
/// ones, and lets them ask for more. Idle connections of strangers would take
/// all of that, and none be left for the database.
fn allow_open_files() {
    let now = getrlimit(Resource::Nofile);
    let possible = now.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if now.current.is_some_and(|current| current < possible) {
        let more = Rlimit {
            current: Some(possible),
            ..now
        };
        if let Err(error) = setrlimit(Resource::Nofile, more) {
            tracing::warn!(%error, "few connections: the limit of open files stays");
        }
    }
}

impl ServeCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), ServeError> {
        // First of all, so that a signal during the start is not lost.
        let mut signals = Signals::receive()?;
        let _log = telemetry::start_logs();
        allow_open_files();
        let settings = context.settings()?;
        if settings.directory.sites().next().is_none() {
            tracing::warn!("there are no sites in the settings: every call will be refused");
        }
        let (store, embedded) = context.connect(&settings.database).await?;
        let running = server::start(settings, store, Some(context.source().clone())).await?;
        let pace = signals.stop_or_reload(&running).await;
        let end = Instant::now() + STOP_LIMIT;
        tokio::select! {
            () = running.stop(pace) => {}
            () = signals.again() => tracing::warn!("told twice: stopped without waiting"),
        }
        if let Some(embedded) = embedded {
            match timeout_at(end, embedded.stop()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the embedded PostgreSQL"),
                // It ends with us in any case.
                Err(_) => tracing::warn!("the embedded PostgreSQL is still stopping"),
            }
        }
        Ok(())
    }
}
