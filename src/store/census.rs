//! All customers, one after another: for whoever looks at everybody.

use std::pin::pin;

use futures_util::TryStreamExt;

use super::{Store, StoreError, UNLIMITED, columns};
use crate::domain::customer::{
    AddressOrigin, CustomerKind, CustomerNumber, CustomerState, CustomerType, LegalEntity,
};
use crate::domain::email::CANONICAL_VERSION;

/// A customer as far as the rules look.
pub struct CustomerFacts<'a> {
    pub legal_entity: LegalEntity,
    pub number: CustomerNumber,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub state: CustomerState,
    pub address_origin: Option<AddressOrigin>,
    /// Whether there is an address, comparable or not.
    pub has_email: bool,
    /// In the canonical form of today.
    pub email_canonical: Option<&'a str>,
    /// Whether an identity is linked to it.
    pub is_linked: bool,
}

impl Store {
    /// Hands over every customer of some legal entities, in no order, as of one
    /// moment. Rows are taken from the server as they are asked for, so memory
    /// does not grow with their number.
    pub async fn each_customer<E: From<StoreError>>(
        &self,
        legal_entities: &[LegalEntity],
        mut each: impl FnMut(&CustomerFacts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        const SQL: &str = "
            SELECT legal_entity, customer_number, kind, is_b2b, state, email_origin,
                   email_original IS NOT NULL AS has_email, email_canonical, email_version,
                   EXISTS (SELECT 1
                             FROM identity_link
                            WHERE identity_link.legal_entity = customer.legal_entity
                              AND identity_link.customer_id = customer.customer_id
                              AND revoked_at IS NULL) AS is_linked
              FROM customer
             WHERE legal_entity = ANY ($1)";
        let tx = self.begin().await?;
        // Everybody takes longer than any one question may.
        tx.session.batch_execute(UNLIMITED).await?;
        let codes: Vec<&str> = legal_entities.iter().map(LegalEntity::as_str).collect();
        let mut rows = pin!(tx.session.stream(SQL, &[&codes]).await?);
        let mut entity: Option<LegalEntity> = None;
        while let Some(row) = rows.try_next().await? {
            each(&facts(&row, &mut entity)?)?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn facts<'a>(
    row: &'a tokio_postgres::Row,
    last: &mut Option<LegalEntity>,
) -> Result<CustomerFacts<'a>, StoreError> {
    let code: &str = row.try_get(0)?;
    let legal_entity = match last {
        Some(last) if last.as_str() == code => last.clone(),
        _ => LegalEntity::parse(code).ok_or(StoreError::Corrupt("customer.legal_entity"))?,
    };
    *last = Some(legal_entity.clone());
    let origin: Option<&str> = row.try_get(5)?;
    let version: Option<i16> = row.try_get(8)?;
    let canonical: Option<&str> = row.try_get(7)?;
    Ok(CustomerFacts {
        legal_entity,
        number: columns::read_number(row.try_get(1)?)?,
        kind: columns::read_kind(row.try_get(2)?)?,
        customer_type: columns::read_customer_type(row.try_get(3)?),
        state: columns::read_state(row.try_get(4)?)?,
        address_origin: origin.map(columns::read_address_origin).transpose()?,
        has_email: row.try_get(6)?,
        email_canonical: canonical.filter(|_| version == Some(CANONICAL_VERSION)),
        is_linked: row.try_get(9)?,
    })
}
