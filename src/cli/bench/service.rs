//! The services under test, each as a process of its own that lives as long
//! as the value that stands for it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::failure::BenchFailure;
use super::population::{CLIENT_ID, ISSUER, LEGAL_ENTITY, PROVIDER, SITE, TENANT};
use super::processes::Tree;
use super::stage::{Certificate, Stage};

pub(super) const USERNAME: &str = "b2c";
pub(super) const PASSWORD: &str = "bench-connector-password";

/// A service that takes longer to answer is not there.
const START_LIMIT: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A running service.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    process: Child,
    pid: u32,
}

/// How a service is started.
pub(super) struct Start {
    pub(super) name: &'static str,
    pub(super) command: Command,
    pub(super) port: u16,
    pub(super) log: PathBuf,
}

impl Start {
    /// Starts it, and does not wait.
    pub(super) fn spawn(mut self) -> Result<Service, BenchFailure> {
        let at = |source| BenchFailure::File {
            path: self.log.clone(),
            source,
        };
        let log = File::create(&self.log).map_err(at)?;
        let errors = log.try_clone().map_err(at)?;
        let process = self
            .command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| BenchFailure::Start {
                what: self.name.to_owned(),
                source,
            })?;
        Ok(Service {
            name: self.name,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            pid: process.id().unwrap_or_default(),
            process,
        })
    }

    /// Starts it and waits until it takes connections.
    pub(super) async fn run(self) -> Result<Service, BenchFailure> {
        let (what, log) = (self.name.to_owned(), self.log.clone());
        let mut service = self.spawn()?;
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(service.address).await.is_err() {
            if let Ok(Some(status)) = service.process.try_wait() {
                return Err(BenchFailure::Ended { what, status, log });
            }
            if Instant::now() > deadline {
                return Err(BenchFailure::Silent {
                    what,
                    seconds: START_LIMIT.as_secs(),
                    log,
                });
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(service)
    }
}

impl Service {
    pub(super) fn processes(&self) -> Tree {
        Tree::of(self.pid)
    }

    /// Ends it as a supervisor would, and waits for its end.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid.cast_signed()) {
            // Gone already is as good.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        // Who takes longer is killed when it is dropped.
        let _ = tokio::time::timeout(Duration::from_secs(10), self.process.wait()).await;
    }
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> Result<u16, BenchFailure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(BenchFailure::Port)?.port())
}

/// What the platform's connector sends.
pub(super) fn authorization() -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{USERNAME}:{PASSWORD}"))
    )
}

pub(super) const CONNECTOR: &str = "/connectors/bench/user-flow";

/// This very program, as `idlink serve` with its defaults.
pub(super) fn idlink(
    stage: &Stage,
    database: &str,
    certificate: Option<&Certificate>,
) -> Result<Start, BenchFailure> {
    let port = free_port()?;
    let text = settings(port, &stage.connection_string(database), certificate);
    let file = stage.folder.file("idlink.toml");
    write(&file, &text)?;
    write(&stage.folder.file("connector-password"), PASSWORD)?;
    let mut command = own_program()?;
    without_settings(&mut command)
        .arg("--config")
        .arg(&file)
        .arg("--data-dir")
        .arg(stage.folder.file("unused"))
        .arg("serve");
    Ok(Start {
        name: "idlink",
        command,
        port,
        log: stage.folder.file("idlink.log"),
    })
}

/// What the environment would set is not what is measured.
fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("IDLINK") {
            command.env_remove(name);
        }
    }
    command
}

pub(super) fn own_program() -> Result<Command, BenchFailure> {
    let program = std::env::current_exe().map_err(|source| BenchFailure::Start {
        what: "idlink".to_owned(),
        source,
    })?;
    Ok(Command::new(program))
}

fn write(path: &Path, text: &str) -> Result<(), BenchFailure> {
    fs::write(path, text).map_err(|source: io::Error| BenchFailure::File {
        path: path.to_owned(),
        source,
    })
}

/// Everything that is not named here has its default. One tenant asks for all
/// the others, too, so its share is what an instance can do; what it asks is
/// counted all the same.
fn settings(port: u16, database: &str, certificate: Option<&Certificate>) -> String {
    let scheme = certificate.map_or("http", |_| "https");
    let tls = certificate.map_or_else(String::new, |files| {
        format!(
            "\n[server.tls]\ncertificate = {:?}\nprivate_key = {:?}\n",
            files.certificate.display().to_string(),
            files.key.display().to_string()
        )
    });
    format!(
        r#"[server]
listen = "127.0.0.1:{port}"
management_listen = "127.0.0.1:0"
public_url = "{scheme}://localhost:{port}"
drain_seconds = 0
{tls}
[database]
url = {database:?}

[legal_entities.{LEGAL_ENTITY}]

[tenants.{TENANT}]
issuer = "{ISSUER}"
metadata_url = "http://127.0.0.1:9/{{policy}}/v2.0/.well-known/openid-configuration"
policies = ["B2C_1_signupsignin"]
trusted_providers = ["{PROVIDER}"]
customer_link_attribute = "CustomerLink"

[[tenants.{TENANT}.credentials]]
username = "{USERNAME}"
password_file = "connector-password"

[tenants.{TENANT}.limits]
per_second = 1000000
per_address_per_minute = 1000000
in_flight = 4096

[sites.{SITE}]
name = "Contoso"
customer_type = "b2c"
legal_entity = "{LEGAL_ENTITY}"
tenant = "{TENANT}"
client_ids = ["{CLIENT_ID}"]
"#
    )
}
