//! Reads typed values out of the tree, notes every problem and every key that
//! was asked for, so that what is left over is unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::{Origin, Place, Placed, Problem};
use super::tree::{Node, Table, Value};

/// What reading the settings needs and what it collects.
pub(super) struct Report<'a> {
    file: Option<&'a Path>,
    environment: &'a BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
    secret_files: RefCell<Vec<PathBuf>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        file: Option<&'a Path>,
        environment: &'a BTreeMap<String, String>,
        problems: Vec<Problem>,
    ) -> Self {
        Self {
            file,
            environment,
            problems: RefCell::new(problems),
            secret_files: RefCell::default(),
        }
    }

    pub(super) fn problem(&self, place: &Place, message: impl Into<String>) {
        self.problems
            .borrow_mut()
            .push(Problem::of(self.file, place, message));
    }

    /// All problems, and the files that secrets and authorities were read from.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<PathBuf>) {
        (self.problems.into_inner(), self.secret_files.into_inner())
    }

    /// A path in the file is relative to the file, one in the environment to
    /// the current folder.
    fn resolve(&self, text: &str, origin: &Origin) -> PathBuf {
        match (self.file.and_then(Path::parent), origin) {
            (Some(folder), Origin::Line(_)) => folder.join(text),
            (Some(_) | None, _) => PathBuf::from(text),
        }
    }
}

/// A secret and how it is spelt in a section: `password = "…"`,
/// `password_env = "NAME"` or `password_file = "path"`.
#[derive(Clone, Copy)]
pub(super) struct SecretKeys {
    pub(super) plain: &'static str,
    pub(super) env: &'static str,
    pub(super) file: &'static str,
}

pub(super) const PASSWORD: SecretKeys = SecretKeys {
    plain: "password",
    env: "password_env",
    file: "password_file",
};

