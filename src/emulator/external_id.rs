//! An event of Entra External ID, told to a custom authentication extension
//! as the platform tells it, and the answer read as the platform reads it.
//! Who it is about and what they typed says the caller: a script, or a journey.
//!
//! Sources: Microsoft's articles on custom authentication extensions, and the
//! payloads published with the Woodgrove demo where they differ.

mod callout;
pub(super) mod flow;
mod judge;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::judge::{Bench, Failure, Judgement};
use super::{
    ScriptError,
    audit::{Audit, Dialect},
    entra::CallerToken,
    exchange::{Call, Outgoing, Patience, bearer, json_content_type},
    settings::{FederatedIdentity, RetryOn, external_id::limits_fault},
    state::Tenant,
};

/// An event, the person it is about, and how it is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtensionEvent {
    pub event: EventKind,
    pub target_url: String,
    pub shape: Shape,
    pub token: CallerToken,
    /// The application that the person signs in to.
    pub client_id: String,
    pub client_name: String,
    pub email: Option<String>,
    /// None is a person who signs up with an address.
    pub federated: Option<FederatedIdentity>,
    /// Besides the address, by name: `displayName`, `extension_<Name>`.
    pub attributes: Map<String, Value>,
    /// Of `tokenIssuanceStart`: who the token is for.
    pub object_id: Option<Uuid>,
    /// Laid over `user` of `tokenIssuanceStart`; null takes a member away.
    pub user: Map<String, Value>,
    /// Of `emailOtpSend`; eight digits when it is left out.
    pub one_time_code: Option<String>,
    pub locale: String,
    /// The person's, as `client.ip` has it.
    pub ip: Option<String>,
    pub correlation_id: Option<Uuid>,
    /// What the body says when it is not to say the tenant's own.
    pub tenant_id: Option<Uuid>,
    pub listener_id: Option<Uuid>,
    pub extension_id: Option<Uuid>,
    /// `claimsForTokenConfiguration`; none is a configuration that lists
    /// whatever comes.
    pub claims_for_token: Option<Vec<String>>,
    /// `fallbackToMicrosoftProviderOnError`, of `emailOtpSend` only.
    pub fallback_on_error: bool,
    /// `timeoutInMilliseconds`: 200 to 2000.
    pub time_limit_ms: u64,
    /// 0 or 1.
    pub maximum_retries: u32,
    pub retry_on: Vec<RetryOn>,
}

impl Default for ExtensionEvent {
    fn default() -> Self {
        Self {
            event: EventKind::AttributeCollectionSubmit,
            target_url: String::new(),
            shape: Shape::Docs,
            token: CallerToken::default(),
            client_id: "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908".to_owned(),
            client_name: "Portal".to_owned(),
            email: None,
            federated: None,
            attributes: Map::new(),
            object_id: None,
            user: Map::new(),
            one_time_code: None,
            locale: "en-us".to_owned(),
            ip: None,
            correlation_id: None,
            tenant_id: None,
            listener_id: None,
            extension_id: None,
            claims_for_token: None,
            fallback_on_error: false,
            time_limit_ms: 1_000,
            maximum_retries: 1,
            retry_on: vec![RetryOn::Timeout, RetryOn::Connect],
        }
    }
}

/// As the end of `type` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    AttributeCollectionStart,
    AttributeCollectionSubmit,
    TokenIssuanceStart,
    EmailOtpSend,
}

impl EventKind {
    /// The event that a technical profile is named for.
    pub(super) fn read(profile: &str) -> Option<Self> {
        let all = [
            Self::AttributeCollectionStart,
            Self::AttributeCollectionSubmit,
            Self::TokenIssuanceStart,
        ];
        all.into_iter()
            .find(|event| event.name().eq_ignore_ascii_case(profile))
    }

    fn name(self) -> &'static str {
        match self {
            Self::AttributeCollectionStart => "attributeCollectionStart",
            Self::AttributeCollectionSubmit => "attributeCollectionSubmit",
            Self::TokenIssuanceStart => "tokenIssuanceStart",
            Self::EmailOtpSend => "emailOtpSend",
        }
    }
}

/// Documents and captures disagree on addresses and identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    Docs,
    Capture,
}

/// What the platform does next.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum EventOutcome {
    /// As without an extension; a one-time code counts as sent.
    Continue,
    Prefill {
        inputs: Map<String, Value>,
    },
    Modify {
        attributes: Map<String, Value>,
    },
    /// The form stays.
    ValidationError {
        message: String,
        #[serde(rename = "attributeErrors")]
        attribute_errors: Map<String, Value>,
    },
    BlockPage {
        title: Option<String>,
        message: String,
    },
    /// What goes into the token.
    Claims {
        claims: Map<String, Value>,
    },
    /// The sign-in stops; the application gets a general error, the sign-in
    /// log the code.
    Failed {
        #[serde(rename = "applicationError")]
        application_error: &'static str,
        #[serde(rename = "errorName")]
        error_name: &'static str,
    },
    /// The extension failed and Microsoft's provider sends the code.
    SentByMicrosoft,
}

