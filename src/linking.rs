//! The use case "recorded": a proven identity, the decision made again, and
//! everything that follows from it in one transaction.
//!
//! The decision at sign-up was advice. Here the constraints of the store
//! decide: two first token exchanges may arrive together, platforms repeat
//! slow calls, and a COMMIT may succeed without anybody hearing of it. So all
//! identifiers are made once a request, locks are taken in the order address,
//! customer, link, and a repeated run finds what the first one left.

mod enforce;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::answer::{Refusal, Refused};
use crate::domain::customer::{CustomerId, CustomerNumber};
use crate::domain::feed::Freshness;
use crate::domain::identity::{Identity, Provider};
use crate::domain::link::{LinkId, LinkStatus, standing};
use crate::domain::matching::{Decision, decide};
use crate::domain::reference::Reference;
use crate::domain::request_id::RequestId;
use crate::domain::site::{Mode, Site, Stage};
use crate::domain::trust::Address;
use crate::limits::{Admitted, Limits};
use crate::sign_up::{LONGEST_SIGN_UP, Step, attempt_key, correlated_key};
use crate::store::attempts::{AttemptRow, Earlier, Said, Verdict};
use crate::store::audit::ChangeIds;
use crate::store::candidates::{Candidates, Lookup};
use crate::store::customers::Held;
use crate::store::features::Switch;
use crate::store::legal_entities::NUMBERS_TRIED;
use crate::store::links::StandingLink;
use crate::store::{Store, StoreError, Tries};
use crate::tracked::Tracked;

/// A link younger than this is written to before it is answered from: the row
/// may stand on a primary that is about to be lost, and only a write waits
/// for the standby. Longer than any stall of replication that is tolerated.
const YOUNG: time::Duration = time::Duration::minutes(10);

/// How exact `last_seen_at` is for older links.
const SEEN_LATELY: time::Duration = time::Duration::hours(12);

/// How far a platform's clock, and ours, may be from the right time.
const CLOCKS_APART: time::Duration = time::Duration::minutes(5);

/// An identity at a site, with the address that came with it.
#[derive(Clone, Debug)]
pub struct Recording {
    pub site: Arc<Site>,
    pub identity: Identity,
    pub address: Address,
    /// Which call records: `PreTokenIssuance`, `record-link`,
    /// `tokenIssuanceStart`, `token`, `links`.
    pub via: &'static str,
    pub ui_locales: String,
    /// Where the platform gives its requests names.
    pub request_id: Option<RequestId>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Linked {
        number: CustomerNumber,
        fresh: Fresh,
    },
    /// Linking is off, or the site only observes.
    NotLinked,
    Refused(Refused),
    /// The store could not be asked in time. The link may have been recorded;
    /// the next call finds out.
    Unavailable(Refused),
}

impl Outcome {
    /// What the identity's tokens are to carry.
    pub fn number(&self) -> Option<&CustomerNumber> {
        match self {
            Self::Linked { number, .. } => Some(number),
            Self::NotLinked | Self::Refused(_) | Self::Unavailable(_) => None,
        }
    }

    /// What an application is told beside it.
    pub fn status(&self) -> LinkStatus {
        match self {
            Self::Linked { .. } => LinkStatus::Linked,
            Self::NotLinked => LinkStatus::None,
            Self::Refused(_) => LinkStatus::Refused,
            Self::Unavailable(_) => LinkStatus::Unavailable,
        }
    }
}

/// Whether this call made the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    New,
    Standing,
}

/// Records links. Cheap to clone.
#[derive(Clone)]
pub struct Linking {
    store: Store,
    tracked: Tracked,
    limits: Limits,
}

/// The identifiers of one request, the same in every run of its transaction.
struct Ids {
    attempt: Uuid,
    customer: CustomerId,
    link: LinkId,
    customer_change: ChangeIds,
    link_change: ChangeIds,
}

impl Ids {
    fn new() -> Self {
        Self {
            attempt: Uuid::now_v7(),
            customer: CustomerId(Uuid::now_v7()),
            link: LinkId(Uuid::now_v7()),
            customer_change: ChangeIds::new(),
            link_change: ChangeIds::new(),
        }
    }
}

impl Linking {
    pub fn new(store: Store, tracked: Tracked) -> Self {
        Self {
            store,
            tracked,
            limits: Limits::default(),
        }
    }

