//! The demo's customers, such as a business would have imported. Not one of
//! the addresses can exist (RFC 2606).

use time::OffsetDateTime;

use crate::domain::customer::{
    CustomerKind, CustomerNumber, CustomerState, CustomerType, LegalEntity,
};
use crate::domain::email::Email;
use crate::staff::{Desk, NewCustomer, StaffError};
use crate::store::Store;

/// The name that the audit keeps.
pub const ACTOR: &str = "idlink demo";

/// An address that each shop knows exactly once.
pub const KNOWN_TRADE: Known = Known {
    email: "ada@northwind.example",
    number: "US-101",
};
pub const KNOWN_SHOP: Known = Known {
    email: "mika@kumo.example",
    number: "US-201",
};

/// One that two customers of each shop share.
pub const SHARED_TRADE: &str = "buying@fabrikam.example";
pub const SHARED_SHOP: &str = "family@woodgrove.example";

/// One that is known, to come with from a provider that is not trusted.
pub const SOCIAL: &str = "bruno@northwind.example";

/// A customer that waits for approval, and whose account at the tenant is
/// older than the feature.
pub const EXISTING_ACCOUNT: ExistingAccount = ExistingAccount {
    name: "Grace Okafor",
    email: "grace@tailspin.example",
    password: "Tailspin-2026",
    number: "US-105",
};

pub struct Known {
    pub email: &'static str,
    pub number: &'static str,
}

pub struct ExistingAccount {
    pub name: &'static str,
    pub email: &'static str,
    pub password: &'static str,
    pub number: &'static str,
}

struct Sample {
    number: &'static str,
    name: &'static str,
    email: &'static str,
    customer_type: CustomerType,
    kind: CustomerKind,
    state: CustomerState,
}

const fn trade(number: &'static str, name: &'static str, email: &'static str) -> Sample {
    Sample {
        number,
        name,
        email,
        customer_type: CustomerType::B2b,
        kind: CustomerKind::Person,
        state: CustomerState::Active,
    }
}

const fn shop(number: &'static str, name: &'static str, email: &'static str) -> Sample {
    Sample {
        customer_type: CustomerType::B2c,
        ..trade(number, name, email)
    }
}

const SAMPLES: [Sample; 13] = [
    trade(KNOWN_TRADE.number, "Ada Lindqvist", KNOWN_TRADE.email),
    trade("US-102", "Bruno Costa", SOCIAL),
    trade("US-103", "Chen Wei", SHARED_TRADE),
    trade("US-104", "Dora Novak", SHARED_TRADE),
    Sample {
        state: CustomerState::Pending,
        ..trade(
            EXISTING_ACCOUNT.number,
            EXISTING_ACCOUNT.name,
            EXISTING_ACCOUNT.email,
        )
    },
    Sample {
        state: CustomerState::Blocked,
        ..trade("US-106", "Henrik Dahl", "henrik@wingtip.example")
    },
    // An organisation never is who signs up.
    Sample {
        kind: CustomerKind::Organisation,
        ..trade("US-107", "Northwind Traders", "office@northwind.example")
    },
    trade("US-108", "Ines Moreau", "ines@adatum.example"),
    shop(KNOWN_SHOP.number, "Mika Tanaka", KNOWN_SHOP.email),
    shop("US-202", "Nora Weiss", "nora@lakeside.example"),
    shop("US-203", "Jo Woodgrove", SHARED_SHOP),
    shop("US-204", "Kim Woodgrove", SHARED_SHOP),
    shop("US-205", "Omar Haddad", "omar@kumo.example"),
];

#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error("the sample customers could not be added: {0}")]
    Staff(#[from] StaffError),
    #[error("the sample customer {0} is not one that idlink would take")]
    Unreadable(&'static str),
}

/// Adds those that are missing and touches none that is there, whatever has
/// become of it. Returns how many there are, and how many of them are new.
pub async fn load(
    store: &Store,
    legal_entity: &LegalEntity,
    now: OffsetDateTime,
) -> Result<(usize, usize), SampleError> {
    let desk = Desk {
        store,
        legal_entity,
        actor: ACTOR,
    };
    let mut added = 0;
    for sample in &SAMPLES {
        let customer = sample.read()?;
        let Some(number) = &customer.number else {
            continue;
        };
        let found = store.customer(legal_entity, number).await;
        if found.map_err(StaffError::from)?.is_none() {
            desk.add_customer(&customer, now).await?;
            added += 1;
        }
    }
    Ok((SAMPLES.len(), added))
}

impl Sample {
    fn read(&self) -> Result<NewCustomer, SampleError> {
        let unreadable = SampleError::Unreadable(self.number);
        let number = CustomerNumber::parse(self.number);
        let (Some(number), Ok(email)) = (number, Email::parse(self.email)) else {
            return Err(unreadable);
        };
        Ok(NewCustomer {
            number: Some(number),
            kind: self.kind,
            customer_type: self.customer_type,
            name: Some(self.name.to_owned()),
            email: Some(email),
            state: self.state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_readable_and_has_a_number_of_its_own() {
        let numbers: std::collections::BTreeSet<_> = SAMPLES
            .iter()
            .map(|sample| sample.read().unwrap().number)
            .collect();
        assert_eq!(numbers.len(), SAMPLES.len());
    }
}
