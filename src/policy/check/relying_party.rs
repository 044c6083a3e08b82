//! P16 to P19, P30, P31 and the pages of P09: what a relying party runs, with
//! all that it inherits.

use super::flow::{Claims, Flow};
use super::journeys::{number, order_span};
use super::pages;
use super::scope::Scope;
use super::selection;
use super::spelling::nearest;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::view::{RelyingParty, StepKind, TechnicalProfile, same_id};
use crate::policy::xml::Element;

/// How a relying party comes to a journey.
struct Entry<'a> {
    journey: &'a str,
    span: Span,
    /// `UserInfo`, `Token`; `None` for the journey of a sign-in.
    endpoint: Option<&'a str>,
}

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let Some(party) = scope.effective.relying_party() else {
        return;
    };
    for entry in entries(scope, &party, findings) {
        let Some(flow) = Flow::of(scope.effective, &party, entry.journey) else {
            unknown_journey(scope, &entry, findings);
            continue;
        };
        ends(scope, &flow, findings);
        pages::reached(scope, &flow, findings);
        for visit in &flow.visits {
            selection::check(scope, visit, findings);
        }
        // The claims of a user-info journey come with the token.
        let user_info = entry.endpoint.is_some_and(|id| same_id(id, "UserInfo"));
        if !user_info && !flow.authorizes {
            required_inputs(scope, &flow, findings);
        }
        if entry.endpoint.is_none()
            && let Some(profile) = party.profile()
        {
            outputs(scope, &flow, &profile, findings);
        }
    }
    if let Some(profile) = party.profile() {
        subject(scope, &profile, findings);
    }
}

fn entries<'a>(
    scope: &Scope<'a>,
    party: &RelyingParty<'a>,
    findings: &mut Vec<Finding>,
) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    let reference = |element: &'a Element, attribute: &str| {
        let found = element.attribute(attribute)?;
        Some((found.value.trim(), found.value_span))
    };
    let default = party.element.child("DefaultUserJourney");
    match default.and_then(|default| reference(default, "ReferenceId")) {
        Some((journey, span)) => entries.push(Entry {
            journey,
            span,
            endpoint: None,
        }),
        None => {
            let own = scope.file.document.root.child("RelyingParty");
            findings.push(
                Finding::new(
                    17,
                    Severity::Error,
                    own.unwrap_or(party.element).name_span,
                    "the relying party names no journey, and neither does a policy it inherits from",
                )
                .b2c(format!(
                    "AADB2C90031: Policy '{}' does not specify a default user journey. Ensure that the policy or its parents specify a default user journey as part of a relying party section.",
                    scope.file.policy_id().unwrap_or_default()
                ))
                .mend("write <DefaultUserJourney ReferenceId=\"…\" /> as the first element in it"),
            );
        }
    }
    for endpoint in party.endpoints() {
        if let Some((journey, span)) = reference(endpoint.element, "UserJourneyReferenceId") {
            entries.push(Entry {
                journey,
                span,
                endpoint: Some(endpoint.id()),
            });
        }
    }
    entries
}

/// P17.
fn unknown_journey(scope: &Scope<'_>, entry: &Entry<'_>, findings: &mut Vec<Finding>) {
    let id = entry.journey;
    if id.is_empty() || id.contains('{') {
        return;
    }
    let known = scope.effective.journeys();
    let mend = match nearest(id, known.map(|journey| journey.id())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a journey of this policy or of one it inherits from".to_owned(),
    };
    findings.push(
        Finding::new(17, Severity::Error, entry.span, format!("there is no journey `{id}`"))
            .b2c(format!(
                "The {} makes a reference to UserJourney with id \"{id}\" but neither the policy nor any of its base policies contain such an element.",
                scope.policy()
            ))
            .mend(mend),
    );
}

/// P16.
fn ends(scope: &Scope<'_>, flow: &Flow<'_>, findings: &mut Vec<Finding>) {
    let sending = || {
        flow.visits
            .iter()
            .filter(|visit| visit.step.kind() == Some(StepKind::SendClaims))
    };
    let id = flow.journey.id();
    if sending().next().is_none() {
        let attribute = flow.journey.element.attribute("Id");
        let span = attribute.map_or(flow.journey.element.name_span, |id| id.value_span);
        findings.push(
            Finding::new(
                16,
                Severity::Error,
                span,
                format!("no step of journey `{id}` sends claims"),
            )
            .b2c(format!(
                "AADB2C90040: User journey '{id}' does not contain a send claims step."
            ))
            .mend("end it with <OrchestrationStep Order=\"…\" Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\" />"),
        );
    }
    for visit in sending() {
        if visit.step.issuer().is_none() && flow.journey.default_issuer().is_none() {
            findings.push(
                Finding::new(
                    16,
                    Severity::Error,
                    order_span(&visit.step),
                    format!(
                        "step {} of `{}` sends claims, but nothing says who makes the token",
                        number(&visit.step),
                        visit.journey
                    ),
                )
                .b2c(format!(
                    "AADB2C90108: The orchestration step '{}' does not specify a CpimIssuerTechnicalProfileReferenceId when one was expected.",
                    number(&visit.step)
                ))
                .mend("write CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\"")
                .related(scope.file.document.root.name_span, "seen from this relying party"),
            );
        }
    }
}

