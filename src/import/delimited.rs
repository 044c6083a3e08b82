//! CSV as systems write it, cut into rows and cells by `csv-core`. Knows what
//! that library lets pass: quotes that are never closed, rows without end.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr;

use super::encoding::{Encoding, TextError};
use super::window::{LONGEST_ROW, Window, line_ends};

/// More than the widest export that was ever seen has several times over.
pub(super) const MOST_COLUMNS: usize = 10_000;

/// A row cut into cells.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Cells<'a> {
    pub(super) fn new(text: &'a str, ends: &'a [usize]) -> Self {
        Self { text, ends }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, column: usize) -> Option<&'a str> {
        let begin = match column.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(begin..*self.ends.get(column)?)
    }

    pub(super) fn are_blank(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_whitespace())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        let cells = *self;
        (0..self.len()).map(move |column| cells.get(column).unwrap_or_default())
    }
}

/// What comes next in a file.
pub(super) enum Cut<'a> {
    Row {
        line: u64,
        cells: Cells<'a>,
        /// The row's own text.
        raw: &'a [u8],
    },
    /// A row that does not fall into cells.
    Unfit {
        line: u64,
        why: Unfit,
        /// Its text, or the beginning of it.
        raw: String,
    },
    End,
}

/// Why a row does not fall into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Goes on to this line.
    TooLong {
        last_line: u64,
    },
    TooManyCells {
        last_line: u64,
    },
    /// Something follows a closing quote.
    Quoting {
        last_line: u64,
    },
}

/// Why there are no more rows.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    #[error("line {line}: {source}")]
    Text { line: u64, source: TextError },
    #[error(
        "line {line}: a quote begins a cell here or further down and is never closed, so that \
         everything behind it would be one cell; close it, or double it if it belongs to the text"
    )]
    OpenQuote { line: u64 },
}

impl CutError {
    pub(super) fn in_line(line: u64) -> impl FnOnce(TextError) -> Self {
        move |source| Self::Text { line, source }
    }
}

/// How much of a row that is too long is kept to know it by.
const BEGINNING: usize = 1000;

pub(super) struct Delimited {
    window: Window,
    core: Reader,
    delimiter: u8,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// The length of the row that was handed out last.
    handed_out: usize,
    /// How much of `fields` and `ends` is its.
    last: (usize, usize),
}

/// A row under way.
#[derive(Default)]
struct Scan {
    raw: usize,
    fields: usize,
    ends: usize,
    has_too_many: bool,
    /// How a row that is too long begins. Nothing else is kept of it.
    beginning: Option<Vec<u8>>,
}

impl Delimited {
    pub(super) fn new(window: Window, delimiter: u8) -> Self {
        Self {
            window,
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            fields: vec![0; 4096],
            ends: vec![0; MOST_COLUMNS + 1],
            handed_out: 0,
            last: (0, 0),
        }
    }

    /// The cells of the row that was handed out last.
    pub(super) fn last(&self) -> Cells<'_> {
        let (fields, ends) = self.last;
        let text = std::str::from_utf8(self.fields.get(..fields).unwrap_or_default());
        Cells::new(
            text.unwrap_or_default(),
            self.ends.get(..ends).unwrap_or_default(),
        )
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// From now on, rows of more cells do not fit.
    pub(super) fn expect_columns(&mut self, columns: usize) {
        self.ends.resize(columns + 1, 0);
    }

