//! Signed tokens that are no ID tokens: the compact form, its header, and the
//! signature. `openidconnect` reads no other claims than an ID token's, so of
//! it only the keys and the arithmetic serve here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::TokenError;
use super::claims::present;

/// A token that has been taken apart and not been believed yet.
pub(super) struct Signed<'t> {
    kid: String,
    /// Header and payload as they were signed.
    input: &'t [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// What of a header is looked at. Keys and addresses of keys in it (`jwk`,
/// `jku`, `x5c`, `x5u`) are not: a token does not say who may sign it.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    cty: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

impl<'t> Signed<'t> {
    /// Takes a token apart, and refuses at once what no key could make
    /// acceptable: another algorithm than RS256, a nested token, a header that
    /// demands to be understood, no key id.
    pub(super) fn read(token: &'t str) -> Result<Self, TokenError> {
        let (input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = input.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
        if header.alg != "RS256" {
            return Err(TokenError::Algorithm);
        }
        let is_jwt = header.typ.as_deref().is_none_or(names_jwt);
        if !is_jwt || header.cty.is_some() || header.crit.is_some() {
            return Err(TokenError::Header);
        }
        Ok(Self {
            kid: header.kid.ok_or(TokenError::UnknownKey)?,
            input: input.as_bytes(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The claims, which nobody has vouched for before [`Signed::verify`].
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Result<T, TokenError> {
        serde_json::from_slice(&self.payload).map_err(|_| TokenError::Malformed)
    }

    /// Whether `keys` hold a key by the token's key id.
    pub(super) fn has_key_in(&self, keys: &CoreJsonWebKeySet) -> bool {
        self.keys_in(keys).next().is_some()
    }

    /// Checks the signature against the keys that the token's key id names.
    pub(super) fn verify(&self, keys: &CoreJsonWebKeySet) -> Result<(), TokenError> {
        let alg = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
        let signed_by = |key: &CoreJsonWebKey| {
            key.verify_signature(&alg, self.input, &self.signature)
                .is_ok()
        };
        if self.keys_in(keys).any(signed_by) {
            Ok(())
        } else {
            Err(TokenError::Signature)
        }
    }

    fn keys_in<'k>(
        &'k self,
        keys: &'k CoreJsonWebKeySet,
    ) -> impl Iterator<Item = &'k CoreJsonWebKey> {
        keys.keys()
            .iter()
            .filter(|key| key.key_id().is_some_and(|id| **id == self.kid))
    }
}

/// RFC 7519 §5.1, and RFC 9068 §2.1 for access tokens.
fn names_jwt(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(
        typ.strip_prefix("application/").unwrap_or(&typ),
        "jwt" | "at+jwt"
    )
}

/// No padding, no white space, no bits left over: one spelling for each value.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<(), TokenError> {
        let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header));
        Signed::read(&token).map(|_| ())
    }

    #[test]
    fn a_header_is_read_to_the_letter() {
        let cases = [
            (r#"{"alg":"RS256","kid":"a"}"#, Ok(()), "plain"),
            (r#"{"alg":"RS256","kid":"a","typ":"JWT"}"#, Ok(()), "typ"),
            (
                r#"{"alg":"RS256","kid":"a","typ":"at+jwt"}"#,
                Ok(()),
                "access token",
            ),
            (
                r#"{"alg":"RS256","kid":"a","typ":"application/JWT"}"#,
                Ok(()),
                "media type",
            ),
            (
                r#"{"alg":"RS256","kid":"a","x5t":"b","jku":"https://evil.example"}"#,
                Ok(()),
                "not looked at",
            ),
            (
                r#"{"alg":"RS256"}"#,
                Err(TokenError::UnknownKey),
                "no key id",
            ),
            (
                r#"{"alg":"none","kid":"a"}"#,
                Err(TokenError::Algorithm),
                "none",
            ),
            (
                r#"{"alg":"HS256","kid":"a"}"#,
                Err(TokenError::Algorithm),
                "HS256",
            ),
            (
                r#"{"alg":"RS384","kid":"a"}"#,
                Err(TokenError::Algorithm),
                "RS384",
            ),
            (
                r#"{"alg":"rs256","kid":"a"}"#,
                Err(TokenError::Algorithm),
                "lower case",
            ),
            (r#"{"kid":"a"}"#, Err(TokenError::Malformed), "no algorithm"),
            (
                r#"{"alg":"RS256","alg":"RS256","kid":"a"}"#,
                Err(TokenError::Malformed),
                "twice",
            ),
            (
                r#"{"alg":"RS256","kid":null}"#,
                Err(TokenError::Malformed),
                "null",
            ),
            (
                r#"{"alg":"RS256","kid":7}"#,
                Err(TokenError::Malformed),
                "a number",
            ),
            (
                r#"{"alg":"RS256","kid":"a","crit":["exp"]}"#,
                Err(TokenError::Header),
                "crit",
            ),
            (
                r#"{"alg":"RS256","kid":"a","cty":"JWT"}"#,
                Err(TokenError::Header),
                "nested",
            ),
            (
                r#"{"alg":"RS256","kid":"a","typ":"JWE"}"#,
                Err(TokenError::Header),
                "another type",
            ),
        ];
        for (header, expected, why) in cases {
            assert_eq!(read(header), expected, "{why}");
        }
    }

    #[test]
    fn a_token_has_three_parts_in_one_spelling() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"a"}"#);
        let cases = [
            (format!("{header}.e30.AA"), true, "three"),
            (format!("{header}.e30."), true, "an empty signature"),
            (format!("{header}.e30"), false, "two"),
            (header.clone(), false, "one"),
            (format!("{header}.e30.AA.AA"), false, "four"),
            (format!("{header}.e30.AA.AA.AA"), false, "an encrypted one"),
            (format!("{header}.e30=.AA"), false, "padding"),
            (format!("{header}.e30.AB"), false, "bits left over"),
            (format!(" {header}.e30.AA"), false, "a blank"),
            (String::new(), false, "empty"),
            ("..".to_owned(), false, "dots"),
        ];
        for (token, expected, why) in cases {
            assert_eq!(Signed::read(&token).is_ok(), expected, "{why}");
        }
    }
}
