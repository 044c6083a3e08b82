//! What is named must be declared: P06 to P10, P41.

use super::Rule;
use crate::policy::finding::{RuleId, Severity};

pub(super) const RULES: &[&Rule] = &[
    &Rule {
        id: RuleId(6),
        severity: Severity::Error,
        title: "a claim type is declared in the policy or in what it inherits",
        explanation: "Claims, preconditions and transformations name claim types. B2C looks for each in the policy that is uploaded and in its bases; what a child declares does not count. Ids are compared without regard to case.",
        b2c: Some(
            "… makes a reference to ClaimType with id \"…\" but neither the policy nor any of its base policies contain such an element.",
        ),
        mend: "Declare the claim type in ClaimsSchema of this policy or of one above it.",
        before: "<OutputClaim ClaimTypeReferenceId=\"loyaltyId\" />",
        after: "<ClaimType Id=\"loyaltyId\"><DataType>string</DataType></ClaimType> … <OutputClaim ClaimTypeReferenceId=\"loyaltyId\" />",
    },
    &Rule {
        id: RuleId(7),
        severity: Severity::Error,
        title: "a claims transformation is declared in the policy or in what it inherits",
        explanation: "InputClaimsTransformation and OutputClaimsTransformation name transformations by id. B2C refuses the upload if there is none of that name in the policy or above it. Samples that were made for an older starter pack often lack one.",
        b2c: Some(
            "… makes a reference to ClaimsTransformation with id \"…\" but neither the policy nor any of its base policies contain such an element.",
        ),
        mend: "Declare it in ClaimsTransformations of this policy or of one above it, or correct the id.",
        before: "<OutputClaimsTransformation ReferenceId=\"CreateDisplayNam\" />",
        after: "<OutputClaimsTransformation ReferenceId=\"CreateDisplayName\" />",
    },
    &Rule {
        id: RuleId(8),
        severity: Severity::Error,
        title: "a technical profile is declared in the policy or in what it inherits",
        explanation: "Steps, validations, display controls, includes, session management and issuers all name technical profiles. B2C refuses the upload if one is missing, or the journey fails with AADB2C90021. Profiles that include each other in a circle are refused as well.",
        b2c: Some(
            "… makes a reference to TechnicalProfile with id \"…\" but neither the policy nor any of its base policies contain such an element.",
        ),
        mend: "Declare the technical profile in this policy or in one above it, or correct the id.",
        before: "<ClaimsExchange Id=\"Read\" TechnicalProfileReferenceId=\"AAD-UserReadUsingObjectID2\" />",
        after: "<ClaimsExchange Id=\"Read\" TechnicalProfileReferenceId=\"AAD-UserReadUsingObjectId\" />",
    },
    &Rule {
        id: RuleId(9),
        severity: Severity::Error,
        title: "every page has a content definition with a DataUri",
        explanation: "A page is drawn from a content definition, named by the step or by the self-asserted technical profile. Without one, or without a DataUri in it, the page cannot be drawn. A CombinedSignInAndSignUp step may name it for the profile that it validates with. Metadata that names a definition of a child works where that child runs: that is a warning.",
        b2c: Some("A content definition data uri is required. Orchestration step …"),
        mend: "Name a declared content definition by ContentDefinitionReferenceId, and give it a DataUri.",
        before: "<OrchestrationStep Order=\"1\" Type=\"ClaimsProviderSelection\">",
        after: "<OrchestrationStep Order=\"1\" Type=\"ClaimsProviderSelection\" ContentDefinitionReferenceId=\"api.idpselections\">",
    },
    &Rule {
        id: RuleId(10),
        severity: Severity::Error,
        title: "DataUri names a page that B2C has",
        explanation: "The DataUri says which page and which version of its scripts is used. From version 1.2 on the name has `contract:` in it. B2C finds out when the page is to be shown.",
        b2c: Some("The element specified by id '…' cannot be found in the element factory cache."),
        mend: "Write urn:com:microsoft:aad:b2c:elements:contract:PAGE:VERSION.",
        before: "<DataUri>urn:com:microsoft:aad:b2c:elements:selfasserted:2.1.7</DataUri>",
        after: "<DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri>",
    },
    &Rule {
        id: RuleId(41),
        severity: Severity::Error,
        title: "display controls, predicates and localized resources are declared",
        explanation: "These are named by id as claims are, and looked up in the same way: in the policy and above it. A missing one is found when the policy is uploaded, or when the page that uses it is drawn. Ids are compared without regard to case.",
        b2c: Some(
            "… makes a reference to … with id \"…\" but neither the policy nor any of its base policies contain such an element.",
        ),
        mend: "Declare it in BuildingBlocks of this policy or of one above it, or correct the id.",
        before: "<DisplayClaim DisplayControlReferenceId=\"emailVerification\" />",
        after: "<DisplayControl Id=\"emailVerification\" UserInterfaceControlType=\"VerificationControl\">…</DisplayControl>",
    },
];
