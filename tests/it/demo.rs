//! `idlink demo`, as a person starts it: a process of its own. And its shop,
//! against a stand-in for idlink that answers what it is told to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use idlink::demo::shop::{self, Dialect, Shop, Way};
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::support::postgres::new_folder;

mod ways;

const IDLINK: &str = env!("CARGO_BIN_EXE_idlink");

/// A debug build beside other tests: generous, and a failure all the same.
const START_LIMIT: Duration = Duration::from_secs(90);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running demo in a folder of its own.
pub(crate) struct Demo {
    child: Child,
    pub(crate) data_dir: PathBuf,
    /// What it printed before the addresses.
    steps: Vec<String>,
    /// By the words that stand before them.
    addresses: BTreeMap<String, String>,
    /// What it prints from then on.
    later: Arc<Mutex<String>>,
}

impl Demo {
    pub(crate) async fn start(data_dir: &Path) -> Self {
        let mut child = idlink(data_dir)
            .args(["demo", "--port-base", "0"])
            .stdout(Stdio::piped())
            .stderr(complaints(data_dir))
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = timeout(START_LIMIT, said(&mut lines)).await;
        let Ok(Some((steps, addresses))) = said else {
            let complaint = fs::read_to_string(complaints_file(data_dir)).unwrap();
            panic!("the demo did not start: {complaint}");
        };
        let later = Arc::new(Mutex::new(String::new()));
        tokio::spawn(listen(lines, Arc::clone(&later)));
        Self {
            child,
            data_dir: data_dir.to_owned(),
            steps,
            addresses,
            later,
        }
    }

    pub(crate) fn address(&self, of: &str) -> &str {
        let found = self.addresses.get(of);
        found.unwrap_or_else(|| panic!("{of:?} is not among {:?}", self.addresses))
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// As Ctrl-C does. Returns how long it took.
    pub(crate) async fn interrupt(mut self) -> Duration {
        let begun = Instant::now();
        signal(self.pid(), "INT").await;
        let ended = timeout(STOP_LIMIT, self.child.wait()).await;
        let status = ended
            .unwrap_or_else(|_| panic!("the demo does not stop"))
            .unwrap();
        assert!(status.success(), "{status}: {}", self.later.lock().unwrap());
        begun.elapsed()
    }
}

/// The steps and the addresses, which are the lines with one in them between
/// two empty lines. `None`: it ended.
async fn said(
    lines: &mut Lines<BufReader<ChildStdout>>,
) -> Option<(Vec<String>, BTreeMap<String, String>)> {
    let mut steps = Vec::new();
    loop {
        let line = lines.next_line().await.unwrap()?;
        if line.starts_with("The demo is running.") {
            break;
        }
        steps.push(line);
    }
    let mut addresses = BTreeMap::new();
    lines.next_line().await.unwrap()?;
    loop {
        let line = lines.next_line().await.unwrap()?;
        let Some(at) = line.find("http://") else {
            return Some((steps, addresses));
        };
        let (words, address) = line.split_at(at);
        addresses.insert(words.trim().to_owned(), address.to_owned());
    }
}

async fn listen(mut lines: Lines<BufReader<ChildStdout>>, heard: Arc<Mutex<String>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        heard.lock().unwrap().push_str(&line);
        heard.lock().unwrap().push('\n');
    }
}

fn complaints_file(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("stderr")
}

fn complaints(data_dir: &Path) -> File {
    File::create(complaints_file(data_dir)).unwrap()
}

/// A command on the demo's data. Nothing of the environment reaches it that
/// could be a setting.
fn idlink(data_dir: &Path) -> Command {
    let mut command = Command::new(IDLINK);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("IDLINK_")) {
        command.env_remove(name);
    }
    command
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    idlink(data_dir).args(arguments).output().await.unwrap()
}

async fn run_well(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run(data_dir, arguments).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

async fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .await
        .unwrap();
    assert!(status.success(), "no process {pid} to send {name} to");
}

async fn status(address: &str) -> StatusCode {
    reqwest::get(address).await.unwrap().status()
}

