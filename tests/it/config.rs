//! The settings file, the environment over it, and what is said about both.

use std::time::Duration;

use idlink::config::{Problems, Settings};
use idlink::domain::customer::LegalEntity;
use idlink::domain::identity::Provider;
use idlink::domain::reference::Reference;
use idlink::domain::site::{Mode, Stage, Topic};
use idlink::store::Statements;
use secrecy::ExposeSecret;

use crate::support::program::Folder;

const EXAMPLE: &str = include_str!("../../src/config/example.toml");

/// What every case below starts from.
const SOUND: &str = r#"
[legal_entities.USMF]

[tenants.contoso]
issuer = "https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/"
metadata_url = "https://contoso.b2clogin.com/contoso.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration"
policies = ["B2C_1_signupsignin"]
credentials = [{ username = "b2c", password = "canary-password" }]

[sites.shop]
customer_type = "b2c"
legal_entity = "USMF"
tenant = "contoso"
client_ids = ["5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908"]
"#;

trait Load {
    fn load(&self, content: &str, environment: &[(&str, &str)]) -> Result<Settings, Problems>;
    fn problems(&self, content: &str, environment: &[(&str, &str)]) -> String;
}

impl Load for Folder {
    fn load(&self, content: &str, environment: &[(&str, &str)]) -> Result<Settings, Problems> {
        let file = self.write("idlink.toml", content);
        Settings::load(Some(&file), owned(environment))
    }

    /// The problems, one a line, with the folder taken off.
    fn problems(&self, content: &str, environment: &[(&str, &str)]) -> String {
        let problems = self.load(content, environment).unwrap_err().to_string();
        assert!(
            !problems.contains("canary"),
            "a secret is shown: {problems}"
        );
        problems.replace(&format!("{}/", self.0.display()), "")
    }
}

fn owned(environment: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect::<Vec<_>>()
        .into_iter()
}

fn load(content: &str, environment: &[(&str, &str)]) -> Settings {
    Folder::new().load(content, environment).unwrap()
}

/// `SOUND` with one line replaced, and the only problem that makes.
fn problem_with(line: &str, instead: &str) -> String {
    assert!(SOUND.contains(line), "{line}");
    Folder::new().problems(&SOUND.replacen(line, instead, 1), &[])
}

fn reference() -> Reference {
    Reference::parse("7K2M-Q9XD").unwrap()
}

#[test]
fn without_a_file_everything_has_its_default() {
    let settings = Settings::load(None, std::iter::empty()).unwrap();
    assert_eq!(settings.server.listen, ([127, 0, 0, 1], 8080).into());
    assert_eq!(
        settings.server.management_listen,
        ([127, 0, 0, 1], 8081).into()
    );
    assert_eq!(settings.server.drain, Duration::from_secs(5));
    assert_eq!(settings.database.pool_size, 16);
    assert_eq!(settings.database.statements, Statements::Prepared);
    assert!(settings.database.url.is_none());
    assert_eq!(settings.directory.tenants().count(), 0);
    assert_eq!(settings.directory.sites().count(), 0);
}

#[test]
fn the_example_is_a_sound_file() {
    let secrets = [
        ("CONTOSO_CONNECTOR_PASSWORD", "canary-password"),
        ("WHOLESALE_SITE_KEY", "canary-site-key-of-wholesale"),
    ];
    let settings = load(EXAMPLE, &secrets);
    let tenant = settings.directory.tenant("contoso").unwrap();
    assert!(tenant.trust.covers(&Provider::local()));
    assert!(tenant.accepts_policy("b2c_1_signupsignin"));
    assert_eq!(
        tenant.claims.customer_id,
        "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_CustomerId"
    );
    let site = settings.directory.site("wholesale").unwrap();
    assert_eq!(site.mode, Mode::Enforce);
    assert_eq!(site.legal_entity, LegalEntity::parse("USMF").unwrap());
    assert_eq!(settings.sites["wholesale"].policy, "B2C_1_signupsignin");
    assert_eq!(settings.sites["wholesale"].keys.len(), 1);
    assert_eq!(
        settings.callers["contoso"].basic[0]
            .password
            .expose_secret(),
        "canary-password"
    );
    let provider = &settings.providers["contoso"];
    assert_eq!(provider.default_policy, "B2C_1_signupsignin");
}

