//! The data types of claims and parameters, and which values they read.

use crate::policy::effective::Effective;
use crate::policy::source::Span;

/// `ClaimType/DataType` and `InputParameter/@DataType`
/// (TrustFrameworkPolicy_0.3.0.0.xsd, `DataTypeEnum`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    Boolean,
    Date,
    DateTime,
    Duration,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    PhoneNumber,
    String,
    StringCollection,
    AlternativeSecurityIdCollection,
    UserIdentity,
    UserIdentityCollection,
    ObjectIdentity,
    ObjectIdentityCollection,
}

impl DataType {
    pub const ALL: [Self; 14] = [
        Self::Boolean,
        Self::Date,
        Self::DateTime,
        Self::Duration,
        Self::Int,
        Self::Long,
        Self::PhoneNumber,
        Self::String,
        Self::StringCollection,
        Self::AlternativeSecurityIdCollection,
        Self::UserIdentity,
        Self::UserIdentityCollection,
        Self::ObjectIdentity,
        Self::ObjectIdentityCollection,
    ];

    /// As a policy writes it; another casing is no data type.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::Duration => "duration",
            Self::Int => "int",
            Self::Long => "long",
            Self::PhoneNumber => "phoneNumber",
            Self::String => "string",
            Self::StringCollection => "stringCollection",
            Self::AlternativeSecurityIdCollection => "alternativeSecurityIdCollection",
            Self::UserIdentity => "userIdentity",
            Self::UserIdentityCollection => "userIdentityCollection",
            Self::ObjectIdentity => "objectIdentity",
            Self::ObjectIdentityCollection => "objectIdentityCollection",
        }
    }

    /// Whether a value written in a policy is one of this type. .NET reads
    /// many forms of a date, so only what cannot be any is turned down.
    pub fn reads(self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Self::Boolean => ["true", "false", "1", "0"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known)),
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Date | Self::DateTime => value.contains(|c: char| c.is_ascii_digit()),
            Self::Duration => value.contains(|c: char| c.is_ascii_digit()),
            Self::PhoneNumber
            | Self::String
            | Self::StringCollection
            | Self::AlternativeSecurityIdCollection
            | Self::UserIdentity
            | Self::UserIdentityCollection
            | Self::ObjectIdentity
            | Self::ObjectIdentityCollection => true,
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The data type that a claim has in the merged policy, and where it says so.
pub(super) type Typed = (DataType, Option<Span>);

/// `None` for a claim that nobody declares, or whose type is none.
pub(super) fn type_of(effective: &Effective, claim: &str) -> Option<Typed> {
    let claim = effective.claim_type(claim)?;
    let data_type = DataType::from_name(claim.data_type()?)?;
    let written = claim.element.child("DataType")?;
    Some((data_type, written.text.as_ref().map(|text| text.span)))
}

/// "string", "int or long", "boolean, string or dateTime".
pub(super) fn one_of(types: &[DataType]) -> String {
    match types {
        [] => String::new(),
        [only] => only.to_string(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|known| known.name()).collect();
            format!("{} or {last}", first.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_dot_net_would() {
        for (data_type, value, reads) in [
            (DataType::Boolean, "True", true),
            (DataType::Boolean, "yes", false),
            (DataType::Int, " 42 ", true),
            (DataType::Int, "-80", true),
            (DataType::Int, "2147483648", false),
            (DataType::Int, "4.5", false),
            (DataType::Int, "", false),
            (DataType::Long, "2147483648", true),
            (DataType::Long, "many", false),
            (DataType::DateTime, "2021-11-15T00:00:00", true),
            (DataType::DateTime, "11/15/2021", true),
            (DataType::Date, "tomorrow", false),
            (DataType::String, "", true),
        ] {
            assert_eq!(data_type.reads(value), reads, "{data_type} {value:?}");
        }
    }

    #[test]
    fn a_name_is_taken_in_its_own_casing_only() {
        assert_eq!(DataType::from_name("dateTime"), Some(DataType::DateTime));
        assert_eq!(DataType::from_name("datetime"), None);
    }

    #[test]
    fn types_are_listed_as_a_person_would() {
        use DataType::{Boolean, Int, String};
        assert_eq!(one_of(&[Int]), "int");
        assert_eq!(one_of(&[Boolean, String, Int]), "boolean, string or int");
    }
}
