//! An identity tenant that calls us: who issues, whom it is trusted for, and
//! how it spells our claims.

use std::time::Duration;

use uuid::Uuid;

use super::identity::Issuer;
use super::trust::Trust;

/// A tenant of Entra B2C or Entra External ID.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The name in paths and in the settings.
    pub name: String,
    /// The issuer that links carry.
    pub issuer: Issuer,
    /// Other issuers that its tokens may name (custom domain, `tfp` form).
    pub issuer_aliases: Vec<String>,
    /// The user flows and policies whose tokens are accepted. B2C's default
    /// issuer is the same for all of them, so this check is not optional.
    pub policies: Vec<String>,
    pub trust: Trust,
    /// What a connector's request without `identities` is taken for.
    pub missing_identities: MissingProvider,
    /// What a token without `idp` is taken for.
    pub missing_idp: MissingProvider,
    pub claims: ClaimNames,
    pub platform: Platform,
}

/// What a tenant is a tenant of. Its routes are those of its platform: on any
/// other, whoever calls for it is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platform {
    /// User flows and custom policies.
    B2c,
    ExternalId(ExternalId),
}

/// What answering custom authentication extensions takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId {
    /// The directory's own id: `tid` in tokens, `tenantId` in bodies.
    pub directory_id: Uuid,
    /// When an answer leaves us at the latest. The platform gives up somewhat
    /// later, and then nobody signs in.
    pub answer_within: Duration,
    pub email_otp: EmailOtp,
}

/// What the platform is told when it lets us send the code that proves an
/// address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailOtp {
    /// Nothing of ours sends mail, so being asked is a mistake of the tenant's.
    Refuse,
    /// The documented action that changes nothing.
    Unchanged,
}

/// What somebody is taken for of whom the platform names no provider.
///
/// User flows leave `identities` out for local accounts, and have been seen to
/// leave it out for custom OpenID Connect providers too (azure-docs#77104).
/// External ID has been seen to leave it out of every form that is sent.
/// Tokens carry `idp` for federated identities, if that claim was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingProvider {
    /// A local account.
    Local,
    /// An unknown provider: its address proves nothing.
    Unverified,
}

/// The names of the attributes that sign-ups are answered with.
///
/// B2C ignores a custom attribute by its bare name without any error, so the
/// only spellings that can be built are `extension_<app id>_<Name>` and
/// `extension_<Name>` (contracts.md §1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    pub customer_id: String,
    /// `None` where the tenant has no attribute for it.
    pub customer_link: Option<String>,
}

impl ClaimNames {
    /// `app_id` is the client id of the tenant's b2c-extensions-app without
    /// hyphens.
    pub fn new(app_id: Option<&str>, customer_id: &str, customer_link: Option<&str>) -> Self {
        let spelled = |name: &str| match app_id {
            Some(app_id) => format!("extension_{app_id}_{name}"),
            None => format!("extension_{name}"),
        };
        Self {
            customer_id: spelled(customer_id),
            customer_link: customer_link.map(spelled),
        }
    }
}

impl Tenant {
    /// Whether a token's `iss` is this tenant's, byte for byte.
    pub fn issued(&self, iss: &str) -> bool {
        self.issuer.as_str() == iss || self.issuer_aliases.iter().any(|alias| alias == iss)
    }

    /// Whether a token's `tfp` or `acr` names an accepted policy. B2C writes
    /// `acr` in lower case, whatever the policy's own spelling.
    pub fn accepts_policy(&self, policy: &str) -> bool {
        self.policies
            .iter()
            .any(|accepted| accepted.eq_ignore_ascii_case(policy))
    }
}
