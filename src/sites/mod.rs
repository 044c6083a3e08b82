//! Sites calling us: the token endpoint, links for sites that redeem codes
//! themselves, and the discovery document that client libraries are given.

mod discovery;
pub mod key;
mod links;
mod oauth;
mod problem;
mod request;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Data, ServiceConfig};
use arc_swap::ArcSwap;
use uuid::Uuid;

use crate::domain::answer::{Refusal, Refused};
use crate::domain::directory::Directory;
use crate::domain::reference::Reference;
use crate::domain::site::{Site, Stage};
use crate::domain::trust::Address;
use crate::linking::Recording;
use crate::oidc::{Provider, TokenError, VerifiedToken};
use key::SiteKey;

/// How long a recording may take before the site is told "unavailable".
const RECORDING_LIMIT: Duration = Duration::from_secs(4);

/// What the sites' calls are answered from, exchanged as a whole when settings
/// are reloaded.
pub struct Sites {
    pub directory: Arc<Directory>,
    /// By the name of the tenant.
    pub providers: BTreeMap<String, Provider>,
    /// The keys of each site's own back end, by the site's name: two are valid
    /// while one is rolled. A site without any records no links.
    pub keys: BTreeMap<String, Vec<SiteKey>>,
    /// The policy that a site's people sign in with, by the site's name; the
    /// tenant's default policy for the others.
    pub policies: BTreeMap<String, String>,
    /// How applications reach us, such as `https://signup.contoso.example`.
    pub public_url: String,
}

/// The state that the handlers share.
type Current = Data<ArcSwap<Sites>>;

/// The sites' routes. Their state is `Data<ArcSwap<Sites>>` and
/// `Data<Linking>`.
pub fn configure(config: &mut ServiceConfig) {
    config.service(
        web::scope("/sites/{site}")
            .service(
                web::resource("/token")
                    .route(web::post().to(token::handle))
                    .default_service(web::to(oauth::only_post)),
            )
            .service(
                web::resource("/links")
                    .route(web::post().to(links::handle))
                    .default_service(web::to(problem::only_post)),
            )
            .service(
                web::resource("/.well-known/openid-configuration")
                    .route(web::get().to(discovery::handle))
                    .route(web::head().to(discovery::handle))
                    .default_service(web::to(oauth::only_get)),
            ),
    );
}

/// What a site is told of an ID token that was not believed.
enum Disbelieved {
    /// Nothing: the tenant's keys could not be had.
    Unchecked(Refused),
    /// It may be genuine, and does not say whose it is.
    Nobodys(Refused),
    Invalid(Refused),
}

impl Disbelieved {
    /// Writes the reason to the log, under the reference that the site is told.
    fn at(site: &Site, via: &'static str, error: TokenError, ui_locales: &str) -> Self {
        let reference = Reference::of(Uuid::new_v4());
        tracing::warn!(site = site.name, via, %error, %reference, "ID token refused");
        let refused = |refusal| Refused::at(site, refusal, Stage::SignedIn, ui_locales, reference);
        match error {
            TokenError::KeysUnavailable => Self::Unchecked(refused(Refusal::Unavailable)),
            TokenError::NoObjectId => Self::Nobodys(refused(Refusal::NoObjectId)),
            TokenError::Malformed
            | TokenError::Algorithm
            | TokenError::Header
            | TokenError::UnknownKey
            | TokenError::Signature
            | TokenError::Issuer
            | TokenError::Audience
            | TokenError::AuthorizedParty
            | TokenError::Policy
            | TokenError::Expired
            | TokenError::NotYetValid
            | TokenError::IssuedInFuture
            | TokenError::Nonce => Self::Invalid(refused(Refusal::Malformed)),
        }
    }
}

/// A site with the tenant behind it.
struct Found {
    site: Arc<Site>,
    provider: Provider,
}

impl Sites {
    fn find(&self, name: &str) -> Option<Found> {
        let site = self.directory.site(name)?;
        let provider = self.providers.get(&site.tenant)?;
        Some(Found {
            site: Arc::clone(site),
            provider: provider.clone(),
        })
    }

    /// The policy that a site's call is about: the one that it names, or else
    /// the site's. `None` when it names one that the tenant does not accept.
    fn policy(&self, found: &Found, named: Option<&str>) -> Option<String> {
        let policy = named
            .or_else(|| self.policies.get(&found.site.name).map(String::as_str))
            .unwrap_or_else(|| found.provider.default_policy());
        let accepted = &found.provider.tenant().policies;
        accepted
            .iter()
            .find(|own| own.eq_ignore_ascii_case(policy))
            .cloned()
    }

    /// Where client libraries send codes; with the policy when they named one.
    fn token_endpoint(&self, site: &Site, named_policy: Option<&str>) -> String {
        let base = self.public_url.trim_end_matches('/');
        let query = named_policy.map_or_else(String::new, |policy| format!("?p={policy}"));
        format!("{base}/sites/{}/token{query}", site.name)
    }
}

impl Found {
    /// What a verified token gives to record.
    fn recording(self, token: VerifiedToken, via: &'static str, ui_locales: String) -> Recording {
        let trust = &self.provider.tenant().trust;
        let address = Address::weigh(
            token.email.as_deref(),
            token.claimed,
            &token.identity.provider,
            trust,
        );
        Recording {
            site: self.site,
            identity: token.identity,
            address,
            via,
            ui_locales,
            request_id: None,
        }
    }
}
