//! What is left of the pool after a server that stalls, and which servers are
//! asked at all.

use std::sync::Arc;
use std::time::Duration;

use idlink::domain::customer::CustomerType;
use idlink::linking::{Linking, Outcome};
use idlink::store::features::Switch;
use idlink::store::{Store, Transaction};
use idlink::tracked::Tracked;
use serde_json::json;
use tokio::runtime::Handle;
use tokio_postgres::Client;

use crate::linking::{record, recording};
use crate::support::business::{cold_store, identity, proven, site, store, turn, usmf};
use crate::support::postgres::{connect, database, own_server};
use crate::support::service::{Service, TRADE};

const CONNECTIONS: usize = 8;

#[tokio::test]
async fn a_server_that_only_reads_is_not_asked() {
    let database = database().await;
    let mut standby = database.config();
    standby.options("-c default_transaction_read_only=on");
    let asked = cold_store(standby).ping().await;
    assert!(asked.is_err(), "decisions never read a replica");
}

/// A transaction that the server knows of.
async fn begun(store: &Store) -> Transaction {
    let tx = store.begin().await.unwrap();
    tx.standing(&usmf(), &identity(0, "local")).await.unwrap();
    tx
}

/// Every connection can be had at once, and none is in a transaction.
async fn assert_whole(store: &Store, sql: &Client) {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(begun(store).await);
    }
    for transaction in held {
        transaction.roll_back().await.unwrap();
    }
    assert_eq!(store.load().0, 0);
    let open = "
        SELECT count(*) FROM pg_stat_activity
         WHERE application_name = 'idlink' AND state <> 'idle'";
    let open: i64 = sql.query_one(open, &[]).await.unwrap().get(0);
    assert_eq!(open, 0);
}

#[tokio::test]
async fn statements_that_nobody_waits_for_cost_no_place_in_the_pool() {
    let server = own_server().await;
    let store = store(server.config()).await;
    let sql = connect(&server.config()).await;
    let mut stopped = Vec::new();
    for n in 0..CONNECTIONS {
        let tx = begun(&store).await;
        if n % 2 == 0 {
            stopped.push(tx);
        } else {
            tx.roll_back().await.unwrap();
        }
    }
    server.signal_all("STOP");
    for tx in stopped {
        let commit = tokio::time::timeout(Duration::from_millis(20), tx.commit()).await;
        assert!(commit.is_err());
    }
    for _ in 0..2 * CONNECTIONS {
        let ping = tokio::time::timeout(Duration::from_millis(20), store.ping()).await;
        assert!(!matches!(ping, Ok(Ok(()))));
    }
    server.signal_all("CONT");
    // The server notices the closed sockets by itself.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_whole(&store, &sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_before_a_stalled_server_is_answered_and_leaves_the_pool_whole() {
    let server = own_server().await;
    let store = store(server.config()).await;
    let sql = connect(&server.config()).await;
    let linking = Linking::new(store.clone(), Tracked::new(Handle::current()));
    let shop = Arc::new(site(CustomerType::B2c));
    server.signal_all("STOP");
    let crowd: Vec<_> = (0..3 * CONNECTIONS as u128)
        .map(|n| {
            let (linking, shop) = (linking.clone(), shop.clone());
            tokio::spawn(async move {
                let who = identity(n, "local");
                let address = proven(&format!("p{n}@example.org"));
                let patience = Duration::from_millis(900);
                linking
                    .record(recording(&shop, &who, address), patience)
                    .await
            })
        })
        .collect();
    for caller in crowd {
        let outcome = caller.await.unwrap();
        assert!(matches!(outcome, Outcome::Unavailable(_)), "{outcome:?}");
    }
    server.signal_all("CONT");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_whole(&store, &sql).await;
    for n in 0..3 * CONNECTIONS as u128 {
        let address = proven(&format!("p{n}@example.org"));
        let outcome = record(&linking, &shop, &identity(n, "local"), address).await;
        assert!(matches!(outcome, Outcome::Linked { .. }), "{outcome:?}");
    }
    crate::linking::check_invariants(&sql).await;
}

#[tokio::test]
async fn where_linking_is_off_an_outage_turns_nobody_away() {
    let server = own_server().await;
    let service = Service::on(store(server.config()).await, |_| {}).await;
    turn(&service.store, Switch::Off).await;
    let body = json!({
        "step": "PostAttributeCollection",
        "client_id": TRADE,
        "email": "one@example.org",
    });
    let goes_on = json!({"version": "1.0.0", "action": "Continue"});
    assert_eq!(service.ask(&body).await.json(), goes_on, "off");
    server.signal_all("KILL");
    assert_eq!(service.ask(&body).await.json(), goes_on, "off and away");
}
