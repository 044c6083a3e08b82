//! PostgreSQL for the tests: one server for the whole binary, one migrated
//! database per test, and servers of their own for tests that kill one.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use idlink::store::embedded::{Durability, Embedded, Options};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

const TEMPLATE: &str = "template_idlink";

/// As many tests as run at once, each with a pool or two.
const CONNECTIONS: u16 = 300;

const PREFIX: &str = "idlink-test-";

/// Takes the folder away when the test process is gone, however it ended,
/// once the servers in it have stopped.
const JANITOR: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
tenths=0
while [ "$tenths" -lt 300 ]; do
    set -- "$1" "$1"/*/data/postmaster.pid
    [ -e "$2" ] || break
    sleep 0.1
    tenths=$((tenths + 1))
done
rm -rf "$1"
"#;

/// An empty, migrated database that no other test sees.
pub(crate) struct Database {
    name: String,
    server: &'static Embedded,
}

impl Database {
    pub(crate) fn config(&self) -> Config {
        self.server.config(&self.name)
    }

    pub(crate) fn server(&self) -> &'static Embedded {
        self.server
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        DONE_WITH
            .lock()
            .unwrap()
            .push(std::mem::take(&mut self.name));
    }
}

/// Databases of finished tests. The next test drops them, as `Drop` cannot
/// wait: `/dev/shm` would fill up otherwise.
static DONE_WITH: Mutex<Vec<String>> = Mutex::new(Vec::new());

pub(crate) async fn database() -> Database {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = shared_server().await;
    let client = connect(&server.config("postgres")).await;
    let done_with = std::mem::take(&mut *DONE_WITH.lock().unwrap());
    for name in done_with {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        client.batch_execute(&drop).await.unwrap();
    }
    let name = format!("it_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY");
    client.batch_execute(&create).await.unwrap();
    Database { name, server }
}

/// A server for one test, which may do to it what it likes.
pub(crate) struct OwnServer {
    server: Embedded,
    options: Options,
}

impl OwnServer {
    pub(crate) fn config(&self) -> Config {
        self.server.config("idlink")
    }

    pub(crate) fn postmaster_pid(&self) -> u32 {
        self.server.postmaster_pid()
    }

    /// Sends a signal to the postmaster: `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.postmaster_pid(), name);
    }

    /// Sends a signal to the postmaster and all its children. The postmaster is
    /// held first, so that it has no child that is not on the list.
    pub(crate) fn signal_all(&self, name: &str) {
        self.signal("STOP");
        let children = Command::new("pgrep")
            .args(["-P", &self.postmaster_pid().to_string()])
            .output()
            .unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        for child in children.split_whitespace() {
            // A backend may have ended since the list was made.
            drop(
                Command::new("kill")
                    .args([&format!("-{name}"), child])
                    .stderr(Stdio::null())
                    .status(),
            );
        }
        self.signal(name);
    }

    /// A new server on the data of this one, dead or not.
    pub(crate) async fn restart(self) -> Self {
        self.server.stop().await.unwrap();
        Self::start(self.options).await
    }

    async fn start(options: Options) -> Self {
        Self {
            server: Embedded::start_or_join(options.clone()).await.unwrap(),
            options,
        }
    }
}

/// Durable, so that what it acknowledged can be looked for after a crash.
pub(crate) async fn own_server() -> OwnServer {
    let own = OwnServer::start(options("own", Durability::Durable)).await;
    own.server.ensure_database("idlink").await.unwrap();
    migrate(&connect(&own.config()).await).await;
    own
}

pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success(), "no process {pid} to send {name} to");
}

pub(crate) fn options(name: &str, durability: Durability) -> Options {
    Options {
        data_dir: new_folder(name),
        durability,
        max_connections: CONNECTIONS,
    }
}

/// A folder of its own, which goes away after the test process.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    scratch().folder.join(format!("{name}-{number}"))
}

/// Brings a database to the current schema.
async fn migrate(client: &Client) {
    idlink::store::migrations::apply(client).await.unwrap();
}

/// Not tied to the runtime of the test that happens to come first.
async fn shared_server() -> &'static Embedded {
    static SERVER: OnceCell<Embedded> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            let server = Embedded::start_or_join(options("shared", Durability::Throwaway))
                .await
                .unwrap();
            server.ensure_database(TEMPLATE).await.unwrap();
            migrate(&connect(&server.config(TEMPLATE)).await).await;
            server
        })
        .await
}

/// The folder of this test process, and who takes it away.
struct Scratch {
    folder: PathBuf,
    /// Ends when its standard input closes, that is with this process.
    _janitor: Child,
}

fn scratch() -> &'static Scratch {
    static SCRATCH: OnceLock<Scratch> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let parent = roomy_folder();
        remove_leftovers(&parent);
        let folder = parent.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "janitor"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .unwrap();
        Scratch {
            folder,
            _janitor: janitor,
        }
    })
}

/// Memory where there is enough of it: on a disk, making databases gets
/// slower with each one.
fn roomy_folder() -> PathBuf {
    const NEEDED_KIB: u64 = 512 * 1024;
    let memory = Path::new("/dev/shm");
    let free = Command::new("df")
        .args(["-Pk", "/dev/shm"])
        .output()
        .ok()
        .and_then(|output| {
            let text = String::from_utf8(output.stdout).ok()?;
            let columns = text.lines().nth(1)?;
            columns.split_whitespace().nth(3)?.parse::<u64>().ok()
        });
    match free {
        Some(free) if free >= NEEDED_KIB && is_writable(memory) => memory.to_path_buf(),
        _ => std::env::temp_dir(),
    }
}

fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!("{PREFIX}{}-probe", std::process::id()));
    fs::create_dir(&probe).is_ok() && fs::remove_dir(&probe).is_ok()
}

/// Folders of processes that died together with their janitor, as they do
/// when a container is killed. Those of other users stay.
fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).unwrap().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(pid) = owner
            && pid.parse::<u32>().is_ok()
            && !Path::new("/proc").join(pid).exists()
        {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}
