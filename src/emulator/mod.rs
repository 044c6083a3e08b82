//! A mock Entra tenant for a desk, B2C and External ID: strict where the
//! platform is strict, scriptable, on a free port. It names nothing else of this program, wire
//! types included, so that a field misspelt there is not misspelt here too.
//!
//! README.md beside this file lists pages, form fields, the control interface
//! and what was inferred where documents are silent.

mod audit;
mod bounded;
mod connector;
mod control;
mod desk;
mod directory;
mod engine;
mod entra;
mod exchange;
mod external_id;
mod flow_policy;
mod graph;
mod https;
mod index;
mod judge;
mod keys;
mod names;
mod oidc;
mod pages;
mod params;
mod policies;
mod policy_call;
mod policy_keys;
mod rest_rules;
mod settings;
mod state;
pub(crate) mod survey;
mod text;
mod token;
mod traces;
mod try_it;
mod user_flow;
mod visit;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle},
    web,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use directory::DirectoryError;
pub(crate) use engine::{
    support::Obstacle,
    trace::{Note, Place},
};
pub use entra::{CallerToken, DEFAULT_AUDIENCE, EntraIssuer, TokenKind, TokenVersion};
pub use external_id::{EventKind, EventOutcome, EventReport, ExtensionEvent, Shape};
pub use https::{CertificateError, Certificates, Https};
pub use keys::KeyError;
pub use policies::Policies;
pub(crate) use policies::{
    Filled, Loaded, Refused, Request as PolicyRequest, load as load_policies, missing_keys,
};
pub use policy_call::{
    ClaimKind, ClientCertificate, OutputClaim, PolicyAuthentication, PolicyCall, PolicyOutcome,
    PolicyPlace, PolicyReport, ScalarVariant, SendClaimsIn, UrlVariant,
};
pub use policy_keys::PolicyKey;
pub use rest_rules::{RestFault, RestRule, ScriptedReply};
pub use settings::{
    AccessTokenVariant, Application, Attribute, AttributeKind, Connector, Connectors, Extension,
    Extensions, ExternalIdFlow, FederatedIdentity, Fidelity, IssuerForm, LocalMethod, LocalVariant,
    MappedClaim, NumberVariant, PolicyClaim, PreTokenVariant, Provider, RetryOn, SeedUser,
    SessionScope, Settings, UserFlow, Variants,
};
use state::{HttpsDoor, Parts, Saved, Tenant};

/// Why a tenant could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the emulator could not listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the emulator's server could not be started")]
    Server(#[source] io::Error),
    #[error("the emulator's thread ended before its server was up")]
    Thread,
    #[error("the emulator's client for connectors could not be made: {0}")]
    Client(String),
    #[error("the emulator's state file could not be read or written")]
    StateFile(#[source] io::Error),
    #[error("the emulator's state file does not fit: {0}. Remove it to start afresh")]
    StateContent(String),
    #[error("a user the emulator should start with does not fit: {0}")]
    Seed(String),
    #[error("the emulator's settings do not fit: {0}")]
    Settings(String),
    #[error("the emulator's signing key could not be made")]
    Key(#[from] KeyError),
    #[error("the emulator cannot be reached over HTTPS: {0}")]
    Https(#[from] CertificateError),
}

/// The flow that was named is none of the tenant's.
#[derive(Debug, thiserror::Error)]
#[error("the mock tenant has no user flow `{0}`")]
pub struct UnknownFlow(String);

/// Why extensions were not chosen for a flow.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionsError {
    #[error("the mock tenant has no External ID flow `{0}`")]
    UnknownFlow(String),
    #[error("the extensions do not fit: {0}")]
    Misfit(&'static str),
}

/// Why a call that was asked for could not be placed.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("the call cannot be placed: {0}")]
    Misfit(String),
    #[error("a token for this call could not be made")]
    Key(#[from] KeyError),
}

impl ScriptError {
    fn misfit(text: impl Into<String>) -> Self {
        Self::Misfit(text.into())
    }
}

/// A running tenant. It ends when it is stopped or dropped.
pub struct Emulator {
    tenant: web::Data<Tenant>,
    server: ServerHandle,
}

/// Starts a tenant on a thread and runtime of its own, so that it lives
/// whatever runtime the caller has.
pub async fn start(settings: Settings) -> Result<Emulator, StartError> {
    let (told, up) = oneshot::channel();
    thread::Builder::new()
        .name("emulator".to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match assemble(settings) {
                    Ok((tenant, server)) => {
                        let handle = server.handle();
                        // Nobody waits any more when this fails: then nobody
                        // holds the handle either, and the server may go.
                        if told.send(Ok((tenant, handle))).is_ok()
                            && let Err(error) = server.await
                        {
                            tracing::error!(%error, "emulator: the server failed");
                        }
                    }
                    Err(error) => {
                        if let Err(Err(error)) = told.send(Err(error)) {
                            tracing::error!(%error, "emulator: not started");
                        }
                    }
                }
            });
        })
        .map_err(StartError::Server)?;
    let (tenant, server) = up.await.map_err(|_| StartError::Thread)??;
    Ok(Emulator { tenant, server })
}

