//! Customers who share an address, from the file that staff gets to what
//! people who sign up meet.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::Arc;

use idlink::domain::answer::Refusal;
use idlink::domain::customer::{
    AddressOrigin, CustomerNumber, CustomerState, CustomerType, LegalEntity,
};
use idlink::domain::identity::Identity;
use idlink::domain::site::{SecondIdentity, Site};
use idlink::duplicates::decide::{Decided, GroupRefusal, SiteRules, Summary};
use idlink::duplicates::file::{Line, Word};
use idlink::duplicates::group::{Groups, token};
use idlink::duplicates::plan::Plan;
use idlink::duplicates::undo::UndoError;
use idlink::linking::{Fresh, Linking, Outcome};
use idlink::staff;
use idlink::store::Store;
use idlink::tracked::Tracked;
use time::OffsetDateTime;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::linking::{Desk, check_invariants, desk, number, record, refusal};
use crate::support::business::{OnFile, email, identity, proven, site, store, usmf};
use crate::support::postgres::{Database, connect, database};
use crate::support::program::{Folder, connection_string};

pub(crate) const ADA: &str = "ada@example.org";

fn at<'a>(store: &'a Store, usmf: &'a LegalEntity) -> staff::Desk<'a> {
    staff::Desk {
        store,
        legal_entity: usmf,
        actor: "mia",
    }
}

async fn add(store: &Store, number: &'static str, email: &'static str) {
    OnFile::person(number, email, CustomerType::B2c)
        .add(store)
        .await;
}

/// What staff says about the customers with [`ADA`], as they are now.
async fn plan(store: &Store, words: &[(&str, Word)]) -> Plan {
    let members = store.sharing_an_address(&usmf()).await.unwrap();
    let mut groups = Groups::new(members);
    loop {
        let group = groups.next().await.unwrap().unwrap();
        if group.members[0].email_canonical == ADA {
            return Plan {
                token: token(&usmf(), &group.members),
                lines: lines(words),
            };
        }
    }
}

fn lines(words: &[(&str, Word)]) -> Vec<Line> {
    let line = |(number, word): &(&str, Word)| Line {
        line: 2,
        group: "g".to_owned(),
        number: CustomerNumber::parse(number).unwrap(),
        word: word.clone(),
    };
    words.iter().map(line).collect()
}

pub(crate) fn into(number: &str) -> Word {
    Word::MergeInto(CustomerNumber::parse(number).unwrap())
}

async fn decide_by(store: &Store, plan: &Plan, rules: &SiteRules) -> (Uuid, Decided) {
    let (usmf, decision) = (usmf(), Uuid::now_v7());
    let now = OffsetDateTime::now_utc();
    let decided = at(store, &usmf)
        .decide(decision, &email(ADA), plan, rules, now)
        .await
        .unwrap();
    (decision, decided)
}

pub(crate) async fn decide(store: &Store, words: &[(&str, Word)]) -> (Uuid, Decided) {
    let plan = plan(store, words).await;
    decide_by(store, &plan, &SiteRules::new()).await
}

pub(crate) async fn undo(store: &Store, decision: Uuid) -> Result<(), UndoError> {
    let usmf = usmf();
    at(store, &usmf)
        .undo(decision, OffsetDateTime::now_utc())
        .await
}

pub(crate) async fn state(store: &Store, of: &str) -> (CustomerState, Option<AddressOrigin>) {
    let number = CustomerNumber::parse(of).unwrap();
    let file = store.customer(&usmf(), &number).await.unwrap().unwrap();
    (file.state, file.email.map(|(_, origin)| origin))
}

async fn audited(sql: &Client) -> Vec<String> {
    sql.query(
        "SELECT DISTINCT action FROM audit WHERE actor = 'mia' ORDER BY action",
        &[],
    )
    .await
    .unwrap()
    .iter()
    .map(|row| row.get(0))
    .collect()
}

