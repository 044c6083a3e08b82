//! Parts of a policy in words.

use super::journey::{Call, Family, Page};
use super::place::clean;
use crate::policy::effective::Effective;
use crate::policy::view::{
    ContentDefinition, Precondition, PreconditionKind, ProviderKind, SessionKind, TechnicalProfile,
};

/// When a precondition holds.
///
/// A comparison with a claim that has no value never holds ("UserJourneys:
/// Preconditions"), so "is not" presupposes that there is one.
pub(super) fn condition(condition: &Precondition<'_>) -> String {
    let claim = clean(condition.claim().unwrap_or("(no claim)"));
    let value = clean(condition.value().unwrap_or_default());
    match (condition.kind(), condition.execute_actions_if()) {
        (Some(PreconditionKind::ClaimsExist), Some(true)) => format!("{claim} exists"),
        (Some(PreconditionKind::ClaimsExist), Some(false)) => format!("{claim} is missing"),
        (Some(PreconditionKind::ClaimEquals), Some(true)) => format!("{claim} is “{value}”"),
        (Some(PreconditionKind::ClaimEquals), Some(false)) => {
            format!("{claim} exists and is not “{value}”")
        }
        (kind, _) => {
            let element = condition.element;
            let written = |name| clean(element.value(name).unwrap_or("(nothing)"));
            let what = match kind {
                Some(_) => format!("ExecuteActionsIf={}", written("ExecuteActionsIf")),
                None => format!("Type={}", written("Type")),
            };
            format!("{claim}: a condition that B2C does not know ({what})")
        }
    }
}

/// What a technical profile does.
pub(super) fn does(profile: &TechnicalProfile<'_>) -> String {
    if let Some(format) = profile.output_token_format() {
        return match format {
            "JWT" => "issues a JWT".to_owned(),
            "SAML2" => "issues a SAML assertion".to_owned(),
            "OAuth2Error" => "sends an error to the app".to_owned(),
            "JSON" => "answers with user information".to_owned(),
            other => format!("issues {}", clean(other)),
        };
    }
    let words = match profile.provider() {
        None => "no protocol is stated",
        Some(ProviderKind::SelfAsserted) => "page",
        Some(ProviderKind::AzureActiveDirectory) => return directory(profile),
        Some(ProviderKind::Rest) => "REST call",
        Some(ProviderKind::ClaimsTransformation) => "claims transformation",
        Some(ProviderKind::OpenIdConnect) if is_password_check(profile) => "password check",
        Some(ProviderKind::OAuth1) => "sign-in elsewhere (OAuth 1.0)",
        Some(ProviderKind::OAuth2) => "sign-in elsewhere (OAuth 2.0)",
        Some(ProviderKind::OpenIdConnect) => "sign-in elsewhere (OpenID Connect)",
        Some(ProviderKind::Saml2) => "sign-in elsewhere (SAML)",
        Some(ProviderKind::WsFed) => "sign-in elsewhere (WS-Federation)",
        Some(ProviderKind::WsTrust) => "password check (WS-Trust)",
        Some(ProviderKind::PhoneFactor) => "phone verification",
        Some(ProviderKind::AzureMfa) => return operation("multi-factor verification", profile),
        Some(ProviderKind::OneTimePassword) => return operation("one-time code", profile),
        Some(ProviderKind::SelfServicePasswordReset) => {
            return operation("address verification", profile);
        }
        Some(ProviderKind::UserJourneyContext) => "context of the journey",
        Some(ProviderKind::ApplicationInsights) => "event for Application Insights",
        Some(ProviderKind::ConditionalAccess) => return operation("Conditional Access", profile),
        Some(ProviderKind::IdTokenHint) => "ID token of the request",
        Some(ProviderKind::Session(_)) => "session",
        Some(ProviderKind::NoProtocol) => "claims of the request",
        Some(ProviderKind::Unknown) => "a provider that B2C does not document",
    };
    words.to_owned()
}

/// What a technical profile has to do with.
pub(super) fn family(profile: &TechnicalProfile<'_>) -> Family {
    if profile.is_issuer() {
        return Family::Issuer;
    }
    match profile.provider() {
        Some(ProviderKind::SelfAsserted) => Family::Page,
        Some(ProviderKind::AzureActiveDirectory) => Family::Directory,
        Some(ProviderKind::Rest) => Family::Rest,
        Some(ProviderKind::OpenIdConnect) if is_password_check(profile) => Family::Directory,
        Some(kind) if kind.is_federation() => Family::Elsewhere,
        Some(
            ProviderKind::PhoneFactor
            | ProviderKind::AzureMfa
            | ProviderKind::OneTimePassword
            | ProviderKind::SelfServicePasswordReset,
        ) => Family::Verification,
        Some(_) | None => Family::Other,
    }
}

