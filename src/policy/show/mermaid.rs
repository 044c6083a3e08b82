//! A journey as a Mermaid flowchart, for a page of documentation.

use std::fmt::Write as _;

use super::journey::{Journey, Profile, Step};

impl Journey {
    /// The ids of the chart are our own: names of policies occur in labels only,
    /// where they are quoted.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart TD\n");
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "  begin([\"{}\"])",
            label(&[format!("App asks {}", self.policy)])
        );
        let _ = writeln!(out, "  done([\"App\"])");
        self.chain(&mut out, "", &self.steps, "begin", "done");
        for (number, own) in self.sub_journeys.iter().enumerate() {
            let prefix = format!("sub{number}_");
            let _ = writeln!(
                out,
                "  subgraph {prefix}[\"{}\"]",
                label(&[format!("Sub-journey {}", own.id),])
            );
            let end = if own.returns { "Back" } else { "Ends" };
            let _ = writeln!(out, "  {prefix}begin([\"Begins\"])");
            let _ = writeln!(out, "  {prefix}done([\"{end}\"])");
            let (begin, done) = (format!("{prefix}begin"), format!("{prefix}done"));
            self.chain(&mut out, &prefix, &own.steps, &begin, &done);
            let _ = writeln!(out, "  end");
        }
        let _ = writeln!(out, "  classDef missing stroke:#c00,stroke-dasharray:4");
        out
    }

    fn chain(&self, out: &mut String, prefix: &str, steps: &[Step], begin: &str, done: &str) {
        let entry = |at: usize| match steps.get(at) {
            Some(step) if step.skipped_if.is_empty() => format!("{prefix}s{at}"),
            Some(_) => format!("{prefix}c{at}"),
            None => done.to_owned(),
        };
        let _ = writeln!(out, "  {begin} --> {}", entry(0));
        for (at, step) in steps.iter().enumerate() {
            let next = entry(at + 1);
            let own = format!("{prefix}s{at}");
            if !step.skipped_if.is_empty() {
                let condition = step.skipped_if.join(", or ");
                let condition = label(&[format!("{condition}?")]);
                let _ = writeln!(out, "  {prefix}c{at}{{{{\"{condition}\"}}}}");
                let _ = writeln!(out, "  {prefix}c{at} -->|no| {own}");
                let _ = writeln!(out, "  {prefix}c{at} -.->|skip| {next}");
            }
            let _ = writeln!(out, "  {own}[\"{}\"]", label(&self.said(step)));
            let _ = writeln!(out, "  {own} --> {next}");
            let missing = |run: &super::journey::Run| {
                self.profile(&run.profile)
                    .is_some_and(|profile| profile.lines.is_none())
            };
            if step.runs.iter().any(missing) {
                let _ = writeln!(out, "  class {own} missing");
            }
        }
    }

    fn said(&self, step: &Step) -> Vec<String> {
        let mut said = vec![format!("{}. {}", step.order, step.title)];
        said.extend(step.page.iter().map(|page| page.summary()));
        for choice in &step.choices {
            said.push(format!("{} → {}", choice.label, choice.exchange));
        }
        for run in &step.runs {
            let Some(profile) = self.profile(&run.profile) else {
                continue;
            };
            said.push(format!("{}: {}", profile.id, profile.summary()));
            for (number, own) in profile.validations.iter().enumerate() {
                let summary = self.profile(&own.profile).map(Profile::summary);
                let mut line = format!("{}) {}", number + 1, own.profile);
                if let Some(summary) = summary {
                    let _ = write!(line, ": {summary}");
                }
                for remark in own.remarks() {
                    let _ = write!(line, ", {remark}");
                }
                said.push(line);
            }
        }
        said
    }
}

/// Lines of a quoted label. Mermaid knows entities of its own, which begin with
/// `#`; everything that means something to it or to HTML is one.
fn label(lines: &[String]) -> String {
    let quoted = lines.iter().map(|line| {
        let mut out = String::new();
        for c in line.chars() {
            match c {
                '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '{' | '}' | '[' | ']' | '|'
                | '%' | '*' | '_' | '~' | '$' => {
                    let _ = write!(out, "#{};", u32::from(c));
                }
                c => out.push(c),
            }
        }
        out
    });
    quoted.collect::<Vec<_>>().join("<br/>")
}
