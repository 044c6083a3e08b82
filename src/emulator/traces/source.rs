//! The policy files, line by line, as they were read. No file is opened here:
//! only what was loaded can be seen.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;

use super::body::Piece;
use crate::{
    emulator::{desk::Desk, engine::program::Program, pages, params::encode, state::Tenant},
    policy::source::Source,
};

#[derive(Template)]
#[template(path = "source.html", config = "src/emulator/askama.toml")]
struct SourcePage<'a> {
    desk: Desk<'a>,
    file: &'a str,
    lines: Vec<Vec<Piece<'a>>>,
    files: &'a [FileRow],
    /// The trace to go back to.
    trace: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sources.html", config = "src/emulator/askama.toml")]
struct SourcesPage<'a> {
    desk: Desk<'a>,
    files: &'a [FileRow],
}

struct FileRow {
    path: String,
    href: String,
}

/// A file by the path that traces name it by.
fn find<'a>(programs: &'a [Arc<Program>], file: &str) -> Option<&'a Source> {
    programs.iter().find_map(|program| {
        let sources = &program.sources;
        let mut all = sources.ids().map(|id| sources.get(id));
        all.find(|source| is_shown(source) && source.path().to_string_lossy() == file)
    })
}

/// What the emulator wrote itself stands in no file.
fn is_shown(source: &Source) -> bool {
    !source.path().as_os_str().is_empty()
}

fn files(programs: &[Arc<Program>], trace: Option<&str>) -> Vec<FileRow> {
    let back = trace.map(|id| format!("&trace={}", encode(id)));
    let back = back.unwrap_or_default();
    let mut paths = BTreeSet::new();
    for program in programs {
        let sources = &program.sources;
        let shown = sources.ids().map(|id| sources.get(id));
        for source in shown.filter(|source| is_shown(source)) {
            paths.insert(source.path().display().to_string());
        }
    }
    let row = |path: String| FileRow {
        href: format!("/__emulator/source?file={}{back}", encode(&path)),
        path,
    };
    paths.into_iter().map(row).collect()
}

/// None when no policy that is served stands in such a file.
pub(super) fn page(tenant: &Tenant, file: &str, trace: Option<&str>) -> Option<String> {
    let programs: Vec<_> = tenant.programs.values().cloned().collect();
    let source = find(&programs, file)?;
    Some(pages::render(&SourcePage {
        desk: Desk::new(tenant),
        file,
        lines: lines(source.text()),
        files: &files(&programs, trace),
        trace,
    }))
}

pub(super) fn list(tenant: &Tenant) -> String {
    let programs: Vec<_> = tenant.programs.values().cloned().collect();
    pages::render(&SourcesPage {
        desk: Desk::new(tenant),
        files: &files(&programs, None),
    })
}

/// The text in its lines, each in coloured pieces.
fn lines(text: &str) -> Vec<Vec<Piece<'_>>> {
    let mut lines = vec![Vec::new()];
    for (class, text) in segments(text) {
        for (at, part) in text.split('\n').enumerate() {
            if at > 0 {
                lines.push(Vec::new());
            }
            let part = part.strip_suffix('\r').unwrap_or(part);
            if let Some(line) = lines.last_mut().filter(|_| !part.is_empty()) {
                line.push(Piece::new(class, part));
            }
        }
    }
    // A file that ends as it should has no line behind its last one.
    if lines.last().is_some_and(Vec::is_empty) && lines.len() > 1 {
        lines.pop();
    }
    lines
}

/// Enough of XML to colour it; what is broken is merely coloured oddly.
fn segments(text: &str) -> Vec<(&'static str, &str)> {
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with("<!--") {
            rest = take(rest, end_of(rest, "-->"), "comment", &mut segments);
        } else if rest.starts_with("<![CDATA[") {
            rest = take(rest, end_of(rest, "]]>"), "", &mut segments);
        } else if rest.starts_with('<') {
            rest = tag(rest, &mut segments);
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            rest = take(rest, end, "", &mut segments);
        }
    }
    segments
}

/// From `<` to the `>` that is in no quotes.
fn tag<'a>(text: &'a str, segments: &mut Vec<(&'static str, &'a str)>) -> &'a str {
    let name = text.find(|c: char| c.is_whitespace() || c == '>');
    let mut rest = take(text, name.unwrap_or(text.len()), "tag", segments);
    while let Some(first) = rest.chars().next() {
        match first {
            '>' => return take(rest, 1, "tag", segments),
            '"' | '\'' => {
                let quoted = rest.get(1..).and_then(|inside| inside.find(first));
                let end = quoted.map_or(rest.len(), |at| at + 2);
                rest = take(rest, end, "value", segments);
            }
            _ => {
                let end = rest.find(['>', '"', '\'']).unwrap_or(rest.len());
                rest = take(rest, end, "attribute", segments);
            }
        }
    }
    rest
}

fn end_of(text: &str, mark: &str) -> usize {
    text.find(mark).map_or(text.len(), |at| at + mark.len())
}

fn take<'a>(
    text: &'a str,
    end: usize,
    class: &'static str,
    segments: &mut Vec<(&'static str, &'a str)>,
) -> &'a str {
    let (taken, rest) = text.split_at(end);
    segments.push((class, taken));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_the_colours() {
        let texts = [
            "<a b=\"1 > 0\" c='\"'>x &lt; y<!-- <z> --></a>",
            "<a><![CDATA[ <b> ]]></a>",
            "<a b=\"never closed",
            "<!-- never closed <a>",
            "ä < ö",
            "<",
            "",
        ];
        for text in texts {
            let joined: String = segments(text).iter().map(|(_, text)| *text).collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn a_comment_over_two_lines_is_a_comment_on_both() {
        let lines = lines("<!-- a\r\nb --><c d=\"e\"/>\r\n");
        let told: Vec<Vec<_>> = lines
            .iter()
            .map(|line| line.iter().map(|p| (p.class, p.text.as_ref())).collect())
            .collect();
        assert_eq!(
            told,
            [
                vec![("comment", "<!-- a")],
                vec![
                    ("comment", "b -->"),
                    ("tag", "<c"),
                    ("attribute", " d="),
                    ("value", "\"e\""),
                    ("attribute", "/"),
                    ("tag", ">"),
                ],
            ]
        );
    }
}
