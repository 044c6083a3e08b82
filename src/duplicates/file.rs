//! The file that groups leave in and decisions come back with.
//!
//! It goes through a spreadsheet on its way: separators, quotes, line ends and
//! a byte order mark may come back other than they left. What cannot be read
//! rightly is refused with its line, and then nothing of the file is applied.

use std::fmt;
use std::io::{self, Read, Write};

use csv::{ByteRecord, QuoteStyle, Terminator, Writer, WriterBuilder};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::group::{Group, token};
use super::orders::Orders;
use super::records::{MARK, Records, Unreadable};
use super::sheet;
use crate::domain::customer::{
    AddressOrigin, CustomerNumber, CustomerOrigin, CustomerType, LegalEntity,
};

/// What stands in the first line.
pub const COLUMNS: [&str; 15] = [
    "group",
    "legal_entity",
    "email",
    "number",
    "name",
    "type",
    "state",
    "origin",
    "address",
    "last_change",
    "links",
    "last_sign_in",
    "orders",
    "last_order",
    "decision",
];

/// Who reads more than this many problems at once?
const MOST_PROBLEMS: usize = 100;

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    Plain,
    /// For Excel, which otherwise takes UTF-8 for something else.
    ByteOrderMark,
}

/// Writes groups, a line for each customer.
pub struct Export<W: Write> {
    csv: Writer<W>,
}

impl<W: Write> Export<W> {
    pub fn new(mut to: W, beginning: Beginning) -> io::Result<Self> {
        if beginning == Beginning::ByteOrderMark {
            to.write_all(MARK)?;
        }
        let mut csv = WriterBuilder::new()
            .quote_style(QuoteStyle::Always)
            .terminator(Terminator::CRLF)
            .from_writer(to);
        csv.write_record(COLUMNS)?;
        Ok(Self { csv })
    }

    pub fn group(
        &mut self,
        legal_entity: &LegalEntity,
        group: &Group,
        orders: &Orders,
    ) -> io::Result<()> {
        let token = token(legal_entity, &group.members);
        for member in &group.members {
            let (orders, last_order) = orders.of(&member.number);
            let cells = [
                token.as_str(),
                legal_entity.as_str(),
                &member.email,
                member.number.as_str(),
                member.name.as_deref().unwrap_or_default(),
                customer_type(member.customer_type),
                "active",
                origin(member.origin),
                address(member.address_origin),
                &moment(member.changed_at),
                &member.links.len().to_string(),
                &member.last_seen_at.map(moment).unwrap_or_default(),
                orders,
                last_order,
                "",
            ];
            self.csv
                .write_record(cells.map(|text| sheet::cell(text).into_owned()))?;
        }
        Ok(())
    }

    pub fn end(mut self) -> io::Result<W> {
        self.csv.flush()?;
        self.csv.into_inner().map_err(|error| error.into_error())
    }
}

pub fn customer_type(customer_type: CustomerType) -> &'static str {
    match customer_type {
        CustomerType::B2b => "B2B",
        CustomerType::B2c => "B2C",
    }
}

pub fn origin(origin: CustomerOrigin) -> &'static str {
    match origin {
        CustomerOrigin::Import => "import",
        CustomerOrigin::SignUp => "sign-up",
        CustomerOrigin::Staff => "staff",
    }
}

pub fn address(origin: AddressOrigin) -> &'static str {
    match origin {
        AddressOrigin::Imported => "imported",
        AddressOrigin::Proven => "proven",
        AddressOrigin::Typed => "typed",
        AddressOrigin::Wrong => "wrong",
    }
}

fn moment(at: OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

/// What stands in the column `decision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing: the customer stays as it is.
    None,
    Keep,
    MergeInto(CustomerNumber),
    AddressWrong,
}

/// A line of a file that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub line: u64,
    pub group: String,
    pub number: CustomerNumber,
    pub word: Word,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub line: u64,
    pub column: Option<&'static str>,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.message),
            None => write!(f, "line {}: {}", self.line, self.message),
        }
    }
}

