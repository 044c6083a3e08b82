//! The rules of architecture that a compiler does not know, read from `src`:
//! which ring names which, who may hold SQL, who may know the time.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// From the centre outwards. A module names its own ring and those within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ring {
    /// The rules: no I/O, no clock, no framework.
    Domain,
    /// PostgreSQL, and the tasks that may use it.
    Store,
    /// Asked, recorded, and what staff does.
    UseCase,
    /// Whoever calls us, and whom we call. They do not name each other.
    Edge,
    /// The only places that know everything.
    Assembly,
    /// Stand beside the rings and are named by the assembly only.
    Beside,
}

/// Every entry of `src`. A new one is listed here first, with its ring; the
/// map in the README says the same.
const ENTRIES: [(&str, Ring); 25] = [
    ("body", Ring::UseCase),
    ("json", Ring::UseCase),
    ("cli", Ring::Assembly),
    ("config", Ring::Assembly),
    ("connectors", Ring::Edge),
    ("demo", Ring::Assembly),
    ("domain", Ring::Domain),
    ("duplicates", Ring::UseCase),
    ("import", Ring::Edge),
    ("policy", Ring::Beside),
    ("simulate", Ring::Edge),
    ("emulator", Ring::Beside),
    ("lib", Ring::Assembly),
    ("limits", Ring::UseCase),
    ("linking", Ring::UseCase),
    ("main", Ring::Assembly),
    ("oidc", Ring::Edge),
    ("reviews", Ring::UseCase),
    ("server", Ring::Assembly),
    ("sign_up", Ring::UseCase),
    ("sites", Ring::Edge),
    ("staff", Ring::UseCase),
    ("store", Ring::Store),
    ("telemetry", Ring::Assembly),
    ("tracked", Ring::Store),
];

/// Edges that may name another one.
const EDGES_THAT_NAME: [(&str, &str); 3] = [
    ("connectors", "oidc"),
    ("simulate", "import"),
    ("sites", "oidc"),
];

/// What stands beside the rings and may name another that does.
const BESIDE_THAT_NAME: [(&str, &str); 1] = [("emulator", "policy")];

/// What only one entry may name, and which.
const OWNED: [(&str, &str); 5] = [
    ("tokio_postgres", "store"),
    ("deadpool_postgres", "store"),
    ("refinery", "store"),
    ("refinery_core", "store"),
    ("openidconnect", "oidc"),
];

/// What the rules get as arguments, or have no business with.
const NOT_IN_DOMAIN: [&str; 17] = [
    "actix_web",
    "axum",
    "clap",
    "chrono",
    "deadpool_postgres",
    "openidconnect",
    "rand::",
    "reqwest",
    "serde",
    "std::env",
    "std::fs",
    "std::net",
    "tokio",
    "Instant::now",
    "SystemTime",
    "now_utc",
    "new_v4",
];

/// How statements begin. In capitals, as the convention for SQL has it.
const SQL: [&str; 8] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE",
    "CREATE DATABASE",
    "DROP ",
    "ALTER ",
];

/// Names that no parameter can carry; each quotes what it puts in.
const MAY_FORMAT_SQL: [&str; 1] = ["src/store/embedded.rs"];

/// A rule broken in a line of a file.
#[derive(PartialEq, Eq)]
struct Breach {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Debug for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

/// A source file as far as the rules look at it.
struct Source {
    file: String,
    /// The entry of `src` it belongs to.
    entry: String,
    /// How many modules lie between the file's and the crate's root.
    depth: usize,
    /// Its lines without comments, up to its unit tests.
    lines: Vec<String>,
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let inside = file.strip_prefix("src/").unwrap_or(file);
        let path = inside.strip_suffix(".rs").unwrap_or(inside);
        let mut modules: Vec<&str> = path.split('/').collect();
        if modules.last() == Some(&"mod") {
            modules.pop();
        }
        Self {
            file: file.to_owned(),
            entry: modules.first().unwrap().to_string(),
            depth: modules.len(),
            lines: without_tests(&without_comments(text)),
        }
    }

    fn ring(&self) -> Option<Ring> {
        ring_of(&self.entry)
    }

    fn breaches(&self) -> Vec<Breach> {
        let Some(ring) = self.ring() else {
            let rule = "is new in src: list it in tests/it/architecture.rs with its ring";
            return vec![self.breach(0, rule)];
        };
        let mut breaches = Vec::new();
        for (n, line) in self.lines.iter().enumerate() {
            let statement = self.statement(n);
            for named in named_entries(&statement, self.depth) {
                if let Some(rule) = self.objection(ring, &named) {
                    breaches.push(self.breach(n, rule));
                }
            }
            for rule in self.objections_to(ring, line) {
                breaches.push(self.breach(n, rule));
            }
        }
        breaches
    }

