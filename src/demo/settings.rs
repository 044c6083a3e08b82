//! The settings that the demo's service runs with: an ordinary file, written
//! once, that other commands take too.

use std::path::PathBuf;

use super::external::{self, AUDIENCE, DIRECTORY_ID, TIME_LIMIT_MS};
use super::place::{Place, PlaceError, write_whole};
use super::ports::Ports;
use super::{
    CUSTOM_POLICY, DemoSite, EXTERNAL, LEGAL_ENTITY, SHOP, SITES, TENANT, TRADE, USER_FLOW, shop,
};
use crate::config::Settings;

/// What the tenant's connectors show; the password is in a file.
pub const USERNAME: &str = "contoso-connector";
pub const PASSWORD: &str = "connector-password";

/// The file, which is written unless it is there: somebody may have changed it.
pub fn file(place: &Place, ports: Ports, issuer: &str) -> Result<PathBuf, PlaceError> {
    place.secret(PASSWORD)?;
    let file = place.settings_file();
    if !file.exists() {
        write_whole(&file, &text(ports, issuer))?;
    }
    Ok(file)
}

/// Whether a file, of whatever age, has all that the demo needs.
pub fn are_whole(settings: &Settings) -> bool {
    let directory = &settings.directory;
    let has_site = |name: &str, tenant: &str| {
        let site = directory.site(name);
        site.is_some_and(|site| site.tenant == tenant)
    };
    let has_sites = SITES
        .iter()
        .all(|site| has_site(site.name, TENANT) && has_site(site.external_name, EXTERNAL));
    let tenant = directory.tenant(TENANT);
    let accepts =
        |policy: &str| tenant.is_some_and(|tenant| tenant.policies.iter().any(|own| own == policy));
    has_sites && accepts(USER_FLOW) && accepts(CUSTOM_POLICY)
}

fn text(ports: Ports, issuer: &str) -> String {
    let service = ports.service();
    let management = ports.management();
    let b2c = b2c(ports, issuer);
    let external = external(ports);
    let sites = [&TRADE, &SHOP].map(sites).concat();
    format!(
        r#"# Written by `idlink demo` at its first start, and read at each further one:
# change what you like. The addresses must stay as they are.

[server]
listen = "127.0.0.1:{service}"
management_listen = "127.0.0.1:{management}"
public_url = "http://localhost:{service}"

[legal_entities.{LEGAL_ENTITY}]

{b2c}
{external}
{sites}"#
    )
}

fn b2c(ports: Ports, issuer: &str) -> String {
    let tenant = ports.tenant();
    let extensions_app_id = super::tenant::EXTENSIONS_APP_ID;
    format!(
        r#"[tenants.{TENANT}]
issuer = "{issuer}"
metadata_url = "http://localhost:{tenant}/{TENANT}.onmicrosoft.com/{{policy}}/v2.0/.well-known/openid-configuration"
policies = ["{USER_FLOW}", "{CUSTOM_POLICY}"]
# Facebook is offered at the sign-in page, and not trusted for addresses.
trusted_providers = ["local", "google.com"]
extensions_app_id = "{extensions_app_id}"
customer_link_attribute = "CustomerLink"

[[tenants.{TENANT}.credentials]]
username = "{USERNAME}"
password_file = "demo/{PASSWORD}"
"#
    )
}

fn external(ports: Ports) -> String {
    let authority = external::authority(ports);
    format!(
        r#"[tenants.{EXTERNAL}]
platform = "external-id"
issuer = "{authority}/v2.0"
directory_id = "{DIRECTORY_ID}"
audiences = ["{AUDIENCE}"]
trusted_providers = ["local", "google.com"]
extension_timeout_milliseconds = {TIME_LIMIT_MS}

[[tenants.{EXTERNAL}.issuers]]
issuer = "{authority}/v2.0"
jwks_uri = "{authority}/discovery/v2.0/keys"
"#
    )
}

/// A shop is a site at each tenant, with the same customers.
fn sites(site: &DemoSite) -> String {
    let customer_type = match site.kind {
        shop::Kind::Business => "b2b",
        shop::Kind::Consumer => "b2c",
    };
    let title = site.title;
    let at = [
        (site.name, TENANT, site.client_id),
        (site.external_name, EXTERNAL, site.external_client_id),
    ];
    at.map(|(name, tenant, client_id)| {
        format!(
            r#"[sites.{name}]
name = "{title}"
customer_type = "{customer_type}"
legal_entity = "{LEGAL_ENTITY}"
tenant = "{tenant}"
client_ids = ["{client_id}"]

"#
        )
    })
    .concat()
}
