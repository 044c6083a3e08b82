//! A person's way through a journey: step after step, until a page has to be
//! shown or the application can be told.

mod choice;
mod exchange;
mod page;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Instant};

use serde_json::Map;

use super::{
    Scene,
    bag::Bag,
    context::Context,
    failure::{Failure, PageText},
    form::Form,
    issue::{self, Issued},
    mapping, precondition, profile,
    program::Program,
    session::Sso,
    trace::{EndRecord, Happening, Note, NoteLevel, StepRecord, Trace, seen},
};
use crate::{
    emulator::{external_id::flow::RENEWAL, oidc::OAuthError, state::Tenant},
    policy::view::{OrchestrationStep, StepKind, SubJourneyKind, TechnicalProfile},
};

/// Steps of one journey after which it goes round in circles.
const MAX_STEPS: usize = 500;

pub(crate) struct Journey {
    pub(crate) program: Arc<Program>,
    pub(crate) context: Context,
    bag: Bag,
    /// The journey, and the sub-journeys that are being called, innermost last.
    frames: Vec<Frame>,
    /// The claims exchange that was chosen on the page before.
    chosen: Option<String>,
    waiting: Option<Waiting>,
    pub(crate) sso: Sso,
    pub(crate) trace: Trace,
    steps_run: usize,
    /// Counts the pages shown, so that a form of an old one is known.
    page_number: u32,
    first_page: u32,
    /// The session that it began with.
    began_with: Sso,
    step_begun: Instant,
}

#[derive(Clone, Debug)]
struct Frame {
    journey: String,
    kind: FrameKind,
    /// Index of the next step.
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    Main,
    Call,
    /// Does not come back.
    Transfer,
}

impl Frame {
    fn steps<'p>(&self, program: &'p Program) -> Option<Vec<OrchestrationStep<'p>>> {
        let effective = &program.effective;
        Some(match self.kind {
            FrameKind::Main => effective.journey(&self.journey)?.steps(),
            FrameKind::Call | FrameKind::Transfer => effective.sub_journey(&self.journey)?.steps(),
        })
    }
}

/// What a person is looking at.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    /// Buttons for providers, and perhaps the form of local accounts.
    Choice(Choice),
    /// A self-asserted page.
    Form(Form),
    /// At an upstream provider, played by a page.
    Provider(AtProvider),
}

