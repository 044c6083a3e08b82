//! For code scanning: SARIF 2.1.0 (OASIS standard of 27 March 2020, errata 01).

use std::path::{Component, Path};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::finding::Severity;
use super::super::source::Span;
use super::{Entry, Report};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What may stand as it is in a segment of a path (RFC 3986, 3.3).
const SEGMENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A rule, as a viewer explains it.
pub struct Rule {
    pub id: String,
    pub severity: Severity,
    pub title: String,
    /// Why it is wrong.
    pub explanation: String,
    /// How it is mended.
    pub help: String,
}

/// The whole log. Paths below `root`, which is absolute, become relative to it.
pub fn render(
    report: &Report<'_>,
    rules: &[Rule],
    root: &Path,
) -> Result<String, serde_json::Error> {
    let results = report.entries.iter();
    let results = results.map(|entry| result(report, entry, rules, root));
    serde_json::to_string_pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "idlink",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.iter().map(rule).collect::<Vec<_>>(),
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    }))
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": level(rule.severity)},
    })
}

fn result(report: &Report<'_>, entry: &Entry<'_>, rules: &[Rule], root: &Path) -> Value {
    let related = entry.related.iter().enumerate();
    let related = related.map(|(id, (span, text))| {
        json!({
            "id": id,
            "message": {"text": text},
            "physicalLocation": location(report, *span, root),
        })
    });
    // All results of a run have the member or none (3.27.23).
    let suppressions: Vec<_> = entry
        .suppressed
        .map(|reason| json!({"kind": "inSource", "justification": reason}))
        .into_iter()
        .collect();
    let mut result = json!({
        "ruleId": entry.rule,
        "level": level(entry.severity),
        "message": {"text": message(entry)},
        "locations": [{"physicalLocation": location(report, entry.span, root)}],
        "relatedLocations": related.collect::<Vec<_>>(),
        "suppressions": suppressions,
    });
    if let Some(index) = rules.iter().position(|rule| rule.id == entry.rule) {
        result["ruleIndex"] = json!(index);
    }
    result
}

/// Viewers show one text: what is wrong, what B2C says, how to mend it.
fn message(entry: &Entry<'_>) -> String {
    let mut text = format!("{}.", entry.message.trim_end_matches('.'));
    if let Some(b2c) = entry.b2c {
        text.push_str(&format!("\nB2C says: {b2c}"));
    }
    if let Some(mend) = entry.mend {
        text.push_str(&format!("\n{mend}"));
    }
    text
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// Lines and columns count from one; the end column is the one behind.
fn location(report: &Report<'_>, span: Span, root: &Path) -> Value {
    let (start, end) = report.places(span);
    let path = report.sources.get(span.file).path();
    json!({
        "artifactLocation": artifact(path, root),
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    })
}

/// Relative to the root of the sources where the file is below it.
fn artifact(path: &Path, root: &Path) -> Value {
    let whole = normal(&root.join(path));
    match whole.strip_prefix(&normal(root)[..]) {
        Some([]) | None => json!({"uri": format!("file:///{}", uri(&whole))}),
        Some(below) => json!({"uri": uri(below), "uriBaseId": "%SRCROOT%"}),
    }
}

/// The names along an absolute path. What `..` leaves is left out, as RFC 3986
/// does (5.2.4).
fn normal(path: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => {
                names.pop();
            }
            Component::Prefix(prefix) => {
                names.push(prefix.as_os_str().to_string_lossy().into_owned());
            }
            Component::RootDir | Component::CurDir => {}
        }
    }
    names
}

fn uri(names: &[String]) -> String {
    let names = names.iter();
    let encoded = names.map(|name| utf8_percent_encode(name, &SEGMENT).to_string());
    encoded.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Finding;
    use super::super::super::source::Sources;
    use super::super::tests::span_of;
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        let root = Path::new("/home/ada/shop");
        let cases = [
            ("a b/ü#1.xml", "a%20b/%C3%BC%231.xml", true),
            ("./policies/../x.xml", "x.xml", true),
            ("/home/ada/shop/x.xml", "x.xml", true),
            (
                "../other/100%.xml",
                "file:///home/ada/other/100%25.xml",
                false,
            ),
            ("/srv/x.xml", "file:///srv/x.xml", false),
        ];
        for (path, expected, below) in cases {
            let location = artifact(Path::new(path), root);
            assert_eq!(location["uri"], expected, "{path}");
            assert_eq!(location.get("uriBaseId").is_some(), below, "{path}");
        }
    }

    #[test]
    fn a_result_says_where_and_whether_it_counts() {
        let mut sources = Sources::default();
        let file = sources.add("x.xml".into(), "<a>\n <😀/>\t<b/></a>");
        let finding = Finding::new(20, Severity::Info, span_of(&sources, file, "b/"), "Odd")
            .b2c("no")
            .related(span_of(&sources, file, "a"), "here");
        let entries = [
            Entry::from(&finding),
            Entry::from(&finding).suppressed("agreed"),
        ];
        let report = Report::new(&sources, entries);
        let rules = ["P10", "P20"].map(|id| Rule {
            id: id.to_owned(),
            severity: Severity::Error,
            title: "Title".to_owned(),
            explanation: "Why.".to_owned(),
            help: "How.".to_owned(),
        });
        let text = render(&report, &rules, Path::new("/root")).unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "P20");
        let place = |line, from, to| {
            json!({
                "artifactLocation": {"uri": "x.xml", "uriBaseId": "%SRCROOT%"},
                "region": {
                    "startLine": line, "startColumn": from, "endLine": line, "endColumn": to,
                },
            })
        };
        assert_eq!(
            run["results"][0],
            json!({
                "ruleId": "P20",
                "ruleIndex": 1,
                "level": "note",
                "message": {"text": "Odd.\nB2C says: no"},
                // The emoji is one code point, though two UTF-16 units.
                "locations": [{"physicalLocation": place(2, 8, 10)}],
                "relatedLocations": [
                    {"id": 0, "message": {"text": "here"}, "physicalLocation": place(1, 2, 3)},
                ],
                "suppressions": [],
            })
        );
        assert_eq!(
            run["results"][1]["suppressions"],
            json!([{"kind": "inSource", "justification": "agreed"}])
        );
    }
}
