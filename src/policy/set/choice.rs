//! The choice of a base among several files that are equally near.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::{PolicyFile, PolicySet};
use crate::policy::source::FileId;

/// By file: those that inherit from it directly.
pub type Heirs = HashMap<FileId, Vec<FileId>>;

impl PolicyFile {
    /// The files that may be its base, where several are equally near.
    pub fn candidates(&self) -> &[FileId] {
        self.found.as_ref().err().map_or(&[], Vec::as_slice)
    }

    /// Whether nobody has chosen its base yet.
    pub fn is_open(&self) -> bool {
        self.found.is_err() && self.taken.is_none()
    }
}

impl PolicySet {
    /// Takes one of a policy's candidates for its base, or none again.
    /// `lineage` are the policies that this concerns: itself and all that
    /// inherit from it.
    pub fn take(&mut self, file: FileId, base: Option<FileId>, lineage: &[FileId]) {
        let place = self.places.get(&file).copied();
        let Some(policy) = place.and_then(|place| self.files.get_mut(place)) else {
            return;
        };
        policy.taken = base;
        for place in lineage.iter().filter_map(|file| self.places.get(file)) {
            if let Some(effective) = self.effective.get_mut(*place) {
                *effective = OnceLock::new();
            }
        }
    }

    pub fn heirs(&self) -> Heirs {
        let mut heirs = Heirs::new();
        for policy in &self.files {
            if let Some(base) = policy.base_file() {
                heirs.entry(base).or_default().push(policy.file);
            }
        }
        heirs
    }
}

/// The policy itself and all that inherit from it, each once.
pub fn with_heirs(file: FileId, heirs: &Heirs) -> Vec<FileId> {
    let mut all = vec![file];
    let mut seen = HashSet::from([file]);
    let mut next = 0;
    while let Some(file) = all.get(next) {
        next += 1;
        let more = heirs.get(file).into_iter().flatten().copied();
        let more: Vec<_> = more.filter(|heir| seen.insert(*heir)).collect();
        all.extend(more);
    }
    all
}
