//! Customers out of a table, cell by cell.

use std::borrow::Cow;
use std::sync::Arc;

use time::OffsetDateTime;

use super::cell::{self, Entities, Problem};
use super::columns::{Binder, Coded, Column};
use super::delimited::Cells;
use super::meter::Meter;
use super::profile::Field;
use super::row::{
    CustomerRecord, FileAddress, FileState, Original, Rejected, Row, Rows, Unreadable,
};
use super::source::Source;
use super::table::{Next, Reading, Table};
use crate::domain::customer::{CustomerKind, CustomerNumber, CustomerType, LegalEntity};

const FIELDS: [Field; 10] = [
    Field::LegalEntity,
    Field::CustomerNumber,
    Field::Kind,
    Field::Type,
    Field::Name,
    Field::Email,
    Field::EmailIsMessenger,
    Field::State,
    Field::ReplacedBy,
    Field::ChangedAt,
];

/// The customers of one file.
pub struct CustomerRows {
    table: Table,
    columns: Columns,
    entities: Entities,
}

struct Columns {
    legal_entity: Column,
    number: Column,
    kind: Coded<CustomerKind>,
    customer_type: Coded<CustomerType>,
    name: Column,
    email: Column,
    is_messenger: Coded<bool>,
    state: Coded<FileState>,
    replaced_by: Column,
    changed_at: Column,
}

impl CustomerRows {
    /// Opens a file and reads its headings.
    pub fn open(source: &Source, reading: &Reading, meter: &Meter) -> Result<Self, Unreadable> {
        Self::of(Table::open(source, reading, &FIELDS, meter)?, reading)
    }

