//! The demo's mock B2C tenant, as an administrator would have set it up: a
//! user flow, and beside it custom policies.

use std::net::{Ipv4Addr, SocketAddr};

use super::place::{Place, PlaceError};
use super::policies::{key_names, without_tls};
use super::ports::Ports;
use super::sample::EXISTING_ACCOUNT;
use super::settings::{PASSWORD, USERNAME};
use super::{DemoSite, SHOP, TENANT, TRADE, USER_FLOW, shop};
use crate::emulator::{
    Application, Connector, Connectors, PolicyKey, SeedUser, SessionScope, Settings, UserFlow,
};

/// Application id of the tenant's b2c-extensions-app.
pub const EXTENSIONS_APP_ID: &str = "a3f09c1b7d6e4c58b2e1905f4d7a6c33";

/// Everything but the policies, and the users that sign up.
pub fn settings(place: &Place, ports: Ports) -> Result<Settings, PlaceError> {
    let mut settings = Settings::new(TENANT);
    settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.tenant()));
    settings.extensions_app_id = EXTENSIONS_APP_ID.to_owned();
    settings.applications = vec![
        application(place, &TRADE, ports.trade())?,
        application(place, &SHOP, ports.shop())?,
    ];
    settings.user_flows = vec![user_flow(place, ports)?];
    let credentials = [USERNAME.to_owned(), place.secret(PASSWORD)?];
    let keys = credentials.map(|secret| PolicyKey::Secret(secret.into()));
    settings.policy_keys = key_names().into_iter().zip(keys).collect();
    settings.rest_rules = vec![without_tls(ports)];
    settings.seed = vec![existing_account()];
    settings.state_file = Some(place.file("tenant.json"));
    Ok(settings)
}

/// As `http://localhost:4182/7c1e0d52-…/v2.0/`. Known before the tenant is
/// there, because the settings of the service name it.
pub fn issuer(settings: &Settings) -> String {
    let port = settings.listen.port();
    format!("http://localhost:{port}/{}/v2.0/", settings.tenant_id)
}

/// The number and the link's state are ticked as application claims and not
/// collected: they are in every token, and never in the directory.
fn user_flow(place: &Place, ports: Ports) -> Result<UserFlow, PlaceError> {
    let mut flow = UserFlow::new(USER_FLOW);
    let claims = ["extension_CustomerId", "extension_CustomerLink"];
    flow.application_claims.extend(claims.map(str::to_owned));
    // Each shop asks who is there: people try several accounts.
    flow.session_scope = SessionScope::Application;
    flow.connectors = Connectors::all(&Connector {
        url: format!(
            "http://localhost:{}/connectors/{TENANT}/user-flow",
            ports.service()
        ),
        username: USERNAME.to_owned(),
        password: place.secret(PASSWORD)?,
    });
    Ok(flow)
}

fn application(place: &Place, site: &DemoSite, port: u16) -> Result<Application, PlaceError> {
    Ok(Application {
        client_id: site.client_id.to_owned(),
        name: site.title.to_owned(),
        secret: Some(place.secret(&site.secret_name())?),
        redirect_uris: vec![shop::redirect_uri(port)],
        post_logout_redirect_uris: vec![shop::url(port)],
    })
}

/// Somebody who signed up before linking was switched on.
fn existing_account() -> SeedUser {
    let name = EXISTING_ACCOUNT.name;
    SeedUser {
        email: Some(EXISTING_ACCOUNT.email.to_owned()),
        password: Some(EXISTING_ACCOUNT.password.to_owned()),
        attributes: [("displayName".to_owned(), name.into())].into(),
        ..SeedUser::default()
    }
}