fn assemble(settings: Settings) -> Result<(web::Data<Tenant>, Server), StartError> {
    let mut settings = checked(settings)?;
    let saved = match &settings.state_file {
        Some(path) => Saved::read(path, settings.tenant_id)?,
        None => None,
    };
    let listener = listen(settings.listen, saved.as_ref().map(|saved| saved.port))?;
    let address = listener.local_addr().map_err(StartError::Server)?;
    let base_url = settings
        .public_url
        .clone()
        .unwrap_or_else(|| base_url(Scheme::Http, address));
    let base_url = base_url.trim_end_matches('/').to_owned();
    let secure = Secure::listen(&settings)?;
    if settings.offers_try_it {
        let bases = secure.iter().map(|secure| secure.base_url.as_str());
        let application = try_it::application(bases.chain([base_url.as_str()]));
        settings.applications.push(application);
    }
    let parts = Parts {
        base_url,
        https: secure.as_ref().map(|secure| HttpsDoor {
            base_url: secure.base_url.clone(),
            authority: secure.authority.clone(),
        }),
        port: address.port(),
        saved,
        http: client(&settings.connector_roots, None)
            .map_err(|error| StartError::Client(error.to_string()))?,
    };
    let tenant = web::Data::new(Tenant::new(settings, parts)?);
    let data = tenant.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .configure(control::configure)
            .configure(entra::configure)
            .configure(graph::configure)
            .configure(visit::configure)
            .configure(oidc::configure)
    })
    .workers(WORKERS)
    .keep_alive(KEPT_OPEN)
    .client_request_timeout(SLOWEST_REQUEST)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(StartError::Server)?;
    if let Some(secure) = secure {
        server = server
            .listen_rustls_0_23(secure.listener, secure.config)
            .map_err(StartError::Server)?;
    }
    Ok((tenant, server.run()))
}

/// The door with TLS, before anybody comes in.
struct Secure {
    listener: TcpListener,
    config: rustls::ServerConfig,
    base_url: String,
    authority: Option<PathBuf>,
}

impl Secure {
    fn listen(settings: &Settings) -> Result<Option<Self>, StartError> {
        let Some(https) = &settings.https else {
            return Ok(None);
        };
        let shown = https::shown(&https.certificates, &settings.tenant_name)?;
        let listener = listen(https.listen, None)?;
        let address = listener.local_addr().map_err(StartError::Server)?;
        Ok(Some(Self {
            listener,
            config: shown.config,
            base_url: base_url(Scheme::Https, address),
            authority: shown.authority,
        }))
    }
}

