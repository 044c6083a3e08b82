//! The pages a person sees, filled from `pages/*.html`.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::{StatusCode, header},
};
use askama::Template;

use super::{
    engine::context::Context,
    state::{Mail, Tenant},
    text::Texts,
};

/// What every page has.
pub(super) struct Frame<'a> {
    pub(super) lang: &'static str,
    pub(super) t: &'static Texts,
    pub(super) tenant: &'a str,
    /// The journey that it is a page of, where it ended one.
    pub(super) journey: Option<&'a str>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(tenant: &'a Tenant, tag: &str) -> Self {
        let (lang, t) = Texts::for_tag(tag);
        Self {
            lang,
            t,
            tenant: &tenant.domain,
            journey: None,
        }
    }

    /// The same of a page that a journey ended on.
    fn after(self, context: &'a Context) -> Self {
        Self {
            journey: Some(&context.journey_id),
            ..self
        }
    }
}

#[derive(Template)]
#[template(path = "block.html", config = "src/emulator/askama.toml")]
struct Block<'a> {
    frame: Frame<'a>,
    title: &'a str,
    message: &'a str,
}

#[derive(Template)]
#[template(path = "technical.html", config = "src/emulator/askama.toml")]
struct Technical<'a> {
    frame: Frame<'a>,
    code: &'a str,
    text: &'a str,
    details: &'a str,
}

#[derive(Template)]
#[template(path = "signed_out.html", config = "src/emulator/askama.toml")]
struct SignedOut<'a> {
    frame: Frame<'a>,
}

#[derive(Template)]
#[template(path = "form_post.html", config = "src/emulator/askama.toml")]
struct FormPost<'a> {
    redirect_uri: &'a str,
    parameters: &'a [(String, String)],
}

#[derive(Template)]
#[template(path = "mailbox.html", config = "src/emulator/askama.toml")]
struct Mailbox<'a> {
    frame: Frame<'a>,
    mails: &'a [Mail],
}

pub(super) const STYLE: &str = include_str!("pages/style.css");

/// A page's text. Rendering writes to memory and cannot fail in practice.
pub(super) fn render(page: &impl Template) -> String {
    page.render()
        .unwrap_or_else(|error| format!("The page could not be rendered: {error}"))
}

pub(super) fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; \
             frame-ancestors 'none'",
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type("text/html; charset=utf-8")
        .body(page)
}

/// Where a journey ended because somebody said so.
pub(super) fn block(
    tenant: &Tenant,
    context: &Context,
    title: Option<&str>,
    message: &str,
) -> String {
    let frame = Frame::new(tenant, &context.tag).after(context);
    let title = title.unwrap_or(frame.t.blocked);
    render(&Block {
        frame,
        title,
        message,
    })
}

pub(super) fn technical(
    status: StatusCode,
    tenant: &Tenant,
    tag: &str,
    description: &str,
) -> HttpResponse {
    html(status, technical_page(Frame::new(tenant, tag), description))
}

/// Where a journey ended because something went wrong.
pub(super) fn broken_off(tenant: &Tenant, context: &Context, description: &str) -> String {
    let frame = Frame::new(tenant, &context.tag).after(context);
    technical_page(frame, description)
}

/// `description` is "CODE: text", then lines of details.
fn technical_page(frame: Frame<'_>, description: &str) -> String {
    let (first, details) = description.split_once("\r\n").unwrap_or((description, ""));
    let (code, text) = first.split_once(": ").unwrap_or(("", first));
    render(&Technical {
        frame,
        code,
        text,
        details,
    })
}

pub(super) fn signed_out(tenant: &Tenant, tag: &str) -> HttpResponse {
    let frame = Frame::new(tenant, tag);
    html(StatusCode::OK, render(&SignedOut { frame }))
}

pub(super) fn mailbox(tenant: &Tenant, tag: &str, mails: &[Mail]) -> HttpResponse {
    let frame = Frame::new(tenant, tag);
    html(StatusCode::OK, render(&Mailbox { frame, mails }))
}

/// The one page with a script: it sends itself. Without scripts there is a
/// button.
pub(super) fn form_post(redirect_uri: &str, parameters: &[(String, String)]) -> HttpResponse {
    let page = FormPost {
        redirect_uri,
        parameters,
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(render(&page))
}

/// What a tenant whose journey broke sends in place of anything else, with
/// HTTP 200.
pub(super) fn broken_journey() -> String {
    "<!DOCTYPE html><html lang=\"en\"><head><title>Error</title><script>var GLOBALEX = \
     {\"Detail\":\"AADB2C: An exception has occurred. Correlation ID: \
     00000000-0000-0000-0000-000000000000\"};</script></head><body>The page cannot be displayed \
     because an internal server error has occurred.</body></html>"
        .to_owned()
}

pub(super) fn see(location: &str) -> HttpResponse {
    // A header cannot carry every character; those that it cannot are escaped.
    let location: String = location
        .chars()
        .map(|c| match c {
            c if c.is_ascii_graphic() => c.to_string(),
            c => url::form_urlencoded::byte_serialize(c.to_string().as_bytes()).collect(),
        })
        .collect();
    HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// Cookies of `localhost` are shared by all its ports, so that the tenant is
/// part of their names.
fn cookie_name(tenant: &Tenant, name: &str) -> String {
    let id = tenant.id.simple().to_string();
    format!("mock-b2c-{}-{name}", id.get(..8).unwrap_or_default())
}

pub(super) fn cookie(tenant: &Tenant, request: &HttpRequest, name: &str) -> Option<String> {
    let cookie = request.cookie(&cookie_name(tenant, name))?;
    let value = cookie.value();
    let is_ours = value.len() == 43
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    is_ours.then(|| value.to_owned())
}

/// The session from now on.
#[derive(Clone)]
pub(super) struct SessionCookie {
    pub(super) id: String,
    /// Seconds after which a browser forgets it; none: when it is closed.
    pub(super) kept_for: Option<i64>,
}

pub(super) fn set_session(tenant: &Tenant, response: &mut HttpResponse, session: &SessionCookie) {
    let mut cookie = baked(tenant, "sso", &session.id);
    if let Some(seconds) = session.kept_for {
        cookie.set_max_age(Duration::seconds(seconds));
    }
    add_cookie(response, &cookie);
}

pub(super) fn set_cookie(tenant: &Tenant, response: &mut HttpResponse, name: &str, value: &str) {
    add_cookie(response, &baked(tenant, name, value));
}

pub(super) fn drop_cookie(tenant: &Tenant, response: &mut HttpResponse, name: &str) {
    let mut cookie = baked(tenant, name, "");
    cookie.make_removal();
    add_cookie(response, &cookie);
}

fn baked(tenant: &Tenant, name: &str, value: &str) -> Cookie<'static> {
    Cookie::build(cookie_name(tenant, name), value.to_owned())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(tenant.base_url.starts_with("https:"))
        .finish()
}

/// Names and values are our own plain characters, so a header takes them.
fn add_cookie(response: &mut HttpResponse, cookie: &Cookie<'_>) {
    if let Err(error) = response.add_cookie(cookie) {
        tracing::error!(%error, "emulator: a cookie could not be set");
    }
}
