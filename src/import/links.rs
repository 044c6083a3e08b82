//! Links out of files into the store: identities that are linked already,
//! somewhere else, to customers that are known here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::ImportError;
use super::apply::again;
use super::engine::{Shared, Told, claim};
use super::intake::{Input, names, place};
use super::progress::Phase;
use super::row::{LinkRecord, Rejected, Row};
use crate::domain::customer::{CustomerNumber, CustomerState, LegalEntity};
use crate::domain::directory::Directory;
use crate::domain::identity::{Identity, LOCAL, Provider};
use crate::domain::site::{SecondIdentity, Site};
use crate::store::Store;
use crate::store::imports::{
    Counts, End, Ending, Feed, FoundCustomer, ImportKind, Kept, LINE_BITS, Lane, NewImport,
    NewLink, StagedLink, StandingIdentity, row_no,
};

/// How many links go to the database at once.
const PORTION: usize = 1000;

/// What the operator asked for.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    pub legal_entities: Vec<LegalEntity>,
    /// The site that links are recorded for, where a tenant has several in a
    /// legal entity.
    pub site: Option<String>,
    /// Say what would happen, and do nothing.
    pub dry_run: bool,
    /// With more unreadable rows, nothing of the files is applied.
    pub max_errors: u64,
    pub actor: String,
    /// Which issuers there are, and which sites their people go to.
    pub directory: Directory,
}

/// What an import of links came to.
#[derive(Debug, Default)]
pub struct LinkSummary {
    pub legal_entities: Vec<(LegalEntity, Counts)>,
    pub rejected: u64,
}

/// Imports links. They are recorded as if each identity had just signed in,
/// with the file as evidence.
pub async fn import_links(
    store: &Store,
    plan: LinkPlan,
    inputs: Vec<Input<LinkRecord>>,
    told: Told,
) -> Result<LinkSummary, ImportError> {
    let lane = store.lane(0, true).await?;
    lane.open_links().await?;
    let shared = Arc::new(Shared::new(told.meter, told.rejects, told.progress));
    shared.progress().begin(Phase::Reading, told.size);
    let import = NewImport {
        import_id: Uuid::now_v7(),
        kind: ImportKind::Links,
        feed: Feed::Delta,
        actor: plan.actor.clone(),
        started_at: OffsetDateTime::now_utc(),
        source_time: None,
    };
    if !plan.dry_run {
        claim(&lane, &plan.legal_entities, &import).await?;
    }
    let run = Run {
        names: names(&inputs),
        plan: Arc::new(plan),
        lane,
        shared,
        import,
    };
    let mut summary = LinkSummary::default();
    let result = run.go(inputs, &mut summary).await;
    let ended = match run.plan.dry_run {
        true => Ok(()),
        false => run.end(result.is_ok(), &summary).await,
    };
    result?;
    ended?;
    Ok(summary)
}

struct Run {
    plan: Arc<LinkPlan>,
    lane: Lane,
    names: Arc<[String]>,
    shared: Arc<Shared>,
    import: NewImport,
}

/// The site of a tenant's people in a legal entity.
fn site_of<'a>(plan: &'a LinkPlan, tenant: &str, entity: &LegalEntity) -> Result<&'a Site, String> {
    let mut sites = plan
        .directory
        .sites()
        .filter(|site| site.tenant == tenant && site.legal_entity == *entity)
        .filter(|site| plan.site.as_ref().is_none_or(|name| *name == site.name));
    match (sites.next(), sites.next()) {
        (Some(site), None) => Ok(site),
        (None, _) => Err(format!(
            "the tenant {tenant} has no such site in {}",
            entity.as_str()
        )),
        (Some(_), Some(_)) => Err(format!(
            "the tenant {tenant} has several sites in {}: say with --site for which of them",
            entity.as_str()
        )),
    }
}

/// What a row says, with the canonical issuer and the site that it is for.
fn resolve(plan: &LinkPlan, row_no: i64, record: &LinkRecord) -> Result<StagedLink, String> {
    let place = place(&plan.legal_entities, record.legal_entity.as_deref())?;
    let entity = plan.legal_entities.get(place).ok_or_else(String::new)?;
    let tenant = plan
        .directory
        .tenants()
        .find(|tenant| tenant.issued(&record.issuer))
        .ok_or("is of an issuer that no tenant of the settings has")?;
    let site = site_of(plan, &tenant.name, entity)?;
    let provider = match record.provider.as_deref() {
        None | Some(LOCAL) => Provider::local(),
        Some(named) => Provider::federated(named),
    };
    if provider == Provider::unknown() {
        return Err("has a provider that is no name of one".to_owned());
    }
    Ok(StagedLink {
        row_no,
        legal_entity: entity.clone(),
        identity: Identity {
            issuer: tenant.issuer.clone(),
            subject: record.subject,
            provider,
        },
        number: record.number.as_str().to_owned(),
        site: site.name.clone(),
    })
}

