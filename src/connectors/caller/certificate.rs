//! Client certificates: pinned by their SHA-256, or issued by a private
//! authority. Judged at every request, against the settings of that moment,
//! because a connection outlives both.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime, pem};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::roster::{Reason, Verdict};

/// SHA-256 of a certificate as it is on the wire (DER).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(certificate: &[u8]) -> Self {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
        Self(fingerprint)
    }

    /// Reads 64 hexadecimal digits, with colons or not, as `openssl x509
    /// -fingerprint -sha256` writes them.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u32> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16))
            .collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| u8::try_from(pair[0] << 4 | pair[1]))
            .collect::<Result<_, _>>()
            .ok()?;
        let whole = digits.len().is_multiple_of(2);
        bytes.try_into().ok().filter(|_| whole).map(Self)
    }
}

/// A certificate, or some, that a tenant's connector may present.
#[derive(Clone, Debug)]
pub struct CertificateCredential {
    pub accepted: Accepted,
    /// Refused from then on, whatever the certificate itself says.
    pub not_after: Option<OffsetDateTime>,
}

#[derive(Clone, Debug)]
pub enum Accepted {
    /// This one.
    Pinned(Fingerprint),
    /// Every one that the authority issued; with a name, only those for it.
    IssuedBy(Authority, Option<String>),
}

/// A private certificate authority. Cheap to clone.
#[derive(Clone)]
pub struct Authority {
    verifier: Arc<dyn ClientCertVerifier>,
    certificates: Vec<Fingerprint>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority")
            .field(&self.certificates)
            .finish()
    }
}

/// Two are the same when they are the same certificates.
impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates
    }
}

/// Why a file names no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is no PEM file with the certificate of an authority", .0.display())]
    NotPem(PathBuf),
    #[error("{} holds a certificate that cannot be used as an authority: {reason}", .path.display())]
    Unusable { path: PathBuf, reason: String },
}

impl Authority {
    /// Reads the authority's certificate, or several while it is replaced.
    pub fn load(path: &Path) -> Result<Self, AuthorityError> {
        let found = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| match error {
                pem::Error::Io(source) => AuthorityError::Unreadable {
                    path: path.to_owned(),
                    source,
                },
                // The parser's own words may quote the file.
                _ => AuthorityError::NotPem(path.to_owned()),
            })?;
        if found.is_empty() {
            return Err(AuthorityError::NotPem(path.to_owned()));
        }
        Self::new(&found).map_err(|reason| AuthorityError::Unusable {
            path: path.to_owned(),
            reason,
        })
    }

    fn new(certificates: &[CertificateDer<'static>]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots
                .add(certificate.clone())
                .map_err(|error| error.to_string())?;
        }
        let provider = Arc::new(provider::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| error.to_string())?;
        let mut fingerprints: Vec<_> = certificates
            .iter()
            .map(|certificate| Fingerprint::of(certificate))
            .collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        Ok(Self {
            verifier,
            certificates: fingerprints,
        })
    }

    /// Chain, validity and purpose, as rustls sees them in a handshake.
    fn issued(&self, shown: &ClientCertificate, now: OffsetDateTime) -> bool {
        let Some((leaf, intermediates)) = shown.chain.split_first() else {
            return false;
        };
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier
            .verify_client_cert(leaf, intermediates, now)
            .is_ok()
    }
}

/// What a connection, or the proxy in front of us, says of its client.
#[derive(Clone, Debug, Default)]
pub enum Peer {
    /// It has shown no certificate.
    #[default]
    Nobody,
    /// It has shown something that is none.
    Unreadable,
    /// It has shown this one, and proved that it holds the key.
    Certificate(Arc<ClientCertificate>),
}

