//! A user flow written as a policy, so that one engine runs both: what an
//! administrator ticks in the portal becomes claims, profiles and steps.

use std::{fmt::Write as _, sync::Arc};

use super::{
    audit::Dialect,
    engine::program::Program,
    settings::{Attribute, AttributeKind, IssuerForm, PolicyClaim, SessionScope, UserFlow},
};
use crate::policy::set::PolicySet;

/// The handler of the profiles that ask an API connector; the class says which
/// step it is.
pub(super) const CONNECTOR_HANDLER: &str = "Idlink.Emulator.ApiConnector";

const SELF_ASSERTED: &str = "Web.TPEngine.Providers.SelfAssertedAttributeProvider";
const DIRECTORY: &str = "Web.TPEngine.Providers.AzureActiveDirectoryProvider";
const TRANSFORMATION: &str = "Web.TPEngine.Providers.ClaimsTransformationProtocolProvider";

/// What an upstream provider may tell besides the address.
const SOCIAL_NAMES: [(&str, &str); 3] = [
    ("displayName", "name"),
    ("givenName", "given_name"),
    ("surname", "family_name"),
];

/// The flow's policy. An error says what of the settings does not fit.
pub(super) fn program(flow: &UserFlow) -> Result<Program, String> {
    let text = policy(flow);
    let set = PolicySet::from_texts([("", text.as_str())]);
    let file = set.files.first();
    let effective = file.and_then(|file| set.effective(file.file));
    let Some(effective) = effective.filter(|_| set.broken.is_empty()) else {
        let why = set.broken.first().map(|finding| finding.message.clone());
        return Err(format!(
            "the user flow `{}` cannot be written as a policy: {}",
            flow.name,
            why.unwrap_or_default()
        ));
    };
    Program::new(Dialect::UserFlow, effective, Arc::new(set.sources))
        .map_err(|error| format!("the user flow `{}`: {error}", flow.name))
}

fn policy(flow: &UserFlow) -> String {
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="user-flow" PolicyId="{name}" PublicPolicyUri="http://user-flow/{name}">
<BuildingBlocks>
<ClaimsSchema>{claims}</ClaimsSchema>
<ClaimsTransformations>{transformations}</ClaimsTransformations>
<ContentDefinitions>{pages}</ContentDefinitions>
</BuildingBlocks>
<ClaimsProviders><ClaimsProvider><DisplayName>User flow</DisplayName><TechnicalProfiles>
{profiles}
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<UserJourneys><UserJourney Id="UserFlow"><OrchestrationSteps>
{steps}
</OrchestrationSteps></UserJourney></UserJourneys>
{party}
</TrustFrameworkPolicy>"#,
        name = escaped(&flow.name),
        claims = claims(flow),
        transformations = TRANSFORMATIONS,
        pages = PAGES,
        profiles = profiles(flow),
        steps = steps(flow),
        party = relying_party(flow),
    )
}

const TRANSFORMATIONS: &str = r#"
<ClaimsTransformation Id="CreateAlternativeSecurityId" TransformationMethod="CreateAlternativeSecurityId">
<InputClaims><InputClaim ClaimTypeReferenceId="issuerUserId" TransformationClaimType="key"/><InputClaim ClaimTypeReferenceId="identityProvider" TransformationClaimType="identityProvider"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="alternativeSecurityId" TransformationClaimType="alternativeSecurityId"/></OutputClaims>
</ClaimsTransformation>
<ClaimsTransformation Id="CreateEmails" TransformationMethod="AddItemToStringCollection">
<InputClaims><InputClaim ClaimTypeReferenceId="email" TransformationClaimType="item"/><InputClaim ClaimTypeReferenceId="emails" TransformationClaimType="collection"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="emails" TransformationClaimType="collection"/></OutputClaims>
</ClaimsTransformation>
<ClaimsTransformation Id="FirstOfEmails" TransformationMethod="GetSingleItemFromStringCollection">
<InputClaims><InputClaim ClaimTypeReferenceId="emails" TransformationClaimType="collection"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="email" TransformationClaimType="extractedItem"/></OutputClaims>
</ClaimsTransformation>"#;

const PAGES: &str = r#"
<ContentDefinition Id="api.signuporsignin"><LoadUri>~/</LoadUri><RecoveryUri>~/</RecoveryUri><DataUri>urn:com:microsoft:aad:b2c:elements:contract:unifiedssp:2.1.7</DataUri></ContentDefinition>
<ContentDefinition Id="api.localaccountsignup"><LoadUri>~/</LoadUri><RecoveryUri>~/</RecoveryUri><DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri></ContentDefinition>"#;

