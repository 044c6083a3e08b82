//! The tokens by which Entra proves that it calls: what is believed, what is
//! refused before anything else is read, and keys that change.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use idlink::config::Settings;
use idlink::domain::tenant::{EmailOtp, Platform};
use idlink::oidc::{Bearer, BearerError, TokenError, http_client};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wiremock::ResponseTemplate;

use crate::support::external::{
    API, API_URI, BY_DIRECTORY, BY_NAME, CALLER, DIRECTORY, External, Keys, VERSION_1, WORKFORCE,
    claims, claims_at, with,
};
use crate::support::program::Folder;
use crate::support::service::{PASSWORD, USERNAME, send};
use crate::support::tenant::{Key, forged_key, key, next_key};

const NOW: i64 = 1_800_000_000;
const OTHER_DIRECTORY: &str = "11111111-3b8a-4f7e-9a61-2f0c5d8e4b10";

/// A tenant with all four issuers, its keys loaded.
async fn bearer(keys: &Keys) -> Bearer {
    let settings = keys.settings(&[BY_DIRECTORY, BY_NAME, WORKFORCE, VERSION_1]);
    let bearer = Bearer::new(settings, http_client().unwrap());
    bearer.keep_keys_fresh().await;
    bearer
}

fn at_now(bearer: &Bearer, token: &str) -> Result<(), BearerError> {
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    bearer.verify(token, now)
}

/// Moves the runtime's clock, and lets it run again.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

