//! `idlink bench token`: first tokens, for each of which a customer is created
//! and linked, against pgbench sending the same statements.

use std::time::Duration;

use clap::Args;

use super::contest::{Contender, Contest, Timing};
use super::failure::BenchFailure;
use super::figures::{Bound, Goal, Run, goal_callers, ratio};
use super::load::Asking;
use super::machine::Circumstances;
use super::pgbench::Pgbench;
use super::population::SITE;
use super::report::Report;
use super::service;
use super::stage::{Folder, Stage, say};
use crate::cli::Context;
use crate::store::baseline::lookups::{Recorded, recording_script};

/// Of pgbench's speed.
const GOAL: f64 = 0.8;

/// Record first tokens of new people, beside pgbench with the same statements
#[derive(Debug, Args)]
pub(super) struct TokenBench {
    /// How many customers there are before
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    customers: u64,
    /// How many ask at the same time, each back to back
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [8, 64])]
    callers: Vec<usize>,
    /// Ask over HTTPS
    #[arg(long)]
    tls: bool,
    /// How often both are measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How long each time
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

impl TokenBench {
    pub(super) async fn run(self, context: &Context) -> Result<(), BenchFailure> {
        let folder = Folder::make(None, context.data_dir())?;
        let stage = Stage::set_up(folder).await?;
        let measured = self.measure(&stage).await;
        stage.stop().await?;
        let (report, verdict) = measured?;
        let title = format!(
            "first tokens of new people, a customer and a link for each; medians of {} rounds of {} s",
            self.rounds, self.seconds
        );
        report.show(self.json, &title)?;
        verdict
    }

    async fn measure(
        &self,
        stage: &Stage,
    ) -> Result<(Report, Result<(), BenchFailure>), BenchFailure> {
        let circumstances = Circumstances::now(stage.version().await);
        let mut report = Report::new(circumstances, self.customers);
        let certificate = self.tls.then(|| stage.certificate()).transpose()?;
        let customers = stage.customers(self.customers).await?;
        let start = service::idlink(stage, &customers.database, certificate.as_ref())?;
        let idlink = Contender::new(start.run().await?, Asking::FirstTokens, self.customers);
        let pgbench = Pgbench::new(
            stage,
            &customers.database,
            &recording_script(),
            &[("n", "0".to_owned())],
        )?;
        let contest = Contest {
            stage,
            certificate: certificate.as_ref(),
            timing: Timing::of(self.rounds, self.seconds),
        };
        let mut contenders = [idlink];
        for callers in &self.callers {
            say(format_args!("measuring with {callers} callers"));
            let time = Duration::from_secs_f64(self.seconds.min(2.0));
            let clients = pgbench.best_of(stage, [8, 16, *callers], time).await?;
            let held = contest.hold(&mut contenders, Some((&pgbench, clients)), *callers);
            let (all, of_pgbench) = held.await?;
            if let ([idlink], Some(pgbench)) = (all.as_slice(), &of_pgbench)
                && *callers == goal_callers(&self.callers)
            {
                let times = ratio(&idlink.rounds, &pgbench.rounds);
                report.ratios.insert("pgbench", times);
                let figure = format!("times as many as pgbench, {callers} callers");
                let goal = Goal::new(figure, Bound::AtLeast, GOAL, times);
                report.goals.push(goal);
            }
            report.runs.extend(all.into_iter().map(|rounds| rounds.run));
            report.runs.extend(of_pgbench.map(|rounds| Run {
                callers: *callers,
                ..rounds.run
            }));
        }
        let recorded = customers.store.count_recorded(SITE).await?;
        let [idlink] = contenders;
        let verdict = idlink
            .verdict()
            .and_then(|()| all_recorded(recorded, idlink.answers));
        idlink.service.stop().await;
        customers.store.close();
        Ok((report, verdict))
    }
}

/// Whether each answer has left all of its rows, and nothing has left more.
fn all_recorded(recorded: Recorded, answers: u64) -> Result<(), BenchFailure> {
    let rows = [
        ("customers", recorded.customers, answers),
        ("links", recorded.links, answers),
        ("lines of audit, two each", recorded.audits, 2 * answers),
        ("events, two each", recorded.events, 2 * answers),
    ];
    for (what, rows, expected) in rows {
        if rows != expected {
            return Err(BenchFailure::Rows {
                what,
                answers,
                rows,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_too_few_or_too_many_is_noticed() {
        let right = Recorded {
            customers: 3,
            links: 3,
            audits: 6,
            events: 6,
        };
        assert!(all_recorded(right, 3).is_ok());
        let wrong = [
            Recorded {
                customers: 2,
                ..right
            },
            Recorded { links: 4, ..right },
            Recorded { audits: 3, ..right },
            Recorded { events: 5, ..right },
        ];
        for recorded in wrong {
            assert!(all_recorded(recorded, 3).is_err(), "{recorded:?}");
        }
    }
}
