//! Links for sites that redeem codes themselves and show us the ID token.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

use super::request::ui_locales;
use super::{Current, Disbelieved, Found, RECORDING_LIMIT, key, problem};
use crate::body::{self, BodyError, Media};
use crate::domain::link::LinkStatus;
use crate::domain::site::Site;
use crate::json;
use crate::linking::{Fresh, Linking, Outcome};
use crate::oidc::{TokenError, VerifiedToken};

/// Above the limits of fetching metadata and keys, one after the other.
const VERIFYING_LIMIT: Duration = Duration::from_secs(9);

/// What a site sends. A member that nobody knows is ignored, one that is there
/// twice is not.
#[derive(Deserialize)]
struct Request {
    id_token: String,
    #[serde(default, deserialize_with = "text")]
    nonce: Option<String>,
    #[serde(default, deserialize_with = "text")]
    ui_locales: Option<String>,
}

/// A text when it is there: a nonce of `null` comes from a program that lost
/// its nonce, and must not turn the check off.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

#[derive(Serialize)]
struct Reply<'a> {
    customer_id: &'a str,
    customer_link: &'static str,
}

/// `POST /sites/{site}/links`
pub(super) async fn handle(
    request: HttpRequest,
    site: Path<String>,
    mut payload: Payload,
    sites: Current,
    linking: Data<Linking>,
) -> HttpResponse {
    let sites = sites.load_full();
    let Some(found) = sites.find(&site) else {
        return problem::unknown_site();
    };
    // Before the body: who has no key must not make us read anything.
    let keys = sites.keys.get(&found.site.name).map(Vec::as_slice);
    let now = OffsetDateTime::now_utc();
    if !key::is_presented(&request, keys.unwrap_or_default(), now) {
        tracing::warn!(
            site = found.site.name,
            "a caller of links was refused: wrong key"
        );
        return problem::unknown_key();
    }
    match read(&request, &mut payload).await {
        Ok(call) => {
            let ui_locales = ui_locales(&request, call.ui_locales.clone());
            record(call, ui_locales, found, &linking).await
        }
        Err(refusal) => refusal,
    }
}

async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Request, HttpResponse> {
    if !Media::Json.is_announced(request.headers()) {
        return Err(problem::unreadable(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body is not announced as JSON",
            "Send `Content-Type: application/json`, in UTF-8 and not compressed.",
        ));
    }
    let body = body::read(payload, body::LARGEST, body::SLOWEST)
        .await
        .map_err(unread)?;
    json::read(&body).map_err(|_| {
        problem::unreadable(
            StatusCode::BAD_REQUEST,
            "The body is not understood",
            "Send one JSON object with the text `id_token`, and the texts `nonce` and \
             `ui_locales` where there are any; each once.",
        )
    })
}

fn unread(error: BodyError) -> HttpResponse {
    let (status, title) = match error {
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
        BodyError::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The body came too slowly"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "The body ended early"),
    };
    problem::unreadable(status, title, "A body has at most 64 KiB and 5 seconds.")
}

async fn record(
    call: Request,
    ui_locales: String,
    found: Found,
    linking: &Linking,
) -> HttpResponse {
    let token = match verify(call, &found, linking).await {
        Ok(token) => token,
        Err(error) => return token_refused(&found.site, error, &ui_locales),
    };
    let recording = found.recording(token, "links", ui_locales);
    match linking.record(recording, RECORDING_LIMIT).await {
        Outcome::Linked { number, fresh } => {
            let status = match fresh {
                Fresh::New => StatusCode::CREATED,
                Fresh::Standing => StatusCode::OK,
            };
            answer(status, number.as_str(), LinkStatus::Linked)
        }
        Outcome::NotLinked => answer(StatusCode::OK, "", LinkStatus::None),
        Outcome::Refused(refused) | Outcome::Unavailable(refused) => problem::refused(&refused),
    }
}

/// In a task of its own: a caller who hangs up must not stop the fetching of
/// keys that others wait for.
async fn verify(
    call: Request,
    found: &Found,
    linking: &Linking,
) -> Result<VerifiedToken, TokenError> {
    let (site, provider) = (Arc::clone(&found.site), found.provider.clone());
    let work = async move {
        let now = OffsetDateTime::now_utc();
        provider
            .verify(&call.id_token, &site.client_ids, call.nonce.as_deref(), now)
            .await
    };
    linking
        .detached(VERIFYING_LIMIT, work)
        .await
        .unwrap_or(Err(TokenError::KeysUnavailable))
}

fn answer(status: StatusCode, number: &str, link: LinkStatus) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(Reply {
            customer_id: number,
            customer_link: link.as_str(),
        })
}

fn token_refused(site: &Site, error: TokenError, ui_locales: &str) -> HttpResponse {
    match Disbelieved::at(site, "links", error, ui_locales) {
        Disbelieved::Unchecked(refused) => problem::keys_unavailable(&refused),
        Disbelieved::Nobodys(refused) => problem::refused(&refused),
        Disbelieved::Invalid(refused) => problem::invalid_token(error, &refused),
    }
}
