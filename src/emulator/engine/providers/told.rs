//! What a flow's own calls, of connectors and of extensions, have in common: the
//! person they tell of, and how a trace shows them.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value as Json;
use uuid::Uuid;

use super::Call;
use crate::emulator::{
    audit::Audit,
    engine::{
        bag::Bag,
        trace::{MASK, Note, NoteLevel, ProfileRecord, RestRecord},
        value::Value,
    },
    exchange,
    judge::BUILT_IN,
    settings::FederatedIdentity,
};

/// The person as the journey knows them.
pub(super) struct Person {
    pub(super) email: Option<String>,
    pub(super) federated: Option<FederatedIdentity>,
    /// By short name.
    pub(super) attributes: BTreeMap<String, Json>,
    pub(super) object_id: Option<Uuid>,
}

impl Person {
    pub(super) fn of(bag: &Bag) -> Self {
        let text = |claim: &str| bag.get(claim).map(Value::text);
        let identity = text("alternativeSecurityId");
        let attributes = bag
            .iter()
            .filter(|(id, _)| BUILT_IN.contains(id) || id.starts_with("extension_"));
        Self {
            email: text("email"),
            federated: identity.and_then(|identity| alternative_security_id(&identity)),
            attributes: attributes
                .map(|(id, value)| (id.to_owned(), value.to_json()))
                .collect(),
            object_id: text("objectId").and_then(|id| id.parse().ok()),
        }
    }
}

/// Who stands behind an `alternativeSecurityId`.
fn alternative_security_id(text: &str) -> Option<FederatedIdentity> {
    let value: Json = serde_json::from_str(text).ok()?;
    let subject = STANDARD.decode(value.get("key")?.as_str()?).ok()?;
    Some(FederatedIdentity {
        issuer: value.get("identityProvider")?.as_str()?.to_owned(),
        subject: String::from_utf8(subject).ok()?,
    })
}

/// Puts a call that was judged into the trace. `scheme` is that of its
/// credentials.
pub(super) fn put(call: &Call<'_>, record: &mut ProfileRecord, entry: &Audit, scheme: &str) {
    record.rest = Some(RestRecord {
        method: "POST".to_owned(),
        url: entry.url.clone(),
        request_headers: vec![
            exchange::json_content_type(),
            ("Authorization".to_owned(), format!("{scheme} {MASK}")),
        ],
        request_body: Some(entry.request_body.clone()),
        attempts: entry.number_of_attempts,
        status: entry.status,
        reply_content_type: entry.reply_content_type.clone(),
        reply_body: entry.reply_body.clone(),
        trouble: entry.detail.clone(),
        injected: None,
        took_us: entry.duration_ms.saturating_mul(1_000),
    });
    for warning in &entry.warnings {
        record.notes.push(Note {
            level: NoteLevel::Warning,
            text: warning.clone(),
            place: call.scene.program.place(call.profile.element),
        });
    }
}