/// Whether it sends name and password on (`login-NonInteractive`).
fn is_password_check(profile: &TechnicalProfile<'_>) -> bool {
    let grant = profile.metadata("grant_type").or_else(|| {
        let mut claims = profile.input_claims();
        claims
            .find(|claim| claim.partner_name().or(claim.claim()) == Some("grant_type"))?
            .default_value()
    });
    grant.is_some_and(|grant| grant.eq_ignore_ascii_case("password"))
}

fn directory(profile: &TechnicalProfile<'_>) -> String {
    let verb = match profile.metadata("Operation") {
        None => return "directory, no operation stated".to_owned(),
        Some("Read") => "reads",
        Some("Write") => "writes",
        Some("DeleteClaims") => "deletes claims in",
        Some("DeleteClaimsPrincipal") => "deletes the account in",
        Some(other) => return format!("directory, {}", clean(other)),
    };
    format!("{verb} the directory")
}

fn operation(what: &str, profile: &TechnicalProfile<'_>) -> String {
    match profile.metadata("Operation") {
        Some(operation) => format!("{what}: {}", clean(operation)),
        None => what.to_owned(),
    }
}

/// Which other system a profile asks.
pub(super) fn call(profile: &TechnicalProfile<'_>) -> Option<Call> {
    match profile.provider()? {
        ProviderKind::Rest => {
            let claims_in = profile.metadata("SendClaimsIn").unwrap_or("Body");
            let reads = ["QueryString", "Header", "Url"]
                .iter()
                .any(|place| place.eq_ignore_ascii_case(claims_in));
            let proof = profile.metadata("AuthenticationType");
            Some(Call {
                address: address(profile.metadata("ServiceUrl").unwrap_or("(no ServiceUrl)")),
                method: Some(if reads { "GET" } else { "POST" }),
                authentication: Some(match proof {
                    Some("None") | None => "no authentication".to_owned(),
                    Some(other) => clean(other),
                }),
            })
        }
        ProviderKind::OAuth1
        | ProviderKind::OAuth2
        | ProviderKind::OpenIdConnect
        | ProviderKind::Saml2
            if !profile.is_issuer() =>
        {
            let keys = ["authorization_endpoint", "METADATA", "PartnerEntity"];
            let url = keys.iter().find_map(|key| profile.metadata(key))?;
            // Metadata of a SAML partner may stand in the policy itself.
            url.contains("://").then(|| Call {
                address: host(&address(url)),
                method: None,
                authentication: None,
            })
        }
        _ => None,
    }
}

/// Host and path. `https` goes without saying; who signs in by the URL is
/// nobody's business, and neither is what is asked.
fn address(url: &str) -> String {
    let url = url.trim();
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("", rest),
        Some((scheme, rest)) => (scheme, rest),
        None => ("", url),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let colon = if scheme.is_empty() { "" } else { "://" };
    clean(&format!("{scheme}{colon}{host}{path}"))
}

fn host(address: &str) -> String {
    let end = address.find('/').unwrap_or(address.len());
    address.split_at(end).0.to_owned()
}

/// The page of a content definition.
pub(super) fn page(policy: &Effective, id: &str) -> Page {
    let definition = policy.content_definition(id);
    let title = |page: &ContentDefinition<'_>| page.metadata("DisplayName").map(clean);
    Page {
        content_definition: clean(id),
        title: definition.as_ref().and_then(title),
        layout: definition.and_then(|page| page.data_uri()).map(layout),
    }
}

/// `unifiedssp 2.1.19` of
/// `urn:com:microsoft:aad:b2c:elements:contract:unifiedssp:2.1.19`.
fn layout(uri: &str) -> String {
    let mut parts = uri.trim().rsplit(':');
    match (parts.next(), parts.next()) {
        (Some(version), Some(name)) => clean(&format!("{name} {version}")),
        _ => clean(uri),
    }
}

/// What becomes of the session, with the profile that says so.
pub(super) fn session(policy: &Effective, id: &str) -> String {
    let provider = policy.technical_profile(id).and_then(|own| own.provider());
    let words = match provider {
        Some(ProviderKind::Session(SessionKind::Noop)) => "none is kept",
        Some(ProviderKind::Session(SessionKind::Default)) => "kept: not asked again",
        Some(ProviderKind::Session(SessionKind::ExternalLogin)) => "remembers the provider",
        Some(ProviderKind::Session(SessionKind::OAuth | SessionKind::Saml)) => "of the app",
        Some(_) => "no session provider",
        None => "not in the policy",
    };
    format!("{} ({words})", clean(id))
}
