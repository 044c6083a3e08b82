//! The bytes of a policy file as text.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// A file's text, and what is wrong with how it is written down.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// Without a byte order mark; with replacement characters where the bytes
    /// are none of the encoding.
    pub(super) text: String,
    pub(super) problem: Option<Problem>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) message: String,
    /// The byte of the text that it is about.
    pub(super) at: usize,
    /// Whether the text cannot be relied on.
    pub(super) garbled: bool,
}

/// Reads bytes as a reader of XML does (XML 1.0, appendix F): a byte order mark
/// first, then what the declaration says. B2C takes UTF-8 and UTF-16.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, length),
        None => (unmarked(bytes), 0),
    };
    let body = bytes.get(mark..).unwrap_or_default();
    let (text, had_errors) = encoding.decode_without_bom_handling(body);
    let problem = if had_errors {
        Some(garbled(encoding, body))
    } else if mark == 0 && encoding != UTF_8 {
        Some(Problem {
            message: format!(
                "the file is written in {} without a byte order mark: save it as UTF-8",
                encoding.name()
            ),
            at: 0,
            garbled: false,
        })
    } else {
        contradiction(encoding, &text)
    };
    Decoded {
        text: Cow::into_owned(text),
        problem,
    }
}

/// UTF-16 shows by the zero beside the first `<`.
fn unmarked(bytes: &[u8]) -> &'static Encoding {
    match bytes {
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => UTF_8,
    }
}

fn garbled(encoding: &'static Encoding, body: &[u8]) -> Problem {
    let at = match std::str::from_utf8(body) {
        Err(error) if encoding == UTF_8 => error.valid_up_to(),
        Ok(_) | Err(_) => 0,
    };
    Problem {
        message: format!(
            "the file is not valid {}: save it as UTF-8",
            encoding.name()
        ),
        at,
        garbled: true,
    }
}

/// What the declaration says, where it is not what the bytes are.
fn contradiction(encoding: &'static Encoding, text: &str) -> Option<Problem> {
    let (at, label) = declared(text)?;
    let agrees = match Encoding::for_label(label.as_bytes()) {
        // "UTF-16" leaves the order of the bytes to the mark, and reads as LE.
        Some(named) if named == UTF_16LE => encoding != UTF_8,
        Some(named) if named == UTF_16BE => encoding == UTF_16BE,
        Some(named) if named == UTF_8 => encoding == UTF_8,
        // A part of UTF-8, as long as nothing else stands in the file.
        Some(_) if label.eq_ignore_ascii_case("us-ascii") => text.is_ascii(),
        Some(_) | None => false,
    };
    (!agrees).then(|| Problem {
        message: format!(
            "the file is declared to be in {label} and is written in {}: declare encoding=\"{}\"",
            encoding.name(),
            if encoding == UTF_8 { "utf-8" } else { "utf-16" },
        ),
        at,
        garbled: false,
    })
}

/// The encoding that the declaration names, and where.
fn declared(text: &str) -> Option<(usize, &str)> {
    let declaration = text.strip_prefix("<?xml")?;
    let declaration = declaration.get(..declaration.find("?>")?)?;
    let after = declaration.find("encoding")? + "encoding".len();
    let value = declaration
        .get(after..)?
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let value = value.get(1..)?;
    let label = value.get(..value.find(quote)?)?;
    // Both are parts of the same text.
    let at = label.as_ptr() as usize - text.as_ptr() as usize;
    Some((at, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: bool, big: bool) -> Vec<u8> {
        let units = mark
            .then_some(0xFEFF)
            .into_iter()
            .chain(text.encode_utf16());
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    #[test]
    fn what_agrees_is_read_without_a_word() {
        let plain = "<a>顧客</a>";
        let cases = [
            (plain.as_bytes().to_vec(), plain, "no declaration"),
            (
                format!("\u{feff}{plain}").into_bytes(),
                plain,
                "a UTF-8 mark",
            ),
            (utf16(plain, true, false), plain, "UTF-16, little end first"),
            (utf16(plain, true, true), plain, "UTF-16, big end first"),
            (
                b"<?xml version='1.0' encoding = 'UTF-8'?><a/>".to_vec(),
                "<?xml version='1.0' encoding = 'UTF-8'?><a/>",
                "declared, other quotes, blanks",
            ),
            (
                utf16(
                    "<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>",
                    true,
                    true,
                ),
                "<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>",
                "utf-16 is either order",
            ),
            (
                b"<?xml version=\"1.0\" encoding=\"us-ascii\"?><a/>".to_vec(),
                "<?xml version=\"1.0\" encoding=\"us-ascii\"?><a/>",
                "ASCII is UTF-8",
            ),
            (Vec::new(), "", "nothing"),
        ];
        for (bytes, text, why) in cases {
            let decoded = decode(&bytes);
            assert_eq!(
                (decoded.text.as_str(), decoded.problem),
                (text, None),
                "{why}"
            );
        }
    }

    #[test]
    fn what_contradicts_itself_is_told_and_where() {
        let declared =
            |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?><a>ä</a>");
        let cases = [
            (
                declared("utf-16").into_bytes(),
                "written in UTF-8",
                30,
                false,
            ),
            (
                declared("windows-1252").into_bytes(),
                "windows-1252",
                30,
                false,
            ),
            (declared("us-ascii").into_bytes(), "us-ascii", 30, false),
            (declared("klingon").into_bytes(), "klingon", 30, false),
            (
                utf16(&declared("utf-8"), true, false),
                "written in UTF-16LE",
                30,
                false,
            ),
            (
                utf16("<a/>", false, false),
                "without a byte order mark",
                0,
                false,
            ),
            (b"<a>\xa0</a>".to_vec(), "not valid UTF-8", 3, true),
            (b"\xff\xfe<\0a\0/".to_vec(), "not valid UTF-16LE", 0, true),
        ];
        for (bytes, message, at, garbled) in cases {
            let problem = decode(&bytes).problem.expect(message);
            assert!(problem.message.contains(message), "{}", problem.message);
            assert_eq!((problem.at, problem.garbled), (at, garbled), "{message}");
        }
    }
}
