//! Regular expressions of policies, which are written for .NET.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use fancy_regex::{Regex, RegexBuilder};

/// Steps after which a hostile expression is given up.
const MAX_STEPS: usize = 200_000;

/// Policies have a few dozen; claims that hold expressions may bring any
/// number.
const MAX_KEPT: usize = 500;

/// Those that were compiled before: it takes longer than the rest of a step.
static KEPT: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);

/// `None` if it is no expression that can be understood here.
pub(crate) fn compiled(expression: &str) -> Option<Arc<Regex>> {
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = kept().get(expression) {
        return Some(regex.clone());
    }
    let mut builder = RegexBuilder::new(expression);
    let regex = Arc::new(builder.backtrack_limit(MAX_STEPS).build().ok()?);
    let mut kept = kept();
    if kept.len() >= MAX_KEPT {
        kept.clear();
    }
    kept.insert(expression.to_owned(), regex.clone());
    Some(regex)
}

/// Whether a text fits. An expression that cannot be understood here fits
/// everything: what it means only B2C can tell.
pub(crate) fn matches(expression: &str, text: &str) -> bool {
    match compiled(expression) {
        Some(regex) => regex.is_match(text).unwrap_or(false),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{compiled, matches};

    #[test]
    fn expressions_for_dotnet_are_understood() {
        let password = r"^(?:(?=.*[a-z])(?=.*[A-Z])(?=.*\d)).{8,16}$";
        let cases = [
            (password, "Passw0rdLong", true),
            (password, "passwordlong", false),
            (r"^\d+$", "12a", false),
        ];
        for (expression, text, expected) in cases {
            assert_eq!(matches(expression, text), expected, "{expression} {text}");
        }
    }

    #[test]
    fn an_expression_is_compiled_once() {
        let [first, second] = [(); 2].map(|()| compiled(r"^once\d+$").unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert!(compiled("(").is_none());
    }

    #[test]
    fn a_hostile_expression_ends() {
        assert!(!matches(
            r"^(?=(a+)+$)(a+)+$",
            &format!("{}b", "a".repeat(60))
        ));
    }
}
