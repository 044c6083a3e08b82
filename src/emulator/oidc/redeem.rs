//! The token endpoint.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{OAuthError, misbehave, no_such_policy, program_of};
use crate::emulator::{
    audit::Dialect,
    engine::program::Program,
    keys::{KeyError, sha256},
    params::Params,
    settings::{AccessTokenVariant, Application, NumberVariant},
    state::{Challenge, Endpoint, Grant, Tenant, random_id},
    token::{self, Companions},
};

const CODE_SECONDS: i64 = 600;

pub(super) async fn redeem(
    tenant: web::Data<Tenant>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    if let Some(broken) = misbehave(&tenant, Endpoint::Token).await {
        return broken;
    }
    let Some((program, _)) = program_of(&tenant, &request) else {
        return no_such_policy();
    };
    match respond_with_tokens(&tenant, &program, &request, &body) {
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
    program: &Program,
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
    let mut grant = match required(&form, "grant_type")? {
        "authorization_code" => redeem_code(tenant, program, application, &form)?,
        "refresh_token" => redeem_refresh_token(tenant, program, application, &form)?,
        other => {
            let text = format!("The supplied grant_type [{other}] is not supported.");
            return Err(OAuthError::new(
                "unsupported_grant_type",
                "AADB2C90086",
                text,
            ));
        }
    };
    let is_gone = grant
        .object_id
        .is_some_and(|id| tenant.state().directory.get(id).is_none());
    if is_gone {
        let text = "The account associated with this grant no longer exists. Please \
                    reauthenticate and try again.";
        return Err(OAuthError::new("invalid_grant", "AADB2C90128", text));
    }
    grant.base_url = tenant.base_url_for(request).to_owned();
    token_response(tenant, program, grant).map_err(OAuthError::internal)
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
    program: &Program,
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
    check_grant(&entry.grant, program, application, now, CODE_SECONDS)?;
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
    program: &Program,
    application: &Application,
    now: i64,
    lifetime: i64,
) -> Result<(), OAuthError> {
    if grant.client_id != application.client_id || grant.policy != program.id {
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
    program: &Program,
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
    let rules = &program.tokens;
    let window = rules.refresh_window_seconds.unwrap_or(i64::MAX);
    let left = grant
        .began
        .saturating_add(window)
        .saturating_sub(grant.issued_at);
    let lifetime = rules.refresh_token_seconds.min(left);
    check_grant(&grant, program, application, now, lifetime)?;
    state.refresh_tokens.remove(token);
    let mut claims = grant.claims;
    if program.dialect == Dialect::UserFlow {
        // Only the token of the sign-up says so.
        claims.remove("newUser");
    }
    Ok(Grant {
        claims,
        nonce: None,
        issued_at: now,
        ..grant
    })
}

fn token_response(tenant: &Tenant, program: &Program, grant: Grant) -> Result<Value, KeyError> {
    let (script, variants) = {
        let mut state = tenant.state();
        (
            state.next_script().unwrap_or_default(),
            state.variants.clone(),
        )
    };
    let now = tenant.now();
    let rules = &program.tokens;
    let spells_numbers = rules
        .json_numbers
        .unwrap_or(variants.numbers == NumberVariant::Number);
    let number = |value: i64| match spells_numbers {
        false => Value::from(value.to_string()),
        true => Value::from(value),
    };
    let access_token = match variants.access_token {
        AccessTokenVariant::WhenScoped if !names_a_resource(&grant) => None,
        _ => Some(token::access_token(tenant, program, &grant)?),
    };
    let companions = Companions {
        code: None,
        access_token: access_token.as_deref(),
    };
    let id_token = token::id_token(tenant, program, &grant, &companions, &script)?;
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("id_token", id_token.into());
    add("token_type", "Bearer".into());
    add("not_before", number(now));
    add("id_token_expires_in", number(rules.id_token_seconds));
    add("profile_info", profile_info(tenant, &grant).into());
    add("scope", grant.scope.as_str().into());
    if let Some(access_token) = access_token {
        let seconds = rules.access_token_seconds;
        add("access_token", access_token.into());
        add("expires_in", number(seconds));
        add("expires_on", number(now.saturating_add(seconds)));
        add("resource", grant.client_id.as_str().into());
    }
    if has_scope(&grant, "offline_access") {
        let refresh_token = random_id();
        add("refresh_token", refresh_token.as_str().into());
        add(
            "refresh_token_expires_in",
            number(rules.refresh_token_seconds),
        );
        tenant.state().refresh_tokens.insert(refresh_token, grant);
    }
    members.extend(script.response.clone());
    for name in &script.response_remove {
        members.remove(name);
    }
    Ok(Value::Object(members))
}

fn has_scope(grant: &Grant, name: &str) -> bool {
    grant.scope.split_whitespace().any(|scope| scope == name)
}

/// A scope beyond OpenID Connect's own: the client's id or an API's.
fn names_a_resource(grant: &Grant) -> bool {
    let own = ["openid", "offline_access", "profile", "email"];
    grant
        .scope
        .split_whitespace()
        .any(|scope| !own.contains(&scope))
}

fn profile_info(tenant: &Tenant, grant: &Grant) -> String {
    let info = json!({
        "ver": "1.0",
        "tid": tenant.id,
        "sub": null,
        "name": grant.claims.get("name"),
        "preferred_username": null,
        "idp": grant.claims.get("idp"),
    });
    URL_SAFE_NO_PAD.encode(info.to_string())
}
