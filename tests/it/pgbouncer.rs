//! The service behind PgBouncer, which gives each transaction another session
//! of the database.

use std::collections::BTreeSet;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use idlink::domain::customer::CustomerType;
use idlink::linking::{Fresh, Linking, Outcome};
use idlink::store::{Statements, Store, StoreError};
use idlink::tracked::Tracked;
use serde_json::json;
use time::OffsetDateTime;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config};
use uuid::Uuid;

use crate::linking::{check_invariants, number, record};
use crate::support::business::{
    OnFile, email, furnished, identity, proven, site, store_with, usmf,
};
use crate::support::pooler::{Pooler, SERVERS};
use crate::support::postgres::{Database, connect, database};
use crate::support::program::{Folder, connection_string};
use crate::support::service::{SHOP, Service, TRADE};
use crate::user_flow::{assert_block, assert_continue, local, token};

struct Desk {
    store: Store,
    /// Looks at the tables past the pooler.
    sql: Client,
    pooler: Pooler,
    _database: Database,
}

async fn desk() -> Desk {
    let database = database().await;
    let pooler = Pooler::before(&database.config(), "").await;
    let store = furnished(store_with(pooler.config(), Statements::Unnamed)).await;
    Desk {
        store,
        sql: connect(&database.config()).await,
        pooler,
        _database: database,
    }
}

