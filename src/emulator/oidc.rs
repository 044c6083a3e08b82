//! The tenant's protocol endpoints: metadata, keys, authorize, token, logout.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    directory::User,
    journey::{self, Journey},
    keys::{KeyError, sha256},
    pages,
    params::{Params, encode_all},
    settings::{AccessTokenVariant, Application, NumberVariant, UserFlow},
    state::{
        Challenge, Code, Endpoint, FaultMode, Grant, Session, Tenant, error_timestamp, random_id,
    },
    text::language_tag,
    token::{self, Companions, LIFETIME_SECONDS},
};

const CODE_SECONDS: i64 = 600;
const REFRESH_SECONDS: i64 = 14 * 24 * 60 * 60;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    for prefix in ["/{tenant}/{policy}", "/{tenant}", "/tfp/{tenant}/{policy}"] {
        let at = |rest: &str| format!("{prefix}{rest}");
        app.route(
            &at("/v2.0/.well-known/openid-configuration"),
            web::get().to(metadata),
        )
        .route(&at("/discovery/v2.0/keys"), web::get().to(jwks))
        .route(&at("/oauth2/v2.0/authorize"), web::get().to(authorize))
        .route(&at("/oauth2/v2.0/authorize"), web::post().to(authorize))
        .route(&at("/oauth2/v2.0/token"), web::post().to(redeem))
        .route(&at("/oauth2/v2.0/logout"), web::get().to(logout))
        .route(&at("/oauth2/v2.0/logout"), web::post().to(logout));
    }
}

/// How a request named its policy: endpoints are told in the same form.
#[derive(Clone, Copy)]
enum UrlForm {
    Path,
    Query,
}

/// The flow a path (or `p`) names. The tenant has to be ours.
fn flow_of<'a>(tenant: &'a Tenant, request: &HttpRequest) -> Option<(&'a UserFlow, UrlForm)> {
    let path = request.match_info();
    if !tenant.is_called(path.get("tenant")?) {
        return None;
    }
    if let Some(policy) = path.get("policy") {
        return Some((tenant.flow(policy)?, UrlForm::Path));
    }
    let query = Params::parse(request.query_string().as_bytes());
    Some((tenant.flow(query.get("p")?)?, UrlForm::Query))
}

fn no_such_policy() -> HttpResponse {
    HttpResponse::NotFound().json(json!({
        "error": "not_found",
        "error_description": "This tenant has no such policy. Check the tenant's name or id and \
                              the policy's name, in the path or as the query parameter `p`.",
    }))
}

async fn metadata(tenant: web::Data<Tenant>, request: HttpRequest) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Metadata).await {
        return broken;
    }
    let Some((flow, form)) = flow_of(&tenant, &request) else {
        return no_such_policy();
    };
    let policy = flow.name.to_lowercase();
    let (base, domain) = (&tenant.base_url, &tenant.domain);
    let endpoint = |path: &str| match form {
        UrlForm::Path => format!("{base}/{domain}/{policy}/{path}"),
        UrlForm::Query => format!("{base}/{domain}/{path}?p={policy}"),
    };
    HttpResponse::Ok().json(json!({
        "issuer": token::issuer(&tenant, flow),
        "authorization_endpoint": endpoint("oauth2/v2.0/authorize"),
        "token_endpoint": endpoint("oauth2/v2.0/token"),
        "end_session_endpoint": endpoint("oauth2/v2.0/logout"),
        "jwks_uri": endpoint("discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "code id_token", "id_token"],
        "scopes_supported": ["openid"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": claims_supported(flow),
    }))
}

fn claims_supported(flow: &UserFlow) -> Vec<&str> {
    let always = [
        "sub",
        "iss",
        "iat",
        "exp",
        "aud",
        "nbf",
        "ver",
        "nonce",
        "auth_time",
    ];
    let claims = flow
        .application_claims
        .iter()
        .map(|name| token::token_name(name));
    always.into_iter().chain(claims).collect()
}

async fn jwks(tenant: web::Data<Tenant>, request: HttpRequest) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Jwks).await {
        return broken;
    }
    if flow_of(&tenant, &request).is_none() {
        return no_such_policy();
    }
    let keys: Vec<Value> = tenant.state().keys.iter().map(|key| key.to_jwk()).collect();
    HttpResponse::Ok().json(json!({ "keys": keys }))
}

