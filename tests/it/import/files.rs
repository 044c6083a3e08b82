//! Files as systems and people leave them, and what becomes of each row.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use idlink::domain::customer::{CustomerKind, CustomerNumber, CustomerType};
use idlink::import::customer_rows::CustomerRows;
use idlink::import::encoding::Encoding;
use idlink::import::meter::Meter;
use idlink::import::profile::Profile;
use idlink::import::reject::RejectFile;
use idlink::import::row::{CustomerRecord, FileAddress, FileState, Original, Rejected, Row, Rows};
use idlink::import::source::Source;
use idlink::import::table::Reading;

use crate::support::program::Folder;

const HEADER: &str = "legal_entity,customer_number,kind,type,name,email\n";

fn idlink() -> Reading {
    Reading::of(Profile::idlink())
}

/// What became of a row, in a line.
fn said(row: &Row<CustomerRecord>) -> String {
    match row {
        Row::Good { line, record } => {
            let email = match &record.email {
                FileAddress::Absent => "-",
                FileAddress::Comparable(email) => email.canonical(),
                FileAddress::NotComparable(_) => "not comparable",
            };
            let name = record.name.as_deref().unwrap_or("-");
            format!("{line} {} {email} {name}", record.number)
        }
        Row::Bad(rejected) => {
            let column = rejected.column.as_deref().unwrap_or("-");
            format!("{} !{column}: {}", rejected.line, rejected.reason)
        }
    }
}

/// All rows, and why there are no more where that was not the end.
fn read_all(mut rows: CustomerRows) -> (Vec<String>, Option<String>) {
    let mut all = Vec::new();
    loop {
        match rows.next_row() {
            Ok(None) => return (all, None),
            Ok(Some(row)) => all.push(said(&row)),
            Err(error) => return (all, Some(error.to_string())),
        }
    }
}

struct File {
    folder: Folder,
    path: PathBuf,
}

impl File {
    fn new(content: &[u8]) -> Self {
        let folder = Folder::new();
        let path = folder.0.join("customers.csv");
        std::fs::write(&path, content).unwrap();
        Self { folder, path }
    }

    fn open(&self, reading: &Reading) -> Result<CustomerRows, String> {
        let source = Source::File(self.path.clone());
        CustomerRows::open(&source, reading, &Meter::default()).map_err(|error| error.to_string())
    }

    fn rows(&self, reading: &Reading) -> (Vec<String>, Option<String>) {
        read_all(self.open(reading).unwrap())
    }
}

fn rows(content: impl AsRef<[u8]>) -> Vec<String> {
    let (rows, end) = File::new(content.as_ref()).rows(&idlink());
    assert_eq!(end, None);
    rows
}

fn refusal(content: impl AsRef<[u8]>) -> String {
    refusal_of(content, &idlink())
}

fn refusal_of(content: impl AsRef<[u8]>, reading: &Reading) -> String {
    let file = File::new(content.as_ref());
    match file.open(reading) {
        Err(error) => error,
        Ok(_) => file.rows(reading).1.unwrap(),
    }
}

fn good(line: u64, number: &str) -> String {
    format!(
        "{line} {number} {}@example.org Ada",
        number.to_ascii_lowercase()
    )
}

fn customer(number: &str) -> String {
    let local = number.to_ascii_lowercase();
    format!("USMF,{number},person,b2c,Ada,{local}@example.org")
}

#[test]
fn a_plain_file_is_read_whatever_ends_its_lines() {
    let (one, two, three) = (customer("C1"), customer("C2"), customer("C3"));
    let expected = [good(2, "C1"), good(3, "C2"), good(4, "C3")];
    let header = HEADER.trim_end();
    for (why, text) in [
        ("feeds", format!("{header}\n{one}\n{two}\n{three}\n")),
        ("no last one", format!("{header}\n{one}\n{two}\n{three}")),
        ("both", format!("{header}\r\n{one}\r\n{two}\r\n{three}\r\n")),
        ("returns", format!("{header}\r{one}\r{two}\r{three}\r")),
        ("mixed", format!("{header}\r\n{one}\n{two}\r{three}\r\n")),
        (
            "a mark",
            format!("\u{FEFF}{header}\n{one}\n{two}\n{three}\n"),
        ),
    ] {
        assert_eq!(rows(text), expected, "{why}");
    }
}

