//! JSON that two parsers cannot read differently.
//!
//! A repeated member is refused wherever it stands: one program in the chain
//! would take the first and another the last, and one of them is an address.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};

/// Deeper than anything a platform sends.
const DEEPEST: u8 = 32;

/// Why a body is not the JSON that was expected. Says where, never what: the
/// parser's own text quotes the value that it stumbled over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub(crate) struct NotUnderstood {
    kind: &'static str,
    line: usize,
    column: usize,
}

impl NotUnderstood {
    fn from(error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        Self {
            kind: match error.classify() {
                Category::Io => "unreadable",
                Category::Syntax => "malformed JSON",
                Category::Data => "unexpected, repeated, missing or too deep a value",
                Category::Eof => "an early end",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Reads an object as `T`, without repeated members and without depth for its
/// own sake. A byte order mark is tolerated.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, NotUnderstood> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    // A list would be taken for the object's members, by their places.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(NotUnderstood {
            kind: "a list where an object belongs",
            line: 1,
            column: 1,
        });
    }
    let mut parser = serde_json::Deserializer::from_slice(body);
    Unambiguous { depth: DEEPEST }
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .and_then(|()| serde_json::from_slice(body))
        .map_err(|error| NotUnderstood::from(&error))
}

/// Visits a whole value and keeps nothing of it.
#[derive(Clone, Copy)]
struct Unambiguous {
    depth: u8,
}

impl Unambiguous {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Self { depth })
            .ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Unambiguous {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        while sequence.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut seen = BTreeSet::new();
        while let Some(Name(name)) = map.next_key()? {
            if !seen.insert(name) {
                return Err(A::Error::custom("repeated"));
            }
            map.next_value_seed(inside)?;
        }
        Ok(())
    }
}

/// A member's name. Copied only where it is written with escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {

    use super::*;

    #[derive(Deserialize)]
    struct Thing {
        name: String,
    }

    fn name(body: &str) -> Result<String, NotUnderstood> {
        read::<Thing>(body.as_bytes()).map(|thing| thing.name)
    }

    #[test]
    fn one_reading_or_none() {
        let deep = |n: usize| format!(r#"{{"name":"a","x":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        let (flat, tall) = (deep(31), deep(32));
        let cases = [
            (r#"{"name":"a"}"#, true, "plain"),
            (
                r#"{"other":[{"x":1},{"x":2}],"name":"a"}"#,
                true,
                "unknown members",
            ),
            ("\u{FEFF}{\"name\":\"a\"}", true, "byte order mark"),
            (flat.as_str(), true, "deep"),
            (tall.as_str(), false, "too deep"),
            (r#"{"name":"a","name":"a"}"#, false, "repeated"),
            (
                r#"{"name":"a","n\u0061me":"b"}"#,
                false,
                "repeated by escape",
            ),
            (r#"{"name":"a","x":1,"x":2}"#, false, "unknown, repeated"),
            (
                r#"{"name":"a","x":[{"y":1,"y":1}]}"#,
                false,
                "repeated inside",
            ),
            (r#"{"name":"a"} x"#, false, "trailing bytes"),
            (r#"{"name":"a""#, false, "truncated"),
            (r#"{"name":1}"#, false, "wrong type"),
            ("{}", false, "missing"),
            ("", false, "empty"),
            ("null", false, "null"),
            (r#" ["a"]"#, false, "a list"),
        ];
        for (body, expected, why) in cases {
            assert_eq!(name(body).is_ok(), expected, "{why}");
        }
    }

    #[test]
    fn a_problem_says_where_and_never_what() {
        let problem = name(r#"{"name":["ada@example.org"]}"#).unwrap_err();
        assert!(!problem.to_string().contains("ada"), "{problem}");
        assert!(problem.to_string().contains("line 1"), "{problem}");
    }
}