/// P18.
fn required_inputs(scope: &Scope<'_>, flow: &Flow<'_>, findings: &mut Vec<Finding>) {
    let mut known = flow.at_start.clone();
    for visit in &flow.visits {
        for (exchange, profile) in &visit.profiles {
            let mut before = known.clone();
            before.add_transformations(scope.effective, profile.input_transformations());
            for input in profile.input_claims() {
                let Some(claim) = input.claim() else {
                    continue;
                };
                if !input.required() || input.default_value().is_some() || before.has(claim) {
                    continue;
                }
                let span = exchange
                    .element
                    .attribute("TechnicalProfileReferenceId")
                    .map_or(exchange.element.name_span, |id| id.value_span);
                let step = number(&visit.step);
                findings.push(
                    Finding::new(
                        18,
                        Severity::Error,
                        span,
                        format!(
                            "`{}` in step {step} of `{}` needs the claim `{claim}`, which no step before gives",
                            profile.id(),
                            visit.journey
                        ),
                    )
                    .b2c(format!(
                        "Claim type \"{claim}\" is the input claim of technical profile \"{}\" in step \"{step}\" of user journey \"{}\" but it is not an output claim in any of the previous steps.",
                        profile.id(),
                        visit.journey
                    ))
                    .mend(format!(
                        "let an earlier step put out `{claim}`, or give the input claim a DefaultValue"
                    ))
                    .related(input.element.name_span, "the claim is required here")
                    .related(scope.file.document.root.name_span, "seen from this relying party"),
                );
            }
        }
        known.add_visit(scope.effective, visit);
    }
}

/// P19.
fn outputs(
    scope: &Scope<'_>,
    flow: &Flow<'_>,
    profile: &TechnicalProfile<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut known = flow.at_start.clone();
    let mut validated = Claims::default();
    for visit in &flow.visits {
        known.add_visit(scope.effective, visit);
        validated.add_validations(scope.effective, visit);
    }
    known.add_transformations(scope.effective, profile.input_transformations());
    known.add_transformations(scope.effective, profile.output_transformations());
    for output in profile.output_claims() {
        let Some(claim) = output.claim() else {
            continue;
        };
        if output.default_value().is_some() || known.has(claim) {
            continue;
        }
        let only_validated = validated.has(claim);
        let severity = if only_validated {
            Severity::Warning
        } else {
            Severity::Error
        };
        let span = output
            .element
            .attribute("ClaimTypeReferenceId")
            .map_or(output.element.name_span, |id| id.value_span);
        let mend = if only_validated {
            format!(
                "a validation technical profile gives it: list `{claim}` among the OutputClaims of the page that calls it"
            )
        } else {
            format!(
                "list `{claim}` among the OutputClaims of a technical profile of the journey, or give it a DefaultValue here"
            )
        };
        findings.push(
            Finding::new(
                19,
                severity,
                span,
                format!(
                    "no step of journey `{}` gives the claim `{claim}`, which the token should carry",
                    flow.journey.id()
                ),
            )
            .b2c(format!(
                "Claim type \"{claim}\" is the output claim of the relying party's technical profile, but it is not an output claim in any of the steps of user journey \"{}\".",
                flow.journey.id()
            ))
            .mend(mend),
        );
    }
}

/// P30.
fn subject(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let Some(naming) = profile.subject_naming() else {
        return;
    };
    let Some(subject) = naming.attribute("ClaimType") else {
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    for output in profile.output_claims() {
        match (output.partner_name(), output.claim()) {
            (Some(partner), _) => names.push(partner),
            (None, Some(claim)) => {
                names.push(claim);
                let claim_type = scope.effective.claim_type(claim);
                let protocol = profile
                    .protocol()
                    .and_then(|protocol| protocol.value("Name"));
                let default = claim_type.and_then(|kind| kind.default_partner_name(protocol?));
                names.extend(default);
            }
            (None, None) => {}
        }
    }
    if subject.value.is_empty() || names.iter().any(|name| same_id(name, &subject.value)) {
        return;
    }
    let under_its_id = profile.output_claims().find(|output| {
        output
            .claim()
            .is_some_and(|claim| same_id(claim, &subject.value))
    });
    let mend = match under_its_id.and_then(|output| output.partner_name()) {
        Some(partner) => format!("write `{partner}`: what counts is the name in the token"),
        None => format!(
            "put out a claim under that name: <OutputClaim ClaimTypeReferenceId=\"objectId\" PartnerClaimType=\"{}\" />",
            subject.value
        ),
    };
    findings.push(
        Finding::new(
            30,
            Severity::Error,
            subject.value_span,
            format!("the token's subject is to be `{}`, but no output claim has that name", subject.value),
        )
        .b2c(format!(
            "The claim type \"{}\" named by SubjectNamingInfo is not an output claim of the relying party's technical profile.",
            subject.value
        ))
        .mend(mend),
    );
}
