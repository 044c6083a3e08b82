//! A policy made ready to run.

use std::sync::Arc;

use super::{
    rules::{SessionRules, TokenRules},
    secrets::is_secret_name,
    trace::Place,
    value::Kind,
};
use crate::{
    emulator::audit::Dialect,
    policy::{
        effective::Effective,
        merge::folded,
        source::Sources,
        view::{ClaimType, RelyingParty, TechnicalProfile, UserJourney},
        xml::Element,
    },
};

/// A relying party's policy, whether an author wrote it or the emulator did for
/// a user flow.
pub(crate) struct Program {
    /// `PolicyId`, as it is written.
    pub(crate) id: String,
    pub(crate) dialect: Dialect,
    pub(crate) effective: Arc<Effective>,
    pub(crate) sources: Arc<Sources>,
    /// `DefaultUserJourney`.
    pub(crate) journey: String,
    pub(crate) tokens: TokenRules,
    pub(crate) session: SessionRules,
    /// The claims that hold a token for a REST service, folded.
    bearers: Vec<String>,
}

/// Why a policy cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRunnable {
    #[error("it has no RelyingParty")]
    RelyingParty,
    #[error("its RelyingParty names no DefaultUserJourney")]
    JourneyNamed,
    #[error("its journey {0} is not there")]
    Journey(String),
}

impl Program {
    pub(crate) fn new(
        dialect: Dialect,
        effective: Arc<Effective>,
        sources: Arc<Sources>,
    ) -> Result<Self, NotRunnable> {
        let party = effective.relying_party().ok_or(NotRunnable::RelyingParty)?;
        let journey = party.default_journey().ok_or(NotRunnable::JourneyNamed)?;
        let journey = journey.to_owned();
        if effective.journey(&journey).is_none() {
            return Err(NotRunnable::Journey(journey));
        }
        Ok(Self {
            id: effective.policy_id().unwrap_or_default().to_owned(),
            dialect,
            tokens: TokenRules::of(&effective, &journey),
            session: SessionRules::of(&party),
            bearers: bearers(&effective),
            journey,
            effective,
            sources,
        })
    }

    /// Where an element begins. None in a policy that stands in no file.
    pub(crate) fn place(&self, element: &Element) -> Option<Place> {
        let span = element.name_span;
        let path = self.sources.get(span.file).path();
        if path.as_os_str().is_empty() {
            return None;
        }
        Some(Place {
            file: path.display().to_string(),
            line: self.sources.position(span).line,
        })
    }

    pub(crate) fn claim_type(&self, id: &str) -> Option<ClaimType<'_>> {
        self.effective.claim_type(id)
    }

    /// The type of a claim; a claim that is not declared is text.
    pub(crate) fn kind(&self, claim: &str) -> Kind {
        Kind::of(self.claim_type(claim).and_then(|claim| claim.data_type()))
    }

    /// Whether nobody is to see the claim's value: it is typed as a password.
    pub(crate) fn is_secret(&self, claim: &str) -> bool {
        let input = self
            .claim_type(claim)
            .and_then(|claim| claim.user_input_type());
        input.is_some_and(|input| input.eq_ignore_ascii_case("Password"))
    }

    /// Whether a trace must not show the claim's value: a password, or what
    /// proves somebody to a service.
    pub(crate) fn is_masked(&self, claim: &str) -> bool {
        let is_text = matches!(self.kind(claim), Kind::Text | Kind::Texts);
        self.is_secret(claim)
            || is_text && is_secret_name(claim)
            || self.bearers.contains(&folded(claim))
    }

    pub(crate) fn profile(&self, id: &str) -> Option<TechnicalProfile<'_>> {
        self.effective.technical_profile(id)
    }

    pub(crate) fn user_journey(&self) -> Option<UserJourney<'_>> {
        self.effective.journey(&self.journey)
    }

    /// The names of the claims that its tokens may have.
    pub(crate) fn token_claims(&self) -> Vec<&str> {
        let profile = self.relying_party().and_then(|party| party.profile());
        let claims = profile.iter().flat_map(|profile| profile.output_claims());
        let named = claims.filter_map(|reference| {
            let claim = reference.claim()?;
            let claim_type = self.claim_type(claim);
            let usual = claim_type.and_then(|claim| claim.default_partner_name("OpenIdConnect"));
            Some(reference.partner_name().or(usual).unwrap_or(claim))
        });
        named.collect()
    }

    pub(crate) fn relying_party(&self) -> Option<RelyingParty<'_>> {
        self.effective.relying_party()
    }
}

fn bearers(effective: &Effective) -> Vec<String> {
    let profiles = effective.technical_profiles();
    let named = profiles.filter_map(|profile| profile.metadata("UseClaimAsBearerToken"));
    named.map(folded).collect()
}
