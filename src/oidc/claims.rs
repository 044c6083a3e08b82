//! The claims of an ID token that `openidconnect` does not read, or reads less
//! strictly than a link rests on.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::TokenError;
use crate::domain::identity::{Provider, Subject};
use crate::domain::tenant::MissingProvider;
use crate::domain::trust::Claimed;

/// Claims as the token spells them. One that is there must have its type:
/// B2C leaves out what has no value, so `null` is not taken for absent. One
/// that is there twice makes the whole token unreadable.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    sub: String,
    #[serde(default, deserialize_with = "present")]
    oid: Option<String>,
    aud: Audience,
    #[serde(default, deserialize_with = "present")]
    pub(super) azp: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) nbf: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    pub(super) tfp: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) acr: Option<String>,
    #[serde(default, deserialize_with = "present")]
    idp: Option<String>,
    #[serde(default)]
    emails: EmailClaim,
    #[serde(default)]
    email: EmailClaim,
    #[serde(default)]
    email_verified: VerifiedClaim,
}

impl Claims {
    /// Reads the payload without believing it.
    pub(super) fn peek(token: &str) -> Result<Self, TokenError> {
        let payload = token.split('.').nth(1).ok_or(TokenError::Malformed)?;
        let json = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| TokenError::Malformed)?;
        serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
    }

    /// The policies that the token names: `tfp`, or `acr` in older tokens and
    /// most custom policies. B2C's default issuer is the same for all policies,
    /// so a token that names none is not known to come from an accepted one.
    pub(super) fn policies(&self) -> impl Iterator<Item = &str> {
        [&self.tfp, &self.acr]
            .into_iter()
            .flatten()
            .map(|p| p.as_str())
    }

    /// The one audience; a token for several applications is refused, because
    /// each of them could sign in at the others with it.
    pub(super) fn audience(&self) -> Option<&str> {
        self.aud.only()
    }

    /// The object id: `oid`, or B2C's `sub` where it is one. `sub` can be one
    /// constant text for everybody, so nothing but a GUID serves.
    pub(super) fn subject(&self) -> Option<Subject> {
        Subject::parse(self.oid.as_ref().unwrap_or(&self.sub))
    }

    /// B2C leaves `idp` out for local accounts, and for everybody where the
    /// application claim is not ticked: what that means is the tenant's to say.
    pub(super) fn provider(&self, missing: MissingProvider) -> Provider {
        match (&self.idp, missing) {
            (Some(idp), _) => Provider::federated(idp),
            (None, MissingProvider::Local) => Provider::local(),
            (None, MissingProvider::Unverified) => Provider::unknown(),
        }
    }

    /// The one address that the token names. User flows send `emails`, custom
    /// policies `email`; where they contradict each other, or there are several,
    /// or one is of another type, no address is guessed.
    pub(super) fn email(&self) -> Option<&str> {
        match (&self.emails, &self.email) {
            (EmailClaim::Many(list), EmailClaim::Absent) => one(list),
            (EmailClaim::Absent, EmailClaim::One(email)) => Some(email),
            (EmailClaim::Many(list), EmailClaim::One(email)) => {
                one(list).filter(|listed| listed == email)
            }
            _ => None,
        }
    }

    /// Only the truth value says "verified": providers have been seen to write
    /// `"true"`, `1` and arrays, and nothing tells what they mean by it.
    pub(super) fn claimed(&self) -> Claimed {
        match self.email_verified {
            VerifiedClaim::Absent | VerifiedClaim::True => Claimed::Plain,
            VerifiedClaim::AnythingElse => Claimed::Disowned,
        }
    }
}

fn one(list: &[String]) -> Option<&str> {
    match list {
        [email] => Some(email),
        _ => None,
    }
}

/// Like `Option`, but `null` is an error.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `aud`, of which only a single one serves.
pub(super) enum Audience {
    One(String),
    Unusable,
}

impl Audience {
    pub(super) fn only(&self) -> Option<&str> {
        match self {
            Self::One(audience) => Some(audience),
            Self::Unusable => None,
        }
    }
}

#[derive(Default)]
enum EmailClaim {
    #[default]
    Absent,
    One(String),
    Many(Vec<String>),
    Unusable,
}

#[derive(Default)]
enum VerifiedClaim {
    #[default]
    Absent,
    True,
    AnythingElse,
}

/// What a claim turns out to be, whatever its type.
enum Shape {
    True,
    Text(String),
    Texts(Vec<String>),
    Other,
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Shape::deserialize(deserializer)? {
            Shape::Text(audience) => Self::One(audience),
            Shape::Texts(mut list) => match (list.pop(), list.is_empty()) {
                (Some(audience), true) => Self::One(audience),
                _ => Self::Unusable,
            },
            Shape::True | Shape::Other => Self::Unusable,
        })
    }
}

