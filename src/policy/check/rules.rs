//! What each rule is about, for people: `--explain`, SARIF, and the table in
//! `README.md` beside this folder.

mod claims;
mod journeys;
mod policies;
mod profiles;
mod references;

use crate::policy::finding::{RuleId, Severity};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    pub id: RuleId,
    /// The severity that its findings have unless the case is a milder one.
    pub severity: Severity,
    /// What must be so, or what is wrong, in a few words.
    pub title: &'static str,
    /// Why B2C cares, and when one gets to know of it.
    pub explanation: &'static str,
    /// What B2C says, names left open as `…`; `None` where it says nothing.
    pub b2c: Option<&'static str>,
    pub mend: &'static str,
    /// The fault, as short as can be.
    pub before: &'static str,
    pub after: &'static str,
}

/// All rules, by number.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    let mut rules: Vec<&Rule> = [
        policies::RULES,
        references::RULES,
        journeys::RULES,
        profiles::RULES,
        claims::RULES,
    ]
    .concat();
    rules.sort_by_key(|rule| rule.id);
    rules.into_iter()
}

pub fn rule(id: RuleId) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

impl RuleId {
    /// Reads `P20`, `p20` or `20`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix(['P', 'p']).unwrap_or(text);
        let digits = (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        number.parse().ok().filter(|_| digits).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_says_all_that_it_should() {
        let mut seen = HashSet::new();
        for rule in all() {
            let id = rule.id;
            assert!(seen.insert(id), "{id} is there twice");
            assert!(rule.title.len() < 90 && !rule.title.ends_with('.'), "{id}");
            let sentences = rule.explanation.matches(". ").count() + 1;
            assert!((2..=6).contains(&sentences), "{id}: {sentences} sentences");
            assert!(
                rule.explanation.ends_with('.') && rule.mend.ends_with('.'),
                "{id}"
            );
            assert!(!rule.before.is_empty() && rule.before != rule.after, "{id}");
        }
        let shipped = (0..=35).chain([37, 38, 41]).map(RuleId);
        assert_eq!(seen, shipped.collect());
    }

    #[test]
    fn a_number_is_read_in_any_case() {
        assert_eq!(RuleId::parse("p20"), Some(RuleId(20)));
        assert_eq!(RuleId::parse("7"), Some(RuleId(7)));
        for wrong in ["", "P", "P+1", "P200", "Q20", "P 2"] {
            assert_eq!(RuleId::parse(wrong), None, "{wrong}");
        }
    }

    /// The table of the README, as the catalogue would write it.
    fn table() -> String {
        let rows = all().map(|rule| {
            let severity = match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            let said = rule.b2c.unwrap_or("").replace('|', "\\|");
            format!("| {} | {severity} | {} | {said} |\n", rule.id, rule.title)
        });
        let head =
            "| rule | severity | what it is about | what B2C says |\n| --- | --- | --- | --- |\n";
        std::iter::once(head.to_owned()).chain(rows).collect()
    }

    #[test]
    fn the_readme_has_the_same_rules() {
        let readme = include_str!("README.md");
        assert!(
            readme.contains(&table()),
            "the table in src/policy/check/README.md should be:\n{}",
            table()
        );
    }
}
