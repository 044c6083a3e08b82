//! Comments that say that a finding is known and meant.
//!
//! `<!-- idlink-allow P26: the claim is only logged -->` holds for the element
//! that follows and all in it; behind something on a line, for that line.
//! Several rules are divided by commas. What lets nothing pass any more, or
//! gives no reason, is told of as P00.

use super::{Options, rules};
use crate::policy::finding::{Finding, RuleId, Severity};
use crate::policy::set::PolicyFile;
use crate::policy::source::{Source, Sources, Span};
use crate::policy::xml::{Element, Text};

const WORD: &str = "idlink-allow";

/// The comments of one file.
pub(super) struct Suppressions {
    all: Vec<Suppression>,
    /// What is wrong with comments.
    pub(super) findings: Vec<Finding>,
}

struct Suppression {
    rule: RuleId,
    reason: String,
    /// Bytes of the file in which it holds.
    scope: std::ops::Range<u32>,
    span: Span,
    used: bool,
}

impl Suppressions {
    pub(super) fn of(file: &PolicyFile, sources: &Sources) -> Self {
        let mut found = Self {
            all: Vec::new(),
            findings: Vec::new(),
        };
        for comment in &file.document.comments {
            if comment.value.trim_start().starts_with(WORD) {
                found.read(comment, file, sources.get(file.file));
            }
        }
        found
    }

    fn read(&mut self, comment: &Text, file: &PolicyFile, source: &Source) {
        let said = comment.value.trim_start();
        let said = said.strip_prefix(WORD).unwrap_or(said);
        let (names, reason) = said.split_once(':').unwrap_or((said, ""));
        if reason.trim().is_empty() {
            self.complain(
                comment.span,
                "the comment gives no reason".to_owned(),
                "write <!-- idlink-allow P26: why this is meant -->",
            );
        }
        let Some(scope) = scope(comment.span, &file.document.root, source) else {
            self.complain(
                comment.span,
                "the comment stands before nothing".to_owned(),
                "put it above the element that it is about, or behind it on the same line",
            );
            return;
        };
        for name in names.split(',').map(str::trim) {
            let known = RuleId::parse(name).filter(|rule| rules::rule(*rule).is_some());
            match known {
                Some(rule) if rule.0 != 0 => self.all.push(Suppression {
                    rule,
                    reason: reason.trim().to_owned(),
                    scope: scope.clone(),
                    span: comment.span,
                    used: false,
                }),
                Some(_) | None => self.complain(
                    comment.span,
                    format!("there is no rule `{name}` to let pass"),
                    "name rules by number, P02 to P41, divided by commas",
                ),
            }
        }
    }

    /// Why the finding is let pass, if it is.
    pub(super) fn allow(&mut self, finding: &Finding) -> Option<String> {
        let mut reason = None;
        for suppression in &mut self.all {
            if suppression.rule == finding.rule
                && suppression.span.file == finding.span.file
                && suppression.scope.contains(&finding.span.start)
            {
                suppression.used = true;
                reason.get_or_insert_with(|| suppression.reason.clone());
            }
        }
        reason
    }

    /// What is left to say of the comments once all findings have been seen.
    pub(super) fn finish(mut self, options: &Options) -> Vec<Finding> {
        let idle: Vec<_> = self
            .all
            .iter()
            .filter(|suppression| !suppression.used && options.runs(suppression.rule))
            .map(|suppression| (suppression.span, suppression.rule))
            .collect();
        for (span, rule) in idle {
            self.complain(
                span,
                format!("nothing here is found by {rule} that would have to pass"),
                "take the comment away",
            );
        }
        self.findings
    }

    fn complain(&mut self, span: Span, message: String, mend: &str) {
        let finding = Finding::new(0, Severity::Warning, span, message);
        self.findings.push(finding.mend(mend));
    }
}

fn scope(comment: Span, root: &Element, source: &Source) -> Option<std::ops::Range<u32>> {
    let text = source.text();
    let before = text.get(..comment.start as usize)?;
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    if !before.get(line..)?.trim().is_empty() {
        let after = text.get(comment.end as usize..)?;
        let end = after
            .find('\n')
            .map_or(text.len(), |at| comment.end as usize + at);
        return Some(u32::try_from(line).ok()?..u32::try_from(end).ok()?);
    }
    let next = following(root, comment.end)?;
    // No end tag between: it would be somebody else's.
    let between = text.get(comment.end as usize..next.span.start as usize)?;
    without_comments(between)
        .trim()
        .is_empty()
        .then_some(next.span.start..next.span.end)
}

/// The first element that begins behind a place.
fn following(element: &Element, place: u32) -> Option<&Element> {
    if element.span.start >= place {
        return Some(element);
    }
    let mut children = element.children.iter();
    children
        .find(|child| child.span.end > place)
        .and_then(|child| following(child, place))
}

fn without_comments(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        left.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    left.push_str(rest);
    left
}
