//! The application's side: asks for a sign-in, redeems the code, and believes a
//! token only after it has been checked.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use url::Url;

use super::browser::REDIRECT_URI;

/// What the metadata of a policy tell.
#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    n: String,
    e: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// Why there is no token, or one that is not to be believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error("the emulator does not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("the code was not redeemed: {0}")]
    Refused(String),
    #[error("the token is not one: {0}")]
    Malformed(&'static str),
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token's {0}")]
    Claim(String),
}

/// One authorization request, remembered until its answer comes.
pub(super) struct Asked {
    client_id: String,
    policy: String,
    pub(super) state: String,
    nonce: String,
    verifier: String,
}

impl Metadata {
    pub(super) async fn fetch(
        http: &Client,
        base: &str,
        tenant: &str,
        policy: &str,
    ) -> Result<Self, TokenError> {
        let url = format!("{base}/{tenant}/{policy}/v2.0/.well-known/openid-configuration");
        let response = http.get(url).send().await?.error_for_status()?;
        Ok(response.json().await?)
    }

    /// The address of the request. `more` counts before the usual parameters.
    pub(super) fn request(&self, asked: &Asked, more: &[(String, String)]) -> Url {
        let challenge = digest(&SHA256, asked.verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        let usual = [
            ("client_id", asked.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("scope", "openid"),
            ("state", &asked.state),
            ("nonce", &asked.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let usual = usual
            .into_iter()
            .filter(|(name, _)| !more.iter().any(|(own, _)| own == name));
        let mut url = self.authorization_endpoint.clone();
        url.query_pairs_mut().extend_pairs(usual).extend_pairs(more);
        url
    }

    /// The claims of the token that the code is good for.
    pub(super) async fn redeem(
        &self,
        http: &Client,
        asked: &Asked,
        code: &str,
    ) -> Result<Map<String, Value>, TokenError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", asked.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("code", code),
            ("code_verifier", asked.verifier.as_str()),
        ];
        let response = http
            .post(self.token_endpoint.clone())
            .form(&form)
            .send()
            .await?;
        let told: Map<String, Value> = response.json().await?;
        let token = told.get("id_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| {
            let why = told.get("error_description").and_then(Value::as_str);
            TokenError::Refused(why.unwrap_or("no id_token came").to_owned())
        })?;
        self.believe(http, asked, token).await
    }

    /// The claims of a token, once all that can be checked was.
    pub(super) async fn believe(
        &self,
        http: &Client,
        asked: &Asked,
        token: &str,
    ) -> Result<Map<String, Value>, TokenError> {
        let keys: Keys = http.get(self.jwks_uri.clone()).send().await?.json().await?;
        let claims = verified(token, &keys)?;
        self.check(asked, &claims, OffsetDateTime::now_utc().unix_timestamp())?;
        Ok(claims)
    }

    fn check(
        &self,
        asked: &Asked,
        claims: &Map<String, Value>,
        now: i64,
    ) -> Result<(), TokenError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
        let policy = match text("tfp") {
            "" => text("acr"),
            tfp => tfp,
        };
        let wrong = |what: String| Err(TokenError::Claim(what));
        if text("iss") != self.issuer {
            return wrong(format!("iss is {}, not {}", text("iss"), self.issuer));
        }
        if text("aud") != asked.client_id {
            return wrong(format!("aud is {}, not {}", text("aud"), asked.client_id));
        }
        if text("nonce") != asked.nonce {
            return wrong("nonce is not the one of the request".to_owned());
        }
        if number("exp") <= now || number("nbf") > now + 1 {
            return wrong(format!(
                "time is not now: nbf {}, exp {}",
                number("nbf"),
                number("exp")
            ));
        }
        // A policy may leave both out.
        if !policy.is_empty() && !policy.eq_ignore_ascii_case(&asked.policy) {
            return wrong(format!("policy is {policy}, not {}", asked.policy));
        }
        Ok(())
    }
}

impl Asked {
    pub(super) fn new(client_id: &str, policy: &str) -> Self {
        let random = || URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        Self {
            client_id: client_id.to_owned(),
            policy: policy.to_owned(),
            state: random(),
            nonce: random(),
            verifier: random(),
        }
    }
}

