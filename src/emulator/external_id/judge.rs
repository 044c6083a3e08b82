//! Whether an extension's answer is what the platform accepts, and what it
//! means. Pure: the answer in, a judgement out.
//!
//! Sources: the articles on each event ("retrieve and return data") and
//! "Troubleshoot your custom authentication extension", whose codes these
//! are; what no document tells is listed in README.md.

use serde_json::{Map, Value};

use super::{EventKind, EventOutcome};
use crate::emulator::{
    exchange::{Exchange, media_type},
    judge::BUILT_IN,
};

/// Names and values of all claims together: 3 KB.
const MAX_CLAIMS: usize = 3 * 1024;

/// A code of the sign-in log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlatformError {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
}

const fn error(code: &'static str, name: &'static str) -> PlatformError {
    PlatformError { code, name }
}

const INVALID_HTTP_STATUS: PlatformError = error("1003002", "InvalidHTTPStatus");
const INVALID_RESPONSE_BODY: PlatformError = error("1003003", "InvalidResponseBody");
const TIMED_OUT: PlatformError = error("1003005", "TimedOut");
const INVALID_CONTENT_TYPE: PlatformError = error("1003006", "InvalidResponseContentType");
const NULL_CLAIMS: PlatformError = error("1003007", "NullClaims");
const EMPTY_RESPONSE: PlatformError = error("1003009", "EmptyResponse");
const INVALID_NUMBER_OF_ACTIONS: PlatformError = error("1003010", "InvalidNumberOfActions");
const INVALID_ACTION_TYPE: PlatformError = error("1003012", "InvalidActionType");
const RESPONSE_TOO_LARGE: PlatformError = error("1003024", "ResponseTooLarge");
const CLAIMS_TOO_LARGE: PlatformError = error("1003025", "ClaimsTooLarge");
const NULL_OR_EMPTY_CLAIM_KEY: PlatformError = error("1003026", "NullOrEmptyClaimKey");
const CONNECTION_ERROR: PlatformError = error("1003027", "ConnectionError");

#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) error: PlatformError,
    /// For whoever reads the audit list: what was wrong with the answer.
    pub(super) why: String,
}

fn failure(error: PlatformError, why: impl Into<String>) -> Failure {
    Failure {
        error,
        why: why.into(),
    }
}

fn bad_body(why: impl Into<String>) -> Failure {
    failure(INVALID_RESPONSE_BODY, why)
}

#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Result<EventOutcome, Failure>,
    pub(super) warnings: Vec<String>,
}

/// What the judge has to know of the event.
pub(super) struct Bench<'a> {
    pub(super) event: EventKind,
    /// What the form holds, as it was sent.
    pub(super) attributes: &'a Map<String, Value>,
    pub(super) extensions_app_id: &'a str,
    pub(super) claims_for_token: Option<&'a [String]>,
}

#[derive(Clone, Copy)]
enum Action {
    Continue,
    Prefill,
    Modify,
    ValidationError,
    BlockPage,
    ProvideClaims,
}

/// The response's data type, the actions' common beginning, and the actions.
struct Allowed {
    data: &'static str,
    prefix: &'static str,
    actions: &'static [(&'static str, Action)],
}

fn allowed(event: EventKind) -> Allowed {
    match event {
        EventKind::AttributeCollectionStart => Allowed {
            data: "microsoft.graph.onAttributeCollectionStartResponseData",
            prefix: "microsoft.graph.attributeCollectionStart.",
            actions: &[
                ("continueWithDefaultBehavior", Action::Continue),
                ("setPrefillValues", Action::Prefill),
                ("showBlockPage", Action::BlockPage),
            ],
        },
        EventKind::AttributeCollectionSubmit => Allowed {
            data: "microsoft.graph.onAttributeCollectionSubmitResponseData",
            prefix: "microsoft.graph.attributeCollectionSubmit.",
            actions: &[
                ("continueWithDefaultBehavior", Action::Continue),
                ("modifyAttributeValues", Action::Modify),
                ("showValidationError", Action::ValidationError),
                ("showBlockPage", Action::BlockPage),
            ],
        },
        EventKind::TokenIssuanceStart => Allowed {
            data: "microsoft.graph.onTokenIssuanceStartResponseData",
            prefix: "microsoft.graph.tokenIssuanceStart.",
            actions: &[("provideClaimsForToken", Action::ProvideClaims)],
        },
        EventKind::EmailOtpSend => Allowed {
            data: "microsoft.graph.OnOtpSendResponseData",
            prefix: "microsoft.graph.OtpSend.",
            actions: &[("continueWithDefaultBehavior", Action::Continue)],
        },
    }
}

