//! What tenants sign and publish: metadata, keys, code exchange and ID tokens
//! for us as their relying party, and the tokens by which they call us. The
//! only module that names `openidconnect`.

mod bearer;
mod claims;
mod exchange;
mod keys;
mod members;
mod metadata;
mod signed;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openidconnect::core::CoreJsonWebKeySet;
use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use time::OffsetDateTime;
use tokio::time::Instant;

pub use bearer::{Bearer, BearerError, BearerSettings, CallerIssuer};
pub use exchange::http_client;
pub use members::Members;
pub use metadata::Metadata;
pub use token::{TokenError, VerifiedToken};

use crate::domain::tenant::Tenant;
use exchange::{AllowedHosts, Answered};
use keys::{Asked, Cause, KeyCache};
use token::{Expected, Unverified};

/// For the code exchange, which cannot be repeated with the same code. With
/// both documents before it and the recording after it, it must end before
/// `tracked` gives its task up.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(7);

const METADATA_FRESH: Duration = Duration::from_secs(60 * 60);

/// How long after a failure the tenant is left alone.
const METADATA_PAUSE: Duration = Duration::from_secs(5);

/// Where a tenant is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSettings {
    /// The address of the metadata document; `{policy}` stands for the policy,
    /// in the path or in the query.
    pub metadata_url: String,
    /// The policy whose documents serve where none is named.
    pub default_policy: String,
    /// Hosts (`host` or `host:port`) that the metadata may name beside those of
    /// the issuers and of the document itself.
    pub allowed_hosts: Vec<String>,
}

/// Why a tenant could not be asked. Holds nothing of what was sent or answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("the tenant cannot be reached: {why}; check network, DNS and certificates on the way")]
    Unreachable { why: &'static str },
    #[error("the tenant answered with status {status}")]
    Refused { status: u16 },
    #[error("the tenant's {what} is not usable: {why}")]
    Malformed {
        what: &'static str,
        why: &'static str,
    },
    #[error(
        "the metadata document names an issuer that is not the tenant's; \
         compare `issuer` and its aliases in the settings with the document, byte for byte"
    )]
    ForeignIssuer,
    #[error(
        "`{member}` of the metadata document is on a host that is not allowed, or not on https; \
         add the host to the tenant's allowed hosts if it is right"
    )]
    ForbiddenHost { member: &'static str },
    #[error("the policy is none of those that the tenant accepts")]
    UnknownPolicy,
    #[error(
        "the metadata address is not usable; \
         it must be https (http on this machine only), and policies consist of letters, digits, `_` and `-`"
    )]
    BadMetadataUrl,
}

/// What the tenant's token endpoint answered.
#[derive(Debug)]
pub enum TokenReply {
    Granted(Members),
    /// The tenant's own error, to be passed on.
    Refused(Refusal),
}

/// An error as the tenant wrote it.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    /// The headers that belong to it: media type, challenge, when to try again.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// One tenant, and what is remembered of it. Cheap to clone.
#[derive(Clone)]
pub struct Provider {
    tenant: Arc<Tenant>,
    remote: Arc<Remote>,
}

/// What outlives a reload of the settings.
struct Remote {
    settings: ProviderSettings,
    allowed: AllowedHosts,
    http: reqwest::Client,
    metadata: Mutex<BTreeMap<String, Arc<MetadataSlot>>>,
    keys: KeyCache,
}

/// The metadata of one policy, and the lock that lets one task fetch it.
#[derive(Default)]
struct MetadataSlot {
    last_good: Mutex<Option<(Arc<Metadata>, Instant)>>,
    failed: tokio::sync::Mutex<Option<(ProviderError, Instant)>>,
}

impl Provider {
    pub fn new(tenant: Arc<Tenant>, settings: ProviderSettings, http: reqwest::Client) -> Self {
        let urls = [tenant.issuer.as_str(), settings.metadata_url.as_str()]
            .into_iter()
            .chain(tenant.issuer_aliases.iter().map(String::as_str));
        let remote = Remote {
            allowed: AllowedHosts::new(urls, &settings.allowed_hosts),
            settings,
            http,
            metadata: Mutex::default(),
            keys: KeyCache::default(),
        };
        Self {
            tenant,
            remote: Arc::new(remote),
        }
    }

