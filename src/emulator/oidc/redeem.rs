//! The token endpoint.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    Authority, Door, OAuthError, misbehave,
    mistake::{At, Mistake},
    response,
};
use crate::emulator::{
    audit::Dialect,
    engine::program::Program,
    keys::sha256,
    params::Params,
    settings::Application,
    state::{Challenge, Endpoint, Grant, Tenant},
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
    let door = match Door::of(&tenant, &request).await {
        Ok(door) => door,
        Err(response) => return response,
    };
    let form = Params::parse(&body);
    let asked = Asked {
        tenant: &tenant,
        door: &door,
        request: &request,
        form: &form,
    };
    match asked.answer().await {
        Ok(members) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store, must-revalidate, no-cache"))
            .json(members),
        Err(error) => response::refusal(&tenant, door.authority(), &error),
    }
}

/// A request for tokens.
struct Asked<'a> {
    tenant: &'a Tenant,
    door: &'a Door,
    request: &'a HttpRequest,
    form: &'a Params,
}

/// What was handed over for tokens, and is good.
enum Handed {
    Code(Grant),
    RefreshToken(Grant),
}

impl<'a> Asked<'a> {
    async fn answer(&self) -> Result<Value, OAuthError> {
        let (tenant, authority) = (self.tenant, self.door.authority());
        let worded = |mistake: Mistake<'_>| mistake.worded(tenant, authority);
        let (program, handed) = self.handed().map_err(worded)?;
        let mut grant = match handed {
            Handed::Code(grant) => grant,
            Handed::RefreshToken(grant) => renewed(tenant, &program, grant).await?,
        };
        tenant
            .base_url_for(self.request)
            .clone_into(&mut grant.base_url);
        response::tokens(tenant, &program, grant, self.form).map_err(|_| worded(Mistake::Internal))
    }

    fn handed(&self) -> Result<(Arc<Program>, Handed), Mistake<'a>> {
        let (tenant, form) = (self.tenant, self.form);
        let content_type = self.request.headers().get(header::CONTENT_TYPE);
        let is_form = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(Mistake::NoForm);
        }
        if let Some(name) = form.repeated() {
            return Err(Mistake::RepeatedParameter(name));
        }
        let (application, program) = self.client()?;
        let handed = match required(form, "grant_type")? {
            "authorization_code" => Handed::Code(redeem_code(tenant, &program, application, form)?),
            "refresh_token" => {
                Handed::RefreshToken(redeem_refresh_token(tenant, &program, application, form)?)
            }
            other => return Err(Mistake::GrantType(other)),
        };
        check_account(tenant, &handed)?;
        Ok((program, handed))
    }

    /// Who asks, by `client_secret_basic` or `client_secret_post` (RFC 6749
    /// 2.3.1: both halves of Basic are form-encoded).
    fn client(&self) -> Result<(&'a Application, Arc<Program>), Mistake<'a>> {
        let form = self.form;
        let basic = match self.request.headers().get(header::AUTHORIZATION) {
            None => None,
            Some(value) => {
                let credentials = value.to_str().ok().and_then(basic_credentials);
                Some(credentials.ok_or(Mistake::BrokenBasic)?)
            }
        };
        if basic.is_some() && form.get("client_secret").is_some() {
            return Err(Mistake::TwoCredentials);
        }
        let (client_id, secret) = match &basic {
            Some((client_id, secret)) => (client_id.as_str(), Some(secret.as_str())),
            None => (required(form, "client_id")?, form.get("client_secret")),
        };
        if form
            .get("client_id")
            .is_some_and(|posted| posted != client_id)
        {
            return Err(Mistake::OtherClientId);
        }
        let (application, program) = self.door.client(self.tenant, client_id, At::Token)?;
        check_secret(application, secret)?;
        Ok((application, program))
    }
}

/// A grant ends with its account, a refresh token also with the password that
/// the account had (`refreshTokensValidFromDateTime`).
fn check_account(tenant: &Tenant, handed: &Handed) -> Result<(), Mistake<'static>> {
    let (Handed::Code(grant) | Handed::RefreshToken(grant)) = handed;
    let Some(id) = grant.object_id else {
        return Ok(());
    };
    let valid_from = tenant
        .state()
        .directory
        .get(id)
        .map(|user| user.tokens_valid_from);
    match (valid_from, handed) {
        (None, _) => Err(Mistake::AccountGone),
        (Some(moment), Handed::RefreshToken(grant)) if moment > grant.began => {
            Err(Mistake::RevokedGrant)
        }
        (Some(_), Handed::Code(_) | Handed::RefreshToken(_)) => Ok(()),
    }
}

