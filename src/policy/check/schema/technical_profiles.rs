//! What may stand in claims providers and technical profiles.

use super::journeys::PRECONDITIONS;
use super::model::{
    ANY, ANYTHING, EMPTY, STRING, Simple, Type, any, key, maybe, one, optional, required, sequence,
    some, text,
};
use super::one_of;

pub(super) static CLAIMS_PROVIDER: Type = sequence(&[
    maybe(
        "Domains",
        &sequence(&[some("Domain", &text(Simple::NotEmpty("nonemptystring")))]),
    ),
    maybe("Domain", &STRING),
    maybe("DisplayName", &STRING),
    one(
        "TechnicalProfiles",
        &sequence(&[any("TechnicalProfile", &TECHNICAL_PROFILE)]),
    ),
]);

pub(super) static TECHNICAL_PROFILE: Type = sequence(&[
    maybe(
        "Domains",
        &sequence(&[some("Domain", &text(Simple::NotEmpty("nonemptystring")))]),
    ),
    maybe("Domain", &STRING),
    maybe("DisplayName", &STRING),
    maybe("Description", &STRING),
    maybe(
        "Protocol",
        &EMPTY.with(&[
            required("Name", one_of::PROTOCOL_NAME),
            optional("Handler", ANY),
        ]),
    ),
    maybe("InputTokenFormat", &text(one_of::TOKEN_FORMAT)),
    maybe("OutputTokenFormat", &text(one_of::TOKEN_FORMAT)),
    maybe("AssuranceLevelOfOutputClaims", &STRING),
    maybe(
        "RequiredAssuranceLevelsOfInputClaims",
        &sequence(&[any("RequiredAssuranceLevelOfInputClaims", &STRING)]),
    ),
    maybe(
        "SubjectAuthenticationRequirements",
        &EMPTY.with(&[
            required("TimeToLive", Simple::Int),
            optional("ResetExpiryWhenTokenIssued", Simple::Boolean),
        ]),
    ),
    maybe("Metadata", &METADATA),
    maybe("CryptographicKeys", &CRYPTOGRAPHIC_KEYS),
    maybe("Suppressions", &ITEM_GROUP),
    maybe("PreferredBinding", &STRING),
    maybe("IncludeInSso", &text(Simple::Boolean)),
    maybe("InputTokenSources", &INPUT_TOKEN_SOURCES),
    any(
        "InputClaimsTransformations",
        &sequence(&[some(
            "InputClaimsTransformation",
            &CLAIMS_TRANSFORMATION_REFERENCE,
        )]),
    ),
    maybe(
        "InputClaims",
        &sequence(&[any("InputClaim", &CLAIM_REFERENCE)]),
    ),
    maybe(
        "DisplayClaims",
        &sequence(&[any("DisplayClaim", &DISPLAY_CLAIM)]),
    ),
    maybe(
        "PersistedClaims",
        &sequence(&[any("PersistedClaim", &PERSISTED_CLAIM)]),
    ),
    maybe(
        "OutputClaims",
        &sequence(&[any("OutputClaim", &CLAIM_REFERENCE)]),
    ),
    any(
        "OutputClaimsTransformations",
        &sequence(&[some(
            "OutputClaimsTransformation",
            &CLAIMS_TRANSFORMATION_REFERENCE,
        )]),
    ),
    any(
        "ValidationTechnicalProfiles",
        &sequence(&[some(
            "ValidationTechnicalProfile",
            &sequence(&[any("Preconditions", &PRECONDITIONS)]).with(&[
                required("ReferenceId", ANY),
                optional("ContinueOnSuccess", Simple::Boolean),
                optional("ContinueOnError", Simple::Boolean),
            ]),
        )])
        .keyed(&[key(
            "UniqueTechnicalProfileReferenceId",
            &["ValidationTechnicalProfile"],
            "ReferenceId",
        )]),
    ),
    maybe(
        "SubjectNamingInfo",
        &EMPTY.with(&[
            required("ClaimType", ANY),
            optional("NameQualifier", ANY),
            optional("SPNameQualifier", ANY),
            optional("Format", ANY),
            optional("SPProvidedID", ANY),
            optional("ExcludeAsClaim", Simple::Boolean),
        ]),
    ),
    maybe("Extensions", &ANYTHING),
    maybe("IncludeClaimsFromTechnicalProfile", &STRING),
    maybe(
        "IncludeTechnicalProfile",
        &EMPTY.with(&[required("ReferenceId", ANY)]),
    ),
    maybe(
        "UseTechnicalProfileForSessionManagement",
        &EMPTY.with(&[required("ReferenceId", ANY)]),
    ),
    maybe(
        "ErrorHandlers",
        &sequence(&[any(
            "ErrorHandler",
            &sequence(&[
                maybe("ErrorResponseFormat", &text(one_of::ERROR_RESPONSE_FORMAT)),
                one("ResponseMatch", &STRING),
                one("Action", &text(one_of::ERROR_HANDLING_ACTION)),
                any(
                    "AdditionalRequestParameters",
                    &STRING.with(&[required("Key", ANY)]),
                ),
            ]),
        )]),
    ),
    maybe(
        "EnabledForUserJourneys",
        &text(one_of::ENABLED_FOR_USER_JOURNEYS_VALUES),
    ),
])
.with(&[required("Id", ANY)]);

pub(super) static PERSISTED_CLAIM: Type = EMPTY.with(&[
    required("ClaimTypeReferenceId", ANY),
    optional("PartnerClaimType", ANY),
    optional("DefaultValue", ANY),
    optional("OverwriteIfExists", Simple::Boolean),
    optional("AlwaysUseDefaultValue", Simple::Boolean),
]);

pub(super) static DISPLAY_CLAIM: Type = EMPTY.with(&[
    optional("ClaimTypeReferenceId", ANY),
    optional("DisplayControlReferenceId", ANY),
    optional("Required", Simple::Boolean),
]);

pub(super) static CLAIM_REFERENCE: Type =
    sequence(&[any("From", &FROM_TECHNICAL_PROFILE_REFERENCE)]).with(&[
        required("ClaimTypeReferenceId", ANY),
        optional("PartnerClaimType", ANY),
        optional("Required", Simple::Boolean),
        optional("DefaultValue", ANY),
        optional("AlwaysUseDefaultValue", Simple::Boolean),
    ]);

pub(super) static FROM_TECHNICAL_PROFILE_REFERENCE: Type =
    EMPTY.with(&[required("TechnicalProfileReferenceId", ANY)]);

pub(super) static CLAIMS_TRANSFORMATION_REFERENCE: Type =
    EMPTY.with(&[required("ReferenceId", ANY)]);

pub(super) static INPUT_TOKEN_SOURCES: Type = sequence(&[some(
    "TechnicalProfile",
    &EMPTY.with(&[required("Id", ANY)]),
)]);

pub(super) static ITEM_GROUP: Type = sequence(&[some("Item", &ITEM)]);

pub(super) static ITEM: Type = EMPTY.with(&[required("Key", ANY), required("Value", ANY)]);

pub(super) static CRYPTOGRAPHIC_KEYS: Type = sequence(&[some(
    "Key",
    &EMPTY.with(&[required("Id", ANY), required("StorageReferenceId", ANY)]),
)]);

pub(super) static METADATA: Type = sequence(&[some("Item", &METADATA_ITEM)]);

pub(super) static METADATA_ITEM: Type = STRING.with(&[required("Key", ANY)]);
