//! What the service is measured against while it answers: PostgreSQL's own
//! load generator, sending the same statements.

use super::super::{Store, StoreError, UNLIMITED};

/// What the service looks up for one sign-up, as a statement for one alone; the
/// service's own carries many (`candidates.rs`), and a test compares the two.
/// The peers that the service is measured against send the same file.
const CANDIDATES: &str = include_str!("../../../benches/peers/candidates.sql");

/// What one person's first token exchange does to the database when a customer
/// is created for them: what `linking` sends, statement by statement.
const RECORDING: &str = include_str!("recording.sql");

/// Settings of a server that has a machine to itself.
const SETTINGS: [&str; 3] = [
    "ALTER SYSTEM SET shared_buffers = '1GB'",
    "ALTER SYSTEM SET max_wal_size = '8GB'",
    "ALTER SYSTEM SET checkpoint_timeout = '15min'",
];

/// The script by which pgbench looks up somebody among `:customers`, whose
/// addresses are `customer.N@example.com`.
pub fn lookup_script() -> String {
    let select = candidates_of("'customer.' || :n || '@example.com'");
    format!("\\set n random(0, :customers - 1)\n{select};\n")
}

/// The script by which pgbench records somebody new, each time another one.
pub fn recording_script() -> String {
    let select = candidates_of("'newcomer.' || :k::bigint || '@example.org'");
    RECORDING.replace("CANDIDATES;", &format!("{select};"))
}

/// With pgbench's variables, which it sends as parameters.
fn candidates_of(address: &str) -> String {
    let variables = [
        ("$1", ":entity"),
        ("$2", address),
        ("$3", ":version"),
        ("$4", ":b2b"),
        ("$5", ":issuer"),
        ("$6", ":provider"),
    ];
    let statement = CANDIDATES.trim_end().to_owned();
    variables
        .into_iter()
        .fold(statement, |text, (number, variable)| {
            text.replace(number, variable)
        })
}

/// What recordings have left, to be compared with how many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub customers: u64,
    pub links: u64,
    pub audits: u64,
    pub events: u64,
}

impl Store {
    /// Writes settings that take effect when the server starts again.
    pub async fn set_up_for_load(&self) -> Result<(), StoreError> {
        let session = self.session().await?;
        for setting in SETTINGS {
            session.batch_execute(setting).await?;
        }
        session.give_back();
        Ok(())
    }

    /// Tidies up after a load as the database would itself in time, while
    /// somebody measures: all tables, those that the load went through, too.
    pub async fn tidy_up(&self) -> Result<(), StoreError> {
        const SQL: [&str; 3] = [
            "SET statement_timeout = 0",
            "VACUUM (ANALYZE)",
            "CHECKPOINT",
        ];
        let session = self.session().await?;
        for statement in SQL {
            session.batch_execute(statement).await?;
        }
        // Its time limits are not those of the pool: not given back.
        Ok(())
    }

    /// Whether the server is tidying something up of its own accord.
    pub async fn is_tidying_up(&self) -> Result<bool, StoreError> {
        const SQL: &str = "
            SELECT EXISTS (SELECT 1
                             FROM pg_stat_activity
                            WHERE backend_type = 'autovacuum worker')";
        let session = self.session().await?;
        let found = session.query_one(SQL, &[]).await?;
        session.give_back();
        Ok(found.try_get(0)?)
    }

    /// Takes away all attempts. For databases that are there to be measured.
    pub async fn forget_attempts(&self) -> Result<(), StoreError> {
        const SQL: &str = "TRUNCATE sign_up_attempt";
        let session = self.session().await?;
        session.batch_execute(SQL).await?;
        session.give_back();
        Ok(())
    }

    /// Counts the attempts at one site.
    pub async fn count_attempts(&self, site: &str) -> Result<u64, StoreError> {
        const SQL: &str = "
            SELECT count(*)
              FROM sign_up_attempt
             WHERE site = $1";
        let tx = self.begin().await?;
        tx.session.batch_execute(UNLIMITED).await?;
        let count: i64 = tx.session.query_one(SQL, &[&site]).await?.try_get(0)?;
        tx.commit().await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Counts what was recorded over HTTP: `site` is in each detail.
    pub async fn count_recorded(&self, site: &str) -> Result<Recorded, StoreError> {
        const SQL: &str = "
            SELECT (SELECT count(*)
                      FROM identity_link
                      JOIN customer USING (legal_entity, customer_id)
                     WHERE site = $1
                       AND origin = 'sign_up'),
                   (SELECT count(*) FROM identity_link WHERE site = $1),
                   (SELECT count(*) FROM audit WHERE detail ->> 'site' = $1),
                   (SELECT count(*) FROM outbox WHERE payload ->> 'site' = $1)";
        let tx = self.begin().await?;
        tx.session.batch_execute(UNLIMITED).await?;
        let row = tx.session.query_one(SQL, &[&site]).await?;
        tx.commit().await?;
        let count = |place: usize| -> Result<u64, StoreError> {
            let count: i64 = row.try_get(place)?;
            Ok(u64::try_from(count).unwrap_or_default())
        };
        Ok(Recorded {
            customers: count(0)?,
            links: count(1)?,
            audits: count(2)?,
            events: count(3)?,
        })
    }
}
