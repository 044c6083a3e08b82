//! The body of an event. Its members keep the order of the captures, in which
//! `userSignUpInfo` comes before `tenantId`, or that of the documents.

use serde::{Serialize, ser::SerializeMap};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{EventKind, ExtensionEvent, Shape};
use crate::emulator::{
    ScriptError, entra::GRAPH, judge::BUILT_IN, keys::derived_id, state::Tenant,
};

/// An object whose members keep their order.
struct Ordered(Vec<(&'static str, Value)>);

impl Serialize for Ordered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Envelope {
    r#type: String,
    source: String,
    data: Ordered,
}

pub(super) fn body(
    tenant: &Tenant,
    event: &ExtensionEvent,
    correlation_id: Uuid,
) -> Result<Vec<u8>, ScriptError> {
    let tenant_id = event.tenant_id.unwrap_or(tenant.id);
    let envelope = Envelope {
        r#type: format!("microsoft.graph.authenticationEvent.{}", event.event.name()),
        source: format!(
            "/tenants/{tenant_id}/applications/{}",
            resource(event).app_id
        ),
        data: Ordered(data(tenant, event, tenant_id, correlation_id)?),
    };
    serde_json::to_vec(&envelope)
        .map_err(|error| ScriptError::misfit(format!("the body cannot be written: {error}")))
}

fn data(
    tenant: &Tenant,
    event: &ExtensionEvent,
    tenant_id: Uuid,
    correlation_id: Uuid,
) -> Result<Vec<(&'static str, Value)>, ScriptError> {
    let name = event.event.name();
    let id = |chosen: Option<Uuid>, what: &str| {
        json!(chosen.unwrap_or_else(|| derived_id(&format!("{what} for {name}"))))
    };
    let about = match event.event {
        EventKind::AttributeCollectionStart | EventKind::AttributeCollectionSubmit => {
            Some(("userSignUpInfo", sign_up_info(tenant, event)?))
        }
        EventKind::EmailOtpSend => Some(("otpContext", otp(event))),
        EventKind::TokenIssuanceStart => None,
    };
    let context = authentication_context(tenant, event, correlation_id);
    let mut members = vec![
        ("@odata.type", json!(callout_type(event.event))),
        ("tenantId", json!(tenant_id)),
        (
            "authenticationEventListenerId",
            id(event.listener_id, "listener"),
        ),
        (
            "customAuthenticationExtensionId",
            id(event.extension_id, "extension"),
        ),
        ("authenticationContext", context),
    ];
    let at = match event.shape {
        Shape::Docs => members.len(),
        Shape::Capture => 1,
    };
    if let Some(about) = about {
        members.insert(at, about);
    }
    Ok(members)
}

/// The data type of `emailOtpSend` is called otherwise than the event.
fn callout_type(event: EventKind) -> &'static str {
    match event {
        EventKind::AttributeCollectionStart => {
            "microsoft.graph.onAttributeCollectionStartCalloutData"
        }
        EventKind::AttributeCollectionSubmit => {
            "microsoft.graph.onAttributeCollectionSubmitCalloutData"
        }
        EventKind::TokenIssuanceStart => "microsoft.graph.onTokenIssuanceStartCalloutData",
        EventKind::EmailOtpSend => "microsoft.graph.onOtpSendCalloutData",
    }
}

struct Resource<'a> {
    app_id: &'a str,
    name: &'a str,
}

/// Microsoft Graph while attributes are collected, the application itself
/// when it is given a token.
fn resource(event: &ExtensionEvent) -> Resource<'_> {
    match event.event {
        EventKind::TokenIssuanceStart => Resource {
            app_id: &event.client_id,
            name: &event.client_name,
        },
        EventKind::AttributeCollectionStart
        | EventKind::AttributeCollectionSubmit
        | EventKind::EmailOtpSend => Resource {
            app_id: GRAPH,
            name: "Microsoft Graph",
        },
    }
}

fn authentication_context(tenant: &Tenant, event: &ExtensionEvent, correlation_id: Uuid) -> Value {
    let principal = |app_id: &str, name: &str| {
        json!({
            "id": derived_id(&format!("service principal of {app_id}")),
            "appId": app_id,
            "appDisplayName": name,
            "displayName": name,
        })
    };
    let ip = match (event.event, &event.ip) {
        (EventKind::EmailOtpSend, _) => "0.0.0.0",
        (_, Some(ip)) => ip,
        (_, None) => "2001:db8::42",
    };
    let resource = resource(event);
    let mut context = json!({
        "correlationId": correlation_id,
        "client": { "ip": ip, "locale": event.locale, "market": event.locale },
        "protocol": "OAUTH2.0",
        "clientServicePrincipal": principal(&event.client_id, &event.client_name),
        "resourceServicePrincipal": principal(resource.app_id, resource.name),
    });
    match event.event {
        EventKind::TokenIssuanceStart => context["user"] = Value::Object(user(tenant, event)),
        EventKind::EmailOtpSend => context["requestType"] = json!("signUp"),
        EventKind::AttributeCollectionStart | EventKind::AttributeCollectionSubmit => {}
    }
    context
}

