//! Regular expressions of policies, which are written for .NET.

use fancy_regex::{Regex, RegexBuilder};

/// Steps after which a hostile expression is given up.
const MAX_STEPS: usize = 200_000;

/// `None` if it is no expression that can be understood here.
pub(crate) fn compiled(expression: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new(expression);
    builder.backtrack_limit(MAX_STEPS).build().ok()
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
    use super::matches;

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
    fn a_hostile_expression_ends() {
        assert!(!matches(
            r"^(?=(a+)+$)(a+)+$",
            &format!("{}b", "a".repeat(60))
        ));
    }
}
