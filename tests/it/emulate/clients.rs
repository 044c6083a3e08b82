//! Libraries that nobody here wrote at a custom policy: code with PKCE, refresh
//! and logout over HTTPS. They check the tokens themselves.

use serde_json::Value;

use super::{OWN, Running};
use crate::clients::{client, said_by};

const POLICY: &str = "B2C_1A_signup_signin";
/// Of the web application that a desk without settings has.
const CLIENT_ID: &str = "5c0d3f7e-9a42-4b1d-8e76-2f3a6b9c1d04";
const CLIENT_SECRET: &str = "only-for-this-desk";
/// Nobody listens there: the scripts read the code from the address.
const REDIRECT_URI: &str = "http://localhost:3000/callback";
const EMAIL: &str = "ada@northwind.example";

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_up_refreshes_and_logs_out() {
    let (running, said) = run("node", "policy_openid_client.mjs").await;
    is_the_person(&running, &said);
    assert_eq!(said["again"], "invalid_grant", "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_up_refreshes_and_logs_out() {
    let (running, said) = run("python3", "policy_authlib.py").await;
    is_the_person(&running, &said);
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_own_library_signs_up_refreshes_and_logs_out() {
    let (_, said) = run("node", "policy_msal_node.mjs").await;
    assert_eq!(said["claims"]["email"], EMAIL, "{said}");
    assert_eq!(said["claims"]["newUser"], true, "{said}");
    assert_eq!(said["claims"]["acr"], "b2c_1a_signup_signin", "{said}");
    assert_eq!(said["is_from_cache"], false, "{said}");
    assert_eq!(said["refreshed"]["sub"], said["claims"]["sub"], "{said}");
    assert_eq!(said["logout"], REDIRECT_URI, "{said}");
}

fn is_the_person(running: &Running, said: &Value) {
    let issuer = format!(
        "{}/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/",
        running.told("HTTPS ")
    );
    assert_eq!(said["issuer"], issuer, "{said}");
    let claims = &said["claims"];
    assert_eq!(claims["iss"], issuer, "{said}");
    assert_eq!(claims["aud"], CLIENT_ID, "{said}");
    assert_eq!(claims["email"], EMAIL, "{said}");
    assert_eq!(claims["name"], "Ada Lovelace", "{said}");
    assert_eq!(claims["ver"], "1.0", "{said}");
    assert_eq!(said["refreshed"]["sub"], claims["sub"], "{said}");
    assert_eq!(said["refreshed"]["nonce"], Value::Null, "{said}");
    let logout = said["logout"].as_str().unwrap();
    assert!(logout.starts_with(REDIRECT_URI), "{said}");
    assert!(logout.contains("state="), "{said}");
}

async fn run(program: &str, script: &str) -> (Running, Value) {
    let [base, custom] = OWN;
    let running = Running::start(&["--policies", base, "--policies", custom]).await;
    let https = running.told("HTTPS ");
    let policy = format!("{https}/contoso.onmicrosoft.com/{POLICY}");
    let authority = running.told("its authority");
    let said = said_by(
        client(program)
            .arg(script)
            .env("AUTHORITY", &policy)
            .env(
                "METADATA_URL",
                format!("{policy}/v2.0/.well-known/openid-configuration"),
            )
            .env("MAILBOX", format!("{https}/__emulator/mailbox"))
            .env("CLIENT_ID", CLIENT_ID)
            .env("CLIENT_SECRET", CLIENT_SECRET)
            .env("REDIRECT_URI", REDIRECT_URI)
            .env("EMAIL", EMAIL)
            .env("PASSWORD", "Passw0rd!long")
            .env("NODE_EXTRA_CA_CERTS", authority)
            .env("REQUESTS_CA_BUNDLE", authority),
    )
    .await;
    (running, serde_json::from_str(&said).unwrap())
}
