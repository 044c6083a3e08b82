//! A call of a RESTful technical profile, placed as a custom policy places it
//! and read as the policy reads it. Policies themselves are not run here: the
//! caller says which claims the profile sends and where it stands.
//!
//! Sources: Microsoft's "RESTful technical profile" and "Validation technical
//! profile" references; error texts are those of published reports.

pub(super) mod judge;
pub(super) mod request;
pub(super) mod trouble;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::{
    judge::{Judgement, Reading, Verdict, judge},
    request::{Sending, Unsendable, outgoing},
    trouble::{REQUEST_FAILED, TIMED_OUT, Telling, Trouble},
};
use super::{
    ScriptError,
    audit::{Audit, Dialect},
    exchange::{Call, Patience},
    settings::RetryOn,
    state::{Tenant, error_timestamp},
};

/// A technical profile, what it sends, and where the policy calls it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyCall {
    pub policy: String,
    pub technical_profile: String,
    pub service_url: String,
    pub send_claims_in: SendClaimsIn,
    pub authentication: PolicyAuthentication,
    /// By the name that travels (`PartnerClaimType`). A claim without value
    /// is null here, and does not travel.
    pub claims: Map<String, Value>,
    pub scalars: ScalarVariant,
    pub url_values: UrlVariant,
    /// What the policy takes from the reply. Empty: every member, as it is.
    pub output_claims: Vec<OutputClaim>,
    pub place: PolicyPlace,
    /// Of an orchestration step: its number in the journey.
    pub step: u32,
    /// Of a validation profile: whether the next one runs after an error.
    pub continue_on_error: bool,
    pub default_user_message_if_request_failed: Option<String>,
    pub user_message_if_request_timeout: Option<String>,
    pub correlation_id: Option<Uuid>,
    pub time_limit_ms: u64,
    pub retry_on: Vec<RetryOn>,
}

impl Default for PolicyCall {
    fn default() -> Self {
        Self {
            policy: "B2C_1A_signup_signin".to_owned(),
            technical_profile: "REST-CheckCustomer".to_owned(),
            service_url: String::new(),
            send_claims_in: SendClaimsIn::Body,
            authentication: PolicyAuthentication::None,
            claims: Map::new(),
            scalars: ScalarVariant::Native,
            url_values: UrlVariant::Escaped,
            output_claims: Vec::new(),
            place: PolicyPlace::ValidationProfile,
            step: 1,
            continue_on_error: false,
            default_user_message_if_request_failed: None,
            user_message_if_request_timeout: None,
            correlation_id: None,
            time_limit_ms: 10_000,
            retry_on: vec![RetryOn::Timeout, RetryOn::Connect],
        }
    }
}

/// Spelt as the metadata item's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum SendClaimsIn {
    Body,
    Form,
    Header,
    Url,
    QueryString,
}

/// `AuthenticationType` with its keys.
#[derive(Clone, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum PolicyAuthentication {
    None,
    Basic {
        username: String,
        password: String,
    },
    /// A static token; an acquired one looks the same on the wire.
    Bearer {
        token: String,
    },
    ApiKeyHeader {
        name: String,
        value: String,
    },
    /// The newest one that is valid is presented.
    ClientCertificate {
        certificates: Vec<ClientCertificate>,
    },
}

impl std::fmt::Debug for PolicyAuthentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer { .. } => "Bearer",
            Self::ApiKeyHeader { .. } => "ApiKeyHeader",
            Self::ClientCertificate { .. } => "ClientCertificate",
        })
    }
}

/// A certificate (its chain may follow) and its key, in PEM.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    pub certificate: String,
    pub key: String,
}

/// How JSON spells a number or truth value that a policy sends: no document
/// tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScalarVariant {
    Native,
    String,
}

/// Whether what takes a placeholder's place in a URL is escaped: no document
/// tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlVariant {
    Escaped,
    Raw,
}

/// Where a policy calls the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyPlace {
    /// Behind a self-asserted page, at every submit.
    ValidationProfile,
    /// A step of the journey itself (`ClaimsExchange`).
    OrchestrationStep,
}

/// An `OutputClaim` of the profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputClaim {
    /// The claim's id in the policy.
    pub name: String,
    /// The reply's member (`PartnerClaimType`), when it is called otherwise.
    #[serde(default)]
    pub partner: Option<String>,
    /// Taken when the reply has no such member.
    #[serde(default)]
    pub default: Option<Value>,
    #[serde(default)]
    pub kind: ClaimKind,
}

impl OutputClaim {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            partner: None,
            default: None,
            kind: ClaimKind::String,
        }
    }

    #[must_use]
    pub fn or(self, default: &str) -> Self {
        Self {
            default: Some(default.into()),
            ..self
        }
    }
}

/// The data types of the policy schema that differ on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClaimKind {
    #[default]
    String,
    Boolean,
    Int,
    Long,
    StringCollection,
}

/// What the policy does next.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum PolicyOutcome {
    /// The claims go into the journey's bag.
    Continue { claims: Map<String, Value> },
    /// The self-asserted page stays and shows the text at its top.
    PageStays { message: String },
    /// `ContinueOnError`: the next validation profile runs, without claims.
    ErrorIgnored,
    /// The journey ends and the application is told.
    ErrorRedirect {
        error: &'static str,
        error_description: String,
    },
}

/// What a call led to, as its entry of the audit list has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    #[serde(flatten)]
    pub outcome: PolicyOutcome,
    pub correlation_id: Uuid,
    pub number_of_attempts: u32,
    pub status: Option<u16>,
    /// What an administrator finds the failure under.
    pub error_code: Option<&'static str>,
    /// What was wrong, for whoever reads the audit list.
    pub detail: Option<String>,
    pub warnings: Vec<String>,
}

