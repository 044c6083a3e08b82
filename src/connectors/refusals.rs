//! Requests that no dialect can answer: whose caller is unknown, that were
//! not read, not understood, or come from nobody's application.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use crate::body::{self, BodyError, Media};
use crate::domain::answer::Refusal;
use crate::domain::reference::Reference;
use crate::domain::request_id::RequestId;
use crate::domain::tenant::Tenant;

/// The caller is told nothing, not even whether there is such a tenant. Why
/// is in the log already.
pub(super) fn unknown_caller() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((
            WWW_AUTHENTICATE,
            "Basic realm=\"idlink\", charset=\"UTF-8\"",
        ))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(r#"{"error":"unauthorized"}"#)
}

/// Reads a body that is announced as one of `media`, and says which it is. The
/// dialect's deadline holds for the body too.
pub(super) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    media: &[Media],
    deadline: Duration,
) -> Result<(Media, Bytes), Unread> {
    let announced = media
        .iter()
        .find(|media| media.is_announced(request.headers()))
        .ok_or(Unread::Media)?;
    let body = body::read(payload, body::LARGEST, body::SLOWEST.min(deadline)).await?;
    Ok((*announced, body))
}

/// Why a body was not read. The platform itself would never send such a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("the content type or encoding is none that is read here")]
    Media,
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl Unread {
    pub(super) fn respond(self, dialect: &'static str, tenant: &Tenant) -> HttpResponse {
        let status = match self {
            Self::Media => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(BodyError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::Broken) => StatusCode::BAD_REQUEST,
        };
        tracing::error!(
            dialect,
            tenant = tenant.name,
            status = status.as_u16(),
            problem = %self,
            "a request was refused unread"
        );
        HttpResponse::build(status)
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(r#"{"error":"unacceptable request"}"#)
    }
}

/// Logs a client id that none of the tenant's sites has.
pub(super) fn unknown_application(
    tenant: &Tenant,
    client_id: &str,
    request_id: Option<RequestId>,
) -> Reference {
    // Only a GUID is repeated: anything else could be anything.
    let client_id = Uuid::try_parse(client_id).map(|id| id.to_string());
    let client_id = client_id.as_deref().unwrap_or("no GUID");
    let reference = new_reference();
    tracing::error!(
        tenant = tenant.name,
        client_id,
        request_id = request_id.map(|id| tracing::field::display(id.id())),
        %reference,
        code = Refusal::UnknownApplication.code(),
        "no site of the tenant has this application: add it to a site's client_ids"
    );
    reference
}

/// Logs a request that was read and leads nowhere.
pub(super) fn unanswerable(
    dialect: &'static str,
    tenant: &Tenant,
    refusal: Refusal,
    problem: &str,
    request_id: Option<RequestId>,
) -> Reference {
    let reference = new_reference();
    tracing::error!(
        dialect,
        tenant = tenant.name,
        code = refusal.code(),
        problem,
        request_id = request_id.map(|id| tracing::field::display(id.id())),
        %reference,
        "a request cannot be answered"
    );
    reference
}

fn new_reference() -> Reference {
    Reference::of(Uuid::new_v4())
}
