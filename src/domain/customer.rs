//! A customer account of the business, as far as linking needs it.

use std::fmt;

use uuid::Uuid;

/// The company inside the business that owns customers. Nothing crosses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegalEntity(String);

impl LegalEntity {
    /// One to 32 letters, digits, `-` and `_`: the code names a sequence.
    pub fn parse(code: &str) -> Option<Self> {
        let fits = (1..=32).contains(&code.len())
            && code
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(code.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of several is meant by the code in a file: the one that is spelt
    /// so, or else the only one that is when capitals do not count. Dynamics
    /// has the same company as `USMF` and `usmf`.
    pub fn place_in(known: &[Self], named: &Self) -> Option<usize> {
        let exact = known.iter().position(|entity| entity == named);
        exact.or_else(|| {
            let is_it = |entity: &&Self| entity.0.eq_ignore_ascii_case(&named.0);
            let place = known.iter().position(|entity| is_it(&entity))?;
            (known.iter().filter(is_it).count() == 1).then_some(place)
        })
    }
}

/// The key of a customer inside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerId(pub Uuid);

/// The number that tokens carry and people read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerNumber(String);

impl CustomerNumber {
    /// Up to 100 visible characters without blanks at the ends.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= 100
            && text.trim() == text
            && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CustomerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Only persons can be signed up as; an organisation never is a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerKind {
    Person,
    Organisation,
}

/// Whom a customer buys as, and whom a site sells to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerType {
    B2b,
    B2c,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerState {
    Active,
    /// Waits for approval; staff sees it, sign-ups do not.
    Pending,
    Blocked,
    /// The last full feed of its legal entity came without it. Its links rest
    /// until it comes back.
    Gone,
    /// Another customer has taken its place.
    Merged,
    Erased,
}

/// How a customer's address came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOrigin {
    /// From the business's own records: an import, or staff.
    Imported,
    /// Somebody typed it at a sign-up and nobody proved it.
    Typed,
    /// Proven at a sign-up by a way the tenant is trusted for.
    Proven,
    /// Staff found that it is not the customer's. It stays on file, so that the
    /// next import knows that it is no news, and matches nobody.
    Wrong,
}

/// Who brought a customer into being.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerOrigin {
    Import,
    SignUp,
    Staff,
}

/// Whether the customer already has an identity of the same issuer and
/// provider as the one that is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupancy {
    Free,
    Occupied,
}

/// A customer as the store hands it to the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    pub number: CustomerNumber,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub state: CustomerState,
    /// `None` when the customer has no address on file.
    pub address_origin: Option<AddressOrigin>,
    pub occupancy: Occupancy,
}
