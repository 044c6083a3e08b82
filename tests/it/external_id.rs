//! The dialect of External ID's custom authentication extensions, over HTTP.
//! Requests and expected replies are written out from contracts.md §4 and §7.

use std::time::{Duration, Instant};

use idlink::domain::customer::{CustomerState, CustomerType};
use idlink::domain::identity::Provider;
use idlink::domain::site::{Mode, Outage, SecondIdentity, UnverifiedEmail};
use idlink::domain::tenant::{EmailOtp, MissingProvider, Platform};
use idlink::domain::trust::Trust;
use idlink::store::features::Switch;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::business::{OnFile, cold_store, store, turn, usmf};
use crate::support::external::{ATTRIBUTE, BY_DIRECTORY, External};
use crate::support::postgres::{Database, connect, own_server};
use crate::support::service::{Reply, SHOP, TRADE, send};

const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
pub(crate) const SIGN_UP: &str = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";
const OTHER_SIGN_UP: &str = "0b8de2f4-7f9d-4e0e-8a37-0d2c8fb1f6c2";

/// Where shapes differ between the documents and captured traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Documented,
    Captured,
}

const SHAPES: [Shape; 2] = [Shape::Documented, Shape::Captured];

fn context(client_id: &str, sign_up: &str) -> Value {
    json!({
        "correlationId": sign_up,
        "client": { "ip": "2001:db8::42", "locale": "en-us", "market": "en-us" },
        "protocol": "OAUTH2.0",
        "clientServicePrincipal": {
            "id": "b6c4d1a0-8f4a-4f0b-9a5d-3c2d1e0f9a88",
            "appId": client_id,
            "appDisplayName": "Aurora portal",
            "displayName": "Aurora portal"
        },
        "resourceServicePrincipal": {
            "id": "f2a7c9e1-1b3d-4c5e-8f90-a1b2c3d4e5f6",
            "appId": "00000003-0000-0000-c000-000000000000",
            "appDisplayName": "Microsoft Graph",
            "displayName": "Microsoft Graph"
        }
    })
}

fn text(value: &str) -> Value {
    json!({
        "value": value,
        "@odata.type": "microsoft.graph.stringDirectoryAttributeValue",
        "attributeType": "builtIn"
    })
}

fn identities(shape: Shape, email: &str) -> Value {
    match shape {
        Shape::Documented => json!([{
            "signInType": "email",
            "issuer": "aurora.onmicrosoft.com",
            "issuerAssignedId": email
        }]),
        Shape::Captured => json!([{
            "signInType": "federated",
            "issuer": "mail",
            "issuerAssignedId": email
        }]),
    }
}

fn event(kind: &str, callout: &str, info: Value, context: Value) -> Value {
    json!({
        "type": format!("microsoft.graph.authenticationEvent.{kind}"),
        "source": "/tenants/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/applications/00000003-0000-0000-c000-000000000000",
        "data": {
            "@odata.type": format!("microsoft.graph.{callout}"),
            "userSignUpInfo": info,
            "tenantId": "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10",
            "authenticationEventListenerId": "1d9f6a6b-2f62-4a63-92d4-6a2f1ef0c9d1",
            "customAuthenticationExtensionId": "8e0c4b7d-65a7-4b19-8a05-5e9e2a4b73f0",
            "authenticationContext": context
        }
    })
}

pub(crate) fn start(shape: Shape, client_id: &str, email: &str) -> Value {
    let name = match shape {
        Shape::Documented => "email",
        Shape::Captured => "EmailAddress",
    };
    event(
        "attributeCollectionStart",
        "onAttributeCollectionStartCalloutData",
        json!({
            "attributes": { name: text(email) },
            "identities": identities(shape, email)
        }),
        context(client_id, SIGN_UP),
    )
}

pub(crate) fn submit(shape: Shape, client_id: &str, email: &str) -> Value {
    let mut body = event(
        "attributeCollectionSubmit",
        "onAttributeCollectionSubmitCalloutData",
        json!({
            "attributes": {
                "email": text(email),
                "displayName": text("Jonas Weber"),
                "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Points": {
                    "value": 120,
                    "@odata.type": "microsoft.graph.int64DirectoryAttributeValue",
                    "attributeType": "directorySchemaExtension"
                },
                "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_AcceptedTerms": {
                    "value": true,
                    "@odata.Type": "microsoft.graph.booleanDirectoryAttributeValue",
                    "attributeType": "directorySchemaExtension"
                }
            }
        }),
        context(client_id, SIGN_UP),
    );
    if shape == Shape::Documented {
        body["data"]["userSignUpInfo"]["identities"] = identities(shape, email);
    }
    body
}

/// A person from `issuer`, at Start or Submit.
fn social(mut body: Value, issuer: &str) -> Value {
    body["data"]["userSignUpInfo"]["identities"] = json!([{
        "signInType": "federated", "issuer": issuer, "issuerAssignedId": "104477002981"
    }]);
    body
}

/// The form collects the attribute that takes the number.
fn collecting(mut body: Value, attribute: Value) -> Value {
    body["data"]["userSignUpInfo"]["attributes"][ATTRIBUTE] = attribute;
    body
}

/// As in a token for a social user: `mail` is the directory's word, not ours.
pub(crate) fn token(client_id: &str, sign_up: &str) -> Value {
    let mut context = context(client_id, sign_up);
    context["user"] = json!({
        "id": OBJECT_ID,
        "displayName": "Mina Kaur",
        "mail": "one@example.org",
        "userPrincipalName": "one@example.org",
        "userType": "Member"
    });
    let mut body = event(
        "tokenIssuanceStart",
        "onTokenIssuanceStartCalloutData",
        Value::Null,
        context,
    );
    body["data"]
        .as_object_mut()
        .unwrap()
        .remove("userSignUpInfo");
    body
}

fn otp() -> Value {
    let mut context = context(TRADE, SIGN_UP);
    context["requestType"] = json!("signUp");
    context["client"]["ip"] = json!("0.0.0.0");
    let mut body = event("emailOtpSend", "onOtpSendCalloutData", Value::Null, context);
    body["data"]["otpContext"] =
        json!({ "identifier": "one@example.org", "oneTimeCode": "84120657" });
    body
}

/// Status, media type and the whole body.
pub(crate) fn assert_reply(reply: &Reply, expected: &Value, why: &str) {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    assert_eq!(reply.content_type, "application/json", "{why}");
    assert_eq!(&reply.json(), expected, "{why}");
}

fn start_continue() -> Value {
    json!({ "data": {
        "@odata.type": "microsoft.graph.onAttributeCollectionStartResponseData",
        "actions": [{
            "@odata.type":
                "microsoft.graph.attributeCollectionStart.continueWithDefaultBehavior"
        }]
    }})
}

pub(crate) fn submit_continue() -> Value {
    json!({ "data": {
        "@odata.type": "microsoft.graph.onAttributeCollectionSubmitResponseData",
        "actions": [{
            "@odata.type":
                "microsoft.graph.attributeCollectionSubmit.continueWithDefaultBehavior"
        }]
    }})
}

fn submit_modify(number: &str) -> Value {
    json!({ "data": {
        "@odata.type": "microsoft.graph.onAttributeCollectionSubmitResponseData",
        "actions": [{
            "@odata.type": "microsoft.graph.attributeCollectionSubmit.modifyAttributeValues",
            "attributes": {
                "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_CustomerId": number
            }
        }]
    }})
}

