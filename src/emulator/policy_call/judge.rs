//! Whether a REST service's reply is what a technical profile accepts, and
//! what it means. Pure: the reply in, a judgement out.
//!
//! Source: Microsoft's "RESTful technical profile", "Returning validation
//! error message"; what no document tells is listed in README.md.

use serde_json::{Map, Value};

use super::{
    ClaimKind, OutputClaim,
    trouble::{Trouble, Unreached},
};
use crate::emulator::{
    exchange::{Exchange, Members, media_type},
    settings::Fidelity,
};

#[derive(Debug)]
pub(in crate::emulator) struct Judgement {
    pub(in crate::emulator) verdict: Verdict,
    pub(in crate::emulator) warnings: Vec<String>,
    /// What was left where it was: a policy need not take all that it is told.
    pub(in crate::emulator) remark: Option<String>,
}

impl Judgement {
    pub(in crate::emulator) fn of(trouble: Trouble) -> Self {
        Self {
            verdict: Verdict::Failed(trouble),
            warnings: Vec::new(),
            remark: None,
        }
    }
}

#[derive(Debug, PartialEq)]
pub(in crate::emulator) enum Verdict {
    Continue(Map<String, Value>),
    Failed(Trouble),
}

impl Verdict {
    pub(in crate::emulator) fn error_code(&self) -> Option<&'static str> {
        match self {
            Self::Continue(_) | Self::Failed(Trouble::Refused { .. }) => None,
            Self::Failed(trouble) => Some(trouble.code()),
        }
    }

    pub(in crate::emulator) fn detail(&self) -> Option<String> {
        match self {
            Self::Continue(_) | Self::Failed(Trouble::Refused { .. }) => None,
            Self::Failed(Trouble::HttpError { why, .. } | Trouble::Unparsable { why }) => {
                Some(why.clone())
            }
            Self::Failed(Trouble::Unreachable { how, .. }) => Some(how.why().to_owned()),
            Self::Failed(Trouble::NoCertificate) => {
                Some("none of the client certificates is valid now".to_owned())
            }
        }
    }
}

/// What is read out of a reply, and how.
pub(in crate::emulator) struct Reading<'a> {
    pub(in crate::emulator) taken: Taken<'a>,
    pub(in crate::emulator) names: PartnerNames,
    pub(in crate::emulator) success: Success,
    /// Lenient: nulls count as absent, and any 4xx may carry what a 409 does.
    pub(in crate::emulator) fidelity: Fidelity,
}

impl<'a> Reading<'a> {
    fn takes_nothing(&self) -> bool {
        matches!(self.taken, Taken::These([]))
    }

