//! P26, P28 and P29: values of claims that are not what they look like.

use super::data_type::{DataType, type_of};
use super::reach::{self, Reached};
use super::resolvers::{resolvers, within};
use super::scope::Scope;
use crate::policy::finding::{Finding, Severity};
use crate::policy::merge::folded;
use crate::policy::view::{
    ClaimRef, Precondition, PreconditionKind, ProviderKind, TechnicalProfile,
};
use crate::policy::xml::Element;

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    defaults(scope, &scope.file.document.root, findings);
    if scope.complete {
        for Reached { profile, .. } in reach::profiles(scope) {
            unresolved(scope, &profile, findings);
        }
    }
    for preconditions in all_preconditions(scope) {
        compared(scope, &preconditions, findings);
    }
}

/// P26. "Using claim resolvers": which providers resolve what, and only where
/// the metadata says so. Application Insights and the relying party always do.
fn unresolved(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let inputs = profile.input_claims();
    let outputs = profile.output_claims();
    let claims: Vec<ClaimRef<'_>> = match profile.provider() {
        Some(
            ProviderKind::AzureActiveDirectory
            | ProviderKind::OAuth2
            | ProviderKind::OpenIdConnect
            | ProviderKind::ClaimsTransformation
            | ProviderKind::SelfAsserted,
        ) => inputs.chain(outputs).collect(),
        Some(ProviderKind::Rest) => inputs.collect(),
        Some(ProviderKind::Saml2) => outputs.collect(),
        _ => return,
    };
    let key = "IncludeClaimResolvingInClaimsHandling";
    let open = profile
        .metadata(key)
        .is_some_and(|value| value.contains("{Settings:"));
    if profile.is_issuer() || open || profile.metadata_flag(key) == Some(true) {
        return;
    }
    for claim in claims {
        let Some(value) = claim.element.attribute("DefaultValue") else {
            continue;
        };
        let Some(resolver) = resolvers(&value.value).next() else {
            continue;
        };
        findings.push(
            Finding::new(
                26,
                Severity::Warning,
                within(value.value_span, resolver.written, &scope.set.sources),
                format!(
                    "`{}` is not resolved in technical profile `{}`: the claim comes literally, or not at all",
                    resolver.written,
                    profile.id()
                ),
            )
            .mend(format!(
                "add <Item Key=\"{key}\">true</Item> to its Metadata, and AlwaysUseDefaultValue=\"true\" to the claim"
            )),
        );
    }
}

const CLAIM_REFERENCES: [&str; 4] = [
    "InputClaim",
    "OutputClaim",
    "PersistedClaim",
    "DisplayClaim",
];

/// P28. Own XML, by the types that the merged policy gives.
fn defaults(scope: &Scope<'_>, element: &Element, findings: &mut Vec<Finding>) {
    if CLAIM_REFERENCES.contains(&&*element.name) {
        default(scope, &ClaimRef { element }, findings);
    }
    for child in &element.children {
        defaults(scope, child, findings);
    }
}

fn default(scope: &Scope<'_>, claim: &ClaimRef<'_>, findings: &mut Vec<Finding>) {
    let Some(value) = claim.element.attribute("DefaultValue") else {
        return;
    };
    // What is filled in or resolved later is anything; nothing is no value.
    if value.value.trim().is_empty() || value.value.contains('{') {
        return;
    }
    let id = claim.claim().unwrap_or_default();
    let Some((data_type, declared)) = type_of(scope.effective, id) else {
        return;
    };
    if data_type.reads(&value.value) {
        return;
    }
    let finding = Finding::new(
        28,
        Severity::Error,
        value.value_span,
        format!("`{}` is no {data_type}, which claim `{id}` is", value.value),
    )
    .b2c("Input string was not in a correct format.");
    findings.push(match declared {
        Some(span) => finding.related(span, "its type is declared here"),
        None => finding,
    });
}

