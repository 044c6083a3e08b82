//! The program, and what it is started with: a folder of files, and a database
//! by its connection string.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use uuid::Uuid;

use super::postgres::Database;

/// A folder of a test's own, taken away at its end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("idlink-it-{}", Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// In one step, as mounted secrets change.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let (new, path) = (self.0.join(format!("{name}.new")), self.0.join(name));
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `config` as `database.url` spells it.
pub(crate) fn connection_string(config: &Config) -> String {
    let [Host::Unix(host)] = config.get_hosts() else {
        panic!("the tests' server has one socket");
    };
    format!(
        "host={} user={} dbname={}",
        host.display(),
        config.get_user().unwrap(),
        config.get_dbname().unwrap()
    )
}

/// The program itself, as a supervisor runs it.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
    pub(crate) management: String,
    log: JoinHandle<String>,
}

impl Program {
    pub(crate) async fn start(folder: &Folder, database: &Database) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_idlink"))
            .arg("--config")
            .arg(folder.0.join("idlink.toml"))
            .arg("serve")
            .env(
                "IDLINK__DATABASE__URL",
                connection_string(&database.config()),
            )
            .env("IDLINK__SERVER__DRAIN_SECONDS", "0")
            .env("IDLINK_LOG", "trace")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let listening = loop {
            let begin = log.len();
            let read = stderr.read_line(&mut log);
            assert!(read.await.unwrap() > 0, "not started:\n{log}");
            let line: Value = serde_json::from_str(&log[begin..]).unwrap();
            if line["message"] == "listening" {
                break line;
            }
        };
        let text = |name: &str| listening[name].as_str().unwrap().to_owned();
        Self {
            address: text("address"),
            management: text("management_address"),
            child,
            log: tokio::spawn(async move {
                stderr.read_to_string(&mut log).await.unwrap();
                log
            }),
        }
    }

    /// Ends it with a signal; all that it has logged.
    pub(crate) async fn stop(mut self) -> String {
        let pid = self.child.id().unwrap().to_string();
        let killed = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status();
        assert!(killed.unwrap().success());
        let ended = timeout(Duration::from_secs(30), self.child.wait()).await;
        let Ok(ended) = ended else {
            panic!("took longer than 30 s to stop");
        };
        assert!(ended.unwrap().success());
        self.log.await.unwrap()
    }
}
