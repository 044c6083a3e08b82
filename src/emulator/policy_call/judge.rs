//! Whether a REST service's reply is what a technical profile accepts, and
//! what it means. Pure: the reply in, a judgement out.
//!
//! Source: Microsoft's "RESTful technical profile", "Returning validation
//! error message"; what no document tells is listed in README.md.

use serde_json::{Map, Value};

use super::{ClaimKind, OutputClaim, PolicyCall};
use crate::emulator::exchange::{Exchange, Members, StatusName, media_type};

#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) warnings: Vec<String>,
}

impl Judgement {
    pub(super) fn of(trouble: Trouble) -> Self {
        Self {
            verdict: Verdict::Failed(trouble),
            warnings: Vec::new(),
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Continue(Map<String, Value>),
    Failed(Trouble),
}

/// Why a policy does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The pair of 409 and 409: the service's own words.
    Refused {
        user_message: String,
    },
    HttpError {
        status: u16,
        why: String,
    },
    Unreachable {
        limit_ms: u64,
        why: &'static str,
    },
    Unparsable {
        why: String,
    },
    NoCertificate,
}

impl Verdict {
    pub(super) fn error_code(&self) -> Option<&'static str> {
        match self {
            Self::Continue(_) | Self::Failed(Trouble::Refused { .. }) => None,
            Self::Failed(trouble) => Some(trouble.code()),
        }
    }

    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::Continue(_) | Self::Failed(Trouble::Refused { .. }) => None,
            Self::Failed(Trouble::HttpError { why, .. } | Trouble::Unparsable { why }) => {
                Some(why.clone())
            }
            Self::Failed(Trouble::Unreachable { why, .. }) => Some((*why).to_owned()),
            Self::Failed(Trouble::NoCertificate) => {
                Some("none of the client certificates is valid now".to_owned())
            }
        }
    }
}

impl Trouble {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::HttpError { .. } | Self::Unreachable { .. } => {
                "AADB2C90075"
            }
            Self::Unparsable { .. } => "AADB2C90261",
            Self::NoCertificate => "AADB2C90028",
        }
    }

    /// At the top of a self-asserted page. The built-in texts tell the URL.
    pub(super) fn on_the_page(&self, script: &PolicyCall) -> String {
        let failed = script.default_user_message_if_request_failed.as_ref();
        let url = &script.service_url;
        match self {
            Self::Refused { user_message } => user_message.clone(),
            Self::Unreachable { limit_ms, .. } => {
                let own = script.user_message_if_request_timeout.as_ref().or(failed);
                own.cloned().unwrap_or_else(|| time_limit(*limit_ms, url))
            }
            Self::HttpError { .. } | Self::NoCertificate => failed.cloned().unwrap_or_else(|| {
                format!(
                    "Failed to establish connection to restful service end point. Restful \
                         service URL: {url}"
                )
            }),
            Self::Unparsable { .. } => "Unable to validate the information provided.".to_owned(),
        }
    }

    /// In the `error_description` of a redirect, behind the code.
    pub(super) fn to_the_application(&self, script: &PolicyCall) -> String {
        let (profile, step) = (&script.technical_profile, script.step);
        let exchange = format!("The claims exchange '{profile}' specified in step '{step}'");
        let http_error = |code: &str, reason: &str| {
            format!(
                "{exchange} returned HTTP error response with Code '{code}' and Reason '{reason}'."
            )
        };
        match self {
            Self::Refused { user_message } => http_error("Conflict", user_message),
            Self::HttpError { status, .. } => {
                let StatusName { code, reason } = StatusName::of(*status);
                http_error(&code, reason)
            }
            Self::Unreachable { .. } => http_error("Conflict", &self.on_the_page(script)),
            Self::Unparsable { .. } => {
                format!("{exchange} returned HTTP error response that could not be parsed.")
            }
            Self::NoCertificate => format!(
                "The client certificate of the technical profile '{profile}' is missing or not \
                 valid."
            ),
        }
    }
}

fn time_limit(limit_ms: u64, url: &str) -> String {
    format!(
        "Failed to establish connection to restful service end point within timeout limit {} \
         seconds. Restful service URL: {url}",
        limit_ms.div_ceil(1000)
    )
}

pub(super) fn judge(exchange: &Exchange, output_claims: &[OutputClaim]) -> Judgement {
    let mut warnings = Vec::new();
    let verdict = match verdict(exchange, output_claims, &mut warnings) {
        Ok(claims) => Verdict::Continue(claims),
        Err(trouble) => Verdict::Failed(trouble),
    };
    Judgement { verdict, warnings }
}

