//! `{Settings:…}` in a file, and its value there: written so that whoever
//! parses the file reads exactly the setting's text.

use std::ops::Range;

/// A file's text in the order of its parts.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) text: &'a str,
    pub(super) regions: Vec<Region>,
}

/// A stretch of text in which values are written in one way.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    pub(super) placeholders: Vec<Placeholder>,
    /// Beginnings of placeholders that have no end in their line, or another one
    /// within: they would stay as they are.
    pub(super) unfinished: Vec<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Between tags.
    Text,
    /// Between the quotes of an attribute.
    Attribute,
    Comment,
    Cdata,
    /// Names, blanks and brackets of a tag: nothing can be put in.
    Markup,
    /// All of a JSON file: a placeholder can only stand in a string.
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    /// From brace to brace.
    pub(super) range: Range<usize>,
    pub(super) name: String,
}

impl<'a> Template<'a> {
    /// Of a text that is well-formed XML.
    pub(super) fn xml(text: &'a str) -> Self {
        let mut regions = Vec::new();
        let mut at = 0;
        while at < text.len() {
            at = next_regions(text, at, &mut regions);
        }
        Self::with(text, regions)
    }

    /// Of a text that is JSON.
    pub(super) fn json(text: &'a str) -> Self {
        Self::with(text, vec![(0..text.len(), Kind::Json)])
    }

    fn with(text: &'a str, regions: Vec<(Range<usize>, Kind)>) -> Self {
        let regions = regions.into_iter().map(|(range, kind)| {
            let (placeholders, unfinished) = placeholders(text, range.clone());
            Region {
                range,
                kind,
                placeholders,
                unfinished,
            }
        });
        Self {
            text,
            regions: regions.collect(),
        }
    }

    /// The text with every placeholder replaced for which `value` has one.
    pub(super) fn fill(&self, value: impl Fn(&Placeholder) -> Option<String>) -> String {
        let mut filled = String::with_capacity(self.text.len());
        for region in &self.regions {
            let mut part = String::new();
            let mut at = region.range.start;
            for placeholder in &region.placeholders {
                if let Some(value) = value(placeholder) {
                    part.push_str(&self.text[at..placeholder.range.start]);
                    part.push_str(&escaped(&value, region.kind));
                    at = placeholder.range.end;
                }
            }
            part.push_str(&self.text[at..region.range.end]);
            filled.push_str(&kept_together(part, region.kind));
        }
        filled
    }
}

/// Finds the regions that begin at `at`; where the next ones do.
fn next_regions(text: &str, at: usize, regions: &mut Vec<(Range<usize>, Kind)>) -> usize {
    let rest = &text[at..];
    let until = |end: &str, after: usize| {
        let found = rest[after..].find(end);
        found.map_or(text.len(), |found| at + after + found)
    };
    for (begin, end, kind) in [
        ("<!--", "-->", Kind::Comment),
        ("<![CDATA[", "]]>", Kind::Cdata),
        ("<?", "?>", Kind::Markup),
    ] {
        if rest.starts_with(begin) {
            let inside = at + begin.len();
            let behind = until(end, begin.len());
            let next = (behind + end.len()).min(text.len());
            regions.push((at..inside, Kind::Markup));
            regions.push((inside..behind, kind));
            regions.push((behind..next, Kind::Markup));
            return next;
        }
    }
    if !rest.starts_with('<') {
        let end = until("<", 0);
        regions.push((at..end, Kind::Text));
        return end;
    }
    tag(text, at, regions)
}

fn tag(text: &str, at: usize, regions: &mut Vec<(Range<usize>, Kind)>) -> usize {
    let mut markup = at;
    let mut position = at;
    while let Some(found) = text[position..].find(['"', '\'', '>']) {
        let place = position + found;
        let quote = &text[place..=place];
        if quote == ">" {
            regions.push((markup..place + 1, Kind::Markup));
            return place + 1;
        }
        let inside = place + 1;
        let end = text[inside..].find(quote).map(|found| inside + found);
        let end = end.unwrap_or(text.len());
        regions.push((markup..inside, Kind::Markup));
        regions.push((inside..end, Kind::Attribute));
        (markup, position) = (end, (end + 1).min(text.len()));
    }
    regions.push((markup..text.len(), Kind::Markup));
    text.len()
}

