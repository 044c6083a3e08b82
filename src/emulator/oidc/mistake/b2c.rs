//! B2C's words ("Error codes: Azure Active Directory B2C").

use super::{At, Mistake};
use crate::emulator::{oidc::OAuthError, state::Tenant};

pub(super) fn worded(mistake: &Mistake<'_>, tenant: &Tenant) -> OAuthError {
    let (error, code, text) = parts(mistake, tenant);
    OAuthError::new(error, code, text)
}

fn parts(mistake: &Mistake<'_>, tenant: &Tenant) -> (&'static str, &'static str, String) {
    let request = |code, text: &str| ("invalid_request", code, text.to_owned());
    let grant = |code, text: &str| ("invalid_grant", code, text.to_owned());
    match mistake {
        Mistake::RepeatedParameter(name) => request(
            "AADB2C90122",
            &format!("The request contains the parameter '{name}' more than once."),
        ),
        Mistake::MissingParameter(name) => request(
            "AADB2C90083",
            &format!("The request is missing required parameter: {name}."),
        ),
        Mistake::NoClientId => request(
            "AADB2C90008",
            "The request does not contain a client ID parameter.",
        ),
        Mistake::UnknownClient { client_id, at } | Mistake::NoFlow { client_id, at } => (
            match at {
                At::Authorize => "invalid_request",
                At::Token => "invalid_client",
            },
            "AADB2C90018",
            format!(
                "The client ID '{client_id}' specified in the request is not registered in tenant \
                 '{}'.",
                tenant.domain
            ),
        ),
        Mistake::UnregisteredRedirectUri {
            client_id,
            redirect_uri,
        } => request(
            "AADB2C90006",
            &format!(
                "The redirect URI '{redirect_uri}' provided in the request is not registered for \
                 the client ID '{client_id}'."
            ),
        ),
        Mistake::ResponseType(asked) => (
            "unsupported_response_type",
            "AADB2C90013",
            format!(
                "The requested response type '{asked}' provided in the request is not supported."
            ),
        ),
        Mistake::ResponseMode(asked) => request(
            "AADB2C90014",
            &format!(
                "The requested response mode '{asked}' provided in the request is not supported."
            ),
        ),
        Mistake::NoScope => request(
            "AADB2C90010",
            "The request does not contain a scope parameter.",
        ),
        Mistake::ScopeWithoutOpenId => {
            request("AADB2C90110", "The scope parameter must include 'openid'.")
        }
        Mistake::Prompt => request(
            "AADB2C90043",
            "The prompt included in the request contains invalid values. Expected 'none', \
             'login', 'consent' or 'select_account'.",
        ),
        Mistake::ChallengeMethod => request(
            "AADB2C90184",
            "The supplied code_challenge_method is not supported. Supported values are plain or \
             S256",
        ),
        Mistake::NoChallenge => request(
            "AADB2C99059",
            "The supplied request must present a code_challenge. Required for single-page apps \
             using the authorization code flow.",
        ),
        Mistake::NoForm => request(
            "AADB2C90037",
            "The request body must be application/x-www-form-urlencoded.",
        ),
        Mistake::BrokenBasic => (
            "invalid_client",
            "AADB2C90081",
            "The Authorization header is not valid HTTP Basic.".to_owned(),
        ),
        Mistake::TwoCredentials => request(
            "AADB2C90084",
            "The request authenticates the client in two ways.",
        ),
        Mistake::OtherClientId => request(
            "AADB2C90011",
            "The client ID of the body does not match that of the Authorization header.",
        ),
        Mistake::WrongSecret => (
            "invalid_client",
            "AADB2C90081",
            "The specified client_secret does not match the expected value for this client. Please \
             correct the client_secret and try again."
                .to_owned(),
        ),
        Mistake::NoSecret => request(
            "AADB2C90079",
            "Clients must send a client_secret when redeeming a confidential grant.",
        ),
        Mistake::SecretOfPublicClient => request(
            "AADB2C90084",
            "Public clients should not send a client_secret when redeeming a publicly acquired \
             grant.",
        ),
        Mistake::GrantType(asked) => (
            "unsupported_grant_type",
            "AADB2C90086",
            format!("The supplied grant_type [{asked}] is not supported."),
        ),
        Mistake::AccountGone => grant(
            "AADB2C90128",
            "The account associated with this grant no longer exists. Please reauthenticate and \
             try again.",
        ),
        Mistake::ForeignGrant => grant(
            "AADB2C90088",
            "The provided grant has not been issued for this endpoint.",
        ),
        Mistake::OtherRedirectUri { given, expected } => grant(
            "AADB2C90088",
            &format!(
                "The provided grant has not been issued for this endpoint. Actual Value : {given} \
                 and Expected Value : {expected}"
            ),
        ),
        Mistake::RedeemedCode => grant(
            "AADB2C90090",
            "The provided grant has already been redeemed.",
        ),
        Mistake::ExpiredGrant {
            now,
            issued_at,
            lifetime,
        } => grant(
            "AADB2C90080",
            &format!(
                "The provided grant has expired. Please re-authenticate and try again. Current \
                 time: {now}, Grant issued time: {issued_at}, Grant sliding window expiration \
                 time: {}.",
                issued_at.saturating_add(*lifetime)
            ),
        ),
        Mistake::MalformedVerifier => {
            grant("AADB2C90183", "The supplied code_verifier is invalid")
        }
        Mistake::WrongVerifier => grant(
            "AADB2C90182",
            "The supplied code_verifier does not match associated code_challenge",
        ),
        Mistake::UnknownRefreshToken | Mistake::RevokedGrant => grant(
            "AADB2C90129",
            "The provided grant has been revoked. Please reauthenticate and try again.",
        ),
        Mistake::UnregisteredLogoutUri(uri) => request(
            "AADB2C90067",
            &format!("The post logout redirect URI '{uri}' is not registered for any application."),
        ),
        Mistake::Internal => (
            "server_error",
            "AADB2C90085",
            "The service has encountered an internal error. Please reauthenticate and try again."
                .to_owned(),
        ),
    }
}
