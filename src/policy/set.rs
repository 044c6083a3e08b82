//! The policies of some paths, and how they hang together.

mod choice;
mod nearest;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::effective::Effective;
use super::encoding::decode;
use super::finding::{Finding, Severity};
use super::folder::{self, Found, MAX_BYTES};
use super::merge::folded;
use super::source::{FileId, Sources, Span};
use super::xml::{Attribute, Document, Element, Text, parse};

use nearest::nearest;

pub use super::folder::ReadError;
pub use choice::{Heirs, with_heirs};

/// Bytes that B2C takes of a file ("Azure AD B2C service limits": 1024 KB).
const B2C_BYTES: usize = 1024 * 1024;

/// The elements that only a policy has at its top.
const PARTS: [&str; 6] = [
    "BuildingBlocks",
    "ClaimsProvider",
    "ClaimsProviders",
    "RelyingParty",
    "UserJourney",
    "UserJourneys",
];

/// Policies that were read together.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    pub sources: Sources,
    pub files: Vec<PolicyFile>,
    /// What is wrong with files before a rule can look at them (P01). The files
    /// that could be read all the same are among `files`.
    pub broken: Vec<Finding>,
    /// By file: its place in `files`.
    places: HashMap<FileId, usize>,
    /// By place: the effective policy, once somebody has asked for it.
    effective: Vec<OnceLock<Arc<Effective>>>,
}

/// One policy.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    pub file: FileId,
    pub document: Document,
    /// Shared with the tree of `document`, to be merged.
    root: Arc<Element>,
    /// `PolicyId`.
    pub id: Option<Attribute>,
    /// `TenantId`.
    pub tenant: Option<Attribute>,
    /// What it inherits from; `None` for the root of a chain.
    pub base: Option<BaseRef>,
    /// The file that has that base, if there is one.
    found: Result<Option<FileId>, Vec<FileId>>,
    /// Which of several it is taken to be, where that was chosen.
    taken: Option<FileId>,
    folder: PathBuf,
    /// Which of the paths led to it.
    path: usize,
}

/// A `BasePolicy` element.
#[derive(Clone, Debug)]
pub struct BaseRef {
    pub tenant: Option<Text>,
    pub policy: Option<Text>,
    /// Of the element.
    pub span: Span,
}

/// Why a chain does not end at a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainProblem {
    /// `file` inherits from a policy that is not among the files.
    Missing { file: FileId, policy: String },
    /// `file` inherits from a policy that several files hold, all equally near.
    Ambiguous {
        file: FileId,
        policy: String,
        candidates: Vec<FileId>,
    },
    /// `file` names no policy in its `BasePolicy`.
    Unnamed { file: FileId },
    /// `file` inherits from one that inherits from it.
    Cycle { file: FileId },
}

impl PolicySet {
    /// Reads files and folders; see [`folder::find`] for what is left out of
    /// folders. What is wrong in a file is among `broken`.
    pub fn read(paths: &[PathBuf]) -> Result<Self, ReadError> {
        Self::read_filled(paths, &mut |_, text| text)
    }

    /// The same for files that are not built: `fill` puts in what is left open
    /// before a text is parsed, without adding or removing lines.
    pub fn read_filled(
        paths: &[PathBuf],
        fill: &mut dyn FnMut(&Path, String) -> String,
    ) -> Result<Self, ReadError> {
        let mut set = Self::default();
        for found in folder::find(paths)? {
            match folder::bytes(&found.path)? {
                Some(bytes) => set.add_bytes(found, &bytes, fill),
                None => set.add_oversized(found),
            }
        }
        set.connect();
        Ok(set)
    }

