//! `/__emulator`: what a test or a person at a desk turns and reads. README.md
//! beside this file lists it.

pub(super) mod names;
mod users;

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    middleware::from_fn,
    web,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    CallerToken, ExtensionEvent, ExtensionsError, PolicyCall, ScriptError, external_id, index,
    keys::{Signature, SigningKey},
    pages,
    params::Params,
    rest_rules::RestRules,
    settings::{Connectors, Extensions, Variants},
    state::{Faults, Mail, OldKeys, Tenant, TokenScript},
    text::language_tag,
    traces, try_it,
};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/", web::get().to(index)).service(
        web::scope("/__emulator")
            .wrap(from_fn(names::check))
            .route("/style.css", web::get().to(style))
            .route("/connectors/{flow}", web::get().to(connectors))
            .route("/connectors/{flow}", web::put().to(put_connectors))
            .route("/extensions/{flow}", web::get().to(extensions))
            .route("/extensions/{flow}", web::put().to(put_extensions))
            .route("/mailbox", web::get().to(mailbox))
            .route("/mailbox", web::delete().to(clear_mailbox))
            .route("/users", web::get().to(users::list))
            .route("/users", web::post().to(users::add))
            .route("/users/{id}", web::patch().to(users::change))
            .route("/users/{id}", web::delete().to(users::remove))
            .route("/audit", web::get().to(audit))
            .route("/audit", web::delete().to(clear_audit))
            .route("/faults", web::get().to(faults))
            .route("/faults", web::put().to(put_faults))
            .route("/keys/rotate", web::post().to(rotate))
            .route("/next-token", web::post().to(next_token))
            .route("/next-token", web::delete().to(clear_next_token))
            .route("/variants", web::get().to(variants))
            .route("/variants", web::put().to(put_variants))
            .route("/rest", web::get().to(rest))
            .route("/rest", web::put().to(put_rest))
            .route("/clock", web::put().to(put_clock))
            .route("/policy-calls", web::post().to(policy_call))
            .route("/external-id-events", web::post().to(external_id_event))
            .route("/entra-tokens", web::post().to(entra_token))
            .route("/entra-keys/rotate", web::post().to(rotate_entra))
            .route("/reset", web::post().to(reset))
            .configure(traces::configure)
            .configure(try_it::configure),
    );
}

async fn index(tenant: web::Data<Tenant>) -> HttpResponse {
    index::page(&tenant)
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "max-age=300"))
        .content_type("text/css; charset=utf-8")
        .body(pages::STYLE)
}

/// Why a request of this interface was not carried out.
#[derive(Debug, thiserror::Error)]
#[error("{1}")]
struct Refused(StatusCode, String);

impl Refused {
    fn new(status: StatusCode, text: &str) -> Self {
        Self(status, text.to_owned())
    }

    fn script(error: &ScriptError) -> Self {
        let status = match error {
            ScriptError::Misfit(_) => StatusCode::BAD_REQUEST,
            ScriptError::Key(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }

    fn internal(error: &dyn std::error::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.0
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.0).json(json!({ "error": self.1 }))
    }
}

type Answer = Result<HttpResponse, Refused>;

fn done() -> Answer {
    Ok(HttpResponse::NoContent().finish())
}

/// The JSON of a request. A content type is demanded because it makes a
/// browser ask first: no foreign web page can turn anything here.
fn parse<T: DeserializeOwned>(request: &HttpRequest, body: &[u8]) -> Result<T, Refused> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if !is_json {
        let text = "Send JSON with `Content-Type: application/json`.";
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    // An array would be taken for the members in their order.
    let parsed = serde_json::from_slice::<Map<String, Value>>(body)
        .and_then(|members| T::deserialize(Value::Object(members)));
    parsed.map_err(|error| {
        let text = format!("The body is not what is expected here: {error}");
        Refused(StatusCode::BAD_REQUEST, text)
    })
}

/// A request without a body has no content type to demand: that no other web
/// page sent it, the browser says itself.
fn same_site(request: &HttpRequest) -> Result<(), Refused> {
    let site = request.headers().get("sec-fetch-site");
    match site.and_then(|value| value.to_str().ok()) {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => {
            let text = "Another web page cannot ask for this.";
            Err(Refused::new(StatusCode::FORBIDDEN, text))
        }
    }
}

async fn connectors(tenant: web::Data<Tenant>, flow: web::Path<String>) -> Answer {
    let connectors = tenant.state().connectors.get(&flow.to_lowercase()).cloned();
    let connectors = connectors.ok_or_else(no_such_flow)?;
    Ok(HttpResponse::Ok().json(connectors))
}

fn no_such_flow() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "This tenant has no such user flow.")
}

