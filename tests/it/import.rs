//! Customers and links from files.

pub(crate) mod customers;
mod files;
