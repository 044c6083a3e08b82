//! Secrets that a caller sends along: user name and password, bearer token,
//! API key. Compared by digest, so that not even their lengths show.

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use time::OffsetDateTime;

use super::certificate::Peer;
use super::proxy::Proxy;
use super::roster::{Reason, Verdict};

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

/// A secret that stands alone: a bearer token, an API key.
#[derive(Clone)]
pub struct SharedSecret {
    pub secret: SecretString,
    /// Refused from then on.
    pub not_after: Option<OffsetDateTime>,
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

/// What a caller has put forward, method by method. No `Debug`: these are
/// secrets, right or wrong.
pub(super) struct Presented {
    authorization: Authorization,
    api_key: Result<Vec<u8>, Reason>,
    certificate: Peer,
}

/// The `Authorization` header. There is one, so it speaks for one method.
enum Authorization {
    Basic(Result<UserAndPassword, Reason>),
    Bearer(Result<Vec<u8>, Reason>),
    Missing,
    /// Several headers, or a scheme that nobody speaks.
    Malformed,
}

/// User name and password as they were sent.
pub(super) struct UserAndPassword {
    username: Vec<u8>,
    password: Vec<u8>,
}

impl Presented {
    pub(super) fn by(
        request: &HttpRequest,
        api_key_header: &HeaderName,
        proxy: Option<&Proxy>,
        now: OffsetDateTime,
    ) -> Self {
        // Behind a proxy that ends TLS, the connection's certificate is the
        // proxy's own; from anybody else the header is not looked at.
        let certificate = match proxy.filter(|proxy| proxy.speaks(request, now)) {
            Some(proxy) => proxy.certificate(request.headers()),
            None => request.conn_data::<Peer>().cloned().unwrap_or_default(),
        };
        Self {
            authorization: Authorization::of(request.headers()),
            api_key: single(request.headers(), api_key_header),
            certificate,
        }
    }

    pub(super) fn basic(&self) -> Result<&UserAndPassword, Reason> {
        match &self.authorization {
            Authorization::Basic(presented) => presented.as_ref().map_err(|reason| *reason),
            Authorization::Bearer(_) | Authorization::Missing => Err(Reason::Missing),
            Authorization::Malformed => Err(Reason::Malformed),
        }
    }

    pub(super) fn bearer(&self) -> Result<&[u8], Reason> {
        match &self.authorization {
            Authorization::Bearer(Ok(token)) => Ok(token),
            Authorization::Bearer(Err(reason)) => Err(*reason),
            Authorization::Basic(_) | Authorization::Missing => Err(Reason::Missing),
            Authorization::Malformed => Err(Reason::Malformed),
        }
    }

    pub(super) fn api_key(&self) -> Result<&[u8], Reason> {
        self.api_key.as_deref().map_err(|reason| *reason)
    }

    pub(super) fn certificate(&self) -> &Peer {
        &self.certificate
    }
}

impl Authorization {
    fn of(headers: &HeaderMap) -> Self {
        let value = match single(headers, &AUTHORIZATION) {
            Ok(value) => value,
            Err(Reason::Missing) => return Self::Missing,
            Err(_) => return Self::Malformed,
        };
        let end = value.iter().position(|byte| *byte == b' ');
        let (scheme, rest) = value.split_at(end.unwrap_or(value.len()));
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"basic") {
            Self::Basic(UserAndPassword::decode(rest).ok_or(Reason::Malformed))
        } else if scheme.eq_ignore_ascii_case(b"bearer") {
            Self::Bearer(token(rest).ok_or(Reason::Malformed))
        } else {
            Self::Malformed
        }
    }
}

impl UserAndPassword {
    fn decode(encoded: &[u8]) -> Option<Self> {
        let plain = STANDARD.decode(encoded).ok()?;
        // At the first colon: a user name has none (RFC 7617), a password may.
        let colon = plain.iter().position(|byte| *byte == b':')?;
        Some(Self {
            username: plain[..colon].to_vec(),
            password: plain[colon + 1..].to_vec(),
        })
    }
}

