//! What may stand in a policy and in its `RelyingParty`.

use super::building_blocks::BUILDING_BLOCKS;
use super::journeys::{SUB_JOURNEY, USER_JOURNEY};
use super::model::{
    ANY, EMPTY, STRING, Simple, Type, any, choice, key, maybe, one, optional, required, sequence,
    some, text,
};
use super::one_of;
use super::technical_profiles::{CLAIMS_PROVIDER, TECHNICAL_PROFILE};

pub(super) static POLICY: Type = sequence(&[
    maybe("BasePolicy", &BASE_POLICY),
    maybe(
        "PolicyConstraints",
        &sequence(&[
            maybe("Inheritance", &INHERITANCE),
            maybe("RerouteRules", &REROUTE_RULES),
        ]),
    ),
    maybe("Contacts", &sequence(&[any("Contact", &CONTACT)])),
    maybe(
        "DocumentReferences",
        &sequence(&[any("DocumentReference", &DOCUMENT_REFERENCE)]).keyed(&[key(
            "UniqueDocumentReferenceId",
            &["DocumentReference"],
            "Id",
        )]),
    ),
    maybe("BuildingBlocks", &BUILDING_BLOCKS),
    maybe(
        "ClaimsProviders",
        &sequence(&[some("ClaimsProvider", &CLAIMS_PROVIDER)]).keyed(&[key(
            "UniqueTechnicalProfileId",
            &["ClaimsProvider", "TechnicalProfiles", "TechnicalProfile"],
            "Id",
        )]),
    ),
    maybe(
        "UserJourneys",
        &sequence(&[some("UserJourney", &USER_JOURNEY)]).keyed(&[key(
            "UniqueUserJourneyId",
            &["UserJourney"],
            "Id",
        )]),
    ),
    maybe(
        "SubJourneys",
        &sequence(&[some("SubJourney", &SUB_JOURNEY)]).keyed(&[key(
            "UniqueSubJourney",
            &["SubJourney"],
            "Id",
        )]),
    ),
    maybe(
        "RelyingParty",
        &sequence(&[
            maybe(
                "DefaultUserJourney",
                &EMPTY.with(&[required("ReferenceId", ANY)]),
            ),
            maybe(
                "Endpoints",
                &sequence(&[some("Endpoint", &ENDPOINT)]).keyed(&[key(
                    "UniqueEndpoint",
                    &["Endpoint"],
                    "Id",
                )]),
            ),
            maybe(
                "UserJourneyBehaviors",
                &sequence(&[
                    maybe("SingleSignOn", &SINGLE_SIGN_ON),
                    maybe("SessionExpiryType", &text(one_of::SESSION_EXPIRY)),
                    maybe("SessionExpiryInSeconds", &text(Simple::Int)),
                    maybe("AzureApplicationInsights", &AZURE_APPLICATION_INSIGHTS),
                    maybe("JourneyInsights", &JOURNEY_INSIGHTS),
                    maybe(
                        "ContentDefinitionParameters",
                        &CONTENT_DEFINITION_PARAMETERS,
                    ),
                    maybe("JourneyFraming", &JOURNEY_FRAMING),
                    maybe("ScriptExecution", &text(one_of::SCRIPT_EXECUTION)),
                    maybe("OnError", &JOURNEY_ON_ERROR),
                ]),
            ),
            any("TechnicalProfile", &TECHNICAL_PROFILE),
        ]),
    ),
])
.with(&[
    required(
        "PolicySchemaVersion",
        Simple::Version("FourPartVersionNumber", 4),
    ),
    required("TenantId", Simple::TenantId),
    optional("TenantObjectId", Simple::Guid("TenantObjectId")),
    required("PolicyId", Simple::PolicyId),
    required("PublicPolicyUri", Simple::Uri),
    optional("StateTableName", ANY),
    optional("DeploymentMode", one_of::DEPLOYMENT_MODE),
    optional("UserJourneyRecorderEndpoint", ANY),
]);

pub(super) static JOURNEY_ON_ERROR: Type =
    EMPTY.with(&[required("Mode", one_of::JOURNEY_ON_ERROR_MODE)]);

pub(super) static JOURNEY_FRAMING: Type = EMPTY.with(&[
    required("Enabled", Simple::Boolean),
    required("Sources", ANY),
]);

pub(super) static CONTENT_DEFINITION_PARAMETERS: Type =
    sequence(&[some("Parameter", &CONTENT_DEFINITION_PARAMETER)]);

pub(super) static CONTENT_DEFINITION_PARAMETER: Type = STRING.with(&[required("Name", ANY)]);

pub(super) static JOURNEY_INSIGHTS: Type = EMPTY.with(&[
    required("InstrumentationKey", Simple::Guid("InstrumentationKey")),
    required("TelemetryEngine", one_of::TELEMETRY_ENGINE),
    optional("DeveloperMode", Simple::Boolean),
    optional("ClientEnabled", Simple::Boolean),
    optional("ServerEnabled", Simple::Boolean),
    optional(
        "TelemetryVersion",
        Simple::Version("ThreePartVersionNumber", 3),
    ),
]);

pub(super) static AZURE_APPLICATION_INSIGHTS: Type = EMPTY.with(&[required(
    "InstrumentationKey",
    Simple::Guid("InstrumentationKey"),
)]);

pub(super) static SINGLE_SIGN_ON: Type = EMPTY.with(&[
    required("Scope", one_of::USER_JOURNEY_BEHAVIOR_SCOPE),
    optional("KeepAliveInDays", Simple::Int),
    optional("EnforceIdTokenHintOnLogout", Simple::Boolean),
]);

pub(super) static ENDPOINT: Type =
    EMPTY.with(&[required("Id", ANY), required("UserJourneyReferenceId", ANY)]);

pub(super) static DOCUMENT_REFERENCE: Type =
    sequence(&[one("DisplayName", &STRING), one("Url", &text(Simple::Uri))])
        .with(&[required("Id", ANY)]);

pub(super) static CONTACT: Type = sequence(&[
    one("DisplayName", &STRING),
    one("TelephoneNumber", &STRING),
    one("Email", &STRING),
    one("Role", &STRING),
])
.with(&[required("Id", ANY)]);

pub(super) static REROUTE_RULES: Type =
    sequence(&[any("RerouteRule", &REROUTE_RULE)]).with(&[required("Type", ANY)]);

pub(super) static REROUTE_RULE: Type = EMPTY.with(&[
    required("PolicyId", Simple::PolicyIdPattern),
    optional("Weight", Simple::Int),
    optional("Match", Simple::NotEmpty("Match")),
]);

pub(super) static INHERITANCE: Type = choice(&[
    maybe("Tenants", &TENANT_LIST),
    maybe("ConstraintHandler", &CONSTRAINT_HANDLER),
])
.with(&[required("DerivingPolicies", ANY)]);

pub(super) static CONSTRAINT_HANDLER: Type =
    EMPTY.with(&[required("Id", ANY), required("Handler", ANY)]);

pub(super) static TENANT_LIST: Type = sequence(&[some("Tenant", &TENANT_REFERENCE)]);

pub(super) static TENANT_REFERENCE: Type =
    EMPTY.with(&[required("ReferenceId", Simple::Guid("TenantObjectId"))]);

pub(super) static BASE_POLICY: Type = sequence(&[
    one("TenantId", &text(Simple::TenantId)),
    one("PolicyId", &text(Simple::PolicyId)),
]);
