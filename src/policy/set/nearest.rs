//! Which of several policies with the same id one inherits from.

use std::cmp::Ordering;

use super::PolicyFile;
use crate::policy::source::FileId;

/// How far a policy is from one that inherits from it; the least is nearest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    /// Found through another path of the command line.
    elsewhere: bool,
    /// Not in the folder itself, nor in one around it.
    aside: bool,
    up: usize,
    down: usize,
}

/// Which of several policies with the same id one inherits from.
///
/// Folders of samples hold many sets of the same names. The one in the same
/// folder counts, then that in the nearest folder around, then that fewest steps
/// away beneath the same path, then that of another path. If there are several
/// in different folders, all equally near, it is anybody's guess: none counts.
pub(super) fn nearest<'a>(
    file: &PolicyFile,
    candidates: impl Iterator<Item = &'a PolicyFile>,
) -> Result<Option<FileId>, Vec<FileId>> {
    let mut best: Vec<&PolicyFile> = Vec::new();
    let mut least: Option<Distance> = None;
    // A policy with its own id as its base is its own base: a circle.
    for candidate in candidates {
        let distance = file.distance(candidate);
        match least
            .as_ref()
            .map_or(Ordering::Less, |least| distance.cmp(least))
        {
            Ordering::Less => {
                best = vec![candidate];
                least = Some(distance);
            }
            Ordering::Equal => best.push(candidate),
            Ordering::Greater => {}
        }
    }
    match best.as_slice() {
        [] => Ok(None),
        [first, rest @ ..] if rest.iter().all(|other| other.folder == first.folder) => {
            Ok(Some(first.file))
        }
        several => Err(several.iter().map(|file| file.file).collect()),
    }
}

impl PolicyFile {
    fn distance(&self, other: &Self) -> Distance {
        let common = self
            .folder
            .components()
            .zip(other.folder.components())
            .take_while(|(one, other)| one == other)
            .count();
        let up = self.folder.components().count() - common;
        let down = other.folder.components().count() - common;
        Distance {
            elsewhere: self.path != other.path && down > 0 && up > 0,
            aside: down > 0,
            up,
            down,
        }
    }
}