async fn put_connectors(
    tenant: web::Data<Tenant>,
    flow: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let connectors = parse::<Connectors>(&request, &body)?;
    match tenant.set_connectors(&flow, connectors) {
        true => done(),
        false => Err(no_such_flow()),
    }
}

async fn extensions(tenant: web::Data<Tenant>, flow: web::Path<String>) -> Answer {
    let extensions = tenant.state().extensions.get(&flow.to_lowercase()).cloned();
    let extensions = extensions.ok_or_else(no_such_flow)?;
    Ok(HttpResponse::Ok().json(extensions))
}

async fn put_extensions(
    tenant: web::Data<Tenant>,
    flow: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let extensions = parse::<Extensions>(&request, &body)?;
    match tenant.set_extensions(&flow, extensions) {
        Ok(()) => done(),
        Err(ExtensionsError::UnknownFlow(_)) => Err(no_such_flow()),
        Err(error @ ExtensionsError::Misfit(_)) => {
            Err(Refused(StatusCode::BAD_REQUEST, error.to_string()))
        }
    }
}

/// A page for people, JSON for programs; with `?address=` only the newest
/// message to it.
async fn mailbox(tenant: web::Data<Tenant>, request: HttpRequest) -> Answer {
    let query = Params::parse(request.query_string().as_bytes());
    let address = query.trimmed("address");
    if accepts_html(&request) {
        let mails = newest_first(&tenant, address);
        let header = request.headers().get(header::ACCEPT_LANGUAGE);
        let tag = language_tag(None, header.and_then(|value| value.to_str().ok()));
        return Ok(pages::mailbox(&tenant, &tag, &mails));
    }
    let Some(address) = address else {
        return Ok(HttpResponse::Ok().json(newest_first(&tenant, None)));
    };
    let mail = tenant.newest_mail(address).ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_FOUND,
            "There is no message to this address.",
        )
    })?;
    Ok(HttpResponse::Ok().json(mail))
}

fn newest_first(tenant: &Tenant, address: Option<&str>) -> Vec<Mail> {
    let state = tenant.state();
    let all = state.mailbox.iter().rev();
    let wanted = all.filter(|mail| address.is_none_or(|a| mail.address.eq_ignore_ascii_case(a)));
    wanted.cloned().collect()
}

pub(super) fn accepts_html(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    accept
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
}

async fn clear_mailbox(tenant: web::Data<Tenant>) -> Answer {
    tenant.state().mailbox.clear();
    done()
}

/// Oldest first.
async fn audit(tenant: web::Data<Tenant>) -> HttpResponse {
    let entries: Vec<_> = tenant.state().audit.iter().cloned().collect();
    HttpResponse::Ok().json(entries)
}

async fn clear_audit(tenant: web::Data<Tenant>) -> Answer {
    tenant.state().audit.clear();
    done()
}

async fn faults(tenant: web::Data<Tenant>) -> HttpResponse {
    let faults = tenant.state().faults.clone();
    HttpResponse::Ok().json(faults)
}

