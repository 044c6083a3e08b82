//! The use case "asked": candidates, decision, attempt, answer.
//!
//! Total: a person is waiting in front of a page, so there is always an
//! answer. What an outage says to them is the site's rule.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use futures_util::FutureExt;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::domain::answer::{Answer, Refusal, Refused};
use crate::domain::feed::Freshness;
use crate::domain::identity::Provider;
use crate::domain::matching::{Decision, decide};
use crate::domain::reference::Reference;
use crate::domain::request_id::RequestId;
use crate::domain::site::{Mode, Outage, Site, Stage};
use crate::domain::tenant::Tenant;
use crate::domain::trust::Address;
use crate::limits::{Admitted, Limits};
use crate::store::attempts::{AttemptRow, Earlier, Said, Verdict};
use crate::store::candidates::{Candidates, Lookup};
use crate::store::features::Switch;
use crate::store::{Store, StoreError, Tries};

/// At which point of a sign-up the question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An upstream provider has answered; the person has seen no form yet.
    /// Only what is certain to be refused is refused here.
    PostFederationSignup,
    /// The form is complete; the identity will be created next.
    PostAttributeCollection,
    /// A custom policy's page was sent; the identity will be created next.
    CheckCustomer,
    /// A custom policy asks behind a federation, before its page is shown. It
    /// asks again as `CheckCustomer` when the page is sent: the same decision.
    CustomerOutcome,
    /// External ID is about to show its form; the address is known where it
    /// was what the person began with.
    AttributeCollectionStart,
    /// That form was sent; the identity will be created next.
    AttributeCollectionSubmit,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PostFederationSignup => "PostFederationSignup",
            Self::PostAttributeCollection => "PostAttributeCollection",
            Self::CheckCustomer => "check-customer",
            Self::CustomerOutcome => "customer-outcome",
            Self::AttributeCollectionStart => "attributeCollectionStart",
            Self::AttributeCollectionSubmit => "attributeCollectionSubmit",
        }
    }

    /// How much is decided.
    fn scope(self) -> Scope {
        match self {
            Self::PostFederationSignup => Scope::CertainRefusals,
            Self::AttributeCollectionStart => Scope::KnownAddress,
            Self::PostAttributeCollection
            | Self::CheckCustomer
            | Self::CustomerOutcome
            | Self::AttributeCollectionSubmit => Scope::Everything,
        }
    }

    /// Whether a later step takes what was said at this one for its own.
    fn is_evidence(self) -> bool {
        match self {
            Self::AttributeCollectionStart | Self::AttributeCollectionSubmit => true,
            Self::PostFederationSignup
            | Self::PostAttributeCollection
            | Self::CheckCustomer
            | Self::CustomerOutcome => false,
        }
    }

    /// The step at which the platform said more about the same sign-up.
    fn beginning(self) -> Option<Self> {
        match self {
            Self::AttributeCollectionSubmit => Some(Self::AttributeCollectionStart),
            Self::PostFederationSignup
            | Self::PostAttributeCollection
            | Self::CheckCustomer
            | Self::CustomerOutcome
            | Self::AttributeCollectionStart => None,
        }
    }
}

/// How much is decided at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    CertainRefusals,
    /// Everything about an address that is proven already, because only that
    /// one can match later on; what is certain about any other.
    KnownAddress,
    Everything,
}

/// How long the steps of one sign-up may be apart. Correlation ids are unique
/// for much longer; this bounds what an old one is good for.
pub(crate) const LONGEST_SIGN_UP: time::Duration = time::Duration::hours(1);

/// How long a form may stay open. Who began is remembered for longer than the
/// form is evidence: waiting must not make a stranger somebody trusted.
const LONGEST_FORM: time::Duration = time::Duration::days(1);

/// A sign-up, as far as the platform has got with it. Cannot be printed: a local
/// account's identifier is an address.
#[derive(Clone)]
pub struct Question {
    pub tenant: Arc<Tenant>,
    pub site: Arc<Site>,
    pub step: Step,
    pub client_id: String,
    pub provider: Provider,
    /// The upstream account (issuer and its identifier there), if it was sent.
    pub account: Option<(String, String)>,
    pub address: Address,
    pub ui_locales: String,
    /// Where the platform gives its requests names.
    pub request_id: Option<RequestId>,
}

/// An answer, and where its evidence is.
#[derive(Clone, Debug)]
pub struct Asked {
    pub answer: Answer,
    /// `None` where nothing was refused or remembered.
    pub reference: Option<Reference>,
}

