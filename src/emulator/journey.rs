//! A person's way through a user flow: sign in, or sign up past the three
//! connector steps, to a token.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    connector::{self, Context, Subject},
    directory::{DirectoryError, User},
    judge::{Bench, Exchange, Failure, Judgement, MAX_STORED, Step, Verdict},
    keys::digits,
    oidc::{Delivery, Newcomer, OAuthError, Request, deliver},
    pages::{self, Attributes, EmailControl, Field, Form, Frame, SignIn, SignUp, Social},
    params::Params,
    settings::{Attribute, AttributeKind, Connector, FederatedIdentity, Provider, UserFlow},
    state::{Audit, Mail, Session, Tenant, random_id},
    text::Texts,
};

const JOURNEY_SECONDS: i64 = 60 * 60;
const CODE_SECONDS: i64 = 10 * 60;
const MAX_WRONG_CODES: u32 = 5;
const MAX_CODES_SENT: u32 = 10;

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

    // Signing up with an address and a password.

    async fn sign_up(&mut self, form: &Params, action: &str) -> Reply {
        self.leave_provider();
        self.take_values(form);
        let password_problem = self.take_password(form);
        if action != "create" {
            let notes = self.prove(form, action);
            return self.sign_up_page(&notes);
        }
        self.take_email(form);
        let problem = self.email_problem().or(password_problem);
        self.create(problem).await
    }

    /// Back from a provider, to a local account after all.
    fn leave_provider(&mut self) {
        if self.journey.federated.take().is_some() {
            self.journey.proof = Proof::default();
            self.journey.email = None;
        }
    }

    fn sign_up_page(&self, notes: &Notes) -> Reply {
        let page = SignUp {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(notes),
            is_password_kept: self.journey.password.is_some(),
        };
        Reply::Page(pages::render(&page))
    }

    /// Keeps a good password, so that a form that comes back for another
    /// reason need not ask for it again. Says what is wrong with a bad one.
    fn take_password(&mut self, form: &Params) -> Option<&'static str> {
        let typed = form.get("password").unwrap_or_default();
        let confirmed = form.get("password_confirm").unwrap_or_default();
        let t = self.texts();
        let problem = match (typed, confirmed) {
            ("", "") if self.journey.password.is_some() => return None,
            (typed, confirmed) if typed != confirmed => t.different_passwords,
            (typed, _) if typed.chars().count() < 8 => t.weak_password,
            (typed, _) => {
                self.journey.password = Some(typed.to_owned());
                return None;
            }
        };
        self.journey.password = None;
        Some(problem)
    }

    // Signing in or up through an upstream provider.

    fn provider(&self, parameters: &Params) -> Option<&Provider> {
        let asked = parameters.get("provider")?;
        self.flow
            .providers
            .iter()
            .find(|provider| provider.issuer == asked)
    }

    fn social_page(&self, provider: &Provider, error: Option<&str>) -> Reply {
        let notes = Notes::error(error);
        let names = SOCIAL_NAMES.iter().map(|name| Field {
            name,
            label: self.texts().attribute(name).unwrap_or(name),
            value: "",
            is_required: false,
            is_checkbox: false,
            is_number: false,
            error: None,
        });
        let page = Social {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(&notes),
            provider,
            email: self
                .journey
                .request
                .login_hint
                .as_deref()
                .unwrap_or_default(),
            names: names.collect(),
        };
        Reply::Page(pages::render(&page))
    }

    async fn social(&mut self, form: &Params) -> Reply {
        let Some(provider) = self.provider(form).cloned() else {
            return Reply::NotFound;
        };
        let email = match form.get("no_email") {
            Some(_) => None,
            None => form.trimmed("email"),
        };
        if email.is_some_and(|email| !is_address(email)) {
            return self.social_page(&provider, Some(self.texts().invalid_email));
        }
        let is_too_long = |name: &&str| {
            form.get(name)
                .is_some_and(|value| value.chars().count() > MAX_STORED)
        };
        if SOCIAL_NAMES.iter().chain(&["subject"]).any(is_too_long) {
            return self.social_page(&provider, Some(self.texts().too_long));
        }
        let derived = || email.map(|email| upstream_id(&provider.issuer, email));
        let Some(subject) = form.trimmed("subject").map(str::to_owned).or_else(derived) else {
            return self.social_page(&provider, Some(self.texts().need_subject));
        };
        let told = SOCIAL_NAMES.iter().filter_map(|name| {
            let value = form.trimmed(name)?;
            Some(((*name).to_owned(), Value::from(value)))
        });
        let identity = FederatedIdentity {
            issuer: provider.issuer.clone(),
            subject,
        };
        let known = {
            let state = self.tenant.state();
            state
                .directory
                .federated(&identity)
                .map(|user| user.object_id)
        };
        if let Some(object_id) = known {
            return self.finish(object_id, Newcomer::No).await;
        }
        let told: BTreeMap<_, _> = told.collect();
        let email = email.map(str::to_owned);
        let federated = Federated {
            identity,
            email,
            told,
        };
        self.federated_sign_up(federated).await
    }

    async fn federated_sign_up(&mut self, federated: Federated) -> Reply {
        let subject = Subject {
            email: federated.email.as_deref(),
            federated: Some(&federated.identity),
            attributes: &federated.told,
            object_id: None,
        };
        let claims = match self.ask(Step::PostFederationSignup, &subject).await {
            Verdict::Continue(claims) => claims,
            Verdict::Block(message) | Verdict::Invalid(message) => return self.blocked(&message),
            Verdict::Failed(failure) => return self.failed(&failure),
        };
        let prefill = federated.told.clone().into_iter().chain(claims);
        self.journey.values = prefill
            .map(|(name, value)| (name, as_text(&value)))
            .collect();
        // Only the provider says who this is: what was typed before is gone.
        self.journey.email = None;
        self.journey.proof = Proof::default();
        self.journey.password = None;
        self.journey.federated = Some(federated);
        Reply::See(path(self.tenant, self.flow, self.id, "attributes"))
    }

    fn attributes_page(&self, notes: &Notes) -> Reply {
        let page = Attributes {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(notes),
        };
        Reply::Page(pages::render(&page))
    }

    async fn attributes(&mut self, form: &Params, action: &str) -> Reply {
        self.take_values(form);
        if action != "create" {
            let notes = self.prove(form, action);
            return self.attributes_page(&notes);
        }
        let email_problem = match self.asks_for_email() {
            true => {
                self.take_email(form);
                self.email_problem()
            }
            false => None,
        };
        self.create(email_problem).await
    }

    // What both kinds of sign-up share.

    /// Whether the form has the e-mail control: always for local accounts, for
    /// federated ones when the provider told none and the flow asks for it.
    fn asks_for_email(&self) -> bool {
        match &self.journey.federated {
            None => true,
            Some(federated) => federated.email.is_none() && self.flow.ask_missing_email,
        }
    }

    /// The address the account will have.
    fn address(&self) -> Option<&str> {
        match &self.journey.federated {
            Some(federated) if federated.email.is_some() => federated.email.as_deref(),
            Some(_) if !self.flow.ask_missing_email => None,
            _ => self.journey.email.as_deref(),
        }
    }

    /// A proven address stays as it is, whatever a form says.
    fn take_email(&mut self, form: &Params) {
        let typed = form.trimmed("email").map(str::to_owned);
        self.journey.email = self.journey.proof.verified.clone().or(typed);
    }

    fn email_problem(&self) -> Option<&'static str> {
        let is_proven = self.journey.proof.verified.is_some();
        match self.journey.email.as_deref() {
            Some(email) if is_address(email) => {
                (self.flow.verify_email && !is_proven).then_some(self.texts().must_verify)
            }
            _ => Some(self.texts().invalid_email),
        }
    }

    /// The buttons around the verification code.
    fn prove(&mut self, form: &Params, action: &str) -> Notes {
        match action {
            "send-code" => {
                self.take_email(form);
                self.send_code()
            }
            "verify-code" => self.verify_code(form.trimmed("code").unwrap_or_default()),
            "change-email" => {
                self.journey.proof.verified = None;
                self.journey.proof.pending = None;
                Notes::default()
            }
            _ => Notes::default(),
        }
    }

    fn send_code(&mut self) -> Notes {
        let t = self.texts();
        let Some(address) = self.journey.email.clone().filter(|email| is_address(email)) else {
            return Notes::error(Some(t.invalid_email));
        };
        if self.journey.proof.sent >= MAX_CODES_SENT {
            return Notes::error(Some(t.too_many_codes));
        }
        let code = rand::random_range(0..1_000_000_u32);
        let code = format!("{code:06}");
        self.tenant.deliver(Mail {
            address: address.clone(),
            code: code.clone(),
            sent_at: self.tenant.timestamp(),
            language: self.journey.tag.clone(),
        });
        self.journey.proof.sent += 1;
        self.journey.proof.pending = Some(Pending {
            address,
            code,
            expires: self.tenant.now().saturating_add(CODE_SECONDS),
            wrong: 0,
        });
        Notes::info(t.code_sent)
    }

    fn verify_code(&mut self, typed: &str) -> Notes {
        let t = self.texts();
        let now = self.tenant.now();
        let Some(pending) = &mut self.journey.proof.pending else {
            return Notes::error(Some(t.must_verify));
        };
        self.journey.email = Some(pending.address.clone());
        if pending.wrong >= MAX_WRONG_CODES {
            return Notes::error(Some(t.too_many_tries));
        }
        if now > pending.expires {
            return Notes::error(Some(t.expired_code));
        }
        if typed != pending.code {
            pending.wrong += 1;
            return Notes::error(Some(t.wrong_code));
        }
        self.journey.proof.verified = Some(pending.address.clone());
        self.journey.proof.pending = None;
        Notes::info(t.verified)
    }

    fn take_values(&mut self, form: &Params) {
        for attribute in self
            .flow
            .attributes
            .iter()
            .filter(|attribute| attribute.visible)
        {
            match form.trimmed(&attribute.name) {
                Some(value) => {
                    let values = &mut self.journey.values;
                    values.insert(attribute.name.clone(), value.to_owned());
                }
                None => {
                    self.journey.values.remove(&attribute.name);
                }
            }
        }
    }

    fn value_problems(&self, error: Option<&'static str>) -> Notes {
        let t = self.texts();
        let mut notes = Notes::error(error);
        for attribute in self
            .flow
            .attributes
            .iter()
            .filter(|attribute| attribute.visible)
        {
            let problem = match self.journey.values.get(&attribute.name) {
                None => attribute.required.then_some(t.required),
                Some(value) if value.chars().count() > MAX_STORED => Some(t.too_long),
                Some(value) => {
                    (typed_value(attribute.kind, value).is_none()).then_some(t.not_a_number)
                }
            };
            if let Some(problem) = problem {
                notes.fields.insert(attribute.name.clone(), problem);
            }
        }
        notes
    }

    /// Everything known of the person before the account exists.
    fn bag(&self) -> BTreeMap<String, Value> {
        let told = self
            .journey
            .federated
            .iter()
            .flat_map(|federated| &federated.told);
        let mut bag: BTreeMap<_, _> = told
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for attribute in &self.flow.attributes {
            let text = self.journey.values.get(&attribute.name);
            match text.and_then(|text| typed_value(attribute.kind, text)) {
                Some(value) => bag.insert(attribute.name.clone(), value),
                None => bag.remove(&attribute.name),
            };
        }
        bag
    }

    /// Asks before the account is written, writes it, and goes on.
    async fn create(&mut self, problem: Option<&'static str>) -> Reply {
        let notes = self.value_problems(problem);
        if !notes.is_empty() {
            return self.sign_up_form(&notes);
        }
        let mut attributes = self.bag();
        let subject = Subject {
            email: self.address(),
            federated: self
                .journey
                .federated
                .as_ref()
                .map(|federated| &federated.identity),
            attributes: &attributes,
            object_id: None,
        };
        let claims = match self.ask(Step::PostAttributeCollection, &subject).await {
            Verdict::Continue(claims) => claims,
            Verdict::Block(message) => return self.blocked(&message),
            Verdict::Invalid(message) => return self.sign_up_form(&Notes::error(Some(&message))),
            Verdict::Failed(failure) => return self.failed(&failure),
        };
        attributes.extend(claims);
        attributes.retain(|name, value| {
            value.as_str() != Some("") && self.flow.attributes.iter().any(|a| a.name == *name)
        });
        match self.write(attributes) {
            Ok(object_id) => self.finish(object_id, Newcomer::Yes).await,
            Err(DirectoryError::Full) => {
                self.sign_up_form(&Notes::error(Some(self.texts().directory_full)))
            }
            Err(DirectoryError::AlreadyExists | DirectoryError::NoIdentity) => {
                self.sign_up_form(&Notes::error(Some(self.texts().already_exists)))
            }
        }
    }

    fn write(&self, attributes: BTreeMap<String, Value>) -> Result<Uuid, DirectoryError> {
        let federated = self.journey.federated.as_ref();
        let object_id = Uuid::new_v4();
        let user = User {
            object_id,
            created: self.tenant.now(),
            email: self.address().map(str::to_owned),
            password: match federated {
                Some(_) => None,
                None => self.journey.password.clone(),
            },
            federated: federated.map(|federated| federated.identity.clone()),
            attributes,
        };
        self.tenant.state().directory.add(user)?;
        self.tenant.save_or_log();
        Ok(object_id)
    }

    fn sign_up_form(&self, notes: &Notes) -> Reply {
        match self.journey.federated {
            None => self.sign_up_page(notes),
            Some(_) => self.attributes_page(notes),
        }
    }

    fn form<'b>(&'b self, notes: &'b Notes) -> Form<'b> {
        let proof = &self.journey.proof;
        let email = self.asks_for_email().then(|| EmailControl {
            address: self.journey.email.as_deref().unwrap_or_default(),
            asks_proof: self.flow.verify_email,
            is_code_sent: proof.pending.is_some(),
            is_verified: proof.verified.is_some(),
        });
        let base = path(self.tenant, self.flow, self.id, "");
        let visible = self
            .flow
            .attributes
            .iter()
            .filter(|attribute| attribute.visible);
        Form {
            base: base.trim_end_matches('/').to_owned(),
            csrf: &self.journey.csrf,
            error: notes.error.as_deref(),
            info: notes.info,
            email,
            fields: visible
                .map(|attribute| self.field(attribute, notes))
                .collect(),
        }
    }

    fn field<'b>(&'b self, attribute: &'b Attribute, notes: &Notes) -> Field<'b> {
        let name = attribute.name.as_str();
        let plain = name.strip_prefix("extension_").unwrap_or(name);
        let label = attribute.label.as_deref();
        Field {
            name,
            label: label.or(self.texts().attribute(name)).unwrap_or(plain),
            value: self.journey.values.get(name).map_or("", String::as_str),
            is_required: attribute.required,
            is_checkbox: attribute.kind == AttributeKind::Boolean,
            is_number: attribute.kind == AttributeKind::Integer,
            error: notes.fields.get(name).copied(),
        }
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

    // Connectors.

    async fn ask(&self, step: Step, subject: &Subject<'_>) -> Verdict {
        let (connector, variants) = {
            let state = self.tenant.state();
            let connectors = state.connectors.get(&self.flow.name.to_lowercase());
            let connector = connectors.and_then(|connectors| match step {
                Step::PostFederationSignup => connectors.post_federation_signup.clone(),
                Step::PostAttributeCollection => connectors.post_attribute_collection.clone(),
                Step::PreTokenIssuance => connectors.pre_token_issuance.clone(),
            });
            (connector, state.variants.clone())
        };
        let Some(connector) = connector else {
            return Verdict::Continue(Map::new());
        };
        let context = Context {
            client_id: &self.journey.request.client_id,
            ui_locales: &self.journey.tag,
            extensions_app_id: &self.tenant.extensions_app_id,
            tenant_domain: &self.tenant.domain,
            variants: &variants,
        };
        let body = match connector::body(step, &context, subject) {
            Ok(body) => body,
            Err(error) => return unwritable(&error),
        };
        let call = connector::call(&self.tenant.http, &connector, &variants, &body).await;
        let bench = Bench {
            step,
            flow: self.flow,
            extensions_app_id: &self.tenant.extensions_app_id,
            custom: &self.tenant.custom,
        };
        let judgement = bench.judge(&call.exchange);
        self.tenant
            .audit(self.audit(step, &connector, &body, &call, &judgement));
        judgement.verdict
    }

    fn audit(
        &self,
        step: Step,
        connector: &Connector,
        body: &[u8],
        call: &connector::Call,
        judgement: &Judgement,
    ) -> Audit {
        let (status, content_type, reply) = match &call.exchange {
            Exchange::Reply {
                status,
                content_type,
                body,
            } => (Some(*status), content_type.clone(), Some(body)),
            _ => (None, None, None),
        };
        let (error_code, detail) = match &judgement.verdict {
            Verdict::Failed(failure) => (Some(failure.code), Some(failure.why.clone())),
            _ => (None, None),
        };
        Audit {
            number: 0,
            category: "Authentication",
            activity: "An API was called as part of a user flow",
            time: self.tenant.timestamp(),
            flow: self.flow.name.clone(),
            step: step.name(),
            url: connector.url.clone(),
            number_of_attempts: call.attempts,
            duration_ms: u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            status,
            judgement: judgement.verdict.name(),
            error_code,
            detail,
            warnings: judgement.warnings.clone(),
            claims: match &judgement.verdict {
                Verdict::Continue(claims) => claims.clone(),
                _ => Map::new(),
            },
            request_body: String::from_utf8_lossy(body).into_owned(),
            reply_content_type: content_type,
            reply_body: reply.map(|body| abridged(body)),
        }
    }
}

