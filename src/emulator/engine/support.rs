//! What a policy reaches and the engine does not run: found before anything is
//! served, so that no journey breaks off in the middle for want of the
//! emulator.

mod profile;

use std::collections::HashSet;

use super::{
    program::Program,
    trace::{Note, NoteLevel, Place},
};
use crate::policy::{
    merge::folded,
    view::{
        ClaimsExchange, OrchestrationStep, Precondition, ProviderKind, StepKind, SubJourneyKind,
    },
    xml::Element,
};

/// One thing that keeps a policy from running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub(crate) place: Option<Place>,
    /// What it is. A sentence without a full stop.
    pub(crate) what: String,
    /// What to do.
    pub(crate) mend: String,
}

/// What was found in one policy.
#[derive(Debug, Default)]
pub(crate) struct Support {
    /// None: the policy can be run.
    pub(crate) obstacles: Vec<Obstacle>,
    /// What is done otherwise than the policy says.
    pub(crate) notes: Vec<Note>,
}

const LEAVE_OUT: &str = "Take it out of the journey to try the rest, or leave the policy out: \
                         --skip-unsupported, or --only for the others";
const DECLARE: &str = "Declare it, in this policy or in one that it inherits from, or correct the \
                       name: `idlink policy check` tells which is meant";

/// Walks through all that the policy's journey can come to.
pub(crate) fn look(program: &Program) -> Support {
    let mut walk = Walk {
        program,
        profiles: HashSet::new(),
        transformations: HashSet::new(),
        sub_journeys: HashSet::new(),
        found: Support::default(),
    };
    walk.relying_party();
    if let Some(journey) = program.user_journey() {
        let steps = journey.steps();
        walk.steps(&steps, journey.default_issuer());
    }
    walk.found
}

struct Walk<'p> {
    program: &'p Program,
    /// Those that were looked at, and whether behind a page.
    profiles: HashSet<(String, Caller)>,
    transformations: HashSet<String>,
    sub_journeys: HashSet<String>,
    found: Support,
}

/// What runs a technical profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Caller {
    Step,
    Page,
}

impl<'p> Walk<'p> {
    fn obstacle(&mut self, at: &Element, what: impl Into<String>, mend: &str) {
        let obstacle = Obstacle {
            place: self.program.place(at),
            what: what.into(),
            mend: mend.to_owned(),
        };
        if !self.found.obstacles.contains(&obstacle) {
            self.found.obstacles.push(obstacle);
        }
    }

    fn unsupported(&mut self, at: &Element, what: impl Into<String>) {
        self.obstacle(at, what, LEAVE_OUT);
    }

    fn undeclared(&mut self, at: &Element, what: &str, id: &str) {
        let text = match id {
            "" => format!("{what} is named here without its id"),
            id => format!("{what} {id} is not declared"),
        };
        self.obstacle(at, text, DECLARE);
    }

    fn note(&mut self, at: &Element, text: String) {
        let note = Note {
            level: NoteLevel::Info,
            text,
            place: self.program.place(at),
        };
        if !self.found.notes.contains(&note) {
            self.found.notes.push(note);
        }
    }

    fn claim(&mut self, at: &Element, id: &str) {
        if self.program.claim_type(id).is_none() {
            self.undeclared(at, "the claim", id);
        }
    }

    fn relying_party(&mut self) {
        let Some(party) = self.program.relying_party() else {
            return;
        };
        for endpoint in party.endpoints() {
            let text = format!(
                "the endpoint {} is answered as B2C does by default: its journey {} is not run",
                endpoint.id(),
                endpoint.journey().unwrap_or_default()
            );
            self.note(endpoint.element, text);
        }
        let Some(profile) = party.profile() else {
            let text = "RelyingParty has no TechnicalProfile: there is nothing to send";
            self.obstacle(party.element, text, "Write what tokens are to hold into it");
            return;
        };
        match profile.provider() {
            None | Some(ProviderKind::OpenIdConnect | ProviderKind::OAuth2) => {}
            Some(_) => {
                let protocol = profile.protocol().unwrap_or(profile.element);
                let name = protocol.value("Name").unwrap_or_default();
                let text = format!("applications of this policy speak {name}");
                self.unsupported(protocol, text);
            }
        }
        let claims = profile.input_claims().chain(profile.output_claims());
        for reference in claims.collect::<Vec<_>>() {
            self.claim(reference.element, reference.claim().unwrap_or_default());
        }
    }

