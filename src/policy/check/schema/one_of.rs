//! The values that enumerated attributes and elements may have.

use super::model::Simple;

pub(super) const ERROR_RESPONSE_FORMAT: Simple = Simple::OneOf("ErrorResponseFormat", &["json"]);
pub(super) const JOURNEY_ON_ERROR_MODE: Simple = Simple::OneOf(
    "JourneyOnErrorModeType",
    &["ReturnToRequestor", "DisplayInService"],
);
pub(super) const ERROR_HANDLING_ACTION: Simple =
    Simple::OneOf("ErrorHandlingAction", &["Reauthenticate", "InvalidClient"]);
pub(super) const MERGE_BEHAVIOR: Simple =
    Simple::OneOf("MergeBehavior", &["Append", "Prepend", "ReplaceAll"]);
pub(super) const MASK_TYPE: Simple = Simple::OneOf("MaskTypeTYPE", &["Simple", "Regex"]);
pub(super) const PROTOCOL_NAME: Simple = Simple::OneOf(
    "ProtocolName",
    &[
        "None",
        "OAuth1",
        "OAuth2",
        "SAML2",
        "OpenIdConnect",
        "WsFed",
        "WsTrust",
        "UProve11",
        "Proprietary",
    ],
);
pub(super) const ENABLED_FOR_USER_JOURNEYS_VALUES: Simple = Simple::OneOf(
    "EnabledForUserJourneysValues",
    &[
        "true",
        "false",
        "OnClaimsExistence",
        "Always",
        "Never",
        "OnItemExistenceInStringCollectionClaim",
        "OnItemAbsenceInStringCollectionClaim",
    ],
);
pub(super) const CLAIMS_PROVIDER_SELECTION_DISPLAY_OPTION: Simple = Simple::OneOf(
    "ClaimsProviderSelectionDisplayOption",
    &["DoNotShowSingleProvider", "ShowSingleProvider"],
);
pub(super) const TOKEN_FORMAT: Simple = Simple::OneOf(
    "TokenFormat",
    &[
        "JSON",
        "JWT",
        "SAML11",
        "SAML2",
        "CpimUnsigned",
        "UProve11",
        "OAuth2Error",
    ],
);
pub(super) const SCRIPT_EXECUTION: Simple =
    Simple::OneOf("ScriptExecutionType", &["Disallow", "Allow"]);
pub(super) const ORCHESTRATION_STEP: Simple = Simple::OneOf(
    "OrchestrationStepType",
    &[
        "ConsentScreen",
        "ClaimsProviderSelection",
        "CombinedSignInAndSignUp",
        "ClaimsExchange",
        "ReviewScreen",
        "SendClaims",
        "GetClaims",
        "UserDialog",
        "InvokeSubJourney",
        "Noop",
    ],
);
pub(super) const USER_JOURNEY_BEHAVIOR_SCOPE: Simple = Simple::OneOf(
    "UserJourneyBehaviorScopeType",
    &[
        "Suppressed",
        "TrustFramework",
        "Tenant",
        "Application",
        "Policy",
    ],
);
pub(super) const PRECONDITION: Simple =
    Simple::OneOf("PreconditionType", &["ClaimsExist", "ClaimEquals"]);
pub(super) const PRECONDITION_ACTION: Simple = Simple::OneOf(
    "PreconditionActionType",
    &[
        "SkipThisOrchestrationStep",
        "SkipThisValidationTechnicalProfile",
    ],
);
pub(super) const DATA_TYPE: Simple = Simple::OneOf(
    "DataType",
    &[
        "boolean",
        "date",
        "dateTime",
        "duration",
        "int",
        "long",
        "string",
        "stringCollection",
        "alternativeSecurityIdCollection",
        "userIdentityCollection",
        "userIdentity",
        "phoneNumber",
        "objectIdentityCollection",
        "objectIdentity",
    ],
);
pub(super) const USER_INPUT_TYPE: Simple = Simple::OneOf(
    "UserInputType",
    &[
        "TextBox",
        "EmailBox",
        "DateTimeDropdown",
        "RadioSingleSelect",
        "DropdownSingleSelect",
        "CheckboxMultiSelect",
        "Password",
        "Readonly",
        "Button",
        "Paragraph",
    ],
);
pub(super) const USER_INTERFACE_CONTROL: Simple = Simple::OneOf(
    "UserInterfaceControlType",
    &[
        "VerificationControl",
        "QrCodeControl",
        "AuthenticatorInfoControl",
        "AuthenticatorAppIconControl",
    ],
);
pub(super) const TELEMETRY_ENGINE: Simple =
    Simple::OneOf("TelemetryEngineType", &["ApplicationInsights"]);
pub(super) const STATEMENT_TYPE: Simple =
    Simple::OneOf("StatementType", &["Attribute", "Authentication", "Subject"]);
pub(super) const DEPLOYMENT_MODE: Simple = Simple::OneOf(
    "DeploymentModeType",
    &["Development", "Production", "Debugging"],
);
pub(super) const SESSION_EXPIRY: Simple =
    Simple::OneOf("SessionExpiryTypeTYPE", &["Rolling", "Absolute"]);
pub(super) const SUB_JOURNEY: Simple = Simple::OneOf("SubJourneyTYPE", &["Transfer", "Call"]);
