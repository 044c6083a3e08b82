//! Signing up: the forms, proof of the address, writing the account. What
//! federated sign-ups have of their own is in `federated.rs`.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{Pending, Proof, Reply, Visit, path};
use crate::emulator::{
    connector::Subject,
    directory::DirectoryError,
    judge::{MAX_STORED, Step, Verdict},
    oidc::Newcomer,
    pages::{self, EmailControl, Field, Form, Frame, SignUp},
    params::Params,
    settings::{Attribute, AttributeKind, SeedUser},
    state::Mail,
};

const CODE_SECONDS: i64 = 10 * 60;
const MAX_WRONG_CODES: u32 = 5;
const MAX_CODES_SENT: u32 = 10;

impl Visit<'_> {
    pub(super) async fn sign_up(&mut self, form: &Params, action: &str) -> Reply {
        self.leave_provider();
        self.take_values(form);
        let password_problem = self.take_password(form);
        if action != "create" {
            let notes = self.prove(form, action);
            return self.sign_up_page(&notes);
        }
        self.take_email(form);
        let problem = self.email_problem().or(password_problem);
        self.create(problem).await
    }

    /// Back from a provider, to a local account after all.
    pub(super) fn leave_provider(&mut self) {
        if self.journey.federated.take().is_some() {
            self.journey.proof = Proof::default();
            self.journey.email = None;
        }
    }

    pub(super) fn sign_up_page(&self, notes: &Notes) -> Reply {
        let page = SignUp {
            frame: Frame::new(self.tenant, &self.journey.tag),
            form: self.form(notes),
            is_password_kept: self.journey.password.is_some(),
        };
        Reply::Page(pages::render(&page))
    }

    /// Keeps a good password, so that a form that comes back for another
    /// reason need not ask for it again. Says what is wrong with a bad one.
    fn take_password(&mut self, form: &Params) -> Option<&'static str> {
        let typed = form.get("password").unwrap_or_default();
        let confirmed = form.get("password_confirm").unwrap_or_default();
        let t = self.texts();
        let problem = match (typed, confirmed) {
            ("", "") if self.journey.password.is_some() => return None,
            (typed, confirmed) if typed != confirmed => t.different_passwords,
            (typed, _) if typed.chars().count() < 8 => t.weak_password,
            (typed, _) => {
                self.journey.password = Some(typed.to_owned());
                return None;
            }
        };
        self.journey.password = None;
        Some(problem)
    }

    /// Whether the form has the e-mail control: always for local accounts, for
    /// federated ones when the provider told none and the flow asks for it.
    pub(super) fn asks_for_email(&self) -> bool {
        match &self.journey.federated {
            None => true,
            Some(federated) => federated.email.is_none() && self.flow.ask_missing_email,
        }
    }

    /// The address the account will have.
    fn address(&self) -> Option<&str> {
        match &self.journey.federated {
            Some(federated) if federated.email.is_some() => federated.email.as_deref(),
            Some(_) if !self.flow.ask_missing_email => None,
            _ => self.journey.email.as_deref(),
        }
    }

    /// A proven address stays as it is, whatever a form says.
    pub(super) fn take_email(&mut self, form: &Params) {
        let typed = form.trimmed("email").map(str::to_owned);
        self.journey.email = self.journey.proof.verified.clone().or(typed);
    }

    pub(super) fn email_problem(&self) -> Option<&'static str> {
        let is_proven = self.journey.proof.verified.is_some();
        match self.journey.email.as_deref() {
            Some(email) if is_address(email) => {
                (self.flow.verify_email && !is_proven).then_some(self.texts().must_verify)
            }
            _ => Some(self.texts().invalid_email),
        }
    }

    /// The buttons around the verification code.
    pub(super) fn prove(&mut self, form: &Params, action: &str) -> Notes {
        match action {
            "send-code" => {
                self.take_email(form);
                self.send_code()
            }
            "verify-code" => self.verify_code(form.trimmed("code").unwrap_or_default()),
            "change-email" => {
                self.journey.proof.verified = None;
                self.journey.proof.pending = None;
                Notes::default()
            }
            _ => Notes::default(),
        }
    }

    fn send_code(&mut self) -> Notes {
        let t = self.texts();
        let Some(address) = self.journey.email.clone().filter(|email| is_address(email)) else {
            return Notes::error(Some(t.invalid_email));
        };
        if self.journey.proof.sent >= MAX_CODES_SENT {
            return Notes::error(Some(t.too_many_codes));
        }
        let code = rand::random_range(0..1_000_000_u32);
        let code = format!("{code:06}");
        self.tenant.deliver(Mail {
            address: address.clone(),
            code: code.clone(),
            sent_at: self.tenant.timestamp(),
            language: self.journey.tag.clone(),
        });
        self.journey.proof.sent += 1;
        self.journey.proof.pending = Some(Pending {
            address,
            code,
            expires: self.tenant.now().saturating_add(CODE_SECONDS),
            wrong: 0,
        });
        Notes::info(t.code_sent)
    }

    fn verify_code(&mut self, typed: &str) -> Notes {
        let t = self.texts();
        let now = self.tenant.now();
        let Some(pending) = &mut self.journey.proof.pending else {
            return Notes::error(Some(t.must_verify));
        };
        self.journey.email = Some(pending.address.clone());
        if pending.wrong >= MAX_WRONG_CODES {
            return Notes::error(Some(t.too_many_tries));
        }
        if now > pending.expires {
            return Notes::error(Some(t.expired_code));
        }
        if typed != pending.code {
            pending.wrong += 1;
            return Notes::error(Some(t.wrong_code));
        }
        self.journey.proof.verified = Some(pending.address.clone());
        self.journey.proof.pending = None;
        Notes::info(t.verified)
    }

    pub(super) fn take_values(&mut self, form: &Params) {
        for attribute in self
            .flow
            .attributes
            .iter()
            .filter(|attribute| attribute.visible)
        {
            match form.trimmed(&attribute.name) {
                Some(value) => {
                    let values = &mut self.journey.values;
                    values.insert(attribute.name.clone(), value.to_owned());
                }
                None => {
                    self.journey.values.remove(&attribute.name);
                }
            }
        }
    }

    fn value_problems(&self, error: Option<&'static str>) -> Notes {
        let t = self.texts();
        let mut notes = Notes::error(error);
        for attribute in self
            .flow
            .attributes
            .iter()
            .filter(|attribute| attribute.visible)
        {
            let problem = match self.journey.values.get(&attribute.name) {
                None => attribute.required.then_some(t.required),
                Some(value) if value.chars().count() > MAX_STORED => Some(t.too_long),
                Some(value) => {
                    (typed_value(attribute.kind, value).is_none()).then_some(t.not_a_number)
                }
            };
            if let Some(problem) = problem {
                notes.fields.insert(attribute.name.clone(), problem);
            }
        }
        notes
    }

    /// Everything known of the person before the account exists.
    fn bag(&self) -> BTreeMap<String, Value> {
        let told = self
            .journey
            .federated
            .iter()
            .flat_map(|federated| &federated.told);
        let mut bag: BTreeMap<_, _> = told
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for attribute in &self.flow.attributes {
            let text = self.journey.values.get(&attribute.name);
            match text.and_then(|text| typed_value(attribute.kind, text)) {
                Some(value) => bag.insert(attribute.name.clone(), value),
                None => bag.remove(&attribute.name),
            };
        }
        bag
    }

    /// Asks before the account is written, writes it, and goes on.
    pub(super) async fn create(&mut self, problem: Option<&'static str>) -> Reply {
        let notes = self.value_problems(problem);
        if !notes.is_empty() {
            return self.sign_up_form(&notes);
        }
        let mut attributes = self.bag();
        let subject = Subject {
            email: self.address(),
            federated: self
                .journey
                .federated
                .as_ref()
                .map(|federated| &federated.identity),
            attributes: &attributes,
            object_id: None,
        };
        let claims = match self.ask(Step::PostAttributeCollection, &subject).await {
            Verdict::Continue(claims) => claims,
            Verdict::Block(message) => return self.blocked(&message),
            Verdict::Invalid(message) => return self.sign_up_form(&Notes::error(Some(&message))),
            Verdict::Failed(failure) => return self.failed(&failure),
        };
        attributes.extend(claims);
        attributes.retain(|name, value| {
            value.as_str() != Some("") && self.flow.attributes.iter().any(|a| a.name == *name)
        });
        match self.write(attributes) {
            Ok(object_id) => self.finish(object_id, Newcomer::Yes).await,
            Err(DirectoryError::Full) => {
                self.sign_up_form(&Notes::error(Some(self.texts().directory_full)))
            }
            Err(DirectoryError::AlreadyExists | DirectoryError::NoIdentity) => {
                self.sign_up_form(&Notes::error(Some(self.texts().already_exists)))
            }
        }
    }

    fn write(&self, attributes: BTreeMap<String, Value>) -> Result<Uuid, DirectoryError> {
        let federated = self.journey.federated.as_ref();
        let object_id = Uuid::new_v4();
        let now = self.tenant.now();
        let user = SeedUser {
            object_id: Some(object_id),
            email: self.address().map(str::to_owned),
            password: match federated {
                Some(_) => None,
                None => self.journey.password.clone(),
            },
            federated: federated.map(|federated| federated.identity.clone()),
            attributes,
            ..SeedUser::default()
        };
        self.tenant.state().directory.add_seed(user, now)?;
        self.tenant.save_or_log();
        Ok(object_id)
    }

    fn sign_up_form(&self, notes: &Notes) -> Reply {
        match self.journey.federated {
            None => self.sign_up_page(notes),
            Some(_) => self.attributes_page(notes),
        }
    }

    pub(super) fn form<'b>(&'b self, notes: &'b Notes) -> Form<'b> {
        let proof = &self.journey.proof;
        let email = self.asks_for_email().then(|| EmailControl {
            address: self.journey.email.as_deref().unwrap_or_default(),
            asks_proof: self.flow.verify_email,
            is_code_sent: proof.pending.is_some(),
            is_verified: proof.verified.is_some(),
        });
        let base = path(self.tenant, self.flow, self.id, "");
        let visible = self
            .flow
            .attributes
            .iter()
            .filter(|attribute| attribute.visible);
        Form {
            base: base.trim_end_matches('/').to_owned(),
            csrf: &self.journey.csrf,
            error: notes.error.as_deref(),
            info: notes.info,
            email,
            fields: visible
                .map(|attribute| self.field(attribute, notes))
                .collect(),
        }
    }

    fn field<'b>(&'b self, attribute: &'b Attribute, notes: &Notes) -> Field<'b> {
        let name = attribute.name.as_str();
        let plain = name.strip_prefix("extension_").unwrap_or(name);
        let label = attribute.label.as_deref();
        Field {
            name,
            label: label.or(self.texts().attribute(name)).unwrap_or(plain),
            value: self.journey.values.get(name).map_or("", String::as_str),
            is_required: attribute.required,
            is_checkbox: attribute.kind == AttributeKind::Boolean,
            is_number: attribute.kind == AttributeKind::Integer,
            error: notes.fields.get(name).copied(),
        }
    }
}

/// What a form says beside its fields.
#[derive(Default)]
pub(super) struct Notes {
    error: Option<String>,
    info: Option<&'static str>,
    fields: BTreeMap<String, &'static str>,
}

impl Notes {
    pub(super) fn error(error: Option<&str>) -> Self {
        Self {
            error: error.map(str::to_owned),
            ..Self::default()
        }
    }

    fn info(info: &'static str) -> Self {
        Self {
            info: Some(info),
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.error.is_none() && self.fields.is_empty()
    }
}

fn typed_value(kind: AttributeKind, text: &str) -> Option<Value> {
    match kind {
        AttributeKind::String => Some(text.into()),
        AttributeKind::Boolean => text.parse::<bool>().ok().map(Value::from),
        AttributeKind::Integer => text.parse::<i64>().ok().map(Value::from),
    }
}

/// Roughly what the form of the platform lets pass.
pub(super) fn is_address(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || c == '@')
    };
    text.chars().count() <= 254
        && text
            .rsplit_once('@')
            .is_some_and(|(local, domain)| is_plain(local) && is_plain(domain))
}
