//! The PostgreSQL that idlink starts itself when no other one is configured:
//! real `initdb` and `postgres`, reachable through a private unix socket only.
//!
//! The server lives exactly as long as the process that started it; further
//! processes on the same data directory join it. Two file locks say who does
//! what: `lock` is held while somebody starts a server, and the lock on
//! `server.log` is inherited by every process of the server, so it is free
//! exactly when none of them is left, whatever a crash left lying about.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{
    DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink,
};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

mod binaries;

use super::StoreError;
use binaries::{Binaries, Sources};

/// The role that owns everything in an embedded server.
const ROLE: &str = "idlink";

/// Generous, because a crash recovery may come first; a server that gives up
/// is noticed at once.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A little more than the supervisor needs to go through all its signals.
const STOP_LIMIT: Duration = Duration::from_secs(35);

/// `sun_path` has 108 bytes on Linux, one of them for the final NUL.
const SOCKET_PATH_LIMIT: usize = 107;
const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Where root's data goes when the server's user cannot reach the folder asked for.
const REACHABLE: &str = "/var/lib/idlink";

const LOG_LIMIT: u64 = 1 << 20;

const SUPERVISE: &str = include_str!("embedded/supervise.sh");

#[derive(Clone, Debug)]
pub struct Options {
    /// Made if it is missing. Holds the data, the log, the locks and the socket.
    pub data_dir: PathBuf,
    pub durability: Durability,
    pub max_connections: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was committed survives a crash of the machine.
    Durable,
    /// For tests: quicker, and worth nothing after a crash.
    Throwaway,
}

#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "PostgreSQL is not installed: no `initdb` and `postgres` next to each other below {} or on the PATH. Install it (Debian, Ubuntu: `apt install postgresql`), or set PG_BIN to the folder with these programs, or configure `database.url`",
        .0.display()
    )]
    NotInstalled(PathBuf),
    #[error(
        "PG_BIN is set to {}, but `initdb` and `postgres` are not both in it; correct it, or unset it to use an installed PostgreSQL (Debian, Ubuntu: `apt install postgresql`)",
        .0.display()
    )]
    WrongPgBin(PathBuf),
    #[error(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor a user `nobody` to run it as; create one, or run idlink as an ordinary user"
    )]
    NoUser,
    #[error(
        "the embedded PostgreSQL runs as user {user}, who cannot reach {}; choose another folder for the data (`--data-dir`) or make the folders above it passable (`chmod o+x`)",
        .directory.display()
    )]
    OutOfReach { directory: PathBuf, user: u32 },
    #[error(
        "{} was written by PostgreSQL {data}, but the programs in {} are version {binaries}; install version {data} (Debian, Ubuntu: `apt install postgresql-{data}`) or name its folder with PG_BIN, or move the data away to begin with an empty database",
        .directory.display(), .programs.display()
    )]
    OtherVersion {
        directory: PathBuf,
        data: u32,
        programs: PathBuf,
        binaries: u32,
    },
    #[error("`{} --version` answered {text:?}, which names no version of PostgreSQL", .of.display())]
    UnknownVersion { of: PathBuf, text: String },
    #[error(
        "cannot use {} for the embedded PostgreSQL: {source}; if it belongs to another user, run as that user or choose another folder (`--data-dir`)",
        .path.display()
    )]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot run {}: {source}", .program.display())]
    Run { program: PathBuf, source: io::Error },
    #[error("`initdb` could not make a database in {}: {output}", .directory.display())]
    Initdb { directory: PathBuf, output: String },
    #[error(
        "the embedded PostgreSQL stopped while it started ({status}); the end of {}:\n{tail}",
        .log.display()
    )]
    Exited {
        status: ExitStatus,
        log: PathBuf,
        tail: String,
    },
    #[error(
        "the embedded PostgreSQL did not answer within {} seconds; the end of {}:\n{tail}",
        START_LIMIT.as_secs(), .log.display()
    )]
    Silent { log: PathBuf, tail: String },
    #[error(
        "another process has been starting the embedded PostgreSQL in {} for {} seconds; stop that process and try again",
        .0.display(), START_LIMIT.as_secs()
    )]
    Busy(PathBuf),
    #[error("the embedded PostgreSQL in {} did not stop within {} seconds", .0.display(), STOP_LIMIT.as_secs())]
    DoesNotStop(PathBuf),
    #[error("the embedded PostgreSQL did not carry out an administrative statement: {0}")]
    Query(#[source] StoreError),
}

