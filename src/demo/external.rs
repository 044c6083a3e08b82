//! The demo's mock External ID tenant: a user flow whose three events call
//! idlink with Entra's own tokens.

use std::net::{Ipv4Addr, SocketAddr};

use uuid::Uuid;

use super::place::{Place, PlaceError};
use super::ports::Ports;
use super::{DemoSite, EXTERNAL, SHOP, TRADE, shop};
use crate::emulator::{
    Application, DEFAULT_AUDIENCE, Extension, Extensions, ExternalIdFlow, MappedClaim, Settings,
};

/// The directory's id, `tid` in the tokens.
pub const DIRECTORY_ID: Uuid = Uuid::from_u128(0x2b7d_9c0e_51f4_4c39_8f0a_6d3e_1a9b_7c42);

/// The API application that stands for idlink.
pub const AUDIENCE: &str = DEFAULT_AUDIENCE;

/// `timeoutInMilliseconds` of the extensions. idlink is told the same.
pub const TIME_LIMIT_MS: u64 = 2_000;

/// Everything but the users that sign up.
pub fn settings(place: &Place, ports: Ports) -> Result<Settings, PlaceError> {
    let mut settings = Settings::new(EXTERNAL);
    settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.external()));
    settings.tenant_id = DIRECTORY_ID;
    settings.user_flows = Vec::new();
    settings.external_id = vec![flow(ports)];
    settings.applications = vec![
        application(place, &TRADE, ports.trade())?,
        application(place, &SHOP, ports.shop())?,
    ];
    settings.state_file = Some(place.file("external.json"));
    Ok(settings)
}

/// As Entra's `https://<directory id>.ciamlogin.com/<directory id>`.
pub fn authority(ports: Ports) -> String {
    let port = ports.external();
    format!("http://localhost:{port}/entra/{DIRECTORY_ID}.ciamlogin.com/{DIRECTORY_ID}")
}

fn flow(ports: Ports) -> ExternalIdFlow {
    let applications = [TRADE.external_client_id, SHOP.external_client_id];
    let mut flow = ExternalIdFlow::new("SignUpSignIn", &applications);
    flow.extensions = Extensions::all(&Extension {
        time_limit_ms: TIME_LIMIT_MS,
        ..Extension::at(&format!(
            "http://localhost:{}/connectors/{EXTERNAL}/external-id",
            ports.service()
        ))
    });
    flow.claims = ["customerId", "customerLink"].map(MappedClaim::same).into();
    flow
}

fn application(place: &Place, site: &DemoSite, port: u16) -> Result<Application, PlaceError> {
    Ok(Application {
        client_id: site.external_client_id.to_owned(),
        name: site.title.to_owned(),
        secret: Some(place.secret(&site.external_secret_name())?),
        redirect_uris: vec![shop::redirect_uri(port)],
        post_logout_redirect_uris: vec![shop::url(port)],
    })
}
