//! The token service of an Entra tenant as far as custom authentication
//! extensions need it: metadata and keys under three issuers, and the tokens
//! that the platform shows to an extension, good and bad.
//!
//! Sources: Microsoft's "Access token claims reference" and the articles on
//! custom authentication extensions; the issuers are those of documents and
//! of published tokens.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    ScriptError,
    keys::{KeyError, Signature, SigningKey, derived_id, sign_token},
    oidc::{self, misbehave},
    state::{Endpoint, OldKeys, Tenant},
};

/// "Azure AD Authentication Extensions", who calls every extension.
const CALLER: &str = "99045fe1-7639-4a75-9d4a-577b6ca3810f";

/// Microsoft Graph's application id.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// The misspelling of [`CALLER`] that circulates.
const NOT_THE_CALLER: &str = "99045fe1-7639-4a75-9d4d-577b6ca3810f";

/// Observed: such tokens hold for 65 minutes.
const LIFETIME_SECONDS: i64 = 3_900;

/// The extension's API registration, unless told otherwise.
pub const DEFAULT_AUDIENCE: &str = "d4a1c7b9-20f5-4b7c-8e63-9f7e5d1c0b2a";

const MAX_KEYS: usize = 4;

/// Whose name the platform's tokens are in. Documents and captures disagree
/// for external tenants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntraIssuer {
    /// `https://login.microsoftonline.com/<tenant id>/v2.0`
    Workforce,
    /// `https://<domain>.ciamlogin.com/<tenant id>/v2.0`, as documented.
    ExternalDomain,
    /// `https://<tenant id>.ciamlogin.com/<tenant id>/v2.0`, as seen.
    #[default]
    ExternalId,
}

/// The two forms of access tokens: `azp` and `appid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenVersion {
    V1,
    #[default]
    V2,
}

/// What is right or wrong with a caller's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    #[default]
    Good,
    WrongAzp,
    NoAzp,
    WrongAud,
    Expired,
    NotYetValid,
    NoExpiry,
    AlgNone,
    Hs256PublicKey,
    /// Signed by a key that is not published, under its own id.
    UnknownKid,
    /// Signed by a key that is not published, under the id of one that is.
    ForeignKey,
    BadSignature,
    /// Issuer and `tid` of another tenant, whose keys are the same.
    OtherTenant,
    /// Our issuer, another tenant's `tid`.
    OtherTid,
    /// `tid` ours, an issuer that is nobody's.
    WrongIssuer,
    /// Something behind `Bearer` that is no token.
    Garbage,
    /// No `Authorization` at all.
    NoBearer,
}

impl TokenKind {
    /// Everything that has to be refused.
    pub const BAD: [Self; 16] = [
        Self::WrongAzp,
        Self::NoAzp,
        Self::WrongAud,
        Self::Expired,
        Self::NotYetValid,
        Self::NoExpiry,
        Self::AlgNone,
        Self::Hs256PublicKey,
        Self::UnknownKid,
        Self::ForeignKey,
        Self::BadSignature,
        Self::OtherTenant,
        Self::OtherTid,
        Self::WrongIssuer,
        Self::Garbage,
        Self::NoBearer,
    ];

    fn signature(self) -> Signature {
        match self {
            Self::AlgNone => Signature::None,
            Self::Hs256PublicKey => Signature::Hs256PublicKey,
            Self::ForeignKey => Signature::OtherKey,
            Self::BadSignature => Signature::Broken,
            Self::Good
            | Self::WrongAzp
            | Self::NoAzp
            | Self::WrongAud
            | Self::Expired
            | Self::NotYetValid
            | Self::NoExpiry
            | Self::UnknownKid
            | Self::OtherTenant
            | Self::OtherTid
            | Self::WrongIssuer
            | Self::Garbage
            | Self::NoBearer => Signature::Rs256,
        }
    }
}

/// A token for an extension, or the want of one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallerToken {
    pub kind: TokenKind,
    pub issuer: EntraIssuer,
    pub version: TokenVersion,
    pub audience: String,
    /// Laid over the usual claims.
    pub claims: Map<String, Value>,
    /// Taken away from them.
    pub remove: Vec<String>,
}

