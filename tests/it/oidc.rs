//! us as relying party: tokens of all kinds, keys that change, a tenant that
//! is away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use idlink::domain::identity::{Issuer, Provider as Upstream};
use idlink::domain::tenant::{MissingProvider, Tenant};
use idlink::domain::trust::Claimed;
use idlink::oidc::{
    Provider, ProviderError, ProviderSettings, TokenError, TokenReply, VerifiedToken, http_client,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use wiremock::ResponseTemplate;

use crate::support::business;
use crate::support::tenant::{Key, POLICY, StubTenant, forged_key, key, next_key};

const CLIENT: &str = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
const OTHER_CLIENT: &str = "a3f09c1b-7d6e-4c58-b2e1-905f4d7a6c33";
const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
const NOW: i64 = 1_800_000_000;
const ALIAS: &str = "https://login.contoso.example/tfp/x/b2c_1_signupsignin/v2.0/";

fn settings(stub: &StubTenant) -> ProviderSettings {
    ProviderSettings {
        metadata_url: stub.metadata_url(),
        default_policy: POLICY.to_owned(),
        allowed_hosts: Vec::new(),
    }
}

fn tenant(stub: &StubTenant) -> Arc<Tenant> {
    Arc::new(Tenant {
        issuer: Issuer::new(stub.issuer()),
        issuer_aliases: vec![ALIAS.to_owned()],
        ..Tenant::clone(&business::tenant())
    })
}

fn provider(stub: &StubTenant) -> Provider {
    Provider::new(tenant(stub), settings(stub), http_client().unwrap())
}

fn claims(stub: &StubTenant) -> Value {
    json!({
        "ver": "1.0",
        "iss": stub.issuer(),
        "sub": OBJECT_ID,
        "aud": CLIENT,
        "exp": NOW + 3600,
        "nbf": NOW,
        "iat": NOW,
        "auth_time": NOW - 2,
        "nonce": "f7b1c0",
        "oid": OBJECT_ID,
        "idp": "google.com",
        "newUser": true,
        "name": "Mina Kaur",
        "emails": ["mina.k@mail.example"],
        "extension_Tier": "gold",
        "tfp": POLICY,
    })
}

/// The claims with some replaced; `null` takes one out.
fn with(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

async fn verify_at(
    provider: &Provider,
    token: &str,
    nonce: Option<&str>,
    now: i64,
) -> Result<VerifiedToken, TokenError> {
    let audiences: BTreeSet<String> = [CLIENT.to_owned()].into();
    let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
    provider.verify(token, &audiences, nonce, now).await
}

async fn verify(provider: &Provider, token: &str) -> Result<VerifiedToken, TokenError> {
    verify_at(provider, token, None, NOW).await
}

#[tokio::test]
async fn a_token_says_who_signed_in() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let token = key().token(&claims(&stub));
    let verified = verify_at(&provider, &token, Some("f7b1c0"), NOW)
        .await
        .unwrap();
    assert_eq!(verified.identity.issuer, Issuer::new(stub.issuer()));
    assert_eq!(verified.identity.subject.as_text(), OBJECT_ID);
    assert_eq!(verified.identity.provider, Upstream::named("google.com"));
    assert_eq!(verified.email.as_deref(), Some("mina.k@mail.example"));
    assert_eq!(verified.claimed, Claimed::Plain);
    assert_eq!(verified.audience, CLIENT);
    assert_eq!(verified.policy, POLICY);
    let shown = format!("{verified:?}");
    assert!(
        !shown.contains("mina") && !shown.contains(OBJECT_ID),
        "{shown}"
    );
}

#[tokio::test]
async fn tokens_that_are_good_in_another_way() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let good = claims(&stub);
    for (changes, why) in [
        (json!({ "iss": ALIAS }), "an alias of the issuer"),
        (
            json!({ "tfp": null, "acr": "b2c_1_signupsignin" }),
            "acr, lower case",
        ),
        (
            json!({ "acr": "b2c_1_signupsignin" }),
            "tfp and acr, both accepted",
        ),
        (json!({ "aud": [CLIENT] }), "a list of one audience"),
        (
            json!({ "aud": CLIENT.to_uppercase() }),
            "a GUID in upper case",
        ),
        (json!({ "azp": CLIENT }), "the right authorized party"),
        (json!({ "oid": null }), "sub is the object id"),
        (
            json!({ "sub": "Not supported currently. Use oid claim." }),
            "only oid is",
        ),
        (json!({ "nbf": null }), "no nbf"),
        (json!({ "nonce": null }), "no nonce, none expected"),
        (json!({ "exp": NOW - 119 }), "expired within the leeway"),
        (json!({ "nbf": NOW + 120 }), "valid soon, within the leeway"),
        (
            json!({ "iat": NOW + 120 }),
            "issued soon, within the leeway",
        ),
        (
            json!({ "email_verified": "true" }),
            "a text that says verified",
        ),
    ] {
        let token = key().token(&with(&good, changes));
        let verified = verify(&provider, &token).await;
        let identity = verified
            .unwrap_or_else(|error| panic!("{why}: {error}"))
            .identity;
        // However the token spells it, a link carries the canonical issuer.
        assert_eq!(identity.issuer, Issuer::new(stub.issuer()), "{why}");
        assert_eq!(identity.subject.as_text(), OBJECT_ID, "{why}");
    }
}

