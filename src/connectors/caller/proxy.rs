//! A proxy that ends TLS before us and passes the client's certificate on in a
//! header. Believed from a configured address with a configured secret only.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;

use super::certificate::Peer;
use super::secret::{self, Hashed, SharedSecret};

/// Longer chains mean a mistake, or somebody who wants us to work.
const LONGEST_CHAIN: usize = 8;

/// The proxy in front of us.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Where it calls from.
    pub addresses: Vec<Network>,
    /// The header in which it proves who it is.
    pub secret_header: HeaderName,
    pub secrets: Vec<SharedSecret>,
    /// The header in which it passes the client's certificate.
    pub certificate_header: HeaderName,
}

/// An IP address, or all that begin like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads `10.0.0.5` or `10.0.0.0/24`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|n| (1..=longest).contains(n))?,
            None => longest,
        };
        Some(Self { address, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.prefix
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl Proxy {
    /// Whether the request comes from the proxy itself.
    pub(super) fn speaks(&self, request: &HttpRequest, now: OffsetDateTime) -> bool {
        let from_there = request.peer_addr().is_some_and(|peer| {
            let there = |network: &Network| network.contains(peer.ip());
            self.addresses.iter().any(there)
        });
        let presented = secret::single(request.headers(), &self.secret_header);
        let known: Vec<_> = self.secrets.iter().map(Hashed::from).collect();
        let proved = secret::judge(&known, presented.as_deref().map_err(|r| *r), now);
        from_there && proved.is_ok()
    }

    /// The client that the proxy speaks for. It has checked that the client
    /// holds the key; whom the certificate is accepted for is our affair.
    pub(super) fn certificate(&self, headers: &HeaderMap) -> Peer {
        let mut values = headers.get_all(&self.certificate_header);
        match (values.next(), values.next()) {
            (None, _) => Peer::Nobody,
            (Some(value), None) if value.is_empty() => Peer::Nobody,
            (Some(value), None) => match chain(value.as_bytes()) {
                Some(chain) => Peer::of(&chain),
                None => Peer::Unreadable,
            },
            (Some(_), Some(_)) => Peer::Unreadable,
        }
    }
}

/// A chain as proxies write it: PEM, URL-encoded, one certificate behind the
/// other (nginx `$ssl_client_escaped_cert`, AWS); or DER as base64, separated
/// by commas (HAProxy `ssl_c_der,base64`, Azure, Traefik).
fn chain(value: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let text: Vec<u8> = percent_decode(value).collect();
    let chain: Vec<_> = if text.starts_with(b"-----BEGIN ") {
        CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .ok()?
    } else {
        text.split(|byte| *byte == b',')
            .map(|one| STANDARD.decode(one.trim_ascii()).map(CertificateDer::from))
            .collect::<Result<_, _>>()
            .ok()?
    };
    let is_one = (1..=LONGEST_CHAIN).contains(&chain.len());
    let none_is_empty = chain.iter().all(|certificate| !certificate.is_empty());
    (is_one && none_is_empty).then_some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_or_its_beginning() {
        let cases = [
            ("10.0.0.5", "10.0.0.5", true),
            ("10.0.0.5", "10.0.0.6", false),
            ("10.0.0.5", "::ffff:10.0.0.5", true),
            ("10.0.0.0/24", "10.0.0.255", true),
            ("10.0.0.77/24", "10.0.0.1", true),
            ("10.0.0.0/24", "10.0.1.0", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("fd00::/8", "10.0.0.1", false),
            ("::1", "::1", true),
        ];
        for (network, address, expected) in cases {
            let parsed = Network::parse(network).map(|n| n.contains(address.parse().unwrap()));
            assert_eq!(parsed, Some(expected), "{network} {address}");
        }
        for wrong in [
            "",
            "x",
            "10.0.0.0/33",
            "10.0.0.0/0",
            "10.0.0.0/",
            "::/129",
            "10.0/8",
        ] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn certificates_come_as_pem_or_as_base64_and_garbage_is_none() {
        let pem = "-----BEGIN%20CERTIFICATE-----%0AAQID%0A-----END%20CERTIFICATE-----%0A";
        let two = format!("{pem}{pem}");
        let cases = [
            (pem, Some(1)),
            (two.as_str(), Some(2)),
            ("AQID", Some(1)),
            ("AQID,AQID", Some(2)),
            // `+` is a digit of base64, no blank.
            ("+/+/", Some(1)),
            ("%2B/%2B/", Some(1)),
            ("AQ!", None),
            ("AQID,", None),
            ("AQID,AQID,AQID,AQID,AQID,AQID,AQID,AQID,AQID", None),
            ("-----BEGIN%20CERTIFICATE-----%0AAQ", None),
            ("%FF%FE", None),
        ];
        for (value, expected) in cases {
            assert_eq!(
                chain(value.as_bytes()).map(|c| c.len()),
                expected,
                "{value}"
            );
        }
    }
}
