//! A user flow of External ID written as a policy, so that the engine of B2C's
//! policies runs it.

use std::sync::Arc;

use crate::emulator::{
    StartError,
    audit::Dialect,
    engine::program::Program,
    flow_policy::{
        self, DIRECTORY, Local, NewPassword, Parts, SELF_ASSERTED, WHO, attribute_claim, claim,
        each, escaped, exists, fields, input, is_federated, is_local, output, proprietary, step,
        words::{self, Page},
    },
    settings::{Attribute, ExternalIdFlow, LocalMethod},
};

/// The External ID flows of a tenant. Their programs are not among the others:
/// no address of B2C leads to them.
pub(in crate::emulator) struct ExternalFlows {
    flows: Vec<(ExternalIdFlow, Arc<Program>)>,
}

impl ExternalFlows {
    pub(in crate::emulator) fn of(flows: &[ExternalIdFlow]) -> Result<Self, StartError> {
        let mut made = Vec::new();
        for flow in flows {
            let program = program(flow).map_err(StartError::Settings)?;
            made.push((flow.clone(), Arc::new(program)));
        }
        Ok(Self { flows: made })
    }

    pub(in crate::emulator) fn named(&self, name: &str) -> Option<&ExternalIdFlow> {
        let mut flows = self.flows.iter().map(|(flow, _)| flow);
        flows.find(|flow| flow.name.eq_ignore_ascii_case(name))
    }

    pub(in crate::emulator) fn names(&self) -> impl Iterator<Item = &str> {
        self.flows.iter().map(|(flow, _)| flow.name.as_str())
    }

    /// What an application's people go through.
    pub(in crate::emulator) fn program_for(&self, client_id: &str) -> Option<Arc<Program>> {
        let mut flows = self.flows.iter();
        let found = flows.find(|(flow, _)| flow.applications.iter().any(|own| own == client_id));
        found.map(|(_, program)| program.clone())
    }
}

/// The handler of the profiles that tell of an event, which they are called
/// for.
pub(in crate::emulator) const EXTENSION_HANDLER: &str =
    "Idlink.Emulator.CustomAuthenticationExtension";

/// The journey of a refresh token.
pub(in crate::emulator) const RENEWAL: &str = "Renewal";

/// The flow's policy. An error says what of the settings does not fit.
fn program(flow: &ExternalIdFlow) -> Result<Program, String> {
    parts(flow).program(&flow.name, Dialect::ExternalId)
}

fn parts(flow: &ExternalIdFlow) -> Parts {
    Parts {
        localization: words::localization(&flow.attributes, Dialect::ExternalId),
        claims: claims(flow),
        profiles: profiles(flow),
        journeys: [
            flow_policy::journey("ExternalId", &steps(flow)),
            flow_policy::journey(RENEWAL, &renewal()),
        ]
        .concat(),
        relying_party: relying_party(flow),
    }
}

/// A name that a token extension's list of texts goes under: a claim of the
/// engine is a text or a list, and which one it is shows only when it comes.
pub(in crate::emulator) fn list_name(id: &str) -> String {
    format!("{id}[]")
}

/// What mapping number `at` is to the engine, as a text and as a list.
fn provided(at: usize) -> [String; 2] {
    [format!("provided{at}"), format!("provided{at}List")]
}

// Claims.

fn claims(flow: &ExternalIdFlow) -> String {
    let attributes: String = attributes(flow).iter().map(attribute_claim).collect();
    let provided: String = flow
        .claims
        .iter()
        .enumerate()
        .map(|(at, mapped)| {
            let [text, list] = provided(at);
            let text = claim(&text, &mapped.id, "string", "");
            text + &claim(&list, &mapped.id, "stringCollection", "")
        })
        .collect();
    [flow_policy::common_claims(), attributes, provided].concat()
}

fn attributes(flow: &ExternalIdFlow) -> Vec<Attribute> {
    flow_policy::attributes_and(&flow.attributes, std::iter::empty())
}

// Technical profiles.

fn profiles(flow: &ExternalIdFlow) -> String {
    let read = each(&attributes(flow), |name| output(name, ""));
    let collected = each(&flow.attributes, |name| output(name, ""));
    let (sign_in, password) = match flow.local {
        LocalMethod::EmailWithPassword => (flow_policy::password_profiles(), NewPassword::Asked),
        LocalMethod::EmailOneTimePasscode => (code_profiles(), NewPassword::None),
        LocalMethod::None => (String::new(), NewPassword::None),
    };
    [
        flow_policy::provider_profiles(&flow.providers),
        sign_in,
        pages(flow),
        flow_policy::write_profiles(&flow.attributes, password),
        flow_policy::read_profiles(&read),
        event("AttributeCollectionStart", &collected),
        event("AttributeCollectionSubmit", &collected),
        event("TokenIssuanceStart", &provided_claims(flow)),
        flow_policy::session_profile("SM-ExternalId"),
        flow_policy::session_manager("SM-ExternalId", &WHO),
        ISSUER.to_owned(),
    ]
    .concat()
}