    /// By the letter of the documents. Without output claims every member is
    /// taken.
    pub(super) fn plain(output_claims: &'a [OutputClaim]) -> Self {
        Self {
            taken: match output_claims {
                [] => Taken::All,
                these => Taken::These(these),
            },
            names: PartnerNames::Members,
            success: Success::Only200,
            fidelity: Fidelity::Strict,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(in crate::emulator) enum Taken<'a> {
    /// Every member, as it is.
    All,
    These(&'a [OutputClaim]),
}

/// What the partner's name of an output claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum PartnerNames {
    Members,
    /// `ResolveJsonPathsInJsonTokens`: also the way to a member further in.
    Paths,
}

/// Which statuses are a success. The documents name 200; Microsoft's own
/// articles call services that answer 201 (Twilio) and 202 without a body
/// (SendGrid).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::emulator) enum Success {
    Only200,
    Any2xx,
}

pub(in crate::emulator) fn judge(exchange: &Exchange, reading: &Reading<'_>) -> Judgement {
    let mut warnings = Vec::new();
    let (verdict, remark) = match verdict(exchange, reading, &mut warnings) {
        Ok(brought) => (Verdict::Continue(brought.claims), brought.remark),
        Err(trouble) => (Verdict::Failed(trouble), None),
    };
    Judgement {
        verdict,
        warnings,
        remark,
    }
}

/// What a successful reply brings.
#[derive(Default)]
struct Brought {
    claims: Map<String, Value>,
    remark: Option<String>,
}

fn verdict(
    exchange: &Exchange,
    reading: &Reading<'_>,
    warnings: &mut Vec<String>,
) -> Result<Brought, Trouble> {
    let unreachable = |limit_ms: &u64, how| {
        Err(Trouble::Unreachable {
            limit_ms: *limit_ms,
            how,
        })
    };
    let (status, content_type, body) = match exchange {
        Exchange::TimedOut { limit_ms } => return unreachable(limit_ms, Unreached::TimedOut),
        Exchange::NotConnected { limit_ms } => {
            return unreachable(limit_ms, Unreached::NotConnected);
        }
        Exchange::NotResolved { limit_ms } => {
            return unreachable(limit_ms, Unreached::NotResolved);
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
    let is_success = match reading.success {
        Success::Only200 => status == 200,
        Success::Any2xx => (200..300).contains(&status),
    };
    match status {
        _ if is_success && body.is_empty() && reading.takes_nothing() => Ok(Brought::default()),
        _ if is_success && !is_json => Err(unparsable(&no_json(content_type.as_deref()))),
        _ if is_success => {
            let members = members(body, reading.fidelity, warnings)?;
            taken(members, reading, warnings)
        }
        // What is not JSON is taken for a gateway's page.
        409 if !is_json => Err(Trouble::HttpError {
            status,
            why: no_json(content_type.as_deref()),
        }),
        409 => Err(refused(&members(body, Fidelity::Strict, warnings)?)),
        status => Err(refused_otherwise(status, body, reading.fidelity, warnings)),
    }
}

/// Whether the words of another 4xx are listened to is reported both ways.
fn refused_otherwise(
    status: u16,
    body: &[u8],
    fidelity: Fidelity,
    warnings: &mut Vec<String>,
) -> Trouble {
    let http_error = Trouble::HttpError {
        status,
        why: "only 200 and 409 are answers".to_owned(),
    };
    if fidelity == Fidelity::Strict || !(400..500).contains(&status) {
        return http_error;
    }
    let members = members(body, Fidelity::Strict, &mut Vec::new());
    match members.map(|members| refused(&members)) {
        Ok(refusal @ Trouble::Refused { .. }) => {
            warnings.push(format!(
                "HTTP {status} was taken for a 409: its body says 409"
            ));
            refusal
        }
        Ok(_) | Err(_) => http_error,
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

fn members(
    body: &[u8],
    fidelity: Fidelity,
    warnings: &mut Vec<String>,
) -> Result<Map<String, Value>, Trouble> {
    let Members {
        mut members,
        repeated,
    } = serde_json::from_slice(body)
        .map_err(|error| unparsable(&format!("the body is no JSON object: {error}")))?;
    for name in repeated {
        warnings.push(format!("`{name}` is there twice; the last one counted"));
    }
    let null = members.iter().find(|(_, value)| value.is_null());
    match (fidelity, null) {
        (Fidelity::Strict, Some((name, _))) => Err(is_null(name)),
        (Fidelity::Lenient, Some((name, _))) => {
            warnings.push(format!("`{name}` is null: nulls count as absent here"));
            members.retain(|_, value| !value.is_null());
            Ok(members)
        }
        (Fidelity::Strict | Fidelity::Lenient, None) => Ok(members),
    }
}

fn is_null(name: &str) -> Trouble {
    unparsable(&format!("`{name}` is null"))
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
        let mut more = Vec::new();
        for name in ["code", "requestId", "developerMessage", "moreInfo"] {
            match members.get(name) {
                None => {}
                Some(Value::String(text)) => more.push((name, text.clone())),
                Some(_) => return Err(unparsable(&format!("`{name}` is not a string"))),
            }
        }
        Ok((text("userMessage")?, more))
    };
    match complete() {
        Ok((user_message, more)) => Trouble::Refused { user_message, more },
        Err(trouble) => trouble,
    }
}

/// The claims that a successful reply brings.
fn taken(
    members: Map<String, Value>,
    reading: &Reading<'_>,
    warnings: &mut Vec<String>,
) -> Result<Brought, Trouble> {
    if members.contains_key("userMessage") || members.get("status").is_some_and(|s| *s != 200) {
        warnings.push("it looks like an error, and 200 makes it a success".to_owned());
    }
    let output_claims = match reading.taken {
        Taken::These(output_claims) => output_claims,
        Taken::All => {
            let as_it_is = members
                .into_iter()
                .map(|(name, value)| match is_nested(&value) {
                    true => (name.clone(), embedded(&name, &value, warnings)),
                    false => (name, value),
                });
            return Ok(Brought {
                claims: as_it_is.collect(),
                remark: None,
            });
        }
    };
    let mut claims = Map::new();
    let mut known = Vec::new();
    for claim in output_claims {
        let partner = claim.partner.as_ref().unwrap_or(&claim.name);
        let found = match reading.names {
            PartnerNames::Members => members.get(partner),
            PartnerNames::Paths => members.get(partner).or_else(|| at_path(&members, partner)),
        };
        known.push(match reading.names {
            PartnerNames::Paths if !members.contains_key(partner) => first_name(partner),
            PartnerNames::Members | PartnerNames::Paths => partner.as_str(),
        });
        let value = match (found, reading.fidelity) {
            (Some(Value::Null), Fidelity::Strict) => return Err(is_null(partner)),
            (Some(Value::Null), Fidelity::Lenient) | (None, _) => claim.default.clone(),
            (Some(value), _) => Some(converted(partner, claim.kind, value, warnings)?),
        };
        if let Some(value) = value {
            claims.insert(claim.name.clone(), value);
        }
    }
    let dropped: Vec<String> = members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| format!("`{name}`"))
        .collect();
    let remark = match &dropped[..] {
        [] => None,
        [one] => Some(format!("{one} was dropped: it is no output claim")),
        many => Some(format!(
            "{} were dropped: they are no output claims",
            many.join(", ")
        )),
    };
    Ok(Brought { claims, remark })
}

/// The member that `contacts[0].person.name`, or `contacts.0.person.name`,
/// leads to.
fn at_path<'a>(members: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut steps = steps(path);
    let mut value = members.get(steps.next()?)?;
    for step in steps {
        value = match value {
            Value::Object(members) => members.get(step)?,
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(value)
}

/// The names and numbers of a path; `$` may stand before them.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let steps = path.split(['.', '[']);
    let steps = steps.map(|step| step.trim_end_matches(']').trim_matches('\''));
    steps.filter(|step| !step.is_empty() && *step != "$")
}

fn first_name(path: &str) -> &str {
    steps(path).next().unwrap_or(path)
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
            let judgement = judge(&reply(status, content_type, body), &Reading::plain(&[]));
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
            let judgement = judge(&reply(200, content_type, body), &Reading::plain(&[]));
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
        let judgement = judge(
            &reply(200, "application/json", body),
            &Reading::plain(&outputs),
        );
        let expected = json!({
            "extension_tier": "gold", "outcome": "block", "score": "7",
            "nested": "{\r\n  \"a\": 1\r\n}", "age": 41, "long": 5_000_000_000_i64,
            "is_new": true, "roles": ["reader"],
        });
        assert_eq!(
            judgement.verdict,
            Verdict::Continue(expected.as_object().unwrap().clone())
        );
        assert_eq!(
            judgement.warnings,
            ["`nested` is nested; without ResolveJsonPathsInJsonTokens it arrives as JSON text"]
        );
        let remark = judgement.remark.as_deref();
        assert_eq!(remark, Some("`other` was dropped: it is no output claim"));
        for body in [
            r#"{"age":5000000000}"#,
            r#"{"age":1.5}"#,
            r#"{"is_new":1}"#,
            r#"{"roles":[1]}"#,
            r#"{"roles":{}}"#,
        ] {
            let judgement = judge(
                &reply(200, "application/json", body),
                &Reading::plain(&outputs),
            );
            assert_eq!(code_of(&judgement), "AADB2C90261", "{body}");
        }
    }
}
