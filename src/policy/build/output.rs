//! An environment's folder, exchanged as a whole: whoever looks sees the build
//! before or this one. What others have put into the folder stays there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::super::source::Sources;
use super::Files;

/// What the build before has written. A file that is not named there, or that
/// somebody changed since, is not ours to take away.
const MANIFEST: &str = ".idlink-build.json";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    /// SHA-256 of the content, by path with `/`.
    files: BTreeMap<String, String>,
}

/// What became of one environment's folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub folder: PathBuf,
    pub files: usize,
    /// How many of them are new or have another content than before.
    pub changed: usize,
    /// Files of an earlier build that this one has no more.
    pub removed: Vec<PathBuf>,
    /// The same, but somebody changed them: they stayed.
    pub kept: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("{} is no folder: move it away", .0.display())]
    NoFolder(PathBuf),
    #[error(
        "{} would be written over: {} is in it, from which is built; give another place with --output",
        folder.display(), file.display()
    )]
    HoldsSource { folder: PathBuf, file: PathBuf },
}

/// Writes one environment below `root`.
pub fn write(root: &Path, environment: &str, files: &Files) -> Result<Written, OutputError> {
    fs::create_dir_all(root).map_err(at(root))?;
    // Until the end of this function: two builds at once take turns.
    let lock = File::open(root).map_err(at(root))?;
    lock.lock().map_err(at(root))?;

    let place = Place::new(root, environment);
    place.recover()?;
    let folder = &place.folder;
    if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
        return Err(OutputError::NoFolder(folder.clone()));
    }
    let before = manifest(folder);
    let changed = files.iter().filter(|(path, content)| {
        fs::read(folder.join(path)).map_or(true, |found| found != content.as_bytes())
    });
    let changed = changed.count();
    let now = Manifest {
        files: files
            .iter()
            .map(|(path, content)| (key(path), hash(content.as_bytes())))
            .collect(),
    };
    let mut written = Written {
        folder: folder.clone(),
        files: files.len(),
        changed,
        removed: Vec::new(),
        kept: Vec::new(),
    };
    if changed > 0 || before.files != now.files {
        place.stage(files, &now)?;
        place.exchange()?;
        place.bring_over(&mut written)?;
    }
    Ok(written)
}