/// One section of the settings. When it goes out of scope, keys that nobody
/// asked for are reported as unknown.
pub(super) struct Section<'a> {
    pub(super) place: Place,
    table: Option<&'a Table>,
    report: &'a Report<'a>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a Table, report: &'a Report<'a>) -> Self {
        let place = Place {
            key: String::new(),
            origin: Origin::Absent,
        };
        Self::new(place, Some(table), report)
    }

    fn new(place: Place, table: Option<&'a Table>, report: &'a Report<'a>) -> Self {
        Self {
            place,
            table,
            report,
            known: RefCell::default(),
        }
    }

    pub(super) fn problem(&self, message: impl Into<String>) {
        self.report.problem(&self.place, message);
    }

    pub(super) fn problem_at(&self, place: &Place, message: impl Into<String>) {
        self.report.problem(place, message);
    }

    /// Reports what is wrong with a key's value.
    pub(super) fn problem_in(&self, key: &'static str, message: impl Into<String>) {
        match self.node(key) {
            Some((_, place)) => self.problem_at(&place, message),
            None => self.problem(message),
        }
    }

    /// Whether the section was written at all.
    pub(super) fn is_given(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the key was written at all.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.node(key).is_some()
    }

    /// Whether a list was written and is not empty, sound or not.
    pub(super) fn has_entries(&self, key: &'static str) -> bool {
        self.node(key).is_some_and(|(node, _)| match &node.value {
            Value::List(items) => !items.is_empty(),
            Value::Variable(text) => !text.trim().is_empty(),
            _ => true,
        })
    }

    /// Has a file read again when it changes.
    pub(super) fn watch(&self, path: &Path) {
        self.report.secret_files.borrow_mut().push(path.to_owned());
    }

    fn path_of(&self, key: &str) -> String {
        match self.place.key.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn node(&self, key: &'static str) -> Option<(&'a Node, Place)> {
        self.known.borrow_mut().insert(key);
        let node = self.table?.0.get(key)?;
        let place = Place {
            key: self.path_of(key),
            origin: node.origin.clone(),
        };
        Some((node, place))
    }

    /// Reports a key that is known and has no place in this section.
    pub(super) fn refuse(&self, key: &'static str, why: &str) {
        if let Some((_, place)) = self.node(key) {
            self.problem_at(&place, why);
        }
    }

    /// Reports a key that the section cannot do without. What is no section
    /// at all was reported already.
    fn require(&self, key: &'static str) {
        if self.table.is_some() && self.node(key).is_none() {
            self.problem(format!("`{key}` is missing"));
        }
    }

    pub(super) fn required_parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        self.require(key);
        self.parsed(key, parse)
    }

    pub(super) fn required_choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<Placed<T>> {
        self.require(key);
        self.choice(key, choices)
    }

    pub(super) fn required_path(&self, key: &'static str) -> Option<PathBuf> {
        self.require(key);
        self.path(key).map(|path| path.value)
    }

    pub(super) fn required_secret(&self, keys: SecretKeys) -> Option<Placed<SecretString>> {
        let SecretKeys { plain, env, file } = keys;
        let given = [plain, env, file].map(|key| self.node(key).is_some());
        if self.table.is_some() && !given.contains(&true) {
            self.problem(format!("`{plain}`, `{env}` or `{file}` is missing"));
        }
        self.secret(keys)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &'static str) -> Option<Placed<String>> {
        let found = self.possibly_empty(key)?;
        if found.value.trim().is_empty() {
            self.problem_at(&found.place, "must not be empty");
            return None;
        }
        Some(found)
    }

    pub(super) fn possibly_empty(&self, key: &'static str) -> Option<Placed<String>> {
        let (node, place) = self.node(key)?;
        match &node.value {
            Value::Text(text) | Value::Variable(text) => Some(Placed {
                value: text.clone(),
                place,
            }),
            other => self.wrong_kind(&place, "a text", other),
        }
    }

    /// A text that `parse` understands; its error says what it must be.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let Placed { value, place } = self.text(key)?;
        match parse(&value) {
            Ok(value) => Some(Placed { value, place }),
            Err(message) => {
                self.problem_at(&place, message);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<Placed<T>> {
        self.parsed(key, |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text);
            chosen.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<_> = choices
                    .iter()
                    .map(|(word, _)| format!("{word:?}"))
                    .collect();
                format!("must be {}, is {text:?}", words.join(" or "))
            })
        })
    }

    pub(super) fn whole(
        &self,
        key: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<Placed<u32>> {
        let (node, place) = self.node(key)?;
        let number = match &node.value {
            Value::Whole(number) => u32::try_from(*number).ok(),
            Value::Variable(text) => text.trim().parse().ok(),
            other => return self.wrong_kind(&place, "a whole number", other),
        };
        match number.filter(|number| range.contains(number)) {
            Some(value) => Some(Placed { value, place }),
            None => {
                let (least, most) = (range.start(), range.end());
                self.problem_at(&place, format!("must be between {least} and {most}"));
                None
            }
        }
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let (node, place) = self.node(key)?;
        match &node.value {
            Value::Flag(flag) => Some(*flag),
            other => self.wrong_kind(&place, "true or false", other),
        }
    }

    /// A value as JSON has it, for whoever reads that.
    pub(super) fn json(&self, key: &'static str) -> Option<serde_json::Value> {
        let (node, place) = self.node(key)?;
        match json(&node.value) {
            Some(value) => Some(value),
            None => self.wrong_kind(&place, "what JSON can hold", &Value::Unreadable),
        }
    }

    /// The texts of a section whose keys are names of the owner's choice.
    pub(super) fn texts_by_name(&self, key: &'static str) -> BTreeMap<String, String> {
        let section = self.section(key);
        let mut texts = BTreeMap::new();
        for (name, node) in section.table.iter().flat_map(|table| &table.0) {
            let place = Place {
                key: section.path_of(name),
                origin: node.origin.clone(),
            };
            match &node.value {
                Value::Text(text) => {
                    texts.insert(name.clone(), text.clone());
                }
                other => {
                    section.wrong_kind::<()>(&place, "a text", other);
                }
            }
        }
        section.all_known();
        texts
    }

    /// A moment as RFC 3339 writes it, with its offset.
    pub(super) fn moment(&self, key: &'static str) -> Option<OffsetDateTime> {
        let (node, place) = self.node(key)?;
        let text = match &node.value {
            Value::Text(text) | Value::Variable(text) | Value::Moment(text) => text,
            other => return self.wrong_kind(&place, "a date", other),
        };
        let moment = OffsetDateTime::parse(text, &Rfc3339);
        if moment.is_err() {
            self.problem_at(
                &place,
                "must be a date with time and offset, such as 2027-01-31T00:00:00Z",
            );
        }
        moment.ok()
    }

    /// A list of texts; in the environment, separated by commas.
    pub(super) fn list(&self, key: &'static str) -> Option<Vec<Placed<String>>> {
        let (node, place) = self.node(key)?;
        match &node.value {
            Value::List(items) => Some(self.texts(items, &place)),
            Value::Variable(text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
                    .map(|text| Placed {
                        value: text.to_owned(),
                        place: place.clone(),
                    })
                    .collect(),
            ),
            other => self.wrong_kind(&place, "a list of texts", other),
        }
    }

    /// Reports a list without entries. One that is no list, or has entries that
    /// are none, is reported where it is read.
    pub(super) fn require_entries(&self, key: &'static str, message: &str) {
        let is_empty = self.node(key).is_none_or(|(node, _)| match &node.value {
            Value::List(items) => items.is_empty(),
            Value::Variable(text) => text.split(',').all(|text| text.trim().is_empty()),
            _ => false,
        });
        if is_empty && self.is_given() {
            self.problem(message);
        }
    }

    /// The entries of a list that `parse` understands.
    pub(super) fn each<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<Placed<T>> {
        let mut parsed = Vec::new();
        for Placed { value, place } in self.list(key).unwrap_or_default() {
            match parse(&value) {
                Ok(value) => parsed.push(Placed { value, place }),
                Err(message) => self.problem_at(&place, message),
            }
        }
        parsed
    }

    /// Reports what stands twice in a list.
    pub(super) fn each_once(&self, found: &[Placed<String>], same: impl Fn(&str, &str) -> bool) {
        for (n, Placed { value, place }) in found.iter().enumerate() {
            let earlier = found.iter().take(n);
            if let Some(first) = earlier.into_iter().find(|other| same(&other.value, value)) {
                self.problem_at(place, format!("is the same as {}", first.place.key));
            }
        }
    }

    fn texts(&self, items: &[Node], place: &Place) -> Vec<Placed<String>> {
        let mut texts = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let place = Place {
                key: format!("{}[{n}]", place.key),
                origin: item.origin.clone(),
            };
            match &item.value {
                Value::Text(text) if text.trim().is_empty() => {
                    self.problem_at(&place, "must not be empty");
                }
                Value::Text(text) => texts.push(Placed {
                    value: text.clone(),
                    place,
                }),
                other => {
                    self.wrong_kind::<()>(&place, "a text", other);
                }
            }
        }
        texts
    }

    pub(super) fn path(&self, key: &'static str) -> Option<Placed<PathBuf>> {
        let Placed { value, place } = self.text(key)?;
        let value = self.report.resolve(&value, &place.origin);
        Some(Placed { value, place })
    }

    pub(super) fn paths(&self, key: &'static str) -> Vec<PathBuf> {
        let found = self.list(key).unwrap_or_default().into_iter();
        found
            .map(|Placed { value, place }| self.report.resolve(&value, &place.origin))
            .collect()
    }

    /// The text of the file that a key names.
    pub(super) fn file(&self, key: &'static str) -> Option<Placed<String>> {
        let Placed { value: path, place } = self.path(key)?;
        let value = self.text_of(&path, &place)?;
        Some(Placed { value, place })
    }

    /// The texts of the files that a list names.
    pub(super) fn files(&self, key: &'static str) -> Vec<String> {
        let found = self.list(key).unwrap_or_default().into_iter();
        found
            .filter_map(|Placed { value, place }| {
                let path = self.report.resolve(&value, &place.origin);
                self.text_of(&path, &place)
            })
            .collect()
    }

    fn text_of(&self, path: &Path, place: &Place) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problem_at(place, format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }

    /// A secret in one of its three spellings. A spelling in the environment
    /// counts before those in the file.
    pub(super) fn secret(&self, keys: SecretKeys) -> Option<Placed<SecretString>> {
        let mut given: Vec<_> = [keys.plain, keys.env, keys.file]
            .into_iter()
            .filter_map(|key| self.node(key).map(|(_, place)| (key, place)))
            .collect();
        let overridden = |place: &Place| matches!(place.origin, Origin::Variable(_));
        if given.iter().any(|(_, place)| overridden(place)) {
            given.retain(|(_, place)| overridden(place));
        }
        let key = match given.as_slice() {
            [] => return None,
            [(key, _)] => *key,
            [_, (_, place), ..] => {
                let SecretKeys { plain, env, file } = keys;
                self.problem_at(place, format!("give one of `{plain}`, `{env}`, `{file}`"));
                return None;
            }
        };
        let Placed { value, place } = if key == keys.plain {
            self.text(key)?
        } else if key == keys.env {
            self.secret_in_variable(key)?
        } else {
            self.secret_in_file(key)?
        };
        if value.chars().any(char::is_control) {
            self.problem_at(&place, "holds a control character or a line break");
            return None;
        }
        Some(Placed {
            value: SecretString::from(value),
            place,
        })
    }

    fn secret_in_variable(&self, key: &'static str) -> Option<Placed<String>> {
        let Placed { value: name, place } = self.text(key)?;
        match self.report.environment.get(&name) {
            Some(value) if !value.is_empty() => Some(Placed {
                value: value.clone(),
                place,
            }),
            Some(_) | None => {
                let message =
                    format!("the environment variable {name} is not set, empty or not in UTF-8");
                self.problem_at(&place, message);
                None
            }
        }
    }

    fn secret_in_file(&self, key: &'static str) -> Option<Placed<String>> {
        let Placed { value: path, place } = self.path(key)?;
        self.report.secret_files.borrow_mut().push(path.clone());
        let content = match std::fs::read_to_string(&path) {
            Ok(content) => content,
            Err(error) => {
                self.problem_at(&place, format!("cannot read {}: {error}", path.display()));
                return None;
            }
        };
        let value = content.strip_suffix('\n').unwrap_or(&content);
        let value = value.strip_suffix('\r').unwrap_or(value).to_owned();
        if value.is_empty() {
            self.problem_at(&place, format!("{} is empty", path.display()));
            return None;
        }
        Some(Placed { value, place })
    }

    /// A section of fixed name, empty when it is not there.
    pub(super) fn section(&self, key: &'static str) -> Self {
        match self.node(key) {
            Some((node, place)) => self.subsection(node, place),
            None => {
                let place = Place {
                    key: self.path_of(key),
                    origin: self.place.origin.clone(),
                };
                Self::new(place, None, self.report)
            }
        }
    }

    /// The entries of a list of sections (`[[…]]`).
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let Some((node, place)) = self.node(key) else {
            return Vec::new();
        };
        match &node.value {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(n, item)| {
                    let place = Place {
                        key: format!("{}[{n}]", place.key),
                        origin: item.origin.clone(),
                    };
                    self.subsection(item, place)
                })
                .collect(),
            other => {
                let what = format!("a list of sections ([[{}]])", place.key);
                self.wrong_kind::<()>(&place, &what, other);
                Vec::new()
            }
        }
    }

    /// The entries of a section whose keys are names of the owner's choice.
    pub(super) fn entries(&self, key: &'static str) -> Vec<(String, Self)> {
        let section = self.section(key);
        section.into_entries()
    }

    /// The same for a section that holds nothing but such entries.
    fn into_entries(self) -> Vec<(String, Self)> {
        let Some(table) = self.table else {
            return Vec::new();
        };
        let mut entries: Vec<_> = table
            .0
            .iter()
            .map(|(name, node)| {
                let place = Place {
                    key: self.path_of(name),
                    origin: node.origin.clone(),
                };
                (name.clone(), self.subsection(node, place))
            })
            .collect();
        // In the order of the file, so that "the same as" points backwards.
        entries.sort_by(|(_, a), (_, b)| a.place.origin.cmp(&b.place.origin));
        self.all_known();
        entries
    }

    fn subsection(&self, node: &'a Node, place: Place) -> Self {
        let table = match &node.value {
            Value::Table(table) => Some(table),
            other => {
                self.wrong_kind::<()>(&place, &format!("a section ([{}])", place.key), other);
                None
            }
        };
        Self::new(place, table, self.report)
    }

    /// Every key of this section is somebody's own name.
    fn all_known(mut self) {
        self.table = None;
    }

    fn wrong_kind<T>(&self, place: &Place, expected: &str, found: &Value) -> Option<T> {
        self.problem_at(place, format!("must be {expected}, is {}", found.kind()));
        None
    }
}

