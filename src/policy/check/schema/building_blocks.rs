//! What may stand in `BuildingBlocks`.

use super::journeys::PRECONDITIONS;
use super::model::{
    ANY, ANYTHING, EMPTY, STRING, Simple, Type, any, choice, key, maybe, one, optional, required,
    sequence, some, text,
};
use super::one_of;
use super::technical_profiles::METADATA;

pub(super) static BUILDING_BLOCKS: Type = sequence(&[
    maybe(
        "ClaimsSchema",
        &sequence(&[some("ClaimType", &CLAIM_TYPE)]).keyed(&[key(
            "UniqueClaimTypeId",
            &["ClaimType"],
            "Id",
        )]),
    ),
    maybe(
        "Predicates",
        &sequence(&[any("Predicate", &PREDICATE)]).keyed(&[key(
            "UniquePredicateId",
            &["Predicate"],
            "Id",
        )]),
    ),
    maybe(
        "InputValidations",
        &sequence(&[any("InputValidation", &INPUT_VALIDATION)]).keyed(&[key(
            "UniqueInputValidationId",
            &["InputValidation"],
            "Id",
        )]),
    ),
    maybe(
        "PredicateValidations",
        &sequence(&[any("PredicateValidation", &PREDICATE_VALIDATION)]).keyed(&[key(
            "UniquePredicateValidationId",
            &["PredicateValidation"],
            "Id",
        )]),
    ),
    maybe(
        "ClaimsTransformations",
        &sequence(&[any("ClaimsTransformation", &CLAIMS_TRANSFORMATION)]).keyed(&[key(
            "UniqueClaimsTransformationId",
            &["ClaimsTransformation"],
            "Id",
        )]),
    ),
    maybe(
        "ClientDefinitions",
        &sequence(&[any("ClientDefinition", &CLIENT_DEFINITION)]).keyed(&[key(
            "UniqueClientDefinitionId",
            &["ClientDefinition"],
            "Id",
        )]),
    ),
    maybe(
        "ContentDefinitions",
        &sequence(&[any("ContentDefinition", &CONTENT_DEFINITION)]).keyed(&[key(
            "UniqueContentDefinitionId",
            &["ContentDefinition"],
            "Id",
        )]),
    ),
    maybe(
        "Localization",
        &sequence(&[
            maybe("SupportedLanguages", &SUPPORTED_LANGUAGES),
            any("LocalizedResources", &LOCALIZED_RESOURCES),
        ])
        .with(&[optional("Enabled", Simple::Boolean)]),
    ),
    maybe(
        "DisplayControls",
        &sequence(&[any("DisplayControl", &DISPLAY_CONTROL)]),
    ),
]);

pub(super) static DISPLAY_CONTROL: Type = sequence(&[
    maybe(
        "InputClaims",
        &sequence(&[any("InputClaim", &DISPLAY_CONTROL_CLAIM)]),
    ),
    maybe(
        "DisplayClaims",
        &sequence(&[any("DisplayClaim", &DISPLAY_CONTROL_DISPLAY_CLAIM)]),
    ),
    maybe(
        "OutputClaims",
        &sequence(&[any("OutputClaim", &DISPLAY_CONTROL_CLAIM)]),
    ),
    maybe(
        "Actions",
        &sequence(&[any("Action", &DISPLAY_CONTROL_ACTION)]),
    ),
])
.with(&[
    required("Id", ANY),
    required("UserInterfaceControlType", one_of::USER_INTERFACE_CONTROL),
]);

pub(super) static DISPLAY_CONTROL_ACTION: Type = sequence(&[one(
    "ValidationClaimsExchange",
    &sequence(&[some(
        "ValidationClaimsExchangeTechnicalProfile",
        &sequence(&[any("Preconditions", &PRECONDITIONS)]).with(&[
            required("TechnicalProfileReferenceId", ANY),
            optional("ContinueOnSuccess", Simple::Boolean),
            optional("ContinueOnError", Simple::Boolean),
        ]),
    )]),
)])
.with(&[required("Id", ANY)]);