/// Seen: a local user has a principal name and no `mail`, a federated one the
/// reverse. The documents' sample has both.
fn user(tenant: &Tenant, event: &ExtensionEvent) -> Map<String, Value> {
    let mut user = Map::new();
    let mut set = |name: &str, value: Option<String>| {
        value.map(|value| user.insert(name.to_owned(), value.into()));
    };
    let id = event.object_id.unwrap_or_default();
    set("id", Some(id.to_string()));
    set("userType", Some("Member".to_owned()));
    for name in ["displayName", "givenName", "surname"] {
        let value = event.attributes.get(name).and_then(Value::as_str);
        set(name, value.map(str::to_owned));
    }
    let is_local = event.federated.is_none();
    if event.shape == Shape::Docs || !is_local {
        set("mail", event.email.clone());
    }
    if event.shape == Shape::Docs || is_local {
        set("userPrincipalName", Some(format!("{id}@{}", tenant.domain)));
    }
    user.extend(event.user.clone());
    user.retain(|_, value| !value.is_null());
    user
}

fn otp(event: &ExtensionEvent) -> Value {
    let code = event
        .one_time_code
        .clone()
        .unwrap_or_else(|| format!("{:08}", rand::random::<u32>() % 100_000_000));
    json!({ "identifier": event.email, "oneTimeCode": code })
}

fn sign_up_info(tenant: &Tenant, event: &ExtensionEvent) -> Result<Value, ScriptError> {
    let mut attributes = Map::new();
    for (name, value) in attributes_of(tenant, event) {
        let kind = match &value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_i64() => "int64",
            _ => {
                let text = format!("`{name}` is neither string nor integer nor truth value");
                return Err(ScriptError::misfit(text));
            }
        };
        let origin = match name.starts_with("extension_") {
            true => "directorySchemaExtension",
            false => "builtIn",
        };
        let attribute = json!({
            "@odata.type": format!("microsoft.graph.{kind}DirectoryAttributeValue"),
            "value": value,
            "attributeType": origin,
        });
        attributes.insert(name, attribute);
    }
    let mut info = json!({ "attributes": attributes });
    if let Some(identity) = identity(tenant, event) {
        info["identities"] = json!([identity]);
    }
    Ok(info)
}

/// What the form holds, under the names that travel.
pub(super) fn attributes(tenant: &Tenant, event: &ExtensionEvent) -> Map<String, Value> {
    attributes_of(tenant, event).collect()
}

fn attributes_of(tenant: &Tenant, event: &ExtensionEvent) -> impl Iterator<Item = (String, Value)> {
    let address = match (event.shape, event.event) {
        (Shape::Capture, EventKind::AttributeCollectionStart) => "EmailAddress",
        _ => "email",
    };
    let email = event.email.clone();
    let email = email.map(|email| (address.to_owned(), Value::from(email)));
    let others = event.attributes.clone().into_iter();
    email.into_iter().chain(others.map(|(name, value)| {
        let long = long_name(&tenant.extensions_app_id, &name);
        (long.unwrap_or(name), value)
    }))
}

/// `extension_Points` as it travels. None when the name is built in or long
/// already.
fn long_name(extensions_app_id: &str, name: &str) -> Option<String> {
    if BUILT_IN.contains(&name) {
        return None;
    }
    let short = name.strip_prefix("extension_")?;
    let is_long = short.split_once('_').is_some_and(|(id, _)| id.len() == 32);
    (!is_long).then(|| format!("extension_{extensions_app_id}_{short}"))
}

/// None where captures have none: when attributes are submitted.
fn identity(tenant: &Tenant, event: &ExtensionEvent) -> Option<Value> {
    let is_submit = event.event == EventKind::AttributeCollectionSubmit;
    if is_submit && event.shape == Shape::Capture {
        return None;
    }
    let identity = match (&event.federated, event.shape) {
        (Some(federated), _) => json!({
            "signInType": "federated",
            "issuer": federated.issuer,
            "issuerAssignedId": federated.subject,
        }),
        (None, Shape::Docs) => json!({
            "signInType": "email",
            "issuer": tenant.domain,
            "issuerAssignedId": event.email.as_ref()?,
        }),
        (None, Shape::Capture) => json!({
            "signInType": "federated",
            "issuer": "mail",
            "issuerAssignedId": event.email.as_ref()?,
        }),
    };
    Some(identity)
}
