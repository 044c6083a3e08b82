//! Attempts are written down.
//!
//! Nearly every attempt of a sign-up is the first of its key. Those of a batch
//! are inserted in one statement; what was asked before, here or at another
//! instance, is left out of it and written by the next one. Neither waits long
//! for a row that somebody is writing: its batch is better parted from it.

use std::sync::Arc;

use futures_util::future::join_all;
use time::{Duration, OffsetDateTime};
use tokio::task::coop::unconstrained;
use uuid::Uuid;

use super::attempts::{AttemptRow, Said, Verdict, spell_address};
use super::batches::{Answers, Batched, Haste, column};
use super::session::Session;
use super::{Sessions, Store, StoreError, Transaction, columns, pipelined};
use crate::domain::customer::LegalEntity;
use crate::domain::identity::{Identity, Provider};
use crate::domain::matching::{Decision, NewCustomer};
use crate::domain::reference::Reference;
use crate::domain::site::Site;

/// How long a repeated question falls on the same attempt. B2C repeats after
/// 5 s, a person at a form after some more.
const SAME_QUESTION: Duration = Duration::seconds(30);

/// An attempt as it is written, but for what is decided of it. Kept until others
/// come along.
pub(super) struct Draft {
    attempt_id: Uuid,
    key: [u8; 32],
    site: Arc<Site>,
    step: &'static str,
    at: OffsetDateTime,
    identity: Option<Identity>,
    provider: Provider,
    address: &'static str,
    email: Option<String>,
    request_id: Option<Uuid>,
}

impl Draft {
    pub(super) fn of(attempt: &AttemptRow<'_>) -> Self {
        let email = attempt.address.email();
        Self {
            attempt_id: attempt.attempt_id,
            key: attempt.key,
            site: Arc::clone(attempt.site),
            step: attempt.step,
            at: attempt.at,
            identity: attempt.identity.cloned(),
            provider: attempt.provider.clone(),
            address: spell_address(attempt.address),
            email: email.map(|email| email.canonical().to_owned()),
            request_id: attempt.request_id,
        }
    }
}

/// A draft and what was decided of it.
#[derive(Clone)]
pub(super) struct Line {
    draft: Arc<Draft>,
    decision: &'static str,
    refusal: Option<&'static str>,
    customer: Option<Uuid>,
    found: i32,
    answer: &'static str,
}

impl Line {
    pub(super) fn new(draft: &Arc<Draft>, verdict: &Verdict) -> Self {
        let (decision, refusal, customer) = match &verdict.decision {
            None => ("not_decided", None, None),
            Some(Decision::Link(customer, _)) => ("link", None, Some(customer.0)),
            Some(Decision::Create(NewCustomer::Proven)) => ("create", None, None),
            Some(Decision::Create(NewCustomer::Separate)) => ("separate", None, None),
            Some(Decision::Refuse(refusal)) => ("refuse", Some(refusal.code()), None),
        };
        Self {
            draft: Arc::clone(draft),
            decision,
            refusal,
            customer,
            found: i32::try_from(verdict.found).unwrap_or(i32::MAX),
            answer: match verdict.said {
                Said::Continue => "continue",
                Said::Refuse => "refuse",
            },
        }
    }

    fn of(attempt: &AttemptRow<'_>, verdict: &Verdict) -> Self {
        Self::new(&Arc::new(Draft::of(attempt)), verdict)
    }

    fn key(&self) -> [u8; 32] {
        self.draft.key
    }

    fn reference(&self) -> Reference {
        Reference::of(self.draft.attempt_id)
    }

    /// Whether they have in common what many lines have in common. Only one and
    /// the same reading of the settings keeps a site.
    fn is_like(&self, other: &Self) -> bool {
        let words = |line: &Self| {
            (
                line.draft.step,
                line.draft.address,
                line.decision,
                line.refusal,
                line.found,
                line.answer,
            )
        };
        Arc::ptr_eq(&self.draft.site, &other.draft.site)
            && words(self) == words(other)
            && self.draft.provider == other.draft.provider
    }
}

/// Lines of one key: the last one says what is written, and how often it was
/// asked is the number of them.
struct Merged<'a> {
    line: &'a Line,
    times: i32,
}

/// In the order of their keys, in which everybody locks them.
fn merged<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<Merged<'a>> {
    let mut lines: Vec<&Line> = lines.collect();
    // Stable: the last of a key stays the last.
    lines.sort_by_key(|line| line.key());
    lines
        .chunk_by(|one, next| one.key() == next.key())
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
    lines: impl Iterator<Item = &'a Line>,
    merged: &[Merged<'_>],
    became: &[T],
) -> Vec<Result<T, StoreError>> {
    let answer = |line: &Line| {
        let place = merged.binary_search_by_key(&line.key(), |merged| merged.line.key());
        let found = place.ok().and_then(|place| became.get(place).cloned());
        found.map_or_else(unwritten, Ok)
    };
    lines.map(answer).collect()
}

/// An attempt that its statement forgot would be a mistake of ours.
pub(super) fn unwritten<T>() -> Result<T, StoreError> {
    Err(StoreError::Corrupt("an attempt that was not written"))
}

/// Opens an attempt for each line of whose key there is none, in one statement,
/// and returns their references; `None` for the others.
pub(super) async fn open(
    session: &Session,
    legal_entity: &LegalEntity,
    lines: &[Line],
    haste: Haste,
) -> Result<Vec<Result<Option<Reference>, StoreError>>, StoreError> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let merged = merged(lines.iter());
    let inserted = insert(session, legal_entity, &merged, haste).await?;
    let opened = merged.iter().map(|merged| {
        let is_open = inserted.contains(&merged.line.draft.attempt_id);
        is_open.then(|| merged.line.reference())
    });
    let opened: Vec<_> = opened.collect();
    Ok(to_each(lines.iter(), &merged, &opened))
}

