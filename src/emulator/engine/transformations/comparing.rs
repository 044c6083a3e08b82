//! Strings compared with strings ("String claims transformations").

use super::{
    Row,
    given::{Given, Outcome, Sets, Stop, set, wrong},
};
use crate::emulator::engine::{pattern, value::Value};

pub(super) const ROWS: &[Row] = &[
    // Null equals null and nothing else: a box that was not ticked is not the
    // version of the terms (azure-ad-b2c/samples, terms-of-service).
    Row::new("AssertStringClaimsAreEqual", |given| {
        let case = given.comparison()?;
        let (one, other) = (given.may_text("inputClaim1"), given.may_text("inputClaim2"));
        match case.equal_if_any(one.as_deref(), other.as_deref()) {
            true => Ok(Vec::new()),
            false => Err(Stop::Refused {
                key: "UserMessageIfClaimsTransformationStringsAreNotEqual",
                default: "Claim value comparison failed using StringComparison \
                          \"OrdinalIgnoreCase\".",
            }),
        }
    }),
    // "If they don't match, then the claim is output as false", also where a
    // claim has no value (azure-ad-b2c/samples, banned-password-list-no-API).
    Row::new("CompareClaims", |given| {
        let other = given.may_text("inputClaim2");
        compare(given, other.as_deref())
    }),
    Row::new("CompareClaimToValue", |given| {
        compare(given, Some(given.parameter("compareTo")?))
    }),
    Row::new("SetClaimsIfRegexMatch", set_if_regex_matches),
    Row::new("SetClaimsIfStringsAreEqual", |given| {
        let case = given.comparison()?;
        let claim = given.may_text("inputClaim");
        let is_equal = case.equal_if_any(claim.as_deref(), Some(given.parameter("matchTo")?));
        let mut sets = vec![flag("stringCompareResultClaim", is_equal)];
        if is_equal {
            for (name, parameter) in [
                ("outputClaim1", "stringMatchMsg"),
                ("outputClaim2", "stringMatchMsgCode"),
            ] {
                let value = given.may_parameter(parameter);
                sets.extend(value.map(|value| (name.to_owned(), Some(value.into()))));
            }
        }
        Ok(sets)
    }),
    Row::new("SetClaimsIfStringsMatch", |given| {
        let case = given.comparison()?;
        let claim = given.may_text("claimToMatch");
        let is_equal = case.equal_if_any(claim.as_deref(), Some(given.parameter("matchTo")?));
        Ok(matched(given, is_equal, "stringCompareResultClaim"))
    }),
];

fn flag(name: &str, flag: bool) -> (String, Option<Value>) {
    (name.to_owned(), Some(Value::Flag(flag)))
}

fn compare(given: &Given<'_>, other: Option<&str>) -> Outcome {
    let claim = given.may_text("inputClaim1");
    let is_equal = given.ignore_case()?.equal_if_any(claim.as_deref(), other);
    let operator = given.parameter("operator")?;
    match operator.trim().to_ascii_uppercase().as_str() {
        "EQUAL" => set("outputClaim", Value::Flag(is_equal)),
        "NOT EQUAL" => set("outputClaim", Value::Flag(!is_equal)),
        _ => wrong(format!(
            "knows no operator '{operator}': it is EQUAL or NOT EQUAL"
        )),
    }
}

/// "This output claim contains the value of `outputClaimIfMatched`. Or null, if
/// the strings aren't match."
fn matched(given: &Given<'_>, is_match: bool, result: &str) -> Sets {
    let value = given.may_parameter("outputClaimIfMatched");
    let value = value.filter(|_| is_match).map(Value::from);
    vec![("outputClaim".to_owned(), value), flag(result, is_match)]
}

