//! Rules about a B2C user flow.

use super::super::finding::Severity;
use super::export::Export;
use super::json::Node;
use super::rules::{ADDRESS, ATTRIBUTE, CLAIMS, CREDENTIALS, EMAIL, KIND, PROVIDERS, STEPS, TOKEN};
use super::{Attributes, Findings, is_attribute};

pub(super) fn check(
    flow: &Node,
    export: &Export<'_>,
    attributes: &Attributes,
    findings: &mut Findings,
) {
    kind(flow, findings);
    email(flow, export, findings);
    switched_off(flow, findings);
    providers(flow, export, findings);
    attribute(flow, export, attributes, findings);
    steps(flow, export, findings);
    claims(flow, export, attributes, findings);
    findings.add(
        TOKEN,
        Severity::Info,
        flow,
        "Graph does not export the step that records the link: \"Before including application claims in token\"",
        "look in the portal, User flows > the flow > API connectors: idlink's connector must be chosen there too",
    );
}

fn kind(flow: &Node, findings: &mut Findings) {
    let stated = flow.get("userFlowType");
    let Some((node, written)) = stated.and_then(|node| Some((node, node.text()?))) else {
        findings.add(
            KIND,
            Severity::Warning,
            stated.unwrap_or(flow),
            "the export does not say what the flow is for",
            "export the flow itself: identity/b2cUserFlows/ID",
        );
        return;
    };
    if !["signup", "signuporsignin"].contains(&written.to_ascii_lowercase().as_str()) {
        findings.add(
            KIND,
            Severity::Warning,
            node,
            format!(
                "a flow of type `{written}` creates no accounts, so nothing is linked when it ends"
            ),
            "check the flow that people sign up with",
        );
    }
}

fn is_email(assignment: &Node) -> bool {
    let attribute = assignment.get("userAttribute");
    let ids = [
        assignment.get_text("id"),
        attribute.and_then(|attribute| attribute.get_text("id")),
    ];
    let named =
        |id: &str| ["email", "emails", "emailaddress"].contains(&id.to_ascii_lowercase().as_str());
    ids.into_iter().flatten().any(named)
        || assignment
            .get_text("userInputType")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("emailBox"))
}

const VERIFICATION: &str = "in the portal: User flows > the flow > Page layouts > Local account sign-up page > \
                            Email Address, Requires verification: Yes";

fn email(flow: &Node, export: &Export<'_>, findings: &mut Findings) {
    let Some(assignments) = &export.assignments else {
        findings.add(
            EMAIL,
            Severity::Warning,
            flow,
            "the export does not say whether the e-mail address is verified",
            format!(
                "export userAttributeAssignments?$expand=userAttribute too, or look {VERIFICATION}"
            ),
        );
        return;
    };
    let addresses: Vec<_> = assignments.iter().filter(|node| is_email(node)).collect();
    if addresses.is_empty() {
        findings.add(
            EMAIL,
            Severity::Warning,
            flow,
            "the flow's attributes name no e-mail address: whether it is verified cannot be seen",
            format!("look {VERIFICATION}"),
        );
    }
    for assignment in addresses {
        match assignment.get("requiresVerification") {
            Some(node) if node.flag() == Some(true) => {}
            Some(node) if node.flag() == Some(false) => findings.add(
                EMAIL,
                Severity::Error,
                node,
                "the e-mail address is not verified: anybody can sign up with a customer's address and is linked to that customer",
                format!(
                    "PATCH the assignment with \"requiresVerification\": true, or {VERIFICATION}; until then take `local` out of trusted_providers"
                ),
            ),
            Some(_) | None => findings.add(
                EMAIL,
                Severity::Warning,
                assignment,
                "the export does not say whether the e-mail address is verified",
                format!("look {VERIFICATION}"),
            ),
        }
    }
}

/// Settings that are not in Graph's reference but say what they mean:
/// `isEmailVerificationRequired`.
fn switched_off(node: &Node, findings: &mut Findings) {
    for (key, value) in node.members() {
        let name = key.to_ascii_lowercase();
        if name.contains("email") && name.contains("verif") && value.flag() == Some(false) {
            findings.add(
                EMAIL,
                Severity::Error,
                value,
                format!("`{key}` is off: an address that nobody proved is linked to its customer"),
                VERIFICATION,
            );
        }
        switched_off(value, findings);
    }
    for item in node.items().into_iter().flatten() {
        switched_off(item, findings);
    }
}

