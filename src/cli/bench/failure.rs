//! Why nothing could be measured, or why what was measured does not count.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::import::ImportError;
use crate::import::row::Unreadable;
use crate::store::StoreError;
use crate::store::embedded::EmbeddedError;

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum BenchFailure {
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{added} of {customers} customers came in: what would be measured is not what is meant"
    )]
    Incomplete { added: u64, customers: u64 },
    #[error("the legal entity of the customers is none")]
    LegalEntity,
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("{what} cannot be started: {source}")]
    Start { what: String, source: io::Error },
    #[error("{what} ended before it answered ({status}); see {}", .log.display())]
    Ended {
        what: String,
        status: ExitStatus,
        log: PathBuf,
    },
    #[error("{what} did not answer within {seconds} s; see {}", .log.display())]
    Silent {
        what: String,
        seconds: u64,
        log: PathBuf,
    },
    #[error("no port is free: {0}")]
    Port(io::Error),
    #[error(
        "pgbench cannot be started: {0}. It comes with PostgreSQL (Debian, Ubuntu: `apt install postgresql`)"
    )]
    NoPgbench(io::Error),
    #[error("pgbench failed ({status}): {text}")]
    Pgbench { status: ExitStatus, text: String },
    #[error("pgbench said nothing of {0}")]
    PgbenchSilent(&'static str),
    #[error("the load generator failed: {0}")]
    Generator(String),
    #[error(
        "{}: the peers are not there; run this in idlink's repository, or name their folder with `--peers-dir`, or leave them out with `--no-peers`",
        .0.display()
    )]
    NoPeers(PathBuf),
    #[error(
        "{program} is needed for the peer {peer} and cannot be started: {source}; install it, or leave the peers out with `--no-peers`"
    )]
    NoProgram {
        program: &'static str,
        peer: &'static str,
        source: io::Error,
    },
    #[error("the packages of the peer {peer} cannot be installed:\n{text}")]
    Install { peer: &'static str, text: String },
    #[error(
        "{what}: {errors} of the answers were wrong or missing, so nothing of this counts; the first: {complaint}"
    )]
    Wrong {
        what: String,
        errors: u64,
        complaint: String,
    },
    #[error(
        "{what}: {answers} answers, but {rows} rows written: what was measured is not what was meant"
    )]
    Rows {
        what: &'static str,
        answers: u64,
        rows: u64,
    },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}
