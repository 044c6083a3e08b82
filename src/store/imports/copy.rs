//! A row as it is staged, in the text format of COPY.

use std::io::Write;

use aws_lc_rs::digest::{SHA256, digest};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::super::columns;
use crate::domain::customer::{CustomerKind, CustomerNumber, CustomerType, LegalEntity};
use crate::domain::email::{CANONICAL_VERSION, Email};

/// How much of a row's number is its line; the file comes before it.
pub const LINE_BITS: u32 = 40;

/// The place of a row among all rows of all files, in their order.
pub fn row_no(file: usize, line: u64) -> i64 {
    let file = i64::try_from(file).unwrap_or(i64::MAX >> LINE_BITS);
    let line = i64::try_from(line).unwrap_or(i64::MAX) & ((1 << LINE_BITS) - 1);
    (file << LINE_BITS) | line
}

pub(super) fn line_of(row_no: i64) -> u64 {
    u64::try_from(row_no & ((1 << LINE_BITS) - 1)).unwrap_or_default()
}

/// A customer of a file.
pub struct Staged<'a> {
    pub row_no: i64,
    pub legal_entity: &'a LegalEntity,
    pub number: &'a CustomerNumber,
    /// Whether an earlier row of the number may be there.
    pub repeats: bool,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub name: Option<&'a str>,
    pub email: StagedEmail<'a>,
    pub state: &'a str,
    pub replaced_by: Option<&'a CustomerNumber>,
    pub changed_at: Option<OffsetDateTime>,
}

pub enum StagedEmail<'a> {
    Absent,
    Comparable(&'a Email),
    NotComparable(&'a str),
}

/// Why PostgreSQL could not hold a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unstorable {
    #[error("holds a NUL character")]
    Nul,
    #[error("is a time before the year 1")]
    Time,
}

impl Staged<'_> {
    /// Appends the row; nothing, where it cannot be stored.
    pub fn write(&self, to: &mut Vec<u8>) -> Result<(), Unstorable> {
        let start = to.len();
        let written = self.try_write(to);
        if written.is_err() {
            to.truncate(start);
        }
        written
    }

    fn try_write(&self, to: &mut Vec<u8>) -> Result<(), Unstorable> {
        key(
            to,
            self.row_no,
            self.legal_entity,
            self.number,
            self.repeats,
        );
        let mut id = Uuid::encode_buffer();
        to.extend_from_slice(Uuid::now_v7().hyphenated().encode_lower(&mut id).as_bytes());
        let said = to.len();
        to.push(b'\t');
        to.extend_from_slice(columns::kind(self.kind).as_bytes());
        to.push(b'\t');
        to.push(flag(columns::is_b2b(self.customer_type)));
        optional(to, self.name)?;
        match self.email {
            StagedEmail::Absent => to.extend_from_slice(b"\t\\N\t\\N"),
            StagedEmail::Comparable(email) => {
                optional(to, Some(email.original()))?;
                optional(to, Some(email.canonical()))?;
            }
            StagedEmail::NotComparable(text) => {
                optional(to, Some(text))?;
                to.extend_from_slice(b"\t\\N");
            }
        }
        to.push(b'\t');
        to.extend_from_slice(self.state.as_bytes());
        optional(to, self.replaced_by.map(CustomerNumber::as_str))?;
        moment(to, self.changed_at)?;
        let digest = of_content(to.get(said..).unwrap_or_default());
        to.extend_from_slice(b"\t\\\\x");
        hexadecimal(to, &digest);
        to.push(b'\n');
        Ok(())
    }

    /// Appends a rejected row of which no more than the number can be read, so
    /// that a full feed does not take its customer for gone.
    pub fn write_rejected(
        to: &mut Vec<u8>,
        row_no: i64,
        legal_entity: &LegalEntity,
        number: &CustomerNumber,
    ) {
        key(to, row_no, legal_entity, number, false);
        to.extend_from_slice(b"\\N");
        for _ in 0..9 {
            to.extend_from_slice(b"\t\\N");
        }
        to.push(b'\n');
    }
}

/// 16 bytes: that two versions of one customer have the same is not to be
/// feared. With the version of the rule that made the canonical address.
fn of_content(content: &[u8]) -> [u8; 16] {
    let mut versioned = Vec::with_capacity(content.len() + 2);
    versioned.extend_from_slice(&CANONICAL_VERSION.to_be_bytes());
    versioned.extend_from_slice(content);
    let whole = digest(&SHA256, &versioned);
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(whole.as_ref()) {
        *to = *from;
    }
    short
}

fn key(
    to: &mut Vec<u8>,
    row_no: i64,
    legal_entity: &LegalEntity,
    number: &CustomerNumber,
    repeats: bool,
) {
    integer(to, row_no);
    to.push(b'\t');
    to.extend_from_slice(legal_entity.as_str().as_bytes());
    to.push(b'\t');
    // Neither type holds a control character.
    escape(to, number.as_str());
    to.push(b'\t');
    to.push(flag(repeats));
    to.push(b'\t');
}

