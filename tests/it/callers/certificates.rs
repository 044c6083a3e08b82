//! Client certificates, as rcgen makes them and rustls shows them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use reqwest::{Client, Identity, tls};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SignatureScheme, StreamOwned,
    SupportedProtocolVersion, version,
};
use tokio::task::spawn_blocking;

use super::door::{Door, basic};
use crate::support::program::Folder;

/// A certificate with its key, and the chain to show behind it.
pub(super) struct Shown {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) pem: String,
    key: String,
    chain: Vec<String>,
}

impl Shown {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key: key.serialize_pem(),
            chain: Vec::new(),
        }
    }

    pub(super) fn pin(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.certificate);
        let hexadecimal = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        hexadecimal.collect()
    }

    /// As `[[tenants.….certificates]]` spells it.
    fn pinned(&self) -> String {
        format!("{{ sha256 = \"{}\" }}", self.pin())
    }

    fn identity(&self) -> Identity {
        let chain = self.chain.concat();
        let pem = format!("{}\n{}\n{chain}", self.key, self.pem);
        Identity::from_pem(pem.as_bytes()).unwrap()
    }

    pub(super) fn client(&self, door: &Door) -> Client {
        door.client_builder()
            .identity(self.identity())
            .build()
            .unwrap()
    }

    fn certified_key(&self, key: &str) -> Arc<CertifiedKey> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let key = provider::sign::any_supported_type(&key).unwrap();
        Arc::new(CertifiedKey::new(vec![self.certificate.clone()], key))
    }
}

/// For clients, valid for years.
pub(super) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

pub(super) fn self_signed(params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    Shown::new(&params.self_signed(&key).unwrap(), &key)
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn root(name: &str) -> Issuer {
    Issuer::self_signed(authority(name), KeyPair::generate().unwrap()).unwrap()
}

fn issued_by(issuer: &Issuer, params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    Shown::new(&params.signed_by(&key, issuer).unwrap(), &key)
}

fn with(
    mut params: CertificateParams,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    change(&mut params);
    params
}

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
}

fn not_yet(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
}

