//! Customers and links in bulk, from files. README.md beside this file says
//! what a file may be.

mod apply;
mod cell;
mod columns;
pub mod customer_rows;
mod delimited;
pub mod encoding;
pub mod engine;
mod intake;
mod json_lines;
pub mod link_rows;
pub mod links;
pub mod mapping;
pub mod meter;
pub mod profile;
pub mod progress;
pub mod reject;
pub mod row;
pub mod sample;
mod seen;
pub mod sheet;
pub mod source;
pub mod table;
mod window;

pub use intake::{Input, Rejects};

use std::io;

use time::OffsetDateTime;
use time::macros::format_description;

use crate::domain::customer::LegalEntity;
use crate::store::StoreError;
use crate::store::imports::Holder;
use row::Unreadable;

/// Why an import did not go to its end. Unless it is the database's, nothing
/// of the files has been applied.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{file}: {problem}")]
    Unreadable { file: String, problem: Unreadable },
    #[error(
        "more than {limit} rows are rejected, so nothing is imported: correct them, or allow more with --max-errors"
    )]
    TooManyRejected { limit: u64 },
    #[error(
        "{missing} of the {of} imported customers of {} are not in the file, more than {limit} %: nothing is imported. If they are really gone, say so with --allow-shrink PERCENT",
        legal_entity.as_str()
    )]
    TooManyGone {
        legal_entity: LegalEntity,
        missing: u64,
        of: u64,
        limit: u8,
    },
    #[error(
        "customers or links of {} are being imported{}: wait for the end of that import",
        legal_entity.as_str(), by(holder.as_ref())
    )]
    Held {
        legal_entity: LegalEntity,
        holder: Option<Holder>,
    },
    #[error("there is no legal entity {}", .0.as_str())]
    UnknownLegalEntity(LegalEntity),
    #[error("the rejected rows cannot be written down: {0}")]
    RejectsLost(io::Error),
    #[error("the rows cannot be handed to the database any more")]
    LaneClosed,
    #[error("reading ended unexpectedly")]
    ReaderDied,
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn by(holder: Option<&Holder>) -> String {
    let when = |at: OffsetDateTime| {
        at.format(format_description!(
            "[year]-[month]-[day] [hour]:[minute]:[second] UTC"
        ))
        .unwrap_or_default()
    };
    match holder {
        Some(holder) => format!(" by {} since {}", holder.actor, when(holder.started_at)),
        None => String::new(),
    }
}
