//! The page that plays an upstream provider: the tester says who comes back.

use std::collections::BTreeMap;

use serde_json::Map;

use super::Visit;
use crate::emulator::{
    engine::{
        form::is_address,
        journey::{Next, Waiting},
        program::Program,
        value::{Kind, Value},
    },
    judge::MAX_STORED,
    keys::digits,
    params::Params,
    state::{Tenant, random_id},
    text::Texts,
};
use crate::policy::view::{ProviderKind, TechnicalProfile};

/// Something that a provider may tell.
pub(super) struct Told<'a> {
    pub(super) claim: &'a str,
    /// The provider's name for it.
    pub(super) name: &'a str,
    pub(super) part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The person's id there.
    Subject,
    Email,
    Other,
}

/// What the policy takes from the provider. What it always sets itself is not
/// asked.
pub(super) fn told<'a>(program: &'a Program, profile: &TechnicalProfile<'a>) -> Vec<Told<'a>> {
    let protocol = match profile.provider() {
        Some(ProviderKind::OpenIdConnect) => "OpenIdConnect",
        _ => "OAuth2",
    };
    let mut told = Vec::new();
    for reference in profile.output_claims() {
        let Some(claim) = reference.claim() else {
            continue;
        };
        let is_own = reference.default_value().is_some() && reference.partner_name().is_none();
        if reference.always_use_default() || is_own {
            continue;
        }
        let claim_type = program.claim_type(claim);
        let usual = claim_type.and_then(|claim| claim.default_partner_name(protocol));
        let name = reference.partner_name().or(usual).unwrap_or(claim);
        told.push(Told {
            claim,
            name,
            part: part(claim, name),
        });
    }
    told
}

fn part(claim: &str, name: &str) -> Part {
    let is = |text: &str, known: &[&str]| known.iter().any(|k| k.eq_ignore_ascii_case(text));
    let subjects = ["issuerUserId", "socialIdpUserId", "userId"];
    if is(claim, &subjects) || is(name, &["sub", "oid", "id", "user_id"]) {
        return Part::Subject;
    }
    match is(claim, &["email"]) || is(name, &["email", "emails", "mail"]) {
        true => Part::Email,
        false => Part::Other,
    }
}

pub(super) async fn submit(visit: &mut Visit, tenant: &Tenant, form: &Params) -> Next {
    let program = visit.journey.program.clone();
    let Some(Waiting::Provider(at)) = visit.journey.waiting() else {
        return Next::Page;
    };
    let Some(profile) = program.profile(&at.profile) else {
        return Next::Page;
    };
    let t = Texts::for_tag(&visit.journey.context.tag).1;
    let told = told(&program, &profile);
    let email = match form.get("no_email") {
        Some(_) => None,
        None => told
            .iter()
            .find(|told| told.part == Part::Email)
            .and_then(|told| form.trimmed(told.claim)),
    };
    if email.is_some_and(|email| !is_address(email)) {
        return visit.journey.provider_stays(t.invalid_email);
    }
    let mut members = Map::new();
    for one in &told {
        let typed = match one.part {
            Part::Email => email.map(str::to_owned),
            Part::Other => form.trimmed(one.claim).map(str::to_owned),
            Part::Subject => {
                let typed = form.trimmed(one.claim).map(str::to_owned);
                let derived = || email.map(|email| upstream_id(issuer(&profile), email));
                match typed.or_else(derived) {
                    Some(subject) => Some(subject),
                    None => return visit.journey.provider_stays(t.need_subject),
                }
            }
        };
        let Some(typed) = typed else {
            continue;
        };
        if typed.chars().count() > MAX_STORED {
            return visit.journey.provider_stays(t.too_long);
        }
        let kind = program.kind(one.claim);
        let value = Value::read(&typed, kind).unwrap_or(Value::Text(typed));
        let json = match (kind, value) {
            (Kind::Text, value) => value.text().into(),
            (_, value) => value.to_json(),
        };
        members.insert(one.name.to_owned(), json);
    }
    visit
        .journey
        .returned_from_provider(tenant, members, tokens())
        .await
}

/// What a provider's token endpoint would have given.
fn tokens() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("access_token".to_owned(), random_id()),
        ("refresh_token".to_owned(), random_id()),
        ("token_type".to_owned(), "Bearer".to_owned()),
        ("expires_in".to_owned(), "3600".to_owned()),
    ])
}

/// An address is the same person at the provider each time.
fn upstream_id(issuer: &str, email: &str) -> String {
    digits(&format!("{issuer} {}", email.to_lowercase()))
}

/// What the policy calls the provider (`identityProvider`), else the profile.
fn issuer<'a>(profile: &TechnicalProfile<'a>) -> &'a str {
    let mut claims = profile.output_claims();
    let named = claims.find(|claim| {
        claim
            .claim()
            .is_some_and(|claim| claim.eq_ignore_ascii_case("identityProvider"))
    });
    named
        .and_then(|claim| claim.default_value())
        .unwrap_or(profile.id())
}