fn for_servers(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

fn for_anything(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
}

fn for_nothing_said(params: &mut CertificateParams) {
    params.extended_key_usages = Vec::new();
}

/// Each certificate in the matrix with what it leads to: 200, or the reason
/// that the log gives for the 401.
struct Matrix {
    authority: Issuer,
    ended_authority: Issuer,
    cases: Vec<(&'static str, Shown, Result<(), &'static str>)>,
    pins: Vec<String>,
}

impl Matrix {
    fn new() -> Self {
        let (ca, ended) = (root("callers"), root("callers of old"));
        let stranger = root("callers");
        let intermediate = Issuer::signed_by(authority("unit"), KeyPair::generate().unwrap(), &ca);
        let intermediate = intermediate.unwrap();
        let client_authority = with(authority("unit 2"), |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let pinned = |change: fn(&mut CertificateParams)| self_signed(&with(params("b2c"), change));
        let issued =
            |change: fn(&mut CertificateParams)| issued_by(&ca, &with(params("b2c"), change));
        let as_is: fn(&mut CertificateParams) = |_| {};

        let good = pinned(as_is);
        let rolled = pinned(as_is);
        let over = pinned(as_is);
        let chain = Shown {
            chain: vec![intermediate.pem()],
            ..issued_by(&intermediate, &params("b2c"))
        };
        let bad_pins = [
            ("pinned, expired", pinned(expired), Err("expired")),
            (
                "pinned, not yet valid",
                pinned(not_yet),
                Err("not yet valid"),
            ),
            (
                "pinned, for servers",
                pinned(for_servers),
                Err("wrong purpose"),
            ),
            (
                "pinned, for nothing said",
                pinned(for_nothing_said),
                Err("wrong purpose"),
            ),
        ];
        let mut pins = vec![good.pinned(), rolled.pinned()];
        pins.extend(bad_pins.iter().map(|(_, shown, _)| shown.pinned()));
        pins.push(format!(
            "{{ sha256 = \"{}\", not_after = 2020-01-01T00:00:00Z }}",
            over.pin()
        ));
        let mut cases = vec![
            ("pinned", good, Ok(())),
            ("pinned, the next one", rolled, Ok(())),
            ("pinned, rolled", over, Err("ended")),
            (
                "self-signed, unknown",
                self_signed(&params("b2c")),
                Err("wrong"),
            ),
            ("issued", issued(as_is), Ok(())),
            ("issued, chain shown", chain, Ok(())),
            (
                "issued, chain withheld",
                issued_by(&intermediate, &params("b2c")),
                Err("wrong"),
            ),
            ("issued, expired", issued(expired), Err("expired")),
            (
                "issued, not yet valid",
                issued(not_yet),
                Err("not yet valid"),
            ),
            (
                "issued, for servers",
                issued(for_servers),
                Err("wrong purpose"),
            ),
            (
                "issued, for anything",
                issued(for_anything),
                Err("wrong purpose"),
            ),
            (
                "issued, for nothing said",
                issued(for_nothing_said),
                Err("wrong purpose"),
            ),
            (
                "issued by another authority of that name",
                issued_by(&stranger, &params("b2c")),
                Err("wrong"),
            ),
            (
                "issued by one that has ended",
                issued_by(&ended, &params("b2c")),
                Err("ended"),
            ),
            (
                "an authority's own",
                issued_by(&ca, &client_authority),
                Err("wrong"),
            ),
        ];
        cases.extend(bad_pins);
        Self {
            authority: ca,
            ended_authority: ended,
            cases,
            pins,
        }
    }

    fn write(&self, folder: &Folder) -> String {
        folder.write("authority.pem", &self.authority.pem());
        folder.write("ended.pem", &self.ended_authority.pem());
        format!(
            "certificates = [{}, {{ authority = \"authority.pem\" }}, \
             {{ authority = \"ended.pem\", not_after = 2020-01-01T00:00:00Z }}]",
            self.pins.join(", ")
        )
    }
}

/// Every certificate over both versions of TLS.
async fn assert_matrix(tenant: &str, version: tls::Version) {
    let (folder, matrix) = (Folder::new(), Matrix::new());
    let keys = matrix.write(&folder);
    let door = Door::open_tls(folder, &[(tenant, &keys)]).await;
    assert!(matrix.cases.len() >= 16, "{}", matrix.cases.len());
    let unknown = door.told(door.ask("nobody-at-all")).await;
    for (why, shown, expected) in &matrix.cases {
        let client = door
            .client_builder()
            .tls_version_max(version)
            .tls_version_min(version)
            .identity(shown.identity())
            .build()
            .unwrap();
        let reason = expected.err().unwrap_or("none at all");
        let before = door.refused(tenant, "certificate", reason).await;
        let told = door.told(door.ask_by(&client, tenant)).await;
        let after = door.refused(tenant, "certificate", reason).await;
        match expected {
            Ok(()) => assert_eq!(told.status, 200, "{why}"),
            Err(_) => {
                assert_eq!(told, unknown, "{why}");
                assert_eq!(after, before + 1, "{why}: {reason}");
            }
        }
        let told = door.told(door.ask_by(&client, "nobody-at-all")).await;
        assert_eq!(told, unknown, "{why}, for nobody");
    }
    let told = door.told(door.ask(tenant)).await;
    assert_eq!(told, unknown, "none");
    assert_eq!(door.refused(tenant, "none", "missing").await, 1);
}

#[tokio::test]
async fn certificates_are_judged_by_pin_authority_time_and_purpose() {
    assert_matrix("matrix-13", tls::Version::TLS_1_3).await;
}

#[tokio::test]
async fn certificates_are_judged_the_same_over_tls_1_2() {
    assert_matrix("matrix-12", tls::Version::TLS_1_2).await;
}

#[tokio::test]
async fn an_authority_may_be_for_one_name_only() {
    let (folder, ca) = (Folder::new(), root("callers"));
    folder.write("authority.pem", &ca.pem());
    let door = Door::open_tls(
        folder,
        &[
            (
                "name-a",
                "certificates = [{ authority = \"authority.pem\", name = \"a.example\" }]",
            ),
            (
                "name-b",
                "certificates = [{ authority = \"authority.pem\", name = \"b.example\" }]",
            ),
        ],
    )
    .await;
    let common = |subject: &str, alternative: Option<&str>| {
        let names: Vec<String> = alternative.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        issued_by(&ca, &params)
    };
    let cases = [
        ("by its DNS name", common("x", Some("a.example")), 200),
        ("in another case", common("x", Some("A.Example")), 200),
        ("by its common name", common("a.example", None), 200),
        ("another's", common("x", Some("b.example")), 401),
        (
            "the common name beside a DNS name",
            common("a.example", Some("b.example")),
            401,
        ),
        ("below it", common("x", Some("x.a.example")), 401),
        ("an asterisk", common("x", Some("*.example")), 401),
    ];
    for (why, shown, expected) in cases {
        let client = shown.client(&door);
        assert_eq!(
            door.status(door.ask_by(&client, "name-a")).await,
            expected,
            "{why}"
        );
    }
}

#[test]
fn one_authority_serves_two_tenants_only_under_two_names() {
    let folder = Folder::new();
    folder.write("authority.pem", &root("callers").pem());
    let problems = |a: &str, b: &str| {
        let keys =
            |more: &str| format!("certificates = [{{ authority = \"authority.pem\"{more} }}]");
        let (a, b) = (keys(a), keys(b));
        let tenants = [("one", a.as_str()), ("two", b.as_str())];
        let proxy = "[proxy]\naddresses = [\"127.0.0.1\"]\ncertificate_header = \"x-cert\"\n\
                     secrets = [{ secret = \"canary-proxy-0123456789\" }]";
        let text = super::door::settings(proxy, &tenants);
        let file = folder.write("idlink.toml", &text);
        let loaded = idlink::config::Settings::load(Some(&file), std::iter::empty());
        loaded.err().map(|problems| problems.to_string())
    };
    let named = |name: &str| format!(", name = \"{name}\"");
    assert_eq!(problems(&named("a.example"), &named("b.example")), None);
    for (a, b) in [
        (String::new(), String::new()),
        (named("a.example"), String::new()),
        (named("a.example"), named("a.example")),
    ] {
        let found = problems(&a, &b).unwrap();
        let expected = "tenants.two.certificates[0]: is the same as tenants.one.certificates[0]";
        assert!(found.ends_with(expected), "{found}");
    }
}

#[tokio::test]
async fn certificate_and_password_may_be_required_together() {
    let shown = self_signed(&params("b2c"));
    let keys = format!(
        "require = [\"certificate\", \"basic\"]\n\
         certificates = [{}]\n\
         credentials = [{{ username = \"caller\", password = \"canary\" }}]",
        shown.pinned()
    );
    let door = Door::open_tls(Folder::new(), &[("two-a", &keys)]).await;
    let (with, without) = (shown.client(&door), door.client.clone());
    let stranger = self_signed(&params("b2c")).client(&door);
    let cases = [
        ("both", &with, "canary", 200),
        ("certificate", &with, "wrong", 401),
        ("password", &without, "canary", 401),
        (
            "password and a stranger's certificate",
            &stranger,
            "canary",
            401,
        ),
        ("neither", &without, "wrong", 401),
    ];
    for (why, client, password, expected) in cases {
        let request = door.ask_by(client, "two-a");
        let request = request.header("Authorization", basic("caller", password));
        assert_eq!(door.status(request).await, expected, "{why}");
    }
    let request = door.ask_by(&with, "two-a");
    assert_eq!(
        door.status(request).await,
        401,
        "certificate and no password"
    );
}

/// A connection that is kept open, and what it takes to make one.
struct Live(StreamOwned<ClientConnection, TcpStream>);

impl Live {
    fn open(port: u16, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        let mut live = Self(StreamOwned::new(connection, stream));
        while live.0.conn.is_handshaking() {
            live.0.conn.complete_io(&mut live.0.sock)?;
        }
        Ok(live)
    }

    fn ask(&mut self, tenant: &str) -> std::io::Result<u16> {
        let head = format!(
            "POST /connectors/{tenant}/user-flow HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: 0\r\n\r\n"
        );
        self.0.write_all(head.as_bytes())?;
        self.0.flush()?;
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        let head = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        let length = head.split_once("content-length: ").unwrap().1;
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        self.0.read_exact(&mut vec![0; length])?;
        Ok(head.split(' ').nth(1).unwrap().parse().unwrap())
    }

    fn kind(&self) -> HandshakeKind {
        self.0.conn.handshake_kind().unwrap()
    }
}

/// Shows one certificate, and counts how often it was asked for.
#[derive(Debug)]
struct Showing(Arc<CertifiedKey>, AtomicUsize);

impl ResolvesClientCert for Showing {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn config(
    door: &Door,
    showing: &Arc<Showing>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let server = CertificateDer::from_pem_slice(door.certificate().as_bytes()).unwrap();
    roots.add(server).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()));
    let config = builder
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::clone(showing) as Arc<dyn ResolvesClientCert>);
    Arc::new(config)
}

static VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

#[tokio::test]
async fn a_withdrawn_pin_is_refused_on_a_connection_that_stands() {
    let (old, new) = (self_signed(&params("b2c")), self_signed(&params("b2c")));
    let keys = |pins: &[&Shown]| {
        let pins: Vec<_> = pins.iter().map(|shown| shown.pinned()).collect();
        format!("certificates = [{}]", pins.join(", "))
    };
    let (one, two) = (keys(&[&old]), keys(&[&new]));
    let door = Door::open_tls(Folder::new(), &[("live-a", &one)]).await;
    let port = door.running.address.port();
    for version in VERSIONS {
        door.change(&[("live-a", &one)]).await;
        let showing = Arc::new(Showing(old.certified_key(&old.key), AtomicUsize::new(0)));
        let config = config(&door, &showing, version);
        let (mut live, status) = spawn_blocking(move || {
            let mut live = Live::open(port, &config).unwrap();
            let statuses = [live.ask("live-a").unwrap(), live.ask("live-a").unwrap()];
            (live, statuses)
        })
        .await
        .unwrap();
        assert_eq!(status, [200, 200], "{version:?}");
        door.change(&[("live-a", &two)]).await;
        let (mut live, status) = spawn_blocking(move || {
            let status = live.ask("live-a").unwrap();
            (live, status)
        })
        .await
        .unwrap();
        assert_eq!(status, 401, "{version:?}: withdrawn");
        door.change(&[("live-a", &one)]).await;
        let status = spawn_blocking(move || live.ask("live-a").unwrap()).await;
        assert_eq!(status.unwrap(), 200, "{version:?}: put back");
    }
}

