//! Journeys over HTTP: a page at a time, the answers to it, and the way back to
//! the application.
//!
//! A form is answered by a redirection to the page that comes next, so that a
//! reload sends nothing twice.

mod provider;
mod start;
mod view;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};

pub(super) use self::start::{start, trace};
use super::{
    engine::{
        issue::Issued,
        journey::{End, Forgot, Journey, Next, Waiting},
        proof::ProofAction,
        session::Sso,
    },
    oidc::{Delivery, OAuthError, deliver},
    pages::{self, SessionCookie},
    params::Params,
    state::{Tenant, random_id},
};

const JOURNEY_SECONDS: i64 = 60 * 60;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let path = "/{tenant}/{policy}/journey/{journey}/{page}";
    app.route(path, web::get().to(show))
        .route(path, web::post().to(submit));
}

/// A journey and the browser it runs in.
pub(super) struct Visit {
    journey: Journey,
    csrf: String,
    /// The cookie of the browser it started in.
    browser: String,
    /// The cookie of the session that it began with.
    session: Option<String>,
    /// A journey ends once; whoever submits again sees the same end.
    outcome: Option<Outcome>,
}

#[derive(Clone)]
enum Outcome {
    Returned(Delivery, Option<SessionCookie>),
    Page(String),
}

/// A request's address within the tenant.
#[derive(Clone, serde::Deserialize)]
struct Place {
    tenant: String,
    policy: String,
    journey: String,
    page: u32,
}

async fn show(
    tenant: web::Data<Tenant>,
    place: web::Path<Place>,
    request: HttpRequest,
) -> HttpResponse {
    let browser = pages::cookie(&tenant, &request, "browser");
    visit(tenant, place.into_inner(), browser, None).await
}

/// Runs in a task of its own: a person who closes the page does not stop a
/// sign-up half way.
async fn submit(
    tenant: web::Data<Tenant>,
    place: web::Path<Place>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let browser = pages::cookie(&tenant, &request, "browser");
    let form = Some(Params::parse(&body));
    let task = visit(tenant, place.into_inner(), browser, form);
    actix_web::rt::spawn(task)
        .await
        .unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
}

async fn visit(
    tenant: web::Data<Tenant>,
    place: Place,
    browser: Option<String>,
    form: Option<Params>,
) -> HttpResponse {
    let known = tenant.is_called(&place.tenant);
    let visit = known
        .then(|| tenant.state().journeys.get(&place.journey).cloned())
        .flatten();
    let Some(visit) = visit else {
        return lost(&tenant, "AADB2C90046", LOST);
    };
    // Held to the end: a second click waits, and then sees the first's end.
    let mut visit = visit.lock().await;
    let is_other_policy = !visit.journey.program.id.eq_ignore_ascii_case(&place.policy);
    let is_over = tenant.now()
        > visit
            .journey
            .context
            .started
            .saturating_add(JOURNEY_SECONDS);
    if is_other_policy || is_over {
        return lost(&tenant, "AADB2C90046", LOST);
    }
    if browser.as_ref() != Some(&visit.browser) {
        return lost(
            &tenant,
            "AADB2C90211",
            "The request contained an incomplete state cookie.",
        );
    }
    match form {
        None => visit.show(&tenant, place.page).await,
        Some(form) if form.get("csrf") == Some(&visit.csrf) => {
            visit.submit(&tenant, place.page, &form).await
        }
        Some(_) => lost(
            &tenant,
            "AADB2C90212",
            "The request did not come from this form.",
        ),
    }
}

const LOST: &str = "We are having trouble loading your current state. You might want to try \
                    starting your session over from the beginning.";

fn lost(tenant: &Tenant, code: &'static str, text: &str) -> HttpResponse {
    let description = OAuthError::new("", code, text).description(tenant.now());
    pages::technical(StatusCode::BAD_REQUEST, tenant, "en", &description)
}

impl Visit {
    /// The page's address, as browsers are sent to it.
    fn path(&self, tenant: &Tenant) -> String {
        let policy = self.journey.program.id.to_lowercase();
        let (id, page) = (&self.journey.context.journey_id, self.journey.page_number());
        format!("/{}/{policy}/journey/{id}/{page}", tenant.domain)
    }

    /// Shows the page that the person is at. Whoever goes back to the first
    /// page begins anew, as with B2C, whose first page is the request itself.
    async fn show(&mut self, tenant: &Tenant, page: u32) -> HttpResponse {
        if self.outcome.is_some() {
            return self.end(tenant);
        }
        if page == self.journey.page_number() {
            return view::page(tenant, self);
        }
        if page == self.journey.first_page() {
            let next = self.journey.restart(tenant).await;
            return self.go(tenant, next);
        }
        pages::see(&self.path(tenant))
    }

