//! Calling out as the platform does: a time limit for each try, one more try
//! with the same bytes, and what came back.

use std::{fmt, time::Duration};

use actix_web::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{names, settings::RetryOn};

/// No limit is documented; this one keeps the mock's memory bounded.
const MAX_REPLY: usize = 1024 * 1024;

/// A request as it leaves the platform, the same at each try.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<Vec<u8>>,
}

pub(super) type Header = (String, String);

pub(super) fn json_content_type() -> Header {
    ("Content-Type".to_owned(), "application/json".to_owned())
}

pub(super) fn basic(username: &str, password: &str) -> Header {
    let encoded = STANDARD.encode(format!("{username}:{password}"));
    ("Authorization".to_owned(), format!("Basic {encoded}"))
}

pub(super) fn bearer(token: &str) -> Header {
    ("Authorization".to_owned(), format!("Bearer {token}"))
}

/// How long and how often a call is tried.
pub(super) struct Patience<'a> {
    pub(super) limit_ms: u64,
    pub(super) retries: u32,
    /// Which failures are tried once more.
    pub(super) retry_on: &'a [RetryOn],
}

impl Patience<'_> {
    fn tries_again_after(&self, exchange: &Exchange) -> bool {
        match exchange {
            Exchange::TimedOut { .. } => self.retry_on.contains(&RetryOn::Timeout),
            Exchange::NotConnected { .. } | Exchange::NotResolved { .. } => {
                self.retry_on.contains(&RetryOn::Connect)
            }
            Exchange::Reply { status, .. } => {
                *status >= 500 && self.retry_on.contains(&RetryOn::ServerError)
            }
            Exchange::Broken | Exchange::TooLong => false,
        }
    }
}

/// How a call went.
pub(super) struct Call {
    pub(super) attempts: u32,
    pub(super) took: Duration,
    pub(super) exchange: Exchange,
}

impl Call {
    /// For want of what it takes to place it.
    pub(super) fn not_placed() -> Self {
        Self {
            attempts: 0,
            took: Duration::ZERO,
            exchange: Exchange::Broken,
        }
    }
}

/// What came back from the last attempt.
#[derive(Clone, Debug)]
pub(super) enum Exchange {
    Reply {
        status: u16,
        content_type: Option<String>,
        body: Vec<u8>,
    },
    TimedOut {
        limit_ms: u64,
    },
    NotConnected {
        limit_ms: u64,
    },
    /// The host's name is not known.
    NotResolved {
        limit_ms: u64,
    },
    /// The connection broke, or the reply was no HTTP.
    Broken,
    TooLong,
}

impl Exchange {
    /// None when there was no reply.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Reply { status, .. } => Some(*status),
            Self::TimedOut { .. }
            | Self::NotConnected { .. }
            | Self::NotResolved { .. }
            | Self::Broken
            | Self::TooLong => None,
        }
    }
}

/// What happens to one attempt besides what the network does.
pub(super) struct Treatment {
    /// Counts against the time limit.
    pub(super) latency: Duration,
    pub(super) way: Way,
}

pub(super) enum Way {
    /// To where it is addressed.
    Own,
    To(String),
    /// Nowhere: this came back.
    Nowhere(Exchange),
}

impl Treatment {
    pub(super) fn none() -> Self {
        Self {
            latency: Duration::ZERO,
            way: Way::Own,
        }
    }
}

impl Outgoing {
    pub(super) async fn place(&self, http: &reqwest::Client, patience: &Patience<'_>) -> Call {
        self.place_treated(http, patience, Treatment::none).await
    }

    /// Asks `treatment` before each attempt.
    pub(super) async fn place_treated(
        &self,
        http: &reqwest::Client,
        patience: &Patience<'_>,
        mut treatment: impl FnMut() -> Treatment + Send,
    ) -> Call {
        let started = Instant::now();
        let mut attempts = 1;
        let mut exchange = self.treated(http, patience.limit_ms, treatment()).await;
        while attempts <= patience.retries && patience.tries_again_after(&exchange) {
            attempts += 1;
            exchange = self.treated(http, patience.limit_ms, treatment()).await;
        }
        Call {
            attempts,
            took: started.elapsed(),
            exchange,
        }
    }

    async fn treated(
        &self,
        http: &reqwest::Client,
        limit_ms: u64,
        treatment: Treatment,
    ) -> Exchange {
        let limit = Duration::from_millis(limit_ms);
        let latency = treatment.latency.min(limit);
        if latency > Duration::ZERO {
            tokio::time::sleep(latency).await;
        }
        if latency == limit {
            return Exchange::TimedOut { limit_ms };
        }
        match &treatment.way {
            Way::Own => self.attempt(http, &self.url, limit_ms, latency).await,
            Way::To(url) => self.attempt(http, url, limit_ms, latency).await,
            Way::Nowhere(exchange) => exchange.clone(),
        }
    }

    async fn attempt(
        &self,
        http: &reqwest::Client,
        url: &str,
        limit_ms: u64,
        waited: Duration,
    ) -> Exchange {
        let mut request = http
            .request(self.method.clone(), url)
            .timeout(Duration::from_millis(limit_ms).saturating_sub(waited));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        match request.send().await {
            Ok(reply) => match read(reply).await {
                Ok(exchange) => exchange,
                Err(error) => failed(&error, limit_ms),
            },
            Err(error) => failed(&error, limit_ms),
        }
    }
}

fn failed(error: &reqwest::Error, limit_ms: u64) -> Exchange {
    match (error.is_timeout(), error.is_connect()) {
        (true, _) => Exchange::TimedOut { limit_ms },
        (false, true) if names::is_unresolved(error) => Exchange::NotResolved { limit_ms },
        (false, true) => Exchange::NotConnected { limit_ms },
        (false, false) if error.is_builder() => Exchange::NotConnected { limit_ms },
        (false, false) => Exchange::Broken,
    }
}

async fn read(mut reply: reqwest::Response) -> Result<Exchange, reqwest::Error> {
    let status = reply.status().as_u16();
    let content_type = reply
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_REPLY {
            return Ok(Exchange::TooLong);
        }
    }
    Ok(Exchange::Reply {
        status,
        content_type,
        body,
    })
}

/// A content type without its parameters, in lower case.
pub(super) fn media_type(content_type: Option<&str>) -> Option<String> {
    let essence = content_type?.split(';').next()?;
    Some(essence.trim().to_ascii_lowercase())
}

/// A status as error texts name it: `NotFound` and `Not Found`.
pub(super) struct StatusName {
    pub(super) code: String,
    pub(super) reason: &'static str,
}

impl StatusName {
    pub(super) fn of(status: u16) -> Self {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Unknown");
        Self {
            code: reason.chars().filter(char::is_ascii_alphanumeric).collect(),
            reason,
        }
    }
}

/// A JSON object that remembers which names it held twice.
pub(super) struct Members {
    pub(super) members: Map<String, Value>,
    pub(super) repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        let mut repeated = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name.clone(), value).is_some() {
                repeated.push(name);
            }
        }
        Ok(Members { members, repeated })
    }
}
