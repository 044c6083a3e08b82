//! The page that a journey is at, with the ids that B2C's own pages have.

use std::fmt::Write as _;

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use serde_json::Value;

use super::{
    Visit,
    provider::{self, Part},
};
use crate::emulator::{
    engine::{
        form::{self, Field, Form, InputType},
        journey::{AtProvider, Button, Choice, Forgot, Waiting},
        words::Words,
    },
    pages::{self, Frame},
    state::Tenant,
    text::Texts,
};

/// What every form has.
struct Sheet<'a> {
    frame: Frame<'a>,
    /// Where it is sent.
    action: String,
    csrf: &'a str,
    trace: &'a str,
    heading: String,
    intro: Option<String>,
    error: Option<String>,
    info: Option<String>,
}

#[derive(Template)]
#[template(path = "self_asserted.html", config = "src/emulator/askama.toml")]
struct SelfAsserted<'a> {
    sheet: Sheet<'a>,
    inputs: Vec<Input>,
    /// What Enter in a field does.
    enter: Option<Enter>,
    cont: Option<String>,
    cancel: Option<String>,
}

#[derive(Template)]
#[template(path = "unified.html", config = "src/emulator/askama.toml")]
struct Unified<'a> {
    sheet: Sheet<'a>,
    has_local: bool,
    inputs: Vec<Input>,
    sign_in: String,
    remember: Option<String>,
    sign_up: Option<Link>,
    forgot: Option<Link>,
    social_intro: String,
    buttons: &'a [Button],
}

#[derive(Template)]
#[template(path = "provider.html", config = "src/emulator/askama.toml")]
struct Provider<'a> {
    sheet: Sheet<'a>,
    inputs: Vec<Told<'a>>,
    has_email: bool,
}

/// The next thing that has to be done on a page.
enum Enter {
    Continue,
    /// About the code for an address, by its action.
    Prove(String),
}

/// A link of the page, which is a button.
struct Link {
    action: String,
    intro: String,
    text: String,
}

/// One thing that the played provider tells.
struct Told<'a> {
    claim: &'a str,
    label: String,
    name: &'a str,
    value: String,
    is_email: bool,
    is_subject: bool,
}

/// A claim's control. Attributes of the input are put together here, since
/// they differ by type.
struct Input {
    claim: String,
    class: &'static str,
    label: String,
    help: Option<String>,
    error: Option<String>,
    control: Control,
    is_required: bool,
    proof: Option<ProofControl>,
}

enum Control {
    Line {
        kind: &'static str,
        value: String,
        autocomplete: &'static str,
        is_readonly: bool,
        pattern: Option<(String, String)>,
    },
    Paragraph(String),
    Select(Vec<Choosable>),
    Radio(Vec<Choosable>),
    Checks(Vec<Choosable>),
}

struct Choosable {
    id: String,
    value: String,
    text: String,
    is_chosen: bool,
}

/// The buttons around an address that has to be proven.
struct ProofControl {
    state: ProofState,
    words: ProofWords,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProofState {
    Unproven,
    Sent,
    Verified,
}

struct ProofWords {
    intro: String,
    send: String,
    resend: String,
    code: String,
    verify: String,
    edit: String,
}

pub(super) fn page(tenant: &Tenant, visit: &Visit) -> HttpResponse {
    let page = match visit.journey.waiting() {
        Some(Waiting::Choice(choice)) => unified(tenant, visit, choice),
        Some(Waiting::Form(form)) => self_asserted(tenant, visit, form),
        Some(Waiting::Provider(at)) => at_provider(tenant, visit, at),
        None => return visit.end(tenant),
    };
    pages::html(StatusCode::OK, page)
}

fn sheet<'a>(tenant: &'a Tenant, visit: &'a Visit, heading: String) -> Sheet<'a> {
    Sheet {
        frame: Frame::new(tenant, &visit.journey.context.tag),
        action: visit.path(tenant),
        csrf: &visit.csrf,
        trace: &visit.journey.context.journey_id,
        heading,
        intro: None,
        error: None,
        info: None,
    }
}

fn texts(visit: &Visit) -> &'static Texts {
    Texts::for_tag(&visit.journey.context.tag).1
}

