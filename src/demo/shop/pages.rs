//! The pages of the shop, filled from `pages/*.html`.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use super::Kind;
use super::client::Refusal;
use super::text::{KindTexts, Texts};
use super::visitors::Visitor;

/// What every page has.
pub(super) struct Frame<'a> {
    pub(super) shop: &'a str,
    pub(super) t: &'static Texts,
    kind: &'static KindTexts,
    colours: &'static str,
}

impl<'a> Frame<'a> {
    pub(super) fn new(shop: &'a str, kind: Kind, t: &'static Texts) -> Self {
        Self {
            shop,
            t,
            kind: t.kind(kind),
            colours: match kind {
                Kind::Business => "business",
                Kind::Consumer => "consumer",
            },
        }
    }
}

/// Something the visitor should know.
pub(super) struct Notice {
    title: &'static str,
    text: &'static str,
}

impl Notice {
    pub(super) fn plain(title: &'static str, text: &'static str) -> Self {
        Self { title, text }
    }
}

#[derive(Template)]
#[template(path = "home.html", config = "src/demo/shop/askama.toml")]
struct Home<'a> {
    frame: &'a Frame<'a>,
    visitor: Option<&'a Visitor>,
    notice: Option<&'a Notice>,
}

impl Home<'_> {
    fn has_number(&self) -> bool {
        self.visitor
            .is_some_and(|visitor| !visitor.customer_id.is_empty())
    }
}

#[derive(Template)]
#[template(path = "notice.html", config = "src/demo/shop/askama.toml")]
struct NoticePage<'a> {
    frame: &'a Frame<'a>,
    notice: &'a Notice,
}

#[derive(Template)]
#[template(path = "not_linked.html", config = "src/demo/shop/askama.toml")]
struct NotLinked<'a> {
    frame: &'a Frame<'a>,
    refusal: &'a Refusal,
}

pub(super) fn home(
    frame: &Frame<'_>,
    visitor: Option<&Visitor>,
    notice: Option<&Notice>,
) -> HttpResponse {
    let page = Home {
        frame,
        visitor,
        notice,
    };
    html(StatusCode::OK, &page)
}

pub(super) fn notice(status: StatusCode, frame: &Frame<'_>, notice: &Notice) -> HttpResponse {
    html(status, &NoticePage { frame, notice })
}

pub(super) fn not_linked(frame: &Frame<'_>, refusal: &Refusal) -> HttpResponse {
    html(StatusCode::FORBIDDEN, &NotLinked { frame, refusal })
}

/// Rendering writes to memory and cannot fail in practice.
fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    let text = page
        .render()
        .unwrap_or_else(|error| format!("The page could not be rendered: {error}"));
    HttpResponse::build(status)
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; \
             frame-ancestors 'none'",
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type("text/html; charset=utf-8")
        .body(text)
}

pub(super) fn see(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "max-age=300"))
        .content_type("text/css; charset=utf-8")
        .body(include_str!("pages/style.css"))
}