// Claims.

fn claims(flow: &UserFlow) -> String {
    let mut text = String::new();
    let plain = [
        ("objectId", "Object id", "string", ""),
        ("newUser", "Account is new", "boolean", ""),
        ("identityProvider", "Identity provider", "string", ""),
        ("issuerUserId", "User id at the provider", "string", ""),
        (
            "alternativeSecurityId",
            "Provider and account",
            "string",
            "",
        ),
        ("authenticationSource", "Kind of account", "string", ""),
        ("emails", "Email addresses", "stringCollection", ""),
        ("grant_type", "grant_type", "string", ""),
        ("trustFrameworkPolicy", "Policy", "string", ""),
        ("signInName", "Email Address", "string", "TextBox"),
        ("password", "Password", "string", "Password"),
        ("newPassword", "New Password", "string", "Password"),
        (
            "reenterPassword",
            "Confirm New Password",
            "string",
            "Password",
        ),
        ("email", "Email Address", "string", "TextBox"),
    ];
    for (id, name, kind, input) in plain {
        text.push_str(&claim(id, name, kind, input));
    }
    for attribute in attributes(flow) {
        let plain = attribute.name.strip_prefix("extension_");
        let label = attribute.label.as_deref();
        let label = label.or(built_in_label(&attribute.name));
        let label = label.unwrap_or(plain.unwrap_or(&attribute.name));
        let (kind, input) = match attribute.kind {
            AttributeKind::String => ("string", "TextBox"),
            AttributeKind::Boolean => ("boolean", "CheckboxMultiSelect"),
            AttributeKind::Integer => ("int", "TextBox"),
        };
        let input = if attribute.visible { input } else { "" };
        text.push_str(&claim(&attribute.name, label, kind, input));
    }
    text
}

fn claim(id: &str, name: &str, kind: &str, input: &str) -> String {
    let input = match input {
        "" => String::new(),
        // A tick is the one item of the list.
        "CheckboxMultiSelect" => format!(
            "<UserInputType>{input}</UserInputType><Restriction><Enumeration Text=\"{}\" \
             Value=\"true\"/></Restriction>",
            escaped(name)
        ),
        input => format!("<UserInputType>{input}</UserInputType>"),
    };
    format!(
        "<ClaimType Id=\"{}\"><DisplayName>{}</DisplayName><DataType>{kind}</DataType>{input}\
         </ClaimType>\n",
        escaped(id),
        escaped(name)
    )
}

fn built_in_label(name: &str) -> Option<&'static str> {
    super::text::Texts::for_tag("en").1.attribute(name)
}

/// Every attribute that the flow collects or sends.
fn attributes(flow: &UserFlow) -> Vec<Attribute> {
    const OWN: [&str; 5] = ["emails", "email", "identityProvider", "newUser", "objectId"];
    let mut attributes = flow.attributes.clone();
    let names = flow.application_claims.iter().map(String::as_str);
    let social = SOCIAL_NAMES.map(|(name, _)| name);
    for name in names.chain(social) {
        let is_known = attributes.iter().any(|known| known.name == name);
        if !is_known && !OWN.contains(&name) {
            attributes.push(Attribute::new(name).hidden());
        }
    }
    attributes
}

// Technical profiles.

