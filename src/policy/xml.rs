//! XML as a tree in which every element, attribute and text knows its place.
//!
//! A merged policy is the same kind of tree, made of parts of several files:
//! the spans tell from which.

use std::sync::Arc;

use super::source::{FileId, Span};

/// The namespace of every element of a policy.
pub const NAMESPACE: &str = "http://schemas.microsoft.com/online/cpim/schemas/2013/06";

#[derive(Clone, Debug)]
pub struct Element {
    /// The local name.
    pub name: Arc<str>,
    /// The whole element, from its `<` to behind its end.
    pub span: Span,
    /// The name in its start tag: what a finding about the element points at.
    pub name_span: Span,
    pub attributes: Vec<Attribute>,
    /// Shared: the policies of a chain differ in little, and the rest of their
    /// merged trees is one.
    pub children: Vec<Arc<Element>>,
    /// What stands in it beside elements, blanks at the ends taken off;
    /// `None` where there is nothing else.
    pub text: Option<Text>,
    /// `None` without a namespace.
    pub namespace: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct Attribute {
    /// With its prefix's namespace left out: `type` for `xsi:type`.
    pub name: Arc<str>,
    pub value: Arc<str>,
    /// From the name to behind the closing quote.
    pub span: Span,
    /// What stands between the quotes, before references are replaced.
    pub value_span: Span,
    pub namespace: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct Text {
    pub value: Arc<str>,
    pub span: Span,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Document {
    pub root: Element,
    pub comments: Vec<Text>,
}

/// Why a file is no XML.
#[derive(Clone, Debug)]
pub struct NotXml {
    pub reason: String,
    pub span: Span,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| &*attribute.name == name)
    }

    /// The value of an attribute.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| &*attribute.value)
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.all(name).next()
    }

    /// The children of that name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Element> + use<'a, 'n> {
        self.children
            .iter()
            .map(|child| &**child)
            .filter(move |child| &*child.name == name)
    }

    /// The children `item` of the first child `list`: most lists of a policy
    /// are wrapped so.
    pub fn list<'a, 'n>(
        &'a self,
        list: &str,
        item: &'n str,
    ) -> impl Iterator<Item = &'a Element> + use<'a, 'n> {
        self.child(list)
            .into_iter()
            .flat_map(move |wrapper| wrapper.all(item))
    }

    /// What is written in the element, where there is anything.
    pub fn text(&self) -> Option<&str> {
        self.text.as_ref().map(|text| &*text.value)
    }

    /// The text of the first child of that name.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name)?.text()
    }
}

/// Elements within elements. Policies need about fifteen; everything that walks
/// a tree may recurse.
const MAX_DEPTH: usize = 64;

/// Elements, texts and comments of one file. The largest known policies have
/// about twenty thousand.
const MAX_NODES: u32 = 500_000;

/// Reads one file's text. Documents with a DTD are refused, and so are the
/// entities that it could declare.
pub fn parse(file: FileId, text: &str) -> Result<Document, NotXml> {
    let span = |range: std::ops::Range<usize>| Span {
        file,
        start: offset(range.start),
        end: offset(range.end),
    };
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..roxmltree::ParsingOptions::default()
    };
    let tree = roxmltree::Document::parse_with_options(text, options).map_err(|error| {
        let start = match error {
            roxmltree::Error::UnclosedRootNode | roxmltree::Error::UnexpectedEndOfStream => {
                text.trim_end().len()
            }
            _ => byte_of(text, error.pos()),
        };
        NotXml {
            reason: error.to_string(),
            span: span(start..start),
        }
    })?;
    let comments = tree.descendants().filter(roxmltree::Node::is_comment);
    Ok(Document {
        root: element(tree.root_element(), 1, &span)?,
        comments: comments
            .filter_map(|node| {
                Some(Text {
                    value: node.text()?.into(),
                    span: span(node.range()),
                })
            })
            .collect(),
    })
}

