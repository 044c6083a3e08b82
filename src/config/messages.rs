//! What sites say: the built-in texts (Fluent) with a site's own over them.

use std::collections::{BTreeMap, BTreeSet};

use fluent::{FluentArgs, FluentBundle, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::domain::language::Language;
use crate::domain::site::{Messages, Stage, Texts, Topic};

use super::problem::Place;
use super::reader::Section;

const BUILT_IN: [(&str, &str); 3] = [
    ("de", include_str!("messages/de.ftl")),
    ("en", include_str!("messages/en.ftl")),
    ("ja", include_str!("messages/ja.ftl")),
];

const DEFAULT_LANGUAGE: &str = "en";

const LONGEST_TEXT: usize = 1_000;

/// A site's own texts by language, as far as it has any.
type Own = BTreeMap<Language, Texts>;

/// Reads `default_language` and `messages` of a site.
pub(super) fn read(section: &Section<'_>, site_name: &str) -> Option<Messages> {
    let default = section.parsed("default_language", |tag| {
        Language::parse(tag).ok_or_else(|| "must be a language tag, such as de or de-AT".to_owned())
    });
    let default_place = default.as_ref().map(|found| found.place.clone());
    let own = own_texts(section, site_name);
    let default = match default {
        Some(found) => found.value,
        None => Language::parse(DEFAULT_LANGUAGE)?,
    };
    let built_in = built_in(SiteName::Given(site_name));
    let spoken: BTreeSet<&Language> = own
        .keys()
        .chain(built_in.keys())
        .chain([&default])
        .collect();
    let texts = spoken
        .into_iter()
        .map(|language| {
            (
                language.clone(),
                texts_of(language, &default, &own, &built_in),
            )
        })
        .collect();
    match Messages::new(default, texts) {
        Ok(messages) => Some(messages),
        Err(incomplete) => {
            let place = default_place.unwrap_or_else(|| section.place.clone());
            section.problem_at(&place, incomplete.to_string());
            None
        }
    }
}

/// Layer by layer, the least particular first: the default language, then the
/// broader tags of `language`, then itself; in each the site's own texts over
/// the built-in ones.
fn texts_of(language: &Language, default: &Language, own: &Own, built_in: &Own) -> Texts {
    let mut layers: Vec<Language> =
        std::iter::successors(Some(language.clone()), broader).collect();
    layers.extend(std::iter::successors(Some(default.clone()), broader));
    let mut texts = Texts::new();
    for layer in layers.iter().rev() {
        for source in [built_in, own] {
            texts.extend(source.get(layer).cloned().unwrap_or_default());
        }
    }
    texts
}

fn broader(language: &Language) -> Option<Language> {
    let (broader, _) = language.as_str().rsplit_once('-')?;
    Language::parse(broader)
}

/// `[sites.….messages.<language>.<stage>]`, each topic a key.
fn own_texts(section: &Section<'_>, site_name: &str) -> Own {
    let mut own = Own::new();
    for (tag, of_language) in section.entries("messages") {
        let mut texts = Texts::new();
        for stage in Stage::ALL {
            let of_stage = of_language.section(stage.key());
            for topic in Topic::ALL {
                let text = of_stage.parsed(topic.key(), |text| worded(text, site_name));
                texts.extend(text.map(|text| ((topic, stage), text.value)));
            }
        }
        let place = of_language.place.clone();
        match Language::parse(&tag) {
            Some(language) if own.contains_key(&language) => {
                twice(section, &place, &language);
            }
            Some(language) => {
                own.insert(language, texts);
            }
            None => of_language.problem("is no language tag, such as de or de-AT"),
        }
    }
    own
}

fn twice(section: &Section<'_>, place: &Place, language: &Language) {
    let language = language.as_str();
    section.problem_at(
        place,
        format!("the language `{language}` stands here twice"),
    );
}

/// A text with the site's name filled in and `{reference}` left to the answer.
fn worded(text: &str, site_name: &str) -> Result<String, String> {
    if text.len() > LONGEST_TEXT {
        return Err(format!("must not be longer than {LONGEST_TEXT} bytes"));
    }
    if text.contains(|c: char| c.is_control() && c != '\n') {
        return Err("must not hold control characters".to_owned());
    }
    check_placeholders(text)?;
    if !text.contains("{reference}") {
        return Err(
            "must hold {reference}: by it your staff finds what a person asks about".to_owned(),
        );
    }
    Ok(text.replace("{site}", site_name))
}

fn check_placeholders(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (_, from) = rest.split_at(at);
        let Some(end) = from.find('}').filter(|_| from.starts_with('{')) else {
            return Err("has a brace without its other half".to_owned());
        };
        let (placeholder, after) = from.split_at(end + 1);
        if !["{reference}", "{site}"].contains(&placeholder) {
            return Err(format!(
                "there is no placeholder {placeholder}; there are {{reference}} and {{site}}"
            ));
        }
        rest = after;
    }
    Ok(())
}

