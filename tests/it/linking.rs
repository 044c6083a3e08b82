//! Recording links: the rules made true by transactions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use idlink::domain::answer::Refusal;
use idlink::domain::customer::{AddressOrigin, CustomerState, CustomerType};
use idlink::domain::identity::Identity;
use idlink::domain::site::{Mode, SecondIdentity, Site, UnverifiedEmail};
use idlink::domain::trust::Address;
use idlink::linking::{Fresh, Linking, Outcome, Recording};
use idlink::store::Store;
use idlink::store::features::Switch;
use idlink::tracked::Tracked;
use tokio::runtime::Handle;
use tokio_postgres::Client;

use crate::support::business::{OnFile, email, identity, proven, site, store, turn, usmf};
use crate::support::postgres::{Database, connect, database, own_server};

pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

pub(crate) struct Desk {
    pub(crate) linking: Linking,
    pub(crate) store: Store,
    /// Looks at the tables past everything under test.
    pub(crate) sql: Client,
    pub(crate) database: Database,
}

pub(crate) async fn desk() -> Desk {
    let database = database().await;
    let store = store(database.config()).await;
    Desk {
        linking: Linking::new(store.clone(), Tracked::new(Handle::current())),
        sql: connect(&database.config()).await,
        store,
        database,
    }
}

impl Desk {
    pub(crate) async fn record(&self, site: &Site, who: &Identity, address: Address) -> Outcome {
        record(&self.linking, site, who, address).await
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.sql.query_one(sql, &[]).await.unwrap().get(0)
    }
}

pub(crate) async fn record(
    linking: &Linking,
    site: &Site,
    who: &Identity,
    address: Address,
) -> Outcome {
    linking
        .record(recording(site, who, address), PATIENCE)
        .await
}

pub(crate) fn recording(site: &Site, who: &Identity, address: Address) -> Recording {
    Recording {
        site: Arc::new(site.clone()),
        identity: who.clone(),
        address,
        via: "token",
        ui_locales: "en".to_owned(),
        request_id: None,
    }
}

pub(crate) fn number(outcome: &Outcome) -> (&str, Fresh) {
    match outcome {
        Outcome::Linked { number, fresh } => (number.as_str(), *fresh),
        other => panic!("not linked: {other:?}"),
    }
}

