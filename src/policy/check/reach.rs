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

/// What they do not run, though it is meant to be run: profiles that others
/// include are parts of those.
pub(super) fn idle<'a>(scope: &Scope<'a>, reached: &[Reached<'_>]) -> Vec<TechnicalProfile<'a>> {
    if reached.is_empty() {
        return Vec::new();
    }
    let mut others: HashSet<String> = reached
        .iter()
        .map(|reached| folded(reached.profile.id()))
        .collect();
    let all = || scope.effective.technical_profiles();
    others.extend(all().filter_map(|profile| profile.include().map(folded)));
    all()
        .filter(|profile| !others.contains(&folded(profile.id())))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::super::trial::{SELF_ASSERTED, policy};
    use super::*;
    use crate::policy::set::PolicySet;

    #[test]
    fn a_relying_party_runs_its_journeys_and_what_they_call() {
        let profile = |id: &str, content: &str| {
            format!(
                r#"<TechnicalProfile Id="{id}"><DisplayName>T</DisplayName>{content}</TechnicalProfile>"#
            )
        };
        let step = |order: u8, id: &str| {
            format!(
                r#"<OrchestrationStep Order="{order}" Type="ClaimsExchange" ContentDefinitionReferenceId="api.step"><ClaimsExchanges><ClaimsExchange Id="X{id}" TechnicalProfileReferenceId="{id}"/></ClaimsExchanges></OrchestrationStep>"#
            )
        };
        let journey = |element: &str, id: &str, steps: &str| {
            format!(
                r#"<{element} Id="{id}"><OrchestrationSteps>{steps}</OrchestrationSteps></{element}>"#
            )
        };
        let page = format!(
            r#"{SELF_ASSERTED}<DisplayClaims><DisplayClaim DisplayControlReferenceId="verify"/></DisplayClaims>
            <ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Validation"/></ValidationTechnicalProfiles>"#
        );
        let profiles = [
            ("Page", page.as_str()),
            ("Validation", ""),
            ("SendCode", ""),
            ("Inner", ""),
            ("Refresh", ""),
            ("Issuer", ""),
            ("Unused", ""),
        ]
        .map(|(id, content)| profile(id, content))
        .concat();
        let call = r#"<OrchestrationStep Order="2" Type="InvokeSubJourney"><JourneyList><Candidate SubJourneyReferenceId="s"/></JourneyList></OrchestrationStep>
            <OrchestrationStep Order="3" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="Issuer"/>"#;
        let journeys = [
            journey("UserJourney", "J", &format!("{}{call}", step(1, "page"))),
            journey("UserJourney", "Token", &step(1, "Refresh")),
            journey("UserJourney", "Other", &step(1, "Unused")),
        ]
        .concat();
        let base = policy(
            "B2C_1A_Base",
            None,
            &format!(
                r#"<BuildingBlocks><DisplayControls><DisplayControl Id="verify" UserInterfaceControlType="VerificationControl"><Actions><Action Id="SendCode"><ValidationClaimsExchange><ValidationClaimsExchangeTechnicalProfile TechnicalProfileReferenceId="SendCode"/></ValidationClaimsExchange></Action></Actions></DisplayControl></DisplayControls></BuildingBlocks>
                <ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>{profiles}</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
                <UserJourneys>{journeys}</UserJourneys><SubJourneys>{}</SubJourneys>"#,
                journey("SubJourney", "S", &step(1, "Inner"))
            ),
        );
        let party = policy(
            "B2C_1A_Party",
            Some("B2C_1A_Base"),
            r#"<RelyingParty><DefaultUserJourney ReferenceId="j"/><Endpoints><Endpoint Id="Token" UserJourneyReferenceId="Token"/></Endpoints></RelyingParty>"#,
        );
        let reached = |texts: &[(&str, &str)], of: &str| {
            let set = PolicySet::from_texts(texts.iter().copied());
            let file = set.with_id(of).next().unwrap();
            let effective = set.effective(file.file).unwrap();
            let scope = Scope {
                set: &set,
                file,
                effective: &effective,
                complete: true,
            };
            let idle = idle(&scope, &super::profiles(&scope));
            let idle: Vec<_> = idle.iter().map(|profile| profile.id().to_owned()).collect();
            (profiles_of(&scope), idle)
        };
        let both = [("base.xml", base.as_str()), ("party.xml", party.as_str())];
        let (run, idle) = reached(&both, "B2C_1A_Party");
        assert_eq!(idle, ["Unused"]);
        assert_eq!(
            run,
            [
                ("Page", Some("api.step")),
                ("Validation", None),
                ("SendCode", None),
                ("Inner", Some("api.step")),
                ("Issuer", None),
                ("Refresh", Some("api.step")),
            ]
            .map(|(id, page)| (id.to_owned(), page.map(str::to_owned)))
        );
        // A base is looked at by itself only where nothing inherits from it.
        assert_eq!(reached(&both, "B2C_1A_Base"), (vec![], vec![]));
        assert_eq!(reached(&both[..1], "B2C_1A_Base").0.len(), 7);
    }

    fn profiles_of(scope: &Scope<'_>) -> Vec<(String, Option<String>)> {
        profiles(scope)
            .into_iter()
            .map(|reached| {
                let page = reached.page.map(str::to_owned);
                (reached.profile.id().to_owned(), page)
            })
            .collect()
    }
}
