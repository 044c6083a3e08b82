//! Which of several equally near files a policy inherits from.
//!
//! The starter pack holds four bases of one id, and samples are written for one
//! of them without saying which. The one that leaves the fewest errors in the
//! policy, and in all that inherit from it, is the one that was meant.

use std::collections::HashMap;

use super::{Options, distinct, each, policy};
use crate::policy::finding::{Finding, Severity};
use crate::policy::set::{Heirs, PolicyFile, PolicySet, with_heirs};
use crate::policy::source::FileId;

/// Policies that are looked at to choose bases, each once for each candidate.
/// The public samples need about a thousand; beyond it the first is taken.
const MOST_TRIALS: usize = 10_000;

/// Rules about what the author has yet to fill in: a base that brings an
/// identity provider is not the wrong one for want of that provider's key.
const TO_FILL_IN: [u8; 4] = [3, 22, 24, 33];

/// One policy whose base is to be chosen.
struct Question {
    file: FileId,
    /// By path.
    candidates: Vec<FileId>,
    /// The policy and all that inherit from it.
    lineage: Vec<FileId>,
    /// Whether the candidates are tried.
    tried: bool,
}

/// How little speaks for a candidate; the least is taken.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Blame {
    /// Policies that with it have no whole chain.
    broken: usize,
    errors: usize,
    to_fill_in: usize,
}

/// The set with a base for every policy, if one had to be chosen.
pub(super) fn chosen(set: &PolicySet, options: &Options) -> Option<PolicySet> {
    if !set.files.iter().any(PolicyFile::is_open) {
        return None;
    }
    let mut set = set.clone();
    let mut left = MOST_TRIALS;
    loop {
        let questions = ready(&set, &mut left);
        if questions.is_empty() {
            return Some(set);
        }
        let answers = each(
            &questions,
            || set.clone(),
            |set, question| vec![(question.file, best(set, question, options))],
        );
        let answers: HashMap<_, _> = answers.into_iter().collect();
        for question in questions {
            let base = answers.get(&question.file).copied().flatten();
            set.take(question.file, base, &question.lineage);
        }
    }
}

/// The policies to ask about next: those whose candidates depend on no other
/// open one. Where all depend on each other, the first goes ahead.
fn ready(set: &PolicySet, left: &mut usize) -> Vec<Question> {
    let open: Vec<_> = set.files.iter().filter(|file| file.is_open()).collect();
    let settled = |file: &&&PolicyFile| {
        file.candidates()
            .iter()
            .all(|candidate| !set.lineage(*candidate).iter().any(|base| base.is_open()))
    };
    let mut ready: Vec<_> = open.iter().filter(settled).copied().collect();
    if ready.is_empty() {
        ready.extend(open.first());
    }
    let heirs = set.heirs();
    ready
        .into_iter()
        .map(|file| question(set, file, &heirs, left))
        .collect()
}

fn question(set: &PolicySet, file: &PolicyFile, heirs: &Heirs, left: &mut usize) -> Question {
    let mut candidates = file.candidates().to_vec();
    candidates.sort_by_key(|candidate| set.sources.get(*candidate).path());
    let lineage = with_heirs(file.file, heirs);
    let after = left.checked_sub(candidates.len() * lineage.len());
    *left = after.unwrap_or(*left);
    Question {
        file: file.file,
        candidates,
        lineage,
        tried: after.is_some(),
    }
}

fn best(set: &mut PolicySet, question: &Question, options: &Options) -> Option<FileId> {
    let candidates = question.candidates.iter().copied();
    if !question.tried {
        return candidates.into_iter().next();
    }
    // Of equals the first.
    let best = candidates.min_by_key(|candidate| {
        set.take(question.file, Some(*candidate), &question.lineage);
        blame(set, &question.lineage, options)
    });
    set.take(question.file, None, &question.lineage);
    best
}

fn blame(set: &PolicySet, lineage: &[FileId], options: &Options) -> Blame {
    let files = lineage.iter().filter_map(|file| set.get(*file));
    let mut found = Vec::new();
    let mut broken = 0;
    for file in files {
        broken += usize::from(set.chain(file.file).is_err());
        found.extend(policy(set, file, options));
    }
    found.retain(|finding| finding.severity == Severity::Error);
    let found = distinct(found);
    let to_fill_in = |finding: &&Finding| TO_FILL_IN.contains(&finding.rule.0);
    let to_fill_in = found.iter().filter(to_fill_in).count();
    Blame {
        broken,
        errors: found.len() - to_fill_in,
        to_fill_in,
    }
}
