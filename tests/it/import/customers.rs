//! Customers in bulk, in a real database.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use idlink::domain::answer::Refusal;
use idlink::domain::customer::{
    AddressOrigin, CustomerKind, CustomerNumber, CustomerState, CustomerType, LegalEntity,
};
use idlink::domain::email::Email;
use idlink::import::engine::{Plan, Summary, Told, import_customers};
use idlink::import::meter::Meter;
use idlink::import::progress::{Phase, Progress};
use idlink::import::row::{
    CustomerRecord, FileAddress, FileState, Rejected, Row, Rows, Unreadable,
};
use idlink::import::{ImportError, Input, Rejects};
use idlink::staff::{Desk as StaffDesk, Ruling};
use idlink::store::imports::{Counts, Feed};
use time::OffsetDateTime;

use crate::linking::{Desk, check_invariants, desk, number, refusal};
use crate::support::business::{OnFile, identity, proven, site, usmf};

/// Rows that were never in a file.
pub(crate) struct Listed<T>(pub(crate) VecDeque<Row<T>>);

impl<T: Send> Rows<T> for Listed<T> {
    fn next_row(&mut self) -> Result<Option<Row<T>>, Unreadable> {
        Ok(self.0.pop_front())
    }
}

/// What was rejected: line and reason.
#[derive(Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<Vec<(u64, String)>>>);

impl Noted {
    pub(crate) fn take(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Rejects for Noted {
    fn reject(&mut self, _file: &str, rejected: &Rejected) -> io::Result<()> {
        let noted = (rejected.line, rejected.reason.clone());
        self.0.lock().unwrap().push(noted);
        Ok(())
    }
}

pub(crate) struct Silent;

impl Progress for Silent {
    fn begin(&self, _phase: Phase, _of: Option<u64>) {}
    fn reached(&self, _done: u64, _rows: u64) {}
}

pub(crate) fn customer(number: &str, address: &str) -> CustomerRecord {
    CustomerRecord {
        legal_entity: None,
        number: CustomerNumber::parse(number).unwrap(),
        kind: CustomerKind::Person,
        customer_type: CustomerType::B2c,
        name: Some(format!("Somebody {number}")),
        email: match address {
            "" => FileAddress::Absent,
            text => FileAddress::Comparable(Email::parse(text).unwrap()),
        },
        state: FileState::Active,
        replaced_by: None,
        changed_at: None,
    }
}

pub(crate) fn replaced(number: &str, by: &str) -> CustomerRecord {
    CustomerRecord {
        replaced_by: CustomerNumber::parse(by),
        ..customer(number, "")
    }
}

pub(crate) fn plan(feed: Feed) -> Plan {
    Plan {
        legal_entities: vec![usmf()],
        feed,
        dry_run: false,
        max_errors: 0,
        max_shrink: 50,
        source_time: None,
        actor: "ines".to_owned(),
    }
}

pub(crate) async fn import_rows(
    desk: &Desk,
    plan: Plan,
    rows: Vec<Row<CustomerRecord>>,
) -> (Result<Summary, ImportError>, Vec<(u64, String)>) {
    let rejects = Noted::default();
    let input = Input {
        name: "customers.csv".to_owned(),
        rows: Box::new(Listed(rows.into())) as Box<dyn Rows<CustomerRecord>>,
    };
    let told = Told {
        meter: Meter::default(),
        size: None,
        rejects: Box::new(rejects.clone()),
        progress: Arc::new(Silent),
    };
    let result = import_customers(&desk.store, plan, vec![input], told).await;
    (result, rejects.take())
}

/// Records from line 2 on.
pub(crate) fn lines(records: Vec<CustomerRecord>) -> Vec<Row<CustomerRecord>> {
    let rows = records.into_iter().zip(2..);
    rows.map(|(record, line)| Row::Good { line, record })
        .collect()
}

pub(crate) async fn import(desk: &Desk, feed: Feed, records: Vec<CustomerRecord>) -> Counts {
    let (summary, _) = import_rows(desk, plan(feed), lines(records)).await;
    let summary = summary.unwrap();
    let [(_, counts)] = summary.legal_entities[..] else {
        panic!("one legal entity was imported");
    };
    counts
}

pub(crate) async fn state(desk: &Desk, number: &str) -> CustomerState {
    let number = CustomerNumber::parse(number).unwrap();
    let file = desk.store.customer(&usmf(), &number).await.unwrap();
    file.unwrap().state
}

pub(crate) async fn reasons(desk: &Desk) -> Vec<(String, String)> {
    let reviews = desk.store.open_reviews(&usmf()).await.unwrap();
    let reviews = reviews.into_iter();
    reviews
        .map(|review| (review.number.to_string(), review.reason))
        .collect()
}

#[tokio::test]
async fn rows_are_added_changed_and_left_alone() {
    let desk = desk().await;
    let ada = customer("1001", "ada@example.org");
    let eve = customer("1002", "eve@example.org");
    let counts = import(&desk, Feed::Delta, vec![ada.clone(), eve.clone()]).await;
    assert_eq!(
        counts,
        Counts {
            rows: 2,
            added: 2,
            ..Counts::default()
        }
    );
    let outcome = desk
        .record(
            &site(CustomerType::B2c),
            &identity(1, "local"),
            proven("ada@example.org"),
        )
        .await;
    assert_eq!(number(&outcome).0, "1001");

    let written = "SELECT count(*) FROM customer WHERE xmin::text::bigint > $1";
    let before: i64 = desk
        .sql
        .query_one("SELECT max(xmin::text::bigint) FROM customer", &[])
        .await
        .unwrap()
        .get(0);
    let again = import(&desk, Feed::Delta, vec![ada.clone(), eve.clone()]).await;
    assert_eq!((again.unchanged, again.added, again.changed), (2, 0, 0));
    let after: i64 = desk
        .sql
        .query_one(written, &[&before])
        .await
        .unwrap()
        .get(0);
    assert_eq!(after, 0, "an unchanged row writes nothing");

    let moved = customer("1002", "eve@example.com");
    let counts = import(&desk, Feed::Delta, vec![ada, moved]).await;
    assert_eq!((counts.unchanged, counts.changed), (1, 1));
    let found = desk
        .store
        .customers_with_email(&usmf(), &Email::parse("EVE@example.com").unwrap())
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].number.as_str(), "1002");
    assert_eq!(
        found[0].email,
        Some(("eve@example.com".to_owned(), AddressOrigin::Imported))
    );
}