/// What a form says beside its fields.
#[derive(Default)]
struct Notes {
    error: Option<String>,
    info: Option<&'static str>,
    fields: BTreeMap<String, &'static str>,
}

impl Notes {
    fn error(error: Option<&str>) -> Self {
        Self {
            error: error.map(str::to_owned),
            ..Self::default()
        }
    }

    fn info(info: &'static str) -> Self {
        Self {
            info: Some(info),
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.error.is_none() && self.fields.is_empty()
    }
}

/// What an upstream provider may tell besides the address.
const SOCIAL_NAMES: [&str; 3] = ["displayName", "givenName", "surname"];

/// Replies are kept whole up to here in the audit log.
const MAX_AUDITED: usize = 64 * 1024;

fn abridged(body: &[u8]) -> String {
    let kept = body.get(..MAX_AUDITED).unwrap_or(body);
    String::from_utf8_lossy(kept).into_owned()
}

fn unwritable(error: &serde_json::Error) -> Verdict {
    Verdict::Failed(Failure {
        code: "AADB2C90085",
        text: "The service has encountered an internal error.".to_owned(),
        why: format!("the request could not be written: {error}"),
    })
}

/// An address is the same person at the provider each time.
fn upstream_id(issuer: &str, email: &str) -> String {
    digits(&format!("{issuer} {}", email.to_lowercase()))
}

fn typed_value(kind: AttributeKind, text: &str) -> Option<Value> {
    match kind {
        AttributeKind::String => Some(text.into()),
        AttributeKind::Boolean => text.parse::<bool>().ok().map(Value::from),
        AttributeKind::Integer => text.parse::<i64>().ok().map(Value::from),
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Roughly what the form of the platform lets pass.
fn is_address(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || c == '@')
    };
    text.chars().count() <= 254
        && text
            .rsplit_once('@')
            .is_some_and(|(local, domain)| is_plain(local) && is_plain(domain))
}