#[test]
fn cells_may_hold_whatever_is_quoted() {
    let text = format!(
        "{HEADER}\
         USMF,C1,person,b2c,\"Ada, \"\"Countess\"\"\",c1@example.org\n\
         USMF,C2,person,b2c,\"Ada\r\nof\nLovelace\",c2@example.org\n\
         USMF,C3,person,b2c,O\"Neil,c3@example.org\n\
         \"USMF\",\"C4\",\"person\",\"b2c\",\"\",\"c4@example.org\"\n\
         {}\n",
        customer("C5")
    );
    assert_eq!(
        rows(text),
        [
            "2 C1 c1@example.org Ada, \"Countess\"",
            "3 C2 c2@example.org Ada of Lovelace",
            "6 C3 c3@example.org O\"Neil",
            "7 C4 c4@example.org -",
            "8 C5 c5@example.org Ada",
        ]
    );
}

/// The library that cuts cells reads on behind a closing quote: one that was
/// forgotten takes in the next customers, and their number of cells may fit.
#[test]
fn a_forgotten_quote_hides_no_customer() {
    let text = "email,legal_entity,customer_number,kind,type,name\n\
                a@example.org,USMF,C1,person,b2c,\"Ada\n\
                b@example.org,USMF,C2,person,b2c,\"Bob\"\n\
                c@example.org,USMF,C3,person,b2c,Cy\n";
    let (all, end) = File::new(text.as_bytes()).rows(&idlink());
    assert_eq!(
        (all, end),
        (
            vec![
                "2 !-: has text behind the closing quote of a cell: a quote is missing, or one \
                 that belongs to the text is not doubled; it goes on to line 3"
                    .to_owned(),
                "4 C3 c@example.org Cy".to_owned(),
            ],
            None
        )
    );
}

#[test]
fn a_quote_that_is_never_closed_ends_the_reading_with_an_error() {
    let text = format!(
        "{HEADER}{}\nUSMF,C2,person,b2c,Ada,\"c2@example.org\n{}\n",
        customer("C1"),
        customer("C3")
    );
    let (all, end) = File::new(text.as_bytes()).rows(&idlink());
    assert_eq!(all, [good(2, "C1")]);
    assert_eq!(
        end.unwrap(),
        "line 3: a quote begins a cell here or further down and is never closed, \
         so that everything behind it would be one cell; close it, or double it if it belongs to \
         the text"
    );
}

#[test]
fn rows_of_another_width_are_rejected_and_blank_ones_passed_over() {
    let text = format!(
        "{HEADER}\nUSMF,C1,person\n   \n{},x,y\n,,,,,\n{},x\n{}\n\n\n",
        customer("C2"),
        customer("C3"),
        customer("C4")
    );
    assert_eq!(
        rows(text),
        [
            "3 !-: has 3 cells, and the headings are 6".to_owned(),
            "5 !-: has more cells than the 6 headings".to_owned(),
            "7 !-: has 7 cells, and the headings are 6".to_owned(),
            good(8, "C4"),
        ]
    );
}

#[test]
fn each_bad_value_is_named_by_line_column_and_reason() {
    let cases = [
        (",C1,person,b2c,Ada,", "!legal_entity: is empty"),
        (
            "US MF,C1,person,b2c,Ada,",
            "!legal_entity: must be 1 to 32 letters, digits, `-` and `_`",
        ),
        ("USMF,,person,b2c,Ada,", "!customer_number: is empty"),
        (
            "USMF,=1+1,person,b2c,Ada,",
            "!customer_number: is a formula: export the number itself, as text",
        ),
        (
            "USMF,C\u{1B}[1m,person,b2c,Ada,",
            "!customer_number: holds a control character",
        ),
        (
            "USMF,C1,robot,b2c,Ada,",
            "!kind: must be one of person, organisation, organization",
        ),
        ("USMF,C1,,b2c,Ada,", "!kind: is empty"),
        ("USMF,C1,person,,Ada,", "!type: is empty"),
        ("USMF,C1,person,b2d,Ada,", "!type: must be one of b2b, b2c"),
        ("USMF,C1,person,b2c,A\0da,", "!name: holds a NUL character"),
        (
            "USMF,C1,person,b2c,\u{9B}31mAda,",
            "!name: holds a control character",
        ),
        (
            "USMF,C1,person,b2c,A\u{FFFD}da,",
            "!name: holds U+FFFD, which stands for a letter that was lost elsewhere",
        ),
        (
            "USMF,C1,person,b2c,Ada,ada.example.org",
            "!email: is no e-mail address: it has no @",
        ),
        (
            "USMF,C1,person,b2c,Ada,ada@example.org;b@example.org",
            "!email: holds several addresses, or more than an address",
        ),
        (
            "USMF,C1,person,b2c,Ada,a da@example.org",
            "!email: is no e-mail address: there is a blank in it",
        ),
        (
            "USMF,C1,person,b2c,Ada,ada@example.org.",
            "!email: is no e-mail address: it ends with a dot",
        ),
        (
            "USMF,C1,person,b2c,Ada,ada@@example.org",
            "!email: is no e-mail address: it has more than one @",
        ),
        (
            "USMF,C1,person,b2c,Ada,ada@-x.org",
            "!email: is no e-mail address",
        ),
    ];
    for (row, expected) in cases {
        let all = rows(format!("{HEADER}{row}\n{}\n", customer("C2")));
        assert_eq!(all, [format!("2 {expected}"), good(3, "C2")], "{row:?}");
    }
}

