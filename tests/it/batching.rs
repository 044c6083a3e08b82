//! Sign-ups that are asked about together: each has its own answer and its own
//! evidence, whoever its neighbours are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use idlink::domain::answer::{Answer, Refusal};
use idlink::domain::customer::{CustomerType, LegalEntity};
use idlink::domain::identity::Provider;
use idlink::domain::reference::Reference;
use idlink::domain::request_id::RequestId;
use idlink::domain::site::Site;
use idlink::domain::tenant::Tenant;
use idlink::domain::trust::Address;
use idlink::sign_up::{Asked, Question, SignUps, Step};
use idlink::store::attempts::{AttemptRow, Said, Verdict};
use idlink::store::candidates::{Candidates, Lookup};
use idlink::store::legal_entities::NumberFormat;
use idlink::store::{Store, StoreError};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::business::{ISSUER, email, proven, site, store, tenant};
use crate::support::postgres::{Database, connect, database, own_server, signal};

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
            sign_ups: SignUps::new(store.clone()),
            store,
            site: Arc::new(site(CustomerType::B2b)),
            sql: connect(&database.config()).await,
            database,
        }
    }

    fn question(&self, address: &str) -> Question {
        question(&tenant(), &self.site, address)
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

    /// How many transactions have written attempts.
    async fn writes(&self) -> i64 {
        let sql = "SELECT count(DISTINCT xmin::text) FROM sign_up_attempt";
        self.sql.query_one(sql, &[]).await.unwrap().get(0)
    }
}

fn question(tenant: &Arc<Tenant>, site: &Arc<Site>, address: &str) -> Question {
    Question {
        tenant: Arc::clone(tenant),
        site: Arc::clone(site),
        step: Step::PostAttributeCollection,
        client_id: "trade".to_owned(),
        provider: Provider::local(),
        account: None,
        address: proven(address),
        ui_locales: "en".to_owned(),
        request_id: None,
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
    let addresses: Vec<_> = (0..1000)
        .map(|n| format!("person{n}@example.org"))
        .collect();
    let asked = join_all(addresses.iter().map(|address| crowd.ask(address))).await;
    let writes = crowd.writes().await;
    assert!(writes < 200, "{writes} transactions for 1,000 sign-ups");

    for (n, (asked, address)) in asked.iter().zip(&addresses).enumerate() {
        let expected = (n < 900).then(|| format!("N{n}"));
        assert_eq!(number(asked), expected.as_deref(), "{address}");
        let not_found = (n >= 900).then_some(Refusal::NotFound);
        assert_eq!(refusal(asked), not_found, "{address}");
        let evidence = crowd.evidence(asked).await;
        assert_eq!(evidence, (address.clone(), expected, 1));
    }
}

/// Every third address was only claimed and is looked up nowhere; the same
/// addresses are those of a B2B and of a B2C customer, some of whom have a
/// link of one provider already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_every_sort_keep_their_own_answer_and_evidence() {
    let crowd = Crowd::gather().await;
    let set_up = format!(
        "INSERT INTO customer
                     (legal_entity, customer_id, customer_number, kind, is_b2b, email_original,
                      email_canonical, email_version, email_origin, state, origin, created_at,
                      changed_at)
              SELECT 'USMF', gen_random_uuid(), CASE WHEN b2b THEN 'B' ELSE 'C' END || n, 'person',
                     b2b, address, address, 1, 'imported', 'active', 'import', now(), now()
                FROM generate_series(0, 299) AS n, unnest(ARRAY[true, false]) AS b2b,
                     LATERAL (SELECT 'person' || n || '@example.org' AS address) AS spelled;
         INSERT INTO identity_link
                     (legal_entity, link_id, issuer, subject, provider, customer_id, site,
                      recorded_via, basis, rules, created_at, last_seen_at)
              SELECT 'USMF', gen_random_uuid(), '{ISSUER}', gen_random_uuid()::text, 'google.com',
                     customer_id, 'trade', 'test', 'matched', '{{}}', now(), now()
                FROM customer
               WHERE right(customer_number, 1) = '3'"
    );
    crowd.sql.batch_execute(&set_up).await.unwrap();
    let mut limited = site(CustomerType::B2c);
    limited.rules.feed_max_age = Some(time::Duration::hours(1));
    let sites = [
        Arc::new(site(CustomerType::B2b)),
        Arc::new(site(CustomerType::B2c)),
        Arc::new(limited),
    ];
    let questions: Vec<Question> = (0..900)
        .map(|i| {
            let (n, at) = (i / 3, [0, 1, 0, 1, 2][i % 5]);
            let address = format!("person{n}@example.org");
            let mut question = question(&tenant(), &sites[at], &address);
            question.client_id = format!("client{}", i % 3);
            if n % 4 == 1 {
                question.provider = Provider::named("google.com");
            }
            if i % 3 == 1 {
                question.provider = Provider::named("facebook.com");
                question.address = Address::Claimed(email(&address));
            }
            question
        })
        .collect();
    let asked = join_all(
        questions
            .iter()
            .map(|question| crowd.sign_ups.ask_for_evidence(question.clone(), PATIENCE)),
    )
    .await;
    for (i, (question, asked)) in questions.iter().zip(&asked).enumerate() {
        let (n, at) = (i / 3, [0, 1, 0, 1, 2][i % 5]);
        let claimed = i % 3 == 1;
        let occupied = n % 10 == 3 && n % 4 == 1;
        let own = format!("{}{n}", if at == 0 { "B" } else { "C" });
        let expected = match (claimed, occupied) {
            (true, _) => Err(Refusal::Unverified),
            (false, true) => Err(Refusal::AlreadyLinked),
            (false, false) => Ok(own.clone()),
        };
        let told = match (number(asked), refusal(asked)) {
            (Some(number), None) => Ok(number.to_owned()),
            (_, refused) => Err(refused.unwrap()),
        };
        assert_eq!(told, expected, "{i}");
        let sql = "
            SELECT email_canonical, site, provider, address, decision, refusal, found, answer,
                   times_asked, rules ->> 'customer_type', rules ->> 'feed_max_age_minutes',
                   (SELECT customer_number FROM customer
                     WHERE customer.customer_id = sign_up_attempt.customer_id)
              FROM sign_up_attempt
             WHERE reference = $1";
        let reference = asked.reference.as_ref().unwrap().as_str();
        let row = crowd.sql.query_one(sql, &[&reference]).await.unwrap();
        let text = |place: usize| row.get::<_, Option<&str>>(place);
        assert_eq!(text(0), Some(&*format!("person{n}@example.org")), "{i}");
        assert_eq!(text(1), Some(&*question.site.name), "{i}");
        assert_eq!(text(2), Some(question.provider.as_str()), "{i}");
        assert_eq!(
            text(3),
            Some(if claimed { "claimed" } else { "proven" }),
            "{i}"
        );
        let refused = expected.as_ref().err().map(|refusal| refusal.code());
        assert_eq!(
            text(4),
            Some(if refused.is_some() { "refuse" } else { "link" }),
            "{i}"
        );
        assert_eq!(text(5), refused, "{i}");
        assert_eq!(row.get::<_, i32>(6), i32::from(!claimed), "{i}");
        let said = if refused.is_some() {
            "refuse"
        } else {
            "continue"
        };
        assert_eq!((text(7), row.get::<_, i32>(8)), (Some(said), 1), "{i}");
        assert_eq!(text(9), Some(if at == 0 { "b2b" } else { "b2c" }), "{i}");
        assert_eq!(text(10), (at == 2).then_some("60"), "{i}");
        assert_eq!(text(11), expected.ok().as_deref(), "{i}");
    }
}

