//! What becomes of a policy's REST calls instead of, or besides, being sent:
//! sent elsewhere, answered by a script, slowed down, broken. Pure: the call
//! in, what happens to it out.

use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    exchange::{Exchange, Treatment, Way},
    policy_call::request::text,
};

const MAX_RULES: usize = 1_000;
/// Nobody waits longer for a stub.
const MAX_LATENCY_MS: u64 = 60_000;

/// A rule for REST calls. The first one that fits a call, and is not used up,
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestRule {
    /// The technical profile's id, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// What the URL that would be called begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_prefix: Option<String>,
    /// Members of the request, by the name that travels, with their values.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub when: Map<String, Value>,
    /// Takes the place of `url_prefix`, or of scheme and host without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<ScriptedReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<RestFault>,
    /// Before anything else happens; counts against the time limit.
    pub latency_ms: u64,
    /// How many more attempts it holds for: a retry is an attempt of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// What a call is answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedReply {
    pub status: u16,
    /// JSON, or a text as it is; null is an empty body. `{{name}}` gives way to
    /// the request's member of that name.
    pub body: Value,
    /// Left out: `application/json`, and `text/plain` for a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

impl Default for ScriptedReply {
    fn default() -> Self {
        Self {
            status: 200,
            body: Value::Null,
            content_type: None,
        }
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestFault {
    /// No reply within the time limit. Told at once: `latency_ms` makes it
    /// take its time.
    #[serde(rename = "timeout")]
    Timeout,
    #[serde(rename = "connect")]
    Connect,
    /// The reply breaks off.
    #[serde(rename = "broken")]
    Broken,
    /// 503 with a gateway's page.
    #[serde(rename = "5xx")]
    ServerError,
}

impl RestFault {
    fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Broken => "broken",
            Self::ServerError => "5xx",
        }
    }

    fn exchange(self, limit_ms: u64) -> Exchange {
        match self {
            Self::Timeout => Exchange::TimedOut { limit_ms },
            Self::Connect => Exchange::NotConnected { limit_ms },
            Self::Broken => Exchange::Broken,
            Self::ServerError => Exchange::Reply {
                status: 503,
                content_type: Some("text/html".to_owned()),
                body: b"<html><body>503 Service Unavailable</body></html>".to_vec(),
            },
        }
    }
}

/// A call that rules may fit.
pub(super) struct Asked<'a> {
    pub(super) profile: &'a str,
    pub(super) url: &'a str,
    /// What the request tells, by the name that travels.
    pub(super) members: &'a Map<String, Value>,
    pub(super) limit_ms: u64,
}

/// The rules as they are now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestRules {
    rules: Vec<RestRule>,
}

impl RestRules {
    /// An error says which rule does not do.
    pub(super) fn new(rules: Vec<RestRule>) -> Result<Self, String> {
        Self { rules }.checked()
    }

    pub(super) fn checked(self) -> Result<Self, String> {
        if self.rules.len() > MAX_RULES {
            return Err(format!("there are more than {MAX_RULES} rules"));
        }
        for (number, rule) in self.rules.iter().enumerate() {
            rule.check()
                .map_err(|why| format!("rule {}: {why}", number + 1))?;
        }
        Ok(self)
    }

    /// What happens to the next attempt of a call, and the words for it; counts
    /// the attempt. `None` if no rule fits.
    pub(super) fn take(&mut self, asked: &Asked<'_>) -> Option<(Treatment, String)> {
        let mut rules = self.rules.iter_mut().enumerate();
        let (number, rule) = rules.find(|(_, rule)| rule.times != Some(0) && rule.fits(asked))?;
        if let Some(left) = &mut rule.times {
            *left -= 1;
        }
        let (treatment, what) = rule.treatment(asked);
        let mut told = format!("Rule {} of /__emulator/rest: {what}", number + 1);
        if rule.latency_ms > 0 {
            told.push_str(&format!(" after {} ms", rule.latency_ms));
        }
        Some((treatment, told))
    }
}

