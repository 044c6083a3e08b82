//! Events as External ID tells them. What is on the wire is written out by
//! hand from contracts.md §4.2.

use idlink::emulator::{
    CallerToken, DEFAULT_AUDIENCE, EntraIssuer, EventKind, EventOutcome, ExtensionEvent,
    FederatedIdentity, Shape, TokenKind, TokenVersion,
};

use super::*;

const TENANT: &str = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
const CALLER: &str = "99045fe1-7639-4a75-9d4a-577b6ca3810f";
const CORRELATION: &str = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";
const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
const LISTENER: &str = "1d9f6a6b-2f62-4a63-92d4-6a2f1ef0c9d1";
const EXTENSION: &str = "8e0c4b7d-65a7-4b19-8a05-5e9e2a4b73f0";

fn go_on() -> Value {
    answer(
        "onAttributeCollectionSubmitResponseData",
        json!({ "@odata.type":
            "microsoft.graph.attributeCollectionSubmit.continueWithDefaultBehavior" }),
    )
}

fn answer(data: &str, action: Value) -> Value {
    json!({ "data": {
        "@odata.type": format!("microsoft.graph.{data}"),
        "actions": [action],
    } })
}

async fn extension(reply: ResponseTemplate) -> MockServer {
    let extension = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(reply)
        .mount(&extension)
        .await;
    extension
}

async fn answering(body: Value) -> MockServer {
    extension(ResponseTemplate::new(200).set_body_json(body)).await
}

fn event(kind: EventKind, extension: &MockServer) -> ExtensionEvent {
    ExtensionEvent {
        event: kind,
        target_url: format!("{}/hook", extension.uri()),
        client_id: WEB.to_owned(),
        client_name: "Aurora portal".to_owned(),
        email: Some("jonas@post.example".to_owned()),
        correlation_id: Some(CORRELATION.parse().unwrap()),
        listener_id: Some(LISTENER.parse().unwrap()),
        extension_id: Some(EXTENSION.parse().unwrap()),
        // The machine that runs the tests may be busy.
        time_limit_ms: 2_000,
        maximum_retries: 0,
        ..ExtensionEvent::default()
    }
}

/// The body of the only request, without the ids of the service principals.
async fn body(extension: &MockServer) -> Value {
    let requests = extension.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].method.as_str(), "POST");
    assert_eq!(requests[0].headers["content-type"], "application/json");
    let mut body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    for name in ["clientServicePrincipal", "resourceServicePrincipal"] {
        let principal = body["data"]["authenticationContext"][name]
            .as_object_mut()
            .unwrap();
        let id = principal.remove("id").unwrap();
        uuid::Uuid::parse_str(id.as_str().unwrap()).unwrap();
    }
    body
}

fn attribute(value: Value, kind: &str, origin: &str) -> Value {
    json!({
        "value": value,
        "@odata.type": format!("microsoft.graph.{kind}DirectoryAttributeValue"),
        "attributeType": origin,
    })
}

fn context() -> Value {
    json!({
        "correlationId": CORRELATION,
        "client": { "ip": "2001:db8::42", "locale": "en-us", "market": "en-us" },
        "protocol": "OAUTH2.0",
        "clientServicePrincipal": {
            "appId": WEB, "appDisplayName": "Aurora portal", "displayName": "Aurora portal",
        },
        "resourceServicePrincipal": {
            "appId": "00000003-0000-0000-c000-000000000000",
            "appDisplayName": "Microsoft Graph", "displayName": "Microsoft Graph",
        },
    })
}

fn envelope(suffix: &str, source: &str, data_type: &str, rest: Value) -> Value {
    let mut data = json!({
        "@odata.type": format!("microsoft.graph.{data_type}"),
        "tenantId": TENANT,
        "authenticationEventListenerId": LISTENER,
        "customAuthenticationExtensionId": EXTENSION,
    });
    data.as_object_mut()
        .unwrap()
        .extend(rest.as_object().unwrap().clone());
    json!({
        "type": format!("microsoft.graph.authenticationEvent.{suffix}"),
        "source": format!("/tenants/{TENANT}/applications/{source}"),
        "data": data,
    })
}

const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

