//! Who did what, without anybody's name or address.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Transaction};
use crate::domain::customer::LegalEntity;

/// One line of the audit. Its identifier is made once a request, so that a
/// repeated transaction writes it once.
pub struct AuditEntry<'a> {
    pub audit_id: Uuid,
    pub subject_id: Uuid,
    pub action: &'a str,
    pub at: OffsetDateTime,
    pub actor: &'a str,
    pub detail: serde_json::Value,
}

impl Transaction {
    pub async fn audit(
        &self,
        legal_entity: &LegalEntity,
        entry: &AuditEntry<'_>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO audit
                        (legal_entity, audit_id, subject_id, action, at, actor, detail)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING";
        let client = self.client()?;
        let statement = client.prepare_cached(SQL).await?;
        client
            .execute(
                &statement,
                &[
                    &legal_entity.as_str(),
                    &entry.audit_id,
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
        let connection = self.connection().await?;
        let rows = connection
            .client()?
            .query(SQL, &[&legal_entity.as_str(), &subject_id])
            .await?;
        connection.give_back();
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
