//! Where the programs of an installed PostgreSQL are.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::EmbeddedError;

/// Debian's and Ubuntu's packages keep each major version in a folder of its
/// own below this one, and put none of them on the `PATH`.
const PACKAGES: &str = "/usr/lib/postgresql";

/// The places to look in, in the order in which they count.
pub(super) struct Sources {
    /// `PG_BIN`: who sets it wants that one or an error.
    pub(super) named: Option<PathBuf>,
    /// A folder with `<major version>/bin` in it.
    pub(super) packages: PathBuf,
    pub(super) search_path: Option<OsString>,
}

impl Sources {
    pub(super) fn of_this_machine() -> Self {
        Self {
            named: env::var_os("PG_BIN")
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            packages: PathBuf::from(PACKAGES),
            search_path: env::var_os("PATH"),
        }
    }

    /// The programs to use for data of the major version `wanted`, or for new
    /// data. Existing data decides between several installed versions: after an
    /// upgrade of the machine the older one usually is still there.
    pub(super) fn find(&self, wanted: Option<u32>) -> Result<Binaries, EmbeddedError> {
        if let Some(directory) = &self.named {
            return Binaries::at(directory)
                .ok_or_else(|| EmbeddedError::WrongPgBin(directory.clone()));
        }
        self.packaged(wanted)
            .or_else(|| self.on_search_path())
            .ok_or_else(|| EmbeddedError::NotInstalled(self.packages.clone()))
    }

    fn packaged(&self, wanted: Option<u32>) -> Option<Binaries> {
        let mut versions: Vec<(u32, Binaries)> = fs::read_dir(&self.packages)
            .ok()?
            .flatten()
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, Binaries::at(&entry.path().join("bin"))?))
            })
            .collect();
        versions.sort_by_key(|(version, _)| (Some(*version) == wanted, *version));
        versions.pop().map(|(_, binaries)| binaries)
    }

    fn on_search_path(&self) -> Option<Binaries> {
        env::split_paths(self.search_path.as_ref()?).find_map(|directory| {
            // Often a link to the real program, which finds its own files from where it lies.
            let program = directory.join("postgres").canonicalize().ok()?;
            Binaries::at(program.parent()?)
        })
    }
}

/// A directory that holds both `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries(PathBuf);

impl Binaries {
    fn at(directory: &Path) -> Option<Self> {
        let complete = ["initdb", "postgres"]
            .iter()
            .all(|program| directory.join(program).is_file());
        // Absolute, because the programs are started from another directory.
        complete
            .then(|| directory.canonicalize().ok())
            .flatten()
            .map(Self)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.0
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.0.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// `postgres (PostgreSQL) 15.18 (Debian …)`, `16beta1` and `18devel` too.
    pub(super) async fn major_version(&self) -> Result<u32, EmbeddedError> {
        let output = Command::new(self.postgres())
            .arg("--version")
            .output()
            .await
            .map_err(|source| EmbeddedError::Run {
                program: self.postgres(),
                source,
            })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace()
            .nth(2)
            .and_then(leading_number)
            .ok_or_else(|| EmbeddedError::UnknownVersion {
                of: self.postgres(),
                text,
            })
    }
}

/// The number `text` begins with: 9 for `9.6`, 16 for `16beta1`.
pub(super) fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(directory: &Path) {
        fs::create_dir_all(directory).unwrap();
        for program in ["initdb", "postgres"] {
            fs::write(directory.join(program), "").unwrap();
        }
    }

    fn sources(name: &str) -> Sources {
        let root = env::temp_dir().join(format!("idlink-binaries-{}-{name}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Sources {
            named: None,
            packages: root.canonicalize().unwrap(),
            search_path: None,
        }
    }

    #[test]
    fn the_newest_version_counts_by_number_unless_the_data_needs_another() {
        let sources = sources("newest");
        for version in ["9", "10", "15", "common"] {
            install(&sources.packages.join(version).join("bin"));
        }
        let found = |wanted| sources.find(wanted).unwrap().0;
        assert_eq!(found(None), sources.packages.join("15/bin"));
        assert_eq!(found(Some(10)), sources.packages.join("10/bin"));
        assert_eq!(found(Some(14)), sources.packages.join("15/bin"));
        fs::remove_dir_all(&sources.packages).unwrap();
    }

    #[test]
    fn a_link_on_the_search_path_leads_to_the_real_programs() {
        let mut sources = sources("path");
        let real = sources.packages.join("real");
        let links = sources.packages.join("links");
        install(&real);
        fs::create_dir_all(&links).unwrap();
        std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
        sources.search_path = Some(links.into_os_string());
        assert_eq!(sources.find(None).unwrap().0, real);
        fs::remove_dir_all(&sources.packages).unwrap();
    }

    #[test]
    fn a_named_directory_without_the_programs_is_an_error_and_not_passed_over() {
        let mut sources = sources("named");
        install(&sources.packages.join("15/bin"));
        sources.named = Some(sources.packages.join("nothing"));
        let error = sources.find(None).unwrap_err().to_string();
        assert!(error.starts_with("PG_BIN is set to"), "{error}");
        fs::remove_dir_all(&sources.packages).unwrap();
    }

    #[test]
    fn nothing_found_says_which_package_to_install() {
        let sources = sources("none");
        let error = sources.find(None).unwrap_err().to_string();
        assert!(error.contains("apt install postgresql"), "{error}");
        fs::remove_dir_all(&sources.packages).unwrap();
    }

    #[test]
    fn versions_are_read_as_postgresql_writes_them() {
        assert_eq!(leading_number("15.18"), Some(15));
        assert_eq!(leading_number("16beta1"), Some(16));
        assert_eq!(leading_number("9.6"), Some(9));
        assert_eq!(leading_number("devel"), None);
    }
}
