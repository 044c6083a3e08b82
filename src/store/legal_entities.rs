//! Legal entities and their customer numbers.

use super::columns::read_number;
use super::{Store, StoreError, Transaction};
use crate::domain::customer::{CustomerNumber, LegalEntity};

/// How a legal entity writes the numbers of customers created at sign-up:
/// `prefix`, then the sequence's value with at least `width` digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    pub prefix: String,
    pub width: u8,
}

/// `C000001`.
impl Default for NumberFormat {
    fn default() -> Self {
        Self {
            prefix: "C".to_owned(),
            width: 6,
        }
    }
}

impl Store {
    /// Makes the legal entity known, with its number format and sequence.
    pub async fn ensure_legal_entity(
        &self,
        legal_entity: &LegalEntity,
        format: &NumberFormat,
    ) -> Result<(), StoreError> {
        const SQL: &str = "SELECT ensure_legal_entity($1, $2, $3)";
        let width = i16::from(format.width);
        self.query(SQL, &[&legal_entity.as_str(), &format.prefix, &width])
            .await?;
        Ok(())
    }

    /// The codes of all legal entities, in order.
    pub async fn legal_entities(&self) -> Result<Vec<LegalEntity>, StoreError> {
        const SQL: &str = "SELECT legal_entity FROM legal_entity ORDER BY legal_entity";
        let rows = self.query(SQL, &[]).await?;
        rows.iter()
            .map(|row| {
                LegalEntity::parse(row.try_get(0)?)
                    .ok_or(StoreError::Corrupt("legal_entity.legal_entity"))
            })
            .collect()
    }
}

/// How many numbers that imports or staff have taken are passed over.
const NUMBERS_TRIED: usize = 20;

impl Transaction {
    /// The next free customer number. Never given again, whatever becomes of
    /// this transaction.
    pub async fn next_number(
        &self,
        legal_entity: &LegalEntity,
    ) -> Result<CustomerNumber, StoreError> {
        const TAKEN: &str = "
            SELECT 1
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = $2";
        for _ in 0..NUMBERS_TRIED {
            let number = self.draw_number(legal_entity).await?;
            let row = self
                .session
                .query_opt(TAKEN, &[&legal_entity.as_str(), &number.as_str()])
                .await?;
            if row.is_none() {
                return Ok(number);
            }
        }
        // The sequence has moved on: running again tries the next ones.
        Err(StoreError::Refused {
            code: "23505".to_owned(),
            constraint: "customer_legal_entity_customer_number_key".to_owned(),
        })
    }

    async fn draw_number(&self, legal_entity: &LegalEntity) -> Result<CustomerNumber, StoreError> {
        // Two statements: beside a table, a distributed database would call
        // `nextval` on a node that does not have the sequence.
        const DRAW: &str = "SELECT nextval(quote_ident('customer_number_' || $1)::regclass)";
        const WRITE: &str = "
            SELECT number_prefix || lpad($2, greatest(number_width, length($2)), '0')
              FROM legal_entity
             WHERE legal_entity = $1";
        let code = legal_entity.as_str();
        let drawn: i64 = self.session.query_one(DRAW, &[&code]).await?.try_get(0)?;
        let row = self
            .session
            .query_one(WRITE, &[&code, &drawn.to_string()])
            .await?;
        read_number(row.try_get(0)?)
    }
}
