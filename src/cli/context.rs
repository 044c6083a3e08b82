//! What every command starts from: the settings, and the store they name.

use std::path::{Path, PathBuf};

use crate::config::{Database, Problems, Settings, Source};
use crate::store::address::AddressError;
use crate::store::embedded::{Durability, Embedded, EmbeddedError, Options};
use crate::store::{Limits, Statements, Store, StoreError, StoreSettings};

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
    #[error(transparent)]
    Address(#[from] AddressError),
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

    /// The same environment and folder with settings of one's own.
    pub(super) fn with_settings(&self, file: PathBuf) -> Self {
        Self {
            source: self.source.with_file(file),
            data_dir: self.data_dir.clone(),
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
        let connections = database.pool_size;
        let (settings, embedded) = match &database.url {
            Some(url) => {
                let (password, authority) = (&database.password, &database.ca_certificate);
                let settings =
                    StoreSettings::at(url, password.as_ref(), authority.as_deref(), connections)?;
                let statements = database.statements;
                let settings = StoreSettings {
                    statements,
                    ..settings
                };
                (settings, None)
            }
            None => {
                let embedded = self.start_embedded().await?;
                let settings = StoreSettings {
                    config: embedded.config(DATABASE),
                    tls: None,
                    connections,
                    limits: Limits::default(),
                    statements: Statements::Prepared,
                };
                (settings, Some(embedded))
            }
        };
        Ok((Store::new(settings)?, embedded))
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
