//! The rules that a set of policies is checked by.

pub mod schema;
mod wording;