/// What is commented out in the example says that it is the default, and it is
/// what one types first.
#[test]
fn every_line_that_the_example_comments_out_is_sound_too() {
    let folder = Folder::new();
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::create_dir(folder.0.join("secrets")).unwrap();
    std::fs::create_dir(folder.0.join("tls")).unwrap();
    folder.write("secrets/contoso-connector-old", "canary-old\n");
    let authority = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
    folder.write("tls/callers-ca.pem", &authority.cert.pem());
    let settings = folder
        .load(
            &uncommented,
            &[
                ("CONTOSO_CONNECTOR_PASSWORD", "canary-password"),
                ("WHOLESALE_SITE_KEY", "canary-site-key-of-wholesale"),
                ("IDLINK_DATABASE_PASSWORD", "canary-database"),
                ("IDLINK_PROXY_SECRET", "canary-proxy-0123456789"),
            ],
        )
        .unwrap();
    let defaults = Settings::default();
    assert_eq!(settings.server.listen, defaults.server.listen);
    assert_eq!(settings.server.drain, defaults.server.drain);
    assert_eq!(settings.database.pool_size, defaults.database.pool_size);
    assert_eq!(settings.database.statements, defaults.database.statements);
    assert_eq!(
        settings.limits["contoso"],
        load(SOUND, &[]).limits["contoso"]
    );
    assert_eq!(
        settings.server.tls.unwrap().certificate,
        folder.0.join("tls/idlink.pem")
    );
    let [_, old] = settings.callers["contoso"].basic.as_slice() else {
        panic!("two credentials are valid at once");
    };
    assert_eq!(old.password.expose_secret(), "canary-old");
    assert_eq!(old.not_after.unwrap().unix_timestamp(), 1_801_353_600);
    assert_eq!(
        settings.secret_files,
        ["secrets/contoso-connector-old", "tls/callers-ca.pem"].map(|file| folder.0.join(file))
    );
    assert_eq!(settings.callers["contoso"].certificates.len(), 2);
    assert_eq!(settings.proxy.unwrap().secrets.len(), 1);
}

#[test]
fn all_problems_are_in_one_report_each_with_its_line() {
    let content = r#"[server]
listen = "0.0.0.0:8080"
drain_secnds = 3
workers = "four"

[legal_entities.USMF]
number = { prefix = "C", width = 40 }

[tenants.contoso]
issuer = "https://contoso.b2clogin.com/7c1e0d52/v2.0"
metadata_url = "https://contoso.b2clogin.com/B2C_1_x/v2.0/.well-known/openid-configuration"
policies = [
    "B2C_1_x",
    "b2c_1_X",
]
trusted_providers = ["Local"]

[sites.shop]
customer_type = "b2d"
legal_entity = "DEMF"
tenant = "fabrikam"
client_ids = []

[sites.shop.messages.en.sign_up]
customer_not_found = "Nobody is {here}."

[unknown]
key = 1
"#;
    let expected = "\
idlink.toml:2: server.listen: must be a loopback address such as 127.0.0.1, or [server.tls] must be given: plain HTTP never leaves this machine
idlink.toml:3: server.drain_secnds: there is no such key; did you mean `drain_seconds`?
idlink.toml:4: server.workers: must be a whole number, is a text
idlink.toml:7: legal_entities.USMF.number.width: must be between 1 and 18
idlink.toml:9: tenants.contoso: has no credentials, so nobody could call for it: add [[tenants.contoso.credentials]] with `username` and `password`
idlink.toml:10: tenants.contoso.issuer: must end in /v2.0/ with the last slash, as `issuer` in the tenant's metadata does
idlink.toml:11: tenants.contoso.metadata_url: must hold {policy} where the name of the user flow stands, such as https://contoso.b2clogin.com/contoso.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration
idlink.toml:14: tenants.contoso.policies[1]: is the same as tenants.contoso.policies[0]
idlink.toml:16: tenants.contoso.trusted_providers[0]: people with a password of the tenant are `local`
idlink.toml:18: sites.shop: `client_ids` must list the applications that the site consists of
idlink.toml:19: sites.shop.customer_type: must be \"b2b\" or \"b2c\", is \"b2d\"
idlink.toml:20: sites.shop.legal_entity: there is no [legal_entities.DEMF]; add it, empty if need be
idlink.toml:21: sites.shop.tenant: there is no [tenants.fabrikam]
idlink.toml:25: sites.shop.messages.en.sign_up.customer_not_found: there is no placeholder {here}; there are {reference} and {site}
idlink.toml:27: unknown: there is no such key
IDLINK__SERVER__COLOUR: server.colour: there is no such key";
    let found = Folder::new().problems(content, &[("IDLINK__SERVER__COLOUR", "blue")]);
    assert_eq!(found, expected);
}

