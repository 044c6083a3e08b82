//! Strings made of strings ("String claims transformations").

use super::{
    Row, dotnet,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("ChangeCase", |given| {
        let text = given.text("inputClaim1")?;
        let to = given.parameter("toCase")?;
        match to.trim().to_ascii_uppercase().as_str() {
            "LOWER" => set("outputClaim", text.to_lowercase()),
            "UPPER" => set("outputClaim", text.to_uppercase()),
            _ => wrong(format!("knows no case '{to}': it is LOWER or UPPER")),
        }
    }),
    Row::new("CreateStringClaim", |given| {
        set("createdClaim", given.template("value")?)
    }),
    Row::new("FormatStringClaim", |given| {
        let claim = given.value("inputClaim")?;
        let format = given.template("stringFormat")?;
        set("outputClaim", dotnet::format(&format, &[Some(claim)])?)
    }),
    Row::new("FormatStringMultipleClaims", |given| {
        let claims = numbered(given);
        // As long as one has a value, the others are empty: null is, in
        // String.Format.
        if claims.iter().all(Option::is_none) {
            return Err(Stop::Missing);
        }
        let format = given.template("stringFormat")?;
        set("outputClaim", dotnet::format(&format, &claims)?)
    }),
    Row::new("ParseDomain", |given| {
        set("domain", domain(&given.text("emailAddress")?))
    }),
    Row::new("StringContains", |given| {
        let (text, part) = (given.text("inputClaim")?, given.parameter("contains")?);
        let case = given.ignore_case()?;
        set("outputClaim", Value::Flag(case.contains(&text, part)))
    }),
    Row::new("StringJoin", |given| {
        let texts = given.texts("inputClaim")?;
        set("outputClaim", texts.join(given.parameter("delimiter")?))
    }),
    Row::new("StringReplace", |given| {
        let text = given.text("inputClaim")?;
        match given.parameter("oldValue")? {
            "" => wrong("has an empty 'oldValue', and there is nothing to look for"),
            old => set(
                "outputClaim",
                text.replace(old, given.parameter("newValue")?),
            ),
        }
    }),
    // "Throws an exception when the input claim is empty or null"
    // (azure-ad-b2c/samples, issue 677).
    Row::new("StringSplit", |given| {
        match given.may_text("inputClaim").unwrap_or_default().as_str() {
            "" => wrong("needs a claim 'inputClaim' that has a value"),
            text => set("outputClaim", split(text, given.parameter("delimiter")?)),
        }
    }),
    Row::new("StringSubstring", |given| {
        let text = given.text("inputClaim")?;
        let start = given.number_parameter("startIndex")?;
        let length = given.number_parameter("length")?;
        substring(&text, start, length)
    }),
];

/// The claims that stand for `{0}`, `{1}`, …: `inputClaim1`, `inputClaim2`, …,
/// and where they are named otherwise, in the order they are written.
fn numbered<'a>(given: &Given<'a>) -> Vec<Option<&'a Value>> {
    let mut claims: Vec<(usize, Option<&Value>)> = given
        .inputs()
        .enumerate()
        .map(|(place, (name, value))| {
            let number = name.to_ascii_lowercase();
            let number = number.strip_prefix("inputclaim");
            let number = number.and_then(|number| number.parse::<usize>().ok());
            (number.unwrap_or(place + 1), value)
        })
        .collect();
    claims.sort_by_key(|(number, _)| *number);
    claims.into_iter().map(|(_, value)| value).collect()
}

/// What is behind the `@`. "If the provided email address isn't valid, an empty
/// string" (the unit tests of the B2C community).
fn domain(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((name, domain)) if !name.is_empty() => domain.to_owned(),
        Some(_) | None => String::new(),
    }
}

/// Empty parts are parts, as in .NET.
fn split(text: &str, delimiter: &str) -> Value {
    match delimiter {
        "" => Value::Texts(vec![text.to_owned()]),
        delimiter => Value::Texts(text.split(delimiter).map(str::to_owned).collect()),
    }
}

