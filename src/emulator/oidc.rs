//! The tenant's protocol endpoints: metadata, keys, authorize, token, logout.

mod authorize;
mod mistake;
mod redeem;
mod renewal;
mod response;

use std::borrow::Cow;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

#[cfg(test)]
pub(super) use self::authorize::ResponseType;
use self::{
    authorize::{Refusal, accept_language, authorize},
    mistake::{At, CANCELLED, Mistake},
    redeem::redeem,
};
pub(super) use self::{
    authorize::{Request, ResponseMode, deliver},
    renewal::Renewal,
};
use super::{
    engine::{context::Context, program::Program, session::Sso},
    entra::{self, EntraIssuer},
    pages,
    params::{Params, encode_all},
    settings::Application,
    state::{Endpoint, FaultMode, Tenant, error_timestamp},
    text::language_tag,
    token,
};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    for prefix in ["/{tenant}/{policy}", "/{tenant}", "/tfp/{tenant}/{policy}"] {
        let at = |rest: &str| format!("{prefix}{rest}");
        app.route(
            &at("/v2.0/.well-known/openid-configuration"),
            web::get().to(metadata),
        )
        .route(&at("/discovery/v2.0/keys"), web::get().to(jwks));
        endpoints(app, prefix);
    }
}

/// Where journeys begin and tokens are given, behind `prefix`.
pub(super) fn endpoints(app: &mut web::ServiceConfig, prefix: &str) {
    let at = |name: &str| format!("{prefix}/oauth2/v2.0/{name}");
    app.route(&at("authorize"), web::get().to(authorize))
        .route(&at("authorize"), web::post().to(authorize))
        .route(&at("token"), web::post().to(redeem))
        .route(&at("logout"), web::get().to(logout))
        .route(&at("logout"), web::post().to(logout));
}

/// Whose endpoints were asked: it decides about words and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authority {
    B2c,
    ExternalId(EntraIssuer),
}

/// How a journey is chosen.
enum Door {
    /// By the path.
    Policy(Arc<Program>),
    /// By the application.
    ExternalId(EntraIssuer),
}

impl Door {
    /// An error is the response.
    async fn of(tenant: &Tenant, request: &HttpRequest) -> Result<Self, HttpResponse> {
        let path = request.match_info();
        let Some(host) = path.get("host") else {
            let program = program_of(tenant, request);
            return program
                .map(|(program, _)| Self::Policy(program))
                .ok_or_else(no_such_policy);
        };
        let issuer = tenant.entra_path(host, path.get("tenant").unwrap_or_default());
        match issuer {
            Some(issuer @ (EntraIssuer::ExternalDomain | EntraIssuer::ExternalId)) => {
                let made = tenant.make_entra_keys().await;
                made.map_err(|_| HttpResponse::InternalServerError().finish())?;
                Ok(Self::ExternalId(issuer))
            }
            // External tenants sign in at ciamlogin.com.
            Some(EntraIssuer::Workforce) | None => Err(entra::no_such_tenant()),
        }
    }

    fn authority(&self) -> Authority {
        match self {
            Self::Policy(_) => Authority::B2c,
            Self::ExternalId(issuer) => Authority::ExternalId(*issuer),
        }
    }

    /// The application that asks, and what its people go through.
    fn client<'a>(
        &self,
        tenant: &'a Tenant,
        client_id: &str,
        at: At,
    ) -> Result<(&'a Application, Arc<Program>), Mistake<'static>> {
        let Some(application) = tenant.application(client_id) else {
            let client_id = client_id.to_owned();
            return Err(Mistake::UnknownClient { client_id, at });
        };
        let program = match self {
            Self::Policy(program) => Some(program.clone()),
            Self::ExternalId(_) => tenant.external.program_for(client_id),
        };
        let program = program.ok_or_else(|| Mistake::NoFlow {
            client_id: client_id.to_owned(),
            at,
        })?;
        Ok((application, program))
    }
}

/// How a request named its policy: endpoints are told in the same form.
#[derive(Clone, Copy)]
enum UrlForm {
    Path,
    Query,
}

