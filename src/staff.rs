//! What staff does with customers and links: each change together with its
//! line in the audit and its event.

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::customer::{
    AddressOrigin, CustomerId, CustomerKind, CustomerNumber, CustomerOrigin, CustomerState,
    CustomerType, LegalEntity,
};
use crate::domain::email::Email;
use crate::domain::link::LinkId;
use crate::store::audit::{Change, ChangeIds};
use crate::store::customers::{CustomerRow, NUMBER_ONCE};
use crate::store::{Store, StoreError, Transaction};

/// Who changes something, and where.
pub struct Desk<'a> {
    pub store: &'a Store,
    pub legal_entity: &'a LegalEntity,
    /// The name that the audit keeps.
    pub actor: &'a str,
}

/// A customer that staff enters.
#[derive(Debug)]
pub struct NewCustomer {
    /// `None`: the next one of the legal entity.
    pub number: Option<CustomerNumber>,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub name: Option<String>,
    /// Counts as imported: it stands in the business's own records.
    pub email: Option<Email>,
    pub state: CustomerState,
}

/// What staff may make of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Pending or blocked customers become active.
    Approve,
    /// Active or pending ones are blocked.
    Block,
}

#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    #[error("the customer number {0} is taken")]
    NumberTaken(CustomerNumber),
    #[error("there is no customer {0}")]
    NoSuchCustomer(CustomerNumber),
    #[error("customer {number} is {state}, and that cannot be changed here")]
    Settled {
        number: CustomerNumber,
        state: &'static str,
    },
    #[error("another customer that signed up with this address is active already")]
    AddressTaken,
    #[error("there is no active link {0}")]
    NoSuchLink(Uuid),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a ruling changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Made,
    /// It was so already.
    None,
}

impl Desk<'_> {
    pub async fn add_customer(
        &self,
        customer: &NewCustomer,
        now: OffsetDateTime,
    ) -> Result<CustomerNumber, StaffError> {
        let tx = self.store.begin().await?;
        // Somebody may be signing up with this very address.
        if let Some(email) = &customer.email {
            tx.hold_slot(self.legal_entity, email, now).await?;
        }
        let number = match &customer.number {
            Some(number) => number.clone(),
            None => tx.next_number(self.legal_entity).await?,
        };
        let id = CustomerId(Uuid::now_v7());
        let row = CustomerRow {
            id,
            number: &number,
            kind: customer.kind,
            customer_type: customer.customer_type,
            name: customer.name.as_deref(),
            email: customer
                .email
                .as_ref()
                .map(|email| (email, AddressOrigin::Imported)),
            state: customer.state,
            origin: CustomerOrigin::Staff,
        };
        match tx.insert_customer(self.legal_entity, &row, now).await {
            Err(error) if error.violates(NUMBER_ONCE) => {
                return Err(StaffError::NumberTaken(number));
            }
            result => result?,
        }
        self.note(&tx, id.0, "customer.created", &number, now)
            .await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Approves or blocks a customer.
    pub async fn rule(
        &self,
        number: &CustomerNumber,
        ruling: Ruling,
        now: OffsetDateTime,
    ) -> Result<Effect, StaffError> {
        let (wanted, action) = match ruling {
            Ruling::Approve => (CustomerState::Active, "customer.approved"),
            Ruling::Block => (CustomerState::Blocked, "customer.blocked"),
        };
        let missing = || StaffError::NoSuchCustomer(number.clone());
        let settled = |state| StaffError::Settled {
            number: number.clone(),
            state,
        };
        let file = self.store.customer(self.legal_entity, number).await?;
        let file = file.ok_or_else(missing)?;
        let tx = self.store.begin().await?;
        // The address first, then the customer: the order of all who lock both.
        if let Some(email) = file.email.and_then(|(text, _)| Email::parse(&text).ok()) {
            tx.hold_slot(self.legal_entity, &email, now).await?;
        }
        let held = tx.hold_by_number(self.legal_entity, number).await?;
        let (id, state) = held.ok_or_else(missing)?;
        match state {
            state if state == wanted => return Ok(Effect::None),
            CustomerState::Active | CustomerState::Pending | CustomerState::Blocked => {}
            CustomerState::Gone => return Err(settled("gone from the business's records")),
            CustomerState::Merged => return Err(settled("merged")),
            CustomerState::Erased => return Err(settled("erased")),
        }
        match tx.set_state(self.legal_entity, id, wanted, now).await {
            Err(error) if error.violates("customer_signed_up_once") => {
                return Err(StaffError::AddressTaken);
            }
            result => result?,
        }
        self.note(&tx, id.0, action, number, now).await?;
        tx.commit().await?;
        Ok(Effect::Made)
    }

    /// Ends a link. The identity is decided about anew at its next sign-in.
    pub async fn remove_link(&self, link: LinkId, now: OffsetDateTime) -> Result<(), StaffError> {
        let tx = self.store.begin().await?;
        let customer = tx
            .revoke_link(self.legal_entity, link, self.actor, now)
            .await?
            .ok_or(StaffError::NoSuchLink(link.0))?;
        let detail = json!({ "customer_id": customer.0 });
        self.write(&tx, link.0, "link.revoked", detail, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn note(
        &self,
        tx: &Transaction,
        subject_id: Uuid,
        action: &str,
        number: &CustomerNumber,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let detail = json!({ "customer_id": subject_id, "customer_number": number.as_str() });
        self.write(tx, subject_id, action, detail, now).await
    }

    /// The audit's line and the event of the same change.
    async fn write(
        &self,
        tx: &Transaction,
        subject_id: Uuid,
        action: &str,
        detail: serde_json::Value,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        tx.tell(
            self.legal_entity,
            &Change {
                ids: ChangeIds::new(),
                subject_id,
                action,
                at: now,
                actor: self.actor,
                detail,
            },
        )
        .await
    }
}
