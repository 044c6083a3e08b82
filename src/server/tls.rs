//! The certificate we show, which may be exchanged while we run, and the one
//! that we ask callers for.
//!
//! A handshake proves that a caller holds the key of the certificate they
//! show, and nothing else: only the request says whose connector it is, so
//! only there is known whether the certificate counts. Whoever shows a wrong
//! one is told so like everybody else (`connectors/caller`), and leaves a line.

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Tls;
use crate::connectors::caller::Peer;

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

    /// For callers: asks for a certificate while `asks` says so. Nothing is
    /// resumed there, because a resumed session would vouch for a certificate
    /// without its key; with P-256 it saves next to nothing anyway.
    pub fn config_for_callers(self: &Arc<Self>, asks: &Asks) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let possession = Possession {
            asks: asks.clone(),
            algorithms: provider.signature_verification_algorithms,
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_client_cert_verifier(Arc::new(possession))
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
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

/// Whether some tenant's callers may prove themselves by a certificate.
/// Exchanged while we run; connections that stand were asked or not.
#[derive(Clone, Debug, Default)]
pub struct Asks(Arc<AtomicBool>);

impl Asks {
    pub fn set(&self, asks: bool) {
        self.0.store(asks, Ordering::Relaxed);
    }
}

/// Takes any certificate whose key the caller holds, and none.
#[derive(Debug)]
struct Possession {
    asks: Asks,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Possession {
    fn offer_client_auth(&self) -> bool {
        self.asks.0.load(Ordering::Relaxed)
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a caller given hints sends nothing else, and a pinned
    /// certificate has no authority to hint at.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Notes with a new connection which certificate its client has shown.
pub(super) fn note_peer(connection: &dyn Any, notes: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TlsStream<TcpStream>>() {
        let (_, session) = stream.get_ref();
        notes.insert(Peer::of(session.peer_certificates().unwrap_or_default()));
    }
}
