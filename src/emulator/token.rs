//! What is in the tokens (B2C: "Overview of tokens in Azure AD B2C").

mod external_id;

use serde_json::{Map, Value};

use super::{
    engine::{program::Program, rules::IssuerForm},
    keys::{KeyError, Signature, half_hash, sign_token},
    oidc::Authority,
    state::{Grant, Tenant, TokenScript},
};

/// What an ID token is issued together with.
#[derive(Default)]
pub(super) struct Companions<'a> {
    pub(super) code: Option<&'a str>,
    pub(super) access_token: Option<&'a str>,
}

/// `base` is the address that the application uses.
pub(super) fn issuer(tenant: &Tenant, base: &str, program: &Program) -> String {
    let id = tenant.id;
    match program.tokens.issuer {
        IssuerForm::Tenant => format!("{base}/{id}/v2.0/"),
        IssuerForm::Tfp => format!("{base}/tfp/{id}/{}/v2.0/", program.id),
    }
}

pub(super) fn id_token(
    tenant: &Tenant,
    program: &Program,
    grant: &Grant,
    companions: &Companions<'_>,
    script: &TokenScript,
) -> Result<String, KeyError> {
    let seconds = script.lifetime_seconds;
    let seconds = seconds.unwrap_or(program.tokens.id_token_seconds);
    let companion = |name: &str, of: Option<&str>| Some((name.to_owned(), half_hash(of?).into()));
    let mut claims = match grant.authority {
        Authority::B2c => {
            let mut claims = grant.claims.clone();
            claims.extend(common(tenant, program, grant, seconds));
            claims.extend(companion("at_hash", companions.access_token));
            claims
        }
        Authority::ExternalId(issuer) => external_id::id_claims(tenant, issuer, grant, seconds),
    };
    claims.extend(companion("c_hash", companions.code));
    if let Some(nonce) = &grant.nonce {
        claims.insert("nonce".to_owned(), nonce.as_str().into());
    }
    claims.extend(script.claims.clone());
    for name in &script.remove {
        claims.remove(name);
    }
    signed(tenant, grant.authority, script, &claims)
}

/// An access token for the application itself: the same claims, and what it may
/// be used for.
pub(super) fn access_token(
    tenant: &Tenant,
    program: &Program,
    grant: &Grant,
) -> Result<String, KeyError> {
    let seconds = program.tokens.access_token_seconds;
    let mut claims = match grant.authority {
        Authority::B2c => {
            let mut claims = grant.claims.clone();
            claims.extend(common(tenant, program, grant, seconds));
            claims
        }
        Authority::ExternalId(issuer) => external_id::access_claims(tenant, issuer, grant, seconds),
    };
    claims.insert("azp".to_owned(), grant.client_id.as_str().into());
    claims.insert("scp".to_owned(), grant.scope.as_str().into());
    signed(tenant, grant.authority, &TokenScript::default(), &claims)
}

fn common(tenant: &Tenant, program: &Program, grant: &Grant, seconds: i64) -> Map<String, Value> {
    let now = tenant.now();
    let mut claims = Map::new();
    let members = [
        ("ver", "1.0".into()),
        ("iss", issuer(tenant, &grant.base_url, program).into()),
        ("aud", grant.client_id.as_str().into()),
        ("exp", now.saturating_add(seconds).into()),
        ("nbf", now.into()),
        ("iat", now.into()),
        ("auth_time", grant.auth_time.into()),
    ];
    for (name, value) in members {
        claims.insert(name.to_owned(), value);
    }
    if let Some(subject) = &grant.subject {
        claims.insert("sub".to_owned(), subject.as_str().into());
    }
    if program.tokens.has_acr {
        claims.insert("acr".to_owned(), program.id.to_lowercase().into());
    }
    claims
}

fn signed(
    tenant: &Tenant,
    authority: Authority,
    script: &TokenScript,
    claims: &Map<String, Value>,
) -> Result<String, KeyError> {
    let published = match authority {
        Authority::B2c => {
            let first = tenant.state().keys.front().cloned();
            first.ok_or(KeyError::Encoding)?
        }
        Authority::ExternalId(issuer) => tenant.entra_key(issuer)?,
    };
    let kid = script.kid.as_deref().unwrap_or(&published.kid);
    let key = match (script.signature, &script.other_key) {
        (Signature::OtherKey, Some(other)) => other,
        _ => &published,
    };
    sign_token(key, script.signature, kid, &script.header, claims)
}
