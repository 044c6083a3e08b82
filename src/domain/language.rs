//! Which language a person is answered in.

use std::fmt;

/// A language tag (BCP 47) in lower case with hyphens, such as `de-at`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(String);

impl Language {
    /// Reads `de`, `de-AT`, `de_AT`. `None` when it is no language tag.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.trim().replace('_', "-").to_ascii_lowercase();
        let fits = tag.len() <= 35
            && tag.split('-').all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
            })
            && tag.split('-').next().is_some_and(|first| {
                (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic())
            });
        fits.then_some(Self(tag))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `zh-hant-tw` → `zh-hant` → `zh`.
    fn broader(&self) -> Option<Self> {
        let (broader, _) = self.0.rsplit_once('-')?;
        Some(Self(broader.to_owned()))
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first language of `ui_locales` that is spoken here: each tag exactly,
/// then ever broader, before the next one is tried (`ui_locales` of OpenID
/// Connect is a list in order of preference, separated by blanks).
pub fn choose(ui_locales: &str, spoken: impl Fn(&Language) -> bool) -> Option<Language> {
    ui_locales
        .split(|c: char| c.is_ascii_whitespace() || c == ',')
        .filter_map(Language::parse)
        .take(16)
        .find_map(|tag| {
            std::iter::successors(Some(tag), Language::broader).find(|language| spoken(language))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_tag_then_the_language_then_nothing() {
        let spoken = ["en", "de", "zh-hant"].map(|tag| Language(tag.to_owned()));
        let cases = [
            ("de", Some("de")),
            ("de-AT", Some("de")),
            ("DE_at", Some("de")),
            ("zh-Hant-TW", Some("zh-hant")),
            ("zh", None),
            ("xx", None),
            ("", None),
            ("xx de-CH en", Some("de")),
            ("de-AT en", Some("de")),
            ("<script>", None),
            ("e", None),
        ];
        for (ui_locales, expected) in cases {
            let chosen = choose(ui_locales, |language| spoken.contains(language));
            assert_eq!(
                chosen.as_ref().map(Language::as_str),
                expected,
                "{ui_locales}"
            );
        }
    }
}
