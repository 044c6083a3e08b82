//! What a file of decisions asks for, held against itself and against the
//! customers on file before anything is changed.

use std::collections::{BTreeMap, HashMap};

use super::file::{Line, Problems, Word};
use crate::domain::customer::{CustomerNumber, CustomerType};
use crate::store::duplicates::Known;

/// The lines of one group in which something was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the file names the group by.
    pub token: String,
    pub lines: Vec<Line>,
}

/// Sorts lines by group, in the order of the file, and leaves out the groups
/// in which nothing was decided.
pub fn plans(lines: Vec<Line>) -> Result<Vec<Plan>, Problems> {
    let mut problems = Problems::default();
    find_repeated(&lines, &mut problems);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut plans: Vec<Plan> = Vec::new();
    for line in lines {
        let place = *places.entry(line.group.clone()).or_insert_with(|| {
            plans.push(Plan {
                token: line.group.clone(),
                lines: Vec::new(),
            });
            plans.len() - 1
        });
        if let Some(plan) = plans.get_mut(place) {
            plan.lines.push(line);
        }
    }
    for plan in &plans {
        plan.check(&mut problems);
    }
    plans.retain(|plan| plan.lines.iter().any(|line| line.word != Word::None));
    problems.or(plans)
}

fn find_repeated(lines: &[Line], problems: &mut Problems) {
    let mut first: HashMap<&CustomerNumber, u64> = HashMap::new();
    for line in lines {
        if let Some(first) = first.insert(&line.number, line.line) {
            let message = format!("stands in line {first} already");
            problems.add(line.line, Some("number"), message);
        }
    }
}

impl Plan {
    fn of(&self, number: &CustomerNumber) -> Option<&Line> {
        self.lines.iter().find(|line| line.number == *number)
    }

    /// Everybody must be merged into somebody who stays, with an address.
    fn check(&self, problems: &mut Problems) {
        let members: BTreeMap<&CustomerNumber, &Line> =
            self.lines.iter().map(|line| (&line.number, line)).collect();
        for line in &self.lines {
            let Word::MergeInto(target) = &line.word else {
                continue;
            };
            let message = match members.get(target) {
                None => format!("{target} is not a customer of this group"),
                Some(found) if found.number == line.number => {
                    "a customer cannot be merged into itself".to_owned()
                }
                Some(found) => match &found.word {
                    Word::None | Word::Keep => continue,
                    Word::AddressWrong => format!(
                        "the address of {target} is said to be wrong in line {}: merge into \
                         somebody whose address it is",
                        found.line
                    ),
                    Word::MergeInto(_) if leads_back(&members, line) => {
                        format!("leads back here by way of {target}, line {}", found.line)
                    }
                    Word::MergeInto(_) => format!(
                        "{target} is merged away itself in line {}: merge into the one that is \
                         kept",
                        found.line
                    ),
                },
            };
            problems.add(line.line, Some("decision"), message);
        }
    }
}

fn leads_back(members: &BTreeMap<&CustomerNumber, &Line>, from: &Line) -> bool {
    let mut at = from;
    for _ in 0..members.len() {
        let Word::MergeInto(target) = &at.word else {
            return false;
        };
        match members.get(target) {
            Some(next) if next.number == from.number => return true,
            Some(next) => at = next,
            None => return false,
        }
    }
    false
}

