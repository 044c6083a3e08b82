//! All customers at once, in a few bytes each: what the rules ask of them, a
//! digest in place of the address, and their numbers.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use uuid::Uuid;

use super::SimulateError;
use super::domains::{Domains, Standing};
use crate::domain::customer::{
    AddressOrigin, Customer, CustomerId, CustomerKind, CustomerNumber, CustomerState, CustomerType,
    LegalEntity, Occupancy,
};
use crate::domain::email::Email;
use crate::import::row::{CustomerRecord, FileAddress, FileState};
use crate::store::census::CustomerFacts;

/// What can be compared of a customer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Absent,
    /// Quoted, not in ASCII before the @, or otherwise without one spelling.
    NotComparable,
    Comparable,
}

/// Whether somebody can be expected behind the address for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    Lasting,
    Relay,
    Disposable,
}

/// A customer, as far as the rules look.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// Of the address; equal for equal ones.
    digest: u64,
    /// Where its number is; also its place among all that were read.
    number: u32,
    entity: u16,
    pub kind: CustomerKind,
    pub customer_type: CustomerType,
    pub state: CustomerState,
    pub origin: Option<AddressOrigin>,
    pub reach: Reach,
    pub worth: Worth,
    /// Whether an identity is linked to it already.
    pub is_linked: bool,
}

impl Person {
    pub(super) fn entity(&self) -> usize {
        usize::from(self.entity)
    }

    /// The order in which customers were read.
    pub(super) fn place(&self) -> u32 {
        self.number
    }

    pub(super) fn is_candidate_of_some_site(&self) -> bool {
        self.state == CustomerState::Active
            && self.kind == CustomerKind::Person
            && self.reach == Reach::Comparable
    }

    /// As the rules are asked about it. By its place it is known again.
    pub(super) fn customer(&self, number: &CustomerNumber) -> Customer {
        Customer {
            id: CustomerId(Uuid::from_u128(u128::from(self.number))),
            number: number.clone(),
            kind: self.kind,
            customer_type: self.customer_type,
            state: self.state,
            address_origin: self.origin,
            occupancy: Occupancy::Free,
        }
    }
}

/// Customers of some legal entities.
pub struct Population {
    entities: Vec<LegalEntity>,
    people: Vec<Person>,
    numbers: Vec<u8>,
    /// Always the same, so that tables come out in the same order.
    hasher: BuildHasherDefault<DefaultHasher>,
    pub(super) domains: Domains,
    /// Rows that say no customer, by legal entity, and of nobody's that is
    /// known.
    pub(super) unreadable: Vec<u64>,
    pub(super) unreadable_of_nobody: u64,
    /// Rows in place of which a later one of the same number counts.
    pub(super) superseded: u64,
    /// Rows of legal entities that nobody asked about.
    others: BTreeMap<LegalEntity, u64>,
}

/// Of so many others the rows are told apart: a column of something else
/// altogether must not take all memory.
const MOST_OTHERS: usize = 100;

impl Population {
    /// An empty one. Customers of others are not counted.
    pub fn of(entities: Vec<LegalEntity>) -> Self {
        Self {
            unreadable: vec![0; entities.len()],
            entities,
            people: Vec::new(),
            numbers: Vec::new(),
            hasher: BuildHasherDefault::new(),
            domains: Domains::default(),
            unreadable_of_nobody: 0,
            superseded: 0,
            others: BTreeMap::new(),
        }
    }

    pub fn entities(&self) -> &[LegalEntity] {
        &self.entities
    }

    pub fn people(&self) -> &[Person] {
        &self.people
    }

    pub fn number(&self, person: &Person) -> &str {
        let at = person.number as usize;
        let length = self.numbers.get(at).copied().unwrap_or_default();
        let text = self.numbers.get(at + 1..at + 1 + usize::from(length));
        std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default()
    }

    /// Rows that say no customer, and not whose they are.
    pub fn nobodys_rows(&self) -> u64 {
        self.unreadable_of_nobody
    }

    /// Rows in place of which a later one of the same number counts.
    pub fn superseded_rows(&self) -> u64 {
        self.superseded
    }

    /// Rows of files that are of other legal entities, by which; beyond a
    /// hundred of them, with one of the hundred.
    pub fn others(&self) -> impl Iterator<Item = (&LegalEntity, u64)> {
        self.others.iter().map(|(entity, count)| (entity, *count))
    }

    fn place_of(&self, entity: &LegalEntity) -> Option<u16> {
        u16::try_from(LegalEntity::place_in(&self.entities, entity)?).ok()
    }

    fn count_other(&mut self, entity: &LegalEntity) {
        if let Some(count) = self.others.get_mut(entity) {
            *count += 1;
        } else if self.others.len() < MOST_OTHERS {
            self.others.insert(entity.clone(), 1);
        } else if let Some(mut last) = self.others.last_entry() {
            *last.get_mut() += 1;
        }
    }

