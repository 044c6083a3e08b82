//! What the pages of user flows say, in every language that there are words
//! for.

use std::fmt::Write as _;

use super::escaped;
use crate::emulator::{
    audit::Dialect,
    settings::{Attribute, AttributeKind},
    text::Texts,
};

/// The pages, by B2C's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Page {
    SignIn,
    SignUp,
    /// What is asked of somebody who comes from a provider.
    Details,
}

impl Page {
    const ALL: [Self; 3] = [Self::SignIn, Self::SignUp, Self::Details];

    pub(in crate::emulator) fn id(self) -> &'static str {
        match self {
            Self::SignIn => "api.signuporsignin",
            Self::SignUp => "api.localaccountsignup",
            Self::Details => "api.selfasserted",
        }
    }

    fn contract(self) -> &'static str {
        match self {
            Self::SignIn => "unifiedssp",
            Self::SignUp | Self::Details => "selfasserted",
        }
    }
}

/// One localized string: `ElementType`, `ElementId` and `StringId`, and the
/// words.
struct Said<'a> {
    kind: &'static str,
    element: Option<&'a str>,
    id: &'static str,
    words: &'a str,
}

pub(in crate::emulator) fn content_definitions() -> String {
    let mut text = String::new();
    for page in Page::ALL {
        let (id, contract) = (page.id(), page.contract());
        let references: String = Texts::ALL
            .iter()
            .map(|(language, _)| {
                format!(
                    "<LocalizedResourcesReference Language=\"{language}\" \
                     LocalizedResourcesReferenceId=\"{id}.{language}\"/>"
                )
            })
            .collect();
        let _ = writeln!(
            text,
            "<ContentDefinition Id=\"{id}\"><LoadUri>~/</LoadUri><RecoveryUri>~/</RecoveryUri>\
             <DataUri>urn:com:microsoft:aad:b2c:elements:contract:{contract}:2.1.7</DataUri>\
             <LocalizedResourcesReferences>{references}</LocalizedResourcesReferences>\
             </ContentDefinition>"
        );
    }
    text
}

pub(in crate::emulator) fn localization(attributes: &[Attribute], dialect: Dialect) -> String {
    let languages: String = Texts::ALL
        .iter()
        .map(|(language, _)| format!("<SupportedLanguage>{language}</SupportedLanguage>"))
        .collect();
    let mut text = format!(
        "<SupportedLanguages DefaultLanguage=\"en\" MergeBehavior=\"ReplaceAll\">{languages}\
         </SupportedLanguages>\n"
    );
    for (language, texts) in &Texts::ALL {
        for page in Page::ALL {
            let mut said = said(attributes, page, dialect, texts);
            said.extend(heading(page, language, texts));
            let strings: String = said.iter().map(Said::written).collect();
            let _ = writeln!(
                text,
                "<LocalizedResources Id=\"{}.{language}\"><LocalizedStrings>{strings}\
                 </LocalizedStrings></LocalizedResources>",
                page.id()
            );
        }
    }
    text
}

fn said<'a>(
    attributes: &'a [Attribute],
    page: Page,
    dialect: Dialect,
    t: &'a Texts,
) -> Vec<Said<'a>> {
    let mut said = match (page, dialect) {
        (Page::SignIn, Dialect::UserFlow | Dialect::ExternalId | Dialect::CustomPolicy) => {
            return sign_in(t);
        }
        (Page::SignUp, Dialect::UserFlow) => vec![Said::ux("button_continue", t.create)],
        (Page::Details, Dialect::UserFlow) => vec![Said::ux("intro", t.details_intro)],
        (Page::SignUp | Page::Details, Dialect::ExternalId | Dialect::CustomPolicy) => Vec::new(),
    };
    said.extend([
        Said::name("email", t.email),
        Said::claim("email", "PatternHelpText", t.invalid_email),
        Said::name("newPassword", t.new_password),
        Said::claim("newPassword", "UserHelpText", t.password_rule),
        Said::claim("newPassword", "PatternHelpText", t.password_rule),
        Said::name("reenterPassword", t.confirm_password),
        Said::error(
            "UserMessageIfClaimsPrincipalAlreadyExists",
            t.already_exists,
        ),
    ]);
    for attribute in attributes.iter().filter(|one| one.visible) {
        said.extend(of_attribute(attribute, t));
    }
    said
}

/// In English each page is called what its profile is.
fn heading<'a>(page: Page, language: &str, t: &'a Texts) -> Option<Said<'a>> {
    let words = match page {
        Page::SignIn => t.sign_in,
        Page::SignUp => t.sign_up_title,
        Page::Details => t.details,
    };
    (language != "en").then(|| Said::ux("heading", words))
}

fn sign_in(t: &Texts) -> Vec<Said<'_>> {
    vec![
        Said::name("signInName", t.email),
        Said::name("password", t.password),
        Said::error(
            "UserMessageIfClaimsPrincipalDoesNotExist",
            t.no_such_account,
        ),
        Said::error("UserMessageIfInvalidPassword", t.wrong_password),
        Said::error("UserMessageIfOldPasswordUsed", t.former_password),
        Said::error("UserMessageIfPasswordExpired", t.expired_password),
        Said::error("UserMessageIfUserAccountDisabled", t.account_disabled),
        Said::error("UserMessageIfUserAccountLocked", t.account_locked),
    ]
}

/// An administrator's own label is in the administrator's language.
fn of_attribute<'a>(attribute: &'a Attribute, t: &'a Texts) -> Vec<Said<'a>> {
    let built_in = t.attribute(&attribute.name);
    let label = built_in.filter(|_| attribute.label.is_none());
    let help = match attribute.kind {
        AttributeKind::String => Some(t.too_long),
        AttributeKind::Integer => Some(t.not_a_number),
        AttributeKind::Boolean => None,
    };
    let label = label.map(|label| Said::name(&attribute.name, label));
    let help = help.map(|help| Said::claim(&attribute.name, "PatternHelpText", help));
    label.into_iter().chain(help).collect()
}

impl<'a> Said<'a> {
    fn ux(id: &'static str, words: &'a str) -> Self {
        Self {
            kind: "UxElement",
            element: None,
            id,
            words,
        }
    }

    fn claim(claim: &'a str, id: &'static str, words: &'a str) -> Self {
        Self {
            kind: "ClaimType",
            element: Some(claim),
            id,
            words,
        }
    }

    fn name(claim: &'a str, words: &'a str) -> Self {
        Self::claim(claim, "DisplayName", words)
    }

    fn error(id: &'static str, words: &'a str) -> Self {
        Self {
            kind: "ErrorMessage",
            element: None,
            id,
            words,
        }
    }

    fn written(&self) -> String {
        let element = self.element.map(escaped);
        let element = element.map(|id| format!(" ElementId=\"{id}\""));
        format!(
            "<LocalizedString ElementType=\"{}\"{} StringId=\"{}\">{}</LocalizedString>",
            self.kind,
            element.unwrap_or_default(),
            self.id,
            escaped(self.words)
        )
    }
}
