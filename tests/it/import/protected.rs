//! What a file must never do: to people who signed up, to what staff decided,
//! and to a table that others use.

use idlink::domain::answer::Refusal;
use idlink::domain::customer::{CustomerState, CustomerType};
use idlink::domain::site::{SecondIdentity, UnverifiedEmail};
use idlink::domain::trust::Address;
use idlink::duplicates::file::Word;
use idlink::duplicates::undo::UndoError;
use idlink::import::row::{CustomerRecord, FileState};
use idlink::staff::{Desk as StaffDesk, Ruling};
use idlink::store::imports::Feed;
use time::OffsetDateTime;

use super::customers::{customer, import, import_rows, lines, plan, reasons, replaced, state};
use super::links;
use crate::duplicates::{decide, into, undo};
use crate::linking::{Desk, check_invariants, desk, number, refusal};
use crate::support::business::{email, identity, proven, site, usmf};

fn of(number: &str, address: &str, state: FileState) -> CustomerRecord {
    CustomerRecord {
        state,
        ..customer(number, address)
    }
}

async fn rule(desk: &Desk, of: &CustomerRecord, ruling: Ruling) {
    let staff = StaffDesk {
        store: &desk.store,
        legal_entity: &usmf(),
        actor: "ines",
    };
    let now = OffsetDateTime::now_utc();
    staff.rule(&of.number, ruling, now).await.unwrap();
}

/// The number that a sign-up with the address has created.
async fn signed_up(desk: &Desk, who: u128, address: &str) -> String {
    let shop = site(CustomerType::B2c);
    let outcome = desk
        .record(&shop, &identity(who, "local"), proven(address))
        .await;
    number(&outcome).0.to_owned()
}

/// What an identity that is linked is told.
async fn told(desk: &Desk, who: u128) -> String {
    let shop = site(CustomerType::B2c);
    let who = identity(who, "local");
    let outcome = desk.record(&shop, &who, Address::Missing).await;
    number(&outcome).0.to_owned()
}

#[tokio::test]
async fn the_number_of_somebody_who_signed_up_leads_nobody_to_another_customer() {
    let desk = desk().await;
    let own = signed_up(&desk, 1, "ada@example.org").await;
    let strangers = CustomerRecord {
        replaced_by: Some(customer("7001", "").number),
        ..customer(&own, "stranger@example.org")
    };
    let rows = vec![customer("7001", "stranger@example.com"), strangers];
    let counts = import(&desk, Feed::Delta, rows).await;
    assert_eq!(
        (counts.replaced, counts.for_review, counts.unchanged),
        (0, 1, 0)
    );
    assert_eq!(told(&desk, 1).await, own, "not the stranger's number");
    let open = (own.clone(), "number_of_sign_up".to_owned());
    assert_eq!(reasons(&desk).await, [open]);
    check_invariants(&desk.sql).await;

    // With the address of the sign-up it is the temporary number of one person.
    let hers = CustomerRecord {
        replaced_by: Some(customer("7002", "").number),
        ..customer(&own, "ada@example.org")
    };
    let counts = import(&desk, Feed::Delta, vec![customer("7002", ""), hers]).await;
    assert_eq!((counts.replaced, counts.links_moved), (1, 1));
    assert_eq!(told(&desk, 1).await, "7002");
}

#[tokio::test]
async fn an_address_that_nobody_proved_is_not_proven_by_coming_back() {
    let desk = desk().await;
    let mut shop = site(CustomerType::B2c);
    shop.rules.unverified_email = UnverifiedEmail::Separate;
    let typed = Address::Claimed(email("ada@example.org"));
    let outcome = desk.record(&shop, &identity(1, "local"), typed).await;
    let attackers = number(&outcome).0.to_owned();

    // The business has taken over what we told it, and sends it back.
    let counts = import(
        &desk,
        Feed::Full,
        vec![customer(&attackers, "Ada@example.org")],
    )
    .await;
    assert_eq!((counts.changed, counts.for_review), (1, 0));
    let ada = signed_up(&desk, 2, "ada@example.org").await;
    assert_ne!(ada, attackers, "a customer that is hers alone");

    // An address of the business's own is as good as any from its records.
    let moved = customer(&attackers, "eve@example.org");
    import(&desk, Feed::Delta, vec![moved]).await;
    let imported = "SELECT count(*) FROM customer WHERE email_origin = 'imported'";
    assert_eq!(desk.count(imported).await, 1);
}

