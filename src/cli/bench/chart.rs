//! The figures as a picture: bars, one a contender, readable on light and on
//! dark paper.

use std::fmt::Write as _;

use super::figures::Run;
use super::report::Report;

const WIDTH: f64 = 760.0;
/// Where the bars begin, and how long the longest is.
const LEFT: f64 = 130.0;
const LONGEST: f64 = 480.0;
const BAR: f64 = 22.0;
const STEP: f64 = 34.0;

const STYLE: &str = "
  svg { --ink: #1f2328; --soft: #59636e; --ours: #0969da; --theirs: #9aa4af; --other: #c8ced5 }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --soft: #9198a1; --ours: #4493f8; --theirs: #59636e; --other: #3d444d }
  }
  text { font: 13px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: var(--ink) }
  .title { font-weight: 600 }
  .soft { fill: var(--soft) }
  .ours { fill: var(--ours) }
  .theirs { fill: var(--theirs) }
  .other { fill: var(--other) }
";

/// Bars of one kind of figure.
struct Panel<'a> {
    title: String,
    runs: Vec<&'a Run>,
    parts: fn(&Run) -> [f64; 2],
    label: fn(&Run) -> String,
}

pub(super) struct Chart<'a> {
    panels: Vec<Panel<'a>>,
    source: String,
}

impl<'a> Chart<'a> {
    pub(super) fn of(report: &'a Report, callers: usize) -> Self {
        let mut runs: Vec<&Run> = report.runs.iter().collect();
        runs.retain(|run| {
            run.callers == callers
                && run.customers == report.customers
                && run.arrivals_per_second.is_none()
        });
        let protocol = match runs.iter().any(|run| run.tls) {
            true => "HTTPS",
            false => "HTTP",
        };
        let customers = with_spaces(report.customers);
        let machine = &report.circumstances.machine;
        Self {
            panels: vec![
                Panel {
                    title: format!(
                        "Sign-ups answered a second: {callers} callers, {protocol}, {customers} customers"
                    ),
                    runs: runs.clone(),
                    parts: |run| [run.requests_per_second, 0.0],
                    label: |run| with_spaces(run.requests_per_second.round() as u64),
                },
                Panel {
                    title: "µs of processor for each: the service, then PostgreSQL".to_owned(),
                    runs,
                    parts: |run| [run.cpu_us_service.unwrap_or_default(), run.cpu_us_postgres],
                    label: |run| match run.cpu_us_service {
                        Some(service) => format!("{service:.0} + {:.0}", run.cpu_us_postgres),
                        None => format!("{:.0}", run.cpu_us_postgres),
                    },
                },
            ],
            source: format!(
                "{}, {} cores, {}, {}",
                machine.processor,
                machine.cores,
                report.circumstances.postgresql,
                report.circumstances.date
            ),
        }
    }

    pub(super) fn svg(&self) -> String {
        let mut body = String::new();
        let mut y = 30.0;
        for panel in &self.panels {
            panel.draw(&mut body, &mut y);
            y += 26.0;
        }
        // Into memory, which takes everything.
        let _ = writeln!(
            body,
            r#"<text class="soft" x="16" y="{}">{}</text>"#,
            y - 6.0,
            escaped(&self.source)
        );
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n{body}</svg>\n",
            height = y + 8.0
        )
    }
}

impl Panel<'_> {
    fn draw(&self, out: &mut String, y: &mut f64) {
        let _ = writeln!(
            out,
            r#"<text class="title" x="16" y="{y}">{}</text>"#,
            escaped(&self.title)
        );
        *y += 16.0;
        let sum = |run: &Run| (self.parts)(run).iter().sum::<f64>();
        let most = self.runs.iter().map(|run| sum(run)).fold(0.0, f64::max);
        for run in &self.runs {
            let class = if run.what == "idlink" {
                "ours"
            } else {
                "theirs"
            };
            let text_y = *y + BAR - 6.0;
            let _ = writeln!(
                out,
                r#"<text x="{}" y="{text_y}" text-anchor="end">{}</text>"#,
                LEFT - 10.0,
                escaped(named(run.what))
            );
            let mut x = LEFT;
            for (part, class) in (self.parts)(run).into_iter().zip([class, "other"]) {
                let width = (part / most.max(f64::MIN_POSITIVE) * LONGEST).max(0.0);
                if width > 0.0 {
                    let _ = writeln!(
                        out,
                        r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{BAR}" rx="2"/>"#
                    );
                }
                x += width;
            }
            let _ = writeln!(
                out,
                r#"<text x="{:.1}" y="{text_y}">{}</text>"#,
                x + 8.0,
                escaped(&(self.label)(run))
            );
            *y += STEP;
        }
    }
}

/// As people write them.
fn named(what: &str) -> &str {
    match what {
        "express" => "Express",
        "fastify" => "Fastify",
        "fastapi" => "FastAPI",
        "pgbench" => "pgbench, reads",
        other => other,
    }
}

fn with_spaces(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            // Does not break, and is narrow.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_read_in_threes() {
        assert_eq!(with_spaces(7), "7");
        assert_eq!(with_spaces(100), "100");
        assert_eq!(with_spaces(10_000_000), "10\u{202f}000\u{202f}000");
    }
}
