//! `[sites.…]`: the shops, whom they sell to, what they ask and say.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use time::Duration;

use crate::domain::customer::{CustomerType, LegalEntity};
use crate::domain::site::{
    CustomerEmail, Disclosure, Mode, Outage, Rules, SecondIdentity, Site, UnverifiedEmail,
};
use crate::sites::key::SiteKey;

use super::legal_entity::LegalEntitySettings;
use super::messages;
use super::problem::Placed;
use super::reader::{SecretKeys, Section};
use super::tenant::{self, Kind};

const KEY: SecretKeys = SecretKeys {
    plain: "key",
    env: "key_env",
    file: "key_file",
};

/// A key stands alone, without a name beside it, so it must not be guessable.
const SHORTEST_KEY: usize = 16;

/// A year, in minutes. An older feed is none.
const LONGEST_FEED_AGE: u32 = 366 * 24 * 60;

/// What only the edges know of a site.
#[derive(Clone, Debug)]
pub struct SiteSettings {
    /// The user flow whose metadata and token endpoint the site uses; empty at
    /// External ID, which has none.
    pub policy: String,
    /// What the site's back end shows at `/sites/{site}/links`. Several are
    /// valid at once; without any, nobody is let in there.
    pub keys: Vec<SiteKey>,
}

/// What could be read of a site; `None` where a problem was reported.
pub(super) struct Read {
    pub(super) tenant: Option<Placed<String>>,
    pub(super) client_ids: Vec<Placed<String>>,
    pub(super) keys: Vec<Placed<SiteKey>>,
    pub(super) settings: Option<(Site, SiteSettings)>,
}

pub(super) fn read_all(
    root: &Section<'_>,
    legal_entities: &[LegalEntitySettings],
    tenants: &[tenant::Read],
) -> Vec<Read> {
    root.entries("sites")
        .into_iter()
        .map(|(name, section)| read(name, &section, legal_entities, tenants))
        .collect()
}

fn read(
    name: String,
    section: &Section<'_>,
    legal_entities: &[LegalEntitySettings],
    tenants: &[tenant::Read],
) -> Read {
    tenant::check_name(&name, section);
    let display_name = section.parsed("name", display_name);
    let display_name = display_name.map_or_else(|| name.clone(), |found| found.value);
    let legal_entity =
        section.required_parsed("legal_entity", |code| declared(code, legal_entities));
    let tenant = section.required_parsed("tenant", |name| known(name, tenants));
    let policy = policy(section, tenant.as_ref(), tenants);
    let client_ids = client_ids(section);
    let rules = rules(section);
    let mode = section.choice(
        "mode",
        &[
            ("off", Mode::Off),
            ("observe", Mode::Observe),
            ("enforce", Mode::Enforce),
        ],
    );
    let outage = outage(section, rules);
    let disclosure = section.choice(
        "disclosure",
        &[
            ("specific", Disclosure::Specific),
            ("uniform", Disclosure::Uniform),
        ],
    );
    let messages = messages::read(section, &display_name);
    let keys: Vec<_> = section.sections("keys").iter().filter_map(key).collect();
    let settings = || {
        let site = Site {
            name,
            display_name,
            legal_entity: legal_entity?.value,
            tenant: tenant.clone()?.value,
            client_ids: values(&client_ids),
            mode: mode.map_or(Mode::Enforce, |found| found.value),
            rules: rules?,
            outage,
            disclosure: disclosure.map_or(Disclosure::Specific, |found| found.value),
            messages: messages?,
        };
        let access = SiteSettings {
            policy: policy?,
            keys: keys.iter().map(|found| found.value.clone()).collect(),
        };
        Some((site, access))
    };
    Read {
        settings: settings(),
        tenant,
        client_ids,
        keys,
    }
}

fn values(found: &[Placed<String>]) -> BTreeSet<String> {
    found.iter().map(|found| found.value.clone()).collect()
}

/// The name in messages. Braces would be taken for placeholders.
fn display_name(text: &str) -> Result<String, String> {
    if text.chars().count() <= 100 && !text.contains(|c: char| c.is_control() || "{}".contains(c)) {
        Ok(text.to_owned())
    } else {
        Err("must be up to 100 characters on one line, without { and }".to_owned())
    }
}

fn declared(code: &str, declared: &[LegalEntitySettings]) -> Result<LegalEntity, String> {
    let found = declared.iter().find(|entity| entity.code.as_str() == code);
    let missing = || format!("there is no [legal_entities.{code}]; add it, empty if need be");
    found.map(|entity| entity.code.clone()).ok_or_else(missing)
}

