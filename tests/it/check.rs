//! `idlink check`, as a person runs it before people sign up.

use std::process::Output;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::business::{OnFile, cold_store, store};
use crate::support::postgres::{connect, database, own_server};
use crate::support::program::{Folder, connection_string};
use crate::support::tenant::{POLICY, StubTenant};
use idlink::domain::customer::CustomerType;

fn settings_file(tenant: &StubTenant) -> String {
    format!(
        "[legal_entities.USMF]\n\
         [legal_entities.DEMF]\n\
         [tenants.contoso]\n\
         issuer = \"{}\"\n\
         metadata_url = \"{}\"\n\
         policies = [\"{POLICY}\"]\n\
         trusted_providers = [\"local\", \"google.com\"]\n\
         credentials = [{{ username = \"b2c\", password = \"canary-password\" }}]\n\
         [sites.shop]\n\
         customer_type = \"b2c\"\n\
         legal_entity = \"USMF\"\n\
         tenant = \"contoso\"\n\
         mode = \"observe\"\n\
         client_ids = [\"0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f11\"]\n",
        tenant.issuer(),
        tenant.metadata_url()
    )
}

async fn check(folder: &Folder, database_url: &str) -> Output {
    command(folder, database_url).output().await.unwrap()
}

fn command(folder: &Folder, database_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlink"));
    command
        .current_dir(&folder.0)
        .args(["--config", "idlink.toml", "check"])
        .env("IDLINK__DATABASE__URL", database_url);
    command
}

