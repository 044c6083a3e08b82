//! A person's way through a user flow: sign in, or sign up past the three
//! connector steps, to a token.

mod asking;
mod federated;
mod sign_up;

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::Value;
use uuid::Uuid;

use self::sign_up::Notes;
use super::{
    connector::Subject,
    judge::{Failure, Step, Verdict},
    oidc::{Delivery, Newcomer, OAuthError, Request, deliver},
    pages::{self, Frame, SignIn},
    params::Params,
    settings::{FederatedIdentity, UserFlow},
    state::{Session, Tenant, random_id},
    text::Texts,
};

const JOURNEY_SECONDS: i64 = 60 * 60;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let path = "/{tenant}/{policy}/journey/{journey}/{page}";
    app.route(path, web::get().to(show))
        .route(path, web::post().to(submit));
}

pub(super) fn path(tenant: &Tenant, flow: &UserFlow, id: &str, page: &str) -> String {
    let policy = flow.name.to_lowercase();
    format!("/{}/{policy}/journey/{id}/{page}", tenant.domain)
}

/// What is remembered between a journey's pages.
pub(super) struct Journey {
    csrf: String,
    /// The cookie of the browser it started in.
    browser: String,
    started: i64,
    request: Request,
    /// Language, as connectors are told it.
    tag: String,
    email: Option<String>,
    /// What was typed (or prefilled), by attribute.
    values: BTreeMap<String, String>,
    password: Option<String>,
    proof: Proof,
    federated: Option<Federated>,
    /// A journey ends once; whoever submits again sees the same end.
    outcome: Option<Outcome>,
}

/// Proof of the address with a code.
#[derive(Default)]
struct Proof {
    pending: Option<Pending>,
    verified: Option<String>,
    sent: u32,
}

struct Pending {
    address: String,
    code: String,
    expires: i64,
    wrong: u32,
}

/// An upstream identity that has no account yet.
struct Federated {
    identity: FederatedIdentity,
    email: Option<String>,
    told: BTreeMap<String, Value>,
}

#[derive(Clone)]
enum Outcome {
    Returned(Delivery, Option<String>),
    Page(String),
}

impl Journey {
    pub(super) fn new(request: Request, browser: &str, tag: String, now: i64) -> Self {
        Self {
            csrf: random_id(),
            browser: browser.to_owned(),
            started: now,
            email: request.login_hint.clone(),
            request,
            tag,
            values: BTreeMap::new(),
            password: None,
            proof: Proof::default(),
            federated: None,
            outcome: None,
        }
    }
}

/// A request's address within the tenant.
#[derive(Clone, serde::Deserialize)]
struct Place {
    tenant: String,
    policy: String,
    journey: String,
    page: String,
}

async fn show(
    tenant: web::Data<Tenant>,
    place: web::Path<Place>,
    request: HttpRequest,
) -> HttpResponse {
    let browser = pages::cookie(&tenant, &request, "browser");
    let query = Params::parse(request.query_string().as_bytes());
    visit(tenant, place.into_inner(), browser, Input::Query(query)).await
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
    let form = Input::Form(Params::parse(&body));
    let task = visit(tenant, place.into_inner(), browser, form);
    actix_web::rt::spawn(task)
        .await
        .unwrap_or_else(|_| HttpResponse::InternalServerError().finish())
}

enum Input {
    Query(Params),
    Form(Params),
}

async fn visit(
    tenant: web::Data<Tenant>,
    place: Place,
    browser: Option<String>,
    input: Input,
) -> HttpResponse {
    let flow = tenant
        .is_called(&place.tenant)
        .then(|| tenant.flow(&place.policy))
        .flatten();
    let journey = tenant.state().journeys.get(&place.journey).cloned();
    let (Some(flow), Some(journey)) = (flow, journey) else {
        return lost(&tenant, "AADB2C90046", LOST);
    };
    // Held to the end: a second click waits, and then sees the first's end.
    let mut journey = journey.lock().await;
    if tenant.now() > journey.started.saturating_add(JOURNEY_SECONDS) {
        return lost(&tenant, "AADB2C90046", LOST);
    }
    if browser.as_ref() != Some(&journey.browser) {
        return lost(
            &tenant,
            "AADB2C90211",
            "The request contained an incomplete state cookie.",
        );
    }
    if journey.outcome.is_none() {
        let mut visit = Visit {
            tenant: &tenant,
            flow,
            id: &place.journey,
            journey: &mut journey,
        };
        let reply = match &input {
            Input::Query(query) => visit.show(&place.page, query),
            Input::Form(form) if form.get("csrf") == Some(&visit.journey.csrf) => {
                visit.submit(&place.page, form).await
            }
            Input::Form(_) => {
                return lost(
                    &tenant,
                    "AADB2C90212",
                    "The request did not come from this form.",
                );
            }
        };
        match reply {
            Reply::Page(page) => return pages::html(StatusCode::OK, page),
            Reply::See(location) => return pages::see(&location),
            Reply::NotFound => return lost(&tenant, "AADB2C90046", LOST),
            Reply::End(outcome) => journey.outcome = Some(outcome),
        }
    }
    end(&tenant, journey.outcome.as_ref())
}

const LOST: &str = "We are having trouble loading your current state. You might want to try \
                    starting your session over from the beginning.";

fn lost(tenant: &Tenant, code: &'static str, text: &str) -> HttpResponse {
    let description = OAuthError::new("", code, text).description(tenant.now());
    pages::technical(StatusCode::BAD_REQUEST, tenant, "en", &description)
}

