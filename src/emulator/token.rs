//! What is in the tokens (B2C: "Overview of tokens in Azure AD B2C").

use serde_json::{Map, Value, json};

use super::{
    directory::User,
    keys::{KeyError, Signature, half_hash, sign_token},
    settings::{IssuerForm, PolicyClaim, UserFlow},
    state::{Grant, Tenant, TokenScript},
};

pub(super) const LIFETIME_SECONDS: i64 = 3_600;

/// What an ID token is issued together with.
#[derive(Default)]
pub(super) struct Companions<'a> {
    pub(super) code: Option<&'a str>,
    pub(super) access_token: Option<&'a str>,
}

pub(super) fn issuer(tenant: &Tenant, flow: &UserFlow) -> String {
    match flow.issuer {
        IssuerForm::Tenant => format!("{}/{}/v2.0/", tenant.base_url, tenant.id),
        IssuerForm::Tfp => format!("{}/tfp/{}/{}/v2.0/", tenant.base_url, tenant.id, flow.name),
    }
}

pub(super) fn id_token(
    tenant: &Tenant,
    flow: &UserFlow,
    grant: &Grant,
    user: &User,
    companions: &Companions<'_>,
    script: &TokenScript,
) -> Result<String, KeyError> {
    let mut claims = common(tenant, flow, grant, script.lifetime_seconds);
    claims.extend(application_claims(flow, grant, user));
    let companion = |name: &str, of: Option<&str>| Some((name.to_owned(), half_hash(of?).into()));
    claims.extend(companion("c_hash", companions.code));
    claims.extend(companion("at_hash", companions.access_token));
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".to_owned(), nonce.as_str().into());
    }
    claims.extend(script.claims.clone());
    for name in &script.remove {
        claims.remove(name);
    }
    signed(tenant, script, &claims)
}

/// An access token for the application itself.
pub(super) fn access_token(
    tenant: &Tenant,
    flow: &UserFlow,
    grant: &Grant,
) -> Result<String, KeyError> {
    let mut claims = common(tenant, flow, grant, None);
    claims.insert("oid".to_owned(), grant.object_id.to_string().into());
    claims.insert("azp".to_owned(), grant.client_id.as_str().into());
    claims.insert("scp".to_owned(), grant.scope.as_str().into());
    signed(tenant, &TokenScript::default(), &claims)
}

fn common(
    tenant: &Tenant,
    flow: &UserFlow,
    grant: &Grant,
    lifetime: Option<i64>,
) -> Map<String, Value> {
    let now = tenant.now();
    let (policy, name) = match flow.policy_claim {
        PolicyClaim::Tfp => ("tfp", flow.name.clone()),
        PolicyClaim::Acr => ("acr", flow.name.to_lowercase()),
    };
    let mut claims = Map::new();
    let members = [
        ("ver", "1.0".into()),
        ("iss", issuer(tenant, flow).into()),
        ("sub", grant.object_id.to_string().into()),
        ("aud", grant.client_id.as_str().into()),
        (
            "exp",
            now.saturating_add(lifetime.unwrap_or(LIFETIME_SECONDS))
                .into(),
        ),
        ("nbf", now.into()),
        ("iat", now.into()),
        ("auth_time", grant.auth_time.into()),
        (policy, name.into()),
    ];
    for (name, value) in members {
        claims.insert(name.to_owned(), value);
    }
    claims
}

/// What the flow has ticked. A value that a connector returned before the
/// token overrides the directory's, and one that is empty is left out
/// (inferred: no document says what an empty claim becomes).
fn application_claims(flow: &UserFlow, grant: &Grant, user: &User) -> Map<String, Value> {
    let mut claims = Map::new();
    for name in &flow.application_claims {
        let value = match name.as_str() {
            "objectId" => Some(user.object_id.to_string().into()),
            "emails" => user.email().map(|email| json!([email])),
            "identityProvider" => user.federated().map(|f| f.issuer.as_str().into()),
            "newUser" => grant.is_new.then_some(Value::Bool(true)),
            other => grant
                .token_claims
                .get(other)
                .or_else(|| user.attributes.get(other))
                .cloned(),
        };
        if let Some(value) = value.filter(|value| value.as_str() != Some("")) {
            claims.insert(token_name(name).to_owned(), value);
        }
    }
    claims
}

pub(super) fn token_name(claim: &str) -> &str {
    match claim {
        "objectId" => "oid",
        "identityProvider" => "idp",
        "displayName" => "name",
        "givenName" => "given_name",
        "surname" => "family_name",
        other => other,
    }
}

fn signed(
    tenant: &Tenant,
    script: &TokenScript,
    claims: &Map<String, Value>,
) -> Result<String, KeyError> {
    let published = tenant.state().keys.front().cloned();
    let published = published.ok_or(KeyError::Encoding)?;
    let kid = script.kid.as_deref().unwrap_or(&published.kid);
    let key = match (script.signature, &script.other_key) {
        (Signature::OtherKey, Some(other)) => other,
        _ => &published,
    };
    sign_token(key, script.signature, kid, &script.header, claims)
}
