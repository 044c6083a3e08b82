//! `idlink bench connector`: sign-ups answered, against what PostgreSQL alone
//! can do and against what people would write instead.

mod ceiling;
mod goals;
mod growth;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::chart::Chart;
use super::contest::{Contender, Contest, Rounds, Timing};
use super::failure::BenchFailure;
use super::figures::{GOAL_CALLERS, Round, Run, Setting, goal_callers, ratio};
use super::load::{Asking, Pace};
use super::machine::Circumstances;
use super::peers::{Peer, Peers};
use super::pgbench::Pgbench;
use super::population::SITE;
use super::report::Report;
use super::service;
use super::stage::{Certificate, Customers, Folder, Stage, say};
use crate::cli::Context;
use crate::store::baseline::lookups::lookup_script;

/// From as many customers on, the first questions are answered from the disk.
const MANY: u64 = 1_000_000;

/// Of what back-to-back callers reach, as much arrives at even distances.
const ARRIVING: f64 = 0.5;

/// Answer sign-ups, beside pgbench and connectors that others would write
#[derive(Debug, Args)]
pub(super) struct ConnectorBench {
    /// How many customers there are
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    customers: u64,
    /// How many ask at the same time, each back to back
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [8, 64, 256])]
    callers: Vec<usize>,
    /// Ask over HTTPS
    #[arg(long)]
    tls: bool,
    /// How often everybody is measured
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// How long each time
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
    /// How long before the first time, to fill caches [default: 1, or 20 from
    /// a million customers on]
    #[arg(long, value_name = "S")]
    warm_up: Option<f64>,
    /// Also compare what a request costs with what it costs among 100 thousand
    /// customers
    #[arg(long)]
    growth: bool,
    /// Which connectors of others to measure beside
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Peer::ALL)]
    peers: Vec<Peer>,
    /// None of them
    #[arg(long, conflicts_with = "peers")]
    no_peers: bool,
    /// Where they are; their packages are installed there
    #[arg(long, value_name = "DIR", default_value = "benches/peers")]
    peers_dir: PathBuf,
    /// Keep the customers in this folder, or use those of an earlier run
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Draw them
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// All that answers in one run.
struct Field {
    certificate: Option<Certificate>,
    customers: Customers,
    /// idlink first.
    contenders: Vec<Contender>,
    pgbench: Pgbench,
}

impl ConnectorBench {
    pub(super) async fn run(self, context: &Context) -> Result<(), BenchFailure> {
        let peers = self.installed_peers().await?;
        let folder = Folder::make(self.keep.as_deref(), context.data_dir())?;
        let stage = Stage::set_up(folder).await?;
        let measured = self.measure(&stage, peers.as_ref()).await;
        stage.stop().await?;
        let (report, verdict) = measured?;
        self.show(&report)?;
        verdict
    }

    async fn installed_peers(&self) -> Result<Option<Peers>, BenchFailure> {
        if self.no_peers {
            return Ok(None);
        }
        let peers = Peers::at(&self.peers_dir)?;
        for peer in &self.peers {
            peers.install(*peer).await?;
        }
        Ok(Some(peers))
    }

    fn show(&self, report: &Report) -> Result<(), BenchFailure> {
        if let Some(path) = &self.svg {
            let callers = self.goal_callers();
            let chart = Chart::of(report, callers);
            std::fs::write(path, chart.svg()).map_err(|source| BenchFailure::File {
                path: path.clone(),
                source,
            })?;
        }
        let protocol = if self.tls { "HTTPS" } else { "HTTP" };
        let title = format!(
            "sign-ups answered over {protocol}, attempts written; medians of {} rounds of {} s",
            self.rounds, self.seconds
        );
        report.show(self.json, &title)
    }

    fn goal_callers(&self) -> usize {
        goal_callers(&self.callers)
    }

    fn timing(&self) -> Timing {
        Timing::of(self.rounds, self.seconds)
    }

    async fn measure(
        &self,
        stage: &Stage,
        peers: Option<&Peers>,
    ) -> Result<(Report, Result<(), BenchFailure>), BenchFailure> {
        let circumstances = Circumstances::now(stage.version().await);
        let mut report = Report::new(circumstances, self.customers);
        let mut field = self.field(stage, peers).await?;
        self.warm_up(stage, &mut field).await?;
        for callers in &self.callers {
            self.compete(stage, &mut field, *callers, &mut report)
                .await?;
        }
        self.arrive(stage, &mut field, &mut report).await?;
        if self.growth {
            growth::measure(self, stage, &mut field, &mut report).await?;
        }
        let certificate = field.certificate.as_ref();
        ceiling::measure(self, stage, certificate, &mut report).await?;
        let verdict = verdict(&field).await;
        start::measure(stage, &field, &mut report).await?;
        for contender in field.contenders {
            contender.service.stop().await;
        }
        field.customers.store.close();
        goals::judge(&mut report, self.goal_callers());
        Ok((report, verdict))
    }

