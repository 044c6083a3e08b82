//! A tenant with our policies, a service that they call, and whoever comes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use idlink::domain::identity::{Issuer, Provider};
use idlink::domain::trust::Trust;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use url::Url;

use crate::emulator::browser::{Browser, Page};
use crate::support::business;
use crate::support::postgres::{Database, connect, database};
use crate::support::program::Folder;
use crate::support::service::{
    PASSWORD as CALLERS_PASSWORD, SHOP, Service, Setup, TRADE, USERNAME,
};

pub(super) const PASSWORD: &str = "Correct-horse-1";
pub(super) const CALLBACK: &str = "https://shop.example/cb";
const SECRET: &str = "s3cret-of-the-shop";
/// The emulator's own application, which shows what it was told.
pub(super) const TRY_IT: &str = "e0a7c1f2-5b64-4d0e-9d38-6a1f0b7c2e55";

/// RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where the policies of production call idlink.
const IDLINK: &str = "https://signup.contoso.example/";

pub(super) const CHECK: &str = "REST-CustomerLink-CheckLocal";
pub(super) const RECORD: &str = "REST-CustomerLink-RecordLocal";
pub(super) const OUTCOME: &str = "REST-CustomerLink-Outcome";
pub(super) const CHECK_FEDERATED: &str = "REST-CustomerLink-CheckFederated";
pub(super) const RECORD_FEDERATED: &str = "REST-CustomerLink-RecordFederated";

/// A relying party of the shipped set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Local,
    Social,
}

impl Policy {
    pub(super) const BOTH: [Self; 2] = [Self::Local, Self::Social];

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Local => "B2C_1A_Idlink_SignUpOrSignIn_Local",
            Self::Social => "B2C_1A_Idlink_SignUpOrSignIn_Social",
        }
    }
}

/// A site's application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// For businesses: whoever is no customer is refused.
    Trade,
    /// For everybody: whoever is no customer becomes one.
    Shop,
}

impl Site {
    fn client_id(self) -> &'static str {
        match self {
            Self::Trade => TRADE,
            Self::Shop => SHOP,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Shop => "shop",
        }
    }
}

/// `idlink emulate`, with our policies.
pub(super) struct Tenant {
    pub(super) base: String,
    http: reqwest::Client,
    _child: Child,
    /// It would be told that nobody listens any more.
    _lines: Lines<BufReader<ChildStdout>>,
    _folder: Folder,
}

pub(super) const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn shipped(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("policies")
        .join(set)
}

