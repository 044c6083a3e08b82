//! How much load the generator can make, found with something that has
//! nothing to do but to answer: what comes near it says more of the generator.

use std::time::Duration;

use super::super::contest::{Contender, Timing};
use super::super::failure::BenchFailure;
use super::super::figures::rounded;
use super::super::load::{Asking, Pace};
use super::super::population::Population;
use super::super::report::Report;
use super::super::service::{Start, free_port, own_program};
use super::super::stage::{Certificate, Stage, say};
use super::ConnectorBench;

pub(super) async fn measure(
    bench: &ConnectorBench,
    stage: &Stage,
    certificate: Option<&Certificate>,
    report: &mut Report,
) -> Result<(), BenchFailure> {
    say(format_args!("measuring the load generator itself"));
    let port = free_port()?;
    let mut command = own_program()?;
    command.args(["bench", "constant", "--port", &port.to_string()]);
    if let Some(files) = certificate {
        command.arg("--certificate").arg(&files.certificate);
        command.arg("--key").arg(&files.key);
    }
    let start = Start {
        name: "constant",
        command,
        port,
        log: stage.folder.file("constant.log"),
    };
    let asking = Asking::Constant(Population::of(bench.customers));
    let mut constant = Contender::new(start.run().await?, asking, bench.customers);
    let timing = Timing {
        measure: bench.timing().measure.min(Duration::from_secs(3)),
        ..bench.timing()
    };
    let plan = constant.plan(certificate, bench.goal_callers(), Pace::Closed, timing);
    let measured = constant.round(&plan, stage.processes()).await?;
    constant.verdict()?;
    let figures = &mut report.figures;
    figures.insert("generator_ceiling", rounded(measured.per_second()));
    let share = measured.generator.as_secs_f64() / measured.outcome.seconds;
    figures.insert("generator_ceiling_cores", rounded(share));
    constant.service.stop().await;
    Ok(())
}
