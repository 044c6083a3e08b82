//! What imports leave to people, from the file to the answer and back to the
//! next file; and what staff decided about duplicates, when a file brings the
//! same customers again.

use std::sync::Arc;

use idlink::domain::answer::Refusal;
use idlink::domain::customer::{AddressOrigin, CustomerNumber, CustomerState, CustomerType};
use idlink::domain::email::Email;
use idlink::domain::site::SecondIdentity;
use idlink::duplicates::decide::{GroupRefusal, SiteRules};
use idlink::duplicates::file::Word;
use idlink::import::row::{CustomerRecord, FileAddress};
use idlink::linking::Fresh;
use idlink::reviews::{Resolved, ReviewError};
use idlink::staff;
use idlink::store::Store;
use idlink::store::imports::Feed;
use idlink::store::reviews::{Reason, Resolution};
use time::OffsetDateTime;

use crate::duplicates::{ADA, Staff, decide, into, state, undo};
use crate::import::customers::{customer, import, reasons, replaced};
use crate::linking::{Desk, check_invariants, desk, number, refusal};
use crate::support::business::{identity, proven, site, usmf};

const ACTIVE: CustomerState = CustomerState::Active;

async fn resolve(
    store: &Store,
    of: &str,
    reason: Option<Reason>,
    resolution: Resolution,
) -> Result<Resolved, ReviewError> {
    resolve_by(store, of, reason, resolution, &SiteRules::new()).await
}

async fn resolve_by(
    store: &Store,
    of: &str,
    reason: Option<Reason>,
    resolution: Resolution,
    rules: &SiteRules,
) -> Result<Resolved, ReviewError> {
    let usmf = usmf();
    let staff = staff::Desk {
        store,
        legal_entity: &usmf,
        actor: "mia",
    };
    let number = CustomerNumber::parse(of).unwrap();
    let now = OffsetDateTime::now_utc();
    staff.resolve(&number, reason, resolution, rules, now).await
}

/// Somebody has signed up as C000001 before the file brings 4711 with the
/// same address.
async fn overtaken() -> Desk {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let first = desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    assert_eq!(number(&first), ("C000001", Fresh::New));
    let counts = import(&desk, Feed::Delta, vec![customer("4711", ADA)]).await;
    assert_eq!((counts.added, counts.for_review), (0, 1));
    desk
}

fn renamed(of: &str, address: &str, name: &str) -> CustomerRecord {
    CustomerRecord {
        name: Some(name.to_owned()),
        ..customer(of, address)
    }
}

/// Brings the row in with another name, so that it is read anew.
async fn bring(desk: &Desk, name: &str) {
    let counts = import(desk, Feed::Delta, vec![renamed("4711", ADA, name)]).await;
    assert_eq!((counts.changed, counts.for_review), (1, 0), "{name}");
    assert_eq!(reasons(desk).await, [], "{name}");
}

