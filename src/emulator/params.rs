//! Parameters of a query or a form, and the encoding of those we send.

use std::collections::HashSet;

/// Name and value in the order they came.
#[derive(Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(
            url::form_urlencoded::parse(encoded)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// None when it is missing or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// As [`Self::get`], whatever the case of the name.
    pub(super) fn get_folded(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let (known, _) = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        self.get(known)
    }

    /// As [`Self::get`], without white space around it.
    pub(super) fn trimmed(&self, name: &str) -> Option<&str> {
        self.get(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Every value of a name, in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first name that comes twice (RFC 6749 3.1 forbids it).
    pub(super) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let mut names = self.0.iter().map(|(name, _)| name.as_str());
        names.find(|name| !seen.insert(*name))
    }
}

/// Encodes as the platform does in redirects: blanks as `+`, escapes in lower
/// case.
pub(super) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'-' | b'_' | b'.' | b'!' | b'*' | b'(' | b')' => encoded.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02x}")),
        }
    }
    encoded
}

pub(super) fn encode_all(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn the_first_name_that_comes_again_is_told() {
        let cases = [
            ("", None),
            ("a=1&b=1&A=1", None),
            ("a=1&b=1&b=2&a=2", Some("b")),
            ("a&a", Some("a")),
        ];
        for (sent, expected) in cases {
            assert_eq!(
                Params::parse(sent.as_bytes()).repeated(),
                expected,
                "{sent}"
            );
        }
    }

    /// Compared with one another they would hold a worker for minutes.
    #[test]
    fn any_number_of_names_is_looked_through_once() {
        let names: Vec<String> = (0..400_000).map(|at| format!("{at:x}=")).collect();
        let sent = names.join("&");
        assert_eq!(Params::parse(sent.as_bytes()).repeated(), None);
    }
}
