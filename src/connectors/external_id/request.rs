//! What External ID sends, in the shapes of its documents and of captured
//! traffic (contracts.md §4.2). Members that nothing rests on are left aside.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::domain::email::Email;
use crate::domain::identity::Provider;
use crate::domain::request_id::RequestId;
use crate::domain::tenant::{MissingProvider, Tenant};
use crate::domain::trust::{Address, Claimed};

/// What every type of event begins with.
const EVENTS: &str = "microsoft.graph.authenticationEvent.";

/// The type of attributes that hold text.
const TEXT_ATTRIBUTE: &str = "microsoft.graph.stringDirectoryAttributeValue";

/// What a captured sign-up by e-mail and password names as its federation.
const OWN_MAIL: &str = "mail";

#[derive(Deserialize)]
pub(super) struct Request {
    #[serde(rename = "type")]
    kind: String,
    data: RequestData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestData {
    tenant_id: String,
    custom_authentication_extension_id: Option<String>,
    authentication_context: Context,
    user_sign_up_info: Option<SignUpInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    correlation_id: Option<String>,
    client: Option<Client>,
    client_service_principal: Option<Application>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Client {
    locale: Option<String>,
    market: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Application {
    app_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Option<String>,
    created_date_time: Option<Scalar>,
}

#[derive(Deserialize)]
struct SignUpInfo {
    attributes: Option<BTreeMap<String, Attribute>>,
    identities: Option<Vec<WireIdentity>>,
}

#[derive(Deserialize)]
struct Attribute {
    /// The second spelling stands in one of the documents.
    #[serde(rename = "@odata.type", alias = "@odata.Type")]
    odata_type: Option<String>,
    value: Option<Scalar>,
}

/// Only texts are read; whole numbers and truth values come too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireIdentity {
    sign_in_type: Option<String>,
    issuer: Option<String>,
    issuer_assigned_id: Option<String>,
}

/// Where in its journey the platform is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    AttributeCollectionStart,
    AttributeCollectionSubmit,
    TokenIssuanceStart,
    EmailOtpSend,
}

impl Request {
    /// Casing wanders in the documents, so it carries nothing here.
    pub(super) fn event(&self) -> Option<Event> {
        let begins = self.kind.get(..EVENTS.len());
        let name = begins
            .filter(|begins| begins.eq_ignore_ascii_case(EVENTS))
            .and_then(|_| self.kind.get(EVENTS.len()..))?;
        [
            ("attributeCollectionStart", Event::AttributeCollectionStart),
            (
                "attributeCollectionSubmit",
                Event::AttributeCollectionSubmit,
            ),
            ("tokenIssuanceStart", Event::TokenIssuanceStart),
            ("emailOtpSend", Event::EmailOtpSend),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, event)| event)
    }

