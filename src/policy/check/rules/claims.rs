//! What claims hold and what is made of them: P26 to P29, P38.

use super::Rule;
use crate::policy::finding::{RuleId, Severity};

pub(super) const RULES: &[&Rule] = &[
    &Rule {
        id: RuleId(26),
        severity: Severity::Warning,
        title: "claim resolvers are switched on where they are used",
        explanation: "A default such as {OIDC:ClientId} is replaced only if the profile's metadata says IncludeClaimResolvingInClaimsHandling. Otherwise the claim arrives as it is written, or empty. Nothing says so.",
        b2c: None,
        mend: "Add the metadata item with the value true, and AlwaysUseDefaultValue=\"true\" to the claim.",
        before: "<InputClaim ClaimTypeReferenceId=\"clientId\" DefaultValue=\"{OIDC:ClientId}\" />",
        after: "<Item Key=\"IncludeClaimResolvingInClaimsHandling\">true</Item> … <InputClaim ClaimTypeReferenceId=\"clientId\" DefaultValue=\"{OIDC:ClientId}\" AlwaysUseDefaultValue=\"true\" />",
    },
    &Rule {
        id: RuleId(27),
        severity: Severity::Warning,
        title: "a claim resolver is one that B2C knows",
        explanation: "Resolvers have a namespace and a key, in any case of letters. An unknown one stops the journey where it is met. A brace in a text that is no resolver is not meant.",
        b2c: Some("AADB2C90044"),
        mend: "Correct the name; the documents list them under \"Claim resolvers\".",
        before: "DefaultValue=\"{OIDC:ClientIdentifier}\"",
        after: "DefaultValue=\"{OIDC:ClientId}\"",
    },
    &Rule {
        id: RuleId(28),
        severity: Severity::Error,
        title: "a default value is one of its claim's type",
        explanation: "The default of an int, a boolean or a date must read as one. B2C finds out when the default is used. Resolvers are not looked at.",
        b2c: Some("Input string was not in a correct format"),
        mend: "Write a value of the claim type's DataType, or change that.",
        before: "<InputClaim ClaimTypeReferenceId=\"retries\" DefaultValue=\"three\" /> with DataType int",
        after: "<InputClaim ClaimTypeReferenceId=\"retries\" DefaultValue=\"3\" />",
    },
    &Rule {
        id: RuleId(29),
        severity: Severity::Warning,
        title: "a precondition compares what it seems to compare",
        explanation: "ClaimEquals compares letter by letter, and booleans are True and False there. If the claim is missing the precondition is ignored, also with ExecuteActionsIf=\"false\": the step then runs, though the claim is not equal. With one Value there is nothing to compare with.",
        b2c: None,
        mend: "Write True or False, and put a ClaimsExist precondition with ExecuteActionsIf=\"false\" before it.",
        before: "<Precondition Type=\"ClaimEquals\" ExecuteActionsIf=\"true\"><Value>newUser</Value><Value>true</Value>…",
        after: "<Precondition Type=\"ClaimEquals\" ExecuteActionsIf=\"true\"><Value>newUser</Value><Value>True</Value>…",
    },
    &Rule {
        id: RuleId(38),
        severity: Severity::Error,
        title: "a claims transformation has the claims and parameters of its method",
        explanation: "Each of the 70 methods takes named input claims, parameters and output claims of certain types. Names of methods are compared without regard to case. A wrong one is refused at the upload or fails in the journey.",
        b2c: None,
        mend: "Use the names of the method's reference; the finding lists what is missing or unknown.",
        before: "<ClaimsTransformation Id=\"A\" TransformationMethod=\"CreateStringClaim\"> without the parameter value",
        after: "<InputParameter Id=\"value\" DataType=\"string\" Value=\"x\" />",
    },
];
