//! The end of a journey: the claims that tokens are made of, or an error that
//! the policy itself sends.

use serde_json::{Map, Value as Json};

use super::{Scene, bag::Bag, failure::Failure, mapping::default_value, trace::Note, value::Value};
use crate::{
    emulator::{audit::Dialect, flow_policy::WHO},
    policy::view::TechnicalProfile,
};

/// What an application's tokens say of the person, and what the issuer's
/// profile says of the tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issued {
    /// By the names in the token, without those of the protocol (`iss`, `exp`,
    /// `nonce`, …).
    pub(crate) claims: Map<String, Json>,
    pub(crate) subject: Option<String>,
    /// The account, where the journey has one: a refresh token ends with it.
    pub(crate) object_id: Option<String>,
    /// The claims that say who signed in, of a user flow.
    pub(crate) who: Bag,
}

/// The relying party's output claims ("Relying party: OutputClaims").
pub(super) fn issued(scene: &Scene<'_>, notes: &mut Vec<Note>) -> Result<Issued, Failure> {
    let party = scene.program.relying_party();
    let Some(profile) = party.and_then(|party| party.profile()) else {
        return Err(Failure::technical(
            "AADB2C90040",
            "User journey does not contain a send claims step.",
        ));
    };
    let is_user_flow = scene.program.dialect == Dialect::UserFlow;
    let mut claims = Map::new();
    for reference in profile.output_claims() {
        let Some(claim) = reference.claim() else {
            continue;
        };
        let claim_type = scene.program.claim_type(claim);
        let usual = claim_type.and_then(|claim| claim.default_partner_name("OpenIdConnect"));
        let name = reference.partner_name().or(usual).unwrap_or(claim);
        let default = default_value(scene, &profile, &reference, claim, notes);
        let value = match reference.always_use_default() {
            true => default,
            false => scene.bag.get(claim).cloned().or(default),
        };
        // Claims without a value are left out of tokens; a user flow's also
        // where a connector told an empty one.
        let is_left_out = |value: &Value| is_user_flow && value.is_empty();
        if let Some(value) = value.filter(|value| !is_left_out(value)) {
            claims.insert(name.to_owned(), token_value(scene, &value));
        }
    }
    let object_id = scene.bag.get("objectId").map(Value::text);
    let mut who = Bag::default();
    for claim in WHO {
        if let Some(value) = scene.bag.get(claim) {
            who.set(claim, value.clone());
        }
    }
    Ok(Issued {
        subject: subject(&profile, &mut claims)?,
        claims,
        object_id,
        who,
    })
}

/// `{policy}` stands for the policy's id in the relying party's claims (`tfp`
/// is sent so).
fn token_value(scene: &Scene<'_>, value: &Value) -> Json {
    match value {
        Value::Text(text) if text.eq_ignore_ascii_case("{policy}") => {
            scene.program.id.as_str().into()
        }
        Value::Moment(moment) => moment.unix_timestamp().into(),
        value => value.to_json(),
    }
}

/// `SubjectNamingInfo` names the claim by what it is called in the token.
fn subject(
    profile: &TechnicalProfile<'_>,
    claims: &mut Map<String, Json>,
) -> Result<Option<String>, Failure> {
    let Some(name) = profile
        .subject_naming()
        .and_then(|naming| naming.value("ClaimType"))
    else {
        return Ok(None);
    };
    let value = claims.get(name).map(|value| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    });
    match value {
        Some(value) => Ok(Some(value)),
        None => Err(Failure::technical(
            "AADB2C90037",
            format!(
                "An error occurred while processing the request: the claim '{name}', which \
                 SubjectNamingInfo names, has no value."
            ),
        )),
    }
}

/// What a profile whose `OutputTokenFormat` is `OAuth2Error` sends ("Return
/// error to the application").
pub(super) fn own_error(code: &str, message: &str) -> Failure {
    let mut failure = Failure::technical("", message);
    failure.error = "access_denied";
    failure.code = format!("AAD_Custom_{code}");
    failure
}
