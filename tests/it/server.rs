//! The assembly: TLS and its reload, limits, health, an orderly stop, and
//! that nothing a request holds is written anywhere.

use std::time::Duration;

use idlink::config::Source;
use idlink::server::{self, Pace, Running};
use idlink::store::Store;
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Client, StatusCode, tls};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Config;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::support::business::{cold_store, store};
use crate::support::postgres::{Database, connect, database};
use crate::support::program::{Folder, Program};
use crate::support::tenant::{POLICY, StubTenant, key};

const SHOP: &str = "0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f11";
const PASSWORD: &str = "canary-password";
const SITE_KEY: &str = "canary-site-key-0123";

/// A new certificate for `localhost` and its key. Returns the former.
fn write_certificate(folder: &Folder) -> String {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("key.pem", &made.signing_key.serialize_pem());
    folder.write("certificate.pem", &made.cert.pem());
    made.cert.pem()
}

/// A client that trusts nothing else, and has no connection or session yet
/// that it could take up again.
fn trusting(certificate: &str) -> Client {
    builder(certificate).build().unwrap()
}

fn builder(certificate: &str) -> reqwest::ClientBuilder {
    let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
    Client::builder()
        .tls_certs_only([certificate])
        .timeout(Duration::from_secs(30))
}

const TLS: &str = "[server.tls]\ncertificate = \"certificate.pem\"\nprivate_key = \"key.pem\"\n";

/// One tenant and one B2C site, on free ports.
fn settings_file(more: &str, tenant: &str) -> String {
    format!(
        "[server]\n\
         listen = \"127.0.0.1:0\"\n\
         management_listen = \"127.0.0.1:0\"\n\
         workers = 2\n\
         {more}\n\
         [legal_entities.USMF]\n\
         [tenants.contoso]\n\
         {tenant}\n\
         policies = [\"{POLICY}\"]\n\
         trusted_providers = [\"local\"]\n\
         customer_link_attribute = \"CustomerLink\"\n\
         credentials = [{{ username = \"b2c\", password_file = \"password\" }}]\n\
         [sites.shop]\n\
         customer_type = \"b2c\"\n\
         legal_entity = \"USMF\"\n\
         tenant = \"contoso\"\n\
         client_ids = [\"{SHOP}\"]\n\
         keys = [{{ key = \"{SITE_KEY}\" }}]\n"
    )
}

/// A tenant that is not there.
const AWAY: &str = "issuer = \"http://127.0.0.1:9/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/\"\n\
     metadata_url = \"http://127.0.0.1:9/{policy}/v2.0/.well-known/openid-configuration\"";

/// The service as `idlink serve` starts it.
struct Desk {
    running: Running,
    folder: Folder,
    /// Dropped after the service.
    database: Option<Database>,
}

impl Desk {
    async fn start(more: &str) -> Self {
        let database = database().await;
        let store = store(database.config()).await;
        let mut desk = Self::on(store, more, Folder::new()).await;
        desk.database = Some(database);
        desk
    }

    async fn on(store: Store, more: &str, folder: Folder) -> Self {
        folder.write("password", PASSWORD);
        folder.write("idlink.toml", &settings_file(more, AWAY));
        let source = Source::new(Some(folder.0.join("idlink.toml")), []);
        let settings = source.load().unwrap();
        let running = server::start(settings, store, Some(source)).await.unwrap();
        Self {
            running,
            folder,
            database: None,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    /// By the name that the certificate is for.
    fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.running.address.port())
    }

    fn management(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.management_address)
    }
}

fn sign_up(email: &str) -> Value {
    json!({
        "step": "PostAttributeCollection",
        "client_id": SHOP,
        "ui_locales": "en-US",
        "email": email,
        "displayName": "Ada Lovelace"
    })
}

/// What the tenant's user flow sends.
fn ask(client: &Client, url: &str, password: &str) -> reqwest::RequestBuilder {
    client
        .post(url)
        .basic_auth("b2c", Some(password))
        .header("Content-Type", "application/json")
        .body(sign_up("ada@example.org").to_string())
}

