//! A user flow of B2C written as a policy, so that one engine runs both: what an
//! administrator ticks in the portal becomes claims, profiles and steps.

use super::{
    audit::Dialect,
    engine::program::Program,
    flow_policy::{
        self, Local, NewPassword, Parts, SELF_ASSERTED, TRANSFORMATION, WHO, attribute_claim,
        claim, each, escaped, exists, fields, input, is_federated, is_local, missing, output,
        proprietary, session_manager, step,
        words::{self, Page},
    },
    settings::{Attribute, IssuerForm, PolicyClaim, SessionScope, UserFlow},
};

/// The handler of the profiles that ask an API connector; the class says which
/// step it is.
pub(super) const CONNECTOR_HANDLER: &str = "Idlink.Emulator.ApiConnector";

/// The flow's policy. The tenant's custom attributes say of what type those are
/// that the flow sends and does not collect. An error says what of the settings
/// does not fit.
pub(super) fn program(flow: &UserFlow, custom: &[Attribute]) -> Result<Program, String> {
    parts(flow, custom).program(&flow.name, Dialect::UserFlow)
}

fn parts(flow: &UserFlow, custom: &[Attribute]) -> Parts {
    Parts {
        localization: words::localization(&flow.attributes, Dialect::UserFlow),
        claims: claims(flow, custom),
        profiles: profiles(flow),
        journeys: flow_policy::journey("UserFlow", &steps(flow)),
        relying_party: relying_party(flow),
    }
}

// Claims.

fn claims(flow: &UserFlow, custom: &[Attribute]) -> String {
    let policy = claim("trustFrameworkPolicy", "Policy", "string", "");
    let typed = |attribute: Attribute| {
        let known = custom.iter().find(|known| known.name == attribute.name);
        let kind = known.map_or(attribute.kind, |known| known.kind);
        attribute_claim(&attribute.kind(kind))
    };
    let attributes: String = attributes(flow).into_iter().map(typed).collect();
    [flow_policy::common_claims(), policy, attributes].concat()
}

/// Every attribute that the flow collects or sends.
fn attributes(flow: &UserFlow) -> Vec<Attribute> {
    const OWN: [&str; 5] = ["emails", "email", "identityProvider", "newUser", "objectId"];
    let names = flow.application_claims.iter().map(String::as_str);
    flow_policy::attributes_and(&flow.attributes, names.filter(|name| !OWN.contains(name)))
}

// Technical profiles.

fn profiles(flow: &UserFlow) -> String {
    let connectors = [
        "PostFederationSignup",
        "PostAttributeCollection",
        "PreTokenIssuance",
    ];
    let read = each(&attributes(flow), |name| output(name, ""));
    [
        flow_policy::provider_profiles(&flow.providers),
        flow_policy::password_profiles(),
        pages(flow),
        flow_policy::write_profiles(&flow.attributes, NewPassword::Asked),
        flow_policy::read_profiles(&read),
        connectors.map(|step| connector(flow, step)).concat(),
        sessions(flow),
        issuer(flow),
    ]
    .concat()
}

fn pages(flow: &UserFlow) -> String {
    let fields = fields(&flow.attributes);
    let prefill = each(&flow.attributes, input);
    let proof = match flow.verify_email {
        true => "PartnerClaimType=\"Verified.Email\" Required=\"true\"",
        false => "Required=\"true\"",
    };
    let proof_field = output("email", proof);
    let asks_email = match flow.ask_missing_email {
        true => proof_field.as_str(),
        false => "",
    };
    let created = ["objectId", "newUser", "authenticationSource"]
        .map(|claim| output(claim, ""))
        .concat();
    format!(
        r#"
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
<TechnicalProfile Id="Emails"><DisplayName>Addresses</DisplayName>{transformation}<OutputClaims><OutputClaim ClaimTypeReferenceId="emails"/></OutputClaims><OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="CreateEmails"/></OutputClaimsTransformations></TechnicalProfile>
"#,
        self_asserted = proprietary(SELF_ASSERTED),
        sign_up_page = Page::SignUp.id(),
        details_page = Page::Details.id(),
        transformation = proprietary(TRANSFORMATION),
    )
}

