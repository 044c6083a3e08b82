//! A user flow written as a policy, so that one engine runs both: what an
//! administrator ticks in the portal becomes claims, profiles and steps.

mod profiles;
mod steps;
mod words;

use std::sync::Arc;

use self::{profiles::profiles, steps::steps};
use super::{
    audit::Dialect,
    engine::program::Program,
    judge::MAX_STORED,
    settings::{Attribute, AttributeKind, PolicyClaim, SessionScope, UserFlow},
    text::Texts,
};
use crate::policy::set::PolicySet;

/// What an upstream provider may tell besides the address.
const SOCIAL_NAMES: [(&str, &str); 3] = [
    ("displayName", "name"),
    ("givenName", "given_name"),
    ("surname", "family_name"),
];

/// The flow's policy. The tenant's custom attributes say of what type those are
/// that the flow sends and does not collect. An error says what of the settings
/// does not fit.
pub(super) fn program(flow: &UserFlow, custom: &[Attribute]) -> Result<Program, String> {
    let text = policy(flow, custom);
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

fn policy(flow: &UserFlow, custom: &[Attribute]) -> String {
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="user-flow" PolicyId="{name}" PublicPolicyUri="http://user-flow/{name}">
<BuildingBlocks>
<ClaimsSchema>{claims}</ClaimsSchema>
<ClaimsTransformations>{transformations}</ClaimsTransformations>
<ContentDefinitions>{pages}</ContentDefinitions>
<Localization Enabled="true">{localization}</Localization>
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
        claims = claims(flow, custom),
        transformations = TRANSFORMATIONS,
        pages = words::content_definitions(),
        localization = words::localization(flow),
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

// Claims.

fn claims(flow: &UserFlow, custom: &[Attribute]) -> String {
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
        (
            "reenterPassword",
            "Confirm New Password",
            "string",
            "Password",
        ),
    ];
    for (id, name, kind, input) in plain {
        text.push_str(&claim(id, name, kind, &input_type(input)));
    }
    for (id, name, input, expression) in [
        ("newPassword", "New Password", "Password", STRONG_PASSWORD),
        ("email", "Email Address", "EmailBox", ADDRESS),
    ] {
        let input = format!("{}{}", input_type(input), restriction(expression));
        text.push_str(&claim(id, name, "string", &input));
    }
    for attribute in attributes(flow) {
        text.push_str(&attribute_claim(&attribute, custom));
    }
    text
}

/// Three kinds of four, as the directory asks for ([`is_strong`]).
///
/// [`is_strong`]: super::directory::is_strong
const STRONG_PASSWORD: &str = r"^(?:(?=.*\p{Ll})(?=.*\p{Lu})(?=.*\p{N})|(?=.*\p{Ll})(?=.*\p{Lu})(?=.*[^\p{L}\p{N}])|(?=.*\p{Ll})(?=.*\p{N})(?=.*[^\p{L}\p{N}])|(?=.*\p{Lu})(?=.*\p{N})(?=.*[^\p{L}\p{N}])).{8,64}$";
const ADDRESS: &str = r"^(?=.{1,254}$)[^@\s\p{Cc}]+@[^@\s\p{Cc}]+$";
const WHOLE_NUMBER: &str = r"^[+\-]?[0-9]{1,18}$";

/// Those that are not asked for have no input.
fn attribute_claim(attribute: &Attribute, custom: &[Attribute]) -> String {
    let name = &attribute.name;
    let is_collected = attribute.visible;
    let known = custom.iter().find(|known| known.name == *name);
    let plain = name.strip_prefix("extension_").unwrap_or(name);
    let (_, english) = Texts::for_tag("en");
    let label = attribute.label.as_deref().or(english.attribute(name));
    let label = label.unwrap_or(plain);
    let (kind, input) = match known.unwrap_or(attribute).kind {
        AttributeKind::String => (
            "string",
            format!(
                "{}{}",
                input_type("TextBox"),
                restriction(&format!("^.{{0,{MAX_STORED}}}$"))
            ),
        ),
        // A tick is the one item of a list.
        AttributeKind::Boolean => (
            "boolean",
            format!(
                "{}<Restriction><Enumeration Text=\"{}\" Value=\"true\"/></Restriction>",
                input_type("CheckboxMultiSelect"),
                escaped(label)
            ),
        ),
        AttributeKind::Integer => (
            "int",
            format!("{}{}", input_type("TextBox"), restriction(WHOLE_NUMBER)),
        ),
    };
    let input = if is_collected { input } else { String::new() };
    claim(name, label, kind, &input)
}

fn claim(id: &str, name: &str, kind: &str, input: &str) -> String {
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
fn restriction(expression: &str) -> String {
    let expression = escaped(expression);
    format!("<Restriction><Pattern RegularExpression=\"{expression}\"/></Restriction>")
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

// References.

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
    use super::{super::settings::IssuerForm, *};
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
            let program = program(&flow, &[]).unwrap();
            assert_eq!(program.id, flow.name);
            let issuer = flow.issuer == IssuerForm::Tfp;
            let is_tfp = program.tokens.issuer == super::super::engine::rules::IssuerForm::Tfp;
            assert_eq!(is_tfp, issuer);
        }
    }

    #[test]
    fn what_it_refers_to_is_there() {
        for flow in variants() {
            let text = policy(&flow, &[]);
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
