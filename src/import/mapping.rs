//! Mapping files: a profile for a system that we do not know, in TOML.

use std::path::Path;

use toml_edit::{Document, Item, TableLike, Value};

use super::encoding::Encoding;
use super::profile::{Field, Profile};

/// What is wrong with a mapping file, each with its line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct MappingProblems(Vec<String>);

impl Profile {
    /// Reads a mapping file.
    pub fn read(path: &Path) -> Result<Self, MappingProblems> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) => Err(MappingProblems(vec![format!(
                "{name}: cannot be read: {error}"
            )])),
        }
    }

    /// `name` is what messages call the file.
    pub fn parse(name: &str, text: &str) -> Result<Self, MappingProblems> {
        let mut reader = Reader {
            name,
            text,
            problems: Vec::new(),
        };
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => {
                let place = error.span().map(|span| span.start);
                reader.problem(place, format!("is not valid TOML: {}", error.message()));
                return Err(MappingProblems(reader.problems));
            }
        };
        let profile = reader.profile(document.as_table());
        match reader.problems.is_empty() {
            true => Ok(profile),
            false => Err(MappingProblems(reader.problems)),
        }
    }
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn problem(&mut self, place: Option<usize>, message: impl std::fmt::Display) {
        let before = place.and_then(|place| self.text.get(..place));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        self.problems
            .push(format!("{}:{line}: {message}", self.name));
    }

    fn profile(&mut self, root: &dyn TableLike) -> Profile {
        let base = match root.get("base") {
            None => None,
            Some(item) => self.text_of("base", item).and_then(|(place, text)| {
                let base = Profile::named(&text);
                if base.is_none() {
                    let names = Profile::NAMES.join(", ");
                    self.problem(place, format!("base: must be one of {names}"));
                }
                base
            }),
        };
        let mut profile = base.unwrap_or_else(|| Profile::empty(""));
        profile.name = self.name.to_owned();
        for (key, item) in root.iter() {
            match key {
                "base" => {}
                "delimiter" => profile.delimiter = self.delimiter(item),
                "encoding" => profile.encoding = self.encoding(item),
                "columns" => self.each_field(key, item, |reader, field, item| {
                    reader.columns(&mut profile, field, item);
                }),
                "values" => self.each_field(key, item, |reader, field, item| {
                    reader.values(&mut profile, field, item);
                }),
                "constants" => self.each_field(key, item, |reader, field, item| {
                    reader.constant(&mut profile, field, item);
                }),
                other => self.problem(
                    place_of(item),
                    format!(
                        "{other}: there is no such key; there are base, delimiter, encoding, \
                         columns, values and constants"
                    ),
                ),
            }
        }
        profile
    }

    fn each_field(
        &mut self,
        section: &str,
        item: &Item,
        mut read: impl FnMut(&mut Self, Field, &Item),
    ) {
        let Some(table) = item.as_table_like() else {
            return self.problem(place_of(item), format!("{section}: must be a section"));
        };
        for (key, item) in table.iter() {
            match Field::named(key) {
                Some(field) => read(self, field, item),
                None => {
                    let names: Vec<_> = Field::ALL.iter().map(|field| field.key()).collect();
                    self.problem(
                        place_of(item),
                        format!("{section}.{key}: must be one of {}", names.join(", ")),
                    );
                }
            }
        }
    }

    /// `"ADDRESS"`, or `["FIRST", "LAST"]` to be joined.
    fn columns(&mut self, profile: &mut Profile, field: Field, item: &Item) {
        let names = self.texts(&format!("columns.{}", field.key()), item);
        if !names.is_empty() {
            profile.set_columns(field, vec![names]);
        }
    }

    /// `person = ["P", "private"]`.
    fn values(&mut self, profile: &mut Profile, field: Field, item: &Item) {
        let section = format!("values.{}", field.key());
        let Some(table) = item.as_table_like() else {
            return self.problem(place_of(item), format!("{section}: must be a section"));
        };
        for (key, item) in table.iter() {
            let ours = field.words().iter().find(|word| **word == key);
            match (ours, field.words()) {
                (Some(ours), _) => {
                    for word in self.texts(&format!("{section}.{key}"), item) {
                        profile.add_value(field, word, ours);
                    }
                }
                (None, []) => self.problem(
                    place_of(item),
                    format!("{section}: its values are not of a few words"),
                ),
                (None, words) => self.problem(
                    place_of(item),
                    format!("{section}.{key}: must be one of {}", words.join(", ")),
                ),
            }
        }
    }

    fn constant(&mut self, profile: &mut Profile, field: Field, item: &Item) {
        let key = format!("constants.{}", field.key());
        let Some((place, text)) = self.text_of(&key, item) else {
            return;
        };
        let words = field.words();
        if !words.is_empty() && !words.contains(&text.as_str()) {
            let words = words.join(", ");
            return self.problem(place, format!("{key}: must be one of {words}"));
        }
        profile.set_constant(field, text);
    }

    fn delimiter(&mut self, item: &Item) -> Option<u8> {
        let (place, text) = self.text_of("delimiter", item)?;
        let delimiter = delimiter(&text);
        if delimiter.is_none() {
            self.problem(place, format!("delimiter: {DELIMITER}"));
        }
        delimiter
    }

    fn encoding(&mut self, item: &Item) -> Option<Encoding> {
        let (place, text) = self.text_of("encoding", item)?;
        let encoding = Encoding::named(&text);
        if encoding.is_none() {
            let names = Encoding::ALL.map(Encoding::name).join(", ");
            self.problem(place, format!("encoding: must be one of {names}"));
        }
        encoding
    }

    fn text_of(&mut self, key: &str, item: &Item) -> Option<(Option<usize>, String)> {
        let place = place_of(item);
        match item.as_str() {
            Some(text) if !text.trim().is_empty() => Some((place, text.trim().to_owned())),
            Some(_) | None => {
                self.problem(place, format!("{key}: must be a text that is not empty"));
                None
            }
        }
    }

    /// One text, or a list of them.
    fn texts(&mut self, key: &str, item: &Item) -> Vec<String> {
        let Some(list) = item.as_array() else {
            let text = self.text_of(key, item);
            return text.into_iter().map(|(_, text)| text).collect();
        };
        let mut texts = Vec::new();
        for value in list {
            match value {
                Value::String(text) if !text.value().trim().is_empty() => {
                    texts.push(text.value().trim().to_owned());
                }
                other => {
                    let place = other.span().map(|span| span.start);
                    self.problem(place, format!("{key}: must hold texts that are not empty"));
                }
            }
        }
        if list.is_empty() {
            self.problem(place_of(item), format!("{key}: is empty"));
        }
        texts
    }
}