fn issuer(flow: &UserFlow) -> String {
    let issuer = match flow.issuer {
        IssuerForm::Tenant => "",
        IssuerForm::Tfp => "<Item Key=\"IssuanceClaimPattern\">AuthorityWithTfp</Item>",
    };
    let acr = match flow.policy_claim {
        PolicyClaim::Acr => "",
        PolicyClaim::Tfp => "<Item Key=\"AuthenticationContextReferenceClaimPattern\">None</Item>",
    };
    format!(
        "<TechnicalProfile Id=\"Token\"><DisplayName>Token</DisplayName><Protocol Name=\"None\"/>\
         <OutputTokenFormat>JWT</OutputTokenFormat><Metadata>{issuer}{acr}</Metadata>\
         </TechnicalProfile>"
    )
}

/// Who is signed in; and what the last connector said, which is not asked
/// again while the session lasts ("an interactive authentication only").
fn sessions(flow: &UserFlow) -> String {
    // With the account, so that a connector that told nothing is not asked
    // again either.
    let told: Vec<&str> = ["objectId"].into_iter().chain(told(flow)).collect();
    [
        flow_policy::session_profile("SM-Account"),
        session_manager("SM-Account", &WHO),
        session_manager("SM-Connector", &told),
    ]
    .concat()
}

/// The attributes that the last connector may speak of.
fn told(flow: &UserFlow) -> impl Iterator<Item = &str> {
    let names = flow.application_claims.iter().map(String::as_str);
    names.filter(|name| !["emails", "identityProvider", "newUser", "objectId"].contains(name))
}

fn connector(flow: &UserFlow, step: &str) -> String {
    let outputs = each(&attributes(flow), |name| output(name, ""));
    let session = match step {
        "PreTokenIssuance" => {
            "<UseTechnicalProfileForSessionManagement ReferenceId=\"SM-Connector\"/>"
        }
        _ => "",
    };
    format!(
        "<TechnicalProfile Id=\"{step}\"><DisplayName>{step}</DisplayName>{handler}<OutputClaims>\
         {outputs}</OutputClaims>{session}</TechnicalProfile>\n",
        handler = proprietary(CONNECTOR_HANDLER),
    )
}

// Steps.

fn steps(flow: &UserFlow) -> Vec<String> {
    let local = local(flow);
    let known = || exists("objectId");
    let mut steps = vec![
        step(&[], "Session"),
        flow_policy::choice(&flow.providers, local),
        flow_policy::step_of(&[known()], &flow_policy::chosen(&flow.providers, local)),
        step(&[is_local()], "Read-Federated"),
        step(&[known()], "PostFederationSignup"),
    ];
    if flow.ask_missing_email {
        steps.push(step(&[known(), missing("email")], "Attributes-WithEmail"));
        steps.push(step(&[known(), exists("email")], "Attributes"));
    } else {
        steps.push(step(&[known()], "Attributes"));
    }
    steps.extend([
        // With nothing to ask for there is no page, and the account is created
        // all the same.
        step(&[known()], "PostAttributeCollection"),
        step(&[known()], "Write-Federated"),
        step(&[is_federated()], "Read-Local"),
        step(&[is_local()], "Read-Account"),
        step(&[missing("email"), exists("emails")], "Emails"),
        step(&[], "PreTokenIssuance"),
        step(&[], "Session"),
        flow_policy::send_claims(),
    ]);
    steps
}

fn local(flow: &UserFlow) -> Local {
    match flow.local_accounts {
        true => Local::Offered,
        false => Local::None,
    }
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
    let claims = [SUBJECT, &claims, &policy].concat();
    flow_policy::relying_party("UserFlow", scope, &claims, SUBJECT_NAMING)
}

/// Beside `oid`, where that is ticked.
const SUBJECT: &str = "<OutputClaim ClaimTypeReferenceId=\"objectId\" PartnerClaimType=\"sub\"/>";
const SUBJECT_NAMING: &str = "<SubjectNamingInfo ClaimType=\"sub\"/>";

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::{flow_policy::unmet, settings::AttributeKind};

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
            let found = unmet(&parts(&flow, &[]).text(&flow.name));
            assert!(found.is_empty(), "{}: {found:#?}", flow.name);
        }
    }
}
