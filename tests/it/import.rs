//! Customers and links from files.

mod commands;
mod crash;
mod customers;
mod files;
mod links;
mod sample;
mod together;