impl<'de> Deserialize<'de> for EmailClaim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Shape::deserialize(deserializer)? {
            Shape::Text(email) => Self::One(email),
            Shape::Texts(list) => Self::Many(list),
            Shape::True | Shape::Other => Self::Unusable,
        })
    }
}

impl<'de> Deserialize<'de> for VerifiedClaim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Shape::deserialize(deserializer)? {
            Shape::True => Self::True,
            Shape::Text(_) | Shape::Texts(_) | Shape::Other => Self::AnythingElse,
        })
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(if value { Shape::True } else { Shape::Other })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(element) = seq.next_element::<Self::Value>()? {
            match (element, &mut texts) {
                (Shape::Text(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Shape::Other, Shape::Texts))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Shape::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Result<Claims, TokenError> {
        let payload = format!(r#"{{"iss":"i","sub":"s","aud":"a"{json}}}"#);
        Claims::peek(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn no_address_is_guessed() {
        let cases = [
            (
                r#","emails":["a@x.example"]"#,
                Some("a@x.example"),
                "user flow",
            ),
            (
                r#","email":"a@x.example""#,
                Some("a@x.example"),
                "custom policy",
            ),
            (
                r#","emails":["a@x.example"],"email":"a@x.example""#,
                Some("a@x.example"),
                "both, the same",
            ),
            (
                r#","emails":["a@x.example"],"email":"b@x.example""#,
                None,
                "contradiction",
            ),
            (
                r#","emails":["a@x.example","b@x.example"]"#,
                None,
                "several",
            ),
            (
                r#","emails":["a@x.example","a@x.example"]"#,
                None,
                "one, twice",
            ),
            (
                r#","emails":["a@x.example",1]"#,
                None,
                "one of another type",
            ),
            (r#","emails":[]"#, None, "an empty list"),
            (
                r#","emails":[],"email":"a@x.example""#,
                None,
                "an empty list beside one",
            ),
            (
                r#","emails":"a@x.example""#,
                None,
                "a text where a list belongs",
            ),
            (r#","emails":{"a":"a@x.example"}"#, None, "an object"),
            (r#","emails":[["a@x.example"]]"#, None, "a list in a list"),
            (r#","emails":null"#, None, "null"),
            (
                r#","emails":null,"email":"a@x.example""#,
                None,
                "null beside one",
            ),
            (
                r#","email":["a@x.example"]"#,
                None,
                "a list where a text belongs",
            ),
            (r#","email":true"#, None, "a truth value"),
            (r#","email":1.5"#, None, "a number"),
            ("", None, "nothing"),
        ];
        for (json, expected, why) in cases {
            let claims = claims(json).unwrap_or_else(|_| unreachable!("{why}"));
            assert_eq!(claims.email(), expected, "{why}");
        }
    }

    #[test]
    fn only_the_truth_value_says_verified() {
        let cases = [
            ("", Claimed::Plain),
            (r#","email_verified":true"#, Claimed::Plain),
            (r#","email_verified":false"#, Claimed::Disowned),
            (r#","email_verified":"true""#, Claimed::Disowned),
            (r#","email_verified":"True""#, Claimed::Disowned),
            (r#","email_verified":1"#, Claimed::Disowned),
            (r#","email_verified":null"#, Claimed::Disowned),
            (r#","email_verified":[true]"#, Claimed::Disowned),
            (r#","email_verified":{"a":true}"#, Claimed::Disowned),
        ];
        for (json, expected) in cases {
            let claims = claims(json).unwrap_or_else(|_| unreachable!("{json}"));
            assert_eq!(claims.claimed(), expected, "{json}");
        }
    }

    #[test]
    fn a_claim_that_is_there_twice_or_of_another_type_makes_the_token_unreadable() {
        for json in [
            r#","oid":"a","oid":"b""#,
            r#","email":"a@x.example","email":"b@x.example""#,
            r#","email_verified":false,"email_verified":true"#,
            r#","emails":["a@x.example"],"emails":["b@x.example"]"#,
            r#","iss":"j""#,
            r#","oid":null"#,
            r#","oid":1"#,
            r#","idp":null"#,
            r#","idp":["google.com"]"#,
            r#","nbf":"1""#,
            r#","azp":["a"]"#,
            r#","tfp":{}"#,
        ] {
            assert!(claims(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_object_id_that_is_none_is_not_replaced_by_the_subject() {
        let guid = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
        let read = |sub: &str, oid: &str| {
            let payload = format!(r#"{{"iss":"i","sub":"{sub}","aud":"a"{oid}}}"#);
            Claims::peek(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)))
                .ok()
                .and_then(|claims| claims.subject())
                .map(|subject| subject.as_text())
        };
        assert_eq!(read(guid, "").as_deref(), Some(guid));
        assert_eq!(
            read("x", &format!(r#","oid":"{guid}""#)).as_deref(),
            Some(guid)
        );
        assert_eq!(read("Not supported currently. Use oid claim.", ""), None);
        assert_eq!(read(guid, r#","oid":"x""#), None);
    }
}
