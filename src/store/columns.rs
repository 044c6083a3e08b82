//! How domain values are spelled in columns, both ways.

use tokio_postgres::Row;
use uuid::Uuid;

use super::StoreError;
use crate::domain::customer::{
    AddressOrigin, Customer, CustomerId, CustomerKind, CustomerNumber, CustomerOrigin,
    CustomerState, CustomerType, Occupancy,
};
use crate::domain::site::{CustomerEmail, Rules, SecondIdentity, UnverifiedEmail};

pub(super) fn kind(kind: CustomerKind) -> &'static str {
    match kind {
        CustomerKind::Person => "person",
        CustomerKind::Organisation => "organisation",
    }
}

pub(super) fn read_kind(text: &str) -> Result<CustomerKind, StoreError> {
    match text {
        "person" => Ok(CustomerKind::Person),
        "organisation" => Ok(CustomerKind::Organisation),
        _ => Err(StoreError::Corrupt("customer.kind")),
    }
}

pub(super) fn state(state: CustomerState) -> &'static str {
    match state {
        CustomerState::Active => "active",
        CustomerState::Pending => "pending",
        CustomerState::Blocked => "blocked",
        CustomerState::Gone => "gone",
        CustomerState::Merged => "merged",
        CustomerState::Erased => "erased",
    }
}

pub(super) fn read_state(text: &str) -> Result<CustomerState, StoreError> {
    match text {
        "active" => Ok(CustomerState::Active),
        "pending" => Ok(CustomerState::Pending),
        "blocked" => Ok(CustomerState::Blocked),
        "gone" => Ok(CustomerState::Gone),
        "merged" => Ok(CustomerState::Merged),
        "erased" => Ok(CustomerState::Erased),
        _ => Err(StoreError::Corrupt("customer.state")),
    }
}

pub(super) fn address_origin(origin: AddressOrigin) -> &'static str {
    match origin {
        AddressOrigin::Imported => "imported",
        AddressOrigin::Typed => "typed",
        AddressOrigin::Proven => "proven",
        AddressOrigin::Wrong => "wrong",
    }
}

pub(super) fn read_address_origin(text: &str) -> Result<AddressOrigin, StoreError> {
    match text {
        "imported" => Ok(AddressOrigin::Imported),
        "typed" => Ok(AddressOrigin::Typed),
        "proven" => Ok(AddressOrigin::Proven),
        "wrong" => Ok(AddressOrigin::Wrong),
        _ => Err(StoreError::Corrupt("customer.email_origin")),
    }
}

pub(super) fn origin(origin: CustomerOrigin) -> &'static str {
    match origin {
        CustomerOrigin::Import => "import",
        CustomerOrigin::SignUp => "sign_up",
        CustomerOrigin::Staff => "staff",
    }
}

pub(super) fn read_origin(text: &str) -> Result<CustomerOrigin, StoreError> {
    match text {
        "import" => Ok(CustomerOrigin::Import),
        "sign_up" => Ok(CustomerOrigin::SignUp),
        "staff" => Ok(CustomerOrigin::Staff),
        _ => Err(StoreError::Corrupt("customer.origin")),
    }
}

pub(super) fn is_b2b(customer_type: CustomerType) -> bool {
    customer_type == CustomerType::B2b
}

pub(super) fn read_customer_type(is_b2b: bool) -> CustomerType {
    if is_b2b {
        CustomerType::B2b
    } else {
        CustomerType::B2c
    }
}

pub(super) fn read_number(text: &str) -> Result<CustomerNumber, StoreError> {
    CustomerNumber::parse(text).ok_or(StoreError::Corrupt("customer.customer_number"))
}

/// A customer from a row that has its columns and `occupied`.
pub(super) fn customer(row: &Row) -> Result<Customer, StoreError> {
    let origin: Option<&str> = row.try_get("email_origin")?;
    Ok(Customer {
        id: CustomerId(row.try_get::<_, Uuid>("customer_id")?),
        number: read_number(row.try_get("customer_number")?)?,
        kind: read_kind(row.try_get("kind")?)?,
        customer_type: read_customer_type(row.try_get("is_b2b")?),
        state: read_state(row.try_get("state")?)?,
        address_origin: origin.map(read_address_origin).transpose()?,
        occupancy: if row.try_get("occupied")? {
            Occupancy::Occupied
        } else {
            Occupancy::Free
        },
    })
}

/// The rules as evidence beside a decision.
pub(super) fn rules(rules: &Rules) -> serde_json::Value {
    serde_json::json!({
        "customer_type": match rules.customer_type {
            CustomerType::B2b => "b2b",
            CustomerType::B2c => "b2c",
        },
        "unverified_email": match rules.unverified_email {
            UnverifiedEmail::Refuse => "refuse",
            UnverifiedEmail::Separate => "separate",
        },
        "customer_email": match rules.customer_email {
            CustomerEmail::Any => "any",
            CustomerEmail::Proven => "proven",
        },
        "second_identity": match rules.second_identity {
            SecondIdentity::Refuse => "refuse",
            SecondIdentity::Add => "add",
            SecondIdentity::Replace => "replace",
        },
        "feed_max_age_minutes": rules.feed_max_age.map(|age| age.whole_minutes()),
    })
}
