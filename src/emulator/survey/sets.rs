//! Which files make up a relying party: itself, and bases that may lie in a
//! starter pack elsewhere. Checkouts hold many policies of the same ids, so
//! that each is put together by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::story::{Story, lies_in};
use crate::{
    emulator::policies::{self, LoadError, Obstacle, Request},
    policy::{
        check::{self, Options},
        merge::folded,
        set::{ChainProblem, PolicyFile, PolicySet},
    },
};

/// Bases that are looked for, one after the other, before a chain is given up.
const MAX_BASES: usize = 20;

/// All that lies below some paths.
pub(super) struct Checkout {
    files: Vec<Known>,
    pub(super) parties: Vec<Known>,
    /// Files that nobody can read as a policy.
    pub(super) broken: Vec<(PathBuf, Obstacle)>,
}

/// A policy file, as far as it is known before it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) path: PathBuf,
    pub(super) policy: String,
    /// It inherits from nothing.
    is_root: bool,
}

/// A relying party with all that it inherits.
pub(super) struct Chain {
    pub(super) files: Vec<PathBuf>,
    /// Of the root, where that is not the relying party's own.
    pub(super) pack: Option<PathBuf>,
}

impl Known {
    /// A file that tells nothing of itself.
    pub(super) fn unreadable(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        Self {
            policy: name.to_string_lossy().into_owned(),
            path: path.to_owned(),
            is_root: false,
        }
    }
}

impl Checkout {
    /// Reads everything once.
    pub(super) fn read(request: &Request) -> Result<Self, LoadError> {
        let set = policies::read(request)?;
        let known = |file: &PolicyFile| Known {
            path: set.sources.get(file.file).path().to_owned(),
            policy: file.policy_id().unwrap_or_default().to_owned(),
            is_root: file.base.is_none(),
        };
        let mut parties: Vec<Known> = set.relying_parties().map(known).collect();
        parties.sort_by(|one, other| one.path.cmp(&other.path));
        let is_read = |path: &Path| {
            let mut files = set.files.iter();
            files.any(|file| set.sources.get(file.file).path() == path)
        };
        let broken = set.broken.iter().map(|finding| {
            let path = set.sources.get(finding.span.file).path().to_owned();
            (path, policies::broken(&set, finding))
        });
        Ok(Self {
            files: set.files.iter().map(known).collect(),
            parties,
            broken: broken.filter(|(path, _)| !is_read(path)).collect(),
        })
    }

    /// The other relying parties in the folder of one, by id.
    pub(super) fn beside(&self, party: &Known, policy: &str) -> Option<&Known> {
        let mut parties = self.parties.iter();
        parties.find(|other| {
            other.path.parent() == party.path.parent() && folded(&other.policy) == folded(policy)
        })
    }

    /// Puts a relying party together.
    pub(super) fn chain(
        &self,
        party: &Known,
        story: Option<&Story>,
        request: &Request,
    ) -> Result<Chain, Obstacle> {
        let mut taken = self.near(party);
        let mut own: BTreeSet<String> = BTreeSet::new();
        if let Some(story) = story {
            taken.extend(story.files.iter().cloned());
            own = self.ids_of(&story.files, request);
        }
        for _ in 0..MAX_BASES {
            let set = self.set(&taken, request);
            let set = set.map_err(|error| unreadable(&error))?;
            let file = set
                .files
                .iter()
                .find(|file| set.sources.get(file.file).path() == party.path);
            let file = file.ok_or_else(|| unreadable(&"the file holds no policy"))?;
            let missing = match set.chain(file.file) {
                Ok(chain) => return Ok(whole(&set, &chain, party)),
                Err(ChainProblem::Missing { policy, .. }) => policy,
                Err(problem) => return Err(policies::of_chain(&set, file, &problem)),
            };
            let more = self.bases(party, &missing, story);
            let before = taken.len();
            for file in more {
                let is_there = taken.contains(&file.path) || own.contains(&folded(&file.policy));
                if !is_there {
                    taken.push(file.path.clone());
                }
            }
            if taken.len() == before {
                let policy = missing;
                let problem = ChainProblem::Missing {
                    file: file.file,
                    policy,
                };
                return Err(policies::of_chain(&set, file, &problem));
            }
        }
        Err(unreadable(&"its bases go on without an end"))
    }

    fn set(&self, files: &[PathBuf], request: &Request) -> Result<PolicySet, LoadError> {
        let request = Request {
            paths: files.to_vec(),
            ..request.clone()
        };
        let set = policies::read(&request)?;
        Ok(check::with_bases(set, &Options::default()))
    }

    fn ids_of(&self, files: &[PathBuf], request: &Request) -> BTreeSet<String> {
        let set = self.set(files, request);
        let files = set.map(|set| set.files).unwrap_or_default();
        files
            .iter()
            .filter_map(|file| file.policy_id().map(folded))
            .collect()
    }

    /// What lies in the same folder and in those around it.
    fn near(&self, party: &Known) -> Vec<PathBuf> {
        let folder = party.path.parent().unwrap_or(Path::new(""));
        let around: BTreeSet<&Path> = folder.ancestors().collect();
        let files = self.files.iter();
        let near = files.filter(|file| {
            let own = file.path.parent().unwrap_or(Path::new(""));
            around.contains(own)
        });
        near.map(|file| file.path.clone()).collect()
    }

