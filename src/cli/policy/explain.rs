//! What rules are about, for `--explain` and for viewers of SARIF.

use std::fmt::Write;

use super::Misuse;
use crate::policy::check::rules;
use crate::policy::finding::{RuleId, Severity};
use crate::policy::report::sarif;
use crate::policy::user_flow;

/// Where lines end at the latest.
const WIDTH: usize = 80;

/// One rule, as a person reads it.
pub(super) fn rule(name: &str) -> Result<String, Misuse> {
    if let Some(rule) = user_flow::rule(name) {
        let mut text = format!("{}: {}\n\n", rule.id, rule.title);
        text.push_str(&wrapped(rule.explanation));
        return Ok(text.trim_end().to_owned());
    }
    let rule = RuleId::parse(name).and_then(rules::rule).ok_or_else(|| {
        let all = rules::all().map(|rule| rule.id.to_string());
        let flows = user_flow::RULES.iter().map(|rule| rule.id.to_string());
        let all: Vec<_> = all.chain(flows).collect();
        Misuse(format!(
            "there is no rule {name}: there are {}",
            all.join(", ")
        ))
    })?;
    let mut text = format!("{} ({}): {}\n\n", rule.id, rule.severity.word(), rule.title);
    text.push_str(&wrapped(rule.explanation));
    if let Some(b2c) = rule.b2c {
        // Writing to memory cannot fail.
        let _ = write!(text, "\nB2C says: {}", wrapped(b2c));
    }
    let _ = write!(text, "\n{}", wrapped(rule.mend));
    for (title, example) in [("Wrong", rule.before), ("Right", rule.after)] {
        let _ = write!(text, "\n{title}:\n{}", indented(example));
    }
    Ok(text.trim_end().to_owned())
}

/// Every rule there is.
pub(super) fn catalogue() -> Vec<sarif::Rule> {
    let policies = rules::all().map(|rule| sarif::Rule {
        id: rule.id.to_string(),
        severity: rule.severity,
        title: rule.title.to_owned(),
        explanation: rule.explanation.to_owned(),
        help: help(rule),
    });
    let flows = user_flow::RULES.iter().map(|rule| sarif::Rule {
        id: rule.id.to_string(),
        severity: Severity::Warning,
        title: rule.title.to_owned(),
        explanation: rule.explanation.to_owned(),
        help: rule.explanation.to_owned(),
    });
    policies.chain(flows).collect()
}

fn help(rule: &rules::Rule) -> String {
    let mut text = format!("{}\n", rule.mend);
    if let Some(b2c) = rule.b2c {
        let _ = writeln!(text, "\nB2C says: {b2c}");
    }
    for (title, example) in [("Wrong", rule.before), ("Right", rule.after)] {
        let _ = write!(text, "\n{title}:\n{}", indented(example));
    }
    text
}

fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        match width {
            0 => width = length,
            width_before if width_before + 1 + length > WIDTH => {
                lines.push('\n');
                width = length;
            }
            _ => {
                lines.push(' ');
                width += 1 + length;
            }
        }
        lines.push_str(word);
    }
    lines.push('\n');
    lines
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