/// `None` for a number with a fraction, which the settings do not read.
fn json(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::Text(text) | Value::Moment(text) | Value::Variable(text) => text.as_str().into(),
        Value::Whole(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::List(items) => {
            let items = items.iter().map(|item| json(&item.value));
            items.collect::<Option<Vec<_>>>()?.into()
        }
        Value::Table(table) => {
            let members = table.0.iter();
            let members = members.map(|(name, node)| Some((name.clone(), json(&node.value)?)));
            serde_json::Value::Object(members.collect::<Option<_>>()?)
        }
        Value::Unreadable => return None,
    })
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let Some(table) = self.table else {
            return;
        };
        let known = self.known.borrow();
        for (key, node) in &table.0 {
            if known.contains(key.as_str()) {
                continue;
            }
            let place = Place {
                key: self.path_of(key),
                origin: node.origin.clone(),
            };
            let nearest = known
                .iter()
                .map(|candidate| (strsim::damerau_levenshtein(candidate, key), candidate))
                .filter(|(distance, candidate)| {
                    *distance <= candidate.len().div_ceil(3) || candidate.starts_with(key.as_str())
                })
                .min();
            match nearest {
                Some((_, candidate)) => self.problem_at(
                    &place,
                    format!("there is no such key; did you mean `{candidate}`?"),
                ),
                None => self.problem_at(&place, "there is no such key"),
            }
        }
    }
}
