//! P11 to P15: whether the steps of a journey fit together. Looked at
//! for every policy that states a part of the journey, merged with what it
//! inherits of it, as B2C does when that policy is uploaded.

use super::scope::Scope;
use super::spelling::nearest;
use super::sub_journeys;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::view::{
    ClaimsProviderSelection, OrchestrationStep, StepKind, SubJourneyKind, same_id,
};
use crate::policy::xml::Element;

/// A journey or a sub-journey, as the policy has it after merging.
pub(super) struct Journey<'a> {
    pub(super) element: &'a Element,
    pub(super) id: &'a str,
    pub(super) steps: Vec<OrchestrationStep<'a>>,
    pub(super) kind: JourneyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JourneyKind {
    User,
    /// `None`: it does not say which, or not rightly.
    Sub(Option<SubJourneyKind>),
}

impl<'a> Journey<'a> {
    /// All that the file states a part of.
    fn own(scope: &Scope<'a>) -> Vec<Self> {
        let root = &scope.file.document.root;
        let effective = scope.effective;
        let stated = |list: &str, item: &'static str| -> Vec<&str> {
            root.list(list, item)
                .filter_map(|own| own.value("Id"))
                .collect()
        };
        let mut own: Vec<Self> = Vec::new();
        for id in stated("UserJourneys", "UserJourney") {
            own.extend(effective.journey(id).map(|journey| Self {
                element: journey.element,
                id: journey.id(),
                steps: journey.steps(),
                kind: JourneyKind::User,
            }));
        }
        for id in stated("SubJourneys", "SubJourney") {
            own.extend(effective.sub_journey(id).map(|journey| Self {
                element: journey.element,
                id: journey.id(),
                steps: journey.steps(),
                kind: JourneyKind::Sub(journey.kind()),
            }));
        }
        own
    }

    pub(super) fn called(&self) -> String {
        match self.kind {
            JourneyKind::User => format!("journey `{}`", self.id),
            JourneyKind::Sub(_) => format!("sub-journey `{}`", self.id),
        }
    }

    pub(super) fn b2c(&self, scope: &Scope<'_>) -> String {
        let kind = match self.kind {
            JourneyKind::User => "User journey",
            JourneyKind::Sub(_) => "Sub journey",
        };
        format!("{kind} \"{}\" in {}", self.id, scope.policy())
    }
}

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    for journey in Journey::own(scope) {
        orders(scope, &journey, findings);
        repeated_exchanges(scope, &journey, findings);
        sub_journeys::check(scope, &journey, findings);
        for (at, step) in journey.steps.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| journey.steps.get(at));
            several_exchanges(scope, &journey, step, before, findings);
            let after = journey.steps.get(at + 1);
            selection(scope, &journey, step, after, findings);
        }
    }
}

/// Where a step says its number.
pub(super) fn order_span(step: &OrchestrationStep<'_>) -> Span {
    step.element
        .attribute("Order")
        .map_or(step.element.name_span, |order| order.value_span)
}

/// The number of a step as it is written.
pub(super) fn number<'a>(step: &OrchestrationStep<'a>) -> &'a str {
    step.element.value("Order").unwrap_or("?")
}

pub(super) fn is_selection(step: &OrchestrationStep<'_>) -> bool {
    matches!(
        step.kind(),
        Some(StepKind::ClaimsProviderSelection | StepKind::CombinedSignInAndSignUp)
    )
}

/// P11. What is there twice in one file is P02.
fn orders(scope: &Scope<'_>, journey: &Journey<'_>, findings: &mut Vec<Finding>) {
    let mut expected = 1;
    for step in &journey.steps {
        let Some(order) = step.order() else {
            return;
        };
        if order == expected || order + 1 == expected {
            expected = order + 1;
            continue;
        }
        findings.push(
            Finding::new(
                11,
                Severity::Error,
                order_span(step),
                format!(
                    "{} has a step {order}, but no step {expected}",
                    journey.called()
                ),
            )
            .b2c(format!(
                "{} was expected to have step with order \"{expected}\" but it was not found.",
                journey.b2c(scope)
            ))
            .mend("number the steps 1, 2, 3 … without a gap, inherited ones included"),
        );
        return;
    }
}

/// P12.
fn several_exchanges(
    scope: &Scope<'_>,
    journey: &Journey<'_>,
    step: &OrchestrationStep<'_>,
    before: Option<&OrchestrationStep<'_>>,
    findings: &mut Vec<Finding>,
) {
    let exchanges: Vec<_> = step.claims_exchanges().collect();
    if step.kind() != Some(StepKind::ClaimsExchange)
        || exchanges.len() < 2
        || before.is_some_and(is_selection)
    {
        return;
    }
    let own = exchanges.iter().find(|one| scope.is_own(one.element.span));
    let span = own.map_or(step.element.name_span, |one| one.element.name_span);
    let mut finding = Finding::new(
        12,
        Severity::Error,
        span,
        format!(
            "step {} of {} has {} claims exchanges, and no selection before it says which",
            number(step),
            journey.called(),
            exchanges.len()
        ),
    )
    .b2c(format!(
        "{} has step {} with {} claims exchanges. It must be preceded by a claims provider selection in order to determine which claims exchange can be used.",
        journey.b2c(scope),
        number(step),
        exchanges.len()
    ))
    .mend("put each into a step of its own, or give the journey an id of its own if it should not inherit the other one");
    for exchange in exchanges.iter().filter(|one| one.element.name_span != span) {
        finding = finding.related(
            exchange.element.name_span,
            format!(
                "`{}` comes from `{}`",
                exchange.id(),
                scope.policy_in(exchange.element.span.file)
            ),
        );
    }
    findings.push(finding);
}

