//! Where claims travel, and what proves the caller.

use serde_json::json;

use super::desk::{JONAS, Policy, bag, jonas, moment, notes, ok, only, service};
use crate::emulator::engine::value::Value;

const RESOLVING: (&str, &str) = ("IncludeClaimResolvingInClaimsHandling", "true");

#[tokio::test]
async fn each_transport_has_its_own_place_for_claims() {
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let sorted = "age=42&givenName=J%C3%BCrgen+%26+Co&language=en-US&mail=jonas%2B1%40post.example\
                  &newUser=True";
    for (transport, method, content_type, path, body) in [
        (
            "",
            "POST",
            Some(json),
            "/check?code=7h3-key".to_owned(),
            r#"{"age":42,"givenName":"Jürgen & Co","language":"en-US","mail":"jonas+1@post.example","newUser":true}"#,
        ),
        (
            "Form",
            "POST",
            Some(form),
            "/check?code=7h3-key".to_owned(),
            sorted,
        ),
        (
            "QueryString",
            "GET",
            None,
            format!("/check?code=7h3-key&{sorted}"),
            "",
        ),
    ] {
        let service = service(ok(json!({}))).await;
        let desk = Policy {
            metadata: vec![("SendClaimsIn", transport), RESOLVING],
            rest: JONAS,
            ..Policy::default()
        }
        .at(&format!("{}/check?code=7h3-key", service.uri()));
        let (done, record) = desk.run(&jonas()).await;
        done.unwrap();
        let request = only(&service).await;
        assert_eq!(request.method.as_str(), method, "{transport}");
        let sent_type = request.headers.get("content-type");
        assert_eq!(sent_type.map(|value| value.to_str().unwrap()), content_type);
        let (sent_path, query) = (request.url.path(), request.url.query().unwrap());
        assert_eq!(format!("{sent_path}?{query}"), path, "{transport}");
        assert_eq!(std::str::from_utf8(&request.body).unwrap(), body);
        assert!(!request.headers.contains_key("authorization"));
        let rest = record.rest.unwrap();
        assert_eq!((rest.method.as_str(), rest.attempts), (method, 1));
        assert_eq!(rest.request_body.unwrap_or_default(), body);
    }
}

#[tokio::test]
async fn claims_travel_as_headers() {
    let service = service(ok(json!({}))).await;
    let policy = Policy {
        metadata: vec![("SendClaimsIn", "Header")],
        rest: JONAS,
        ..Policy::default()
    };
    let desk = policy.at(&service.uri());
    let failure = desk.run(&jonas()).await.0.unwrap_err();
    assert_eq!(failure.code, "AADB2C90085");
    assert!(failure.text.contains("`givenName`"), "{}", failure.text);
    let mut plain = jonas();
    plain.set("givenName", "Jonas".into());
    desk.run(&plain).await.0.unwrap();
    let request = only(&service).await;
    assert_eq!(request.method.as_str(), "GET");
    assert_eq!(request.headers["mail"], "jonas+1@post.example");
    assert_eq!(request.headers["newuser"], "True");
    // The resolver is not looked up without its metadata item.
    assert_eq!(request.headers["language"], "{Culture:RFC5646}");
    assert!(!request.headers.contains_key("surname"));
}

#[tokio::test]
async fn claims_and_resolvers_take_their_places_in_the_url() {
    let service = service(ok(json!({}))).await;
    let url = format!(
        "{}/{{Culture:RFC5646}}/users/{{givenName}}?mail={{mail}}&none={{surname}}",
        service.uri()
    );
    let policy = Policy {
        metadata: vec![("SendClaimsIn", "Url"), RESOLVING],
        rest: JONAS,
        ..Policy::default()
    };
    let (done, record) = policy.at(&url).run(&jonas()).await;
    done.unwrap();
    let request = only(&service).await;
    let (path, query) = (request.url.path(), request.url.query().unwrap());
    assert_eq!(
        format!("{path}?{query}"),
        "/en-US/users/J%C3%BCrgen%20%26%20Co?mail=jonas%2B1%40post.example&none="
    );
    let notes = notes(&record);
    assert!(notes.contains("`{surname}` has no value"), "{notes}");
    assert!(notes.contains("`age` has no place in the URL"), "{notes}");
}

#[tokio::test]
async fn one_claim_may_be_the_whole_body() {
    let service = service(ok(json!({}))).await;
    let policy = Policy {
        metadata: vec![("ClaimUsedForRequestPayload", "payload")],
        rest: r#"<InputClaims><InputClaim ClaimTypeReferenceId="payload"/>
                 <InputClaim ClaimTypeReferenceId="email"/></InputClaims>"#,
        ..Policy::default()
    };
    let body = r#"{ "personalizations": [ {"to": ["a@b.example"]} ] }"#;
    let claims = bag(&[("payload", body.into()), ("email", "a@b.example".into())]);
    policy.at(&service.uri()).run(&claims).await.0.unwrap();
    let request = only(&service).await;
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(std::str::from_utf8(&request.body).unwrap(), body);
}

