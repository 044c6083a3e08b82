//! Microsoft Graph: one request at a time, and what its answer means.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Host, Url};

/// A policy may have a megabyte; lists of connectors are short.
const LARGEST_ANSWER: usize = 8 << 20;

/// As much of an answer as is told when it is not Graph's.
const TOLD: usize = 500;

/// The same of Graph's own words: B2C lists all that it finds in a policy.
const TOLD_BY_GRAPH: usize = 8_000;

/// What stands where a secret was sent back to us.
const HIDDEN: &str = "[hidden]";

/// Graph and the right to change a tenant.
pub struct Graph {
    http: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    authorization: HeaderValue,
    token: SecretString,
    /// For one answer: checking a policy takes B2C some seconds.
    limit: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("{0} is no address of the form https://host")]
    Malformed(String),
    #[error("{0}: a token is sent over https only, except to this machine")]
    Insecure(String),
    #[error("the token has a character that no header can carry: set IDLINK_GRAPH_TOKEN again")]
    Token,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Graph understood and said no: asking again changes nothing.
    #[error("{0}")]
    Refused(Refusal),
    /// It may be different a little later.
    #[error("{refusal}")]
    Busy {
        refusal: Refusal,
        /// When Graph wants to be asked again.
        after: Option<Duration>,
    },
    /// Nobody knows whether it was done.
    #[error("{0}")]
    Lost(String),
    /// It answered, but not as Graph does.
    #[error("{0}")]
    Strange(String),
}

/// Graph's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: Option<String>,
    pub message: String,
    /// How many letters of the message are told. What is in it is hidden before
    /// it is cut: half a secret is one, too.
    most: usize,
    /// What Microsoft's support asks for.
    pub request_id: Option<String>,
}

/// Where Graph keeps what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    New,
    Old,
}

pub(super) enum Payload<'a> {
    None,
    Json(&'a Value),
    Xml(&'a [u8]),
}

pub(super) struct Answer {
    pub(super) made: Made,
    pub(super) body: Vec<u8>,
}

impl Graph {
    /// `http` must not follow redirects: they would take the token along.
    pub fn new(
        http: reqwest::Client,
        base: &str,
        token: &SecretString,
        limit: Duration,
    ) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(base.to_owned());
        let url = Url::parse(base).map_err(|_| malformed())?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !is_plain || url.query().is_some() || url.fragment().is_some() || !url.has_host() {
            // Without what may be a password in it.
            return Err(AddressError::Malformed("the address of Graph".to_owned()));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&url) => {}
            "http" => return Err(AddressError::Insecure(base.to_owned())),
            _ => return Err(malformed()),
        }
        let bearer = format!("Bearer {}", token.expose_secret().trim());
        let mut authorization = HeaderValue::from_str(&bearer).map_err(|_| AddressError::Token)?;
        authorization.set_sensitive(true);
        Ok(Self {
            http,
            base: url.as_str().trim_end_matches('/').to_owned(),
            authorization,
            token: SecretString::from(token.expose_secret().trim()),
            limit,
        })
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// What stands at `path`; `None` if nothing does.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, GraphError> {
        match self.send(Method::GET, path, Payload::None).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(GraphError::Refused(refusal)) if refusal.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn read_json(&self, path: &str) -> Result<Option<Value>, GraphError> {
        let body = self.read(path).await?;
        body.map(|body| parse(&body)).transpose()
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        payload: Payload<'_>,
    ) -> Result<Answer, GraphError> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
            .timeout(self.limit);
        let request = match payload {
            Payload::None => request,
            Payload::Json(body) => request.json(body),
            Payload::Xml(body) => request
                .header(CONTENT_TYPE, "application/xml")
                .body(body.to_vec()),
        };
        let lost = |error: reqwest::Error| GraphError::Lost(self.unreached(&error));
        let mut response = request.send().await.map_err(lost)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                let told = "Graph's answer is larger than any it gives";
                return Err(GraphError::Strange(told.to_owned()));
            }
        }
        judge(status, &headers, body, SystemTime::now()).map_err(|error| error.without(&self.token))
    }

    /// Without the address's path, which is of no use to whoever reads it.
    fn unreached(&self, error: &reqwest::Error) -> String {
        let base = &self.base;
        if error.is_timeout() {
            format!("no answer from {base} within {} s", self.limit.as_secs())
        } else if error.is_connect() {
            format!("{base} cannot be reached")
        } else {
            format!("the connection to {base} was lost")
        }
    }
}

fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    body: Vec<u8>,
    now: SystemTime,
) -> Result<Answer, GraphError> {
    if status.is_success() {
        // A portal that stands before Graph, or another host's greeting.
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html")) {
            let told = "a web page answers instead of Graph: check the address";
            return Err(GraphError::Strange(told.to_owned()));
        }
        let made = match status {
            StatusCode::CREATED => Made::New,
            _ => Made::Old,
        };
        return Ok(Answer { made, body });
    }
    let refusal = refusal(status, headers, &body);
    Err(match status {
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => GraphError::Busy {
            refusal,
            after: retry_after(headers, now),
        },
        status if status.is_redirection() => GraphError::Strange(format!(
            "Graph redirects ({}), and the token is not taken elsewhere: check the address",
            status.as_u16()
        )),
        _ => GraphError::Refused(refusal),
    })
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let error = &value["error"];
    // Where the part behind Graph answers itself, there is only "message".
    let message = text(&error["message"]).or_else(|| text(&value["message"]));
    let message = message.filter(|message| !message.trim().is_empty());
    let of_header = || {
        let id = headers.get("request-id")?;
        id.to_str().ok().map(str::to_owned)
    };
    Refusal {
        status: status.as_u16(),
        code: text(&error["code"]),
        most: message.as_ref().map_or(TOLD, |_| TOLD_BY_GRAPH),
        message: message.unwrap_or_else(|| {
            let whole = String::from_utf8_lossy(body);
            match whole.trim() {
                "" => status.canonical_reason().unwrap_or("no reason").to_owned(),
                whole => whole.to_owned(),
            }
        }),
        request_id: text(&error["innerError"]["request-id"]).or_else(of_header),
    }
}

impl GraphError {
    /// Hides a secret that an answer repeats, as pages for developers do.
    pub(super) fn without(mut self, secret: &SecretString) -> Self {
        let secret = secret.expose_secret();
        if secret.is_empty() {
            return self;
        }
        let hide = |text: &mut String| {
            if text.contains(secret) {
                *text = text.replace(secret, HIDDEN);
            }
        };
        match &mut self {
            Self::Refused(refusal) | Self::Busy { refusal, .. } => {
                hide(&mut refusal.message);
                refusal.code.iter_mut().for_each(hide);
                refusal.request_id.iter_mut().for_each(hide);
            }
            Self::Lost(text) | Self::Strange(text) => hide(text),
        }
        self
    }
}

/// Seconds, or a date (RFC 9110, 10.2.3). More seconds than a number holds are
/// many.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let format = time::format_description::well_known::Rfc2822;
    let date = text
        .strip_suffix("GMT")
        .map(|text| format!("{text}+0000"))?;
    let date = time::OffsetDateTime::parse(&date, &format).ok()?;
    let wait = SystemTime::from(date).duration_since(now);
    Some(wait.unwrap_or(Duration::ZERO))
}

