//! The custom policies that the demo's B2C tenant runs: those of the project,
//! carried in the program and laid down as files, so that the pages of a trace
//! lead to lines that a person can open.

use std::fs;
use std::path::PathBuf;

use super::place::{Place, PlaceError, write_whole};
use super::ports::Ports;
use super::tenant::EXTENSIONS_APP_ID;
use super::{CUSTOM_POLICY, TENANT};
use crate::emulator::{self, Obstacle, Policies, PolicyRequest, RestRule};

/// Path below `policies/`, and content.
macro_rules! carried {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../policies/", $path)))),*]
    };
}

const FILES: [(&str, &str); 10] = carried![
    "base/SignUpOrSignIn.xml",
    "base/TrustFrameworkBase.xml",
    "base/TrustFrameworkExtensions.xml",
    "base/TrustFrameworkLocalization.xml",
    "base/appsettings.json",
    "custom/appsettings.json",
    "custom/rp/SignUpOrSignIn_Social.xml",
    "custom/shared/TrustFrameworkExtensions_CustomerLink.xml",
    "custom/social/CustomerLink_Social.xml",
    "custom/keys.json",
];

/// What `{Settings:PolicyPrefix}` is in `custom/appsettings.json`.
const PREFIX: &str = "Idlink";

#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("the demo's own policies in {} cannot be run: {what}", .folder.display())]
    Unfit { folder: PathBuf, what: String },
}

/// Policy keys of the connector's user name and password.
pub fn key_names() -> [String; 2] {
    ["Username", "Password"].map(|what| format!("B2C_1A_{PREFIX}{what}"))
}

/// The policies call https, as B2C demands it; idlink has no certificate on
/// this machine.
pub fn without_tls(ports: Ports) -> RestRule {
    RestRule {
        url_prefix: Some(format!("https://{}/", host(ports))),
        send_to: Some(format!("http://{}/", host(ports))),
        ..RestRule::default()
    }
}

fn host(ports: Ports) -> String {
    format!("localhost:{}", ports.service())
}

/// Lays the files down anew and reads them. Blocks for as long as that takes.
pub fn load(place: &Place, ports: Ports, tenant: &emulator::Settings) -> Result<Policies> {
    let folder = lay_down(place)?;
    let unfit = |what: String| PoliciesError::Unfit {
        folder: folder.clone(),
        what,
    };
    let domain = format!("{TENANT}.onmicrosoft.com");
    let values = [
        ("Tenant", domain.clone()),
        ("IdlinkHost", host(ports)),
        ("IdlinkTenant", TENANT.to_owned()),
    ];
    let request = PolicyRequest {
        paths: vec![folder.join("base"), folder.join("custom")],
        environment: None,
        settings: values.map(|(name, value)| (name.to_owned(), value)).into(),
        only: vec![CUSTOM_POLICY.to_owned()],
        domain,
        tenant_id: tenant.tenant_id,
        extensions_app_id: EXTENSIONS_APP_ID.to_owned(),
    };
    let loaded = emulator::load_policies(&request).map_err(|error| unfit(error.to_string()))?;
    let obstacles = loaded.policies.refused().iter();
    match obstacles.flat_map(|refused| &refused.obstacles).next() {
        Some(Obstacle { what, .. }) => Err(unfit(what.clone())),
        None => Ok(loaded.policies),
    }
}

type Result<T> = std::result::Result<T, PoliciesError>;

fn lay_down(place: &Place) -> Result<PathBuf> {
    let folder = place.file("policies");
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| PlaceError::Folder {
                path: parent.to_owned(),
                source,
            })?;
        }
        write_whole(&path, text)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ports;

    #[test]
    fn the_carried_policies_can_be_run() {
        let folder = std::env::temp_dir().join(format!("idlink-policies-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        let place = Place::open(&folder).unwrap();
        let ports = ports::claim(&place, Some(0)).unwrap().ports;
        let tenant = emulator::Settings::new(TENANT);
        let policies = load(&place, ports, &tenant).unwrap();
        assert_eq!(policies.ids().collect::<Vec<_>>(), [CUSTOM_POLICY]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