async fn eventually(condition: impl AsyncFn() -> bool) -> bool {
    for _ in 0..500 {
        if condition().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn tokens_of_every_issuer_and_version_are_believed() {
    let keys = Keys::start().await;
    let bearer = bearer(&keys).await;
    let version_1 = json!({ "ver": "1.0", "azp": null, "azpacr": null, "appid": CALLER });
    for (changes, why) in [
        (json!({}), "as in the example"),
        (json!({ "iss": BY_NAME }), "the issuer of the documents"),
        (json!({ "iss": WORKFORCE }), "the workforce issuer"),
        (
            with(
                version_1.clone(),
                json!({ "iss": VERSION_1, "aud": API_URI }),
            ),
            "version 1",
        ),
        (version_1, "version 1, by client id"),
        (json!({ "ver": null }), "no version"),
        (json!({ "aud": [API] }), "a list of one audience"),
        (json!({ "aud": API.to_uppercase() }), "a GUID in upper case"),
        (
            json!({ "tid": DIRECTORY.to_uppercase() }),
            "a directory in upper case",
        ),
        (json!({ "exp": NOW - 119 }), "expired within the leeway"),
        (json!({ "nbf": NOW + 120 }), "valid soon, within the leeway"),
        (
            json!({ "iat": NOW + 120 }),
            "issued soon, within the leeway",
        ),
        (json!({ "nbf": null, "iat": null }), "no beginning"),
        (
            json!({ "sub": "x", "oid": "y", "uti": "z", "rh": "1", "roles": ["a"] }),
            "further members",
        ),
    ] {
        // `null` would take the claim out of the changes themselves.
        let token = key().token(&with(claims_at(NOW), changes));
        assert_eq!(at_now(&bearer, &token), Ok(()), "{why}");
    }
}

#[tokio::test]
async fn tokens_with_bad_claims_are_not() {
    let keys = Keys::start().await;
    let bearer = bearer(&keys).await;
    let token = |error: TokenError| BearerError::Token(error);
    let other = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
    let misspelt = "99045fe1-7639-4a75-9d4d-577b6ca3810f";
    for (changes, expected, why) in [
        (
            json!({ "azp": other }),
            BearerError::Caller,
            "another caller",
        ),
        (
            json!({ "azp": misspelt }),
            BearerError::Caller,
            "the circulating misspelling",
        ),
        (json!({ "azp": null }), BearerError::Caller, "no caller"),
        (json!({ "azp": "" }), BearerError::Caller, "an empty caller"),
        (
            json!({ "azp": null, "appid": CALLER }),
            BearerError::Caller,
            "version 2 by version 1's claim",
        ),
        (
            json!({ "appid": other }),
            BearerError::Caller,
            "two callers",
        ),
        (
            json!({ "ver": "1.0" }),
            BearerError::Caller,
            "version 1 by version 2's claim",
        ),
        (json!({ "ver": "3.0" }), BearerError::Caller, "version 3"),
        (
            json!({ "ver": 2 }),
            token(TokenError::Malformed),
            "a version of another type",
        ),
        (
            json!({ "azp": [CALLER] }),
            token(TokenError::Malformed),
            "a list of callers",
        ),
        (
            json!({ "aud": other }),
            token(TokenError::Audience),
            "another audience",
        ),
        (
            json!({ "aud": [API, other] }),
            token(TokenError::Audience),
            "two audiences",
        ),
        (
            json!({ "aud": [] }),
            token(TokenError::Audience),
            "no audience in a list",
        ),
        (
            json!({ "aud": null }),
            token(TokenError::Malformed),
            "no audience",
        ),
        (
            json!({ "tid": OTHER_DIRECTORY }),
            BearerError::Directory,
            "another directory",
        ),
        (
            json!({ "tid": null }),
            BearerError::Directory,
            "no directory",
        ),
        (
            json!({ "tid": "common" }),
            BearerError::Directory,
            "no directory's id",
        ),
        (
            json!({ "iss": "https://evil.example/v2.0" }),
            token(TokenError::Issuer),
            "iss",
        ),
        (
            json!({ "iss": format!("{BY_DIRECTORY}/") }),
            token(TokenError::Issuer),
            "a slash",
        ),
        (
            json!({ "iss": "" }),
            token(TokenError::Issuer),
            "an empty issuer",
        ),
        (
            json!({ "iss": null }),
            token(TokenError::Malformed),
            "no issuer",
        ),
        (
            json!({ "exp": NOW - 120 }),
            token(TokenError::Expired),
            "expired",
        ),
        (
            json!({ "exp": 0 }),
            token(TokenError::Expired),
            "expired long ago",
        ),
        (
            json!({ "exp": -1 }),
            token(TokenError::Expired),
            "expired before all time",
        ),
        (
            json!({ "exp": null }),
            token(TokenError::Malformed),
            "never expires",
        ),
        (
            json!({ "exp": "1900000000" }),
            token(TokenError::Malformed),
            "exp is a text",
        ),
        (
            json!({ "exp": 1e300 }),
            token(TokenError::Malformed),
            "exp beyond all clocks",
        ),
        (
            json!({ "nbf": NOW + 121 }),
            token(TokenError::NotYetValid),
            "not valid yet",
        ),
        (
            json!({ "iat": NOW + 121 }),
            token(TokenError::IssuedInFuture),
            "from the future",
        ),
    ] {
        let token = key().token(&with(claims_at(NOW), changes));
        assert_eq!(at_now(&bearer, &token), Err(expected), "{why}");
    }
}

#[tokio::test]
async fn a_claim_that_is_there_twice_makes_a_token_unreadable() {
    let keys = Keys::start().await;
    let bearer = bearer(&keys).await;
    let good = claims_at(NOW).to_string();
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "key-1" });
    for twice in ["iss", "aud", "azp", "tid", "exp", "ver"] {
        let value = &claims_at(NOW)[twice];
        let payload = format!("{{\"{twice}\":{value},{}", &good[1..]);
        let token = key().sign(&header, payload.as_bytes());
        let expected = Err(BearerError::Token(TokenError::Malformed));
        assert_eq!(at_now(&bearer, &token), expected, "{twice}");
    }
}

#[tokio::test]
async fn each_issuer_signs_with_its_own_keys_only() {
    let (keys, others) = (Keys::start().await, Keys::start().await);
    others.publish_anew(&[next_key()]).await;
    let mut settings = keys.settings(&[BY_DIRECTORY]);
    settings
        .issuers
        .extend(others.settings(&[WORKFORCE]).issuers);
    let bearer = Bearer::new(settings, http_client().unwrap());
    bearer.keep_keys_fresh().await;
    let signed = |key: &Key, iss: &str| {
        at_now(
            &bearer,
            &key.token(&with(claims_at(NOW), json!({ "iss": iss }))),
        )
    };
    assert_eq!(signed(key(), BY_DIRECTORY), Ok(()));
    assert_eq!(signed(next_key(), WORKFORCE), Ok(()));
    let unknown = Err(BearerError::Token(TokenError::UnknownKey));
    assert_eq!(signed(next_key(), BY_DIRECTORY), unknown);
    assert_eq!(signed(key(), WORKFORCE), unknown);
}