/// The head of what the tenant's user flow sends, for a body of `length`.
fn head(length: usize) -> String {
    format!(
        "POST /connectors/contoso/user-flow HTTP/1.1\r\nhost: x\r\n\
         authorization: Basic YjJjOmNhbmFyeS1wYXNzd29yZA==\r\n\
         content-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// Sends bytes and reads until the service closes.
async fn raw(desk: &Desk, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(desk.running.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn status(client: &Client, url: &str) -> StatusCode {
    client.get(url).send().await.unwrap().status()
}

/// Waits until `done`, which looks again and again.
async fn eventually<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done().await {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_no_route_answers_is_refused_in_json_without_repeating_it() {
    let desk = Desk::start("").await;
    let client = Client::new();
    let cases = [
        (client.get(desk.url("/")), 404),
        (client.get(desk.url("/canary")), 404),
        (client.post(desk.url("/connectors/contoso")), 404),
        (client.get(desk.url("/connectors/contoso/user-flow")), 405),
        (client.post(desk.url("/%FFcanary")), 404),
        (
            client.get(desk.url(&format!("/?{}", "canary".repeat(1000)))),
            414,
        ),
        (
            client
                .get(desk.url("/"))
                .header("x-canary", "c".repeat(17_000)),
            431,
        ),
    ];
    for (request, expected) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let id = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(Uuid::parse_str(id).unwrap().get_version_num(), 7);
        let text = response.text().await.unwrap();
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["status"],
            expected
        );
    }
}

#[tokio::test]
async fn heads_beyond_any_use_are_refused() {
    let desk = Desk::start("").await;
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "c".repeat(200_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "x: c\r\n".repeat(200)
    );
    for head in [long, many] {
        let answer = raw(&desk, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn a_head_or_a_body_that_dribbles_is_cut_after_five_seconds() {
    let desk = Desk::start("").await;
    let begun = Instant::now();
    let slow_head = raw(
        &desk,
        b"POST /connectors/contoso/user-flow HTTP/1.1\r\nhost: x\r\n",
    );
    let slow = format!("{}{{", head(1000));
    let slow_body = raw(&desk, slow.as_bytes());
    let both = async { tokio::join!(slow_head, slow_body) };
    let (to_head, to_body) = timeout(Duration::from_secs(15), both).await.unwrap();
    assert!(begun.elapsed() > Duration::from_secs(3), "cut too early");
    assert!(to_head.starts_with("HTTP/1.1 408 "), "{to_head}");
    assert!(to_body.starts_with("HTTP/1.1 408 "), "{to_body}");
}

/// Many questions in one go, and not one answer taken.
#[tokio::test]
async fn a_client_that_reads_nothing_loses_its_connection() {
    let desk = Desk::start("").await;
    let mut stream = TcpStream::connect(desk.running.address).await.unwrap();
    let questions = "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let pushing = async { while stream.write_all(questions.as_bytes()).await.is_ok() {} };
    timeout(Duration::from_secs(40), pushing).await.unwrap();
}

#[tokio::test]
async fn while_the_database_is_down_we_are_ready_and_not_healthy() {
    let mut config = Config::new();
    config.host("127.0.0.1").port(1).user("idlink").dbname("it");
    let desk = Desk::on(cold_store(config), "", Folder::new()).await;
    let client = Client::new();
    assert_eq!(status(&client, &desk.management("/livez")).await, 200);
    assert_eq!(status(&client, &desk.management("/readyz")).await, 200);
    let health = client
        .get(desk.management("/healthz"))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 503);
    assert_eq!(
        health.json::<Value>().await.unwrap(),
        json!({
            "status": "failing",
            "draining": false,
            "database": {
                "reachable": false,
                "connections_in_use": 0,
                "connections_allowed": 8
            },
            "tenants": { "contoso": { "keys_age_seconds": null } },
            "feeds": {}
        })
    );
    let url = desk.url("/connectors/contoso/user-flow");
    let answer = ask(&client, &url, PASSWORD).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["action"], "ValidationError");
}

#[tokio::test]
async fn a_database_that_comes_later_is_brought_up_to_date() {
    let server = crate::support::postgres::own_server().await;
    let client = connect(&server.config()).await;
    client.batch_execute("CREATE DATABASE empty").await.unwrap();
    let mut config = server.config();
    config.dbname("empty");
    let desk = Desk::on(cold_store(config), "", Folder::new()).await;
    let limit = Duration::from_secs(20);
    timeout(limit, desk.running.prepared()).await.unwrap();
    let health = Client::new().get(desk.management("/healthz"));
    let health: Value = health.send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(
        health["database"]["schema"]["applied"],
        health["database"]["schema"]["known"]
    );
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_plain_http_is_not() {
    let folder = Folder::new();
    let certificate = write_certificate(&folder);
    let database = database().await;
    let desk = Desk::on(store(database.config()).await, TLS, folder).await;
    for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
        let client = builder(&certificate)
            .tls_version_min(version)
            .tls_version_max(version)
            .build()
            .unwrap();
        assert_eq!(status(&client, &desk.https("/")).await, 404, "{version:?}");
    }
    let plain = raw(&desk, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1 "), "{plain}");
    assert_eq!(
        desk.running.public_url.as_str(),
        format!("https://{}/", desk.running.address)
    );
    assert_eq!(
        status(&Client::new(), &desk.management("/livez")).await,
        200
    );
}

#[tokio::test]
async fn a_certificate_and_key_that_do_not_fit_are_refused_at_the_start() {
    let folder = Folder::new();
    write_certificate(&folder);
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("key.pem", &other.signing_key.serialize_pem());
    folder.write("password", PASSWORD);
    folder.write("idlink.toml", &settings_file(TLS, AWAY));
    let source = Source::new(Some(folder.0.join("idlink.toml")), []);
    let config = Config::new();
    let started = server::start(source.load().unwrap(), cold_store(config), None).await;
    let problem = started.err().unwrap().to_string();
    assert!(
        problem.contains("does not belong to the certificate"),
        "{problem}"
    );
}

#[tokio::test]
async fn certificate_and_credentials_are_exchanged_while_we_run() {
    let folder = Folder::new();
    let first = write_certificate(&folder);
    let database = database().await;
    let desk = Desk::on(store(database.config()).await, TLS, folder).await;
    let url = desk.https("/connectors/contoso/user-flow");
    let status = |certificate: &str, password: &str| {
        let request = ask(&trusting(certificate), &url, password).send();
        async move {
            request
                .await
                .ok()
                .map(|response| response.status().as_u16())
        }
    };
    assert_eq!(status(&first, PASSWORD).await, Some(200));

    let second = write_certificate(&desk.folder);
    desk.folder.write("password", "canary-rolled\n");
    eventually("certificate and password were not exchanged", || async {
        status(&second, "canary-rolled").await == Some(200)
    })
    .await;
    assert_eq!(status(&first, "canary-rolled").await, None);
    assert_eq!(status(&second, PASSWORD).await, Some(401));
}

#[tokio::test]
async fn what_is_broken_is_not_taken_over_and_hinders_nothing_else() {
    let folder = Folder::new();
    let first = write_certificate(&folder);
    let database = database().await;
    let desk = Desk::on(store(database.config()).await, TLS, folder).await;
    let url = desk.https("/connectors/contoso/user-flow");

    desk.folder.write("certificate.pem", "no certificate");
    desk.folder.write("password", "canary-rolled");
    desk.running.reload().await;
    let answer = ask(&trusting(&first), &url, "canary-rolled")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "new password, old certificate");

    let second = write_certificate(&desk.folder);
    desk.folder.write("idlink.toml", "[server]\nlisten = 3\n");
    desk.running.reload().await;
    let answer = ask(&trusting(&second), &url, "canary-rolled")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "new certificate, old settings");
}

#[tokio::test]
async fn stopping_finishes_the_requests_and_the_writes_under_way() {
    let desk = Desk::start("drain_seconds = 1").await;
    let mut other = connect(&desk.database.as_ref().unwrap().config()).await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE sign_up_attempt IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let url = desk.url("/connectors/contoso/user-flow");
    let client = Client::new();
    let waiting = tokio::spawn(ask(&client, &url, PASSWORD).send());
    // This caller goes away before it is answered.
    let body = sign_up("grace@example.org").to_string();
    let gone = ask(&Client::new(), &url, PASSWORD).body(body).send();
    assert!(timeout(Duration::from_millis(300), gone).await.is_err());

    let ready = desk.management("/readyz");
    let stopping = tokio::spawn(desk.running.stop(Pace::Drain));
    eventually("readiness stayed green", || async {
        status(&client, &ready).await == 503
    })
    .await;
    lock.commit().await.unwrap();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    stopping.await.unwrap();
    let attempts = other
        .query_one("SELECT count(*) FROM sign_up_attempt", &[])
        .await
        .unwrap();
    assert_eq!(attempts.get::<_, i64>(0), 2);
    assert!(client.get(&url).send().await.is_err(), "still listening");
}

/// A timer or a connection that belonged to a worker would end with it: workers
/// look once a second whether they may go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_caller_is_gone_outlives_the_workers() {
    let desk = Desk::start("drain_seconds = 0").await;
    let other = connect(&desk.database.as_ref().unwrap().config()).await;
    let slow = "
        CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(1.1); RETURN new; END';
        CREATE TRIGGER slowly BEFORE INSERT ON sign_up_attempt
            FOR EACH ROW EXECUTE FUNCTION slowly()";
    other.batch_execute(slow).await.unwrap();
    let mut caller = TcpStream::connect(desk.running.address).await.unwrap();
    let body = sign_up("ada@example.org").to_string();
    let request = format!("{}{body}", head(body.len()));
    caller.write_all(request.as_bytes()).await.unwrap();
    let writing = async {
        let sql = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
        while other.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), writing).await.unwrap();
    // Reset: its handler is dropped on the spot.
    caller.set_zero_linger().unwrap();
    drop(caller);
    desk.running.stop(Pace::AtOnce).await;
    let attempts = other
        .query_one("SELECT count(*) FROM sign_up_attempt", &[])
        .await
        .unwrap();
    assert_eq!(attempts.get::<_, i64>(0), 1, "the write was waited for");
}

/// An ID token full of what must not be written down.
fn token(tenant: &StubTenant, object_id: &str) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    key().token(&json!({
        "iss": tenant.issuer(),
        "aud": SHOP,
        "exp": now + 3600,
        "nbf": now,
        "iat": now,
        "oid": object_id,
        "sub": object_id,
        "tfp": POLICY,
        "emails": ["canary-token@example.org"],
        "name": "Canary Name",
        "nonce": "canary-nonce"
    }))
}

