//! P10, and of P09 what concerns pages that a journey reaches.

use super::flow::Flow;
use super::journeys::{number, order_span};
use super::scope::Scope;
use super::spelling::nearest;
use super::wording::{capitalized, listed};
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::view::{ContentDefinition, ProviderKind, StepKind, TechnicalProfile};
use crate::policy::xml::Element;

/// The elements that pages are made of ("Page layout versions").
const PAGES: [&str; 9] = [
    "claimsconsent",
    "globalexception",
    "idpselection",
    "multifactor",
    "phonefactor",
    "providerselection",
    "selfasserted",
    "unifiedssd",
    "unifiedssp",
];

pub(super) fn data_uri(definition: &Element, findings: &mut Vec<Finding>) {
    const PREFIX: &str = "urn:com:microsoft:aad:b2c:elements:";
    let Some(uri) = definition
        .child("DataUri")
        .and_then(|uri| uri.text.as_ref())
    else {
        return;
    };
    if uri.value.contains('{') {
        return;
    }
    let b2c = format!(
        "The element specified by id '{}' cannot be found in the element factory cache.",
        uri.value
    );
    let error = |message: String, mend: String| {
        Finding::new(10, Severity::Error, uri.span, message)
            .b2c(b2c.clone())
            .mend(mend)
    };
    let Some(name) = uri.value.strip_prefix(PREFIX) else {
        findings.push(error(
            format!("`{}` is no page of B2C", uri.value),
            format!("write {PREFIX}contract:selfasserted:2.1.7, or another of the pages"),
        ));
        return;
    };
    let (contract, name) = match name.strip_prefix("contract:") {
        Some(name) => (true, name),
        None => (false, name),
    };
    let (page, version) = name.split_once(':').unwrap_or((name, ""));
    if !PAGES.contains(&page) {
        let mend = match nearest(page, PAGES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the pages are {}", listed(PAGES)),
        };
        findings.push(error(format!("there is no page `{page}`"), mend));
        return;
    }
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([major, minor, _]) => {
            if !contract && (*major, *minor) > (1, 1) {
                findings.push(error(
                    format!("version {version} of `{page}` needs the page contract"),
                    format!("write {PREFIX}contract:{page}:{version}"),
                ));
            }
        }
        _ => findings.push(error(
            format!("`{version}` is no version of the page `{page}`"),
            format!("write three numbers, as in {PREFIX}contract:{page}:2.1.0"),
        )),
    }
}

/// P09 for pages that a journey reaches: `span` is where it does.
fn page(
    scope: &Scope<'_>,
    definition: Option<&ContentDefinition<'_>>,
    span: Span,
    place: &str,
    findings: &mut Vec<Finding>,
) {
    let message = match definition {
        None => format!("{place} shows a page, and nothing says which"),
        Some(definition) if definition.data_uri().is_none() => format!(
            "{place} shows `{}`, whose content definition has no DataUri",
            definition.id()
        ),
        Some(_) => return,
    };
    let mend = match definition {
        None => "give it a ContentDefinitionReferenceId",
        Some(_) => "write a <DataUri> into the content definition",
    };
    let finding = Finding::new(9, Severity::Error, span, message)
        .b2c(format!(
            "A content definition data uri is required. {} in {}.",
            capitalized(place),
            scope.policy()
        ))
        .mend(mend);
    findings.push(finding);
}

/// Whether the profile shows a page of its own.
fn shows_page(profile: &TechnicalProfile<'_>) -> bool {
    matches!(profile.provider(), Some(ProviderKind::SelfAsserted))
}

/// P09, as far as pages are reached.
pub(super) fn reached(scope: &Scope<'_>, flow: &Flow<'_>, findings: &mut Vec<Finding>) {
    for visit in &flow.visits {
        let place = format!(
            "orchestration step {} of `{}`",
            number(&visit.step),
            visit.journey
        );
        match visit.step.kind() {
            Some(StepKind::ClaimsProviderSelection | StepKind::CombinedSignInAndSignUp) => {
                let of_profile = visit
                    .profiles
                    .iter()
                    .find_map(|(_, profile)| profile.content_definition());
                let id = visit.step.content_definition().or(of_profile);
                shown(scope, id, order_span(&visit.step), &place, findings);
            }
            Some(StepKind::ClaimsExchange) => {
                for (exchange, profile) in visit
                    .profiles
                    .iter()
                    .filter(|(_, profile)| shows_page(profile))
                {
                    let span = exchange
                        .element
                        .attribute("TechnicalProfileReferenceId")
                        .map_or(exchange.element.name_span, |id| id.value_span);
                    shown(scope, profile.content_definition(), span, &place, findings);
                }
            }
            _ => {}
        }
    }
}

fn shown(
    scope: &Scope<'_>,
    id: Option<&str>,
    span: Span,
    place: &str,
    findings: &mut Vec<Finding>,
) {
    match id {
        None => page(scope, None, span, place, findings),
        // What is not declared is told of where it is named.
        Some(id) => {
            if let Some(definition) = scope.effective.content_definition(id) {
                page(scope, Some(&definition), span, place, findings);
            }
        }
    }
}
