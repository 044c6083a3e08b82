//! Commands under what shells, terminals and supervisors do to them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Output;

use tokio::process::Command;

use crate::support::program::Folder;

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