#[tokio::test]
async fn an_issuer_may_publish_its_keys_in_several_places() {
    let (keys, others) = (Keys::start().await, Keys::start().await);
    others.publish_anew(&[next_key()]).await;
    let mut settings = keys.settings(&[BY_DIRECTORY]);
    settings
        .issuers
        .extend(others.settings(&[BY_DIRECTORY]).issuers);
    let bearer = Bearer::new(settings, http_client().unwrap());
    let unavailable = Err(BearerError::Token(TokenError::KeysUnavailable));
    let tokens = [key(), next_key()].map(|key| key.token(&claims_at(NOW)));
    assert_eq!(at_now(&bearer, &tokens[0]), unavailable);
    for token in &tokens {
        assert!(eventually(async || at_now(&bearer, token).is_ok()).await);
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_behind_the_token_that_names_it() {
    let keys = Keys::start().await;
    let bearer = bearer(&keys).await;
    let old = key().token(&claims_at(NOW));
    let new = next_key().token(&claims_at(NOW));
    let unknown = Err(BearerError::Token(TokenError::UnknownKey));
    assert_eq!(at_now(&bearer, &old), Ok(()));
    keys.publish_anew(&[key(), next_key()]).await;
    // The issuer was asked just now.
    assert_eq!(at_now(&bearer, &new), unknown);
    tokio::task::yield_now().await;
    assert_eq!(keys.asked().await, 0);
    later(61).await;
    // Refused at once; nobody waits for the keys.
    assert_eq!(at_now(&bearer, &new), unknown);
    assert!(eventually(async || at_now(&bearer, &new).is_ok()).await);
    assert_eq!(at_now(&bearer, &old), Ok(()));
    assert_eq!(keys.asked().await, 1);
    // A key that is withdrawn is believed until the keys are fetched again.
    keys.publish_anew(&[next_key()]).await;
    assert_eq!(at_now(&bearer, &old), Ok(()));
    later(61 * 60).await;
    assert_eq!(at_now(&bearer, &new), Ok(()));
    assert!(eventually(async || at_now(&bearer, &old) == unknown).await);
}

#[tokio::test]
async fn a_thousand_invented_keys_cost_the_issuer_one_request_a_minute() {
    let keys = Keys::start().await;
    let settings = keys.settings(&[BY_DIRECTORY]);
    let bearer = Bearer::new(settings, http_client().unwrap());
    bearer.keep_keys_fresh().await;
    let flood = async || {
        for n in 0..1_000 {
            let header = json!({ "typ": "JWT", "alg": "RS256", "kid": format!("k{n}") });
            let payload = URL_SAFE_NO_PAD.encode(claims_at(NOW).to_string());
            let token = format!(
                "{}.{payload}.AAAA",
                URL_SAFE_NO_PAD.encode(header.to_string())
            );
            let unknown = Err(BearerError::Token(TokenError::UnknownKey));
            assert_eq!(at_now(&bearer, &token), unknown);
            tokio::task::yield_now().await;
        }
    };
    flood().await;
    assert_eq!(keys.asked().await, 1);
    later(61).await;
    flood().await;
    assert!(eventually(async || keys.asked().await == 2).await);
    flood().await;
    assert_eq!(keys.asked().await, 2);
}

#[tokio::test]
async fn the_last_good_keys_serve_while_the_issuer_is_away() {
    let keys = Keys::start().await;
    let bearer = bearer(&keys).await;
    let token = key().token(&claims_at(NOW));
    keys.server.reset().await;
    for _ in 0..5 {
        later(61 * 60).await;
        assert_eq!(at_now(&bearer, &token), Ok(()));
        bearer.keep_keys_fresh().await;
    }
    // Nor does a broken set take the place of a good one.
    keys.answer(ResponseTemplate::new(200).set_body_json(json!({ "keys": [] })))
        .await;
    later(61).await;
    bearer.keep_keys_fresh().await;
    assert_eq!(at_now(&bearer, &token), Ok(()));
    assert!(bearer.keys_age().unwrap() >= Duration::from_secs(5 * 60 * 60));
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_found_when_it_is_back() {
    let keys = Keys::start().await;
    keys.server.reset().await;
    let bearer = bearer(&keys).await;
    assert_eq!(bearer.keys_age(), None);
    let token = key().token(&claims_at(NOW));
    let unavailable = Err(BearerError::Token(TokenError::KeysUnavailable));
    assert_eq!(at_now(&bearer, &token), unavailable);
    keys.publish(&[key()]).await;
    later(6).await;
    bearer.keep_keys_fresh().await;
    assert_eq!(at_now(&bearer, &token), Ok(()));
}

#[tokio::test]
async fn keys_survive_a_reload_that_does_not_concern_them() {
    let keys = Keys::start().await;
    let bearer = bearer(&keys).await;
    keys.server.reset().await;
    let token = key().token(&claims_at(NOW));
    let renewed = bearer.renewed(keys.settings(&[BY_DIRECTORY]));
    assert_eq!(at_now(&renewed, &token), Ok(()));
    let mut moved = keys.settings(&[BY_DIRECTORY]);
    moved.issuers[0].jwks_uri = "http://127.0.0.1:9/keys".parse().unwrap();
    let unavailable = Err(BearerError::Token(TokenError::KeysUnavailable));
    assert_eq!(at_now(&bearer.renewed(moved), &token), unavailable);
}

/// A token that the tenant signed, changed into one that nobody did.
fn forged(header: Value, claims: &Value, signature: &[u8]) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!("{}.{}.{signature}", encode(&header), encode(claims))
}

/// HS256 under the public key, in the spellings that libraries fell for.
fn with_public_key(secret: &[u8]) -> String {
    let claims = claims();
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": "key-1" });
    let unsigned = forged(header.clone(), &claims, &[]);
    let input = unsigned.trim_end_matches('.');
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    forged(header, &claims, hmac::sign(&key, input.as_bytes()).as_ref())
}

fn pem(der: &[u8]) -> Vec<u8> {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN RSA PUBLIC KEY-----\n{text}\n-----END RSA PUBLIC KEY-----\n").into_bytes()
}

/// Callers that are nobody, each by what is wrong with them.
fn nobodies(external: &External) -> Vec<(&'static str, RequestBuilder)> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let good = || key().token(&claims());
    let claiming = |changes: Value| key().token(&with(claims(), changes));
    let bearer = |token: String| external.post().bearer_auth(token);
    let header = |header: Value| key().sign(&header, claims().to_string().as_bytes());
    let signed = good();
    let (input, _) = signed.rsplit_once('.').unwrap();
    let (head, _) = input.split_once('.').unwrap();
    let none = json!({ "typ": "JWT", "alg": "none", "kid": "key-1" });
    let jwk = json!({ "alg": "RS256", "kid": "key-1", "jwk": forged_key().jwk() });
    let other_payload =
        URL_SAFE_NO_PAD.encode(with(claims(), json!({ "exp": now + 9_999 })).to_string());
    vec![
        ("no header", external.post()),
        (
            "wrong azp",
            bearer(claiming(
                json!({ "azp": "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908" }),
            )),
        ),
        ("no azp", bearer(claiming(json!({ "azp": null })))),
        (
            "wrong aud",
            bearer(claiming(
                json!({ "aud": "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908" }),
            )),
        ),
        (
            "wrong iss",
            bearer(claiming(json!({ "iss": "https://evil.example/v2.0" }))),
        ),
        (
            "wrong tid",
            bearer(claiming(json!({ "tid": OTHER_DIRECTORY }))),
        ),
        (
            "another tenant's token",
            bearer(claiming(json!({
                "tid": OTHER_DIRECTORY,
                "iss": format!("https://login.microsoftonline.com/{OTHER_DIRECTORY}/v2.0")
            }))),
        ),
        ("expired", bearer(claiming(json!({ "exp": now - 180 })))),
        (
            "not valid yet",
            bearer(claiming(json!({ "nbf": now + 600 }))),
        ),
        ("alg none", bearer(forged(none.clone(), &claims(), &[]))),
        ("alg none, signed", bearer(forged(none, &claims(), b"x"))),
        ("HS256, DER", bearer(with_public_key(key().public_der()))),
        (
            "HS256, PEM",
            bearer(with_public_key(&pem(key().public_der()))),
        ),
        ("unknown kid", bearer(next_key().token(&claims()))),
        (
            "no kid",
            bearer(header(json!({ "typ": "JWT", "alg": "RS256" }))),
        ),
        (
            "kid of a path",
            bearer(header(json!({ "alg": "RS256", "kid": "../../key-1" }))),
        ),
        (
            "RS512 by its header",
            bearer(header(json!({ "alg": "RS512", "kid": "key-1" }))),
        ),
        (
            "crit",
            bearer(header(
                json!({ "alg": "RS256", "kid": "key-1", "crit": ["x"] }),
            )),
        ),
        ("a key of nobody's", bearer(forged_key().token(&claims()))),
        (
            "its own key",
            bearer(forged_key().sign(&jwk, claims().to_string().as_bytes())),
        ),
        ("no signature", bearer(format!("{input}."))),
        ("another payload", {
            let signature = signed.rsplit('.').next().unwrap();
            bearer(format!("{head}.{other_payload}.{signature}"))
        }),
        ("no token", bearer(String::new())),
        ("rubbish", bearer("a.b.c".to_owned())),
        ("two tokens", bearer(format!("{} {}", good(), good()))),
        (
            "two headers",
            bearer(good()).header("Authorization", format!("Bearer {}", good())),
        ),
        (
            "another scheme",
            external
                .post()
                .header("Authorization", format!("Token {}", good())),
        ),
        (
            "the token alone",
            external.post().header("Authorization", good()),
        ),
        (
            "Basic",
            external.post().basic_auth(USERNAME, Some(PASSWORD)),
        ),
    ]
}

#[tokio::test]
async fn nobody_is_told_anything_and_nothing_of_theirs_is_read() {
    let (external, database) = External::start(|setup| {
        // This one event would be answered from its type alone.
        setup.external().email_otp = EmailOtp::Unchanged;
    })
    .await;
    let bodies = [
        json!({
            "type": "microsoft.graph.authenticationEvent.emailOtpSend",
            "data": { "tenantId": DIRECTORY, "authenticationContext": {} }
        })
        .to_string(),
        // Would be 400, and 413, if anybody looked.
        "{".to_owned(),
        " ".repeat(70_000),
    ];
    assert_eq!(external.ask_in(&bodies[0]).await.status, 200);
    assert_eq!(external.ask_in(&bodies[1]).await.status, 400);
    assert_eq!(external.ask_in(&bodies[2]).await.status, 413);
    for body in bodies {
        for (why, request) in nobodies(&external) {
            let reply = send(request.body(body.clone())).await;
            assert_eq!(reply.status, 401, "{why}: {}", reply.text);
            assert_eq!(reply.content_type, "application/json", "{why}");
            assert_eq!(reply.text, r#"{"error":"unauthorized"}"#, "{why}");
        }
    }
    let sql = crate::support::postgres::connect(&database.config()).await;
    let attempts = sql
        .query("SELECT 1 FROM sign_up_attempt", &[])
        .await
        .unwrap();
    assert!(attempts.is_empty());
}

#[tokio::test]
async fn the_answer_to_nobody_does_not_wait_for_a_body() {
    let (external, _database) = External::start(|_| {}).await;
    let mut stream = TcpStream::connect(external.service.address())
        .await
        .unwrap();
    let head = "POST /connectors/aurora/external-id HTTP/1.1\r\nHost: x\r\n\
                Authorization: Bearer a.b.c\r\nContent-Type: application/json\r\n\
                Content-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tokio::time::timeout(Duration::from_secs(3), stream.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn the_scheme_may_be_written_in_any_case() {
    let (external, _database) = External::start(|_| {}).await;
    let token = key().token(&claims());
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = external
            .post()
            .header("Authorization", format!("{scheme} {token}"));
        assert_eq!(send(request.body("{")).await.status, 400, "{scheme}");
    }
}

#[tokio::test]
async fn a_tenants_routes_are_those_of_its_platform() {
    let (external, _database) = External::start(|_| {}).await;
    let token = key().token(&claims());
    let service = &external.service;
    let json = ("Content-Type", "application/json");
    for (path, why) in [
        ("/connectors/contoso/external-id", "a B2C tenant"),
        ("/connectors/nobody/external-id", "no tenant"),
    ] {
        let request = service
            .post(path)
            .header(json.0, json.1)
            .bearer_auth(&token);
        assert_eq!(send(request.body("{")).await.status, 401, "{why}");
    }
    for (tenant, expected) in [("aurora", 401), ("contoso", 200)] {
        let request = service
            .post(&format!("/connectors/{tenant}/user-flow"))
            .header(json.0, json.1)
            .basic_auth(USERNAME, Some(PASSWORD));
        assert_eq!(send(request.body("{")).await.status, expected, "{tenant}");
    }
}

#[tokio::test]
async fn a_key_that_comes_later_is_believed_without_a_restart() {
    let (external, _database) = External::start(|setup| {
        // Nobody is there yet.
        for issuer in &mut setup.bearer.issuers {
            if issuer.issuer == BY_NAME {
                issuer.jwks_uri.set_path("/later");
            }
        }
    })
    .await;
    let token = key().token(&with(claims(), json!({ "iss": BY_NAME })));
    let ask = async || {
        send(external.post().bearer_auth(&token).body("{"))
            .await
            .status
    };
    assert_eq!(ask().await, 401);
    wiremock::Mock::given(wiremock::matchers::path("/later"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "keys": [key().jwk()] })))
        .mount(&external.keys.server)
        .await;
    // Looked for every few seconds.
    let found = async || {
        tokio::time::sleep(Duration::from_millis(40)).await;
        ask().await == 400
    };
    assert!(eventually(found).await);
}