    pub(super) fn next(&mut self) -> Result<Cut<'_>, CutError> {
        self.window.consume(std::mem::take(&mut self.handed_out));
        let line = self.window.line();
        let has_row = self.window.skip_line_ends();
        if !has_row.map_err(CutError::in_line(line))? {
            return Ok(Cut::End);
        }
        let line = self.window.line();
        let mut scan = Scan::default();
        self.scan(line, &mut scan)?;
        if let Some(beginning) = scan.beginning {
            self.window.consume(scan.raw);
            let last_line = self.window.line();
            let raw = valid_beginning(&beginning);
            let why = Unfit::TooLong { last_line };
            return Ok(Cut::Unfit { line, why, raw });
        }
        self.handed_out = scan.raw;
        let raw = self.window.ahead().get(..scan.raw).unwrap_or_default();
        let last_line = || line + line_ends(raw.trim_ascii_end(), false);
        let why = if scan.has_too_many {
            let last_line = last_line();
            Some(Unfit::TooManyCells { last_line })
        } else if memchr(b'"', raw).is_some() && !is_soundly_quoted(raw, self.delimiter) {
            let last_line = last_line();
            Some(Unfit::Quoting { last_line })
        } else {
            None
        };
        // The row and not its cells, which lie side by side: half a character
        // at the end of one and half at the beginning of the next would be one.
        let whole = std::str::from_utf8(raw);
        let whole = whole.map_err(|error| self.malformed(line, error.valid_up_to()))?;
        if let Some(why) = why {
            let raw = whole.trim_end_matches(['\r', '\n']).to_owned();
            return Ok(Cut::Unfit { line, why, raw });
        }
        self.last = (scan.fields, scan.ends);
        let cells = self.last();
        Ok(Cut::Row { line, cells, raw })
    }

    /// Goes to the end of the row.
    fn scan(&mut self, line: u64, scan: &mut Scan) -> Result<(), CutError> {
        loop {
            if self.window.ahead().len() == scan.raw {
                let more = self.window.more();
                if !more.map_err(CutError::in_line(self.window.line()))? {
                    return self.end_of_file(line, scan);
                }
            }
            let input = self.window.ahead().get(scan.raw..).unwrap_or_default();
            let (result, read, written, ended) = self.core.read_record(
                input,
                self.fields.get_mut(scan.fields..).unwrap_or_default(),
                self.ends.get_mut(scan.ends..).unwrap_or_default(),
            );
            scan.raw += read;
            scan.fields += written;
            scan.ends += ended;
            if self.make_room(result, scan) {
                return Ok(());
            }
            if scan.raw > LONGEST_ROW {
                let begin = self.window.ahead().get(..BEGINNING).unwrap_or_default();
                scan.beginning.get_or_insert_with(|| begin.to_vec());
                self.window.consume(scan.raw);
                (scan.raw, scan.fields, scan.ends) = (0, 0, 0);
            }
        }
    }

    /// Whether the row is complete; if not, there is room for more of it.
    fn make_room(&mut self, result: ReadRecordResult, scan: &mut Scan) -> bool {
        match result {
            ReadRecordResult::InputEmpty => false,
            ReadRecordResult::OutputFull => {
                self.fields.resize(self.fields.len() * 2, 0);
                false
            }
            ReadRecordResult::OutputEndsFull => {
                scan.has_too_many = true;
                (scan.fields, scan.ends) = (0, 0);
                false
            }
            ReadRecordResult::Record | ReadRecordResult::End => true,
        }
    }

    /// Ends the last row, which may lack its line end. Within quotes, a line
    /// end is text like any other, and that is how an open quote is known.
    fn end_of_file(&mut self, line: u64, scan: &mut Scan) -> Result<(), CutError> {
        loop {
            let (result, read, written, ended) = self.core.read_record(
                b"\n",
                self.fields.get_mut(scan.fields..).unwrap_or_default(),
                self.ends.get_mut(scan.ends..).unwrap_or_default(),
            );
            scan.fields += written;
            scan.ends += ended;
            if self.make_room(result, scan) {
                return Ok(());
            }
            if written > 0 {
                return Err(CutError::OpenQuote { line });
            }
            if read > 0 {
                // Nothing but a byte order mark was left.
                return Ok(());
            }
        }
    }

    fn malformed(&self, line: u64, at: usize) -> CutError {
        let row = self.window.ahead();
        CutError::Text {
            line: line + line_ends(row.get(..at).unwrap_or_default(), false),
            source: TextError::Malformed {
                encoding: Encoding::Utf8,
                byte: self.window.offset() + at as u64,
            },
        }
    }
}

/// As much of a text as is whole characters.
pub(super) fn valid_beginning(text: &[u8]) -> String {
    let valid = text.utf8_chunks().next();
    valid.map_or_else(String::new, |chunk| chunk.valid().to_owned())
}

/// Whether every quote that opens a cell closes it: `csv-core` reads on behind
/// it, and then one forgotten quote takes in whole rows up to the next one.
fn is_soundly_quoted(row: &[u8], delimiter: u8) -> bool {
    let mut rest = row;
    loop {
        let is_quoted = rest.first() == Some(&b'"');
        let end = match is_quoted {
            true => match end_of_quoted(rest) {
                Some(end) => end,
                None => return false,
            },
            false => memchr(delimiter, rest).unwrap_or(rest.len()),
        };
        match rest.get(end) {
            None | Some(b'\r' | b'\n') => return true,
            Some(&next) if next == delimiter => {
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            Some(_) => return false,
        }
    }
}

/// Where the cell ends that the text begins with, quotes included.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr(b'"', text.get(at..)?)? + 1;
        match text.get(at) {
            Some(b'"') => at += 1,
            Some(_) | None => return Some(at),
        }
    }
}
