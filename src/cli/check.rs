//! `idlink check`: what would keep people from being linked, said before they
//! find out.

use std::fmt::Display;
use std::sync::Arc;

use clap::Args;
use time::OffsetDateTime;

use super::{Context, ContextError};
use crate::config::{Settings, Tls};
use crate::connectors::caller::Callers;
use crate::domain::customer::{CustomerType, LegalEntity};
use crate::domain::feed::{Freshness, Watermark};
use crate::domain::identity::Provider as UpstreamProvider;
use crate::domain::site::Mode;
use crate::domain::tenant::{MissingProvider, Platform, Tenant};
use crate::oidc::{self, Bearer, Provider};
use crate::server::tls::Certificate;
use crate::store::features::{AUTOMATIC_LINKING, Switch};
use crate::store::{Store, StoreError};

/// Say so early: somebody has to exchange it in time.
const CERTIFICATE_DAYS: i64 = 21;
const CREDENTIAL_DAYS: i64 = 14;

/// Check settings, database, tenants and customers, and say what is missing
#[derive(Debug, Args)]
pub(super) struct CheckCommand {}

#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("{failed} of {checks} checks failed")]
    Failed { failed: usize, checks: usize },
}

/// The list as it is printed, line by line.
#[derive(Default)]
struct Report {
    checks: usize,
    failed: usize,
}

impl Report {
    fn good(&mut self, text: impl Display) {
        self.line('✓', text);
    }

    /// Works, but perhaps not as meant.
    fn doubt(&mut self, text: impl Display) {
        self.line('⚠', text);
    }

    fn bad(&mut self, text: impl Display) {
        self.failed += 1;
        self.line('✗', text);
    }

    fn line(&mut self, mark: char, text: impl Display) {
        self.checks += 1;
        println!("{mark} {text}");
    }

    fn end(self) -> Result<(), CheckError> {
        match self {
            Self { failed: 0, .. } => Ok(()),
            Self { failed, checks } => Err(CheckError::Failed { failed, checks }),
        }
    }
}

impl CheckCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), CheckError> {
        let mut report = Report::default();
        let now = OffsetDateTime::now_utc();
        match context.settings() {
            Err(ContextError::Settings(problems)) => {
                problems.iter().for_each(|problem| report.bad(problem));
            }
            Err(error) => report.bad(error),
            Ok(settings) => {
                check_settings(&mut report, context, &settings);
                check_certificate(&mut report, settings.server.tls.as_ref(), now);
                check_tenants(&mut report, &settings, now).await;
                check_database(&mut report, context, &settings, now).await;
            }
        }
        report.end()
    }
}

fn check_settings(report: &mut Report, context: &Context, settings: &Settings) {
    let (tenants, sites) = (
        settings.directory.tenants().count(),
        settings.directory.sites().count(),
    );
    match context.source().file() {
        Some(file) => report.good(format_args!(
            "settings: {}, tenants: {tenants}, sites: {sites}, legal entities: {}",
            file.display(),
            settings.legal_entities.len()
        )),
        None => report.doubt(
            "settings: none (--config or IDLINK_CONFIG); everything has its default, \
             and without tenants and sites every call is refused",
        ),
    }
    for site in settings.directory.sites() {
        match site.mode {
            Mode::Enforce => {}
            Mode::Observe => report.doubt(format_args!(
                "site {}: mode \"observe\" decides and remembers, but links nobody",
                site.name
            )),
            Mode::Off => report.doubt(format_args!(
                "site {}: mode \"off\" lets everybody in without a number",
                site.name
            )),
        }
    }
    if settings.server.public_url.is_none() && !settings.server.listen.ip().is_loopback() {
        report.doubt(
            "server.public_url is not set: discovery documents will name the address we listen on",
        );
    }
}

fn check_certificate(report: &mut Report, files: Option<&Tls>, now: OffsetDateTime) {
    let Some(files) = files else {
        return report.good("TLS: none; plain HTTP on loopback, behind something that ends TLS");
    };
    match Certificate::load(files, now) {
        Ok(certificate) => {
            let days = (certificate.not_after - now).whole_days();
            let text = format!("TLS: certificate and key belong together, {days} days left");
            if days < CERTIFICATE_DAYS {
                report.doubt(text);
            } else {
                report.good(text);
            }
        }
        Err(error) => report.bad(format_args!("TLS: {error}")),
    }
}

