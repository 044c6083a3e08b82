//! Rules about an External ID user flow
//! (`externalUsersSelfServiceSignUpEventsFlow`).

use super::super::finding::Severity;
use super::b2c::{address, is_local};
use super::export::Export;
use super::json::Node;
use super::rules::{ADDRESS, ATTRIBUTE, CREDENTIALS, EMAIL, KIND, PROVIDERS, STEPS, TOKEN};
use super::{Attributes, Findings, is_attribute};

pub(super) fn check(
    flow: &Node,
    export: &Export<'_>,
    attributes: &Attributes,
    findings: &mut Findings,
) {
    let allowed = flow
        .get("onInteractiveAuthFlowStart")
        .and_then(|handler| handler.get("isSignUpAllowed"));
    if let Some(node) = allowed.filter(|node| node.flag() == Some(false)) {
        findings.add(
            KIND,
            Severity::Warning,
            node,
            "the flow lets nobody sign up, so nothing is linked",
            "check the flow that people sign up with",
        );
    }
    inputs(flow, attributes, findings);
    providers(flow, export, findings);
    for (key, severity) in [
        ("onAttributeCollectionSubmit", Severity::Error),
        ("onAttributeCollectionStart", Severity::Warning),
    ] {
        step(flow, key, severity, export, findings);
    }
    token(flow, export, findings);
}

fn inputs(flow: &Node, attributes: &Attributes, findings: &mut Findings) {
    let page = flow
        .get("onAttributeCollection")
        .and_then(|handler| handler.get("attributeCollectionPage"));
    let Some(views) = page
        .and_then(|page| page.get("views"))
        .and_then(Node::items)
    else {
        findings.add(
            ATTRIBUTE,
            Severity::Warning,
            flow,
            "the export does not say which attributes people fill in",
            "export the whole flow: GET identity/authenticationEventsFlows/ID",
        );
        return;
    };
    let inputs = views.iter().filter_map(|view| view.get("inputs")?.items());
    let mut has_address = false;
    for input in inputs.flatten() {
        let named = input.get("attribute");
        let Some((node, id)) = named.and_then(|node| Some((node, node.text()?))) else {
            findings.add(
                ATTRIBUTE,
                Severity::Warning,
                named.unwrap_or(input),
                "the export does not say which attribute this input is for",
                "look in the admin center, User flows > the flow > Page layouts: the customer number must not be among them",
            );
            continue;
        };
        has_address |= id.eq_ignore_ascii_case("email");
        let is = |key: &str| input.get(key).and_then(Node::flag);
        let hidden = is("hidden") == Some(true);
        let editable = is("editable") != Some(false);
        let ours = [&attributes.customer_id, &attributes.customer_link];
        if let Some(name) = ours.into_iter().find(|name| is_attribute(id, name)) {
            let (severity, what) = match (hidden, editable) {
                (_, true) => (Severity::Error, "people fill in"),
                (false, false) => (Severity::Warning, "people are shown"),
                (true, false) => continue,
            };
            findings.add(
                ATTRIBUTE,
                severity,
                node,
                format!("{what} `{name}` when they sign up"),
                "take the attribute off the flow: idlink gives it with the token, and it need not be kept in the directory",
            );
        } else if id.eq_ignore_ascii_case("email") && editable {
            findings.add(
                EMAIL,
                Severity::Error,
                node,
                "people can change the e-mail address after it was verified",
                "set \"editable\": false for the input",
            );
        }
    }
    if !has_address {
        findings.add(
            EMAIL,
            Severity::Warning,
            page.unwrap_or(flow),
            "the flow's inputs name no e-mail address: whether people can change it after it was verified cannot be seen",
            "export the whole flow: GET identity/authenticationEventsFlows/ID",
        );
    }
}

