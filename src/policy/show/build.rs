//! Makes a [`Journey`] of an effective policy.

use std::collections::HashSet;

use super::journey::{
    Action, Choice, Family, Journey, Page, Profile, Run, Step, SubJourney, Validation,
};
use super::lines::lines;
use super::place::{Place, clean, path_of, place};
use super::{NotShown, words};
use crate::policy::effective::Effective;
use crate::policy::merge::folded;
use crate::policy::set::{PolicyFile, PolicySet};
use crate::policy::source::Sources;
use crate::policy::view::{
    ClaimsExchange, DisplayControl, OrchestrationStep, StepKind, SubJourneyKind, TechnicalProfile,
    UserJourney, ValidationProfile, same_id,
};
use crate::policy::xml::Element;

impl Journey {
    /// The journey of that id; without one that of the relying party.
    pub fn of(set: &PolicySet, file: &PolicyFile, id: Option<&str>) -> Result<Self, NotShown> {
        let policy = set.effective(file.file).ok_or(NotShown::NoPolicy)?;
        let there = || policy.journeys().map(|own| clean(own.id())).collect();
        let party = policy.relying_party();
        let default = party.and_then(|party| party.default_journey());
        let Some(id) = id.or(default) else {
            let name = clean(file.policy_id().unwrap_or_default());
            return Err(NotShown::NoDefaultJourney(name, there()));
        };
        let Some(journey) = policy.journey(id) else {
            return Err(NotShown::Unknown {
                kind: "journey",
                asked: clean(id),
                there: there(),
                notes: super::notes(set, file),
            });
        };
        let files = policy.chain.iter().rev();
        let builder = Builder {
            sources: &set.sources,
            policy: &policy,
            roots: files
                .filter_map(|file| set.get(*file))
                .map(|file| &file.document.root)
                .collect(),
            issuer: journey.default_issuer(),
        };
        Ok(builder.journey(set, file, &journey))
    }
}

struct Builder<'a> {
    sources: &'a Sources,
    policy: &'a Effective,
    /// Of the files, the child first.
    roots: Vec<&'a Element>,
    /// Where a step ends that names no issuer.
    issuer: Option<&'a str>,
}

