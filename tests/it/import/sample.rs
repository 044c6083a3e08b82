//! `idlink sample`, as it stands in a pipe.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::program::Folder;

fn sample(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlink"));
    command.args(["sample", "customers"]).args(arguments);
    command
}

#[tokio::test]
async fn a_reader_who_has_seen_enough_is_no_failure() {
    let mut child = sample(&["--count", "100000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[tokio::test]
async fn customers_are_made_for_the_legal_entities_that_are_named() {
    let made = sample(&["--count", "200", "--legal-entity", "FRRT,USMF"]);
    let output = { made }.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let codes: std::collections::BTreeSet<_> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["FRRT", "USMF"]);
    let refused = sample(&["--legal-entity", "U S"]).output().await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "idlink: `U S` is no legal entity: 1 to 32 letters, digits, `-` and `_`\n"
    );
}

/// What is made up can be read: only what was made wrong is rejected.
#[tokio::test]
async fn made_up_exports_of_dynamics_are_read_by_their_profile() {
    let folder = Folder::new();
    let output = sample(&["--count", "2000", "--profile", "dynamics-customers-v3"])
        .output()
        .await
        .unwrap();
    let path = folder.0.join("export.csv");
    std::fs::write(&path, output.stdout).unwrap();
    let profile = idlink::import::profile::Profile::dynamics_customers_v3();
    let rows = super::files::all_rows(&path, profile);
    assert_eq!(rows.len(), 2000);
    let rejected: Vec<_> = rows.iter().filter(|row| row.contains('!')).collect();
    assert!(rejected.len() > 10, "{}", rejected.len());
    for row in rejected {
        assert!(row.contains("!PRIMARYCONTACTEMAIL: "), "{row}");
    }
}
