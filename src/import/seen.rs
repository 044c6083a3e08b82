//! Which keys may have been seen before, in constant memory.

use std::hash::{BuildHasher, Hash, RandomState};

/// 32 MiB: one of ten thousand of ten million keys is taken for another.
const BITS: u64 = 1 << 28;

const PROBES: u64 = 4;

/// A Bloom filter: it never overlooks a key that it has seen, and sometimes
/// takes a new one for seen.
pub(super) struct Seen {
    words: Vec<u64>,
    hasher: RandomState,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            words: vec![0; usize::try_from(BITS / 64).unwrap_or_default()],
            hasher: RandomState::new(),
        }
    }

    /// Whether the key may have been here before; from now on it has.
    pub(super) fn note(&mut self, key: impl Hash) -> bool {
        let hash = self.hasher.hash_one(key);
        // The two halves stand in for further hash functions.
        let (mut at, step) = (hash, (hash >> 32) | 1);
        let mut seen = true;
        for _ in 0..PROBES {
            let bit = at % BITS;
            let word = usize::try_from(bit / 64).unwrap_or_default();
            if let Some(word) = self.words.get_mut(word) {
                seen &= *word & (1 << (bit % 64)) != 0;
                *word |= 1 << (bit % 64);
            }
            at = at.wrapping_add(step);
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_never_overlooked_and_little_else_is_taken_for_it() {
        let mut seen = Seen::new();
        let mistaken = (0..100_000).filter(|n| seen.note(("USMF", n))).count();
        assert!(mistaken < 10, "{mistaken}");
        assert!((0..100_000).all(|n| seen.note(("USMF", n))));
        assert!(!seen.note(("DEMF", 7)));
    }
}
