//! Links between identities and customers.

use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::candidates::linking_switch;
use super::customers::Held;
use super::features::Switch;
use super::session::Session;
use super::{Store, StoreError, Transaction, columns, pipelined};
use crate::domain::customer::{CustomerId, CustomerNumber, CustomerState, LegalEntity};
use crate::domain::email::Email;
use crate::domain::identity::Identity;
use crate::domain::link::LinkId;
use crate::domain::site::Rules;

/// How many merges are followed from a linked customer to its survivor.
const LONGEST_CHAIN_OF_MERGES: usize = 16;

/// An active link and the customer that speaks for it today.
#[derive(Debug)]
pub struct StandingLink {
    pub link_id: LinkId,
    /// The customer that was linked.
    pub customer_id: CustomerId,
    pub created_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
    /// State and number of that customer, or of its last survivor.
    pub state: CustomerState,
    pub number: CustomerNumber,
}

/// What a link rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    Matched,
    Created,
    Separate,
}

impl Basis {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Created => "created",
            Self::Separate => "separate",
        }
    }
}

/// A link about to be written, with its evidence.
pub struct LinkRow<'a> {
    pub link_id: LinkId,
    pub identity: &'a Identity,
    pub customer: CustomerId,
    pub site: &'a str,
    pub recorded_via: &'a str,
    pub basis: Basis,
    pub email: Option<&'a Email>,
    pub rules: &'a Rules,
}

/// A link as staff sees it.
#[derive(Debug)]
pub struct LinkFile {
    pub link_id: LinkId,
    pub issuer: String,
    pub subject: String,
    pub provider: String,
    pub customer_number: CustomerNumber,
    pub site: String,
    pub recorded_via: String,
    pub basis: String,
    pub created_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
}

async fn standing(
    session: &Session,
    legal_entity: &LegalEntity,
    identity: &Identity,
) -> Result<Option<StandingLink>, StoreError> {
    const SQL: &str = "
        SELECT link_id, customer_id, identity_link.created_at, last_seen_at,
               customer_number, state, merged_into
          FROM identity_link
          JOIN customer USING (legal_entity, customer_id)
         WHERE legal_entity = $1
           AND issuer = $2
           AND subject = $3
           AND revoked_at IS NULL";
    let row = session
        .query_opt(
            SQL,
            &[
                &legal_entity.as_str(),
                &identity.issuer.as_str(),
                &identity.subject.as_text(),
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let survivor = survivor(session, legal_entity, Life::read(&row)?).await?;
    Ok(Some(StandingLink {
        link_id: LinkId(row.try_get("link_id")?),
        customer_id: CustomerId(row.try_get("customer_id")?),
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        state: survivor.state,
        number: survivor.number,
    }))
}

/// What of a customer says whether it still speaks for itself.
struct Life {
    number: CustomerNumber,
    state: CustomerState,
    merged_into: Option<Uuid>,
}

impl Life {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            number: columns::read_number(row.try_get("customer_number")?)?,
            state: columns::read_state(row.try_get("state")?)?,
            merged_into: row.try_get("merged_into")?,
        })
    }
}

/// Follows merges to the customer that is left. A chain that does not end
/// stays `merged`, which nobody is given a number for.
async fn survivor(
    session: &Session,
    legal_entity: &LegalEntity,
    linked: Life,
) -> Result<Life, StoreError> {
    const SQL: &str = "
        SELECT customer_number, state, merged_into
          FROM customer
         WHERE legal_entity = $1
           AND customer_id = $2";
    let mut life = linked;
    for _ in 0..LONGEST_CHAIN_OF_MERGES {
        let Some(next) = life.merged_into else {
            break;
        };
        let row = session
            .query_opt(SQL, &[&legal_entity.as_str(), &next])
            .await?
            .ok_or(StoreError::Corrupt("customer.merged_into"))?;
        life = Life::read(&row)?;
    }
    Ok(life)
}

/// Says that the identity was seen, and makes the answer that follows wait for
/// whatever the link's own commit waited for: also for the end of the link,
/// which may be under way.
async fn touch_link(
    session: &Session,
    legal_entity: &LegalEntity,
    link: LinkId,
    now: OffsetDateTime,
) -> Result<Held, StoreError> {
    const SQL: &str = "
        UPDATE identity_link
           SET last_seen_at = greatest(last_seen_at, $3)
         WHERE legal_entity = $1
           AND link_id = $2
           AND revoked_at IS NULL";
    let touched = session
        .execute(SQL, &[&legal_entity.as_str(), &link.0, &now])
        .await?;
    Ok(match touched {
        0 => Held::Changed,
        _ => Held::Unchanged,
    })
}

impl Store {
    /// The environment's switch and the identity's active link, if any.
    pub async fn standing(
        &self,
        legal_entity: &LegalEntity,
        identity: &Identity,
    ) -> Result<(Switch, Option<StandingLink>), StoreError> {
        let session = self.session().await?;
        let answer = pipelined!(
            linking_switch(&session),
            standing(&session, legal_entity, identity)
        )?;
        session.give_back();
        Ok(answer)
    }

    pub async fn touch_link(
        &self,
        legal_entity: &LegalEntity,
        link: LinkId,
        now: OffsetDateTime,
    ) -> Result<Held, StoreError> {
        let session = self.session().await?;
        let held = touch_link(&session, legal_entity, link, now).await?;
        session.give_back();
        Ok(held)
    }

