//! What a check says about a policy.

use super::source::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// B2C refuses the upload, or the journey fails.
    Error,
    Warning,
    Info,
}

/// A rule, by the number that the documents give it: `P20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u8);

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "P{:02}", self.0)
    }
}

/// One thing that is wrong, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: RuleId,
    pub severity: Severity,
    pub span: Span,
    /// What is wrong, with the names in it. A sentence without a full stop.
    pub message: String,
    /// What B2C would say, with the names in it, where that is known.
    pub b2c: Option<String>,
    /// How to mend this one, where there is more to say than the rule does.
    pub mend: Option<String>,
    /// Other places that belong to it: where the thing was declared first.
    pub related: Vec<(Span, String)>,
}

impl Finding {
    pub fn new(rule: u8, severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self {
            rule: RuleId(rule),
            severity,
            span,
            message: message.into(),
            b2c: None,
            mend: None,
            related: Vec::new(),
        }
    }

    #[must_use]
    pub fn b2c(mut self, text: impl Into<String>) -> Self {
        self.b2c = Some(text.into());
        self
    }

    #[must_use]
    pub fn mend(mut self, text: impl Into<String>) -> Self {
        self.mend = Some(text.into());
        self
    }

    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }
}