#[tokio::test]
async fn a_person_without_upstream_provider_is_local() {
    let stub = StubTenant::start().await;
    let token = key().token(&with(&claims(&stub), json!({ "idp": null })));
    let verified = verify(&provider(&stub), &token).await.unwrap();
    assert_eq!(verified.identity.provider, Upstream::local());
    // Where the tenant does not send `idp` at all, its absence says nothing.
    let silent = Arc::new(Tenant {
        missing_idp: MissingProvider::Unverified,
        ..Tenant::clone(&tenant(&stub))
    });
    let provider = Provider::new(silent, settings(&stub), http_client().unwrap());
    let verified = verify(&provider, &token).await.unwrap();
    assert_eq!(verified.identity.provider, Upstream::unknown());
}

#[tokio::test]
async fn nobody_is_local_by_being_called_so() {
    let stub = StubTenant::start().await;
    let token = key().token(&with(&claims(&stub), json!({ "idp": "local" })));
    let verified = verify(&provider(&stub), &token).await.unwrap();
    assert_eq!(verified.identity.provider, Upstream::unknown());
}

#[tokio::test]
async fn an_address_that_is_not_said_to_be_verified_is_disowned() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    for (value, expected) in [
        (json!(true), Claimed::Plain),
        (json!(false), Claimed::Disowned),
        (json!("true"), Claimed::Disowned),
    ] {
        let token = key().token(&with(&claims(&stub), json!({ "email_verified": value })));
        let verified = verify(&provider, &token).await.unwrap();
        assert_eq!(verified.claimed, expected, "{value}");
    }
}

