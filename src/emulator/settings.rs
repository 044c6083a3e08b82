//! What a mock tenant is made of: the things an administrator would set in
//! the portal, as data.

pub(super) mod external_id;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use self::external_id::{Extension, Extensions, ExternalIdFlow, LocalMethod, MappedClaim};
use super::{Https, PolicyKey, RestRule, policies::Policies};

/// A whole tenant. [`Settings::new`] gives one with a sign-up-or-sign-in flow
/// and no applications.
pub struct Settings {
    /// Port 0 takes a free port; with a state file, the port of the run before
    /// when it is still free (the issuer contains it).
    pub listen: SocketAddr,
    /// A second door, with TLS.
    pub https: Option<Https>,
    /// What browsers and services put in front of the paths, when it is not
    /// `http://localhost:PORT`.
    pub public_url: Option<String>,
    pub tenant_id: Uuid,
    /// `contoso` makes `contoso.onmicrosoft.com`.
    pub tenant_name: String,
    /// Application id of the tenant's b2c-extensions-app: 32 hexadecimal
    /// digits, hyphens are removed.
    pub extensions_app_id: String,
    pub user_flows: Vec<UserFlow>,
    /// User flows of External ID, beside those of B2C.
    pub external_id: Vec<ExternalIdFlow>,
    /// Custom policies, served beside the user flows.
    pub policies: Policies,
    pub applications: Vec<Application>,
    /// Who is there at the start; with a state file, at the first start.
    pub seed: Vec<SeedUser>,
    /// Users and signing keys outlive a restart here.
    pub state_file: Option<PathBuf>,
    pub variants: Variants,
    /// PEM certificates that connectors' servers may chain to, besides the
    /// machine's own.
    pub connector_roots: Vec<String>,
    pub fidelity: Fidelity,
    /// What the portal calls policy keys, by the name that policies use
    /// (`StorageReferenceId`).
    pub policy_keys: BTreeMap<String, PolicyKey>,
    /// Whether there is an application that shows whoever comes what it was
    /// told of them.
    pub offers_try_it: bool,
    /// What becomes of the REST calls of policies, at the start.
    pub rest_rules: Vec<RestRule>,
}

/// What happens where policies rely on what B2C's documents do not promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// As documented, and where the documents are silent the stricter reading.
    #[default]
    Strict,
    /// The reading that lets a journey go on, with a note in its trace.
    Lenient,
}

impl Settings {
    pub fn new(tenant_name: &str) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            https: None,
            public_url: None,
            tenant_id: Uuid::from_u128(0x7c1e_0d52_3b8a_4f7e_9a61_2f0c_5d8e_4b10),
            tenant_name: tenant_name.to_owned(),
            extensions_app_id: "a3f09c1b7d6e4c58b2e1905f4d7a6c33".to_owned(),
            user_flows: vec![UserFlow::new("B2C_1_signupsignin")],
            external_id: Vec::new(),
            policies: Policies::default(),
            applications: Vec::new(),
            seed: Vec::new(),
            state_file: None,
            variants: Variants::default(),
            connector_roots: Vec::new(),
            fidelity: Fidelity::default(),
            policy_keys: BTreeMap::new(),
            offers_try_it: false,
            rest_rules: Vec::new(),
        }
    }
}

/// A "sign up and sign in" user flow, version Recommended.
#[derive(Clone)]
pub struct UserFlow {
    pub name: String,
    pub connectors: Connectors,
    /// Ticked under "User attributes": collected, persisted.
    pub attributes: Vec<Attribute>,
    /// Ticked under "Application claims": sent in the token. Built-in ones
    /// besides the attributes: `emails`, `identityProvider`, `newUser`,
    /// `objectId`.
    pub application_claims: Vec<String>,
    /// Upstream identity providers, each played by a stub page.
    pub providers: Vec<Provider>,
    /// Whether people can sign up with an address and a password.
    pub local_accounts: bool,
    /// Whether a local sign-up has to prove its address with a code.
    pub verify_email: bool,
    /// Whether a federated sign-up whose provider told no address is asked
    /// for one (proven with a code when `verify_email` is set).
    pub ask_missing_email: bool,
    pub session_scope: SessionScope,
    pub issuer: IssuerForm,
    pub policy_claim: PolicyClaim,
}

impl UserFlow {
    /// The common case: three name attributes, two social providers, verified
    /// addresses.
    pub fn new(name: &str) -> Self {
        let claims = [
            "displayName",
            "givenName",
            "surname",
            "emails",
            "identityProvider",
            "newUser",
            "objectId",
        ];
        Self {
            name: name.to_owned(),
            connectors: Connectors::default(),
            attributes: vec![
                Attribute::new("displayName").required(),
                Attribute::new("givenName"),
                Attribute::new("surname"),
            ],
            application_claims: claims.map(str::to_owned).to_vec(),
            providers: vec![
                Provider::new("google.com", "Google"),
                Provider::new("facebook.com", "Facebook"),
            ],
            local_accounts: true,
            verify_email: true,
            ask_missing_email: false,
            session_scope: SessionScope::default(),
            issuer: IssuerForm::default(),
            policy_claim: PolicyClaim::default(),
        }
    }
}

/// Who shares a single sign-on session (B2C: "Session behavior").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionScope {
    #[default]
    Tenant,
    Application,
    Policy,
    /// Every authorization asks the person again.
    Disabled,
}

/// The `iss` claim's spelling (B2C: "Token compatibility settings").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IssuerForm {
    /// `https://host/<tenant id>/v2.0/`
    #[default]
    Tenant,
    /// `https://host/tfp/<tenant id>/<policy>/v2.0/`
    Tfp,
}

