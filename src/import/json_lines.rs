//! One JSON object a line, read into the cells of the columns that are asked
//! for. Everything else in the objects is passed over.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::delimited::{Cells, CutError};
use super::encoding::{Encoding, TextError};
use super::window::{LONGEST_ROW, Window};

/// How much of a line that is too long is kept to know it by.
const BEGINNING: usize = 1000;

/// What comes next in a file.
pub(super) enum Cut<'a> {
    Row {
        line: u64,
        cells: Cells<'a>,
        /// The object itself, with what is not in the cells.
        raw: &'a str,
    },
    Unfit {
        line: u64,
        why: Unfit,
        raw: String,
    },
    End,
}

/// Why a line is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    TooLong,
    /// Syntax, at this character.
    NotJson {
        at: usize,
    },
    NotAnObject,
    /// A column, by its place among those that are asked for.
    Twice {
        column: usize,
    },
    /// An object or a list where there should be one value.
    Nested {
        column: usize,
    },
}

pub(super) struct JsonLines {
    window: Window,
    columns: Vec<String>,
    values: Vec<Option<String>>,
    text: String,
    ends: Vec<usize>,
    handed_out: usize,
}

impl JsonLines {
    pub(super) fn new(window: Window, columns: Vec<String>) -> Self {
        Self {
            window,
            values: vec![None; columns.len()],
            columns,
            text: String::new(),
            ends: Vec::new(),
            handed_out: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Cut<'_>, CutError> {
        let (line, length) = loop {
            self.window.consume(std::mem::take(&mut self.handed_out));
            let line = self.window.line();
            let has_row = self.window.skip_line_ends();
            if !has_row.map_err(CutError::in_line(line))? {
                return Ok(Cut::End);
            }
            let line = self.window.line();
            let length = match self.find(line)? {
                Ok(length) => length,
                Err(raw) => {
                    let why = Unfit::TooLong;
                    return Ok(Cut::Unfit { line, why, raw });
                }
            };
            self.handed_out = length;
            let raw = self.window.ahead().get(..length).unwrap_or_default();
            if !raw.trim_ascii().is_empty() {
                break (line, length);
            }
        };
        let raw = self.window.ahead().get(..length).unwrap_or_default();
        let raw = std::str::from_utf8(raw).map_err(|error| CutError::Text {
            line,
            source: TextError::Malformed {
                encoding: Encoding::Utf8,
                byte: self.window.offset() + error.valid_up_to() as u64,
            },
        })?;
        if let Err(why) = read_object(raw, &self.columns, &mut self.values) {
            let raw = raw.to_owned();
            return Ok(Cut::Unfit { line, why, raw });
        }
        self.text.clear();
        self.ends.clear();
        for value in &self.values {
            self.text.push_str(value.as_deref().unwrap_or_default());
            self.ends.push(self.text.len());
        }
        let cells = Cells::new(&self.text, &self.ends);
        Ok(Cut::Row { line, cells, raw })
    }

    /// The line that was handed out last.
    pub(super) fn last(&self) -> &str {
        let raw = self.window.ahead().get(..self.handed_out);
        std::str::from_utf8(raw.unwrap_or_default()).unwrap_or_default()
    }

    /// The length of the line, or how a line begins that is too long.
    fn find(&mut self, line: u64) -> Result<Result<usize, String>, CutError> {
        let mut looked_at = 0;
        let mut beginning = None;
        loop {
            let ahead = self.window.ahead();
            let unseen = ahead.get(looked_at..).unwrap_or_default();
            let end = memchr2(b'\r', b'\n', unseen).map(|at| looked_at + at);
            looked_at = end.unwrap_or(ahead.len());
            if looked_at > LONGEST_ROW {
                let begin = ahead.get(..BEGINNING).unwrap_or_default();
                beginning.get_or_insert_with(|| super::delimited::valid_beginning(begin));
                self.window.consume(looked_at);
                looked_at = 0;
            }
            let is_end = end.is_some() || {
                let more = self.window.more();
                !more.map_err(CutError::in_line(line))?
            };
            match (is_end, beginning.take()) {
                (false, kept) => beginning = kept,
                (true, None) => return Ok(Ok(looked_at)),
                (true, Some(kept)) => {
                    self.window.consume(looked_at);
                    return Ok(Err(kept));
                }
            }
        }
    }
}

fn read_object(text: &str, columns: &[String], values: &mut [Option<String>]) -> Result<(), Unfit> {
    values.fill(None);
    let mut problem = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let object = Object {
        columns,
        values,
        problem: &mut problem,
    };
    let read = object.deserialize(&mut json).and_then(|()| json.end());
    match (problem, read) {
        (Some(problem), _) => Err(problem),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if error.is_data() => Err(Unfit::NotAnObject),
        (None, Err(error)) => Err(Unfit::NotJson { at: error.column() }),
    }
}

/// An object on its way into the values of columns.
struct Object<'a> {
    columns: &'a [String],
    values: &'a mut [Option<String>],
    problem: &'a mut Option<Unfit>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let is_it = |column: &String| column.eq_ignore_ascii_case(&name);
            let Some(column) = self.columns.iter().position(is_it) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = scalar(map.next_value::<&RawValue>()?.get());
            let Some(slot) = self.values.get_mut(column) else {
                continue;
            };
            let problem = match (value, &slot) {
                (_, Some(_)) => Unfit::Twice { column },
                (None, _) => Unfit::Nested { column },
                (Some(value), None) => {
                    *slot = Some(value);
                    continue;
                }
            };
            self.problem.get_or_insert(problem);
        }
        Ok(())
    }
}

/// A key, borrowed unless it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value as a cell has it: numbers and truth values as they are written,
/// `null` as nothing. `None` for what is no single value.
fn scalar(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' => None,
        b'n' => Some(String::new()),
        _ => Some(raw.to_owned()),
    }
}
