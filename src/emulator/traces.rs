//! What happened in the journeys of late: for programs as JSON, for authors as
//! pages, with the policy files behind them.

mod body;
mod claims;
mod profile;
#[cfg(test)]
mod sample;
mod source;
mod summary;
#[cfg(test)]
mod tests;
mod view;
mod words;

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use askama::Template;
use serde::Serialize;
use serde_json::{Value, json};

use self::{
    summary::{Outcome, Summary},
    view::Watching,
};
use super::{
    bounded::push_bounded,
    control::accepts_html,
    desk::{self, Desk, duration, moment},
    engine::trace::Trace,
    pages,
    params::{Params, encode_all},
    state::Tenant,
};

const MAX_TRACES: usize = 500;

/// What client libraries send along with an authorization request, so that it
/// can be found again.
const REQUEST_ID: &str = "client-request-id";

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/desk.css", web::get().to(style))
        .route("/traces", web::get().to(traces))
        .route("/traces", web::delete().to(clear))
        .route("/traces/{id}", web::get().to(trace))
        .route("/source", web::get().to(source));
}

impl Tenant {
    /// Keeps what has happened in a journey so far, in place of what was kept
    /// of it before.
    pub(super) fn put_trace(&self, trace: Trace) {
        let trace = Arc::new(trace.bounded());
        let traces = &mut self.state().traces;
        match traces.iter_mut().rev().find(|kept| kept.id == trace.id) {
            Some(kept) => *kept = trace,
            None => push_bounded(traces, MAX_TRACES, trace),
        }
    }

    fn find_trace(&self, id: &str) -> Option<Arc<Trace>> {
        let state = self.state();
        let mut newest_first = state.traces.iter().rev();
        newest_first.find(|trace| trace.id == id).cloned()
    }

    fn summary(&self, trace: &Trace) -> Summary {
        let application = self.application(&trace.client_id);
        Summary::of(trace, application.map(|known| known.name.as_str()))
    }
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "max-age=300"))
        .content_type("text/css; charset=utf-8")
        .body(desk::STYLE)
}

/// Which traces are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Filter {
    policy: Option<String>,
    outcome: Option<Outcome>,
    limit: Option<usize>,
    /// By which an application finds its journey again.
    request_id: Option<String>,
}

impl Filter {
    fn read(query: &Params) -> Result<Self, &'static str> {
        let outcome = match query.trimmed("outcome") {
            None => None,
            Some(name) => Some(
                Outcome::read(name)
                    .ok_or("`outcome` is one of error, tokens, blocked and open.")?,
            ),
        };
        let limit = match query.trimmed("limit") {
            None => None,
            Some(limit) => Some(limit.parse().map_err(|_| "`limit` is a number.")?),
        };
        Ok(Self {
            policy: query.trimmed("policy").map(str::to_owned),
            outcome,
            limit,
            request_id: query.trimmed(REQUEST_ID).map(str::to_owned),
        })
    }

    /// Newest first.
    fn of(&self, tenant: &Tenant) -> Vec<Summary> {
        let kept: Vec<Arc<Trace>> = tenant.state().traces.iter().rev().cloned().collect();
        let wanted = kept.iter().filter(|trace| {
            let policy = self.policy.as_deref();
            policy.is_none_or(|policy| policy.eq_ignore_ascii_case(&trace.policy))
                && self
                    .outcome
                    .is_none_or(|outcome| outcome == Outcome::of(trace))
                && self.request_id.as_deref().is_none_or(|id| {
                    let own = trace.request.get(REQUEST_ID);
                    own.and_then(Value::as_str) == Some(id)
                })
        });
        wanted
            .take(self.limit.unwrap_or(MAX_TRACES))
            .map(|trace| tenant.summary(trace))
            .collect()
    }

    fn href(&self) -> String {
        let outcome = self.outcome.map(|outcome| outcome.name().to_owned());
        let limit = self.limit.map(|limit| limit.to_string());
        let pairs = [
            ("policy", self.policy.clone()),
            ("outcome", outcome),
            ("limit", limit),
            (REQUEST_ID, self.request_id.clone()),
        ];
        let pairs: Vec<_> = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        format!("/__emulator/traces?{}", encode_all(&pairs))
    }
}

