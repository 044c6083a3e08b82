//! Tables for people: CSV that a spreadsheet opens without running anything
//! that somebody wrote into it, in files that nobody else can read.

use std::borrow::Cow;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

/// Rows on their way into a table.
pub struct Sheet<W: Write> {
    writer: Writer<W>,
}

impl Sheet<BufWriter<File>> {
    /// A new file, or an empty one in place of what was there, for its owner
    /// only.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(BufWriter::new(private_file(path)?)))
    }
}

impl<W: Write> Sheet<W> {
    pub fn new(writer: W) -> Self {
        Self {
            writer: WriterBuilder::new()
                .quote_style(QuoteStyle::Always)
                .terminator(Terminator::CRLF)
                .flexible(true)
                .from_writer(writer),
        }
    }

    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) -> io::Result<()> {
        for cell in cells {
            let field = harmless(cell.as_ref());
            self.writer.write_field(field.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// What is not flushed may be missing from the file without anybody being
    /// told.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// An empty file that only its owner can read.
pub fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // It may have been there with other permissions.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// A cell that a spreadsheet takes for text: behind an apostrophe, as people
/// write it there (reliability.md T29). A cell that begins like one that was
/// treated so gets one more, and [`as_written`] takes away just that one.
fn harmless(cell: &str) -> Cow<'_, str> {
    match begins_formula(cell) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

/// What a cell was before it was made harmless.
pub(super) fn as_written(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(written) if begins_formula(written) => written,
        Some(_) | None => cell,
    }
}

fn begins_formula(cell: &str) -> bool {
    let behind = cell.trim_start_matches('\'');
    behind.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(cells: &[&str]) -> String {
        let mut sheet = Sheet::new(Vec::new());
        sheet.row(cells).unwrap();
        String::from_utf8(sheet.writer.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn nothing_that_is_written_is_run() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("'tis", "'tis"),
            ("a=1", "a=1"),
            ("", ""),
        ];
        for (cell, expected) in cases {
            assert_eq!(written(&[cell]), format!("\"{expected}\"\r\n"), "{cell:?}");
        }
        assert_eq!(written(&["a\"b", "c,d"]), "\"a\"\"b\",\"c,d\"\r\n");
    }

    proptest! {
        #[test]
        fn what_was_written_can_be_read_again(cell in "['=+@a-]{0,6}\\PC{0,8}") {
            let harmless = harmless(&cell);
            prop_assert!(!harmless.starts_with(['=', '+', '-', '@']));
            prop_assert_eq!(as_written(&harmless), &cell);
        }
    }
}
