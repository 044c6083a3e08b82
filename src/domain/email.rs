//! E-mail addresses in the one spelling in which they are compared.

use std::fmt;

/// The version of the rule below, stored beside every canonical address, so
/// that a later rule can live beside this one while rows are rewritten.
pub const CANONICAL_VERSION: i16 = 1;

const LONGEST_LOCAL_PART: usize = 64;
const LONGEST_ADDRESS: usize = 254;

/// An address that may be compared with a customer's.
///
/// Two addresses are the same exactly when their canonical forms have the same
/// bytes: ASCII local part in lower case, domain as IDNA A-label. Nothing is
/// folded beyond that. Plus tags and dots mean different mailboxes at most
/// providers, and Unicode case mapping joins strangers (the Kelvin sign lowers
/// to `k`, the long s to `s`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email {
    canonical: String,
    original: String,
}

/// Why a text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailProblem {
    /// No e-mail address at all, or one with characters that hide something.
    Malformed,
    /// Valid mail, but of a spelling that has no single canonical form here:
    /// quoted or non-ASCII local part, comment, domain literal.
    NotComparable,
}

impl Email {
    /// Reads an address as a person or a platform wrote it.
    pub fn parse(text: &str) -> Result<Self, EmailProblem> {
        let original = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if original.is_empty() || original.chars().any(hides_something) {
            return Err(EmailProblem::Malformed);
        }
        if original.contains(['"', '(', ')']) {
            return Err(EmailProblem::NotComparable);
        }
        let (local, domain) = original.split_once('@').ok_or(EmailProblem::Malformed)?;
        let canonical = format!("{}@{}", canonical_local(local)?, canonical_domain(domain)?);
        if canonical.len() > LONGEST_ADDRESS {
            return Err(EmailProblem::Malformed);
        }
        Ok(Self {
            canonical,
            original: original.to_owned(),
        })
    }

    /// The form that is compared and stored beside [`CANONICAL_VERSION`].
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The address as it was written, for people to read.
    pub fn original(&self) -> &str {
        &self.original
    }
}

/// Redacted: an address is personal data and must not reach a log by accident.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

fn canonical_local(local: &str) -> Result<String, EmailProblem> {
    if local.is_empty() || local.len() > LONGEST_LOCAL_PART {
        return Err(EmailProblem::Malformed);
    }
    if !local.is_ascii() {
        return Err(EmailProblem::NotComparable);
    }
    if !local.bytes().all(is_local_character) {
        return Err(EmailProblem::Malformed);
    }
    Ok(local.to_ascii_lowercase())
}

/// `atext` of RFC 5322 and the dot. Dots may stand anywhere: Japanese carriers
/// have issued addresses with leading and doubled dots.
fn is_local_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn canonical_domain(domain: &str) -> Result<String, EmailProblem> {
    if domain.starts_with('[') {
        return Err(EmailProblem::NotComparable);
    }
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| EmailProblem::Malformed)?;
    if ascii.is_empty() || ascii.ends_with('.') {
        return Err(EmailProblem::Malformed);
    }
    Ok(ascii)
}

