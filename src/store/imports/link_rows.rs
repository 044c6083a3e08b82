//! Links in bulk.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::audit::{Many, tell_many};
use super::super::{StoreError, columns};
use super::copy::line_of;
use super::lane::Lane;
use crate::domain::customer::{CustomerState, LegalEntity};
use crate::domain::identity::{Identity, Issuer, Provider, Subject};
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
}

/// A link of a file, staged.
#[derive(Clone, Debug)]
pub struct StagedLink {
    pub row_no: i64,
    pub legal_entity: LegalEntity,
    pub identity: Identity,
    pub number: String,
    /// The site whose rules count, by its name.
    pub site: String,
}

impl StagedLink {
    /// The line of the file that the row begins on.
    pub fn line(&self) -> u64 {
        line_of(self.row_no)
    }
}

/// How many rows are settled in one transaction.
const ROWS: i64 = 200;

/// Which customers have an identity of an issuer and provider.
pub type Kept = HashSet<(Uuid, String, String)>;

impl Lane {
    /// Makes room for the links of a file.
    pub async fn open_links(&self) -> Result<(), StoreError> {
        const SQL: &str = "
            CREATE TEMPORARY TABLE staged_link (
                row_no          bigint PRIMARY KEY,
                legal_entity    text NOT NULL,
                issuer          text NOT NULL,
                subject         text NOT NULL,
                provider        text NOT NULL,
                customer_number text NOT NULL,
                site            text NOT NULL
            )";
        self.session.batch_execute(SQL).await
    }

    pub async fn stage_links(&self, links: &[StagedLink]) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO staged_link
            SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
                                 $6::text[], $7::text[])";
        let rows: Vec<i64> = links.iter().map(|link| link.row_no).collect();
        let texts = |of: fn(&StagedLink) -> String| links.iter().map(of).collect::<Vec<_>>();
        let entities = texts(|link| link.legal_entity.as_str().to_owned());
        let issuers = texts(|link| link.identity.issuer.as_str().to_owned());
        let subjects = texts(|link| link.identity.subject.as_text());
        let providers = texts(|link| link.identity.provider.as_str().to_owned());
        let numbers = texts(|link| link.number.clone());
        let sites = texts(|link| link.site.clone());
        self.session
            .execute(
                SQL,
                &[
                    &rows, &entities, &issuers, &subjects, &providers, &numbers, &sites,
                ],
            )
            .await?;
        Ok(())
    }

    /// The next staged links of the legal entity after `after`, in the order of
    /// the file.
    pub async fn staged_links(
        &self,
        legal_entity: &LegalEntity,
        after: i64,
    ) -> Result<Vec<StagedLink>, StoreError> {
        const SQL: &str = "
            SELECT row_no, issuer, subject, provider, customer_number, site
              FROM staged_link
             WHERE legal_entity = $1
               AND row_no > $2
             ORDER BY row_no
             LIMIT $3";
        let rows = self
            .session
            .query(SQL, &[&legal_entity.as_str(), &after, &ROWS])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(StagedLink {
                    row_no: row.try_get(0)?,
                    legal_entity: legal_entity.clone(),
                    identity: Identity {
                        issuer: Issuer::new(row.try_get::<_, String>(1)?),
                        subject: Subject::parse(row.try_get(2)?)
                            .ok_or(StoreError::Corrupt("staged_link.subject"))?,
                        provider: Provider::named(row.try_get::<_, String>(3)?),
                    },
                    number: row.try_get(4)?,
                    site: row.try_get(5)?,
                })
            })
            .collect()
    }

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
        self.begin_by_index().await?;
        let rows = self
            .session
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
            .session
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

    /// The active links of these customers, and of those who were merged into
    /// them and speak through them.
    pub async fn links_kept(
        &self,
        legal_entity: &LegalEntity,
        customers: &[Uuid],
    ) -> Result<Kept, StoreError> {
        const SQL: &str = "
            WITH RECURSIVE absorbed AS (
                SELECT customer_id, customer_id AS speaker
                  FROM unnest($2::uuid[]) AS customer_id
                 UNION
                SELECT merged.customer_id, absorbed.speaker
                  FROM absorbed
                  JOIN customer AS merged
                    ON merged.legal_entity = $1
                   AND merged.merged_into = absorbed.customer_id)
            SELECT speaker, issuer, provider
              FROM absorbed
              JOIN identity_link USING (customer_id)
             WHERE legal_entity = $1
               AND revoked_at IS NULL";
        let rows = self
            .session
            .query(SQL, &[&legal_entity.as_str(), &customers])
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
            .collect()
    }

    /// Writes the links, and ends the transaction. An
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
                &self.session,
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
        self.session
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
