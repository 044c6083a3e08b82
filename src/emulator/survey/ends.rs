//! Where a visit can end.

use serde_json::{Map, Value};

use super::page::Page;

/// Where a visit ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Token(Map<String, Value>),
    /// The application is told.
    Error {
        error: String,
        description: String,
    },
    /// A page stays, and says why.
    Stays(String),
    /// A page that leads nowhere, with all that it says.
    Page(String),
    /// What should not be.
    Wrong(String),
}

impl End {
    /// A page of the emulator's own: it blocks, or something broke.
    pub(super) fn over(status: u16, page: &Page) -> Self {
        let said = match page.errors.is_empty() {
            true => page.text.clone(),
            false => page.errors.join(": "),
        };
        match status {
            200 if !said.starts_with("AADB2C") => Self::Page(said),
            _ => Self::Wrong(format!("HTTP {status}: {said}")),
        }
    }

    /// Whether somebody pressed cancel.
    pub(super) fn is_cancel(&self) -> bool {
        match self {
            Self::Error { error, description } => {
                error == "access_denied" && description.starts_with("AADB2C90091")
            }
            Self::Token(_) | Self::Stays(_) | Self::Page(_) | Self::Wrong(_) => false,
        }
    }

    /// In one line.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Token(claims) => {
                let names: Vec<&str> = claims.keys().map(String::as_str).collect();
                format!("token ({})", names.join(", "))
            }
            Self::Error { error, description } => {
                let first = description.lines().next().unwrap_or_default();
                format!("{error}: {first}")
            }
            Self::Stays(message) => format!("the page stays: {message}"),
            Self::Page(text) => format!("the journey ends on a page: {text}"),
            Self::Wrong(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_emulators_own_is_an_end_and_with_an_error_it_is_wrong() {
        let blocked = Page {
            errors: vec!["Blocked".to_owned()],
            ..Page::default()
        };
        assert_eq!(End::over(200, &blocked), End::Page("Blocked".to_owned()));
        assert_eq!(
            End::over(500, &blocked),
            End::Wrong("HTTP 500: Blocked".to_owned())
        );
    }

    #[test]
    fn only_the_cancel_button_is_a_cancel() {
        for (error, description, expected) in [
            ("access_denied", "AADB2C90091: The user has cancelled", true),
            ("access_denied", "AADB2C90118: forgot", false),
            ("server_error", "AADB2C90091: x", false),
        ] {
            let end = End::Error {
                error: error.to_owned(),
                description: description.to_owned(),
            };
            assert_eq!(end.is_cancel(), expected, "{error} {description}");
        }
        assert!(!End::Page(String::new()).is_cancel());
    }
}