    /// The active links of one customer, or of the whole legal entity, newest
    /// first, a thousand at most.
    pub async fn links(
        &self,
        legal_entity: &LegalEntity,
        customer: Option<&CustomerNumber>,
    ) -> Result<Vec<LinkFile>, StoreError> {
        const SQL: &str = "
            SELECT link_id, issuer, subject, provider, customer_number, site, recorded_via,
                   basis, identity_link.created_at, last_seen_at
              FROM identity_link
              JOIN customer USING (legal_entity, customer_id)
             WHERE legal_entity = $1
               AND ($2::text IS NULL OR customer_number = $2)
               AND revoked_at IS NULL
             ORDER BY identity_link.created_at DESC, link_id
             LIMIT 1000";
        let number = customer.map(CustomerNumber::as_str);
        let rows = self.query(SQL, &[&legal_entity.as_str(), &number]).await?;
        rows.iter().map(link_file).collect()
    }
}

fn link_file(row: &Row) -> Result<LinkFile, StoreError> {
    Ok(LinkFile {
        link_id: LinkId(row.try_get("link_id")?),
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        provider: row.try_get("provider")?,
        customer_number: columns::read_number(row.try_get("customer_number")?)?,
        site: row.try_get("site")?,
        recorded_via: row.try_get("recorded_via")?,
        basis: row.try_get("basis")?,
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
    })
}

impl Transaction {
    pub async fn standing(
        &self,
        legal_entity: &LegalEntity,
        identity: &Identity,
    ) -> Result<Option<StandingLink>, StoreError> {
        standing(&self.session, legal_entity, identity).await
    }

    pub async fn touch_link(
        &self,
        legal_entity: &LegalEntity,
        link: LinkId,
        now: OffsetDateTime,
    ) -> Result<Held, StoreError> {
        touch_link(&self.session, legal_entity, link, now).await
    }

    /// The active links of the identity's issuer and provider that the customer
    /// has, or that one has who was merged into it. The caller holds the
    /// customer's row lock.
    pub async fn links_like(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        identity: &Identity,
    ) -> Result<Vec<LinkId>, StoreError> {
        const SQL: &str = "
            WITH RECURSIVE absorbed AS (
                SELECT $2::uuid AS id
                 UNION
                SELECT merged.customer_id
                  FROM absorbed
                 CROSS JOIN LATERAL (
                       SELECT customer_id
                         FROM customer
                        WHERE customer.legal_entity = $1
                          AND customer.merged_into = absorbed.id
                       OFFSET 0) AS merged)
            SELECT held.link_id
              FROM absorbed
             CROSS JOIN LATERAL (
                   SELECT link_id, issuer, provider
                     FROM identity_link
                    WHERE identity_link.legal_entity = $1
                      AND identity_link.customer_id = absorbed.id
                      AND identity_link.revoked_at IS NULL
                   OFFSET 0) AS held
             WHERE held.issuer = $3
               AND held.provider = $4";
        let rows = self
            .session
            .query(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &customer.0,
                    &identity.issuer.as_str(),
                    &identity.provider.as_str(),
                ],
            )
            .await?;
        rows.iter().map(|row| Ok(LinkId(row.try_get(0)?))).collect()
    }

    /// Writes the link, or finds that the identity has one. Returns the
    /// identifier of the link that stands now: `row`'s own, or another's.
    pub async fn insert_link(
        &self,
        legal_entity: &LegalEntity,
        row: &LinkRow<'_>,
        now: OffsetDateTime,
    ) -> Result<LinkId, StoreError> {
        const SQL: &str = "
            INSERT INTO identity_link
                        (legal_entity, link_id, issuer, subject, provider, customer_id, site,
                         recorded_via, basis, email_canonical, rules, created_at, last_seen_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
            ON CONFLICT (legal_entity, issuer, subject) WHERE revoked_at IS NULL DO UPDATE
                    SET last_seen_at = excluded.last_seen_at
              RETURNING link_id";
        let answer = self
            .session
            .query_one(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &row.link_id.0,
                    &row.identity.issuer.as_str(),
                    &row.identity.subject.as_text(),
                    &row.identity.provider.as_str(),
                    &row.customer.0,
                    &row.site,
                    &row.recorded_via,
                    &row.basis.as_str(),
                    &row.email.map(Email::canonical),
                    &columns::rules(row.rules),
                    &now,
                ],
            )
            .await?;
        Ok(LinkId(answer.try_get(0)?))
    }

    /// Ends an active link. Returns its customer, or `None` when there is no
    /// such active link.
    pub async fn revoke_link(
        &self,
        legal_entity: &LegalEntity,
        link: LinkId,
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<Option<CustomerId>, StoreError> {
        const SQL: &str = "
               UPDATE identity_link
                  SET revoked_at = $3, revoked_by = $4
                WHERE legal_entity = $1
                  AND link_id = $2
                  AND revoked_at IS NULL
            RETURNING customer_id";
        let row = self
            .session
            .query_opt(SQL, &[&legal_entity.as_str(), &link.0, &now, &actor])
            .await?;
        row.map(|row| Ok(CustomerId(row.try_get(0)?))).transpose()
    }
}