    /// The same tenant under new settings. What is remembered is kept unless
    /// the settings say that it came from somewhere else.
    pub fn renewed(&self, tenant: Arc<Tenant>, settings: ProviderSettings) -> Self {
        let same = settings == self.remote.settings
            && tenant.issuer == self.tenant.issuer
            && tenant.issuer_aliases == self.tenant.issuer_aliases;
        if same {
            Self {
                tenant,
                remote: Arc::clone(&self.remote),
            }
        } else {
            Self::new(tenant, settings, self.remote.http.clone())
        }
    }

    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    pub fn default_policy(&self) -> &str {
        &self.remote.settings.default_policy
    }

    /// How old the oldest of the keys in use are; `None` before the first.
    pub fn keys_age(&self) -> Option<Duration> {
        self.remote.keys.age()
    }

    /// Loads metadata and keys of all accepted policies, so that the first
    /// person need not wait, and loads old ones again. What fails is logged
    /// and tried again when needed.
    pub async fn preload(&self) {
        for policy in &self.tenant.policies {
            self.keep_keys_fresh(policy).await;
        }
    }

    /// The metadata of a policy: of the last hour, or the last good one while
    /// the tenant cannot be asked.
    pub async fn metadata(&self, policy: &str) -> Result<Arc<Metadata>, ProviderError> {
        let policy = token::spelled(&self.tenant, policy).ok_or(ProviderError::UnknownPolicy)?;
        let slot = self.slot(policy);
        match slot.last_good() {
            Some((metadata, at)) if at.elapsed() < METADATA_FRESH => Ok(metadata),
            Some((metadata, _)) => {
                self.refresh_metadata_behind(policy, slot);
                Ok(metadata)
            }
            None => self.load_metadata(policy, &slot).await,
        }
    }

