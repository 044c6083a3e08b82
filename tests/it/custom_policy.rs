//! The dialect of B2C custom policies, over HTTP. Expected replies are written
//! out from contracts.md §2.5, §2.6 and §7.1.

use std::time::{Duration, Instant};

use idlink::domain::customer::CustomerType;
use idlink::domain::site::{Disclosure, Mode, Outage, UnverifiedEmail};
use idlink::domain::tenant::MissingProvider;
use idlink::store::features::Switch;
use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};

use crate::support::business::{OnFile, cold_store, store, turn, usmf};
use crate::support::postgres::{Database, connect, own_server};
use crate::support::service::{PASSWORD, Reply, SHOP, Service, Setup, TRADE, USERNAME, send};

const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
const CORRELATION: &str = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";

const CHECK: &str = "check-customer";
const OUTCOME: &str = "customer-outcome";
const LINK: &str = "record-link";
const SERVICES: [&str; 3] = [CHECK, OUTCOME, LINK];

/// The built-in text for people of whom not even the site is known.
const GENERAL: &str = "We cannot sign you up at this site with these details. \
                       Please contact this site and give this reference:";

/// Beginning of the text, code and name of a refusal.
pub(crate) type Told = (&'static str, &'static str, &'static str);

const NOT_FOUND: Told = (
    "customer_not_found",
    "Microsoft_Dynamics_CommerceIdentityNotFound",
    "CommerceIdentityNotFound",
);
const SEVERAL: Told = (
    "multiple_customers",
    "Microsoft_Dynamics_Commerce_Runtime_MultipleCustomerAccountsFoundWithSameEmailAddress",
    "CustomerServiceMultipleCustomerAccountsFoundErrorOccurredWhenAutoLinking",
);
const UNVERIFIED: Told = (
    "unverified_address",
    "Idlink_EmailAddressNotVerified",
    "EmailAddressNotVerified",
);
const NOT_COMPARABLE: Told = (
    "unverified_address",
    "Idlink_EmailAddressNotComparable",
    "EmailAddressNotComparable",
);
const ALREADY_LINKED: Told = (
    "already_linked",
    "Idlink_CustomerAlreadyLinked",
    "CustomerAlreadyLinked",
);
const TRY_LATER: Told = ("try_again_later", "Idlink_TryAgainLater", "TryAgainLater");
const MALFORMED: Told = (GENERAL, "Idlink_MalformedRequest", "MalformedRequest");
const UNKNOWN_APPLICATION: Told = (GENERAL, "Idlink_UnknownApplication", "UnknownApplication");

/// `SendClaimsIn`, and the two ways in which JSON may spell a scalar.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Body,
    BodyOfStrings,
    Form,
    QueryString,
    Url,
    Header,
}

const TRANSPORTS: [Transport; 6] = [
    Transport::Body,
    Transport::BodyOfStrings,
    Transport::Form,
    Transport::QueryString,
    Transport::Url,
    Transport::Header,
];

/// What our own policies send: custom-policies.md §5.3, and what they may.
pub(crate) fn claims(client_id: &str, email: &str) -> Value {
    json!({
        "clientId": client_id,
        "email": email,
        "givenName": "Mina",
        "surname": "Kaur",
        "newUser": true,
        "age": 42,
        "uiLocales": "en-US",
        "correlationId": CORRELATION,
    })
}

/// The same, with some claims more or other values. `null` takes one away.
fn with(mut claims: Value, changes: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn federated(claims: Value, provider: &str) -> Value {
    with(
        claims,
        json!({"identityProvider": provider, "issuerUserId": "104477002981"}),
    )
}

pub(crate) fn signed_in(claims: Value) -> Value {
    with(claims, json!({"objectId": OBJECT_ID}))
}

fn texts(claims: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        other => other.to_string(),
    };
    let members = claims.as_object().unwrap();
    members.iter().map(|(n, v)| (n.clone(), text(v))).collect()
}

fn path(service: &str) -> String {
    format!("/connectors/contoso/custom-policy/{service}")
}

fn request(service: &Service, name: &str, transport: Transport, claims: &Value) -> RequestBuilder {
    let texts = texts(claims);
    let request = match transport {
        Transport::Body => service
            .post(&path(name))
            .header("Content-Type", "application/json")
            .body(claims.to_string()),
        Transport::BodyOfStrings => {
            let texts = texts.into_iter().map(|(n, v)| (n, Value::String(v)));
            service
                .post(&path(name))
                .header("Content-Type", "application/json; charset=utf-8")
                .body(Value::Object(Map::from_iter(texts)).to_string())
        }
        Transport::Form => service.post(&path(name)).form(&texts),
        Transport::QueryString => service.get(&path(name)).query(&texts),
        Transport::Url => {
            // What stands in for `{email}` and the like is not escaped.
            let pairs: Vec<_> = texts.iter().map(|(n, v)| format!("{n}={v}")).collect();
            service.get(&format!("{}?{}", path(name), pairs.join("&")))
        }
        Transport::Header => texts.iter().fold(service.get(&path(name)), |get, (n, v)| {
            get.header(n.as_str(), v.as_str())
        }),
    };
    request.basic_auth(USERNAME, Some(PASSWORD))
}

