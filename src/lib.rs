//! idlink links the identities people sign up with to customer accounts.
pub mod emulator;