impl Default for CallerToken {
    fn default() -> Self {
        Self {
            kind: TokenKind::Good,
            issuer: EntraIssuer::default(),
            version: TokenVersion::default(),
            audience: DEFAULT_AUDIENCE.to_owned(),
            claims: Map::new(),
            remove: Vec::new(),
        }
    }
}

impl From<TokenKind> for CallerToken {
    fn from(kind: TokenKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }
}

/// The keys of both clouds. An external tenant's are published under
/// ciamlogin.com only, as was seen.
#[derive(Clone)]
pub(super) struct EntraKeys {
    external: VecDeque<Arc<SigningKey>>,
    workforce: VecDeque<Arc<SigningKey>>,
    unpublished: Arc<SigningKey>,
}

impl EntraKeys {
    fn generate(now: i64) -> Result<Self, KeyError> {
        let key = || SigningKey::generate(now).map(Arc::new);
        Ok(Self {
            external: VecDeque::from([key()?]),
            workforce: VecDeque::from([key()?]),
            unpublished: key()?,
        })
    }

    fn published(&self, issuer: EntraIssuer) -> &VecDeque<Arc<SigningKey>> {
        match issuer {
            EntraIssuer::Workforce => &self.workforce,
            EntraIssuer::ExternalDomain | EntraIssuer::ExternalId => &self.external,
        }
    }
}

/// None until they are made.
pub(super) type EntraKeyRing = Arc<Mutex<Option<EntraKeys>>>;

fn made(ring: &EntraKeyRing, now: i64) -> Result<EntraKeys, KeyError> {
    let mut keys = ring.lock().unwrap_or_else(PoisonError::into_inner);
    match &*keys {
        Some(keys) => Ok(keys.clone()),
        None => Ok(keys.insert(EntraKeys::generate(now)?).clone()),
    }
}

impl Tenant {
    /// Made when they are asked for the first time, which takes a moment.
    fn entra_keys(&self) -> Result<EntraKeys, KeyError> {
        made(&self.entra_keys, self.now())
    }

    /// So that nobody waits for them on a thread that serves others.
    pub(super) async fn make_entra_keys(&self) -> Result<(), KeyError> {
        let (keys, now) = (self.entra_keys.clone(), self.now());
        let made = tokio::task::spawn_blocking(move || made(&keys, now)).await;
        made.map_err(|_| KeyError::Encoding)?.map(drop)
    }

    /// What signs the tokens of an issuer.
    pub(super) fn entra_key(&self, issuer: EntraIssuer) -> Result<Arc<SigningKey>, KeyError> {
        let keys = self.entra_keys()?;
        let first = keys.published(issuer).front().cloned();
        first.ok_or(KeyError::Encoding)
    }

    /// Slow: generates RSA keys.
    pub(super) fn rotate_entra_keys(&self, old: OldKeys) -> Result<(), KeyError> {
        let mut rotated = self.entra_keys()?;
        for ring in [&mut rotated.external, &mut rotated.workforce] {
            if old == OldKeys::Withdraw {
                ring.clear();
            }
            ring.push_front(Arc::new(SigningKey::generate(self.now())?));
            ring.truncate(MAX_KEYS);
        }
        let mut keys = self
            .entra_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *keys = Some(rotated);
        Ok(())
    }

    fn entra_host(&self, issuer: EntraIssuer) -> String {
        match issuer {
            EntraIssuer::Workforce => "login.microsoftonline.com".to_owned(),
            EntraIssuer::ExternalDomain => format!("{}.ciamlogin.com", self.name()),
            EntraIssuer::ExternalId => format!("{}.ciamlogin.com", self.id),
        }
    }

    /// What stands for `https://<host>/<tenant>` here. `base` is the tenant's
    /// address that the asking client uses.
    fn entra_authority(&self, base: &str, issuer: EntraIssuer) -> String {
        format!("{base}/entra/{}/{}", self.entra_host(issuer), self.id)
    }