/// Sends, and holds what is true of every reply whatever it says.
async fn answer(request: RequestBuilder, why: &str) -> Reply {
    let reply = send(request).await;
    assert!(reply.status.as_u16() < 500, "{why}: {}", reply.status);
    assert_eq!(reply.content_type, "application/json", "{why}");
    let body = reply.json();
    let members = body.as_object().unwrap();
    assert!(members.values().all(|value| !value.is_null()), "{why}");
    reply
}

pub(crate) async fn ask(service: &Service, name: &str, claims: &Value) -> Reply {
    answer(request(service, name, Transport::Body, claims), name).await
}

/// Eight characters in two groups.
fn assert_reference(reference: &str, why: &str) {
    assert_eq!(reference.len(), 9, "{why}: {reference}");
    assert_eq!(reference.find('-'), Some(4), "{why}: {reference}");
}

fn message(topic: &str, reference: &str) -> String {
    match topic {
        GENERAL => format!("{GENERAL} {reference}"),
        topic => format!("{topic} sign_up {reference}"),
    }
}

/// `check-customer` lets go on, with exactly these claims beside `checkId`.
pub(crate) fn assert_passed(reply: &Reply, claims: Value, why: &str) -> String {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    let body = reply.json();
    let reference = body["checkId"].as_str().unwrap().to_owned();
    assert_reference(&reference, why);
    let expected = with(claims, json!({"checkId": reference}));
    assert_eq!(body, expected, "{why}");
    reference
}

/// `check-customer` refuses. Returns the reference in the text.
pub(crate) fn assert_conflict(
    reply: &Reply,
    (topic, code, name): Told,
    request_id: &str,
    why: &str,
) -> String {
    assert_eq!(reply.status, 409, "{why}: {}", reply.text);
    let body = reply.json();
    let text = body["userMessage"].as_str().unwrap();
    let reference = text.rsplit(' ').next().unwrap().to_owned();
    assert_reference(&reference, why);
    assert_eq!(
        body,
        json!({
            "version": "1.0.0",
            "status": 409,
            "code": code,
            "requestId": request_id,
            "userMessage": message(topic, &reference),
            "developerMessage": name,
            "moreInfo": format!(
                "Reference {reference}: see the attempt of that name, or the log."
            ),
        }),
        "{why}"
    );
    reference
}

fn assert_allowed(reply: &Reply, number: &str, why: &str) -> String {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    let body = reply.json();
    let reference = body["checkId"].as_str().unwrap().to_owned();
    assert_reference(&reference, why);
    assert_eq!(
        body,
        json!({
            "outcome": "allow",
            "message": "",
            "customerId": number,
            "checkId": reference,
        }),
        "{why}"
    );
    reference
}

pub(crate) fn assert_blocked(reply: &Reply, topic: &str, why: &str) -> String {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    let body = reply.json();
    let reference = body["checkId"].as_str().unwrap().to_owned();
    assert_reference(&reference, why);
    assert_eq!(
        body,
        json!({
            "outcome": "block",
            "message": message(topic, &reference),
            "customerId": "",
            "checkId": reference,
        }),
        "{why}"
    );
    reference
}

fn assert_link(reply: &Reply, number: &str, status: &str, why: &str) {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    assert_eq!(
        reply.json(),
        json!({"customerId": number, "customerLink": status}),
        "{why}"
    );
}

async fn business(change: impl FnOnce(&mut Setup)) -> (Service, Database) {
    let (service, database) = Service::start(change).await;
    for (number, email, customer_type) in [
        ("B1", "one@example.org", CustomerType::B2b),
        ("C1", "one@example.org", CustomerType::B2c),
        ("B2", "two@example.org", CustomerType::B2b),
        ("B3", "two@example.org", CustomerType::B2b),
        ("C2", "two@example.org", CustomerType::B2c),
        ("C3", "two@example.org", CustomerType::B2c),
    ] {
        OnFile::person(number, email, customer_type)
            .add(&service.store)
            .await;
    }
    (service, database)
}

