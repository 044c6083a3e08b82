//! The dialect of B2C user flows, over HTTP. Expected replies are written out
//! from contracts.md §1.4 and §7.1.

use std::time::{Duration, Instant};

use idlink::domain::customer::CustomerType;
use idlink::domain::site::{Mode, Outage};
use idlink::domain::tenant::{ClaimNames, MissingProvider};
use idlink::store::features::Switch;
use serde_json::{Value, json};

use crate::support::business::{OnFile, turn, usmf};
use crate::support::postgres::own_server;
use crate::support::service::{PASSWORD, Reply, SHOP, Service, TRADE, USERNAME, send};

pub(crate) const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";

pub(crate) fn local(client_id: &str, email: &str) -> Value {
    json!({
        "step": "PostAttributeCollection",
        "client_id": client_id,
        "ui_locales": "en-US",
        "email": email,
        "displayName": "Jonas Weber"
    })
}

pub(crate) fn federated(step: &str, client_id: &str, issuer: &str, email: &str) -> Value {
    json!({
        "email": email,
        "identities": [
            {"signInType": "federated", "issuer": issuer, "issuerAssignedId": "104477002981"}
        ],
        "displayName": "Mina Kaur",
        "givenName": "Mina",
        "surname": "Kaur",
        "step": step,
        "client_id": client_id,
        "ui_locales": "en-US"
    })
}

pub(crate) fn token(client_id: &str, email: &str) -> Value {
    json!({
        "client_id": client_id,
        "step": "PreTokenIssuance",
        "ui_locales": "en-US",
        "email": email,
        "objectId": OBJECT_ID,
        "displayName": "Mina Kaur"
    })
}

/// A Continue with exactly these claims, to the last member.
pub(crate) fn assert_continue(reply: &Reply, claims: Value, why: &str) {
    let mut expected = json!({"version": "1.0.0", "action": "Continue"});
    for (name, value) in claims.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    assert_eq!(reply.content_type, "application/json", "{why}");
    assert_eq!(reply.json(), expected, "{why}");
}

/// A block page whose text begins with `topic`. Returns the reference in it.
pub(crate) fn assert_block(reply: &Reply, topic: &str, why: &str) -> String {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    assert_eq!(reply.content_type, "application/json", "{why}");
    let body = reply.json();
    let text = body["userMessage"].as_str().unwrap();
    let reference = text.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(text, format!("{topic} sign_up {reference}"), "{why}");
    assert_eq!(reference.len(), 9, "{why}");
    assert_eq!(
        body,
        json!({"version": "1.0.0", "action": "ShowBlockPage", "userMessage": text}),
        "{why}"
    );
    reference
}

/// The page for people of whom not even the site is known, in the built-in
/// words.
pub(crate) fn assert_general_page(reply: &Reply, why: &str) {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    assert_eq!(reply.content_type, "application/json", "{why}");
    let body = reply.json();
    let text = body["userMessage"].as_str().unwrap();
    assert!(text.starts_with("We cannot sign you up"), "{why}: {text}");
    assert_eq!(
        body,
        json!({"version": "1.0.0", "action": "ShowBlockPage", "userMessage": text}),
        "{why}"
    );
}

pub(crate) fn assert_validation_error(reply: &Reply, topic: &str) {
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.content_type, "application/json");
    let body = reply.json();
    let text = body["userMessage"].as_str().unwrap();
    assert!(text.starts_with(topic), "{text}");
    assert_eq!(
        body,
        json!({
            "version": "1.0.0", "status": 400, "action": "ValidationError", "userMessage": text
        })
    );
}

