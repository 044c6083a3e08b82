//! `[database]`: which PostgreSQL; absent, idlink starts its own.

use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::{PASSWORD, Section};
use crate::store::Statements;

/// More connections than this wait for each other inside PostgreSQL.
const MOST_CONNECTIONS: u32 = 64;

#[derive(Clone, Debug)]
pub struct Database {
    /// `postgres://…` or `host=… user=…`; `None`: the embedded PostgreSQL. A
    /// secret, because it may hold a password.
    pub url: Option<SecretString>,
    pub password: Option<SecretString>,
    pub pool_size: usize,
    /// PEM file of the authority that signed the database's certificate;
    /// `None`: the authorities that this machine trusts.
    pub ca_certificate: Option<PathBuf>,
    /// Whether a pooler stands before the database.
    pub statements: Statements,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            password: None,
            pool_size: 16,
            ca_certificate: None,
            statements: Statements::Prepared,
        }
    }
}

impl Database {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let url = section.parsed("url", url);
        let password = section.secret(PASSWORD);
        let ca_certificate = section.path("ca_certificate");
        let statements = section.choice(
            "statements",
            &[
                ("prepared", Statements::Prepared),
                ("unnamed", Statements::Unnamed),
            ],
        );
        let places = [
            password.as_ref().map(|password| &password.place),
            ca_certificate.as_ref().map(|path| &path.place),
            statements.as_ref().map(|chosen| &chosen.place),
        ];
        for place in places.into_iter().flatten() {
            if url.is_none() {
                section.problem_at(place, "is of no use without `database.url`");
            }
        }
        Self {
            url: url.map(|url| url.value),
            password: password.map(|password| password.value),
            pool_size: section
                .whole("pool_size", 1..=MOST_CONNECTIONS)
                .and_then(|size| usize::try_from(size.value).ok())
                .unwrap_or(Self::default().pool_size),
            ca_certificate: ca_certificate.map(|path| path.value),
            statements: statements.map_or(Self::default().statements, |chosen| chosen.value),
        }
    }
}

/// The store reads it in full; here only what is certainly something else is
/// refused, so that the line is named.
fn url(text: &str) -> Result<SecretString, String> {
    let looks_right = text.starts_with("postgres://")
        || text.starts_with("postgresql://")
        || (!text.contains("://") && text.contains('='));
    if looks_right {
        Ok(SecretString::from(text))
    } else {
        Err(
            "must be postgres://user@host/database or host=… user=… dbname=…; leave it out for \
             the embedded PostgreSQL"
                .to_owned(),
        )
    }
}
