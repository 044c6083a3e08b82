//! What the policies have in common that are written for user flows, of B2C and
//! of External ID.

pub(super) mod words;

use std::{fmt::Write as _, sync::Arc};

use self::words::Page;
use super::{
    audit::Dialect,
    engine::program::Program,
    judge::MAX_STORED,
    settings::{Attribute, AttributeKind, Provider},
    text::Texts,
};
use crate::policy::set::PolicySet;

pub(super) const SELF_ASSERTED: &str = "Web.TPEngine.Providers.SelfAssertedAttributeProvider";
pub(super) const DIRECTORY: &str = "Web.TPEngine.Providers.AzureActiveDirectoryProvider";
pub(super) const TRANSFORMATION: &str =
    "Web.TPEngine.Providers.ClaimsTransformationProtocolProvider";

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

/// What an upstream provider may tell besides the address.
pub(super) const SOCIAL_NAMES: [(&str, &str); 3] = [
    ("displayName", "name"),
    ("givenName", "given_name"),
    ("surname", "family_name"),
];

/// The parts of a policy that differ.
pub(super) struct Parts {
    /// Within `Localization`.
    pub(super) localization: String,
    pub(super) claims: String,
    pub(super) profiles: String,
    /// Whole `UserJourney` elements.
    pub(super) journeys: String,
    pub(super) relying_party: String,
}

impl Parts {
    pub(super) fn text(&self, name: &str) -> String {
        let Self {
            localization,
            claims,
            profiles,
            journeys,
            relying_party,
        } = self;
        let name = escaped(name);
        let pages = words::content_definitions();
        format!(
            r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="user-flow" PolicyId="{name}" PublicPolicyUri="http://user-flow/{name}">
<BuildingBlocks>
<ClaimsSchema>{claims}</ClaimsSchema>
<ClaimsTransformations>{TRANSFORMATIONS}</ClaimsTransformations>
<ContentDefinitions>{pages}</ContentDefinitions>
<Localization Enabled="true">{localization}</Localization>
</BuildingBlocks>
<ClaimsProviders><ClaimsProvider><DisplayName>User flow</DisplayName><TechnicalProfiles>
{profiles}
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<UserJourneys>{journeys}</UserJourneys>
{relying_party}
</TrustFrameworkPolicy>"#
        )
    }

    /// The policy, ready to run. An error says what of the settings does not
    /// fit.
    pub(super) fn program(&self, name: &str, dialect: Dialect) -> Result<Program, String> {
        let text = self.text(name);
        let set = PolicySet::from_texts([("", text.as_str())]);
        let file = set.files.first();
        let effective = file.and_then(|file| set.effective(file.file));
        let Some(effective) = effective.filter(|_| set.broken.is_empty()) else {
            let why = set.broken.first().map(|finding| finding.message.clone());
            return Err(format!(
                "the user flow `{name}` cannot be written as a policy: {}",
                why.unwrap_or_default()
            ));
        };
        Program::new(dialect, effective, Arc::new(set.sources))
            .map_err(|error| format!("the user flow `{name}`: {error}"))
    }
}

// Claims.

/// Those that every flow needs for its journey.
pub(super) fn common_claims() -> String {
    let plain = [
        ("objectId", "Object id", "string", ""),
        ("newUser", "Account is new", "boolean", ""),
        ("accountEnabled", "Account enabled", "boolean", ""),
        ("emails", "Email addresses", "stringCollection", ""),
        ("identityProvider", "Identity provider", "string", ""),
        ("issuerUserId", "User id at the provider", "string", ""),
        (
            "alternativeSecurityId",
            "Provider and account",
            "string",
            "",
        ),
        ("authenticationSource", "Kind of account", "string", ""),
        ("grant_type", "grant_type", "string", ""),
        ("signInName", "Email Address", "string", "TextBox"),
        ("password", "Password", "string", "Password"),
        (
            "reenterPassword",
            "Confirm New Password",
            "string",
            "Password",
        ),
    ]
    .map(|(id, name, kind, input)| claim(id, name, kind, &input_type(input)));
    let restricted = [
        ("newPassword", "New Password", "Password", STRONG_PASSWORD),
        ("email", "Email Address", "EmailBox", ADDRESS),
    ]
    .map(|(id, name, input, expression)| {
        let input = input_type(input) + &pattern(expression);
        claim(id, name, "string", &input)
    });
    [plain.concat(), restricted.concat()].concat()
}