impl From<tokio_postgres::Error> for EmbeddedError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Query(error.into())
    }
}

type Result<T, E = EmbeddedError> = std::result::Result<T, E>;

/// A running server, which stops when the value that started it is dropped.
#[derive(Debug)]
pub struct Embedded {
    home: Home,
    postmaster: Postmaster,
    /// `None`: another process started the server.
    supervisor: Option<Supervisor>,
}

impl Embedded {
    /// Starts a server on the data directory, or finds the one that another
    /// process runs there. Returns once it answers queries.
    pub async fn start_or_join(options: Options) -> Result<Self> {
        let deadline = Instant::now() + START_LIMIT;
        let home = Home::open(&options.data_dir).await?;
        let _starting = home.lock(deadline).await?;
        let log = loop {
            if let Some(postmaster) = home.answering().await? {
                return Ok(Self {
                    home,
                    postmaster,
                    supervisor: None,
                });
            }
            match home.lock_log()? {
                Some(log) => break log,
                None if Instant::now() > deadline => return Err(home.silent()),
                // A server is there, but still recovering or about to go.
                None => sleep(Duration::from_millis(50)).await,
            }
        };
        Self::start(home, &options, log, deadline).await
    }

    async fn start(home: Home, options: &Options, log: File, deadline: Instant) -> Result<Self> {
        let binaries = home.binaries().await?;
        if !home.data().exists() {
            home.initialise(&binaries, options.durability).await?;
        }
        let sockets = home.clear_remains()?;
        let supervisor = Supervisor::start(&home, &binaries, options, &sockets, log)?;
        let config = config(&sockets, "postgres");
        while !ask(&config).await {
            if let Some(status) = supervisor.exited() {
                return Err(home.exited(status));
            }
            if Instant::now() > deadline {
                return Err(home.silent());
            }
            sleep(Duration::from_millis(10)).await;
        }
        let postmaster = home.postmaster()?.ok_or_else(|| home.silent())?;
        Ok(Self {
            home,
            postmaster,
            supervisor: Some(supervisor),
        })
    }

    /// How to connect to `database`; the socket's folder lets nobody else in.
    pub fn config(&self, database: &str) -> Config {
        config(&self.postmaster.sockets, database)
    }

    /// Where other programs find `database`.
    pub fn connection_string(&self, database: &str) -> String {
        format!(
            "host={} user={ROLE} dbname={database}",
            self.postmaster.sockets.display()
        )
    }

    /// Makes `database` unless it is there. Two processes may do so at once.
    pub async fn ensure_database(&self, database: &str) -> Result<()> {
        let client = connect(&self.config("postgres")).await?;
        let found = client
            .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&database])
            .await?;
        if found.is_some() {
            return Ok(());
        }
        let name = database.replace('"', "\"\"");
        match client
            .batch_execute(&format!("CREATE DATABASE \"{name}\""))
            .await
        {
            Err(error)
                if error.code() == Some(&SqlState::DUPLICATE_DATABASE)
                    || error.code() == Some(&SqlState::UNIQUE_VIOLATION) =>
            {
                Ok(())
            }
            done => Ok(done?),
        }
    }

    /// Whether this process started the server, so that it ends with it.
    pub fn owns_server(&self) -> bool {
        self.supervisor.is_some()
    }

    pub fn postmaster_pid(&self) -> u32 {
        self.postmaster.pid
    }

    /// Where data and log really are. Not always the folder asked for: root's
    /// data moves when the server's user cannot reach it there.
    pub fn directory(&self) -> &Path {
        &self.home.directory
    }

    /// Stops the server, if this process started it, and waits for its end.
    pub async fn stop(self) -> Result<()> {
        let Some(Supervisor { pipe, exit }) = self.supervisor else {
            return Ok(());
        };
        drop(pipe);
        let deadline = Instant::now() + STOP_LIMIT;
        while exit.get().is_none() || self.home.lock_log()?.is_none() {
            if Instant::now() > deadline {
                return Err(EmbeddedError::DoesNotStop(self.home.directory));
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// What `postmaster.pid` says of a server, dead or alive.
#[derive(Debug)]
struct Postmaster {
    pid: u32,
    sockets: PathBuf,
}

impl Postmaster {
    /// The lines that matter: the first is the process id, the fifth the
    /// socket directory (PostgreSQL's `utils/pidfile.h`). `None` while the
    /// file is being written.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let sockets = lines.nth(3).filter(|line| !line.is_empty())?;
        Some(Self {
            pid,
            sockets: PathBuf::from(sockets),
        })
    }
}

/// Who the server runs as when idlink is root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// Root drops its privileges to the owner of existing data, else to
    /// `postgres`, else to `nobody`. Everybody else stays who they are.
    async fn for_server(data: &Path) -> Result<Option<Self>> {
        if id(&["-u"]).await? != Some(0) {
            return Ok(None);
        }
        if let Ok(owner) = fs::metadata(data)
            && owner.uid() != 0
        {
            return Ok(Some(Self {
                uid: owner.uid(),
                gid: owner.gid(),
            }));
        }
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (id(&["-u", name]).await?, id(&["-g", name]).await?) {
                return Ok(Some(Self { uid, gid }));
            }
        }
        Err(EmbeddedError::NoUser)
    }

    /// By the permission bits, which is all that the usual machine has.
    fn can_pass(self, directory: &Path) -> bool {
        fs::metadata(directory).is_ok_and(|found| {
            let shift = if found.uid() == self.uid {
                6
            } else if found.gid() == self.gid {
                3
            } else {
                0
            };
            found.mode() >> shift & 1 == 1
        })
    }

    /// The topmost folder of `directory` that this user cannot pass.
    fn barrier(self, directory: &Path) -> Option<PathBuf> {
        let mut above: Vec<&Path> = directory.ancestors().skip(1).collect();
        above.reverse();
        above
            .into_iter()
            .find(|directory| !self.can_pass(directory))
            .map(Path::to_path_buf)
    }
}

