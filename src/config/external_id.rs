//! `[tenants.…]` with `platform = "external-id"`: by whose tokens its
//! extensions call, and how soon they must be answered.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::identity::Issuer;
use crate::domain::tenant::{EmailOtp, ExternalId, MissingProvider, Platform, Tenant};
use crate::limits::Quotas;
use crate::oidc::{BearerSettings, CallerIssuer};

use super::address;
use super::problem::Placed;
use super::reader::Section;
use super::tenant::{Kind, Read, check_name, claims, limits, missing_provider, trusted_providers};

/// What the rules know of a tenant, and who may call for it.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) tenant: Tenant,
    /// Never without issuers: a tenant that nobody may speak for is a mistake.
    pub(super) bearer: BearerSettings,
    pub(super) limits: Quotas,
}

/// What an extension may be set to wait (`timeoutInMilliseconds`). Microsoft
/// allows less, which leaves no room for a database on a bad day.
const TIMEOUTS: RangeInclusive<u32> = 1_000..=2_000;

/// Microsoft's default.
const TIMEOUT: u32 = 1_000;

/// What has a meaning at B2C only.
const OF_B2C: [&str; 11] = [
    "issuer_aliases",
    "metadata_url",
    "allowed_hosts",
    "policies",
    "missing_idp",
    "credentials",
    "certificates",
    "api_keys",
    "api_key_header",
    "bearer_tokens",
    "require",
];

/// What has a meaning here only.
const OF_EXTERNAL_ID: [&str; 5] = [
    "directory_id",
    "audiences",
    "issuers",
    "extension_timeout_milliseconds",
    "email_otp",
];

/// Reports our keys in the section of a tenant of B2C.
pub(super) fn refuse_keys(section: &Section<'_>) {
    for key in OF_EXTERNAL_ID {
        section.refuse(key, "is for tenants with `platform = \"external-id\"`");
    }
}

pub(super) fn read(name: String, section: &Section<'_>) -> Read {
    check_name(&name, section);
    for key in OF_B2C {
        section.refuse(key, "is for tenants with `platform = \"b2c\"`");
    }
    let issuer = section.required_parsed("issuer", address::token_issuer);
    let directory_id = section.required_parsed("directory_id", directory_id);
    // Read on whatever is missing, so that every problem is found at once.
    let bearer = BearerSettings {
        tenant: name.clone(),
        directory_id: directory_id.as_ref().map_or(Uuid::nil(), |id| id.value),
        audiences: audiences(section),
        issuers: caller_issuers(section),
    };
    let platform = Platform::ExternalId(ExternalId {
        directory_id: bearer.directory_id,
        answer_within: answer_within(section),
        email_otp: email_otp(section),
    });
    let tenant = Tenant {
        name: name.clone(),
        issuer: Issuer::new(issuer.as_ref().map_or("", |issuer| &issuer.value)),
        issuer_aliases: Vec::new(),
        policies: Vec::new(),
        trust: trusted_providers(section),
        missing_identities: missing_provider(section, "missing_identities"),
        // Its tokens are not asked who they come from.
        missing_idp: MissingProvider::Unverified,
        claims: claims(section),
        platform,
    };
    let limits = limits(&section.section("limits"));
    let is_whole = issuer.is_some() && directory_id.is_some();
    Read {
        name,
        kind: Kind::ExternalId,
        issuers: issuer.into_iter().collect(),
        policies: Vec::new(),
        credentials: Vec::new(),
        settings: None,
        external: is_whole.then_some(Settings {
            tenant,
            bearer,
            limits,
        }),
    }
}

fn directory_id(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text)
        .map_err(|_| "must be the directory (tenant) id, a GUID, as `tid` in tokens".to_owned())
}

/// 700 ms of 1,000 and 1,200 ms of 2,000 (reliability.md §5.2).
fn answer_within(section: &Section<'_>) -> Duration {
    let timeout = section.whole("extension_timeout_milliseconds", TIMEOUTS);
    let timeout = timeout.map_or(TIMEOUT, |found| found.value);
    Duration::from_millis(u64::from(timeout) / 2 + 200)
}

fn email_otp(section: &Section<'_>) -> EmailOtp {
    let choices = [
        ("refuse", EmailOtp::Refuse),
        ("unchanged", EmailOtp::Unchanged),
    ];
    section
        .choice("email_otp", &choices)
        .map_or(EmailOtp::Refuse, |found| found.value)
}

fn audiences(section: &Section<'_>) -> BTreeSet<String> {
    let audiences = section.each("audiences", |text| {
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(text.to_owned())
        } else {
            Err("must be the client id or the id URI (api://…) of our API application".to_owned())
        }
    });
    section.each_once(&audiences, str::eq_ignore_ascii_case);
    if section.list("audiences").is_none_or(|list| list.is_empty()) && section.is_given() {
        section.problem(
            "`audiences` must list the client id of the API application that the extensions \
             are registered with",
        );
    }
    audiences.into_iter().map(|found| found.value).collect()
}

fn caller_issuers(section: &Section<'_>) -> Vec<CallerIssuer> {
    let entries = section.sections("issuers");
    if entries.is_empty() && section.is_given() {
        let key = &section.place.key;
        section.problem(format!(
            "has no issuers, so nobody could call for it: add [[{key}.issuers]] with `issuer` \
             and `jwks_uri`, both as the tenant's metadata names them"
        ));
    }
    let found: Vec<_> = entries.iter().filter_map(caller_issuer).collect();
    for (n, Placed { value, place }) in found.iter().enumerate() {
        if let Some(first) = found.iter().take(n).find(|other| other.value == *value) {
            section.problem_at(place, format!("is the same as {}", first.place.key));
        }
    }
    found.into_iter().map(|found| found.value).collect()
}

fn caller_issuer(section: &Section<'_>) -> Option<Placed<CallerIssuer>> {
    let issuer = section.required_parsed("issuer", address::token_issuer);
    let jwks_uri = section.required_parsed("jwks_uri", address::secure_url);
    Some(Placed {
        value: CallerIssuer {
            issuer: issuer?.value,
            jwks_uri: jwks_uri?.value,
        },
        place: section.place.clone(),
    })
}
