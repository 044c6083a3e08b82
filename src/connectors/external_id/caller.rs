//! Who calls for a tenant of External ID: Entra itself, by a token that is
//! checked before any of the body is read (contracts.md §4.4).

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use time::OffsetDateTime;

use crate::connectors::Connectors;
use crate::connectors::caller::{Unknown, refuse};
use crate::domain::tenant::{ExternalId, Platform, Tenant};
use crate::oidc::{BearerError, TokenError};

/// How Entra proves that it calls.
const METHOD: &str = "entra";

/// The tenant in whose name Entra calls. Waits for nothing; a refusal is
/// written to the log here.
pub(super) fn identify(
    request: &HttpRequest,
    tenant: &str,
    connectors: &Connectors,
    now: OffsetDateTime,
) -> Result<(Arc<Tenant>, ExternalId), Unknown> {
    let Some(tenant) = connectors.directory.tenant(tenant) else {
        // The name is the caller's own text, and is not repeated.
        return Err(refuse("unknown", METHOD, "unknown tenant"));
    };
    match believe(request, tenant, connectors, now) {
        Ok(external) => Ok((Arc::clone(tenant), external)),
        Err(reason) => Err(refuse(&tenant.name, METHOD, reason.as_str())),
    }
}

/// Why a caller is not believed. For log and metric: they are not told.
enum Disbelief {
    /// The tenant is B2C's; set its `platform` if it should not be.
    Platform,
    /// There is not exactly one `Authorization: Bearer`.
    Header,
    Token(BearerError),
}

impl Disbelief {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Platform => "another platform",
            Self::Header => "no bearer token",
            Self::Token(BearerError::Caller) => "issued to another application",
            Self::Token(BearerError::Directory) => "another directory",
            Self::Token(BearerError::Token(token)) => match token {
                TokenError::Malformed | TokenError::Header => "unreadable token",
                TokenError::Algorithm => "not RS256",
                TokenError::UnknownKey => "unknown key",
                TokenError::KeysUnavailable => "no keys yet",
                TokenError::Signature => "wrong signature",
                TokenError::Issuer => "another issuer",
                TokenError::Audience | TokenError::AuthorizedParty => "another audience",
                TokenError::Expired => "expired",
                TokenError::NotYetValid | TokenError::IssuedInFuture => "not valid yet",
                TokenError::Policy | TokenError::Nonce | TokenError::NoObjectId => "another token",
            },
        }
    }
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
    let token = token(request).ok_or(Disbelief::Header)?;
    bearer.verify(token, now).map_err(Disbelief::Token)?;
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
