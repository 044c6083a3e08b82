//! TLS for a desk: a certificate authority that is made once and kept, and a
//! certificate of it for this machine's own names.

use std::{
    fs, io,
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Where the tenant is reached over TLS, besides plain HTTP.
#[derive(Clone, Debug)]
pub struct Https {
    /// Port 0 takes a free port.
    pub listen: SocketAddr,
    pub certificates: Certificates,
}

/// What a client is shown.
#[derive(Clone)]
pub enum Certificates {
    /// Of an authority that is kept in this folder, and made there if there is
    /// none.
    OwnAuthority(PathBuf),
    /// The owner's, in PEM.
    Given { chain: String, key: String },
}

/// A key is nobody's business.
impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OwnAuthority(folder) => f.debug_tuple("OwnAuthority").field(folder).finish(),
            Self::Given { .. } => f.write_str("Given { .. }"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{}: {cause}", path.display())]
    Folder { path: PathBuf, cause: io::Error },
    #[error(
        "{} is no private key: remove it together with {AUTHORITY} beside it, and both are made \
         anew",
        .0.display()
    )]
    Key(PathBuf),
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate or its key is not what TLS can use: {0}")]
    Unusable(String),
}

const AUTHORITY: &str = "emulator-ca.pem";
const AUTHORITY_KEY: &str = "emulator-ca.key";

/// The authority outlives a desk; what it signs is for one run.
const AUTHORITY_DAYS: i64 = 10 * 365;
const LEAF_DAYS: i64 = 30;

/// This machine, by the names that lead to it (RFC 6761 6.3). `*.localhost` is
/// none: OpenSSL and rustls want two labels behind a star.
fn names(tenant: &str) -> Vec<String> {
    let own = format!("{}.localhost", tenant.to_lowercase());
    let others = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    others.into_iter().chain([own]).collect()
}

/// What the server shows, and where the authority lies that clients have to
/// trust.
pub(super) struct Shown {
    pub(super) config: ServerConfig,
    pub(super) authority: Option<PathBuf>,
}

/// `tenant` has a name of its own, `contoso.localhost`.
pub(super) fn shown(certificates: &Certificates, tenant: &str) -> Result<Shown, CertificateError> {
    match certificates {
        Certificates::Given { chain, key } => Ok(Shown {
            config: config(chain, key)?,
            authority: None,
        }),
        Certificates::OwnAuthority(folder) => {
            let at = |cause| CertificateError::Folder {
                path: folder.clone(),
                cause,
            };
            fs::create_dir_all(folder).map_err(at)?;
            let folder = fs::canonicalize(folder).map_err(at)?;
            let (leaf, key) = leaf(&authority(&folder)?, tenant)?;
            Ok(Shown {
                config: config(&leaf, &key)?,
                authority: Some(folder.join(AUTHORITY)),
            })
        }
    }
}

fn config(chain: &str, key: &str) -> Result<ServerConfig, CertificateError> {
    let unusable = |error: &dyn std::fmt::Display| CertificateError::Unusable(error.to_string());
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| unusable(&error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&error))
}

/// The key is the authority: whatever certificate is made of it, clients that
/// trust one trust what it signs.
fn authority(folder: &Path) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    let path = folder.join(AUTHORITY_KEY);
    let at = |path: &Path, cause| CertificateError::Folder {
        path: path.to_owned(),
        cause,
    };
    if !path.exists() {
        let key = KeyPair::generate()?.serialize_pem();
        // Of several that begin at once, the first one's key counts.
        match place(&path, &key, Put::WhereNothingIs) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            placed => placed.map_err(|error| at(&path, error))?,
        }
    }
    let pem = fs::read_to_string(&path).map_err(|error| at(&path, error))?;
    let key = KeyPair::from_pem(&pem).map_err(|_| CertificateError::Key(path))?;
    let params = authority_params();
    let certificate = folder.join(AUTHORITY);
    if !certificate.exists() {
        let pem = params.self_signed(&key)?.pem();
        place(&certificate, &pem, Put::InAnyCase).map_err(|error| at(&certificate, error))?;
    }
    Ok(Issuer::new(params, key))
}

#[derive(Clone, Copy)]
enum Put {
    WhereNothingIs,
    InAnyCase,
}

/// Writes a file beside its place, for its owner only, then puts it there.
fn place(path: &Path, text: &str, put: Put) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", Uuid::new_v4().simple()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let done = written.and_then(|()| match put {
        Put::WhereNothingIs => fs::hard_link(&beside, path),
        Put::InAnyCase => fs::rename(&beside, path),
    });
    // A link leaves it, a rename does not.
    drop(fs::remove_file(&beside));
    done
}

/// It can sign for this machine's own names and for nothing else: whoever gets
/// hold of its key cannot pretend to be somebody on the net.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = "idlink emulator (localhost only)";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(LOOPBACK_6, 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    valid_for(&mut params, AUTHORITY_DAYS);
    params
}

const LOOPBACK_6: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn leaf(
    authority: &Issuer<'static, KeyPair>,
    tenant: &str,
) -> Result<(String, String), CertificateError> {
    let mut params = CertificateParams::new(names(tenant))?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    valid_for(&mut params, LEAF_DAYS);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// From yesterday on: clocks differ.
fn valid_for(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now.saturating_sub(Duration::days(1));
    params.not_after = now.saturating_add(Duration::days(days));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_once_and_its_key_is_its_owners() {
        use std::os::unix::fs::PermissionsExt;

        let folder = std::env::temp_dir().join(format!("idlink-ca-{}", Uuid::new_v4()));
        let certificates = Certificates::OwnAuthority(folder.clone());
        let path = shown(&certificates, "contoso").unwrap().authority.unwrap();
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("-----BEGIN CERTIFICATE-----"));
        shown(&certificates, "contoso").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        let key = folder.join(AUTHORITY_KEY);
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);

        fs::write(&key, "no key").unwrap();
        let error = shown(&certificates, "contoso").err().unwrap().to_string();
        assert!(
            error.contains("remove it together with emulator-ca.pem"),
            "{error}"
        );
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let given = |key: &str| Certificates::Given {
            chain: String::new(),
            key: key.to_owned(),
        };
        assert!(matches!(
            shown(&given(""), "contoso").err().unwrap(),
            CertificateError::Unusable(_)
        ));
        let other = KeyPair::generate().unwrap().serialize_pem();
        assert!(shown(&given(&other), "contoso").is_err());
    }
}
