//! P37: what a journey calls.

use super::journeys::{Journey, JourneyKind, number, order_span};
use super::scope::Scope;
use super::spelling::nearest;
use crate::policy::finding::{Finding, Severity};
use crate::policy::view::{OrchestrationStep, StepKind, SubJourneyKind};
use crate::policy::xml::Element;

/// Looks at what a journey calls, and at how a sub-journey ends.
pub(super) fn check(scope: &Scope<'_>, journey: &Journey<'_>, findings: &mut Vec<Finding>) {
    for step in &journey.steps {
        if step.kind() == Some(StepKind::InvokeSubJourney) {
            if let JourneyKind::Sub(_) = journey.kind {
                findings.push(
                    Finding::new(
                        37,
                        Severity::Warning,
                        order_span(step),
                        format!("{} calls a sub-journey in step {}", journey.called(), number(step)),
                    )
.mend("call it from the journey, one after the other: the documents say that sub-journeys do not nest, though policies of Microsoft's do"),
                );
            }
            if step.sub_journeys().next().is_none() {
                findings.push(
                    Finding::new(
                        37,
                        Severity::Error,
                        order_span(step),
                        format!("step {} of {} names no sub-journey", number(step), journey.called()),
                    )
                    .mend("write <JourneyList><Candidate SubJourneyReferenceId=\"…\" /></JourneyList>"),
                );
            }
        }
        for (id, candidate) in step.sub_journeys() {
            unknown_sub_journey(scope, id, candidate, findings);
        }
    }
    let transfers = journey.kind == JourneyKind::Sub(Some(SubJourneyKind::Transfer));
    let sends = |step: &OrchestrationStep<'_>| step.kind() == Some(StepKind::SendClaims);
    if transfers && !journey.steps.iter().any(sends) {
        let span = journey
            .element
            .attribute("Type")
            .map_or(journey.element.name_span, |kind| kind.value_span);
        findings.push(
            Finding::new(
                37,
                Severity::Error,
                span,
                format!(
                    "{} does not come back, but sends no claims either",
                    journey.called()
                ),
            )
            .b2c(format!(
                "{} is of type Transfer and must have an orchestration step of type SendClaims.",
                journey.b2c(scope)
            ))
            .mend("end it with a SendClaims step, or make it Type=\"Call\""),
        );
    }
}

fn unknown_sub_journey(
    scope: &Scope<'_>,
    id: &str,
    candidate: &Element,
    findings: &mut Vec<Finding>,
) {
    if scope.effective.sub_journey(id).is_some() || !scope.is_own(candidate.span) {
        return;
    }
    let ids = scope.effective.sub_journeys();
    let mend = match nearest(id, ids.map(|known| known.id())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("declare <SubJourney Id=\"{id}\"> in this policy or in one it inherits from")
        }
    };
    let span = candidate
        .attribute("SubJourneyReferenceId")
        .map_or(candidate.name_span, |attribute| attribute.value_span);
    findings.push(
        Finding::new(37, Severity::Error, span, format!("there is no sub-journey `{id}`"))
            .b2c(format!(
                "The {} makes a reference to SubJourney with id \"{id}\" but neither the policy nor any of its base policies contain such an element.",
                scope.policy()
            ))
            .mend(mend),
    );
}