impl EventOutcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Continue => "Continue",
            Self::Prefill { .. } => "Prefill",
            Self::Modify { .. } => "Modify",
            Self::ValidationError { .. } => "ValidationError",
            Self::BlockPage { .. } => "BlockPage",
            Self::Claims { .. } => "Claims",
            Self::Failed { .. } => "Failed",
            Self::SentByMicrosoft => "SentByMicrosoft",
        }
    }
}

/// What an event led to, as its entry of the audit list has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReport {
    #[serde(flatten)]
    pub outcome: EventOutcome,
    pub correlation_id: Uuid,
    pub number_of_attempts: u32,
    pub status: Option<u16>,
    /// As `1003002`, also where Microsoft's provider stepped in.
    pub error_code: Option<&'static str>,
    pub detail: Option<String>,
    pub warnings: Vec<String>,
}

/// An event that was told.
pub(super) struct Told {
    pub(super) report: EventReport,
    /// As it stands in the audit list.
    pub(super) entry: Audit,
}

/// Tells the event and writes it down.
pub(super) async fn tell(tenant: &Tenant, event: &ExtensionEvent) -> Result<Told, ScriptError> {
    check(event)?;
    let correlation_id = event.correlation_id.unwrap_or_else(Uuid::new_v4);
    let body = callout::body(tenant, event, correlation_id)?;
    let token = token(tenant, &event.token).await?;
    let authorization = token.map(|token| bearer(&token));
    let outgoing = Outgoing {
        method: Method::POST,
        url: event.target_url.clone(),
        headers: [json_content_type()]
            .into_iter()
            .chain(authorization)
            .collect(),
        body: Some(body.clone()),
    };
    let patience = Patience {
        limit_ms: event.time_limit_ms,
        retries: event.maximum_retries,
        retry_on: &event.retry_on,
    };
    let call = outgoing.place(&tenant.http, &patience).await;
    let bench = Bench {
        event: event.event,
        attributes: &callout::attributes(tenant, event),
        extensions_app_id: &tenant.extensions_app_id,
        claims_for_token: event.claims_for_token.as_deref(),
    };
    let report = report(event, correlation_id, &call, bench.judge(&call.exchange));
    let entry = audit(tenant, event, &report, &call, &body);
    tenant.audit(entry.clone());
    Ok(Told { report, entry })
}

fn report(
    event: &ExtensionEvent,
    correlation_id: Uuid,
    call: &Call,
    judgement: Judgement,
) -> EventReport {
    let (outcome, error_code, detail) = match judgement.verdict {
        Ok(outcome) => (outcome, None, None),
        Err(Failure { error, why }) => {
            let outcome = match event.fallback_on_error {
                true => EventOutcome::SentByMicrosoft,
                false => EventOutcome::Failed {
                    application_error: "AADSTS1100001",
                    error_name: error.name,
                },
            };
            (outcome, Some(error.code), Some(why))
        }
    };
    EventReport {
        outcome,
        correlation_id,
        number_of_attempts: call.attempts,
        status: call.exchange.status(),
        error_code,
        detail,
        warnings: judgement.warnings,
    }
}

fn audit(
    tenant: &Tenant,
    event: &ExtensionEvent,
    report: &EventReport,
    call: &Call,
    body: &[u8],
) -> Audit {
    Audit {
        time: tenant.timestamp(),
        flow: event.client_name.clone(),
        step: event.event.name().to_owned(),
        correlation_id: Some(report.correlation_id),
        judgement: report.outcome.name(),
        error_code: report.error_code,
        detail: report.detail.clone(),
        warnings: report.warnings.clone(),
        claims: match &report.outcome {
            EventOutcome::Claims { claims } => claims.clone(),
            _ => Map::new(),
        },
        ..Audit::of(Dialect::ExternalId, call, &event.target_url, body)
    }
}

/// An attribute's name as flows spell it: `extension_<Name>`.
pub(super) fn short_name(tenant: &Tenant, name: &str) -> String {
    let long = format!("extension_{}_", tenant.extensions_app_id);
    match (name, name.strip_prefix(&long)) {
        (_, Some(rest)) => format!("extension_{rest}"),
        ("EmailAddress", None) => "email".to_owned(),
        (name, None) => name.to_owned(),
    }
}

/// The text behind `Bearer`. The first one waits for a key.
pub(super) async fn token(
    tenant: &Tenant,
    token: &CallerToken,
) -> Result<Option<String>, ScriptError> {
    tenant.make_entra_keys().await?;
    tenant.entra_token(token)
}

/// The limits of an extension, and what the event cannot do without.
fn check(event: &ExtensionEvent) -> Result<(), ScriptError> {
    let limits = limits_fault(
        &event.target_url,
        event.time_limit_ms,
        event.maximum_retries,
    );
    let faults = [
        (
            event.fallback_on_error && event.event != EventKind::EmailOtpSend,
            "`fallback_on_error` is for emailOtpSend only",
        ),
        (
            event.email.is_none() && event.event == EventKind::EmailOtpSend,
            "emailOtpSend needs an `email`",
        ),
        (
            event.object_id.is_none() && event.event == EventKind::TokenIssuanceStart,
            "tokenIssuanceStart needs an `object_id`",
        ),
    ];
    let fault = faults.into_iter().find(|(is_so, _)| *is_so);
    match limits.or(fault.map(|(_, text)| text)) {
        Some(text) => Err(ScriptError::misfit(text)),
        None => Ok(()),
    }
}
