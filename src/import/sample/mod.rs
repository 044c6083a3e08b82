//! Customers that nobody is: for demonstrations and measurements. The same
//! seed makes the same bytes on every machine, and no address can exist
//! (RFC 2606, RFC 6761).

pub mod address;
mod names;

use std::io::{self, Write};

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use time::Date;

use address::Addresses;
use names::{Culture, Order};

/// Companies of Contoso's, as in the demonstration data of Dynamics 365.
pub const LEGAL_ENTITIES: [&str; 4] = ["USMF", "DEMF", "JPMF", "INMF"];

/// In which columns and words the customers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Idlink,
    DynamicsCustomersV3,
}

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Sample {
    pub count: u64,
    pub seed: u64,
    pub legal_entities: Vec<String>,
    pub layout: Layout,
}

/// Written out whenever so much has come together.
const BLOCK: usize = 64 * 1024;

impl Sample {
    /// Writes the headings and so many customers.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        let mut people = People::new(self);
        let mut block = Vec::with_capacity(2 * BLOCK);
        block.extend_from_slice(self.layout.header().as_bytes());
        for n in 0..self.count {
            people.next(n, n + 1 == self.count);
            match self.layout {
                Layout::Idlink => people.customer.write_idlink(&mut block),
                Layout::DynamicsCustomersV3 => people.customer.write_dynamics(&mut block),
            }
            if block.len() >= BLOCK {
                out.write_all(&block)?;
                block.clear();
            }
        }
        out.write_all(&block)?;
        out.flush()
    }
}

impl Layout {
    fn header(self) -> &'static str {
        match self {
            Self::Idlink => {
                "legal_entity,customer_number,kind,type,name,email,state,replaced_by,changed_at\n"
            }
            Self::DynamicsCustomersV3 => {
                "CUSTOMERACCOUNT,CUSTOMERGROUPID,DATAAREAID,LANGUAGEID,NAMEALIAS,ONHOLDSTATUS,\
                 ORGANIZATIONNAME,PARTYTYPE,PERSONFIRSTNAME,PERSONLASTNAME,PRIMARYCONTACTEMAIL,\
                 PRIMARYCONTACTEMAILISIM,SALESCURRENCYCODE,ISB2B\n"
            }
        }
    }
}

/// Numbers that come out the same in every version of every library.
struct Dice(ChaCha8Rng);

impl Dice {
    /// One of so many, from 0.
    fn roll(&mut self, sides: usize) -> usize {
        let drawn = u64::from(self.0.next_u32());
        ((drawn * sides as u64) >> 32) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T], otherwise: T) -> T {
        let place = self.roll(from.len());
        from.get(place).copied().unwrap_or(otherwise)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Pending,
    Blocked,
}

/// A customer about to be written. Its texts are used again for the next one.
struct Customer {
    legal_entity: String,
    number: String,
    is_person: bool,
    is_b2b: bool,
    given: &'static str,
    family: &'static str,
    name: String,
    email: String,
    state: State,
    replaced_by: String,
    changed_at: String,
    culture: &'static Culture,
}

/// How the next customer hangs together with this one.
#[derive(Clone, Copy)]
enum Relation {
    None,
    /// So many more of the household share its address.
    Household(usize),
    /// The same person once more, under another number.
    Twice,
    /// The same person under the number that was promised.
    Replacement,
}

struct People<'a> {
    sample: &'a Sample,
    dice: Dice,
    addresses: Addresses,
    customer: Customer,
    relation: Relation,
}

impl<'a> People<'a> {
    fn new(sample: &'a Sample) -> Self {
        Self {
            sample,
            dice: Dice(ChaCha8Rng::seed_from_u64(sample.seed)),
            addresses: Addresses::default(),
            customer: Customer {
                legal_entity: String::new(),
                number: String::new(),
                is_person: true,
                is_b2b: false,
                given: "",
                family: "",
                name: String::new(),
                email: String::new(),
                state: State::Active,
                replaced_by: String::new(),
                changed_at: String::new(),
                culture: &names::ENGLISH,
            },
            relation: Relation::None,
        }
    }