const BEGIN: &str = "{Settings:";

/// Everything that looks like a placeholder: those that have an end in their
/// line, and where the others begin.
fn placeholders(text: &str, region: Range<usize>) -> (Vec<Placeholder>, Vec<Range<usize>>) {
    let mut found = Vec::new();
    let mut unfinished = Vec::new();
    let part = &text[region.clone()];
    for (at, _) in part.match_indices('{') {
        let Some(head) = part.get(at..at + BEGIN.len()) else {
            continue;
        };
        if !head.eq_ignore_ascii_case(BEGIN) {
            continue;
        }
        let name = &part[at + BEGIN.len()..];
        let start = region.start + at;
        let end = name.find(['{', '}', '\n', '\r']);
        let Some(end) = end.filter(|end| name[*end..].starts_with('}')) else {
            unfinished.push(start..start + BEGIN.len());
            continue;
        };
        found.push(Placeholder {
            range: start..start + BEGIN.len() + end + 1,
            name: name[..end].to_owned(),
        });
    }
    (found, unfinished)
}

fn escaped(value: &str, kind: Kind) -> String {
    let mut text = String::with_capacity(value.len());
    match kind {
        Kind::Text | Kind::Attribute => {
            for c in value.chars() {
                match c {
                    '&' => text.push_str("&amp;"),
                    '<' => text.push_str("&lt;"),
                    '>' => text.push_str("&gt;"),
                    '"' if kind == Kind::Attribute => text.push_str("&quot;"),
                    '\'' if kind == Kind::Attribute => text.push_str("&apos;"),
                    // A parser turns these into blanks or line feeds (XML 1.0, 2.11 and 3.3.3).
                    '\r' => text.push_str("&#13;"),
                    '\n' | '\t' if kind == Kind::Attribute => {
                        text.push_str(&format!("&#{};", u32::from(c)));
                    }
                    c => text.push(c),
                }
            }
        }
        Kind::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            text.push_str(&quoted[1..quoted.len() - 1]);
        }
        Kind::Comment | Kind::Cdata | Kind::Markup => text.push_str(value),
    }
    text
}

/// A comment or a CDATA section ends where it did, whatever was put in, and a
/// text has nothing that looks like the end of one (XML 1.0, 2.4).
fn kept_together(part: String, kind: Kind) -> String {
    match kind {
        Kind::Cdata => part.replace("]]>", "]]]]><![CDATA[>"),
        Kind::Comment => {
            let mut part = part;
            while part.contains("--") {
                part = part.replace("--", "- -");
            }
            if part.ends_with('-') {
                part.push(' ');
            }
            part
        }
        Kind::Text => part.replace("]]>", "]]&gt;"),
        Kind::Attribute | Kind::Markup | Kind::Json => part,
    }
}

/// The first character that XML 1.0 has no way to write (2.2).
pub(super) fn unwritable(value: &str) -> Option<char> {
    value.chars().find(|c| {
        matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
    })
}