#[tokio::test]
async fn a_merged_customers_people_and_address_are_the_survivors() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let (ada, bob) = (identity(1, "local"), identity(2, "google.com"));
    add(&desk.store, "C1", ADA).await;
    let first = desk.record(&shop, &ada, proven(ADA)).await;
    assert_eq!(number(&first), ("C1", Fresh::New));
    add(&desk.store, "C2", ADA).await;
    let several = desk.record(&shop, &bob, proven(ADA)).await;
    assert_eq!(refusal(&several), Refusal::Several);

    let words = [("C1", into("C2")), ("C2", Word::Keep)];
    let (decision, decided) = decide(&desk.store, &words).await;
    let expected = Summary {
        kept: 1,
        merged: 1,
        addresses_wrong: 0,
        links_moved: 1,
    };
    assert_eq!(decided, Decided::Applied(expected));
    let told = desk.record(&shop, &ada, proven(ADA)).await;
    assert_eq!(number(&told), ("C2", Fresh::Standing));
    let linked = desk.record(&shop, &bob, proven(ADA)).await;
    assert_eq!(number(&linked), ("C2", Fresh::New));

    undo(&desk.store, decision).await.unwrap();
    let back = desk.record(&shop, &ada, proven(ADA)).await;
    assert_eq!(number(&back), ("C1", Fresh::Standing));
    // Whoever came to the survivor since stays there.
    let stays = desk.record(&shop, &bob, proven(ADA)).await;
    assert_eq!(number(&stays), ("C2", Fresh::Standing));
    let several = desk.record(&shop, &identity(3, "local"), proven(ADA)).await;
    assert_eq!(refusal(&several), Refusal::Several);
    assert_eq!(
        audited(&desk.sql).await,
        [
            "customer.merged",
            "customer.parted",
            "duplicates.decided",
            "duplicates.undone",
            "link.moved",
        ]
    );
    let again = undo(&desk.store, decision).await.unwrap_err();
    assert!(matches!(again, UndoError::UndoneBefore(by) if by == "mia"));
    check_invariants(&desk.sql).await;
}

#[tokio::test]
async fn a_wrong_address_finds_nobody_until_it_is_called_right_again() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    add(&desk.store, "C1", ADA).await;
    add(&desk.store, "C2", ADA).await;
    let words = [("C1", Word::AddressWrong), ("C2", Word::None)];
    let (decision, _) = decide(&desk.store, &words).await;
    let wrong = (CustomerState::Active, Some(AddressOrigin::Wrong));
    assert_eq!(state(&desk.store, "C1").await, wrong);
    let linked = desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    assert_eq!(number(&linked), ("C2", Fresh::New));
    undo(&desk.store, decision).await.unwrap();
    let right = (CustomerState::Active, Some(AddressOrigin::Imported));
    assert_eq!(state(&desk.store, "C1").await, right);
    let actions = audited(&desk.sql).await;
    assert!(actions.contains(&"customer.address_rejected".to_owned()));
    assert!(actions.contains(&"customer.address_restored".to_owned()));
}

/// Where everybody's address was wrong, the next one who proves it is new, and
/// what is new then stands in the way of the old.
#[tokio::test]
async fn an_undoing_never_puts_a_second_sign_up_beside_the_first() {
    let desk = desk().await;
    let shop = site(CustomerType::B2c);
    let first = desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
    assert_eq!(number(&first), ("C000001", Fresh::New));
    add(&desk.store, "C1", ADA).await;
    let words = [("C1", Word::AddressWrong), ("C000001", Word::AddressWrong)];
    let (decision, _) = decide(&desk.store, &words).await;
    let new = desk.record(&shop, &identity(2, "local"), proven(ADA)).await;
    assert_eq!(number(&new), ("C000002", Fresh::New));
    let stands = undo(&desk.store, decision).await.unwrap_err();
    assert!(matches!(stands, UndoError::AddressTaken), "{stands:?}");
    let wrong = Some(AddressOrigin::Wrong);
    assert_eq!(state(&desk.store, "C1").await.1, wrong);
    assert_eq!(state(&desk.store, "C000001").await.1, wrong);
}

