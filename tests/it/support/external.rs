//! An External ID tenant beside the B2C one: its published keys, its tokens,
//! and the service that both call. Knows nothing of the code under test but
//! its settings.

use std::sync::Arc;
use std::time::Duration;

use idlink::config::Settings;
use idlink::connectors::caller::BasicCredential;
use idlink::domain::customer::CustomerType;
use idlink::domain::directory::Directory;
use idlink::domain::identity::Issuer;
use idlink::domain::site::Site;
use idlink::domain::tenant::{ClaimNames, EmailOtp, ExternalId, Platform, Tenant};
use idlink::limits::Quotas;
use idlink::oidc::{BearerSettings, CallerIssuer};
use idlink::store::Store;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::business;
use super::postgres::{Database, database};
use super::service::{PASSWORD, Reply, SHOP, Service, TRADE, USERNAME, send};
use super::tenant::{Key, key};

pub(crate) const DIRECTORY: &str = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
pub(crate) const API: &str = "d4a1c7b9-20f5-4b7c-8e63-9f7e5d1c0b2a";
pub(crate) const API_URI: &str = "api://signup.aurora.example/d4a1c7b9-20f5-4b7c-8e63-9f7e5d1c0b2a";
pub(crate) const CALLER: &str = "99045fe1-7639-4a75-9d4a-577b6ca3810f";

/// The three issuers of contracts.md §4.4, and version 1's.
pub(crate) const BY_DIRECTORY: &str = "https://7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10.ciamlogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0";
pub(crate) const BY_NAME: &str =
    "https://aurora.ciamlogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0";
pub(crate) const WORKFORCE: &str =
    "https://login.microsoftonline.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0";
pub(crate) const VERSION_1: &str = "https://sts.windows.net/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/";

/// The attribute that takes the number, where a form collects it.
pub(crate) const ATTRIBUTE: &str = "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_CustomerId";

/// Keys as a tenant publishes them, at one address an issuer.
pub(crate) struct Keys {
    pub(crate) server: MockServer,
}

impl Keys {
    pub(crate) async fn start() -> Self {
        let keys = Self {
            server: MockServer::start().await,
        };
        keys.publish(&[key()]).await;
        keys
    }

    pub(crate) async fn publish(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answer(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys })))
            .await;
    }

    /// In the place of what was published before.
    pub(crate) async fn publish_anew(&self, keys: &[&Key]) {
        self.server.reset().await;
        self.publish(keys).await;
    }

    pub(crate) async fn answer(&self, answer: ResponseTemplate) {
        Mock::given(method("GET"))
            .and(path("/keys"))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    pub(crate) async fn asked(&self) -> usize {
        self.server.received_requests().await.unwrap().len()
    }

    pub(crate) fn settings(&self, issuers: &[&str]) -> BearerSettings {
        let jwks_uri: url::Url = format!("{}/keys", self.server.uri()).parse().unwrap();
        BearerSettings {
            tenant: "aurora".to_owned(),
            directory_id: DIRECTORY.parse().unwrap(),
            audiences: [API.to_owned(), API_URI.to_owned()].into(),
            issuers: issuers
                .iter()
                .map(|issuer| CallerIssuer {
                    issuer: (*issuer).to_owned(),
                    jwks_uri: jwks_uri.clone(),
                })
                .collect(),
        }
    }
}

/// The claims of contracts.md §4.4 at `now`.
pub(crate) fn claims_at(now: i64) -> Value {
    json!({
        "aud": API,
        "iss": BY_DIRECTORY,
        "iat": now,
        "nbf": now,
        "exp": now + 3900,
        "azp": CALLER,
        "azpacr": "2",
        "tid": DIRECTORY,
        "ver": "2.0"
    })
}

pub(crate) fn claims() -> Value {
    claims_at(OffsetDateTime::now_utc().unix_timestamp())
}