/// Refresh tokens last for 90 days, and each use begins them anew ("Refresh
/// tokens in the Microsoft identity platform").
const ISSUER: &str = "<TechnicalProfile Id=\"Token\"><DisplayName>Token</DisplayName>\
    <Protocol Name=\"None\"/><OutputTokenFormat>JWT</OutputTokenFormat><Metadata>\
    <Item Key=\"refresh_token_lifetime_secs\">7776000</Item>\
    <Item Key=\"allow_infinite_rolling_refresh_token\">true</Item></Metadata></TechnicalProfile>";

fn event(name: &str, outputs: &str) -> String {
    format!(
        "<TechnicalProfile Id=\"{name}\"><DisplayName>{name}</DisplayName>{handler}\
         <OutputClaims>{outputs}</OutputClaims></TechnicalProfile>\n",
        handler = proprietary(EXTENSION_HANDLER),
    )
}

fn provided_claims(flow: &ExternalIdFlow) -> String {
    let mapped = flow.claims.iter().enumerate();
    mapped
        .map(|(at, mapped)| {
            let [text, list] = provided(at);
            let partner = |name: &str| format!("PartnerClaimType=\"{}\"", escaped(name));
            output(&text, &partner(&mapped.id)) + &output(&list, &partner(&list_name(&mapped.id)))
        })
        .collect()
}

/// The sign-in page of accounts without a password: a code proves the address.
fn code_profiles() -> String {
    format!(
        r#"<TechnicalProfile Id="SignIn"><DisplayName>Sign in</DisplayName>{self_asserted}
<Metadata><Item Key="SignUpTarget">SignUpExchange</Item><Item Key="ContentDefinitionReferenceId">{sign_in_page}</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item><Item Key="setting.forgotPasswordLinkLocation">None</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="signInName" PartnerClaimType="Verified.Email" Required="true"/><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="authenticationSource"/></OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Find-Local"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Find-Local"><DisplayName>Find</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalDoesNotExist">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="signInName" PartnerClaimType="signInNames.emailAddress" Required="true"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="objectId"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims></TechnicalProfile>
"#,
        self_asserted = proprietary(SELF_ASSERTED),
        sign_in_page = Page::SignIn.id(),
        directory = proprietary(DIRECTORY),
    )
}

/// The address and its proof, then the attributes; a federated person only sees
/// the latter.
fn pages(flow: &ExternalIdFlow) -> String {
    let fields = fields(&flow.attributes);
    let prefill = each(&flow.attributes, input);
    let passwords = match flow.local {
        LocalMethod::EmailWithPassword => ["newPassword", "reenterPassword"]
            .map(|claim| output(claim, "Required=\"true\""))
            .concat(),
        LocalMethod::EmailOneTimePasscode | LocalMethod::None => String::new(),
    };
    let page = |kind: &str, fields: &str| {
        format!(
            r#"<TechnicalProfile Id="Attributes-{kind}"><DisplayName>Add details</DisplayName>{self_asserted}
<Metadata><Item Key="ContentDefinitionReferenceId">{details_page}</Item></Metadata>
<InputClaims>{prefill}</InputClaims>
<OutputClaims>{fields}<OutputClaim ClaimTypeReferenceId="objectId"/></OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="AttributeCollectionSubmit"/><ValidationTechnicalProfile ReferenceId="Write-{kind}"/></ValidationTechnicalProfiles>
</TechnicalProfile>
"#,
            self_asserted = proprietary(SELF_ASSERTED),
            details_page = Page::Details.id(),
        )
    };
    let address = format!(
        r#"
<TechnicalProfile Id="SignUp"><DisplayName>Create account</DisplayName>{self_asserted}
<Metadata><Item Key="ContentDefinitionReferenceId">{sign_up_page}</Item><Item Key="IncludeClaimResolvingInClaimsHandling">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="email" DefaultValue="{{OIDC:LoginHint}}" AlwaysUseDefaultValue="true"/></InputClaims>
<OutputClaims><OutputClaim ClaimTypeReferenceId="email" PartnerClaimType="Verified.Email" Required="true"/><OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/></OutputClaims>
<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Free-Local"/></ValidationTechnicalProfiles>
</TechnicalProfile>
<TechnicalProfile Id="Free-Local"><DisplayName>Is the address free</DisplayName>{directory}<Metadata><Item Key="Operation">Read</Item><Item Key="RaiseErrorIfClaimsPrincipalAlreadyExists">true</Item></Metadata>
<InputClaims><InputClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress" Required="true"/></InputClaims></TechnicalProfile>
"#,
        self_asserted = proprietary(SELF_ASSERTED),
        sign_up_page = Page::SignUp.id(),
        directory = proprietary(DIRECTORY),
    );
    let local = page("Local", &[passwords, fields.clone()].concat());
    [address, local, page("Federated", &fields)].concat()
}

