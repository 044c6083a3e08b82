//! Journeys and their steps.

use super::{boolean, id_of};
use crate::policy::xml::Element;

#[derive(Clone, Copy, Debug)]
pub struct UserJourney<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct SubJourney<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubJourneyKind {
    /// Comes back to the journey.
    Call,
    /// Does not come back.
    Transfer,
}

#[derive(Clone, Copy, Debug)]
pub struct OrchestrationStep<'a> {
    pub element: &'a Element,
}

/// The types of a step ("UserJourneys: OrchestrationSteps").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    ClaimsProviderSelection,
    CombinedSignInAndSignUp,
    ClaimsExchange,
    GetClaims,
    InvokeSubJourney,
    SendClaims,
    ConsentScreen,
    ReviewScreen,
    UserDialog,
    Noop,
}

#[derive(Clone, Copy, Debug)]
pub struct ClaimsExchange<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug)]
pub struct ClaimsProviderSelection<'a> {
    pub element: &'a Element,
}

/// What keeps a step, or a validation technical profile, from running.
#[derive(Clone, Copy, Debug)]
pub struct Precondition<'a> {
    pub element: &'a Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PreconditionKind {
    ClaimsExist,
    ClaimEquals,
}

impl<'a> UserJourney<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// Where a `SendClaims` step that names no issuer ends
    /// (`DefaultCpimIssuerTechnicalProfileReferenceId`).
    pub fn default_issuer(&self) -> Option<&'a str> {
        self.element
            .value("DefaultCpimIssuerTechnicalProfileReferenceId")
    }

    /// The technical profiles that read the request of a user-info or token
    /// endpoint.
    pub fn authorization_profiles(&self) -> impl Iterator<Item = &'a Element> + use<'a> {
        self.element.all("Authorization").flat_map(|list| {
            list.list(
                "AuthorizationTechnicalProfiles",
                "AuthorizationTechnicalProfile",
            )
        })
    }

    /// In the order in which they run.
    pub fn steps(&self) -> Vec<OrchestrationStep<'a>> {
        steps(self.element)
    }
}

impl<'a> SubJourney<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    /// `None` where it is something else.
    pub fn kind(&self) -> Option<SubJourneyKind> {
        match self.element.value("Type")? {
            "Call" => Some(SubJourneyKind::Call),
            "Transfer" => Some(SubJourneyKind::Transfer),
            _ => None,
        }
    }

    /// In the order in which they run.
    pub fn steps(&self) -> Vec<OrchestrationStep<'a>> {
        steps(self.element)
    }
}

/// Those of the same number stay as they are written, those without one come
/// first: what is wrong with them is a checker's business.
fn steps(journey: &Element) -> Vec<OrchestrationStep<'_>> {
    let mut steps: Vec<_> = journey
        .list("OrchestrationSteps", "OrchestrationStep")
        .map(|element| OrchestrationStep { element })
        .collect();
    steps.sort_by_key(OrchestrationStep::order);
    steps
}

impl<'a> OrchestrationStep<'a> {
    /// `None` where it is no number.
    pub fn order(&self) -> Option<u32> {
        self.element.value("Order")?.trim().parse().ok()
    }

    /// `None` where it is something else.
    pub fn kind(&self) -> Option<StepKind> {
        Some(match self.element.value("Type")? {
            "ClaimsProviderSelection" => StepKind::ClaimsProviderSelection,
            "CombinedSignInAndSignUp" => StepKind::CombinedSignInAndSignUp,
            "ClaimsExchange" => StepKind::ClaimsExchange,
            "GetClaims" => StepKind::GetClaims,
            "InvokeSubJourney" => StepKind::InvokeSubJourney,
            "SendClaims" => StepKind::SendClaims,
            "ConsentScreen" => StepKind::ConsentScreen,
            "ReviewScreen" => StepKind::ReviewScreen,
            "UserDialog" => StepKind::UserDialog,
            "Noop" => StepKind::Noop,
            _ => return None,
        })
    }

    pub fn content_definition(&self) -> Option<&'a str> {
        self.element.value("ContentDefinitionReferenceId")
    }

    /// Where a `SendClaims` step ends.
    pub fn issuer(&self) -> Option<&'a str> {
        self.element.value("CpimIssuerTechnicalProfileReferenceId")
    }

    /// The first one that holds keeps the step from running.
    pub fn preconditions(&self) -> impl Iterator<Item = Precondition<'a>> + use<'a> {
        self.element
            .list("Preconditions", "Precondition")
            .map(|element| Precondition { element })
    }

    pub fn claims_exchanges(&self) -> impl Iterator<Item = ClaimsExchange<'a>> + use<'a> {
        self.element
            .list("ClaimsExchanges", "ClaimsExchange")
            .map(|element| ClaimsExchange { element })
    }

    pub fn selections(&self) -> impl Iterator<Item = ClaimsProviderSelection<'a>> + use<'a> {
        self.element
            .list("ClaimsProviderSelections", "ClaimsProviderSelection")
            .map(|element| ClaimsProviderSelection { element })
    }

    /// `ShowSingleProvider` or `DoNotShowSingleProvider`.
    pub fn display_option(&self) -> Option<&'a str> {
        self.element
            .child("ClaimsProviderSelections")?
            .value("DisplayOption")
    }

    /// The sub-journeys (`SubJourneyReferenceId`) that it may invoke, each with
    /// its `Candidate` element.
    pub fn sub_journeys(&self) -> impl Iterator<Item = (&'a str, &'a Element)> + use<'a> {
        self.element
            .list("JourneyList", "Candidate")
            .filter_map(|candidate| Some((candidate.value("SubJourneyReferenceId")?, candidate)))
    }
}

impl<'a> ClaimsExchange<'a> {
    pub fn id(&self) -> &'a str {
        id_of(self.element)
    }

    pub fn profile(&self) -> Option<&'a str> {
        self.element
            .value("TechnicalProfileReferenceId")
            .map(str::trim)
    }
}

impl<'a> ClaimsProviderSelection<'a> {
    /// The claims exchange of the next step that the button leads to.
    pub fn target(&self) -> Option<&'a str> {
        self.element.value("TargetClaimsExchangeId").map(str::trim)
    }

    /// The claims exchange of this step that checks what is entered.
    pub fn validation(&self) -> Option<&'a str> {
        self.element
            .value("ValidationClaimsExchangeId")
            .map(str::trim)
    }
}

impl<'a> Precondition<'a> {
    /// `None` where it is something else.
    pub fn kind(&self) -> Option<PreconditionKind> {
        match self.element.value("Type")? {
            "ClaimsExist" => Some(PreconditionKind::ClaimsExist),
            "ClaimEquals" => Some(PreconditionKind::ClaimEquals),
            _ => None,
        }
    }

    /// Whether its action is taken if the comparison holds, or if it does not.
    pub fn execute_actions_if(&self) -> Option<bool> {
        self.element.value("ExecuteActionsIf").and_then(boolean)
    }

    /// The claim: the first `Value`.
    pub fn claim(&self) -> Option<&'a str> {
        self.values().next()
    }

    /// What `ClaimEquals` compares with: the second `Value`.
    pub fn value(&self) -> Option<&'a str> {
        self.values().nth(1)
    }

    /// What the `Value` elements say; an empty one says the empty text.
    pub fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.element
            .all("Value")
            .map(|value| value.text().unwrap_or_default())
    }

    /// `SkipThisOrchestrationStep` or `SkipThisValidationTechnicalProfile`.
    pub fn action(&self) -> Option<&'a str> {
        self.element.child_text("Action")
    }
}
