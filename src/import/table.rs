//! A file as a table: rows of cells under headings that are known, whatever
//! the file is packed, encoded, delimited and called.

use std::sync::Arc;

use super::delimited::{self, Cells, CutError, Delimited, MOST_COLUMNS};
use super::encoding::{Encoding, Text};
use super::json_lines::{self, JsonLines};
use super::meter::Meter;
use super::profile::{Field, Profile};
use super::reject;
use super::row::{Original, Rejected, Unreadable};
use super::sheet::as_written;
use super::source::{Content, Expansion, Source};
use super::window::{LONGEST_ROW, Window};

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// How files are to be read. What is `None` is told by the file.
#[derive(Clone, Debug)]
pub struct Reading {
    pub profile: Profile,
    pub format: Option<Format>,
    pub encoding: Option<Encoding>,
    pub delimiter: Option<u8>,
    pub expansion: Expansion,
}

impl Reading {
    /// Files of a system, everything else told by themselves.
    pub fn of(profile: Profile) -> Self {
        Self {
            format: None,
            encoding: profile.encoding,
            delimiter: profile.delimiter,
            profile,
            expansion: Expansion::default(),
        }
    }
}

/// Separators, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) fn delimiter_name(delimiter: u8) -> String {
    match delimiter {
        b',' => "commas".to_owned(),
        b';' => "semicolons".to_owned(),
        b'\t' => "tabs".to_owned(),
        b'|' => "vertical bars".to_owned(),
        other => format!("`{}`", char::from(other)),
    }
}

/// An open file.
pub(super) struct Table {
    header: Arc<[String]>,
    rows: Rows,
}

enum Rows {
    Csv(Box<Delimited>),
    JsonLines(Box<JsonLines>),
}

/// What comes next.
pub(super) enum Next<'a> {
    Row(TableRow<'a>),
    Bad(Rejected),
    End,
}

/// A row with as many cells as there are headings.
pub(super) struct TableRow<'a> {
    pub(super) line: u64,
    pub(super) cells: Cells<'a>,
    /// Where cells are not all of it.
    object: Option<&'a str>,
    header: &'a Arc<[String]>,
}

impl TableRow<'_> {
    /// Whether nothing is in it, as in the rows that spreadsheets leave below
    /// a table.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.are_blank()
    }

    /// The row as it stands in the file.
    pub(super) fn original(&self) -> Original {
        match self.object {
            None => of_cells(self.cells, self.header),
            Some(object) => of_object(object),
        }
    }
}

/// What was made harmless in a file of rejects is as it was before: it will be
/// made harmless again where it is written.
fn of_cells(cells: Cells<'_>, header: &Arc<[String]>) -> Original {
    let is_escaped = are_of_rejects(header);
    let plain = |cell: &str| match is_escaped {
        true => as_written(cell).to_owned(),
        false => cell.to_owned(),
    };
    Original::Cells {
        header: header.clone(),
        cells: cells.iter().map(plain).collect(),
    }
}

fn of_object(object: &str) -> Original {
    Original::Text {
        header: Arc::new([]),
        text: object.to_owned(),
    }
}

fn are_of_rejects(header: &[String]) -> bool {
    header.iter().any(|heading| heading == reject::REASON)
}

impl Table {
    /// Opens a file that should have columns for some of `fields`.
    pub(super) fn open(
        source: &Source,
        reading: &Reading,
        fields: &[Field],
        meter: &Meter,
    ) -> Result<Self, Unreadable> {
        Content::open(source, reading.expansion, meter)
            .map_err(|error| error.to_string())
            .and_then(|content| Self::of(content, reading, fields))
            .map_err(Unreadable)
    }

    /// The same of what is open already.
    pub(super) fn of(
        content: Content,
        reading: &Reading,
        fields: &[Field],
    ) -> Result<Self, String> {
        let text = Text::new(content, reading.encoding).map_err(|error| error.to_string())?;
        let mut window = Window::new(text);
        if !window.skip_line_ends().map_err(|error| error.to_string())? {
            return Err("is empty".to_owned());
        }
        let known = reading.profile.column_names(fields);
        let (header, rows) = match reading.format.map_or_else(|| format(&window), Ok)? {
            Format::JsonLines => (
                known.clone(),
                Rows::JsonLines(Box::new(JsonLines::new(window, known))),
            ),
            Format::Csv => csv(window, reading.delimiter, &known)?,
        };
        Ok(Self {
            header: header.into(),
            rows,
        })
    }

