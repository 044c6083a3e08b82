//! Calls as a custom policy places them. What is on the wire is written out
//! by hand.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use idlink::emulator::{
    ClientCertificate, OutputClaim, PolicyAuthentication, PolicyCall, PolicyOutcome, PolicyPlace,
    ScalarVariant, SendClaimsIn, UrlVariant,
};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use x509_parser::parse_x509_certificate;

use super::*;

const CORRELATION: &str = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";

async fn rest_service(reply: ResponseTemplate) -> MockServer {
    let service = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(reply)
        .mount(&service)
        .await;
    service
}

fn claims() -> serde_json::Map<String, Value> {
    let claims = json!({
        "email": "jonas+1@post.example",
        "givenName": "Jürgen & Co",
        "newUser": true,
        "age": 42,
        "surname": null,
    });
    claims.as_object().unwrap().clone()
}

fn to(service: &MockServer) -> PolicyCall {
    PolicyCall {
        service_url: format!("{}/check?code=7h3-key", service.uri()),
        claims: claims(),
        ..PolicyCall::default()
    }
}

async fn only(service: &MockServer) -> Request {
    let mut requests = service.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "customerId": "C000017" }))
}

fn conflict() -> ResponseTemplate {
    ResponseTemplate::new(409).set_body_json(json!({
        "version": "1.0.0", "status": 409, "code": "LN-4", "userMessage": "Nicht hier.",
    }))
}

