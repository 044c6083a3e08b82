//! From the start of the program to its first right answer.

use std::time::{Duration, Instant};

use super::super::contest::{Contender, Timing};
use super::super::failure::BenchFailure;
use super::super::figures::{median, millis, rounded};
use super::super::load::first::first_answer;
use super::super::load::{Asking, Pace};
use super::super::report::Report;
use super::super::service;
use super::super::stage::{Stage, say};
use super::Field;

const TIMES: usize = 11;
const LIMIT: Duration = Duration::from_secs(30);

/// The database runs already. The attempts that this leaves are of nobody's
/// count: the last of all contenders' measurements is over.
pub(super) async fn measure(
    stage: &Stage,
    field: &Field,
    report: &mut Report,
) -> Result<(), BenchFailure> {
    say(format_args!("starting idlink {TIMES} times"));
    let certificate = field.certificate.as_ref();
    let asking = Asking::SignUps(field.customers.population);
    let mut times = Vec::new();
    for n in 0..TIMES {
        let start = service::idlink(stage, &field.customers.database, certificate)?;
        let log = start.log.clone();
        let begun = Instant::now();
        let service = start.spawn()?;
        let contender = Contender::new(service, asking, 0);
        let timing = Timing {
            rounds: 1,
            warm_up: Duration::ZERO,
            measure: LIMIT,
        };
        let mut plan = contender.plan(certificate, 1, Pace::Closed, timing);
        // Questions that no contender has come to.
        plan.first = u64::from(u32::MAX) + 10 * n as u64;
        let answered = first_answer(&plan, LIMIT)
            .await
            .map_err(|error| BenchFailure::Generator(error.to_string()))?;
        let Some(answered) = answered else {
            return Err(BenchFailure::Silent {
                what: "idlink".to_owned(),
                seconds: LIMIT.as_secs(),
                log,
            });
        };
        times.push(millis(answered.duration_since(begun)));
        contender.service.stop().await;
    }
    report.figures.insert("start_ms", rounded(median(times)));
    Ok(())
}
