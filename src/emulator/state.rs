//! Everything a running tenant remembers, all of it bounded, all of it in the
//! instance.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use actix_web::HttpRequest;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use uuid::Uuid;

use super::{
    StartError,
    audit::Audit,
    bounded::{Bounded, push_bounded},
    directory::{Directory, User, UserOfVersion1},
    engine::{program::Program, session::Sso, trace::Trace},
    entra::EntraKeyRing,
    external_id::flow::ExternalFlows,
    keys::{KeyError, Signature, SigningKey},
    oidc::{Authority, Renewal},
    policies::Refused,
    policy_keys::PolicyKeys,
    rest_rules::RestRules,
    settings::{
        Application, Attribute, Connectors, Extensions, Fidelity, SeedUser, UserFlow, Variants,
    },
    user_flow,
    visit::Visit,
};
use crate::policy::merge::folded;

const MAX_JOURNEYS: usize = 2_000;
const MAX_SESSIONS: usize = 5_000;
const MAX_GRANTS: usize = 5_000;
const MAX_MAIL: usize = 1_000;
const MAX_AUDIT: usize = 2_000;
const MAX_SCRIPTS: usize = 64;
const MAX_KEYS: usize = 4;

/// A tenant: what was configured, and what has happened since.
pub(super) struct Tenant {
    pub(super) base_url: String,
    pub(super) https: Option<HttpsDoor>,
    pub(super) id: Uuid,
    pub(super) domain: String,
    pub(super) extensions_app_id: String,
    pub(super) flows: Vec<UserFlow>,
    pub(super) external: ExternalFlows,
    /// By folded id.
    pub(super) programs: BTreeMap<String, Arc<Program>>,
    /// Policies that were found and are not served.
    pub(super) refused: Vec<Refused>,
    pub(super) applications: Vec<Application>,
    /// Every custom attribute any flow uses, by short name.
    pub(super) custom: Vec<Attribute>,
    pub(super) http: reqwest::Client,
    pub(super) connector_roots: Vec<String>,
    pub(super) fidelity: Fidelity,
    pub(super) policy_keys: PolicyKeys,
    initial_rest_rules: RestRules,
    seed: Vec<SeedUser>,
    initial_variants: Variants,
    store: Option<Store>,
    pub(super) entra_keys: EntraKeyRing,
    state: Mutex<State>,
}

/// What changes while the tenant runs.
pub(super) struct State {
    pub(super) connectors: HashMap<String, Connectors>,
    /// Of the External ID flows, by folded name.
    pub(super) extensions: HashMap<String, Extensions>,
    pub(super) directory: Directory,
    pub(super) journeys: Bounded<Arc<tokio::sync::Mutex<Visit>>>,
    pub(super) sessions: Bounded<Sso>,
    pub(super) codes: Bounded<Code>,
    pub(super) refresh_tokens: Bounded<Grant>,
    pub(super) mailbox: VecDeque<Mail>,
    pub(super) audit: VecDeque<Audit>,
    /// Of the journeys that began last, oldest first.
    pub(super) traces: VecDeque<Arc<Trace>>,
    pub(super) scripts: VecDeque<TokenScript>,
    pub(super) faults: Faults,
    pub(super) variants: Variants,
    pub(super) rest_rules: RestRules,
    /// The first one signs; all are published.
    pub(super) keys: VecDeque<Arc<SigningKey>>,
    pub(super) clock_offset: i64,
    audit_number: u64,
}

/// What an application was given for a person.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) authority: Authority,
    /// The address at which it was asked for.
    pub(super) base_url: String,
    /// What the policy says of them.
    pub(super) claims: Map<String, Value>,
    pub(super) subject: Option<String>,
    /// With this account it ends.
    pub(super) object_id: Option<Uuid>,
    pub(super) client_id: String,
    pub(super) policy: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) auth_time: i64,
    pub(super) issued_at: i64,
    /// When the first of those that followed one another was issued.
    pub(super) began: i64,
    pub(super) renewal: Option<Arc<Renewal>>,
}

impl Grant {
    pub(super) fn has_scope(&self, name: &str) -> bool {
        self.scope.split_whitespace().any(|scope| scope == name)
    }

    /// A scope beyond OpenID Connect's own: the client's id or an API's.
    pub(super) fn names_a_resource(&self) -> bool {
        let own = ["openid", "offline_access", "profile", "email"];
        let mut scopes = self.scope.split_whitespace();
        scopes.any(|scope| !own.contains(&scope))
    }
}

pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) is_redeemed: bool,
}

/// PKCE (RFC 7636).
#[derive(Clone, Debug)]
pub(super) enum Challenge {
    S256(String),
    Plain(String),
}

#[derive(Clone, Serialize)]
pub(super) struct Mail {
    pub(super) address: String,
    pub(super) code: String,
    pub(super) sent_at: String,
    pub(super) language: String,
}

/// What the next ID tokens are to look like.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TokenScript {
    /// How many tokens it holds for.
    pub(super) times: u32,
    pub(super) claims: Map<String, Value>,
    pub(super) remove: Vec<String>,
    pub(super) header: Map<String, Value>,
    pub(super) signature: Signature,
    pub(super) kid: Option<String>,
    pub(super) lifetime_seconds: Option<i64>,
    /// Members of the token endpoint's response.
    pub(super) response: Map<String, Value>,
    pub(super) response_remove: Vec<String>,
    #[serde(skip)]
    pub(super) other_key: Option<Arc<SigningKey>>,
}

impl Default for TokenScript {
    fn default() -> Self {
        Self {
            times: 1,
            claims: Map::new(),
            remove: Vec::new(),
            header: Map::new(),
            signature: Signature::default(),
            kid: None,
            lifetime_seconds: None,
            response: Map::new(),
            response_remove: Vec::new(),
            other_key: None,
        }
    }
}

