//! Something that always gives the same answer and does no work for it: how
//! much load the generator can make at all is measured with it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use memchr::memmem;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::LoadError;

/// What it says to everybody.
pub(super) const ANSWER: &[u8] = br#"{"version":"1.0.0","action":"Continue"}"#;

/// Answer every request with the same bytes (for `idlink bench` itself)
#[derive(Debug, Args)]
pub(in super::super) struct ConstantCommand {
    #[arg(long)]
    port: u16,
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    #[arg(long)]
    key: Option<PathBuf>,
}

impl ConstantCommand {
    /// Runs until it is killed.
    pub(in super::super) async fn run(self) -> Result<(), LoadError> {
        let tls = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(acceptor(certificate, key)?),
            _ => None,
        };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let tls = tls.clone();
            tokio::spawn(async move {
                // Ends when the caller has gone.
                match tls {
                    None => answer(stream).await,
                    Some(tls) => answer(tls.accept(stream).await?).await,
                }
            });
        }
    }
}

fn acceptor(certificate: &PathBuf, key: &PathBuf) -> Result<TlsAcceptor, LoadError> {
    let unreadable = |_| LoadError::Certificate(certificate.clone());
    let chain = vec![CertificateDer::from_pem_file(certificate).map_err(unreadable)?];
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A request ends with its body, whose closing brace is its last byte.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let reply = [
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            ANSWER.len()
        )
        .as_bytes(),
        ANSWER,
    ]
    .concat();
    let mut buffer = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let is_whole = memmem::find(&buffer, b"\r\n\r\n").is_some() && buffer.ends_with(b"}");
        if is_whole {
            buffer.clear();
            stream.write_all(&reply).await?;
            stream.flush().await?;
        }
    }
}
