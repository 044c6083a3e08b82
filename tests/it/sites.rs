//! The calls of sites, over HTTP, with a tenant and a database behind them.
//! Expected replies are written out from product.md §3.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use arc_swap::ArcSwap;
use idlink::domain::customer::CustomerType;
use idlink::domain::directory::Directory;
use idlink::domain::identity::Issuer;
use idlink::domain::site::{Disclosure, Mode, Site};
use idlink::domain::tenant::Tenant;
use idlink::linking::Linking;
use idlink::oidc::{Provider, ProviderSettings, http_client};
use idlink::sites::key::SiteKey;
use idlink::sites::{self, Sites};
use idlink::store::Store;
use idlink::store::features::Switch;
use idlink::tracked::Tracked;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Config};
use wiremock::ResponseTemplate;

use crate::support::business::{self, OnFile, cold_store, store, turn};
use crate::support::postgres::{Database, connect, database, own_server};
use crate::support::tenant::{POLICY, StubTenant, forged_key, key, next_key};

const TRADE: &str = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
const SHOP: &str = "0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f11";
const OTHER_POLICY: &str = "B2C_1_profile";
const ADA: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
pub(crate) const KEY: &str = "trade-key-0123456789";
const PUBLIC: &str = "https://signup.contoso.example";

/// The service with two sites, a tenant and a database.
pub(crate) struct Desk {
    stub: StubTenant,
    pub(crate) store: Store,
    url: String,
    http: reqwest::Client,
    server: ServerHandle,
    database: Option<Database>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn desk() -> Desk {
    desk_with(|_| {}).await
}

/// Lets the test change both sites before the service starts.
pub(crate) async fn desk_with(change: impl Fn(&mut Site)) -> Desk {
    let database = database().await;
    let store = store(database.config()).await;
    let mut desk = start(store, change).await;
    desk.database = Some(database);
    desk
}

/// A service whose database is not there.
async fn desk_without_store() -> Desk {
    let mut config = Config::new();
    config.host("127.0.0.1").port(1).user("idlink").dbname("it");
    start(cold_store(config), |_| {}).await
}

async fn start(store: Store, change: impl Fn(&mut Site)) -> Desk {
    let stub = StubTenant::start().await;
    let tenant = Tenant {
        issuer: Issuer::new(stub.issuer()),
        policies: vec![POLICY.to_owned(), OTHER_POLICY.to_owned()],
        ..Tenant::clone(&business::tenant())
    };
    let sites = [
        (business::site(CustomerType::B2b), TRADE),
        (business::site(CustomerType::B2c), SHOP),
    ]
    .map(|(mut site, client_id)| {
        site.client_ids = [client_id.to_owned()].into();
        change(&mut site);
        site
    });
    let settings = ProviderSettings {
        metadata_url: stub.metadata_url(),
        default_policy: POLICY.to_owned(),
        allowed_hosts: Vec::new(),
    };
    let http = http_client().unwrap();
    let provider = Provider::new(Arc::new(tenant.clone()), settings, http.clone());
    let state = Sites {
        directory: Arc::new(Directory::new([tenant], sites)),
        providers: [("contoso".to_owned(), provider)].into(),
        keys: [("trade".to_owned(), keys())].into(),
        policies: [("trade".to_owned(), POLICY.to_owned())].into(),
        public_url: format!("{PUBLIC}/"),
    };
    let (url, server) = serve(state, store.clone());
    Desk {
        stub,
        store,
        url,
        http,
        server,
        database: None,
    }
}

fn keys() -> Vec<SiteKey> {
    ["old-key-0123456789", KEY]
        .map(|key| SiteKey {
            key: key.into(),
            not_after: None,
        })
        .into()
}

fn serve(state: Sites, store: Store) -> (String, ServerHandle) {
    let state = Data::new(ArcSwap::from_pointee(state));
    let linking = Data::new(Linking::new(store, Tracked::new(Handle::current())));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(linking.clone())
            .configure(sites::configure)
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", 0))
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    (url, handle)
}

impl Desk {
    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// A person who has just signed in, as the tenant's token says it.
    pub(crate) fn claims(&self, audience: &str, email: &str) -> Value {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        json!({
            "iss": self.stub.issuer(),
            "sub": ADA,
            "oid": ADA,
            "aud": audience,
            "exp": now + 3600,
            "nbf": now,
            "iat": now,
            "nonce": "f7b1c0",
            "emails": [email],
            "tfp": POLICY,
        })
    }

