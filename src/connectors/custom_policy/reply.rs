//! What a policy is told: flat claims without a single null (contracts.md
//! §2.5), or an error body under 409 (§2.6).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use serde::Serialize;

use crate::domain::answer::{Answer, Refusal, Refused};
use crate::domain::customer::CustomerNumber;
use crate::domain::link::LinkStatus;
use crate::domain::request_id::RequestId;
use crate::domain::site::Disclosure;
use crate::linking::Outcome;
use crate::sign_up::Asked;

/// An answer of one of the three services.
pub(super) enum Reply {
    Checked(Checked),
    Fault(Fault),
    Outcome(CustomerOutcome),
    Link(CustomerLink),
}

/// Claims of a check that lets the page go on. What there is not is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checked {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_id: Option<String>,
}

/// The error body. Only `userMessage` reaches a person, the rest if the
/// policy's `DebugMode` is on.
pub(super) struct Fault {
    code: &'static str,
    name: &'static str,
    refused: Refused,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireFault {
    version: &'static str,
    /// A number, and the same as HTTP's.
    status: u16,
    code: &'static str,
    request_id: String,
    user_message: String,
    developer_message: &'static str,
    more_info: String,
}

/// What an orchestration step goes by. Every claim is always there: the step
/// might run twice in a journey, and nothing of the first may be left.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerOutcome {
    outcome: &'static str,
    message: String,
    customer_id: String,
    check_id: String,
}

/// What the token is to carry. An empty number replaces whatever the journey
/// picked up elsewhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomerLink {
    customer_id: String,
    customer_link: &'static str,
}

impl Reply {
    pub(super) fn to_check(asked: Asked, disclosure: Disclosure) -> Self {
        match asked.answer {
            Answer::Continue(number) => Self::Checked(Checked {
                customer_id: number.map(|number| number.as_str().to_owned()),
                check_id: asked.reference.map(|reference| reference.to_string()),
            }),
            Answer::Refuse(refused) => Self::Fault(Fault::of(refused, disclosure)),
        }
    }

    pub(super) fn to_outcome(asked: Asked) -> Self {
        match asked.answer {
            Answer::Continue(number) => Self::Outcome(CustomerOutcome {
                outcome: "allow",
                message: String::new(),
                customer_id: number.map_or_else(String::new, |number| number.as_str().to_owned()),
                check_id: asked
                    .reference
                    .map_or_else(String::new, |reference| reference.to_string()),
            }),
            Answer::Refuse(refused) => Self::block(refused),
        }
    }

    pub(super) fn block(refused: Refused) -> Self {
        Self::Outcome(CustomerOutcome {
            outcome: "block",
            message: refused.text,
            customer_id: String::new(),
            check_id: refused.reference.to_string(),
        })
    }

    pub(super) fn to_recording(outcome: &Outcome) -> Self {
        let number = outcome.number().map(CustomerNumber::as_str);
        Self::link(number.unwrap_or_default(), outcome.status())
    }

    pub(super) fn link(number: &str, status: LinkStatus) -> Self {
        Self::Link(CustomerLink {
            customer_id: number.to_owned(),
            customer_link: status.as_str(),
        })
    }

    pub(super) fn into_response(self, request_id: RequestId) -> HttpResponse {
        let id = request_id.id().to_string();
        let status = match &self {
            Self::Checked(_) | Self::Outcome(_) | Self::Link(_) => StatusCode::OK,
            Self::Fault(_) => StatusCode::CONFLICT,
        };
        let mut response = HttpResponse::build(status);
        response
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(("x-request-id", id.as_str()));
        match self {
            Self::Checked(claims) => response.json(claims),
            Self::Fault(fault) => response.json(fault.into_wire(id)),
            Self::Outcome(claims) => response.json(claims),
            Self::Link(claims) => response.json(claims),
        }
    }
}

impl Fault {
    /// Where all refusals get one text, they get one code as well: a policy in
    /// `DebugMode` shows it.
    pub(super) fn of(refused: Refused, disclosure: Disclosure) -> Self {
        let (code, name) = match (disclosure, refused.refusal) {
            (Disclosure::Specific, refusal) | (_, refusal @ Refusal::Unavailable) => {
                (refusal.code(), refusal.name())
            }
            (Disclosure::Uniform, _) => ("Idlink_SignUpNotPossible", "SignUpNotPossible"),
        };
        Self {
            code,
            name,
            refused,
        }
    }

    fn into_wire(self, request_id: String) -> WireFault {
        let reference = &self.refused.reference;
        WireFault {
            version: "1.0.0",
            status: StatusCode::CONFLICT.as_u16(),
            code: self.code,
            request_id,
            developer_message: self.name,
            more_info: format!("Reference {reference}: see the attempt of that name, or the log."),
            user_message: self.refused.text,
        }
    }
}