pub(super) static DISPLAY_CONTROL_DISPLAY_CLAIM: Type = EMPTY.with(&[
    optional("ClaimTypeReferenceId", ANY),
    optional("ControlClaimType", ANY),
    optional("Required", Simple::Boolean),
]);

pub(super) static DISPLAY_CONTROL_CLAIM: Type = EMPTY.with(&[
    optional("ClaimTypeReferenceId", ANY),
    optional("Required", Simple::Boolean),
    optional("DefaultValue", ANY),
    optional("AlwaysUseDefaultValue", Simple::Boolean),
]);

pub(super) static LOCALIZED_RESOURCES: Type = sequence(&[
    maybe(
        "LocalizedCollections",
        &sequence(&[any("LocalizedCollection", &LOCALIZED_COLLECTION)]),
    ),
    maybe(
        "LocalizedStrings",
        &sequence(&[any("LocalizedString", &LOCALIZED_STRING)]),
    ),
])
.with(&[optional("Culture", Simple::Culture), optional("Id", ANY)]);

pub(super) static LOCALIZED_STRING: Type = STRING.with(&[
    required("ElementType", ANY),
    optional("ElementId", ANY),
    required("StringId", ANY),
]);

pub(super) static LOCALIZED_COLLECTION: Type =
    sequence(&[some("Item", &ENUMERATION_ITEM)]).with(&[
        required("ElementType", ANY),
        required("ElementId", ANY),
        required("TargetCollection", ANY),
    ]);

pub(super) static SUPPORTED_LANGUAGES: Type =
    sequence(&[any("SupportedLanguage", &text(Simple::Culture))]).with(&[
        optional("DefaultLanguage", Simple::Culture),
        optional("PolicyLanguage", Simple::Culture),
        optional("MergeBehavior", one_of::MERGE_BEHAVIOR),
    ]);

pub(super) static CONTENT_DEFINITION: Type = sequence(&[
    maybe("LoadUri", &ANYTHING),
    maybe("RecoveryUri", &text(Simple::ContentUri)),
    maybe("DataUri", &text(Simple::ContentUri)),
    maybe("Metadata", &METADATA),
    maybe(
        "LocalizedResourcesReferences",
        &sequence(&[any(
            "LocalizedResourcesReference",
            &LOCALIZED_RESOURCES_REFERENCE,
        )])
        .with(&[optional("MergeBehavior", one_of::MERGE_BEHAVIOR)]),
    ),
])
.with(&[required("Id", ANY)]);

pub(super) static LOCALIZED_RESOURCES_REFERENCE: Type = EMPTY.with(&[
    required("Language", Simple::Culture),
    optional("Url", ANY),
    optional("LocalizedResourcesReferenceId", ANY),
]);

pub(super) static CLIENT_DEFINITION: Type =
    sequence(&[one("ClientUIFilterFlags", &STRING)]).with(&[required("Id", ANY)]);

pub(super) static CLAIMS_TRANSFORMATION: Type = sequence(&[
    maybe(
        "InputClaims",
        &sequence(&[any("InputClaim", &TRANSFORMATION_CLAIM)]),
    ),
    maybe(
        "InputParameters",
        &sequence(&[some("InputParameter", &TRANSFORMATION_PARAMETER)]),
    ),
    maybe(
        "OutputClaims",
        &sequence(&[some("OutputClaim", &TRANSFORMATION_CLAIM)]),
    ),
])
.with(&[required("Id", ANY), required("TransformationMethod", ANY)]);

pub(super) static TRANSFORMATION_PARAMETER: Type = EMPTY.with(&[
    required("Id", ANY),
    required("DataType", one_of::DATA_TYPE),
    required("Value", ANY),
]);

