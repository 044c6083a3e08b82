//! Attempts are written down: those of a legal entity that end together in one
//! statement.
//!
//! Nearly every attempt is the first of its key. Those are inserted; what was
//! asked before, here or at another instance, is left out of that statement
//! and written by the next one. Neither waits long for a row that somebody is
//! writing: its batch is better parted from it.

use std::sync::Arc;

use futures_util::future::join_all;
use time::{Duration, OffsetDateTime};
use tokio::task::coop::unconstrained;
use uuid::Uuid;

use super::attempts::{AttemptRow, Decided, Said, spell_address};
use super::batches::{Answers, Batched, Haste, column};
use super::session::Session;
use super::{Sessions, Store, StoreError, Transaction, columns, pipelined};
use crate::domain::answer::Refusal;
use crate::domain::customer::LegalEntity;
use crate::domain::identity::Identity;
use crate::domain::matching::{Decision, NewCustomer};
use crate::domain::reference::Reference;
use crate::domain::site::Site;

/// How long a repeated question falls on the same attempt. B2C repeats after
/// 5 s, a person at a form after some more.
const SAME_QUESTION: Duration = Duration::seconds(30);

/// An attempt as it is written, kept until others come along.
struct Line {
    attempt_id: Uuid,
    key: [u8; 32],
    at: OffsetDateTime,
    identity: Option<Identity>,
    email: Option<String>,
    customer: Option<Uuid>,
    request_id: Option<Uuid>,
    sort: Sort,
}

/// What attempts have in common with many others.
struct Sort {
    site: Arc<Site>,
    step: &'static str,
    provider: String,
    address: &'static str,
    decision: &'static str,
    refusal: Option<&'static str>,
    found: i32,
    answer: &'static str,
}

/// Of one and the same reading of the settings: those keep their sites.
impl PartialEq for Sort {
    fn eq(&self, other: &Self) -> bool {
        let words = |sort: &Self| {
            (
                sort.step,
                sort.address,
                sort.decision,
                sort.refusal,
                sort.found,
                sort.answer,
            )
        };
        Arc::ptr_eq(&self.site, &other.site)
            && words(self) == words(other)
            && self.provider == other.provider
    }
}

impl Line {
    fn of(attempt: &AttemptRow<'_>) -> Self {
        let (decision, refusal, customer) = spell(attempt.decided);
        Self {
            attempt_id: attempt.attempt_id,
            key: *attempt.key,
            at: attempt.at,
            identity: attempt.identity.cloned(),
            email: attempt
                .address
                .email()
                .map(|email| email.canonical().to_owned()),
            customer,
            request_id: attempt.request_id,
            sort: Sort {
                site: Arc::clone(attempt.site),
                step: attempt.step,
                provider: attempt.provider.as_str().to_owned(),
                address: spell_address(attempt.address),
                decision,
                refusal,
                found: i32::try_from(attempt.found).unwrap_or(i32::MAX),
                answer: match attempt.said {
                    Said::Continue => "continue",
                    Said::Refuse => "refuse",
                },
            },
        }
    }

    fn reference(&self) -> Reference {
        Reference::of(self.attempt_id)
    }
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

/// Lines of one key: the last one says what is written, and how often it was
/// asked is the number of them.
struct Merged<'a> {
    line: &'a Line,
    times: i32,
}

/// In the order of their keys, in which everybody locks them.
fn merged<'a>(lines: impl Iterator<Item = &'a Arc<Line>>) -> Vec<Merged<'a>> {
    let mut lines: Vec<&Line> = lines.map(Arc::as_ref).collect();
    // Stable: the last of a key stays the last.
    lines.sort_by_key(|line| line.key);
    lines
        .chunk_by(|one, next| one.key == next.key)
        .filter_map(|same| {
            Some(Merged {
                line: same.last()?,
                times: i32::try_from(same.len()).unwrap_or(i32::MAX),
            })
        })
        .collect()
}

/// To each of `lines` what became of the merged line of its key.
fn to_each<'a, T: Clone>(
    lines: impl Iterator<Item = &'a Arc<Line>>,
    merged: &[Merged<'_>],
    became: &[T],
) -> Vec<Result<T, StoreError>> {
    let answer = |line: &Arc<Line>| {
        let place = merged.binary_search_by_key(&line.key, |merged| merged.line.key);
        let found = place.ok().and_then(|place| became.get(place).cloned());
        found.ok_or(StoreError::Corrupt("an attempt that was not written"))
    };
    lines.map(answer).collect()
}