/// External ID tells at the start how somebody came, and at the end relies on
/// it: by the id that it gives to both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_end_of_a_sign_up_finds_its_own_beginning() {
    let crowd = Crowd::gather().await;
    crowd.customers(120).await;
    let question = |n: u128, step| {
        let mut question = crowd.question(&format!("person{n}@example.org"));
        question.step = step;
        question.request_id = Some(RequestId::Correlated(Uuid::from_u128(0xC0_0000 + n)));
        if step == Step::AttributeCollectionStart && n % 2 == 1 {
            // Nobody whom we trust vouched for these.
            question.provider = Provider::named("facebook.com");
            question.address = Address::Claimed(email(&format!("person{n}@example.org")));
        }
        question
    };
    for step in [
        Step::AttributeCollectionStart,
        Step::AttributeCollectionSubmit,
    ] {
        let asked = join_all((0..120).map(|n| {
            let question = question(n, step);
            crowd.sign_ups.ask_for_evidence(question, PATIENCE)
        }))
        .await;
        for (n, asked) in asked.iter().enumerate() {
            match n % 2 {
                0 => assert_eq!(number(asked), Some(&*format!("N{n}")), "{step:?} {n}"),
                _ => assert_eq!(refusal(asked), Some(Refusal::Unverified), "{step:?} {n}"),
            }
            let sql = "SELECT request_id FROM sign_up_attempt WHERE reference = $1";
            let reference = asked.reference.as_ref().unwrap().as_str();
            let row = crowd.sql.query_one(sql, &[&reference]).await.unwrap();
            let id = Uuid::from_u128(0xC0_0000 + u128::try_from(n).unwrap());
            assert_eq!(row.get::<_, Option<Uuid>>(0), Some(id), "{step:?} {n}");
        }
    }
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

