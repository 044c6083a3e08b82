//! Who calls for a tenant of B2C: HTTP Basic, checked before any of the body is
//! read.

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use time::OffsetDateTime;

use super::Connectors;
use crate::domain::tenant::{Platform, Tenant};
use std::sync::Arc;

/// A user name and password that a tenant's connector may present.
#[derive(Clone)]
pub struct BasicCredential {
    pub username: String,
    pub password: SecretString,
    /// Refused from then on.
    pub not_after: Option<OffsetDateTime>,
}

impl fmt::Debug for BasicCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicCredential(…)")
    }
}

/// The caller presented none of the tenant's credentials, or there is no such
/// tenant: both are told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// The tenant in whose name the caller speaks.
pub fn identify(
    request: &HttpRequest,
    tenant: &str,
    connectors: &Connectors,
    now: OffsetDateTime,
) -> Result<Arc<Tenant>, Unknown> {
    let presented = presented(request);
    let accepted = connectors
        .callers
        .get(tenant)
        .map(Vec::as_slice)
        .unwrap_or_default();
    // Every credential is compared, whichever fits: the time that a refusal
    // takes tells nothing about them.
    let fits = accepted
        .iter()
        .filter(|credential| credential.not_after.is_none_or(|end| now < end))
        .fold(Choice::from(0), |fits, credential| {
            fits | credential.fits(presented.as_ref())
        });
    match (bool::from(fits), connectors.directory.tenant(tenant)) {
        (true, Some(tenant)) if tenant.platform == Platform::B2c => Ok(tenant.clone()),
        (true, Some(_) | None) | (false, _) => Err(Unknown),
    }
}

/// User name and password as they were sent.
struct Presented {
    username: Vec<u8>,
    password: Vec<u8>,
}

/// `None` unless there is exactly one well-formed `Authorization: Basic`.
fn presented(request: &HttpRequest) -> Option<Presented> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?;
    if headers.next().is_some() {
        return None;
    }
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = STANDARD.decode(encoded.trim()).ok()?;
    // At the first colon: a user name has none (RFC 7617), a password may.
    let colon = plain.iter().position(|byte| *byte == b':')?;
    Some(Presented {
        username: plain[..colon].to_vec(),
        password: plain[colon + 1..].to_vec(),
    })
}

impl BasicCredential {
    /// Compares digests, so that not even the lengths show.
    fn fits(&self, presented: Option<&Presented>) -> Choice {
        let (username, password, there) = match presented {
            Some(presented) => (
                presented.username.as_slice(),
                presented.password.as_slice(),
                Choice::from(1),
            ),
            None => (&[][..], &[][..], Choice::from(0)),
        };
        same(self.username.as_bytes(), username)
            & same(self.password.expose_secret().as_bytes(), password)
            & there
    }
}

fn same(one: &[u8], other: &[u8]) -> Choice {
    let digest = |bytes| digest::digest(&digest::SHA256, bytes);
    digest(one).as_ref().ct_eq(digest(other).as_ref())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn is_accepted(header: &str) -> bool {
        let request = TestRequest::default()
            .insert_header((AUTHORIZATION, header))
            .to_http_request();
        let credential = BasicCredential {
            username: "b2c-caller".to_owned(),
            password: "s3:cret".into(),
            not_after: None,
        };
        bool::from(credential.fits(presented(&request).as_ref()))
    }

    #[test]
    fn credentials_are_split_at_the_first_colon_and_compared_whole() {
        // base64("b2c-caller:s3:cret") and what is almost it.
        let cases = [
            ("Basic YjJjLWNhbGxlcjpzMzpjcmV0", true, "right"),
            (
                "basic YjJjLWNhbGxlcjpzMzpjcmV0",
                true,
                "scheme in lower case",
            ),
            ("BASIC YjJjLWNhbGxlcjpzMzpjcmV0", true, "scheme in capitals"),
            (
                "Basic YjJjLWNhbGxlcjpzMw==",
                false,
                "up to the second colon",
            ),
            ("Basic YjJjLWNhbGxlcjpzM2NyZXQ=", false, "another password"),
            ("Basic YjJjLWNhbGxlcg==", false, "no colon"),
            ("Basic Og==", false, "both empty"),
            ("Basic", false, "nothing behind the scheme"),
            ("Basic !!!!", false, "no base64"),
            ("Bearer YjJjLWNhbGxlcjpzMzpjcmV0", false, "another scheme"),
            ("", false, "empty"),
        ];
        for (header, expected, why) in cases {
            assert_eq!(is_accepted(header), expected, "{why}");
        }
    }

    #[test]
    fn two_authorization_headers_are_none() {
        let header = "Basic YjJjLWNhbGxlcjpzMzpjcmV0";
        let request = TestRequest::default()
            .append_header((AUTHORIZATION, header))
            .append_header((AUTHORIZATION, header))
            .to_http_request();
        assert!(presented(&request).is_none());
    }
}