    /// Starts everything that is to answer.
    async fn field(&self, stage: &Stage, peers: Option<&Peers>) -> Result<Field, BenchFailure> {
        let certificate = self.tls.then(|| stage.certificate()).transpose()?;
        let customers = stage.customers(self.customers).await?;
        let asking = Asking::SignUps(customers.population);
        let mut starts = vec![service::idlink(
            stage,
            &customers.database,
            certificate.as_ref(),
        )?];
        for peer in peers.map_or(&[][..], |_| &self.peers) {
            if let Some(peers) = peers {
                let start = peers.start(*peer, stage, &customers, certificate.as_ref());
                starts.push(start.await?);
            }
        }
        let mut contenders = Vec::new();
        for start in starts {
            say(format_args!("starting {}", start.name));
            let service = start.run().await?;
            contenders.push(Contender::new(service, asking, self.customers));
        }
        let size = [("customers", self.customers.to_string())];
        let pgbench = Pgbench::new(stage, &customers.database, &lookup_script(), &size)?;
        Ok(Field {
            certificate,
            customers,
            contenders,
            pgbench,
        })
    }

    /// Everybody is asked, and every answer looked at, before any counts.
    async fn warm_up(&self, stage: &Stage, field: &mut Field) -> Result<(), BenchFailure> {
        let default: f64 = if self.customers >= MANY { 20.0 } else { 1.0 };
        let seconds = self.warm_up.unwrap_or(default.min(self.seconds * 4.0));
        let timing = Timing {
            rounds: 1,
            warm_up: Duration::ZERO,
            measure: Duration::from_secs_f64(seconds),
        };
        for (n, contender) in field.contenders.iter_mut().enumerate() {
            say(format_args!("warming up {}", contender.service.name));
            let timing = match n {
                0 => timing,
                _ => Timing {
                    measure: timing.measure.min(Duration::from_secs(3)),
                    ..timing
                },
            };
            let plan = contender.plan(
                field.certificate.as_ref(),
                GOAL_CALLERS,
                Pace::Closed,
                timing,
            );
            contender.round(&plan, stage.processes()).await?;
            contender.verdict()?;
        }
        Ok(())
    }

    async fn compete(
        &self,
        stage: &Stage,
        field: &mut Field,
        callers: usize,
        report: &mut Report,
    ) -> Result<(), BenchFailure> {
        say(format_args!("measuring with {callers} callers"));
        let timing = self.timing();
        let few = [8, 16, callers.min(GOAL_CALLERS)];
        let time = timing.measure.min(Duration::from_secs(2));
        let clients = field.pgbench.best_of(stage, few, time).await?;
        let contest = Contest {
            stage,
            certificate: field.certificate.as_ref(),
            timing,
        };
        let pgbench = Some((&field.pgbench, clients));
        let (all, of_pgbench) = contest
            .hold(&mut field.contenders, pgbench, callers)
            .await?;
        if callers == self.goal_callers() {
            compare(&all, of_pgbench.as_ref(), report);
        }
        let mut runs = all.into_iter().map(|rounds| rounds.run);
        report.runs.extend(runs.next());
        report.runs.extend(of_pgbench.map(|rounds| Run {
            // Its clients are its own business; the callers are the level.
            callers,
            ..rounds.run
        }));
        report.runs.extend(runs);
        Ok(())
    }

    /// idlink again, asked at a fixed rate: what people wait when they do not
    /// wait for one another.
    async fn arrive(
        &self,
        stage: &Stage,
        field: &mut Field,
        report: &mut Report,
    ) -> Result<(), BenchFailure> {
        let callers = self.goal_callers();
        let Some(reached) = report.run("idlink", callers) else {
            return Ok(());
        };
        let per_second = (reached.requests_per_second * ARRIVING).max(1.0);
        say(format_args!(
            "measuring with {per_second:.0} requests arriving a second"
        ));
        let Some(idlink) = field.contenders.first_mut() else {
            return Ok(());
        };
        let timing = self.timing();
        let mut rounds = Vec::new();
        for _ in 0..timing.rounds {
            let pace = Pace::Open { per_second };
            let plan = idlink.plan(field.certificate.as_ref(), callers, pace, timing);
            rounds.push(Round::of(&idlink.round(&plan, stage.processes()).await?));
        }
        let setting = Setting {
            what: "idlink",
            customers: self.customers,
            callers,
            tls: self.tls,
            arrivals_per_second: Some(per_second),
        };
        let memory = idlink.service.processes().peak_memory();
        report.runs.push(Run::of(setting, &rounds, Some(memory)));
        Ok(())
    }
}

/// idlink, which is the first, with each of the others.
fn compare(all: &[Rounds], pgbench: Option<&Rounds>, report: &mut Report) {
    let Some((idlink, peers)) = all.split_first() else {
        return;
    };
    for other in pgbench.into_iter().chain(peers) {
        let times = ratio(&idlink.rounds, &other.rounds);
        report.ratios.insert(other.run.what, times);
    }
}

/// Whether all answers were right, and whether each of them has left a row.
async fn verdict(field: &Field) -> Result<(), BenchFailure> {
    for contender in &field.contenders {
        contender.verdict()?;
        let what = contender.service.name;
        let site = if what == "idlink" { SITE } else { what };
        let rows = field.customers.store.count_attempts(site).await?;
        let answers = contender.answers;
        if rows != answers {
            return Err(BenchFailure::Rows {
                what,
                answers,
                rows,
            });
        }
    }
    Ok(())
}