    pub(super) fn header(&self) -> &Arc<[String]> {
        &self.header
    }

    /// `None` where nothing separates cells.
    pub(super) fn delimiter(&self) -> Option<u8> {
        match &self.rows {
            Rows::Csv(rows) => Some(rows.delimiter()),
            Rows::JsonLines(_) => None,
        }
    }

    /// Whether it is a file of rejects, in which formulas were made harmless.
    pub(super) fn is_of_rejects(&self) -> bool {
        are_of_rejects(&self.header)
    }

    /// The row that was handed out last, as it stands in the file.
    pub(super) fn original(&self) -> Original {
        match &self.rows {
            Rows::Csv(rows) => of_cells(rows.last(), &self.header),
            Rows::JsonLines(rows) => of_object(rows.last()),
        }
    }

    /// Whether rows may leave out what others have.
    pub(super) fn is_loose(&self) -> bool {
        matches!(self.rows, Rows::JsonLines(_))
    }

    pub(super) fn next(&mut self) -> Result<Next<'_>, Unreadable> {
        let unreadable = |error: CutError| Unreadable(error.to_string());
        let header = &self.header;
        match &mut self.rows {
            Rows::Csv(rows) => csv_next(rows, header).map_err(unreadable),
            Rows::JsonLines(rows) => match rows.next().map_err(unreadable)? {
                json_lines::Cut::End => Ok(Next::End),
                json_lines::Cut::Row { line, cells, raw } => Ok(Next::Row(TableRow {
                    line,
                    cells,
                    object: Some(raw),
                    header,
                })),
                json_lines::Cut::Unfit { line, why, raw } => {
                    Ok(Next::Bad(unfit_json(line, why, raw, header)))
                }
            },
        }
    }
}

fn csv_next<'a>(rows: &'a mut Delimited, header: &'a Arc<[String]>) -> Result<Next<'a>, CutError> {
    Ok(match rows.next()? {
        delimited::Cut::End => Next::End,
        delimited::Cut::Unfit { line, why, raw } => {
            let reason = unfit_csv(why, line, header.len());
            Next::Bad(rejected(line, reason, raw, header.clone()))
        }
        delimited::Cut::Row { line, cells, raw }
            if cells.len() != header.len() && !cells.are_blank() =>
        {
            let raw = delimited::valid_beginning(raw.trim_ascii_end());
            let reason = ragged(cells.len(), header.len());
            Next::Bad(rejected(line, reason, raw, header.clone()))
        }
        delimited::Cut::Row { line, cells, .. } => Next::Row(TableRow {
            line,
            cells,
            object: None,
            header,
        }),
    })
}

fn rejected(line: u64, reason: String, text: String, header: Arc<[String]>) -> Rejected {
    Rejected {
        line,
        column: None,
        reason,
        number: None,
        legal_entity: None,
        original: Some(Box::new(Original::Text { header, text })),
    }
}

fn ragged(found: usize, expected: usize) -> String {
    format!("has {found} cells, and the headings are {expected}")
}

fn unfit_csv(why: delimited::Unfit, line: u64, headings: usize) -> String {
    let onwards = |last_line: u64| match last_line > line {
        true => format!("; it goes on to line {last_line}"),
        false => String::new(),
    };
    match why {
        delimited::Unfit::TooLong { last_line } => format!(
            "is longer than {LONGEST_ROW} bytes: is a quote missing?{}",
            onwards(last_line)
        ),
        delimited::Unfit::TooManyCells { last_line } => format!(
            "has more cells than the {headings} headings{}",
            onwards(last_line)
        ),
        delimited::Unfit::Quoting { last_line } => format!(
            "has text behind the closing quote of a cell: a quote is missing, or one that belongs \
             to the text is not doubled{}",
            onwards(last_line)
        ),
    }
}

fn unfit_json(line: u64, why: json_lines::Unfit, raw: String, columns: &[String]) -> Rejected {
    let (column, reason) = match why {
        json_lines::Unfit::TooLong => (None, format!("is longer than {LONGEST_ROW} bytes")),
        json_lines::Unfit::NotJson { at } => (None, format!("is not JSON at character {at}")),
        json_lines::Unfit::NotAnObject => (None, "is not one JSON object".to_owned()),
        json_lines::Unfit::Twice { column } => (Some(column), "stands twice".to_owned()),
        json_lines::Unfit::Nested { column } => (
            Some(column),
            "is an object, a list or no text that can be read".to_owned(),
        ),
    };
    Rejected {
        column: column.and_then(|column| columns.get(column).cloned()),
        ..rejected(line, reason, raw, Arc::new([]))
    }
}

