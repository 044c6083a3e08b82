//! What the pages for authors have in common: their frame, links into the
//! policy files, and how long something took.

use super::{engine::trace::Place, params::encode, state::Tenant};

pub(super) const STYLE: &str = include_str!("pages/desk.css");

/// What every page for authors has. They are in English.
pub(super) struct Desk<'a> {
    pub(super) tenant: &'a str,
}

impl<'a> Desk<'a> {
    pub(super) fn new(tenant: &'a Tenant) -> Self {
        Self {
            tenant: &tenant.domain,
        }
    }
}

/// To a line of a policy file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceLink {
    pub(super) href: String,
    /// `TrustFrameworkBase.xml:120`
    pub(super) text: String,
    /// The same with the folders.
    pub(super) title: String,
}

impl SourceLink {
    /// `trace` is the one to come back to.
    pub(super) fn new(place: &Place, trace: Option<&str>) -> Self {
        let Place { file, line } = place;
        let back = trace.map(|id| format!("&trace={}", encode(id)));
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        Self {
            href: format!(
                "/__emulator/source?file={}{}#L{line}",
                encode(file),
                back.unwrap_or_default()
            ),
            text: format!("{name}:{line}"),
            title: format!("{file}, line {line}"),
        }
    }
}

/// Three digits are enough to compare by.
pub(super) fn duration(microseconds: u64) -> String {
    match microseconds {
        0..100 => "< 0.1 ms".to_owned(),
        100..10_000 => format!("{}.{} ms", microseconds / 1000, microseconds % 1000 / 100),
        10_000..1_000_000 => format!("{} ms", microseconds / 1000),
        _ => format!(
            "{}.{:02} s",
            microseconds / 1_000_000,
            microseconds % 1_000_000 / 10_000
        ),
    }
}

/// `2026-01-01T10:00:00Z` as people read it.
pub(super) fn moment(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z') {
        Some(utc) => format!("{} UTC", utc.replace('T', " ")),
        None => rfc3339.replace('T', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_about_three_digits() {
        let cases = [
            (99, "< 0.1 ms"),
            (940, "0.9 ms"),
            (9_999, "9.9 ms"),
            (12_345, "12 ms"),
            (1_239_000, "1.23 s"),
        ];
        for (microseconds, text) in cases {
            assert_eq!(duration(microseconds), text);
        }
    }

    #[test]
    fn a_link_names_the_file_and_hides_nothing_in_its_address() {
        let place = Place {
            file: "policies/a&b <i>.xml".to_owned(),
            line: 7,
        };
        let link = SourceLink::new(&place, Some("t1"));
        assert_eq!(
            link.href,
            "/__emulator/source?file=policies%2fa%26b+%3ci%3e.xml&trace=t1#L7"
        );
        assert_eq!(link.text, "a&b <i>.xml:7");
    }
}
