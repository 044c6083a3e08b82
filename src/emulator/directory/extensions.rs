//! Names of custom attributes: each belongs to an application of the tenant.

/// Whose custom attributes are meant by `extension_<Name>`.
#[derive(Clone, Debug)]
pub(crate) struct Extensions<'a> {
    /// The tenant's own b2c-extensions-app.
    own: &'a str,
    meant: String,
}

impl<'a> Extensions<'a> {
    pub(crate) fn new(own: &'a str, client_id: Option<&str>) -> Self {
        let meant = client_id.and_then(app_id).unwrap_or_else(|| own.to_owned());
        Self { own, meant }
    }

    /// The name under which an attribute is kept. Those of the tenant's own
    /// application have the short one.
    pub(crate) fn kept(&self, name: &str) -> String {
        let Some(rest) = custom(name) else {
            return name.to_owned();
        };
        let (app, short) = match long(rest) {
            Some((app, short)) => (app, short),
            None => (self.meant.clone(), rest),
        };
        match app == self.own {
            true => format!("extension_{short}"),
            false => format!("extension_{app}_{short}"),
        }
    }

    /// `extension_<app id>_<Name>` of a kept name, as Graph spells it.
    pub(crate) fn full(&self, kept: &str) -> String {
        match custom(kept) {
            Some(rest) if long(rest).is_none() => format!("extension_{}_{rest}", self.own),
            Some(_) | None => kept.to_owned(),
        }
    }

    /// The names by which a policy may ask for what is kept.
    pub(crate) fn names(&self, kept: &str) -> Vec<String> {
        let full = self.full(kept);
        let short = custom(&full)
            .and_then(long)
            .filter(|(app, _)| *app == self.meant)
            .map(|(_, short)| format!("extension_{short}"));
        short.into_iter().chain([full]).collect()
    }
}

fn custom(name: &str) -> Option<&str> {
    let prefix = name.get(..10)?;
    match prefix.eq_ignore_ascii_case("extension_") {
        true => name.get(10..),
        false => None,
    }
}

/// `<app id>_<Name>`.
fn long(rest: &str) -> Option<(String, &str)> {
    let (app, short) = rest.split_once('_')?;
    Some((app_id(app).filter(|_| !app.contains('-'))?, short))
}

/// An application id without its hyphens.
fn app_id(text: &str) -> Option<String> {
    let id = text.trim().replace('-', "").to_lowercase();
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "a3f09c1b7d6e4c58b2e1905f4d7a6c33";
    const OTHER: &str = "5D2B6E4A-90C7-4A3F-8F15-E6C1B7A2D908";

    #[test]
    fn a_custom_attribute_belongs_to_the_application_of_the_profile() {
        let cases = [
            (None, "extension_Tier", "extension_Tier", "the tenant's own"),
            (Some(OWN), "extension_Tier", "extension_Tier", "named"),
            (
                Some(OTHER),
                "extension_Tier",
                "extension_5d2b6e4a90c74a3f8f15e6c1b7a2d908_Tier",
                "another one",
            ),
            (
                Some("{Settings:ClientId}"),
                "extension_Tier",
                "extension_Tier",
                "no application id",
            ),
            (
                None,
                "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Tier",
                "extension_Tier",
                "spelt in full",
            ),
            (
                Some(OTHER),
                "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Tier",
                "extension_Tier",
                "spelt in full, under another application",
            ),
            (
                None,
                "extension_the_Tier",
                "extension_the_Tier",
                "no id in it",
            ),
            (Some(OTHER), "displayName", "displayName", "not custom"),
        ];
        for (client_id, name, kept, why) in cases {
            assert_eq!(Extensions::new(OWN, client_id).kept(name), kept, "{why}");
        }
    }

    #[test]
    fn what_is_kept_is_found_under_its_short_and_its_full_name() {
        let own = Extensions::new(OWN, None);
        let full = "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Tier";
        assert_eq!(own.names("extension_Tier"), ["extension_Tier", full]);
        let other = Extensions::new(OWN, Some(OTHER));
        assert_eq!(other.names("extension_Tier"), [full]);
        assert_eq!(own.names("city"), ["city"]);
    }
}
