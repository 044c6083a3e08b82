//! Sign-ups that are asked about together: each has its own answer and its own
//! evidence, whoever its neighbours are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use idlink::domain::answer::{Answer, Refusal};
use idlink::domain::customer::{CustomerType, LegalEntity};
use idlink::domain::identity::Provider;
use idlink::domain::site::Site;
use idlink::sign_up::{Asked, Question, SignUps, Step};
use idlink::store::Store;
use idlink::store::legal_entities::NumberFormat;
use idlink::tracked::Tracked;
use tokio::runtime::Handle;
use tokio_postgres::Client;

use crate::support::business::{proven, site, store, tenant};
use crate::support::postgres::{Database, connect, database};

const PATIENCE: Duration = Duration::from_secs(10);

/// A business, and somebody who looks into its database.
struct Crowd {
    store: Store,
    sign_ups: SignUps,
    site: Arc<Site>,
    sql: Client,
    database: Database,
}

impl Crowd {
    async fn gather() -> Self {
        let database = database().await;
        let store = store(database.config()).await;
        Self {
            sign_ups: SignUps::new(store.clone(), Tracked::new(Handle::current())),
            store,
            site: Arc::new(site(CustomerType::B2b)),
            sql: connect(&database.config()).await,
            database: database,
        }
    }

    fn question(&self, address: &str) -> Question {
        Question {
            tenant: tenant(),
            site: Arc::clone(&self.site),
            step: Step::PostAttributeCollection,
            client_id: "trade".to_owned(),
            provider: Provider::local(),
            account: None,
            address: proven(address),
            ui_locales: "en".to_owned(),
            request_id: None,
        }
    }

    async fn ask(&self, address: &str) -> Asked {
        let question = self.question(address);
        self.sign_ups.ask_for_evidence(question, PATIENCE).await
    }

    /// Customers `N0`, `N1`, … with addresses of the same numbers.
    async fn customers(&self, count: i32) {
        let sql = "
            INSERT INTO customer
                        (legal_entity, customer_id, customer_number, kind, is_b2b,
                         email_original, email_canonical, email_version, email_origin, state,
                         origin, created_at, changed_at)
                 SELECT 'USMF', gen_random_uuid(), 'N' || n, 'person', true, address, address, 1,
                        'imported', 'active', 'import', now(), now()
                   FROM generate_series(0, $1 - 1) AS n,
                        LATERAL (SELECT 'person' || n || '@example.org' AS address) AS spelled";
        self.sql.execute(sql, &[&count]).await.unwrap();
    }

