//! Reading a request's body within a size and a time: actix has no time-out for
//! bodies, so one byte a second would hold a connection open for ever.

use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

/// No request of a platform or a site comes near it (contracts.md §1.7).
pub const LARGEST: usize = 64 * 1024;

/// For a body to arrive, where the caller's own deadline is not shorter.
pub const SLOWEST: Duration = Duration::from_secs(5);

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body ended early")]
    Broken,
}

/// Reads the whole body: at most `limit` bytes, within `deadline`.
pub async fn read(
    payload: &mut Payload,
    limit: usize,
    deadline: Duration,
) -> Result<Bytes, BodyError> {
    tokio::time::timeout(deadline, collect(payload, limit))
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(payload: &mut Payload, limit: usize) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The forms of body that idlink reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    Form,
}

impl Media {
    fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// Whether the headers announce this form, in UTF-8 and not compressed: a
    /// compressed body could be far larger than what arrives.
    pub fn is_announced(self, headers: &HeaderMap) -> bool {
        let mut types = headers.get_all(CONTENT_TYPE);
        let (Some(announced), None) = (types.next(), types.next()) else {
            return false;
        };
        let plain = headers
            .get_all(CONTENT_ENCODING)
            .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
        plain
            && announced
                .to_str()
                .is_ok_and(|announced| self.is_named_by(announced))
    }

    fn is_named_by(self, content_type: &str) -> bool {
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        essence.eq_ignore_ascii_case(self.essence())
            && parts.all(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                !name.trim().eq_ignore_ascii_case("charset")
                    || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::FromRequest;
    use actix_web::test::TestRequest;

    use super::*;

    async fn payload(body: &'static [u8]) -> Payload {
        let (request, mut inner) = TestRequest::default().set_payload(body).to_http_parts();
        Payload::from_request(&request, &mut inner)
            .await
            .unwrap_or_else(|_| unreachable!("a payload is always there"))
    }

    #[actix_web::test]
    async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        let second = Duration::from_secs(1);
        let mut exact = payload(b"12345").await;
        assert_eq!(read(&mut exact, 5, second).await, Ok(Bytes::from("12345")));
        let mut larger = payload(b"123456").await;
        assert_eq!(read(&mut larger, 5, second).await, Err(BodyError::TooLarge));
        let mut none = payload(b"").await;
        assert_eq!(read(&mut none, 5, second).await, Ok(Bytes::new()));
    }

    #[test]
    fn the_announced_media_type_is_checked_to_the_letter() {
        let cases = [
            ("application/json", "", true),
            ("Application/JSON; charset=UTF-8", "", true),
            ("application/json;charset=\"utf-8\"", "identity", true),
            ("application/json; charset=utf-16", "", false),
            ("application/json", "gzip", false),
            ("application/json", "identity, gzip", false),
            ("application/jsonp", "", false),
            ("text/plain", "", false),
            ("", "", false),
        ];
        for (content_type, encoding, expected) in cases {
            let mut request = TestRequest::default().insert_header((CONTENT_TYPE, content_type));
            if !encoding.is_empty() {
                request = request.insert_header((CONTENT_ENCODING, encoding));
            }
            let request = request.to_http_request();
            assert_eq!(
                Media::Json.is_announced(request.headers()),
                expected,
                "{content_type} {encoding}"
            );
        }
        assert!(!Media::Json.is_announced(TestRequest::default().to_http_request().headers()));
    }
}