/// The policy that a path (or `p`) names. The tenant has to be ours.
fn program_of(tenant: &Tenant, request: &HttpRequest) -> Option<(Arc<Program>, UrlForm)> {
    let path = request.match_info();
    if !tenant.is_called(path.get("tenant")?) {
        return None;
    }
    if let Some(policy) = path.get("policy") {
        return Some((tenant.program(policy)?, UrlForm::Path));
    }
    let query = Params::parse(request.query_string().as_bytes());
    Some((tenant.program(query.get("p")?)?, UrlForm::Query))
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
    let Some((program, form)) = program_of(&tenant, &request) else {
        return no_such_policy();
    };
    let policy = program.id.to_lowercase();
    let (base, domain) = (tenant.base_url_for(&request), &tenant.domain);
    let endpoint = |path: &str| match form {
        UrlForm::Path => format!("{base}/{domain}/{policy}/{path}"),
        UrlForm::Query => format!("{base}/{domain}/{path}?p={policy}"),
    };
    HttpResponse::Ok().json(json!({
        "issuer": token::issuer(&tenant, base, &program),
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
        "claims_supported": claims_supported(&program),
    }))
}

fn claims_supported(program: &Program) -> Vec<&str> {
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
    let claims = program.token_claims().into_iter();
    always
        .into_iter()
        .chain(claims.filter(|claim| !always.contains(claim)))
        .collect()
}

async fn jwks(tenant: web::Data<Tenant>, request: HttpRequest) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Jwks).await {
        return broken;
    }
    if program_of(&tenant, &request).is_none() {
        return no_such_policy();
    }
    let keys: Vec<Value> = tenant.state().keys.iter().map(|key| key.to_jwk()).collect();
    HttpResponse::Ok().json(json!({ "keys": keys }))
}

/// The scripted fault of an endpoint, if there is one.
pub(super) async fn misbehave(tenant: &Tenant, endpoint: Endpoint) -> Option<HttpResponse> {
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

/// An error as OAuth and as the tenant name it.
#[derive(Clone, Debug)]
pub(super) struct OAuthError {
    pub(super) error: &'static str,
    pub(super) code: Cow<'static, str>,
    pub(super) text: String,
}

impl OAuthError {
    pub(super) fn new(
        error: &'static str,
        code: impl Into<Cow<'static, str>>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            error,
            code: code.into(),
            text: text.into(),
        }
    }

    /// The code, the text and two lines that tell one occurrence from another.
    pub(super) fn description(&self, now: i64) -> String {
        self.described(Uuid::new_v4(), now)
    }

    pub(super) fn described(&self, correlation_id: Uuid, now: i64) -> String {
        let (code, text, time) = (&self.code, &self.text, error_timestamp(now));
        let lines = format!("Correlation ID: {correlation_id}\r\nTimestamp: {time}");
        match self.is_entras() {
            true => format!("{code}: {text}\r\nTrace ID: {}\r\n{lines}", Uuid::new_v4()),
            false => format!("{code}: {text}\r\n{lines}\r\n"),
        }
    }

    fn is_entras(&self) -> bool {
        self.code.starts_with("AADSTS")
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

    pub(super) fn error(
        request: &Request,
        error: &OAuthError,
        context: &Context,
        now: i64,
    ) -> Self {
        let error = &request.authority.reworded(error.clone());
        let description = error.described(context.correlation_id, now);
        let mut parameters = vec![("error", error.error.to_owned())];
        // Seen on Entra's pages.
        if error.code == CANCELLED {
            parameters.push(("error_subcode", "cancel".to_owned()));
        }
        parameters.push(("error_description", description));
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

/// Ends the session. The browser only goes on to a registered address.
async fn logout(tenant: web::Data<Tenant>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let door = match Door::of(&tenant, &request).await {
        Ok(door) => door,
        Err(response) => return response,
    };
    let parameters = match body.is_empty() {
        true => Params::parse(request.query_string().as_bytes()),
        false => Params::parse(&body),
    };
    if let Some(session) = pages::cookie(&tenant, &request, "sso") {
        let mut state = tenant.state();
        if let Some(kept) = state.sessions.get_mut(&session) {
            *kept = Sso::over();
        }
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
        // "Shown a generic message" (OpenID Connect, sign-out request).
        Some(_) if door.authority() != Authority::B2c => pages::signed_out(&tenant, &tag),
        Some(uri) => {
            let mistake = Mistake::UnregisteredLogoutUri(uri);
            let error = mistake.worded(&tenant, door.authority());
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
