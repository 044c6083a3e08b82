//! Where in a table each field stands, and what its words mean.

use std::borrow::Cow;

use super::delimited::Cells;
use super::profile::{Field, Profile};
use super::row::Unreadable;
use super::sheet::as_written;
use super::table::{Table, delimiter_name};

/// The columns of one field.
#[derive(Debug)]
pub(super) struct Column {
    /// The name that people know the field by in this file.
    pub(super) heading: String,
    groups: Vec<Vec<usize>>,
    constant: Option<String>,
    /// Whether formulas were made harmless in it.
    is_escaped: bool,
}

impl Column {
    /// The field's text, without blanks at its ends. Empty where there is none.
    pub(super) fn text<'a>(&'a self, cells: &Cells<'a>) -> Cow<'a, str> {
        for group in &self.groups {
            match group.as_slice() {
                [] => {}
                [one] => {
                    let text = self.cell(cells, *one);
                    if !text.is_empty() {
                        return Cow::Borrowed(text);
                    }
                }
                several => {
                    let joined = self.joined(cells, several);
                    if !joined.is_empty() {
                        return Cow::Owned(joined);
                    }
                }
            }
        }
        Cow::Borrowed(self.constant.as_deref().unwrap_or_default())
    }

    fn cell<'a>(&self, cells: &Cells<'a>, column: usize) -> &'a str {
        let text = cells.get(column).unwrap_or_default();
        match self.is_escaped {
            true => as_written(text).trim_ascii(),
            false => text.trim_ascii(),
        }
    }

    fn joined(&self, cells: &Cells<'_>, columns: &[usize]) -> String {
        let mut joined = String::new();
        for &column in columns {
            let part = self.cell(cells, column);
            if !joined.is_empty() && !part.is_empty() {
                joined.push(' ');
            }
            joined.push_str(part);
        }
        joined
    }

    /// Whether the file has none of its columns and nothing stands for it.
    pub(super) fn is_absent(&self) -> bool {
        self.groups.is_empty() && self.constant.is_none()
    }
}

/// A field whose values are a few words.
#[derive(Debug)]
pub(super) struct Coded<T> {
    pub(super) column: Column,
    words: Vec<(String, T)>,
    /// The words that a person may be told of.
    known: String,
}

impl<T: Copy> Coded<T> {
    /// `None` where the cell is empty.
    pub(super) fn value(&self, cells: &Cells<'_>) -> Result<Option<T>, String> {
        let text = self.column.text(cells);
        if text.is_empty() {
            return Ok(None);
        }
        let found = self
            .words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&text));
        match found {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(format!("must be one of {}", self.known)),
        }
    }
}