    pub(super) fn entra_issuer(&self, issuer: EntraIssuer, version: TokenVersion) -> String {
        self.entra_issuer_at(&self.base_url, issuer, version)
    }

    pub(super) fn entra_issuer_at(
        &self,
        base: &str,
        issuer: EntraIssuer,
        version: TokenVersion,
    ) -> String {
        match version {
            TokenVersion::V1 => format!("{base}/entra/sts.windows.net/{}/", self.id),
            TokenVersion::V2 => format!("{}/v2.0", self.entra_authority(base, issuer)),
        }
    }

    pub(super) fn entra_jwks_url(&self, issuer: EntraIssuer) -> String {
        format!(
            "{}/discovery/v2.0/keys",
            self.entra_authority(&self.base_url, issuer)
        )
    }

    /// The text behind `Bearer`; none when there is to be no header. Slow
    /// when it is the first.
    pub(super) fn entra_token(&self, token: &CallerToken) -> Result<Option<String>, ScriptError> {
        match token.kind {
            TokenKind::NoBearer => return Ok(None),
            TokenKind::Garbage => return Ok(Some("not.a.token".to_owned())),
            _ => {}
        }
        let keys = self.entra_keys()?;
        let published = keys
            .published(token.issuer)
            .front()
            .ok_or(KeyError::Encoding)?;
        let key = match token.kind {
            TokenKind::UnknownKid | TokenKind::ForeignKey => &keys.unpublished,
            _ => published,
        };
        let kid = match token.kind {
            TokenKind::UnknownKid => &keys.unpublished.kid,
            _ => &published.kid,
        };
        let claims = self.claims_of(token);
        let signed = sign_token(key, token.kind.signature(), kid, &Map::new(), &claims)?;
        Ok(Some(signed))
    }

    fn claims_of(&self, token: &CallerToken) -> Map<String, Value> {
        let now = self.now();
        let (issued, lifetime) = match token.kind {
            TokenKind::Expired => (now - 2 * LIFETIME_SECONDS, LIFETIME_SECONDS),
            TokenKind::NotYetValid => (now + LIFETIME_SECONDS, LIFETIME_SECONDS),
            _ => (now, LIFETIME_SECONDS),
        };
        let principal = derived_id("service principal of the authentication extensions");
        let mut claims = Map::new();
        for (name, value) in [
            ("aud", json!(token.audience)),
            ("iss", json!(self.entra_issuer(token.issuer, token.version))),
            ("iat", json!(issued)),
            ("nbf", json!(issued)),
            ("exp", json!(issued + lifetime)),
            ("oid", json!(principal)),
            ("sub", json!(principal)),
            ("tid", json!(self.id)),
        ] {
            claims.insert(name.to_owned(), value);
        }
        let (party, acr, version) = match token.version {
            TokenVersion::V1 => ("appid", "appidacr", "1.0"),
            TokenVersion::V2 => ("azp", "azpacr", "2.0"),
        };
        claims.insert(party.to_owned(), CALLER.into());
        claims.insert(acr.to_owned(), "2".into());
        claims.insert("ver".to_owned(), version.into());
        self.spoil(&mut claims, token.kind, party);
        claims.extend(token.claims.clone());
        for name in &token.remove {
            claims.remove(name);
        }
        claims
    }

    fn spoil(&self, claims: &mut Map<String, Value>, kind: TokenKind, party: &str) {
        let other = derived_id("another tenant").to_string();
        let mut set = |name: &str, value: String| claims.insert(name.to_owned(), value.into());
        match kind {
            TokenKind::WrongAzp => drop(set(party, NOT_THE_CALLER.to_owned())),
            TokenKind::WrongAud => drop(set("aud", derived_id("another API").to_string())),
            TokenKind::OtherTid => drop(set("tid", other)),
            TokenKind::OtherTenant => {
                set("tid", other.clone());
                let issuer = claims.get("iss").and_then(Value::as_str);
                let theirs = issuer.map(|issuer| issuer.replace(&self.id.to_string(), &other));
                claims.insert("iss".to_owned(), theirs.into());
            }
            TokenKind::WrongIssuer => {
                let issuer = format!("https://login.attacker.example/{}/v2.0", self.id);
                set("iss", issuer);
            }
            TokenKind::NoAzp => drop(claims.remove(party)),
            TokenKind::NoExpiry => drop(claims.remove("exp")),
            TokenKind::Good
            | TokenKind::Expired
            | TokenKind::NotYetValid
            | TokenKind::AlgNone
            | TokenKind::Hs256PublicKey
            | TokenKind::UnknownKid
            | TokenKind::ForeignKey
            | TokenKind::BadSignature
            | TokenKind::Garbage
            | TokenKind::NoBearer => {}
        }
    }