/// Three kinds of four, as the directory asks for ([`is_strong`]).
///
/// [`is_strong`]: super::directory::is_strong
const STRONG_PASSWORD: &str = r"^(?:(?=.*\p{Ll})(?=.*\p{Lu})(?=.*\p{N})|(?=.*\p{Ll})(?=.*\p{Lu})(?=.*[^\p{L}\p{N}])|(?=.*\p{Ll})(?=.*\p{N})(?=.*[^\p{L}\p{N}])|(?=.*\p{Lu})(?=.*\p{N})(?=.*[^\p{L}\p{N}])).{8,64}$";
const ADDRESS: &str = r"^(?=.{1,254}$)[^@\s\p{Cc}]+@[^@\s\p{Cc}]+$";
const WHOLE_NUMBER: &str = r"^[+\-]?[0-9]{1,18}$";

/// `input` is what is written of the control, or nothing.
pub(super) fn claim(id: &str, name: &str, kind: &str, input: &str) -> String {
    format!(
        "<ClaimType Id=\"{}\"><DisplayName>{}</DisplayName><DataType>{kind}</DataType>{input}\
         </ClaimType>\n",
        escaped(id),
        escaped(name)
    )
}

fn input_type(input: &str) -> String {
    match input {
        "" => String::new(),
        input => format!("<UserInputType>{input}</UserInputType>"),
    }
}

/// What it says to those who do not keep to it is among the words.
fn pattern(expression: &str) -> String {
    let expression = escaped(expression);
    format!("<Restriction><Pattern RegularExpression=\"{expression}\"/></Restriction>")
}

pub(super) fn attribute_claim(attribute: &Attribute) -> String {
    let name = &attribute.name;
    let plain = name.strip_prefix("extension_").unwrap_or(name);
    let (_, english) = Texts::for_tag("en");
    let label = attribute.label.as_deref().or(english.attribute(name));
    let label = label.unwrap_or(plain);
    let (kind, input, restriction) = match attribute.kind {
        AttributeKind::String => ("string", "TextBox", pattern(&stored_text())),
        AttributeKind::Integer => ("int", "TextBox", pattern(WHOLE_NUMBER)),
        AttributeKind::Boolean => ("boolean", "CheckboxMultiSelect", tick(label)),
    };
    let input = match attribute.visible {
        true => input_type(input) + &restriction,
        false => String::new(),
    };
    claim(name, label, kind, &input)
}

fn stored_text() -> String {
    format!("^.{{0,{MAX_STORED}}}$")
}

/// A tick is the one item of a list.
fn tick(label: &str) -> String {
    let label = escaped(label);
    format!("<Restriction><Enumeration Text=\"{label}\" Value=\"true\"/></Restriction>")
}

/// The attributes that are ticked, and others that the journey knows, which no
/// page asks for.
pub(super) fn attributes_and<'a>(
    ticked: &[Attribute],
    others: impl Iterator<Item = &'a str>,
) -> Vec<Attribute> {
    let mut attributes = ticked.to_vec();
    for name in others.chain(SOCIAL_NAMES.map(|(name, _)| name)) {
        if !attributes.iter().any(|known| known.name == name) {
            attributes.push(Attribute::new(name).hidden());
        }
    }
    attributes
}

// Technical profiles.

/// A page's fields for the attributes that it asks for.
pub(super) fn fields(attributes: &[Attribute]) -> String {
    let visible = attributes.iter().filter(|attribute| attribute.visible);
    visible
        .map(|attribute| {
            let required = match attribute.required {
                true => "Required=\"true\"",
                false => "",
            };
            output(&attribute.name, required)
        })
        .collect()
}

