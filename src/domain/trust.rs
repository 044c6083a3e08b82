//! Whether an address is proven, and by whom.

use std::collections::BTreeSet;

use super::email::{Email, EmailProblem};
use super::identity::Provider;

/// The providers whose addresses a tenant may be believed about.
///
/// A connector's request carries no "verified" flag, and several providers let
/// anybody claim any address (nOAuth), so what is not listed proves nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust(BTreeSet<Provider>);

impl Trust {
    pub fn new(providers: impl IntoIterator<Item = Provider>) -> Self {
        Self(providers.into_iter().collect())
    }

    pub fn covers(&self, provider: &Provider) -> bool {
        *provider != Provider::unknown() && self.0.contains(provider)
    }
}

/// The address that a sign-up or a token comes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Proven by a provider that the tenant is trusted for: may match.
    Proven(Email),
    /// Claimed only: never matches.
    Claimed(Email),
    /// Valid mail that has no canonical form, so it is compared with nothing.
    NotComparable,
    /// No address, an unreadable one, or several that contradict each other.
    Missing,
}

/// What was said about an address besides its spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The platform said no more than the address.
    Plain,
    /// The platform said that it is not verified, or said so unreadably.
    Disowned,
}

impl Address {
    /// Weighs what a platform wrote against whom it is trusted for.
    pub fn weigh(text: Option<&str>, claimed: Claimed, provider: &Provider, trust: &Trust) -> Self {
        let proven = trust.covers(provider) && claimed == Claimed::Plain;
        match text.map(Email::parse) {
            Some(Ok(email)) if proven => Self::Proven(email),
            Some(Ok(email)) => Self::Claimed(email),
            Some(Err(EmailProblem::NotComparable)) => Self::NotComparable,
            Some(Err(EmailProblem::Malformed)) | None => Self::Missing,
        }
    }

    /// The same address without its proof.
    pub fn disowned(self) -> Self {
        match self {
            Self::Proven(email) | Self::Claimed(email) => Self::Claimed(email),
            Self::NotComparable => Self::NotComparable,
            Self::Missing => Self::Missing,
        }
    }

    /// The address whatever it is worth: to keep, never to match by.
    pub fn email(&self) -> Option<&Email> {
        match self {
            Self::Proven(email) | Self::Claimed(email) => Some(email),
            Self::NotComparable | Self::Missing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listed_provider_proves_an_address() {
        let trust = Trust::new([
            Provider::local(),
            Provider::named("google.com"),
            Provider::named(""),
        ]);
        let cases = [
            (Provider::local(), Claimed::Plain, true),
            (Provider::named("google.com"), Claimed::Plain, true),
            (Provider::named("google.com"), Claimed::Disowned, false),
            (Provider::named("facebook.com"), Claimed::Plain, false),
            (Provider::named("GOOGLE.COM"), Claimed::Plain, false),
            (Provider::unknown(), Claimed::Plain, false),
            (Provider::federated("local"), Claimed::Plain, false),
        ];
        for (provider, claimed, expected) in cases {
            let address = Address::weigh(Some("ada@example.org"), claimed, &provider, &trust);
            assert_eq!(
                matches!(address, Address::Proven(_)),
                expected,
                "{provider:?} {claimed:?}"
            );
        }
    }

    #[test]
    fn an_empty_list_trusts_nobody() {
        let address = Address::weigh(
            Some("ada@example.org"),
            Claimed::Plain,
            &Provider::local(),
            &Trust::default(),
        );
        assert!(matches!(address, Address::Claimed(_)));
    }
}
