//! What External ID is answered: one action in one envelope. Another number of
//! actions, or one of another event, fails the sign-in (contracts.md §4.6).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;

use crate::domain::customer::CustomerNumber;
use crate::domain::link::LinkStatus;
use crate::domain::request_id::RequestId;

/// The claims that tokens get. Listed by these names, case and all, in the
/// extension and in the application's claims-mapping policy.
const CUSTOMER_ID: &str = "customerId";
const CUSTOMER_LINK: &str = "customerLink";

/// Names and values together (contracts.md §4.3).
const LARGEST_CLAIMS: usize = 3 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Start(AtStart),
    Submit(AtSubmit),
    Token(Claims),
    OtpUnchanged,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AtStart {
    Continue,
    Block(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AtSubmit {
    Continue,
    Modify {
        attribute: String,
        value: String,
    },
    /// Leaves the form standing.
    ValidationError(String),
    Block(String),
}

/// The claims of a token: texts, and no more of them than the platform takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Claims(BTreeMap<&'static str, String>);

/// More than the platform takes: it would issue no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TooLarge;

impl Claims {
    /// The number is told even when there is none: an empty one replaces what
    /// the directory may have kept.
    pub(super) fn new(number: Option<&CustomerNumber>, status: LinkStatus) -> Self {
        let number = number.map(CustomerNumber::as_str).unwrap_or_default();
        Self::of(number, status).unwrap_or_else(|TooLarge| {
            tracing::error!("a customer number was too long for a token's claims");
            metrics::counter!("idlink_claims_too_large_total").increment(1);
            Self::spell("", LinkStatus::Unavailable)
        })
    }

    fn of(number: &str, status: LinkStatus) -> Result<Self, TooLarge> {
        let claims = Self::spell(number, status);
        let size: usize = claims
            .0
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if size > LARGEST_CLAIMS {
            return Err(TooLarge);
        }
        Ok(claims)
    }

    fn spell(number: &str, status: LinkStatus) -> Self {
        Self(BTreeMap::from([
            (CUSTOMER_ID, number.to_owned()),
            (CUSTOMER_LINK, status.as_str().to_owned()),
        ]))
    }
}

impl Reply {
    pub(super) fn into_response(self, id: RequestId) -> HttpResponse {
        let (odata_type, action) = self.spell();
        HttpResponse::Ok()
            .insert_header(("x-request-id", id.id().to_string()))
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(Envelope {
                data: EnvelopeData {
                    odata_type,
                    actions: [action],
                },
            })
    }

    fn spell(self) -> (&'static str, Action) {
        match self {
            Self::Start(action) => (
                "microsoft.graph.onAttributeCollectionStartResponseData",
                match action {
                    AtStart::Continue => Action::ContinueAtStart,
                    AtStart::Block(message) => Action::BlockAtStart { message },
                },
            ),
            Self::Submit(action) => (
                "microsoft.graph.onAttributeCollectionSubmitResponseData",
                match action {
                    AtSubmit::Continue => Action::ContinueAtSubmit,
                    AtSubmit::Modify { attribute, value } => Action::Modify {
                        attributes: [(attribute, value)].into(),
                    },
                    AtSubmit::ValidationError(message) => Action::ValidationError {
                        message,
                        attribute_errors: BTreeMap::new(),
                    },
                    AtSubmit::Block(message) => Action::BlockAtSubmit { message },
                },
            ),
            Self::Token(claims) => (
                "microsoft.graph.onTokenIssuanceStartResponseData",
                Action::ProvideClaims { claims },
            ),
            Self::OtpUnchanged => (
                "microsoft.graph.OnOtpSendResponseData",
                Action::OtpUnchanged,
            ),
        }
    }
}

#[derive(Serialize)]
struct Envelope {
    data: EnvelopeData,
}

#[derive(Serialize)]
struct EnvelopeData {
    #[serde(rename = "@odata.type")]
    odata_type: &'static str,
    actions: [Action; 1],
}

/// The names as contracts.md §4.3 spells them, where the documents do not
/// agree on upper and lower case.
#[derive(Serialize)]
#[serde(tag = "@odata.type")]
enum Action {
    #[serde(rename = "microsoft.graph.attributeCollectionStart.continueWithDefaultBehavior")]
    ContinueAtStart,
    #[serde(rename = "microsoft.graph.attributeCollectionStart.showBlockPage")]
    BlockAtStart { message: String },
    #[serde(rename = "microsoft.graph.attributeCollectionSubmit.continueWithDefaultBehavior")]
    ContinueAtSubmit,
    #[serde(rename = "microsoft.graph.attributeCollectionSubmit.modifyAttributeValues")]
    Modify {
        attributes: BTreeMap<String, String>,
    },
    #[serde(rename = "microsoft.graph.attributeCollectionSubmit.showValidationError")]
    ValidationError {
        message: String,
        /// Always there, and empty: nothing on the form is wrong.
        #[serde(rename = "attributeErrors")]
        attribute_errors: BTreeMap<String, String>,
    },
    #[serde(rename = "microsoft.graph.attributeCollectionSubmit.showBlockPage")]
    BlockAtSubmit { message: String },
    #[serde(rename = "microsoft.graph.tokenIssuanceStart.provideClaimsForToken")]
    ProvideClaims { claims: Claims },
    #[serde(rename = "microsoft.graph.OtpSend.continueWithDefaultBehavior")]
    OtpUnchanged,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3,072 without both names and `linked`.
    const ROOM: usize = 3_072 - 10 - 12 - 6;

    #[test]
    fn claims_beyond_three_kilobytes_are_not_built() {
        for (length, fits) in [
            (0, true),
            (100, true),
            (ROOM, true),
            (ROOM + 1, false),
            (100_000, false),
        ] {
            let claims = Claims::of(&"7".repeat(length), LinkStatus::Linked);
            assert_eq!(claims.is_ok(), fits, "{length}");
        }
        // Bytes count, not characters.
        assert!(Claims::of(&"é".repeat(ROOM / 2 + 1), LinkStatus::Linked).is_err());
    }

    #[test]
    fn the_longest_number_there_is_fits() {
        let number = CustomerNumber::parse(&"é".repeat(50));
        let claims = Claims::new(number.as_ref(), LinkStatus::Unavailable);
        assert_eq!(claims.0["customerId"].len(), 100);
    }
}
