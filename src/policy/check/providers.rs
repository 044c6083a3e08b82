//! P22 to P25: what a provider needs to run a technical profile.

mod directory;
mod rest;

use super::reach::{self, Reached};
use super::scope::Scope;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::view::{ProviderKind, TechnicalProfile};
use crate::policy::xml::Element;

pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let reached = reach::profiles(scope);
    for Reached { profile, .. } in &reached {
        match profile.provider() {
            Some(ProviderKind::OAuth1 | ProviderKind::OAuth2 | ProviderKind::OpenIdConnect) => {
                client_id(scope, profile, findings);
            }
            Some(ProviderKind::Rest) => {
                rest::check(profile, findings);
                rest::insecure(scope, profile, findings);
            }
            Some(ProviderKind::AzureActiveDirectory) => {
                directory::extension_attributes(scope, profile, findings);
                directory::check(scope, profile, findings);
            }
            // Nothing to say of the others, or of none.
            _ => {}
        }
    }
    // What nobody uses need not be filled in, but it must fit together.
    for profile in reach::idle(scope, &reached) {
        match profile.provider() {
            Some(ProviderKind::Rest) => rest::check(&profile, findings),
            Some(ProviderKind::AzureActiveDirectory) => directory::check(scope, &profile, findings),
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

fn error(rule: u8, span: Span, message: String) -> Finding {
    Finding::new(rule, Severity::Error, span, message)
}

#[cfg(test)]
mod tests;
