//! The policy files in folders.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of one file that are read at most. B2C takes 1024 KB.
pub(super) const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Why the paths could not be read. What is wrong *in* a file is a finding.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    #[error("{} is neither a file nor a folder", .0.display())]
    NoFile(PathBuf),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] io::Error),
}

/// A file that may hold a policy.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The folder it lies in, however the path was written.
    pub(super) folder: PathBuf,
    /// The path of the command line that led to it.
    pub(super) root: usize,
    /// Named itself, not found in a folder.
    pub(super) named: bool,
}

/// The XML files of the paths: each once, those of a folder by name.
///
/// Folders whose name begins with a dot are left out, links to folders are not
/// followed. `Environments` beside an `appsettings.json` holds what a build
/// made of the same policies (`idlink policy build`, the VS Code extension): to
/// read both would tell everything twice. It is read where it is named itself.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (root, path) in paths.iter().enumerate() {
        let at = |error| unreadable(path, error);
        let metadata = fs::metadata(path).map_err(at)?;
        let files = if metadata.is_dir() {
            beneath(path)?
        } else if !metadata.is_file() {
            // To read a pipe that nobody writes to would never end.
            return Err(ReadError::NoFile(path.clone()));
        } else {
            vec![path.clone()]
        };
        for file in files {
            if seen.insert(fs::canonicalize(&file).map_err(at)?) {
                found.push(Found {
                    folder: fs::canonicalize(folder_of(&file)).map_err(at)?,
                    path: file,
                    root,
                    named: !metadata.is_dir(),
                });
            }
        }
    }
    Ok(found)
}

fn beneath(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let at = |error| unreadable(&folder, error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            entries.push((entry.path(), entry.file_type().map_err(at)?));
        }
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        let built = entries
            .iter()
            .any(|(path, _)| is_named(path, "appsettings.json"));
        // The last one in is the first one out.
        for (path, kind) in entries.into_iter().rev() {
            if kind.is_dir() {
                let left_out = is_hidden(&path) || (built && is_named(&path, "environments"));
                if !left_out {
                    folders.push(path);
                }
            } else if is_xml(&path) && fs::metadata(&path).is_ok_and(|file| file.is_file()) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) | None => Path::new("."),
    }
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name()
        .is_some_and(|own| own.eq_ignore_ascii_case(name))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_xml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"))
}

/// The bytes of a file; `None` where there are more than [`MAX_BYTES`].
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, error))?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

fn unreadable(path: &Path, error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing(path.to_owned()),
        _ => ReadError::Unreadable(path.to_owned(), error),
    }
}