/// .NET counts in UTF-16, and throws where the text is too short.
fn substring(text: &str, start: i64, length: i64) -> Outcome {
    let units: Vec<u16> = text.encode_utf16().collect();
    let range = usize::try_from(start)
        .ok()
        .zip(usize::try_from(length).ok());
    let part = range.and_then(|(start, length)| units.get(start..start.checked_add(length)?));
    match part {
        Some(part) => set("outputClaim", String::from_utf16_lossy(part)),
        None => wrong(format!(
            "takes {length} characters from number {start} on, and the text has {}",
            units.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{Trial, texts},
        value::{Kind, Value},
    };

    #[test]
    fn the_case_of_a_text_is_changed() {
        let change = |case: &str| {
            Trial::new("changecase")
                .input("inputClaim1", "SomeOne@contoso.com")
                .parameter("tocase", case)
                .output("outputClaim")
        };
        assert_eq!(change("LOWER").text(), "someone@contoso.com");
        assert_eq!(change("upper").text(), "SOMEONE@CONTOSO.COM");
        assert!(change("TITLE").failure().text.contains("TITLE"));
    }

    #[test]
    fn a_text_of_the_policy_is_set_and_its_expressions_are_known() {
        let cases = [
            ("Contoso terms of service...", "Contoso terms of service..."),
            ("by {TechnicalProfileId}", "by Facebook-OAUTH"),
            ("{RelyingPartyTenantId}", "b2cdemo.onmicrosoft.com"),
            ("{TrustFrameworkTenantId}", "b2cdemo.onmicrosoft.com"),
            // What claim resolvers do is not done here.
            ("{Culture:LanguageName}", "{Culture:LanguageName}"),
        ];
        for (value, expected) in cases {
            let trial = Trial::new("CreateStringClaim")
                .parameter("value", value)
                .output("createdClaim");
            assert_eq!(trial.text(), expected);
        }
        let flag = Trial::new("CreateStringClaim")
            .parameter("value", "true")
            .output_as("createdClaim", Kind::Flag);
        assert_eq!(
            flag.sets(),
            json!({"createdClaim": true}),
            "as it is declared"
        );
    }

    #[test]
    fn a_claim_is_put_into_a_format() {
        let format = |format: &str| {
            Trial::new("FormatStringClaim")
                .input("inputClaim", "5164db16-3eee-4629-bfda-dcc3326790e9")
                .parameter("stringFormat", format)
                .output("outputClaim")
        };
        assert_eq!(
            format("cpim_{0}@{RelyingPartyTenantId}").text(),
            "cpim_5164db16-3eee-4629-bfda-dcc3326790e9@b2cdemo.onmicrosoft.com"
        );
        let failure = format("{1}").failure();
        assert!(
            failure.text.contains("'Tried' (FormatStringClaim)"),
            "{}",
            failure.text
        );
        let missing = Trial::new("FormatStringClaim")
            .missing("inputClaim")
            .parameter("stringFormat", "{0}")
            .output("outputClaim");
        assert_eq!(missing.sets(), json!({}));
    }

    #[test]
    fn several_claims_are_put_into_a_format() {
        let format = || {
            Trial::new("FormatStringMultipleClaims")
                .parameter("stringFormat", "{0} {1}")
                .output("outputClaim")
        };
        let names = format()
            .input("inputClaim1", "Joe")
            .input("inputClaim2", "Fernando");
        assert_eq!(names.text(), "Joe Fernando");
        let turned = format()
            .input("inputClaim2", "Fernando")
            .input("inputClaim1", "Joe");
        assert_eq!(turned.text(), "Joe Fernando", "by their numbers");
        let half = format().input("inputClaim1", "Joe").missing("inputClaim2");
        assert_eq!(half.text(), "Joe ", "null is empty in String.Format");
        let none = format().missing("inputClaim1").missing("inputClaim2");
        assert_eq!(none.sets(), json!({}));
    }

    #[test]
    fn the_domain_of_an_address_is_what_is_behind_the_at() {
        let cases = [
            ("joe@outlook.com", "outlook.com", "the reference's example"),
            ("\"a@b\"@contoso.com", "contoso.com", "the last one counts"),
            ("joe", "", "no address"),
            ("@outlook.com", "", "nobody"),
        ];
        for (address, expected, why) in cases {
            let trial = Trial::new("ParseDomain")
                .input("emailAddress", address)
                .output("domain");
            assert_eq!(trial.text(), expected, "{why}");
        }
    }

    #[test]
    fn a_text_is_looked_for_in_another() {
        let cases = [
            ("true", true, "the reference's example"),
            ("false", false, "the case counts"),
        ];
        for (ignore, expected, why) in cases {
            let trial = Trial::new("StringContains")
                .input("inputClaim", "Admin, Approver, Editor")
                .parameter("contains", "admin,")
                .parameter("ignoreCase", ignore)
                .output_as("outputClaim", Kind::Flag);
            assert_eq!(trial.sets(), json!({ "outputClaim": expected }), "{why}");
        }
    }

    #[test]
    fn collections_are_joined_and_split() {
        let join = |items: &[&str]| {
            let trial = Trial::new("StringJoin")
                .input("inputClaim", texts(items))
                .parameter("delimiter", ",")
                .output("outputClaim");
            trial.sets()
        };
        let joined = json!({"outputClaim": "Admin,Author,Reader"});
        assert_eq!(join(&["Admin", "Author", "Reader"]), joined);
        assert_eq!(join(&[]), json!({"outputClaim": ""}), "an empty collection");
        let split = |text: &str| {
            Trial::new("StringSplit")
                .input("inputClaim", text)
                .parameter("delimiter", ",")
                .output_as("outputClaim", Kind::Texts)
        };
        let parts = json!({"outputClaim": ["Admin", "Author", "Reader"]});
        assert_eq!(split("Admin,Author,Reader").sets(), parts);
        assert_eq!(split("a,,b").sets(), json!({"outputClaim": ["a", "", "b"]}));
        assert!(split("").failure().text.contains("inputClaim"));
        let missing = Trial::new("StringSplit")
            .missing("inputClaim")
            .parameter("delimiter", ",")
            .output_as("outputClaim", Kind::Texts);
        assert!(missing.failure().text.contains("inputClaim"));
    }

    #[test]
    fn all_occurrences_are_replaced() {
        let replace = |old: &str| {
            Trial::new("StringReplace")
                .input("inputClaim", "+164-411-452-054")
                .parameter("oldValue", old)
                .parameter("newValue", "")
                .output("outputClaim")
        };
        assert_eq!(replace("-").text(), "+164411452054");
        assert_eq!(
            replace("x").text(),
            "+164-411-452-054",
            "not found: unchanged"
        );
        assert!(replace("").failure().text.contains("oldValue"));
    }

    #[test]
    fn a_part_is_taken_out_of_a_text() {
        let part = |text: &str, start: &str, length: &str| {
            Trial::new("StringSubstring")
                .input("inputClaim", text)
                .parameter_as("startIndex", "int", start)
                .parameter_as("length", "int", length)
                .output("outputClaim")
        };
        assert_eq!(part("+1644114520", "0", "2").text(), "+1");
        assert_eq!(part("größe", "2", "2").text(), "öß", "letters, not bytes");
        assert_eq!(part("abc", "3", "0").sets(), json!({"outputClaim": ""}));
        for (start, length) in [("2", "2"), ("4", "0"), ("-1", "1"), ("0", "-1")] {
            let failure = part("abc", start, length).failure();
            assert!(failure.text.contains("has 3"), "{}", failure.text);
        }
        assert!(
            part("abc", "x", "1")
                .failure()
                .text
                .contains("'startIndex'")
        );
    }

    #[test]
    fn a_number_in_a_string_claim_is_a_string() {
        let trial = Trial::new("FormatStringClaim")
            .input("inputClaim", Value::Number(42))
            .parameter("stringFormat", "{0:D4}")
            .output("outputClaim");
        assert_eq!(trial.text(), "0042");
    }
}
