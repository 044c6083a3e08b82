//! Customers and links from files.

mod commands;
mod crash;
pub(crate) mod customers;
mod files;
mod links;
mod protected;
mod sample;
mod together;
