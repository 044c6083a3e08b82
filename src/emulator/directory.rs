//! The tenant's users: who there is, and what may be there only once.

mod extensions;
mod rules;
mod sign_in;
mod user;

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use self::sign_in::Tries;
pub(super) use self::{
    extensions::Extensions,
    rules::{TooLong, is_strong, too_long},
    sign_in::SignIn,
    user::{User, UserOfVersion1, identity_json, parse_identities, sign_in_kind},
};
use super::settings::{FederatedIdentity, SeedUser};

/// Enough for a load test on a desk; beyond it the mock refuses sign-ups.
const CAPACITY: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error(
        "a user with this address, sign-in name, principal name, identity or object id already exists"
    )]
    AlreadyExists,
    #[error("the mock directory holds as many users as it is meant for")]
    Full,
    #[error("a user needs an address and a password, a sign-in name, or a federated identity")]
    NoIdentity,
}

/// What names one user, and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    ObjectId(Uuid),
    PrincipalName(String),
    /// Of any kind.
    SignInName(String),
    SignInNameOf {
        kind: String,
        name: String,
    },
    /// The first of these that anybody has.
    Identities(Vec<FederatedIdentity>),
}

/// Names are compared without regard to case, and so are the issuers of
/// identities.
pub(super) struct Directory {
    domain: String,
    users: BTreeMap<Uuid, User>,
    by_principal_name: HashMap<String, Uuid>,
    by_sign_in_name: HashMap<String, Uuid>,
    by_identity: HashMap<(String, String), Uuid>,
    /// Of those who typed a wrong password lately.
    tries: HashMap<Uuid, Tries>,
}

impl Directory {
    /// Of a tenant that has that domain.
    pub(super) fn new(domain: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            users: BTreeMap::new(),
            by_principal_name: HashMap::new(),
            by_sign_in_name: HashMap::new(),
            by_identity: HashMap::new(),
            tries: HashMap::new(),
        }
    }

    /// Writes an account that is not there yet. Without a principal name it
    /// gets one.
    pub(super) fn add(&mut self, mut user: User) -> Result<(), DirectoryError> {
        if user.principal_name.is_empty() {
            user.principal_name = format!("{}@{}", user.object_id, self.domain);
        }
        if self.users.contains_key(&user.object_id) {
            return Err(DirectoryError::AlreadyExists);
        }
        self.check(&user)?;
        if self.users.len() >= CAPACITY {
            return Err(DirectoryError::Full);
        }
        self.insert(user);
        Ok(())
    }

    /// Puts a user in the place of the one with the same object id. Nothing
    /// changes if it cannot be.
    pub(super) fn replace(&mut self, user: User) -> Result<(), DirectoryError> {
        self.check(&user)?;
        if let Some(before) = self.users.remove(&user.object_id) {
            if before.password != user.password {
                self.tries.remove(&user.object_id);
            }
            self.forget(&before);
        }
        self.insert(user);
        Ok(())
    }

    pub(super) fn add_seed(&mut self, seed: SeedUser, now: i64) -> Result<Uuid, DirectoryError> {
        let user = User::from_seed(seed, now);
        if user.sign_in_names.is_empty() && user.identities.is_empty() {
            return Err(DirectoryError::NoIdentity);
        }
        let object_id = user.object_id;
        self.add(user)?;
        Ok(object_id)
    }

    pub(super) fn remove(&mut self, object_id: Uuid) -> Option<User> {
        let user = self.users.remove(&object_id)?;
        self.forget(&user);
        self.tries.remove(&object_id);
        Some(user)
    }

    pub(super) fn get(&self, object_id: Uuid) -> Option<&User> {
        self.users.get(&object_id)
    }

    pub(super) fn find(&self, key: &Key) -> Option<&User> {
        match key {
            Key::ObjectId(id) => self.users.get(id),
            Key::PrincipalName(name) => self.indexed(self.by_principal_name.get(&folded(name))),
            Key::SignInName(name) => self.named(name),
            Key::SignInNameOf { kind, name } => self.named(name).filter(|user| {
                user.sign_in_names.iter().any(|(own, value)| {
                    own.eq_ignore_ascii_case(kind) && folded(value) == folded(name)
                })
            }),
            Key::Identities(identities) => {
                let mut found = identities.iter().filter_map(|own| self.federated(own));
                found.next()
            }
        }
    }

    /// Whoever signs in under that name: a sign-in name of any kind, or the
    /// principal name.
    pub(super) fn signing_in_as(&self, name: &str) -> Option<&User> {
        let by_principal_name = || self.indexed(self.by_principal_name.get(&folded(name)));
        self.named(name).or_else(by_principal_name)
    }

    fn federated(&self, identity: &FederatedIdentity) -> Option<&User> {
        self.indexed(self.by_identity.get(&identity_key(identity)))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// Those behind a user, in the order of object ids.
    pub(super) fn after(&self, object_id: Option<Uuid>) -> impl Iterator<Item = &User> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = object_id.map_or(Unbounded, Excluded);
        self.users.range((from, Unbounded)).map(|(_, user)| user)
    }

    /// Whether somebody who is there may sign in with that password. Wrong ones
    /// are counted.
    pub(super) fn sign_in(&mut self, object_id: Uuid, password: &str, now: i64) -> Option<SignIn> {
        let user = self.users.get(&object_id)?;
        let tries = self.tries.remove(&object_id).unwrap_or_default();
        let (verdict, tries) = sign_in::judge(user, password, tries, now);
        if let Some(tries) = tries {
            self.tries.insert(object_id, tries);
        }
        Some(verdict)
    }

    fn named(&self, name: &str) -> Option<&User> {
        self.indexed(self.by_sign_in_name.get(&folded(name)))
    }

    fn indexed(&self, id: Option<&Uuid>) -> Option<&User> {
        self.users.get(id?)
    }

    /// Whether all that has to be the user's alone is not somebody else's.
    fn check(&self, user: &User) -> Result<(), DirectoryError> {
        let is_others = |id: Option<&Uuid>| id.is_some_and(|id| *id != user.object_id);
        let principal_name = folded(&user.principal_name);
        let taken = is_others(self.by_principal_name.get(&principal_name))
            || user
                .sign_in_names
                .values()
                .any(|name| is_others(self.by_sign_in_name.get(&folded(name))))
            || user
                .identities
                .iter()
                .any(|identity| is_others(self.by_identity.get(&identity_key(identity))));
        match taken {
            true => Err(DirectoryError::AlreadyExists),
            false => Ok(()),
        }
    }

    fn insert(&mut self, user: User) {
        let id = user.object_id;
        self.by_principal_name
            .insert(folded(&user.principal_name), id);
        for name in user.sign_in_names.values() {
            self.by_sign_in_name.insert(folded(name), id);
        }
        for identity in &user.identities {
            self.by_identity.insert(identity_key(identity), id);
        }
        self.users.insert(id, user);
    }

    fn forget(&mut self, user: &User) {
        self.by_principal_name.remove(&folded(&user.principal_name));
        for name in user.sign_in_names.values() {
            self.by_sign_in_name.remove(&folded(name));
        }
        for identity in &user.identities {
            self.by_identity.remove(&identity_key(identity));
        }
    }
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn identity_key(identity: &FederatedIdentity) -> (String, String) {
    (folded(&identity.issuer), identity.subject.clone())
}

#[cfg(test)]
mod tests;
