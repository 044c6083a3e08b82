//! Whether a user flow is safe to link customers by address.
//!
//! A user flow is configured in the portal; Microsoft Graph exports most of
//! it. What Graph does not export is said, with the place to look: silence
//! would read as approval.
//!
//! Accepted is what these calls print, in one file or in a folder, as they
//! are or put into one array (`jq -s . *.json`):
//!
//! ```sh
//! graph=https://graph.microsoft.com
//! flow=$graph/beta/identity/b2cUserFlows/B2C_1_signupsignin
//! az rest --url "$flow" > 1.json
//! az rest --url "$flow/userAttributeAssignments?\$expand=userAttribute" > 2.json
//! az rest --url "$flow/userFlowIdentityProviders" > 3.json
//! az rest --url "$flow/apiConnectorConfiguration?\$expand=postFederationSignup,postAttributeCollection" > 4.json
//! # External ID
//! az rest --url "$graph/v1.0/identity/authenticationEventsFlows/$id" > 1.json
//! az rest --url "$graph/v1.0/identity/customAuthenticationExtensions" > 2.json
//! az rest --url "$graph/v1.0/identity/authenticationEventListeners" > 3.json
//! ```
//!
//! Shapes: Graph reference, `b2cIdentityUserFlow` (beta),
//! `userFlowApiConnectorConfiguration` (beta) and `authenticationEventsFlow`.

mod b2c;
mod export;
mod external_id;
mod json;
mod origin;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

use super::encoding::decode;
use super::finding::Severity;
use super::source::{FileId, Position, Sources, Span};
use export::{Export, Flow};
pub use rules::{RULES, Rule, rule};

/// A rule about user flows, by its number: `F01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowRuleId(pub u8);

impl fmt::Display for FlowRuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{:02}", self.0)
    }
}

/// One thing that is wrong with a user flow, may be, or cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFinding {
    pub rule: FlowRuleId,
    pub severity: Severity,
    pub span: Span,
    /// JSON pointer (RFC 6901) into the file of the span; empty for all of it.
    pub pointer: String,
    /// A sentence without a full stop.
    pub message: String,
    /// What to do, or where to look.
    pub mend: Option<String>,
}

/// The names of our two attributes, without `extension_` and the app's id.
#[derive(Clone, Debug)]
pub struct Attributes {
    pub customer_id: String,
    pub customer_link: String,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            customer_id: "CustomerId".to_owned(),
            customer_link: "CustomerLink".to_owned(),
        }
    }
}

/// Why nothing can be said of an export.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotAFlow {
    #[error("{reason} at line {}, column {}", position.line, position.column)]
    Malformed {
        file: FileId,
        reason: String,
        position: Position,
    },
    #[error(
        "no user flow in it: expected what Microsoft Graph prints for a b2cUserFlows or an authenticationEventsFlows resource"
    )]
    NoFlow,
    #[error("{0} user flows in it: check them one by one")]
    Several(usize),
}

/// The text of an export. PowerShell writes UTF-16 into a file; `None` where
/// the bytes are no text.
pub fn text(bytes: &[u8]) -> Option<String> {
    let decoded = decode(bytes);
    let garbled = decoded.problem.is_some_and(|problem| problem.garbled);
    (!garbled).then_some(decoded.text)
}

/// Looks at one user flow, whose export is in these files.
pub fn check(
    sources: &Sources,
    files: &[FileId],
    attributes: &Attributes,
) -> Result<Vec<FlowFinding>, NotAFlow> {
    let mut documents = Vec::new();
    for file in files {
        documents.push(json::parse(*file, sources.get(*file).text())?);
    }
    let export = Export::read(&documents)?;
    let mut findings = Findings::default();
    origin::check(export.flow.node(), &documents, &mut findings);
    match export.flow {
        Flow::B2c(flow) => b2c::check(flow, &export, attributes, &mut findings),
        Flow::ExternalId(flow) => external_id::check(flow, &export, attributes, &mut findings),
    }
    let mut seen = Vec::new();
    // One connector may serve several steps.
    findings.0.retain(|finding| {
        let new = !seen.contains(finding);
        if new {
            seen.push(finding.clone());
        }
        new
    });
    Ok(findings.0)
}

#[derive(Default)]
struct Findings(Vec<FlowFinding>);

impl Findings {
    fn add(
        &mut self,
        rule: u8,
        severity: Severity,
        at: &json::Node,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.0.push(FlowFinding {
            rule: FlowRuleId(rule),
            severity,
            span: at.span,
            pointer: at.pointer.clone(),
            message: message.into(),
            mend: Some(mend.into()),
        });
    }
}

/// Whether `id` is the attribute of that name: `CustomerId` itself or
/// `extension_<app id>_CustomerId`.
fn is_attribute(id: &str, name: &str) -> bool {
    let (id, name) = (id.to_ascii_lowercase(), name.to_ascii_lowercase());
    id == name || (id.starts_with("extension_") && id.ends_with(&format!("_{name}")))
}
