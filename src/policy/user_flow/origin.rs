//! Whether what Graph printed is whole, and all of one flow.

use super::super::finding::Severity;
use super::Findings;
use super::json::Node;
use super::rules::{ADDRESS, ATTRIBUTE, KIND, PROVIDERS, STEPS, TOKEN};

pub(super) fn check(flow: &Node, documents: &[Node], findings: &mut Findings) {
    let id = flow.get_text("id");
    for document in documents {
        visit(document, id, findings);
    }
}

fn visit(node: &Node, id: Option<&str>, findings: &mut Findings) {
    if !node.is_object() {
        for item in node.items().into_iter().flatten() {
            visit(item, id, findings);
        }
        return;
    }
    for (key, value) in node.members() {
        let address = value.text().unwrap_or_default();
        if key.ends_with("@odata.nextLink") {
            findings.add(
                rule_of(&format!("{key} {address}")),
                Severity::Warning,
                value,
                "the export ends here, and Graph has more: what is not in it is not looked at",
                "export the rest from this address, too",
            );
        } else if key.ends_with("@odata.context")
            && let (Some(other), Some(id)) = (flow_of(address), id)
            && !other.eq_ignore_ascii_case(id)
        {
            findings.add(
                rule_of(address),
                Severity::Error,
                value,
                format!("this is of the flow `{other}`, and says nothing about `{id}`"),
                format!("export the same of `{id}`"),
            );
        }
        visit(value, id, findings);
    }
}

/// The flow that a context is about: `…#identity/b2cUserFlows('ID')/…`.
fn flow_of(context: &str) -> Option<&str> {
    ["b2cUserFlows('", "authenticationEventsFlows('"]
        .iter()
        .find_map(|before| context.split_once(before))
        .and_then(|(_, rest)| rest.split_once("')"))
        .map(|(id, _)| id)
}

/// What cannot be told, by the part of Graph that an address is of.
fn rule_of(address: &str) -> u8 {
    [
        ("userAttributeAssignments", ATTRIBUTE),
        ("dentityProviders", PROVIDERS),
        ("apiConnectorConfiguration", STEPS),
        ("apiConnectors", ADDRESS),
        ("customAuthenticationExtensions", ADDRESS),
        ("authenticationEventListeners", TOKEN),
    ]
    .into_iter()
    .find_map(|(part, rule)| address.contains(part).then_some(rule))
    .unwrap_or(KIND)
}