/// Finds the columns of fields in the headings of a table.
pub(super) struct Binder<'a> {
    table: &'a Table,
    profile: &'a Profile,
    missing: Vec<String>,
    twice: Vec<String>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(table: &'a Table, profile: &'a Profile) -> Self {
        Self {
            table,
            profile,
            missing: Vec::new(),
            twice: Vec::new(),
        }
    }

    pub(super) fn required(&mut self, field: Field) -> Column {
        let column = self.optional(field);
        if column.is_absent() {
            self.missing.push(column.heading.clone());
        }
        column
    }

    pub(super) fn optional(&mut self, field: Field) -> Column {
        let profile = self.profile;
        let mut heading = None;
        let mut groups = Vec::new();
        for group in profile.groups(field) {
            let found: Vec<usize> = group.iter().filter_map(|name| self.place(name)).collect();
            if let Some(first) = found.first() {
                heading = heading.or_else(|| self.table.header().get(*first).cloned());
                groups.push(found);
            }
        }
        let spelt = || profile.groups(field).iter().flatten().next().cloned();
        Column {
            heading: heading
                .or_else(spelt)
                .unwrap_or_else(|| field.key().to_owned()),
            groups,
            constant: profile.constant(field).map(str::to_owned),
            is_escaped: self.table.is_of_rejects(),
        }
    }

    /// `meanings` are what [`Field::words`] stand for.
    pub(super) fn coded<T: Copy>(&mut self, field: Field, meanings: &[(&str, T)]) -> Coded<T> {
        let column = self.optional(field);
        self.coded_in(field, column, meanings)
    }

    pub(super) fn required_coded<T: Copy>(
        &mut self,
        field: Field,
        meanings: &[(&str, T)],
    ) -> Coded<T> {
        let column = self.required(field);
        self.coded_in(field, column, meanings)
    }

    fn coded_in<T: Copy>(&self, field: Field, column: Column, meanings: &[(&str, T)]) -> Coded<T> {
        let mut words = Vec::new();
        let mut known: Vec<String> = Vec::new();
        let meaning_of = |ours: &str| meanings.iter().find(|(word, _)| *word == ours);
        for (word, ours) in self.profile.values(field) {
            if let Some((_, meaning)) = meaning_of(ours) {
                words.push((word.to_owned(), *meaning));
                known.push(word.to_owned());
            }
        }
        // Constants are in our own words, whatever the file's are.
        let constant = column.constant.as_deref().and_then(meaning_of);
        words.extend(constant.map(|(word, meaning)| ((*word).to_owned(), *meaning)));
        Coded {
            column,
            words,
            known: known.join(", "),
        }
    }

    fn place(&mut self, name: &str) -> Option<usize> {
        let is_it = |(_, heading): &(usize, &String)| heading.eq_ignore_ascii_case(name);
        let mut places = self.table.header().iter().enumerate().filter(is_it);
        let (first, heading) = places.next()?;
        if let Some((second, _)) = places.next() {
            self.twice.push(format!(
                "`{heading}` (columns {} and {})",
                first + 1,
                second + 1
            ));
        }
        Some(first)
    }

    /// Whether everything that is needed was found, once.
    pub(super) fn finish(self, fields: &[Field]) -> Result<(), Unreadable> {
        if !self.twice.is_empty() {
            return Err(Unreadable(format!(
                "has the heading {} twice, and which of them counts cannot be known",
                self.twice.join(" and ")
            )));
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        let missing: Vec<String> = self
            .missing
            .iter()
            .map(|name| format!("`{name}`{}", self.suggestion(name)))
            .collect();
        let hint = self.hint(fields);
        Err(Unreadable(format!(
            "has no column {} in its first row{}{hint}",
            missing.join(" and no "),
            self.separated()
        )))
    }

    /// A heading that was perhaps meant. Only what is near to a name of ours
    /// is shown: without headings, the first row is somebody's.
    fn suggestion(&self, name: &str) -> String {
        let likeness = |heading: &&String| {
            strsim::jaro_winkler(&heading.to_ascii_lowercase(), &name.to_ascii_lowercase())
        };
        let best = self
            .table
            .header()
            .iter()
            .filter(|heading| heading.len() <= 40 && !heading.contains('@'))
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match best {
            Some(heading) if likeness(&heading) > 0.9 => format!(" (it has `{heading}`)"),
            Some(_) | None => String::new(),
        }
    }

    fn separated(&self) -> String {
        match (self.table.delimiter(), self.table.header().len()) {
            (Some(delimiter), columns) => format!(
                " of {columns} columns separated by {}",
                delimiter_name(delimiter)
            ),
            (None, _) => String::new(),
        }
    }

    /// Another profile, where the file has more of its columns.
    fn hint(&self, fields: &[Field]) -> String {
        let known = |profile: &Profile| {
            let names = profile.column_names(fields);
            let header = self.table.header().iter();
            let is_known =
                |heading: &&String| names.iter().any(|name| name.eq_ignore_ascii_case(heading));
            header.filter(is_known).count()
        };
        let others = Profile::NAMES
            .iter()
            .filter(|name| **name != self.profile.name);
        let best = others
            .filter_map(|name| Profile::named(name))
            .max_by_key(|profile| known(profile));
        match best {
            Some(other) if known(&other) > known(self.profile).max(2) => {
                format!("; it looks like one for --profile {}", other.name)
            }
            Some(_) | None => {
                "; another profile or a mapping file may say what it calls them".to_owned()
            }
        }
    }
}