/// Inserts those of whose key there is no open attempt, and returns which. What
/// many have in common is sent once. As for candidates, no length of an array
/// is worth a plan of its own. How long a row is waited for is set before any
/// is inserted, and no longer than for this statement.
async fn insert(
    session: &Session,
    legal_entity: &LegalEntity,
    merged: &[Merged<'_>],
    haste: Haste,
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
              WHERE (SELECT set_config('lock_timeout',
                                       coalesce($21, current_setting('lock_timeout')),
                                       true)) IS NOT NULL
        ON CONFLICT (legal_entity, attempt_key) WHERE is_open DO NOTHING
          RETURNING attempt_id";
    let (sorts, sort_of) = sorts(merged);
    let references = column(merged, |of| of.line.reference());
    let rows = session
        .query(
            SQL,
            &[
                &legal_entity.as_str(),
                &column(merged, |of| of.line.draft.attempt_id),
                &column(merged, |of| of.line.draft.key.as_slice()),
                &column(&references, Reference::as_str),
                &column(merged, |of| of.line.draft.at),
                &column(merged, |of| of.times),
                &column(merged, |of| of.line.draft.email.as_deref()),
                &column(merged, |of| of.line.customer),
                &column(merged, |of| of.line.draft.request_id),
                &sort_of,
                &column(&sorts, |sort| sort.draft.site.tenant.as_str()),
                &column(&sorts, |sort| sort.draft.site.name.as_str()),
                &column(&sorts, |sort| sort.draft.step),
                &column(&sorts, |sort| sort.draft.provider.as_str()),
                &column(&sorts, |sort| sort.draft.address),
                &column(&sorts, |sort| sort.decision),
                &column(&sorts, |sort| sort.refusal),
                &column(&sorts, |sort| sort.found),
                &column(&sorts, |sort| sort.answer),
                &column(&sorts, |sort| columns::rules(&sort.draft.site.rules)),
                &hurry(haste),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// How long a row is waited for that somebody is writing, unless as long as the
/// session says. In haste hardly: it would hold up all.
fn hurry(haste: Haste) -> Option<&'static str> {
    match haste {
        Haste::Hurried => Some("50ms"),
        Haste::Patient => None,
    }
}

/// One line of each sort, and for each line its sort's place among them, from 1
/// as in arrays.
fn sorts<'a>(merged: &[Merged<'a>]) -> (Vec<&'a Line>, Vec<i32>) {
    let mut sorts: Vec<&Line> = Vec::new();
    let mut places = Vec::with_capacity(merged.len());
    for Merged { line, .. } in merged {
        let place = sorts.iter().position(|sort| sort.is_like(line));
        let place = place.unwrap_or_else(|| {
            sorts.push(line);
            sorts.len() - 1
        });
        places.push(i32::try_from(place + 1).unwrap_or(i32::MAX));
    }
    (sorts, places)
}

/// Lines of whose key there may be an open attempt, or that tell of an
/// identity.
pub(super) struct Repeated(pub(super) Line);

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

/// In one transaction and one round trip.
async fn written<T>(
    sessions: &Sessions,
    haste: Haste,
    write: impl AsyncFnOnce(&Session) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = sessions.begin().await?;
    let session = &transaction.session;
    let hurry = async {
        match hurry(haste) {
            Some(limit) => {
                let set = format!("SET LOCAL lock_timeout = '{limit}'");
                session.batch_execute(&set).await
            }
            None => Ok(()),
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
    let Line { draft, .. } = *line;
    let (code, key) = (legal_entity.as_str(), draft.key.as_slice());
    let identity = draft.identity.as_ref();
    let (_, row) = pipelined!(
        session.execute(LET_GO, &[&code, &key, &(draft.at - SAME_QUESTION)]),
        session.query_one(
            JOIN_OR_OPEN,
            &[
                &code,
                &draft.attempt_id,
                &key,
                &line.reference().as_str(),
                &draft.site.tenant,
                &draft.site.name,
                &draft.step,
                &draft.at,
                &draft.provider.as_str(),
                &identity.map(|identity| identity.issuer.as_str()),
                &identity.map(|identity| identity.subject.as_text()),
                &draft.address,
                &draft.email,
                &line.decision,
                &line.refusal,
                &line.customer,
                &line.found,
                &line.answer,
                &columns::rules(&draft.site.rules),
                &draft.request_id,
                times,
            ],
        ),
    )?;
    Reference::parse(row.try_get(0)?).ok_or(StoreError::Corrupt("sign_up_attempt.reference"))
}

impl Store {
    /// Remembers an attempt, together with the others that end now, and
    /// returns the reference under which it is found.
    pub async fn remember(
        &self,
        attempt: &AttemptRow<'_>,
        verdict: &Verdict,
    ) -> Result<Reference, StoreError> {
        let line = Line::of(attempt, verdict);
        let legal_entity = &attempt.site.legal_entity;
        self.repeated.ask(legal_entity, Repeated(line)).await
    }
}

impl Transaction {
    /// Remembers an attempt together with what else the transaction does.
    pub async fn remember(
        &self,
        attempt: &AttemptRow<'_>,
        verdict: &Verdict,
    ) -> Result<Reference, StoreError> {
        let line = Line::of(attempt, verdict);
        let merged = Merged {
            line: &line,
            times: 1,
        };
        write(&self.session, &attempt.site.legal_entity, &merged).await
    }
}
