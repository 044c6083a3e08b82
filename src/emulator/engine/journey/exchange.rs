//! One claims exchange: its technical profile, at a page, at a provider, or
//! neither.

use std::{collections::BTreeMap, time::Instant};

use serde_json::{Map, Value as Json};

use super::{AtProvider, End, Flow, Journey, Next, Waiting};
use crate::{
    emulator::{
        engine::{
            bag::Bag,
            failure::Failure,
            mapping::{self, Given},
            profile,
            program::Program,
            providers::{CallPlace, is_password_sign_in},
            trace::{Happening, NoteLevel, seen},
            value::Value,
        },
        oidc::OAuthError,
        state::Tenant,
    },
    policy::{
        merge::folded,
        view::{OrchestrationStep, ProviderKind, TechnicalProfile},
    },
};

impl Journey {
    pub(super) async fn exchange(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> Flow {
        let chosen = self.chosen.take();
        let exchanges: Vec<_> = step.claims_exchanges().collect();
        let order = step.order().unwrap_or_default();
        let exchange = match (&chosen, &exchanges[..]) {
            // Whatever was chosen: a sign-up link may name an exchange that the
            // journey calls otherwise (public samples do).
            (_, [only]) => Some(only),
            (Some(id), many) => many.iter().find(|own| folded(own.id()) == folded(id)),
            (None, _) => None,
        };
        let Some(exchange) = exchange else {
            let text = format!(
                "The claims exchange with id '{}' could not be found in orchestration step \
                 '{order}' of user journey '{}', which contains more than one claims exchange.",
                chosen.unwrap_or_default(),
                self.frames
                    .last()
                    .map(|frame| frame.journey.as_str())
                    .unwrap_or_default()
            );
            return Flow::failed(&Failure::technical("AADB2C90037", text));
        };
        let Some(profile) = exchange.profile().and_then(|id| program.profile(id)) else {
            let text = format!(
                "The technical profile '{}' could not be found.",
                exchange.profile().unwrap_or_default()
            );
            return Flow::failed(&Failure::technical("AADB2C90021", text));
        };
        if !is_enabled(&self.bag, &profile) {
            self.note_disabled(&profile);
            return Flow::On;
        }
        if self.answered_by_session(tenant, program, profile) {
            return Flow::On;
        }
        let exchange = exchange.id();
        match profile.provider() {
            Some(ProviderKind::SelfAsserted) => {
                let page = profile.content_definition().or(step.content_definition());
                let page = page.map(str::to_owned);
                self.self_asserted(tenant, program, profile, exchange, page)
            }
            Some(kind) if kind.is_federation() && !is_password_sign_in(&profile) => {
                self.leave_for_provider(tenant, program, profile, exchange)
            }
            _ => {
                let place = CallPlace::Step { order, exchange };
                match self.run_profile(tenant, program, profile, place).await {
                    Ok(()) => {
                        self.keep_in_session(tenant, profile, exchange);
                        Flow::On
                    }
                    Err(failure) => Flow::failed(&failure),
                }
            }
        }
    }

    pub(super) fn note_disabled(&mut self, profile: &TechnicalProfile<'_>) {
        let id = profile.id();
        self.note(
            NoteLevel::Info,
            format!("{id} is not enabled for this journey (EnabledForUserJourneys)."),
        );
    }

    pub(super) async fn run_profile(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        place: CallPlace<'_>,
    ) -> Result<(), Failure> {
        let mut record = profile::record(program, &profile);
        let done = profile::run(self.scene(tenant), profile, place, &mut record).await;
        self.happened(Happening::Profile(Box::new(record)));
        self.bag.extend(&done?);
        Ok(())
    }

    pub(super) fn keep_in_session(
        &mut self,
        tenant: &Tenant,
        profile: TechnicalProfile<'_>,
        exchange: &str,
    ) {
        let mut sso = std::mem::take(&mut self.sso);
        sso.keep(self.scene(tenant), profile, exchange);
        self.sso = sso;
    }

    pub(super) fn leave_for_provider(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        exchange: &str,
    ) -> Flow {
        let mut record = profile::record(program, &profile);
        let inputs = mapping::inputs(&self.scene(tenant), &profile, &mut record);
        self.happened(Happening::Profile(Box::new(record)));
        if let Err(failure) = inputs {
            return Flow::failed(&failure);
        }
        let title = profile.display_name().unwrap_or(profile.id()).to_owned();
        let at = AtProvider {
            exchange: exchange.to_owned(),
            profile: profile.id().to_owned(),
            error: None,
        };
        self.wait(Waiting::Provider(at), "provider", title)
    }

    /// What the provider told of the person, by its own names, and its tokens.
    pub(crate) async fn returned_from_provider(
        &mut self,
        tenant: &Tenant,
        told: Map<String, Json>,
        tokens: BTreeMap<String, String>,
    ) -> Next {
        self.step_begun = Instant::now();
        let program = self.program.clone();
        let Some(Waiting::Provider(at)) = self.waiting.take() else {
            return self.run(tenant).await;
        };
        self.context.provider_tokens = tokens;
        self.happened(Happening::Submitted {
            action: "continue".to_owned(),
            typed: told.clone(),
        });
        let Some(profile) = program.profile(&at.profile) else {
            return self.run(tenant).await;
        };
        self.sso.remember_told(&at.profile, &told);
        let mut record = profile::record(&program, &profile);
        let given = Given::exact(told);
        let taken = profile::take(self.scene(tenant), profile, &given, &mut record);
        match taken {
            Ok(set) => {
                record.outputs = seen(&set, |id| program.is_masked(id));
                self.happened(Happening::Profile(Box::new(record)));
                self.bag.extend(&set);
                self.context.auth_time = tenant.now();
                self.keep_in_session(tenant, profile, &at.exchange);
                self.finish_step();
                self.run(tenant).await
            }
            Err(failure) => {
                profile::fail(&mut record, &failure);
                self.happened(Happening::Profile(Box::new(record)));
                self.fail(&failure)
            }
        }
    }

    /// The person went back at the provider.
    pub(crate) fn cancelled_at_provider(&mut self) -> Next {
        self.happened(Happening::Submitted {
            action: "cancel".to_owned(),
            typed: Map::new(),
        });
        let text = "An invalid response was received : 'Error: access_denied,Error Description: \
                    The person cancelled at the provider'";
        self.end(End::Error(OAuthError::new(
            "access_denied",
            "AADB2C90273",
            text,
        )))
    }

    /// What was typed for the provider will not do.
    pub(crate) fn provider_stays(&mut self, message: &str) -> Next {
        if let Some(Waiting::Provider(at)) = &mut self.waiting {
            at.error = Some(message.to_owned());
        }
        Next::Page
    }
}

/// `EnabledForUserJourneys` ("Technical profiles: EnabledForUserJourneys").
pub(super) fn is_enabled(bag: &Bag, profile: &TechnicalProfile<'_>) -> bool {
    let claim = profile.metadata("ClaimTypeOnWhichToEnable");
    let wanted = profile.metadata("ClaimValueOnWhichToEnable");
    let value = claim.and_then(|claim| bag.get(claim));
    let holds = |value: &Value| {
        let wanted = wanted.unwrap_or_default();
        match value {
            Value::Texts(items) => items.iter().any(|item| item == wanted),
            value => value.text() == wanted,
        }
    };
    match profile.enabled_for_user_journeys() {
        Some("false" | "Never") => false,
        Some("OnClaimsExistence") => value.is_some_and(holds),
        Some("OnItemExistenceInStringCollectionClaim") => value.is_some_and(holds),
        Some("OnItemAbsenceInStringCollectionClaim") => !value.is_some_and(holds),
        _ => true,
    }
}
