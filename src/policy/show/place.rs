//! Where things stand, as people are told it.

use std::fmt;

use serde::Serialize;

use crate::policy::source::{FileId, Sources, Span};
use crate::policy::xml::Element;

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

/// Where an element is stated: its own place, and of each other file that adds
/// to it the first line that does.
pub(super) fn places(sources: &Sources, element: &Element) -> Vec<Place> {
    let mut spans = vec![element.span];
    collect(element, &mut spans);
    let mut places = vec![place(sources, element.span)];
    spans.sort_by_key(|span| (span.file, span.start));
    spans.dedup_by_key(|span| span.file);
    let others = spans.into_iter().filter(|s| s.file != element.span.file);
    places.extend(others.map(|span| place(sources, span)));
    places
}

fn collect(element: &Element, spans: &mut Vec<Span>) {
    spans.extend(element.attributes.iter().map(|attribute| attribute.span));
    spans.extend(element.text.iter().map(|text| text.span));
    for child in &element.children {
        spans.push(child.span);
        collect(child, spans);
    }
}

/// A text as one line that cannot steer a terminal or turn around what stands
/// beside it: XML lets control characters and marks of direction through.
pub(super) fn clean(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' | '\r' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}
