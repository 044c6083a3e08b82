//! Whole numbers ("Integer claims transformations").

use super::{
    Row,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("AdjustNumber", |given| {
        // "If the claim value is null, the default of 0 is used."
        let number = given.may_number("inputClaim")?.unwrap_or(0);
        let operator = given.may_parameter("Operator").unwrap_or("INCREMENT");
        match operator.trim().to_ascii_uppercase().as_str() {
            "INCREMENT" => set("outputClaim", Value::Number(number.saturating_add(1))),
            "DECREMENT" => set("outputClaim", Value::Number(number.saturating_sub(1))),
            _ => wrong(format!(
                "knows no Operator '{operator}': it is INCREMENT or DECREMENT"
            )),
        }
    }),
    Row::new("AssertNumber", assert_number),
    Row::new("ConvertNumberToStringClaim", |given| {
        set("outputClaim", given.text("inputClaim")?)
    }),
];

/// "When set to true (default), and the comparison result is true, an exception
/// will be thrown."
fn assert_number(given: &Given<'_>) -> Outcome {
    // "Null value throws an exception."
    let Some(number) = given.may_number("inputClaim")? else {
        return wrong("needs a claim 'inputClaim' that has a value");
    };
    let other = given.number_parameter("CompareToValue")?;
    let holds = compare(number, given.parameter("Operator")?, other)?;
    match (given.may_flag_parameter("throwError")?, holds) {
        (Some(false), holds) => set("outputClaim", Value::Flag(holds)),
        (Some(true) | None, false) => Ok(Vec::new()),
        (Some(true) | None, true) => Err(Stop::Refused {
            key: "AssertNumberError",
            default: "Claim value comparison failed: The number is not within its bounds.",
        }),
    }
}

fn compare(number: i64, operator: &str, other: i64) -> Result<bool, Stop> {
    Ok(match operator.trim().to_ascii_lowercase().as_str() {
        "lessthan" => number < other,
        "greaterthan" => number > other,
        "greaterthanorequal" => number >= other,
        "lessthanorequal" => number <= other,
        "equal" => number == other,
        "notequal" => number != other,
        _ => return wrong(format!("knows no Operator '{operator}'")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{Trial, refused},
        value::{Kind, Value},
    };

    #[test]
    fn numbers_are_counted_up_and_down() {
        let adjust = |number: Option<i64>, operator: Option<&str>| {
            let mut trial = Trial::new("AdjustNumber").output_as("outputClaim", Kind::Number);
            trial = match number {
                Some(number) => trial.input("inputClaim", Value::Number(number)),
                None => trial.missing("inputClaim"),
            };
            match operator {
                Some(operator) => trial.parameter("Operator", operator).sets(),
                None => trial.sets(),
            }
        };
        assert_eq!(
            adjust(Some(1), Some("INCREMENT")),
            json!({"outputClaim": 2})
        );
        assert_eq!(
            adjust(Some(1), Some("decrement")),
            json!({"outputClaim": 0})
        );
        assert_eq!(adjust(Some(1), None), json!({"outputClaim": 2}));
        assert_eq!(adjust(None, Some("INCREMENT")), json!({"outputClaim": 1}));
    }

    #[test]
    fn a_number_is_asserted_not_to_compare_so() {
        let assert = |number: i64, operator: &str, throws: Option<&str>| {
            let trial = Trial::new("AssertNumber")
                .input("inputClaim", Value::Number(number))
                .parameter("Operator", operator)
                .parameter_as("CompareToValue", "int", "5")
                .output_as("outputClaim", Kind::Flag);
            match throws {
                Some(throws) => trial.parameter_as("throwError", "boolean", throws),
                None => trial,
            }
        };
        let key = Some("AssertNumberError");
        assert_eq!(
            refused(&assert(10, "GreaterThan", Some("true")).failure()),
            key
        );
        assert_eq!(refused(&assert(10, "GreaterThan", None).failure()), key);
        assert_eq!(assert(5, "GreaterThan", None).sets(), json!({}));
        let cases = [
            (10, "GreaterThan", true),
            (4, "LessThan", true),
            (5, "LessThanOrEqual", true),
            (5, "greaterThanOrEqual", true),
            (5, "Equal", true),
            (5, "NotEqual", false),
        ];
        for (number, operator, expected) in cases {
            let sets = assert(number, operator, Some("false")).sets();
            assert_eq!(sets, json!({ "outputClaim": expected }), "{operator}");
        }
    }

    #[test]
    fn a_number_that_is_not_there_cannot_be_asserted() {
        let failure = Trial::new("AssertNumber")
            .missing("inputClaim")
            .parameter("Operator", "Equal")
            .parameter("CompareToValue", "5")
            .failure();
        assert_eq!(refused(&failure), None);
        assert!(failure.text.contains("inputClaim"), "{}", failure.text);
    }

    #[test]
    fn a_number_becomes_a_string() {
        let trial = Trial::new("ConvertNumberToStringClaim")
            .input("inputClaim", Value::Number(12334))
            .output("outputClaim");
        assert_eq!(trial.sets(), json!({"outputClaim": "12334"}));
    }
}
