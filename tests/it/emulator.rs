//! The mock tenant, driven as a browser and an application drive a real one,
//! against a connector that is not ours.

pub(crate) mod browser;
mod directory;
mod external_id;
mod external_journey;
mod external_service;
mod pages;
mod policy_calls;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_lc_rs::{digest, rsa::PublicKeyComponents, signature::RSA_PKCS1_2048_8192_SHA256};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use browser::{Browser, Page};
use idlink::emulator::{
    self, Application, Attribute, AttributeKind, Connector, Connectors, Emulator, SeedUser,
    SessionScope, Settings, StartError, UserFlow,
};
use reqwest::StatusCode;
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
const PASSWORD: &str = "Correct horse 1";
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

fn browser(tenant: &Emulator) -> Browser {
    Browser::new(&tenant.base_url())
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
    let page = browser.press(&page, "createAccount", &[]).await;
    let page = browser
        .press(&page, "email_ver_but_send", &[("email", address)])
        .await;
    let code = tenant.newest_code(address).unwrap();
    let page = browser
        .press(&page, "email_ver_but_verify", &[("email_ver_input", &code)])
        .await;
    assert!(
        page.has("claimVerificationInfo") && page.has("email_ver_but_edit"),
        "{}",
        page.body
    );
    page
}

async fn create(browser: &mut Browser, page: &Page, extra: &[(&str, &str)]) -> Page {
    let mut form = vec![
        ("newPassword", PASSWORD),
        ("reenterPassword", PASSWORD),
        ("displayName", "Jonas Weber"),
    ];
    form.extend(extra);
    browser.press(page, "continue", &form).await
}

async fn sign_up(browser: &mut Browser, tenant: &Emulator, address: &str) -> Page {
    let page = proven(browser, tenant, address).await;
    create(browser, &page, &[]).await
}

async fn sign_in(browser: &mut Browser, tenant: &Emulator, address: &str) -> Page {
    let page = browser
        .get(&authorize_url(tenant, &[("prompt", "login")]))
        .await;
    let form = [("signInName", address), ("password", PASSWORD)];
    browser.press(&page, "next", &form).await
}

async fn through_google(browser: &mut Browser, tenant: &Emulator, form: &[(&str, &str)]) -> Page {
    let page = browser
        .get(&authorize_url(tenant, &[("prompt", "login")]))
        .await;
    let page = browser.press(&page, "google.com", &[]).await;
    browser.press(&page, "continue", form).await
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
    is_signed_by(&endpoint(tenant, "discovery/v2.0/keys"), token).await
}

async fn is_signed_by(keys: &str, token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let header = decoded(parts[0]);
    let keys: Value = get_json(keys).await;
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
    let mut browser = browser(&desk.tenant);
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

#[tokio::test]
async fn the_members_come_in_the_order_of_the_published_capture() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let told = [
        ("email", "mina.k@mail.example"),
        ("issuerUserId", "104477002981"),
        ("displayName", "Mina Kaur"),
    ];
    let page = through_google(&mut browser, &desk.tenant, &told).await;
    let typed = [("displayName", "Mina Kaur"), ("city", "Leeds")];
    browser.press(&page, "continue", &typed).await;
    let requests = desk.connector.received_requests().await.unwrap();
    let bodies: Vec<_> = requests
        .iter()
        .map(|r| String::from_utf8_lossy(&r.body))
        .collect();
    assert_eq!(
        bodies[0],
        "{\"email\":\"mina.k@mail.example\",\"identities\":[{\"signInType\":\"federated\",\
         \"issuer\":\"google.com\",\"issuerAssignedId\":\"104477002981\"}],\
         \"displayName\":\"Mina Kaur\",\"step\":\"PostFederationSignup\",\
         \"client_id\":\"5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908\",\"ui_locales\":\"en-US\"}"
    );
    assert_eq!(
        bodies[1],
        "{\"step\":\"PostAttributeCollection\",\
         \"client_id\":\"5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908\",\"ui_locales\":\"en-US\",\
         \"email\":\"mina.k@mail.example\",\"city\":\"Leeds\",\"displayName\":\"Mina Kaur\",\
         \"identities\":[{\"signInType\":\"federated\",\"issuer\":\"google.com\",\
         \"issuerAssignedId\":\"104477002981\"}]}"
    );
}

#[tokio::test]
async fn a_federated_sign_up_asks_three_times_and_a_sign_in_once() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    let prefill = json!({ "city": "York", "extension_LoyaltyNumber": "LN-1" });
    desk.on("PostFederationSignup", continue_with(prefill))
        .await;
    let mut browser = browser(&desk.tenant);
    let told = [
        ("email", "mina.k@mail.example"),
        ("displayName", "Mina Kaur"),
    ];
    let page = through_google(&mut browser, &desk.tenant, &told).await;
    assert_eq!(page.value("city").unwrap(), "York");
    assert_eq!(page.value("displayName").unwrap(), "Mina Kaur");
    assert!(!page.has("email") && !page.has("newPassword"));
    let form = [("displayName", "Mina K"), ("city", "Leeds")];
    let page = browser.press(&page, "continue", &form).await;
    let token = id_claims(&exchange(&desk.tenant, &page.code()).await);
    assert_eq!(token["idp"], "google.com");
    assert_eq!(token["newUser"], true);
    assert_eq!(token["city"], "Leeds");
    assert_eq!(
        token["extension_LoyaltyNumber"],
        Value::Null,
        "emptied on the page"
    );
    assert_eq!(desk.bodies("PostFederationSignup").await.len(), 1);
    let collected = &desk.bodies("PostAttributeCollection").await[0];
    let identity = &collected["identities"][0];
    assert_eq!(identity["signInType"], "federated");
    assert_eq!(collected["displayName"], "Mina K");
    assert!(collected.get("objectId").is_none());

    // The same address is the same person at the provider.
    let again = through_google(&mut browser, &desk.tenant, &told).await;
    let signed_in = id_claims(&exchange(&desk.tenant, &again.code()).await);
    assert_eq!(signed_in["oid"], token["oid"]);
    assert_eq!(signed_in.get("newUser"), None);
    assert_eq!(desk.bodies("PostFederationSignup").await.len(), 1);
    assert_eq!(desk.bodies("PostAttributeCollection").await.len(), 1);
    let asked = desk.bodies("PreTokenIssuance").await;
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1]["objectId"], token["oid"]);
    assert_eq!(
        asked[1]["identities"][0]["issuerAssignedId"],
        identity["issuerAssignedId"]
    );
}

#[tokio::test]
async fn a_provider_may_tell_no_address() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let told = [
        ("email", "x@mail.example"),
        ("no_email", "true"),
        ("issuerUserId", "77"),
    ];
    let page = through_google(&mut browser, &desk.tenant, &told).await;
    let page = browser
        .press(&page, "continue", &[("displayName", "Kit")])
        .await;
    let token = id_claims(&exchange(&desk.tenant, &page.code()).await);
    assert_eq!(token.get("emails"), None);
    for step in [
        "PostFederationSignup",
        "PostAttributeCollection",
        "PreTokenIssuance",
    ] {
        let body = &desk.bodies(step).await[0];
        assert_eq!(body.get("email"), None, "{step}");
        assert_eq!(body["identities"][0]["issuerAssignedId"], "77", "{step}");
    }
}