fn profiles(flow: &UserFlow) -> String {
    let mut text = String::new();
    for provider in &flow.providers {
        let names: String = SOCIAL_NAMES
            .iter()
            .map(|(claim, name)| output(claim, &format!("PartnerClaimType=\"{name}\"")))
            .collect();
        let issuer = escaped(&provider.issuer);
        let _ = write!(
            text,
            r#"<TechnicalProfile Id="Provider-{issuer}"><DisplayName>{name}</DisplayName><Protocol Name="OAuth2"/>
<OutputClaims><OutputClaim ClaimTypeReferenceId="issuerUserId" PartnerClaimType="id"/><OutputClaim ClaimTypeReferenceId="email" PartnerClaimType="email"/>{names}<OutputClaim ClaimTypeReferenceId="identityProvider" DefaultValue="{issuer}" AlwaysUseDefaultValue="true"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="socialIdpAuthentication" AlwaysUseDefaultValue="true"/></OutputClaims>
<OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="CreateAlternativeSecurityId"/></OutputClaimsTransformations>
</TechnicalProfile>
"#,
            name = escaped(&provider.name),
        );
    }
    let ticked: Vec<&Attribute> = flow.attributes.iter().collect();
    let visible = ticked.iter().filter(|attribute| attribute.visible);
    let fields: String = visible
        .map(|attribute| {
            let required = match attribute.required {
                true => "Required=\"true\"",
                false => "",
            };
            output(&attribute.name, required)
        })
        .collect();
    let prefill: String = ticked
        .iter()
        .map(|attribute| input(&attribute.name))
        .collect();
    let persisted: String = ticked
        .iter()
        .map(|attribute| persisted(&attribute.name))
        .collect();
    let read: String = attributes(flow)
        .iter()
        .map(|attribute| output(&attribute.name, ""))
        .collect();
    let proof = match flow.verify_email {
        true => "PartnerClaimType=\"Verified.Email\" Required=\"true\"",
        false => "Required=\"true\"",
    };
    let asks_email = match flow.ask_missing_email {
        true => output("email", proof),
        false => String::new(),
    };
    let connectors: String = [
        "PostFederationSignup",
        "PostAttributeCollection",
        "PreTokenIssuance",
    ]
    .into_iter()
    .map(|step| connector(flow, step))
    .collect();
    let proof_field = output("email", proof);
    let _ = write!(
        text,
        r#"
<TechnicalProfile Id="SignIn"><DisplayName>Sign in</DisplayName>{self_asserted}
<Metadata><Item Key="SignUpTarget">SignUpExchange</Item><Item Key="ContentDefinitionReferenceId">api.signuporsignin</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item><Item Key="setting.forgotPasswordLinkLocation">None</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="signInName" Required="true"/><OutputClaim ClaimTypeReferenceId="password" Required="true"/><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="authenticationSource"/></OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Password"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Password"><DisplayName>Password</DisplayName><Protocol Name="OpenIdConnect"/>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" PartnerClaimType="username" Required="true"/><InputClaim ClaimTypeReferenceId="password" Required="true"/><InputClaim ClaimTypeReferenceId="grant_type" DefaultValue="password"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="objectId" PartnerClaimType="oid"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims></TechnicalProfile>
<TechnicalProfile Id="SignUp"><DisplayName>Sign up</DisplayName>{self_asserted}
<Metadata><Item Key="ContentDefinitionReferenceId">api.localaccountsignup</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="email" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims>{proof_field}<OutputClaim ClaimTypeReferenceId="newPassword" Required="true"/><OutputClaim ClaimTypeReferenceId="reenterPassword" Required="true"/>{fields}{created}</OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="PostAttributeCollection"/><ValidationTechnicalProfile ReferenceId="Write-Local"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Attributes"><DisplayName>Your details</DisplayName>{self_asserted}
<Metadata><Item Key="ContentDefinitionReferenceId">api.localaccountsignup</Item></Metadata>
<InputClaims>{prefill}</InputClaims>
<OutputClaims>{asks_email}{fields}{created}</OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="PostAttributeCollection"/><ValidationTechnicalProfile ReferenceId="Write-Federated"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Attributes-WithEmail"><DisplayName>Your details</DisplayName><OutputClaims>{fields}{created}</OutputClaims><IncludeTechnicalProfile ReferenceId="Attributes"/></TechnicalProfile>
<TechnicalProfile Id="Write-Local"><DisplayName>Create</DisplayName>{directory}<Metadata><Item Key="Operation">Write</Item><Item Key="RaiseErrorIfClaimsPrincipalAlreadyExists">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress" Required="true"/></InputClaims>
<PersistedClaims><PersistedClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress"/><PersistedClaim ClaimTypeReferenceId="newPassword" PartnerClaimType="password"/><PersistedClaim ClaimTypeReferenceId="displayName" DefaultValue="unknown"/>{persisted}</PersistedClaims>
<OutputClaims>{made}<OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Write-Federated"><DisplayName>Create</DisplayName>{directory}<Metadata><Item Key="Operation">Write</Item><Item Key="RaiseErrorIfClaimsPrincipalAlreadyExists">true</Item></Metadata>
<InputClaimsTransformations><InputClaimsTransformation ReferenceId="CreateEmails"/></InputClaimsTransformations>
<InputClaims><InputClaim ClaimTypeReferenceId="alternativeSecurityId" Required="true"/></InputClaims>
<PersistedClaims><PersistedClaim ClaimTypeReferenceId="alternativeSecurityId"/><PersistedClaim ClaimTypeReferenceId="emails" PartnerClaimType="otherMails"/><PersistedClaim ClaimTypeReferenceId="displayName" DefaultValue="unknown"/>{persisted}</PersistedClaims>
<OutputClaims>{made}</OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Read-Federated"><DisplayName>Find</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">false</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="alternativeSecurityId" Required="true"/></InputClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="objectId"/></OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Read-Local"><DisplayName>Read</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="objectId" Required="true"/></InputClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress"/>{read}</OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Read-Account"><DisplayName>Read</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="objectId" Required="true"/></InputClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="emails" PartnerClaimType="otherMails"/>{read}</OutputClaims>
<OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="FirstOfEmails"/></OutputClaimsTransformations></TechnicalProfile>
<TechnicalProfile Id="Emails"><DisplayName>Addresses</DisplayName><Protocol Name="Proprietary" Handler="{transformation}"/><OutputClaims><OutputClaim ClaimTypeReferenceId="emails"/></OutputClaims><OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="CreateEmails"/></OutputClaimsTransformations></TechnicalProfile>
{connectors}
{sessions}
<TechnicalProfile Id="Token"><DisplayName>Token</DisplayName><Protocol Name="None"/><OutputTokenFormat>JWT</OutputTokenFormat><Metadata>{issuer}{acr}</Metadata></TechnicalProfile>"#,
        self_asserted = proprietary(SELF_ASSERTED),
        directory = proprietary(DIRECTORY),
        transformation = TRANSFORMATION,
        created = [
            output("objectId", ""),
            output("newUser", ""),
            output("authenticationSource", "")
        ]
        .concat(),
        made = [
            output("objectId", ""),
            output("newUser", "PartnerClaimType=\"newClaimsPrincipalCreated\"")
        ]
        .concat(),
        sessions = sessions(flow),
        issuer = match flow.issuer {
            IssuerForm::Tenant => "",
            IssuerForm::Tfp => "<Item Key=\"IssuanceClaimPattern\">AuthorityWithTfp</Item>",
        },
        acr = match flow.policy_claim {
            PolicyClaim::Acr => "",
            PolicyClaim::Tfp => {
                "<Item Key=\"AuthenticationContextReferenceClaimPattern\">None</Item>"
            }
        },
    );
    text
}

