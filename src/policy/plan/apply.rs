//! A plan carried out: each step looks first what is there, so that it can be
//! taken again after whatever went wrong.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::set::PolicySet;
use super::super::source::{FileId, Span};
use super::blame;
use super::graph::{Graph, GraphError, Made, Payload};
use super::requests::{
    CONNECTORS, KEY_SETS, attachment_path, fill, flow_path, key_path, policy_path, reference,
};
use super::same;
use super::templates::{ApiConnector, Attachment, Connector, Key};
use super::{Plan, Policy, Step, What};

const BEGIN: &str = "{Secret:";

/// Of the list of a tenant's API connectors, which has one or two.
const MOST_PAGES: usize = 100;

/// Whether what is the same already is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    Never,
    Always,
}

/// How patiently Graph is asked.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often a step is tried in all.
    pub attempts: u32,
    /// Doubles with every attempt, where Graph does not say how long.
    pub first_wait: Duration,
    /// Whoever wants us to wait longer is not waited for.
    pub longest_wait: Duration,
}

/// For whoever watches.
#[derive(Debug)]
pub enum Event<'a> {
    Began(&'a Step),
    Waits {
        step: &'a Step,
        wait: Duration,
        why: &'a str,
    },
    Ended(&'a Step, Outcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
    /// A key set that has a key: what it is, Graph does not tell.
    LeftAlone,
}

/// Where a plan ended before its end.
#[derive(Debug)]
pub struct Stopped {
    /// Steps that were taken.
    pub done: usize,
    pub error: ApplyError,
    /// What the error is about, as far as it can be told.
    pub place: Span,
}

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error("{error}; given up after {attempts} attempts")]
    GivenUp { error: GraphError, attempts: u32 },
    #[error("{error}; Graph asks to wait {}: try again then", long(*wait))]
    TooBusy { error: GraphError, wait: Duration },
    #[error("the environment variable {0} is not set: it holds the secret")]
    NoSecret(String),
    #[error("Graph named the key set {0}: policies that refer to the planned name do not find it")]
    OtherName(String),
    #[error("the tenant has {0} API connectors of that name: take all but one away")]
    Ambiguous(usize),
    #[error("the tenant has no API connector {0}")]
    NoConnector(String),
    #[error("the tenant has no user flow {0}: create it first")]
    NoFlow(String),
}

/// The variables of the environment that hold secrets.
pub type Secrets<'a> = &'a dyn Fn(&str) -> Option<SecretString>;

/// Takes the steps one after the other, until one is refused.
pub async fn apply(
    plan: &Plan,
    set: &PolicySet,
    graph: &Graph,
    (resend, pace): (Resend, Pace),
    secrets: Secrets<'_>,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<(), Stopped> {
    let mut run = Run {
        graph,
        set,
        resend,
        secrets,
        connectors: HashMap::new(),
        sent: HashSet::new(),
    };
    for (done, step) in plan.steps.iter().enumerate() {
        watch(Event::Began(step));
        match run.patiently(step, pace, watch).await {
            Ok(outcome) => watch(Event::Ended(step, outcome)),
            Err(error) => {
                let place = place(set, step, &error);
                return Err(Stopped { done, error, place });
            }
        }
    }
    Ok(())
}

fn place(set: &PolicySet, step: &Step, error: &ApplyError) -> Span {
    match (&step.what, error) {
        (What::Policy(_), ApplyError::Graph(GraphError::Refused(refusal))) => {
            blame::place(set, step.file, &refusal.message)
        }
        (What::Policy(_), _) => blame::place(set, step.file, ""),
        (What::Key(_) | What::Connector(_) | What::Attachment(_), _) => {
            let text = set.sources.get(step.file).text();
            let name = match &step.what {
                What::Key(key) => &key.id,
                What::Connector(connector) => &connector.name,
                What::Attachment(attachment) => &attachment.step,
                What::Policy(policy) => &policy.id,
            };
            let at = text.find(&format!("\"{name}\"")).map_or(0, |at| at + 1);
            let length = if at == 0 { 0 } else { name.len() };
            let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            Span {
                file: step.file,
                start: offset(at),
                end: offset(at + length),
            }
        }
    }
}

struct Run<'a> {
    graph: &'a Graph,
    set: &'a PolicySet,
    resend: Resend,
    secrets: Secrets<'a>,
    /// The ids of connectors by their names.
    connectors: HashMap<String, String>,
    /// Policies that the tenant has anew.
    sent: HashSet<FileId>,
}

