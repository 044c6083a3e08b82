//! Whether a connector's reply is what the platform accepts, and what it
//! means. Pure: the reply in, a judgement out.
//!
//! Sources: Microsoft's "Add API connectors to sign-up user flows" and "Enrich
//! tokens with claims from external sources using API connectors"; the wording
//! of the failures is that of published reports. What no document tells is
//! listed as inferred in README.md beside this file.

use serde_json::{Map, Value};

use super::{
    exchange::{Exchange, Members, StatusName, media_type},
    settings::{Attribute, AttributeKind, UserFlow},
};

/// A point of the journey at which the flow may call out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    PostFederationSignup,
    PostAttributeCollection,
    PreTokenIssuance,
}

impl Step {
    pub(super) fn read(name: &str) -> Option<Self> {
        let all = [
            Self::PostFederationSignup,
            Self::PostAttributeCollection,
            Self::PreTokenIssuance,
        ];
        all.into_iter().find(|step| step.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PostFederationSignup => "PostFederationSignup",
            Self::PostAttributeCollection => "PostAttributeCollection",
            Self::PreTokenIssuance => "PreTokenIssuance",
        }
    }

    /// The claims exchange that error texts name. Only the second has been
    /// seen; the others follow its pattern.
    fn exchange(self) -> &'static str {
        match self {
            Self::PostFederationSignup => "PostFederationSignupRestful",
            Self::PostAttributeCollection => "PreUserWriteRestful",
            Self::PreTokenIssuance => "PreTokenIssuanceRestful",
        }
    }

    fn allows(self, action: Action) -> bool {
        match (self, action) {
            (_, Action::Continue) | (Self::PostAttributeCollection, _) => true,
            (Self::PostFederationSignup, Action::ShowBlockPage) => true,
            (Self::PostFederationSignup, Action::ValidationError) => false,
            (Self::PreTokenIssuance, Action::ShowBlockPage | Action::ValidationError) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Continue,
    ShowBlockPage,
    ValidationError,
}

/// What the journey does next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Continue(Map<String, Value>),
    Block(String),
    Invalid(String),
    Failed(Failure),
}

impl Verdict {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Continue(_) => "Continue",
            Self::Block(_) => "ShowBlockPage",
            Self::Invalid(_) => "ValidationError",
            Self::Failed(_) => "Failed",
        }
    }
}

/// What the technical page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) text: String,
    /// For whoever reads the audit log: what was wrong with the reply.
    pub(super) why: String,
}

#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) warnings: Vec<String>,
}

/// What the judge has to know of the tenant.
pub(super) struct Bench<'a> {
    pub(super) step: Step,
    pub(super) flow: &'a UserFlow,
    pub(super) extensions_app_id: &'a str,
    /// Custom attributes that exist in the tenant, by short name.
    pub(super) custom: &'a [Attribute],
}

