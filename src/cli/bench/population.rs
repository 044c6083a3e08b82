//! Customers whose numbers follow from their addresses, so that every answer
//! can be checked by whoever knows the question alone.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// One company, one site, one application.
pub(super) const LEGAL_ENTITY: &str = "USMF";
pub(super) const TENANT: &str = "bench";
pub(super) const SITE: &str = "shop";
pub(super) const CLIENT_ID: &str = "0b4f7d55-8d0e-4d53-9c53-1f5f0c8a2f21";
pub(super) const ISSUER: &str = "https://bench.b2clogin.com/v2.0/";
pub(super) const PROVIDER: &str = "google.com";

/// Of so many questions one is about somebody who is no customer.
const ONE_STRANGER_IN: u64 = 10;

/// The columns of idlink's own profile.
const HEAD: &str = "customer_number,kind,type,name,email";

/// So many customers, counted from 0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Population {
    customers: u64,
    /// From one question's customer to the next one's.
    stride: u64,
}

/// Somebody who signs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    Customer(u64),
    Stranger(u64),
}

impl Population {
    pub(super) fn of(customers: u64) -> Self {
        Self {
            customers,
            stride: stride(customers),
        }
    }

    pub(super) fn customers(self) -> u64 {
        self.customers
    }

    /// Writes the customers as a file to import.
    pub(super) fn write(self, mut to: impl Write) -> io::Result<()> {
        writeln!(to, "{HEAD}")?;
        for n in 0..self.customers {
            let person = Person::Customer(n);
            write_number(&mut to, n)?;
            to.write_all(b",person,b2c,Mina Kaur,")?;
            person.write_address(&mut to)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }

    /// Whom the question `k` is about. Every customer comes once before any
    /// comes again, and neighbours in the order are far apart in the table.
    pub(super) fn person(self, k: u64) -> Person {
        if self.customers == 0 || k % ONE_STRANGER_IN == ONE_STRANGER_IN / 2 {
            return Person::Stranger(k);
        }
        // How many questions about customers came before this one.
        let before = k - (k + ONE_STRANGER_IN / 2) / ONE_STRANGER_IN;
        let step = u128::from(self.stride);
        let place = u128::from(before) * step % u128::from(self.customers);
        Person::Customer(u64::try_from(place).unwrap_or_default())
    }
}

/// Near the golden section of all, and without a common divisor with it.
fn stride(customers: u64) -> u64 {
    let near = u128::from(customers) * 618 / 1000;
    let mut stride = u64::try_from(near).unwrap_or(1).max(1);
    while common_divisor(stride, customers.max(1)) != 1 {
        stride += 1;
    }
    stride
}

fn common_divisor(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        b => common_divisor(b, a % b),
    }
}

impl Person {
    pub(super) fn write_address(self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Customer(n) => write!(to, "customer.{n}@example.com"),
            Self::Stranger(k) => write!(to, "stranger.{k}@example.net"),
        }
    }

    /// The number that a connector is to answer with.
    pub(super) fn has_number(self, number: Option<&str>) -> bool {
        match (self, number) {
            (Self::Customer(n), Some(number)) => {
                let digits = number.strip_prefix("US-");
                digits.is_some_and(|digits| digits.len() == 9 && digits.parse() == Ok(n))
            }
            (Self::Stranger(_), None) => true,
            (Self::Customer(_), None) | (Self::Stranger(_), Some(_)) => false,
        }
    }
}

fn write_number(to: &mut impl Write, n: u64) -> io::Result<()> {
    write!(to, "US-{n:09}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_customer_comes_once_before_any_comes_again() {
        for customers in [1, 7, 10, 1000, 1024] {
            let population = Population::of(customers);
            let mut seen = BTreeSet::new();
            let people = (0..).map(|k| population.person(k));
            let asked = people.filter_map(|person| match person {
                Person::Customer(n) => Some(n),
                Person::Stranger(_) => None,
            });
            for n in asked.take(usize::try_from(customers).unwrap()) {
                assert!(n < customers);
                assert!(seen.insert(n), "{n} of {customers} twice");
            }
        }
    }

    #[test]
    fn one_question_in_ten_is_about_a_stranger() {
        let population = Population::of(100);
        let strangers = (0..1000).filter(|k| matches!(population.person(*k), Person::Stranger(_)));
        assert_eq!(strangers.count(), 100);
    }

    #[test]
    fn only_the_own_number_is_right() {
        let ada = Person::Customer(17);
        assert!(ada.has_number(Some("US-000000017")));
        for wrong in [Some("US-000000018"), Some("US-17"), Some("000000017"), None] {
            assert!(!ada.has_number(wrong), "{wrong:?}");
        }
        let stranger = Person::Stranger(17);
        assert!(stranger.has_number(None));
        assert!(!stranger.has_number(Some("US-000000017")));
    }

    #[test]
    fn the_file_says_what_the_questions_expect() {
        let mut file = Vec::new();
        Population::of(2).write(&mut file).unwrap();
        assert_eq!(
            String::from_utf8(file).unwrap(),
            "customer_number,kind,type,name,email\n\
             US-000000000,person,b2c,Mina Kaur,customer.0@example.com\n\
             US-000000001,person,b2c,Mina Kaur,customer.1@example.com\n"
        );
    }
}