fn verdict(
    exchange: &Exchange,
    output_claims: &[OutputClaim],
    warnings: &mut Vec<String>,
) -> Result<Map<String, Value>, Trouble> {
    let (status, content_type, body) = match exchange {
        Exchange::TimedOut { limit_ms } => {
            let why = "there was no reply within the time limit";
            return Err(Trouble::Unreachable {
                limit_ms: *limit_ms,
                why,
            });
        }
        Exchange::NotConnected { limit_ms } => {
            let why = "no connection could be made";
            return Err(Trouble::Unreachable {
                limit_ms: *limit_ms,
                why,
            });
        }
        Exchange::Broken => return Err(unparsable("the reply broke off or was no HTTP")),
        Exchange::TooLong => return Err(unparsable("the reply is longer than 1 MiB")),
        Exchange::Reply {
            status,
            content_type,
            body,
        } => (*status, media_type(content_type.as_deref()), body),
    };
    let is_json = content_type.as_deref() == Some("application/json");
    match status {
        200 if !is_json => Err(unparsable(&no_json(content_type.as_deref()))),
        200 => taken(members(body, warnings)?, output_claims, warnings),
        // What is not JSON is taken for a gateway's page.
        409 if !is_json => Err(Trouble::HttpError {
            status,
            why: no_json(content_type.as_deref()),
        }),
        409 => Err(refused(&members(body, warnings)?)),
        status => Err(Trouble::HttpError {
            status,
            why: "only 200 and 409 are answers".to_owned(),
        }),
    }
}

fn no_json(content_type: Option<&str>) -> String {
    match content_type {
        Some(other) => format!("the content type is `{other}`"),
        None => "there is no content type".to_owned(),
    }
}

fn unparsable(why: &str) -> Trouble {
    Trouble::Unparsable {
        why: why.to_owned(),
    }
}

fn members(body: &[u8], warnings: &mut Vec<String>) -> Result<Map<String, Value>, Trouble> {
    let Members { members, repeated } = serde_json::from_slice(body)
        .map_err(|error| unparsable(&format!("the body is no JSON object: {error}")))?;
    for name in repeated {
        warnings.push(format!("`{name}` is there twice; the last one counted"));
    }
    match members.iter().find(|(_, value)| value.is_null()) {
        Some((name, _)) => Err(unparsable(&format!("`{name}` is null"))),
        None => Ok(members),
    }
}

/// What a 409 says: the words for the user when it is complete.
fn refused(members: &Map<String, Value>) -> Trouble {
    let text = |name: &str| match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) => Err(unparsable(&format!("`{name}` is empty"))),
        Some(_) => Err(unparsable(&format!("`{name}` is not a string"))),
        None => Err(unparsable(&format!("`{name}` is missing"))),
    };
    let complete = || {
        text("version")?;
        match members.get("status") {
            Some(Value::Number(status)) if status.as_u64() == Some(409) => {}
            Some(_) => return Err(unparsable("`status` is not the number 409")),
            None => return Err(unparsable("`status` is missing")),
        }
        for name in ["code", "requestId", "developerMessage", "moreInfo"] {
            if members.get(name).is_some_and(|value| !value.is_string()) {
                return Err(unparsable(&format!("`{name}` is not a string")));
            }
        }
        text("userMessage")
    };
    match complete() {
        Ok(user_message) => Trouble::Refused { user_message },
        Err(trouble) => trouble,
    }
}

/// The claims that a successful reply brings.
fn taken(
    members: Map<String, Value>,
    output_claims: &[OutputClaim],
    warnings: &mut Vec<String>,
) -> Result<Map<String, Value>, Trouble> {
    if members.contains_key("userMessage") || members.get("status").is_some_and(|s| *s != 200) {
        warnings.push("it looks like an error, and 200 makes it a success".to_owned());
    }
    if output_claims.is_empty() {
        return Ok(members
            .into_iter()
            .map(|(name, value)| match is_nested(&value) {
                true => (name.clone(), embedded(&name, &value, warnings)),
                false => (name, value),
            })
            .collect());
    }
    let mut claims = Map::new();
    let mut known = Vec::new();
    for claim in output_claims {
        let partner = claim.partner.as_ref().unwrap_or(&claim.name);
        known.push(partner.as_str());
        let value = match members.get(partner) {
            Some(value) => Some(converted(partner, claim.kind, value, warnings)?),
            None => claim.default.clone(),
        };
        if let Some(value) = value {
            claims.insert(claim.name.clone(), value);
        }
    }
    for name in members.keys() {
        if !known.contains(&name.as_str()) {
            warnings.push(format!("`{name}` was dropped: it is no output claim"));
        }
    }
    Ok(claims)
}

