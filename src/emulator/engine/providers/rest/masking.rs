//! What nobody is to read in a trace: passwords, keys, tokens, wherever they
//! turn up in a request or its reply.

use serde_json::Value as Json;
use url::{Url, form_urlencoded};

use crate::emulator::{
    UrlVariant,
    engine::{secrets::is_secret_name, trace::MASK},
    exchange::Header,
    policy_call::request::in_url,
};

/// Bodies are kept up to here.
const MAX_SHOWN: usize = 64 * 1024;

pub(super) fn mask() -> Json {
    MASK.into()
}

/// Texts that are secret, and headers that are.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// As they may be written, the longest first.
    texts: Vec<String>,
    headers: Vec<String>,
}

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let json = Json::from(secret).to_string();
        let inside = json
            .strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'));
        let forms = [
            secret.to_owned(),
            inside.unwrap_or(&json).to_owned(),
            form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            in_url(secret, UrlVariant::Escaped),
        ];
        for form in forms {
            if !self.texts.contains(&form) {
                self.texts.push(form);
            }
        }
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// The value of this header says who calls.
    pub(super) fn add_header(&mut self, name: &str) {
        self.headers.push(name.to_lowercase());
    }

    /// Keys in the query of the service's URL, `?code=` of a function.
    pub(super) fn add_query(&mut self, url: &str) {
        let Ok(url) = Url::parse(url) else {
            return;
        };
        for (name, value) in url.query_pairs() {
            let is_key = matches!(
                name.to_lowercase().as_str(),
                "code" | "key" | "sig" | "subscription-key"
            );
            if is_key || is_secret_name(&name) {
                self.add(&value);
            }
        }
    }

    /// Members of JSON that are secret by name, at any depth.
    pub(super) fn add_members(&mut self, json: &Json, is_declared: &dyn Fn(&str) -> bool) {
        match json {
            Json::Object(members) => {
                for (name, value) in members {
                    match value {
                        Json::String(text) if is_secret_name(name) || is_declared(name) => {
                            self.add(text);
                        }
                        _ => self.add_members(value, is_declared),
                    }
                }
            }
            Json::Array(items) => {
                for item in items {
                    self.add_members(item, is_declared);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    pub(super) fn masked(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in &self.texts {
            masked = masked.replace(secret, MASK);
        }
        masked
    }

    /// Masked first: half a secret at the end would be one too.
    pub(super) fn bounded(&self, text: &str) -> String {
        let mut masked = self.masked(text);
        if masked.len() > MAX_SHOWN {
            masked.truncate(masked.floor_char_boundary(MAX_SHOWN));
        }
        masked
    }

    pub(super) fn masked_json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => self.masked(text).into(),
            Json::Array(items) => items.iter().map(|item| self.masked_json(item)).collect(),
            Json::Object(members) => {
                let masked = members
                    .iter()
                    .map(|(name, value)| (name.clone(), self.masked_json(value)));
                Json::Object(masked.collect())
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
        }
    }

    /// Of `Authorization` the scheme is left.
    pub(super) fn headers(&self, headers: &[Header]) -> Vec<Header> {
        let shown = headers.iter().map(|(name, value)| {
            let value = match value.split_once(' ') {
                Some((scheme, _)) if name.eq_ignore_ascii_case("Authorization") => {
                    format!("{scheme} {MASK}")
                }
                _ if self.headers.contains(&name.to_lowercase()) => MASK.to_owned(),
                _ => self.masked(value),
            };
            (name.clone(), value)
        });
        shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_masked_however_it_is_written() {
        let mut secrets = Secrets::default();
        secrets.add("p\"w d+&");
        for (written, shown) in [
            (r#"{"a":"p\"w d+&"}"#, r#"{"a":"••••••"}"#),
            ("a=p%22w+d%2B%26&b=1", "a=••••••&b=1"),
            ("/x/p%22w%20d%2B%26/y", "/x/••••••/y"),
            ("plain p\"w d+&.", "plain ••••••."),
        ] {
            assert_eq!(secrets.masked(written), shown);
        }
    }

    #[test]
    fn secrets_are_known_by_their_names_at_any_depth() {
        let mut secrets = Secrets::default();
        let reply = json!({
            "access_token": "eyJhY2Nlc3M", "token_type": "Bearer",
            "list": [{ "ClientSecret": "shh-1" }], "pin": "9137", "name": "Jonas",
        });
        secrets.add_members(&reply, &|name| name == "pin");
        let shown = secrets.masked_json(&reply);
        let expected = json!({
            "access_token": MASK, "token_type": "Bearer",
            "list": [{ "ClientSecret": MASK }], "pin": MASK, "name": "Jonas",
        });
        assert_eq!(shown, expected);
        secrets.add_query("https://f.example/api?code=fn-key&lang=de");
        assert_eq!(
            secrets.masked("?code=fn-key&lang=de"),
            "?code=••••••&lang=de"
        );
    }

    #[test]
    fn long_bodies_are_cut_between_letters() {
        let long = "é".repeat(MAX_SHOWN);
        assert_eq!(Secrets::default().bounded(&long).len(), MAX_SHOWN);
        let odd = format!("a{long}");
        assert_eq!(Secrets::default().bounded(&odd).len(), MAX_SHOWN - 1);
    }
}
