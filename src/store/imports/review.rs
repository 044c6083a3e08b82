//! What imports leave to people, and the telling of an import as a whole.

use serde_json::json;
use time::OffsetDateTime;

use super::super::audit::{Many, tell_many};
use super::super::{Store, StoreError, columns};
use super::lane::Lane;
use super::{End, Feed, NewImport};
use crate::domain::customer::{CustomerNumber, LegalEntity};

/// An open question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The number in the file.
    pub number: CustomerNumber,
    pub reason: String,
    /// The customer that stands in the way, by its number today.
    pub other: Option<CustomerNumber>,
    pub line: u64,
    pub opened_at: OffsetDateTime,
}

impl Lane {
    /// Closes the questions that this import has answered: what was withheld
    /// has come in, or a full feed no longer brings it.
    pub async fn close_reviews(
        &self,
        legal_entity: &LegalEntity,
        import: &NewImport,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            UPDATE import_review
               SET closed_at = $3
             WHERE legal_entity = $1
               AND closed_at IS NULL
               AND import_id <> $2
               AND reason IN ('address_of_sign_up', 'number_of_sign_up')
               AND ($4 OR EXISTS (SELECT 1
                                    FROM customer
                                   WHERE customer.legal_entity = $1
                                     AND customer.customer_number = import_review.customer_number
                                     AND customer.import_id = $2))";
        let full = import.feed == Feed::Full;
        self.session
            .execute(
                SQL,
                &[&legal_entity.as_str(), &import.import_id, &now, &full],
            )
            .await
    }

    /// The one line in the audit, and the one event, that a whole import gets.
    /// Which customers it wrote stands in the customers.
    pub(super) async fn tell_of_import(
        &self,
        legal_entity: &LegalEntity,
        import: &NewImport,
        end: &End,
    ) -> Result<(), StoreError> {
        let counts = end.counts;
        let detail = json!({
            "import_id": import.import_id,
            "kind": import.kind.as_str(),
            "feed": import.feed.as_str(),
            "rows": counts.rows,
            "rejected": counts.rejected,
            "added": counts.added,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "for_review": counts.for_review,
            "gone": counts.gone,
            "returned": counts.returned,
            "replaced": counts.replaced,
            "links_moved": counts.links_moved,
        });
        let mut told = Many::default();
        told.add(import.import_id, detail);
        let action = "import.completed";
        tell_many(
            &self.session,
            legal_entity,
            action,
            &import.actor,
            end.at,
            &told,
        )
        .await
    }
}

impl Store {
    /// The open questions of a legal entity, oldest first, a thousand at most.
    pub async fn open_reviews(
        &self,
        legal_entity: &LegalEntity,
    ) -> Result<Vec<Review>, StoreError> {
        const SQL: &str = "
            SELECT import_review.customer_number, reason, line, opened_at,
                   other.customer_number AS other
              FROM import_review
              LEFT JOIN customer AS other USING (legal_entity, customer_id)
             WHERE legal_entity = $1
               AND closed_at IS NULL
             ORDER BY opened_at, import_review.customer_number
             LIMIT 1000";
        let rows = self.query(SQL, &[&legal_entity.as_str()]).await?;
        rows.iter()
            .map(|row| {
                let other: Option<&str> = row.try_get("other")?;
                let line: i64 = row.try_get("line")?;
                Ok(Review {
                    number: columns::read_number(row.try_get("customer_number")?)?,
                    reason: row.try_get("reason")?,
                    other: other.map(columns::read_number).transpose()?,
                    line: u64::try_from(line).unwrap_or_default(),
                    opened_at: row.try_get("opened_at")?,
                })
            })
            .collect()
    }
}