/// Everything that is wrong with a file, up to a number that people read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems {
    pub found: Vec<Problem>,
    /// How many there are in all.
    pub count: usize,
}

impl Problems {
    pub(super) fn add(
        &mut self,
        line: u64,
        column: Option<&'static str>,
        message: impl Into<String>,
    ) {
        self.count += 1;
        if self.found.len() < MOST_PROBLEMS {
            self.found.push(Problem {
                line,
                column,
                message: message.into(),
            });
        }
    }

    /// `good`, if nothing is wrong.
    pub(super) fn or<T>(mut self, good: T) -> Result<T, Self> {
        match self.count {
            0 => Ok(good),
            _ => {
                self.found.sort_by_key(|problem| problem.line);
                Err(self)
            }
        }
    }

    fn only(line: u64, message: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(line, None, message);
        problems
    }
}

/// Where the columns that count stand in this file.
struct Header {
    group: usize,
    legal_entity: usize,
    number: usize,
    decision: usize,
    width: usize,
}

/// Reads the lines of a file; it must be one of `legal_entity`.
pub fn read(from: impl Read, legal_entity: &LegalEntity) -> Result<Vec<Line>, Problems> {
    let unreadable = |error: Unreadable| Problems::only(error.line, error.message);
    let mut records = Records::new(from).map_err(unreadable)?;
    let Some((line, first)) = records.next().map_err(unreadable)? else {
        return Err(Problems::only(1, "the file is empty"));
    };
    let header = Header::read(line, first)?;
    let mut problems = Problems::default();
    let mut lines = Vec::new();
    while let Some((line, record)) = records.next().map_err(unreadable)? {
        lines.extend(header.line(line, record, legal_entity, &mut problems));
    }
    problems.or(lines)
}

impl Header {
    fn read(line: u64, record: &ByteRecord) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut place = |name: &'static str| {
            let mut places = record.iter().enumerate().filter_map(|(n, cell)| {
                let cell = cell.trim_ascii();
                cell.eq_ignore_ascii_case(name.as_bytes()).then_some(n)
            });
            let first = places.next();
            if first.is_none() {
                problems.add(line, None, format!("the column `{name}` is missing"));
            }
            if places.next().is_some() {
                problems.add(line, None, format!("the column `{name}` is there twice"));
            }
            first.unwrap_or_default()
        };
        let header = Self {
            group: place("group"),
            legal_entity: place("legal_entity"),
            number: place("number"),
            decision: place("decision"),
            width: record.len(),
        };
        problems.or(header)
    }

    /// The line, if it says something that can be understood.
    fn line(
        &self,
        line: u64,
        record: &ByteRecord,
        legal_entity: &LegalEntity,
        problems: &mut Problems,
    ) -> Option<Line> {
        if record.len() != self.width {
            let (width, found) = (self.width, record.len());
            problems.add(
                line,
                None,
                format!("has {found} cells, and the first line has {width}"),
            );
            return None;
        }
        let mut cell = |at: usize, name: &'static str| {
            let text = std::str::from_utf8(record.get(at).unwrap_or_default());
            match text {
                Ok(text) => Some(sheet::text(text.trim())),
                Err(_) => {
                    problems.add(
                        line,
                        Some(name),
                        "is not in UTF-8: save the file as CSV in UTF-8",
                    );
                    None
                }
            }
        };
        let group = cell(self.group, "group");
        let entity = cell(self.legal_entity, "legal_entity");
        let number = cell(self.number, "number");
        let decision = cell(self.decision, "decision");
        let (group, entity, number, decision) = (group?, entity?, number?, decision?);
        if entity != legal_entity.as_str() {
            let ours = legal_entity.as_str();
            problems.add(
                line,
                Some("legal_entity"),
                format!("is another one than {ours}: nothing is merged across legal entities"),
            );
            return None;
        }
        if group.is_empty() {
            problems.add(line, Some("group"), "is empty");
        }
        let parsed = CustomerNumber::parse(number);
        if parsed.is_none() {
            problems.add(line, Some("number"), "is no customer number");
        }
        let word = Word::read(decision);
        if let Err(message) = &word {
            problems.add(line, Some("decision"), message.clone());
        }
        Some(Line {
            line,
            group: group.to_owned(),
            number: parsed?,
            word: word.ok()?,
        })
    }
}

