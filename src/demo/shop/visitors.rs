//! Who is visiting: sign-ins that have begun, people who are signed in, and
//! the cookies that tell one browser from another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::pages::Looking;
use super::text::{LANGUAGE_COOKIE, Texts};
use super::way::Dialect;

/// More than anybody at a desk needs; the oldest are forgotten.
const MOST: usize = 1_000;

/// A sign-in on its way: what only this shop and this browser know of it.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) dialect: Dialect,
    pub(super) state: String,
    pub(super) nonce: String,
    /// PKCE (RFC 7636).
    pub(super) verifier: String,
    pub(super) language: &'static str,
    /// Under which the tenant's journey is found again.
    pub(super) request_id: String,
}

impl Begun {
    pub(super) fn new(dialect: Dialect, language: &'static str) -> Self {
        Self {
            dialect,
            state: random(),
            nonce: random(),
            verifier: random(),
            language,
            request_id: Uuid::new_v4().to_string(),
        }
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) dialect: Dialect,
    pub(super) name: String,
    pub(super) email: Option<String>,
    /// The upstream provider; none for an account of the tenant's own.
    pub(super) provider: Option<String>,
    /// Empty where no customer is connected.
    pub(super) customer_id: String,
    pub(super) customer_link: String,
    pub(super) id_token: String,
    /// For whoever looks over the shop's shoulder.
    pub(super) told: String,
    pub(super) looking: Option<Looking>,
}

pub(super) struct Visitors {
    /// Cookies of `localhost` are shared by all its ports.
    prefix: String,
    begun: Mutex<VecDeque<Begun>>,
    signed_in: Mutex<VecDeque<(String, Arc<Visitor>)>>,
}

impl Visitors {
    pub(super) fn new(port: u16) -> Self {
        Self {
            prefix: format!("demo-shop-{port}"),
            begun: Mutex::default(),
            signed_in: Mutex::default(),
        }
    }

    /// Remembers a sign-in, and binds it to this browser.
    pub(super) fn begin(&self, response: &mut HttpResponse, begun: Begun) {
        self.set(response, "state", &begun.state);
        push(&mut unpoisoned(&self.begun), begun);
    }

    /// The sign-in that this browser began under `state`. It ends here.
    pub(super) fn begun(&self, request: &HttpRequest, state: Option<&str>) -> Option<Begun> {
        let state = state?;
        if self.get(request, "state")? != state {
            return None;
        }
        let mut all = unpoisoned(&self.begun);
        let at = all.iter().position(|begun| begun.state == state)?;
        all.remove(at)
    }

    /// Under a new session, so that one planted before signs nobody in.
    pub(super) fn admit(
        &self,
        request: &HttpRequest,
        response: &mut HttpResponse,
        visitor: Visitor,
    ) {
        self.forget(request);
        let session = random();
        self.set(response, "session", &session);
        self.remove(response, "state");
        push(
            &mut unpoisoned(&self.signed_in),
            (session, Arc::new(visitor)),
        );
    }

    pub(super) fn signed_in(&self, request: &HttpRequest) -> Option<Arc<Visitor>> {
        let session = self.get(request, "session")?;
        let all = unpoisoned(&self.signed_in);
        let found = all.iter().find(|(known, _)| *known == session);
        found.map(|(_, visitor)| Arc::clone(visitor))
    }

    pub(super) fn dismiss(&self, request: &HttpRequest, response: &mut HttpResponse) {
        self.forget(request);
        self.remove(response, "session");
    }

    fn forget(&self, request: &HttpRequest) {
        if let Some(session) = self.get(request, "session") {
            unpoisoned(&self.signed_in).retain(|(known, _)| *known != session);
        }
    }

    fn get(&self, request: &HttpRequest, name: &str) -> Option<String> {
        let cookie = request.cookie(&format!("{}-{name}", self.prefix))?;
        Some(cookie.value().to_owned())
    }

    fn set(&self, response: &mut HttpResponse, name: &str, value: &str) {
        add(response, &self.cookie(name, value));
    }

    fn remove(&self, response: &mut HttpResponse, name: &str) {
        let mut cookie = self.cookie(name, "");
        cookie.make_removal();
        add(response, &cookie);
    }

    /// `Lax`: the tenant sends the browser back from another site. Not
    /// `Secure`: the demo is on this machine, without TLS.
    fn cookie(&self, name: &str, value: &str) -> Cookie<'static> {
        Cookie::build(format!("{}-{name}", self.prefix), value.to_owned())
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .finish()
    }
}

/// One language for all shops of the demo.
pub(super) fn remember_language(response: &mut HttpResponse, texts: &Texts) {
    let cookie = Cookie::build(LANGUAGE_COOKIE, texts.tag)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .finish();
    add(response, &cookie);
}

/// Whether another web page sent this.
pub(super) fn is_foreign(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site");
    let site = site.and_then(|value| value.to_str().ok());
    !matches!(site, None | Some("same-origin" | "none"))
}

/// Names and values are our own plain characters, so a header takes them.
fn add(response: &mut HttpResponse, cookie: &Cookie<'_>) {
    if let Err(error) = response.add_cookie(cookie) {
        tracing::error!(%error, "demo shop: a cookie could not be set");
    }
}

fn push<T>(all: &mut VecDeque<T>, item: T) {
    while all.len() >= MOST {
        all.pop_front();
    }
    all.push_back(item);
}

/// 256 bits that nobody can guess.
fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Nothing panics under these locks.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