/// Answers sign-ups. Cheap to clone.
#[derive(Clone)]
pub struct SignUps {
    store: Store,
    limits: Limits,
    /// Whether the switch was off when the store last said. Where linking is
    /// not in use, an outage of the store is no reason to turn people away.
    known_off: Arc<AtomicBool>,
}

impl SignUps {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            limits: Limits::default(),
            known_off: Arc::default(),
        }
    }

    /// Answers no more than these allow; the rest is told what an outage is.
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Answers within `patience`. Changes no customer and no link.
    pub async fn ask(&self, question: Question, patience: Duration) -> Answer {
        self.ask_for_evidence(question, patience).await.answer
    }

    /// Like [`Self::ask`], and says where the evidence is.
    pub async fn ask_for_evidence(&self, question: Question, patience: Duration) -> Asked {
        if question.site.mode == Mode::Off {
            return Asked::nothing();
        }
        let question = Arc::new(question);
        let attempt_id = Uuid::now_v7();
        let mut outage = question.site.outage;
        let reason = match self.limits.admit(&question.tenant.name, &question.address) {
            Ok(admitted) => {
                let asked = self.ask_admitted(&question, attempt_id, patience, admitted);
                match asked.await {
                    Ok(asked) => return asked,
                    Err(reason) => reason,
                }
            }
            Err(exceeded) => {
                // Asking often must not be a way around a refusal.
                if exceeded.is_askers_doing() {
                    outage = Outage::Refuse;
                }
                exceeded.reason().to_owned()
            }
        };
        let unavailable = unavailable(&question, attempt_id, &reason, outage);
        match self.known_off.load(Ordering::Relaxed) {
            true => Asked::nothing(),
            false => unavailable,
        }
    }

    /// The answer, or why there is none.
    async fn ask_admitted(
        &self,
        question: &Arc<Question>,
        attempt_id: Uuid,
        patience: Duration,
        admitted: Admitted,
    ) -> Result<Asked, String> {
        let until = Instant::now() + patience;
        let asking = {
            let (asking, question) = (self.clone(), Arc::clone(question));
            async move {
                asking
                    .ask_until(&question, attempt_id, until, Arc::new(admitted))
                    .await
            }
        };
        let asked = match question.step.is_evidence() {
            // Written whoever has stopped waiting: a later step goes by it.
            true => self.store.tracked().run(patience, asking).await,
            false => within(until, asking).await,
        };
        match asked {
            Some(Ok(asked)) => Ok(asked),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("the answer came too late".to_owned()),
        }
    }

    async fn ask_until(
        &self,
        question: &Arc<Question>,
        attempt_id: Uuid,
        until: Instant,
        admitted: Arc<Admitted>,
    ) -> Result<Asked, StoreError> {
        let mut tries = Tries::until(until);
        loop {
            match self.ask_once(question, attempt_id, &admitted).await {
                Ok((switch, asked)) => {
                    self.known_off
                        .store(switch == Switch::Off, Ordering::Relaxed);
                    return Ok(asked);
                }
                Err(error) => tries.another(error).await?,
            }
        }
    }

    async fn ask_once(
        &self,
        question: &Arc<Question>,
        attempt_id: Uuid,
        admitted: &Arc<Admitted>,
    ) -> Result<(Switch, Asked), StoreError> {
        let now = OffsetDateTime::now_utc();
        let recalled = self.recall(question, now).await?;
        let question = recalled.map_or_else(|| Arc::clone(question), Arc::new);
        let site = &question.site;
        let lookup = match (question.step.scope(), &question.address) {
            (Scope::Everything | Scope::KnownAddress, Address::Proven(email)) => Some(Lookup {
                legal_entity: &site.legal_entity,
                email,
                customer_type: site.rules.customer_type,
                issuer: &question.tenant.issuer,
                provider: &question.provider,
                feed_max_age: site.rules.feed_max_age,
            }),
            _ => None,
        };
        let attempt = AttemptRow {
            attempt_id,
            key: key(&question, attempt_id),
            site,
            step: question.step.as_str(),
            request_id: question.request_id.map(RequestId::id),
            at: now,
            provider: &question.provider,
            identity: None,
            address: &question.address,
        };
        let judge = {
            let (question, admitted) = (Arc::clone(&question), Arc::clone(admitted));
            Box::new(move |candidates: &Candidates| {
                // Under way for as long as it is carried, whoever has gone.
                let _under_way = &admitted;
                judge(&question, candidates, now)
            })
        };
        let remembered = self.store.sign_up(lookup.as_ref(), &attempt, judge).await?;
        let Some((verdict, reference)) = remembered else {
            return Ok((Switch::Off, Asked::nothing()));
        };
        report(&question, &verdict, &reference);
        let asked = Asked {
            answer: answer(&question, verdict.decision, reference.clone()),
            reference: Some(reference),
        };
        Ok((Switch::On, asked))
    }

    /// The question in the light of what was said when the sign-up began; `None`
    /// where nothing was. Only steps that are evidence themselves have one, and
    /// those run in a task, where the store may be used directly.
    async fn recall(
        &self,
        question: &Question,
        now: OffsetDateTime,
    ) -> Result<Option<Question>, StoreError> {
        let correlation = question.request_id.and_then(RequestId::correlation);
        let (Some(step), Some(correlation)) = (question.step.beginning(), correlation) else {
            return Ok(None);
        };
        let since = now - LONGEST_FORM;
        let earlier = self
            .store
            .earlier(&question.site, step.as_str(), correlation, since)
            .await?;
        Ok(match earlier {
            Earlier::Never => None,
            Earlier::As { provider, address } => Some(question.begun_as(provider, &address)),
            Earlier::Contradictory => {
                Some(question.begun_as(Provider::unknown(), &Address::Missing))
            }
        })
    }
}

