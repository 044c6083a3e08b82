//! `[tenants.…]`: who calls us, whom they are trusted for, how they prove it.

use std::num::NonZeroU32;

use crate::connectors::caller::Callers;
use crate::domain::identity::{Issuer, LOCAL, Provider};
use crate::domain::tenant::{ClaimNames, MissingProvider, Platform, Tenant};
use crate::domain::trust::Trust;
use crate::limits::Quotas;
use crate::oidc::ProviderSettings;

use super::problem::Placed;
use super::reader::Section;
use super::{address, caller, external_id};

/// A tenant as the settings describe it: what the rules know of it, and what
/// only the edges do.
#[derive(Clone, Debug)]
pub(super) struct TenantSettings {
    pub(super) tenant: Tenant,
    pub(super) provider: ProviderSettings,
    /// Never without any: a tenant that anybody may speak for is a mistake.
    pub(super) callers: Callers,
    pub(super) limits: Quotas,
}

/// What could be read of a tenant; `None` where a problem was reported.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) issuers: Vec<Placed<String>>,
    pub(super) policies: Vec<String>,
    pub(super) credentials: Vec<Placed<caller::Proof>>,
    pub(super) settings: Option<TenantSettings>,
    /// The same of a tenant of External ID.
    pub(super) external: Option<external_id::Settings>,
}

/// Whose tenant it is, and with that which keys its section has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    B2c,
    ExternalId,
}

impl Kind {
    fn read(section: &Section<'_>) -> Self {
        let kinds = [("b2c", Self::B2c), ("external-id", Self::ExternalId)];
        let kind = section.choice("platform", &kinds);
        kind.map_or(Self::B2c, |found| found.value)
    }
}

pub(super) fn read_all(root: &Section<'_>) -> Vec<Read> {
    root.entries("tenants")
        .into_iter()
        .map(|(name, section)| match Kind::read(&section) {
            Kind::B2c => read(name, &section),
            Kind::ExternalId => external_id::read(name, &section),
        })
        .collect()
}

pub(super) fn missing_provider(section: &Section<'_>, key: &'static str) -> MissingProvider {
    let choices = [
        (LOCAL, MissingProvider::Local),
        ("unverified", MissingProvider::Unverified),
    ];
    section
        .choice(key, &choices)
        .map_or(MissingProvider::Local, |found| found.value)
}

fn read(name: String, section: &Section<'_>) -> Read {
    check_name(&name, section);
    external_id::refuse_keys(section);
    let issuer = section.required_parsed("issuer", address::issuer);
    let aliases = section.each("issuer_aliases", address::issuer);
    let metadata_url = section.required_parsed("metadata_url", address::metadata_url);
    let allowed_hosts = section.each("allowed_hosts", address::host_name);
    let policies = policies(section);
    let trust = trusted_providers(section);
    let missing_identities = missing_provider(section, "missing_identities");
    let missing_idp = missing_provider(section, "missing_idp");
    let claims = claims(section);
    let limits = limits(&section.section("limits"));
    let (callers, credentials) = caller::read(section);
    let issuers: Vec<_> = issuer.iter().chain(&aliases).cloned().collect();
    let settings = issuer
        .zip(metadata_url)
        .map(|(issuer, metadata_url)| TenantSettings {
            provider: ProviderSettings {
                metadata_url: metadata_url.value,
                default_policy: policies.first().cloned().unwrap_or_default(),
                allowed_hosts: allowed_hosts.into_iter().map(|host| host.value).collect(),
            },
            tenant: Tenant {
                name: name.clone(),
                issuer: Issuer::new(issuer.value),
                issuer_aliases: aliases.into_iter().map(|alias| alias.value).collect(),
                policies: policies.clone(),
                trust,
                missing_identities,
                missing_idp,
                claims,
                platform: Platform::B2c,
            },
            callers,
            limits,
        });
    Read {
        name,
        kind: Kind::B2c,
        issuers,
        policies,
        credentials,
        settings,
        external: None,
    }
}

/// Names of tenants and sites stand in paths, and in variables with `_` for
/// the hyphen.
pub(super) fn check_name(name: &str, section: &Section<'_>) {
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        section.problem("a name is one to 64 lower-case letters, digits and hyphens");
    }
}

fn policies(section: &Section<'_>) -> Vec<String> {
    let policies = section.each("policies", |text| {
        let fits = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if fits {
            Ok(text.to_owned())
        } else {
            Err("must be the name of a user flow, such as B2C_1_signupsignin".to_owned())
        }
    });
    section.each_once(&policies, str::eq_ignore_ascii_case);
    section.require_entries(
        "policies",
        "`policies` must list the user flows whose tokens are accepted: B2C's issuer is the same \
         for all of them",
    );
    policies.into_iter().map(|policy| policy.value).collect()
}

pub(super) fn trusted_providers(section: &Section<'_>) -> Trust {
    let providers = section.each("trusted_providers", |text| {
        if text == "mail" || (text != LOCAL && text.eq_ignore_ascii_case(LOCAL)) {
            return Err(format!(
                "people with a password of the tenant are `{LOCAL}`"
            ));
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '*') {
            return Err("must be one provider by its exact name, such as google.com".to_owned());
        }
        Ok(text.to_owned())
    });
    section.each_once(&providers, str::eq_ignore_ascii_case);
    Trust::new(
        providers
            .into_iter()
            .map(|provider| Provider::named(provider.value)),
    )
}

pub(super) fn claims(section: &Section<'_>) -> ClaimNames {
    let app_id = section.parsed("extensions_app_id", app_id);
    let customer_id = section.parsed("customer_id_attribute", attribute);
    let customer_link = section.parsed("customer_link_attribute", attribute);
    let customer_id = customer_id.map_or_else(|| "CustomerId".to_owned(), |found| found.value);
    if let Some(link) = &customer_link
        && link.value == customer_id
    {
        section.problem_at(
            &link.place,
            "must not be the attribute that takes the customer number",
        );
    }
    ClaimNames::new(
        app_id.as_ref().map(|found| found.value.as_str()),
        &customer_id,
        customer_link.as_ref().map(|found| found.value.as_str()),
    )
}

/// The client id of the tenant's b2c-extensions-app, as the names of its
/// attributes spell it.
fn app_id(text: &str) -> Result<String, String> {
    let bare = text.replace('-', "").to_ascii_lowercase();
    if bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(bare)
    } else {
        Err(
            "must be the application (client) id of b2c-extensions-app, 32 hexadecimal digits \
             with or without hyphens"
                .to_owned(),
        )
    }
}

fn attribute(text: &str) -> Result<String, String> {
    if text.starts_with("extension_") {
        return Err("must be the attribute's own name, without extension_…".to_owned());
    }
    let fits = text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be the name of a custom attribute: letters, digits, `_`".to_owned())
    }
}

/// Far above what any tenant needs, and below what one instance can answer, so
/// that a tenant that runs wild leaves something to the others.
const PER_SECOND: u32 = 5_000;

/// A sign-up asks three times, each at most twice.
const PER_ADDRESS_PER_MINUTE: u32 = 120;

const IN_FLIGHT: u32 = 512;

/// 0 sets no limit.
pub(super) fn limits(section: &Section<'_>) -> Quotas {
    let limit = |key, default| {
        let found = section.whole(key, 0..=1_000_000);
        NonZeroU32::new(found.map_or(default, |found| found.value))
    };
    Quotas {
        per_second: limit("per_second", PER_SECOND),
        per_address_per_minute: limit("per_address_per_minute", PER_ADDRESS_PER_MINUTE),
        in_flight: limit("in_flight", IN_FLIGHT),
    }
}