impl Peer {
    /// From a chain, the client's own certificate first.
    pub fn of(chain: &[CertificateDer<'_>]) -> Self {
        match ClientCertificate::read(chain) {
            _ if chain.is_empty() => Self::Nobody,
            Some(certificate) => Self::Certificate(Arc::new(certificate)),
            None => Self::Unreadable,
        }
    }
}

/// A client's certificate, read once for each connection. Who it is accepted
/// for is another question.
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    fingerprint: Fingerprint,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    /// Its extended key usage lists `clientAuth`.
    is_for_clients: bool,
    names: Vec<String>,
}

/// A certificate may name a person.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(…)")
    }
}

impl ClientCertificate {
    fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let leaf = chain.first()?;
        let (rest, certificate) = X509Certificate::from_der(leaf).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let usage = certificate.extended_key_usage().ok()?;
        Some(Self {
            fingerprint: Fingerprint::of(leaf),
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            is_for_clients: usage.is_some_and(|usage| usage.value.client_auth),
            names: names(&certificate)?,
            chain: chain
                .iter()
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
        })
    }

    /// The certificate's own limits, which hold for pinned ones too.
    fn is_in_order(&self, now: OffsetDateTime) -> Verdict {
        if now < self.not_before {
            Err(Reason::NotYetValid)
        } else if self.not_after < now {
            Err(Reason::Expired)
        } else if !self.is_for_clients {
            Err(Reason::Purpose)
        } else {
            Ok(())
        }
    }

    fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The DNS names. Only a certificate without any goes by its common name, as
/// the one that Microsoft suggests for connectors does (contracts.md §1.6).
fn names(certificate: &X509Certificate<'_>) -> Option<Vec<String>> {
    let alternatives = certificate.subject_alternative_name().ok()?;
    let dns = alternatives.iter().flat_map(|found| {
        found
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            })
    });
    let dns: Vec<_> = dns.collect();
    if !dns.is_empty() {
        return Some(dns);
    }
    let common = certificate.subject().iter_common_name();
    Some(
        common
            .filter_map(|name| name.as_str().ok())
            .map(ToOwned::to_owned)
            .collect(),
    )
}

pub(super) fn judge(
    credentials: &[CertificateCredential],
    peer: &Peer,
    now: OffsetDateTime,
) -> Verdict {
    let shown = match peer {
        Peer::Nobody => return Err(Reason::Missing),
        Peer::Unreadable => return Err(Reason::Malformed),
        Peer::Certificate(shown) => shown,
    };
    shown.is_in_order(now)?;
    let mut fitting = credentials
        .iter()
        .filter(|credential| credential.fits(shown, now))
        .peekable();
    if fitting.peek().is_none() {
        return Err(Reason::Wrong);
    }
    let is_valid = |end: Option<OffsetDateTime>| end.is_none_or(|end| now < end);
    match fitting.any(|credential| is_valid(credential.not_after)) {
        true => Ok(()),
        false => Err(Reason::Ended),
    }
}

impl CertificateCredential {
    fn fits(&self, shown: &ClientCertificate, now: OffsetDateTime) -> bool {
        match &self.accepted {
            Accepted::Pinned(fingerprint) => *fingerprint == shown.fingerprint,
            Accepted::IssuedBy(authority, name) => {
                name.as_ref().is_none_or(|name| shown.is_named(name))
                    && authority.issued(shown, now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_64_digits_however_they_are_set() {
        let plain = "a1".repeat(32);
        let colons = vec!["A1"; 32].join(":");
        assert_eq!(Fingerprint::parse(&plain), Some(Fingerprint([0xA1; 32])));
        assert_eq!(Fingerprint::parse(&colons), Fingerprint::parse(&plain));
        for wrong in [
            "",
            "a1",
            &plain[1..],
            &format!("{plain}a1"),
            &plain.replace('a', "g"),
        ] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_told_from_none_at_all() {
        assert!(matches!(Peer::of(&[]), Peer::Nobody));
        let garbage = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
        assert!(matches!(Peer::of(&[garbage]), Peer::Unreadable));
    }
}
