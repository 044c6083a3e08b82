//! Accounts of a tenant out of a table, cell by cell: what its directory
//! exports, to see what each of them would get.

use super::cell::{self, Problem};
use super::columns::{Binder, Coded, Column};
use super::delimited::Cells;
use super::meter::Meter;
use super::profile::Field;
use super::row::{Rejected, Row, Rows, Unreadable};
use super::source::Source;
use super::table::{Next, Reading, Table};

const FIELDS: [Field; 5] = [
    Field::Issuer,
    Field::Subject,
    Field::Email,
    Field::Verified,
    Field::Provider,
];

/// An account as a file has it. Cannot be printed: the address is somebody's.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityRecord {
    pub issuer: String,
    pub subject: String,
    /// As it is written.
    pub email: Option<String>,
    /// `None` where the file does not say.
    pub is_verified: Option<bool>,
    /// `None`: the tenant's own account.
    pub provider: Option<String>,
}

/// The accounts of one file.
pub struct IdentityRows {
    table: Table,
    issuer: Column,
    subject: Column,
    email: Column,
    verified: Coded<bool>,
    provider: Column,
}

impl IdentityRows {
    /// Opens a file and reads its headings.
    pub fn open(source: &Source, reading: &Reading, meter: &Meter) -> Result<Self, Unreadable> {
        let table = Table::open(source, reading, &FIELDS, meter)?;
        let mut binder = Binder::new(&table, &reading.profile);
        let (issuer, subject) = (
            binder.required(Field::Issuer),
            binder.required(Field::Subject),
        );
        let email = binder.required(Field::Email);
        let verified = binder.coded(Field::Verified, &[("true", true), ("false", false)]);
        let provider = binder.optional(Field::Provider);
        binder.finish(&FIELDS)?;
        Ok(Self {
            table,
            issuer,
            subject,
            email,
            verified,
            provider,
        })
    }
}

impl Rows<IdentityRecord> for IdentityRows {
    fn next_row(&mut self) -> Result<Option<Row<IdentityRecord>>, Unreadable> {
        let Self {
            table,
            issuer,
            subject,
            email,
            verified,
            provider,
        } = self;
        loop {
            let row = match table.next()? {
                Next::End => return Ok(None),
                Next::Bad(rejected) => return Ok(Some(Row::Bad(rejected))),
                Next::Row(row) if row.is_blank() => continue,
                Next::Row(row) => row,
            };
            let line = row.line;
            let read = |cells: &Cells<'_>| -> Result<IdentityRecord, Problem> {
                let owned = |text: Option<std::borrow::Cow<'_, str>>| {
                    text.map(std::borrow::Cow::into_owned)
                };
                Ok(IdentityRecord {
                    issuer: cell::required(issuer, cells)?.into_owned(),
                    subject: cell::required(subject, cells)?.into_owned(),
                    email: owned(cell::optional(email, cells)?),
                    is_verified: cell::word(verified, cells)?,
                    provider: owned(cell::optional(provider, cells)?),
                })
            };
            return Ok(Some(match read(&row.cells) {
                Ok(record) => Row::Good { line, record },
                Err(problem) => Row::Bad(Rejected {
                    line,
                    column: problem.column,
                    reason: problem.reason,
                    number: None,
                    legal_entity: None,
                    original: Some(Box::new(row.original())),
                }),
            }));
        }
    }
}
