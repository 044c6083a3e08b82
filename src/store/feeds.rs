//! How far each legal entity's customer feed has come.

use tokio_postgres::Row;

use super::session::Session;
use super::{Store, StoreError, pipelined};
use crate::domain::customer::LegalEntity;
use crate::domain::feed::Watermark;

/// Read before the customers: what it says has arrived, the next statement
/// sees.
pub(super) async fn read(
    session: &Session,
    legal_entity: &LegalEntity,
) -> Result<Option<Watermark>, StoreError> {
    const SQL: &str = "
        SELECT completed_at, source_time
          FROM feed_watermark
         WHERE legal_entity = $1";
    let row = session.query_opt(SQL, &[&legal_entity.as_str()]).await?;
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
        let session = self.session().await?;
        let (entities, feeds) =
            pipelined!(session.query(ENTITIES, &[]), session.query(FEEDS, &[]))?;
        session.give_back();
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
