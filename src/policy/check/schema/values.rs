//! Whether a value is one of its type.

use super::model::Simple;

/// Why a value is none of its type.
pub(super) struct Complaint {
    /// The type, as B2C calls it.
    pub(super) datatype: String,
    /// In B2C's words.
    pub(super) b2c: String,
    /// What would be right.
    pub(super) expected: String,
}

impl Simple {
    pub(super) fn check(self, value: &str) -> Result<(), Complaint> {
        if self.accepts(value) || self.is_left_open(value) {
            Ok(())
        } else {
            Err(Complaint {
                datatype: self.datatype(),
                b2c: self.b2c(value),
                expected: self.expected(),
            })
        }
    }

    fn accepts(self, value: &str) -> bool {
        let trimmed = value.trim_ascii();
        match self {
            Self::Any => true,
            Self::Boolean => matches!(trimmed, "true" | "false" | "1" | "0"),
            Self::Int => trimmed.parse::<i32>().is_ok(),
            Self::Integer => {
                let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            }
            Self::Uri => is_uri(trimmed),
            Self::OneOf(_, values) => values.contains(&value),
            Self::NotEmpty(_) => !value.is_empty(),
            Self::Guid(_) => is_guid(value),
            Self::Version(_, numbers) => is_version(value, numbers),
            Self::Culture => is_culture(value),
            Self::TenantId => {
                (3..=63).contains(&value.len())
                    && value
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'.')
            }
            Self::PolicyId => is_policy_id(value, b""),
            Self::PolicyIdPattern => is_policy_id(value, b"{}"),
            Self::ContentUri => is_content_uri(value),
        }
    }

    /// Whether the author has still to fill it in, or `idlink policy build`
    /// has: rule P33 looks at that.
    fn is_left_open(self, value: &str) -> bool {
        if value.contains('{') && value.contains('}') {
            return true;
        }
        match self {
            Self::Guid(_) => {
                value.contains("...")
                    || names_a_gap(value)
                    || !value.bytes().any(|byte| byte.is_ascii_digit())
            }
            Self::TenantId | Self::Uri => names_a_gap(value),
            Self::Any
            | Self::Boolean
            | Self::Int
            | Self::Integer
            | Self::OneOf(..)
            | Self::NotEmpty(_)
            | Self::Version(..)
            | Self::Culture
            | Self::PolicyId
            | Self::PolicyIdPattern
            | Self::ContentUri => false,
        }
    }

    fn datatype(self) -> String {
        match self {
            Self::Any => "http://www.w3.org/2001/XMLSchema:string".to_owned(),
            Self::Boolean => "http://www.w3.org/2001/XMLSchema:boolean".to_owned(),
            Self::Int => "http://www.w3.org/2001/XMLSchema:int".to_owned(),
            Self::Integer => "http://www.w3.org/2001/XMLSchema:integer".to_owned(),
            Self::Uri => "http://www.w3.org/2001/XMLSchema:anyURI".to_owned(),
            Self::OneOf(name, _)
            | Self::NotEmpty(name)
            | Self::Guid(name)
            | Self::Version(name, _) => own(name),
            Self::Culture => own("Culture"),
            Self::TenantId => own("TenantId"),
            Self::PolicyId => own("PolicyId"),
            Self::PolicyIdPattern => own("PolicyIdPattern"),
            Self::ContentUri => own("ContentUriTYPE"),
        }
    }

    fn b2c(self, value: &str) -> String {
        match self {
            Self::Boolean => format!("The string '{value}' is not a valid Boolean value."),
            Self::Int => format!("The string '{value}' is not a valid Int32 value."),
            Self::Integer => format!("The string '{value}' is not a valid Integer value."),
            Self::Any | Self::Uri => format!("The string '{value}' is not a valid Uri value."),
            Self::OneOf(..) => "The Enumeration constraint failed.".to_owned(),
            Self::NotEmpty(_) => "The actual length is less than the MinLength value.".to_owned(),
            Self::Guid(_)
            | Self::Version(..)
            | Self::Culture
            | Self::TenantId
            | Self::PolicyId
            | Self::PolicyIdPattern
            | Self::ContentUri => "The Pattern constraint failed.".to_owned(),
        }
    }

    fn expected(self) -> String {
        match self {
            Self::Any => "any text".to_owned(),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Int | Self::Integer => "a whole number".to_owned(),
            Self::Uri => "a URI".to_owned(),
            Self::OneOf(_, [only]) => format!("`{only}`"),
            Self::OneOf(_, values) => format!("one of `{}`", values.join("`, `")),
            Self::NotEmpty(_) => "some text".to_owned(),
            Self::Guid(_) => "a GUID: 8-4-4-4-12 hexadecimal digits".to_owned(),
            Self::Version(_, numbers) => {
                format!("{numbers} numbers of one digit with dots between")
            }
            Self::Culture => "a language such as `en` or `pt-BR`".to_owned(),
            Self::TenantId => {
                "a tenant such as `contoso.onmicrosoft.com`: 3 to 63 letters, digits and dots"
                    .to_owned()
            }
            Self::PolicyId | Self::PolicyIdPattern => {
                "letters, digits, `_`, `-` and `.`, and no dot at the end".to_owned()
            }
            Self::ContentUri => {
                "an address that begins with `https://` or `~/`, or a `urn:` in lower case"
                    .to_owned()
            }
        }
    }
}