/// One word: a token has no blanks (RFC 6750).
fn token(text: &[u8]) -> Option<Vec<u8>> {
    let is_word = !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
    is_word.then(|| text.to_vec())
}

/// The value of a header that stands there once.
pub(super) fn single(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<u8>, Reason> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Err(Reason::Missing),
        (Some(value), None) => Ok(value.as_bytes().trim_ascii().to_vec()),
        (Some(_), Some(_)) => Err(Reason::Malformed),
    }
}

/// A secret as it is compared. Made once, so that a refusal takes the same
/// time however many there are.
#[derive(Clone)]
pub(super) struct Hashed {
    digest: Digest,
    not_after: Option<OffsetDateTime>,
}

impl From<&BasicCredential> for Hashed {
    fn from(credential: &BasicCredential) -> Self {
        let password = credential.password.expose_secret();
        Self {
            digest: digest_of(&[credential.username.as_bytes(), password.as_bytes()]),
            not_after: credential.not_after,
        }
    }
}

impl From<&SharedSecret> for Hashed {
    fn from(secret: &SharedSecret) -> Self {
        Self {
            digest: digest_of(&[secret.secret.expose_secret().as_bytes()]),
            not_after: secret.not_after,
        }
    }
}

impl Hashed {
    /// A secret that nobody has been told, ourselves included.
    pub(super) fn of_nothing_known() -> Self {
        Self {
            digest: rand::random(),
            not_after: None,
        }
    }
}

/// SHA-256 in words: comparing in constant time costs by the piece.
type Digest = [u64; 4];

/// Of parts that cannot be shifted into one another.
fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let mut digest = Digest::default();
    let finished = context.finish();
    let (words, _) = finished.as_ref().as_chunks();
    for (word, bytes) in digest.iter_mut().zip(words) {
        *word = u64::from_ne_bytes(*bytes);
    }
    digest
}

pub(super) fn judge_basic(
    known: &[Hashed],
    presented: Result<&UserAndPassword, Reason>,
    now: OffsetDateTime,
) -> Verdict {
    let parts = match presented {
        Ok(shown) => [shown.username.as_slice(), shown.password.as_slice()],
        Err(_) => [&[][..]; 2],
    };
    presented.and(compare(known, digest_of(&parts), now))
}

pub(super) fn judge(
    known: &[Hashed],
    presented: Result<&[u8], Reason>,
    now: OffsetDateTime,
) -> Verdict {
    let shown = digest_of(&[presented.unwrap_or_default()]);
    presented.and(compare(known, shown, now))
}