    /// The tenant answers any code with this token, in B2C's shape.
    pub(crate) async fn issue(&self, id_token: &str) -> String {
        let answer = format!(
            r#"{{"not_before":"1767225600","expires_in":"3600","token_type":"Bearer","x":1.50,"id_token":"{id_token}"}}"#
        );
        self.answer_code(
            ResponseTemplate::new(200).set_body_raw(answer.clone(), "application/json"),
        )
        .await;
        answer
    }

    async fn answer_code(&self, answer: ResponseTemplate) {
        self.stub.server.reset().await;
        self.stub.publish().await;
        self.stub.answer_token(answer).await;
    }

    pub(crate) async fn redeem(&self, site: &str, client_id: &str) -> Response {
        self.post(&format!("/sites/{site}/token"))
            .form(&code(client_id))
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn link(&self, body: &Value) -> Response {
        self.post("/sites/trade/links")
            .bearer_auth(KEY)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn sql(&self) -> Client {
        connect(&self.database.as_ref().unwrap().config()).await
    }

    async fn count(&self, sql: &str) -> i64 {
        self.sql().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn customer(&self, number: &'static str, email: &'static str, kind: CustomerType) {
        OnFile::person(number, email, kind).add(&self.store).await;
    }
}

fn code(client_id: &str) -> Vec<(&'static str, String)> {
    [
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("code", "c0de"),
        ("redirect_uri", "https://shop.example/cb"),
        ("client_secret", "s3cret"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

const LINKS: &str = "SELECT count(*) FROM identity_link";

#[tokio::test]
async fn the_first_exchange_links_and_says_the_number() {
    let desk = desk().await;
    desk.customer("1001", "ada@example.org", CustomerType::B2b)
        .await;
    let token = key().token(&desk.claims(TRADE, "Ada@Example.org"));
    let answer = desk.issue(&token).await;
    for _ in 0..2 {
        let response = desk.redeem("trade", TRADE).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), "application/json");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "pragma"), "no-cache");
        // Every member as the tenant wrote it, and two more.
        let expected = answer.replace("\"}", r#"","customer_id":"1001","customer_link":"linked"}"#);
        assert_eq!(response.text().await.unwrap(), expected);
    }
    assert_eq!(desk.count(LINKS).await, 1);
}

#[tokio::test]
async fn the_tenant_gets_everything_but_our_own_parameters() {
    let desk = desk().await;
    let token = key().token(&desk.claims(TRADE, "nobody@example.org"));
    desk.issue(&token).await;
    let mut form = code(TRADE);
    form.push(("nonce", "f7b1c0".to_owned()));
    form.push(("ui_locales", "de".to_owned()));
    form.push(("resource", "a b&c=ü".to_owned()));
    desk.post("/sites/trade/token")
        .form(&form)
        .send()
        .await
        .unwrap();
    let requests = desk.stub.server.received_requests().await.unwrap();
    let sent = requests
        .iter()
        .find(|request| request.method.as_str() == "POST")
        .unwrap();
    let sent: Vec<(String, String)> = url::form_urlencoded::parse(&sent.body)
        .into_owned()
        .collect();
    let mut expected: Vec<(String, String)> = code(TRADE)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    expected.push(("resource".to_owned(), "a b&c=ü".to_owned()));
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_client_may_show_who_it_is_in_the_header() {
    let desk = desk().await;
    desk.customer("1001", "ada@example.org", CustomerType::B2b)
        .await;
    let token = key().token(&desk.claims(TRADE, "ada@example.org"));
    desk.issue(&token).await;
    let form = [("grant_type", "authorization_code"), ("code", "c0de")];
    let response = desk
        .post("/sites/trade/token")
        .basic_auth(TRADE, Some("s3cret"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let requests = desk.stub.server.received_requests().await.unwrap();
    let sent = requests
        .iter()
        .find(|request| request.method.as_str() == "POST")
        .unwrap();
    let authorization = sent.headers["authorization"].to_str().unwrap();
    assert!(
        authorization.starts_with("Basic NWQyYjZlNGEt"),
        "{authorization}"
    );
}

#[tokio::test]
async fn an_unknown_person_becomes_a_customer_of_a_consumer_site() {
    let desk = desk().await;
    let token = key().token(&desk.claims(SHOP, "new@example.org"));
    desk.issue(&token).await;
    let first: Value = desk.redeem("shop", SHOP).await.json().await.unwrap();
    assert_eq!(first["customer_link"], "linked");
    let number = first["customer_id"].as_str().unwrap();
    assert!(number.starts_with('C'), "{number}");
    let second: Value = desk.redeem("shop", SHOP).await.json().await.unwrap();
    assert_eq!(second["customer_id"], number);
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 1);
}

#[tokio::test]
async fn a_refused_link_is_an_invalid_grant() {
    let desk = desk().await;
    for number in ["2001", "2002"] {
        desk.customer(number, "twin@example.org", CustomerType::B2b)
            .await;
    }
    desk.customer("3001", "ada@example.org", CustomerType::B2b)
        .await;
    for (email, changes, code, name, topic) in [
        (
            "nobody@example.org",
            json!({}),
            "Microsoft_Dynamics_CommerceIdentityNotFound",
            "CommerceIdentityNotFound",
            "customer_not_found",
        ),
        (
            "twin@example.org",
            json!({}),
            "Microsoft_Dynamics_Commerce_Runtime_MultipleCustomerAccountsFoundWithSameEmailAddress",
            "CustomerServiceMultipleCustomerAccountsFoundErrorOccurredWhenAutoLinking",
            "multiple_customers",
        ),
        (
            "ada@example.org",
            json!({ "idp": "facebook.com" }),
            "Idlink_EmailAddressNotVerified",
            "EmailAddressNotVerified",
            "unverified_address",
        ),
        (
            "ada@example.org",
            json!({ "email_verified": false }),
            "Idlink_EmailAddressNotVerified",
            "EmailAddressNotVerified",
            "unverified_address",
        ),
        (
            "ada@example.org",
            json!({ "emails": ["ada@example.org", "eve@example.org"] }),
            "Idlink_EmailAddressNotVerified",
            "EmailAddressNotVerified",
            "unverified_address",
        ),
        (
            "ada@example.org",
            json!({ "oid": "Not supported currently. Use oid claim." }),
            "Idlink_IdentityWithoutObjectId",
            "IdentityWithoutObjectId",
            "not_possible",
        ),
    ] {
        let mut claims = desk.claims(TRADE, email);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        desk.issue(&key().token(&claims)).await;
        let response = desk.redeem("trade", TRADE).await;
        assert_eq!(response.status(), 400, "{code}");
        assert_eq!(header(&response, "cache-control"), "no-store");
        let body: Value = response.json().await.unwrap();
        let reference = body["reference"].as_str().unwrap();
        assert_eq!(reference.len(), 9, "{code}");
        assert_eq!(
            body,
            json!({
                "error": "invalid_grant",
                "error_description": format!("No customer could be linked: {name}."),
                "error_code": code,
                "error_name": name,
                "user_message": format!("{topic} signed_in {reference}"),
                "reference": reference,
            })
        );
    }
    assert_eq!(desk.count(LINKS).await, 0);
}

#[tokio::test]
async fn a_site_that_fears_enumeration_says_one_text() {
    let desk = desk_with(|site| site.disclosure = Disclosure::Uniform).await;
    let token = key().token(&desk.claims(TRADE, "nobody@example.org"));
    desk.issue(&token).await;
    let body: Value = desk.redeem("trade", TRADE).await.json().await.unwrap();
    let text = body["user_message"].as_str().unwrap();
    assert!(text.starts_with("not_possible signed_in "), "{text}");
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_an_invalid_grant() {
    let desk = desk().await;
    desk.customer("1001", "ada@example.org", CustomerType::B2b)
        .await;
    let good = desk.claims(TRADE, "ada@example.org");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        key().token(&claims)
    };
    for (token, nonce, why) in [
        (
            with("aud", json!(SHOP)),
            None,
            "for another application of the tenant",
        ),
        (
            with("iss", json!("https://evil.example/")),
            None,
            "another issuer",
        ),
        (with("tfp", json!("B2C_1_other")), None, "another policy"),
        (with("exp", json!(1)), None, "expired"),
        (forged_key().token(&good), None, "forged"),
        (next_key().token(&good), None, "an unknown key"),
        (key().token(&good), Some("other"), "wrong nonce"),
        (key().token(&good), Some(""), "empty nonce"),
        ("x".to_owned(), None, "no token"),
    ] {
        desk.issue(&token).await;
        let mut form = code(TRADE);
        form.extend(nonce.map(|nonce| ("nonce", nonce.to_owned())));
        let response = desk
            .post("/sites/trade/token")
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{why}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "invalid_grant", "{why}");
        assert_eq!(body["error_code"], "Idlink_InvalidIdToken", "{why}");
        assert_eq!(body["error_name"], "InvalidIdToken", "{why}");
        assert!(body["reference"].is_string(), "{why}");
    }
    assert_eq!(desk.count(LINKS).await, 0);
    desk.issue(&key().token(&good)).await;
    let mut form = code(TRADE);
    form.push(("nonce", "f7b1c0".to_owned()));
    let response = desk.post("/sites/trade/token").form(&form).send().await;
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test]
async fn what_the_tenant_refuses_is_passed_on() {
    let desk = desk().await;
    let error = r#"{"error":"invalid_client","error_description":"AADB2C90081: …\r\n"}"#;
    desk.answer_code(
        ResponseTemplate::new(401)
            .set_body_raw(error, "application/json; charset=utf-8")
            .insert_header("www-authenticate", "Basic realm=\"tenant\"")
            .insert_header("set-cookie", "a=b"),
    )
    .await;
    let response = desk.redeem("trade", TRADE).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        header(&response, "content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(
        header(&response, "www-authenticate"),
        "Basic realm=\"tenant\""
    );
    assert_eq!(header(&response, "set-cookie"), "");
    assert_eq!(response.text().await.unwrap(), error);
}

#[tokio::test]
async fn without_an_id_token_there_is_no_link_to_speak_of() {
    let desk = desk().await;
    let answer = r#"{"access_token":"a","expires_in":3600}"#;
    desk.answer_code(ResponseTemplate::new(200).set_body_raw(answer, "application/json"))
        .await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", TRADE),
        ("refresh_token", "r"),
    ];
    let response = desk
        .post("/sites/trade/token")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"access_token":"a","expires_in":3600,"customer_id":"","customer_link":"none"}"#
    );
}

#[tokio::test]
async fn where_linking_is_off_or_only_observed_everybody_goes_on() {
    for (mode, switch) in [
        (Mode::Enforce, Switch::Off),
        (Mode::Off, Switch::On),
        (Mode::Observe, Switch::On),
    ] {
        let desk = desk_with(|site| site.mode = mode).await;
        turn(&desk.store, switch).await;
        desk.customer("1001", "ada@example.org", CustomerType::B2b)
            .await;
        let token = key().token(&desk.claims(TRADE, "ada@example.org"));
        desk.issue(&token).await;
        let body: Value = desk.redeem("trade", TRADE).await.json().await.unwrap();
        assert_eq!(body["customer_link"], "none", "{mode:?} {switch:?}");
        assert_eq!(body["customer_id"], "", "{mode:?} {switch:?}");
        assert_eq!(body["id_token"], token.as_str());
        let response = desk.link(&json!({ "id_token": token })).await;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({ "customer_id": "", "customer_link": "none" }));
        assert_eq!(desk.count(LINKS).await, 0);
    }
}

#[tokio::test]
async fn a_spent_code_brings_its_tokens_though_the_store_is_away() {
    let desk = desk_without_store().await;
    let token = key().token(&desk.claims(TRADE, "ada@example.org"));
    desk.issue(&token).await;
    let begun = Instant::now();
    let response = desk.redeem("trade", TRADE).await;
    assert_eq!(response.status(), 200);
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["id_token"], token.as_str());
    assert_eq!(body["customer_link"], "unavailable");
    assert_eq!(body["customer_id"], "");

