//! What the demo keeps: made at the first start, found at the next.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The demo's folders. Only one process has them at a time.
#[derive(Debug)]
pub struct Place {
    data_dir: PathBuf,
    folder: PathBuf,
    /// Locked for as long as it is open, whatever ends the process.
    running: File,
}

#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(
        "a demo is running in {} already{}. Use that one, or stop it with Ctrl-C in its terminal, \
         or start another one beside it: idlink demo --data-dir OTHER-FOLDER",
        .data_dir.display(),
        .says
    )]
    Running { data_dir: PathBuf, says: String },
    #[error("{} cannot be used: {source}; choose another folder with --data-dir", .path.display())]
    Folder { path: PathBuf, source: io::Error },
}

type Result<T> = std::result::Result<T, PlaceError>;

impl Place {
    /// Takes the demo's folders below `data_dir`, which are made if missing.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join("demo");
        // PostgreSQL, which may run as another user, has to pass this one.
        fs::create_dir_all(data_dir).map_err(at(data_dir))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(at(&folder))?;
        let path = folder.join("running");
        let mut running = private()
            .create(true)
            .truncate(false)
            .read(true)
            .open(&path)
            .map_err(at(&path))?;
        match running.try_lock() {
            Ok(()) => Ok(Self {
                data_dir: data_dir.to_owned(),
                folder,
                running,
            }),
            Err(TryLockError::WouldBlock) => {
                let mut says = String::new();
                // What cannot be read is not said.
                let _ = running.read_to_string(&mut says);
                Err(PlaceError::Running {
                    data_dir: data_dir.to_owned(),
                    says,
                })
            }
            Err(TryLockError::Error(source)) => Err(at(&path)(source)),
        }
    }

    /// Leaves a word for whoever starts a second demo here.
    pub fn announce(&mut self, address: &str) -> Result<()> {
        let says = format!(" (process {}, at {address})", std::process::id());
        let path = self.folder.join("running");
        self.running
            .set_len(0)
            .and_then(|()| self.running.rewind())
            .and_then(|()| self.running.write_all(says.as_bytes()))
            .map_err(at(&path))
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The settings, for people to read and change.
    pub fn settings_file(&self) -> PathBuf {
        self.data_dir.join("demo.toml")
    }

    /// A file of the demo's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A kept text; none before it is kept.
    pub fn kept(&self, name: &str) -> Result<Option<String>> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Keeps a text, whole or not at all.
    pub fn keep(&self, name: &str, text: &str) -> Result<()> {
        write_whole(&self.file(name), text)
    }

    /// A secret that nobody chose, the same one at every start.
    pub fn secret(&self, name: &str) -> Result<String> {
        if let Some(secret) = self.kept(name)? {
            return Ok(secret);
        }
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
        self.keep(name, &secret)?;
        Ok(secret)
    }
}

/// Writes a file that only its owner reads, whole or not at all.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let half = path.with_added_extension("new");
    let write = || {
        let mut file = private().create(true).truncate(true).open(&half)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&half, path)
    };
    write().map_err(at(path))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn at(path: &Path) -> impl Fn(io::Error) -> PlaceError + '_ {
    |source| PlaceError::Folder {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("idlink-place-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn a_second_demo_is_told_about_the_first() {
        let folder = scratch("second");
        let mut first = Place::open(&folder).unwrap();
        first.announce("http://localhost:1/").unwrap();
        let told = Place::open(&folder).unwrap_err().to_string();
        assert!(told.contains("http://localhost:1/"), "{told}");
        assert!(told.contains("--data-dir"), "{told}");
        drop(first);
        Place::open(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_only() {
        let folder = scratch("secret");
        let place = Place::open(&folder).unwrap();
        let secret = place.secret("password").unwrap();
        assert_eq!(place.secret("password").unwrap(), secret);
        assert_ne!(place.secret("other").unwrap(), secret);
        let mode = fs::metadata(place.file("password")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        fs::remove_dir_all(&folder).unwrap();
    }
}