#[tokio::test]
async fn the_last_of_several_rows_counts_and_the_others_are_reported() {
    let desk = desk().await;
    let rows = vec![
        customer("7", "first@example.org"),
        customer("8", "eight@example.org"),
        customer("7", "second@example.org"),
        customer("7", "third@example.org"),
    ];
    let (summary, reported) = import_rows(&desk, plan(Feed::Delta), lines(rows)).await;
    let counts = summary.unwrap().legal_entities[0].1;
    assert_eq!((counts.added, counts.superseded), (2, 2));
    assert_eq!(
        reported,
        [
            (
                2,
                "has a number that line 5 repeats; the last row counts".to_owned()
            ),
            (
                4,
                "has a number that line 5 repeats; the last row counts".to_owned()
            ),
        ]
    );
    let email: String = desk
        .sql
        .query_one(
            "SELECT email_canonical FROM customer WHERE customer_number = '7'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(email, "third@example.org");
}

#[tokio::test]
async fn whoever_a_full_feed_leaves_out_is_gone_until_it_comes_back() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let ada = customer("1001", "ada@example.org");
    let eve = customer("1002", "eve@example.org");
    let bob = customer("1003", "bob@example.org");
    let all = vec![ada.clone(), eve.clone(), bob.clone()];
    import(&desk, Feed::Full, all.clone()).await;
    let who = identity(1, "local");
    let outcome = desk.record(&shop, &who, proven("ada@example.org")).await;
    assert_eq!(number(&outcome).0, "1001");
    let staff = StaffDesk {
        store: &desk.store,
        legal_entity: &usmf(),
        actor: "ines",
    };
    let bobs = CustomerNumber::parse("1003").unwrap();
    staff
        .rule(&bobs, Ruling::Block, OffsetDateTime::now_utc())
        .await
        .unwrap();

    let counts = import(&desk, Feed::Delta, vec![eve.clone()]).await;
    assert_eq!(counts.gone, 0, "a delta takes nobody for gone");
    let mut lenient = plan(Feed::Full);
    lenient.max_shrink = 100;
    let (summary, _) = import_rows(&desk, lenient, lines(vec![eve.clone()])).await;
    assert_eq!(summary.unwrap().legal_entities[0].1.gone, 2);
    assert_eq!(state(&desk, "1001").await, CustomerState::Gone);
    let outcome = desk.record(&shop, &who, proven("ada@example.org")).await;
    assert_eq!(refusal(&outcome), Refusal::CustomerBlocked);
    let told = "SELECT count(*) FROM audit WHERE action = 'link.suspended'";
    assert_eq!(desk.count(told).await, 1);

    let counts = import(&desk, Feed::Full, all).await;
    assert_eq!((counts.returned, counts.gone), (2, 0));
    assert_eq!(state(&desk, "1001").await, CustomerState::Active);
    let blocked = state(&desk, "1003").await;
    assert_eq!(blocked, CustomerState::Blocked, "as staff has left it");
    let outcome = desk.record(&shop, &who, proven("ada@example.org")).await;
    assert_eq!(number(&outcome).0, "1001");
    let told = "SELECT count(*) FROM outbox WHERE event_type = 'link.resumed'";
    assert_eq!(desk.count(told).await, 1);
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn a_full_feed_that_leaves_out_too_many_is_not_applied() {
    let desk = desk().await;
    let known: Vec<_> = (0..10).map(|n| customer(&format!("10{n}"), "")).collect();
    import(&desk, Feed::Full, known.clone()).await;
    let mut half: Vec<_> = known.into_iter().take(4).collect();
    half.push(customer("999", ""));
    let (result, _) = import_rows(&desk, plan(Feed::Full), lines(half)).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "6 of the 10 imported customers of USMF are not in the file, more than 50 %: nothing is \
         imported. If they are really gone, say so with --allow-shrink PERCENT"
    );
    let new = "SELECT count(*) FROM customer WHERE customer_number = '999' OR state = 'gone'";
    assert_eq!(desk.count(new).await, 0);
    let states = desk.store.imports(&usmf()).await.unwrap();
    let states: Vec<_> = states.iter().map(|import| import.state.as_str()).collect();
    assert_eq!(states, ["failed", "completed"]);
}

