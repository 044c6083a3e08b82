//! HTTP/1.1 over one connection, as little of it as connectors need: what
//! counts is that it costs less than whatever answers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use memchr::memmem;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{LoadError, Pace, Plan};

/// More than any answer of a connector.
const ROOM: usize = 16 * 1024;

/// Where to connect to, and how.
#[derive(Clone)]
pub(super) struct Target {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection, and what has been read from it.
pub(super) struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
}

/// An answer, until the next one is read.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Target {
    pub(super) fn of(plan: &Plan) -> Result<Self, LoadError> {
        let tls = match &plan.certificate {
            None => None,
            Some(file) => {
                let certificate = CertificateDer::from_pem_file(file)
                    .map_err(|_| LoadError::Certificate(file.clone()))?;
                let mut roots = RootCertStore::empty();
                roots.add(certificate)?;
                let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
                let mut config = ClientConfig::builder_with_provider(provider)
                    .with_protocol_versions(&[&rustls::version::TLS13])?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                if plan.pace != (Pace::Connecting { again: true }) {
                    config.resumption = Resumption::disabled();
                }
                Some(TlsConnector::from(Arc::new(config)))
            }
        };
        Ok(Self {
            address: plan.address,
            tls,
        })
    }

    pub(super) async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(connector) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                Stream::Tls(Box::new(connector.connect(name, stream).await?))
            }
        };
        Ok(Connection {
            stream,
            buffer: Vec::with_capacity(ROOM),
        })
    }
}

impl Connection {
    /// Whether the handshake took up an earlier one.
    pub(super) fn is_resumed(&self) -> bool {
        match &self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => {
                stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
            }
        }
    }

    /// Sends one request and reads the answer to it.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, begin, end)) = parse(&self.buffer)? {
                let body = self.buffer.get(begin..end).unwrap_or_default();
                return Ok(Answer { status, body });
            }
            if self.buffer.len() >= ROOM {
                return Err(not_http("an answer that is too long"));
            }
        }
    }

    /// Says goodbye as a client should.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// Status, begin and end of the body, once all of the answer is there.
fn parse(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = bytes.get(..head_end).unwrap_or_default();
    let status = status(head).ok_or_else(|| not_http("no status line"))?;
    let length = content_length(head).ok_or_else(|| not_http("no Content-Length"))?;
    let begin = head_end + 4;
    let end = begin + length;
    match bytes.len() {
        have if have < end => Ok(None),
        have if have == end => Ok(Some((status, begin, end))),
        _ => Err(not_http("more bytes than the answer has")),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let behind = head.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(behind.get(..3)?).ok()?.parse().ok()
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME))?;
    let value = std::str::from_utf8(&line[NAME.len()..]).ok()?;
    value.trim().parse().ok()
}

fn not_http(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-Length: 2\r\nx: y\r\n\r\n{}";

    #[test]
    fn an_answer_is_read_once_all_of_it_is_there() {
        assert_eq!(parse(ANSWER).unwrap(), Some((200, 44, 46)));
        for end in 0..ANSWER.len() {
            assert_eq!(parse(&ANSWER[..end]).unwrap(), None, "{end}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let cases: [(&[u8], &str); 3] = [
            (b"SSH-2.0-OpenSSH\r\n\r\n", "no status line"),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                "no Content-Length",
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}",
                "more bytes than the answer has",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes).unwrap_err().to_string(), expected);
        }
    }
}