/// Another instance that stopped in the middle of writing it holds the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_row_keeps_nobody_else_waiting() {
    let crowd = Crowd::gather().await;
    crowd.customers(100).await;
    let addresses: Vec<_> = (0..100).map(|n| format!("person{n}@example.org")).collect();
    let (held, others) = addresses.split_first().unwrap();
    join_all(addresses[..50].iter().map(|address| crowd.ask(address))).await;
    let mut sql = connect(&crowd.database.config()).await;
    let writing = sql.transaction().await.unwrap();
    let write = "UPDATE sign_up_attempt SET found = found WHERE email_canonical = $1";
    writing.execute(write, &[held]).await.unwrap();

    let slow = crowd.ask(held);
    let rest = async {
        let asked = join_all(others.iter().map(|address| crowd.ask(address))).await;
        // All the others first, whether they were asked about before or not.
        writing.rollback().await.unwrap();
        asked
    };
    let (slow, asked) = futures_util::join!(slow, rest);
    for (n, asked) in (1..).zip(&asked) {
        assert_eq!(number(asked), Some(&*format!("N{n}")));
        let times = crowd.evidence(asked).await.2;
        assert_eq!(times, if n < 50 { 2 } else { 1 });
    }
    assert_eq!(number(&slow), Some("N0"), "once the row is free");
    assert_eq!(crowd.evidence(&slow).await.2, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_never_answer_are_replaced() {
    let server = own_server().await;
    let store = store(server.config()).await;
    let sign_ups = SignUps::new(store);
    let (tenant, site) = (tenant(), Arc::new(site(CustomerType::B2b)));
    let ask = |address: String| {
        let question = question(&tenant, &site, &address);
        sign_ups.ask(question, PATIENCE)
    };
    join_all((0..200).map(|n| ask(format!("first{n}@example.org")))).await;
    let sql = connect(&server.config()).await;
    let ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'idlink'";
    let ours = sql.query(ours, &[]).await.unwrap();
    let pids: Vec<u32> = ours
        .iter()
        .map(|row| u32::try_from(row.get::<_, i32>(0)).unwrap())
        .collect();
    assert!(!pids.is_empty());
    for pid in &pids {
        signal(*pid, "STOP");
    }
    let mut refused = Vec::new();
    // Each try waits for as long as a platform does; the third finds new ones.
    for _ in 0..8 {
        let asked = join_all((0..20).map(|n| ask(format!("second{n}@example.org")))).await;
        refused = asked
            .iter()
            .map(|answer| match answer {
                Answer::Continue(_) => None,
                Answer::Refuse(refused) => Some(refused.refusal),
            })
            .collect();
        if !refused.contains(&Some(Refusal::Unavailable)) {
            break;
        }
    }
    for pid in &pids {
        signal(*pid, "CONT");
    }
    assert_eq!(refused, vec![Some(Refusal::NotFound); 20]);
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

/// A mistake of ours that one sign-up brings to light. Every third one is looked
/// up nowhere, and every other one that is looked up is nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_ends_in_a_panic_is_nobody_elses() {
    let crowd = Crowd::gather().await;
    crowd.customers(20).await;
    let tenant = tenant();
    let ask = async |n: u8| {
        let email = email(&format!("person{n}@example.org"));
        let address = Address::Proven(email.clone());
        let attempt = AttemptRow {
            attempt_id: Uuid::from_u128(u128::from(n)),
            key: [n; 32],
            site: &crowd.site,
            step: "PostAttributeCollection",
            request_id: None,
            at: time::OffsetDateTime::now_utc(),
            provider: &Provider::local(),
            identity: None,
            address: &address,
        };
        let lookup = Lookup {
            legal_entity: &crowd.site.legal_entity,
            email: &email,
            customer_type: CustomerType::B2b,
            issuer: &tenant.issuer,
            provider: &Provider::local(),
            feed_max_age: None,
        };
        let judge = Box::new(move |candidates: &Candidates| {
            assert_ne!(n, 17, "as told");
            Verdict {
                decision: None,
                found: candidates.found.len(),
                said: Said::Continue,
            }
        });
        let is_looked_up = !n.is_multiple_of(3);
        let lookup = is_looked_up.then_some(lookup);
        crowd.store.sign_up(lookup.as_ref(), &attempt, judge).await
    };
    for (n, told) in (0_u8..).zip(join_all((0..40).map(ask)).await) {
        if n == 17 {
            assert!(matches!(told, Err(StoreError::Corrupt(_))));
            continue;
        }
        let (verdict, reference) = told.unwrap().unwrap();
        assert_eq!(
            verdict.found,
            usize::from(!n.is_multiple_of(3) && n < 20),
            "{n}"
        );
        let own = Reference::of(Uuid::from_u128(u128::from(n)));
        assert_eq!(reference, own, "{n}");
        let row = "SELECT email_canonical, found FROM sign_up_attempt WHERE attempt_id = $1";
        let id = Uuid::from_u128(u128::from(n));
        let row = crowd.sql.query_one(row, &[&id]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), format!("person{n}@example.org"));
        let found = i32::try_from(verdict.found).unwrap();
        assert_eq!(row.get::<_, i32>(1), found, "{n}");
    }
    let rows = "SELECT count(*) FROM sign_up_attempt";
    let rows: i64 = crowd.sql.query_one(rows, &[]).await.unwrap().get(0);
    assert_eq!(rows, 39);
}
