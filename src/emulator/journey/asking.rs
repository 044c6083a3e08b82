//! Asking a connector during a journey, and remembering it for the audit.

use serde_json::Map;

use super::Visit;
use crate::emulator::{
    audit::{Audit, Dialect},
    connector::{self, Context, Subject},
    exchange::Call,
    judge::{Bench, Failure, Judgement, Step, Verdict},
    settings::Connector,
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
        call: &Call,
        judgement: &Judgement,
    ) -> Audit {
        let (error_code, detail) = match &judgement.verdict {
            Verdict::Failed(failure) => (Some(failure.code), Some(failure.why.clone())),
            _ => (None, None),
        };
        Audit {
            time: self.tenant.timestamp(),
            flow: self.flow.name.clone(),
            step: step.name().to_owned(),
            judgement: judgement.verdict.name(),
            error_code,
            detail,
            warnings: judgement.warnings.clone(),
            claims: match &judgement.verdict {
                Verdict::Continue(claims) => claims.clone(),
                _ => Map::new(),
            },
            ..Audit::of(Dialect::UserFlow, call, &connector.url, body)
        }
    }
}

fn unwritable(error: &serde_json::Error) -> Verdict {
    Verdict::Failed(Failure {
        code: "AADB2C90085",
        text: "The service has encountered an internal error.".to_owned(),
        why: format!("the request could not be written: {error}"),
    })
}
