//! The keys by which a site's back end shows who it is.

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use time::OffsetDateTime;

/// A key that a site's back end may present.
#[derive(Clone)]
pub struct SiteKey {
    pub key: SecretString,
    /// Refused from then on.
    pub not_after: Option<OffsetDateTime>,
}

impl fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteKey(…)")
    }
}

/// Whether the request carries one of `keys` as bearer.
///
/// Digests are compared, each with every key, so that the time tells neither
/// how much of a key is right nor which of them it is.
pub(super) fn is_presented(request: &HttpRequest, keys: &[SiteKey], now: OffsetDateTime) -> bool {
    let Some(presented) = bearer(request) else {
        return false;
    };
    let presented = digest(&SHA256, presented);
    let fits = keys
        .iter()
        .filter(|key| key.not_after.is_none_or(|end| now < end))
        .fold(Choice::from(0), |fits, key| {
            let own = digest(&SHA256, key.key.expose_secret().as_bytes());
            fits | own.as_ref().ct_eq(presented.as_ref())
        });
    fits.into()
}

/// The token of the one `Authorization` header.
fn bearer(request: &HttpRequest) -> Option<&[u8]> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return None;
    };
    let (scheme, token) = header.as_bytes().split_at_checked("bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use time::Duration;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn keys() -> Vec<SiteKey> {
        [
            ("old-key", Some(NOW + Duration::SECOND)),
            ("new-key", None),
            ("past-key", Some(NOW)),
        ]
        .map(|(key, not_after)| SiteKey {
            key: key.into(),
            not_after,
        })
        .into()
    }

    #[test]
    fn either_of_two_keys_opens_and_nothing_else_does() {
        let cases = [
            ("Bearer old-key", true, "the first, until its end"),
            ("Bearer new-key", true, "the second"),
            ("bearer new-key", true, "the scheme in lower case"),
            ("Bearer past-key", false, "one that has ended"),
            ("Bearer new-ke", false, "a part"),
            ("Bearer new-key2", false, "more"),
            ("Bearer old-key,new-key", false, "both"),
            ("Bearer  new-key", false, "two blanks"),
            ("Bearer ", false, "an empty key"),
            ("Bearer", false, "no key"),
            ("Basic new-key", false, "another scheme"),
            ("new-key", false, "no scheme"),
            ("", false, "nothing"),
        ];
        for (header, expected, why) in cases {
            let request = TestRequest::default()
                .insert_header((AUTHORIZATION, header))
                .to_http_request();
            assert_eq!(is_presented(&request, &keys(), NOW), expected, "{why}");
            assert!(!is_presented(&request, &[], NOW), "{why}, no keys");
        }
        let silent = TestRequest::default().to_http_request();
        assert!(!is_presented(&silent, &keys(), NOW), "no header");
        let twice = TestRequest::default()
            .append_header((AUTHORIZATION, "Bearer new-key"))
            .append_header((AUTHORIZATION, "Bearer new-key"))
            .to_http_request();
        assert!(!is_presented(&twice, &keys(), NOW), "two headers");
    }
}
