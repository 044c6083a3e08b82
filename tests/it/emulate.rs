//! `idlink emulate`: from policy files to a tenant that a browser and an
//! application reach, as somebody at a desk starts it.

mod clients;

use std::path::Path;
use std::process::{Command as Blocking, Output, Stdio};
use std::time::Duration;

use reqwest::{Certificate, Client, redirect};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::program::Folder;

const LIMIT: Duration = Duration::from_secs(60);

const OWN: [&str; 2] = ["policies/base", "policies/custom"];

/// A running emulator and what it said.
struct Running {
    #[expect(dead_code, reason = "it ends with the test")]
    child: Child,
    said: String,
    folder: Folder,
}

impl Running {
    async fn start(arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let mut child = Command::new(env!("CARGO_BIN_EXE_idlink"))
            .arg("--data-dir")
            .arg(&folder.0)
            .arg("emulate")
            .args(["--listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0"])
            .args(arguments)
            .env_remove("IDLINK_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        timeout(LIMIT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                said.push_str(&line);
                said.push('\n');
                // All of it is printed at once.
                if said.contains("Applications\n") && line.contains("public, with PKCE") {
                    break;
                }
            }
        })
        .await
        .unwrap();
        Self {
            child,
            said,
            folder,
        }
    }

    /// What stands behind a title.
    fn told(&self, title: &str) -> &str {
        let mut lines = self.said.lines();
        let line = lines.find_map(|line| line.trim_start().strip_prefix(title));
        let value = line.unwrap_or_else(|| panic!("{title} is not in {}", self.said));
        value.trim().trim_end_matches('/')
    }
}

fn client() -> reqwest::ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
}