pub(crate) fn provide(number: &str, link: &str) -> Value {
    json!({ "data": {
        "@odata.type": "microsoft.graph.onTokenIssuanceStartResponseData",
        "actions": [{
            "@odata.type": "microsoft.graph.tokenIssuanceStart.provideClaimsForToken",
            "claims": { "customerId": number, "customerLink": link }
        }]
    }})
}

/// The message of the only action; the rest of the reply is compared.
fn message(reply: &Reply, why: &str) -> String {
    assert_eq!(reply.status, 200, "{why}: {}", reply.text);
    let body = reply.json();
    let message = body["data"]["actions"][0]["message"].as_str();
    message
        .unwrap_or_else(|| panic!("{why}: {}", reply.text))
        .to_owned()
}

/// `event` is `Start` or `Submit`. Returns the reference in the text.
pub(crate) fn assert_block(reply: &Reply, event: &str, topic: &str, why: &str) -> String {
    let message = message(reply, why);
    let reference = message.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(message, format!("{topic} sign_up {reference}"), "{why}");
    assert_eq!(reference.len(), 9, "{why}");
    let expected = json!({ "data": {
        "@odata.type": format!("microsoft.graph.onAttributeCollection{event}ResponseData"),
        "actions": [{
            "@odata.type": format!("microsoft.graph.attributeCollection{event}.showBlockPage"),
            "message": message
        }]
    }});
    assert_reply(reply, &expected, why);
    reference
}

fn assert_try_again(reply: &Reply, why: &str) {
    let message = message(reply, why);
    assert!(message.starts_with("try_again_later sign_up "), "{message}");
    let expected = json!({ "data": {
        "@odata.type": "microsoft.graph.onAttributeCollectionSubmitResponseData",
        "actions": [{
            "@odata.type": "microsoft.graph.attributeCollectionSubmit.showValidationError",
            "message": message,
            "attributeErrors": {}
        }]
    }});
    assert_reply(reply, &expected, why);
}

async fn fill(external: &External) {
    for (number, email, customer_type) in [
        ("B1", "one@example.org", CustomerType::B2b),
        ("C1", "one@example.org", CustomerType::B2c),
        ("B2", "two@example.org", CustomerType::B2b),
        ("B3", "two@example.org", CustomerType::B2b),
        ("C2", "two@example.org", CustomerType::B2c),
        ("C3", "two@example.org", CustomerType::B2c),
    ] {
        OnFile::person(number, email, customer_type)
            .add(&external.service.store)
            .await;
    }
}

async fn business() -> (External, Database) {
    let (external, database) = External::start(|_| {}).await;
    fill(&external).await;
    (external, database)
}

