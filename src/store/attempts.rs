//! Sign-ups as they were seen: what was asked, found and answered.

use time::{Duration, OffsetDateTime};
use tokio_postgres::Row;
use uuid::Uuid;

use super::session::Session;
use super::{Store, StoreError, Transaction, columns, pipelined};
use crate::domain::answer::Refusal;
use crate::domain::customer::LegalEntity;
use crate::domain::email::Email;
use crate::domain::identity::{Identity, Provider};
use crate::domain::matching::{Decision, NewCustomer};
use crate::domain::reference::Reference;
use crate::domain::site::Site;
use crate::domain::trust::Address;

/// How long a repeated question falls on the same attempt. B2C repeats after
/// 5 s, a person at a form after some more.
const SAME_QUESTION: Duration = Duration::seconds(30);

/// What the records said, where they were asked at all.
#[derive(Clone, Copy, Debug)]
pub enum Decided<'a> {
    /// The step decides nothing, or linking is switched off.
    NotDecided,
    Decided(&'a Decision),
}

/// What was said. Under `observe` it differs from what was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Continue,
    Refuse,
}

/// An attempt about to be remembered.
pub struct AttemptRow<'a> {
    pub attempt_id: Uuid,
    pub key: &'a [u8; 32],
    pub site: &'a Site,
    pub step: &'a str,
    pub request_id: Option<Uuid>,
    pub at: OffsetDateTime,
    pub provider: &'a Provider,
    pub identity: Option<&'a Identity>,
    pub address: &'a Address,
    pub decided: Decided<'a>,
    pub found: usize,
    pub said: Said,
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

/// Remembers an attempt, or what has become of it when the same question was
/// asked within [`SAME_QUESTION`], here or at another instance.
///
/// Two statements, each complete in itself: the first lets go of an attempt
/// that is too old to be the same one, the second joins the open one or opens
/// one, and the unique index sees to it that there is one.
async fn remember(session: &Session, attempt: &AttemptRow<'_>) -> Result<Reference, StoreError> {
    const LET_GO: &str = "
        UPDATE sign_up_attempt
           SET is_open = false
         WHERE legal_entity = $1
           AND attempt_key = $2
           AND is_open
           AND asked_at <= $3";
    const JOIN_OR_OPEN: &str = "
        INSERT INTO sign_up_attempt AS attempt
                    (legal_entity, attempt_id, attempt_key, is_open, reference, tenant, site,
                     step, asked_at, last_asked_at, times_asked, provider, issuer, subject,
                     address, email_canonical, decision, refusal, customer_id, found, answer,
                     rules, request_id)
             VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8, $8, 1, $9, $10, $11, $12, $13, $14,
                     $15, $16, $17, $18, $19, $20)
        ON CONFLICT (legal_entity, attempt_key) WHERE is_open DO UPDATE
                SET last_asked_at = greatest(attempt.last_asked_at, excluded.last_asked_at),
                    times_asked = attempt.times_asked + 1,
                    site = excluded.site,
                    provider = excluded.provider,
                    issuer = coalesce(excluded.issuer, attempt.issuer),
                    subject = coalesce(excluded.subject, attempt.subject),
                    address = excluded.address,
                    email_canonical = excluded.email_canonical,
                    decision = excluded.decision,
                    refusal = excluded.refusal,
                    customer_id = excluded.customer_id,
                    found = excluded.found,
                    answer = excluded.answer,
                    rules = excluded.rules,
                    request_id = excluded.request_id
          RETURNING reference";
    let legal_entity = attempt.site.legal_entity.as_str();
    let key = attempt.key.as_slice();
    let oldest = attempt.at - SAME_QUESTION;
    let (decision, refusal, customer) = spell(attempt.decided);
    let reference = Reference::of(attempt.attempt_id);
    let found = i32::try_from(attempt.found).unwrap_or(i32::MAX);
    let subject = attempt.identity.map(|identity| identity.subject.as_text());
    let rules = columns::rules(&attempt.site.rules);
    let answer = match attempt.said {
        Said::Continue => "continue",
        Said::Refuse => "refuse",
    };
    let (_, row) = pipelined!(
        session.execute(LET_GO, &[&legal_entity, &key, &oldest]),
        session.query_one(
            JOIN_OR_OPEN,
            &[
                &legal_entity,
                &attempt.attempt_id,
                &key,
                &reference.as_str(),
                &attempt.site.tenant,
                &attempt.site.name,
                &attempt.step,
                &attempt.at,
                &attempt.provider.as_str(),
                &attempt.identity.map(|identity| identity.issuer.as_str()),
                &subject,
                &address(attempt.address),
                &attempt.address.email().map(Email::canonical),
                &decision,
                &refusal,
                &customer,
                &found,
                &answer,
                &rules,
                &attempt.request_id,
            ],
        ),
    )?;
    Reference::parse(row.try_get(0)?).ok_or(StoreError::Corrupt("sign_up_attempt.reference"))
}

fn address(address: &Address) -> &'static str {
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

fn spell(decided: Decided<'_>) -> (&'static str, Option<&'static str>, Option<Uuid>) {
    match decided {
        Decided::NotDecided => ("not_decided", None, None),
        Decided::Decided(Decision::Link(customer, _)) => ("link", None, Some(customer.0)),
        Decided::Decided(Decision::Create(NewCustomer::Proven)) => ("create", None, None),
        Decided::Decided(Decision::Create(NewCustomer::Separate)) => ("separate", None, None),
        Decided::Decided(Decision::Refuse(refusal)) => {
            ("refuse", Some(Refusal::code(*refusal)), None)
        }
    }
}

impl Store {
    /// Remembers an attempt and returns the reference under which it is found.
    pub async fn remember(&self, attempt: &AttemptRow<'_>) -> Result<Reference, StoreError> {
        let session = self.session().await?;
        let reference = remember(&session, attempt).await?;
        session.give_back();
        Ok(reference)
    }

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

impl Transaction {
    /// Remembers an attempt together with what else the transaction does.
    pub async fn remember(&self, attempt: &AttemptRow<'_>) -> Result<Reference, StoreError> {
        remember(&self.session, attempt).await
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
