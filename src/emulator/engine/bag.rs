//! The claims of a journey. Ids are compared without regard to case: the
//! starter pack writes `surName` and `surname` of one claim.

use std::collections::BTreeMap;

use super::value::Value;
use crate::policy::merge::folded;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bag(BTreeMap<String, Claim>);

#[derive(Clone, Debug, PartialEq)]
struct Claim {
    /// As it was first written.
    id: String,
    /// `None` where a transformation took the claim away: it has to be gone
    /// from the claims that these are laid over as well.
    value: Option<Value>,
}

impl Bag {
    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.0.get(&folded(id))?.value.as_ref()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    pub(crate) fn set(&mut self, id: &str, value: Value) {
        self.put(id, Some(value));
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Value> {
        self.0.remove(&folded(id))?.value
    }

    /// Takes a claim away, also from the claims that these are laid over.
    pub(crate) fn clear(&mut self, id: &str) {
        self.put(id, None);
    }

    fn put(&mut self, id: &str, value: Option<Value>) {
        let claim = Claim {
            id: id.to_owned(),
            value,
        };
        self.0.insert(folded(id), claim);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0
            .values()
            .filter_map(|claim| Some((claim.id.as_str(), claim.value.as_ref()?)))
    }

    /// The claims that were taken away.
    pub(crate) fn cleared(&self) -> impl Iterator<Item = &str> {
        self.0
            .values()
            .filter(|claim| claim.value.is_none())
            .map(|claim| claim.id.as_str())
    }

    /// Lays other claims over these.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (key, claim) in &other.0 {
            self.0.insert(key.clone(), claim.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_away_is_gone_from_the_claims_beneath() {
        let mut claims = Bag::default();
        claims.set("email", "ada@example.org".into());
        let mut later = Bag::default();
        later.clear("Email");
        claims.extend(&later);
        assert!(!claims.has("email"));
        assert_eq!(claims.iter().count(), 0);
        claims.set("email", "eve@example.org".into());
        assert_eq!(claims.get("EMAIL"), Some(&"eve@example.org".into()));
    }
}
