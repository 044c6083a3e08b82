//! Fills in what policies leave open, so that they run without being built:
//! from what the command is told, from `appsettings.json`, else with a value
//! that holds on this machine only. Line for line: places stay what they were.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use super::{LoadError, local::Home, samples};
use crate::policy::{
    build::{self, Environment},
    source::Sources,
};

const SETTINGS: &str = "appsettings.json";

/// Something that was left open, and what it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// `{Settings:Name}`, or what a sample says in its place.
    pub(crate) what: String,
    pub(crate) value: String,
    /// Where it is first.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    /// How often files name it.
    pub(crate) times: usize,
}

/// The settings that policies are filled in with.
pub(super) struct Filler<'a> {
    home: Home<'a>,
    /// What the command was told, by lower-case name.
    given: HashMap<String, String>,
    /// By folder: the environment of its `appsettings.json`.
    environments: BTreeMap<PathBuf, Environment>,
    /// The values that nobody chose.
    local: RefCell<Vec<Filled>>,
}

impl<'a> Filler<'a> {
    pub(super) fn new(
        home: Home<'a>,
        given: &BTreeMap<String, String>,
        paths: &[PathBuf],
        environment: Option<&str>,
    ) -> Result<Self, LoadError> {
        let given = given
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        Ok(Self {
            home,
            given: given.collect(),
            environments: environments(paths, environment, home.domain)?,
            local: RefCell::default(),
        })
    }

    /// The names of the environments in use, by folder.
    pub(super) fn environments(&self) -> impl Iterator<Item = (&Path, &str)> {
        let environments = self.environments.iter();
        environments.map(|(folder, own)| (folder.as_path(), own.name.as_str()))
    }

    pub(super) fn fill(&self, path: &Path, text: String) -> String {
        let value = |name: &str| Some(one_line(&self.setting(name, path, &text)));
        let filled = build::fill(&text, value);
        let (filled, tenant) = samples::tenant(&filled, self.home.domain);
        let (done, applications) = samples::applications(filled.clone(), &self.home);
        if let Some(replaced) = tenant {
            self.tell(path, &text, replaced.at, &replaced.what, &replaced.value);
        }
        for replaced in applications {
            self.tell(path, &filled, replaced.at, &replaced.what, &replaced.value);
        }
        done
    }

    fn setting(&self, name: &str, path: &Path, text: &str) -> String {
        let lower = name.to_ascii_lowercase();
        if lower == "tenant" {
            return self.home.domain.to_owned();
        }
        let given = self.given.get(&lower).cloned();
        if let Some(value) = given.or_else(|| self.in_environments(name, path)) {
            return value;
        }
        let value = self.home.setting(name);
        let placeholder = format!("{{Settings:{name}}}");
        let at = text
            .to_ascii_lowercase()
            .find(&placeholder.to_ascii_lowercase());
        self.tell(path, text, at.unwrap_or_default(), &placeholder, &value);
        value
    }

    /// The nearest folder's settings count, then those of the other folders: a
    /// build takes one file for all of them.
    fn in_environments(&self, name: &str, path: &Path) -> Option<String> {
        let own = path.ancestors().find_map(|folder| {
            let environment = self.environments.get(folder)?;
            environment.value(name, path)
        });
        let mut others = self.environments.values();
        own.or_else(|| others.find_map(|environment| environment.value(name, path)))
    }

    fn tell(&self, path: &Path, text: &str, at: usize, what: &str, value: &str) {
        let mut local = self.local.borrow_mut();
        let same =
            |filled: &&mut Filled| filled.what.eq_ignore_ascii_case(what) && filled.value == value;
        match local.iter_mut().find(same) {
            Some(filled) => filled.times += 1,
            None => local.push(Filled {
                what: what.to_owned(),
                value: value.to_owned(),
                file: path.to_owned(),
                line: text[..at].matches('\n').count() + 1,
                times: 1,
            }),
        }
    }

    pub(super) fn into_local(self) -> Vec<Filled> {
        self.local.into_inner()
    }
}

/// A value of several lines would move all that follows it.
fn one_line(value: &str) -> String {
    value.replace(['\r', '\n'], " ")
}

/// The settings files in the folders and between them and the policies.
fn environments(
    paths: &[PathBuf],
    wanted: Option<&str>,
    domain: &str,
) -> Result<BTreeMap<PathBuf, Environment>, LoadError> {
    let mut found = BTreeMap::new();
    let mut known: Vec<String> = Vec::new();
    for path in paths {
        let folder = match path.is_dir() {
            true => path.as_path(),
            false => path.parent().unwrap_or(Path::new("")),
        };
        for folder in folders(folder) {
            let Some(all) = read(&folder.join(SETTINGS))? else {
                continue;
            };
            known.extend(all.iter().map(|environment| environment.name.clone()));
            if let Some(mut environment) = choose(all, wanted) {
                environment.tenant = domain.to_owned();
                found.insert(folder, environment);
            }
        }
    }
    match wanted {
        Some(wanted) if found.is_empty() => {
            known.sort();
            known.dedup();
            Err(LoadError::NoEnvironment {
                wanted: wanted.to_owned(),
                known,
            })
        }
        Some(_) | None => Ok(found),
    }
}

/// The folder and those beneath it that are looked into.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = all.get(next).cloned() {
        next += 1;
        // What cannot be read is told when the policies are looked for.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.as_encoded_bytes().starts_with(b".") && name != "node_modules" {
                all.push(entry.path());
            }
        }
    }
    all
}

/// The environments of a settings file; `None` where there is no such file, or
/// one of another program: ASP.NET calls its own the same.
fn read(path: &Path) -> Result<Option<Vec<Environment>>, LoadError> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(None);
    };
    if !text.contains("\"Environments\"") {
        return Ok(None);
    }
    let mut sources = Sources::default();
    let file = sources.add(path.to_owned(), text);
    match build::parse_settings(&sources, file) {
        Ok(settings) => Ok(Some(settings.environments)),
        Err(findings) => {
            let told = findings.iter().map(|finding| {
                let line = sources.position(finding.span).line;
                format!("{}:{line}: {}", path.display(), finding.message)
            });
            Err(LoadError::Settings(told.collect::<Vec<_>>().join("\n")))
        }
    }
}

/// The one that is asked for, else the first that is not for production.
fn choose(environments: Vec<Environment>, wanted: Option<&str>) -> Option<Environment> {
    let is_it = |environment: &Environment| match wanted {
        Some(wanted) => environment.name.eq_ignore_ascii_case(wanted),
        None => !environment.production,
    };
    let place = environments.iter().position(is_it);
    let place = match wanted {
        Some(_) => place?,
        None => place.unwrap_or(0),
    };
    environments.into_iter().nth(place)
}
