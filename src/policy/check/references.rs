//! P06 to P10 and P41: what one policy names must be declared in it or in what
//! it inherits. A child's declaration does not count: B2C looks at each policy
//! when it is uploaded, and then knows only those above it.

use super::pages;
use super::scope::Scope;
use super::spelling::nearest;
use super::wording::capitalized;
use crate::policy::effective::MOST_INCLUDES;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::view::TechnicalProfile;
use crate::policy::xml::Element;

/// What can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    ClaimType,
    ClaimsTransformation,
    TechnicalProfile,
    ContentDefinition,
    DisplayControl,
    Predicate,
    PredicateValidation,
    LocalizedResources,
}

use Target::{
    ClaimType, ClaimsTransformation, ContentDefinition as Page, DisplayControl, LocalizedResources,
    Predicate, PredicateValidation,
};

/// Which attribute of which element names what.
const ATTRIBUTES: [(&str, &str, Target); 20] = [
    ("InputClaim", "ClaimTypeReferenceId", ClaimType),
    ("OutputClaim", "ClaimTypeReferenceId", ClaimType),
    ("PersistedClaim", "ClaimTypeReferenceId", ClaimType),
    ("DisplayClaim", "ClaimTypeReferenceId", ClaimType),
    (
        "InputClaimsTransformation",
        "ReferenceId",
        ClaimsTransformation,
    ),
    (
        "OutputClaimsTransformation",
        "ReferenceId",
        ClaimsTransformation,
    ),
    (
        "ClaimsExchange",
        "TechnicalProfileReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "ValidationTechnicalProfile",
        "ReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "IncludeTechnicalProfile",
        "ReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "UseTechnicalProfileForSessionManagement",
        "ReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "OrchestrationStep",
        "CpimIssuerTechnicalProfileReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "UserJourney",
        "DefaultCpimIssuerTechnicalProfileReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "ValidationClaimsExchangeTechnicalProfile",
        "TechnicalProfileReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "AuthorizationTechnicalProfile",
        "ReferenceId",
        Target::TechnicalProfile,
    ),
    (
        "From",
        "TechnicalProfileReferenceId",
        Target::TechnicalProfile,
    ),
    ("OrchestrationStep", "ContentDefinitionReferenceId", Page),
    ("DisplayClaim", "DisplayControlReferenceId", DisplayControl),
    ("PredicateReference", "Id", Predicate),
    ("PredicateValidationReference", "Id", PredicateValidation),
    (
        "LocalizedResourcesReference",
        "LocalizedResourcesReferenceId",
        LocalizedResources,
    ),
];

/// Metadata whose value is a claim's id.
const CLAIM_METADATA: [&str; 3] = [
    "ClaimUsedForRequestPayload",
    "UseClaimAsBearerToken",
    "ClaimTypeOnWhichToEnable",
];

impl Target {
    fn rule(self) -> u8 {
        match self {
            Self::ClaimType => 6,
            Self::ClaimsTransformation => 7,
            Self::TechnicalProfile => 8,
            Self::ContentDefinition => 9,
            Self::DisplayControl
            | Self::Predicate
            | Self::PredicateValidation
            | Self::LocalizedResources => 41,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ClaimType => "ClaimType",
            Self::ClaimsTransformation => "ClaimsTransformation",
            Self::TechnicalProfile => "TechnicalProfile",
            Self::ContentDefinition => "ContentDefinition",
            Self::DisplayControl => "DisplayControl",
            Self::Predicate => "Predicate",
            Self::PredicateValidation => "PredicateValidation",
            Self::LocalizedResources => "LocalizedResources",
        }
    }

