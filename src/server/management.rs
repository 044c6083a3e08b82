//! For operators, on a port of its own: alive, ready, healthy, and in numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::future::join;
use serde::Serialize;
use time::{Duration as Age, OffsetDateTime};

use super::state::State;
use crate::telemetry::Metrics;

/// Longer than the pool waits for a connection and a new one together.
const DATABASE_LIMIT: Duration = Duration::from_secs(2);

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .route("/livez", web::get().to(alive))
        .route("/readyz", web::get().to(ready))
        .route("/healthz", web::get().to(healthy))
        .route("/metrics", web::get().to(numbers));
}

/// The event loop turns. Nothing else is asked: a restart cures nothing else.
async fn alive() -> HttpResponse {
    HttpResponse::Ok().body("alive\n")
}

/// Whether to send requests here. Green while only the database is away:
/// every other instance has the same one, and a sign-up is told to try again
/// more kindly by us than by a load balancer.
async fn ready(state: Data<State>) -> HttpResponse {
    if state.is_draining() {
        HttpResponse::ServiceUnavailable().body("draining\n")
    } else {
        HttpResponse::Ok().body("ready\n")
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    draining: bool,
    database: Database,
    tenants: BTreeMap<String, Tenant>,
    /// By legal entity.
    feeds: BTreeMap<String, Feed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
}

#[derive(Serialize)]
struct Database {
    reachable: bool,
    /// Of the schema's steps, how many the database has.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Schema>,
    connections_in_use: usize,
    connections_allowed: usize,
}

#[derive(Serialize)]
struct Schema {
    applied: usize,
    known: usize,
}

#[derive(Serialize)]
struct Tenant {
    /// `null` before the keys were fetched for the first time.
    keys_age_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Feed {
    /// Of the customers on file; `null` where no import came to its end.
    age_seconds: Option<i64>,
}

#[derive(Serialize)]
struct Certificate {
    days_left: i64,
}

/// For alerts, not for load balancers.
async fn healthy(state: Data<State>) -> HttpResponse {
    let store = state.store.clone();
    // Not on this worker's runtime: the connection would die with it.
    let asked = async move { store.schema_version().await };
    let now = OffsetDateTime::now_utc();
    let asked = state.tracked.run(DATABASE_LIMIT, asked);
    let (schema, feeds) = join(asked, feed_ages(&state, now)).await;
    let schema = match schema {
        Some(Ok((applied, known))) => Some(Schema { applied, known }),
        Some(Err(_)) | None => None,
    };
    let is_well = schema
        .as_ref()
        .is_some_and(|schema| schema.applied >= schema.known);
    let (connections_in_use, connections_allowed) = state.store.load();
    let health = Health {
        status: if is_well { "ok" } else { "failing" },
        draining: state.is_draining(),
        database: Database {
            reachable: schema.is_some(),
            schema,
            connections_in_use,
            connections_allowed,
        },
        tenants: tenants(&state),
        feeds: feeds
            .into_iter()
            .map(|(entity, age)| {
                let age_seconds = age.map(Age::whole_seconds);
                (entity, Feed { age_seconds })
            })
            .collect(),
        certificate: state.certificate.as_ref().map(|shown| Certificate {
            days_left: (shown.not_after() - now).whole_days(),
        }),
    };
    let status = match is_well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    HttpResponseBuilder::new(status).json(health)
}

fn tenants(state: &State) -> BTreeMap<String, Tenant> {
    keys_ages(state)
        .map(|(name, age)| {
            let keys_age_seconds = age.map(|age| age.as_secs());
            (name, Tenant { keys_age_seconds })
        })
        .collect()
}

/// How old the keys of each tenant are.
fn keys_ages(state: &State) -> impl Iterator<Item = (String, Option<Duration>)> {
    let of_sites: Vec<_> = state
        .sites
        .load()
        .providers
        .iter()
        .map(|(name, provider)| (name.clone(), provider.keys_age()))
        .collect();
    let of_callers: Vec<_> = state
        .connectors
        .load()
        .bearers
        .iter()
        .map(|(name, bearer)| (name.clone(), bearer.keys_age()))
        .collect();
    of_sites.into_iter().chain(of_callers)
}

/// How old the customers of each legal entity are. While the store is away
/// they grow older all the same.
async fn feed_ages(state: &State, now: OffsetDateTime) -> Vec<(String, Option<Age>)> {
    let store = state.store.clone();
    let asked = async move { store.feeds().await };
    let asked = state.tracked.run(DATABASE_LIMIT, asked).await;
    if let Some(Ok(feeds)) = asked {
        state.feeds.store(Arc::new(feeds));
    }
    state
        .feeds
        .load()
        .iter()
        .map(|(entity, feed)| {
            let age = feed.as_ref().map(|feed| feed.age(now));
            (entity.as_str().to_owned(), age)
        })
        .collect()
}

async fn numbers(state: Data<State>, metrics: Data<Metrics>) -> HttpResponse {
    let (in_use, allowed) = state.store.load();
    for (what, count) in [("in use", in_use), ("allowed", allowed)] {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("idlink_database_connections", "state" => what).set(f64::from(count));
    }
    for (tenant, age) in keys_ages(&state) {
        if let Some(age) = age {
            metrics::gauge!("idlink_keys_age_seconds", "tenant" => tenant).set(age.as_secs_f64());
        }
    }
    for (entity, age) in feed_ages(&state, OffsetDateTime::now_utc()).await {
        if let Some(age) = age {
            metrics::gauge!("idlink_customer_feed_age_seconds", "legal_entity" => entity)
                .set(age.as_seconds_f64());
        }
    }
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render())
}
