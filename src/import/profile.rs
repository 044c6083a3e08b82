//! What a system calls its columns and its values, so that its exports can be
//! read as they are. README.md beside this file has the words for people.

use super::encoding::Encoding;

/// A column that idlink reads, by its own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    LegalEntity,
    CustomerNumber,
    Kind,
    Type,
    Name,
    Email,
    /// Whether the address is none: a name in some messenger.
    EmailIsMessenger,
    State,
    ReplacedBy,
    ChangedAt,
    Issuer,
    Subject,
    Provider,
    /// Whether the tenant calls the identity's address verified.
    Verified,
}

impl Field {
    pub const ALL: [Self; 14] = [
        Self::LegalEntity,
        Self::CustomerNumber,
        Self::Kind,
        Self::Type,
        Self::Name,
        Self::Email,
        Self::EmailIsMessenger,
        Self::State,
        Self::ReplacedBy,
        Self::ChangedAt,
        Self::Issuer,
        Self::Subject,
        Self::Provider,
        Self::Verified,
    ];

    /// The name in our own files, and in mapping files.
    pub fn key(self) -> &'static str {
        match self {
            Self::LegalEntity => "legal_entity",
            Self::CustomerNumber => "customer_number",
            Self::Kind => "kind",
            Self::Type => "type",
            Self::Name => "name",
            Self::Email => "email",
            Self::EmailIsMessenger => "email_is_messenger",
            Self::State => "state",
            Self::ReplacedBy => "replaced_by",
            Self::ChangedAt => "changed_at",
            Self::Issuer => "issuer",
            Self::Subject => "subject",
            Self::Provider => "provider",
            Self::Verified => "verified",
        }
    }

    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.key() == key)
    }

    /// The words that a value of it may be, where it is one of a few.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Kind => &["person", "organisation"],
            Self::Type => &["b2b", "b2c"],
            Self::State => &["active", "pending", "blocked"],
            Self::EmailIsMessenger | Self::Verified => &["true", "false"],
            Self::LegalEntity
            | Self::CustomerNumber
            | Self::Name
            | Self::Email
            | Self::ReplacedBy
            | Self::ChangedAt
            | Self::Issuer
            | Self::Subject
            | Self::Provider => &[],
        }
    }
}

/// The columns that a field is read from: the first group of which a cell is
/// not empty, its cells joined by blanks.
pub type Groups = Vec<Vec<String>>;

/// How a system writes its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub delimiter: Option<u8>,
    pub encoding: Option<Encoding>,
    columns: Vec<(Field, Groups)>,
    /// A system's word for one of [`Field::words`].
    values: Vec<(Field, String, &'static str)>,
    /// What is meant where the file says nothing.
    constants: Vec<(Field, String)>,
}

impl Profile {
    pub const NAMES: [&str; 2] = ["idlink", "dynamics-customers-v3"];

    pub fn named(name: &str) -> Option<Self> {
        match name {
            "idlink" => Some(Self::idlink()),
            "dynamics-customers-v3" => Some(Self::dynamics_customers_v3()),
            _ => None,
        }
    }

    /// Our own columns and words, for customers, links and identities.
    pub fn idlink() -> Self {
        let mut profile = Self::empty("idlink");
        for field in Field::ALL {
            if field != Field::EmailIsMessenger {
                profile.set_columns(field, vec![vec![field.key().to_owned()]]);
            }
            for &word in field.words() {
                profile.add_value(field, word.to_owned(), word);
            }
        }
        profile.add_value(Field::Kind, "organization".to_owned(), "organisation");
        profile
    }

