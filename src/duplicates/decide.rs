//! A decision carried out: one group, one transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::file::Word;
use super::group::token;
use super::plan::Plan;
use super::tell;
use crate::domain::customer::{AddressOrigin, CustomerId, CustomerNumber};
use crate::domain::email::Email;
use crate::domain::site::SecondIdentity;
use crate::staff::Desk;
use crate::store::duplicates::{
    DecidedCustomer, DecisionFile, HeldLink, Member, MovedLink, Verdict,
};
use crate::store::{StoreError, Transaction, Tries};

/// How long one group is tried while others hold what it needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// What each site of the legal entity says of several identities of the same
/// issuer and provider at one customer.
pub type SiteRules = BTreeMap<String, SecondIdentity>;

/// What became of a group.
#[derive(Debug, PartialEq, Eq)]
pub enum Decided {
    Applied(Summary),
    Refused(GroupRefusal),
}

/// What a decision has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub kept: usize,
    pub merged: usize,
    pub addresses_wrong: usize,
    pub links_moved: usize,
}

/// Why a group was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupRefusal {
    #[error(
        "has changed since it was exported, a customer of it or a link: export again and decide \
         about what is there now"
    )]
    Changed,
    #[error(
        "customer {survivor} would have several sign-ins of the same issuer and provider \
         ({provider}), and the site {site} does not let it (second_identity): end one of them \
         with `idlink link remove` first"
    )]
    SecondIdentity {
        survivor: CustomerNumber,
        provider: String,
        site: String,
    },
}

impl Summary {
    fn of(file: &DecisionFile) -> Self {
        let count = |wanted: fn(&Verdict) -> bool| {
            let verdicts = file.verdicts.iter();
            verdicts.filter(|decided| wanted(&decided.verdict)).count()
        };
        Self {
            kept: count(|verdict| matches!(verdict, Verdict::Keep)),
            merged: count(|verdict| matches!(verdict, Verdict::MergeInto(_))),
            addresses_wrong: count(|verdict| matches!(verdict, Verdict::AddressWrong)),
            links_moved: file.moves.len(),
        }
    }
}

impl Desk<'_> {
    /// Carries out what `plan` says about the customers with `email`, or
    /// nothing of it. `decision` is made once, so that a run whose COMMIT was
    /// not heard of is not a second decision.
    pub async fn decide(
        &self,
        decision: Uuid,
        email: &Email,
        plan: &Plan,
        rules: &SiteRules,
        now: OffsetDateTime,
    ) -> Result<Decided, StoreError> {
        let mut tries = Tries::until(Instant::now() + PATIENCE);
        loop {
            match self.decide_once(decision, email, plan, rules, now).await {
                Ok(decided) => return Ok(decided),
                Err(error) => tries.another(error).await?,
            }
        }
    }

    async fn decide_once(
        &self,
        decision: Uuid,
        email: &Email,
        plan: &Plan,
        rules: &SiteRules,
        now: OffsetDateTime,
    ) -> Result<Decided, StoreError> {
        let tx = self.store.begin().await?;
        tx.hold_slot(self.legal_entity, email, now).await?;
        tx.hold_import_gate(self.legal_entity).await?;
        if let Some(file) = tx.hold_decision(self.legal_entity, decision).await? {
            tx.roll_back().await?;
            return Ok(Decided::Applied(Summary::of(&file)));
        }
        let (members, links) = tx.hold_group(self.legal_entity, email).await?;
        let verdicts = match token(self.legal_entity, &members) == plan.token {
            true => verdicts(&members, plan),
            false => None,
        };
        let Some(verdicts) = verdicts else {
            tx.roll_back().await?;
            return Ok(Decided::Refused(GroupRefusal::Changed));
        };
        if let Some(refusal) = second_identity(&members, &links, &verdicts, rules) {
            tx.roll_back().await?;
            return Ok(Decided::Refused(refusal));
        }
        let file = DecisionFile {
            email_canonical: email.canonical().to_owned(),
            decided_at: now,
            decided_by: self.actor.to_owned(),
            undone: None,
            moves: moves(&links, &verdicts),
            verdicts,
        };
        self.carry_out(&tx, decision, &file, now).await?;
        tx.commit().await?;
        Ok(Decided::Applied(Summary::of(&file)))
    }

    pub(crate) async fn carry_out(
        &self,
        tx: &Transaction,
        decision: Uuid,
        file: &DecisionFile,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        for decided in &file.verdicts {
            let (customer, number) = (decided.customer, decided.number.as_str());
            let (action, detail) = match decided.verdict {
                Verdict::Keep => continue,
                Verdict::MergeInto(survivor) => {
                    tx.merge_customer(self.legal_entity, customer, survivor, now)
                        .await?;
                    let detail = json!({
                        "customer_id": customer.0,
                        "customer_number": number,
                        "merged_into": survivor.0,
                        "decision_id": decision,
                    });
                    ("customer.merged", detail)
                }
                Verdict::AddressWrong => {
                    tx.set_address_origin(self.legal_entity, customer, AddressOrigin::Wrong, now)
                        .await?;
                    let detail = json!({
                        "customer_id": customer.0,
                        "customer_number": number,
                        "decision_id": decision,
                    });
                    ("customer.address_rejected", detail)
                }
            };
            tell(self, tx, customer.0, action, detail, now).await?;
        }
        for moved in &file.moves {
            if !tx.move_link(self.legal_entity, *moved).await? {
                return Err(StoreError::Corrupt("a link that was held has gone"));
            }
            let detail = json!({
                "from_customer_id": moved.from.0,
                "customer_id": moved.to.0,
                "decision_id": decision,
            });
            tell(self, tx, moved.link_id.0, "link.moved", detail, now).await?;
        }
        tx.write_decision(self.legal_entity, decision, file).await?;
        let customers: Vec<Uuid> = file.verdicts.iter().map(|d| d.customer.0).collect();
        let detail = json!({ "customer_ids": customers });
        tell(self, tx, decision, "duplicates.decided", detail, now).await
    }
}

