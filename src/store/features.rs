//! Switches of the whole environment, and who turned them.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, pipelined};

/// "Local Identity Record and Commerce Customer automatic linking".
pub const AUTOMATIC_LINKING: &str = "automatic-linking";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

/// A switch and its last change. A switch nobody turned is off.
#[derive(Clone, Debug)]
pub struct Feature {
    pub switch: Switch,
    pub changed: Option<(OffsetDateTime, String)>,
}

impl Store {
    pub async fn feature(&self, name: &str) -> Result<Feature, StoreError> {
        const SQL: &str = "SELECT enabled, changed_at, changed_by FROM feature WHERE name = $1";
        let row = self.query_opt(SQL, &[&name]).await?;
        match row {
            None => Ok(Feature {
                switch: Switch::Off,
                changed: None,
            }),
            Some(row) => Ok(Feature {
                switch: read_switch(row.try_get(0)?),
                changed: Some((row.try_get(1)?, row.try_get(2)?)),
            }),
        }
    }

    /// Turns a switch and says who did, in one transaction.
    pub async fn turn_feature(
        &self,
        name: &str,
        switch: Switch,
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const TURN: &str = "
            INSERT INTO feature (name, enabled, changed_at, changed_by)
                 VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO UPDATE
                    SET enabled = excluded.enabled,
                        changed_at = excluded.changed_at,
                        changed_by = excluded.changed_by";
        const AUDIT: &str = "
            INSERT INTO environment_audit (audit_id, at, actor, action, detail)
                 VALUES ($1, $2, $3, $4, $5)";
        let (enabled, action) = match switch {
            Switch::On => (true, "feature.enabled"),
            Switch::Off => (false, "feature.disabled"),
        };
        let detail = serde_json::json!({ "feature": name });
        let tx = self.begin().await?;
        pipelined!(
            tx.session.execute(TURN, &[&name, &enabled, &now, &actor]),
            tx.session
                .execute(AUDIT, &[&Uuid::now_v7(), &now, &actor, &action, &detail]),
        )?;
        tx.commit().await
    }
}

pub(super) fn read_switch(enabled: bool) -> Switch {
    if enabled { Switch::On } else { Switch::Off }
}
