//! An application of the tenant's own, for whoever wants to see a journey
//! without having an application: it shows what it is told.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    pages::{self, Frame},
    params::{Params, encode},
    settings::Application,
    state::Tenant,
};

/// Its client id, the same in every tenant.
pub(super) const CLIENT: &str = "e0a7c1f2-5b64-4d0e-9d38-6a1f0b7c2e55";
pub(super) const PATH: &str = "/__emulator/signed-in";

/// There is no session of this application that a nonce could be bound to.
const NONCE: &str = "try-it";

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/signed-in", web::get().to(nothing_sent))
        .route("/signed-in", web::post().to(signed_in));
}

/// A public client, reached at each of the tenant's addresses.
pub(super) fn application<'a>(bases: impl Iterator<Item = &'a str>) -> Application {
    let redirect_uris: Vec<String> = bases.map(|base| format!("{base}{PATH}")).collect();
    Application {
        client_id: CLIENT.to_owned(),
        name: "Try it".to_owned(),
        secret: None,
        post_logout_redirect_uris: Vec::new(),
        redirect_uris,
    }
}

/// Where a journey begins whose end is shown by this application. None while
/// the tenant does not have it.
pub(super) fn url(tenant: &Tenant, base: &str, policy: &str) -> Option<String> {
    tenant.application(CLIENT)?;
    let (domain, policy) = (&tenant.domain, encode(policy));
    let back = encode(&format!("{base}{PATH}"));
    Some(format!(
        "{base}/{domain}/{policy}/oauth2/v2.0/authorize?client_id={CLIENT}&redirect_uri={back}\
         &response_type=id_token&response_mode=form_post&scope=openid&nonce={NONCE}&prompt=login"
    ))
}

#[derive(Template)]
#[template(path = "signed_in.html", config = "src/emulator/askama.toml")]
struct SignedIn<'a> {
    frame: Frame<'a>,
    told: Told,
}

/// What the application was told.
enum Told {
    Nothing,
    Token {
        claims: Vec<(String, String)>,
        again: Option<String>,
    },
    Error {
        error: String,
        description: String,
    },
    /// A token that an application must not believe.
    Wrong {
        why: &'static str,
    },
}

async fn nothing_sent(tenant: web::Data<Tenant>) -> HttpResponse {
    page(&tenant, Told::Nothing)
}

async fn signed_in(tenant: web::Data<Tenant>, body: web::Bytes) -> HttpResponse {
    let told = told(&tenant, &Params::parse(&body));
    page(&tenant, told)
}

fn page(tenant: &Tenant, told: Told) -> HttpResponse {
    let frame = Frame::new(tenant, "en");
    pages::html(StatusCode::OK, pages::render(&SignedIn { frame, told }))
}

fn told(tenant: &Tenant, form: &Params) -> Told {
    if let Some(error) = form.get("error") {
        return Told::Error {
            error: error.to_owned(),
            description: form.get("error_description").unwrap_or_default().to_owned(),
        };
    }
    let Some(token) = form.get("id_token") else {
        return Told::Nothing;
    };
    match verified(tenant, token) {
        Err(why) => Told::Wrong { why },
        Ok(claims) => Told::Token {
            again: again(tenant, &claims),
            claims: claims
                .into_iter()
                .map(|(name, value)| (name, shown(value)))
                .collect(),
        },
    }
}

fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The same journey once more, at the address that issued the token.
fn again(tenant: &Tenant, claims: &Map<String, Value>) -> Option<String> {
    let issuer = claims.get("iss")?.as_str()?;
    let policy = ["tfp", "acr"]
        .into_iter()
        .find_map(|name| claims.get(name)?.as_str())?;
    let base = tenant.bases().find(|base| issuer.starts_with(base))?;
    url(tenant, base, policy)
}

/// The claims, if signature, application, time and nonce are right.
fn verified(tenant: &Tenant, token: &str) -> Result<Map<String, Value>, &'static str> {
    let unreadable = "It cannot be read.";
    let (signed, signature) = token.rsplit_once('.').ok_or(unreadable)?;
    let (header, payload) = signed.split_once('.').ok_or(unreadable)?;
    let header = members(header).ok_or(unreadable)?;
    let claims = members(payload).ok_or(unreadable)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| unreadable)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err("It is not signed by RS256.");
    }
    let kid = header.get("kid").and_then(Value::as_str);
    let keys = tenant.state().keys.clone();
    let key = keys.iter().find(|key| Some(key.kid.as_str()) == kid);
    let key = key.ok_or("The tenant does not publish the key that it is said to be signed by.")?;
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err("Its signature is not right.");
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("aud") != Some(CLIENT) {
        return Err("It is for another application.");
    }
    if text("nonce") != Some(NONCE) {
        return Err("It answers another request: the nonce is not the one that was sent.");
    }
    if claims.get("exp").and_then(Value::as_i64).unwrap_or(0) <= tenant.now() {
        return Err("It has expired.");
    }
    Ok(claims)
}

fn members(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}