/// The claims with some replaced; `null` takes one out.
pub(crate) fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// Tenant and sites, for a test to change before the service starts.
pub(crate) struct Setup {
    pub(crate) tenant: Tenant,
    pub(crate) trade: Site,
    pub(crate) shop: Site,
    pub(crate) bearer: BearerSettings,
    pub(crate) limits: Quotas,
}

impl Setup {
    pub(crate) fn external(&mut self) -> &mut ExternalId {
        match &mut self.tenant.platform {
            Platform::ExternalId(external) => external,
            Platform::B2c => panic!("the tenant is External ID's"),
        }
    }
}

/// The service as an External ID tenant sees it.
pub(crate) struct External {
    pub(crate) service: Service,
    pub(crate) keys: Keys,
}

impl External {
    /// A service with its own database. Keep the latter while it runs.
    pub(crate) async fn start(change: impl FnOnce(&mut Setup)) -> (Self, Database) {
        let database = database().await;
        let store = business::store(database.config()).await;
        (Self::on(store, change).await, database)
    }

    pub(crate) async fn on(store: Store, change: impl FnOnce(&mut Setup)) -> Self {
        let keys = Keys::start().await;
        let mut setup = Setup {
            tenant: tenant(),
            trade: site(CustomerType::B2b, TRADE),
            shop: site(CustomerType::B2c, SHOP),
            bearer: keys.settings(&[BY_DIRECTORY, BY_NAME, WORKFORCE, VERSION_1]),
            limits: Quotas::default(),
        };
        change(&mut setup);
        let service = Service::with(store, settings(setup)).await;
        let external = Self { service, keys };
        external.loaded().await;
        external
    }

    /// Waits until the keys are there: they are loaded behind the start.
    async fn loaded(&self) {
        for _ in 0..500 {
            if self.ask(&json!({})).await.status != 401 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the keys were not loaded");
    }

    pub(crate) fn post(&self) -> RequestBuilder {
        self.service
            .post("/connectors/aurora/external-id")
            .header("Content-Type", "application/json")
    }

    /// What the platform would send, with its token.
    pub(crate) async fn ask(&self, body: &Value) -> Reply {
        self.ask_in(&body.to_string()).await
    }

    pub(crate) async fn ask_in(&self, body: &str) -> Reply {
        let token = key().token(&claims());
        send(self.post().bearer_auth(token).body(body.to_owned())).await
    }
}

fn tenant() -> Tenant {
    Tenant {
        name: "aurora".to_owned(),
        issuer: Issuer::new(BY_DIRECTORY),
        policies: Vec::new(),
        claims: ClaimNames::new(Some("a3f09c1b7d6e4c58b2e1905f4d7a6c33"), "CustomerId", None),
        platform: Platform::ExternalId(ExternalId {
            directory_id: Uuid::parse_str(DIRECTORY).unwrap(),
            answer_within: Duration::from_millis(700),
            email_otp: EmailOtp::Refuse,
        }),
        ..Arc::unwrap_or_clone(business::tenant())
    }
}

fn site(customer_type: CustomerType, client_id: &str) -> Site {
    Site {
        tenant: "aurora".to_owned(),
        client_ids: [client_id.to_owned()].into(),
        ..business::site(customer_type)
    }
}

/// Both tenants. The B2C one has no site: it is there to be mistaken.
fn settings(setup: Setup) -> Settings {
    let mut settings = Settings::default();
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.server.management_listen = ([127, 0, 0, 1], 0).into();
    settings.server.workers = Some(2);
    settings.bearers.insert("aurora".to_owned(), setup.bearer);
    settings.limits.insert("aurora".to_owned(), setup.limits);
    for tenant in ["contoso", "aurora"] {
        // Even with a password the other platform's routes stay closed.
        let credential = BasicCredential {
            username: USERNAME.to_owned(),
            password: PASSWORD.into(),
            not_after: None,
        };
        settings
            .callers
            .insert(tenant.to_owned(), vec![credential].into());
    }
    let contoso = Arc::unwrap_or_clone(business::tenant());
    settings.directory = Directory::new([setup.tenant, contoso], [setup.trade, setup.shop]);
    settings
}