/// The built-in texts for people of whom not even the site is known. `None`
/// cannot be: a test holds that every text is there.
pub fn fallback() -> Option<Messages> {
    let default = Language::parse(DEFAULT_LANGUAGE)?;
    Messages::new(default, built_in(SiteName::Unknown)).ok()
}

/// What stands for the site in a text.
#[derive(Clone, Copy)]
enum SiteName<'a> {
    Given(&'a str),
    /// Each language has words for it.
    Unknown,
}

fn built_in(site_name: SiteName<'_>) -> Own {
    BUILT_IN
        .iter()
        .filter_map(|(tag, source)| Some((Language::parse(tag)?, resolve(tag, source, site_name)?)))
        .collect()
}

/// Formats every text of one Fluent file: a message for each topic, with an
/// attribute for each stage. A test holds that none is missing.
fn resolve(tag: &str, source: &str, site_name: SiteName<'_>) -> Option<Texts> {
    let language: LanguageIdentifier = tag.parse().ok()?;
    let resource = FluentResource::try_new(source.to_owned()).ok()?;
    let mut bundle = FluentBundle::new(vec![language]);
    // Isolation marks are invisible characters in a text that goes into JSON
    // for somebody else's page.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).ok()?;
    let mut arguments = FluentArgs::new();
    arguments.set(
        "site",
        match site_name {
            SiteName::Given(name) => name.to_owned(),
            SiteName::Unknown => {
                let words = bundle.get_message("this_site")?.value()?;
                bundle
                    .format_pattern(words, None, &mut Vec::new())
                    .into_owned()
            }
        },
    );
    arguments.set("reference", "{reference}");
    let mut texts = Texts::new();
    for topic in Topic::ALL {
        for stage in Stage::ALL {
            let message = bundle.get_message(topic.key())?;
            let pattern = message.get_attribute(stage.key())?.value();
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors);
            if errors.is_empty() {
                texts.insert((topic, stage), text.into_owned());
            }
        }
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_language_says_everything_and_gives_the_reference() {
        for (tag, source) in BUILT_IN {
            let texts = resolve(tag, source, SiteName::Given("Fabrikam")).unwrap();
            for topic in Topic::ALL {
                for stage in Stage::ALL {
                    let text = &texts[&(topic, stage)];
                    assert!(text.contains("{reference}"), "{tag} {topic:?} {stage:?}");
                    assert_eq!(check_placeholders(text), Ok(()), "{tag} {topic:?}");
                    assert!(!text.contains('\u{2068}'), "{tag} {topic:?} is isolated");
                }
            }
        }
    }

    #[test]
    fn after_sign_in_the_text_says_first_that_the_sign_up_went_well() {
        for (tag, source) in BUILT_IN {
            let texts = resolve(tag, source, SiteName::Given("Fabrikam")).unwrap();
            let opening = match tag {
                "en" => "Your sign-up was successful, but",
                "de" => "Ihre Registrierung war erfolgreich, aber",
                _ => "ご登録は完了しましたが",
            };
            for topic in Topic::ALL {
                let text = &texts[&(topic, Stage::SignedIn)];
                assert!(text.starts_with(opening), "{tag} {topic:?}: {text}");
            }
        }
    }

    #[test]
    fn where_the_site_is_unknown_each_language_has_words_for_it() {
        let messages = fallback().unwrap();
        let reference = crate::domain::reference::Reference::parse("7K2M-Q9XD").unwrap();
        for (locale, expected) in [
            ("en", "this site"),
            ("de", "dieser Seite"),
            ("ja", "このサイト"),
        ] {
            let text = messages.text(Topic::NotPossible, Stage::SignUp, locale, &reference);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn only_the_two_placeholders_are_known() {
        for (text, expected) in [
            ("{reference}", true),
            ("{site}: {reference}.", true),
            ("no placeholder", true),
            ("{ref}", false),
            ("{ reference }", false),
            ("{reference", false),
            ("reference}", false),
            ("}{", false),
        ] {
            assert_eq!(check_placeholders(text).is_ok(), expected, "{text}");
        }
    }
}
