//! What the calls of sites have in common: the policy in the query, and the
//! language of the person.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;

/// The values of `p` in the query: B2C's own way to name a policy.
pub(super) enum NamedPolicy {
    None,
    One(String),
    Several,
}

pub(super) fn named_policy(request: &HttpRequest) -> NamedPolicy {
    let mut named = url::form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(name, _)| name == "p")
        .map(|(_, value)| value.into_owned());
    match (named.next(), named.next()) {
        (None, _) => NamedPolicy::None,
        (Some(policy), None) => NamedPolicy::One(policy),
        (Some(_), Some(_)) => NamedPolicy::Several,
    }
}

/// The person's languages in order: those that the call names, or else what
/// the browser asked for, where the back end hands that on.
pub(super) fn ui_locales(request: &HttpRequest, named: Option<String>) -> String {
    named.unwrap_or_else(|| {
        let header = request.headers().get(ACCEPT_LANGUAGE);
        by_preference(header.and_then(|value| value.to_str().ok()).unwrap_or(""))
    })
}

/// `de;q=0.5, ja` → `ja de` (RFC 9110 §12.5.4).
fn by_preference(accept_language: &str) -> String {
    let mut ranges: Vec<(&str, u16)> = accept_language
        .split(',')
        .take(16)
        .map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
            (tag.trim(), thousandths(weight))
        })
        .filter(|(_, weight)| *weight > 0)
        .collect();
    ranges.sort_by_key(|(_, weight)| Reverse(*weight));
    let tags: Vec<&str> = ranges.into_iter().map(|(tag, _)| tag).collect();
    tags.join(" ")
}

fn thousandths(weight: &str) -> u16 {
    match weight.trim().strip_prefix("q=") {
        // Negative and absurd numbers saturate.
        Some(q) => q.parse().map_or(0, |q: f32| (q * 1000.0) as u16),
        None => 1000,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_preferred_language_comes_first() {
        let cases = [
            ("de", "de"),
            ("de-AT, de;q=0.8, en;q=0.5", "de-AT de en"),
            ("en;q=0.1, ja", "ja en"),
            ("en;q=0, ja;q=0.001", "ja"),
            ("en;q=x", ""),
            ("en;q=-1, de;q=9999999", "de"),
            ("", ""),
        ];
        for (header, expected) in cases {
            assert_eq!(by_preference(header), expected, "{header}");
        }
    }

    #[test]
    fn what_the_call_names_goes_before_the_header() {
        let request = TestRequest::default()
            .insert_header((ACCEPT_LANGUAGE, "de"))
            .to_http_request();
        assert_eq!(ui_locales(&request, Some("ja".to_owned())), "ja");
        assert_eq!(ui_locales(&request, None), "de");
    }
}
