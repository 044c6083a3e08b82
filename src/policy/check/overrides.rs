//! P20 and P21: what a policy inherits beside what it states.

use std::collections::BTreeSet;

use super::journeys::{number, order_span};
use super::scope::Scope;
use crate::policy::finding::{Finding, Severity};
use crate::policy::view::{
    OrchestrationStep, ProviderKind, StepKind, TechnicalProfile, UserJourney, ValidationProfile,
    same_id,
};
use crate::policy::xml::Element;

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let providers = scope
        .file
        .document
        .root
        .list("ClaimsProviders", "ClaimsProvider");
    for stated in
        providers.flat_map(|provider| provider.list("TechnicalProfiles", "TechnicalProfile"))
    {
        let id = stated.value("Id").unwrap_or_default();
        if let Some(profile) = scope.effective.technical_profile(id) {
            validations(scope, &profile, findings);
        }
    }
    for stated in scope.file.document.root.list("UserJourneys", "UserJourney") {
        journey(scope, stated, findings);
    }
}

/// P20: validation profiles of a child come on top of the inherited ones, and
/// what is stated in both runs twice.
fn validations(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let all: Vec<_> = profile.validation_profiles().collect();
    for (at, own) in all.iter().enumerate() {
        let Some(id) = own.profile().filter(|_| scope.is_own(own.element.span)) else {
            continue;
        };
        let inherited = all.iter().skip(at + 1).find(|other| {
            !scope.is_own(other.element.span)
                && other.profile().is_some_and(|name| same_id(name, id))
        });
        if let Some(inherited) = inherited {
            findings.push(restated(scope, profile, own, inherited, id));
        }
    }
}

fn restated(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    own: &ValidationProfile<'_>,
    inherited: &ValidationProfile<'_>,
    id: &str,
) -> Finding {
    let span = |validation: &ValidationProfile<'_>| {
        let reference = validation.element.attribute("ReferenceId");
        reference.map_or(validation.element.name_span, |reference| {
            reference.value_span
        })
    };
    let called = scope.effective.technical_profile(id);
    let creates = called.is_some_and(|called| refuses_the_second_time(&called));
    // Each may run when the other does not.
    let guarded = [own, inherited]
        .iter()
        .all(|validation| validation.preconditions().next().is_some());
    let severity = match (creates, guarded) {
        (true, false) => Severity::Error,
        (true, true) => Severity::Warning,
        (false, _) => Severity::Info,
    };
    let message = format!(
        "`{id}` runs twice on `{}`: `{}` runs it too, and validation technical profiles are not merged",
        profile.id(),
        scope.policy_in(inherited.element.span.file)
    );
    let finding = Finding::new(20, severity, span(own), message)
        .mend(format!(
            "take `{id}` out of this list: the inherited one runs, after those that this policy adds"
        ))
        .related(span(inherited), "it runs here already");
    match severity {
        Severity::Error | Severity::Warning => finding.b2c(
            "A user with the specified ID already exists. Please choose a different one. (Said to the user, who has been created by then.)",
        ),
        Severity::Info => finding,
    }
}

/// Whether it writes to the directory, and fails if the account exists.
fn refuses_the_second_time(profile: &TechnicalProfile<'_>) -> bool {
    profile.provider() == Some(ProviderKind::AzureActiveDirectory)
        && profile
            .metadata("Operation")
            .is_some_and(|operation| operation.eq_ignore_ascii_case("Write"))
        && profile.metadata_flag("RaiseErrorIfClaimsPrincipalAlreadyExists") == Some(true)
}