/// Whether a value looks as if somebody had escaped it for XML already.
pub(super) fn is_escaped(value: &str) -> bool {
    value.match_indices('&').any(|(at, _)| {
        let rest = &value[at + 1..];
        let Some((name, _)) = rest.split_once(';') else {
            return false;
        };
        matches!(name, "amp" | "lt" | "gt" | "quot" | "apos")
            || name.strip_prefix('#').is_some_and(|number| {
                let digits = number.strip_prefix('x').unwrap_or(number);
                !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit())
            })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(text: &str, value: &str) -> String {
        roxmltree::Document::parse(text).unwrap();
        Template::xml(text).fill(|_| Some(value.to_owned()))
    }

    #[test]
    fn a_value_is_written_for_its_place() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- {settings:x} -->\r\n\
                    <a b='{Settings:X}' c=\">{SETTINGS:X}\">{Settings:X}<![CDATA[{Settings:X}]]></a >";
        assert_eq!(
            fill(text, "a&<>\"'--b]]>é\n"),
            "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- a&<>\"'- -b]]>é\n -->\r\n\
             <a b='a&amp;&lt;&gt;&quot;&apos;--b]]&gt;é&#10;' \
             c=\">a&amp;&lt;&gt;&quot;&apos;--b]]&gt;é&#10;\">\
             a&amp;&lt;&gt;\"'--b]]&gt;é\n\
             <![CDATA[a&<>\"'--b]]]]><![CDATA[>é\n]]></a >"
        );
    }

    #[test]
    fn a_value_and_what_stands_around_it_do_not_end_a_section() {
        let filled = fill("<a>]{Settings:X}><![CDATA[]{Settings:X}>]]></a>", "]");
        assert_eq!(filled, "<a>]]&gt;<![CDATA[]]]]><![CDATA[>]]></a>");
        roxmltree::Document::parse(&filled).unwrap();
    }

    #[test]
    fn what_has_no_value_stays() {
        let template = Template::xml("<a>{Settings:A}{Settings:B}</a>");
        let filled = template.fill(|placeholder| (placeholder.name == "B").then(|| "2".to_owned()));
        assert_eq!(filled, "<a>{Settings:A}2</a>");
    }

    #[test]
    fn only_whole_placeholders_count() {
        let cases = [
            ("{Settings:A}", vec!["A"]),
            ("{settings:a b}{SETTINGS:}", vec!["a b", ""]),
            ("{Settings:A", vec![]),
            ("{Settings:A\n}", vec![]),
            ("{Settings:{Settings:B}}", vec!["B"]),
            (
                "{Context:CorrelationId} {Setting:A} é{Settings:A}",
                vec!["A"],
            ),
        ];
        for (text, expected) in cases {
            let found = placeholders(text, 0..text.len());
            let names: Vec<_> = found.0.iter().map(|found| found.name.as_str()).collect();
            assert_eq!(names, expected, "{text}");
        }
    }

    #[test]
    fn a_json_value_stays_one_string() {
        let text = r#"{"a": "x{Settings:A}y"}"#;
        let filled = Template::json(text).fill(|_| Some("\"\\\u{1}é\n".to_owned()));
        let value: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(value["a"], "x\"\\\u{1}é\ny");
    }

    #[test]
    fn values_that_somebody_escaped_are_seen() {
        for value in ["a&amp;b", "&#10;", "&#xA0;", "x&lt;"] {
            assert!(is_escaped(value), "{value}");
        }
        for value in ["a&b", "?a=1&b=2;", "&;", "&#;", "&nbsp", "&copy;"] {
            assert!(!is_escaped(value), "{value}");
        }
        assert_eq!(unwritable("a\tb\n"), None);
        assert_eq!(unwritable("a\u{1b}"), Some('\u{1b}'));
    }

    proptest! {
        #[test]
        fn a_parser_reads_the_value(value in "[ -~é😀\\]>\t\n\r-]{0,20}") {
            let text = "<a b=\"-{Settings:X}-\" c='{Settings:X}'><!--{Settings:X}-->]{Settings:X}>\
                        <d><![CDATA[]]{Settings:X}>]]></d></a>";
            let filled = fill(text, &value);
            let document = roxmltree::Document::parse(&filled).unwrap();
            let a = document.root_element();
            prop_assert_eq!(a.attribute("b").unwrap(), format!("-{value}-"));
            prop_assert_eq!(a.attribute("c").unwrap(), value.clone());
            let text: String = a.children().filter_map(|node| match node.is_text() {
                true => node.text(),
                false => None,
            }).collect();
            prop_assert_eq!(text, format!("]{value}>"));
            // A CDATA section has no way to write a carriage return.
            let value = value.replace("\r\n", "\n").replace('\r', "\n");
            let d = a.children().find(|node| node.has_tag_name("d")).unwrap();
            let text: String = d.children().filter_map(|node| node.text()).collect();
            prop_assert_eq!(text, format!("]]{value}>"));
        }
    }
}