/// Holds the plans against the customers on file. Whether a group is still
/// what it was is asked when it is applied.
pub fn check_numbers(plans: &[Plan], known: &[Known]) -> Result<(), Problems> {
    let known: HashMap<&CustomerNumber, CustomerType> = known
        .iter()
        .map(|known| (&known.number, known.customer_type))
        .collect();
    let mut problems = Problems::default();
    for plan in plans {
        for line in &plan.lines {
            let number = &line.number;
            let Some(customer_type) = known.get(number) else {
                let message = format!(
                    "there is no customer {number}; has a spreadsheet taken zeros off its \
                     beginning?"
                );
                problems.add(line.line, Some("number"), message);
                continue;
            };
            let Word::MergeInto(target) = &line.word else {
                continue;
            };
            let other = plan.of(target).and_then(|line| known.get(&line.number));
            if other.is_some_and(|other| other != customer_type) {
                let message = format!(
                    "{number} and {target} are not of the same type: a B2B site would find the \
                     customer of a B2C site"
                );
                problems.add(line.line, Some("decision"), message);
            }
        }
    }
    problems.or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> CustomerNumber {
        CustomerNumber::parse(text).unwrap()
    }

    /// Group, number and decision.
    type Row = (&'static str, &'static str, Word);

    /// From line 2 on.
    fn lines(rows: &[Row]) -> Vec<Line> {
        let row = |(n, (group, of, word)): (usize, &Row)| Line {
            line: n as u64 + 2,
            group: (*group).to_owned(),
            number: number(of),
            word: word.clone(),
        };
        rows.iter().enumerate().map(row).collect()
    }

    fn into(text: &str) -> Word {
        Word::MergeInto(number(text))
    }

    fn said(problems: &Problems) -> Vec<String> {
        problems.found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_groups_in_which_something_is_decided_are_planned() {
        let rows = lines(&[
            ("g1", "C1", Word::Keep),
            ("g2", "C3", Word::None),
            ("g1", "C2", into("C1")),
            ("g2", "C4", Word::None),
            ("g3", "C5", Word::None),
            ("g3", "C6", Word::AddressWrong),
        ]);
        let plans = plans(rows).unwrap();
        let tokens: Vec<_> = plans
            .iter()
            .map(|plan| (plan.token.as_str(), plan.lines.len()))
            .collect();
        assert_eq!(tokens, [("g1", 2), ("g3", 2)]);
    }

    #[test]
    fn decisions_that_contradict_each_other_are_said_with_both_lines() {
        let cases: [(&str, Vec<Row>, &[&str]); 8] = [
            (
                "itself",
                vec![("g", "A", into("A"))],
                &["line 2, column decision: a customer cannot be merged into itself"],
            ),
            (
                "nobody",
                vec![("g", "A", into("X"))],
                &["line 2, column decision: X is not a customer of this group"],
            ),
            (
                "another group",
                vec![("g", "A", into("B")), ("h", "B", Word::Keep)],
                &["line 2, column decision: B is not a customer of this group"],
            ),
            (
                "a circle of two",
                vec![("g", "A", into("B")), ("g", "B", into("A"))],
                &[
                    "line 2, column decision: leads back here by way of B, line 3",
                    "line 3, column decision: leads back here by way of A, line 2",
                ],
            ),
            (
                "a circle of three, and one who leads into it",
                vec![
                    ("g", "A", into("B")),
                    ("g", "B", into("C")),
                    ("g", "C", into("A")),
                    ("g", "D", into("A")),
                ],
                &[
                    "line 2, column decision: leads back here by way of B, line 3",
                    "line 3, column decision: leads back here by way of C, line 4",
                    "line 4, column decision: leads back here by way of A, line 2",
                    "line 5, column decision: A is merged away itself in line 2: merge into the \
                     one that is kept",
                ],
            ),
            (
                "away with whom another line keeps",
                vec![
                    ("g", "A", into("B")),
                    ("g", "B", into("C")),
                    ("g", "C", Word::Keep),
                ],
                &[
                    "line 2, column decision: B is merged away itself in line 3: merge into the \
                     one that is kept",
                ],
            ),
            (
                "somebody whose address it is not",
                vec![("g", "A", into("B")), ("g", "B", Word::AddressWrong)],
                &[
                    "line 2, column decision: the address of B is said to be wrong in line 3: \
                     merge into somebody whose address it is",
                ],
            ),
            (
                "twice",
                vec![("g", "A", Word::Keep), ("h", "A", Word::Keep)],
                &["line 3, column number: stands in line 2 already"],
            ),
        ];
        for (what, rows, expected) in cases {
            let problems = plans(lines(&rows)).unwrap_err();
            assert_eq!(said(&problems), expected, "{what}");
        }
    }

    #[test]
    fn numbers_are_held_against_the_customers_on_file() {
        let known =
            [("C1", CustomerType::B2c), ("B1", CustomerType::B2b)].map(|(text, customer_type)| {
                Known {
                    number: number(text),
                    customer_type,
                    email_canonical: None,
                }
            });
        let rows = lines(&[
            ("g", "C1", Word::Keep),
            ("g", "B1", into("C1")),
            ("g", "77", into("C1")),
        ]);
        let problems = check_numbers(&plans(rows).unwrap(), &known).unwrap_err();
        assert_eq!(
            said(&problems),
            [
                "line 3, column decision: B1 and C1 are not of the same type: a B2B site would \
                 find the customer of a B2C site",
                "line 4, column number: there is no customer 77; has a spreadsheet taken zeros \
                 off its beginning?",
            ]
        );
    }
}