fn providers(flow: &Node, export: &Export<'_>, findings: &mut Findings) {
    let Some(providers) = &export.providers else {
        findings.add(
            PROVIDERS,
            Severity::Warning,
            flow,
            "the export does not list the identity providers of the flow",
            "export the whole flow: GET identity/authenticationEventsFlows/ID",
        );
        return;
    };
    for provider in providers {
        let name = ["displayName", "id"]
            .iter()
            .find_map(|key| provider.get_text(key))
            .unwrap_or("a provider");
        if is_local(provider) {
            findings.add(
                EMAIL,
                Severity::Info,
                provider,
                format!("External ID sends a code to the address of a sign-up with `{name}`; that it still does is not in the export"),
                "sign up once with an address of your own: a code must be asked for",
            );
        } else {
            findings.add(
                PROVIDERS,
                Severity::Info,
                provider,
                format!("whether `{name}` verified the addresses that it hands over is not in the export"),
                "list it under trusted_providers only if it vouches for them",
            );
        }
    }
}

fn step(flow: &Node, key: &str, severity: Severity, export: &Export<'_>, findings: &mut Findings) {
    let Some(handler) = flow.get(key) else {
        findings.add(
            STEPS,
            Severity::Warning,
            flow,
            format!("the export does not show `{key}`"),
            "export the whole flow: GET identity/authenticationEventsFlows/ID",
        );
        return;
    };
    if handler.is_null() {
        findings.add(
            STEPS,
            severity,
            handler,
            format!("no custom authentication extension is attached to `{key}`: idlink is not asked there"),
            "PATCH the flow with the handler, or choose the extension in the admin center under Custom authentication extensions",
        );
        return;
    }
    let reference = handler.get("customExtension").unwrap_or(handler);
    match export.endpoint(reference) {
        Some(extension) => extension_of(extension, findings),
        None => findings.add(
            ADDRESS,
            Severity::Warning,
            reference,
            format!("the export does not show which address `{key}` calls"),
            "export identity/customAuthenticationExtensions too",
        ),
    }
}

fn extension_of(extension: &Node, findings: &mut Findings) {
    let target = extension
        .get("endpointConfiguration")
        .and_then(|endpoint| endpoint.get("targetUrl"))
        .or_else(|| extension.get("targetUrl"));
    match target {
        Some(node) => address(node, "external-id", findings),
        None => findings.add(
            ADDRESS,
            Severity::Warning,
            extension,
            "the export does not say which address the extension calls",
            "export identity/customAuthenticationExtensions/ID",
        ),
    }
    let authentication = extension.get("authenticationConfiguration");
    let resource = authentication.and_then(|configuration| configuration.get_text("resourceId"));
    if resource.is_none_or(str::is_empty) {
        findings.add(
            CREDENTIALS,
            Severity::Warning,
            authentication.unwrap_or(extension),
            "the extension names no resource that Entra issues its token for; where the list of extensions has none either, calls come without one",
            "set authenticationConfiguration.resourceId to the API application's id URI",
        );
    }
}

fn token(flow: &Node, export: &Export<'_>, findings: &mut Findings) {
    let Some(listeners) = &export.listeners else {
        findings.add(
            TOKEN,
            Severity::Warning,
            flow,
            "the step that records the link, onTokenIssuanceStart, is no part of the flow",
            "export identity/authenticationEventListeners too: one of type onTokenIssuanceStartListener must name idlink's extension",
        );
        return;
    };
    let issues = |node: &&Node| {
        node.get_text("@odata.type")
            .is_some_and(|name| name.ends_with("onTokenIssuanceStartListener"))
    };
    let issuing: Vec<_> = listeners.iter().copied().filter(issues).collect();
    if issuing.is_empty() {
        findings.add(
            TOKEN,
            Severity::Error,
            flow,
            "no listener is registered for onTokenIssuanceStart: no link is recorded and no token carries the number",
            "POST identity/authenticationEventListeners with idlink's token extension",
        );
    }
    for listener in issuing {
        let reference = listener
            .get("handler")
            .and_then(|handler| handler.get("customExtension"));
        match reference.and_then(|reference| export.endpoint(reference)) {
            Some(extension) => extension_of(extension, findings),
            None => findings.add(
                ADDRESS,
                Severity::Warning,
                reference.unwrap_or(listener),
                "the export does not show which address onTokenIssuanceStart calls",
                "export identity/customAuthenticationExtensions too",
            ),
        }
    }
}
