//! Customers and links in bulk, from files. README.md beside this file says
//! what a file may be.

mod cell;
mod columns;
pub mod customer_rows;
mod delimited;
pub mod encoding;
mod json_lines;
pub mod link_rows;
pub mod mapping;
pub mod meter;
pub mod profile;
pub mod reject;
pub mod row;
pub mod sample;
pub mod sheet;
pub mod source;
pub mod table;
mod window;