    /// The attempt behind a reference: address, customer's number, how often
    /// it was asked.
    async fn evidence(&self, asked: &Asked) -> (String, Option<String>, i32) {
        let sql = "
            SELECT attempt.email_canonical, customer.customer_number, times_asked
              FROM sign_up_attempt AS attempt
              LEFT JOIN customer USING (legal_entity, customer_id)
             WHERE reference = $1";
        let reference = asked.reference.as_ref().unwrap().as_str();
        let row = self.sql.query_one(sql, &[&reference]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }

    /// How many transactions have written so far.
    async fn writes(&self) -> i64 {
        let row = self.sql.query_one("SELECT txid_current()", &[]).await;
        row.unwrap().get(0)
    }
}

fn number(asked: &Asked) -> Option<&str> {
    match &asked.answer {
        Answer::Continue(number) => number.as_ref().map(|number| number.as_str()),
        Answer::Refuse(_) => None,
    }
}

fn refusal(asked: &Asked) -> Option<Refusal> {
    match &asked.answer {
        Answer::Continue(_) => None,
        Answer::Refuse(refused) => Some(refused.refusal),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once_are_each_told_their_own_number_in_a_few_writes() {
    let crowd = Crowd::gather().await;
    crowd.customers(900).await;
    let before = crowd.writes().await;
    let addresses: Vec<_> = (0..1000)
        .map(|n| format!("person{n}@example.org"))
        .collect();
    let asked = join_all(addresses.iter().map(|address| crowd.ask(address))).await;
    let writes = crowd.writes().await - before;

    for (n, (asked, address)) in asked.iter().zip(&addresses).enumerate() {
        let expected = (n < 900).then(|| format!("N{n}"));
        assert_eq!(number(asked), expected.as_deref(), "{address}");
        let not_found = (n >= 900).then_some(Refusal::NotFound);
        assert_eq!(refusal(asked), not_found, "{address}");
        let evidence = crowd.evidence(asked).await;
        assert_eq!(evidence, (address.clone(), expected, 1));
    }
    assert!(writes < 200, "{writes} transactions for 1,000 sign-ups");
}

#[tokio::test]
async fn whoever_comes_alone_waits_for_nobody() {
    let crowd = Crowd::gather().await;
    crowd.customers(10).await;
    crowd.ask("person9@example.org").await;
    let begun = Instant::now();
    for n in 0..9 {
        let asked = crowd.ask(&format!("person{n}@example.org")).await;
        assert_eq!(number(&asked), Some(&*format!("N{n}")));
    }
    let each = begun.elapsed() / 9;
    assert!(
        each < Duration::from_millis(100),
        "{each:?} for one sign-up"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_asked_together_is_one_attempt() {
    let crowd = Crowd::gather().await;
    crowd.customers(1).await;
    let address = "person0@example.org";
    let asked = join_all((0..60).map(|_| crowd.ask(address))).await;
    let first = asked[0].reference.clone();
    for asked in &asked {
        assert_eq!(number(asked), Some("N0"));
        assert_eq!(asked.reference, first);
    }
    let evidence = crowd.evidence(&asked[0]).await;
    assert_eq!(evidence, (address.to_owned(), Some("N0".to_owned()), 60));
    let again = crowd.ask(address).await;
    assert_eq!(again.reference, first, "and so is one that comes later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_from_long_ago_is_another_attempt() {
    let crowd = Crowd::gather().await;
    crowd.customers(3).await;
    let addresses = [
        "person0@example.org",
        "person1@example.org",
        "person2@example.org",
    ];
    let before = join_all(addresses.map(|address| crowd.ask(address))).await;
    let sql = "UPDATE sign_up_attempt SET asked_at = asked_at - interval '31 seconds'
                WHERE email_canonical <> 'person2@example.org'";
    crowd.sql.execute(sql, &[]).await.unwrap();
    let after = join_all(addresses.map(|address| crowd.ask(address))).await;
    for n in 0..3 {
        assert_eq!(before[n].reference == after[n].reference, n == 2, "{n}");
        let times = crowd.evidence(&after[n]).await.2;
        assert_eq!(times, if n == 2 { 2 } else { 1 });
    }
    let open = "SELECT count(*) FROM sign_up_attempt WHERE is_open";
    let open: i64 = crowd.sql.query_one(open, &[]).await.unwrap().get(0);
    assert_eq!(open, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_stored_fails_alone() {
    let crowd = Crowd::gather().await;
    crowd.customers(100).await;
    let asked = join_all((0..100).map(|n| {
        let mut question = crowd.question(&format!("person{n}@example.org"));
        if n == 50 {
            // PostgreSQL takes no NUL: the edges let none through.
            question.provider = Provider::named("\0");
        }
        crowd.sign_ups.ask_for_evidence(question, PATIENCE)
    }))
    .await;
    for (n, asked) in asked.iter().enumerate() {
        if n == 50 {
            assert_eq!(refusal(asked), Some(Refusal::Unavailable));
        } else {
            assert_eq!(number(asked), Some(&*format!("N{n}")));
            assert_eq!(crowd.evidence(asked).await.2, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_for_a_row_keeps_no_other_waiting() {
    let crowd = Crowd::gather().await;
    crowd.customers(60).await;
    let held = "person0@example.org";
    let repeated = "person1@example.org";
    crowd.ask(held).await;
    crowd.ask(repeated).await;
    let mut sql = connect(&crowd.database.config()).await;
    let lock = sql.transaction().await.unwrap();
    let hold = "SELECT 1 FROM sign_up_attempt WHERE email_canonical = $1 FOR UPDATE";
    lock.query_one(hold, &[&held]).await.unwrap();

    let begun = Instant::now();
    let slow = crowd.ask(held);
    let others = async {
        let asked = join_all((1..60).map(|n| {
            let address = format!("person{n}@example.org");
            let crowd = &crowd;
            async move { crowd.ask(&address).await }
        }))
        .await;
        let took = begun.elapsed();
        lock.rollback().await.unwrap();
        (asked, took)
    };
    let (slow, (others, took)) = futures_util::join!(slow, others);
    // Less than somebody waits for a row at most.
    assert!(took < Duration::from_millis(700), "{took:?}");
    for (n, asked) in others.iter().enumerate() {
        assert_eq!(number(asked), Some(&*format!("N{}", n + 1)));
    }
    assert_eq!(number(&slow), Some("N0"), "once the row is free");
    assert_eq!(crowd.evidence(&slow).await.2, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_customers_behind_one_address_is_nobodys_burden() {
    let crowd = Crowd::gather().await;
    crowd.customers(5_000).await;
    let sql = "UPDATE customer SET email_canonical = 'nobody@example.org'
                WHERE customer_number::text ~ '[1-9]$'";
    crowd.sql.execute(sql, &[]).await.unwrap();
    let addresses: Vec<_> = (0..40)
        .map(|n| match n % 4 {
            0 => "nobody@example.org".to_owned(),
            _ => format!("person{}@example.org", n * 10),
        })
        .collect();
    let asked = join_all(addresses.iter().map(|address| crowd.ask(address))).await;
    for (n, asked) in asked.iter().enumerate() {
        if n % 4 == 0 {
            assert_eq!(refusal(asked), Some(Refusal::Several));
        } else {
            assert_eq!(number(asked), Some(&*format!("N{}", n * 10)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_locked_is_an_outage_for_all_and_for_no_longer() {
    let crowd = Crowd::gather().await;
    crowd.customers(200).await;
    let mut sql = connect(&crowd.database.config()).await;
    let lock = sql.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE customer IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let patience = Duration::from_secs(2);
    let begun = Instant::now();
    let asked = join_all((0..200).map(|n| {
        let question = crowd.question(&format!("person{n}@example.org"));
        crowd.sign_ups.ask(question, patience)
    }))
    .await;
    assert!(begun.elapsed() < patience + Duration::from_millis(500));
    for answer in asked {
        assert!(
            matches!(answer, Answer::Refuse(refused) if refused.refusal == Refusal::Unavailable)
        );
    }
    lock.rollback().await.unwrap();
    let after = crowd.ask("person7@example.org").await;
    assert_eq!(number(&after), Some("N7"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_legal_entities_take_turns_with_a_large_one() {
    let crowd = Crowd::gather().await;
    crowd.customers(1).await;
    let sites: Vec<Arc<Site>> = (0..100)
        .map(|n| {
            let mut site = site(CustomerType::B2b);
            site.legal_entity = LegalEntity::parse(&format!("E{n}")).unwrap();
            Arc::new(site)
        })
        .collect();
    for site in &sites {
        let format = NumberFormat::default();
        let made = crowd.store.ensure_legal_entity(&site.legal_entity, &format);
        made.await.unwrap();
    }
    let small = async {
        join_all(sites.iter().map(|site| {
            let mut question = crowd.question("person0@example.org");
            question.site = Arc::clone(site);
            crowd.sign_ups.ask(question, PATIENCE)
        }))
        .await
    };
    let large = join_all((0..2_000).map(|n| {
        let question = crowd.question(&format!("person{n}@example.org"));
        crowd.sign_ups.ask(question, PATIENCE)
    }));
    let (large, small) = futures_util::join!(large, small);
    for answer in small {
        assert!(matches!(answer, Answer::Refuse(refused) if refused.refusal == Refusal::NotFound));
    }
    assert!(matches!(&large[0], Answer::Continue(Some(number)) if number.as_str() == "N0"));
    for answer in &large[1..] {
        assert!(matches!(answer, Answer::Refuse(refused) if refused.refusal == Refusal::NotFound));
    }
    let rows = "SELECT count(DISTINCT (legal_entity, email_canonical)), count(*)
                  FROM sign_up_attempt";
    let rows = crowd.sql.query_one(rows, &[]).await.unwrap();
    assert_eq!(
        (rows.get::<_, i64>(0), rows.get::<_, i64>(1)),
        (2_100, 2_100)
    );
}
