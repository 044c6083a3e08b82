//! Customers and links from files.

mod customers;
mod files;