#[test]
fn a_bad_row_still_says_whose_it_is() {
    let text = format!("{HEADER}USMF,C1,person,b2c,Ada,nowhere\n");
    let file = File::new(text.as_bytes());
    let row = file.open(&idlink()).unwrap().next_row();
    let Ok(Some(Row::Bad(rejected))) = row else {
        panic!("{row:?}");
    };
    assert_eq!(rejected.number.unwrap().as_str(), "C1");
    assert_eq!(rejected.legal_entity.unwrap().as_str(), "USMF");
}

#[test]
fn addresses_that_cannot_be_compared_are_kept_and_missing_ones_are_none() {
    let text = format!(
        "{HEADER}USMF,C1,person,b2c,Ada,\"\"\"a b\"\"@example.org\"\n\
         USMF,C2,person,b2c,Ada,\n\
         USMF,C3,person,b2c,Ada,  ADA@Bücher.Example \n"
    );
    assert_eq!(
        rows(text),
        [
            "2 C1 not comparable Ada",
            "3 C2 - Ada",
            "4 C3 ada@xn--bcher-kva.example Ada",
        ]
    );
}

#[test]
fn formulas_are_text_like_any_other() {
    let text = format!("{HEADER}USMF,C1,person,b2c,=HYPERLINK(0),c1@example.org\n");
    assert_eq!(rows(text), ["2 C1 c1@example.org =HYPERLINK(0)"]);
}

#[test]
fn a_row_that_is_too_long_is_passed_over_in_constant_memory() {
    let huge = "x".repeat(10 * 1024 * 1024);
    let commas = ",".repeat(3 * 1024 * 1024);
    let text = format!(
        "{HEADER}USMF,C1,person,b2c,\"{huge}\n\",c1@example.org\n{commas}\n{}\n",
        customer("C2")
    );
    assert_eq!(
        rows(text),
        [
            "2 !-: is longer than 1048576 bytes: is a quote missing?; it goes on to line 4"
                .to_owned(),
            "4 !-: is longer than 1048576 bytes: is a quote missing?; it goes on to line 5"
                .to_owned(),
            good(5, "C2"),
        ]
    );
}

#[test]
fn headings_may_stand_in_any_order_and_spelling_beside_others() {
    let text = "Phone; E-Mail ;EMAIL; Customer_Number;KIND;Type\n\
                1;2;c1@example.org;C1;Person;B2C\n";
    assert_eq!(rows(text), ["2 C1 c1@example.org -"]);
    for delimiter in [";", "\t", "|"] {
        let text = format!("{HEADER}{}\n", customer("C1")).replace(',', delimiter);
        assert_eq!(rows(text), [good(2, "C1")], "{delimiter}");
    }
    let text = format!("{HEADER}{}\n", customer("C1")).replace(',', ";");
    assert_eq!(rows(format!("sep=;\r\n{text}")), [good(3, "C1")]);
    let mut wrong = idlink();
    wrong.delimiter = Some(b'\t');
    assert_eq!(
        refusal_of(text, &wrong),
        "the headings are separated by semicolons, not by tabs: name them with \
         --delimiter"
    );
}

