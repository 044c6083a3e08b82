//! `idlink bench tls`: what a new connection costs.

use clap::Args;

use super::contest::{Contender, Contest, Timing};
use super::failure::BenchFailure;
use super::figures::{Round, Run, Setting, rounded};
use super::load::{Asking, Pace};
use super::machine::Circumstances;
use super::report::Report;
use super::service;
use super::stage::{Folder, Stage, say};
use crate::cli::Context;

/// Open TLS connections, each for one request that needs no database
#[derive(Debug, Args)]
pub(super) struct TlsBench {
    /// How many connect at the same time, each back to back
    #[arg(long, value_name = "N", default_value_t = 16)]
    callers: usize,
    /// How often each kind is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How long each time
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Callers that know nothing of an earlier session, and such that offer it. A
/// server that asks for certificates takes none up again (`server/tls.rs`):
/// how many were is a figure of its own.
const KINDS: [(&str, Pace); 2] = [
    ("new session", Pace::Connecting { again: false }),
    ("session offered", Pace::Connecting { again: true }),
];

impl TlsBench {
    pub(super) async fn run(self, context: &Context) -> Result<(), BenchFailure> {
        let folder = Folder::make(None, context.data_dir())?;
        let stage = Stage::set_up(folder).await?;
        let measured = self.measure(&stage).await;
        stage.stop().await?;
        let (report, verdict) = measured?;
        let title = format!(
            "TLS 1.3 connections, P-256, one refused request each; medians of {} rounds of {} s",
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
        let mut report = Report::new(circumstances, 0);
        let certificate = stage.certificate()?;
        let customers = stage.customers(0).await?;
        let start = service::idlink(stage, &customers.database, Some(&certificate))?;
        let mut idlink = Contender::new(start.run().await?, Asking::Nothing, 0);
        let timing = Timing::of(self.rounds, self.seconds);
        let contest = Contest {
            stage,
            certificate: Some(&certificate),
            timing,
        };
        say(format_args!("connecting"));
        let mut rounds: [Vec<Round>; 2] = Default::default();
        let (mut resumed, mut answers) = (0_u64, 0_u64);
        for _ in 0..self.rounds {
            for ((_, pace), rounds) in KINDS.iter().zip(&mut rounds) {
                let mut plan = idlink.plan(contest.certificate, self.callers, *pace, timing);
                plan.authorization = "Basic bm9ib2R5Ong=".to_owned();
                let measured = idlink.round(&plan, stage.processes()).await?;
                rounds.push(Round::of(&measured));
                if let Pace::Connecting { again: true } = pace {
                    resumed += measured.outcome.resumed;
                    answers += measured.outcome.answers;
                }
            }
        }
        let memory = idlink.service.processes().peak_memory();
        for ((what, _), rounds) in KINDS.iter().zip(&rounds) {
            let setting = Setting {
                tls: true,
                ..contest.setting(what, 0, self.callers)
            };
            report.runs.push(Run::of(setting, rounds, Some(memory)));
        }
        let share = resumed as f64 / answers.max(1) as f64;
        report.figures.insert("share_resumed", rounded(share));
        let verdict = idlink.verdict();
        idlink.service.stop().await;
        customers.store.close();
        Ok((report, verdict))
    }
}
