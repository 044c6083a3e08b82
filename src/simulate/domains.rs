//! Domains of addresses: how many customers each has, and whether somebody can
//! be expected behind an address of it for long.

use std::collections::HashMap;

use crate::import::sample::address::{DISPOSABLE as SAMPLE_DISPOSABLE, RELAYS as SAMPLE_RELAYS};

/// Services that make up an address for each site, so that the one on file is
/// not the one that a person signs up with elsewhere.
const RELAYS: [&str; 9] = [
    "privaterelay.appleid.com",
    "mozmail.com",
    "relay.firefox.com",
    "duck.com",
    "simplelogin.com",
    "simplelogin.co",
    "aleeas.com",
    "anonaddy.com",
    "passmail.net",
];

/// Services whose mailboxes anybody may open, for minutes.
const DISPOSABLE: [&str; 20] = [
    "10minutemail.com",
    "dispostable.com",
    "emailondeck.com",
    "fakeinbox.com",
    "getnada.com",
    "grr.la",
    "guerrillamail.com",
    "guerrillamail.org",
    "mailcatch.com",
    "maildrop.cc",
    "mailinator.com",
    "mailnesia.com",
    "mintemail.com",
    "moakt.com",
    "sharklasers.com",
    "spam4.me",
    "temp-mail.org",
    "trashmail.com",
    "wegwerfmail.de",
    "yopmail.com",
];

/// What an address of a domain is worth in a customer's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Lasting,
    Relay,
    Disposable,
}

pub(super) fn standing(domain: &str) -> Standing {
    let is_of = |list: &[&str]| {
        list.iter().any(|known| {
            domain
                .strip_suffix(known)
                .is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
        })
    };
    if is_of(&RELAYS) || is_of(&SAMPLE_RELAYS) {
        Standing::Relay
    } else if is_of(&DISPOSABLE) || is_of(&SAMPLE_DISPOSABLE) {
        Standing::Disposable
    } else {
        Standing::Lasting
    }
}

/// Beyond so many, domains that were seen once are forgotten: they would not
/// be shown in any case.
const REMEMBERED: usize = 200_000;

/// Fewer customers than this could be told apart by their domain.
pub(super) const FEWEST: u64 = 20;

/// How many customers each domain has.
#[derive(Debug, Default)]
pub(super) struct Domains {
    counts: HashMap<String, (u64, Standing)>,
    all: u64,
}

impl Domains {
    /// Counts an address, and says what it is worth.
    pub(super) fn count(&mut self, domain: &str) -> Standing {
        self.all += 1;
        if let Some((count, standing)) = self.counts.get_mut(domain) {
            *count += 1;
            return *standing;
        }
        if self.counts.len() >= REMEMBERED {
            self.counts.retain(|_, (count, _)| *count > 1);
        }
        let standing = standing(domain);
        if self.counts.len() < REMEMBERED {
            self.counts.insert(domain.to_owned(), (1, standing));
        }
        standing
    }

    /// The domains with most customers, none with few, and how many customers
    /// all others have.
    pub(super) fn top(&self, most: usize) -> (Vec<(String, u64, Standing)>, u64) {
        let mut top: Vec<_> = self
            .counts
            .iter()
            .filter(|(_, (count, _))| *count >= FEWEST)
            .map(|(domain, (count, standing))| (domain.clone(), *count, *standing))
            .collect();
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(most);
        let shown: u64 = top.iter().map(|(_, count, _)| count).sum();
        (top, self.all - shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_known_with_all_that_is_below_it() {
        let cases = [
            ("privaterelay.appleid.com", Standing::Relay),
            ("x.mailinator.com", Standing::Disposable),
            ("notmailinator.com", Standing::Lasting),
            ("example.org", Standing::Lasting),
        ];
        for (domain, expected) in cases {
            assert_eq!(standing(domain), expected, "{domain}");
        }
    }

    #[test]
    fn domains_of_few_customers_are_not_shown() {
        let mut domains = Domains::default();
        for (domain, count) in [("a.example", 25), ("b.example", 20), ("c.example", 19)] {
            for _ in 0..count {
                domains.count(domain);
            }
        }
        let (top, others) = domains.top(10);
        let top: Vec<_> = top
            .iter()
            .map(|(name, count, _)| (name.as_str(), *count))
            .collect();
        assert_eq!(top, [("a.example", 25), ("b.example", 20)]);
        assert_eq!(others, 19);
    }
}
