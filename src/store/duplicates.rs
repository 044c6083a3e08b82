//! Customers who share an address, and what staff decided about them.

use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::Fuse;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::param::Param;
use super::session::Rows;
use super::{Store, StoreError, Transaction, UNLIMITED, columns};
use crate::domain::customer::{
    AddressOrigin, CustomerId, CustomerNumber, CustomerOrigin, CustomerState, CustomerType,
    LegalEntity,
};
use crate::domain::email::{CANONICAL_VERSION, Email};
use crate::domain::link::LinkId;

/// An active person who shares an address, with what tells them apart.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: CustomerId,
    pub number: CustomerNumber,
    pub customer_type: CustomerType,
    pub name: Option<String>,
    pub email: String,
    pub email_canonical: String,
    pub address_origin: AddressOrigin,
    pub origin: CustomerOrigin,
    pub changed_at: OffsetDateTime,
    /// The active links, in the order of their identifiers.
    pub links: Vec<LinkId>,
    pub last_seen_at: Option<OffsetDateTime>,
}

/// Members one after the other, group by group, as they were when the reading
/// began. However many there are, few of them are in memory.
pub struct Members {
    rows: Pin<Box<Fuse<Rows>>>,
    transaction: Transaction,
}

impl Members {
    pub async fn next(&mut self) -> Result<Option<Member>, StoreError> {
        let row = self.rows.next().await.transpose()?;
        row.as_ref().map(member).transpose()
    }

    /// After the last one.
    pub async fn end(self) -> Result<(), StoreError> {
        drop(self.rows);
        self.transaction.roll_back().await
    }
}

/// What of a customer decides whether a file of decisions names it rightly.
#[derive(Debug)]
pub struct Known {
    pub number: CustomerNumber,
    pub customer_type: CustomerType,
    pub email_canonical: Option<String>,
}

/// An active link of a group's member, or of a customer that was merged into
/// the member before.
#[derive(Clone, Debug)]
pub struct HeldLink {
    pub link_id: LinkId,
    /// The one of the group who speaks for it.
    pub member: CustomerId,
    /// The one it was recorded for.
    pub customer: CustomerId,
    pub issuer: String,
    pub provider: String,
    pub site: String,
}

/// What a decision makes of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    MergeInto(CustomerId),
    AddressWrong,
}

/// A decision as it was written down.
#[derive(Debug)]
pub struct DecisionFile {
    pub email_canonical: String,
    pub decided_at: OffsetDateTime,
    pub decided_by: String,
    /// When, and by whom.
    pub undone: Option<(OffsetDateTime, String)>,
    pub verdicts: Vec<DecidedCustomer>,
    pub moves: Vec<MovedLink>,
}

#[derive(Debug)]
pub struct DecidedCustomer {
    pub customer: CustomerId,
    pub number: CustomerNumber,
    pub verdict: Verdict,
    pub address_origin_before: AddressOrigin,
}

#[derive(Clone, Copy, Debug)]
pub struct MovedLink {
    pub link_id: LinkId,
    pub from: CustomerId,
    pub to: CustomerId,
}

/// What of a customer a decision has changed, as it is now.
#[derive(Debug)]
pub struct Present {
    pub customer: CustomerId,
    pub state: CustomerState,
    pub merged_into: Option<CustomerId>,
    pub email_canonical: Option<String>,
    pub address_origin: Option<AddressOrigin>,
    /// Whether the last file that named it said that it is blocked.
    pub blocked_by_file: bool,
    pub changed_at: OffsetDateTime,
}

impl Store {
    /// Every active person whose address another one has, too, ordered by
    /// address. Read in one statement for as long as the caller takes.
    pub async fn sharing_an_address(
        &self,
        legal_entity: &LegalEntity,
    ) -> Result<Members, StoreError> {
        const SQL: &str = "
            WITH shared AS (
                SELECT email_canonical
                  FROM customer
                 WHERE legal_entity = $1
                   AND email_version = $2
                   AND state = 'active'
                   AND kind = 'person'
                   AND email_origin IN ('imported', 'proven')
                 GROUP BY email_canonical
                HAVING count(*) > 1),
            linked AS (
                SELECT customer_id, array_agg(link_id ORDER BY link_id) AS links,
                       max(last_seen_at) AS last_seen_at
                  FROM identity_link
                 WHERE legal_entity = $1
                   AND revoked_at IS NULL
                 GROUP BY customer_id)
            SELECT customer_id, customer_number, is_b2b, name, email_original, email_canonical,
                   email_origin, origin, changed_at, links, last_seen_at
              FROM customer
              JOIN shared USING (email_canonical)
              LEFT JOIN linked USING (customer_id)
             WHERE legal_entity = $1
               AND email_version = $2
               AND state = 'active'
               AND kind = 'person'
               AND email_origin IN ('imported', 'proven')
             ORDER BY email_canonical, customer_number";
        let transaction = self.begin().await?;
        transaction.session.batch_execute(UNLIMITED).await?;
        let code = legal_entity.as_str();
        let rows = transaction
            .session
            .stream(SQL, &[&code, &CANONICAL_VERSION])
            .await?;
        Ok(Members {
            // Asked once more at its end, the driver's own stream fails.
            rows: Box::pin(rows.fuse()),
            transaction,
        })
    }