impl Run<'_> {
    /// Again, as long as there is hope.
    async fn patiently(
        &mut self,
        step: &Step,
        pace: Pace,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, ApplyError> {
        let mut wait = pace.first_wait;
        let mut attempt = 1;
        let mut is_uncertain = false;
        loop {
            let error = match self.once(step).await {
                // It was done by a request whose answer got lost.
                Ok(Outcome::Unchanged) if is_uncertain => return Ok(Outcome::Updated),
                Ok(outcome) => return Ok(outcome),
                Err(ApplyError::Graph(error)) => self.hidden(step, error),
                Err(error) => return Err(error),
            };
            let asked = match &error {
                GraphError::Refused(_) | GraphError::Strange(_) => return Err(error.into()),
                GraphError::Busy { after, .. } => *after,
                GraphError::Lost(_) => {
                    is_uncertain = true;
                    None
                }
            };
            // "Now" is no answer to how long: it would be asked without a pause.
            let pause = asked.filter(|asked| !asked.is_zero()).unwrap_or(wait);
            if pause > pace.longest_wait {
                return Err(ApplyError::TooBusy { error, wait: pause });
            }
            if attempt >= pace.attempts {
                return Err(ApplyError::GivenUp {
                    error,
                    attempts: attempt,
                });
            }
            watch(Event::Waits {
                step,
                wait: pause,
                why: &error.to_string(),
            });
            tokio::time::sleep(pause).await;
            attempt += 1;
            wait = (wait * 2).min(pace.longest_wait);
        }
    }

    /// Without the secrets that the step sends, should an answer repeat them.
    fn hidden(&self, step: &Step, error: GraphError) -> GraphError {
        let mut names = Vec::new();
        match &step.what {
            What::Key(key) => names_of_secrets(&fill(key).1, &mut names),
            What::Connector(connector) => names_of_secrets(&connector.body, &mut names),
            What::Policy(_) | What::Attachment(_) => {}
        }
        let secrets = names.into_iter().filter_map(|name| (self.secrets)(&name));
        secrets.fold(error, |error, secret| error.without(&secret))
    }

    async fn once(&mut self, step: &Step) -> Result<Outcome, ApplyError> {
        match &step.what {
            What::Key(key) => self.key(key).await,
            What::Connector(connector) => self.connector(connector).await,
            What::Policy(policy) => self.policy(policy, step.file).await,
            What::Attachment(attachment) => self.attachment(attachment).await,
        }
    }

    async fn key(&self, key: &Key) -> Result<Outcome, ApplyError> {
        let id = match self.graph.read_json(&key_path(&key.id)).await? {
            Some(set) => {
                let keys = set["keys"].as_array();
                if keys.is_some_and(|keys| !keys.is_empty()) {
                    return Ok(Outcome::LeftAlone);
                }
                key.id.clone()
            }
            None => self.new_key_set(&key.id).await?,
        };
        let (action, mut body) = fill(key);
        self.fill_secrets(&mut body)?;
        let path = format!("{}/{action}", key_path(&id));
        self.graph
            .send(Method::POST, &path, Payload::Json(&body))
            .await?;
        Ok(Outcome::Created)
    }

    /// "It can be modified by the service" (Graph, Create trustFrameworkKeySet).
    async fn new_key_set(&self, id: &str) -> Result<String, ApplyError> {
        let body = json!({"id": id});
        let answer = self
            .graph
            .send(Method::POST, KEY_SETS, Payload::Json(&body));
        let made = super::graph::parse(&answer.await?.body)?;
        match made["id"].as_str() {
            Some(made) if made.eq_ignore_ascii_case(id) => Ok(made.to_owned()),
            Some(other) => Err(ApplyError::OtherName(other.to_owned())),
            None => Ok(id.to_owned()),
        }
    }

    async fn connector(&mut self, connector: &ApiConnector) -> Result<Outcome, ApplyError> {
        let existing = self.find_connector(&connector.name).await?;
        if let Some(found) = &existing
            && self.resend == Resend::Never
            && is_like(&found.body, &connector.body)
        {
            self.remember(connector, &found.id);
            return Ok(Outcome::Unchanged);
        }
        let mut body = connector.body.clone();
        self.fill_secrets(&mut body)?;
        if let Some(found) = existing {
            let path = format!("{CONNECTORS}/{}", super::requests::segment(&found.id));
            let payload = Payload::Json(&body);
            self.graph.send(Method::PATCH, &path, payload).await?;
            self.remember(connector, &found.id);
            return Ok(Outcome::Updated);
        }
        let answer = self
            .graph
            .send(Method::POST, CONNECTORS, Payload::Json(&body));
        let made = super::graph::parse(&answer.await?.body)?;
        let id = made["id"].as_str().ok_or_else(|| {
            GraphError::Strange("Graph did not tell the new API connector's id".to_owned())
        })?;
        self.remember(connector, id);
        Ok(Outcome::Created)
    }

    fn remember(&mut self, connector: &ApiConnector, id: &str) {
        self.connectors
            .insert(connector.name.clone(), id.to_owned());
    }

    async fn find_connector(&self, name: &str) -> Result<Option<Existing>, ApplyError> {
        let mut found = Vec::new();
        let mut next = Some(CONNECTORS.to_owned());
        let mut pages = 0;
        while let Some(path) = next.take() {
            pages += 1;
            if pages > MOST_PAGES {
                let told = "Graph's list of API connectors does not end";
                return Err(GraphError::Strange(told.to_owned()).into());
            }
            let Some(mut page) = self.graph.read_json(&path).await? else {
                break;
            };
            let Some(Value::Array(connectors)) = page.get_mut("value").map(Value::take) else {
                let told = "Graph's list of API connectors is none: check the address";
                return Err(GraphError::Strange(told.to_owned()).into());
            };
            let of_name = |one: &Value| one["displayName"] == name;
            found.extend(connectors.into_iter().filter(of_name));
            if let Some(link) = page["@odata.nextLink"].as_str() {
                // It must not lead the token elsewhere.
                let path = link.strip_prefix(self.graph.base());
                let path = path.filter(|path| path.starts_with('/')).ok_or_else(|| {
                    GraphError::Strange("Graph continues a list at another address".to_owned())
                })?;
                next = Some(path.to_owned());
            }
        }
        if found.len() > 1 {
            return Err(ApplyError::Ambiguous(found.len()));
        }
        let Some(body) = found.pop() else {
            return Ok(None);
        };
        let id = body["id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| GraphError::Strange(format!("Graph does not tell the id of {name}")))?;
        Ok(Some(Existing { id, body }))
    }

    async fn policy(&mut self, policy: &Policy, file: FileId) -> Result<Outcome, ApplyError> {
        let path = policy_path(&policy.id);
        // What has been checked against another base is checked again.
        let lineage = self.set.lineage(file);
        let is_base_new = lineage.iter().any(|base| self.sent.contains(&base.file));
        if self.resend == Resend::Never
            && !is_base_new
            && let Some(there) = self.graph.read(&path).await?
            && same::policies(file, &policy.content, &there)
        {
            return Ok(Outcome::Unchanged);
        }
        let payload = Payload::Xml(&policy.content);
        let answer = self.graph.send(Method::PUT, &path, payload).await?;
        self.sent.insert(file);
        Ok(match answer.made {
            Made::New => Outcome::Created,
            Made::Old => Outcome::Updated,
        })
    }

    async fn attachment(&self, attachment: &Attachment) -> Result<Outcome, ApplyError> {
        let id = match &attachment.connector {
            Connector::None => None,
            Connector::WithId(id) => Some(id.clone()),
            Connector::Named(name) => Some(match self.connectors.get(name) {
                Some(id) => id.clone(),
                None => {
                    let found = self.find_connector(name).await?;
                    found
                        .ok_or_else(|| ApplyError::NoConnector(name.clone()))?
                        .id
                }
            }),
        };
        let path = format!(
            "{}?$expand=postFederationSignup,postAttributeCollection",
            flow_path(&attachment.flow)
        );
        let there = self.graph.read_json(&path).await?;
        let there = there.ok_or_else(|| ApplyError::NoFlow(attachment.flow.clone()))?;
        let there = there[&attachment.step]["id"].as_str();
        if self.resend == Resend::Never && there == id.as_deref() {
            return Ok(Outcome::Unchanged);
        }
        let body = reference(self.graph.base(), id.as_deref());
        let path = attachment_path(attachment);
        self.graph
            .send(Method::PUT, &path, Payload::Json(&body))
            .await?;
        Ok(match there {
            Some(_) => Outcome::Updated,
            None => Outcome::Created,
        })
    }

    fn fill_secrets(&self, value: &mut Value) -> Result<(), ApplyError> {
        match value {
            Value::String(text) => {
                if let Some(name) = name_of_secret(text) {
                    let secret = (self.secrets)(name);
                    let secret = secret.ok_or_else(|| ApplyError::NoSecret(name.to_owned()))?;
                    *text = secret.expose_secret().to_owned();
                }
                Ok(())
            }
            Value::Array(items) => items
                .iter_mut()
                .try_for_each(|item| self.fill_secrets(item)),
            Value::Object(members) => members
                .iter_mut()
                .try_for_each(|(_, member)| self.fill_secrets(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
}

fn name_of_secret(text: &str) -> Option<&str> {
    text.strip_prefix(BEGIN)?.strip_suffix('}')
}

fn names_of_secrets(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => names.extend(name_of_secret(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| names_of_secrets(item, names)),
        Value::Object(members) => members
            .iter()
            .for_each(|(_, member)| names_of_secrets(member, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Seconds are for short times.
fn long(wait: Duration) -> String {
    match wait.as_secs() {
        seconds @ 0..=599 => format!("{seconds} s"),
        seconds @ 600..=7_199 => format!("{} min", seconds.div_ceil(60)),
        seconds @ 7_200..=172_799 => format!("{} h", seconds.div_ceil(3600)),
        _ => "for days".to_owned(),
    }
}

struct Existing {
    id: String,
    body: Value,
}

/// Whether a connector is as planned, as far as Graph tells: it masks passwords
/// and shows of a certificate only its thumbprint.
fn is_like(there: &Value, planned: &Value) -> bool {
    let authentication = |of: &Value| of["authenticationConfiguration"].clone();
    let (there_by, planned_by) = (authentication(there), authentication(planned));
    let is_certificate = |by: &Value| {
        let kind = by["@odata.type"].as_str().unwrap_or_default();
        kind.ends_with("ertificate") || kind.ends_with("ertificateAuthentication")
    };
    there["targetUrl"] == planned["targetUrl"]
        && there_by["username"] == planned_by["username"]
        && is_certificate(&there_by) == is_certificate(&planned_by)
}
