//! What staged rows would do, without doing it.

use super::super::{StoreError, columns};
use super::Feed;
use super::lane::Lane;
use super::said::{rows_that_say_something, state_after};
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
        // What the chunks find, over everything at once.
        const SQL: &str = concat!(
            "
            WITH found AS (
                ",
            rows_that_say_something!("true"),
            "
            ), judged AS (
                SELECT known IS NULL AS is_new,
                       coalesce(was = 'gone', false) AS was_gone,
                       replaced_by IS NOT NULL AS is_replaced,
                       number_clashes OR in_the_way IS NOT NULL AS is_withheld
                  FROM found
            )
            SELECT count(*) FILTER (WHERE NOT is_replaced AND NOT is_withheld AND is_new),
                   count(*) FILTER (WHERE NOT is_replaced AND NOT is_withheld AND NOT is_new),
                   count(*) FILTER (WHERE NOT is_replaced AND NOT is_withheld AND was_gone),
                   count(*) FILTER (WHERE is_replaced),
                   count(*) FILTER (WHERE NOT is_replaced AND is_withheld)
              FROM judged"
        );
        let row = self
            .session
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
            .session
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