// Steps.

fn steps(flow: &ExternalIdFlow) -> Vec<String> {
    let local = match flow.local {
        LocalMethod::EmailWithPassword | LocalMethod::EmailOneTimePasscode => Local::Offered,
        LocalMethod::None => Local::None,
    };
    let known = || exists("objectId");
    let mut steps = vec![
        step(&[], "Session"),
        flow_policy::choice(&flow.providers, local),
        flow_policy::step_of(&[known()], &flow_policy::chosen(&flow.providers, local)),
        step(&[is_local()], "Read-Federated"),
        step(&[known()], "AttributeCollectionStart"),
        step(&[known(), is_federated()], "Attributes-Local"),
        step(&[known(), is_local()], "Attributes-Federated"),
        // With nothing to ask for there is no page, and the account is created
        // all the same.
        step(&[known()], "AttributeCollectionSubmit"),
        step(&[known(), is_federated()], "Write-Local"),
        step(&[known(), is_local()], "Write-Federated"),
    ];
    steps.extend(renewal());
    // Who is signed in is kept as soon as tokens are certain.
    let end = steps.len() - 1;
    steps.insert(end, step(&[], "Session"));
    steps
}

/// What every token needs: the account as it is now, and the extension's
/// claims.
fn renewal() -> Vec<String> {
    vec![
        step(&[is_federated()], "Read-Local"),
        step(&[is_local()], "Read-Account"),
        step(&[], "TokenIssuanceStart"),
        flow_policy::send_claims(),
    ]
}

/// By the names of the token; what of it an application gets depends on the
/// scopes it asked for.
fn relying_party(flow: &ExternalIdFlow) -> String {
    let partner = |name: &str| format!("PartnerClaimType=\"{}\"", escaped(name));
    let own = [
        ("objectId", "oid"),
        ("displayName", "name"),
        ("email", "email"),
        ("identityProvider", "idp"),
    ]
    .map(|(claim, name)| output(claim, &partner(name)))
    .concat();
    let provided: String = flow
        .claims
        .iter()
        .enumerate()
        .flat_map(|(at, mapped)| provided(at).map(|claim| output(&claim, &partner(&mapped.name))))
        .collect();
    flow_policy::relying_party("ExternalId", "Tenant", &(own + &provided), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::{
        flow_policy::unmet,
        settings::{AttributeKind, MappedClaim},
    };

    fn variants() -> Vec<ExternalIdFlow> {
        let mut code = ExternalIdFlow::new("code", &["a"]);
        code.local = LocalMethod::EmailOneTimePasscode;
        code.attributes = vec![Attribute::new("extension_Points").kind(AttributeKind::Integer)];
        code.claims = vec![
            MappedClaim::same("customerId"),
            MappedClaim {
                id: "customerId".to_owned(),
                name: "number & \"more\"".to_owned(),
            },
        ];
        let mut social = ExternalIdFlow::new("social", &["b"]);
        social.local = LocalMethod::None;
        vec![ExternalIdFlow::new("plain", &["c"]), code, social]
    }

    #[test]
    fn every_flow_is_a_policy_that_can_run() {
        for flow in variants() {
            let program = program(&flow).unwrap();
            assert_eq!(program.id, flow.name);
            assert_eq!(program.tokens.refresh_token_seconds, 90 * 24 * 60 * 60);
        }
    }

    #[test]
    fn what_it_refers_to_is_there() {
        for flow in variants() {
            let found = unmet(&parts(&flow).text(&flow.name));
            assert!(found.is_empty(), "{}: {found:#?}", flow.name);
        }
    }

    #[test]
    fn a_claim_that_two_names_are_mapped_to_goes_under_both() {
        let flow = &variants()[1];
        let program = program(flow).unwrap();
        let claims = program.token_claims();
        assert!(claims.contains(&"customerId"), "{claims:?}");
        assert!(claims.contains(&"number & \"more\""), "{claims:?}");
    }
}
