//! What rounds come to: medians, ratios of the same round, goals.

use std::time::Duration;

use serde::Serialize;

use super::generator::Measured;
use super::load::Errors;
use super::pgbench;

/// One contender at one number of callers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    pub(super) what: &'static str,
    pub(super) customers: u64,
    pub(super) callers: usize,
    pub(super) tls: bool,
    /// Where requests arrive whether or not the ones before are answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arrivals_per_second: Option<f64>,
    pub(super) requests_per_second: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) p999_ms: Option<f64>,
    pub(super) mean_ms: Option<f64>,
    pub(super) cpu_us_service: Option<f64>,
    pub(super) cpu_us_postgres: f64,
    pub(super) cpu_us_generator: Option<f64>,
    pub(super) memory_mb: Option<f64>,
    pub(super) errors: u64,
    /// Requests a second, round by round.
    pub(super) rounds: Vec<f64>,
}

/// The same of one round.
#[derive(Clone, Debug)]
pub(super) struct Round {
    per_second: f64,
    p50: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    mean: Option<f64>,
    service: Option<f64>,
    postgres: f64,
    generator: Option<f64>,
    errors: Errors,
}

impl Round {
    pub(super) fn of(measured: &Measured) -> Self {
        let outcome = &measured.outcome;
        let each = |time: Duration| micros(time) / outcome.answers.max(1) as f64;
        Self {
            per_second: measured.per_second(),
            p50: Some(millis(outcome.p50)),
            p99: Some(millis(outcome.p99)),
            p999: Some(millis(outcome.p999)),
            mean: None,
            service: Some(each(measured.service)),
            postgres: each(measured.postgres),
            generator: Some(each(measured.generator)),
            errors: outcome.errors,
        }
    }

    pub(super) fn of_pgbench(run: &pgbench::Run) -> Self {
        Self {
            per_second: run.per_second,
            p50: None,
            p99: None,
            p999: None,
            mean: Some(millis(run.mean)),
            service: None,
            postgres: micros(run.postgres) / run.transactions.max(1) as f64,
            generator: None,
            errors: Errors::default(),
        }
    }

    /// Microseconds of processors for a request, service and PostgreSQL.
    pub(super) fn cpu(&self) -> f64 {
        self.service.unwrap_or_default() + self.postgres
    }
}

/// Who was measured, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) what: &'static str,
    pub(super) customers: u64,
    pub(super) callers: usize,
    pub(super) tls: bool,
    pub(super) arrivals_per_second: Option<f64>,
}

impl Run {
    pub(super) fn of(setting: Setting, rounds: &[Round], memory: Option<u64>) -> Self {
        let each = |pick: fn(&Round) -> f64| median(rounds.iter().map(pick));
        let some = |pick: fn(&Round) -> Option<f64>| {
            let values: Vec<f64> = rounds.iter().filter_map(pick).collect();
            (!values.is_empty()).then(|| median(values))
        };
        Self {
            what: setting.what,
            customers: setting.customers,
            callers: setting.callers,
            tls: setting.tls,
            arrivals_per_second: setting.arrivals_per_second.map(rounded),
            requests_per_second: rounded(each(|round| round.per_second)),
            p50_ms: some(|round| round.p50).map(rounded),
            p99_ms: some(|round| round.p99).map(rounded),
            p999_ms: some(|round| round.p999).map(rounded),
            mean_ms: some(|round| round.mean).map(rounded),
            cpu_us_service: some(|round| round.service).map(rounded),
            cpu_us_postgres: rounded(each(|round| round.postgres)),
            cpu_us_generator: some(|round| round.generator).map(rounded),
            memory_mb: memory.map(|bytes| rounded(bytes as f64 / 1e6)),
            errors: rounds.iter().map(|round| round.errors.all()).sum(),
            rounds: rounds
                .iter()
                .map(|round| rounded(round.per_second))
                .collect(),
        }
    }

