//! What recording a link may find, and what the rules make of it.

use uuid::Uuid;

use super::answer::Refusal;
use super::customer::{CustomerNumber, CustomerState};
use super::site::SecondIdentity;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub Uuid);

/// What an application is told about the link, beside the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStatus {
    Linked,
    None,
    Refused,
    Unavailable,
}

impl LinkStatus {
    /// The value of the claim `customerLink`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::None => "none",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What is done with the active links that a customer has of the same issuer
/// and provider, when a further identity comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// The new link goes in beside whatever is there.
    Insert,
    /// The new link goes in and these end.
    Replace(Vec<LinkId>),
    Refuse,
}

/// Decides under the customer's row lock; no index can say this, because the
/// rule is the site's.
pub fn room(rule: SecondIdentity, others: &[LinkId]) -> Room {
    match (rule, others) {
        (_, []) | (SecondIdentity::Add, _) => Room::Insert,
        (SecondIdentity::Refuse, _) => Room::Refuse,
        (SecondIdentity::Replace, others) => Room::Replace(others.to_vec()),
    }
}

/// What an identity that is linked already is told, whatever the matching
/// rules would say today. `state` and `number` are those of the customer, or
/// of its last survivor when it was merged.
pub fn standing(state: CustomerState, number: CustomerNumber) -> Result<CustomerNumber, Refusal> {
    match state {
        CustomerState::Active | CustomerState::Pending => Ok(number),
        // A merged customer without a survivor cannot be told apart from an
        // erased one by the person: both have nothing to be shown.
        CustomerState::Blocked
        | CustomerState::Gone
        | CustomerState::Merged
        | CustomerState::Erased => Err(Refusal::CustomerBlocked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sites_rule_decides_about_a_second_identity() {
        let there = [LinkId(Uuid::from_u128(7))];
        let cases = [
            (SecondIdentity::Refuse, &there[..0], Room::Insert),
            (SecondIdentity::Add, &there[..0], Room::Insert),
            (SecondIdentity::Replace, &there[..0], Room::Insert),
            (SecondIdentity::Refuse, &there[..], Room::Refuse),
            (SecondIdentity::Add, &there[..], Room::Insert),
            (
                SecondIdentity::Replace,
                &there[..],
                Room::Replace(there.to_vec()),
            ),
        ];
        for (rule, others, expected) in cases {
            assert_eq!(room(rule, others), expected, "{rule:?} {others:?}");
        }
    }
}
