//! What people are told while the customer feed is behind, at every door. The
//! edge itself, to the second, is `domain::feed`'s; here the feed is a minute
//! too old, or ten minutes younger than the limit.

use idlink::domain::answer::Refusal;
use idlink::domain::customer::CustomerType;
use idlink::domain::reference::Reference;
use idlink::domain::site::{Mode, Rules, UnverifiedEmail};
use idlink::domain::trust::Address;
use idlink::linking::{Fresh, Outcome};
use idlink::store::Store;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::custom_policy::{self, Told};
use crate::external_id::{self, Shape};
use crate::linking;
use crate::sites;
use crate::support::business::{OnFile, email, identity, proven, site, usmf};
use crate::support::external::External;
use crate::support::postgres::connect;
use crate::support::service::{SHOP, Service, TRADE, send};
use crate::support::tenant::key;
use crate::user_flow;

const LIMIT: Duration = Duration::hours(24);
const BEHIND: Duration = Duration::seconds(24 * 60 * 60 + 60);
const IN_TIME: Duration = Duration::seconds(24 * 60 * 60 - 600);

const RECORDS_BEHIND: Told = (
    "records_behind",
    "Idlink_CustomerRecordsBehind",
    "CustomerRecordsBehind",
);
const NOT_FOUND_YET: Told = (
    "not_found_yet",
    "Idlink_CustomerNotFoundYet",
    "CustomerNotFoundYet",
);

/// As an import leaves it that came to its end `age` ago.
pub(crate) async fn feed(sql: &Client, age: Duration, source_age: Option<Duration>) {
    let now = OffsetDateTime::now_utc();
    let (id, at) = (Uuid::now_v7(), now - age);
    sql.execute(
        "INSERT INTO import (legal_entity, import_id, kind, feed, state, actor, started_at,
                finished_at)
         VALUES ('USMF', $1, 'customers', 'full', 'completed', 'test', $2, $2)",
        &[&id, &at],
    )
    .await
    .unwrap();
    sql.execute(
        "INSERT INTO feed_watermark (legal_entity, import_id, completed_at, source_time)
         VALUES ('USMF', $1, $2, $3)
         ON CONFLICT (legal_entity) DO UPDATE
                SET import_id = excluded.import_id, completed_at = excluded.completed_at,
                    source_time = excluded.source_time",
        &[&id, &at, &source_age.map(|age| now - age)],
    )
    .await
    .unwrap();
}

fn limited(rules: &mut Rules) {
    rules.feed_max_age = Some(LIMIT);
}

async fn one(store: &Store) {
    for (number, customer_type) in [("B1", CustomerType::B2b), ("C1", CustomerType::B2c)] {
        OnFile::person(number, "one@example.org", customer_type)
            .add(store)
            .await;
    }
}

/// What the attempt under this reference was refused with.
async fn remembered(store: &Store, reference: &str) -> Option<String> {
    let reference = Reference::parse(reference).unwrap();
    let attempts = store.attempts(&usmf(), &reference).await.unwrap();
    assert_eq!(attempts.len(), 1, "{reference}");
    attempts[0].refusal.clone()
}

async fn limited_service() -> (Service, crate::support::postgres::Database, Client) {
    let (service, database) = Service::start(|setup| {
        limited(&mut setup.trade.rules);
        limited(&mut setup.shop.rules);
    })
    .await;
    one(&service.store).await;
    let sql = connect(&database.config()).await;
    (service, database, sql)
}

#[tokio::test]
async fn a_user_flow_believes_no_match_only_from_a_fresh_feed() {
    let (service, _database, sql) = limited_service().await;
    let cases = [
        (TRADE, "not_found_yet", "Idlink_CustomerNotFoundYet"),
        (SHOP, "records_behind", "Idlink_CustomerRecordsBehind"),
    ];
    for round in ["never came to its end", "behind"] {
        for (client, topic, code) in cases {
            let reply = service
                .ask(&user_flow::local(client, "new@example.org"))
                .await;
            let reference = user_flow::assert_block(&reply, topic, round);
            let refusal = remembered(&service.store, &reference).await;
            assert_eq!(refusal.as_deref(), Some(code), "{round}");
            let reply = service
                .ask(&user_flow::token(client, "new@example.org"))
                .await;
            let refused = json!({"extension_CustomerId": "", "extension_CustomerLink": "refused"});
            user_flow::assert_continue(&reply, refused, round);
        }
        for (client, number) in [(TRADE, "B1"), (SHOP, "C1")] {
            let reply = service
                .ask(&user_flow::local(client, "one@example.org"))
                .await;
            let found = json!({ "extension_CustomerId": number });
            user_flow::assert_continue(&reply, found, round);
        }
        feed(&sql, BEHIND, None).await;
    }
    feed(&sql, IN_TIME, None).await;
    let reply = service
        .ask(&user_flow::local(TRADE, "new@example.org"))
        .await;
    user_flow::assert_block(&reply, "customer_not_found", "in time");
    let reply = service
        .ask(&user_flow::local(SHOP, "new@example.org"))
        .await;
    user_flow::assert_continue(&reply, json!({}), "in time");
    let reply = service
        .ask(&user_flow::token(SHOP, "new@example.org"))
        .await;
    let linked = json!({"extension_CustomerId": "C000001", "extension_CustomerLink": "linked"});
    user_flow::assert_continue(&reply, linked, "in time");
}

