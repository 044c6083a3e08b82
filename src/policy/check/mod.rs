//! The rules.

mod data_type;
mod spelling;
pub mod transformations;
