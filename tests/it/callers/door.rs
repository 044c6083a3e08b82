//! A service with tenants to call for, and clients that show what they have.
//! No database: a body that nobody understands gets a page all the same.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use idlink::config::Source;
use idlink::server::{self, Running};
use idlink::store::Store;
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder};
use tokio_postgres::Config;
use uuid::Uuid;

use crate::support::business::cold_store;
use crate::support::program::Folder;

/// What a refusal for an unknown tenant is counted under.
pub(super) const UNKNOWN: &str = "unknown";

const TLS: &str = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n";

pub(super) fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// The application of the tenant's only site, made up from its name.
pub(super) fn shop_of(tenant: &str) -> String {
    let digits = tenant
        .bytes()
        .fold(0_u128, |n, byte| n << 8 | u128::from(byte));
    Uuid::from_u128(digits).to_string()
}

/// Settings for tenants with these keys of their own.
pub(super) fn settings(more: &str, tenants: &[(&str, &str)]) -> String {
    let mut text = format!(
        "[server]\n\
         listen = \"127.0.0.1:0\"\n\
         management_listen = \"127.0.0.1:0\"\n\
         workers = 2\n\
         {more}\n\
         [legal_entities.USMF]\n"
    );
    for (tenant, keys) in tenants {
        text.push_str(&format!(
            "[tenants.{tenant}]\n\
             issuer = \"http://127.0.0.1:9/{tenant}/v2.0/\"\n\
             metadata_url = \"http://127.0.0.1:9/{tenant}/{{policy}}/metadata\"\n\
             policies = [\"B2C_1_signupsignin\"]\n\
             trusted_providers = [\"local\"]\n\
             {keys}\n\
             [sites.{tenant}]\n\
             customer_type = \"b2b\"\n\
             legal_entity = \"USMF\"\n\
             tenant = \"{tenant}\"\n\
             client_ids = [\"{}\"]\n",
            shop_of(tenant)
        ));
    }
    text
}

/// What a caller was told, without what differs every time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

pub(super) struct Door {
    pub(super) folder: Folder,
    pub(super) running: Running,
    pub(super) client: Client,
    /// The service's own certificate, if it has one.
    certificate: Option<String>,
}

impl Door {
    /// Plain HTTP.
    pub(super) async fn open(tenants: &[(&str, &str)]) -> Self {
        Self::open_with("", tenants).await
    }

    pub(super) async fn open_with(more: &str, tenants: &[(&str, &str)]) -> Self {
        Self::start(Folder::new(), nowhere(), None, more, tenants).await
    }

    /// With TLS. The folder holds the files that `tenants` names.
    pub(super) async fn open_tls(folder: Folder, tenants: &[(&str, &str)]) -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        folder.write("server.key", &made.signing_key.serialize_pem());
        folder.write("server.pem", &made.cert.pem());
        Self::start(folder, nowhere(), Some(made.cert.pem()), TLS, tenants).await
    }

    /// Plain HTTP, with records to ask.
    pub(super) async fn open_on(store: Store, tenants: &[(&str, &str)]) -> Self {
        let door = Self::start(Folder::new(), store, None, "", tenants).await;
        door.running.prepared().await;
        door
    }

    async fn start(
        folder: Folder,
        store: Store,
        certificate: Option<String>,
        more: &str,
        tenants: &[(&str, &str)],
    ) -> Self {
        let file = folder.write("idlink.toml", &settings(more, tenants));
        let source = Source::new(Some(file), []);
        let loaded = source.load().unwrap();
        let running = server::start(loaded, store, Some(source)).await.unwrap();
        let door = Self {
            folder,
            running,
            client: Client::new(),
            certificate,
        };
        Self {
            client: door.client_builder().build().unwrap(),
            ..door
        }
    }

    /// Other tenants, or the same with other credentials.
    pub(super) async fn change(&self, tenants: &[(&str, &str)]) {
        let more = self.certificate.as_ref().map_or("", |_| TLS);
        self.change_with(more, tenants).await;
    }

    pub(super) async fn change_with(&self, more: &str, tenants: &[(&str, &str)]) {
        self.folder.write("idlink.toml", &settings(more, tenants));
        self.running.reload().await;
    }

    /// For a client that trusts the service and nobody else.
    pub(super) fn client_builder(&self) -> ClientBuilder {
        let builder = Client::builder().timeout(Duration::from_secs(30));
        match &self.certificate {
            Some(pem) => builder.tls_certs_only([Certificate::from_pem(pem.as_bytes()).unwrap()]),
            None => builder,
        }
    }

    pub(super) fn certificate(&self) -> &str {
        self.certificate.as_deref().unwrap()
    }

    pub(super) fn url(&self, tenant: &str) -> String {
        let port = self.running.address.port();
        let origin = match self.certificate {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        format!("{origin}/connectors/{tenant}/user-flow")
    }

    /// A call of the tenant's user flow, without any credential. Whoever may
    /// call is shown a page: the body says nothing.
    pub(super) fn ask(&self, tenant: &str) -> RequestBuilder {
        self.ask_by(&self.client, tenant)
    }

    pub(super) fn ask_by(&self, client: &Client, tenant: &str) -> RequestBuilder {
        client
            .post(self.url(tenant))
            .header("Content-Type", "application/json")
            .body("{}")
    }

    pub(super) async fn status(&self, request: RequestBuilder) -> u16 {
        self.told(request).await.status
    }

    pub(super) async fn told(&self, request: RequestBuilder) -> Told {
        let response = request.send().await.unwrap();
        let headers = response.headers().iter();
        Told {
            status: response.status().as_u16(),
            headers: headers
                .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: response.text().await.unwrap(),
        }
    }

    pub(super) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.running.management_address);
        let response = Client::new().get(url).send().await.unwrap();
        response.text().await.unwrap()
    }

    /// How many callers were refused so. All servers of the process count
    /// together, so tenants of different tests have different names.
    pub(super) async fn refused(&self, tenant: &str, method: &str, reason: &str) -> u64 {
        let labels = [
            format!("tenant=\"{tenant}\""),
            format!("method=\"{method}\""),
            format!("reason=\"{reason}\""),
        ];
        self.count("idlink_callers_refused_total", &labels).await
    }

    pub(super) async fn count(&self, name: &str, labels: &[String]) -> u64 {
        let metrics = self.metrics().await;
        let line = metrics.lines().find(|line| {
            line.starts_with(name) && labels.iter().all(|label| line.contains(label.as_str()))
        });
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

fn nowhere() -> Store {
    let mut config = Config::new();
    config.host("/nonexistent").dbname("idlink").user("idlink");
    cold_store(config)
}