pub(crate) async fn business() -> (Service, crate::support::postgres::Database) {
    let (service, database) = Service::start(|_| {}).await;
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

#[tokio::test]
async fn the_rows_of_the_table_before_the_identity_exists() {
    let (service, _database) = business().await;
    let number = |number: &str| json!({"extension_CustomerId": number});

    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_continue(&reply, number("B1"), "one at a B2B site");
    let reply = service.ask(&local(SHOP, "One@Example.ORG")).await;
    assert_continue(&reply, number("C1"), "one at a B2C site");
    let reply = service.ask(&local(TRADE, "new@example.org")).await;
    assert_block(&reply, "customer_not_found", "none at a B2B site");
    let reply = service.ask(&local(SHOP, "new@example.org")).await;
    assert_continue(&reply, json!({}), "none at a B2C site");
    for site in [TRADE, SHOP] {
        let reply = service.ask(&local(site, "two@example.org")).await;
        assert_block(&reply, "multiple_customers", "several");
    }
}

#[tokio::test]
async fn asking_changes_no_customer_and_no_link_however_often() {
    let (service, database) = business().await;
    for _ in 0..5 {
        service.ask(&local(SHOP, "new@example.org")).await;
        service.ask(&local(TRADE, "one@example.org")).await;
    }
    let sql = crate::support::postgres::connect(&database.config()).await;
    for (table, expected) in [
        ("customer", 6_i64),
        ("identity_link", 0),
        ("email_slot", 0),
        ("audit", 0),
        ("outbox", 0),
        ("sign_up_attempt", 2),
    ] {
        let count = format!("SELECT count(*) FROM {table}");
        let found: i64 = sql.query_one(&count, &[]).await.unwrap().get(0);
        assert_eq!(found, expected, "{table}");
    }
}

#[tokio::test]
async fn a_local_account_may_come_in_either_shape() {
    let (service, _database) = business().await;
    let by_identity = json!({
        "step": "PostAttributeCollection",
        "client_id": TRADE,
        "ui_locales": "de",
        "displayName": "Jonas Weber",
        "identities": [{
            "signInType": "emailAddress",
            "issuer": "aurorabank.onmicrosoft.com",
            "issuerAssignedId": "one@example.org"
        }]
    });
    let reply = service.ask(&by_identity).await;
    assert_continue(&reply, json!({"extension_CustomerId": "B1"}), "identities");
    let mut contradicting = by_identity.clone();
    contradicting["email"] = json!("two@example.org");
    let reply = service.ask(&contradicting).await;
    assert_block(&reply, "unverified_address", "two addresses");
}

#[tokio::test]
async fn only_a_listed_provider_may_match() {
    let (service, _database) = business().await;
    let ask = |issuer: &str| {
        let body = federated("PostAttributeCollection", TRADE, issuer, "one@example.org");
        let service = &service;
        async move { service.ask(&body).await }
    };
    let reply = ask("google.com").await;
    assert_continue(&reply, json!({"extension_CustomerId": "B1"}), "listed");
    for issuer in [
        "facebook.com",
        "Google.com",
        "google.com.evil.example",
        "local",
        "",
    ] {
        let reply = ask(issuer).await;
        // `local` is a name of ours: no federation may come under it.
        assert_block(&reply, "unverified_address", issuer);
    }
}

#[tokio::test]
async fn one_untrusted_identity_among_several_is_enough_to_refuse() {
    let (service, _database) = business().await;
    let mut body = federated(
        "PostAttributeCollection",
        TRADE,
        "google.com",
        "one@example.org",
    );
    body["identities"]
        .as_array_mut()
        .unwrap()
        .push(json!({"signInType": "federated", "issuer": "x.example", "issuerAssignedId": "1"}));
    assert_block(
        &service.ask(&body).await,
        "unverified_address",
        "an untrusted one",
    );
}

#[tokio::test]
async fn after_a_federation_only_the_certain_is_refused() {
    let (service, _database) = business().await;
    let at = |issuer: &str, email: &str| federated("PostFederationSignup", TRADE, issuer, email);
    let reply = service.ask(&at("google.com", "new@example.org")).await;
    assert_continue(&reply, json!({}), "decided later");
    let reply = service.ask(&at("google.com", "one@example.org")).await;
    assert_continue(&reply, json!({}), "no number yet");
    let reply = service.ask(&at("facebook.com", "one@example.org")).await;
    assert_block(&reply, "unverified_address", "untrusted");
    let mut body = at("x", "one@example.org");
    body.as_object_mut().unwrap().remove("identities");
    let reply = service.ask(&body).await;
    assert_block(&reply, "unverified_address", "an unknown provider");
}

#[tokio::test]
async fn a_tenant_with_custom_providers_takes_missing_identities_for_nothing() {
    let (service, _database) = Service::start(|setup| {
        setup.tenant.missing_identities = MissingProvider::Unverified;
    })
    .await;
    let reply = service.ask(&local(SHOP, "new@example.org")).await;
    assert_block(&reply, "unverified_address", "no identities");
}

#[tokio::test]
async fn the_token_step_records_the_link_and_always_continues() {
    let (service, _database) = business().await;
    let linked =
        |number: &str| json!({"extension_CustomerId": number, "extension_CustomerLink": "linked"});
    let refused = json!({"extension_CustomerId": "", "extension_CustomerLink": "refused"});

    let reply = service.ask(&token(TRADE, "two@example.org")).await;
    assert_continue(&reply, refused.clone(), "several");
    let reply = service.ask(&token(TRADE, "new@example.org")).await;
    assert_continue(&reply, refused.clone(), "none");
    OnFile::person("B9", "new@example.org", CustomerType::B2b)
        .add(&service.store)
        .await;
    for why in ["approved since", "at every sign-in"] {
        let reply = service.ask(&token(TRADE, "new@example.org")).await;
        assert_continue(&reply, linked("B9"), why);
    }
    let links = service.store.links(&usmf(), None).await.unwrap();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].subject, OBJECT_ID);
    assert_eq!(links[0].provider, "local");
}