#[tokio::test]
async fn a_missing_address_can_be_asked_for_and_has_to_be_proven() {
    let mut settings = settings();
    settings.user_flows[0].ask_missing_email = true;
    let desk = Desk::with(settings).await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let told = [("no_email", "true"), ("issuerUserId", "78")];
    let page = through_google(&mut browser, &desk.tenant, &told).await;
    let form = [("displayName", "Kit"), ("email", "kit@mail.example")];
    let page = browser.press(&page, "continue", &form).await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "Please verify your email address first."
    );
    let page = browser.press(&page, "email_ver_but_send", &form).await;
    let code = desk.tenant.newest_code("kit@mail.example").unwrap();
    let form = [("displayName", "Kit"), ("email_ver_input", &*code)];
    let page = browser.press(&page, "email_ver_but_verify", &form).await;
    let page = browser
        .press(&page, "continue", &[("displayName", "Kit")])
        .await;
    let token = id_claims(&exchange(&desk.tenant, &page.code()).await);
    assert_eq!(token["emails"], json!(["kit@mail.example"]));
}

#[tokio::test]
async fn the_documents_disagreements_are_variants() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    put(
        &desk.tenant,
        "variants",
        json!({ "pretoken": "s1", "local": "identities" }),
    )
    .await;
    let mut browser = browser(&desk.tenant);
    sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    let identities = json!([{
        "signInType": "emailAddress",
        "issuer": "contoso.onmicrosoft.com",
        "issuerAssignedId": "jonas@post.example",
    }]);
    assert_eq!(
        desk.bodies("PostAttributeCollection").await,
        [json!({
            "step": "PostAttributeCollection",
            "client_id": WEB,
            "ui_locales": "en-US",
            "displayName": "Jonas Weber",
            "identities": identities,
        })]
    );
    let asked = desk.bodies("PreTokenApplicationClaims").await;
    assert_eq!(asked[0]["clientId"], WEB);
    assert_eq!(asked[0].get("client_id"), None);
    assert_eq!(asked[0]["identities"], identities);
}

#[tokio::test]
async fn the_journeys_language_is_told_and_shown() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    for (asked, browsers, told, lang) in [
        ("ja", "en-US", "ja", "ja"),
        ("de-AT en", "ja", "de-AT", "en"),
        ("", "ja,en;q=0.5", "ja", "ja"),
        ("", "", "en-US", "en"),
        ("<script>", "", "en-US", "en"),
    ] {
        let mut browser = browser(&desk.tenant);
        browser.language = browsers;
        let page = browser
            .get(&authorize_url(&desk.tenant, &[("ui_locales", asked)]))
            .await;
        assert!(
            page.body.contains(&format!("<html lang=\"{lang}\">")),
            "{asked} {browsers}"
        );
        let page = browser.press(&page, "google.com", &[]).await;
        browser
            .press(&page, "continue", &[("issuerUserId", told)])
            .await;
        let bodies = desk.bodies("PostFederationSignup").await;
        assert_eq!(
            bodies.last().unwrap()["ui_locales"],
            told,
            "{asked} {browsers}"
        );
    }
}

// ---------------------------------------------------------- time and retries

/// Answers after a while, the first times.
struct Stalls {
    times: Mutex<u32>,
}

impl Respond for Stalls {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut left = self.times.lock().unwrap();
        let reply = continue_with(json!({}));
        match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                reply.set_delay(Duration::from_secs(3))
            }
            None => reply,
        }
    }
}

#[tokio::test]
async fn a_slow_connector_is_asked_once_more_with_the_same_bytes() {
    let desk = Desk::new().await;
    put(&desk.tenant, "variants", json!({ "time_limit_ms": 600 })).await;
    let stalls = Stalls {
        times: Mutex::new(1),
    };
    Mock::given(matchers::any())
        .respond_with(stalls)
        .mount(&desk.connector)
        .await;
    let mut browser = browser(&desk.tenant);
    let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    page.code();
    let requests = desk.connector.received_requests().await.unwrap();
    assert_eq!(
        requests.len(),
        3,
        "two at the first step, one at the second"
    );
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        requests[0].headers["authorization"],
        requests[1].headers["authorization"]
    );
    let audit = audit(&desk.tenant).await;
    assert_eq!(audit[0]["numberOfAttempts"], 2);
    assert_eq!(audit[0]["judgement"], "Continue");
    assert_eq!(
        audit[0]["requestBody"],
        String::from_utf8_lossy(&requests[0].body).as_ref()
    );
    assert_eq!(audit[1]["numberOfAttempts"], 1);
}

#[tokio::test]
async fn two_slow_answers_end_on_the_technical_page() {
    let desk = Desk::new().await;
    put(&desk.tenant, "variants", json!({ "time_limit_ms": 600 })).await;
    let stalls = Stalls {
        times: Mutex::new(2),
    };
    Mock::given(matchers::any())
        .respond_with(stalls)
        .mount(&desk.connector)
        .await;
    let mut browser = browser(&desk.tenant);
    let started = Instant::now();
    let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(page.text("error-code").unwrap(), "AADB2C90075");
    assert!(
        page.text("error-text")
            .unwrap()
            .contains("within timeout limit 1 seconds")
    );
    assert!(users(&desk.tenant).await.is_empty());
    assert_eq!(audit(&desk.tenant).await[0]["numberOfAttempts"], 2);
}

#[tokio::test]
async fn what_is_retried_is_a_variant() {
    for (retry_on, calls) in [(json!(["timeout", "connect"]), 1), (json!(["5xx"]), 2)] {
        let desk = Desk::new().await;
        put(&desk.tenant, "variants", json!({ "retry_on": retry_on })).await;
        desk.on("PostAttributeCollection", ResponseTemplate::new(503))
            .await;
        let mut browser = browser(&desk.tenant);
        let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
        let text = page.text("error-text").unwrap();
        let expected = "The claims exchange 'PreUserWriteRestful' specified in step \
                        'PostAttributeCollection' returned HTTP error response with Code \
                        'ServiceUnavailable' and Reason 'Service Unavailable'.";
        assert_eq!(text, expected);
        assert_eq!(
            desk.connector.received_requests().await.unwrap().len(),
            calls
        );
    }
}

#[tokio::test]
async fn a_connector_that_is_not_there_is_tried_twice() {
    let tenant = alone().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let connector = json!({ "url": url, "username": "u", "password": "p" });
    let path = format!("connectors/{FLOW}");
    put(
        &tenant,
        &path,
        json!({ "post_attribute_collection": connector }),
    )
    .await;
    let mut browser = browser(&tenant);
    let page = sign_up(&mut browser, &tenant, "jonas@post.example").await;
    assert_eq!(page.text("error-code").unwrap(), "AADB2C90075");
    let audit = audit(&tenant).await;
    assert_eq!(audit[0]["numberOfAttempts"], 2);
    assert_eq!(audit[0]["status"], Value::Null);
}

// ----------------------------------------------------------------- judgement