/// The scripted fault of an endpoint, if there is one.
async fn misbehave(tenant: &Tenant, endpoint: Endpoint) -> Option<HttpResponse> {
    let fault = tenant.state().faults.take(endpoint);
    if fault.latency_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(fault.latency_ms)).await;
    }
    match fault.mode {
        FaultMode::Ok => None,
        FaultMode::Down => Some(
            HttpResponse::ServiceUnavailable()
                .content_type("text/plain")
                .body("The service is unavailable (scripted)."),
        ),
        FaultMode::Html => Some(pages::html(StatusCode::OK, pages::broken_journey())),
        FaultMode::Truncated => Some(
            HttpResponse::Ok()
                .content_type("application/json")
                .body("{\"token_type\":\"Bearer\",\"keys\":[{\"kid\":"),
        ),
    }
}

/// An authorization request that passed every check.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) response_type: ResponseType,
    pub(super) mode: ResponseMode,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) login_hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseType {
    Code,
    IdToken,
    CodeIdToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// An error as OAuth and as the tenant name it.
#[derive(Clone, Debug)]
pub(super) struct OAuthError {
    pub(super) error: &'static str,
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl OAuthError {
    pub(super) fn new(error: &'static str, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            error,
            code,
            text: text.into(),
        }
    }

    fn internal(_: KeyError) -> Self {
        let text = "The service has encountered an internal error. Please reauthenticate and try \
                    again.";
        Self::new("server_error", "AADB2C90085", text)
    }

    /// The code, the text and two lines that tell one occurrence from another.
    pub(super) fn description(&self, now: i64) -> String {
        format!(
            "{}: {}\r\nCorrelation ID: {}\r\nTimestamp: {}\r\n",
            self.code,
            self.text,
            Uuid::new_v4(),
            error_timestamp(now)
        )
    }
}

/// Parameters on their way back to an application.
#[derive(Clone)]
pub(super) struct Delivery {
    redirect_uri: String,
    mode: ResponseMode,
    parameters: Vec<(String, String)>,
}

impl Delivery {
    fn new(
        redirect_uri: &str,
        mode: ResponseMode,
        state: Option<&str>,
        parameters: &[(&str, String)],
    ) -> Self {
        let state = state.map(|state| ("state", state.to_owned()));
        Self {
            redirect_uri: redirect_uri.to_owned(),
            mode,
            parameters: parameters
                .iter()
                .cloned()
                .chain(state)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    pub(super) fn error(request: &Request, error: &OAuthError, now: i64) -> Self {
        let parameters = [
            ("error", error.error.to_owned()),
            ("error_description", error.description(now)),
        ];
        let state = request.state.as_deref();
        Self::new(&request.redirect_uri, request.mode, state, &parameters)
    }

    pub(super) fn respond(&self) -> HttpResponse {
        let encoded = encode_all(&self.parameters);
        let separator = match self.mode {
            ResponseMode::FormPost => {
                return pages::form_post(&self.redirect_uri, &self.parameters);
            }
            ResponseMode::Fragment => '#',
            ResponseMode::Query if self.redirect_uri.contains('?') => '&',
            ResponseMode::Query => '?',
        };
        let location = format!("{}{separator}{encoded}", self.redirect_uri);
        pages::see(&location)
    }
}

async fn authorize(
    tenant: web::Data<Tenant>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Authorize).await {
        return broken;
    }
    let Some((flow, _)) = flow_of(&tenant, &request) else {
        return no_such_policy();
    };
    let parameters = match body.is_empty() {
        true => Params::parse(request.query_string().as_bytes()),
        false => Params::parse(&body),
    };
    let tag = language_tag(parameters.get("ui_locales"), accept_language(&request));
    match Asked::read(&tenant, &parameters) {
        Err(refusal) => refusal.respond(&tenant, &tag),
        Ok(asked) => match asked.request(&parameters) {
            Ok(authorization) => begin(&tenant, flow, &request, &parameters, authorization, tag),
            Err(error) => asked.redirect(&error, tenant.now()).respond(),
        },
    }
}

fn accept_language(request: &HttpRequest) -> Option<&str> {
    request
        .headers()
        .get(header::ACCEPT_LANGUAGE)?
        .to_str()
        .ok()
}

/// Client and redirect URI are right: from here on errors go to the
/// application. Before, they never leave our own page.
struct Asked<'a> {
    application: &'a Application,
    redirect_uri: &'a str,
    state: Option<&'a str>,
    mode: ResponseMode,
}

struct Refusal(OAuthError);

impl Refusal {
    fn respond(&self, tenant: &Tenant, tag: &str) -> HttpResponse {
        let description = self.0.description(tenant.now());
        pages::technical(StatusCode::BAD_REQUEST, tenant, tag, &description)
    }
}

impl<'a> Asked<'a> {
    fn read(tenant: &'a Tenant, parameters: &'a Params) -> Result<Self, Refusal> {
        let refuse = |code, text: String| Refusal(OAuthError::new("invalid_request", code, text));
        if let Some(name) = parameters.repeated() {
            let text = format!("The request contains the parameter '{name}' more than once.");
            return Err(refuse("AADB2C90122", text));
        }
        let client_id = parameters.get("client_id").ok_or_else(|| {
            let text = "The request does not contain a client ID parameter.";
            refuse("AADB2C90008", text.to_owned())
        })?;
        let application = tenant.application(client_id).ok_or_else(|| {
            let domain = &tenant.domain;
            let text = format!(
                "The client ID '{client_id}' specified in the request is not registered in \
                 tenant '{domain}'."
            );
            refuse("AADB2C90018", text)
        })?;
        let redirect_uri = parameters.get("redirect_uri").ok_or_else(|| {
            let text = "The request is missing required parameter: redirect_uri.";
            refuse("AADB2C90083", text.to_owned())
        })?;
        if !application
            .redirect_uris
            .iter()
            .any(|uri| uri == redirect_uri)
        {
            let text = format!(
                "The redirect URI '{redirect_uri}' provided in the request is not registered for \
                 the client ID '{client_id}'."
            );
            return Err(refuse("AADB2C90006", text));
        }
        let mode = match (
            parameters.get("response_mode"),
            parameters.get("response_type"),
        ) {
            (Some("form_post"), _) => ResponseMode::FormPost,
            (Some("fragment"), _) => ResponseMode::Fragment,
            (None, Some(response_type)) if response_type != "code" => ResponseMode::Fragment,
            _ => ResponseMode::Query,
        };
        Ok(Self {
            application,
            redirect_uri,
            state: parameters.get("state"),
            mode,
        })
    }

    fn redirect(&self, error: &OAuthError, now: i64) -> Delivery {
        let parameters = [
            ("error", error.error.to_owned()),
            ("error_description", error.description(now)),
        ];
        Delivery::new(self.redirect_uri, self.mode, self.state, &parameters)
    }

    fn request(&self, parameters: &Params) -> Result<Request, OAuthError> {
        let response_type = response_type(parameters)?;
        self.check_mode(parameters, response_type)?;
        let scope = parameters.get("scope").ok_or_else(|| {
            let text = "The request does not contain a scope parameter.";
            OAuthError::new("invalid_request", "AADB2C90010", text)
        })?;
        if !scope.split_whitespace().any(|scope| scope == "openid") {
            let text = "The scope parameter must include 'openid'.";
            return Err(OAuthError::new("invalid_request", "AADB2C90110", text));
        }
        let nonce = parameters.get("nonce");
        if nonce.is_none() && response_type != ResponseType::Code {
            let text = "The request is missing required parameter: nonce.";
            return Err(OAuthError::new("invalid_request", "AADB2C90083", text));
        }
        check_prompt(parameters)?;
        Ok(Request {
            client_id: self.application.client_id.clone(),
            redirect_uri: self.redirect_uri.to_owned(),
            response_type,
            mode: self.mode,
            scope: scope.to_owned(),
            state: self.state.map(str::to_owned),
            nonce: nonce.map(str::to_owned),
            challenge: self.challenge(parameters, response_type)?,
            login_hint: parameters.trimmed("login_hint").map(str::to_owned),
        })
    }

    fn check_mode(
        &self,
        parameters: &Params,
        response_type: ResponseType,
    ) -> Result<(), OAuthError> {
        let asked = parameters.get("response_mode");
        let is_known = matches!(asked, None | Some("query" | "fragment" | "form_post"));
        let leaks = asked == Some("query") && response_type != ResponseType::Code;
        if is_known && !leaks {
            return Ok(());
        }
        let text = format!(
            "The requested response mode '{}' provided in the request is not supported.",
            asked.unwrap_or_default()
        );
        Err(OAuthError::new("invalid_request", "AADB2C90014", text))
    }

    fn challenge(
        &self,
        parameters: &Params,
        response_type: ResponseType,
    ) -> Result<Option<Challenge>, OAuthError> {
        let method = parameters.get("code_challenge_method");
        match (parameters.get("code_challenge"), method) {
            (Some(value), Some("S256")) => Ok(Some(Challenge::S256(value.to_owned()))),
            (Some(value), None | Some("plain")) => Ok(Some(Challenge::Plain(value.to_owned()))),
            (Some(_), Some(_)) => {
                let text = "The supplied code_challenge_method is not supported. Supported values \
                            are plain or S256";
                Err(OAuthError::new("invalid_request", "AADB2C90184", text))
            }
            (None, _)
                if self.application.secret.is_none() && response_type != ResponseType::IdToken =>
            {
                let text = "The supplied request must present a code_challenge. Required for \
                            single-page apps using the authorization code flow.";
                Err(OAuthError::new("invalid_request", "AADB2C99059", text))
            }
            (None, _) => Ok(None),
        }
    }
}

fn response_type(parameters: &Params) -> Result<ResponseType, OAuthError> {
    let asked = parameters.get("response_type").unwrap_or_default();
    let mut parts: Vec<&str> = asked.split(' ').collect();
    parts.sort_unstable();
    match parts[..] {
        ["code"] => Ok(ResponseType::Code),
        ["id_token"] => Ok(ResponseType::IdToken),
        ["code", "id_token"] => Ok(ResponseType::CodeIdToken),
        _ => {
            let text = format!(
                "The requested response type '{asked}' provided in the request is not supported."
            );
            Err(OAuthError::new(
                "unsupported_response_type",
                "AADB2C90013",
                text,
            ))
        }
    }
}

fn check_prompt(parameters: &Params) -> Result<(), OAuthError> {
    match parameters.get("prompt") {
        None | Some("none" | "login" | "consent" | "select_account") => Ok(()),
        Some(_) => {
            let text = "The prompt included in the request contains invalid values. Expected \
                        'none', 'login', 'consent' or 'select_account'.";
            Err(OAuthError::new("invalid_request", "AADB2C90043", text))
        }
    }
}

/// Answers from the session, or starts a journey.
fn begin(
    tenant: &Tenant,
    flow: &UserFlow,
    http: &HttpRequest,
    parameters: &Params,
    request: Request,
    tag: String,
) -> HttpResponse {
    let asks_again = matches!(parameters.get("prompt"), Some("login" | "select_account"));
    let cookie = pages::cookie(tenant, http, "sso");
    let session = cookie.and_then(|id| tenant.session(&id, &request.client_id, flow));
    if let Some(session) = session.filter(|_| !asks_again) {
        match deliver(tenant, flow, &request, &session, Newcomer::No) {
            Ok(Some(delivery)) => return delivery.respond(),
            // The account is gone: the session says nothing any more.
            Ok(None) => {}
            Err(error) => return Delivery::error(&request, &error, tenant.now()).respond(),
        }
    }
    if parameters.get("prompt") == Some("none") {
        let text = "User does not have an existing session and request prompt parameter has a \
                    value of 'None'.";
        let error = OAuthError::new("interaction_required", "AADB2C90077", text);
        return Delivery::error(&request, &error, tenant.now()).respond();
    }
    let known = pages::cookie(tenant, http, "browser");
    let browser = known.unwrap_or_else(random_id);
    let id = random_id();
    let journey = Journey::new(request, &browser, tag, tenant.now());
    tenant.state().journeys.insert(
        id.clone(),
        std::sync::Arc::new(tokio::sync::Mutex::new(journey)),
    );
    let mut response = pages::see(&journey::path(tenant, flow, &id, "signin"));
    pages::set_cookie(tenant, &mut response, "browser", &browser);
    response
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newcomer {
    Yes,
    No,
}

/// What the application gets for a person who is signed in. None when the
/// account no longer exists.
pub(super) fn deliver(
    tenant: &Tenant,
    flow: &UserFlow,
    request: &Request,
    session: &Session,
    newcomer: Newcomer,
) -> Result<Option<Delivery>, OAuthError> {
    let Some(user) = tenant.state().directory.get(session.object_id).cloned() else {
        return Ok(None);
    };
    let grant = Grant {
        object_id: session.object_id,
        client_id: request.client_id.clone(),
        flow: flow.name.clone(),
        scope: request.scope.clone(),
        nonce: request.nonce.clone(),
        auth_time: session.auth_time,
        issued_at: tenant.now(),
        is_new: newcomer == Newcomer::Yes,
        token_claims: session.token_claims.clone(),
    };
    let code = (request.response_type != ResponseType::IdToken).then(random_id);
    let mut parameters = Vec::new();
    if request.response_type != ResponseType::Code {
        let script = tenant.state().next_script().unwrap_or_default();
        let companions = Companions {
            code: code.as_deref(),
            access_token: None,
        };
        let id_token = token::id_token(tenant, flow, &grant, &user, &companions, &script);
        parameters.push(("id_token", id_token.map_err(OAuthError::internal)?));
    }
    if let Some(code) = code {
        let entry = Code {
            grant,
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            is_redeemed: false,
        };
        tenant.state().codes.insert(code.clone(), entry);
        parameters.push(("code", code));
    }
    let state = request.state.as_deref();
    Ok(Some(Delivery::new(
        &request.redirect_uri,
        request.mode,
        state,
        &parameters,
    )))
}

async fn redeem(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Token).await {
        return broken;
    }
    let Some((flow, _)) = flow_of(&tenant, &request) else {
        return no_such_policy();
    };
    match respond_with_tokens(&tenant, flow, &request, &body) {
        Ok(members) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store, must-revalidate, no-cache"))
            .json(members),
        Err(error) => HttpResponse::BadRequest()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(json!({
                "error": error.error,
                "error_description": error.description(tenant.now()),
            })),
    }
}

fn respond_with_tokens(
    tenant: &Tenant,
    flow: &UserFlow,
    request: &HttpRequest,
    body: &[u8],
) -> Result<Value, OAuthError> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_form = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        let text = "The request body must be application/x-www-form-urlencoded.";
        return Err(OAuthError::new("invalid_request", "AADB2C90037", text));
    }
    let form = Params::parse(body);
    if let Some(name) = form.repeated() {
        let text = format!("The request contains the parameter '{name}' more than once.");
        return Err(OAuthError::new("invalid_request", "AADB2C90122", text));
    }
    let application = client(tenant, request, &form)?;
    let grant = match required(&form, "grant_type")? {
        "authorization_code" => redeem_code(tenant, flow, application, &form)?,
        "refresh_token" => redeem_refresh_token(tenant, flow, application, &form)?,
        other => {
            let text = format!("The supplied grant_type [{other}] is not supported.");
            return Err(OAuthError::new(
                "unsupported_grant_type",
                "AADB2C90086",
                text,
            ));
        }
    };
    let user = tenant.state().directory.get(grant.object_id).cloned();
    let user = user.ok_or_else(|| {
        let text = "The account associated with this grant no longer exists. Please \
                    reauthenticate and try again.";
        OAuthError::new("invalid_grant", "AADB2C90128", text)
    })?;
    token_response(tenant, flow, grant, &user).map_err(OAuthError::internal)
}