    /// Makes the customer with this place in the file.
    fn next(&mut self, n: u64, is_last: bool) {
        self.relation = match self.relation {
            Relation::None => {
                self.somebody(n);
                self.begin(is_last)
            }
            Relation::Household(more) => {
                self.same_family(n);
                match more {
                    0 | 1 => Relation::None,
                    more => Relation::Household(more - 1),
                }
            }
            Relation::Twice => {
                self.same_person(n);
                address::respell(&mut self.dice, &mut self.customer.email);
                Relation::None
            }
            Relation::Replacement => {
                let promised = std::mem::take(&mut self.customer.replaced_by);
                self.same_person(n);
                self.customer.number = promised;
                Relation::None
            }
        };
        if let Relation::Replacement = self.relation {
            let promised = number(&self.customer.legal_entity, n + 1);
            self.customer.replaced_by = promised;
            self.customer.number.insert_str(0, "TMP-");
        }
        self.date();
    }

    /// What is to follow a new customer.
    fn begin(&mut self, is_last: bool) -> Relation {
        let is_reachable = self.customer.is_person && self.customer.email.contains('@');
        match self.dice.roll(1000) {
            _ if is_last || !is_reachable => Relation::None,
            0..15 => Relation::Household(1 + self.dice.roll(4)),
            15..27 => Relation::Twice,
            27..35 => Relation::Replacement,
            _ => Relation::None,
        }
    }

    fn somebody(&mut self, n: u64) {
        let dice = &mut self.dice;
        let place = dice.roll(self.sample.legal_entities.len());
        let entity = self.sample.legal_entities.get(place);
        let entity = entity.map_or("USMF", String::as_str);
        let customer = &mut self.customer;
        entity.clone_into(&mut customer.legal_entity);
        customer.culture = dice.pick(names::of(entity), &names::ENGLISH);
        customer.is_person = dice.roll(100) < 90;
        customer.is_b2b = dice.roll(100) < if customer.is_person { 25 } else { 95 };
        let (family, latin_family) = dice.pick(customer.culture.family, ("", ""));
        customer.family = family;
        let latin_given = customer.draw_given(dice);
        customer.write_name();
        customer.number = number(entity, n);
        customer.state = match dice.roll(100) {
            0..3 => State::Pending,
            3..6 => State::Blocked,
            _ => State::Active,
        };
        let person = address::Person {
            given: latin_given,
            family: latin_family,
            n,
            culture: customer.culture,
            is_person: customer.is_person,
        };
        self.addresses.draw(dice, &person, &mut customer.email);
    }

    fn same_family(&mut self, n: u64) {
        self.customer.draw_given(&mut self.dice);
        self.customer.write_name();
        self.same_person(n);
    }

    fn same_person(&mut self, n: u64) {
        self.customer.number = number(&self.customer.legal_entity, n);
        self.customer.replaced_by.clear();
    }

    /// Some second of the three years before October 2026.
    fn date(&mut self) {
        const LAST_DAY: i32 = 2_461_314;
        let day = LAST_DAY - self.dice.roll(1095) as i32;
        let second = self.dice.roll(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let text = &mut self.customer.changed_at;
        text.clear();
        if let Ok(day) = Date::from_julian_day(day) {
            let (year, month, day) = (day.year() as u64, day.month() as u64, day.day());
            for (number, width, end) in [
                (year, 4, '-'),
                (month, 2, '-'),
                (u64::from(day), 2, 'T'),
                (hour as u64, 2, ':'),
                (minute as u64, 2, ':'),
                (second as u64, 2, 'Z'),
            ] {
                push_number(text, number, width);
                text.push(end);
            }
        }
    }
}

impl Customer {
    /// Returns the spelling for addresses.
    fn draw_given(&mut self, dice: &mut Dice) -> &'static str {
        let (given, latin) = dice.pick(self.culture.given, ("", ""));
        self.given = given;
        latin
    }

    fn write_name(&mut self) {
        let (before, behind) = self.culture.company;
        self.name.clear();
        let parts = match (self.is_person, self.culture.order) {
            (false, _) => [before, self.family, behind],
            (true, Order::GivenFirst) => [self.given, " ", self.family],
            (true, Order::FamilyFirst) => [self.family, " ", self.given],
            (true, Order::Joined) => [self.family, self.given, ""],
        };
        parts.iter().for_each(|part| self.name.push_str(part));
    }

    fn write_idlink(&self, out: &mut Vec<u8>) {
        let kind = if self.is_person {
            "person"
        } else {
            "organisation"
        };
        let state = match self.state {
            State::Active => "active",
            State::Pending => "pending",
            State::Blocked => "blocked",
        };
        write_row(
            out,
            &[
                &self.legal_entity,
                &self.number,
                kind,
                if self.is_b2b { "b2b" } else { "b2c" },
                &self.name,
                &self.email,
                state,
                &self.replaced_by,
                &self.changed_at,
            ],
        );
    }

