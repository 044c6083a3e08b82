//! `[tenant]`, and who and what is in it: applications, users.

use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use url::Url;

use crate::emulator::{Application, FederatedIdentity, SeedUser, Settings};

use super::super::problem::Placed;
use super::super::reader::{PASSWORD, SecretKeys, Section};
use super::{fidelity, id};

const SECRET: SecretKeys = SecretKeys {
    plain: "secret",
    env: "secret_env",
    file: "secret_file",
};

pub(super) fn read(section: &Section<'_>, tenant: &mut Settings) {
    if let Some(found) = section.parsed("name", name) {
        tenant.tenant_name = found.value;
    }
    if let Some(found) = section.parsed("id", id) {
        tenant.tenant_id = found.value;
    }
    if let Some(found) = section.parsed("extensions_app_id", id) {
        tenant.extensions_app_id = found.value.simple().to_string();
    }
    tenant.state_file = section.path("state_file").map(|found| found.value);
    if let Some(found) = section.parsed("public_url", address) {
        tenant.public_url = Some(found.value);
    }
    if let Some(fidelity) = fidelity(section) {
        tenant.fidelity = fidelity;
    }
}

fn name(text: &str) -> Result<String, String> {
    match text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(text.to_owned()),
        false => Err(
            "must be letters and digits, such as contoso for contoso.onmicrosoft.com".to_owned(),
        ),
    }
}

fn address(text: &str) -> Result<String, String> {
    match Url::parse(text).is_ok_and(|url| url.has_host()) {
        true => Ok(text.to_owned()),
        false => Err("must be an address, such as https://login.dev.example".to_owned()),
    }
}

/// Any scheme will do: applications on phones have their own.
fn redirect_uri(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("must be an address, such as http://localhost:3000/callback".to_owned()),
    }
}

/// Certificates that servers may chain to, besides the machine's own.
pub(super) fn connector_roots(root: &Section<'_>) -> Vec<String> {
    root.files("connector_roots")
}

pub(super) fn applications(root: &Section<'_>) -> Vec<Application> {
    let sections = root.sections("applications");
    let read: Vec<_> = sections.iter().filter_map(application).collect();
    let ids: Vec<_> = read.iter().map(|(id, _)| id.clone()).collect();
    root.each_once(&ids, str::eq_ignore_ascii_case);
    read.into_iter()
        .map(|(_, application)| application)
        .collect()
}

fn application(section: &Section<'_>) -> Option<(Placed<String>, Application)> {
    let client_id = section.required_parsed("client_id", |text| Ok(text.to_owned()));
    let name = section.text("name");
    let secret = section.secret(SECRET);
    let redirect_uris = section.each("redirect_uris", redirect_uri);
    let after_logout = section.each("post_logout_redirect_uris", redirect_uri);
    section.require_entries(
        "redirect_uris",
        "`redirect_uris` must list where the application is reached: they are compared letter by \
         letter",
    );
    let client_id = client_id?;
    let application = Application {
        name: name.map_or_else(|| client_id.value.clone(), |found| found.value),
        client_id: client_id.value.clone(),
        secret: secret.map(|found| found.value.expose_secret().to_owned()),
        redirect_uris: values(redirect_uris),
        post_logout_redirect_uris: values(after_logout),
    };
    Some((client_id, application))
}

fn values(found: Vec<Placed<String>>) -> Vec<String> {
    found.into_iter().map(|found| found.value).collect()
}

pub(super) fn users(root: &Section<'_>) -> Vec<SeedUser> {
    root.sections("users").iter().map(user).collect()
}

fn user(section: &Section<'_>) -> SeedUser {
    let object_id = section.parsed("object_id", id);
    let email = section.text("email");
    let password = section.secret(PASSWORD);
    let federated = section.section("federated");
    let user = SeedUser {
        object_id: object_id.map(|found| found.value),
        email: email.map(|found| found.value),
        password: password.map(|found| found.value.expose_secret().to_owned()),
        federated: federated
            .is_given()
            .then(|| federated_identity(&federated))
            .flatten(),
        attributes: from_json(section, "attributes").unwrap_or_default(),
        ..SeedUser::default()
    };
    let spellings = [PASSWORD.plain, PASSWORD.env, PASSWORD.file];
    let has_password = spellings.into_iter().any(|key| section.has(key));
    let is_local = section.has("email") && has_password;
    if !is_local && !federated.is_given() {
        section.problem("has neither `email` and `password` nor `federated`: nobody could sign in");
    }
    user
}

fn federated_identity(section: &Section<'_>) -> Option<FederatedIdentity> {
    let text = |key| section.required_parsed(key, |text| Ok(text.to_owned()));
    let (issuer, subject) = (text("issuer"), text("subject"));
    Some(FederatedIdentity {
        issuer: issuer?.value,
        subject: subject?.value,
    })
}

/// What the control interface takes as JSON, in the same words.
pub(super) fn from_json<T: DeserializeOwned>(
    section: &Section<'_>,
    key: &'static str,
) -> Option<T> {
    let value = section.json(key)?;
    match serde_json::from_value(value) {
        Ok(read) => Some(read),
        Err(error) => {
            section.problem_in(key, error.to_string());
            None
        }
    }
}