fn required<'a>(form: &'a Params, name: &str) -> Result<&'a str, OAuthError> {
    form.get(name).ok_or_else(|| {
        let text = format!("The request is missing required parameter: {name}.");
        OAuthError::new("invalid_request", "AADB2C90083", text)
    })
}

/// Who asks, by `client_secret_basic` or `client_secret_post` (RFC 6749 2.3.1:
/// both halves of Basic are form-encoded).
fn client<'a>(
    tenant: &'a Tenant,
    request: &HttpRequest,
    form: &Params,
) -> Result<&'a Application, OAuthError> {
    let basic =
        match request.headers().get(header::AUTHORIZATION) {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(basic_credentials).ok_or_else(
                || {
                    let text = "The Authorization header is not valid HTTP Basic.";
                    OAuthError::new("invalid_client", "AADB2C90081", text)
                },
            )?),
        };
    if basic.is_some() && form.get("client_secret").is_some() {
        let text = "The request authenticates the client in two ways.";
        return Err(OAuthError::new("invalid_request", "AADB2C90084", text));
    }
    let (client_id, secret) = match &basic {
        Some((client_id, secret)) => (client_id.as_str(), Some(secret.as_str())),
        None => (required(form, "client_id")?, form.get("client_secret")),
    };
    if form
        .get("client_id")
        .is_some_and(|posted| posted != client_id)
    {
        let text = "The client ID of the body does not match that of the Authorization header.";
        return Err(OAuthError::new("invalid_request", "AADB2C90011", text));
    }
    let application = tenant.application(client_id).ok_or_else(|| {
        let text = format!(
            "The client ID '{client_id}' specified in the request is not registered in tenant \
             '{}'.",
            tenant.domain
        );
        OAuthError::new("invalid_client", "AADB2C90018", text)
    })?;
    check_secret(application, secret)?;
    Ok(application)
}

