//! Customers and links from files.

mod crash;
pub(crate) mod customers;
mod files;
mod links;
mod together;
