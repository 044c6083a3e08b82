//! A person's way through a journey: step after step, until a page has to be
//! shown or the application can be told.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use serde_json::{Map, Value as Json};

use super::{
    Scene,
    bag::Bag,
    context::Context,
    failure::{Failure, PageText},
    form::{self, Form, PageErrors},
    issue::{self, Issued},
    mapping::{self, Given},
    precondition, profile,
    program::Program,
    providers::{CallPlace, is_password_sign_in},
    session::Sso,
    trace::{EndRecord, Happening, Note, NoteLevel, ProfileRecord, StepRecord, Trace, seen},
    value::Value,
    words::Words,
};
use crate::{
    emulator::{oidc::OAuthError, params::Params, settings::Fidelity, state::Tenant, text::Texts},
    policy::{
        merge::folded,
        view::{
            ClaimsExchange, OrchestrationStep, ProviderKind, StepKind, SubJourneyKind,
            TechnicalProfile,
        },
    },
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
    pub(crate) content_definition: Option<String>,
    pub(crate) error: Option<String>,
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
        Self {
            program,
            context,
            bag: Bag::default(),
            frames: vec![main],
            chosen: None,
            waiting: None,
            sso,
            trace,
            steps_run: 0,
            page_number: 0,
            step_begun: Instant::now(),
        }
    }

    pub(crate) fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    pub(crate) fn page_number(&self) -> u32 {
        self.page_number
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
        self.finish_step();
        self.waiting = None;
        self.trace.end = Some(match &end {
            End::Issued(issued) => EndRecord::Tokens {
                claims: issued.claims.clone(),
            },
            End::Error(error) => EndRecord::Error {
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
            let steps = match frame.kind {
                FrameKind::Main => program.effective.journey(&frame.journey)?.steps(),
                FrameKind::Call | FrameKind::Transfer => {
                    program.effective.sub_journey(&frame.journey)?.steps()
                }
            };
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
        let claims = seen(&self.bag, |id| program.is_secret(id));
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
        let claims = seen(&self.bag, |id| program.is_secret(id));
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

    fn happened(&mut self, happening: Happening) {
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
                self.choice(tenant, program, step).await
            }
            Some(StepKind::ClaimsExchange) => self.exchange(tenant, program, step).await,
            Some(StepKind::InvokeSubJourney) => self.invoke(program, step),
            Some(StepKind::SendClaims) => self.send_claims(tenant, program, step),
            // Reads what the application sent; without the profile that does
            // so there is nothing to read (`support.rs` refuses those).
            Some(StepKind::GetClaims | StepKind::Noop) => Flow::On,
            Some(StepKind::ConsentScreen | StepKind::ReviewScreen | StepKind::UserDialog)
            | None => failed(&Failure::technical(
                "AADB2C90085",
                "The emulator does not run this type of step.",
            )),
        }
    }

    // Choosing how to sign in.

    /// The step behind this one, as far as it can be the one chosen for.
    fn exchanges_ahead<'p>(&self, program: &'p Program) -> Vec<ClaimsExchange<'p>> {
        let Some(frame) = self.frames.last() else {
            return Vec::new();
        };
        let steps = match frame.kind {
            FrameKind::Main => program.effective.journey(&frame.journey).map(|j| j.steps()),
            FrameKind::Call | FrameKind::Transfer => program
                .effective
                .sub_journey(&frame.journey)
                .map(|j| j.steps()),
        };
        let steps = steps.unwrap_or_default();
        let ahead = steps.get(frame.next);
        ahead
            .map(|step| step.claims_exchanges().collect())
            .unwrap_or_default()
    }

    async fn choice(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> Flow {
        let ahead = self.exchanges_ahead(program);
        let profile_of = |id: &str| {
            let exchange = ahead.iter().find(|own| folded(own.id()) == folded(id))?;
            program.profile(exchange.profile()?)
        };
        // A session that knows the person, or the provider.
        let local = step
            .selections()
            .find_map(|selection| selection.validation());
        let local_profile = local.and_then(|id| {
            let mut exchanges = step.claims_exchanges();
            let exchange = exchanges.find(|own| folded(own.id()) == folded(id))?;
            Some((exchange.id(), program.profile(exchange.profile()?)?))
        });
        if let Some((_, profile)) = local_profile
            && self.answered_by_session(tenant, program, profile)
        {
            return Flow::On;
        }
        let targets: Vec<&str> = step.selections().filter_map(|s| s.target()).collect();
        let remembered = {
            let scene = self.scene(tenant);
            let pairs = targets
                .iter()
                .copied()
                .filter_map(|target| Some((target, profile_of(target)?)));
            self.sso.chosen_provider(scene, pairs).map(str::to_owned)
        };
        if let Some(exchange) = remembered {
            self.note(
                NoteLevel::Info,
                format!("The session remembers that {exchange} was chosen."),
            );
            self.chosen = Some(exchange);
            return Flow::On;
        }
        if let Some(exchange) = self.hinted_provider(&targets, program, &profile_of) {
            self.chosen = Some(exchange);
            return Flow::On;
        }
        let content_definition = step
            .content_definition()
            .or_else(|| local_profile.and_then(|(_, profile)| profile.content_definition()))
            .map(str::to_owned);
        let scene = self.scene(tenant);
        let words = Words::of(&scene, content_definition.as_deref());
        let sign_up = local_profile
            .and_then(|(_, profile)| profile.metadata("SignUpTarget"))
            .filter(|_| shows(local_profile.map(|(_, p)| p), "setting.showSignupLink"))
            .map(str::to_owned);
        let forgot = forgot(local_profile.map(|(_, profile)| profile));
        let hidden = match &forgot {
            Forgot::Exchange(exchange) => Some(folded(exchange)),
            Forgot::None | Forgot::Application => None,
        };
        let buttons: Vec<Button> = targets
            .into_iter()
            .filter(|target| Some(folded(target)) != hidden)
            .filter_map(|target| {
                let profile = profile_of(target)?;
                if !is_enabled(&self.bag, &profile) {
                    return None;
                }
                let own = profile.display_name().unwrap_or(target);
                Some(Button {
                    exchange: target.to_owned(),
                    text: words.provider(target).unwrap_or(own).to_owned(),
                })
            })
            .collect();
        let shows_single = step
            .display_option()
            .is_some_and(|option| option == "ShowSingleProvider");
        if let ([only], None, false) = (&buttons[..], local_profile, shows_single) {
            let exchange = only.exchange.clone();
            self.note(
                NoteLevel::Info,
                format!("There is only {exchange} to choose from: the page is passed over."),
            );
            self.chosen = Some(exchange);
            return Flow::On;
        }
        let local = match local_profile {
            None => None,
            Some((exchange, profile)) => {
                match self.open(
                    tenant,
                    program,
                    profile,
                    exchange,
                    content_definition.clone(),
                ) {
                    Ok(form) => Some(form),
                    Err(failure) => return failed(&failure),
                }
            }
        };
        let title = "Sign in".to_owned();
        let choice = Choice {
            buttons,
            local,
            sign_up,
            forgot,
            content_definition,
            error: None,
        };
        self.wait(Waiting::Choice(choice), "sign-in", title)
    }

    /// `domain_hint` names the `Domain` of a claims provider.
    fn hinted_provider<'a, 'p>(
        &self,
        targets: &[&'a str],
        program: &'p Program,
        profile_of: &impl Fn(&str) -> Option<TechnicalProfile<'p>>,
    ) -> Option<String> {
        let hint = self.context.parameters.get("domain_hint")?;
        let is_hinted = |target: &&&str| {
            let Some(profile) = profile_of(target) else {
                return false;
            };
            let provider = program.effective.claims_provider_of(profile.id());
            let domain = provider.and_then(|provider| provider.child_text("Domain"));
            domain.is_some_and(|domain| domain.eq_ignore_ascii_case(hint))
        };
        let found = targets.iter().find(is_hinted);
        found.map(|target| (*target).to_owned())
    }

    /// Whether the session answers in the profile's place; then its claims are
    /// in the bag.
    fn answered_by_session(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
    ) -> bool {
        let Some(claims) = self.sso.answer(self.scene(tenant), profile) else {
            return false;
        };
        let mut record = profile::record(program, &profile);
        record.is_from_session = true;
        record.outputs = seen(&claims, |id| program.is_secret(id));
        self.happened(Happening::Profile(record));
        self.context.auth_time = self.sso.auth_time;
        self.bag.extend(&claims);
        true
    }

    // One claims exchange.

    async fn exchange(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        step: &OrchestrationStep<'_>,
    ) -> Flow {
        let chosen = self.chosen.take();
        let exchanges: Vec<_> = step.claims_exchanges().collect();
        let order = step.order().unwrap_or_default();
        let exchange = match (&chosen, &exchanges[..]) {
            (Some(id), many) => many.iter().find(|own| folded(own.id()) == folded(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let Some(exchange) = exchange else {
            let text = format!(
                "The claims exchange with id '{}' could not be found in orchestration step \
                 '{order}' of user journey '{}', which contains more than one claims exchange.",
                chosen.unwrap_or_default(),
                self.frames
                    .last()
                    .map(|frame| frame.journey.as_str())
                    .unwrap_or_default()
            );
            return failed(&Failure::technical("AADB2C90037", text));
        };
        let Some(profile) = exchange.profile().and_then(|id| program.profile(id)) else {
            let text = format!(
                "The technical profile '{}' could not be found.",
                exchange.profile().unwrap_or_default()
            );
            return failed(&Failure::technical("AADB2C90021", text));
        };
        if !is_enabled(&self.bag, &profile) {
            let id = profile.id();
            self.note(
                NoteLevel::Info,
                format!("{id} is not enabled for this journey (EnabledForUserJourneys)."),
            );
            return Flow::On;
        }
        if self.answered_by_session(tenant, program, profile) {
            return Flow::On;
        }
        let exchange = exchange.id();
        match profile.provider() {
            Some(ProviderKind::SelfAsserted) => {
                let page = profile.content_definition().or(step.content_definition());
                let page = page.map(str::to_owned);
                self.self_asserted(tenant, program, profile, exchange, page)
            }
            Some(kind) if kind.is_federation() && !is_password_sign_in(&profile) => {
                self.to_provider(tenant, program, profile, exchange)
            }
            _ => {
                let place = CallPlace::Step { order, exchange };
                match self.run_profile(tenant, program, profile, place).await {
                    Ok(()) => {
                        self.keep_in_session(tenant, profile, exchange);
                        Flow::On
                    }
                    Err(failure) => failed(&failure),
                }
            }
        }
    }

    async fn run_profile(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        place: CallPlace<'_>,
    ) -> Result<(), Failure> {
        let mut record = profile::record(program, &profile);
        let done = profile::run(self.scene(tenant), profile, place, &mut record).await;
        self.happened(Happening::Profile(record));
        self.bag.extend(&done?);
        Ok(())
    }

    fn keep_in_session(&mut self, tenant: &Tenant, profile: TechnicalProfile<'_>, exchange: &str) {
        let mut sso = std::mem::take(&mut self.sso);
        sso.keep(self.scene(tenant), profile, exchange);
        self.sso = sso;
    }

    // Upstream providers.

    fn to_provider(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        exchange: &str,
    ) -> Flow {
        let mut record = profile::record(program, &profile);
        let inputs = mapping::inputs(&self.scene(tenant), &profile, &mut record);
        self.happened(Happening::Profile(record));
        if let Err(failure) = inputs {
            return failed(&failure);
        }
        let title = profile.display_name().unwrap_or(profile.id()).to_owned();
        let at = AtProvider {
            exchange: exchange.to_owned(),
            profile: profile.id().to_owned(),
            error: None,
        };
        self.wait(Waiting::Provider(at), "provider", title)
    }

    /// What the provider told of the person, by its own names, and its tokens.
    pub(crate) async fn returned_from_provider(
        &mut self,
        tenant: &Tenant,
        told: Map<String, Json>,
        tokens: BTreeMap<String, String>,
    ) -> Next {
        self.step_begun = Instant::now();
        let program = self.program.clone();
        let Some(Waiting::Provider(at)) = self.waiting.take() else {
            return self.run(tenant).await;
        };
        self.context.provider_tokens = tokens;
        self.happened(Happening::Submitted {
            action: "continue".to_owned(),
            typed: told.clone(),
        });
        let Some(profile) = program.profile(&at.profile) else {
            return self.run(tenant).await;
        };
        let mut record = profile::record(&program, &profile);
        let given = Given::exact(told);
        let taken = profile::take(self.scene(tenant), profile, &given, &mut record);
        match taken {
            Ok(set) => {
                record.outputs = seen(&set, |id| program.is_secret(id));
                self.happened(Happening::Profile(record));
                self.bag.extend(&set);
                self.context.auth_time = tenant.now();
                self.keep_in_session(tenant, profile, &at.exchange);
                self.finish_step();
                self.run(tenant).await
            }
            Err(failure) => {
                profile::fail(&mut record, &failure);
                self.happened(Happening::Profile(record));
                self.fail(&failure)
            }
        }
    }

    /// The person went back at the provider.
    pub(crate) fn cancelled_at_provider(&mut self) -> Next {
        self.happened(Happening::Submitted {
            action: "cancel".to_owned(),
            typed: Map::new(),
        });
        let text = "An invalid response was received : 'Error: access_denied,Error Description: \
                    The person cancelled at the provider'";
        self.end(End::Error(OAuthError::new(
            "access_denied",
            "AADB2C90273",
            text,
        )))
    }

    /// What was typed for the provider will not do.
    pub(crate) fn provider_stays(&mut self, message: &str) -> Next {
        if let Some(Waiting::Provider(at)) = &mut self.waiting {
            at.error = Some(message.to_owned());
        }
        Next::Page
    }

    // Self-asserted pages.

    fn self_asserted(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        exchange: &str,
        page: Option<String>,
    ) -> Flow {
        let form = match self.open(tenant, program, profile, exchange, page) {
            Ok(form) => form,
            Err(failure) => return failed(&failure),
        };
        let scene = self.scene(tenant);
        let words = Words::of(&scene, form.content_definition.as_deref());
        if form::fields(&scene, &profile, &words).is_empty() {
            let text = format!(
                "{} shows no claim, so that its page is passed over, and its validation with it.",
                profile.id()
            );
            self.note(NoteLevel::Warning, text);
            return Flow::On;
        }
        let title = profile.display_name().unwrap_or(profile.id()).to_owned();
        self.wait(Waiting::Form(form), "self-asserted", title)
    }

    /// Input transformations and input claims, and the page filled in with
    /// them.
    fn open(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        exchange: &str,
        page: Option<String>,
    ) -> Result<Form, Failure> {
        let mut record = profile::record(program, &profile);
        let filled = self.inputs_of_page(tenant, profile, &mut record);
        if let Err(failure) = &filled {
            profile::fail(&mut record, failure);
        }
        self.happened(Happening::Profile(record));
        let inputs = filled?;
        let mut form = Form {
            exchange: exchange.to_owned(),
            profile: profile.id().to_owned(),
            content_definition: page,
            ..Form::default()
        };
        let scene = self.scene(tenant);
        let words = Words::of(&scene, form.content_definition.as_deref());
        let fields = form::fields(&scene, &profile, &words);
        form.prefill(&fields, &inputs);
        Ok(form)
    }

    fn inputs_of_page(
        &mut self,
        tenant: &Tenant,
        profile: TechnicalProfile<'_>,
        record: &mut ProfileRecord,
    ) -> Result<Bag, Failure> {
        let references = profile.input_transformations();
        let set = profile::transform(self.scene(tenant), references, "input", record)?;
        self.bag.extend(&set);
        let inputs = mapping::inputs(&self.scene(tenant), &profile, record)?;
        let mut bag = Bag::default();
        for input in inputs {
            bag.set(&input.claim, input.value);
        }
        Ok(bag)
    }

    /// The form that is being filled in: of its own page, or beside buttons.
    pub(crate) fn form_mut(&mut self) -> Option<&mut Form> {
        match &mut self.waiting {
            Some(Waiting::Form(form)) => Some(form),
            Some(Waiting::Choice(choice)) => choice.local.as_mut(),
            Some(Waiting::Provider(_)) | None => None,
        }
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
        self.end(End::Error(OAuthError::new(
            "access_denied",
            "AADB2C90118",
            text,
        )))
    }

    /// "Cancel", wherever the person is.
    pub(crate) fn cancelled(&mut self) -> Next {
        self.happened(Happening::Submitted {
            action: "cancel".to_owned(),
            typed: Map::new(),
        });
        let text = "The user has cancelled entering self-asserted information.";
        self.end(End::Error(OAuthError::new(
            "access_denied",
            "AADB2C90091",
            text,
        )))
    }

    /// "Continue" on a self-asserted page.
    pub(crate) async fn submit(&mut self, tenant: &Tenant, sent: &Params) -> Next {
        self.step_begun = Instant::now();
        let program = self.program.clone();
        let (mut form, mut choice) = match self.waiting.take() {
            Some(Waiting::Form(form)) => (form, None),
            Some(Waiting::Choice(mut choice)) => match choice.local.take() {
                Some(form) => (form, Some(choice)),
                None => {
                    self.waiting = Some(Waiting::Choice(choice));
                    return Next::Page;
                }
            },
            other => {
                self.waiting = other;
                return Next::Page;
            }
        };
        let flow = match program.profile(&form.profile) {
            Some(profile) => {
                self.submit_form(tenant, &program, profile, &mut form, sent)
                    .await
            }
            None => Flow::On,
        };
        match flow {
            Flow::On => {
                self.finish_step();
                self.run(tenant).await
            }
            Flow::Wait => {
                self.waiting = Some(match choice.take() {
                    Some(mut choice) => {
                        choice.local = Some(form);
                        Waiting::Choice(choice)
                    }
                    None => Waiting::Form(form),
                });
                self.tick();
                Next::Page
            }
            Flow::End(end) => self.end(end),
        }
    }

    async fn submit_form(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        form: &mut Form,
        sent: &Params,
    ) -> Flow {
        let t = Texts::for_tag(&self.context.tag).1;
        let errors = PageErrors {
            required: t.required,
            invalid: t.invalid_value,
            invalid_email: t.invalid_email,
        };
        let fields = {
            let scene = self.scene(tenant);
            let words = Words::of(&scene, form.content_definition.as_deref());
            form::fields(&scene, &profile, &words)
        };
        form.take(&fields, sent);
        form.error = None;
        form.info = None;
        let typed = form.read(&fields, &errors);
        self.happened(Happening::Submitted {
            action: "continue".to_owned(),
            typed: seen(&typed, |id| program.is_secret(id)),
        });
        if !form.field_errors.is_empty() {
            return self.stays(form, t.check_fields.to_owned());
        }
        let is_proven = |claim: &str| {
            let proof = form.proofs.get(claim);
            proof.is_some_and(|proof| proof.verified.is_some())
        };
        let unproven = fields
            .iter()
            .find(|f| f.is_verified_email && typed.has(&f.claim) && !is_proven(&f.claim));
        if unproven.is_some() {
            return self.stays(form, t.must_verify.to_owned());
        }
        if typed.has("newPassword")
            && typed.has("reenterPassword")
            && typed.get("newPassword") != typed.get("reenterPassword")
        {
            return self.stays(form, t.different_passwords.to_owned());
        }
        let mut scope = self.bag.clone();
        scope.extend(&typed);
        let validated = self.validate(tenant, program, profile, &mut scope).await;
        let finished = match validated {
            Ok(()) => self.leave_page(tenant, program, profile, &typed, &scope),
            Err(failure) => Err(failure),
        };
        match finished {
            Ok(()) => {
                self.context.auth_time = tenant.now();
                self.keep_in_session(tenant, profile, &form.exchange);
                Flow::On
            }
            Err(failure) => self.page_failed(tenant, profile, form, &failure),
        }
    }

    fn stays(&mut self, form: &mut Form, message: String) -> Flow {
        self.happened(Happening::PageStays {
            message: message.clone(),
        });
        form.error = Some(message);
        Flow::Wait
    }

    fn page_failed(
        &mut self,
        tenant: &Tenant,
        profile: TechnicalProfile<'_>,
        form: &mut Form,
        failure: &Failure,
    ) -> Flow {
        if let PageText::Blocks { title, message } = &failure.page {
            return Flow::End(End::Blocked {
                title: title.clone(),
                message: message.clone(),
            });
        }
        form.failures += 1;
        let limit = profile.metadata("setting.retryLimit");
        if limit
            .and_then(|limit| limit.parse::<u32>().ok())
            .is_some_and(|limit| form.failures >= limit)
        {
            let text = "User has exceeded the maximum number for retry attempts.";
            return Flow::End(End::Error(OAuthError::new(
                "server_error",
                "AADB2C90157",
                text,
            )));
        }
        let message = {
            let scene = self.scene(tenant);
            let words = Words::of(&scene, form.content_definition.as_deref());
            words.of_failure(&failure.page, &profile)
        };
        self.stays(form, message)
    }

    /// The validation technical profiles, in order. Each sees what was typed
    /// and what those before it found.
    async fn validate(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        page: TechnicalProfile<'_>,
        scope: &mut Bag,
    ) -> Result<(), Failure> {
        for validation in page.validation_profiles() {
            let Some(profile) = validation.profile().and_then(|id| program.profile(id)) else {
                let id = validation.profile().unwrap_or_default();
                let text = format!("The technical profile '{id}' could not be found.");
                return Err(Failure::technical("AADB2C90021", text));
            };
            let mut record = profile::record(program, &profile);
            record.is_validation = true;
            let scene = self.scene(tenant).with(scope);
            let looked = precondition::look(&scene, validation.preconditions());
            if precondition::skips(&looked) {
                record.skipped_by = looked.last().cloned();
                self.happened(Happening::Profile(record));
                continue;
            }
            let done = profile::run(scene, profile, CallPlace::Validation, &mut record).await;
            self.happened(Happening::Profile(record));
            match done {
                Ok(set) => {
                    scope.extend(&set);
                    if !validation.continue_on_success() {
                        return Ok(());
                    }
                }
                Err(failure) if matches!(failure.page, PageText::Blocks { .. }) => {
                    return Err(failure);
                }
                Err(_) if validation.continue_on_error() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// What a page hands on to the journey: its output claims and what its
    /// output transformations make of them. Passwords stay behind.
    fn leave_page(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        page: TechnicalProfile<'_>,
        typed: &Bag,
        scope: &Bag,
    ) -> Result<(), Failure> {
        let mut record = profile::record(program, &page);
        let mut set = Bag::default();
        for reference in page.output_claims() {
            let Some(claim) = reference.claim() else {
                continue;
            };
            if program.is_secret(claim) {
                continue;
            }
            let scene = self.scene(tenant).with(scope);
            let default =
                mapping::default_value(&scene, &page, &reference, claim, &mut record.notes);
            let value = match reference.always_use_default() {
                true => default,
                false => match typed.get(claim).or_else(|| scope.get(claim)) {
                    Some(value) => Some(value.clone()),
                    // "Applies only if the claim has never been set."
                    None => default,
                },
            };
            match value {
                Some(value) => set.set(claim, value),
                None => {
                    // Blanked on the page.
                    self.bag.remove(claim);
                }
            }
        }
        if tenant.fidelity == Fidelity::Lenient {
            for (claim, value) in scope.iter().filter(|(id, _)| !program.is_secret(id)) {
                if !set.has(claim) {
                    set.set(claim, value.clone());
                }
            }
        }
        let mut all = scope.clone();
        all.extend(&set);
        let transformed = profile::transform(
            self.scene(tenant).with(&all),
            page.output_transformations(),
            "output",
            &mut record,
        );
        match transformed {
            Ok(transformed) => {
                set.extend(&transformed);
                record.outputs = seen(&set, |id| program.is_secret(id));
                self.happened(Happening::Profile(record));
                self.bag.extend(&set);
                Ok(())
            }
            Err(failure) => {
                profile::fail(&mut record, &failure);
                self.happened(Happening::Profile(record));
                Err(failure)
            }
        }
    }

    // Sub-journeys and the end.

    fn invoke(&mut self, program: &Program, step: &OrchestrationStep<'_>) -> Flow {
        let Some((id, _)) = step.sub_journeys().next() else {
            return Flow::On;
        };
        let Some(sub_journey) = program.effective.sub_journey(id) else {
            let text = format!("The sub-journey '{id}' could not be found.");
            return failed(&Failure::technical("AADB2C90037", text));
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
            return failed(&Failure::technical("AADB2C90108", text));
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
            Err(failure) => failed(&failure),
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
        self.happened(Happening::Profile(record));
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err(failure) => return failed(&failure),
        };
        let value = |name: &str| {
            let input = inputs
                .iter()
                .find(|input| input.name.eq_ignore_ascii_case(name));
            input.map(|input| input.value.text()).unwrap_or_default()
        };
        failed(&issue::own_error(
            &value("errorCode"),
            &value("errorMessage"),
        ))
    }

    fn fail(&mut self, failure: &Failure) -> Next {
        match failed(failure) {
            Flow::End(end) => self.end(end),
            Flow::On | Flow::Wait => Next::Page,
        }
    }
}

/// Nobody catches it: the application is told, or, where the policy of a user
/// flow blocks, the person is.
fn failed(failure: &Failure) -> Flow {
    Flow::End(match &failure.page {
        PageText::Blocks { title, message } => End::Blocked {
            title: title.clone(),
            message: message.clone(),
        },
        PageText::Said(_)
        | PageText::Named { .. }
        | PageText::FirstOf { .. }
        | PageText::Generic => End::Error(OAuthError {
            error: failure.error,
            code: failure.code.clone().into(),
            text: failure.text.clone(),
        }),
    })
}

/// A `setting.…` that shows something unless it says `false`.
fn shows(profile: Option<TechnicalProfile<'_>>, setting: &str) -> bool {
    let written = profile.and_then(|profile| profile.metadata_flag(setting));
    written.unwrap_or(true)
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

/// `EnabledForUserJourneys` ("Technical profiles: EnabledForUserJourneys").
fn is_enabled(bag: &Bag, profile: &TechnicalProfile<'_>) -> bool {
    let claim = profile.metadata("ClaimTypeOnWhichToEnable");
    let wanted = profile.metadata("ClaimValueOnWhichToEnable");
    let value = claim.and_then(|claim| bag.get(claim));
    let holds = |value: &Value| {
        let wanted = wanted.unwrap_or_default();
        match value {
            Value::Texts(items) => items.iter().any(|item| item == wanted),
            value => value.text() == wanted,
        }
    };
    match profile.enabled_for_user_journeys() {
        Some("false" | "Never") => false,
        Some("OnClaimsExistence") => value.is_some_and(holds),
        Some("OnItemExistenceInStringCollectionClaim") => value.is_some_and(holds),
        Some("OnItemAbsenceInStringCollectionClaim") => !value.is_some_and(holds),
        _ => true,
    }
}