fn check_secret(application: &Application, secret: Option<&str>) -> Result<(), OAuthError> {
    let (error, code, text) = match (application.secret.as_deref(), secret) {
        (Some(expected), Some(given)) if expected == given => return Ok(()),
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => (
            "invalid_client",
            "AADB2C90081",
            "The specified client_secret does not match the expected value for this client. \
             Please correct the client_secret and try again.",
        ),
        (Some(_), None) => (
            "invalid_request",
            "AADB2C90079",
            "Clients must send a client_secret when redeeming a confidential grant.",
        ),
        (None, Some(_)) => (
            "invalid_request",
            "AADB2C90084",
            "Public clients should not send a client_secret when redeeming a publicly acquired \
             grant.",
        ),
    };
    Err(OAuthError::new(error, code, text))
}

fn basic_credentials(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    Some((form_decoded(client_id), form_decoded(secret)))
}

fn form_decoded(value: &str) -> String {
    // A value alone would be split at `&` and `=`.
    let escaped = value.replace('&', "%26").replace('=', "%3D");
    let mut decoded = url::form_urlencoded::parse(escaped.as_bytes());
    decoded
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// A code is good once, for ten minutes, for the client, redirect URI and
/// policy it was given for, and for who knows the verifier.
fn redeem_code(
    tenant: &Tenant,
    flow: &UserFlow,
    application: &Application,
    form: &Params,
) -> Result<Grant, OAuthError> {
    let code = required(form, "code")?;
    let redirect_uri = required(form, "redirect_uri")?;
    let now = tenant.now();
    let mut state = tenant.state();
    let entry = state
        .codes
        .get_mut(code)
        .ok_or_else(|| wrong_grant("The provided grant has not been issued for this endpoint."))?;
    check_grant(&entry.grant, flow, application, now, CODE_SECONDS)?;
    if entry.is_redeemed {
        let text = "The provided grant has already been redeemed.";
        return Err(OAuthError::new("invalid_grant", "AADB2C90090", text));
    }
    if entry.redirect_uri != redirect_uri {
        return Err(wrong_grant(&format!(
            "The provided grant has not been issued for this endpoint. Actual Value : \
             {redirect_uri} and Expected Value : {}",
            entry.redirect_uri
        )));
    }
    check_verifier(entry.challenge.as_ref(), form.get("code_verifier"))?;
    entry.is_redeemed = true;
    Ok(entry.grant.clone())
}

fn wrong_grant(text: &str) -> OAuthError {
    OAuthError::new("invalid_grant", "AADB2C90088", text)
}

fn check_grant(
    grant: &Grant,
    flow: &UserFlow,
    application: &Application,
    now: i64,
    lifetime: i64,
) -> Result<(), OAuthError> {
    if grant.client_id != application.client_id || grant.flow != flow.name {
        return Err(wrong_grant(
            "The provided grant has not been issued for this endpoint.",
        ));
    }
    if now > grant.issued_at.saturating_add(lifetime) {
        let text = format!(
            "The provided grant has expired. Please re-authenticate and try again. Current time: \
             {now}, Grant issued time: {}, Grant sliding window expiration time: {}.",
            grant.issued_at,
            grant.issued_at.saturating_add(lifetime)
        );
        return Err(OAuthError::new("invalid_grant", "AADB2C90080", text));
    }
    Ok(())
}

fn check_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let is_well_formed = verifier.is_none_or(|verifier| {
        (43..=128).contains(&verifier.len())
            && verifier
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    });
    if !is_well_formed {
        let text = "The supplied code_verifier is invalid";
        return Err(OAuthError::new("invalid_grant", "AADB2C90183", text));
    }
    let matches = match (challenge, verifier) {
        (None, None) => true,
        (Some(Challenge::S256(expected)), Some(verifier)) => sha256(verifier) == *expected,
        (Some(Challenge::Plain(expected)), Some(verifier)) => verifier == expected,
        (Some(_), None) => return Err(missing_verifier()),
        (None, Some(_)) => false,
    };
    if matches {
        return Ok(());
    }
    let text = "The supplied code_verifier does not match associated code_challenge";
    Err(OAuthError::new("invalid_grant", "AADB2C90182", text))
}