    /// Records no more than these allow; the rest is told what an outage is.
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Records the link, or says why there is none, within `patience`. The
    /// recording itself goes on to its end whoever has stopped waiting.
    pub async fn record(&self, recording: Recording, patience: Duration) -> Outcome {
        self.record_by(Evidence::Recording, recording, patience)
            .await
    }

    /// The same at a token step that carries neither provider nor address.
    ///
    /// Without a link, both are those that the same sign-up was asked about at
    /// `step`, by its correlation id. An identity that just signs in was asked
    /// about nowhere: it is not linked, and nobody is created for it.
    pub async fn record_as_asked(
        &self,
        step: Step,
        created_at: Option<OffsetDateTime>,
        recording: Recording,
        patience: Duration,
    ) -> Outcome {
        let evidence = Evidence::AskedAt { step, created_at };
        self.record_by(evidence, recording, patience).await
    }

    async fn record_by(
        &self,
        evidence: Evidence,
        recording: Recording,
        patience: Duration,
    ) -> Outcome {
        let recording = Arc::new(recording);
        let ids = Arc::new(Ids::new());
        let admitted = self
            .limits
            .admit(&recording.site.tenant, &recording.address);
        let outcome = match admitted {
            Ok(admitted) => {
                self.record_admitted(evidence, &recording, &ids, patience, admitted)
                    .await
            }
            Err(exceeded) => unavailable(&recording, &ids, exceeded.reason()),
        };
        report(&recording, &outcome);
        outcome
    }

    async fn record_admitted(
        &self,
        evidence: Evidence,
        recording: &Arc<Recording>,
        ids: &Arc<Ids>,
        patience: Duration,
        admitted: Admitted,
    ) -> Outcome {
        let work = {
            let (store, recording, ids) = (self.store.clone(), recording.clone(), ids.clone());
            let until = Instant::now() + patience;
            async move {
                let _under_way = admitted;
                record_until(&store, evidence, &recording, &ids, until).await
            }
        };
        match self.tracked.run(patience, work).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => unavailable(recording, ids, &error.to_string()),
            None => unavailable(recording, ids, "the answer came too late"),
        }
    }

    /// Runs an edge's own work where a dropped connection does not reach it.
    pub async fn detached<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tracked.run(patience, work).await
    }
}

/// Where provider and address of a recording come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    Recording,
    AskedAt {
        step: Step,
        created_at: Option<OffsetDateTime>,
    },
}

/// What one run of the transaction came to.
enum Run {
    Done(Outcome),
    /// Somebody changed what was read before it was locked, or linked the
    /// identity meanwhile: the next run sees it.
    Overtaken,
    /// Somebody has the number that was drawn: the next run draws another.
    NumberTaken(StoreError),
}

async fn record_until(
    store: &Store,
    evidence: Evidence,
    recording: &Recording,
    ids: &Ids,
    until: Instant,
) -> Result<Outcome, StoreError> {
    let mut tries = Tries::until(until);
    let mut numbers = 0;
    loop {
        let now = OffsetDateTime::now_utc();
        let run = match evidence {
            Evidence::Recording => record_once(store, recording, ids, now).await,
            Evidence::AskedAt { step, created_at } => {
                let until = created_at.map_or(now, |at| now.min(at.saturating_add(CLOCKS_APART)));
                record_asked_once(store, step, until, recording, ids, now).await
            }
        };
        match run {
            Ok(Run::Done(outcome)) => return Ok(outcome),
            Ok(Run::Overtaken) if Instant::now() < until => {}
            Ok(Run::Overtaken) => return Err(StoreError::Busy),
            Ok(Run::NumberTaken(error)) => {
                numbers += 1;
                if numbers == NUMBERS_TRIED || Instant::now() >= until {
                    return Err(error);
                }
            }
            Err(error) => tries.another(error).await?,
        }
    }
}

async fn record_once(
    store: &Store,
    recording: &Recording,
    ids: &Ids,
    now: OffsetDateTime,
) -> Result<Run, StoreError> {
    match stand_by(store, recording, ids, now).await? {
        Standing::Answered(run) => Ok(run),
        Standing::Free(Switch::Off) => Ok(Run::Done(Outcome::NotLinked)),
        Standing::Free(Switch::On) => match recording.site.mode {
            Mode::Off => Ok(Run::Done(Outcome::NotLinked)),
            Mode::Observe => observe(store, recording, ids, now).await,
            Mode::Enforce => enforce::enforce(store, recording, ids, now).await,
        },
    }
}

