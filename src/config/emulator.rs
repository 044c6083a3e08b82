//! The settings of `idlink emulate`: a file of their own, because they
//! describe a tenant, not the service. README.md of the emulator lists them.

mod external_id;
mod key;
mod server;
mod tenant;
mod user_flow;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::emulator::{Fidelity, Settings};

use super::problem::{Problem, Problems};
use super::read_file;
use super::reader::{Report, Section};

use server::ServerSettings;

/// What a file says of the emulator; without one, every default.
pub struct EmulatorSettings {
    /// The tenant, but for its addresses and its custom policies.
    pub tenant: Settings,
    pub server: ServerSettings,
    pub policies: PolicySources,
    /// Whether the file lists applications, so that none are made up.
    pub lists_applications: bool,
    /// Whether it lists user flows.
    pub lists_user_flows: bool,
}

/// `[policies]`.
#[derive(Clone, Debug, Default)]
pub struct PolicySources {
    pub paths: Vec<PathBuf>,
    /// Of `appsettings.json`.
    pub environment: Option<String>,
    /// Values of `{Settings:…}`.
    pub settings: BTreeMap<String, String>,
    pub only: Vec<String>,
    pub unsupported: Unsupported,
}

/// What becomes of a policy that the engine does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Nothing is served.
    #[default]
    Refuse,
    /// The others are.
    Skip,
}

impl EmulatorSettings {
    /// All that is wrong at once. The environment is where `…_env` keys look;
    /// no variable changes these settings.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let of_file = |problem: Problem| Problems::new(vec![problem]);
        let root = file.map(read_file).transpose().map_err(of_file)?;
        let root = root.unwrap_or_default();
        let environment = environment.into_iter().collect();
        let report = Report::new(file, &environment, Vec::new());
        let settings = Self::read(&Section::root(&root, &report));
        let (problems, _) = report.into_parts();
        match (settings, problems.is_empty()) {
            (settings, true) => Ok(settings),
            (_, false) => Err(Problems::new(problems)),
        }
    }

    fn read(root: &Section<'_>) -> Self {
        let mut tenant = Settings::new("contoso");
        tenant::read(&root.section("tenant"), &mut tenant);
        let lists_user_flows = root.has("user_flows");
        if lists_user_flows {
            tenant.user_flows = user_flow::read_all(root);
        }
        tenant.external_id = external_id::read_all(root);
        tenant.applications = tenant::applications(root);
        tenant.seed = tenant::users(root);
        tenant.policy_keys = key::read_all(root);
        tenant.connector_roots = tenant::connector_roots(root);
        if let Some(variants) = tenant::from_json(root, "variants") {
            tenant.variants = variants;
        }
        Self {
            server: ServerSettings::read(&root.section("server")),
            policies: PolicySources::read(&root.section("policies")),
            lists_applications: root.has("applications"),
            lists_user_flows,
            tenant,
        }
    }
}

impl PolicySources {
    fn read(section: &Section<'_>) -> Self {
        let unsupported = [("refuse", Unsupported::Refuse), ("skip", Unsupported::Skip)];
        let unsupported = section.choice("unsupported", &unsupported);
        let only = section.list("only").unwrap_or_default();
        Self {
            paths: section.paths("paths"),
            environment: section.text("environment").map(|found| found.value),
            settings: section.texts_by_name("settings"),
            only: only.into_iter().map(|found| found.value).collect(),
            unsupported: unsupported.map_or_else(Unsupported::default, |found| found.value),
        }
    }
}

/// How faithfully the tenant behaves where the documents are silent.
fn fidelity(section: &Section<'_>) -> Option<Fidelity> {
    let words = [("strict", Fidelity::Strict), ("lenient", Fidelity::Lenient)];
    let found = section.choice("fidelity", &words);
    found.map(|found| found.value)
}

fn id(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text)
        .map_err(|_| "must be an id, such as 7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10".to_owned())
}

#[cfg(test)]
mod tests;
