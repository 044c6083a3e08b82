//! What is to be reached, and what was.

use super::super::figures::{Bound, Goal};
use super::super::report::Report;

/// How many times as many requests, against each of the others.
const TIMES: [(&str, f64); 4] = [
    ("pgbench", 1.0),
    ("express", 10.0),
    ("fastify", 5.0),
    ("fastapi", 15.0),
];

/// Adds the goals for which something was measured.
pub(super) fn judge(report: &mut Report, callers: usize) {
    let mut goals = Vec::new();
    for (what, times) in TIMES {
        if let Some(reached) = report.ratios.get(what) {
            let figure = format!("times as many requests as {what}");
            goals.push(Goal::new(figure, Bound::AtLeast, times, *reached));
        }
    }
    if let Some(run) = report.run("idlink", callers) {
        let at = |what: &str| format!("{what}, {callers} callers");
        goals.push(Goal::new(
            at("CPU µs a request, service + PostgreSQL"),
            Bound::AtMost,
            40.0,
            run.cpu_us(),
        ));
        if let Some(p99) = run.p99_ms {
            goals.push(Goal::new(at("p99 ms"), Bound::AtMost, 5.0, p99));
        }
    }
    let memory = report.runs.iter().filter(|run| run.what == "idlink");
    let memory = memory
        .filter_map(|run| run.memory_mb)
        .max_by(f64::total_cmp);
    if let Some(memory) = memory {
        goals.push(Goal::new("peak memory MB", Bound::AtMost, 25.0, memory));
    }
    let others = [
        ("start_ms", "start to first answer ms", 30.0),
        (
            "growth",
            "CPU a request, against 100 thousand customers",
            1.3,
        ),
    ];
    for (name, figure, goal) in others {
        if let Some(reached) = report.figures.get(name) {
            goals.push(Goal::new(figure, Bound::AtMost, goal, *reached));
        }
    }
    report.goals = goals;
}
