//! Collections of strings ("StringCollection claims transformations").

use super::{
    Row,
    given::{Case, Given, Outcome, set},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("AddItemToStringCollection", |given| {
        add(given, given.text("item")?)
    }),
    Row::new("AddParameterToStringCollection", |given| {
        add(given, given.parameter("item")?.to_owned())
    }),
    Row::new("GetSingleItemFromStringCollection", |given| {
        match given.texts("collection")?.into_iter().next() {
            Some(first) => set("extractedItem", first),
            None => Ok(Vec::new()),
        }
    }),
    Row::new("StringCollectionContains", |given| {
        let texts = given.texts("inputClaim")?;
        contains(&texts, given.parameter("item")?, given.ignore_case()?)
    }),
    Row::new("StringCollectionContainsClaim", |given| {
        let texts = given.texts("collection")?;
        contains(&texts, &given.text("item")?, given.ignore_case()?)
    }),
];

/// "Adds a string to a new unique values stringCollection claim": at its end,
/// unless it is there. A collection that is not there is empty.
fn add(given: &Given<'_>, item: String) -> Outcome {
    let mut texts = given.may_texts("collection").unwrap_or_default();
    if !texts.contains(&item) {
        texts.push(item);
    }
    set("collection", Value::Texts(texts))
}

fn contains(texts: &[String], item: &str, case: Case) -> Outcome {
    let found = texts.iter().any(|text| case.equal(text, item));
    set("outputClaim", Value::Flag(found))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::emulator::engine::{
        transformations::testing::{Trial, texts},
        value::Kind,
    };

    fn add() -> Trial {
        Trial::new("AddItemToStringCollection").output_as("collection", Kind::Texts)
    }

    #[test]
    fn an_item_is_added_at_the_end() {
        let trial = add()
            .input("item", "admin@contoso.com")
            .input("collection", texts(&["someone@outlook.com"]));
        let both = json!({"collection": ["someone@outlook.com", "admin@contoso.com"]});
        assert_eq!(trial.sets(), both);
        let parameter = Trial::new("AddParameterToStringCollection")
            .input("collection", texts(&["someone@outlook.com"]))
            .parameter("item", "admin@contoso.com")
            .output_as("collection", Kind::Texts);
        assert_eq!(parameter.sets(), both);
    }

    #[test]
    fn the_values_of_a_collection_are_unique() {
        let trial = add()
            .input("item", "a")
            .input("collection", texts(&["a", "b"]));
        assert_eq!(trial.sets(), json!({"collection": ["a", "b"]}));
    }

    #[test]
    fn a_collection_begins_with_its_first_item_and_nothing_is_added_without_one() {
        let first = add().input("item", "a").missing("collection");
        assert_eq!(first.sets(), json!({"collection": ["a"]}));
        let none = add().missing("item").input("collection", texts(&["a"]));
        assert_eq!(none.sets(), json!({}));
    }

    #[test]
    fn the_first_item_is_taken_out() {
        let first = |trial: Trial| trial.output("extractedItem").sets();
        let trial = || Trial::new("GetSingleItemFromStringCollection");
        let two = texts(&["someone@outlook.com", "someone@contoso.com"]);
        let found = json!({"extractedItem": "someone@outlook.com"});
        assert_eq!(first(trial().input("collection", two)), found);
        assert_eq!(first(trial().input("collection", texts(&[]))), json!({}));
        assert_eq!(first(trial().missing("collection")), json!({}));
    }

    #[test]
    fn an_item_is_looked_for() {
        let roles = texts(&["reader", "author", "admin"]);
        for (ignore, expected) in [("true", true), ("false", false)] {
            let parameter = Trial::new("StringCollectionContains")
                .input("inputClaim", roles.clone())
                .parameter("item", "Admin")
                .parameter("ignoreCase", ignore)
                .output_as("outputClaim", Kind::Flag);
            assert_eq!(parameter.sets(), json!({ "outputClaim": expected }));
            let claim = Trial::new("StringCollectionContainsClaim")
                .input("collection", roles.clone())
                .input("item", "Admin")
                .parameter("ignoreCase", ignore)
                .output_as("outputClaim", Kind::Flag);
            assert_eq!(claim.sets(), json!({ "outputClaim": expected }));
        }
        let missing = Trial::new("StringCollectionContains")
            .missing("inputClaim")
            .parameter("item", "Admin")
            .parameter("ignoreCase", "true")
            .output_as("outputClaim", Kind::Flag);
        assert_eq!(missing.sets(), json!({}));
    }
}
