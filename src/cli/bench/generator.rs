//! The load generator as seen from the bench: started, told its plan, timed
//! against what the services use meanwhile.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::failure::BenchFailure;
use super::load::{Outcome, Plan};
use super::processes::Tree;
use super::service::own_program;

/// What was measured, and what it took of the processors.
pub(super) struct Measured {
    pub(super) outcome: Outcome,
    pub(super) service: Duration,
    pub(super) postgres: Duration,
    pub(super) generator: Duration,
}

impl Measured {
    pub(super) fn per_second(&self) -> f64 {
        self.outcome.answers as f64 / self.outcome.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Puts the load of `plan` on something, and sees what `service` and
/// `postgres` use for it.
pub(super) async fn measure(
    plan: &Plan,
    service: Tree,
    postgres: Tree,
) -> Result<Measured, BenchFailure> {
    let mut generator = Generator::start().await?;
    generator
        .tell(&serde_json::to_string(plan).map_err(failed)?)
        .await?;
    generator.hear("warm").await?;
    let own = Tree::of(generator.pid);
    let before = [service, postgres, own].map(Tree::cpu);
    generator.tell("go").await?;
    generator.hear("done").await?;
    let after = [service, postgres, own].map(Tree::cpu);
    let outcome: Outcome = serde_json::from_str(&generator.line().await?).map_err(failed)?;
    generator.end().await?;
    let [service, postgres, generator] =
        std::array::from_fn(|n| after[n].saturating_sub(before[n]));
    Ok(Measured {
        outcome,
        service,
        postgres,
        generator,
    })
}

struct Generator {
    process: Child,
    pid: u32,
    orders: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Generator {
    async fn start() -> Result<Self, BenchFailure> {
        let start = |source| BenchFailure::Start {
            what: "the load generator".to_owned(),
            source,
        };
        let mut process = own_program()?
            .args(["bench", "load"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let (Some(orders), Some(out), Some(pid)) =
            (process.stdin.take(), process.stdout.take(), process.id())
        else {
            return Err(failed("it has no pipes"));
        };
        Ok(Self {
            process,
            pid,
            orders,
            lines: BufReader::new(out).lines(),
        })
    }

    async fn tell(&mut self, line: &str) -> Result<(), BenchFailure> {
        let line = format!("{line}\n");
        self.orders.write_all(line.as_bytes()).await.map_err(failed)
    }

    async fn line(&mut self) -> Result<String, BenchFailure> {
        let line = self.lines.next_line().await.map_err(failed)?;
        line.ok_or_else(|| failed("it ended early"))
    }

    async fn hear(&mut self, expected: &str) -> Result<(), BenchFailure> {
        match self.line().await? {
            line if line == expected => Ok(()),
            line => Err(failed(line)),
        }
    }

    async fn end(mut self) -> Result<(), BenchFailure> {
        self.process.wait().await.map_err(failed)?;
        Ok(())
    }
}

fn failed(why: impl ToString) -> BenchFailure {
    BenchFailure::Generator(why.to_string())
}
