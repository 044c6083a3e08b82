//! Dates and times ("Date claims transformations").

use time::{Duration, OffsetDateTime};

use super::{
    Row,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::emulator::engine::value::{Kind, Value};

pub(super) const ROWS: &[Row] = &[
    Row::new("AssertDateTimeIsGreaterThan", assert_greater),
    Row::new("ConvertDateTimeToDateClaim", |given| {
        set("outputClaim", Value::Day(given.day("inputClaim")?))
    }),
    Row::new("ConvertDateToDateTimeClaim", |given| {
        let midnight = given.day("inputClaim")?.midnight().assume_utc();
        set("outputClaim", Value::Moment(midnight))
    }),
    Row::new("DateTimeComparison", |given| {
        // "Null value throws an exception."
        let Some(first) = given.may_moment("firstDateTime")? else {
            return wrong("needs a claim 'firstDateTime' that has a value");
        };
        // "Null value is treated as the current date and time."
        let second = given.may_moment("secondDateTime")?;
        let second = second.unwrap_or_else(|| given.world.now());
        let span = Duration::seconds(given.number_parameter("timeSpanInSeconds")?);
        let Some(first) = first.checked_add(span) else {
            return wrong("has a timeSpanInSeconds that leads out of all calendars");
        };
        compare(first, second, given.parameter("operator")?)
    }),
    Row::new("GetCurrentDateTime", |given| {
        set("currentDateTime", Value::Moment(given.world.now()))
    }),
    Row::new("IsTermsOfUseConsentRequired", |given| {
        let update = given.parameter("termsOfUseTextUpdateDateTime")?;
        let Some(Value::Moment(update)) = Value::read(update, Kind::Moment) else {
            return wrong(format!(
                "has '{update}' as its termsOfUseTextUpdateDateTime, and that is no time"
            ));
        };
        // "Undefined value returns true result."
        let consent = given.may_moment("termsOfUseConsentDateTime")?;
        let is_required = consent.is_none_or(|consent| consent < update);
        set("result", Value::Flag(is_required))
    }),
];

fn compare(first: OffsetDateTime, second: OffsetDateTime, operator: &str) -> Outcome {
    let result = match operator.trim().to_ascii_lowercase().as_str() {
        "same" => first == second,
        "later than" => first > second,
        "earlier than" => first < second,
        _ => {
            return wrong(format!(
                "knows no operator '{operator}': it is same, later than or earlier than"
            ));
        }
    };
    set("result", Value::Flag(result))
}

/// How dates that are equal, or are not there, are taken.
struct Leniency {
    /// `AssertIfEqualTo`: "whether this assertion should throw an error if the
    /// left operand is equal to the right operand".
    equal_throws: bool,
    /// `AssertIfRightOperandIsNotPresent`: "whether this assertion should pass
    /// if the right operand is missing".
    missing_passes: bool,
    /// `TreatAsEqualIfWithinMillseconds`.
    tolerance: Duration,
}

fn assert_greater(given: &Given<'_>) -> Outcome {
    let milliseconds = given.may_number_parameter("TreatAsEqualIfWithinMillseconds")?;
    let missing_passes = given.may_flag_parameter("AssertIfRightOperandIsNotPresent")?;
    let leniency = Leniency {
        equal_throws: given.may_flag_parameter("AssertIfEqualTo")?.unwrap_or(true),
        missing_passes: missing_passes.unwrap_or(false),
        tolerance: Duration::milliseconds(milliseconds.unwrap_or(0)),
    };
    let (left, right) = (
        given.may_moment("leftOperand")?,
        given.may_moment("rightOperand")?,
    );
    match holds(left, right, &leniency) {
        true => Ok(Vec::new()),
        false => Err(Stop::Refused {
            key: "DateTimeGreaterThan",
            default: "Claim value comparison failed: The provided left operand is greater than \
                      the right operand.",
        }),
    }
}

/// Nothing is later than anything (inferred for the left side).
fn holds(left: Option<OffsetDateTime>, right: Option<OffsetDateTime>, leniency: &Leniency) -> bool {
    match (left, right) {
        (_, None) => leniency.missing_passes,
        (None, Some(_)) => false,
        (Some(left), Some(right)) => match (left - right).abs() <= leniency.tolerance {
            true => !leniency.equal_throws,
            false => left > right,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{NOW, Trial, refused},
        value::{Kind, Value},
    };

    fn moment(text: &str) -> Value {
        Value::read(text, Kind::Moment).unwrap()
    }

    #[test]
    fn the_left_date_has_to_be_later() {
        let assert = |left: &str, right: Option<&str>, equal: Option<&str>, missing: &str| {
            let mut trial = Trial::new("AssertDateTimeIsGreaterThan")
                .input("leftOperand", left)
                .parameter_as("AssertIfRightOperandIsNotPresent", "boolean", missing)
                .parameter_as("TreatAsEqualIfWithinMillseconds", "int", "300000");
            trial = match right {
                Some(right) => trial.input("rightOperand", right),
                None => trial.missing("rightOperand"),
            };
            match equal {
                Some(equal) => trial.parameter_as("AssertIfEqualTo", "boolean", equal),
                None => trial,
            }
        };
        let (early, late) = ("2022-01-01T15:00:00", "2022-01-22T15:00:00");
        let soon = "2022-01-01T15:04:59";
        let refuses = |trial: Trial, why: &str| {
            assert_eq!(
                refused(&trial.failure()),
                Some("DateTimeGreaterThan"),
                "{why}"
            );
        };
        let holds = |trial: Trial, why: &str| assert_eq!(trial.sets(), json!({}), "{why}");
        let no = Some("false");
        refuses(assert(early, Some(late), no, "true"), "the example");
        holds(assert(late, Some(early), no, "true"), "the other way round");
        holds(assert(early, Some(soon), no, "true"), "counts as equal");
        refuses(
            assert(early, Some(soon), Some("true"), "true"),
            "and throws",
        );
        refuses(
            assert(early, Some(early), None, "true"),
            "it throws by default",
        );
        holds(
            assert(early, None, no, "true"),
            "passes without the right one",
        );
        refuses(assert(early, None, no, "false"), "or does not");
    }

    #[test]
    fn days_and_times_become_each_other() {
        let day = Trial::new("ConvertDateTimeToDateClaim")
            .input("inputClaim", moment("2022-01-03T11:34:22.0000000Z"))
            .output_as("outputClaim", Kind::Day);
        assert_eq!(day.sets(), json!({"outputClaim": "2022-01-03"}));
        let time = Trial::new("ConvertDateToDateTimeClaim")
            .input("inputClaim", Value::read("2022-01-03", Kind::Day).unwrap())
            .output_as("outputClaim", Kind::Moment);
        assert_eq!(
            time.sets(),
            json!({"outputClaim": "2022-01-03T00:00:00.0000000Z"})
        );
        let missing = Trial::new("ConvertDateToDateTimeClaim")
            .missing("inputClaim")
            .output_as("outputClaim", Kind::Moment);
        assert_eq!(missing.sets(), json!({}));
    }

    #[test]
    fn two_times_are_compared_once_the_span_is_added_to_the_first() {
        let (start, march) = ("2022-01-01T00:00:00.100000Z", "2022-03-16T00:00:00.100000Z");
        let cases = [
            (
                march,
                "later than",
                "7776000",
                true,
                "the reference's example",
            ),
            (march, "later than", "0", false, "without the span"),
            (march, "earlier than", "0", true, "the other way round"),
            (march, "same", "6393600", true, "74 days"),
            (
                march,
                "Earlier Than",
                "-5",
                true,
                "in any casing, and backwards",
            ),
        ];
        for (second, operator, span, expected, why) in cases {
            let trial = Trial::new("DateTimeComparison")
                .input("firstDateTime", moment(start))
                .input("secondDateTime", moment(second))
                .parameter("operator", operator)
                .parameter_as("timeSpanInSeconds", "int", span)
                .output_as("result", Kind::Flag);
            assert_eq!(trial.sets(), json!({ "result": expected }), "{why}");
        }
    }

    #[test]
    fn the_second_time_is_now_where_it_is_not_there_and_the_first_is_needed() {
        let compare = || {
            Trial::new("DateTimeComparison")
                .parameter("operator", "same")
                .parameter_as("timeSpanInSeconds", "int", "0")
                .output_as("result", Kind::Flag)
        };
        let now = compare()
            .input("firstDateTime", Value::Moment(NOW))
            .missing("secondDateTime");
        assert_eq!(now.sets(), json!({"result": true}));
        let missing = compare()
            .missing("firstDateTime")
            .input("secondDateTime", Value::Moment(NOW));
        assert!(missing.failure().text.contains("firstDateTime"));
    }

    #[test]
    fn the_time_is_that_of_the_tenants_clock() {
        let moment = Trial::new("GetCurrentDateTime").output_as("currentDateTime", Kind::Moment);
        let now = json!({"currentDateTime": "2022-01-14T11:40:35.0000000Z"});
        assert_eq!(moment.sets(), now);
        let text = Trial::new("GetCurrentDateTime").output("currentDateTime");
        assert_eq!(text.sets(), now, "in a string as well");
    }

    #[test]
    fn consent_is_required_where_it_is_older_than_the_terms_or_was_never_given() {
        let required = |update: &str, consent: Option<&str>| {
            let trial = Trial::new("IsTermsOfUseConsentRequired")
                .parameter_as("termsOfUseTextUpdateDateTime", "dateTime", update)
                .output_as("result", Kind::Flag);
            match consent {
                Some(consent) => trial.input("termsOfUseConsentDateTime", moment(consent)),
                None => trial.missing("termsOfUseConsentDateTime"),
            }
        };
        let (yes, no) = (json!({"result": true}), json!({"result": false}));
        // "The time part of the date is optional."
        assert_eq!(
            required("2021-11-15", Some("2020-03-09T09:15:00")).sets(),
            yes
        );
        assert_eq!(
            required("2021-11-15T00:00:00", Some("2021-11-16")).sets(),
            no
        );
        assert_eq!(required("2021-11-15", None).sets(), yes);
        assert!(required("soon", None).failure().text.contains("soon"));
    }
}