#[tokio::test]
async fn a_rejected_row_keeps_its_customer_from_seeming_gone() {
    let desk = desk().await;
    let all = vec![customer("1", ""), customer("2", ""), customer("3", "")];
    import(&desk, Feed::Full, all).await;
    let bad = |number: Option<&str>| {
        Row::Bad(Rejected {
            line: 3,
            column: Some("email".to_owned()),
            reason: "is no e-mail address".to_owned(),
            number: number.and_then(CustomerNumber::parse),
            legal_entity: None,
            original: None,
        })
    };
    let mut patient = plan(Feed::Full);
    patient.max_errors = 1;
    let mut rows = lines(vec![customer("1", "")]);
    rows.push(bad(Some("2")));
    let (summary, rejected) = import_rows(&desk, patient.clone(), rows).await;
    let summary = summary.unwrap();
    assert_eq!((summary.rejected, summary.legal_entities[0].1.gone), (1, 1));
    assert_eq!(rejected, [(3, "is no e-mail address".to_owned())]);
    assert_eq!(state(&desk, "2").await, CustomerState::Active);
    assert_eq!(state(&desk, "3").await, CustomerState::Gone);

    let mut rows = lines(vec![customer("1", "")]);
    rows.push(bad(None));
    let (summary, _) = import_rows(&desk, patient, rows).await;
    let summary = summary.unwrap();
    assert!(summary.kept_everybody);
    assert_eq!(state(&desk, "2").await, CustomerState::Active);

    let mut rows = lines(vec![customer("4", "")]);
    rows.push(bad(Some("2")));
    let (result, _) = import_rows(&desk, plan(Feed::Full), rows).await;
    assert!(matches!(
        result,
        Err(ImportError::TooManyRejected { limit: 0 })
    ));
    let new = "SELECT count(*) FROM customer WHERE customer_number = '4'";
    assert_eq!(desk.count(new).await, 0, "nothing is half applied");
}