#[tokio::test]
async fn the_start_is_told_as_documented_and_as_captured() {
    let tenant = alone().await;
    for (shape, name, identity) in [
        (
            Shape::Docs,
            "email",
            json!({ "signInType": "email", "issuer": "contoso.onmicrosoft.com",
                "issuerAssignedId": "jonas@post.example" }),
        ),
        (
            Shape::Capture,
            "EmailAddress",
            json!({ "signInType": "federated", "issuer": "mail",
                "issuerAssignedId": "jonas@post.example" }),
        ),
    ] {
        let extension = answering(json!({})).await;
        let event = ExtensionEvent {
            shape,
            ..event(EventKind::AttributeCollectionStart, &extension)
        };
        tenant.raise_event(&event).await.unwrap();
        let expected = envelope(
            "attributeCollectionStart",
            GRAPH,
            "onAttributeCollectionStartCalloutData",
            json!({
                "userSignUpInfo": {
                    "attributes": {
                        name: attribute(json!("jonas@post.example"), "string", "builtIn"),
                    },
                    "identities": [identity],
                },
                "authenticationContext": context(),
            }),
        );
        assert_eq!(body(&extension).await, expected);
        let requests = extension.received_requests().await.unwrap();
        let text = String::from_utf8(requests[0].body.clone()).unwrap();
        let is_first = text.find("userSignUpInfo") < text.find("tenantId");
        assert_eq!(is_first, shape == Shape::Capture, "{text}");
    }
}

#[tokio::test]
async fn the_submit_carries_the_form_and_in_captures_no_identity() {
    let tenant = alone().await;
    let points = format!("extension_{APP_ID}_Points");
    let terms = format!("extension_{APP_ID}_AcceptedTerms");
    for shape in [Shape::Docs, Shape::Capture] {
        let extension = answering(go_on()).await;
        let form = json!({
            "displayName": "Jonas Weber", "extension_Points": 120,
            terms.as_str(): true,
        });
        let event = ExtensionEvent {
            shape,
            attributes: form.as_object().unwrap().clone(),
            ..event(EventKind::AttributeCollectionSubmit, &extension)
        };
        let report = tenant.raise_event(&event).await.unwrap();
        assert_eq!(report.outcome, EventOutcome::Continue);
        let custom = "directorySchemaExtension";
        let mut info = json!({ "attributes": {
            "email": attribute(json!("jonas@post.example"), "string", "builtIn"),
            "displayName": attribute(json!("Jonas Weber"), "string", "builtIn"),
            points.as_str(): attribute(json!(120), "int64", custom),
            terms.as_str(): attribute(json!(true), "boolean", custom),
        } });
        if shape == Shape::Docs {
            info["identities"] = json!([{ "signInType": "email",
                "issuer": "contoso.onmicrosoft.com", "issuerAssignedId": "jonas@post.example" }]);
        }
        let expected = envelope(
            "attributeCollectionSubmit",
            GRAPH,
            "onAttributeCollectionSubmitCalloutData",
            json!({ "userSignUpInfo": info, "authenticationContext": context() }),
        );
        assert_eq!(body(&extension).await, expected);
    }
}

#[tokio::test]
async fn a_federated_person_keeps_the_providers_identity() {
    let tenant = alone().await;
    for shape in [Shape::Docs, Shape::Capture] {
        let extension = answering(json!({})).await;
        let event = ExtensionEvent {
            shape,
            federated: Some(FederatedIdentity {
                issuer: "google.com".to_owned(),
                subject: "104477002981".to_owned(),
            }),
            ..event(EventKind::AttributeCollectionStart, &extension)
        };
        tenant.raise_event(&event).await.unwrap();
        let expected = json!([{ "signInType": "federated", "issuer": "google.com",
            "issuerAssignedId": "104477002981" }]);
        let body = body(&extension).await;
        assert_eq!(body["data"]["userSignUpInfo"]["identities"], expected);
    }
}

