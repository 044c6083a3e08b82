//! Customers and links from files.

mod crash;
mod customers;
mod files;
mod links;
mod sample;
mod together;
