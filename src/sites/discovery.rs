//! The tenant's metadata document with our token endpoint in it, so that any
//! OpenID Connect client library redeems its codes here.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use super::request::{NamedPolicy, named_policy};
use super::{Current, oauth};
use crate::oidc::ProviderError;

/// Shorter than the hour for which we keep the document ourselves.
const KEPT_FOR: &str = "public, max-age=600";

/// `GET /sites/{site}/.well-known/openid-configuration`
pub(super) async fn handle(
    request: HttpRequest,
    site: Path<String>,
    sites: Current,
) -> HttpResponse {
    let sites = sites.load_full();
    let Some(found) = sites.find(&site) else {
        return oauth::unknown_site();
    };
    let named = match named_policy(&request) {
        NamedPolicy::None => None,
        NamedPolicy::One(policy) => Some(policy),
        NamedPolicy::Several => return unknown_policy(),
    };
    let Some(policy) = sites.policy(&found, named.as_deref()) else {
        return unknown_policy();
    };
    let metadata = match found.provider.metadata(&policy).await {
        Ok(metadata) => metadata,
        Err(ProviderError::UnknownPolicy) => return unknown_policy(),
        // Logged where the tenant was asked.
        Err(_) => return oauth::temporarily_unavailable(),
    };
    let mut document = metadata.document.clone();
    let named = named.is_some().then_some(policy.as_str());
    document.set_text("token_endpoint", &sites.token_endpoint(&found.site, named));
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, KEPT_FOR))
        .json(document)
}

fn unknown_policy() -> HttpResponse {
    oauth::invalid_request(
        StatusCode::NOT_FOUND,
        "p must name one policy that the tenant's settings accept.",
    )
}
