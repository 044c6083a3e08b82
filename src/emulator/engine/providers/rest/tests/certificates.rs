//! TLS client certificates, shown to a server that demands one.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, Stream,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde_json::json;
use x509_parser::parse_x509_certificate;

use super::desk::{Desk, Policy, bag};
use crate::emulator::{ClientCertificate, PolicyKey, engine::value::Value};

struct Client {
    pem: ClientCertificate,
    der: CertificateDer<'static>,
}

fn client_certificate(name: &str, from: i32) -> Client {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(from + 100, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    Client {
        der: certificate.der().clone(),
        pem: ClientCertificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        },
    }
}

/// Demands a client certificate and answers with its name. Its address, and
/// the certificate it shows itself.
fn who_are_you(trusted: &[&Client]) -> (String, String) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    for client in trusted {
        roots.add(client.der.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            // Whoever shows none is sent away here.
            if stream.read(&mut [0; 8192]).is_err() {
                continue;
            }
            let certificate = stream.conn.peer_certificates().unwrap()[0].clone();
            let (_, certificate) = parse_x509_certificate(&certificate).unwrap();
            let name = certificate.subject().iter_common_name().next().unwrap();
            let body = json!({ "tier": name.as_str().unwrap() }).to_string();
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    (format!("https://localhost:{port}/"), own.cert.pem())
}

fn desk(url: &str, root: &str, certificates: &[&Client]) -> Desk {
    let policy = Policy {
        metadata: vec![("AuthenticationType", "ClientCertificate")],
        rest: r#"<CryptographicKeys>
            <Key Id="ClientCertificate" StorageReferenceId="B2C_1A_Certificate"/>
            </CryptographicKeys>
            <OutputClaims><OutputClaim ClaimTypeReferenceId="tier"/></OutputClaims>"#,
        ..Policy::default()
    };
    policy.with(url, |settings| {
        let pems = certificates.iter().map(|client| client.pem.clone());
        let key = PolicyKey::Certificates(pems.collect());
        settings
            .policy_keys
            .insert("B2C_1A_Certificate".to_owned(), key);
        settings.connector_roots = vec![root.to_owned()];
    })
}

#[tokio::test]
async fn the_newest_certificate_that_is_valid_is_shown() {
    let [old, new, future] = [("old", 2001), ("new", 2011), ("future", 2090)]
        .map(|(name, from)| client_certificate(name, from));
    let (url, root) = who_are_you(&[&old, &new, &future]);
    for (certificates, shown) in [(vec![&old], "old"), (vec![&old, &future, &new], "new")] {
        let desk = desk(&url, &root, &certificates);
        let (done, record) = desk.run(&bag(&[])).await;
        let set = done.unwrap();
        assert_eq!(set.get("tier").map(Value::text).as_deref(), Some(shown));
        let shown = serde_json::to_string(&record).unwrap();
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    }
}

#[tokio::test]
async fn without_a_certificate_that_is_valid_no_call_is_placed() {
    let future = client_certificate("future", 2090);
    let (url, root) = who_are_you(&[&future]);
    let (done, record) = desk(&url, &root, &[&future]).run(&bag(&[])).await;
    let failure = done.unwrap_err();
    assert_eq!(failure.code, "AADB2C90028");
    assert_eq!(
        failure.text,
        "Client certificate specified for 'REST-Check' is invalid. Check that the certificate is \
         correct, contains a private key and that access has been granted by the resource."
    );
    let rest = record.rest.unwrap();
    assert_eq!((rest.attempts, rest.status), (0, None));
    let none = desk(&url, &root, &[]).run(&bag(&[])).await.0.unwrap_err();
    assert_eq!(none.code, "AADB2C90028");
}
