//! A decision in the words of a site: claims, or a refusal with code, text and
//! reference. What it looks like on the wire is the dialect's affair.

use super::customer::CustomerNumber;
use super::reference::Reference;
use super::site::{Disclosure, Site, Stage, Topic};

/// Why a sign-up or a link is refused.
///
/// Code and name of the first two are the Commerce feature's own
/// (product.md §2); the others follow their pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    NotFound,
    Several,
    /// A B2C site would create a customer, and the customer feed is behind.
    RecordsBehind,
    /// A B2B site knows nobody, and the customer feed is behind.
    NotFoundYet,
    /// The address is missing, or nobody we trust vouches for it.
    Unverified,
    /// Valid mail in a spelling that is compared with nothing.
    NotComparable,
    /// The customer's own address was never proven, and the site asks for it.
    CustomerAddressNotProven,
    /// The customer has an identity of this issuer and provider already.
    AlreadyLinked,
    /// The linked customer is blocked or erased.
    CustomerBlocked,
    /// No site of the tenant has this application.
    UnknownApplication,
    /// The platform did not say who the identity is.
    NoObjectId,
    /// The request could not be understood.
    Malformed,
    /// The records could not be asked in time.
    Unavailable,
}

impl Refusal {
    pub const ALL: [Self; 13] = [
        Self::NotFound,
        Self::Several,
        Self::RecordsBehind,
        Self::NotFoundYet,
        Self::Unverified,
        Self::NotComparable,
        Self::CustomerAddressNotProven,
        Self::AlreadyLinked,
        Self::CustomerBlocked,
        Self::UnknownApplication,
        Self::NoObjectId,
        Self::Malformed,
        Self::Unavailable,
    ];

    /// What a program tells refusals apart by.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "Microsoft_Dynamics_CommerceIdentityNotFound",
            Self::Several => {
                "Microsoft_Dynamics_Commerce_Runtime_MultipleCustomerAccountsFoundWithSameEmailAddress"
            }
            Self::RecordsBehind => "Idlink_CustomerRecordsBehind",
            Self::NotFoundYet => "Idlink_CustomerNotFoundYet",
            Self::Unverified => "Idlink_EmailAddressNotVerified",
            Self::NotComparable => "Idlink_EmailAddressNotComparable",
            Self::CustomerAddressNotProven => "Idlink_CustomerEmailAddressNotProven",
            Self::AlreadyLinked => "Idlink_CustomerAlreadyLinked",
            Self::CustomerBlocked => "Idlink_CustomerBlocked",
            Self::UnknownApplication => "Idlink_UnknownApplication",
            Self::NoObjectId => "Idlink_IdentityWithoutObjectId",
            Self::Malformed => "Idlink_MalformedRequest",
            Self::Unavailable => "Idlink_TryAgainLater",
        }
    }

    /// The error's name, beside its code.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "CommerceIdentityNotFound",
            Self::Several => {
                "CustomerServiceMultipleCustomerAccountsFoundErrorOccurredWhenAutoLinking"
            }
            Self::RecordsBehind => "CustomerRecordsBehind",
            Self::NotFoundYet => "CustomerNotFoundYet",
            Self::Unverified => "EmailAddressNotVerified",
            Self::NotComparable => "EmailAddressNotComparable",
            Self::CustomerAddressNotProven => "CustomerEmailAddressNotProven",
            Self::AlreadyLinked => "CustomerAlreadyLinked",
            Self::CustomerBlocked => "CustomerBlocked",
            Self::UnknownApplication => "UnknownApplication",
            Self::NoObjectId => "IdentityWithoutObjectId",
            Self::Malformed => "MalformedRequest",
            Self::Unavailable => "TryAgainLater",
        }
    }

    /// The message that a person reads, before disclosure is considered.
    fn topic(self) -> Topic {
        match self {
            Self::NotFound => Topic::CustomerNotFound,
            Self::Several => Topic::MultipleCustomers,
            Self::RecordsBehind => Topic::RecordsBehind,
            Self::NotFoundYet => Topic::NotFoundYet,
            Self::Unverified | Self::NotComparable => Topic::UnverifiedAddress,
            Self::AlreadyLinked => Topic::AlreadyLinked,
            Self::Unavailable => Topic::TryAgainLater,
            Self::CustomerAddressNotProven
            | Self::CustomerBlocked
            | Self::UnknownApplication
            | Self::NoObjectId
            | Self::Malformed => Topic::NotPossible,
        }
    }
}

/// A refusal as a person and a program are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub refusal: Refusal,
    pub text: String,
    pub reference: Reference,
}

impl Refused {
    /// Words a refusal for the person in front of `site`.
    pub fn at(
        site: &Site,
        refusal: Refusal,
        stage: Stage,
        ui_locales: &str,
        reference: Reference,
    ) -> Self {
        let topic = match (site.disclosure, refusal) {
            // An outage says nothing about anybody, and a person who knows
            // that it is one tries again.
            (Disclosure::Specific, _) | (_, Refusal::Unavailable) => refusal.topic(),
            (Disclosure::Uniform, _) => Topic::NotPossible,
        };
        Self {
            refusal,
            text: site.messages.text(topic, stage, ui_locales, &reference),
            reference,
        }
    }
}

/// What the connector is to say to a sign-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on; with the number when a customer was found.
    Continue(Option<CustomerNumber>),
    Refuse(Refused),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_refusals_share_a_code_or_a_name() {
        let codes: BTreeSet<_> = Refusal::ALL.map(Refusal::code).into();
        let names: BTreeSet<_> = Refusal::ALL.map(Refusal::name).into();
        assert_eq!(
            (codes.len(), names.len()),
            (Refusal::ALL.len(), Refusal::ALL.len())
        );
    }

    #[test]
    fn the_commerce_errors_keep_their_codes() {
        assert_eq!(
            Refusal::NotFound.code(),
            "Microsoft_Dynamics_CommerceIdentityNotFound"
        );
        assert_eq!(
            Refusal::Several.code(),
            "Microsoft_Dynamics_Commerce_Runtime_MultipleCustomerAccountsFoundWithSameEmailAddress"
        );
    }
}
