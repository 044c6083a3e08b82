//! Whether a text fits the predicates of a claim ("Predicates and
//! PredicateValidations").

use time::{Date, macros::format_description};

use crate::{
    emulator::engine::pattern,
    policy::{effective::Effective, view::Predicate, xml::Element},
};

/// A claim without a predicate validation takes every text.
pub(super) fn fits(effective: &Effective, claim: &str, text: &str, today: Date) -> bool {
    let claim = effective.claim_type(claim);
    let validation = claim
        .and_then(|claim| claim.predicate_validation())
        .and_then(|id| effective.predicate_validation(id));
    let Some(validation) = validation else {
        return true;
    };
    let holds = |reference: &Element| {
        let predicate = effective.predicate(reference.value("Id").unwrap_or_default());
        predicate.is_some_and(|predicate| holds(&predicate, text, today))
    };
    validation.groups().all(|group| {
        let Some(references) = group.child("PredicateReferences") else {
            return true;
        };
        let all = references.all("PredicateReference").count();
        let least = references.value("MatchAtLeast").map(str::trim);
        let least = least.and_then(|least| least.parse().ok()).unwrap_or(all);
        let holding = references
            .all("PredicateReference")
            .filter(|own| holds(own));
        holding.count() >= least
    })
}

fn holds(predicate: &Predicate<'_>, text: &str, today: Date) -> bool {
    let parameter = |id: &str| predicate.parameter(id).map(str::trim);
    let method = predicate.method().unwrap_or_default().to_ascii_lowercase();
    match method.as_str() {
        "matchesregex" => {
            pattern::matches(parameter("RegularExpression").unwrap_or_default(), text)
        }
        "includescharacters" => {
            let set = parameter("CharacterSet").unwrap_or_default();
            text.chars().any(|letter| is_in(set, letter))
        }
        "islengthrange" => {
            let length = text.encode_utf16().count();
            let bound = |id: &str| parameter(id).and_then(|bound| bound.parse::<usize>().ok());
            bound("Minimum").is_none_or(|least| length >= least)
                && bound("Maximum").is_none_or(|most| length <= most)
        }
        "isdaterange" => {
            let bound = |id: &str| parameter(id).and_then(|bound| day(bound, today));
            day(text, today).is_some_and(|day| {
                bound("Minimum").is_none_or(|least| day >= least)
                    && bound("Maximum").is_none_or(|most| day <= most)
            })
        }
        _ => false,
    }
}

/// Of `a-z0-9@`: single letters and ranges.
fn is_in(set: &str, letter: char) -> bool {
    let letters: Vec<char> = set.chars().collect();
    let mut rest = &letters[..];
    while let [first, behind @ ..] = rest {
        match behind {
            ['-', last, after @ ..] => {
                if (*first..=*last).contains(&letter) {
                    return true;
                }
                rest = after;
            }
            _ => {
                if *first == letter {
                    return true;
                }
                rest = behind;
            }
        }
    }
    false
}

fn day(text: &str, today: Date) -> Option<Date> {
    match text.eq_ignore_ascii_case("today") {
        true => Some(today),
        false => Date::parse(text, format_description!("[year]-[month]-[day]")).ok(),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::policy::set::PolicySet;

    const POLICY: &str = r#"<TrustFrameworkPolicy PolicyId="a"><BuildingBlocks>
      <ClaimsSchema>
        <ClaimType Id="signInName"><DataType>string</DataType>
          <PredicateValidationReference Id="phoneOrShort"/></ClaimType>
        <ClaimType Id="birthday"><DataType>date</DataType>
          <PredicateValidationReference Id="born"/></ClaimType>
        <ClaimType Id="free"><DataType>string</DataType></ClaimType>
      </ClaimsSchema>
      <Predicates>
        <Predicate Id="phone" Method="MatchesRegex"><Parameters>
          <Parameter Id="RegularExpression">^\+[0-9]+$</Parameter></Parameters></Predicate>
        <Predicate Id="short" Method="IsLengthRange"><Parameters>
          <Parameter Id="Minimum">2</Parameter><Parameter Id="Maximum">4</Parameter></Parameters></Predicate>
        <Predicate Id="digit" Method="IncludesCharacters"><Parameters>
          <Parameter Id="CharacterSet">0-9</Parameter></Parameters></Predicate>
        <Predicate Id="past" Method="IsDateRange"><Parameters>
          <Parameter Id="Minimum">1970-01-01</Parameter><Parameter Id="Maximum">Today</Parameter></Parameters></Predicate>
      </Predicates>
      <PredicateValidations>
        <PredicateValidation Id="phoneOrShort"><PredicateGroups>
          <PredicateGroup Id="one"><PredicateReferences MatchAtLeast="1">
            <PredicateReference Id="phone"/><PredicateReference Id="short"/></PredicateReferences></PredicateGroup>
          <PredicateGroup Id="two"><PredicateReferences>
            <PredicateReference Id="digit"/></PredicateReferences></PredicateGroup>
        </PredicateGroups></PredicateValidation>
        <PredicateValidation Id="born"><PredicateGroups>
          <PredicateGroup Id="one"><PredicateReferences>
            <PredicateReference Id="past"/></PredicateReferences></PredicateGroup>
        </PredicateGroups></PredicateValidation>
      </PredicateValidations>
    </BuildingBlocks></TrustFrameworkPolicy>"#;

    #[test]
    fn a_text_fits_where_enough_predicates_of_every_group_hold() {
        let set = PolicySet::from_texts([("a.xml", POLICY)]);
        let policy = set.effective(set.files[0].file).unwrap();
        let today = date!(2022 - 01 - 14);
        let cases = [
            ("signInName", "+11234567890", true, "a number"),
            ("signInName", "abc1", true, "short, and with a digit"),
            ("signInName", "abc", false, "no digit"),
            (
                "signInName",
                "bob1@contoso.com",
                false,
                "neither of the two",
            ),
            ("birthday", "2022-01-14", true, "today"),
            ("birthday", "2022-01-15", false, "tomorrow"),
            ("birthday", "soon", false, "no day"),
            ("free", "anything", true, "no predicates"),
            ("unknown", "anything", true, "no such claim"),
        ];
        for (claim, text, expected, why) in cases {
            assert_eq!(fits(&policy, claim, text, today), expected, "{text}: {why}");
        }
    }

    #[test]
    fn a_set_of_characters_is_letters_and_ranges() {
        let cases = [
            ("a-z", 'q', true, "within a range"),
            ("a-z", 'Q', false, "outside of it"),
            ("A-Z0-9", '7', true, "the second range"),
            ("@#", '#', true, "a single letter"),
            ("a-", '-', true, "a hyphen at the end is itself"),
            ("", 'a', false, "nothing"),
        ];
        for (set, letter, expected, why) in cases {
            assert_eq!(is_in(set, letter), expected, "{set} {letter}: {why}");
        }
    }
}