async fn put_faults(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let faults = parse::<Faults>(&request, &body)?;
    tenant.state().faults = faults;
    done()
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rotation {
    /// Whether the old keys stay published.
    keep_old: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { keep_old: true }
    }
}

fn old_keys(request: &HttpRequest, body: &[u8]) -> Result<OldKeys, Refused> {
    let rotation = match body.is_empty() {
        true => same_site(request).map(|()| Rotation::default())?,
        false => parse::<Rotation>(request, body)?,
    };
    Ok(match rotation.keep_old {
        true => OldKeys::Keep,
        false => OldKeys::Withdraw,
    })
}

async fn rotate(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let old = old_keys(&request, &body)?;
    let rotated = web::block(move || tenant.rotate_keys(old)).await;
    let kid = rotated
        .map_err(|error| Refused::internal(&error))?
        .map_err(|error| Refused::internal(&error))?;
    Ok(HttpResponse::Ok().json(json!({ "kid": kid })))
}

async fn rotate_entra(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let old = old_keys(&request, &body)?;
    let rotated = web::block(move || tenant.rotate_entra_keys(old)).await;
    rotated
        .map_err(|error| Refused::internal(&error))?
        .map_err(|error| Refused::internal(&error))?;
    done()
}

async fn next_token(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let mut script = parse::<TokenScript>(&request, &body)?;
    if script.times == 0 {
        let text = "`times` is how many tokens the script holds for, at least 1.";
        return Err(Refused::new(StatusCode::BAD_REQUEST, text));
    }
    if script.signature == Signature::OtherKey {
        let now = tenant.now();
        let made = web::block(move || SigningKey::generate(now)).await;
        let key = made
            .map_err(|error| Refused::internal(&error))?
            .map_err(|error| Refused::internal(&error))?;
        script.other_key = Some(Arc::new(key));
    }
    tenant.add_script(script);
    done()
}

async fn clear_next_token(tenant: web::Data<Tenant>) -> Answer {
    tenant.state().scripts.clear();
    done()
}

async fn variants(tenant: web::Data<Tenant>) -> HttpResponse {
    let variants = tenant.state().variants.clone();
    HttpResponse::Ok().json(variants)
}

async fn put_variants(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let variants = parse::<Variants>(&request, &body)?;
    tenant.state().variants = variants;
    done()
}

async fn rest(tenant: web::Data<Tenant>) -> HttpResponse {
    let rules = tenant.state().rest_rules.clone();
    HttpResponse::Ok().json(rules)
}

async fn put_rest(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let rules = parse::<RestRules>(&request, &body)?.checked();
    let rules = rules.map_err(|why| Refused(StatusCode::BAD_REQUEST, why))?;
    tenant.state().rest_rules = rules;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    offset_seconds: i32,
}

async fn put_clock(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let clock = parse::<Clock>(&request, &body)?;
    tenant.state().clock_offset = i64::from(clock.offset_seconds);
    done()
}

async fn policy_call(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let call = parse::<PolicyCall>(&request, &body)?;
    let placed = tenant.call_as_policy(&call).await;
    let report = placed.map_err(|error| Refused::script(&error))?;
    Ok(HttpResponse::Ok().json(report))
}

async fn external_id_event(
    tenant: web::Data<Tenant>,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let event = parse::<ExtensionEvent>(&request, &body)?;
    let told = external_id::tell(&tenant, &event).await;
    let told = told.map_err(|error| Refused::script(&error))?;
    Ok(HttpResponse::Ok().json(told.report))
}

async fn entra_token(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> Answer {
    let token = parse::<CallerToken>(&request, &body)?;
    let made = external_id::token(&tenant, &token).await;
    let token = made.map_err(|error| Refused::script(&error))?;
    Ok(HttpResponse::Ok().json(json!({ "token": token })))
}

async fn reset(tenant: web::Data<Tenant>, request: HttpRequest) -> Answer {
    same_site(&request)?;
    tenant.reset().map_err(|error| Refused::internal(&error))?;
    done()
}
