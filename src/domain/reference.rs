//! The short text on a page by which staff finds the attempt behind it.

use std::fmt;

use uuid::Uuid;

/// Crockford's alphabet: nothing in it is mistaken for another when read out.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Eight characters in two groups, such as `7K2M-Q9XD`: forty bits, enough to
/// find an attempt, and saying nothing about it to anybody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// The reference of an attempt, made from its identifier's random part.
    pub fn of(attempt: Uuid) -> Self {
        let mut bits = attempt.as_u128() & 0xFF_FFFF_FFFF;
        let mut text = [b'-'; 9];
        for place in [8, 7, 6, 5, 3, 2, 1, 0] {
            text[place] = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        Self(text.iter().map(|&byte| char::from(byte)).collect())
    }

    /// Reads what a person typed from a page: case, blanks and hyphens do not
    /// count, and the letters that look like digits are taken for them.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<char> = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let known = |c: &char| c.is_ascii() && ALPHABET.contains(&(*c as u8));
        (digits.len() == 8 && digits.iter().all(known)).then(|| {
            let (first, last) = digits.split_at(4);
            Self(format!(
                "{}-{}",
                first.iter().collect::<String>(),
                last.iter().collect::<String>()
            ))
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_back_however_it_was_typed() {
        let reference = Reference::of(Uuid::from_u128(0x1234_5678_9ABC_DEF0_1122_3344_5566_7788));
        assert_eq!(reference.as_str(), "8HAP-CXW8");
        for typed in ["8HAP-CXW8", "8hap cxw8", " 8hapcxw8\n"] {
            assert_eq!(Reference::parse(typed), Some(reference.clone()), "{typed}");
        }
        assert_eq!(
            Reference::parse("O1lI-0000").map(|r| r.0),
            Some("0111-0000".into())
        );
    }

    #[test]
    fn what_is_no_reference_is_not_read_as_one() {
        for text in ["", "8HAP-CXW", "8HAP-CXW88", "8HAP-CXU8", "8HAP-CXé8"] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
