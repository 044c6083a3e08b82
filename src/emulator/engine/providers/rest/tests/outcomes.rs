//! What replies lead to, behind a page and as a step.

use std::time::Duration;

use serde_json::{Value as Json, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::desk::{Policy, STEP, bag, moment, notes, ok, service};
use crate::emulator::{Fidelity, RetryOn, engine::value::Value};

fn conflict() -> ResponseTemplate {
    ResponseTemplate::new(409).set_body_json(json!({
        "version": "1.0.1", "status": 409, "code": "LN-4", "requestId": "r-1",
        "userMessage": "Nicht hier.", "developerMessage": "taken", "moreInfo": "https://x.example",
    }))
}

#[tokio::test]
async fn a_409_is_said_on_the_page_and_told_to_the_application() {
    let service = service(conflict()).await;
    for (debug, page) in [
        ("", "Nicht hier."),
        ("false", "Nicht hier."),
        (
            "true",
            "Nicht hier. [code: LN-4] [requestId: r-1] [developerMessage: taken] \
             [moreInfo: https://x.example]",
        ),
    ] {
        let policy = Policy {
            metadata: vec![("DebugMode", debug)],
            ..Policy::default()
        };
        let desk = policy.at(&service.uri());
        let told = desk.told(&bag(&[])).await;
        assert_eq!(told, ("AADB2C90075".to_owned(), page.to_owned()));
        let (done, record) = desk.run_at(STEP, &bag(&[])).await;
        let failure = done.unwrap_err();
        assert_eq!(
            (failure.error, failure.code.as_str()),
            ("server_error", "AADB2C90075")
        );
        assert_eq!(
            failure.text,
            "The claims exchange 'CheckExchange' specified in step '7' returned HTTP error \
             response with Code 'Conflict' and Reason 'Nicht hier.'."
        );
        assert_eq!(record.rest.unwrap().status, Some(409));
    }
}

#[tokio::test]
async fn other_replies_are_failures_with_texts_of_their_own() {
    let exchange = "The claims exchange 'CheckExchange' specified in step '7' returned HTTP error \
                    response";
    let html = ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    let bad = ResponseTemplate::new(400).set_body_json(json!({
        "version": "1", "status": 409, "userMessage": "No.",
    }));
    for (reply, code, page, text) in [
        (
            ResponseTemplate::new(500),
            "AADB2C90075",
            None,
            " with Code 'InternalServerError' and Reason 'Internal Server Error'.",
        ),
        (
            ResponseTemplate::new(404),
            "AADB2C90075",
            None,
            " with Code 'NotFound' and Reason 'Not Found'.",
        ),
        (
            bad,
            "AADB2C90075",
            None,
            " with Code 'BadRequest' and Reason 'Bad Request'.",
        ),
        (
            html,
            "AADB2C90261",
            Some("Unable to validate the information provided."),
            " that could not be parsed.",
        ),
        (
            ok(json!({ "tier": null })),
            "AADB2C90261",
            Some("Unable to validate the information provided."),
            " that could not be parsed.",
        ),
    ] {
        let service = service(reply).await;
        let desk = Policy::default().at(&service.uri());
        let no_connection = format!(
            "Failed to establish connection to restful service end point. Restful service URL: {}",
            service.uri()
        );
        let page = page.unwrap_or(&no_connection);
        let told = desk.told(&bag(&[])).await;
        assert_eq!(told, (code.to_owned(), page.to_owned()));
        let failure = desk.run_at(STEP, &bag(&[])).await.0.unwrap_err();
        assert_eq!(failure.text, format!("{exchange}{text}"));
    }
}

#[tokio::test]
async fn texts_of_the_policy_win_over_the_built_in_ones() {
    let down = service(ResponseTemplate::new(500)).await;
    let slow = service(ok(json!({})).set_delay(Duration::from_secs(5))).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let nowhere = "https://nowhere.invalid/".to_owned();
    let general = ("DefaultUserMessageIfRequestFailed", "Not now: {0}");
    let timeout = ("UserMessageIfRequestTimeout", "Slower than {0}: {1}");
    let open = ("UserMessageIfCircuitOpen", "Away.");
    let dns = ("UserMessageIfDnsResolutionFailed", "Who is {0}?");
    let strings = r#"<LocalizedString ElementType="ErrorMessage" StringId="DefaultUserMessageIfRequestFailed">Localized.</LocalizedString>"#;
    let limit = "Failed to establish connection to restful service end point within timeout limit \
                 1 seconds. Restful service URL: ";
    let unknown = "Failed to resolve the hostname of the restful service endpoint. Restful \
                   service URL: https://nowhere.invalid/";
    for (why, url, metadata, strings, expected) in [
        (
            "status",
            down.uri(),
            vec![general],
            "",
            format!("Not now: {}", down.uri()),
        ),
        (
            "localized first",
            down.uri(),
            vec![general],
            strings,
            "Localized.".to_owned(),
        ),
        (
            "narrow before wide",
            slow.uri(),
            vec![general, timeout],
            strings,
            format!("Slower than 1: {}", slow.uri()),
        ),
        (
            "wide",
            slow.uri(),
            vec![general],
            "",
            format!("Not now: {}", slow.uri()),
        ),
        (
            "built in",
            slow.uri(),
            vec![],
            "",
            format!("{limit}{}", slow.uri()),
        ),
        (
            "refused",
            closed.clone(),
            vec![general, open],
            "",
            "Away.".to_owned(),
        ),
        (
            "refused, told as a time limit",
            closed.clone(),
            vec![timeout],
            "",
            format!("Slower than 1: {closed}"),
        ),
        (
            "no such host",
            nowhere.clone(),
            vec![general, timeout, dns],
            "",
            format!("Who is {nowhere}?"),
        ),
        (
            "no such host, built in",
            nowhere,
            vec![],
            "",
            unknown.to_owned(),
        ),
    ] {
        let policy = Policy {
            metadata,
            strings,
            ..Policy::default()
        };
        let desk = policy.with(&url, |settings| settings.variants.rest_time_limit_ms = 200);
        let (code, text) = desk.told(&bag(&[])).await;
        assert_eq!((code.as_str(), text), ("AADB2C90075", expected), "{why}");
    }
}

#[tokio::test]
async fn a_slow_service_is_called_once_more() {
    let service = MockServer::start().await;
    let slow = ok(json!({})).set_delay(Duration::from_secs(5));
    let first = Mock::given(matchers::any()).respond_with(slow);
    first.up_to_n_times(1).mount(&service).await;
    let second = Mock::given(matchers::any()).respond_with(ok(json!({})));
    second.mount(&service).await;
    let desk = Policy::default().with(&service.uri(), |settings| {
        settings.variants.rest_time_limit_ms = 1_000;
    });
    let (done, record) = desk.run(&bag(&[])).await;
    done.unwrap();
    assert_eq!(record.rest.unwrap().attempts, 2);
    assert_eq!(service.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_tried_again_is_the_tenants_choice() {
    let down = service(ResponseTemplate::new(503)).await;
    for (retry_on, attempts) in [(vec![], 1), (vec![RetryOn::ServerError], 2)] {
        let desk = Policy::default().with(&down.uri(), |settings| {
            settings.variants.retry_on = retry_on;
        });
        let (_, record) = desk.run(&bag(&[])).await;
        assert_eq!(record.rest.unwrap().attempts, attempts);
    }
}

const OUTPUTS: &str = r#"<OutputClaims>
    <OutputClaim ClaimTypeReferenceId="customerId" PartnerClaimType="contacts[0].person.name"/>
    <OutputClaim ClaimTypeReferenceId="email" PartnerClaimType="data.0.to.1.email"/>
    <OutputClaim ClaimTypeReferenceId="tier" DefaultValue="none"/>
    <OutputClaim ClaimTypeReferenceId="givenName" PartnerClaimType="contacts[5].name" DefaultValue="absent"/>
    <OutputClaim ClaimTypeReferenceId="age" PartnerClaimType="a.b"/>
    <OutputClaim ClaimTypeReferenceId="surname" DefaultValue="fixed" AlwaysUseDefaultValue="true"/>
</OutputClaims>"#;

fn nested() -> Json {
    json!({
        "contacts": [{ "person": { "name": "C000017" } }],
        "data": [{ "to": [{ "email": "x" }, { "email": "a@b.example" }] }],
        "a.b": "41", "surname": "ignored",
    })
}

#[tokio::test]
async fn json_paths_lead_to_members_further_in() {
    let service = service(ok(nested())).await;
    for (paths, customer, email) in [
        ("true", Some("C000017"), Some("a@b.example")),
        ("", None, None),
    ] {
        let policy = Policy {
            metadata: vec![("ResolveJsonPathsInJsonTokens", paths)],
            rest: OUTPUTS,
            ..Policy::default()
        };
        let (done, record) = policy.at(&service.uri()).run(&bag(&[])).await;
        let set = done.unwrap();
        let text = |claim: &str| set.get(claim).map(Value::text);
        assert_eq!(text("customerId").as_deref(), customer);
        assert_eq!(text("email").as_deref(), email);
        assert_eq!(text("tier").as_deref(), Some("none"));
        assert_eq!(text("givenName").as_deref(), Some("absent"));
        assert_eq!(set.get("age"), Some(&Value::Number(41)));
        assert_eq!(text("surname").as_deref(), Some("fixed"));
        let is_dropped = notes(&record).contains("`contacts`");
        assert_eq!(is_dropped, paths.is_empty(), "{}", notes(&record));
    }
}

#[tokio::test]
async fn values_take_the_type_of_their_claim() {
    let outputs = r#"<OutputClaims>
        <OutputClaim ClaimTypeReferenceId="newUser"/><OutputClaim ClaimTypeReferenceId="age"/>
        <OutputClaim ClaimTypeReferenceId="points"/><OutputClaim ClaimTypeReferenceId="since"/>
        <OutputClaim ClaimTypeReferenceId="roles"/><OutputClaim ClaimTypeReferenceId="tier"/>
        <OutputClaim ClaimTypeReferenceId="customerId" PartnerClaimType="newUser"/>
    </OutputClaims>"#;
    let policy = Policy {
        rest: outputs,
        ..Policy::default()
    };
    let body = json!({
        "newUser": true, "age": "41", "points": 5_000_000_000_i64, "roles": ["a", "b"],
        "since": "2026-01-01T10:00:00Z", "tier": { "name": "gold" },
    });
    let whole = service(ok(body)).await;
    let set = policy.at(&whole.uri()).run(&bag(&[])).await.0.unwrap();
    let expected = bag(&[
        ("newUser", Value::Flag(true)),
        ("age", Value::Number(41)),
        ("points", Value::Number(5_000_000_000)),
        ("roles", Value::Texts(vec!["a".to_owned(), "b".to_owned()])),
        ("since", moment("2026-01-01T10:00:00Z")),
        // Nested JSON arrives as text, with line ends.
        ("tier", "{\r\n  \"name\": \"gold\"\r\n}".into()),
        // The same member, for a claim of another type.
        ("customerId", "True".into()),
    ]);
    assert_eq!(set, expected);
    for odd in [
        json!({ "age": 5_000_000_000_i64 }),
        json!({ "age": "x" }),
        json!({ "since": "yesterday" }),
        json!({ "roles": [{}] }),
    ] {
        let service = service(ok(odd.clone())).await;
        let failure = policy
            .at(&service.uri())
            .run(&bag(&[]))
            .await
            .0
            .unwrap_err();
        assert_eq!(failure.code, "AADB2C90261", "{odd}");
    }
}

#[tokio::test]
async fn what_is_accepted_without_a_body_is_a_success_when_nothing_is_taken() {
    let takes = r#"<OutputClaims><OutputClaim ClaimTypeReferenceId="tier"/></OutputClaims>"#;
    let created = ResponseTemplate::new(201).set_body_json(json!({ "tier": "gold" }));
    for (why, reply, rest, expected) in [
        ("SendGrid", ResponseTemplate::new(202), "", None),
        ("Twilio", created, takes, None),
        (
            "empty",
            ResponseTemplate::new(200),
            takes,
            Some("AADB2C90261"),
        ),
        (
            "redirect",
            ResponseTemplate::new(302),
            "",
            Some("AADB2C90075"),
        ),
    ] {
        let service = service(reply).await;
        let policy = Policy {
            rest,
            ..Policy::default()
        };
        let done = policy.at(&service.uri()).run(&bag(&[])).await.0;
        let code = done.err().map(|failure| failure.code);
        assert_eq!(code.as_deref(), expected, "{why}");
    }
}

#[tokio::test]
async fn lenient_takes_nulls_for_absent_and_any_4xx_for_a_409() {
    let rest = r#"<OutputClaims>
        <OutputClaim ClaimTypeReferenceId="tier" DefaultValue="none"/>
        <OutputClaim ClaimTypeReferenceId="email" PartnerClaimType="to.email"/></OutputClaims>"#;
    let policy = Policy {
        metadata: vec![("ResolveJsonPathsInJsonTokens", "true")],
        rest,
        ..Policy::default()
    };
    let nulls = service(ok(json!({ "tier": null, "to": { "email": null } }))).await;
    let bad = ResponseTemplate::new(400).set_body_json(json!({
        "version": "1", "status": 409, "userMessage": "No.",
    }));
    let bad = service(bad).await;
    let lenient = |url: &str| policy.with(url, |settings| settings.fidelity = Fidelity::Lenient);
    let set = lenient(&nulls.uri()).run(&bag(&[])).await.0.unwrap();
    assert_eq!(set, bag(&[("tier", "none".into())]));
    let (_, text) = lenient(&bad.uri()).told(&bag(&[])).await;
    assert_eq!(text, "No.");
}