/// Each of the attributes, as `write` has it.
pub(super) fn each(attributes: &[Attribute], write: impl Fn(&str) -> String) -> String {
    let names = attributes.iter().map(|attribute| &attribute.name);
    names.map(|name| write(name)).collect()
}

pub(super) fn provider_profiles(providers: &[Provider]) -> String {
    let names: String = SOCIAL_NAMES
        .iter()
        .map(|(claim, name)| output(claim, &format!("PartnerClaimType=\"{name}\"")))
        .collect();
    let mut text = String::new();
    for provider in providers {
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
    text
}

/// The sign-in page of accounts with a password, and what asks for it.
pub(super) fn password_profiles() -> String {
    format!(
        r#"<TechnicalProfile Id="SignIn"><DisplayName>Sign in</DisplayName>{self_asserted}
<Metadata><Item Key="SignUpTarget">SignUpExchange</Item><Item Key="ContentDefinitionReferenceId">{page}</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item><Item Key="setting.forgotPasswordLinkLocation">None</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="signInName" Required="true"/><OutputClaim ClaimTypeReferenceId="password" Required="true"/><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="authenticationSource"/></OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Password"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Password"><DisplayName>Password</DisplayName><Protocol Name="OpenIdConnect"/>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" PartnerClaimType="username" Required="true"/><InputClaim ClaimTypeReferenceId="password" Required="true"/><InputClaim ClaimTypeReferenceId="grant_type" DefaultValue="password"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="objectId" PartnerClaimType="oid"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims></TechnicalProfile>
"#,
        self_asserted = proprietary(SELF_ASSERTED),
        page = Page::SignIn.id(),
    )
}

/// Finds who has signed in, by the provider's account or by the object id, and
/// reads their attributes (`read`).
pub(super) fn read_profiles(read: &str) -> String {
    format!(
        r#"<TechnicalProfile Id="Read-Federated"><DisplayName>Find</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">false</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="alternativeSecurityId" Required="true"/></InputClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="objectId"/></OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Read-Local"><DisplayName>Read</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="objectId" Required="true"/></InputClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress"/>{read}</OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Read-Account"><DisplayName>Read</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="objectId" Required="true"/></InputClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="emails" PartnerClaimType="otherMails"/>{read}</OutputClaims>
<OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="FirstOfEmails"/></OutputClaimsTransformations></TechnicalProfile>
"#,
        directory = proprietary(DIRECTORY),
    )
}

/// Whether a sign-up chooses a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewPassword {
    Asked,
    None,
}

/// Create the account, of the tenant's own or of a provider's. One without a
/// password would be disabled unless it is said.
pub(super) fn write_profiles(attributes: &[Attribute], password: NewPassword) -> String {
    let password = match password {
        NewPassword::Asked => {
            "<PersistedClaim ClaimTypeReferenceId=\"newPassword\" PartnerClaimType=\"password\"/>"
        }
        NewPassword::None => "",
    };
    let persisted = each(attributes, persisted);
    let directory = proprietary(DIRECTORY);
    let (begin, end) = (
        format!(
            "{directory}<Metadata><Item Key=\"Operation\">Write</Item><Item \
             Key=\"RaiseErrorIfClaimsPrincipalAlreadyExists\">true</Item></Metadata>"
        ),
        format!(
            "<PersistedClaim ClaimTypeReferenceId=\"accountEnabled\" DefaultValue=\"true\"/>\
             <PersistedClaim ClaimTypeReferenceId=\"displayName\" DefaultValue=\"unknown\"/>\
             {persisted}"
        ),
    );
    format!(
        r#"<TechnicalProfile Id="Write-Local"><DisplayName>Create</DisplayName>{begin}
<InputClaims><InputClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress" Required="true"/></InputClaims>
<PersistedClaims><PersistedClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress"/>{password}{end}</PersistedClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="newUser" PartnerClaimType="newClaimsPrincipalCreated"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims></TechnicalProfile>
<TechnicalProfile Id="Write-Federated"><DisplayName>Create</DisplayName>{begin}
<InputClaimsTransformations><InputClaimsTransformation ReferenceId="CreateEmails"/></InputClaimsTransformations>
<InputClaims><InputClaim ClaimTypeReferenceId="alternativeSecurityId" Required="true"/></InputClaims>
<PersistedClaims><PersistedClaim ClaimTypeReferenceId="alternativeSecurityId"/><PersistedClaim ClaimTypeReferenceId="emails" PartnerClaimType="otherMails"/>{end}</PersistedClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="newUser" PartnerClaimType="newClaimsPrincipalCreated"/></OutputClaims></TechnicalProfile>
"#
    )
}

