//! The PostgreSQL that idlink starts itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use idlink::store::embedded::{Durability, Embedded, EmbeddedError, Options};
use tokio_postgres::config::Host;

use crate::support::postgres::{connect, database, new_folder, options, own_server};

/// Set for the second process of a test: the data directory it serves.
const CHILD: &str = "IDLINK_TEST_EMBEDDED_CHILD";

fn durable(name: &str) -> Options {
    options(name, Durability::Durable)
}

async fn start(options: &Options) -> Embedded {
    Embedded::start_or_join(options.clone()).await.unwrap()
}

async fn refusal(options: &Options) -> EmbeddedError {
    Embedded::start_or_join(options.clone()).await.unwrap_err()
}

async fn execute(server: &Embedded, statement: &str) {
    let client = connect(&server.config("postgres")).await;
    client.batch_execute(statement).await.unwrap();
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 30 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Data as a server leaves it that was stopped in good order.
async fn stopped(options: &Options) -> PathBuf {
    let server = start(options).await;
    let data = server.directory().join("data");
    server.stop().await.unwrap();
    data
}

#[tokio::test]
async fn a_restart_finds_the_data() {
    let options = durable("restart");
    let first = start(&options).await;
    execute(&first, "CREATE TABLE kept ()").await;
    first.stop().await.unwrap();

    let second = start(&options).await;
    assert!(second.owns_server());
    execute(&second, "SELECT FROM kept").await;
}

#[tokio::test]
async fn the_server_speaks_utf8_in_private_folders_and_not_over_tcp() {
    let server = start(&durable("private")).await;
    let client = connect(&server.config("postgres")).await;
    let row = client
        .query_one(
            "SELECT current_setting('server_encoding'), current_setting('lc_collate'),
                    current_setting('listen_addresses'), current_setting('fsync')",
            &[],
        )
        .await
        .unwrap();
    let settings: Vec<&str> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(settings, ["UTF8", "C", "", "on"]);
    for folder in ["data", "run"] {
        let found = fs::metadata(server.directory().join(folder)).unwrap();
        assert_eq!(found.mode() & 0o777, 0o700, "{folder}");
        assert_ne!(found.uid(), 0, "{folder} belongs to root");
    }
}

#[tokio::test]
async fn another_process_joins_and_a_kill_9_of_the_first_takes_the_server_away() {
    if let Some(data_dir) = std::env::var_os(CHILD) {
        let mut options = durable("unused");
        options.data_dir = data_dir.into();
        let _server = start(&options).await;
        std::future::pending::<()>().await;
    }
    let options = durable("parent");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact"])
        .arg("embedded::another_process_joins_and_a_kill_9_of_the_first_takes_the_server_away")
        .env(CHILD, &options.data_dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid_file = options.data_dir.join("data/postmaster.pid");
    eventually("the other process starts a server", || pid_file.exists()).await;

    let joined = start(&options).await;
    assert!(!joined.owns_server());
    execute(&joined, "CREATE TABLE kept ()").await;

    // `Child::kill` sends SIGKILL.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let pid = joined.postmaster_pid();
    eventually("the server goes with its parent", || !is_alive(pid)).await;

    let again = start(&options).await;
    assert!(again.owns_server());
    execute(&again, "SELECT FROM kept").await;
}

#[tokio::test]
async fn of_several_starts_at_once_one_owns_the_server_and_all_can_use_it() {
    let options = durable("race");
    let (a, b, c, d) = tokio::join!(
        start(&options),
        start(&options),
        start(&options),
        start(&options)
    );
    let servers = [a, b, c, d];
    assert_eq!(servers.iter().filter(|one| one.owns_server()).count(), 1);
    for server in &servers {
        assert_eq!(server.postmaster_pid(), servers[0].postmaster_pid());
        execute(server, "SELECT 1").await;
    }
}

#[tokio::test]
async fn who_joined_leaves_the_server_running() {
    let options = durable("guest");
    let owner = start(&options).await;
    start(&options).await.stop().await.unwrap();
    drop(start(&options).await);
    execute(&owner, "SELECT 1").await;
}

#[tokio::test]
async fn dropping_the_owner_stops_the_server() {
    let server = start(&durable("dropped")).await;
    let pid = server.postmaster_pid();
    drop(server);
    eventually("the server stops", || !is_alive(pid)).await;
}

#[tokio::test]
async fn what_was_committed_survives_a_kill_9_of_postgresql() {
    let own = own_server().await;
    let client = connect(&own.config()).await;
    client.batch_execute("CREATE TABLE kept ()").await.unwrap();
    own.signal("KILL");
    let own = own.restart().await;
    let client = connect(&own.config()).await;
    client.batch_execute("SELECT FROM kept").await.unwrap();
}

#[tokio::test]
async fn a_suspended_server_can_be_stopped() {
    let own = own_server().await;
    let before = own.postmaster_pid();
    own.signal("STOP");
    let own = own.restart().await;
    assert_ne!(own.postmaster_pid(), before);
}

#[tokio::test]
async fn a_stale_pid_file_with_the_number_of_a_living_process_does_not_prevent_a_start() {
    let options = durable("stale");
    let data = stopped(&options).await;
    // A server of the same user: PostgreSQL by itself takes it for ours and gives up.
    let stranger = start(&durable("stranger")).await;
    let stale = format!(
        "{}\n{}\n1700000000\n5432\n/nowhere\n\n  1 1\nready\n",
        stranger.postmaster_pid(),
        data.display(),
    );
    let pid_file = data.join("postmaster.pid");
    fs::write(&pid_file, stale).unwrap();
    let owner = fs::metadata(&data).unwrap();
    std::os::unix::fs::chown(&pid_file, Some(owner.uid()), Some(owner.gid())).unwrap();

    assert!(start(&options).await.owns_server());
    execute(&stranger, "SELECT 1").await;
}

#[tokio::test]
async fn a_pid_file_that_a_crash_left_empty_does_not_prevent_a_start() {
    let options = durable("empty");
    let data = stopped(&options).await;
    fs::write(data.join("postmaster.pid"), "").unwrap();
    assert!(start(&options).await.owns_server());
}

/// Ctrl-C goes to every process of the terminal's foreground group.
#[tokio::test]
async fn ctrl_c_does_not_reach_the_server() {
    let group = |pid: &str| -> u32 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // After the name in brackets: state, parent, group.
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        rest.split(' ').nth(2).unwrap().parse().unwrap()
    };
    let server = start(&durable("group")).await;
    let postmaster = server.postmaster_pid().to_string();
    assert_ne!(group(&postmaster), group("self"));
}

#[tokio::test]
async fn an_initdb_that_was_cut_off_does_not_prevent_a_start() {
    let options = durable("cut-off");
    let unfinished = options.data_dir.join("unfinished-1");
    fs::create_dir_all(unfinished.join("base")).unwrap();
    let server = start(&options).await;
    execute(&server, "SELECT 1").await;
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_what_to_do() {
    let options = durable("version");
    let data = stopped(&options).await;
    fs::write(data.join("PG_VERSION"), "9.6\n").unwrap();
    let error = refusal(&options).await;
    assert!(
        matches!(error, EmbeddedError::OtherVersion { data: 9, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains(&data.display().to_string()), "{text}");
    assert!(text.contains("apt install postgresql-9"), "{text}");
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_the_end_of_its_log() {
    let options = durable("broken");
    let data = stopped(&options).await;
    fs::write(data.join("postgresql.auto.conf"), "work_mem = 'lots'\n").unwrap();
    let text = refusal(&options).await.to_string();
    assert!(text.contains("server.log"), "{text}");
    assert!(text.contains("work_mem"), "{text}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_no_obstacle() {
    let mut options = durable("long");
    options.data_dir = options.data_dir.join("d".repeat(100));
    let server = start(&options).await;
    execute(&server, "SELECT 1").await;
    let joined = start(&options).await;
    assert!(!joined.owns_server());
    let config = joined.config("postgres");
    let sockets = config.get_hosts().iter().find_map(|host| match host {
        Host::Unix(folder) => Some(folder.clone()),
        Host::Tcp(_) => None,
    });
    let sockets = sockets.unwrap();
    assert_eq!(fs::metadata(&sockets).unwrap().mode() & 0o777, 0o700);
    server.stop().await.unwrap();
    assert!(!sockets.exists());
}

/// Root's home is such a folder. An ordinary user has no such trouble.
#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_reach_is_no_obstacle() {
    let closed = new_folder("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let mut options = durable("unused");
    options.data_dir = closed.join("data");

    let first = start(&options).await;
    execute(&first, "CREATE TABLE kept ()").await;
    let directory = first.directory().to_path_buf();
    let is_root = fs::metadata(&closed).unwrap().uid() == 0;
    assert_eq!(directory != options.data_dir, is_root);
    first.stop().await.unwrap();

    let second = start(&options).await;
    execute(&second, "SELECT FROM kept").await;
    assert_eq!(second.directory(), directory);
    second.stop().await.unwrap();

    fs::remove_dir_all(&directory).unwrap();
    let empty = start(&options).await;
    assert_eq!(empty.directory(), directory);
    empty.stop().await.unwrap();
    fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    let (first, second) = tokio::join!(database(), database());
    connect(&first.config())
        .await
        .batch_execute("CREATE TABLE mine ()")
        .await
        .unwrap();
    let row = connect(&second.config())
        .await
        .query_one("SELECT to_regclass('mine')::text", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, Option<&str>>(0), None);
}

/// The whole folder of a test process goes, servers and all.
#[tokio::test]
async fn a_kill_9_of_the_tests_leaves_nothing_behind() {
    const NAME: &str = "embedded::a_kill_9_of_the_tests_leaves_nothing_behind";
    if let Some(report) = std::env::var_os(CHILD) {
        let database = database().await;
        let folder = database.server().directory().parent().unwrap().to_owned();
        fs::write(report, folder.to_str().unwrap()).unwrap();
        std::future::pending::<()>().await;
    }
    let report = new_folder("report");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(CHILD, &report)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let folder = || fs::read_to_string(&report).unwrap_or_default();
    eventually("the tests have a database", || !folder().is_empty()).await;
    let folder = PathBuf::from(folder());
    assert!(folder.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the folder is gone", || !folder.exists()).await;
}
