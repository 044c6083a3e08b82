//! Files read and staged: rows checked against what the operator allowed, and
//! handed to the lanes in the bytes that the store takes.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::ImportError;
use super::engine::{Plan, Shared};
use super::row::{CustomerRecord, FileAddress, Rejected, Row, Rows};
use super::seen::Seen;
use crate::domain::customer::{CustomerNumber, LegalEntity};
use crate::store::imports::{Staged, StagedEmail, lane_of, row_no};

/// How many bytes of rows go to the database at once.
const PORTION: usize = 128 * 1024;

/// How many rows lie between two looks at how far the file is read.
const STRIDE: u64 = 4096;

/// As many digits as `number_width` may say; the sequence goes on for longer.
const MOST_DIGITS: usize = 18;

/// A file that is open for reading.
pub struct Input<T> {
    /// What messages call it.
    pub name: String,
    pub rows: Box<dyn Rows<T>>,
}

/// Takes what is not taken in.
pub trait Rejects: Send {
    fn reject(&mut self, file: &str, rejected: &Rejected) -> io::Result<()>;
}

/// How a legal entity writes the numbers that it gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) prefix: String,
    pub(super) width: usize,
}

impl Format {
    /// The place in the sequence of a number of this format. One of more digits
    /// than any legal entity may ask for has none: passing over it would leave
    /// the sequence next to nothing.
    pub(super) fn value(&self, number: &CustomerNumber) -> Option<i64> {
        let digits = number.as_str().strip_prefix(&self.prefix)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let fits = match digits.len() {
            length if length == self.width => true,
            length => length > self.width && !digits.starts_with('0'),
        };
        (plain && fits && digits.len() <= MOST_DIGITS)
            .then(|| digits.parse().ok())
            .flatten()
    }
}

/// What was read for one legal entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Rows that were taken in.
    pub(super) rows: u64,
    /// The highest number of the entity's own format.
    pub(super) highest: Option<i64>,
}

/// What reading came to.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// By the place of the legal entity in the plan.
    pub(super) read: Vec<Read>,
    pub(super) rejected: u64,
    /// Whether a rejected row is nobody's that could be named.
    pub(super) anonymous: bool,
    /// Whether a number may stand in several rows.
    pub(super) repeats: bool,
    /// Whether some number has been replaced by another.
    pub(super) replaced: bool,
}

/// Where the legal entity of a row is in the plan.
pub(super) fn place(plan: &[LegalEntity], named: Option<&LegalEntity>) -> Result<usize, String> {
    match (named, plan) {
        (None, [_]) => Ok(0),
        (None, _) => {
            Err("the file has no column for the legal entity, and several were named".to_owned())
        }
        (Some(named), plan) => LegalEntity::place_in(plan, named).ok_or_else(|| {
            format!(
                "is of the legal entity {}, which --legal-entity does not name",
                named.as_str()
            )
        }),
    }
}