/// What becomes of one link.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    New(Uuid),
    Standing,
    Rejected(&'static str),
}

/// Everything that the links of one transaction depend on, locked.
#[derive(Default)]
struct Known {
    customers: HashMap<String, FoundCustomer>,
    standing: HashMap<(String, String), StandingIdentity>,
    kept: Kept,
}

impl Known {
    /// Decides about one link, and knows it when the next one is decided on.
    fn decide(&mut self, link: &StagedLink, site: &Site) -> Fate {
        let Some(customer) = self.customers.get(&link.number) else {
            return Fate::Rejected("has a number that no customer has");
        };
        match customer.state {
            CustomerState::Active | CustomerState::Pending | CustomerState::Blocked => {}
            CustomerState::Merged => {
                return Fate::Rejected("is of a customer that was merged into another");
            }
            CustomerState::Gone => {
                return Fate::Rejected("is of a customer that is gone from the business's records");
            }
            CustomerState::Erased => return Fate::Rejected("is of a customer that was erased"),
        }
        let customer_id = customer.id;
        let who = &link.identity;
        let identity = (who.issuer.as_str().to_owned(), who.subject.as_text());
        if let Some(standing) = self.standing.get(&identity) {
            return match standing.customer_id == customer_id {
                true => Fate::Standing,
                false => Fate::Rejected("is of an identity that is linked to another customer"),
            };
        }
        let place = (
            customer_id,
            who.issuer.as_str().to_owned(),
            who.provider.as_str().to_owned(),
        );
        // A file takes nobody's place: where a further identity would end an
        // earlier one, that is for the person who signs in to do.
        let may_join = site.rules.second_identity == SecondIdentity::Add;
        if !self.kept.insert(place) && !may_join {
            return Fate::Rejected(
                "is of a customer that another identity of the same provider is linked to",
            );
        }
        self.standing
            .insert(identity, StandingIdentity { customer_id });
        Fate::New(customer_id)
    }
}

/// What a transaction came to.
#[derive(Default)]
struct Done {
    added: u64,
    unchanged: u64,
    rejected: Vec<(i64, String, &'static str)>,
}

impl Run {
    async fn go(
        &self,
        inputs: Vec<Input<LinkRecord>>,
        summary: &mut LinkSummary,
    ) -> Result<(), ImportError> {
        summary.rejected = self.stage(inputs).await?;
        self.shared.progress().begin(Phase::Applying, None);
        for legal_entity in &self.plan.legal_entities {
            let mut counts = Counts::default();
            let mut after = i64::MIN;
            loop {
                let links = self.lane.staged_links(legal_entity, after).await?;
                let Some(last) = links.last() else {
                    break;
                };
                after = last.row_no;
                let done = again(&self.lane, || self.settle(legal_entity, &links)).await?;
                counts.rows += links.len() as u64;
                counts.added += done.added;
                counts.unchanged += done.unchanged;
                counts.rejected += done.rejected.len() as u64;
                self.shared.progress().reached(counts.rows, counts.rows);
                for (row_no, number, reason) in &done.rejected {
                    self.reject(legal_entity, *row_no, number, reason)?;
                }
            }
            summary.rejected += counts.rejected;
            summary.legal_entities.push((legal_entity.clone(), counts));
        }
        Ok(())
    }

    fn reject(
        &self,
        legal_entity: &LegalEntity,
        row_no: i64,
        number: &str,
        reason: &str,
    ) -> Result<(), ImportError> {
        let file = usize::try_from(row_no >> LINE_BITS).unwrap_or_default();
        let line = row_no & ((1 << LINE_BITS) - 1);
        let rejected = Rejected {
            line: u64::try_from(line).unwrap_or_default(),
            column: None,
            reason: reason.to_owned(),
            number: CustomerNumber::parse(number),
            legal_entity: Some(Arc::new(legal_entity.clone())),
            original: None,
        };
        let name = self.names.get(file).map_or("", String::as_str);
        self.shared.reject(name, &rejected)
    }

    /// Reads all files before anything is written. Returns how many rows were
    /// rejected.
    async fn stage(&self, inputs: Vec<Input<LinkRecord>>) -> Result<u64, ImportError> {
        let (sender, mut portions) = mpsc::channel(2);
        let (plan, shared) = (self.plan.clone(), self.shared.clone());
        let reading = tokio::task::spawn_blocking(move || read(&plan, &shared, inputs, &sender));
        let mut staged = Ok(());
        while let Some(links) = portions.recv().await {
            staged = self.lane.stage_links(&links).await;
            if staged.is_err() {
                break;
            }
        }
        drop(portions);
        let read = reading.await.map_err(|_| ImportError::ReaderDied)?;
        staged?;
        read
    }