#[tokio::test]
async fn a_block_page_ends_the_journey_and_creates_nobody() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    desk.on("PostAttributeCollection", block("Not open <b>here</b>."))
        .await;
    let mut browser = browser(&desk.tenant);
    let form = proven(&mut browser, &desk.tenant, "jonas@post.example").await;
    let page = create(&mut browser, &form, &[]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("Not open &#60;b&#62;here&#60;/b&#62;."),
        "{}",
        page.body
    );
    assert!(page.has("block-message"));
    assert!(users(&desk.tenant).await.is_empty());
    assert!(desk.bodies("PreTokenIssuance").await.is_empty());

    // Back and again: the journey is over, nobody is asked.
    let again = create(&mut browser, &form, &[]).await;
    assert!(again.has("block-message"));
    assert_eq!(desk.bodies("PostAttributeCollection").await.len(), 1);
}

#[tokio::test]
async fn a_federated_sign_up_can_be_blocked_before_the_form() {
    let desk = Desk::new().await;
    desk.on("PostFederationSignup", block("Use another provider."))
        .await;
    let mut browser = browser(&desk.tenant);
    let page = through_google(&mut browser, &desk.tenant, &[("email", "a@b.example")]).await;
    assert_eq!(page.text("block-message").unwrap(), "Use another provider.");
    assert!(desk.bodies("PostAttributeCollection").await.is_empty());
}

#[tokio::test]
async fn a_validation_error_keeps_the_form_and_what_was_typed() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    let once = invalid("Enter a loyalty number that belongs to you.");
    Mock::given(matchers::body_partial_json(
        json!({ "step": "PostAttributeCollection" }),
    ))
    .respond_with(once)
    .up_to_n_times(1)
    .with_priority(1)
    .mount(&desk.connector)
    .await;
    let mut browser = browser(&desk.tenant);
    let page = proven(&mut browser, &desk.tenant, "jonas@post.example").await;
    let page = create(
        &mut browser,
        &page,
        &[("extension_LoyaltyNumber", "\"LN<1>")],
    )
    .await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "Enter a loyalty number that belongs to you."
    );
    assert_eq!(page.value("email").unwrap(), "jonas@post.example");
    assert_eq!(page.value("displayName").unwrap(), "Jonas Weber");
    assert_eq!(
        page.value("extension_LoyaltyNumber").unwrap(),
        "&#34;LN&#60;1&#62;"
    );
    assert!(users(&desk.tenant).await.is_empty());

    // The password need not be typed again, and does not come back either.
    assert!(!page.body.contains(PASSWORD));
    assert_eq!(page.value("newPassword").unwrap(), "");
    let form = [("displayName", "Jonas")];
    browser.press(&page, "continue", &form).await.code();
    assert_eq!(users(&desk.tenant).await.len(), 1);
    sign_in(&mut browser, &desk.tenant, "JONAS@post.example")
        .await
        .code();
}

#[tokio::test]
async fn returned_claims_count_as_the_documents_say() {
    let desk = Desk::new().await;
    let long = |name: &str| format!("extension_{APP_ID}_{name}");
    let collected = json!({
        "displayName": "Overridden",
        long("CustomerNumber"): "100-7",
        "extension_Age": "42",
        "extension_AcceptedTerms": "True",
        "LoyaltyNumber": "bare",
        "extension_0123456789abcdef0123456789abcdef_LoyaltyNumber": "of another application",
        "extension_Unknown": "x",
        "jobTitle": "not ticked",
        "email": "other@post.example",
        "objectId": "6a4e45f1-9b1c-0d4f-7c2a-8e66e90b7d3c",
    });
    desk.on("PostAttributeCollection", continue_with(collected))
        .await;
    let issued = json!({ "extension_Tier": "gold", long("CustomerNumber"): "", "surname": "Wu" });
    desk.on("PreTokenIssuance", continue_with(issued)).await;
    let mut browser = browser(&desk.tenant);
    let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    let token = id_claims(&exchange(&desk.tenant, &page.code()).await);
    assert_eq!(token["name"], "Overridden");
    assert_eq!(token["extension_Tier"], "gold");
    assert_eq!(token["family_name"], "Wu");
    assert_eq!(
        token.get("extension_CustomerNumber"),
        None,
        "explicitly empty"
    );
    assert_eq!(token["emails"], json!(["jonas@post.example"]));

    let attributes = users(&desk.tenant).await[0]["attributes"].clone();
    assert_eq!(
        attributes,
        json!({
            "displayName": "Overridden",
            "extension_Age": 42,
            "extension_AcceptedTerms": true,
            "extension_CustomerNumber": "100-7",
        })
    );
    let audit = audit(&desk.tenant).await;
    let warnings = audit[0]["warnings"].as_array().unwrap();
    for name in [
        "`LoyaltyNumber`",
        "`extension_0123456789abcdef0123456789abcdef_LoyaltyNumber`",
        "`extension_Unknown`",
        "`jobTitle`",
        "`email`",
        "`objectId`",
    ] {
        let warned = warnings
            .iter()
            .any(|warning| warning.as_str().unwrap().starts_with(name));
        assert!(warned, "{name}: {warnings:?}");
    }
    assert_eq!(warnings.len(), 6);
}

#[tokio::test]
async fn replies_that_break_the_contract_end_on_the_technical_page() {
    let desk = Desk::new().await;
    let json_of = |status: u16, body: Value| ResponseTemplate::new(status).set_body_json(body);
    let full = json!({ "version": "1.0.0", "status": 400, "action": "ValidationError",
        "userMessage": "No." });
    let cases = [
        (
            "PostFederationSignup",
            json_of(400, full.clone()),
            "AADB2C90261",
        ),
        (
            "PostAttributeCollection",
            json_of(200, full.clone()),
            "AADB2C90261",
        ),
        (
            "PreTokenIssuance",
            json_of(400, full.clone()),
            "AADB2C90261",
        ),
        ("PreTokenIssuance", block("No."), "AADB2C90261"),
        (
            "PreTokenIssuance",
            ResponseTemplate::new(401),
            "AADB2C90075",
        ),
        (
            "PostAttributeCollection",
            json_of(400, json!({ "error": "x" })),
            "AADB2C90075",
        ),
    ];
    for (number, (step, reply, code)) in cases.into_iter().enumerate() {
        desk.connector.reset().await;
        desk.always_continue().await;
        desk.on(step, reply).await;
        let mut browser = browser(&desk.tenant);
        let subject = format!("case-{number}");
        let form = [("issuerUserId", subject.as_str())];
        let page = through_google(&mut browser, &desk.tenant, &form).await;
        let page = match page.has("attributeVerification") {
            true => {
                browser
                    .press(&page, "continue", &[("displayName", "K")])
                    .await
            }
            false => page,
        };
        assert_eq!(
            page.text("error-code").as_deref(),
            Some(code),
            "{step}: {}",
            page.body
        );
        assert_eq!(page.location, None);
        let last = audit(&desk.tenant).await.last().unwrap().clone();
        assert_eq!(last["judgement"], "Failed", "{step}");
        assert_eq!(last["errorCode"], code, "{step}");
    }
}

// ------------------------------------------------------------------- sign-in

