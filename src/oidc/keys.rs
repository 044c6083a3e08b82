//! A tenant's signing keys: kept while the tenant is away, fetched again when a
//! token names one that is not there, and never more often than once a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::CoreJsonWebKeySet;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use url::Url;

use super::{ProviderError, exchange};

/// Tokens with invented key ids must not make us hammer the tenant.
const COOL_DOWN: Duration = Duration::from_secs(60);

/// While no key was ever loaded nothing works, so we look more often.
const COOL_DOWN_BEFORE_FIRST: Duration = Duration::from_secs(5);

/// B2C announces a key about a day before it signs with it.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Bits, by RFC 7518 §3.3.
const SHORTEST_MODULUS: usize = 2048;

/// The keys that were loaded last, by policy.
///
/// The document names keys for each policy. User flows share them all, custom
/// policies may have their own, so a key is looked up in all sets before one is
/// fetched again. An issuer without policies has one set, under no name.
#[derive(Clone, Default)]
pub(super) struct Ring(BTreeMap<String, Loaded>);

#[derive(Clone)]
struct Loaded {
    keys: Arc<CoreJsonWebKeySet>,
    at: Instant,
}

impl Ring {
    /// The set that `has_key` accepts: the policy's own, or else any that is
    /// fresh. A policy that nobody uses has old keys, withdrawn ones among them.
    pub(super) fn keys_for(
        &self,
        policy: &str,
        has_key: impl Fn(&CoreJsonWebKeySet) -> bool,
    ) -> Option<Arc<CoreJsonWebKeySet>> {
        let own = self.0.get(policy).into_iter();
        let is_other = |name: &str| name != policy && !self.is_stale(name);
        let others = self.0.iter().filter(|(name, _)| is_other(name));
        own.chain(others.map(|(_, loaded)| loaded))
            .map(|loaded| &loaded.keys)
            .find(|keys| has_key(keys))
            .cloned()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn is_stale(&self, policy: &str) -> bool {
        self.0
            .get(policy)
            .is_none_or(|loaded| loaded.at.elapsed() >= FRESH)
    }

    fn oldest(&self) -> Option<Duration> {
        self.0.values().map(|loaded| loaded.at.elapsed()).max()
    }

    fn with(&self, policy: &str, keys: CoreJsonWebKeySet) -> Self {
        let mut sets = self.0.clone();
        let loaded = Loaded {
            keys: Arc::new(keys),
            at: Instant::now(),
        };
        sets.insert(policy.to_owned(), loaded);
        Self(sets)
    }
}

/// When keys were asked for, under the lock that lets one task ask at a time.
#[derive(Default)]
struct Attempts {
    last: Option<Instant>,
    /// Whether the last attempt brought keys.
    succeeded: bool,
    /// The policies that were asked for at least once.
    tried: BTreeSet<String>,
}

/// What asking for newer keys came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// There are other keys now than the caller has seen.
    Newer,
    /// The keys are what the tenant published at the last attempt.
    Unchanged,
    /// The last attempt failed, so nobody knows whether there are newer ones.
    Unknown,
}

/// Why keys that are there should be fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// They are an hour old, or were never loaded.
    Age,
    /// A token names one that is not among them.
    UnknownKey,
}

/// The keys of one tenant.
#[derive(Default)]
pub(super) struct KeyCache {
    ring: ArcSwap<Ring>,
    attempts: Mutex<Attempts>,
}

impl KeyCache {
    pub(super) fn ring(&self) -> Arc<Ring> {
        self.ring.load_full()
    }

    /// The age of the keys that were loaded longest ago.
    pub(super) fn age(&self) -> Option<Duration> {
        self.ring.load().oldest()
    }

    /// Fetches the keys of `policy` because `seen` has not the one wanted.
    pub(super) async fn refresh<F>(&self, policy: &str, seen: &Arc<Ring>, fetch: F) -> Asked
    where
        F: AsyncFnOnce() -> Result<CoreJsonWebKeySet, ProviderError>,
    {
        let attempts = self.attempts.lock().await;
        if !Arc::ptr_eq(seen, &self.ring.load()) {
            // Somebody else fetched while we waited.
            return Asked::Newer;
        }
        if !self.may_ask(&attempts, policy) {
            return match attempts.succeeded {
                true => Asked::Unchanged,
                false => Asked::Unknown,
            };
        }
        match self.fetch(attempts, policy, fetch).await {
            Ok(()) => Asked::Newer,
            Err(_) => Asked::Unknown,
        }
    }

