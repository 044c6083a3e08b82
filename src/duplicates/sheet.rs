//! Cells that a spreadsheet shows as they are, and gives back as they were.
//!
//! A spreadsheet runs what begins like a formula, whoever wrote it: customers
//! choose their names on the Internet (reliability.md T29). Such a cell gets an
//! apostrophe in front, which is taken off again when the file comes back.

use std::borrow::Cow;

fn begins_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n')
}

/// What has to be in the cell for `text` to be read in it.
pub fn cell(text: &str) -> Cow<'_, str> {
    let mut chars = text.chars();
    let needs = match (chars.next(), chars.next()) {
        (Some(first), _) if begins_formula(first) => true,
        // Ours would be taken off again, so this one gets another in front.
        (Some('\''), Some(second)) => begins_formula(second) || second == '\'',
        _ => false,
    };
    match needs {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// What stands in a cell that [`cell`] made.
pub fn text(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c| begins_formula(c) || c == '\'') => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_in_a_spreadsheet_and_everything_comes_back() {
        for payload in [
            "=1+1",
            "=cmd|' /C calc'!A0",
            "=HYPERLINK(\"http://x.example\";\"x\")",
            "+1-2",
            "-2+3",
            "-101",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "'=1",
            "''=1",
            "'''",
            "''",
        ] {
            let cell = cell(payload);
            assert!(cell.starts_with('\''), "{payload:?}");
            assert_eq!(text(&cell), payload, "{cell:?}");
        }
        for plain in ["", "Ada", "'t Hooft", "'", "100", "a=b", "ı", "山田"] {
            assert_eq!(cell(plain), plain);
            assert_eq!(text(plain), plain);
        }
    }
}
