//! The catalogue of what is looked at in a user flow.

use super::FlowRuleId;

/// A rule about user flows, for people.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub id: FlowRuleId,
    pub title: &'static str,
    pub explanation: &'static str,
}

pub(super) const EMAIL: u8 = 1;
pub(super) const PROVIDERS: u8 = 2;
pub(super) const ATTRIBUTE: u8 = 3;
pub(super) const STEPS: u8 = 4;
pub(super) const ADDRESS: u8 = 5;
pub(super) const CREDENTIALS: u8 = 6;
pub(super) const CLAIMS: u8 = 7;
pub(super) const TOKEN: u8 = 8;
pub(super) const KIND: u8 = 9;

/// The rule `F01`, `f1` or `F1`.
pub fn rule(id: &str) -> Option<&'static Rule> {
    let number = id.strip_prefix(['F', 'f'])?.parse().ok()?;
    RULES.iter().find(|rule| rule.id == FlowRuleId(number))
}

pub const RULES: &[Rule] = &[
    Rule {
        id: FlowRuleId(EMAIL),
        title: "The e-mail address is verified on every path",
        explanation: "A sign-up is linked to the customer whose address it gives. Where the flow \
                      takes an address without sending a code to it, anybody who knows a \
                      customer's address takes the customer over.",
    },
    Rule {
        id: FlowRuleId(PROVIDERS),
        title: "Addresses of federated providers are believed only where the provider vouches for them",
        explanation: "A federated provider hands over an address, verified or not; nothing in the \
                      export says which. idlink believes only the providers that the tenant's \
                      trusted_providers lists.",
    },
    Rule {
        id: FlowRuleId(ATTRIBUTE),
        title: "Nobody can type the customer number",
        explanation: "An attribute that the flow collects is a field on the page. The customer \
                      number comes from idlink when a token is issued and need not be kept in the \
                      directory: it is no attribute of the flow.",
    },
    Rule {
        id: FlowRuleId(STEPS),
        title: "idlink is asked before the account is created",
        explanation: "Before the user is created decides for every sign-up; after federating \
                      refuses early what is certain to be refused. Without the first, accounts \
                      are created that should not be.",
    },
    Rule {
        id: FlowRuleId(ADDRESS),
        title: "The steps call idlink's address for this platform",
        explanation: "B2C user flows call https://HOST/connectors/TENANT/user-flow, External ID \
                      calls https://HOST/connectors/TENANT/external-id.",
    },
    Rule {
        id: FlowRuleId(CREDENTIALS),
        title: "The caller authenticates itself",
        explanation: "idlink answers nobody without credentials, and a connector without any \
                      cannot call it: every sign-up would end on an error page.",
    },
    Rule {
        id: FlowRuleId(CLAIMS),
        title: "The token carries the customer number",
        explanation: "A claim that idlink returns reaches the token only if it is ticked under \
                      Application claims.",
    },
    Rule {
        id: FlowRuleId(TOKEN),
        title: "idlink is asked before a token is issued",
        explanation: "The link is recorded, and the number given, at the last step. Graph does \
                      not export it for B2C user flows.",
    },
    Rule {
        id: FlowRuleId(KIND),
        title: "The flow signs people up",
        explanation: "Only a flow that creates accounts links them.",
    },
];