#[tokio::test]
async fn what_staff_and_sign_ups_decided_outlives_a_file() {
    let desk = desk().await;
    let staff = StaffDesk {
        store: &desk.store,
        legal_entity: &usmf(),
        actor: "ines",
    };
    let now = OffsetDateTime::now_utc();
    let of = |state: FileState| CustomerRecord {
        state,
        ..customer("1", "ada@example.org")
    };
    import(&desk, Feed::Delta, vec![of(FileState::Active)]).await;
    let one = CustomerNumber::parse("1").unwrap();
    staff.rule(&one, Ruling::Block, now).await.unwrap();
    let renamed = CustomerRecord {
        name: Some("Ada King".to_owned()),
        ..of(FileState::Active)
    };
    assert_eq!(import(&desk, Feed::Delta, vec![renamed]).await.changed, 1);
    assert_eq!(state(&desk, "1").await, CustomerState::Blocked, "by staff");

    staff.rule(&one, Ruling::Approve, now).await.unwrap();
    import(&desk, Feed::Delta, vec![of(FileState::Blocked)]).await;
    assert_eq!(state(&desk, "1").await, CustomerState::Blocked, "the file");
    import(&desk, Feed::Delta, vec![of(FileState::Active)]).await;
    assert_eq!(state(&desk, "1").await, CustomerState::Active, "the file");
    import(&desk, Feed::Delta, vec![of(FileState::Pending)]).await;
    staff.rule(&one, Ruling::Approve, now).await.unwrap();
    let again = CustomerRecord {
        name: None,
        ..of(FileState::Pending)
    };
    import(&desk, Feed::Delta, vec![again]).await;
    assert_eq!(state(&desk, "1").await, CustomerState::Active, "approved");

    desk.sql
        .batch_execute(
            "UPDATE customer SET state = 'erased', name = NULL, email_original = NULL,
                    email_canonical = NULL, email_version = NULL, email_origin = NULL",
        )
        .await
        .unwrap();
    let counts = import(&desk, Feed::Delta, vec![of(FileState::Active)]).await;
    assert_eq!((counts.changed, counts.unchanged), (0, 1));
    let kept = "SELECT count(*) FROM customer WHERE state = 'erased' AND name IS NULL";
    assert_eq!(desk.count(kept).await, 1, "an erased person stays erased");
}

#[tokio::test]
async fn a_row_with_the_address_of_somebody_who_signed_up_is_left_to_people() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let outcome = desk
        .record(&shop, &identity(1, "local"), proven("ada@example.org"))
        .await;
    let own = number(&outcome).0.to_owned();

    let rows = vec![customer("9001", "ADA@example.org"), customer("9002", "")];
    let counts = import(&desk, Feed::Full, rows).await;
    assert_eq!(
        (counts.added, counts.for_review, counts.unchanged),
        (1, 1, 0)
    );
    let reviews = desk.store.open_reviews(&usmf()).await.unwrap();
    assert_eq!(reviews.len(), 1);
    assert_eq!(reviews[0].number.as_str(), "9001");
    assert_eq!(reviews[0].reason, "address_of_sign_up");
    assert_eq!(reviews[0].other.as_ref().unwrap().as_str(), own);
    assert_eq!(reviews[0].line, 2);

    // The business has taken the customer over under the number we gave it.
    let taken_over = customer(&own, "ada@example.org");
    let counts = import(&desk, Feed::Full, vec![taken_over, customer("9002", "")]).await;
    assert_eq!((counts.changed, counts.for_review), (1, 0));
    assert_eq!(reasons(&desk).await, [], "answered");
    let proven_still = "SELECT count(*) FROM customer WHERE email_origin = 'proven'";
    assert_eq!(desk.count(proven_still).await, 1);

    let moved = customer(&own, "ada@example.com");
    import(&desk, Feed::Delta, vec![moved]).await;
    assert_eq!(desk.count(proven_still).await, 1, "what was proven stays");
    assert_eq!(
        reasons(&desk).await,
        [(own, "proven_address_differs".to_owned())]
    );
}

#[tokio::test]
async fn a_number_given_twice_does_not_make_two_people_one() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let outcome = desk
        .record(&shop, &identity(1, "local"), proven("ada@example.org"))
        .await;
    let own = number(&outcome).0.to_owned();
    let rows = vec![
        customer(&own, "stranger@example.org"),
        customer("C000900", ""),
    ];
    let counts = import(&desk, Feed::Delta, rows).await;
    assert_eq!((counts.added, counts.changed, counts.for_review), (1, 0, 1));
    assert_eq!(
        reasons(&desk).await,
        [(own.clone(), "number_of_sign_up".to_owned())]
    );
    let outcome = desk
        .record(&shop, &identity(2, "local"), proven("next@example.org"))
        .await;
    assert_eq!(
        number(&outcome).0,
        "C000901",
        "past the highest of the file"
    );
}

