//! What a page says: the policy's localized strings in the journey's language,
//! else what its elements say, else B2C's own default.

use super::{Scene, failure::PageText};
use crate::{
    emulator::policy_call::trouble::filled,
    policy::{
        merge::folded,
        view::{LocalizedResources, TechnicalProfile},
        xml::Element,
    },
};

/// The words of one page.
pub(crate) struct Words<'a> {
    /// The resources of the page's content definition, the nearest language
    /// first.
    resources: Vec<LocalizedResources<'a>>,
    /// Whose metadata (`language.button_continue`) count after them.
    profile: Option<TechnicalProfile<'a>>,
}

impl<'a> Words<'a> {
    /// Of the page of a profile.
    pub(crate) fn on(
        scene: &Scene<'a>,
        content_definition: Option<&str>,
        profile: TechnicalProfile<'a>,
    ) -> Self {
        Self {
            profile: Some(profile),
            ..Self::of(scene, content_definition)
        }
    }

    pub(crate) fn of(scene: &Scene<'a>, content_definition: Option<&str>) -> Self {
        let definition =
            content_definition.and_then(|id| scene.program.effective.content_definition(id));
        let language = scene.context.tag.split('-').next().unwrap_or_default();
        let default = default_language(scene);
        let mut resources = Vec::new();
        let references: Vec<&Element> = definition
            .iter()
            .flat_map(|definition| definition.localized_resources())
            .collect();
        for wanted in [scene.context.tag.as_str(), language, default] {
            let found = references.iter().find(|reference| {
                reference
                    .value("Language")
                    .is_some_and(|own| own.eq_ignore_ascii_case(wanted))
            });
            let id = found.and_then(|found| found.value("LocalizedResourcesReferenceId"));
            if let Some(found) = id.and_then(|id| scene.program.effective.localized_resources(id)) {
                resources.push(found);
            }
        }
        Self {
            resources,
            profile: None,
        }
    }

    fn string(&self, kind: &str, element: Option<&str>, id: &str) -> Option<&'a str> {
        let mut resources = self.resources.iter();
        resources.find_map(|resources| resources.string(kind, element, id))
    }

    /// A word of the page itself: `button_continue`, `heading`.
    pub(crate) fn ux(&self, id: &str) -> Option<&'a str> {
        let own = || self.profile?.metadata(&format!("language.{id}"));
        self.string("UxElement", None, id).or_else(own)
    }

    /// What a claim is called: `DisplayName`, `UserHelpText`, `PatternHelpText`.
    pub(crate) fn claim(&self, claim: &str, id: &str) -> Option<&'a str> {
        self.string("ClaimType", Some(claim), id)
    }

    /// What the button of a claims exchange says.
    pub(crate) fn provider(&self, exchange: &str) -> Option<&'a str> {
        self.string("ClaimsProvider", None, exchange)
    }

    pub(crate) fn error(&self, id: &str) -> Option<&'a str> {
        self.string("ErrorMessage", None, id)
    }

    /// A string that a claims transformation asks for, by its `ElementType`.
    pub(crate) fn of_transformation(&self, element_type: &str, id: &str) -> Option<&'a str> {
        self.string(element_type, None, id)
    }

    /// `Text` of an enumeration's items, by value.
    pub(crate) fn items(&self, claim: &str) -> Vec<(&'a str, &'a str, bool)> {
        for resources in &self.resources {
            let collections = resources
                .element
                .list("LocalizedCollections", "LocalizedCollection");
            for collection in collections {
                let is_it = collection
                    .value("ElementId")
                    .is_some_and(|own| folded(own) == folded(claim));
                if is_it {
                    let items = collection.all("Item").filter_map(item);
                    return items.collect();
                }
            }
        }
        Vec::new()
    }

    /// The text for a failure behind a page.
    pub(crate) fn of_failure(&self, text: &PageText, page: &TechnicalProfile<'_>) -> String {
        match text {
            PageText::Said(said) => said.clone(),
            PageText::Blocks { message, .. } | PageText::Fields { message, .. } => message.clone(),
            PageText::Generic | PageText::Technical | PageText::Application => {
                "Unable to validate the information provided.".to_owned()
            }
            PageText::Named {
                key,
                default,
                arguments,
            } => {
                let words = self
                    .error(key)
                    .or_else(|| page.metadata(key))
                    .unwrap_or(default);
                filled(words, arguments)
            }
            PageText::FirstOf { texts, default } => {
                let mut texts = texts.iter();
                let found = texts.find_map(|text| {
                    let words = self.error(text.key).or(text.own.as_deref())?;
                    Some(filled(words, &text.arguments))
                });
                found.unwrap_or_else(|| default.clone())
            }
        }
    }
}

pub(crate) fn item(item: &Element) -> Option<(&str, &str, bool)> {
    let value = item.value("Value")?;
    let selected = item.value("SelectByDefault");
    Some((
        value,
        item.value("Text").unwrap_or(value),
        selected.is_some_and(|selected| selected.eq_ignore_ascii_case("true")),
    ))
}

/// `Localization/SupportedLanguages/@DefaultLanguage`.
fn default_language<'a>(scene: &Scene<'a>) -> &'a str {
    let root = &scene.program.effective.root;
    root.child("BuildingBlocks")
        .and_then(|blocks| blocks.child("Localization"))
        .and_then(|localization| localization.child("SupportedLanguages"))
        .and_then(|languages| languages.value("DefaultLanguage"))
        .unwrap_or("en")
}