#[tokio::test]
async fn the_token_step_creates_a_customer_on_a_b2c_site() {
    let (service, _database) = business().await;
    let reply = service.ask(&token(SHOP, "new@example.org")).await;
    assert_continue(
        &reply,
        json!({"extension_CustomerId": "C000001", "extension_CustomerLink": "linked"}),
        "created",
    );
}

#[tokio::test]
async fn the_token_step_is_understood_in_both_spellings() {
    let (service, _database) = business().await;
    let mut body = token(TRADE, "one@example.org");
    let members = body.as_object_mut().unwrap();
    members.remove("client_id");
    members.insert("clientId".to_owned(), json!(TRADE));
    members.insert("step".to_owned(), json!("PreTokenApplicationClaims"));
    let reply = service.ask(&body).await;
    assert_continue(
        &reply,
        json!({"extension_CustomerId": "B1", "extension_CustomerLink": "linked"}),
        "clientId",
    );
}

#[tokio::test]
async fn the_token_step_without_an_object_id_or_site_still_continues() {
    let (service, _database) = business().await;
    let refused = json!({"extension_CustomerId": "", "extension_CustomerLink": "refused"});
    let mut body = token(TRADE, "one@example.org");
    body["objectId"] = json!("Not supported currently. Use oid claim.");
    assert_continue(&service.ask(&body).await, refused.clone(), "constant");
    body.as_object_mut().unwrap().remove("objectId");
    assert_continue(&service.ask(&body).await, refused.clone(), "missing");
    let body = token("11111111-2222-3333-4444-555555555555", "one@example.org");
    assert_continue(&service.ask(&body).await, refused, "unknown application");
}

#[tokio::test]
async fn claims_carry_the_tenants_app_id() {
    let (service, _database) = Service::start(|setup| {
        let app_id = Some("a3f09c1b7d6e4c58b2e1905f4d7a6c33");
        setup.tenant.claims = ClaimNames::new(app_id, "Kundennummer", None);
    })
    .await;
    OnFile::person("B1", "one@example.org", CustomerType::B2b)
        .add(&service.store)
        .await;
    let name = "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Kundennummer";
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_continue(&reply, json!({name: "B1"}), "asked");
    let reply = service.ask(&token(TRADE, "one@example.org")).await;
    assert_continue(&reply, json!({name: "B1"}), "no attribute for the link");
}

#[tokio::test]
async fn a_question_asked_twice_gets_the_same_bytes_and_reference() {
    let (service, database) = business().await;
    let body = local(TRADE, "new@example.org");
    let (first, second) = tokio::join!(service.ask(&body), service.ask(&body));
    let third = service.ask(&body).await;
    assert_eq!(first.text, second.text);
    assert_eq!(first.text, third.text);
    // Another instance on the same database, as after a restart.
    let other = Service::on(
        crate::support::business::cold_store(database.config()),
        |_| {},
    )
    .await;
    assert_eq!(other.ask(&body).await.text, first.text);
    let reference = assert_block(&first, "customer_not_found", "refused");
    let sql = crate::support::postgres::connect(&database.config()).await;
    let rows = sql
        .query("SELECT reference, times_asked FROM sign_up_attempt", &[])
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), reference);
    assert_eq!(rows[0].get::<_, i32>(1), 4);
}

