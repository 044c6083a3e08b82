//! What a policy comes to: a technical profile with the origin of each line, a
//! journey as text, as JSON, as a picture, as a page.

mod build;
mod html;
pub mod journey;
mod lines;
mod mermaid;
mod place;
pub mod profile;
mod svg;
mod text;
mod words;

pub use journey::Journey;
pub use lines::Line;
pub use place::Place;
pub use profile::Profile;

use super::merge::folded;
use super::set::{ChainProblem, PolicyFile, PolicySet};

/// What was asked for is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    #[error("there is no {kind} {asked}{}{}", among(.asked, .there), also(.notes))]
    Unknown {
        kind: &'static str,
        asked: String,
        there: Vec<String>,
        /// Why it may be missing.
        notes: Vec<String>,
    },
    #[error("name one of the policies with --policy: {}", .0.join(", "))]
    WhichPolicy(Vec<String>),
    #[error("the policy {policy} is in several files; name one with --policy: {}", .files.join(", "))]
    WhichFile { policy: String, files: Vec<String> },
    #[error("the policy {0} names no journey of its own: name one with --journey{among}", among = among("", .1))]
    NoDefaultJourney(String, Vec<String>),
    #[error("no policy is in these paths")]
    NoPolicy,
}

/// The policy of that id, or in the file of that path; without one the only relying party, or the only policy
/// that no other one inherits from.
pub fn choose<'a>(set: &'a PolicySet, id: Option<&str>) -> Result<&'a PolicyFile, NotShown> {
    let ids = |files: &[&PolicyFile]| {
        let ids = files.iter().filter_map(|file| file.policy_id());
        ids.map(place::clean).collect()
    };
    let Some(id) = id else {
        let mut files: Vec<_> = set.relying_parties().collect();
        if files.is_empty() {
            files = set.leaves().collect();
        }
        return match files.as_slice() {
            [] => Err(NotShown::NoPolicy),
            [file] => Ok(file),
            several => Err(NotShown::WhichPolicy(ids(several))),
        };
    };
    let mut found: Vec<_> = set.with_id(id).collect();
    if found.is_empty() {
        let is_named = |file: &&PolicyFile| set.sources.get(file.file).path().ends_with(id);
        found = set.files.iter().filter(is_named).collect();
    }
    match found.as_slice() {
        [] => Err(NotShown::Unknown {
            kind: "policy",
            asked: place::clean(id),
            there: ids(&set.files.iter().collect::<Vec<_>>()),
            notes: Vec::new(),
        }),
        [file] => Ok(file),
        several => Err(NotShown::WhichFile {
            policy: place::clean(id),
            files: several
                .iter()
                .map(|file| place::path_of(&set.sources, file.file))
                .collect(),
        }),
    }
}

/// What a reader should know before they rely on what is shown.
fn notes(set: &PolicySet, file: &PolicyFile) -> Vec<String> {
    let path = |file| place::path_of(&set.sources, file);
    let note = match set.chain(file.file) {
        Ok(_) => return Vec::new(),
        Err(ChainProblem::Missing { file, policy }) => format!(
            "{} inherits from {}, which is not among the files: what it holds is missing here",
            path(file),
            place::clean(&policy),
        ),
        Err(ChainProblem::Ambiguous {
            file,
            policy,
            candidates,
        }) => format!(
            "{} inherits from {}, which several files hold, none nearer than the others: what it \
             holds is missing here; give the right one with the paths, without the others: {}",
            path(file),
            place::clean(&policy),
            candidates
                .into_iter()
                .map(path)
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Err(ChainProblem::Unnamed { file }) => {
            format!("{} names no policy in its BasePolicy", path(file))
        }
        Err(ChainProblem::Cycle { file }) => {
            format!(
                "{} inherits from a policy that inherits from it",
                path(file)
            )
        }
    };
    vec![note]
}

fn also(notes: &[String]) -> String {
    notes.iter().map(|note| format!("; {note}")).collect()
}

/// What there is instead: the nearest by name, and all.
fn among(asked: &str, there: &[String]) -> String {
    if there.is_empty() {
        return String::new();
    }
    let wanted = folded(asked);
    let nearest = there
        .iter()
        .map(|id| (strsim::jaro_winkler(&wanted, &folded(id)), id))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let meant = nearest.map_or(String::new(), |(_, id)| format!("; did you mean {id}?"));
    format!("{meant}; there are: {}", there.join(", "))
}

#[cfg(test)]
mod tests;