fn own(name: &str) -> String {
    format!("{}:{name}", crate::policy::xml::NAMESPACE)
}

/// Whether a value says in words that something belongs there.
fn names_a_gap(value: &str) -> bool {
    const WORDS: [&str; 6] = [
        "your",
        "replace",
        "tenant-name",
        "tenant_name",
        "my-tenant",
        "b2c-tenant",
    ];
    let value = value.to_ascii_lowercase();
    WORDS.iter().any(|word| value.contains(word))
}

fn is_uri(value: &str) -> bool {
    match value.split_once("://") {
        Some(_) => url::Url::parse(value).is_ok(),
        // A relative one: B2C takes whatever it is.
        None => true,
    }
}

fn is_guid(value: &str) -> bool {
    let mut groups = value.split('-');
    let fits = [8, 4, 4, 4, 12].iter().all(|length| {
        groups.next().is_some_and(|group| {
            group.len() == *length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    });
    fits && groups.next().is_none()
}

fn is_version(value: &str, numbers: usize) -> bool {
    let mut count = 0;
    value.split('.').all(|part| {
        count += 1;
        part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit())
    }) && count == numbers
}

fn is_culture(value: &str) -> bool {
    let mut parts = value.split('-');
    let language = parts.next().is_some_and(|part| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    let mut regions = 0;
    language
        && parts.all(|part| {
            regions += 1;
            (2..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
        && regions <= 2
}

fn is_policy_id(value: &str, also: &[u8]) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte) || also.contains(&byte);
    !value.is_empty() && value.bytes().all(allowed) && !value.ends_with('.')
}

fn is_content_uri(value: &str) -> bool {
    if let Some(name) = value.strip_prefix("urn:") {
        return is_urn(name);
    }
    let prefixes = ["http://", "https://", "~/"];
    let Some(path) = prefixes.iter().find_map(|p| value.strip_prefix(p)) else {
        return false;
    };
    let allowed = |c: char| c.is_alphanumeric() || ".,@?^=%&:~+#-_$!’();".contains(c);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/')
        .all(|part| !part.is_empty() && part.chars().all(allowed))
}

fn is_urn(name: &str) -> bool {
    let Some((space, rest)) = name.split_once(':') else {
        return false;
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=32).contains(&space.len())
        && !space.starts_with('-')
        && space.bytes().all(|byte| lower(byte) || byte == b'-')
        && !rest.is_empty()
        && rest
            .bytes()
            .all(|byte| lower(byte) || b"()+,/-.:=@;$_!*'%?#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::model::Simple;
    use super::super::one_of;

    #[test]
    fn a_value_is_of_its_type_or_not() {
        let guid = Simple::Guid("TenantObjectId");
        let version = Simple::Version("FourPartVersionNumber", 4);
        for (simple, value, fits) in [
            (Simple::Boolean, "true", true),
            (Simple::Boolean, "True", false),
            (Simple::Boolean, " 1 ", true),
            (Simple::Int, "-5", true),
            (Simple::Int, "5.0", false),
            (Simple::Int, "3000000000", false),
            (Simple::Integer, "3000000000", true),
            (Simple::TenantId, "contoso.onmicrosoft.com", true),
            (Simple::TenantId, "con-toso.onmicrosoft.com", false),
            (Simple::TenantId, "your-tenant.onmicrosoft.com", true),
            (Simple::TenantId, "{Settings:Tenant}", true),
            (Simple::PolicyId, "B2C_1A_a.b", true),
            (Simple::PolicyId, "B2C_1A_a b", false),
            (Simple::PolicyId, "B2C_1A.", false),
            (guid, "0a1b2c3d-0000-0000-0000-00000000abcd", true),
            (guid, "0a1b2c3d-0000-0000-0000-00000000abc", false),
            (guid, "yourtenant.onmicrosoft.com", true),
            (version, "0.3.0.0", true),
            (version, "0.3.0", false),
            (version, "0.3.0.10", false),
            (Simple::Culture, "pt-BR", true),
            (Simple::Culture, "PT", false),
            (Simple::Culture, "zh-hans-cn", true),
            (Simple::Culture, "en-", false),
            (one_of::DATA_TYPE, "string", true),
            (one_of::DATA_TYPE, "String", false),
            (one_of::DATA_TYPE, " string", false),
            (
                Simple::ContentUri,
                "~/tenant/templates/AzureBlue/unified.cshtml",
                true,
            ),
            (Simple::ContentUri, "https://example.com//page", false),
            (Simple::ContentUri, "ftp://example.com/page", false),
            (
                Simple::ContentUri,
                "urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7",
                true,
            ),
            (
                Simple::ContentUri,
                "urn:com:microsoft:aad:B2C:elements",
                false,
            ),
            (Simple::Uri, "http://contoso.onmicrosoft.com/B2C_1A_x", true),
            (Simple::Uri, "http://con toso/x", false),
            (Simple::NotEmpty("nonemptystring"), "", false),
        ] {
            assert_eq!(simple.check(value).is_ok(), fits, "{value}");
        }
    }
}
