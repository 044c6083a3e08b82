//! Where in our files B2C's words are about.

use super::super::set::{PolicyFile, PolicySet};
use super::super::source::{FileId, Position, Sources, Span};
use super::super::xml::Element;

/// The place that a refusal of the policy in `file` speaks of: the line that it
/// names, or the element that has the most of the names in it. Otherwise the
/// beginning of the policy.
pub(super) fn place(set: &PolicySet, file: FileId, message: &str) -> Span {
    let named = policy_named(set, file, message);
    let whole = |file| {
        let policy = set.get(file);
        policy.map_or(
            Span {
                file,
                start: 0,
                end: 0,
            },
            |policy| policy.document.root.name_span,
        )
    };
    let start = named.map_or(file, |policy| policy.file);
    if let Some(span) = line_named(&set.sources, start, message) {
        return span;
    }
    let names = names(message);
    // The element may be one that the policy inherits: the nearest counts.
    let mut chain = set.lineage(start);
    chain.reverse();
    let found = chain.iter().filter_map(|policy| {
        let mut best = Best::default();
        best.look(&policy.document.root, &names, 0, true);
        best.found
    });
    // The first one among the best, and the chain begins with the policy.
    let best = found.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or_else(|| whole(start), |(_, span)| span)
}

/// The policy that the message names last, among those uploaded together.
fn policy_named<'a>(set: &'a PolicySet, file: FileId, message: &str) -> Option<&'a PolicyFile> {
    let message = message.to_lowercase();
    let chain = set.lineage(file);
    let named = chain.into_iter().filter_map(|policy| {
        let id = policy.policy_id()?.to_lowercase();
        let at = message.rfind(&format!("in policy \"{id}\""))?;
        Some((at, policy))
    });
    named.max_by_key(|(at, _)| *at).map(|(_, policy)| policy)
}

/// "at line 12 col 7", "Line 12, position 7".
fn line_named(sources: &Sources, file: FileId, message: &str) -> Option<Span> {
    let lower = message.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let line = loop {
        if words.next()? == "line" {
            let mut ahead = words.clone();
            if let Some(line) = ahead.next().and_then(|word| word.parse().ok()) {
                words = ahead;
                break line;
            }
        }
    };
    let is_column = |word| matches!(word, "col" | "column" | "position");
    let column = match words.next() {
        Some(word) if is_column(word) => words.next().and_then(|word| word.parse().ok()),
        Some(_) | None => None,
    };
    let source = sources.get(file);
    let start = source.offset_of(Position { line, column: 1 })?;
    let text = source.text().get(start..)?.lines().next().unwrap_or("");
    let skipped = text
        .chars()
        .take(column.unwrap_or(1usize).saturating_sub(1));
    let skipped: usize = skipped.map(char::len_utf8).sum();
    let blank = text.len() - text.trim_start().len();
    let (from, to) = (start + skipped.max(blank), start + text.len());
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Some(Span {
        file,
        start: offset(from.min(to)),
        end: offset(to),
    })
}

