//! P32 and P35: what a page would show and does not.

use super::reach::{self, Reached};
use super::scope::Scope;
use crate::policy::finding::{Finding, Severity};
use crate::policy::merge::folded;
use crate::policy::view::{ClaimRef, ProviderKind, TechnicalProfile};

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    for reached in reach::profiles(scope) {
        if reached.profile.provider() == Some(ProviderKind::SelfAsserted) {
            old_page(scope, &reached, findings);
            no_input(scope, &reached.profile, findings);
            hidden(scope, &reached.profile, findings);
        }
    }
}

/// P32 ("Display controls: Prerequisites"): the page must be of a contract
/// that knows them.
fn old_page(scope: &Scope<'_>, reached: &Reached<'_>, findings: &mut Vec<Finding>) {
    let Some(claim) = reached
        .profile
        .display_claims()
        .find(|claim| claim.display_control().is_some())
    else {
        return;
    };
    let page = reached.profile.content_definition().or(reached.page);
    let Some(page) = page.and_then(|id| scope.effective.content_definition(id)) else {
        return;
    };
    let Some(uri) = page.data_uri() else { return };
    if !knows_controls(uri) {
        let finding = Finding::new(
            32,
            Severity::Warning,
            place(&claim, "DisplayControlReferenceId"),
            format!(
                "display control `{}` is not rendered: page `{}` is `{uri}`",
                claim.display_control().unwrap_or_default(),
                page.id()
            ),
        )
        .mend("set the page's DataUri to urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7 or later");
        let written = page
            .element
            .child("DataUri")
            .and_then(|uri| uri.text.as_ref());
        findings.push(match written {
            Some(text) => finding.related(text.span, "the page's version"),
            None => finding,
        });
    }
}

/// Of a page that is none of the self-asserted ones nothing is known.
fn knows_controls(uri: &str) -> bool {
    let uri = uri.to_ascii_lowercase();
    let Some((before, version)) = uri.rsplit_once(':') else {
        return true;
    };
    if !before.ends_with(":selfasserted") {
        return true;
    }
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    before.ends_with(":contract:selfasserted") && major.is_none_or(|major| major >= 2)
}

/// P35: a displayed claim that a page does not know how to ask for.
fn no_input(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    for claim in profile.display_claims() {
        let Some(id) = claim.claim() else { continue };
        let Some(claim_type) = scope.effective.claim_type(id) else {
            continue;
        };
        if claim_type.user_input_type().is_some() {
            continue;
        }
        findings.push(
            Finding::new(
                35,
                Severity::Warning,
                place(&claim, "ClaimTypeReferenceId"),
                format!(
                    "display claim `{id}` has no UserInputType: the page shows no field for it"
                ),
            )
            .mend("give the ClaimType a UserInputType, such as TextBox")
            .related(claim_type.element.name_span, "declared here"),
        );
    }
}

/// P35: with display claims a page shows nothing else. What was inherited as
/// an output claim, to be filled in, is then asked of nobody.
fn hidden(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let Some(list) = profile.element.child("DisplayClaims") else {
        return;
    };
    if profile.display_claims().next().is_none() {
        return;
    }
    let shown = shown(scope, profile);
    let filled = filled(scope, profile);
    for claim in profile.output_claims() {
        let Some(id) = claim.claim() else { continue };
        if claim.default_value().is_some()
            || shown.contains(&folded(id))
            || filled.contains(&folded(id))
            || !asks(scope, id)
            || !is_inherited(scope, profile, &claim)
        {
            continue;
        }
        findings.push(
            Finding::new(
                35,
                Severity::Warning,
                list.name_span,
                format!("the display claims of technical profile `{}` hide its inherited output claim `{id}`: nobody is asked for it", profile.id()),
            )
            .related(place(&claim, "ClaimTypeReferenceId"), "inherited from here")
            .mend(format!("add <DisplayClaim ClaimTypeReferenceId=\"{id}\"/>")),
        );
    }
}

/// Whether a page asks a person for it.
fn asks(scope: &Scope<'_>, claim: &str) -> bool {
    let claim = scope.effective.claim_type(claim);
    claim
        .and_then(|claim| claim.user_input_type())
        .is_some_and(|kind| !["Readonly", "Paragraph", "Button"].contains(&kind))
}

/// The claims that the page shows, its controls' included.
fn shown(scope: &Scope<'_>, profile: &TechnicalProfile<'_>) -> Vec<String> {
    let mut shown = Vec::new();
    for claim in profile.display_claims() {
        shown.extend(claim.claim().map(folded));
        let control = claim.display_control();
        let Some(control) = control.and_then(|id| scope.effective.display_control(id)) else {
            continue;
        };
        let claims = control.display_claims().chain(control.output_claims());
        shown.extend(claims.filter_map(|claim| claim.claim().map(folded)));
    }
    shown
}

/// The claims that the page's validation technical profiles and
/// transformations give.
fn filled(scope: &Scope<'_>, profile: &TechnicalProfile<'_>) -> Vec<String> {
    let effective = scope.effective;
    let called = profile
        .validation_profiles()
        .filter_map(|validation| effective.technical_profile(validation.profile()?));
    let mut filled = Vec::new();
    for profile in called.chain([*profile]) {
        let transformations = profile
            .input_transformations()
            .chain(profile.output_transformations());
        for reference in transformations {
            let id = reference.value("ReferenceId").unwrap_or_default();
            let transformation = effective.claims_transformation(id.trim());
            filled.extend(
                transformation
                    .iter()
                    .flat_map(|transformation| transformation.output_claims())
                    .filter_map(|claim| claim.claim().map(folded)),
            );
        }
    }
    let called = profile
        .validation_profiles()
        .filter_map(|validation| effective.technical_profile(validation.profile()?));
    let outputs = called.flat_map(|profile| profile.output_claims());
    let prefilled = profile.input_claims();
    filled.extend(
        outputs
            .chain(prefilled)
            .filter_map(|claim| claim.claim().map(folded)),
    );
    filled
}

