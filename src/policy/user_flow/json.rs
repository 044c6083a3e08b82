//! JSON in which every value knows its place.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::source::{FileId, Position, Span};
use super::NotAFlow;

#[derive(Debug)]
pub(super) struct Node {
    /// RFC 6901.
    pub(super) pointer: String,
    pub(super) span: Span,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Object(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Text(String),
    Flag(bool),
    Number,
    Null,
}

impl Node {
    /// A member of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.shape {
            Shape::Object(members) => members.get(key),
            Shape::Array(_) | Shape::Text(_) | Shape::Flag(_) | Shape::Number | Shape::Null => None,
        }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        let members = match &self.shape {
            Shape::Object(members) => Some(members),
            Shape::Array(_) | Shape::Text(_) | Shape::Flag(_) | Shape::Number | Shape::Null => None,
        };
        members
            .into_iter()
            .flatten()
            .map(|(key, node)| (key.as_str(), node))
    }

    /// The items of an array, or of what Graph wraps one in: `{"value": […]}`.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.shape {
            Shape::Array(items) => Some(items),
            Shape::Object(members) => members.get("value")?.items(),
            Shape::Text(_) | Shape::Flag(_) | Shape::Number | Shape::Null => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(text) => Some(text),
            Shape::Object(_) | Shape::Array(_) | Shape::Flag(_) | Shape::Number | Shape::Null => {
                None
            }
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match &self.shape {
            Shape::Flag(flag) => Some(*flag),
            Shape::Object(_) | Shape::Array(_) | Shape::Text(_) | Shape::Number | Shape::Null => {
                None
            }
        }
    }

    pub(super) fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.shape, Shape::Object(_))
    }

    /// Null, or an object with nothing in it but annotations: Graph prints
    /// `{}` for what it does not expand.
    pub(super) fn is_nothing(&self) -> bool {
        match &self.shape {
            Shape::Null => true,
            Shape::Object(members) => members.keys().all(|key| key.starts_with("@odata.context")),
            Shape::Array(_) | Shape::Text(_) | Shape::Flag(_) | Shape::Number => false,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.shape, Shape::Null)
    }
}

pub(super) fn parse(file: FileId, text: &str) -> Result<Node, NotAFlow> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| malformed(file, &error))?;
    let reader = Reader { file, text };
    reader.node(raw, String::new())
}

fn malformed(file: FileId, error: &serde_json::Error) -> NotAFlow {
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(reason, _)| reason);
    NotAFlow::Malformed {
        file,
        reason: reason.to_owned(),
        position: Position {
            line: error.line(),
            column: error.column().max(1),
        },
    }
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
}

impl Reader<'_> {
    fn node(&self, raw: &RawValue, pointer: String) -> Result<Node, NotAFlow> {
        let written = raw.get();
        let failed = |error: serde_json::Error| malformed(self.file, &error);
        let shape = match written.as_bytes().first() {
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> =
                    serde_json::from_str(written).map_err(failed)?;
                let mut nodes = BTreeMap::new();
                for (key, raw) in members {
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    let node = self.node(raw, format!("{pointer}/{escaped}"))?;
                    nodes.insert(key, node);
                }
                Shape::Object(nodes)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(written).map_err(failed)?;
                let items = items.into_iter().enumerate();
                Shape::Array(
                    items
                        .map(|(at, raw)| self.node(raw, format!("{pointer}/{at}")))
                        .collect::<Result<_, _>>()?,
                )
            }
            Some(b'"') => Shape::Text(serde_json::from_str(written).map_err(failed)?),
            Some(b't') => Shape::Flag(true),
            Some(b'f') => Shape::Flag(false),
            Some(b'n') => Shape::Null,
            _ => Shape::Number,
        };
        Ok(Node {
            pointer,
            span: self.span(written),
            shape,
        })
    }

    /// The slice is one of the text: its address tells where.
    fn span(&self, written: &str) -> Span {
        let start = written.as_ptr() as usize - self.text.as_ptr() as usize;
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            start: offset(start),
            end: offset(start + written.len()),
        }
    }
}