#[tokio::test]
async fn one_person_becomes_the_customer_of_the_file_at_once() {
    let desk = overtaken().await;
    let shop = site(CustomerType::B2c);
    let resolved = resolve(&desk.store, "4711", None, Resolution::Merge)
        .await
        .unwrap();
    let who = identity(1, "local");
    let told = desk.record(&shop, &who, proven(ADA)).await;
    assert_eq!(number(&told), ("4711", Fresh::Standing));
    let other = desk
        .record(&shop, &identity(2, "google.com"), proven(ADA))
        .await;
    assert_eq!(number(&other), ("4711", Fresh::New));
    bring(&desk, "Ada").await;
    let imported = (ACTIVE, Some(AddressOrigin::Imported));
    assert_eq!(state(&desk.store, "4711").await, imported);
    assert_eq!(state(&desk.store, "C000001").await.0, CustomerState::Merged);

    undo(&desk.store, resolved.decision.unwrap()).await.unwrap();
    let told = desk.record(&shop, &who, proven(ADA)).await;
    assert_eq!(number(&told), ("C000001", Fresh::Standing));
    // Nobody asks again what was answered: both stand, as staff has put it.
    bring(&desk, "Ada Lovelace").await;
    assert_eq!(state(&desk.store, "4711").await, imported);
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn two_people_with_one_address_both_stay() {
    let desk = overtaken().await;
    let shop = site(CustomerType::B2c);
    let answer = Resolution::KeepSeparate;
    resolve(&desk.store, "4711", None, answer).await.unwrap();
    for name in ["Ada", "Ada Lovelace"] {
        let imported = (ACTIVE, Some(AddressOrigin::Imported));
        assert_eq!(state(&desk.store, "4711").await, imported);
        let several = desk.record(&shop, &identity(2, "local"), proven(ADA)).await;
        assert_eq!(refusal(&several), Refusal::Several);
        bring(&desk, name).await;
    }
}

#[tokio::test]
async fn a_files_address_that_is_not_theirs_matches_nobody_until_it_changes() {
    let desk = overtaken().await;
    let shop = site(CustomerType::B2c);
    let answer = Resolution::AddressWrong;
    resolve(&desk.store, "4711", None, answer).await.unwrap();
    for name in ["Ada", "Ada Lovelace"] {
        let wrong = (ACTIVE, Some(AddressOrigin::Wrong));
        assert_eq!(state(&desk.store, "4711").await, wrong);
        let owner = desk
            .record(&shop, &identity(2, "google.com"), proven(ADA))
            .await;
        assert_eq!(number(&owner).0, "C000001");
        bring(&desk, name).await;
    }
    let corrected = vec![customer("4711", "eve@example.org")];
    import(&desk, Feed::Delta, corrected).await;
    let linked = desk
        .record(&shop, &identity(3, "local"), proven("eve@example.org"))
        .await;
    assert_eq!(number(&linked), ("4711", Fresh::New));
}

/// What was settled with one customer is not settled with the next one.
#[tokio::test]
async fn an_answer_counts_for_the_customer_it_was_given_about() {
    let desk = overtaken().await;
    let shop = site(CustomerType::B2c);
    let answer = Resolution::AddressWrong;
    resolve(&desk.store, "4711", None, answer).await.unwrap();
    desk.sql
        .batch_execute(
            "UPDATE identity_link SET revoked_at = now(), revoked_by = 'x';
             UPDATE customer SET state = 'blocked' WHERE customer_number = 'C000001'",
        )
        .await
        .unwrap();
    let next = desk.record(&shop, &identity(2, "local"), proven(ADA)).await;
    assert_eq!(number(&next), ("C000002", Fresh::New));
    let counts = import(&desk, Feed::Delta, vec![renamed("4711", ADA, "Ada")]).await;
    assert_eq!((counts.changed, counts.for_review), (0, 1));
}

#[tokio::test]
async fn a_customer_that_was_gone_comes_back_with_its_answer() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let before = vec![customer("4711", "old@example.org"), customer("1", "")];
    import(&desk, Feed::Full, before).await;
    import(&desk, Feed::Full, vec![customer("1", "")]).await;
    assert_eq!(state(&desk.store, "4711").await.0, CustomerState::Gone);
    desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    import(&desk, Feed::Delta, vec![customer("4711", ADA)]).await;
    resolve(&desk.store, "4711", None, Resolution::Merge)
        .await
        .unwrap();
    assert_eq!(state(&desk.store, "4711").await.0, ACTIVE);
    let told = desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    assert_eq!(number(&told), ("4711", Fresh::Standing));
}

#[tokio::test]
async fn nobody_is_merged_into_a_customer_who_may_not_be_one() {
    let desk = overtaken().await;
    let ruled = [
        ("blocked", "the customer of the file is not active"),
        ("erased", "customer 4711 is erased"),
        ("merged", "customer 4711 is merged"),
    ];
    for (state, expected) in ruled {
        desk.sql
            .batch_execute(&format!(
                "INSERT INTO customer (legal_entity, customer_id, customer_number, kind, is_b2b,
                        state, origin, created_at, changed_at)
                 VALUES ('USMF', gen_random_uuid(), '4711', 'person', false, '{state}', 'staff',
                         now(), now())"
            ))
            .await
            .unwrap();
        let error = resolve(&desk.store, "4711", None, Resolution::Merge)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
        let open = "SELECT count(*) FROM import_review WHERE closed_at IS NULL";
        assert_eq!(desk.count(open).await, 1, "{state}");
        desk.sql
            .batch_execute("DELETE FROM customer WHERE customer_number = '4711'")
            .await
            .unwrap();
    }
    assert_eq!(
        crate::duplicates::state(&desk.store, "C000001").await.0,
        ACTIVE
    );
}