/// Refuses folders that hold what is built from: an author's files are not
/// written over with those of one environment.
pub fn spare_sources<'a>(
    root: &Path,
    environments: impl Iterator<Item = &'a str>,
    sources: &Sources,
) -> Result<(), OutputError> {
    // Folders that are not there yet hold nothing.
    let folders = environments.filter_map(|name| fs::canonicalize(root.join(name)).ok());
    let folders: Vec<_> = folders.collect();
    for path in sources.ids().map(|file| sources.get(file).path()) {
        let whole = fs::canonicalize(path).map_err(at(path))?;
        if let Some(folder) = folders.iter().find(|folder| whole.starts_with(folder)) {
            return Err(OutputError::HoldsSource {
                folder: folder.clone(),
                file: path.to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether a folder is one that a build has made.
pub(super) fn is_made(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// Whether a path is an environment's folder, or lies in one.
pub fn is_output(path: &Path) -> bool {
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().any(is_made)
}

struct Place {
    folder: PathBuf,
    /// The build before, while what is in it and not ours is brought over.
    old: PathBuf,
    /// This build, until it is complete.
    new: PathBuf,
}

impl Place {
    fn new(root: &Path, environment: &str) -> Self {
        Self {
            folder: root.join(environment),
            old: root.join(format!(".{environment}.old")),
            new: root.join(format!(".{environment}.new")),
        }
    }

    /// Ends what a build before began and did not end.
    fn recover(&self) -> Result<(), OutputError> {
        if self.new.exists() {
            fs::remove_dir_all(&self.new).map_err(at(&self.new))?;
        }
        match (self.old.exists(), self.folder.exists()) {
            (true, false) => fs::rename(&self.old, &self.folder).map_err(at(&self.folder)),
            (true, true) => {
                let mut forgotten = Written {
                    folder: self.folder.clone(),
                    files: 0,
                    changed: 0,
                    removed: Vec::new(),
                    kept: Vec::new(),
                };
                self.bring_over(&mut forgotten)
            }
            (false, _) => Ok(()),
        }
    }

    fn stage(&self, files: &Files, manifest: &Manifest) -> Result<(), OutputError> {
        fs::create_dir(&self.new).map_err(at(&self.new))?;
        for (path, content) in files {
            write_file(&self.new.join(path), content.as_bytes())?;
        }
        let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::from);
        let path = self.new.join(MANIFEST);
        write_file(&path, &text.map_err(at(&path))?)
    }

    fn exchange(&self) -> Result<(), OutputError> {
        match fs::rename(&self.folder, &self.old) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(at(&self.folder)(error));
            }
            Ok(()) | Err(_) => {}
        }
        fs::rename(&self.new, &self.folder).map_err(|error| {
            // Where even this fails, the next build does it.
            let _ = fs::rename(&self.old, &self.folder);
            at(&self.folder)(error)
        })
    }

    /// Moves from the old folder what this build does not replace.
    fn bring_over(&self, written: &mut Written) -> Result<(), OutputError> {
        if !self.old.exists() {
            return Ok(());
        }
        let before = manifest(&self.old);
        self.bring_over_folder(Path::new(""), &before, written)?;
        fs::remove_dir_all(&self.old).map_err(at(&self.old))
    }

    fn bring_over_folder(
        &self,
        below: &Path,
        before: &Manifest,
        written: &mut Written,
    ) -> Result<(), OutputError> {
        let from = self.old.join(below);
        for entry in fs::read_dir(&from).map_err(at(&from))? {
            let entry = entry.map_err(at(&from))?;
            let path = below.join(entry.file_name());
            let target = self.folder.join(&path);
            let is_folder = entry.file_type().map_err(at(&from))?.is_dir();
            let prefix = format!("{}/", key(&path));
            let has_ours = before.files.keys().any(|ours| ours.starts_with(&prefix));
            if is_folder && (has_ours || target.is_dir()) {
                self.bring_over_folder(&path, before, written)?;
                continue;
            }
            if path == Path::new(MANIFEST) || target.symlink_metadata().is_ok() {
                continue;
            }
            if let Some(hash_before) = before.files.get(&key(&path)) {
                let content = fs::read(entry.path()).map_err(at(&entry.path()))?;
                if hash(&content) == *hash_before {
                    written.removed.push(path);
                    continue;
                }
                written.kept.push(path);
            }
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent).map_err(at(parent))?;
            }
            fs::rename(entry.path(), &target).map_err(at(&target))?;
        }
        Ok(())
    }
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), OutputError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    let written = File::create(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(at(path))
}

/// Nothing is known of a folder whose manifest is missing or no longer ours.
fn manifest(folder: &Path) -> Manifest {
    let text = fs::read(folder.join(MANIFEST)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn key(path: &Path) -> String {
    let names = path.components();
    let names = names.map(|name| name.as_os_str().to_string_lossy());
    names.collect::<Vec<_>>().join("/")
}

fn hash(content: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, content);
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn at(path: &Path) -> impl Fn(io::Error) -> OutputError + use<'_> {
    |cause| OutputError::Io {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        let files = of.iter();
        files
            .map(|(path, content)| (PathBuf::from(path), (*content).to_owned()))
            .collect()
    }

    fn folder() -> PathBuf {
        let name = format!("idlink-build-{}", uuid::Uuid::now_v7());
        std::env::temp_dir().join(name)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                names.push(key(path.strip_prefix(folder).unwrap()));
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        names.sort();
        names
    }

    #[test]
    fn only_what_we_wrote_and_nobody_changed_is_taken_away() {
        let root = folder();
        let first = files(&[
            ("base/b.xml", "b"),
            ("ext/old.xml", "old"),
            ("edited.xml", "ours"),
            ("rp.xml", "1"),
        ]);
        let written = write(&root, "Test", &first).unwrap();
        assert_eq!((written.files, written.changed), (4, 4));
        let test = root.join("Test");
        fs::write(test.join("notes.txt"), "mine").unwrap();
        fs::write(test.join("base/notes.txt"), "mine").unwrap();
        fs::create_dir_all(test.join("mine/empty")).unwrap();
        fs::write(test.join("edited.xml"), "theirs").unwrap();

        let second = files(&[("base/b.xml", "b"), ("rp.xml", "2")]);
        let written = write(&root, "Test", &second).unwrap();
        assert_eq!(written.changed, 1);
        assert_eq!(written.removed, [Path::new("ext/old.xml")]);
        assert_eq!(written.kept, [Path::new("edited.xml")]);
        assert_eq!(
            names(&root),
            [
                "Test",
                "Test/.idlink-build.json",
                "Test/base",
                "Test/base/b.xml",
                "Test/base/notes.txt",
                "Test/edited.xml",
                "Test/mine",
                "Test/mine/empty",
                "Test/notes.txt",
                "Test/rp.xml",
            ]
        );
        assert_eq!(fs::read_to_string(test.join("rp.xml")).unwrap(), "2");
        assert_eq!(
            fs::read_to_string(test.join("edited.xml")).unwrap(),
            "theirs"
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_same_build_again_touches_nothing() {
        let root = folder();
        let build = files(&[("a.xml", "a")]);
        write(&root, "Test", &build).unwrap();
        let changed = || fs::metadata(root.join("Test")).unwrap().modified().unwrap();
        let before = changed();
        assert_eq!(write(&root, "Test", &build).unwrap().changed, 0);
        assert_eq!(changed(), before);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_build_that_was_broken_off_is_ended_by_the_next() {
        for has_new in [false, true] {
            let root = folder();
            write(&root, "Test", &files(&[("a.xml", "a"), ("b.xml", "b")])).unwrap();
            fs::write(root.join("Test/notes.txt"), "mine").unwrap();
            // Ended between the two renames, or behind them.
            fs::rename(root.join("Test"), root.join(".Test.old")).unwrap();
            if has_new {
                let place = Place::new(&root, "Test");
                let manifest = Manifest::default();
                place.stage(&files(&[("a.xml", "2")]), &manifest).unwrap();
                fs::rename(&place.new, &place.folder).unwrap();
            }
            fs::create_dir(root.join(".Test.new")).unwrap();
            fs::write(root.join(".Test.new/half.xml"), "<").unwrap();

            write(&root, "Test", &files(&[("a.xml", "3")])).unwrap();
            assert_eq!(
                names(&root),
                [
                    "Test",
                    "Test/.idlink-build.json",
                    "Test/a.xml",
                    "Test/notes.txt"
                ]
            );
            assert_eq!(fs::read_to_string(root.join("Test/a.xml")).unwrap(), "3");
            fs::remove_dir_all(root).unwrap();
        }
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let root = folder();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("Test"), "a file").unwrap();
        let error = write(&root, "Test", &files(&[("a.xml", "a")])).unwrap_err();
        assert!(error.to_string().contains("is no folder"), "{error}");
        assert_eq!(fs::read_to_string(root.join("Test")).unwrap(), "a file");
        fs::remove_dir_all(root).unwrap();
    }
}