    /// Adds a customer of a file; `entity` where the file leaves that open.
    pub fn add_record(
        &mut self,
        record: &CustomerRecord,
        entity: Option<&LegalEntity>,
    ) -> Result<(), SimulateError> {
        let Some(named) = record.legal_entity.as_deref().or(entity) else {
            self.unreadable_of_nobody += 1;
            return Ok(());
        };
        let Some(entity) = self.place_of(named) else {
            self.count_other(named);
            return Ok(());
        };
        let state = match (&record.replaced_by, record.state) {
            (Some(_), _) => CustomerState::Merged,
            (None, FileState::Active) => CustomerState::Active,
            (None, FileState::Pending) => CustomerState::Pending,
            (None, FileState::Blocked) => CustomerState::Blocked,
        };
        let address = match &record.email {
            FileAddress::Absent => Err(Reach::Absent),
            FileAddress::NotComparable(_) => Err(Reach::NotComparable),
            FileAddress::Comparable(email) => Ok(email.canonical()),
        };
        self.add(
            &record.number,
            address,
            Person {
                digest: 0,
                number: 0,
                entity,
                kind: record.kind,
                customer_type: record.customer_type,
                state,
                origin: address.is_ok().then_some(AddressOrigin::Imported),
                reach: Reach::Absent,
                worth: Worth::Lasting,
                is_linked: false,
            },
        )
    }

    /// Adds a customer of the database.
    pub fn add_facts(&mut self, facts: &CustomerFacts<'_>) -> Result<(), SimulateError> {
        let Some(entity) = self.place_of(&facts.legal_entity) else {
            return Ok(());
        };
        let address = match (facts.email_canonical, facts.has_email) {
            (Some(canonical), _) => Ok(canonical),
            (None, true) => Err(Reach::NotComparable),
            (None, false) => Err(Reach::Absent),
        };
        self.add(
            &facts.number,
            address,
            Person {
                digest: 0,
                number: 0,
                entity,
                kind: facts.kind,
                customer_type: facts.customer_type,
                state: facts.state,
                origin: facts.address_origin,
                reach: Reach::Absent,
                worth: Worth::Lasting,
                is_linked: facts.is_linked,
            },
        )
    }

    /// Counts a row that says no customer.
    pub fn add_unreadable(&mut self, entity: Option<&LegalEntity>) {
        match entity.map(|entity| (entity, self.place_of(entity))) {
            Some((other, None)) => self.count_other(other),
            Some((_, Some(place))) => {
                if let Some(count) = self.unreadable.get_mut(usize::from(place)) {
                    *count += 1;
                }
            }
            None => self.unreadable_of_nobody += 1,
        }
    }

    fn add(
        &mut self,
        number: &CustomerNumber,
        address: Result<&str, Reach>,
        mut person: Person,
    ) -> Result<(), SimulateError> {
        let text = number.as_str().as_bytes();
        let length = u8::try_from(text.len()).map_err(|_| SimulateError::TooMany)?;
        person.number = u32::try_from(self.numbers.len()).map_err(|_| SimulateError::TooMany)?;
        match address {
            Err(reach) => person.reach = reach,
            Ok(canonical) => {
                person.reach = Reach::Comparable;
                person.digest = self.hasher.hash_one(canonical);
                let domain = canonical.rsplit_once('@').map_or("", |(_, domain)| domain);
                person.worth = match self.domains.count(domain) {
                    Standing::Lasting => Worth::Lasting,
                    Standing::Relay => Worth::Relay,
                    Standing::Disposable => Worth::Disposable,
                };
            }
        }
        self.numbers.push(length);
        self.numbers.extend_from_slice(text);
        self.people.push(person);
        Ok(())
    }

    /// Puts customers of one address side by side, and leaves one of each
    /// number: the last, as an import does.
    pub fn settle(&mut self) {
        let mut by_number: Vec<(u64, u32, u32)> = Vec::with_capacity(self.people.len());
        for (at, person) in self.people.iter().enumerate() {
            let key = (person.entity, self.number(person));
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            by_number.push((self.hasher.hash_one(key), person.number, at));
        }
        by_number.sort_unstable();
        let mut is_superseded = vec![false; self.people.len()];
        for pair in by_number.windows(2) {
            if let [(digest, _, at), (next, _, _)] = pair
                && digest == next
                && let Some(slot) = is_superseded.get_mut(*at as usize)
            {
                *slot = true;
                self.superseded += 1;
            }
        }
        drop(by_number);
        let mut superseded = is_superseded.into_iter();
        self.people
            .retain(|_| !superseded.next().unwrap_or_default());
        self.people.sort_unstable_by_key(Person::key);
    }

    /// Customers in groups that share an address within their legal entity.
    /// Who has none is a group of their own. Only after [`Self::settle`].
    pub fn groups(&self) -> impl Iterator<Item = &[Person]> {
        self.people.chunk_by(|one, other| {
            one.reach == Reach::Comparable
                && other.reach == Reach::Comparable
                && (one.entity, one.digest) == (other.entity, other.digest)
        })
    }

    /// The customers of a legal entity with an address.
    pub fn with_address(&self, entity: &LegalEntity, email: &Email) -> &[Person] {
        let Some(entity) = self.place_of(entity) else {
            return &[];
        };
        let digest = self.hasher.hash_one(email.canonical());
        let wanted = (entity, true, digest);
        let begin = self
            .people
            .partition_point(|person| person.group_key() < wanted);
        let behind = self.people.get(begin..).unwrap_or_default();
        let count = behind.partition_point(|person| person.group_key() == wanted);
        behind.get(..count).unwrap_or_default()
    }
}

impl Person {
    fn group_key(&self) -> (u16, bool, u64) {
        (self.entity, self.reach == Reach::Comparable, self.digest)
    }

    fn key(&self) -> (u16, bool, u64, u32) {
        let (entity, comparable, digest) = self.group_key();
        (entity, comparable, digest, self.number)
    }
}