/// The lists of preconditions of the merged policy.
fn all_preconditions<'a>(scope: &Scope<'a>) -> Vec<Vec<Precondition<'a>>> {
    let effective = scope.effective;
    let journeys = effective.journeys().flat_map(|journey| journey.steps());
    let inner = effective.sub_journeys().flat_map(|journey| journey.steps());
    let of_steps = journeys
        .chain(inner)
        .map(|step| step.preconditions().collect());
    let pages = effective
        .technical_profiles()
        .flat_map(|profile| profile.validation_profiles());
    let controls = effective
        .display_controls()
        .flat_map(|control| control.actions().collect::<Vec<_>>())
        .flat_map(|action| action.validation_profiles().collect::<Vec<_>>());
    let of_validations = pages
        .chain(controls)
        .map(|validation| validation.preconditions().collect());
    of_steps.chain(of_validations).collect()
}

/// P29 ("UserJourneys: Preconditions").
fn compared(scope: &Scope<'_>, preconditions: &[Precondition<'_>], findings: &mut Vec<Finding>) {
    for precondition in preconditions {
        if precondition.kind() != Some(PreconditionKind::ClaimEquals) {
            continue;
        }
        let Some(claim) = precondition.claim() else {
            continue;
        };
        let Some(value) = precondition.element.all("Value").nth(1) else {
            findings.push(
                Finding::new(
                    29,
                    Severity::Warning,
                    precondition.element.name_span,
                    format!("the precondition compares claim `{claim}` with nothing"),
                )
                .mend("add a second <Value>: what the claim is compared with"),
            );
            continue;
        };
        boolean(scope, claim, value, findings);
        guard(claim, precondition, preconditions, findings);
    }
}

/// A boolean claim compares as `True` or `False`.
fn boolean(scope: &Scope<'_>, claim: &str, value: &Element, findings: &mut Vec<Finding>) {
    let is_boolean =
        type_of(scope.effective, claim).is_some_and(|(kind, _)| kind == DataType::Boolean);
    let written = value.text().unwrap_or_default();
    if !is_boolean || ["True", "False"].contains(&written) || written.contains('{') {
        return;
    }
    let meant = ["True", "False"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(written));
    findings.push(
        Finding::new(
            29,
            Severity::Warning,
            value.text.as_ref().map_or(value.name_span, |text| text.span),
            format!("claim `{claim}` is a boolean and never equals `{written}`: booleans compare as `True` and `False`"),
        )
        .mend(match meant {
            Some(meant) => format!("write `{meant}`"),
            None => "write `True` or `False`".to_owned(),
        }),
    );
}

