//! The file of the rows that were not taken: each as it stood, beside why, so
//! that it can be corrected there and read in again.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::row::{Original, Rejected};
use super::sheet::Sheet;

/// What stands behind the columns of the file itself. By the reason a file of
/// ours is known when it is read in again.
const COLUMNS: [&str; 5] = [
    "rejected_file",
    "rejected_line",
    "rejected_column",
    REASON,
    ROW,
];

const ROW: &str = "rejected_row";

pub(super) const REASON: &str = "rejected_reason";

/// A reject file. It is made when there is a first row for it.
pub struct RejectFile {
    path: PathBuf,
    /// The headings of the first file that was said to have some.
    header: Option<Arc<[String]>>,
    open: Option<Open>,
}

struct Open {
    sheet: Sheet<BufWriter<File>>,
    header: Arc<[String]>,
}

impl RejectFile {
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            header: None,
            open: None,
        }
    }

    /// Tells the headings of a file that is read, before any row of it: the
    /// first row that is turned away may not say them.
    pub fn expect(&mut self, header: &Arc<[String]>) {
        self.header.get_or_insert_with(|| header.clone());
    }

    /// `file` is the name of the file that the row is of.
    pub fn write(&mut self, file: &str, rejected: &Rejected) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            None => self
                .open
                .insert(Open::create(&self.path, self.header.clone(), rejected)?),
        };
        open.write(file, rejected)
    }

    /// Whether there is a file, every row in it.
    pub fn finish(self) -> io::Result<bool> {
        match self.open {
            None => Ok(false),
            Some(open) => open.sheet.finish().map(|()| true),
        }
    }
}

impl Open {
    fn create(path: &Path, header: Option<Arc<[String]>>, first: &Rejected) -> io::Result<Self> {
        let original = first.original.as_ref();
        let header = header.or_else(|| original.map(|original| original.header().clone()));
        let mut open = Self {
            sheet: Sheet::create(path)?,
            header: header.unwrap_or_else(|| Arc::new([])),
        };
        let own = COLUMNS.iter().copied();
        let header = open.header.iter().map(String::as_str).filter(not_ours);
        open.sheet.row(header.chain(own))?;
        Ok(open)
    }

    fn write(&mut self, file: &str, rejected: &Rejected) -> io::Result<()> {
        let (cells, text) = match rejected.original.as_deref() {
            Some(Original::Cells { header, cells }) if *header == self.header => {
                (&cells[..], earlier_text(header, cells))
            }
            // Of a file with other columns.
            Some(Original::Cells { header, cells }) => (
                &[][..],
                Some(earlier_text(header, cells).unwrap_or_else(|| joined(cells))),
            ),
            Some(Original::Text { text, .. }) => (&[][..], Some(text.clone())),
            // Read long ago: its line is told, and whose it is.
            None => (&[][..], rejected.number.as_ref().map(ToString::to_string)),
        };
        let line = rejected.line.to_string();
        let own = [
            file,
            &line,
            rejected.column.as_deref().unwrap_or_default(),
            &rejected.reason,
            text.as_deref().unwrap_or_default(),
        ];
        let under = self.header.iter().enumerate();
        let cells = under
            .filter(|(_, heading)| not_ours(&heading.as_str()))
            .map(|(n, _)| cells.get(n).map_or("", String::as_str));
        self.sheet.row(cells.chain(own))
    }
}

/// What an earlier run kept of a row that did not fall into cells, and nobody
/// has corrected since.
fn earlier_text(header: &[String], cells: &[String]) -> Option<String> {
    let place = header.iter().position(|heading| heading == ROW)?;
    cells.get(place).filter(|text| !text.is_empty()).cloned()
}

/// Cells as a line of CSV, which can be put where it belongs.
fn joined(cells: &[String]) -> String {
    let quoted = cells
        .iter()
        .map(|cell| match cell.contains([',', '"', '\r', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        });
    quoted.collect::<Vec<_>>().join(",")
}

/// A file of rejects that is read in again has the columns already.
fn not_ours(heading: &&str) -> bool {
    !COLUMNS.contains(heading)
}
