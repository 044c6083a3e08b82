//! Commands under what shells, terminals and supervisors do to them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::postgres::new_folder;
use crate::support::program::Folder;

const LIMIT: Duration = Duration::from_secs(90);

/// `idlink check` of settings that need no database to be found wrong.
fn check(folder: &Folder) -> Command {
    let settings = folder.write("idlink.toml", "nonsense = true\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlink"));
    command.args(["--config", settings.to_str().unwrap(), "check"]);
    command.kill_on_drop(true);
    command
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_variable_that_is_no_text_hinders_nobody_unless_it_is_ours() {
    let folder = Folder::new();
    let latin = OsStr::from_bytes(b"Andr\xe9");
    let of_others = check(&folder).env("FULL_NAME", latin).output().await;
    let of_others = of_others.unwrap();
    assert_eq!(of_others.status.code(), Some(1));
    let said = String::from_utf8(of_others.stdout).unwrap();
    assert!(said.contains("nonsense: there is no such key"), "{said}");

    let mut ours = check(&folder);
    ours.env("IDLINK__DATABASE__PASSWORD", latin);
    let ours = ours.output().await.unwrap();
    assert_eq!(ours.status.code(), Some(1));
    let complaint = complaint(&ours);
    assert!(
        complaint.contains("IDLINK__DATABASE__PASSWORD is not in UTF-8"),
        "{complaint}"
    );
    assert!(!complaint.contains("Andr"), "{complaint}");
}

#[tokio::test]
async fn a_reader_who_has_gone_does_not_break_a_command() {
    let folder = Folder::new();
    let mut child = check(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
    assert!(complaint(&output).starts_with("idlink: 1 of 1 checks failed"));
}

#[tokio::test]
async fn what_finds_no_room_fails_the_command() {
    let folder = new_folder("full-output");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--data-dir")
        .arg(&folder)
        .args(["feature", "status"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = complaint(&output);
    assert!(complaint.contains("not everything could be printed"));
    assert!(!complaint.contains("panicked"), "{complaint}");
}

/// As with `idlink demo | tee log`, where Ctrl-C ends `tee` as well.
#[tokio::test]
async fn a_demo_stops_in_order_although_nobody_reads_its_words() {
    let folder = new_folder("demo-unread");
    fs::create_dir_all(&folder).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--data-dir")
        .arg(&folder)
        .args(["demo", "--port-base", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("Ctrl-C stops it") {
                return true;
            }
        }
        false
    };
    assert!(timeout(LIMIT, started).await.unwrap(), "it did not start");
    drop(lines);
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(sent.unwrap().success());
    let output = timeout(LIMIT, child.wait_with_output()).await.unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", complaint(&output));
    assert!(complaint(&output).contains("every write has ended"));
}
