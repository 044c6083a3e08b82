//! Building blocks: claims, transformations, pages, controls, texts.

use super::claims::ClaimRef;
use super::profile::ValidationProfile;
use super::{id_of, same_id};
use crate::policy::xml::Element;

#[derive(Clone, Copy, Debug)]
pub struct ClaimType<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct Predicate<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct PredicateValidation<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct ClaimsTransformation<'a> {
    pub element: &'a Element,
}

/// A constant that a claims transformation is given.
#[derive(Clone, Copy, Debug)]
pub struct InputParameter<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct ContentDefinition<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct DisplayControl<'a> {
    pub element: &'a Element,
}

/// What a button of a display control does: `SendCode`, `VerifyCode`.
#[derive(Clone, Copy, Debug)]
pub struct DisplayControlAction<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct LocalizedResources<'a> {
    pub element: &'a Element,
}

impl<'a> ClaimType<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    pub fn display_name(&self) -> Option<&'a str> {
        self.element.child_text("DisplayName")
    }

    /// `string`, `boolean`, `stringCollection`, …
    pub fn data_type(&self) -> Option<&'a str> {
        self.element.child_text("DataType")
    }

    /// How it is asked for on a page; without one it is not.
    pub fn user_input_type(&self) -> Option<&'a str> {
        self.element.child_text("UserInputType")
    }

    pub fn user_help_text(&self) -> Option<&'a str> {
        self.element.child_text("UserHelpText")
    }

    /// Its name in a protocol, unless a claim reference says another.
    pub fn default_partner_name(&self, protocol: &str) -> Option<&'a str> {
        self.element
            .list("DefaultPartnerClaimTypes", "Protocol")
            .find(|own| {
                own.value("Name")
                    .is_some_and(|name| name.eq_ignore_ascii_case(protocol))
            })?
            .value("PartnerClaimType")
    }

    pub fn restriction(&self) -> Option<&'a Element> {
        self.element.child("Restriction")
    }

    /// The `Enumeration` elements: `Text`, `Value`, `SelectByDefault`.
    pub fn enumeration(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element.list("Restriction", "Enumeration")
    }

    /// The `Pattern` element: `RegularExpression`, `HelpText`.
    pub fn pattern(&self) -> Option<&'a Element> {
        self.restriction()?.child("Pattern")
    }

    pub fn predicate_validation(&self) -> Option<&'a str> {
        self.element
            .child("PredicateValidationReference")?
            .value("Id")
    }
}

impl<'a> Predicate<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// `MatchesRegex`, `IncludesCharacters`, `IsLengthRange`, `IsDateRange`.
    pub fn method(&self) -> Option<&'a str> {
        self.element.value("Method")
    }

    /// What one of its `Parameter` elements says.
    pub fn parameter(&self, id: &str) -> Option<&'a str> {
        self.element
            .list("Parameters", "Parameter")
            .find(|parameter| parameter.value("Id").is_some_and(|own| same_id(own, id)))?
            .text()
    }
}

impl<'a> PredicateValidation<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// The `PredicateGroup` elements: all of them must hold.
    pub fn groups(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element.list("PredicateGroups", "PredicateGroup")
    }
}

impl<'a> ClaimsTransformation<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// `TransformationMethod`. Published policies write some in two cases.
    pub fn method(&self) -> Option<&'a str> {
        self.element.value("TransformationMethod")
    }

    pub fn input_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.element
            .list("InputClaims", "InputClaim")
            .map(|element| ClaimRef { element })
    }

    pub fn output_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.element
            .list("OutputClaims", "OutputClaim")
            .map(|element| ClaimRef { element })
    }

    pub fn input_parameters(&self) -> impl Iterator<Item = InputParameter<'a>> + use<'a> {
        self.element
            .list("InputParameters", "InputParameter")
            .map(|element| InputParameter { element })
    }
}

impl<'a> InputParameter<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    pub fn data_type(&self) -> Option<&'a str> {
        self.element.value("DataType")
    }

    pub fn value(&self) -> Option<&'a str> {
        self.element.value("Value")
    }
}

impl<'a> ContentDefinition<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    pub fn load_uri(&self) -> Option<&'a str> {
        self.element.child_text("LoadUri")
    }

    pub fn recovery_uri(&self) -> Option<&'a str> {
        self.element.child_text("RecoveryUri")
    }

    /// Which page, and in which version: `urn:com:microsoft:aad:b2c:elements:…`
    pub fn data_uri(&self) -> Option<&'a str> {
        self.element.child_text("DataUri")
    }

    /// The value of a metadata item, whatever the case of its key.
    pub fn metadata(&self, key: &str) -> Option<&'a str> {
        self.element
            .list("Metadata", "Item")
            .find(|item| {
                item.value("Key")
                    .is_some_and(|own| own.eq_ignore_ascii_case(key))
            })?
            .text()
    }

    /// The `LocalizedResourcesReference` elements: `Language` and
    /// `LocalizedResourcesReferenceId`.
    pub fn localized_resources(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element.list(
            "LocalizedResourcesReferences",
            "LocalizedResourcesReference",
        )
    }
}

impl<'a> DisplayControl<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// `UserInterfaceControlType`: `VerificationControl`, `QrCodeControl`, …
    pub fn control_type(&self) -> Option<&'a str> {
        self.element.value("UserInterfaceControlType")
    }

    pub fn input_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.element
            .list("InputClaims", "InputClaim")
            .map(|element| ClaimRef { element })
    }

    pub fn display_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.element
            .list("DisplayClaims", "DisplayClaim")
            .map(|element| ClaimRef { element })
    }

    pub fn output_claims(&self) -> impl Iterator<Item = ClaimRef<'a>> + use<'a> {
        self.element
            .list("OutputClaims", "OutputClaim")
            .map(|element| ClaimRef { element })
    }

    pub fn actions(&self) -> impl Iterator<Item = DisplayControlAction<'a>> + use<'a> {
        self.element
            .list("Actions", "Action")
            .map(|element| DisplayControlAction { element })
    }
}

impl<'a> DisplayControlAction<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// The technical profiles it runs, in their order. They are named by
    /// `TechnicalProfileReferenceId`, not by `ReferenceId`.
    pub fn validation_profiles(&self) -> impl Iterator<Item = ValidationProfile<'a>> + use<'a> {
        self.element
            .list(
                "ValidationClaimsExchange",
                "ValidationClaimsExchangeTechnicalProfile",
            )
            .map(|element| ValidationProfile { element })
    }
}

impl<'a> LocalizedResources<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// What a string is in this language.
    pub fn string(
        &self,
        element_type: &str,
        element_id: Option<&str>,
        string_id: &str,
    ) -> Option<&'a str> {
        let is = |string: &Element, attribute: &str, value: &str| {
            same_id(string.value(attribute).unwrap_or_default(), value)
        };
        self.element
            .list("LocalizedStrings", "LocalizedString")
            .find(|string| {
                is(string, "ElementType", element_type)
                    && is(string, "ElementId", element_id.unwrap_or_default())
                    && is(string, "StringId", string_id)
            })?
            .text()
    }
}
