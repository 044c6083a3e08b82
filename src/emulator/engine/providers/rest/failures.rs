//! How a call that failed is told: to the page in front of it, or to the
//! application. The texts of codes are those of "Error codes: Azure Active
//! Directory B2C".

use super::super::{Call, CallPlace};
use crate::emulator::{
    engine::failure::{Failure, OwnWords, PageText},
    policy_call::{
        judge::Verdict,
        request::Unsendable,
        trouble::{OwnText, Telling, Trouble, request_failed},
    },
};

/// Why a profile is not called at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, text: String) -> Self {
        Self { code, text }
    }

    pub(super) fn no_metadata(profile: &str, key: &str) -> Self {
        let text =
            format!("Profile '{profile}' does not contain the required metadata key '{key}'.");
        Self::new("AADB2C90023", text)
    }

    pub(super) fn basic_credentials(profile: &str) -> Self {
        let text = format!(
            "Basic credentials specified for '{profile}' are invalid. Check that the credentials \
             are correct and that access has been granted by the resource."
        );
        Self::new("AADB2C90027", text)
    }

    pub(super) fn certificate(profile: &str) -> Self {
        let text = format!(
            "Client certificate specified for '{profile}' is invalid. Check that the certificate \
             is correct, contains a private key and that access has been granted by the resource."
        );
        Self::new("AADB2C90028", text)
    }

    pub(super) fn unsendable(call: &Call<'_>, unsendable: &Unsendable) -> Self {
        let profile = call.profile.id();
        match unsendable {
            Unsendable::Url(_) => Self::new(
                "AADB2C90026",
                format!(
                    "Profile '{profile}' metadata contains the key 'ServiceUrl' which has the \
                     empty or invalid URL format of '{}'.",
                    call.profile.metadata("ServiceUrl").unwrap_or_default()
                ),
            ),
            Unsendable::Claim { .. } => Self::new(
                "AADB2C90085",
                format!("The technical profile '{profile}' cannot be called: {unsendable}."),
            ),
            Unsendable::Certificate(_) => Self::certificate(profile),
        }
    }

    /// A page says of it what it says of every request that failed.
    pub(super) fn failure(self, call: &Call<'_>) -> Failure {
        let url = call.profile.metadata("ServiceUrl").unwrap_or_default();
        Failure {
            error: "server_error",
            code: self.code.to_owned(),
            text: self.text,
            page: PageText::FirstOf {
                texts: own_words(call, vec![OwnText::request_failed(url)]),
                default: request_failed(url),
            },
        }
    }
}

fn own_words(call: &Call<'_>, texts: Vec<OwnText>) -> Vec<OwnWords> {
    let words = texts.into_iter().map(|text| OwnWords {
        key: text.name,
        own: call.profile.metadata(text.name).map(str::to_owned),
        arguments: text.arguments,
    });
    words.collect()
}

/// What the texts of a failure are made of.
pub(super) struct Telltale<'a> {
    call: &'a Call<'a>,
    url: &'a str,
}

impl<'a> Telltale<'a> {
    pub(super) fn of(call: &'a Call<'a>, url: &'a str) -> Self {
        Self { call, url }
    }

    pub(super) fn failure(&self, trouble: &Trouble) -> Failure {
        let profile = self.call.profile;
        let (exchange, step) = match self.call.place {
            CallPlace::Step { order, exchange } => (exchange, order.to_string()),
            CallPlace::Validation => (profile.id(), "validation of a page".to_owned()),
        };
        let own = |name: &str| profile.metadata(name).map(str::to_owned);
        let telling = Telling {
            profile: profile.id(),
            exchange,
            step: &step,
            url: self.url,
            own: &own,
        };
        Failure {
            error: "server_error",
            code: trouble.code().to_owned(),
            text: trouble.to_the_application(&telling),
            page: self.page(trouble),
        }
    }

    fn page(&self, trouble: &Trouble) -> PageText {
        match trouble {
            Trouble::Refused { user_message, more } => {
                let debug = self.call.profile.metadata_flag("DebugMode");
                PageText::Said(match debug {
                    Some(true) => debugged(user_message, more),
                    Some(false) | None => user_message.clone(),
                })
            }
            Trouble::Unparsable { .. } => PageText::Generic,
            Trouble::HttpError { .. } | Trouble::Unreachable { .. } | Trouble::NoCertificate => {
                PageText::FirstOf {
                    texts: own_words(self.call, trouble.own_texts(self.url)),
                    default: trouble.built_in(self.url),
                }
            }
        }
    }
}

/// How the page sets the rest of an error message is not documented.
fn debugged(user_message: &str, more: &[(&'static str, String)]) -> String {
    let mut text = user_message.to_owned();
    for (name, value) in more {
        text.push_str(&format!(" [{name}: {value}]"));
    }
    text
}

/// As entries of the audit list name outcomes.
pub(super) fn outcome_name(call: &Call<'_>, verdict: &Verdict) -> &'static str {
    match (verdict, call.place) {
        (Verdict::Continue(_), _) => "Continue",
        (Verdict::Failed(_), CallPlace::Validation) => "PageStays",
        (Verdict::Failed(_), CallPlace::Step { .. }) => "ErrorRedirect",
    }
}