#[tokio::test]
async fn sign_in_needs_the_right_password() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = sign_in(&mut browser, &tenant, "jonas@post.example").await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "We can't seem to find your account."
    );
    let seed = json!({ "email": "Jonas@post.example", "password": "another one" });
    let (status, added) = control(&tenant, reqwest::Method::POST, "users", seed.clone()).await;
    assert_eq!(status, 201);
    let (status, _) = control(&tenant, reqwest::Method::POST, "users", seed).await;
    assert_eq!(status, 409);
    let page = sign_in(&mut browser, &tenant, "jonas@post.example").await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "Your password is incorrect."
    );
    assert_eq!(page.value("signInName").unwrap(), "jonas@post.example");

    let id = added["objectId"].as_str().unwrap();
    let (status, _) = control(
        &tenant,
        reqwest::Method::DELETE,
        &format!("users/{id}"),
        json!({}),
    )
    .await;
    assert_eq!(status, 204);
    assert!(users(&tenant).await.is_empty());
}

#[tokio::test]
async fn an_address_has_to_be_proven_with_the_right_code_in_time() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let address = "jonas@post.example";
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    let page = browser.press(&page, "createAccount", &[]).await;
    let page = create(&mut browser, &page, &[("email", address)]).await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "Please verify your email address first."
    );
    let page = browser
        .press(&page, "email_ver_but_send", &[("email", "no address")])
        .await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "Please enter a valid email address."
    );

    let page = browser
        .press(&page, "email_ver_but_send", &[("email", address)])
        .await;
    for _ in 0..5 {
        let wrong = browser
            .press(
                &page,
                "email_ver_but_verify",
                &[("email_ver_input", "wrong")],
            )
            .await;
        let text = wrong.text("claimVerificationServerError").unwrap();
        assert_eq!(text, "That code is incorrect. Please try again.");
    }
    let code = tenant.newest_code(address).unwrap();
    let page = browser
        .press(&page, "email_ver_but_verify", &[("email_ver_input", &code)])
        .await;
    assert!(
        page.text("claimVerificationServerError")
            .unwrap()
            .contains("too many incorrect attempts")
    );

    let page = browser
        .press(&page, "email_ver_but_resend", &[("email", address)])
        .await;
    let code = tenant.newest_code(address).unwrap();
    put(&tenant, "clock", json!({ "offset_seconds": 601 })).await;
    let page = browser
        .press(&page, "email_ver_but_verify", &[("email_ver_input", &code)])
        .await;
    assert!(
        page.text("claimVerificationServerError")
            .unwrap()
            .contains("expired")
    );
    put(&tenant, "clock", json!({ "offset_seconds": 0 })).await;
    let page = browser
        .press(&page, "email_ver_but_verify", &[("email_ver_input", &code)])
        .await;

    // A form that claims another address gets the proven one.
    let page = create(&mut browser, &page, &[("email", "victim@post.example")]).await;
    let token = id_claims(&exchange(&tenant, &page.code()).await);
    assert_eq!(token["emails"], json!([address]));
}

#[tokio::test]
async fn an_address_is_taken_once() {
    let desk = Desk::new().await;
    desk.always_continue().await;
    sign_up(
        &mut browser(&desk.tenant),
        &desk.tenant,
        "jonas@post.example",
    )
    .await
    .code();
    let page = sign_up(
        &mut browser(&desk.tenant),
        &desk.tenant,
        "Jonas@Post.example",
    )
    .await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "A user with the specified ID already exists. Please choose a different one."
    );
    assert_eq!(users(&desk.tenant).await.len(), 1);
}

#[tokio::test]
async fn fields_are_checked() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = proven(&mut browser, &tenant, "jonas@post.example").await;
    let long = "x".repeat(251);
    let form = [
        ("newPassword", "short"),
        ("reenterPassword", "short"),
        ("city", long.as_str()),
        ("extension_Age", "old"),
    ];
    let page = browser.press(&page, "continue", &form).await;
    let field = |name: &str| page.text(&format!("{name}_error"));
    assert!(
        field("newPassword")
            .unwrap()
            .contains("between 8 and 64 characters")
    );
    assert_eq!(
        field("displayName").unwrap(),
        "This information is required."
    );
    assert_eq!(
        field("city").unwrap(),
        "Please enter at most 250 characters."
    );
    assert_eq!(
        field("extension_Age").unwrap(),
        "Please enter a whole number."
    );
    assert!(users(&tenant).await.is_empty());
}

#[tokio::test]
async fn a_double_click_signs_up_once_and_both_clicks_come_home() {
    let desk = Desk::new().await;
    let slow = continue_with(json!({})).set_delay(Duration::from_millis(150));
    desk.on("PostAttributeCollection", slow).await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let page = proven(&mut browser, &desk.tenant, "jonas@post.example").await;
    let mut second = self::browser(&desk.tenant);
    second.cookies = browser.cookies.clone();
    let (one, two) = tokio::join!(
        create(&mut browser, &page, &[]),
        create(&mut second, &page, &[])
    );
    assert_eq!(one.code(), two.code());
    assert_eq!(desk.bodies("PostAttributeCollection").await.len(), 1);
    assert_eq!(users(&desk.tenant).await.len(), 1);
}

#[tokio::test]
async fn a_closed_page_does_not_stop_a_sign_up_half_way() {
    let desk = Desk::new().await;
    let slow = continue_with(json!({})).set_delay(Duration::from_millis(300));
    desk.on("PostAttributeCollection", slow).await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let page = proven(&mut browser, &desk.tenant, "jonas@post.example").await;
    let closed = create(&mut browser, &page, &[]);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), closed)
            .await
            .is_err()
    );
    let mut again = self::browser(&desk.tenant);
    again.cookies = browser.cookies.clone();
    create(&mut again, &page, &[]).await.code();
    assert_eq!(desk.bodies("PostAttributeCollection").await.len(), 1);
    assert_eq!(users(&desk.tenant).await.len(), 1);
}

#[tokio::test]
async fn a_form_needs_its_cookie_and_its_token() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    let mut stranger = self::browser(&tenant);
    let form = [("signInName", "a@b.example"), ("password", PASSWORD)];
    let refused = stranger.fill(&page, &form).await;
    assert_eq!(
        (refused.status, refused.text("error-code").unwrap().as_str()),
        (StatusCode::BAD_REQUEST, "AADB2C90211")
    );
    let refused = browser.post(&page.url, &form).await;
    assert_eq!(
        (refused.status, refused.text("error-code").unwrap().as_str()),
        (StatusCode::BAD_REQUEST, "AADB2C90212")
    );
}

