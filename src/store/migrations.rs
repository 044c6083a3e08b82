//! The schema, embedded and brought up to date.

use refinery_core::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::{Store, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Applies what `client`'s database does not have yet: all of it, or nothing.
/// Returns how many.
///
/// In one transaction, which a pooler leaves on one session. Two instances may
/// start at once on one database: the second one waits for the lock and then
/// finds nothing to do. A migration may take longer than a question may.
pub async fn apply(client: &Client) -> Result<usize, StoreError> {
    const BEGIN: &str = "
        BEGIN ISOLATION LEVEL READ COMMITTED;
        SET LOCAL statement_timeout = 0;
        SET LOCAL lock_timeout = '30s';
        SET LOCAL idle_in_transaction_session_timeout = '30s';
        SET LOCAL synchronous_commit = on;
        SELECT pg_advisory_xact_lock(7316295141);
        SET LOCAL lock_timeout = '2s'";
    client.batch_execute(BEGIN).await?;
    let report = embedded::migrations::runner()
        .run_async(&mut UnderWay(client))
        .await
        .map_err(|error| StoreError::Migration(error.to_string()))?;
    client.batch_execute("COMMIT").await?;
    Ok(report.applied_migrations().len())
}

/// A transaction that is under way, as the library for migrations sees it,
/// which would begin and end one for each step otherwise.
struct UnderWay<'a>(&'a Client);

impl AsyncTransaction for UnderWay<'_> {
    type Error = StoreError;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        steps: T,
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for step in steps {
            self.0.batch_execute(step).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for UnderWay<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, StoreError> {
        let rows = self.0.simple_query(query).await?;
        rows.iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(applied(row)),
                _ => None,
            })
            .collect()
    }
}

impl AsyncMigrate for UnderWay<'_> {}

fn applied(row: &SimpleQueryRow) -> Result<Migration, StoreError> {
    let corrupt = || StoreError::Corrupt("refinery_schema_history");
    let text = |column| row.try_get(column)?.ok_or_else(corrupt);
    Ok(Migration::applied(
        text(0)?.parse().map_err(|_| corrupt())?,
        text(1)?.to_owned(),
        OffsetDateTime::parse(text(2)?, &Rfc3339).map_err(|_| corrupt())?,
        text(3)?.parse().map_err(|_| corrupt())?,
    ))
}

impl Store {
    /// Brings this store's schema up to date. Returns how many steps it took.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        let session = self.session().await?;
        let applied = apply(session.client()?).await?;
        session.give_back();
        Ok(applied)
    }

    /// How many of the embedded migrations the database has, and of how many.
    pub async fn schema_version(&self) -> Result<(usize, usize), StoreError> {
        const EXISTS: &str = "
            SELECT count(*)
              FROM information_schema.tables
             WHERE table_name = 'refinery_schema_history'";
        const COUNT: &str = "SELECT count(*) FROM refinery_schema_history";
        let known = embedded::migrations::runner().get_migrations().len();
        let session = self.session().await?;
        let exists: i64 = session.query_one(EXISTS, &[]).await?.try_get(0)?;
        let applied: i64 = match exists {
            0 => 0,
            _ => session.query_one(COUNT, &[]).await?.try_get(0)?,
        };
        session.give_back();
        Ok((usize::try_from(applied).unwrap_or_default(), known))
    }
}
