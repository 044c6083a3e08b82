use super::*;
use crate::emulator::{
    AttributeKind, Certificates, EntraIssuer, LocalMethod, MappedClaim, PolicyKey, SessionScope,
};

/// The settings of a text in a file of its own, with files beside it.
fn load(text: &str, beside: &[(&str, &str)]) -> Result<EmulatorSettings, Vec<String>> {
    let folder = std::env::temp_dir().join(format!("idlink-emulator-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in beside {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let file = folder.join("emulator.toml");
    std::fs::write(&file, text).unwrap();
    let environment = [("REST_PASSWORD".to_owned(), "s3cret".to_owned())];
    let loaded = EmulatorSettings::load(Some(&file), environment);
    std::fs::remove_dir_all(&folder).unwrap();
    loaded.map_err(|problems| {
        let place = format!("{}:", file.display());
        let told = problems.iter();
        told.map(|problem| problem.to_string().replace(&place, ""))
            .collect()
    })
}

#[test]
fn everything_can_be_set() {
    let text = r#"
[tenant]
name = "fabrikam"
id = "11111111-2222-4333-8444-555555555555"
extensions_app_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
fidelity = "lenient"
state_file = "tenant.json"
[server]
listen = "127.0.0.1:0"
https_listen = "[::1]:4191"
certificate = "chain.pem"
private_key = "key.pem"
[policies]
paths = ["base", "custom"]
environment = "Test"
only = ["B2C_1A_x"]
unsupported = "skip"
[policies.settings]
ConnectorUrl = "https://localhost:8443"
[[applications]]
client_id = "shop"
secret_env = "REST_PASSWORD"
redirect_uris = ["myapp://back"]
[[users]]
email = "ada@example.org"
password = "Passw0rd!"
attributes = { displayName = "Ada", extension_Points = 3, extension_Vip = true }
[[users]]
federated = { issuer = "google.com", subject = "1" }
[[user_flows]]
name = "B2C_1_one"
application_claims = ["objectId"]
verify_email = false
session_scope = "application"
attributes = [{ name = "extension_Points", kind = "integer", visible = false }]
providers = [{ issuer = "google.com", name = "Google" }]
[user_flows.connectors.pre_token_issuance]
url = "http://localhost:8080/x"
username = "b2c"
password_env = "REST_PASSWORD"
[[external_id]]
name = "Customers"
applications = ["shop"]
local = "email-one-time-passcode"
attributes = [{ name = "displayName", required = true }]
providers = []
claims = [{ id = "customerId" }, { id = "customerLink", name = "link" }]
[external_id.extensions.on_token_issuance_start]
target_url = "http://localhost:8080/connectors/aurora/external-id"
time_limit_ms = 2000
claims_for_token = ["customerId", "customerLink"]
token = { issuer = "external-domain" }
[policy_keys.B2C_1A_Rest]
secret_env = "REST_PASSWORD"
[policy_keys.B2C_1A_Cert]
certificate = "chain.pem"
private_key = "key.pem"
[variants]
pretoken = "s1"
time_limit_ms = 900
"#;
    let read = load(text, &[("chain.pem", "CHAIN"), ("key.pem", "KEY")]);
    let read = read.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let tenant = &read.tenant;
    assert_eq!(tenant.tenant_name, "fabrikam");
    assert_eq!(tenant.extensions_app_id, "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee");
    assert_eq!(tenant.fidelity, Fidelity::Lenient);
    assert!(tenant.state_file.as_ref().unwrap().is_absolute());
    assert_eq!(tenant.variants.time_limit_ms, 900);
    assert_eq!(tenant.applications[0].secret.as_deref(), Some("s3cret"));
    assert_eq!(tenant.applications[0].name, "shop");
    assert_eq!(tenant.seed[0].attributes["extension_Points"], 3);
    assert_eq!(tenant.seed[0].attributes["extension_Vip"], true);
    assert_eq!(
        tenant.seed[1].federated.as_ref().unwrap().issuer,
        "google.com"
    );
    let flow = &tenant.user_flows[0];
    assert_eq!(flow.attributes[0].kind, AttributeKind::Integer);
    assert!(!flow.attributes[0].visible && !flow.verify_email && flow.local_accounts);
    assert_eq!(flow.session_scope, SessionScope::Application);
    let connector = flow.connectors.pre_token_issuance.as_ref().unwrap();
    assert_eq!(connector.password, "s3cret");
    let flow = &tenant.external_id[0];
    assert_eq!(
        (flow.name.as_str(), &flow.applications[..]),
        ("Customers", &["shop".to_owned()][..])
    );
    assert_eq!(flow.local, LocalMethod::EmailOneTimePasscode);
    assert!(flow.attributes[0].required && flow.providers.is_empty());
    assert_eq!(flow.claims[0], MappedClaim::same("customerId"));
    assert_eq!(flow.claims[1].name, "link");
    let extension = flow.extensions.on_token_issuance_start.as_ref().unwrap();
    assert_eq!(extension.time_limit_ms, 2_000);
    assert_eq!(extension.maximum_retries, 1);
    assert_eq!(extension.token.issuer, EntraIssuer::ExternalDomain);
    assert!(flow.extensions.on_attribute_collection_start.is_none());
    assert!(matches!(
        tenant.policy_keys["B2C_1A_Rest"],
        PolicyKey::Secret(_)
    ));
    assert!(matches!(
        tenant.policy_keys["B2C_1A_Cert"],
        PolicyKey::Certificates(_)
    ));
    assert!(matches!(
        read.server.certificates,
        Some(Certificates::Given { .. })
    ));
    assert_eq!(read.server.https_listen.unwrap().port(), 4191);
    assert_eq!(read.policies.unsupported, Unsupported::Skip);
    assert_eq!(
        read.policies.settings["ConnectorUrl"],
        "https://localhost:8443"
    );
    assert!(read.lists_applications && read.lists_user_flows);
}

#[test]
fn without_a_file_everything_has_its_default() {
    let read = EmulatorSettings::load(None, []).unwrap();
    assert_eq!(read.tenant.tenant_name, "contoso");
    assert_eq!(read.policies.unsupported, Unsupported::Refuse);
    assert!(!read.lists_applications && !read.lists_user_flows);
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_line() {
    let text = r#"[tenant]
nmae = "contoso"
name = "con-toso"
id = "x"
fidelity = "exact"
[server]
listen = "localhost"
certificate = "there-is-none.pem"
[policies]
settings = { A = 1 }
unsupported = "ignore"
[[applications]]
client_id = "a"
[[applications]]
client_id = "A"
redirect_uris = ["nowhere"]
[[users]]
email = "ada@example.org"
[[user_flows]]
name = "signin"
verify_email = "yes"
[policy_keys.B2C_1A_X]
secret = "a"
secret_env = "B"
[policy_keys.B2C_1A_Y]
[variants]
pretoken = "s9"
[[external_id]]
local = "sms"
[external_id.extensions.on_token]
target_url = "x"
"#;
    let told = load(text, &[]).err().unwrap();
    let expected = [
        "2: tenant.nmae: there is no such key; did you mean `name`?",
        "3: tenant.name: must be letters and digits",
        "4: tenant.id: must be an id",
        "5: tenant.fidelity: must be \"strict\" or \"lenient\"",
        "7: server.listen: must be an IP address and a port",
        "6: server: `certificate` and `private_key` belong together",
        "10: policies.settings.A: must be a text, is a number",
        "11: policies.unsupported: must be \"refuse\" or \"skip\"",
        "12: applications[0]: `redirect_uris` must list",
        "15: applications[1].client_id: is the same as applications[0].client_id",
        "16: applications[1].redirect_uris[0]: must be an address",
        "17: users[0]: has neither",
        "20: user_flows[0].name: must be called B2C_1_",
        "21: user_flows[0].verify_email: must be true or false, is a text",
        "24: policy_keys.B2C_1A_X.secret_env: give one of",
        "25: policy_keys.B2C_1A_Y: must hold one of",
        "26: variants: unknown variant `s9`",
        "28: external_id[0]: `name` is missing",
        "29: external_id[0].local: must be \"email-with-password\"",
        "30: external_id[0].extensions: unknown field `on_token`",
    ];
    for expected in expected {
        assert!(
            told.iter().any(|problem| problem.starts_with(expected)),
            "{expected} is not in {told:#?}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}