#[tokio::test]
async fn tokens_with_bad_claims_are_refused() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let good = claims(&stub);
    let without_slash = stub.issuer().trim_end_matches('/').to_owned();
    let upper_case = stub.issuer().replace("v2.0", "V2.0");
    for (changes, expected, why) in [
        (json!({ "exp": NOW - 120 }), TokenError::Expired, "expired"),
        (json!({ "exp": 0 }), TokenError::Expired, "expired long ago"),
        (
            json!({ "exp": null }),
            TokenError::Malformed,
            "never expires",
        ),
        (
            json!({ "exp": "1" }),
            TokenError::Malformed,
            "exp is a text",
        ),
        (
            json!({ "exp": 1e300 }),
            TokenError::Malformed,
            "exp beyond all clocks",
        ),
        (
            json!({ "nbf": NOW + 121 }),
            TokenError::NotYetValid,
            "not valid yet",
        ),
        (
            json!({ "iat": NOW + 121 }),
            TokenError::IssuedInFuture,
            "from the future",
        ),
        (json!({ "iat": null }), TokenError::Malformed, "no iat"),
        (
            json!({ "iss": without_slash }),
            TokenError::Issuer,
            "issuer without its slash",
        ),
        (
            json!({ "iss": upper_case }),
            TokenError::Issuer,
            "issuer in other case",
        ),
        (
            json!({ "iss": "https://evil.example/v2.0/" }),
            TokenError::Issuer,
            "another issuer",
        ),
        (
            json!({ "iss": "" }),
            TokenError::Malformed,
            "an empty issuer",
        ),
        (json!({ "iss": null }), TokenError::Malformed, "no issuer"),
        (
            json!({ "aud": OTHER_CLIENT }),
            TokenError::Audience,
            "another application",
        ),
        (
            json!({ "aud": [CLIENT, OTHER_CLIENT] }),
            TokenError::Audience,
            "two audiences",
        ),
        (
            json!({ "aud": [CLIENT, CLIENT] }),
            TokenError::Audience,
            "one audience twice",
        ),
        (json!({ "aud": [] }), TokenError::Audience, "no audience"),
        (json!({ "aud": null }), TokenError::Malformed, "no aud"),
        (
            json!({ "azp": OTHER_CLIENT }),
            TokenError::AuthorizedParty,
            "wrong azp",
        ),
        (
            json!({ "azp": "" }),
            TokenError::AuthorizedParty,
            "empty azp",
        ),
        (json!({ "tfp": null }), TokenError::Policy, "no policy"),
        (
            json!({ "tfp": "B2C_1_other" }),
            TokenError::Policy,
            "another policy",
        ),
        (json!({ "tfp": "" }), TokenError::Policy, "an empty policy"),
        (
            json!({ "acr": "b2c_1_other" }),
            TokenError::Policy,
            "tfp good, acr not",
        ),
        (
            json!({ "tfp": "B2C_1_other", "acr": POLICY }),
            TokenError::Policy,
            "acr good, tfp not",
        ),
        (
            json!({ "oid": null, "sub": "Not supported currently. Use oid claim." }),
            TokenError::NoObjectId,
            "no object id",
        ),
        (
            json!({ "oid": "mina" }),
            TokenError::NoObjectId,
            "oid is no GUID",
        ),
        (
            json!({ "oid": "00000000-0000-0000-0000-000000000000" }),
            TokenError::NoObjectId,
            "nobody's oid",
        ),
        (
            json!({ "oid": 7 }),
            TokenError::Malformed,
            "oid is a number",
        ),
        (
            json!({ "idp": 7 }),
            TokenError::Malformed,
            "idp is a number",
        ),
    ] {
        let token = key().token(&with(&good, changes));
        let error = verify(&provider, &token).await.expect_err(why);
        assert_eq!(error, expected, "{why}");
    }
}