/// P13 and P14.
fn selection(
    scope: &Scope<'_>,
    journey: &Journey<'_>,
    step: &OrchestrationStep<'_>,
    after: Option<&OrchestrationStep<'_>>,
    findings: &mut Vec<Finding>,
) {
    let selections: Vec<_> = step.selections().collect();
    let targets = selections
        .iter()
        .any(|selection| selection.target().is_some());
    let exchange_follows = after.is_some_and(|next| next.kind() == Some(StepKind::ClaimsExchange));
    if targets && is_selection(step) && !exchange_follows {
        findings.push(no_exchange_follows(scope, journey, step, after));
    }
    for selection in &selections {
        if let Some(target) = selection.target()
            && let Some(next) = after.filter(|_| exchange_follows)
        {
            unknown_exchange(scope, journey, selection, target, next, step, findings);
        }
        if let Some(validation) = selection.validation() {
            unknown_exchange(scope, journey, selection, validation, step, step, findings);
        }
    }
}

fn no_exchange_follows(
    scope: &Scope<'_>,
    journey: &Journey<'_>,
    step: &OrchestrationStep<'_>,
    after: Option<&OrchestrationStep<'_>>,
) -> Finding {
    let found = match after {
        Some(next) => format!(
            "step {} is {}",
            number(next),
            next.element.value("Type").unwrap_or("none")
        ),
        None => "it is the last one".to_owned(),
    };
    let span = after
        .and_then(|next| next.element.attribute("Type"))
        .map_or_else(|| order_span(step), |kind| kind.value_span);
    Finding::new(
        13,
        Severity::Error,
        span,
        format!(
            "a claims exchange must follow the selection in step {} of {}, but {found}",
            number(step),
            journey.called()
        ),
    )
    .b2c(format!(
        "The step after step {} of {} is followed by a claims provider selection step and must be a claims exchange.",
        number(step),
        journey.b2c(scope)
    ))
    .mend(format!(
        "let a step of type ClaimsExchange with the selected exchanges follow step {}",
        number(step)
    ))
}

fn unknown_exchange(
    scope: &Scope<'_>,
    journey: &Journey<'_>,
    selection: &ClaimsProviderSelection<'_>,
    id: &str,
    place: &OrchestrationStep<'_>,
    step: &OrchestrationStep<'_>,
    findings: &mut Vec<Finding>,
) {
    let ids: Vec<&str> = place
        .claims_exchanges()
        .map(|exchange| exchange.id())
        .collect();
    if ids.iter().any(|known| same_id(known, id)) {
        return;
    }
    let validates = selection.validation() == Some(id) && selection.target() != Some(id);
    let attribute = if validates {
        "ValidationClaimsExchangeId"
    } else {
        "TargetClaimsExchangeId"
    };
    let mend = match nearest(id, ids.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add <ClaimsExchange Id=\"{id}\"> to step {}", number(place)),
    };
    let span = selection
        .element
        .attribute(attribute)
        .map_or(selection.element.name_span, |attribute| {
            attribute.value_span
        });
    findings.push(
        Finding::new(
            14,
            Severity::Error,
            span,
            format!(
                "step {} of {} has no claims exchange `{id}`",
                number(place),
                journey.called()
            ),
        )
        .b2c(format!(
            "Claims exchange with id \"{id}\" could not be found in orchestration step \"{}\" of {} in {}.",
            number(step),
            journey.called().replace('`', "\""),
            scope.policy()
        ))
        .mend(mend)
        .related(order_span(place), format!("step {}", number(place))),
    );
}

/// P15. What is there twice in one file is P02.
fn repeated_exchanges(scope: &Scope<'_>, journey: &Journey<'_>, findings: &mut Vec<Finding>) {
    let exchanges: Vec<_> = journey
        .steps
        .iter()
        .flat_map(|step| {
            step.claims_exchanges()
                .map(move |exchange| (step, exchange))
        })
        .collect();
    for (at, (step, exchange)) in exchanges.iter().enumerate() {
        let earlier = exchanges.iter().take(at);
        let Some((other_step, other)) = earlier
            .into_iter()
            .find(|(_, other)| other.id() == exchange.id())
        else {
            continue;
        };
        if exchange.element.span.file == other.element.span.file {
            continue;
        }
        let ((step, exchange), (other_step, other)) = if scope.is_own(exchange.element.span) {
            ((step, exchange), (other_step, other))
        } else {
            ((other_step, other), (step, exchange))
        };
        let span = |element: &Element| {
            element
                .attribute("Id")
                .map_or(element.name_span, |id| id.value_span)
        };
        findings.push(
            Finding::new(
                15,
                Severity::Error,
                span(exchange.element),
                format!(
                    "{} has the claims exchange `{}` twice: in step {} and, from `{}`, in step {}",
                    journey.called(),
                    exchange.id(),
                    number(step),
                    scope.policy_in(other.element.span.file),
                    number(other_step)
                ),
            )
            .b2c(format!(
                "There is a duplicate key sequence '{}' for the 'UniqueClaimsExchangeId' key or unique identity constraint.",
                exchange.id()
            ))
            .mend("give the journey an id of its own, so that it inherits no steps, or the exchange another id")
            .related(span(other.element), "the other one"),
        );
    }
}
