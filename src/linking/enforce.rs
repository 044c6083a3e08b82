//! The transaction that records a link.
//!
//! What does not wait for the answer of another statement goes out with it, so
//! that a recording costs few round trips; what must see a lock held follows it
//! as a statement of its own.

use serde_json::json;
use time::OffsetDateTime;

use super::{Fresh, Ids, Outcome, Recording, Run, attempt, decide_among, linked, lookup, refused};
use crate::domain::answer::Refusal;
use crate::domain::customer::{
    AddressOrigin, Customer, CustomerId, CustomerKind, CustomerNumber, CustomerOrigin,
    CustomerState,
};
use crate::domain::link::{LinkId, Room, room, standing};
use crate::domain::matching::{Decision, NewCustomer};
use crate::store::attempts::{Said, Verdict};
use crate::store::audit::{Change, ChangeIds};
use crate::store::candidates::{Candidates, Lookup};
use crate::store::customers::{CustomerRow, Held, NUMBER_ONCE};
use crate::store::links::{Basis, LinkRow, StandingLink};
use crate::store::{Store, StoreError, Transaction, pipelined};

/// Who is named where nobody of staff did it.
const ACTOR: &str = "idlink";

/// Decides among the rows as they are once they are locked, and writes what
/// follows.
pub(super) async fn enforce(
    store: &Store,
    recording: &Recording,
    ids: &Ids,
    now: OffsetDateTime,
) -> Result<Run, StoreError> {
    let tx = store.begin().await?;
    let enforcing = Enforcing {
        tx,
        recording,
        ids,
        now,
    };
    enforcing.run().await
}

/// A transaction under way. Every early return before its end either commits
/// what it says or drops the transaction, which ends it.
struct Enforcing<'a> {
    tx: Transaction,
    recording: &'a Recording,
    ids: &'a Ids,
    now: OffsetDateTime,
}

/// To whom the decision leads once the rows are locked.
enum Settled {
    Customer(SettledCustomer),
    Refused(Refusal),
    Overtaken,
}

struct SettledCustomer {
    id: CustomerId,
    number: CustomerNumber,
    basis: Basis,
}

