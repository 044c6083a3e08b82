//! What was measured, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::failure::BenchFailure;
use super::figures::{Goal, Run};
use super::machine::Circumstances;

/// Everything of one `bench`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) circumstances: Circumstances,
    pub(super) customers: u64,
    pub(super) runs: Vec<Run>,
    /// How many times as many requests as the other, at the same number of
    /// callers, in the same round; the median of the rounds.
    pub(super) ratios: BTreeMap<&'static str, f64>,
    /// What has one figure only.
    pub(super) figures: BTreeMap<&'static str, f64>,
    pub(super) goals: Vec<Goal>,
}

impl Report {
    pub(super) fn new(circumstances: Circumstances, customers: u64) -> Self {
        Self {
            circumstances,
            customers,
            runs: Vec::new(),
            ratios: BTreeMap::new(),
            figures: BTreeMap::new(),
            goals: Vec::new(),
        }
    }

    pub(super) fn run(&self, what: &str, callers: usize) -> Option<&Run> {
        self.runs.iter().find(|run| {
            run.what == what
                && run.callers == callers
                && run.customers == self.customers
                && run.arrivals_per_second.is_none()
        })
    }

    /// To standard output: as JSON, or as a table under its title.
    pub(super) fn show(&self, as_json: bool, title: &str) -> Result<(), BenchFailure> {
        match as_json {
            true => self
                .print_json()
                .map_err(|error| BenchFailure::Generator(error.to_string()))?,
            false => self.print(title),
        }
        Ok(())
    }

    fn print_json(&self) -> Result<(), serde_json::Error> {
        println!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }

    fn print(&self, title: &str) {
        println!("{title}");
        println!("{}", self.circumstances.line());
        println!("");
        println!(
            "{:<22} {:>9} {:>7} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>8} {:>6}",
            "",
            "customers",
            "callers",
            "req/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "service",
            "postgres",
            "MB",
            "errors"
        );
        println!("{:>83} {:>9}", "CPU µs", "a request");
        for run in &self.runs {
            println!("{}", line(run));
        }
        println!("");
        for (what, ratio) in &self.ratios {
            println!(
                "{:<52}   {ratio:>16.2}",
                format!("times as many requests as {what}")
            );
        }
        for (what, figure) in &self.figures {
            println!("{:<52}   {figure:>16.2}", what.replace('_', " "));
        }
        if !self.goals.is_empty() {
            println!("");
        }
        for goal in &self.goals {
            println!("{}", goal.line());
        }
        println!("");
        println!("to repeat it: {}", self.circumstances.command);
        if self.circumstances.build == "debug" {
            println!("this is a debug build: its figures mean nothing");
        }
    }
}

fn line(run: &Run) -> String {
    let what = match (run.arrivals_per_second, run.tls) {
        (Some(rate), _) => format!("{}, {rate:.0} arrive/s", run.what),
        (None, true) => format!("{}, HTTPS", run.what),
        (None, false) => run.what.to_owned(),
    };
    let show = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    // pgbench tells a mean only.
    let p50 = match (run.p50_ms, run.mean_ms) {
        (None, Some(mean)) => format!("~{mean:.2}"),
        (p50, _) => show(p50, 2),
    };
    format!(
        "{what:<22} {:>9} {:>7} {:>8.0} {p50:>8} {:>8} {:>9} {:>9} {:>9.1} {:>8} {:>6}",
        run.customers,
        run.callers,
        run.requests_per_second,
        show(run.p99_ms, 2),
        show(run.p999_ms, 2),
        show(run.cpu_us_service, 1),
        run.cpu_us_postgres,
        show(run.memory_mb, 1),
        run.errors
    )
}
