//! P22 to P25: what a provider needs to run a technical profile.

use super::reach::{self, Reached};
use super::scope::Scope;
use super::spelling::did_you_mean;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::view::{ClaimRef, ProviderKind, TechnicalProfile};
use crate::policy::xml::Element;

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    for Reached { profile, .. } in reach::profiles(scope) {
        match profile.provider() {
            Some(ProviderKind::OAuth1 | ProviderKind::OAuth2 | ProviderKind::OpenIdConnect) => {
                client_id(scope, &profile, findings);
            }
            Some(ProviderKind::Rest) => rest(scope, &profile, findings),
            Some(ProviderKind::AzureActiveDirectory) => {
                extension_attributes(scope, &profile, findings);
                directory(&profile, findings);
            }
            // Nothing to say of the others, or of none.
            _ => {}
        }
    }
}

/// Where a missing metadata item would stand.
fn metadata_place(profile: &TechnicalProfile<'_>) -> Span {
    profile
        .element
        .child("Metadata")
        .unwrap_or(profile.element)
        .name_span
}

/// Where the value of an item stands, or the item where it has none.
fn value_place(item: &Element) -> Span {
    item.text.as_ref().map_or(item.name_span, |text| text.span)
}

/// Whether a setting is still to be filled in.
fn is_open(value: &str) -> bool {
    value.contains("{Settings:")
}

/// P22. Profiles that issue tokens have the same protocol and no client.
fn client_id(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    if profile.is_issuer() || profile.metadata("client_id").is_some() {
        return;
    }
    let id = profile.id();
    let span = profile
        .metadata_item("client_id")
        .map_or_else(|| metadata_place(profile), |item| item.name_span);
    findings.push(
        Finding::new(
            22,
            Severity::Error,
            span,
            format!("technical profile `{id}` is used and has no `client_id`"),
        )
        .b2c(format!(
            "TechnicalProfile \"{id}\" in {} defines an invalid value \"\" for the metadata item \"client_id.\"",
            scope.policy()
        ))
        .mend("write <Item Key=\"client_id\"> with the id of the application registered at the identity provider"),
    );
}

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

/// P23.
fn rest(scope: &Scope<'_>, profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
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
        Some(item) if item.text().is_some() => authentication(scope, profile, item, findings),
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

fn authentication(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    item: &Element,
    findings: &mut Vec<Finding>,
) {
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
    if *name == "None" {
        insecure(scope, profile, item, findings);
    }
}

/// That a policy in development may call without credentials is inferred from
/// the words of the message.
fn insecure(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    item: &Element,
    findings: &mut Vec<Finding>,
) {
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

/// P24. Attributes of one's own belong to an application.
fn extension_attributes(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    findings: &mut Vec<Finding>,
) {
    let missing: Vec<_> = ["ApplicationObjectId", "ClientId"]
        .into_iter()
        .filter(|key| profile.metadata(key).is_none())
        .collect();
    let [first, ..] = missing[..] else { return };
    let uses = profile
        .input_claims()
        .chain(profile.persisted_claims())
        .chain(profile.output_claims())
        .find(|claim| directory_name(claim).starts_with("extension_"));
    let Some(claim) = uses else { return };
    let id = profile.id();
    findings.push(
        error(
            24,
            claim_place(&claim),
            format!(
                "technical profile `{id}` uses `{}`, an attribute of one's own, and has no {}",
                claim.claim().unwrap_or_default(),
                missing
                    .iter()
                    .map(|key| format!("`{key}`"))
                    .collect::<Vec<_>>()
                    .join(" and no ")
            ),
        )
        .b2c(format!(
            "A required Metadata item with key \"{first}\" was not found in the TechnicalProfile with id \"{id}\" in {}.",
            scope.policy()
        ))
        .mend("give AAD-Common the metadata ClientId and ApplicationObjectId of the application b2c-extensions-app"),
    );
}

/// What the directory calls the claim.
fn directory_name<'a>(claim: &ClaimRef<'a>) -> &'a str {
    claim
        .partner_name()
        .filter(|name| !name.is_empty())
        .or_else(|| claim.claim())
        .unwrap_or_default()
}

fn claim_place(claim: &ClaimRef<'_>) -> Span {
    claim
        .element
        .attribute("ClaimTypeReferenceId")
        .map_or(claim.element.name_span, |attribute| attribute.value_span)
}

const OPERATIONS: [&str; 4] = ["Read", "Write", "DeleteClaims", "DeleteClaimsPrincipal"];

/// P25 ("Microsoft Entra ID technical profile: InputClaims, PersistedClaims").
fn directory(profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) {
    let id = profile.id();
    let operation = match profile.metadata_item("Operation") {
        Some(item) if item.text().is_some() => item,
        other => {
            findings.push(
                error(
                    25,
                    other.map_or_else(|| metadata_place(profile), |item| item.name_span),
                    format!("technical profile `{id}` does not say what it does in the directory"),
                )
                .mend("write <Item Key=\"Operation\"> with Read, Write, DeleteClaims or DeleteClaimsPrincipal"),
            );
            return;
        }
    };
    let written = operation.text().unwrap_or_default();
    if is_open(written) {
        return;
    }
    let known = OPERATIONS
        .iter()
        .find(|name| name.eq_ignore_ascii_case(written));
    let Some(known) = known else {
        findings.push(
            error(
                25,
                value_place(operation),
                format!(
                    "`{written}` is no operation of the directory{}",
                    did_you_mean(written, OPERATIONS)
                ),
            )
            .mend(format!("one of: {}", OPERATIONS.join(", "))),
        );
        return;
    };
    let keys: Vec<_> = profile.input_claims().collect();
    let [key] = keys[..] else {
        let span = match keys.get(1) {
            Some(second) => claim_place(second),
            None => profile.element.name_span,
        };
        findings.push(
            error(
                25,
                span,
                match keys.len() {
                    0 => format!("technical profile `{id}` has no input claim: the directory is not told whose account"),
                    many => format!("technical profile `{id}` has {many} input claims: the directory finds an account by exactly one"),
                },
            )
            .mend("name one key as the input claim: objectId, userPrincipalName, signInNames.emailAddress, alternativeSecurityId or another of the account's identities"),
        );
        return;
    };
    let persists = profile
        .persisted_claims()
        .any(|claim| is_same(&claim, &key));
    if matches!(*known, "Write" | "DeleteClaims") && !persists {
        let list = profile.element.child("PersistedClaims");
        let name = key.claim().unwrap_or_default();
        findings.push(
            error(
                25,
                list.unwrap_or(profile.element).name_span,
                format!("technical profile `{id}` does not persist `{name}`, the key that it finds the account by"),
            )
            .related(claim_place(&key), "the key")
            .mend(match key.partner_name() {
                Some(partner) => format!("add <PersistedClaim ClaimTypeReferenceId=\"{name}\" PartnerClaimType=\"{partner}\"/>"),
                None => format!("add <PersistedClaim ClaimTypeReferenceId=\"{name}\"/>"),
            }),
        );
    }
}

fn is_same(one: &ClaimRef<'_>, other: &ClaimRef<'_>) -> bool {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    same(directory_name(one), directory_name(other))
        || same(
            one.claim().unwrap_or_default(),
            other.claim().unwrap_or_default(),
        )
}

fn error(rule: u8, span: Span, message: String) -> Finding {
    Finding::new(rule, Severity::Error, span, message)
}

#[cfg(test)]
mod tests;