impl Bench<'_> {
    pub(super) fn judge(&self, exchange: &Exchange) -> Judgement {
        let mut warnings = Vec::new();
        let verdict = self
            .verdict(exchange, &mut warnings)
            .unwrap_or_else(Verdict::Failed);
        Judgement { verdict, warnings }
    }

    fn verdict(&self, exchange: &Exchange, warnings: &mut Vec<String>) -> Result<Verdict, Failure> {
        match exchange {
            Exchange::TimedOut { limit_ms }
            | Exchange::NotConnected { limit_ms }
            | Exchange::NotResolved { limit_ms } => Err(self.unreachable(*limit_ms, exchange)),
            Exchange::Broken => Err(self.unparsable("the reply broke off or was no HTTP")),
            Exchange::TooLong => Err(self.unparsable("the reply is longer than 1 MiB")),
            Exchange::Reply {
                status,
                content_type,
                body,
            } => match *status {
                200 => self.accepted(content_type.as_deref(), body, warnings),
                400 => self.bad_request(content_type.as_deref(), body, warnings),
                other => Err(self.http_error(other, "only 200 and 400 are answers")),
            },
        }
    }

    fn accepted(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        warnings: &mut Vec<String>,
    ) -> Result<Verdict, Failure> {
        let members = self.members(content_type, body, warnings)?;
        let action = self.action(&members)?;
        if action == Action::ValidationError {
            return Err(self.unparsable("ValidationError came with HTTP 200, not 400"));
        }
        self.allowed(action)?;
        match action {
            Action::Continue => Ok(Verdict::Continue(self.claims(&members, warnings)?)),
            _ => Ok(Verdict::Block(self.text(&members, "userMessage")?)),
        }
    }

    /// A 400 that does not even claim to be a ValidationError is an HTTP
    /// error; one that claims it and is incomplete cannot be parsed.
    fn bad_request(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        warnings: &mut Vec<String>,
    ) -> Result<Verdict, Failure> {
        let claimed = serde_json::from_slice::<Value>(body)
            .is_ok_and(|body| body.get("action").is_some_and(|a| a == "ValidationError"));
        if !claimed {
            return Err(self.http_error(400, "HTTP 400 without a ValidationError body"));
        }
        let members = self.members(content_type, body, warnings)?;
        self.allowed(self.action(&members)?)?;
        match members.get("status") {
            Some(Value::Number(status)) if status.as_u64() == Some(400) => {}
            Some(Value::String(status)) if status == "400" => {}
            Some(_) => return Err(self.unparsable("`status` is not 400")),
            None => return Err(self.unparsable("`status` is missing")),
        }
        Ok(Verdict::Invalid(self.text(&members, "userMessage")?))
    }

    fn members(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        warnings: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Failure> {
        match media_type(content_type).as_deref() {
            Some("application/json") => {}
            Some(other) => {
                return Err(self.unparsable(&format!("the content type is `{other}`")));
            }
            None => return Err(self.unparsable("there is no content type")),
        }
        let Members { members, repeated } = serde_json::from_slice(body)
            .map_err(|error| self.unparsable(&format!("the body is no JSON object: {error}")))?;
        for name in repeated {
            warnings.push(format!("`{name}` is there twice; the last one counted"));
        }
        if let Some((name, _)) = members.iter().find(|(_, value)| value.is_null()) {
            return Err(self.unparsable(&format!("`{name}` is null")));
        }
        self.text(&members, "version")?;
        Ok(members)
    }

    fn action(&self, members: &Map<String, Value>) -> Result<Action, Failure> {
        match self.text(members, "action")?.as_str() {
            "Continue" => Ok(Action::Continue),
            "ShowBlockPage" => Ok(Action::ShowBlockPage),
            "ValidationError" => Ok(Action::ValidationError),
            other => Err(self.unparsable(&format!("there is no action `{other}`"))),
        }
    }

    fn allowed(&self, action: Action) -> Result<(), Failure> {
        if self.step.allows(action) {
            return Ok(());
        }
        let why = format!("{action:?} is not allowed at {}", self.step.name());
        Err(self.unparsable(&why))
    }

    fn text(&self, members: &Map<String, Value>, name: &str) -> Result<String, Failure> {
        match members.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::String(_)) => Err(self.unparsable(&format!("`{name}` is empty"))),
            Some(_) => Err(self.unparsable(&format!("`{name}` is not a string"))),
            None => Err(self.unparsable(&format!("`{name}` is missing"))),
        }
    }

    /// The claims that count at this step, by short name.
    fn claims(
        &self,
        members: &Map<String, Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Map<String, Value>, Failure> {
        let mut claims = Map::new();
        for (name, value) in members {
            if matches!(name.as_str(), "version" | "action" | "status" | "code") {
                continue;
            }
            if !(value.is_string() || value.is_boolean() || value.is_i64()) {
                let why = format!("`{name}` is neither string nor boolean nor integer");
                return Err(self.unparsable(&why));
            }
            match self
                .attribute(name)
                .and_then(|attribute| self.counts(attribute))
            {
                Ok(attribute) => {
                    let value = self.converted(&attribute, value)?;
                    claims.insert(attribute.name, value);
                }
                Err(why) => warnings.push(format!("`{name}` was dropped: {why}")),
            }
        }
        Ok(claims)
    }

    /// The attribute a returned name stands for, or why it stands for none.
    fn attribute(&self, name: &str) -> Result<Attribute, String> {
        if name == "email" || name == "emails" {
            return Err("an e-mail address cannot be returned".to_owned());
        }
        if BUILT_IN.contains(&name) {
            return Ok(Attribute::new(name));
        }
        let Some(rest) = name.strip_prefix("extension_") else {
            return Err(format!(
                "no such claim can be returned; a custom attribute is called `extension_{name}`"
            ));
        };
        let short = match rest.split_once('_') {
            Some((id, short)) if is_app_id(id) && id == self.extensions_app_id => short,
            Some((id, _)) if is_app_id(id) => {
                return Err("its application id is not the b2c-extensions-app's".to_owned());
            }
            _ => rest,
        };
        let full = format!("extension_{short}");
        let known = self.custom.iter().find(|attribute| attribute.name == full);
        known
            .cloned()
            .ok_or_else(|| "the tenant has no such custom attribute".to_owned())
    }

    /// Whether the flow uses the attribute at this step.
    fn counts(&self, attribute: Attribute) -> Result<Attribute, String> {
        let name = &attribute.name;
        let (used, why) = match self.step {
            Step::PostFederationSignup | Step::PostAttributeCollection => (
                self.flow.attributes.iter().any(|a| a.name == *name),
                "it is not ticked under User attributes",
            ),
            Step::PreTokenIssuance => (
                self.flow.application_claims.contains(name),
                "it is not ticked under Application claims",
            ),
        };
        used.then_some(attribute).ok_or_else(|| why.to_owned())
    }

    fn converted(&self, attribute: &Attribute, value: &Value) -> Result<Value, Failure> {
        let converted = match (attribute.kind, value) {
            (AttributeKind::String, Value::String(_))
            | (AttributeKind::Boolean, Value::Bool(_))
            | (AttributeKind::Integer, Value::Number(_)) => Some(value.clone()),
            (AttributeKind::String, other) => Some(other.to_string().into()),
            (AttributeKind::Boolean, Value::String(text)) => {
                text.to_lowercase().parse::<bool>().ok().map(Value::from)
            }
            (AttributeKind::Integer, Value::String(text)) => {
                text.parse::<i64>().ok().map(Value::from)
            }
            _ => None,
        };
        let name = &attribute.name;
        let converted = converted.ok_or_else(|| {
            self.unparsable(&format!("`{name}` does not have its attribute's type"))
        })?;
        let too_long = self.step == Step::PostAttributeCollection
            && converted
                .as_str()
                .is_some_and(|text| text.chars().count() > MAX_STORED);
        if too_long {
            let why =
                format!("`{name}` is longer than the {MAX_STORED} characters of an attribute");
            return Err(self.unparsable(&why));
        }
        Ok(converted)
    }

    fn unparsable(&self, why: &str) -> Failure {
        Failure {
            code: "AADB2C90261",
            text: format!(
                "The claims exchange '{}' specified in step '{}' returned HTTP error response \
                 that could not be parsed.",
                self.step.exchange(),
                self.step.name()
            ),
            why: why.to_owned(),
        }
    }

    fn http_error(&self, status: u16, why: &str) -> Failure {
        let StatusName { code, reason } = StatusName::of(status);
        self.exchange_error(&code, reason, why)
    }

    /// Reported with these words when a connection failed, too, and at once.
    fn unreachable(&self, limit_ms: u64, exchange: &Exchange) -> Failure {
        let reason = format!(
            "Failed to establish connection to restful service end point within timeout limit \
             {} seconds. Restful service URL: ******",
            limit_ms.div_ceil(1000)
        );
        let why = match exchange {
            Exchange::NotConnected { .. } => "no connection could be made",
            Exchange::NotResolved { .. } => "the name of the host is not known",
            _ => "there was no reply within the time limit",
        };
        self.exchange_error("Conflict", &reason, why)
    }

    fn exchange_error(&self, code: &str, reason: &str, why: &str) -> Failure {
        Failure {
            code: "AADB2C90075",
            text: format!(
                "The claims exchange '{}' specified in step '{}' returned HTTP error response \
                 with Code '{code}' and Reason '{reason}'.",
                self.step.exchange(),
                self.step.name()
            ),
            why: why.to_owned(),
        }
    }
}

