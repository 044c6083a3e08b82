//! `[legal_entities.…]`: the companies whose customers people sign up as.

use crate::domain::customer::LegalEntity;

use super::reader::Section;

/// A legal entity and how the numbers of customers it gains are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalEntitySettings {
    pub code: LegalEntity,
    pub number: NumberFormat,
}

/// `{ prefix = "C", width = 6 }` writes the seventh number `C000007`; a number
/// that outgrows the width is written in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    pub prefix: String,
    pub width: usize,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self {
            prefix: "C".to_owned(),
            width: 6,
        }
    }
}

impl LegalEntitySettings {
    pub(super) fn read_all(root: &Section<'_>) -> Vec<Self> {
        let mut read: Vec<Self> = Vec::new();
        for (code, section) in root.entries("legal_entities") {
            // Read first, so that its keys are checked whatever its name is.
            let number = NumberFormat::read(&section.section("number"));
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

impl NumberFormat {
    fn read(section: &Section<'_>) -> Self {
        let default = Self::default();
        Self {
            prefix: section
                .possibly_empty("prefix")
                .and_then(|found| match prefix(&found.value) {
                    Ok(()) => Some(found.value),
                    Err(message) => {
                        section.problem_at(&found.place, message);
                        None
                    }
                })
                .unwrap_or(default.prefix),
            width: section
                .whole("width", 1..=18)
                .and_then(|width| usize::try_from(width.value).ok())
                .unwrap_or(default.width),
        }
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
