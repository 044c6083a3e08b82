//! The program, killed in the middle of an import and started again.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio_postgres::Client;

use crate::support::postgres::{Database, connect, database};
use crate::support::program::{Folder, connection_string};

fn start(database: &Database, file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(["import", "customers", "--full", "--allow-shrink", "100"])
        .args(["--legal-entity", "USMF"])
        .arg(file)
        .env(
            "IDLINK__DATABASE__URL",
            connection_string(&database.config()),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn import(database: &Database, file: &Path) {
    let status = start(database, file).wait().await.unwrap();
    assert!(status.success(), "{status}");
}

/// Everything about the customers that is not made up at the import.
async fn content(sql: &Client) -> (i64, String) {
    const SQL: &str = "
        SELECT count(*), md5(string_agg(
                   concat_ws('|', one.customer_number, one.kind, one.is_b2b, one.name,
                             one.email_original, one.email_canonical, one.email_origin, one.state,
                             one.origin, one.imported_state, one.imported_digest,
                             one.source_changed_at, one.state_before_gone, survivor.customer_number),
                   E'\\n' ORDER BY one.customer_number))
          FROM customer AS one
          LEFT JOIN customer AS survivor ON survivor.customer_id = one.merged_into";
    let row = sql.query_one(SQL, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// A file of customers, as of its first or second version: in the second some
/// have changed, some are new, some are gone, and some were replaced.
fn file(folder: &Folder, version: u32, rows: u32) -> std::path::PathBuf {
    let mut text = "customer_number,kind,type,name,email,state,replaced_by\n".to_owned();
    for n in 0..rows {
        let is_gone = n % 50 == 7;
        let (name, replaced_by) = match (version, n % 20) {
            (2, 3) => (format!("Renamed {n}"), String::new()),
            (2, 5) => (format!("Person {n}"), format!("{}", n + 1)),
            _ => (format!("Person {n}"), String::new()),
        };
        if version == 1 && n % 10 == 0 || version == 2 && is_gone {
            continue;
        }
        writeln!(
            text,
            "{n},person,b2c,{name},p{n}@example.org,active,{replaced_by}"
        )
        .unwrap();
    }
    folder.write(&format!("version-{version}-{rows}.csv"), &text)
}

/// Kills the second import at `points` moments of its life, each in a database
/// of its own, and compares what a repetition makes of it with a clean one.
async fn check(before: Option<&Path>, file: &Path, points: u32) {
    let prepared = async || {
        let database = database().await;
        if let Some(before) = before {
            import(&database, before).await;
        }
        database
    };
    let clean = prepared().await;
    let begun = Instant::now();
    import(&clean, file).await;
    let whole = begun.elapsed();
    let expected = content(&connect(&clean.config()).await).await;
    assert!(expected.0 > 1000);

    let mut interrupted = 0;
    for point in 1..=points {
        let database = prepared().await;
        let mut program = start(&database, file);
        tokio::time::sleep(whole * point / (points + 1)).await;
        program.kill().await.unwrap();
        import(&database, file).await;
        let sql = connect(&database.config()).await;
        assert_eq!(content(&sql).await, expected, "killed at point {point}");
        let left: i64 = sql
            .query_one(
                "SELECT count(*) FROM pg_class WHERE relname LIKE '%first%'
                    AND relkind IN ('r', 'i')",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(left, 0, "nothing of a first load is left");
        let state = "SELECT count(*) FROM import WHERE state = 'interrupted'";
        interrupted += sql.query_one(state, &[]).await.unwrap().get::<_, i64>(0);
    }
    assert!(interrupted > 0, "no kill met an import under way");
}

#[tokio::test]
async fn an_import_killed_and_run_again_comes_to_what_a_clean_one_does() {
    let folder = Folder::new();
    let (one, two) = (file(&folder, 1, 4_000), file(&folder, 2, 4_000));
    let check = check(Some(&one), &two, 12);
    tokio::time::timeout(Duration::from_secs(300), check)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_first_load_killed_and_run_again_comes_to_what_a_clean_one_does() {
    let folder = Folder::new();
    let two = file(&folder, 2, 21_000);
    let check = check(None, &two, 8);
    tokio::time::timeout(Duration::from_secs(300), check)
        .await
        .unwrap();
}