#[tokio::test]
async fn the_sources_own_time_counts() {
    let (service, _database, sql) = limited_service().await;
    feed(&sql, Duration::minutes(1), Some(BEHIND)).await;
    let reply = service
        .ask(&user_flow::local(SHOP, "new@example.org"))
        .await;
    user_flow::assert_block(&reply, "records_behind", "of the day before yesterday");
    feed(&sql, Duration::minutes(1), Some(IN_TIME)).await;
    let reply = service
        .ask(&user_flow::local(SHOP, "new@example.org"))
        .await;
    user_flow::assert_continue(&reply, json!({}), "of yesterday");
}

#[tokio::test]
async fn a_custom_policy_believes_no_match_only_from_a_fresh_feed() {
    let (service, _database, sql) = limited_service().await;
    feed(&sql, BEHIND, None).await;
    let correlation = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";
    for (client, told) in [(TRADE, NOT_FOUND_YET), (SHOP, RECORDS_BEHIND)] {
        let claims = custom_policy::claims(client, "new@example.org");
        let reply = custom_policy::ask(&service, "check-customer", &claims).await;
        let reference = custom_policy::assert_conflict(&reply, told, correlation, "behind");
        let refusal = remembered(&service.store, &reference).await;
        assert_eq!(refusal.as_deref(), Some(told.1));
        let reply = custom_policy::ask(&service, "customer-outcome", &claims).await;
        custom_policy::assert_blocked(&reply, told.0, "behind");
        let signed_in = custom_policy::signed_in(claims);
        let reply = custom_policy::ask(&service, "record-link", &signed_in).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.json(),
            json!({"customerId": "", "customerLink": "refused"})
        );
    }
    feed(&sql, IN_TIME, None).await;
    let claims = custom_policy::claims(SHOP, "new@example.org");
    let reply = custom_policy::ask(&service, "check-customer", &claims).await;
    custom_policy::assert_passed(&reply, json!({}), "in time");
    let signed_in = custom_policy::signed_in(claims);
    let reply = custom_policy::ask(&service, "record-link", &signed_in).await;
    assert_eq!(
        reply.json(),
        json!({"customerId": "C000001", "customerLink": "linked"})
    );
}

#[tokio::test]
async fn external_id_believes_no_match_only_from_a_fresh_feed() {
    let (external, database) = External::start(|setup| {
        limited(&mut setup.trade.rules);
        limited(&mut setup.shop.rules);
    })
    .await;
    let sql = connect(&database.config()).await;
    feed(&sql, BEHIND, None).await;
    for (client, told) in [(TRADE, NOT_FOUND_YET), (SHOP, RECORDS_BEHIND)] {
        let body = external_id::submit(Shape::Captured, client, "new@example.org");
        let begun = external
            .ask(&external_id::start(
                Shape::Captured,
                client,
                "new@example.org",
            ))
            .await;
        external_id::assert_block(&begun, "Start", told.0, "behind");
        let reply = external.ask(&body).await;
        let reference = external_id::assert_block(&reply, "Submit", told.0, "behind");
        let refusal = remembered(&external.service.store, &reference).await;
        assert_eq!(refusal.as_deref(), Some(told.1));
        let body = external_id::token(client, external_id::SIGN_UP);
        let reply = external.ask(&body).await;
        let refused = external_id::provide("", "refused");
        external_id::assert_reply(&reply, &refused, "behind");
    }
}

#[tokio::test]
async fn external_id_goes_on_as_ever_with_a_feed_in_time() {
    let (external, database) = External::start(|setup| limited(&mut setup.shop.rules)).await;
    feed(&connect(&database.config()).await, IN_TIME, None).await;
    let body = external_id::start(Shape::Captured, SHOP, "new@example.org");
    external.ask(&body).await;
    let body = external_id::submit(Shape::Captured, SHOP, "new@example.org");
    let reply = external.ask(&body).await;
    external_id::assert_reply(&reply, &external_id::submit_continue(), "in time");
    let reply = external
        .ask(&external_id::token(SHOP, external_id::SIGN_UP))
        .await;
    let linked = external_id::provide("C000001", "linked");
    external_id::assert_reply(&reply, &linked, "in time");
}

