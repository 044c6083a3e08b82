//! Claims of any type ("General claims transformations").

use super::{Row, given::set};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("CopyClaim", |given| {
        set("outputClaim", given.value("inputClaim")?.clone())
    }),
    // The predicate is the output claim's.
    Row::new("CopyClaimIfPredicateMatch", |given| {
        let text = given.text("inputClaim")?;
        let mut outputs = given.outputs();
        let fits = outputs.all(|(_, claim)| given.world.fits(claim, &text));
        match fits {
            true => set("outputClaim", text),
            false => Ok(Vec::new()),
        }
    }),
    // "Checks if a claim exists or contains any value": an empty text does not
    // (inferred).
    Row::new("DoesClaimExist", |given| {
        let claim = given.may_value("inputClaim");
        let exists = claim.is_some_and(|claim| !claim.is_empty());
        set("outputClaim", Value::Flag(exists))
    }),
    Row::new("NullClaim", |_| {
        Ok(vec![("claim_to_null".to_owned(), None)])
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{Trial, texts},
        value::{Kind, Value},
    };

    #[test]
    fn a_claim_is_copied_whatever_its_type() {
        let cases = [
            (
                Value::from("bob@contoso.com"),
                Kind::Text,
                json!("bob@contoso.com"),
            ),
            (Value::Number(7), Kind::Number, json!(7)),
            (Value::Flag(true), Kind::Flag, json!(true)),
            (texts(&["a", "b"]), Kind::Texts, json!(["a", "b"])),
            (Value::Number(7), Kind::Text, json!("7")),
        ];
        for (value, kind, expected) in cases {
            let trial = Trial::new("CopyClaim")
                .input("inputClaim", value)
                .output_as("outputClaim", kind);
            assert_eq!(trial.sets(), json!({ "outputClaim": expected }));
        }
        let missing = Trial::new("CopyClaim")
            .missing("inputClaim")
            .output("outputClaim");
        assert_eq!(missing.sets(), json!({}), "what is there stays");
    }

    #[test]
    fn a_claim_is_copied_where_it_fits_the_predicates_of_the_other() {
        let copy = |value: &str| {
            let trial = Trial::new("CopyClaimIfPredicateMatch")
                .input("inputClaim", value)
                .output("outputClaim");
            trial.sets()
        };
        assert_eq!(copy("+11234567890"), json!({"outputClaim": "+11234567890"}));
        assert_eq!(copy("bob@contoso.com"), json!({}));
    }

    #[test]
    fn it_is_told_whether_a_claim_has_a_value() {
        let exists = |trial: Trial| trial.output_as("outputClaim", Kind::Flag).sets();
        let trial = || Trial::new("DoesClaimExist");
        let (yes, no) = (json!({"outputClaim": true}), json!({"outputClaim": false}));
        assert_eq!(
            exists(trial().input("inputClaim", "someone@contoso.com")),
            yes
        );
        assert_eq!(exists(trial().input("inputClaim", Value::Flag(false))), yes);
        assert_eq!(exists(trial().input("inputClaim", Value::Number(0))), yes);
        assert_eq!(exists(trial().missing("inputClaim")), no);
        assert_eq!(exists(trial().input("inputClaim", "")), no);
        assert_eq!(exists(trial().input("inputClaim", texts(&[]))), no);
    }

    #[test]
    fn a_claim_is_taken_away() {
        let trial = Trial::new("NullClaim").output("claim_to_null");
        assert_eq!(trial.sets(), json!({"claim_to_null": null}));
    }
}