async fn check_tenants(report: &mut Report, settings: &Settings, now: OffsetDateTime) {
    let http = match oidc::http_client() {
        Ok(http) => http,
        Err(error) => {
            return report.bad(format_args!(
                "calls to tenants: {error}; does HTTPS_PROXY or ALL_PROXY name something else \
                 than a proxy?"
            ));
        }
    };
    for tenant in settings.directory.tenants() {
        check_trust(report, tenant);
        match tenant.platform {
            Platform::B2c => check_credentials(report, settings, tenant, now),
            Platform::ExternalId(_) => check_callers_keys(report, settings, tenant, &http).await,
        }
        for policy in &tenant.policies {
            check_policy(report, settings, tenant, policy, &http).await;
        }
    }
}

fn check_trust(report: &mut Report, tenant: &Tenant) {
    let name = &tenant.name;
    if tenant.trust == crate::domain::trust::Trust::default() {
        report.doubt(format_args!(
            "tenant {name}: trusted_providers is empty, so no address counts as verified and \
             nobody is linked"
        ));
    }
    if !tenant.trust.covers(&UpstreamProvider::local()) {
        return;
    }
    report.doubt(format_args!(
        "tenant {name}: `local` is trusted; make sure that every user flow requires e-mail \
         verification, or anybody takes over the customer whose address they type"
    ));
    if tenant.missing_idp == MissingProvider::Local {
        report.doubt(format_args!(
            "tenant {name}: tokens without `idp` are taken for `local`; tick Identity Provider under \
             the application claims of every user flow, or set missing_idp = \"unverified\""
        ));
    }
    if tenant.missing_identities == MissingProvider::Local {
        report.doubt(format_args!(
            "tenant {name}: requests without identities are taken for `local`; if a custom OpenID \
             Connect provider is attached to a user flow, set missing_identities = \"unverified\""
        ));
    }
}

fn check_credentials(
    report: &mut Report,
    settings: &Settings,
    tenant: &Tenant,
    now: OffsetDateTime,
) {
    let name = &tenant.name;
    let ends: Vec<_> = settings
        .callers
        .get(name)
        .into_iter()
        .flat_map(Callers::ends)
        .map(|end| end.map(|end| days_until(end, now)))
        .collect();
    let valid = |days: &Option<i64>| days.is_none_or(|days| days >= 0);
    let last = ends
        .iter()
        .filter(|days| valid(days))
        .map(|days| days.unwrap_or(i64::MAX))
        .max();
    match last {
        None => report.bad(format_args!(
            "tenant {name}: all credentials have ended (not_after); add one that is valid"
        )),
        Some(days) if days < CREDENTIAL_DAYS => report.doubt(format_args!(
            "tenant {name}: the last credential ends in {days} days (not_after)"
        )),
        Some(_) => report.good(format_args!(
            "tenant {name}: {} of {} credentials valid",
            ends.iter().filter(|days| valid(days)).count(),
            ends.len()
        )),
    }
}

/// Rounded down: what ended an hour ago did so in the last of -1 days.
fn days_until(end: OffsetDateTime, now: OffsetDateTime) -> i64 {
    (end - now).whole_seconds().div_euclid(24 * 60 * 60)
}

/// The keys by which External ID proves that it calls.
async fn check_callers_keys(
    report: &mut Report,
    settings: &Settings,
    tenant: &Tenant,
    http: &reqwest::Client,
) {
    let name = &tenant.name;
    let Some(found) = settings.bearers.get(name) else {
        return report.bad(format_args!("tenant {name}: nobody may call for it"));
    };
    let bearer = Bearer::new(found.clone(), http.clone());
    for (issuer, keys) in bearer.try_keys().await {
        match keys {
            Ok(()) => report.good(format_args!("tenant {name}: keys of {issuer}")),
            Err(error) => report.bad(format_args!("tenant {name}: keys of {issuer}: {error}")),
        }
    }
}