#[tokio::test]
async fn nothing_that_a_request_holds_is_logged_or_counted() {
    let tenant = StubTenant::start().await;
    let object_id = "e90b7d3c-ca4a-45f1-9b1c-0d4f7c2a8e66";
    let id_token = token(&tenant, object_id);
    let granted =
        json!({ "id_token": id_token, "access_token": "canary-access", "token_type": "Bearer" });
    tenant
        .answer_token(ResponseTemplate::new(200).set_body_json(granted))
        .await;
    let database = database().await;
    store(database.config()).await;
    let folder = Folder::new();
    folder.write("password", PASSWORD);
    let there = format!(
        "issuer = \"{}\"\nmetadata_url = \"{}\"",
        tenant.issuer(),
        tenant.metadata_url()
    );
    folder.write("idlink.toml", &settings_file("", &there));
    let program = Program::start(&folder, &database).await;
    let client = Client::new();
    let url = |path: &str| format!("http://{}{path}", program.address);
    let flow = || {
        client
            .post(url("/connectors/contoso/user-flow?code=canary-query"))
            .header("x-forwarded-for", "canary-header")
            .header("user-agent", "canary-agent")
            .header("content-type", "application/json")
    };
    let known = || flow().basic_auth("b2c", Some(PASSWORD));
    let federated = json!({
        "step": "PostAttributeCollection", "client_id": SHOP, "email": "canary-claimed@example.org",
        "identities": [{ "signInType": "federated", "issuer": "google.com", "issuerAssignedId": "canary-account" }],
        "givenName": "Canary", "ui_locales": "canary"
    });
    let signed_in = json!({
        "step": "PreTokenIssuance", "client_id": SHOP, "objectId": object_id,
        "email": "canary-flow@example.org", "displayName": "Canary Name", "ui_locales": "de"
    });
    let stranger = json!({ "step": "canary-step", "client_id": "canary-client", "email": 3 });
    let long = format!("{{\"email\": \"{}\"}}", "canary".repeat(20_000));
    let form = |code: &str| {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", SHOP),
            ("client_secret", "canary-secret"),
            ("redirect_uri", "https://canary.example/"),
            ("nonce", "canary-nonce"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let links = |key: &str, body: Value| {
        client
            .post(url("/sites/shop/links"))
            .bearer_auth(key)
            .json(&body)
    };
    let requests = [
        known().body(sign_up("canary-flow@example.org").to_string()),
        known().body(sign_up("canary not an address").to_string()),
        known().body(federated.to_string()),
        known().body(signed_in.to_string()),
        known().body(stranger.to_string()),
        known().body("{\"email\": \"canary-broken@example.org\", "),
        known().body("{\"email\": \"canary-twice@example.org\", \"email\": \"canary\"}"),
        known().body(long),
        known().header("content-type", "text/canary").body("canary"),
        flow()
            .basic_auth("canary-user", Some("canary-wrong"))
            .body("canary"),
        flow()
            .header("authorization", "Basic canary")
            .body("canary"),
        client
            .post(url("/sites/shop/token"))
            .form(&form("canary-code")),
        client
            .post(url("/sites/shop/token"))
            .basic_auth(SHOP, Some("canary-secret"))
            .form(&form("canary-code")),
        client
            .post(url("/sites/canary/token"))
            .form(&form("canary-code")),
        client.post(url("/sites/shop/token")).body("canary"),
        links(
            SITE_KEY,
            json!({ "id_token": id_token, "nonce": "canary-nonce" }),
        ),
        links(
            SITE_KEY,
            json!({ "id_token": id_token, "nonce": "canary-other" }),
        ),
        links(SITE_KEY, json!({ "id_token": "canary.canary.canary" })),
        links("canary-wrong-key", json!({ "id_token": id_token })),
        client.get(url("/sites/shop/.well-known/openid-configuration?p=canary")),
        client.get(url("/canary/canary@example.org?canary=1")),
        client.request("CANARY".parse().unwrap(), url("/canary")),
        client
            .post(url("/connectors/%FFcanary/user-flow"))
            .body("canary"),
    ];
    let sent = requests.len();
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses[..7], [200; 7], "{statuses:?}");
    assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
    let metrics = format!("http://{}/metrics", program.management);
    let metrics = client
        .get(metrics)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let log = program.stop().await;

    let lines = log
        .lines()
        .filter(|line| line.contains("\"message\":\"request\""));
    assert_eq!(lines.count(), sent, "one line for each request:\n{log}");
    assert!(
        metrics.contains("idlink_http_request_seconds_bucket"),
        "{metrics}"
    );
    for (where_, text) in [("log", &log), ("metrics", &metrics)] {
        let shown = text.lines().find(|line| {
            let line = line.to_lowercase();
            line.contains("canary") || line.contains(object_id) || line.contains("lovelace")
        });
        assert_eq!(shown, None, "{where_}");
        let token = id_token.split('.').next_back().unwrap();
        assert!(!text.contains(token), "{where_} holds a token");
    }
}