async fn count(database: &Database, table: &str) -> i64 {
    let sql = connect(&database.config()).await;
    let count = format!("SELECT count(*) FROM {table}");
    sql.query_one(&count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn the_rows_of_the_table_when_the_form_is_sent() {
    for shape in SHAPES {
        let (external, _database) = business().await;
        let ask = |site: &str, email: &str, sign_up: &str| {
            let mut body = submit(shape, site, email);
            body["data"]["authenticationContext"]["correlationId"] = json!(sign_up);
            let external = &external;
            async move { external.ask(&body).await }
        };
        let reply = ask(TRADE, "one@example.org", SIGN_UP).await;
        assert_reply(&reply, &submit_continue(), "one at a B2B site");
        let reply = ask(SHOP, "One@Example.ORG", OTHER_SIGN_UP).await;
        assert_reply(&reply, &submit_continue(), "one at a B2C site");
        let reply = ask(TRADE, "new@example.org", SIGN_UP).await;
        assert_block(&reply, "Submit", "customer_not_found", "none, B2B");
        let reply = ask(SHOP, "new@example.org", SIGN_UP).await;
        assert_reply(&reply, &submit_continue(), "none at a B2C site");
        for site in [TRADE, SHOP] {
            let reply = ask(site, "two@example.org", SIGN_UP).await;
            assert_block(&reply, "Submit", "multiple_customers", "several");
        }
    }
}

#[tokio::test]
async fn at_the_start_a_known_address_that_will_be_refused_is_refused() {
    for shape in SHAPES {
        let (external, _database) = business().await;
        let reply = external.ask(&start(shape, TRADE, "one@example.org")).await;
        assert_reply(&reply, &start_continue(), "one");
        let reply = external.ask(&start(shape, SHOP, "new@example.org")).await;
        assert_reply(&reply, &start_continue(), "none at a B2C site");
        let reply = external.ask(&start(shape, TRADE, "new@example.org")).await;
        assert_block(&reply, "Start", "customer_not_found", "none, B2B");
        let reply = external.ask(&start(shape, TRADE, "two@example.org")).await;
        assert_block(&reply, "Start", "multiple_customers", "several");
        let body = social(start(shape, TRADE, "one@example.org"), "facebook.com");
        let reply = external.ask(&body).await;
        assert_block(&reply, "Start", "unverified_address", "untrusted");
        let body = social(start(shape, TRADE, "one@example.org"), "google.com");
        assert_reply(&external.ask(&body).await, &start_continue(), "trusted");
        let mut body = start(shape, TRADE, "one@example.org");
        let info = &mut body["data"]["userSignUpInfo"];
        info["attributes"] = json!({});
        info["identities"] = json!([]);
        assert_reply(
            &external.ask(&body).await,
            &start_continue(),
            "not known yet",
        );
    }
}

#[tokio::test]
async fn the_number_is_handed_over_where_the_form_collects_its_attribute() {
    let (external, _database) = business().await;
    let body = submit(Shape::Captured, TRADE, "one@example.org");
    for attribute in [
        json!({
            "value": "",
            "@odata.type": "microsoft.graph.stringDirectoryAttributeValue",
            "attributeType": "directorySchemaExtension"
        }),
        json!({
            "value": "7",
            "@odata.Type": "microsoft.graph.stringDirectoryAttributeValue",
            "attributeType": "directorySchemaExtension"
        }),
        json!({ "value": null }),
    ] {
        let reply = external
            .ask(&collecting(body.clone(), attribute.clone()))
            .await;
        assert_reply(&reply, &submit_modify("B1"), &attribute.to_string());
    }
    let number = json!({
        "value": 7,
        "@odata.type": "microsoft.graph.int64DirectoryAttributeValue",
        "attributeType": "directorySchemaExtension"
    });
    let reply = external.ask(&collecting(body.clone(), number)).await;
    assert_reply(&reply, &submit_continue(), "another type");
    let mut other = body;
    other["data"]["userSignUpInfo"]["attributes"]["extension_00000000000000000000000000000000_CustomerId"] =
        text("");
    assert_reply(
        &external.ask(&other).await,
        &submit_continue(),
        "another app",
    );
}

#[tokio::test]
async fn the_order_of_the_members_changes_nothing() {
    let (external, _database) = business().await;
    // As in captures, and the other way round.
    let first = r#"{
        "data": {
            "authenticationContext": {
                "user": null,
                "clientServicePrincipal": {"appId": "TRADE"},
                "client": {"market": "en-us", "locale": "en-us", "ip": "::1"},
                "correlationId": "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa"
            },
            "customAuthenticationExtensionId": "8e0c4b7d-65a7-4b19-8a05-5e9e2a4b73f0",
            "tenantId": "7C1E0D52-3B8A-4F7E-9A61-2F0C5D8E4B10",
            "userSignUpInfo": {
                "identities": [{
                    "issuerAssignedId": "one@example.org", "issuer": "mail", "signInType": "federated"
                }],
                "attributes": {"EmailAddress": {
                    "attributeType": "builtIn",
                    "@odata.type": "microsoft.graph.stringDirectoryAttributeValue",
                    "value": "one@example.org"
                }}
            },
            "@odata.type": "microsoft.graph.onAttributeCollectionSubmitCalloutData"
        },
        "source": "/tenants/x/applications/y",
        "type": "microsoft.graph.authenticationEvent.attributeCollectionSubmit"
    }"#;
    let reply = external.ask_in(&first.replace("TRADE", TRADE)).await;
    assert_reply(&reply, &submit_continue(), "reversed");
    let reply = external
        .ask_in(&format!("\u{FEFF}{}", first.replace("TRADE", TRADE)))
        .await;
    assert_reply(&reply, &submit_continue(), "a byte order mark");
}

#[tokio::test]
async fn only_a_listed_provider_may_match() {
    for step in [start, submit] {
        let (external, _database) = business().await;
        for issuer in ["facebook.com", "Google.com", "Mail", "local", ""] {
            let body = social(step(Shape::Documented, TRADE, "one@example.org"), issuer);
            let text = message(&external.ask(&body).await, issuer);
            assert!(text.starts_with("unverified_address"), "{issuer}: {text}");
        }
    }
}

#[tokio::test]
async fn one_untrusted_identity_among_several_is_enough_to_refuse() {
    let (external, _database) = business().await;
    let mut body = submit(Shape::Documented, TRADE, "one@example.org");
    body["data"]["userSignUpInfo"]["identities"]
        .as_array_mut()
        .unwrap()
        .push(json!({
            "signInType": "federated", "issuer": "x.example", "issuerAssignedId": "1"
        }));
    let reply = external.ask(&body).await;
    assert_block(&reply, "Submit", "unverified_address", "two identities");
}

#[tokio::test]
async fn addresses_that_contradict_each_other_are_none() {
    let (external, _database) = business().await;
    let mut body = submit(Shape::Documented, TRADE, "one@example.org");
    body["data"]["userSignUpInfo"]["attributes"]["email"] = text("two@example.org");
    let reply = external.ask(&body).await;
    assert_block(&reply, "Submit", "unverified_address", "two addresses");
}

/// Captures of Submit do not say who signs up; Start did.
#[tokio::test]
async fn a_form_without_identities_belongs_to_whoever_began() {
    for (issuer, expected) in [("facebook.com", false), ("google.com", true)] {
        let (external, _database) = External::start(|setup| {
            // So that the start does not end here.
            setup.shop.rules.unverified_email = UnverifiedEmail::Separate;
            setup.tenant.trust = Trust::new([Provider::local(), Provider::named("google.com")]);
        })
        .await;
        fill(&external).await;
        let begun = social(start(Shape::Captured, SHOP, "one@example.org"), issuer);
        assert_reply(&external.ask(&begun).await, &start_continue(), issuer);
        let form = collecting(submit(Shape::Captured, SHOP, "one@example.org"), text(""));
        let expected = match expected {
            true => submit_modify("C1"),
            // A customer of their own.
            false => submit_continue(),
        };
        assert_reply(&external.ask(&form).await, &expected, issuer);
        external.ask(&token(SHOP, SIGN_UP)).await;
        let links = external.service.store.links(&usmf(), None).await.unwrap();
        assert_eq!(links[0].provider, issuer);
    }
}

#[tokio::test]
async fn an_address_that_came_in_with_the_form_proves_nothing() {
    for shape in SHAPES {
        let (external, _database) = business().await;
        let begun = start(shape, SHOP, "mine@example.org");
        assert_reply(&external.ask(&begun).await, &start_continue(), "begun");
        let reply = external.ask(&submit(shape, SHOP, "one@example.org")).await;
        assert_block(&reply, "Submit", "unverified_address", "another address");
        let reply = external.ask(&submit(shape, SHOP, "Mine@Example.org")).await;
        assert_reply(&reply, &submit_continue(), "the one of the beginning");
    }
}

#[tokio::test]
async fn a_form_that_stayed_open_for_hours_still_belongs_to_whoever_began() {
    let (external, database) = business().await;
    let begun = start(Shape::Captured, SHOP, "mine@example.org");
    external.ask(&social(begun, "anybody.example")).await;
    let sql = connect(&database.config()).await;
    sql.batch_execute("UPDATE sign_up_attempt SET asked_at = asked_at - interval '3 hours'")
        .await
        .unwrap();
    let form = submit(Shape::Captured, SHOP, "one@example.org");
    assert_block(
        &external.ask(&form).await,
        "Submit",
        "unverified_address",
        "waited",
    );
}

#[tokio::test]
async fn a_tenant_may_take_missing_identities_for_nothing_unless_the_start_named_them() {
    let (external, _database) = External::start(|setup| {
        setup.tenant.missing_identities = MissingProvider::Unverified;
    })
    .await;
    fill(&external).await;
    let form = submit(Shape::Captured, TRADE, "one@example.org");
    let reply = external.ask(&form).await;
    assert_block(&reply, "Submit", "unverified_address", "no start");
    external
        .ask(&start(Shape::Captured, TRADE, "one@example.org"))
        .await;
    assert_reply(&external.ask(&form).await, &submit_continue(), "a start");
}

#[tokio::test]
async fn asking_changes_no_customer_and_no_link_however_often() {
    let (external, database) = business().await;
    for _ in 0..3 {
        for shape in SHAPES {
            external.ask(&start(shape, SHOP, "new@example.org")).await;
            external.ask(&submit(shape, SHOP, "new@example.org")).await;
        }
        external.ask(&token(SHOP, OTHER_SIGN_UP)).await;
    }
    for (table, expected) in [
        ("customer", 6),
        ("identity_link", 0),
        ("email_slot", 0),
        ("audit", 0),
        ("outbox", 0),
        // One for the start, one for the form.
        ("sign_up_attempt", 2),
    ] {
        assert_eq!(count(&database, table).await, expected, "{table}");
    }
}

#[tokio::test]
async fn a_question_asked_twice_gets_the_same_bytes_and_reference() {
    let (external, database) = business().await;
    let body = submit(Shape::Captured, TRADE, "new@example.org");
    let (first, second) = tokio::join!(external.ask(&body), external.ask(&body));
    assert_eq!(first.text, second.text);
    let other = External::on(cold_store(database.config()), |_| {}).await;
    assert_eq!(other.ask(&body).await.text, first.text);
    let reference = assert_block(&first, "Submit", "customer_not_found", "refused");
    let sql = connect(&database.config()).await;
    let rows = sql
        .query(
            "SELECT reference, times_asked, request_id::text FROM sign_up_attempt",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), reference);
    assert_eq!(rows[0].get::<_, i32>(1), 3);
    assert_eq!(rows[0].get::<_, String>(2), SIGN_UP);
    // Another extension asks on its own account.
    let mut body = body;
    body["data"]["customAuthenticationExtensionId"] = json!("11111111-65a7-4b19-8a05-5e9e2a4b73f0");
    external.ask(&body).await;
    assert_eq!(count(&database, "sign_up_attempt").await, 2);
}