impl RestRule {
    fn check(&self) -> Result<(), String> {
        let ways = [
            self.send_to.is_some(),
            self.reply.is_some(),
            self.fault.is_some(),
        ];
        match ways.iter().filter(|way| **way).count() {
            0 if self.latency_ms == 0 => {
                return Err("it has none of `send_to`, `reply`, `fault`, `latency_ms`".to_owned());
            }
            0 | 1 => {}
            _ => return Err("only one of `send_to`, `reply`, `fault` can happen".to_owned()),
        }
        if self.latency_ms > MAX_LATENCY_MS {
            return Err(format!("`latency_ms` is at most {MAX_LATENCY_MS}"));
        }
        if let Some(reply) = &self.reply
            && !(200..=599).contains(&reply.status)
        {
            return Err("the reply's `status` is 200 to 599".to_owned());
        }
        match self.send_to.as_deref().map(Url::parse) {
            Some(Err(error)) => Err(format!("`send_to` is no URL: {error}")),
            Some(Ok(url)) if !matches!(url.scheme(), "http" | "https") => {
                Err("`send_to` is neither http nor https".to_owned())
            }
            Some(Ok(_)) | None => Ok(()),
        }
    }

    fn fits(&self, asked: &Asked<'_>) -> bool {
        let is_profile = |own: &String| own.to_lowercase() == asked.profile.to_lowercase();
        let is_told = |(name, wanted): (&String, &Value)| {
            let member = asked.members.get(name);
            member.is_some_and(|member| member == wanted || is_same_text(member, wanted))
        };
        self.profile.as_ref().is_none_or(is_profile)
            && self
                .url_prefix
                .as_ref()
                .is_none_or(|prefix| asked.url.starts_with(prefix.as_str()))
            && self.when.iter().all(is_told)
    }

    fn treatment(&self, asked: &Asked<'_>) -> (Treatment, String) {
        let (way, what) = match (&self.reply, self.fault, &self.send_to) {
            (Some(reply), _, _) => {
                let what = format!("answered with {}", reply.status);
                (Way::Nowhere(reply.exchange(asked.members)), what)
            }
            (None, Some(fault), _) => {
                let what = format!("the fault `{}`", fault.name());
                (Way::Nowhere(fault.exchange(asked.limit_ms)), what)
            }
            (None, None, Some(send_to)) => {
                let url = self.elsewhere(asked.url, send_to);
                let what = format!("sent to {url}");
                (Way::To(url), what)
            }
            (None, None, None) => (Way::Own, "sent".to_owned()),
        };
        let latency = Duration::from_millis(self.latency_ms);
        (Treatment { latency, way }, what)
    }

    fn elsewhere(&self, url: &str, send_to: &str) -> String {
        if let Some(rest) = self
            .url_prefix
            .as_ref()
            .and_then(|prefix| url.strip_prefix(prefix.as_str()))
        {
            return format!("{send_to}{rest}");
        }
        let after = url.split_once("://").map_or(url, |(_, after)| after);
        let path = after.find(['/', '?']).and_then(|at| after.get(at..));
        format!("{}{}", send_to.trim_end_matches('/'), path.unwrap_or("/"))
    }
}

/// `true` and `"True"`, `5` and `"5"`: what a form or a query cannot tell
/// apart.
fn is_same_text(member: &Value, wanted: &Value) -> bool {
    let wanted = text(wanted);
    wanted.is_some() && text(member) == wanted
}

impl ScriptedReply {
    fn exchange(&self, members: &Map<String, Value>) -> Exchange {
        let usual = match self.body {
            Value::String(_) => "text/plain",
            _ => "application/json",
        };
        let body = match &self.body {
            Value::Null => Vec::new(),
            Value::String(template) => echoed_text(template, members).into_bytes(),
            body => echoed(body, members)
                .unwrap_or_else(|| json!({}))
                .to_string()
                .into_bytes(),
        };
        Exchange::Reply {
            status: self.status,
            content_type: Some(self.content_type.as_deref().unwrap_or(usual).to_owned()),
            body,
        }
    }
}

/// The value with its `{{name}}` filled in; one that is nothing but the echo of
/// a member that did not come is left out.
fn echoed(template: &Value, members: &Map<String, Value>) -> Option<Value> {
    Some(match template {
        Value::String(text) => match whole_echo(text) {
            Some(name) => members.get(name)?.clone(),
            None => echoed_text(text, members).into(),
        },
        Value::Array(items) => {
            let items = items.iter().filter_map(|item| echoed(item, members));
            Value::Array(items.collect())
        }
        Value::Object(object) => {
            let pairs = object
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), echoed(value, members)?)));
            Value::Object(pairs.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    })
}

/// The name in `{{name}}`, when there is nothing else.
fn whole_echo(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?;
    (!name.contains(['{', '}'])).then_some(name.trim())
}