#[tokio::test]
async fn odd_input_is_answered_and_never_breaks_anything() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    let csrf = page.hidden()[0].1.clone();
    let journey = page.url.rsplit_once('/').unwrap().0.to_owned();
    for target in ["1", "2", "0", "-1", "4294967296", "nothing", "%00", "..%2f"] {
        for action in [
            "",
            "continue",
            "choose:",
            "choose:../",
            "choose:SignUpExchange",
            "send-code:email",
            "verify-code:email",
            "change-email:email",
            "send-code:nothing",
            "forgot",
            "\u{0}",
            "💥",
        ] {
            for (name, value) in [
                ("email", "\u{0}@\r\n"),
                ("signInName", "../"),
                ("email_ver_input", "💥"),
                ("", ""),
            ] {
                let url = format!("{journey}/{target}");
                let form = [("csrf", csrf.as_str()), ("action", action), (name, value)];
                let page = browser.post(&url, &form).await;
                assert!(
                    page.status.as_u16() < 500,
                    "{target} {action} {name}: {}",
                    page.status
                );
            }
        }
        let page = browser
            .get(&format!("{journey}/{target}?provider=%ff%fe&&=&provider"))
            .await;
        assert!(page.status.as_u16() < 500, "{target}");
    }
    let client = http();
    for bytes in [
        &b"%"[..],
        b"\xff\xfe=\xff",
        b"grant_type=authorization_code&code=%zz",
        b"a=b&a=c",
    ] {
        for path in [
            "oauth2/v2.0/token",
            "oauth2/v2.0/authorize",
            "oauth2/v2.0/logout",
        ] {
            let request = client.post(endpoint(&tenant, path)).body(bytes.to_vec());
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let request = request.header("authorization", "Basic %%%");
            let status = request.send().await.unwrap().status();
            assert!(
                status.is_client_error() || status.is_success(),
                "{path}: {status}"
            );
        }
    }
    for path in [
        "variants",
        "faults",
        "clock",
        "users",
        "next-token",
        "connectors/x",
        "nothing",
    ] {
        for body in [
            json!(null),
            json!([1]),
            json!({ "unknown": 1 }),
            json!("💥"),
        ] {
            for method in [reqwest::Method::PUT, reqwest::Method::POST] {
                let (status, _) = control(&tenant, method, path, body.clone()).await;
                assert!(status.is_client_error(), "{path} {body}: {status}");
            }
        }
    }
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    assert!(page.has("createAccount"));
}

// ----------------------------------------------------------------- authorize

#[tokio::test]
async fn an_unregistered_client_or_redirect_uri_is_never_redirected_to() {
    let tenant = alone().await;
    for (changes, code) in [
        (
            [("redirect_uri", "https://shop.example/callback/")],
            "AADB2C90006",
        ),
        (
            [("redirect_uri", "https://evil.example/callback")],
            "AADB2C90006",
        ),
        ([("redirect_uri", "")], "AADB2C90083"),
        ([("client_id", "")], "AADB2C90008"),
        (
            [("client_id", "00000000-0000-0000-0000-000000000000")],
            "AADB2C90018",
        ),
        ([("state", "a&state=b&client_id=c")], ""),
    ] {
        let page = browser(&tenant)
            .get(&authorize_url(&tenant, &changes))
            .await;
        assert_eq!(
            page.text("error-code").unwrap_or_default(),
            code,
            "{changes:?}"
        );
        assert_eq!(page.location, None, "{changes:?}");
    }
    let twice = format!("{}&client_id={WEB}", authorize_url(&tenant, &[]));
    assert!(browser(&tenant).get(&twice).await.has("error-code"));
}

#[tokio::test]
async fn other_errors_go_to_the_application_spelt_as_the_platform_does() {
    let tenant = alone().await;
    for (changes, error, code) in [
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
            "AADB2C90013",
        ),
        (
            vec![("response_type", "")],
            "unsupported_response_type",
            "AADB2C90013",
        ),
        (
            vec![("response_mode", "pigeon")],
            "invalid_request",
            "AADB2C90014",
        ),
        (vec![("scope", "")], "invalid_request", "AADB2C90010"),
        (vec![("scope", "profile")], "invalid_request", "AADB2C90110"),
        (
            vec![("response_type", "id_token"), ("nonce", "")],
            "invalid_request",
            "AADB2C90083",
        ),
        (vec![("prompt", "create")], "invalid_request", "AADB2C90043"),
        (
            vec![("prompt", "none")],
            "interaction_required",
            "AADB2C90077",
        ),
        (vec![("client_id", SPA)], "invalid_request", "AADB2C99059"),
        (
            vec![
                ("code_challenge", VERIFIER),
                ("code_challenge_method", "S512"),
            ],
            "invalid_request",
            "AADB2C90184",
        ),
    ] {
        let page = browser(&tenant)
            .get(&authorize_url(&tenant, &changes))
            .await;
        assert_eq!(
            page.parameter("error").as_deref(),
            Some(error),
            "{changes:?}"
        );
        let description = page.parameter("error_description").unwrap();
        assert!(
            description.starts_with(&format!("{code}: ")),
            "{changes:?}: {description}"
        );
        assert!(
            page.location.unwrap().ends_with("%0d%0a&state=xyz"),
            "{changes:?}"
        );
    }
}

#[tokio::test]
async fn cancelling_goes_back_with_the_documented_error() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let modes = [("query", "?"), ("fragment", "#")];
    for (mode, separator) in modes {
        let url = authorize_url(&tenant, &[("response_mode", mode)]);
        let page = browser.get(&url).await;
        let page = browser.press(&page, "cancel", &[]).await;
        let location = page.location.unwrap();
        let start = format!(
            "{REDIRECT}{separator}error=access_denied&error_description=AADB2C90091%3a+The+user+\
             has+cancelled+entering+self-asserted+information.%0d%0aCorrelation+ID%3a+"
        );
        assert!(location.starts_with(&start), "{location}");
        assert!(location.ends_with("Z%0d%0a&state=xyz"), "{location}");
    }
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    let page = browser.press(&page, "google.com", &[]).await;
    let page = browser.press(&page, "cancel", &[]).await;
    assert!(
        page.parameter("error_description")
            .unwrap()
            .starts_with("AADB2C90273: ")
    );
}

#[tokio::test]
async fn every_response_mode_brings_the_answer_home() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    sign_up(&mut browser, &tenant, "jonas@post.example").await;
    let with_query = [("redirect_uri", "https://shop.example/cb?x=1")];
    let page = browser.get(&authorize_url(&tenant, &with_query)).await;
    assert!(
        page.location
            .unwrap()
            .starts_with("https://shop.example/cb?x=1&code=")
    );

    let hybrid = [("response_type", "code id_token")];
    let page = browser.get(&authorize_url(&tenant, &hybrid)).await;
    assert!(
        page.location
            .as_ref()
            .unwrap()
            .starts_with(&format!("{REDIRECT}#id_token="))
    );
    let token = page.parameter("id_token").unwrap();
    let digest = digest::digest(&digest::SHA256, page.code().as_bytes());
    assert_eq!(
        claims(&token)["c_hash"],
        URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
    );
    assert!(is_signed(&tenant, &token).await);

    let posted = [
        ("response_type", "id_token"),
        ("response_mode", "form_post"),
        ("state", "a\"<b>"),
    ];
    let page = browser.get(&authorize_url(&tenant, &posted)).await;
    let hidden: BTreeMap<_, _> = page.hidden().into_iter().collect();
    assert_eq!(hidden["state"], "a&#34;&#60;b&#62;");
    assert!(is_signed(&tenant, &hidden["id_token"]).await);
    assert!(page.body.contains(&format!("action=\"{REDIRECT}\"")));

    let leaking = [("response_type", "id_token"), ("response_mode", "query")];
    let page = browser.get(&authorize_url(&tenant, &leaking)).await;
    assert!(
        page.parameter("error_description")
            .unwrap()
            .starts_with("AADB2C90014")
    );
}

