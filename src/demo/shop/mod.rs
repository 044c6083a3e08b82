//! A small web shop as a customer of idlink would write it: an ordinary OpenID
//! Connect client whose token endpoint happens to be idlink's. It names
//! nothing of ours, only what travels on the wire. A real shop has one way in;
//! this one has several, to compare them.

mod client;
mod pages;
mod text;
mod visitors;
mod way;

use std::io;
use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde::Deserialize;

use client::{Client, Outcome, Trouble};
use pages::{Frame, Looking, Notice};
use text::Texts;
use visitors::{Begun, Visitors};

pub use way::{Dialect, Way};

/// Whom a shop sells to: its words and its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Business,
    Consumer,
}

/// What an administrator would set up for one shop.
#[derive(Clone, Debug)]
pub struct Settings {
    pub name: String,
    pub kind: Kind,
    /// In the order in which they are offered.
    pub ways: Vec<Way>,
    /// The command that looks a reference up, told to whoever is refused.
    pub lookup: String,
}

/// Where a shop listening on this port is reached, and where a tenant may send
/// people back to.
pub fn url(port: u16) -> String {
    format!("http://localhost:{port}/")
}

/// The redirect URI of the shop on this port.
pub fn redirect_uri(port: u16) -> String {
    format!("{}callback", url(port))
}

/// A running shop. It ends when it is stopped or dropped.
pub struct Shop {
    handle: ServerHandle,
    url: String,
}

struct State {
    name: String,
    kind: Kind,
    url: String,
    ways: Vec<(Way, Client)>,
    lookup: String,
    visitors: Visitors,
}

/// Opens a shop on a listener.
pub fn start(settings: Settings, listener: TcpListener) -> io::Result<Shop> {
    let port = listener.local_addr()?.port();
    let url = url(port);
    let mut ways = Vec::new();
    for way in settings.ways {
        let client = Client::new(&way, redirect_uri(port)).map_err(io::Error::other)?;
        ways.push((way, client));
    }
    let state = web::Data::new(State {
        name: settings.name,
        kind: settings.kind,
        url: url.clone(),
        ways,
        lookup: settings.lookup,
        visitors: Visitors::new(port),
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .route("/", web::get().to(home))
            .route("/sign-in/{way}", web::get().to(sign_in))
            .route("/callback", web::get().to(callback))
            .route("/sign-out", web::post().to(sign_out))
            .route("/style.css", web::get().to(pages::style))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Shop { handle, url })
}

impl Shop {
    /// As `http://localhost:4180/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // The order is given at once; only its completion would be awaited.
        drop(self.handle.stop(false));
    }
}

impl State {
    fn frame<'a>(&'a self, request: &HttpRequest) -> Frame<'a> {
        Frame::new(&self.name, self.kind, Texts::of(request))
    }

    fn way(&self, dialect: Dialect) -> Option<&(Way, Client)> {
        self.ways.iter().find(|(way, _)| way.dialect == dialect)
    }

    fn ways(&self) -> impl Iterator<Item = &Way> {
        self.ways.iter().map(|(way, _)| way)
    }

    /// What whoever tries the demo may look at after this sign-in.
    fn looking(&self, begun: &Begun) -> Option<Looking> {
        let (way, _) = self.way(begun.dialect)?;
        Some(Looking::at(way, &begun.request_id, &self.lookup))
    }
}

/// "Who am I?"
async fn home(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let frame = state.frame(&request);
    let chosen = text::chosen(&request);
    let visitor = state.visitors.signed_in(&request);
    let mut response = match visitor {
        Some(visitor) => pages::signed_in(&frame, &visitor),
        None => pages::home(&frame, state.ways(), None),
    };
    if let Some(texts) = chosen {
        visitors::remember_language(&mut response, texts);
    }
    response
}

