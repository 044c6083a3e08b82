//! The OpenID Connect client: authorization code with PKCE, and the two
//! members that idlink adds to the token response.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use url::Url;

use super::visitors::{Begun, Visitor};
use super::way::Way;

/// A little longer than idlink gives itself for an exchange.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    http: reqwest::Client,
    metadata_url: String,
    client_id: String,
    client_secret: String,
    redirect_uri: String,
}

/// What the shop needs of the metadata (OpenID Connect Discovery, 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    end_session_endpoint: Option<Url>,
}

/// How a token exchange ended.
pub(super) enum Outcome {
    SignedIn(Box<Visitor>),
    NotLinked(Refusal),
}

/// idlink's `invalid_grant`: the person is who they say, but no customer.
#[derive(Deserialize)]
pub(super) struct Refusal {
    /// For the person, in their language.
    pub(super) user_message: String,
    #[serde(default)]
    pub(super) reference: String,
    /// For whoever helps them.
    #[serde(default)]
    pub(super) error_code: String,
}

/// Why there was no answer to go by.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no answer")]
    Unreachable,
    #[error("status {0}")]
    Answered(u16),
    #[error("an answer that is not what it should be")]
    Malformed,
    #[error("an ID token that is not for this sign-in: {0}")]
    Token(&'static str),
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        match error.is_decode() {
            true => Self::Malformed,
            false => Self::Unreachable,
        }
    }
}

impl Client {
    pub(super) fn new(way: &Way, redirect_uri: String) -> reqwest::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .timeout(PATIENCE)
                .build()?,
            metadata_url: way.metadata_url.clone(),
            client_id: way.client_id.clone(),
            client_secret: way.client_secret.clone(),
            redirect_uri,
        })
    }

    /// Asked for each time: the other side may have been set up anew.
    async fn metadata(&self) -> Result<Metadata, Trouble> {
        let response = self.http.get(&self.metadata_url).send().await?;
        match response.status() {
            StatusCode::OK => Ok(response.json().await?),
            status => Err(Trouble::Answered(status.as_u16())),
        }
    }

    /// Where the browser is sent to sign in or up.
    pub(super) async fn authorization(&self, begun: &Begun) -> Result<Url, Trouble> {
        let challenge = digest::digest(&digest::SHA256, begun.verifier.as_bytes());
        let mut address = self.metadata().await?.authorization_endpoint;
        address
            .query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", begun.dialect.scope())
            .append_pair("state", &begun.state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256")
            .append_pair("ui_locales", begun.language)
            .append_pair("client-request-id", &begun.request_id);
        Ok(address)
    }

    /// Where the browser is sent to sign out; none when nobody can say.
    pub(super) async fn end_session(
        &self,
        back: &str,
        hint: Option<&str>,
        language: &str,
    ) -> Option<Url> {
        let mut address = self.metadata().await.ok()?.end_session_endpoint?;
        let mut query = address.query_pairs_mut();
        query
            .append_pair("post_logout_redirect_uri", back)
            .append_pair("ui_locales", language);
        if let Some(hint) = hint {
            query.append_pair("id_token_hint", hint);
        }
        drop(query);
        Some(address)
    }

    /// Redeems a code.
    pub(super) async fn redeem(&self, code: &str, begun: &Begun) -> Result<Outcome, Trouble> {
        let metadata = self.metadata().await?;
        let mut form = begun.dialect.told_to_idlink(&begun.nonce, begun.language);
        form.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code_verifier", &begun.verifier),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
        ]);
        let request = self.http.post(metadata.token_endpoint.clone()).form(&form);
        let response = request.send().await?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|error| match status {
            StatusCode::OK => Trouble::from(error),
            status => Trouble::Answered(status.as_u16()),
        })?;
        if status != StatusCode::OK {
            return serde_json::from_value(body)
                .map(Outcome::NotLinked)
                .map_err(|_| Trouble::Answered(status.as_u16()));
        }
        let id_token = text(&body, "id_token").ok_or(Trouble::Malformed)?;
        let claims = payload(id_token).ok_or(Trouble::Malformed)?;
        self.check(&claims, &metadata, begun)?;
        Ok(Outcome::SignedIn(Box::new(visitor(begun, &body, &claims))))
    }

    /// The signature need not be checked: the token came from the token
    /// endpoint itself (OpenID Connect Core, 3.1.3.7, 6), which in the demo is
    /// on this machine. idlink has checked it besides.
    fn check(
        &self,
        claims: &Map<String, Value>,
        metadata: &Metadata,
        begun: &Begun,
    ) -> Result<(), Trouble> {
        let is =
            |name: &str, expected: &str| claims.get(name).and_then(Value::as_str) == Some(expected);
        let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or(0);
        let checks = [
            (is("iss", &metadata.issuer), "issuer"),
            (is("aud", &self.client_id), "audience"),
            (is("nonce", &begun.nonce), "nonce"),
            (OffsetDateTime::now_utc().unix_timestamp() < expires, "age"),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Trouble::Token(what)),
            None => Ok(()),
        }
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn payload(token: &str) -> Option<Map<String, Value>> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// What idlink adds to the answer of its token endpoint, or else the claim.
fn visitor(begun: &Begun, body: &Value, claims: &Map<String, Value>) -> Visitor {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    let email = claims.get("emails").and_then(|emails| emails.get(0));
    let email = email.and_then(Value::as_str).or(claim("email"));
    let name = claim("name").or(email).unwrap_or_default();
    let told_of = |member: &str, of: &str| text(body, member).or(claim(of)).map(str::to_owned);
    Visitor {
        dialect: begun.dialect,
        name: name.to_owned(),
        email: email.map(str::to_owned),
        provider: claim("idp").map(str::to_owned),
        customer_id: told_of("customer_id", "customerId").unwrap_or_default(),
        customer_link: told_of("customer_link", "customerLink").unwrap_or_default(),
        id_token: text(body, "id_token").unwrap_or_default().to_owned(),
        told: told(body, claims),
        looking: None,
    }
}

/// The response without its tokens, and the token's claims.
fn told(body: &Value, claims: &Map<String, Value>) -> String {
    let mut response = body.as_object().cloned().unwrap_or_default();
    response.retain(|name, _| !name.ends_with("_token"));
    let told =
        json!({ "answer of the token endpoint": response, "claims of the ID token": claims });
    serde_json::to_string_pretty(&told).unwrap_or_default()
}