    /// The line; where it begins a `use`, up to the end of that.
    fn statement(&self, n: usize) -> String {
        let line = self.lines[n].trim_start();
        let begins_use = line.starts_with("use ") || line.starts_with("pub use ");
        if !begins_use || line.contains(';') {
            return line.to_owned();
        }
        let mut statement = String::new();
        for line in &self.lines[n..] {
            statement.push_str(line.trim());
            if line.contains(';') {
                break;
            }
        }
        statement
    }

    /// Why this file may not name `other`.
    fn objection(&self, ring: Ring, other: &str) -> Option<String> {
        if other == self.entry {
            return None;
        }
        let other_ring = ring_of(other)?;
        let pair = (self.entry.as_str(), other);
        let fits = match (ring, other_ring) {
            (Ring::Assembly, _) => true,
            (Ring::Beside, Ring::Beside) => BESIDE_THAT_NAME.contains(&pair),
            (Ring::Beside, _) => false,
            (Ring::Edge, Ring::Edge) => EDGES_THAT_NAME.contains(&pair),
            (_, Ring::Beside) => false,
            (_, _) => other_ring <= ring,
        };
        (!fits).then(|| format!("{} ({ring:?}) must not name {other}", self.entry))
    }

    fn objections_to(&self, ring: Ring, line: &str) -> Vec<String> {
        let mut rules = Vec::new();
        for (name, owner) in OWNED {
            if self.entry != owner && contains_word(line, name) {
                rules.push(format!("only {owner} names {name}"));
            }
        }
        if ring == Ring::Domain {
            let banned = NOT_IN_DOMAIN
                .iter()
                .filter(|name| contains_word(line, name));
            rules.extend(banned.map(|name| format!("domain must not name {name}")));
        }
        let holds_sql = SQL.iter().any(|begin| opens_text_with(line, begin));
        if holds_sql && self.entry != "store" {
            rules.push("only store holds SQL".to_owned());
        }
        if holds_sql && line.contains("format!") && !MAY_FORMAT_SQL.contains(&self.file.as_str()) {
            rules.push("SQL is never formatted: give it parameters".to_owned());
        }
        rules
    }

    fn breach(&self, line: usize, rule: impl Into<String>) -> Breach {
        Breach {
            file: self.file.clone(),
            line: line + 1,
            rule: rule.into(),
        }
    }
}

fn ring_of(entry: &str) -> Option<Ring> {
    let found = ENTRIES.iter().find(|(name, _)| *name == entry);
    found.map(|(_, ring)| *ring)
}

/// Blanks out what stands behind `//`, unless it stands in a text.
fn without_comments(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let end = line
                .match_indices("//")
                .map(|(at, _)| at)
                .find(|at| line[..*at].matches('"').count() % 2 == 0);
            end.map_or(line, |end| &line[..end]).to_owned()
        })
        .collect()
}

fn without_tests(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .cloned()
        .collect()
}

/// The entries of `src` that a line names through `crate::`, or through as
/// many `super::` as lead out of the file's own entry.
fn named_entries(line: &str, depth: usize) -> Vec<String> {
    let out = "super::".repeat(depth);
    let mut named = Vec::new();
    for prefix in ["crate::", out.as_str()] {
        for (at, _) in line.match_indices(prefix) {
            let before = line[..at].chars().next_back();
            let is_part = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
            if !is_part {
                named.extend(first_names(&line[at + prefix.len()..]));
            }
        }
    }
    named
}

