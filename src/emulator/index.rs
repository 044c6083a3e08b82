//! The tenant's first page: what runs here, what could not, and where to look.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{
    Application, EntraIssuer, TokenVersion,
    audit::Dialect,
    desk::{Desk, SourceLink},
    pages,
    params::encode,
    policies::Refused,
    state::Tenant,
    try_it,
};

#[derive(Template)]
#[template(path = "index.html", config = "src/emulator/askama.toml")]
struct Index<'a> {
    desk: Desk<'a>,
    tenant_id: String,
    policies: Vec<PolicyRow<'a>>,
    external: Vec<PolicyRow<'a>>,
    refused: Vec<RefusedRow<'a>>,
    flows: Vec<PolicyRow<'a>>,
    applications: &'a [Application],
    counts: Counts,
}

/// What a policy of any dialect has to offer.
struct PolicyRow<'a> {
    id: &'a str,
    journey: Option<&'a str>,
    place: Option<SourceLink>,
    metadata: String,
    run_now: Option<String>,
    traces: String,
}

struct RefusedRow<'a> {
    id: &'a str,
    reasons: Vec<(String, Option<SourceLink>)>,
}

struct Counts {
    traces: usize,
    mails: usize,
    users: usize,
    calls: usize,
}

pub(super) fn page(tenant: &Tenant) -> HttpResponse {
    pages::html(StatusCode::OK, rendered(tenant))
}

pub(super) fn rendered(tenant: &Tenant) -> String {
    let flows = tenant.flows.iter();
    pages::render(&Index {
        desk: Desk::new(tenant),
        tenant_id: tenant.id.to_string(),
        policies: policies(tenant),
        external: external(tenant),
        refused: tenant.refused.iter().map(refused).collect(),
        flows: flows.map(|flow| row(tenant, &flow.name)).collect(),
        applications: &tenant.applications,
        counts: counts(tenant),
    })
}

fn counts(tenant: &Tenant) -> Counts {
    let state = tenant.state();
    Counts {
        traces: state.traces.len(),
        mails: state.mailbox.len(),
        users: state.directory.all().count(),
        calls: state.audit.len(),
    }
}

/// Flows of External ID have an application each, and one address for all.
fn external(tenant: &Tenant) -> Vec<PolicyRow<'_>> {
    let issuer = tenant.entra_issuer(EntraIssuer::ExternalId, TokenVersion::V2);
    let names = tenant.external.names();
    names
        .map(|name| PolicyRow {
            metadata: format!("{issuer}/.well-known/openid-configuration"),
            run_now: None,
            ..row(tenant, name)
        })
        .collect()
}

fn policies(tenant: &Tenant) -> Vec<PolicyRow<'_>> {
    let served = tenant.programs.values();
    let by_authors = served.filter(|program| program.dialect == Dialect::CustomPolicy);
    by_authors
        .map(|program| {
            let place = program.place(&program.effective.root);
            PolicyRow {
                journey: Some(program.journey.as_str()),
                place: place.map(|place| SourceLink::new(&place, None)),
                ..row(tenant, &program.id)
            }
        })
        .collect()
}

fn row<'a>(tenant: &Tenant, id: &'a str) -> PolicyRow<'a> {
    PolicyRow {
        id,
        journey: None,
        place: None,
        metadata: super::metadata_url(tenant, id),
        run_now: try_it::url(tenant, &tenant.base_url, id),
        traces: format!("/__emulator/traces?policy={}", encode(id)),
    }
}

fn refused(refused: &Refused) -> RefusedRow<'_> {
    let reasons = refused.obstacles.iter();
    RefusedRow {
        id: &refused.policy,
        reasons: reasons
            .map(|obstacle| {
                let place = obstacle.place.as_ref();
                let link = place.map(|place| SourceLink::new(place, None));
                (format!("{}. {}", obstacle.what, obstacle.mend), link)
            })
            .collect(),
    }
}
