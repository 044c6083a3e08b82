//! What staged rows would do, without doing it.

use super::super::{StoreError, columns};
use super::Feed;
use super::lane::Lane;
use crate::domain::customer::{CustomerNumber, LegalEntity};

/// How many ambiguous addresses are shown.
const SHOWN: i64 = 10;

/// What an import would come to, for one legal entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    pub added: u64,
    pub changed: u64,
    pub returned: u64,
    pub replaced: u64,
    pub withheld: u64,
    /// Addresses that one customer or none has today, and several would have.
    pub ambiguous: u64,
    /// The customers of the first few of them, by their numbers.
    pub examples: Vec<Vec<CustomerNumber>>,
}

impl Lane {
    /// The lane must be alone: an address may stand in either half.
    pub async fn preview(
        &self,
        legal_entity: &LegalEntity,
        feed: Feed,
    ) -> Result<Preview, StoreError> {
        let mut preview = self.preview_rows(legal_entity).await?;
        self.preview_addresses(legal_entity, feed, &mut preview)
            .await?;
        Ok(preview)
    }

    async fn preview_rows(&self, legal_entity: &LegalEntity) -> Result<Preview, StoreError> {
        // The conditions of the chunks, over everything at once.
        const SQL: &str = "
            WITH found AS (
                SELECT customer.customer_id IS NULL AS is_new,
                       coalesce(customer.state = 'gone', false) AS was_gone,
                       staged.replaced_by IS NOT NULL AS is_replaced,
                       coalesce(customer.origin = 'sign_up'
                                AND customer.imported_digest IS NULL
                                AND customer.email_canonical
                                    IS DISTINCT FROM staged.email_canonical, false)
                       OR EXISTS (SELECT 1
                                    FROM customer AS other
                                   WHERE other.legal_entity = $1
                                     AND other.email_canonical = CASE
                                         WHEN customer.email_origin = 'proven'
                                         THEN customer.email_canonical
                                         WHEN customer.email_origin = 'typed'
                                          AND customer.email_canonical = staged.email_canonical
                                         THEN NULL
                                         ELSE staged.email_canonical END
                                     AND other.origin = 'sign_up'
                                     AND other.state = 'active'
                                     AND other.email_origin = 'proven'
                                     AND other.kind = 'person'
                                     AND NOT other.is_b2b
                                     AND other.customer_number <> staged.customer_number
                                     AND staged.kind = 'person'
                                     AND NOT staged.is_b2b
                                     AND coalesce(CASE
                                         WHEN staged.state = customer.imported_state
                                         THEN coalesce(customer.state_before_gone, customer.state)
                                         WHEN staged.state = 'blocked'
                                          AND coalesce(customer.state_before_gone, customer.state)
                                              IN ('active', 'pending')
                                         THEN 'blocked'
                                         WHEN coalesce(customer.state_before_gone, customer.state)
                                              = customer.imported_state
                                         THEN staged.state
                                         ELSE coalesce(customer.state_before_gone, customer.state)
                                         END, staged.state) = 'active'
                                     AND NOT EXISTS (
                                         SELECT 1
                                           FROM import_review AS settled
                                          WHERE settled.legal_entity = $1
                                            AND settled.customer_number = staged.customer_number
                                            AND settled.reason = 'address_of_sign_up'
                                            AND settled.settled_with = other.customer_id
                                            AND other.email_canonical = staged.email_canonical)
                         ) AS is_withheld
                  FROM staged
                  LEFT JOIN customer USING (legal_entity, customer_number)
                 WHERE staged.legal_entity = $1
                   AND staged.kind IS NOT NULL
                   AND customer.state IS DISTINCT FROM 'erased'
                   AND (customer.customer_id IS NULL
                        OR customer.state = 'gone'
                        OR customer.imported_digest IS DISTINCT FROM staged.digest)
            )
            SELECT count(*) FILTER (WHERE NOT is_replaced AND NOT is_withheld AND is_new),
                   count(*) FILTER (WHERE NOT is_replaced AND NOT is_withheld AND NOT is_new),
                   count(*) FILTER (WHERE NOT is_replaced AND NOT is_withheld AND was_gone),
                   count(*) FILTER (WHERE is_replaced),
                   count(*) FILTER (WHERE NOT is_replaced AND is_withheld)
              FROM found";
        let row = self
            .client()?
            .query_one(SQL, &[&legal_entity.as_str()])
            .await?;
        let count = |n: usize| -> Result<u64, StoreError> {
            Ok(u64::try_from(row.try_get::<_, i64>(n)?).unwrap_or_default())
        };
        Ok(Preview {
            added: count(0)?,
            changed: count(1)?,
            returned: count(2)?,
            replaced: count(3)?,
            withheld: count(4)?,
            ..Preview::default()
        })
    }

    async fn preview_addresses(
        &self,
        legal_entity: &LegalEntity,
        feed: Feed,
        preview: &mut Preview,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            WITH after AS (
                SELECT customer_number, email_canonical, is_b2b
                  FROM staged
                 WHERE legal_entity = $1
                   AND kind = 'person'
                   AND state = 'active'
                   AND replaced_by IS NULL
                   AND email_canonical IS NOT NULL
                 UNION ALL
                SELECT customer_number, email_canonical, is_b2b
                  FROM customer
                 WHERE legal_entity = $1
                   AND kind = 'person'
                   AND state = 'active'
                   AND email_canonical IS NOT NULL
                   AND email_origin IN ('imported', 'proven')
                   AND NOT ($2 AND origin = 'import')
                   AND NOT EXISTS (SELECT 1
                                     FROM staged
                                    WHERE staged.legal_entity = $1
                                      AND staged.customer_number = customer.customer_number)
            ), shared AS (
                SELECT email_canonical, is_b2b,
                       array_agg(customer_number ORDER BY customer_number) AS numbers
                  FROM after
                 GROUP BY email_canonical, is_b2b
                HAVING count(*) > 1
            )
            SELECT count(*) OVER (), numbers
              FROM shared
             WHERE (SELECT count(*)
                      FROM customer
                     WHERE customer.legal_entity = $1
                       AND customer.email_canonical = shared.email_canonical
                       AND customer.is_b2b = shared.is_b2b
                       AND customer.kind = 'person'
                       AND customer.state = 'active'
                       AND customer.email_origin IN ('imported', 'proven')) < 2
             ORDER BY numbers
             LIMIT $3";
        let full = feed == Feed::Full;
        let rows = self
            .client()?
            .query(SQL, &[&legal_entity.as_str(), &full, &SHOWN])
            .await?;
        for row in &rows {
            preview.ambiguous = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
            let numbers: Vec<&str> = row.try_get(1)?;
            let numbers = numbers.into_iter().map(columns::read_number);
            preview.examples.push(numbers.collect::<Result<_, _>>()?);
        }
        Ok(())
    }
}