    let response = desk.link(&json!({ "id_token": token })).await;
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), "5");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "Idlink_TryAgainLater");
    let text = body["user_message"].as_str().unwrap();
    assert!(text.starts_with("try_again_later signed_in "), "{text}");
}

#[tokio::test]
async fn a_spent_code_brings_its_tokens_though_the_keys_are_away() {
    let desk = desk().await;
    let token = key().token(&desk.claims(TRADE, "ada@example.org"));
    let answer = json!({ "id_token": token });
    desk.stub.fail().await;
    desk.stub.publish_metadata(desk.stub.metadata()).await;
    desk.stub
        .answer_token(ResponseTemplate::new(200).set_body_json(answer))
        .await;
    let body: Value = desk.redeem("trade", TRADE).await.json().await.unwrap();
    assert_eq!(body["customer_link"], "unavailable");
    assert_eq!(body["id_token"], token.as_str());
    let response = desk.link(&json!({ "id_token": token })).await;
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), "5");
}

#[tokio::test]
async fn a_tenant_that_is_away_is_temporarily_unavailable() {
    for (answer, why) in [
        (None, "no metadata"),
        (Some(ResponseTemplate::new(502)), "an error"),
        (
            Some(ResponseTemplate::new(200).set_body_raw("<html>", "text/html")),
            "a page with status 200",
        ),
    ] {
        let desk = desk().await;
        match answer {
            None => desk.stub.fail().await,
            Some(answer) => desk.answer_code(answer).await,
        }
        let response = desk.redeem("trade", TRADE).await;
        assert_eq!(response.status(), 503, "{why}");
        assert_eq!(header(&response, "retry-after"), "5", "{why}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "temporarily_unavailable", "{why}");
    }
}

#[tokio::test]
async fn calls_of_the_token_endpoint_that_are_wrong() {
    let desk = desk().await;
    let form = "application/x-www-form-urlencoded";
    let good = format!("grant_type=authorization_code&code=x&client_id={TRADE}");
    let large = format!("{good}&x={}", "y".repeat(64 * 1024));
    let at = "/sites/trade/token";
    for (path, media, body, status, error, why) in [
        (
            "/sites/none/token",
            form,
            good.clone(),
            404,
            "invalid_request",
            "unknown site",
        ),
        (
            at,
            "application/json",
            "{}".into(),
            415,
            "invalid_request",
            "JSON",
        ),
        (
            at,
            "",
            good.clone(),
            415,
            "invalid_request",
            "no media type",
        ),
        (at, form, large, 413, "invalid_request", "too large"),
        (at, form, String::new(), 400, "invalid_request", "nothing"),
        (
            at,
            form,
            format!("{good}&code=y"),
            400,
            "invalid_request",
            "a parameter twice",
        ),
        (
            at,
            form,
            format!("{good}&code%32=%FF"),
            400,
            "invalid_request",
            "no UTF-8",
        ),
        (
            at,
            form,
            format!("code=x&client_id={TRADE}"),
            400,
            "invalid_request",
            "no grant",
        ),
        (
            at,
            form,
            format!("grant_type=password&client_id={TRADE}"),
            400,
            "unsupported_grant_type",
            "another grant",
        ),
        (
            at,
            form,
            format!("grant_type=client_credentials&client_id={TRADE}"),
            400,
            "unsupported_grant_type",
            "a grant without a person",
        ),
        (
            at,
            form,
            "grant_type=refresh_token".into(),
            400,
            "invalid_client",
            "no client",
        ),
        (
            at,
            form,
            format!("grant_type=refresh_token&client_id={SHOP}"),
            400,
            "invalid_client",
            "another site's client",
        ),
        (
            "/sites/trade/token?p=B2C_1_other",
            form,
            good.clone(),
            400,
            "invalid_request",
            "unknown policy",
        ),
        (
            "/sites/trade/token?p=B2C_1_profile&p=B2C_1_profile",
            form,
            good.clone(),
            400,
            "invalid_request",
            "two policies",
        ),
    ] {
        let mut request = desk.post(path).body(body);
        if !media.is_empty() {
            request = request.header("content-type", media);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{why}");
        assert_eq!(
            header(&response, "content-type"),
            "application/json",
            "{why}"
        );
        assert_eq!(header(&response, "cache-control"), "no-store", "{why}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], error, "{why}");
        assert!(body["error_description"].is_string(), "{why}");
    }
    let requests = desk.stub.server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|request| request.method.as_str() != "POST")
    );
}

#[tokio::test]
async fn a_client_that_shows_itself_in_the_header_is_challenged_there() {
    let desk = desk().await;
    let form = [("grant_type", "refresh_token"), ("client_id", TRADE)];
    for user in [SHOP, "stranger"] {
        let response = desk
            .post("/sites/trade/token")
            .basic_auth(user, Some("s3cret"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401);
        assert!(header(&response, "www-authenticate").starts_with("Basic "));
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], "invalid_client");
    }
}

