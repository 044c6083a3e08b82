//! Customers and links in bulk, from files.
