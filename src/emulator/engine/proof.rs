//! Proof of an address with a code that is sent to it (`Verified.Email`).

use serde_json::{Map, Value as Json};

use super::{
    Scene,
    form::{self, Field, Form, Pending, is_address},
    journey::Journey,
    trace::Happening,
    words::Words,
};
use crate::emulator::{
    params::Params,
    state::{Mail, Tenant},
    text::Texts,
};

/// How long a code lasts unless the page says otherwise
/// (`TokenLifeTimeInSeconds`).
const CODE_SECONDS: i64 = 10 * 60;
const MAX_WRONG_CODES: u32 = 5;
const MAX_CODES_SENT: u32 = 10;

/// What the buttons around a code do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProofAction {
    Send,
    Verify,
    /// Another address after all.
    Change,
}

impl ProofAction {
    pub(crate) fn read(action: &str) -> Option<Self> {
        Some(match action {
            "send-code" => Self::Send,
            "verify-code" => Self::Verify,
            "change-email" => Self::Change,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Send => "send-code",
            Self::Verify => "verify-code",
            Self::Change => "change-email",
        }
    }
}

/// What is said afterwards.
enum Said {
    Info(String),
    Error(String),
    Nothing,
}

impl Journey {
    /// Presses one of the buttons around the code for a claim. The page stays.
    pub(crate) fn prove(
        &mut self,
        tenant: &Tenant,
        action: ProofAction,
        claim: &str,
        sent: &Params,
    ) {
        let Some(mut form) = self.form_mut().map(std::mem::take) else {
            return;
        };
        let fields = self.fields_of(tenant, &form);
        let is_proven_so = |field: &&Field| field.claim == claim && field.is_verified_email;
        if let Some(field) = fields.iter().find(is_proven_so) {
            form.take(&fields, sent);
            form.field_errors.clear();
            let said = match action {
                ProofAction::Send => self.send_code(tenant, &mut form, field),
                ProofAction::Verify => {
                    let name = format!("{claim}_ver_input");
                    let typed = sent.trimmed(&name).unwrap_or_default();
                    self.verify_code(tenant, &mut form, &field.claim, typed)
                }
                ProofAction::Change => {
                    let proof = form.proofs.entry(field.claim.clone()).or_default();
                    proof.verified = None;
                    proof.pending = None;
                    Said::Nothing
                }
            };
            (form.info, form.error) = match said {
                Said::Info(info) => (Some(info), None),
                Said::Error(error) => (None, Some(error)),
                Said::Nothing => (None, None),
            };
            let address = form.typed.get(claim).cloned().unwrap_or_default();
            self.submitted(action.name(), claim, &address);
            if let Some(message) = form.error.clone() {
                self.happened(Happening::PageStays { message });
            }
        }
        if let Some(place) = self.form_mut() {
            *place = form;
        }
    }

    fn submitted(&mut self, action: &str, claim: &str, value: &str) {
        let typed = Map::from_iter([(claim.to_owned(), Json::from(value))]);
        self.happened(Happening::Submitted {
            action: action.to_owned(),
            typed,
        });
    }

    pub(super) fn fields_of(&self, tenant: &Tenant, form: &Form) -> Vec<Field> {
        let scene = self.scene(tenant);
        let words = Words::of(&scene, form.content_definition.as_deref());
        let profile = self.program.profile(&form.profile);
        profile
            .map(|profile| form::fields(&scene, &profile, &words))
            .unwrap_or_default()
    }

    fn send_code(&self, tenant: &Tenant, form: &mut Form, field: &Field) -> Said {
        let claim = &field.claim;
        let t = Texts::for_tag(&self.context.tag).1;
        let say = |id: &str, default: &str| self.say(tenant, form, id, default);
        let (invalid, throttled, info) = (
            say("ver_incorrect_format", t.invalid_email),
            say("ver_fail_throttled", t.too_many_codes),
            say("ver_info_msg", t.code_sent),
        );
        let address = form.typed.get(claim).cloned();
        let misfit = address.as_deref().and_then(|address| field.misfit(address));
        if let Some(help) = misfit {
            return Said::Error(help.to_owned());
        }
        let Some(address) = address.filter(|address| is_address(address)) else {
            return Said::Error(invalid);
        };
        let lifetime = self.code_seconds(form);
        let proof = form.proofs.entry(claim.clone()).or_default();
        if proof.sent >= MAX_CODES_SENT {
            return Said::Error(throttled);
        }
        let code = format!("{:06}", rand::random_range(0..1_000_000_u32));
        tenant.deliver(Mail {
            address: address.clone(),
            code: code.clone(),
            sent_at: tenant.timestamp(),
            language: self.context.tag.clone(),
        });
        proof.sent += 1;
        proof.verified = None;
        proof.pending = Some(Pending {
            address,
            code,
            expires: tenant.now().saturating_add(lifetime),
            wrong: 0,
        });
        Said::Info(info)
    }

    fn code_seconds(&self, form: &Form) -> i64 {
        let profile = self.program.profile(&form.profile);
        let written = profile.and_then(|profile| profile.metadata("TokenLifeTimeInSeconds"));
        written
            .and_then(|text| text.parse().ok())
            .unwrap_or(CODE_SECONDS)
    }

    fn verify_code(&self, tenant: &Tenant, form: &mut Form, claim: &str, typed: &str) -> Said {
        let t = Texts::for_tag(&self.context.tag).1;
        let say = |id: &str, default: &str| self.say(tenant, form, id, default);
        let none = say("ver_intro_msg", t.must_verify);
        let too_often = say("ver_fail_no_retry", t.too_many_tries);
        let expired = say("ver_fail_code_expired", t.expired_code);
        let wrong = say("ver_fail_retry", t.wrong_code);
        let verified = say("ver_success_msg", t.verified);
        let now = tenant.now();
        let proof = form.proofs.entry(claim.to_owned()).or_default();
        let Some(pending) = &mut proof.pending else {
            return Said::Error(none);
        };
        // The code is for the address that it was sent to.
        form.typed.insert(claim.to_owned(), pending.address.clone());
        if pending.wrong >= MAX_WRONG_CODES {
            return Said::Error(too_often);
        }
        if now > pending.expires {
            return Said::Error(expired);
        }
        if typed != pending.code {
            pending.wrong += 1;
            return Said::Error(wrong);
        }
        proof.verified = Some(pending.address.clone());
        proof.pending = None;
        Said::Info(verified)
    }

    fn say(&self, tenant: &Tenant, form: &Form, id: &str, default: &str) -> String {
        let scene: Scene<'_> = self.scene(tenant);
        let words = Words::of(&scene, form.content_definition.as_deref());
        words.ux(id).unwrap_or(default).to_owned()
    }
}
