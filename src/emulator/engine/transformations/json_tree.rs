//! JSON whose members stay in their order, and that is put together path by
//! path: `personalizations.0.to.0.email`.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Value as Json, value::RawValue};

use super::given::{Stop, wrong};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Leaf(Json),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Puts a value where a path leads. "After splitting by dots, any integers
    /// are interpreted as the index of a JSON array and non-integers as the
    /// index of a JSON object."
    pub(super) fn insert(&mut self, path: &str, value: Json) -> Result<(), Stop> {
        let mut place = self;
        for step in path.split('.') {
            place = match step.parse::<usize>() {
                Ok(index) => place.item(index, path)?,
                Err(_) => place.member(step, path)?,
            };
        }
        match place {
            Self::Object(members) if members.is_empty() => {
                *place = Self::Leaf(value);
                Ok(())
            }
            Self::Leaf(_) | Self::List(_) | Self::Object(_) => {
                wrong(format!("puts two things at the place '{path}' of its JSON"))
            }
        }
    }

    /// "Start with zero to N, without skipping any number."
    fn item(&mut self, index: usize, path: &str) -> Result<&mut Self, Stop> {
        if matches!(self, Self::Object(members) if members.is_empty()) {
            *self = Self::List(Vec::new());
        }
        let Self::List(items) = self else {
            return wrong(format!(
                "takes '{path}' for a list, and something else is there"
            ));
        };
        if index == items.len() {
            items.push(Self::empty());
        }
        let length = items.len();
        match items.get_mut(index) {
            Some(item) => Ok(item),
            None => wrong(format!(
                "has the path '{path}', which skips a number: that list has {length} items so far"
            )),
        }
    }

    fn member(&mut self, name: &str, path: &str) -> Result<&mut Self, Stop> {
        let Self::Object(members) = self else {
            return wrong(format!(
                "takes '{path}' for an object, and something else is there"
            ));
        };
        let place = members.iter().position(|(own, _)| own == name);
        let place = place.unwrap_or(members.len());
        if place == members.len() {
            members.push((name.to_owned(), Self::empty()));
        }
        match members.get_mut(place) {
            Some((_, member)) => Ok(member),
            None => wrong(format!("finds no place '{path}'")),
        }
    }

    pub(super) fn empty() -> Self {
        Self::Object(Vec::new())
    }

    pub(super) fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        let member = |(name, value): (&str, Json)| (name.to_owned(), Self::Leaf(value));
        Self::Object(members.into_iter().map(member).collect())
    }

    pub(super) fn text(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(members) => {
                let mut object = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    object.serialize_entry(name, member)?;
                }
                object.end()
            }
        }
    }
}

/// The members of an object, as they are written and in their order.
pub(super) struct Members(pub(super) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_into_lists_and_objects() {
        let mut tree = Tree::empty();
        for (path, value) in [("b.1x", "1"), ("a.0.c", "2"), ("a.1", "3"), ("a.0.d", "4")] {
            tree.insert(path, json!(value)).unwrap();
        }
        let expected = r#"{"b":{"1x":"1"},"a":[{"c":"2","d":"4"},"3"]}"#;
        assert_eq!(tree.text(), expected);
    }

    #[test]
    fn paths_that_do_not_fit_together_are_errors() {
        let cases = [
            (["a.0", "a.2"], "a number is skipped"),
            (["a.1", "b"], "a list begins at zero"),
            (["a.0", "a.b"], "a list is no object"),
            (["a.b", "a.0"], "an object is no list"),
            (["a", "a.b"], "a text has no members"),
            (["a", "a"], "two things in one place"),
        ];
        for (paths, why) in cases {
            let mut tree = Tree::empty();
            let mut done = paths.iter().map(|path| tree.insert(path, json!("x")));
            assert!(done.any(|done| done.is_err()), "{why}");
        }
    }
}
