//! How far the customers on file may be behind the business's own system.
//!
//! Customers come from a feed, legal entity by legal entity. While it is
//! behind, "nobody has this address" may only mean that it has not arrived.

use time::{Duration, OffsetDateTime};

/// The last time that a legal entity's feed was taken in to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    pub completed_at: OffsetDateTime,
    /// The time that the source itself gave to what it sent, if it did.
    pub source_at: Option<OffsetDateTime>,
}

impl Watermark {
    /// How old the customers on file are. A file of yesterday that was taken
    /// in today is of yesterday; a source whose clock is ahead gains nothing.
    pub fn age(&self, now: OffsetDateTime) -> Duration {
        let as_of = self.source_at.unwrap_or(self.completed_at);
        (now - as_of.min(self.completed_at)).max(Duration::ZERO)
    }
}

/// Whether "no match" may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    Fresh,
    Stale,
}

impl Freshness {
    /// Judges by what the site allows. Without a limit nobody asks; with one,
    /// a feed that never came to its end is stale, because nobody knows what
    /// is missing.
    pub fn of(watermark: Option<Watermark>, limit: Option<Duration>, now: OffsetDateTime) -> Self {
        match (limit, watermark) {
            (None, _) => Self::Fresh,
            (Some(limit), Some(watermark)) if watermark.age(now) <= limit => Self::Fresh,
            (Some(_), _) => Self::Stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_feed_is_fresh_up_to_the_second_that_the_site_allows() {
        let day = Some(Duration::days(1));
        let at = |completed_at, source_at| {
            Some(Watermark {
                completed_at,
                source_at,
            })
        };
        let cases = [
            ("no limit, no feed", None, None, Freshness::Fresh),
            ("never came to its end", None, day, Freshness::Stale),
            (
                "exactly a day old",
                at(datetime!(2026-03-01 12:00:00 UTC), None),
                day,
                Freshness::Fresh,
            ),
            (
                "a second older",
                at(datetime!(2026-03-01 11:59:59 UTC), None),
                day,
                Freshness::Stale,
            ),
            (
                "taken in today, of the day before yesterday",
                at(
                    datetime!(2026-03-02 11:00:00 UTC),
                    Some(datetime!(2026-02-28 11:00:00 UTC)),
                ),
                day,
                Freshness::Stale,
            ),
            (
                "old, and the source's clock is years ahead",
                at(
                    datetime!(2026-02-28 11:00:00 UTC),
                    Some(datetime!(2030-01-01 00:00:00 UTC)),
                ),
                day,
                Freshness::Stale,
            ),
            (
                "completed after now: our own clock went back",
                at(datetime!(2026-03-02 12:00:05 UTC), None),
                day,
                Freshness::Fresh,
            ),
            (
                "old, and nobody asks",
                at(datetime!(2001-01-01 00:00:00 UTC), None),
                None,
                Freshness::Fresh,
            ),
        ];
        let now = datetime!(2026-03-02 12:00:00 UTC);
        for (why, watermark, limit, expected) in cases {
            assert_eq!(Freshness::of(watermark, limit, now), expected, "{why}");
        }
    }
}
