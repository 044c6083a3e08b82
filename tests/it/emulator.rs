//! The mock tenant, driven as a browser and an application drive a real one,
//! against a connector that is not ours.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_lc_rs::{digest, rsa::PublicKeyComponents, signature::RSA_PKCS1_2048_8192_SHA256};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use idlink::emulator::{
    self, Application, Attribute, AttributeKind, Connector, Connectors, Emulator, SeedUser,
    SessionScope, Settings, StartError, UserFlow,
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use url::Url;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

const FLOW: &str = "B2C_1_signupsignin";
const WEB: &str = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
const OTHER: &str = "0a64ad45-12aa-4f6e-8c1e-5d3b0a3f7f10";
const SPA: &str = "c2f0a1de-66a1-4d64-9a52-1de5f2f4a7c3";
const SECRET: &str = "s3cr:t &=+%ü";
const REDIRECT: &str = "https://shop.example/callback";
const APP_ID: &str = "a3f09c1b7d6e4c58b2e1905f4d7a6c33";
const PASSWORD: &str = "correct horse";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

// ---------------------------------------------------------------- the tenant

fn flow() -> UserFlow {
    let mut flow = UserFlow::new(FLOW);
    flow.attributes.extend([
        Attribute::new("city"),
        Attribute::new("extension_LoyaltyNumber").label("Loyalty number"),
        Attribute::new("extension_AcceptedTerms").kind(AttributeKind::Boolean),
        Attribute::new("extension_Age").kind(AttributeKind::Integer),
        Attribute::new("extension_CustomerNumber").hidden(),
    ]);
    flow.application_claims.extend(
        [
            "city",
            "extension_LoyaltyNumber",
            "extension_CustomerNumber",
            "extension_Tier",
        ]
        .map(str::to_owned),
    );
    flow
}

fn application(client_id: &str, secret: Option<&str>) -> Application {
    Application {
        client_id: client_id.to_owned(),
        name: "Shop".to_owned(),
        secret: secret.map(str::to_owned),
        redirect_uris: vec![
            REDIRECT.to_owned(),
            "https://shop.example/cb?x=1".to_owned(),
        ],
        post_logout_redirect_uris: vec!["https://shop.example/bye".to_owned()],
    }
}

fn settings() -> Settings {
    let mut settings = Settings::new("contoso");
    settings.user_flows = vec![flow(), UserFlow::new("B2C_1_other")];
    settings.applications = vec![
        application(WEB, Some(SECRET)),
        application(OTHER, Some("other")),
        application(SPA, None),
    ];
    settings
}

/// A tenant with nothing behind its connectors.
async fn alone() -> Emulator {
    emulator::start(settings()).await.unwrap()
}

/// A tenant whose three connectors are one server that answers as told.
struct Desk {
    tenant: Emulator,
    connector: MockServer,
}

impl Desk {
    async fn new() -> Self {
        Self::with(settings()).await
    }

    async fn with(settings: Settings) -> Self {
        let connector = MockServer::start().await;
        let tenant = emulator::start(settings).await.unwrap();
        let desk = Self { tenant, connector };
        desk.tenant.set_connectors(FLOW, desk.connectors()).unwrap();
        desk
    }

    fn connectors(&self) -> Connectors {
        Connectors::all(&Connector {
            url: format!("{}/hook?code=7h3-key", self.connector.uri()),
            username: "b2c-caller".to_owned(),
            password: "s3:cret".to_owned(),
        })
    }

    /// What one step is answered; the newest such rule counts.
    async fn on(&self, step: &str, reply: ResponseTemplate) {
        Mock::given(matchers::body_partial_json(json!({ "step": step })))
            .respond_with(reply)
            .with_priority(1)
            .mount(&self.connector)
            .await;
    }

    async fn always_continue(&self) {
        Mock::given(matchers::any())
            .respond_with(continue_with(json!({})))
            .with_priority(5)
            .mount(&self.connector)
            .await;
    }

    async fn bodies(&self, step: &str) -> Vec<Value> {
        let requests = self.connector.received_requests().await.unwrap();
        let bodies = requests
            .iter()
            .map(|r| serde_json::from_slice::<Value>(&r.body).unwrap());
        bodies.filter(|body| body["step"] == step).collect()
    }
}

fn continue_with(claims: Value) -> ResponseTemplate {
    let mut body = json!({ "version": "1.0.0", "action": "Continue" });
    body.as_object_mut()
        .unwrap()
        .extend(claims.as_object().unwrap().clone());
    ResponseTemplate::new(200).set_body_json(body)
}

fn block(message: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(
        json!({ "version": "1.0.0", "action": "ShowBlockPage", "userMessage": message }),
    )
}

fn invalid(message: &str) -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_json(json!({
        "version": "1.0.0", "status": 400, "action": "ValidationError", "userMessage": message,
    }))
}