/// Looks at every secret, wherever the right one stands.
fn compare(known: &[Hashed], shown: Digest, now: OffsetDateTime) -> Verdict {
    let none = (Choice::from(0), Choice::from(0));
    let (valid, ended) = known.iter().fold(none, |(valid, ended), secret| {
        let fits = secret.digest[..].ct_eq(&shown[..]);
        let in_time = Choice::from(u8::from(secret.not_after.is_none_or(|end| now < end)));
        (valid | (fits & in_time), ended | (fits & !in_time))
    });
    match (bool::from(valid), bool::from(ended)) {
        (true, _) => Ok(()),
        (false, true) => Err(Reason::Ended),
        (false, false) => Err(Reason::Wrong),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::connectors::caller::API_KEY_HEADER;

    fn headers(authorization: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    fn presented(headers: HeaderMap) -> Presented {
        let mut request = TestRequest::default();
        for (name, value) in headers {
            request = request.append_header((name, value));
        }
        let now = OffsetDateTime::UNIX_EPOCH;
        Presented::by(&request.to_http_request(), &API_KEY_HEADER, None, now)
    }

    fn basic(header: &'static str) -> Verdict {
        let credential = BasicCredential {
            username: "b2c-caller".to_owned(),
            password: "s3:cret".into(),
            not_after: None,
        };
        let presented = presented(headers(&[header]));
        judge_basic(
            &[Hashed::from(&credential)],
            presented.basic(),
            OffsetDateTime::UNIX_EPOCH,
        )
    }

    fn bearer(header: &'static str) -> Verdict {
        let secret = SharedSecret {
            secret: "s3cret-token".into(),
            not_after: None,
        };
        let presented = presented(headers(&[header]));
        judge(
            &[Hashed::from(&secret)],
            presented.bearer(),
            OffsetDateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn credentials_are_split_at_the_first_colon_and_compared_whole() {
        use Reason::{Malformed, Missing, Wrong};
        // base64("b2c-caller:s3:cret") and what is almost it.
        let cases = [
            ("Basic YjJjLWNhbGxlcjpzMzpjcmV0", Ok(()), "right"),
            ("basic YjJjLWNhbGxlcjpzMzpjcmV0", Ok(()), "lower case"),
            (
                "BASIC  YjJjLWNhbGxlcjpzMzpjcmV0",
                Ok(()),
                "capitals, blanks",
            ),
            (
                "Basic YjJjLWNhbGxlcjpzMw==",
                Err(Wrong),
                "to the second colon",
            ),
            (
                "Basic YjJjLWNhbGxlcjpzM2NyZXQ=",
                Err(Wrong),
                "another password",
            ),
            ("Basic Og==", Err(Wrong), "both empty"),
            ("Basic YjJjLWNhbGxlcg==", Err(Malformed), "no colon"),
            ("Basic", Err(Malformed), "nothing behind the scheme"),
            ("Basic !!!!", Err(Malformed), "no base64"),
            (
                "Digest YjJjLWNhbGxlcjpzMzpjcmV0",
                Err(Malformed),
                "another scheme",
            ),
            (
                "Bearer YjJjLWNhbGxlcjpzMzpjcmV0",
                Err(Missing),
                "another method",
            ),
            ("", Err(Malformed), "empty"),
        ];
        for (header, expected, why) in cases {
            assert_eq!(basic(header), expected, "{why}");
        }
    }

    #[test]
    fn a_token_is_one_word_and_compared_whole() {
        use Reason::{Malformed, Missing, Wrong};
        let cases = [
            ("Bearer s3cret-token", Ok(()), "right"),
            ("bearer s3cret-token", Ok(()), "lower case"),
            ("Bearer s3cret-toke", Err(Wrong), "shorter"),
            ("Bearer s3cret-token1", Err(Wrong), "longer"),
            ("Bearer S3cret-token", Err(Wrong), "another case"),
            ("Bearer s3cret token", Err(Malformed), "two words"),
            ("Bearer ", Err(Malformed), "none"),
            ("Basic czNjcmV0LXRva2Vu", Err(Malformed), "as Basic"),
        ];
        for (header, expected, why) in cases {
            let found = bearer(header);
            // The Authorization header speaks for the other method then.
            let expected = if header.starts_with("Basic") {
                Err(Missing)
            } else {
                expected
            };
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn two_authorization_headers_are_none() {
        let header = "Basic YjJjLWNhbGxlcjpzMzpjcmV0";
        let presented = presented(headers(&[header, header]));
        assert_eq!(presented.basic().err(), Some(Reason::Malformed));
        assert_eq!(presented.bearer().err(), Some(Reason::Malformed));
    }

    #[test]
    fn a_secret_counts_until_its_end_and_the_log_knows_that_it_did() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
        let secrets = [("old", Some(at(10))), ("new", None)].map(|(secret, not_after)| {
            Hashed::from(&SharedSecret {
                secret: secret.into(),
                not_after,
            })
        });
        let judge = |shown: &str, now| judge(&secrets, Ok(shown.as_bytes()), at(now));
        assert_eq!(judge("old", 9), Ok(()));
        assert_eq!(judge("old", 10), Err(Reason::Ended));
        assert_eq!(judge("new", 11), Ok(()));
        assert_eq!(judge("other", 11), Err(Reason::Wrong));
    }

    #[test]
    fn nothing_shows_a_secret() {
        let secret = SharedSecret {
            secret: "canary".into(),
            not_after: None,
        };
        assert!(!format!("{secret:?}").contains("canary"));
    }
}