#[tokio::test]
async fn a_session_spares_the_second_sign_in_and_the_connector() {
    let desk = Desk::new().await;
    desk.on(
        "PreTokenIssuance",
        continue_with(json!({ "extension_Tier": "gold" })),
    )
    .await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    let first = id_claims(&exchange(&desk.tenant, &page.code()).await);
    let page = browser
        .get(&authorize_url(&desk.tenant, &[("nonce", "second")]))
        .await;
    let second = id_claims(&exchange(&desk.tenant, &page.code()).await);
    assert_eq!(second["extension_Tier"], "gold");
    assert_eq!(second["auth_time"], first["auth_time"]);
    assert_eq!(second["nonce"], "second");
    assert_eq!(second.get("newUser"), None);
    assert_eq!(desk.bodies("PreTokenIssuance").await.len(), 1);

    sign_in(&mut browser, &desk.tenant, "jonas@post.example")
        .await
        .code();
    assert_eq!(
        desk.bodies("PreTokenIssuance").await.len(),
        2,
        "prompt=login is interactive"
    );

    let logout = endpoint(&desk.tenant, "oauth2/v2.0/logout");
    let bye = format!("{logout}?post_logout_redirect_uri=https%3A%2F%2Fshop.example%2Fbye&state=s");
    let page = browser.get(&bye).await;
    assert_eq!(page.location.unwrap(), "https://shop.example/bye?state=s");
    assert!(
        browser
            .get(&authorize_url(&desk.tenant, &[]))
            .await
            .has("localAccountForm")
    );
    let evil = format!("{logout}?post_logout_redirect_uri=https%3A%2F%2Fevil.example");
    assert_eq!(browser.get(&evil).await.location, None);
    assert!(browser.get(&logout).await.has("signed-out"));
}

#[tokio::test]
async fn a_session_reaches_as_far_as_the_flow_says() {
    for (scope, same_app, other_app) in [
        (SessionScope::Tenant, true, true),
        (SessionScope::Application, true, false),
        (SessionScope::Policy, true, true),
        (SessionScope::Disabled, false, false),
    ] {
        let mut settings = settings();
        settings.user_flows[0].session_scope = scope;
        let tenant = emulator::start(settings).await.unwrap();
        let mut browser = browser(&tenant);
        sign_up(&mut browser, &tenant, "jonas@post.example").await;
        for (client_id, expected) in [(WEB, same_app), (OTHER, other_app)] {
            let page = browser
                .get(&authorize_url(&tenant, &[("client_id", client_id)]))
                .await;
            assert_eq!(page.location.is_some(), expected, "{scope:?} {client_id}");
        }
    }
}

// --------------------------------------------------------------------- token

#[tokio::test]
async fn the_token_response_has_the_members_of_the_documents() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = sign_up(&mut browser, &tenant, "jonas@post.example").await;
    let response = exchange(&tenant, &page.code()).await;
    let members: Vec<_> = response
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "access_token",
        "expires_in",
        "expires_on",
        "id_token",
        "id_token_expires_in",
        "not_before",
        "profile_info",
        "refresh_token",
        "refresh_token_expires_in",
        "resource",
        "scope",
        "token_type",
    ];
    assert_eq!(members, expected);
    assert_eq!(response["expires_in"], "3600");
    assert_eq!(response["token_type"], "Bearer");
    let access_token = response["access_token"].as_str().unwrap();
    assert!(is_signed(&tenant, access_token).await);
    let digest = digest::digest(&digest::SHA256, access_token.as_bytes());
    assert_eq!(
        id_claims(&response)["at_hash"],
        URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
    );

    put(
        &tenant,
        "variants",
        json!({ "numbers": "number", "access_token": "when-scoped" }),
    )
    .await;
    let page = browser
        .get(&authorize_url(&tenant, &[("scope", "openid")]))
        .await;
    let response = exchange(&tenant, &page.code()).await;
    assert_eq!(response["id_token_expires_in"], 3600);
    assert_eq!(response.get("access_token"), None);
    assert_eq!(response.get("refresh_token"), None);
    let scope = format!("openid {WEB}");
    let page = browser
        .get(&authorize_url(&tenant, &[("scope", &scope)]))
        .await;
    assert_eq!(exchange(&tenant, &page.code()).await["expires_in"], 3600);
}

#[tokio::test]
async fn a_code_is_good_once_and_only_for_whom_it_was_meant() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = sign_up(&mut browser, &tenant, "jonas@post.example").await;
    let code = page.code();
    let mistakes = [
        (
            "client_secret",
            Some("wrong"),
            "invalid_client",
            "AADB2C90081",
        ),
        ("client_secret", None, "invalid_request", "AADB2C90079"),
        (
            "redirect_uri",
            Some("https://shop.example/cb?x=1"),
            "invalid_grant",
            "AADB2C90088",
        ),
        ("redirect_uri", None, "invalid_request", "AADB2C90083"),
        ("code", Some("never issued"), "invalid_grant", "AADB2C90088"),
        (
            "code_verifier",
            Some(VERIFIER),
            "invalid_grant",
            "AADB2C90182",
        ),
        ("client_id", Some("nobody"), "invalid_client", "AADB2C90018"),
        (
            "grant_type",
            Some("password"),
            "unsupported_grant_type",
            "AADB2C90086",
        ),
        ("grant_type", None, "invalid_request", "AADB2C90083"),
    ];
    for (name, value, error, number) in mistakes {
        let mut form = code_form(&code);
        form.retain(|(known, _)| *known != name);
        form.extend(value.map(|value| (name, value)));
        let (status, body) = post_token(&tenant, &form).await;
        assert_eq!(status, 400, "{name} {value:?}");
        assert_eq!(body["error"], error, "{name} {value:?}: {body}");
        let description = body["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(number),
            "{name} {value:?}: {description}"
        );
        assert!(description.contains("\r\nCorrelation ID: ") && description.ends_with("Z\r\n"));
    }
    let stranger = [
        ("grant_type", "authorization_code"),
        ("client_id", OTHER),
        ("client_secret", "other"),
        ("redirect_uri", REDIRECT),
        ("code", &code),
    ];
    assert_eq!(
        post_token(&tenant, &stranger).await.1["error"],
        "invalid_grant"
    );
    let url = endpoint(&tenant, "oauth2/v2.0/token").replace(FLOW, "B2C_1_other");
    let elsewhere = http()
        .post(url)
        .form(&code_form(&code))
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 400);

    exchange(&tenant, &code).await;
    let (_, again) = post_token(&tenant, &code_form(&code)).await;
    assert!(
        again["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADB2C90090")
    );

    let late = browser.get(&authorize_url(&tenant, &[])).await.code();
    put(&tenant, "clock", json!({ "offset_seconds": 601 })).await;
    let (_, late) = post_token(&tenant, &code_form(&late)).await;
    assert!(
        late["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADB2C90080")
    );
}

