//! The load generator: a process of its own, so that what it uses of the
//! machine is told apart from what it measures.
//!
//! It reads its [`Plan`] as the first line of its standard input, asks for a
//! while to warm up, says `warm`, waits for another line, measures, says
//! `done`, and prints its [`Outcome`].

mod arrivals;
mod callers;
mod client;
pub(super) mod constant;
pub(super) mod first;
pub(super) mod question;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use callers::Callers;
use client::Target;
pub(super) use question::Asking;

/// Put load on a connector (for `idlink bench` itself)
#[derive(Debug, Args)]
pub(super) struct LoadCommand {}

/// How requests follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Pace {
    /// Each caller asks again as soon as it has been answered.
    Closed,
    /// So many a second arrive, answered or not. How long each took is counted
    /// from when it should have been sent.
    Open { per_second: f64 },
    /// Each caller connects anew for every request, and offers to take up its
    /// earlier session again or does not.
    Connecting { again: bool },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    /// The certificate to trust, where it is HTTPS.
    pub(super) certificate: Option<PathBuf>,
    pub(super) path: String,
    /// The value of `Authorization`.
    pub(super) authorization: String,
    pub(super) callers: usize,
    pub(super) pace: Pace,
    pub(super) asking: Asking,
    /// No number is asked about twice by plans that are given ranges apart.
    pub(super) first: u64,
    pub(super) warm_up: Duration,
    pub(super) measure: Duration,
}

/// What went wrong, by kind. None of it is counted among the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errors {
    /// Right by its form, and not the answer to the question.
    pub(super) wrong: u64,
    /// Another status than 200.
    pub(super) refused: u64,
    /// No answer: not connected, closed, or not HTTP.
    pub(super) broken: u64,
}

impl Errors {
    pub(super) fn all(self) -> u64 {
        self.wrong + self.refused + self.broken
    }

    pub(super) fn add(&mut self, other: Self) {
        self.wrong += other.wrong;
        self.refused += other.refused;
        self.broken += other.broken;
    }
}

/// What was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Right answers.
    pub(super) answers: u64,
    pub(super) seconds: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) p999: Duration,
    /// Of the warm-up, too.
    pub(super) errors: Errors,
    /// The first thing that went wrong, for a person.
    pub(super) complaint: Option<String>,
    /// The numbers up to this one were asked about.
    pub(super) next: u64,
    /// Right answers of the warm-up.
    pub(super) warm_up_answers: u64,
    /// Connections that took up an earlier session.
    pub(super) resumed: u64,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("the load generator was told nothing that it understands: {0}")]
    Plan(#[from] serde_json::Error),
    #[error("the load generator: {0}")]
    Io(#[from] io::Error),
    #[error("{} holds no certificate", .0.display())]
    Certificate(PathBuf),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl LoadCommand {
    /// Runs on one thread of its own: it has no use for more, and must not
    /// take more than one of the processors from what it measures.
    pub(super) async fn run(self) -> Result<(), LoadError> {
        let work = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(run())
        });
        match tokio::task::spawn_blocking(|| work.join()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(io::Error::other("a thread ended early").into()),
        }
    }
}

async fn run() -> Result<(), LoadError> {
    let mut orders = io::stdin().lock();
    let mut line = String::new();
    orders.read_line(&mut line)?;
    let plan: Plan = serde_json::from_str(&line)?;
    let target = Target::of(&plan)?;
    let mut callers = Callers::new(&plan, target);

    callers.ask_for(plan.warm_up).await;
    let warm_up = callers.take(plan.warm_up);
    tell("warm")?;
    line.clear();
    orders.read_line(&mut line)?;
    let begun = std::time::Instant::now();
    callers.ask_for(plan.measure).await;
    let took = begun.elapsed();
    tell("done")?;
    let mut outcome = callers.take(took);
    outcome.errors.add(warm_up.errors);
    outcome.complaint = warm_up.complaint.or(outcome.complaint);
    outcome.warm_up_answers = warm_up.answers;
    tell(&serde_json::to_string(&outcome)?)?;
    Ok(())
}

fn tell(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