/// Endpoints that misbehave.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Faults {
    pub(super) metadata: Fault,
    pub(super) jwks: Fault,
    pub(super) authorize: Fault,
    pub(super) token: Fault,
    pub(super) entra_metadata: Fault,
    pub(super) entra_jwks: Fault,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) mode: FaultMode,
    pub(super) latency_ms: u64,
    /// Ends by itself after so many requests.
    pub(super) times: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FaultMode {
    #[default]
    Ok,
    /// HTTP 503.
    Down,
    /// HTTP 200 with a page, as a broken journey answers.
    Html,
    /// HTTP 200 with JSON that breaks off.
    Truncated,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint {
    Metadata,
    Jwks,
    Authorize,
    Token,
    EntraMetadata,
    EntraJwks,
}

impl Faults {
    /// What happens to this request; counts it.
    pub(super) fn take(&mut self, endpoint: Endpoint) -> Fault {
        let fault = match endpoint {
            Endpoint::Metadata => &mut self.metadata,
            Endpoint::Jwks => &mut self.jwks,
            Endpoint::Authorize => &mut self.authorize,
            Endpoint::Token => &mut self.token,
            Endpoint::EntraMetadata => &mut self.entra_metadata,
            Endpoint::EntraJwks => &mut self.entra_jwks,
        };
        match fault.times {
            None => fault.clone(),
            Some(0) => {
                *fault = Fault::default();
                Fault::default()
            }
            Some(left) => {
                fault.times = Some(left - 1);
                fault.clone()
            }
        }
    }
}

/// The tenant's address with TLS.
pub(super) struct HttpsDoor {
    pub(super) base_url: String,
    /// The file with the certificate that clients have to trust.
    pub(super) authority: Option<PathBuf>,
}

/// What the tenant is started from.
pub(super) struct Parts {
    pub(super) base_url: String,
    pub(super) https: Option<HttpsDoor>,
    pub(super) port: u16,
    pub(super) saved: Option<Saved>,
    pub(super) http: reqwest::Client,
}

impl Tenant {
    pub(super) fn new(settings: super::Settings, parts: Parts) -> Result<Self, StartError> {
        let extensions = settings
            .external_id
            .iter()
            .map(|flow| (flow.name.to_lowercase(), flow.extensions.clone()))
            .collect();
        let custom = custom_attributes(&settings.user_flows);
        let connectors = settings
            .user_flows
            .iter()
            .map(|flow| (flow.name.to_lowercase(), flow.connectors.clone()))
            .collect();
        let domain = format!("{}.onmicrosoft.com", settings.tenant_name.to_lowercase());
        let (keys, directory) = match parts.saved {
            Some(saved) => (saved.signing_keys()?, saved.directory(&domain)?),
            None => (
                VecDeque::from([Arc::new(SigningKey::generate(system_now())?)]),
                seeded(&domain, &settings.seed, system_now())?,
            ),
        };
        let programs = programs(&settings, &custom)?;
        let external = ExternalFlows::of(&settings.external_id)?;
        let rest_rules = RestRules::new(settings.rest_rules)
            .map_err(|why| StartError::Settings(format!("`rest_rules`: {why}")))?;
        let chosen = Chosen {
            connectors,
            extensions,
        };
        let mut state = State::new(chosen, directory, settings.variants.clone(), keys);
        state.rest_rules = rest_rules.clone();
        let tenant = Self {
            programs,
            external,
            base_url: parts.base_url,
            https: parts.https,
            id: settings.tenant_id,
            domain,
            extensions_app_id: settings.extensions_app_id,
            flows: settings.user_flows,
            refused: settings.policies.refused,
            applications: settings.applications,
            custom,
            http: parts.http,
            connector_roots: settings.connector_roots,
            fidelity: settings.fidelity,
            policy_keys: settings.policy_keys.into(),
            initial_rest_rules: rest_rules,
            seed: settings.seed,
            initial_variants: settings.variants,
            store: settings.state_file.map(|path| Store {
                path,
                port: parts.port,
                written: Mutex::new(()),
            }),
            entra_keys: EntraKeyRing::default(),
            state: Mutex::new(state),
        };
        tenant.save().map_err(StartError::StateFile)?;
        Ok(tenant)
    }

    /// The tenant's address as the client of a request knows it: whoever comes
    /// in over TLS is told of nothing but that door, the issuer included.
    pub(super) fn base_url_for(&self, request: &HttpRequest) -> &str {
        match &self.https {
            Some(https) if request.app_config().secure() => &https.base_url,
            Some(_) | None => &self.base_url,
        }
    }

    /// All of its addresses.
    pub(super) fn bases(&self) -> impl Iterator<Item = &str> {
        let https = self.https.iter().map(|https| https.base_url.as_str());
        https.chain([self.base_url.as_str()])
    }

    /// One for tests, that serves nobody. Its clock starts in 1970 and stands
    /// as good as still.
    #[cfg(test)]
    pub(super) fn trial(settings: super::Settings) -> Self {
        use std::sync::OnceLock;
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        let key = KEY.get_or_init(|| SigningKey::generate(0).unwrap());
        let users: Vec<User> = settings
            .seed
            .iter()
            .map(|seed| User::from_seed(seed.clone(), 0))
            .collect();
        let saved = Saved {
            version: SAVED_VERSION,
            tenant_id: settings.tenant_id,
            port: 0,
            keys: SavedKey::of(key).into_iter().collect(),
            users,
        };
        let parts = Parts {
            base_url: "http://localhost:4711".to_owned(),
            port: 4711,
            saved: Some(saved),
            https: None,
            http: reqwest::Client::new(),
        };
        let tenant = Self::new(settings, parts).unwrap();
        tenant.state().clock_offset = -system_now();
        tenant
    }

    /// A lock that is never held while waiting for anything.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> i64 {
        system_now().saturating_add(self.state().clock_offset)
    }

    pub(super) fn timestamp(&self) -> String {
        rfc3339(self.now())
    }

    /// A policy, whether an author's or one of a user flow.
    pub(super) fn program(&self, id: &str) -> Option<Arc<Program>> {
        self.programs.get(&folded(id)).cloned()
    }

    pub(super) fn flow(&self, name: &str) -> Option<&UserFlow> {
        self.flows
            .iter()
            .find(|flow| flow.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn application(&self, client_id: &str) -> Option<&Application> {
        self.applications
            .iter()
            .find(|application| application.client_id == client_id)
    }

    /// As `contoso`.
    pub(super) fn name(&self) -> &str {
        let domain = &self.domain;
        domain.split_once('.').map_or(domain, |(name, _)| name)
    }

    /// The tenant part of a path: its name or its id.
    pub(super) fn is_called(&self, segment: &str) -> bool {
        segment.eq_ignore_ascii_case(&self.domain)
            || segment.eq_ignore_ascii_case(&self.id.to_string())
    }

    pub(super) fn audit(&self, entry: Audit) {
        let mut state = self.state();
        state.audit_number += 1;
        let number = state.audit_number;
        push_bounded(&mut state.audit, MAX_AUDIT, Audit { number, ..entry });
    }

    pub(super) fn deliver(&self, mail: Mail) {
        push_bounded(&mut self.state().mailbox, MAX_MAIL, mail);
    }

    pub(super) fn newest_mail(&self, address: &str) -> Option<Mail> {
        let state = self.state();
        let mut newest_first = state.mailbox.iter().rev();
        newest_first
            .find(|mail| mail.address.eq_ignore_ascii_case(address))
            .cloned()
    }

    pub(super) fn add_script(&self, script: TokenScript) {
        push_bounded(&mut self.state().scripts, MAX_SCRIPTS, script);
    }

    /// Makes a new signing key. Slow: generates an RSA key.
    pub(super) fn rotate_keys(&self, old: OldKeys) -> Result<String, KeyError> {
        let key = Arc::new(SigningKey::generate(self.now())?);
        let kid = key.kid.clone();
        let mut state = self.state();
        if old == OldKeys::Withdraw {
            state.keys.clear();
        }
        state.keys.push_front(key);
        state.keys.truncate(MAX_KEYS);
        drop(state);
        self.save_or_log();
        Ok(kid)
    }

    /// Forgets everything that happened; keys and connectors stay.
    pub(super) fn reset(&self) -> Result<(), StartError> {
        let directory = seeded(&self.domain, &self.seed, system_now())?;
        let mut state = self.state();
        let chosen = Chosen {
            connectors: std::mem::take(&mut state.connectors),
            extensions: std::mem::take(&mut state.extensions),
        };
        let keys = std::mem::take(&mut state.keys);
        *state = State::new(chosen, directory, self.initial_variants.clone(), keys);
        state.rest_rules = self.initial_rest_rules.clone();
        drop(state);
        self.save_or_log();
        Ok(())
    }

    /// After a change of users or keys.
    pub(super) fn save_or_log(&self) {
        if let Err(error) = self.save() {
            tracing::error!(%error, "emulator: the state file could not be written");
        }
    }

    fn save(&self) -> io::Result<()> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let writing = store.written.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = {
            let state = self.state();
            Saved {
                version: SAVED_VERSION,
                tenant_id: self.id,
                port: store.port,
                keys: state
                    .keys
                    .iter()
                    .filter_map(|key| SavedKey::of(key))
                    .collect(),
                users: state.directory.all().cloned().collect(),
            }
        };
        let written = store.write(&saved);
        drop(writing);
        written
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OldKeys {
    Keep,
    Withdraw,
}

/// What flows call, which may change while the tenant runs and outlives a
/// reset.
struct Chosen {
    connectors: HashMap<String, Connectors>,
    extensions: HashMap<String, Extensions>,
}

impl State {
    fn new(
        chosen: Chosen,
        directory: Directory,
        variants: Variants,
        keys: VecDeque<Arc<SigningKey>>,
    ) -> Self {
        Self {
            connectors: chosen.connectors,
            extensions: chosen.extensions,
            directory,
            journeys: Bounded::new(MAX_JOURNEYS),
            sessions: Bounded::new(MAX_SESSIONS),
            codes: Bounded::new(MAX_GRANTS),
            refresh_tokens: Bounded::new(MAX_GRANTS),
            mailbox: VecDeque::new(),
            audit: VecDeque::new(),
            traces: VecDeque::new(),
            scripts: VecDeque::new(),
            faults: Faults::default(),
            variants,
            rest_rules: RestRules::default(),
            keys,
            clock_offset: 0,
            audit_number: 0,
        }
    }

    /// The script for the token that is about to be signed.
    pub(super) fn next_script(&mut self) -> Option<TokenScript> {
        let script = self.scripts.front_mut()?;
        script.times = script.times.saturating_sub(1);
        match script.times {
            0 => self.scripts.pop_front(),
            _ => Some(script.clone()),
        }
    }
}

/// Those of the settings, and one for each user flow.
fn programs(
    settings: &super::Settings,
    custom: &[Attribute],
) -> Result<BTreeMap<String, Arc<Program>>, StartError> {
    let mut programs = BTreeMap::new();
    for program in &settings.policies.programs {
        programs.insert(folded(&program.id), program.clone());
    }
    for flow in &settings.user_flows {
        let program = user_flow::program(flow, custom).map_err(StartError::Settings)?;
        programs.insert(folded(&flow.name), Arc::new(program));
    }
    Ok(programs)
}

fn seeded(domain: &str, seed: &[SeedUser], now: i64) -> Result<Directory, StartError> {
    let mut directory = Directory::new(domain);
    for user in seed {
        directory
            .add_seed(user.clone(), now)
            .map_err(|error| StartError::Seed(error.to_string()))?;
    }
    Ok(directory)
}

fn custom_attributes(flows: &[UserFlow]) -> Vec<Attribute> {
    let mut custom: BTreeMap<String, Attribute> = BTreeMap::new();
    for attribute in flows.iter().flat_map(|flow| &flow.attributes) {
        custom.insert(attribute.name.clone(), attribute.clone());
    }
    for name in flows.iter().flat_map(|flow| &flow.application_claims) {
        custom
            .entry(name.clone())
            .or_insert_with(|| Attribute::new(name));
    }
    custom.retain(|name, _| name.starts_with("extension_"));
    custom.into_values().collect()
}

/// Where users and keys outlive the process.
struct Store {
    path: PathBuf,
    port: u16,
    /// Held while writing, so that an older picture never replaces a newer.
    written: Mutex<()>,
}

impl Store {
    /// All or nothing: a new file takes the old one's place.
    fn write(&self, saved: &Saved) -> io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(&serde_json::to_vec(saved)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

const SAVED_VERSION: u32 = 2;

/// The state file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved<U = User> {
    version: u32,
    pub(super) tenant_id: Uuid,
    pub(super) port: u16,
    keys: Vec<SavedKey>,
    users: Vec<U>,
}

/// What every version of it begins with.
#[derive(Deserialize)]
struct SavedHead {
    version: u32,
    tenant_id: Uuid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedKey {
    kid: String,
    not_before: i64,
    pkcs8: String,
}

impl SavedKey {
    fn of(key: &SigningKey) -> Option<Self> {
        Some(Self {
            kid: key.kid.clone(),
            not_before: key.not_before,
            pkcs8: STANDARD.encode(key.to_pkcs8().ok()?),
        })
    }
}

impl Saved {
    /// What the run before left. None when there was no run before.
    pub(super) fn read(path: &Path, tenant_id: Uuid) -> Result<Option<Self>, StartError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StartError::StateFile(error)),
        };
        let misread = |error: serde_json::Error| {
            StartError::StateContent(format!("{}: {error}", path.display()))
        };
        let head: SavedHead = serde_json::from_slice(&text).map_err(misread)?;
        let saved = match head.version {
            1 if head.tenant_id == tenant_id => serde_json::from_slice(&text).map(Self::from_1),
            SAVED_VERSION if head.tenant_id == tenant_id => serde_json::from_slice(&text),
            version => {
                return Err(StartError::StateContent(format!(
                    "{}: it belongs to version {version} and to tenant {}",
                    path.display(),
                    head.tenant_id
                )));
            }
        };
        saved.map(Some).map_err(misread)
    }

    fn from_1(old: Saved<UserOfVersion1>) -> Self {
        Self {
            version: SAVED_VERSION,
            tenant_id: old.tenant_id,
            port: old.port,
            keys: old.keys,
            users: old.users.into_iter().map(User::from).collect(),
        }
    }

    fn signing_keys(&self) -> Result<VecDeque<Arc<SigningKey>>, StartError> {
        let mut keys = VecDeque::new();
        for key in &self.keys {
            let der = STANDARD
                .decode(&key.pkcs8)
                .map_err(|error| StartError::StateContent(format!("a signing key: {error}")))?;
            let key = SigningKey::from_pkcs8(key.kid.clone(), key.not_before, &der)?;
            keys.push_back(Arc::new(key));
        }
        if keys.is_empty() {
            keys.push_back(Arc::new(SigningKey::generate(system_now())?));
        }
        Ok(keys)
    }

    fn directory(self, domain: &str) -> Result<Directory, StartError> {
        let mut directory = Directory::new(domain);
        for user in self.users {
            directory
                .add(user)
                .map_err(|error| StartError::StateContent(error.to_string()))?;
        }
        Ok(directory)
    }
}

fn system_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

fn date(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(super) fn rfc3339(seconds: i64) -> String {
    date(seconds).format(&Rfc3339).unwrap_or_default()
}

/// As error descriptions spell a time.
pub(super) fn error_timestamp(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    date(seconds).format(format).unwrap_or_default()
}

/// An unguessable name for a code, a cookie or a journey.
pub(super) fn random_id() -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
