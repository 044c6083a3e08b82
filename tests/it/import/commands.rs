//! `idlink import` as an operator runs it.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::support::postgres::{Database, database};
use crate::support::program::{Folder, connection_string};

const FILE: &str = "\
customer_number,kind,type,name,email,state,replaced_by
1001,person,b2c,Ada,ada@example.org,active,
1002,person,b2c,Eve,eve@example.org,active,
1003,alien,b2c,Bob,bob@example.org,active,
T9,person,b2c,Ada,ada@example.org,active,1001
1002,person,b2c,Eva,eva@example.org,active,
";

async fn idlink(database: &Database, arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(["import", "customers", "--legal-entity", "USMF"])
        .args(arguments)
        .arg(file)
        .env(
            "IDLINK__DATABASE__URL",
            connection_string(&database.config()),
        )
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

fn printed(output: &Output) -> Vec<&str> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("took "))
        .collect()
}

#[tokio::test]
async fn a_file_that_is_read_is_not_written_over_with_its_rejects() {
    let (database, folder) = (database().await, Folder::new());
    let file = folder.write("rejects.csv", FILE);
    let same = folder.0.join(".").join("rejects.csv");
    let arguments = ["--dry-run", "--rejects", same.to_str().unwrap()];
    let refused = idlink(&database, &arguments, &file).await;
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        told.contains("rejects.csv is read, and the rejected rows would"),
        "{told}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), FILE);
}

#[tokio::test]
async fn rows_of_another_company_are_rejected_whole_and_capitals_make_none() {
    let (database, folder) = (database().await, Folder::new());
    let file = folder.write(
        "customers.csv",
        "legal_entity,customer_number,kind,type,name,email\n\
         FRSI,1001,person,b2c,=Ada,ada@example.org\n\
         usmf,1002,person,b2c,Eve,eve@example.org\n",
    );
    let rejects = folder.0.join("rejects.csv");
    let done = idlink(&database, &["--rejects", rejects.to_str().unwrap()], &file).await;
    assert!(done.status.success());
    assert_eq!(printed(&done)[0], "USMF: 1 rows; 1 added");
    let written = std::fs::read_to_string(&rejects).unwrap();
    let row = "\"FRSI\",\"1001\",\"person\",\"b2c\",\"'=Ada\",\"ada@example.org\",";
    assert!(
        written.lines().nth(1).unwrap().starts_with(row),
        "{written}"
    );
}

#[tokio::test]
async fn an_operator_is_told_what_came_in_and_what_did_not() {
    let (database, folder) = (database().await, Folder::new());
    let file = folder.write("customers.csv", FILE);
    let rejects = folder.0.join("rejects.csv");

    let dry = idlink(&database, &["--dry-run"], &file).await;
    assert!(dry.status.success());
    assert_eq!(
        printed(&dry),
        [
            "USMF: 4 rows; would be 2 added, 1 replaced by others, 1 repeated further down",
            "nothing was changed (dry run)",
            "1 rows rejected",
        ]
    );
    let told = String::from_utf8(dry.stderr).unwrap();
    let line = format!("{}, line 4, column kind: ", file.display());
    assert!(told.contains(&line), "{told}");
    assert!(!told.contains("example.org"), "no address is printed");

    let strict = idlink(&database, &["--max-errors", "0"], &file).await;
    assert_eq!(strict.status.code(), Some(1));
    let told = String::from_utf8(strict.stderr).unwrap();
    assert!(told.contains("more than 0 rows are rejected, so nothing is imported"));

    let to = rejects.to_str().unwrap();
    let real = idlink(&database, &["--full", "--rejects", to], &file).await;
    assert!(real.status.success());
    assert_eq!(
        printed(&real),
        [
            "USMF: 4 rows; 2 added, 1 replaced by others, 1 repeated further down",
            &format!("1 rows rejected, see {to}"),
        ]
    );
    let rejected = std::fs::read_to_string(&rejects).unwrap();
    assert!(rejected.contains("bob@example.org"), "to be corrected");

    let again = idlink(&database, &["--full"], &file).await;
    assert_eq!(
        printed(&again)[0],
        "USMF: 4 rows; 0 added, 3 unchanged, 1 repeated further down"
    );
    let missing = idlink(&database, &[], &folder.0.join("nowhere.csv")).await;
    assert_eq!(missing.status.code(), Some(1));
}
