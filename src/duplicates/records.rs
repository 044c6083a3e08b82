//! CSV as spreadsheets save it, record by record, each with the line that it
//! begins on.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};

/// More than any record of ours has, in bytes.
const LONGEST: u64 = 256 * 1024;

/// How a mark says to a spreadsheet that a file is in UTF-8.
pub(super) const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Why the rest of a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) line: u64,
    pub(super) message: String,
}

/// The records of a file.
pub(super) struct Records<R> {
    csv: Reader<Text<io::Chain<Cursor<Vec<u8>>, R>>>,
    record: ByteRecord,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Records<R> {
    pub(super) fn new(mut from: R) -> Result<Self, Unreadable> {
        let unreadable = |message: String| Unreadable { line: 1, message };
        let mut head = Vec::new();
        let taken = from.by_ref().take(1024).read_to_end(&mut head);
        taken.map_err(|error| unreadable(error.to_string()))?;
        if head.starts_with(MARK) {
            head.drain(..MARK.len());
        }
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            let message = "the file is in UTF-16: save it as CSV in UTF-8";
            return Err(unreadable(message.to_owned()));
        }
        let left = Rc::new(Cell::new(LONGEST));
        let separator = separator(&head);
        let text = Text {
            from: Cursor::new(head).chain(from),
            left: Rc::clone(&left),
            last: b'\n',
        };
        let csv = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .from_reader(text);
        Ok(Self {
            csv,
            record: ByteRecord::new(),
            left,
        })
    }

    /// The next record that is more than blanks, and its first line.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>, Unreadable> {
        loop {
            let begins = self.csv.position().line();
            self.left.set(LONGEST);
            match self.csv.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    return Err(Unreadable {
                        line: begins,
                        message: match error.kind() {
                            csv::ErrorKind::Io(error) => error.to_string(),
                            _ => "cannot be read as CSV".to_owned(),
                        },
                    });
                }
            }
            if self.record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                break;
            }
        }
        // Counted from the end: the reader passes empty lines over unseen.
        let within = self.record.iter().flatten().filter(|byte| **byte == b'\n');
        let lines = u64::try_from(within.count()).unwrap_or_default() + 1;
        let line = self.csv.position().line().saturating_sub(lines).max(1);
        Ok(Some((line, &self.record)))
    }
}

/// What a spreadsheet separates cells by depends on its country.
fn separator(head: &[u8]) -> u8 {
    let first = head.split(|byte| b"\r\n".contains(byte)).next();
    let count = |separator: u8| {
        let bytes = first.unwrap_or_default().iter();
        bytes.filter(|byte| **byte == separator).count()
    };
    // The last of equals wins.
    let separators = [b'\t', b';', b','].into_iter();
    separators
        .max_by_key(|separator| count(*separator))
        .unwrap_or(b',')
}

/// A file whose lines end in a line feed, the last one too; and in which no
/// record goes on for ever, as behind a quote that nobody closes.
struct Text<R> {
    from: R,
    /// How much of the record may still come.
    left: Rc<Cell<u64>>,
    last: u8,
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::other(format!(
                "the record that begins here is longer than {LONGEST} bytes; is a quote missing?"
            )));
        }
        loop {
            let read = self.from.read(to)?;
            if read == 0 {
                return Ok(self.end(to));
            }
            let size = u64::try_from(read).unwrap_or(u64::MAX);
            self.left.set(self.left.get().saturating_sub(size));
            let kept = self.normalise(to, read);
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

impl<R> Text<R> {
    /// Makes a line feed of a carriage return, with or without one behind it.
    fn normalise(&mut self, bytes: &mut [u8], read: usize) -> usize {
        let mut kept = 0;
        for n in 0..read {
            let Some(byte) = bytes.get(n).copied() else {
                break;
            };
            let is_rest = byte == b'\n' && self.last == b'\r';
            self.last = byte;
            if is_rest {
                continue;
            }
            if let Some(place) = bytes.get_mut(kept) {
                *place = if byte == b'\r' { b'\n' } else { byte };
            }
            kept += 1;
        }
        kept
    }

    fn end(&mut self, to: &mut [u8]) -> usize {
        match (self.last, to.first_mut()) {
            (b'\n' | b'\r', _) | (_, None) => 0,
            (_, Some(place)) => {
                *place = b'\n';
                self.last = b'\n';
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_the_line_that_it_begins_on() {
        let text = "a,b\n\n\n1,\"two\nlines\"\n,\n2,\"\n\n\"\n3,x";
        let expected = [(1, "a"), (4, "1"), (7, "2"), (10, "3")];
        for ends in ["\n", "\r\n", "\r"] {
            let file = text.replace('\n', ends);
            let mut records = Records::new(file.as_bytes()).unwrap();
            let mut found = Vec::new();
            while let Some((line, record)) = records.next().unwrap() {
                found.push((line, String::from_utf8(record[0].to_vec()).unwrap()));
            }
            let found: Vec<_> = found.iter().map(|(n, text)| (*n, text.as_str())).collect();
            assert_eq!(found, expected, "{ends:?}");
        }
    }

    /// Line ends that fall apart between two reads.
    struct Bytewise<'a>(&'a [u8]);

    impl Read for Bytewise<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let (Some((first, rest)), Some(place)) = (self.0.split_first(), to.first_mut()) else {
                return Ok(0);
            };
            *place = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_line_end_in_two_parts_is_one() {
        let mut text = Text {
            from: Bytewise(b"a\r\nb\r\rc"),
            left: Rc::new(Cell::new(100)),
            last: b'\n',
        };
        let mut read = String::new();
        text.read_to_string(&mut read).unwrap();
        assert_eq!(read, "a\nb\n\nc\n");
    }
}