#[tokio::test]
async fn sites_are_told_with_code_and_reference_and_never_that_we_are_broken() {
    let desk = sites::desk_with(|site| limited(&mut site.rules)).await;
    let sql = desk.sql().await;
    feed(&sql, BEHIND, None).await;
    let token = key().token(&desk.claims(SHOP, "new@example.org"));
    desk.issue(&token).await;
    let response = desk.redeem("shop", SHOP).await;
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"], "invalid_grant");
    assert_eq!(body["error_code"], "Idlink_CustomerRecordsBehind");
    assert_eq!(body["error_name"], "CustomerRecordsBehind");
    let reference = body["reference"].as_str().unwrap();
    assert_eq!(
        body["user_message"],
        format!("records_behind signed_in {reference}")
    );
    let refusal = remembered(&desk.store, reference).await;
    assert_eq!(refusal.as_deref(), Some("Idlink_CustomerRecordsBehind"));

    let token = key().token(&desk.claims(TRADE, "new@example.org"));
    let response = desk.link(&json!({ "id_token": token })).await;
    assert_eq!(response.status(), 404);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "Idlink_CustomerNotFoundYet");
    assert_eq!(body["type"], "urn:idlink:problem:CustomerNotFoundYet");
    let reference = body["reference"].as_str().unwrap();
    assert_eq!(
        body["user_message"],
        format!("not_found_yet signed_in {reference}")
    );

    // Refused, and linked as soon as the feed has caught up.
    feed(&sql, IN_TIME, None).await;
    let token = key().token(&desk.claims(SHOP, "new@example.org"));
    desk.issue(&token).await;
    let body: Value = desk.redeem("shop", SHOP).await.json().await.unwrap();
    assert_eq!(body["customer_link"], "linked");
    assert_eq!(body["customer_id"], "C000001");
}

#[tokio::test]
async fn recording_asks_for_the_feeds_age_again() {
    let desk = linking::desk().await;
    let mut shop = site(CustomerType::B2c);
    limited(&mut shop.rules);
    let who = identity(1, "local");
    feed(&desk.sql, BEHIND, None).await;
    let refused = desk.record(&shop, &who, proven("new@example.org")).await;
    assert_eq!(linking::refusal(&refused), Refusal::RecordsBehind);
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 0);

    // Under observation nobody is kept out, and what would have been is kept.
    shop.mode = Mode::Observe;
    let outcome = desk.record(&shop, &who, proven("new@example.org")).await;
    assert_eq!(outcome, Outcome::NotLinked);
    let observed = "
        SELECT count(*) FROM sign_up_attempt
         WHERE refusal = 'Idlink_CustomerRecordsBehind' AND answer = 'continue'
           AND (rules ->> 'feed_max_age_minutes')::int = 1440";
    assert_eq!(desk.count(observed).await, 1);

    // A customer of their own is not created for want of a match.
    shop.mode = Mode::Enforce;
    shop.rules.unverified_email = UnverifiedEmail::Separate;
    let claimed = Address::Claimed(email("new@example.org"));
    let separate = desk.record(&shop, &identity(2, "local"), claimed).await;
    assert_eq!(linking::number(&separate), ("C000001", Fresh::New));

    feed(&desk.sql, IN_TIME, None).await;
    let created = desk.record(&shop, &who, proven("new@example.org")).await;
    assert_eq!(linking::number(&created), ("C000002", Fresh::New));
}

#[tokio::test]
async fn operators_see_how_old_each_feed_is() {
    let (service, _database, sql) = limited_service().await;
    let ask = |path: &'static str| send(service.management(path));
    let health = ask("/healthz").await.json();
    assert_eq!(health["feeds"], json!({ "USMF": { "age_seconds": null } }));
    feed(&sql, Duration::minutes(1), Some(Duration::hours(2))).await;
    let health = ask("/healthz").await.json();
    let age = health["feeds"]["USMF"]["age_seconds"].as_i64().unwrap();
    assert!((7200..7800).contains(&age), "{age}");
    let numbers = ask("/metrics").await.text;
    let line = numbers
        .lines()
        .find(|line| line.starts_with("idlink_customer_feed_age_seconds{legal_entity=\"USMF\"}"));
    let age: f64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((7200.0..7800.0).contains(&age), "{age}");
}