impl Word {
    fn read(text: &str) -> Result<Self, String> {
        let words: Vec<String> = text
            .split([' ', '_', '-', '\u{A0}'])
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => Ok(Self::None),
            ["keep"] => Ok(Self::Keep),
            ["address", "wrong"] => Ok(Self::AddressWrong),
            ["merge", "into", ..] => merge_target(text),
            _ => Err("must be empty, `keep`, `merge into NUMBER` or `address wrong`".to_owned()),
        }
    }
}

/// What follows the second word, as it is written.
fn merge_target(text: &str) -> Result<Word, String> {
    let into = "into";
    let at = text.to_ascii_lowercase().find(into).unwrap_or_default();
    let number = text.get(at + into.len()..).unwrap_or_default();
    let number = sheet::text(number.trim());
    let target = CustomerNumber::parse(number);
    target
        .map(Word::MergeInto)
        .ok_or_else(|| "names no customer to merge into: `merge into NUMBER`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usmf() -> LegalEntity {
        LegalEntity::parse("USMF").unwrap()
    }

    fn line(line: u64, number: &str, word: Word) -> Line {
        Line {
            line,
            group: "g1".to_owned(),
            number: number_of(number),
            word,
        }
    }

    fn number_of(text: &str) -> CustomerNumber {
        CustomerNumber::parse(text).unwrap()
    }

    fn problems(file: &[u8]) -> Vec<String> {
        let problems = read(file, &usmf()).unwrap_err();
        problems.found.iter().map(Problem::to_string).collect()
    }

    const HEADER: &str = "group,legal_entity,number,decision\n";

    #[test]
    fn a_file_is_read_however_a_spreadsheet_saved_it() {
        let expected = vec![
            line(2, "C1", Word::Keep),
            line(3, "=2", Word::MergeInto(number_of("C1"))),
            line(4, "C3", Word::AddressWrong),
            line(5, "C4", Word::None),
        ];
        let plain = "group,legal_entity,number,name,decision\r\n\
                     g1,USMF,C1,\"Ada, \"\"the\"\" first\",keep\r\n\
                     g1,USMF,'=2,,Merge into C1\r\n\
                     g1,USMF,C3,,address wrong\r\n\
                     g1,USMF,C4,,\r\n";
        let files = [
            ("as we wrote it", plain.to_owned()),
            ("with a mark", format!("\u{FEFF}{plain}")),
            (
                "with semicolons",
                plain.replace(',', ";").replace("Ada;", "Ada,"),
            ),
            (
                "with tabs",
                plain.replace(',', "\t").replace("Ada\t", "Ada,"),
            ),
            ("with other line ends", plain.replace("\r\n", "\n")),
            ("without the last line end", plain.trim_end().to_owned()),
            ("with lines of nothing", format!("{plain},,,,\r\n\r\n")),
        ];
        for (how, file) in files {
            assert_eq!(
                read(file.as_bytes(), &usmf()),
                Ok(expected.clone()),
                "{how}"
            );
        }
    }

    #[test]
    fn decisions_are_words_that_people_type() {
        let into = |number: &str| Ok(Word::MergeInto(number_of(number)));
        let cases = [
            ("", Ok(Word::None)),
            ("  ", Ok(Word::None)),
            ("Keep", Ok(Word::Keep)),
            ("ADDRESS  WRONG", Ok(Word::AddressWrong)),
            ("address_wrong", Ok(Word::AddressWrong)),
            ("merge into C1", into("C1")),
            ("Merge Into  a b-C ", into("a b-C")),
            ("merge into '=1", into("=1")),
            ("merge into into 7", into("into 7")),
        ];
        for (text, expected) in cases {
            assert_eq!(Word::read(text), expected, "{text:?}");
        }
        for text in [
            "kept",
            "merge",
            "merge C1",
            "merge into",
            "delete",
            "wrong",
            "keep C1",
        ] {
            assert!(Word::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_problem_of_a_file_is_said_with_line_and_column() {
        let rows = "g1,USMF,C1,perhaps\n\
                    g1,DEMF,C2,keep\n\
                    g1,USMF,,keep\n\
                    g1,USMF,C3\n\
                    ,USMF,\"C\n4\",keep\n\
                    g1,USMF,C5,merge into\n";
        assert_eq!(
            problems(format!("{HEADER}{rows}").as_bytes()),
            [
                "line 2, column decision: must be empty, `keep`, `merge into NUMBER` or `address \
                 wrong`",
                "line 3, column legal_entity: is another one than USMF: nothing is merged across \
                 legal entities",
                "line 4, column number: is no customer number",
                "line 5: has 3 cells, and the first line has 4",
                "line 6, column group: is empty",
                "line 6, column number: is no customer number",
                "line 8, column decision: names no customer to merge into: `merge into NUMBER`",
            ]
        );
    }

    #[test]
    fn what_is_no_such_file_is_refused_in_words() {
        let long = format!("{HEADER}g1,USMF,\"{}", "x\n".repeat(1_000_000));
        let wide = format!("{HEADER}g1,USMF,{},keep\n", "x".repeat(10_000_000));
        let missing = "\
            the record that begins here is longer than 262144 bytes; is a quote missing?";
        let cases: [(&str, Vec<u8>, Vec<String>); 9] = [
            (
                "nothing",
                b"".to_vec(),
                vec!["line 1: the file is empty".to_owned()],
            ),
            (
                "another file",
                b"a,b\n1,2\n".to_vec(),
                ["group", "legal_entity", "number", "decision"]
                    .map(|name| format!("line 1: the column `{name}` is missing"))
                    .into(),
            ),
            (
                "a column twice",
                b"group,legal_entity,number,decision,Decision\n".to_vec(),
                vec!["line 1: the column `decision` is there twice".to_owned()],
            ),
            (
                "UTF-16",
                b"\xFF\xFEg\0r\0".to_vec(),
                vec!["line 1: the file is in UTF-16: save it as CSV in UTF-8".to_owned()],
            ),
            (
                "Windows-1252",
                [HEADER.as_bytes(), b"g1,USMF,M\xFCller,keep\n"].concat(),
                vec![
                    "line 2, column number: is not in UTF-8: save the file as CSV in UTF-8"
                        .to_owned(),
                ],
            ),
            (
                "NUL",
                [HEADER.as_bytes(), b"g1,USMF,C\x001,keep\n"].concat(),
                vec!["line 2, column number: is no customer number".to_owned()],
            ),
            (
                "no end",
                long.into_bytes(),
                vec![format!("line 2: {missing}")],
            ),
            (
                "a cell of 10 MB",
                wide.into_bytes(),
                vec![format!("line 2: {missing}")],
            ),
            (
                "a number of 101 characters",
                format!("{HEADER}g1,USMF,{},keep\n", "9".repeat(101)).into_bytes(),
                vec!["line 2, column number: is no customer number".to_owned()],
            ),
        ];
        for (what, file, expected) in cases {
            assert_eq!(problems(&file), expected, "{what}");
        }
    }

    #[test]
    fn a_file_that_is_all_wrong_is_not_all_repeated() {
        let file = format!("{HEADER}{}", "g1,USMF,C1,never\n".repeat(5_000));
        let problems = read(file.as_bytes(), &usmf()).unwrap_err();
        assert_eq!((problems.found.len(), problems.count), (100, 5_000));
    }
}