#[tokio::test]
async fn a_group_that_has_changed_since_is_left_as_it_is() {
    let changes = [
        (
            "another customer",
            "INSERT INTO customer (legal_entity, customer_id, customer_number,
              kind, is_b2b, email_original, email_canonical, email_version, email_origin, state,
              origin, created_at, changed_at)
          SELECT legal_entity, gen_random_uuid(), 'C3', kind, is_b2b, email_original,
              email_canonical, email_version, email_origin, state, origin, created_at, changed_at
            FROM customer WHERE customer_number = 'C1'",
        ),
        (
            "one fewer",
            "UPDATE customer SET state = 'blocked' WHERE customer_number = 'C2'",
        ),
        (
            "a change",
            "UPDATE customer SET changed_at = changed_at + interval '1 us'
           WHERE customer_number = 'C2'",
        ),
        (
            "a link fewer",
            "UPDATE identity_link SET revoked_at = now(), revoked_by = 'x'",
        ),
    ];
    for (what, change) in changes {
        let desk = desk().await;
        add(&desk.store, "C1", ADA).await;
        let shop = site(CustomerType::B2c);
        desk.record(&shop, &identity(1, "local"), proven(ADA)).await;
        add(&desk.store, "C2", ADA).await;
        let words = [("C1", Word::Keep), ("C2", into("C1"))];
        let plan = plan(&desk.store, &words).await;
        desk.sql.batch_execute(change).await.unwrap();
        let (_, decided) = decide_by(&desk.store, &plan, &SiteRules::new()).await;
        assert_eq!(decided, Decided::Refused(GroupRefusal::Changed), "{what}");
        assert_ne!(state(&desk.store, "C2").await.0, CustomerState::Merged);
        assert_eq!(
            desk.count("SELECT count(*) FROM duplicate_decision").await,
            0
        );
    }
}

