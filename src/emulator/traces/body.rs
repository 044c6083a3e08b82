//! Bodies of REST calls, laid out. Nothing is changed but white space: the
//! order of members, members given twice and the spelling of numbers are what
//! an author looks for.

use serde::de::IgnoredAny;

/// A part of a text and what it is to the stylesheet; empty for nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) class: &'static str,
    pub(super) text: std::borrow::Cow<'a, str>,
}

impl<'a> Piece<'a> {
    pub(super) fn new(class: &'static str, text: &'a str) -> Self {
        Self {
            class,
            text: text.into(),
        }
    }
}

/// JSON with its layout; any other text as it is.
pub(super) fn pieces(body: &str) -> Vec<Piece<'_>> {
    match serde_json::from_str::<IgnoredAny>(body) {
        Ok(_) => json(body),
        Err(_) => vec![Piece::new("", body)],
    }
}

/// `body` is known to be JSON.
fn json(body: &str) -> Vec<Piece<'_>> {
    let mut page = Page::default();
    let mut rest = body.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '"' => rest.split_at(string_end(rest)),
            '{' | '[' | '}' | ']' | ',' | ':' => rest.split_at(1),
            _ => rest.split_at(rest.find([',', '}', ']']).unwrap_or(rest.len())),
        };
        rest = after.trim_start();
        match first {
            '{' | '[' if rest.starts_with(['}', ']']) => {
                let (close, after) = rest.split_at(1);
                rest = after.trim_start();
                page.plain(token);
                page.plain(close);
            }
            '{' | '[' => {
                page.plain(token);
                page.depth += 1;
                page.line();
            }
            '}' | ']' => {
                page.depth = page.depth.saturating_sub(1);
                page.line();
                page.plain(token);
            }
            ',' => {
                page.plain(token);
                page.line();
            }
            ':' => page.plain(": "),
            '"' if rest.starts_with(':') => page.pieces.push(Piece::new("key", token)),
            '"' => page.pieces.push(Piece::new("string", token)),
            _ => page.pieces.push(Piece::new("literal", token.trim_end())),
        }
    }
    page.pieces
}

#[derive(Default)]
struct Page<'a> {
    pieces: Vec<Piece<'a>>,
    depth: usize,
}

impl Page<'_> {
    fn plain(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(last) if last.class.is_empty() => last.text.to_mut().push_str(text),
            Some(_) | None => self.pieces.push(Piece {
                class: "",
                text: text.to_owned().into(),
            }),
        }
    }

    fn line(&mut self) {
        let indent = "  ".repeat(self.depth);
        self.plain(&format!("\n{indent}"));
    }
}

/// Where a string that begins a text ends.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(body: &str) -> String {
        let pieces = pieces(body);
        pieces.iter().map(|piece| piece.text.as_ref()).collect()
    }

    #[test]
    fn json_is_laid_out_and_keeps_its_letters() {
        let body = r#"{"b" : [1.50,"x \" , }"],"a":{},"a": [ ] , "n":null }"#;
        let expected = r#"{
  "b": [
    1.50,
    "x \" , }"
  ],
  "a": {},
  "a": [],
  "n": null
}"#;
        assert_eq!(laid_out(body), expected);
        let classes: Vec<_> = pieces(r#"{"a":"b","c":1}"#)
            .iter()
            .map(|piece| piece.class)
            .filter(|class| !class.is_empty())
            .collect();
        assert_eq!(classes, ["key", "string", "key", "literal"]);
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        for body in ["a=1&b=2", "<p>{\"a\":", "{\"a\":1} x", ""] {
            assert_eq!(laid_out(body), body);
        }
    }
}