#[tokio::test]
async fn other_methods_are_told_which_one_serves() {
    let desk = desk().await;
    for (method, path, allowed) in [
        ("GET", "/sites/trade/token", "POST"),
        ("OPTIONS", "/sites/trade/token", "POST"),
        ("GET", "/sites/trade/links", "POST"),
        (
            "POST",
            "/sites/trade/.well-known/openid-configuration",
            "GET, HEAD",
        ),
    ] {
        let response = desk
            .http
            .request(method.parse().unwrap(), format!("{}{path}", desk.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(header(&response, "allow"), allowed, "{method} {path}");
        assert!(header(&response, "content-type").contains("json"));
    }
}

#[tokio::test]
async fn a_policy_in_the_address_is_asked_instead_of_the_sites_own() {
    let desk = desk().await;
    let base = desk.stub.server.uri();
    let mut metadata = desk.stub.metadata();
    metadata["token_endpoint"] = json!(format!("{base}/{OTHER_POLICY}/oauth2/v2.0/token"));
    desk.stub.publish_metadata_of(OTHER_POLICY, metadata).await;
    desk.post("/sites/trade/token?p=b2c_1_PROFILE")
        .form(&code(TRADE))
        .send()
        .await
        .unwrap();
    let count = desk
        .stub
        .count(&format!("{OTHER_POLICY}/oauth2/v2.0/token"))
        .await;
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_after_it_sent_the_code_is_linked_all_the_same() {
    let desk = desk().await;
    desk.customer("1001", "ada@example.org", CustomerType::B2b)
        .await;
    let token = key().token(&desk.claims(TRADE, "ada@example.org"));
    desk.answer_code(
        ResponseTemplate::new(200)
            .set_body_json(json!({ "id_token": token }))
            .set_delay(Duration::from_millis(400)),
    )
    .await;
    let body = format!("grant_type=authorization_code&code=x&client_id={TRADE}");
    let address = desk.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /sites/trade/token HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    while desk.stub.count("/token").await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A reset, upon which the web server drops the handler.
    socket.set_zero_linger().unwrap();
    drop(socket);
    let sql = desk.sql().await;
    let begun = Instant::now();
    loop {
        let links: i64 = sql.query_one(LINKS, &[]).await.unwrap().get(0);
        if links == 1 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "never linked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_site_that_redeems_itself_records_its_links() {
    let desk = desk().await;
    desk.customer("1001", "ada@example.org", CustomerType::B2b)
        .await;
    let token = key().token(&desk.claims(TRADE, "ada@example.org"));
    let call = json!({ "id_token": token, "nonce": "f7b1c0", "ui_locales": "en", "more": 1 });
    for status in [201, 200, 200] {
        let response = desk.link(&call).await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "content-type"), "application/json");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(
            response.text().await.unwrap(),
            r#"{"customer_id":"1001","customer_link":"linked"}"#
        );
    }
    // T14: a token shown again is the same link and nothing more.
    let again = (0..97).map(|_| desk.link(&call));
    let again = futures_util::future::join_all(again).await;
    assert!(again.iter().all(|response| response.status() == 200));
    assert_eq!(desk.count(LINKS).await, 1);
    let audit = "SELECT count(*) FROM audit WHERE action = 'link.created'";
    assert_eq!(desk.count(audit).await, 1);
}

#[tokio::test]
async fn a_link_that_is_refused_is_a_problem() {
    let desk = desk().await;
    for number in ["2001", "2002"] {
        desk.customer(number, "twin@example.org", CustomerType::B2b)
            .await;
    }
    desk.customer("3001", "ada@example.org", CustomerType::B2b)
        .await;
    let first = key().token(&desk.claims(TRADE, "ada@example.org"));
    assert_eq!(desk.link(&json!({ "id_token": first })).await.status(), 201);
    let eve = "11111111-6a4e-45f1-9b1c-0d4f7c2a8e66";
    for (email, provider, status, name, topic) in [
        (
            "nobody@example.org",
            None,
            404,
            "CommerceIdentityNotFound",
            "customer_not_found",
        ),
        (
            "twin@example.org",
            None,
            409,
            "CustomerServiceMultipleCustomerAccountsFoundErrorOccurredWhenAutoLinking",
            "multiple_customers",
        ),
        (
            "ada@example.org",
            None,
            409,
            "CustomerAlreadyLinked",
            "already_linked",
        ),
        (
            "ada@example.org",
            Some("facebook.com"),
            403,
            "EmailAddressNotVerified",
            "unverified_address",
        ),
        (
            "\"a b\"@example.org",
            None,
            403,
            "EmailAddressNotComparable",
            "unverified_address",
        ),
    ] {
        let mut claims = desk.claims(TRADE, email);
        claims["oid"] = json!(eve);
        if let Some(provider) = provider {
            claims["idp"] = json!(provider);
        }
        let response = desk
            .link(&json!({ "id_token": key().token(&claims) }))
            .await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(
            header(&response, "content-type"),
            "application/problem+json"
        );
        let body: Value = response.json().await.unwrap();
        let reference = body["reference"].as_str().unwrap();
        assert_eq!(body["type"], format!("urn:idlink:problem:{name}"));
        assert_eq!(body["status"], status);
        assert_eq!(body["name"], name);
        assert!(
            body["code"].is_string() && body["title"].is_string() && body["detail"].is_string()
        );
        assert_eq!(
            body["user_message"],
            format!("{topic} signed_in {reference}")
        );
    }
}

#[tokio::test]
async fn a_token_that_proves_nothing_records_nothing() {
    let desk = desk().await;
    desk.customer("1001", "ada@example.org", CustomerType::B2b)
        .await;
    let good = desk.claims(TRADE, "ada@example.org");
    let other = desk.claims(SHOP, "ada@example.org");
    let mut nobody = good.clone();
    nobody["oid"] = json!("x");
    for (call, code, why) in [
        (
            json!({ "id_token": forged_key().token(&good) }),
            "Idlink_InvalidIdToken",
            "forged",
        ),
        (
            json!({ "id_token": key().token(&other) }),
            "Idlink_InvalidIdToken",
            "another site's",
        ),
        (
            json!({ "id_token": key().token(&good), "nonce": "x" }),
            "Idlink_InvalidIdToken",
            "wrong nonce",
        ),
        (json!({ "id_token": "" }), "Idlink_InvalidIdToken", "empty"),
        (
            json!({ "id_token": key().token(&nobody) }),
            "Idlink_IdentityWithoutObjectId",
            "nobody's",
        ),
    ] {
        let response = desk.link(&call).await;
        assert_eq!(response.status(), 401, "{why}");
        assert_eq!(
            header(&response, "www-authenticate"),
            "Bearer realm=\"links\""
        );
        assert_eq!(
            header(&response, "content-type"),
            "application/problem+json"
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code, "{why}");
        assert_eq!(body["status"], 401, "{why}");
        assert!(body["reference"].is_string(), "{why}");
    }
    assert_eq!(desk.count(LINKS).await, 0);
}

#[tokio::test]
async fn calls_of_the_links_endpoint_that_are_wrong() {
    let desk = desk().await;
    let json = "application/json";
    for (media, body, status, why) in [
        ("text/plain", "{}".to_owned(), 415, "no JSON"),
        (
            "application/json; charset=utf-16",
            "{}".to_owned(),
            415,
            "no UTF-8",
        ),
        (json, String::new(), 400, "nothing"),
        (json, "{".to_owned(), 400, "half"),
        (json, "[]".to_owned(), 400, "a list"),
        (json, "{}".to_owned(), 400, "no token"),
        (json, r#"{"id_token":1}"#.to_owned(), 400, "a number"),
        (
            json,
            r#"{"id_token":"x","id_token":"y"}"#.to_owned(),
            400,
            "twice",
        ),
        (
            json,
            r#"{"id_token":"x","nonce":null}"#.to_owned(),
            400,
            "a lost nonce",
        ),
        (
            json,
            r#"{"id_token":"x"} x"#.to_owned(),
            400,
            "more behind it",
        ),
        (
            json,
            format!(r#"{{"id_token":"{}"}}"#, "x".repeat(64 * 1024)),
            413,
            "too large",
        ),
    ] {
        let response = desk
            .post("/sites/trade/links")
            .bearer_auth(KEY)
            .header("content-type", media)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{why}");
        assert_eq!(
            header(&response, "content-type"),
            "application/problem+json"
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], "Idlink_MalformedRequest", "{why}");
    }
    let response = desk.post("/sites/none/links").bearer_auth(KEY).send().await;
    let response = response.unwrap();
    assert_eq!(response.status(), 404);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "Idlink_UnknownSite");
}

#[tokio::test]
async fn a_site_without_its_key_is_refused_before_its_body_is_read() {
    let desk = desk().await;
    for (path, authorization) in [
        ("/sites/trade/links", ""),
        ("/sites/trade/links", "Authorization: Bearer wrong\r\n"),
        (
            "/sites/trade/links",
            "Authorization: Basic dHJhZGU6eA==\r\n",
        ),
        // No keys are set for it.
        (
            "/sites/shop/links",
            "Authorization: Bearer trade-key-0123456789\r\n",
        ),
    ] {
        let address = desk.url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        // Announces a body and never sends it.
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\
             Content-Type: application/json\r\n{authorization}\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(3), socket.read(&mut answer));
        let length = read.await.expect("an answer at once").unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
    }
    let old = desk
        .post("/sites/trade/links")
        .bearer_auth("old-key-0123456789")
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(old.status(), 400, "either key opens");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let desk = desk().await;
    let address = desk.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = "POST /sites/trade/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\
                   Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=";
    socket.write_all(request.as_bytes()).await.unwrap();
    let begun = Instant::now();
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn client_libraries_find_our_token_endpoint_in_the_tenants_metadata() {
    let desk = desk().await;
    let at = "/sites/trade/.well-known/openid-configuration";
    let get = async |query: &str| {
        let url = format!("{}{at}{query}", desk.url);
        desk.http.get(url).send().await.unwrap()
    };
    let response = get("").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "application/json");
    assert_eq!(header(&response, "cache-control"), "public, max-age=600");
    let mut expected = desk.stub.metadata();
    expected["token_endpoint"] = json!(format!("{PUBLIC}/sites/trade/token"));
    let document: Value = response.json().await.unwrap();
    assert_eq!(document, expected);

    let document: Value = get("?p=b2c_1_signupsignin").await.json().await.unwrap();
    assert_eq!(
        document["token_endpoint"],
        format!("{PUBLIC}/sites/trade/token?p={POLICY}")
    );
    assert_eq!(get("?p=B2C_1_other").await.status(), 404);

    // It stands while the tenant is away; what was never loaded does not.
    desk.stub.fail().await;
    assert_eq!(get("").await.status(), 200);
    let response = get(&format!("?p={OTHER_POLICY}")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), "5");
    assert_eq!(header(&response, "cache-control"), "no-store");

    let url = format!("{}/sites/none/.well-known/openid-configuration", desk.url);
    assert_eq!(desk.http.get(url).send().await.unwrap().status(), 404);
}

