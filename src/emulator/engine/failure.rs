//! Why a technical profile gave no claims, and who is told what.

use std::collections::BTreeMap;

/// A failure, before it is known who catches it: a page that it happened
/// behind, or nobody, and then the application is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// What the application is told as `error`.
    pub(crate) error: &'static str,
    /// `AADB2C90075`; with [`Self::text`] what the application is told as
    /// `error_description`.
    pub(crate) code: String,
    pub(crate) text: String,
    /// What the page says where it happened behind one.
    pub(crate) page: PageText,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PageText {
    /// Words of somebody else, as they are: `userMessage` of a REST service.
    Said(String),
    /// Words of the policy: the localized string of this name, the page's
    /// metadata item of this name, or the default. `{0}` in them gives way to
    /// the arguments.
    Named {
        key: &'static str,
        /// Of the profile that failed, where it has such an item itself.
        default: Box<str>,
        arguments: Vec<String>,
    },
    /// Words of the policy for a call that failed: of each in turn the localized
    /// string of the page, then the called profile's own metadata item.
    FirstOf {
        texts: Vec<OwnWords>,
        default: String,
    },
    /// `Unable to validate the information provided.`
    Generic,
    /// Words of somebody else for the page and for fields of it, by claim.
    Fields {
        message: String,
        fields: BTreeMap<String, String>,
    },
    /// No page stays: the application is told, also where it happened behind
    /// one (External ID).
    Application,
    /// No page stays, nor is the application told: the journey ends on a page
    /// that tells the code and the text (user flows).
    Technical,
    /// No page stays: the journey ends on one that only tells this.
    Blocks {
        title: Option<String>,
        message: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnWords {
    pub(crate) key: &'static str,
    /// What the called profile's metadata say.
    pub(crate) own: Option<String>,
    /// For `{0}`, `{1}`, … in either.
    pub(crate) arguments: Vec<String>,
}

impl Failure {
    /// One that nobody but an author can do anything about.
    pub(crate) fn technical(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            error: "server_error",
            code: code.to_owned(),
            text: text.into(),
            page: PageText::Generic,
        }
    }

    /// One that the person at the page is told about.
    pub(crate) fn named(
        code: &'static str,
        text: impl Into<String>,
        key: &'static str,
        default: impl Into<Box<str>>,
    ) -> Self {
        Self {
            error: "server_error",
            code: code.to_owned(),
            text: text.into(),
            page: PageText::Named {
                key,
                default: default.into(),
                arguments: Vec::new(),
            },
        }
    }

    /// Whether no page can stay.
    pub(crate) fn ends_the_journey(&self) -> bool {
        match self.page {
            PageText::Application | PageText::Technical | PageText::Blocks { .. } => true,
            PageText::Said(_)
            | PageText::Named { .. }
            | PageText::Fields { .. }
            | PageText::FirstOf { .. }
            | PageText::Generic => false,
        }
    }

    /// The input claim that a profile requires has no value.
    pub(crate) fn missing_input(profile: &str, claim: &str) -> Self {
        Self::technical(
            "AADB2C90037",
            format!(
                "An error occurred while processing the request: the technical profile '{profile}' \
                 requires the input claim '{claim}', and it has no value."
            ),
        )
    }
}
