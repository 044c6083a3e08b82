//! What preconditions said, in words.

use serde_json::Value as Json;

use crate::emulator::engine::trace::{PreconditionOutcome, PreconditionRecord, PreconditionTest};

/// The state of the claim that decided: "claim objectId exists".
pub(super) fn found(record: &PreconditionRecord) -> String {
    let claim = &record.claim;
    match &record.test {
        PreconditionTest::ClaimsExist => match exists(record) {
            true => format!("claim {claim} exists"),
            false => format!("claim {claim} does not exist"),
        },
        PreconditionTest::ClaimEquals { value } => {
            let holds = match record.outcome {
                PreconditionOutcome::Ignored => return format!("claim {claim} is missing"),
                PreconditionOutcome::Skips => record.execute_actions_if,
                PreconditionOutcome::Passes => !record.execute_actions_if,
            };
            match (holds, &record.actual) {
                (true, _) => format!("claim {claim} equals “{value}”"),
                (false, Some(actual)) => {
                    format!("claim {claim} is “{}”, not “{value}”", spelt(actual))
                }
                (false, None) => format!("claim {claim} is not “{value}”"),
            }
        }
        PreconditionTest::Unknown => "its type is unknown".to_owned(),
    }
}

fn exists(record: &PreconditionRecord) -> bool {
    match record.outcome {
        PreconditionOutcome::Skips => record.execute_actions_if,
        PreconditionOutcome::Passes => !record.execute_actions_if,
        PreconditionOutcome::Ignored => record.actual.is_some(),
    }
}

/// As `ClaimEquals` compares it.
fn spelt(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

/// What it says in the policy: "skip if claim objectId exists".
pub(super) fn rule(record: &PreconditionRecord) -> String {
    let claim = &record.claim;
    let condition = match (&record.test, record.execute_actions_if) {
        (PreconditionTest::ClaimsExist, true) => format!("claim {claim} exists"),
        (PreconditionTest::ClaimsExist, false) => format!("claim {claim} does not exist"),
        (PreconditionTest::ClaimEquals { value }, true) => {
            format!("claim {claim} equals “{value}”")
        }
        (PreconditionTest::ClaimEquals { value }, false) => {
            format!("claim {claim} is something else than “{value}”")
        }
        (PreconditionTest::Unknown, _) => return record.text.clone(),
    };
    format!("Skip if {condition}")
}

/// What the author is told about a comparison that was to skip and, as the
/// claim is missing, counted for nothing.
pub(super) fn trap(record: &PreconditionRecord) -> String {
    let claim = &record.claim;
    match &record.test {
        PreconditionTest::ClaimEquals { value } => format!(
            "ClaimEquals is ignored while claim {claim} is missing, also with \
             ExecuteActionsIf=\"false\": it did not skip although {claim} is not “{value}”. If it \
             is to skip then, put ClaimsExist on {claim} with ExecuteActionsIf=\"false\" beside it."
        ),
        PreconditionTest::ClaimsExist | PreconditionTest::Unknown => {
            "This precondition is of no known type and counts for nothing.".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(
        test: PreconditionTest,
        execute_actions_if: bool,
        actual: Option<Json>,
        outcome: PreconditionOutcome,
    ) -> PreconditionRecord {
        PreconditionRecord {
            text: String::new(),
            claim: "newUser".to_owned(),
            test,
            actual,
            execute_actions_if,
            outcome,
            place: None,
        }
    }

    #[test]
    fn a_precondition_is_told_in_words() {
        use PreconditionOutcome::{Ignored, Passes, Skips};
        let equals = || PreconditionTest::ClaimEquals {
            value: "True".to_owned(),
        };
        let exist = || PreconditionTest::ClaimsExist;
        let is = |flag: bool| Some(json!(flag));
        let cases = [
            (exist(), true, is(true), Skips, "claim newUser exists"),
            (exist(), false, None, Skips, "claim newUser does not exist"),
            (exist(), true, None, Passes, "claim newUser does not exist"),
            (exist(), false, is(true), Passes, "claim newUser exists"),
            (
                equals(),
                true,
                is(true),
                Skips,
                "claim newUser equals “True”",
            ),
            (
                equals(),
                true,
                is(false),
                Passes,
                "claim newUser is “False”, not “True”",
            ),
            (
                equals(),
                false,
                is(false),
                Skips,
                "claim newUser is “False”, not “True”",
            ),
            (
                equals(),
                false,
                is(true),
                Passes,
                "claim newUser equals “True”",
            ),
            (equals(), false, None, Ignored, "claim newUser is missing"),
        ];
        for (test, execute, actual, outcome, words) in cases {
            let record = record(test, execute, actual, outcome);
            assert_eq!(found(&record), words, "{record:?}");
        }
    }
}