pub(super) static TRANSFORMATION_CLAIM: Type = EMPTY.with(&[
    required("ClaimTypeReferenceId", ANY),
    optional("TransformationClaimType", ANY),
]);

pub(super) static PREDICATE_VALIDATION: Type =
    sequence(&[any("PredicateGroups", &PREDICATE_GROUPS)]).with(&[required("Id", ANY)]);

pub(super) static PREDICATE_GROUPS: Type = sequence(&[some("PredicateGroup", &PREDICATE_GROUP)]);

pub(super) static PREDICATE_GROUP: Type = sequence(&[
    maybe("UserHelpText", &STRING),
    any("PredicateReferences", &PREDICATE_REFERENCES),
])
.with(&[required("Id", ANY)]);

pub(super) static INPUT_VALIDATION: Type =
    sequence(&[any("PredicateReferences", &PREDICATE_REFERENCES)]).with(&[required("Id", ANY)]);

pub(super) static PREDICATE_REFERENCES: Type =
    sequence(&[some("PredicateReference", &PREDICATE_REFERENCE)]).with(&[
        optional("Id", ANY),
        optional("HelpText", ANY),
        optional("MatchAtLeast", Simple::Integer),
        optional("Reject", Simple::Boolean),
    ]);

pub(super) static PREDICATE_REFERENCE: Type = EMPTY.with(&[required("Id", ANY)]);

pub(super) static PREDICATE: Type = sequence(&[
    maybe("UserHelpText", &STRING),
    maybe("Parameters", &PARAMETERS),
])
.with(&[
    required("Id", ANY),
    required("Method", ANY),
    optional("HelpText", ANY),
]);

pub(super) static PARAMETERS: Type = sequence(&[any("Parameter", &PARAMETER)]);

pub(super) static PARAMETER: Type = STRING.with(&[required("Id", ANY)]);

pub(super) static CLAIM_TYPE: Type = sequence(&[
    maybe("DisplayName", &STRING),
    maybe("DataType", &text(one_of::DATA_TYPE)),
    any(
        "DefaultPartnerClaimTypes",
        &sequence(&[any(
            "Protocol",
            &EMPTY.with(&[
                required("Name", one_of::PROTOCOL_NAME),
                optional("Handler", ANY),
                required("PartnerClaimType", ANY),
            ]),
        )]),
    ),
    maybe("Mask", &MASK),
    maybe("AdminHelpText", &STRING),
    maybe("UserHelpText", &STRING),
    maybe("UserInputType", &text(one_of::USER_INPUT_TYPE)),
    maybe("Restriction", &RESTRICTION),
    maybe("InputValidationReference", &INPUT_VALIDATION_REFERENCE),
    maybe(
        "PredicateValidationReference",
        &PREDICATE_VALIDATION_REFERENCE,
    ),
])
.with(&[
    required("Id", ANY),
    optional("StatementType", one_of::STATEMENT_TYPE),
]);

pub(super) static PREDICATE_VALIDATION_REFERENCE: Type = EMPTY.with(&[required("Id", ANY)]);

pub(super) static INPUT_VALIDATION_REFERENCE: Type = EMPTY.with(&[required("Id", ANY)]);

pub(super) static RESTRICTION: Type = choice(&[
    any("Enumeration", &ENUMERATION_ITEM),
    maybe("Pattern", &PATTERN),
])
.with(&[optional("MergeBehavior", one_of::MERGE_BEHAVIOR)]);

pub(super) static PATTERN: Type = EMPTY.with(&[
    required("RegularExpression", ANY),
    optional("HelpText", ANY),
]);

pub(super) static ENUMERATION_ITEM: Type = STRING.with(&[
    required("Text", ANY),
    required("Value", ANY),
    optional("SelectByDefault", Simple::Boolean),
]);

pub(super) static MASK: Type =
    STRING.with(&[required("Type", one_of::MASK_TYPE), optional("Regex", ANY)]);
