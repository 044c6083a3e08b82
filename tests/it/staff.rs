//! Commands of staff as a person runs them, and the changes behind them.

use std::process::Output;

use idlink::domain::customer::{CustomerKind, CustomerState, CustomerType, LegalEntity};
use idlink::domain::link::LinkId;
use idlink::linking::Linking;
use idlink::staff::{Desk, Effect, NewCustomer, Ruling, StaffError};
use idlink::store::Store;
use idlink::tracked::Tracked;
use time::OffsetDateTime;
use tokio::process::Command;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::linking::{PATIENCE, recording};
use crate::support::business::{email, identity, proven, site, store, usmf};
use crate::support::postgres::{connect, database, new_folder};

fn desk<'a>(store: &'a Store, legal_entity: &'a LegalEntity) -> Desk<'a> {
    Desk {
        store,
        legal_entity,
        actor: "mia",
    }
}

fn pending(address: &str) -> NewCustomer {
    NewCustomer {
        number: None,
        kind: CustomerKind::Person,
        customer_type: CustomerType::B2b,
        name: Some("Ada".to_owned()),
        email: Some(email(address)),
        state: CustomerState::Pending,
    }
}

#[tokio::test]
async fn every_ruling_leaves_its_line_in_the_audit() {
    let database = database().await;
    let store = store(database.config()).await;
    let usmf = usmf();
    let desk = desk(&store, &usmf);
    let now = OffsetDateTime::now_utc();
    let number = desk
        .add_customer(&pending("ada@example.org"), now)
        .await
        .unwrap();
    assert_eq!(
        desk.rule(&number, Ruling::Approve, now).await.unwrap(),
        Effect::Made
    );
    assert_eq!(
        desk.rule(&number, Ruling::Approve, now).await.unwrap(),
        Effect::None
    );
    assert_eq!(
        desk.rule(&number, Ruling::Block, now).await.unwrap(),
        Effect::Made
    );
    let file = store.customer(&usmf, &number).await.unwrap().unwrap();
    assert_eq!(file.state, CustomerState::Blocked);
    let audit = store.audit_of(&usmf, file.id.0).await.unwrap();
    let lines: Vec<_> = audit
        .iter()
        .map(|line| (line.action.as_str(), line.actor.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            ("customer.created", "mia"),
            ("customer.approved", "mia"),
            ("customer.blocked", "mia")
        ]
    );
    let sql = connect(&database.config()).await;
    let versions: Vec<i64> = sql
        .query("SELECT version FROM outbox ORDER BY version", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_by_name() {
    let database = database().await;
    let store = store(database.config()).await;
    let usmf = usmf();
    let desk = desk(&store, &usmf);
    let now = OffsetDateTime::now_utc();
    let first = desk
        .add_customer(&pending("ada@example.org"), now)
        .await
        .unwrap();
    let same_number = NewCustomer {
        number: Some(first.clone()),
        ..pending("bob@example.org")
    };
    let taken = desk.add_customer(&same_number, now).await.unwrap_err();
    assert!(matches!(taken, StaffError::NumberTaken(_)), "{taken:?}");
    let unknown = idlink::domain::customer::CustomerNumber::parse("X").unwrap();
    let missing = desk.rule(&unknown, Ruling::Block, now).await.unwrap_err();
    assert!(matches!(missing, StaffError::NoSuchCustomer(_)));
    let sql = connect(&database.config()).await;
    sql.batch_execute("UPDATE customer SET state = 'erased'")
        .await
        .unwrap();
    let erased = desk.rule(&first, Ruling::Approve, now).await.unwrap_err();
    assert!(matches!(erased, StaffError::Settled { .. }), "{erased:?}");
    let link = LinkId(Uuid::from_u128(1));
    let missing = desk.remove_link(link, now).await.unwrap_err();
    assert!(matches!(missing, StaffError::NoSuchLink(_)));
}

#[tokio::test]
async fn a_removed_link_is_kept_as_evidence_and_the_identity_decided_anew() {
    let database = database().await;
    let store = store(database.config()).await;
    let usmf = usmf();
    let shop = site(CustomerType::B2c);
    let linking = Linking::new(store.clone(), Tracked::new(Handle::current()));
    let ada = identity(1, "local");
    let record = || linking.record(recording(&shop, &ada, proven("ada@example.org")), PATIENCE);
    record().await;
    let links = store.links(&usmf, None).await.unwrap();
    assert_eq!(links.len(), 1);
    desk(&store, &usmf)
        .remove_link(links[0].link_id, OffsetDateTime::now_utc())
        .await
        .unwrap();
    assert!(store.links(&usmf, None).await.unwrap().is_empty());
    record().await;
    let again = store.links(&usmf, None).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].link_id, links[0].link_id);
    assert_eq!(again[0].customer_number, links[0].customer_number);
    let sql = connect(&database.config()).await;
    let kept: i64 = sql
        .query_one(
            "SELECT count(*) FROM identity_link WHERE revoked_by = 'mia'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(kept, 1);
}

/// Runs the program on a data folder of its own.
async fn idlink(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--data-dir")
        .arg(folder)
        .args(arguments)
        .env_remove("IDLINK_CONFIG")
        .output()
        .await
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn the_stories_can_be_told_from_a_terminal_without_a_settings_file() {
    let folder = new_folder("staff");
    let run = |arguments: &'static [&'static str]| {
        let folder = folder.clone();
        async move { idlink(&folder, arguments).await }
    };
    let status = said(&run(&["feature", "status"]).await);
    assert_eq!(
        status,
        "Local Identity Record and Commerce Customer automatic linking: off\n"
    );
    let enabled = said(&run(&["feature", "enable", "--by", "mia"]).await);
    assert!(enabled.contains("automatic linking: on\n"), "{enabled}");
    assert!(enabled.contains("by mia\n"), "{enabled}");

    let nobody = run(&["customer", "show", "C1"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    let problem = String::from_utf8(nobody.stderr).unwrap();
    assert!(problem.contains("--legal-entity"), "{problem}");

    let added = said(
        &run(&[
            "customer",
            "add",
            "--legal-entity",
            "USMF",
            "--type",
            "b2b",
            "--email",
            "Ada@example.org",
            "--name",
            "Ada Lovelace",
            "--pending",
        ])
        .await,
    );
    assert_eq!(added, "customer C000001 added to USMF\n");
    let approved = said(&run(&["customer", "approve", "C000001"]).await);
    assert!(
        approved.starts_with("customer C000001 is active"),
        "{approved}"
    );
    let shown = said(&run(&["customer", "show", "ada@EXAMPLE.org"]).await);
    assert!(
        shown.contains("customer C000001: active, person, B2B\n"),
        "{shown}"
    );
    assert!(shown.contains("customer.approved"), "{shown}");
    let links = said(&run(&["link", "list"]).await);
    assert_eq!(links, "no active link\n");
    let unknown = run(&["attempt", "show", "7K2M-Q9XD"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    let usage = run(&["customer", "approve"]).await;
    assert_eq!(usage.status.code(), Some(2));
}