impl Tenant {
    pub(super) async fn start(policies: &[PathBuf]) -> Self {
        let folder = Folder::new();
        let file = folder.write("emulate.toml", &settings(policies));
        let mut child = Command::new(env!("CARGO_BIN_EXE_idlink"))
            .arg("--config")
            .arg(file)
            .arg("--data-dir")
            .arg(&folder.0)
            .arg("emulate")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let address = timeout(LIMIT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                said.push_str(&line);
                said.push('\n');
                if let Some(address) = line.trim().strip_prefix("HTTP ") {
                    return address.trim().trim_end_matches('/').to_owned();
                }
            }
            panic!("not started:\n{said}")
        });
        Self {
            base: address.await.unwrap(),
            http: http(),
            _child: child,
            _lines: lines,
            _folder: folder,
        }
    }

    pub(super) fn issuer(&self) -> String {
        format!("{}/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/", self.base)
    }

    pub(super) fn browser(&self) -> Browser {
        Browser::sharing(self.http.clone(), &self.base)
    }

    fn endpoint(&self, policy: Policy, rest: &str) -> String {
        let (base, policy) = (&self.base, policy.id());
        format!("{base}/contoso.onmicrosoft.com/{policy}/{rest}")
    }

    async fn control(&self, method: Method, path: &str, body: Value) {
        let url = format!("{}/__emulator/{path}", self.base);
        let request = self.http.request(method, url).json(&body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
    }

    pub(super) async fn put(&self, path: &str, body: Value) {
        self.control(Method::PUT, path, body).await;
    }

    pub(super) async fn post(&self, path: &str, body: Value) {
        self.control(Method::POST, path, body).await;
    }

    pub(super) async fn text(&self, path: &str) -> String {
        let url = format!("{}/__emulator/{path}", self.base);
        let response = self.http.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// The calls of the policies go to this service.
    pub(super) async fn send_calls_to(&self, service: &Service) {
        self.calls(service, json!([])).await;
    }

    /// So they do, but for what these rules say first.
    pub(super) async fn calls(&self, service: &Service, first: Value) {
        let to = format!("http://{}/", service.address());
        let mut rules = first.as_array().unwrap().clone();
        rules.push(json!({ "url_prefix": IDLINK, "send_to": to }));
        // A rule without a way of its own that only slows a call down.
        for rule in &mut rules {
            let is_sent = rule.get("fault").is_none() && rule.get("reply").is_none();
            if is_sent {
                rule["url_prefix"] = IDLINK.into();
                rule["send_to"] = to.clone().into();
            }
        }
        self.put("rest", json!({ "rules": rules })).await;
    }
}

fn settings(policies: &[PathBuf]) -> String {
    let paths = json!(policies);
    // What was built is for one environment.
    let is_built = |path: &PathBuf| !path.join("appsettings.json").exists();
    let environment = match policies.iter().all(is_built) {
        true => "",
        false => "environment = \"Production\"",
    };
    let application = |id: &str, name: &str| {
        format!(
            "[[applications]]\nclient_id = \"{id}\"\nname = \"{name}\"\nsecret = \"{SECRET}\"\n\
             redirect_uris = [\"{CALLBACK}\"]\n"
        )
    };
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nhttps_listen = \"127.0.0.1:0\"\n\
         [policies]\npaths = {paths}\n{environment}\n\
         [policy_keys]\nB2C_1A_IdlinkUsername = {{ secret = \"{USERNAME}\" }}\n\
         B2C_1A_IdlinkPassword = {{ secret = \"{CALLERS_PASSWORD}\" }}\n{}{}",
        application(TRADE, "Contoso Trade"),
        application(SHOP, "Contoso Shop"),
    )
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// A tenant, its service, and the policy that the sites use.
pub(super) struct Desk {
    pub(super) tenant: Tenant,
    pub(super) service: Service,
    policy: Policy,
    database: Database,
}

impl Desk {
    /// Local accounts and Facebook are trusted.
    pub(super) async fn new(policy: Policy) -> Self {
        Self::with(policy, |_| {}).await
    }

    pub(super) async fn with(policy: Policy, change: impl FnOnce(&mut Setup)) -> Self {
        let policies = ["base", "custom"].map(shipped);
        Self::on(policy, &policies, change).await
    }

    pub(super) async fn on(
        policy: Policy,
        policies: &[PathBuf],
        change: impl FnOnce(&mut Setup),
    ) -> Self {
        let tenant = Tenant::start(policies).await;
        let database = database().await;
        let store = business::store(database.config()).await;
        let issuer = Issuer::new(tenant.issuer());
        let place = "v2.0/.well-known/openid-configuration";
        let metadata = tenant.endpoint(policy, place);
        let metadata = metadata.replace(policy.id(), "{policy}");
        let service = Service::at(store, &metadata, |setup| {
            setup.tenant.issuer = issuer;
            setup.tenant.policies = vec![policy.id().to_owned()];
            setup.tenant.trust = Trust::new([Provider::local(), Provider::named("facebook.com")]);
            change(setup);
        });
        let service = service.await;
        tenant.send_calls_to(&service).await;
        Self {
            tenant,
            service,
            policy,
            database,
        }
    }

    pub(super) fn browser(&self) -> Browser {
        self.tenant.browser()
    }

    pub(super) fn url(&self, site: Site, more: &[(&str, &str)]) -> String {
        let endpoint = self.tenant.endpoint(self.policy, "oauth2/v2.0/authorize");
        let usual = [
            ("client_id", site.client_id()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid offline_access"),
            ("state", "xyz"),
            ("nonce", "f7b1c0"),
        ];
        let parameters = usual.iter().chain(more);
        Url::parse_with_params(&endpoint, parameters)
            .unwrap()
            .into()
    }

    /// The same for the emulator's own application, with a code that nobody
    /// redeems.
    pub(super) fn try_it_url(&self) -> String {
        let endpoint = self.tenant.endpoint(self.policy, "oauth2/v2.0/authorize");
        let parameters = [
            ("client_id", TRY_IT),
            ("redirect_uri", &self.try_it_callback()),
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("scope", "openid"),
            ("nonce", "f7b1c0"),
        ];
        Url::parse_with_params(&endpoint, parameters)
            .unwrap()
            .into()
    }

    pub(super) fn try_it_callback(&self) -> String {
        format!("{}/__emulator/signed-in", self.tenant.base)
    }

    // ------------------------------------------------------------ the pages

    /// The first page, whoever was there before.
    pub(super) async fn open(&self, browser: &mut Browser, site: Site) -> Page {
        let page = browser.get(&self.url(site, &[("prompt", "login")])).await;
        assert!(page.has("next"), "{}", page.body);
        page
    }

    /// The sign-up page.
    pub(super) async fn open_sign_up(&self, browser: &mut Browser, site: Site) -> Page {
        let page = self.open(browser, site).await;
        let action = page.value("createAccount").unwrap();
        browser.fill(&page, &[("action", &action)]).await
    }

    pub(super) async fn code(&self, address: &str) -> String {
        let path = format!("mailbox?address={}", address.replace('+', "%2B"));
        let mail = self.tenant.json(&path).await;
        mail["code"].as_str().unwrap().to_owned()
    }

    /// Proves an address on the page that asks for it.
    pub(super) async fn prove(&self, browser: &mut Browser, page: &Page, address: &str) -> Page {
        let page = browser
            .fill(page, &[("email", address), ("action", "send-code:email")])
            .await;
        let code = self.code(address).await;
        let form = [("email_ver_input", &*code), ("action", "verify-code:email")];
        let page = browser.fill(&page, &form).await;
        assert!(page.has("email_ver_but_edit"), "{}", page.body);
        page
    }

    /// Fills in the rest of the sign-up page and sends it.
    pub(super) async fn create(&self, browser: &mut Browser, page: &Page, address: &str) -> Page {
        let form = [
            ("email", address),
            ("newPassword", PASSWORD),
            ("reenterPassword", PASSWORD),
            ("displayName", "Mina Kaur"),
            ("action", "continue"),
        ];
        browser.fill(page, &form).await
    }

    pub(super) async fn sign_up(&self, browser: &mut Browser, site: Site, address: &str) -> Page {
        let page = self.open_sign_up(browser, site).await;
        let page = self.prove(browser, &page, address).await;
        self.create(browser, &page, address).await
    }

    pub(super) async fn sign_in(&self, browser: &mut Browser, site: Site, address: &str) -> Page {
        let page = self.open(browser, site).await;
        self.enter(browser, &page, address, PASSWORD).await
    }

    pub(super) async fn enter(
        &self,
        browser: &mut Browser,
        page: &Page,
        address: &str,
        password: &str,
    ) -> Page {
        let form = [
            ("signInName", address),
            ("password", password),
            ("action", "continue"),
        ];
        browser.fill(page, &form).await
    }

    /// To Facebook and back, as who is said; without an address if it is empty.
    pub(super) async fn through_facebook(
        &self,
        browser: &mut Browser,
        site: Site,
        (subject, address): (&str, &str),
    ) -> Page {
        let page = self.open(browser, site).await;
        let page = browser
            .fill(&page, &[("action", "choose:FacebookExchange")])
            .await;
        self.come_back(browser, &page, (subject, address)).await
    }

    pub(super) async fn come_back(
        &self,
        browser: &mut Browser,
        page: &Page,
        (subject, address): (&str, &str),
    ) -> Page {
        assert!(page.body.contains("providerForm"), "{}", page.body);
        let mut form = vec![
            ("issuerUserId", subject),
            ("displayName", "Mina Kaur"),
            ("action", "continue"),
        ];
        match address {
            "" => form.push(("no_email", "true")),
            address => form.push(("email", address)),
        }
        browser.fill(page, &form).await
    }

    // ------------------------------------------------------ the application

    fn code_form<'a>(&self, site: Site, page: &'a Page) -> Vec<(&'a str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", page.code()),
            ("redirect_uri", CALLBACK.to_owned()),
            ("client_id", site.client_id().to_owned()),
            ("client_secret", SECRET.to_owned()),
        ]
    }

    async fn redeemed(&self, form: &[(&str, String)]) -> Value {
        let url = self.tenant.endpoint(self.policy, "oauth2/v2.0/token");
        let response = http().post(url).form(form).send().await.unwrap();
        let status = response.status();
        let tokens: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// The claims that the tenant's token has, and its whole answer.
    pub(super) async fn redeem(&self, site: Site, page: &Page) -> (Value, Value) {
        let tokens = self.redeemed(&self.code_form(site, page)).await;
        (claims(&tokens), tokens)
    }

    pub(super) async fn refresh(&self, site: Site, tokens: &Value) -> Value {
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token),
            ("client_id", site.client_id().to_owned()),
            ("client_secret", SECRET.to_owned()),
        ];
        claims(&self.redeemed(&form).await)
    }

    /// As the site's back end does it.
    pub(super) async fn redeem_at_site(&self, site: Site, page: &Page) -> (StatusCode, Value) {
        let request = self
            .service
            .post(&format!("/sites/{}/token", site.name()))
            .form(&self.code_form(site, page));
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap())
    }

    /// Both ways say the same number.
    pub(super) async fn is_linked(&self, site: Site, page: &Page, number: &str) -> Value {
        let (claims, _) = self.redeem(site, page).await;
        assert_eq!(claims["customerLink"], "linked", "{claims}");
        assert_eq!(claims["customerId"], number, "{claims}");
        claims
    }

    // -------------------------------------------------------- what is known

    pub(super) async fn accounts(&self) -> usize {
        let users = self.tenant.json("users").await;
        users.as_array().unwrap().len()
    }

    pub(super) async fn links(&self) -> i64 {
        self.count("SELECT count(*) FROM identity_link").await
    }

    pub(super) async fn count(&self, sql: &str) -> i64 {
        let client = connect(&self.database.config()).await;
        client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// The journey that began last. Nothing of it tells a secret.
    pub(super) async fn trace(&self) -> Trace {
        let list = self.tenant.json("traces?limit=1").await;
        let id = list[0]["id"].as_str().unwrap();
        let text = self.tenant.text(&format!("traces/{id}")).await;
        tells_no_secret(&text);
        Trace(serde_json::from_str(&text).unwrap())
    }
}

