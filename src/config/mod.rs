//! The settings: one TOML file and the environment, read once, checked as a
//! whole. README.md beside this file says what every key means.

mod address;
mod caller;
mod database;
mod emulator;
mod external_id;
mod legal_entity;
mod messages;
mod problem;
mod reader;
mod server;
mod site;
mod tenant;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use crate::connectors::caller::{Callers, Proxy};
use crate::domain::directory::Directory;
use crate::limits::Quotas;
use crate::oidc::{BearerSettings, ProviderSettings};
use crate::sites::key::SiteKey;

pub use database::Database;
pub use emulator::{EmulatorSettings, PolicySources, Unsupported};
pub use legal_entity::LegalEntitySettings;
pub use messages::fallback as fallback_messages;
pub use problem::{Problem, Problems};
pub use server::{Server, Tls};
pub use site::SiteSettings;

use problem::{Place, Placed};
use reader::{Report, Section};
use tree::Table;

/// Everything that is configured. `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub server: Server,
    pub database: Database,
    pub legal_entities: Vec<LegalEntitySettings>,
    /// Tenants and sites as the rules know them.
    pub directory: Directory,
    /// Who may call, by tenant.
    pub callers: BTreeMap<String, Callers>,
    /// Who may say which certificate a caller has shown elsewhere.
    pub proxy: Option<Proxy>,
    /// How much may be asked, by tenant.
    pub limits: BTreeMap<String, Quotas>,
    /// By whose tokens External ID calls, by tenant.
    pub bearers: BTreeMap<String, BearerSettings>,
    /// Where each tenant is asked, by tenant.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// What only the edges know of a site, by site.
    pub sites: BTreeMap<String, SiteSettings>,
    /// The files that secrets and authorities were read from.
    pub secret_files: Vec<PathBuf>,
}

/// Where the settings come from, to read them again later.
#[derive(Clone, Default)]
pub struct Source {
    file: Option<PathBuf>,
    environment: BTreeMap<String, String>,
}

/// The environment may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Source {
    pub fn new(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            file,
            environment: environment.into_iter().collect(),
        }
    }

    /// Another file under the same environment.
    pub fn with_file(&self, file: PathBuf) -> Self {
        Self {
            file: Some(file),
            environment: self.environment.clone(),
        }
    }

    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// It may hold secrets.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    pub fn load(&self) -> Result<Settings, Problems> {
        let file = self.file.as_deref();
        let mut problems = Vec::new();
        let mut root = match file.map(read_file).transpose() {
            Ok(root) => root.unwrap_or_default(),
            // Without the file, everything in it would seem to be missing.
            Err(problem) => return Err(Problems::new(vec![problem])),
        };
        tree::overlay(&mut root, &self.environment, &mut problems);
        let report = Report::new(file, &self.environment, problems);
        let settings = Settings::read(&root, &report);
        let (problems, secret_files) = report.into_parts();
        if problems.is_empty() {
            Ok(Settings {
                secret_files,
                ..settings
            })
        } else {
            Err(Problems::new(problems))
        }
    }
}

impl Settings {
    /// Reads the file, if there is one, and lays the environment over it.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        Source::new(file.map(Path::to_owned), environment).load()
    }

    fn read(root: &Table, report: &Report<'_>) -> Self {
        let root = Section::root(root, report);
        let server = Server::read(&root.section("server"));
        let database = Database::read(&root.section("database"));
        let proxy = caller::read_proxy(&root.section("proxy"));
        let legal_entities = LegalEntitySettings::read_all(&root);
        let tenants = tenant::read_all(&root);
        let sites = site::read_all(&root, &legal_entities, &tenants);
        check_issuers(&tenants, report);
        check_credentials(&tenants, report);
        check_certificates(&tenants, server.tls.is_some() || proxy.is_some(), report);
        check_client_ids(&sites, report);
        check_keys(&sites, report);
        Self {
            server,
            database,
            legal_entities,
            proxy,
            ..Self::assemble(tenants, sites)
        }
    }

    fn assemble(tenants: Vec<tenant::Read>, sites: Vec<site::Read>) -> Self {
        let (tenants, externals): (Vec<_>, Vec<_>) = tenants
            .into_iter()
            .map(|read| (read.settings, read.external))
            .unzip();
        let tenants: Vec<_> = tenants.into_iter().flatten().collect();
        let externals: Vec<_> = externals.into_iter().flatten().collect();
        let sites: Vec<_> = sites.into_iter().filter_map(|read| read.settings).collect();
        let mut settings = Self {
            directory: Directory::new(
                tenants
                    .iter()
                    .map(|settings| settings.tenant.clone())
                    .chain(externals.iter().map(|settings| settings.tenant.clone())),
                sites.iter().map(|(site, _)| site.clone()),
            ),
            ..Self::default()
        };
        for read in tenants {
            let name = read.tenant.name;
            settings.callers.insert(name.clone(), read.callers);
            settings.limits.insert(name.clone(), read.limits);
            settings.providers.insert(name, read.provider);
        }
        for read in externals {
            let name = read.tenant.name;
            settings.limits.insert(name.clone(), read.limits);
            settings.bearers.insert(name, read.bearer);
        }
        for (site, access) in sites {
            settings.sites.insert(site.name, access);
        }
        settings
    }
}