/// The address may match where somebody who is trusted vouches for it, and the
/// token does not take that back.
#[tokio::test]
async fn only_a_listed_provider_links_whatever_the_token_says_of_the_address() {
    let desk = desk().await;
    let customers = [
        ("1001", "a@example.org"),
        ("1002", "b@example.org"),
        ("1003", "c@example.org"),
        ("1004", "d@example.org"),
    ];
    for (number, email) in customers {
        desk.customer(number, email, CustomerType::B2b).await;
    }
    desk.customer("1005", "one@example.org", CustomerType::B2b)
        .await;
    let providers = [
        (None, true),
        (Some("google.com"), true),
        (Some("Google.com"), false),
        (Some("local"), false),
        (Some(""), false),
        (Some("facebook.com"), false),
        (Some("contoso.onmicrosoft.com"), false),
        (Some("https://login.microsoftonline.com/x/v2.0"), false),
    ];
    // A number is not even read: `openidconnect` knows truth values and texts.
    let verified = [
        (None, None),
        (Some(json!(true)), None),
        (Some(json!(false)), Some((403, "EmailAddressNotVerified"))),
        (Some(json!("true")), Some((403, "EmailAddressNotVerified"))),
        (Some(json!(1)), Some((401, "InvalidIdToken"))),
    ];
    let mut customers = customers.into_iter();
    for (provider, trusted) in providers {
        for (value, refusal) in &verified {
            let why = format!("{provider:?} {value:?}");
            let expected = (trusted && refusal.is_none()).then(|| customers.next().unwrap());
            let email = expected.map_or("one@example.org", |(_, email)| email);
            let mut claims = desk.claims(TRADE, email);
            claims["oid"] = json!(uuid::Uuid::new_v4());
            if let Some(provider) = provider {
                claims["idp"] = json!(provider);
            }
            if let Some(value) = value {
                claims["email_verified"] = value.clone();
            }
            let token = key().token(&claims);
            let response = desk.link(&json!({ "id_token": token })).await;
            let status = response.status();
            let body: Value = response.json().await.unwrap();
            match expected {
                Some((number, _)) => {
                    assert_eq!(status, 201, "{why}: {body}");
                    assert_eq!(body["customer_id"], number, "{why}");
                }
                None => {
                    let (expected, name) = refusal.unwrap_or((403, "EmailAddressNotVerified"));
                    assert_eq!(status, expected, "{why}: {body}");
                    assert_eq!(body["name"], name, "{why}");
                }
            }
        }
    }
    assert_eq!(customers.next(), None);
    assert_eq!(desk.count(LINKS).await, 4);
}