fn end(tenant: &Tenant, outcome: Option<&Outcome>) -> HttpResponse {
    match outcome {
        Some(Outcome::Returned(delivery, session)) => {
            let mut response = delivery.respond();
            if let Some(session) = session {
                pages::set_cookie(tenant, &mut response, "sso", session);
            }
            response
        }
        Some(Outcome::Page(page)) => pages::html(StatusCode::OK, page.clone()),
        None => lost(tenant, "AADB2C90046", LOST),
    }
}

enum Reply {
    Page(String),
    See(String),
    NotFound,
    End(Outcome),
}

/// One request of one journey.
struct Visit<'a> {
    tenant: &'a Tenant,
    flow: &'a UserFlow,
    id: &'a str,
    journey: &'a mut Journey,
}

impl Visit<'_> {
    fn show(&mut self, page: &str, query: &Params) -> Reply {
        match page {
            "signin" => self.sign_in_page(None),
            "signup" if self.flow.local_accounts => {
                self.leave_provider();
                self.sign_up_page(&Notes::default())
            }
            "social" => match self.provider(query) {
                Some(provider) => self.social_page(provider, None),
                None => Reply::NotFound,
            },
            "attributes" if self.journey.federated.is_some() => {
                self.attributes_page(&Notes::default())
            }
            _ => Reply::NotFound,
        }
    }

    async fn submit(&mut self, page: &str, form: &Params) -> Reply {
        let action = form.get("action").unwrap_or_default();
        match (page, action) {
            ("social", "cancel") => self.cancelled_upstream(),
            (_, "cancel") => self.cancelled(),
            ("signin", _) if self.flow.local_accounts => self.sign_in(form).await,
            ("signup", _) if self.flow.local_accounts => self.sign_up(form, action).await,
            ("social", _) => self.social(form).await,
            ("attributes", _) if self.journey.federated.is_some() => {
                self.attributes(form, action).await
            }
            _ => Reply::NotFound,
        }
    }

    fn texts(&self) -> &'static Texts {
        Texts::for_tag(&self.journey.tag).1
    }

    // Ends of a journey.

    fn returned(&self, error: &OAuthError) -> Reply {
        let delivery = Delivery::error(&self.journey.request, error, self.tenant.now());
        Reply::End(Outcome::Returned(delivery, None))
    }

    fn cancelled(&self) -> Reply {
        let text = "The user has cancelled entering self-asserted information.";
        self.returned(&OAuthError::new("access_denied", "AADB2C90091", text))
    }

    fn cancelled_upstream(&self) -> Reply {
        let text = "An invalid response was received : 'Error: access_denied,Error Description: \
                    The person cancelled at the provider'";
        self.returned(&OAuthError::new("access_denied", "AADB2C90273", text))
    }

    fn blocked(&self, message: &str) -> Reply {
        Reply::End(Outcome::Page(pages::block(
            self.tenant,
            &self.journey.tag,
            message,
        )))
    }

    fn failed(&self, failure: &Failure) -> Reply {
        let error = OAuthError::new("server_error", failure.code, failure.text.as_str());
        let description = error.description(self.tenant.now());
        let page = pages::technical_page(self.tenant, &self.journey.tag, &description);
        Reply::End(Outcome::Page(page))
    }

    // Signing in.

    async fn sign_in(&mut self, form: &Params) -> Reply {
        let email = form.trimmed("email").unwrap_or_default();
        self.journey.email = Some(email.to_owned());
        let password = form.get("password").unwrap_or_default();
        let found = {
            let state = self.tenant.state();
            let user = state.directory.local(email);
            user.map(|user| (user.object_id, user.password.as_deref() == Some(password)))
        };
        match found {
            None => self.sign_in_page(Some(self.texts().no_such_account)),
            Some((_, false)) => self.sign_in_page(Some(self.texts().wrong_password)),
            Some((object_id, true)) => self.finish(object_id, Newcomer::No).await,
        }
    }

    fn sign_in_page(&self, error: Option<&str>) -> Reply {
        let notes = Notes::error(error);
        let page = SignIn {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(&notes),
            has_local: self.flow.local_accounts,
            email: self.journey.email.as_deref().unwrap_or_default(),
            providers: self.flow.providers.iter().map(Into::into).collect(),
        };
        Reply::Page(pages::render(&page))
    }

    // The token.

    /// Asks before the token is sent, opens the session and goes back to the
    /// application.
    async fn finish(&mut self, object_id: Uuid, newcomer: Newcomer) -> Reply {
        let Some(user) = self.tenant.state().directory.get(object_id).cloned() else {
            return self.sign_in_page(Some(self.texts().no_such_account));
        };
        let verdict = self
            .ask(Step::PreTokenIssuance, &Subject::from(&user))
            .await;
        let token_claims = match verdict {
            Verdict::Continue(claims) => claims,
            Verdict::Failed(failure) => return self.failed(&failure),
            // The judge lets neither through at this step.
            Verdict::Block(message) | Verdict::Invalid(message) => return self.blocked(&message),
        };
        let request = &self.journey.request;
        let session = Session {
            object_id,
            auth_time: self.tenant.now(),
            client_id: request.client_id.clone(),
            flow: self.flow.name.clone(),
            token_claims,
        };
        let delivery = match deliver(self.tenant, self.flow, request, &session, newcomer) {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return self.sign_in_page(Some(self.texts().no_such_account)),
            Err(error) => return self.returned(&error),
        };
        let session_id = random_id();
        let mut state = self.tenant.state();
        state.sessions.insert(session_id.clone(), session);
        Reply::End(Outcome::Returned(delivery, Some(session_id)))
    }
}