const WORKERS: usize = 2;
/// Longer than clients keep theirs: whoever reuses a connection that is being
/// closed gets an error in place of an answer.
const KEPT_OPEN: Duration = Duration::from_secs(75);
/// Between the connection and the request: a crowd on a busy desk takes its
/// time.
const SLOWEST_REQUEST: Duration = Duration::from_secs(60);
const MAX_BODY: usize = 256 * 1024;

fn checked(mut settings: Settings) -> Result<Settings, StartError> {
    let id = settings.extensions_app_id.replace('-', "").to_lowercase();
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let text = "`extensions_app_id` is an application id: 32 hexadecimal digits";
        return Err(StartError::Settings(text.to_owned()));
    }
    settings.extensions_app_id = id;
    let name = &settings.tenant_name;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let text = "`tenant_name` is letters and digits, as `contoso`";
        return Err(StartError::Settings(text.to_owned()));
    }
    for flow in &settings.user_flows {
        if !flow.name.to_lowercase().starts_with("b2c_1_") {
            let text = format!("the user flow `{}` is not called `B2C_1_...`", flow.name);
            return Err(StartError::Settings(text));
        }
    }
    let applications = settings.applications.iter();
    let applications: Vec<&str> = applications.map(|own| own.client_id.as_str()).collect();
    match settings::external_id::fault(&settings.external_id, &applications) {
        Some(fault) => Err(StartError::Settings(fault)),
        None => Ok(settings),
    }
}

/// The port of the run before, if nobody else has it now: issuers contain it.
fn listen(address: SocketAddr, before: Option<u16>) -> Result<TcpListener, StartError> {
    let again = before
        .filter(|_| address.port() == 0)
        .and_then(|port| TcpListener::bind(SocketAddr::new(address.ip(), port)).ok());
    match again {
        Some(listener) => Ok(listener),
        None => TcpListener::bind(address).map_err(|error| StartError::Listen(address, error)),
    }
}

#[derive(Clone, Copy)]
enum Scheme {
    Http,
    Https,
}

fn base_url(scheme: Scheme, address: SocketAddr) -> String {
    let scheme = match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    match address.ip().is_loopback() || address.ip().is_unspecified() {
        true => format!("{scheme}://localhost:{}", address.port()),
        false => format!("{scheme}://{address}"),
    }
}

/// One connection a call, so that "connect" and "timeout" mean the same each
/// time; no redirects, no proxy, no retry but our own. `identity` is a client
/// certificate and its key in PEM.
fn client(roots: &[String], identity: Option<&str>) -> reqwest::Result<reqwest::Client> {
    let mut certificates = Vec::new();
    for pem in roots {
        certificates.push(reqwest::Certificate::from_pem(pem.as_bytes())?);
    }
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(names::Names))
        .pool_max_idle_per_host(0)
        .http1_only();
    if !certificates.is_empty() {
        builder = builder.tls_certs_merge(certificates);
    }
    if let Some(pem) = identity {
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes())?);
    }
    builder.build()
}

fn metadata_url(tenant: &Tenant, flow: &str) -> String {
    let (base, domain) = (&tenant.base_url, &tenant.domain);
    format!("{base}/{domain}/{flow}/v2.0/.well-known/openid-configuration")
}

impl Tenant {
    /// False when there is no such flow.
    fn set_connectors(&self, flow: &str, connectors: Connectors) -> bool {
        match self.state().connectors.get_mut(&flow.to_lowercase()) {
            Some(known) => {
                *known = connectors;
                true
            }
            None => false,
        }
    }

    fn set_extensions(&self, flow: &str, extensions: Extensions) -> Result<(), ExtensionsError> {
        if let Some(fault) = extensions.fault() {
            return Err(ExtensionsError::Misfit(fault));
        }
        match self.state().extensions.get_mut(&flow.to_lowercase()) {
            Some(known) => {
                *known = extensions;
                Ok(())
            }
            None => Err(ExtensionsError::UnknownFlow(flow.to_owned())),
        }
    }

