//! The technical profiles that a policy runs: much of a base is never used,
//! and B2C looks only at what is.

use std::collections::HashSet;

use super::scope::Scope;
use crate::policy::effective::Effective;
use crate::policy::merge::folded;
use crate::policy::view::{OrchestrationStep, TechnicalProfile};

/// A technical profile and what the step that runs it says of its page.
#[derive(Clone, Copy)]
pub(super) struct Reached<'a> {
    pub(super) profile: TechnicalProfile<'a>,
    /// The step's content definition, which counts where the profile has none.
    pub(super) page: Option<&'a str>,
}

/// What the journeys of a relying party run, each once. A set without any
/// relying party is looked at journey by journey.
pub(super) fn profiles<'a>(scope: &Scope<'a>) -> Vec<Reached<'a>> {
    let effective = scope.effective;
    let mut walk = Walk {
        effective,
        seen: HashSet::new(),
        found: Vec::new(),
    };
    if scope.file.is_relying_party() {
        let Some(party) = effective.relying_party() else {
            return Vec::new();
        };
        let endpoints = party.endpoints().filter_map(|endpoint| endpoint.journey());
        for journey in party.default_journey().into_iter().chain(endpoints) {
            walk.journey(journey);
        }
    } else if scope.set.relying_parties().next().is_none() && is_leaf(scope) {
        for journey in effective.journeys() {
            walk.journey(journey.id());
        }
    }
    walk.found
}

fn is_leaf(scope: &Scope<'_>) -> bool {
    scope.set.leaves().any(|leaf| leaf.file == scope.file.file)
}

struct Walk<'a> {
    effective: &'a Effective,
    seen: HashSet<String>,
    found: Vec<Reached<'a>>,
}

impl<'a> Walk<'a> {
    fn journey(&mut self, id: &str) {
        let Some(journey) = self.effective.journey(id) else {
            return;
        };
        for reference in journey.authorization_profiles() {
            self.profile(reference.value("ReferenceId"), None);
        }
        for step in journey.steps() {
            self.step(&step);
            for (id, _) in step.sub_journeys() {
                let inner = self.effective.sub_journey(id);
                for step in inner.iter().flat_map(|inner| inner.steps()) {
                    self.step(&step);
                }
            }
        }
    }

    fn step(&mut self, step: &OrchestrationStep<'a>) {
        let page = step.content_definition();
        for exchange in step.claims_exchanges() {
            self.profile(exchange.profile(), page);
        }
        self.profile(step.issuer(), None);
    }

    fn profile(&mut self, id: Option<&str>, page: Option<&'a str>) {
        let Some(profile) = id.and_then(|id| self.effective.technical_profile(id.trim())) else {
            return;
        };
        if !self.seen.insert(folded(profile.id())) {
            return;
        }
        self.found.push(Reached { profile, page });
        for validation in profile.validation_profiles() {
            self.profile(validation.profile(), None);
        }
        let controls = profile
            .display_claims()
            .filter_map(|claim| claim.display_control());
        for control in controls {
            let control = self.effective.display_control(control);
            for action in control.iter().flat_map(|control| control.actions()) {
                for validation in action.validation_profiles() {
                    self.profile(validation.profile(), None);
                }
            }
        }
    }
}