impl Builder<'_> {
    /// Where the files state an element: the child first.
    fn stated(&self, find: impl Fn(&Element) -> Option<&Element>) -> Vec<Place> {
        let found = self.roots.iter().filter_map(|root| find(root));
        found.map(|own| place(self.sources, own.span)).collect()
    }

    fn journey(&self, set: &PolicySet, file: &PolicyFile, journey: &UserJourney<'_>) -> Journey {
        let within = Within("UserJourneys", "UserJourney", journey.id());
        let steps = self.steps(&journey.steps(), within);
        let sub_journeys = self.sub_journeys(&steps);
        let all_steps = || {
            let within = sub_journeys.iter().flat_map(|own| own.steps.iter());
            steps.iter().chain(within)
        };
        let profiles = self.profiles(all_steps());
        Journey {
            policy: clean(file.policy_id().unwrap_or_default()),
            id: clean(journey.id()),
            places: self.stated(|root| within.find(root)),
            chain: self
                .policy
                .chain
                .iter()
                .map(|file| path_of(self.sources, *file))
                .collect(),
            notes: super::notes(set, file),
            sends: self.sends(),
            steps,
            sub_journeys,
            profiles,
        }
    }

    /// The claims of the relying party's profile, as the app knows them.
    fn sends(&self) -> Vec<String> {
        let party = self.policy.relying_party();
        let Some(profile) = party.and_then(|party| party.profile()) else {
            return Vec::new();
        };
        profile
            .output_claims()
            .filter_map(|claim| {
                let id = claim.claim()?;
                let defined = self.policy.claim_type(id);
                let by_protocol = || {
                    let protocol = profile.protocol()?.value("Name")?;
                    defined?.default_partner_name(protocol)
                };
                Some(clean(
                    claim.partner_name().or_else(by_protocol).unwrap_or(id),
                ))
            })
            .collect()
    }

    fn steps(&self, steps: &[OrchestrationStep<'_>], within: Within<'_>) -> Vec<Step> {
        let following = steps.iter().skip(1).map(Some).chain([None]);
        steps
            .iter()
            .zip(following)
            .map(|(step, next)| self.step(step, next, within))
            .collect()
    }

    fn step(
        &self,
        step: &OrchestrationStep<'_>,
        next: Option<&OrchestrationStep<'_>>,
        within: Within<'_>,
    ) -> Step {
        let runs = self.runs(step);
        let sub_journeys: Vec<_> = step.sub_journeys().map(|(id, _)| clean(id)).collect();
        Step {
            order: clean(step.element.value("Order").unwrap_or("?")),
            kind: clean(step.element.value("Type").unwrap_or("?")),
            title: self.title(step, &runs, &sub_journeys),
            places: self.stated(|root| within.step(root, step)),
            skipped_if: step
                .preconditions()
                .map(|own| words::condition(&own))
                .collect(),
            page: step
                .content_definition()
                .filter(|id| !id.trim().is_empty())
                .map(|id| words::page(self.policy, id)),
            choices: self.choices(step, next),
            runs,
            sub_journeys,
        }
    }

    fn title(&self, step: &OrchestrationStep<'_>, runs: &[Run], subs: &[String]) -> String {
        match step.kind() {
            Some(StepKind::CombinedSignInAndSignUp) => "Sign in or sign up".to_owned(),
            Some(StepKind::ClaimsProviderSelection) => "Choose how to go on".to_owned(),
            Some(StepKind::GetClaims) => "Read the claims of the request".to_owned(),
            Some(StepKind::InvokeSubJourney) => format!("Sub-journey {}", subs.join(" or ")),
            Some(StepKind::SendClaims) => {
                let issuer = runs.first().and_then(|run| self.profile_of(&run.profile));
                match issuer.and_then(|issuer| issuer.output_token_format()) {
                    Some("OAuth2Error") => "Send an error to the app".to_owned(),
                    _ => "Send the claims to the app".to_owned(),
                }
            }
            Some(StepKind::ClaimsExchange) => match runs {
                [] => "Nothing is run".to_owned(),
                [run] => self.profile_title(&run.profile),
                several => format!("One of {}, as chosen before", several.len()),
            },
            Some(
                StepKind::ConsentScreen
                | StepKind::ReviewScreen
                | StepKind::UserDialog
                | StepKind::Noop,
            )
            | None => clean(step.element.value("Type").unwrap_or("(no type)")),
        }
    }

    fn profile_title(&self, id: &str) -> String {
        let Some(profile) = self.profile_of(id) else {
            return format!("{id} is not in the policy");
        };
        let does = capital(&words::does(&profile));
        // All profiles of a directory have the name of the directory.
        match (words::family(&profile), profile.display_name().map(clean)) {
            (Family::Directory, _) | (_, None) => does,
            (_, Some(name)) => format!("{does}: {name}"),
        }
    }

    fn profile_of(&self, id: &str) -> Option<TechnicalProfile<'_>> {
        self.policy.technical_profile(id)
    }

    fn runs(&self, step: &OrchestrationStep<'_>) -> Vec<Run> {
        let exchanges = step.claims_exchanges().map(|exchange| Run {
            exchange: clean(exchange.id()),
            profile: clean(exchange.profile().unwrap_or("(no technical profile)")),
        });
        let sends = step.kind() == Some(StepKind::SendClaims);
        let issuer = step.issuer().or(self.issuer).filter(|_| sends);
        let issuer = issuer.map(|issuer| Run {
            exchange: "issuer".to_owned(),
            profile: clean(issuer),
        });
        exchanges.chain(issuer).collect()
    }

    /// The buttons of a page, its form and its sign-up link.
    fn choices(
        &self,
        step: &OrchestrationStep<'_>,
        next: Option<&OrchestrationStep<'_>>,
    ) -> Vec<Choice> {
        let mut choices = Vec::new();
        for selection in step.selections() {
            if let Some(target) = selection.target() {
                choices.push(self.choice(None, target, next));
            } else if let Some(form) = selection.validation() {
                choices.push(self.choice(Some("Form"), form, Some(step)));
                let profile = exchange(Some(step), form).and_then(|own| own.profile());
                let Some(profile) = profile.and_then(|id| self.profile_of(id)) else {
                    continue;
                };
                let links = [
                    ("SignUpTarget", "Link “Sign up now”"),
                    (
                        "setting.forgotPasswordLinkOverride",
                        "Link “Forgot your password?”",
                    ),
                ];
                for (key, label) in links {
                    if let Some(target) = profile.metadata(key) {
                        choices.push(self.choice(Some(label), target, next));
                    }
                }
            }
        }
        choices
    }

    fn choice(
        &self,
        label: Option<&str>,
        target: &str,
        step: Option<&OrchestrationStep<'_>>,
    ) -> Choice {
        let profile = exchange(step, target).and_then(|own| own.profile());
        let button = || {
            let name = self.profile_of(profile?)?.display_name()?;
            Some(format!("Button “{}”", clean(name)))
        };
        Choice {
            label: match label {
                Some(label) => label.to_owned(),
                None => button().unwrap_or_else(|| "Button".to_owned()),
            },
            exchange: clean(target),
            profile: profile.map(clean),
        }
    }

    /// Those that the steps invoke, and those that these invoke (which B2C
    /// refuses), each once.
    fn sub_journeys(&self, steps: &[Step]) -> Vec<SubJourney> {
        let invoked = |steps: &[Step]| -> Vec<String> {
            let ids = steps.iter().flat_map(|step| step.sub_journeys.clone());
            ids.collect()
        };
        let mut shown: Vec<SubJourney> = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting = invoked(steps);
        waiting.reverse();
        while let Some(id) = waiting.pop() {
            let Some(own) = self.policy.sub_journey(&id) else {
                continue;
            };
            if !seen.insert(folded(&id)) {
                continue;
            }
            let within = Within("SubJourneys", "SubJourney", own.id());
            let steps = self.steps(&own.steps(), within);
            waiting.extend(invoked(&steps));
            shown.push(SubJourney {
                id: clean(own.id()),
                returns: own.kind() != Some(SubJourneyKind::Transfer),
                places: self.stated(|root| within.find(root)),
                steps,
            });
        }
        shown
    }

    /// What the steps run, what that runs in turn, each once and in that order.
    fn profiles<'s>(&self, steps: impl Iterator<Item = &'s Step>) -> Vec<Profile> {
        let mut profiles: Vec<Profile> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for step in steps {
            let mut waiting: Vec<_> = step.runs.iter().map(|run| run.profile.clone()).collect();
            waiting.reverse();
            while let Some(id) = waiting.pop() {
                if !seen.insert(folded(&id)) {
                    continue;
                }
                let profile = self.profile(&id);
                let actions = profile.actions.iter().flat_map(|action| &action.runs);
                let within = profile.validations.iter().chain(actions);
                waiting.extend(within.map(|own| own.profile.clone()).rev());
                profiles.push(profile);
            }
        }
        profiles
    }

    fn profile(&self, id: &str) -> Profile {
        let Some(own) = self.profile_of(id) else {
            return missing(id);
        };
        Profile {
            id: clean(own.id()),
            name: own.display_name().map(clean),
            family: words::family(&own),
            does: words::does(&own),
            call: words::call(&own),
            page: self.page(&own),
            asks: self.asks(&own),
            validations: own
                .validation_profiles()
                .map(|own| self.validation(&own))
                .collect(),
            actions: self.actions(&own),
            session: own
                .session_management()
                .map(|id| words::session(self.policy, id)),
            places: self.stated(|root| profile_in(root, id)),
            lines: Some(lines(self.sources, own.element)),
        }
    }

    fn page(&self, profile: &TechnicalProfile<'_>) -> Option<Page> {
        let id = profile.content_definition()?;
        Some(words::page(self.policy, id))
    }

    /// The claims a page asks for: where display claims are stated these, else
    /// the output claims that have a way of being entered (§3.4).
    fn asks(&self, profile: &TechnicalProfile<'_>) -> Vec<String> {
        let is_page = profile.provider() == Some(crate::policy::view::ProviderKind::SelfAsserted);
        if !is_page {
            return Vec::new();
        }
        let displayed: Vec<_> = profile
            .display_claims()
            .filter_map(|own| own.claim().or(own.display_control()))
            .map(clean)
            .collect();
        if !displayed.is_empty() {
            return displayed;
        }
        profile
            .output_claims()
            .filter_map(|own| own.claim())
            .filter(|id| {
                let claim = self.policy.claim_type(id);
                claim.is_some_and(|claim| claim.user_input_type().is_some())
            })
            .map(clean)
            .collect()
    }

    fn actions(&self, profile: &TechnicalProfile<'_>) -> Vec<Action> {
        let controls = profile
            .display_claims()
            .filter_map(|own| own.display_control());
        let controls = controls.filter_map(|id| self.policy.display_control(id));
        controls
            .flat_map(|control: DisplayControl<'_>| {
                control.actions().map(move |action| (control, action))
            })
            .map(|(control, action)| Action {
                control: clean(control.id()),
                button: clean(action.id()),
                runs: action
                    .validation_profiles()
                    .map(|own| self.validation(&own))
                    .collect(),
            })
            .collect()
    }

    fn validation(&self, own: &ValidationProfile<'_>) -> Validation {
        let unusual = [
            (own.continue_on_error(), "goes on after an error"),
            (!own.continue_on_success(), "stops here if it went well"),
        ];
        Validation {
            profile: clean(own.profile().unwrap_or("(no technical profile)")),
            place: place(self.sources, own.element.span),
            skipped_if: own
                .preconditions()
                .map(|own| words::condition(&own))
                .collect(),
            unusual: unusual
                .into_iter()
                .filter_map(|(is_so, words)| is_so.then_some(words))
                .collect(),
        }
    }
}

