//! What may stand in user journeys and their steps.

use super::model::{
    ANY, EMPTY, STRING, Simple, Type, any, key, maybe, optional, required, sequence, some, text,
};
use super::one_of;
use super::technical_profiles::CRYPTOGRAPHIC_KEYS;

pub(super) static SUB_JOURNEY: Type = sequence(&[maybe(
    "OrchestrationSteps",
    &sequence(&[some("OrchestrationStep", &ORCHESTRATION_STEP)]).keyed(&[
        key(
            "UniqueOrchestrationStepOrderForSubJourney",
            &["OrchestrationStep"],
            "Order",
        ),
        key(
            "UniqueClaimsExchangeIdForSubJourney",
            &["OrchestrationStep", "ClaimsExchanges", "ClaimsExchange"],
            "Id",
        ),
    ]),
)])
.with(&[required("Id", ANY), required("Type", one_of::SUB_JOURNEY)]);

pub(super) static USER_JOURNEY: Type = sequence(&[
    maybe("AssuranceLevel", &STRING),
    maybe("PreserveOriginalAssertion", &text(Simple::Boolean)),
    maybe(
        "Authorization",
        &sequence(&[maybe(
            "AuthorizationTechnicalProfiles",
            &sequence(&[some(
                "AuthorizationTechnicalProfile",
                &EMPTY.with(&[required("ReferenceId", ANY)]),
            )])
            .keyed(&[key(
                "UniqueAuthorizationTechnicalProfileReferenceId",
                &["AuthorizationTechnicalProfile"],
                "ReferenceId",
            )]),
        )]),
    ),
    maybe(
        "OrchestrationSteps",
        &sequence(&[some("OrchestrationStep", &ORCHESTRATION_STEP)]).keyed(&[
            key(
                "UniqueOrchestrationStepOrder",
                &["OrchestrationStep"],
                "Order",
            ),
            key(
                "UniqueClaimsExchangeId",
                &["OrchestrationStep", "ClaimsExchanges", "ClaimsExchange"],
                "Id",
            ),
        ]),
    ),
    maybe(
        "ClientDefinition",
        &EMPTY.with(&[optional("ReferenceId", ANY)]),
    ),
    maybe("CryptographicKeys", &CRYPTOGRAPHIC_KEYS),
])
.with(&[
    required("Id", ANY),
    optional("NonInteractive", Simple::Boolean),
    optional("DefaultCpimIssuerTechnicalProfileReferenceId", ANY),
]);

pub(super) static ORCHESTRATION_STEP: Type = sequence(&[
    any("Preconditions", &PRECONDITIONS),
    any("ClaimsProviderSelections", &CLAIMS_PROVIDER_SELECTIONS),
    any("ClaimsExchanges", &CLAIMS_EXCHANGES),
    any("JourneyList", &JOURNEY_LIST),
])
.with(&[
    required("Order", Simple::Int),
    required("Type", one_of::ORCHESTRATION_STEP),
    optional("ContentDefinitionReferenceId", ANY),
    optional("CpimIssuerTechnicalProfileReferenceId", ANY),
]);

pub(super) static JOURNEY_LIST: Type = sequence(&[some("Candidate", &CANDIDATE)]);

pub(super) static CANDIDATE: Type = EMPTY.with(&[required("SubJourneyReferenceId", ANY)]);

pub(super) static CLAIMS_EXCHANGES: Type = sequence(&[any("ClaimsExchange", &CLAIMS_EXCHANGE)])
    .with(&[optional("UserIdentity", Simple::Boolean)]);

pub(super) static CLAIMS_EXCHANGE: Type = EMPTY.with(&[
    required("Id", ANY),
    required("TechnicalProfileReferenceId", ANY),
]);

pub(super) static CLAIMS_PROVIDER_SELECTIONS: Type =
    sequence(&[some("ClaimsProviderSelection", &CLAIMS_PROVIDER_SELECTION)]).with(&[optional(
        "DisplayOption",
        one_of::CLAIMS_PROVIDER_SELECTION_DISPLAY_OPTION,
    )]);

pub(super) static CLAIMS_PROVIDER_SELECTION: Type = EMPTY.with(&[
    optional("TargetClaimsExchangeId", ANY),
    optional("ValidationClaimsExchangeId", ANY),
]);

pub(super) static PRECONDITIONS: Type = sequence(&[some("Precondition", &PRECONDITION)]);

pub(super) static PRECONDITION: Type = sequence(&[
    some("Value", &STRING),
    some("Action", &text(one_of::PRECONDITION_ACTION)),
])
.with(&[
    required("Type", one_of::PRECONDITION),
    required("ExecuteActionsIf", Simple::Boolean),
]);
