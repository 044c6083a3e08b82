//! The authorize endpoint: the checks, the session, the way back.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};

use super::{Delivery, OAuthError, misbehave, no_such_policy, program_of};
use crate::emulator::{
    engine::{context::Context, issue::Issued, program::Program},
    pages,
    params::Params,
    settings::Application,
    state::{Challenge, Code, Endpoint, Grant, Tenant, random_id},
    text::language_tag,
    token::{self, Companions},
    visit,
};

/// An authorization request that passed every check.
#[derive(Clone)]
pub(in crate::emulator) struct Request {
    pub(in crate::emulator) client_id: String,
    pub(in crate::emulator) redirect_uri: String,
    pub(in crate::emulator) response_type: ResponseType,
    pub(in crate::emulator) mode: ResponseMode,
    pub(in crate::emulator) scope: String,
    pub(in crate::emulator) state: Option<String>,
    pub(in crate::emulator) nonce: Option<String>,
    pub(in crate::emulator) challenge: Option<Challenge>,
    pub(in crate::emulator) login_hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum ResponseType {
    Code,
    IdToken,
    CodeIdToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

pub(super) async fn authorize(
    tenant: web::Data<Tenant>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Authorize).await {
        return broken;
    }
    let Some((program, _)) = program_of(&tenant, &request) else {
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
            Err(error) => asked.redirect(&error, tenant.now()).respond(),
            Ok(authorization) => {
                visit::start(
                    &tenant,
                    program,
                    &request,
                    parameters.clone(),
                    authorization,
                    tag,
                )
                .await
            }
        },
    }
}

pub(super) fn accept_language(request: &HttpRequest) -> Option<&str> {
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

pub(super) struct Refusal(pub(super) OAuthError);

impl Refusal {
    pub(super) fn respond(&self, tenant: &Tenant, tag: &str) -> HttpResponse {
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

/// What the application gets for a person who came to the end of a journey.
pub(in crate::emulator) fn deliver(
    tenant: &Tenant,
    program: &Program,
    context: &Context,
    issued: Issued,
) -> Result<Delivery, OAuthError> {
    let request = &context.request;
    let grant = Grant {
        base_url: context.base_url.clone(),
        claims: issued.claims,
        subject: issued.subject,
        object_id: issued.object_id.and_then(|id| id.parse().ok()),
        client_id: request.client_id.clone(),
        policy: program.id.clone(),
        scope: request.scope.clone(),
        nonce: request.nonce.clone(),
        auth_time: context.auth_time,
        issued_at: tenant.now(),
        began: tenant.now(),
    };
    let code = (request.response_type != ResponseType::IdToken).then(random_id);
    let mut parameters = Vec::new();
    if request.response_type != ResponseType::Code {
        let script = tenant.state().next_script().unwrap_or_default();
        let companions = Companions {
            code: code.as_deref(),
            access_token: None,
        };
        let id_token = token::id_token(tenant, program, &grant, &companions, &script);
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
    Ok(Delivery::new(
        &request.redirect_uri,
        request.mode,
        state,
        &parameters,
    ))
}