    async fn submit(&mut self, tenant: &Tenant, page: u32, form: &Params) -> HttpResponse {
        if self.outcome.is_some() {
            return self.end(tenant);
        }
        if page != self.journey.page_number() {
            return pages::see(&self.path(tenant));
        }
        let next = self.act(tenant, form).await;
        self.go(tenant, next)
    }

    /// What a button does.
    async fn act(&mut self, tenant: &Tenant, form: &Params) -> Next {
        let action = form.get("action").unwrap_or("continue");
        if let Some(exchange) = action.strip_prefix("choose:") {
            return self.journey.choose(tenant, exchange).await;
        }
        if let Some((action, claim)) = action.split_once(':')
            && let Some(action) = ProofAction::read(action)
        {
            self.journey.prove(tenant, action, claim, form);
            return Next::Page;
        }
        let is_at_provider = matches!(self.journey.waiting(), Some(Waiting::Provider(_)));
        match (action, is_at_provider) {
            ("cancel", true) => self.journey.cancelled_at_provider(),
            ("cancel", false) => self.journey.cancelled(),
            ("forgot", false) if self.forgets() => self.journey.forgot_password(),
            (_, true) => provider::submit(self, tenant, form).await,
            (_, false) => self.journey.submit(tenant, form).await,
        }
    }

    fn forgets(&self) -> bool {
        match self.journey.waiting() {
            Some(Waiting::Choice(choice)) => choice.forgot == Forgot::Application,
            _ => false,
        }
    }

    /// To the next page, or out.
    fn go(&mut self, tenant: &Tenant, next: Next) -> HttpResponse {
        let response = match next {
            Next::Page => pages::see(&self.path(tenant)),
            Next::End(end) => {
                let outcome = self.outcome(tenant, end);
                self.outcome = Some(outcome);
                self.end(tenant)
            }
        };
        tenant.put_trace(self.journey.trace.clone());
        response
    }

    fn end(&self, tenant: &Tenant) -> HttpResponse {
        match &self.outcome {
            Some(Outcome::Returned(delivery, session)) => {
                let mut response = delivery.respond();
                if let Some(session) = session {
                    pages::set_session(tenant, &mut response, session);
                }
                response
            }
            Some(Outcome::Page(page)) => pages::html(StatusCode::OK, page.clone()),
            None => lost(tenant, "AADB2C90046", LOST),
        }
    }

    fn outcome(&mut self, tenant: &Tenant, end: End) -> Outcome {
        let now = tenant.now();
        let context = &self.journey.context;
        match end {
            End::Error(error) => {
                let delivery = Delivery::error(&context.request, &error, context, now);
                Outcome::Returned(delivery, None)
            }
            End::Technical(error) => {
                let description = error.described(context.correlation_id, now);
                Outcome::Page(pages::broken_off(tenant, context, &description))
            }
            End::Blocked { title, message } => {
                Outcome::Page(pages::block(tenant, context, title.as_deref(), &message))
            }
            End::Issued(issued) => self.issue(tenant, issued),
        }
    }

    /// The way back with what was asked for, and the session from now on.
    fn issue(&mut self, tenant: &Tenant, issued: Issued) -> Outcome {
        let now = tenant.now();
        let delivered = deliver(tenant, &self.journey.program, &self.journey.context, issued);
        match delivered {
            Ok(delivery) => {
                let session = self.keep_session(tenant, now);
                Outcome::Returned(delivery, session)
            }
            Err(error) => {
                let context = &self.journey.context;
                let delivery = Delivery::error(&context.request, &error, context, now);
                Outcome::Returned(delivery, None)
            }
        }
    }

    fn keep_session(&mut self, tenant: &Tenant, now: i64) -> Option<SessionCookie> {
        let context = &self.journey.context;
        let days = self.journey.program.session.keep_alive_days;
        let mut sso = self.journey.sso.clone();
        sso.auth_time = context.auth_time;
        sso.used = now;
        if context.keep_signed_in && days > 0 {
            sso.kept_for = Some(days.saturating_mul(24 * 60 * 60));
        }
        let id = random_id();
        let kept_for = sso.kept_for;
        let mut state = tenant.state();
        if let Some(before) = self.session.take() {
            let found = state.sessions.get(&before);
            if found.is_some_and(Sso::is_over) {
                sso.forget_found();
            }
            state.sessions.remove(&before);
        }
        state.sessions.insert(id.clone(), sso);
        Some(SessionCookie { id, kept_for })
    }
}
