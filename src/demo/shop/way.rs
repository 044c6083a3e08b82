//! A way to sign in: an application that is registered somewhere.

/// Which of the three sign-in platforms is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    CustomPolicy,
    UserFlow,
    ExternalId,
}

/// A registered application, and where whoever tries the demo may watch it.
#[derive(Clone, Debug)]
pub struct Way {
    pub dialect: Dialect,
    /// Its OpenID Connect metadata: those of the site, or the tenant's own.
    pub metadata_url: String,
    pub client_id: String,
    pub client_secret: String,
    /// The page with the codes that the tenant has sent.
    pub mailbox: String,
    /// Leads to what happened in a journey, once its `client-request-id` is
    /// appended.
    pub trace: String,
}

impl Dialect {
    /// As addresses and element ids spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CustomPolicy => "custom-policy",
            Self::UserFlow => "user-flow",
            Self::ExternalId => "external-id",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [Self::CustomPolicy, Self::UserFlow, Self::ExternalId];
        all.into_iter().find(|dialect| dialect.name() == name)
    }

    /// B2C sends what its policy says; External ID sends name and address for
    /// a scope each.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::CustomPolicy | Self::UserFlow => "openid",
            Self::ExternalId => "openid profile email",
        }
    }

    /// What idlink is told when it redeems a code: it checks the nonce, and
    /// speaks the language when it has to refuse. External ID's number is in
    /// the token already, and its own token endpoint knows neither.
    pub(super) fn told_to_idlink<'a>(
        self,
        nonce: &'a str,
        language: &'a str,
    ) -> Vec<(&'static str, &'a str)> {
        match self {
            Self::CustomPolicy | Self::UserFlow => vec![("nonce", nonce), ("ui_locales", language)],
            Self::ExternalId => Vec::new(),
        }
    }
}
