//! What imports are measured against: PostgreSQL's own tool, filling the same
//! table with the same customers. What the service is: [`lookups`].

pub mod lookups;

use std::io::Write;

use futures_util::TryStreamExt;

use super::{Store, StoreError};

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
        let connection = self.connection().await?;
        let client = connection.client()?;
        client
            .batch_execute("SET statement_timeout = 0")
            .await
            .map_err(StoreError::from)?;
        let rows = client.copy_out(SQL).await.map_err(StoreError::from)?;
        let mut rows = std::pin::pin!(rows);
        while let Some(bytes) = rows.try_next().await.map_err(StoreError::from)? {
            to.write_all(&bytes)?;
        }
        // Its time limits are not those of the pool: not given back.
        Ok(to.flush()?)
    }

    /// Writes everything to the disk that is not there yet, so that what is
    /// measured next does not pay for what was done before.
    pub async fn settle_down(&self) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        connection
            .client()?
            .batch_execute("SET statement_timeout = 0; CHECKPOINT")
            .await?;
        Ok(())
    }
}