    /// The files among which a missing base is, with all that lie beside it.
    fn bases(&self, party: &Known, policy: &str, story: Option<&Story>) -> Vec<&Known> {
        let folders = self.folders_with(policy);
        let wanted = story.and_then(|story| story.pack.as_deref());
        let folders = match wanted {
            Some(pack) => shallowest(folders.into_iter().filter(|at| lies_in(at, pack)).collect()),
            None => {
                let packs: Vec<&Path> = folders
                    .iter()
                    .copied()
                    .filter(|folder| self.is_pack(folder))
                    .collect();
                match packs.is_empty() {
                    true => nearest(&party.path, folders),
                    false => shallowest(packs),
                }
            }
        };
        let files = self.files.iter();
        let within = files.filter(|file| {
            let folder = file.path.parent().unwrap_or(Path::new(""));
            folders.contains(&folder)
        });
        within.collect()
    }

    fn folders_with(&self, policy: &str) -> Vec<&Path> {
        let files = self.files.iter();
        let own = files.filter(|file| folded(&file.policy) == folded(policy));
        let folders: BTreeSet<&Path> = own.filter_map(|file| file.path.parent()).collect();
        folders.into_iter().collect()
    }

    /// Whether the folder is one of several whole sets of the same ids side by
    /// side: a starter pack, made to be built upon.
    fn is_pack(&self, folder: &Path) -> bool {
        let mut siblings: BTreeMap<String, BTreeSet<&Path>> = BTreeMap::new();
        for file in self.files.iter().filter(|file| file.is_root) {
            let own = file.path.parent().unwrap_or(Path::new(""));
            if own.parent() == folder.parent() {
                siblings
                    .entry(folded(&file.policy))
                    .or_default()
                    .insert(own);
            }
        }
        let mut sets = siblings.values();
        sets.any(|folders| folders.len() > 1 && folders.contains(folder))
    }
}

fn unreadable(why: &dyn std::fmt::Display) -> Obstacle {
    Obstacle {
        place: None,
        what: why.to_string(),
        mend: "Mend the file, or take it out of the folder".to_owned(),
    }
}

fn whole(set: &PolicySet, chain: &[&PolicyFile], party: &Known) -> Chain {
    let files: Vec<PathBuf> = chain
        .iter()
        .map(|file| set.sources.get(file.file).path().to_owned())
        .collect();
    let root = files.first().and_then(|root| root.parent());
    let is_own = root == party.path.parent();
    Chain {
        pack: root.filter(|_| !is_own).map(Path::to_owned),
        files,
    }
}

/// Packs within packs are for those who name them.
fn shallowest(folders: Vec<&Path>) -> Vec<&Path> {
    let depth = |folder: &&Path| folder.components().count();
    let least = folders.iter().map(depth).min();
    let mut folders = folders;
    folders.retain(|folder| Some(depth(folder)) == least);
    folders
}

/// The folder that shares the most with the file's.
fn nearest<'p>(file: &Path, folders: Vec<&'p Path>) -> Vec<&'p Path> {
    let shared = |folder: &&Path| {
        let pairs = folder.components().zip(file.components());
        pairs.take_while(|(one, other)| one == other).count()
    };
    let most = folders.iter().map(shared).max();
    let first = folders
        .into_iter()
        .find(|folder| Some(shared(folder)) == most);
    first.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(path: &str, policy: &str, is_root: bool) -> Known {
        Known {
            path: PathBuf::from(path),
            policy: policy.to_owned(),
            is_root,
        }
    }

    fn checkout() -> Checkout {
        Checkout {
            files: vec![
                known("pack/Local/Base.xml", "B2C_1A_Base", true),
                known("pack/Local/Ext.xml", "B2C_1A_Ext", false),
                known("pack/Social/Base.xml", "B2C_1A_Base", true),
                known("pack/Social/Ext.xml", "B2C_1A_Ext", false),
                known("pack/new/Local/Base.xml", "B2C_1A_Base", true),
                known("pack/new/Local/Ext.xml", "B2C_1A_Ext", false),
                known("pack/new/Social/Base.xml", "B2C_1A_Base", true),
                known("samples/a/Ext.xml", "B2C_1A_Ext", false),
                known("samples/a/Own.xml", "B2C_1A_Own", false),
                known("samples/b/rp/RP.xml", "B2C_1A_RP", false),
                known("samples/b/Own.xml", "B2C_1A_Own", false),
                known("samples/RP.xml", "B2C_1A_RP", false),
            ],
            parties: Vec::new(),
            broken: Vec::new(),
        }
    }

    fn paths(files: Vec<&Known>) -> Vec<String> {
        let paths = files.iter().map(|file| file.path.display().to_string());
        paths.collect()
    }

    #[test]
    fn a_base_is_looked_for_in_starter_packs_rather_than_in_other_samples() {
        let checkout = checkout();
        let party = known("samples/b/rp/RP.xml", "B2C_1A_RP", false);
        let found = paths(checkout.bases(&party, "b2c_1a_EXT", None));
        assert_eq!(
            found,
            [
                "pack/Local/Base.xml",
                "pack/Local/Ext.xml",
                "pack/Social/Base.xml",
                "pack/Social/Ext.xml"
            ]
        );
        let found = paths(checkout.bases(&party, "B2C_1A_Own", None));
        assert_eq!(found, ["samples/b/Own.xml"], "no pack has it: the nearest");
        assert!(checkout.bases(&party, "B2C_1A_None", None).is_empty());
    }

    #[test]
    fn near_are_the_own_folder_and_those_around_it() {
        let party = known("samples/b/rp/RP.xml", "B2C_1A_RP", false);
        assert_eq!(
            checkout().near(&party),
            ["samples/b/rp/RP.xml", "samples/b/Own.xml", "samples/RP.xml"].map(PathBuf::from)
        );
    }
}