/// String attributes of the directory (service limits); token-only values may
/// be longer.
pub(super) const MAX_STORED: usize = 250;

/// Built-in user attributes that travel to connectors and back.
pub(super) const BUILT_IN: [&str; 9] = [
    "city",
    "country",
    "displayName",
    "givenName",
    "jobTitle",
    "postalCode",
    "state",
    "streetAddress",
    "surname",
];

fn is_app_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const APP_ID: &str = "a3f09c1b7d6e4c58b2e1905f4d7a6c33";

    fn judged(step: Step, exchange: &Exchange) -> Judgement {
        let attribute = |name: &str, kind| Attribute::new(name).kind(kind);
        let custom = [
            attribute("extension_Number", AttributeKind::String),
            attribute("extension_Terms", AttributeKind::Boolean),
            attribute("extension_Age", AttributeKind::Integer),
        ];
        let mut flow = UserFlow::new("B2C_1_test");
        flow.attributes.extend(custom.clone());
        flow.application_claims.push("extension_Number".to_owned());
        let bench = Bench {
            step,
            flow: &flow,
            extensions_app_id: APP_ID,
            custom: &custom,
        };
        bench.judge(exchange)
    }

    fn reply(status: u16, content_type: &str, body: &str) -> Exchange {
        Exchange::Reply {
            status,
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            body: body.as_bytes().to_vec(),
        }
    }

    fn code_of(judgement: &Judgement) -> &str {
        match &judgement.verdict {
            Verdict::Failed(failure) => failure.code,
            other => other.name(),
        }
    }

    #[test]
    fn an_answer_is_taken_or_refused_as_the_documents_and_reports_say() {
        let json = "application/json";
        let parse = "AADB2C90261";
        let http = "AADB2C90075";
        let go = r#"{"version":"1.0.0","action":"Continue"}"#;
        let stop = r#"{"version":"1.0.0","action":"ShowBlockPage","userMessage":"No."}"#;
        let number =
            r#"{"version":"1.0.0","status":400,"action":"ValidationError","userMessage":"No."}"#;
        let text =
            r#"{"version":"1.0.0","status":"400","action":"ValidationError","userMessage":"No."}"#;
        for (why, status, content_type, body, expected) in [
            ("plain", 200, json, go, "Continue"),
            (
                "a charset",
                200,
                "Application/JSON; charset=utf-8",
                go,
                "Continue",
            ),
            (
                "white space around",
                200,
                json,
                " {\"version\":\"1\",\"action\":\"Continue\"}\r\n",
                "Continue",
            ),
            ("block page", 200, json, stop, "ShowBlockPage"),
            ("status as number", 400, json, number, "ValidationError"),
            ("status as string", 400, json, text, "ValidationError"),
            ("no content type", 200, "", go, parse),
            ("text", 200, "text/plain", go, parse),
            ("problem+json", 200, "application/problem+json", go, parse),
            ("no body", 200, json, "", parse),
            ("no object", 200, json, "[]", parse),
            (
                "bytes after it",
                200,
                json,
                "{\"version\":\"1\",\"action\":\"Continue\"}x",
                parse,
            ),
            ("no version", 200, json, r#"{"action":"Continue"}"#, parse),
            (
                "version a number",
                200,
                json,
                r#"{"version":1,"action":"Continue"}"#,
                parse,
            ),
            ("no action", 200, json, r#"{"version":"1.0.0"}"#, parse),
            (
                "case of action",
                200,
                json,
                r#"{"version":"1.0.0","action":"continue"}"#,
                parse,
            ),
            (
                "case of name",
                200,
                json,
                r#"{"Version":"1.0.0","action":"Continue"}"#,
                parse,
            ),
            (
                "null claim",
                200,
                json,
                r#"{"version":"1","action":"Continue","city":null}"#,
                parse,
            ),
            (
                "list claim",
                200,
                json,
                r#"{"version":"1","action":"Continue","city":["a"]}"#,
                parse,
            ),
            (
                "object claim",
                200,
                json,
                r#"{"version":"1","action":"Continue","x":{}}"#,
                parse,
            ),
            (
                "fraction",
                200,
                json,
                r#"{"version":"1","action":"Continue","city":1.5}"#,
                parse,
            ),
            (
                "wrong type",
                200,
                json,
                r#"{"version":"1","action":"Continue","extension_Age":"old"}"#,
                parse,
            ),
            (
                "block without message",
                200,
                json,
                r#"{"version":"1","action":"ShowBlockPage"}"#,
                parse,
            ),
            (
                "empty message",
                200,
                json,
                r#"{"version":"1","action":"ShowBlockPage","userMessage":""}"#,
                parse,
            ),
            ("validation with 200", 200, json, number, parse),
            (
                "status missing",
                400,
                json,
                r#"{"version":"1","action":"ValidationError","userMessage":"No."}"#,
                parse,
            ),
            (
                "status differs",
                400,
                json,
                r#"{"version":"1","status":409,"action":"ValidationError","userMessage":"No."}"#,
                parse,
            ),
            (
                "version missing",
                400,
                json,
                r#"{"status":400,"action":"ValidationError","userMessage":"No."}"#,
                parse,
            ),
            (
                "message missing",
                400,
                json,
                r#"{"version":"1","status":400,"action":"ValidationError"}"#,
                parse,
            ),
            ("validation as text", 400, "text/plain", number, parse),
            ("block with 400", 400, json, stop, http),
            ("bare 400", 400, json, r#"{"error":"bad"}"#, http),
            ("empty 400", 400, "", "", http),
            ("201", 201, json, go, http),
            ("204", 204, "", "", http),
            ("redirect", 302, json, go, http),
            ("401", 401, json, "{}", http),
            ("409", 409, json, text, http),
            ("500", 500, json, go, http),
            ("no such status", 799, json, go, http),
        ] {
            let judgement = judged(
                Step::PostAttributeCollection,
                &reply(status, content_type, body),
            );
            assert_eq!(code_of(&judgement), expected, "{why}: {judgement:?}");
        }
    }

    #[test]
    fn each_step_has_its_actions() {
        let go = json!({ "version": "1", "action": "Continue" });
        let stop = json!({ "version": "1", "action": "ShowBlockPage", "userMessage": "No." });
        let correct = json!({ "version": "1", "status": 400, "action": "ValidationError",
            "userMessage": "No." });
        let parse = "AADB2C90261";
        for (step, expected) in [
            (
                Step::PostFederationSignup,
                ["Continue", "ShowBlockPage", parse],
            ),
            (
                Step::PostAttributeCollection,
                ["Continue", "ShowBlockPage", "ValidationError"],
            ),
            (Step::PreTokenIssuance, ["Continue", parse, parse]),
        ] {
            for ((status, body), expected) in [(200, &go), (200, &stop), (400, &correct)]
                .into_iter()
                .zip(expected)
            {
                let exchange = reply(status, "application/json", &body.to_string());
                assert_eq!(
                    code_of(&judged(step, &exchange)),
                    expected,
                    "{step:?} {body}"
                );
            }
        }
    }

    #[test]
    fn custom_attributes_count_in_both_spellings_and_bare_names_do_not() {
        let body = json!({
            "version": "1", "action": "Continue",
            format!("extension_{APP_ID}_Number"): "7",
            "extension_Terms": "true",
            "extension_Age": 41,
            "Number": "8",
            "email": "a@b.example",
        });
        let exchange = reply(200, "application/json", &body.to_string());
        let judgement = judged(Step::PostAttributeCollection, &exchange);
        let expected = json!({
            "extension_Number": "7", "extension_Terms": true, "extension_Age": 41,
        });
        assert_eq!(
            judgement.verdict,
            Verdict::Continue(expected.as_object().unwrap().clone())
        );
        assert_eq!(judgement.warnings.len(), 2);

        let judgement = judged(Step::PreTokenIssuance, &exchange);
        let expected = json!({ "extension_Number": "7" });
        assert_eq!(
            judgement.verdict,
            Verdict::Continue(expected.as_object().unwrap().clone())
        );
        assert_eq!(judgement.warnings.len(), 4);
    }

    #[test]
    fn an_empty_value_is_a_value() {
        let body = r#"{"version":"1","action":"Continue","extension_Number":""}"#;
        let judgement = judged(
            Step::PreTokenIssuance,
            &reply(200, "application/json", body),
        );
        let expected = json!({ "extension_Number": "" });
        assert_eq!(
            judgement.verdict,
            Verdict::Continue(expected.as_object().unwrap().clone())
        );
    }

    #[test]
    fn stored_values_have_a_limit_that_token_values_have_not() {
        let long = "x".repeat(MAX_STORED + 1);
        let body = json!({ "version": "1", "action": "Continue", "extension_Number": long });
        let exchange = reply(200, "application/json", &body.to_string());
        let stored = judged(Step::PostAttributeCollection, &exchange);
        assert_eq!(code_of(&stored), "AADB2C90261");
        let issued = judged(Step::PreTokenIssuance, &exchange);
        assert_eq!(code_of(&issued), "Continue");
    }

    #[test]
    fn a_repeated_member_is_warned_about() {
        let body = r#"{"version":"1","action":"Continue","city":"a","city":"b"}"#;
        let step = Step::PostAttributeCollection;
        let judgement = judged(step, &reply(200, "application/json", body));
        assert_eq!(code_of(&judgement), "Continue");
        assert!(
            judgement
                .warnings
                .iter()
                .any(|warning| warning.contains("twice"))
        );
    }
}
