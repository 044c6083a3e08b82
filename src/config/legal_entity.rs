//! `[legal_entities.…]`: the companies whose customers people sign up as.

use crate::domain::customer::LegalEntity;
use crate::store::legal_entities::NumberFormat;

use super::reader::Section;

/// A legal entity and how the numbers of customers it gains are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalEntitySettings {
    pub code: LegalEntity,
    pub number: NumberFormat,
}

impl LegalEntitySettings {
    pub(super) fn read_all(root: &Section<'_>) -> Vec<Self> {
        let mut read: Vec<Self> = Vec::new();
        for (code, section) in root.entries("legal_entities") {
            // Read first, so that its keys are checked whatever its name is.
            let number = number(&section.section("number"));
            let Some(code) = LegalEntity::parse(&code) else {
                section.problem("a code is one to 32 letters, digits, `-` and `_`");
                continue;
            };
            let alike = |other: &&Self| other.code.as_str().eq_ignore_ascii_case(code.as_str());
            if let Some(other) = read.iter().find(alike) {
                let other = other.code.as_str();
                section.problem(format!(
                    "differs from `{other}` only in upper and lower case"
                ));
            }
            read.push(Self { code, number });
        }
        read
    }
}

/// `{ prefix = "C", width = 6 }` writes the seventh number `C000007`; a number
/// that outgrows the width is written in full.
fn number(section: &Section<'_>) -> NumberFormat {
    let prefix = section
        .possibly_empty("prefix")
        .and_then(|found| match prefix(&found.value) {
            Ok(()) => Some(found.value),
            Err(message) => {
                section.problem_at(&found.place, message);
                None
            }
        });
    let width = section.whole("width", 1..=18);
    let default = NumberFormat::default();
    NumberFormat {
        prefix: prefix.unwrap_or(default.prefix),
        width: width
            .and_then(|width| u8::try_from(width.value).ok())
            .unwrap_or(default.width),
    }
}

fn prefix(text: &str) -> Result<(), &'static str> {
    let fits = text.len() <= 20
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if fits {
        Ok(())
    } else {
        Err("must be up to 20 letters, digits and any of - _ . /")
    }
}
