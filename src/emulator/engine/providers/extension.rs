//! Tells a custom authentication extension of the event that the profile is
//! named for, and does what it answers.

use serde_json::{Map, Value as Json};

use super::{
    Call,
    told::{self, Person},
};
use crate::emulator::{
    engine::{
        failure::{Failure, PageText},
        mapping::Given,
        trace::{Note, NoteLevel, ProfileRecord},
    },
    external_id::{self, EventKind, EventOutcome, ExtensionEvent, flow::list_name},
    settings::{AttributeKind, Extension, ExternalIdFlow},
};

pub(super) async fn execute(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Given, Failure> {
    let tenant = call.scene.tenant;
    let flow = tenant.external.named(&call.scene.program.id);
    let (Some(flow), Some(kind)) = (flow, EventKind::read(call.profile.id())) else {
        let text = format!("There is no event '{}'.", call.profile.id());
        return Err(failed(text));
    };
    let extension = {
        let state = tenant.state();
        let extensions = state.extensions.get(&flow.name.to_lowercase());
        extensions.and_then(|extensions| extensions.of(kind).cloned())
    };
    let Some(extension) = extension else {
        record.notes.push(Note {
            level: NoteLevel::Info,
            text: "No custom authentication extension is chosen for this event.".to_owned(),
            place: None,
        });
        return Ok(Given::default());
    };
    let event = event(call, flow, kind, extension);
    let told = external_id::tell(tenant, &event).await;
    let told = told.map_err(|error| failed(error.to_string()))?;
    told::put(call, record, &told.entry, "Bearer");
    taken(call, told.report.outcome)
}

/// The event as the journey has it.
fn event(
    call: &Call<'_>,
    flow: &ExternalIdFlow,
    kind: EventKind,
    extension: Extension,
) -> ExtensionEvent {
    let context = call.scene.context;
    let client_id = &context.request.client_id;
    let application = call.scene.tenant.application(client_id);
    let person = Person::of(call.scene.bag);
    ExtensionEvent {
        event: kind,
        target_url: extension.target_url,
        shape: extension.shape,
        token: extension.token,
        client_id: client_id.clone(),
        client_name: application.map_or_else(String::new, |own| own.name.clone()),
        attributes: attributes(flow, kind, &person),
        email: person.email,
        federated: person.federated,
        object_id: person.object_id,
        user: Map::new(),
        one_time_code: None,
        locale: context.tag.to_lowercase(),
        ip: Some(context.ip_address.clone()),
        correlation_id: Some(context.correlation_id),
        tenant_id: None,
        listener_id: extension.listener_id,
        extension_id: extension.extension_id,
        claims_for_token: extension.claims_for_token,
        fallback_on_error: false,
        time_limit_ms: extension.time_limit_ms,
        maximum_retries: extension.maximum_retries,
        retry_on: extension.retry_on,
    }
}

/// What is known before the form; all that the form collects, a text that was
/// left empty as such (inferred); of the account what the callout tells.
fn attributes(flow: &ExternalIdFlow, kind: EventKind, person: &Person) -> Map<String, Json> {
    let known = || person.attributes.clone().into_iter();
    match kind {
        EventKind::AttributeCollectionSubmit => {
            let collected = flow.attributes.iter().filter(|own| own.name != "email");
            let values = collected.filter_map(|own| {
                let empty = (own.kind == AttributeKind::String).then(|| Json::from(""));
                let value = person.attributes.get(&own.name).cloned().or(empty)?;
                Some((own.name.clone(), value))
            });
            values.collect()
        }
        EventKind::AttributeCollectionStart
        | EventKind::TokenIssuanceStart
        | EventKind::EmailOtpSend => known().collect(),
    }
}

fn taken(call: &Call<'_>, outcome: EventOutcome) -> Result<Given, Failure> {
    let short = |name: &str| external_id::short_name(call.scene.tenant, name);
    let named = |values: Map<String, Json>| {
        let values = values.into_iter();
        Given::exact(values.map(|(name, value)| (short(&name), value)))
    };
    match outcome {
        EventOutcome::Continue | EventOutcome::SentByMicrosoft => Ok(Given::default()),
        EventOutcome::Prefill { inputs } => Ok(named(inputs)),
        EventOutcome::Modify { attributes } => Ok(named(attributes)),
        EventOutcome::Claims { claims } => {
            Ok(Given::exact(claims.into_iter().filter_map(provided)))
        }
        EventOutcome::ValidationError {
            message,
            attribute_errors,
        } => {
            let errors = attribute_errors
                .iter()
                .filter_map(|(name, text)| Some((short(name), text.as_str()?.to_owned())));
            let page = PageText::Fields {
                message: message.clone(),
                fields: errors.collect(),
            };
            Err(Failure {
                page,
                ..failed(message)
            })
        }
        EventOutcome::BlockPage { title, message } => Err(Failure {
            page: PageText::Blocks {
                title,
                message: message.clone(),
            },
            ..failed(message)
        }),
        EventOutcome::Failed {
            application_error, ..
        } => Err(Failure {
            code: application_error.to_owned(),
            ..failed("A custom authentication extension failed: non-retryable error.")
        }),
    }
}

/// An empty claim is none, so that tokens leave it out (inferred).
fn provided((id, value): (String, Json)) -> Option<(String, Json)> {
    match &value {
        Json::String(text) if text.is_empty() => None,
        Json::Array(items) if items.is_empty() => None,
        Json::Array(_) => Some((list_name(&id), value)),
        _ => Some((id, value)),
    }
}

/// "OIDC apps receive a generic error and no token", wherever it happened.
fn failed(text: impl Into<String>) -> Failure {
    Failure {
        error: "server_error",
        code: "AADSTS1100001".to_owned(),
        text: text.into(),
        page: PageText::Application,
    }
}
