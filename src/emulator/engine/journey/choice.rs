//! The page of choices: which provider, a local account, signing up.

use std::time::Instant;

use serde_json::Map;

use super::{Button, Choice, End, Flow, Forgot, Journey, Next, Waiting, exchange::is_enabled};
use crate::{
    emulator::{
        engine::{
            profile,
            program::Program,
            trace::{Happening, NoteLevel, seen},
            words::Words,
        },
        oidc::OAuthError,
        state::Tenant,
    },
    policy::{
        merge::folded,
        view::{ClaimsExchange, OrchestrationStep, TechnicalProfile},
    },
};

/// What a step has to choose from.
struct Offer<'p> {
    /// The exchanges of the buttons, with their profiles in the next step.
    targets: Vec<(&'p str, TechnicalProfile<'p>)>,
    /// The exchange and the profile of local accounts.
    local: Option<(&'p str, TechnicalProfile<'p>)>,
    content_definition: Option<&'p str>,
    /// A page even if there is only one provider (`ShowSingleProvider`).
    shows_single: bool,
}

impl<'p> Offer<'p> {
    fn of(
        program: &'p Program,
        step: &OrchestrationStep<'p>,
        ahead: &[ClaimsExchange<'p>],
    ) -> Self {
        let profile = |exchange: &ClaimsExchange<'p>| program.profile(exchange.profile()?);
        let named = |exchanges: &[ClaimsExchange<'p>], id: &str| {
            let mut exchanges = exchanges.iter();
            exchanges
                .find(|own| folded(own.id()) == folded(id))
                .and_then(profile)
        };
        let own: Vec<_> = step.claims_exchanges().collect();
        let local = step.selections().find_map(|selection| {
            let id = selection.validation()?;
            Some((id, named(&own, id)?))
        });
        let targets = step.selections().filter_map(|selection| {
            let id = selection.target()?;
            Some((id, named(ahead, id)?))
        });
        let page = local.and_then(|(_, profile)| profile.content_definition());
        Self {
            targets: targets.collect(),
            local,
            content_definition: step.content_definition().or(page),
            shows_single: step.display_option() == Some("ShowSingleProvider"),
        }
    }

    fn local_profile(&self) -> Option<TechnicalProfile<'p>> {
        self.local.map(|(_, profile)| profile)
    }
}