/// Passwords of people, of the caller, of the application.
pub(super) fn tells_no_secret(text: &str) {
    let basic = STANDARD.encode(format!("{USERNAME}:{CALLERS_PASSWORD}"));
    for secret in [PASSWORD, CALLERS_PASSWORD, &basic, SECRET] {
        assert!(!text.contains(secret), "{secret} is told in {text}");
    }
}

pub(super) fn claims(tokens: &Value) -> Value {
    let token = tokens["id_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Everything about a journey.
pub(super) struct Trace(pub(super) Value);

impl Trace {
    fn profiles(&self) -> impl Iterator<Item = &Value> {
        let steps = self.0["steps"].as_array().unwrap().iter();
        steps
            .flat_map(|step| step["happenings"].as_array().unwrap())
            .filter(|happening| happening["what"] == "profile")
    }

    /// Each call of a service: profile, status, attempts.
    pub(super) fn calls(&self) -> Vec<(&str, Option<u64>, u64)> {
        let called = self
            .profiles()
            .filter(|profile| profile["rest"].is_object());
        called
            .map(|profile| {
                let rest = &profile["rest"];
                (
                    profile["id"].as_str().unwrap(),
                    rest["status"].as_u64(),
                    rest["attempts"].as_u64().unwrap(),
                )
            })
            .collect()
    }

    pub(super) fn outcome(&self) -> &str {
        self.0["summary"]["outcome"].as_str().unwrap()
    }

    /// Whether the profile ran at all.
    pub(super) fn ran(&self, profile: &str) -> bool {
        self.profiles()
            .any(|own| own["id"] == profile && own["skippedBy"].is_null())
    }

    /// What pages said when they stayed.
    pub(super) fn said(&self) -> Vec<&str> {
        let steps = self.0["steps"].as_array().unwrap().iter();
        steps
            .flat_map(|step| step["happenings"].as_array().unwrap())
            .filter(|happening| happening["what"] == "page-stays")
            .map(|happening| happening["message"].as_str().unwrap())
            .collect()
    }
}

/// The sentence of a site, and a reference of eight characters in two groups.
pub(super) fn is_told(text: &str, topic: &str) {
    let reference = text.strip_prefix(&format!("{topic} sign_up "));
    let reference = reference.unwrap_or_else(|| panic!("{text} is not about {topic}"));
    let groups: Vec<_> = reference.split('-').map(str::len).collect();
    assert_eq!(groups, [4, 4], "{text}");
}

/// What a page that stayed says.
pub(super) fn error(page: &Page) -> String {
    let error = page.text("claimVerificationServerError");
    error.unwrap_or_else(|| panic!("no error on {} {:?}", page.body, page.location))
}

/// What the application was told: error and the code of its description.
pub(super) fn told(page: &Page) -> (String, String) {
    let error = page.parameter("error");
    let error = error.unwrap_or_else(|| panic!("{} {:?}", page.body, page.location));
    let description = page.parameter("error_description").unwrap();
    let code = description.split(':').next().unwrap().to_owned();
    (error, code)
}