/// An object, or a list of anything but strings.
fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => !items.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Reported: nested JSON lands in a string claim as text with line ends.
fn embedded(name: &str, value: &Value, warnings: &mut Vec<String>) -> Value {
    warnings.push(format!(
        "`{name}` is nested; without ResolveJsonPathsInJsonTokens it arrives as JSON text"
    ));
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', "\r\n").into()
}

fn converted(
    name: &str,
    kind: ClaimKind,
    value: &Value,
    warnings: &mut Vec<String>,
) -> Result<Value, Trouble> {
    let integer = |least: i64, greatest: i64| {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|number| (least..=greatest).contains(number))
            .map(Value::from)
    };
    let converted = match (kind, value) {
        (ClaimKind::String, Value::String(_)) => Some(value.clone()),
        (ClaimKind::String, Value::Bool(true)) => Some("True".into()),
        (ClaimKind::String, Value::Bool(false)) => Some("False".into()),
        (ClaimKind::String, Value::Number(number)) => Some(number.to_string().into()),
        (ClaimKind::String, _) => Some(embedded(name, value, warnings)),
        (ClaimKind::Boolean, Value::Bool(_)) => Some(value.clone()),
        (ClaimKind::Boolean, Value::String(text)) => {
            text.to_lowercase().parse::<bool>().ok().map(Value::from)
        }
        (ClaimKind::Boolean, _) => None,
        (ClaimKind::Int, _) => integer(i32::MIN.into(), i32::MAX.into()),
        (ClaimKind::Long, _) => integer(i64::MIN, i64::MAX),
        (ClaimKind::StringCollection, Value::String(_)) => Some(Value::from(vec![value.clone()])),
        (ClaimKind::StringCollection, Value::Array(_)) => {
            (!is_nested(value)).then(|| value.clone())
        }
        (ClaimKind::StringCollection, _) => None,
    };
    converted.ok_or_else(|| unparsable(&format!("`{name}` does not have its claim's type")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(status: u16, content_type: &str, body: &str) -> Exchange {
        Exchange::Reply {
            status,
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            body: body.as_bytes().to_vec(),
        }
    }

    fn code_of(judgement: &Judgement) -> &'static str {
        match &judgement.verdict {
            Verdict::Continue(_) => "Continue",
            Verdict::Failed(Trouble::Refused { .. }) => "Refused",
            Verdict::Failed(trouble) => trouble.code(),
        }
    }

    #[test]
    fn the_pair_of_409_is_whole_or_it_is_not_understood() {
        let json = "application/json";
        let whole = r#"{"version":"1.0.1","status":409,"userMessage":"No."}"#;
        let (http, parse) = ("AADB2C90075", "AADB2C90261");
        for (why, status, content_type, body, expected) in [
            ("whole", 409, json, whole, "Refused"),
            (
                "charset",
                409,
                "Application/JSON; charset=utf-8",
                whole,
                "Refused",
            ),
            (
                "with all that is optional",
                409,
                json,
                r#"{"version":"1.0.1","status":409,"code":"a","requestId":"b","userMessage":"No.",
                    "developerMessage":"c","moreInfo":"d"}"#,
                "Refused",
            ),
            (
                "status missing",
                409,
                json,
                r#"{"version":"1","userMessage":"No."}"#,
                parse,
            ),
            (
                "status as text",
                409,
                json,
                r#"{"version":"1","status":"409","userMessage":"No."}"#,
                parse,
            ),
            (
                "status differs",
                409,
                json,
                r#"{"version":"1","status":400,"userMessage":"No."}"#,
                parse,
            ),
            (
                "version missing",
                409,
                json,
                r#"{"status":409,"userMessage":"No."}"#,
                parse,
            ),
            (
                "version as number",
                409,
                json,
                r#"{"version":1,"status":409,"userMessage":"No."}"#,
                parse,
            ),
            (
                "message missing",
                409,
                json,
                r#"{"version":"1","status":409}"#,
                parse,
            ),
            (
                "message empty",
                409,
                json,
                r#"{"version":"1","status":409,"userMessage":""}"#,
                parse,
            ),
            (
                "null",
                409,
                json,
                r#"{"version":"1","status":409,"userMessage":"No.","code":null}"#,
                parse,
            ),
            (
                "code as number",
                409,
                json,
                r#"{"version":"1","status":409,"userMessage":"No.","code":4}"#,
                parse,
            ),
            ("no JSON", 409, json, "<html>", parse),
            ("list", 409, json, "[]", parse),
            ("a gateway's page", 409, "text/html", whole, http),
            ("no content type", 409, "", whole, http),
            ("the user flows' status", 400, json, whole, http),
            ("401", 401, json, "{}", http),
            ("429", 429, json, "{}", http),
            ("500", 500, json, whole, http),
            ("302", 302, json, whole, http),
            ("204", 204, "", "", http),
            ("201", 201, json, "{}", http),
        ] {
            let judgement = judge(&reply(status, content_type, body), &[]);
            assert_eq!(code_of(&judgement), expected, "{why}: {judgement:?}");
        }
    }

    #[test]
    fn a_200_is_flat_json_without_null() {
        let json = "application/json";
        let parse = "AADB2C90261";
        for (why, content_type, body, expected, warnings) in [
            ("nothing", json, "{}", "Continue", 0),
            (
                "scalars",
                json,
                r#"{"a":"b","c":7,"d":true,"e":""}"#,
                "Continue",
                0,
            ),
            ("a list of strings", json, r#"{"a":["b"]}"#, "Continue", 0),
            ("nested", json, r#"{"a":{"b":"c"}}"#, "Continue", 1),
            ("a list of objects", json, r#"{"a":[{}]}"#, "Continue", 1),
            (
                "an error's body",
                json,
                r#"{"status":409,"userMessage":"No."}"#,
                "Continue",
                1,
            ),
            ("twice", json, r#"{"a":"b","a":"c"}"#, "Continue", 1),
            ("null", json, r#"{"a":null}"#, parse, 0),
            ("list", json, "[]", parse, 0),
            ("empty", json, "", parse, 0),
            ("more behind it", json, "{}{}", parse, 0),
            ("text", "text/plain", "{}", parse, 0),
            ("no content type", "", "{}", parse, 0),
        ] {
            let judgement = judge(&reply(200, content_type, body), &[]);
            assert_eq!(code_of(&judgement), expected, "{why}: {judgement:?}");
            assert_eq!(judgement.warnings.len(), warnings, "{why}: {judgement:?}");
        }
    }

    #[test]
    fn output_claims_are_mapped_converted_and_defaulted() {
        let claim = |name: &str, kind| OutputClaim {
            kind,
            ..OutputClaim::new(name)
        };
        let outputs = [
            OutputClaim {
                partner: Some("tier".to_owned()),
                ..OutputClaim::new("extension_tier").or("none")
            },
            OutputClaim::new("outcome").or("block"),
            OutputClaim::new("score"),
            OutputClaim::new("nested"),
            OutputClaim::new("absent"),
            claim("age", ClaimKind::Int),
            claim("long", ClaimKind::Long),
            claim("is_new", ClaimKind::Boolean),
            claim("roles", ClaimKind::StringCollection),
        ];
        let body = r#"{"tier":"gold","score":7,"nested":{"a":1},"age":"41","long":5000000000,
            "is_new":"True","roles":"reader","other":1}"#;
        let judgement = judge(&reply(200, "application/json", body), &outputs);
        let expected = json!({
            "extension_tier": "gold", "outcome": "block", "score": "7",
            "nested": "{\r\n  \"a\": 1\r\n}", "age": 41, "long": 5_000_000_000_i64,
            "is_new": true, "roles": ["reader"],
        });
        assert_eq!(
            judgement.verdict,
            Verdict::Continue(expected.as_object().unwrap().clone())
        );
        assert_eq!(judgement.warnings.len(), 2, "{judgement:?}");
        for body in [
            r#"{"age":5000000000}"#,
            r#"{"age":1.5}"#,
            r#"{"is_new":1}"#,
            r#"{"roles":[1]}"#,
            r#"{"roles":{}}"#,
        ] {
            let judgement = judge(&reply(200, "application/json", body), &outputs);
            assert_eq!(code_of(&judgement), "AADB2C90261", "{body}");
        }
    }
}
