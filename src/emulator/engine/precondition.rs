//! Preconditions of steps and of validation technical profiles.

use super::{
    Scene,
    trace::{PreconditionOutcome, PreconditionRecord, PreconditionTest, seen_value},
    value::Value,
};
use crate::policy::view::{Precondition, PreconditionKind};

/// Looks at preconditions from the top, up to the first that holds. The last
/// of the records tells whether one did.
pub(super) fn look<'a>(
    scene: &Scene<'_>,
    preconditions: impl Iterator<Item = Precondition<'a>>,
) -> Vec<PreconditionRecord> {
    let mut records = Vec::new();
    for precondition in preconditions {
        let outcome = outcome(scene, &precondition);
        let claim = precondition.claim().unwrap_or_default();
        let is_secret = scene.program.is_masked(claim);
        records.push(PreconditionRecord {
            text: text(&precondition),
            claim: claim.to_owned(),
            test: test(&precondition),
            actual: scene
                .bag
                .get(claim)
                .map(|value| seen_value(value, is_secret)),
            execute_actions_if: precondition.execute_actions_if().unwrap_or(true),
            outcome,
            place: scene.program.place(precondition.element),
        });
        if outcome == PreconditionOutcome::Skips {
            break;
        }
    }
    records
}

pub(super) fn skips(records: &[PreconditionRecord]) -> bool {
    let last = records.last();
    last.is_some_and(|record| record.outcome == PreconditionOutcome::Skips)
}

/// "If the claim is null or missing, ClaimEquals is ignored", whichever way
/// round it is asked (UserJourneys, Preconditions, since 2021).
fn outcome(scene: &Scene<'_>, precondition: &Precondition<'_>) -> PreconditionOutcome {
    let claim = precondition.claim().unwrap_or_default();
    let expected = precondition.execute_actions_if().unwrap_or(true);
    let value = scene.bag.get(claim);
    let holds = match precondition.kind() {
        Some(PreconditionKind::ClaimsExist) => value.is_some(),
        Some(PreconditionKind::ClaimEquals) => match value {
            None => return PreconditionOutcome::Ignored,
            Some(value) => equals(value, precondition.value().unwrap_or_default()),
        },
        None => return PreconditionOutcome::Ignored,
    };
    match holds == expected {
        true => PreconditionOutcome::Skips,
        false => PreconditionOutcome::Passes,
    }
}

/// By the letter, and truth values as `True` and `False`. A collection equals
/// what its only item equals (inferred).
fn equals(value: &Value, text: &str) -> bool {
    match value {
        Value::Texts(items) => matches!(&items[..], [only] if only == text),
        value => value.text() == text,
    }
}

fn test(precondition: &Precondition<'_>) -> PreconditionTest {
    match precondition.kind() {
        Some(PreconditionKind::ClaimsExist) => PreconditionTest::ClaimsExist,
        Some(PreconditionKind::ClaimEquals) => PreconditionTest::ClaimEquals {
            value: precondition.value().unwrap_or_default().to_owned(),
        },
        None => PreconditionTest::Unknown,
    }
}

fn text(precondition: &Precondition<'_>) -> String {
    let claim = precondition.claim().unwrap_or_default();
    match precondition.kind() {
        Some(PreconditionKind::ClaimEquals) => format!(
            "ClaimEquals {claim} = {}",
            precondition.value().unwrap_or_default()
        ),
        Some(PreconditionKind::ClaimsExist) => format!("ClaimsExist {claim}"),
        None => format!("unknown precondition on {claim}"),
    }
}