/// Both routes at once: tokens without a number from the one, "try again
/// later" from the other.
async fn assert_outage(desk: &Desk, token: &str, why: &str) {
    let begun = Instant::now();
    let shown = json!({ "id_token": token });
    let (redeemed, link) = tokio::join!(desk.redeem("trade", TRADE), desk.link(&shown));
    let waited = begun.elapsed();
    assert!(waited < Duration::from_millis(4_800), "{why}: {waited:?}");
    assert_eq!(redeemed.status(), 200, "{why}");
    let body: Value = redeemed.json().await.unwrap();
    assert_eq!(body["id_token"], token, "{why}");
    assert_eq!(body["customer_link"], "unavailable", "{why}");
    assert_eq!(body["customer_id"], "", "{why}");
    assert_eq!(link.status(), 503, "{why}");
    assert_eq!(header(&link, "retry-after"), "5", "{why}");
    let body: Value = link.json().await.unwrap();
    assert_eq!(body["code"], "Idlink_TryAgainLater", "{why}");
}

#[tokio::test]
async fn a_store_that_stalls_or_is_gone_is_answered_for_in_time_and_found_again() {
    let server = own_server().await;
    let desk = start(store(server.config()).await, |_| {}).await;
    let token = key().token(&desk.claims(TRADE, "ada@example.org"));
    desk.issue(&token).await;
    let not_found = async |why: &str| {
        let response = desk.link(&json!({ "id_token": token })).await;
        assert_eq!(response.status(), 404, "{why}");
        assert_eq!(desk.redeem("trade", TRADE).await.status(), 400, "{why}");
    };
    not_found("up").await;
    server.signal_all("STOP");
    assert_outage(&desk, &token, "stalled").await;
    server.signal_all("CONT");
    not_found("on again").await;
    server.signal_all("KILL");
    assert_outage(&desk, &token, "gone").await;
    let _server = server.restart().await;
    not_found("back").await;
}
