//! Legal entities and their customer numbers.

use super::columns::read_number;
use super::customers::NUMBER_ONCE;
use super::{Store, StoreError, Transaction, pipelined};
use crate::domain::customer::{CustomerNumber, LegalEntity};

/// How a legal entity writes the numbers of customers created at sign-up:
/// `prefix`, then the sequence's value with at least `width` digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    pub prefix: String,
    pub width: u8,
}

impl NumberFormat {
    fn write(&self, drawn: i64) -> String {
        format!(
            "{}{drawn:0width$}",
            self.prefix,
            width = usize::from(self.width)
        )
    }
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
pub const NUMBERS_TRIED: usize = 20;

impl Transaction {
    /// The next free customer number.
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
            constraint: NUMBER_ONCE.to_owned(),
        })
    }

    /// A number that is never drawn again, whatever becomes of this
    /// transaction. Imports or staff may have given it to somebody.
    pub async fn draw_number(
        &self,
        legal_entity: &LegalEntity,
    ) -> Result<CustomerNumber, StoreError> {
        // Two statements: beside a table, a distributed database would call
        // `nextval` on a node that does not have the sequence.
        const DRAW: &str = "SELECT nextval(quote_ident('customer_number_' || $1)::regclass)";
        const FORMAT: &str = "
            SELECT number_prefix, number_width
              FROM legal_entity
             WHERE legal_entity = $1";
        let code = legal_entity.as_str();
        let (drawn, format) = pipelined!(
            self.session.query_one(DRAW, &[&code]),
            self.session.query_one(FORMAT, &[&code]),
        )?;
        let corrupt = |_| StoreError::Corrupt("legal_entity.number_width");
        let width: i16 = format.try_get(1)?;
        let format = NumberFormat {
            prefix: format.try_get(0)?,
            width: u8::try_from(width).map_err(corrupt)?,
        };
        read_number(&format.write(drawn.try_get(0)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_at_least_its_width() {
        let format = |prefix: &str, width| NumberFormat {
            prefix: prefix.to_owned(),
            width,
        };
        let cases = [
            (format("C", 6), 1, "C000001"),
            (format("C", 6), 999_999, "C999999"),
            (format("C", 6), 1_000_000, "C1000000"),
            (format("", 1), 7, "7"),
        ];
        for (format, drawn, expected) in cases {
            assert_eq!(format.write(drawn), expected);
        }
    }
}