const SOUND: &str = r#"
[legal_entities.USMF]

[tenants.aurora]
platform = "external-id"
issuer = "https://aurora.ciamlogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0"
directory_id = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10"
audiences = ["d4a1c7b9-20f5-4b7c-8e63-9f7e5d1c0b2a"]
trusted_providers = ["local"]

[[tenants.aurora.issuers]]
issuer = "https://aurora.ciamlogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0"
jwks_uri = "https://aurora.ciamlogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/discovery/v2.0/keys"

[sites.shop]
customer_type = "b2c"
legal_entity = "USMF"
tenant = "aurora"
client_ids = ["5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908"]
"#;

fn load(content: &str) -> Result<Settings, String> {
    let folder = std::env::temp_dir().join(format!("idlink-bearer-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("idlink.toml");
    std::fs::write(&file, content).unwrap();
    let settings = Settings::load(Some(&file), std::iter::empty());
    std::fs::remove_dir_all(&folder).unwrap();
    settings.map_err(|problems| problems.to_string())
}

#[test]
fn an_external_id_tenant_is_read_from_the_settings() {
    let settings = load(SOUND).unwrap();
    let tenant = settings.directory.tenant("aurora").unwrap();
    let Platform::ExternalId(external) = &tenant.platform else {
        panic!("{:?}", tenant.platform);
    };
    assert_eq!(external.directory_id.to_string(), DIRECTORY);
    assert_eq!(external.answer_within, Duration::from_millis(700));
    assert_eq!(external.email_otp, EmailOtp::Refuse);
    let bearer = &settings.bearers["aurora"];
    assert_eq!(bearer.audiences, [API.to_owned()].into());
    assert_eq!(bearer.issuers.len(), 1);
    assert_eq!(bearer.issuers[0].issuer, BY_NAME);
    // Nobody may come with a password, and nobody is asked for tokens.
    assert!(!settings.callers.contains_key("aurora"));
    assert!(!settings.providers.contains_key("aurora"));
    assert_eq!(settings.sites["shop"].policy, "");

    let change = |line: &str| {
        let text = SOUND.replacen("directory_id", &format!("{line}\ndirectory_id"), 1);
        let settings = load(&text).unwrap();
        match &settings.directory.tenant("aurora").unwrap().platform {
            Platform::ExternalId(external) => external.clone(),
            Platform::B2c => panic!("{line}"),
        }
    };
    let patient = change("extension_timeout_milliseconds = 2000");
    assert_eq!(patient.answer_within, Duration::from_millis(1_200));
    let limited = load(&format!(
        "{SOUND}\n[tenants.aurora.limits]\nper_second = 7\n"
    ))
    .unwrap();
    let quotas = &limited.limits["aurora"];
    assert_eq!(quotas.per_second, std::num::NonZeroU32::new(7));
    let between = change("extension_timeout_milliseconds = 1500");
    assert_eq!(between.answer_within, Duration::from_millis(950));
    assert_eq!(
        change("email_otp = \"unchanged\"").email_otp,
        EmailOtp::Unchanged
    );
}

#[tokio::test]
async fn the_check_asks_every_issuer_for_its_keys() {
    let keys = Keys::start().await;
    let folder = Folder::new();
    let uri = keys.server.uri();
    let (before, rest) = SOUND.split_once("jwks_uri").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    let file = format!(
        "{before}jwks_uri = \"{uri}/keys\"\n\
         [[tenants.aurora.issuers]]\nissuer = \"{WORKFORCE}\"\njwks_uri = \"{uri}/nothing\"\n{after}"
    );
    folder.write("idlink.toml", &file);
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_idlink"))
        .current_dir(&folder.0)
        .args(["--config", "idlink.toml", "check"])
        .env("IDLINK__DATABASE__URL", "host=/nowhere")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" keys of "))
        .collect();
    assert_eq!(
        lines,
        [
            format!("✓ tenant aurora: keys of {BY_NAME}"),
            format!("✗ tenant aurora: keys of {WORKFORCE}: the tenant answered with status 404"),
        ]
    );
    assert!(!text.contains("credentials"), "{text}");
}