/// Sends the browser to the tenant.
async fn sign_in(
    state: web::Data<State>,
    request: HttpRequest,
    way: web::Path<String>,
) -> HttpResponse {
    let frame = state.frame(&request);
    let found = Dialect::named(&way).and_then(|dialect| state.way(dialect));
    let Some((way, client)) = found else {
        return pages::see("/");
    };
    let begun = Begun::new(way.dialect, frame.t.tag);
    match client.authorization(&begun).await {
        Ok(address) => {
            let mut response = pages::see(address.as_str());
            state.visitors.begin(&mut response, begun);
            response
        }
        Err(trouble) => troubled(&frame, &trouble, &begun, None),
    }
}

/// What the tenant sends back with the browser (RFC 6749, 4.1.2).
#[derive(Deserialize)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

async fn callback(
    state: web::Data<State>,
    request: HttpRequest,
    returned: web::Query<Returned>,
) -> HttpResponse {
    let frame = state.frame(&request);
    let begun = state.visitors.begun(&request, returned.state.as_deref());
    let way = begun.as_ref().and_then(|begun| state.way(begun.dialect));
    let (Some(begun), Some((_, client))) = (begun.as_ref(), way) else {
        let notice = Notice::plain(frame.t.lost_title, frame.t.lost);
        return pages::notice(StatusCode::BAD_REQUEST, &frame, &notice);
    };
    let looking = state.looking(begun);
    let Returned { code, error, .. } = returned.into_inner();
    let Some(code) = code else {
        let cancelled = error.as_deref() == Some("access_denied");
        let notice = match cancelled {
            true => Notice::plain(frame.t.cancelled_title, frame.t.cancelled),
            false => Notice::plain(frame.t.failed_title, frame.t.failed),
        };
        let notice = notice.after(begun.dialect, looking);
        return pages::home(&frame, state.ways(), Some(&notice));
    };
    match client.redeem(&code, begun).await {
        Ok(Outcome::SignedIn(mut visitor)) => {
            let mut response = pages::see("/");
            visitor.looking = looking;
            state.visitors.admit(&request, &mut response, *visitor);
            response
        }
        // The account exists, the customer number does not: nobody is let in.
        Ok(Outcome::NotLinked(refusal)) => {
            pages::not_linked(&frame, &refusal, begun.dialect, looking.as_ref())
        }
        Err(trouble) => troubled(&frame, &trouble, begun, looking),
    }
}

fn troubled(
    frame: &Frame<'_>,
    trouble: &Trouble,
    begun: &Begun,
    looking: Option<Looking>,
) -> HttpResponse {
    tracing::warn!(%trouble, shop = frame.shop, "demo shop: a sign-in could not be completed");
    let (status, notice) = match trouble {
        Trouble::Unreachable | Trouble::Answered(500..) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Notice::plain(frame.t.unavailable_title, frame.t.unavailable),
        ),
        Trouble::Answered(_) | Trouble::Malformed | Trouble::Token(_) => (
            StatusCode::BAD_GATEWAY,
            Notice::plain(frame.t.failed_title, frame.t.failed),
        ),
    };
    pages::notice(status, frame, &notice.after(begun.dialect, looking))
}

/// Forgets the visitor here, then has the tenant forget them.
async fn sign_out(
    state: web::Data<State>,
    request: HttpRequest,
    form: Option<web::Form<Leaving>>,
) -> HttpResponse {
    if visitors::is_foreign(&request) {
        return HttpResponse::Forbidden().finish();
    }
    let language = Texts::of(&request).tag;
    let visitor = state.visitors.signed_in(&request);
    let hint = visitor.as_deref().map(|visitor| visitor.id_token.as_str());
    let named = || Dialect::named(&form.as_ref()?.way);
    let dialect = visitor
        .as_deref()
        .map(|visitor| visitor.dialect)
        .or_else(named);
    let address = match dialect.and_then(|dialect| state.way(dialect)) {
        Some((_, client)) => client.end_session(&state.url, hint, language).await,
        None => None,
    };
    let mut response = pages::see(address.as_ref().map_or("/", |address| address.as_str()));
    state.visitors.dismiss(&request, &mut response);
    response
}

/// Whom a refused person has to be forgotten by: the tenant knows them, the
/// shop does not.
#[derive(Deserialize)]
struct Leaving {
    way: String,
}
