//! The technical profiles of a user flow.

use std::fmt::Write as _;

use super::{SOCIAL_NAMES, attributes, escaped, input, output, persisted, words::Page};
use crate::emulator::settings::{Attribute, IssuerForm, PolicyClaim, UserFlow};

/// The handler of the profiles that ask an API connector; the class says which
/// step it is.
const CONNECTOR_HANDLER: &str = "Idlink.Emulator.ApiConnector";

const SELF_ASSERTED: &str = "Web.TPEngine.Providers.SelfAssertedAttributeProvider";
const DIRECTORY: &str = "Web.TPEngine.Providers.AzureActiveDirectoryProvider";
const TRANSFORMATION: &str = "Web.TPEngine.Providers.ClaimsTransformationProtocolProvider";

pub(super) fn profiles(flow: &UserFlow) -> String {
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
<Metadata><Item Key="SignUpTarget">SignUpExchange</Item><Item Key="ContentDefinitionReferenceId">{sign_in_page}</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item><Item Key="setting.forgotPasswordLinkLocation">None</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="signInName" Required="true"/><OutputClaim ClaimTypeReferenceId="password" Required="true"/><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="authenticationSource"/></OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Password"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Password"><DisplayName>Password</DisplayName><Protocol Name="OpenIdConnect"/>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" PartnerClaimType="username" Required="true"/><InputClaim ClaimTypeReferenceId="password" Required="true"/><InputClaim ClaimTypeReferenceId="grant_type" DefaultValue="password"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="objectId" PartnerClaimType="oid"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims></TechnicalProfile>
<TechnicalProfile Id="SignUp"><DisplayName>Sign up</DisplayName>{self_asserted}
<Metadata><Item Key="ContentDefinitionReferenceId">{sign_up_page}</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="email" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims>{proof_field}<OutputClaim ClaimTypeReferenceId="newPassword" Required="true"/><OutputClaim ClaimTypeReferenceId="reenterPassword" Required="true"/>{fields}{created}</OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="PostAttributeCollection"/><ValidationTechnicalProfile ReferenceId="Write-Local"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Attributes"><DisplayName>Your details</DisplayName>{self_asserted}
<Metadata><Item Key="ContentDefinitionReferenceId">{details_page}</Item></Metadata>
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
        sign_in_page = Page::SignIn.id(),
        sign_up_page = Page::SignUp.id(),
        details_page = Page::Details.id(),
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
    // With the account, so that a connector that told nothing is not asked
    // again either.
    let told: Vec<&str> = ["objectId"].into_iter().chain(told(flow)).collect();
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