pub(crate) fn refusal(outcome: &Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refused) => refused.refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_only_candidate_is_linked_and_stays_linked() {
    let desk = desk().await;
    OnFile::person("1001", "ada@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let trade = site(CustomerType::B2b);
    let ada = identity(1, "local");
    let first = desk.record(&trade, &ada, proven("Ada@Example.org")).await;
    assert_eq!(number(&first), ("1001", Fresh::New));
    let second = desk.record(&trade, &ada, proven("ada@example.org")).await;
    assert_eq!(number(&second), ("1001", Fresh::Standing));
    // Another address changes nothing any more: the identity is linked.
    let third = desk.record(&trade, &ada, Address::Missing).await;
    assert_eq!(number(&third), ("1001", Fresh::Standing));
    assert_eq!(
        desk.count("SELECT count(*) FROM audit WHERE action = 'link.created'")
            .await,
        1
    );
    assert_eq!(
        desk.count("SELECT count(*) FROM outbox WHERE event_type = 'link.created'")
            .await,
        1
    );
}

#[tokio::test]
async fn the_rows_of_the_table() {
    let desk = desk().await;
    for (number, address, customer_type) in [
        ("B1", "one@example.org", CustomerType::B2b),
        ("C1", "one@example.org", CustomerType::B2c),
        ("B2", "two@example.org", CustomerType::B2b),
        ("B3", "two@example.org", CustomerType::B2b),
        ("C2", "two@example.org", CustomerType::B2c),
        ("C3", "two@example.org", CustomerType::B2c),
    ] {
        OnFile::person(number, address, customer_type)
            .add(&desk.store)
            .await;
    }
    let (trade, shop) = (site(CustomerType::B2b), site(CustomerType::B2c));

    let one = desk
        .record(&trade, &identity(1, "local"), proven("one@example.org"))
        .await;
    assert_eq!(number(&one), ("B1", Fresh::New));
    let one = desk
        .record(&shop, &identity(2, "local"), proven("one@example.org"))
        .await;
    assert_eq!(number(&one), ("C1", Fresh::New));

    let none = desk
        .record(&trade, &identity(3, "local"), proven("new@example.org"))
        .await;
    assert_eq!(refusal(&none), Refusal::NotFound);
    let none = desk
        .record(&shop, &identity(4, "local"), proven("new@example.org"))
        .await;
    assert_eq!(number(&none), ("C000001", Fresh::New));

    for site in [&trade, &shop] {
        let several = desk
            .record(site, &identity(5, "local"), proven("two@example.org"))
            .await;
        assert_eq!(refusal(&several), Refusal::Several);
    }
}

#[tokio::test]
async fn a_person_refused_and_approved_since_is_linked_at_the_next_sign_in() {
    let desk = desk().await;
    let trade = site(CustomerType::B2b);
    let who = identity(1, "local");
    let before = desk.record(&trade, &who, proven("ada@example.org")).await;
    assert_eq!(refusal(&before), Refusal::NotFound);
    OnFile::person("1001", "ada@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let after = desk.record(&trade, &who, proven("ada@example.org")).await;
    assert_eq!(number(&after), ("1001", Fresh::New));
}

#[tokio::test]
async fn a_refusal_leaves_an_attempt_that_its_reference_finds() {
    let desk = desk().await;
    let trade = site(CustomerType::B2b);
    let outcome = desk
        .record(&trade, &identity(1, "local"), proven("ada@example.org"))
        .await;
    let Outcome::Refused(refused) = outcome else {
        panic!("not refused: {outcome:?}");
    };
    let expected = format!("customer_not_found signed_in {}", refused.reference);
    assert_eq!(refused.text, expected);
    let attempts = desk
        .store
        .attempts(&usmf(), &refused.reference)
        .await
        .unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        attempts[0].refusal.as_deref(),
        Some("Microsoft_Dynamics_CommerceIdentityNotFound")
    );
    assert_eq!(attempts[0].email.as_deref(), Some("ada@example.org"));
}

#[tokio::test]
async fn an_unverified_address_links_nobody_and_may_get_a_customer_of_its_own() {
    let desk = desk().await;
    OnFile::person("C1", "ada@example.org", CustomerType::B2c)
        .add(&desk.store)
        .await;
    let mut shop = site(CustomerType::B2c);
    let who = identity(1, "facebook.com");
    let claimed = || Address::Claimed(email("ada@example.org"));
    let refused = desk.record(&shop, &who, claimed()).await;
    assert_eq!(refusal(&refused), Refusal::Unverified);

    shop.rules.unverified_email = UnverifiedEmail::Separate;
    let separate = desk.record(&shop, &who, claimed()).await;
    assert_eq!(number(&separate), ("C000001", Fresh::New));

    // The address that nobody proved makes no second candidate.
    let owner = desk
        .record(&shop, &identity(2, "local"), proven("ada@example.org"))
        .await;
    assert_eq!(number(&owner), ("C1", Fresh::New));
}

#[tokio::test]
async fn a_second_identity_of_the_same_provider_is_the_sites_rule() {
    let cases = [
        (SecondIdentity::Refuse, 1),
        (SecondIdentity::Add, 2),
        (SecondIdentity::Replace, 1),
    ];
    for (rule, links) in cases {
        let desk = desk().await;
        OnFile::person("B1", "ada@example.org", CustomerType::B2b)
            .add(&desk.store)
            .await;
        let mut trade = site(CustomerType::B2b);
        trade.rules.second_identity = rule;
        let address = || proven("ada@example.org");
        desk.record(&trade, &identity(1, "local"), address()).await;
        // Another provider is welcome under every rule.
        let social = desk
            .record(&trade, &identity(2, "google.com"), address())
            .await;
        assert_eq!(number(&social), ("B1", Fresh::New), "{rule:?}");
        let second = desk.record(&trade, &identity(3, "local"), address()).await;
        match rule {
            SecondIdentity::Refuse => assert_eq!(refusal(&second), Refusal::AlreadyLinked),
            SecondIdentity::Add | SecondIdentity::Replace => {
                assert_eq!(number(&second), ("B1", Fresh::New));
            }
        }
        let active = desk
            .count(
                "SELECT count(*) FROM identity_link
                  WHERE revoked_at IS NULL AND provider = 'local'",
            )
            .await;
        assert_eq!(active, links, "{rule:?}");
    }
}

#[tokio::test]
async fn a_linked_customers_state_decides_what_its_identity_is_told() {
    let desk = desk().await;
    let linked = OnFile::person("B1", "ada@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let survivor = OnFile::person("B2", "both@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let trade = site(CustomerType::B2b);
    let who = identity(1, "local");
    let ask = || desk.record(&trade, &who, proven("ada@example.org"));
    assert_eq!(number(&ask().await), ("B1", Fresh::New));

    let sql = &desk.sql;
    let set = |change: String| async move { sql.batch_execute(&change).await.unwrap() };
    set(format!(
        "UPDATE customer SET state = 'merged', merged_into = '{}' WHERE customer_id = '{}'",
        survivor.0, linked.0
    ))
    .await;
    assert_eq!(number(&ask().await), ("B2", Fresh::Standing));

    for state in ["blocked", "erased"] {
        set(format!(
            "UPDATE customer SET state = '{state}' WHERE customer_id = '{}'",
            survivor.0
        ))
        .await;
        assert_eq!(refusal(&ask().await), Refusal::CustomerBlocked, "{state}");
    }
    set(format!(
        "UPDATE customer SET state = 'active' WHERE customer_id = '{}'",
        survivor.0
    ))
    .await;
    assert_eq!(number(&ask().await), ("B2", Fresh::Standing));
}

#[tokio::test]
async fn merges_that_lead_in_a_circle_give_nobody_a_number() {
    let desk = desk().await;
    let one = OnFile::person("B1", "ada@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let other = OnFile::person("B2", "both@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let trade = site(CustomerType::B2b);
    let who = identity(1, "local");
    desk.record(&trade, &who, proven("ada@example.org")).await;
    for (from, to) in [(one, other), (other, one)] {
        desk.sql
            .batch_execute(&format!(
                "UPDATE customer SET state = 'merged', merged_into = '{}' WHERE customer_id = '{}'",
                to.0, from.0
            ))
            .await
            .unwrap();
    }
    let outcome = desk.record(&trade, &who, proven("ada@example.org")).await;
    assert_eq!(refusal(&outcome), Refusal::CustomerBlocked);
}

#[tokio::test]
async fn with_linking_off_nothing_is_recorded_and_linked_identities_keep_their_number() {
    let desk = desk().await;
    OnFile::person("B1", "ada@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let trade = site(CustomerType::B2b);
    let ada = identity(1, "local");
    desk.record(&trade, &ada, proven("ada@example.org")).await;

    turn(&desk.store, Switch::Off).await;
    let new = identity(2, "local");
    let outcome = desk.record(&trade, &new, proven("new@example.org")).await;
    assert_eq!(outcome, Outcome::NotLinked);
    let known = desk.record(&trade, &ada, proven("ada@example.org")).await;
    assert_eq!(number(&known), ("B1", Fresh::Standing));
    assert_eq!(desk.count("SELECT count(*) FROM sign_up_attempt").await, 0);

    turn(&desk.store, Switch::On).await;
    let mut off = trade.clone();
    off.mode = Mode::Off;
    let outcome = desk.record(&off, &new, proven("new@example.org")).await;
    assert_eq!(outcome, Outcome::NotLinked);
    assert_eq!(desk.count("SELECT count(*) FROM sign_up_attempt").await, 0);
}

#[tokio::test]
async fn observing_decides_and_remembers_and_links_nobody() {
    let desk = desk().await;
    OnFile::person("C1", "ada@example.org", CustomerType::B2c)
        .add(&desk.store)
        .await;
    let mut shop = site(CustomerType::B2c);
    shop.mode = Mode::Observe;
    for (n, address) in [(1, "ada@example.org"), (2, "new@example.org")] {
        let outcome = desk
            .record(&shop, &identity(n, "local"), proven(address))
            .await;
        assert_eq!(outcome, Outcome::NotLinked, "{address}");
    }
    let decisions: Vec<String> = desk
        .sql
        .query(
            "SELECT decision FROM sign_up_attempt ORDER BY decision",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(decisions, ["create", "link"]);
    assert_eq!(desk.count("SELECT count(*) FROM identity_link").await, 0);
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 1);
}

#[tokio::test]
async fn observing_remembers_that_a_linked_customer_is_gone() {
    let desk = desk().await;
    OnFile::person("B1", "ada@example.org", CustomerType::B2b)
        .add(&desk.store)
        .await;
    let mut trade = site(CustomerType::B2b);
    let ada = identity(1, "local");
    desk.record(&trade, &ada, proven("ada@example.org")).await;
    desk.sql
        .batch_execute("UPDATE customer SET state = 'blocked'")
        .await
        .unwrap();
    trade.mode = Mode::Observe;
    let outcome = desk.record(&trade, &ada, proven("ada@example.org")).await;
    assert_eq!(outcome, Outcome::NotLinked);
    let remembered = "
        SELECT count(*) FROM sign_up_attempt
         WHERE refusal = 'Idlink_CustomerBlocked' AND answer = 'continue'";
    assert_eq!(desk.count(remembered).await, 1);
}

#[tokio::test]
async fn a_number_that_is_taken_is_passed_over() {
    let desk = desk().await;
    for number in ["C000001", "C000002"] {
        OnFile::person(number, "x@example.org", CustomerType::B2b)
            .add(&desk.store)
            .await;
    }
    let shop = site(CustomerType::B2c);
    let outcome = desk
        .record(&shop, &identity(1, "local"), proven("new@example.org"))
        .await;
    assert_eq!(number(&outcome), ("C000003", Fresh::New));
}

/// Each number that is taken costs a run of the transaction, so there is an
/// end to it. Whoever comes next goes on from there.
#[tokio::test]
async fn twenty_numbers_that_are_taken_are_enough_for_one_recording() {
    let desk = desk().await;
    desk.sql
        .batch_execute(
            "INSERT INTO customer
                    (legal_entity, customer_id, customer_number, kind, is_b2b, state, origin,
                     created_at, changed_at)
             SELECT 'USMF', gen_random_uuid(), 'C' || lpad(n::text, 6, '0'), 'person', true,
                    'active', 'staff', now(), now()
               FROM generate_series(1, 39) AS n
              WHERE n <> 20",
        )
        .await
        .unwrap();
    let shop = site(CustomerType::B2c);
    let (desk, shop) = (&desk, &shop);
    let record = async |n, address| {
        desk.record(shop, &identity(n, "local"), proven(address))
            .await
    };
    let last = record(1, "one@example.org").await;
    assert_eq!(number(&last), ("C000020", Fresh::New));
    desk.sql
        .batch_execute(
            "UPDATE customer SET customer_number = 'C000040' WHERE customer_number = 'C000020'",
        )
        .await
        .unwrap();
    let none = record(2, "two@example.org").await;
    assert!(matches!(none, Outcome::Unavailable(_)), "{none:?}");
    let next = record(2, "two@example.org").await;
    assert_eq!(number(&next), ("C000041", Fresh::New));
    assert_eq!(desk.store.load().0, 0);
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn customers_that_are_no_candidates_find_nobody_in_the_store_either() {
    let desk = desk().await;
    let trade = site(CustomerType::B2b);
    let on_file = || OnFile::person("X", "ada@example.org", CustomerType::B2b);
    let cases = [
        OnFile {
            number: "1",
            state: CustomerState::Pending,
            ..on_file()
        },
        OnFile {
            number: "2",
            state: CustomerState::Blocked,
            ..on_file()
        },
        OnFile {
            number: "3",
            state: CustomerState::Erased,
            ..on_file()
        },
        OnFile {
            number: "4",
            kind: idlink::domain::customer::CustomerKind::Organisation,
            ..on_file()
        },
        OnFile {
            number: "5",
            address_origin: AddressOrigin::Typed,
            ..on_file()
        },
        OnFile {
            number: "6",
            customer_type: CustomerType::B2c,
            ..on_file()
        },
    ];
    for case in cases {
        case.add(&desk.store).await;
    }
    let outcome = desk
        .record(&trade, &identity(1, "local"), proven("ada@example.org"))
        .await;
    assert_eq!(refusal(&outcome), Refusal::NotFound);
}

/// Eight callers at once, three hundred times: four identities, each twice,
/// for one address that nobody has yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_callers_for_one_address_make_one_customer_and_one_link() {
    let desk = Arc::new(desk().await);
    let shop = Arc::new(site(CustomerType::B2c));
    for round in 0..300_u128 {
        let address = format!("person{round}@example.org");
        let outcomes = race(&desk, &shop, &address, round).await;
        check_race(&outcomes, round);
    }
    let customers = "SELECT count(*) FROM customer";
    let links = "SELECT count(*) FROM identity_link";
    assert_eq!(desk.count(customers).await, 300);
    assert_eq!(desk.count(links).await, 300);
    check_invariants(&desk.sql).await;
}

/// The same for a customer who is on file: who is first is linked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_callers_for_one_customer_make_one_link() {
    let desk = Arc::new(desk().await);
    let trade = Arc::new(site(CustomerType::B2b));
    for round in 0..300_u128 {
        let address = format!("person{round}@example.org");
        let tx = format!(
            "INSERT INTO customer (legal_entity, customer_id, customer_number, kind, is_b2b,
                     email_original, email_canonical, email_version, email_origin, state,
                     origin, created_at, changed_at)
             VALUES ('USMF', gen_random_uuid(), 'B{round}', 'person', true, '{address}',
                     '{address}', 1, 'imported', 'active', 'import', now(), now())"
        );
        desk.sql.batch_execute(&tx).await.unwrap();
        let outcomes = race(&desk, &trade, &address, round).await;
        check_race(&outcomes, round);
        let expected = format!("B{round}");
        assert!(outcomes.iter().any(|o| matches!(o,
            Outcome::Linked { number, .. } if number.as_str() == expected)));
    }
    let links = "SELECT count(*) FROM identity_link";
    assert_eq!(desk.count(links).await, 300);
    check_invariants(&desk.sql).await;
}

async fn race(desk: &Arc<Desk>, site: &Arc<Site>, address: &str, round: u128) -> Vec<Outcome> {
    let callers: Vec<_> = (0..8_u128)
        .map(|caller| {
            let (desk, site, address) = (desk.clone(), site.clone(), address.to_owned());
            let who = identity(round * 10 + caller / 2, "local");
            tokio::spawn(async move { desk.record(&site, &who, proven(&address)).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    outcomes
}

/// The winner's two calls get the number, every other identity is told that
/// the customer is linked already, and nobody is told to try later.
fn check_race(outcomes: &[Outcome], round: u128) {
    let mut numbers = BTreeSet::new();
    let (mut new, mut refused) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Linked { number, fresh } => {
                numbers.insert(number.as_str());
                new += usize::from(*fresh == Fresh::New);
            }
            other => {
                assert_eq!(refusal(other), Refusal::AlreadyLinked, "round {round}");
                refused += 1;
            }
        }
    }
    assert_eq!((numbers.len(), new, refused), (1, 1, 6), "round {round}");
}

/// reliability.md §3.6, as far as the tables alone can tell.
pub(crate) async fn check_invariants(sql: &Client) {
    let broken = [
        (
            "I4: an identity has at most one active link",
            "SELECT count(*) FROM (
                SELECT 1 FROM identity_link WHERE revoked_at IS NULL
                 GROUP BY legal_entity, issuer, subject HAVING count(*) > 1) AS x",
        ),
        (
            "I5: a customer has at most one active link of an issuer and provider",
            "SELECT count(*) FROM (
                SELECT 1 FROM identity_link WHERE revoked_at IS NULL
                 GROUP BY legal_entity, customer_id, issuer, provider
                HAVING count(*) > 1) AS x",
        ),
        (
            "I6: at most one active customer that a sign-up created for an address",
            "SELECT count(*) FROM (
                SELECT 1 FROM customer
                 WHERE state = 'active' AND origin = 'sign_up' AND email_origin = 'proven'
                 GROUP BY legal_entity, email_canonical HAVING count(*) > 1) AS x",
        ),
        (
            "I7: every link has its audit line and its event, and they have it",
            "SELECT (SELECT count(*) FROM identity_link FULL JOIN
                       (SELECT * FROM audit WHERE action = 'link.created') AS a
                         ON a.subject_id = link_id
                     WHERE link_id IS NULL OR a.subject_id IS NULL)
                  + (SELECT count(*) FROM identity_link FULL JOIN
                       (SELECT * FROM outbox WHERE event_type = 'link.created') AS o
                         ON o.aggregate_id = link_id
                     WHERE link_id IS NULL OR o.aggregate_id IS NULL)",
        ),
        (
            "I8: a link is in its customer's legal entity",
            "SELECT count(*) FROM identity_link AS l JOIN customer AS c USING (customer_id)
              WHERE l.legal_entity <> c.legal_entity",
        ),
        (
            "every customer that a sign-up created is linked",
            "SELECT count(*) FROM customer AS c
              WHERE origin = 'sign_up' AND NOT EXISTS (
                    SELECT 1 FROM identity_link AS l WHERE l.customer_id = c.customer_id)",
        ),
    ];
    for (rule, query) in broken {
        let found: i64 = sql.query_one(query, &[]).await.unwrap().get(0);
        assert_eq!(found, 0, "{rule}");
    }
}