fn place_of(item: &Item) -> Option<usize> {
    item.span().map(|span| span.start)
}

pub const DELIMITER: &str = "must be one character of ASCII, or `tab`";

/// What an option or a mapping file calls a separator.
pub fn delimiter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Some(b'\t'),
        [b'"' | b'\r' | b'\n'] => None,
        [one] if one.is_ascii() => Some(*one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_columns_words_and_what_goes_without_saying() {
        let profile = Profile::parse(
            "erp.toml",
            r#"
            base = "idlink"
            delimiter = ";"
            encoding = "windows-1252"
            [columns]
            customer_number = "KUNDNR"
            name = ["VORNAME", "NACHNAME"]
            [values.kind]
            person = "P"
            organisation = ["F", "Firma"]
            [constants]
            type = "b2b"
            legal_entity = "DEMF"
            "#,
        )
        .unwrap();
        assert_eq!(profile.delimiter, Some(b';'));
        assert_eq!(profile.encoding, Some(Encoding::Windows1252));
        assert_eq!(profile.groups(Field::CustomerNumber), [["KUNDNR"]]);
        assert_eq!(profile.groups(Field::Name), [["VORNAME", "NACHNAME"]]);
        assert_eq!(profile.groups(Field::Email), [["email"]], "of the base");
        assert_eq!(profile.constant(Field::Type), Some("b2b"));
        let words: Vec<_> = profile.values(Field::Kind).collect();
        assert!(words.contains(&("P", "person")), "{words:?}");
        assert!(words.contains(&("Firma", "organisation")), "{words:?}");
    }

    #[test]
    fn every_problem_of_a_mapping_is_named_with_its_line() {
        let text = "base = \"sap\"\ndelimiter = \"ab\"\nencoding = \"latin\"\nnonsense = 1\n\
                    [columns]\nnumber = \"X\"\nname = []\nemail = 3\n\
                    [values.kind]\nrobot = \"R\"\n[values.name]\nx = \"R\"\n\
                    [constants]\nstate = \"gone\"\n";
        let problems = Profile::parse("erp.toml", text).unwrap_err().0;
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| problem.splitn(3, ':').take(2).collect::<Vec<_>>().join(":"))
            .collect();
        let expected = [1, 2, 3, 4, 6, 7, 8, 10, 12, 14].map(|line| format!("erp.toml:{line}"));
        assert_eq!(lines, expected, "{problems:#?}");
        assert_eq!(
            Profile::parse("erp.toml", "[columns\n")
                .unwrap_err()
                .0
                .len(),
            1
        );
    }
}