/// The claims that say who is signed in.
pub(super) const WHO: [&str; 4] = [
    "objectId",
    "authenticationSource",
    "identityProvider",
    "alternativeSecurityId",
];

/// A profile that does nothing but stand in for the session that `manager`
/// keeps.
pub(super) fn session_profile(manager: &str) -> String {
    format!(
        "<TechnicalProfile Id=\"Session\"><DisplayName>Session</DisplayName>{}\
         <UseTechnicalProfileForSessionManagement ReferenceId=\"{manager}\"/>\
         </TechnicalProfile>\n",
        proprietary(TRANSFORMATION)
    )
}

pub(super) fn session_manager(id: &str, claims: &[&str]) -> String {
    let claims: String = claims.iter().map(|claim| persisted(claim)).collect();
    format!(
        "<TechnicalProfile Id=\"{id}\"><DisplayName>Session</DisplayName><Protocol \
         Name=\"Proprietary\" Handler=\"Web.TPEngine.SSO.DefaultSSOSessionProvider\"/>\
         <PersistedClaims>{claims}</PersistedClaims></TechnicalProfile>\n",
    )
}

pub(super) fn proprietary(handler: &str) -> String {
    format!("<Protocol Name=\"Proprietary\" Handler=\"{handler}\"/>")
}

pub(super) fn output(claim: &str, attributes: &str) -> String {
    let claim = escaped(claim);
    format!("<OutputClaim ClaimTypeReferenceId=\"{claim}\" {attributes}/>")
}

pub(super) fn input(claim: &str) -> String {
    format!("<InputClaim ClaimTypeReferenceId=\"{}\"/>", escaped(claim))
}

pub(super) fn persisted(claim: &str) -> String {
    let claim = escaped(claim);
    format!("<PersistedClaim ClaimTypeReferenceId=\"{claim}\"/>")
}

// Steps.

pub(super) fn journey(id: &str, steps: &[String]) -> String {
    let numbered: String = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let order = at + 1;
            format!("<OrchestrationStep Order=\"{order}\" {step}</OrchestrationStep>\n")
        })
        .collect();
    format!(
        "<UserJourney Id=\"{id}\"><OrchestrationSteps>\n{numbered}</OrchestrationSteps>\
         </UserJourney>"
    )
}

/// A step that runs one profile unless a precondition holds.
pub(super) fn step(preconditions: &[String], profile: &str) -> String {
    let exchanges = format!(
        "<ClaimsExchanges><ClaimsExchange Id=\"{profile}Exchange\" \
         TechnicalProfileReferenceId=\"{profile}\"/></ClaimsExchanges>"
    );
    step_of(preconditions, &exchanges)
}

/// A step of a choice that was made before.
pub(super) fn step_of(preconditions: &[String], exchanges: &str) -> String {
    let preconditions = preconditions.concat();
    format!("Type=\"ClaimsExchange\"><Preconditions>{preconditions}</Preconditions>{exchanges}")
}

pub(super) fn send_claims() -> String {
    "Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"Token\">".to_owned()
}

pub(super) fn exists(claim: &str) -> String {
    precondition("ClaimsExist", "true", &[claim])
}

