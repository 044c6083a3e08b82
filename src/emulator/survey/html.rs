//! The emulator's pages as a browser reads them: tags, attributes, text. Made
//! for these pages alone, which close what they open.

/// One part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Open(Tag),
    Close(String),
    Text(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tag {
    /// In lower case.
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn has_class(&self, class: &str) -> bool {
        let classes = self.get("class").unwrap_or_default();
        classes.split_whitespace().any(|own| own == class)
    }
}

/// What is between these is for no reader.
const UNSEEN: [&str; 3] = ["script", "style", "title"];

pub(super) fn parts(html: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text(&mut parts, &rest[..at]);
        rest = &rest[at..];
        rest = match rest.as_bytes().get(1) {
            Some(b'!' | b'?') => behind_remark(rest),
            Some(b'/') => close(&mut parts, rest),
            Some(_) => open(&mut parts, rest),
            None => "",
        };
    }
    text(&mut parts, rest);
    parts
}

fn text(parts: &mut Vec<Part>, written: &str) {
    let words: Vec<&str> = written.split_whitespace().collect();
    if !words.is_empty() {
        parts.push(Part::Text(decoded(&words.join(" "))));
    }
}

fn behind_remark(rest: &str) -> &str {
    let end = match rest.starts_with("<!--") {
        true => "-->",
        false => ">",
    };
    rest.find(end)
        .map_or("", |at| rest.get(at + end.len()..).unwrap_or_default())
}

fn close<'a>(parts: &mut Vec<Part>, rest: &'a str) -> &'a str {
    let end = rest.find('>').unwrap_or(rest.len());
    let name = rest.get(2..end).unwrap_or_default();
    parts.push(Part::Close(name.trim().to_ascii_lowercase()));
    rest.get(end + 1..).unwrap_or_default()
}

fn open<'a>(parts: &mut Vec<Part>, rest: &'a str) -> &'a str {
    let (tag, rest) = tag(&rest[1..]);
    let name = tag.name.clone();
    parts.push(Part::Open(tag));
    if !UNSEEN.contains(&name.as_str()) {
        return rest;
    }
    let end = format!("</{name}");
    rest.find(&end)
        .map_or("", |at| rest.get(at..).unwrap_or_default())
}

/// A tag from its name on, and what is behind it.
fn tag(text: &str) -> (Tag, &str) {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '>' | '/');
    let (name, mut rest) = split_at(text, is_end);
    let mut tag = Tag {
        name: name.to_ascii_lowercase(),
        attributes: Vec::new(),
    };
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if let Some(behind) = rest.strip_prefix('>') {
            return (tag, behind);
        }
        if rest.is_empty() {
            return (tag, rest);
        }
        let (name, behind) = split_at(rest, |c| is_end(c) || c == '=');
        let (value, behind) = match behind.strip_prefix('=') {
            Some(behind) => value(behind),
            None => ("", behind),
        };
        tag.attributes
            .push((name.to_ascii_lowercase(), decoded(value)));
        // A stray character would be looked at for ever.
        rest = match behind.len() == rest.len() {
            true => behind.get(1..).unwrap_or_default(),
            false => behind,
        };
    }
}

fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    split_at(text, |c| c.is_whitespace() || c == '>')
}

fn split_at(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    let at = text.find(is_end).unwrap_or(text.len());
    text.split_at(at)
}

/// With characters for references to them.
fn decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        decoded.push_str(before);
        let reference = behind
            .split_once(';')
            .and_then(|(name, behind)| Some((character(name)?, behind)));
        match reference {
            Some((character, behind)) => {
                decoded.push(character);
                rest = behind;
            }
            None => {
                decoded.push('&');
                rest = behind;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str, attributes: &[(&str, &str)]) -> Part {
        let attributes = attributes.iter();
        Part::Open(Tag {
            name: name.to_owned(),
            attributes: attributes
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        })
    }

    #[test]
    fn a_page_is_its_tags_and_what_a_reader_sees() {
        let html = "<!doctype html>\n<!-- <b> -->\n<Title>unseen <b></title>\
                    <input required Type=checkbox value='a &amp; &#39;b&#x27;'/>\n  two\n words &unknown; &lt;";
        let expected = vec![
            open("title", &[]),
            Part::Close("title".to_owned()),
            open(
                "input",
                &[("required", ""), ("type", "checkbox"), ("value", "a & 'b'")],
            ),
            Part::Text("two words &unknown; <".to_owned()),
        ];
        assert_eq!(parts(html), expected);
    }

    #[test]
    fn what_breaks_off_ends_the_page() {
        for html in ["<", "<a", "<a href=\"x", "</", "<!--", "<script>x", "<a =>"] {
            assert!(parts(html).len() <= 2, "{html}");
        }
    }
}