#[tokio::test]
async fn a_demo_prints_addresses_that_answer_and_stops_at_ctrl_c() {
    let demo = Demo::start(&new_folder("demo")).await;
    for of in [
        "Contoso Trade (B2B)",
        "Contoso Shop (B2C)",
        "Mock B2C tenant",
        "its mailbox",
        "its traces",
        "Mock External ID tenant",
        "that one's mailbox",
        "that one's traces",
        "its health",
    ] {
        let address = demo.address(of);
        assert_eq!(status(address).await, StatusCode::OK, "{of} {address}");
    }
    let connector = demo.address("idlink, the connector");
    let connector = format!("{connector}connectors/contoso/user-flow");
    assert_eq!(status(&connector).await, StatusCode::METHOD_NOT_ALLOWED);
    let took = demo.interrupt().await;
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_second_start_goes_on_where_the_first_one_stopped() {
    let folder = new_folder("demo");
    let first = Demo::start(&folder).await;
    let addresses = first.addresses.clone();
    assert!(first.steps.iter().any(|step| step.contains("13 added")));
    // From another terminal, while it runs.
    run_well(&folder, &["customer", "approve", "US-105"]).await;
    run_well(&folder, &["customer", "block", "US-101"]).await;
    run_well(&folder, &["feature", "disable"]).await;
    let users = format!("{}__emulator/users", first.address("Mock B2C tenant"));
    let before = reqwest::get(&users).await.unwrap().text().await.unwrap();
    first.interrupt().await;

    let second = Demo::start(&folder).await;
    assert_eq!(second.addresses, addresses);
    assert!(
        !second.steps.iter().any(|step| step.contains("added")),
        "{:?}",
        second.steps
    );
    let approved = run_well(&folder, &["customer", "show", "US-105"]).await;
    assert!(
        approved.starts_with("customer US-105: active"),
        "{approved}"
    );
    let blocked = run_well(&folder, &["customer", "show", "US-101"]).await;
    assert!(blocked.starts_with("customer US-101: blocked"), "{blocked}");
    let feature = run_well(&folder, &["feature", "status"]).await;
    assert!(feature.contains("linking: off"), "{feature}");
    let after = reqwest::get(&users).await.unwrap().text().await.unwrap();
    assert_eq!(after, before);
    second.interrupt().await;
}

#[tokio::test]
async fn the_demos_settings_serve_other_commands_too() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let file = folder.join("demo.toml");
    let file = file.to_str().unwrap();
    let shown = run_well(&folder, &["--config", file, "customer", "show", "US-201"]).await;
    assert!(shown.starts_with("customer US-201: active"), "{shown}");
    demo.interrupt().await;
}

#[tokio::test]
async fn settings_of_an_earlier_version_are_told_from_ones_that_will_do() {
    let folder = new_folder("demo");
    Demo::start(&folder).await.interrupt().await;
    let file = folder.join("demo.toml");
    let whole = fs::read_to_string(&file).unwrap();
    // One site and one policy, as they were before there were three ways in.
    let begins = whole.find("[sites.trade-external]").unwrap();
    let ends = whole.find("[sites.shop]").unwrap();
    let without_site = format!("{}{}", &whole[..begins], &whole[ends..]);
    let without_policy = whole.replace(", \"B2C_1A_Idlink_SignUpOrSignIn_Social\"", "");
    for text in [without_site, without_policy] {
        assert_ne!(text, whole);
        fs::write(&file, text).unwrap();
        let output = run(&folder, &["demo"]).await;
        assert!(!output.status.success());
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("demo.toml"), "{complaint}");
        assert!(complaint.contains("move it away"), "{complaint}");
    }
    fs::remove_file(&file).unwrap();
    Demo::start(&folder).await.interrupt().await;
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
}

#[tokio::test]
async fn a_second_demo_in_the_same_folder_says_where_the_first_one_is() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let output = run(&folder, &["demo"]).await;
    assert!(!output.status.success());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains(demo.address("Contoso Trade (B2B)")),
        "{complaint}"
    );
    assert!(complaint.contains("--data-dir"), "{complaint}");
    demo.interrupt().await;
}

#[tokio::test]
async fn a_killed_demo_leaves_no_postgres_behind() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let postgres = folder.join("postgres");
    signal(demo.pid(), "KILL").await;
    // Every process of the server has this file locked.
    let log = File::options()
        .append(true)
        .open(postgres.join("server.log"))
        .unwrap();
    let free = tokio::task::spawn_blocking(move || log.lock());
    let freed = timeout(STOP_LIMIT, free).await;
    freed
        .unwrap_or_else(|_| panic!("PostgreSQL still runs"))
        .unwrap()
        .unwrap();
    let again = Demo::start(&folder).await;
    again.interrupt().await;
}

