//! Small policies with one fault each. A finding is written as the place, the
//! rule, the severity and what is underlined there.

mod chain;
mod journeys;
mod overrides;
mod references;
mod relying_party;
mod run;
mod schema;

use super::{Options, Report, check};
use crate::policy::finding::{Finding, Severity};
use crate::policy::set::PolicySet;

/// A base with a journey, free of faults.
const BASE: &str = include_str!("tests/base.xml");
/// A relying party over it, free of faults.
const PARTY: &str = include_str!("tests/party.xml");
/// A policy between the two; what stands for `<!-- PARTS -->` is in line 6.
const MIDDLE: &str = include_str!("tests/middle.xml");

/// The text with one thing changed, which must be there once.
fn with(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

fn middle(parts: &str) -> String {
    with(MIDDLE, "<!-- PARTS -->", parts)
}

fn run(files: &[(&str, &str)], options: &Options) -> (PolicySet, Report) {
    let set = PolicySet::from_texts(files.iter().copied());
    let report = check(&set, options);
    (set, report)
}

fn said(set: &PolicySet, finding: &Finding) -> String {
    let source = set.sources.get(finding.span.file);
    let place = set.sources.position(finding.span);
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let span = finding.span.start as usize..finding.span.end as usize;
    format!(
        "{}:{}:{} {} {severity} `{}`",
        source.path().display(),
        place.line,
        place.column,
        finding.rule,
        &source.text()[span]
    )
}

fn found_with(files: &[(&str, &str)], options: &Options) -> Vec<String> {
    let (set, report) = run(files, options);
    let found = report.findings.iter();
    found.map(|finding| said(&set, finding)).collect()
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    found_with(files, &Options::default())
}

/// What is found in the base, with the relying party beside it.
fn in_base(base: &str) -> Vec<String> {
    found(&[("base.xml", base), ("party.xml", PARTY)])
}

fn in_party(party: &str) -> Vec<String> {
    found(&[("base.xml", BASE), ("party.xml", party)])
}

/// The only finding of a run.
fn only(files: &[(&str, &str)]) -> Finding {
    let (set, report) = run(files, &Options::default());
    let [finding] = report.findings.as_slice() else {
        panic!(
            "{:?}",
            report
                .findings
                .iter()
                .map(|f| said(&set, f))
                .collect::<Vec<_>>()
        );
    };
    finding.clone()
}

#[test]
fn what_is_right_is_let_alone() {
    let middle = middle("<!-- nothing -->");
    let party = with(
        PARTY,
        "<PolicyId>B2C_1A_Base</PolicyId>",
        "<PolicyId>b2c_1a_MIDDLE</PolicyId>",
    );
    let files = [
        ("base.xml", BASE),
        ("middle.xml", &middle),
        ("party.xml", &party),
    ];
    assert_eq!(found(&files), Vec::<String>::new());
    assert_eq!(in_party(PARTY), Vec::<String>::new());
}