async fn record_asked_once(
    store: &Store,
    step: Step,
    until: OffsetDateTime,
    recording: &Recording,
    ids: &Ids,
    now: OffsetDateTime,
) -> Result<Run, StoreError> {
    match stand_by(store, recording, ids, now).await? {
        Standing::Answered(run) => return Ok(run),
        Standing::Free(Switch::Off) => return Ok(Run::Done(Outcome::NotLinked)),
        Standing::Free(Switch::On) if recording.site.mode == Mode::Off => {
            return Ok(Run::Done(Outcome::NotLinked));
        }
        Standing::Free(Switch::On) => {}
    }
    let Some(correlation) = recording.request_id.and_then(RequestId::correlation) else {
        return Ok(Run::Done(Outcome::NotLinked));
    };
    let asked = (now - LONGEST_SIGN_UP, until);
    let earlier = store
        .claim_earlier(
            &recording.site,
            step.as_str(),
            correlation,
            asked,
            &recording.identity,
        )
        .await?;
    match earlier {
        Earlier::As { provider, address } => {
            let recording = recording.of(provider, address);
            record_once(store, &recording, ids, now).await
        }
        // Two sign-ups or two identities under one id: nobody knows which of
        // them belong together.
        Earlier::Never | Earlier::Contradictory => Ok(Run::Done(Outcome::NotLinked)),
    }
}

impl Recording {
    fn of(&self, provider: Provider, address: Address) -> Self {
        let identity = Identity {
            provider,
            ..self.identity.clone()
        };
        Self {
            identity,
            address,
            ..self.clone()
        }
    }
}

/// Whether an identity has a link already.
enum Standing {
    Answered(Run),
    /// It has none; with the environment's switch.
    Free(Switch),
}

/// What an identity that is linked is told.
async fn stand_by(
    store: &Store,
    recording: &Recording,
    ids: &Ids,
    now: OffsetDateTime,
) -> Result<Standing, StoreError> {
    let site = &recording.site;
    let (switch, link) = store
        .standing(&site.legal_entity, &recording.identity)
        .await?;
    let Some(link) = link else {
        return Ok(Standing::Free(switch));
    };
    if now - link.created_at < YOUNG || now - link.last_seen_at > SEEN_LATELY {
        let held = store
            .touch_link(&site.legal_entity, link.link_id, now)
            .await?;
        if held == Held::Changed {
            return Ok(Standing::Answered(Run::Overtaken));
        }
    }
    Ok(Standing::Answered(
        match standing(link.state, link.number.clone()) {
            Ok(number) => Run::Done(linked(number, &link, ids)),
            Err(refusal) => gone(store, recording, ids, switch, refusal, now).await?,
        },
    ))
}

/// The identity is linked, and its customer has nothing to be shown any more.
async fn gone(
    store: &Store,
    recording: &Recording,
    ids: &Ids,
    switch: Switch,
    refusal: Refusal,
    now: OffsetDateTime,
) -> Result<Run, StoreError> {
    let said = match (switch, recording.site.mode) {
        (Switch::Off, _) | (_, Mode::Off) => return Ok(Run::Done(Outcome::NotLinked)),
        (Switch::On, Mode::Observe) => Said::Continue,
        (Switch::On, Mode::Enforce) => Said::Refuse,
    };
    let verdict = Verdict {
        decision: Some(Decision::Refuse(refusal)),
        found: 0,
        said,
    };
    let reference = store
        .remember(&attempt(recording, ids, now), &verdict)
        .await?;
    Ok(Run::Done(match said {
        Said::Continue => Outcome::NotLinked,
        Said::Refuse => refused(recording, refusal, reference),
    }))
}

/// Decides and remembers, and links nobody.
async fn observe(
    store: &Store,
    recording: &Recording,
    ids: &Ids,
    now: OffsetDateTime,
) -> Result<Run, StoreError> {
    let candidates = match lookup(recording) {
        Some(lookup) => store.candidates(&lookup).await?,
        None => Candidates::default(),
    };
    let verdict = Verdict {
        decision: Some(decide_among(&candidates, recording, now)),
        found: candidates.found.len(),
        said: Said::Continue,
    };
    store
        .remember(&attempt(recording, ids, now), &verdict)
        .await?;
    Ok(Run::Done(Outcome::NotLinked))
}