    /// One transaction.
    async fn settle(
        &self,
        legal_entity: &LegalEntity,
        links: &[StagedLink],
    ) -> Result<Done, crate::store::StoreError> {
        let now = OffsetDateTime::now_utc();
        let numbers: HashSet<&str> = links.iter().map(|link| link.number.as_str()).collect();
        let numbers: Vec<&str> = numbers.into_iter().collect();
        let customers = self.lane.begin_links(legal_entity, &numbers).await?;
        let ids: Vec<Uuid> = customers.values().map(|found| found.id).collect();
        let identities: Vec<&Identity> = links.iter().map(|link| &link.identity).collect();
        let mut known = Known {
            standing: self
                .lane
                .standing_identities(legal_entity, &identities)
                .await?,
            kept: self.lane.links_kept(legal_entity, &ids).await?,
            customers,
        };
        let mut done = Done::default();
        let mut new = Vec::new();
        for link in links {
            let Some(site) = self.plan.directory.site(&link.site) else {
                continue;
            };
            match known.decide(link, site) {
                Fate::Standing => done.unchanged += 1,
                Fate::Rejected(reason) => {
                    done.rejected
                        .push((link.row_no, link.number.clone(), reason));
                }
                Fate::New(customer_id) => new.push(NewLink {
                    identity: link.identity.clone(),
                    customer_id,
                    number: &link.number,
                    site: &site.name,
                    rules: &site.rules,
                }),
            }
        }
        done.added = new.len() as u64;
        match self.plan.dry_run {
            true => self.lane.roll_back().await?,
            false => {
                self.lane
                    .finish_links(legal_entity, &new, &self.plan.actor, now)
                    .await?;
            }
        }
        Ok(done)
    }

    async fn end(&self, completed: bool, summary: &LinkSummary) -> Result<(), ImportError> {
        if !completed {
            self.lane.roll_back().await?;
        }
        for legal_entity in &self.plan.legal_entities {
            let found = summary
                .legal_entities
                .iter()
                .find(|(code, _)| code == legal_entity);
            let end = End {
                ending: if completed {
                    Ending::Completed
                } else {
                    Ending::Failed
                },
                at: OffsetDateTime::now_utc(),
                file_digest: self.shared.meter().digest(),
                file_bytes: self.shared.meter().bytes(),
                counts: Counts {
                    rejected: summary.rejected,
                    ..found.map(|(_, counts)| *counts).unwrap_or_default()
                },
            };
            self.lane.end(legal_entity, &self.import, &end).await?;
        }
        Ok(())
    }
}

/// Reads the files on a thread that may wait.
fn read(
    plan: &LinkPlan,
    shared: &Shared,
    inputs: Vec<Input<LinkRecord>>,
    portions: &mpsc::Sender<Vec<StagedLink>>,
) -> Result<u64, ImportError> {
    let mut rejected = 0;
    let mut rows = 0;
    let mut portion = Vec::with_capacity(PORTION);
    for (file, mut input) in inputs.into_iter().enumerate() {
        loop {
            let row = input
                .rows
                .next_row()
                .map_err(|problem| ImportError::Unreadable {
                    file: input.name.clone(),
                    problem,
                })?;
            let bad = match row {
                None => break,
                Some(Row::Bad(rejected)) => rejected,
                Some(Row::Good { line, record }) => {
                    match resolve(plan, row_no(file, line), &record) {
                        Ok(link) => {
                            portion.push(link);
                            rows += 1;
                            if portion.len() == PORTION {
                                shared.read(rows);
                                send(portions, std::mem::take(&mut portion))?;
                            }
                            continue;
                        }
                        Err(reason) => Rejected {
                            line,
                            column: None,
                            reason,
                            number: Some(record.number),
                            legal_entity: record.legal_entity,
                            original: input.rows.original().map(Box::new),
                        },
                    }
                }
            };
            rejected += 1;
            shared.reject(&input.name, &bad)?;
            if rejected > plan.max_errors {
                return Err(ImportError::TooManyRejected {
                    limit: plan.max_errors,
                });
            }
        }
    }
    shared.read(rows);
    send(portions, portion)?;
    Ok(rejected)
}

fn send(
    portions: &mpsc::Sender<Vec<StagedLink>>,
    portion: Vec<StagedLink>,
) -> Result<(), ImportError> {
    portions
        .blocking_send(portion)
        .map_err(|_| ImportError::LaneClosed)
}