// ------------------------------------------------- a shop and a stand-in idlink

/// What the stand-in's tenant signs: nothing, as a shop need not check it.
fn id_token(issuer: &str, nonce: &str) -> String {
    id_token_with(issuer, nonce, &json!({}))
}

fn id_token_with(issuer: &str, nonce: &str, more: &Value) -> String {
    let mut claims = json!({
        "iss": issuer,
        "aud": "shop-client",
        "nonce": nonce,
        "exp": OffsetDateTime::now_utc().unix_timestamp() + 60,
        "name": "Ada <b>Lindqvist</b>",
        "emails": ["ada@northwind.example"],
    });
    let more = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims))
}

/// A shop, and a browser in front of it that follows no redirect.
struct Counter {
    way: &'static str,
    stand_in: MockServer,
    shop: Shop,
    browser: reqwest::Client,
}

/// A sign-in on its way, as the browser and the tenant know it.
struct Begun {
    cookie: String,
    sent: BTreeMap<String, String>,
}

impl Counter {
    async fn open() -> Self {
        Self::with(Dialect::UserFlow).await
    }

    async fn with(dialect: Dialect) -> Self {
        let stand_in = MockServer::start().await;
        let uri = stand_in.uri();
        let metadata = json!({
            "issuer": uri,
            "authorization_endpoint": format!("{uri}/authorize?p=flow"),
            "token_endpoint": format!("{uri}/token"),
        });
        Mock::given(method("GET"))
            .and(path("/metadata"))
            .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
            .mount(&stand_in)
            .await;
        let settings = shop::Settings {
            name: "A shop".to_owned(),
            kind: shop::Kind::Consumer,
            ways: vec![Way {
                dialect,
                metadata_url: format!("{uri}/metadata"),
                client_id: "shop-client".to_owned(),
                client_secret: "shop-secret".to_owned(),
                mailbox: format!("{uri}/mailbox"),
                trace: format!("{uri}/traces?id="),
            }],
            lookup: "idlink attempt show".to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let browser = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            way: dialect.name(),
            stand_in,
            shop: shop::start(settings, listener).unwrap(),
            browser,
        }
    }

    async fn get(&self, path: &str, cookie: &str) -> reqwest::Response {
        let address = format!("{}{path}", self.shop.url());
        let request = self.browser.get(address).header("cookie", cookie);
        request.send().await.unwrap()
    }

    async fn begin(&self) -> Begun {
        let response = self.get(&format!("sign-in/{}", self.way), "").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let sent = Url::parse(&header(&response, "location")).unwrap();
        Begun {
            cookie: first_cookie(&response),
            sent: sent.query_pairs().into_owned().collect(),
        }
    }

    async fn answer_token(&self, status: u16, body: Value) {
        Mock::given(method("POST"))
            .and(path("/token"))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .mount(&self.stand_in)
            .await;
    }

    async fn come_back(&self, begun: &Begun) -> reqwest::Response {
        let path = format!("callback?code=c0de&state={}", begun.sent["state"]);
        self.get(&path, &begun.cookie).await
    }
}