// --------------------------------------------------------------- the browser

/// A browser without scripts: it keeps cookies, follows redirects inside the
/// tenant and stops at those that leave it.
struct Browser {
    http: reqwest::Client,
    base: String,
    cookies: BTreeMap<String, String>,
    language: &'static str,
}

struct Page {
    status: StatusCode,
    url: String,
    location: Option<String>,
    body: String,
}

impl Browser {
    fn new(tenant: &Emulator) -> Self {
        Self {
            http: http(),
            base: tenant.base_url(),
            cookies: BTreeMap::new(),
            language: "en-US",
        }
    }

    async fn get(&mut self, url: &str) -> Page {
        let url = self.absolute(url);
        self.go(url, None).await
    }

    async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let url = self.absolute(url);
        self.go(url, Some(form)).await
    }

    /// Sends a page's form: its hidden fields and what is given.
    async fn fill(&mut self, page: &Page, form: &[(&str, &str)]) -> Page {
        let hidden = page.hidden();
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
        all.extend(form);
        let action = page.between("method=\"post\" action=\"", "\"").unwrap();
        self.post(&action, &all).await
    }

    fn absolute(&self, url: &str) -> String {
        match url.starts_with('/') {
            true => format!("{}{url}", self.base),
            false => url.to_owned(),
        }
    }

    async fn go(&mut self, mut url: String, mut form: Option<&[(&str, &str)]>) -> Page {
        loop {
            let request = match form.take() {
                Some(form) => self.http.post(&url).form(form),
                None => self.http.get(&url),
            };
            let cookies: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let response = request
                .header("Cookie", cookies.join("; "))
                .header("Accept-Language", self.language)
                .header("Accept", "text/html,*/*")
                .send()
                .await
                .unwrap();
            self.keep_cookies(&response);
            let location = response.headers().get("location");
            let location = location.map(|l| l.to_str().unwrap().to_owned());
            match location {
                Some(inside) if inside.starts_with('/') => url = self.absolute(&inside),
                location => {
                    return Page {
                        status: response.status(),
                        url,
                        location,
                        body: response.text().await.unwrap(),
                    };
                }
            }
        }
    }

    fn keep_cookies(&mut self, response: &Response) {
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}

impl Page {
    fn between(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(before)?;
        Some(rest.split_once(after)?.0.replace("&amp;", "&"))
    }

    fn has(&self, id: &str) -> bool {
        self.body.contains(&format!("id=\"{id}\""))
    }