    /// The issuer whose host a path names, if the tenant is ours.
    pub(super) fn entra_path(&self, host: &str, tenant: &str) -> Option<EntraIssuer> {
        let issuers = [
            EntraIssuer::Workforce,
            EntraIssuer::ExternalDomain,
            EntraIssuer::ExternalId,
        ];
        issuers
            .into_iter()
            .find(|issuer| self.entra_host(*issuer).eq_ignore_ascii_case(host))
            .filter(|_| self.is_called(tenant))
    }
}

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.service(
        web::scope("/entra/{host}/{tenant}")
            .route(
                "/v2.0/.well-known/openid-configuration",
                web::get().to(metadata_v2),
            )
            .route(
                "/.well-known/openid-configuration",
                web::get().to(metadata_v1),
            )
            .route("/discovery/v2.0/keys", web::get().to(jwks))
            .route("/discovery/keys", web::get().to(jwks))
            .configure(|app| oidc::endpoints(app, "")),
    );
}

pub(super) fn no_such_tenant() -> HttpResponse {
    HttpResponse::NotFound().json(json!({
        "error": "invalid_tenant",
        "error_description": "AADSTS90002: There is no such tenant here. Check host and tenant \
                              id in the path.",
    }))
}

type Path = web::Path<(String, String)>;

async fn metadata_v1(tenant: web::Data<Tenant>, path: Path, request: HttpRequest) -> HttpResponse {
    let base = tenant.base_url_for(&request);
    metadata(&tenant, base, &path, TokenVersion::V1).await
}

async fn metadata_v2(tenant: web::Data<Tenant>, path: Path, request: HttpRequest) -> HttpResponse {
    let base = tenant.base_url_for(&request);
    metadata(&tenant, base, &path, TokenVersion::V2).await
}

async fn metadata(tenant: &Tenant, base: &str, path: &Path, version: TokenVersion) -> HttpResponse {
    if let Some(broken) = misbehave(tenant, Endpoint::EntraMetadata).await {
        return broken;
    }
    let Some(issuer) = tenant.entra_path(&path.0, &path.1) else {
        return no_such_tenant();
    };
    let authority = tenant.entra_authority(base, issuer);
    let (jwks, oauth) = match version {
        TokenVersion::V1 => ("discovery/keys", "oauth2"),
        TokenVersion::V2 => ("discovery/v2.0/keys", "oauth2/v2.0"),
    };
    HttpResponse::Ok().json(json!({
        "issuer": tenant.entra_issuer_at(base, issuer, version),
        "jwks_uri": format!("{authority}/{jwks}"),
        "authorization_endpoint": format!("{authority}/{oauth}/authorize"),
        "token_endpoint": format!("{authority}/{oauth}/token"),
        "end_session_endpoint": format!("{authority}/{oauth}/logout"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver",
            "c_hash", "email",
        ],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn jwks(tenant: web::Data<Tenant>, path: Path) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::EntraJwks).await {
        return broken;
    }
    let Some(issuer) = tenant.entra_path(&path.0, &path.1) else {
        return no_such_tenant();
    };
    let keys = web::block(move || tenant.entra_keys()).await;
    match keys {
        Ok(Ok(keys)) => {
            let keys: Vec<_> = keys
                .published(issuer)
                .iter()
                .map(|key| key.to_jwk())
                .collect();
            HttpResponse::Ok().json(json!({ "keys": keys }))
        }
        Ok(Err(_)) | Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