#[tokio::test]
async fn replaced_numbers_carry_their_links_along() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let temporary = customer("T1", "ada@example.org");
    import(&desk, Feed::Delta, vec![temporary]).await;
    let who = identity(1, "local");
    let outcome = desk.record(&shop, &who, proven("ada@example.org")).await;
    assert_eq!(number(&outcome).0, "T1");

    // The survivor stands further down, by way of a number never heard of.
    let rows = vec![
        replaced("T1", "T2"),
        replaced("T2", "5001"),
        customer("5001", "ada@example.org"),
    ];
    let counts = import(&desk, Feed::Full, rows.clone()).await;
    assert_eq!(
        (counts.added, counts.replaced, counts.links_moved),
        (1, 2, 1)
    );
    let outcome = desk.record(&shop, &who, proven("ada@example.org")).await;
    assert_eq!(number(&outcome).0, "5001");
    let moved = "SELECT count(*) FROM audit JOIN identity_link ON subject_id = link_id
                   JOIN customer USING (customer_id)
                  WHERE action = 'link.moved' AND customer_number = '5001'";
    assert_eq!(desk.count(moved).await, 1);
    let told = "SELECT count(*) FROM outbox WHERE event_type = 'link.moved'";
    assert_eq!(desk.count(told).await, 1);
    let again = import(&desk, Feed::Full, rows).await;
    assert_eq!((again.unchanged, again.replaced, again.gone), (3, 0, 0));
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn circles_and_strangers_among_replacements_are_rejected_by_line() {
    let desk = desk().await;
    let mut patient = plan(Feed::Delta);
    patient.max_errors = 10;
    let rows = [
        customer("1", ""),
        customer("2", ""),
        customer("3", ""),
        replaced("1", "2"),
        replaced("2", "1"),
        replaced("3", "404"),
        replaced("4", "4"),
    ];
    import(&desk, Feed::Delta, rows[..3].to_vec()).await;
    let (summary, rejected) = import_rows(&desk, patient, lines(rows[3..].to_vec())).await;
    let summary = summary.unwrap();
    let counts = summary.legal_entities[0].1;
    assert_eq!(
        (counts.replaced, counts.unchanged, summary.rejected),
        (1, 0, 3)
    );
    let mut rejected = rejected;
    rejected.sort();
    // 2 and 4 are in the lane of even ends, which comes first.
    assert_eq!(
        rejected,
        [
            (2, "would replace itself by way of others".to_owned()),
            (4, "is replaced by a number that no customer has".to_owned()),
            (5, "is replaced by itself".to_owned()),
        ]
    );
    assert_eq!(state(&desk, "2").await, CustomerState::Merged);
    assert_eq!(state(&desk, "1").await, CustomerState::Active);
    assert_eq!(state(&desk, "3").await, CustomerState::Active);
}

#[tokio::test]
async fn a_survivor_with_an_identity_of_its_own_keeps_to_the_sites_rule() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let rows = vec![
        customer("1", "ada@example.org"),
        customer("2", "ada@example.com"),
    ];
    import(&desk, Feed::Delta, rows).await;
    let (ada, ada2) = (identity(1, "local"), identity(2, "local"));
    desk.record(&shop, &ada, proven("ada@example.org")).await;
    desk.record(&shop, &ada2, proven("ada@example.com")).await;
    let counts = import(&desk, Feed::Delta, vec![replaced("1", "2")]).await;
    assert_eq!(
        (counts.replaced, counts.links_moved, counts.for_review),
        (1, 0, 1)
    );
    assert_eq!(
        reasons(&desk).await,
        [("1".to_owned(), "second_identity".to_owned())]
    );
    for who in [&ada, &ada2] {
        let outcome = desk.record(&shop, who, proven("ada@example.org")).await;
        assert_eq!(number(&outcome).0, "2", "both lead to the survivor");
    }
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn a_dry_run_tells_and_does_nothing() {
    let desk = desk().await;
    let known = vec![
        customer("1", "ada@example.org"),
        customer("2", "eve@example.org"),
        customer("3", "bob@example.org"),
    ];
    import(&desk, Feed::Full, known).await;
    let rows = vec![
        customer("1", "ada@example.org"),
        customer("2", "eva@example.org"),
        customer("4", "ada@example.org"),
        customer("5", "new@example.org"),
    ];
    let mut dry = plan(Feed::Full);
    dry.dry_run = true;
    let (summary, _) = import_rows(&desk, dry, lines(rows)).await;
    let summary = summary.unwrap();
    let counts = summary.legal_entities[0].1;
    assert_eq!(
        (counts.added, counts.changed, counts.unchanged, counts.gone),
        (2, 1, 1, 1)
    );
    assert_eq!(summary.previews[0].ambiguous, 1);
    let [pair] = &summary.previews[0].examples[..] else {
        panic!("one address becomes ambiguous");
    };
    let pair: Vec<_> = pair.iter().map(CustomerNumber::as_str).collect();
    assert_eq!(pair, ["1", "4"]);
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 3);
    assert_eq!(desk.count("SELECT count(*) FROM import").await, 1);
}

