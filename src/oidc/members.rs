//! A JSON object whose members are passed on as they came: order, spelling of
//! numbers and unknown members included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The members of an object in the order in which they were written.
///
/// B2C writes `expires_in` as a string or as a number, and a client library may
/// depend on either, so nothing is read that need not be.
#[derive(Clone, Default)]
pub struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Reads an object. A name that occurs twice is an error: whoever reads the
    /// object after us might believe the other one.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_ref())
    }

    /// The text of a string member; `None` when it is absent or no string.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Sets a string member, in its old place when there is one.
    pub fn set_text(&mut self, name: &str, text: &str) {
        // A string always has a JSON spelling.
        let Ok(value) = to_raw_value(text) else {
            return;
        };
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

/// Redacted: the members of a token answer are credentials.
impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            if members.get(&name).is_some() {
                return Err(A::Error::custom("a member occurs twice"));
            }
            members.0.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_out_byte_for_byte_in_their_order() {
        let json = r#"{"z":"3600","a":3600.0,"e":1e3,"deep":{"b": [1, 2.50]},"ü":"\u00fc"}"#;
        let mut members = Members::parse(json.as_bytes()).expect("an object");
        members.set_text("customer_id", "C\"1");
        assert_eq!(
            serde_json::to_string(&members).expect("an object"),
            r#"{"z":"3600","a":3600.0,"e":1e3,"deep":{"b": [1, 2.50]},"ü":"\u00fc","customer_id":"C\"1"}"#
        );
    }

    #[test]
    fn a_member_that_is_set_again_keeps_its_place() {
        let mut members =
            Members::parse(br#"{"token_endpoint":"a","issuer":"b"}"#).expect("an object");
        members.set_text("token_endpoint", "c");
        assert_eq!(
            serde_json::to_string(&members).expect("an object"),
            r#"{"token_endpoint":"c","issuer":"b"}"#
        );
    }

    #[test]
    fn what_is_no_object_or_names_a_member_twice_is_refused() {
        for json in [
            "[]",
            "1",
            "",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1} x",
            "{\"a\":}",
        ] {
            assert!(Members::parse(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn debug_output_shows_names_only() {
        let members = Members::parse(br#"{"access_token":"canary"}"#).expect("an object");
        assert_eq!(format!("{members:?}"), r#"{"access_token"}"#);
    }
}