async fn traces(tenant: web::Data<Tenant>, request: HttpRequest) -> HttpResponse {
    let query = Params::parse(request.query_string().as_bytes());
    let filter = match Filter::read(&query) {
        Ok(filter) => filter,
        Err(text) => return refused(StatusCode::BAD_REQUEST, text),
    };
    let found = filter.of(&tenant);
    let is_page = wants_page(&request, &query);
    if let (true, Some(_), [only]) = (is_page, &filter.request_id, found.as_slice()) {
        return pages::see(&format!("/__emulator/traces/{}", only.id));
    }
    match is_page {
        true => pages::html(StatusCode::OK, list(&tenant, &filter, &found)),
        false => HttpResponse::Ok().json(found),
    }
}

/// A browser asks for the JSON by `format=json`.
fn wants_page(request: &HttpRequest, query: &Params) -> bool {
    accepts_html(request) && query.get("format") != Some("json")
}

fn refused(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": text }))
}

async fn clear(tenant: web::Data<Tenant>) -> HttpResponse {
    tenant.state().traces.clear();
    HttpResponse::NoContent().finish()
}

/// Everything that is known of one journey.
#[derive(Serialize)]
struct Whole<'a> {
    summary: &'a Summary,
    #[serde(flatten)]
    trace: &'a Trace,
}

async fn trace(
    tenant: web::Data<Tenant>,
    id: web::Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let query = Params::parse(request.query_string().as_bytes());
    let is_page = wants_page(&request, &query);
    let Some(trace) = tenant.find_trace(&id) else {
        let text = "There is no trace of this journey, or no longer: the newest 500 are kept \
                    until the emulator is reset or stopped.";
        return match is_page {
            true => missing(&tenant, text),
            false => refused(StatusCode::NOT_FOUND, text),
        };
    };
    let summary = tenant.summary(&trace);
    if !is_page {
        return HttpResponse::Ok().json(Whole {
            summary: &summary,
            trace: &trace,
        });
    }
    let watching = match query.get("watch") {
        Some("no") => Watching::Off,
        Some(_) | None => Watching::On,
    };
    let page = view::page(Desk::new(&tenant), &trace, &summary, watching);
    pages::html(StatusCode::OK, page)
}

async fn source(tenant: web::Data<Tenant>, request: HttpRequest) -> HttpResponse {
    let query = Params::parse(request.query_string().as_bytes());
    let Some(file) = query.get("file") else {
        return pages::html(StatusCode::OK, source::list(&tenant));
    };
    let trace = query.get("trace").and_then(|id| tenant.find_trace(id));
    let trace = trace.as_deref().map(|trace| trace.id.as_str());
    match source::page(&tenant, file, trace) {
        Some(page) => pages::html(StatusCode::OK, page),
        None => {
            let text = "No policy that is served here stands in a file of this name.";
            missing(&tenant, text)
        }
    }
}

#[derive(Template)]
#[template(path = "missing.html", config = "src/emulator/askama.toml")]
struct Missing<'a> {
    desk: Desk<'a>,
    text: &'a str,
}

fn missing(tenant: &Tenant, text: &str) -> HttpResponse {
    let desk = Desk::new(tenant);
    pages::html(
        StatusCode::NOT_FOUND,
        pages::render(&Missing { desk, text }),
    )
}

#[derive(Template)]
#[template(path = "traces.html", config = "src/emulator/askama.toml")]
struct ListPage<'a> {
    desk: Desk<'a>,
    rows: Vec<ListRow<'a>>,
    tabs: Vec<Tab>,
    policy: Option<&'a str>,
    /// Without the policy.
    any_policy: String,
    json: String,
}

struct ListRow<'a> {
    summary: &'a Summary,
    started: String,
    took: String,
    rest: Option<String>,
}

/// One choice of outcomes.
struct Tab {
    name: &'static str,
    href: String,
    is_current: bool,
}

fn list(tenant: &Tenant, filter: &Filter, found: &[Summary]) -> String {
    let rows = found.iter().map(|summary| ListRow {
        summary,
        started: moment(&summary.started),
        took: duration(summary.took_us),
        rest: (summary.rest_us > 0).then(|| duration(summary.rest_us)),
    });
    let outcomes = std::iter::once(None).chain(Outcome::ALL.map(Some));
    let tabs = outcomes.map(|outcome| {
        let tab = Filter {
            outcome,
            ..filter.clone()
        };
        Tab {
            name: outcome.map_or("all", Outcome::name),
            href: tab.href(),
            is_current: outcome == filter.outcome,
        }
    });
    let any_policy = Filter {
        policy: None,
        ..filter.clone()
    };
    pages::render(&ListPage {
        desk: Desk::new(tenant),
        rows: rows.collect(),
        tabs: tabs.collect(),
        policy: filter.policy.as_deref(),
        any_policy: any_policy.href(),
        json: format!("{}&format=json", filter.href()),
    })
}
