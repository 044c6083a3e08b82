//! Claims as they are shown, and how a step changed them.

use serde_json::Value as Json;

use crate::{
    emulator::engine::trace::{Claims, MASK},
    policy::merge::folded,
};

/// A value on the page. `class` is one of the stylesheet's: what is text can
/// be told from what is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) class: &'static str,
    pub(super) text: String,
}

impl Shown {
    pub(super) fn of(value: &Json) -> Self {
        let (class, text) = match value {
            Json::String(text) if text == MASK => ("masked", text.clone()),
            Json::String(text) => ("text", text.clone()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                ("literal", value.to_string())
            }
        };
        Self { class, text }
    }
}

pub(super) struct ClaimRow<'a> {
    pub(super) id: &'a str,
    /// What the other side calls it, where that is another name.
    pub(super) name: Option<&'a str>,
    pub(super) value: Shown,
}

pub(super) fn rows(claims: &Claims) -> Vec<ClaimRow<'_>> {
    let rows = claims.iter().map(|(id, value)| ClaimRow {
        id,
        name: None,
        value: Shown::of(value),
    });
    rows.collect()
}

/// What a step did to one claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub(super) id: &'a str,
    /// `added`, `changed`, `removed`.
    pub(super) kind: &'static str,
    pub(super) sign: &'static str,
    pub(super) before: Option<Shown>,
    pub(super) after: Option<Shown>,
}

/// Ids are one whatever their case, as they are in a journey.
pub(super) fn changes<'a>(before: &'a Claims, after: &'a Claims) -> Vec<Change<'a>> {
    let find = |claims: &'a Claims, id: &str| {
        let wanted = folded(id);
        let mut all = claims.iter();
        all.find(|(own, _)| folded(own) == wanted)
            .map(|(_, value)| value)
    };
    let mut changes = Vec::new();
    for (id, value) in after {
        match find(before, id) {
            None => changes.push(change(id, ("added", "+"), None, Some(value))),
            Some(old) if old != value => {
                changes.push(change(id, ("changed", "~"), Some(old), Some(value)));
            }
            Some(_) => {}
        }
    }
    for (id, value) in before {
        if find(after, id).is_none() {
            changes.push(change(id, ("removed", "−"), Some(value), None));
        }
    }
    changes
}

fn change<'a>(
    id: &'a str,
    (kind, sign): (&'static str, &'static str),
    before: Option<&Json>,
    after: Option<&Json>,
) -> Change<'a> {
    Change {
        id,
        kind,
        sign,
        before: before.map(Shown::of),
        after: after.map(Shown::of),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Json) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn changes_are_told_by_id_whatever_its_case() {
        let before = claims(json!({"surName": "Weber", "email": "a@b.example", "newUser": true}));
        let after = claims(json!({"surname": "Weber", "email": "c@d.example", "objectId": "1"}));
        let told: Vec<_> = changes(&before, &after)
            .into_iter()
            .map(|change| (change.kind, change.id))
            .collect();
        assert_eq!(
            told,
            [
                ("changed", "email"),
                ("added", "objectId"),
                ("removed", "newUser")
            ]
        );
    }

    #[test]
    fn the_text_true_is_told_from_the_truth_value() {
        assert_eq!(Shown::of(&json!("true")).class, "text");
        assert_eq!(Shown::of(&json!(true)).class, "literal");
        assert_eq!(Shown::of(&json!(MASK)).class, "masked");
    }
}
