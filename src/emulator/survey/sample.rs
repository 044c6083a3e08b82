//! A text that fits a regular expression, where one can be made.

use fancy_regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// Nobody types more into a field.
const MAX_CHARS: usize = 200;
/// Steps after which a hostile expression is given up.
const MAX_STEPS: usize = 200_000;

/// What is typed rather than anything else that a class allows.
const LIKED: &str = "a1B2c3-_.@!";

pub(super) fn fits(expression: &str, text: &str) -> bool {
    let regex: Option<Regex> = RegexBuilder::new(expression)
        .backtrack_limit(MAX_STEPS)
        .build()
        .ok();
    match regex {
        Some(regex) => regex.is_match(text).unwrap_or(false),
        // Then the emulator takes everything, too.
        None => true,
    }
}

/// The shortest text that the expression asks for; none for expressions that
/// look ahead or behind.
pub(super) fn sample(expression: &str) -> Option<String> {
    let tree = regex_syntax::parse(expression).ok()?;
    let mut text = String::new();
    write(&tree, &mut text)?;
    fits(expression, &text).then_some(text)
}

fn write(tree: &Hir, text: &mut String) -> Option<()> {
    if text.chars().count() > MAX_CHARS {
        return None;
    }
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => text.push(one_of(class)?),
        HirKind::Repetition(repetition) => repeat(repetition, text)?,
        HirKind::Capture(capture) => write(&capture.sub, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, text))?,
        HirKind::Alternation(parts) => write(parts.first()?, text)?,
    }
    Some(())
}

fn repeat(repetition: &Repetition, text: &mut String) -> Option<()> {
    // What may be left out is left out, unless nothing would be typed.
    let times = match (repetition.min, text.is_empty()) {
        (0, true) => u32::from(repetition.max != Some(0)),
        (min, _) => min,
    };
    if times as usize > MAX_CHARS {
        return None;
    }
    (0..times).try_for_each(|_| write(&repetition.sub, text))
}

fn one_of(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let has = |c: char| {
        let mut ranges = class.iter();
        ranges.any(|range| (range.start()..=range.end()).contains(&c))
    };
    let liked = LIKED.chars().find(|c| has(*c));
    liked.or_else(|| Some(class.iter().next()?.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_that_fits() {
        for (expression, text) in [
            (r"^[a-zA-Z0-9._-]{4,18}$", Some("aaaa")),
            (r"^[0-9]{3}-?[A-Z]$", Some("111B")),
            (r"^(\+49|0)\d+$", Some("+491")),
            (
                r"^[a-z!#$%&']+@(outlook|live|gmail)\.com$",
                Some("a@outlook.com"),
            ),
            (".*", Some("a")),
            ("^$", Some("")),
            // Looks ahead: no tree of this kind.
            (r"^(?=.*\d).{8}$", None),
            // Nobody types that much.
            ("^a{500}$", None),
        ] {
            assert_eq!(sample(expression).as_deref(), text, "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_understood_fits_as_it_does_in_the_emulator() {
        assert!(fits("(", "anything"));
        assert!(!fits("^[0-9]+$", "a"));
    }
}