pub(super) fn is_local(provider: &Node) -> bool {
    ["identityProviderType", "type", "id"]
        .iter()
        .filter_map(|key| provider.get_text(key))
        .map(str::to_ascii_lowercase)
        .any(|kind| {
            [
                "emailpassword",
                "email-password",
                "emailotp",
                "localaccount",
                "username",
            ]
            .iter()
            .any(|local| kind.starts_with(local))
        })
}

fn is_custom(provider: &Node) -> bool {
    let kinds = ["@odata.type", "identityProviderType", "type"];
    let mut kinds = kinds.iter().filter_map(|key| provider.get_text(key));
    kinds.any(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.contains("openid") || kind.contains("oidc")
    })
}

fn providers(flow: &Node, export: &Export<'_>, findings: &mut Findings) {
    let Some(providers) = &export.providers else {
        findings.add(
            PROVIDERS,
            Severity::Warning,
            flow,
            "the export does not list the identity providers of the flow",
            "export userFlowIdentityProviders too",
        );
        return;
    };
    for provider in providers.iter().filter(|provider| !is_local(provider)) {
        let name = ["displayName", "name", "id"]
            .iter()
            .find_map(|key| provider.get_text(key))
            .unwrap_or("a provider");
        if is_custom(provider) {
            findings.add(
                PROVIDERS,
                Severity::Warning,
                provider,
                format!("`{name}` is a custom OpenID Connect provider, of whose people B2C has been seen to leave out `identities`: they would count as local"),
                "set missing_identities = \"unverified\" for the tenant, and leave the provider out of trusted_providers unless it vouches for its addresses",
            );
        } else {
            findings.add(
                PROVIDERS,
                Severity::Info,
                provider,
                format!("whether `{name}` verified the addresses that it hands over is not in the export"),
                "list it under trusted_providers only if it vouches for them and the flow's social sign-up page lets nobody edit the address; tick Identity Provider under Application claims",
            );
        }
    }
}

fn attribute(flow: &Node, export: &Export<'_>, attributes: &Attributes, findings: &mut Findings) {
    let Some(assignments) = &export.assignments else {
        findings.add(
            ATTRIBUTE,
            Severity::Warning,
            flow,
            "the export does not say which attributes people fill in",
            "export userAttributeAssignments too: the customer number must not be among them",
        );
        return;
    };
    for assignment in assignments {
        let ids = [
            assignment.get("id"),
            assignment
                .get("userAttribute")
                .and_then(|node| node.get("id")),
        ];
        let ours = [&attributes.customer_id, &attributes.customer_link];
        let found = ids.into_iter().flatten().find_map(|node| {
            let id = node.text()?;
            ours.into_iter()
                .find(|name| is_attribute(id, name))
                .map(|name| (node, name))
        });
        if let Some((node, name)) = found {
            findings.add(
                ATTRIBUTE,
                Severity::Error,
                node,
                format!("people fill in `{name}` themselves when they sign up"),
                format!(
                    "untick it under User attributes (DELETE the assignment); idlink gives it with the token, where it is ticked under Application claims, and `{name}` need not be kept in the directory"
                ),
            );
        }
    }
}

fn steps(flow: &Node, export: &Export<'_>, findings: &mut Findings) {
    let Some(configuration) = export.connectors else {
        findings.add(
            STEPS,
            Severity::Warning,
            flow,
            "the export does not show the API connectors of the flow",
            "export apiConnectorConfiguration?$expand=postFederationSignup,postAttributeCollection: without $expand Graph prints {}",
        );
        return;
    };
    let federated = export
        .providers
        .as_ref()
        .is_none_or(|providers| providers.iter().any(|provider| !is_local(provider)));
    let early = if federated {
        Severity::Warning
    } else {
        Severity::Info
    };
    for (key, label, severity) in [
        (
            "postAttributeCollection",
            "Before creating the user",
            Severity::Error,
        ),
        (
            "postFederationSignup",
            "After federating with an identity provider during sign-up",
            early,
        ),
    ] {
        match configuration.get(key) {
            Some(step) if step.is_nothing() => findings.add(
                STEPS,
                severity,
                step,
                format!("no API connector is attached at \"{label}\""),
                format!("PUT apiConnectorConfiguration/{key}/$ref with idlink's connector"),
            ),
            Some(step) => match export.endpoint(step) {
                Some(connector) => connector_of(connector, findings),
                None => findings.add(
                    ADDRESS,
                    Severity::Warning,
                    step,
                    format!("the export does not show the connector at \"{label}\""),
                    format!("export apiConnectorConfiguration?$expand={key}"),
                ),
            },
            None => findings.add(
                STEPS,
                Severity::Warning,
                configuration,
                format!("the export does not show whether a connector is attached at \"{label}\""),
                format!("export apiConnectorConfiguration?$expand={key}"),
            ),
        }
    }
}

