//! What a cell must be to be taken. Reasons say what is wrong with it and
//! quote nothing of it: it may be somebody's address.

use std::borrow::Cow;
use std::sync::Arc;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::columns::{Coded, Column};
use super::delimited::Cells;
use super::row::FileAddress;
use super::table::Table;
use crate::domain::customer::{CustomerNumber, LegalEntity};
use crate::domain::email::{Email, EmailProblem};

/// Far above what any system allows.
const LONGEST_NAME: usize = 500;

/// What is kept to be read is as long as mail allows at the most.
const LONGEST_ADDRESS: usize = 320;

/// What keeps a row from being taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

impl Problem {
    pub(super) fn in_column(column: &Column, reason: impl Into<String>) -> Self {
        Self {
            column: Some(column.heading.clone()),
            reason: reason.into(),
        }
    }
}

/// A text that says something, and says it in characters that can be kept.
pub(super) fn required<'a>(column: &'a Column, cells: &Cells<'a>) -> Result<Cow<'a, str>, Problem> {
    optional(column, cells)?.ok_or_else(|| Problem::in_column(column, "is empty"))
}

pub(super) fn optional<'a>(
    column: &'a Column,
    cells: &Cells<'a>,
) -> Result<Option<Cow<'a, str>>, Problem> {
    let text = column.text(cells);
    if let Some(reason) = flaw(&text) {
        return Err(Problem::in_column(column, reason));
    }
    Ok((!text.is_empty()).then_some(text))
}

/// Characters that no system means: PostgreSQL takes no NUL, a terminal obeys
/// escapes, and U+FFFD is what is left of a letter that was lost before.
fn flaw(text: &str) -> Option<&'static str> {
    if text.bytes().all(|byte| (b' '..0x7F).contains(&byte)) {
        return None;
    }
    let reason = |c: char| match c {
        '\0' => Some("holds a NUL character"),
        '\u{FFFD}' => Some("holds U+FFFD, which stands for a letter that was lost elsewhere"),
        '\t' | '\n' | '\r' => None,
        c if c.is_control() => Some("holds a control character"),
        _ => None,
    };
    text.chars().find_map(reason)
}

pub(super) fn number(column: &Column, cells: &Cells<'_>) -> Result<CustomerNumber, Problem> {
    let text = required(column, cells)?;
    if text.starts_with('=') {
        return Err(Problem::in_column(
            column,
            "is a formula: export the number itself, as text",
        ));
    }
    if text.contains(is_invisible) {
        return Err(Problem::in_column(
            column,
            "holds a character that nobody sees (such as U+200B): type the number anew",
        ));
    }
    CustomerNumber::parse(&text).ok_or_else(|| {
        Problem::in_column(
            column,
            "must be 1 to 100 visible characters without blanks at the ends",
        )
    })
}

/// What comes along when text is copied from a page: two numbers that look
/// alike would be two customers.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

pub(super) fn word<T: Copy>(column: &Coded<T>, cells: &Cells<'_>) -> Result<Option<T>, Problem> {
    let value = column.value(cells);
    value.map_err(|reason| Problem::in_column(&column.column, reason))
}

pub(super) fn required_word<T: Copy>(column: &Coded<T>, cells: &Cells<'_>) -> Result<T, Problem> {
    word(column, cells)?.ok_or_else(|| Problem::in_column(&column.column, "is empty"))
}

/// A name in one line.
pub(super) fn name(column: &Column, cells: &Cells<'_>) -> Result<Option<String>, Problem> {
    let Some(text) = optional(column, cells)? else {
        return Ok(None);
    };
    if text.len() > LONGEST_NAME && text.chars().count() > LONGEST_NAME {
        let reason = format!("is longer than {LONGEST_NAME} characters");
        return Err(Problem::in_column(column, reason));
    }
    match text.contains(['\t', '\n', '\r']) {
        true => Ok(Some(text.split_whitespace().collect::<Vec<_>>().join(" "))),
        false => Ok(Some(text.into_owned())),
    }
}

