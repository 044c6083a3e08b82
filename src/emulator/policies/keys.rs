//! Policy keys that policies name and nobody has given.

use std::collections::BTreeMap;

use rcgen::{CertificateParams, KeyPair};

use super::Policies;
use crate::{
    emulator::{ClientCertificate, PolicyKey},
    policy::view::{ProviderKind, TechnicalProfile},
};

/// A value for each, so that a set of policies runs at once: a secret is the
/// container's own name, a certificate is made.
pub(crate) fn missing_keys(
    policies: &Policies,
    given: &BTreeMap<String, PolicyKey>,
) -> Result<BTreeMap<String, PolicyKey>, rcgen::Error> {
    let mut missing: BTreeMap<String, PolicyKey> = BTreeMap::new();
    for program in &policies.programs {
        for profile in program.effective.technical_profiles() {
            for key in profile.keys().filter(|_| uses_keys(&profile)) {
                let Some(container) = key.value("StorageReferenceId").map(str::trim) else {
                    continue;
                };
                let is_it = |name: &String| name.trim().eq_ignore_ascii_case(container);
                if container.is_empty() || given.keys().chain(missing.keys()).any(is_it) {
                    continue;
                }
                let id = key.value("Id").unwrap_or_default();
                let value = match id.eq_ignore_ascii_case("ClientCertificate") {
                    true => PolicyKey::Certificates(vec![certificate(container)?]),
                    false => PolicyKey::Secret(container.into()),
                };
                missing.insert(container.to_owned(), value);
            }
        }
    }
    Ok(missing)
}

/// Whether the engine looks at its keys: tokens are signed with the tenant's
/// own, and upstream providers are played by a page.
fn uses_keys(profile: &TechnicalProfile<'_>) -> bool {
    profile.provider() == Some(ProviderKind::Rest)
}

fn certificate(name: &str) -> Result<ClientCertificate, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    Ok(ClientCertificate {
        certificate: params.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    })
}
