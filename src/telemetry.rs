//! Logs, request ids and metrics. Nothing here, or below here, shows what a
//! request holds: no path, query, header, body or address of a person.

mod json;
mod lines;

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::{Instrument, Level, Metadata};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use uuid::Uuid;

use json::Json;
pub use lines::Keeper;
use lines::Lines;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const DEFAULT_FILTER: &str = "warn,idlink=info";

/// From 1 ms to beyond the 5 s after which B2C gives up.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often observations are folded into their buckets when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging to standard error: text for a terminal, otherwise one JSON
/// object a line. `IDLINK_LOG`, or else `RUST_LOG`, says what is logged.
///
/// A terminal is shown each line at once. Elsewhere plain lines are written
/// together, until the keeper is dropped: keep it as long as there is work.
pub fn start_logs() -> Keeper {
    let filter = ["IDLINK_LOG", "RUST_LOG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find_map(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    let layer = tracing_subscriber::fmt::layer();
    let (layer, keeper) = if std::io::stderr().is_terminal() {
        let layer = layer.with_writer(std::io::stderr).boxed();
        (layer, Keeper::of_nothing())
    } else {
        let (lines, keeper) = Lines::for_reader(std::io::stderr());
        let layer = layer.event_format(Json).fmt_fields(Json);
        (layer.with_writer(lines).boxed(), keeper)
    };
    // Only the first one of a process counts.
    let _ = tracing_subscriber::registry()
        .with(
            layer
                .with_filter(FilterFn::new(is_discreet))
                .with_filter(filter),
        )
        .try_init();
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold what the code was working on.
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, "a thread panicked");
    }));
    keeper
}

/// Other crates trace headers, queries and statements; whatever the filter
/// asks for, none of that is written.
fn is_discreet(of: &Metadata<'_>) -> bool {
    of.target().starts_with("idlink") || *of.level() <= Level::WARN
}

/// The metrics of this process. Servers in one process share them, as they
/// share everything else that `metrics` counts.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Begins counting, unless this process has begun before.
    pub fn of_process() -> Self {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = HANDLE.get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
                .unwrap_or_else(|_| PrometheusBuilder::new())
                .build_recorder();
            let handle = recorder.handle();
            // Fails only when somebody else counts already.
            let _ = metrics::set_global_recorder(recorder);
            handle
        });
        describe();
        Self(handle.clone())
    }

    /// What Prometheus reads.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps memory flat while nobody reads. Never returns.
    pub async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }
}

fn describe() {
    metrics::describe_histogram!(
        "idlink_http_request_seconds",
        metrics::Unit::Seconds,
        "Time from a request's head to its answer, by method, route and status"
    );
    metrics::describe_gauge!(
        "idlink_database_connections",
        "Connections to the database, by state: in use, allowed"
    );
    metrics::describe_gauge!(
        "idlink_keys_age_seconds",
        metrics::Unit::Seconds,
        "Age of the oldest of a tenant's signing keys in use"
    );
    metrics::describe_counter!(
        "idlink_decisions_total",
        "Sign-ups decided, by site, step and decision"
    );
    metrics::describe_counter!(
        "idlink_callers_refused_total",
        "Callers of connectors who were refused, by tenant, method and reason"
    );
    metrics::describe_counter!(
        "idlink_batches_total",
        "Statements that carried questions of one legal entity together, by kind"
    );
    metrics::describe_counter!(
        "idlink_batched_total",
        "Questions that were carried in them, by kind"
    );
    metrics::describe_counter!(
        "idlink_batches_parted_total",
        "Questions that were asked once more by themselves because their batch failed, by kind"
    );
    metrics::describe_counter!(
        "idlink_limited_total",
        "Questions put off because a limit was reached, by tenant and limit"
    );
}

/// Middleware: gives every request an id, one line in the log and one
/// observation.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = Uuid::now_v7();
    let span = tracing::info_span!("request", id = %id);
    let mut observed = Observed {
        id,
        method: method(request.method()),
        route: request
            .match_pattern()
            .unwrap_or_else(|| "unmatched".to_owned()),
        begun: Instant::now(),
        status: None,
    };
    let answered = next.call(request).instrument(span).await;
    match answered {
        Ok(mut response) => {
            observed.status = Some(response.status().as_u16());
            // A route may know the request by its caller's own name for it.
            if let Some(named) = named(response.headers()) {
                observed.id = named;
            } else if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            Ok(response)
        }
        Err(error) => {
            observed.status = Some(error.as_response_error().status_code().as_u16());
            Err(error)
        }
    }
}

/// The id that a route gave its answer.
fn named(headers: &HeaderMap) -> Option<Uuid> {
    let value = headers.get(REQUEST_ID)?.to_str().ok()?;
    Uuid::try_parse(value).ok()
}

/// A method is the caller's own text.
fn method(of: &Method) -> &'static str {
    match *of {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request under way. The line is written when it ends, also when its
/// handler is dropped because the caller has gone.
struct Observed {
    id: Uuid,
    method: &'static str,
    route: String,
    begun: Instant,
    status: Option<u16>,
}

impl Drop for Observed {
    fn drop(&mut self) {
        let Self {
            id, method, route, ..
        } = self;
        let elapsed = self.begun.elapsed();
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let status = match self.status {
            Some(status) => status.to_string(),
            None => "abandoned".to_owned(),
        };
        if self.status.is_some_and(|status| status >= 500) {
            tracing::error!(%id, method, route, status, milliseconds, "request");
        } else {
            tracing::info!(%id, method, route, status, milliseconds, "request");
        }
        metrics::histogram!(
            "idlink_http_request_seconds",
            "method" => *method,
            "route" => std::mem::take(route),
            "status" => status
        )
        .record(elapsed.as_secs_f64());
    }
}