#[test]
fn each_mistake_is_named_with_its_line_and_what_to_do() {
    let keys = "client_ids = [\"5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908\"]\n";
    let with = |line: &str| format!("{keys}{line}");
    let cases = [
        (
            "customer_type = \"b2c\"",
            String::new(),
            "idlink.toml:10: sites.shop: `customer_type` is missing",
        ),
        (
            "password = \"canary-password\"",
            "password = \"canary-password\", password_env = \"X\"".to_owned(),
            "idlink.toml:8: tenants.contoso.credentials[0].password_env: give one of `password`, `password_env`, `password_file`",
        ),
        (
            "password = \"canary-password\"",
            "password_env = \"NOT_SET\"".to_owned(),
            "idlink.toml:8: tenants.contoso.credentials[0].password_env: the environment variable NOT_SET is not set, empty or not in UTF-8",
        ),
        (
            "username = \"b2c\", ",
            "username = \"b2c:x\", ".to_owned(),
            "idlink.toml:8: tenants.contoso.credentials[0].username: must hold no colon: HTTP Basic ends the name at the first",
        ),
        (
            "password = \"canary-password\" }",
            "password = \"canary-password\" }, { username = \"b2c\", password = \"canary-password\" }".to_owned(),
            "idlink.toml:8: tenants.contoso.credentials[1]: is the same as tenants.contoso.credentials[0]",
        ),
        (
            "policies = [\"B2C_1_signupsignin\"]",
            "policies = [\"B2C_1_signupsignin\"]\nextensions_app_id = \"a3f09c1b\"".to_owned(),
            "idlink.toml:8: tenants.contoso.extensions_app_id: must be the application (client) id of b2c-extensions-app, 32 hexadecimal digits with or without hyphens",
        ),
        (
            "policies = [\"B2C_1_signupsignin\"]",
            "policies = [\"B2C_1_signupsignin\"]\ncustomer_id_attribute = \"extension_CustomerId\"".to_owned(),
            "idlink.toml:8: tenants.contoso.customer_id_attribute: must be the attribute's own name, without extension_…",
        ),
        (
            "policies = [\"B2C_1_signupsignin\"]",
            "policies = [\"B2C_1_signupsignin\"]\ncustomer_link_attribute = \"CustomerId\"".to_owned(),
            "idlink.toml:8: tenants.contoso.customer_link_attribute: must not be the attribute that takes the customer number",
        ),
        (
            "policies = [\"B2C_1_signupsignin\"]",
            "policies = [\"B2C_1_signupsignin\"]\nissuer_aliases = [\"https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/\"]".to_owned(),
            "idlink.toml:8: tenants.contoso.issuer_aliases[0]: is the same as tenants.contoso.issuer",
        ),
        (
            "policies = [\"B2C_1_signupsignin\"]",
            "policies = [\"B2C_1_signupsignin\"]\ntrusted_providers = [\"google.com\", \"*\"]".to_owned(),
            "idlink.toml:8: tenants.contoso.trusted_providers[1]: must be one provider by its exact name, such as google.com",
        ),
        (
            "policies = [\"B2C_1_signupsignin\"]",
            "policies = [\"B2C_1_signupsignin\"]\nallowed_hosts = [\"https://x.example/\"]".to_owned(),
            "idlink.toml:8: tenants.contoso.allowed_hosts[0]: must be the name of a host, such as login.example.com",
        ),
        (
            keys,
            with("policy = \"B2C_1_other\"\n"),
            "idlink.toml:15: sites.shop.policy: is not among tenants.contoso.policies",
        ),
        (
            "customer_type = \"b2c\"",
            "customer_type = \"b2b\"\nunverified_email = \"separate\"\noutage = \"continue\"".to_owned(),
            "idlink.toml:12: sites.shop.unverified_email: \"separate\" is for B2C sites: a B2B site creates no customers\n\
             idlink.toml:13: sites.shop.outage: \"continue\" is for B2C sites: a B2B site lets nobody in unchecked",
        ),
        (
            keys,
            with("keys = [{ key = \"short\" }]\n"),
            "idlink.toml:15: sites.shop.keys[0].key: must have at least 16 characters: make one with `openssl rand -base64 32`",
        ),
        (
            keys,
            with("keys = [{ key = \"canary-key-0123456\", not_after = 2027-01-31 }]\n"),
            "idlink.toml:15: sites.shop.keys[0].not_after: must be a date with time and offset, such as 2027-01-31T00:00:00Z",
        ),
        (
            keys,
            with("[sites.kiosk]\ncustomer_type = \"b2c\"\nlegal_entity = \"USMF\"\ntenant = \"contoso\"\nclient_ids = [\n\"5D2B6E4A-90C7-4A3F-8F15-E6C1B7A2D908\"]\n"),
            "idlink.toml:20: sites.kiosk.client_ids[0]: is the same as sites.shop.client_ids[0], and both sites are of the tenant `contoso`",
        ),
        (
            keys,
            with("[sites.shop.messages.de.sign_up]\ncustomer_not_found = \"Unbekannt\"\n"),
            "idlink.toml:16: sites.shop.messages.de.sign_up.customer_not_found: must hold {reference}: by it your staff finds what a person asks about",
        ),
        (
            keys,
            with("[sites.shop.messages.de.sign_up]\ncustomer_not_fond = \"{reference}\"\n"),
            "idlink.toml:16: sites.shop.messages.de.sign_up.customer_not_fond: there is no such key; did you mean `customer_not_found`?",
        ),
        (
            keys,
            "client_ids = 5\n".to_owned(),
            "idlink.toml:14: sites.shop.client_ids: must be a list of texts, is a number",
        ),
        (
            keys,
            "client_ids = [\"a\", \" \"]\n".to_owned(),
            "idlink.toml:14: sites.shop.client_ids[1]: must not be empty",
        ),
        (
            keys,
            with("default_language = \"fr\"\n"),
            "idlink.toml:15: sites.shop.default_language: the language `fr` has no text for `customer_not_found` at stage `sign_up`",
        ),
        (
            keys,
            with("[sites.Shop_2]\ncustomer_type = \"b2c\"\nlegal_entity = \"USMF\"\ntenant = \"contoso\"\nclient_ids = [\"x\"]\n"),
            "idlink.toml:15: sites.Shop_2: a name is one to 64 lower-case letters, digits and hyphens",
        ),
        (
            "[legal_entities.USMF]",
            "[legal_entities.USMF]\n[legal_entities.usmf]".to_owned(),
            "idlink.toml:3: legal_entities.usmf: differs from `USMF` only in upper and lower case",
        ),
        (
            "[legal_entities.USMF]",
            "server.management_listen = \"127.0.0.1:8080\"\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:2: server.management_listen: `listen` and `management_listen` must not be the same address",
        ),
        (
            "[legal_entities.USMF]",
            "database.url = \"mysql://root:canary-password@db/x\"\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:2: database.url: must be postgres://user@host/database or host=… user=… dbname=…; leave it out for the embedded PostgreSQL",
        ),
        (
            "[legal_entities.USMF]",
            "database.password = \"canary-password\"\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:2: database.password: is of no use without `database.url`",
        ),
        (
            "[legal_entities.USMF]",
            "database.statements = \"unnamed\"\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:2: database.statements: is of no use without `database.url`",
        ),
        (
            "[legal_entities.USMF]",
            "database = { url = \"host=db user=idlink\", statements = \"named\" }\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:2: database.statements: must be \"prepared\" or \"unnamed\", is \"named\"",
        ),
        (
            "[legal_entities.USMF]",
            "[server.tls]\ncertificate = \"x\"\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:2: server.tls: `private_key` is missing",
        ),
        (
            "[legal_entities.USMF]",
            "sites = 3\n[legal_entities.USMF]".to_owned(),
            "idlink.toml:11: is not valid TOML: ",
        ),
    ];
    for (line, instead, expected) in cases {
        let found = problem_with(line, &instead);
        if expected.ends_with("TOML: ") {
            assert!(found.starts_with(expected), "{found}");
        } else {
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn two_tenants_share_neither_credential_nor_issuer() {
    let second = SOUND
        .split("\n\n")
        .find(|part| part.contains("[tenants.contoso]"))
        .unwrap()
        .replace("tenants.contoso", "tenants.fabrikam");
    let found = Folder::new().problems(&format!("{SOUND}\n{second}\n"), &[]);
    assert_eq!(
        found,
        "idlink.toml:17: tenants.fabrikam.issuer: is the same as tenants.contoso.issuer\n\
         idlink.toml:20: tenants.fabrikam.credentials[0]: is the same as tenants.contoso.credentials[0]"
    );
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_one_problem() {
    let missing = Settings::load(Some("/nowhere/idlink.toml".as_ref()), std::iter::empty());
    assert_eq!(
        missing.unwrap_err().to_string(),
        "/nowhere/idlink.toml: cannot be read: No such file or directory (os error 2)"
    );
    let found = Folder::new().problems("[server]\nlisten = \"canary-password\n", &[]);
    assert!(
        found.starts_with("idlink.toml:2: is not valid TOML: "),
        "{found}"
    );
    assert!(!found.contains("canary"), "{found}");
}

#[test]
fn a_variable_sets_any_key_whatever_its_case() {
    let settings = load(
        SOUND,
        &[
            ("IDLINK__SERVER__LISTEN", "127.0.0.1:9000"),
            ("idlink__server__drain_seconds", "0"),
            ("IDLINK__SITES__SHOP__MODE", "observe"),
            ("IDLINK__SITES__SHOP__CLIENT_IDS", "one, two"),
            (
                "IDLINK__SITES__SHOP__MESSAGES__DE_AT__SIGN_UP__NOT_POSSIBLE",
                "Geht nicht: {reference}",
            ),
            ("IDLINK__LEGAL_ENTITIES__USMF__NUMBER__PREFIX", ""),
            (
                "IDLINK__TENANTS__CONTOSO__CREDENTIALS__0__PASSWORD",
                "canary-other",
            ),
            ("IDLINK_LOG", "debug"),
        ],
    );
    assert_eq!(settings.server.listen, ([127, 0, 0, 1], 9000).into());
    assert_eq!(settings.server.drain, Duration::ZERO);
    assert_eq!(settings.legal_entities[0].number.prefix, "");
    assert_eq!(
        settings.callers["contoso"].basic[0]
            .password
            .expose_secret(),
        "canary-other"
    );
    let site = settings.directory.site("shop").unwrap();
    assert_eq!(site.mode, Mode::Observe);
    assert_eq!(site.client_ids.len(), 2);
    assert_eq!(
        site.messages
            .text(Topic::NotPossible, Stage::SignUp, "de-AT", &reference()),
        "Geht nicht: 7K2M-Q9XD"
    );
}

#[test]
fn a_variable_that_names_no_key_is_refused_by_its_name() {
    let cases = [
        (
            ("IDLINK__SERVER__LISTN", "x"),
            "IDLINK__SERVER__LISTN: server.listn: there is no such key; did you mean `listen`?",
        ),
        (
            ("IDLINK__SERVER", "x"),
            "IDLINK__SERVER: server: must be a section ([server]), is a text",
        ),
        (
            ("IDLINK__SITES__SHOP", "x"),
            "IDLINK__SITES__SHOP: sites.shop: names a section, not a key",
        ),
        (
            ("IDLINK__SITES__KIOSK__MODE", "off"),
            "IDLINK__SITES__KIOSK__MODE: sites.kiosk.mode: there is no [sites.kiosk] in the settings file, and a variable cannot add one",
        ),
        (
            (
                "IDLINK__TENANTS__CONTOSO__CREDENTIALS__7__PASSWORD",
                "canary-password",
            ),
            "IDLINK__TENANTS__CONTOSO__CREDENTIALS__7__PASSWORD: tenants.contoso.credentials.7.password: `7` is not the number of an entry of that list (the first is 0)",
        ),
        (
            ("IDLINK__SITES__SHOP__MODE__NOW", "off"),
            "IDLINK__SITES__SHOP__MODE__NOW: sites.shop.mode: must be a text, is a section",
        ),
        (
            ("IDLINK__SERVER__LISTEN", "nowhere"),
            "IDLINK__SERVER__LISTEN: server.listen: must be an IP address and a port, such as 127.0.0.1:8080",
        ),
        (
            ("IDLINK__", "x"),
            "IDLINK__: names no key: `__` stands for a dot between two names",
        ),
    ];
    for (variable, expected) in cases {
        let found = Folder::new().problems(SOUND, &[variable]);
        assert_eq!(found, expected);
    }
}

#[test]
fn a_secret_may_come_from_a_file_or_a_variable_and_is_never_shown() {
    let folder = Folder::new();
    folder.write("password", "canary-from-file\r\n");
    let from_file = SOUND.replace(
        "password = \"canary-password\"",
        "password_file = \"password\"",
    );
    let settings = folder.load(&from_file, &[]).unwrap();
    let password = &settings.callers["contoso"].basic[0].password;
    assert_eq!(password.expose_secret(), "canary-from-file");
    assert_eq!(settings.secret_files, [folder.0.join("password")]);
    assert!(!format!("{settings:?}").contains("canary"));

    let from_variable = SOUND.replace("password = \"canary-password\"", "password_env = \"P\"");
    let settings = folder
        .load(&from_variable, &[("P", "canary-from-variable")])
        .unwrap();
    let password = &settings.callers["contoso"].basic[0].password;
    assert_eq!(password.expose_secret(), "canary-from-variable");

    let overridden = folder.load(
        &from_file,
        &[(
            "IDLINK__TENANTS__CONTOSO__CREDENTIALS__0__PASSWORD",
            "canary-over",
        )],
    );
    let password = overridden.unwrap().callers["contoso"].basic[0]
        .password
        .clone();
    assert_eq!(password.expose_secret(), "canary-over");

    folder.write("password", "canary\nsecond line\n");
    let problems = folder.problems(&from_file, &[]);
    assert_eq!(
        problems,
        "idlink.toml:8: tenants.contoso.credentials[0].password_file: holds a control character or a line break"
    );
}

#[test]
fn a_site_speaks_its_own_words_and_the_built_in_ones_for_the_rest() {
    let content = format!(
        "{SOUND}name = \"Fabrikam\"\n\
         [sites.shop.messages.en.sign_up]\n\
         customer_not_found = \"{{site}} does not know you ({{reference}}).\"\n\
         [sites.shop.messages.fr.sign_up]\n\
         customer_not_found = \"Inconnu ({{reference}}).\"\n\
         [sites.shop.messages.de-AT.sign_up]\n\
         try_again_later = \"Gleich noch einmal ({{reference}}).\"\n"
    );
    let settings = load(&content, &[]);
    let messages = &settings.directory.site("shop").unwrap().messages;
    let say = |topic, stage, locales: &str| messages.text(topic, stage, locales, &reference());
    let cases = [
        (
            Topic::CustomerNotFound,
            "en",
            "Fabrikam does not know you (7K2M-Q9XD).",
        ),
        (Topic::CustomerNotFound, "fr", "Inconnu (7K2M-Q9XD)."),
        (
            Topic::CustomerNotFound,
            "xx",
            "Fabrikam does not know you (7K2M-Q9XD).",
        ),
        (
            Topic::TryAgainLater,
            "de-AT",
            "Gleich noch einmal (7K2M-Q9XD).",
        ),
    ];
    for (topic, locales, expected) in cases {
        assert_eq!(
            say(topic, Stage::SignUp, locales),
            expected,
            "{topic:?} {locales}"
        );
    }
    for (locales, opening) in [
        ("en", "Your sign-up was successful, but"),
        ("fr", "Your sign-up was successful, but"),
        ("de-AT", "Ihre Registrierung war erfolgreich, aber"),
        ("ja", "ご登録は完了しましたが"),
    ] {
        let text = say(Topic::CustomerNotFound, Stage::SignedIn, locales);
        assert!(text.starts_with(opening), "{locales}: {text}");
        assert!(
            text.contains("Fabrikam") && text.contains("7K2M-Q9XD"),
            "{text}"
        );
    }
}

#[test]
fn a_default_language_of_ones_own_must_have_every_text() {
    let mut content = format!("{SOUND}default_language = \"fr\"\n");
    for stage in Stage::ALL {
        content += &format!("[sites.shop.messages.fr.{}]\n", stage.key());
        for topic in Topic::ALL {
            content += &format!("{} = \"Non ({{reference}}).\"\n", topic.key());
        }
    }
    let settings = load(&content, &[]);
    let messages = &settings.directory.site("shop").unwrap().messages;
    let text = messages.text(Topic::AlreadyLinked, Stage::SignedIn, "xx", &reference());
    assert_eq!(text, "Non (7K2M-Q9XD).");
}

#[test]
fn a_site_may_say_how_old_its_customer_feed_may_be() {
    let limit = |settings: &Settings| {
        let site = settings.directory.site("shop").unwrap();
        site.rules.feed_max_age.map(|age| age.whole_seconds())
    };
    assert_eq!(limit(&load(SOUND, &[])), None);
    let day = format!("{SOUND}feed_max_age_minutes = 1440\n");
    assert_eq!(limit(&load(&day, &[])), Some(86_400));
    let hour = [("IDLINK__SITES__SHOP__FEED_MAX_AGE_MINUTES", "60")];
    assert_eq!(limit(&load(&day, &hour)), Some(3_600));
    for (given, problem) in [
        ("0", "must be between 1 and 527040"),
        ("527041", "must be between 1 and 527040"),
        ("\"a day\"", "must be a whole number, is a text"),
    ] {
        let key = "customer_type = \"b2c\"";
        let found = problem_with(key, &format!("{key}\nfeed_max_age_minutes = {given}"));
        let expected = format!("idlink.toml:12: sites.shop.feed_max_age_minutes: {problem}");
        assert_eq!(found.trim_end(), expected);
    }
}
