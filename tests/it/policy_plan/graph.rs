//! Microsoft Graph as its documents describe it, as far as a plan asks it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(super) const TOKEN: &str = "eyJ0-token-of-the-test";

#[derive(Default)]
pub(super) struct State {
    pub(super) policies: BTreeMap<String, String>,
    /// Bodies of the actions that filled them.
    pub(super) key_sets: BTreeMap<String, Vec<Value>>,
    pub(super) connectors: Vec<Value>,
    /// Steps of the one user flow, and the connectors' ids.
    pub(super) flow: BTreeMap<String, String>,
    /// What is sent instead of an answer, once each, to requests that change
    /// something: the beginning of a line of the log, and the answer.
    pub(super) instead: VecDeque<(String, ResponseTemplate)>,
    /// `PUT /beta/…`
    pub(super) log: Vec<String>,
}

pub(super) struct Graph {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

struct Answers(Arc<Mutex<State>>);

impl Graph {
    pub(super) async fn start() -> Self {
        let server = MockServer::start().await;
        let state = Arc::new(Mutex::new(State::default()));
        let mock = Mock::given(any()).respond_with(Answers(Arc::clone(&state)));
        mock.mount(&server).await;
        Self { server, state }
    }

    pub(super) fn url(&self) -> String {
        self.server.uri()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn instead(&self, of: &str, answer: ResponseTemplate) {
        self.state().instead.push_back((of.to_owned(), answer));
    }

    /// Requests that change something, since the last look.
    pub(super) fn changes(&self) -> Vec<String> {
        let log = std::mem::take(&mut self.state().log);
        log.into_iter()
            .filter(|line| !line.starts_with("GET "))
            .collect()
    }
}

pub(super) fn refusal(status: u16, code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({
        "error": {"code": code, "message": message, "innerError": {"request-id": "7c1e"}},
    }))
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let path = request.url.path().to_owned();
        let line = format!("{} {path}", request.method);
        state.log.push(line.clone());
        let authorization = request.headers.get("authorization");
        if authorization.is_none_or(|sent| sent != &format!("Bearer {TOKEN}")) {
            return refusal(401, "InvalidAuthenticationToken", "Access token is empty.");
        }
        let next = state.instead.front();
        if next.is_some_and(|(of, _)| line.starts_with(of.as_str())) {
            return state.instead.pop_front().unwrap().1;
        }
        let names: Vec<_> = path.split('/').skip(1).collect();
        let method = request.method.as_str();
        match &names[..] {
            ["beta", "trustFramework", "policies", id, "$value"] => {
                policy(&mut state, method, id, request)
            }
            ["beta", "trustFramework", "keySets", rest @ ..] => {
                key_set(&mut state, method, rest, request)
            }
            ["v1.0", "identity", "apiConnectors", rest @ ..] => {
                connector(&mut state, method, rest, request)
            }
            [
                "beta",
                "identity",
                "b2cUserFlows",
                "B2C_1_signup",
                "apiConnectorConfiguration",
                rest @ ..,
            ] => flow(&mut state, method, rest, request),
            _ => refusal(404, "NotFound", "There is nothing here."),
        }
    }
}

fn policy(state: &mut State, method: &str, id: &str, request: &Request) -> ResponseTemplate {
    if method == "GET" {
        return match state.policies.get(id) {
            Some(text) => ResponseTemplate::new(200).set_body_raw(text.clone(), "application/xml"),
            None => refusal(404, "NotFound", "The policy does not exist."),
        };
    }
    assert_eq!(request.headers["content-type"], "application/xml");
    let text = String::from_utf8(request.body.clone()).unwrap();
    let status = match state.policies.insert(id.to_owned(), text.clone()) {
        Some(_) => 200,
        None => 201,
    };
    ResponseTemplate::new(status).set_body_raw(text, "application/xml")
}

fn key_set(state: &mut State, method: &str, rest: &[&str], request: &Request) -> ResponseTemplate {
    let none = || refusal(404, "NotFound", "The key set does not exist.");
    match (method, rest) {
        ("GET", [id]) => match state.key_sets.get(*id) {
            Some(keys) => {
                let keys: Vec<_> = keys.iter().map(|_| json!({"kid": "k"})).collect();
                ResponseTemplate::new(200).set_body_json(json!({"id": id, "keys": keys}))
            }
            None => none(),
        },
        ("POST", []) => {
            let body: Value = request.body_json().unwrap();
            let id = body["id"].as_str().unwrap().to_owned();
            if state.key_sets.contains_key(&id) {
                return refusal(409, "AADB2C", "The key set exists already.");
            }
            state.key_sets.insert(id.clone(), Vec::new());
            ResponseTemplate::new(201).set_body_json(json!({"id": id, "keys": []}))
        }
        ("POST", [id, action]) => match state.key_sets.get_mut(*id) {
            Some(keys) => {
                let mut body: Value = request.body_json().unwrap();
                body["action"] = json!(action);
                keys.push(body);
                ResponseTemplate::new(200).set_body_json(json!({"kid": "k"}))
            }
            None => none(),
        },
        _ => none(),
    }
}

fn connector(
    state: &mut State,
    method: &str,
    rest: &[&str],
    request: &Request,
) -> ResponseTemplate {
    let masked = |connector: &Value| {
        let mut shown = connector.clone();
        shown["authenticationConfiguration"]["password"] = json!("******");
        shown
    };
    match (method, rest) {
        ("GET", []) => {
            let shown: Vec<_> = state.connectors.iter().map(masked).collect();
            ResponseTemplate::new(200).set_body_json(json!({"value": shown}))
        }
        ("POST", []) => {
            let mut body: Value = request.body_json().unwrap();
            body["id"] = json!(format!("connector-{}", state.connectors.len()));
            state.connectors.push(body.clone());
            ResponseTemplate::new(201).set_body_json(masked(&body))
        }
        ("PATCH", [id]) => {
            let mut body: Value = request.body_json().unwrap();
            body["id"] = json!(id);
            let found = state.connectors.iter_mut().find(|one| one["id"] == *id);
            *found.unwrap() = body;
            ResponseTemplate::new(204)
        }
        _ => refusal(404, "NotFound", "There is no such connector."),
    }
}

fn flow(state: &mut State, method: &str, rest: &[&str], request: &Request) -> ResponseTemplate {
    match (method, rest) {
        ("GET", []) => {
            let shown = |step: &str| match state.flow.get(step) {
                Some(id) => json!({"id": id}),
                None => Value::Null,
            };
            ResponseTemplate::new(200).set_body_json(json!({
                "postFederationSignup": shown("postFederationSignup"),
                "postAttributeCollection": shown("postAttributeCollection"),
            }))
        }
        ("PUT", [step, "$ref"]) => {
            let body: Value = request.body_json().unwrap();
            let (_, id) = body["@odata.id"]
                .as_str()
                .unwrap()
                .rsplit_once('/')
                .unwrap();
            state.flow.insert((*step).to_owned(), id.to_owned());
            ResponseTemplate::new(204)
        }
        _ => refusal(404, "NotFound", "There is no such step."),
    }
}
