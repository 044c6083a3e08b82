//! Truth values ("Boolean claims transformations").

use super::{
    Row,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("AndClaims", |given| {
        let (one, other) = (given.flag("inputClaim1")?, given.flag("inputClaim2")?);
        set("outputClaim", Value::Flag(one && other))
    }),
    Row::new("AssertBooleanClaimIsEqualToValue", |given| {
        assert_equal(given.may_flag("inputClaim")?, value_to_compare_to(given)?)
    }),
    Row::new("CompareBooleanClaimToValue", |given| {
        let is_equal = given.flag("inputClaim")? == value_to_compare_to(given)?;
        set("compareResult", Value::Flag(is_equal))
    }),
    Row::new("NotClaims", |given| {
        set("outputClaim", Value::Flag(!given.flag("inputClaim")?))
    }),
    Row::new("OrClaims", |given| {
        let (one, other) = (given.flag("inputClaim1")?, given.flag("inputClaim2")?);
        set("outputClaim", Value::Flag(one || other))
    }),
    Row::new("SetClaimIfBooleansMatch", |given| {
        // "Null value throws an exception."
        let Some(claim) = given.may_flag("claimToMatch")? else {
            return wrong("needs a claim 'claimToMatch' that has a value");
        };
        match given.may_flag_parameter("matchTo")? {
            Some(wanted) if wanted == claim => {
                set("outputClaim", given.parameter("outputClaimIfMatched")?)
            }
            Some(_) => Ok(Vec::new()),
            None => wrong("has no input parameter 'matchTo'"),
        }
    }),
];

fn value_to_compare_to(given: &Given<'_>) -> Result<bool, Stop> {
    match given.may_flag_parameter("valueToCompareTo")? {
        Some(value) => Ok(value),
        None => wrong("has no input parameter 'valueToCompareTo'"),
    }
}

/// A claim without a value is neither true nor false (inferred).
fn assert_equal(claim: Option<bool>, expected: bool) -> Outcome {
    match claim == Some(expected) {
        true => Ok(Vec::new()),
        false => Err(Stop::Refused {
            key: "UserMessageIfClaimsTransformationBooleanValueIsNotEqual",
            default: "Boolean claim value comparison failed for claim type \"inputClaim\".",
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{Trial, refused},
        value::{Kind, Value},
    };

    #[test]
    fn truth_values_are_joined() {
        let cases = [
            ("AndClaims", true, false, false, "the reference's example"),
            ("AndClaims", true, true, true, "both"),
            ("OrClaims", true, false, true, "the reference's example"),
            ("OrClaims", false, false, false, "neither"),
        ];
        for (method, one, other, expected, why) in cases {
            let trial = Trial::new(method)
                .input("inputClaim1", Value::Flag(one))
                .input("inputClaim2", Value::Flag(other))
                .output_as("outputClaim", Kind::Flag);
            assert_eq!(trial.sets(), json!({ "outputClaim": expected }), "{why}");
        }
    }

    #[test]
    fn joining_a_claim_that_is_not_there_sets_nothing() {
        for method in ["AndClaims", "OrClaims"] {
            let trial = Trial::new(method)
                .input("inputClaim1", Value::Flag(true))
                .missing("inputClaim2")
                .output_as("outputClaim", Kind::Flag);
            assert_eq!(trial.sets(), json!({}), "{method}");
        }
        let trial = Trial::new("NotClaims")
            .missing("inputClaim")
            .output_as("outputClaim", Kind::Flag);
        assert_eq!(trial.sets(), json!({}));
    }

    #[test]
    fn a_claim_is_turned_into_its_opposite() {
        let trial = Trial::new("NotClaims")
            .input("inputClaim", Value::Flag(false))
            .output_as("outputClaim", Kind::Flag);
        assert_eq!(trial.sets(), json!({"outputClaim": true}));
        let written = Trial::new("NotClaims")
            .input("inputClaim", "true")
            .output("outputClaim");
        // As .NET spells it in a string.
        assert_eq!(written.sets(), json!({"outputClaim": "False"}));
    }

    #[test]
    fn what_is_no_truth_value_is_an_error() {
        let failure = Trial::new("NotClaims")
            .input("inputClaim", "perhaps")
            .output("outputClaim")
            .failure();
        assert!(failure.text.contains("'inputClaim'"), "{}", failure.text);
    }

    #[test]
    fn an_assertion_that_does_not_hold_is_told_to_the_person() {
        let assert =
            || Trial::new("AssertBooleanClaimIsEqualToValue").parameter("valueToCompareTo", "true");
        let held = assert().input("inputClaim", Value::Flag(true));
        assert_eq!(held.sets(), json!({}));
        let key = "UserMessageIfClaimsTransformationBooleanValueIsNotEqual";
        let other = assert().input("inputClaim", Value::Flag(false));
        assert_eq!(refused(&other.failure()), Some(key));
        let missing = assert().missing("inputClaim");
        assert_eq!(refused(&missing.failure()), Some(key));
    }

    #[test]
    fn a_claim_is_compared_with_a_value() {
        for (value, expected) in [(true, true), (false, false)] {
            let trial = Trial::new("CompareBooleanClaimToValue")
                .input("inputClaim", Value::Flag(value))
                .parameter("valueToCompareTo", "true")
                .output_as("compareResult", Kind::Flag);
            assert_eq!(trial.sets(), json!({ "compareResult": expected }));
        }
    }

    #[test]
    fn a_text_is_set_where_the_truth_value_is_the_wanted_one() {
        let trial = |value: Option<bool>| {
            let trial = Trial::new("SetClaimIfBooleansMatch")
                .parameter("matchTo", "true")
                .parameter("outputClaimIfMatched", "Promotion code not found.")
                .output("outputClaim");
            match value {
                Some(value) => trial.input("claimToMatch", Value::Flag(value)),
                None => trial.missing("claimToMatch"),
            }
        };
        let matched = json!({"outputClaim": "Promotion code not found."});
        assert_eq!(trial(Some(true)).sets(), matched);
        assert_eq!(trial(Some(false)).sets(), json!({}), "left as it is");
        // "Null value throws an exception."
        assert!(trial(None).failure().text.contains("claimToMatch"));
    }
}