    pub(super) fn directory_id(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.data.tenant_id).ok()
    }

    /// `fresh` serves where the platform names no correlation id.
    pub(super) fn id(&self, fresh: Uuid) -> RequestId {
        RequestId::of_extension(
            self.context().correlation_id.as_deref(),
            self.data.custom_authentication_extension_id.as_deref(),
            fresh,
        )
    }

    /// The application that the person signs in to; empty where none is named.
    pub(super) fn client_id(&self) -> &str {
        let application = self.context().client_service_principal.as_ref();
        application
            .and_then(|application| application.app_id.as_deref())
            .unwrap_or_default()
    }

    pub(super) fn user_id(&self) -> Option<&str> {
        self.context().user.as_ref()?.id.as_deref()
    }

    /// When the directory says that the identity was created; `None` where it
    /// does not.
    pub(super) fn user_created_at(&self) -> Option<OffsetDateTime> {
        match self.context().user.as_ref()?.created_date_time.as_ref()? {
            Scalar::Text(text) => OffsetDateTime::parse(text, &Rfc3339).ok(),
            Scalar::Other(_) => None,
        }
    }

    /// The person's language, then that of their country.
    pub(super) fn ui_locales(&self) -> String {
        let Some(client) = &self.context().client else {
            return String::new();
        };
        [&client.locale, &client.market]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Whether the form has a text attribute called `name`.
    pub(super) fn collects_text(&self, name: &str) -> bool {
        let attribute = self.attributes().find(|(own, _)| *own == name);
        attribute.is_some_and(|(_, attribute)| attribute.holds_text())
    }

    /// Who signs up and by what right they claim their address.
    pub(super) fn who(&self, tenant: &Tenant) -> Who {
        let identities = self.identities();
        let providers = providers(identities, tenant);
        let provider = providers
            .iter()
            .find(|provider| **provider != Provider::local())
            .or(providers.first())
            .cloned()
            .unwrap_or_else(Provider::unknown);
        // The request does not say which identity is signing up, so all of
        // them must be trusted.
        let claimed = if providers.iter().all(|p| tenant.trust.covers(p)) {
            Claimed::Plain
        } else {
            Claimed::Disowned
        };
        Who {
            address: Address::weigh(self.address(), claimed, &provider, &tenant.trust),
            account: account(identities),
            provider,
        }
    }

    /// The one address that the request names, in whichever of its places;
    /// where they contradict each other no address is guessed.
    fn address(&self) -> Option<&str> {
        let signed_in = self
            .identities()
            .iter()
            .filter(|identity| identity.is_by_address())
            .filter_map(|identity| identity.issuer_assigned_id.as_deref());
        let collected = self
            .attributes()
            .filter(|(name, _)| names_address(name))
            .filter_map(|(_, attribute)| attribute.text());
        let mut all = signed_in.chain(collected);
        let first = all.next()?;
        all.all(|other| are_same(first, other)).then_some(first)
    }

    fn context(&self) -> &Context {
        &self.data.authentication_context
    }

    fn identities(&self) -> &[WireIdentity] {
        let info = self.data.user_sign_up_info.as_ref();
        info.and_then(|info| info.identities.as_deref())
            .unwrap_or_default()
    }

    fn attributes(&self) -> impl Iterator<Item = (&String, &Attribute)> {
        let info = self.data.user_sign_up_info.as_ref();
        info.and_then(|info| info.attributes.as_ref())
            .into_iter()
            .flatten()
    }
}

pub(super) struct Who {
    pub(super) provider: Provider,
    /// `None` where the request does not name whoever signs up.
    pub(super) account: Option<(String, String)>,
    pub(super) address: Address,
}

/// The providers that the request names, or what their absence stands for.
fn providers(identities: &[WireIdentity], tenant: &Tenant) -> Vec<Provider> {
    match (identities, tenant.missing_identities) {
        ([], MissingProvider::Local) => vec![Provider::local()],
        ([], MissingProvider::Unverified) => vec![Provider::unknown()],
        (named, _) => named.iter().map(WireIdentity::provider).collect(),
    }
}

/// The account that makes a repeated question the same one.
fn account(identities: &[WireIdentity]) -> Option<(String, String)> {
    identities.iter().find_map(|identity| {
        Some((
            identity.issuer.clone()?,
            identity.issuer_assigned_id.clone()?,
        ))
    })
}

impl WireIdentity {
    /// Local by its `signInType` in the documents, by its issuer `mail` in
    /// captures. Everything else is a federation, which must be trusted by
    /// name.
    fn provider(&self) -> Provider {
        let issuer = self.issuer.as_deref().unwrap_or_default();
        match self.sign_in_type.as_deref() {
            Some("email" | "emailAddress" | "userName" | "phoneNumber" | "userPrincipalName") => {
                Provider::local()
            }
            Some(_) | None if issuer == OWN_MAIL => Provider::local(),
            Some(_) | None => Provider::federated(issuer),
        }
    }

    /// Whether the person signs in with the address itself.
    fn is_by_address(&self) -> bool {
        matches!(self.sign_in_type.as_deref(), Some("email" | "emailAddress"))
            || self.issuer.as_deref() == Some(OWN_MAIL)
    }
}

impl Attribute {
    fn text(&self) -> Option<&str> {
        match &self.value {
            Some(Scalar::Text(text)) => Some(text),
            Some(Scalar::Other(_)) | None => None,
        }
    }

    fn holds_text(&self) -> bool {
        let is_text = !matches!(self.value, Some(Scalar::Other(_)));
        let named = self.odata_type.as_deref();
        is_text && named.is_none_or(|named| named.trim_start_matches('#') == TEXT_ATTRIBUTE)
    }
}

/// `email` in the documents and at Submit, `EmailAddress` in captures of Start.
fn names_address(attribute: &str) -> bool {
    ["email", "emailAddress"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(attribute))
}

