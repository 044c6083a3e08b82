//! Contenders in turns: each measured once a round, so that what the machine
//! does meanwhile falls on all of them.

use std::time::Duration;

use super::failure::BenchFailure;
use super::figures::{Round, Run, Setting};
use super::generator::{Measured, measure};
use super::load::{Asking, Errors, Pace, Plan};
use super::pgbench::Pgbench;
use super::processes::Tree;
use super::service::{CONNECTOR, Service, authorization};
use super::stage::{Certificate, Stage};

/// How long each is measured, how often, and what comes before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) rounds: usize,
    pub(super) warm_up: Duration,
    pub(super) measure: Duration,
}

impl Timing {
    /// Warms up for a second, or for as long as is measured.
    pub(super) fn of(rounds: usize, seconds: f64) -> Self {
        Self {
            rounds,
            warm_up: Duration::from_secs_f64(seconds.min(1.0)),
            measure: Duration::from_secs_f64(seconds),
        }
    }
}

/// A service, what it is asked, and how far the questions have come.
pub(super) struct Contender {
    pub(super) service: Service,
    pub(super) asking: Asking,
    pub(super) customers: u64,
    next: u64,
    /// Right answers so far, those of warm-ups included.
    pub(super) answers: u64,
    pub(super) errors: Errors,
    pub(super) complaint: Option<String>,
}

/// Rounds of one contender at one number of callers.
pub(super) struct Rounds {
    pub(super) rounds: Vec<Round>,
    pub(super) run: Run,
}

impl Contender {
    pub(super) fn new(service: Service, asking: Asking, customers: u64) -> Self {
        Self {
            service,
            asking,
            customers,
            next: 0,
            answers: 0,
            errors: Errors::default(),
            complaint: None,
        }
    }

    pub(super) fn plan(
        &self,
        certificate: Option<&Certificate>,
        callers: usize,
        pace: Pace,
        timing: Timing,
    ) -> Plan {
        Plan {
            address: self.service.address,
            certificate: certificate.map(|files| files.certificate.clone()),
            path: CONNECTOR.to_owned(),
            authorization: authorization(),
            callers,
            pace,
            asking: self.asking,
            first: self.next,
            warm_up: timing.warm_up,
            measure: timing.measure,
        }
    }

    /// One round. What goes wrong is kept for the end.
    pub(super) async fn round(
        &mut self,
        plan: &Plan,
        postgres: Tree,
    ) -> Result<Measured, BenchFailure> {
        let measured = measure(plan, self.service.processes(), postgres).await?;
        let outcome = &measured.outcome;
        self.next = outcome.next;
        self.answers += outcome.answers + outcome.warm_up_answers;
        self.errors.add(outcome.errors);
        if self.complaint.is_none() {
            self.complaint.clone_from(&outcome.complaint);
        }
        Ok(measured)
    }

    /// Whether every answer was right.
    pub(super) fn verdict(&self) -> Result<(), BenchFailure> {
        verdict(self.service.name, self.errors, self.complaint.as_deref())
    }
}

/// One answer that is wrong, or missing, makes everything worthless.
fn verdict(what: &str, errors: Errors, complaint: Option<&str>) -> Result<(), BenchFailure> {
    match errors.all() {
        0 => Ok(()),
        errors => Err(BenchFailure::Wrong {
            what: what.to_owned(),
            errors,
            complaint: complaint.unwrap_or_default().to_owned(),
        }),
    }
}

/// One run of everybody against everybody at one number of callers.
pub(super) struct Contest<'a> {
    pub(super) stage: &'a Stage,
    pub(super) certificate: Option<&'a Certificate>,
    pub(super) timing: Timing,
}

impl Contest<'_> {
    /// The contenders in their order, and after the first of them pgbench.
    pub(super) async fn hold(
        &self,
        contenders: &mut [Contender],
        pgbench: Option<(&Pgbench, usize)>,
        callers: usize,
    ) -> Result<(Vec<Rounds>, Option<Rounds>), BenchFailure> {
        let mut rounds: Vec<Vec<Round>> = contenders.iter().map(|_| Vec::new()).collect();
        let mut of_pgbench = Vec::new();
        let postgres = self.stage.processes();
        for _ in 0..self.timing.rounds {
            for (n, contender) in contenders.iter_mut().enumerate() {
                let plan = contender.plan(self.certificate, callers, Pace::Closed, self.timing);
                let measured = contender.round(&plan, postgres).await?;
                if let Some(rounds) = rounds.get_mut(n) {
                    rounds.push(Round::of(&measured));
                }
                if let (0, Some((pgbench, clients))) = (n, pgbench) {
                    let run = pgbench
                        .run(self.stage, clients, self.timing.measure)
                        .await?;
                    of_pgbench.push(Round::of_pgbench(&run));
                }
            }
        }
        let all = contenders.iter().zip(rounds).map(|(contender, rounds)| {
            let setting = self.setting(contender.service.name, contender.customers, callers);
            let memory = contender.service.processes().peak_memory();
            Rounds {
                run: Run::of(setting, &rounds, Some(memory)),
                rounds,
            }
        });
        let all = all.collect();
        let of_pgbench = pgbench.map(|(_, clients)| {
            let customers = contenders.first().map_or(0, |first| first.customers);
            let setting = Setting {
                tls: false,
                ..self.setting("pgbench", customers, clients)
            };
            Rounds {
                run: Run::of(setting, &of_pgbench, None),
                rounds: of_pgbench,
            }
        });
        Ok((all, of_pgbench))
    }

    pub(super) fn setting(&self, what: &'static str, customers: u64, callers: usize) -> Setting {
        Setting {
            what,
            customers,
            callers,
            tls: self.certificate.is_some(),
            arrivals_per_second: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_of_any_kind_fails_the_bench() {
        assert!(verdict("idlink", Errors::default(), None).is_ok());
        let none = Errors::default();
        for errors in [
            Errors { wrong: 1, ..none },
            Errors { refused: 1, ..none },
            Errors { broken: 1, ..none },
        ] {
            let failure = verdict("idlink", errors, Some("question 7: nothing")).unwrap_err();
            assert_eq!(
                failure.to_string(),
                "idlink: 1 of the answers were wrong or missing, so nothing of this counts; \
                 the first: question 7: nothing"
            );
        }
    }
}
