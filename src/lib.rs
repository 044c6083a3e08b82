//! idlink links the identities people sign up with to the customer accounts a
//! business already has.
#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::panic,
        reason = "a test that fails may panic"
    )
)]

pub mod domain;
