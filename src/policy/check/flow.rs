//! The steps that a journey may run, those of its sub-journeys in their place,
//! and the claims that each may give. Preconditions are not weighed: B2C does
//! not either when it looks at a policy.

use std::collections::HashSet;

use crate::policy::effective::Effective;
use crate::policy::merge::folded;
use crate::policy::view::{
    ClaimsExchange, OrchestrationStep, RelyingParty, TechnicalProfile, UserJourney,
};
use crate::policy::xml::Element;

pub(super) struct Flow<'a> {
    pub(super) journey: UserJourney<'a>,
    pub(super) visits: Vec<Visit<'a>>,
    /// The claims that there are before the first step.
    pub(super) at_start: Claims,
    /// Whether the caller must show a token: its claims are there too.
    pub(super) authorizes: bool,
}

/// One step.
#[derive(Clone)]
pub(super) struct Visit<'a> {
    /// The journey or sub-journey that the step is written in.
    pub(super) journey: &'a str,
    pub(super) step: OrchestrationStep<'a>,
    /// What its claims exchanges call, as far as it is declared.
    pub(super) profiles: Vec<(ClaimsExchange<'a>, TechnicalProfile<'a>)>,
    /// What makes or reads a token in the step.
    issuer: Option<TechnicalProfile<'a>>,
    pub(super) before: Option<Box<Visit<'a>>>,
}

impl<'a> Flow<'a> {
    /// `None` if there is no such journey.
    pub(super) fn of(effective: &'a Effective, party: &RelyingParty<'a>, id: &str) -> Option<Self> {
        let journey = effective.journey(id)?;
        let mut at_start = Claims::default();
        if let Some(profile) = party.profile() {
            at_start.extend(profile.input_claims().filter_map(|input| input.claim()));
        }
        let mut authorizes = false;
        for reference in journey.authorization_profiles() {
            authorizes = true;
            let id = reference.value("ReferenceId").unwrap_or_default();
            if let Some(profile) = effective.technical_profile(id) {
                at_start.add_profile(effective, &profile);
            }
        }
        let mut visits = Vec::new();
        walk(
            effective,
            journey.id(),
            &journey.steps(),
            &mut HashSet::new(),
            &mut visits,
        );
        Some(Self {
            journey,
            visits,
            at_start,
            authorizes,
        })
    }
}

fn walk<'a>(
    effective: &'a Effective,
    journey: &'a str,
    steps: &[OrchestrationStep<'a>],
    seen: &mut HashSet<String>,
    visits: &mut Vec<Visit<'a>>,
) {
    let mut before: Option<Box<Visit<'a>>> = None;
    for step in steps {
        let profiles = step.claims_exchanges().filter_map(|exchange| {
            Some((exchange, effective.technical_profile(exchange.profile()?)?))
        });
        let mut visit = Visit {
            journey,
            step: *step,
            profiles: profiles.collect(),
            issuer: step.issuer().and_then(|id| effective.technical_profile(id)),
            before: None,
        };
        let alone = visit.clone();
        visit.before = before.replace(Box::new(alone));
        visits.push(visit);
        for (id, _) in step.sub_journeys() {
            // The second time it gives nothing new, and it may call itself.
            let inner = effective.sub_journey(id);
            if let Some(inner) = inner.filter(|_| seen.insert(folded(id))) {
                walk(effective, inner.id(), &inner.steps(), seen, visits);
            }
        }
    }
}

/// Claims by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims(HashSet<String>);

impl Claims {
    pub(super) fn has(&self, claim: &str) -> bool {
        self.0.contains(&folded(claim))
    }

    fn extend<'c>(&mut self, claims: impl Iterator<Item = &'c str>) {
        self.0.extend(claims.map(folded));
    }

    /// What a technical profile gives to the steps after it.
    pub(super) fn add_profile(&mut self, effective: &Effective, profile: &TechnicalProfile<'_>) {
        self.extend(profile.output_claims().filter_map(|output| output.claim()));
        self.add_transformations(effective, profile.input_transformations());
        self.add_transformations(effective, profile.output_transformations());
    }

    pub(super) fn add_transformations<'e>(
        &mut self,
        effective: &Effective,
        references: impl Iterator<Item = &'e Element>,
    ) {
        let ids = references.filter_map(|reference| reference.value("ReferenceId"));
        for transformation in ids.filter_map(|id| effective.claims_transformation(id.trim())) {
            self.extend(
                transformation
                    .output_claims()
                    .filter_map(|output| output.claim()),
            );
        }
    }

    pub(super) fn add_visit(&mut self, effective: &Effective, visit: &Visit<'_>) {
        let called = visit.profiles.iter().map(|(_, profile)| profile);
        for profile in called.chain(&visit.issuer) {
            self.add_profile(effective, profile);
        }
    }

    /// What the validation technical profiles of a step's pages give, which
    /// stays on the page.
    pub(super) fn add_validations(&mut self, effective: &Effective, visit: &Visit<'_>) {
        for (_, profile) in &visit.profiles {
            let called = profile
                .validation_profiles()
                .filter_map(|validation| validation.profile());
            let controls = profile
                .display_claims()
                .filter_map(|claim| effective.display_control(claim.display_control()?));
            let actions = controls.flat_map(|control| control.actions().collect::<Vec<_>>());
            let acting = actions.flat_map(|action| {
                let profiles = action.validation_profiles();
                profiles
                    .filter_map(|validation| validation.profile())
                    .collect::<Vec<_>>()
            });
            for called in called
                .chain(acting)
                .filter_map(|id| effective.technical_profile(id))
            {
                self.add_profile(effective, &called);
            }
        }
    }
}
