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
    value: Value,
}

impl Bag {
    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.0.get(&folded(id)).map(|claim| &claim.value)
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.contains_key(&folded(id))
    }

    pub(crate) fn set(&mut self, id: &str, value: Value) {
        let claim = Claim {
            id: id.to_owned(),
            value,
        };
        self.0.insert(folded(id), claim);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Value> {
        self.0.remove(&folded(id)).map(|claim| claim.value)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0
            .values()
            .map(|claim| (claim.id.as_str(), &claim.value))
    }

    /// Lays other claims over these.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (id, value) in other.iter() {
            self.set(id, value.clone());
        }
    }
}
