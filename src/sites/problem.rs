//! Answers of the links endpoint when there is no link: RFC 9457.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::{Serialize, Serializer};

use super::oauth::{INVALID_ID_TOKEN, Label, TRY_AGAIN_AFTER};
use crate::domain::answer::{Refusal, Refused};
use crate::oidc::TokenError;

#[derive(Serialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    detail: String,
    code: &'static str,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

fn number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    fn new(
        status: StatusCode,
        label: Label,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:idlink:problem:{}", label.name),
            title,
            status,
            detail: detail.into(),
            code: label.code,
            name: label.name,
            user_message: None,
            reference: None,
        }
    }

    fn told_to_person(mut self, refused: &Refused) -> Self {
        self.user_message = Some(refused.text.clone());
        self.reference = Some(refused.reference.to_string());
        self
    }

    fn answer(self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.status);
        builder
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .insert_header((CACHE_CONTROL, "no-store"));
        let belongs_to_it = [
            (
                StatusCode::UNAUTHORIZED,
                WWW_AUTHENTICATE,
                "Bearer realm=\"links\"",
            ),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                RETRY_AFTER,
                TRY_AGAIN_AFTER,
            ),
            (StatusCode::METHOD_NOT_ALLOWED, ALLOW, "POST"),
        ];
        for (status, header, value) in belongs_to_it {
            if status == self.status {
                builder.insert_header((header, value));
            }
        }
        builder.json(self)
    }
}

fn label(refusal: Refusal) -> Label {
    Label {
        code: refusal.code(),
        name: refusal.name(),
    }
}

/// A link that the rules refuse, or that could not be recorded.
pub(super) fn refused(refused: &Refused) -> HttpResponse {
    let refusal = refused.refusal;
    let (status, title) = status_and_title(refusal);
    let detail = match refusal {
        Refusal::Unavailable => {
            "The records could not be asked in time. The same call may be repeated: it finds out \
             what became of this one."
        }
        Refusal::NoObjectId => {
            "Let the policy put the object id into its tokens as the claim `oid`."
        }
        Refusal::RecordsBehind => {
            "The customers on file are older than the site allows, so none is created. The person \
             signs in again once the customer feed has caught up. Staff finds the attempt by its \
             reference."
        }
        Refusal::NotFound
        | Refusal::Several
        | Refusal::NotFoundYet
        | Refusal::Unverified
        | Refusal::NotComparable
        | Refusal::CustomerAddressNotProven
        | Refusal::AlreadyLinked
        | Refusal::CustomerBlocked
        | Refusal::UnknownApplication
        | Refusal::Malformed => "Staff finds the attempt by its reference.",
    };
    Problem::new(status, label(refusal), title, detail)
        .told_to_person(refused)
        .answer()
}

fn status_and_title(refusal: Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::NotFound => (
            StatusCode::NOT_FOUND,
            "No customer has the person's e-mail address",
        ),
        Refusal::NotFoundYet => (
            StatusCode::NOT_FOUND,
            "No customer has the person's e-mail address, and the customer feed is behind",
        ),
        Refusal::RecordsBehind => (
            StatusCode::CONFLICT,
            "The customer feed is behind, and the person may be on the way",
        ),
        Refusal::Several => (
            StatusCode::CONFLICT,
            "Several customers have the person's e-mail address",
        ),
        Refusal::AlreadyLinked => (
            StatusCode::CONFLICT,
            "The customer is linked to another identity",
        ),
        Refusal::Unverified => (
            StatusCode::FORBIDDEN,
            "Nobody who is trusted vouches for the person's e-mail address",
        ),
        Refusal::NotComparable => (
            StatusCode::FORBIDDEN,
            "The person's e-mail address has no comparable spelling",
        ),
        Refusal::CustomerAddressNotProven => (
            StatusCode::FORBIDDEN,
            "The customer's own e-mail address was never proven",
        ),
        Refusal::CustomerBlocked => (StatusCode::FORBIDDEN, "The linked customer is blocked"),
        Refusal::UnknownApplication => (StatusCode::FORBIDDEN, "The application is not known"),
        Refusal::NoObjectId => (StatusCode::UNAUTHORIZED, "The ID token has no object id"),
        Refusal::Malformed => (StatusCode::BAD_REQUEST, "The call is not understood"),
        Refusal::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Try again later"),
    }
}

/// `refused` brings the words for the person and the reference.
pub(super) fn invalid_token(error: TokenError, refused: &Refused) -> HttpResponse {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        INVALID_ID_TOKEN,
        "The ID token is not accepted",
        format!("The ID token is not accepted: {error}."),
    )
    .told_to_person(refused)
    .answer()
}

/// Nobody can tell whether the token is genuine.
pub(super) fn keys_unavailable(refused: &Refused) -> HttpResponse {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        label(refused.refusal),
        "Try again later",
        "The identity tenant's keys cannot be had at the moment. The same call may be repeated.",
    )
    .told_to_person(refused)
    .answer()
}

pub(super) fn unknown_key() -> HttpResponse {
    let label = Label {
        code: "Idlink_InvalidKey",
        name: "InvalidKey",
    };
    Problem::new(
        StatusCode::UNAUTHORIZED,
        label,
        "The site's key is missing or wrong",
        "Send one of the site's keys as `Authorization: Bearer`. A site without keys in the \
         settings accepts none.",
    )
    .answer()
}

pub(super) fn unknown_site() -> HttpResponse {
    let label = Label {
        code: "Idlink_UnknownSite",
        name: "UnknownSite",
    };
    Problem::new(
        StatusCode::NOT_FOUND,
        label,
        "There is no site of this name",
        "Compare the path with the names of the sites in the settings.",
    )
    .answer()
}

/// A call that cannot be read, whatever it wants.
pub(super) fn unreadable(
    status: StatusCode,
    title: &'static str,
    detail: impl Into<String>,
) -> HttpResponse {
    Problem::new(status, label(Refusal::Malformed), title, detail).answer()
}

pub(super) async fn only_post() -> HttpResponse {
    unreadable(
        StatusCode::METHOD_NOT_ALLOWED,
        "Links are recorded by POST",
        "Send POST with a JSON body.",
    )
}