/// White space other than the plain blank (which no part of an address but a
/// quoted one can hold), control characters, and code points without a shape
/// of their own (zero width, bidirectional marks, variation selectors). UTS-46 drops
/// some of the latter silently, which would make two spellings one address.
fn hides_something(c: char) -> bool {
    (c.is_whitespace() && c != ' ')
        || c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> Result<String, EmailProblem> {
        Email::parse(text).map(|email| email.canonical().to_owned())
    }

    #[test]
    fn spellings_of_one_mailbox_have_one_canonical_form() {
        let cases = [
            ("ada@example.org", "ada@example.org", "as it is"),
            ("Ada@Example.ORG", "ada@example.org", "ASCII case"),
            ("  ada@example.org\t\r\n", "ada@example.org", "ASCII blanks"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example", "U-label"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example", "case"),
            (
                "ada@xn--bcher-kva.example",
                "ada@xn--bcher-kva.example",
                "A",
            ),
            ("ada@ｅxample。com", "ada@example.com", "UTS-46 width"),
            (
                ".a..b.@docomo.example",
                ".a..b.@docomo.example",
                "dots stay",
            ),
            ("o'neil+x@example.org", "o'neil+x@example.org", "atext"),
            ("ada@localhost", "ada@localhost", "single label"),
        ];
        for (text, expected, why) in cases {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{why}");
        }
    }

    #[test]
    fn different_mailboxes_stay_different() {
        let pairs = [
            ("ada+shop@example.org", "ada@example.org", "plus tag"),
            ("a.da@example.org", "ada@example.org", "dot"),
            ("ada@exаmple.com", "ada@example.com", "Cyrillic homograph"),
            ("ada@example.org", "ada@example.com", "domain"),
        ];
        for (one, other, why) in pairs {
            assert_ne!(canonical(one), canonical(other), "{why}");
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        use EmailProblem::{Malformed, NotComparable};
        let cases = [
            ("", Malformed, "empty"),
            ("   ", Malformed, "blank"),
            ("ada", Malformed, "no at sign"),
            ("@example.org", Malformed, "no local part"),
            ("ada@", Malformed, "no domain"),
            ("ada@@example.org", Malformed, "two at signs"),
            ("ada@b@example.org", Malformed, "two at signs apart"),
            ("ada lovelace@example.org", Malformed, "space inside"),
            ("ada\u{0}@example.org", Malformed, "NUL"),
            ("ada@example.org\u{0}", Malformed, "NUL at the end"),
            ("ada@exam\nple.org", Malformed, "line feed inside"),
            ("\u{3000}ada@example.org", Malformed, "ideographic space"),
            ("ada@example.org\u{A0}", Malformed, "no-break space"),
            ("ada\u{200B}@example.org", Malformed, "zero width space"),
            ("ada@exam\u{AD}ple.org", Malformed, "soft hyphen"),
            ("\u{202E}ada@example.org", Malformed, "bidi override"),
            ("\u{FEFF}ada@example.org", Malformed, "byte order mark"),
            ("ada@example.org.", Malformed, "trailing dot"),
            ("ada@.example.org", Malformed, "empty label"),
            ("ada@exa_mple.org", Malformed, "underscore in a domain"),
            ("ada@xn--example-.org", Malformed, "bad A-label"),
            ("ada@-example.org", Malformed, "hyphen first"),
            ("<ada@example.org>", Malformed, "angle brackets"),
            ("ada@example.org,b@example.org", Malformed, "list"),
            ("mailto:ada@example.org", Malformed, "colon"),
            ("\"a b\"@example.org", NotComparable, "quoted"),
            ("ada(work)@example.org", NotComparable, "comment"),
            ("ada@[192.0.2.1]", NotComparable, "domain literal"),
            ("\u{212A}im@example.org", NotComparable, "Kelvin sign"),
            ("mıke@example.org", NotComparable, "dotless i"),
            ("ﬁona@example.org", NotComparable, "ligature"),
            ("ａda@example.org", NotComparable, "full width"),
            ("ſam@example.org", NotComparable, "long s"),
        ];
        for (text, expected, why) in cases {
            assert_eq!(canonical(text), Err(expected), "{why}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        assert_eq!(canonical(&long), Err(Malformed), "65 before the at sign");
        let labels = vec!["a".repeat(60); 4].join(".");
        let long = format!("{}@{labels}", "a".repeat(20));
        assert_eq!(canonical(&long), Err(Malformed), "longer than 254");
    }

    #[test]
    fn an_address_does_not_show_itself() {
        let email = Email::parse("ada@example.org").map(|email| format!("{email:?}"));
        assert_eq!(email.as_deref(), Ok("Email(…)"));
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(text in "\\PC{0,12}@\\PC{1,20}") {
            if let Ok(email) = Email::parse(&text) {
                let again = Email::parse(email.canonical());
                prop_assert_eq!(again.map(|e| e.canonical), Ok(email.canonical));
            }
        }

        #[test]
        fn equal_local_parts_differ_only_by_ascii_case(
            one in "[A-Za-z0-9.+_-]{1,6}", other in "[A-Za-z0-9.+_-]{1,6}"
        ) {
            let equal = canonical(&format!("{one}@example.org"))
                == canonical(&format!("{other}@example.org"));
            prop_assert_eq!(equal, one.eq_ignore_ascii_case(&other));
        }

        #[test]
        fn no_text_makes_it_fail_otherwise(text in any::<String>()) {
            let _ = Email::parse(&text);
        }
    }
}
