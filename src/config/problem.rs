//! What is wrong with the settings: where it is, which key, what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Line of the settings file, from 1.
    Line(usize),
    /// Name of an environment variable.
    Variable(String),
    /// Nowhere: there is no settings file.
    Absent,
}

/// A key and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) origin: Origin,
}

/// A value together with its place, for a check that comes later.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    file: Option<PathBuf>,
    origin: Origin,
    key: String,
    message: String,
}

impl Problem {
    /// A problem with the file as a whole, or with one of its lines.
    pub(super) fn of_file(file: &Path, line: Option<usize>, message: impl Into<String>) -> Self {
        Self {
            file: Some(file.to_owned()),
            origin: line.map_or(Origin::Absent, Origin::Line),
            key: String::new(),
            message: message.into(),
        }
    }

    pub(super) fn of(file: Option<&Path>, place: &Place, message: impl Into<String>) -> Self {
        Self {
            file: file.map(Path::to_owned),
            origin: place.origin.clone(),
            key: place.key.clone(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, &self.file) {
            (Origin::Variable(name), _) => write!(f, "{name}: ")?,
            (Origin::Line(line), Some(file)) => write!(f, "{}:{line}: ", file.display())?,
            (Origin::Line(line), None) => write!(f, "line {line}: ")?,
            (Origin::Absent, Some(file)) => write!(f, "{}: ", file.display())?,
            (Origin::Absent, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with the settings, in the order of the file, the
/// environment last. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        problems.dedup();
        Self(problems)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
