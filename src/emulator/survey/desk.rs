//! What a tester turns and reads at the emulator, over HTTP as anybody would.

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    filling::{KNOWN_EMAIL, KNOWN_PASSWORD, KNOWN_PROVIDER_ID, KNOWN_USER_NAME},
    story::Story,
};

pub(super) struct Desk {
    http: Client,
    base: String,
}

/// Why the emulator could not be set up as a story wants it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeskError {
    #[error("the emulator does not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("the emulator refuses {what}: {why}")]
    Refused { what: String, why: String },
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Desk {
    pub(super) fn new(http: Client, base: String) -> Self {
        Self { http, base }
    }

    /// As at the beginning: nobody there but those a policy needs.
    pub(super) async fn reset(&self, story: Option<&Story>) -> Result<(), DeskError> {
        let reset = self.http.post(self.url("reset")).send().await?;
        taken(reset, "a reset").await?;
        self.add_user(&known_user()).await?;
        let users = story
            .map(|story| story.users.as_slice())
            .unwrap_or_default();
        for user in users {
            self.add_user(&Value::Object(user.clone())).await?;
        }
        let rules = story.map(|story| story.rest.clone()).unwrap_or_default();
        self.put_rest(rules).await
    }

    async fn add_user(&self, user: &Value) -> Result<(), DeskError> {
        let request = self.http.post(self.url("users")).json(user);
        let what = format!("the user {user}");
        taken(request.send().await?, &what).await
    }

    /// A service that no rule is for takes everything and tells nothing.
    async fn put_rest(&self, rules: Vec<Map<String, Value>>) -> Result<(), DeskError> {
        let mut rules: Vec<Value> = rules.into_iter().map(Value::Object).collect();
        rules.push(json!({ "reply": { "status": 200, "body": {} } }));
        let request = self.http.put(self.url("rest"));
        let response = request.json(&json!({ "rules": rules })).send().await?;
        taken(response, "the rules of REST calls").await
    }

    pub(super) async fn code(&self, address: &str) -> Result<Option<String>, DeskError> {
        #[derive(Deserialize)]
        struct Mail {
            code: String,
        }
        let request = self.http.get(self.url("mailbox"));
        let response = request.query(&[("address", address)]).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(response.json::<Mail>().await?.code))
    }

    pub(super) async fn users(&self) -> Result<Vec<Map<String, Value>>, DeskError> {
        let response = self.http.get(self.url("users")).send().await?;
        Ok(response.json().await?)
    }

    pub(super) async fn audit(&self) -> Result<Vec<Map<String, Value>>, DeskError> {
        let response = self.http.get(self.url("audit")).send().await?;
        Ok(response.json().await?)
    }

    /// The journey's trace, where the emulator keeps one.
    pub(super) async fn trace(&self, journey: &str) -> Result<Option<Value>, DeskError> {
        let request = self.http.get(self.url(&format!("traces/{journey}")));
        let response = request.header("accept", "application/json").send().await?;
        match response.status().is_success() {
            true => Ok(response.json().await.ok()),
            false => Ok(None),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/__emulator/{path}", self.base)
    }
}

async fn taken(response: reqwest::Response, what: &str) -> Result<(), DeskError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let why = match response.json::<Refusal>().await {
        Ok(refusal) => refusal.error,
        Err(_) => status.to_string(),
    };
    Err(DeskError::Refused {
        what: what.to_owned(),
        why,
    })
}

/// What policies call the usual providers (`identityProvider`).
const PROVIDERS: [&str; 6] = [
    "facebook.com",
    "google.com",
    "live.com",
    "linkedin.com",
    "twitter.com",
    "amazon.com",
];

fn known_user() -> Value {
    let identities =
        PROVIDERS.map(|issuer| json!({ "issuer": issuer, "subject": KNOWN_PROVIDER_ID }));
    json!({
        "signInNames": { "emailAddress": KNOWN_EMAIL, "userName": KNOWN_USER_NAME },
        "password": KNOWN_PASSWORD,
        "otherMails": [KNOWN_EMAIL],
        "identities": identities,
        "attributes": {
            "displayName": "Robin Known",
            "givenName": "Robin",
            "surname": "Known",
            "strongAuthenticationEmailAddress": KNOWN_EMAIL,
        },
    })
}