/// A column of every attempt, oldest first.
async fn attempts(database: &Database, column: &str) -> Vec<String> {
    let sql = connect(&database.config()).await;
    let select = format!("SELECT {column}::text FROM sign_up_attempt ORDER BY asked_at");
    let rows = sql.query(&select, &[]).await.unwrap();
    rows.iter()
        .map(|row| row.get::<_, Option<String>>(0).unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_page_is_checked_alike_in_every_transport() {
    let (service, _database) = business(|_| {}).await;
    for transport in TRANSPORTS {
        let why = format!("{transport:?}");
        let check = |claims: Value| {
            let request = request(&service, CHECK, transport, &claims);
            let why = why.clone();
            async move { answer(request, &why).await }
        };
        let reply = check(claims(TRADE, "one@example.org")).await;
        assert_passed(&reply, json!({"customerId": "B1"}), &why);
        let reply = check(claims(SHOP, "One@Example.ORG")).await;
        assert_passed(&reply, json!({"customerId": "C1"}), &why);
        let reply = check(claims(TRADE, "new@example.org")).await;
        assert_conflict(&reply, NOT_FOUND, CORRELATION, &why);
        let reply = check(claims(SHOP, "new@example.org")).await;
        assert_passed(&reply, json!({}), &why);
        for site in [TRADE, SHOP] {
            let reply = check(claims(site, "two@example.org")).await;
            assert_conflict(&reply, SEVERAL, CORRELATION, &why);
        }
        let reply = check(federated(claims(TRADE, "one@example.org"), "google.com")).await;
        assert_passed(&reply, json!({"customerId": "B1"}), &why);
        let reply = check(federated(claims(TRADE, "one@example.org"), "facebook.com")).await;
        assert_conflict(&reply, UNVERIFIED, CORRELATION, &why);
    }
}

#[tokio::test]
async fn a_step_gets_its_outcome_alike_in_every_transport() {
    let (service, _database) = business(|_| {}).await;
    for transport in TRANSPORTS {
        let why = format!("{transport:?}");
        let check = |claims: Value| {
            let request = request(&service, OUTCOME, transport, &claims);
            let why = why.clone();
            async move { answer(request, &why).await }
        };
        let google = |claims| federated(claims, "google.com");
        let reply = check(google(claims(TRADE, "one@example.org"))).await;
        assert_allowed(&reply, "B1", &why);
        let reply = check(google(claims(SHOP, "new@example.org"))).await;
        assert_allowed(&reply, "", &why);
        let reply = check(google(claims(TRADE, "new@example.org"))).await;
        assert_blocked(&reply, "customer_not_found", &why);
        let reply = check(google(claims(TRADE, "two@example.org"))).await;
        assert_blocked(&reply, "multiple_customers", &why);
        let reply = check(federated(claims(TRADE, "one@example.org"), "facebook.com")).await;
        assert_blocked(&reply, "unverified_address", &why);
    }
}

#[tokio::test]
async fn a_link_is_recorded_alike_in_every_transport() {
    for transport in TRANSPORTS {
        let (service, _database) = business(|_| {}).await;
        let why = format!("{transport:?}");
        let record = |claims: Value| {
            let request = request(&service, LINK, transport, &signed_in(claims));
            let why = why.clone();
            async move { answer(request, &why).await }
        };
        let reply = record(claims(TRADE, "two@example.org")).await;
        assert_link(&reply, "", "refused", &why);
        let reply = record(claims(TRADE, "new@example.org")).await;
        assert_link(&reply, "", "refused", &why);
        let reply = record(federated(claims(TRADE, "one@example.org"), "x.example")).await;
        assert_link(&reply, "", "refused", &why);
        for again in 0..3 {
            let reply = record(claims(TRADE, "one@example.org")).await;
            assert_link(&reply, "B1", "linked", &format!("{why} {again}"));
        }
        // Whatever else would be decided today.
        let reply = record(claims(TRADE, "two@example.org")).await;
        assert_link(&reply, "B1", "linked", &why);
        let other = json!({"objectId": "11111111-6a4e-45f1-9b1c-0d4f7c2a8e66"});
        let second = with(signed_in(claims(TRADE, "one@example.org")), other);
        let reply = answer(request(&service, LINK, transport, &second), &why).await;
        assert_link(&reply, "", "refused", &why);
        let links = service.store.links(&usmf(), None).await.unwrap();
        assert_eq!(links.len(), 1, "{why}");
        assert_eq!(links[0].subject, OBJECT_ID);
        assert_eq!(links[0].provider, "local");
    }
}

#[tokio::test]
async fn a_customer_is_created_when_the_link_is_recorded_and_not_before() {
    let (service, _database) = business(|_| {}).await;
    let sign_up = claims(SHOP, "new@example.org");
    assert_passed(&ask(&service, CHECK, &sign_up).await, json!({}), "asked");
    assert_allowed(&ask(&service, OUTCOME, &sign_up).await, "", "asked");
    let links = service.store.links(&usmf(), None).await.unwrap();
    assert!(links.is_empty());
    let reply = ask(&service, LINK, &signed_in(sign_up)).await;
    assert_link(&reply, "C000001", "linked", "created");
}

#[tokio::test]
async fn two_token_steps_at_once_record_one_link() {
    let (service, _database) = business(|_| {}).await;
    let claims = signed_in(claims(SHOP, "new@example.org"));
    let (first, second) = tokio::join!(ask(&service, LINK, &claims), ask(&service, LINK, &claims));
    assert_link(&first, "C000001", "linked", "first");
    assert_link(&second, "C000001", "linked", "second");
    assert_eq!(service.store.links(&usmf(), None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_linked_customer_is_refused_before_a_second_identity_exists() {
    let (service, _database) = business(|_| {}).await;
    let local = claims(TRADE, "one@example.org");
    ask(&service, LINK, &signed_in(local.clone())).await;
    let reply = ask(&service, CHECK, &local).await;
    assert_conflict(&reply, ALREADY_LINKED, CORRELATION, "same provider");
    let reply = ask(&service, OUTCOME, &local).await;
    assert_blocked(&reply, "already_linked", "same provider");
    let reply = ask(&service, CHECK, &federated(local, "google.com")).await;
    assert_passed(&reply, json!({"customerId": "B1"}), "another");
}

#[tokio::test]
async fn the_outcome_and_the_check_of_one_sign_up_are_the_same_decision() {
    let (service, database) = business(|_| {}).await;
    for (email, provider) in [
        ("one@example.org", "google.com"),
        ("new@example.org", "google.com"),
        ("two@example.org", "google.com"),
        ("one@example.org", "facebook.com"),
    ] {
        let claims = federated(claims(TRADE, email), provider);
        let step = ask(&service, OUTCOME, &claims).await.json();
        let page = ask(&service, CHECK, &claims).await;
        assert_eq!(step["outcome"] == "allow", page.status == 200, "{email}");
        if page.status == 200 {
            assert_eq!(step["customerId"], page.json()["customerId"], "{email}");
        }
        let sql = connect(&database.config()).await;
        let rows = "SELECT count(*), count(DISTINCT (decision, refusal, found, answer, rules))
                      FROM sign_up_attempt";
        let row = sql.query_one(rows, &[]).await.unwrap();
        assert_eq!(
            (row.get::<_, i64>(0), row.get::<_, i64>(1)),
            (2, 1),
            "{email}"
        );
    }
}

#[tokio::test]
async fn the_policys_correlation_id_names_the_request_everywhere() {
    let (service, database) = business(|_| {}).await;
    let sign_up = claims(TRADE, "new@example.org");
    let named = |response: &reqwest::Response| {
        response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    for name in SERVICES {
        let request = request(&service, name, Transport::Body, &signed_in(sign_up.clone()));
        let response = request.send().await.unwrap();
        assert_eq!(named(&response), CORRELATION, "{name}");
    }
    assert_eq!(
        attempts(&database, "step").await,
        ["check-customer", "customer-outcome", "record-link"]
    );
    assert_eq!(attempts(&database, "request_id").await, [CORRELATION; 3]);

    for sent in [
        "{Context:CorrelationId}",
        "",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let claims = with(sign_up.clone(), json!({"correlationId": sent}));
        let request = request(&service, CHECK, Transport::Body, &claims);
        let response = request.send().await.unwrap();
        let named = named(&response);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["requestId"], json!(named), "{sent}");
        assert_eq!(named.len(), 36, "{sent}");
        assert_ne!(named, sent);
        assert_eq!(attempts(&database, "request_id").await[3], named, "{sent}");
    }
    // Their key is the address, as in user flows.
    assert_eq!(
        attempts(&database, "times_asked").await,
        ["1", "1", "1", "3"]
    );
}

#[tokio::test]
async fn a_question_asked_twice_gets_the_same_bytes_and_reference() {
    for name in SERVICES {
        let (service, database) = business(|_| {}).await;
        let claims = signed_in(claims(TRADE, "new@example.org"));
        let (first, second) =
            tokio::join!(ask(&service, name, &claims), ask(&service, name, &claims));
        // Another instance on the same database, as after a restart.
        let other = Service::on(cold_store(database.config()), |_| {}).await;
        let third = ask(&other, name, &claims).await;
        assert_eq!(first.text, second.text, "{name}");
        assert_eq!(first.text, third.text, "{name}");
        assert_eq!(attempts(&database, "times_asked").await, ["3"], "{name}");
    }
}

#[tokio::test]
async fn an_attempt_tells_of_the_last_of_its_questions() {
    let (service, database) = business(|_| {}).await;
    let first = claims(TRADE, "new@example.org");
    let reference = assert_conflict(
        &ask(&service, CHECK, &first).await,
        NOT_FOUND,
        CORRELATION,
        "first",
    );
    let corrected = federated(claims(SHOP, "one@example.org"), "google.com");
    let second = assert_passed(
        &ask(&service, CHECK, &corrected).await,
        json!({"customerId": "C1"}),
        "corrected",
    );
    assert_eq!(reference, second);
    for (column, expected) in [
        ("site", "shop"),
        ("provider", "google.com"),
        ("email_canonical", "one@example.org"),
        ("decision", "link"),
    ] {
        assert_eq!(attempts(&database, column).await, [expected], "{column}");
    }
}

#[tokio::test]
async fn only_a_listed_provider_may_match_whatever_is_said_of_the_address() {
    let (service, _database) = business(|_| {}).await;
    let providers = [
        ("", true),
        ("local", true),
        ("localAccountAuthentication", true),
        ("google.com", true),
        ("Google.com", false),
        ("facebook.com", false),
        ("contoso.onmicrosoft.com", false),
        ("https://login.microsoftonline.com/x/v2.0", false),
    ];
    let verified = [
        (json!(null), true),
        (json!(true), true),
        (json!(false), false),
        (json!("true"), false),
        (json!(1), false),
    ];
    for (provider, trusted) in providers {
        for (value, plain) in &verified {
            for spelling in ["email_verified", "emailVerified"] {
                let why = format!("{provider} {spelling} {value}");
                let claims = with(
                    claims(TRADE, "one@example.org"),
                    json!({"identityProvider": provider, spelling: value}),
                );
                let (check, outcome) = tokio::join!(
                    ask(&service, CHECK, &claims),
                    ask(&service, OUTCOME, &claims)
                );
                if trusted && *plain {
                    assert_passed(&check, json!({"customerId": "B1"}), &why);
                    assert_allowed(&outcome, "B1", &why);
                } else {
                    assert_conflict(&check, UNVERIFIED, CORRELATION, &why);
                    assert_blocked(&outcome, "unverified_address", &why);
                    let link = ask(&service, LINK, &signed_in(claims)).await;
                    assert_link(&link, "", "refused", &why);
                }
            }
        }
    }
    assert!(service.store.links(&usmf(), None).await.unwrap().is_empty());
}

#[tokio::test]
async fn where_there_are_no_types_the_word_is_taken_for_the_truth() {
    let (service, _database) = business(|_| {}).await;
    for transport in [Transport::Form, Transport::QueryString, Transport::Header] {
        for (text, plain) in [
            ("True", true),
            ("true", true),
            ("1", false),
            ("False", false),
        ] {
            let why = format!("{transport:?} {text}");
            let claims = with(
                claims(TRADE, "one@example.org"),
                json!({"emailVerified": text}),
            );
            let reply = answer(request(&service, CHECK, transport, &claims), &why).await;
            assert_eq!(reply.status == 200, plain, "{why}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn an_account_elsewhere_is_not_local_whatever_the_policy_forgets() {
    let (service, _database) = business(|_| {}).await;
    for provider in ["", "local", "localAccountAuthentication"] {
        let claims = federated(claims(TRADE, "one@example.org"), provider);
        let reply = ask(&service, CHECK, &claims).await;
        assert_conflict(&reply, UNVERIFIED, CORRELATION, provider);
    }
}

#[tokio::test]
async fn a_tenant_may_insist_on_being_told_the_provider() {
    let (service, _database) = business(|setup| {
        setup.tenant.missing_identities = MissingProvider::Unverified;
    })
    .await;
    let silent = claims(TRADE, "one@example.org");
    let reply = ask(&service, CHECK, &silent).await;
    assert_conflict(&reply, UNVERIFIED, CORRELATION, "not told");
    let told = with(silent, json!({"identityProvider": "local"}));
    let reply = ask(&service, CHECK, &told).await;
    assert_passed(&reply, json!({"customerId": "B1"}), "told");
}

#[tokio::test]
async fn no_malformed_claim_ever_links_or_fails() {
    let (service, _database) = business(|_| {}).await;
    let good = signed_in(claims(TRADE, "one@example.org"));
    let long = "a".repeat(60_000);
    let malformed = [
        ("a list of addresses", json!({"email": ["one@example.org"]})),
        ("an object", json!({"email": {"value": "one@example.org"}})),
        (
            "a provider in a list",
            json!({"identityProvider": ["google.com"]}),
        ),
        ("an object id in a list", json!({"objectId": [OBJECT_ID]})),
        ("a client in a list", json!({"clientId": [TRADE]})),
        (
            "a correlation id in an object",
            json!({"correlationId": {}}),
        ),
        ("locales in a list", json!({"uiLocales": ["en"]})),
        ("an account in a list", json!({"issuerUserId": ["1"]})),
        ("both spellings of the locale", json!({"uiLocale": "en"})),
        (
            "both spellings of verified",
            json!({"emailVerified": true, "email_verified": true}),
        ),
    ];
    let unverified = [
        ("no address", json!({"email": null})),
        ("an empty address", json!({"email": ""})),
        ("a number", json!({"email": 5})),
        ("a truth value", json!({"email": true})),
        (
            "two addresses",
            json!({"email": "one@example.org, two@example.org"}),
        ),
        (
            "NUL in the address",
            json!({"email": "one\u{0}@example.org"}),
        ),
        (
            "white space at the end",
            json!({"email": "one@example.org\u{a0}"}),
        ),
        (
            "a very long address",
            json!({"email": format!("{long}@example.org")}),
        ),
        (
            "NUL in the provider",
            json!({"identityProvider": "google.com\u{0}"}),
        ),
        ("a very long provider", json!({"identityProvider": long})),
        ("a number for a provider", json!({"identityProvider": 1})),
        ("verified in a list", json!({"email_verified": [true]})),
        (
            "verified in an object",
            json!({"email_verified": {"true": true}}),
        ),
    ];
    for (why, changes) in malformed {
        assert_refused_everywhere(&service, &with(good.clone(), changes), MALFORMED, why).await;
    }
    for (why, changes) in unverified {
        assert_refused_everywhere(&service, &with(good.clone(), changes), UNVERIFIED, why).await;
    }
    for (why, email) in [
        ("a quoted local part", "\"a b\"@example.org"),
        ("the Kelvin sign", "\u{212A}im@example.org"),
    ] {
        let claims = with(good.clone(), json!({"email": email}));
        assert_refused_everywhere(&service, &claims, NOT_COMPARABLE, why).await;
    }
    for (why, client_id) in [
        ("no client", json!(null)),
        ("a number for a client", json!(5)),
        (
            "an unknown client",
            json!("11111111-2222-3333-4444-555555555555"),
        ),
    ] {
        let claims = with(good.clone(), json!({"clientId": client_id}));
        assert_refused_everywhere(&service, &claims, UNKNOWN_APPLICATION, why).await;
    }
    for (why, object_id) in [
        ("no object id", json!(null)),
        ("an empty one", json!("")),
        (
            "a constant",
            json!("Not supported currently. Use oid claim."),
        ),
        ("a number", json!(7)),
    ] {
        let claims = with(good.clone(), json!({"objectId": object_id}));
        assert_link(&ask(&service, LINK, &claims).await, "", "refused", why);
    }
    assert!(service.store.links(&usmf(), None).await.unwrap().is_empty());
}

async fn assert_refused_everywhere(service: &Service, claims: &Value, refusal: Told, why: &str) {
    let check = ask(service, CHECK, claims).await;
    // Nothing of what was not understood is repeated.
    let request_id = match refusal {
        MALFORMED => check.json()["requestId"].as_str().unwrap().to_owned(),
        _ => CORRELATION.to_owned(),
    };
    assert_conflict(&check, refusal, &request_id, why);
    assert_blocked(&ask(service, OUTCOME, claims).await, refusal.0, why);
    assert_link(&ask(service, LINK, claims).await, "", "refused", why);
}

#[tokio::test]
async fn a_null_is_taken_for_a_claim_that_was_not_sent() {
    let (service, _database) = business(|_| {}).await;
    let text = format!(
        r#"{{"clientId":"{TRADE}","email":"one@example.org","identityProvider":null,
            "issuerUserId":null,"uiLocales":null,"correlationId":null}}"#
    );
    let request = service
        .post(&path(CHECK))
        .basic_auth(USERNAME, Some(PASSWORD))
        .header("Content-Type", "application/json")
        .body(text);
    let reply = answer(request, "nulls").await;
    assert_passed(&reply, json!({"customerId": "B1"}), "nulls");
}

#[tokio::test]
async fn what_is_said_twice_or_unreadably_is_not_understood() {
    let (service, _database) = business(|_| {}).await;
    let json = |name: &str, body: Vec<u8>| {
        service
            .post(&path(name))
            .header("Content-Type", "application/json")
            .body(body)
    };
    let form = |name: &str, body: &str| {
        service
            .post(&path(name))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.to_owned())
    };
    let get = |name: &str, query: &str| service.get(&format!("{}?{query}", path(name)));
    let good = claims(TRADE, "one@example.org").to_string();
    let pairs = format!("clientId={TRADE}&email=one@example.org&objectId={OBJECT_ID}");
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for name in SERVICES {
        let requests = [
            ("empty", json(name, Vec::new())),
            (
                "truncated",
                json(name, good.as_bytes()[..good.len() - 1].to_vec()),
            ),
            ("no object", json(name, b"[]".to_vec())),
            ("null", json(name, b"null".to_vec())),
            ("no UTF-8", json(name, vec![0xFF, 0xFE, b'{', b'}'])),
            (
                "deep",
                json(name, format!(r#"{{"x":{deep},{}"#, &good[1..]).into_bytes()),
            ),
            (
                "repeated member",
                json(
                    name,
                    format!(r#"{{"email":"x@example.org",{}"#, &good[1..]).into_bytes(),
                ),
            ),
            (
                "repeated by escape",
                json(
                    name,
                    format!(r#"{{"\u0065mail":"x@example.org",{}"#, &good[1..]).into_bytes(),
                ),
            ),
            (
                "repeated parameter",
                form(name, &format!("{pairs}&email=x@example.org")),
            ),
            (
                "repeated and unknown",
                form(name, &format!("{pairs}&x=1&x=2")),
            ),
            (
                "repeated by escape",
                form(name, &format!("{pairs}&%65mail=x@example.org")),
            ),
            ("no UTF-8", form(name, &format!("{pairs}&givenName=%FF"))),
            (
                "repeated in the query",
                get(name, &format!("{pairs}&email=x@example.org")),
            ),
            (
                "no UTF-8 in the query",
                get(name, &format!("{pairs}&x=%C3")),
            ),
            (
                "repeated header",
                service
                    .get(&path(name))
                    .header("clientId", TRADE)
                    .header("email", "one@example.org")
                    .header("Email", "x@example.org"),
            ),
            (
                "query and header",
                get(name, &pairs).header("EMAIL", "one@example.org"),
            ),
            (
                "no UTF-8 in a header",
                get(name, &pairs).header("uiLocales", &b"\xFF\xFE"[..]),
            ),
        ];
        for (why, request) in requests {
            let why = format!("{name}: {why}");
            let reply = answer(request.basic_auth(USERNAME, Some(PASSWORD)), &why).await;
            match name {
                CHECK => {
                    let request_id = reply.json()["requestId"].as_str().unwrap().to_owned();
                    assert_conflict(&reply, MALFORMED, &request_id, &why);
                }
                OUTCOME => drop(assert_blocked(&reply, GENERAL, &why)),
                _ => assert_link(&reply, "", "refused", &why),
            }
        }
    }
    assert!(service.store.links(&usmf(), None).await.unwrap().is_empty());
}

#[tokio::test]
async fn names_have_their_case_everywhere_but_in_headers() {
    let (service, _database) = business(|_| {}).await;
    let shouted = json!({
        "CLIENTID": TRADE, "EMAIL": "one@example.org", "CORRELATIONID": CORRELATION
    });
    for transport in TRANSPORTS {
        let why = format!("{transport:?}");
        let reply = answer(request(&service, CHECK, transport, &shouted), &why).await;
        match transport {
            Transport::Header => drop(assert_passed(&reply, json!({"customerId": "B1"}), &why)),
            _ => assert_eq!(reply.json()["code"], "Idlink_UnknownApplication", "{why}"),
        }
    }
    let body = format!("\u{FEFF}{}", claims(TRADE, "one@example.org"));
    let request = service
        .post(&path(CHECK))
        .basic_auth(USERNAME, Some(PASSWORD))
        .header("Content-Type", "application/json")
        .body(body);
    let reply = answer(request, "BOM").await;
    assert_passed(&reply, json!({"customerId": "B1"}), "a byte order mark");
}

#[tokio::test]
async fn switched_off_or_observing_everybody_continues() {
    let (service, _database) = business(|setup| setup.shop.mode = Mode::Observe).await;
    let observed = claims(SHOP, "two@example.org");
    assert_passed(
        &ask(&service, CHECK, &observed).await,
        json!({}),
        "observed",
    );
    assert_allowed(&ask(&service, OUTCOME, &observed).await, "", "observed");
    let reply = ask(&service, LINK, &signed_in(observed)).await;
    assert_link(&reply, "", "none", "observed");

    turn(&service.store, Switch::Off).await;
    assert_undecided(&service, TRADE).await;
}

#[tokio::test]
async fn a_site_that_is_off_is_asked_nothing() {
    let (service, _database) = business(|setup| setup.trade.mode = Mode::Off).await;
    assert_undecided(&service, TRADE).await;
}

/// Nothing is decided, so there is no attempt either.
async fn assert_undecided(service: &Service, site: &str) {
    let claims = claims(site, "new@example.org");
    let reply = ask(service, CHECK, &claims).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "{}"));
    let reply = ask(service, OUTCOME, &claims).await;
    assert_eq!(
        (reply.status.as_u16(), reply.text.as_str()),
        (
            200,
            r#"{"outcome":"allow","message":"","customerId":"","checkId":""}"#
        )
    );
    let reply = ask(service, LINK, &signed_in(claims)).await;
    assert_eq!(
        (reply.status.as_u16(), reply.text.as_str()),
        (200, r#"{"customerId":"","customerLink":"none"}"#)
    );
}

#[tokio::test]
async fn a_site_may_take_people_whose_address_nobody_vouches_for() {
    let (service, _database) = business(|setup| {
        setup.shop.rules.unverified_email = UnverifiedEmail::Separate;
    })
    .await;
    let claims = federated(claims(SHOP, "one@example.org"), "facebook.com");
    assert_passed(&ask(&service, CHECK, &claims).await, json!({}), "separate");
    assert_allowed(&ask(&service, OUTCOME, &claims).await, "", "separate");
    let reply = ask(&service, LINK, &signed_in(claims)).await;
    assert_link(&reply, "C000001", "linked", "a customer of their own");
}

#[tokio::test]
async fn a_site_that_fears_enumeration_gives_every_refusal_one_body() {
    let (service, _database) = business(|setup| {
        setup.trade.disclosure = Disclosure::Uniform;
    })
    .await;
    let refusal = (
        "not_possible",
        "Idlink_SignUpNotPossible",
        "SignUpNotPossible",
    );
    for claims in [
        claims(TRADE, "new@example.org"),
        claims(TRADE, "two@example.org"),
        federated(claims(TRADE, "one@example.org"), "facebook.com"),
    ] {
        let reply = ask(&service, CHECK, &claims).await;
        assert_conflict(&reply, refusal, CORRELATION, "uniform");
        assert_blocked(
            &ask(&service, OUTCOME, &claims).await,
            "not_possible",
            "uniform",
        );
    }
}

#[tokio::test]
async fn callers_without_the_tenants_credentials_get_401_and_no_detail() {
    let (service, _database) = business(|_| {}).await;
    let broken = r#"{"email""#;
    for name in SERVICES {
        let post = || {
            service
                .post(&path(name))
                .header("Content-Type", "application/json")
                .body(broken)
        };
        let get = || {
            service
                .get(&path(name))
                .query(&[("email", "one@example.org")])
        };
        let elsewhere = service
            .post(&format!("/connectors/fabrikam/custom-policy/{name}"))
            .basic_auth(USERNAME, Some(PASSWORD));
        for (why, request) in [
            ("none", post()),
            ("none, by GET", get()),
            ("wrong password", post().basic_auth(USERNAME, Some("x"))),
            ("wrong user, by GET", get().basic_auth("x", Some(PASSWORD))),
            ("bearer", post().bearer_auth(PASSWORD)),
            ("another tenant", elsewhere),
        ] {
            let reply = send(request).await;
            assert_eq!(reply.status, 401, "{name}: {why}");
            assert_eq!(reply.content_type, "application/json", "{name}: {why}");
            assert_eq!(
                reply.json(),
                json!({"error": "unauthorized"}),
                "{name}: {why}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_of_the_wrong_kind_or_size_is_refused_unread() {
    let (service, _database) = business(|_| {}).await;
    let post = |content_type: &str, body: Vec<u8>| {
        service
            .post(&path(CHECK))
            .basic_auth(USERNAME, Some(PASSWORD))
            .header("Content-Type", content_type)
            .body(body)
    };
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    for (why, request, expected) in [
        ("text", post("text/plain", b"{}".to_vec()), 415),
        (
            "UTF-16",
            post("application/json; charset=utf-16", b"{}".to_vec()),
            415,
        ),
        (
            "multipart",
            post("multipart/form-data; boundary=x", b"--x".to_vec()),
            415,
        ),
        (
            "gzip",
            post(json, b"{}".to_vec()).header("Content-Encoding", "gzip"),
            415,
        ),
        (
            "gzip",
            post(form, b"a=b".to_vec()).header("Content-Encoding", "gzip"),
            415,
        ),
        ("too large", post(json, vec![b' '; 70 << 10]), 413),
        ("too large", post(form, vec![b'a'; 70 << 10]), 413),
    ] {
        let reply = answer(request, why).await;
        assert_eq!(reply.status, expected, "{why}");
        assert_eq!(
            reply.json(),
            json!({"error": "unacceptable request"}),
            "{why}"
        );
    }
}

#[tokio::test]
async fn without_a_database_each_service_has_its_own_words() {
    let service = Service::start_cold(nowhere()).await;
    assert_outage(&service, TRADE).await;
}

fn nowhere() -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.host("/nonexistent").dbname("idlink").user("idlink");
    config
}

async fn assert_outage(service: &Service, site: &str) {
    let claims = claims(site, "one@example.org");
    let token = signed_in(claims.clone());
    let (check, outcome, link) = tokio::join!(
        ask(service, CHECK, &claims),
        ask(service, OUTCOME, &claims),
        ask(service, LINK, &token)
    );
    assert_conflict(&check, TRY_LATER, CORRELATION, "check");
    assert_blocked(&outcome, "try_again_later", "outcome");
    assert_link(&link, "", "unavailable", "link");
}

#[tokio::test]
async fn a_site_may_let_sign_ups_pass_in_an_outage() {
    let service = Service::on(cold_store(nowhere()), |setup| {
        setup.shop.outage = Outage::Continue;
    })
    .await;
    let claims = claims(SHOP, "one@example.org");
    let reply = ask(&service, CHECK, &claims).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "{}"));
    let reply = ask(&service, OUTCOME, &claims).await;
    assert_eq!(
        (reply.status.as_u16(), reply.text.as_str()),
        (
            200,
            r#"{"outcome":"allow","message":"","customerId":"","checkId":""}"#
        )
    );
    let reply = ask(&service, LINK, &signed_in(claims)).await;
    assert_link(&reply, "", "unavailable", "link");
}

#[tokio::test]
async fn a_stalled_database_is_answered_for_within_the_deadline() {
    let server = own_server().await;
    let service = Service::on(store(server.config()).await, |_| {}).await;
    // Connections are open, as in a service that has been running.
    ask(&service, CHECK, &claims(SHOP, "one@example.org")).await;
    server.signal_all("STOP");
    let asked = Instant::now();
    assert_outage(&service, TRADE).await;
    let waited = asked.elapsed();
    server.signal_all("CONT");
    assert!(waited < Duration::from_millis(8800), "{waited:?}");
    let reply = ask(&service, CHECK, &claims(TRADE, "one@example.org")).await;
    assert_conflict(&reply, NOT_FOUND, CORRELATION, "recovered by itself");
}

#[tokio::test]
async fn a_killed_database_is_answered_for_and_found_again() {
    let server = own_server().await;
    let service = Service::on(store(server.config()).await, |_| {}).await;
    ask(&service, CHECK, &claims(TRADE, "one@example.org")).await;
    server.signal_all("KILL");
    assert_outage(&service, TRADE).await;
    let _server = server.restart().await;
    let reply = ask(&service, OUTCOME, &claims(TRADE, "one@example.org")).await;
    assert_blocked(&reply, "customer_not_found", "recovered by itself");
}
