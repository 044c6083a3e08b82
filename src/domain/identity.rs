//! Who signs in: issuer, object id, and the provider they came through.

use std::fmt;

use uuid::Uuid;

/// The provider of people who have a password at the tenant itself.
pub const LOCAL: &str = "local";

/// Providers are host names or issuers' addresses.
const LONGEST_PROVIDER: usize = 500;

/// The canonical issuer of a tenant. A token may name one of its aliases; a
/// link always carries this one, so that both ways record the same link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer(String);

impl Issuer {
    pub fn new(issuer: impl Into<String>) -> Self {
        Self(issuer.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The object id of a directory entry.
///
/// B2C's `sub` can be one constant text for everybody ("Not supported
/// currently…"), and External ID's is pairwise, so nothing but a GUID serves.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(Uuid);

impl Subject {
    /// `None` when the text is no GUID, or the empty one.
    pub fn parse(text: &str) -> Option<Self> {
        // The platform writes 36 characters; other spellings of a GUID
        // (braces, URN, bare digits) have never been seen from it.
        let guid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
        (!guid.is_nil()).then_some(Self(guid))
    }

    /// Lower case with hyphens: the form in which it is stored and compared.
    pub fn as_text(&self) -> String {
        self.0.hyphenated().to_string()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject(…)")
    }
}

/// The upstream provider of an identity: `local`, `google.com`, ….
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Provider(String);

impl Provider {
    pub fn local() -> Self {
        Self(LOCAL.to_owned())
    }

    /// A provider as the settings and the store name it.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The provider of a federated identity by its upstream issuer. None may
    /// pass for `local` by being called so, and a name that cannot be stored
    /// or written to a log (PostgreSQL takes no NUL) is nobody's.
    pub fn federated(issuer: &str) -> Self {
        let is_name = issuer != LOCAL
            && issuer.len() <= LONGEST_PROVIDER
            && !issuer.chars().any(char::is_control);
        match is_name {
            true => Self(issuer.to_owned()),
            false => Self::unknown(),
        }
    }

    /// A provider that no trust list can hold.
    pub fn unknown() -> Self {
        Self(String::new())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One directory entry of one tenant, as it signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub issuer: Issuer,
    pub subject: Subject,
    pub provider: Provider,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guid_is_a_subject() {
        let cases = [
            ("e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66", true, "object id"),
            ("E90B7D3C-6A4E-45F1-9B1C-0D4F7C2A8E66", true, "upper case"),
            ("Not supported currently. Use oid claim.", false, "constant"),
            ("00000000-0000-0000-0000-000000000000", false, "nobody"),
            ("e90b7d3c6a4e45f19b1c0d4f7c2a8e66", false, "bare digits"),
            ("{e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66}", false, "braces"),
            ("", false, "empty"),
        ];
        for (text, expected, why) in cases {
            assert_eq!(Subject::parse(text).is_some(), expected, "{why}");
        }
    }

    #[test]
    fn a_federated_provider_is_known_by_its_issuer_and_by_nothing_else() {
        let long = "a".repeat(LONGEST_PROVIDER + 1);
        assert_eq!(Provider::federated("google.com").as_str(), "google.com");
        for issuer in ["local", "", "google.com\0", "a\nb", long.as_str()] {
            assert_eq!(Provider::federated(issuer), Provider::unknown(), "{issuer}");
        }
    }

    #[test]
    fn the_case_of_an_object_id_does_not_make_another_person() {
        assert_eq!(
            Subject::parse("E90B7D3C-6A4E-45F1-9B1C-0D4F7C2A8E66"),
            Subject::parse("e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66"),
        );
    }
}