#[test]
fn what_is_wrong_with_an_external_id_tenant_is_said() {
    let issuers = SOUND.find("[[tenants.aurora.issuers]]").unwrap();
    let sites = SOUND.find("[sites.shop]").unwrap();
    let without_issuers = format!("{}{}", &SOUND[..issuers], &SOUND[sites..]);
    let add = |line: &str| SOUND.replacen("directory_id", &format!("{line}\ndirectory_id"), 1);
    let pair = &SOUND[issuers..sites];
    let twice = SOUND.replacen(pair, &format!("{pair}{pair}"), 1);
    let cases = [
        (
            twice,
            "tenants.aurora.issuers[1]: is the same as tenants.aurora.issuers[0]",
        ),
        (without_issuers, "tenants.aurora: has no issuers"),
        (
            SOUND.replace(&format!("audiences = [\"{API}\"]"), ""),
            "tenants.aurora: `audiences` must list",
        ),
        (
            SOUND.replace(&format!("directory_id = \"{DIRECTORY}\""), ""),
            "tenants.aurora: `directory_id` is missing",
        ),
        (
            SOUND.replace(
                &format!("directory_id = \"{DIRECTORY}\""),
                "directory_id = \"x\"",
            ),
            "tenants.aurora.directory_id: must be the directory (tenant) id",
        ),
        (
            SOUND.replace("\"external-id\"", "\"ciam\""),
            "tenants.aurora.platform: must be \"b2c\" or \"external-id\", is \"ciam\"",
        ),
        (
            SOUND.replace("\"external-id\"", "\"b2c\""),
            "tenants.aurora.directory_id: is for tenants with `platform = \"external-id\"`",
        ),
        (
            add("policies = [\"B2C_1_x\"]"),
            "tenants.aurora.policies: is for tenants with `platform = \"b2c\"`",
        ),
        (
            add("require = [\"certificate\"]"),
            "tenants.aurora.require: is for tenants with `platform = \"b2c\"`",
        ),
        (
            add("extension_timeout_milliseconds = 200"),
            "extension_timeout_milliseconds: must be between 1000 and 2000",
        ),
        (
            SOUND.replace("jwks_uri = \"https://", "jwks_uri = \"http://"),
            "tenants.aurora.issuers[0].jwks_uri: must begin with https://",
        ),
        (
            SOUND.replace(
                "tenant = \"aurora\"",
                "tenant = \"aurora\"\npolicy = \"B2C_1_x\"",
            ),
            "sites.shop.policy: is for sites of B2C tenants",
        ),
        (
            SOUND.replace(
                "trusted_providers = [\"local\"]",
                "trusted_providers = [\"mail\"]",
            ),
            "trusted_providers[0]: people with a password of the tenant are `local`",
        ),
    ];
    for (content, expected) in cases {
        let problems = load(&content).unwrap_err();
        assert!(
            problems.contains(expected),
            "{expected}\nis not in\n{problems}"
        );
    }
}
