//! Asks the API connector of a user flow, at the step that the profile is named
//! for.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};

use super::Call;
use crate::emulator::{
    audit::{Audit, Dialect},
    connector::{self, Context, Subject},
    engine::{
        failure::{Failure, PageText},
        mapping::Given,
        trace::{Note, NoteLevel, ProfileRecord, RestRecord},
        value::Value,
    },
    exchange,
    judge::{BUILT_IN, Bench, Failure as Broken, Judgement, Step, Verdict},
    settings::{Connector, FederatedIdentity, UserFlow},
};

pub(super) async fn execute(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Given, Failure> {
    let tenant = call.scene.tenant;
    let Some(step) = Step::read(call.profile.id()) else {
        return Err(unknown(call));
    };
    let Some(flow) = tenant.flow(&call.scene.program.id) else {
        return Err(unknown(call));
    };
    let (connector, variants) = {
        let state = tenant.state();
        let connectors = state.connectors.get(&flow.name.to_lowercase());
        let connector = connectors.and_then(|connectors| match step {
            Step::PostFederationSignup => connectors.post_federation_signup.clone(),
            Step::PostAttributeCollection => connectors.post_attribute_collection.clone(),
            Step::PreTokenIssuance => connectors.pre_token_issuance.clone(),
        });
        (connector, state.variants.clone())
    };
    let Some(connector) = connector else {
        record.notes.push(Note {
            level: NoteLevel::Info,
            text: "No API connector is chosen for this step.".to_owned(),
            place: None,
        });
        return Ok(Given::default());
    };
    let person = Person::of(call, step);
    let context = Context {
        client_id: &call.scene.context.request.client_id,
        ui_locales: &call.scene.context.tag,
        extensions_app_id: &tenant.extensions_app_id,
        tenant_domain: &tenant.domain,
        variants: &variants,
    };
    let body = connector::body(step, &context, &person.subject()).map_err(|error| {
        technical(&Broken {
            code: "AADB2C90085",
            text: "The service has encountered an internal error.".to_owned(),
            why: format!("the request could not be written: {error}"),
        })
    })?;
    let placed = connector::call(&tenant.http, &connector, &variants, &body).await;
    let bench = Bench {
        step,
        flow,
        extensions_app_id: &tenant.extensions_app_id,
        custom: &tenant.custom,
    };
    let judgement = bench.judge(&placed.exchange);
    let entry = Audit::of(Dialect::UserFlow, &placed, &connector.url, &body);
    tell(call, record, &connector, &entry, &judgement);
    tenant.audit(audit(call, flow, step, &judgement, entry));
    match judgement.verdict {
        Verdict::Continue(claims) => Ok(Given::exact(claims)),
        Verdict::Block(message) => Err(Failure {
            page: PageText::Blocks {
                title: None,
                message: message.clone(),
            },
            ..Failure::technical("AADB2C90075", message)
        }),
        Verdict::Invalid(message) => Err(Failure {
            page: PageText::Said(message.clone()),
            ..Failure::technical("AADB2C90075", message)
        }),
        Verdict::Failed(broken) => Err(technical(&broken)),
    }
}

fn unknown(call: &Call<'_>) -> Failure {
    Failure::technical(
        "AADB2C90085",
        format!("There is no API connector step '{}'.", call.profile.id()),
    )
}

/// B2C shows a page of its own.
fn technical(broken: &Broken) -> Failure {
    Failure {
        page: PageText::Technical,
        ..Failure::technical(broken.code, broken.text.as_str())
    }
}

fn audit(
    call: &Call<'_>,
    flow: &UserFlow,
    step: Step,
    judgement: &Judgement,
    entry: Audit,
) -> Audit {
    let (error_code, detail) = match &judgement.verdict {
        Verdict::Failed(failure) => (Some(failure.code), Some(failure.why.clone())),
        Verdict::Continue(_) | Verdict::Block(_) | Verdict::Invalid(_) => (None, None),
    };
    Audit {
        time: call.scene.tenant.timestamp(),
        flow: flow.name.clone(),
        step: step.name().to_owned(),
        judgement: judgement.verdict.name(),
        error_code,
        detail,
        warnings: judgement.warnings.clone(),
        claims: match &judgement.verdict {
            Verdict::Continue(claims) => claims.clone(),
            Verdict::Block(_) | Verdict::Invalid(_) | Verdict::Failed(_) => Map::new(),
        },
        ..entry
    }
}

/// The call, for the trace.
fn tell(
    call: &Call<'_>,
    record: &mut ProfileRecord,
    connector: &Connector,
    entry: &Audit,
    judgement: &Judgement,
) {
    let trouble = match &judgement.verdict {
        Verdict::Failed(failure) => Some(failure.why.clone()),
        Verdict::Continue(_) | Verdict::Block(_) | Verdict::Invalid(_) => None,
    };
    record.rest = Some(RestRecord {
        method: "POST".to_owned(),
        url: connector.url.clone(),
        request_headers: vec![
            exchange::json_content_type(),
            ("Authorization".to_owned(), "Basic ••••••".to_owned()),
        ],
        request_body: Some(entry.request_body.clone()),
        attempts: entry.number_of_attempts,
        status: entry.status,
        reply_content_type: entry.reply_content_type.clone(),
        reply_body: entry.reply_body.clone(),
        trouble,
        injected: None,
        took_us: entry.duration_ms.saturating_mul(1_000),
    });
    for warning in &judgement.warnings {
        record.notes.push(Note {
            level: NoteLevel::Warning,
            text: warning.clone(),
            place: call.scene.program.place(call.profile.element),
        });
    }
}

/// The person as a step knows them.
struct Person {
    email: Option<String>,
    federated: Option<FederatedIdentity>,
    attributes: BTreeMap<String, Json>,
    object_id: Option<uuid::Uuid>,
}

impl Person {
    fn of(call: &Call<'_>, step: Step) -> Self {
        let bag = call.scene.bag;
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
            object_id: match step {
                Step::PreTokenIssuance => text("objectId").and_then(|id| id.parse().ok()),
                Step::PostFederationSignup | Step::PostAttributeCollection => None,
            },
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            email: self.email.as_deref(),
            federated: self.federated.as_ref(),
            attributes: &self.attributes,
            object_id: self.object_id,
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
