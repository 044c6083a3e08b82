//! PgBouncer before a test's database, giving each transaction one of two
//! connections: whichever is free.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls};

use super::program::Folder;

/// Ends the program when its own standard input closes, which it does with the
/// test process, however that ends.
const SUPERVISE: &str = r#"
"$@" &
while read -r _; do :; done
kill "$!"
wait
"#;

/// Fewer than the connections of any pool of ours.
pub(crate) const SERVERS: i64 = 2;

pub(crate) struct Pooler {
    config: Config,
    supervisor: Child,
    _folder: Folder,
}

impl Pooler {
    /// The database of `config` behind a pooler. `more`: further settings.
    pub(crate) async fn before(config: &Config, more: &str) -> Self {
        let [Host::Unix(server)] = config.get_hosts() else {
            panic!("the tests' servers have one socket");
        };
        let folder = Folder::new();
        let file = folder.write("pgbouncer.ini", &settings(server, config, &folder.0, more));
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISE, "supervise"])
            .arg(program())
            .arg("--quiet")
            .arg(file)
            .stdin(Stdio::piped())
            .stderr(std::fs::File::create(folder.0.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut through = Config::new();
        through
            .host_path(&folder.0)
            .user(config.get_user().unwrap())
            .dbname(config.get_dbname().unwrap());
        let pooler = Self {
            config: through,
            supervisor,
            _folder: folder,
        };
        pooler.answers().await;
        pooler
    }

    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    async fn answers(&self) {
        for _ in 0..500 {
            if self.config.connect(NoTls).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(self._folder.0.join("log"));
        panic!("PgBouncer does not answer: {log:?}");
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Where `.ci/prepare test` looks, too.
fn program() -> PathBuf {
    match std::env::var_os("PGBOUNCER") {
        Some(program) => program.into(),
        None => ["/usr/bin/pgbouncer", "/usr/sbin/pgbouncer"]
            .map(PathBuf::from)
            .into_iter()
            .find(|program| program.exists())
            .unwrap_or_else(|| "pgbouncer".into()),
    }
}

/// PgBouncer does not run as root, and only the server's own user passes to its
/// socket: it runs as that user then.
fn settings(server: &Path, config: &Config, folder: &Path, more: &str) -> String {
    let owner = std::fs::metadata(server).unwrap();
    let is_root = std::fs::metadata(folder).unwrap().uid() == 0;
    let user = match is_root && owner.uid() != 0 {
        true => {
            chown(folder, Some(owner.uid()), Some(owner.gid())).unwrap();
            format!("user = {}", name(owner.uid()))
        }
        false => String::new(),
    };
    format!(
        "[databases]\n\
         * = host={} user={}\n\
         [pgbouncer]\n\
         {user}\n\
         listen_addr =\n\
         listen_port = 5432\n\
         unix_socket_dir = {}\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         default_pool_size = {SERVERS}\n\
         max_client_conn = 500\n\
         query_wait_timeout = 20\n\
         {more}\n",
        server.display(),
        config.get_user().unwrap(),
        folder.display(),
    )
}

fn name(user: u32) -> String {
    let output = Command::new("id").args(["-nu", &user.to_string()]).output();
    String::from_utf8(output.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}