impl Bench<'_> {
    pub(super) fn judge(&self, exchange: &Exchange) -> Judgement {
        let mut warnings = Vec::new();
        let verdict = answered(exchange, &mut warnings)
            .and_then(|answer| self.outcome(&answer, &mut warnings));
        Judgement { verdict, warnings }
    }

    fn outcome(&self, answer: &Value, warnings: &mut Vec<String>) -> Result<EventOutcome, Failure> {
        let allowed = allowed(self.event);
        let data = answer
            .get("data")
            .and_then(Value::as_object)
            .ok_or_else(|| bad_body("there is no object `data`"))?;
        let spelt = odata_type(data, "data")?;
        if !is_spelt(spelt, allowed.data, warnings) {
            return Err(bad_body(format!(
                "`data` is of type `{spelt}`, not `{}`",
                allowed.data
            )));
        }
        let actions = data
            .get("actions")
            .and_then(Value::as_array)
            .ok_or_else(|| bad_body("there is no list `actions`"))?;
        let [action] = actions.as_slice() else {
            let why = format!("there are {} actions, not one", actions.len());
            return Err(failure(INVALID_NUMBER_OF_ACTIONS, why));
        };
        let members = action
            .as_object()
            .ok_or_else(|| bad_body("the action is no object"))?;
        let spelt = odata_type(members, "the action")?;
        let known = allowed
            .actions
            .iter()
            .find(|(name, _)| is_spelt(spelt, &format!("{}{name}", allowed.prefix), warnings));
        let Some((_, action)) = known else {
            let why = format!("`{spelt}` is no action of {}", self.event.name());
            return Err(failure(INVALID_ACTION_TYPE, why));
        };
        self.taken(*action, members, warnings)
    }

    fn taken(
        &self,
        action: Action,
        members: &Map<String, Value>,
        warnings: &mut Vec<String>,
    ) -> Result<EventOutcome, Failure> {
        match action {
            Action::Continue => Ok(EventOutcome::Continue),
            Action::Prefill => Ok(EventOutcome::Prefill {
                inputs: self.inputs(object(members, "inputs")?, warnings)?,
            }),
            Action::Modify => Ok(EventOutcome::Modify {
                attributes: self.modified(object(members, "attributes")?, warnings)?,
            }),
            Action::ValidationError => Ok(EventOutcome::ValidationError {
                message: text(members, "message")?,
                attribute_errors: self.attribute_errors(members, warnings)?,
            }),
            Action::BlockPage => Ok(EventOutcome::BlockPage {
                title: match members.get("title") {
                    None => None,
                    Some(_) => Some(text(members, "title")?),
                },
                message: text(members, "message")?,
            }),
            Action::ProvideClaims => Ok(EventOutcome::Claims {
                claims: self.claims(members, warnings)?,
            }),
        }
    }

    fn inputs(
        &self,
        inputs: &Map<String, Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Failure> {
        let mut taken = Map::new();
        for (name, value) in inputs {
            if !(value.is_string() || value.is_boolean() || value.is_i64()) {
                let why = format!("`{name}` is neither string nor integer nor truth value");
                return Err(bad_body(why));
            }
            match self.attribute(name) {
                Ok(()) => drop(taken.insert(name.clone(), value.clone())),
                Err(why) => warnings.push(format!("`{name}` was dropped: {why}")),
            }
        }
        Ok(taken)
    }

    /// Whether a form can have a field of that name.
    fn attribute(&self, name: &str) -> Result<(), String> {
        if self.attributes.contains_key(name) || BUILT_IN.contains(&name) {
            return Ok(());
        }
        let long = format!("extension_{}_", self.extensions_app_id);
        match name.strip_prefix(&long) {
            Some(rest) if !rest.is_empty() => Ok(()),
            Some(_) | None => Err(format!(
                "no attribute has this name; a custom one is called `{long}<Name>`"
            )),
        }
    }

    /// The types of the request have to be kept; what was not collected is
    /// ignored.
    fn modified(
        &self,
        attributes: &Map<String, Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Failure> {
        let mut taken = Map::new();
        for (name, value) in attributes {
            let Some(sent) = self.attributes.get(name) else {
                warnings.push(format!(
                    "`{name}` was dropped: the form does not collect it"
                ));
                continue;
            };
            let keeps_type = match sent {
                Value::String(_) => value.is_string(),
                Value::Bool(_) => value.is_boolean(),
                _ => value.is_i64(),
            };
            if !keeps_type {
                return Err(bad_body(format!("`{name}` does not keep its type")));
            }
            taken.insert(name.clone(), value.clone());
        }
        Ok(taken)
    }

    fn attribute_errors(
        &self,
        members: &Map<String, Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Failure> {
        if !members.contains_key("attributeErrors") {
            return Ok(Map::new());
        }
        let mut taken = Map::new();
        for (name, value) in object(members, "attributeErrors")? {
            if !value.is_string() {
                return Err(bad_body(format!("the error of `{name}` is not a string")));
            }
            match self.attributes.contains_key(name) {
                true => drop(taken.insert(name.clone(), value.clone())),
                false => warnings.push(format!(
                    "the error of `{name}` was dropped: the form does not collect it"
                )),
            }
        }
        Ok(taken)
    }

    fn claims(
        &self,
        members: &Map<String, Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Failure> {
        if members.get("claims").is_none_or(Value::is_null) {
            return Err(failure(NULL_CLAIMS, "`claims` is missing or null"));
        }
        let claims = object(members, "claims")?;
        let mut size = 0;
        for (name, value) in claims {
            if name.is_empty() {
                return Err(failure(NULL_OR_EMPTY_CLAIM_KEY, "a claim has no name"));
            }
            size += name.len() + claim_size(name, value)?;
        }
        if size > MAX_CLAIMS {
            let why = format!("names and values are {size} bytes, {MAX_CLAIMS} are allowed");
            return Err(failure(CLAIMS_TOO_LARGE, why));
        }
        let mut taken = claims.clone();
        if let Some(listed) = self.claims_for_token {
            taken.retain(|name, _| listed.contains(name));
            for name in claims.keys().filter(|name| !listed.contains(name)) {
                warnings.push(format!(
                    "`{name}` was dropped: claimsForTokenConfiguration does not list it, and case \
                     matters"
                ));
            }
        }
        Ok(taken)
    }
}

/// A claim is a string or a list of strings.
fn claim_size(name: &str, value: &Value) -> Result<usize, Failure> {
    let wrong = || bad_body(format!("`{name}` is neither string nor list of strings"));
    match value {
        Value::String(text) => Ok(text.len()),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::len).ok_or_else(wrong))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(wrong()),
    }
}

/// The body of an answer that came, as JSON.
fn answered(exchange: &Exchange, warnings: &mut Vec<String>) -> Result<Value, Failure> {
    let (status, content_type, body) = match exchange {
        Exchange::TimedOut { limit_ms } => {
            let why = format!("there was no answer within {limit_ms} ms");
            return Err(failure(TIMED_OUT, why));
        }
        Exchange::NotConnected { .. } | Exchange::NotResolved { .. } => {
            let why = "no connection could be made";
            return Err(failure(CONNECTION_ERROR, why));
        }
        Exchange::Broken => {
            let why = "the answer broke off or was no HTTP";
            return Err(failure(CONNECTION_ERROR, why));
        }
        Exchange::TooLong => {
            let why = "the answer is longer than 1 MiB";
            return Err(failure(RESPONSE_TOO_LARGE, why));
        }
        Exchange::Reply {
            status,
            content_type,
            body,
        } => (*status, media_type(content_type.as_deref()), body),
    };
    if status != 200 {
        if status == 401 {
            warnings.push("a refused token is also reported as 1003005 TimedOut".to_owned());
        }
        let why = format!("HTTP {status}: only 200 is an answer");
        return Err(failure(INVALID_HTTP_STATUS, why));
    }
    if body.is_empty() {
        return Err(failure(EMPTY_RESPONSE, "the body is empty"));
    }
    match content_type.as_deref() {
        Some("application/json") => {}
        Some(other) => {
            let why = format!("the content type is `{other}`");
            return Err(failure(INVALID_CONTENT_TYPE, why));
        }
        None => return Err(failure(INVALID_CONTENT_TYPE, "there is no content type")),
    }
    serde_json::from_slice(body).map_err(|error| bad_body(format!("the body is no JSON: {error}")))
}

fn odata_type<'a>(members: &'a Map<String, Value>, what: &str) -> Result<&'a str, Failure> {
    members
        .get("@odata.type")
        .and_then(Value::as_str)
        .ok_or_else(|| bad_body(format!("{what} has no `@odata.type`")))
}