fn lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8(output.to_vec()).unwrap();
    assert!(!text.contains("canary"), "{text}");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_sound_installation_is_listed_with_what_to_think_about() {
    let (tenant, database, folder) = (StubTenant::start().await, database().await, Folder::new());
    let store = store(database.config()).await;
    OnFile::person("C1", "ada@example.org", CustomerType::B2c)
        .add(&store)
        .await;
    folder.write("idlink.toml", &settings_file(&tenant));
    let output = check(&folder, &connection_string(&database.config())).await;
    assert_eq!(
        lines(&output.stdout),
        [
            "✓ settings: idlink.toml, tenants: 1, sites: 1, legal entities: 2",
            "⚠ site shop: mode \"observe\" decides and remembers, but links nobody",
            "✓ TLS: none; plain HTTP on loopback, behind something that ends TLS",
            "⚠ tenant contoso: `local` is trusted; make sure that every user flow requires e-mail \
             verification, or anybody takes over the customer whose address they type",
            "⚠ tenant contoso: tokens without `idp` are taken for `local`; tick Identity Provider \
             under the application claims of every user flow, or set missing_idp = \"unverified\"",
            "⚠ tenant contoso: requests without identities are taken for `local`; if a custom \
             OpenID Connect provider is attached to a user flow, set missing_identities = \
             \"unverified\"",
            "✓ tenant contoso: 1 of 1 credentials valid",
            "✓ tenant contoso, B2C_1_signupsignin: metadata with our issuer, and keys",
            "✓ database: reachable, schema up to date",
            "✓ automatic linking is switched on",
            "✓ legal entity USMF: has customers (1)",
            "⚠ legal entity DEMF: no customers; run the Customers import first (Commerce: job \
             1010), or everybody who signs up is unknown",
        ]
    );
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn what_would_keep_people_out_fails_the_check() {
    let (tenant, folder) = (StubTenant::start().await, Folder::new());
    let server = own_server().await;
    let client = connect(&server.config()).await;
    client.batch_execute("CREATE DATABASE empty").await.unwrap();
    let mut config = server.config();
    config.dbname("empty");
    let other_issuer = settings_file(&tenant).replace("7c1e0d52", "00000000");
    folder.write("idlink.toml", &other_issuer);
    let output = check(&folder, &connection_string(&config)).await;
    let (applied, known) = cold_store(config).schema_version().await.unwrap();
    assert_eq!(applied, 0, "a check changes nothing");
    let bad: Vec<_> = lines(&output.stdout)
        .into_iter()
        .filter(|line| line.starts_with('✗'))
        .collect();
    assert_eq!(
        bad,
        [
            "✗ tenant contoso, B2C_1_signupsignin: the metadata document names an issuer that is \
             not the tenant's; compare `issuer` and its aliases in the settings with the \
             document, byte for byte",
            &format!("✗ database: has 0 of {known} migrations; run `idlink migrate`"),
        ]
    );
    assert_eq!(lines(&output.stderr), ["idlink: 2 of 9 checks failed"]);
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_feed_that_is_behind_is_a_doubt_where_a_site_has_a_limit() {
    let (tenant, database, folder) = (StubTenant::start().await, database().await, Folder::new());
    let _store = store(database.config()).await;
    let sql = connect(&database.config()).await;
    let limited = format!("{}feed_max_age_minutes = 60\n", settings_file(&tenant));
    folder.write("idlink.toml", &limited);
    let last = || async {
        let output = check(&folder, &connection_string(&database.config())).await;
        assert_eq!(output.status.code(), Some(0));
        lines(&output.stdout).pop().unwrap()
    };
    assert_eq!(
        last().await,
        "⚠ site shop: no customer feed of USMF ever came to its end, and feed_max_age_minutes = \
         60: nobody new is created; run the Customers import"
    );
    crate::freshness::feed(&sql, time::Duration::seconds(90 * 60 + 5), None).await;
    assert_eq!(
        last().await,
        "⚠ site shop: the customer feed of USMF is 90 minutes old, more than \
         feed_max_age_minutes = 60: nobody new is created; run the Customers import"
    );
    crate::freshness::feed(&sql, time::Duration::seconds(30 * 60 + 5), None).await;
    assert_eq!(
        last().await,
        "✓ site shop: the customer feed of USMF is 30 minutes old, up to 60 are allowed"
    );
}

#[tokio::test]
async fn a_credential_that_ended_an_hour_ago_is_none() {
    let (tenant, folder) = (StubTenant::start().await, Folder::new());
    let ended = OffsetDateTime::now_utc() - Duration::from_secs(60 * 60);
    let ended = ended.format(&Rfc3339).unwrap();
    let credential = "password = \"canary-password\"";
    let settings =
        settings_file(&tenant).replace(credential, &format!("{credential}, not_after = {ended}"));
    folder.write("idlink.toml", &settings);
    let output = check(&folder, "host=/nowhere user=idlink dbname=idlink").await;
    let expected =
        "✗ tenant contoso: all credentials have ended (not_after); add one that is valid";
    let lines = lines(&output.stdout);
    assert!(lines.iter().any(|line| line == expected), "{lines:?}");
}

#[tokio::test]
async fn every_problem_of_the_settings_is_a_line() {
    let folder = Folder::new();
    folder.write("idlink.toml", "[server]\nlisten = 3\ndrain = 1\n");
    let output = check(&folder, "host=/nowhere").await;
    assert_eq!(
        lines(&output.stdout),
        [
            "✗ idlink.toml:2: server.listen: must be a text, is a number",
            "✗ idlink.toml:3: server.drain: there is no such key; did you mean `drain_seconds`?",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}

/// Plain HTTP is allowed because it stays on this machine.
#[tokio::test]
async fn what_is_on_this_machine_is_asked_without_the_networks_proxy() {
    let (tenant, folder) = (StubTenant::start().await, Folder::new());
    let proxy = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    folder.write("idlink.toml", &settings_file(&tenant));
    let mut command = command(&folder, "host=/nowhere user=idlink dbname=idlink");
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(variable, &address);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::select! {
        output = command.output() => output.unwrap(),
        _ = proxy.accept() => panic!("the proxy was asked"),
    };
    let found = "✓ tenant contoso, B2C_1_signupsignin: metadata with our issuer, and keys";
    let lines = lines(&output.stdout);
    assert!(lines.iter().any(|line| line == found), "{lines:?}");
}