impl Enforcing<'_> {
    async fn run(self) -> Result<Run, StoreError> {
        let (standing, candidates) = self.read().await?;
        // Linked while we waited, or by an earlier run of this very request
        // whose COMMIT was not heard of.
        if let Some(link) = standing {
            return self.touch(link).await;
        }
        let decision = decide_among(&candidates, self.recording, self.now);
        let settled = match &decision {
            Decision::Refuse(refusal) => Settled::Refused(*refusal),
            Decision::Link(customer, number) => self.settle_match(*customer, number).await?,
            Decision::Create(kind) => self.settle_new(*kind).await?,
        };
        match settled {
            Settled::Overtaken => {
                self.tx.roll_back().await?;
                Ok(Run::Overtaken)
            }
            Settled::Refused(refusal) => self.refuse(refusal, &candidates.found).await,
            Settled::Customer(customer) => self.write(customer).await,
        }
    }

    /// The address, locked; and then, who is there.
    async fn read(&self) -> Result<(Option<StandingLink>, Candidates), StoreError> {
        let legal_entity = &self.recording.site.legal_entity;
        let standing = self.tx.standing(legal_entity, &self.recording.identity);
        let Some(lookup) = lookup(self.recording) else {
            return Ok((standing.await?, Candidates::default()));
        };
        let (_, standing, candidates) = pipelined!(
            self.tx.hold_slot(legal_entity, lookup.email, self.now),
            standing,
            self.tx.candidates(&lookup),
        )?;
        Ok((standing, candidates))
    }

    async fn touch(self, link: StandingLink) -> Result<Run, StoreError> {
        let legal_entity = &self.recording.site.legal_entity;
        let held = self
            .tx
            .touch_link(legal_entity, link.link_id, self.now)
            .await?;
        self.tx.commit().await?;
        Ok(match (held, standing(link.state, link.number.clone())) {
            (Held::Unchanged, Ok(number)) => Run::Done(linked(number, &link, self.ids)),
            (Held::Changed, _) | (_, Err(_)) => Run::Overtaken,
        })
    }

    async fn settle_match(
        &self,
        customer: CustomerId,
        number: &CustomerNumber,
    ) -> Result<Settled, StoreError> {
        let (site, identity) = (&self.recording.site, &self.recording.identity);
        let Some(lookup) = lookup(self.recording) else {
            return Err(StoreError::Corrupt("a match without an address"));
        };
        let (held, others) = pipelined!(
            self.tx.hold_candidate(&lookup, customer),
            self.tx.links_like(&site.legal_entity, customer, identity),
        )?;
        if held == Held::Changed {
            return Ok(Settled::Overtaken);
        }
        match room(site.rules.second_identity, &others) {
            Room::Refuse => return Ok(Settled::Refused(Refusal::AlreadyLinked)),
            Room::Insert => {}
            Room::Replace(links) => {
                for link in links {
                    self.end_link(link).await?;
                }
            }
        }
        Ok(Settled::Customer(SettledCustomer {
            id: customer,
            number: number.clone(),
            basis: Basis::Matched,
        }))
    }

    async fn end_link(&self, link: LinkId) -> Result<(), StoreError> {
        let site = &self.recording.site;
        let ended = self
            .tx
            .revoke_link(&site.legal_entity, link, ACTOR, self.now)
            .await?;
        if ended.is_none() {
            // Staff was faster, and has said so in the audit.
            return Ok(());
        }
        let change = Change {
            ids: ChangeIds::new(),
            subject_id: link.0,
            action: "link.revoked",
            at: self.now,
            actor: ACTOR,
            detail: json!({ "replaced_by": self.ids.link.0, "site": site.name }),
        };
        self.tx.tell(&site.legal_entity, &change).await
    }

    /// There will be a new customer, unless an import has brought one
    /// meanwhile: from here to the end of the transaction none does.
    async fn settle_new(&self, kind: NewCustomer) -> Result<Settled, StoreError> {
        let legal_entity = &self.recording.site.legal_entity;
        let lookup = lookup(self.recording);
        let (_, decision, number) = pipelined!(
            self.tx.hold_import_gate(legal_entity),
            self.decide_again(lookup.as_ref()),
            self.tx.draw_number(legal_entity),
        )?;
        if decision.is_some_and(|decision| decision != Decision::Create(kind)) {
            return Ok(Settled::Overtaken);
        }
        Ok(Settled::Customer(SettledCustomer {
            id: self.ids.customer,
            number,
            basis: match kind {
                NewCustomer::Proven => Basis::Created,
                NewCustomer::Separate => Basis::Separate,
            },
        }))
    }

    async fn decide_again(
        &self,
        lookup: Option<&Lookup<'_>>,
    ) -> Result<Option<Decision>, StoreError> {
        let Some(lookup) = lookup else {
            return Ok(None);
        };
        let candidates = self.tx.candidates(lookup).await?;
        Ok(Some(decide_among(&candidates, self.recording, self.now)))
    }

    /// Everything that the decision leads to, and the end.
    async fn write(self, customer: SettledCustomer) -> Result<Run, StoreError> {
        let written = pipelined!(self.write_customer(&customer), self.write_link(&customer));
        match written {
            Err(error) if error.violates(NUMBER_ONCE) => {
                self.tx.roll_back().await?;
                return Ok(Run::NumberTaken(error));
            }
            Err(error) => return Err(error),
            Ok(((), link)) if link != self.ids.link => {
                self.tx.roll_back().await?;
                return Ok(Run::Overtaken);
            }
            Ok(_) => {}
        }
        self.tx.commit().await?;
        Ok(Run::Done(Outcome::Linked {
            number: customer.number,
            fresh: Fresh::New,
        }))
    }

    /// The row of a customer that is new.
    async fn write_customer(&self, customer: &SettledCustomer) -> Result<(), StoreError> {
        let site = &self.recording.site;
        let origin = match customer.basis {
            Basis::Matched => return Ok(()),
            Basis::Created => AddressOrigin::Proven,
            Basis::Separate => AddressOrigin::Typed,
        };
        let email = self.recording.address.email();
        let row = CustomerRow {
            id: customer.id,
            number: &customer.number,
            kind: CustomerKind::Person,
            customer_type: site.rules.customer_type,
            name: None,
            email: email.map(|email| (email, origin)),
            state: CustomerState::Active,
            origin: CustomerOrigin::SignUp,
        };
        let change = Change {
            ids: self.ids.customer_change,
            subject_id: customer.id.0,
            action: "customer.created",
            at: self.now,
            actor: ACTOR,
            detail: json!({
                "customer_id": customer.id.0,
                "customer_number": customer.number.as_str(),
                "site": site.name,
            }),
        };
        pipelined!(
            self.tx.insert_customer(&site.legal_entity, &row, self.now),
            self.tx.tell(&site.legal_entity, &change),
        )?;
        Ok(())
    }

    /// The link that stands now: ours, or another.
    async fn write_link(&self, customer: &SettledCustomer) -> Result<LinkId, StoreError> {
        let (site, identity) = (&self.recording.site, &self.recording.identity);
        let row = LinkRow {
            link_id: self.ids.link,
            identity,
            customer: customer.id,
            site: &site.name,
            recorded_via: self.recording.via,
            basis: customer.basis,
            email: self.recording.address.email(),
            rules: &site.rules,
        };
        let change = Change {
            ids: self.ids.link_change,
            subject_id: self.ids.link.0,
            action: "link.created",
            at: self.now,
            actor: ACTOR,
            detail: json!({
                "customer_id": customer.id.0,
                "customer_number": customer.number.as_str(),
                "issuer": identity.issuer.as_str(),
                "subject": identity.subject.as_text(),
                "provider": identity.provider.as_str(),
                "basis": customer.basis.as_str(),
                "site": site.name,
            }),
        };
        let (link, ()) = pipelined!(
            self.tx.insert_link(&site.legal_entity, &row, self.now),
            self.tx.tell(&site.legal_entity, &change),
        )?;
        Ok(link)
    }

    async fn refuse(self, refusal: Refusal, found: &[Customer]) -> Result<Run, StoreError> {
        let verdict = Verdict {
            decision: Some(Decision::Refuse(refusal)),
            found: found.len(),
            said: Said::Refuse,
        };
        let attempt = attempt(self.recording, self.ids, self.now);
        let reference = self.tx.remember(&attempt, &verdict).await?;
        self.tx.commit().await?;
        Ok(Run::Done(refused(self.recording, refusal, reference)))
    }
}
