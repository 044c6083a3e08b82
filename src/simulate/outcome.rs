//! What becomes of a customer at a site, told by the decision that a sign-up
//! with their address would get.

use super::population::{Person, Population, Reach, Worth};
use crate::domain::answer::Refusal;
use crate::domain::customer::{
    AddressOrigin, CustomerId, CustomerKind, CustomerNumber, CustomerState,
};
use crate::domain::email::Email;
use crate::domain::feed::Freshness;
use crate::domain::matching::{Decision, decide};
use crate::domain::site::Rules;
use crate::domain::trust::Address;

/// What becomes of a customer at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Signs up with the address on file and is linked.
    Link,
    /// Would be, but the address is one that a service made up for one site.
    Relay,
    /// Would be, but the address was meant to last minutes.
    Disposable,
    AlreadyLinked,
    /// Shares the address with another candidate: refused.
    Shared,
    NoAddress,
    NotComparable,
    /// Nobody has proven the address, and the site, or the rule, asks for it.
    NotProven,
    Organisation,
    /// Buys as a business at a site for consumers, or the other way round.
    OtherType,
    Pending,
    Blocked,
    /// Merged into another customer, gone from the feed, or erased.
    Retired,
}

impl Outcome {
    pub const ALL: [Self; 13] = [
        Self::Link,
        Self::AlreadyLinked,
        Self::Relay,
        Self::Disposable,
        Self::Shared,
        Self::NoAddress,
        Self::NotComparable,
        Self::NotProven,
        Self::Pending,
        Self::Blocked,
        Self::Retired,
        Self::Organisation,
        Self::OtherType,
    ];

    /// In tables for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Relay => "relay_address",
            Self::Disposable => "disposable_address",
            Self::AlreadyLinked => "already_linked",
            Self::Shared => "shared_address",
            Self::NoAddress => "no_address",
            Self::NotComparable => "address_not_comparable",
            Self::NotProven => "address_not_proven",
            Self::Organisation => "organisation",
            Self::OtherType => "other_type",
            Self::Pending => "pending",
            Self::Blocked => "blocked",
            Self::Retired => "merged_or_gone",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Link => "would be linked",
            Self::Relay => "address of a relay service",
            Self::Disposable => "disposable address",
            Self::AlreadyLinked => "linked already",
            Self::Shared => "address shared by several",
            Self::NoAddress => "no address",
            Self::NotComparable => "address cannot be compared",
            Self::NotProven => "address not proven",
            Self::Organisation => "not a person",
            Self::OtherType => "of the other customer type",
            Self::Pending => "waiting for approval",
            Self::Blocked => "blocked",
            Self::Retired => "merged, gone or erased",
        }
    }

    /// Whether somebody should look at the customer's record.
    pub fn is_to_fix(self) -> bool {
        match self {
            Self::Relay
            | Self::Disposable
            | Self::Shared
            | Self::NoAddress
            | Self::NotComparable => true,
            Self::Link
            | Self::AlreadyLinked
            | Self::NotProven
            | Self::Organisation
            | Self::OtherType
            | Self::Pending
            | Self::Blocked
            | Self::Retired => false,
        }
    }

    fn place(self) -> usize {
        Self::ALL
            .iter()
            .position(|other| *other == self)
            .unwrap_or_default()
    }
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes([u64; Outcome::ALL.len()]);

impl Outcomes {
    pub fn count(&mut self, outcome: Outcome) {
        if let Some(count) = self.0.get_mut(outcome.place()) {
            *count += 1;
        }
    }

    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.get(outcome.place()).copied().unwrap_or_default()
    }

    pub fn all(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// What a proven address on file would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOutcome {
    Link,
    Ambiguous,
    /// On file, but nobody's who may be found.
    Unknown,
    /// Found, and refused for another reason.
    Refused,
}

/// Asks the rules about groups of customers. Holds what they are asked with.
pub struct Judge {
    /// Some proven address: the rules look at whose customers it has found.
    address: Address,
    number: CustomerNumber,
}

impl Judge {
    /// `None` only if the rules for addresses and numbers forbid the plainest.
    pub fn new() -> Option<Self> {
        Some(Self {
            address: Address::Proven(Email::parse("somebody@example.org").ok()?),
            number: CustomerNumber::parse("0")?,
        })
    }

    /// What a sign-up with the address of these customers gets.
    pub fn decide(&self, group: &[Person], rules: &Rules) -> Decision {
        let found: Vec<_> = group
            .iter()
            .map(|person| person.customer(&self.number))
            .collect();
        decide(&self.address, &found, Freshness::Fresh, rules)
    }

    /// What becomes of each of a group, in its order; and of their address,
    /// where they have one.
    pub fn judge(
        &self,
        group: &[Person],
        rules: &Rules,
        mut each: impl FnMut(&Person, Outcome),
    ) -> Option<AddressOutcome> {
        let has_address = group
            .first()
            .is_some_and(|person| person.reach == Reach::Comparable);
        let decision = has_address.then(|| self.decide(group, rules));
        for person in group {
            each(person, outcome(person, decision.as_ref(), rules));
        }
        decision.map(|decision| match decision {
            Decision::Link(..) => AddressOutcome::Link,
            Decision::Create(_) | Decision::Refuse(Refusal::NotFound) => AddressOutcome::Unknown,
            Decision::Refuse(Refusal::Several) => AddressOutcome::Ambiguous,
            Decision::Refuse(_) => AddressOutcome::Refused,
        })
    }
}

fn outcome(person: &Person, decision: Option<&Decision>, rules: &Rules) -> Outcome {
    if person.kind == CustomerKind::Organisation {
        return Outcome::Organisation;
    }
    if person.customer_type != rules.customer_type {
        return Outcome::OtherType;
    }
    match person.state {
        CustomerState::Active => {}
        CustomerState::Pending => return Outcome::Pending,
        CustomerState::Blocked => return Outcome::Blocked,
        CustomerState::Gone | CustomerState::Merged | CustomerState::Erased => {
            return Outcome::Retired;
        }
    }
    if person.is_linked {
        return Outcome::AlreadyLinked;
    }
    match person.reach {
        Reach::Absent => return Outcome::NoAddress,
        Reach::NotComparable => return Outcome::NotComparable,
        Reach::Comparable if person.origin == Some(AddressOrigin::Typed) => {
            return Outcome::NotProven;
        }
        Reach::Comparable => {}
    }
    match decision {
        Some(Decision::Link(id, _)) if is_of(*id, person) => match person.worth {
            Worth::Lasting => Outcome::Link,
            Worth::Relay => Outcome::Relay,
            Worth::Disposable => Outcome::Disposable,
        },
        Some(Decision::Refuse(Refusal::Several)) => Outcome::Shared,
        Some(Decision::Refuse(Refusal::AlreadyLinked)) => Outcome::AlreadyLinked,
        Some(Decision::Link(..) | Decision::Create(_) | Decision::Refuse(_)) | None => {
            Outcome::NotProven
        }
    }
}

fn is_of(id: CustomerId, person: &Person) -> bool {
    id.0.as_u128() == u128::from(person.place())
}

/// The number of the customer that a decision is for.
pub fn number_of<'a>(
    decision: &Decision,
    group: &[Person],
    population: &'a Population,
) -> Option<&'a str> {
    let Decision::Link(id, _) = decision else {
        return None;
    };
    let person = group.iter().find(|person| is_of(*id, person))?;
    Some(population.number(person))
}
