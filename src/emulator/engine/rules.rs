//! What a policy says of its tokens and of the session, in its issuer's profile
//! and in `UserJourneyBehaviors`.

use crate::policy::{
    effective::Effective,
    view::{RelyingParty, StepKind, TechnicalProfile},
};

/// Lifetimes in seconds, and how tokens are spelt ("Define a technical profile
/// for a JWT token issuer").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRules {
    pub(crate) issuer: IssuerForm,
    /// Whether `acr` names the policy.
    pub(crate) has_acr: bool,
    pub(crate) access_token_seconds: i64,
    pub(crate) id_token_seconds: i64,
    pub(crate) refresh_token_seconds: i64,
    /// How long refresh tokens may follow one another; `None`: for ever.
    pub(crate) refresh_window_seconds: Option<i64>,
    /// `SendTokenResponseBodyWithJsonNumbers`, where it is said.
    pub(crate) json_numbers: Option<bool>,
}

/// `IssuanceClaimPattern`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IssuerForm {
    /// `https://host/<tenant id>/v2.0/`
    #[default]
    Tenant,
    /// `https://host/tfp/<tenant id>/<policy>/v2.0/`
    Tfp,
}

/// "Configure session behavior".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionRules {
    pub(crate) is_rolling: bool,
    pub(crate) seconds: i64,
    /// `KeepAliveInDays`: 0 is no "keep me signed in".
    pub(crate) keep_alive_days: i64,
}

impl TokenRules {
    pub(crate) fn of(effective: &Effective, journey: &str) -> Self {
        let issuer = issuer(effective, journey);
        let seconds = |key: &str, default: i64| {
            let written = issuer.and_then(|issuer| issuer.metadata(key));
            written
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        let says = |key: &str, value: &str| {
            let written = issuer.and_then(|issuer| issuer.metadata(key));
            written.is_some_and(|written| written.eq_ignore_ascii_case(value))
        };
        let is_endless = issuer
            .and_then(|issuer| issuer.metadata_flag("allow_infinite_rolling_refresh_token"))
            .unwrap_or(false);
        Self {
            issuer: match says("IssuanceClaimPattern", "AuthorityWithTfp") {
                true => IssuerForm::Tfp,
                false => IssuerForm::Tenant,
            },
            has_acr: !says("AuthenticationContextReferenceClaimPattern", "None"),
            access_token_seconds: seconds("token_lifetime_secs", 3_600),
            id_token_seconds: seconds("id_token_lifetime_secs", 3_600),
            refresh_token_seconds: seconds("refresh_token_lifetime_secs", 1_209_600),
            refresh_window_seconds: (!is_endless)
                .then(|| seconds("rolling_refresh_token_lifetime_secs", 7_776_000)),
            json_numbers: issuer
                .and_then(|issuer| issuer.metadata_flag("SendTokenResponseBodyWithJsonNumbers")),
        }
    }
}

/// The profile that issues the journey's tokens: the first that is no error.
fn issuer<'a>(effective: &'a Effective, journey: &str) -> Option<TechnicalProfile<'a>> {
    let journey = effective.journey(journey)?;
    let steps = journey.steps();
    let send = steps
        .iter()
        .filter(|step| step.kind() == Some(StepKind::SendClaims));
    let named = send.filter_map(|step| step.issuer().or(journey.default_issuer()));
    let mut issuers = named.filter_map(|id| effective.technical_profile(id.trim()));
    issuers.find(|issuer| {
        issuer
            .output_token_format()
            .is_some_and(|format| format.eq_ignore_ascii_case("JWT"))
    })
}

impl SessionRules {
    pub(crate) fn of(party: &RelyingParty<'_>) -> Self {
        let behaviors = party.behaviors();
        let text = |name: &str| behaviors.and_then(|behaviors| behaviors.child_text(name));
        let sign_on = behaviors.and_then(|behaviors| behaviors.child("SingleSignOn"));
        let days = sign_on.and_then(|sign_on| sign_on.value("KeepAliveInDays"));
        Self {
            is_rolling: !text("SessionExpiryType")
                .is_some_and(|kind| kind.eq_ignore_ascii_case("Absolute")),
            seconds: text("SessionExpiryInSeconds")
                .and_then(|text| text.parse().ok())
                .unwrap_or(86_400),
            keep_alive_days: days.and_then(|days| days.parse().ok()).unwrap_or(0),
        }
    }
}