fn self_asserted(tenant: &Tenant, visit: &Visit, form: &Form) -> String {
    let scene = visit.journey.scene(tenant);
    let t = texts(visit);
    let Some(profile) = scene.program.profile(&form.profile) else {
        return String::new();
    };
    let words = Words::on(&scene, form.content_definition.as_deref(), profile);
    let fields = form::fields(&scene, &profile, &words);
    let say = |id: &str, default: &str| words.ux(id).unwrap_or(default).to_owned();
    let shows = |setting: &str| profile.metadata_flag(setting).unwrap_or(true);
    let heading = words.ux("heading").or(profile.display_name());
    let inputs = inputs(&fields, form, &words, t);
    let cont = shows("setting.showContinueButton").then(|| say("button_continue", t.cont));
    let page = SelfAsserted {
        sheet: Sheet {
            intro: words.ux("initial_intro").map(str::to_owned),
            error: form.error.clone(),
            info: form.info.clone(),
            ..sheet(tenant, visit, heading.unwrap_or_default().to_owned())
        },
        enter: cont.as_ref().map(|_| enter(&inputs)),
        inputs,
        cont,
        cancel: shows("setting.showCancelButton").then(|| say("button_cancel", t.cancel)),
    };
    pages::render(&page)
}

/// Nobody gets on before every address is proven.
fn enter(inputs: &[Input]) -> Enter {
    let proofs = inputs.iter().filter_map(|input| {
        let action = match input.proof.as_ref()?.state {
            ProofState::Unproven => "send-code",
            ProofState::Sent => "verify-code",
            ProofState::Verified => return None,
        };
        Some(format!("{action}:{}", input.claim))
    });
    proofs.map(Enter::Prove).next().unwrap_or(Enter::Continue)
}

fn unified(tenant: &Tenant, visit: &Visit, choice: &Choice) -> String {
    let scene = visit.journey.scene(tenant);
    let t = texts(visit);
    let local = choice.local.as_ref();
    let profile = local.and_then(|form| scene.program.profile(&form.profile));
    let page = choice.content_definition.as_deref();
    let words = match profile {
        Some(profile) => Words::on(&scene, page, profile),
        None => Words::of(&scene, page),
    };
    let fields = profile.map(|profile| form::fields(&scene, &profile, &words));
    let inputs = match (local, &fields) {
        (Some(form), Some(fields)) => inputs(fields, form, &words, t),
        _ => Vec::new(),
    };
    let say = |id: &str, default: &str| words.ux(id).unwrap_or(default).to_owned();
    let page = Unified {
        sheet: Sheet {
            intro: local.map(|_| {
                // B2C puts the kind of sign-in name there.
                let kind = inputs.first().map(|input| input.label.to_lowercase());
                say("local_intro_generic", t.sign_in_intro)
                    .replace("{0}", &kind.unwrap_or_default())
            }),
            error: local.and_then(|form| form.error.clone()),
            info: local.and_then(|form| form.info.clone()),
            ..sheet(tenant, visit, say("heading", t.sign_in))
        },
        has_local: local.is_some(),
        inputs,
        sign_in: say("button_signin", t.sign_in),
        remember: choice
            .remembers
            .then(|| say("remember_me", t.keep_signed_in)),
        sign_up: choice.sign_up.as_ref().map(|exchange| Link {
            action: format!("choose:{exchange}"),
            intro: say("createaccount_intro", t.no_account),
            text: say("createaccount_one_link", t.sign_up),
        }),
        forgot: match &choice.forgot {
            Forgot::None => None,
            Forgot::Application => Some("forgot".to_owned()),
            Forgot::Exchange(exchange) => Some(format!("choose:{exchange}")),
        }
        .map(|action| Link {
            action,
            intro: String::new(),
            text: say("forgotpassword_link", t.forgot_password),
        }),
        social_intro: say("social_intro", t.or_social),
        buttons: &choice.buttons,
    };
    pages::render(&page)
}