pub(super) fn missing(claim: &str) -> String {
    precondition("ClaimsExist", "false", &[claim])
}

/// Whether the person has an account of the tenant's own.
pub(super) fn is_local() -> String {
    let values = ["authenticationSource", "localAccountAuthentication"];
    precondition("ClaimEquals", "true", &values)
}

pub(super) fn is_federated() -> String {
    let values = ["authenticationSource", "socialIdpAuthentication"];
    precondition("ClaimEquals", "true", &values)
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

/// Whether a flow has accounts of the tenant's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Local {
    Offered,
    None,
}

/// The page of providers, beside the form of local accounts.
pub(super) fn choice(providers: &[Provider], local: Local) -> String {
    let providers: String = providers
        .iter()
        .map(|provider| {
            let issuer = escaped(&provider.issuer);
            format!("<ClaimsProviderSelection TargetClaimsExchangeId=\"{issuer}\"/>")
        })
        .collect();
    let known = exists("objectId");
    let page = Page::SignIn.id();
    match local {
        Local::Offered => format!(
            "Type=\"CombinedSignInAndSignUp\" ContentDefinitionReferenceId=\"{page}\">\
             <Preconditions>{known}</Preconditions><ClaimsProviderSelections>{providers}<ClaimsProviderSelection \
             ValidationClaimsExchangeId=\"SignInExchange\"/></ClaimsProviderSelections>\
             <ClaimsExchanges><ClaimsExchange Id=\"SignInExchange\" \
             TechnicalProfileReferenceId=\"SignIn\"/></ClaimsExchanges>"
        ),
        Local::None => format!(
            "Type=\"ClaimsProviderSelection\" ContentDefinitionReferenceId=\"{page}\">\
             <Preconditions>{known}</Preconditions><ClaimsProviderSelections DisplayOption=\"ShowSingleProvider\">{providers}\
             </ClaimsProviderSelections>"
        ),
    }
}

/// What was chosen there.
pub(super) fn chosen(providers: &[Provider], local: Local) -> String {
    let mut exchanges = String::new();
    for provider in providers {
        let issuer = escaped(&provider.issuer);
        let _ = write!(
            exchanges,
            "<ClaimsExchange Id=\"{issuer}\" TechnicalProfileReferenceId=\"Provider-{issuer}\"/>"
        );
    }
    if local == Local::Offered {
        exchanges.push_str(
            "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\"/>",
        );
    }
    format!("<ClaimsExchanges>{exchanges}</ClaimsExchanges>")
}

/// What the application gets. `subject` is a `SubjectNamingInfo`, or nothing.
pub(super) fn relying_party(journey: &str, scope: &str, claims: &str, subject: &str) -> String {
    format!(
        "<RelyingParty><DefaultUserJourney ReferenceId=\"{journey}\"/><UserJourneyBehaviors>\
         <SingleSignOn Scope=\"{scope}\"/><SessionExpiryType>Rolling</SessionExpiryType>\
         </UserJourneyBehaviors><TechnicalProfile Id=\"PolicyProfile\">\
         <DisplayName>PolicyProfile</DisplayName><Protocol Name=\"OpenIdConnect\"/>\
         <OutputClaims>{claims}</OutputClaims>{subject}</TechnicalProfile></RelyingParty>"
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// What the checker of policies finds in one that a flow became.
#[cfg(test)]
pub(super) fn unmet(policy: &str) -> Vec<String> {
    use crate::policy::check::{self, Options};

    /// Rules that a policy without a tenant cannot keep: B2C never sees it.
    const NOT_OURS: [u8; 7] = [2, 3, 4, 8, 22, 24, 32];

    let set = PolicySet::from_texts([("flow.xml", policy)]);
    let findings = check::check(&set, &Options::default()).findings;
    let theirs = findings
        .iter()
        .filter(|finding| !NOT_OURS.contains(&finding.rule.0));
    theirs
        .map(|finding| format!("{}: {}", finding.rule, finding.message))
        .collect()
}
