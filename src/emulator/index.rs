//! The tenant's first page: what runs here, what could not, and where to look.

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;

use super::{
    Application,
    audit::Dialect,
    desk::{Desk, SourceLink},
    engine::{program::Program, trace::Place},
    pages,
    params::encode,
    state::Tenant,
};

/// The custom policies that the tenant was started with.
#[derive(Default)]
pub(super) struct Policies {
    pub(super) served: Vec<Arc<Program>>,
    pub(super) refused: Vec<RefusedPolicy>,
}

/// A policy that is not served, and all that stands in the way.
pub(super) struct RefusedPolicy {
    pub(super) id: String,
    pub(super) reasons: Vec<Reason>,
}

pub(super) struct Reason {
    pub(super) text: String,
    pub(super) place: Option<Place>,
}

/// The application that shows whoever comes what it was told of them.
pub(super) const TRY_IT_CLIENT: &str = "e0a7c1f2-5b64-4d0e-9d38-6a1f0b7c2e55";
pub(super) const TRY_IT_PATH: &str = "/__emulator/signed-in";

/// Where a journey of the policy begins for that application. None while the
/// tenant does not have it.
pub(super) fn run_now(tenant: &Tenant, policy: &str) -> Option<String> {
    tenant.application(TRY_IT_CLIENT)?;
    let (base, domain) = (&tenant.base_url, &tenant.domain);
    let back = encode(&format!("{base}{TRY_IT_PATH}"));
    Some(format!(
        "{base}/{domain}/{}/oauth2/v2.0/authorize?client_id={TRY_IT_CLIENT}&redirect_uri={back}\
         &response_type=id_token&response_mode=form_post&scope=openid&nonce=try-it&prompt=login",
        encode(policy)
    ))
}

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
    reasons: Vec<(&'a str, Option<SourceLink>)>,
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
        policies: programs(tenant, Dialect::CustomPolicy),
        external: programs(tenant, Dialect::ExternalId),
        refused: tenant.policies.refused.iter().map(refused).collect(),
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

fn programs(tenant: &Tenant, dialect: Dialect) -> Vec<PolicyRow<'_>> {
    let served = tenant.policies.served.iter();
    let of_dialect = served.filter(|program| program.dialect == dialect);
    of_dialect
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
        run_now: run_now(tenant, id),
        traces: format!("/__emulator/traces?policy={}", encode(id)),
    }
}

fn refused(policy: &RefusedPolicy) -> RefusedRow<'_> {
    let reasons = policy.reasons.iter();
    RefusedRow {
        id: &policy.id,
        reasons: reasons
            .map(|reason| {
                let place = reason.place.as_ref();
                let link = place.map(|place| SourceLink::new(place, None));
                (reason.text.as_str(), link)
            })
            .collect(),
    }
}
