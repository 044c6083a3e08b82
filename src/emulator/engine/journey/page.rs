//! Self-asserted pages: opened, filled in, validated, left.

use std::time::Instant;

use serde_json::Map;

use super::{End, Flow, Journey, Next, Waiting, exchange::is_enabled};
use crate::{
    emulator::{
        engine::{
            bag::Bag,
            failure::{Failure, PageText},
            form::{self, Form, PageErrors},
            mapping, precondition, profile,
            program::Program,
            providers::CallPlace,
            trace::{Happening, NoteLevel, ProfileRecord, seen},
            words::Words,
        },
        oidc::OAuthError,
        params::Params,
        settings::Fidelity,
        state::Tenant,
        text::Texts,
    },
    policy::view::TechnicalProfile,
};

impl Journey {
    pub(super) fn self_asserted(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        exchange: &str,
        page: Option<String>,
    ) -> Flow {
        let form = match self.open(tenant, program, profile, exchange, page) {
            Ok(form) => form,
            Err(failure) => return Flow::failed(&failure),
        };
        if self.fields_of(tenant, &form).is_empty() {
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
    pub(super) fn open(
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
        self.happened(Happening::Profile(Box::new(record)));
        let inputs = filled?;
        let mut form = Form {
            exchange: exchange.to_owned(),
            profile: profile.id().to_owned(),
            content_definition: page,
            ..Form::default()
        };
        let fields = self.fields_of(tenant, &form);
        form.prefill(&fields, &inputs);
        form.given = inputs;
        Ok(form)
    }

    pub(super) fn inputs_of_page(
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
        if let Some(Waiting::Choice(choice)) = &self.waiting {
            self.context.keep_signed_in = choice.remembers && sent.get("rememberMe").is_some();
        }
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
                        // A wrong password is of no use a second time.
                        let fields = self.fields_of(tenant, &form);
                        form.forget_passwords(&fields);
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

    pub(super) async fn submit_form(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        profile: TechnicalProfile<'_>,
        form: &mut Form,
        sent: &Params,
    ) -> Flow {
        let (fields, errors) = {
            let scene = self.scene(tenant);
            let words = Words::of(&scene, form.content_definition.as_deref());
            let t = Texts::for_tag(&self.context.tag).1;
            (
                form::fields(&scene, &profile, &words),
                PageErrors::of(&words, t),
            )
        };
        form.take(&fields, sent);
        form.error = None;
        form.info = None;
        let typed = form.read(&fields, &errors);
        self.happened(Happening::Submitted {
            action: "continue".to_owned(),
            typed: seen(&typed, |id| program.is_masked(id)),
        });
        if !form.field_errors.is_empty() {
            form.forget_wrong_passwords(&fields);
            return self.stays(form, errors.check_fields.clone());
        }
        let is_proven = |claim: &str| {
            let proof = form.proofs.get(claim);
            proof.is_some_and(|proof| proof.verified.is_some())
        };
        let unproven = fields
            .iter()
            .find(|f| f.is_verified_email && typed.has(&f.claim) && !is_proven(&f.claim));
        if unproven.is_some() {
            return self.stays(form, errors.must_verify.clone());
        }
        if typed.has("newPassword")
            && typed.has("reenterPassword")
            && typed.get("newPassword") != typed.get("reenterPassword")
        {
            form.forget_passwords(&fields);
            return self.stays(form, errors.different_passwords.clone());
        }
        let mut scope = self.bag.clone();
        scope.extend(&form.given);
        for field in fields.iter().filter(|field| field.input.is_typed()) {
            scope.remove(&field.claim);
        }
        scope.extend(&typed);
        let validated = self.validate(tenant, program, profile, &mut scope).await;
        let finished = match validated {
            Ok(()) => self.leave_page(tenant, program, profile, &scope),
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

    pub(super) fn stays(&mut self, form: &mut Form, message: String) -> Flow {
        self.happened(Happening::PageStays {
            message: message.clone(),
        });
        form.error = Some(message);
        Flow::Wait
    }

    pub(super) fn page_failed(
        &mut self,
        tenant: &Tenant,
        profile: TechnicalProfile<'_>,
        form: &mut Form,
        failure: &Failure,
    ) -> Flow {
        if failure.ends_the_journey() {
            return Flow::failed(failure);
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
            let message = words.of_failure(&failure.page, &profile);
            match &failure.page {
                PageText::Fields { fields, .. } => {
                    let shown = form::fields(&scene, &profile, &words);
                    form.blame(&shown, fields, message)
                }
                _ => message,
            }
        };
        self.stays(form, message)
    }

    /// The validation technical profiles, in order. Each sees what was typed
    /// and what those before it found.
    pub(super) async fn validate(
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
                self.happened(Happening::Profile(Box::new(record)));
                continue;
            }
            if !is_enabled(scope, &profile) {
                self.note_disabled(&profile);
                continue;
            }
            let done = profile::run(scene, profile, CallPlace::Validation, &mut record).await;
            self.happened(Happening::Profile(Box::new(record)));
            match done {
                Ok(set) => {
                    scope.extend(&set);
                    if !validation.continue_on_success() {
                        return Ok(());
                    }
                }
                Err(failure) if failure.ends_the_journey() => return Err(failure),
                Err(_) if validation.continue_on_error() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// What a page hands on to the journey: its output claims and what its
    /// output transformations make of them. Passwords stay behind.
    pub(super) fn leave_page(
        &mut self,
        tenant: &Tenant,
        program: &Program,
        page: TechnicalProfile<'_>,
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
                false => match scope.get(claim) {
                    Some(value) => Some(value.clone()),
                    // "Applies only if the claim has never been set."
                    None => default,
                },
            };
            match value {
                Some(value) => set.set(claim, value),
                // Something that only a validation profile could have found.
                None if reference.required() && tenant.fidelity == Fidelity::Strict => {
                    return Err(Failure::missing_input(page.id(), claim));
                }
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
                record.outputs = seen(&set, |id| program.is_masked(id));
                self.happened(Happening::Profile(Box::new(record)));
                self.bag.extend(&set);
                Ok(())
            }
            Err(failure) => {
                profile::fail(&mut record, &failure);
                self.happened(Happening::Profile(Box::new(record)));
                Err(failure)
            }
        }
    }
}
