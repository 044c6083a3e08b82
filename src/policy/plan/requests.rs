//! A plan as requests, for people and for programs.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::templates::{Attachment, Connector, Key, KeyKind, KeyType, Usage};
use super::{Plan, Step, What};

/// What may stand as it is in a segment of a path (RFC 3986, 3.3).
const SEGMENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One request, below Graph's address.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub body: Body,
}

/// Secrets are `{Secret:NAME}`, connectors' ids `{ApiConnector:name}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Json(Value),
    /// The bytes of the step's file.
    Xml(usize),
}

pub(super) const KEY_SETS: &str = "/beta/trustFramework/keySets";
pub(super) const CONNECTORS: &str = "/v1.0/identity/apiConnectors";

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, &SEGMENT).to_string()
}

pub(super) fn policy_path(id: &str) -> String {
    format!("/beta/trustFramework/policies/{}/$value", segment(id))
}

pub(super) fn key_path(id: &str) -> String {
    format!("{KEY_SETS}/{}", segment(id))
}

pub(super) fn flow_path(flow: &str) -> String {
    let flow = segment(flow);
    format!("/beta/identity/b2cUserFlows/{flow}/apiConnectorConfiguration")
}

pub(super) fn attachment_path(attachment: &Attachment) -> String {
    let step = segment(&attachment.step);
    format!("{}/{step}/$ref", flow_path(&attachment.flow))
}

/// The action that fills a key set, and its body without secrets.
pub(super) fn fill(key: &Key) -> (&'static str, Value) {
    let secret = |name: &Option<String>| match name {
        Some(name) => format!("{{Secret:{name}}}"),
        None => String::new(),
    };
    let usage = match key.usage {
        Some(Usage::Enc) => "enc",
        Some(Usage::Sig) | None => "sig",
    };
    match key.kind {
        KeyKind::Generate => {
            let kty = match key.kty {
                Some(KeyType::Oct) => "OCT",
                Some(KeyType::Rsa) | None => "RSA",
            };
            ("generateKey", json!({"use": usage, "kty": kty}))
        }
        KeyKind::Secret => (
            "uploadSecret",
            json!({"use": usage, "k": secret(&key.environment)}),
        ),
        KeyKind::Pkcs12 => (
            "uploadPkcs12",
            json!({
                "key": secret(&key.environment),
                "password": secret(&key.password_environment),
            }),
        ),
    }
}

impl Step {
    /// What is sent to a tenant that has nothing of it yet, with Graph at `graph`.
    pub fn requests(&self, graph: &str) -> Vec<Request> {
        match &self.what {
            What::Key(key) => {
                let (action, body) = fill(key);
                vec![
                    Request {
                        method: "POST",
                        path: KEY_SETS.to_owned(),
                        body: Body::Json(json!({"id": key.id})),
                    },
                    Request {
                        method: "POST",
                        path: format!("{}/{action}", key_path(&key.id)),
                        body: Body::Json(body),
                    },
                ]
            }
            What::Connector(connector) => vec![Request {
                method: "POST",
                path: CONNECTORS.to_owned(),
                body: Body::Json(connector.body.clone()),
            }],
            What::Policy(policy) => vec![Request {
                method: "PUT",
                path: policy_path(&policy.id),
                body: Body::Xml(policy.content.len()),
            }],
            What::Attachment(attachment) => {
                let id = match &attachment.connector {
                    Connector::Named(name) => Some(format!("{{ApiConnector:{name}}}")),
                    Connector::WithId(id) => Some(id.clone()),
                    Connector::None => None,
                };
                vec![Request {
                    method: "PUT",
                    path: attachment_path(attachment),
                    body: Body::Json(reference(graph, id.as_deref())),
                }]
            }
        }
    }

    /// When nothing is sent.
    fn unless(&self) -> &'static str {
        match self.what {
            What::Key(_) => "unless the key set has a key",
            What::Connector(_) => "PATCH if there is one of that name; nothing if it is the same",
            What::Policy(_) | What::Attachment(_) => "unless it is the same already",
        }
    }

    fn kind(&self) -> &'static str {
        match self.what {
            What::Key(_) => "key",
            What::Connector(_) => "apiConnector",
            What::Policy(_) => "policy",
            What::Attachment(_) => "userFlow",
        }
    }

    fn id(&self) -> &str {
        match &self.what {
            What::Key(key) => &key.id,
            What::Connector(connector) => &connector.name,
            What::Policy(policy) => &policy.id,
            What::Attachment(attachment) => &attachment.flow,
        }
    }
}

/// The body that attaches a connector, or detaches whatever there is.
pub(super) fn reference(graph: &str, id: Option<&str>) -> Value {
    match id {
        Some(id) => json!({"@odata.id": format!("{graph}{CONNECTORS}/{id}")}),
        None => json!({}),
    }
}

impl Plan {
    /// The steps and their requests, as text.
    pub fn text(&self, graph: &str) -> String {
        let mut text = String::new();
        let tenant = self.tenant.as_deref().unwrap_or("no tenant is named");
        let steps = match self.steps.len() {
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        };
        // Writing to memory cannot fail.
        let _ = writeln!(text, "Tenant {tenant}: {steps}");
        for base in &self.expected {
            let _ = writeln!(text, "  has to be there: policy {base}");
        }
        for (index, step) in self.steps.iter().enumerate() {
            let number = index + 1;
            let path = step.path.display();
            let _ = writeln!(text, "\n{number:>3}. {} ({path})", step.name());
            for request in step.requests(graph) {
                let body = match &request.body {
                    Body::Json(body) => body.to_string(),
                    Body::Xml(bytes) => format!("application/xml, {bytes} bytes"),
                };
                let _ = writeln!(text, "     {} {}", request.method, request.path);
                let _ = writeln!(text, "       {body}");
            }
            let _ = writeln!(text, "     {}", step.unless());
        }
        text
    }

    /// The same for programs.
    pub fn json(&self, graph: &str) -> Value {
        let steps = self.steps.iter().map(|step| {
            let requests = step.requests(graph).into_iter().map(|request| {
                let body = match request.body {
                    Body::Json(body) => json!({"json": body}),
                    Body::Xml(_) => json!({"file": step.path.display().to_string()}),
                };
                let content_type = match body.get("file") {
                    Some(_) => "application/xml",
                    None => "application/json",
                };
                json!({
                    "method": request.method,
                    "path": request.path,
                    "contentType": content_type,
                    "body": body,
                })
            });
            json!({
                "kind": step.kind(),
                "id": step.id(),
                "file": step.path.display().to_string(),
                "requests": requests.collect::<Vec<_>>(),
            })
        });
        json!({
            "tenant": self.tenant,
            "expected": self.expected,
            "steps": steps.collect::<Vec<_>>(),
        })
    }
}
