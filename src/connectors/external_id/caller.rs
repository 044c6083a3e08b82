//! Who calls for a tenant of External ID: Entra itself, by a token that is
//! checked before any of the body is read (contracts.md §4.4).

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use time::OffsetDateTime;

use crate::connectors::Connectors;
use crate::connectors::caller::Unknown;
use crate::domain::tenant::{ExternalId, Platform, Tenant};
use crate::oidc::BearerError;

/// The tenant in whose name Entra calls. Waits for nothing; a refusal is
/// written to the log here.
pub(super) fn identify(
    request: &HttpRequest,
    tenant: &str,
    connectors: &Connectors,
    now: OffsetDateTime,
) -> Result<(Arc<Tenant>, ExternalId), Unknown> {
    let Some(tenant) = connectors.directory.tenant(tenant) else {
        tracing::warn!("a caller was refused: there is no such tenant");
        return Err(Unknown);
    };
    match believe(request, tenant, connectors, now) {
        Ok(external) => Ok((Arc::clone(tenant), external)),
        Err(reason) => {
            tracing::warn!(tenant = tenant.name, %reason, "a caller was refused");
            Err(Unknown)
        }
    }
}

/// Why a caller is not believed. For the log: they are not told.
#[derive(Debug, thiserror::Error)]
enum Disbelief {
    #[error("the tenant is not External ID's; set its `platform` if it should be")]
    Platform,
    #[error("there is not exactly one `Authorization: Bearer`")]
    Header,
    #[error("the token does not serve: {0}")]
    Token(#[from] BearerError),
}

fn believe(
    request: &HttpRequest,
    tenant: &Tenant,
    connectors: &Connectors,
    now: OffsetDateTime,
) -> Result<ExternalId, Disbelief> {
    let (Platform::ExternalId(external), Some(bearer)) =
        (&tenant.platform, connectors.bearers.get(&tenant.name))
    else {
        return Err(Disbelief::Platform);
    };
    bearer.verify(token(request).ok_or(Disbelief::Header)?, now)?;
    Ok(external.clone())
}

/// `None` unless there is exactly one `Authorization`, and it is a bearer's.
fn token(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return None;
    };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