/// The claim that names the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicyClaim {
    #[default]
    Tfp,
    /// The older one, which spells the policy in lower case.
    Acr,
}

/// One attribute of the directory, collected by a flow.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// `displayName`, or `extension_<Name>` for a custom attribute.
    pub name: String,
    /// What the form shows; built-in attributes have translated labels.
    pub label: Option<String>,
    pub kind: AttributeKind,
    pub required: bool,
    /// A ticked attribute can be hidden by the page's own style: it is not
    /// asked, but what a connector returns for it is persisted.
    pub visible: bool,
}

impl Attribute {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: None,
            kind: AttributeKind::String,
            required: false,
            visible: true,
        }
    }

    #[must_use]
    pub fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    #[must_use]
    pub fn hidden(self) -> Self {
        Self {
            visible: false,
            ..self
        }
    }

    #[must_use]
    pub fn kind(self, kind: AttributeKind) -> Self {
        Self { kind, ..self }
    }

    #[must_use]
    pub fn label(self, label: &str) -> Self {
        Self {
            label: Some(label.to_owned()),
            ..self
        }
    }
}

/// The three types a B2C attribute can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    String,
    Boolean,
    Integer,
}

/// An upstream identity provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What `identities[].issuer` and the `idp` claim say, as `google.com`.
    pub issuer: String,
    /// What the button says.
    pub name: String,
}

impl Provider {
    pub fn new(issuer: &str, name: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The API connectors chosen for a flow's three steps.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connectors {
    pub post_federation_signup: Option<Connector>,
    pub post_attribute_collection: Option<Connector>,
    pub pre_token_issuance: Option<Connector>,
}

impl Connectors {
    /// The same connector at all three steps.
    pub fn all(connector: &Connector) -> Self {
        Self {
            post_federation_signup: Some(connector.clone()),
            post_attribute_collection: Some(connector.clone()),
            pre_token_issuance: Some(connector.clone()),
        }
    }
}

/// An API connector with HTTP Basic.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    pub url: String,
    pub username: String,
    pub password: String,
}

/// An application registered in the tenant.
#[derive(Clone)]
pub struct Application {
    pub client_id: String,
    pub name: String,
    /// None is a public client, for which PKCE is required.
    pub secret: Option<String>,
    pub redirect_uris: Vec<String>,
    /// The redirect URIs count here too.
    pub post_logout_redirect_uris: Vec<String>,
}

/// A user who is in the directory without having signed up.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedUser {
    #[serde(alias = "objectId")]
    pub object_id: Option<Uuid>,
    /// With a password it is a sign-in name, else the first of the other
    /// addresses.
    pub email: Option<String>,
    /// With a password (and an address) the account is a local one.
    pub password: Option<String>,
    pub federated: Option<FederatedIdentity>,
    /// By kind: `emailAddress`, `userName`, `phoneNumber`, …
    #[serde(rename = "signInNames")]
    pub sign_in_names: BTreeMap<String, String>,
    /// Those behind `federated`.
    pub identities: Vec<FederatedIdentity>,
    /// `<object id>@<tenant>.onmicrosoft.com` unless stated.
    #[serde(rename = "userPrincipalName")]
    pub user_principal_name: Option<String>,
    #[serde(rename = "otherMails")]
    pub other_mails: Vec<String>,
    /// Enabled unless stated.
    #[serde(rename = "accountEnabled")]
    pub account_enabled: Option<bool>,
    #[serde(rename = "forceChangePasswordNextLogin")]
    pub force_change_password_next_login: bool,
    /// By attribute name: `displayName`, `extension_<Name>`.
    pub attributes: BTreeMap<String, Value>,
}

/// Who a person is at an upstream provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedIdentity {
    pub issuer: String,
    pub subject: String,
}

/// Choices where Microsoft's documents disagree or are silent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variants {
    pub pretoken: PreTokenVariant,
    pub local: LocalVariant,
    /// Which failures of a connector or REST call are tried a second time.
    pub retry_on: Vec<RetryOn>,
    /// How long a connector may take, each time.
    pub time_limit_ms: u64,
    /// How long a service that a RESTful technical profile calls may take, each
    /// time.
    pub rest_time_limit_ms: u64,
    pub access_token: AccessTokenVariant,
    /// How the token endpoint spells its numbers.
    pub numbers: NumberVariant,
}

impl Default for Variants {
    fn default() -> Self {
        Self {
            pretoken: PreTokenVariant::S2,
            local: LocalVariant::Email,
            retry_on: vec![RetryOn::Timeout, RetryOn::Connect],
            time_limit_ms: 5_000,
            rest_time_limit_ms: 10_000,
            access_token: AccessTokenVariant::Always,
            numbers: NumberVariant::String,
        }
    }
}

/// Two documents spell the third step differently: `s2` is `client_id` and
/// `PreTokenIssuance`, `s1` is `clientId` and `PreTokenApplicationClaims`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PreTokenVariant {
    S1,
    S2,
}

/// How a local account's address travels; nobody has published a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalVariant {
    Email,
    Identities,
}

/// A kind of failure of a connector call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryOn {
    #[serde(rename = "timeout")]
    Timeout,
    #[serde(rename = "connect")]
    Connect,
    #[serde(rename = "5xx")]
    ServerError,
}

/// The documents' sample always has an access token; live tenants are said to
/// leave it out unless a scope names a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessTokenVariant {
    Always,
    WhenScoped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberVariant {
    String,
    Number,
}
