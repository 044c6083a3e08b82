//! The report for a terminal: a table, and the steps where they are wanted.

use std::fmt::Write as _;

use super::{Party, Report, Step, Way};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Table,
    /// And every page of every visit.
    Details,
}

const HEADINGS: [&str; 8] = [
    "set",
    "relying party",
    "loads",
    "happy",
    "refused",
    "cancelled",
    "time",
    "reason",
];
/// Longer reasons are told with the details.
const REASON_CHARS: usize = 100;

pub(crate) fn text(report: &Report, amount: Amount) -> String {
    let mut text = table(&report.parties);
    match amount {
        Amount::Table => {}
        Amount::Details => {
            for party in &report.parties {
                details(&mut text, party);
            }
        }
    }
    totals(&mut text, report);
    text
}

fn table(parties: &[Party]) -> String {
    let rows: Vec<[String; 8]> = parties.iter().map(row).collect();
    let mut widths = HEADINGS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    line(&mut text, &HEADINGS.map(str::to_owned), &widths);
    for row in &rows {
        line(&mut text, row, &widths);
    }
    text
}

fn row(party: &Party) -> [String; 8] {
    let story = match party.story {
        Some(_) => " *",
        None => "",
    };
    [
        party.set.clone(),
        format!("{}{story}", party.policy),
        match party.obstacles.is_empty() {
            true => "yes".to_owned(),
            false => "no".to_owned(),
        },
        party.happy.outcome.word().to_owned(),
        party.refused.outcome.word().to_owned(),
        party.cancelled.outcome.word().to_owned(),
        format!("{:.1} s", seconds(party.took_ms)),
        shortened(&party.reason()),
    ]
}

pub(super) fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

fn shortened(reason: &str) -> String {
    let one_line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(REASON_CHARS) {
        Some((at, _)) => format!("{}…", &one_line[..at]),
        None => one_line,
    }
}

fn line(text: &mut String, cells: &[String; 8], widths: &[usize; 8]) {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to memory cannot fail.
        let _ = write!(line, "{cell:<width$}  ");
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn details(text: &mut String, party: &Party) {
    let _ = writeln!(text, "\n{} {} ({})", party.set, party.policy, party.file);
    if let Some(pack) = &party.pack {
        let _ = writeln!(text, "  base: {pack}");
    }
    if let Some(story) = &party.story {
        let _ = writeln!(text, "  story: {story}");
    }
    for obstacle in &party.obstacles {
        let place = obstacle.place.as_deref().unwrap_or(&party.file);
        let _ = writeln!(text, "  {place}: {}. {}", obstacle.what, obstacle.mend);
    }
    for (name, way) in party.ways() {
        if !way.visits.is_empty() || !way.reason.is_empty() {
            way_details(text, name, way);
        }
    }
}

fn way_details(text: &mut String, name: &str, way: &Way) {
    let _ = writeln!(text, "  {name}: {} {}", way.outcome.word(), way.reason);
    for visited in &way.visits {
        if !visited.about.is_empty() {
            let _ = writeln!(text, "    {}", visited.about);
        }
        for step in &visited.steps {
            let _ = writeln!(text, "    - {}", told(step));
        }
        let _ = writeln!(text, "    = {} ({} ms)", visited.end, visited.took_ms);
    }
}

/// A step in one line.
fn told(step: &Step) -> String {
    let mut line = format!("\"{}\"", step.page);
    if !step.says.is_empty() {
        let _ = write!(line, " says: {};", step.says.join(" / "));
    }
    let typed: Vec<String> = step
        .typed
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(id, value)| format!("{id}={value}"))
        .collect();
    if !typed.is_empty() {
        let _ = write!(line, " {}", typed.join(", "));
    }
    if let Some(button) = &step.pressed {
        let _ = write!(line, " [{button}]");
    }
    line
}

fn totals(text: &mut String, report: &Report) {
    let totals = &report.totals;
    let _ = writeln!(
        text,
        "\n{} relying parties in {:.0} s: {} complete, {} refuse with reasons, {} wrong",
        totals.policies,
        seconds(report.took_ms),
        totals.completes,
        totals.refuses,
        totals.wrong
    );
    if totals.stories > 0 {
        let _ = writeln!(
            text,
            "{} stories (*): {} came true, {} did not",
            totals.stories,
            totals.stories - totals.stories_failed,
            totals.stories_failed
        );
    }
    if !report.untold.is_empty() {
        let _ = writeln!(text, "No policy here for: {}", report.untold.join(", "));
    }
}
