//! The schema, embedded and brought up to date.

use super::{Store, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Applies what `client`'s database does not have yet. Returns how many.
pub async fn apply(client: &mut tokio_postgres::Client) -> Result<usize, StoreError> {
    // Two instances may start at once on one database: the second one waits
    // here and then finds nothing to do.
    client
        .batch_execute("SELECT pg_advisory_lock(7316295141)")
        .await?;
    let report = embedded::migrations::runner()
        .run_async(client)
        .await
        .map_err(|error| StoreError::Migration(error.to_string()))?;
    client
        .batch_execute("SELECT pg_advisory_unlock(7316295141)")
        .await?;
    Ok(report.applied_migrations().len())
}

impl Store {
    /// Brings this store's schema up to date. Returns how many steps it took.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        let mut connection = self.connection().await?;
        let object = connection
            .object
            .as_mut()
            .ok_or(StoreError::Corrupt("a connection that was given back"))?;
        // A migration may take longer than a question may.
        object
            .batch_execute("SET statement_timeout = 0; SET lock_timeout = '30s'")
            .await?;
        let applied = apply(object).await?;
        // Not given back: its time limits are not those of the pool.
        Ok(applied)
    }

    /// How many of the embedded migrations the database has, and of how many.
    pub async fn schema_version(&self) -> Result<(usize, usize), StoreError> {
        const SQL: &str = "
            SELECT count(*)
              FROM information_schema.tables
             WHERE table_name = 'refinery_schema_history'";
        let known = embedded::migrations::runner().get_migrations().len();
        let connection = self.connection().await?;
        let client = connection.client()?;
        let exists: i64 = client.query_one(SQL, &[]).await?.try_get(0)?;
        let applied: i64 = match exists {
            0 => 0,
            _ => {
                const COUNT: &str = "SELECT count(*) FROM refinery_schema_history";
                client.query_one(COUNT, &[]).await?.try_get(0)?
            }
        };
        connection.give_back();
        Ok((usize::try_from(applied).unwrap_or_default(), known))
    }
}
