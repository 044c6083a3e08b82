//! Entra's words ("Microsoft Entra authentication and authorization error
//! codes", and messages seen in reports).

use super::{At, Mistake};
use crate::emulator::{oidc::OAuthError, state::Tenant};

pub(super) fn worded(mistake: &Mistake<'_>, tenant: &Tenant) -> OAuthError {
    let (error, code, text) = parts(mistake, tenant);
    OAuthError::new(error, code, text)
}

fn parts(mistake: &Mistake<'_>, tenant: &Tenant) -> (&'static str, &'static str, String) {
    let request = |code, text: &str| ("invalid_request", code, text.to_owned());
    let grant = |code, text: &str| ("invalid_grant", code, text.to_owned());
    let client = |code, text: &str| ("invalid_client", code, text.to_owned());
    match mistake {
        Mistake::RepeatedParameter(name) => request(
            "AADSTS90013",
            &format!("The parameter '{name}' is in the request more than once."),
        ),
        Mistake::MissingParameter(name) => missing(name),
        Mistake::NoClientId => missing("client_id"),
        Mistake::NoForm => missing("grant_type"),
        Mistake::NoScope => missing("scope"),
        Mistake::UnknownClient { client_id, at } => unknown(
            *at,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'. \
                 This can happen if the application has not been installed by the administrator of \
                 the tenant or consented to by any user in the tenant. You may have sent your \
                 authentication request to the wrong tenant.",
                tenant.domain
            ),
        ),
        Mistake::NoFlow { client_id, at } => unknown(
            *at,
            format!(
                "No External ID user flow of the directory '{}' has the application '{client_id}'.",
                tenant.domain
            ),
        ),
        Mistake::UnregisteredRedirectUri {
            client_id,
            redirect_uri,
        } => request(
            "AADSTS50011",
            &format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the \
                 redirect URIs configured for the application '{client_id}'. Make sure the \
                 redirect URI sent in the request matches one added to your application in the \
                 Azure portal."
            ),
        ),
        Mistake::ResponseType(asked) => (
            "unsupported_response_type",
            "AADSTS70005",
            format!(
                "The provided value for the input parameter 'response_type' is not allowed: \
                 '{asked}'."
            ),
        ),
        Mistake::ResponseMode(asked) => request(
            "AADSTS70007",
            &format!(
                "'{asked}' is not a supported value of 'response_mode' when requesting a token."
            ),
        ),
        Mistake::ScopeWithoutOpenId => (
            "invalid_scope",
            "AADSTS70011",
            "The provided value for the input parameter 'scope' is not valid: it does not include \
             'openid'."
                .to_owned(),
        ),
        Mistake::Prompt => request(
            "AADSTS90023",
            "Unsupported 'prompt' value. Expected 'none', 'login', 'consent' or 'select_account'.",
        ),
        Mistake::ChallengeMethod => request(
            "AADSTS501491",
            "Invalid size of Code_Challenge parameter, or a code_challenge_method that is neither \
             'plain' nor 'S256'.",
        ),
        Mistake::NoChallenge => request(
            "AADSTS9002325",
            "Proof Key for Code Exchange is required for cross-origin authorization code \
             redemption.",
        ),
        Mistake::BrokenBasic => client(
            "AADSTS7000215",
            "Invalid client secret provided: the Authorization header is not valid HTTP Basic.",
        ),
        Mistake::TwoCredentials => request(
            "AADSTS70002",
            "The request authenticates the client in two ways.",
        ),
        Mistake::OtherClientId => request(
            "AADSTS70002",
            "The client id of the body does not match that of the Authorization header.",
        ),
        Mistake::WrongSecret => client(
            "AADSTS7000215",
            "Invalid client secret provided. Ensure the secret being sent in the request is the \
             client secret value, not the client secret ID.",
        ),
        Mistake::NoSecret => client(
            "AADSTS7000218",
            "The request body must contain the following parameter: 'client_assertion' or \
             'client_secret'.",
        ),
        Mistake::SecretOfPublicClient => client(
            "AADSTS700025",
            "Client is public so neither 'client_assertion' nor 'client_secret' should be \
             presented.",
        ),
        Mistake::GrantType(asked) => (
            "unsupported_grant_type",
            "AADSTS70003",
            format!("The app requested an unsupported grant type '{asked}'."),
        ),
        Mistake::AccountGone => grant(
            "AADSTS50034",
            "The user account does not exist in the directory.",
        ),
        Mistake::ForeignGrant => grant(
            "AADSTS70000",
            "The provided value for the input parameter 'code' or 'refresh_token' is not valid.",
        ),
        Mistake::OtherRedirectUri { given, .. } => grant(
            "AADSTS500112",
            &format!(
                "The reply address '{given}' does not match the reply address provided when \
                 requesting Authorization code."
            ),
        ),
        Mistake::RedeemedCode => grant(
            "AADSTS54005",
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or \
             use an existing refresh token.",
        ),
        Mistake::ExpiredGrant { .. } => grant(
            "AADSTS70008",
            "The provided authorization code or refresh token has expired due to inactivity. Send a \
             new interactive authorization request for this user and resource.",
        ),
        Mistake::MalformedVerifier | Mistake::WrongVerifier => grant(
            "AADSTS501481",
            "The Code_Verifier does not match the code_challenge supplied in the authorization \
             request.",
        ),
        Mistake::UnknownRefreshToken => grant(
            "AADSTS70000",
            "The provided value for the input parameter 'refresh_token' is not valid.",
        ),
        Mistake::RevokedGrant => grant(
            "AADSTS50173",
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. \
             The user might have changed or reset their password.",
        ),
        Mistake::UnregisteredLogoutUri(uri) => request(
            "AADSTS50011",
            &format!("The post logout redirect URI '{uri}' is not registered."),
        ),
        Mistake::Internal => (
            "server_error",
            "AADSTS50000",
            "There was an error issuing a token or an issue with our sign-in service.".to_owned(),
        ),
    }
}

fn missing(name: &str) -> (&'static str, &'static str, String) {
    let text = format!("The request body must contain the following parameter: '{name}'.");
    ("invalid_request", "AADSTS900144", text)
}

fn unknown(at: At, text: String) -> (&'static str, &'static str, String) {
    let error = match at {
        At::Authorize => "unauthorized_client",
        At::Token => "invalid_client",
    };
    (error, "AADSTS700016", text)
}

/// A journey's end as Entra would tell of it. The engine's own failures have no
/// counterpart but the general one.
pub(super) fn reworded(error: OAuthError) -> OAuthError {
    match error.code.as_ref() {
        "AADB2C90091" | "AADB2C90273" => OAuthError::new(
            "access_denied",
            CANCELLED,
            "User declined to consent to access the app.",
        ),
        "AADB2C90077" => OAuthError::new(
            "login_required",
            "AADSTS50058",
            "A silent sign-in request was sent but no user is signed in.",
        ),
        code if code.starts_with("AADSTS") => error,
        _ => OAuthError::new(
            "server_error",
            "AADSTS50000",
            format!(
                "There was an error issuing a token or an issue with our sign-in service. ({}: {})",
                error.code, error.text
            ),
        ),
    }
}

pub(in crate::emulator::oidc) const CANCELLED: &str = "AADSTS65004";
