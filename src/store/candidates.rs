//! What sign-ups are decided on: the environment's switch, whom they could
//! mean, and how old that is. For one sign-up, or many of a legal entity.

use time::Duration;
use tokio_postgres::Row;

use super::batches::column;
use super::features::{AUTOMATIC_LINKING, Switch, read_switch};
use super::session::Session;
use super::{Store, StoreError, Transaction, columns, feeds, pipelined};
use crate::domain::customer::{Customer, CustomerType, LegalEntity};
use crate::domain::email::{CANONICAL_VERSION, Email};
use crate::domain::feed::Watermark;
use crate::domain::identity::{Issuer, Provider};

/// Which customers a sign-up could mean.
pub struct Lookup<'a> {
    pub legal_entity: &'a LegalEntity,
    pub email: &'a Email,
    pub customer_type: CustomerType,
    /// Whose further identity it would be, to see who has one already.
    pub issuer: &'a Issuer,
    pub provider: &'a Provider,
    /// Whether the age of the customers on file is part of the decision.
    pub feed_max_age: Option<Duration>,
}

/// Whom a sign-up could mean, and how old the customers are among whom they
/// were looked for.
#[derive(Debug, Default)]
pub struct Candidates {
    pub found: Vec<Customer>,
    /// Read before the customers and only where the site has a limit: what it
    /// says has arrived is among them.
    pub feed: Option<Watermark>,
}

/// Of a [`Lookup`], all but the legal entity; kept until others come along.
pub(super) struct Wanted {
    email: Email,
    customer_type: CustomerType,
    issuer: Issuer,
    provider: Provider,
    pub(super) minds_age: bool,
}

impl Wanted {
    pub(super) fn of(lookup: &Lookup<'_>) -> Self {
        Self {
            email: lookup.email.clone(),
            customer_type: lookup.customer_type,
            issuer: lookup.issuer.clone(),
            provider: lookup.provider.clone(),
            minds_age: lookup.feed_max_age.is_some(),
        }
    }
}

/// Customers of one address, or what is wrong with one of them.
pub(super) type Found = Result<Vec<Customer>, StoreError>;

/// The candidates of each address, exactly as `matching::decide` counts them.
///
/// Looked for one after the other in one statement: by both columns of the
/// index also where the planner knows nothing of the table yet, and no further
/// than three. From two on the decision is the same whoever the others are.
///
/// The arrays are selected so that the planner sees none: it would plan anew
/// for each length, which takes longer than the look-up.
///
/// Who was merged into a candidate speaks through it, and so do their links.
/// `OFFSET 0` has these found one customer at a time, a few, and the links never
/// by the issuer, which may be everybody's.
pub(super) async fn candidates(
    session: &Session,
    legal_entity: &LegalEntity,
    addresses: &[&Wanted],
) -> Result<(Option<Watermark>, Vec<Found>), StoreError> {
    const SQL: &str = "
        SELECT asked.place, found.*,
               EXISTS (
                   WITH RECURSIVE absorbed AS (
                       SELECT found.customer_id AS id
                        UNION
                       SELECT merged.customer_id
                         FROM absorbed
                        CROSS JOIN LATERAL (
                              SELECT customer_id
                                FROM customer
                               WHERE customer.legal_entity = $1
                                 AND customer.merged_into = absorbed.id
                              OFFSET 0) AS merged)
                   SELECT 1
                     FROM absorbed
                    CROSS JOIN LATERAL (
                          SELECT issuer, provider
                            FROM identity_link
                           WHERE identity_link.legal_entity = $1
                             AND identity_link.customer_id = absorbed.id
                             AND identity_link.revoked_at IS NULL
                          OFFSET 0) AS held
                    WHERE held.issuer = asked.issuer
                      AND held.provider = asked.provider) AS occupied
          FROM unnest((SELECT $2::text[]), (SELECT $3::boolean[]), (SELECT $4::text[]),
                      (SELECT $5::text[])) WITH ORDINALITY
               AS asked (email, is_b2b, issuer, provider, place)
         CROSS JOIN LATERAL (
               SELECT customer_id, customer_number, kind, is_b2b, state, email_origin
                 FROM customer
                WHERE customer.legal_entity = $1
                  AND customer.email_canonical = asked.email
                  AND customer.email_version = $6
                  AND customer.is_b2b = asked.is_b2b
                  AND customer.state = 'active'
                  AND customer.kind = 'person'
                  AND customer.email_origin IN ('imported', 'proven')
                LIMIT 3) AS found";
    if addresses.is_empty() {
        return Ok((None, Vec::new()));
    }
    let code = legal_entity.as_str();
    let emails = column(addresses, |address| address.email.canonical());
    let is_b2b = column(addresses, |address| columns::is_b2b(address.customer_type));
    let issuers = column(addresses, |address| address.issuer.as_str());
    let providers = column(addresses, |address| address.provider.as_str());
    let feed = async {
        match addresses.iter().any(|address| address.minds_age) {
            true => feeds::read(session, legal_entity).await,
            false => Ok(None),
        }
    };
    let (feed, rows) = pipelined!(
        feed,
        session.query(
            SQL,
            &[
                &code,
                &emails,
                &is_b2b,
                &issuers,
                &providers,
                &CANONICAL_VERSION
            ],
        )
    )?;
    Ok((feed, dealt(&rows, addresses.len())?))
}

/// To each of `places` addresses its customers.
fn dealt(rows: &[Row], places: usize) -> Result<Vec<Found>, StoreError> {
    let mut found: Vec<Found> = Vec::with_capacity(places);
    found.resize_with(places, || Ok(Vec::new()));
    for row in rows {
        let place: i64 = row.try_get("place")?;
        let place = usize::try_from(place - 1).ok();
        let of_place = place
            .and_then(|place| found.get_mut(place))
            .ok_or(StoreError::Corrupt("an answer to no look-up"))?;
        match (&mut *of_place, columns::customer(row)) {
            (Ok(customers), Ok(customer)) => customers.push(customer),
            (Ok(_), Err(error)) => *of_place = Err(error),
            (Err(_), _) => {}
        }
    }
    Ok(found)
}

pub(super) async fn linking_switch(session: &Session) -> Result<Switch, StoreError> {
    const SQL: &str = "SELECT enabled FROM feature WHERE name = $1";
    let row = session.query_opt(SQL, &[&AUTOMATIC_LINKING]).await?;
    Ok(match row {
        Some(row) => read_switch(row.try_get(0)?),
        None => Switch::Off,
    })
}

impl Store {
    pub async fn candidates(&self, lookup: &Lookup<'_>) -> Result<Candidates, StoreError> {
        let session = self.session().await?;
        let candidates = of_one(&session, lookup).await?;
        session.give_back();
        Ok(candidates)
    }
}

impl Transaction {
    pub async fn candidates(&self, lookup: &Lookup<'_>) -> Result<Candidates, StoreError> {
        of_one(&self.session, lookup).await
    }
}

async fn of_one(session: &Session, lookup: &Lookup<'_>) -> Result<Candidates, StoreError> {
    let address = Wanted::of(lookup);
    let (feed, found) = candidates(session, lookup.legal_entity, &[&address]).await?;
    let found = found.into_iter().next();
    Ok(Candidates {
        found: found.unwrap_or_else(unanswered)?,
        feed,
    })
}

/// A look-up that its statement forgot would be a mistake of ours.
pub(super) fn unanswered() -> Found {
    Err(StoreError::Corrupt("a look-up without an answer"))
}