/// Metadata with the issuer of the settings, and keys.
async fn check_policy(
    report: &mut Report,
    settings: &Settings,
    tenant: &Arc<Tenant>,
    policy: &str,
    http: &reqwest::Client,
) {
    let name = &tenant.name;
    let Some(found) = settings.providers.get(name) else {
        return;
    };
    // One policy at a time, so that the keys that were found are its own.
    let only = Tenant {
        policies: vec![policy.to_owned()],
        ..Tenant::clone(tenant)
    };
    let provider = Provider::new(Arc::new(only), found.clone(), http.clone());
    if let Err(error) = provider.metadata(policy).await {
        return report.bad(format_args!("tenant {name}, {policy}: {error}"));
    }
    provider.preload().await;
    match provider.keys_age() {
        Some(_) => report.good(format_args!(
            "tenant {name}, {policy}: metadata with our issuer, and keys"
        )),
        None => report.bad(format_args!(
            "tenant {name}, {policy}: the metadata is right, but its keys (jwks_uri) cannot be \
             fetched"
        )),
    }
}

async fn check_database(
    report: &mut Report,
    context: &Context,
    settings: &Settings,
    now: OffsetDateTime,
) {
    let which = match settings.database.url {
        Some(_) => "database",
        None => "embedded database",
    };
    let (store, embedded) = match context.connect(&settings.database).await {
        Ok(opened) => opened,
        Err(error) => return report.bad(format_args!("{which}: {error}")),
    };
    match store.schema_version().await {
        Err(error) => report.bad(format_args!("{which}: {error}")),
        Ok((applied, known)) if applied < known => report.bad(format_args!(
            "{which}: has {applied} of {known} migrations; run `idlink migrate`"
        )),
        Ok(_) => {
            report.good(format_args!("{which}: reachable, schema up to date"));
            if let Err(error) = check_contents(report, &store, settings, now).await {
                report.bad(format_args!("{which}: {error}"));
            }
        }
    }
    store.close();
    if let Some(embedded) = embedded
        && let Err(error) = embedded.stop().await
    {
        report.bad(format_args!("{which}: {error}"));
    }
}

async fn check_contents(
    report: &mut Report,
    store: &Store,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    match store.feature(AUTOMATIC_LINKING).await?.switch {
        Switch::On => report.good("automatic linking is switched on"),
        Switch::Off => report.doubt(
            "automatic linking is switched off: nothing is decided or recorded; \
             `idlink feature enable` turns it on",
        ),
    }
    let counts = store.customer_counts().await?;
    for entity in &settings.legal_entities {
        let code = entity.code.as_str();
        let found = counts.iter().find(|(counted, _)| *counted == entity.code);
        match found.map_or(0, |(_, count)| *count) {
            0 => report.doubt(format_args!(
                "legal entity {code}: no customers; run the Customers import first (Commerce: job \
                 1010), or everybody who signs up is unknown"
            )),
            count => report.good(format_args!("legal entity {code}: has customers ({count})")),
        }
    }
    check_feeds(report, &store.feeds().await?, settings, now);
    Ok(())
}

/// A feed that is behind is somebody's affair where a site has a limit.
fn check_feeds(
    report: &mut Report,
    feeds: &[(LegalEntity, Option<Watermark>)],
    settings: &Settings,
    now: OffsetDateTime,
) {
    for site in settings.directory.sites() {
        let Some(limit) = site.rules.feed_max_age else {
            continue;
        };
        let (name, entity) = (&site.name, site.legal_entity.as_str());
        let feed = feeds.iter().find(|(code, _)| *code == site.legal_entity);
        let feed = feed.and_then(|(_, feed)| *feed);
        let refused = match site.rules.customer_type {
            CustomerType::B2c => "nobody new is created",
            CustomerType::B2b => "whoever is not found is told to try again later",
        };
        let limit_said = limit.whole_minutes();
        match (Freshness::of(feed, Some(limit), now), feed) {
            (Freshness::Fresh, Some(feed)) => report.good(format_args!(
                "site {name}: the customer feed of {entity} is {} minutes old, up to {limit_said} \
                 are allowed",
                feed.age(now).whole_minutes()
            )),
            (Freshness::Stale, Some(feed)) => report.doubt(format_args!(
                "site {name}: the customer feed of {entity} is {} minutes old, more than \
                 feed_max_age_minutes = {limit_said}: {refused}; run the Customers import",
                feed.age(now).whole_minutes()
            )),
            (_, None) => report.doubt(format_args!(
                "site {name}: no customer feed of {entity} ever came to its end, and \
                 feed_max_age_minutes = {limit_said}: {refused}; run the Customers import"
            )),
        }
    }
}
