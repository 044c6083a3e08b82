//! The tenant's users.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::settings::{FederatedIdentity, SeedUser};

/// Enough for a load test on a desk; beyond it the mock refuses sign-ups.
const CAPACITY: usize = 200_000;

/// One account. Passwords are kept as they were typed: this is a mock, and
/// nobody's real password belongs in it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct User {
    pub(super) object_id: Uuid,
    pub(super) created: i64,
    pub(super) email: Option<String>,
    pub(super) password: Option<String>,
    pub(super) federated: Option<FederatedIdentity>,
    /// By short name: `displayName`, `extension_<Name>`.
    pub(super) attributes: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error("a user with this address, identity or object id already exists")]
    AlreadyExists,
    #[error("the mock directory holds as many users as it is meant for")]
    Full,
    #[error("a user needs an address and a password, or a federated identity")]
    NoIdentity,
}

#[derive(Default)]
pub(super) struct Directory {
    users: BTreeMap<Uuid, User>,
    by_address: HashMap<String, Uuid>,
    by_identity: HashMap<FederatedIdentity, Uuid>,
}

impl Directory {
    /// Writes an account that is not there yet.
    pub(super) fn add(&mut self, user: User) -> Result<(), DirectoryError> {
        let address = local_address(&user);
        let taken = self.users.contains_key(&user.object_id)
            || address
                .as_ref()
                .is_some_and(|a| self.by_address.contains_key(a))
            || user
                .federated
                .as_ref()
                .is_some_and(|f| self.by_identity.contains_key(f));
        if taken {
            return Err(DirectoryError::AlreadyExists);
        }
        if address.is_none() && user.federated.is_none() {
            return Err(DirectoryError::NoIdentity);
        }
        if self.users.len() >= CAPACITY {
            return Err(DirectoryError::Full);
        }
        if let Some(address) = address {
            self.by_address.insert(address, user.object_id);
        }
        if let Some(identity) = user.federated.clone() {
            self.by_identity.insert(identity, user.object_id);
        }
        self.users.insert(user.object_id, user);
        Ok(())
    }

    pub(super) fn add_seed(&mut self, seed: SeedUser, now: i64) -> Result<Uuid, DirectoryError> {
        let object_id = seed.object_id.unwrap_or_else(Uuid::new_v4);
        self.add(User {
            object_id,
            created: now,
            email: seed.email,
            password: seed.password,
            federated: seed.federated,
            attributes: seed.attributes,
        })?;
        Ok(object_id)
    }

    pub(super) fn remove(&mut self, object_id: Uuid) -> Option<User> {
        let user = self.users.remove(&object_id)?;
        if let Some(address) = local_address(&user) {
            self.by_address.remove(&address);
        }
        if let Some(identity) = &user.federated {
            self.by_identity.remove(identity);
        }
        Some(user)
    }

    pub(super) fn get(&self, object_id: Uuid) -> Option<&User> {
        self.users.get(&object_id)
    }

    pub(super) fn local(&self, address: &str) -> Option<&User> {
        let id = self.by_address.get(&address.to_lowercase())?;
        self.users.get(id)
    }

    pub(super) fn federated(&self, identity: &FederatedIdentity) -> Option<&User> {
        self.users.get(self.by_identity.get(identity)?)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }
}

/// A local account signs in with its address, in any case.
fn local_address(user: &User) -> Option<String> {
    user.password.as_ref()?;
    user.email.as_deref().map(str::to_lowercase)
}
