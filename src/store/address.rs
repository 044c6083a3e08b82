//! Where the configured database is, and how its certificate is checked.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::{Limits, Statements, StoreSettings};

/// Why the settings name no database that can be tried.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("`database.url` is no connection string that PostgreSQL would take: {0}")]
    Url(String),
    #[error("`database.ca_certificate` {}: {problem}", .file.display())]
    Authority {
        file: PathBuf,
        problem: &'static str,
    },
    #[error("the authorities that this machine trusts cannot be read: {0}")]
    Authorities(#[from] rustls::Error),
}

impl StoreSettings {
    /// For the database at `url`. The certificate of a server that is reached
    /// through TLS is always checked: against `authority`, or else against
    /// what this machine trusts.
    pub fn at(
        url: &SecretString,
        password: Option<&SecretString>,
        authority: Option<&Path>,
        connections: usize,
    ) -> Result<Self, AddressError> {
        // The driver's own words name the option, never its value.
        let mut config = Config::from_str(url.expose_secret())
            .map_err(|error| AddressError::Url(error.to_string()))?;
        if let Some(password) = password {
            config.password(password.expose_secret());
        }
        let tls = match is_plain(&config) {
            true => None,
            false => Some(tls(authority)?),
        };
        Ok(Self {
            config,
            tls,
            connections,
            limits: Limits::default(),
            statements: Statements::Prepared,
        })
    }
}

fn is_plain(config: &Config) -> bool {
    let is_socket = |host: &Host| matches!(host, Host::Unix(_));
    config.get_ssl_mode() == SslMode::Disable || config.get_hosts().iter().all(is_socket)
}

fn tls(authority: Option<&Path>) -> Result<ClientConfig, AddressError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let Some(file) = authority else {
        return Ok(builder.with_platform_verifier()?.with_no_client_auth());
    };
    let problem = |problem: &'static str| AddressError::Authority {
        file: file.to_owned(),
        problem,
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .map_err(|_| problem("cannot be read, or is no PEM file"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|_| problem("is no PEM file"))?;
        roots
            .add(certificate)
            .map_err(|_| problem("holds a certificate that is no authority's"))?;
    }
    if roots.is_empty() {
        return Err(problem("holds no certificate"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_left_out_where_the_string_or_a_socket_says_so() {
        let cases = [
            ("postgres://idlink@db.example.com/idlink", false),
            (
                "postgres://idlink@db.example.com/idlink?sslmode=require",
                false,
            ),
            ("host=db.example.com user=idlink sslmode=disable", true),
            ("host=/run/postgresql user=idlink", true),
        ];
        for (url, expected) in cases {
            let settings = StoreSettings::at(&url.into(), None, None, 1);
            assert_eq!(settings.unwrap().tls.is_none(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let cases = [
            "postgres://idlink:canary@db.example.com:port/idlink",
            "host=db.example.com password=canary sslmode=canary",
            "host=db.example.com password='canary",
            "canary",
        ];
        for url in cases {
            let error = StoreSettings::at(&url.into(), None, None, 1).err().unwrap();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let missing = StoreSettings::at(
            &"postgres://idlink@db.example.com/idlink".into(),
            None,
            Some(Path::new("/nowhere/ca.pem")),
            1,
        );
        assert_eq!(
            missing.err().unwrap().to_string(),
            "`database.ca_certificate` /nowhere/ca.pem: cannot be read, or is no PEM file"
        );
    }
}