    /// A set from texts, each under a path.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut set = Self::default();
        for (path, text) in texts {
            let path = PathBuf::from(path);
            let found = Found {
                folder: path.parent().map(Path::to_owned).unwrap_or_default(),
                path,
                root: 0,
                named: true,
            };
            set.add_text(&found, text.to_owned());
        }
        set.connect();
        set
    }

    /// The policy that a file holds.
    pub fn get(&self, file: FileId) -> Option<&PolicyFile> {
        self.files.get(*self.places.get(&file)?)
    }

    /// The policies with that id, in the order of the files.
    pub fn with_id<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a PolicyFile> + use<'a> {
        let id = folded(id);
        self.files
            .iter()
            .filter(move |file| file.policy_id().is_some_and(|own| folded(own) == id))
    }

    /// The policies that can be run.
    pub fn relying_parties(&self) -> impl Iterator<Item = &PolicyFile> {
        self.files.iter().filter(|file| file.is_relying_party())
    }

    /// The policies that no other one inherits from.
    pub fn leaves(&self) -> impl Iterator<Item = &PolicyFile> {
        let bases: HashSet<FileId> = self
            .files
            .iter()
            .filter_map(PolicyFile::base_file)
            .collect();
        self.files
            .iter()
            .filter(move |file| !bases.contains(&file.file))
    }

    /// The policy and all that it inherits from, the root first.
    pub fn chain(&self, file: FileId) -> Result<Vec<&PolicyFile>, ChainProblem> {
        let (chain, problem) = self.walk(file);
        match problem {
            None => Ok(chain),
            Some(problem) => Err(problem),
        }
    }

    /// As much of the chain as there is, the rootmost first.
    pub fn lineage(&self, file: FileId) -> Vec<&PolicyFile> {
        self.walk(file).0
    }

    /// The policy together with what it inherits, as far as that is there:
    /// [`Self::chain`] tells whether all is. Merged once and kept; `None` if the
    /// file holds no policy.
    pub fn effective(&self, file: FileId) -> Option<Arc<Effective>> {
        let (chain, problem) = self.walk(file);
        let circular = matches!(problem, Some(ChainProblem::Cycle { .. }));
        let mut whole: Option<Arc<Effective>> = None;
        for policy in chain {
            let merged = || {
                Arc::new(match &whole {
                    Some(base) => Effective::over(base, &policy.root, policy.file),
                    None => Effective::of_root(policy.root.clone(), policy.file),
                })
            };
            let kept = self.effective.get(*self.places.get(&policy.file)?)?;
            // In a circle each policy is the base of a chain of its own.
            whole = Some(if circular {
                merged()
            } else {
                kept.get_or_init(merged).clone()
            });
        }
        whole
    }

    fn walk(&self, file: FileId) -> (Vec<&PolicyFile>, Option<ChainProblem>) {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut next = self.get(file);
        let mut problem = None;
        while let Some(policy) = next {
            seen.insert(policy.file);
            chain.push(policy);
            next = match self.base_of(policy) {
                Ok(base) => base,
                Err(found) => {
                    problem = Some(found);
                    None
                }
            };
            if next.is_some_and(|base| seen.contains(&base.file)) {
                problem = Some(ChainProblem::Cycle { file: policy.file });
                next = None;
            }
        }
        chain.reverse();
        (chain, problem)
    }

    fn base_of(&self, policy: &PolicyFile) -> Result<Option<&PolicyFile>, ChainProblem> {
        let file = policy.file;
        let Some(base) = &policy.base else {
            return Ok(None);
        };
        let Some(id) = &base.policy else {
            return Err(ChainProblem::Unnamed { file });
        };
        let named = id.value.to_string();
        if let Some(found) = policy.base_file() {
            return Ok(self.get(found));
        }
        match &policy.found {
            Ok(_) => Err(ChainProblem::Missing {
                file,
                policy: named,
            }),
            Err(candidates) => Err(ChainProblem::Ambiguous {
                file,
                policy: named,
                candidates: candidates.clone(),
            }),
        }
    }

    fn add_bytes(
        &mut self,
        found: Found,
        bytes: &[u8],
        fill: &mut dyn FnMut(&Path, String) -> String,
    ) {
        let decoded = decode(bytes);
        if !found.named && !mentions_policy(&decoded.text) {
            return;
        }
        match decoded.problem {
            None => {
                let text = fill(&found.path, decoded.text);
                self.add_text(&found, text);
            }
            Some(problem) => {
                let file = if problem.garbled {
                    self.sources.add(found.path, decoded.text)
                } else {
                    self.add_text(&found, decoded.text)
                };
                self.refuse(at(file, problem.at), problem.message);
            }
        }
    }

    fn add_oversized(&mut self, found: Found) {
        let file = self.sources.add(found.path, "");
        self.refuse(
            at(file, 0),
            format!(
                "the file is larger than {} KB and was not read",
                MAX_BYTES / 1024
            ),
        );
    }

    fn add_text(&mut self, found: &Found, text: String) -> FileId {
        let file = self.sources.add(found.path.clone(), text);
        let text = self.sources.get(file).text().clone();
        match parse(file, &text) {
            Err(error) => {
                self.refuse(error.span, format!("the file is not XML: {}", error.reason));
            }
            Ok(document) if &*document.root.name == "TrustFrameworkPolicy" => {
                if text.len() > B2C_BYTES {
                    self.refuse(
                        document.root.name_span,
                        format!(
                            "the file has {} bytes, and B2C takes {B2C_BYTES}",
                            text.len()
                        ),
                    );
                }
                self.places.insert(file, self.files.len());
                self.effective.push(OnceLock::new());
                self.files.push(PolicyFile::new(file, document, found));
            }
            Ok(document) if found.named || PARTS.contains(&&*document.root.name) => {
                self.refuse(
                    document.root.name_span,
                    format!(
                        "the file is no policy: it begins with {}, not with TrustFrameworkPolicy",
                        document.root.name
                    ),
                );
            }
            Ok(_) => {}
        }
        file
    }

    fn refuse(&mut self, span: Span, message: String) {
        let finding = Finding::new(1, Severity::Error, span, message);
        self.broken.push(finding);
    }

    /// Finds each policy's base.
    fn connect(&mut self) {
        let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, file) in self.files.iter().enumerate() {
            if let Some(id) = file.policy_id() {
                by_id.entry(folded(id)).or_default().push(place);
            }
        }
        let mut found = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let base = file.base.as_ref().and_then(|base| base.policy.as_ref());
            let candidates = base.and_then(|id| by_id.get(&folded(&id.value)));
            let candidates = candidates.into_iter().flatten();
            found.push(nearest(
                file,
                candidates.filter_map(|place| self.files.get(*place)),
            ));
        }
        for (file, found) in self.files.iter_mut().zip(found) {
            file.found = found;
        }
    }
}

