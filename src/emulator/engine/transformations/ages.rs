//! Who is a minor where ("Enable age gating in Azure Active Directory B2C").

use time::Date;

use super::{
    Row,
    given::{Given, Outcome},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[Row::new(
    "GetAgeGroupConsentProvidedAndRequiresConsent",
    age_group,
)];

/// The method itself is not described: this follows what the reference says of
/// the attributes (inferred).
fn age_group(given: &Given<'_>) -> Outcome {
    let birth = given.day("dateOfBirth")?;
    let rules = rules(&given.text("countryCode")?);
    let group = group(age(birth, given.world.now().date()), &rules);
    let requires_consent = group == Group::Minor && rules.consent.is_some();
    let consent = match requires_consent {
        true => given.may_value("consentProvidedForMinor").cloned(),
        false => Some(Value::from("NotRequired")),
    };
    let mut sets = vec![
        ("ageGroup".to_owned(), Some(Value::from(group.name()))),
        (
            "requiresParentalConsent".to_owned(),
            Some(Value::Flag(requires_consent)),
        ),
    ];
    if let Some(consent) = consent {
        sets.push(("consentProvidedForMinor".to_owned(), Some(consent)));
    }
    Ok(sets)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Minor,
    NotAdult,
    Adult,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Minor => "Minor",
            Self::NotAdult => "NotAdult",
            Self::Adult => "Adult",
        }
    }
}

#[derive(Debug, PartialEq)]
struct Rules {
    /// Below it parents have to consent, where a country says anything of that.
    consent: Option<u8>,
    /// Below it nobody is an adult.
    adult: u8,
}

fn rules(country: &str) -> Rules {
    let country = country.trim().to_ascii_uppercase();
    let is_in = |list: &str| list.split(' ').any(|own| own == country);
    let consent = match () {
        () if is_in("ES GB IE PL SE US") => Some(13),
        () if is_in("AT BE KR") => Some(14),
        () if is_in("BG CY CZ DE DK EE FR GR HR HU IT LT LU LV MT NL PT RO SI SK") => Some(16),
        () => None,
    };
    let adult = match () {
        () if is_in("TH TW") => 20,
        () if is_in("AE BH CM EG NA SG TD") => 21,
        () => 18,
    };
    Rules { consent, adult }
}

/// Between the two ages one is "not adult"; in a country without rules of
/// consent, everybody below the second is a minor ("user resource type:
/// legalAgeGroupClassification").
fn group(age: i32, rules: &Rules) -> Group {
    match rules.consent {
        _ if age >= i32::from(rules.adult) => Group::Adult,
        Some(consent) if age >= i32::from(consent) => Group::NotAdult,
        Some(_) | None => Group::Minor,
    }
}

fn age(birth: Date, today: Date) -> i32 {
    let had_birthday = (today.month() as u8, today.day()) >= (birth.month() as u8, birth.day());
    today.year() - birth.year() - i32::from(!had_birthday)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::date;

    use super::*;
    use crate::emulator::engine::{transformations::testing::Trial, value::Kind};

    #[test]
    fn a_year_is_full_on_the_birthday() {
        let birth = date!(2004 - 02 - 29);
        let cases = [
            (date!(2022 - 02 - 28), 17),
            (date!(2022 - 03 - 01), 18),
            (date!(2024 - 02 - 29), 20),
        ];
        for (today, expected) in cases {
            assert_eq!(age(birth, today), expected, "{today}");
        }
    }

    #[test]
    fn countries_differ_in_who_is_a_minor() {
        let cases = [
            ("DE", 15, Group::Minor, "sixteen in Germany"),
            ("DE", 16, Group::NotAdult, "between the two ages"),
            ("DE", 18, Group::Adult, "eighteen"),
            ("us", 12, Group::Minor, "thirteen, in any casing"),
            ("SG", 20, Group::Minor, "twenty-one, and no age of consent"),
            ("TW", 20, Group::Adult, "twenty"),
            ("JP", 17, Group::Minor, "the default"),
        ];
        for (country, age, expected, why) in cases {
            assert_eq!(group(age, &rules(country)), expected, "{country}: {why}");
        }
    }

    /// Today is 14 January 2022.
    fn trial(birth: &str, country: &str, consent: Option<&str>) -> Trial {
        let trial = Trial::new("GetAgeGroupConsentProvidedAndRequiresConsent")
            .input("dateOfBirth", Value::read(birth, Kind::Day).unwrap())
            .input("countryCode", country)
            .output("ageGroup")
            .output_as("requiresParentalConsent", Kind::Flag)
            .output("consentProvidedForMinor");
        match consent {
            Some(consent) => trial.input("consentProvidedForMinor", consent),
            None => trial.missing("consentProvidedForMinor"),
        }
    }

    #[test]
    fn parents_consent_to_minors_only() {
        assert_eq!(
            trial("2010-01-15", "US", Some("Granted")).sets(),
            json!({
                "ageGroup": "Minor",
                "requiresParentalConsent": true,
                "consentProvidedForMinor": "Granted",
            })
        );
        assert_eq!(
            trial("2010-01-15", "US", None).sets(),
            json!({"ageGroup": "Minor", "requiresParentalConsent": true})
        );
        assert_eq!(
            trial("2004-01-14", "US", None).sets(),
            json!({
                "ageGroup": "Adult",
                "requiresParentalConsent": false,
                "consentProvidedForMinor": "NotRequired",
            })
        );
    }
}