fn set_if_regex_matches(given: &Given<'_>) -> Outcome {
    let text = given.text("claimToMatch")?;
    let expression = given.parameter("matchTo")?;
    let Some(regex) = pattern::compiled(expression) else {
        return wrong(format!(
            "has the regular expression '{expression}', which the emulator cannot read"
        ));
    };
    let Ok(found) = regex.captures(&text) else {
        return wrong(format!(
            "has the regular expression '{expression}', which takes too long to match"
        ));
    };
    let mut sets = matched(given, found.is_some(), "regexCompareResultClaim");
    let extracts = given.may_flag_parameter("extractGroups")? == Some(true);
    if let Some(found) = found.filter(|_| extracts) {
        for group in regex.capture_names().flatten() {
            let value = found.name(group);
            let value = value.map(|value| Value::from(value.as_str()));
            sets.extend(value.map(|value| (group.to_owned(), Some(value))));
        }
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{Trial, refused},
        value::Kind,
    };

    #[test]
    fn strings_that_are_to_be_equal_and_are_not_are_told_to_the_person() {
        let key = Some("UserMessageIfClaimsTransformationStringsAreNotEqual");
        let cases = [
            (
                "a@x.org",
                "A@X.org",
                "ordinalIgnoreCase",
                None,
                "but for their case",
            ),
            ("a@x.org", "A@X.org", "Ordinal", key, "the case counts"),
            (
                "someone@contoso.com",
                "someone@outlook.com",
                "ordinalIgnoreCase",
                key,
                "the reference's example",
            ),
        ];
        for (one, other, comparison, expected, why) in cases {
            let trial = Trial::new("AssertStringClaimsAreEqual")
                .input("inputClaim1", one)
                .input("inputClaim2", other)
                .parameter("stringComparison", comparison);
            match expected {
                None => assert_eq!(trial.sets(), json!({}), "{why}"),
                key => assert_eq!(refused(&trial.failure()), key, "{why}"),
            }
        }
        let half = Trial::new("AssertStringClaimsAreEqual")
            .input("inputClaim1", "v1")
            .missing("inputClaim2")
            .parameter("stringComparison", "Ordinal");
        assert_eq!(refused(&half.failure()), key, "null is no text");
    }

    #[test]
    fn claims_are_compared() {
        let compare = |operator: &str| {
            Trial::new("CompareClaims")
                .input("inputClaim1", "someone@contoso.com")
                .parameter("operator", operator)
                .parameter("ignoreCase", "true")
                .output_as("outputClaim", Kind::Flag)
        };
        let other = |trial: Trial| trial.input("inputClaim2", "someone@outlook.com");
        let same = |trial: Trial| trial.input("inputClaim2", "SOMEONE@contoso.com");
        let (yes, no) = (json!({"outputClaim": true}), json!({"outputClaim": false}));
        assert_eq!(other(compare("NOT EQUAL")).sets(), yes, "the example");
        assert_eq!(other(compare("equal")).sets(), no);
        assert_eq!(same(compare("EQUAL")).sets(), yes);
        // Policies rely on false where there is nothing to compare with.
        assert_eq!(compare("EQUAL").missing("inputClaim2").sets(), no);
        assert_eq!(compare("NOT EQUAL").missing("inputClaim2").sets(), yes);
        let unknown = other(compare("LIKE")).failure();
        assert!(unknown.text.contains("LIKE"), "{}", unknown.text);
    }

    #[test]
    fn a_claim_is_compared_with_a_value() {
        let compare = |ignore: Option<&str>| {
            let trial = Trial::new("CompareClaimToValue")
                .input("inputClaim1", "v1")
                .parameter("compareTo", "V1")
                .parameter("operator", "EQUAL")
                .output_as("outputClaim", Kind::Flag);
            match ignore {
                Some(ignore) => trial.parameter("ignoreCase", ignore).sets(),
                None => trial.sets(),
            }
        };
        assert_eq!(compare(Some("true")), json!({"outputClaim": true}));
        assert_eq!(compare(Some("false")), json!({"outputClaim": false}));
        assert_eq!(compare(None), json!({"outputClaim": false}));
        // Whoever never agreed to a version has to agree to this one.
        let missing = Trial::new("CompareClaimToValue")
            .missing("inputClaim1")
            .parameter("compareTo", "V2")
            .parameter("operator", "not equal")
            .output_as("outputClaim", Kind::Flag);
        assert_eq!(missing.sets(), json!({"outputClaim": true}));
    }

    #[test]
    fn claims_are_set_where_strings_match() {
        let trial = |claim: Option<&str>| {
            let trial = Trial::new("SetClaimsIfStringsMatch")
                .parameter("matchTo", "Minor")
                .parameter("stringComparison", "ordinalIgnoreCase")
                .parameter("outputClaimIfMatched", "B2C_V1_90001")
                .output("outputClaim")
                .output_as("stringCompareResultClaim", Kind::Flag);
            match claim {
                Some(claim) => trial.input("claimToMatch", claim).sets(),
                None => trial.missing("claimToMatch").sets(),
            }
        };
        let matched = json!({"outputClaim": "B2C_V1_90001", "stringCompareResultClaim": true});
        // "Or null, if the strings aren't match."
        let other = json!({"outputClaim": null, "stringCompareResultClaim": false});
        assert_eq!(trial(Some("Minor")), matched);
        assert_eq!(trial(Some("minor")), matched);
        assert_eq!(trial(Some("Adult")), other);
        assert_eq!(trial(None), other);
    }

    #[test]
    fn claims_are_set_where_strings_are_equal() {
        let trial = |claim: &str| {
            let trial = Trial::new("SetClaimsIfStringsAreEqual")
                .input("inputClaim", claim)
                .parameter("matchTo", "V1")
                .parameter("stringComparison", "ordinalIgnoreCase")
                .parameter("stringMatchMsgCode", "B2C_V1_90005")
                .parameter("stringMatchMsg", "The TOS is upgraded to v2")
                .output("outputClaim1")
                .output("outputClaim2")
                .output_as("stringCompareResultClaim", Kind::Flag);
            trial.sets()
        };
        // The table of the reference; its example has the two the other way
        // round.
        let equal = json!({
            "outputClaim1": "The TOS is upgraded to v2",
            "outputClaim2": "B2C_V1_90005",
            "stringCompareResultClaim": true,
        });
        assert_eq!(trial("v1"), equal);
        assert_eq!(trial("v2"), json!({"stringCompareResultClaim": false}));
    }

    #[test]
    fn claims_are_set_where_an_expression_matches() {
        let trial = |phone: &str| {
            let trial = Trial::new("setClaimsIfRegexMatch")
                .input("claimToMatch", phone)
                .parameter("matchTo", "^[0-9]{4,16}$")
                .parameter("outputClaimIfMatched", "isPhone")
                .output("outputClaim")
                .output_as("regexCompareResultClaim", Kind::Flag);
            trial.sets()
        };
        let matched = json!({"outputClaim": "isPhone", "regexCompareResultClaim": true});
        let other = json!({"outputClaim": null, "regexCompareResultClaim": false});
        assert_eq!(trial("64854114520"), matched);
        assert_eq!(trial("+64854114520"), other);
    }

    #[test]
    fn the_groups_of_an_expression_are_claims() {
        let trial = |extract: &str| {
            let trial = Trial::new("SetClaimsIfRegexMatch")
                .input("claimToMatch", "emily@contoso.com")
                .parameter("matchTo", "(?<mailAlias>.*)@(.*)$")
                .parameter("outputClaimIfMatched", "isEmail")
                .parameter_as("extractGroups", "boolean", extract)
                .output("outputClaim")
                .output_as("regexCompareResultClaim", Kind::Flag)
                .output("mailAlias");
            trial.sets()
        };
        let extracted = json!({
            "outputClaim": "isEmail", "regexCompareResultClaim": true, "mailAlias": "emily",
        });
        assert_eq!(trial("true"), extracted);
        let plain = json!({"outputClaim": "isEmail", "regexCompareResultClaim": true});
        assert_eq!(trial("false"), plain);
    }

    #[test]
    fn an_expression_that_cannot_be_read_is_an_error() {
        let failure = Trial::new("SetClaimsIfRegexMatch")
            .input("claimToMatch", "x")
            .parameter("matchTo", "([")
            .output("outputClaim")
            .failure();
        assert!(failure.text.contains("(["), "{}", failure.text);
    }
}