/// A claim without a value makes no `ClaimEquals` true, whatever it is asked.
fn guard(
    claim: &str,
    precondition: &Precondition<'_>,
    all: &[Precondition<'_>],
    findings: &mut Vec<Finding>,
) {
    if precondition.execute_actions_if() != Some(false) {
        return;
    }
    let guarded = all.iter().any(|other| {
        other.kind() == Some(PreconditionKind::ClaimsExist)
            && other.execute_actions_if() == Some(false)
            && other
                .claim()
                .is_some_and(|other| folded(other) == folded(claim))
    });
    if guarded {
        return;
    }
    findings.push(
        Finding::new(
            29,
            Severity::Info,
            precondition.element.name_span,
            format!("if claim `{claim}` has no value, the comparison is left out and nothing is skipped"),
        )
        .mend(format!(
            "if it should be skipped then too, add <Precondition Type=\"ClaimsExist\" ExecuteActionsIf=\"false\"> with <Value>{claim}</Value>"
        )),
    );
}

#[cfg(test)]
mod tests {
    use super::super::trial::{REST, finds, running, running_with};
    use super::*;
    use Severity::{Error, Info, Warning};

    fn call(metadata: &str, claims: &str) -> String {
        running(&format!(
            r#"<TechnicalProfile Id="It"><DisplayName>R</DisplayName>{REST}<Metadata><Item Key="ServiceUrl">https://example.org</Item>{metadata}</Metadata>{claims}</TechnicalProfile>"#
        ))
    }

    #[test]
    fn resolvers_are_switched_on_where_they_are_used() {
        let claims = r#"<InputClaims><InputClaim ClaimTypeReferenceId="email" DefaultValue="id «{oidc:ClientId}»"/></InputClaims>"#;
        finds(
            26,
            &[&call("", claims)],
            &[(
                Warning,
                "`{oidc:ClientId}` is not resolved in technical profile `It`: the claim comes literally, or not at all",
            )],
        );
        let plain = claims.replace(['«', '»'], "");
        let on = r#"<Item Key="IncludeClaimResolvingInClaimsHandling">true</Item>"#;
        finds(26, &[&call(on, &plain)], &[]);
        // A call resolves what it sends; what it gets is not its to resolve.
        finds(26, &[&call("", &plain.replace("Input", "Output"))], &[]);
        finds(26, &[&call("", &plain.replace("oidc:", "Settings:"))], &[]);
        let insights = call("", &plain).replace(
            "RestfulProvider",
            "Insights.AzureApplicationInsightsProvider",
        );
        finds(26, &[&insights], &[]);
    }

    #[test]
    fn a_default_value_is_one_of_its_type() {
        let with = |claim: &str, value: &str| {
            call(
                "",
                &format!(
                    r#"<OutputClaims><OutputClaim ClaimTypeReferenceId="{claim}" DefaultValue="{value}"/></OutputClaims>"#
                ),
            )
        };
        for (claim, value) in [
            ("age", "18"),
            ("age", ""),
            ("age", "{Settings:Age}"),
            ("isNew", "True"),
            ("email", "18"),
            ("nobody", "x"),
        ] {
            finds(28, &[&with(claim, value)], &[]);
        }
        finds(
            28,
            &[&with("age", "«eighteen»")],
            &[(Error, "`eighteen` is no int, which claim `age` is")],
        );
        finds(
            28,
            &[&with("ISNEW", "«yes»")],
            &[(Error, "`yes` is no boolean, which claim `ISNEW` is")],
        );
    }

    fn skipping(preconditions: &str) -> String {
        running_with(
            "",
            r#"<TechnicalProfile Id="It"><DisplayName>T</DisplayName></TechnicalProfile>"#,
            &format!("<Preconditions>{preconditions}</Preconditions>"),
        )
    }

    fn equals(on: bool, values: &str) -> String {
        format!(
            r#"<Precondition Type="ClaimEquals" ExecuteActionsIf="{on}">{values}<Action>SkipThisOrchestrationStep</Action></Precondition>"#
        )
    }

    #[test]
    fn a_boolean_compares_with_true_and_false_as_they_are_written() {
        for right in ["True", "False"] {
            let values = format!("<Value>isNew</Value><Value>{right}</Value>");
            finds(29, &[&skipping(&equals(true, &values))], &[]);
        }
        let values = "<Value>isNew</Value><Value>«true»</Value>";
        finds(
            29,
            &[&skipping(&equals(true, values))],
            &[(
                Warning,
                "claim `isNew` is a boolean and never equals `true`: booleans compare as `True` and `False`",
            )],
        );
        let text = "<Value>email</Value><Value>true</Value>";
        finds(29, &[&skipping(&equals(true, text))], &[]);
    }

    #[test]
    fn a_comparison_has_something_to_compare_with() {
        let one =
            equals(true, "<Value>email</Value>").replacen("Precondition ", "«Precondition» ", 1);
        finds(
            29,
            &[&skipping(&one)],
            &[(
                Warning,
                "the precondition compares claim `email` with nothing",
            )],
        );
    }

    #[test]
    fn a_missing_claim_skips_nothing_unless_that_is_said() {
        let values = "<Value>email</Value><Value>a</Value>";
        let alone = equals(false, values).replacen("Precondition ", "«Precondition» ", 1);
        finds(
            29,
            &[&skipping(&alone)],
            &[(
                Info,
                "if claim `email` has no value, the comparison is left out and nothing is skipped",
            )],
        );
        let guard = r#"<Precondition Type="ClaimsExist" ExecuteActionsIf="false"><Value>EMAIL</Value><Action>SkipThisOrchestrationStep</Action></Precondition>"#;
        finds(
            29,
            &[&skipping(&format!("{guard}{}", equals(false, values)))],
            &[],
        );
        finds(29, &[&skipping(&equals(true, values))], &[]);
    }
}