/// What stands between quotes, and the number of a step.
fn names(message: &str) -> Vec<String> {
    let mut names = Vec::new();
    for quote in ['"', '\''] {
        for part in message.split(quote).skip(1).step_by(2) {
            let name = part.trim().trim_end_matches('.');
            if !name.is_empty() && name.len() < 200 {
                names.push(name.to_lowercase());
            }
        }
    }
    let lower = message.to_lowercase();
    let words: Vec<_> = lower.split_whitespace().collect();
    for pair in words.windows(2) {
        let number = pair[1].trim_matches(|c: char| !c.is_ascii_digit());
        if pair[0] == "step" && !number.is_empty() {
            names.push(number.to_owned());
        }
        let is_id = |word: &str| matches!(word, "id" | "id:");
        if is_id(pair[0]) {
            let name = pair[1].trim_matches(|c: char| "\"'.,".contains(c));
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

#[derive(Default)]
struct Best {
    /// How much an element has of the names, and where.
    found: Option<((u32, bool), Span)>,
}

impl Best {
    /// `above` has a bit for each name that is an ancestor's.
    fn look(&mut self, element: &Element, names: &[String], above: u64, is_root: bool) {
        let mut here = above;
        let mut span = None;
        let mut declares = false;
        // The root's are those of the policy and the tenant: no help.
        let attributes = element.attributes.iter().filter(|_| !is_root);
        for attribute in attributes {
            let value = attribute.value.to_lowercase();
            // Only a step's number is one.
            let is_order = &*attribute.name == "Order";
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
            let at = names.iter().position(|name| *name == value);
            let Some(at) = at.filter(|at| *at < 64 && is_order == is_number) else {
                continue;
            };
            here |= 1 << at;
            span = span.or(Some(attribute.value_span));
            declares |= matches!(&*attribute.name, "Id" | "Order" | "Key");
        }
        if let Some(span) = span {
            let score = (here.count_ones(), declares);
            if self.found.is_none_or(|(best, _)| score > best) {
                self.found = Some((score, span));
            }
        }
        for child in &element.children {
            self.look(child, names, here, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "<TrustFrameworkPolicy PolicyId=\"B2C_1A_Base\">\n\
        <ClaimType Id=\"email\"/>\n\
        <TechnicalProfile Id=\"login-NonInteractive\">\n\
        <Item Key=\"client_id\"/></TechnicalProfile>\n\
        </TrustFrameworkPolicy>";
    const LEAF: &str = "<TrustFrameworkPolicy PolicyId=\"B2C_1A_SignIn\">\n\
        <BasePolicy><PolicyId>B2C_1A_Base</PolicyId></BasePolicy>\n\
        <TechnicalProfile Id=\"Page\"><InputClaim ClaimTypeReferenceId=\"email\"/>\n\
        <InputClaim ClaimTypeReferenceId=\"phone\"/></TechnicalProfile>\n\
        <UserJourney Id=\"SignUp\"><OrchestrationStep Order=\"1\"/>\n\
        <OrchestrationStep Order=\"3\"><ClaimsExchange Id=\"X\" TechnicalProfileReferenceId=\"Page\"/></OrchestrationStep></UserJourney>\n\
        </TrustFrameworkPolicy>";

    #[test]
    fn a_refusal_is_about_a_line() {
        let set = PolicySet::from_texts([("base.xml", BASE), ("leaf.xml", LEAF)]);
        let leaf = set.with_id("b2c_1a_signin").next().unwrap().file;
        let tail = "in policy \"B2C_1A_SIGNIN\" of tenant \"shop.onmicrosoft.com\".";
        let cases = [
            (format!("Schema validation error found at line 4 col 3 {tail}"), "leaf.xml", 4, 3),
            (
                format!("TechnicalProfile \"login-NonInteractive\" {tail} defines an invalid value \"\" for the metadata item \"client_id.\""),
                "base.xml",
                4,
                12,
            ),
            (
                "TechnicalProfile \"login-NonInteractive\" in policy \"B2C_1A_Base\" of tenant \"x\" is odd".to_owned(),
                "base.xml",
                3,
                23,
            ),
            (format!("User journey \"SignUp\" {tail} has step 3 with 2 claims exchanges."), "leaf.xml", 6, 27),
            (
                "Claim type \"phone\" is the input claim of technical profile \"Page\" in step \"3\"".to_owned(),
                "leaf.xml",
                4,
                35,
            ),
            (
                format!("Policy {tail} makes a reference to ClaimType with id phone but has none"),
                "leaf.xml",
                4,
                35,
            ),
            ("Something went wrong".to_owned(), "leaf.xml", 1, 2),
            ("at line 99 col 1".to_owned(), "leaf.xml", 1, 2),
        ];
        for (message, path, line, column) in cases {
            let span = place(&set, leaf, &message);
            let position = set.sources.position(span);
            let found = set.sources.get(span.file).path().to_str().unwrap();
            assert_eq!(
                (found, position.line, position.column),
                (path, line, column),
                "{message}"
            );
        }
    }
}