fn are_same(one: &str, other: &str) -> bool {
    match (Email::parse(one), Email::parse(other)) {
        (Ok(one), Ok(other)) => one.canonical() == other.canonical(),
        (Err(_), _) | (_, Err(_)) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: &str, info: &str) -> Request {
        let body = format!(
            r#"{{"type":"{kind}","data":{{
                "userSignUpInfo":{info},
                "tenantId":"7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10",
                "authenticationContext":{{}}}}}}"#
        );
        serde_json::from_str(&body).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn address(info: &str) -> Option<String> {
        request("x", info).address().map(str::to_owned)
    }

    #[test]
    fn the_address_is_found_wherever_it_stands() {
        let cases = [
            (
                r#"{"attributes":{"email":{"value":"a@x.example"}}}"#,
                Some("a@x.example"),
                "documents",
            ),
            (
                r#"{"attributes":{"EmailAddress":{"value":"a@x.example"}}}"#,
                Some("a@x.example"),
                "capture",
            ),
            (
                r#"{"identities":[{"signInType":"email","issuer":"t.onmicrosoft.com","issuerAssignedId":"a@x.example"}]}"#,
                Some("a@x.example"),
                "identity only",
            ),
            (
                r#"{"identities":[{"signInType":"federated","issuer":"mail","issuerAssignedId":"a@x.example"}]}"#,
                Some("a@x.example"),
                "captured identity only",
            ),
            (
                r#"{"identities":[{"signInType":"federated","issuer":"google.com","issuerAssignedId":"b@x.example"}],
                    "attributes":{"email":{"value":"a@x.example"}}}"#,
                Some("a@x.example"),
                "a federated account is no address",
            ),
            (
                r#"{"identities":[{"issuer":"mail","issuerAssignedId":"A@x.example"}],
                    "attributes":{"email":{"value":"a@X.example"}}}"#,
                Some("A@x.example"),
                "both, the same",
            ),
            (
                r#"{"identities":[{"issuer":"mail","issuerAssignedId":"a@x.example"}],
                    "attributes":{"email":{"value":"b@x.example"}}}"#,
                None,
                "contradiction",
            ),
            (
                r#"{"attributes":{"email":{"value":"a@x.example"},"EmailAddress":{"value":"b@x.example"}}}"#,
                None,
                "two attributes",
            ),
            (
                r#"{"attributes":{"email":{"value":["a@x.example"]}}}"#,
                None,
                "a list",
            ),
            (r#"{"attributes":{"email":{"value":null}}}"#, None, "null"),
            (r#"{"attributes":{"email":{}}}"#, None, "no value"),
            (r#"{"attributes":null,"identities":null}"#, None, "nulls"),
            ("null", None, "nothing"),
        ];
        for (info, expected, why) in cases {
            assert_eq!(address(info).as_deref(), expected, "{why}");
        }
    }

    #[test]
    fn an_event_is_known_by_its_whole_name() {
        let cases = [
            (
                "microsoft.graph.authenticationEvent.tokenIssuanceStart",
                Some(Event::TokenIssuanceStart),
            ),
            (
                "microsoft.graph.authenticationEvent.TokenIssuanceStart",
                Some(Event::TokenIssuanceStart),
            ),
            (
                "microsoft.graph.authenticationEvent.emailOtpSend",
                Some(Event::EmailOtpSend),
            ),
            ("tokenIssuanceStart", None),
            ("microsoft.graph.authenticationEvent.", None),
            ("microsoft.graph.authenticationEvent.passwordSubmit", None),
            ("microsoft.graph.authenticationEventé", None),
            ("", None),
        ];
        for (kind, expected) in cases {
            assert_eq!(request(kind, "null").event(), expected, "{kind}");
        }
    }

    #[test]
    fn an_attribute_keeps_its_type() {
        let name = "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_CustomerId";
        let text = "microsoft.graph.stringDirectoryAttributeValue";
        let cases = [
            (format!(r#"{{"@odata.type":"{text}","value":""}}"#), true),
            (format!(r#"{{"@odata.Type":"{text}","value":"x"}}"#), true),
            (r#"{"value":null}"#.to_owned(), true),
            (r#"{"value":7}"#.to_owned(), false),
            (
                r#"{"@odata.type":"microsoft.graph.int64DirectoryAttributeValue"}"#.to_owned(),
                false,
            ),
        ];
        for (attribute, expected) in cases {
            let info = format!(r#"{{"attributes":{{"{name}":{attribute}}}}}"#);
            let request = request("x", &info);
            assert_eq!(request.collects_text(name), expected, "{attribute}");
            assert!(!request.collects_text("CustomerId"));
        }
    }
}