    fn write_dynamics(&self, out: &mut Vec<u8>) {
        let (given, family, company) = match self.is_person {
            true => (self.given, self.family, ""),
            false => ("", "", self.name.as_str()),
        };
        write_row(
            out,
            &[
                &self.number,
                if self.is_b2b { "30" } else { "10" },
                &self.legal_entity,
                self.culture.language,
                &self.name,
                // There, an account that waits for approval is on hold.
                if self.state == State::Active {
                    "No"
                } else {
                    "All"
                },
                company,
                if self.is_person {
                    "Person"
                } else {
                    "Organization"
                },
                given,
                family,
                &self.email,
                "No",
                self.culture.currency,
                if self.is_b2b { "Yes" } else { "No" },
            ],
        );
    }
}

/// `DE-00000017`.
fn number(legal_entity: &str, n: u64) -> String {
    let mut text = String::with_capacity(16);
    text.push_str(legal_entity.get(..2).unwrap_or(legal_entity));
    text.push('-');
    push_number(&mut text, n + 1, 8);
    text
}

fn push_number(text: &mut String, number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut at) = (number, digits.len());
    while rest > 0 || at > digits.len() - width {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
    }
    let written = digits.get(at..).unwrap_or_default();
    text.push_str(std::str::from_utf8(written).unwrap_or_default());
}

fn write_row(out: &mut Vec<u8>, cells: &[&str]) {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        match cell.contains([',', '"', '\n', '\r']) {
            true => {
                out.push(b'"');
                out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
                out.push(b'"');
            }
            false => out.extend_from_slice(cell.as_bytes()),
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};

    use super::*;

    fn written(count: u64, seed: u64, layout: Layout) -> Vec<u8> {
        let sample = Sample {
            count,
            seed,
            legal_entities: LEGAL_ENTITIES.map(str::to_owned).to_vec(),
            layout,
        };
        let mut out = Vec::new();
        sample.write(&mut out).unwrap();
        out
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        let digest = digest(&SHA256, bytes);
        digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Other bytes would make measurements of before and after different
    /// things, and break what others have written down.
    #[test]
    fn the_same_seed_makes_the_same_bytes_for_ever() {
        let cases = [
            (
                Layout::Idlink,
                "a0935c86cb052a6d3106b31401574c846699fdadb27ccf17c115c41ede1317a4",
            ),
            (
                Layout::DynamicsCustomersV3,
                "8ccfd98901e8221384f930809003ae6ce0e46d1858a611de8ac09f783dbca5cf",
            ),
        ];
        for (layout, expected) in cases {
            let first = written(1000, 1, layout);
            assert_eq!(hexadecimal(&first), expected, "{layout:?}");
            assert_ne!(first, written(1000, 2, layout), "another seed");
        }
    }

    #[test]
    fn no_address_can_be_anybodys() {
        let text = String::from_utf8(written(20_000, 3, Layout::Idlink)).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut addresses = 0;
        for row in reader.records() {
            let row = row.unwrap();
            let email = row[5].trim().trim_end_matches('.').to_ascii_lowercase();
            let Some((_, domain)) = email.rsplit_once('@') else {
                continue;
            };
            addresses += 1;
            let domain = domain.trim();
            let reserved = ["example.com", "example.org", "example.net", "example"];
            let is_below = |name: &str| {
                domain
                    .strip_suffix(name)
                    .is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
            };
            assert!(reserved.into_iter().any(is_below), "{domain}");
        }
        assert!(addresses > 18_000, "{addresses}");
    }

    #[test]
    fn everybody_has_a_number_of_their_own_and_old_numbers_lead_to_new_ones() {
        let text = String::from_utf8(written(20_000, 4, Layout::Idlink)).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let numbers: std::collections::BTreeSet<_> = rows
            .iter()
            .map(|row| (row[0].to_owned(), row[1].to_owned()))
            .collect();
        assert_eq!((rows.len(), numbers.len()), (20_000, 20_000));
        let replaced: Vec<_> = rows.iter().filter(|row| !row[7].is_empty()).collect();
        assert!(replaced.len() > 50, "{}", replaced.len());
        for row in replaced {
            assert!(
                numbers.contains(&(row[0].to_owned(), row[7].to_owned())),
                "{row:?}"
            );
        }
    }
}
