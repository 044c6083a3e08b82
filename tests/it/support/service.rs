//! The service as it runs in production, behind real sockets, on a database
//! of the test's own.

use std::sync::Arc;
use std::time::Duration;

use idlink::config::{Settings, SiteSettings};
use idlink::connectors::caller::BasicCredential;
use idlink::domain::customer::CustomerType;
use idlink::domain::directory::Directory;
use idlink::domain::site::Site;
use idlink::domain::tenant::Tenant;
use idlink::oidc::ProviderSettings;
use idlink::server::{self, Running};
use idlink::store::Store;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Config;

use super::business;
use super::postgres::{Database, database};

pub(crate) const USERNAME: &str = "b2c-caller";
pub(crate) const PASSWORD: &str = "s3:cret";

/// Client ids of the two sites.
pub(crate) const TRADE: &str = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
pub(crate) const SHOP: &str = "0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f11";

/// Tenant and sites, for a test to change before the service starts.
pub(crate) struct Setup {
    pub(crate) tenant: Tenant,
    pub(crate) trade: Site,
    pub(crate) shop: Site,
    pub(crate) credentials: Vec<BasicCredential>,
}

pub(crate) struct Service {
    pub(crate) store: Store,
    url: String,
    client: Client,
    running: Running,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Service {
    /// A service with its own database. Keep the latter while it runs.
    pub(crate) async fn start(change: impl FnOnce(&mut Setup)) -> (Self, Database) {
        let database = database().await;
        let store = business::store(database.config()).await;
        (Self::on(store, change).await, database)
    }

    /// A service on a database that may not answer.
    pub(crate) async fn start_cold(config: Config) -> Self {
        Self::on(business::cold_store(config), |_| {}).await
    }

    pub(crate) async fn on(store: Store, change: impl FnOnce(&mut Setup)) -> Self {
        // Nobody listens there: most tests bring no tokens.
        let nowhere = "http://127.0.0.1:9/{policy}/v2.0/.well-known/openid-configuration";
        Self::at(store, nowhere, change).await
    }

    /// A service whose tenant publishes its metadata there.
    pub(crate) async fn at(
        store: Store,
        metadata_url: &str,
        change: impl FnOnce(&mut Setup),
    ) -> Self {
        let mut setup = Setup {
            tenant: Arc::unwrap_or_clone(business::tenant()),
            trade: business::site(CustomerType::B2b),
            shop: business::site(CustomerType::B2c),
            credentials: vec![credential(PASSWORD, None)],
        };
        setup.trade.client_ids = [TRADE.to_owned()].into();
        setup.shop.client_ids = [SHOP.to_owned()].into();
        change(&mut setup);
        Self::with(store, settings(setup, metadata_url)).await
    }

    /// Where the platforms call, for requests written by hand.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.running.address
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// A page of the operators' port.
    pub(crate) fn management(&self, path: &str) -> RequestBuilder {
        let address = self.running.management_address;
        self.client.get(format!("http://{address}{path}"))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    /// What the tenant's user flow would send, with its credentials.
    pub(crate) async fn ask(&self, body: &Value) -> Reply {
        let request = self.user_flow().body(body.to_string());
        send(request).await
    }

    pub(crate) fn user_flow(&self) -> RequestBuilder {
        self.post("/connectors/contoso/user-flow")
            .basic_auth(USERNAME, Some(PASSWORD))
            .header("Content-type", "application/json")
    }
}

pub(crate) fn credential(password: &str, not_after: Option<OffsetDateTime>) -> BasicCredential {
    BasicCredential {
        username: USERNAME.to_owned(),
        password: password.into(),
        not_after,
    }
}

fn settings(setup: Setup, metadata_url: &str) -> Settings {
    let mut settings = Settings::default();
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.server.management_listen = ([127, 0, 0, 1], 0).into();
    settings.server.workers = Some(2);
    settings
        .callers
        .insert(setup.tenant.name.clone(), setup.credentials.into());
    settings.providers.insert(
        setup.tenant.name.clone(),
        ProviderSettings {
            metadata_url: metadata_url.to_owned(),
            default_policy: setup.tenant.policies[0].clone(),
            allowed_hosts: Vec::new(),
        },
    );
    for site in [&setup.trade, &setup.shop] {
        let access = SiteSettings {
            policy: setup.tenant.policies[0].clone(),
            keys: Vec::new(),
        };
        settings.sites.insert(site.name.clone(), access);
    }
    settings.directory = Directory::new([setup.tenant], [setup.trade, setup.shop]);
    settings
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    Reply {
        status: response.status(),
        content_type: response
            .headers()
            .get("content-type")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default(),
        text: response.text().await.unwrap(),
    }
}

impl Service {
    /// A service with settings that the test made itself.
    pub(crate) async fn with(store: Store, settings: Settings) -> Self {
        let running = server::start(settings, store.clone(), None).await.unwrap();
        Self {
            store,
            url: format!("http://{}", running.address),
            running,
            client: Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
        }
    }
}
