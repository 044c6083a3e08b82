//! `[server]`: where we listen, and as whom.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::address;
use super::reader::Section;

/// After the drain come up to 20 s for requests and the writes behind them,
/// and all of it ends within 30 s.
const LONGEST_DRAIN_SECONDS: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub listen: SocketAddr,
    pub management_listen: SocketAddr,
    /// Where the world reaches us; `None`: at `listen`.
    pub public_url: Option<Url>,
    /// How long a load balancer is given to notice that we leave.
    pub drain: Duration,
    /// Threads that answer requests; `None`: one a core.
    pub workers: Option<usize>,
    pub tls: Option<Tls>,
}

/// Certificate chain and key, as PEM files. Read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            management_listen: (Ipv4Addr::LOCALHOST, 8081).into(),
            public_url: None,
            drain: Duration::from_secs(5),
            workers: None,
            tls: None,
        }
    }
}

impl Server {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let default = Self::default();
        let tls_section = section.section("tls");
        let listen = section.parsed("listen", address::socket);
        let management = section.parsed("management_listen", address::socket);
        for address in [&listen, &management].into_iter().flatten() {
            if !tls_section.is_given() && !address.value.ip().is_loopback() {
                section.problem_at(
                    &address.place,
                    "must be a loopback address such as 127.0.0.1, or [server.tls] must be given: \
                     plain HTTP never leaves this machine",
                );
            }
        }
        let server = Self {
            listen: listen.map_or(default.listen, |listen| listen.value),
            management_listen: management
                .as_ref()
                .map_or(default.management_listen, |listen| listen.value),
            public_url: section
                .parsed("public_url", public_url)
                .map(|url| url.value),
            drain: section
                .whole("drain_seconds", 0..=LONGEST_DRAIN_SECONDS)
                .map_or(default.drain, |seconds| {
                    Duration::from_secs(u64::from(seconds.value))
                }),
            workers: section
                .whole("workers", 1..=256)
                .and_then(|workers| usize::try_from(workers.value).ok()),
            tls: Tls::read(&tls_section),
        };
        if server.listen == server.management_listen && server.listen.port() != 0 {
            let place = management.map_or_else(|| section.place.clone(), |found| found.place);
            section.problem_at(
                &place,
                "`listen` and `management_listen` must not be the same address",
            );
        }
        server
    }
}

impl Tls {
    fn read(section: &Section<'_>) -> Option<Self> {
        let certificate = section.required_path("certificate");
        let private_key = section.required_path("private_key");
        Some(Self {
            certificate: certificate?,
            private_key: private_key?,
        })
    }
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = address::secure_url(text)?;
    if url.path() != "/" || url.query().is_some() {
        return Err("must be scheme and host only, such as https://idlink.example.com".to_owned());
    }
    Ok(url)
}