impl PolicyFile {
    fn new(file: FileId, document: Document, found: &Found) -> Self {
        let root = &document.root;
        let base = root.child("BasePolicy").map(|base| BaseRef {
            tenant: base.child("TenantId").and_then(|id| id.text.clone()),
            policy: base.child("PolicyId").and_then(|id| id.text.clone()),
            span: base.span,
        });
        Self {
            file,
            id: root.attribute("PolicyId").cloned(),
            tenant: root.attribute("TenantId").cloned(),
            base,
            root: Arc::new(root.clone()),
            document,
            found: Ok(None),
            taken: None,
            folder: found.folder.clone(),
            path: found.root,
        }
    }

    pub fn policy_id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| &*id.value)
    }

    /// Whether the policy can be run: the file itself names the journey, or
    /// what is sent.
    pub fn is_relying_party(&self) -> bool {
        self.document.root.child("RelyingParty").is_some()
    }

    /// The file that this one inherits from, where it is there.
    pub fn base_file(&self) -> Option<FileId> {
        self.found.as_ref().ok().copied().flatten().or(self.taken)
    }
}

fn at(file: FileId, offset: usize) -> Span {
    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
    Span {
        file,
        start: offset,
        end: offset,
    }
}

/// Whether a text may be a policy, or was meant to be one.
fn mentions_policy(text: &str) -> bool {
    let mentions = |part: &str| text.contains(&format!("<{part}"));
    text.contains("TrustFrameworkPolicy") || PARTS.into_iter().any(mentions)
}

#[cfg(test)]
mod tests;