#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) buttons: Vec<Button>,
    pub(crate) local: Option<Form>,
    /// The exchange of the sign-up link.
    pub(crate) sign_up: Option<String>,
    /// Where "forgot your password?" leads: out of the journey, or on.
    pub(crate) forgot: Forgot,
    /// "Keep me signed in" is offered.
    pub(crate) remembers: bool,
    pub(crate) content_definition: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Button {
    pub(crate) exchange: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forgot {
    /// No such link.
    None,
    /// The application is told AADB2C90118.
    Application,
    Exchange(String),
}

#[derive(Clone, Debug)]
pub(crate) struct AtProvider {
    pub(crate) exchange: String,
    pub(crate) profile: String,
    pub(crate) error: Option<String>,
}

/// What comes next.
pub(crate) enum Next {
    /// The page of `waiting`.
    Page,
    End(End),
}

#[derive(Clone, Debug)]
pub(crate) enum End {
    Issued(Issued),
    Error(OAuthError),
    /// A page of B2C's own about what went wrong.
    Technical(OAuthError),
    Blocked {
        title: Option<String>,
        message: String,
    },
}

enum Flow {
    On,
    Wait,
    End(End),
}

impl Journey {
    pub(crate) fn new(program: Arc<Program>, context: Context, sso: Sso, trace: Trace) -> Self {
        let main = Frame {
            journey: program.journey.clone(),
            kind: FrameKind::Main,
            next: 0,
        };
        let sso = sso.found();
        Self {
            program,
            context,
            bag: Bag::default(),
            frames: vec![main],
            chosen: None,
            waiting: None,
            began_with: sso.clone(),
            sso,
            trace,
            steps_run: 0,
            page_number: 0,
            first_page: 1,
            step_begun: Instant::now(),
        }
    }

    /// The journey of a refresh token.
    pub(crate) fn renewing(
        program: Arc<Program>,
        context: Context,
        who: Bag,
        trace: Trace,
    ) -> Self {
        let mut journey = Self::new(program, context, Sso::default(), trace);
        for frame in &mut journey.frames {
            RENEWAL.clone_into(&mut frame.journey);
        }
        journey.bag = who;
        journey
    }

    pub(crate) fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    pub(crate) fn page_number(&self) -> u32 {
        self.page_number
    }

    pub(crate) fn first_page(&self) -> u32 {
        self.first_page
    }

    /// Begins anew: what was done at the directory and at services stays done.
    pub(crate) async fn restart(&mut self, tenant: &Tenant) -> Next {
        self.note(
            NoteLevel::Info,
            "The person went back: the journey begins anew.",
        );
        self.finish_step();
        self.bag = Bag::default();
        self.frames.truncate(1);
        if let Some(main) = self.frames.first_mut() {
            main.next = 0;
        }
        self.chosen = None;
        self.waiting = None;
        self.sso = self.began_with.clone();
        // Another person may go on from here.
        self.context.keep_signed_in = false;
        self.context.provider_tokens.clear();
        self.first_page = self.page_number + 1;
        self.run(tenant).await
    }

    /// Ends from without.
    pub(crate) fn interrupt(&mut self, error: &OAuthError) {
        self.end(End::Error(error.clone()));
    }

    pub(crate) fn scene<'a>(&'a self, tenant: &'a Tenant) -> Scene<'a> {
        Scene {
            tenant,
            program: &self.program,
            context: &self.context,
            bag: &self.bag,
        }
    }

    /// Runs until a page is to be shown or the journey is at its end.
    pub(crate) async fn run(&mut self, tenant: &Tenant) -> Next {
        let program = self.program.clone();
        loop {
            self.steps_run += 1;
            if self.steps_run > MAX_STEPS {
                let text = "The journey has run for more steps than any should.";
                return self.end(End::Error(OAuthError::new(
                    "server_error",
                    "AADB2C90085",
                    text,
                )));
            }
            let Some(step) = self.next_step(&program) else {
                let text = "User journey does not contain a send claims step.";
                return self.end(End::Error(OAuthError::new(
                    "server_error",
                    "AADB2C90040",
                    text,
                )));
            };
            if !self.begin_step(tenant, &program, &step) {
                continue;
            }
            let flow = self.step(tenant, &program, &step).await;
            match self.after(flow) {
                Some(next) => return next,
                None => continue,
            }
        }
    }

    /// What a step, or a page of it, leads to. `None`: the next step.
    fn after(&mut self, flow: Flow) -> Option<Next> {
        match flow {
            Flow::On => {
                self.finish_step();
                None
            }
            Flow::Wait => {
                self.tick();
                Some(Next::Page)
            }
            Flow::End(end) => Some(self.end(end)),
        }
    }

    fn end(&mut self, end: End) -> Next {
        let authority = self.context.request.authority;
        let end = match end {
            End::Error(error) => End::Error(authority.reworded(error)),
            End::Technical(error) => End::Technical(authority.reworded(error)),
            End::Issued(_) | End::Blocked { .. } => end,
        };
        self.finish_step();
        self.waiting = None;
        self.trace.end = Some(match &end {
            End::Issued(issued) => EndRecord::Tokens {
                claims: issued.claims.clone(),
            },
            End::Error(error) | End::Technical(error) => EndRecord::Error {
                error: error.error.to_owned(),
                description: format!("{}: {}", error.code, error.text),
            },
            End::Blocked { message, .. } => EndRecord::Blocked {
                message: message.clone(),
            },
        });
        Next::End(end)
    }

    /// The next step; a sub-journey that is over is left.
    fn next_step<'p>(&mut self, program: &'p Program) -> Option<OrchestrationStep<'p>> {
        loop {
            let frame = self.frames.last_mut()?;
            let steps = frame.steps(program)?;
            if let Some(step) = steps.get(frame.next) {
                frame.next += 1;
                return Some(*step);
            }
            match frame.kind {
                FrameKind::Call => {
                    self.frames.pop();
                }
                FrameKind::Main | FrameKind::Transfer => return None,
            }
        }
    }

    /// Opens the step's record. False if a precondition skips the step.
    fn begin_step(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> bool {
        self.step_begun = Instant::now();
        let preconditions = precondition::look(&self.scene(tenant), step.preconditions());
        let is_skipped = precondition::skips(&preconditions);
        let claims = seen(&self.bag, |id| program.is_masked(id));
        let journey = self.frames.last().map(|frame| frame.journey.clone());
        self.trace.steps.push(StepRecord {
            journey: journey.unwrap_or_default(),
            order: step.order().unwrap_or_default(),
            kind: step.element.value("Type").unwrap_or_default().to_owned(),
            place: program.place(step.element),
            preconditions,
            is_skipped,
            claims_after: match is_skipped {
                true => claims.clone(),
                false => Map::new(),
            },
            claims_before: claims,
            happenings: Vec::new(),
            took_us: 0,
        });
        if is_skipped {
            self.tick();
        }
        !is_skipped
    }

    fn finish_step(&mut self) {
        let program = self.program.clone();
        let claims = seen(&self.bag, |id| program.is_masked(id));
        if let Some(record) = self.trace.steps.last_mut().filter(|step| !step.is_skipped) {
            record.claims_after = claims;
        }
        self.tick();
    }

    /// Adds the time since the last page to the step.
    fn tick(&mut self) {
        let took = u64::try_from(self.step_begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        if let Some(record) = self.trace.steps.last_mut() {
            record.took_us = record.took_us.saturating_add(took);
        }
        self.step_begun = Instant::now();
    }

    pub(super) fn happened(&mut self, happening: Happening) {
        if let Some(record) = self.trace.steps.last_mut() {
            record.happenings.push(happening);
        }
    }

    fn note(&mut self, level: NoteLevel, text: impl Into<String>) {
        self.happened(Happening::Note(Note {
            level,
            text: text.into(),
            place: None,
        }));
    }

    fn wait(&mut self, waiting: Waiting, page: &str, title: String) -> Flow {
        self.waiting = Some(waiting);
        self.page_number += 1;
        self.happened(Happening::Page {
            page: page.to_owned(),
            title,
        });
        Flow::Wait
    }

    async fn step(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> Flow {
        match step.kind() {
            Some(StepKind::CombinedSignInAndSignUp | StepKind::ClaimsProviderSelection) => {
                self.choice(tenant, program, step)
            }
            Some(StepKind::ClaimsExchange) => self.exchange(tenant, program, step).await,
            Some(StepKind::InvokeSubJourney) => self.invoke(program, step),
            Some(StepKind::SendClaims) => self.send_claims(tenant, program, step),
            // Reads what the application sent; without the profile that does
            // so there is nothing to read (`support.rs` refuses those).
            Some(StepKind::GetClaims | StepKind::Noop) => Flow::On,
            Some(StepKind::ConsentScreen | StepKind::ReviewScreen | StepKind::UserDialog)
            | None => Flow::failed(&Failure::technical(
                "AADB2C90085",
                "The emulator does not run this type of step.",
            )),
        }
    }

    fn invoke(&mut self, program: &Program, step: &OrchestrationStep<'_>) -> Flow {
        let Some((id, _)) = step.sub_journeys().next() else {
            return Flow::On;
        };
        let Some(sub_journey) = program.effective.sub_journey(id) else {
            let text = format!("The sub-journey '{id}' could not be found.");
            return Flow::failed(&Failure::technical("AADB2C90037", text));
        };
        let kind = match sub_journey.kind() {
            Some(SubJourneyKind::Transfer) => FrameKind::Transfer,
            Some(SubJourneyKind::Call) | None => FrameKind::Call,
        };
        self.frames.push(Frame {
            journey: id.to_owned(),
            kind,
            next: 0,
        });
        Flow::On
    }

    fn send_claims(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> Flow {
        let journey = program.user_journey();
        let default = journey.and_then(|journey| journey.default_issuer());
        let issuer = step.issuer().or(default);
        let Some(issuer) = issuer.and_then(|id| program.profile(id.trim())) else {
            let text = "The send claims step names no token issuer.";
            return Flow::failed(&Failure::technical("AADB2C90108", text));
        };
        if issuer
            .output_token_format()
            .is_some_and(|format| format.eq_ignore_ascii_case("OAuth2Error"))
        {
            return self.send_error(tenant, program, issuer);
        }
        let mut notes = Vec::new();
        let issued = issue::issued(&self.scene(tenant), &mut notes);
        for note in notes {
            self.happened(Happening::Note(note));
        }
        match issued {
            Ok(issued) => Flow::End(End::Issued(issued)),
            Err(failure) => Flow::failed(&failure),
        }
    }

    fn send_error(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        issuer: TechnicalProfile<'_>,
    ) -> Flow {
        let mut record = profile::record(program, &issuer);
        let inputs = mapping::inputs(&self.scene(tenant), &issuer, &mut record);
        self.happened(Happening::Profile(Box::new(record)));
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(failure) => return Flow::failed(&failure),
        };
        let value = |name: &str| {
            let input = inputs
                .iter()
                .find(|input| input.name.eq_ignore_ascii_case(name));
            input.map(|input| input.value.text()).unwrap_or_default()
        };
        Flow::failed(&issue::own_error(
            &value("errorCode"),
            &value("errorMessage"),
        ))
    }

    fn fail(&mut self, failure: &Failure) -> Next {
        match Flow::failed(failure) {
            Flow::End(end) => self.end(end),
            Flow::On | Flow::Wait => Next::Page,
        }
    }
}

impl Flow {
    /// Nobody catches it: the application is told, or, where the policy of a user
    /// flow blocks, the person is.
    fn failed(failure: &Failure) -> Self {
        let error = || OAuthError {
            error: failure.error,
            code: failure.code.clone().into(),
            text: failure.text.clone(),
        };
        Self::End(match &failure.page {
            PageText::Technical => End::Technical(error()),
            PageText::Blocks { title, message } => End::Blocked {
                title: title.clone(),
                message: message.clone(),
            },
            PageText::Said(_)
            | PageText::Named { .. }
            | PageText::FirstOf { .. }
            | PageText::Generic
            | PageText::Fields { .. }
            | PageText::Application => End::Error(error()),
        })
    }
}
