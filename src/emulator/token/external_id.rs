//! Tokens of External ID ("ID token claims reference", "Access token claims
//! reference", version 2).

use serde_json::{Map, Value};

use crate::emulator::{
    entra::{EntraIssuer, GRAPH, TokenVersion},
    keys::sha256,
    state::{Grant, Tenant},
};

/// "The profile scope is required to receive this claim."
const OF_PROFILE: [&str; 3] = ["name", "oid", "preferred_username"];

pub(super) fn id_claims(
    tenant: &Tenant,
    issuer: EntraIssuer,
    grant: &Grant,
    seconds: i64,
) -> Map<String, Value> {
    let mut claims = grant.claims.clone();
    if let Some(name) = principal_name(tenant, grant) {
        claims.insert("preferred_username".to_owned(), name.into());
    }
    claims.retain(|name, _| match name.as_str() {
        "email" => grant.has_scope("email"),
        name if OF_PROFILE.contains(&name) => grant.has_scope("profile"),
        _ => true,
    });
    claims.extend(common(tenant, issuer, grant, seconds));
    claims
}

/// For the application itself where a scope names it, else for Microsoft Graph,
/// which nobody but Graph is to look into.
pub(super) fn access_claims(
    tenant: &Tenant,
    issuer: EntraIssuer,
    grant: &Grant,
    seconds: i64,
) -> Map<String, Value> {
    let is_own = grant.names_a_resource();
    let mut claims = match is_own {
        true => grant.claims.clone(),
        false => Map::new(),
    };
    claims.extend(common(tenant, issuer, grant, seconds));
    if let Some(object_id) = grant.object_id {
        claims.insert("oid".to_owned(), object_id.to_string().into());
    }
    if !is_own {
        claims.insert("aud".to_owned(), GRAPH.into());
    }
    claims
}

fn common(tenant: &Tenant, issuer: EntraIssuer, grant: &Grant, seconds: i64) -> Map<String, Value> {
    let now = tenant.now();
    let members: [(&str, Value); 8] = [
        ("ver", "2.0".into()),
        (
            "iss",
            tenant
                .entra_issuer_at(&grant.base_url, issuer, TokenVersion::V2)
                .into(),
        ),
        ("aud", grant.client_id.as_str().into()),
        ("exp", now.saturating_add(seconds).into()),
        ("nbf", now.into()),
        ("iat", now.into()),
        ("sub", subject(tenant, grant).into()),
        ("tid", tenant.id.to_string().into()),
    ];
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// "A pairwise identifier that is unique to an application ID."
fn subject(tenant: &Tenant, grant: &Grant) -> String {
    let object_id = grant.object_id.unwrap_or_default();
    sha256(&format!("{} {} {object_id}", tenant.id, grant.client_id))
}

/// The address that a person signs in with, else the account's own name
/// (inferred).
fn principal_name(tenant: &Tenant, grant: &Grant) -> Option<String> {
    let email = grant.claims.get("email").and_then(Value::as_str);
    let own = || Some(format!("{}@{}", grant.object_id?, tenant.domain));
    email.map(str::to_owned).or_else(own)
}
