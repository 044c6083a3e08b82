//! What runs a technical profile that shows no page. Each provider takes the
//! input claims and tells what the other side said; everything around it (the
//! transformations, the output claims, the session) is the same for all and is
//! done in `engine/profile.rs`.

mod connector;
mod directory;
mod extension;
mod password;
mod rest;
mod told;

use super::{
    Scene,
    failure::Failure,
    mapping::{Given, Input},
    trace::ProfileRecord,
};
use crate::{
    emulator::{audit::Dialect, external_id::flow::EXTENSION_HANDLER},
    policy::view::{ProviderKind, TechnicalProfile},
};

/// One execution of a profile.
pub(crate) struct Call<'a> {
    /// The claims, the request, the tenant.
    pub(crate) scene: Scene<'a>,
    pub(crate) profile: TechnicalProfile<'a>,
    pub(crate) inputs: &'a [Input],
    pub(crate) place: CallPlace<'a>,
}

/// Where the journey calls the profile.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CallPlace<'a> {
    /// A step of its own.
    Step { order: u32, exchange: &'a str },
    /// Behind a page.
    Validation,
}

impl Call<'_> {
    /// The value that goes under a name, whatever its case.
    pub(crate) fn input(&self, name: &str) -> Option<&Input> {
        let mut inputs = self.inputs.iter();
        inputs.find(|input| input.name.eq_ignore_ascii_case(name))
    }
}

/// Who a profile is run by, in the words of a trace.
pub(crate) fn provider_name(profile: &TechnicalProfile<'_>) -> &'static str {
    match profile.provider() {
        Some(ProviderKind::SelfAsserted) => "Self-asserted page",
        Some(ProviderKind::AzureActiveDirectory) => "Directory",
        Some(ProviderKind::Rest) => "REST",
        Some(ProviderKind::ClaimsTransformation) => "Claims transformation",
        Some(ProviderKind::OpenIdConnect) if is_password_sign_in(profile) => "Password sign-in",
        Some(ProviderKind::OpenIdConnect | ProviderKind::OAuth2) => "Identity provider",
        Some(ProviderKind::ApplicationInsights) => "Application Insights",
        Some(ProviderKind::UserJourneyContext) => "Journey context",
        Some(ProviderKind::Unknown) if is_extension(profile) => "Custom authentication extension",
        Some(ProviderKind::Unknown) => "API connector",
        _ => "Other",
    }
}

fn is_extension(profile: &TechnicalProfile<'_>) -> bool {
    let protocol = profile.protocol();
    protocol.and_then(|protocol| protocol.value("Handler")) == Some(EXTENSION_HANDLER)
}

/// Whether a profile of OpenID Connect asks Entra with a password instead of
/// sending the person there (`login-NonInteractive`).
pub(crate) fn is_password_sign_in(profile: &TechnicalProfile<'_>) -> bool {
    profile.provider() == Some(ProviderKind::OpenIdConnect)
        && profile.input_claims().any(|claim| {
            let is = |name: Option<&str>| {
                name.is_some_and(|name| name.eq_ignore_ascii_case("grant_type"))
            };
            (is(claim.claim()) || is(claim.partner_name()))
                && claim.default_value() == Some("password")
        })
}

pub(crate) async fn execute(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Given, Failure> {
    match call.profile.provider() {
        Some(ProviderKind::AzureActiveDirectory) => directory::execute(call, record),
        Some(ProviderKind::OpenIdConnect) => password::execute(call, record),
        Some(ProviderKind::Rest) => rest::execute(call, record).await,
        // Nothing but transformations happens in the first; the others are
        // told nothing here.
        Some(
            ProviderKind::ClaimsTransformation
            | ProviderKind::ApplicationInsights
            | ProviderKind::UserJourneyContext,
        ) => Ok(Given::default()),
        Some(ProviderKind::Unknown) if call.scene.program.dialect == Dialect::UserFlow => {
            connector::execute(call, record).await
        }
        Some(ProviderKind::Unknown) if call.scene.program.dialect == Dialect::ExternalId => {
            extension::execute(call, record).await
        }
        // Refused when the policy is loaded (`support.rs`).
        _ => Err(Failure::technical(
            "AADB2C90085",
            format!(
                "The emulator does not run the technical profile '{}'.",
                call.profile.id()
            ),
        )),
    }
}
