//! Customers and links from files.

mod files;
