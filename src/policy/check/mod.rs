//! The rules that policies are checked by, and the run of all of them.
//!
//! What concerns one policy is looked at where that policy stands, with what it
//! inherits; what concerns a journey as a whole is looked at for each relying
//! party. [`rules`] tells what each rule is about.

mod bases;
mod chain;
mod claims;
mod data_type;
mod display;
mod flow;
mod journeys;
mod overrides;
mod pages;
mod providers;
mod reach;
mod references;
mod relying_party;
mod resolvers;
pub mod rules;
mod schema;
mod scope;
mod selection;
mod settings;
mod spelling;
mod sub_journeys;
mod suppression;
pub mod transformations;
#[cfg(test)]
mod trial;
mod wording;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::finding::{Finding, RuleId, Severity};
use super::set::{PolicyFile, PolicySet};
use super::source::{FileId, Span};
use super::view::same_id;

use scope::Scope;
pub use settings::{SAMPLE_TENANTS, is_app_id, is_sample_id};
use suppression::Suppressions;

/// How to look.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Ids of base policies that the tenant has, and that are not among the
    /// files: nothing is said of their absence.
    pub external: Vec<String>,
    /// The tenant that the policies are meant for, where that is known.
    pub tenant: Option<String>,
    /// Whether the files are what `idlink policy build` wrote: nothing is left
    /// to be filled in.
    pub built: bool,
    /// Whether they are meant for an environment that people use: nothing may
    /// be left of what helps while developing.
    pub production: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// By file, then by place.
    pub findings: Vec<Finding>,
    /// What comments let pass, in the same order.
    pub allowed: Vec<Allowed>,
    /// Policies looked at, and how many of them are relying parties.
    pub policies: usize,
    pub relying_parties: usize,
}

/// A finding that is known and meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub finding: Finding,
    /// In the author's words; empty where there are none.
    pub reason: String,
}

impl Options {
    fn is_external(&self, policy: &str) -> bool {
        self.external.iter().any(|id| same_id(id, policy))
    }

    /// Whether a rule looks at all that it can find.
    fn runs(&self, rule: RuleId) -> bool {
        match rule.0 {
            33 => self.built,
            34 => self.production,
            _ => true,
        }
    }
}

impl Report {
    pub fn count(&self, severity: Severity) -> usize {
        let found = self.findings.iter();
        found.filter(|finding| finding.severity == severity).count()
    }

    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}

/// The set with a base for every policy for which several files may be it: the
/// one that leaves the fewest errors. Blocks as [`check`] does.
pub fn with_bases(set: PolicySet, options: &Options) -> PolicySet {
    bases::chosen(&set, options).unwrap_or(set)
}

/// Looks at every policy of the set, and at every relying party with all that
/// it inherits. Where several files may be a policy's base, the one that leaves
/// the fewest errors is taken. Blocks for as long as that takes, on all
/// processors.
pub fn check(set: &PolicySet, options: &Options) -> Report {
    let chosen = bases::chosen(set, options);
    let set = chosen.as_ref().unwrap_or(set);
    let mut found = set.broken.clone();
    found.extend(each(
        &set.files,
        || (),
        |(), file| policy(set, file, options),
    ));
    let (findings, allowed) = settle(set, distinct(found), options);
    Report {
        findings,
        allowed,
        policies: set.files.len(),
        relying_parties: set.relying_parties().count(),
    }
}

/// Runs `look` for every item, on as many threads as there are processors, each
/// with a state of its own.
fn each<I: Sync, S, T: Send>(
    items: &[I],
    state: impl Fn() -> S + Sync,
    look: impl Fn(&mut S, &I) -> Vec<T> + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = state();
        let mut found = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(look(&mut state, item));
        }
        found
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let mut found = work();
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    })
}

fn policy(set: &PolicySet, file: &PolicyFile, options: &Options) -> Vec<Finding> {
    let text = set.sources.get(file.file).text();
    let mut findings = schema::check(&file.document.root, text);
    let Some(effective) = set.effective(file.file) else {
        return findings;
    };
    let scope = Scope {
        set,
        file,
        effective: &effective,
        complete: set.chain(file.file).is_ok(),
    };
    chain::check(&scope, options, &mut findings);
    transformations::check(&scope, &mut findings);
    resolvers::check(&scope, &mut findings);
    claims::check(&scope, &mut findings);
    settings::check(&scope, options, &mut findings);
    if scope.complete {
        references::check(&scope, &mut findings);
        journeys::check(&scope, &mut findings);
        overrides::check(&scope, &mut findings);
        providers::check(&scope, &mut findings);
        display::check(&scope, &mut findings);
        if file.is_relying_party() {
            relying_party::check(&scope, &mut findings);
        }
    }
    findings
}

/// Several relying parties see the same: it is told once.
fn distinct(mut findings: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| (finding.span.file, finding.span.start, finding.rule);
    findings.sort_by(|one, other| {
        key(one)
            .cmp(&key(other))
            .then_with(|| one.message.cmp(&other.message))
            // They name the relying party: which one is told must not depend on
            // which thread was first.
            .then_with(|| one.b2c.cmp(&other.b2c))
            .then_with(|| one.mend.cmp(&other.mend))
            .then_with(|| places(one).cmp(&places(other)))
    });
    findings.dedup_by(|one, other| {
        key(one) == key(other) && one.span == other.span && one.message == other.message
    });
    findings
}

fn places(finding: &Finding) -> Vec<Span> {
    finding.related.iter().map(|(span, _)| *span).collect()
}

/// Leaves out what comments let pass, and adds what is to say of the comments.
fn settle(set: &PolicySet, found: Vec<Finding>, options: &Options) -> (Vec<Finding>, Vec<Allowed>) {
    let mut suppressions: HashMap<FileId, Suppressions> = set
        .files
        .iter()
        .map(|file| (file.file, Suppressions::of(file, &set.sources)))
        .collect();
    let (mut findings, mut allowed) = (Vec::new(), Vec::new());
    for finding in found {
        let comments = suppressions.get_mut(&finding.span.file);
        match comments.and_then(|comments| comments.allow(&finding)) {
            Some(reason) => allowed.push(Allowed { finding, reason }),
            None => findings.push(finding),
        }
    }
    findings.extend(
        suppressions
            .into_values()
            .flat_map(|comments| comments.finish(options)),
    );
    findings.sort_by(|one, other| {
        (one.span, one.rule, &one.message).cmp(&(other.span, other.rule, &other.message))
    });
    (findings, allowed)
}

#[cfg(test)]
mod tests;
