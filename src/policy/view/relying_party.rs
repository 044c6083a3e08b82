//! The relying party.

use super::id_of;
use super::profile::TechnicalProfile;
use crate::policy::xml::Element;

#[derive(Clone, Copy, Debug)]
pub struct RelyingParty<'a> {
    pub element: &'a Element,
}

/// Another door than `authorize`: `Token`, `UserInfo`.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    pub element: &'a Element,
}

impl<'a> RelyingParty<'a> {
    pub fn default_journey(&self) -> Option<&'a str> {
        self.element
            .child("DefaultUserJourney")?
            .value("ReferenceId")
            .map(str::trim)
    }

    /// What is sent: protocol, input and output claims, subject.
    pub fn profile(&self) -> Option<TechnicalProfile<'a>> {
        let element = self.element.child("TechnicalProfile")?;
        Some(TechnicalProfile { element })
    }

    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint<'a>> + use<'a> {
        self.element
            .list("Endpoints", "Endpoint")
            .map(|element| Endpoint { element })
    }

    /// `UserJourneyBehaviors`: single sign-on, session, insights, script.
    pub fn behaviors(&self) -> Option<&'a Element> {
        self.element.child("UserJourneyBehaviors")
    }
}

impl<'a> Endpoint<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    pub fn journey(&self) -> Option<&'a str> {
        self.element.value("UserJourneyReferenceId").map(str::trim)
    }
}
