//! What runs a technical profile.

use crate::policy::xml::Element;

/// The provider behind a technical profile, by the name and handler of its
/// `Protocol` ("TechnicalProfiles: Protocol", custom policy reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    SelfAsserted,
    AzureActiveDirectory,
    Rest,
    ClaimsTransformation,
    OAuth1,
    OAuth2,
    OpenIdConnect,
    Saml2,
    WsFed,
    WsTrust,
    PhoneFactor,
    AzureMfa,
    OneTimePassword,
    /// Verifies and resets passwords and codes through the directory.
    SelfServicePasswordReset,
    UserJourneyContext,
    ApplicationInsights,
    ConditionalAccess,
    IdTokenHint,
    Session(SessionKind),
    /// `None`: issues what its token format says, or reads claims of the
    /// request.
    NoProtocol,
    /// A handler that the documents do not name.
    Unknown,
}

/// The session providers ("Configure single sign-on session providers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    Noop,
    Default,
    ExternalLogin,
    OAuth,
    Saml,
}

/// Handlers by their class, without the assembly behind the comma.
const HANDLERS: [(&str, ProviderKind); 17] = [
    (
        "Web.TPEngine.Providers.SelfAssertedAttributeProvider",
        ProviderKind::SelfAsserted,
    ),
    (
        "Web.TPEngine.Providers.AzureActiveDirectoryProvider",
        ProviderKind::AzureActiveDirectory,
    ),
    ("Web.TPEngine.Providers.RestfulProvider", ProviderKind::Rest),
    (
        "Web.TPEngine.Providers.ClaimsTransformationProtocolProvider",
        ProviderKind::ClaimsTransformation,
    ),
    (
        "Web.TPEngine.Providers.PhoneFactorProtocolProvider",
        ProviderKind::PhoneFactor,
    ),
    (
        "Web.TPEngine.Providers.AzureMfaProtocolProvider",
        ProviderKind::AzureMfa,
    ),
    (
        "Web.TPEngine.Providers.OneTimePasswordProtocolProvider",
        ProviderKind::OneTimePassword,
    ),
    (
        "Web.TPEngine.Providers.AadSsprProtocolProvider",
        ProviderKind::SelfServicePasswordReset,
    ),
    (
        "Web.TPEngine.Providers.UserJourneyContextProvider",
        ProviderKind::UserJourneyContext,
    ),
    (
        "Web.TPEngine.Providers.Insights.AzureApplicationInsightsProvider",
        ProviderKind::ApplicationInsights,
    ),
    (
        "Web.TPEngine.Providers.AzureApplicationInsightsProvider",
        ProviderKind::ApplicationInsights,
    ),
    (
        "Web.TPEngine.Providers.ConditionalAccessProtocolProvider",
        ProviderKind::ConditionalAccess,
    ),
    (
        "Web.TPEngine.SSO.NoopSSOSessionProvider",
        ProviderKind::Session(SessionKind::Noop),
    ),
    (
        "Web.TPEngine.SSO.DefaultSSOSessionProvider",
        ProviderKind::Session(SessionKind::Default),
    ),
    (
        "Web.TPEngine.SSO.ExternalLoginSSOSessionProvider",
        ProviderKind::Session(SessionKind::ExternalLogin),
    ),
    (
        "Web.TPEngine.SSO.OAuthSSOSessionProvider",
        ProviderKind::Session(SessionKind::OAuth),
    ),
    (
        "Web.TPEngine.SSO.SamlSSOSessionProvider",
        ProviderKind::Session(SessionKind::Saml),
    ),
];

impl ProviderKind {
    /// Of a `Protocol` element.
    pub(super) fn of(protocol: &Element) -> Self {
        match protocol.value("Name").unwrap_or_default().trim() {
            "None" => Self::NoProtocol,
            "OAuth1" => Self::OAuth1,
            "OAuth2" => Self::OAuth2,
            "OpenIdConnect" => Self::OpenIdConnect,
            "SAML2" => Self::Saml2,
            "WsFed" => Self::WsFed,
            "WsTrust" => Self::WsTrust,
            "Proprietary" => Self::of_handler(protocol.value("Handler").unwrap_or_default()),
            _ => Self::Unknown,
        }
    }

    fn of_handler(handler: &str) -> Self {
        let class = handler.split(',').next().unwrap_or_default().trim();
        HANDLERS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(class))
            .map_or(Self::Unknown, |(_, kind)| *kind)
    }

    /// Whether a person signs in elsewhere and comes back.
    pub fn is_federation(self) -> bool {
        matches!(
            self,
            Self::OAuth1 | Self::OAuth2 | Self::OpenIdConnect | Self::Saml2 | Self::WsFed
        )
    }
}