/// What the file is, by how it begins.
fn format(window: &Window) -> Result<Format, String> {
    match window.ahead().trim_ascii_start().first() {
        Some(b'{') => Ok(Format::JsonLines),
        Some(b'[') => Err(
            "is one JSON list: write one object a line instead (`jq -c '.[]'`, or `.value[]` for \
             the answer of an OData service)"
                .to_owned(),
        ),
        Some(b'<') => Err("is XML or HTML: export it as CSV".to_owned()),
        Some(_) | None => Ok(Format::Csv),
    }
}

/// Reads the headings.
fn csv(
    mut window: Window,
    delimiter: Option<u8>,
    known: &[String],
) -> Result<(Vec<String>, Rows), String> {
    let said = separator_line(window.ahead());
    if let Some((length, _)) = said {
        window.consume(length);
    }
    let told = told_delimiter(window.ahead(), known);
    let delimiter = delimiter
        .or(said.map(|(_, delimiter)| delimiter))
        .or(told)
        .unwrap_or(b',');
    let mut rows = Delimited::new(window, delimiter);
    let header: Vec<String> = match rows.next().map_err(|error| error.to_string())? {
        delimited::Cut::Row { cells, .. } => {
            cells.iter().map(|cell| cell.trim().to_owned()).collect()
        }
        delimited::Cut::End => return Err("is empty".to_owned()),
        delimited::Cut::Unfit { why, line, .. } => {
            let reason = match why {
                delimited::Unfit::TooManyCells { .. } => {
                    format!("has more than {MOST_COLUMNS} cells")
                }
                delimited::Unfit::TooLong { .. } | delimited::Unfit::Quoting { .. } => {
                    unfit_csv(why, line, MOST_COLUMNS)
                }
            };
            return Err(format!("line {line} should be the headings, but {reason}"));
        }
    };
    if let Some(other) = told
        && other != delimiter
        && count_known(&header, known) == 0
    {
        return Err(format!(
            "the headings are separated by {}, not by {}: name them with --delimiter",
            delimiter_name(other),
            delimiter_name(delimiter)
        ));
    }
    rows.expect_columns(header.len());
    let header = match are_of_rejects(&header) {
        true => header.iter().map(|h| as_written(h).to_owned()).collect(),
        false => header,
    };
    Ok((header, Rows::Csv(Box::new(rows))))
}

/// The line `sep=;` that Excel takes for a hint, perhaps in quotes: its length
/// and what it says.
fn separator_line(text: &[u8]) -> Option<(usize, u8)> {
    let quotes = usize::from(text.first() == Some(&b'"'));
    match text.get(quotes..)? {
        [s, e, p, b'=', delimiter, rest @ ..]
            if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep"
                && delimiter.is_ascii()
                && !matches!(delimiter, b'"' | b'\r' | b'\n') =>
        {
            let rest = match quotes {
                0 => rest,
                _ => rest.strip_prefix(b"\"")?,
            };
            matches!(rest.first(), Some(b'\r' | b'\n')).then_some((5 + 2 * quotes, *delimiter))
        }
        _ => None,
    }
}

/// The separator that makes the most known headings of the first row.
fn told_delimiter(text: &[u8], known: &[String]) -> Option<u8> {
    let counted = DELIMITERS.map(|delimiter| {
        let header = first_row(text, delimiter);
        (count_known(&header, known), delimiter)
    });
    let most = counted.iter().map(|(count, _)| *count).max()?;
    let best = counted.iter().find(|(count, _)| *count == most);
    best.filter(|_| most > 0).map(|(_, delimiter)| *delimiter)
}

fn first_row(text: &[u8], delimiter: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut row = csv::ByteRecord::new();
    match reader.read_byte_record(&mut row) {
        Ok(true) => row
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).trim().to_owned())
            .collect(),
        // Whatever is wrong with it is said when it is read for good.
        Ok(false) | Err(_) => Vec::new(),
    }
}

fn count_known(header: &[String], known: &[String]) -> usize {
    let is_known = |heading: &&String| {
        known
            .iter()
            .any(|known| known.eq_ignore_ascii_case(heading))
    };
    header.iter().filter(is_known).count()
}