fn decide_among(candidates: &Candidates, recording: &Recording, now: OffsetDateTime) -> Decision {
    let rules = &recording.site.rules;
    let freshness = Freshness::of(candidates.feed, rules.feed_max_age, now);
    decide(&recording.address, &candidates.found, freshness, rules)
}

/// What the candidates are looked up by; `None` where nothing may match.
fn lookup(recording: &Recording) -> Option<Lookup<'_>> {
    let Address::Proven(email) = &recording.address else {
        return None;
    };
    Some(Lookup {
        legal_entity: &recording.site.legal_entity,
        email,
        customer_type: recording.site.rules.customer_type,
        issuer: &recording.identity.issuer,
        provider: &recording.identity.provider,
        feed_max_age: recording.site.rules.feed_max_age,
    })
}

/// What makes two recordings the same one (contracts.md §7.3).
fn key(recording: &Recording) -> [u8; 32] {
    let (tenant, identity) = (&recording.site.tenant, &recording.identity);
    let correlated = recording
        .request_id
        .and_then(|id| correlated_key(tenant, recording.via, id));
    correlated.unwrap_or_else(|| {
        attempt_key(&[
            tenant.as_bytes(),
            recording.via.as_bytes(),
            recording.site.name.as_bytes(),
            identity.issuer.as_str().as_bytes(),
            identity.subject.as_text().as_bytes(),
        ])
    })
}

fn attempt<'a>(recording: &'a Recording, ids: &Ids, at: OffsetDateTime) -> AttemptRow<'a> {
    AttemptRow {
        attempt_id: ids.attempt,
        key: key(recording),
        site: &recording.site,
        step: recording.via,
        request_id: recording.request_id.map(RequestId::id),
        at,
        provider: &recording.identity.provider,
        identity: Some(&recording.identity),
        address: &recording.address,
    }
}

fn linked(number: CustomerNumber, link: &StandingLink, ids: &Ids) -> Outcome {
    Outcome::Linked {
        number,
        fresh: if link.link_id == ids.link {
            Fresh::New
        } else {
            Fresh::Standing
        },
    }
}

fn refused(recording: &Recording, refusal: Refusal, reference: Reference) -> Outcome {
    Outcome::Refused(word(recording, refusal, reference))
}

fn word(recording: &Recording, refusal: Refusal, reference: Reference) -> Refused {
    Refused::at(
        &recording.site,
        refusal,
        Stage::SignedIn,
        &recording.ui_locales,
        reference,
    )
}

fn unavailable(recording: &Recording, ids: &Ids, reason: &str) -> Outcome {
    let reference = Reference::of(ids.attempt);
    tracing::warn!(
        site = recording.site.name,
        request_id = recording.request_id.map(|id| tracing::field::display(id.id())),
        %reference,
        reason,
        "link not recorded"
    );
    Outcome::Unavailable(word(recording, Refusal::Unavailable, reference))
}

/// One line for each recording, by identifiers that are nobody's name.
fn report(recording: &Recording, outcome: &Outcome) {
    let (outcome, reference) = match outcome {
        Outcome::Linked {
            fresh: Fresh::New, ..
        } => ("linked", None),
        Outcome::Linked {
            fresh: Fresh::Standing,
            ..
        } => ("standing", None),
        Outcome::NotLinked => ("not linked", None),
        Outcome::Refused(refused) => (refused.refusal.name(), Some(&refused.reference)),
        Outcome::Unavailable(refused) => ("unavailable", Some(&refused.reference)),
    };
    metrics::counter!(
        "idlink_links_total",
        "site" => recording.site.name.clone(),
        "via" => recording.via,
        "outcome" => outcome
    )
    .increment(1);
    tracing::info!(
        site = recording.site.name,
        via = recording.via,
        provider = recording.identity.provider.as_str(),
        outcome,
        request_id = recording
            .request_id
            .map(|id| tracing::field::display(id.id())),
        reference = reference.map(Reference::as_str),
        "link decided"
    );
}
