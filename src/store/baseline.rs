//! What imports are measured against: PostgreSQL's own tool, filling the same
//! table with the same customers. What the service is: [`lookups`].

pub mod lookups;

use std::io::Write;

use futures_util::TryStreamExt;

use super::{Store, StoreError, UNLIMITED};

/// Why a baseline could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the baseline's file cannot be written: {0}")]
    File(#[from] std::io::Error),
}

/// The command that psql runs to load `file`, which [`Store::export_customers`]
/// has written.
pub fn psql_copy(file: &str) -> String {
    format!(
        "\\copy customer (legal_entity, customer_id, customer_number, kind, is_b2b, name, \
         email_original, email_canonical, email_version, email_origin, state, merged_into, \
         origin, created_at, changed_at) FROM '{}' (FORMAT csv)",
        file.replace('\'', "''")
    )
}

impl Store {
    /// Writes all customers as they stand in the table, in the order of the
    /// file that they came from. psql has nothing left to do but to load them:
    /// no address to compare, no identifier to make.
    pub async fn export_customers(&self, mut to: impl Write) -> Result<(), BaselineError> {
        const SQL: &str = "
            COPY (SELECT legal_entity, customer_id, customer_number, kind, is_b2b, name,
                         email_original, email_canonical, email_version, email_origin, state,
                         merged_into, origin, created_at, changed_at
                    FROM customer
                   ORDER BY merged_into IS NOT NULL, customer_id)
            TO STDOUT (FORMAT csv)";
        let tx = self.begin().await?;
        tx.session.batch_execute(UNLIMITED).await?;
        let mut rows = std::pin::pin!(tx.session.copy_out(SQL).await?);
        while let Some(bytes) = rows.try_next().await.map_err(StoreError::from)? {
            to.write_all(&bytes)?;
        }
        tx.roll_back().await?;
        Ok(to.flush()?)
    }

    /// Writes everything to the disk that is not there yet, so that what is
    /// measured next does not pay for what was done before.
    pub async fn settle_down(&self) -> Result<(), StoreError> {
        let tx = self.begin().await?;
        tx.session.batch_execute(UNLIMITED).await?;
        tx.session.batch_execute("CHECKPOINT").await?;
        tx.commit().await
    }
}
