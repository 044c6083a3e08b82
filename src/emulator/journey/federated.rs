//! Signing in or up through an upstream provider, played by a page.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Federated, Proof, Reply, Visit, path,
    sign_up::{Notes, is_address},
};
use crate::emulator::{
    connector::Subject,
    judge::{MAX_STORED, Step, Verdict},
    keys::digits,
    oidc::Newcomer,
    pages::{self, Attributes, Field, Frame, Social},
    params::Params,
    settings::{FederatedIdentity, Provider},
};

impl Visit<'_> {
    pub(super) fn provider(&self, parameters: &Params) -> Option<&Provider> {
        let asked = parameters.get("provider")?;
        self.flow
            .providers
            .iter()
            .find(|provider| provider.issuer == asked)
    }

    pub(super) fn social_page(&self, provider: &Provider, error: Option<&str>) -> Reply {
        let notes = Notes::error(error);
        let names = SOCIAL_NAMES.iter().map(|name| Field {
            name,
            label: self.texts().attribute(name).unwrap_or(name),
            value: "",
            is_required: false,
            is_checkbox: false,
            is_number: false,
            error: None,
        });
        let page = Social {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(&notes),
            provider,
            email: self
                .journey
                .request
                .login_hint
                .as_deref()
                .unwrap_or_default(),
            names: names.collect(),
        };
        Reply::Page(pages::render(&page))
    }

    pub(super) async fn social(&mut self, form: &Params) -> Reply {
        let Some(provider) = self.provider(form).cloned() else {
            return Reply::NotFound;
        };
        let email = match form.get("no_email") {
            Some(_) => None,
            None => form.trimmed("email"),
        };
        if email.is_some_and(|email| !is_address(email)) {
            return self.social_page(&provider, Some(self.texts().invalid_email));
        }
        let is_too_long = |name: &&str| {
            form.get(name)
                .is_some_and(|value| value.chars().count() > MAX_STORED)
        };
        if SOCIAL_NAMES.iter().chain(&["subject"]).any(is_too_long) {
            return self.social_page(&provider, Some(self.texts().too_long));
        }
        let derived = || email.map(|email| upstream_id(&provider.issuer, email));
        let Some(subject) = form.trimmed("subject").map(str::to_owned).or_else(derived) else {
            return self.social_page(&provider, Some(self.texts().need_subject));
        };
        let told = SOCIAL_NAMES.iter().filter_map(|name| {
            let value = form.trimmed(name)?;
            Some(((*name).to_owned(), Value::from(value)))
        });
        let identity = FederatedIdentity {
            issuer: provider.issuer.clone(),
            subject,
        };
        let known = {
            let state = self.tenant.state();
            state
                .directory
                .federated(&identity)
                .map(|user| user.object_id)
        };
        if let Some(object_id) = known {
            return self.finish(object_id, Newcomer::No).await;
        }
        let told: BTreeMap<_, _> = told.collect();
        let email = email.map(str::to_owned);
        let federated = Federated {
            identity,
            email,
            told,
        };
        self.federated_sign_up(federated).await
    }

    async fn federated_sign_up(&mut self, federated: Federated) -> Reply {
        let subject = Subject {
            email: federated.email.as_deref(),
            federated: Some(&federated.identity),
            attributes: &federated.told,
            object_id: None,
        };
        let claims = match self.ask(Step::PostFederationSignup, &subject).await {
            Verdict::Continue(claims) => claims,
            Verdict::Block(message) | Verdict::Invalid(message) => return self.blocked(&message),
            Verdict::Failed(failure) => return self.failed(&failure),
        };
        let prefill = federated.told.clone().into_iter().chain(claims);
        self.journey.values = prefill
            .map(|(name, value)| (name, as_text(&value)))
            .collect();
        // Only the provider says who this is: what was typed before is gone.
        self.journey.email = None;
        self.journey.proof = Proof::default();
        self.journey.password = None;
        self.journey.federated = Some(federated);
        Reply::See(path(self.tenant, self.flow, self.id, "attributes"))
    }

    pub(super) fn attributes_page(&self, notes: &Notes) -> Reply {
        let page = Attributes {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(notes),
        };
        Reply::Page(pages::render(&page))
    }

    pub(super) async fn attributes(&mut self, form: &Params, action: &str) -> Reply {
        self.take_values(form);
        if action != "create" {
            let notes = self.prove(form, action);
            return self.attributes_page(&notes);
        }
        let email_problem = match self.asks_for_email() {
            true => {
                self.take_email(form);
                self.email_problem()
            }
            false => None,
        };
        self.create(email_problem).await
    }
}

/// What an upstream provider may tell besides the address.
const SOCIAL_NAMES: [&str; 3] = ["displayName", "givenName", "surname"];

/// An address is the same person at the provider each time.
fn upstream_id(issuer: &str, email: &str) -> String {
    digits(&format!("{issuer} {}", email.to_lowercase()))
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