#[tokio::test]
async fn a_token_event_tells_of_the_user_and_nothing_of_the_sign_up() {
    let tenant = alone().await;
    let google = FederatedIdentity {
        issuer: "google.com".to_owned(),
        subject: "104477002981".to_owned(),
    };
    let principal = format!("{OBJECT_ID}@contoso.onmicrosoft.com");
    for (shape, federated, addresses) in [
        (
            Shape::Docs,
            None,
            json!({ "mail": "jonas@post.example", "userPrincipalName": principal }),
        ),
        (
            Shape::Capture,
            None,
            json!({ "userPrincipalName": principal }),
        ),
        (
            Shape::Capture,
            Some(google),
            json!({ "mail": "jonas@post.example" }),
        ),
    ] {
        let extension = answering(answer(
            "onTokenIssuanceStartResponseData",
            json!({
                "@odata.type": "microsoft.graph.tokenIssuanceStart.provideClaimsForToken",
                "claims": { "customerId": "C000017", "customerLink": "linked", "Tier": "x" },
            }),
        ))
        .await;
        let names = json!({ "displayName": "Jonas Weber" });
        let event = ExtensionEvent {
            shape,
            federated,
            attributes: names.as_object().unwrap().clone(),
            object_id: Some(OBJECT_ID.parse().unwrap()),
            claims_for_token: Some(vec!["customerId".to_owned(), "customerLink".to_owned()]),
            ..event(EventKind::TokenIssuanceStart, &extension)
        };
        let report = tenant.raise_event(&event).await.unwrap();
        let expected = json!({ "customerId": "C000017", "customerLink": "linked" });
        let claims = expected.as_object().unwrap().clone();
        assert_eq!(report.outcome, EventOutcome::Claims { claims });
        assert_eq!(report.warnings.len(), 1);
        let mut user =
            json!({ "id": OBJECT_ID, "displayName": "Jonas Weber", "userType": "Member" });
        user.as_object_mut()
            .unwrap()
            .extend(addresses.as_object().unwrap().clone());
        let mut context = context();
        context["user"] = user;
        context["resourceServicePrincipal"] = context["clientServicePrincipal"].clone();
        let expected = envelope(
            "tokenIssuanceStart",
            WEB,
            "onTokenIssuanceStartCalloutData",
            json!({ "authenticationContext": context }),
        );
        assert_eq!(body(&extension).await, expected);
    }
}

#[tokio::test]
async fn a_one_time_code_is_told_and_microsoft_can_step_in() {
    let tenant = alone().await;
    let sent = answering(answer(
        "OnOtpSendResponseData",
        json!({ "@odata.type": "microsoft.graph.OtpSend.continueWithDefaultBehavior" }),
    ))
    .await;
    let otp = |extension: &MockServer, fallback_on_error| ExtensionEvent {
        one_time_code: Some("84120657".to_owned()),
        fallback_on_error,
        ..event(EventKind::EmailOtpSend, extension)
    };
    let report = tenant.raise_event(&otp(&sent, true)).await.unwrap();
    assert_eq!(report.outcome, EventOutcome::Continue);
    let mut context = context();
    context["requestType"] = json!("signUp");
    context["client"]["ip"] = json!("0.0.0.0");
    let expected = envelope(
        "emailOtpSend",
        GRAPH,
        "onOtpSendCalloutData",
        json!({
            "otpContext": { "identifier": "jonas@post.example", "oneTimeCode": "84120657" },
            "authenticationContext": context,
        }),
    );
    assert_eq!(body(&sent).await, expected);
    let down = extension(ResponseTemplate::new(500)).await;
    let report = tenant.raise_event(&otp(&down, true)).await.unwrap();
    assert_eq!(report.outcome, EventOutcome::SentByMicrosoft);
    assert_eq!(report.error_code, Some("1003002"));
    let report = tenant.raise_event(&otp(&down, false)).await.unwrap();
    assert_eq!(
        report.outcome,
        EventOutcome::Failed {
            application_error: "AADSTS1100001",
            error_name: "InvalidHTTPStatus",
        }
    );
}

// ------------------------------------------------------------- who is calling

/// Verified as anybody would from the keys of an issuer.
async fn is_signed_by(jwks_url: &str, token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let header = decoded(parts[0]);
    let keys = get_json(jwks_url).await;
    let keys = keys["keys"].as_array().unwrap();
    let Some(key) = keys.iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = PublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    let message = format!("{}.{}", parts[0], parts[1]);
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    header["alg"] == "RS256"
        && key
            .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
            .is_ok()
}

