//! The assembly: which routes there are, what they share, what limits hold,
//! how it starts and how it stops.

mod limits;
mod management;
mod reload;
mod state;
pub mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::config::{Settings, Source};
use crate::connectors;
use crate::sites;
use crate::store::Store;
use crate::telemetry::{self, Metrics};
use state::State;
use tls::{Certificate, Shown, TlsError};

/// A request's head, and a TLS handshake, must be there by then.
const HEAD_LIMIT: Duration = Duration::from_secs(5);

/// Longer than load balancers keep an idle connection, so that none of them
/// sends a request into one that we are closing.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long an answer may wait for its reader to take anything of it. The
/// framework has no limit of its own for that.
#[cfg(target_os = "linux")]
const UNREAD_LIMIT: Duration = Duration::from_secs(10);

const CONNECTIONS_A_WORKER: usize = 4_096;

/// For requests under way when we stop.
const REQUESTS_LIMIT: Duration = Duration::from_secs(20);

/// From the signal to the end, whatever happens. A supervisor that kills after
/// 30 s must not be needed.
const STOP_LIMIT: Duration = Duration::from_millis(28_500);

/// Why the service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {address}: {source}; is idlink running there already?")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(
        "the client for calls to tenants cannot be set up: {0}; \
         does HTTPS_PROXY or ALL_PROXY name something else than a proxy?"
    )]
    Client(#[from] reqwest::Error),
    #[error("the built-in messages are incomplete")]
    Messages,
    #[error("the address to listen on makes no URL; set `server.public_url`")]
    PublicUrl,
}

/// A service that runs until it is stopped. Dropping it stops it at once.
pub struct Running {
    pub address: SocketAddr,
    pub management_address: SocketAddr,
    /// How the world reaches us, as far as we know.
    pub public_url: Url,
    state: Arc<State>,
    reloader: Option<reload::Reloader>,
    service: Listening,
    management: Listening,
    _background: Vec<AbortOnDropHandle<()>>,
}

/// One listener with its workers.
struct Listening(ServerHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        // Told at once; carried out by the server's own task.
        drop(self.0.stop(false));
    }
}

/// How much time a load balancer is given to notice that we leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As long as the settings say (`server.drain_seconds`).
    Drain,
    /// None: somebody at a terminal is waiting.
    AtOnce,
}

/// Starts the service on `store`, which need not answer yet: the schema is
/// brought up to date in the background, and until then sign-ups are told to
/// try again. With a `source`, the settings are read again when they change.
///
/// Everything that uses the store runs on the runtime this is called on; the
/// workers' own runtimes end earlier.
pub async fn start(
    settings: Settings,
    store: Store,
    source: Option<Source>,
) -> Result<Running, StartError> {
    let metrics = Metrics::of_process();
    let certificate = match &settings.server.tls {
        Some(files) => Some(Shown::new(Certificate::load(
            files,
            time::OffsetDateTime::now_utc(),
        )?)),
        None => None,
    };
    let listener = listen(settings.server.listen)?;
    let management_listener = listen(settings.server.management_listen)?;
    let address = local_address(&listener, settings.server.listen)?;
    let management_address =
        local_address(&management_listener, settings.server.management_listen)?;
    let public_url = public_url(&settings, address)?;
    let state = State::new(settings, store, certificate, public_url.clone())?;

    let service = serve(&state, listener)?;
    let management = serve_management(&state, &metrics, management_listener)?;
    let reloader = source.map(|source| reload::Reloader::new(source, &state));
    let mut background = vec![
        run_behind(metrics.keep_up()),
        run_behind(Arc::clone(&state).prepare()),
        run_behind(Arc::clone(&state).keep_keys()),
        run_behind(Arc::clone(&state).keep_callers_keys()),
    ];
    background.extend(
        reloader
            .clone()
            .map(|reloader| run_behind(reloader.watch())),
    );
    tracing::info!(%address, %management_address, "listening");
    Ok(Running {
        address,
        management_address,
        public_url,
        state,
        reloader,
        service,
        management,
        _background: background,
    })
}

impl Running {
    /// Waits until the schema is up to date and the legal entities are known.
    pub async fn prepared(&self) {
        self.state.prepared().await;
    }

    /// Reads settings and certificate again now, changed or not.
    pub async fn reload(&self) {
        if let Some(reloader) = &self.reloader {
            reloader.read_again().await;
        }
    }