#[tokio::test]
async fn a_customer_whose_address_was_proven_again_meanwhile_stops_no_import() {
    let desk = desk().await;
    let own = signed_up(&desk, 1, "ada@example.org").await;
    let file = |state, address| of(&own, address, state);
    let rows = vec![file(FileState::Blocked, "ada@example.org")];
    import(&desk, Feed::Delta, rows).await;
    let second = signed_up(&desk, 2, "ada@example.org").await;
    assert_ne!(second, own);

    let rows = vec![
        file(FileState::Active, "ada@example.com"),
        customer("8001", ""),
    ];
    let counts = import(&desk, Feed::Delta, rows).await;
    assert_eq!((counts.added, counts.changed, counts.for_review), (1, 0, 1));
    assert_eq!(state(&desk, &own).await, CustomerState::Blocked);
    let open = (own, "address_of_sign_up".to_owned());
    assert_eq!(reasons(&desk).await, [open]);
}

#[tokio::test]
async fn whoever_comes_back_as_staff_left_them_is_put_beside_no_sign_up() {
    let desk = desk().await;
    let row = of("1", "ada@example.org", FileState::Pending);
    let others = [customer("2", ""), customer("3", "")];
    let all = [std::slice::from_ref(&row), &others].concat();
    import(&desk, Feed::Full, all.clone()).await;
    rule(&desk, &row, Ruling::Approve).await;
    import(&desk, Feed::Full, others.to_vec()).await;
    assert_eq!(state(&desk, "1").await, CustomerState::Gone);
    let own = signed_up(&desk, 1, "ada@example.org").await;

    let counts = import(&desk, Feed::Full, all).await;
    assert_eq!((counts.returned, counts.for_review), (0, 1));
    assert_eq!(state(&desk, "1").await, CustomerState::Gone);
    let open = ("1".to_owned(), "address_of_sign_up".to_owned());
    assert_eq!(reasons(&desk).await, [open]);
    assert_eq!(signed_up(&desk, 1, "ada@example.org").await, own);
}

#[tokio::test]
async fn numbers_are_followed_in_whatever_order_they_come() {
    let desk = desk().await;
    // Each survivor is in the lane, or the row, that comes later.
    let rows = vec![
        replaced("T2", "T1"),
        replaced("T1", "T4"),
        replaced("T4", "T3"),
        replaced("T3", "5001"),
        replaced("U2", "U1"),
        replaced("U1", "404"),
        customer("5001", "ada@example.org"),
    ];
    let mut patient = plan(Feed::Delta);
    patient.max_errors = 10;
    let (summary, rejected) = import_rows(&desk, patient.clone(), lines(rows.clone())).await;
    let counts = summary.unwrap().legal_entities[0].1;
    assert_eq!((counts.replaced, counts.unchanged), (4, 0));
    let nobody = "is replaced by a number that no customer has".to_owned();
    assert_eq!(rejected, [(6, nobody.clone()), (7, nobody)]);
    let (summary, _) = import_rows(&desk, patient, lines(rows)).await;
    let counts = summary.unwrap().legal_entities[0].1;
    assert_eq!((counts.replaced, counts.unchanged), (0, 5));
}

#[tokio::test]
async fn an_undoing_does_not_unblock_whom_the_file_has_blocked() {
    let desk = desk().await;
    let row = |state| of("C1", "ada@example.org", state);
    let rows = vec![row(FileState::Active), customer("C2", "ada@example.org")];
    import(&desk, Feed::Delta, rows).await;
    let words = [("C1", into("C2")), ("C2", Word::Keep)];
    let (decision, _) = decide(&desk.store, &words).await;
    import(&desk, Feed::Delta, vec![row(FileState::Blocked)]).await;
    assert_eq!(state(&desk, "C1").await, CustomerState::Merged);
    let refused = undo(&desk.store, decision).await;
    assert!(
        matches!(
            refused,
            Err(UndoError::CustomerChanged {
                change: "was blocked by an import",
                ..
            })
        ),
        "{refused:?}"
    );
    import(&desk, Feed::Delta, vec![row(FileState::Active)]).await;
    undo(&desk.store, decision).await.unwrap();
    assert_eq!(state(&desk, "C1").await, CustomerState::Active);
}