fn flag(flag: bool) -> u8 {
    if flag { b't' } else { b'f' }
}

/// A tab and the text, or what COPY reads as NULL.
fn optional(to: &mut Vec<u8>, text: Option<&str>) -> Result<(), Unstorable> {
    to.push(b'\t');
    match text {
        None => to.extend_from_slice(b"\\N"),
        Some(text) if text.as_bytes().contains(&0) => return Err(Unstorable::Nul),
        Some(text) => escape(to, text),
    }
    Ok(())
}

fn escape(to: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r'))
    {
        let (plain, special) = rest.split_at(at);
        to.extend_from_slice(plain);
        to.push(b'\\');
        to.push(match special.first() {
            Some(b'\t') => b't',
            Some(b'\n') => b'n',
            Some(b'\r') => b'r',
            _ => b'\\',
        });
        rest = special.get(1..).unwrap_or_default();
    }
    to.extend_from_slice(rest);
}

/// Writing to memory does not fail.
fn integer(to: &mut Vec<u8>, number: i64) {
    let _ = write!(to, "{number}");
}

fn moment(to: &mut Vec<u8>, at: Option<OffsetDateTime>) -> Result<(), Unstorable> {
    to.push(b'\t');
    let Some(at) = at else {
        to.extend_from_slice(b"\\N");
        return Ok(());
    };
    let at = at
        .checked_to_offset(UtcOffset::UTC)
        .ok_or(Unstorable::Time)?;
    if at.year() < 1 {
        return Err(Unstorable::Time);
    }
    let (hour, minute, second, micro) = at.to_hms_micro();
    let _ = write!(
        to,
        "{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02}.{micro:06}+00",
        at.year(),
        u8::from(at.month()),
        at.day(),
    );
    Ok(())
}

fn hexadecimal(to: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            to.extend(DIGITS.get(usize::from(half)));
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn written(name: &str) -> Result<String, Unstorable> {
        let mut row = Vec::new();
        Staged {
            row_no: row_no(1, 7),
            legal_entity: &LegalEntity::parse("USMF").unwrap(),
            number: &CustomerNumber::parse("A\\1").unwrap(),
            repeats: false,
            kind: CustomerKind::Person,
            customer_type: CustomerType::B2b,
            name: Some(name),
            email: StagedEmail::NotComparable("\"a b\"@example.org"),
            state: "active",
            replaced_by: None,
            changed_at: Some(datetime!(2026-02-03 04:05:06.5 +2)),
        }
        .write(&mut row)?;
        Ok(String::from_utf8(row).unwrap())
    }

    #[test]
    fn a_row_is_written_as_copy_reads_it() {
        let row = written("a\tb\\c\nd\re").unwrap();
        let columns: Vec<_> = row.trim_end().split('\t').collect();
        assert_eq!(columns[..4], ["1099511627783", "USMF", "A\\\\1", "f"]);
        assert_eq!(
            columns[5..13],
            [
                "person",
                "t",
                "a\\tb\\\\c\\nd\\re",
                "\"a b\"@example.org",
                "\\N",
                "active",
                "\\N",
                "2026-02-03 02:05:06.500000+00",
            ]
        );
        assert_eq!(columns[13].len(), "\\\\x".len() + 32);
        assert_eq!(line_of(row_no(1, 7)), 7);
    }

    #[test]
    fn the_digest_is_of_what_the_row_says_and_not_of_where_it_stands() {
        let digest = |row: String| row.trim_end().rsplit_once('\t').unwrap().1.to_owned();
        let (one, same) = (written("Ada").unwrap(), written("Ada").unwrap());
        assert_ne!(one, same, "each proposes an id of its own");
        assert_eq!(digest(one), digest(same));
        assert_ne!(
            digest(written("Ada").unwrap()),
            digest(written("Eda").unwrap())
        );
    }

    #[test]
    fn what_cannot_be_stored_leaves_nothing_behind() {
        assert_eq!(written("a\0b"), Err(Unstorable::Nul));
        let mut rows = b"before".to_vec();
        let number = CustomerNumber::parse("1").unwrap();
        let row = Staged {
            row_no: 1,
            legal_entity: &LegalEntity::parse("USMF").unwrap(),
            number: &number,
            repeats: false,
            kind: CustomerKind::Person,
            customer_type: CustomerType::B2c,
            name: None,
            email: StagedEmail::Absent,
            state: "active",
            replaced_by: None,
            changed_at: Some(datetime!(-0044-03-15 12:00 UTC)),
        };
        assert_eq!(row.write(&mut rows), Err(Unstorable::Time));
        assert_eq!(rows, b"before");
    }
}