    fn add_user(&self, seed: SeedUser) -> Result<Uuid, DirectoryError> {
        let now = self.now();
        let object_id = self.state().directory.add_seed(seed, now)?;
        self.save_or_log();
        Ok(object_id)
    }
}

impl Emulator {
    /// As `http://localhost:49152`.
    pub fn base_url(&self) -> String {
        self.tenant.base_url.clone()
    }

    /// As `https://localhost:49153`, where there is such a door.
    pub fn https_url(&self) -> Option<String> {
        let https = self.tenant.https.as_ref();
        https.map(|https| https.base_url.clone())
    }

    /// The file with the certificate that clients have to trust at that door.
    pub fn authority(&self) -> Option<&Path> {
        self.tenant.https.as_ref()?.authority.as_deref()
    }

    /// The policies that are served, user flows among them.
    pub fn policies(&self) -> Vec<String> {
        let programs = self.tenant.programs.values();
        programs.map(|program| program.id.clone()).collect()
    }

    /// Where a journey of the policy begins for whoever has no application.
    pub fn try_it_url(&self, policy: &str) -> Option<String> {
        try_it::url(&self.tenant, &self.tenant.base_url, policy)
    }

    /// As `http://localhost:49152/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/`,
    /// the default form; a flow may be set to the other one.
    pub fn issuer(&self) -> String {
        format!("{}/{}/v2.0/", self.tenant.base_url, self.tenant.id)
    }

    /// As `http://localhost:49152/contoso.onmicrosoft.com/B2C_1_signupsignin/v2.0/.well-known/openid-configuration`.
    pub fn metadata_url(&self, flow: &str) -> String {
        metadata_url(&self.tenant, flow)
    }

    /// Chooses the connectors of a flow: a service that starts after its
    /// tenant knows its address only then.
    pub fn set_connectors(&self, flow: &str, connectors: Connectors) -> Result<(), UnknownFlow> {
        match self.tenant.set_connectors(flow, connectors) {
            true => Ok(()),
            false => Err(UnknownFlow(flow.to_owned())),
        }
    }

    /// Chooses the extensions of an External ID flow.
    pub fn set_extensions(
        &self,
        flow: &str,
        extensions: Extensions,
    ) -> Result<(), ExtensionsError> {
        self.tenant.set_extensions(flow, extensions)
    }

    /// Calls a REST service as a custom policy does.
    pub async fn call_as_policy(&self, call: &PolicyCall) -> Result<PolicyReport, ScriptError> {
        self.tenant.call_as_policy(call).await
    }

    /// Tells a custom authentication extension of an event, as External ID
    /// does.
    pub async fn raise_event(&self, event: &ExtensionEvent) -> Result<EventReport, ScriptError> {
        let told = external_id::tell(&self.tenant, event).await?;
        Ok(told.report)
    }

    /// The text behind `Bearer` when the platform calls an extension; none
    /// for [`TokenKind::NoBearer`].
    pub async fn entra_token(&self, token: &CallerToken) -> Result<Option<String>, ScriptError> {
        external_id::token(&self.tenant, token).await
    }

    /// What `iss` says in a good token.
    pub fn entra_issuer(&self, issuer: EntraIssuer, version: TokenVersion) -> String {
        self.tenant.entra_issuer(issuer, version)
    }

    /// Where the keys of an issuer are published; the metadata are at the
    /// usual place below the issuer (`v2.0`).
    pub fn entra_jwks_url(&self, issuer: EntraIssuer) -> String {
        self.tenant.entra_jwks_url(issuer)
    }

    /// The tenant's id, `tid` in its tokens.
    pub fn tenant_id(&self) -> Uuid {
        self.tenant.id
    }

    /// The newest verification code that was sent to an address.
    pub fn newest_code(&self, address: &str) -> Option<String> {
        self.tenant.newest_mail(address).map(|mail| mail.code)
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The order is given at once; only its completion would be awaited.
        drop(self.server.stop(false));
    }
}
