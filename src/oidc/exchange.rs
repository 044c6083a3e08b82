//! One request to a tenant: allowed hosts only, bounded in time and size.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{NoProxy, Proxy, RequestBuilder, StatusCode, redirect};
use url::{Host, Url};

use super::ProviderError;

/// Metadata, keys and token answers measure a few kilobytes.
const LARGEST_ANSWER: usize = 256 * 1024;

/// For metadata and keys, which a person may be waiting for.
const DOCUMENT_LIMIT: Duration = Duration::from_secs(4);

/// The client for all calls to tenants: redirects off, because a redirect
/// could lead to a host that nobody allowed.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(10))
        .user_agent(concat!("idlink/", env!("CARGO_PKG_VERSION")))
        // Its own reading of the environment would send what is meant for
        // this machine, over plain HTTP and with secrets in it, to a proxy.
        .no_proxy();
    match proxy() {
        // Without the address, which may hold a password.
        Some(proxy) => client.proxy(proxy.map_err(reqwest::Error::without_url)?),
        None => client,
    }
    .build()
}

/// The proxy that the environment names for https, the usual way. Plain HTTP
/// never leaves this machine ([`is_guarded`]), and neither does what is called
/// by this machine's own name.
fn proxy() -> Option<Result<Proxy, reqwest::Error>> {
    let named = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let address = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .find_map(named)?;
    let exceptions = ["NO_PROXY", "no_proxy"].into_iter().find_map(named);
    let exceptions = exceptions.unwrap_or_default();
    let without = NoProxy::from_string(&format!("localhost,127.0.0.0/8,::1,{exceptions}"));
    Some(Proxy::https(address).map(|proxy| proxy.no_proxy(without)))
}

/// The hosts, with their ports, that a tenant's documents may send us to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AllowedHosts(BTreeSet<(String, u16)>);

impl AllowedHosts {
    /// Those of `urls` and `extra`; the latter are `host` or `host:port`.
    pub(super) fn new<'a>(urls: impl Iterator<Item = &'a str>, extra: &[String]) -> Self {
        let of_urls = urls.filter_map(|url| authority(&Url::parse(url).ok()?));
        let of_names = extra
            .iter()
            .filter_map(|name| authority(&Url::parse(&format!("https://{name}/")).ok()?));
        Self(of_urls.chain(of_names).collect())
    }

    /// Reads an address that a tenant's document names.
    ///
    /// The document decides where we send a client's secret and whose keys we
    /// believe, so it may only name hosts that the settings know (SSRF), over
    /// https unless the host is this machine.
    pub(super) fn endpoint(&self, text: &str, member: &'static str) -> Result<Url, ProviderError> {
        let url = Url::parse(text).map_err(|_| ProviderError::Malformed {
            what: "metadata document",
            why: "an endpoint is no URL",
        })?;
        let known = authority(&url).is_some_and(|authority| self.0.contains(&authority));
        if known && is_guarded(&url) {
            Ok(url)
        } else {
            Err(ProviderError::ForbiddenHost { member })
        }
    }
}

/// Whether nobody on the way can read or change what is sent to `url`.
pub(super) fn is_guarded(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn authority(url: &Url) -> Option<(String, u16)> {
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// What a tenant answered.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answered {
    /// B2C answers a broken journey with status 200 and a page in HTML, even
    /// at the token endpoint, so that the status alone says nothing.
    pub(super) fn is_json(&self) -> bool {
        let essence = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    }
}

/// Fetches a JSON document; `what` it is stands in the error.
pub(super) async fn document(
    http: &reqwest::Client,
    url: Url,
    what: &'static str,
) -> Result<Vec<u8>, ProviderError> {
    let request = http.get(url).header(ACCEPT, "application/json");
    let answered = send(request, DOCUMENT_LIMIT).await?;
    match answered.status {
        StatusCode::OK if answered.is_json() => Ok(answered.body),
        StatusCode::OK => Err(ProviderError::Malformed {
            what,
            why: "it is not sent as JSON",
        }),
        status => Err(ProviderError::Refused {
            status: status.as_u16(),
        }),
    }
}

/// Sends `request` and reads the whole answer within `limit`.
pub(super) async fn send(
    request: RequestBuilder,
    limit: Duration,
) -> Result<Answered, ProviderError> {
    tokio::time::timeout(limit, receive(request))
        .await
        .unwrap_or(Err(ProviderError::Unreachable {
            why: "no complete answer in time",
        }))
}

async fn receive(request: RequestBuilder) -> Result<Answered, ProviderError> {
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(ProviderError::Malformed {
                what: "answer",
                why: "it is larger than 256 KiB",
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        body,
    })
}

/// Without the error's own text: it holds the URL, and with it a query.
fn unreachable(error: reqwest::Error) -> ProviderError {
    let why = if error.is_timeout() {
        "no complete answer in time"
    } else if error.is_connect() {
        "no connection (name, network, or certificate)"
    } else {
        "the connection broke"
    };
    ProviderError::Unreachable { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_may_only_name_known_hosts_over_https() {
        let allowed = AllowedHosts::new(
            ["https://login.example/x/", "http://127.0.0.1:8080/y"].into_iter(),
            &["keys.example".to_owned(), "alt.example:8443".to_owned()],
        );
        let cases = [
            ("https://login.example/keys", true, "issuer's host"),
            ("https://LOGIN.example/keys", true, "host in capitals"),
            ("https://login.example:443/keys", true, "the default port"),
            ("https://keys.example/keys", true, "an extra host"),
            (
                "https://alt.example:8443/keys",
                true,
                "an extra host and port",
            ),
            ("http://127.0.0.1:8080/keys", true, "this machine"),
            ("http://login.example/keys", false, "plain http"),
            ("https://login.example:8443/keys", false, "another port"),
            (
                "https://alt.example/keys",
                false,
                "an extra host, other port",
            ),
            ("http://127.0.0.1:5432/", false, "another local service"),
            ("https://127.0.0.1/", false, "this machine, other port"),
            (
                "https://169.254.169.254/latest/meta-data",
                false,
                "cloud metadata",
            ),
            (
                "https://login.example.evil.example/",
                false,
                "host as a prefix",
            ),
            (
                "https://evil.example/login.example",
                false,
                "host in the path",
            ),
            (
                "https://login.example@evil.example/",
                false,
                "host as a user",
            ),
            ("https://u:p@login.example/", false, "credentials"),
            ("https://login.example./", false, "trailing dot"),
            ("file:///etc/passwd", false, "a file"),
            ("ftp://login.example/", false, "another scheme"),
            ("//login.example/keys", false, "no scheme"),
            ("", false, "nothing"),
        ];
        for (url, expected, why) in cases {
            assert_eq!(
                allowed.endpoint(url, "jwks_uri").is_ok(),
                expected,
                "{why}: {url}"
            );
        }
    }
}
