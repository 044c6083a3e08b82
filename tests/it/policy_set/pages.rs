//! What people read: every text in both languages.

use std::collections::{BTreeMap, BTreeSet};

use idlink::policy::effective::Effective;
use idlink::policy::view::{ProviderKind, TechnicalProfile};

use super::{profile, relying_parties};

/// Element type, element, string.
type Key = (String, String, String);

const FAILURES: [&str; 4] = [
    "DefaultUserMessageIfRequestFailed",
    "UserMessageIfCircuitOpen",
    "UserMessageIfDnsResolutionFailed",
    "UserMessageIfRequestTimeout",
];

/// The texts of a page in a language.
fn texts(policy: &Effective, page: &str, language: &str) -> BTreeMap<Key, String> {
    let definition = policy.content_definition(page).unwrap();
    let references: Vec<_> = definition
        .localized_resources()
        .filter(|reference| reference.value("Language") == Some(language))
        .map(|reference| reference.value("LocalizedResourcesReferenceId").unwrap())
        .collect();
    assert_eq!(references.len(), 1, "{page} {language}");
    let resources = policy.localized_resources(references[0]).unwrap();
    let part = |text: Option<&str>| text.unwrap_or_default().to_owned();
    resources
        .element
        .list("LocalizedStrings", "LocalizedString")
        .map(|string| {
            let key = (
                part(string.value("ElementType")),
                part(string.value("ElementId")),
                part(string.value("StringId")),
            );
            (key, string.text().unwrap().to_owned())
        })
        .collect()
}

/// The pages of the journey, those of its sub-journeys among them, each with
/// the profile behind it.
fn pages(policy: &Effective) -> Vec<(String, TechnicalProfile<'_>)> {
    let party = policy.relying_party().unwrap();
    let journey = policy.journey(party.default_journey().unwrap()).unwrap();
    let mut steps = journey.steps();
    for (id, _) in journey.steps().iter().flat_map(|step| step.sub_journeys()) {
        steps.extend(policy.sub_journey(id).unwrap().steps());
    }
    let mut pages = Vec::new();
    for step in steps {
        for exchange in step.claims_exchanges() {
            let profile = profile(policy, exchange.profile().unwrap());
            if profile.provider() == Some(ProviderKind::SelfAsserted) {
                let page = step.content_definition().or(profile.content_definition());
                pages.push((page.unwrap().to_owned(), profile));
            }
        }
    }
    pages
}

fn is_japanese(text: &str) -> bool {
    text.chars().any(|c| ('\u{3041}'..='\u{9fff}').contains(&c))
}

fn gaps(text: &str) -> usize {
    text.matches("{0}").count()
}

#[test]
fn the_journeys_show_these_pages() {
    let [local, social] = relying_parties().map(|policy| {
        let pages: BTreeSet<String> = pages(&policy).into_iter().map(|(page, _)| page).collect();
        pages
    });
    let common = [
        "api.localaccountpasswordreset",
        "api.localaccountsignup",
        "api.signuporsignin",
    ];
    assert_eq!(local, common.map(str::to_owned).into());
    let mut all = local;
    all.insert("api.customerlink.blocked".to_owned());
    all.insert("api.socialccountsignup".to_owned());
    assert_eq!(social, all);
}

#[test]
fn every_page_says_the_same_in_english_and_in_japanese() {
    for policy in relying_parties() {
        for (page, _) in pages(&policy) {
            let english = texts(&policy, &page, "en");
            let japanese = texts(&policy, &page, "ja");
            let keys = |texts: &BTreeMap<Key, String>| -> BTreeSet<Key> {
                texts.keys().cloned().collect()
            };
            assert_eq!(keys(&english), keys(&japanese), "{page}");
            assert!(english.len() >= 9, "{page}");
            for (key, text) in &english {
                let other = &japanese[key];
                assert!(!is_japanese(text), "{page} {key:?}: {text}");
                assert!(is_japanese(other), "{page} {key:?}: {other}");
                assert_eq!(gaps(text), gaps(other), "{page} {key:?}");
                // What ends as a sentence does so in both.
                let ends = (text.ends_with('.'), other.ends_with('。'));
                assert!(ends.1 || !ends.0, "{page} {key:?}: {other}");
            }
        }
    }
}

#[test]
fn japanese_is_a_language_of_the_policy_beside_english() {
    for policy in relying_parties() {
        let localization = policy.root.child("BuildingBlocks").unwrap();
        let localization = localization.child("Localization").unwrap();
        let languages: BTreeSet<_> = localization
            .list("SupportedLanguages", "SupportedLanguage")
            .map(|language| language.text().unwrap())
            .collect();
        assert_eq!(languages, ["en", "ja"].into());
    }
}

/// Where a page waits for idlink, it has words of its own for every way in
/// which that can fail: B2C's own name our address.
#[test]
fn a_page_that_asks_idlink_has_words_for_every_failure() {
    let mut asking = BTreeSet::new();
    for policy in relying_parties() {
        for (page, behind) in pages(&policy) {
            let asks = behind.validation_profiles().any(|validation| {
                let called = profile(&policy, validation.profile().unwrap());
                called.provider() == Some(ProviderKind::Rest)
            });
            if !asks {
                continue;
            }
            for language in ["en", "ja"] {
                let texts = texts(&policy, &page, language);
                for failure in FAILURES {
                    let key = ("ErrorMessage".into(), String::new(), failure.into());
                    let text = &texts[&key];
                    assert!(!text.contains(['{', '/']), "{page} {language}: {text}");
                }
            }
            asking.insert(page);
        }
    }
    let expected = [
        "api.customerlink.blocked",
        "api.localaccountsignup",
        "api.socialccountsignup",
    ];
    assert_eq!(asking, expected.map(str::to_owned).into());
}

/// The metadata says the same as the page's English.
#[test]
fn a_failure_reads_the_same_with_and_without_localized_texts() {
    for policy in relying_parties() {
        let english = texts(&policy, "api.localaccountsignup", "en");
        let call = profile(&policy, "REST-CustomerLink-CheckLocal");
        for failure in FAILURES {
            let key = ("ErrorMessage".into(), String::new(), failure.into());
            assert_eq!(call.metadata(failure), Some(&*english[&key]), "{failure}");
        }
    }
}