/// Who is signed in; and what the last connector said, which is not asked
/// again while the session lasts ("an interactive authentication only").
fn sessions(flow: &UserFlow) -> String {
    let session = |id: &str, claims: &[&str]| {
        let claims: String = claims.iter().map(|claim| persisted(claim)).collect();
        format!(
            "<TechnicalProfile Id=\"{id}\"><DisplayName>Session</DisplayName><Protocol \
             Name=\"Proprietary\" Handler=\"Web.TPEngine.SSO.DefaultSSOSessionProvider\"/>\
             <PersistedClaims>{claims}</PersistedClaims></TechnicalProfile>\n",
        )
    };
    let who = [
        "objectId",
        "authenticationSource",
        "identityProvider",
        "alternativeSecurityId",
    ];
    let told: Vec<&str> = told(flow).collect();
    [
        format!(
            "<TechnicalProfile Id=\"Session\"><DisplayName>Session</DisplayName>{}\
             <UseTechnicalProfileForSessionManagement ReferenceId=\"SM-Account\"/>\
             </TechnicalProfile>\n",
            proprietary(TRANSFORMATION)
        ),
        session("SM-Account", &who),
        session("SM-Connector", &told),
    ]
    .concat()
}

/// The attributes that the last connector may speak of.
fn told(flow: &UserFlow) -> impl Iterator<Item = &str> {
    let names = flow.application_claims.iter().map(String::as_str);
    names.filter(|name| !["emails", "identityProvider", "newUser", "objectId"].contains(name))
}

fn connector(flow: &UserFlow, step: &str) -> String {
    let outputs: String = attributes(flow)
        .iter()
        .map(|attribute| output(&attribute.name, ""))
        .collect();
    let session = match step {
        "PreTokenIssuance" => {
            "<UseTechnicalProfileForSessionManagement ReferenceId=\"SM-Connector\"/>"
        }
        _ => "",
    };
    format!(
        "<TechnicalProfile Id=\"{step}\"><DisplayName>{step}</DisplayName><Protocol \
         Name=\"Proprietary\" Handler=\"{CONNECTOR_HANDLER}\"/><OutputClaims>{outputs}\
         </OutputClaims>{session}</TechnicalProfile>\n"
    )
}