/// The documents' own casing wanders, so another one is only warned about.
fn is_spelt(spelt: &str, expected: &str, warnings: &mut Vec<String>) -> bool {
    let is_spelt = spelt.eq_ignore_ascii_case(expected);
    if is_spelt && spelt != expected {
        warnings.push(format!("`{spelt}` is spelt `{expected}`"));
    }
    is_spelt
}

fn object<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Map<String, Value>, Failure> {
    members
        .get(name)
        .and_then(Value::as_object)
        .ok_or_else(|| bad_body(format!("the action has no object `{name}`")))
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String, Failure> {
    match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(bad_body(format!("`{name}` is empty or no string"))),
        None => Err(bad_body(format!("`{name}` is missing"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const APP_ID: &str = "a3f09c1b7d6e4c58b2e1905f4d7a6c33";
    const START: &str = "microsoft.graph.attributeCollectionStart";
    const SUBMIT: &str = "microsoft.graph.attributeCollectionSubmit";
    const TOKEN: &str = "microsoft.graph.tokenIssuanceStart";
    const OTP: &str = "microsoft.graph.OtpSend";

    fn reply(status: u16, content_type: &str, body: &str) -> Exchange {
        Exchange::Reply {
            status,
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            body: body.as_bytes().to_vec(),
        }
    }

    fn judged(event: EventKind, exchange: &Exchange) -> Judgement {
        let attributes = json!({
            "email": "jonas@post.example",
            "displayName": "Jonas",
            (format!("extension_{APP_ID}_Points")): 120,
            (format!("extension_{APP_ID}_Terms")): true,
        });
        let listed = ["customerId", "roles", "big"].map(str::to_owned);
        Bench {
            event,
            attributes: attributes.as_object().unwrap(),
            extensions_app_id: APP_ID,
            claims_for_token: Some(&listed),
        }
        .judge(exchange)
    }

    fn answer(event: EventKind, data: &str, actions: Value) -> Judgement {
        let body = json!({ "data": { "@odata.type": data, "actions": actions } });
        judged(event, &reply(200, "application/json", &body.to_string()))
    }

    fn data_of(event: EventKind) -> &'static str {
        match event {
            EventKind::AttributeCollectionStart => {
                "microsoft.graph.onAttributeCollectionStartResponseData"
            }
            EventKind::AttributeCollectionSubmit => {
                "microsoft.graph.onAttributeCollectionSubmitResponseData"
            }
            EventKind::TokenIssuanceStart => "microsoft.graph.onTokenIssuanceStartResponseData",
            EventKind::EmailOtpSend => "microsoft.graph.OnOtpSendResponseData",
        }
    }

    fn act(event: EventKind, action: Value) -> Judgement {
        answer(event, data_of(event), json!([action]))
    }

    fn code(judgement: &Judgement) -> &'static str {
        match &judgement.verdict {
            Ok(outcome) => outcome.name(),
            Err(failure) => failure.error.code,
        }
    }

    #[test]
    fn what_is_no_answer_has_its_code() {
        let json = "application/json";
        let go = r#"{"data":{"@odata.type":"microsoft.graph.onAttributeCollectionSubmitResponseData",
            "actions":[{"@odata.type":
            "microsoft.graph.attributeCollectionSubmit.continueWithDefaultBehavior"}]}}"#;
        let with_data = |data: &str| format!("{{\"data\":{data}}}");
        let typed = "\"@odata.type\":\"microsoft.graph.onAttributeCollectionSubmitResponseData\"";
        for (why, status, content_type, body, expected) in [
            ("go on", 200, json, go.to_owned(), "Continue"),
            (
                "charset",
                200,
                "Application/JSON; charset=utf-8",
                go.to_owned(),
                "Continue",
            ),
            ("201", 201, json, go.to_owned(), "1003002"),
            ("204", 204, "", String::new(), "1003002"),
            ("302", 302, json, go.to_owned(), "1003002"),
            ("the user flows' 400", 400, json, go.to_owned(), "1003002"),
            ("401", 401, json, "{}".to_owned(), "1003002"),
            ("the policies' 409", 409, json, go.to_owned(), "1003002"),
            ("429", 429, json, "{}".to_owned(), "1003002"),
            ("500", 500, json, go.to_owned(), "1003002"),
            ("text", 200, "text/plain", go.to_owned(), "1003006"),
            ("no content type", 200, "", go.to_owned(), "1003006"),
            ("empty", 200, json, String::new(), "1003009"),
            ("no JSON", 200, json, "<html>".to_owned(), "1003003"),
            ("more behind it", 200, json, format!("{go}{go}"), "1003003"),
            ("a list", 200, json, "[]".to_owned(), "1003003"),
            ("no data", 200, json, "{}".to_owned(), "1003003"),
            ("data is null", 200, json, with_data("null"), "1003003"),
            ("data is empty", 200, json, with_data("{}"), "1003003"),
            (
                "data of another event",
                200,
                json,
                go.replace("onAttributeCollectionSubmit", "onAttributeCollectionStart"),
                "1003003",
            ),
            (
                "data with a #",
                200,
                json,
                go.replace("microsoft.graph.on", "#microsoft.graph.on"),
                "1003003",
            ),
            (
                "no actions",
                200,
                json,
                with_data(&format!("{{{typed}}}")),
                "1003003",
            ),
            (
                "actions are an object",
                200,
                json,
                with_data(&format!("{{{typed},\"actions\":{{}}}}")),
                "1003003",
            ),
            (
                "no action",
                200,
                json,
                with_data(&format!("{{{typed},\"actions\":[]}}")),
                "1003010",
            ),
            (
                "an action that is none",
                200,
                json,
                with_data(&format!("{{{typed},\"actions\":[null]}}")),
                "1003003",
            ),
            (
                "an action without type",
                200,
                json,
                with_data(&format!("{{{typed},\"actions\":[{{}}]}}")),
                "1003003",
            ),
        ] {
            let judgement = judged(
                EventKind::AttributeCollectionSubmit,
                &reply(status, content_type, &body),
            );
            assert_eq!(code(&judgement), expected, "{why}: {judgement:?}");
        }
        for (exchange, expected) in [
            (Exchange::TimedOut { limit_ms: 1_000 }, "1003005"),
            (Exchange::NotConnected { limit_ms: 1_000 }, "1003027"),
            (Exchange::Broken, "1003027"),
            (Exchange::TooLong, "1003024"),
        ] {
            let judgement = judged(EventKind::TokenIssuanceStart, &exchange);
            assert_eq!(code(&judgement), expected, "{exchange:?}");
        }
    }

    #[test]
    fn each_event_has_its_actions_and_takes_one() {
        let events = [
            (EventKind::AttributeCollectionStart, START),
            (EventKind::AttributeCollectionSubmit, SUBMIT),
            (EventKind::TokenIssuanceStart, TOKEN),
            (EventKind::EmailOtpSend, OTP),
        ];
        let no = "1003012";
        for (action, expected) in [
            (
                "continueWithDefaultBehavior",
                ["Continue", "Continue", no, "Continue"],
            ),
            ("setPrefillValues", ["Prefill", no, no, no]),
            ("modifyAttributeValues", [no, "Modify", no, no]),
            ("showValidationError", [no, "ValidationError", no, no]),
            ("showBlockPage", ["BlockPage", "BlockPage", no, no]),
            ("provideClaimsForToken", [no, no, "Claims", no]),
            ("somethingElse", [no, no, no, no]),
        ] {
            for ((event, prefix), expected) in events.into_iter().zip(expected) {
                let body = json!({
                    "@odata.type": format!("{prefix}.{action}"), "inputs": {}, "attributes": {},
                    "message": "No.", "attributeErrors": {}, "claims": {},
                });
                let judgement = act(event, body.clone());
                assert_eq!(code(&judgement), expected, "{event:?} {action}");
                let twice = answer(event, data_of(event), json!([body, body]));
                assert_eq!(code(&twice), "1003010", "{event:?} {action} twice");
            }
        }
        // Another event's action, whole.
        let foreign = json!({ "@odata.type": format!("{START}.continueWithDefaultBehavior") });
        let judgement = act(EventKind::AttributeCollectionSubmit, foreign);
        assert_eq!(code(&judgement), no);
    }

    #[test]
    fn another_casing_is_taken_with_a_warning() {
        let judgement = act(
            EventKind::AttributeCollectionStart,
            json!({ "@odata.type": format!("{START}.setPreFillValues"), "inputs": {} }),
        );
        assert_eq!(code(&judgement), "Prefill");
        assert_eq!(judgement.warnings.len(), 1);
        let judgement = answer(
            EventKind::EmailOtpSend,
            "microsoft.graph.onOtpSendResponseData",
            json!([{ "@odata.type": "microsoft.graph.otpSend.continueWithDefaultBehavior" }]),
        );
        assert_eq!(code(&judgement), "Continue");
        assert_eq!(judgement.warnings.len(), 2);
    }

    #[test]
    fn pages_and_forms_need_their_texts() {
        let event = EventKind::AttributeCollectionSubmit;
        for (why, action, members, expected) in [
            (
                "whole",
                "showBlockPage",
                json!({ "title": "No", "message": "No." }),
                "BlockPage",
            ),
            (
                "without title",
                "showBlockPage",
                json!({ "message": "No." }),
                "BlockPage",
            ),
            (
                "title is null",
                "showBlockPage",
                json!({ "title": null, "message": "No." }),
                "1003003",
            ),
            (
                "without message",
                "showBlockPage",
                json!({ "title": "No" }),
                "1003003",
            ),
            (
                "message is empty",
                "showBlockPage",
                json!({ "message": "" }),
                "1003003",
            ),
            (
                "whole",
                "showValidationError",
                json!({ "message": "No.", "attributeErrors": { "displayName": "Short." } }),
                "ValidationError",
            ),
            (
                "no errors of attributes",
                "showValidationError",
                json!({ "message": "No." }),
                "ValidationError",
            ),
            (
                "without message",
                "showValidationError",
                json!({ "attributeErrors": {} }),
                "1003003",
            ),
            (
                "an error is null",
                "showValidationError",
                json!({ "message": "No.", "attributeErrors": { "displayName": null } }),
                "1003003",
            ),
            (
                "errors are a list",
                "showValidationError",
                json!({ "message": "No.", "attributeErrors": [] }),
                "1003003",
            ),
        ] {
            let mut body = members;
            body["@odata.type"] = json!(format!("{SUBMIT}.{action}"));
            let judgement = act(event, body);
            assert_eq!(code(&judgement), expected, "{action} {why}: {judgement:?}");
        }
    }

    #[test]
    fn attributes_keep_their_names_and_types() {
        let modify = |attributes: Value| {
            let action = format!("{SUBMIT}.modifyAttributeValues");
            act(
                EventKind::AttributeCollectionSubmit,
                json!({ "@odata.type": action, "attributes": attributes }),
            )
        };
        let points = format!("extension_{APP_ID}_Points");
        let judgement = modify(json!({
            "displayName": "J.", points.as_str(): 100, "Points": 1, "city": "Leeds",
        }));
        let attributes = json!({ "displayName": "J.", points.as_str(): 100 });
        assert_eq!(
            judgement.verdict,
            Ok(EventOutcome::Modify {
                attributes: attributes.as_object().unwrap().clone()
            })
        );
        assert_eq!(judgement.warnings.len(), 2);
        for wrong in [
            json!({ points.as_str(): "100" }),
            json!({ points.as_str(): 1.5 }),
            json!({ "displayName": 1 }),
            json!({ "displayName": null }),
        ] {
            assert_eq!(code(&modify(wrong.clone())), "1003003", "{wrong}");
        }
        let prefill = |inputs: Value| {
            let action = format!("{START}.setPrefillValues");
            act(
                EventKind::AttributeCollectionStart,
                json!({ "@odata.type": action, "inputs": inputs }),
            )
        };
        let tier = format!("extension_{APP_ID}_Tier");
        let judgement = prefill(json!({
            "country": "gb", tier.as_str(): "gold", "Tier": "gold", "extension_Tier": "gold",
        }));
        let inputs = json!({ "country": "gb", tier.as_str(): "gold" });
        assert_eq!(
            judgement.verdict,
            Ok(EventOutcome::Prefill {
                inputs: inputs.as_object().unwrap().clone()
            })
        );
        assert_eq!(judgement.warnings.len(), 2);
        assert_eq!(code(&prefill(json!({ "country": null }))), "1003003");
        assert_eq!(code(&prefill(json!({ "country": [] }))), "1003003");
    }

    #[test]
    fn claims_are_listed_texts_of_3_kb() {
        let provide = |claims: Value| {
            let action = format!("{TOKEN}.provideClaimsForToken");
            act(
                EventKind::TokenIssuanceStart,
                json!({ "@odata.type": action, "claims": claims }),
            )
        };
        let judgement = provide(json!({
            "customerId": "", "roles": ["a", "b"], "CustomerId": "7", "tier": "gold",
        }));
        let claims = json!({ "customerId": "", "roles": ["a", "b"] });
        assert_eq!(
            judgement.verdict,
            Ok(EventOutcome::Claims {
                claims: claims.as_object().unwrap().clone()
            })
        );
        assert_eq!(judgement.warnings.len(), 2);
        for (claims, expected) in [
            (json!({}), "Claims"),
            (json!(null), "1003007"),
            (json!([]), "1003003"),
            (json!({ "customerId": null }), "1003003"),
            (json!({ "customerId": 7 }), "1003003"),
            (json!({ "customerId": true }), "1003003"),
            (json!({ "customerId": {} }), "1003003"),
            (json!({ "roles": ["a", 1] }), "1003003"),
            (json!({ "": "a" }), "1003026"),
            // Three bytes of name: the last one that fits, the first that does not.
            (json!({ "big": "x".repeat(3_069) }), "Claims"),
            (json!({ "big": "x".repeat(3_070) }), "1003025"),
            (
                json!({ "big": ["x".repeat(3_000), "y".repeat(70)] }),
                "1003025",
            ),
        ] {
            let judgement = provide(claims.clone());
            assert_eq!(code(&judgement), expected, "{claims}");
        }
        let missing = json!({ "@odata.type": format!("{TOKEN}.provideClaimsForToken") });
        let judgement = act(EventKind::TokenIssuanceStart, missing);
        assert_eq!(code(&judgement), "1003007");
    }
}