fn at_provider(tenant: &Tenant, visit: &Visit, at: &AtProvider) -> String {
    let scene = visit.journey.scene(tenant);
    let t = texts(visit);
    let Some(profile) = scene.program.profile(&at.profile) else {
        return String::new();
    };
    let before = visit.journey.sso.told_by(profile.id());
    let hint = scene.context.request.login_hint.clone();
    let told = provider::told(scene.program, &profile);
    let inputs: Vec<Told<'_>> = told
        .iter()
        .map(|told| {
            let claim_type = scene.program.claim_type(told.claim);
            let label = claim_type.and_then(|claim| claim.display_name());
            let known = before
                .and_then(|before| before.get(told.name))
                .map(|known| match known {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
            let hinted = hint.clone().filter(|_| told.part == Part::Email);
            Told {
                claim: told.claim,
                label: label.unwrap_or(told.claim).to_owned(),
                name: told.name,
                value: known.or(hinted).unwrap_or_default(),
                is_email: told.part == Part::Email,
                is_subject: told.part == Part::Subject,
            }
        })
        .collect();
    let name = profile.display_name().unwrap_or(profile.id());
    let page = Provider {
        sheet: Sheet {
            intro: Some(t.social_intro.to_owned()),
            error: at.error.clone(),
            ..sheet(tenant, visit, format!("{} {name}", t.social_title))
        },
        has_email: inputs.iter().any(|told| told.is_email),
        inputs,
    };
    pages::render(&page)
}

fn inputs(fields: &[Field], form: &Form, words: &Words<'_>, t: &Texts) -> Vec<Input> {
    let inputs = fields.iter();
    inputs.map(|field| input(field, form, words, t)).collect()
}

fn input(field: &Field, form: &Form, words: &Words<'_>, t: &Texts) -> Input {
    let proof = form.proofs.get(&field.claim);
    let state = match proof {
        Some(proof) if proof.verified.is_some() => ProofState::Verified,
        Some(proof) if proof.pending.is_some() => ProofState::Sent,
        Some(_) | None => ProofState::Unproven,
    };
    let say = |id: &str, default: &str| words.ux(id).unwrap_or(default).to_owned();
    let is_kept = field.input == InputType::Password && form.typed.contains_key(&field.claim);
    Input {
        claim: field.claim.clone(),
        class: field.input.name(),
        label: field.label.clone(),
        help: match is_kept {
            true => Some(t.password_kept.to_owned()),
            false => field.help.clone(),
        },
        error: form.field_errors.get(&field.claim).cloned(),
        control: control(field, form, state),
        is_required: field.is_required && field.input.is_typed() && !is_kept,
        proof: field.is_verified_email.then(|| ProofControl {
            state,
            words: ProofWords {
                intro: say("ver_intro_msg", t.must_verify),
                send: say("ver_but_send", t.send_code),
                resend: say("ver_but_resend", t.send_new_code),
                code: say("ver_input", t.code),
                verify: say("ver_but_verify", t.verify_code),
                edit: say("ver_but_edit", t.change_email),
            },
        }),
    }
}

fn control(field: &Field, form: &Form, state: ProofState) -> Control {
    let value = form.typed.get(&field.claim).cloned().unwrap_or_default();
    let items = || {
        let ticked = form.ticked.get(&field.claim);
        let items = field.items.iter().enumerate();
        items
            .map(|(at, item)| Choosable {
                id: format!("{}_{at}", field.claim),
                value: item.value.clone(),
                // A tick may say no more than what the claim is called.
                text: match item.text.is_empty() {
                    true => field.label.clone(),
                    false => item.text.clone(),
                },
                is_chosen: match ticked {
                    Some(ticked) => ticked.contains(&item.value),
                    None => item.value == value,
                },
            })
            .collect()
    };
    let line = |kind: &'static str| Control::Line {
        kind,
        value: value.clone(),
        autocomplete: autocomplete(field),
        is_readonly: field.is_verified_email && state == ProofState::Verified,
        // Browsers read another dialect: what they cannot understand they
        // leave to us.
        pattern: field
            .pattern
            .as_ref()
            .map(|pattern| (browser_pattern(&pattern.expression), pattern.help.clone())),
    };
    match field.input {
        InputType::TextBox if field.is_verified_email => line("email"),
        InputType::TextBox => line("text"),
        InputType::Email => line("email"),
        InputType::Password => Control::Line {
            kind: "password",
            // Never sent back to the page.
            value: String::new(),
            autocomplete: autocomplete(field),
            is_readonly: false,
            pattern: None,
        },
        InputType::Date => line("date"),
        InputType::Readonly => Control::Line {
            kind: "text",
            value,
            autocomplete: "off",
            is_readonly: true,
            pattern: None,
        },
        InputType::Paragraph => Control::Paragraph(value),
        InputType::Dropdown => Control::Select(items()),
        InputType::Radio => Control::Radio(items()),
        InputType::Checkboxes => Control::Checks(items()),
    }
}

/// A pattern of HTML fits the whole value by itself.
fn browser_pattern(expression: &str) -> String {
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = write!(text, ".*(?:{expression}).*");
    text
}

fn autocomplete(field: &Field) -> &'static str {
    match field.claim.to_ascii_lowercase().as_str() {
        "signinname" | "signinnames.emailaddress" | "signinnames.username" => "username",
        "password" => "current-password",
        "newpassword" | "reenterpassword" => "new-password",
        "email" => "email",
        "givenname" => "given-name",
        "surname" => "family-name",
        "displayname" => "name",
        _ => "off",
    }
}
