//! What a check found, for people and for programs.

pub mod json;
pub mod sarif;
pub mod text;

use super::finding::{Finding, Severity};
use super::source::{Position, Sources, Span};
use super::user_flow::FlowFinding;

/// What one check found, in the order in which it is told.
pub struct Report<'a> {
    pub sources: &'a Sources,
    pub entries: Vec<Entry<'a>>,
}

/// A finding of whatever kind, and what the author said of it.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// By its number: `P20`, `F01`.
    pub rule: String,
    pub severity: Severity,
    pub span: Span,
    pub message: &'a str,
    pub b2c: Option<&'a str>,
    pub mend: Option<&'a str>,
    pub related: &'a [(Span, String)],
    /// Why it is none, where a comment in the file says so.
    pub suppressed: Option<&'a str>,
}

impl<'a> From<&'a Finding> for Entry<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            rule: finding.rule.to_string(),
            severity: finding.severity,
            span: finding.span,
            message: &finding.message,
            b2c: finding.b2c.as_deref(),
            mend: finding.mend.as_deref(),
            related: &finding.related,
            suppressed: None,
        }
    }
}

impl<'a> From<&'a FlowFinding> for Entry<'a> {
    fn from(finding: &'a FlowFinding) -> Self {
        Self {
            rule: finding.rule.to_string(),
            severity: finding.severity,
            span: finding.span,
            message: &finding.message,
            b2c: None,
            mend: finding.mend.as_deref(),
            related: &[],
            suppressed: None,
        }
    }
}

impl<'a> Entry<'a> {
    #[must_use]
    pub fn suppressed(mut self, reason: &'a str) -> Self {
        self.suppressed = Some(reason);
        self
    }
}

/// How many there are of each, the suppressed ones apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub infos: usize,
    pub suppressed: usize,
}

impl<'a> Report<'a> {
    /// Sorted by file, place and rule, so that two runs say the same.
    pub fn new(sources: &'a Sources, entries: impl IntoIterator<Item = Entry<'a>>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|a, b| (a.span, &a.rule, a.message).cmp(&(b.span, &b.rule, b.message)));
        Self { sources, entries }
    }

    /// Those that the author did not suppress.
    pub fn open(&self) -> impl Iterator<Item = &Entry<'a>> {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.suppressed.is_none())
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            suppressed: self.entries.len() - self.open().count(),
            ..Counts::default()
        };
        for entry in self.open() {
            match entry.severity {
                Severity::Error => counts.errors += 1,
                Severity::Warning => counts.warnings += 1,
                Severity::Info => counts.infos += 1,
            }
        }
        counts
    }

    /// Where a span begins, and where it ends: behind its last character.
    fn places(&self, span: Span) -> (Position, Position) {
        let source = self.sources.get(span.file);
        let start = source.position(span.start as usize);
        (start, source.position(span.end.max(span.start) as usize))
    }

    /// The file's path as people were told it.
    fn path(&self, span: Span) -> String {
        self.sources.get(span.file).path().display().to_string()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |number: usize, what: &str| match number {
            1 => format!("1 {what}"),
            number => format!("{number} {what}s"),
        };
        let mut parts = vec![count(self.errors, "error"), count(self.warnings, "warning")];
        if self.infos > 0 {
            parts.push(count(self.infos, "remark"));
        }
        if self.suppressed > 0 {
            parts.push(format!("{} suppressed", self.suppressed));
        }
        write!(f, "{}", parts.join(", "))
    }
}

impl Severity {
    /// The word for it, in every format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A text of a file as a terminal may be shown it: what would move its cursor
/// or turn its line around becomes a picture.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' => c,
            '\u{0}'..='\u{1f}' => {
                char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// The same in one line.
pub fn visible_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::source::FileId;
    use super::*;

    /// A span over the first `words` of the text of `file`.
    pub(in crate::policy::report) fn span_of(sources: &Sources, file: FileId, words: &str) -> Span {
        let start = sources.get(file).text().find(words).unwrap();
        Span {
            file,
            start: u32::try_from(start).unwrap(),
            end: u32::try_from(start + words.len()).unwrap(),
        }
    }

    #[test]
    fn what_is_suppressed_is_counted_apart() {
        let mut sources = Sources::default();
        let file = sources.add("p.xml".into(), "<a><b/></a>");
        let span = |words| span_of(&sources, file, words);
        let error = Finding::new(20, Severity::Error, span("b"), "second");
        let warning = Finding::new(31, Severity::Warning, span("a"), "first");
        let entries = [
            Entry::from(&error),
            Entry::from(&error).suppressed("known"),
            Entry::from(&warning),
        ];
        let report = Report::new(&sources, entries);
        assert_eq!(report.entries[0].message, "first");
        let said = report.counts().to_string();
        assert_eq!(said, "1 error, 1 warning, 1 suppressed");
        assert_eq!(Counts::default().to_string(), "0 errors, 0 warnings");
    }

    #[test]
    fn nothing_in_a_file_reaches_the_terminal_as_a_command() {
        assert_eq!(
            visible_line("a\u{1b}[31m\u{9b}2J\u{202e}b\r\n\u{7f}é"),
            "a␛[31m\u{fffd}2J\u{fffd}b␍ ␡é"
        );
    }
}