fn missing_verifier() -> OAuthError {
    let text = "The request is missing required parameter: code_verifier.";
    OAuthError::new("invalid_request", "AADB2C90083", text)
}

/// A refresh token is good once: the response brings the next one.
fn redeem_refresh_token(
    tenant: &Tenant,
    flow: &UserFlow,
    application: &Application,
    form: &Params,
) -> Result<Grant, OAuthError> {
    let token = required(form, "refresh_token")?;
    let now = tenant.now();
    let mut state = tenant.state();
    let grant = state.refresh_tokens.get(token).cloned().ok_or_else(|| {
        let text = "The provided grant has been revoked. Please reauthenticate and try again.";
        OAuthError::new("invalid_grant", "AADB2C90129", text)
    })?;
    check_grant(&grant, flow, application, now, REFRESH_SECONDS)?;
    state.refresh_tokens.remove(token);
    Ok(Grant {
        nonce: None,
        is_new: false,
        issued_at: now,
        ..grant
    })
}

fn token_response(
    tenant: &Tenant,
    flow: &UserFlow,
    grant: Grant,
    user: &User,
) -> Result<Value, KeyError> {
    let (script, variants) = {
        let mut state = tenant.state();
        (
            state.next_script().unwrap_or_default(),
            state.variants.clone(),
        )
    };
    let now = tenant.now();
    let number = |value: i64| match variants.numbers {
        NumberVariant::String => Value::from(value.to_string()),
        NumberVariant::Number => Value::from(value),
    };
    let access_token = match variants.access_token {
        AccessTokenVariant::WhenScoped if !names_a_resource(&grant) => None,
        _ => Some(token::access_token(tenant, flow, &grant)?),
    };
    let companions = Companions {
        code: None,
        access_token: access_token.as_deref(),
    };
    let id_token = token::id_token(tenant, flow, &grant, user, &companions, &script)?;
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("id_token", id_token.into());
    add("token_type", "Bearer".into());
    add("not_before", number(now));
    add("id_token_expires_in", number(LIFETIME_SECONDS));
    add("profile_info", profile_info(tenant, user).into());
    add("scope", grant.scope.as_str().into());
    if let Some(access_token) = access_token {
        add("access_token", access_token.into());
        add("expires_in", number(LIFETIME_SECONDS));
        add("expires_on", number(now.saturating_add(LIFETIME_SECONDS)));
        add("resource", grant.client_id.as_str().into());
    }
    if grant
        .scope
        .split_whitespace()
        .any(|scope| scope == "offline_access")
    {
        let refresh_token = random_id();
        add("refresh_token", refresh_token.as_str().into());
        add("refresh_token_expires_in", number(REFRESH_SECONDS));
        tenant.state().refresh_tokens.insert(refresh_token, grant);
    }
    members.extend(script.response.clone());
    for name in &script.response_remove {
        members.remove(name);
    }
    Ok(Value::Object(members))
}

