//! The list of calls that the tenant placed, as an administrator would find
//! them in the audit log, and more.

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::exchange::{Call, Exchange};

/// Which kind of caller the tenant was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dialect {
    UserFlow,
    CustomPolicy,
    ExternalId,
}

impl Dialect {
    fn activity(self) -> &'static str {
        match self {
            Self::UserFlow => "An API was called as part of a user flow",
            Self::CustomPolicy => "A RESTful technical profile was called",
            Self::ExternalId => "A custom authentication extension was called",
        }
    }
}

/// One call and what was made of its reply.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Audit {
    pub(super) number: u64,
    pub(super) category: &'static str,
    pub(super) activity: &'static str,
    pub(super) dialect: Dialect,
    pub(super) time: String,
    pub(super) flow: String,
    pub(super) step: String,
    pub(super) correlation_id: Option<Uuid>,
    pub(super) url: String,
    pub(super) number_of_attempts: u32,
    pub(super) duration_ms: u64,
    /// HTTP status of the last attempt, none when there was no reply.
    pub(super) status: Option<u16>,
    pub(super) judgement: &'static str,
    pub(super) error_code: Option<&'static str>,
    pub(super) detail: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) claims: Map<String, Value>,
    pub(super) request_body: String,
    pub(super) reply_content_type: Option<String>,
    pub(super) reply_body: Option<String>,
}

impl Audit {
    /// An entry for a call, not yet numbered nor judged.
    pub(super) fn of(dialect: Dialect, call: &Call, url: &str, request_body: &[u8]) -> Self {
        let (reply_content_type, reply_body) = match &call.exchange {
            Exchange::Reply {
                content_type, body, ..
            } => (content_type.clone(), Some(abridged(body))),
            _ => (None, None),
        };
        Self {
            number: 0,
            category: "Authentication",
            activity: dialect.activity(),
            dialect,
            time: String::new(),
            flow: String::new(),
            step: String::new(),
            correlation_id: None,
            url: url.to_owned(),
            number_of_attempts: call.attempts,
            duration_ms: u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            status: call.exchange.status(),
            judgement: "",
            error_code: None,
            detail: None,
            warnings: Vec::new(),
            claims: Map::new(),
            request_body: String::from_utf8_lossy(request_body).into_owned(),
            reply_content_type,
            reply_body,
        }
    }
}

/// Replies are kept whole up to here.
const MAX_AUDITED: usize = 64 * 1024;

fn abridged(body: &[u8]) -> String {
    let kept = body.get(..MAX_AUDITED).unwrap_or(body);
    String::from_utf8_lossy(kept).into_owned()
}