    /// Stops: tells the load balancer, finishes requests, then the writes
    /// behind them. Ends within 30 s in every case.
    pub async fn stop(self, pace: Pace) {
        let end = Instant::now() + STOP_LIMIT;
        self.state.begin_to_drain();
        let drain = self.state.settings.load().server.drain;
        if pace == Pace::Drain {
            tracing::info!(seconds = drain.as_secs(), "draining");
            tokio::time::sleep(drain).await;
        }
        // Requests have their own limit in the server; this one is for a
        // worker that hangs.
        let _ = timeout_at(end, self.service.0.stop(true)).await;
        let rest = end.saturating_duration_since(Instant::now());
        match self.state.tracked.finish(rest).await {
            0 => tracing::info!("stopped, every write has ended"),
            left => tracing::error!(left, "stopped before every write had ended"),
        }
        let _ = timeout_at(end, self.management.0.stop(false)).await;
        self.state.store.close();
    }
}

/// The route table.
fn routes(state: &State, config: &mut web::ServiceConfig) {
    config
        .app_data(web::PathConfig::default().error_handler(limits::unreadable_path))
        .app_data(state.connectors.clone())
        .app_data(state.sign_ups.clone())
        .app_data(state.linking.clone())
        .app_data(state.sites.clone())
        .configure(connectors::configure)
        .configure(sites::configure)
        .default_service(web::to(limits::nothing_here));
}

/// The whole application, the same for production and for tests.
fn app(
    state: Arc<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl actix_web::body::MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .configure(|config| routes(&state, config))
        .app_data(web::Data::from(state))
        // The last one is the outermost.
        .wrap(from_fn(limits::hold))
        .wrap(from_fn(limits::explain))
        .wrap(from_fn(telemetry::observe))
}

fn serve(state: &Arc<State>, listener: TcpListener) -> Result<Listening, StartError> {
    let of_worker = Arc::clone(state);
    let mut server = HttpServer::new(move || app(Arc::clone(&of_worker)))
        .on_connect(tls::note_peer)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_LIMIT)
        .tls_handshake_timeout(HEAD_LIMIT)
        .max_connections(CONNECTIONS_A_WORKER)
        .shutdown_timeout(REQUESTS_LIMIT.as_secs())
        .disable_signals();
    if let Some(workers) = state.settings.load().server.workers {
        server = server.workers(workers);
    }
    let address = local_address(&listener, state.settings.load().server.listen)?;
    let bound = match &state.certificate {
        Some(shown) => server.listen_rustls_0_23(listener, shown.config_for_callers(&state.asks)?),
        None => server.listen(listener),
    };
    Ok(run(bound
        .map_err(|source| StartError::Listen { address, source })?
        .run()))
}

/// Plain HTTP on loopback; anywhere else with the service's certificate.
fn serve_management(
    state: &Arc<State>,
    metrics: &Metrics,
    listener: TcpListener,
) -> Result<Listening, StartError> {
    let (of_worker, metrics) = (Arc::clone(state), metrics.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::from(Arc::clone(&of_worker)))
            .app_data(web::Data::new(metrics.clone()))
            .configure(management::configure)
            .default_service(web::to(limits::nothing_here))
    })
    .workers(1)
    .client_request_timeout(HEAD_LIMIT)
    .tls_handshake_timeout(HEAD_LIMIT)
    .disable_signals();
    let address = local_address(&listener, state.settings.load().server.management_listen)?;
    let bound = match &state.certificate {
        Some(shown) if !address.ip().is_loopback() => {
            server.listen_rustls_0_23(listener, shown.config()?)
        }
        Some(_) | None => server.listen(listener),
    };
    Ok(run(bound
        .map_err(|source| StartError::Listen { address, source })?
        .run()))
}

fn run(server: actix_web::dev::Server) -> Listening {
    let handle = server.handle();
    tokio::spawn(server);
    Listening(handle)
}

fn run_behind(work: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(work))
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        // Every connection inherits it from here. On systems without it a
        // client who reads nothing keeps its connection.
        #[cfg(target_os = "linux")]
        socket2::SockRef::from(&listener).set_tcp_user_timeout(Some(UNREAD_LIMIT))?;
        Ok(listener)
    };
    listen().map_err(|source| StartError::Listen { address, source })
}

/// The address with the port that the system chose, where 0 was asked for.
fn local_address(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|source| StartError::Listen {
        address: asked,
        source,
    })
}

fn public_url(settings: &Settings, address: SocketAddr) -> Result<Url, StartError> {
    if let Some(url) = &settings.server.public_url {
        return Ok(url.clone());
    }
    let scheme = match settings.server.tls {
        Some(_) => "https",
        None => "http",
    };
    Url::parse(&format!("{scheme}://{address}/")).map_err(|_| StartError::PublicUrl)
}