fn known(name: &str, tenants: &[tenant::Read]) -> Result<String, String> {
    if tenants.iter().any(|tenant| tenant.name == name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there is no [tenants.{name}]"))
    }
}

/// The site's own user flow, or the first one of its tenant.
fn policy(
    section: &Section<'_>,
    tenant: Option<&Placed<String>>,
    tenants: &[tenant::Read],
) -> Option<String> {
    let own = section.text("policy");
    let tenant = tenants
        .iter()
        .find(|candidate| tenant.is_some_and(|tenant| tenant.value == candidate.name))?;
    match (tenant.kind, own) {
        (Kind::B2c, Some(own)) => accepted_policy(section, tenant, &own),
        (Kind::B2c, None) => tenant.policies.first().cloned(),
        (Kind::ExternalId, None) => Some(String::new()),
        (Kind::ExternalId, Some(own)) => {
            section.problem_at(&own.place, "is for sites of B2C tenants");
            None
        }
    }
}

fn accepted_policy(
    section: &Section<'_>,
    tenant: &tenant::Read,
    own: &Placed<String>,
) -> Option<String> {
    let accepted = tenant
        .policies
        .iter()
        .find(|policy| policy.eq_ignore_ascii_case(&own.value));
    if accepted.is_none() {
        let name = &tenant.name;
        section.problem_at(&own.place, format!("is not among tenants.{name}.policies"));
    }
    accepted.cloned()
}

fn client_ids(section: &Section<'_>) -> Vec<Placed<String>> {
    let ids = section.each("client_ids", |text| {
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(text.to_owned())
        } else {
            Err("must be the application (client) id of an application".to_owned())
        }
    });
    section.each_once(&ids, str::eq_ignore_ascii_case);
    section.require_entries(
        "client_ids",
        "`client_ids` must list the applications that the site consists of",
    );
    ids
}

fn rules(section: &Section<'_>) -> Option<Rules> {
    let customer_type = section.required_choice(
        "customer_type",
        &[("b2b", CustomerType::B2b), ("b2c", CustomerType::B2c)],
    );
    let unverified_email = section.choice(
        "unverified_email",
        &[
            ("refuse", UnverifiedEmail::Refuse),
            ("separate", UnverifiedEmail::Separate),
        ],
    );
    let customer_email = section.choice(
        "customer_email",
        &[
            ("any", CustomerEmail::Any),
            ("proven", CustomerEmail::Proven),
        ],
    );
    let second_identity = section.choice(
        "second_identity",
        &[
            ("refuse", SecondIdentity::Refuse),
            ("add", SecondIdentity::Add),
            ("replace", SecondIdentity::Replace),
        ],
    );
    let feed_max_age = section.whole("feed_max_age_minutes", 1..=LONGEST_FEED_AGE);
    let customer_type = customer_type?.value;
    if let Some(found) = &unverified_email
        && (found.value, customer_type) == (UnverifiedEmail::Separate, CustomerType::B2b)
    {
        section.problem_at(
            &found.place,
            "\"separate\" is for B2C sites: a B2B site creates no customers",
        );
    }
    Some(Rules {
        customer_type,
        unverified_email: unverified_email.map_or(UnverifiedEmail::Refuse, |found| found.value),
        customer_email: customer_email.map_or(CustomerEmail::Any, |found| found.value),
        second_identity: second_identity.map_or(SecondIdentity::Refuse, |found| found.value),
        feed_max_age: feed_max_age.map(|found| Duration::minutes(found.value.into())),
    })
}

/// Letting people in unchecked is offered to B2C sites only
/// (reliability.md 5.1).
fn outage(section: &Section<'_>, rules: Option<Rules>) -> Outage {
    let outage = section.choice(
        "outage",
        &[("refuse", Outage::Refuse), ("continue", Outage::Continue)],
    );
    let b2b = rules.is_some_and(|rules| rules.customer_type == CustomerType::B2b);
    if let Some(found) = &outage
        && found.value == Outage::Continue
        && b2b
    {
        section.problem_at(
            &found.place,
            "\"continue\" is for B2C sites: a B2B site lets nobody in unchecked",
        );
    }
    outage.map_or(Outage::Refuse, |found| found.value)
}

fn key(section: &Section<'_>) -> Option<Placed<SiteKey>> {
    let key = section.required_secret(KEY);
    let not_after = section.moment("not_after");
    let key = key?;
    if key.value.expose_secret().len() < SHORTEST_KEY {
        section.problem_at(
            &key.place,
            format!("must have at least {SHORTEST_KEY} characters: make one with `openssl rand -base64 32`"),
        );
        return None;
    }
    Some(Placed {
        value: SiteKey {
            key: key.value,
            not_after,
        },
        place: section.place.clone(),
    })
}