/// C1 and C2, each with an identity of `providers`; both sign in at `shop`.
async fn two_linked(desk: &Desk, providers: [&str; 2]) {
    let shop = site(CustomerType::B2c);
    for (n, (of, provider)) in [("C1", providers[0]), ("C2", providers[1])]
        .into_iter()
        .enumerate()
    {
        let own: &'static str = ["one@example.org", "two@example.org"][n];
        add(&desk.store, of, own).await;
        let who = identity(n as u128 + 1, provider);
        let linked = desk.record(&shop, &who, proven(own)).await;
        assert_eq!(number(&linked), (of, Fresh::New));
    }
    desk.sql
        .batch_execute(
            "UPDATE customer SET email_original = 'ada@example.org',
                    email_canonical = 'ada@example.org'",
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn identities_that_a_site_keeps_apart_are_not_brought_together() {
    let shop = |rule| SiteRules::from([("shop".to_owned(), rule)]);
    let cases = [
        (["local", "local"], shop(SecondIdentity::Refuse), false),
        (["local", "local"], shop(SecondIdentity::Replace), false),
        (["local", "local"], shop(SecondIdentity::Add), true),
        // Of a site that is no longer in the settings.
        (["local", "local"], SiteRules::new(), false),
        (["local", "google.com"], shop(SecondIdentity::Refuse), true),
    ];
    for (providers, rules, applies) in cases {
        let desk = desk().await;
        two_linked(&desk, providers).await;
        let words = [("C1", Word::Keep), ("C2", into("C1"))];
        let plan = plan(&desk.store, &words).await;
        let (decision, decided) = decide_by(&desk.store, &plan, &rules).await;
        match applies {
            true => {
                assert!(matches!(decided, Decided::Applied(_)), "{rules:?}");
                undo(&desk.store, decision).await.unwrap();
                let links = "SELECT count(*) FROM identity_link JOIN customer
                              USING (customer_id) WHERE customer_number = 'C2'";
                assert_eq!(desk.count(links).await, 1);
            }
            false => {
                let expected = GroupRefusal::SecondIdentity {
                    survivor: CustomerNumber::parse("C1").unwrap(),
                    provider: "local".to_owned(),
                    site: "shop".to_owned(),
                };
                assert_eq!(decided, Decided::Refused(expected), "{rules:?}");
                assert_eq!(state(&desk.store, "C2").await.0, CustomerState::Active);
            }
        }
    }
}

/// However a merge came about, and however many: who was merged is there.
#[tokio::test]
async fn a_survivor_is_occupied_by_the_identities_of_those_merged_into_it() {
    let desk = desk().await;
    let mut trade = site(CustomerType::B2b);
    for (of, address) in [
        ("B1", "one@example.org"),
        ("B2", "two@example.org"),
        ("B3", ADA),
    ] {
        OnFile::person(of, address, CustomerType::B2b)
            .add(&desk.store)
            .await;
    }
    let old = identity(1, "local");
    desk.record(&trade, &old, proven("one@example.org")).await;
    desk.sql
        .batch_execute(
            "UPDATE customer SET state = 'merged', merged_into =
                    (SELECT customer_id FROM customer WHERE customer_number = 'B2')
              WHERE customer_number = 'B1';
             UPDATE customer SET state = 'merged', merged_into =
                    (SELECT customer_id FROM customer WHERE customer_number = 'B3')
              WHERE customer_number = 'B2'",
        )
        .await
        .unwrap();
    let standing = desk.record(&trade, &old, proven(ADA)).await;
    assert_eq!(number(&standing), ("B3", Fresh::Standing));
    let second = identity(2, "local");
    let refused = desk.record(&trade, &second, proven(ADA)).await;
    assert_eq!(refusal(&refused), Refusal::AlreadyLinked);
    let other = desk
        .record(&trade, &identity(3, "google.com"), proven(ADA))
        .await;
    assert_eq!(number(&other), ("B3", Fresh::New));
    trade.rules.second_identity = SecondIdentity::Replace;
    let replaced = desk.record(&trade, &second, proven(ADA)).await;
    assert_eq!(number(&replaced), ("B3", Fresh::New));
    let active =
        "SELECT count(*) FROM identity_link WHERE revoked_at IS NULL AND provider = 'local'";
    assert_eq!(desk.count(active).await, 1);
}

#[tokio::test]
async fn a_decision_stands_when_what_it_made_has_changed_since() {
    let changes = [
        (
            "UPDATE customer SET state = 'blocked' WHERE customer_number = 'C1'",
            "customer C1 is no longer active since, so the decision stands",
        ),
        (
            "UPDATE customer SET state = 'erased', merged_into = NULL WHERE customer_number = 'C2'",
            "customer C2 is no longer merged as it was since, so the decision stands",
        ),
        (
            "UPDATE customer SET email_canonical = 'new@example.org' WHERE customer_number = 'C2'",
            "customer C2 has got another address since, so the decision stands",
        ),
        (
            "UPDATE customer SET email_origin = 'imported', email_canonical = 'new@example.org'
              WHERE customer_number = 'C3'",
            "customer C3 has got another address since, so the decision stands",
        ),
        (
            "UPDATE identity_link SET revoked_at = now(), revoked_by = 'x'",
            "has ended or was moved since, so the decision stands",
        ),
    ];
    for (change, expected) in changes {
        let desk = desk().await;
        two_linked(&desk, ["local", "google.com"]).await;
        add(&desk.store, "C3", ADA).await;
        let words = [
            ("C1", Word::Keep),
            ("C2", into("C1")),
            ("C3", Word::AddressWrong),
        ];
        let (decision, _) = decide(&desk.store, &words).await;
        desk.sql.batch_execute(change).await.unwrap();
        let before = audited(&desk.sql).await;
        let stands = undo(&desk.store, decision).await.unwrap_err().to_string();
        assert!(stands.ends_with(expected), "{stands}");
        assert_eq!(audited(&desk.sql).await, before, "nothing half undone");
        let undone = "SELECT count(*) FROM duplicate_decision WHERE undone_at IS NOT NULL";
        assert_eq!(desk.count(undone).await, 0);
    }
    let desk = desk().await;
    let unknown = undo(&desk.store, Uuid::now_v7()).await.unwrap_err();
    assert!(matches!(unknown, UndoError::NoSuchDecision(_)));
}

#[tokio::test]
async fn a_decision_that_is_carried_out_again_is_one() {
    let desk = desk().await;
    two_linked(&desk, ["local", "google.com"]).await;
    let words = [("C1", Word::Keep), ("C2", into("C1"))];
    let plan = plan(&desk.store, &words).await;
    let (usmf, decision) = (usmf(), Uuid::now_v7());
    let staff = at(&desk.store, &usmf);
    let now = OffsetDateTime::now_utc();
    let mut told = Vec::new();
    for _ in 0..2 {
        let (address, rules) = (email(ADA), SiteRules::new());
        let decided = staff.decide(decision, &address, &plan, &rules, now);
        told.push(decided.await.unwrap());
    }
    assert_eq!(told[0], told[1]);
    let merges = "SELECT count(*) FROM audit WHERE action = 'customer.merged'";
    assert_eq!(desk.count(merges).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_decide_at_once_one_is_told_that_things_have_changed() {
    let desk = Arc::new(desk().await);
    for round in 0..30 {
        desk.sql
            .batch_execute("TRUNCATE customer, identity_link, duplicate_decision CASCADE")
            .await
            .unwrap();
        add(&desk.store, "C1", ADA).await;
        add(&desk.store, "C2", ADA).await;
        let both = [
            [("C1", Word::Keep), ("C2", into("C1"))],
            [("C1", into("C2")), ("C2", Word::Keep)],
        ];
        let mut plans = Vec::new();
        for words in both {
            plans.push(plan(&desk.store, &words).await);
        }
        let mut under_way = Vec::new();
        for plan in plans {
            let desk = Arc::clone(&desk);
            under_way.push(tokio::spawn(async move {
                decide_by(&desk.store, &plan, &SiteRules::new()).await.1
            }));
        }
        let mut applied = 0;
        for one in under_way {
            match one.await.unwrap() {
                Decided::Applied(_) => applied += 1,
                Decided::Refused(refusal) => assert_eq!(refusal, GroupRefusal::Changed),
            }
        }
        assert_eq!(applied, 1, "round {round}");
        let active = "SELECT count(*) FROM customer WHERE state = 'active'";
        assert_eq!(desk.count(active).await, 1, "round {round}");
    }
}

/// People sign up and in while staff decides: nobody is ever linked to a
/// customer that is merged away, nobody is created, and nobody is told that
/// the service is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_up_meets_the_group_before_or_after_a_decision() {
    let desk = Arc::new(desk().await);
    let shop: Arc<Site> = Arc::new(site(CustomerType::B2c));
    let linking = Linking::new(desk.store.clone(), Tracked::new(Handle::current()));
    for round in 0..40_u128 {
        desk.sql
            .batch_execute("TRUNCATE customer, identity_link, duplicate_decision CASCADE")
            .await
            .unwrap();
        add(&desk.store, "C1", ADA).await;
        add(&desk.store, "C2", ADA).await;
        let words = [("C1", Word::Keep), ("C2", into("C1"))];
        let plan = plan(&desk.store, &words).await;
        let sign_ups: Vec<_> = (0..3_u128)
            .map(|n| {
                let (linking, shop) = (linking.clone(), shop.clone());
                let who: Identity =
                    identity(round * 10 + n, ["local", "google.com", "x.com"][n as usize]);
                tokio::spawn(async move { record(&linking, &shop, &who, proven(ADA)).await })
            })
            .collect();
        let (_, decided) = decide_by(&desk.store, &plan, &SiteRules::new()).await;
        assert!(matches!(decided, Decided::Applied(_)), "{decided:?}");
        for sign_up in sign_ups {
            match sign_up.await.unwrap() {
                Outcome::Linked { number, .. } => assert_eq!(number.as_str(), "C1"),
                other => assert_eq!(refusal(&other), Refusal::Several, "round {round}"),
            }
        }
        let astray = "SELECT count(*) FROM identity_link JOIN customer USING (customer_id)
                       WHERE state <> 'active'";
        assert_eq!(desk.count(astray).await, 0, "round {round}");
        assert_eq!(desk.count("SELECT count(*) FROM customer").await, 2);
    }
}

/// The program, with one B2C site that lets identities be added.
pub(crate) struct Staff {
    folder: Folder,
    pub(crate) database: Database,
    pub(crate) store: Store,
    pub(crate) sql: Client,
}

const SETTINGS: &str = r#"
[legal_entities.USMF]
[legal_entities.DEMF]
[tenants.contoso]
issuer = "https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/"
metadata_url = "https://contoso.b2clogin.com/contoso.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration"
policies = ["B2C_1_signupsignin"]
credentials = [{ username = "b2c", password = "canary-password" }]
[sites.shop]
customer_type = "b2c"
legal_entity = "USMF"
tenant = "contoso"
client_ids = ["5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908"]
"#;

impl Staff {
    pub(crate) async fn new() -> Self {
        let (folder, database) = (Folder::new(), database().await);
        folder.write("idlink.toml", SETTINGS);
        Self {
            store: store(database.config()).await,
            sql: connect(&database.config()).await,
            folder,
            database,
        }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_idlink"))
            .current_dir(&self.folder.0)
            .args(["--config", "idlink.toml"])
            .args(arguments)
            .args(["--legal-entity", "USMF", "--by", "mia"])
            .env(
                "IDLINK__DATABASE__URL",
                connection_string(&self.database.config()),
            )
            .output()
            .await
            .unwrap()
    }

    pub(crate) async fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{problem}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it printed, and what it ended with.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments).await;
        assert_eq!(output.status.code(), Some(1));
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn rows(&self, file: &str) -> Vec<Vec<String>> {
        let path = self.folder.0.join(file);
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_path(path)
            .unwrap();
        csv.records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    /// As a spreadsheet writes it after people have typed decisions.
    fn save(&self, file: &str, header: &[String], rows: &[Vec<String>]) {
        let mut csv = csv::Writer::from_path(self.folder.0.join(file)).unwrap();
        csv.write_record(header).unwrap();
        for row in rows {
            csv.write_record(row).unwrap();
        }
        csv.flush().unwrap();
    }
}

/// Sets the last cell of the rows with these numbers.
fn decided(rows: &[Vec<String>], words: &[(&str, &str)]) -> Vec<Vec<String>> {
    let words: BTreeMap<_, _> = words.iter().copied().collect();
    rows.iter()
        .map(|row| {
            let mut row = row.clone();
            if let Some(word) = words.get(row[3].as_str()) {
                *row.last_mut().unwrap() = (*word).to_owned();
            }
            row
        })
        .collect()
}

#[tokio::test]
async fn a_file_goes_out_is_decided_in_a_spreadsheet_and_comes_back() {
    let staff = Staff::new().await;
    for (of, address) in [
        ("C1", ADA),
        ("C2", ADA),
        ("=C3", ADA),
        ("C4", "both@example.org"),
        ("C5", "both@example.org"),
        ("C6", "alone@example.org"),
    ] {
        add(&staff.store, of, address).await;
    }
    staff
        .sql
        .batch_execute(
            "UPDATE customer SET changed_at = '2026-03-01 12:00:00Z';
             UPDATE customer SET name = '=HYPERLINK(\"http://x.example\")'
              WHERE customer_number = 'C1';
             UPDATE customer SET name = E'Ada\\x1b[2J\\nLovelace' WHERE customer_number = 'C2'",
        )
        .await
        .unwrap();
    staff
        .folder
        .write("orders.csv", "number,orders,last_order\nC1,12,2026-02-03\n");

    let listed = staff
        .said(&["duplicates", "list", "--orders", "orders.csv"])
        .await;
    assert_eq!(
        listed,
        "ada@example.org\n  \
         =C3          Somebody  B2C from import, address imported, changed 2026-03-01 12:00:00Z, links 0\n  \
         C1           =HYPERLINK(\"http://x.example\")  B2C from import, address imported, changed 2026-03-01 12:00:00Z, links 0, orders 12, the last 2026-02-03\n  \
         C2           Ada\u{FFFD}[2J\u{FFFD}Lovelace  B2C from import, address imported, changed 2026-03-01 12:00:00Z, links 0\n\
         both@example.org\n  \
         C4           Somebody  B2C from import, address imported, changed 2026-03-01 12:00:00Z, links 0\n  \
         C5           Somebody  B2C from import, address imported, changed 2026-03-01 12:00:00Z, links 0\n\
         2 groups, 5 customers\n"
    );
    let one = staff.said(&["duplicates", "list", "--limit", "1"]).await;
    assert!(
        one.ends_with("\n1 groups, 3 customers; there may be more (--limit)\n"),
        "{one}"
    );

    let export = [
        "duplicates",
        "export",
        "out.csv",
        "--orders",
        "orders.csv",
        "--bom",
    ];
    let written = staff.said(&export).await;
    assert_eq!(written, "2 groups, 5 customers written to out.csv\n");
    let path = staff.folder.0.join("out.csv");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"\xEF\xBB\xBF\"group\",\"legal_entity\",\"email\","));
    let (_, problem) = staff.refused(&export).await;
    assert_eq!(
        problem,
        "idlink: out.csv: is there already: name another file\n"
    );

    let rows = staff.rows("out.csv");
    let (header, rows) = (rows[0].clone(), rows[1..].to_vec());
    let group = rows[0][0].clone();
    assert_eq!(
        rows[1],
        [
            &group,
            "USMF",
            "ada@example.org",
            "C1",
            "'=HYPERLINK(\"http://x.example\")",
            "B2C",
            "active",
            "import",
            "imported",
            "2026-03-01T12:00:00Z",
            "0",
            "",
            "12",
            "2026-02-03",
            "",
        ]
    );
    assert_eq!(rows[0][3], "'=C3");

    staff.save("in.csv", &header, &rows);
    let nothing = staff.said(&["duplicates", "apply", "in.csv"]).await;
    assert_eq!(nothing, "nothing is decided in in.csv\n");

    let rows = decided(
        &rows,
        &[
            ("'=C3", "Merge into C1"),
            ("C1", "keep"),
            ("C2", "address wrong"),
            ("C5", "merge into C4"),
        ],
    );
    staff.save("in.csv", &header, &rows);
    // Meanwhile, the second group has changed.
    staff
        .sql
        .batch_execute(
            "UPDATE customer SET name = 'Eve', changed_at = now() WHERE customer_number = 'C4'",
        )
        .await
        .unwrap();
    let asked = staff
        .said(&["duplicates", "apply", "in.csv", "--dry-run"])
        .await;
    assert!(
        asked.starts_with(&format!(
            "line 2, group {group}: would merge 1, call 1 addresses wrong, keep 1\n"
        )),
        "{asked}"
    );
    assert_eq!(
        state(&staff.store, "C2").await.1,
        Some(AddressOrigin::Imported)
    );

    let (done, problem) = staff.refused(&["duplicates", "apply", "in.csv"]).await;
    let done: Vec<&str> = done.lines().collect();
    let applied = format!(
        "line 2, group {group}: merged 1, addresses wrong 1, kept 1, links moved 0; decision "
    );
    let decision = done[0].strip_prefix(&applied).unwrap();
    assert!(
        done[1].contains(": not applied: has changed since it was exported"),
        "{done:?}"
    );
    assert_eq!(problem, "idlink: 1 of 2 groups were not applied\n");
    assert_eq!(state(&staff.store, "=C3").await.0, CustomerState::Merged);
    assert_eq!(
        state(&staff.store, "C2").await.1,
        Some(AddressOrigin::Wrong)
    );
    assert_eq!(state(&staff.store, "C5").await.0, CustomerState::Active);

    // The same file again changes nothing.
    staff.refused(&["duplicates", "apply", "in.csv"]).await;
    let undone = staff.said(&["duplicates", "undo", decision]).await;
    assert_eq!(undone, format!("decision {decision} is undone\n"));
    assert_eq!(state(&staff.store, "=C3").await.0, CustomerState::Active);
    let (_, problem) = staff.refused(&["duplicates", "undo", decision]).await;
    assert_eq!(problem, "idlink: the decision was undone already, by mia\n");
}

#[tokio::test]
async fn a_file_with_one_wrong_line_changes_nothing() {
    let staff = Staff::new().await;
    add(&staff.store, "C1", ADA).await;
    add(&staff.store, "C2", ADA).await;
    OnFile::person("B1", ADA, CustomerType::B2b)
        .add(&staff.store)
        .await;
    staff.said(&["duplicates", "export", "out.csv"]).await;
    let rows = staff.rows("out.csv");
    let (header, rows) = (rows[0].clone(), rows[1..].to_vec());
    let cases: [(&[(&str, &str)], &str); 4] = [
        (
            &[("C2", "merge into C1"), ("C1", "kept")],
            "in.csv: line 3, column decision: must be empty, `keep`, `merge into NUMBER` or \
             `address wrong`\n",
        ),
        (
            &[("C2", "merge into C1"), ("C1", "merge into C2")],
            "in.csv: line 3, column decision: leads back here by way of C2, line 4\n\
             in.csv: line 4, column decision: leads back here by way of C1, line 3\n",
        ),
        (
            &[("C2", "merge into C1"), ("B1", "merge into C1")],
            "in.csv: line 2, column decision: B1 and C1 are not of the same type: a B2B site \
             would find the customer of a B2C site\n",
        ),
        (
            &[("C2", "merge into C1"), ("B1", "merge into 0C1")],
            "in.csv: line 2, column decision: 0C1 is not a customer of this group\n",
        ),
    ];
    for (words, expected) in cases {
        staff.save("in.csv", &header, &decided(&rows, words));
        let (printed, problem) = staff.refused(&["duplicates", "apply", "in.csv"]).await;
        assert_eq!(printed, expected);
        assert!(
            problem.ends_with("in in.csv: nothing was applied\n"),
            "{problem}"
        );
    }
    let mut unknown = decided(&rows, &[("C2", "merge into C1")]);
    unknown[0][3] = "77".to_owned();
    staff.save("in.csv", &header, &unknown);
    let (printed, _) = staff.refused(&["duplicates", "apply", "in.csv"]).await;
    assert_eq!(
        printed,
        "in.csv: line 2, column number: there is no customer 77; has a spreadsheet taken zeros \
         off its beginning?\n"
    );
    assert_eq!(state(&staff.store, "C2").await.0, CustomerState::Active);
    let decisions = "SELECT count(*) FROM duplicate_decision";
    let count: i64 = staff.sql.query_one(decisions, &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_rows_group_is_the_one_that_it_was_exported_with() {
    let staff = Staff::new().await;
    for (of, address) in [
        ("C1", ADA),
        ("C2", ADA),
        ("C3", "x@example.org"),
        ("C4", "x@example.org"),
    ] {
        add(&staff.store, of, address).await;
    }
    staff.said(&["duplicates", "export", "out.csv"]).await;
    let rows = staff.rows("out.csv");
    let mut moved = decided(&rows[1..], &[("C3", "merge into C1")]);
    // As if it had been sorted in one column alone.
    moved[2][0] = moved[0][0].clone();
    staff.save("in.csv", &rows[0], &moved);
    let (printed, _) = staff.refused(&["duplicates", "apply", "in.csv"]).await;
    assert!(
        printed.contains("not applied: has changed since"),
        "{printed}"
    );
    assert_eq!(state(&staff.store, "C3").await.0, CustomerState::Active);
}
