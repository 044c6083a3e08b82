//! Where things stand, as people are told it.

use std::fmt;

use serde::Serialize;

use crate::policy::source::{FileId, Sources, Span};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: String,
    /// Counted from one.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

pub(super) fn place(sources: &Sources, span: Span) -> Place {
    Place {
        file: path_of(sources, span.file),
        line: sources.position(span).line,
    }
}

pub(super) fn path_of(sources: &Sources, file: FileId) -> String {
    clean(&sources.get(file).path().display().to_string())
}

/// A text as one line that cannot steer a terminal or turn around what stands
/// beside it: XML lets control characters and marks of direction through.
pub(super) fn clean(text: &str) -> String {
    let shown = |c: char| match c {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let lines = text.split(['\n', '\r', '\t']).map(str::trim);
    let line = lines.filter(|line| !line.is_empty());
    let whole = line.collect::<Vec<_>>().join(" ");
    // What was one line keeps its blanks.
    let whole = if text.contains(['\n', '\r', '\t']) {
        &whole
    } else {
        text
    };
    whole.chars().map(shown).collect()
}
