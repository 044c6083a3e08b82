//! An event of Entra External ID, told to a custom authentication extension
//! as the platform tells it, and the answer read as the platform reads it.
//! Journeys are not played: the caller says what the person typed.
//!
//! Sources: Microsoft's articles on custom authentication extensions, and the
//! payloads published with the Woodgrove demo where they differ.

mod callout;
mod judge;

use actix_web::web;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use self::judge::{Bench, PlatformError};
use super::{
    ScriptError,
    audit::{Audit, Dialect},
    entra::CallerToken,
    exchange::{Exchange, Outgoing, Patience, bearer, json_content_type},
    settings::{FederatedIdentity, RetryOn},
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

/// Tells the event. A function, as the token is made on another thread.
pub(super) async fn raise(
    tenant: &web::Data<Tenant>,
    event: &ExtensionEvent,
) -> Result<EventReport, ScriptError> {
    check(event)?;
    let correlation_id = event.correlation_id.unwrap_or_else(Uuid::new_v4);
    let body = callout::body(tenant, event, correlation_id)?;
    let outgoing = Outgoing {
        method: Method::POST,
        url: event.target_url.clone(),
        headers: [json_content_type()]
            .into_iter()
            .chain(
                token(tenant, &event.token)
                    .await?
                    .map(|token| bearer(&token)),
            )
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
    let judgement = bench.judge(&call.exchange);
    let (error_code, detail) = match &judgement.verdict {
        Ok(_) => (None, None),
        Err(failure) => (Some(failure.error.code), Some(failure.why.clone())),
    };
    let report = EventReport {
        outcome: match judgement.verdict {
            Ok(outcome) => outcome,
            Err(_) if event.fallback_on_error => EventOutcome::SentByMicrosoft,
            Err(failure) => failed(failure.error),
        },
        correlation_id,
        number_of_attempts: call.attempts,
        status: match &call.exchange {
            Exchange::Reply { status, .. } => Some(*status),
            _ => None,
        },
        error_code,
        detail,
        warnings: judgement.warnings,
    };
    tenant.audit(Audit {
        time: tenant.timestamp(),
        flow: event.client_name.clone(),
        step: event.event.name().to_owned(),
        correlation_id: Some(correlation_id),
        judgement: report.outcome.name(),
        error_code,
        detail: report.detail.clone(),
        warnings: report.warnings.clone(),
        claims: match &report.outcome {
            EventOutcome::Claims { claims } => claims.clone(),
            _ => Map::new(),
        },
        ..Audit::of(Dialect::ExternalId, &call, &event.target_url, &body)
    });
    Ok(report)
}

/// The text behind `Bearer`. The first one waits for a key.
pub(super) async fn token(
    tenant: &web::Data<Tenant>,
    token: &CallerToken,
) -> Result<Option<String>, ScriptError> {
    let (tenant, token) = (tenant.clone(), token.clone());
    let made = tokio::task::spawn_blocking(move || tenant.entra_token(&token)).await;
    made.map_err(|error| ScriptError::misfit(format!("no token could be made: {error}")))?
}

fn failed(error: PlatformError) -> EventOutcome {
    EventOutcome::Failed {
        application_error: "AADSTS1100001",
        error_name: error.name,
    }
}

/// The limits of `customExtensionClientConfiguration`, and what the event
/// cannot do without.
fn check(event: &ExtensionEvent) -> Result<(), ScriptError> {
    let faults = [
        (
            Url::parse(&event.target_url).is_err(),
            "`target_url` is no URL",
        ),
        (
            !(200..=2_000).contains(&event.time_limit_ms),
            "`time_limit_ms` is 200 to 2000",
        ),
        (event.maximum_retries > 1, "`maximum_retries` is 0 or 1"),
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
    match faults.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, text)) => Err(ScriptError::misfit(text)),
        None => Ok(()),
    }
}