    /// The entity `CustomersV3` (AOT: `CustCustomerV3Entity`) of Dynamics 365
    /// Finance, as the data management framework exports it (names in
    /// capitals) and as its OData service does (`dataAreaId`,
    /// `CustomerAccount`, …).
    ///
    /// `OnHoldStatus` is an enumeration of seven (`CustVendorBlocked`), of
    /// which only `All` ends all business with a customer. Whether a customer
    /// buys as a business is in none of the entity's columns: in an extension
    /// called `IsB2B`, or said for the whole file.
    pub fn dynamics_customers_v3() -> Self {
        let mut profile = Self::empty("dynamics-customers-v3");
        let columns: [(Field, &[&[&str]]); 8] = [
            (Field::LegalEntity, &[&["DATAAREAID"]]),
            (Field::CustomerNumber, &[&["CUSTOMERACCOUNT"]]),
            (Field::Kind, &[&["PARTYTYPE"]]),
            (Field::Type, &[&["ISB2B"]]),
            (
                Field::Name,
                &[
                    &[
                        "PERSONFIRSTNAME",
                        "PERSONMIDDLENAME",
                        "PERSONLASTNAMEPREFIX",
                        "PERSONLASTNAME",
                    ],
                    &["ORGANIZATIONNAME"],
                    &["NAME"],
                    &["NAMEALIAS"],
                ],
            ),
            (Field::Email, &[&["PRIMARYCONTACTEMAIL"]]),
            (Field::EmailIsMessenger, &[&["PRIMARYCONTACTEMAILISIM"]]),
            (Field::State, &[&["ONHOLDSTATUS"]]),
        ];
        for (field, groups) in columns {
            let group = |group: &&[&str]| group.iter().map(|&name| name.to_owned()).collect();
            profile.set_columns(field, groups.iter().map(group).collect());
        }
        let values: [(Field, &[&str], &'static str); 8] = [
            (Field::Kind, &["Person"], "person"),
            (Field::Kind, &["Organization"], "organisation"),
            (Field::Type, &["Yes", "True", "1"], "b2b"),
            (Field::Type, &["No", "False", "0"], "b2c"),
            (
                Field::State,
                &[
                    "No",
                    "Invoice",
                    "Payment",
                    "Requisition",
                    "Never",
                    "PurchOrder",
                    "0",
                    "1",
                    "3",
                    "4",
                    "5",
                    "6",
                ],
                "active",
            ),
            (Field::State, &["All", "2"], "blocked"),
            (Field::EmailIsMessenger, &["Yes", "True", "1"], "true"),
            (Field::EmailIsMessenger, &["No", "False", "0"], "false"),
        ];
        for (field, words, meaning) in values {
            for &word in words {
                profile.add_value(field, word.to_owned(), meaning);
            }
        }
        profile
    }

    pub(super) fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            delimiter: None,
            encoding: None,
            columns: Vec::new(),
            values: Vec::new(),
            constants: Vec::new(),
        }
    }

    pub(super) fn set_columns(&mut self, field: Field, groups: Groups) {
        self.columns.retain(|(other, _)| *other != field);
        self.columns.push((field, groups));
    }

    pub(super) fn add_value(&mut self, field: Field, word: String, meaning: &'static str) {
        let is_same = |other: &str| other.eq_ignore_ascii_case(&word);
        self.values
            .retain(|(of, other, _)| *of != field || !is_same(other));
        self.values.push((field, word, meaning));
    }

    pub(super) fn set_constant(&mut self, field: Field, value: String) {
        self.constants.retain(|(other, _)| *other != field);
        self.constants.push((field, value));
    }

    /// Takes customers to be of this type where the file does not say.
    pub fn with_type(mut self, customer_type: crate::domain::customer::CustomerType) -> Self {
        let word = match customer_type {
            crate::domain::customer::CustomerType::B2b => "b2b",
            crate::domain::customer::CustomerType::B2c => "b2c",
        };
        self.set_constant(Field::Type, word.to_owned());
        self
    }

    pub(super) fn groups(&self, field: Field) -> &[Vec<String>] {
        let found = self.columns.iter().find(|(other, _)| *other == field);
        found.map_or(&[], |(_, groups)| groups)
    }

    pub(super) fn constant(&self, field: Field) -> Option<&str> {
        let found = self.constants.iter().find(|(other, _)| *other == field);
        found.map(|(_, value)| value.as_str())
    }

    /// A system's words for a field, each with ours.
    pub(super) fn values(&self, field: Field) -> impl Iterator<Item = (&str, &'static str)> {
        self.values
            .iter()
            .filter(move |(of, _, _)| *of == field)
            .map(|(_, word, meaning)| (word.as_str(), *meaning))
    }

    /// Every column that some of these fields are read from.
    pub(super) fn column_names(&self, fields: &[Field]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let groups = fields.iter().flat_map(|&field| self.groups(field));
        for name in groups.flatten() {
            if !names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                names.push(name.clone());
            }
        }
        names
    }
}