fn connector_of(connector: &Node, findings: &mut Findings) {
    match connector.get("targetUrl") {
        Some(node) => address(node, "user-flow", findings),
        None => findings.add(
            ADDRESS,
            Severity::Warning,
            connector,
            "the export does not say which address the connector calls",
            "export apiConnectorConfiguration with $expand",
        ),
    }
    match connector.get("authenticationConfiguration") {
        Some(node) if node.is_nothing() => findings.add(
            CREDENTIALS,
            Severity::Error,
            node,
            "the connector calls without credentials, and idlink answers nobody without them",
            "give the connector basic authentication with one of the tenant's credentials, or a client certificate",
        ),
        Some(node) => certificates(node, findings),
        None => findings.add(
            CREDENTIALS,
            Severity::Warning,
            connector,
            "the export does not say how the connector authenticates itself",
            "export the connector itself: identity/apiConnectors/ID",
        ),
    }
}

fn certificates(configuration: &Node, findings: &mut Findings) {
    let Some(list) = configuration.get("certificateList") else {
        return;
    };
    let certificates = list.items().unwrap_or_default();
    let active = |node: &Node| node.get("isActive").and_then(Node::flag) != Some(false);
    if !certificates.iter().any(active) {
        findings.add(
            CREDENTIALS,
            Severity::Error,
            list,
            "none of the connector's certificates is active",
            "upload one: POST identity/apiConnectors/ID/uploadClientCertificate",
        );
    }
}

/// `https://HOST/connectors/TENANT/END`.
pub(super) fn address(node: &Node, end: &str, findings: &mut Findings) {
    let right = format!("https://HOST/connectors/TENANT/{end}");
    let Some(written) = node.text() else {
        findings.add(
            ADDRESS,
            Severity::Warning,
            node,
            "the export does not say which address is called",
            format!("look whether it is {right}"),
        );
        return;
    };
    let Ok(url) = url::Url::parse(written) else {
        findings.add(
            ADDRESS,
            Severity::Error,
            node,
            format!("`{written}` is no address"),
            format!("write {right}"),
        );
        return;
    };
    let path: Vec<_> = url.path_segments().into_iter().flatten().collect();
    let ours =
        matches!(path[..], [.., "connectors", tenant, last] if !tenant.is_empty() && last == end);
    if url.scheme() != "https" {
        findings.add(
            ADDRESS,
            Severity::Error,
            node,
            format!("`{written}` is not called over TLS"),
            format!("write {right}"),
        );
    } else if !ours {
        findings.add(
            ADDRESS,
            Severity::Error,
            node,
            format!("`{written}` is not idlink's address for this platform: idlink is not asked"),
            format!("write {right}"),
        );
    }
}

fn claims(flow: &Node, export: &Export<'_>, attributes: &Attributes, findings: &mut Findings) {
    let Attributes {
        customer_id,
        customer_link,
    } = attributes;
    let Some(list) = export.application_claims else {
        findings.add(
            CLAIMS,
            Severity::Info,
            flow,
            format!("Graph does not export the application claims: whether the token carries `{customer_id}` cannot be seen"),
            format!("look in the portal, User flows > the flow > Application claims: {customer_id} must be ticked, {customer_link} where the application should know why there is no number, Identity Provider where there are federated providers"),
        );
        return;
    };
    let has = |name: &str| {
        let claims = list.items().into_iter().flatten();
        let ids = claims.filter_map(|claim| {
            claim
                .text()
                .or_else(|| claim.get_text("id"))
                .or_else(|| claim.get_text("claim"))
        });
        ids.into_iter().any(|id| is_attribute(id, name))
    };
    for (name, severity) in [
        (customer_id, Severity::Error),
        (customer_link, Severity::Info),
    ] {
        if !has(name) {
            findings.add(
                CLAIMS,
                severity,
                list,
                format!("`{name}` is not among the application claims: no token carries it"),
                "tick it in the portal under Application claims",
            );
        }
    }
}