fn proprietary(handler: &str) -> String {
    format!("<Protocol Name=\"Proprietary\" Handler=\"{handler}\"/>")
}

fn output(claim: &str, attributes: &str) -> String {
    let claim = escaped(claim);
    format!("<OutputClaim ClaimTypeReferenceId=\"{claim}\" {attributes}/>")
}

fn input(claim: &str) -> String {
    format!("<InputClaim ClaimTypeReferenceId=\"{}\"/>", escaped(claim))
}

fn persisted(claim: &str) -> String {
    let claim = escaped(claim);
    format!("<PersistedClaim ClaimTypeReferenceId=\"{claim}\"/>")
}

// Steps.

/// Written without numbers: they are counted.
fn steps(flow: &UserFlow) -> String {
    let exists = |claim: &str| precondition("ClaimsExist", "true", &[claim]);
    let missing = |claim: &str| precondition("ClaimsExist", "false", &[claim]);
    let is = |claim: &str, value: &str| precondition("ClaimEquals", "true", &[claim, value]);
    let local = || is("authenticationSource", "localAccountAuthentication");
    let federated = || is("authenticationSource", "socialIdpAuthentication");
    let exchange = |profile: &str| {
        format!(
            "<ClaimsExchanges><ClaimsExchange Id=\"{profile}Exchange\" \
             TechnicalProfileReferenceId=\"{profile}\"/></ClaimsExchanges>"
        )
    };
    let step = |conditions: String, content: String| {
        format!("Type=\"ClaimsExchange\"><Preconditions>{conditions}</Preconditions>{content}")
    };
    let both = |one: String, other: String| format!("{one}{other}");
    let mut steps = vec![
        step(String::new(), exchange("Session")),
        choice(flow),
        step(exists("objectId"), exchanges(flow)),
        step(local(), exchange("Read-Federated")),
        step(exists("objectId"), exchange("PostFederationSignup")),
    ];
    if flow.ask_missing_email {
        steps.push(step(
            both(exists("objectId"), missing("email")),
            exchange("Attributes-WithEmail"),
        ));
        steps.push(step(
            both(exists("objectId"), exists("email")),
            exchange("Attributes"),
        ));
    } else {
        steps.push(step(exists("objectId"), exchange("Attributes")));
    }
    // With nothing to ask for there is no page, and the account is created
    // all the same.
    steps.push(step(
        exists("objectId"),
        exchange("PostAttributeCollection"),
    ));
    steps.push(step(exists("objectId"), exchange("Write-Federated")));
    steps.push(step(federated(), exchange("Read-Local")));
    steps.push(step(local(), exchange("Read-Account")));
    steps.push(step(
        both(missing("email"), exists("emails")),
        exchange("Emails"),
    ));
    steps.push(step(String::new(), exchange("PreTokenIssuance")));
    steps.push(step(String::new(), exchange("Session")));
    steps.push("Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"Token\">".to_owned());
    let numbered = steps.iter().enumerate().map(|(at, step)| {
        format!(
            "<OrchestrationStep Order=\"{}\" {step}</OrchestrationStep>\n",
            at + 1
        )
    });
    numbered.collect()
}

fn precondition(kind: &str, execute_if: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<Value>{value}</Value>"))
        .collect();
    format!(
        "<Precondition Type=\"{kind}\" ExecuteActionsIf=\"{execute_if}\">{values}\
         <Action>SkipThisOrchestrationStep</Action></Precondition>"
    )
}

fn choice(flow: &UserFlow) -> String {
    let providers: String = flow
        .providers
        .iter()
        .map(|provider| {
            let issuer = escaped(&provider.issuer);
            format!("<ClaimsProviderSelection TargetClaimsExchangeId=\"{issuer}\"/>")
        })
        .collect();
    let known = precondition("ClaimsExist", "true", &["objectId"]);
    match flow.local_accounts {
        true => format!(
            "Type=\"CombinedSignInAndSignUp\" ContentDefinitionReferenceId=\"api.signuporsignin\">\
             <Preconditions>{known}</Preconditions><ClaimsProviderSelections>{providers}<ClaimsProviderSelection \
             ValidationClaimsExchangeId=\"SignInExchange\"/></ClaimsProviderSelections>\
             <ClaimsExchanges><ClaimsExchange Id=\"SignInExchange\" \
             TechnicalProfileReferenceId=\"SignIn\"/></ClaimsExchanges>"
        ),
        false => format!(
            "Type=\"ClaimsProviderSelection\" ContentDefinitionReferenceId=\"api.signuporsignin\">\
             <Preconditions>{known}</Preconditions><ClaimsProviderSelections DisplayOption=\"ShowSingleProvider\">{providers}\
             </ClaimsProviderSelections>"
        ),
    }
}