impl Tenant {
    pub(super) async fn call_as_policy(
        &self,
        script: &PolicyCall,
    ) -> Result<PolicyReport, ScriptError> {
        check(script)?;
        let correlation_id = script.correlation_id.unwrap_or_else(Uuid::new_v4);
        let (outgoing, mut warnings) = outgoing(&script.sending())?;
        let body = outgoing.body.clone().unwrap_or_default();
        let (call, judgement) = match self.policy_client(&script.authentication)? {
            Some(http) => {
                let patience = Patience {
                    limit_ms: script.time_limit_ms,
                    retries: 1,
                    retry_on: &script.retry_on,
                };
                let call = outgoing.place(&http, &patience).await;
                let judgement = judge(&call.exchange, &Reading::plain(&script.output_claims));
                (call, judgement)
            }
            None => (Call::not_placed(), Judgement::of(Trouble::NoCertificate)),
        };
        warnings.extend(judgement.warnings);
        warnings.extend(judgement.remark);
        let report = PolicyReport {
            outcome: self.outcome(script, correlation_id, &judgement.verdict),
            correlation_id,
            number_of_attempts: call.attempts,
            status: call.exchange.status(),
            error_code: judgement.verdict.error_code(),
            detail: judgement.verdict.detail(),
            warnings,
        };
        let entry = Audit::of(Dialect::CustomPolicy, &call, &outgoing.url, &body);
        self.audit(self.policy_audit(script, &report, entry));
        Ok(report)
    }

    fn policy_audit(&self, script: &PolicyCall, report: &PolicyReport, entry: Audit) -> Audit {
        Audit {
            time: self.timestamp(),
            flow: script.policy.clone(),
            step: script.technical_profile.clone(),
            correlation_id: Some(report.correlation_id),
            judgement: report.outcome.name(),
            error_code: report.error_code,
            detail: report.detail.clone(),
            warnings: report.warnings.clone(),
            claims: match &report.outcome {
                PolicyOutcome::Continue { claims } => claims.clone(),
                _ => Map::new(),
            },
            ..entry
        }
    }

    /// None when there is no valid certificate to present.
    pub(super) fn policy_client(
        &self,
        authentication: &PolicyAuthentication,
    ) -> Result<Option<reqwest::Client>, Unsendable> {
        let PolicyAuthentication::ClientCertificate { certificates } = authentication else {
            return Ok(Some(self.http.clone()));
        };
        match request::newest_valid(certificates, self.now())? {
            Some(pem) => match super::client(&self.connector_roots, Some(&pem)) {
                Ok(client) => Ok(Some(client)),
                Err(error) => Err(Unsendable::Certificate(format!(
                    "it and its key do not fit: {error}"
                ))),
            },
            None => Ok(None),
        }
    }

    fn outcome(
        &self,
        script: &PolicyCall,
        correlation_id: Uuid,
        verdict: &Verdict,
    ) -> PolicyOutcome {
        let trouble = match verdict {
            Verdict::Continue(claims) => {
                return PolicyOutcome::Continue {
                    claims: claims.clone(),
                };
            }
            Verdict::Failed(trouble) => trouble,
        };
        let own = |name: &str| script.own_text(name).cloned();
        let step = script.step.to_string();
        let telling = Telling {
            profile: &script.technical_profile,
            exchange: &script.technical_profile,
            step: &step,
            url: &script.service_url,
            own: &own,
        };
        match script.place {
            PolicyPlace::ValidationProfile if script.continue_on_error => {
                PolicyOutcome::ErrorIgnored
            }
            PolicyPlace::ValidationProfile => PolicyOutcome::PageStays {
                message: trouble.on_the_page(&telling),
            },
            PolicyPlace::OrchestrationStep => PolicyOutcome::ErrorRedirect {
                error: "server_error",
                error_description: format!(
                    "{}: {}\r\nCorrelation ID: {correlation_id}\r\nTimestamp: {}\r\n",
                    trouble.code(),
                    trouble.to_the_application(&telling),
                    error_timestamp(self.now()),
                ),
            },
        }
    }
}

impl PolicyCall {
    fn sending(&self) -> Sending<'_> {
        Sending {
            service_url: &self.service_url,
            send_claims_in: self.send_claims_in,
            authentication: &self.authentication,
            claims: &self.claims,
            scalars: self.scalars,
            url_values: self.url_values,
            payload: None,
        }
    }

    fn own_text(&self, name: &str) -> Option<&String> {
        match name {
            REQUEST_FAILED => self.default_user_message_if_request_failed.as_ref(),
            TIMED_OUT => self.user_message_if_request_timeout.as_ref(),
            _ => None,
        }
    }
}

impl From<Unsendable> for ScriptError {
    fn from(unsendable: Unsendable) -> Self {
        Self::misfit(unsendable.to_string())
    }
}

fn check(script: &PolicyCall) -> Result<(), ScriptError> {
    if script.continue_on_error && script.place == PolicyPlace::OrchestrationStep {
        let text = "`continue_on_error` is an attribute of validation profiles only";
        return Err(ScriptError::misfit(text));
    }
    if script.time_limit_ms == 0 {
        return Err(ScriptError::misfit("`time_limit_ms` is at least 1"));
    }
    Ok(())
}

impl PolicyOutcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Continue { .. } => "Continue",
            Self::PageStays { .. } => "PageStays",
            Self::ErrorIgnored => "ErrorIgnored",
            Self::ErrorRedirect { .. } => "ErrorRedirect",
        }
    }
}
