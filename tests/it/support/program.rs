//! What the program is started with: a folder of files, and a database by its
//! connection string.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use uuid::Uuid;

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
