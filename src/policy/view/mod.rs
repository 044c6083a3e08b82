//! What the elements of a policy mean: thin wrappers, made where they are
//! needed, over the tree of an [`Effective`](super::effective::Effective) policy
//! or of one file.
//!
//! Each has its `element`, whose span tells the place. Ids are told as they are
//! written; B2C compares them without regard to case: see [`same_id`].

mod blocks;
mod claims;
mod journey;
mod profile;
mod provider;
mod relying_party;

pub use blocks::{
    ClaimType, ClaimsTransformation, ContentDefinition, DisplayControl, DisplayControlAction,
    InputParameter, LocalizedResources, Predicate, PredicateValidation,
};
pub use claims::ClaimRef;
pub use journey::{
    ClaimsExchange, ClaimsProviderSelection, OrchestrationStep, Precondition, PreconditionKind,
    StepKind, SubJourney, SubJourneyKind, UserJourney,
};
pub use profile::{TechnicalProfile, ValidationProfile};
pub use provider::{ProviderKind, SessionKind};
pub use relying_party::{Endpoint, RelyingParty};

use super::merge::folded;
use super::xml::Element;

/// Whether two ids name the same thing.
pub fn same_id(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// What is written in an `Id` attribute; empty where there is none.
fn id_of(element: &Element) -> &str {
    element.value("Id").map(str::trim).unwrap_or_default()
}

/// A boolean of XML Schema: `true`, `false`, `1`, `0`. B2C takes other cases.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
