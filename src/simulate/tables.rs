//! The tables for those who correct records: numbers and reasons, no addresses.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::SimulateError;
use super::changes::Change;
use super::identities::Got;
use super::outcome::Outcome;
use super::population::{Person, Population};
use crate::import::identity_rows::IdentityRecord;
use crate::import::sheet::Sheet;

pub const TO_FIX: &str = "records-to-fix.csv";
pub const IDENTITIES: &str = "identities.csv";
pub const CHANGES: &str = "changes.csv";

/// A table under way.
pub struct Table {
    path: PathBuf,
    sheet: Sheet<BufWriter<File>>,
}

impl Table {
    fn create(folder: &Path, name: &str, headings: &[&str]) -> Result<Self, SimulateError> {
        let path = folder.join(name);
        let opened = Sheet::create(&path).and_then(|mut sheet| {
            sheet.row(headings)?;
            Ok(sheet)
        });
        match opened {
            Ok(sheet) => Ok(Self { path, sheet }),
            Err(error) => Err(output(&path, error)),
        }
    }

    fn row(&mut self, cells: &[&str]) -> Result<(), SimulateError> {
        let written = self.sheet.row(cells);
        written.map_err(|error| output(&self.path, error))
    }

    pub fn finish(self) -> Result<(), SimulateError> {
        let Self { path, sheet } = self;
        sheet.finish().map_err(|error| output(&path, error))
    }

    /// What each account of a tenant would get.
    pub fn of_identities(folder: &Path) -> Result<Self, SimulateError> {
        let headings = [
            "issuer",
            "subject",
            "provider",
            "site",
            "outcome",
            "customer_number",
        ];
        Self::create(folder, IDENTITIES, &headings)
    }

    pub fn identity(
        &mut self,
        record: &IdentityRecord,
        got: &Got<'_>,
    ) -> Result<(), SimulateError> {
        self.row(&[
            &record.issuer,
            &record.subject,
            record.provider.as_deref().unwrap_or_default(),
            got.site,
            got.outcome,
            got.number.unwrap_or_default(),
        ])
    }

    /// Who would get something else.
    pub fn of_changes(folder: &Path) -> Result<Self, SimulateError> {
        let headings = ["legal_entity", "customer_number", "site", "before", "after"];
        Self::create(folder, CHANGES, &headings)
    }

    pub fn change(
        &mut self,
        population: &Population,
        change: Change<'_>,
    ) -> Result<(), SimulateError> {
        self.row(&[
            entity(population, change.person),
            population.number(change.person),
            change.site,
            change.before,
            change.after,
        ])
    }
}

/// The records to fix. They come in no order, and are written in the order in
/// which customers were read, those who share an address together.
#[derive(Default)]
pub struct ToFix(Vec<(Option<Person>, Person, Outcome)>);

impl ToFix {
    pub fn add(&mut self, person: &Person, outcome: Outcome, first: Option<&Person>) {
        self.0.push((first.copied(), *person, outcome));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn write(mut self, folder: &Path, population: &Population) -> Result<(), SimulateError> {
        self.0.sort_unstable_by_key(|(first, person, _)| {
            (first.as_ref().unwrap_or(person).place(), person.place())
        });
        let headings = [
            "legal_entity",
            "customer_number",
            "reason",
            "shares_address_with",
        ];
        let mut table = Table::create(folder, TO_FIX, &headings)?;
        for (first, person, outcome) in &self.0 {
            let other = first
                .as_ref()
                .filter(|first| first.place() != person.place());
            table.row(&[
                entity(population, person),
                population.number(person),
                outcome.code(),
                other.map_or("", |other| population.number(other)),
            ])?;
        }
        table.finish()
    }
}

fn entity<'a>(population: &'a Population, person: &Person) -> &'a str {
    let entity = population.entities().get(person.entity());
    entity.map_or("", |entity| entity.as_str())
}

pub(super) fn output(path: &Path, error: std::io::Error) -> SimulateError {
    SimulateError::Output {
        path: path.display().to_string(),
        error,
    }
}
