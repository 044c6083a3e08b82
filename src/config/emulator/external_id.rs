//! `[[external_id]]`: a user flow of External ID, its extensions and what of
//! them goes into tokens.

use crate::emulator::{ExternalIdFlow, LocalMethod, MappedClaim};

use super::super::problem::Placed;
use super::super::reader::Section;
use super::{tenant, user_flow};

pub(super) fn read_all(root: &Section<'_>) -> Vec<ExternalIdFlow> {
    let sections = root.sections("external_id");
    let read: Vec<_> = sections.iter().filter_map(read).collect();
    let names: Vec<_> = read.iter().map(|(name, _)| name.clone()).collect();
    root.each_once(&names, str::eq_ignore_ascii_case);
    read.into_iter().map(|(_, flow)| flow).collect()
}

fn read(section: &Section<'_>) -> Option<(Placed<String>, ExternalIdFlow)> {
    let name = section.required_parsed("name", |text| Ok(text.to_owned()));
    let mut flow = ExternalIdFlow::new(name.as_ref().map_or("", |name| &name.value), &[]);
    let applications = section.list("applications").unwrap_or_default();
    flow.applications = applications.into_iter().map(|id| id.value).collect();
    if let Some(attributes) = user_flow::attributes(section) {
        flow.attributes = attributes;
    }
    if let Some(providers) = user_flow::providers(section) {
        flow.providers = providers;
    }
    let methods = [
        ("email-with-password", LocalMethod::EmailWithPassword),
        ("email-one-time-passcode", LocalMethod::EmailOneTimePasscode),
        ("none", LocalMethod::None),
    ];
    if let Some(found) = section.choice("local", &methods) {
        flow.local = found.value;
    }
    if section.has("extensions") {
        flow.extensions = tenant::from_json(section, "extensions").unwrap_or_default();
    }
    let claims = section.sections("claims");
    flow.claims = claims.iter().filter_map(claim).collect();
    Some((name?, flow))
}

/// Under its own name where no other is given.
fn claim(section: &Section<'_>) -> Option<MappedClaim> {
    let id = section.required_parsed("id", |text| Ok(text.to_owned()));
    let name = section.text("name").map(|name| name.value);
    let id = id?.value;
    Some(MappedClaim {
        name: name.unwrap_or_else(|| id.clone()),
        id,
    })
}