#[tokio::test]
async fn the_token_step_records_the_link_of_the_form_that_was_sent() {
    for shape in SHAPES {
        let (external, _database) = business().await;
        external.ask(&start(shape, TRADE, "one@example.org")).await;
        external.ask(&submit(shape, TRADE, "one@example.org")).await;
        let reply = external.ask(&token(TRADE, SIGN_UP)).await;
        assert_reply(&reply, &provide("B1", "linked"), "recorded");
        let reply = external.ask(&token(TRADE, OTHER_SIGN_UP)).await;
        assert_reply(&reply, &provide("B1", "linked"), "at every sign-in");
        let links = external.service.store.links(&usmf(), None).await.unwrap();
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].subject, OBJECT_ID);
        assert_eq!(links[0].provider, "local");
        assert_eq!(links[0].issuer, BY_DIRECTORY);
        assert_eq!(links[0].recorded_via, "tokenIssuanceStart");
    }
}

#[tokio::test]
async fn the_token_step_creates_a_customer_on_a_b2c_site() {
    let (external, _database) = business().await;
    external
        .ask(&submit(Shape::Captured, SHOP, "new@example.org"))
        .await;
    for why in ["created", "asked again"] {
        let reply = external.ask(&token(SHOP, SIGN_UP)).await;
        assert_reply(&reply, &provide("C000001", "linked"), why);
    }
}

#[tokio::test]
async fn mail_and_user_principal_name_never_match() {
    let (external, database) = business().await;
    // Both are the address of customer B1 and C1.
    for site in [TRADE, SHOP] {
        let reply = external.ask(&token(site, SIGN_UP)).await;
        assert_reply(&reply, &provide("", "none"), "no form was sent");
    }
    external
        .ask(&submit(Shape::Captured, TRADE, "one@example.org"))
        .await;
    let reply = external.ask(&token(TRADE, OTHER_SIGN_UP)).await;
    assert_reply(&reply, &provide("", "none"), "another sign-up");
    let reply = external.ask(&token(SHOP, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "none"), "another site");
    let mut body = token(TRADE, SIGN_UP);
    body["data"]["authenticationContext"]
        .as_object_mut()
        .unwrap()
        .remove("correlationId");
    let reply = external.ask(&body).await;
    assert_reply(&reply, &provide("", "none"), "no correlation id");
    assert_eq!(count(&database, "identity_link").await, 0);
    assert_eq!(count(&database, "customer").await, 6);
}

#[tokio::test]
async fn the_form_of_yesterday_is_no_evidence() {
    let (external, database) = business().await;
    external
        .ask(&submit(Shape::Captured, TRADE, "one@example.org"))
        .await;
    let sql = connect(&database.config()).await;
    sql.batch_execute("UPDATE sign_up_attempt SET asked_at = asked_at - interval '61 min'")
        .await
        .unwrap();
    let reply = external.ask(&token(TRADE, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "none"), "too long ago");
}

#[tokio::test]
async fn two_forms_under_one_correlation_id_are_no_evidence() {
    let (external, database) = business().await;
    external
        .ask(&submit(Shape::Captured, SHOP, "one@example.org"))
        .await;
    let sql = connect(&database.config()).await;
    sql.batch_execute("UPDATE sign_up_attempt SET is_open = false")
        .await
        .unwrap();
    external
        .ask(&submit(Shape::Captured, SHOP, "mine@example.org"))
        .await;
    let reply = external.ask(&token(SHOP, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "none"), "whose is it");
    assert_eq!(count(&database, "identity_link").await, 0);
}

#[tokio::test]
async fn two_forms_within_seconds_under_one_correlation_id_are_no_evidence() {
    // A browser may choose its correlation id, so two people may share one.
    let (external, database) = business().await;
    for address in ["mine@example.org", "one@example.org"] {
        let reply = external.ask(&submit(Shape::Captured, SHOP, address)).await;
        assert_reply(&reply, &submit_continue(), address);
    }
    let reply = external.ask(&token(SHOP, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "none"), "whose is it");
    assert_eq!(count(&database, "identity_link").await, 0);
}

#[tokio::test]
async fn a_form_is_evidence_for_one_identity_only() {
    let (external, database) = External::start(|setup| {
        setup.shop.rules.second_identity = SecondIdentity::Add;
    })
    .await;
    fill(&external).await;
    external
        .ask(&submit(Shape::Captured, SHOP, "one@example.org"))
        .await;
    let first = token(SHOP, SIGN_UP);
    let mut second = first.clone();
    second["data"]["authenticationContext"]["user"]["id"] =
        json!("0d3b8a57-9c1e-4f62-8a7d-5b2e4c6f1a90");
    let cases = [
        (&first, "C1", "linked", "whose form it is"),
        (&second, "", "none", "another identity"),
        (&first, "C1", "linked", "again"),
    ];
    for (body, number, link, why) in cases {
        assert_reply(&external.ask(body).await, &provide(number, link), why);
    }
    assert_eq!(count(&database, "identity_link").await, 1);
}

#[tokio::test]
async fn a_form_is_no_evidence_for_an_identity_that_was_there_before() {
    let (external, database) = business().await;
    external
        .ask(&submit(Shape::Captured, TRADE, "one@example.org"))
        .await;
    let now = OffsetDateTime::now_utc();
    let old = now - time::Duration::minutes(10);
    let cases = [
        (json!("2019-03-02T08:00:00Z"), "", "none"),
        (json!(old.format(&Rfc3339).unwrap()), "", "none"),
        (json!(now.format(&Rfc3339).unwrap()), "B1", "linked"),
    ];
    for (created, number, link) in cases {
        let mut body = token(TRADE, SIGN_UP);
        body["data"]["authenticationContext"]["user"]["createdDateTime"] = created.clone();
        let why = created.to_string();
        assert_reply(&external.ask(&body).await, &provide(number, link), &why);
    }
    assert_eq!(count(&database, "identity_link").await, 1);
}

#[tokio::test]
async fn the_second_decision_counts_at_the_token_step() {
    let (external, _database) = business().await;
    external
        .ask(&submit(Shape::Captured, TRADE, "one@example.org"))
        .await;
    OnFile::person("B9", "one@example.org", CustomerType::B2b)
        .add(&external.service.store)
        .await;
    let reply = external.ask(&token(TRADE, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "refused"), "several by now");
}

#[tokio::test]
async fn a_linked_customer_is_refused_before_a_second_identity_exists() {
    let (external, _database) = business().await;
    let mut form = submit(Shape::Captured, TRADE, "one@example.org");
    external.ask(&form).await;
    external.ask(&token(TRADE, SIGN_UP)).await;
    form["data"]["authenticationContext"]["correlationId"] = json!(OTHER_SIGN_UP);
    let reply = external
        .ask(&start(Shape::Captured, TRADE, "one@example.org"))
        .await;
    assert_block(&reply, "Start", "already_linked", "at the start");
    assert_block(
        &external.ask(&form).await,
        "Submit",
        "already_linked",
        "form",
    );
    let mut other = token(TRADE, OTHER_SIGN_UP);
    other["data"]["authenticationContext"]["user"]["id"] =
        json!("00000001-6a4e-45f1-9b1c-0d4f7c2a8e66");
    let reply = external.ask(&other).await;
    assert_reply(&reply, &provide("", "refused"), "another identity");
}

