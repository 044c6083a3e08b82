//! `idlink demo`, as a person starts it: a process of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::support::postgres::new_folder;

const IDLINK: &str = env!("CARGO_BIN_EXE_idlink");

/// A debug build beside other tests: generous, and a failure all the same.
const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running demo in a folder of its own.
pub(crate) struct Demo {
    child: Child,
    pub(crate) data_dir: PathBuf,
    /// What it printed before the addresses.
    steps: Vec<String>,
    /// By the words that stand before them.
    addresses: BTreeMap<String, String>,
    /// What it prints from then on.
    later: Arc<Mutex<String>>,
}

impl Demo {
    pub(crate) async fn start(data_dir: &Path) -> Self {
        let mut child = idlink(data_dir)
            .args(["demo", "--port-base", "0"])
            .stdout(Stdio::piped())
            .stderr(complaints(data_dir))
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = timeout(START_LIMIT, said(&mut lines)).await;
        let Ok(Some((steps, addresses))) = said else {
            let complaint = fs::read_to_string(complaints_file(data_dir)).unwrap();
            panic!("the demo did not start: {complaint}");
        };
        let later = Arc::new(Mutex::new(String::new()));
        tokio::spawn(listen(lines, Arc::clone(&later)));
        Self {
            child,
            data_dir: data_dir.to_owned(),
            steps,
            addresses,
            later,
        }
    }

    pub(crate) fn address(&self, of: &str) -> &str {
        let found = self.addresses.get(of);
        found.unwrap_or_else(|| panic!("{of:?} is not among {:?}", self.addresses))
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// As Ctrl-C does. Returns how long it took.
    pub(crate) async fn interrupt(mut self) -> Duration {
        let begun = Instant::now();
        signal(self.pid(), "INT").await;
        let status = timeout(STOP_LIMIT, self.child.wait()).await;
        let Ok(status) = status else {
            panic!("the demo does not stop within {STOP_LIMIT:?}");
        };
        let status = status.unwrap();
        assert!(status.success(), "{status}: {}", self.later.lock().unwrap());
        begun.elapsed()
    }
}

/// The steps and the addresses, which are the lines with one in them between
/// two empty lines. `None`: it ended.
async fn said(
    lines: &mut Lines<BufReader<ChildStdout>>,
) -> Option<(Vec<String>, BTreeMap<String, String>)> {
    let mut steps = Vec::new();
    loop {
        let line = lines.next_line().await.unwrap()?;
        if line.starts_with("The demo is running.") {
            break;
        }
        steps.push(line);
    }
    let mut addresses = BTreeMap::new();
    lines.next_line().await.unwrap()?;
    loop {
        let line = lines.next_line().await.unwrap()?;
        let Some(at) = line.find("http://") else {
            return Some((steps, addresses));
        };
        let (words, address) = line.split_at(at);
        addresses.insert(words.trim().to_owned(), address.to_owned());
    }
}

async fn listen(mut lines: Lines<BufReader<ChildStdout>>, heard: Arc<Mutex<String>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        heard.lock().unwrap().push_str(&line);
        heard.lock().unwrap().push('\n');
    }
}

fn complaints_file(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("stderr")
}

fn complaints(data_dir: &Path) -> File {
    File::create(complaints_file(data_dir)).unwrap()
}

/// A command on the demo's data. Nothing of the environment reaches it that
/// could be a setting.
fn idlink(data_dir: &Path) -> Command {
    let mut command = Command::new(IDLINK);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("IDLINK_")) {
        command.env_remove(name);
    }
    command
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    idlink(data_dir).args(arguments).output().await.unwrap()
}

async fn run_well(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run(data_dir, arguments).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

async fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .await
        .unwrap();
    assert!(status.success(), "no process {pid} to send {name} to");
}

async fn status(address: &str) -> StatusCode {
    reqwest::get(address).await.unwrap().status()
}

#[tokio::test]
async fn a_demo_prints_addresses_that_answer_and_stops_at_ctrl_c() {
    let demo = Demo::start(&new_folder("demo")).await;
    for of in [
        "Contoso Trade (B2B)",
        "Contoso Shop (B2C)",
        "Mock tenant",
        "its mailbox",
        "its health",
    ] {
        let address = demo.address(of);
        assert_eq!(status(address).await, StatusCode::OK, "{of} {address}");
    }
    let connector = demo.address("idlink, the connector");
    let connector = format!("{connector}connectors/contoso/user-flow");
    assert_eq!(status(&connector).await, StatusCode::METHOD_NOT_ALLOWED);
    let took = demo.interrupt().await;
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_second_start_goes_on_where_the_first_one_stopped() {
    let folder = new_folder("demo");
    let first = Demo::start(&folder).await;
    let addresses = first.addresses.clone();
    assert!(first.steps.iter().any(|step| step.contains("13 added")));
    // From another terminal, while it runs.
    run_well(&folder, &["customer", "approve", "US-105"]).await;
    run_well(&folder, &["customer", "block", "US-101"]).await;
    run_well(&folder, &["feature", "disable"]).await;
    let users = format!("{}__emulator/users", first.address("Mock tenant"));
    let before = reqwest::get(&users).await.unwrap().text().await.unwrap();
    first.interrupt().await;

    let second = Demo::start(&folder).await;
    assert_eq!(second.addresses, addresses);
    assert!(
        !second.steps.iter().any(|step| step.contains("added")),
        "{:?}",
        second.steps
    );
    let approved = run_well(&folder, &["customer", "show", "US-105"]).await;
    assert!(
        approved.starts_with("customer US-105: active"),
        "{approved}"
    );
    let blocked = run_well(&folder, &["customer", "show", "US-101"]).await;
    assert!(blocked.starts_with("customer US-101: blocked"), "{blocked}");
    let feature = run_well(&folder, &["feature", "status"]).await;
    assert!(feature.contains("linking: off"), "{feature}");
    let after = reqwest::get(&users).await.unwrap().text().await.unwrap();
    assert_eq!(after, before);
    second.interrupt().await;
}

#[tokio::test]
async fn the_demos_settings_serve_other_commands_too() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let file = folder.join("demo.toml");
    let file = file.to_str().unwrap();
    let shown = run_well(&folder, &["--config", file, "customer", "show", "US-201"]).await;
    assert!(shown.starts_with("customer US-201: active"), "{shown}");
    demo.interrupt().await;
}

#[tokio::test]
async fn a_second_demo_in_the_same_folder_says_where_the_first_one_is() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let output = run(&folder, &["demo"]).await;
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains(demo.address("Contoso Trade (B2B)")),
        "{complaint}"
    );
    assert!(complaint.contains("--data-dir"), "{complaint}");
    demo.interrupt().await;
}

#[tokio::test]
async fn a_killed_demo_leaves_no_postgres_behind() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let postgres = folder.join("postgres");
    signal(demo.pid(), "KILL").await;
    // Every process of the server has this file locked.
    let log = File::options()
        .append(true)
        .open(postgres.join("server.log"))
        .unwrap();
    let free = tokio::task::spawn_blocking(move || log.lock());
    timeout(STOP_LIMIT, free)
        .await
        .expect("PostgreSQL still runs")
        .unwrap()
        .unwrap();
    let again = Demo::start(&folder).await;
    again.interrupt().await;
}
