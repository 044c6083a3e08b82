//! A tenant on this machine: documents, keys and a token endpoint, and tokens
//! signed with its keys. Knows nothing of the code under test.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const POLICY: &str = "B2C_1_signupsignin";

/// An RSA key with its id.
pub(crate) struct Key {
    pub(crate) kid: &'static str,
    pair: RsaKeyPair,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self { kid, pair }
    }

    /// As B2C publishes it: no `alg`, no `x5c`, a member of its own.
    pub(crate) fn jwk(&self) -> Value {
        let (n, e) = self.numbers();
        json!({
            "kid": self.kid,
            "nbf": 1767139200,
            "use": "sig",
            "kty": "RSA",
            "e": URL_SAFE_NO_PAD.encode(e),
            "n": URL_SAFE_NO_PAD.encode(n),
        })
    }

    /// The public key as PKCS #1 DER.
    pub(crate) fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Modulus and exponent, out of `SEQUENCE { INTEGER n, INTEGER e }`.
    fn numbers(&self) -> (Vec<u8>, Vec<u8>) {
        let (sequence, _) = element(self.public_der());
        let (n, rest) = element(sequence);
        let (e, _) = element(rest);
        let unsigned = |number: &[u8]| number.iter().copied().skip_while(|b| *b == 0).collect();
        (unsigned(n), unsigned(e))
    }

    pub(crate) fn sign(&self, header: &Value, payload: &[u8]) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                input.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token with the header that B2C writes.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid });
        self.sign(&header, claims.to_string().as_bytes())
    }
}

/// Contents of a DER element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, at) = match der[1] {
        short @ 0..=0x7F => (usize::from(short), 2),
        long => {
            let bytes = usize::from(long & 0x7F);
            let length = der[2..2 + bytes]
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, 2 + bytes)
        }
    };
    der[at..].split_at(length)
}

/// The key that the tenant signs with.
pub(crate) fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new("key-1"))
}

/// The key that comes after it.
pub(crate) fn next_key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new("key-2"))
}

/// A key that the tenant never published, under the id of one that it did.
pub(crate) fn forged_key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new("key-1"))
}

/// A tenant that answers on a port of its own.
pub(crate) struct StubTenant {
    pub(crate) server: MockServer,
}

impl StubTenant {
    /// With its documents, and without a token endpoint.
    pub(crate) async fn start() -> Self {
        let stub = Self {
            server: MockServer::start().await,
        };
        stub.publish().await;
        stub
    }

    pub(crate) async fn publish(&self) {
        self.publish_metadata(self.metadata()).await;
        self.publish_keys(&[key()]).await;
    }

    pub(crate) fn issuer(&self) -> String {
        format!(
            "{}/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/",
            self.server.uri()
        )
    }

    pub(crate) fn metadata_url(&self) -> String {
        format!(
            "{}/{{policy}}/v2.0/.well-known/openid-configuration",
            self.server.uri()
        )
    }

    /// As in contracts.md §3.1, with a member that nobody knows.
    pub(crate) fn metadata(&self) -> Value {
        let uri = self.server.uri();
        json!({
            "issuer": self.issuer(),
            "authorization_endpoint": format!("{uri}/{POLICY}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{uri}/{POLICY}/oauth2/v2.0/token"),
            "jwks_uri": format!("{uri}/{POLICY}/discovery/v2.0/keys"),
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "x_unknown": { "kept": [1, 2.50] },
        })
    }

    pub(crate) async fn publish_metadata(&self, document: Value) {
        self.publish_metadata_of(POLICY, document).await;
    }

    pub(crate) async fn publish_metadata_of(&self, policy: &str, document: Value) {
        self.get(
            &format!("/{policy}/v2.0/.well-known/openid-configuration"),
            ResponseTemplate::new(200).set_body_json(document),
        )
        .await;
    }

    pub(crate) async fn publish_keys(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answer_keys(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys })))
            .await;
    }

    pub(crate) async fn answer_keys(&self, answer: ResponseTemplate) {
        self.get(&format!("/{POLICY}/discovery/v2.0/keys"), answer)
            .await;
    }

    pub(crate) async fn answer_token(&self, answer: ResponseTemplate) {
        Mock::given(method("POST"))
            .and(path(format!("/{POLICY}/oauth2/v2.0/token")))
            .respond_with(answer)
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    async fn get(&self, at: &str, answer: ResponseTemplate) {
        Mock::given(method("GET"))
            .and(path(at))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    /// Nothing is there any more.
    pub(crate) async fn fail(&self) {
        self.server.reset().await;
    }

    /// How often a path that ends so was asked for.
    pub(crate) async fn count(&self, end: &str) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests
            .iter()
            .filter(|request| request.url.path().ends_with(end))
            .count()
    }
}
