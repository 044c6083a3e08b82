//! The access tokens by which Entra's custom authentication extensions prove
//! who is calling (contracts.md §4.4).
//!
//! Nothing is fetched while a request waits: the platform gives up after a
//! second. Keys are loaded at start and refreshed behind; a token whose key is
//! not there yet is refused, and the next one finds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use openidconnect::core::CoreJsonWebKeySet;
use serde::Deserialize;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::ProviderError;
use super::claims::{Audience, present};
use super::keys::{self, Cause, KeyCache};
use super::signed::Signed;
use super::token::{LEEWAY, TokenError, check_beginning};

/// The application of Microsoft's that places the calls, in every tenant.
const CALLER: &str = "99045fe1-7639-4a75-9d4a-577b6ca3810f";

/// The name of an issuer's only key set.
const ONLY_SET: &str = "";

/// Which tokens of a tenant are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerSettings {
    /// The tenant's name, for the log.
    pub tenant: String,
    /// The directory that tokens must be of (`tid`).
    pub directory_id: Uuid,
    /// Our API application: its client id, and its id URI for v1 tokens.
    pub audiences: BTreeSet<String>,
    /// External tenants have been seen to name one of three issuers, and to
    /// publish the keys of each in another place.
    pub issuers: Vec<CallerIssuer>,
}

/// An issuer and where keys are that it, and nobody else, signs with. One that
/// publishes them in several places is there several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIssuer {
    pub issuer: String,
    pub jwks_uri: Url,
}

/// Why a token does not prove that the platform is calling for the tenant.
/// Says which check failed, never what the token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("it was not issued to Entra's authentication events")]
    Caller,
    #[error("it is of another directory")]
    Directory,
}

/// One tenant's callers, and the keys that are remembered for them. Cheap to
/// clone.
#[derive(Clone)]
pub struct Bearer {
    settings: Arc<BearerSettings>,
    sources: Arc<[Source]>,
    http: reqwest::Client,
}

/// An issuer with its keys. Cheap to clone.
#[derive(Clone)]
struct Source {
    of: CallerIssuer,
    keys: Arc<KeyCache>,
}

/// The claims that are checked. Names of applications and people play no part.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    tid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    ver: Option<String>,
    /// The calling application in tokens of version 2.
    #[serde(default, deserialize_with = "present")]
    azp: Option<String>,
    /// The same in tokens of version 1.
    #[serde(default, deserialize_with = "present")]
    appid: Option<String>,
}

impl Bearer {
    pub fn new(settings: BearerSettings, http: reqwest::Client) -> Self {
        Self::with(settings, &[], http)
    }

    /// The same tenant under new settings. The keys of issuers that were there
    /// before are kept.
    pub fn renewed(&self, settings: BearerSettings) -> Self {
        Self::with(settings, &self.sources, self.http.clone())
    }

    fn with(settings: BearerSettings, before: &[Source], http: reqwest::Client) -> Self {
        let source = |of: &CallerIssuer| {
            let known = before.iter().find(|source| source.of == *of);
            known.cloned().unwrap_or_else(|| Source {
                of: of.clone(),
                keys: Arc::default(),
            })
        };
        Self {
            sources: settings.issuers.iter().map(source).collect(),
            settings: Arc::new(settings),
            http,
        }
    }

    /// How old the oldest of the keys in use are; `None` while those of an
    /// issuer were never loaded.
    pub fn keys_age(&self) -> Option<Duration> {
        let ages: Option<Vec<_>> = self
            .sources
            .iter()
            .map(|source| source.keys.age())
            .collect();
        ages?.into_iter().max()
    }

    /// Loads the keys that were never loaded or are an hour old. What fails is
    /// logged, and the keys that are there serve on.
    pub async fn keep_keys_fresh(&self) {
        join_all(
            self.sources
                .iter()
                .map(|source| self.refresh(source, Cause::Age)),
        )
        .await;
    }

