//! Who types, and what: what a story says, else what the robot thinks of.

use std::collections::BTreeMap;

use super::{
    expect::Memory,
    filling::{Entry, Person, entry},
    page::{Input, Page, Shape},
    story::Typed,
};

pub(super) struct Hands {
    /// Somebody who is in the directory.
    known: Person,
    /// Somebody who is not.
    new: Person,
    /// By input in lower case.
    typed: BTreeMap<String, Typed>,
    pub(super) is_new: bool,
    /// Nobody has said yet who types.
    is_open: bool,
    /// It was somebody else before.
    has_swapped: bool,
    /// By input: how often what was typed was refused.
    refused: BTreeMap<String, usize>,
}

impl Hands {
    pub(super) fn new(known: Person, new: Person, typed: BTreeMap<String, Typed>) -> Self {
        Self {
            known,
            new,
            typed,
            is_new: false,
            is_open: true,
            has_swapped: false,
            refused: BTreeMap::new(),
        }
    }

    fn person(&self) -> &Person {
        match self.is_new {
            true => &self.new,
            false => &self.known,
        }
    }

    pub(super) fn be(&mut self, is_new: bool) {
        self.is_new = is_new;
        self.is_open = false;
    }

    /// Whoever is asked for a new password besides a name signs up; for a name
    /// alone, it is that of an account.
    pub(super) fn be_whom_the_page_asks_for(&mut self, page: &Page) {
        if self.is_open {
            let is_asked = |id: &str| page.input(id).is_some();
            self.be(is_asked("newPassword") && (is_asked("email") || is_asked("signInName")));
        }
    }

    /// Who comes from a provider is new, unless it is said otherwise.
    pub(super) fn be_whom_the_provider_knows(&mut self) {
        if self.is_open {
            self.be(true);
        }
    }

    /// It is somebody else who types from now on.
    pub(super) fn swap(&mut self) {
        self.be(!self.is_new);
        self.has_swapped = true;
        self.refused.clear();
    }

    /// Whether a story says what is typed into it.
    pub(super) fn is_told(&self, input: &Input) -> bool {
        self.typed.contains_key(&input.id.to_lowercase())
    }

    /// What was typed did not do.
    pub(super) fn was_refused(&mut self, input: &Input) {
        *self.refused.entry(input.id.clone()).or_default() += 1;
    }

    /// The code for a claim, where a story says it.
    pub(super) fn code(&self, claim: &str) -> Option<&str> {
        match self.typed.get(&format!("{claim}_ver_input").to_lowercase()) {
            Some(Typed::Text(code)) => Some(code),
            Some(Typed::Flag(_) | Typed::Items(_)) | None => None,
        }
    }

    /// Whether an input holds what would be typed now.
    pub(super) fn is_as_wanted(&self, input: &Input, memory: &Memory) -> bool {
        let empty = Input {
            value: String::new(),
            is_readonly: false,
            ..input.clone()
        };
        match self.entry(&empty, memory) {
            Entry::Text(text) => text.eq_ignore_ascii_case(&input.value),
            Entry::Ticks(_) => true,
        }
    }

    /// The page's inputs with something in each.
    pub(super) fn filled(&self, page: &Page, memory: &Memory) -> Vec<(String, String)> {
        let asked = page
            .inputs
            .iter()
            .filter(|input| !input.id.ends_with("_ver_input"));
        let mut form = Vec::new();
        for input in asked {
            match self.entry(input, memory) {
                Entry::Text(text) => form.push((input.id.clone(), text)),
                Entry::Ticks(items) => {
                    form.extend(items.into_iter().map(|item| (input.id.clone(), item)));
                }
            }
        }
        form
    }

    fn entry(&self, input: &Input, memory: &Memory) -> Entry {
        let forced = self.typed.get(&input.id.to_lowercase());
        let wanted = forced.filter(|_| !input.is_readonly);
        match wanted {
            Some(Typed::Text(text)) => Entry::Text(memory.filled(text)),
            Some(Typed::Items(items)) => Entry::Ticks(items.clone()),
            Some(Typed::Flag(true)) => {
                let items = input.options.iter().map(|option| option.value.clone());
                Entry::Ticks(items.collect())
            }
            Some(Typed::Flag(false)) => Entry::Ticks(Vec::new()),
            None => {
                let refused = self.refused.get(&input.id).copied().unwrap_or_default();
                // What somebody else typed before goes.
                let input = match self.has_swapped && is_personal(input) {
                    true => &Input {
                        value: match input.is_readonly {
                            true => input.value.clone(),
                            false => String::new(),
                        },
                        ..input.clone()
                    },
                    false => input,
                };
                entry(input, self.person(), refused)
            }
        }
    }
}

fn is_personal(input: &Input) -> bool {
    let id = input.id.to_lowercase();
    input.shape == Shape::Email
        || ["mail", "signinname", "username"]
            .iter()
            .any(|word| id.contains(word))
}