    /// Redeems a code or a refresh token. The client's credentials are passed
    /// on as they came, in the form or in `authorization`.
    pub async fn redeem(
        &self,
        policy: &str,
        authorization: Option<&[u8]>,
        form: &[(String, String)],
    ) -> Result<TokenReply, ProviderError> {
        let metadata = self.metadata(policy).await?;
        let mut request = self
            .remote
            .http
            .post(metadata.token_endpoint.clone())
            .header(ACCEPT, "application/json")
            .form(form);
        if let Some(mut value) = authorization.and_then(|value| HeaderValue::from_bytes(value).ok())
        {
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        token_reply(exchange::send(request, EXCHANGE_LIMIT).await?)
    }

    /// Checks an ID token for one of the applications in `audiences`.
    pub async fn verify(
        &self,
        id_token: &str,
        audiences: &BTreeSet<String>,
        nonce: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<VerifiedToken, TokenError> {
        let token = Unverified::read(id_token)?;
        let policy = token.policy(&self.tenant)?;
        let keys = self.keys_for(policy, &token).await?;
        let expected = Expected {
            audiences,
            nonce,
            now,
        };
        token.verify(&self.tenant, policy, &keys, &expected)
    }

    /// The keys among which the token's is.
    async fn keys_for(
        &self,
        policy: &str,
        token: &Unverified,
    ) -> Result<Arc<CoreJsonWebKeySet>, TokenError> {
        let cache = &self.remote.keys;
        loop {
            let seen = cache.ring();
            if let Some(keys) = seen.keys_for(policy, |keys| token.has_key_in(keys)) {
                if cache.wants_refresh(policy, Cause::Age) {
                    let (provider, policy) = (self.clone(), policy.to_owned());
                    tokio::spawn(async move { provider.keep_keys_fresh(&policy).await });
                }
                return Ok(keys);
            }
            let fetch = async || self.fetch_keys(policy).await;
            match cache.refresh(policy, &seen, fetch).await {
                Asked::Newer => {}
                Asked::Unchanged => return Err(TokenError::UnknownKey),
                Asked::Unknown => return Err(TokenError::KeysUnavailable),
            }
        }
    }

    async fn keep_keys_fresh(&self, policy: &str) {
        let fetch = async || self.fetch_keys(policy).await;
        // A failure is logged, and the keys that are there serve on.
        let _ = self.remote.keys.keep_fresh(policy, Cause::Age, fetch).await;
    }

    async fn fetch_keys(&self, policy: &str) -> Result<CoreJsonWebKeySet, ProviderError> {
        let metadata = self.metadata(policy).await?;
        let keys = keys::fetch(&self.remote.http, metadata.jwks_uri.clone()).await;
        self.logged("keys", keys)
    }

    fn slot(&self, policy: &str) -> Arc<MetadataSlot> {
        let mut slots = unpoisoned(&self.remote.metadata);
        Arc::clone(slots.entry(policy.to_owned()).or_default())
    }

    fn refresh_metadata_behind(&self, policy: &str, slot: Arc<MetadataSlot>) {
        if slot.is_resting() {
            return;
        }
        let (provider, policy) = (self.clone(), policy.to_owned());
        tokio::spawn(async move {
            // A failure is logged, and the last good document serves on.
            let _ = provider.load_metadata(&policy, &slot).await;
        });
    }

    /// Fetches a policy's metadata; one task at a time, and after a failure not
    /// before a pause.
    async fn load_metadata(
        &self,
        policy: &str,
        slot: &MetadataSlot,
    ) -> Result<Arc<Metadata>, ProviderError> {
        let mut failed = slot.failed.lock().await;
        match slot.last_good() {
            Some((metadata, at)) if at.elapsed() < METADATA_FRESH => return Ok(metadata),
            Some(_) | None => {}
        }
        match failed.as_ref() {
            Some((error, at)) if at.elapsed() < METADATA_PAUSE => return Err(error.clone()),
            Some(_) | None => {}
        }
        match self.logged("metadata", self.fetch_metadata(policy).await) {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *unpoisoned(&slot.last_good) = Some((Arc::clone(&metadata), Instant::now()));
                *failed = None;
                Ok(metadata)
            }
            Err(error) => {
                *failed = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }

    async fn fetch_metadata(&self, policy: &str) -> Result<Metadata, ProviderError> {
        let url = metadata::address(&self.remote.settings.metadata_url, policy)?;
        let json = exchange::document(&self.remote.http, url, "metadata document").await?;
        Metadata::read(&json, &self.tenant, &self.remote.allowed)
    }

    fn logged<T>(
        &self,
        what: &'static str,
        result: Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        if let Err(error) = &result {
            tracing::warn!(tenant = self.tenant.name, what, %error, "tenant not asked");
        }
        result
    }
}

impl MetadataSlot {
    fn last_good(&self) -> Option<(Arc<Metadata>, Instant)> {
        unpoisoned(&self.last_good).clone()
    }

    /// Whether somebody is fetching, or failed to a moment ago.
    fn is_resting(&self) -> bool {
        self.failed.try_lock().map_or(true, |failed| {
            failed
                .as_ref()
                .is_some_and(|(_, at)| at.elapsed() < METADATA_PAUSE)
        })
    }
}

/// Nothing panics under these locks, and what they guard is whole at any time.
fn unpoisoned<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sorts the tenant's answer into granted, refused and broken.
fn token_reply(answered: Answered) -> Result<TokenReply, ProviderError> {
    let status = answered.status;
    if status == StatusCode::OK {
        let malformed = |why| ProviderError::Malformed {
            what: "token answer",
            why,
        };
        if !answered.is_json() {
            return Err(malformed("it is not JSON, although the status is 200"));
        }
        let members = Members::parse(&answered.body).map_err(|_| malformed("it is no object"))?;
        if members.get("id_token").is_some() && members.text("id_token").is_none() {
            return Err(malformed("its ID token is no text"));
        }
        return Ok(TokenReply::Granted(members));
    }
    if status.is_client_error() {
        return Ok(TokenReply::Refused(Refusal {
            status: status.as_u16(),
            headers: passed_on(&answered.headers),
            body: answered.body,
        }));
    }
    Err(ProviderError::Refused {
        status: status.as_u16(),
    })
}

fn passed_on(headers: &HeaderMap) -> Vec<(&'static str, Vec<u8>)> {
    [
        (CONTENT_TYPE, "content-type"),
        (WWW_AUTHENTICATE, "www-authenticate"),
        (RETRY_AFTER, "retry-after"),
    ]
    .into_iter()
    .filter_map(|(name, own)| Some((own, headers.get(name)?.as_bytes().to_vec())))
    .collect()
}
