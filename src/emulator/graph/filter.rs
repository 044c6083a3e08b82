//! The few forms of `$filter` that are understood.

use uuid::Uuid;

use super::Refused;
use crate::emulator::{
    directory::{Directory, Key, User},
    settings::FederatedIdentity,
};

const UNDERSTOOD: &str = "identities/any(c:c/issuerAssignedId eq '…' and c/issuer eq '…'), \
                          displayName eq '…', userPrincipalName eq '…', id eq '…'";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Identity { issuer: String, assigned_id: String },
    DisplayName(String),
    PrincipalName(String),
    Id(String),
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        read(text).ok_or_else(|| {
            Refused::unsupported(format!(
                "The filter '{text}' is not understood here. Understood are {UNDERSTOOD}."
            ))
        })
    }

    pub(super) fn find(&self, directory: &Directory, domain: &str) -> Vec<User> {
        let one = |key: Key| directory.find(&key).cloned().into_iter().collect();
        match self {
            Self::Identity {
                issuer,
                assigned_id,
            } if issuer.eq_ignore_ascii_case(domain) => {
                let found = directory.signing_in_as(assigned_id);
                found.cloned().into_iter().collect()
            }
            Self::Identity {
                issuer,
                assigned_id,
            } => one(Key::Identities(vec![FederatedIdentity {
                issuer: issuer.clone(),
                subject: assigned_id.clone(),
            }])),
            Self::PrincipalName(name) => one(Key::PrincipalName(name.clone())),
            Self::Id(id) => match Uuid::parse_str(id) {
                Ok(id) => one(Key::ObjectId(id)),
                Err(_) => Vec::new(),
            },
            Self::DisplayName(name) => {
                let is_it = |user: &&User| {
                    let own = user.attribute("displayName").and_then(|own| own.as_str());
                    own.is_some_and(|own| own.to_lowercase() == name.to_lowercase())
                };
                directory.all().filter(is_it).cloned().collect()
            }
        }
    }
}

fn read(text: &str) -> Option<Filter> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix("identities/any(") {
        return identity(inside.strip_suffix(')')?);
    }
    let (member, value, rest) = comparison(text)?;
    if !rest.is_empty() {
        return None;
    }
    match member {
        "displayName" => Some(Filter::DisplayName(value)),
        "userPrincipalName" => Some(Filter::PrincipalName(value)),
        "id" => Some(Filter::Id(value)),
        _ => None,
    }
}

/// `c:c/issuerAssignedId eq 'x' and c/issuer eq 'y'`, either way round.
fn identity(text: &str) -> Option<Filter> {
    let (variable, text) = text.split_once(':')?;
    let variable = variable.trim();
    let (first, first_value, rest) = comparison(text)?;
    let (second, second_value, rest) = comparison(rest.trim_start().strip_prefix("and ")?)?;
    let named = |member: &str, name: &str| member.strip_prefix(variable) == Some(name);
    let (assigned_id, issuer) = match () {
        () if named(first, "/issuerAssignedId") && named(second, "/issuer") => {
            (first_value, second_value)
        }
        () if named(first, "/issuer") && named(second, "/issuerAssignedId") => {
            (second_value, first_value)
        }
        () => return None,
    };
    rest.trim().is_empty().then_some(Filter::Identity {
        issuer,
        assigned_id,
    })
}

/// `member eq 'value'`, and what is behind it. An apostrophe in a value is
/// doubled.
fn comparison(text: &str) -> Option<(&str, String, &str)> {
    let (member, rest) = text.trim_start().split_once(' ')?;
    let rest = rest.trim_start().strip_prefix("eq ")?;
    let mut rest = rest.trim_start().strip_prefix('\'')?;
    let mut value = String::new();
    loop {
        let end = rest.find('\'')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(behind) => {
                value.push('\'');
                rest = behind;
            }
            None => return Some((member, value, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(assigned_id: &str, issuer: &str) -> Option<Filter> {
        Some(Filter::Identity {
            issuer: issuer.to_owned(),
            assigned_id: assigned_id.to_owned(),
        })
    }

    #[test]
    fn the_forms_that_tests_use_are_understood_and_no_others() {
        let ada = || Some(Filter::DisplayName("Ada".to_owned()));
        let cases = [
            ("displayName eq 'Ada'", ada()),
            (" displayName  eq  'Ada'", ada()),
            (
                "displayName eq 'O''Neil'",
                Some(Filter::DisplayName("O'Neil".to_owned())),
            ),
            ("id eq 'x'", Some(Filter::Id("x".to_owned()))),
            (
                "userPrincipalName eq 'a@b'",
                Some(Filter::PrincipalName("a@b".to_owned())),
            ),
            (
                "identities/any(c:c/issuerAssignedId eq 'a@b' and c/issuer eq 'contoso.onmicrosoft.com')",
                identity("a@b", "contoso.onmicrosoft.com"),
            ),
            (
                "identities/any(id:id/issuer eq 'google.com' and id/issuerAssignedId eq '12')",
                identity("12", "google.com"),
            ),
            ("identities/any(c:c/issuerAssignedId eq 'a@b')", None),
            (
                "identities/any(c:d/issuerAssignedId eq '1' and d/issuer eq '2')",
                None,
            ),
            (
                "identities/any(c:c/issuer eq '1' and c/issuer eq '2')",
                None,
            ),
            ("displayName eq 'Ada' or id eq 'x'", None),
            ("startsWith(displayName,'A')", None),
            ("city eq 'Rome'", None),
            ("displayName eq 'Ada", None),
            ("displayName ne 'Ada'", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
