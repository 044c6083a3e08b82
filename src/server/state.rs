//! What the routes share, and which part of it a reload exchanges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::Data;
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use tokio::sync::watch;
use url::Url;

use super::StartError;
use super::tls::{Asks, Certificate, Shown, TlsError};
use crate::config::{self, Settings};
use crate::connectors::Connectors;
use crate::connectors::caller::Roster;
use crate::domain::customer::LegalEntity;
use crate::domain::feed::Watermark;
use crate::limits::Limits;
use crate::linking::Linking;
use crate::oidc::{self, Bearer, BearerSettings, Provider};
use crate::sign_up::SignUps;
use crate::sites::Sites;
use crate::store::{Store, StoreError};
use crate::tracked::Tracked;

/// Between two tries to bring the schema up to date.
const PREPARE_AGAIN: Duration = Duration::from_secs(1);

/// Between two looks at the age of keys. A tenant is asked for one policy's
/// keys a minute.
const KEYS_AGAIN: Duration = Duration::from_secs(61);

/// How soon the keys of a tenant of External ID that was added, or was away,
/// are tried.
const LOOK_FOR_OLD_KEYS: Duration = Duration::from_secs(5);

/// Each legal entity's customer feed, if one has come to its end.
pub(super) type Feeds = Vec<(LegalEntity, Option<Watermark>)>;

pub(super) struct State {
    pub(super) settings: ArcSwap<Settings>,
    pub(super) store: Store,
    pub(super) tracked: Tracked,
    pub(super) certificate: Option<Arc<Shown>>,
    /// Whether callers are asked for a certificate of theirs.
    pub(super) asks: Asks,
    limits: Limits,
    pub(super) connectors: Data<ArcSwap<Connectors>>,
    pub(super) sign_ups: Data<SignUps>,
    pub(super) linking: Data<Linking>,
    pub(super) sites: Data<ArcSwap<Sites>>,
    public_url: Url,
    http: reqwest::Client,
    draining: AtomicBool,
    /// As they were when the store last said.
    pub(super) feeds: ArcSwap<Feeds>,
    prepared: watch::Sender<bool>,
}

impl State {
    pub(super) fn new(
        settings: Settings,
        store: Store,
        certificate: Option<Arc<Shown>>,
        public_url: Url,
    ) -> Result<Arc<Self>, StartError> {
        let http = oidc::http_client()?;
        let tracked = store.tracked().clone();
        let providers = providers(&settings, &BTreeMap::new(), &http);
        let bearers = bearers(&settings, &BTreeMap::new(), &http);
        let connectors = connectors(&settings, bearers)?;
        let sites = sites(&settings, providers, &public_url);
        let asks = Asks::default();
        asks.set(takes_certificates(&settings));
        let limits = Limits::default();
        limits.set(&settings.limits);
        Ok(Arc::new(Self {
            asks,
            sign_ups: Data::new(SignUps::new(store.clone()).within(limits.clone())),
            linking: Data::new(Linking::new(store.clone(), tracked.clone()).within(limits.clone())),
            limits,
            connectors: Data::new(ArcSwap::from_pointee(connectors)),
            sites: Data::new(ArcSwap::from_pointee(sites)),
            public_url,
            settings: ArcSwap::from_pointee(settings),
            store,
            tracked,
            certificate,
            http,
            draining: AtomicBool::new(false),
            feeds: ArcSwap::default(),
            prepared: watch::Sender::new(false),
        }))
    }

    /// Brings the schema up to date and makes the legal entities known, as
    /// often as it takes: the database may be away when we start.
    pub(super) async fn prepare(self: Arc<Self>) {
        let mut last_reason = String::new();
        while let Err(error) = self.prepare_once().await {
            let reason = error.to_string();
            if reason != last_reason {
                tracing::warn!(reason, "the database is not ready; trying again");
                last_reason = reason;
            }
            tokio::time::sleep(PREPARE_AGAIN).await;
        }
        self.prepared.send_replace(true);
    }

    async fn prepare_once(&self) -> Result<(), StoreError> {
        let applied = self.store.migrate().await?;
        if applied > 0 {
            tracing::info!(applied, "the schema was brought up to date");
        }
        self.know_legal_entities(&self.settings.load_full()).await
    }