/// `id` asks whatever directory of users the machine has; `None`: no such user.
async fn id(arguments: &[&str]) -> Result<Option<u32>> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .await
        .map_err(|source| EmbeddedError::Run {
            program: PathBuf::from("id"),
            source,
        })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}

/// The folder of one server: `data`, `run` with the socket, log and locks.
///
/// When idlink is root, the folder itself stays root's: the server's user owns
/// `data` and `run` only and cannot make root follow a link of its making.
#[derive(Debug)]
struct Home {
    directory: PathBuf,
    user: Option<User>,
}

impl Home {
    async fn open(asked: &Path) -> Result<Self> {
        // A link of `relocate`'s may have outlived the folder it leads to.
        create_all(&fs::read_link(asked).unwrap_or_else(|_| asked.to_path_buf()))?;
        let directory = canonical(asked)?;
        let user = User::for_server(&directory.join("data")).await?;
        let directory = match user.and_then(|user| Some((user, user.barrier(&directory)?))) {
            Some((user, barrier)) => relocate(&directory, user, barrier)?,
            None => directory,
        };
        // Passable for the server's user, who finds only private folders in it.
        let mode = if user.is_some() { 0o711 } else { 0o700 };
        fs::set_permissions(&directory, Permissions::from_mode(mode)).map_err(at(&directory))?;
        Ok(Self { directory, user })
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// Held by the one process that may look, initialise and start.
    async fn lock(&self, deadline: Instant) -> Result<File> {
        let path = self.directory.join("lock");
        let file = open_to_lock(&path)?;
        while !try_lock(&file, &path)? {
            if Instant::now() > deadline {
                return Err(EmbeddedError::Busy(self.directory.clone()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(file)
    }

    /// `None`: a process of a server is still there.
    fn lock_log(&self) -> Result<Option<File>> {
        let path = self.log();
        let file = open_to_lock(&path)?;
        Ok(try_lock(&file, &path)?.then_some(file))
    }

    fn postmaster(&self) -> Result<Option<Postmaster>> {
        let path = self.data().join("postmaster.pid");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Postmaster::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    async fn answering(&self) -> Result<Option<Postmaster>> {
        let Some(postmaster) = self.postmaster()? else {
            return Ok(None);
        };
        let config = config(&postmaster.sockets, "postgres");
        Ok(ask(&config).await.then_some(postmaster))
    }

    /// The programs that fit the data.
    async fn binaries(&self) -> Result<Binaries> {
        let path = self.data().join("PG_VERSION");
        let data = match fs::read_to_string(&path) {
            Ok(text) => binaries::leading_number(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&path)(error)),
        };
        let found = Sources::of_this_machine().find(data)?;
        let Some(data) = data else {
            return Ok(found);
        };
        let version = found.major_version().await?;
        if version == data {
            return Ok(found);
        }
        Err(EmbeddedError::OtherVersion {
            directory: self.data(),
            data,
            programs: found.directory().to_path_buf(),
            binaries: version,
        })
    }

    /// Makes the data under another name first: an `initdb` that was cut off
    /// leaves nothing that could be taken for a database.
    async fn initialise(&self, binaries: &Binaries, durability: Durability) -> Result<()> {
        let unfinished = self
            .directory
            .join(format!("unfinished-{}", Uuid::new_v4()));
        self.create_private(&unfinished)?;
        let mut command = Command::new(binaries.initdb());
        command
            .arg("--pgdata")
            .arg(&unfinished)
            .args(["--username", ROLE, "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-instructions"])
            .args(match durability {
                Durability::Durable => ["--data-checksums"].as_slice(),
                Durability::Throwaway => ["--no-sync"].as_slice(),
            });
        self.confine(command.as_std_mut());
        let output = command
            .output()
            .await
            .map_err(|source| EmbeddedError::Run {
                program: binaries.initdb(),
                source,
            })?;
        if !output.status.success() {
            remove_all(&unfinished)?;
            return Err(EmbeddedError::Initdb {
                directory: self.directory.clone(),
                output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        fs::rename(&unfinished, self.data()).map_err(at(&self.data()))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(at(&self.directory))
    }

    /// Takes away what a crash leaves behind, and says where the socket goes.
    ///
    /// PostgreSQL copes with most of it alone, but not with an empty pid file,
    /// nor with the number of a dead server that some other process bears by
    /// now: after a container restarts, that is the rule.
    fn clear_remains(&self) -> Result<PathBuf> {
        for entry in fs::read_dir(&self.directory).map_err(at(&self.directory))? {
            let entry = entry.map_err(at(&self.directory))?;
            let name = entry.file_name();
            if name == "run" || name.as_bytes().starts_with(b"unfinished-") {
                remove_all(&entry.path())?;
            }
        }
        let server = self.postmaster()?.map(|postmaster| postmaster.pid);
        if !server.is_some_and(|pid| self.is_used_by(pid)) {
            remove_file(&self.data().join("postmaster.pid"))?;
        }
        let sockets = self.socket_directory();
        self.create_private(&sockets)?;
        Ok(sockets)
    }

    /// A server that somebody else started on the data holds no lock of ours,
    /// but like every server it works inside the data directory.
    fn is_used_by(&self, pid: u32) -> bool {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|found| found == self.data())
    }

    fn socket_directory(&self) -> PathBuf {
        let beside = self.directory.join("run");
        if beside.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_LIMIT {
            return beside;
        }
        // A name nobody can guess, as the folder for temporary files is everybody's.
        Path::new("/tmp").join(format!("idlink-{}", Uuid::new_v4().simple()))
    }

    /// A new folder for the server's user alone.
    fn create_private(&self, directory: &Path) -> Result<()> {
        DirBuilder::new()
            .mode(0o700)
            .create(directory)
            .and_then(|()| match self.user {
                Some(user) => chown(directory, Some(user.uid), Some(user.gid)),
                None => Ok(()),
            })
            .map_err(at(directory))
    }

    /// Gives a command the server's user, and of our environment, which may
    /// hold secrets, no more than it needs.
    fn confine(&self, command: &mut std::process::Command) {
        let kept = ["PATH", "LD_LIBRARY_PATH"];
        command
            .env_clear()
            .envs(
                kept.into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("LC_ALL", "C")
            .current_dir("/");
        if let Some(user) = self.user {
            // Root's further groups go as well: std clears them with the user.
            command.uid(user.uid).gid(user.gid);
        }
    }

    fn exited(&self, status: ExitStatus) -> EmbeddedError {
        EmbeddedError::Exited {
            status,
            log: self.log(),
            tail: tail(&self.log()),
        }
    }

    fn silent(&self) -> EmbeddedError {
        EmbeddedError::Silent {
            log: self.log(),
            tail: tail(&self.log()),
        }
    }
}

/// The shell that runs the server until the pipe to it closes.
#[derive(Debug)]
struct Supervisor {
    pipe: ChildStdin,
    exit: Arc<OnceLock<ExitStatus>>,
}

impl Supervisor {
    fn start(
        home: &Home,
        binaries: &Binaries,
        options: &Options,
        sockets: &Path,
        log: File,
    ) -> Result<Self> {
        if log.metadata().is_ok_and(|found| found.len() > LOG_LIMIT) {
            log.set_len(0).map_err(at(&home.log()))?;
        }
        let errors = log.try_clone().map_err(at(&home.log()))?;
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", SUPERVISE, "idlink-postgres"])
            .arg(match options.durability {
                Durability::Durable => "INT",
                Durability::Throwaway => "QUIT",
            })
            .arg(sockets)
            .arg(binaries.postgres())
            .args(server_arguments(&home.data(), sockets, options))
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C reaches every process of the terminal's group, and the
            // server must stay while we finish what we have begun.
            .process_group(0);
        home.confine(&mut command);
        Self::watch(command.spawn()).map_err(|source| EmbeddedError::Run {
            program: PathBuf::from("sh"),
            source,
        })
    }

    /// A thread waits for the shell, because a server outlives the runtime it
    /// was started in, and a dead child stays in the process table until asked for.
    fn watch(shell: io::Result<Child>) -> io::Result<Self> {
        let mut shell = shell?;
        let pipe = shell.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let exit = Arc::new(OnceLock::new());
        let told = Arc::clone(&exit);
        std::thread::Builder::new()
            .name("embedded-postgres".into())
            .spawn(move || shell.wait().map(|status| told.set(status)))?;
        Ok(Self { pipe, exit })
    }

    fn exited(&self) -> Option<ExitStatus> {
        self.exit.get().copied()
    }
}

fn server_arguments(data: &Path, sockets: &Path, options: &Options) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["-D".into(), data.into(), "-k".into(), sockets.into()];
    let connections = format!("max_connections={}", options.max_connections);
    let mut settings = vec![
        "listen_addresses=",
        "port=5432",
        "unix_socket_permissions=0700",
        connections.as_str(),
        "timezone=UTC",
        "log_timezone=UTC",
        // Errors belong to who asked; their texts quote people's data.
        "log_min_messages=log",
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
    ];
    if options.durability == Durability::Throwaway {
        settings.extend([
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ]);
    }
    for setting in settings {
        arguments.extend(["-c".into(), setting.into()]);
    }
    arguments
}

/// Moves the folder to where the server's user can reach it and leaves a link
/// in its place, so that the next start finds the data. The usual case is
/// root's home, where a fresh checkout often is.
fn relocate(directory: &Path, user: User, barrier: PathBuf) -> Result<PathBuf> {
    let out_of_reach = |directory| EmbeddedError::OutOfReach {
        directory,
        user: user.uid,
    };
    let mut content = fs::read_dir(directory).map_err(at(directory))?;
    if content.next().is_some() {
        return Err(out_of_reach(barrier));
    }
    let reachable = Path::new(REACHABLE);
    create_all(reachable)?;
    fs::set_permissions(reachable, Permissions::from_mode(0o711)).map_err(at(reachable))?;
    let place = canonical(reachable)?.join(Uuid::new_v4().simple().to_string());
    if let Some(barrier) = user.barrier(&place) {
        return Err(out_of_reach(barrier));
    }
    create_all(&place)?;
    fs::remove_dir(directory)
        .and_then(|()| symlink(&place, directory))
        .map_err(at(directory))?;
    Ok(place)
}

fn config(sockets: &Path, database: &str) -> Config {
    let mut config = Config::new();
    config.host_path(sockets).user(ROLE).dbname(database);
    config
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client; what goes wrong with it the client hears too.
    tokio::spawn(connection);
    Ok(client)
}

/// Whether the server answers a query.
async fn ask(config: &Config) -> bool {
    let answer = async { connect(config).await?.simple_query("SELECT 1").await };
    timeout(Duration::from_secs(2), answer)
        .await
        .is_ok_and(|answer| answer.is_ok())
}

fn create_all(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(at(directory))
}

fn canonical(directory: &Path) -> Result<PathBuf> {
    directory.canonicalize().map_err(at(directory))
}

/// A folder of the server's, which may be half gone already.
fn remove_all(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(directory)(error)),
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn open_to_lock(path: &Path) -> Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(at(path))
}

fn try_lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}

/// The last lines of the log, for an error that cannot be told without them.
fn tail(log: &Path) -> String {
    const LINES: usize = 12;
    // Kept below `LOG_LIMIT` by every start, so it is read whole.
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
    let path = path.to_path_buf();
    move |source| EmbeddedError::Directory { path, source }
}
