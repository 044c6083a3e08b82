//! Links in bulk.

use std::collections::HashMap;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::audit::{Many, tell_many};
use super::super::{StoreError, columns};
use super::lane::Lane;
use crate::domain::customer::{CustomerState, LegalEntity};
use crate::domain::identity::Identity;
use crate::domain::site::Rules;

/// The customer of a row, locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCustomer {
    pub id: Uuid,
    pub state: CustomerState,
}

/// The active link of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingIdentity {
    pub customer_id: Uuid,
}

/// A link about to be written.
#[derive(Clone, Debug)]
pub struct NewLink<'a> {
    pub identity: Identity,
    pub customer_id: Uuid,
    pub number: &'a str,
    pub site: &'a str,
    pub rules: &'a Rules,
    /// Links that end for it, where the site's rule is so.
    pub replaces: Vec<Uuid>,
}

/// What kind of identity a customer has: issuer and provider.
pub type Kept = HashMap<(Uuid, String, String), Vec<Uuid>>;

impl Lane {
    /// Begins the transaction of some rows and locks their customers, by
    /// number. A merged customer is not followed.
    pub async fn begin_links(
        &self,
        legal_entity: &LegalEntity,
        numbers: &[&str],
    ) -> Result<HashMap<String, FoundCustomer>, StoreError> {
        const SQL: &str = "
            SELECT customer_number, customer_id, state
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = ANY($2)
             ORDER BY customer_id
               FOR NO KEY UPDATE";
        self.begin().await?;
        let rows = self
            .client()?
            .query(SQL, &[&legal_entity.as_str(), &numbers])
            .await?;
        rows.iter()
            .map(|row| {
                let found = FoundCustomer {
                    id: row.try_get(1)?,
                    state: columns::read_state(row.try_get(2)?)?,
                };
                Ok((row.try_get(0)?, found))
            })
            .collect()
    }

    /// The active links of these identities, by issuer and subject.
    pub async fn standing_identities(
        &self,
        legal_entity: &LegalEntity,
        identities: &[&Identity],
    ) -> Result<HashMap<(String, String), StandingIdentity>, StoreError> {
        const SQL: &str = "
            SELECT issuer, subject, customer_id
              FROM identity_link
             WHERE legal_entity = $1
               AND (issuer, subject) IN (SELECT * FROM unnest($2::text[], $3::text[]))
               AND revoked_at IS NULL";
        let (issuers, subjects): (Vec<&str>, Vec<String>) = identities
            .iter()
            .map(|who| (who.issuer.as_str(), who.subject.as_text()))
            .unzip();
        let rows = self
            .client()?
            .query(SQL, &[&legal_entity.as_str(), &issuers, &subjects])
            .await?;
        rows.iter()
            .map(|row| {
                let standing = StandingIdentity {
                    customer_id: row.try_get(2)?,
                };
                Ok(((row.try_get(0)?, row.try_get(1)?), standing))
            })
            .collect()
    }

    /// The active links of these customers.
    pub async fn links_kept(
        &self,
        legal_entity: &LegalEntity,
        customers: &[Uuid],
    ) -> Result<Kept, StoreError> {
        const SQL: &str = "
            SELECT customer_id, issuer, provider, link_id
              FROM identity_link
             WHERE legal_entity = $1
               AND customer_id = ANY($2)
               AND revoked_at IS NULL";
        let rows = self
            .client()?
            .query(SQL, &[&legal_entity.as_str(), &customers])
            .await?;
        let mut kept = Kept::new();
        for row in &rows {
            kept.entry((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
                .or_default()
                .push(row.try_get(3)?);
        }
        Ok(kept)
    }

    /// Writes the links and ends what they replace, and the transaction. An
    /// identity that was linked meanwhile breaks it: run it again.
    pub async fn finish_links(
        &self,
        legal_entity: &LegalEntity,
        links: &[NewLink<'_>],
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if !links.is_empty() {
            let ids: Vec<Uuid> = links.iter().map(|_| Uuid::now_v7()).collect();
            self.end_replaced(legal_entity, links, &ids, actor, now)
                .await?;
            self.write_links(legal_entity, links, &ids, now).await?;
            let mut told = Many::default();
            for (link, id) in links.iter().zip(&ids) {
                told.add(
                    *id,
                    json!({
                        "customer_id": link.customer_id,
                        "customer_number": link.number,
                        "issuer": link.identity.issuer.as_str(),
                        "subject": link.identity.subject.as_text(),
                        "provider": link.identity.provider.as_str(),
                        "basis": "imported",
                        "site": link.site,
                    }),
                );
            }
            tell_many(
                self.client()?,
                legal_entity,
                "link.created",
                actor,
                now,
                &told,
            )
            .await?;
        }
        self.commit().await
    }

    async fn end_replaced(
        &self,
        legal_entity: &LegalEntity,
        links: &[NewLink<'_>],
        ids: &[Uuid],
        actor: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
               UPDATE identity_link
                  SET revoked_at = $3, revoked_by = $4
                WHERE legal_entity = $1
                  AND link_id = ANY($2)
                  AND revoked_at IS NULL
            RETURNING link_id";
        let by: HashMap<Uuid, (&Uuid, &str)> = links
            .iter()
            .zip(ids)
            .flat_map(|(link, id)| link.replaces.iter().map(move |old| (*old, (id, link.site))))
            .collect();
        let old: Vec<Uuid> = by.keys().copied().collect();
        if old.is_empty() {
            return Ok(());
        }
        let client = self.client()?;
        let rows = client
            .query(SQL, &[&legal_entity.as_str(), &old, &now, &actor])
            .await?;
        let mut told = Many::default();
        for row in &rows {
            let ended: Uuid = row.try_get(0)?;
            if let Some((id, site)) = by.get(&ended) {
                told.add(ended, json!({ "replaced_by": id, "site": site }));
            }
        }
        tell_many(client, legal_entity, "link.revoked", actor, now, &told).await
    }

    async fn write_links(
        &self,
        legal_entity: &LegalEntity,
        links: &[NewLink<'_>],
        ids: &[Uuid],
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO identity_link
                        (legal_entity, link_id, issuer, subject, provider, customer_id, site,
                         recorded_via, basis, email_canonical, rules, created_at, last_seen_at)
                 SELECT $1, link_id, issuer, subject, provider, customer_id, site,
                        'import', 'imported', NULL, rules, $9, $9
                   FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[],
                               $7::text[], $8::jsonb[])
                     AS new (link_id, issuer, subject, provider, customer_id, site, rules)";
        let texts = |of: fn(&NewLink<'_>) -> String| links.iter().map(of).collect::<Vec<_>>();
        let issuers = texts(|link| link.identity.issuer.as_str().to_owned());
        let subjects = texts(|link| link.identity.subject.as_text());
        let providers = texts(|link| link.identity.provider.as_str().to_owned());
        let sites = texts(|link| link.site.to_owned());
        let customers: Vec<Uuid> = links.iter().map(|link| link.customer_id).collect();
        let rules: Vec<_> = links
            .iter()
            .map(|link| columns::rules(link.rules))
            .collect();
        self.client()?
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &ids,
                    &issuers,
                    &subjects,
                    &providers,
                    &customers,
                    &sites,
                    &rules,
                    &now,
                ],
            )
            .await?;
        Ok(())
    }
}