    /// Those of `numbers` that are customers, in no order.
    pub async fn known_numbers(
        &self,
        legal_entity: &LegalEntity,
        numbers: &[&str],
    ) -> Result<Vec<Known>, StoreError> {
        const SQL: &str = "
            SELECT customer_number, is_b2b, email_canonical
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = ANY($2)";
        let rows = self.query(SQL, &[&legal_entity.as_str(), &numbers]).await?;
        rows.iter()
            .map(|row| {
                Ok(Known {
                    number: columns::read_number(row.try_get(0)?)?,
                    customer_type: columns::read_customer_type(row.try_get(1)?),
                    email_canonical: row.try_get(2)?,
                })
            })
            .collect()
    }
}

fn member(row: &Row) -> Result<Member, StoreError> {
    let links: Option<Vec<Uuid>> = row.try_get("links")?;
    Ok(Member {
        id: CustomerId(row.try_get("customer_id")?),
        number: columns::read_number(row.try_get("customer_number")?)?,
        customer_type: columns::read_customer_type(row.try_get("is_b2b")?),
        name: row.try_get("name")?,
        email: row.try_get("email_original")?,
        email_canonical: row.try_get("email_canonical")?,
        address_origin: columns::read_address_origin(row.try_get("email_origin")?)?,
        origin: columns::read_origin(row.try_get("origin")?)?,
        changed_at: row.try_get("changed_at")?,
        links: links.unwrap_or_default().into_iter().map(LinkId).collect(),
        last_seen_at: row.try_get("last_seen_at")?,
    })
}

impl Transaction {
    /// Locks everybody who could be meant by `email`, and their links, against
    /// all who would link, change or merge them. The caller holds the slot.
    pub async fn hold_group(
        &self,
        legal_entity: &LegalEntity,
        email: &Email,
    ) -> Result<(Vec<Member>, Vec<HeldLink>), StoreError> {
        const LOCK: &str = "
            SELECT customer_id
              FROM customer
             WHERE legal_entity = $1
               AND email_canonical = $2
               AND email_version = $3
               AND state = 'active'
               AND kind = 'person'
               AND email_origin IN ('imported', 'proven')
             ORDER BY customer_id
               FOR NO KEY UPDATE";
        const READ: &str = "
            SELECT customer_id, customer_number, is_b2b, name, email_original, email_canonical,
                   email_origin, origin, changed_at,
                   (SELECT array_agg(link_id ORDER BY link_id)
                      FROM identity_link
                     WHERE identity_link.legal_entity = $1
                       AND identity_link.customer_id = customer.customer_id
                       AND revoked_at IS NULL) AS links,
                   NULL::timestamptz AS last_seen_at
              FROM customer
             WHERE legal_entity = $1
               AND customer_id = ANY($2)
             ORDER BY customer_id";
        let code = legal_entity.as_str();
        let rows = self
            .session
            .query(LOCK, &[&code, &email.canonical(), &CANONICAL_VERSION])
            .await?;
        let ids: Vec<Uuid> = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        let links = self.hold_links(legal_entity, &ids).await?;
        let rows = self.session.query(READ, &[&code, &ids]).await?;
        let members = rows.iter().map(member).collect::<Result<_, _>>()?;
        Ok((members, links))
    }

