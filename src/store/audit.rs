//! Who did what, without anybody's name or address.

use time::OffsetDateTime;
use uuid::Uuid;

use super::outbox::Event;
use super::session::Session;
use super::{Store, StoreError, Transaction, pipelined};
use crate::domain::customer::LegalEntity;

/// What has become of one customer or link: a line in the audit for us, and an
/// event for the outside.
pub struct Change<'a> {
    pub ids: ChangeIds,
    /// The customer or link.
    pub subject_id: Uuid,
    pub action: &'a str,
    pub at: OffsetDateTime,
    pub actor: &'a str,
    pub detail: serde_json::Value,
}

/// The identifiers of a change, made once a request, so that a repeated
/// transaction tells it once.
#[derive(Clone, Copy, Debug)]
pub struct ChangeIds {
    audit: Uuid,
    event: Uuid,
}

impl ChangeIds {
    #[expect(clippy::new_without_default, reason = "each call makes another")]
    pub fn new() -> Self {
        Self {
            audit: Uuid::now_v7(),
            event: Uuid::now_v7(),
        }
    }
}

impl Transaction {
    /// Tells of a change that this transaction makes. The caller holds the
    /// subject's row lock, or has just inserted it.
    pub async fn tell(
        &self,
        legal_entity: &LegalEntity,
        change: &Change<'_>,
    ) -> Result<(), StoreError> {
        let event = Event {
            event_id: change.ids.event,
            aggregate_id: change.subject_id,
            event_type: change.action,
            payload: &change.detail,
            occurred_at: change.at,
        };
        pipelined!(
            self.audit(legal_entity, change),
            self.emit(legal_entity, &event),
        )?;
        Ok(())
    }

    async fn audit(
        &self,
        legal_entity: &LegalEntity,
        entry: &Change<'_>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO audit
                        (legal_entity, audit_id, subject_id, action, at, actor, detail)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING";
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &entry.ids.audit,
                    &entry.subject_id,
                    &entry.action,
                    &entry.at,
                    &entry.actor,
                    &entry.detail,
                ],
            )
            .await?;
        Ok(())
    }
}

/// A line of the audit as it is read.
#[derive(Debug)]
pub struct Audited {
    pub action: String,
    pub at: OffsetDateTime,
    pub actor: String,
    pub detail: serde_json::Value,
}

impl Store {
    /// What happened to one customer or link, oldest first.
    pub async fn audit_of(
        &self,
        legal_entity: &LegalEntity,
        subject_id: Uuid,
    ) -> Result<Vec<Audited>, StoreError> {
        const SQL: &str = "
            SELECT action, at, actor, detail
              FROM audit
             WHERE legal_entity = $1
               AND subject_id = $2
             ORDER BY at, audit_id";
        let rows = self
            .query(SQL, &[&legal_entity.as_str(), &subject_id])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Audited {
                    action: row.try_get(0)?,
                    at: row.try_get(1)?,
                    actor: row.try_get(2)?,
                    detail: row.try_get(3)?,
                })
            })
            .collect()
    }
}

/// Changes of one kind to many things.
#[derive(Default)]
pub(super) struct Many {
    subjects: Vec<Uuid>,
    details: Vec<serde_json::Value>,
}

impl Many {
    pub(super) fn add(&mut self, subject: Uuid, detail: serde_json::Value) {
        self.subjects.push(subject);
        self.details.push(detail);
    }
}

/// Tells of all of `many` at once: for each a line in the audit and an event.
/// The caller holds the subjects' rows, or they are its own.
pub(super) async fn tell_many(
    session: &Session,
    legal_entity: &LegalEntity,
    action: &str,
    actor: &str,
    at: OffsetDateTime,
    many: &Many,
) -> Result<(), StoreError> {
    const SQL: &str = "
        WITH told AS (
            SELECT * FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::jsonb[])
                       AS told (audit_id, event_id, subject_id, detail)
        ), audited AS (
            INSERT INTO audit (legal_entity, audit_id, subject_id, action, at, actor, detail)
                 SELECT $1, audit_id, subject_id, $2, $4, $3, detail FROM told
            ON CONFLICT DO NOTHING
        )
        INSERT INTO outbox
                    (legal_entity, event_id, aggregate_id, version, event_type, payload,
                     occurred_at, next_attempt_at)
             SELECT $1, event_id, subject_id,
                    (SELECT coalesce(max(version), 0) + 1
                       FROM outbox
                      WHERE outbox.legal_entity = $1
                        AND outbox.aggregate_id = told.subject_id),
                    $2, detail, $4, $4
               FROM told";
    if many.subjects.is_empty() {
        return Ok(());
    }
    let ids = || -> Vec<Uuid> { many.subjects.iter().map(|_| Uuid::now_v7()).collect() };
    session
        .execute(
            SQL,
            &[
                &legal_entity.as_str(),
                &action,
                &actor,
                &at,
                &ids(),
                &ids(),
                &many.subjects,
                &many.details,
            ],
        )
        .await?;
    Ok(())
}
