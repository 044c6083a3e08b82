//! For people: each finding beneath the line it was found in.

use std::collections::HashSet;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

use super::super::finding::Severity;
use super::super::source::{Sources, Span};
use super::{Entry, Report, visible, visible_line};

/// Whether the reader is a terminal that wants colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Yes,
    No,
}

/// What a policy's author is shown of a finding. `mend` says how the rule's
/// findings are mended in general; it is said with the first finding of each rule.
pub fn render<'a>(
    report: &'a Report<'a>,
    colours: Colours,
    mend: impl Fn(&str) -> Option<&'a str>,
) -> impl Iterator<Item = String> {
    let renderer = renderer(colours);
    let mut told = HashSet::new();
    report.open().map(move |entry| {
        let is_first = told.insert(entry.rule.as_str());
        let general = is_first.then(|| mend(&entry.rule)).flatten();
        one(report, entry, entry.mend.or(general), &renderer)
    })
}

/// Something that is no finding of ours, in its place: a refusal.
pub fn in_place(sources: &Sources, span: Span, title: &str, colours: Colours) -> String {
    let group = Level::ERROR
        .primary_title(visible_line(title))
        .element(Excerpt::of(sources, span).snippet(AnnotationKind::Primary, None));
    let text = renderer(colours).render(&[group]);
    format!("{}\n", text.trim_end())
}

fn renderer(colours: Colours) -> Renderer {
    match colours {
        Colours::Yes => Renderer::styled(),
        Colours::No => Renderer::plain(),
    }
}

fn one(report: &Report<'_>, entry: &Entry<'_>, mend: Option<&str>, renderer: &Renderer) -> String {
    let level = match entry.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let excerpt = Excerpt::of(report.sources, entry.span);
    let mut group = level
        .primary_title(visible_line(entry.message))
        .id(entry.rule.as_str())
        .element(excerpt.snippet(AnnotationKind::Primary, None));
    for (span, text) in entry.related {
        let excerpt = Excerpt::of(report.sources, *span);
        group = group.element(excerpt.snippet(AnnotationKind::Context, Some(text)));
    }
    if let Some(b2c) = entry.b2c {
        let said = format!("B2C says: {}", visible_line(b2c));
        group = group.element(Level::NOTE.message(said));
    }
    if let Some(mend) = mend {
        group = group.element(Level::HELP.message(visible(mend)));
    }
    let text = renderer.render(&[group]);
    format!("{}\n", text.trim_end())
}

/// The line of a finding, safe to show.
struct Excerpt {
    path: String,
    line: usize,
    text: String,
    /// Within `text`.
    marked: Range<usize>,
}

impl Excerpt {
    fn of(sources: &Sources, span: Span) -> Self {
        let source = sources.get(span.file);
        let text = source.text();
        let at = (span.start as usize).min(text.len());
        let before = text.get(..at).unwrap_or("");
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(begin..).unwrap_or("").lines().next().unwrap_or("");
        // What goes on over more lines is marked in its first.
        let end = (span.end as usize).clamp(at, begin + line.len().max(at - begin));
        let cut = |range: Range<usize>| visible(text.get(range).unwrap_or(""));
        let start = cut(begin..at).len();
        Self {
            path: visible_line(&source.path().display().to_string()),
            line: source.position(at).line,
            marked: start..start + cut(at..end).len(),
            text: visible(line),
        }
    }

    fn snippet(
        self,
        kind: AnnotationKind,
        label: Option<&str>,
    ) -> Snippet<'static, Annotation<'static>> {
        Snippet::source(self.text)
            .path(self.path)
            .line_start(self.line)
            .annotation(kind.span(self.marked).label(label.map(visible_line)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Finding;
    use super::super::tests::span_of;
    use super::*;

    fn told(sources: &Sources, finding: &Finding) -> String {
        let report = Report::new(sources, [Entry::from(finding)]);
        render(&report, Colours::No, |_| Some("mend it")).collect()
    }

    #[test]
    fn a_finding_stands_beneath_its_line() {
        let mut sources = Sources::default();
        let base = sources.add("base.xml".into(), "<a>\n\t<VTP ReferenceId=\"W\"/>\n</a>");
        let file = sources.add(
            "dir/ext.xml".into(),
            "<a>\n  <é/><VTP ReferenceId=\"W\"/>\n</a>",
        );
        let finding = Finding::new(
            20,
            Severity::Error,
            span_of(&sources, file, "VTP"),
            "\"W\" runs twice",
        )
        .b2c("A user with the specified ID already exists")
        .related(span_of(&sources, base, "VTP"), "first here");
        assert_eq!(
            told(&sources, &finding),
            r#"error[P20]: "W" runs twice
 --> dir/ext.xml:2:8
  |
2 |   <é/><VTP ReferenceId="W"/>
  |        ^^^
  |
 ::: base.xml:2:3
  |
2 |     <VTP ReferenceId="W"/>
  |      --- first here
  |
  = note: B2C says: A user with the specified ID already exists
  = help: mend it
"#
        );
    }

    #[test]
    fn what_a_file_holds_does_not_command_the_terminal() {
        let mut sources = Sources::default();
        let file = sources.add("p\u{1b}.xml".into(), "<\u{9b}2J\u{1b}[1mb\rc>\n<x>");
        let finding = Finding::new(
            1,
            Severity::Error,
            span_of(&sources, file, "b"),
            "no \u{1b}name\nof two lines",
        )
        .b2c("\u{7}");
        let said = told(&sources, &finding);
        assert!(
            !said.contains(['\u{1b}', '\u{9b}', '\r', '\u{7}']),
            "{said:?}"
        );
        assert!(said.contains("no ␛name of two lines"), "{said}");
        assert!(said.contains("p␛.xml:1:9"), "{said}");
    }

    #[test]
    fn a_place_at_the_end_of_a_file_is_shown() {
        for text in ["<a>", "<a>\n", ""] {
            let mut sources = Sources::default();
            let file = sources.add("p.xml".into(), text);
            let end = u32::try_from(text.len()).unwrap();
            let span = Span {
                file,
                start: end,
                end,
            };
            let said = told(
                &sources,
                &Finding::new(1, Severity::Error, span, "ends early"),
            );
            assert!(said.starts_with("error[P01]: ends early\n"), "{said}");
            assert!(said.contains("p.xml:"), "{said}");
        }
    }

    #[test]
    fn the_general_advice_is_given_once() {
        let mut sources = Sources::default();
        let file = sources.add("p.xml".into(), "<a/><b/>");
        let [first, second] = ["<a", "<b"]
            .map(|words| Finding::new(3, Severity::Warning, span_of(&sources, file, words), "odd"));
        let entries = [&first, &second].map(Entry::from);
        let report = Report::new(&sources, entries);
        let said: String = render(&report, Colours::No, |_| Some("mend it")).collect();
        assert_eq!(said.matches("mend it").count(), 1, "{said}");
        let colours: String = render(&report, Colours::Yes, |_| None).collect();
        assert!(colours.contains("\u{1b}["), "{colours}");
    }
}