fn element(
    node: roxmltree::Node<'_, '_>,
    depth: usize,
    span: &impl Fn(std::ops::Range<usize>) -> Span,
) -> Result<Element, NotXml> {
    if depth > MAX_DEPTH {
        return Err(NotXml {
            reason: format!("elements are nested more than {MAX_DEPTH} deep"),
            span: span(node.range().start..node.range().start),
        });
    }
    let start = node.range().start + 1;
    let written = &node.document().input_text()[start..];
    let length = written
        .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .unwrap_or(written.len());
    Ok(Element {
        name: node.tag_name().name().into(),
        span: span(node.range()),
        name_span: span(start..start + length),
        attributes: node
            .attributes()
            .map(|attribute| Attribute {
                name: attribute.name().into(),
                value: attribute.value().into(),
                span: span(attribute.range()),
                value_span: span(attribute.range_value()),
                namespace: attribute.namespace().map(Into::into),
            })
            .collect(),
        children: node
            .children()
            .filter(roxmltree::Node::is_element)
            .map(|child| element(child, depth + 1, span).map(Arc::new))
            .collect::<Result<_, _>>()?,
        text: text_of(node, span),
        namespace: node.tag_name().namespace().map(Into::into),
    })
}

fn text_of(
    node: roxmltree::Node<'_, '_>,
    span: &impl Fn(std::ops::Range<usize>) -> Span,
) -> Option<Text> {
    let parts = || {
        node.children()
            .filter(|child| child.is_text() && child.text().is_some_and(|t| !t.trim().is_empty()))
    };
    let first = parts().next()?.range();
    let value: String = parts().filter_map(|part| part.text()).collect();
    let written = &node.document().input_text()[first.clone()];
    let blank = written.len() - written.trim_start().len();
    Some(Text {
        value: value.trim().into(),
        span: span(first.start + blank..first.start + written.trim_end().len().max(blank)),
    })
}

fn byte_of(text: &str, at: roxmltree::TextPos) -> usize {
    let lines = text.split_inclusive('\n');
    let rows = (at.row as usize).saturating_sub(1);
    let start: usize = lines.take(rows).map(str::len).sum();
    let line = text.get(start..).unwrap_or("");
    let skipped = line.chars().take((at.col as usize).saturating_sub(1));
    start + skipped.map(char::len_utf8).sum::<usize>()
}

/// Files are a few hundred kilobytes; what is longer than 4 GiB is refused
/// when it is read.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::source::Sources;
    use super::*;

    #[test]
    fn every_part_knows_its_place() {
        let text = "<a x='1'>\n  <b y=\"&amp;\"> t </b>\n  <!-- note -->\n</a>";
        let mut sources = Sources::default();
        let file = sources.add("p.xml".into(), text);
        let document = parse(file, text).unwrap();
        let b = document.root.child("b").unwrap();
        let cut = |span: Span| &text[span.start as usize..span.end as usize];
        assert_eq!(cut(b.span), "<b y=\"&amp;\"> t </b>");
        assert_eq!(cut(b.name_span), "b");
        assert_eq!(b.value("y"), Some("&"));
        assert_eq!(cut(b.attribute("y").unwrap().value_span), "&amp;");
        assert_eq!(b.text(), Some("t"));
        assert_eq!(cut(b.text.as_ref().unwrap().span), "t");
        assert_eq!(&*document.comments[0].value, " note ");
    }

    #[test]
    fn what_is_no_xml_says_where() {
        let mut sources = Sources::default();
        let file = sources.add("p.xml".into(), "<a>\n  <b>\n</a>");
        let error = parse(file, "<a>\n  <b>\n</a>").unwrap_err();
        assert_eq!(sources.position(error.span).line, 3, "{}", error.reason);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        let doctype = "<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>";
        let cases = [
            (nested(MAX_DEPTH), true, "as deep as it may be"),
            (nested(MAX_DEPTH + 1), false, "one level too deep"),
            (nested(100_000), false, "would overflow the stack"),
            (doctype.to_owned(), false, "a DTD, with an entity"),
        ];
        for (text, accepted, why) in cases {
            let mut sources = Sources::default();
            let file = sources.add("p.xml".into(), "");
            assert_eq!(parse(file, &text).is_ok(), accepted, "{why}");
        }
    }
}
