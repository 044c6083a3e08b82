//! Links out of a table, cell by cell.

use std::sync::Arc;

use super::cell::{self, Entities, Problem};
use super::columns::{Binder, Column};
use super::delimited::Cells;
use super::meter::Meter;
use super::profile::Field;
use super::row::{LinkRecord, Original, Rejected, Row, Rows, Unreadable};
use super::source::Source;
use super::table::{Next, Reading, Table};
use crate::domain::identity::Subject;

const FIELDS: [Field; 5] = [
    Field::LegalEntity,
    Field::Issuer,
    Field::Subject,
    Field::Provider,
    Field::CustomerNumber,
];

/// The links of one file.
pub struct LinkRows {
    table: Table,
    columns: Columns,
    entities: Entities,
}

struct Columns {
    legal_entity: Column,
    issuer: Column,
    subject: Column,
    provider: Column,
    number: Column,
}

impl LinkRows {
    /// Opens a file and reads its headings.
    pub fn open(source: &Source, reading: &Reading, meter: &Meter) -> Result<Self, Unreadable> {
        let table = Table::open(source, reading, &FIELDS, meter)?;
        let mut binder = Binder::new(&table, &reading.profile);
        let columns = Columns {
            legal_entity: binder.optional(Field::LegalEntity),
            issuer: binder.required(Field::Issuer),
            subject: binder.required(Field::Subject),
            provider: binder.optional(Field::Provider),
            number: binder.required(Field::CustomerNumber),
        };
        binder.finish(&FIELDS)?;
        let entities = Entities::of(&table);
        Ok(Self {
            table,
            columns,
            entities,
        })
    }

    /// The headings of the file; none where it has no first row of them.
    pub fn header(&self) -> Option<&Arc<[String]>> {
        self.table.delimiter().map(|_| self.table.header())
    }
}

impl Rows<LinkRecord> for LinkRows {
    fn next_row(&mut self) -> Result<Option<Row<LinkRecord>>, Unreadable> {
        loop {
            let row = match self.table.next()? {
                Next::End => return Ok(None),
                Next::Bad(rejected) => return Ok(Some(Row::Bad(rejected))),
                Next::Row(row) if row.is_blank() => continue,
                Next::Row(row) => row,
            };
            let line = row.line;
            return Ok(Some(
                match self.columns.record(&row.cells, &mut self.entities) {
                    Ok(record) => Row::Good { line, record },
                    Err(problem) => Row::Bad(Rejected {
                        line,
                        column: problem.column,
                        reason: problem.reason,
                        number: cell::number(&self.columns.number, &row.cells).ok(),
                        legal_entity: self
                            .entities
                            .read(&self.columns.legal_entity, &row.cells)
                            .ok()
                            .flatten(),
                        original: Some(Box::new(row.original())),
                    }),
                },
            ));
        }
    }

    fn original(&self) -> Option<Original> {
        Some(self.table.original())
    }
}

impl Columns {
    fn record(&self, cells: &Cells<'_>, entities: &mut Entities) -> Result<LinkRecord, Problem> {
        let subject = cell::required(&self.subject, cells)?;
        let subject = Subject::parse(&subject).ok_or_else(|| {
            Problem::in_column(
                &self.subject,
                "must be the identity's object id, a GUID of 36 characters",
            )
        })?;
        Ok(LinkRecord {
            legal_entity: entities.read(&self.legal_entity, cells)?,
            issuer: cell::required(&self.issuer, cells)?.into_owned(),
            subject,
            provider: cell::optional(&self.provider, cells)?.map(std::borrow::Cow::into_owned),
            number: cell::number(&self.number, cells)?,
        })
    }
}
