//! `idlink migrate`: bring the database to this version's schema.

use clap::Args;

use super::Context;
use super::staff::{Failure, close};

/// Bring the database to the schema of this version. Other commands do so too
#[derive(Debug, Args)]
pub(super) struct MigrateCommand {}

impl MigrateCommand {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = context.settings()?;
        let (store, embedded) = context.connect(&settings.database).await?;
        let applied = store.migrate().await?;
        let (_, known) = store.schema_version().await?;
        match applied {
            0 => println!("the schema is up to date ({known} migrations)"),
            applied => println!("{applied} of {known} migrations applied"),
        }
        close(store, embedded).await
    }
}
