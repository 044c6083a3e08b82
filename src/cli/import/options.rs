//! What the operator says about files.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, format_description::well_known::Iso8601};

use crate::cli::reading::ReadingOptions;
use crate::cli::staff::{self, Actor};
use crate::domain::customer::LegalEntity;
use crate::import::ImportError;
use crate::import::mapping::MappingProblems;
use crate::import::table::Reading;
use crate::store::embedded::EmbeddedError;
use crate::store::legal_entities::NumberFormat;
use crate::store::{Store, StoreError};

/// Why nothing, or not everything, came in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{rejected} rows are rejected, more than the {limit} of --max-errors")]
    Rejected { rejected: u64, limit: u64 },
    #[error("the rejected rows cannot be written down: {0}")]
    RejectsLost(#[from] std::io::Error),
    #[error(
        "{0} is read, and the rejected rows would be written over it: name another file with \
         --rejects"
    )]
    RejectsOverFile(String),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Mapping(#[from] MappingProblems),
    #[error(transparent)]
    Staff(#[from] staff::Failure),
    #[error(transparent)]
    Context(#[from] crate::cli::ContextError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

#[derive(Debug, Args)]
pub(super) struct FileOptions {
    /// CSV or one JSON object a line, plain, gzip or zstd; `-` is standard
    /// input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The company whose rows are taken, as often as there are several; rows of
    /// others are rejected [default: the only one there is]
    #[arg(long = "legal-entity", value_name = "CODE")]
    legal_entities: Vec<String>,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Tell what would happen, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With more rejected rows, nothing is taken in
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) max_errors: u64,
    /// Where rejected rows go, to be corrected there and read in again
    /// [default: the first few are shown]
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    #[command(flatten)]
    pub(super) actor: Actor,
}

impl FileOptions {
    pub(super) fn reading(&self) -> Result<Reading, Failure> {
        Ok(self.reading.reading()?)
    }

    /// Whose rows are taken. The operator says so, and no file.
    pub(super) async fn legal_entities(&self, store: &Store) -> Result<Vec<LegalEntity>, Failure> {
        let known = store.legal_entities().await?;
        if self.legal_entities.is_empty() {
            return Ok(vec![staff::choose(None, &known)?]);
        }
        let mut chosen = Vec::new();
        for code in &self.legal_entities {
            let legal_entity = staff::choose(Some(code), &known)?;
            if !known.contains(&legal_entity) {
                store
                    .ensure_legal_entity(&legal_entity, &NumberFormat::default())
                    .await?;
            }
            if !chosen.contains(&legal_entity) {
                chosen.push(legal_entity);
            }
        }
        Ok(chosen)
    }
}

#[derive(Debug, Args)]
pub(super) struct CustomerOptions {
    #[command(flatten)]
    pub(super) files: FileOptions,
    /// The files have every customer: imported ones that are not in them are
    /// gone, and their links rest until they come back
    #[arg(long, conflicts_with = "delta")]
    pub(super) full: bool,
    /// The files have what has changed (this is the default)
    #[arg(long)]
    delta: bool,
    /// How many of a hundred imported customers --full may leave out before
    /// the files are not believed
    #[arg(long, value_name = "PERCENT", default_value_t = 10,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) allow_shrink: u8,
    /// As of when the files are, by the clock of the system that wrote them:
    /// 2026-11-20T06:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) source_time: Option<When>,
}

#[derive(Debug, Args)]
pub(super) struct LinkOptions {
    #[command(flatten)]
    pub(super) files: FileOptions,
    /// The site that the links are for, where a tenant has several in a legal
    /// entity
    #[arg(long, value_name = "NAME")]
    pub(super) site: Option<String>,
}

/// A time, or the beginning of a day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(pub(super) OffsetDateTime);

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let day = || Date::parse(text, &Iso8601::DATE).ok();
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .or_else(|| day().map(|day| day.midnight().assume_utc()))
            .map(Self)
            .ok_or("write a time as 2026-11-20T06:00:00Z, or a day as 2026-11-20")
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_source_time_is_exact_or_a_day() {
        let cases = [
            (
                "2026-11-20T06:00:00+01:00",
                Some(datetime!(2026-11-20 05:00 UTC)),
            ),
            ("2026-11-20", Some(datetime!(2026-11-20 00:00 UTC))),
            ("20.11.2026", None),
            ("2026-11-20 06:00", None),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<When>().ok().map(|when| when.0), expected);
        }
    }
}