#[tokio::test]
async fn three_issuers_have_metadata_keys_and_tokens() {
    let tenant = alone().await;
    let entra = format!("{}/entra", tenant.base_url());
    for (issuer, host) in [
        (
            EntraIssuer::Workforce,
            "login.microsoftonline.com".to_owned(),
        ),
        (
            EntraIssuer::ExternalDomain,
            "contoso.ciamlogin.com".to_owned(),
        ),
        (EntraIssuer::ExternalId, format!("{TENANT}.ciamlogin.com")),
    ] {
        let authority = format!("{entra}/{host}/{TENANT}");
        for (version, iss, prefix, party, acr, ver) in [
            (
                TokenVersion::V2,
                format!("{authority}/v2.0"),
                "/v2.0",
                "azp",
                "azpacr",
                "2.0",
            ),
            (
                TokenVersion::V1,
                format!("{entra}/sts.windows.net/{TENANT}/"),
                "",
                "appid",
                "appidacr",
                "1.0",
            ),
        ] {
            assert_eq!(tenant.entra_issuer(issuer, version), iss);
            let metadata = format!("{authority}{prefix}/.well-known/openid-configuration");
            let metadata = get_json(&metadata).await;
            assert_eq!(metadata["issuer"], iss.as_str());
            let jwks = metadata["jwks_uri"].as_str().unwrap();
            let token = CallerToken {
                issuer,
                version,
                ..CallerToken::default()
            };
            let token = tenant.entra_token(&token).await.unwrap().unwrap();
            assert!(is_signed_by(jwks, &token).await, "{jwks}");
            assert!(is_signed_by(&tenant.entra_jwks_url(issuer), &token).await);
            let claims = claims(&token);
            let expected = json!({
                "aud": DEFAULT_AUDIENCE, "iss": iss, "tid": TENANT, "ver": ver,
                party: CALLER, acr: "2",
                "iat": claims["iat"], "nbf": claims["iat"],
                "exp": claims["iat"].as_i64().unwrap() + 3_900,
                "oid": claims["oid"], "sub": claims["oid"],
            });
            assert_eq!(claims, expected);
        }
    }
    let [workforce, external] = [EntraIssuer::Workforce, EntraIssuer::ExternalId]
        .map(|issuer| get_json_of(tenant.entra_jwks_url(issuer)));
    assert_ne!(workforce.await["keys"], external.await["keys"]);
    for wrong in [
        format!("{entra}/other.ciamlogin.com/{TENANT}/discovery/v2.0/keys"),
        format!("{entra}/contoso.ciamlogin.com/{OBJECT_ID}/discovery/v2.0/keys"),
    ] {
        assert_eq!(http().get(wrong).send().await.unwrap().status(), 404);
    }
}

async fn get_json_of(url: String) -> Value {
    get_json(&url).await
}

#[tokio::test]
async fn the_caller_shows_its_token() {
    let tenant = alone().await;
    let extension = answering(go_on()).await;
    let event = event(EventKind::AttributeCollectionSubmit, &extension);
    tenant.raise_event(&event).await.unwrap();
    let requests = extension.received_requests().await.unwrap();
    let header = requests[0].headers["authorization"].to_str().unwrap();
    let token = header.strip_prefix("Bearer ").unwrap();
    assert!(is_signed_by(&tenant.entra_jwks_url(EntraIssuer::ExternalId), token).await);
    assert_eq!(claims(token)["azp"], CALLER);
}