    fn steps(&mut self, steps: &[OrchestrationStep<'p>], default_issuer: Option<&str>) {
        for (number, step) in steps.iter().enumerate() {
            for precondition in step.preconditions() {
                self.precondition(&precondition);
            }
            match step.kind() {
                Some(StepKind::ClaimsExchange) => self.exchanges(step),
                Some(StepKind::ClaimsProviderSelection | StepKind::CombinedSignInAndSignUp) => {
                    self.exchanges(step);
                    self.selections(step, steps.get(number + 1));
                }
                Some(StepKind::InvokeSubJourney) => self.sub_journeys(step, default_issuer),
                Some(StepKind::SendClaims) => self.issuer(step, default_issuer),
                Some(StepKind::Noop) => {}
                Some(
                    StepKind::GetClaims
                    | StepKind::ConsentScreen
                    | StepKind::ReviewScreen
                    | StepKind::UserDialog,
                )
                | None => {
                    let kind = step.element.value("Type").unwrap_or_default();
                    let text = format!("{} is of the type {kind}", called(step));
                    self.unsupported(step.element, text);
                }
            }
        }
    }

    fn precondition(&mut self, precondition: &Precondition<'_>) {
        if precondition.kind().is_none() {
            let kind = precondition.element.value("Type").unwrap_or_default();
            let text = format!("a precondition is of the type {kind}");
            self.unsupported(precondition.element, text);
        }
        self.claim(
            precondition.element,
            precondition.claim().unwrap_or_default(),
        );
    }

    fn exchanges(&mut self, step: &OrchestrationStep<'p>) {
        if let Some(page) = step.content_definition() {
            self.content_definition(step.element, page);
        }
        for exchange in step.claims_exchanges() {
            self.exchange(&exchange);
        }
    }

    fn exchange(&mut self, exchange: &ClaimsExchange<'p>) {
        let id = exchange.profile().unwrap_or_default();
        self.profile(exchange.element, id, Caller::Step);
    }

    fn content_definition(&mut self, at: &Element, id: &str) {
        if self.program.effective.content_definition(id).is_none() {
            self.undeclared(at, "the content definition", id);
        }
    }

    /// Buttons that lead nowhere.
    fn selections(&mut self, step: &OrchestrationStep<'p>, next: Option<&OrchestrationStep<'p>>) {
        let has = |step: Option<&OrchestrationStep<'p>>, id: &str| {
            let mut exchanges = step.into_iter().flat_map(|step| step.claims_exchanges());
            exchanges.any(|exchange| folded(exchange.id()) == folded(id))
        };
        for selection in step.selections() {
            let missing = [
                (selection.target(), next, "the next step"),
                (selection.validation(), Some(step), "this step"),
            ]
            .into_iter()
            .find_map(|(id, step, place)| Some((id.filter(|id| !has(step, id))?, place)));
            if let Some((id, place)) = missing {
                let text = format!("the claims exchange {id} is not in {place}");
                self.obstacle(selection.element, text, DECLARE);
            }
        }
    }

    fn sub_journeys(&mut self, step: &OrchestrationStep<'p>, default_issuer: Option<&str>) {
        let program = self.program;
        let mut candidates = step.sub_journeys();
        let Some((id, candidate)) = candidates.next() else {
            let text = format!("{} calls no sub-journey", called(step));
            self.obstacle(step.element, text, "Name one in its JourneyList");
            return;
        };
        for (id, candidate) in candidates {
            let text = format!("{} calls {id} besides another sub-journey", called(step));
            self.unsupported(candidate, text);
        }
        let Some(sub_journey) = program.effective.sub_journey(id) else {
            self.undeclared(candidate, "the sub-journey", id);
            return;
        };
        match sub_journey.kind() {
            Some(SubJourneyKind::Call | SubJourneyKind::Transfer) => {}
            None => {
                let text = format!("the sub-journey {id} is neither called nor transferred to");
                let mend = "Write Type=\"Call\" or Type=\"Transfer\"";
                self.obstacle(sub_journey.element, text, mend);
            }
        }
        if self.sub_journeys.insert(folded(id)) {
            self.steps(&sub_journey.steps(), default_issuer);
        }
    }

    fn issuer(&mut self, step: &OrchestrationStep<'p>, default_issuer: Option<&str>) {
        let Some(id) = step.issuer().or(default_issuer) else {
            let text = format!("{} names no issuer", called(step));
            let mend = "Name one in its CpimIssuerTechnicalProfileReferenceId";
            self.obstacle(step.element, text, mend);
            return;
        };
        let program = self.program;
        let Some(issuer) = program.profile(id.trim()) else {
            self.undeclared(step.element, "the technical profile", id);
            return;
        };
        let format = issuer.output_token_format().unwrap_or_default();
        match format.to_ascii_lowercase().as_str() {
            "jwt" | "oauth2error" => {}
            "" => {
                let text = format!(
                    "{} issues no token: it has no OutputTokenFormat",
                    issuer.id()
                );
                self.unsupported(issuer.element, text);
            }
            _ => {
                let at = issuer.element.child("OutputTokenFormat");
                let text = format!("{} issues {format} tokens", issuer.id());
                self.unsupported(at.unwrap_or(issuer.element), text);
            }
        }
        self.session_of(&issuer);
    }
}

/// "step 3".
fn called(step: &OrchestrationStep<'_>) -> String {
    match step.order() {
        Some(order) => format!("step {order}"),
        None => "a step without an order".to_owned(),
    }
}

#[cfg(test)]
mod tests;
