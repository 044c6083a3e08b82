//! A self-asserted page: what it asks, what was typed, whether that will do
//! ("Define a self-asserted technical profile").

use std::collections::BTreeMap;

use super::{
    Scene,
    bag::Bag,
    pattern,
    value::{Kind, Value},
    words::{Words, item},
};
use crate::{
    emulator::{params::Params, text::Texts},
    policy::view::{ClaimRef, ClaimType, TechnicalProfile},
};

/// A page that a person is at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// The claims exchange of the step.
    pub(crate) exchange: String,
    pub(crate) profile: String,
    pub(crate) content_definition: Option<String>,
    /// The page's input claims, which its validation sees whether they are
    /// shown or not.
    pub(crate) given: Bag,
    /// What was typed or filled in beforehand, by claim.
    pub(crate) typed: BTreeMap<String, String>,
    /// Items ticked, of claims that are collections.
    pub(crate) ticked: BTreeMap<String, Vec<String>>,
    /// Addresses proven by a code, or on the way there, by claim.
    pub(crate) proofs: BTreeMap<String, Proof>,
    pub(crate) error: Option<String>,
    pub(crate) info: Option<String>,
    pub(crate) field_errors: BTreeMap<String, String>,
    /// How often a validation failed.
    pub(crate) failures: u32,
}

/// Proof of an address with a code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    pub(crate) pending: Option<Pending>,
    pub(crate) verified: Option<String>,
    pub(crate) sent: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) address: String,
    pub(crate) code: String,
    pub(crate) expires: i64,
    pub(crate) wrong: u32,
}

/// A claim on a page.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Id of the claim and of the input on the page.
    pub(crate) claim: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    pub(crate) input: InputType,
    pub(crate) kind: Kind,
    pub(crate) is_required: bool,
    /// The address has to be proven by a code.
    pub(crate) is_verified_email: bool,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) items: Vec<Item>,
}

impl Field {
    /// What the pattern says to a text that does not fit it.
    pub(crate) fn misfit(&self, text: &str) -> Option<&str> {
        let pattern = self.pattern.as_ref()?;
        (!pattern::matches(&pattern.expression, text)).then_some(pattern.help.as_str())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) expression: String,
    pub(crate) help: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) is_default: bool,
}

/// `UserInputType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputType {
    TextBox,
    Email,
    Password,
    Readonly,
    Paragraph,
    Dropdown,
    Radio,
    Checkboxes,
    Date,
}

impl InputType {
    /// `None` for what is not rendered.
    pub(crate) fn of(claim: &ClaimType<'_>) -> Option<Self> {
        Some(
            match claim.user_input_type()?.to_ascii_lowercase().as_str() {
                "textbox" => Self::TextBox,
                "emailbox" => Self::Email,
                "password" => Self::Password,
                "readonly" => Self::Readonly,
                "paragraph" => Self::Paragraph,
                "dropdownsingleselect" => Self::Dropdown,
                "radiosingleselect" => Self::Radio,
                "checkboxmultiselect" => Self::Checkboxes,
                "datetimedropdown" => Self::Date,
                _ => return None,
            },
        )
    }

    /// As `class` of the list item that holds it, B2C's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TextBox => "TextBox",
            Self::Email => "EmailBox",
            Self::Password => "Password",
            Self::Readonly => "Readonly",
            Self::Paragraph => "Paragraph",
            Self::Dropdown => "DropdownSingleSelect",
            Self::Radio => "RadioSingleSelect",
            Self::Checkboxes => "CheckboxMultiSelect",
            Self::Date => "DateTimeDropdown",
        }
    }

    /// Whether what a browser sends for it counts. What is only shown keeps the
    /// value that it was shown with (inferred).
    pub(crate) fn is_typed(self) -> bool {
        !matches!(self, Self::Readonly | Self::Paragraph)
    }
}

/// The claims that a page shows: its display claims where it has any, else the
/// output claims that have an input type.
pub(crate) fn shown<'a>(profile: &TechnicalProfile<'a>) -> Vec<ClaimRef<'a>> {
    let display: Vec<_> = profile.display_claims().collect();
    match display.is_empty() {
        true => profile.output_claims().collect(),
        false => display,
    }
}

pub(crate) fn fields(
    scene: &Scene<'_>,
    profile: &TechnicalProfile<'_>,
    words: &Words<'_>,
) -> Vec<Field> {
    let shown = shown(profile).into_iter();
    shown
        .filter_map(|reference| field(scene, profile, &reference, words))
        .collect()
}

