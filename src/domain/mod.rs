//! The rules, as data and pure functions: no I/O, no clock, no framework.
//!
//! What changes from call to call (the time, random identifiers) is an
//! argument, so that every rule is tested without a server or a database.

pub mod answer;
pub mod customer;
pub mod directory;
pub mod email;
pub mod feed;
pub mod identity;
pub mod language;
pub mod link;
pub mod matching;
pub mod reference;
pub mod request_id;
pub mod site;
pub mod tenant;
pub mod trust;
