//! Values that are looked up: in lists of the policy, in its words ("String
//! claims transformations").

use super::{
    Row, dotnet,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::{emulator::engine::value::Value, policy::merge::folded};

pub(super) const ROWS: &[Row] = &[
    Row::new("FormatLocalizedString", |given| {
        let id = given.parameter("stringFormatId")?;
        let kind = "FormatLocalizedStringTransformationClaimType";
        let Some(format) = given.world.localized(kind, id) else {
            return wrong(not_localized(kind, id));
        };
        let claims: Vec<Option<&Value>> = given.inputs().map(|(_, value)| value).collect();
        set("outputClaim", dotnet::format(&format, &claims)?)
    }),
    // A string that is not there leaves its claim as it is (inferred).
    Row::new("GetLocalizedStringsTransformation", |given| {
        let kind = "GetLocalizedStringsTransformationClaimType";
        let set = given.outputs().filter_map(|(name, _)| {
            let text = given.world.localized(kind, name)?;
            Some((name.to_owned(), Some(Value::from(text))))
        });
        Ok(set.collect())
    }),
    // "Looks up the text of the item and returns its value."
    Row::new("GetMappedValueFromLocalizedCollection", |given| {
        let wanted = given.text("mapFromClaim")?;
        let outputs = given.outputs();
        let items = outputs.flat_map(|(_, claim)| given.world.restriction(claim));
        let mut found = items.filter(|(text, _)| *text == wanted);
        match found.next() {
            Some((_, value)) => set("restrictionValueClaim", value),
            None => Ok(Vec::new()),
        }
    }),
    Row::new("LookupValue", look_up),
];

fn not_localized(kind: &str, id: &str) -> String {
    format!(
        "finds no localized string '{id}' of ElementType {kind}: the technical profile's \
         ContentDefinitionReferenceId has to name a content definition with one in the journey's \
         language or the default one"
    )
}

/// The value of the parameter whose id is the claim's value, by the letter
/// (inferred). Without a match "it does not output a claim"
/// (azure-ad-b2c/samples, banned-password-list-no-API).
fn look_up(given: &Given<'_>) -> Outcome {
    const OPTION: &str = "errorOnFailedLookup";
    let wanted = given.text("inputParameterId")?;
    let mut list = given
        .parameters()
        .filter(|parameter| folded(parameter.id()) != folded(OPTION));
    match list.find(|parameter| parameter.id() == wanted) {
        Some(found) => set("outputClaim", found.value().unwrap_or_default()),
        None if given.may_flag_parameter(OPTION)? == Some(true) => Err(Stop::Refused {
            key: "LookupNotFound",
            default: "No match found for the input claim value in the list of input parameter \
                      IDs and errorOnFailedLookup is true.",
        }),
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::transformations::testing::{Trial, refused};

    #[test]
    fn a_value_is_looked_up_in_the_parameters() {
        let look_up = |domain: &str, error: &str| {
            Trial::new("LookupValue")
                .input("inputParameterId", domain)
                .parameter("contoso.com", "13c15f79-8fb1-4e29-a6c9-be0d36ff19f1")
                .parameter("test.com", "c7026f88-4299-4cdb-965d-3f166464b8a9")
                .parameter_as("errorOnFailedLookup", "boolean", error)
                .output("outputClaim")
        };
        let found = json!({"outputClaim": "c7026f88-4299-4cdb-965d-3f166464b8a9"});
        assert_eq!(look_up("test.com", "false").sets(), found);
        assert_eq!(look_up("live.com", "false").sets(), json!({}));
        assert_eq!(
            look_up("Test.com", "false").sets(),
            json!({}),
            "by the letter"
        );
        let failure = look_up("live.com", "true").failure();
        assert_eq!(refused(&failure), Some("LookupNotFound"));
        // The option is none of the values.
        let option = look_up("errorOnFailedLookup", "false");
        assert_eq!(option.sets(), json!({}));
    }

    #[test]
    fn words_of_the_journeys_language_become_claims() {
        let kind = "GetLocalizedStringsTransformationClaimType";
        let trial = Trial::new("GetLocalizedStringsTransformation")
            .localized(&format!("{kind} email_subject"), "Your code")
            .localized("UxElement email_code", "not this one")
            .output("email_subject")
            .output("email_code");
        assert_eq!(trial.sets(), json!({"email_subject": "Your code"}));
    }

    #[test]
    fn claims_are_put_into_words_of_the_journeys_language() {
        let trial = |id: &str| {
            Trial::new("FormatLocalizedString")
                .input("email", "sarah@contoso.com")
                .parameter("stringFormatId", id)
                .localized(
                    "FormatLocalizedStringTransformationClaimType Exists",
                    "The email '{0}' is already an account.",
                )
                .output("outputClaim")
        };
        assert_eq!(
            trial("Exists").text(),
            "The email 'sarah@contoso.com' is already an account."
        );
        let failure = trial("Other").failure();
        assert!(failure.text.contains("'Other'"), "{}", failure.text);
    }

    #[test]
    fn a_text_is_mapped_to_its_value() {
        let mapped = |code: &str| {
            let trial = Trial::new("GetMappedValueFromLocalizedCollection")
                .input("mapFromClaim", code)
                .restriction("B2C_V1_90001", "You cannot sign in because you are a minor")
                .restriction("B2C_V1_90002", "Only gold members may do this")
                .output("restrictionValueClaim");
            trial.sets()
        };
        assert_eq!(
            mapped("B2C_V1_90002"),
            json!({"restrictionValueClaim": "Only gold members may do this"})
        );
        assert_eq!(mapped("B2C_V1_90009"), json!({}));
    }
}