fn field(
    scene: &Scene<'_>,
    profile: &TechnicalProfile<'_>,
    reference: &ClaimRef<'_>,
    words: &Words<'_>,
) -> Option<Field> {
    let id = reference.claim()?;
    let claim = scene.program.claim_type(id)?;
    let input = InputType::of(&claim)?;
    let label = words.claim(id, "DisplayName").or(claim.display_name());
    let help = words.claim(id, "UserHelpText").or(claim.user_help_text());
    let proves = profile
        .metadata_flag("EnforceEmailVerification")
        .unwrap_or(true);
    Some(Field {
        claim: id.to_owned(),
        label: label.unwrap_or(id).to_owned(),
        help: help.map(str::to_owned),
        input,
        kind: Kind::of(claim.data_type()),
        is_required: reference.required() || is_required_elsewhere(profile, id),
        is_verified_email: proves && (reference.is_verified_email() || is_verified(profile, id)),
        pattern: claim.pattern().and_then(|pattern| {
            let help = words.claim(id, "PatternHelpText");
            Some(Pattern {
                expression: pattern.value("RegularExpression")?.to_owned(),
                help: help
                    .or(pattern.value("HelpText"))
                    .unwrap_or("Please enter a valid value.")
                    .to_owned(),
            })
        }),
        items: items(&claim, words),
    })
}

/// Of a display claim, the output claim may say it.
fn is_required_elsewhere(profile: &TechnicalProfile<'_>, id: &str) -> bool {
    same_output(profile, id).is_some_and(|output| output.required())
}

fn is_verified(profile: &TechnicalProfile<'_>, id: &str) -> bool {
    same_output(profile, id).is_some_and(|output| output.is_verified_email())
}

fn same_output<'a>(profile: &TechnicalProfile<'a>, id: &str) -> Option<ClaimRef<'a>> {
    profile.output_claims().find(|output| {
        output
            .claim()
            .is_some_and(|own| own.eq_ignore_ascii_case(id))
    })
}

fn items(claim: &ClaimType<'_>, words: &Words<'_>) -> Vec<Item> {
    let localized = words.items(claim.id());
    let found = match localized.is_empty() {
        true => claim.enumeration().filter_map(item).collect(),
        false => localized,
    };
    let items = found.into_iter();
    items
        .map(|(value, text, is_default)| Item {
            value: value.to_owned(),
            text: text.to_owned(),
            is_default,
        })
        .collect()
}

