//! What somebody types who does not know the policy: by the name of the claim,
//! the kind of the input, and the pattern it has to fit.

use super::{
    page::{Choosable, Input, Shape},
    sample::{fits, sample},
};

/// Whose data are typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) email: String,
    pub(super) user_name: String,
    /// At any upstream provider.
    pub(super) provider_id: String,
    /// The one that the account has, if it is there.
    pub(super) password: String,
    /// The one that it gets.
    pub(super) new_password: String,
}

pub(super) const KNOWN_EMAIL: &str = "robot-known@example.test";
pub(super) const KNOWN_USER_NAME: &str = "robot.known";
pub(super) const KNOWN_PROVIDER_ID: &str = "robot-known";
pub(super) const KNOWN_PASSWORD: &str = "Known-robot-4711";
pub(super) const WRONG_PASSWORD: &str = "Wrong-robot-0815";

impl Person {
    /// Who is in the directory from the start.
    pub(super) fn known() -> Self {
        Self {
            email: KNOWN_EMAIL.to_owned(),
            user_name: KNOWN_USER_NAME.to_owned(),
            provider_id: KNOWN_PROVIDER_ID.to_owned(),
            password: KNOWN_PASSWORD.to_owned(),
            new_password: "Newer-robot-4712".to_owned(),
        }
    }

    /// Who has never been there.
    pub(super) fn new(number: u32) -> Self {
        Self {
            email: format!("robot-{number}@example.test"),
            user_name: format!("robot.{number}"),
            provider_id: format!("robot-{number}"),
            password: "First-robot-4713".to_owned(),
            new_password: "First-robot-4713".to_owned(),
        }
    }
}

/// What an input gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Text(String),
    Ticks(Vec<String>),
}

/// `attempt` counts how often what was typed before was refused.
pub(super) fn entry(input: &Input, person: &Person, attempt: usize) -> Entry {
    match input.shape {
        Shape::Ticks => Entry::Ticks(ticks(input)),
        Shape::Choice => Entry::Text(chosen(input)),
        Shape::Text | Shape::Email | Shape::Password | Shape::Date => {
            let is_kept = input.is_readonly || (!input.value.is_empty() && attempt == 0);
            match is_kept {
                true => Entry::Text(input.value.clone()),
                false => Entry::Text(typed(input, person, attempt)),
            }
        }
    }
}

/// What is ticked already, else the first.
fn ticks(input: &Input) -> Vec<String> {
    // Both would change what happens to the tester, not what the policy does.
    if ["rememberMe", "no_email"].contains(&input.id.as_str()) {
        return Vec::new();
    }
    let values = |options: &mut dyn Iterator<Item = &Choosable>| {
        options.map(|option| option.value.clone()).collect()
    };
    let mut ticked = input.options.iter().filter(|option| option.is_chosen);
    match ticked.clone().next() {
        Some(_) => values(&mut ticked),
        None => values(&mut input.options.iter().take(1)),
    }
}

fn chosen(input: &Input) -> String {
    let mut options = input
        .options
        .iter()
        .filter(|option| !option.value.is_empty());
    let chosen = options.clone().find(|option| option.is_chosen);
    let first = chosen.or_else(|| options.next());
    first.map(|option| option.value.clone()).unwrap_or_default()
}

fn typed(input: &Input, person: &Person, attempt: usize) -> String {
    let mut candidates = candidates(input, person);
    if let Some(pattern) = &input.pattern {
        candidates.retain(|candidate| fits(pattern, candidate));
        candidates.extend(sample(pattern));
    }
    let last = candidates.len().saturating_sub(1);
    let typed = candidates.into_iter().nth(attempt.min(last));
    typed.unwrap_or_else(|| "robot".to_owned())
}

/// What may be meant, the likeliest first.
fn candidates(input: &Input, person: &Person) -> Vec<String> {
    let id = input.id.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| id.contains(word));
    let mut found: Vec<&str> = Vec::new();
    match input.shape {
        Shape::Password => {
            let is_new = has(&["new", "reenter", "confirm", "repeat"]) && !has(&["old"]);
            return vec![match is_new {
                true => person.new_password.clone(),
                false => person.password.clone(),
            }];
        }
        Shape::Date => return vec!["1990-05-17".to_owned()],
        Shape::Email => found.extend([person.email.as_str()]),
        Shape::Text | Shape::Choice | Shape::Ticks => {}
    }
    if has(&["issueruserid", "socialidpuserid"]) {
        found.push(&person.provider_id);
    }
    if has(&["signinname", "login", "logon", "userid"]) {
        found.extend([person.email.as_str(), person.user_name.as_str()]);
    }
    if has(&["mail"]) {
        found.push(&person.email);
    }
    if has(&["username", "nickname"]) {
        found.push(&person.user_name);
    }
    for (words, value) in GUESSES {
        if has(words) {
            found.push(value);
        }
    }
    // Whatever else a claim may be: a text, a number, a truth value, an address.
    found.extend([
        "Robot",
        "12345",
        "1",
        "true",
        "1990-05-17",
        person.email.as_str(),
        person.user_name.as_str(),
    ]);
    found.into_iter().map(str::to_owned).collect()
}