fn header(response: &reqwest::Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

fn first_cookie(response: &reqwest::Response) -> String {
    let cookie = header(response, "set-cookie");
    assert!(cookie.contains("HttpOnly"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_shop_sends_what_openid_connect_and_idlink_want() {
    let counter = Counter::open().await;
    let begun = counter.begin().await;
    assert_eq!(begun.sent["p"], "flow");
    assert_eq!(begun.sent["response_type"], "code");
    assert_eq!(begun.sent["code_challenge_method"], "S256");
    let token = id_token(&counter.stand_in.uri(), &begun.sent["nonce"]);
    let body = json!({ "id_token": token, "customer_id": "US-101", "customer_link": "linked" });
    counter.answer_token(200, body).await;
    let back = counter.come_back(&begun).await;
    assert_eq!(header(&back, "location"), "/");
    let home = counter.get("", &first_cookie(&back)).await;
    let home = home.text().await.unwrap();
    assert!(home.contains(">US-101<"), "{home}");
    assert!(!home.contains("<b>"), "a name is text: {home}");

    let requests = counter.stand_in.received_requests().await.unwrap();
    let posted = requests
        .iter()
        .find(|request| request.url.path() == "/token");
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&posted.unwrap().body)
        .into_owned()
        .collect();
    let challenge = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(
        URL_SAFE_NO_PAD.encode(challenge),
        begun.sent["code_challenge"]
    );
    assert_eq!(form["redirect_uri"], begun.sent["redirect_uri"]);
    assert_eq!(form["nonce"], begun.sent["nonce"]);
    assert_eq!(form["ui_locales"], "en");
    // The sign-in has ended: its code serves nobody a second time.
    let again = counter.come_back(&begun).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_shop_finds_external_ids_number_in_the_token() {
    let counter = Counter::with(Dialect::ExternalId).await;
    let begun = counter.begin().await;
    assert_eq!(begun.sent["scope"], "openid profile email");
    let issuer = counter.stand_in.uri();
    let told = json!({ "customerId": "US-101", "customerLink": "linked" });
    let token = id_token_with(&issuer, &begun.sent["nonce"], &told);
    counter
        .answer_token(200, json!({ "id_token": token }))
        .await;
    let back = counter.come_back(&begun).await;
    let home = counter.get("", &first_cookie(&back)).await;
    let home = home.text().await.unwrap();
    assert!(home.contains(">US-101<"), "{home}");
    assert!(home.contains("data-link=\"linked\""), "{home}");
    let requests = counter.stand_in.received_requests().await.unwrap();
    let posted = requests
        .iter()
        .find(|request| request.url.path() == "/token");
    let form = String::from_utf8(posted.unwrap().body.clone()).unwrap();
    // The tenant's own endpoint: nothing in it is for idlink.
    assert!(!form.contains("ui_locales"), "{form}");
}

#[tokio::test]
async fn a_shop_says_when_a_number_is_not_known_now() {
    let counter = Counter::open().await;
    let begun = counter.begin().await;
    let token = id_token(&counter.stand_in.uri(), &begun.sent["nonce"]);
    let body = json!({ "id_token": token, "customer_link": "unavailable" });
    counter.answer_token(200, body).await;
    let back = counter.come_back(&begun).await;
    let home = counter.get("", &first_cookie(&back)).await;
    let home = home.text().await.unwrap();
    assert!(home.contains("cannot be looked up right now"), "{home}");
}

#[tokio::test]
async fn a_shop_lets_nobody_in_with_somebody_elses_sign_in() {
    let counter = Counter::open().await;
    let begun = counter.begin().await;
    let token = id_token(&counter.stand_in.uri(), "another nonce");
    counter
        .answer_token(200, json!({ "id_token": token }))
        .await;
    // A code that somebody else's browser was made to bring.
    let path = format!("callback?code=c0de&state={}", begun.sent["state"]);
    let foreign = counter.get(&path, "").await;
    assert_eq!(foreign.status(), StatusCode::BAD_REQUEST);
    // A token that belongs to another sign-in.
    let back = counter.come_back(&begun).await;
    assert_eq!(back.status(), StatusCode::BAD_GATEWAY);
    assert!(!back.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn a_shop_explains_what_went_wrong_behind_it() {
    let refused = json!({
        "error": "invalid_grant",
        "user_message": "Call us & say <7K2M-Q9XD>",
        "reference": "7K2M-Q9XD",
    });
    let cases = [
        (400, refused, StatusCode::FORBIDDEN, "Call us"),
        (
            400,
            json!({ "error": "invalid_grant" }),
            StatusCode::BAD_GATEWAY,
            "did not work",
        ),
        (
            503,
            json!({ "error": "temporarily_unavailable" }),
            StatusCode::SERVICE_UNAVAILABLE,
            "not possible right now",
        ),
        (
            200,
            json!({ "id_token": "x" }),
            StatusCode::BAD_GATEWAY,
            "did not work",
        ),
    ];
    for (status, body, expected, words) in cases {
        let counter = Counter::open().await;
        let begun = counter.begin().await;
        counter.answer_token(status, body.clone()).await;
        let back = counter.come_back(&begun).await;
        assert_eq!(back.status(), expected, "{body}");
        let page = back.text().await.unwrap();
        assert!(page.contains(words), "{body}: {page}");
        assert!(!page.contains("<7K2M"), "a message is text: {page}");
    }
}