/// `None` when it is too late, or has ended in a panic: a person is waiting.
async fn within<T>(until: Instant, work: impl Future<Output = T>) -> Option<T> {
    let work = AssertUnwindSafe(work).catch_unwind();
    timeout_at(until, work).await.ok()?.ok()
}

impl Asked {
    /// Nothing was decided, so nothing stands in the way.
    fn nothing() -> Self {
        Self {
            answer: Answer::Continue(None),
            reference: None,
        }
    }
}

/// What the records say of a sign-up, and what is said of it.
fn judge(question: &Question, candidates: &Candidates, now: OffsetDateTime) -> Verdict {
    let (site, found) = (&question.site, &candidates.found);
    let freshness = Freshness::of(candidates.feed, site.rules.feed_max_age, now);
    let decision = match (question.step.scope(), &question.address) {
        (Scope::Everything, _) | (Scope::KnownAddress, Address::Proven(_)) => {
            Some(decide(&question.address, found, freshness, &site.rules))
        }
        (Scope::CertainRefusals | Scope::KnownAddress, _) => certain_refusal(question),
    };
    let said = match (&decision, site.mode) {
        (Some(Decision::Refuse(_)), Mode::Enforce) => Said::Refuse,
        (Some(_) | None, _) => Said::Continue,
    };
    Verdict {
        decision,
        found: found.len(),
        said,
    }
}

impl Question {
    /// The same question of a sign-up that began through `provider` and with
    /// `address`.
    ///
    /// Where the platform does not repeat who signs up, that is still the one
    /// who began. And only the address of the beginning was proven: one that
    /// came in with the form was typed, whoever vouches for the person.
    fn begun_as(&self, provider: Provider, address: &Address) -> Self {
        let is_named = self.account.is_some();
        let vouched_for = match is_named {
            true => self.provider == provider && matches!(self.address, Address::Proven(_)),
            false => self.tenant.trust.covers(&provider),
        };
        let address = match (address, self.address.email()) {
            (Address::Proven(begun), Some(email))
                if vouched_for && begun.canonical() == email.canonical() =>
            {
                Address::Proven(email.clone())
            }
            _ => self.address.clone().disowned(),
        };
        let provider = match is_named {
            true => self.provider.clone(),
            false => provider,
        };
        Self {
            provider,
            address,
            ..self.clone()
        }
    }
}

/// What no form and no record can change any more: nobody we trust vouches
/// for the address, and the site takes no unverified ones.
fn certain_refusal(question: &Question) -> Option<Decision> {
    if question.tenant.trust.covers(&question.provider) {
        return None;
    }
    match decide(
        &question.address,
        &[],
        Freshness::Fresh,
        &question.site.rules,
    ) {
        refused @ Decision::Refuse(_) => Some(refused),
        Decision::Link(..) | Decision::Create(_) => None,
    }
}

fn answer(question: &Question, decision: Option<Decision>, reference: Reference) -> Answer {
    match (decision, question.site.mode) {
        (Some(Decision::Refuse(refusal)), Mode::Enforce) => refuse(question, refusal, reference),
        (Some(Decision::Link(_, number)), Mode::Enforce) => Answer::Continue(Some(number)),
        (Some(Decision::Create(_)) | None, Mode::Enforce) | (_, Mode::Observe | Mode::Off) => {
            Answer::Continue(None)
        }
    }
}