fn required<'a>(form: &'a Params, name: &'static str) -> Result<&'a str, Mistake<'a>> {
    form.get(name).ok_or(Mistake::MissingParameter(name))
}

fn check_secret(application: &Application, secret: Option<&str>) -> Result<(), Mistake<'static>> {
    match (application.secret.as_deref(), secret) {
        (Some(expected), Some(given)) if expected == given => Ok(()),
        (None, None) => Ok(()),
        (Some(_), Some(_)) => Err(Mistake::WrongSecret),
        (Some(_), None) => Err(Mistake::NoSecret),
        (None, Some(_)) => Err(Mistake::SecretOfPublicClient),
    }
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
fn redeem_code<'a>(
    tenant: &Tenant,
    program: &Program,
    application: &Application,
    form: &'a Params,
) -> Result<Grant, Mistake<'a>> {
    let code = required(form, "code")?;
    let redirect_uri = required(form, "redirect_uri")?;
    let now = tenant.now();
    let mut state = tenant.state();
    let entry = state.codes.get_mut(code).ok_or(Mistake::ForeignGrant)?;
    check_grant(&entry.grant, program, application, now, CODE_SECONDS)?;
    if entry.is_redeemed {
        return Err(Mistake::RedeemedCode);
    }
    if entry.redirect_uri != redirect_uri {
        return Err(Mistake::OtherRedirectUri {
            given: redirect_uri,
            expected: entry.redirect_uri.clone(),
        });
    }
    check_verifier(entry.challenge.as_ref(), form.get("code_verifier"))?;
    entry.is_redeemed = true;
    Ok(entry.grant.clone())
}

fn check_grant(
    grant: &Grant,
    program: &Program,
    application: &Application,
    now: i64,
    lifetime: i64,
) -> Result<(), Mistake<'static>> {
    // Flows of either platform may have the same name.
    let is_entras = matches!(grant.authority, Authority::ExternalId(_));
    let is_of_this_door = is_entras == (program.dialect == Dialect::ExternalId);
    if grant.client_id != application.client_id || grant.policy != program.id || !is_of_this_door {
        return Err(Mistake::ForeignGrant);
    }
    if now > grant.issued_at.saturating_add(lifetime) {
        return Err(Mistake::ExpiredGrant {
            now,
            issued_at: grant.issued_at,
            lifetime,
        });
    }
    Ok(())
}

fn check_verifier(
    challenge: Option<&Challenge>,
    verifier: Option<&str>,
) -> Result<(), Mistake<'static>> {
    let is_well_formed = verifier.is_none_or(|verifier| {
        (43..=128).contains(&verifier.len())
            && verifier
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    });
    if !is_well_formed {
        return Err(Mistake::MalformedVerifier);
    }
    let matches = match (challenge, verifier) {
        (None, None) => true,
        (Some(Challenge::S256(expected)), Some(verifier)) => sha256(verifier) == *expected,
        (Some(Challenge::Plain(expected)), Some(verifier)) => verifier == expected,
        (Some(_), None) => return Err(Mistake::MissingParameter("code_verifier")),
        (None, Some(_)) => false,
    };
    match matches {
        true => Ok(()),
        false => Err(Mistake::WrongVerifier),
    }
}

/// The response brings the next one. B2C's is good once; Entra's "aren't
/// revoked when used to acquire new access tokens".
fn redeem_refresh_token<'a>(
    tenant: &Tenant,
    program: &Program,
    application: &Application,
    form: &'a Params,
) -> Result<Grant, Mistake<'a>> {
    let token = required(form, "refresh_token")?;
    let now = tenant.now();
    let mut state = tenant.state();
    let grant = state.refresh_tokens.get(token).cloned();
    let grant = grant.ok_or(Mistake::UnknownRefreshToken)?;
    let rules = &program.tokens;
    let window = rules.refresh_window_seconds.unwrap_or(i64::MAX);
    let left = grant
        .began
        .saturating_add(window)
        .saturating_sub(grant.issued_at);
    let lifetime = rules.refresh_token_seconds.min(left);
    check_grant(&grant, program, application, now, lifetime)?;
    if grant.authority == Authority::B2c {
        state.refresh_tokens.remove(token);
    }
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

/// The grant as it is today.
async fn renewed(
    tenant: &Tenant,
    program: &Arc<Program>,
    grant: Grant,
) -> Result<Grant, OAuthError> {
    let Some(renewal) = &grant.renewal else {
        return Ok(grant);
    };
    let issued = renewal.run(tenant, program).await?;
    Ok(Grant {
        claims: issued.claims,
        ..grant
    })
}
