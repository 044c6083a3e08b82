//! The rules over all customers, before they are switched on: what a sign-up
//! with each address on file would get at each site, by the same function that
//! decides about sign-ups.

pub mod changes;
mod domains;
pub mod identities;
pub mod outcome;
pub mod population;
pub mod report;
pub mod tables;
pub mod tally;

use std::io;

use crate::import::row::Unreadable;
use crate::store::StoreError;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("{file}: {problem}")]
    Unreadable { file: String, problem: Unreadable },
    #[error(
        "{file}: has no column for the legal entity, and there are several: name one with \
         --legal-entity, or give it as a constant of a mapping file"
    )]
    WhoseCustomers { file: String },
    #[error("there are more customers than can be held in memory: take one legal entity at a time")]
    TooMany,
    #[error("{path} cannot be written: {error}")]
    Output { path: String, error: io::Error },
    #[error("the report cannot be filled: {0}")]
    Report(#[from] askama::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}
