//! Asks the API connector of a user flow, at the step that the profile is named
//! for.

use serde_json::Map;

use super::{
    Call,
    told::{self, Person},
};
use crate::emulator::{
    audit::{Audit, Dialect},
    connector::{self, Context, Subject},
    engine::{
        failure::{Failure, PageText},
        mapping::Given,
        trace::{Note, NoteLevel, ProfileRecord},
    },
    judge::{Bench, Failure as Broken, Judgement, Step, Verdict},
    settings::UserFlow,
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
    let person = Person::of(call.scene.bag);
    let context = Context {
        client_id: &call.scene.context.request.client_id,
        ui_locales: &call.scene.context.tag,
        extensions_app_id: &tenant.extensions_app_id,
        tenant_domain: &tenant.domain,
        variants: &variants,
    };
    let object_id = match step {
        Step::PreTokenIssuance => person.object_id,
        Step::PostFederationSignup | Step::PostAttributeCollection => None,
    };
    let subject = Subject {
        email: person.email.as_deref(),
        federated: person.federated.as_ref(),
        attributes: &person.attributes,
        object_id,
    };
    let body = connector::body(step, &context, &subject).map_err(|error| {
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
    let entry = audit(call, flow, step, &judgement, entry);
    told::put(call, record, &entry, "Basic");
    tenant.audit(entry);
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