    fn of(table: Table, reading: &Reading) -> Result<Self, Unreadable> {
        let columns = Columns::bind(&table, reading)?;
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

impl Rows<CustomerRecord> for CustomerRows {
    fn next_row(&mut self) -> Result<Option<Row<CustomerRecord>>, Unreadable> {
        loop {
            let row = match self.table.next()? {
                Next::End => return Ok(None),
                Next::Bad(rejected) => return Ok(Some(Row::Bad(rejected))),
                Next::Row(row) if row.is_blank() => continue,
                Next::Row(row) => row,
            };
            let line = row.line;
            let mut whose = Whose::default();
            let read = self
                .columns
                .record(&row.cells, &mut self.entities, &mut whose);
            return Ok(Some(match read {
                Ok(record) => Row::Good { line, record },
                Err(problem) => Row::Bad(Rejected {
                    line,
                    column: problem.column,
                    reason: problem.reason,
                    number: whose.number,
                    legal_entity: whose.legal_entity,
                    original: Some(Box::new(row.original())),
                }),
            }));
        }
    }

    fn original(&self) -> Option<Original> {
        Some(self.table.original())
    }
}

/// Whose row it is, as far as that was read before something was wrong.
#[derive(Default)]
struct Whose {
    legal_entity: Option<Arc<LegalEntity>>,
    number: Option<CustomerNumber>,
}

impl Columns {
    fn bind(table: &Table, reading: &Reading) -> Result<Self, Unreadable> {
        let mut binder = Binder::new(table, &reading.profile);
        let truth = [("true", true), ("false", false)];
        let columns = Self {
            legal_entity: binder.optional(Field::LegalEntity),
            number: binder.required(Field::CustomerNumber),
            kind: binder.required_coded(
                Field::Kind,
                &[
                    ("person", CustomerKind::Person),
                    ("organisation", CustomerKind::Organisation),
                ],
            ),
            customer_type: binder.required_coded(
                Field::Type,
                &[("b2b", CustomerType::B2b), ("b2c", CustomerType::B2c)],
            ),
            name: binder.optional(Field::Name),
            email: binder.required(Field::Email),
            is_messenger: binder.coded(Field::EmailIsMessenger, &truth),
            state: binder.coded(
                Field::State,
                &[
                    ("active", FileState::Active),
                    ("pending", FileState::Pending),
                    ("blocked", FileState::Blocked),
                ],
            ),
            replaced_by: binder.optional(Field::ReplacedBy),
            changed_at: binder.optional(Field::ChangedAt),
        };
        binder.finish(&FIELDS)?;
        Ok(columns)
    }

    fn record(
        &self,
        cells: &Cells<'_>,
        entities: &mut Entities,
        whose: &mut Whose,
    ) -> Result<CustomerRecord, Problem> {
        // These two first: whoever is named is not gone, however bad the rest.
        let legal_entity = entities.read(&self.legal_entity, cells);
        let number = cell::number(&self.number, cells);
        whose.legal_entity = legal_entity.as_ref().ok().cloned().flatten();
        whose.number = number.as_ref().ok().cloned();
        let (legal_entity, number) = (legal_entity?, number?);
        let replaced_by = self.replaced_by(cells, &number)?;
        Ok(CustomerRecord {
            legal_entity,
            kind: cell::required_word(&self.kind, cells)?,
            customer_type: cell::required_word(&self.customer_type, cells)?,
            name: cell::name(&self.name, cells)?,
            email: self.email(cells)?,
            state: cell::word(&self.state, cells)?.unwrap_or_default(),
            replaced_by,
            changed_at: self.changed_at(cells)?,
            number,
        })
    }

    fn email(&self, cells: &Cells<'_>) -> Result<FileAddress, Problem> {
        match cell::word(&self.is_messenger, cells)? {
            Some(true) => Ok(FileAddress::Absent),
            Some(false) | None => cell::address(&self.email, cells),
        }
    }

    fn replaced_by(
        &self,
        cells: &Cells<'_>,
        own: &CustomerNumber,
    ) -> Result<Option<CustomerNumber>, Problem> {
        if self.replaced_by.text(cells).is_empty() {
            return Ok(None);
        }
        let other = cell::number(&self.replaced_by, cells)?;
        if other == *own {
            return Err(Problem::in_column(
                &self.replaced_by,
                "is the customer's own number",
            ));
        }
        Ok(Some(other))
    }

    fn changed_at(&self, cells: &Cells<'_>) -> Result<Option<OffsetDateTime>, Problem> {
        let text: Cow<'_, str> = self.changed_at.text(cells);
        if text.is_empty() {
            return Ok(None);
        }
        cell::moment(&text).map(Some).ok_or_else(|| {
            Problem::in_column(
                &self.changed_at,
                "must be a date with time and offset, such as 2027-01-31T00:00:00Z; without an \
                 offset it counts as UTC",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::super::profile::Profile;
    use super::super::source::{Content, Expansion};
    use super::*;

    /// The lines of all rows, and how the reading ended.
    fn lines(content: Vec<u8>) -> Result<(Vec<u64>, Result<(), Unreadable>), String> {
        let reading = Reading::of(Profile::idlink());
        let content = Box::new(Cursor::new(content));
        let content = Content::of(content, Expansion::default(), &Meter::default());
        let content = content.map_err(|error| error.to_string())?;
        let table = Table::of(content, &reading, &FIELDS)?;
        let mut rows = CustomerRows::of(table, &reading).map_err(|error| error.to_string())?;
        let mut lines = Vec::new();
        loop {
            match rows.next_row() {
                Ok(None) => return Ok((lines, Ok(()))),
                Ok(Some(Row::Good { line, .. })) => lines.push(line),
                Ok(Some(Row::Bad(rejected))) => lines.push(rejected.line),
                Err(error) => return Ok((lines, Err(error))),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_otherwise(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(lines(content));
        }

        /// Each row begins on a line of its own, behind the one before, and
        /// none is left out: every line that is not blank is a row or within
        /// quotes.
        #[test]
        fn rows_come_in_the_order_of_their_lines(
            body in "([a-zA-Z0-9@.]{0,3}[,,,,\"\r\n]){0,60}"
        ) {
            let header = "customer_number,kind,type,email\n";
            let (lines, end) = lines(format!("{header}{body}").into_bytes()).unwrap();
            prop_assert!(lines.is_sorted_by(|one, next| one < next), "{:?}", lines);
            if !body.contains('"') {
                let expected = body
                    .replace("\r\n", "\n")
                    .split(['\r', '\n'])
                    .filter(|line| line.contains(|c: char| c != ','))
                    .count();
                prop_assert!(end.is_ok());
                prop_assert!(lines.len() >= expected, "{:?}", lines);
            }
        }

        #[test]
        fn objects_do_not_make_it_fail_otherwise(body in "\\{\"(email|kind)\":[\\{\\}\\[\\]\",:0-9a-u\\\\ \n]{0,60}") {
            drop(lines(body.into_bytes()));
        }
    }
}