    /// Text of an element that contains no other.
    fn text(&self, id: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("id=\"{id}\""))?;
        let (_, rest) = rest.split_once('>')?;
        let text = rest.split_once('<')?.0;
        Some(
            text.replace("&#39;", "'")
                .replace("&#34;", "\"")
                .replace("&amp;", "&"),
        )
    }

    fn value(&self, id: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("id=\"{id}\""))?;
        let tag = rest.split_once('>')?.0;
        let (_, value) = tag.split_once("value=\"")?;
        Some(value.split_once('"')?.0.to_owned())
    }

    fn link(&self, id: &str) -> String {
        self.between(&format!("id=\"{id}\" href=\""), "\"").unwrap()
    }

    fn hidden(&self) -> Vec<(String, String)> {
        let inputs = self.body.split("<input type=\"hidden\" name=\"").skip(1);
        inputs
            .map(|input| {
                let (name, rest) = input.split_once("\" value=\"").unwrap();
                (name.to_owned(), rest.split_once('"').unwrap().0.to_owned())
            })
            .collect()
    }

    /// A parameter that went to the application with the redirect.
    fn parameter(&self, name: &str) -> Option<String> {
        let location = self.location.as_deref()?;
        let (_, parameters) = location.split_once(['?', '#'])?;
        let mut pairs = url::form_urlencoded::parse(parameters.as_bytes());
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }

    fn code(&self) -> String {
        self.parameter("code")
            .unwrap_or_else(|| panic!("no code: {} {:?} {}", self.status, self.location, self.body))
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

fn endpoint(tenant: &Emulator, rest: &str) -> String {
    format!(
        "{}/contoso.onmicrosoft.com/{FLOW}/{rest}",
        tenant.base_url()
    )
}

fn authorize_url(tenant: &Emulator, changes: &[(&str, &str)]) -> String {
    let mut parameters = BTreeMap::from([
        ("client_id", WEB),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid offline_access"),
        ("state", "xyz"),
        ("nonce", "f7b1c0"),
    ]);
    for (name, value) in changes {
        match value.is_empty() {
            true => parameters.remove(name),
            false => parameters.insert(name, value),
        };
    }
    let url = endpoint(tenant, "oauth2/v2.0/authorize");
    Url::parse_with_params(&url, parameters).unwrap().into()
}

/// Sign-up with an address up to the form that creates the account.
async fn proven(browser: &mut Browser, tenant: &Emulator, address: &str) -> Page {
    let page = browser.get(&authorize_url(tenant, &[])).await;
    let page = browser.get(&page.link("signup-link")).await;
    let page = browser
        .fill(&page, &[("email", address), ("action", "send-code")])
        .await;
    let code = tenant.newest_code(address).unwrap();
    let page = browser
        .fill(&page, &[("code", &code), ("action", "verify-code")])
        .await;
    assert!(
        page.has("info-message") && page.has("change-email"),
        "{}",
        page.body
    );
    page
}

async fn create(browser: &mut Browser, page: &Page, extra: &[(&str, &str)]) -> Page {
    let mut form = vec![
        ("password", PASSWORD),
        ("password_confirm", PASSWORD),
        ("displayName", "Jonas Weber"),
        ("action", "create"),
    ];
    form.extend(extra);
    browser.fill(page, &form).await
}

async fn sign_up(browser: &mut Browser, tenant: &Emulator, address: &str) -> Page {
    let page = proven(browser, tenant, address).await;
    create(browser, &page, &[]).await
}

async fn sign_in(browser: &mut Browser, tenant: &Emulator, address: &str) -> Page {
    let page = browser
        .get(&authorize_url(tenant, &[("prompt", "login")]))
        .await;
    let form = [
        ("email", address),
        ("password", PASSWORD),
        ("action", "signin"),
    ];
    browser.fill(&page, &form).await
}

async fn through_google(browser: &mut Browser, tenant: &Emulator, form: &[(&str, &str)]) -> Page {
    let page = browser
        .get(&authorize_url(tenant, &[("prompt", "login")]))
        .await;
    let page = browser.get(&page.link("social-google-com")).await;
    let mut all = vec![("action", "continue")];
    all.extend(form);
    browser.fill(&page, &all).await
}

// ----------------------------------------------------------- the application

async fn post_token(tenant: &Emulator, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let url = endpoint(tenant, "oauth2/v2.0/token");
    let response = http().post(url).form(form).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn exchange(tenant: &Emulator, code: &str) -> Value {
    let (status, body) = post_token(tenant, &code_form(code)).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn code_form(code: &str) -> Vec<(&str, &str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", WEB),
        ("client_secret", SECRET),
        ("redirect_uri", REDIRECT),
        ("code", code),
    ]
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn claims(token: &str) -> Value {
    decoded(token.split('.').nth(1).unwrap())
}

fn id_claims(response: &Value) -> Value {
    claims(response["id_token"].as_str().unwrap())
}

/// Verified as anybody would from the published keys.
async fn is_signed(tenant: &Emulator, token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let header = decoded(parts[0]);
    let keys: Value = get_json(&endpoint(tenant, "discovery/v2.0/keys")).await;
    let Some(key) = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["kid"] == header["kid"])
    else {
        return false;
    };
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let key = PublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    let message = format!("{}.{}", parts[0], parts[1]);
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    header["alg"] == "RS256"
        && key
            .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
            .is_ok()
}

async fn get_json(url: &str) -> Value {
    http().get(url).send().await.unwrap().json().await.unwrap()
}

async fn control(
    tenant: &Emulator,
    method: reqwest::Method,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let url = format!("{}/__emulator/{path}", tenant.base_url());
    let response = http()
        .request(method, url)
        .json(&body)
        .send()
        .await
        .unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn put(tenant: &Emulator, path: &str, body: Value) {
    let (status, reply) = control(tenant, reqwest::Method::PUT, path, body).await;
    assert_eq!(status, 204, "{reply}");
}

async fn script(tenant: &Emulator, body: Value) {
    let (status, reply) = control(tenant, reqwest::Method::POST, "next-token", body).await;
    assert_eq!(status, 204, "{reply}");
}

async fn audit(tenant: &Emulator) -> Vec<Value> {
    let audit = get_json(&format!("{}/__emulator/audit", tenant.base_url())).await;
    audit.as_array().unwrap().clone()
}

async fn users(tenant: &Emulator) -> Vec<Value> {
    let users = get_json(&format!("{}/__emulator/users", tenant.base_url())).await;
    users.as_array().unwrap().clone()
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

// ------------------------------------------------------------------ metadata

#[tokio::test]
async fn both_url_forms_describe_the_tenant() {
    let tenant = alone().await;
    let base = tenant.base_url();
    let guid = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
    let path = get_json(&tenant.metadata_url(FLOW)).await;
    assert_eq!(path["issuer"], format!("{base}/{guid}/v2.0/"));
    assert_eq!(path["issuer"], tenant.issuer());
    assert_eq!(
        path["token_endpoint"],
        format!("{base}/contoso.onmicrosoft.com/b2c_1_signupsignin/oauth2/v2.0/token")
    );
    assert_eq!(
        path["id_token_signing_alg_values_supported"],
        json!(["RS256"])
    );

    let query = format!("{base}/{guid}/v2.0/.well-known/openid-configuration?p=b2c_1_SIGNUPSIGNIN");
    let query = get_json(&query).await;
    assert_eq!(query["issuer"], path["issuer"]);
    assert_eq!(
        query["jwks_uri"],
        format!("{base}/contoso.onmicrosoft.com/discovery/v2.0/keys?p=b2c_1_signupsignin")
    );
    for uri in [&path["jwks_uri"], &query["jwks_uri"]] {
        let keys = get_json(uri.as_str().unwrap()).await;
        let key = keys["keys"][0].as_object().unwrap();
        let members: Vec<_> = key.keys().map(String::as_str).collect();
        assert_eq!(members, ["e", "kid", "kty", "n", "nbf", "use"]);
    }
    for wrong in [
        format!("{base}/{guid}/v2.0/.well-known/openid-configuration"),
        format!("{base}/fabrikam.onmicrosoft.com/{FLOW}/v2.0/.well-known/openid-configuration"),
        format!("{base}/{guid}/B2C_1_nothing/v2.0/.well-known/openid-configuration"),
    ] {
        assert_eq!(
            http().get(&wrong).send().await.unwrap().status(),
            404,
            "{wrong}"
        );
    }
}

// ------------------------------------------------------------ what is called

#[tokio::test]
async fn a_local_sign_up_asks_with_the_documented_bodies() {
    let desk = Desk::new().await;
    let number = format!("extension_{APP_ID}_CustomerNumber");
    desk.on(
        "PostAttributeCollection",
        continue_with(json!({ number: "100-7" })),
    )
    .await;
    desk.on(
        "PreTokenIssuance",
        continue_with(json!({ "extension_Tier": "gold" })),
    )
    .await;
    let mut browser = Browser::new(&desk.tenant);
    let page = proven(&mut browser, &desk.tenant, "jonas@post.example").await;
    let typed = [
        ("city", "Leeds"),
        ("extension_LoyaltyNumber", "LN-20417"),
        ("extension_AcceptedTerms", "true"),
        ("extension_Age", "41"),
    ];
    let page = create(&mut browser, &page, &typed).await;

    let response = exchange(&desk.tenant, &page.code()).await;
    let token = id_claims(&response);
    let object_id = token["oid"].as_str().unwrap();
    assert_eq!(
        desk.bodies("PostFederationSignup").await,
        Vec::<Value>::new()
    );
    assert_eq!(
        desk.bodies("PostAttributeCollection").await,
        [json!({
            "step": "PostAttributeCollection",
            "client_id": "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908",
            "ui_locales": "en-US",
            "email": "jonas@post.example",
            "city": "Leeds",
            "displayName": "Jonas Weber",
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_AcceptedTerms": true,
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Age": 41,
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_LoyaltyNumber": "LN-20417",
        })]
    );
    assert_eq!(
        desk.bodies("PreTokenIssuance").await,
        [json!({
            "client_id": "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908",
            "step": "PreTokenIssuance",
            "ui_locales": "en-US",
            "email": "jonas@post.example",
            "objectId": object_id,
            "city": "Leeds",
            "displayName": "Jonas Weber",
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_AcceptedTerms": true,
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Age": 41,
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_CustomerNumber": "100-7",
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_LoyaltyNumber": "LN-20417",
        })]
    );
    for request in desk.connector.received_requests().await.unwrap() {
        assert_eq!(request.method.as_str(), "POST");
        assert_eq!(request.url.query(), Some("code=7h3-key"));
        assert_eq!(request.headers["content-type"], "application/json");
        let basic = format!("Basic {}", STANDARD.encode("b2c-caller:s3:cret"));
        assert_eq!(request.headers["authorization"], basic.as_str());
    }
    let expected = json!({
        "ver": "1.0",
        "iss": desk.tenant.issuer(),
        "sub": object_id,
        "oid": object_id,
        "aud": WEB,
        "exp": token["iat"].as_i64().unwrap() + 3600,
        "nbf": token["iat"],
        "iat": token["iat"],
        "auth_time": token["auth_time"],
        "nonce": "f7b1c0",
        "at_hash": token["at_hash"],
        "newUser": true,
        "name": "Jonas Weber",
        "emails": ["jonas@post.example"],
        "city": "Leeds",
        "extension_LoyaltyNumber": "LN-20417",
        "extension_CustomerNumber": "100-7",
        "extension_Tier": "gold",
        "tfp": "B2C_1_signupsignin",
    });
    assert_eq!(token, expected);
    assert!(is_signed(&desk.tenant, response["id_token"].as_str().unwrap()).await);
}