#[tokio::test]
async fn a_blocked_customers_identity_gets_no_number() {
    let (external, database) = business().await;
    external
        .ask(&submit(Shape::Captured, TRADE, "one@example.org"))
        .await;
    external.ask(&token(TRADE, SIGN_UP)).await;
    let sql = connect(&database.config()).await;
    sql.batch_execute("UPDATE customer SET state = 'blocked' WHERE customer_number = 'B1'")
        .await
        .unwrap();
    let reply = external.ask(&token(TRADE, OTHER_SIGN_UP)).await;
    assert_reply(&reply, &provide("", "refused"), "blocked");
}

#[tokio::test]
async fn a_customer_that_is_no_candidate_finds_nobody() {
    let (external, _database) = External::start(|_| {}).await;
    let pending = OnFile {
        state: CustomerState::Pending,
        ..OnFile::person("B1", "one@example.org", CustomerType::B2b)
    };
    pending.add(&external.service.store).await;
    let reply = external
        .ask(&submit(Shape::Documented, TRADE, "one@example.org"))
        .await;
    assert_block(&reply, "Submit", "customer_not_found", "pending");
}

#[tokio::test]
async fn a_token_step_without_an_object_id_has_nobody_to_link() {
    let (external, _database) = business().await;
    external
        .ask(&submit(Shape::Captured, TRADE, "one@example.org"))
        .await;
    let refused = provide("", "refused");
    let mut body = token(TRADE, SIGN_UP);
    let user = "/data/authenticationContext/user";
    body.pointer_mut(user).unwrap()["id"] = json!("mina");
    assert_reply(&external.ask(&body).await, &refused, "no GUID");
    body.pointer_mut(user).unwrap()["id"] = Value::Null;
    assert_reply(&external.ask(&body).await, &refused, "null");
    *body.pointer_mut(user).unwrap() = Value::Null;
    assert_reply(&external.ask(&body).await, &refused, "nobody");
    let (external, _database) = External::start(|setup| setup.trade.mode = Mode::Observe).await;
    let reply = external.ask(&body).await;
    assert_reply(&reply, &provide("", "none"), "nobody would be linked");
}

#[tokio::test]
async fn an_application_of_no_site_is_refused_in_every_event() {
    let (external, _database) = business().await;
    let unknown = "11111111-2222-3333-4444-555555555555";
    let reply = external
        .ask(&start(Shape::Captured, unknown, "one@example.org"))
        .await;
    assert!(!message(&reply, "start").is_empty());
    let kind = &reply.json()["data"]["actions"][0]["@odata.type"];
    assert_eq!(
        kind,
        "microsoft.graph.attributeCollectionStart.showBlockPage"
    );
    let reply = external
        .ask(&submit(Shape::Captured, unknown, "one@example.org"))
        .await;
    assert!(!message(&reply, "submit").is_empty());
    let kind = &reply.json()["data"]["actions"][0]["@odata.type"];
    assert_eq!(
        kind,
        "microsoft.graph.attributeCollectionSubmit.showBlockPage"
    );
    let reply = external.ask(&token(unknown, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "refused"), "token");
    let mut body = token(TRADE, SIGN_UP);
    body["data"]["authenticationContext"]["clientServicePrincipal"] = Value::Null;
    let reply = external.ask(&body).await;
    assert_reply(&reply, &provide("", "refused"), "no application");
}

#[tokio::test]
async fn switched_off_observed_and_off_sites_let_everybody_continue() {
    let (external, database) = External::start(|setup| {
        setup.trade.mode = Mode::Observe;
        setup.shop.mode = Mode::Off;
    })
    .await;
    fill(&external).await;
    for site in [TRADE, SHOP] {
        for shape in SHAPES {
            let reply = external.ask(&start(shape, site, "two@example.org")).await;
            assert_reply(&reply, &start_continue(), site);
            let body = collecting(submit(shape, site, "two@example.org"), text(""));
            assert_reply(&external.ask(&body).await, &submit_continue(), site);
        }
        let reply = external.ask(&token(site, SIGN_UP)).await;
        assert_reply(&reply, &provide("", "none"), site);
    }
    assert_eq!(count(&database, "identity_link").await, 0);
    // Observed: the start, the form and the token.
    assert_eq!(count(&database, "sign_up_attempt").await, 3);

    let (external, database) = business().await;
    turn(&external.service.store, Switch::Off).await;
    let reply = external
        .ask(&submit(Shape::Captured, TRADE, "two@example.org"))
        .await;
    assert_reply(&reply, &submit_continue(), "the feature is off");
    let reply = external.ask(&token(TRADE, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "none"), "the feature is off");
    assert_eq!(count(&database, "sign_up_attempt").await, 0);
}

#[tokio::test]
async fn a_one_time_code_is_left_to_the_platform_or_refused() {
    let (external, _database) = External::start(|_| {}).await;
    let reply = external.ask(&otp()).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert_eq!(reply.content_type, "application/json");
    assert!(!reply.text.contains("84120657"), "{}", reply.text);

    let (external, _database) = External::start(|setup| {
        setup.external().email_otp = EmailOtp::Unchanged;
    })
    .await;
    let expected = json!({ "data": {
        "@odata.type": "microsoft.graph.OnOtpSendResponseData",
        "actions": [
            { "@odata.type": "microsoft.graph.OtpSend.continueWithDefaultBehavior" }
        ]
    }});
    assert_reply(&external.ask(&otp()).await, &expected, "unchanged");
}

#[tokio::test]
async fn people_are_told_in_the_language_of_their_client() {
    let (external, _database) = business().await;
    let unknown = "11111111-2222-3333-4444-555555555555";
    let said = |client: Value| {
        let mut body = submit(Shape::Captured, unknown, "one@example.org");
        body["data"]["authenticationContext"]["client"] = client;
        let external = &external;
        async move { message(&external.ask(&body).await, "language") }
    };
    let english = said(json!({ "locale": "en-us", "market": "en-us" })).await;
    let german = said(json!({ "locale": "de-AT", "market": "en-us" })).await;
    let without_reference = |text: &str| text.rsplit_once(' ').unwrap().0.to_owned();
    assert_ne!(without_reference(&english), without_reference(&german));
    for (client, expected) in [
        (json!({ "locale": "de" }), &german),
        (json!({ "locale": "xx", "market": "de-de" }), &german),
        (json!({ "locale": null, "market": "de-de" }), &german),
        (json!({ "locale": "xx", "market": "yy" }), &english),
        (json!({ "locale": "" }), &english),
        (json!({}), &english),
        (Value::Null, &english),
    ] {
        let text = said(client.clone()).await;
        assert_eq!(
            without_reference(&text),
            without_reference(expected),
            "{client}"
        );
    }
}