/// What is decided about each member; `None` where the plan names somebody who
/// is none.
fn verdicts(members: &[Member], plan: &Plan) -> Option<Vec<DecidedCustomer>> {
    let by_number: BTreeMap<&CustomerNumber, &Member> = members
        .iter()
        .map(|member| (&member.number, member))
        .collect();
    let mut verdicts = Vec::new();
    for line in &plan.lines {
        let member = by_number.get(&line.number)?;
        let verdict = match &line.word {
            Word::None | Word::Keep => Verdict::Keep,
            Word::MergeInto(target) => Verdict::MergeInto(by_number.get(target)?.id),
            Word::AddressWrong => Verdict::AddressWrong,
        };
        verdicts.push(DecidedCustomer {
            customer: member.id,
            number: member.number.clone(),
            verdict,
            address_origin_before: member.address_origin,
        });
    }
    Some(verdicts)
}

/// The one who speaks for `member` afterwards.
fn survivor(verdicts: &[DecidedCustomer], member: CustomerId) -> CustomerId {
    let decided = verdicts.iter().find(|decided| decided.customer == member);
    match decided.map(|decided| decided.verdict) {
        Some(Verdict::MergeInto(survivor)) => survivor,
        Some(Verdict::Keep | Verdict::AddressWrong) | None => member,
    }
}

/// The links of those who are merged. Links of customers who were merged into
/// them before stay where they are, and are found through them.
pub(crate) fn moves(links: &[HeldLink], verdicts: &[DecidedCustomer]) -> Vec<MovedLink> {
    links
        .iter()
        .filter(|link| link.customer == link.member)
        .map(|link| MovedLink {
            link_id: link.link_id,
            from: link.member,
            to: survivor(verdicts, link.member),
        })
        .filter(|moved| moved.from != moved.to)
        .collect()
}

/// Whether a merge would bring together identities that a site keeps apart:
/// of one issuer and provider, unless every site that recorded one of them
/// says `add`. Ending one of them is for people: it locks somebody out.
pub(crate) fn second_identity(
    members: &[Member],
    links: &[HeldLink],
    verdicts: &[DecidedCustomer],
    rules: &SiteRules,
) -> Option<GroupRefusal> {
    let mut gathered: BTreeMap<(CustomerId, &str, &str), Vec<&HeldLink>> = BTreeMap::new();
    for link in links {
        let key = (
            survivor(verdicts, link.member),
            link.issuer.as_str(),
            link.provider.as_str(),
        );
        gathered.entry(key).or_default().push(link);
    }
    for ((customer, _, provider), links) in gathered {
        let brought = links.iter().any(|link| link.member != customer);
        let strict = links
            .iter()
            .find(|link| rules.get(&link.site) != Some(&SecondIdentity::Add));
        let (true, true, Some(strict)) = (links.len() > 1, brought, strict) else {
            continue;
        };
        let survivor = members.iter().find(|member| member.id == customer)?;
        return Some(GroupRefusal::SecondIdentity {
            survivor: survivor.number.clone(),
            provider: provider.to_owned(),
            site: strict.site.clone(),
        });
    }
    None
}
