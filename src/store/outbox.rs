//! Events for the outside, written in the transaction that they tell of.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, Transaction};
use crate::domain::customer::LegalEntity;

/// An event about one customer or link. It names no person: receivers ask for
/// what they may know.
pub(super) struct Event<'a> {
    pub(super) event_id: Uuid,
    pub(super) aggregate_id: Uuid,
    pub(super) event_type: &'a str,
    pub(super) payload: &'a serde_json::Value,
    pub(super) occurred_at: OffsetDateTime,
}

impl Transaction {
    /// Writes `event` as the aggregate's next version. The caller holds the
    /// aggregate's row lock, or has just inserted it.
    pub(super) async fn emit(
        &self,
        legal_entity: &LegalEntity,
        event: &Event<'_>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO outbox
                        (legal_entity, event_id, aggregate_id, version, event_type, payload,
                         occurred_at, next_attempt_at)
                 SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, $6
                   FROM outbox
                  WHERE legal_entity = $1
                    AND aggregate_id = $3
            ON CONFLICT (legal_entity, event_id) DO NOTHING";
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &event.event_id,
                    &event.aggregate_id,
                    &event.event_type,
                    event.payload,
                    &event.occurred_at,
                ],
            )
            .await?;
        Ok(())
    }
}