#[tokio::test]
async fn a_body_for_another_directory_is_forbidden() {
    let (external, database) = business().await;
    for directory in [
        "11111111-3b8a-4f7e-9a61-2f0c5d8e4b10",
        "aurora.onmicrosoft.com",
        "",
    ] {
        let mut body = submit(Shape::Captured, TRADE, "one@example.org");
        body["data"]["tenantId"] = json!(directory);
        let reply = external.ask(&body).await;
        assert_eq!(reply.status, 403, "{directory}");
        assert_eq!(reply.content_type, "application/json", "{directory}");
    }
    assert_eq!(count(&database, "sign_up_attempt").await, 0);
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_never_an_error_of_ours() {
    let (external, _database) = business().await;
    let good = submit(Shape::Captured, TRADE, "one@example.org").to_string();
    let without = |pointer: &str, member: &str| {
        let mut body = submit(Shape::Captured, TRADE, "one@example.org");
        let parent = body.pointer_mut(pointer).unwrap();
        parent.as_object_mut().unwrap().remove(member);
        body.to_string()
    };
    let of_type = |kind: &str| {
        let mut body = submit(Shape::Captured, TRADE, "one@example.org");
        body["type"] = json!(kind);
        body.to_string()
    };
    let cases = [
        ("truncated", good[..good.len() / 2].to_owned()),
        ("empty", String::new()),
        ("list", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("no type", without("", "type")),
        ("no data", without("", "data")),
        ("no directory", without("/data", "tenantId")),
        ("no context", without("/data", "authenticationContext")),
        (
            "type is a number",
            good.replacen("\"type\":\"", "\"type\":1,\"x\":\"", 1),
        ),
        (
            "password",
            of_type("microsoft.graph.authenticationEvent.passwordSubmit"),
        ),
        ("another type", of_type("attributeCollectionSubmit")),
        (
            "repeated member",
            good.replacen("{\"data\"", "{\"type\":\"x\",\"type\":\"x\",\"data\"", 1),
        ),
        (
            "an attribute twice",
            good.replacen(
                "\"displayName\":{",
                "\"email\":{\"value\":\"two@example.org\"},\"displayName\":{",
                1,
            ),
        ),
        ("trailing bytes", format!("{good} x")),
        (
            "deep",
            good.replacen(
                "{",
                &format!("{{\"x\":{}{},", "[".repeat(500), "]".repeat(500)),
                1,
            ),
        ),
    ];
    for (why, body) in cases {
        let reply = external.ask_in(&body).await;
        assert_eq!(reply.status, 400, "{why}: {}", reply.text);
        assert_eq!(reply.content_type, "application/json", "{why}");
        assert!(!reply.text.contains("example.org"), "{why}: {}", reply.text);
    }
    for address in [
        "",
        "nobody",
        "a\u{0}@example.org",
        "\"a b\"@example.org",
        "\u{212A}im@example.org",
        "one@example.org, two@example.org",
    ] {
        let reply = external
            .ask(&submit(Shape::Documented, TRADE, address))
            .await;
        assert_block(&reply, "Submit", "unverified_address", address);
    }
    let mut body = submit(Shape::Captured, TRADE, "one@example.org");
    body["data"]["userSignUpInfo"] = Value::Null;
    let reply = external.ask(&body).await;
    assert_block(&reply, "Submit", "unverified_address", "no information");
}

#[tokio::test]
async fn a_body_of_the_wrong_kind_or_size_is_refused_unread() {
    let (external, _database) = business().await;
    let token = crate::support::tenant::key().token(&crate::support::external::claims());
    let request = || {
        external
            .service
            .post("/connectors/aurora/external-id")
            .bearer_auth(&token)
            .body(submit(Shape::Captured, TRADE, "one@example.org").to_string())
    };
    let json = ("Content-Type", "application/json");
    for (why, request, expected) in [
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
            "70 KB",
            request().header(json.0, json.1).body(vec![b' '; 70_000]),
            413,
        ),
        (
            "charset",
            request().header(json.0, "application/json; charset=utf-8"),
            200,
        ),
    ] {
        let reply = send(request).await;
        assert_eq!(reply.status, expected, "{why}");
        assert_eq!(reply.content_type, "application/json", "{why}");
    }
}

/// What each event says while the records cannot be asked.
async fn assert_outage(external: &External, why: &str) {
    for shape in SHAPES {
        let reply = external.ask(&start(shape, TRADE, "one@example.org")).await;
        assert_block(&reply, "Start", "try_again_later", why);
        let reply = external.ask(&submit(shape, TRADE, "one@example.org")).await;
        assert_try_again(&reply, why);
    }
    let reply = external.ask(&token(TRADE, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "unavailable"), why);
}

fn nowhere() -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.host("/nonexistent").dbname("idlink").user("idlink");
    config
}

#[tokio::test]
async fn without_a_database_each_event_has_its_own_words() {
    let external = External::on(cold_store(nowhere()), |_| {}).await;
    assert_outage(&external, "no database").await;
}