#[tokio::test]
async fn the_nonce_is_checked_when_one_is_expected() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let good = claims(&stub);
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({ "nonce": "other" }), Err(TokenError::Nonce)),
        (json!({ "nonce": "" }), Err(TokenError::Nonce)),
        (json!({ "nonce": null }), Err(TokenError::Nonce)),
    ] {
        let token = key().token(&with(&good, changes.clone()));
        let result = verify_at(&provider, &token, Some("f7b1c0"), NOW).await;
        assert_eq!(result.map(|_| ()), expected, "{changes}");
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let payload = claims(&stub).to_string();
    let payload = payload.as_bytes();
    let signed = |header: Value| key().sign(&header, payload);
    let forged = |header: Value| forged_key().sign(&header, payload);
    let good = signed(json!({ "alg": "RS256", "kid": "key-1" }));
    let parts: Vec<&str> = good.split('.').collect();
    let altered = format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(claims(&stub).to_string().replace("mina", "eve")),
        parts[2]
    );
    for (token, expected, why) in [
        (unsigned("none", payload), TokenError::Algorithm, "alg none"),
        (unsigned("None", payload), TokenError::Malformed, "alg None"),
        (
            hs256(key().public_der(), payload),
            TokenError::Algorithm,
            "HS256, DER as secret",
        ),
        (
            hs256(key().jwk()["n"].as_str().unwrap().as_bytes(), payload),
            TokenError::Algorithm,
            "HS256, modulus as secret",
        ),
        (
            hs256(b"", payload),
            TokenError::Algorithm,
            "HS256, no secret",
        ),
        (
            signed(json!({ "alg": "RS512", "kid": "key-1" })),
            TokenError::Algorithm,
            "RS512",
        ),
        (
            signed(json!({ "alg": "PS256", "kid": "key-1" })),
            TokenError::Algorithm,
            "PS256",
        ),
        (
            signed(json!({ "alg": "ES256", "kid": "key-1" })),
            TokenError::Algorithm,
            "ES256",
        ),
        (
            signed(json!({ "alg": "A128GCM", "kid": "key-1" })),
            TokenError::Algorithm,
            "JWE",
        ),
        (
            signed(json!({ "alg": "rs256", "kid": "key-1" })),
            TokenError::Malformed,
            "case",
        ),
        (
            signed(json!({ "kid": "key-1" })),
            TokenError::Malformed,
            "no alg",
        ),
        (
            forged(json!({ "alg": "RS256", "kid": "key-1" })),
            TokenError::Signature,
            "wrong key",
        ),
        (
            forged(json!({ "alg": "RS256" })),
            TokenError::Signature,
            "wrong key, no kid",
        ),
        (
            forged(json!({ "alg": "RS256", "kid": "key-9" })),
            TokenError::UnknownKey,
            "kid",
        ),
        (
            forged(json!({ "alg": "RS256", "kid": "../../key-1' OR 1=1" })),
            TokenError::UnknownKey,
            "a kid that is a path and SQL",
        ),
        (
            forged(json!({ "alg": "RS256", "kid": "key-1", "jwk": forged_key().jwk() })),
            TokenError::Signature,
            "a key in the header",
        ),
        (
            forged(json!({
                "alg": "RS256", "kid": "key-1",
                "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert",
            })),
            TokenError::Signature,
            "an address of keys in the header",
        ),
        (
            signed(json!({ "alg": "RS256", "kid": "key-1", "crit": ["exp"] })),
            TokenError::Header,
            "a critical header",
        ),
        (
            signed(json!({ "alg": "RS256", "kid": "key-1", "cty": "JWT" })),
            TokenError::Header,
            "a nested token",
        ),
        (
            signed(json!({ "alg": "RS256", "kid": "key-1", "typ": "at+jwt" })),
            TokenError::Header,
            "an access token",
        ),
        (altered, TokenError::Signature, "another payload"),
        (
            format!("{}.{}.", parts[0], parts[1]),
            TokenError::Signature,
            "no signature",
        ),
        (
            format!("{}.{}", parts[0], parts[1]),
            TokenError::Malformed,
            "two parts",
        ),
        (format!("{good}.x"), TokenError::Malformed, "four parts"),
        (String::new(), TokenError::Malformed, "nothing"),
        ("...".to_owned(), TokenError::Malformed, "dots"),
        (
            key().sign(&json!({ "alg": "RS256" }), b"[]"),
            TokenError::Malformed,
            "no object",
        ),
        (
            key().sign(&json!({ "alg": "RS256" }), b"\xFF"),
            TokenError::Malformed,
            "no UTF-8",
        ),
    ] {
        let error = verify(&provider, &token).await.expect_err(why);
        assert_eq!(error, expected, "{why}");
    }
    assert!(verify(&provider, &good).await.is_ok());
}

fn unsigned(alg: &str, payload: &[u8]) -> String {
    let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
    format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    )
}