impl Desk {
    async fn count(&self, sql: &str) -> i64 {
        self.sql.query_one(sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ups_at_once_are_answered_and_recorded() {
    let desk = desk().await;
    for (number, address) in [("B1", "one@example.org"), ("B2", "two@example.org")] {
        OnFile::person(number, address, CustomerType::B2b)
            .add(&desk.store)
            .await;
    }
    let service = Arc::new(Service::on(desk.store.clone(), |_| {}).await);
    let visits = (0..40).map(|n| {
        let service = service.clone();
        tokio::spawn(async move {
            match n % 4 {
                0 => {
                    let reply = service.ask(&local(TRADE, "nobody@example.org")).await;
                    assert_block(&reply, "customer_not_found", "nobody's");
                    None
                }
                1 => {
                    let reply = service.ask(&local(TRADE, "one@example.org")).await;
                    assert_continue(&reply, json!({"extension_CustomerId": "B1"}), "asked");
                    None
                }
                _ => {
                    // Two people each, who have one address.
                    let address = format!("p{}@example.org", n / 4 * 4);
                    let mut body = token(SHOP, &address);
                    body["objectId"] = json!(Uuid::from_u128(0x1000 + n / 4));
                    let reply = service.ask(&body).await.json();
                    assert_eq!(reply["extension_CustomerLink"], "linked", "{reply}");
                    Some(reply["extension_CustomerId"].as_str()?.to_owned())
                }
            }
        })
    });
    let told: Vec<_> = join_all(visits)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let numbers: BTreeSet<_> = told.iter().flatten().collect();
    assert_eq!(numbers.len(), 10, "{told:?}");
    assert_eq!(desk.count("SELECT count(*) FROM identity_link").await, 10);
    check_invariants(&desk.sql).await;
    let servers = "
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(desk.count(servers).await <= SERVERS);
}

/// What holds where is read inside the statements themselves. The database's
/// own defaults are all different.
#[tokio::test]
async fn the_limits_hold_in_every_statement_within_a_transaction_and_alone() {
    let database = database().await;
    let sql = connect(&database.config()).await;
    sql.batch_execute(SEEN).await.unwrap();
    let pooler = Pooler::before(&database.config(), "").await;
    let store = furnished(store_with(pooler.config(), Statements::Unnamed)).await;
    let linking = Linking::new(store.clone(), Tracked::new(Handle::current()));
    let service = Service::on(store.clone(), |_| {}).await;
    let shop = site(CustomerType::B2c);
    let ada = identity(1, "local");
    service.ask(&local(TRADE, "nobody@example.org")).await;
    for fresh in [Fresh::New, Fresh::Standing] {
        let outcome = record(&linking, &shop, &ada, proven("ada@example.org")).await;
        assert_eq!(number(&outcome), ("C000001", fresh));
    }
    let now = OffsetDateTime::now_utc();
    store
        .claim_earlier(&shop, "step", Uuid::from_u128(1), (now, now), &ada)
        .await
        .unwrap();
    let seen = sql
        .query(
            "SELECT DISTINCT what, settings FROM seen ORDER BY what",
            &[],
        )
        .await
        .unwrap();
    let seen: Vec<(&str, &str)> = seen.iter().map(|row| (row.get(0), row.get(1))).collect();
    let limits = "on 800ms 1500ms 3s UTC";
    // First attempts are written without patience.
    let hurried = "on 50ms 1500ms 3s UTC";
    assert_eq!(
        seen,
        [
            ("INSERT customer", limits),
            ("INSERT email_slot", limits),
            ("INSERT identity_link", limits),
            ("INSERT sign_up_attempt", hurried),
            ("UPDATE email_slot", limits),
            ("UPDATE identity_link", limits),
            ("UPDATE sign_up_attempt", limits),
        ]
    );
}

const SEEN: &str = "
    CREATE TABLE seen (what text, settings text);
    CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO seen
        SELECT TG_OP || ' ' || TG_TABLE_NAME,
               concat_ws(' ', current_setting('synchronous_commit'),
                         current_setting('lock_timeout'), current_setting('statement_timeout'),
                         current_setting('idle_in_transaction_session_timeout'),
                         current_setting('timezone'));
        RETURN NULL;
    END
    $$;
    DO $$
    DECLARE
        name text;
    BEGIN
        FOREACH name IN ARRAY '{customer,email_slot,identity_link,sign_up_attempt}'::text[] LOOP
            EXECUTE format('CREATE TRIGGER see AFTER INSERT OR UPDATE ON %I
                            FOR EACH STATEMENT EXECUTE FUNCTION see()', name);
        END LOOP;
        FOREACH name IN ARRAY '{synchronous_commit=off,lock_timeout=60000,
                                statement_timeout=60000,
                                idle_in_transaction_session_timeout=60000,timezone=Japan}'::text[]
        LOOP
            EXECUTE format('ALTER DATABASE %I SET %s', current_database(), name);
        END LOOP;
    END
    $$";

#[tokio::test]
async fn nobody_waits_for_a_lock_longer_than_the_limit() {
    let desk = desk().await;
    desk.sql
        .batch_execute("BEGIN; LOCK TABLE identity_link, sign_up_attempt, email_slot")
        .await
        .unwrap();
    let (usmf, shop, ada) = (usmf(), site(CustomerType::B2c), identity(1, "local"));
    let now = OffsetDateTime::now_utc();
    let (asked, correlation) = ((now, now), Uuid::from_u128(1));
    let slot = async {
        let tx = desk.store.begin().await?;
        let held = tx.hold_slot(&usmf, &email("ada@example.org"), now).await;
        tx.roll_back().await?;
        held
    };
    let waited = async {
        let refused = [
            desk.store.standing(&usmf, &ada).await.err(),
            desk.store
                .earlier(&shop, "step", correlation, now)
                .await
                .err(),
            desk.store
                .claim_earlier(&shop, "step", correlation, asked, &ada)
                .await
                .err(),
            slot.await.err(),
        ];
        for error in refused {
            assert!(
                matches!(&error, Some(StoreError::Refused { code, .. }) if code == "55P03"),
                "{error:?}"
            );
        }
    };
    timeout(Duration::from_secs(10), waited).await.unwrap();
    desk.sql.batch_execute("ROLLBACK").await.unwrap();
    assert!(desk.store.standing(&usmf, &ada).await.is_ok());
}

/// So that the other tests prove something: statements with names do not come
/// through, and whoever reads the error is told what to set.
#[tokio::test]
async fn named_statements_fail_there_and_say_what_to_set() {
    let database = database().await;
    let strict = Pooler::before(&database.config(), "").await;
    let refused = store_with(strict.config(), Statements::Prepared)
        .ping()
        .await;
    assert_advice(refused.unwrap_err(), "08P01");
    let lenient = "ignore_startup_parameters = options";
    let lenient = Pooler::before(&database.config(), lenient).await;
    let store = store_with(lenient.config(), Statements::Prepared);
    let usmf = usmf();
    let error = timeout(Duration::from_secs(20), async {
        loop {
            let n = 0..8_u128;
            let asked = n.map(|n| {
                let (store, usmf, who) = (store.clone(), usmf.clone(), identity(n, "local"));
                async move { store.standing(&usmf, &who).await }
            });
            if let Some(error) = join_all(asked).await.into_iter().find_map(Result::err) {
                return error;
            }
        }
    });
    assert_advice(error.await.unwrap(), "26000");
}

fn assert_advice(error: StoreError, code: &str) {
    let text = error.to_string();
    assert!(text.contains(code), "{text}");
    assert!(
        text.contains("`database.statements = \"unnamed\"`"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_die_in_the_middle_take_nothing_along_that_was_acknowledged() {
    let desk = desk().await;
    let linking = Linking::new(desk.store.clone(), Tracked::new(Handle::current()));
    let shop = Arc::new(site(CustomerType::B2c));
    let people = (0..60).map(|n| {
        let (linking, shop) = (linking.clone(), shop.clone());
        tokio::spawn(async move {
            let address = proven(&format!("p{n}@example.org"));
            record(&linking, &shop, &identity(n, "local"), address).await
        })
    });
    let people: Vec<_> = people.collect();
    let kill = "
        SELECT count(pg_terminate_backend(pid))
          FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut killed = 0;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(15)).await;
        killed += desk.count(kill).await;
    }
    assert!(killed > 0);
    let mut told = BTreeSet::new();
    for (n, outcome) in join_all(people).await.into_iter().enumerate() {
        match outcome.unwrap() {
            Outcome::Linked { number, .. } => assert!(told.insert(number), "{n}"),
            Outcome::Unavailable(_) => {}
            other => panic!("{n}: {other:?}"),
        }
    }
    for n in 0..60 {
        let address = proven(&format!("p{n}@example.org"));
        let outcome = record(&linking, &shop, &identity(n, "local"), address).await;
        assert!(
            matches!(outcome, Outcome::Linked { .. }),
            "{n}: {outcome:?}"
        );
    }
    check_invariants(&desk.sql).await;
    for number in told {
        let kept = desk.store.customer(&usmf(), &number).await.unwrap();
        assert!(kept.is_some(), "{number} was acknowledged");
    }
    drop(desk.pooler);
}

async fn idlink(config: &Config, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(arguments)
        .env("IDLINK__DATABASE__URL", connection_string(config))
        .env("IDLINK__DATABASE__STATEMENTS", "unnamed")
        .env_remove("IDLINK_CONFIG")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    timeout(Duration::from_secs(30), output)
        .await
        .unwrap()
        .unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

#[tokio::test]
async fn staff_works_through_it_and_an_import_says_where_to_run() {
    let desk = desk().await;
    let through = desk.pooler.config();
    let add = ["customer", "add", "--legal-entity", "USMF", "--type", "b2b"];
    let ada = ["--email", "ada@example.org", "--name", "Ada"];
    said(&idlink(&through, &[&add[..], &ada].concat()).await);
    let show = ["customer", "show", "--legal-entity", "USMF", "C000001"];
    let shown = said(&idlink(&through, &show).await);
    assert!(shown.contains("ada@example.org"), "{shown}");
    said(&idlink(&through, &["feature", "status"]).await);
    said(&idlink(&through, &["duplicates", "list", "--legal-entity", "USMF"]).await);
    let folder = Folder::new();
    let file = folder.write(
        "customers.csv",
        "customer_number,kind,type,email\n1,person,b2c,\n",
    );
    let import = ["import", "customers", "--legal-entity", "USMF"];
    let import = [&import[..], &[file.to_str().unwrap()]].concat();
    let refused = idlink(&through, &import).await;
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        told.contains("IDLINK__DATABASE__STATEMENTS=prepared"),
        "{told}"
    );
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 1);
}

#[tokio::test]
async fn a_database_is_brought_up_to_date_through_it_by_two_at_once() {
    let database = database().await;
    let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    let sql = connect(&database.config()).await;
    sql.batch_execute(empty).await.unwrap();
    let pooler = Pooler::before(&database.config(), "").await;
    let through = pooler.config();
    let (one, two) = tokio::join!(
        idlink(&through, &["migrate"]),
        idlink(&through, &["migrate"])
    );
    let mut told = [said(&one), said(&two)];
    told.sort();
    assert_eq!(
        told,
        [
            "6 of 6 migrations applied\n",
            "the schema is up to date (6 migrations)\n"
        ]
    );
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let left: i64 = sql.query_one(locks, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}