/// Whether the claim stands in another file than the display claims, or comes
/// from an included profile.
fn is_inherited(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, claim: &ClaimRef<'_>) -> bool {
    let first = profile.display_claims().next();
    let elsewhere = first.is_some_and(|first| first.element.span.file != claim.element.span.file);
    let stated = scope.effective.stated_profile(profile.id());
    let included = stated.is_some_and(|stated| {
        stated
            .output_claims()
            .all(|own| own.element.span != claim.element.span)
    });
    elsewhere || included
}

fn place(claim: &ClaimRef<'_>, attribute: &str) -> crate::policy::source::Span {
    claim
        .element
        .attribute(attribute)
        .map_or(claim.element.name_span, |attribute| attribute.value_span)
}

#[cfg(test)]
mod tests {
    use super::super::trial::{SELF_ASSERTED, finds, policy, running_with};
    use super::*;
    use Severity::Warning;

    fn page(version: &str, claims: &str) -> String {
        let blocks = format!(
            r#"
    <ContentDefinitions><ContentDefinition Id="api.page"><LoadUri>https://example.org/a.html</LoadUri><RecoveryUri>https://example.org/b.html</RecoveryUri><DataUri>urn:com:microsoft:aad:b2c:elements:{version}</DataUri></ContentDefinition></ContentDefinitions>
    <DisplayControls><DisplayControl Id="verify" UserInterfaceControlType="VerificationControl"><DisplayClaims><DisplayClaim ClaimTypeReferenceId="email"/></DisplayClaims><OutputClaims><OutputClaim ClaimTypeReferenceId="email"/></OutputClaims></DisplayControl></DisplayControls>"#
        );
        let profile = format!(
            r#"<TechnicalProfile Id="It"><DisplayName>S</DisplayName>{SELF_ASSERTED}<Metadata><Item Key="ContentDefinitionReferenceId">api.page</Item></Metadata>{claims}</TechnicalProfile>"#
        );
        running_with(&blocks, &profile, "")
    }

    #[test]
    fn controls_need_a_page_that_knows_them() {
        let claims = r#"<DisplayClaims><DisplayClaim DisplayControlReferenceId="«verify»"/></DisplayClaims>"#;
        for old in ["selfasserted:1.1.0", "contract:selfasserted:1.2.0"] {
            let message = format!(
                "display control `verify` is not rendered: page `api.page` is `urn:com:microsoft:aad:b2c:elements:{old}`"
            );
            finds(32, &[&page(old, claims)], &[(Warning, &message)]);
        }
        let plain = claims.replace(['«', '»'], "");
        for new in ["contract:selfasserted:2.1.7", "contract:multifactor:1.2.0"] {
            finds(32, &[&page(new, &plain)], &[]);
        }
        let claim =
            r#"<DisplayClaims><DisplayClaim ClaimTypeReferenceId="email"/></DisplayClaims>"#;
        finds(32, &[&page("selfasserted:1.1.0", claim)], &[]);
    }

    #[test]
    fn a_displayed_claim_has_an_input_type() {
        let claims = r#"<DisplayClaims><DisplayClaim ClaimTypeReferenceId="email"/><DisplayClaim ClaimTypeReferenceId="«age»"/></DisplayClaims>"#;
        finds(
            35,
            &[&page("contract:selfasserted:2.1.7", claims)],
            &[(
                Warning,
                "display claim `age` has no UserInputType: the page shows no field for it",
            )],
        );
    }

    #[test]
    fn display_claims_hide_what_is_inherited() {
        let base = page(
            "contract:selfasserted:2.1.7",
            r#"<OutputClaims><OutputClaim ClaimTypeReferenceId="email"/><OutputClaim ClaimTypeReferenceId="city" Required="true"/><OutputClaim ClaimTypeReferenceId="objectId"/></OutputClaims>"#,
        );
        let base = base.replace("B2C_1A_Trial", "B2C_1A_Base");
        let (base, party) = base.split_once("  <RelyingParty>").unwrap();
        let base = format!("{base}</TrustFrameworkPolicy>");
        let party = party.replace("</TrustFrameworkPolicy>", "");
        let child = |claims: &str| {
            policy(
                "B2C_1A_Party",
                Some("B2C_1A_Base"),
                &format!(
                    r#"<ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles><TechnicalProfile Id="It">{claims}</TechnicalProfile></TechnicalProfiles></ClaimsProvider></ClaimsProviders><RelyingParty>{party}"#
                ),
            )
        };
        let hiding = r#"<«DisplayClaims»><DisplayClaim DisplayControlReferenceId="verify"/></DisplayClaims>"#;
        finds(
            35,
            &[&base, &child(hiding)],
            &[(
                Warning,
                "the display claims of technical profile `It` hide its inherited output claim `city`: nobody is asked for it",
            )],
        );
        let showing = r#"<DisplayClaims><DisplayClaim DisplayControlReferenceId="verify"/><DisplayClaim ClaimTypeReferenceId="CITY"/></DisplayClaims>"#;
        finds(35, &[&base, &child(showing)], &[]);
        // Nothing is displayed by itself: the page shows its output claims.
        finds(35, &[&base, &child("")], &[]);
    }
}