pub(super) fn parse(body: &[u8]) -> Result<Value, GraphError> {
    serde_json::from_slice(body)
        .map_err(|_| GraphError::Strange("Graph's answer is no JSON: check the address".to_owned()))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn begin(text: &str, most: usize) -> &str {
    let end = text
        .char_indices()
        .nth(most)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = begin(&self.message, self.most);
        let more = if message.len() < self.message.len() {
            "…"
        } else {
            ""
        };
        write!(f, "{message}{more} ({}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {}", begin(code, TOLD))?;
        }
        write!(f, ")")?;
        match &self.request_id {
            Some(id) => write!(f, ", request {}", begin(id, TOLD)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(base: &str) -> Result<Graph, AddressError> {
        let token = SecretString::from("secret-token");
        let limit = Duration::from_secs(1);
        Graph::new(reqwest::Client::new(), base, &token, limit)
    }

    #[test]
    fn a_token_goes_over_https_or_stays_on_this_machine() {
        for base in [
            "https://graph.microsoft.com/",
            "http://127.0.0.1:80",
            "http://localhost:1",
            "http://[::1]:9",
        ] {
            assert!(graph(base).is_ok(), "{base}");
        }
        for base in [
            "http://graph.microsoft.com",
            "http://localhost.evil.example",
            "ftp://localhost",
            "graph.microsoft.com",
            "https://user:hunter2@graph.microsoft.com",
            "https://graph.microsoft.com/?a=b",
        ] {
            let Err(error) = graph(base) else {
                panic!("{base} was taken");
            };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn graphs_words_are_kept() {
        let body = r#"{"error": {"code": "AADB2C", "message": "Validation failed", "innerError": {"request-id": "a1"}}}"#;
        let error = judge(
            StatusCode::BAD_REQUEST,
            &HeaderMap::new(),
            body.as_bytes().to_vec(),
            SystemTime::now(),
        );
        let Err(GraphError::Refused(refused)) = error else {
            panic!("a refusal is one");
        };
        assert_eq!(
            refused.to_string(),
            "Validation failed (400 AADB2C), request a1"
        );
        for (body, expected) in [
            ("", "Forbidden"),
            ("<html>no</html>", "<html>no</html>"),
            ("{\"message\": \"x\"}", "x"),
        ] {
            let refusal = refusal(StatusCode::FORBIDDEN, &HeaderMap::new(), body.as_bytes());
            assert_eq!(refusal.message, expected);
        }
    }

    #[test]
    fn a_secret_that_comes_back_is_hidden_before_it_is_cut() {
        let long = "x".repeat(TOLD - 3);
        let body = format!("{long}secret-token {}", "y".repeat(5_000));
        let headers = HeaderMap::new();
        let refused = judge(
            StatusCode::BAD_REQUEST,
            &headers,
            body.into_bytes(),
            SystemTime::now(),
        );
        let Err(error) = refused else {
            panic!("a refusal is one");
        };
        let told = error
            .without(&SecretString::from("secret-token"))
            .to_string();
        assert_eq!(told, format!("{long}[hi… (400)"));
        let message = "é".repeat(TOLD_BY_GRAPH + 1);
        let body = serde_json::json!({"error": {"message": message}}).to_string();
        let refusal = refusal(StatusCode::BAD_REQUEST, &headers, body.as_bytes());
        let told = format!("{}… (400)", "é".repeat(TOLD_BY_GRAPH));
        assert_eq!(refusal.to_string(), told);
    }

    #[test]
    fn a_fault_at_graphs_side_may_be_gone_a_little_later() {
        for (status, is_busy) in [
            (400, false),
            (408, true),
            (500, true),
            (501, false),
            (502, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = judge(status, &HeaderMap::new(), Vec::new(), SystemTime::now());
            let found = matches!(answer, Err(GraphError::Busy { .. }));
            assert_eq!(found, is_busy, "{status}");
        }
    }

    #[test]
    fn graph_says_when_to_ask_again() {
        let now = time::macros::datetime!(2026-11-21 08:49:37 UTC).into();
        let after = |text| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            retry_after(&headers, now)
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        let endless = after("99999999999999999999999");
        assert_eq!(endless, Some(Duration::from_secs(u64::MAX)));
        assert_eq!(
            after("Sat, 21 Nov 2026 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(after("Sat, 21 Nov 2026 08:49:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }
}
