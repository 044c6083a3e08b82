//! The certificate we show, which may be exchanged while we run.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Tls;

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is no PEM file with {expected}", .path.display())]
    NotPem {
        path: PathBuf,
        expected: &'static str,
    },
    #[error("the key in {} is of a kind that cannot be used; use P-256, P-384, Ed25519 or RSA", .0.display())]
    UnusableKey(PathBuf),
    #[error("the key in {} does not belong to the certificate in {}", .key.display(), .certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the certificate in {} ended on {}", .path.display(), .at.date())]
    Expired { path: PathBuf, at: OffsetDateTime },
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A certificate chain with its key, ready to be shown.
#[derive(Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    pub not_after: OffsetDateTime,
}

impl Certificate {
    /// Reads both files and checks that they belong together. Small files:
    /// read in place, at the start and when they have changed.
    pub fn load(files: &Tls, now: OffsetDateTime) -> Result<Self, TlsError> {
        let chain = read_chain(files)?;
        let not_after = not_after(&chain, files)?;
        if not_after < now {
            return Err(TlsError::Expired {
                path: files.certificate.clone(),
                at: not_after,
            });
        }
        let key = CertifiedKey::new(chain, read_key(files)?);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Self {
                    key: Arc::new(key),
                    not_after,
                })
            }
            Err(_) => Err(TlsError::Mismatch {
                certificate: files.certificate.clone(),
                key: files.private_key.clone(),
            }),
        }
    }
}

fn read_chain(files: &Tls) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = &files.certificate;
    let expected = "a certificate";
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem_error(error, path, expected))?;
    if chain.is_empty() {
        return Err(pem_error(pem::Error::NoItemsFound, path, expected));
    }
    Ok(chain)
}

fn read_key(files: &Tls) -> Result<Arc<dyn rustls::sign::SigningKey>, TlsError> {
    let path = &files.private_key;
    let key = PrivateKeyDer::from_pem_file(path)
        .map_err(|error| pem_error(error, path, "a private key"))?;
    aws_lc_rs::sign::any_supported_type(&key).map_err(|_| TlsError::UnusableKey(path.clone()))
}

/// The parser's own words may quote the file.
fn pem_error(error: pem::Error, path: &std::path::Path, expected: &'static str) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { path, source },
        _ => TlsError::NotPem { path, expected },
    }
}

fn not_after(chain: &[CertificateDer<'_>], files: &Tls) -> Result<OffsetDateTime, TlsError> {
    chain
        .first()
        .and_then(|first| X509Certificate::from_der(first).ok())
        .map(|(_, certificate)| certificate.validity().not_after.to_datetime())
        .ok_or_else(|| TlsError::NotPem {
            path: files.certificate.clone(),
            expected: "a certificate",
        })
}

/// Shows whichever certificate was loaded last. Connections that stand keep
/// theirs.
#[derive(Debug)]
pub struct Shown(ArcSwap<Certificate>);

impl Shown {
    pub fn new(certificate: Certificate) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(certificate)))
    }

    pub fn replace(&self, certificate: Certificate) {
        self.0.store(Arc::new(certificate));
    }

    pub fn not_after(&self) -> OffsetDateTime {
        self.0.load().not_after
    }

    /// TLS 1.2 and 1.3; the provider is named, because a process may hold
    /// several and has no default then.
    pub fn config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        Ok(config)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}
