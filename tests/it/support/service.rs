//! The connector behind a real socket, on a database of its own.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use arc_swap::ArcSwap;
use idlink::connectors::caller::BasicCredential;
use idlink::connectors::{self, Connectors};
use idlink::domain::customer::CustomerType;
use idlink::domain::directory::Directory;
use idlink::domain::site::Site;
use idlink::domain::tenant::Tenant;
use idlink::linking::Linking;
use idlink::sign_up::SignUps;
use idlink::store::Store;
use idlink::tracked::Tracked;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::runtime::Handle;
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
}

pub(crate) struct Service {
    pub(crate) store: Store,
    url: String,
    client: Client,
    server: ServerHandle,
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
        (Self::on(store, change), database)
    }

    /// A service on a database that may not answer.
    pub(crate) fn start_cold(config: Config) -> Self {
        Self::on(business::cold_store(config), |_| {})
    }

    pub(crate) fn on(store: Store, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup {
            tenant: Arc::unwrap_or_clone(business::tenant()),
            trade: business::site(CustomerType::B2b),
            shop: business::site(CustomerType::B2c),
        };
        setup.trade.client_ids = [TRADE.to_owned()].into();
        setup.shop.client_ids = [SHOP.to_owned()].into();
        change(&mut setup);
        let connectors = Connectors {
            fallback: setup.trade.messages.clone(),
            callers: [(
                "contoso".to_owned(),
                vec![BasicCredential {
                    username: USERNAME.to_owned(),
                    password: PASSWORD.into(),
                    not_after: None,
                }],
            )]
            .into(),
            directory: Arc::new(Directory::new([setup.tenant], [setup.trade, setup.shop])),
        };
        let connectors = Data::new(ArcSwap::from_pointee(connectors));
        let tracked = Tracked::new(Handle::current());
        let sign_ups = SignUps::new(store.clone(), tracked.clone());
        let linking = Linking::new(store.clone(), tracked);
        let server = HttpServer::new(move || {
            App::new()
                .app_data(connectors.clone())
                .app_data(Data::new(sign_ups.clone()))
                .app_data(Data::new(linking.clone()))
                .configure(connectors::configure)
        })
        .workers(2)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            store,
            url,
            client: Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            server: handle,
        }
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
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

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
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