#[tokio::test]
async fn no_session_is_taken_up_again_without_the_key() {
    let shown = self_signed(&params("b2c"));
    let keys = format!("certificates = [{}]", shown.pinned());
    let door = Door::open_tls(Folder::new(), &[("ticket-a", &keys)]).await;
    let port = door.running.address.port();
    for version in VERSIONS {
        let showing = Arc::new(Showing(
            shown.certified_key(&shown.key),
            AtomicUsize::new(0),
        ));
        let config = config(&door, &showing, version);
        let kinds = spawn_blocking(move || {
            [(); 3].map(|()| {
                let mut live = Live::open(port, &config).unwrap();
                assert_eq!(live.ask("ticket-a").unwrap(), 200);
                live.kind()
            })
        });
        for kind in kinds.await.unwrap() {
            assert_ne!(kind, HandshakeKind::Resumed, "{version:?}");
        }
        assert_eq!(showing.1.load(Ordering::SeqCst), 3, "{version:?}");
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_makes_no_connection() {
    let (shown, thief) = (self_signed(&params("b2c")), self_signed(&params("thief")));
    let keys = format!("certificates = [{}]", shown.pinned());
    let door = Door::open_tls(Folder::new(), &[("stolen-a", &keys)]).await;
    let port = door.running.address.port();
    for version in VERSIONS {
        let showing = Arc::new(Showing(
            shown.certified_key(&thief.key),
            AtomicUsize::new(0),
        ));
        let config = config(&door, &showing, version);
        let asked = spawn_blocking(move || {
            // TLS 1.3 clients hear of it at their first read.
            Live::open(port, &config).and_then(|mut live| live.ask("stolen-a"))
        });
        assert!(asked.await.unwrap().is_err(), "{version:?}");
    }
    let client = shown.client(&door);
    assert_eq!(door.status(door.ask_by(&client, "stolen-a")).await, 200);
}

#[tokio::test]
async fn callers_are_asked_for_a_certificate_only_while_a_tenant_wants_one() {
    let shown = self_signed(&params("b2c"));
    let without = "credentials = [{ username = \"caller\", password = \"canary\" }]";
    let with = format!("{without}\ncertificates = [{}]", shown.pinned());
    let door = Door::open_tls(Folder::new(), &[("ask-a", without)]).await;
    let port = door.running.address.port();
    for version in VERSIONS {
        let showing = Arc::new(Showing(
            shown.certified_key(&shown.key),
            AtomicUsize::new(0),
        ));
        let config = config(&door, &showing, version);
        for (keys, status, times) in [(without, 401, 0), (with.as_str(), 200, 1)] {
            door.change(&[("ask-a", keys)]).await;
            let config = Arc::clone(&config);
            let asked =
                spawn_blocking(move || Live::open(port, &config).unwrap().ask("ask-a").unwrap());
            assert_eq!(asked.await.unwrap(), status, "{version:?}");
            assert_eq!(showing.1.load(Ordering::SeqCst), times, "{version:?}");
        }
        // Who has none is let in by the other method all the same.
        let request = door
            .ask("ask-a")
            .header("Authorization", basic("caller", "canary"));
        assert_eq!(door.status(request).await, 200, "{version:?}");
    }
}

#[tokio::test]
async fn an_authority_is_exchanged_while_the_service_runs() {
    let (folder, one, two) = (Folder::new(), root("callers"), root("callers"));
    folder.write("authority.pem", &one.pem());
    let keys = "certificates = [{ authority = \"authority.pem\" }]";
    let door = Door::open_tls(folder, &[("exchange-a", keys)]).await;
    let clients = [&one, &two].map(|issuer| issued_by(issuer, &params("b2c")).client(&door));
    for (file, expected) in [
        (one.pem(), [200, 401]),
        (format!("{}{}", one.pem(), two.pem()), [200, 200]),
        (two.pem(), [401, 200]),
        // The old one stays in use.
        ("nothing".to_owned(), [401, 200]),
    ] {
        door.folder.write("authority.pem", &file);
        door.running.reload().await;
        for (client, expected) in clients.iter().zip(expected) {
            assert_eq!(
                door.status(door.ask_by(client, "exchange-a")).await,
                expected
            );
        }
    }
}
