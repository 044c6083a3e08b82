//! Single sign-on: what a browser's session remembers of technical profiles, by
//! the provider that keeps it ("Configure single sign-on session providers").

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{Scene, bag::Bag, mapping::default_value, program::Program, value::Value};
use crate::policy::{
    merge::folded,
    view::{ProviderKind, SessionKind, TechnicalProfile},
};

/// The session of one browser with the tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sso {
    /// When the person last proved who they are.
    pub(crate) auth_time: i64,
    /// When it was last of use.
    pub(crate) used: i64,
    /// "Keep me signed in" was ticked: how many seconds it lasts then.
    pub(crate) kept_for: Option<i64>,
    is_over: bool,
    participants: Vec<Participant>,
    /// By profile: a real provider has a session of its own.
    told: BTreeMap<String, Map<String, Json>>,
}

/// What a session profile keeps.
#[derive(Clone, Debug)]
struct Participant {
    /// Who shares it: see [`scope`].
    scope: String,
    /// The session profile's id.
    manager: String,
    claims: Bag,
    /// The claims exchange that was chosen, of an external login.
    exchange: Option<String>,
    age: Age,
}

/// Whether the journey that is under way keeps it, or found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Found,
    Kept,
}

impl Sso {
    /// What the session answers in a profile's place. Only the default provider
    /// does that.
    pub(super) fn answer(&self, scene: Scene<'_>, profile: TechnicalProfile<'_>) -> Option<Bag> {
        let (manager, kind) = manager(scene.program, profile)?;
        if kind != SessionKind::Default {
            return None;
        }
        let kept = self.find(&scope(scene)?, manager.id())?;
        let mut claims = kept.claims.clone();
        for reference in manager.output_claims() {
            let Some(claim) = reference.claim() else {
                continue;
            };
            let mut notes = Vec::new();
            let value = default_value(&scene, &manager, &reference, claim, &mut notes);
            if let Some(value) = value.filter(|_| !claims.has(claim)) {
                claims.set(claim, value);
            }
        }
        Some(claims)
    }

    /// The exchange that was chosen last time, if it is one of these.
    pub(super) fn chosen_provider<'a>(
        &self,
        scene: Scene<'_>,
        exchanges: impl Iterator<Item = (&'a str, TechnicalProfile<'a>)>,
    ) -> Option<&'a str> {
        let scope = scope(scene)?;
        let mut remembered = exchanges.filter(|(exchange, profile)| {
            let Some((manager, SessionKind::ExternalLogin)) = manager(scene.program, *profile)
            else {
                return false;
            };
            let kept = self.find(&scope, manager.id());
            let chosen = kept.and_then(|kept| kept.exchange.as_deref());
            chosen.is_some_and(|chosen| folded(chosen) == folded(exchange))
        });
        remembered.next().map(|(exchange, _)| exchange)
    }

    /// What stays of a session when the person signs out, for the journeys that
    /// began with it and are not at their end.
    pub(crate) fn over() -> Self {
        Self {
            is_over: true,
            ..Self::default()
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// A journey begins with it.
    pub(super) fn found(mut self) -> Self {
        for participant in &mut self.participants {
            participant.age = Age::Found;
        }
        self
    }

    /// What the journey under way did not keep itself is forgotten: meanwhile
    /// the person has signed out.
    pub(crate) fn forget_found(&mut self) {
        self.participants.retain(|kept| kept.age == Age::Kept);
        self.told.clear();
    }

    /// Forgets accounts that are no more.
    pub(crate) fn keep_accounts(&mut self, is_there: impl Fn(&str) -> bool) {
        self.participants.retain(|kept| {
            let account = kept.claims.get("objectId").map(Value::text);
            account.is_none_or(|account| is_there(&account))
        });
    }

    /// What the played provider told last, in this browser.
    pub(crate) fn told_by(&self, profile: &str) -> Option<&Map<String, Json>> {
        self.told.get(&folded(profile))
    }

    pub(super) fn remember_told(&mut self, profile: &str, told: &Map<String, Json>) {
        self.told.insert(folded(profile), told.clone());
    }

    /// Keeps what a profile that went well says is to be kept.
    pub(super) fn keep(&mut self, scene: Scene<'_>, profile: TechnicalProfile<'_>, exchange: &str) {
        if profile.include_in_sso() == Some(false) && !is_page_or_provider(profile) {
            return;
        }
        let Some((manager, kind)) = manager(scene.program, profile) else {
            return;
        };
        let Some(scope) = scope(scene) else {
            return;
        };
        if !matches!(kind, SessionKind::Default | SessionKind::ExternalLogin) {
            return;
        }
        let mut claims = Bag::default();
        for claim in manager.persisted_claims().filter_map(|claim| claim.claim()) {
            if let Some(value) = scene.bag.get(claim) {
                claims.set(claim, value.clone());
            }
        }
        // With nothing to tell it could not answer for anything.
        if claims.is_empty() && kind == SessionKind::Default {
            return;
        }
        let id = folded(manager.id());
        self.participants
            .retain(|kept| !(kept.scope == scope && kept.manager == id));
        self.participants.push(Participant {
            scope,
            manager: id,
            claims,
            exchange: (kind == SessionKind::ExternalLogin).then(|| exchange.to_owned()),
            age: Age::Kept,
        });
    }

    fn find(&self, scope: &str, manager: &str) -> Option<&Participant> {
        let manager = folded(manager);
        self.participants
            .iter()
            .find(|kept| kept.scope == scope && kept.manager == manager)
    }
}

/// The profile that keeps the session of this one, and what runs it.
fn manager<'a>(
    program: &'a Program,
    profile: TechnicalProfile<'a>,
) -> Option<(TechnicalProfile<'a>, SessionKind)> {
    let manager = program.profile(profile.session_management()?)?;
    match manager.provider()? {
        ProviderKind::Session(kind) => Some((manager, kind)),
        _ => None,
    }
}

/// `IncludeInSso` of a page or a provider is about logging out there.
fn is_page_or_provider(profile: TechnicalProfile<'_>) -> bool {
    let provider = profile.provider();
    provider == Some(ProviderKind::SelfAsserted)
        || provider.is_some_and(ProviderKind::is_federation)
}

/// Who shares what is kept: everybody in the tenant, the application, the
/// policy, or nobody (`SingleSignOn/@Scope`).
fn scope(scene: Scene<'_>) -> Option<String> {
    let behaviors = scene
        .program
        .relying_party()
        .and_then(|party| party.behaviors());
    let written = behaviors
        .and_then(|behaviors| behaviors.child("SingleSignOn"))
        .and_then(|sign_on| sign_on.value("Scope"))
        .unwrap_or("Tenant");
    match written.to_ascii_lowercase().as_str() {
        "suppressed" => None,
        "application" => Some(format!("application {}", scene.context.request.client_id)),
        "policy" => Some(format!("policy {}", folded(&scene.program.id))),
        _ => Some("tenant".to_owned()),
    }
}
