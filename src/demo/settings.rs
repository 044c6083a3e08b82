//! The settings that the demo's service runs with: an ordinary file, written
//! once, that other commands take too.

use std::path::PathBuf;

use super::place::{Place, PlaceError, write_whole};
use super::ports::Ports;
use super::{DemoSite, LEGAL_ENTITY, POLICY, SHOP, TENANT, TRADE, shop};

/// What the tenant's connector shows; the password is in a file.
pub const USERNAME: &str = "contoso-user-flow";
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

fn text(ports: Ports, issuer: &str) -> String {
    let service = ports.service();
    let management = ports.management();
    let tenant = ports.tenant();
    let extensions_app_id = super::tenant::EXTENSIONS_APP_ID;
    let trade = site(&TRADE);
    let shop = site(&SHOP);
    format!(
        r#"# Written by `idlink demo` at its first start, and read at each further one:
# change what you like. The addresses must stay as they are.

[server]
listen = "127.0.0.1:{service}"
management_listen = "127.0.0.1:{management}"
public_url = "http://localhost:{service}"

[legal_entities.{LEGAL_ENTITY}]

[tenants.{TENANT}]
issuer = "{issuer}"
metadata_url = "http://localhost:{tenant}/{TENANT}.onmicrosoft.com/{{policy}}/v2.0/.well-known/openid-configuration"
policies = ["{POLICY}"]
# Facebook is offered at the sign-in page, and not trusted for addresses.
trusted_providers = ["local", "google.com"]
extensions_app_id = "{extensions_app_id}"
customer_link_attribute = "CustomerLink"

[[tenants.{TENANT}.credentials]]
username = "{USERNAME}"
password_file = "demo/{PASSWORD}"

{trade}
{shop}"#
    )
}

fn site(site: &DemoSite) -> String {
    let customer_type = match site.kind {
        shop::Kind::Business => "b2b",
        shop::Kind::Consumer => "b2c",
    };
    let DemoSite {
        name,
        title,
        client_id,
        ..
    } = site;
    format!(
        r#"[sites.{name}]
name = "{title}"
customer_type = "{customer_type}"
legal_entity = "{LEGAL_ENTITY}"
tenant = "{TENANT}"
client_ids = ["{client_id}"]
"#
    )
}
