//! Two OpenID Connect libraries that nobody here wrote, against the production
//! assembly and the mock tenant: npm's openid-client and PyPI's authlib.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use idlink::config::Settings;
use idlink::domain::customer::CustomerType;
use idlink::emulator::{self, Application, Emulator, SeedUser};
use idlink::server::{self, Running};
use serde_json::Value;
use tokio::process::Command;

use super::support::business::{self, OnFile};
use super::support::postgres::{Database, database, new_folder};

const FLOW: &str = "B2C_1_signupsignin";
const CLIENT_ID: &str = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
/// Nobody listens there: the scripts read the code from the address.
const REDIRECT_URI: &str = "https://shop.example/callback";
const PASSWORD: &str = "Correct horse 1";
const KNOWN: &str = "ada@northwind.example";
const UNKNOWN: &str = "stranger@nowhere.example";

/// Where the packages of the scripts are, with `make test`.
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

#[derive(Clone, Copy)]
enum Library {
    OpenidClient,
    Authlib,
}

impl Library {
    /// openid-client gets one with characters that a form and a Basic header
    /// spell differently. authlib does not encode it for the header (RFC 6749,
    /// 2.3.1), so it gets one as Entra makes them, which need not be.
    fn secret(self) -> &'static str {
        match self {
            Self::OpenidClient => "s3cr:t &=+%ü",
            Self::Authlib => "Qx8Q~Hc3.s-1_ynZ0kVt",
        }
    }
}

