//! The files that policies are read from, and places in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of one run, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Arc<Source>>,
}

/// A file, by its place among the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

#[derive(Debug)]
pub struct Source {
    /// As people are told it: relative where it was given so.
    path: PathBuf,
    text: Arc<str>,
    /// The offset at which each line begins.
    lines: Vec<usize>,
}

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

/// A place as editors name it: both count from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Sources {
    pub fn add(&mut self, path: PathBuf, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Arc::new(Source { path, text, lines }));
        id
    }

    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    pub fn position(&self, span: Span) -> Position {
        self.get(span.file).position(span.start as usize)
    }
}

impl Source {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset) - 1;
        let before = self.text.get(self.lines[line]..offset).unwrap_or("");
        Position {
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }

    /// The byte at which a line begins, counted from one.
    pub fn offset_of(&self, position: Position) -> Option<usize> {
        let start = *self.lines.get(position.line.checked_sub(1)?)?;
        let line = self.text.get(start..)?;
        let skipped = line.chars().take(position.column.checked_sub(1)?);
        Some(start + skipped.map(char::len_utf8).sum::<usize>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let mut sources = Sources::default();
        let file = sources.add(PathBuf::from("a.xml"), "<a>\r\n  <ä/><b/>\n");
        let b = sources.get(file).text().find("<b/>").unwrap();
        let position = sources.get(file).position(b);
        assert_eq!((position.line, position.column), (2, 7));
        assert_eq!(sources.get(file).offset_of(position), Some(b));
    }
}
