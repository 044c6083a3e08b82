//! The authorize endpoint: the checks, the session, the way back.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};

use super::{
    Authority, Delivery, Door, OAuthError, Renewal, misbehave,
    mistake::{At, Mistake},
};
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
    pub(in crate::emulator) authority: Authority,
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
    let door = match Door::of(&tenant, &request).await {
        Ok(door) => door,
        Err(response) => return response,
    };
    let parameters = match body.is_empty() {
        true => Params::parse(request.query_string().as_bytes()),
        false => Params::parse(&body),
    };
    let tag = language_tag(parameters.get("ui_locales"), accept_language(&request));
    let authority = door.authority();
    match Asked::read(&tenant, &door, &parameters) {
        Err(mistake) => {
            let error = mistake.worded(&tenant, authority);
            Refusal(error).respond(&tenant, &tag)
        }
        Ok(asked) => match asked.request(&parameters) {
            Err(mistake) => {
                let error = mistake.worded(&tenant, authority);
                asked.redirect(&error, tenant.now()).respond()
            }
            Ok(authorization) => {
                let program = asked.program.clone();
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
    authority: Authority,
    program: Arc<Program>,
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
    fn read(tenant: &'a Tenant, door: &Door, parameters: &'a Params) -> Result<Self, Mistake<'a>> {
        if let Some(name) = parameters.repeated() {
            return Err(Mistake::RepeatedParameter(name));
        }
        let client_id = parameters.get("client_id").ok_or(Mistake::NoClientId)?;
        let (application, program) = door.client(tenant, client_id, At::Authorize)?;
        let redirect_uri = parameters
            .get("redirect_uri")
            .ok_or(Mistake::MissingParameter("redirect_uri"))?;
        if !application
            .redirect_uris
            .iter()
            .any(|uri| uri == redirect_uri)
        {
            return Err(Mistake::UnregisteredRedirectUri {
                client_id,
                redirect_uri,
            });
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
            authority: door.authority(),
            program,
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

    fn request<'p>(&self, parameters: &'p Params) -> Result<Request, Mistake<'p>> {
        let response_type = response_type(parameters)?;
        check_mode(parameters, response_type)?;
        let scope = parameters.get("scope").ok_or(Mistake::NoScope)?;
        if !scope.split_whitespace().any(|scope| scope == "openid") {
            return Err(Mistake::ScopeWithoutOpenId);
        }
        let nonce = parameters.get("nonce");
        if nonce.is_none() && response_type != ResponseType::Code {
            return Err(Mistake::MissingParameter("nonce"));
        }
        check_prompt(parameters)?;
        Ok(Request {
            authority: self.authority,
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

    fn challenge<'p>(
        &self,
        parameters: &'p Params,
        response_type: ResponseType,
    ) -> Result<Option<Challenge>, Mistake<'p>> {
        let method = parameters.get("code_challenge_method");
        match (parameters.get("code_challenge"), method) {
            (Some(value), Some("S256")) => Ok(Some(Challenge::S256(value.to_owned()))),
            (Some(value), None | Some("plain")) => Ok(Some(Challenge::Plain(value.to_owned()))),
            (Some(_), Some(_)) => Err(Mistake::ChallengeMethod),
            (None, _)
                if self.application.secret.is_none() && response_type != ResponseType::IdToken =>
            {
                Err(Mistake::NoChallenge)
            }
            (None, _) => Ok(None),
        }
    }
}

fn check_mode(parameters: &Params, response_type: ResponseType) -> Result<(), Mistake<'_>> {
    let asked = parameters.get("response_mode");
    let is_known = matches!(asked, None | Some("query" | "fragment" | "form_post"));
    let leaks = asked == Some("query") && response_type != ResponseType::Code;
    match is_known && !leaks {
        true => Ok(()),
        false => Err(Mistake::ResponseMode(asked.unwrap_or_default())),
    }
}

fn response_type(parameters: &Params) -> Result<ResponseType, Mistake<'_>> {
    let asked = parameters.get("response_type").unwrap_or_default();
    let mut parts: Vec<&str> = asked.split(' ').collect();
    parts.sort_unstable();
    match parts[..] {
        ["code"] => Ok(ResponseType::Code),
        ["id_token"] => Ok(ResponseType::IdToken),
        ["code", "id_token"] => Ok(ResponseType::CodeIdToken),
        _ => Err(Mistake::ResponseType(asked)),
    }
}

fn check_prompt(parameters: &Params) -> Result<(), Mistake<'static>> {
    match parameters.get("prompt") {
        None | Some("none" | "login" | "consent" | "select_account") => Ok(()),
        Some(_) => Err(Mistake::Prompt),
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
    let internal = |_| Mistake::Internal.worded(tenant, request.authority);
    let renewal = Renewal::of(program, context, &issued);
    let grant = Grant {
        authority: request.authority,
        base_url: context.base_url.clone(),
        claims: issued.claims,
        subject: issued.subject,
        object_id: issued.object_id.and_then(|id| id.parse().ok()),
        renewal,
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
        parameters.push(("id_token", id_token.map_err(internal)?));
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