    /// Fetches the keys of `policy` when there is cause to, unless somebody is
    /// at it. Keys that are there serve meanwhile.
    pub(super) async fn keep_fresh<F>(
        &self,
        policy: &str,
        cause: Cause,
        fetch: F,
    ) -> Result<(), ProviderError>
    where
        F: AsyncFnOnce() -> Result<CoreJsonWebKeySet, ProviderError>,
    {
        match self.attempts.try_lock() {
            Ok(attempts) if self.is_due(&attempts, policy, cause) => {
                self.fetch(attempts, policy, fetch).await
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether [`KeyCache::keep_fresh`] would fetch.
    pub(super) fn wants_refresh(&self, policy: &str, cause: Cause) -> bool {
        self.has_cause(policy, cause)
            && self
                .attempts
                .try_lock()
                .is_ok_and(|attempts| self.may_ask(&attempts, policy))
    }

    fn is_due(&self, attempts: &Attempts, policy: &str, cause: Cause) -> bool {
        self.has_cause(policy, cause) && self.may_ask(attempts, policy)
    }

    fn has_cause(&self, policy: &str, cause: Cause) -> bool {
        match cause {
            Cause::Age => self.ring.load().is_stale(policy),
            Cause::UnknownKey => true,
        }
    }

    /// Once for each policy, and otherwise once in a while for all together.
    fn may_ask(&self, attempts: &Attempts, policy: &str) -> bool {
        let pause = match self.ring.load().is_empty() {
            true => COOL_DOWN_BEFORE_FIRST,
            false => COOL_DOWN,
        };
        !attempts.tried.contains(policy) || attempts.last.is_none_or(|last| last.elapsed() >= pause)
    }

    async fn fetch<F>(
        &self,
        mut attempts: MutexGuard<'_, Attempts>,
        policy: &str,
        fetch: F,
    ) -> Result<(), ProviderError>
    where
        F: AsyncFnOnce() -> Result<CoreJsonWebKeySet, ProviderError>,
    {
        // Noted before the call: a caller who hangs up during it must not get
        // around the limit.
        attempts.last = Some(Instant::now());
        attempts.succeeded = false;
        attempts.tried.insert(policy.to_owned());
        let keys = fetch().await?;
        attempts.succeeded = true;
        self.ring
            .store(Arc::new(self.ring.load().with(policy, keys)));
        Ok(())
    }
}

/// Fetches the key set at `url`.
pub(super) async fn fetch(
    http: &reqwest::Client,
    url: Url,
) -> Result<CoreJsonWebKeySet, ProviderError> {
    let json = exchange::document(http, url, "key set").await?;
    read(&json)
}

/// What `openidconnect` does not look at in a key.
#[derive(Deserialize)]
struct Purpose {
    key_ops: Option<Vec<String>>,
    n: Option<String>,
}

impl Purpose {
    /// RFC 7517 §4.3: a key says what it is for. RFC 7518 §3.3: an RSA key of
    /// less than 2048 bits signs nothing.
    fn is_to_verify(&self) -> bool {
        let allowed = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        self.key_ops.as_ref().is_none_or(allowed) && self.n.as_ref().is_none_or(is_strong)
    }
}

fn is_strong(modulus: &String) -> bool {
    URL_SAFE_NO_PAD
        .decode(modulus)
        .is_ok_and(|modulus| is_long(&modulus) && !is_of_broken_chips(&modulus))
}

/// Whether a modulus comes from the chips whose primes can be guessed
/// (CVE-2017-15361, "ROCA"): theirs are powers of 65537 modulo every small
/// prime, which others are once in some hundred million times.
fn is_of_broken_chips(modulus: &[u8]) -> bool {
    const TELLING: [u32; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];
    TELLING.iter().all(|prime| {
        let rest = modulus
            .iter()
            .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65537 % prime));
        powers.take(*prime as usize).any(|power| power == rest)
    })
}

fn is_long(bytes: &[u8]) -> bool {
    let mut significant = bytes.iter().skip_while(|byte| **byte == 0);
    let top = significant
        .next()
        .map_or(0, |byte| 8 - byte.leading_zeros());
    significant.count() * 8 + top as usize >= SHORTEST_MODULUS
}

/// Reads a key set. Keys of a kind that we do not know, keys for another
/// purpose and short ones are left out; a set without any that can verify
/// RS256 is an error, so that it never takes the place of one that works.
fn read(json: &[u8]) -> Result<CoreJsonWebKeySet, ProviderError> {
    use openidconnect::JsonWebKey;
    use openidconnect::core::CoreJsonWebKeyType;

    let malformed = |why| ProviderError::Malformed {
        what: "key set",
        why,
    };
    let mut set: Value =
        serde_json::from_slice(json).map_err(|_| malformed("it is no set of keys"))?;
    if let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) {
        keys.retain(|key| Purpose::deserialize(key).is_ok_and(|purpose| purpose.is_to_verify()));
    }
    let keys: CoreJsonWebKeySet =
        serde_json::from_value(set).map_err(|_| malformed("it is no set of keys"))?;
    let usable = keys
        .keys()
        .iter()
        .any(|key| *key.key_type() == CoreJsonWebKeyType::RSA);
    if usable {
        Ok(keys)
    } else {
        Err(malformed(
            "it has no RSA key of 2048 bits or more to verify with",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A modulus of so many bits, all of them set.
    fn modulus(bits: usize) -> String {
        let mut bytes = vec![0xFF; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            bytes[0] >>= 8 - bits % 8;
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// 65537 to the 130th, of more than 2048 bits: n × 65537 is n × 65536 + n.
    fn power_of_65537() -> String {
        let mut power = vec![1_u8];
        for _ in 0..130 {
            let mut next = [power.as_slice(), &[0, 0]].concat();
            let shift = next.len() - power.len();
            let mut carry = 0;
            for place in (0..next.len()).rev() {
                let own = place
                    .checked_sub(shift)
                    .map_or(0, |at| u16::from(power[at]));
                let sum = u16::from(next[place]) + own + carry;
                next[place] = (sum & 0xFF) as u8;
                carry = sum >> 8;
            }
            power = if carry > 0 {
                [&[carry as u8][..], &next].concat()
            } else {
                next
            };
        }
        URL_SAFE_NO_PAD.encode(power)
    }

    #[test]
    fn a_key_set_of_b2c_is_read_and_unknown_kinds_are_left_out() {
        let n = modulus(2048);
        let b2c = format!(
            r#"{{"keys":[
            {{"kid":"a","nbf":1767139200,"use":"sig","kty":"RSA","e":"AQAB","n":"{n}"}},
            {{"kid":"b","kty":"PQC-9000","x":{{"nested":true}}}},
            {{"kty":"RSA","n":7}},
            "no key at all"]}}"#
        );
        let keys = read(b2c.as_bytes()).map(|keys| keys.keys().len());
        assert!(matches!(keys, Ok(1 | 2)), "{keys:?}");
    }

    #[test]
    fn a_key_that_is_short_or_for_another_purpose_is_left_out() {
        let long = modulus(2048);
        let padded = URL_SAFE_NO_PAD.encode([&[0; 200][..], &[0xFF; 128][..]].concat());
        let cases = [
            (long.clone(), "", true, "long"),
            (modulus(4096), "", true, "longer"),
            (long.clone(), r#","key_ops":["verify"]"#, true, "to verify"),
            (
                long.clone(),
                r#","key_ops":["encrypt"]"#,
                false,
                "to encrypt",
            ),
            (long.clone(), r#","key_ops":[]"#, false, "for nothing"),
            (long, r#","key_ops":"verify""#, false, "unreadable purpose"),
            (modulus(1024), "", false, "short"),
            (modulus(2047), "", false, "a bit short"),
            (padded, "", false, "short, and zeros"),
            (power_of_65537(), "", false, "of a broken chip"),
        ];
        for (n, more, expected, why) in cases {
            let set =
                format!(r#"{{"keys":[{{"kid":"a","kty":"RSA","e":"AQAB","n":"{n}"{more}}}]}}"#);
            assert_eq!(read(set.as_bytes()).is_ok(), expected, "{why}");
        }
    }

    #[test]
    fn a_set_without_a_usable_key_is_no_set() {
        for json in [
            "",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":{}}"#,
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
            "<html>",
        ] {
            assert!(read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
