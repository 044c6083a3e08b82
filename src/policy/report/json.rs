//! For programs: an array of findings.

use serde::Serialize;

use super::super::source::Span;
use super::Report;

/// One finding. Lines and columns count from one, columns in characters.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    rule: &'a str,
    severity: &'static str,
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: &'a str,
    /// What B2C would say, where that is known.
    b2c: Option<&'a str>,
    /// How to mend it, where there is more to say than the rule does.
    mend: Option<&'a str>,
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    file: String,
    line: usize,
    column: usize,
    message: &'a str,
}

/// What was not suppressed.
pub fn render(report: &Report<'_>) -> Result<String, serde_json::Error> {
    let items = report.open().map(|entry| {
        let (start, end) = report.places(entry.span);
        Item {
            rule: &entry.rule,
            severity: entry.severity.word(),
            file: report.path(entry.span),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            message: entry.message,
            b2c: entry.b2c,
            mend: entry.mend,
            related: related(report, entry.related),
        }
    });
    serde_json::to_string_pretty(&items.collect::<Vec<_>>())
}

fn related<'a>(report: &Report<'_>, places: &'a [(Span, String)]) -> Vec<Related<'a>> {
    let related = places.iter().map(|(span, message)| {
        let (start, _) = report.places(*span);
        Related {
            file: report.path(*span),
            line: start.line,
            column: start.column,
            message,
        }
    });
    related.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::finding::{Finding, Severity};
    use super::super::super::source::Sources;
    use super::super::Entry;
    use super::super::tests::span_of;
    use super::*;

    #[test]
    fn a_finding_has_every_member() {
        let mut sources = Sources::default();
        let file = sources.add("p.xml".into(), "<a>\n  <ä/><b>\n");
        let finding = Finding::new(6, Severity::Warning, span_of(&sources, file, "b"), "odd")
            .related(span_of(&sources, file, "a"), "declared");
        let known = Finding::new(7, Severity::Error, span_of(&sources, file, "b"), "known");
        let entries = [
            Entry::from(&finding),
            Entry::from(&known).suppressed("ours"),
        ];
        let text = render(&Report::new(&sources, entries)).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            json!([{
                "rule": "P06",
                "severity": "warning",
                "file": "p.xml",
                "line": 2,
                "column": 8,
                "endLine": 2,
                "endColumn": 9,
                "message": "odd",
                "b2c": null,
                "mend": null,
                "related": [{"file": "p.xml", "line": 1, "column": 2, "message": "declared"}],
            }])
        );
    }
}
