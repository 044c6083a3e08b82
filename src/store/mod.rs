//! PostgreSQL. The only module that writes SQL.

pub mod embedded;
