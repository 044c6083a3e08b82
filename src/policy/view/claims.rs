//! References to claims: `InputClaim`, `OutputClaim`, `PersistedClaim`,
//! `DisplayClaim`.

use super::boolean;
use crate::policy::xml::Element;

#[derive(Clone, Copy, Debug)]
pub struct ClaimRef<'a> {
    pub element: &'a Element,
}

impl<'a> ClaimRef<'a> {
    /// `ClaimTypeReferenceId`; `None` for a display control, or where the
    /// attribute is forgotten.
    pub fn claim(&self) -> Option<&'a str> {
        self.element.value("ClaimTypeReferenceId").map(str::trim)
    }

    /// `DisplayControlReferenceId` of a display claim.
    pub fn display_control(&self) -> Option<&'a str> {
        self.element
            .value("DisplayControlReferenceId")
            .map(str::trim)
    }

    /// The name the other side knows the claim by.
    pub fn partner_name(&self) -> Option<&'a str> {
        self.element.value("PartnerClaimType")
    }

    /// The parameter of a claims transformation.
    pub fn transformation_name(&self) -> Option<&'a str> {
        self.element.value("TransformationClaimType")
    }

    pub fn default_value(&self) -> Option<&'a str> {
        self.element.value("DefaultValue")
    }

    /// Whether the default value counts even if the claim has a value.
    pub fn always_use_default(&self) -> bool {
        self.flag("AlwaysUseDefaultValue")
    }

    pub fn required(&self) -> bool {
        self.flag("Required")
    }

    /// Whether the claim takes the value that a verified address has
    /// (`PartnerClaimType="Verified.Email"`).
    pub fn is_verified_email(&self) -> bool {
        self.partner_name()
            .is_some_and(|name| name.eq_ignore_ascii_case("Verified.Email"))
    }

    fn flag(&self, attribute: &str) -> bool {
        self.element
            .value(attribute)
            .and_then(boolean)
            .unwrap_or(false)
    }
}