/// Everything that was acknowledged before the server was killed is there
/// after it recovered, and the people whose answer was lost get one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database_loses_nothing_that_was_acknowledged() {
    let server = own_server().await;
    let store = store(server.config()).await;
    let linking = Linking::new(store, Tracked::new(Handle::current()));
    let shop = Arc::new(site(CustomerType::B2c));
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..6_u128)
        .map(|caller| {
            let (linking, shop, stop) = (linking.clone(), shop.clone(), stop.clone());
            let count = count.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0..100_000_u128 {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let who = identity(caller * 1_000_000 + n, "local");
                    let address = proven(&format!("p{caller}.{n}@example.org"));
                    if let Outcome::Linked { number, .. } =
                        record(&linking, &shop, &who, address).await
                    {
                        acknowledged.push((who, number));
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                }
                acknowledged
            })
        })
        .collect();
    while count.load(Ordering::SeqCst) < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.signal("KILL");
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for caller in callers {
        acknowledged.extend(caller.await.unwrap());
    }
    assert!(acknowledged.len() >= 100);

    let server = server.restart().await;
    let sql = connect(&server.config()).await;
    for (who, number) in &acknowledged {
        let row = sql
            .query_one(
                "SELECT customer_number FROM identity_link JOIN customer
                  USING (legal_entity, customer_id)
                  WHERE subject = $1 AND revoked_at IS NULL",
                &[&who.subject.as_text()],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), number.as_str());
    }
    check_invariants(&sql).await;
    let again = identity(99_000_000_000, "local");
    let outcome = record(&linking, &shop, &again, proven("again@example.org")).await;
    assert_eq!(number(&outcome).1, Fresh::New);
}

#[tokio::test]
async fn a_stopped_database_gets_try_again_later_in_time_and_recovers_by_itself() {
    let server = own_server().await;
    let store = store(server.config()).await;
    let linking = Linking::new(store, Tracked::new(Handle::current()));
    let shop = site(CustomerType::B2c);
    let who = identity(1, "local");
    let patience = Duration::from_millis(1200);
    server.signal_all("STOP");
    let asked = std::time::Instant::now();
    let outcome = linking
        .record(recording(&shop, &who, proven("ada@example.org")), patience)
        .await;
    let waited = asked.elapsed();
    server.signal_all("CONT");
    let Outcome::Unavailable(refused) = outcome else {
        panic!("not unavailable: {outcome:?}");
    };
    assert!(refused.text.starts_with("try_again_later signed_in "));
    assert!(waited < patience + Duration::from_millis(500), "{waited:?}");
    let outcome = record(&linking, &shop, &who, proven("ada@example.org")).await;
    assert!(matches!(outcome, Outcome::Linked { .. }), "{outcome:?}");
}