#[tokio::test]
async fn moments_and_lists_travel_in_a_body_as_json_has_them() {
    let service = service(ok(json!({}))).await;
    let policy = Policy {
        rest: r#"<InputClaims><InputClaim ClaimTypeReferenceId="since"/>
                 <InputClaim ClaimTypeReferenceId="roles"/>
                 <InputClaim ClaimTypeReferenceId="points"/></InputClaims>"#,
        ..Policy::default()
    };
    let claims = bag(&[
        ("since", moment("2026-01-01T10:00:00Z")),
        ("roles", Value::Texts(vec!["a".to_owned(), "b".to_owned()])),
        ("points", Value::Number(5_000_000_000)),
    ]);
    policy.at(&service.uri()).run(&claims).await.0.unwrap();
    let expected =
        r#"{"points":5000000000,"roles":["a","b"],"since":"2026-01-01T10:00:00.0000000Z"}"#;
    let request = only(&service).await;
    assert_eq!(std::str::from_utf8(&request.body).unwrap(), expected);
}

#[tokio::test]
async fn the_caller_is_proven_with_policy_keys() {
    let basic = r#"<CryptographicKeys>
        <Key Id="BasicAuthenticationUsername" StorageReferenceId="B2C_1A_User"/>
        <Key Id="BasicAuthenticationPassword" StorageReferenceId="b2c_1a_secret"/>
    </CryptographicKeys>"#;
    let bearer = r#"<CryptographicKeys>
        <Key Id="BearerAuthenticationToken" StorageReferenceId="B2C_1A_Secret"/>
    </CryptographicKeys>"#;
    let api_key = r#"<CryptographicKeys>
        <Key Id="x-functions-key" StorageReferenceId="B2C_1A_Secret"/>
    </CryptographicKeys>"#;
    for (kind, rest, header, value) in [
        (
            "Basic",
            basic,
            "authorization",
            "Basic YjJjLWNhbGxlcjpzMzpjcmV0",
        ),
        ("Bearer", bearer, "authorization", "Bearer s3:cret"),
        ("ApiKeyHeader", api_key, "x-functions-key", "s3:cret"),
    ] {
        let service = service(ok(json!({}))).await;
        let policy = Policy {
            metadata: vec![
                ("AuthenticationType", kind),
                ("AllowInsecureAuthInProduction", ""),
            ],
            rest,
            ..Policy::default()
        };
        let (done, record) = policy.at(&service.uri()).run(&bag(&[])).await;
        done.unwrap();
        assert_eq!(only(&service).await.headers[header], value, "{kind}");
        let shown = serde_json::to_string(&record).unwrap();
        assert!(!shown.contains("s3:cret"), "{kind}: {shown}");
        assert!(!shown.contains("YjJjLWNhbGxlcjpzMzpjcmV0"), "{shown}");
    }
}

#[tokio::test]
async fn a_claim_may_be_the_bearer_token() {
    let service = service(ok(json!({}))).await;
    let policy = Policy {
        metadata: vec![
            ("AuthenticationType", "Bearer"),
            ("UseClaimAsBearerToken", "bearerToken"),
            ("SendClaimsIn", "Url"),
        ],
        rest: r#"<InputClaims><InputClaim ClaimTypeReferenceId="email"/>
                 <InputClaim ClaimTypeReferenceId="bearerToken"/></InputClaims>"#,
        ..Policy::default()
    };
    let desk = policy.at(&format!("{}/{{email}}", service.uri()));
    let claims = bag(&[
        ("email", "a@b.example".into()),
        ("bearerToken", "eyJ0b2tlbg".into()),
    ]);
    let (done, record) = desk.run(&claims).await;
    done.unwrap();
    let request = only(&service).await;
    assert_eq!(request.headers["authorization"], "Bearer eyJ0b2tlbg");
    assert_eq!(request.url.path(), "/a%40b.example");
    assert!(
        !serde_json::to_string(&record)
            .unwrap()
            .contains("eyJ0b2tlbg")
    );
    let failure = desk.run(&bag(&[("email", "a@b.example".into())])).await.0;
    let failure = failure.unwrap_err();
    assert_eq!(failure.code, "AADB2C90194");
    assert_eq!(
        failure.text,
        "Claim 'bearerToken' specified for the bearer token is not present in the available \
         claims. Available claims 'email'."
    );
}