#[test]
fn files_without_the_headings_that_are_needed_are_refused() {
    let cases = [
        ("", "is empty"),
        ("\n\r\n\n", "is empty"),
        ("\u{FEFF}", "is empty"),
        (
            "legal_entity,customer_numer,kind,type,email\n",
            "has no column `customer_number` (it has `customer_numer`) in its first \
             row of 5 columns separated by commas; another profile or a mapping file may say what \
             it calls them",
        ),
        (
            "customer_number,kind,type,email,kind,Email\n",
            "has the heading `kind` (columns 2 and 5) and `email` (columns 4 and 6) \
             twice, and which of them counts cannot be known",
        ),
        (
            "USMF,C1,person,b2c,Ada,ada@example.org\n",
            "has no column `customer_number` and no `kind` and no `type` and no \
             `email` in its first row of 6 columns separated by commas; \
             another profile or a mapping file may say what it calls them",
        ),
        (
            "CUSTOMERACCOUNT,PARTYTYPE,PRIMARYCONTACTEMAIL,DATAAREAID\n",
            "has no column `customer_number` and no `kind` and no `type` and no \
             `email` in its first row of 4 columns separated by commas; it \
             looks like one for --profile dynamics-customers-v3",
        ),
        (
            "[{\"customer_number\":\"C1\"}]",
            "is one JSON list: write one object a line instead (`jq -c '.[]'`, or \
             `.value[]` for the answer of an OData service)",
        ),
        ("<html>", "is XML or HTML: export it as CSV"),
        (
            "PK\u{3}\u{4}xyz",
            "is a ZIP archive (or a workbook): unpack it, and give the file that \
             is inside",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected, "{text:?}");
    }
    assert_eq!(rows(HEADER), [""; 0], "headings only");
    let columns = "x,".repeat(1_000_000);
    let said = refusal(format!("{columns}{HEADER}"));
    assert!(said.contains("longer than 1048576 bytes"), "{said}");
    let columns = "x,".repeat(20_000);
    assert_eq!(
        refusal(format!("{columns}{HEADER}")),
        "line 1 should be the headings, but has more than 10000 cells"
    );
    let folder = Folder::new();
    let source = Source::File(folder.0.clone());
    let error = CustomerRows::open(&source, &idlink(), &Meter::default());
    let said = error.err().unwrap().to_string();
    assert!(said.ends_with("cannot be opened: it is a folder"), "{said}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

/// Enough to be more than one block, and different in each row.
fn many(count: u64) -> String {
    let rows: Vec<_> = (1..=count).map(|n| customer(&format!("C{n}"))).collect();
    format!("{HEADER}{}\n", rows.join("\n"))
}

#[test]
fn packed_files_are_known_by_their_first_bytes() {
    let text = many(5000);
    let plain = rows(&text);
    assert_eq!(plain.len(), 5000);
    assert_eq!(rows(gzip(&text)), plain, "gzip");
    let (first, second) = text.split_at(70_001);
    let members = [gzip(first), gzip(second)].concat();
    assert_eq!(rows(members), plain, "gzip of two members");
    assert_eq!(rows(zstd(&text)), plain, "zstd");
    let frames = [zstd(first), zstd(second)].concat();
    assert_eq!(rows(frames), plain, "zstd of two frames");
    let to_skip = b"\x50\x2A\x4D\x18\x02\0\0\0xx".to_vec();
    let behind = [to_skip, zstd(&text)].concat();
    assert_eq!(rows(behind), plain, "zstd behind a frame to skip");
}

#[test]
fn a_packed_file_that_was_cut_off_is_an_error_wherever_it_was_cut() {
    let text = many(40_000);
    for (why, whole) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
        for cut in [20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let said = refusal(&whole[..cut]);
            assert!(
                said.contains("ends in the middle of its compressed data"),
                "{why} {cut}: {said}"
            );
        }
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xAA);
        let said = refusal(&damaged);
        assert!(said.contains("damaged compressed data"), "{why}: {said}");
    }
}

#[test]
fn a_file_that_unpacks_to_too_much_is_refused_unless_it_is_allowed() {
    let bomb = format!(
        "{HEADER}{}\n{}",
        customer("C1"),
        "\n".repeat(4 * 1024 * 1024)
    );
    for (why, packed) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb))] {
        let file = File::new(&packed);
        let mut strict = idlink();
        strict.expansion.harmless = 1 << 20;
        let (all, end) = file.rows(&strict);
        assert_eq!(all, [good(2, "C1")], "{why}");
        let end = end.unwrap();
        assert!(
            end.ends_with(
                "unpacks to more than 200 times its size: if that is what it should be, allow \
                 more with --max-expansion"
            ),
            "{why}: {end}"
        );
        assert_eq!(
            file.rows(&idlink()),
            (vec![good(2, "C1")], None),
            "{why}: harmless"
        );
        strict.expansion.ratio = 100_000;
        assert_eq!(
            file.rows(&strict),
            (vec![good(2, "C1")], None),
            "{why}: allowed"
        );
        strict.expansion.bytes = 2 << 20;
        let said = file.rows(&strict).1.unwrap();
        assert!(
            said.contains("unpacks to more than 2097152 bytes"),
            "{why}: {said}"
        );
    }
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn encoded(encoding: Encoding) -> Reading {
    let mut reading = idlink();
    reading.encoding = Some(encoding);
    reading
}

