//! idlink links the identities people sign up with to the customer accounts a
//! business already has.

pub mod config;
pub mod domain;
pub mod linking;
pub mod sign_up;
pub mod store;
pub mod tracked;