fn echoed_text(template: &str, members: &Map<String, Value>) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        filled.push_str(before);
        let member = members.get(name.trim());
        let member = member.map(|member| text(member).unwrap_or_else(|| member.to_string()));
        filled.push_str(&member.unwrap_or_default());
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: Value) -> Result<RestRules, String> {
        let rules = serde_json::from_value::<RestRules>(json!({ "rules": rules }));
        rules.map_err(|error| error.to_string())?.checked()
    }

    /// What the next attempt gets: status and body, or the words for it.
    fn next(rules: &mut RestRules, profile: &str, url: &str, members: Value) -> Option<String> {
        let members = members.as_object().unwrap().clone();
        let asked = Asked {
            profile,
            url,
            members: &members,
            limit_ms: 10_000,
        };
        let (treatment, told) = rules.take(&asked)?;
        Some(match treatment.way {
            Way::Nowhere(Exchange::Reply { status, body, .. }) => {
                format!("{status} {}", String::from_utf8(body).unwrap())
            }
            Way::Nowhere(exchange) => format!("{exchange:?}"),
            Way::To(url) => format!("to {url}"),
            Way::Own => told,
        })
    }

    #[test]
    fn the_first_rule_that_fits_and_is_not_used_up_counts() {
        let mut rules = rules(json!([
            { "profile": "rest-check", "times": 1, "fault": "timeout" },
            { "profile": "REST-Check", "when": { "email": "x@y.example", "isNew": true },
              "reply": { "status": 409, "body": "no" } },
            { "url_prefix": "https://api.contoso.com/v1/", "send_to": "http://localhost:7071/api/" },
            { "url_prefix": "https://api.contoso.com", "latency_ms": 20 },
        ]))
        .unwrap();
        let v1 = "https://api.contoso.com/v1/check?code=k";
        let x = json!({ "email": "x@y.example", "isNew": "True" });
        let cases = [
            (
                "REST-Check",
                v1,
                x.clone(),
                Some("TimedOut { limit_ms: 10000 }"),
            ),
            ("REST-Check", v1, x.clone(), Some("409 no")),
            (
                "REST-Check",
                v1,
                json!({ "email": "x@y.example" }),
                Some("to http://localhost:7071/api/check?code=k"),
            ),
            (
                "REST-Other",
                "https://api.contoso.com/v2",
                x.clone(),
                Some("Rule 4 of /__emulator/rest: sent after 20 ms"),
            ),
            ("REST-Other", "https://else.example/", x, None),
        ];
        for (profile, url, members, expected) in cases {
            let found = next(&mut rules, profile, url, members.clone());
            assert_eq!(found.as_deref(), expected, "{profile} {url} {members}");
        }
    }

    #[test]
    fn without_a_prefix_only_the_host_gives_way() {
        let mut rules = rules(json!([{ "send_to": "http://localhost:1/" }])).unwrap();
        for (url, expected) in [
            ("https://a.example/x/y?z=1", "to http://localhost:1/x/y?z=1"),
            ("https://a.example", "to http://localhost:1/"),
            ("https://a.example?z=1", "to http://localhost:1?z=1"),
        ] {
            let found = next(&mut rules, "P", url, json!({}));
            assert_eq!(found.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_reply_echoes_what_the_request_told() {
        let mut rules = rules(json!([{ "reply": { "body": {
            "mail": "{{email}}",
            "age": "{{age}}",
            "text": "{{ email }} is {{age}}{{none}}.",
            "absent": "{{none}}",
            "list": ["{{email}}", "{{none}}", { "deep": "{{isNew}}" }],
            "open": "{{email",
        } } }]))
        .unwrap();
        let members = json!({ "email": "a@b.example", "age": 42, "isNew": false });
        let found = next(&mut rules, "P", "https://a.example", members).unwrap();
        let body: Value = serde_json::from_str(found.strip_prefix("200 ").unwrap()).unwrap();
        let expected = json!({
            "mail": "a@b.example",
            "age": 42,
            "text": "a@b.example is 42.",
            "list": ["a@b.example", { "deep": false }],
            "open": "{{email",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn rules_that_cannot_be_meant_are_refused() {
        for (rule, reason) in [
            (json!({}), "`latency_ms`"),
            (json!({ "fault": "timeout", "reply": {} }), "only one"),
            (json!({ "latency_ms": 60_001 }), "at most 60000"),
            (json!({ "reply": { "status": 99 } }), "200 to 599"),
            (
                json!({ "send_to": "localhost:7071" }),
                "neither http nor https",
            ),
            (json!({ "send_to": "nowhere" }), "no URL"),
            (json!({ "fault": "slow" }), "unknown variant"),
            (json!({ "prefix": "x", "latency_ms": 1 }), "unknown field"),
        ] {
            let refused = rules(json!([rule])).unwrap_err();
            assert!(refused.contains(reason), "{rule}: {refused}");
        }
    }
}