    /// Service and PostgreSQL, microseconds for a request.
    pub(super) fn cpu_us(&self) -> f64 {
        self.cpu_us_service.unwrap_or_default() + self.cpu_us_postgres
    }
}

/// The number of callers that the goals are about.
pub(super) const GOAL_CALLERS: usize = 64;

/// That one, or what comes nearest to it.
pub(super) fn goal_callers(measured: &[usize]) -> usize {
    let nearest = measured.iter().min_by_key(|n| n.abs_diff(GOAL_CALLERS));
    nearest.copied().unwrap_or(GOAL_CALLERS)
}

/// How many times as many requests as the other, in the same round.
pub(super) fn ratio(ours: &[Round], other: &[Round]) -> f64 {
    let pairs = ours.iter().zip(other);
    rounded(median(pairs.map(|(ours, other)| {
        ours.per_second / other.per_second.max(f64::MIN_POSITIVE)
    })))
}

/// How many times as much of the processors for a request.
pub(super) fn growth(small: &[Round], large: &[Round]) -> f64 {
    let pairs = small.iter().zip(large);
    rounded(median(pairs.map(|(small, large)| {
        large.cpu() / small.cpu().max(f64::MIN_POSITIVE)
    })))
}

pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => 0.0,
        (1, Some(value)) => *value,
        (_, Some(upper)) => {
            let lower = values.get(middle.saturating_sub(1)).unwrap_or(upper);
            f64::midpoint(*lower, *upper)
        }
    }
}

/// To as many digits as a measurement like this has.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What is to be reached, and what was.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Goal {
    figure: String,
    goal: f64,
    reached: f64,
    met: bool,
    #[serde(skip)]
    bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    AtLeast,
    AtMost,
}

impl Goal {
    pub(super) fn new(figure: impl Into<String>, bound: Bound, goal: f64, reached: f64) -> Self {
        let met = match bound {
            Bound::AtLeast => reached >= goal,
            Bound::AtMost => reached <= goal,
        };
        Self {
            figure: figure.into(),
            goal,
            reached: rounded(reached),
            met,
            bound,
        }
    }

    pub(super) fn line(&self) -> String {
        let sign = match self.bound {
            Bound::AtLeast => "≥",
            Bound::AtMost => "≤",
        };
        let verdict = if self.met { "met" } else { "missed" };
        format!(
            "{:<52} {sign} {:<6} {:>9.2}  {verdict}",
            self.figure, self.goal, self.reached
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(per_second: f64) -> Round {
        Round {
            per_second,
            p50: None,
            p99: None,
            p999: None,
            mean: None,
            service: Some(1_000_000.0 / per_second),
            postgres: 0.0,
            generator: None,
            errors: Errors::default(),
        }
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        // Each round by itself: 2, 10, 3. The ratio of medians would be 4.
        let ours = [200.0, 1000.0, 300.0].map(round);
        let other = [100.0, 100.0, 100.0].map(round);
        assert_eq!(ratio(&ours, &other), 3.0);
        let noisy = [100.0, 500.0, 75.0].map(round);
        assert_eq!(ratio(&ours, &noisy), 2.0);
    }

    #[test]
    fn growth_is_what_the_larger_one_costs_more() {
        let small = [1000.0, 1000.0, 1000.0].map(round);
        let large = [500.0, 1000.0, 800.0].map(round);
        assert_eq!(growth(&small, &large), 1.25);
    }

    #[test]
    fn medians_of_even_and_odd_and_none() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn a_goal_on_its_bound_is_met() {
        assert!(Goal::new("x", Bound::AtLeast, 1.0, 1.0).met);
        assert!(Goal::new("x", Bound::AtMost, 1.0, 1.0).met);
        assert!(!Goal::new("x", Bound::AtLeast, 1.0, 0.99).met);
        assert!(!Goal::new("x", Bound::AtMost, 1.0, 1.01).met);
    }
}