    fn said(self) -> &'static str {
        match self {
            Self::ClaimType => "claim type",
            Self::ClaimsTransformation => "claims transformation",
            Self::TechnicalProfile => "technical profile",
            Self::ContentDefinition => "content definition",
            Self::DisplayControl => "display control",
            Self::Predicate => "predicate",
            Self::PredicateValidation => "predicate validation",
            Self::LocalizedResources => "localized resources",
        }
    }

    fn is_declared(self, scope: &Scope<'_>, id: &str) -> bool {
        let effective = scope.effective;
        match self {
            Self::ClaimType => effective.claim_type(id).is_some(),
            Self::ClaimsTransformation => effective.claims_transformation(id).is_some(),
            Self::TechnicalProfile => effective.stated_profile(id).is_some(),
            Self::ContentDefinition => effective.content_definition(id).is_some(),
            Self::DisplayControl => effective.display_control(id).is_some(),
            Self::Predicate => effective.predicate(id).is_some(),
            Self::PredicateValidation => effective.predicate_validation(id).is_some(),
            Self::LocalizedResources => effective.localized_resources(id).is_some(),
        }
    }

    fn near<'a>(self, scope: &Scope<'a>, id: &str) -> Option<&'a str> {
        let effective = scope.effective;
        match self {
            Self::ClaimType => nearest(id, effective.claim_types().map(|item| item.id())),
            Self::ClaimsTransformation => {
                nearest(id, effective.claims_transformations().map(|item| item.id()))
            }
            Self::TechnicalProfile => {
                nearest(id, effective.technical_profiles().map(|item| item.id()))
            }
            Self::ContentDefinition => {
                nearest(id, effective.content_definitions().map(|item| item.id()))
            }
            Self::DisplayControl => nearest(id, effective.display_controls().map(|item| item.id())),
            Self::Predicate => nearest(id, effective.predicates().map(|item| item.id())),
            Self::PredicateValidation => {
                nearest(id, effective.predicate_validations().map(|item| item.id()))
            }
            Self::LocalizedResources => nearest(
                id,
                effective.all_localized_resources().map(|item| item.id()),
            ),
        }
    }

    /// Where a policy that is no ancestor declares it.
    fn elsewhere(self, scope: &Scope<'_>, id: &str) -> Option<Span> {
        let policies = scope.set.files.iter();
        policies
            .filter(|file| !scope.effective.chain.contains(&file.file))
            .filter(|file| {
                let chain = scope.set.lineage(file.file);
                chain.iter().any(|above| above.file == scope.file.file)
            })
            .find_map(|file| self.declaration(&file.document.root, id))
    }

    fn declaration(self, element: &Element, id: &str) -> Option<Span> {
        if &*element.name == self.name()
            && let Some(attribute) = element.attribute("Id")
            && attribute.value.trim().eq_ignore_ascii_case(id)
        {
            return Some(attribute.value_span);
        }
        let children = element.children.iter();
        children
            .filter(|child| &*child.name != "UserJourneys")
            .find_map(|child| self.declaration(child, id))
    }
}

/// Looks at all that the file itself states.
pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    walk(scope, &scope.file.document.root, findings);
    for profile in scope.effective.technical_profiles() {
        include_circle(scope, &profile, findings);
    }
}

fn walk(scope: &Scope<'_>, element: &Element, findings: &mut Vec<Finding>) {
    for (_, attribute, target) in ATTRIBUTES
        .iter()
        .filter(|(name, ..)| *name == &*element.name)
    {
        if let Some(attribute) = element.attribute(attribute) {
            refer(
                scope,
                *target,
                &attribute.value,
                attribute.value_span,
                findings,
            );
        }
    }
    match &*element.name {
        "Precondition" => {
            let value = element.child("Value").and_then(|value| value.text.as_ref());
            if let Some(claim) = value {
                refer(scope, ClaimType, &claim.value, claim.span, findings);
            }
        }
        "TechnicalProfile" => metadata(scope, element, findings),
        "IncludeClaimsFromTechnicalProfile" => {
            if let Some(id) = &element.text {
                refer(
                    scope,
                    Target::TechnicalProfile,
                    &id.value,
                    id.span,
                    findings,
                );
            }
        }
        "InputTokenSources" => {
            // They are named like technical profiles, but name one.
            for source in element.all("TechnicalProfile") {
                if let Some(id) = source.attribute("Id") {
                    refer(
                        scope,
                        Target::TechnicalProfile,
                        &id.value,
                        id.value_span,
                        findings,
                    );
                }
            }
            return;
        }
        "ContentDefinition" => pages::data_uri(element, findings),
        _ => {}
    }
    for child in &element.children {
        walk(scope, child, findings);
    }
}