async fn metadata(client: &Client, base: &str, policy: &str) -> Value {
    let url =
        format!("{base}/contoso.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration");
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn our_policies_are_served_unbuilt_over_http_and_https() {
    let [base, custom] = OWN;
    let running = Running::start(&["--policies", base, "--policies", custom]).await;
    let (http, https) = (running.told("HTTP "), running.told("HTTPS "));
    for policy in [
        "B2C_1A_signup_signin",
        "B2C_1A_Idlink_SignUpOrSignIn_Local",
        "B2C_1A_Idlink_SignUpOrSignIn_Social",
    ] {
        assert!(
            running.said.contains(&format!("\n  {policy}\n")),
            "{policy}"
        );
    }

    let plain = client().build().unwrap();
    let found = metadata(&plain, http, "b2c_1a_idlink_signuporsignin_local").await;
    let issuer = found["issuer"].as_str().unwrap();
    assert!(
        issuer.starts_with(http) && issuer.ends_with("/v2.0/"),
        "{issuer}"
    );

    let authority = std::fs::read(running.told("its authority")).unwrap();
    assert!(running.folder.0.join("emulator").is_dir());
    let trusting = client()
        .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
        .build()
        .unwrap();
    let found = metadata(&trusting, https, "B2C_1A_signup_signin").await;
    for key in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
    ] {
        let value = found[key].as_str().unwrap();
        assert!(value.starts_with(https), "{key}: {value}");
    }
    let port = https.rsplit(':').next().unwrap();
    for name in ["127.0.0.1", "contoso.localhost"] {
        let base = format!("https://{name}:{port}");
        let resolved = client()
            .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
            .resolve("contoso.localhost", ([127, 0, 0, 1], 0).into())
            .build()
            .unwrap();
        metadata(&resolved, &base, "B2C_1A_signup_signin").await;
    }
    // Nobody else vouches for it.
    let error = plain.get(format!("{https}/")).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn the_link_of_a_policy_begins_its_journey_and_its_end_is_shown() {
    let running = Running::start(&["--policies", "policies/base"]).await;
    let http = running.told("HTTP ").to_owned();
    let url = running.told(&format!(
        "{http}/contoso.onmicrosoft.com/B2C_1A_signup_signin/oauth2/v2.0/authorize?"
    ));
    let url =
        format!("{http}/contoso.onmicrosoft.com/B2C_1A_signup_signin/oauth2/v2.0/authorize?{url}");
    let client = client().build().unwrap();
    let begun = client.get(&url).send().await.unwrap();
    assert_eq!(begun.status(), 302);
    let place = begun.headers()["location"].to_str().unwrap();
    assert!(place.contains("/journey/"), "{place}");

    let signed_in = format!("{http}/__emulator/signed-in");
    let shown = async |form: &[(&str, &str)]| {
        let response = client.post(&signed_in).form(form).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    };
    let page = shown(&[
        ("error", "access_denied"),
        ("error_description", "AADB2C90091: <b>cancelled</b>"),
    ])
    .await;
    assert!(page.contains("access_denied"));
    assert!(page.contains("AADB2C90091") && !page.contains("<b>cancelled"));
    // {"alg":"none"}.{}. and no signature.
    let page = shown(&[("id_token", "eyJhbGciOiJub25lIn0.e30.")]).await;
    assert!(page.contains("no application may believe"), "{page}");
    assert!(page.contains("not signed by RS256"), "{page}");
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Blocking::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--data-dir")
        .arg(folder)
        .arg("emulate")
        .args(["--listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0"])
        .args(arguments)
        .env_remove("IDLINK_CONFIG")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

/// A policy set of one file, whose journey reaches two things that the emulator
/// does not have.
const UNSUPPORTED: &str = r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="yourtenant.onmicrosoft.com"
  PolicyId="B2C_1A_Controls" PublicPolicyUri="http://yourtenant.onmicrosoft.com/B2C_1A_Controls">
  <BuildingBlocks>
    <ClaimsSchema><ClaimType Id="email"><DisplayName>E</DisplayName><DataType>string</DataType></ClaimType></ClaimsSchema>
  </BuildingBlocks>
  <ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>
    <TechnicalProfile Id="Page"><DisplayName>P</DisplayName>
      <Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/>
      <DisplayClaims>
        <DisplayClaim DisplayControlReferenceId="emailVerification"/>
      </DisplayClaims>
    </TechnicalProfile>
    <TechnicalProfile Id="Phone"><DisplayName>P</DisplayName>
      <Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.PhoneFactorProtocolProvider, Web.TPEngine"/>
    </TechnicalProfile>
    <TechnicalProfile Id="Issuer"><DisplayName>I</DisplayName><Protocol Name="OpenIdConnect"/><OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>
  </TechnicalProfiles></ClaimsProvider></ClaimsProviders>
  <UserJourneys><UserJourney Id="J"><OrchestrationSteps>
    <OrchestrationStep Order="1" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="A" TechnicalProfileReferenceId="Page"/></ClaimsExchanges></OrchestrationStep>
    <OrchestrationStep Order="2" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="B" TechnicalProfileReferenceId="Phone"/></ClaimsExchanges></OrchestrationStep>
    <OrchestrationStep Order="3" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="Issuer"/>
  </OrchestrationSteps></UserJourney></UserJourneys>
  <RelyingParty><DefaultUserJourney ReferenceId="J"/>
    <TechnicalProfile Id="PolicyProfile"><DisplayName>R</DisplayName><Protocol Name="OpenIdConnect"/></TechnicalProfile></RelyingParty>
</TrustFrameworkPolicy>"#;

#[tokio::test]
async fn what_is_not_supported_is_told_whole_before_anything_is_served() {
    let folder = Folder::new();
    let file = folder.write("controls.xml", UNSUPPORTED);
    let file = file.to_str().unwrap();
    let both = ["--policies", file, "--policies", "policies/base"];
    let output = run(&folder.0, &both);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for expected in [
        format!("{file}:11: Page shows the display control emailVerification\n"),
        format!("{file}:15: Phone is run by the phone factor provider"),
        "in B2C_1A_Controls\n".to_owned(),
        "--skip-unsupported serves the others: B2C_1A_PasswordReset".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected} is not in {text}");
    }

    let skipping = [&both[..], &["--skip-unsupported"]].concat();
    let running = Running::start(&skipping).await;
    assert!(running.said.contains("\n  B2C_1A_signup_signin\n"));
    assert!(!running.said.contains("\n  B2C_1A_Controls\n"));

    let only = [&both[..], &["--only", "b2c_1a_profileedit"]].concat();
    let running = Running::start(&only).await;
    assert!(running.said.contains("\n  B2C_1A_ProfileEdit\n"));
    assert!(!running.said.contains("\n  B2C_1A_signup_signin\n"));
}

#[test]
fn what_cannot_be_carried_out_says_why() {
    let folder = Folder::new();
    folder.write("empty.txt", "");
    let empty = folder.0.to_str().unwrap();
    let bad_settings = folder.write(
        "bad.toml",
        "[tenant]\nnmae = \"contoso\"\n[server]\nlisten = \"nowhere\"\n",
    );
    let bad_settings = bad_settings.to_str().unwrap();
    for (arguments, code, expected) in [
        (
            vec!["--policies", "no-such-folder"],
            2,
            vec!["no-such-folder is not there"],
        ),
        (
            vec!["--policies", empty],
            2,
            vec!["there is no policy with a RelyingParty in"],
        ),
        (
            vec!["--policies", "policies/base", "--only", "B2C_1A_Other"],
            2,
            vec!["there is no policy `B2C_1A_Other`", "B2C_1A_signup_signin"],
        ),
        (
            vec!["--policies", "policies/base", "--environment", "Moon"],
            2,
            vec!["no appsettings.json has an environment `Moon`; there is Development, Production"],
        ),
        (vec!["--set", "novalue"], 2, vec!["write NAME=VALUE"]),
        (
            vec!["--strict", "--lenient"],
            2,
            vec!["cannot be used with"],
        ),
        (
            vec!["--config", bad_settings],
            1,
            vec![
                "bad.toml:2: tenant.nmae: there is no such key; did you mean `name`?",
                "bad.toml:4: server.listen: must be an IP address and a port",
            ],
        ),
    ] {
        let output = run(&folder.0, &arguments);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        for expected in expected {
            assert!(
                text.contains(expected),
                "{arguments:?}: {expected} is not in {text}"
            );
        }
    }
}

#[test]
fn nobody_else_is_let_in_unless_that_is_meant() {
    let folder = Folder::new();
    let output = Blocking::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--data-dir")
        .arg(&folder.0)
        .args(["emulate", "--listen", "0.0.0.0:4190"])
        .env_remove("IDLINK_CONFIG")
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("0.0.0.0:4190 can be reached from other machines"),
        "{text}"
    );
    assert!(text.contains("--allow-remote"), "{text}");
}

#[test]
fn settings_of_the_service_are_told_from_those_of_the_emulator() {
    let folder = Folder::new();
    let file = folder.write("idlink.toml", "[database]\nurl = \"x\"\n");
    let output = Blocking::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("emulate")
        .env("IDLINK_CONFIG", &file)
        .output()
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("idlink.toml:1: database: there is no such key"),
        "{text}"
    );
    assert!(text.contains("IDLINK_CONFIG names this file"), "{text}");
}