/// What became of a line in the statement that inserts.
#[derive(Clone)]
pub(super) enum Opened {
    Now(Reference),
    /// There is an attempt of its key.
    Before,
}

/// Lines that are the first of their key, or find that they are not.
pub(super) struct First(Arc<Line>);

impl Batched for First {
    type Answer = Opened;
    type On = Sessions;

    const KIND: &'static str = "attempt";

    async fn carry(
        sessions: &Sessions,
        legal_entity: &LegalEntity,
        questions: &[Self],
        haste: Haste,
    ) -> Result<Answers<Self>, StoreError> {
        let lines = questions.iter().map(|first| &first.0);
        let merged = merged(lines.clone());
        let insert = async |session: &Session| insert(session, legal_entity, &merged).await;
        let inserted = written(sessions, haste, insert).await?;
        let opened: Vec<_> = merged
            .iter()
            .map(|merged| match inserted.contains(&merged.line.attempt_id) {
                true => Opened::Now(merged.line.reference()),
                false => Opened::Before,
            })
            .collect();
        Ok(to_each(lines, &merged, &opened))
    }
}

/// Inserts those of whose key there is no open attempt, and returns which. What
/// many have in common is sent once. As for candidates, no length of an array
/// is worth a plan of its own.
async fn insert(
    session: &Session,
    legal_entity: &LegalEntity,
    merged: &[Merged<'_>],
) -> Result<Vec<Uuid>, StoreError> {
    const SQL: &str = "
        INSERT INTO sign_up_attempt
                    (legal_entity, attempt_id, attempt_key, is_open, reference, tenant, site,
                     step, asked_at, last_asked_at, times_asked, provider, address,
                     email_canonical, decision, refusal, customer_id, found, answer, rules,
                     request_id)
             SELECT $1, attempt_id, attempt_key, true, reference, ($11::text[])[sort],
                    ($12::text[])[sort], ($13::text[])[sort], at, at, times,
                    ($14::text[])[sort], ($15::text[])[sort], email, ($16::text[])[sort],
                    ($17::text[])[sort], customer_id, ($18::integer[])[sort],
                    ($19::text[])[sort], ($20::jsonb[])[sort], request_id
               FROM unnest((SELECT $2::uuid[]), (SELECT $3::bytea[]), (SELECT $4::text[]),
                           (SELECT $5::timestamptz[]), (SELECT $6::integer[]),
                           (SELECT $7::text[]), (SELECT $8::uuid[]), (SELECT $9::uuid[]),
                           (SELECT $10::integer[]))
                    AS line (attempt_id, attempt_key, reference, at, times, email, customer_id,
                             request_id, sort)
        ON CONFLICT (legal_entity, attempt_key) WHERE is_open DO NOTHING
          RETURNING attempt_id";
    let (sorts, sort_of) = sorts(merged);
    let references = column(merged, |of| of.line.reference());
    let rows = session
        .query(
            SQL,
            &[
                &legal_entity.as_str(),
                &column(merged, |of| of.line.attempt_id),
                &column(merged, |of| of.line.key.as_slice()),
                &column(&references, Reference::as_str),
                &column(merged, |of| of.line.at),
                &column(merged, |of| of.times),
                &column(merged, |of| of.line.email.as_deref()),
                &column(merged, |of| of.line.customer),
                &column(merged, |of| of.line.request_id),
                &sort_of,
                &column(&sorts, |sort| sort.site.tenant.as_str()),
                &column(&sorts, |sort| sort.site.name.as_str()),
                &column(&sorts, |sort| sort.step),
                &column(&sorts, |sort| sort.provider.as_str()),
                &column(&sorts, |sort| sort.address),
                &column(&sorts, |sort| sort.decision),
                &column(&sorts, |sort| sort.refusal),
                &column(&sorts, |sort| sort.found),
                &column(&sorts, |sort| sort.answer),
                &column(&sorts, |sort| columns::rules(&sort.site.rules)),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The different sorts, and for each line its place among them, from 1 as in
/// arrays.
fn sorts<'a>(merged: &[Merged<'a>]) -> (Vec<&'a Sort>, Vec<i32>) {
    let mut sorts: Vec<&Sort> = Vec::new();
    let mut places = Vec::with_capacity(merged.len());
    for Merged { line, .. } in merged {
        let place = sorts.iter().position(|sort| **sort == line.sort);
        let place = place.unwrap_or_else(|| {
            sorts.push(&line.sort);
            sorts.len() - 1
        });
        places.push(i32::try_from(place + 1).unwrap_or(i32::MAX));
    }
    (sorts, places)
}

/// Lines of whose key there may be an open attempt, or that tell of an
/// identity.
pub(super) struct Repeated(Arc<Line>);

impl Batched for Repeated {
    type Answer = Reference;
    type On = Sessions;

    const KIND: &'static str = "repeated attempt";

    async fn carry(
        sessions: &Sessions,
        legal_entity: &LegalEntity,
        questions: &[Self],
        haste: Haste,
    ) -> Result<Answers<Self>, StoreError> {
        let lines = questions.iter().map(|repeated| &repeated.0);
        let merged = merged(lines.clone());
        let write = async |session: &Session| {
            let each = merged.iter();
            let written = join_all(each.map(|one| write(session, legal_entity, one)));
            // The first one that failed took the others with it.
            written.await.into_iter().collect::<Result<Vec<_>, _>>()
        };
        let references = written(sessions, haste, write).await?;
        Ok(to_each(lines, &merged, &references))
    }
}

/// In one transaction and one round trip. In haste, a row that somebody is
/// writing is hardly waited for: it would hold up all.
async fn written<T>(
    sessions: &Sessions,
    haste: Haste,
    write: impl AsyncFnOnce(&Session) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = sessions.begin().await?;
    let session = &transaction.session;
    let hurry = async {
        match haste {
            Haste::Hurried => {
                const HURRY: &str = "SET LOCAL lock_timeout = '50ms'";
                session.batch_execute(HURRY).await
            }
            Haste::Patient => Ok(()),
        }
    };
    // Sent in one go and in this order, however many statements there are.
    let ((), written, ()) =
        unconstrained(async { pipelined!(hurry, write(session), session.batch_execute("COMMIT")) })
            .await?;
    transaction.session.give_back();
    Ok(written)
}

/// Writes an attempt, or what has become of it when the same question was
/// asked within [`SAME_QUESTION`], here or at another instance.
///
/// Two statements, each complete in itself: the first lets go of an attempt
/// that is too old to be the same one, the second joins the open one or opens
/// one, and the unique index sees to it that there is one.
async fn write(
    session: &Session,
    legal_entity: &LegalEntity,
    merged: &Merged<'_>,
) -> Result<Reference, StoreError> {
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
             VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8, $8, $21, $9, $10, $11, $12, $13, $14,
                     $15, $16, $17, $18, $19, $20)
        ON CONFLICT (legal_entity, attempt_key) WHERE is_open DO UPDATE
                SET last_asked_at = greatest(attempt.last_asked_at, excluded.last_asked_at),
                    times_asked = attempt.times_asked + excluded.times_asked,
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
    let Merged { line, times } = merged;
    let (sort, code, key) = (&line.sort, legal_entity.as_str(), line.key.as_slice());
    let identity = line.identity.as_ref();
    let (_, row) = pipelined!(
        session.execute(LET_GO, &[&code, &key, &(line.at - SAME_QUESTION)]),
        session.query_one(
            JOIN_OR_OPEN,
            &[
                &code,
                &line.attempt_id,
                &key,
                &line.reference().as_str(),
                &sort.site.tenant,
                &sort.site.name,
                &sort.step,
                &line.at,
                &sort.provider,
                &identity.map(|identity| identity.issuer.as_str()),
                &identity.map(|identity| identity.subject.as_text()),
                &sort.address,
                &line.email,
                &sort.decision,
                &sort.refusal,
                &line.customer,
                &sort.found,
                &sort.answer,
                &columns::rules(&sort.site.rules),
                &line.request_id,
                times,
            ],
        ),
    )?;
    Reference::parse(row.try_get(0)?).ok_or(StoreError::Corrupt("sign_up_attempt.reference"))
}

impl Store {
    /// Remembers an attempt, together with the others that end now, and
    /// returns the reference under which it is found.
    pub async fn remember(&self, attempt: &AttemptRow<'_>) -> Result<Reference, StoreError> {
        let legal_entity = &attempt.site.legal_entity;
        let line = Arc::new(Line::of(attempt));
        if line.identity.is_none() {
            let first = First(Arc::clone(&line));
            if let Opened::Now(reference) = self.attempts.ask(legal_entity, first).await? {
                return Ok(reference);
            }
        }
        self.repeated.ask(legal_entity, Repeated(line)).await
    }
}

impl Transaction {
    /// Remembers an attempt together with what else the transaction does.
    pub async fn remember(&self, attempt: &AttemptRow<'_>) -> Result<Reference, StoreError> {
        let line = Line::of(attempt);
        let merged = Merged {
            line: &line,
            times: 1,
        };
        write(&self.session, &attempt.site.legal_entity, &merged).await
    }
}