    async fn know_legal_entities(&self, settings: &Settings) -> Result<(), StoreError> {
        for entity in &settings.legal_entities {
            self.store
                .ensure_legal_entity(&entity.code, &entity.number)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn prepared(&self) {
        let mut prepared = self.prepared.subscribe();
        // The sender lives in `self`.
        let _ = prepared.wait_for(|prepared| *prepared).await;
    }

    /// Fetches metadata and keys, so that the first person need not wait, and
    /// fetches them again when they have grown old, although nobody signs in:
    /// a key that was withdrawn overnight must not open the morning. Tenants
    /// that a reload brings are found, too. Never returns.
    pub(super) async fn keep_keys(self: Arc<Self>) {
        loop {
            for provider in self.sites.load_full().providers.values() {
                provider.preload().await;
            }
            tokio::time::sleep(KEYS_AGAIN).await;
        }
    }

    /// Loads the keys by which External ID proves that it calls, at once and
    /// whenever they are old: no request waits for them. Never returns.
    pub(super) async fn keep_callers_keys(self: Arc<Self>) {
        loop {
            let connectors = self.connectors.load_full();
            join_all(connectors.bearers.values().map(Bearer::keep_keys_fresh)).await;
            tokio::time::sleep(LOOK_FOR_OLD_KEYS).await;
        }
    }

    pub(super) fn begin_to_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Puts new settings in the place of the current ones. Requests under way
    /// end with those they began with.
    pub(super) async fn exchange(&self, settings: Settings) -> Result<(), Refusal> {
        let current = self.settings.load_full();
        let bearers = bearers(&settings, &self.connectors.load().bearers, &self.http);
        let connectors = connectors(&settings, bearers)?;
        if settings.legal_entities != current.legal_entities {
            self.know_legal_entities(&settings).await?;
        }
        for key in needs_restart(&current, &settings) {
            tracing::warn!(key, "this change takes effect when idlink is started again");
        }
        let providers = providers(&settings, &self.sites.load().providers, &self.http);
        let sites = sites(&settings, providers, &self.public_url);
        self.limits.set(&settings.limits);
        self.asks.set(takes_certificates(&settings));
        self.connectors.store(Arc::new(connectors));
        self.sites.store(Arc::new(sites));
        self.settings.store(Arc::new(settings));
        Ok(())
    }

    /// Reads certificate and key again from where the settings say.
    pub(super) fn exchange_certificate(&self) -> Result<(), TlsError> {
        let settings = self.settings.load();
        if let (Some(shown), Some(files)) = (&self.certificate, &settings.server.tls) {
            shown.replace(Certificate::load(files, OffsetDateTime::now_utc())?);
        }
        Ok(())
    }
}

/// Why new settings could not be put in place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a legal entity cannot be made known: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
}

fn takes_certificates(settings: &Settings) -> bool {
    let mut callers = settings.callers.values();
    callers.any(|callers| !callers.certificates.is_empty())
}

fn connectors(
    settings: &Settings,
    bearers: BTreeMap<String, Bearer>,
) -> Result<Connectors, StartError> {
    Ok(Connectors {
        directory: Arc::new(settings.directory.clone()),
        callers: settings
            .callers
            .iter()
            .map(|(tenant, callers)| (tenant.clone(), Roster::from(callers)))
            .collect(),
        proxy: settings.proxy.clone(),
        bearers,
        fallback: config::fallback_messages().ok_or(StartError::Messages)?,
    })
}

fn sites(settings: &Settings, providers: BTreeMap<String, Provider>, public_url: &Url) -> Sites {
    let access = settings.sites.iter();
    Sites {
        directory: Arc::new(settings.directory.clone()),
        providers,
        keys: access
            .clone()
            .map(|(name, access)| (name.clone(), access.keys.clone()))
            .collect(),
        policies: access
            .map(|(name, access)| (name.clone(), access.policy.clone()))
            .collect(),
        public_url: public_url.as_str().to_owned(),
    }
}

/// Issuers that were there before keep the keys that they have fetched.
fn bearers(
    settings: &Settings,
    before: &BTreeMap<String, Bearer>,
    http: &reqwest::Client,
) -> BTreeMap<String, Bearer> {
    let bearer = |(name, found): (&String, &BearerSettings)| {
        let bearer = match before.get(name) {
            Some(bearer) => bearer.renewed(found.clone()),
            None => Bearer::new(found.clone(), http.clone()),
        };
        (name.clone(), bearer)
    };
    settings.bearers.iter().map(bearer).collect()
}

/// Tenants that were there before keep the keys that they have fetched.
fn providers(
    settings: &Settings,
    before: &BTreeMap<String, Provider>,
    http: &reqwest::Client,
) -> BTreeMap<String, Provider> {
    settings
        .directory
        .tenants()
        .filter_map(|tenant| Some((tenant, settings.providers.get(&tenant.name)?.clone())))
        .map(|(tenant, found)| {
            let provider = match before.get(&tenant.name) {
                Some(provider) => provider.renewed(Arc::clone(tenant), found),
                None => Provider::new(Arc::clone(tenant), found, http.clone()),
            };
            (tenant.name.clone(), provider)
        })
        .collect()
}

/// The changed keys that were used when we started and never again.
fn needs_restart(current: &Settings, new: &Settings) -> Vec<&'static str> {
    let text = |secret: &Option<SecretString>| {
        secret
            .as_ref()
            .map(|secret| secret.expose_secret().to_owned())
    };
    let (server, database) = (&current.server, &current.database);
    [
        ("server.listen", server.listen != new.server.listen),
        (
            "server.management_listen",
            server.management_listen != new.server.management_listen,
        ),
        (
            "server.public_url",
            server.public_url != new.server.public_url,
        ),
        ("server.workers", server.workers != new.server.workers),
        (
            "server.tls",
            server.tls.is_some() != new.server.tls.is_some(),
        ),
        (
            "database.url",
            text(&database.url) != text(&new.database.url),
        ),
        (
            "database.password",
            text(&database.password) != text(&new.database.password),
        ),
        (
            "database.ca_certificate",
            database.ca_certificate != new.database.ca_certificate,
        ),
        (
            "database.pool_size",
            database.pool_size != new.database.pool_size,
        ),
        (
            "database.statements",
            database.statements != new.database.statements,
        ),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect()
}