    async fn hold_links(
        &self,
        legal_entity: &LegalEntity,
        members: &[Uuid],
    ) -> Result<Vec<HeldLink>, StoreError> {
        const SQL: &str = "
            WITH RECURSIVE absorbed AS (
                SELECT customer_id, customer_id AS member
                  FROM unnest($2::uuid[]) AS customer_id
                 UNION
                SELECT merged.customer_id, absorbed.member
                  FROM absorbed
                  JOIN customer AS merged
                    ON merged.legal_entity = $1
                   AND merged.merged_into = absorbed.customer_id)
            SELECT link_id, member, customer_id, issuer, provider, site
              FROM identity_link
              JOIN absorbed USING (customer_id)
             WHERE legal_entity = $1
               AND revoked_at IS NULL
             ORDER BY link_id
               FOR NO KEY UPDATE OF identity_link";
        let rows = self
            .session
            .query(SQL, &[&legal_entity.as_str(), &members])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(HeldLink {
                    link_id: LinkId(row.try_get("link_id")?),
                    member: CustomerId(row.try_get("member")?),
                    customer: CustomerId(row.try_get("customer_id")?),
                    issuer: row.try_get("issuer")?,
                    provider: row.try_get("provider")?,
                    site: row.try_get("site")?,
                })
            })
            .collect()
    }

    /// The customer's place is taken by `survivor` from now on.
    pub async fn merge_customer(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        survivor: CustomerId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET state = 'merged', merged_into = $3, changed_at = $4
             WHERE legal_entity = $1
               AND customer_id = $2";
        self.session
            .execute(
                SQL,
                &[&legal_entity.as_str(), &customer.0, &survivor.0, &now],
            )
            .await?;
        Ok(())
    }

    /// A merged customer speaks for itself again.
    pub async fn part_customer(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET state = 'active', merged_into = NULL, changed_at = $3
             WHERE legal_entity = $1
               AND customer_id = $2";
        self.session
            .execute(SQL, &[&legal_entity.as_str(), &customer.0, &now])
            .await?;
        Ok(())
    }

    /// Says how the customer's address is known; the address stays.
    pub async fn set_address_origin(
        &self,
        legal_entity: &LegalEntity,
        customer: CustomerId,
        origin: AddressOrigin,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET email_origin = $3, changed_at = $4
             WHERE legal_entity = $1
               AND customer_id = $2";
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &customer.0,
                    &columns::address_origin(origin),
                    &now,
                ],
            )
            .await?;
        Ok(())
    }

    /// An active link speaks for another customer from now on. Returns whether
    /// it was at `moved.from`. Its evidence stays.
    pub async fn move_link(
        &self,
        legal_entity: &LegalEntity,
        moved: MovedLink,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            UPDATE identity_link
               SET customer_id = $4
             WHERE legal_entity = $1
               AND link_id = $2
               AND customer_id = $3
               AND revoked_at IS NULL";
        let changed = self
            .session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &moved.link_id.0,
                    &moved.from.0,
                    &moved.to.0,
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    pub async fn write_decision(
        &self,
        legal_entity: &LegalEntity,
        decision: Uuid,
        file: &DecisionFile,
    ) -> Result<(), StoreError> {
        const DECISION: &str = "
            INSERT INTO duplicate_decision
                        (legal_entity, decision_id, email_canonical, decided_at, decided_by)
                 VALUES ($1, $2, $3, $4, $5)";
        const CUSTOMER: &str = "
            INSERT INTO duplicate_decision_customer
                        (legal_entity, decision_id, customer_id, verdict, survivor_id,
                         email_origin_before)
                 VALUES ($1, $2, $3, $4, $5, $6)";
        const LINK: &str = "
            INSERT INTO duplicate_decision_link
                        (legal_entity, decision_id, link_id, moved_from, moved_to)
                 VALUES ($1, $2, $3, $4, $5)";
        let code = legal_entity.as_str();
        self.session
            .execute(
                DECISION,
                &[
                    &code,
                    &decision,
                    &file.email_canonical,
                    &file.decided_at,
                    &file.decided_by,
                ],
            )
            .await?;
        for decided in &file.verdicts {
            let (verdict, survivor) = match decided.verdict {
                Verdict::Keep => ("keep", None),
                Verdict::MergeInto(survivor) => ("merge", Some(survivor.0)),
                Verdict::AddressWrong => ("address_wrong", None),
            };
            let before = columns::address_origin(decided.address_origin_before);
            self.session
                .execute(
                    CUSTOMER,
                    &[
                        &code,
                        &decision,
                        &decided.customer.0,
                        &verdict,
                        &survivor,
                        &before,
                    ],
                )
                .await?;
        }
        for moved in &file.moves {
            self.session
                .execute(
                    LINK,
                    &[
                        &code,
                        &decision,
                        &moved.link_id.0,
                        &moved.from.0,
                        &moved.to.0,
                    ],
                )
                .await?;
        }
        Ok(())
    }

    /// The decision, locked: it is undone once.
    pub async fn hold_decision(
        &self,
        legal_entity: &LegalEntity,
        decision: Uuid,
    ) -> Result<Option<DecisionFile>, StoreError> {
        const DECISION: &str = "
            SELECT email_canonical, decided_at, decided_by, undone_at, undone_by
              FROM duplicate_decision
             WHERE legal_entity = $1
               AND decision_id = $2
               FOR NO KEY UPDATE";
        const CUSTOMERS: &str = "
            SELECT customer_id, customer_number, verdict, survivor_id, email_origin_before
              FROM duplicate_decision_customer
              JOIN customer USING (legal_entity, customer_id)
             WHERE legal_entity = $1
               AND decision_id = $2
             ORDER BY customer_id";
        const LINKS: &str = "
            SELECT link_id, moved_from, moved_to
              FROM duplicate_decision_link
             WHERE legal_entity = $1
               AND decision_id = $2
             ORDER BY link_id";
        let key: [&dyn Param; 2] = [&legal_entity.as_str(), &decision];
        let Some(row) = self.session.query_opt(DECISION, &key).await? else {
            return Ok(None);
        };
        let customers = self.session.query(CUSTOMERS, &key).await?;
        let links = self.session.query(LINKS, &key).await?;
        let undone_at: Option<OffsetDateTime> = row.try_get("undone_at")?;
        Ok(Some(DecisionFile {
            email_canonical: row.try_get("email_canonical")?,
            decided_at: row.try_get("decided_at")?,
            decided_by: row.try_get("decided_by")?,
            undone: undone_at.zip(row.try_get("undone_by")?),
            verdicts: customers
                .iter()
                .map(decided_customer)
                .collect::<Result<_, _>>()?,
            moves: links.iter().map(moved_link).collect::<Result<_, _>>()?,
        }))
    }

    pub async fn mark_undone(
        &self,
        legal_entity: &LegalEntity,
        decision: Uuid,
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE duplicate_decision
               SET undone_at = $3, undone_by = $4
             WHERE legal_entity = $1
               AND decision_id = $2";
        self.session
            .execute(SQL, &[&legal_entity.as_str(), &decision, &now, &actor])
            .await?;
        Ok(())
    }

    /// Locks customers whatever they are, and says what they are.
    pub async fn hold_customers(
        &self,
        legal_entity: &LegalEntity,
        customers: &[CustomerId],
    ) -> Result<Vec<Present>, StoreError> {
        const SQL: &str = "
            SELECT customer_id, state, merged_into, email_canonical, email_origin,
                   coalesce(imported_state = 'blocked', false) AS blocked_by_file, changed_at
              FROM customer
             WHERE legal_entity = $1
               AND customer_id = ANY($2)
             ORDER BY customer_id
               FOR NO KEY UPDATE";
        let ids: Vec<Uuid> = customers.iter().map(|customer| customer.0).collect();
        let rows = self
            .session
            .query(SQL, &[&legal_entity.as_str(), &ids])
            .await?;
        rows.iter()
            .map(|row| {
                let origin: Option<&str> = row.try_get("email_origin")?;
                let merged_into: Option<Uuid> = row.try_get("merged_into")?;
                Ok(Present {
                    customer: CustomerId(row.try_get("customer_id")?),
                    state: columns::read_state(row.try_get("state")?)?,
                    merged_into: merged_into.map(CustomerId),
                    email_canonical: row.try_get("email_canonical")?,
                    address_origin: origin.map(columns::read_address_origin).transpose()?,
                    blocked_by_file: row.try_get("blocked_by_file")?,
                    changed_at: row.try_get("changed_at")?,
                })
            })
            .collect()
    }
}

fn decided_customer(row: &Row) -> Result<DecidedCustomer, StoreError> {
    let survivor: Option<Uuid> = row.try_get("survivor_id")?;
    let verdict = match (row.try_get("verdict")?, survivor) {
        ("keep", None) => Verdict::Keep,
        ("merge", Some(survivor)) => Verdict::MergeInto(CustomerId(survivor)),
        ("address_wrong", None) => Verdict::AddressWrong,
        _ => return Err(StoreError::Corrupt("duplicate_decision_customer.verdict")),
    };
    Ok(DecidedCustomer {
        customer: CustomerId(row.try_get("customer_id")?),
        number: columns::read_number(row.try_get("customer_number")?)?,
        verdict,
        address_origin_before: columns::read_address_origin(row.try_get("email_origin_before")?)?,
    })
}

fn moved_link(row: &Row) -> Result<MovedLink, StoreError> {
    Ok(MovedLink {
        link_id: LinkId(row.try_get("link_id")?),
        from: CustomerId(row.try_get("moved_from")?),
        to: CustomerId(row.try_get("moved_to")?),
    })
}