fn metadata(scope: &Scope<'_>, profile: &Element, findings: &mut Vec<Finding>) {
    for item in profile.list("Metadata", "Item") {
        let (Some(key), Some(value)) = (item.value("Key"), &item.text) else {
            continue;
        };
        let named = CLAIM_METADATA
            .iter()
            .any(|own| own.eq_ignore_ascii_case(key));
        let target = if named {
            ClaimType
        } else if key.eq_ignore_ascii_case("ContentDefinitionReferenceId") {
            Page
        } else {
            continue;
        };
        let before = findings.len();
        refer(scope, target, &value.value, value.span, findings);
        // B2C reads metadata when the profile runs, and then knows the child.
        for finding in findings.iter_mut().skip(before) {
            if !finding.related.is_empty() {
                finding.severity = Severity::Warning;
                finding.b2c = None;
            }
        }
    }
}

fn refer(scope: &Scope<'_>, target: Target, id: &str, span: Span, findings: &mut Vec<Finding>) {
    let id = id.trim();
    if id.is_empty() || id.contains('{') || target.is_declared(scope, id) {
        return;
    }
    let mut finding = Finding::new(
        target.rule(),
        Severity::Error,
        span,
        format!("there is no {} `{id}`", target.said()),
    )
    .b2c(format!(
        "{} makes a reference to {} with id \"{id}\" but neither the policy nor any of its base policies contain such an element.",
        capitalized(&scope.policy()),
        target.name()
    ));
    let place = target.elsewhere(scope, id);
    finding = match (target.near(scope, id), place) {
        (_, Some(place)) => {
            let owner = scope.policy_in(place.file);
            finding
                .mend(format!(
                    "declare it in this policy or in one it inherits from: `{owner}` is below it, and B2C does not look there"
                ))
                .related(place, "declared here, in a child")
        }
        (Some(near), None) => finding.mend(format!("did you mean `{near}`?")),
        (None, None) => finding.mend(format!(
            "declare <{} Id=\"{id}\"> in this policy or in one it inherits from",
            target.name()
        )),
    };
    findings.push(finding);
}

/// Technical profiles that include each other; told once, where the file that
/// is looked at closes the circle.
fn include_circle(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let Some(stated) = scope.effective.stated_profile(profile.id()) else {
        return;
    };
    let reference = stated.element.child("IncludeTechnicalProfile");
    let Some(reference) = reference.and_then(|include| include.attribute("ReferenceId")) else {
        return;
    };
    if !scope.is_own(reference.value_span) {
        return;
    }
    let mut names = vec![stated.id()];
    let mut next = stated.include();
    while let Some(profile) = next.and_then(|id| scope.effective.stated_profile(id)) {
        let known = names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(profile.id()));
        // A circle further on is told of there.
        if known.is_some_and(|at| at > 0) {
            return;
        }
        names.push(profile.id());
        if known.is_some() || names.len() > MOST_INCLUDES + 1 {
            let message = match known {
                Some(_) => format!(
                    "the technical profiles include each other: {}",
                    names.join(" → ")
                ),
                None => format!(
                    "technical profile `{}` includes more than {MOST_INCLUDES} others, one by way of the next",
                    stated.id()
                ),
            };
            findings.push(
                Finding::new(8, Severity::Error, reference.value_span, message)
                    .mend("take one of the IncludeTechnicalProfile away"),
            );
            return;
        }
        next = profile.include();
    }
}
