//! How far each legal entity's customer feed has come.

use deadpool_postgres::Object;
use tokio_postgres::{Row, Statement};

use super::{Store, StoreError};
use crate::domain::customer::LegalEntity;
use crate::domain::feed::Watermark;

pub(super) async fn prepare(client: &Object) -> Result<Statement, StoreError> {
    const SQL: &str = "
        SELECT completed_at, source_time
          FROM feed_watermark
         WHERE legal_entity = $1";
    Ok(client.prepare_cached(SQL).await?)
}

/// Read before the customers: what it says has arrived, the next statement
/// sees.
pub(super) async fn read(
    client: &Object,
    statement: &Statement,
    legal_entity: &LegalEntity,
) -> Result<Option<Watermark>, StoreError> {
    let row = client
        .query_opt(statement, &[&legal_entity.as_str()])
        .await?;
    row.as_ref().map(watermark).transpose()
}

fn watermark(row: &Row) -> Result<Watermark, StoreError> {
    Ok(Watermark {
        completed_at: row.try_get("completed_at")?,
        source_at: row.try_get("source_time")?,
    })
}

impl Store {
    /// Every legal entity, and its feed where one has come to its end.
    pub async fn feeds(&self) -> Result<Vec<(LegalEntity, Option<Watermark>)>, StoreError> {
        const ENTITIES: &str = "SELECT legal_entity FROM legal_entity ORDER BY legal_entity";
        const FEEDS: &str = "SELECT legal_entity, completed_at, source_time FROM feed_watermark";
        let connection = self.connection().await?;
        let client = connection.client()?;
        let entities = client.query(ENTITIES, &[]).await?;
        let feeds = client.query(FEEDS, &[]).await?;
        connection.give_back();
        entities
            .iter()
            .map(|row| {
                let code: &str = row.try_get(0)?;
                let feed = feeds
                    .iter()
                    .find(|feed| feed.try_get::<_, &str>(0).is_ok_and(|of| of == code));
                let entity = LegalEntity::parse(code)
                    .ok_or(StoreError::Corrupt("legal_entity.legal_entity"))?;
                Ok((entity, feed.map(watermark).transpose()?))
            })
            .collect()
    }
}
