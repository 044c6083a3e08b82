//! The settings file and the environment as one tree in which every value
//! knows where it was written.

use std::collections::BTreeMap;
use std::path::Path;

use toml_edit::{Document, Item, TableLike, Value as TomlValue};

use super::problem::{Origin, Place, Problem};

/// What variables that set a key begin with; a further `__` stands for a dot.
const PREFIX: &str = "IDLINK__";

/// Sections whose entries are named by their owner. They are declared in the
/// file; a variable changes their keys and cannot invent one.
const NAMED: [&str; 3] = ["legal_entities", "tenants", "sites"];

pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// No `Debug`: a value may be a secret.
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Flag(bool),
    Moment(String),
    /// The text of a variable, read as whatever its key asks for.
    Variable(String),
    List(Vec<Node>),
    Table(Table),
    Unreadable,
}

impl Value {
    /// With its article, for "must be …, is …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Variable(_) => "a text",
            Self::Whole(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Moment(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a section",
            Self::Unreadable => "a number with a fraction",
        }
    }
}

#[derive(Default)]
pub(super) struct Table(pub(super) BTreeMap<String, Node>);

/// Reads the text of a settings file. A syntax error is shown by its line
/// only: the line itself may hold a secret.
pub(super) fn parse(file: &Path, text: &str) -> Result<Table, Problem> {
    let lines = Lines::of(text);
    match Document::parse(text) {
        Ok(document) => Ok(table(document.as_table(), &lines)),
        Err(error) => {
            let line = error.span().map(|span| lines.line(span.start));
            let message = format!("is not valid TOML: {}", error.message());
            Err(Problem::of_file(file, line, message))
        }
    }
}

struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&end| end < offset) + 1
    }
}

fn table(source: &dyn TableLike, lines: &Lines) -> Table {
    let mut entries = BTreeMap::new();
    for (name, item) in source.iter() {
        // A section's own line is its header's, a value's that of its key.
        let key = source.key(name).and_then(|key| key.span());
        let span = match item {
            Item::Table(table) if !table.is_implicit() => table.span().or(key),
            Item::Table(_) | Item::Value(_) | Item::ArrayOfTables(_) | Item::None => {
                key.or_else(|| item.span())
            }
        };
        let origin = span.map_or(Origin::Absent, |span| Origin::Line(lines.line(span.start)));
        let value = match item {
            Item::Table(inner) => Value::Table(table(inner, lines)),
            Item::ArrayOfTables(tables) => Value::List(
                tables
                    .iter()
                    .map(|inner| Node {
                        origin: at(inner.span(), &origin, lines),
                        value: Value::Table(table(inner, lines)),
                    })
                    .collect(),
            ),
            Item::Value(value) => scalar(value, &origin, lines),
            Item::None => continue,
        };
        entries.insert(name.to_owned(), Node { origin, value });
    }
    Table(entries)
}

fn at(span: Option<std::ops::Range<usize>>, otherwise: &Origin, lines: &Lines) -> Origin {
    span.map_or_else(
        || otherwise.clone(),
        |span| Origin::Line(lines.line(span.start)),
    )
}

fn scalar(value: &TomlValue, origin: &Origin, lines: &Lines) -> Value {
    match value {
        TomlValue::String(text) => Value::Text(text.value().clone()),
        TomlValue::Integer(number) => Value::Whole(*number.value()),
        TomlValue::Boolean(flag) => Value::Flag(*flag.value()),
        TomlValue::Datetime(moment) => Value::Moment(moment.value().to_string()),
        TomlValue::Float(_) => Value::Unreadable,
        TomlValue::Array(values) => Value::List(
            values
                .iter()
                .map(|value| {
                    let origin = at(value.span(), origin, lines);
                    let value = scalar(value, &origin, lines);
                    Node { origin, value }
                })
                .collect(),
        ),
        TomlValue::InlineTable(inner) => Value::Table(table(inner, lines)),
    }
}

/// Lays the variables over the file's values.
pub(super) fn overlay(
    root: &mut Table,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    for (name, text) in environment {
        let upper = name.to_ascii_uppercase();
        let Some(path) = upper.strip_prefix(PREFIX) else {
            continue;
        };
        let steps: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        if let Err(message) = place(root, &steps, &[], name, text) {
            let place = Place {
                key: steps.join("."),
                origin: Origin::Variable(name.clone()),
            };
            problems.push(Problem::of(None, &place, message));
        }
    }
}

/// Puts `text` where `steps` lead. `passed` are the steps so far.
fn place(
    table: &mut Table,
    steps: &[String],
    passed: &[&str],
    variable: &str,
    text: &str,
) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        return Err("names a section, not a key".to_owned());
    };
    if step.is_empty() {
        return Err("names no key: `__` stands for a dot between two names".to_owned());
    }
    let existing = table.0.keys().find(|key| is_named(key, step)).cloned();
    if let ([section], None) = (passed, &existing)
        && NAMED.contains(section)
    {
        return Err(format!(
            "there is no [{section}.{step}] in the settings file, and a variable cannot add one"
        ));
    }
    let origin = Origin::Variable(variable.to_owned());
    let key = existing.unwrap_or_else(|| step.clone());
    let [next, beyond @ ..] = rest else {
        if matches!(table.0.get(&key), Some(node) if matches!(node.value, Value::Table(_))) {
            return Err("names a section, not a key".to_owned());
        }
        let value = Value::Variable(text.to_owned());
        table.0.insert(key, Node { origin, value });
        return Ok(());
    };
    let node = table.0.entry(key).or_insert_with(|| Node {
        origin,
        value: Value::Table(Table::default()),
    });
    let passed = [passed, &[step.as_str()]].concat();
    match &mut node.value {
        Value::Table(inner) => place(inner, rest, &passed, variable, text),
        Value::List(items) => {
            let item = next.parse().ok().and_then(|n: usize| items.get_mut(n));
            match item.map(|node| &mut node.value) {
                Some(Value::Table(inner)) => place(inner, beyond, &passed, variable, text),
                Some(_) | None => Err(format!(
                    "`{next}` is not the number of an entry of that list (the first is 0)"
                )),
            }
        }
        Value::Text(_)
        | Value::Whole(_)
        | Value::Flag(_)
        | Value::Moment(_)
        | Value::Variable(_)
        | Value::Unreadable => Err(format!("`{step}` is a value, not a section")),
    }
}

/// Shells allow no hyphen in the name of a variable.
fn is_named(key: &str, step: &str) -> bool {
    key.eq_ignore_ascii_case(step) || key.replace('-', "_").eq_ignore_ascii_case(step)
}
