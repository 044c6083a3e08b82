//! `appsettings.json` as the Azure AD B2C extension of VS Code reads it
//! (azure-ad-b2c/vscode-extension, src/PolicyBuild.ts).

use std::collections::HashMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::finding::{Finding, Severity};
use super::super::source::{FileId, Position, Sources, Span};
use super::UNRESOLVED;

/// Where the extension writes to when the file does not say.
const ENVIRONMENTS: &str = "Environments";

/// What the extension puts in from elsewhere, before the settings.
pub(super) const BUILT_IN: [&str; 4] = ["Tenant", "Filename", "PolicyFilename", "Environment"];

#[derive(Debug)]
pub struct AppSettings {
    /// Below the folder of the file. The extension writes an absolute path
    /// there, of the machine of whoever began, and never reads it.
    pub policies_folder: Option<PathBuf>,
    pub environments_folder: PathBuf,
    pub environments: Vec<Environment>,
}

#[derive(Debug)]
pub struct Environment {
    pub name: String,
    pub production: bool,
    pub tenant: String,
    pub(super) settings: Vec<Setting>,
}

#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    /// The value in the file.
    pub(super) span: Span,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase", expecting = "an object with Environments")]
struct Written<'a> {
    policies_folder: Option<String>,
    environments_folder: Option<String>,
    #[serde(borrow)]
    environments: Vec<&'a RawValue>,
}

#[derive(serde::Deserialize)]
#[serde(
    rename_all = "PascalCase",
    expecting = "an object with Name, Tenant and PolicySettings"
)]
struct WrittenEnvironment<'a> {
    name: String,
    production: Option<bool>,
    tenant: String,
    #[serde(borrow)]
    policy_settings: Members<'a>,
}

/// An object's members in their order, repeated ones too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Environment {
    pub(super) fn setting(&self, name: &str) -> Option<&Setting> {
        let mut settings = self.settings.iter();
        settings.find(|setting| setting.name.eq_ignore_ascii_case(name))
    }

    /// Every name that a placeholder may have here.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let settings = self.settings.iter().map(|setting| setting.name.as_str());
        BUILT_IN.into_iter().chain(settings)
    }
}

/// Reads the file. All that is wrong with it, where something is.
pub fn read(sources: &Sources, file: FileId) -> Result<AppSettings, Vec<Finding>> {
    let text = &**sources.get(file).text();
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    let reader = Reader {
        sources,
        file,
        text,
    };
    let written: Written<'_> =
        serde_json::from_str(json).map_err(|error| vec![reader.broken(json, &error)])?;
    let mut problems = Vec::new();
    let mut environments: Vec<Environment> = Vec::new();
    for raw in written.environments {
        match reader.environment(raw, &environments) {
            Ok(environment) => environments.push(environment),
            Err(more) => problems.extend(more),
        }
    }
    if environments.is_empty() && problems.is_empty() {
        let message = "there is no environment in \"Environments\"";
        problems.push(reader.problem(json, message));
    }
    let environments_folder = PathBuf::from(
        written
            .environments_folder
            .unwrap_or_else(|| ENVIRONMENTS.to_owned()),
    );
    if !is_below(&environments_folder) {
        let message = "\"EnvironmentsFolder\" is no folder below the one of this file";
        problems.push(reader.problem(json, message));
    }
    match problems.is_empty() {
        false => Err(problems),
        true => Ok(AppSettings {
            policies_folder: written
                .policies_folder
                .map(PathBuf::from)
                .filter(|folder| is_below(folder)),
            environments_folder,
            environments,
        }),
    }
}

/// Whether a path leads to a folder below where it begins, on every system that
/// policies are written on: `c:\\x` is a name on some and another drive on others.
fn is_below(path: &Path) -> bool {
    let mut names = path.components().peekable();
    names.peek().is_some()
        && names.all(|part| match part {
            Component::Normal(name) => {
                is_folder_name(name.to_string_lossy().trim_start_matches('.'))
            }
            _ => false,
        })
}

struct Reader<'a> {
    sources: &'a Sources,
    file: FileId,
    text: &'a str,
}