#[tokio::test]
async fn a_merge_with_the_file_keeps_to_the_sites_rule_too() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    import(
        &desk,
        Feed::Delta,
        vec![customer("4711", "old@example.org")],
    )
    .await;
    let old = desk
        .record(&shop, &identity(1, "local"), proven("old@example.org"))
        .await;
    assert_eq!(number(&old).0, "4711");
    desk.record(&shop, &identity(2, "local"), proven(ADA)).await;
    import(&desk, Feed::Delta, vec![customer("4711", ADA)]).await;
    let refused = resolve(&desk.store, "4711", None, Resolution::Merge).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(
            &refused,
            ReviewError::SecondIdentity(GroupRefusal::SecondIdentity { survivor, .. })
                if survivor.as_str() == "4711"
        ),
        "{refused:?}"
    );
    let add = SiteRules::from([("shop".to_owned(), SecondIdentity::Add)]);
    resolve_by(&desk.store, "4711", None, Resolution::Merge, &add)
        .await
        .unwrap();
    let told = desk.record(&shop, &identity(2, "local"), proven(ADA)).await;
    assert_eq!(number(&told), ("4711", Fresh::Standing));
}

#[tokio::test]
async fn a_number_given_twice_is_one_person_if_staff_says_so() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    let file = || vec![customer("C000001", "other@example.org")];
    import(&desk, Feed::Delta, file()).await;
    let wrong = resolve(&desk.store, "C000001", None, Resolution::AddressWrong).await;
    assert!(matches!(wrong, Err(ReviewError::NotAnAnswer(_))));
    // Two people: nothing follows, and the next file asks again.
    let answer = Resolution::KeepSeparate;
    resolve(&desk.store, "C000001", None, answer).await.unwrap();
    let counts = import(&desk, Feed::Delta, file()).await;
    assert_eq!((counts.changed, counts.for_review), (0, 1));
    resolve(&desk.store, "C000001", None, Resolution::Merge)
        .await
        .unwrap();
    let counts = import(&desk, Feed::Delta, file()).await;
    assert_eq!(counts.changed, 1);
    // The file's in everything but the address, which was proven.
    assert_eq!(
        reasons(&desk).await,
        [("C000001".to_owned(), "proven_address_differs".to_owned())]
    );
    assert_eq!(
        state(&desk.store, "C000001").await,
        (ACTIVE, Some(AddressOrigin::Proven))
    );
}

