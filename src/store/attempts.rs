//! Sign-ups as they were seen: what was asked, found and answered.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError};
use crate::domain::customer::LegalEntity;
use crate::domain::email::Email;
use crate::domain::identity::{Identity, Provider};
use crate::domain::matching::Decision;
use crate::domain::reference::Reference;
use crate::domain::site::Site;
use crate::domain::trust::Address;

/// What was said. Under `observe` it differs from what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Continue,
    Refuse,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// `None` where the step decides nothing.
    pub decision: Option<Decision>,
    pub found: usize,
    pub said: Said,
}

/// An attempt about to be remembered, as it is known before it is decided.
pub struct AttemptRow<'a> {
    pub attempt_id: Uuid,
    pub key: [u8; 32],
    pub site: &'a Arc<Site>,
    pub step: &'static str,
    pub request_id: Option<Uuid>,
    pub at: OffsetDateTime,
    pub provider: &'a Provider,
    pub identity: Option<&'a Identity>,
    pub address: &'a Address,
}

/// What a platform said about a sign-up when it asked before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    Never,
    As {
        provider: Provider,
        address: Address,
    },
    /// Not the same every time, so none of it is known.
    Contradictory,
}

/// An attempt as staff sees it.
#[derive(Debug)]
pub struct AttemptFile {
    pub attempt_id: Uuid,
    pub reference: String,
    pub tenant: String,
    pub site: String,
    pub step: String,
    /// Of the last time it was asked.
    pub request_id: Option<Uuid>,
    pub asked_at: OffsetDateTime,
    pub last_asked_at: OffsetDateTime,
    pub times_asked: i32,
    pub provider: String,
    pub address: String,
    pub email: Option<String>,
    pub decision: String,
    pub refusal: Option<String>,
    pub found: i32,
    pub answer: String,
}

pub(super) fn spell_address(address: &Address) -> &'static str {
    match address {
        Address::Proven(_) => "proven",
        Address::Claimed(_) => "claimed",
        Address::NotComparable => "not_comparable",
        Address::Missing => "missing",
    }
}

fn read_address(row: &Row) -> Result<Address, StoreError> {
    let corrupt = || StoreError::Corrupt("sign_up_attempt.address");
    let email = || {
        let text: Option<&str> = row.try_get("email_canonical")?;
        text.and_then(|text| Email::parse(text).ok())
            .ok_or_else(corrupt)
    };
    match row.try_get("address")? {
        "proven" => Ok(Address::Proven(email()?)),
        "claimed" => Ok(Address::Claimed(email()?)),
        "not_comparable" => Ok(Address::NotComparable),
        "missing" => Ok(Address::Missing),
        _ => Err(corrupt()),
    }
}

fn read_earlier(row: &Row) -> Result<Earlier, StoreError> {
    Ok(Earlier::As {
        provider: Provider::named(row.try_get::<_, String>("provider")?),
        address: read_address(row)?,
    })
}

impl Store {
    /// What `site` was told about the sign-up that the platform calls
    /// `request_id`, at `step` and not before `since`.
    pub async fn earlier(
        &self,
        site: &Site,
        step: &str,
        request_id: Uuid,
        since: OffsetDateTime,
    ) -> Result<Earlier, StoreError> {
        const SQL: &str = "
            SELECT DISTINCT provider, address, email_canonical
              FROM sign_up_attempt
             WHERE legal_entity = $1
               AND request_id = $2
               AND tenant = $3
               AND site = $4
               AND step = $5
               AND asked_at >= $6
             LIMIT 2";
        let rows = self
            .query(
                SQL,
                &[
                    &site.legal_entity.as_str(),
                    &request_id,
                    &site.tenant,
                    &site.name,
                    &step,
                    &since,
                ],
            )
            .await?;
        match rows.as_slice() {
            [] => Ok(Earlier::Never),
            [row] => read_earlier(row),
            [_, ..] => Ok(Earlier::Contradictory),
        }
    }

    /// The same as evidence for `identity`, from then on for no other one:
    /// correlation ids are no secrets, and a browser may choose its own. What
    /// was asked after `until` did not lead to this identity.
    pub async fn claim_earlier(
        &self,
        site: &Site,
        step: &str,
        request_id: Uuid,
        (since, until): (OffsetDateTime, OffsetDateTime),
        identity: &Identity,
    ) -> Result<Earlier, StoreError> {
        const SQL: &str = "
            UPDATE sign_up_attempt
               SET issuer = coalesce(issuer, $8),
                   subject = coalesce(subject, $9)
             WHERE legal_entity = $1
               AND request_id = $2
               AND tenant = $3
               AND site = $4
               AND step = $5
               AND asked_at BETWEEN $6 AND $7
         RETURNING provider, address, email_canonical, issuer = $8 AND subject = $9";
        let rows = self
            .query(
                SQL,
                &[
                    &site.legal_entity.as_str(),
                    &request_id,
                    &site.tenant,
                    &site.name,
                    &step,
                    &since,
                    &until,
                    &identity.issuer.as_str(),
                    &identity.subject.as_text(),
                ],
            )
            .await?;
        let mut found = Earlier::Never;
        for row in &rows {
            let is_own: bool = row.try_get(3)?;
            let this = read_earlier(row)?;
            found = match found {
                Earlier::Never if is_own => this,
                same if is_own && same == this => same,
                _ => return Ok(Earlier::Contradictory),
            };
        }
        Ok(found)
    }

    /// The attempts with this reference, newest first. References are short,
    /// so two of them may be alike.
    pub async fn attempts(
        &self,
        legal_entity: &LegalEntity,
        reference: &Reference,
    ) -> Result<Vec<AttemptFile>, StoreError> {
        const SQL: &str = "
            SELECT attempt_id, reference, tenant, site, step, request_id, asked_at,
                   last_asked_at, times_asked, provider, address, email_canonical, decision, refusal, found,
                   answer
              FROM sign_up_attempt
             WHERE legal_entity = $1
               AND reference = $2
             ORDER BY asked_at DESC
             LIMIT 20";
        let rows = self
            .query(SQL, &[&legal_entity.as_str(), &reference.as_str()])
            .await?;
        rows.iter().map(attempt_file).collect()
    }
}

fn attempt_file(row: &Row) -> Result<AttemptFile, StoreError> {
    Ok(AttemptFile {
        attempt_id: row.try_get("attempt_id")?,
        reference: row.try_get("reference")?,
        tenant: row.try_get("tenant")?,
        site: row.try_get("site")?,
        step: row.try_get("step")?,
        request_id: row.try_get("request_id")?,
        asked_at: row.try_get("asked_at")?,
        last_asked_at: row.try_get("last_asked_at")?,
        times_asked: row.try_get("times_asked")?,
        provider: row.try_get("provider")?,
        address: row.try_get("address")?,
        email: row.try_get("email_canonical")?,
        decision: row.try_get("decision")?,
        refusal: row.try_get("refusal")?,
        found: row.try_get("found")?,
        answer: row.try_get("answer")?,
    })
}
