//! Somebody else changes a row while a link is being recorded from it. Each
//! race is made certain: the other transaction holds the row until recording
//! waits for it, and only then commits.

use std::time::Duration;

use idlink::domain::answer::Refusal;
use idlink::domain::customer::{CustomerNumber, CustomerType};
use idlink::domain::identity::Identity;
use idlink::domain::site::{SecondIdentity, Site, UnverifiedEmail};
use idlink::domain::trust::Address;
use idlink::linking::{Fresh, Outcome};
use idlink::staff::Ruling;
use tokio_postgres::Client;

use crate::linking::{Desk, PATIENCE, desk, number, recording, refusal};
use crate::support::business::{OnFile, identity, proven, site, usmf};
use crate::support::postgres::connect;

const ADA: &str = "ada@example.org";

/// Records while `change` is under way in another session, and commits that
/// once recording waits for it.
async fn record_during(desk: &Desk, site: &Site, who: &Identity, change: &str) -> Outcome {
    let other = connect(&desk.database.config()).await;
    other
        .batch_execute(&format!("BEGIN; {change}"))
        .await
        .unwrap();
    let (linking, recording) = (desk.linking.clone(), recording(site, who, proven(ADA)));
    let outcome = tokio::spawn(async move { linking.record(recording, PATIENCE).await });
    wait_for_a_waiter(&desk.sql).await;
    other.batch_execute("COMMIT").await.unwrap();
    outcome.await.unwrap()
}

/// Until somebody in the database waits for a lock.
pub(crate) async fn wait_for_a_waiter(sql: &Client) {
    let waiters = "
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..200 {
        let found: i64 = sql.query_one(waiters, &[]).await.unwrap().get(0);
        if found > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody ever waited for the row");
}

async fn desk_with_ada() -> (Desk, Site) {
    let desk = desk().await;
    OnFile::person("B1", ADA, CustomerType::B2b)
        .add(&desk.store)
        .await;
    (desk, site(CustomerType::B2b))
}

#[tokio::test]
async fn a_customer_that_stops_being_a_candidate_is_not_linked() {
    for change in [
        "state = 'blocked'",
        "state = 'pending'",
        "is_b2b = false",
        "kind = 'organisation'",
        "email_origin = 'typed'",
        "email_canonical = 'other@example.org', email_original = 'other@example.org'",
    ] {
        let (desk, trade) = desk_with_ada().await;
        let change = format!("UPDATE customer SET {change}");
        let outcome = record_during(&desk, &trade, &identity(1, "local"), &change).await;
        assert_eq!(refusal(&outcome), Refusal::NotFound, "{change}");
        assert_eq!(desk.count("SELECT count(*) FROM identity_link").await, 0);
    }
}

#[tokio::test]
async fn a_link_that_ends_while_it_is_answered_from_is_decided_anew() {
    let (desk, trade) = desk_with_ada().await;
    let ada = identity(1, "local");
    desk.record(&trade, &ada, proven(ADA)).await;
    let revoke = "UPDATE identity_link SET revoked_at = now(), revoked_by = 'mia'";
    let outcome = record_during(&desk, &trade, &ada, revoke).await;
    assert_eq!(number(&outcome), ("B1", Fresh::New));
    let active = "SELECT count(*) FROM identity_link WHERE revoked_at IS NULL";
    assert_eq!(desk.count(active).await, 1);
}

#[tokio::test]
async fn a_link_that_ends_by_itself_is_not_replaced_on_top() {
    let (desk, mut trade) = desk_with_ada().await;
    trade.rules.second_identity = SecondIdentity::Replace;
    desk.record(&trade, &identity(1, "local"), proven(ADA))
        .await;
    let revoke = "UPDATE identity_link SET revoked_at = now(), revoked_by = 'mia'";
    let outcome = record_during(&desk, &trade, &identity(2, "local"), revoke).await;
    assert_eq!(number(&outcome), ("B1", Fresh::New));
    let replaced = "SELECT count(*) FROM audit WHERE action = 'link.revoked'";
    assert_eq!(desk.count(replaced).await, 0);
    let events = "SELECT count(*) FROM outbox WHERE event_type = 'link.revoked'";
    assert_eq!(desk.count(events).await, 0);
}

/// Sign-ins of few people with few addresses, under every rule, while staff
/// blocks, approves and removes: whatever the outcome, nobody waits in a
/// circle and the tables stay whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_and_sign_ins_at_once_never_wait_in_a_circle() {
    let desk = desk().await;
    for (number, address, customer_type) in [
        ("B1", "p0@example.org", CustomerType::B2b),
        ("B2", "p1@example.org", CustomerType::B2b),
        ("C1", "p0@example.org", CustomerType::B2c),
    ] {
        OnFile::person(number, address, customer_type)
            .add(&desk.store)
            .await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..6_u128 {
        let linking = desk.linking.clone();
        tasks.spawn(async move {
            for n in 0..120_u128 {
                let dice = (caller * 7919 + n * 104_729) % 1009;
                let mut site = site(if dice % 2 == 0 {
                    CustomerType::B2b
                } else {
                    CustomerType::B2c
                });
                site.rules.second_identity =
                    [SecondIdentity::Add, SecondIdentity::Replace][(dice % 3 % 2) as usize];
                let who = identity(dice % 5, "local");
                let address = match dice % 7 {
                    0 => Address::Missing,
                    _ => proven(&format!("p{}@example.org", dice % 4)),
                };
                site.rules.unverified_email = UnverifiedEmail::Separate;
                let outcome = linking
                    .record(recording(&site, &who, address), PATIENCE)
                    .await;
                assert!(!matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
            }
        });
    }
    let store = desk.store.clone();
    tasks.spawn(async move {
        let legal_entity = usmf();
        let staff = idlink::staff::Desk {
            store: &store,
            legal_entity: &legal_entity,
            actor: "mia",
        };
        for n in 0..150 {
            let now = time::OffsetDateTime::now_utc();
            let number = CustomerNumber::parse(["B1", "B2", "C1"][n % 3]).unwrap();
            let ruling = [Ruling::Block, Ruling::Approve][n / 3 % 2];
            staff.rule(&number, ruling, now).await.unwrap();
            if let Some(link) = store.links(&legal_entity, None).await.unwrap().first() {
                // Another sign-in may have replaced it.
                drop(staff.remove_link(link.link_id, now).await);
            }
        }
    });
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(desk.count(deadlocks).await, 0);
    let of_one_identity = "
        SELECT count(*) FROM (
            SELECT 1 FROM identity_link WHERE revoked_at IS NULL
             GROUP BY legal_entity, issuer, subject HAVING count(*) > 1) AS x";
    assert_eq!(desk.count(of_one_identity).await, 0);
    let endings = "
        SELECT count(*) FROM identity_link
          LEFT JOIN outbox ON aggregate_id = link_id AND event_type = 'link.revoked'
         WHERE (revoked_at IS NULL) <> (event_id IS NULL)";
    assert_eq!(desk.count(endings).await, 0);
}
