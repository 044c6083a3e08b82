//! PostgreSQL's own load generator, and what it says it measured.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::process::Command;

use super::failure::BenchFailure;
use super::population::{ISSUER, LEGAL_ENTITY, PROVIDER};
use super::stage::Stage;
use crate::store::BY_INDEX;

/// More than one run makes.
const A_RUN: u64 = 1_000_000_000;

/// What pgbench can be asked to do.
pub(super) struct Pgbench {
    program: PathBuf,
    script: PathBuf,
    database: String,
    variables: Vec<String>,
    /// How often it was run.
    runs: AtomicU64,
}

/// One run of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) transactions: u64,
    pub(super) per_second: f64,
    pub(super) mean: Duration,
    pub(super) postgres: Duration,
}

impl Pgbench {
    pub(super) fn new(
        stage: &Stage,
        database: &str,
        script: &str,
        variables: &[(&str, String)],
    ) -> Result<Self, BenchFailure> {
        let path = stage.folder.file("pgbench.sql");
        fs::write(&path, script).map_err(|source| BenchFailure::File {
            path: path.clone(),
            source,
        })?;
        // Beside the server that runs, whose version it has.
        let beside = stage
            .processes()
            .program()
            .map(|program| program.with_file_name("pgbench"))
            .filter(|program| program.is_file());
        let fixed = [
            ("entity", LEGAL_ENTITY.to_owned()),
            ("version", "1".to_owned()),
            ("b2b", "false".to_owned()),
            ("issuer", ISSUER.to_owned()),
            ("provider", PROVIDER.to_owned()),
        ];
        let variables = fixed.iter().chain(variables);
        Ok(Self {
            program: beside.unwrap_or_else(|| PathBuf::from("pgbench")),
            script: path,
            database: stage.connection_string(database),
            variables: variables
                .flat_map(|(name, value)| ["-D".to_owned(), format!("{name}={value}")])
                .collect(),
            runs: AtomicU64::new(0),
        })
    }

    /// Of so many clients, the number with which it does most.
    pub(super) async fn best_of(
        &self,
        stage: &Stage,
        clients: impl IntoIterator<Item = usize>,
        time: Duration,
    ) -> Result<usize, BenchFailure> {
        let mut best = (0.0, 1);
        for clients in clients {
            let run = self.run(stage, clients, time).await?;
            if run.per_second > best.0 {
                best = (run.per_second, clients);
            }
        }
        Ok(best.1)
    }

    pub(super) async fn run(
        &self,
        stage: &Stage,
        clients: usize,
        time: Duration,
    ) -> Result<Run, BenchFailure> {
        let seconds = time.as_secs().max(1);
        // For scripts that write: what one run makes is not another's.
        let base = self.runs.fetch_add(1, Ordering::Relaxed) * A_RUN;
        let before = stage.processes().cpu();
        let output = Command::new(&self.program)
            .args(["-M", "prepared", "-n"])
            .args(["-c", &clients.to_string()])
            .args(["-j", &clients.min(2).to_string()])
            .args(["-T", &seconds.to_string()])
            .arg("-f")
            .arg(&self.script)
            .args(&self.variables)
            .args(["-D", &format!("base={base}")])
            .arg(&self.database)
            // It keeps its plans as the service does.
            .env("PGOPTIONS", BY_INDEX)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(BenchFailure::NoPgbench)?;
        let postgres = stage.processes().cpu().saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || text.contains("Run was aborted") {
            return Err(BenchFailure::Pgbench {
                status: output.status,
                text: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        parse(&text, postgres)
    }
}

fn parse(text: &str, postgres: Duration) -> Result<Run, BenchFailure> {
    let after = |key: &'static str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number.ok_or(BenchFailure::PgbenchSilent(key))
    };
    let number = |key: &'static str| {
        let value = after(key)?.parse::<f64>();
        value.map_err(|_| BenchFailure::PgbenchSilent(key))
    };
    // `123/456` where the number of transactions was set.
    let transactions = after("number of transactions actually processed: ")?;
    let transactions = transactions.split('/').next().and_then(|n| n.parse().ok());
    Ok(Run {
        transactions: transactions.unwrap_or_default(),
        per_second: number("tps = ")?,
        mean: Duration::from_secs_f64(number("latency average = ")? / 1000.0),
        postgres,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: lookup.sql
scaling factor: 1
query mode: prepared
number of clients: 8
number of threads: 2
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 81234
number of failed transactions: 0 (0.000%)
latency average = 0.196 ms
initial connection time = 12.345 ms
tps = 40617.123456 (without initial connection time)
";

    #[test]
    fn what_pgbench_prints_is_read() {
        let run = parse(SAID, Duration::ZERO).unwrap();
        assert_eq!(run.transactions, 81_234);
        assert_eq!(run.per_second, 40_617.123_456);
        assert_eq!(run.mean, Duration::from_micros(196));
    }

    #[test]
    fn what_it_does_not_print_is_missed() {
        let error = parse("latency average = 1 ms", Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "pgbench said nothing of number of transactions actually processed: "
        );
    }
}