#[tokio::test]
async fn after_thirty_seconds_it_is_another_question() {
    let (service, database) = business().await;
    let body = local(TRADE, "new@example.org");
    let first = service.ask(&body).await;
    let sql = crate::support::postgres::connect(&database.config()).await;
    sql.batch_execute("UPDATE sign_up_attempt SET asked_at = asked_at - interval '31 s'")
        .await
        .unwrap();
    let second = service.ask(&body).await;
    assert_ne!(first.text, second.text);
    let rows = sql
        .query("SELECT 1 FROM sign_up_attempt", &[])
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn a_repeated_question_is_decided_by_todays_data() {
    let (service, _database) = business().await;
    let body = local(TRADE, "new@example.org");
    assert_block(&service.ask(&body).await, "customer_not_found", "before");
    OnFile::person("B9", "new@example.org", CustomerType::B2b)
        .add(&service.store)
        .await;
    assert_continue(
        &service.ask(&body).await,
        json!({"extension_CustomerId": "B9"}),
        "approved",
    );
}

#[tokio::test]
async fn a_linked_customer_is_refused_before_a_second_identity_exists() {
    let (service, _database) = business().await;
    service.ask(&token(TRADE, "one@example.org")).await;
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_block(&reply, "already_linked", "same provider");
    let social = federated(
        "PostAttributeCollection",
        TRADE,
        "google.com",
        "one@example.org",
    );
    let reply = service.ask(&social).await;
    assert_continue(&reply, json!({"extension_CustomerId": "B1"}), "another");
}

#[tokio::test]
async fn switched_off_or_observing_everybody_continues() {
    let (service, _database) = Service::start(|setup| {
        setup.shop.mode = Mode::Observe;
    })
    .await;
    OnFile::person("C1", "one@example.org", CustomerType::B2c)
        .add(&service.store)
        .await;
    let none = json!({"extension_CustomerId": "", "extension_CustomerLink": "none"});
    let reply = service.ask(&local(SHOP, "one@example.org")).await;
    assert_continue(&reply, json!({}), "observed");
    let reply = service.ask(&token(SHOP, "one@example.org")).await;
    assert_continue(&reply, none.clone(), "observed");

    turn(&service.store, Switch::Off).await;
    let reply = service.ask(&local(TRADE, "new@example.org")).await;
    assert_continue(&reply, json!({}), "off");
    let reply = service.ask(&token(TRADE, "new@example.org")).await;
    assert_continue(&reply, none, "off");
    let untrusted = federated("PostFederationSignup", TRADE, "x.example", "a@example.org");
    let reply = service.ask(&untrusted).await;
    assert_continue(&reply, json!({}), "off");
}

#[tokio::test]
async fn callers_without_the_tenants_credentials_get_401_and_no_detail() {
    let (service, _database) = business().await;
    let body = local(TRADE, "one@example.org").to_string();
    let path = "/connectors/contoso/user-flow";
    let request = || {
        service
            .post(path)
            .header("Content-type", "application/json")
            .body(body.clone())
    };
    let elsewhere = service
        .post("/connectors/fabrikam/user-flow")
        .header("Content-type", "application/json")
        .basic_auth(USERNAME, Some(PASSWORD))
        .body(body.clone());
    let cases = [
        ("none", request()),
        ("wrong password", request().basic_auth(USERNAME, Some("x"))),
        (
            "wrong user",
            request().basic_auth("somebody", Some(PASSWORD)),
        ),
        ("no password", request().basic_auth(USERNAME, Some(""))),
        ("bearer", request().bearer_auth(PASSWORD)),
        ("another tenant", elsewhere),
    ];
    for (why, request) in cases {
        let reply = send(request).await;
        assert_eq!(reply.status, 401, "{why}");
        assert_eq!(reply.content_type, "application/json", "{why}");
        assert_eq!(reply.json(), json!({"error": "unauthorized"}), "{why}");
    }
    // base64("b2c-caller:s3:cret"), the scheme in lower case.
    let reply = send(request().header("Authorization", "basic YjJjLWNhbGxlcjpzMzpjcmV0")).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_request_that_cannot_be_understood_gets_a_page_and_never_a_5xx() {
    let (service, _database) = business().await;
    let good = local(TRADE, "one@example.org").to_string();
    let pages = [
        ("truncated", good[..good.len() - 1].to_owned()),
        ("empty", String::new()),
        ("no object", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("no step", json!({"client_id": TRADE}).to_string()),
        (
            "unknown step",
            json!({"step": "X", "client_id": TRADE}).to_string(),
        ),
        (
            "no client",
            json!({"step": "PostAttributeCollection"}).to_string(),
        ),
        (
            "unknown client",
            json!({"step": "PostAttributeCollection", "client_id": "x"}).to_string(),
        ),
        (
            "wrong type",
            json!({"step": "PostAttributeCollection", "client_id": TRADE, "email": ["a@b.c"]})
                .to_string(),
        ),
        (
            "repeated member",
            format!(r#"{{"email":"x@example.org",{}"#, &good[1..]),
        ),
        (
            "deep",
            format!(
                r#"{{"x":{}{},{}"#,
                "[".repeat(500),
                "]".repeat(500),
                &good[1..]
            ),
        ),
    ];
    for (why, body) in pages {
        let reply = send(service.user_flow().body(body)).await;
        assert_general_page(&reply, why);
    }
    let odd_addresses = [
        "",
        "nobody",
        "a\u{0}@example.org",
        "\"a b\"@example.org",
        "\u{212A}im@example.org",
        "one@example.org, two@example.org",
    ];
    for address in odd_addresses {
        let reply = service.ask(&local(TRADE, address)).await;
        assert_block(&reply, "unverified_address", address);
    }
    let no_address = json!({"step": "PostAttributeCollection", "client_id": TRADE, "email": null});
    let reply = service.ask(&no_address).await;
    assert_block(&reply, "unverified_address", "none");
    let reply = send(service.user_flow().body(vec![0xFF, 0xFE, b'{', b'}'])).await;
    assert_general_page(&reply, "no UTF-8");
    let reply = send(
        service
            .user_flow()
            .body([b"\xEF\xBB\xBF", good.as_bytes()].concat()),
    )
    .await;
    assert_continue(&reply, json!({"extension_CustomerId": "B1"}), "BOM");
}

#[tokio::test]
async fn a_body_of_the_wrong_kind_or_size_is_refused_unread() {
    let (service, _database) = business().await;
    let path = "/connectors/contoso/user-flow";
    let request = || {
        service
            .post(path)
            .basic_auth(USERNAME, Some(PASSWORD))
            .body(local(TRADE, "one@example.org").to_string())
    };
    let json = ("Content-Type", "application/json");
    let cases = [
        ("no type", request(), 415),
        ("text", request().header("Content-Type", "text/plain"), 415),
        (
            "compressed",
            request()
                .header(json.0, json.1)
                .header("Content-Encoding", "gzip"),
            415,
        ),
        (
            "10 MB",
            request().header(json.0, json.1).body(vec![b' '; 10 << 20]),
            413,
        ),
        (
            "charset",
            request().header(json.0, "application/json; charset=utf-8"),
            200,
        ),
    ];
    for (why, request, expected) in cases {
        let Ok(response) = request.send().await else {
            // The service answered and closed while the body was being sent.
            assert_eq!(why, "10 MB");
            continue;
        };
        assert_eq!(response.status(), expected, "{why}");
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{why}"
        );
    }
}

#[tokio::test]
async fn without_a_database_each_step_has_its_own_words() {
    let mut config = tokio_postgres::Config::new();
    config.host("/nonexistent").dbname("idlink").user("idlink");
    let service = Service::start_cold(config).await;
    assert_outage(&service).await;
}

async fn assert_outage(service: &Service) {
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_validation_error(&reply, "try_again_later sign_up");
    let social = federated(
        "PostFederationSignup",
        TRADE,
        "google.com",
        "one@example.org",
    );
    assert_block(&service.ask(&social).await, "try_again_later", "social");
    let reply = service.ask(&token(TRADE, "one@example.org")).await;
    assert_continue(
        &reply,
        json!({"extension_CustomerId": "", "extension_CustomerLink": "unavailable"}),
        "token",
    );
}

#[tokio::test]
async fn a_site_may_let_sign_ups_pass_in_an_outage() {
    let mut config = tokio_postgres::Config::new();
    config.host("/nonexistent").dbname("idlink").user("idlink");
    let service = Service::on(crate::support::business::cold_store(config), |setup| {
        setup.shop.outage = Outage::Continue;
    })
    .await;
    let reply = service.ask(&local(SHOP, "one@example.org")).await;
    assert_continue(&reply, json!({}), "no number");
}

#[tokio::test]
async fn a_stalled_database_is_answered_for_within_the_deadline() {
    let server = own_server().await;
    let service = Service::on(
        crate::support::business::store(server.config()).await,
        |_| {},
    )
    .await;
    // Connections are open, as in a service that has been running.
    service.ask(&local(TRADE, "one@example.org")).await;
    server.signal_all("STOP");
    let asked = Instant::now();
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    let waited = asked.elapsed();
    server.signal_all("CONT");
    assert_validation_error(&reply, "try_again_later sign_up");
    assert!(waited < Duration::from_millis(4800), "{waited:?}");
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_block(&reply, "customer_not_found", "recovered by itself");
}

#[tokio::test]
async fn a_killed_database_is_answered_for_and_found_again() {
    let server = own_server().await;
    let service = Service::on(
        crate::support::business::store(server.config()).await,
        |_| {},
    )
    .await;
    service.ask(&local(TRADE, "one@example.org")).await;
    // All of them: a backend outlives its postmaster by a moment.
    server.signal_all("KILL");
    assert_outage(&service).await;
    let _server = server.restart().await;
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_block(&reply, "customer_not_found", "recovered by itself");
}
