//! On what, when and of what a measurement was taken.

use std::fs;
use std::process::Command;

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) memory_gb: u64,
    pub(super) system: String,
}

/// What goes with every figure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Circumstances {
    pub(super) machine: Machine,
    pub(super) date: String,
    /// Of the working copy it was run in.
    pub(super) commit: Option<String>,
    pub(super) build: &'static str,
    pub(super) version: &'static str,
    pub(super) postgresql: String,
    pub(super) command: String,
}

impl Machine {
    fn this() -> Self {
        let line = |file: &str, key: &str| {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory_kib: u64 = line("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: memory_kib.div_ceil(1024 * 1024),
            system: format!("Linux {}", release.trim()),
        }
    }
}

impl Circumstances {
    /// `postgresql`: the first words of `postgres --version`.
    pub(super) fn now(postgresql: String) -> Self {
        let day = format_description!("[year]-[month]-[day]");
        let date = OffsetDateTime::now_utc().format(day).unwrap_or_default();
        Self {
            machine: Machine::this(),
            date,
            commit: commit(),
            build: match cfg!(debug_assertions) {
                true => "debug",
                false => "release",
            },
            version: env!("CARGO_PKG_VERSION"),
            postgresql,
            command: command(),
        }
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        let machine = &self.machine;
        format!(
            "{}, {} cores, {} GB, {}; {}; idlink {} ({}, {}); {}",
            machine.processor,
            machine.cores,
            machine.memory_gb,
            machine.system,
            self.postgresql,
            self.version,
            self.commit.as_deref().unwrap_or("commit unknown"),
            self.build,
            self.date,
        )
    }
}

/// With `-dirty` where files differ from it.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// How to repeat it; where the program lies is nobody's business.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("idlink {}", arguments.join(" "))
}