fn refuse(question: &Question, refusal: Refusal, reference: Reference) -> Answer {
    Answer::Refuse(Refused::at(
        &question.site,
        refusal,
        Stage::SignUp,
        &question.ui_locales,
        reference,
    ))
}

fn unavailable(question: &Question, attempt_id: Uuid, reason: &str, outage: Outage) -> Asked {
    let reference = Reference::of(attempt_id);
    tracing::warn!(
        site = question.site.name,
        step = question.step.as_str(),
        request_id = question.request_id.map(|id| tracing::field::display(id.id())),
        %reference,
        reason,
        "sign-up not decided"
    );
    metrics::counter!(
        "idlink_decisions_total",
        "step" => question.step.as_str(),
        "site" => question.site.name.clone(),
        "decision" => "unavailable"
    )
    .increment(1);
    let enforces = question.site.mode == Mode::Enforce;
    match outage {
        Outage::Refuse if enforces => Asked {
            answer: refuse(question, Refusal::Unavailable, reference.clone()),
            reference: Some(reference),
        },
        Outage::Refuse | Outage::Continue => Asked::nothing(),
    }
}

/// One line for each decision, by the reference that the person was shown.
fn report(question: &Question, verdict: &Verdict, reference: &Reference) {
    let decision = match &verdict.decision {
        None => "not decided",
        Some(Decision::Link(..)) => "link",
        Some(Decision::Create(_)) => "create",
        Some(Decision::Refuse(refusal)) => refusal.name(),
    };
    metrics::counter!(
        "idlink_decisions_total",
        "step" => question.step.as_str(),
        "site" => question.site.name.clone(),
        "decision" => decision
    )
    .increment(1);
    tracing::info!(
        tenant = question.tenant.name,
        site = question.site.name,
        step = question.step.as_str(),
        provider = question.provider.as_str(),
        found = verdict.found,
        decision,
        request_id = question.request_id.map(|id| tracing::field::display(id.id())),
        %reference,
        "sign-up decided"
    );
}

/// What makes two questions the same one (contracts.md §7.3): the platform's
/// correlation id and the step; or else step, client, and the upstream account
/// or the address. A question that names none of them is like no other.
fn key(question: &Question, attempt_id: Uuid) -> [u8; 32] {
    let (tenant, step) = (&question.tenant.name, question.step.as_str());
    let correlated = question
        .request_id
        .and_then(|id| correlated_key(tenant, step, id));
    if let Some(key) = correlated {
        return match question.step.is_evidence() {
            true => of_whom(key, question),
            false => key,
        };
    }
    let email = question.address.email().map(|email| email.canonical());
    let who: [&[u8]; 3] = match (&question.account, email) {
        (Some((issuer, account)), email) => [
            issuer.as_bytes(),
            account.as_bytes(),
            email.unwrap_or_default().as_bytes(),
        ],
        (None, Some(email)) => [b"", b"", email.as_bytes()],
        (None, None) => [b"", b"", attempt_id.as_bytes()],
    };
    attempt_key(&[
        question.tenant.name.as_bytes(),
        question.step.as_str().as_bytes(),
        question.client_id.as_bytes(),
        who[0],
        who[1],
        who[2],
    ])
}

/// The key of a question that a later step goes by. Two people under one
/// correlation id must not fall on one row, where the second would hide the
/// first.
fn of_whom(key: [u8; 32], question: &Question) -> [u8; 32] {
    let email = question.address.email().map(|email| email.canonical());
    let proven = matches!(question.address, Address::Proven(_));
    attempt_key(&[
        &key,
        question.site.name.as_bytes(),
        question.provider.as_str().as_bytes(),
        email.unwrap_or_default().as_bytes(),
        &[u8::from(proven)],
    ])
}

/// For platforms that give the requests of one journey a common name; `None`
/// for a request that has none.
pub(crate) fn correlated_key(tenant: &str, step: &str, id: RequestId) -> Option<[u8; 32]> {
    let correlation = id.correlation()?;
    let extension = id.extension();
    Some(attempt_key(&[
        tenant.as_bytes(),
        step.as_bytes(),
        correlation.as_bytes(),
        extension.as_ref().map_or(&[][..], |id| id.as_bytes()),
    ]))
}

/// A digest of parts that cannot be shifted into one another.
pub(crate) fn attempt_key(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}