/// How the application says who it is at the token endpoint.
#[derive(Clone, Copy)]
enum Authentication {
    Post,
    Basic,
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_is_told_the_customer_number() {
    is_told_the_number(Library::OpenidClient, Authentication::Post).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_may_use_a_basic_header() {
    is_told_the_number(Library::OpenidClient, Authentication::Basic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_is_told_why_a_link_is_refused() {
    let said = is_told_why(Library::OpenidClient).await;
    assert_eq!(said["status"], 400, "{said}");
    let body = &said["body"];
    assert_eq!(
        body["error_code"], "Microsoft_Dynamics_CommerceIdentityNotFound",
        "{said}"
    );
    let message = body["user_message"].as_str().unwrap();
    let reference = body["reference"].as_str().unwrap();
    assert!(message.contains(reference), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_is_told_the_customer_number() {
    is_told_the_number(Library::Authlib, Authentication::Post).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_may_use_a_basic_header() {
    is_told_the_number(Library::Authlib, Authentication::Basic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_is_told_why_a_link_is_refused() {
    is_told_why(Library::Authlib).await;
}

async fn is_told_the_number(library: Library, authentication: Authentication) {
    let desk = Desk::start(library).await;
    let said = desk.sign_in(library, authentication, KNOWN).await;
    assert_eq!(said["customer_id"], "US-101", "{said}");
    assert_eq!(said["customer_link"], "linked", "{said}");
    assert_eq!(said["claims"]["emails"][0], KNOWN, "{said}");
    assert_eq!(said["token_endpoint"], desk.url("/sites/trade/token"));
    let refreshed = &said["refreshed"];
    assert_eq!(refreshed["subject"], said["claims"]["sub"], "{said}");
    assert_eq!(refreshed["customer_id"], "US-101", "{said}");
    assert_eq!(refreshed["customer_link"], "linked", "{said}");
}

async fn is_told_why(library: Library) -> Value {
    let desk = Desk::start(library).await;
    let said = desk.sign_in(library, Authentication::Post, UNKNOWN).await;
    assert_eq!(said["error"], "invalid_grant", "{said}");
    let description = said["error_description"].as_str().unwrap();
    assert!(!description.is_empty(), "{said}");
    said
}

/// The service as it runs in production, and a tenant with two people who have
/// accounts: one is a customer. Connectors are not set, so that only the token
/// endpoint can have made the link.
struct Desk {
    service: Running,
    _tenant: Emulator,
    _database: Database,
}

impl Desk {
    async fn start(library: Library) -> Self {
        let database = database().await;
        let store = business::store(database.config()).await;
        OnFile::person("US-101", KNOWN, CustomerType::B2b)
            .add(&store)
            .await;
        let tenant = emulator::start(tenant_settings(library.secret()))
            .await
            .unwrap();
        let settings = service_settings(&tenant);
        let service = server::start(settings, store, None).await.unwrap();
        service.prepared().await;
        Self {
            service,
            _tenant: tenant,
            _database: database,
        }
    }

    fn url(&self, path: &str) -> String {
        self.service.public_url.join(path).unwrap().to_string()
    }

    async fn sign_in(
        &self,
        library: Library,
        authentication: Authentication,
        email: &str,
    ) -> Value {
        let (program, script) = match library {
            Library::OpenidClient => ("node", "openid_client.mjs"),
            Library::Authlib => ("python3", "authlib_client.py"),
        };
        let authentication = match authentication {
            Authentication::Post => "post",
            Authentication::Basic => "basic",
        };
        let metadata = self.url("/sites/trade/.well-known/openid-configuration");
        let said = said_by(
            client(program)
                .arg(script)
                .env("METADATA_URL", metadata)
                .env("CLIENT_ID", CLIENT_ID)
                .env("CLIENT_SECRET", library.secret())
                .env("CLIENT_AUTH", authentication)
                .env("REDIRECT_URI", REDIRECT_URI)
                .env("EMAIL", email)
                .env("PASSWORD", PASSWORD),
        )
        .await;
        serde_json::from_str(&said).unwrap()
    }
}

/// A program of the clients' own folder, where `.ci/prepare` puts what they
/// need.
pub(crate) fn client(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("env");
    command
        .arg(program)
        .current_dir(CLIENTS)
        .env("PATH", format!("{CLIENTS}/.venv/bin:{path}"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Lets it run to its end; what it printed. One that fails is told with all that
/// it said.
pub(crate) async fn said_by(client: &mut Command) -> String {
    let output = client.output().await;
    let script = client
        .as_std()
        .get_args()
        .collect::<Vec<_>>()
        .join(OsStr::new(" "));
    let script = script.display();
    let output =
        output.unwrap_or_else(|error| panic!("{script} cannot be run ({error}): use `make test`"));
    let said = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script}: {}\n{said}\n{complained}\nNode.js, Python, their packages and Chromium come \
         with `make test`.",
        output.status
    );
    said
}

fn tenant_settings(secret: &str) -> emulator::Settings {
    let mut settings = emulator::Settings::new("contoso");
    settings.applications = vec![Application {
        client_id: CLIENT_ID.to_owned(),
        name: "Trade".to_owned(),
        secret: Some(secret.to_owned()),
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        post_logout_redirect_uris: Vec::new(),
    }];
    settings.seed = [KNOWN, UNKNOWN]
        .map(|email| SeedUser {
            email: Some(email.to_owned()),
            password: Some(PASSWORD.to_owned()),
            ..SeedUser::default()
        })
        .to_vec();
    settings
}

fn service_settings(tenant: &Emulator) -> Settings {
    let issuer = tenant.issuer();
    let metadata_url = tenant.metadata_url(FLOW).replace(FLOW, "{policy}");
    let text = format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        management_listen = "127.0.0.1:0"

        [legal_entities.USMF]

        [tenants.contoso]
        issuer = "{issuer}"
        metadata_url = "{metadata_url}"
        policies = ["{FLOW}"]
        trusted_providers = ["local"]

        [[tenants.contoso.credentials]]
        username = "unused"
        password = "unused unused unused"

        [sites.trade]
        customer_type = "b2b"
        legal_entity = "USMF"
        tenant = "contoso"
        client_ids = ["{CLIENT_ID}"]
        "#
    );
    let folder = new_folder("clients");
    fs::create_dir(&folder).unwrap();
    load(&folder.join("idlink.toml"), &text)
}

fn load(file: &Path, text: &str) -> Settings {
    fs::write(file, text).unwrap();
    Settings::load(Some(file), std::iter::empty()).unwrap()
}
