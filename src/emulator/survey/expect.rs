//! Whether what came is what a story expects.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What was typed so far, by input: `{{email}}` in a story stands for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(BTreeMap<String, String>);

impl Memory {
    pub(super) fn keep(&mut self, id: &str, text: &str) {
        self.0.insert(id.to_ascii_lowercase(), text.to_owned());
    }

    pub(super) fn get(&self, id: &str) -> Option<&str> {
        self.0.get(&id.to_ascii_lowercase()).map(String::as_str)
    }

    pub(super) fn filled(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let Some((name, behind)) = behind.split_once("}}") else {
                break;
            };
            filled.push_str(before);
            filled.push_str(self.get(name.trim()).unwrap_or_default());
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    fn filled_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.filled(text).into(),
            Value::Array(items) => items.iter().map(|item| self.filled_value(item)).collect(),
            Value::Object(members) => Value::Object(self.filled_members(members)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    pub(super) fn filled_members(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let members = members.iter();
        members
            .map(|(name, value)| (name.clone(), self.filled_value(value)))
            .collect()
    }
}

/// What is other than expected, a line each. What is not expected may be there.
pub(super) fn differences(
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, wanted) in expected {
        match found.get(name) {
            None => differences.push(format!("{name} is missing, expected {wanted}")),
            Some(value) if fits(wanted, value) => {}
            Some(value) => differences.push(format!("{name} is {value}, expected {wanted}")),
        }
    }
    differences
}

/// `*` is anything there is. Of objects the members expected count; texts are
/// compared as they are.
fn fits(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::String(any), found) if any == "*" => {
            !matches!(found, Value::Null) && found.as_str() != Some("")
        }
        (Value::Object(wanted), Value::Object(found)) => differences(wanted, found).is_empty(),
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(wanted, found)| fits(wanted, found))
        }
        (wanted, found) => wanted == found,
    }
}

/// Whether a text is within another, whatever case and white space they have.
pub(super) fn says(text: &str, part: &str) -> bool {
    let plain = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    plain(text).contains(&plain(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_expected_counts_and_nothing_else() {
        let found = members(json!({
            "sub": "1", "email": "", "user": { "a": 1, "b": 2 }, "list": ["x", "y"]
        }));
        for (expected, differences_found) in [
            (json!({ "sub": "*", "user": { "b": 2 } }), vec![]),
            (json!({ "list": ["x", "*"] }), vec![]),
            (
                json!({ "email": "*" }),
                vec!["email is \"\", expected \"*\""],
            ),
            (json!({ "sub": 1 }), vec!["sub is \"1\", expected 1"]),
            (
                json!({ "name": "a" }),
                vec!["name is missing, expected \"a\""],
            ),
            (
                json!({ "list": ["x"] }),
                vec!["list is [\"x\",\"y\"], expected [\"x\"]"],
            ),
        ] {
            assert_eq!(differences(&members(expected), &found), differences_found);
        }
    }

    #[test]
    fn what_was_typed_stands_where_a_story_names_it() {
        let mut memory = Memory::default();
        memory.keep("signInName", "ada");
        let wanted = members(json!({ "a": "{{signinname}}!", "b": ["{{ signInName }}"], "c": 1 }));
        let expected = members(json!({ "a": "ada!", "b": ["ada"], "c": 1 }));
        assert_eq!(memory.filled_members(&wanted), expected);
        assert_eq!(memory.filled("{{none}} {{open"), " {{open");
    }

    #[test]
    fn a_message_is_told_by_its_words() {
        assert!(says("Please  enter\nan ADDRESS.", "enter an address"));
        assert!(!says("Please", "enter"));
    }
}