/// P21: journeys are merged step by step, so what the base has more stays.
fn journey(scope: &Scope<'_>, stated: &Element, findings: &mut Vec<Finding>) {
    let id = stated.value("Id").unwrap_or_default();
    let base = scope
        .file
        .base_file()
        .and_then(|base| scope.set.effective(base));
    let Some(base) = base else {
        return;
    };
    let (Some(inherited), Some(merged)) = (base.journey(id), scope.effective.journey(id)) else {
        return;
    };
    let own = UserJourney { element: stated };
    let difference = Difference::between(&own.steps(), &inherited.steps());
    if difference.is_none() {
        return;
    }
    let whole = is_whole(&own.steps());
    let severity = if whole {
        Severity::Warning
    } else {
        Severity::Info
    };
    let span = stated
        .attribute("Id")
        .map_or(stated.name_span, |id| id.value_span);
    let mend = if whole {
        format!(
            "give the journey an id of its own and name it in DefaultUserJourney: `{id}` is not replaced, its steps are merged by number"
        )
    } else {
        "this is right if those steps should stay; a journey with an id of its own is easier to follow".to_owned()
    };
    let mut finding = Finding::new(
        21,
        severity,
        span,
        format!(
            "journey `{id}` is inherited, and merged with it: {}",
            said(&merged, scope)
        ),
    )
    .mend(mend);
    for step in difference.leftover.iter().chain(&difference.mixed) {
        finding = finding.related(
            order_span(step),
            format!(
                "step {} of `{}`",
                number(step),
                scope.policy_in(step.element.span.file)
            ),
        );
    }
    findings.push(finding);
}

/// What of an inherited journey shows in the merged one.
#[derive(Default)]
struct Difference<'a> {
    /// Steps that are not stated again.
    leftover: Vec<OrchestrationStep<'a>>,
    /// Steps of which something stays beside what is stated.
    mixed: Vec<OrchestrationStep<'a>>,
}

impl<'a> Difference<'a> {
    fn between(own: &[OrchestrationStep<'_>], inherited: &[OrchestrationStep<'a>]) -> Self {
        let mut difference = Self::default();
        for step in inherited {
            match own.iter().find(|own| own.order() == step.order()) {
                None => difference.leftover.push(*step),
                Some(own) if parts(own).is_superset(&parts(step)) && own.kind() == step.kind() => {}
                Some(_) => difference.mixed.push(*step),
            }
        }
        difference
    }

    fn is_none(&self) -> bool {
        self.leftover.is_empty() && self.mixed.is_empty()
    }
}

/// What a step does, by name.
fn parts(step: &OrchestrationStep<'_>) -> BTreeSet<String> {
    let exchanges = step
        .claims_exchanges()
        .map(|exchange| exchange.id().to_lowercase());
    let selections = step.selections().filter_map(|selection| {
        let named = selection.target().or(selection.validation())?;
        Some(format!("→ {}", named.to_lowercase()))
    });
    exchanges.chain(selections).collect()
}

/// Whether somebody wrote down a journey from its first step to its last, as
/// one does who means to replace another.
fn is_whole(steps: &[OrchestrationStep<'_>]) -> bool {
    let first = steps.first().is_some_and(|step| step.order() == Some(1));
    first
        && steps
            .iter()
            .any(|step| step.kind() == Some(StepKind::SendClaims))
}

/// `1 CombinedSignInAndSignUp, 2 ClaimsExchange A + B (A of Base), …`.
fn said(journey: &UserJourney<'_>, scope: &Scope<'_>) -> String {
    let steps: Vec<String> = journey
        .steps()
        .iter()
        .map(|step| {
            let kind = step.element.value("Type").unwrap_or("?");
            let exchanges: Vec<String> = step
                .claims_exchanges()
                .map(|exchange| origin(exchange.id(), exchange.element, scope))
                .collect();
            if exchanges.is_empty() {
                return format!("{} {}", number(step), origin(kind, step.element, scope));
            }
            format!("{} {}", number(step), exchanges.join(" or "))
        })
        .collect();
    steps.join(", ")
}

fn origin(name: &str, element: &Element, scope: &Scope<'_>) -> String {
    if scope.is_own(element.span) {
        name.to_owned()
    } else {
        format!("{name} (of {})", scope.policy_in(element.span.file))
    }
}
