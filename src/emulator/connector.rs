//! Calling an API connector as a user flow does: its bodies, its credentials.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Serialize, ser::SerializeMap};
use serde_json::Value;

use super::{
    directory::User,
    exchange::{Call, Outgoing, Patience, basic, json_content_type},
    judge::{BUILT_IN, Step},
    settings::{Connector, FederatedIdentity, LocalVariant, PreTokenVariant, Variants},
};

/// The person as a step knows them.
pub(super) struct Subject<'a> {
    pub(super) email: Option<&'a str>,
    pub(super) federated: Option<&'a FederatedIdentity>,
    pub(super) attributes: &'a BTreeMap<String, Value>,
    /// Only when the user exists.
    pub(super) object_id: Option<uuid::Uuid>,
}

impl<'a> From<&'a User> for Subject<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            email: user.email(),
            federated: user.federated(),
            attributes: &user.attributes,
            object_id: Some(user.object_id),
        }
    }
}

/// What all bodies of a journey share.
pub(super) struct Context<'a> {
    pub(super) client_id: &'a str,
    pub(super) ui_locales: &'a str,
    pub(super) extensions_app_id: &'a str,
    pub(super) tenant_domain: &'a str,
    pub(super) variants: &'a Variants,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    sign_in_type: &'static str,
    issuer: &'a str,
    issuer_assigned_id: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(&'a str),
    Value(&'a Value),
    Identities([Identity<'a>; 1]),
}

/// A flat JSON object whose members keep their order.
struct Body<'a>(Vec<(String, Member<'a>)>);

impl Serialize for Body<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The body of a step. What has no value is left out, never null. The order
/// of members is that of the documents and of the one published capture.
pub(super) fn body(
    step: Step,
    context: &Context<'_>,
    subject: &Subject<'_>,
) -> Result<Vec<u8>, serde_json::Error> {
    let head = head(step, context);
    let (email, identities) = addresses(context, subject);
    let attributes = attributes(context, subject);
    let object_id = subject.object_id.map(|id| Value::from(id.to_string()));
    let object_id = object_id
        .as_ref()
        .map(|id| entry("objectId", Member::Value(id)));
    let members: Vec<_> = match step {
        Step::PostFederationSignup => email
            .into_iter()
            .chain(identities)
            .chain(attributes)
            .chain(head)
            .collect(),
        Step::PostAttributeCollection => head
            .into_iter()
            .chain(email)
            .chain(attributes)
            .chain(identities)
            .collect(),
        Step::PreTokenIssuance => head
            .into_iter()
            .chain(email)
            .chain(object_id)
            .chain(attributes)
            .chain(identities)
            .collect(),
    };
    serde_json::to_vec(&Body(members))
}

fn head<'a>(step: Step, context: &Context<'a>) -> Vec<(String, Member<'a>)> {
    let s1 = step == Step::PreTokenIssuance && context.variants.pretoken == PreTokenVariant::S1;
    let client = if s1 { "clientId" } else { "client_id" };
    let name = if s1 {
        "PreTokenApplicationClaims"
    } else {
        step.name()
    };
    let client = entry(client, Member::Text(context.client_id));
    let step_entry = entry("step", Member::Text(name));
    let locale = entry("ui_locales", Member::Text(context.ui_locales));
    match step {
        Step::PreTokenIssuance => vec![client, step_entry, locale],
        _ => vec![step_entry, client, locale],
    }
}

type Addresses<'a> = (Option<(String, Member<'a>)>, Option<(String, Member<'a>)>);

fn addresses<'a>(context: &Context<'a>, subject: &Subject<'a>) -> Addresses<'a> {
    let identities = |identity| entry("identities", Member::Identities([identity]));
    let email = subject
        .email
        .map(|email| entry("email", Member::Text(email)));
    match (subject.federated, subject.email) {
        (Some(federated), _) => {
            let identity = Identity {
                sign_in_type: "federated",
                issuer: &federated.issuer,
                issuer_assigned_id: &federated.subject,
            };
            (email, Some(identities(identity)))
        }
        (None, Some(address)) if context.variants.local == LocalVariant::Identities => {
            let identity = Identity {
                sign_in_type: "emailAddress",
                issuer: context.tenant_domain,
                issuer_assigned_id: address,
            };
            (None, Some(identities(identity)))
        }
        (None, _) => (email, None),
    }
}

fn attributes<'a>(context: &Context<'_>, subject: &Subject<'a>) -> Vec<(String, Member<'a>)> {
    let has_value = |value: &Value| value.as_str() != Some("");
    let built_in = BUILT_IN.iter().filter_map(|name| {
        let value = subject.attributes.get(*name)?;
        Some(((*name).to_owned(), value))
    });
    let custom = subject.attributes.iter().filter_map(|(name, value)| {
        let short = name.strip_prefix("extension_")?;
        let long = format!("extension_{}_{short}", context.extensions_app_id);
        Some((long, value))
    });
    built_in
        .chain(custom)
        .filter(|(_, value)| has_value(value))
        .map(|(name, value)| (name, Member::Value(value)))
        .collect()
}

fn entry<'a>(name: &str, value: Member<'a>) -> (String, Member<'a>) {
    (name.to_owned(), value)
}

/// Places the call at the tenant's connector.
pub(super) async fn call(
    http: &reqwest::Client,
    connector: &Connector,
    variants: &Variants,
    body: &[u8],
) -> Call {
    let outgoing = Outgoing {
        method: Method::POST,
        url: connector.url.clone(),
        headers: vec![
            json_content_type(),
            basic(&connector.username, &connector.password),
        ],
        body: Some(body.to_vec()),
    };
    let patience = Patience {
        limit_ms: variants.time_limit_ms,
        retries: 1,
        retry_on: &variants.retry_on,
    };
    outgoing.place(http, &patience).await
}
