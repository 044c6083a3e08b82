//! P24 and P25: accounts in the directory.

use super::{error, is_open, metadata_place, value_place};
use crate::policy::check::scope::Scope;
use crate::policy::check::spelling::did_you_mean;
use crate::policy::finding::Finding;
use crate::policy::source::Span;
use crate::policy::view::{ClaimRef, TechnicalProfile};

/// P24. Attributes of one's own belong to an application.
pub(super) fn extension_attributes(
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
pub(super) fn check(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    findings: &mut Vec<Finding>,
) {
    let Some(operation) = operation(profile, findings) else {
        return;
    };
    let keys: Vec<_> = profile.input_claims().collect();
    match keys[..] {
        [key] if matches!(operation, "Write" | "DeleteClaims") => {
            persisted(profile, &key, findings);
        }
        [_] => {}
        _ => findings.push(not_one_key(scope, profile, &keys)),
    }
}

/// What it does; tells if that is nothing.
fn operation(profile: &TechnicalProfile<'_>, findings: &mut Vec<Finding>) -> Option<&'static str> {
    let item = profile.metadata_item("Operation");
    let Some((item, written)) = item.and_then(|item| Some((item, item.text()?))) else {
        findings.push(
            error(
                25,
                item.map_or_else(|| metadata_place(profile), |item| item.name_span),
                format!(
                    "technical profile `{}` does not say what it does in the directory",
                    profile.id()
                ),
            )
            .mend("write <Item Key=\"Operation\"> with Read, Write, DeleteClaims or DeleteClaimsPrincipal"),
        );
        return None;
    };
    let known = OPERATIONS
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(written));
    if known.is_none() && !is_open(written) {
        findings.push(
            error(
                25,
                value_place(item),
                format!(
                    "`{written}` is no operation of the directory{}",
                    did_you_mean(written, OPERATIONS)
                ),
            )
            .mend(format!("one of: {}", OPERATIONS.join(", "))),
        );
    }
    known
}

fn not_one_key(
    scope: &Scope<'_>,
    profile: &TechnicalProfile<'_>,
    keys: &[ClaimRef<'_>],
) -> Finding {
    let id = profile.id();
    // The last one that was added is the one too many.
    let added = |key: &&ClaimRef<'_>| {
        let span = key.element.span;
        let chain = &scope.effective.chain;
        let file = chain.iter().position(|file| *file == span.file);
        (file, span.start)
    };
    let last = keys.iter().max_by_key(added);
    error(
        25,
        last.map_or(profile.element.name_span, claim_place),
        match keys.len() {
            0 => format!("technical profile `{id}` has no input claim: the directory is not told whose account"),
            many => format!("technical profile `{id}` has {many} input claims: the directory finds an account by exactly one"),
        },
    )
    .mend("name one key as the input claim: objectId, userPrincipalName, signInNames.emailAddress, alternativeSecurityId or another of the account's identities")
}

fn persisted(profile: &TechnicalProfile<'_>, key: &ClaimRef<'_>, findings: &mut Vec<Finding>) {
    if profile.persisted_claims().any(|claim| is_same(&claim, key)) {
        return;
    }
    let list = profile.element.child("PersistedClaims");
    let name = key.claim().unwrap_or_default();
    let mend = match key.partner_name() {
        Some(partner) => format!(
            "add <PersistedClaim ClaimTypeReferenceId=\"{name}\" PartnerClaimType=\"{partner}\"/>"
        ),
        None => format!("add <PersistedClaim ClaimTypeReferenceId=\"{name}\"/>"),
    };
    findings.push(
        error(
            25,
            list.unwrap_or(profile.element).name_span,
            format!(
                "technical profile `{}` does not persist `{name}`, the key that it finds the account by",
                profile.id()
            ),
        )
        .related(claim_place(key), "the key")
        .mend(mend),
    );
}

fn is_same(one: &ClaimRef<'_>, other: &ClaimRef<'_>) -> bool {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    same(directory_name(one), directory_name(other))
        || same(
            one.claim().unwrap_or_default(),
            other.claim().unwrap_or_default(),
        )
}
