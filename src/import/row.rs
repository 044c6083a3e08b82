//! What a file says, line by line, once it is read.

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::domain::customer::{CustomerKind, CustomerNumber, CustomerType, LegalEntity};
use crate::domain::email::Email;
use crate::domain::identity::Subject;

/// A customer as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRecord {
    /// `None` where the file has no such column: all rows are then the one
    /// legal entity's that the operator named. Shared, for a file has few.
    pub legal_entity: Option<Arc<LegalEntity>>,
    pub number: CustomerNumber,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub name: Option<String>,
    pub email: FileAddress,
    pub state: FileState,
    /// The number that has taken this one's place: a permanent one after a
    /// temporary one, or the account that this one was merged into.
    pub replaced_by: Option<CustomerNumber>,
    /// When the source last changed it.
    pub changed_at: Option<OffsetDateTime>,
}

/// The address in a file. Personal data: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum FileAddress {
    Absent,
    Comparable(Email),
    /// Kept for people to read, and compared with nothing.
    NotComparable(String),
}

impl fmt::Debug for FileAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Comparable(_) => "Comparable(…)",
            Self::NotComparable(_) => "NotComparable(…)",
        })
    }
}

/// The states that a file may give a customer. Merged is who has a
/// `replaced_by`; erased is nobody's but the staff's to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileState {
    #[default]
    Active,
    Pending,
    Blocked,
}

impl FileState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Blocked => "blocked",
        }
    }
}

/// A link between an identity and a customer as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    pub legal_entity: Option<Arc<LegalEntity>>,
    /// As it is written: the import knows whose it is, or refuses the row.
    pub issuer: String,
    pub subject: Subject,
    /// `None`: the tenant's own accounts.
    pub provider: Option<String>,
    pub number: CustomerNumber,
}

/// A row that is not taken, and why. The reason quotes nobody's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The line of the file that the row begins on, from 1.
    pub line: u64,
    /// The column, by the name that the file gives it.
    pub column: Option<String>,
    pub reason: String,
    /// Whose row it is, where that much can be read: a full feed does not take
    /// for gone whoever it names.
    pub number: Option<CustomerNumber>,
    pub legal_entity: Option<Arc<LegalEntity>>,
    /// The row as it stands in the file, for whoever is to correct it.
    pub original: Option<Box<Original>>,
}

/// A row as it stands in its file. Personal data: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Original {
    /// Its cells under the file's own headings.
    Cells {
        header: Arc<[String]>,
        cells: Vec<String>,
    },
    /// The text of a row that does not fall into cells, or its beginning.
    Text { header: Arc<[String]>, text: String },
}

impl Original {
    /// The headings of the file.
    pub fn header(&self) -> &Arc<[String]> {
        match self {
            Self::Cells { header, .. } | Self::Text { header, .. } => header,
        }
    }
}

impl fmt::Debug for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cells { .. } => "Cells(…)",
            Self::Text { .. } => "Text(…)",
        })
    }
}

/// One row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row<T> {
    Good { line: u64, record: T },
    Bad(Rejected),
}

/// Why the rest of a file cannot be read: truncated, wrongly encoded, a folder.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Where rows come from: one open file, read on a thread of its own.
pub trait Rows<T>: Send {
    /// The next row, `None` at the end. After an error there is none.
    fn next_row(&mut self) -> Result<Option<Row<T>>, Unreadable>;

    /// The row that was read last, as it stands in the file: for who takes it
    /// and then turns it away after all.
    fn original(&self) -> Option<Original> {
        None
    }
}