const GUESSES: [(&[&str], &str); 11] = [
    (&["givenname", "firstname"], "Robin"),
    (&["surname", "lastname", "familyname"], "Robot"),
    (&["displayname", "fullname"], "Robin Robot"),
    (&["phone", "mobile"], "+14255550123"),
    (&["phone", "mobile"], "4255550123"),
    (&["city"], "Bern"),
    (&["country"], "CH"),
    (&["street", "address"], "Teststrasse 1"),
    (&["zip", "postal"], "12345"),
    (&["birth", "date"], "1990-05-17"),
    (&["age", "number", "loyalty", "year"], "1990"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn input(id: &str, shape: Shape) -> Input {
        Input {
            id: id.to_owned(),
            shape,
            ..Input::default()
        }
    }

    fn text(input: &Input, attempt: usize) -> String {
        match entry(input, &Person::known(), attempt) {
            Entry::Text(text) => text,
            Entry::Ticks(ticks) => ticks.join(","),
        }
    }

    #[test]
    fn a_claim_gets_what_its_name_and_kind_ask_for() {
        for (id, shape, expected, why) in [
            ("email", Shape::Email, KNOWN_EMAIL, "an address"),
            ("signInName", Shape::Text, KNOWN_EMAIL, "usually an address"),
            ("surName", Shape::Text, "Robot", "in any case"),
            ("password", Shape::Password, KNOWN_PASSWORD, "the old one"),
            (
                "oldPassword",
                Shape::Password,
                KNOWN_PASSWORD,
                "the old one",
            ),
            (
                "reenterPassword",
                Shape::Password,
                "Newer-robot-4712",
                "the new one",
            ),
            ("birthday", Shape::Date, "1990-05-17", "a day"),
            ("whatever", Shape::Text, "Robot", "nothing is known of it"),
        ] {
            assert_eq!(text(&input(id, shape), 0), expected, "{id}: {why}");
        }
    }

    #[test]
    fn a_pattern_chooses_among_what_may_be_meant_and_makes_up_the_rest() {
        let with = |id: &str, pattern: &str| Input {
            pattern: Some(pattern.to_owned()),
            ..input(id, Shape::Text)
        };
        let name = with("signInName", "^[a-zA-Z0-9._-]{4,18}$");
        assert_eq!(text(&name, 0), KNOWN_USER_NAME);
        let domain = with("email", r"^[a-z]+@(outlook|gmail)\.com$");
        assert_eq!(text(&domain, 0), "a@outlook.com");
        let ahead = with("pin", r"^(?=.*\d)\d{5}$");
        assert_eq!(text(&ahead, 0), "12345");
    }

    #[test]
    fn what_was_refused_is_not_typed_again() {
        let number = input("points", Shape::Text);
        let typed: Vec<_> = (0..3).map(|attempt| text(&number, attempt)).collect();
        assert_eq!(typed, ["Robot", "12345", "1"]);
    }

    #[test]
    fn what_is_filled_in_stays_until_it_is_refused() {
        let filled = Input {
            value: "Ada".to_owned(),
            ..input("givenName", Shape::Text)
        };
        assert_eq!(text(&filled, 0), "Ada");
        assert_eq!(text(&filled, 1), "Robot");
        let readonly = Input {
            is_readonly: true,
            ..filled
        };
        assert_eq!(text(&readonly, 1), "Ada");
    }

    #[test]
    fn of_a_list_the_chosen_item_counts_or_the_first() {
        let option = |value: &str, is_chosen| Choosable {
            value: value.to_owned(),
            is_chosen,
        };
        let list = |shape, options: &[Choosable]| Input {
            options: options.to_vec(),
            ..input("city", shape)
        };
        let none = [option("", false), option("a", false), option("b", false)];
        let second = [option("", false), option("a", false), option("b", true)];
        assert_eq!(text(&list(Shape::Choice, &none), 0), "a");
        assert_eq!(text(&list(Shape::Choice, &second), 0), "b");
        assert_eq!(text(&list(Shape::Ticks, &none[1..]), 0), "a");
        assert_eq!(text(&list(Shape::Ticks, &second[1..]), 0), "b");
    }
}