fn read_file(file: &Path) -> Result<Table, Problem> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Problem::of_file(file, None, format!("cannot be read: {error}")))?;
    tree::parse(file, &text)
}

/// An issuer says whose a token is, so it belongs to one tenant only.
fn check_issuers(tenants: &[tenant::Read], report: &Report<'_>) {
    let issuers: Vec<_> = tenants.iter().flat_map(|tenant| &tenant.issuers).collect();
    report_repeated(&issuers, |a, b| a == b, report);
}

/// With one credential for two tenants, the one could speak for the other.
fn check_credentials(tenants: &[tenant::Read], report: &Report<'_>) {
    let credentials: Vec<_> = tenants
        .iter()
        .flat_map(|tenant| &tenant.credentials)
        .collect();
    report_repeated(&credentials, caller::Proof::is_same, report);
}

/// A certificate comes with TLS, ours or a proxy's.
fn check_certificates(tenants: &[tenant::Read], has_tls: bool, report: &Report<'_>) {
    let credentials = tenants.iter().flat_map(|tenant| &tenant.credentials);
    for Placed { value, place } in credentials {
        if value.is_certificate() && !has_tls {
            report.problem(
                place,
                "needs [server.tls], or [proxy] if TLS ends before us: nobody could show one",
            );
        }
    }
}

/// A request names its application only, so within a tenant that must name
/// the site.
fn check_client_ids(sites: &[site::Read], report: &Report<'_>) {
    let ids: Vec<Placed<(&str, &str)>> = sites
        .iter()
        .filter_map(|site| Some((site.tenant.as_ref()?, &site.client_ids)))
        .flat_map(|(tenant, ids)| {
            ids.iter().map(|id| Placed {
                value: (tenant.value.as_str(), id.value.as_str()),
                place: id.place.clone(),
            })
        })
        .collect();
    let of_other_site = |a: &Place, b: &Place| list_of(a) != list_of(b);
    for (n, id) in ids.iter().enumerate() {
        let earlier = ids.iter().take(n).find(|other| {
            other.value.0 == id.value.0
                && other.value.1.eq_ignore_ascii_case(id.value.1)
                && of_other_site(&other.place, &id.place)
        });
        if let Some(other) = earlier {
            let (key, tenant) = (&other.place.key, id.value.0);
            report.problem(
                &id.place,
                format!("is the same as {key}, and both sites are of the tenant `{tenant}`"),
            );
        }
    }
}

/// `sites.shop.client_ids` of `sites.shop.client_ids[1]`.
fn list_of(place: &Place) -> &str {
    place.key.split('[').next().unwrap_or_default()
}

fn check_keys(sites: &[site::Read], report: &Report<'_>) {
    let keys: Vec<_> = sites.iter().flat_map(|site| &site.keys).collect();
    let same = |a: &SiteKey, b: &SiteKey| a.key.expose_secret() == b.key.expose_secret();
    report_repeated(&keys, same, report);
}

fn report_repeated<T>(found: &[&Placed<T>], same: impl Fn(&T, &T) -> bool, report: &Report<'_>) {
    for (n, item) in found.iter().enumerate() {
        let earlier = found.iter().take(n);
        if let Some(first) = earlier
            .into_iter()
            .find(|other| same(&other.value, &item.value))
        {
            report.problem(&item.place, format!("is the same as {}", first.place.key));
        }
    }
}
