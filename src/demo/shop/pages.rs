//! The pages of the shop, filled from `pages/*.html`.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use super::Kind;
use super::client::Refusal;
use super::text::{KindTexts, Texts, WayTexts};
use super::visitors::Visitor;
use super::way::{Dialect, Way};

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

/// What only a demo shows: where whoever tries it may look behind the scenes.
#[derive(Clone, Debug)]
pub(super) struct Looking {
    trace: String,
    lookup: String,
}

impl Looking {
    pub(super) fn at(way: &Way, request_id: &str, lookup: &str) -> Self {
        Self {
            trace: format!("{}{request_id}", way.trace),
            lookup: lookup.to_owned(),
        }
    }
}

/// Something the visitor should know.
pub(super) struct Notice {
    title: &'static str,
    text: &'static str,
    /// The way that was tried.
    tried: Option<Dialect>,
    looking: Option<Looking>,
}

impl Notice {
    pub(super) fn plain(title: &'static str, text: &'static str) -> Self {
        Self {
            title,
            text,
            tried: None,
            looking: None,
        }
    }

    /// The same, of a sign-in that was begun.
    pub(super) fn after(self, tried: Dialect, looking: Option<Looking>) -> Self {
        Self {
            tried: Some(tried),
            looking,
            ..self
        }
    }
}

/// A button.
struct Offer<'a> {
    name: &'static str,
    t: &'static WayTexts,
    mailbox: &'a str,
}

#[derive(Template)]
#[template(path = "home.html", config = "src/demo/shop/askama.toml")]
struct Home<'a> {
    frame: &'a Frame<'a>,
    ways: Vec<Offer<'a>>,
    notice: Option<&'a Notice>,
    prices: Prices,
}

#[derive(Template)]
#[template(path = "signed_in.html", config = "src/demo/shop/askama.toml")]
struct SignedIn<'a> {
    frame: &'a Frame<'a>,
    visitor: &'a Visitor,
    platform: &'static str,
    prices: Prices,
}

/// Only customers see them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prices {
    Shown,
    Hidden,
}

impl Prices {
    fn are_shown(self) -> bool {
        self == Self::Shown
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
    tried: Dialect,
    platform: &'static str,
    looking: Option<&'a Looking>,
}

pub(super) fn home<'a>(
    frame: &Frame<'_>,
    ways: impl Iterator<Item = &'a Way>,
    notice: Option<&Notice>,
) -> HttpResponse {
    let offer = |way: &'a Way| Offer {
        name: way.dialect.name(),
        t: frame.t.way(way.dialect),
        mailbox: &way.mailbox,
    };
    let page = Home {
        frame,
        ways: ways.map(offer).collect(),
        notice,
        prices: Prices::Hidden,
    };
    html(StatusCode::OK, &page)
}

pub(super) fn signed_in(frame: &Frame<'_>, visitor: &Visitor) -> HttpResponse {
    let page = SignedIn {
        frame,
        visitor,
        platform: frame.t.way(visitor.dialect).platform,
        prices: match visitor.customer_id.as_str() {
            "" => Prices::Hidden,
            _ => Prices::Shown,
        },
    };
    html(StatusCode::OK, &page)
}

pub(super) fn notice(status: StatusCode, frame: &Frame<'_>, notice: &Notice) -> HttpResponse {
    html(status, &NoticePage { frame, notice })
}

pub(super) fn not_linked(
    frame: &Frame<'_>,
    refusal: &Refusal,
    tried: Dialect,
    looking: Option<&Looking>,
) -> HttpResponse {
    let page = NotLinked {
        frame,
        refusal,
        tried,
        platform: frame.t.way(tried).platform,
        looking,
    };
    html(StatusCode::FORBIDDEN, &page)
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
