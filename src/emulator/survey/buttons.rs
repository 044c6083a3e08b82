//! Which button leads on, and what a browser sends when it is pressed.

use super::page::{Button, Page};

/// The button of a page that offers nothing but ways in: that of local accounts
/// first.
pub(super) fn way_in(page: &Page, shuns_local: bool) -> Option<&Button> {
    const NO_WAY_IN: [&str; 4] = ["cancel", "next", "createAccount", "forgotPassword"];
    let has = |button: &Button, words: &[&str]| {
        let id = button.id.to_lowercase();
        words.iter().any(|word| id.contains(word))
    };
    let is_local = |button: &&Button| {
        has(button, &["local", "email", "username", "logon"]) && !has(button, &["phone"])
    };
    let ways = || {
        let buttons = page.buttons.iter();
        let ways = buttons.filter(|button| !NO_WAY_IN.contains(&button.id.as_str()));
        ways.filter(|button| !has(button, &["forgot"]))
    };
    let local = ways().find(is_local).filter(|_| !shuns_local);
    local
        .or_else(|| ways().find(|button| !is_local(button)))
        .or_else(|| ways().next())
}

/// What a browser sends: hidden fields, what was typed, the button.
pub(super) fn sent(
    page: &Page,
    typed: Vec<(String, String)>,
    button: &Button,
) -> Vec<(String, String)> {
    let mut form = page.hidden.clone();
    form.extend(typed);
    form.push(("action".to_owned(), button.value.clone()));
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(buttons: &[&str]) -> Page {
        let buttons = buttons.iter().map(|id| Button {
            id: (*id).to_owned(),
            value: String::new(),
            text: String::new(),
        });
        Page {
            buttons: buttons.collect(),
            ..Page::default()
        }
    }

    #[test]
    fn the_way_in_is_that_of_local_accounts_unless_it_did_not_do() {
        let both = [
            "FacebookExchange",
            "LocalAccountSigninEmailExchange",
            "cancel",
        ];
        for (buttons, shuns_local, expected) in [
            (&both[..], false, Some("LocalAccountSigninEmailExchange")),
            (&both[..], true, Some("FacebookExchange")),
            (&["cancel", "ForgotEmail", "Google"], false, Some("Google")),
            (&["cancel", "next"], false, None),
        ] {
            let page = page(buttons);
            let found = way_in(&page, shuns_local).map(|button| button.id.as_str());
            assert_eq!(found, expected, "{buttons:?} {shuns_local}");
        }
    }
}
