//! What happened in a journey, for whoever reads it afterwards: plain data, in
//! the order in which it happened. Secrets are masked when they are put in.

mod bounds;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{bag::Bag, value::Value};

/// One run of a journey.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trace {
    /// The journey's id in its address.
    pub(crate) id: String,
    pub(crate) correlation_id: Uuid,
    pub(crate) policy: String,
    /// `custom-policy`, `user-flow`, `external-id`.
    pub(crate) dialect: &'static str,
    pub(crate) client_id: String,
    /// RFC 3339.
    pub(crate) started: String,
    pub(crate) language: String,
    /// What the application asked for, by parameter.
    pub(crate) request: Map<String, Json>,
    pub(crate) steps: Vec<StepRecord>,
    /// None while a person is at a page.
    pub(crate) end: Option<EndRecord>,
}

/// Where something stands in the policy files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// One step, as often as it came up.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StepRecord {
    /// The journey or sub-journey.
    pub(crate) journey: String,
    pub(crate) order: u32,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) place: Option<Place>,
    /// Those that were looked at: from the first that holds on they are not.
    pub(crate) preconditions: Vec<PreconditionRecord>,
    pub(crate) is_skipped: bool,
    pub(crate) claims_before: Claims,
    /// Empty while the step is not done.
    pub(crate) claims_after: Claims,
    pub(crate) happenings: Vec<Happening>,
    /// Time in the step itself: nobody's time at a page counts.
    pub(crate) took_us: u64,
}

/// What a precondition said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreconditionRecord {
    /// `ClaimEquals authenticationSource = localAccountAuthentication`.
    pub(crate) text: String,
    pub(crate) claim: String,
    pub(crate) test: PreconditionTest,
    /// What the claim was then.
    pub(crate) actual: Option<Json>,
    pub(crate) execute_actions_if: bool,
    pub(crate) outcome: PreconditionOutcome,
    pub(crate) place: Option<Place>,
}

/// What is asked of the claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum PreconditionTest {
    ClaimsExist,
    ClaimEquals {
        value: String,
    },
    /// A type that nobody knows.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PreconditionOutcome {
    /// Its action is taken.
    Skips,
    Passes,
    /// The claim that is compared is missing: it counts for nothing.
    Ignored,
}

/// What happened in a step, in order.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Happening {
    /// A page was shown.
    Page {
        page: String,
        title: String,
    },
    /// The person did something on it: `continue`, `cancel`, `verify-code`, …
    /// with what was typed.
    Submitted {
        action: String,
        typed: Claims,
    },
    /// The page stayed, and said this.
    PageStays {
        message: String,
    },
    Profile(Box<ProfileRecord>),
    Note(Note),
}

/// Something an author may want to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Note {
    pub(crate) level: NoteLevel,
    pub(crate) text: String,
    pub(crate) place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoteLevel {
    Info,
    /// Probably not what the author meant.
    Warning,
}

/// One run of a technical profile.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileRecord {
    pub(crate) id: String,
    /// `REST`, `Azure Active Directory`, …
    pub(crate) provider: String,
    pub(crate) place: Option<Place>,
    /// Whether it stands behind a page.
    pub(crate) is_validation: bool,
    /// Of a validation profile that did not run: the precondition.
    pub(crate) skipped_by: Option<PreconditionRecord>,
    /// The session answered for it.
    pub(crate) is_from_session: bool,
    pub(crate) inputs: Vec<InputRecord>,
    pub(crate) transformations: Vec<TransformationRecord>,
    pub(crate) rest: Option<RestRecord>,
    /// What it set.
    pub(crate) outputs: Claims,
    pub(crate) failure: Option<FailureRecord>,
    pub(crate) notes: Vec<Note>,
    pub(crate) took_us: u64,
}

/// A claim as it was handed over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InputRecord {
    pub(crate) claim: String,
    /// The name it went under.
    pub(crate) name: String,
    pub(crate) value: Json,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransformationRecord {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) place: Option<Place>,
    /// `input` or `output` transformation of the profile.
    pub(crate) side: &'static str,
    pub(crate) outputs: Claims,
    pub(crate) failure: Option<String>,
}

/// A call of a REST service. Headers and bodies that prove somebody are masked.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RestRecord {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) request_headers: Vec<(String, String)>,
    pub(crate) request_body: Option<String>,
    pub(crate) attempts: u32,
    /// None when there was no reply.
    pub(crate) status: Option<u16>,
    pub(crate) reply_content_type: Option<String>,
    pub(crate) reply_body: Option<String>,
    /// Why there is no reply, or what is wrong with it.
    pub(crate) trouble: Option<String>,
    /// A fault was injected, or the reply scripted.
    pub(crate) injected: Option<String>,
    pub(crate) took_us: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailureRecord {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// How a journey ended.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub(crate) enum EndRecord {
    /// The claims that tokens are made of.
    Tokens { claims: Map<String, Json> },
    /// The application was told.
    Error { error: String, description: String },
    /// A page that leads nowhere.
    Blocked { message: String },
}

/// Claims by id, those of a password masked.
pub(crate) type Claims = Map<String, Json>;

pub(crate) const MASK: &str = "••••••";

/// What may be seen of claims. `is_secret` tells of an id whether it is a
/// password.
pub(crate) fn seen(bag: &Bag, is_secret: impl Fn(&str) -> bool) -> Claims {
    let claims = bag
        .iter()
        .map(|(id, value)| (id.to_owned(), seen_value(value, is_secret(id))));
    claims.collect()
}

pub(crate) fn seen_value(value: &Value, is_secret: bool) -> Json {
    match is_secret {
        true => MASK.into(),
        false => value.to_json(),
    }
}