impl Reader<'_> {
    fn environment(
        &self,
        raw: &RawValue,
        others: &[Environment],
    ) -> Result<Environment, Vec<Finding>> {
        let written: WrittenEnvironment<'_> = serde_json::from_str(raw.get())
            .map_err(|error| vec![self.broken(raw.get(), &error)])?;
        let name = written.name;
        let mut problems = Vec::new();
        if !is_folder_name(&name) {
            let message = format!("the environment's name {name:?} cannot be that of a folder");
            problems.push(self.problem(raw.get(), message));
        }
        let same = |other: &Environment| other.name.to_lowercase() == name.to_lowercase();
        if others.iter().any(same) {
            let message = format!("the environment {name} is there twice");
            problems.push(self.problem(raw.get(), message));
        }
        let mut settings: Vec<Setting> = Vec::new();
        let mut seen = HashMap::new();
        for (key, raw) in written.policy_settings.0 {
            match self.setting(&name, key, raw) {
                Ok(setting) => match seen.insert(setting.name.to_ascii_lowercase(), setting.span) {
                    Some(first) => problems.push(
                        self.problem(
                            raw.get(),
                            format!(
                                "{} is set twice in the environment {name}: case does not tell them apart",
                                setting.name
                            ),
                        )
                        .related(first, "first here"),
                    ),
                    None => settings.push(setting),
                },
                Err(problem) => problems.push(problem),
            }
        }
        match problems.is_empty() {
            false => Err(problems),
            true => Ok(Environment {
                name,
                production: written.production.unwrap_or(false),
                tenant: written.tenant,
                settings,
            }),
        }
    }

    fn setting(&self, environment: &str, name: String, raw: &RawValue) -> Result<Setting, Finding> {
        let span = self.span(raw.get());
        if BUILT_IN.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
            return Err(self.problem(
                raw.get(),
                format!(
                    "{name} is a setting in the environment {environment}, but {{Settings:{name}}} \
                     has a meaning of its own and never becomes this value"
                ),
            ));
        }
        let value = match serde_json::from_str(raw.get()) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                value.to_string()
            }
            Ok(_) | Err(_) => {
                return Err(self.problem(
                    raw.get(),
                    format!(
                        "{name} in the environment {environment} is neither a text nor a number \
                         nor true or false"
                    ),
                ));
            }
        };
        Ok(Setting { name, value, span })
    }

    fn problem(&self, part: &str, message: impl Into<String>) -> Finding {
        Finding::new(UNRESOLVED, Severity::Error, self.span(part), message)
    }

    /// What the parser says of a part of the file.
    fn broken(&self, part: &str, error: &serde_json::Error) -> Finding {
        let begin = self.span(part).start as usize;
        let source = self.sources.get(self.file);
        let position = source.position(begin);
        // Its lines and columns count from the part's beginning, columns in bytes.
        let line = position.line + error.line().saturating_sub(1);
        let start = source.offset_of(Position { line, column: 1 });
        let column = error.column().saturating_sub(1);
        let at = match error.line() {
            0 | 1 => begin + column,
            _ => start.unwrap_or(begin) + column,
        };
        let at = u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX);
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        let said = in_words(said);
        let span = Span {
            file: self.file,
            start: at,
            end: at,
        };
        Finding::new(UNRESOLVED, Severity::Error, span, said)
    }

    /// Where a part that was borrowed from the text stands in it.
    fn span(&self, part: &str) -> Span {
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            start: offset(start),
            end: offset(start + part.len()),
        }
    }
}

/// The parser's words are those of a programmer.
fn in_words(said: &str) -> String {
    match said {
        "key must be a string" | "trailing comma" => {
            "a comma too many, or a name without quotes".to_owned()
        }
        said => said
            .replace("invalid type: map", "invalid type: an object")
            .replace("invalid type: sequence", "invalid type: a list")
            .replace("expected a sequence", "expected a list"),
    }
}

