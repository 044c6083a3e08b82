//! What the directory does not take: weak passwords, values that are too long.

/// "Strong: 8 to 64 characters, three of four of lower case, upper case,
/// numbers, symbols" ("Configure complexity requirements for passwords").
pub(crate) fn is_strong(password: &str) -> bool {
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        |c| c.is_numeric(),
        |c| !c.is_alphanumeric(),
    ];
    let found = kinds.iter().filter(|kind| password.chars().any(**kind));
    (8..=64).contains(&password.chars().count()) && found.count() >= 3
}

/// Longest values by attribute ("User profile attributes"), in characters.
const LIMITS: [(&str, usize); 14] = [
    ("city", 128),
    ("country", 128),
    ("department", 64),
    ("displayName", 256),
    ("givenName", 64),
    ("jobTitle", 128),
    ("mailNickName", 64),
    ("mobile", 64),
    ("physicalDeliveryOfficeName", 128),
    ("postalCode", 40),
    ("state", 128),
    ("streetAddress", 1024),
    ("surname", 64),
    ("telephoneNumber", 64),
];

/// Of a custom attribute.
const EXTENSION_LIMIT: usize = 256;

/// That a value has more characters than its attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) limit: usize,
}

pub(crate) fn too_long(attribute: &str, text: &str) -> Option<TooLong> {
    let mut limits = LIMITS.iter();
    let built_in = limits.find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    let is_custom = attribute.to_ascii_lowercase().starts_with("extension_");
    let limit = match (built_in, is_custom) {
        (Some((_, limit)), _) => *limit,
        (None, true) => EXTENSION_LIMIT,
        (None, false) => return None,
    };
    (text.chars().count() > limit).then_some(TooLong { limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strong_password_has_three_kinds_and_eight_to_sixty_four_characters() {
        let long = "aB3".repeat(21);
        let cases = [
            ("Summer2026", true, "lower, upper, digits"),
            ("summer-2026", true, "lower, symbol, digits"),
            ("SUMMER 2026", true, "a blank is a symbol"),
            ("summer2026", false, "two kinds only"),
            ("Summer1", false, "seven characters"),
            (long.as_str(), true, "63 characters"),
            (&format!("{long}xx"), false, "65 characters"),
            ("", false, "nothing"),
        ];
        for (password, expected, why) in cases {
            assert_eq!(is_strong(password), expected, "{why}");
        }
    }

    #[test]
    fn values_have_the_lengths_that_the_documents_give() {
        let cases = [
            ("displayName", 256, false),
            ("displayName", 257, true),
            ("surName", 65, true),
            ("postalCode", 41, true),
            ("extension_Tier", 256, false),
            ("extension_Tier", 257, true),
            ("otherMails", 5_000, false),
        ];
        for (name, length, expected) in cases {
            let text = "é".repeat(length);
            assert_eq!(too_long(name, &text).is_some(), expected, "{name} {length}");
        }
    }
}