impl Form {
    /// Fills the page in with what is known: the profile's input claims.
    pub(crate) fn prefill(&mut self, fields: &[Field], inputs: &Bag) {
        for field in fields {
            match inputs.get(&field.claim) {
                Some(Value::Texts(texts)) if field.input == InputType::Checkboxes => {
                    self.ticked.insert(field.claim.clone(), texts.clone());
                }
                Some(value) if field.input == InputType::Checkboxes => {
                    self.ticked
                        .insert(field.claim.clone(), vec![shown_text(value)]);
                }
                Some(value) => {
                    let text = shown_text(value);
                    self.typed.insert(field.claim.clone(), text);
                }
                None => {
                    let ticked = field.items.iter().filter(|item| item.is_default);
                    let values = ticked.map(|item| item.value.clone());
                    match field.input {
                        InputType::Checkboxes => {
                            self.ticked.insert(field.claim.clone(), values.collect());
                        }
                        _ => {
                            if let Some(value) = values.into_iter().next() {
                                self.typed.insert(field.claim.clone(), value);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Takes what a browser sent; what the page does not ask is ignored. A
    /// proven address stays as it is.
    pub(crate) fn take(&mut self, fields: &[Field], form: &Params) {
        for field in fields.iter().filter(|field| field.input.is_typed()) {
            let claim = &field.claim;
            if field.input == InputType::Checkboxes {
                let values = form.all(claim).map(str::to_owned).collect();
                self.ticked.insert(claim.clone(), values);
                continue;
            }
            let proven = self.proofs.get(claim).and_then(|p| p.verified.clone());
            let sent = match field.input {
                // A page of B2C's keeps it in the browser; here it is kept
                // without being shown again.
                InputType::Password => form
                    .get(claim)
                    .filter(|text| !text.is_empty())
                    .or(self.typed.get(claim).map(String::as_str)),
                _ => form.trimmed(claim),
            };
            match proven.or(sent.map(str::to_owned)) {
                Some(text) => self.typed.insert(claim.clone(), text),
                None => self.typed.remove(claim),
            };
        }
    }

    /// What will do is kept, so that it need not be typed again.
    pub(crate) fn forget_wrong_passwords(&mut self, fields: &[Field]) {
        let errors = &self.field_errors;
        let wrong = fields.iter().filter(|field| {
            field.input == InputType::Password && errors.contains_key(&field.claim)
        });
        for field in wrong {
            self.typed.remove(&field.claim);
        }
    }

    pub(crate) fn forget_passwords(&mut self, fields: &[Field]) {
        let passwords = fields
            .iter()
            .filter(|field| field.input == InputType::Password);
        for field in passwords {
            self.typed.remove(&field.claim);
        }
    }

    /// The claims that were typed. Fields that are wrong are told in
    /// `field_errors`.
    pub(crate) fn read(&mut self, fields: &[Field], t: &PageErrors) -> Bag {
        self.field_errors.clear();
        let mut bag = Bag::default();
        for field in fields {
            match self.read_field(field, t) {
                Ok(Some(value)) => bag.set(&field.claim, value),
                Ok(None) => {}
                Err(message) => {
                    self.field_errors.insert(field.claim.clone(), message);
                }
            }
        }
        bag
    }

    /// Marks the fields that somebody else finds wrong. What is said of others,
    /// which the page does not show, goes to the page as a whole.
    pub(crate) fn blame(
        &mut self,
        shown: &[Field],
        errors: &BTreeMap<String, String>,
        mut message: String,
    ) -> String {
        for (claim, text) in errors {
            match shown.iter().any(|field| field.claim == *claim) {
                true => drop(self.field_errors.insert(claim.clone(), text.clone())),
                false => {
                    message.push(' ');
                    message.push_str(text);
                }
            }
        }
        message
    }

    fn read_field(&self, field: &Field, t: &PageErrors) -> Result<Option<Value>, String> {
        if field.input == InputType::Checkboxes {
            let ticked = self.ticked.get(&field.claim).cloned().unwrap_or_default();
            let known = |value: &String| field.items.iter().any(|item| item.value == *value);
            if !ticked.iter().all(known) {
                return Err(t.invalid.clone());
            }
            return match (ticked.is_empty(), field.is_required) {
                (true, true) => Err(t.required.clone()),
                (true, false) => Ok(None),
                (false, _) if field.kind == Kind::Texts => Ok(Some(Value::Texts(ticked))),
                (false, _) => Ok(Value::read(&ticked.join(","), field.kind)),
            };
        }
        let text = self.typed.get(&field.claim).map(String::as_str);
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            let asks = field.is_required && field.input.is_typed();
            return match asks {
                true => Err(t.required.clone()),
                false => Ok(None),
            };
        };
        let is_choice = matches!(field.input, InputType::Dropdown | InputType::Radio);
        if is_choice && !field.items.iter().any(|item| item.value == text) {
            return Err(t.invalid.clone());
        }
        if field.input.is_typed() {
            if let Some(help) = field.misfit(text) {
                return Err(help.to_owned());
            }
            if field.is_verified_email && !is_address(text) {
                return Err(t.invalid_email.clone());
            }
        }
        match Value::read(text, field.kind) {
            Some(value) => Ok(Some(value)),
            None if field.input.is_typed() => Err(t.invalid.clone()),
            None => Ok(None),
        }
    }
}

/// What is said of fields that are wrong, and how patterns are matched.
pub(crate) struct PageErrors {
    pub(crate) required: String,
    pub(crate) invalid: String,
    pub(crate) invalid_email: String,
    /// Of the page as a whole.
    pub(crate) check_fields: String,
    pub(crate) must_verify: String,
    pub(crate) different_passwords: String,
}

impl PageErrors {
    pub(crate) fn of(words: &Words<'_>, t: &'static Texts) -> Self {
        let say = |id: &str, default: &str| words.ux(id).unwrap_or(default).to_owned();
        Self {
            required: say("required_field", t.required),
            invalid: t.invalid_value.to_owned(),
            invalid_email: say("ver_incorrect_format", t.invalid_email),
            check_fields: say("error_fieldIncorrect", t.check_fields),
            must_verify: say("ver_intro_msg", t.must_verify),
            different_passwords: say("error_passwordEntryMismatch", t.different_passwords),
        }
    }
}

/// What a page shows of a value.
fn shown_text(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        value => value.text(),
    }
}

/// Roughly what the form of the platform lets pass.
pub(crate) fn is_address(text: &str) -> bool {
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