#[tokio::test]
async fn each_bad_token_is_bad_in_its_own_way() {
    let tenant = alone().await;
    let jwks = tenant.entra_jwks_url(EntraIssuer::ExternalId);
    let made = |kind: TokenKind| {
        let (tenant, jwks) = (&tenant, &jwks);
        async move {
            let token = tenant.entra_token(&kind.into()).await.unwrap().unwrap();
            let (head, body) = token.split_once('.').unwrap();
            let body = claims(&format!("{head}.{body}"));
            (decoded(head), body, is_signed_by(jwks, &token).await)
        }
    };
    let ours = tenant.entra_issuer(EntraIssuer::ExternalId, TokenVersion::V2);
    let (good, good_claims, _) = made(TokenKind::Good).await;
    for kind in TokenKind::BAD {
        if matches!(kind, TokenKind::Garbage | TokenKind::NoBearer) {
            continue;
        }
        let (header, claims, is_signed) = made(kind).await;
        let is_as_it_should = match kind {
            TokenKind::Good | TokenKind::Garbage | TokenKind::NoBearer => false,
            TokenKind::WrongAzp => is_signed && claims["azp"] != CALLER,
            TokenKind::NoAzp => is_signed && claims["azp"].is_null(),
            TokenKind::WrongAud => is_signed && claims["aud"] != DEFAULT_AUDIENCE,
            TokenKind::Expired => is_signed && claims["exp"].as_i64().unwrap() < now() - 3_000,
            TokenKind::NotYetValid => is_signed && claims["nbf"].as_i64().unwrap() > now() + 3_000,
            TokenKind::NoExpiry => is_signed && claims["exp"].is_null(),
            TokenKind::AlgNone => header["alg"] == "none",
            TokenKind::Hs256PublicKey => header["alg"] == "HS256",
            TokenKind::UnknownKid => header["kid"] != good["kid"],
            TokenKind::ForeignKey | TokenKind::BadSignature => {
                header == good && !is_signed && claims["iss"] == good_claims["iss"]
            }
            TokenKind::OtherTenant => {
                is_signed && claims["tid"] != TENANT && claims["iss"] != ours.as_str()
            }
            TokenKind::OtherTid => {
                is_signed && claims["tid"] != TENANT && claims["iss"] == ours.as_str()
            }
            TokenKind::WrongIssuer => {
                is_signed && claims["tid"] == TENANT && claims["iss"] != ours.as_str()
            }
        };
        assert!(is_as_it_should, "{kind:?}: {header} {claims}");
    }
    let extension = answering(go_on()).await;
    for (kind, expected) in [
        (TokenKind::NoBearer, None),
        (TokenKind::Garbage, Some("Bearer not.a.token")),
    ] {
        extension.reset().await;
        let event = ExtensionEvent {
            token: kind.into(),
            ..event(EventKind::AttributeCollectionSubmit, &extension)
        };
        tenant.raise_event(&event).await.unwrap();
        let requests = extension.received_requests().await.unwrap();
        let sent = requests[0].headers.get("authorization");
        assert_eq!(sent.map(|value| value.to_str().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_token_can_be_scripted() {
    let tenant = alone().await;
    let method = reqwest::Method::POST;
    let script = json!({
        "kind": "good", "issuer": "workforce", "version": "v1", "audience": "api://x.example/1",
        "claims": { "roles": ["a"] }, "remove": ["oid"],
    });
    let (status, body) = control(&tenant, method.clone(), "entra-tokens", script).await;
    assert_eq!(status, 200, "{body}");
    let claims = claims(body["token"].as_str().unwrap());
    assert_eq!(claims["aud"], "api://x.example/1");
    assert_eq!(claims["roles"], json!(["a"]));
    assert!(claims["oid"].is_null());
    let script = json!({ "kind": "no-bearer" });
    let (_, body) = control(&tenant, method, "entra-tokens", script).await;
    assert_eq!(body, json!({ "token": null }));
}

#[tokio::test]
async fn entra_keys_rotate_and_their_endpoints_can_fail() {
    let tenant = alone().await;
    let url = tenant.entra_jwks_url(EntraIssuer::ExternalId);
    let kids = async || {
        let jwks = get_json(&url).await;
        let keys = jwks["keys"].as_array().unwrap();
        let kids = keys
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let before = kids().await;
    let rotate = "entra-keys/rotate";
    let method = reqwest::Method::POST;
    control(&tenant, method.clone(), rotate, json!({})).await;
    let both = kids().await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], before[0]);
    control(&tenant, method, rotate, json!({ "keep_old": false })).await;
    let new = kids().await;
    assert!(new.len() == 1 && !both.contains(&new[0]));
    let token = CallerToken::default();
    let token = tenant.entra_token(&token).await.unwrap().unwrap();
    assert!(is_signed_by(&url, &token).await);
    let down = json!({ "mode": "down" });
    let faults = json!({ "entra_jwks": down, "entra_metadata": down });
    put(&tenant, "faults", faults).await;
    let issuer = tenant.entra_issuer(EntraIssuer::ExternalId, TokenVersion::V2);
    for url in [url, format!("{issuer}/.well-known/openid-configuration")] {
        assert_eq!(http().get(url).send().await.unwrap().status(), 503);
    }
}

// ------------------------------------------------------------------- failures

#[tokio::test]
async fn a_slow_extension_is_called_as_often_as_configured() {
    let tenant = alone().await;
    for maximum_retries in [0, 1] {
        let slow = ResponseTemplate::new(200).set_body_json(go_on());
        let extension = extension(slow.set_delay(Duration::from_secs(5))).await;
        let event = ExtensionEvent {
            time_limit_ms: 300,
            maximum_retries,
            ..event(EventKind::AttributeCollectionSubmit, &extension)
        };
        let report = tenant.raise_event(&event).await.unwrap();
        assert_eq!(report.error_code, Some("1003005"));
        assert_eq!(report.number_of_attempts, maximum_retries + 1);
        let requests = extension.received_requests().await.unwrap();
        let first = &requests[0];
        for request in &requests {
            assert_eq!(request.body, first.body);
            let authorization = &request.headers["authorization"];
            assert_eq!(authorization, &first.headers["authorization"]);
        }
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target_url = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let event = ExtensionEvent {
        target_url,
        ..ExtensionEvent::default()
    };
    let report = tenant.raise_event(&event).await.unwrap();
    assert_eq!(report.error_code, Some("1003027"));
    assert_eq!(report.number_of_attempts, 2);
}

#[tokio::test]
async fn an_event_is_raised_and_remembered_over_http() {
    let tenant = alone().await;
    let extension = answering(answer(
        "onAttributeCollectionSubmitResponseData",
        json!({
            "@odata.type": "microsoft.graph.attributeCollectionSubmit.showValidationError",
            "message": "Please correct.",
            "attributeErrors": { "displayName": "Short.", "Bare": "No." },
        }),
    ))
    .await;
    let event = json!({
        "event": "attributeCollectionSubmit",
        "target_url": format!("{}/hook", extension.uri()),
        "shape": "capture",
        "token": { "kind": "expired" },
        "email": "a@b.example",
        "attributes": { "displayName": "J" },
        "correlation_id": CORRELATION,
        "time_limit_ms": 2000,
        "maximum_retries": 0,
    });
    let method = reqwest::Method::POST;
    let path = "external-id-events";
    let (status, report) = control(&tenant, method.clone(), path, event).await;
    assert_eq!(status, 200, "{report}");
    let expected = json!({
        "outcome": "validation-error",
        "message": "Please correct.",
        "attributeErrors": { "displayName": "Short." },
        "correlationId": CORRELATION,
        "numberOfAttempts": 1,
        "status": 200,
        "errorCode": null,
        "detail": null,
        "warnings": ["the error of `Bare` was dropped: the form does not collect it"],
    });
    assert_eq!(report, expected);
    let entry = audit(&tenant).await.remove(0);
    assert_eq!(entry["dialect"], "external-id");
    assert_eq!(entry["step"], "attributeCollectionSubmit");
    assert_eq!(entry["correlationId"], CORRELATION);
    assert_eq!(entry["judgement"], "ValidationError");
    assert_eq!(entry["numberOfAttempts"], 1);
    let url = extension.uri();
    for wrong in [
        json!({ "target_url": "nowhere" }),
        json!({ "target_url": url, "time_limit_ms": 199 }),
        json!({ "target_url": url, "time_limit_ms": 2001 }),
        json!({ "target_url": url, "maximum_retries": 2 }),
        json!({ "target_url": url, "fallback_on_error": true }),
        json!({ "target_url": url, "event": "tokenIssuanceStart" }),
        json!({ "target_url": url, "event": "emailOtpSend" }),
        json!({ "target_url": url, "event": "passwordSubmit" }),
        json!({ "target_url": url, "attributes": { "displayName": null } }),
        json!({ "target_url": url, "token": { "kind": "stale" } }),
    ] {
        let (status, reply) = control(&tenant, method.clone(), path, wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}: {reply}");
    }
}
