//! Asking a connector during a journey, and remembering it for the audit.

use serde_json::Map;

use super::Visit;
use crate::emulator::{
    connector::{self, Context, Subject},
    judge::{Bench, Exchange, Failure, Judgement, Step, Verdict},
    settings::Connector,
    state::Audit,
};

impl Visit<'_> {
    pub(super) async fn ask(&self, step: Step, subject: &Subject<'_>) -> Verdict {
        let (connector, variants) = {
            let state = self.tenant.state();
            let connectors = state.connectors.get(&self.flow.name.to_lowercase());
            let connector = connectors.and_then(|connectors| match step {
                Step::PostFederationSignup => connectors.post_federation_signup.clone(),
                Step::PostAttributeCollection => connectors.post_attribute_collection.clone(),
                Step::PreTokenIssuance => connectors.pre_token_issuance.clone(),
            });
            (connector, state.variants.clone())
        };
        let Some(connector) = connector else {
            return Verdict::Continue(Map::new());
        };
        let context = Context {
            client_id: &self.journey.request.client_id,
            ui_locales: &self.journey.tag,
            extensions_app_id: &self.tenant.extensions_app_id,
            tenant_domain: &self.tenant.domain,
            variants: &variants,
        };
        let body = match connector::body(step, &context, subject) {
            Ok(body) => body,
            Err(error) => return unwritable(&error),
        };
        let call = connector::call(&self.tenant.http, &connector, &variants, &body).await;
        let bench = Bench {
            step,
            flow: self.flow,
            extensions_app_id: &self.tenant.extensions_app_id,
            custom: &self.tenant.custom,
        };
        let judgement = bench.judge(&call.exchange);
        self.tenant
            .audit(self.audit(step, &connector, &body, &call, &judgement));
        judgement.verdict
    }

    fn audit(
        &self,
        step: Step,
        connector: &Connector,
        body: &[u8],
        call: &connector::Call,
        judgement: &Judgement,
    ) -> Audit {
        let (status, content_type, reply) = match &call.exchange {
            Exchange::Reply {
                status,
                content_type,
                body,
            } => (Some(*status), content_type.clone(), Some(body)),
            _ => (None, None, None),
        };
        let (error_code, detail) = match &judgement.verdict {
            Verdict::Failed(failure) => (Some(failure.code), Some(failure.why.clone())),
            _ => (None, None),
        };
        Audit {
            number: 0,
            category: "Authentication",
            activity: "An API was called as part of a user flow",
            time: self.tenant.timestamp(),
            flow: self.flow.name.clone(),
            step: step.name(),
            url: connector.url.clone(),
            number_of_attempts: call.attempts,
            duration_ms: u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            status,
            judgement: judgement.verdict.name(),
            error_code,
            detail,
            warnings: judgement.warnings.clone(),
            claims: match &judgement.verdict {
                Verdict::Continue(claims) => claims.clone(),
                _ => Map::new(),
            },
            request_body: String::from_utf8_lossy(body).into_owned(),
            reply_content_type: content_type,
            reply_body: reply.map(|body| abridged(body)),
        }
    }
}

/// Replies are kept whole up to here in the audit log.
const MAX_AUDITED: usize = 64 * 1024;

fn abridged(body: &[u8]) -> String {
    let kept = body.get(..MAX_AUDITED).unwrap_or(body);
    String::from_utf8_lossy(kept).into_owned()
}

fn unwritable(error: &serde_json::Error) -> Verdict {
    Verdict::Failed(Failure {
        code: "AADB2C90085",
        text: "The service has encountered an internal error.".to_owned(),
        why: format!("the request could not be written: {error}"),
    })
}
