//! `[[user_flows]]`: what an administrator ticks in the portal.

use secrecy::ExposeSecret;

use crate::emulator::{
    Attribute, AttributeKind, Connector, Connectors, IssuerForm, PolicyClaim, Provider,
    SessionScope, UserFlow,
};

use super::super::address;
use super::super::problem::Placed;
use super::super::reader::{PASSWORD, Section};

pub(super) fn read_all(root: &Section<'_>) -> Vec<UserFlow> {
    let sections = root.sections("user_flows");
    let read: Vec<_> = sections.iter().filter_map(read).collect();
    let names: Vec<_> = read.iter().map(|(name, _)| name.clone()).collect();
    root.each_once(&names, str::eq_ignore_ascii_case);
    read.into_iter().map(|(_, flow)| flow).collect()
}

fn read(section: &Section<'_>) -> Option<(Placed<String>, UserFlow)> {
    let name = section.required_parsed("name", flow_name);
    let mut flow = UserFlow::new(name.as_ref().map_or("", |name| &name.value));
    if let Some(attributes) = attributes(section) {
        flow.attributes = attributes;
    }
    if let Some(claims) = section.list("application_claims") {
        flow.application_claims = claims.into_iter().map(|claim| claim.value).collect();
    }
    if let Some(providers) = providers(section) {
        flow.providers = providers;
    }
    flow.connectors = connectors(&section.section("connectors"));
    switches(section, &mut flow);
    Some((name?, flow))
}

fn flow_name(text: &str) -> Result<String, String> {
    match text.to_lowercase().starts_with("b2c_1_") {
        true => Ok(text.to_owned()),
        false => Err("must be called B2C_1_…, as B2C does".to_owned()),
    }
}

fn switches(section: &Section<'_>, flow: &mut UserFlow) {
    let flag = |key, value: &mut bool| *value = section.flag(key).unwrap_or(*value);
    flag("local_accounts", &mut flow.local_accounts);
    flag("verify_email", &mut flow.verify_email);
    flag("ask_missing_email", &mut flow.ask_missing_email);
    let scopes = [
        ("tenant", SessionScope::Tenant),
        ("application", SessionScope::Application),
        ("policy", SessionScope::Policy),
        ("disabled", SessionScope::Disabled),
    ];
    if let Some(found) = section.choice("session_scope", &scopes) {
        flow.session_scope = found.value;
    }
    let issuers = [("tenant", IssuerForm::Tenant), ("tfp", IssuerForm::Tfp)];
    if let Some(found) = section.choice("issuer", &issuers) {
        flow.issuer = found.value;
    }
    let claims = [("tfp", PolicyClaim::Tfp), ("acr", PolicyClaim::Acr)];
    if let Some(found) = section.choice("policy_claim", &claims) {
        flow.policy_claim = found.value;
    }
}

/// None where nothing is said of them.
pub(super) fn attributes(section: &Section<'_>) -> Option<Vec<Attribute>> {
    section.has("attributes").then(|| {
        let attributes = section.sections("attributes");
        attributes.iter().filter_map(attribute).collect()
    })
}

pub(super) fn providers(section: &Section<'_>) -> Option<Vec<Provider>> {
    section.has("providers").then(|| {
        let providers = section.sections("providers");
        providers.iter().filter_map(provider).collect()
    })
}

fn attribute(section: &Section<'_>) -> Option<Attribute> {
    let name = section.required_parsed("name", |text| Ok(text.to_owned()));
    let kinds = [
        ("string", AttributeKind::String),
        ("boolean", AttributeKind::Boolean),
        ("integer", AttributeKind::Integer),
    ];
    let kind = section.choice("kind", &kinds);
    let (required, visible) = (section.flag("required"), section.flag("visible"));
    let label = section.text("label");
    Some(Attribute {
        label: label.map(|label| label.value),
        kind: kind.map_or(AttributeKind::String, |kind| kind.value),
        required: required.unwrap_or(false),
        visible: visible.unwrap_or(true),
        name: name?.value,
    })
}

fn provider(section: &Section<'_>) -> Option<Provider> {
    let text = |key| section.required_parsed(key, |text| Ok(text.to_owned()));
    let (issuer, name) = (text("issuer"), text("name"));
    Some(Provider::new(&issuer?.value, &name?.value))
}

fn connectors(section: &Section<'_>) -> Connectors {
    let one = |key| {
        let section = section.section(key);
        section.is_given().then(|| connector(&section)).flatten()
    };
    Connectors {
        post_federation_signup: one("post_federation_signup"),
        post_attribute_collection: one("post_attribute_collection"),
        pre_token_issuance: one("pre_token_issuance"),
    }
}

fn connector(section: &Section<'_>) -> Option<Connector> {
    let url = section.required_parsed("url", address::secure_url);
    let username = section.required_parsed("username", |text| Ok(text.to_owned()));
    let password = section.required_secret(PASSWORD);
    Some(Connector {
        url: url?.value.into(),
        username: username?.value,
        password: password?.value.expose_secret().to_owned(),
    })
}
