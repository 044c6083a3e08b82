//! Technical profiles, by what they talk to: P22 to P25, P32, P35.

use super::Rule;
use crate::policy::finding::{RuleId, Severity};

pub(super) const RULES: &[&Rule] = &[
    &Rule {
        id: RuleId(22),
        severity: Severity::Error,
        title: "an identity provider that a journey reaches has a client_id",
        explanation: "B2C is a client of each identity provider, and sends its client id. Without one, or with an empty one, the upload of a relying party that reaches the provider is refused. Public samples leave it empty for you to fill in.",
        b2c: Some("… defines an invalid value \"\" for the metadata item \"client_id\""),
        mend: "Write the id that the provider gave to your tenant into the metadata item client_id.",
        before: "<Item Key=\"client_id\"></Item>",
        after: "<Item Key=\"client_id\">1234567890</Item>",
    },
    &Rule {
        id: RuleId(23),
        severity: Severity::Error,
        title: "a REST call has an address, an authentication and its keys",
        explanation: "A RESTful technical profile needs ServiceUrl and AuthenticationType, and the policy keys that the authentication takes. A call without authentication is accepted for production only with AllowInsecureAuthInProduction. That the mode Development lifts this is inferred from the text of the error.",
        b2c: Some(
            "… uses an insecure authentication mode that is only allowed … 'AllowInsecureAuthInProduction' set to true",
        ),
        mend: "Set AuthenticationType to Basic, Bearer, ClientCertificate or ApiKeyHeader, and name the keys.",
        before: "<Item Key=\"AuthenticationType\">None</Item>",
        after: "<Item Key=\"AuthenticationType\">Basic</Item> … <Key Id=\"BasicAuthenticationUsername\" StorageReferenceId=\"B2C_1A_ApiUser\" />",
    },
    &Rule {
        id: RuleId(24),
        severity: Severity::Error,
        title: "directory profiles with extension attributes know the extensions app",
        explanation: "Custom attributes are stored under the application b2c-extensions-app. Profiles that read or write them need its ApplicationObjectId and ClientId, which AAD-Common passes on to all. Public samples leave them for you to fill in.",
        b2c: Some("A required Metadata item with key \"ApplicationObjectId\" was not found"),
        mend: "Add both items to AAD-Common in your extensions policy.",
        before: "<TechnicalProfile Id=\"AAD-Common\"> without ApplicationObjectId",
        after: "<Item Key=\"ClientId\">…</Item><Item Key=\"ApplicationObjectId\">…</Item>",
    },
    &Rule {
        id: RuleId(25),
        severity: Severity::Error,
        title: "a directory profile has one key, and persists it when it writes",
        explanation: "A profile of the directory finds its user by exactly one input claim. Write and DeleteClaims need that claim among the PersistedClaims too. Operation is Read, Write, DeleteClaims or DeleteClaimsPrincipal.",
        b2c: None,
        mend: "Keep one InputClaim, and repeat it as a PersistedClaim.",
        before: "<InputClaim ClaimTypeReferenceId=\"objectId\" /><InputClaim ClaimTypeReferenceId=\"email\" />",
        after: "<InputClaim ClaimTypeReferenceId=\"objectId\" Required=\"true\" />",
    },
    &Rule {
        id: RuleId(32),
        severity: Severity::Warning,
        title: "display controls stand on pages of version 2 or later",
        explanation: "Display controls need the page contract, selfasserted 2.0.0 or later. On an older page they are not drawn. Nothing says so: the field is missing.",
        b2c: None,
        mend: "Raise the DataUri of the content definition to contract:selfasserted:2.1.7.",
        before: "<DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:1.2.0</DataUri>",
        after: "<DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri>",
    },
    &Rule {
        id: RuleId(35),
        severity: Severity::Warning,
        title: "display claims show all that should be asked",
        explanation: "As soon as a profile has one DisplayClaim, the page shows those and nothing else: inherited OutputClaims that were asked before vanish. A display claim whose type has no UserInputType cannot be asked either. Nothing says so.",
        b2c: None,
        mend: "List every claim to be asked as a DisplayClaim, and give each claim type a UserInputType.",
        before: "<DisplayClaims><DisplayClaim DisplayControlReferenceId=\"email\" /></DisplayClaims>, givenName only inherited",
        after: "<DisplayClaims><DisplayClaim DisplayControlReferenceId=\"email\" /><DisplayClaim ClaimTypeReferenceId=\"givenName\" /></DisplayClaims>",
    },
];
