//! Why a policy does not go on after a REST call, and in which words that is
//! told. Texts are those of published reports and of "Localization string IDs:
//! Restful service error messages".

use crate::emulator::exchange::StatusName;

/// Why a policy does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Trouble {
    /// The pair of 409 and 409: the service's own words.
    Refused {
        user_message: String,
        /// Shown in `DebugMode` only, by the member's name.
        more: Vec<(&'static str, String)>,
    },
    HttpError {
        status: u16,
        why: String,
    },
    Unreachable {
        limit_ms: u64,
        how: Unreached,
    },
    Unparsable {
        why: String,
    },
    NoCertificate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Unreached {
    TimedOut,
    NotConnected,
    NotResolved,
}

impl Unreached {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::TimedOut => "there was no reply within the time limit",
            Self::NotConnected => "no connection could be made",
            Self::NotResolved => "the name of the host is not known",
        }
    }
}

pub(in crate::emulator) const REQUEST_FAILED: &str = "DefaultUserMessageIfRequestFailed";
pub(in crate::emulator) const TIMED_OUT: &str = "UserMessageIfRequestTimeout";
const CIRCUIT_OPEN: &str = "UserMessageIfCircuitOpen";
const NOT_RESOLVED: &str = "UserMessageIfDnsResolutionFailed";

/// A text that a policy may have of its own, by the name of its metadata item
/// or localized string. `{0}` in it gives way to the arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator) struct OwnText {
    pub(in crate::emulator) name: &'static str,
    pub(in crate::emulator) arguments: Vec<String>,
}

impl OwnText {
    /// What every failure of a call may be told in.
    pub(in crate::emulator) fn request_failed(url: &str) -> Self {
        Self {
            name: REQUEST_FAILED,
            arguments: vec![url.to_owned()],
        }
    }
}

/// What the texts of a failure name.
pub(in crate::emulator) struct Telling<'a> {
    pub(in crate::emulator) profile: &'a str,
    /// The claims exchange, and the step that it stands in.
    pub(in crate::emulator) exchange: &'a str,
    pub(in crate::emulator) step: &'a str,
    pub(in crate::emulator) url: &'a str,
    /// The text of the policy under a name.
    pub(in crate::emulator) own: &'a dyn Fn(&str) -> Option<String>,
}

impl Trouble {
    pub(in crate::emulator) fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::HttpError { .. } | Self::Unreachable { .. } => {
                "AADB2C90075"
            }
            Self::Unparsable { .. } => "AADB2C90261",
            Self::NoCertificate => "AADB2C90028",
        }
    }

    /// Texts of the policy that take the built-in one's place, the narrowest
    /// first.
    pub(in crate::emulator) fn own_texts(&self, url: &str) -> Vec<OwnText> {
        let text = |name, arguments: &[&str]| OwnText {
            name,
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        };
        match self {
            Self::Refused { .. } | Self::Unparsable { .. } => Vec::new(),
            Self::HttpError { .. } | Self::NoCertificate => vec![OwnText::request_failed(url)],
            Self::Unreachable { limit_ms, how } => {
                let seconds = limit_ms.div_ceil(1000).to_string();
                let timed_out = text(TIMED_OUT, &[&seconds, url]);
                let mut texts = match how {
                    Unreached::TimedOut => vec![timed_out],
                    Unreached::NotConnected => {
                        vec![text(CIRCUIT_OPEN, &[how.why(), url]), timed_out]
                    }
                    Unreached::NotResolved => vec![text(NOT_RESOLVED, &[url])],
                };
                texts.push(OwnText::request_failed(url));
                texts
            }
        }
    }

    /// What a self-asserted page says where the policy has no words for it.
    /// These texts tell the URL.
    pub(in crate::emulator) fn built_in(&self, url: &str) -> String {
        match self {
            Self::Refused { user_message, .. } => user_message.clone(),
            Self::Unreachable {
                limit_ms,
                how: Unreached::TimedOut | Unreached::NotConnected,
            } => time_limit(*limit_ms, url),
            Self::Unreachable {
                how: Unreached::NotResolved,
                ..
            } => format!(
                "Failed to resolve the hostname of the restful service endpoint. Restful service \
                 URL: {url}"
            ),
            Self::HttpError { .. } | Self::NoCertificate => request_failed(url),
            Self::Unparsable { .. } => "Unable to validate the information provided.".to_owned(),
        }
    }

    /// At the top of a self-asserted page.
    pub(super) fn on_the_page(&self, telling: &Telling<'_>) -> String {
        let mut texts = self.own_texts(telling.url).into_iter();
        let own = texts.find_map(|text| Some(filled(&(telling.own)(text.name)?, &text.arguments)));
        own.unwrap_or_else(|| self.built_in(telling.url))
    }

    /// In the `error_description` of a redirect, behind the code.
    pub(in crate::emulator) fn to_the_application(&self, telling: &Telling<'_>) -> String {
        let Telling { exchange, step, .. } = telling;
        let exchange = format!("The claims exchange '{exchange}' specified in step '{step}'");
        let http_error = |code: &str, reason: &str| {
            format!(
                "{exchange} returned HTTP error response with Code '{code}' and Reason '{reason}'."
            )
        };
        match self {
            Self::Refused { user_message, .. } => http_error("Conflict", user_message),
            Self::HttpError { status, .. } => {
                let StatusName { code, reason } = StatusName::of(*status);
                http_error(&code, reason)
            }
            Self::Unreachable { .. } => http_error("Conflict", &self.on_the_page(telling)),
            Self::Unparsable { .. } => {
                format!("{exchange} returned HTTP error response that could not be parsed.")
            }
            Self::NoCertificate => format!(
                "Client certificate specified for '{}' is invalid. Check that the certificate is \
                 correct, contains a private key and that access has been granted by the resource.",
                telling.profile
            ),
        }
    }
}

/// A text with its `{0}` filled in.
pub(in crate::emulator) fn filled(text: &str, arguments: &[String]) -> String {
    let mut text = text.to_owned();
    for (number, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{number}}}"), argument);
    }
    text
}

pub(in crate::emulator) fn request_failed(url: &str) -> String {
    format!(
        "Failed to establish connection to restful service end point. Restful service URL: {url}"
    )
}

fn time_limit(limit_ms: u64, url: &str) -> String {
    format!(
        "Failed to establish connection to restful service end point within timeout limit {} \
         seconds. Restful service URL: {url}",
        limit_ms.div_ceil(1000)
    )
}