#[test]
fn letters_arrive_whatever_they_are_encoded_in() {
    let text = format!("{HEADER}USMF,C1,person,b2c,Zoë Müller 山田 😀,c1@example.org\n");
    let expected = ["2 C1 c1@example.org Zoë Müller 山田 😀"];
    assert_eq!(rows(&text), expected);
    let marked = format!("\u{FEFF}{text}");
    assert_eq!(rows(utf16(&marked, u16::to_le_bytes)), expected, "le");
    assert_eq!(rows(utf16(&marked, u16::to_be_bytes)), expected, "be");
    for (encoding, unit) in [
        (Encoding::Utf16Le, u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (Encoding::Utf16Be, u16::to_be_bytes),
    ] {
        let (all, end) = File::new(&utf16(&text, unit)).rows(&encoded(encoding));
        assert_eq!(all, expected, "{encoding:?}");
        assert_eq!(end, None);
    }
    let begin = format!("{HEADER}USMF,C1,person,b2c,Zo");
    let western = [begin.as_bytes(), b"\xEB M\xFCller \x80,c1@example.org\n"].concat();
    let (all, end) = File::new(&western).rows(&encoded(Encoding::Windows1252));
    assert_eq!(all, ["2 C1 c1@example.org Zoë Müller €"]);
    assert_eq!(end, None);
}

#[test]
fn a_wrong_encoding_is_an_error_with_its_place_and_never_other_letters() {
    let begin = format!("{HEADER}{}\nUSMF,C2,person,b2c,Zo", customer("C1"));
    let western = [begin.as_bytes(), b"\xEB,c2@example.org\n"].concat();
    let (all, end) = File::new(&western).rows(&idlink());
    assert_eq!(all, [good(2, "C1")]);
    assert_eq!(
        end.unwrap(),
        format!(
            "line 3: byte {} is not utf-8: name the encoding with --encoding, or \
             export the file as UTF-8; windows-1252 is what Excel and older systems in Western \
             Europe write",
            begin.len()
        )
    );
    let utf8 = format!("{HEADER}USMF,C1,person,b2c,Zoë,c1@example.org\n");
    assert_eq!(
        refusal_of(&utf8, &encoded(Encoding::Windows1252)),
        format!(
            "looks like utf-8 (byte {}), but windows-1252 was named: every letter \
             with an accent would become two wrong ones",
            utf8.find('ë').unwrap()
        )
    );
    assert_eq!(
        refusal_of(format!("\u{FEFF}{utf8}"), &encoded(Encoding::Utf16Le)),
        "begins with the mark of utf-8, but utf-16le was named"
    );
    assert_eq!(
        refusal(utf16(&utf8, u16::to_le_bytes)),
        "looks like utf-16le: name its encoding with --encoding"
    );
    let undefined = [HEADER.as_bytes(), b"USMF,C1,person,b2c,\x8D\n"].concat();
    let said = refusal_of(&undefined, &encoded(Encoding::Windows1252));
    let place = format!("byte {} is not windows-1252", undefined.len() - 2);
    assert!(said.contains(&place), "{said}");
    // Half of a pair, and half of a unit.
    let whole = utf16(&format!("\u{FEFF}{utf8}"), u16::to_le_bytes);
    let place = format!("byte {} is not utf-16le", whole.len());
    for rest in [&[0x00, 0xD8, b'x', 0][..], b"x"] {
        let said = refusal([&whole, rest].concat());
        assert!(said.contains(&place), "{said}");
    }
}

#[test]
fn objects_on_lines_are_rows_too() {
    let text = r#"
{"customer_number":"C1","kind":"person","type":"b2c","email":"C1@example.org","name":"A\u0064a","x":{"y":[1]}}

{"Customer_Number":1001,"kind":"person","type":"b2c","email":null}
"no object"
{"customer_number":"C2","kind":"person","type":"b2c","email":{"value":"c2@example.org"}}
{"customer_number":"C3","kind":"person","type":"b2c","email":"c3@example.org","EMAIL":"d3@example.org"}
{"customer_number":"C4","kind":"person","type":"b2c","email":"c4@example.org"
{"customer_number":"C5","kind":"person","type":"b2c","email":"c5@example.org\ud800"}
{"customer_number":"C6","kind":"person","type":"b2c","email":"c6@example.org","name":"A\u0000"}
{"customer_number":"C7","kind":"person","type":"b2c","email":"c7@example.org"} {}
[1]
{"kind":"person","type":"b2c","email":"c8@example.org","deep":DEEP}
{"customer_number":"C9","kind":"person","type":"b2c","email":"c9@example.org","name":"Ada"}"#;
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    assert_eq!(
        rows(text.replace("DEEP", &deep)),
        [
            "2 C1 c1@example.org Ada",
            "4 1001 - -",
            "5 !-: is not one JSON object",
            "6 !email: is an object, a list or no text that can be read",
            "7 !email: stands twice",
            "8 !-: is not JSON at character 77",
            "9 !email: is an object, a list or no text that can be read",
            "10 !name: holds a NUL character",
            "11 !-: is not JSON at character 80",
            "12 !-: is not one JSON object",
            "13 !customer_number: is empty",
            "14 C9 c9@example.org Ada",
        ]
    );
}

#[test]
fn exports_of_dynamics_are_read_as_they_are() {
    let export = "CUSTOMERACCOUNT,CUSTOMERGROUPID,DATAAREAID,PARTYTYPE,ORGANIZATIONNAME,\
                  PERSONFIRSTNAME,PERSONMIDDLENAME,PERSONLASTNAME,PRIMARYCONTACTEMAIL,\
                  PRIMARYCONTACTEMAILISIM,ONHOLDSTATUS,NAMEALIAS\n\
                  US-001,10,usmf,Person,,Ada,,Lovelace,ada@example.org,No,No,Ada L\n\
                  US-002,10,usmf,Organization,Fabrikam,,,,info@example.net,No,All,Fab\n\
                  US-003,10,usmf,Person,,,,,talk-name,Yes,Never,Cy\n\
                  US-004,10,usmf,Person,,Dan,,,d@example.org,No,Perhaps,Dan\n";
    let reading = Reading::of(Profile::dynamics_customers_v3().with_type(CustomerType::B2b));
    let (all, end) = File::new(export.as_bytes()).rows(&reading);
    assert_eq!(end, None);
    assert_eq!(
        all,
        [
            "2 US-001 ada@example.org Ada Lovelace",
            "3 US-002 info@example.net Fabrikam",
            "4 US-003 - Cy",
            "5 !ONHOLDSTATUS: must be one of No, Invoice, Payment, Requisition, Never, PurchOrder, \
             0, 1, 3, 4, 5, 6, All, 2",
        ]
    );
    let odata = r#"{"@odata.etag":"W/\"x\"","dataAreaId":"usmf","CustomerAccount":"US-001","PartyType":"Person","OrganizationName":"Ada Lovelace","PersonFirstName":"Ada","PersonLastName":"Lovelace","PrimaryContactEmail":"ada@example.org","PrimaryContactEmailIsIM":"No","OnHoldStatus":"All","IsB2B":"Yes"}"#;
    let reading = Reading::of(Profile::dynamics_customers_v3());
    let file = File::new(odata.as_bytes());
    let Ok(Some(Row::Good { record, .. })) = file.open(&reading).unwrap().next_row() else {
        panic!("not read");
    };
    assert_eq!(record.name.unwrap(), "Ada Lovelace");
    assert_eq!(record.legal_entity.unwrap().as_str(), "usmf");
    assert_eq!(record.state, FileState::Blocked);
    assert_eq!(record.customer_type, CustomerType::B2b);
    assert_eq!(record.kind, CustomerKind::Person);
    let said = refusal_of(export, &reading);
    assert!(said.contains("has no column `ISB2B`"), "{said}");
}

/// Reads a file and writes what is not taken, as an import does.
fn rejects(file: &File, reading: &Reading) -> (usize, String) {
    let path = file.folder.0.join("rejects.csv");
    let mut rejects = RejectFile::at(&path);
    let mut rows = file.open(reading).unwrap();
    let mut good = 0;
    while let Some(row) = rows.next_row().unwrap() {
        match row {
            Row::Good { .. } => good += 1,
            Row::Bad(rejected) => rejects.write("customers.csv", &rejected).unwrap(),
        }
    }
    assert_eq!(rejects.finish().unwrap(), path.exists());
    (good, std::fs::read_to_string(path).unwrap_or_default())
}

#[test]
fn what_was_rejected_can_be_corrected_where_it_was_written_and_read_in_again() {
    let text = format!(
        "note,{HEADER}=cmd(),USMF,C1,person,b2c,@Ada,\n\
         x,USMF,C2,robot,b2c,-Ada,c2@example.org\nUSMF,C3\n"
    );
    let file = File::new(text.as_bytes());
    let (good, written) = rejects(&file, &idlink());
    assert_eq!(good, 1);
    assert_eq!(
        written,
        "\"note\",\"legal_entity\",\"customer_number\",\"kind\",\"type\",\"name\",\"email\",\
         \"rejected_file\",\"rejected_line\",\"rejected_column\",\"rejected_reason\",\
         \"rejected_row\"\r\n\
         \"x\",\"USMF\",\"C2\",\"robot\",\"b2c\",\"'-Ada\",\"c2@example.org\",\"customers.csv\",\
         \"3\",\"kind\",\"must be one of person, organisation, organization\",\"\"\r\n\
         \"\",\"\",\"\",\"\",\"\",\"\",\"\",\"customers.csv\",\"4\",\"\",\
         \"has 2 cells, and the headings are 7\",\"USMF,C3\"\r\n"
    );
    let mode = std::fs::metadata(file.folder.0.join("rejects.csv")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let corrected = written.replace("\"robot\"", "\"person\"");
    let again = File::new(corrected.as_bytes());
    let (all, _) = again.rows(&idlink());
    assert_eq!(all[0], "2 C2 c2@example.org -Ada");
    let (_, written) = rejects(&again, &idlink());
    assert_eq!(written.matches("rejected_reason").count(), 1, "{written}");
    let nothing = File::new(format!("{HEADER}{}\n", customer("C1")).as_bytes());
    assert_eq!(rejects(&nothing, &idlink()), (1, String::new()));
}

#[test]
fn what_was_rejected_twice_is_still_as_it_stood() {
    let text = format!(
        "@odata.etag,{HEADER}W,USMF,C1,robot,b2c,=1+1,c1@example.org\n\
         W,USMF,C2,robot,b2c,'=1,c2@example.org\nUSMF,-3\n"
    );
    let (_, once) = rejects(&File::new(text.as_bytes()), &idlink());
    assert!(once.starts_with("\"'@odata.etag\","), "{once}");
    let (_, twice) = rejects(&File::new(once.as_bytes()), &idlink());
    let cells = |written: &str| -> Vec<String> {
        let rows = written.lines().take(3);
        rows.map(|row| row.split(",\"customers.csv\"").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(cells(&twice), cells(&once));
    assert!(cells(&once)[1].contains("\"'=1+1\""), "{once}");
    assert!(cells(&once)[2].contains("\"''=1\""), "{once}");
    assert!(twice.ends_with(",\"USMF,-3\"\r\n"), "{twice}");
    let corrected = twice.replace("\"robot\"", "\"person\"");
    let (all, _) = File::new(corrected.as_bytes()).rows(&idlink());
    assert_eq!(
        all[..2],
        ["2 C1 c1@example.org =1+1", "3 C2 c2@example.org '=1"]
    );
}

#[test]
fn rejected_rows_keep_their_columns_when_the_first_of_them_has_none() {
    let file = File::new(format!("{HEADER}USMF,C1,robot,b2c,Ada,c1@example.org\n").as_bytes());
    let path = file.folder.0.join("rejects.csv");
    let mut rows = file.open(&idlink()).unwrap();
    let mut rejects = RejectFile::at(&path);
    rejects.expect(rows.header().unwrap());
    let late = Rejected {
        line: 9,
        column: None,
        reason: "found late".to_owned(),
        number: CustomerNumber::parse("C9"),
        legal_entity: None,
        original: None,
    };
    rejects.write("customers.csv", &late).unwrap();
    let Some(Row::Bad(rejected)) = rows.next_row().unwrap() else {
        panic!("it is no robot");
    };
    rejects.write("customers.csv", &rejected).unwrap();
    assert!(rejects.finish().unwrap());
    let written = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = written.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "\"\",\"\",\"\",\"\",\"\",\"\",\"customers.csv\",\"9\",\"\",\"found late\",\"C9\"",
            "\"USMF\",\"C1\",\"robot\",\"b2c\",\"Ada\",\"c1@example.org\",\"customers.csv\",\"2\",\
             \"kind\",\"must be one of person, organisation, organization\",\"\"",
        ]
    );
}

#[test]
fn a_row_that_was_taken_can_still_be_shown_as_it_stood() {
    let object = "{\"legal_entity\":\"USMF\",\"customer_number\":\"C1\",\"kind\":\"person\",\
                  \"type\":\"b2c\",\"email\":null,\"more\":1}";
    let line = customer("C1");
    for (content, expected) in [
        (format!("{HEADER}{line}\r\nC2"), line.clone()),
        (format!("{object}\r\n{{"), object.to_owned()),
    ] {
        let mut rows = File::new(content.as_bytes()).open(&idlink()).unwrap();
        assert!(matches!(rows.next_row(), Ok(Some(Row::Good { .. }))));
        let shown = match rows.original().unwrap() {
            Original::Cells { cells, .. } => cells.join(","),
            Original::Text { text, .. } => text,
        };
        assert_eq!(shown, expected);
    }
}

#[test]
fn half_a_character_in_each_of_two_cells_is_none() {
    let mut content = HEADER.as_bytes().to_vec();
    content.extend(b"USMF,C1,person,b2c,caf\xC3,\xA9x@example.org\n");
    let error = refusal(content);
    assert!(error.starts_with("line 2: byte 72 is not utf-8"), "{error}");
}

#[test]
fn objects_may_stand_on_lines_of_any_kind_with_blank_ones_between() {
    let object = |number: &str| {
        format!(
            "{{\"customer_number\":\"{number}\",\"kind\":\"person\",\"type\":\"b2c\",\
             \"email\":null}}"
        )
    };
    let content = [object("C1"), object("C2"), object("C3")];
    let expected = |lines: [u64; 3]| {
        let said = |(line, number)| format!("{line} C{number} - -");
        lines.into_iter().zip(1..).map(said).collect::<Vec<_>>()
    };
    assert_eq!(rows(content.join("\r")), expected([1, 2, 3]));
    assert_eq!(rows(content.join("\r\n")), expected([1, 2, 3]));
    assert_eq!(rows(content.join("\n \t\r\n")), expected([1, 3, 5]));
}

#[test]
fn the_separator_may_be_named_as_spreadsheets_do() {
    let table = format!("{HEADER}{}\n", customer("C1")).replace(',', ";");
    for first in ["sep=;\r\n", "\"sep=;\"\r\n", "SEP=;\n"] {
        assert_eq!(rows(format!("{first}{table}")), [good(3, "C1")], "{first}");
    }
    let error = refusal(format!("sep=\n\n{table}"));
    assert!(error.starts_with("has no column"), "{error}");
}

#[test]
fn a_number_with_what_nobody_sees_in_it_is_rejected() {
    for hidden in ['\u{200B}', '\u{FEFF}', '\u{202E}', '\u{AD}'] {
        let row = customer("C1").replacen("C1", &format!("C{hidden}1"), 1);
        let said = rows(format!("{HEADER}{row}\n"));
        assert!(
            said[0].starts_with("2 !customer_number: holds a character that nobody sees"),
            "{said:?}"
        );
    }
}

#[test]
fn a_packed_file_may_not_unpack_to_more_because_another_was_read_before() {
    let folder = Folder::new();
    let large = folder.0.join("large.csv");
    std::fs::write(&large, format!("{HEADER}{}", "\n".repeat(2 << 20))).unwrap();
    let bomb = gzip(&format!("{HEADER}{}", " ".repeat(70 << 20)));
    let packed = folder.0.join("packed.csv.gz");
    std::fs::write(&packed, &bomb).unwrap();
    let meter = Meter::default();
    let open = |path: &PathBuf| {
        CustomerRows::open(&Source::File(path.clone()), &idlink(), &meter).unwrap()
    };
    let (first, second) = (open(&large), open(&packed));
    assert_eq!(read_all(first).1, None);
    let end = read_all(second).1.unwrap();
    assert!(end.contains("200 times its size"), "{end}");
}

#[test]
fn a_rejected_object_is_kept_as_it_stood() {
    let text = "{\"customer_number\":\"C1\",\"other\":\"x\"}\n";
    let (_, written) = rejects(&File::new(text.as_bytes()), &idlink());
    let expected = "\"{\"\"customer_number\"\":\"\"C1\"\",\"\"other\"\":\"\"x\"\"}\"";
    assert!(written.contains(expected), "{written}");
}

/// What becomes of each row of a file that is there already.
pub(super) fn all_rows(path: &std::path::Path, profile: Profile) -> Vec<String> {
    let source = Source::File(path.to_owned());
    let rows = CustomerRows::open(&source, &Reading::of(profile), &Meter::default());
    let (rows, end) = read_all(rows.unwrap());
    assert_eq!(end, None);
    rows
}
