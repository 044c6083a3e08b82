//! The files of an author's folders that go into an environment.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::plan::templates;
use super::super::source::{FileId, Sources};
use super::{AppSettings, Input, is_json, output};

const SETTINGS: &str = "appsettings.json";

/// More than any policy has.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error(
        "{} is not in UTF-8: save it in UTF-8, which is also what B2C expects",
        .0.display()
    )]
    NotUtf8(PathBuf),
    #[error("{} is larger than any policy: take it out of the folder", .0.display())]
    TooLarge(PathBuf),
    #[error(
        "there is no appsettings.json in {}: write one there or name it with --settings",
        .0.display()
    )]
    NoSettings(PathBuf),
    #[error(
        "{} and {} would both be written to {}: rename one",
        first.display(), second.display(), to.display()
    )]
    SamePlace {
        first: PathBuf,
        second: PathBuf,
        to: PathBuf,
    },
    #[error("there is no policy in {}", .0.display())]
    NoPolicy(PathBuf),
}

/// Reads the settings file: the one named, or the first folder's.
pub fn read_settings(
    sources: &mut Sources,
    named: Option<&Path>,
    folder: &Path,
) -> Result<FileId, ReadError> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => folder.join(SETTINGS),
    };
    if named.is_none() && !path.exists() {
        return Err(ReadError::NoSettings(folder.to_owned()));
    }
    read_file(sources, path)
}

/// Reads what `folders` hold, without what was built before.
pub fn read(
    sources: &mut Sources,
    settings: &AppSettings,
    folders: &[PathBuf],
) -> Result<Vec<Input>, ReadError> {
    let mut inputs: Vec<Input> = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        // Where there are several, the others' files go into folders of their
        // names: each may have its own keys.json.
        let below = match index {
            0 => PathBuf::new(),
            _ => name_of(folder),
        };
        let begin = match &settings.policies_folder {
            Some(below) if folder.join(below).is_dir() => folder.join(below),
            Some(_) | None => folder.clone(),
        };
        let mut paths = Vec::new();
        walk(&begin, settings, &mut paths)?;
        paths.sort();
        let found = inputs.len();
        for path in paths {
            let to = below.join(path.strip_prefix(folder).unwrap_or(&path));
            let file = read_file(sources, path.clone())?;
            if is_json(&to) && !templates::is_one(&to, sources.get(file).text()) {
                continue;
            }
            // Authors work on systems to which the case of a name is nothing.
            let place = to.to_string_lossy().to_lowercase();
            let is_same = |input: &&Input| input.to.to_string_lossy().to_lowercase() == place;
            if let Some(first) = inputs.iter().find(is_same) {
                return Err(ReadError::SamePlace {
                    first: sources.get(first.file).path().to_owned(),
                    second: path,
                    to,
                });
            }
            inputs.push(Input { file, to });
        }
        if inputs.len() == found {
            return Err(ReadError::NoPolicy(folder.clone()));
        }
    }
    Ok(inputs)
}

/// `.` has one, too.
fn name_of(folder: &Path) -> PathBuf {
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map(PathBuf::from).unwrap_or_default()
}

fn walk(folder: &Path, settings: &AppSettings, paths: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let unreadable = |cause| ReadError::Unreadable {
        path: folder.to_owned(),
        cause,
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        // Not through symbolic links: they may lead back.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            let is_built = path.ends_with(&settings.environments_folder) || output::is_made(&path);
            if !name.starts_with('.') && name != "node_modules" && !is_built {
                walk(&path, settings, paths)?;
            }
        } else if path.is_file() && is_read(&path, &name) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_read(path: &Path, name: &str) -> bool {
    let is = |extension: &str| {
        let found = path.extension();
        found.is_some_and(|found| found.eq_ignore_ascii_case(extension))
    };
    !name.starts_with('.') && (is("xml") || (is("json") && !name.eq_ignore_ascii_case(SETTINGS)))
}

fn read_file(sources: &mut Sources, path: PathBuf) -> Result<FileId, ReadError> {
    let unreadable = |cause| ReadError::Unreadable {
        path: path.clone(),
        cause,
    };
    if fs::metadata(&path).map_err(unreadable)?.len() > LARGEST {
        return Err(ReadError::TooLarge(path));
    }
    let bytes = fs::read(&path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| ReadError::NotUtf8(path.clone()))?;
    Ok(sources.add(path, text))
}
