//! A map that forgets its oldest entries, so that a mock that runs for weeks
//! does not grow.

use std::collections::{HashMap, VecDeque};

pub(super) struct Bounded<V> {
    capacity: usize,
    entries: HashMap<String, V>,
    /// May still name entries that were removed.
    order: VecDeque<String>,
}

impl<V> Bounded<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// `key` must be new: keys are random here.
    pub(super) fn insert(&mut self, key: String, value: V) {
        while self.order.len() >= self.capacity {
            match self.order.pop_front() {
                Some(oldest) => self.entries.remove(&oldest),
                None => break,
            };
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        self.entries.remove(key)
    }
}

/// Adds to a log that keeps its newest `capacity` entries.
pub(super) fn push_bounded<T>(log: &mut VecDeque<T>, capacity: usize, entry: T) {
    if log.len() >= capacity {
        log.pop_front();
    }
    log.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut map = Bounded::new(2);
        for key in ["a", "b", "c"] {
            map.insert(key.to_owned(), key.len());
        }
        assert!(map.get("a").is_none());
        assert!(map.get("b").is_some() && map.get("c").is_some());
    }

    #[test]
    fn removed_entries_do_not_let_the_order_grow() {
        let mut map = Bounded::new(3);
        for number in 0..100 {
            map.insert(number.to_string(), number);
            map.remove(&number.to_string());
        }
        assert!(map.order.len() <= 3);
    }
}
