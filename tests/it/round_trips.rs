//! What a recording costs: how often the service waits for its database.

use idlink::domain::customer::CustomerType;
use idlink::domain::site::{Mode, Site};
use idlink::domain::trust::Address;
use idlink::linking::{Linking, Outcome};
use idlink::store::candidates::Lookup;
use idlink::store::{Statements, Store};
use idlink::tracked::Tracked;
use time::OffsetDateTime;
use tokio::runtime::Handle;

use crate::linking::record;
use crate::overtaken::wait_for_a_waiter;
use crate::support::business::{
    OnFile, email, furnished, identity, proven, site, store_of, store_with, usmf,
};
use crate::support::postgres::{Database, connect, database};
use crate::support::wire::Wire;

/// One connection, which every statement passes.
async fn wired(statements: Statements) -> (Store, Wire, Database) {
    let database = database().await;
    let wire = Wire::to(&database.config()).await;
    let store = furnished(store_of(1, wire.config(), statements)).await;
    for (number, address) in [
        ("B1", "one@example.org"),
        ("B2", "two@example.org"),
        ("B3", "three@example.org"),
    ] {
        OnFile::person(number, address, CustomerType::B2b)
            .add(&store)
            .await;
    }
    (store, wire, database)
}

#[tokio::test]
async fn a_recording_waits_for_the_database_this_often_and_no_more() {
    for statements in [Statements::Prepared, Statements::Unnamed] {
        let (store, wire, _database) = wired(statements).await;
        let linking = Linking::new(store, Tracked::new(Handle::current()));
        let (shop, trade) = (site(CustomerType::B2c), site(CustomerType::B2b));
        let mut observing = trade.clone();
        observing.mode = Mode::Observe;
        let cases: [(&str, usize, &Site, u128, [&str; 2]); 7] = [
            ("a new customer", 5, &shop, 1, ["new0", "new1"]),
            ("a match", 5, &trade, 2, ["one", "two"]),
            ("a young link", 2, &trade, 2, ["one", "two"]),
            ("a young link at a shop", 2, &shop, 1, ["", ""]),
            ("nobody's address", 4, &trade, 3, ["nobody", "nobody"]),
            ("a second identity", 4, &trade, 4, ["one", "two"]),
            ("only observed", 3, &observing, 5, ["three", "three"]),
        ];
        // In the first round the connection prepares each statement.
        for round in [0, 1] {
            for (what, expected, site, who, addresses) in cases {
                let address = match addresses[round] {
                    "" => Address::Missing,
                    name => proven(&format!("{name}@example.org")),
                };
                let who = identity(10 * round as u128 + who, "local");
                wire.trips();
                let outcome = record(&linking, site, &who, address).await;
                let trips = wire.trips();
                assert!(!matches!(outcome, Outcome::Unavailable(_)), "{what}");
                if round == 1 {
                    assert_eq!(trips, expected, "{what}, {statements:?}: {outcome:?}");
                }
            }
        }
    }
}

/// A connection that knows one statement and must prepare the one before it
/// sends them in their order all the same: the customer that comes in while the
/// address is waited for is seen.
#[tokio::test]
async fn statements_sent_together_are_carried_out_in_their_order() {
    for statements in [Statements::Prepared, Statements::Unnamed] {
        let database = database().await;
        let store = furnished(store_of(1, database.config(), statements)).await;
        let other = store_with(database.config(), Statements::Prepared);
        let (usmf, address, who) = (usmf(), email("ada@example.org"), identity(1, "local"));
        let now = OffsetDateTime::now_utc();
        store.standing(&usmf, &who).await.unwrap();
        let shop = site(CustomerType::B2b);
        let lookup = Lookup {
            legal_entity: &usmf,
            email: &address,
            customer_type: shop.rules.customer_type,
            issuer: &who.issuer,
            provider: &who.provider,
            feed_max_age: None,
        };
        store.candidates(&lookup).await.unwrap();

        let holder = other.begin().await.unwrap();
        holder.hold_slot(&usmf, &address, now).await.unwrap();
        let tx = store.begin().await.unwrap();
        let waiting = async {
            let (held, found) =
                futures_util::join!(tx.hold_slot(&usmf, &address, now), tx.candidates(&lookup));
            held.unwrap();
            found.unwrap().found
        };
        let sql = connect(&database.config()).await;
        let arriving = async {
            wait_for_a_waiter(&sql).await;
            OnFile::person("B1", "ada@example.org", CustomerType::B2b)
                .add(&other)
                .await;
            holder.commit().await.unwrap();
        };
        let (found, ()) = futures_util::join!(waiting, arriving);
        assert_eq!(found.len(), 1, "{statements:?}");
        tx.commit().await.unwrap();
    }
}