pub(super) fn address(column: &Column, cells: &Cells<'_>) -> Result<FileAddress, Problem> {
    let text = column.text(cells);
    if text.is_empty() {
        return Ok(FileAddress::Absent);
    }
    if let Some(reason) = flaw(&text) {
        return Err(Problem::in_column(column, reason));
    }
    match Email::parse(&text) {
        Ok(email) => Ok(FileAddress::Comparable(email)),
        Err(EmailProblem::NotComparable) if text.len() <= LONGEST_ADDRESS => {
            Ok(FileAddress::NotComparable(text.into_owned()))
        }
        Err(EmailProblem::NotComparable | EmailProblem::Malformed) => {
            Err(Problem::in_column(column, address_flaw(&text)))
        }
    }
}

/// What is wrong with an address, as far as it can be said.
pub(super) fn address_flaw(text: &str) -> &'static str {
    match text {
        _ if text.len() > LONGEST_ADDRESS => "is longer than an e-mail address can be",
        _ if text.contains([';', ',']) => "holds several addresses, or more than an address",
        _ if !text.contains('@') => "is no e-mail address: it has no @",
        _ if text.matches('@').count() > 1 => "is no e-mail address: it has more than one @",
        _ if text.contains(char::is_whitespace) => "is no e-mail address: there is a blank in it",
        _ if text.ends_with('.') => "is no e-mail address: it ends with a dot",
        _ => "is no e-mail address",
    }
}

/// A moment. Databases leave the `T` out, and the offset where all is UTC.
pub(super) fn moment(text: &str) -> Option<OffsetDateTime> {
    let plain = format_description!(
        version = 2,
        "[year]-[month]-[day][first [T][ ]][hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    let offset = format_description!(
        version = 2,
        "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]][first [Z][[offset_hour sign:mandatory]:[offset_minute]]]"
    );
    let day = format_description!("[year]-[month]-[day]");
    let at_midnight = || Date::parse(text, &day).map(|day| day.midnight().assume_utc());
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(text, &offset))
        .or_else(|_| PrimitiveDateTime::parse(text, &plain).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| at_midnight())
        .ok()
}

/// The legal entities of a file, each made once.
pub(super) struct Entities {
    known: Vec<Arc<LegalEntity>>,
    /// The place of the one that was named last.
    last: usize,
    may_be_left_out: bool,
}

impl Entities {
    pub(super) fn of(table: &Table) -> Self {
        Self {
            known: Vec::new(),
            last: 0,
            may_be_left_out: table.is_loose(),
        }
    }

    /// `None` where the file leaves it to the operator.
    pub(super) fn read(
        &mut self,
        column: &Column,
        cells: &Cells<'_>,
    ) -> Result<Option<Arc<LegalEntity>>, Problem> {
        if column.is_absent() {
            return Ok(None);
        }
        let code = column.text(cells);
        let last = self.known.get(self.last);
        if let Some(last) = last.filter(|last| last.as_str() == code) {
            return Ok(Some(last.clone()));
        }
        if let Some(place) = self.known.iter().position(|known| known.as_str() == code) {
            self.last = place;
            return Ok(self.known.get(place).cloned());
        }
        if code.is_empty() && self.may_be_left_out {
            return Ok(None);
        }
        if code.is_empty() {
            return Err(Problem::in_column(column, "is empty"));
        }
        let entity = LegalEntity::parse(&code).map(Arc::new).ok_or_else(|| {
            Problem::in_column(column, "must be 1 to 32 letters, digits, `-` and `_`")
        })?;
        // A file of nothing but invented codes must not take all memory.
        const REMEMBERED: usize = 1000;
        if self.known.len() < REMEMBERED {
            self.last = self.known.len();
            self.known.push(entity.clone());
        }
        Ok(Some(entity))
    }
}