/// `B` was merged into `C`, and its link stayed with it; `C` has none.
async fn absorbed(desk: &Desk) {
    let rows = vec![
        customer("A", "a@example.org"),
        customer("B", "b@example.org"),
        customer("C", "c@example.org"),
    ];
    import(desk, Feed::Delta, rows).await;
    assert_eq!(signed_up(desk, 1, "a@example.org").await, "A");
    assert_eq!(signed_up(desk, 2, "b@example.org").await, "B");
    desk.sql
        .batch_execute(
            "UPDATE customer SET state = 'merged', imported_state = 'merged', merged_into =
                    (SELECT customer_id FROM customer WHERE customer_number = 'C')
              WHERE customer_number = 'B'",
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_survivor_is_occupied_for_files_too() {
    let desk = desk().await;
    absorbed(&desk).await;
    let refuse = links::plan(SecondIdentity::Refuse);
    let (_, rejected) = links::import(&desk, refuse, vec![links::link(3, "C")]).await;
    let occupied = "is of a customer that another identity of the same provider is linked to";
    assert_eq!(rejected, [(2, occupied.to_owned())]);

    let counts = import(&desk, Feed::Delta, vec![replaced("A", "C")]).await;
    assert_eq!(
        (counts.replaced, counts.links_moved, counts.for_review),
        (1, 0, 1)
    );
    assert_eq!(told(&desk, 1).await, "C", "by way of the merge");
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn whoever_speaks_through_a_survivor_is_told_of_when_it_rests() {
    let desk = desk().await;
    absorbed(&desk).await;
    let survivor = |state| of("C", "c@example.org", state);
    import(&desk, Feed::Delta, vec![survivor(FileState::Blocked)]).await;
    let shop = site(CustomerType::B2c);
    let outcome = desk
        .record(&shop, &identity(2, "local"), Address::Missing)
        .await;
    assert_eq!(refusal(&outcome), Refusal::CustomerBlocked);
    import(&desk, Feed::Delta, vec![survivor(FileState::Active)]).await;
    let events = "SELECT count(*) FROM outbox JOIN identity_link ON aggregate_id = link_id
                    JOIN customer USING (customer_id)
                   WHERE customer_number = 'B' AND event_type IN ('link.suspended', 'link.resumed')";
    assert_eq!(desk.count(events).await, 2);
}

#[tokio::test]
async fn a_table_that_others_use_is_not_put_aside() {
    let desk = desk().await;
    let others = [
        (
            "CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
             CREATE TRIGGER noticed AFTER INSERT ON customer
                FOR EACH ROW EXECUTE FUNCTION noticed()",
            "DROP TRIGGER noticed ON customer",
        ),
        (
            "CREATE PUBLICATION warehouse FOR TABLE customer",
            "DROP PUBLICATION warehouse",
        ),
        (
            "GRANT SELECT (customer_number) ON customer TO pg_read_all_stats",
            "REVOKE SELECT (customer_number) ON customer FROM pg_read_all_stats",
        ),
        (
            "ALTER TABLE customer OWNER TO pg_read_all_stats",
            "ALTER TABLE customer OWNER TO CURRENT_USER",
        ),
        (
            "CREATE SCHEMA apart; ALTER TABLE customer SET SCHEMA apart;
             SET search_path = public, apart",
            "ALTER TABLE apart.customer SET SCHEMA public; RESET search_path",
        ),
        (
            "ALTER TABLE customer SET (autovacuum_enabled = false)",
            "ALTER TABLE customer RESET (autovacuum_enabled)",
        ),
        (
            "CREATE STATISTICS together ON name, kind FROM customer",
            "DROP STATISTICS together",
        ),
        (
            "CREATE FUNCTION how_many() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM customer; END",
            "DROP FUNCTION how_many",
        ),
    ];
    let begun = async || -> bool {
        let row = desk.sql.query_one("SELECT begin_first_load()", &[]).await;
        row.unwrap().get(0)
    };
    for (used, given_up) in others {
        desk.sql.batch_execute(used).await.unwrap();
        assert!(!begun().await, "{used}");
        desk.sql.batch_execute(given_up).await.unwrap();
    }
    assert!(begun().await, "ours alone again");

    // The load dies, and leaves what it had; a file of a few rows clears it away.
    let left = "SELECT count(*) FROM pg_class WHERE relname = 'customer_first_load'";
    import(&desk, Feed::Delta, vec![customer("1", "")]).await;
    assert_eq!(desk.count(left).await, 1, "it is under way");
    desk.sql
        .batch_execute("SELECT pg_advisory_unlock_all()")
        .await
        .unwrap();
    import(&desk, Feed::Delta, vec![customer("1", "")]).await;
    assert_eq!(desk.count(left).await, 0);
}
