//! What a request costs among few customers and among many.

use super::super::contest::{Contender, Contest};
use super::super::failure::BenchFailure;
use super::super::figures::growth;
use super::super::load::Asking;
use super::super::report::Report;
use super::super::service;
use super::super::stage::{Stage, say};
use super::{ConnectorBench, Field};

const FEW: u64 = 100_000;

/// Measures two services in turns, each with customers of its own.
pub(super) async fn measure(
    bench: &ConnectorBench,
    stage: &Stage,
    field: &mut Field,
    report: &mut Report,
) -> Result<(), BenchFailure> {
    let few = stage.customers(FEW).await?;
    let callers = bench.goal_callers();
    say(format_args!("measuring among {FEW} customers, too"));
    let contest = Contest {
        stage,
        certificate: field.certificate.as_ref(),
        timing: bench.timing(),
    };
    let start = service::idlink(stage, &few.database, field.certificate.as_ref())?;
    let asking = Asking::SignUps(few.population);
    let small = Contender::new(start.run().await?, asking, FEW);
    // idlink among many, which stands first, goes back there at the end.
    let mut both = vec![small, field.contenders.remove(0)];
    let held = contest.hold(&mut both, None, callers).await;
    let large = both.pop();
    let small = both.pop();
    field.contenders.splice(0..0, large);
    let (mut all, _) = held?;
    if let [few, many] = all.as_slice() {
        let times = growth(&few.rounds, &many.rounds);
        report.figures.insert("growth", times);
    }
    all.truncate(1);
    report.runs.extend(all.into_iter().map(|rounds| rounds.run));
    if let Some(small) = small {
        small.verdict()?;
        small.service.stop().await;
    }
    few.store.close();
    Ok(())
}