/// `a` of `a::b`, and `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut names = Vec::new();
    let (mut level, mut begin) = (0_usize, 0_usize);
    for (at, c) in group.char_indices() {
        match c {
            '{' => level += 1,
            '}' if level == 0 => {
                names.push(name(&group[begin..at]));
                break;
            }
            '}' => level -= 1,
            ',' if level == 0 => {
                names.push(name(&group[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// Whether `name` stands in the line as a word, not as part of one.
fn contains_word(line: &str, name: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(name).any(|(at, _)| {
        let begins = !is_part(line[..at].chars().next_back());
        let ends = name.ends_with(':') || !is_part(line[at + name.len()..].chars().next());
        begins && ends
    })
}

/// Whether a text begins so, in this line or as a line of its own.
fn opens_text_with(line: &str, begin: &str) -> bool {
    line.trim_start().starts_with(begin) || line.contains(&format!("\"{begin}"))
}

fn breaches(file: &str, text: &str) -> Vec<String> {
    Source::new(file, text)
        .breaches()
        .into_iter()
        .map(|breach| format!("{}: {}", breach.line, breach.rule))
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_src_keeps_to_its_ring() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files.sort();
    assert!(files.len() > 20, "src was not found");
    let breaches: Vec<Breach> = files
        .iter()
        .flat_map(|path| {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap();
            Source::new(file, &fs::read_to_string(path).unwrap()).breaches()
        })
        .collect();
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn every_listed_entry_is_there() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (entry, _) in ENTRIES {
        let file = src.join(format!("{entry}.rs"));
        assert!(
            file.exists() || src.join(entry).is_dir(),
            "{entry} is listed and not there"
        );
    }
}

/// The scanner itself: each rule is broken once, and each trap avoided.
#[test]
fn each_rule_can_fail() {
    let cases = [
        (
            "src/domain/x.rs",
            "use std::fmt;\nuse crate::store::Store;",
            &["2: domain (Domain) must not name store"][..],
        ),
        (
            "src/domain/x.rs",
            "let now = OffsetDateTime::now_utc();",
            &["1: domain must not name now_utc"],
        ),
        (
            "src/domain/x.rs",
            "use super::super::store;",
            &["1: domain (Domain) must not name store"],
        ),
        (
            "src/store/x.rs",
            "use crate::sign_up::attempt_key;",
            &["1: store (Store) must not name sign_up"],
        ),
        (
            "src/linking.rs",
            "use super::connectors;",
            &["1: linking (UseCase) must not name connectors"],
        ),
        (
            "src/connectors/x.rs",
            "use crate::{\n    domain::site,\n    sites::{a, b},\n};",
            &["1: connectors (Edge) must not name sites"],
        ),
        (
            "src/oidc/x.rs",
            "let x = crate::sites::x();",
            &["1: oidc (Edge) must not name sites"],
        ),
        (
            "src/emulator/x.rs",
            "use crate::domain::email::Email;",
            &["1: emulator (Beside) must not name domain"],
        ),
        (
            "src/policy/x.rs",
            "use crate::emulator::Emulator;",
            &["1: policy (Beside) must not name emulator"],
        ),
        (
            "src/emulator/x.rs",
            "use crate::policy::set::PolicySet;",
            &[],
        ),
        (
            "src/sign_up.rs",
            "use crate::emulator::Emulator;",
            &["1: sign_up (UseCase) must not name emulator"],
        ),
        (
            "src/cli/x.rs",
            "fn f(config: tokio_postgres::Config) {}",
            &["1: only store names tokio_postgres"],
        ),
        (
            "src/sites/x.rs",
            "use openidconnect::Nonce;",
            &["1: only oidc names openidconnect"],
        ),
        (
            "src/cli/x.rs",
            "const SQL: &str = \"\n    SELECT 1\";",
            &["2: only store holds SQL"],
        ),
        (
            "src/store/x.rs",
            "let sql = format!(\"SELECT {column} FROM x\");",
            &["1: SQL is never formatted: give it parameters"],
        ),
        (
            "src/utils/x.rs",
            "",
            &["1: is new in src: list it in tests/it/architecture.rs with its ring"],
        ),
        // And what is no breach.
        ("src/domain/x.rs", "// use tokio::time;", &[]),
        ("src/domain/x.rs", "use super::site::Site;", &[]),
        (
            "src/domain/x.rs",
            "#[cfg(test)]\nmod tests { use tokio; }",
            &[],
        ),
        ("src/sites/x.rs", "use crate::oidc::Provider;", &[]),
        (
            "src/server.rs",
            "use crate::{connectors, sites, oidc};",
            &[],
        ),
        ("src/store/x.rs", "const SQL: &str = \"SELECT 1\";", &[]),
        ("src/cli/x.rs", "println!(\"SELECTION made\");", &[]),
        ("src/cli/x.rs", "let url = \"https://crate::store\";", &[]),
        (
            "src/store/embedded.rs",
            "format!(\"CREATE DATABASE {name}\")",
            &[],
        ),
    ];
    for (file, text, expected) in cases {
        assert_eq!(breaches(file, text), expected, "{file}: {text}");
    }
}
