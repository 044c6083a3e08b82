//! What every command starts from: the settings, and the store they name.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::ExposeSecret;

use crate::config::{Database, Problems, Settings, Source};
use crate::store::embedded::{Durability, Embedded, EmbeddedError, Options};
use crate::store::{Limits, Store, StoreError, StoreSettings};

/// The embedded server's own database.
const DATABASE: &str = "idlink";

/// More than the largest pool, so that commands get in beside the service.
const CONNECTIONS: u16 = 100;

/// Where settings and data are.
pub struct Context {
    source: Source,
    data_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error(transparent)]
    Settings(#[from] Problems),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("`database.url` is no connection string that PostgreSQL would take: {0}")]
    Url(String),
    #[error("`database.ca_certificate` {}: {problem}", .file.display())]
    Authority { file: PathBuf, problem: String },
    #[error("the authorities that this machine trusts cannot be read: {0}")]
    Authorities(String),
}

impl Context {
    pub fn new(
        config: Option<PathBuf>,
        data_dir: PathBuf,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            source: Source::new(config, environment),
            data_dir,
        }
    }

    /// Where the settings come from, to read them again.
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn settings(&self) -> Result<Settings, ContextError> {
        Ok(self.source.load()?)
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The configured database, or the embedded one, which is started or
    /// joined; its schema up to date and the settings' legal entities known.
    pub async fn store(&self) -> Result<(Store, Option<Embedded>), ContextError> {
        self.store_for(&self.settings()?).await
    }

    /// The same for settings that are read already.
    pub async fn store_for(
        &self,
        settings: &Settings,
    ) -> Result<(Store, Option<Embedded>), ContextError> {
        let (store, embedded) = self.connect(&settings.database).await?;
        store.migrate().await?;
        for entity in &settings.legal_entities {
            store
                .ensure_legal_entity(&entity.code, &entity.number)
                .await?;
        }
        Ok((store, embedded))
    }

    /// The database as it is.
    pub async fn connect(
        &self,
        database: &Database,
    ) -> Result<(Store, Option<Embedded>), ContextError> {
        let (config, tls, embedded) = match &database.url {
            Some(url) => {
                let (config, tls) = configured(url.expose_secret(), database)?;
                (config, tls, None)
            }
            None => {
                let embedded = self.start_embedded().await?;
                (embedded.config(DATABASE), None, Some(embedded))
            }
        };
        let store = Store::new(StoreSettings {
            config,
            tls,
            connections: database.pool_size,
            limits: Limits::default(),
        })?;
        Ok((store, embedded))
    }

    async fn start_embedded(&self) -> Result<Embedded, EmbeddedError> {
        let embedded = Embedded::start_or_join(Options {
            data_dir: self.data_dir.join("postgres"),
            durability: Durability::Durable,
            max_connections: CONNECTIONS,
        })
        .await?;
        embedded.ensure_database(DATABASE).await?;
        Ok(embedded)
    }
}

fn configured(
    url: &str,
    database: &Database,
) -> Result<(tokio_postgres::Config, Option<ClientConfig>), ContextError> {
    let mut config = tokio_postgres::Config::from_str(url)
        .map_err(|error| ContextError::Url(error.to_string()))?;
    if let Some(password) = &database.password {
        config.password(password.expose_secret());
    }
    let plain = config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable
        || config
            .get_hosts()
            .iter()
            .all(|host| matches!(host, tokio_postgres::config::Host::Unix(_)));
    let tls = match plain {
        true => None,
        false => Some(tls(database.ca_certificate.as_deref())?),
    };
    Ok((config, tls))
}

/// TLS to the database always checks its certificate and its name.
fn tls(authority: Option<&Path>) -> Result<ClientConfig, ContextError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let broken = |error: rustls::Error| ContextError::Authorities(error.to_string());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(broken)?;
    let Some(file) = authority else {
        return Ok(builder
            .with_platform_verifier()
            .map_err(broken)?
            .with_no_client_auth());
    };
    let problem = |problem: String| ContextError::Authority {
        file: file.to_owned(),
        problem,
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| problem(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| problem(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| problem(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(problem("holds no certificate".to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