/// On the systems that policies are written on.
fn is_folder_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    // "Naming Files, Paths, and Namespaces" (Windows): with any extension.
    let is_device = ["con", "prn", "aux", "nul"]
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device));
    !is_device
        && !name.is_empty()
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.contains(|c: char| c.is_control() || "/\\:*?\"<>|".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(usize, usize, String)> {
        let mut sources = Sources::default();
        let file = sources.add("appsettings.json".into(), text);
        let problems = read(&sources, file).unwrap_err();
        let told = problems.into_iter().map(|problem| {
            let place = sources.position(problem.span);
            (place.line, place.column, problem.message)
        });
        told.collect()
    }

    #[test]
    fn what_the_extension_writes_is_read() {
        let mut sources = Sources::default();
        let file = sources.add(
            "appsettings.json".into(),
            "\u{feff}{\n  \"PoliciesFolder\": \"c:\\\\Users\\\\ada\\\\policies\",\n  \
             \"EnvironmentsFolder\": \"Built\",\n  \"Environments\": [{\"Name\": \"Test\", \
             \"Production\": true, \"Tenant\": \"t.onmicrosoft.com\", \"PolicySettings\": \
             {\"AppId\": \"1\", \"Minutes\": 5, \"Strict\": false}}]\n}",
        );
        let settings = read(&sources, file).unwrap();
        assert_eq!(settings.environments_folder, Path::new("Built"));
        let [environment] = &settings.environments[..] else {
            panic!("{settings:?}");
        };
        assert!(environment.production);
        let value = |name| environment.setting(name).map(|found| found.value.as_str());
        assert_eq!(value("APPID"), Some("1"));
        assert_eq!(value("minutes"), Some("5"));
        assert_eq!(value("Strict"), Some("false"));
        assert_eq!(value("Other"), None);
        let span = environment.setting("Minutes").unwrap().span;
        assert_eq!(sources.position(span).line, 4);
    }

    #[test]
    fn every_problem_has_its_place() {
        assert_eq!(
            problems("{\n  \"Environments\": [\n    oops\n"),
            [(3, 5, "expected value".to_owned())]
        );
        let text = r#"{"Environments": [
  {"Name": "a/b", "Tenant": "t", "PolicySettings": {
     "Key": "1", "Nested": {"x": 1}, "KEY": "2", "tenant": "u", "None": null}},
  {"Name": "Test", "Tenant": "t"},
  {"Name": "Test2", "Tenant": "t", "Production": "yes", "PolicySettings": {}},
  {"Name": "Test3", "Tenant": "t", "PolicySettings": {}},
  {"Name": "TEST3", "Tenant": "t", "PolicySettings": {}}]}"#;
        let told = problems(text);
        let expected = [
            (2, 3, "cannot be that of a folder"),
            (3, 28, "Nested in the environment a/b is neither"),
            (3, 45, "KEY is set twice"),
            (3, 60, "tenant is a setting"),
            (3, 73, "None in the environment"),
            (4, 33, "missing field `PolicySettings`"),
            (5, 54, "invalid type: string \"yes\", expected a boolean"),
            (7, 3, "TEST3 is there twice"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((line, column, message), (at, before, part)) in told.iter().zip(expected) {
            assert!(message.contains(part), "{message} has no {part}");
            assert_eq!((*line, *column), (at, before), "{message}");
        }
    }

    #[test]
    fn what_the_parser_says_is_put_in_words() {
        for (text, told) in [
            (
                "{\"Environments\": {}}",
                "invalid type: an object, expected a list",
            ),
            (
                "[]",
                "invalid length 0, expected an object with Environments",
            ),
            (
                "{\"Environments\": [[]]}",
                "expected an object with Name, Tenant and PolicySettings",
            ),
            (
                "{\"Environments\": [{\"Name\": \"a\",}]}",
                "a comma too many, or a name without quotes",
            ),
            (
                "{\"Environments\": [{\"Name\": \"NUL.x\", \"Tenant\": \"t\", \"PolicySettings\": {}}]}",
                "cannot be that of a folder",
            ),
        ] {
            let problems = problems(text);
            assert!(problems[0].2.contains(told), "{text}: {problems:?}");
        }
    }

    #[test]
    fn an_environments_folder_elsewhere_is_refused() {
        for folder in ["..", "/tmp/x", "", "a/../../b", "c:\\x", "a/nul"] {
            let text = format!(
                "{{\"EnvironmentsFolder\": {folder:?}, \"Environments\": [{{\"Name\": \"a\", \
                 \"Tenant\": \"t\", \"PolicySettings\": {{}}}}]}}"
            );
            let told = problems(&text);
            assert!(
                told[0].2.contains("EnvironmentsFolder"),
                "{folder}: {told:?}"
            );
        }
        let told = problems("{\"Environments\": []}");
        assert!(told[0].2.contains("no environment"), "{told:?}");
    }
}
