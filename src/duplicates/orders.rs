//! How much a customer has ordered, from a file that the business brings: the
//! orders are in its own system.

use std::collections::HashMap;
use std::io::Read;

use csv::ByteRecord;

use super::records::{Records, Unreadable};
use crate::domain::customer::CustomerNumber;

/// Longer than any count or date.
const LONGEST_CELL: usize = 40;

/// Orders by customer number. The only thing that is kept of all customers at
/// once, and only of those who ordered.
#[derive(Debug, Default)]
pub struct Orders {
    by_number: HashMap<Box<str>, Ordered>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {problem}")]
pub struct OrdersError {
    line: u64,
    problem: String,
}

impl From<Unreadable> for OrdersError {
    fn from(error: Unreadable) -> Self {
        Self {
            line: error.line,
            problem: error.message,
        }
    }
}

/// Where the columns are.
struct Places {
    number: usize,
    orders: usize,
    last_order: Option<usize>,
}

impl Orders {
    /// Reads CSV with the columns `number`, `orders` and, perhaps,
    /// `last_order`. What stands in the two last ones is shown as it is.
    pub fn read(from: impl Read) -> Result<Self, OrdersError> {
        let error = |line, problem: &str| OrdersError {
            line,
            problem: problem.to_owned(),
        };
        let mut records = Records::new(from)?;
        let Some((line, first)) = records.next()? else {
            return Err(error(1, "the file is empty"));
        };
        let places = Places::read(first).map_err(|problem| error(line, problem))?;
        let mut by_number = HashMap::new();
        while let Some((line, record)) = records.next()? {
            let (number, orders) = places.of(record).map_err(|problem| error(line, problem))?;
            if by_number.insert(number, orders).is_some() {
                return Err(error(line, "names a customer for the second time"));
            }
        }
        Ok(Self { by_number })
    }

    /// Count and last order; empty where nothing is known.
    pub fn of(&self, number: &CustomerNumber) -> (&str, &str) {
        let found = self.by_number.get(number.as_str());
        found.map_or(("", ""), |(count, last)| (count, last))
    }
}

type Ordered = (Box<str>, Box<str>);

impl Places {
    fn read(first: &ByteRecord) -> Result<Self, &'static str> {
        let place = |name: &str| {
            let named = |cell: &[u8]| cell.trim_ascii() == name.as_bytes();
            first.iter().position(named)
        };
        Ok(Self {
            number: place("number").ok_or("the column `number` is missing")?,
            orders: place("orders").ok_or("the column `orders` is missing")?,
            last_order: place("last_order"),
        })
    }

    fn of(&self, record: &ByteRecord) -> Result<(Box<str>, Ordered), &'static str> {
        let cell = |at: usize| {
            let text = std::str::from_utf8(record.get(at).unwrap_or_default());
            text.map(str::trim).map_err(|_| "is not in UTF-8")
        };
        let (number, orders) = (cell(self.number)?, cell(self.orders)?);
        let last = self.last_order.map_or(Ok(""), cell)?;
        if CustomerNumber::parse(number).is_none() {
            return Err("the column `number` holds no customer number");
        }
        if orders.parse::<u64>().is_err() {
            return Err("the column `orders` holds no whole number");
        }
        if last.len() > LONGEST_CELL || last.chars().any(char::is_control) {
            return Err("the column `last_order` holds no date");
        }
        Ok((number.into(), (orders.into(), last.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_found_by_number() {
        let file = "\u{FEFF}last_order,number,orders\n2026-02-01,C1,3\n,C2,0\n";
        let orders = Orders::read(file.as_bytes()).unwrap();
        let of = |number| orders.of(&CustomerNumber::parse(number).unwrap());
        assert_eq!(of("C1"), ("3", "2026-02-01"));
        assert_eq!(of("C2"), ("0", ""));
        assert_eq!(of("C3"), ("", ""));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("", "line 1: the file is empty"),
            ("number\nC1\n", "line 1: the column `orders` is missing"),
            (
                "number,orders\nC1,3\nC1,4\n",
                "line 3: names a customer for the second time",
            ),
            (
                "number,orders\n\nC1,many\n",
                "line 3: the column `orders` holds no whole number",
            ),
            (
                "number,orders\n,3\n",
                "line 2: the column `number` holds no customer number",
            ),
            (
                "number,orders\nC1\n",
                "line 2: the column `orders` holds no whole number",
            ),
        ];
        for (file, expected) in cases {
            let error = Orders::read(file.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{file:?}");
        }
    }
}
