//! P31: exchanges that no button leads to, and links that lead nowhere.

use super::flow::Visit;
use super::journeys::{is_selection, number, order_span};
use super::scope::Scope;
use super::spelling::nearest;
use crate::policy::finding::{Finding, Severity};
use crate::policy::view::{ClaimsExchange, OrchestrationStep, StepKind, same_id};
use crate::policy::xml::Element;

const SIGN_UP: &str = "SignUpTarget";

/// Metadata of the page's profile that names an exchange of the next step.
const LINKS: [&str; 2] = [SIGN_UP, "setting.forgotPasswordLinkOverride"];

/// Looks at a step and at the selection before it.
pub(super) fn check(scope: &Scope<'_>, visit: &Visit<'_>, findings: &mut Vec<Finding>) {
    let Some(before) = &visit.before else {
        return;
    };
    if visit.step.kind() != Some(StepKind::ClaimsExchange) || !is_selection(&before.step) {
        return;
    }
    let exchanges: Vec<_> = visit.step.claims_exchanges().collect();
    let ids: Vec<&str> = exchanges.iter().map(|exchange| exchange.id()).collect();
    let mut chosen: Vec<&str> = Vec::new();
    chosen.extend(
        before
            .step
            .selections()
            .filter_map(|selection| selection.target()),
    );
    for (_, profile) in &before.profiles {
        for key in LINKS {
            let Some(item) = profile.metadata_item(key) else {
                continue;
            };
            let target = item.text().unwrap_or_default();
            chosen.push(target);
            let hidden =
                key == SIGN_UP && profile.metadata_flag("setting.showSignupLink") == Some(false);
            if !hidden && !target.is_empty() && !ids.iter().any(|id| same_id(id, target)) {
                findings.push(dead_link(scope, visit, item, key, &ids));
            }
        }
    }
    // A single one runs if its preconditions let it.
    if exchanges.len() < 2 {
        return;
    }
    for exchange in &exchanges {
        if !chosen.iter().any(|id| same_id(id, exchange.id())) {
            findings.push(unreachable(visit, &before.step, exchange));
        }
    }
}

fn unreachable(
    visit: &Visit<'_>,
    selection: &OrchestrationStep<'_>,
    exchange: &ClaimsExchange<'_>,
) -> Finding {
    let id = exchange.id();
    let attribute = exchange.element.attribute("Id");
    let span = attribute.map_or(exchange.element.name_span, |id| id.value_span);
    let step = number(selection);
    Finding::new(
        31,
        Severity::Warning,
        span,
        format!(
            "nothing in step {step} of `{}` leads to the claims exchange `{id}`",
            visit.journey
        ),
    )
    .mend(format!(
        "add <ClaimsProviderSelection TargetClaimsExchangeId=\"{id}\" /> to step {step}, or take the exchange away"
    ))
    .related(order_span(selection), "the selection is here")
}

fn dead_link(
    scope: &Scope<'_>,
    visit: &Visit<'_>,
    item: &Element,
    key: &str,
    ids: &[&str],
) -> Finding {
    let target = item.text().unwrap_or_default();
    let span = item.text.as_ref().map_or(item.name_span, |text| text.span);
    let link = if key == SIGN_UP {
        "sign-up"
    } else {
        "password"
    };
    let step = number(&visit.step);
    let mend = match nearest(target, ids.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if key == SIGN_UP => format!(
            "add the exchange `{target}` to step {step}, or hide the link: setting.showSignupLink=false"
        ),
        None => format!("add the exchange `{target}` to step {step}, or take the item away"),
    };
    Finding::new(
        31,
        Severity::Warning,
        span,
        format!(
            "the {link} link leads to the claims exchange `{target}`, which step {step} of `{}` does not have",
            visit.journey
        ),
    )
    .b2c(format!(
        "Claims exchange with id \"{target}\" could not be found in orchestration step \"{step}\" of user journey \"{}\" in {}.",
        visit.journey,
        scope.policy()
    ))
    .mend(mend)
    .related(order_span(&visit.step), "the step")
}