fn hs256(secret: &[u8], payload: &[u8]) -> String {
    let header = json!({ "alg": "HS256", "kid": "key-1", "typ": "JWT" }).to_string();
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn a_claim_that_is_there_twice_makes_a_token_unreadable() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let good = claims(&stub).to_string();
    for (twice, why) in [
        (r#""oid":"a3f09c1b-7d6e-4c58-b2e1-905f4d7a6c33","#, "oid"),
        (r#""emails":["eve@mail.example"],"#, "emails"),
        (r#""aud":"x","#, "aud"),
        (r#""sub":"x","#, "sub"),
        (r#""tfp":"B2C_1_other","#, "tfp"),
    ] {
        let payload = good.replacen('{', &format!("{{{twice}"), 1);
        let token = key().sign(&json!({ "alg": "RS256" }), payload.as_bytes());
        let error = verify(&provider, &token).await.expect_err(why);
        assert_eq!(error, TokenError::Malformed, "{why}");
    }
}

/// Lets the clock run on without waiting.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn with_kid(stub: &StubTenant, kid: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": kid });
    key().sign(&header, claims(stub).to_string().as_bytes())
}

#[tokio::test]
async fn a_thousand_invented_keys_cost_the_tenant_one_request() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    provider.preload().await;
    assert_eq!(stub.count("/keys").await, 1);
    later(61).await;
    for n in 0..1000 {
        let token = with_kid(&stub, &format!("invented-{n}"));
        assert_eq!(
            verify(&provider, &token).await.map(|_| ()),
            Err(TokenError::UnknownKey)
        );
    }
    assert_eq!(stub.count("/keys").await, 2);
    // The limit is on asking, not on those whose key is known.
    let token = key().token(&claims(&stub));
    assert!(verify(&provider, &token).await.is_ok());
    assert_eq!(stub.count("/keys").await, 2);
}

#[tokio::test]
async fn many_at_once_fetch_the_first_keys_once() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let token = key().token(&claims(&stub));
    let all = (0..50).map(|_| verify(&provider, &token));
    let results = futures_util::future::join_all(all).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(stub.count("/keys").await, 1);
    assert_eq!(stub.count("/openid-configuration").await, 1);
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let old = key().token(&claims(&stub));
    let new = next_key().token(&claims(&stub));
    assert!(verify(&provider, &old).await.is_ok());
    publish_anew(&stub, &[key(), next_key()]).await;
    // The tenant was asked just now.
    assert_eq!(
        verify(&provider, &new).await.map(|_| ()),
        Err(TokenError::UnknownKey)
    );
    later(61).await;
    assert!(verify(&provider, &new).await.is_ok());
    assert!(verify(&provider, &old).await.is_ok());
    // A key that is withdrawn is believed until the keys are fetched again.
    publish_anew(&stub, &[next_key()]).await;
    assert!(verify(&provider, &old).await.is_ok());
    later(61 * 60).await;
    assert!(verify(&provider, &new).await.is_ok());
    assert!(eventually(async || verify(&provider, &old).await.is_err()).await);
}

#[tokio::test]
async fn keys_are_fetched_again_when_they_are_old_though_nobody_signs_in() {
    let stub = StubTenant::start().await;
    stub.publish_metadata_of("B2C_1_idle", stub.metadata())
        .await;
    let tenant = Tenant {
        policies: vec![POLICY.to_owned(), "B2C_1_idle".to_owned()],
        ..Tenant::clone(&tenant(&stub))
    };
    let provider = Provider::new(Arc::new(tenant), settings(&stub), http_client().unwrap());
    provider.preload().await;
    provider.preload().await;
    assert_eq!(stub.count("/keys").await, 2, "one for each policy");
    later(61 * 60).await;
    for _ in 0..3 {
        provider.preload().await;
        later(61).await;
    }
    assert_eq!(stub.count("/keys").await, 4, "each of them once more");
    assert!(provider.keys_age().unwrap() < Duration::from_secs(10 * 60));
}

/// Policies share keys, and the keys of one that nobody uses are never fetched
/// again.
#[tokio::test]
async fn a_withdrawn_key_is_not_believed_for_the_sake_of_an_idle_policy() {
    let stub = StubTenant::start().await;
    stub.publish_metadata_of("B2C_1_idle", stub.metadata())
        .await;
    let tenant = Tenant {
        policies: vec![POLICY.to_owned(), "B2C_1_idle".to_owned()],
        ..Tenant::clone(&tenant(&stub))
    };
    let provider = Provider::new(Arc::new(tenant), settings(&stub), http_client().unwrap());
    provider.preload().await;
    let withdrawn = key().token(&claims(&stub));
    assert!(verify(&provider, &withdrawn).await.is_ok());
    publish_anew(&stub, &[next_key()]).await;
    later(61 * 60).await;
    let new = next_key().token(&claims(&stub));
    assert!(verify(&provider, &new).await.is_ok());
    let refused = async || verify(&provider, &withdrawn).await.is_err();
    assert!(eventually(refused).await);
}

async fn publish_anew(stub: &StubTenant, keys: &[&Key]) {
    stub.server.reset().await;
    stub.publish_metadata(stub.metadata()).await;
    stub.publish_keys(keys).await;
}

async fn eventually(condition: impl AsyncFn() -> bool) -> bool {
    for _ in 0..200 {
        if condition().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn the_last_good_keys_and_metadata_serve_while_the_tenant_is_away() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    provider.preload().await;
    stub.fail().await;
    let known = key().token(&claims(&stub));
    for _ in 0..3 {
        later(61 * 60).await;
        assert!(verify(&provider, &known).await.is_ok());
        assert!(provider.metadata(POLICY).await.is_ok());
    }
    // Whether an unknown key is the tenant's cannot be told meanwhile.
    later(61).await;
    let unknown = next_key().token(&claims(&stub));
    assert_eq!(
        verify(&provider, &unknown).await.map(|_| ()),
        Err(TokenError::KeysUnavailable)
    );
    stub.publish().await;
    later(61).await;
    assert_eq!(
        verify(&provider, &unknown).await.map(|_| ()),
        Err(TokenError::UnknownKey)
    );
}

#[tokio::test]
async fn a_broken_key_set_does_not_take_the_place_of_a_good_one() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    provider.preload().await;
    for answer in [
        ResponseTemplate::new(200).set_body_json(json!({ "keys": [] })),
        ResponseTemplate::new(200).set_body_raw("<html>GLOBALEX</html>", "text/html"),
        ResponseTemplate::new(200).set_body_raw(vec![b' '; 300 * 1024], "application/json"),
        ResponseTemplate::new(302).insert_header("location", "https://evil.example/keys"),
    ] {
        stub.server.reset().await;
        stub.publish_metadata(stub.metadata()).await;
        stub.answer_keys(answer).await;
        later(61 * 60).await;
        assert_eq!(
            verify(&provider, &next_key().token(&claims(&stub)))
                .await
                .map(|_| ()),
            Err(TokenError::KeysUnavailable)
        );
        assert!(
            verify(&provider, &key().token(&claims(&stub)))
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn a_tenant_that_is_away_at_the_start_is_found_soon_after_it_is_back() {
    let stub = StubTenant::start().await;
    stub.fail().await;
    let provider = provider(&stub);
    provider.preload().await;
    assert_eq!(provider.keys_age(), None);
    let token = key().token(&claims(&stub));
    assert_eq!(
        verify(&provider, &token).await.map(|_| ()),
        Err(TokenError::KeysUnavailable)
    );
    stub.publish().await;
    later(6).await;
    assert!(verify(&provider, &token).await.is_ok());
    assert!(provider.keys_age().is_some());
}

#[tokio::test]
async fn keys_survive_a_reload_that_does_not_concern_them() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    provider.preload().await;
    let tenant = Tenant {
        policies: vec![POLICY.to_owned(), "B2C_1_more".to_owned()],
        ..Tenant::clone(provider.tenant())
    };
    let renewed = provider.renewed(Arc::new(tenant.clone()), settings(&stub));
    assert!(renewed.keys_age().is_some());
    let moved = Tenant {
        issuer: Issuer::new("https://elsewhere.example/v2.0/"),
        ..tenant
    };
    let renewed = provider.renewed(Arc::new(moved), settings(&stub));
    assert_eq!(renewed.keys_age(), None);
}

#[tokio::test]
async fn metadata_is_kept_whole_and_believed_only_from_the_right_tenant() {
    let stub = StubTenant::start().await;
    let good = provider(&stub)
        .metadata(&POLICY.to_lowercase())
        .await
        .unwrap();
    let document: Value =
        serde_json::from_str(&serde_json::to_string(&good.document).unwrap()).unwrap();
    assert_eq!(document, stub.metadata());

    let unknown = provider(&stub).metadata("B2C_1_other").await;
    assert_eq!(unknown.err(), Some(ProviderError::UnknownPolicy));

    for (changes, expected) in [
        (
            json!({ "issuer": "https://evil.example/" }),
            ProviderError::ForeignIssuer,
        ),
        (
            json!({ "jwks_uri": "https://evil.example/keys" }),
            ProviderError::ForbiddenHost { member: "jwks_uri" },
        ),
        (
            json!({ "token_endpoint": "http://169.254.169.254/" }),
            ProviderError::ForbiddenHost {
                member: "token_endpoint",
            },
        ),
        (
            json!({ "token_endpoint": null }),
            ProviderError::Malformed {
                what: "metadata document",
                why: "an endpoint is missing",
            },
        ),
    ] {
        stub.server.reset().await;
        stub.publish_metadata(with(&stub.metadata(), changes)).await;
        let error = provider(&stub).metadata(POLICY).await.unwrap_err();
        assert_eq!(error, expected);
    }
}

fn form() -> Vec<(String, String)> {
    [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", "a+b/c=&d"),
        ("redirect_uri", "https://shop.example/cb?x=1"),
        ("code_verifier", "v~"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[tokio::test]
async fn a_code_is_redeemed_with_the_clients_own_credentials() {
    let stub = StubTenant::start().await;
    let answer = r#"{"not_before":"1767225600","expires_in":"3600","x":1.50,"id_token":"a.b.c"}"#;
    stub.answer_token(
        ResponseTemplate::new(200).set_body_raw(answer, "application/json; charset=utf-8"),
    )
    .await;
    let provider = provider(&stub);
    let authorization: &[u8] = b"Basic Y2xpZW50OnM6M2NyZXQ=";
    let reply = provider
        .redeem(POLICY, Some(authorization), &form())
        .await
        .unwrap();
    let TokenReply::Granted(members) = reply else {
        panic!("not granted: {reply:?}");
    };
    assert_eq!(serde_json::to_string(&members).unwrap(), answer);
    assert_eq!(members.text("id_token").as_deref(), Some("a.b.c"));
    assert!(!format!("{members:?}").contains("a.b.c"));

    let requests = stub.server.received_requests().await.unwrap();
    let sent = requests.last().unwrap();
    assert_eq!(sent.headers["authorization"].as_bytes(), authorization);
    assert_eq!(
        sent.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    let received: Vec<(String, String)> = url::form_urlencoded::parse(&sent.body)
        .into_owned()
        .collect();
    assert_eq!(received, form());
}

#[tokio::test]
async fn what_the_token_endpoint_answers_is_told_apart() {
    let stub = StubTenant::start().await;
    let provider = provider(&stub);
    let json = "application/json";
    let error = r#"{"error":"invalid_grant","error_description":"AADB2C90088: The…\r\n"}"#;
    for (answer, expected) in [
        (
            ResponseTemplate::new(200).set_body_raw("{}", json),
            "granted",
        ),
        (
            ResponseTemplate::new(400).set_body_raw(error, json),
            "refused 400",
        ),
        (
            ResponseTemplate::new(401).set_body_raw(error, json),
            "refused 401",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("<html>GLOBALEX</html>", "text/html"),
            "the tenant's token answer is not usable: it is not JSON, although the status is 200",
        ),
        (
            ResponseTemplate::new(200).set_body_raw("[]", json),
            "the tenant's token answer is not usable: it is no object",
        ),
        (
            ResponseTemplate::new(200).set_body_raw(r#"{"id_token":1}"#, json),
            "the tenant's token answer is not usable: its ID token is no text",
        ),
        (
            ResponseTemplate::new(200).set_body_raw(vec![b' '; 300 * 1024], json),
            "the tenant's answer is not usable: it is larger than 256 KiB",
        ),
        (
            ResponseTemplate::new(302).insert_header("location", "https://evil.example/"),
            "the tenant answered with status 302",
        ),
        (
            ResponseTemplate::new(500),
            "the tenant answered with status 500",
        ),
    ] {
        stub.server.reset().await;
        stub.publish().await;
        stub.answer_token(answer).await;
        let told = match provider.redeem(POLICY, None, &form()).await {
            Ok(TokenReply::Granted(_)) => "granted".to_owned(),
            Ok(TokenReply::Refused(refusal)) => {
                assert_eq!(refusal.body, error.as_bytes());
                assert_eq!(
                    refusal.headers,
                    [("content-type", json.as_bytes().to_vec())]
                );
                format!("refused {}", refusal.status)
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn a_tenant_that_cannot_be_reached_is_named_so() {
    let stub = StubTenant::start().await;
    let settings = ProviderSettings {
        metadata_url: "http://127.0.0.1:1/{policy}".to_owned(),
        ..settings(&stub)
    };
    let provider = Provider::new(tenant(&stub), settings, http_client().unwrap());
    let error = provider.metadata(POLICY).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::Unreachable { .. }),
        "{error}"
    );
}