fn exchanges(flow: &UserFlow) -> String {
    let mut exchanges = String::new();
    for provider in &flow.providers {
        let issuer = escaped(&provider.issuer);
        let _ = write!(
            exchanges,
            "<ClaimsExchange Id=\"{issuer}\" TechnicalProfileReferenceId=\"Provider-{issuer}\"/>"
        );
    }
    if flow.local_accounts {
        exchanges.push_str(
            "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\"/>",
        );
    }
    format!("<ClaimsExchanges>{exchanges}</ClaimsExchanges>")
}

// What the application gets.

fn relying_party(flow: &UserFlow) -> String {
    let claims: String = flow
        .application_claims
        .iter()
        .map(|name| {
            let partner = format!("PartnerClaimType=\"{}\"", escaped(token_name(name)));
            output(name, &partner)
        })
        .collect();
    let policy = match flow.policy_claim {
        PolicyClaim::Acr => String::new(),
        PolicyClaim::Tfp => output(
            "trustFrameworkPolicy",
            "PartnerClaimType=\"tfp\" DefaultValue=\"{policy}\" AlwaysUseDefaultValue=\"true\"",
        ),
    };
    let scope = match flow.session_scope {
        SessionScope::Tenant => "Tenant",
        SessionScope::Application => "Application",
        SessionScope::Policy => "Policy",
        SessionScope::Disabled => "Suppressed",
    };
    format!(
        "<RelyingParty><DefaultUserJourney ReferenceId=\"UserFlow\"/><UserJourneyBehaviors>\
         <SingleSignOn Scope=\"{scope}\"/><SessionExpiryType>Rolling</SessionExpiryType>\
         </UserJourneyBehaviors><TechnicalProfile Id=\"PolicyProfile\">\
         <DisplayName>PolicyProfile</DisplayName><Protocol Name=\"OpenIdConnect\"/>\
         <OutputClaims>{subject}{claims}{policy}</OutputClaims><SubjectNamingInfo \
         ClaimType=\"sub\"/></TechnicalProfile></RelyingParty>",
        subject = SUBJECT,
    )
}

/// Beside `oid`, where that is ticked.
const SUBJECT: &str = "<OutputClaim ClaimTypeReferenceId=\"objectId\" PartnerClaimType=\"sub\"/>";

pub(super) fn token_name(claim: &str) -> &str {
    match claim {
        "objectId" => "oid",
        "identityProvider" => "idp",
        "displayName" => "name",
        "givenName" => "given_name",
        "surname" => "family_name",
        other => other,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::check::{self, Options};

    /// Rules that a policy without a tenant cannot keep: B2C never sees it.
    const NOT_OURS: [u8; 7] = [2, 3, 4, 8, 22, 24, 32];

    fn variants() -> Vec<UserFlow> {
        let mut all = UserFlow::new("B2C_1_all");
        all.ask_missing_email = true;
        all.attributes.push(
            Attribute::new("extension_Points")
                .kind(AttributeKind::Integer)
                .label("Points & \"more\""),
        );
        let mut social = UserFlow::new("B2C_1_social");
        social.local_accounts = false;
        social.verify_email = false;
        social.session_scope = SessionScope::Disabled;
        social.issuer = IssuerForm::Tfp;
        vec![UserFlow::new("B2C_1_plain"), all, social]
    }

    #[test]
    fn every_flow_is_a_policy_that_can_run() {
        for flow in variants() {
            let program = program(&flow).unwrap();
            assert_eq!(program.id, flow.name);
            let issuer = flow.issuer == IssuerForm::Tfp;
            let is_tfp = program.tokens.issuer == super::super::engine::rules::IssuerForm::Tfp;
            assert_eq!(is_tfp, issuer);
        }
    }

    #[test]
    fn what_it_refers_to_is_there() {
        for flow in variants() {
            let text = policy(&flow);
            let set = PolicySet::from_texts([("flow.xml", text.as_str())]);
            let report = check::check(&set, &Options::default());
            let found: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| !NOT_OURS.contains(&finding.rule.0))
                .map(|finding| format!("{}: {}", finding.rule, finding.message))
                .collect();
            assert!(found.is_empty(), "{}: {found:#?}", flow.name);
        }
    }
}