#[tokio::test]
async fn basic_authentication_is_form_decoded() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    sign_up(&mut browser, &tenant, "jonas@post.example").await;
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for (scheme, secret, in_body, status) in [
        ("Basic", encode(SECRET), None, 200),
        ("basic", encode(SECRET), None, 200),
        ("Basic", encode("wrong"), None, 400),
        ("Basic", encode(SECRET), Some(SECRET), 400),
        ("Bearer", encode(SECRET), None, 400),
    ] {
        let code = browser.get(&authorize_url(&tenant, &[])).await.code();
        let mut form = code_form(&code);
        form.retain(|(name, _)| !name.starts_with("client_"));
        form.extend(in_body.map(|secret| ("client_secret", secret)));
        let credentials = STANDARD.encode(format!("{WEB}:{secret}"));
        let response = http()
            .post(endpoint(&tenant, "oauth2/v2.0/token"))
            .header("authorization", format!("{scheme} {credentials}"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{scheme} {secret} {in_body:?}");
    }
}

#[tokio::test]
async fn a_public_client_proves_itself_with_pkce() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    sign_up(&mut browser, &tenant, "jonas@post.example").await;
    let other = "x".repeat(43);
    let digest = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
    let s256 = URL_SAFE_NO_PAD.encode(digest.as_ref());
    for (method, challenge) in [("S256", s256.as_str()), ("plain", VERIFIER)] {
        let url = authorize_url(
            &tenant,
            &[
                ("client_id", SPA),
                ("code_challenge", challenge),
                ("code_challenge_method", method),
            ],
        );
        let code = browser.get(&url).await.code();
        let form = |extra: &[(&'static str, &'static str)]| {
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("client_id", SPA),
                ("redirect_uri", REDIRECT),
            ];
            form.extend(extra);
            form
        };
        for (verifier, number) in [
            (None, "AADB2C90083"),
            (Some("short"), "AADB2C90183"),
            (Some(other.as_str()), "AADB2C90182"),
        ] {
            let mut form = form(&[]);
            form.push(("code", &code));
            form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
            let (_, body) = post_token(&tenant, &form).await;
            let description = body["error_description"].as_str().unwrap();
            assert!(
                description.starts_with(number),
                "{method} {verifier:?}: {description}"
            );
        }
        let mut with_secret = form(&[("code_verifier", VERIFIER), ("client_secret", "any")]);
        with_secret.push(("code", &code));
        let (_, body) = post_token(&tenant, &with_secret).await;
        assert!(
            body["error_description"]
                .as_str()
                .unwrap()
                .starts_with("AADB2C90084")
        );
        let mut right = form(&[("code_verifier", VERIFIER)]);
        right.push(("code", &code));
        assert_eq!(post_token(&tenant, &right).await.0, 200, "{method}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_asks_no_connector() {
    let desk = Desk::new().await;
    desk.on(
        "PreTokenIssuance",
        continue_with(json!({ "extension_Tier": "gold" })),
    )
    .await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    let first = exchange(&desk.tenant, &page.code()).await;
    let token = first["refresh_token"].as_str().unwrap();
    let form = |token: &str, client_id: &'static str, secret: &'static str| {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", client_id.to_owned()),
            ("client_secret", secret.to_owned()),
            ("refresh_token", token.to_owned()),
        ]
    };
    let url = endpoint(&desk.tenant, "oauth2/v2.0/token");
    let send = |form: Vec<(&'static str, String)>| {
        let request = http().post(&url).form(&form);
        async move {
            let response = request.send().await.unwrap();
            (response.status(), response.json::<Value>().await.unwrap())
        }
    };
    assert_eq!(
        send(form(token, OTHER, "other")).await.0,
        400,
        "bound to its client"
    );
    let (status, second) = send(form(token, WEB, SECRET)).await;
    assert_eq!(status, 200);
    let (before, after) = (id_claims(&first), id_claims(&second));
    assert_eq!(after["extension_Tier"], "gold");
    assert_eq!(after["auth_time"], before["auth_time"]);
    assert_eq!(after["oid"], before["oid"]);
    assert_eq!(after.get("nonce"), None);
    assert_eq!(after.get("newUser"), None);
    assert_eq!(desk.bodies("PreTokenIssuance").await.len(), 1);
    let (_, reused) = send(form(token, WEB, SECRET)).await;
    assert!(
        reused["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADB2C90129")
    );

    let id = before["oid"].as_str().unwrap();
    let path = format!("users/{id}");
    control(&desk.tenant, reqwest::Method::DELETE, &path, json!({})).await;
    let rotated = second["refresh_token"].as_str().unwrap();
    let (_, gone) = send(form(rotated, WEB, SECRET)).await;
    assert!(
        gone["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADB2C90128")
    );
}

#[tokio::test]
async fn the_other_issuer_form_and_the_older_policy_claim_can_be_chosen() {
    let mut settings = settings();
    settings.user_flows[0].issuer = emulator::IssuerForm::Tfp;
    settings.user_flows[0].policy_claim = emulator::PolicyClaim::Acr;
    let tenant = emulator::start(settings).await.unwrap();
    let issuer = format!(
        "{}/tfp/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/{FLOW}/v2.0/",
        tenant.base_url()
    );
    let found = get_json(&format!("{issuer}.well-known/openid-configuration")).await;
    assert_eq!(found["issuer"], issuer);
    let page = sign_up(&mut browser(&tenant), &tenant, "jonas@post.example").await;
    let token = id_claims(&exchange(&tenant, &page.code()).await);
    assert_eq!(token["iss"], issuer);
    assert_eq!(token["acr"], "b2c_1_signupsignin");
    assert_eq!(token.get("tfp"), None);
}

// ------------------------------------------------------------------- scripts

#[tokio::test]
async fn the_next_token_can_be_anything() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    sign_up(&mut browser, &tenant, "jonas@post.example").await;
    for (scripted, signed) in [
        (json!({ "signature": "none" }), false),
        (json!({ "signature": "hs256-public-key" }), false),
        (json!({ "signature": "other-key" }), false),
        (json!({ "signature": "broken" }), false),
        (json!({ "kid": "unknown" }), false),
        (json!({ "header": { "alg": "RS512" } }), false),
        (json!({ "lifetime_seconds": -600 }), true),
        (
            json!({
                "claims": { "oid": "not an id", "aud": ["a", "b"] },
                "remove": ["nonce"],
                "response": { "expires_in": 3600, "extra": { "deep": true } },
                "response_remove": ["access_token"],
            }),
            true,
        ),
    ] {
        script(&tenant, scripted.clone()).await;
        let code = browser.get(&authorize_url(&tenant, &[])).await.code();
        let response = exchange(&tenant, &code).await;
        let token = response["id_token"].as_str().unwrap();
        assert_eq!(is_signed(&tenant, token).await, signed, "{scripted}");
        if scripted.get("lifetime_seconds").is_some() {
            assert!(claims(token)["exp"].as_i64().unwrap() < now());
        }
        if scripted.get("claims").is_some() {
            assert_eq!(claims(token)["oid"], "not an id");
            assert_eq!(claims(token)["aud"], json!(["a", "b"]));
            assert_eq!(claims(token).get("nonce"), None);
            assert_eq!(response["expires_in"], 3600);
            assert_eq!(response["extra"]["deep"], true);
            assert_eq!(response.get("access_token"), None);
        }
    }
    let code = browser.get(&authorize_url(&tenant, &[])).await.code();
    let response = exchange(&tenant, &code).await;
    assert!(
        is_signed(&tenant, response["id_token"].as_str().unwrap()).await,
        "one token each"
    );
}