#[tokio::test]
async fn over_a_limit_each_event_says_try_again_later() {
    let (external, _database) = External::start(|setup| {
        setup.limits.per_second = std::num::NonZeroU32::new(1);
    })
    .await;
    fill(&external).await;
    let bodies = [
        start(Shape::Captured, TRADE, "one@example.org"),
        submit(Shape::Captured, TRADE, "one@example.org"),
        token(TRADE, SIGN_UP),
    ];
    let mut limited = 0;
    for body in bodies.iter().cycle().take(30) {
        let reply = external.ask(body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        limited += usize::from(
            reply.text.contains("try_again_later sign_up")
                || reply.text.contains("\"unavailable\""),
        );
    }
    assert!(limited > 0);
}

#[tokio::test]
async fn a_site_may_let_sign_ups_pass_in_an_outage() {
    let external = External::on(cold_store(nowhere()), |setup| {
        setup.shop.outage = Outage::Continue;
    })
    .await;
    let reply = external
        .ask(&start(Shape::Captured, SHOP, "one@example.org"))
        .await;
    assert_reply(&reply, &start_continue(), "start");
    let reply = external
        .ask(&submit(Shape::Captured, SHOP, "one@example.org"))
        .await;
    assert_reply(&reply, &submit_continue(), "form");
    let reply = external.ask(&token(SHOP, SIGN_UP)).await;
    assert_reply(&reply, &provide("", "unavailable"), "token");
}

#[tokio::test]
async fn a_stalled_database_is_answered_for_within_the_deadline() {
    let server = own_server().await;
    let short = External::on(store(server.config()).await, |_| {}).await;
    let long = External::on(store(server.config()).await, |setup| {
        setup.external().answer_within = Duration::from_millis(1_200);
    })
    .await;
    let form = submit(Shape::Captured, TRADE, "one@example.org");
    for external in [&short, &long] {
        // Connections are open, as in a service that has been running.
        external.ask(&form).await;
    }
    server.signal_all("STOP");
    let mut waited = Vec::new();
    for (external, least, most) in [(&short, 650, 1_000), (&long, 1_100, 2_000)] {
        for body in [
            start(Shape::Captured, TRADE, "one@example.org"),
            form.clone(),
            token(TRADE, SIGN_UP),
        ] {
            let asked = Instant::now();
            let reply = external.ask(&body).await;
            waited.push((asked.elapsed().as_millis(), least, most, reply));
        }
    }
    server.signal_all("CONT");
    for (n, (waited, least, most, reply)) in waited.iter().enumerate() {
        assert!((least..most).contains(&waited), "{n}: {waited} ms");
        match n % 3 {
            0 => drop(assert_block(reply, "Start", "try_again_later", "stalled")),
            1 => assert_try_again(reply, "stalled"),
            _ => assert_reply(reply, &provide("", "unavailable"), "stalled"),
        }
    }
    let reply = short.ask(&form).await;
    assert_block(
        &reply,
        "Submit",
        "customer_not_found",
        "recovered by itself",
    );
}

#[tokio::test]
async fn a_killed_database_is_answered_for_and_found_again() {
    let server = own_server().await;
    let external = External::on(store(server.config()).await, |_| {}).await;
    let form = submit(Shape::Captured, TRADE, "one@example.org");
    external.ask(&form).await;
    server.signal_all("KILL");
    assert_outage(&external, "killed").await;
    let _server = server.restart().await;
    let reply = external.ask(&form).await;
    assert_block(
        &reply,
        "Submit",
        "customer_not_found",
        "recovered by itself",
    );
}

/// A template with its placeholders filled in; none may be left.
fn template(name: &str) -> Value {
    let path = format!("{}/policies/external-id/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(path).unwrap();
    for (placeholder, value) in [
        ("IdlinkHost", "signup.aurora.example"),
        ("IdlinkTenant", "aurora"),
        ("ApiAppId", "d4a1c7b9-20f5-4b7c-8e63-9f7e5d1c0b2a"),
        ("AppId", TRADE),
        ("StartExtensionId", "8e0c4b7d-65a7-4b19-8a05-5e9e2a4b73f0"),
        ("SubmitExtensionId", "8e0c4b7d-65a7-4b19-8a05-5e9e2a4b73f1"),
        ("TokenExtensionId", "8e0c4b7d-65a7-4b19-8a05-5e9e2a4b73f2"),
    ] {
        text = text.replace(&format!("{{Settings:{placeholder}}}"), value);
    }
    assert!(!text.contains("{Settings:"), "{name}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn the_templates_are_sound_and_name_what_is_served() {
    let (external, _database) = External::start(|_| {}).await;
    let folder = format!("{}/policies/external-id", env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(format!("{folder}/README.md")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".json") {
            template(&name);
            assert!(
                readme.contains(&name),
                "README.md does not say what {name} is"
            );
        }
    }
    for (name, kind, body) in [
        (
            "extension-start.json",
            "onAttributeCollectionStart",
            start(Shape::Captured, SHOP, "new@example.org"),
        ),
        (
            "extension-submit.json",
            "onAttributeCollectionSubmit",
            submit(Shape::Captured, SHOP, "new@example.org"),
        ),
        (
            "extension-token.json",
            "onTokenIssuanceStart",
            token(SHOP, SIGN_UP),
        ),
    ] {
        let extension = template(name);
        let expected = format!("#microsoft.graph.{kind}CustomExtension");
        assert_eq!(extension["@odata.type"], expected, "{name}");
        let target = extension["endpointConfiguration"]["targetUrl"]
            .as_str()
            .unwrap();
        let path = target
            .strip_prefix("https://signup.aurora.example")
            .unwrap();
        let request = external
            .service
            .post(path)
            .bearer_auth(crate::support::tenant::key().token(&crate::support::external::claims()));
        let request = request.header("Content-Type", "application/json");
        let reply = send(request.body(body.to_string())).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
        let answered = &reply.json()["data"]["@odata.type"];
        assert_eq!(
            answered,
            &json!(format!("microsoft.graph.{kind}ResponseData"))
        );
        // The host of the address must be that of the id URI (1003015).
        assert_eq!(
            extension["authenticationConfiguration"]["resourceId"],
            "api://signup.aurora.example/d4a1c7b9-20f5-4b7c-8e63-9f7e5d1c0b2a",
            "{name}"
        );
        assert_eq!(
            extension["clientConfiguration"],
            json!({ "timeoutInMilliseconds": 2000, "maximumRetries": 1 }),
            "{name}"
        );
    }
    assert!(readme.contains("extension_timeout_milliseconds = 2000"));
}

#[tokio::test]
async fn the_templates_let_every_claim_that_is_provided_into_the_token() {
    let (external, _database) = External::start(|_| {}).await;
    let reply = external.ask(&token(TRADE, SIGN_UP)).await.json();
    let provided = reply["data"]["actions"][0]["claims"]
        .as_object()
        .unwrap()
        .clone();
    let provided: Vec<&str> = provided.keys().map(String::as_str).collect();
    let names = |list: &Value, member: &str| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|claim| claim[member].as_str().unwrap().to_owned())
            .collect()
    };
    let extension = template("extension-token.json");
    let listed = names(
        &extension["claimsForTokenConfiguration"],
        "claimIdInApiResponse",
    );
    assert_eq!(listed, provided);
    let policy = template("claims-mapping-policy.json");
    let definition = policy["definition"][0].as_str().unwrap();
    let definition: Value = serde_json::from_str(definition).unwrap();
    let schema = &definition["ClaimsMappingPolicy"]["ClaimsSchema"];
    assert_eq!(names(schema, "ID"), provided);
    assert_eq!(names(schema, "JwtClaimType"), provided);
    assert_eq!(names(schema, "Source"), ["CustomClaimsProvider"; 2]);
}

#[test]
fn the_settings_in_the_templates_readme_are_sound() {
    let folder = format!("{}/policies/external-id", env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(format!("{folder}/README.md")).unwrap();
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    let file = std::env::temp_dir().join(format!("idlink-{}.toml", uuid::Uuid::now_v7()));
    std::fs::write(&file, settings).unwrap();
    let settings = idlink::config::Settings::load(Some(&file), std::iter::empty());
    std::fs::remove_file(&file).unwrap();
    let settings = settings.unwrap();
    let tenant = settings.directory.tenant("aurora").unwrap();
    let Platform::ExternalId(external) = &tenant.platform else {
        panic!("{:?}", tenant.platform);
    };
    assert_eq!(external.answer_within, Duration::from_millis(1_200));
}

#[tokio::test]
async fn the_platforms_correlation_id_is_the_request_id() {
    let (external, _database) = business().await;
    for (body, expected) in [
        (
            submit(Shape::Captured, TRADE, "one@example.org"),
            Some(SIGN_UP),
        ),
        (token(TRADE, "not-a-guid"), None),
    ] {
        let bearer = crate::support::tenant::key().token(&crate::support::external::claims());
        let request = external.post().bearer_auth(bearer).body(body.to_string());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let id = response.headers()["x-request-id"].to_str().unwrap();
        let id = uuid::Uuid::parse_str(id).unwrap().to_string();
        assert!(expected.is_none_or(|expected| id == expected), "{id}");
    }
}

#[tokio::test]
async fn a_body_that_dribbles_in_is_given_up_with_the_deadline() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (external, _database) = External::start(|_| {}).await;
    let token = crate::support::tenant::key().token(&crate::support::external::claims());
    let mut stream = tokio::net::TcpStream::connect(external.service.address())
        .await
        .unwrap();
    let head = format!(
        "POST /connectors/aurora/external-id HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tokio::time::timeout(Duration::from_secs(3), stream.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
}

/// The mock tenant, which was written from the same documents by nobody who
/// knew this service, and judges its answers as the platform would.
mod mock {
    use idlink::emulator::{
        self, CallerToken, Emulator, EntraIssuer, EventKind, EventOutcome, EventReport,
        ExtensionEvent, FederatedIdentity, TokenKind, TokenVersion,
    };
    use idlink::oidc::CallerIssuer;

    use super::*;

    const ISSUERS: [EntraIssuer; 3] = [
        EntraIssuer::Workforce,
        EntraIssuer::ExternalDomain,
        EntraIssuer::ExternalId,
    ];
    const VERSIONS: [TokenVersion; 2] = [TokenVersion::V1, TokenVersion::V2];
    const EVENTS: [EventKind; 3] = [
        EventKind::AttributeCollectionStart,
        EventKind::AttributeCollectionSubmit,
        EventKind::TokenIssuanceStart,
    ];

    async fn met() -> (Emulator, External, Database) {
        let tenant = emulator::start(emulator::Settings::new("aurora"))
            .await
            .unwrap();
        let issuers = ISSUERS.into_iter().flat_map(|issuer| {
            VERSIONS.map(|version| CallerIssuer {
                issuer: tenant.entra_issuer(issuer, version),
                jwks_uri: tenant.entra_jwks_url(issuer).parse().unwrap(),
            })
        });
        let issuers: Vec<_> = issuers.collect();
        let (external, database) = External::start(|setup| {
            setup
                .bearer
                .issuers
                .retain(|own| issuers.iter().all(|issuer| issuer.issuer != own.issuer));
            setup.bearer.issuers.extend(issuers);
        })
        .await;
        fill(&external).await;
        // The keys of each issuer are made, and loaded, behind the start.
        for issuer in ISSUERS {
            let loaded = async {
                while is_refused(&tenant, &external, issuer).await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let patience = Duration::from_secs(60);
            tokio::time::timeout(patience, loaded).await.unwrap();
        }
        (tenant, external, database)
    }

    async fn is_refused(tenant: &Emulator, external: &External, issuer: EntraIssuer) -> bool {
        let token = CallerToken {
            issuer,
            ..CallerToken::default()
        };
        let token = tenant.entra_token(&token).await.unwrap().unwrap();
        let request = external.post().bearer_auth(token).body("{");
        send(request).await.status == 401
    }

    async fn raise(
        tenant: &Emulator,
        external: &External,
        change: impl FnOnce(&mut ExtensionEvent),
    ) -> EventReport {
        let mut event = ExtensionEvent {
            target_url: format!(
                "http://{}/connectors/aurora/external-id",
                external.service.address()
            ),
            client_id: TRADE.to_owned(),
            email: Some("one@example.org".to_owned()),
            object_id: Some(OBJECT_ID.parse().unwrap()),
            claims_for_token: Some(vec!["customerId".to_owned(), "customerLink".to_owned()]),
            // The machine that runs the tests may be busy.
            time_limit_ms: 2_000,
            ..ExtensionEvent::default()
        };
        change(&mut event);
        tenant.raise_event(&event).await.unwrap()
    }

    fn claims(number: &str, link: &str) -> EventOutcome {
        let claims = json!({ "customerId": number, "customerLink": link });
        EventOutcome::Claims {
            claims: claims.as_object().unwrap().clone(),
        }
    }

    #[tokio::test]
    async fn its_callers_are_believed_whatever_their_issuer_and_version() {
        let (tenant, external, _database) = met().await;
        for issuer in ISSUERS {
            for version in VERSIONS {
                for kind in EVENTS {
                    let report = raise(&tenant, &external, |event| {
                        event.event = kind;
                        event.token = CallerToken {
                            issuer,
                            version,
                            ..CallerToken::default()
                        };
                    })
                    .await;
                    let why = format!("{issuer:?} {version:?} {kind:?}: {report:?}");
                    assert_eq!(report.status, Some(200), "{why}");
                    assert!(report.warnings.is_empty(), "{why}");
                }
            }
        }
    }

    #[tokio::test]
    async fn its_sixteen_bad_callers_are_not() {
        let (tenant, external, database) = met().await;
        for kind in EVENTS {
            for token in TokenKind::BAD {
                let report = raise(&tenant, &external, |event| {
                    event.event = kind;
                    event.token = token.into();
                })
                .await;
                assert_eq!(report.status, Some(401), "{token:?} {kind:?}: {report:?}");
            }
        }
        assert_eq!(count(&database, "sign_up_attempt").await, 0);
    }

    #[tokio::test]
    async fn the_whole_story_passes_its_judgement() {
        for shape in [emulator::Shape::Docs, emulator::Shape::Capture] {
            let (tenant, external, _database) = met().await;
            let tell = |kind: EventKind, client: &str, email: &str, sign_up: u128| {
                let (client, email) = (client.to_owned(), email.to_owned());
                let (tenant, external) = (&tenant, &external);
                async move {
                    let report = raise(tenant, external, |event| {
                        event.event = kind;
                        event.shape = shape;
                        event.client_id = client;
                        event.email = Some(email);
                        event.correlation_id = Some(uuid::Uuid::from_u128(0xC0 + sign_up));
                        event.object_id = Some(uuid::Uuid::from_u128(0xB0 + sign_up));
                    })
                    .await;
                    assert!(report.warnings.is_empty(), "{report:?}");
                    report.outcome
                }
            };
            let [start, submit, token] = EVENTS;
            let blocked = |outcome: &EventOutcome, topic: &str| {
                matches!(outcome, EventOutcome::BlockPage { message, .. }
                    if message.starts_with(topic))
            };
            let one = "one@example.org";
            assert_eq!(tell(start, TRADE, one, 1).await, EventOutcome::Continue);
            assert_eq!(tell(submit, TRADE, one, 1).await, EventOutcome::Continue);
            assert_eq!(tell(token, TRADE, one, 1).await, claims("B1", "linked"));
            for kind in [start, submit] {
                let outcome = tell(kind, TRADE, one, 2).await;
                assert!(blocked(&outcome, "already_linked"), "{outcome:?}");
                let outcome = tell(kind, TRADE, "new@example.org", 3).await;
                assert!(blocked(&outcome, "customer_not_found"), "{outcome:?}");
                let outcome = tell(kind, SHOP, "two@example.org", 4).await;
                assert!(blocked(&outcome, "multiple_customers"), "{outcome:?}");
                let outcome = tell(kind, SHOP, "new@example.org", 5).await;
                assert_eq!(outcome, EventOutcome::Continue);
            }
            let outcome = tell(token, SHOP, "new@example.org", 5).await;
            assert_eq!(outcome, claims("C000001", "linked"));
            // An account that has been there all the time.
            assert_eq!(tell(token, TRADE, one, 6).await, claims("", "none"));
        }
    }

    #[tokio::test]
    async fn a_stranger_with_a_customers_address_gets_nowhere_in_either_shape() {
        for shape in [emulator::Shape::Docs, emulator::Shape::Capture] {
            let (tenant, external, database) = met().await;
            for kind in EVENTS {
                let report = raise(&tenant, &external, |event| {
                    event.event = kind;
                    event.shape = shape;
                    event.correlation_id = Some(uuid::Uuid::from_u128(0xC0));
                    event.federated = Some(FederatedIdentity {
                        issuer: "facebook.com".to_owned(),
                        subject: "104477002981".to_owned(),
                    });
                })
                .await;
                match kind {
                    EventKind::TokenIssuanceStart => {
                        assert_eq!(report.outcome, claims("", "refused"));
                    }
                    _ => assert!(
                        matches!(&report.outcome, EventOutcome::BlockPage { message, .. }
                            if message.starts_with("unverified_address")),
                        "{shape:?}: {report:?}"
                    ),
                }
            }
            assert_eq!(count(&database, "identity_link").await, 0);
        }
    }
}