#[tokio::test]
async fn between_a_proven_address_and_the_files_staff_decides() {
    let cases = [
        (Resolution::KeepSeparate, ADA),
        (Resolution::AddressWrong, "new@example.org"),
    ];
    for (answer, expected) in cases {
        let desk = desk().await;
        let shop = site(CustomerType::B2c);
        desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
        import(&desk, Feed::Delta, vec![customer("C000001", ADA)]).await;
        let moved = || vec![customer("C000001", "new@example.org")];
        import(&desk, Feed::Delta, moved()).await;
        let merge = resolve(&desk.store, "C000001", None, Resolution::Merge).await;
        assert!(matches!(merge, Err(ReviewError::NotAnAnswer(_))));
        resolve(&desk.store, "C000001", None, answer).await.unwrap();
        if answer == Resolution::AddressWrong {
            // Not a day longer, although the file's has not come yet.
            let next = desk
                .record(&shop, &identity(2, "google.com"), proven(ADA))
                .await;
            assert_ne!(number(&next).0, "C000001");
        }
        let counts = import(&desk, Feed::Delta, moved()).await;
        assert_eq!(counts.for_review, 0);
        let linked = desk
            .record(&shop, &identity(3, "x.com"), proven(expected))
            .await;
        assert_eq!(number(&linked).0, "C000001", "{answer:?}");
        assert_eq!(reasons(&desk).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_answers_at_once_one_counts() {
    for round in 0..10 {
        let desk = Arc::new(overtaken().await);
        let answers = [Resolution::Merge, Resolution::KeepSeparate];
        let under_way = answers.map(|answer| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move { resolve(&desk.store, "4711", None, answer).await })
        });
        let mut settled = 0;
        for one in under_way {
            match one.await.unwrap() {
                Ok(_) => settled += 1,
                Err(ReviewError::Changed | ReviewError::Nothing(_)) => {}
                Err(other) => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!(settled, 1, "round {round}");
        let told = "SELECT count(*) FROM audit WHERE action = 'review.resolved'";
        assert_eq!(desk.count(told).await, 1, "round {round}");
    }
}

#[tokio::test]
async fn what_was_decided_about_duplicates_outlives_the_next_files() {
    let desk = desk().await;
    let file = |name: &str| {
        ["C1", "C2", "C3"]
            .map(|of| renamed(of, ADA, name))
            .into_iter()
            .collect::<Vec<_>>()
    };
    import(&desk, Feed::Full, file("Ada")).await;
    let words = [
        ("C1", Word::Keep),
        ("C2", into("C1")),
        ("C3", Word::AddressWrong),
    ];
    let (decision, _) = decide(&desk.store, &words).await;
    let merged = (CustomerState::Merged, Some(AddressOrigin::Imported));
    let wrong = (ACTIVE, Some(AddressOrigin::Wrong));
    // The same rows, and rows that say something new about something else.
    for name in ["Ada", "Ada Lovelace"] {
        for feed in [Feed::Delta, Feed::Full] {
            import(&desk, feed, file(name)).await;
            assert_eq!(state(&desk.store, "C2").await, merged, "{name}");
            assert_eq!(state(&desk.store, "C3").await, wrong, "{name}");
        }
    }
    let shop = site(CustomerType::B2c);
    let linked = desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    assert_eq!(number(&linked), ("C1", Fresh::New));
    // A merge of the file's own does not lead anywhere else, or in a circle.
    import(&desk, Feed::Delta, vec![replaced("C2", "C3")]).await;
    let row = "SELECT count(*) FROM customer AS merged JOIN customer AS survivor
                   ON merged.merged_into = survivor.customer_id
                WHERE merged.customer_number = 'C2' AND survivor.customer_number = 'C1'";
    assert_eq!(desk.count(row).await, 1);
    // What the file says anew of the address counts.
    let corrected = CustomerRecord {
        email: FileAddress::Comparable(Email::parse("eve@example.org").unwrap()),
        ..renamed("C3", ADA, "Eve")
    };
    import(&desk, Feed::Delta, vec![corrected]).await;
    let imported = (ACTIVE, Some(AddressOrigin::Imported));
    assert_eq!(state(&desk.store, "C3").await, imported);
    let eve = proven("eve@example.org");
    let linked = desk.record(&shop, &identity(2, "local"), eve).await;
    assert_eq!(number(&linked), ("C3", Fresh::New));
    let stands = undo(&desk.store, decision).await.unwrap_err().to_string();
    assert_eq!(
        stands,
        "customer C3 has got another address since, so the decision stands"
    );
}

#[tokio::test]
async fn staff_sees_what_is_open_and_settles_it_at_a_terminal() {
    let staff = Staff::new().await;
    let shop = site(CustomerType::B2c);
    let desk = Desk {
        linking: idlink::linking::Linking::new(
            staff.store.clone(),
            idlink::tracked::Tracked::new(tokio::runtime::Handle::current()),
        ),
        store: staff.store.clone(),
        sql: crate::support::postgres::connect(&staff.database.config()).await,
        database: crate::support::postgres::database().await,
    };
    assert_eq!(staff.said(&["review", "list"]).await, "nothing is open\n");
    let (_, problem) = staff.refused(&["review", "show", "4711"]).await;
    assert_eq!(
        problem,
        "idlink: no import has left anything to people about 4711\n"
    );
    desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    import(&desk, Feed::Delta, vec![customer("4711", ADA)]).await;
    staff
        .sql
        .batch_execute(
            "UPDATE import_review SET opened_at = '2026-03-01 12:00Z', seen_at = '2026-03-02 12:00Z'",
        )
        .await
        .unwrap();
    assert_eq!(
        staff.said(&["review", "list"]).await,
        "4711  address_of_sign_up (customer C000001), line 2, since 2026-03-01 12:00:00Z\n"
    );
    assert_eq!(
        staff.said(&["review", "show", "4711"]).await,
        "4711: has the address of customer C000001, whom a sign-up created; not taken in until \
         it is settled\n  \
         address_of_sign_up, line 2 of the file, since 2026-03-01 12:00:00Z, last seen \
         2026-03-02 12:00:00Z\n  \
         open: `merge` (one person), `keep-separate` (two people with one address) or \
         `address-wrong` (the file's address is not theirs)\n"
    );
    let other = [
        "review",
        "resolve",
        "4711",
        "merge",
        "--reason",
        "second-identity",
    ];
    let (_, problem) = staff.refused(&other).await;
    assert_eq!(
        problem,
        "idlink: no import has left anything open about 4711\n"
    );
    let settled = staff.said(&["review", "resolve", "4711", "merge"]).await;
    let decision = settled
        .strip_prefix("4711 is settled; `idlink duplicates undo ")
        .and_then(|rest| rest.strip_suffix("` takes the merge back\n"))
        .unwrap_or_else(|| panic!("{settled}"));
    assert_eq!(
        state(&staff.store, "C000001").await.0,
        CustomerState::Merged
    );
    let shown = staff.said(&["review", "show", "4711"]).await;
    assert!(shown.ends_with(": merge, by mia\n"), "{shown}");
    staff.said(&["duplicates", "undo", decision]).await;
    assert_eq!(state(&staff.store, "C000001").await.0, ACTIVE);
}
