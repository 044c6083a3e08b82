//! Customers and links from files.

mod commands;
mod crash;
pub(crate) mod customers;
mod files;
mod links;
mod sample;
mod together;
