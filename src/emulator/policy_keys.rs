//! The tenant's policy keys: what stands behind a `StorageReferenceId`.

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;

use super::ClientCertificate;

/// A container of the portal's "Policy keys".
#[derive(Clone)]
pub enum PolicyKey {
    /// "Manual" with a text.
    Secret(SecretString),
    /// "Upload": certificates with their keys. The newest one that is valid is
    /// used.
    Certificates(Vec<ClientCertificate>),
}

impl fmt::Debug for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(…)",
            Self::Certificates(_) => "Certificates(…)",
        })
    }
}

/// All of them, by name: its case does not count.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyKeys(BTreeMap<String, PolicyKey>);

impl PolicyKeys {
    pub(crate) fn get(&self, container: &str) -> Option<&PolicyKey> {
        self.0.get(&container.trim().to_lowercase())
    }
}

impl From<BTreeMap<String, PolicyKey>> for PolicyKeys {
    fn from(keys: BTreeMap<String, PolicyKey>) -> Self {
        let folded = keys
            .into_iter()
            .map(|(name, key)| (name.trim().to_lowercase(), key));
        Self(folded.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case_and_do_not_show_what_they_hold() {
        let secret = PolicyKey::Secret("s3cret".into());
        let keys = PolicyKeys::from(BTreeMap::from([("B2C_1A_RestUser".to_owned(), secret)]));
        assert!(keys.get("b2c_1a_RESTUSER").is_some());
        assert!(keys.get("B2C_1A_RestPass").is_none());
        let shown = format!("{keys:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