#[tokio::test]
async fn claims_travel_where_the_profile_says() {
    let tenant = alone().await;
    let json =
        r#"{"age":42,"email":"jonas+1@post.example","givenName":"Jürgen & Co","newUser":true}"#;
    let texts =
        r#"{"age":"42","email":"jonas+1@post.example","givenName":"Jürgen & Co","newUser":"True"}"#;
    let form = "age=42&email=jonas%2B1%40post.example&givenName=J%C3%BCrgen+%26+Co&newUser=True";
    let json_type = Some("application/json");
    let form_type = Some("application/x-www-form-urlencoded");
    for (send_claims_in, scalars, method, content_type, body, query) in [
        (
            SendClaimsIn::Body,
            ScalarVariant::Native,
            "POST",
            json_type,
            json,
            "code=7h3-key".to_owned(),
        ),
        (
            SendClaimsIn::Body,
            ScalarVariant::String,
            "POST",
            json_type,
            texts,
            "code=7h3-key".to_owned(),
        ),
        (
            SendClaimsIn::Form,
            ScalarVariant::Native,
            "POST",
            form_type,
            form,
            "code=7h3-key".to_owned(),
        ),
        (
            SendClaimsIn::QueryString,
            ScalarVariant::Native,
            "GET",
            None,
            "",
            format!("code=7h3-key&{form}"),
        ),
    ] {
        let service = rest_service(ok()).await;
        let call = PolicyCall {
            send_claims_in,
            scalars,
            ..to(&service)
        };
        let report = tenant.call_as_policy(&call).await.unwrap();
        let expected = json!({ "customerId": "C000017" });
        let claims = expected.as_object().unwrap().clone();
        assert_eq!(report.outcome, PolicyOutcome::Continue { claims });
        let request = only(&service).await;
        assert_eq!(request.method.as_str(), method, "{send_claims_in:?}");
        let sent_type = request.headers.get("content-type");
        assert_eq!(sent_type.map(|v| v.to_str().unwrap()), content_type);
        assert_eq!(std::str::from_utf8(&request.body).unwrap(), body);
        assert_eq!(request.url.query(), Some(query.as_str()));
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn claims_travel_as_headers() {
    let tenant = alone().await;
    let service = rest_service(ok()).await;
    let mut call = PolicyCall {
        send_claims_in: SendClaimsIn::Header,
        ..to(&service)
    };
    let refused = tenant.call_as_policy(&call).await.unwrap_err();
    assert!(refused.to_string().contains("`givenName`"), "{refused}");
    call.claims.remove("givenName");
    tenant.call_as_policy(&call).await.unwrap();
    let request = only(&service).await;
    assert_eq!(request.method.as_str(), "GET");
    assert_eq!(request.headers["email"], "jonas+1@post.example");
    assert_eq!(request.headers["newuser"], "True");
    assert_eq!(request.headers["age"], "42");
    assert!(!request.headers.contains_key("surname"));
    assert!(request.body.is_empty());
}

#[tokio::test]
async fn claims_take_their_places_in_the_url() {
    let tenant = alone().await;
    for (url_values, given_name, expected) in [
        (
            UrlVariant::Escaped,
            "J & Co",
            "/check/J%20%26%20Co?mail=jonas%2B1%40post.example&none=",
        ),
        (
            UrlVariant::Raw,
            "Jonas",
            "/check/Jonas?mail=jonas+1@post.example&none=",
        ),
    ] {
        let service = rest_service(ok()).await;
        let mut call = PolicyCall {
            send_claims_in: SendClaimsIn::Url,
            service_url: format!(
                "{}/check/{{givenName}}?mail={{email}}&none={{surname}}",
                service.uri()
            ),
            url_values,
            ..to(&service)
        };
        call.claims
            .insert("givenName".to_owned(), given_name.into());
        let report = tenant.call_as_policy(&call).await.unwrap();
        let request = only(&service).await;
        let (path, query) = (request.url.path(), request.url.query().unwrap());
        assert_eq!(format!("{path}?{query}"), expected);
        // `surname` has no value; `age` and `newUser` have no place.
        assert_eq!(report.warnings.len(), 3, "{:?}", report.warnings);
    }
    let call = PolicyCall {
        send_claims_in: SendClaimsIn::Url,
        service_url: "https://{email}/check".to_owned(),
        ..PolicyCall::default()
    };
    let refused = tenant.call_as_policy(&call).await.unwrap_err();
    assert!(refused.to_string().contains("host"), "{refused}");
}

#[tokio::test]
async fn the_caller_is_proven_as_the_profile_says() {
    let tenant = alone().await;
    for (authentication, header, value) in [
        (
            PolicyAuthentication::Basic {
                username: "b2c-caller".to_owned(),
                password: "s3:cret".to_owned(),
            },
            "authorization",
            "Basic YjJjLWNhbGxlcjpzMzpjcmV0",
        ),
        (
            PolicyAuthentication::Bearer {
                token: "static-token".to_owned(),
            },
            "authorization",
            "Bearer static-token",
        ),
        (
            PolicyAuthentication::ApiKeyHeader {
                name: "x-functions-key".to_owned(),
                value: "k3y".to_owned(),
            },
            "x-functions-key",
            "k3y",
        ),
    ] {
        let service = rest_service(ok()).await;
        let call = PolicyCall {
            authentication,
            ..to(&service)
        };
        tenant.call_as_policy(&call).await.unwrap();
        assert_eq!(only(&service).await.headers[header], value);
    }
}

#[tokio::test]
async fn what_happens_next_depends_on_the_place() {
    let tenant = alone().await;
    let refusing = rest_service(conflict()).await;
    let broken = rest_service(ResponseTemplate::new(404)).await;
    let odd = rest_service(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let at = |service: &MockServer, place, continue_on_error| PolicyCall {
        place,
        step: 7,
        continue_on_error,
        technical_profile: "REST-Check".to_owned(),
        correlation_id: Some(CORRELATION.parse().unwrap()),
        ..to(service)
    };
    let page = PolicyPlace::ValidationProfile;
    let exchange = "The claims exchange 'REST-Check' specified in step '7' returned HTTP error \
                    response";
    let no_connection = format!(
        "Failed to establish connection to restful service end point. Restful service URL: \
         {}/check?code=7h3-key",
        broken.uri()
    );
    for (service, message, code, text) in [
        (
            &refusing,
            "Nicht hier.",
            "AADB2C90075",
            " with Code 'Conflict' and Reason 'Nicht hier.'.",
        ),
        (
            &broken,
            no_connection.as_str(),
            "AADB2C90075",
            " with Code 'NotFound' and Reason 'Not Found'.",
        ),
        (
            &odd,
            "Unable to validate the information provided.",
            "AADB2C90261",
            " that could not be parsed.",
        ),
    ] {
        let stays = tenant.call_as_policy(&at(service, page, false)).await;
        let message = message.to_owned();
        assert_eq!(stays.unwrap().outcome, PolicyOutcome::PageStays { message });
        let ignored = tenant.call_as_policy(&at(service, page, true)).await;
        assert_eq!(ignored.unwrap().outcome, PolicyOutcome::ErrorIgnored);
        let step = at(service, PolicyPlace::OrchestrationStep, false);
        let report = tenant.call_as_policy(&step).await.unwrap();
        let PolicyOutcome::ErrorRedirect {
            error,
            error_description,
        } = report.outcome
        else {
            panic!("{:?}", report.outcome);
        };
        assert_eq!(error, "server_error");
        let beginning =
            format!("{code}: {exchange}{text}\r\nCorrelation ID: {CORRELATION}\r\nTimestamp: ");
        assert!(
            error_description.starts_with(&beginning),
            "{error_description}"
        );
        assert!(error_description.ends_with("Z\r\n"));
    }
    let wrong = at(&odd, PolicyPlace::OrchestrationStep, true);
    tenant.call_as_policy(&wrong).await.unwrap_err();
}

#[tokio::test]
async fn a_profile_has_texts_of_its_own() {
    let tenant = alone().await;
    let slow = rest_service(ok().set_delay(Duration::from_secs(5))).await;
    let down = rest_service(ResponseTemplate::new(500)).await;
    for (service, time_limit_ms, own_timeout, expected) in [
        (&slow, 300, Some("Too slow."), "Too slow."),
        (&slow, 300, None, "Not now."),
        (&down, 10_000, Some("Too slow."), "Not now."),
    ] {
        let call = PolicyCall {
            default_user_message_if_request_failed: Some("Not now.".to_owned()),
            user_message_if_request_timeout: own_timeout.map(str::to_owned),
            time_limit_ms,
            ..to(service)
        };
        let report = tenant.call_as_policy(&call).await.unwrap();
        let message = expected.to_owned();
        assert_eq!(report.outcome, PolicyOutcome::PageStays { message });
    }
}

#[tokio::test]
async fn a_slow_service_is_called_once_more_with_the_same_bytes() {
    let tenant = alone().await;
    let service = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ok().set_delay(Duration::from_secs(5)))
        .up_to_n_times(1)
        .mount(&service)
        .await;
    Mock::given(matchers::any())
        .respond_with(ok())
        .mount(&service)
        .await;
    let call = PolicyCall {
        time_limit_ms: 1_500,
        ..to(&service)
    };
    let report = tenant.call_as_policy(&call).await.unwrap();
    assert_eq!(report.number_of_attempts, 2);
    assert!(matches!(report.outcome, PolicyOutcome::Continue { .. }));
    let requests = service.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(audit(&tenant).await[0]["numberOfAttempts"], 2);
}

#[tokio::test]
async fn the_call_is_placed_and_remembered_over_http() {
    let tenant = alone().await;
    let service = rest_service(ok()).await;
    let call = json!({
        "policy": "B2C_1A_signup",
        "technical_profile": "REST-CustomerOutcome",
        "service_url": format!("{}/outcome", service.uri()),
        "send_claims_in": "Form",
        "authentication": { "type": "Basic", "username": "u", "password": "p" },
        "claims": { "email": "a@b.example" },
        "output_claims": [
            { "name": "number", "partner": "customerId" },
            { "name": "outcome", "default": "block" },
        ],
        "place": "orchestration-step",
        "correlation_id": CORRELATION,
    });
    let method = reqwest::Method::POST;
    let (status, report) = control(&tenant, method.clone(), "policy-calls", call).await;
    assert_eq!(status, 200, "{report}");
    let expected = json!({
        "outcome": "continue",
        "claims": { "number": "C000017", "outcome": "block" },
        "correlationId": CORRELATION,
        "numberOfAttempts": 1,
        "status": 200,
        "errorCode": null,
        "detail": null,
        "warnings": [],
    });
    assert_eq!(report, expected);
    let entry = audit(&tenant).await.remove(0);
    for (name, value) in [
        ("dialect", json!("custom-policy")),
        ("flow", json!("B2C_1A_signup")),
        ("step", json!("REST-CustomerOutcome")),
        ("correlationId", json!(CORRELATION)),
        ("numberOfAttempts", json!(1)),
        ("status", json!(200)),
        ("judgement", json!("Continue")),
        ("requestBody", json!("email=a%40b.example")),
        ("replyBody", json!("{\"customerId\":\"C000017\"}")),
        ("claims", json!({ "number": "C000017", "outcome": "block" })),
    ] {
        assert_eq!(entry[name], value, "{name}");
    }
    for wrong in [
        json!({ "service_url": "nowhere" }),
        json!({ "service_url": service.uri(), "send_claims_in": "body" }),
        json!({ "service_url": service.uri(), "time_limit_ms": 0 }),
        json!({ "service_url": service.uri(), "unknown": 1 }),
        json!({ "service_url": service.uri(), "send_claims_in": "Form", "claims": { "a": [] } }),
        json!({ "service_url": service.uri(), "authentication": { "type": "ClientCertificate",
            "certificates": [{ "certificate": "x", "key": "y" }] } }),
    ] {
        let (status, reply) = control(&tenant, method.clone(), "policy-calls", wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}: {reply}");
        assert!(reply["error"].is_string());
    }
}

#[tokio::test]
async fn output_claims_decide_what_a_reply_means() {
    let tenant = alone().await;
    let service = rest_service(ResponseTemplate::new(200).set_body_json(json!({}))).await;
    let call = PolicyCall {
        output_claims: vec![OutputClaim::new("outcome").or("block")],
        ..to(&service)
    };
    let report = tenant.call_as_policy(&call).await.unwrap();
    let expected = json!({ "outcome": "block" });
    let claims = expected.as_object().unwrap().clone();
    assert_eq!(report.outcome, PolicyOutcome::Continue { claims });
}

#[tokio::test]
async fn rules_for_rest_calls_are_kept_until_the_reset() {
    let tenant = alone().await;
    let rules = json!({ "rules": [
        { "profile": "REST-A", "when": { "email": "x@y.example" }, "latency_ms": 0,
          "reply": { "status": 409, "body": { "userMessage": "No." } } },
        { "url_prefix": "https://a.example/", "latency_ms": 5, "times": 2,
          "send_to": "http://localhost:7071/" },
    ] });
    let (put, get) = (reqwest::Method::PUT, reqwest::Method::GET);
    let (status, reply) = control(&tenant, put.clone(), "rest", rules.clone()).await;
    assert_eq!(status, 204, "{reply}");
    let (_, kept) = control(&tenant, get.clone(), "rest", json!({})).await;
    assert_eq!(kept, rules);
    for (wrong, reason) in [
        (json!({ "rules": [{}] }), "rule 1"),
        (json!({ "rules": [{ "fault": "slow" }] }), "slow"),
        (json!({}), "rules"),
    ] {
        let (status, reply) = control(&tenant, put.clone(), "rest", wrong).await;
        assert_eq!(status, 400);
        let error = reply["error"].as_str().unwrap().to_owned();
        assert!(error.contains(reason), "{error}");
    }
    control(&tenant, reqwest::Method::POST, "reset", json!({})).await;
    let (_, kept) = control(&tenant, get, "rest", json!({})).await;
    assert_eq!(kept, json!({ "rules": [] }));
}

// ------------------------------------------------------- client certificates

struct Client {
    pem: ClientCertificate,
    der: CertificateDer<'static>,
}

/// A self-signed certificate that holds for a year from `from`.
fn client_certificate(name: &str, from: i32) -> Client {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(from + 100, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    Client {
        der: certificate.der().clone(),
        pem: ClientCertificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        },
    }
}

/// Demands a client certificate and answers with its name. Its address, and
/// the certificate it shows itself.
fn who_are_you(trusted: &[&Client]) -> (String, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    for client in trusted {
        roots.add(client.der.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            // Whoever shows none is sent away here.
            if stream.read(&mut [0; 8192]).is_err() {
                continue;
            }
            let certificate = stream.conn.peer_certificates().unwrap()[0].clone();
            let (_, certificate) = parse_x509_certificate(&certificate).unwrap();
            let name = certificate.subject().iter_common_name().next().unwrap();
            let body = json!({ "name": name.as_str().unwrap() }).to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let length = body.len();
            let reply = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    (url, own.cert.pem())
}

#[tokio::test]
async fn the_newest_certificate_that_is_valid_is_shown() {
    let [old, new, future] = [("old", 2001), ("new", 2011), ("future", 2090)]
        .map(|(name, from)| client_certificate(name, from));
    let (url, root) = who_are_you(&[&old, &new, &future]);
    let mut settings = settings();
    settings.connector_roots = vec![root];
    let tenant = emulator::start(settings).await.unwrap();
    let call = |certificates: &[&Client]| PolicyCall {
        service_url: url.clone(),
        authentication: PolicyAuthentication::ClientCertificate {
            certificates: certificates.iter().map(|c| c.pem.clone()).collect(),
        },
        ..PolicyCall::default()
    };
    for (certificates, shown) in [
        (vec![&old], "old"),
        (vec![&new, &old], "new"),
        (vec![&old, &future, &new], "new"),
    ] {
        let report = tenant.call_as_policy(&call(&certificates)).await.unwrap();
        let expected = json!({ "name": shown });
        let claims = expected.as_object().unwrap().clone();
        assert_eq!(report.outcome, PolicyOutcome::Continue { claims });
    }
    let report = tenant.call_as_policy(&call(&[&future])).await.unwrap();
    assert_eq!(report.error_code, Some("AADB2C90028"));
    assert_eq!(report.number_of_attempts, 0);
    let without = PolicyCall {
        authentication: PolicyAuthentication::None,
        ..call(&[])
    };
    let report = tenant.call_as_policy(&without).await.unwrap();
    assert!(matches!(report.outcome, PolicyOutcome::PageStays { .. }));
    assert_eq!(report.status, None);
}