#[tokio::test]
async fn endpoints_can_be_made_to_fail() {
    let tenant = alone().await;
    let keys = endpoint(&tenant, "discovery/v2.0/keys");
    let status = async |url: &str| http().get(url).send().await.unwrap().status().as_u16();
    put(
        &tenant,
        "faults",
        json!({
            "jwks": { "mode": "down", "times": 1 },
            "metadata": { "mode": "truncated" },
            "token": { "mode": "html", "latency_ms": 150 },
        }),
    )
    .await;
    assert_eq!(status(&keys).await, 503);
    assert_eq!(status(&keys).await, 200);
    let metadata = http().get(tenant.metadata_url(FLOW)).send().await.unwrap();
    assert!(metadata.json::<Value>().await.is_err());
    let started = Instant::now();
    let page = http()
        .post(endpoint(&tenant, "oauth2/v2.0/token"))
        .send()
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    put(&tenant, "faults", json!({})).await;
    assert_eq!(status(&tenant.metadata_url(FLOW)).await, 200);
}

#[tokio::test]
async fn keys_rotate_with_and_without_the_old_ones() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = sign_up(&mut browser, &tenant, "jonas@post.example").await;
    let old = exchange(&tenant, &page.code()).await;
    let old = old["id_token"].as_str().unwrap();
    let url = format!("{}/__emulator/keys/rotate", tenant.base_url());
    let rotated: Value = http()
        .post(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let code = browser.get(&authorize_url(&tenant, &[])).await.code();
    let new = exchange(&tenant, &code).await;
    let new = new["id_token"].as_str().unwrap();
    assert_eq!(
        decoded(new.split('.').next().unwrap())["kid"],
        rotated["kid"]
    );
    assert!(is_signed(&tenant, old).await && is_signed(&tenant, new).await);
    let (status, _) = control(
        &tenant,
        reqwest::Method::POST,
        "keys/rotate",
        json!({ "keep_old": false }),
    )
    .await;
    assert_eq!(status, 200);
    assert!(!is_signed(&tenant, old).await && !is_signed(&tenant, new).await);
}

#[tokio::test]
async fn the_mailbox_is_a_page_and_a_test_interface() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    assert!(
        browser
            .get("/__emulator/mailbox")
            .await
            .has("mailbox-empty")
    );
    proven(&mut browser, &tenant, "jonas@post.example").await;
    let url = format!(
        "{}/__emulator/mailbox?address=JONAS@post.example",
        tenant.base_url()
    );
    let mail = get_json(&url).await;
    assert_eq!(mail["address"], "jonas@post.example");
    assert_eq!(
        mail["code"].as_str(),
        tenant.newest_code("jonas@post.example").as_deref()
    );
    let page = browser.get("/__emulator/mailbox").await;
    assert!(page.body.contains(mail["code"].as_str().unwrap()));
    let nobody = format!(
        "{}/__emulator/mailbox?address=x@y.example",
        tenant.base_url()
    );
    assert_eq!(http().get(nobody).send().await.unwrap().status(), 404);
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(browser.get("/__emulator/style.css").await.status, 200);
}

#[tokio::test]
async fn a_reset_forgets_what_happened_and_keeps_what_was_set_up() {
    let mut settings = settings();
    settings.seed = vec![SeedUser {
        email: Some("seed@post.example".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..SeedUser::default()
    }];
    let desk = Desk::with(settings).await;
    desk.always_continue().await;
    sign_up(
        &mut browser(&desk.tenant),
        &desk.tenant,
        "jonas@post.example",
    )
    .await
    .code();
    assert_eq!(users(&desk.tenant).await.len(), 2);
    let url = format!("{}/__emulator/reset", desk.tenant.base_url());
    let foreign = http()
        .post(&url)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(http().post(&url).send().await.unwrap().status(), 204);
    assert_eq!(users(&desk.tenant).await.len(), 1);
    assert!(audit(&desk.tenant).await.is_empty());
    sign_in(
        &mut browser(&desk.tenant),
        &desk.tenant,
        "seed@post.example",
    )
    .await
    .code();
    assert_eq!(audit(&desk.tenant).await.len(), 1, "the connectors stay");
}

// ---------------------------------------------------------------------- life

#[tokio::test]
async fn a_restart_finds_users_keys_and_the_address() {
    let folder = std::env::temp_dir().join(format!("emulator-{}", uuid::Uuid::new_v4()));
    let file = folder.join("tenant.json");
    let with_file = || Settings {
        state_file: Some(file.clone()),
        ..settings()
    };
    let tenant = emulator::start(with_file()).await.unwrap();
    let (base, mut first) = (tenant.base_url(), browser(&tenant));
    let page = sign_up(&mut first, &tenant, "jonas@post.example").await;
    let before = exchange(&tenant, &page.code()).await;
    tenant.stop().await;

    let tenant = emulator::start(with_file()).await.unwrap();
    assert_eq!(tenant.base_url(), base);
    assert!(is_signed(&tenant, before["id_token"].as_str().unwrap()).await);
    let page = sign_in(&mut browser(&tenant), &tenant, "jonas@post.example").await;
    let after = exchange(&tenant, &page.code()).await;
    assert_eq!(id_claims(&after)["oid"], id_claims(&before)["oid"]);
    tenant.stop().await;

    std::fs::write(&file, "{").unwrap();
    let error = emulator::start(with_file()).await.err().unwrap();
    assert!(matches!(error, StartError::StateContent(_)), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let changes: [fn(&mut Settings); 4] = [
        |settings| settings.extensions_app_id = "extensions".to_owned(),
        |settings| settings.tenant_name = "contoso.example".to_owned(),
        |settings| settings.user_flows[0].name = "sign-in".to_owned(),
        |settings| settings.seed = vec![SeedUser::default()],
    ];
    for change in changes {
        let mut settings = settings();
        change(&mut settings);
        assert!(emulator::start(settings).await.is_err());
    }
    let tenant = alone().await;
    assert!(
        tenant
            .set_connectors("B2C_1_nothing", Connectors::default())
            .is_err()
    );
}

#[actix_web::test]
async fn a_tenant_starts_inside_an_actix_runtime() {
    let tenant = alone().await;
    assert_eq!(
        get_json(&tenant.metadata_url(FLOW)).await["issuer"],
        tenant.issuer()
    );
    tenant.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_ends_when_it_is_dropped() {
    let tenant = Arc::new(alone().await);
    let url = tenant.metadata_url(FLOW);
    assert_eq!(http().get(&url).send().await.unwrap().status(), 200);
    drop(tenant);
    let deadline = Instant::now() + Duration::from_secs(10);
    while http().get(&url).send().await.is_ok() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