/// A journey, by the list that it stands in, its name there and its id.
#[derive(Clone, Copy)]
struct Within<'a>(&'static str, &'static str, &'a str);

impl Within<'_> {
    fn find<'r>(&self, root: &'r Element) -> Option<&'r Element> {
        let Self(list, item, id) = *self;
        with_id(root.list(list, item), id)
    }

    fn step<'r>(&self, root: &'r Element, step: &OrchestrationStep<'_>) -> Option<&'r Element> {
        // Two of the same number in one file are two.
        let is_it = |own: &OrchestrationStep<'_>| {
            own.element.span == step.element.span || own.element.span.file != step.element.span.file
        };
        let mut steps = self
            .find(root)?
            .list("OrchestrationSteps", "OrchestrationStep")
            .map(|element| OrchestrationStep { element });
        let same = steps.find(|own| own.order() == step.order() && is_it(own))?;
        Some(same.element)
    }
}

fn profile_in<'r>(root: &'r Element, id: &str) -> Option<&'r Element> {
    let providers = root.list("ClaimsProviders", "ClaimsProvider");
    with_id(
        providers.flat_map(|own| own.list("TechnicalProfiles", "TechnicalProfile")),
        id,
    )
}

fn with_id<'r>(mut elements: impl Iterator<Item = &'r Element>, id: &str) -> Option<&'r Element> {
    elements.find(|own| own.value("Id").is_some_and(|own| same_id(own, id)))
}

fn missing(id: &str) -> Profile {
    Profile {
        id: id.to_owned(),
        name: None,
        family: Family::Missing,
        does: "not in the policy".to_owned(),
        call: None,
        page: None,
        asks: Vec::new(),
        validations: Vec::new(),
        actions: Vec::new(),
        session: None,
        places: Vec::new(),
        lines: None,
    }
}

fn exchange<'a>(step: Option<&OrchestrationStep<'a>>, id: &str) -> Option<ClaimsExchange<'a>> {
    step?.claims_exchanges().find(|own| same_id(own.id(), id))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
