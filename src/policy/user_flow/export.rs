//! Finds the parts of a user flow in what Graph printed.

use super::NotAFlow;
use super::json::Node;

/// A user flow and what was exported with it. A part that is `None` was not
/// exported, which is something else than an empty one.
pub(super) struct Export<'a> {
    pub(super) flow: Flow<'a>,
    /// `identityUserFlowAttributeAssignment`s.
    pub(super) assignments: Option<Vec<&'a Node>>,
    pub(super) providers: Option<Vec<&'a Node>>,
    /// `userFlowApiConnectorConfiguration`.
    pub(super) connectors: Option<&'a Node>,
    /// Not a part of Graph's reference; taken where an export has it.
    pub(super) application_claims: Option<&'a Node>,
    /// `identityApiConnector`s and `customAuthenticationExtension`s listed by
    /// themselves.
    pub(super) endpoints: Vec<&'a Node>,
    /// `authenticationEventListener`s; `None` without any.
    pub(super) listeners: Option<Vec<&'a Node>>,
}

#[derive(Clone, Copy)]
pub(super) enum Flow<'a> {
    B2c(&'a Node),
    ExternalId(&'a Node),
}

impl<'a> Flow<'a> {
    pub(super) fn node(self) -> &'a Node {
        match self {
            Self::B2c(node) | Self::ExternalId(node) => node,
        }
    }
}

impl<'a> Export<'a> {
    pub(super) fn read(documents: &'a [Node]) -> Result<Self, NotAFlow> {
        let mut resources = Vec::new();
        for document in documents {
            unwrap(document, &mut resources);
        }
        let flows: Vec<_> = resources.iter().filter_map(|node| flow(node)).collect();
        let flow = match flows[..] {
            [] => return Err(NotAFlow::NoFlow),
            [flow] => flow,
            _ => return Err(NotAFlow::Several(flows.len())),
        };
        let all = |is: fn(&Node) -> bool| -> Vec<&'a Node> {
            resources.iter().copied().filter(|node| is(node)).collect()
        };
        let some = |nodes: Vec<&'a Node>| (!nodes.is_empty()).then_some(nodes);
        let node = flow.node();
        Ok(Self {
            flow,
            assignments: list(node, &["userAttributeAssignments"])
                .or_else(|| some(all(is_assignment)))
                .or_else(|| empty(documents, "userAttributeAssignments")),
            providers: match flow {
                Flow::B2c(node) => list(node, &["userFlowIdentityProviders", "identityProviders"]),
                Flow::ExternalId(node) => node
                    .get("onAuthenticationMethodLoadStart")
                    .and_then(|handler| list(handler, &["identityProviders"])),
            }
            .or_else(|| some(all(is_provider)))
            .or_else(|| empty(documents, "dentityProviders")),
            connectors: resources
                .iter()
                .copied()
                .find(|node| is_connector_configuration(node))
                .or_else(|| {
                    // Of the flow itself it says something only where it was expanded.
                    let inline = node.get("apiConnectorConfiguration")?;
                    is_connector_configuration(inline).then_some(inline)
                }),
            application_claims: ["applicationClaims", "userFlowApplicationClaims"]
                .iter()
                .find_map(|key| node.get(key))
                .filter(|claims| claims.items().is_some()),
            endpoints: all(is_endpoint),
            listeners: some(all(is_listener))
                .or_else(|| empty(documents, "authenticationEventListeners")),
        })
    }

    /// The connector or extension that a reference stands for: itself where
    /// it was expanded, or the one of that id listed elsewhere.
    pub(super) fn endpoint(&self, reference: &'a Node) -> Option<&'a Node> {
        if is_endpoint(reference) {
            return Some(reference);
        }
        let by_address = reference
            .get_text("@odata.id")
            .and_then(|address| address.rsplit('/').next());
        let id = reference.get_text("id").or(by_address)?;
        self.endpoints
            .iter()
            .copied()
            .find(|endpoint| endpoint.get_text("id") == Some(id))
    }
}

/// The resources of a document: itself, the items of an array, or what Graph
/// wraps in `value`.
fn unwrap<'a>(node: &'a Node, resources: &mut Vec<&'a Node>) {
    if let Some(items) = node.items() {
        for item in items {
            unwrap(item, resources);
        }
        return;
    }
    match node.get("value") {
        Some(value) if value.is_object() => unwrap(value, resources),
        Some(_) | None => resources.push(node),
    }
}

/// An empty list that was exported by itself says what it is a list of only
/// in its context.
fn empty<'a>(documents: &'a [Node], part: &str) -> Option<Vec<&'a Node>> {
    let is = |node: &Node| {
        node.get_text("@odata.context")
            .is_some_and(|context| context.contains(part))
            && node.items().is_some_and(<[Node]>::is_empty)
    };
    let nested = documents.iter().filter_map(Node::items).flatten();
    documents.iter().chain(nested).any(is).then(Vec::new)
}

fn list<'a>(node: &'a Node, keys: &[&str]) -> Option<Vec<&'a Node>> {
    let lists = keys.iter().filter_map(|key| node.get(key)?.items());
    let lists: Vec<_> = lists.collect();
    (!lists.is_empty()).then(|| lists.into_iter().flatten().collect())
}

fn has(node: &Node, keys: &[&str]) -> bool {
    keys.iter().any(|key| node.get(key).is_some())
}

fn is_of_type(node: &Node, part: &str) -> bool {
    node.get_text("@odata.type").is_some_and(|name| {
        name.to_ascii_lowercase()
            .contains(&part.to_ascii_lowercase())
    })
}

fn flow(node: &Node) -> Option<Flow<'_>> {
    let external = [
        "onInteractiveAuthFlowStart",
        "onAuthenticationMethodLoadStart",
        "onAttributeCollection",
        "onAttributeCollectionStart",
        "onAttributeCollectionSubmit",
        "onUserCreateStart",
    ];
    if is_of_type(node, "SelfServiceSignUpEventsFlow") || has(node, &external) {
        return Some(Flow::ExternalId(node));
    }
    let named = node
        .get_text("id")
        .is_some_and(|id| id.to_ascii_lowercase().starts_with("b2c_1_"));
    let b2c = node.get("userFlowType").is_some()
        || (named && !is_assignment(node) && !is_connector_configuration(node));
    b2c.then_some(Flow::B2c(node))
}

fn is_assignment(node: &Node) -> bool {
    has(node, &["userInputType", "requiresVerification"])
}

fn is_provider(node: &Node) -> bool {
    is_of_type(node, "IdentityProvider") || has(node, &["identityProviderType"])
        // The deprecated resource.
        || (has(node, &["clientId"]) && has(node, &["type"]) && has(node, &["name"]))
}

fn is_connector_configuration(node: &Node) -> bool {
    has(node, &["postFederationSignup", "postAttributeCollection"])
}

fn is_endpoint(node: &Node) -> bool {
    has(node, &["targetUrl", "endpointConfiguration"])
}

fn is_listener(node: &Node) -> bool {
    is_of_type(node, "Listener")
}