    /// Asks every issuer for its keys now, and says how that went.
    pub async fn try_keys(&self) -> Vec<(&str, Result<(), ProviderError>)> {
        let one = async |source: &Source| {
            let keys = keys::fetch(&self.http, source.of.jwks_uri.clone()).await;
            keys.map(|_| ())
        };
        let tried = join_all(self.sources.iter().map(one)).await;
        let issuers = self.settings.issuers.iter();
        issuers.map(|of| of.issuer.as_str()).zip(tried).collect()
    }

    /// Whether `token` was issued to the platform, for us, by the tenant.
    pub fn verify(&self, token: &str, now: OffsetDateTime) -> Result<(), BearerError> {
        let signed = Signed::read(token)?;
        let claims: Claims = signed.claims()?;
        let keys = self.keys_for(&claims.iss, &signed)?;
        signed.verify(&keys)?;
        self.check(&claims, now)
    }

    /// The issuer's keys with the token's among them.
    fn keys_for(
        &self,
        issuer: &str,
        token: &Signed<'_>,
    ) -> Result<Arc<CoreJsonWebKeySet>, TokenError> {
        let mut error = TokenError::Issuer;
        for source in self
            .sources
            .iter()
            .filter(|source| source.of.issuer == issuer)
        {
            let ring = source.keys.ring();
            if let Some(keys) = ring.keys_for(ONLY_SET, |keys| token.has_key_in(keys)) {
                self.refresh_behind(source, Cause::Age);
                return Ok(keys);
            }
            self.refresh_behind(source, Cause::UnknownKey);
            error = match (ring.is_empty(), error) {
                // Its keys might have been there.
                (true, _) | (false, TokenError::KeysUnavailable) => TokenError::KeysUnavailable,
                (false, _) => TokenError::UnknownKey,
            };
        }
        Err(error)
    }

    fn refresh_behind(&self, source: &Source, cause: Cause) {
        if source.keys.wants_refresh(ONLY_SET, cause) {
            let (bearer, source) = (self.clone(), source.clone());
            tokio::spawn(async move { bearer.refresh(&source, cause).await });
        }
    }

    async fn refresh(&self, source: &Source, cause: Cause) {
        let fetch = async || keys::fetch(&self.http, source.of.jwks_uri.clone()).await;
        if let Err(error) = source.keys.keep_fresh(ONLY_SET, cause, fetch).await {
            tracing::warn!(
                tenant = self.settings.tenant,
                issuer = source.of.issuer,
                %error,
                "the keys of a caller's issuer were not loaded"
            );
        }
    }

    /// Everything but issuer and signature.
    fn check(&self, claims: &Claims, now: OffsetDateTime) -> Result<(), BearerError> {
        if claims.exp <= (now - LEEWAY).unix_timestamp() {
            return Err(TokenError::Expired.into());
        }
        check_beginning(claims.nbf, claims.iat, now)?;
        if !claims.aud.only().is_some_and(|aud| self.is_ours(aud)) {
            return Err(TokenError::Audience.into());
        }
        claims.check_caller()?;
        let directory = claims.tid.as_deref().map(Uuid::try_parse);
        match directory {
            Some(Ok(directory)) if directory == self.settings.directory_id => Ok(()),
            Some(_) | None => Err(BearerError::Directory),
        }
    }

    /// Client ids are GUIDs, so their case carries nothing.
    fn is_ours(&self, audience: &str) -> bool {
        let mut accepted = self.settings.audiences.iter();
        accepted.any(|own| own.eq_ignore_ascii_case(audience))
    }
}

impl Claims {
    /// The version says which claim names the caller; where the other one is
    /// there too, it must not say otherwise.
    fn check_caller(&self) -> Result<(), BearerError> {
        let named = match self.ver.as_deref() {
            Some("2.0") => self.azp.as_deref(),
            Some("1.0") => self.appid.as_deref(),
            None => self.azp.as_deref().or(self.appid.as_deref()),
            Some(_) => return Err(BearerError::Caller),
        };
        let mut all = [named, self.azp.as_deref(), self.appid.as_deref()]
            .into_iter()
            .flatten();
        if named.is_some() && all.all(|caller| caller == CALLER) {
            Ok(())
        } else {
            Err(BearerError::Caller)
        }
    }
}
