//! P23: REST calls.

use super::{error, is_open, metadata_place, value_place};
use crate::policy::check::scope::Scope;
use crate::policy::check::spelling::did_you_mean;
use crate::policy::finding::Finding;
use crate::policy::view::TechnicalProfile;
use crate::policy::xml::Element;

/// `AuthenticationType` and the keys that each needs ("RESTful technical
/// profile: Cryptographic keys"). The key of `ApiKeyHeader` is called as the
/// header is.
const AUTHENTICATION: [(&str, &[&str]); 5] = [
    ("None", &[]),
    (
        "Basic",
        &["BasicAuthenticationUsername", "BasicAuthenticationPassword"],
    ),
    ("Bearer", &["BearerAuthenticationToken"]),
    ("ClientCertificate", &["ClientCertificate"]),
    ("ApiKeyHeader", &[]),
];

const SEND_CLAIMS_IN: [&str; 5] = ["Body", "Form", "Header", "Url", "QueryString"];

/// "RESTful technical profile: Metadata".
pub(super) fn check(profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let id = profile.id();
    if profile.metadata("ServiceUrl").is_none() {
        let span = profile
            .metadata_item("ServiceUrl")
            .map_or_else(|| metadata_place(profile), |item| item.name_span);
        findings.push(
            error(
                23,
                span,
                format!("technical profile `{id}` calls no address"),
            )
            .mend("write <Item Key=\"ServiceUrl\"> with the https address of the service"),
        );
    }
    if let Some(item) = profile.metadata_item("SendClaimsIn") {
        one_of(item, "SendClaimsIn", &SEND_CLAIMS_IN, findings);
    }
    claim_named_by(profile, "UseClaimAsBearerToken", findings);
    claim_named_by(profile, "ClaimUsedForRequestPayload", findings);
    match profile.metadata_item("AuthenticationType") {
        Some(item) if item.text().is_some() => authentication(profile, item, findings),
        other => findings.push(
            error(
                23,
                other.map_or_else(|| metadata_place(profile), |item| item.name_span),
                format!("technical profile `{id}` does not say how it authenticates itself"),
            )
            .mend("write <Item Key=\"AuthenticationType\"> with Basic, Bearer, ClientCertificate or ApiKeyHeader, and the keys it needs"),
        ),
    }
}

fn authentication(profile: &TechnicalProfile<'_>, item: &Element, findings: &mut Vec<Finding>) {
    let names = AUTHENTICATION.map(|(name, _)| name);
    if !one_of(item, "AuthenticationType", &names, findings) {
        return;
    }
    let id = profile.id();
    let written = item.text().unwrap_or_default();
    let known = AUTHENTICATION
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(written));
    let Some((name, keys)) = known else { return };
    let by_claim = *name == "Bearer" && profile.metadata("UseClaimAsBearerToken").is_some();
    let missing: Vec<_> = keys
        .iter()
        .copied()
        .filter(|key| profile.key(key).is_none() && !by_claim)
        .collect();
    let place = profile
        .element
        .child("CryptographicKeys")
        .map_or_else(|| value_place(item), |list| list.name_span);
    if !missing.is_empty() {
        findings.push(
            error(
                23,
                place,
                format!(
                    "technical profile `{id}` authenticates itself by {name} and lacks the key {}",
                    missing
                        .iter()
                        .map(|key| format!("`{key}`"))
                        .collect::<Vec<_>>()
                        .join(" and ")
                ),
            )
            .mend(format!(
                "add <Key Id=\"{}\" StorageReferenceId=\"B2C_1A_…\"/> to its CryptographicKeys",
                missing[0]
            )),
        );
    }
    if *name == "ApiKeyHeader" && profile.keys().next().is_none() {
        findings.push(
            error(
                23,
                place,
                format!(
                    "technical profile `{id}` authenticates itself by ApiKeyHeader and has no key"
                ),
            )
            .mend("add <Key Id=\"NAME-OF-THE-HEADER\" StorageReferenceId=\"B2C_1A_…\"/>"),
        );
    }
}

/// That a policy in development may call without credentials is inferred from
/// the words of the message.
pub(super) fn insecure(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    findings: &mut Vec<Finding>,
) {
    let item = profile.metadata_item("AuthenticationType");
    let is_none = |item: &&Element| {
        item.text()
            .is_some_and(|value| value.eq_ignore_ascii_case("None"))
    };
    let Some(item) = item.filter(is_none) else {
        return;
    };
    let mode = scope.effective.root.value("DeploymentMode");
    let development =
        mode.is_some_and(|mode| mode.eq_ignore_ascii_case("Development") || is_open(mode));
    let written = profile.metadata("AllowInsecureAuthInProduction");
    let allowed = profile.metadata_flag("AllowInsecureAuthInProduction") == Some(true)
        || written.is_some_and(is_open);
    if development || allowed {
        return;
    }
    let id = profile.id();
    findings.push(
        error(
            23,
            value_place(item),
            format!("technical profile `{id}` calls its service without credentials"),
        )
        .b2c(format!(
            "Profile '{id}' uses an insecure authentication mode that is only allowed in production mode policies with metadata key 'AllowInsecureAuthInProduction' set to true."
        ))
        .mend("set AuthenticationType to Basic, Bearer, ClientCertificate or ApiKeyHeader"),
    );
}

/// Whether the item has one of the values; tells if not.
fn one_of(item: &Element, key: &str, known: &[&str], findings: &mut Vec<Finding>) -> bool {
    let Some(value) = item.text().filter(|value| !is_open(value)) else {
        return false;
    };
    let right = known.iter().any(|name| name.eq_ignore_ascii_case(value));
    if !right {
        findings.push(
            error(
                23,
                value_place(item),
                format!(
                    "`{value}` is no value of `{key}`{}",
                    did_you_mean(value, known.iter().copied())
                ),
            )
            .mend(format!("one of: {}", known.join(", "))),
        );
    }
    right
}

/// The claim must be one that the profile sends: its value is taken from there.
fn claim_named_by(profile: &TechnicalProfile<'_>, key: &str, findings: &mut Vec<Finding>) {
    let Some(item) = profile.metadata_item(key) else {
        return;
    };
    let Some(claim) = item.text().filter(|value| !is_open(value)) else {
        return;
    };
    let sends = profile.input_claims().any(|input| {
        let names = [input.claim(), input.partner_name()];
        names
            .into_iter()
            .flatten()
            .any(|name| name.eq_ignore_ascii_case(claim))
    });
    if !sends {
        findings.push(
            error(
                23,
                value_place(item),
                format!(
                    "`{claim}`, which `{key}` names, is no input claim of technical profile `{}`",
                    profile.id()
                ),
            )
            .mend(format!(
                "add <InputClaim ClaimTypeReferenceId=\"{claim}\"/>"
            )),
        );
    }
}