impl Journey {
    /// The exchanges of the step behind this one: those that can be chosen.
    fn exchanges_ahead<'p>(&self, program: &'p Program) -> Vec<ClaimsExchange<'p>> {
        let frame = self.frames.last();
        let ahead = frame.and_then(|frame| frame.steps(program)?.get(frame.next).copied());
        ahead
            .map(|step| step.claims_exchanges().collect())
            .unwrap_or_default()
    }

    pub(super) fn choice(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> Flow {
        let ahead = self.exchanges_ahead(program);
        let offer = Offer::of(program, step, &ahead);
        if let Some(profile) = offer.local_profile()
            && self.answered_by_session(tenant, program, profile)
        {
            return Flow::On;
        }
        if let Some((exchange, why)) = self.known_choice(tenant, program, &offer) {
            self.note(NoteLevel::Info, why);
            self.chosen = Some(exchange);
            return Flow::On;
        }
        self.offer(tenant, program, &offer)
    }

    /// What need not be asked, and why.
    fn known_choice(
        &self,
        tenant: &Tenant,
        program: &Program,
        offer: &Offer<'_>,
    ) -> Option<(String, String)> {
        let scene = self.scene(tenant);
        let enabled: Vec<_> = offer
            .targets
            .iter()
            .copied()
            .filter(|(_, profile)| is_enabled(&self.bag, profile))
            .collect();
        let remembered = self
            .began_with
            .chosen_provider(scene, enabled.iter().copied());
        if let Some(exchange) = remembered {
            let why = format!("The session remembers that {exchange} was chosen.");
            return Some((exchange.to_owned(), why));
        }
        if let Some(exchange) = self.hinted_provider(program, &enabled) {
            let why = format!("domain_hint names the provider of {exchange}.");
            return Some((exchange.to_owned(), why));
        }
        match (&enabled[..], offer.local, offer.shows_single) {
            ([(exchange, _)], None, false) => {
                let why = format!("There is only {exchange} to choose: the page is passed over.");
                Some(((*exchange).to_owned(), why))
            }
            _ => None,
        }
    }

    /// `domain_hint` names the `Domain` of a claims provider.
    fn hinted_provider<'p>(
        &self,
        program: &Program,
        enabled: &[(&'p str, TechnicalProfile<'p>)],
    ) -> Option<&'p str> {
        let hint = self.context.parameters.get("domain_hint")?;
        let is_hinted = |profile: &TechnicalProfile<'_>| {
            let provider = program.effective.claims_provider_of(profile.id());
            let domain = provider.and_then(|provider| provider.child_text("Domain"));
            domain.is_some_and(|domain| domain.eq_ignore_ascii_case(hint))
        };
        let mut enabled = enabled.iter();
        let found = enabled.find(|(_, profile)| is_hinted(profile));
        found.map(|(exchange, _)| *exchange)
    }

    fn offer(&mut self, tenant: &Tenant, program: &Program, offer: &Offer<'_>) -> Flow {
        let local_profile = offer.local_profile();
        let content_definition = offer.content_definition.map(str::to_owned);
        let forgot = forgot(local_profile);
        let buttons = self.buttons(tenant, offer, &forgot);
        let sign_up = local_profile
            .and_then(|profile| profile.metadata("SignUpTarget"))
            .filter(|_| shows(local_profile, "setting.showSignupLink"))
            .map(str::to_owned);
        let local = match offer.local {
            None => None,
            Some((exchange, profile)) => {
                let page = content_definition.clone();
                match self.open(tenant, program, profile, exchange, page) {
                    Ok(form) => Some(form),
                    Err(failure) => return Flow::failed(&failure),
                }
            }
        };
        let choice = Choice {
            buttons,
            local,
            sign_up,
            forgot,
            remembers: remembers(program, local_profile),
            content_definition,
        };
        self.wait(Waiting::Choice(choice), "sign-in", "Sign in".to_owned())
    }

    fn buttons(&self, tenant: &Tenant, offer: &Offer<'_>, forgot: &Forgot) -> Vec<Button> {
        let scene = self.scene(tenant);
        let words = Words::of(&scene, offer.content_definition);
        let is_link = |target: &str| match forgot {
            Forgot::Exchange(exchange) => folded(exchange) == folded(target),
            Forgot::None | Forgot::Application => false,
        };
        let shown = offer
            .targets
            .iter()
            .filter(|(target, profile)| !is_link(target) && is_enabled(&self.bag, profile));
        let buttons = shown.map(|(target, profile)| Button {
            exchange: (*target).to_owned(),
            text: words
                .provider(target)
                .or(profile.display_name())
                .unwrap_or(target)
                .to_owned(),
        });
        buttons.collect()
    }

    /// Whether the session answers in the profile's place; then its claims are
    /// in the bag. What this very journey added to it does not count yet
    /// (inferred): a second page of one journey is shown.
    pub(super) fn answered_by_session(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
    ) -> bool {
        let Some(claims) = self.began_with.answer(self.scene(tenant), profile) else {
            return false;
        };
        let mut record = profile::record(program, &profile);
        record.is_from_session = true;
        record.outputs = seen(&claims, |id| program.is_masked(id));
        self.happened(Happening::Profile(Box::new(record)));
        self.context.auth_time = self.began_with.auth_time;
        self.bag.extend(&claims);
        true
    }

    /// A button of the page of choices.
    pub(crate) async fn choose(&mut self, tenant: &Tenant, exchange: &str) -> Next {
        self.step_begun = Instant::now();
        let Some(Waiting::Choice(choice)) = &self.waiting else {
            return Next::Page;
        };
        let is_sign_up = choice.sign_up.as_deref() == Some(exchange);
        let is_forgot = choice.forgot == Forgot::Exchange(exchange.to_owned());
        let is_button = choice.buttons.iter().any(|b| b.exchange == exchange);
        if !(is_sign_up || is_forgot || is_button) {
            return Next::Page;
        }
        self.happened(Happening::Submitted {
            action: format!("choose {exchange}"),
            typed: Map::new(),
        });
        self.waiting = None;
        self.chosen = Some(exchange.to_owned());
        self.finish_step();
        self.run(tenant).await
    }

    pub(crate) fn forgot_password(&mut self) -> Next {
        let text = "The user has forgotten their password.";
        let error = OAuthError::new("access_denied", "AADB2C90118", text);
        self.end(End::Error(error))
    }
}

/// A `setting.…` that shows something unless it says `false`.
fn shows(profile: Option<TechnicalProfile<'_>>, setting: &str) -> bool {
    let written = profile.and_then(|profile| profile.metadata_flag(setting));
    written.unwrap_or(true)
}

/// `setting.enableRememberMe` of the page, and days to remember for.
fn remembers(program: &Program, profile: Option<TechnicalProfile<'_>>) -> bool {
    let asked = profile.and_then(|profile| profile.metadata_flag("setting.enableRememberMe"));
    asked.unwrap_or(false) && program.session.keep_alive_days > 0
}

fn forgot(profile: Option<TechnicalProfile<'_>>) -> Forgot {
    let Some(profile) = profile else {
        return Forgot::None;
    };
    let shown = profile.metadata("setting.forgotPasswordLinkLocation");
    if shown.is_some_and(|location| location.eq_ignore_ascii_case("None")) {
        return Forgot::None;
    }
    match profile.metadata("setting.forgotPasswordLinkOverride") {
        Some(exchange) => Forgot::Exchange(exchange.to_owned()),
        None => Forgot::Application,
    }
}
