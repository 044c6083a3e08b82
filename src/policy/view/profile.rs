//! Technical profiles.

use super::claims::ClaimRef;
use super::journey::Precondition;
use super::provider::ProviderKind;
use super::{boolean, id_of};
use crate::policy::xml::Element;

#[derive(Clone, Copy, Debug)]
pub struct TechnicalProfile<'a> {
    pub element: &'a Element,
}

/// A `ValidationTechnicalProfile` of a self-asserted profile.
#[derive(Clone, Copy, Debug)]
pub struct ValidationProfile<'a> {
    pub element: &'a Element,
}

impl<'a> TechnicalProfile<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    pub fn display_name(&self) -> Option<&'a str> {
        self.element.child_text("DisplayName")
    }

    /// The `Protocol` element.
    pub fn protocol(&self) -> Option<&'a Element> {
        self.element.child("Protocol")
    }

    /// What runs it; `None` without a `Protocol`.
    pub fn provider(&self) -> Option<ProviderKind> {
        self.protocol().map(ProviderKind::of)
    }

    /// What is issued: `JWT`, `SAML2`, `OAuth2Error`, …
    pub fn output_token_format(&self) -> Option<&'a str> {
        self.element.child_text("OutputTokenFormat")
    }

    pub fn input_token_format(&self) -> Option<&'a str> {
        self.element.child_text("InputTokenFormat")
    }

    /// Whether a `SendClaims` step can end in it.
    pub fn is_issuer(&self) -> bool {
        self.output_token_format().is_some()
    }

    /// The value of a metadata item; `None` where there is no item, or an empty
    /// one.
    pub fn metadata(&self, key: &str) -> Option<&'a str> {
        self.metadata_item(key)?.text()
    }

    /// The metadata item with that key, whatever its case.
    pub fn metadata_item(&self, key: &str) -> Option<&'a Element> {
        self.metadata_items().find(|item| {
            item.value("Key")
                .is_some_and(|own| own.eq_ignore_ascii_case(key))
        })
    }

    /// The items of `Metadata`, each with its `Key`.
    pub fn metadata_items(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element.list("Metadata", "Item")
    }

    /// Whether a metadata item says `true`.
    pub fn metadata_flag(&self, key: &str) -> Option<bool> {
        self.metadata(key).and_then(boolean)
    }

    /// The `Key` elements of `CryptographicKeys`.
    pub fn keys(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element.list("CryptographicKeys", "Key")
    }

    /// The container (`StorageReferenceId`) of a key.
    pub fn key(&self, id: &str) -> Option<&'a str> {
        self.keys()
            .find(|key| {
                key.value("Id")
                    .is_some_and(|own| own.eq_ignore_ascii_case(id))
            })?
            .value("StorageReferenceId")
    }

    pub fn input_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.claims("InputClaims", "InputClaim")
    }

    pub fn output_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.claims("OutputClaims", "OutputClaim")
    }

    pub fn persisted_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.claims("PersistedClaims", "PersistedClaim")
    }

    /// Claims and display controls of a page, where they are stated.
    pub fn display_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.claims("DisplayClaims", "DisplayClaim")
    }

    fn claims(
        &self,
        list: &'static str,
        item: &'static str,
    ) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.element
            .list(list, item)
            .map(|element| ClaimRef { element })
    }

    /// The `InputClaimsTransformation` elements, each with its `ReferenceId`.
    pub fn input_transformations(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element
            .list("InputClaimsTransformations", "InputClaimsTransformation")
    }

    /// The `OutputClaimsTransformation` elements, each with its `ReferenceId`.
    pub fn output_transformations(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element
            .list("OutputClaimsTransformations", "OutputClaimsTransformation")
    }

    /// In the order in which they run.
    pub fn validation_profiles(&self) -> impl Iterator<Item = ValidationProfile<'a>> + use<'a> {
        self.element
            .list("ValidationTechnicalProfiles", "ValidationTechnicalProfile")
            .map(|element| ValidationProfile { element })
    }

    /// The profile that this one includes.
    pub fn include(&self) -> Option<&'a str> {
        self.element
            .child("IncludeTechnicalProfile")?
            .value("ReferenceId")
    }

    /// The profile that keeps its session.
    pub fn session_management(&self) -> Option<&'a str> {
        self.element
            .child("UseTechnicalProfileForSessionManagement")?
            .value("ReferenceId")
    }

    /// The content definition of its page; a step may name one instead.
    pub fn content_definition(&self) -> Option<&'a str> {
        self.metadata("ContentDefinitionReferenceId")
    }

    pub fn include_in_sso(&self) -> Option<bool> {
        self.element.child_text("IncludeInSso").and_then(boolean)
    }

    /// When the profile is offered and run: `Always`, `Never`,
    /// `OnClaimsExistence`, `OnItemExistenceInStringCollectionClaim`, …
    pub fn enabled_for_user_journeys(&self) -> Option<&'a str> {
        self.element.child_text("EnabledForUserJourneys")
    }

    /// The claim of a relying party's profile that becomes the subject.
    pub fn subject_naming(&self) -> Option<&'a Element> {
        self.element.child("SubjectNamingInfo")
    }
}

impl<'a> ValidationProfile<'a> {
    /// The technical profile: `ReferenceId`, or `TechnicalProfileReferenceId`
    /// where an action of a display control names it.
    pub fn profile(&self) -> Option<&'a str> {
        self.element
            .value("ReferenceId")
            .or_else(|| self.element.value("TechnicalProfileReferenceId"))
            .map(str::trim)
    }

    /// Whether those behind it run though it failed. Off unless stated.
    pub fn continue_on_error(&self) -> bool {
        self.flag("ContinueOnError", false)
    }

    /// Whether those behind it run if it went well. On unless stated.
    pub fn continue_on_success(&self) -> bool {
        self.flag("ContinueOnSuccess", true)
    }

    /// The first one that holds keeps it from running.
    pub fn preconditions(&self) -> impl Iterator<Item = Precondition<'a>> + use<'a> {
        self.element
            .list("Preconditions", "Precondition")
            .map(|element| Precondition { element })
    }

    fn flag(&self, attribute: &str, otherwise: bool) -> bool {
        self.element
            .value(attribute)
            .and_then(boolean)
            .unwrap_or(otherwise)
    }
}
