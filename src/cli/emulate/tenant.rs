//! What a tenant needs besides what was said of it: addresses, certificates,
//! applications, keys.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use crate::cli::Failure;
use crate::config::EmulatorSettings;
use crate::emulator::{Application, Certificates, Https, Loaded, Settings, missing_keys};

/// Nobody has registered these; the demo's come before them.
const USUAL: u16 = 4190;
const USUAL_HTTPS: u16 = 4191;

/// What was made up, for the person who started it to know.
#[derive(Default)]
pub(super) struct MadeUp {
    /// Names of policy keys.
    pub(super) keys: Vec<String>,
    /// Whether the applications are.
    pub(super) applications: bool,
}

pub(super) fn complete(
    settings: &mut EmulatorSettings,
    loaded: Option<&Loaded>,
    data_dir: &Path,
) -> Result<MadeUp, Failure> {
    let server = &settings.server;
    let tenant = &mut settings.tenant;
    let mut made_up = MadeUp::default();
    tenant.listen = server.listen.unwrap_or_else(|| address(USUAL));
    let certificates = server.certificates.clone();
    tenant.https = Some(Https {
        listen: server.https_listen.unwrap_or_else(|| address(USUAL_HTTPS)),
        certificates: certificates
            .unwrap_or_else(|| Certificates::OwnAuthority(data_dir.join("emulator"))),
    });
    tenant.offers_try_it = true;
    if let Some(loaded) = loaded {
        let keys = missing_keys(&loaded.policies, &tenant.policy_keys)?;
        made_up.keys = keys.keys().cloned().collect();
        tenant.policy_keys.extend(keys);
        tenant.policies = loaded.policies.clone();
        if !settings.lists_user_flows {
            tenant.user_flows = Vec::new();
        }
    }
    if !settings.lists_applications {
        tenant.applications = applications();
        made_up.applications = true;
    }
    Ok(made_up)
}

/// The usual port while nobody else has it.
fn address(usual: u16) -> SocketAddr {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(at(usual)) {
        Ok(_) => at(usual),
        Err(_) => at(0),
    }
}

/// One of each kind, the same ones at each start: whoever tries the emulator
/// writes them into a program.
fn applications() -> Vec<Application> {
    let redirect_uris = ["https://jwt.ms", "http://localhost:3000/callback"];
    let redirect_uris = redirect_uris.map(str::to_owned).to_vec();
    let after_logout = vec!["http://localhost:3000/".to_owned()];
    vec![
        Application {
            client_id: "5c0d3f7e-9a42-4b1d-8e76-2f3a6b9c1d04".to_owned(),
            name: "Web application".to_owned(),
            secret: Some(LOCAL_SECRET.to_owned()),
            redirect_uris: redirect_uris.clone(),
            post_logout_redirect_uris: after_logout.clone(),
        },
        Application {
            client_id: "b18e6a25-4d3c-4f90-a7b2-6c5d8e0f1a37".to_owned(),
            name: "Single-page application".to_owned(),
            secret: None,
            redirect_uris,
            post_logout_redirect_uris: after_logout,
        },
    ]
}

/// Printed at each start: it protects nothing.
const LOCAL_SECRET: &str = "only-for-this-desk";

/// What is told of the applications before the tenant has them.
pub(super) fn described(tenant: &Settings, made_up: &MadeUp) -> Vec<String> {
    let applications = tenant.applications.iter();
    applications
        .map(|application| {
            let secret = match (&application.secret, made_up.applications) {
                (None, _) => "public, with PKCE".to_owned(),
                (Some(secret), true) => format!("secret {secret}"),
                (Some(_), false) => "confidential".to_owned(),
            };
            format!(
                "{}: client id {}, {secret}, redirect URIs {}",
                application.name,
                application.client_id,
                application.redirect_uris.join(" ")
            )
        })
        .collect()
}
