//! The beginning of a journey, from an authorization request that passed every
//! check.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Visit;
use crate::emulator::{
    audit::Dialect,
    engine::{
        context::Context,
        journey::{Journey, Next},
        program::Program,
        secrets::is_secret_name,
        session::Sso,
        trace::{MASK, Trace},
    },
    oidc::{Delivery, OAuthError, Request},
    pages,
    params::Params,
    state::{Tenant, random_id},
};

/// Runs the journey up to its first page, or to its end if a session says all
/// that is to be said.
pub(in crate::emulator) async fn start(
    tenant: &Tenant,
    program: Arc<Program>,
    http: &HttpRequest,
    parameters: Params,
    request: Request,
    tag: String,
) -> HttpResponse {
    let session_id = pages::cookie(tenant, http, "sso");
    let sso = session_id
        .as_deref()
        .and_then(|id| session(tenant, &program, id, &parameters));
    let browser = pages::cookie(tenant, http, "browser").unwrap_or_else(random_id);
    let context = context(tenant, http, parameters, request, tag, sso.as_ref());
    let asks_nobody = context.parameters.get("prompt") == Some("none");
    let trace = trace(tenant, &program, &context);
    let mut visit = Visit {
        journey: Journey::new(program, context, sso.unwrap_or_default(), trace),
        csrf: random_id(),
        browser: browser.clone(),
        session: session_id,
        outcome: None,
    };
    let next = visit.journey.run(tenant).await;
    if asks_nobody && matches!(next, Next::Page) {
        return interaction_required(tenant, &mut visit);
    }
    let mut response = visit.go(tenant, next);
    pages::set_cookie(tenant, &mut response, "browser", &browser);
    let id = visit.journey.context.journey_id.clone();
    let visit = Arc::new(tokio::sync::Mutex::new(visit));
    tenant.state().journeys.insert(id, visit);
    response
}

fn interaction_required(tenant: &Tenant, visit: &mut Visit) -> HttpResponse {
    let text = "User does not have an existing session and request prompt parameter has a value \
                of 'None'.";
    let error = OAuthError::new("interaction_required", "AADB2C90077", text);
    visit.journey.interrupt(&error);
    tenant.put_trace(visit.journey.trace.clone());
    let context = &visit.journey.context;
    Delivery::error(&context.request, &error, context, tenant.now()).respond()
}

/// The browser's session, unless it is too old or the application wants the
/// person asked again.
fn session(tenant: &Tenant, program: &Program, id: &str, parameters: &Params) -> Option<Sso> {
    if matches!(parameters.get("prompt"), Some("login" | "select_account")) {
        return None;
    }
    let kept = tenant.state().sessions.get(id).cloned();
    let mut sso = kept.filter(|sso| !sso.is_over())?;
    match program.dialect {
        // A custom policy says itself what becomes of them.
        Dialect::CustomPolicy => {}
        Dialect::UserFlow | Dialect::ExternalId => {
            let state = tenant.state();
            sso.keep_accounts(|account| {
                let id = account.parse().ok();
                id.is_some_and(|id| state.directory.get(id).is_some())
            });
        }
    }
    let now = tenant.now();
    let rules = &program.session;
    let since = match rules.is_rolling {
        true => sso.used,
        false => sso.auth_time,
    };
    let lasts = sso.kept_for.unwrap_or(rules.seconds);
    let is_alive = now < since.saturating_add(lasts);
    let max_age = parameters
        .get("max_age")
        .and_then(|age| age.parse::<i64>().ok());
    // Zero asks the person again, however quick they are.
    let is_fresh = max_age.is_none_or(|age| age > 0 && now <= sso.auth_time.saturating_add(age));
    (is_alive && is_fresh).then_some(sso)
}

fn context(
    tenant: &Tenant,
    http: &HttpRequest,
    parameters: Params,
    request: Request,
    tag: String,
    sso: Option<&Sso>,
) -> Context {
    let now = tenant.now();
    let connection = http.connection_info();
    Context {
        journey_id: random_id(),
        correlation_id: Uuid::new_v4(),
        request,
        parameters,
        tag,
        ip_address: connection.peer_addr().unwrap_or("127.0.0.1").to_owned(),
        host: connection.host().to_owned(),
        base_url: tenant.base_url_for(http).to_owned(),
        started: now,
        auth_time: sso.map_or(now, |sso| sso.auth_time),
        keep_signed_in: false,
        provider_tokens: BTreeMap::new(),
    }
}

pub(in crate::emulator) fn trace(tenant: &Tenant, program: &Program, context: &Context) -> Trace {
    Trace {
        id: context.journey_id.clone(),
        correlation_id: context.correlation_id,
        policy: program.id.clone(),
        dialect: match program.dialect {
            Dialect::CustomPolicy => "custom-policy",
            Dialect::UserFlow => "user-flow",
            Dialect::ExternalId => "external-id",
        },
        client_id: context.request.client_id.clone(),
        started: tenant.timestamp(),
        language: context.tag.clone(),
        request: asked(&context.parameters),
        steps: Vec::new(),
        end: None,
    }
}

/// What the application asked, without what proves it is the same one later.
/// Secrets have no business there, and are not shown when they come.
fn asked(parameters: &Params) -> Map<String, Value> {
    const KEPT_BACK: [&str; 5] = [
        "code_challenge",
        "code_verifier",
        "nonce",
        "state",
        "id_token_hint",
    ];
    let asked = parameters
        .iter()
        .filter(|(name, _)| !KEPT_BACK.contains(name));
    asked
        .map(|(name, value)| {
            let shown = match is_secret_name(name) {
                true => MASK,
                false => value,
            };
            (name.to_owned(), Value::from(shown))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MASK, asked};
    use crate::emulator::params::Params;

    #[test]
    fn secrets_that_an_application_sends_along_are_not_shown() {
        let sent = "client_id=shop&login_hint=a%40b.example&state=s&nonce=n&code_challenge=c\
                    &code_verifier=v&id_token_hint=e&client_secret=x&access_token=y&Password=z";
        let expected = json!({
            "client_id": "shop",
            "login_hint": "a@b.example",
            "client_secret": MASK,
            "access_token": MASK,
            "Password": MASK,
        });
        assert_eq!(json!(asked(&Params::parse(sent.as_bytes()))), expected);
    }
}