/// A scope beyond OpenID Connect's own: the client's id or an API's.
fn names_a_resource(grant: &Grant) -> bool {
    let own = ["openid", "offline_access", "profile", "email"];
    grant
        .scope
        .split_whitespace()
        .any(|scope| !own.contains(&scope))
}

fn profile_info(tenant: &Tenant, user: &User) -> String {
    let info = json!({
        "ver": "1.0",
        "tid": tenant.id,
        "sub": null,
        "name": user.attributes.get("displayName"),
        "preferred_username": null,
        "idp": user.federated.as_ref().map(|identity| &identity.issuer),
    });
    URL_SAFE_NO_PAD.encode(info.to_string())
}

/// Ends the session. The browser only goes on to a registered address.
async fn logout(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    if flow_of(&tenant, &request).is_none() {
        return no_such_policy();
    }
    let parameters = match body.is_empty() {
        true => Params::parse(request.query_string().as_bytes()),
        false => Params::parse(&body),
    };
    if let Some(session) = pages::cookie(&tenant, &request, "sso") {
        tenant.state().sessions.remove(&session);
    }
    let tag = language_tag(parameters.get("ui_locales"), accept_language(&request));
    let mut response = match parameters.get("post_logout_redirect_uri") {
        None => pages::signed_out(&tenant, &tag),
        Some(uri) if is_registered_for_logout(&tenant, uri) => {
            let state = parameters
                .get("state")
                .map(|state| ("state", state.to_owned()));
            let state: Vec<_> = state.into_iter().collect();
            let mode = ResponseMode::Query;
            match state.is_empty() {
                true => pages::see(uri),
                false => Delivery::new(uri, mode, None, &state).respond(),
            }
        }
        Some(uri) => {
            let text = format!(
                "The post logout redirect URI '{uri}' is not registered for any application."
            );
            let error = OAuthError::new("invalid_request", "AADB2C90067", text);
            Refusal(error).respond(&tenant, &tag)
        }
    };
    pages::drop_cookie(&tenant, &mut response, "sso");
    response
}

fn is_registered_for_logout(tenant: &Tenant, uri: &str) -> bool {
    tenant.applications.iter().any(|application| {
        let mut uris = application
            .post_logout_redirect_uris
            .iter()
            .chain(&application.redirect_uris);
        uris.any(|registered| registered == uri)
    })
}