/// One run over the files.
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    formats: &'a [Format],
    lanes: Vec<mpsc::Sender<Vec<u8>>>,
    portions: Vec<Vec<u8>>,
    seen: Seen,
    intake: Intake,
    rows: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        shared: &'a Shared,
        formats: &'a [Format],
        lanes: Vec<mpsc::Sender<Vec<u8>>>,
    ) -> Self {
        Self {
            portions: lanes.iter().map(|_| Vec::with_capacity(PORTION)).collect(),
            intake: Intake {
                read: plan
                    .legal_entities
                    .iter()
                    .map(|_| Read::default())
                    .collect(),
                ..Intake::default()
            },
            seen: Seen::new(),
            plan,
            shared,
            formats,
            lanes,
            rows: 0,
        }
    }

    /// Reads everything. Runs on a thread that may wait.
    pub(super) fn read(
        mut self,
        inputs: Vec<Input<CustomerRecord>>,
    ) -> Result<Intake, ImportError> {
        for (file, mut input) in inputs.into_iter().enumerate() {
            loop {
                let row = input
                    .rows
                    .next_row()
                    .map_err(|problem| ImportError::Unreadable {
                        file: input.name.clone(),
                        problem,
                    })?;
                match row {
                    None => break,
                    Some(Row::Good { line, record }) => {
                        self.take(file, &input, line, &record)?;
                    }
                    Some(Row::Bad(rejected)) => self.turn_away(file, &input.name, rejected)?,
                }
                self.rows += 1;
                if self.rows.is_multiple_of(STRIDE) {
                    self.shared.read(self.rows);
                }
            }
        }
        self.shared.read(self.rows);
        for lane in 0..self.lanes.len() {
            self.hand_over(lane)?;
        }
        Ok(self.intake)
    }

    fn take(
        &mut self,
        file: usize,
        input: &Input<CustomerRecord>,
        line: u64,
        record: &CustomerRecord,
    ) -> Result<(), ImportError> {
        let (name, named) = (&input.name, record.legal_entity.as_deref());
        let refuse = |column: Option<&str>, reason: String| Rejected {
            line,
            column: column.map(str::to_owned),
            reason,
            number: Some(record.number.clone()),
            legal_entity: record.legal_entity.clone(),
            original: input.rows.original().map(Box::new),
        };
        let place = match place(&self.plan.legal_entities, named) {
            Ok(place) => place,
            Err(reason) => return self.turn_away(file, name, refuse(None, reason)),
        };
        let Some(entity) = self.plan.legal_entities.get(place) else {
            return Ok(());
        };
        let repeats = self.seen.note((place, record.number.as_str()));
        let lane = lane_of(&record.number) % self.lanes.len();
        let staged = Staged {
            row_no: row_no(file, line),
            legal_entity: entity,
            number: &record.number,
            repeats,
            kind: record.kind,
            customer_type: record.customer_type,
            name: record.name.as_deref(),
            email: match &record.email {
                FileAddress::Absent => StagedEmail::Absent,
                FileAddress::Comparable(email) => StagedEmail::Comparable(email),
                FileAddress::NotComparable(text) => StagedEmail::NotComparable(text),
            },
            state: record.state.as_str(),
            replaced_by: record.replaced_by.as_ref(),
            changed_at: record.changed_at,
        };
        let Some(portion) = self.portions.get_mut(lane) else {
            return Ok(());
        };
        if let Err(problem) = staged.write(portion) {
            return self.turn_away(file, name, refuse(None, problem.to_string()));
        }
        self.intake.repeats |= repeats;
        self.intake.replaced |= record.replaced_by.is_some();
        if let Some(read) = self.intake.read.get_mut(place) {
            read.rows += 1;
            let value = self.formats.get(place);
            let value = value.and_then(|format| format.value(&record.number));
            read.highest = read.highest.max(value);
        }
        self.hand_over_if_full(lane)
    }

    /// Reports a row, and keeps the number that it names from seeming gone.
    fn turn_away(
        &mut self,
        file: usize,
        name: &str,
        rejected: Rejected,
    ) -> Result<(), ImportError> {
        self.intake.rejected += 1;
        self.shared.reject(name, &rejected)?;
        if self.intake.rejected > self.plan.max_errors {
            return Err(ImportError::TooManyRejected {
                limit: self.plan.max_errors,
            });
        }
        let named = rejected.legal_entity.as_deref();
        let place = place(&self.plan.legal_entities, named);
        match (&rejected.number, place) {
            (Some(number), Ok(place)) => {
                let lane = lane_of(number) % self.lanes.len();
                let entity = self.plan.legal_entities.get(place);
                if let (Some(entity), Some(portion)) = (entity, self.portions.get_mut(lane)) {
                    let row_no = row_no(file, rejected.line);
                    Staged::write_rejected(portion, row_no, entity, number);
                }
                self.hand_over_if_full(lane)
            }
            // Another legal entity's: nobody of ours can be meant.
            (Some(_), Err(_)) if named.is_some() => Ok(()),
            (None, _) | (Some(_), Err(_)) => {
                self.intake.anonymous = true;
                Ok(())
            }
        }
    }

    fn hand_over_if_full(&mut self, lane: usize) -> Result<(), ImportError> {
        match self.portions.get(lane) {
            Some(portion) if portion.len() >= PORTION - 4096 => self.hand_over(lane),
            Some(_) | None => Ok(()),
        }
    }

    fn hand_over(&mut self, lane: usize) -> Result<(), ImportError> {
        let (Some(portion), Some(sender)) = (self.portions.get_mut(lane), self.lanes.get(lane))
        else {
            return Ok(());
        };
        let full = std::mem::replace(portion, Vec::with_capacity(PORTION));
        // Nobody takes it: the lane has failed, and says why itself.
        sender
            .blocking_send(full)
            .map_err(|_| ImportError::LaneClosed)
    }
}

/// The name of a file by its place.
pub(super) fn names<T>(inputs: &[Input<T>]) -> Arc<[String]> {
    inputs.iter().map(|input| input.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_the_entitys_own_format_has_a_place_in_its_sequence() {
        let format = Format {
            prefix: "C".to_owned(),
            width: 6,
        };
        let cases = [
            ("C000123", Some(123)),
            ("C1234567", Some(1_234_567)),
            ("C0123456", None),
            ("C123", None),
            ("D000123", None),
            ("C00012A", None),
            ("C99999999999999999999", None),
            ("C999999999999999999", Some(999_999_999_999_999_999)),
            ("C9223372036854775807", None),
        ];
        for (number, expected) in cases {
            let parsed = CustomerNumber::parse(number).unwrap();
            assert_eq!(format.value(&parsed), expected, "{number}");
        }
    }

    #[test]
    fn the_operator_says_whose_rows_are_taken() {
        let [usmf, demf, frsi] = ["USMF", "DEMF", "FRSI"].map(|c| LegalEntity::parse(c).unwrap());
        let both = [usmf.clone(), demf.clone()];
        assert_eq!(place(&both[..1], None), Ok(0));
        assert_eq!(place(&both, Some(&demf)), Ok(1));
        assert!(place(&both, None).is_err());
        assert_eq!(
            place(&both, Some(&frsi)),
            Err("is of the legal entity FRSI, which --legal-entity does not name".to_owned())
        );
    }
}