#[tokio::test]
async fn a_watermark_says_when_the_feed_last_came_in() {
    let desk = desk().await;
    assert_eq!(desk.store.watermarks().await.unwrap(), []);
    let source_time = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
    let mut dated = plan(Feed::Delta);
    dated.source_time = Some(source_time);
    let rows = lines(vec![customer("1", "")]);
    import_rows(&desk, dated, rows).await.0.unwrap();
    let older = desk.store.watermarks().await.unwrap();
    assert_eq!(older[0].source_time, Some(source_time));
    let mut yesterdays = plan(Feed::Delta);
    yesterdays.source_time = Some(source_time - time::Duration::DAY);
    let rows = lines(vec![customer("1", "")]);
    import_rows(&desk, yesterdays, rows).await.0.unwrap();
    let same = desk.store.watermarks().await.unwrap();
    assert_eq!(same[0].source_time, Some(source_time), "never back");
    import(&desk, Feed::Delta, vec![customer("2", "")]).await;
    let [newer] = &desk.store.watermarks().await.unwrap()[..] else {
        panic!("one legal entity has a feed");
    };
    assert_eq!(newer.legal_entity, usmf());
    assert!(newer.completed_at > older[0].completed_at);
    assert_eq!(newer.source_time, None, "as of when it came in");
    let audited = "SELECT count(*) FROM audit WHERE action = 'import.completed' AND actor = 'ines'";
    assert_eq!(desk.count(audited).await, 3);
}

#[tokio::test]
async fn rows_go_to_the_legal_entity_they_name_and_to_no_other() {
    let desk = desk().await;
    let entity = |code: &str| LegalEntity::parse(code).unwrap();
    let format = idlink::store::legal_entities::NumberFormat::default();
    for code in ["DEMF", "FRSI"] {
        let code = entity(code);
        let made = desk.store.ensure_legal_entity(&code, &format);
        made.await.unwrap();
    }
    let of = |code: &str, number: &str| CustomerRecord {
        legal_entity: Some(Arc::new(entity(code))),
        ..customer(number, "ada@example.org")
    };
    let mut both = plan(Feed::Full);
    both.legal_entities = vec![usmf(), entity("DEMF")];
    both.max_errors = 1;
    let rows = lines(vec![of("USMF", "1"), of("DEMF", "1"), of("FRSI", "1")]);
    let (summary, rejected) = import_rows(&desk, both, rows).await;
    let summary = summary.unwrap();
    let added: Vec<_> = summary
        .legal_entities
        .iter()
        .map(|(_, c)| c.added)
        .collect();
    assert_eq!(added, [1, 1]);
    assert_eq!(
        rejected,
        [(
            4,
            "is of the legal entity FRSI, which --legal-entity does not name".to_owned()
        )]
    );
    let foreign = "SELECT count(*) FROM customer WHERE legal_entity = 'FRSI'";
    assert_eq!(desk.count(foreign).await, 0);
    assert!(
        !summary.kept_everybody,
        "the stranger's row is nobody's of ours"
    );
}

