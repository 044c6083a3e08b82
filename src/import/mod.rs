//! Customers and links in bulk, from files.

pub mod meter;
pub mod row;
