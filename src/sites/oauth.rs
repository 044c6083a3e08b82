//! Answers of the token endpoint: JSON as in RFC 6749 §5, never kept by anybody
//! on the way.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::domain::answer::Refused;
use crate::oidc::{self, Members};

/// Seconds after which a caller may try again.
pub(super) const TRY_AGAIN_AFTER: &str = "5";

/// An error. `error_description` keeps to the characters that RFC 6749 §5.2
/// allows: ASCII without double quotes and backslashes.
#[derive(Serialize)]
struct Error {
    error: &'static str,
    error_description: String,
    #[serde(flatten)]
    refusal: Option<RefusalMembers>,
}

/// What is told of a refused link beside the standard's members.
#[derive(Serialize)]
struct RefusalMembers {
    error_code: &'static str,
    error_name: &'static str,
    user_message: String,
    reference: String,
}

/// A refusal's code and name, for programs.
#[derive(Clone, Copy)]
pub(super) struct Label {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
}

/// An ID token that proves nothing.
pub(super) const INVALID_ID_TOKEN: Label = Label {
    code: "Idlink_InvalidIdToken",
    name: "InvalidIdToken",
};

fn answer(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"));
    builder
}

fn error(error: &'static str, description: impl Into<String>) -> Error {
    Error {
        error,
        error_description: description.into(),
        refusal: None,
    }
}

pub(super) fn granted(members: &Members) -> HttpResponse {
    answer(StatusCode::OK).json(members)
}

pub(super) fn invalid_request(status: StatusCode, description: &'static str) -> HttpResponse {
    answer(status).json(error("invalid_request", description))
}

pub(super) fn unknown_site() -> HttpResponse {
    invalid_request(StatusCode::NOT_FOUND, "There is no site of this name.")
}

/// How a client said who it is, which decides how it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShownIn {
    Header,
    Form,
}

/// What is wrong with a call of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    InvalidRequest(StatusCode, &'static str),
    UnsupportedGrantType,
    InvalidClient(ShownIn),
}

impl Fault {
    pub(super) fn into_response(self) -> HttpResponse {
        match self {
            Self::InvalidRequest(status, description) => invalid_request(status, description),
            Self::UnsupportedGrantType => answer(StatusCode::BAD_REQUEST).json(error(
                "unsupported_grant_type",
                "grant_type must be authorization_code or refresh_token.",
            )),
            Self::InvalidClient(shown) => invalid_client(shown),
        }
    }
}

/// RFC 6749 §5.2: with a challenge where the client used the header.
fn invalid_client(shown: ShownIn) -> HttpResponse {
    let body = error(
        "invalid_client",
        "client_id does not name an application of this site.",
    );
    match shown {
        ShownIn::Header => answer(StatusCode::UNAUTHORIZED)
            .insert_header((WWW_AUTHENTICATE, "Basic realm=\"token\", charset=\"UTF-8\""))
            .json(body),
        ShownIn::Form => answer(StatusCode::BAD_REQUEST).json(body),
    }
}

pub(super) fn temporarily_unavailable() -> HttpResponse {
    let description = "The identity tenant cannot be asked at the moment. Try again later.";
    answer(StatusCode::SERVICE_UNAVAILABLE)
        .insert_header((RETRY_AFTER, TRY_AGAIN_AFTER))
        .json(error("temporarily_unavailable", description))
}

/// The sign-in succeeded, and the person may not go on.
pub(super) fn invalid_grant(description: String, label: Label, refused: Refused) -> HttpResponse {
    let refusal = RefusalMembers {
        error_code: label.code,
        error_name: label.name,
        user_message: refused.text,
        reference: refused.reference.to_string(),
    };
    answer(StatusCode::BAD_REQUEST).json(Error {
        refusal: Some(refusal),
        ..error("invalid_grant", description)
    })
}

/// The tenant's own error, as it came.
pub(super) fn passed_on(refusal: oidc::Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut builder = answer(status);
    // Whatever it is, no browser is to take it for a page of ours.
    builder.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    for (name, value) in refusal.headers {
        builder.insert_header((name, value));
    }
    builder.body(refusal.body)
}

pub(super) async fn only_post() -> HttpResponse {
    answer(StatusCode::METHOD_NOT_ALLOWED)
        .insert_header((ALLOW, "POST"))
        .json(error(
            "invalid_request",
            "The token endpoint is called by POST.",
        ))
}

pub(super) async fn only_get() -> HttpResponse {
    answer(StatusCode::METHOD_NOT_ALLOWED)
        .insert_header((ALLOW, "GET, HEAD"))
        .json(error(
            "invalid_request",
            "The document is asked for by GET.",
        ))
}