fn verified(token: &str, keys: &Keys) -> Result<Map<String, Value>, TokenError> {
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or(TokenError::Malformed("it has no signature"))?;
    let (header, claims) = signed
        .split_once('.')
        .ok_or(TokenError::Malformed("it has no claims"))?;
    let header: Header =
        decoded(header).ok_or(TokenError::Malformed("its header is unreadable"))?;
    if header.alg != "RS256" {
        return Err(TokenError::Malformed("it is not signed with RS256"));
    }
    let key = keys.keys.iter().find(|key| key.kid == header.kid);
    let key = key.ok_or(TokenError::Malformed("its key is not published"))?;
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| TokenError::Signature)
    };
    let key = RsaPublicKeyComponents {
        n: bytes(&key.n)?,
        e: bytes(&key.e)?,
    };
    let signature = bytes(signature)?;
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature)
        .map_err(|_| TokenError::Signature)?;
    decoded(claims).ok_or(TokenError::Malformed("its claims are unreadable"))
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::emulator::keys::{Signature, SigningKey, sign_token};

    fn metadata() -> Metadata {
        serde_json::from_value(json!({
            "issuer": "http://localhost:1/id/v2.0/",
            "authorization_endpoint": "http://localhost:1/authorize?p=x",
            "token_endpoint": "http://localhost:1/token",
            "jwks_uri": "http://localhost:1/keys",
        }))
        .unwrap()
    }

    fn claims(asked: &Asked) -> Map<String, Value> {
        let claims = json!({
            "iss": "http://localhost:1/id/v2.0/", "aud": "app", "nonce": asked.nonce,
            "nbf": 100, "exp": 200, "acr": "b2c_1a_x", "sub": "s",
        });
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn only_a_token_of_a_published_key_is_believed() {
        let key = SigningKey::generate(0).unwrap();
        let keys: Keys = serde_json::from_value(json!({ "keys": [key.to_jwk()] })).unwrap();
        let asked = Asked::new("app", "B2C_1A_x");
        let claims = claims(&asked);
        let sign = |signature| sign_token(&key, signature, &key.kid, &Map::new(), &claims).unwrap();
        assert_eq!(verified(&sign(Signature::Rs256), &keys).unwrap(), claims);
        for signature in [
            Signature::None,
            Signature::Hs256PublicKey,
            Signature::Broken,
        ] {
            assert!(verified(&sign(signature), &keys).is_err(), "{signature:?}");
        }
        let other = SigningKey::generate(0).unwrap();
        let keys: Keys = serde_json::from_value(json!({ "keys": [other.to_jwk()] })).unwrap();
        assert!(verified(&sign(Signature::Rs256), &keys).is_err());
    }

    #[test]
    fn a_token_is_for_this_application_this_request_and_now() {
        let metadata = metadata();
        let asked = Asked::new("app", "B2C_1A_x");
        assert!(metadata.check(&asked, &claims(&asked), 150).is_ok());
        for (name, value, now) in [
            ("iss", json!("http://localhost:1/other/v2.0/"), 150),
            ("aud", json!("other"), 150),
            ("nonce", json!("old"), 150),
            ("exp", json!(150), 150),
            ("nbf", json!(160), 150),
            ("acr", json!("b2c_1a_other"), 150),
        ] {
            let mut claims = claims(&asked);
            claims.insert(name.to_owned(), value);
            assert!(metadata.check(&asked, &claims, now).is_err(), "{name}");
        }
    }

    #[test]
    fn a_story_may_ask_otherwise() {
        let asked = Asked::new("app", "B2C_1A_x");
        let more = [("response_type".to_owned(), "id_token".to_owned())];
        let url = metadata().request(&asked, &more);
        let types: Vec<_> = url
            .query_pairs()
            .filter(|(n, _)| n == "response_type")
            .collect();
        assert_eq!(types.len(), 1);
        assert_eq!(types[0].1, "id_token");
        assert!(
            url.as_str()
                .starts_with("http://localhost:1/authorize?p=x&")
        );
    }
}