#[tokio::test]
async fn staffs_customers_are_nobodys_to_miss() {
    let desk = desk().await;
    let person = OnFile::person("S1", "staff@example.org", CustomerType::B2c);
    person.add(&desk.store).await;
    desk.sql
        .batch_execute("UPDATE customer SET origin = 'staff'")
        .await
        .unwrap();
    let counts = import(&desk, Feed::Full, vec![customer("1", "")]).await;
    assert_eq!(counts.gone, 0);
    assert_eq!(state(&desk, "S1").await, CustomerState::Active);
}

/// The definitions of everything that belongs to the table of customers.
async fn shape(desk: &Desk) -> Vec<String> {
    const SQL: &str = "
        SELECT indexdef FROM pg_indexes WHERE tablename = 'customer'
         UNION ALL
        SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
               || convalidated
          FROM pg_constraint
         WHERE 'customer'::regclass IN (conrelid, confrelid)
         UNION ALL
        SELECT column_name || ordinal_position || data_type || is_nullable
               || coalesce(collation_name, '') || coalesce(column_default, '')
          FROM information_schema.columns WHERE table_name = 'customer'
         ORDER BY 1";
    let rows = desk.sql.query(SQL, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_customers_are_loaded_into_a_table_just_like_the_empty_one() {
    let desk = desk().await;
    let before = shape(&desk).await;
    assert!(before.len() > 30, "{before:?}");
    let shop = site(CustomerType::B2c);
    // A pool whose statements are prepared for the table as it was.
    let outcome = desk
        .record(&shop, &identity(1, "local"), proven("ada@example.org"))
        .await;
    number(&outcome);
    desk.sql
        .batch_execute(
            "DELETE FROM identity_link; DELETE FROM customer; DELETE FROM audit; DELETE FROM outbox",
        )
        .await
        .unwrap();

    let many = |n: u32| customer(&format!("{n}"), &format!("p{n}@example.org"));
    let mut rows: Vec<_> = (0..20_000).map(many).collect();
    rows.push(replaced("OLD", "7"));
    rows.push(customer("9", "nine@example.org"));
    let (summary, _) = import_rows(&desk, plan(Feed::Full), lines(rows.clone())).await;
    let summary = summary.unwrap();
    assert!(summary.first_load);
    let counts = summary.legal_entities[0].1;
    assert_eq!(
        (counts.added, counts.replaced, counts.superseded),
        (20_000, 1, 1)
    );
    assert_eq!(shape(&desk).await, before);
    let left =
        "SELECT count(*) FROM pg_class WHERE relname LIKE '%first%' AND relkind IN ('r', 'i')";
    assert_eq!(desk.count(left).await, 0);
    let outcome = desk
        .record(&shop, &identity(2, "local"), proven("nine@example.org"))
        .await;
    assert_eq!(number(&outcome).0, "9");
    let outcome = desk
        .record(&shop, &identity(3, "local"), proven("new@example.org"))
        .await;
    assert_eq!(number(&outcome).0, "C000002");

    let (summary, _) = import_rows(&desk, plan(Feed::Full), lines(rows)).await;
    let summary = summary.unwrap();
    assert!(!summary.first_load);
    let counts = summary.legal_entities[0].1;
    assert_eq!(
        (counts.unchanged, counts.added, counts.changed),
        (20_001, 0, 0)
    );
    check_invariants(&desk.sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_up_during_the_first_load_is_kept() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let many = |n: u32| customer(&format!("{n}"), &format!("p{n}@example.org"));
    let rows: Vec<_> = (0..60_000).map(many).collect();
    let (imported, ()) = tokio::join!(import_rows(&desk, plan(Feed::Delta), lines(rows)), async {
        loop {
            let loading = "SELECT count(*) FROM pg_class WHERE relname = 'customer_first_load'";
            if desk.count(loading).await == 1 {
                break;
            }
        }
        let outcome = desk
            .record(&shop, &identity(1, "local"), proven("p59999@example.org"))
            .await;
        assert_eq!(number(&outcome).0, "C000001");
    });
    let summary = imported.0.unwrap();
    assert!(!summary.first_load, "there was somebody in the end");
    let counts = summary.legal_entities[0].1;
    assert_eq!((counts.added, counts.for_review), (59_999, 1));
    let outcome = desk
        .record(&shop, &identity(1, "local"), proven("p59999@example.org"))
        .await;
    assert_eq!(number(&outcome).0, "C000001");
}
