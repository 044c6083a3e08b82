//! The JSON files beside policies, told apart by what is in them (README.md).

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// What a JSON file is to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    Keys,
    ApiConnector,
    UserFlow,
}

/// A policy key to be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Key {
    /// With `B2C_1A_`, as policies refer to it.
    pub id: String,
    pub kind: KeyKind,
    #[serde(rename = "use")]
    pub usage: Option<Usage>,
    pub kty: Option<KeyType>,
    /// The variable that holds the secret.
    pub environment: Option<String>,
    pub password_environment: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Graph makes it, and nobody is ever told.
    Generate,
    /// A text that both sides know.
    Secret,
    /// A certificate with its private key.
    Pkcs12,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    Sig,
    Enc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum KeyType {
    #[serde(rename = "RSA")]
    Rsa,
    #[serde(rename = "OCT")]
    Oct,
}

/// An API connector, known by its name: Graph gives the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConnector {
    pub name: String,
    /// Graph's body; secrets are `{Secret:NAME}`.
    pub body: Value,
}

/// Which connector a step of a user flow calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub flow: String,
    pub step: String,
    pub connector: Connector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connector {
    Named(String),
    WithId(String),
    /// The step calls nobody.
    None,
}

/// Why a file that a plan reads is not usable. Says no secret.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("this is no JSON: {0}")]
    Syntax(#[source] serde_json::Error),
    #[error("{0}")]
    Keys(#[source] serde_json::Error),
    #[error("{0}")]
    Content(String),
}

impl Template {
    pub fn of(path: &Path, value: &Value) -> Option<Self> {
        let has = |name: &str| value.get(name).is_some();
        let name = path.file_name().unwrap_or_default();
        if name.eq_ignore_ascii_case("keys.json") {
            Some(Self::Keys)
        } else if has("targetUrl") && has("authenticationConfiguration") {
            Some(Self::ApiConnector)
        } else if has("apiConnectorConfiguration") {
            Some(Self::UserFlow)
        } else {
            None
        }
    }
}

/// Whether a plan reads this file. A `keys.json` that is no JSON is one: its
/// fault has to be told.
pub fn is_one(path: &Path, text: &str) -> bool {
    let value = serde_json::from_str(without_mark(text)).unwrap_or(Value::Null);
    Template::of(path, &value).is_some()
}

pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    keys: Vec<Key>,
}

/// The keys of a `keys.json`.
pub fn keys(text: &str) -> Result<Vec<Key>, TemplateError> {
    let file: KeysFile = serde_json::from_str(without_mark(text)).map_err(TemplateError::Keys)?;
    for key in &file.keys {
        key.check().map_err(TemplateError::Content)?;
    }
    Ok(file.keys)
}

impl Key {
    fn check(&self) -> Result<(), String> {
        let id = &self.id;
        let needs = |is: bool, what: &str| match is {
            true => Ok(()),
            false => Err(format!("the key {id} needs {what}")),
        };
        let prefix = self.id.get(..7).unwrap_or_default();
        let is_named = prefix.eq_ignore_ascii_case("B2C_1A_") && self.id.len() > 7;
        needs(is_named, "an id that begins with B2C_1A_")?;
        match self.kind {
            KeyKind::Generate => {
                needs(self.usage.is_some(), "\"use\": \"sig\" or \"enc\"")?;
                needs(self.kty.is_some(), "\"kty\": \"RSA\" or \"OCT\"")?;
                let is_made = self.environment.is_none() && self.password_environment.is_none();
                needs(is_made, "no \"environment\": Graph generates it")
            }
            KeyKind::Secret => {
                needs(self.usage.is_some(), "\"use\": \"sig\" or \"enc\"")?;
                needs(self.kty.is_none(), "no \"kty\": it is a text")?;
                let has_password = self.password_environment.is_some();
                needs(!has_password, "no \"passwordEnvironment\": it is a text")?;
                self.check_variable()
            }
            KeyKind::Pkcs12 => {
                let is_bare = self.usage.is_none() && self.kty.is_none();
                needs(
                    is_bare,
                    "no \"use\" and no \"kty\": the certificate says them",
                )?;
                self.check_variable()
            }
        }
    }

    /// A value in the place of the name is easily written, and must not be told.
    fn check_variable(&self) -> Result<(), String> {
        let names = self.environment.iter().chain(&self.password_environment);
        let is_name = |name: &String| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !name.is_empty()
                && name.chars().all(is_part)
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        match self.environment.is_some() && names.into_iter().all(is_name) {
            true => Ok(()),
            false => Err(format!(
                "the key {} needs \"environment\": the name of the variable that holds the \
                 secret, never the secret",
                self.id
            )),
        }
    }
}

pub(super) fn connector(value: &Value) -> Result<ApiConnector, TemplateError> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let name = text("displayName").filter(|name| !name.is_empty());
    let (Some(name), Some(_)) = (name, text("targetUrl")) else {
        return Err(TemplateError::Content(
            "an API connector needs the texts \"displayName\" and \"targetUrl\"".to_owned(),
        ));
    };
    let authentication = value.get("authenticationConfiguration");
    for member in ["password", "pkcs12Value"] {
        let written = authentication.and_then(|found| found.get(member));
        if written.is_some_and(|secret| secret.as_str().is_none_or(|text| !is_secret(text))) {
            return Err(TemplateError::Content(format!(
                "{member:?} of the API connector {name} is written out: write \
                 \"{{Secret:NAME}}\" with the name of the variable that holds it"
            )));
        }
    }
    Ok(ApiConnector {
        name: name.to_owned(),
        body: value.clone(),
    })
}

fn is_secret(text: &str) -> bool {
    text.is_empty() || (text.starts_with("{Secret:") && text.ends_with('}'))
}

pub(super) fn attachments(value: &Value) -> Result<Vec<Attachment>, TemplateError> {
    let wrong = |what: &str| TemplateError::Content(format!("a user flow needs {what}"));
    let flow = value.get("id").and_then(Value::as_str);
    let flow = flow.filter(|flow| !flow.is_empty());
    let flow = flow.ok_or_else(|| wrong("its \"id\", such as B2C_1_signupsignin"))?;
    let steps = value.get("apiConnectorConfiguration");
    let steps = steps.and_then(Value::as_object);
    let steps = steps.ok_or_else(|| wrong("steps in \"apiConnectorConfiguration\""))?;
    let mut attachments = Vec::new();
    for (step, reference) in steps {
        if !["postFederationSignup", "postAttributeCollection"].contains(&step.as_str()) {
            return Err(TemplateError::Content(format!(
                "Graph has no step {step:?}: it is postFederationSignup or \
                 postAttributeCollection; others are set in the portal"
            )));
        }
        let connector = match reference.get("@odata.id").and_then(Value::as_str) {
            None if reference.as_object().is_some_and(serde_json::Map::is_empty) => Connector::None,
            None => return Err(wrong(&format!("\"@odata.id\" in the step {step}"))),
            Some(address) => connector_of(address),
        };
        attachments.push(Attachment {
            flow: flow.to_owned(),
            step: step.clone(),
            connector,
        });
    }
    Ok(attachments)
}

/// Of `…/identity/apiConnectors/{ApiConnector:name}` or `…/apiConnectors/id`.
fn connector_of(address: &str) -> Connector {
    const BEGIN: &str = "{ApiConnector:";
    let last = address.rsplit('/').next().unwrap_or_default();
    if let Some((_, name)) = address.split_once(BEGIN) {
        return Connector::Named(name.trim_end_matches('}').to_owned());
    }
    Connector::WithId(last.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_keys_file_names_variables_and_no_secrets() {
        let text = r#"{"keys": [
            {"id": "B2C_1A_Sign", "kind": "generate", "use": "sig", "kty": "RSA", "description": "x"},
            {"id": "b2c_1a_Pass", "kind": "secret", "use": "enc", "environment": "SHOP_PASS"},
            {"id": "B2C_1A_Cert", "kind": "pkcs12", "environment": "PFX", "passwordEnvironment": "PFX_PASS"}]}"#;
        let keys = keys(text).unwrap();
        assert_eq!(keys[0].kty, Some(KeyType::Rsa));
        assert_eq!(keys[1].environment.as_deref(), Some("SHOP_PASS"));
        assert_eq!(keys[2].password_environment.as_deref(), Some("PFX_PASS"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said_without_its_secret() {
        let cases = [
            (
                r#"{"id": "Sign", "kind": "generate", "use": "sig", "kty": "RSA"}"#,
                "B2C_1A_",
            ),
            (
                r#"{"id": "B2C_1A_S", "kind": "generate", "use": "sig"}"#,
                "\"kty\"",
            ),
            (
                r#"{"id": "B2C_1A_S", "kind": "secret", "use": "sig"}"#,
                "\"environment\"",
            ),
            (
                r#"{"id": "B2C_1A_S", "kind": "secret", "use": "sig", "environment": "hunter2!"}"#,
                "never the secret",
            ),
            (
                r#"{"id": "B2C_1A_S", "kind": "secret", "secret": "hunter2!"}"#,
                "unknown field",
            ),
            (
                r#"{"id": "B2C_1A_S", "kind": "password"}"#,
                "unknown variant",
            ),
            (
                r#"{"id": "B2C_1A_S", "kind": "pkcs12", "use": "sig", "environment": "A"}"#,
                "no \"use\"",
            ),
        ];
        for (key, expected) in cases {
            let error = keys(&format!("{{\"keys\": [{key}]}}"))
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{key}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn files_are_told_apart_by_what_is_in_them() {
        let connector =
            json!({"displayName": "a", "targetUrl": "b", "authenticationConfiguration": {}});
        let flow = json!({"id": "B2C_1_a", "apiConnectorConfiguration": {}});
        let extension = json!({"authenticationConfiguration": {}, "endpointConfiguration": {}});
        let cases = [
            ("a.json", &connector, Some(Template::ApiConnector)),
            ("a.json", &flow, Some(Template::UserFlow)),
            ("a.json", &extension, None),
            ("x/Keys.json", &extension, Some(Template::Keys)),
        ];
        for (path, value, expected) in cases {
            assert_eq!(Template::of(Path::new(path), value), expected, "{value}");
        }
        assert!(is_one(Path::new("keys.json"), "{"));
    }

    #[test]
    fn a_password_is_never_written_out() {
        let of = |password: Value| {
            connector(&json!({
                "displayName": "idlink",
                "targetUrl": "https://a.example",
                "authenticationConfiguration": {"username": "u", "password": password},
            }))
        };
        assert!(of(json!("{Secret:SHOP_PASS}")).is_ok());
        let error = of(json!("hunter2")).unwrap_err().to_string();
        assert!(
            error.contains("{Secret:NAME}") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_flow_names_its_connectors() {
        let found = attachments(&json!({
            "id": "B2C_1_a",
            "apiConnectorConfiguration": {
                "postFederationSignup": {"@odata.id": "https://g/v1.0/identity/apiConnectors/{ApiConnector:id link}"},
                "postAttributeCollection": {},
            },
        }));
        let found: Vec<_> = found
            .unwrap()
            .into_iter()
            .map(|one| (one.step, one.connector))
            .collect();
        assert_eq!(
            found,
            [
                ("postAttributeCollection".to_owned(), Connector::None),
                (
                    "postFederationSignup".to_owned(),
                    Connector::Named("id link".to_owned())
                ),
            ]
        );
        let address = "https://g/v1.0/identity/apiConnectors/0b6c";
        assert_eq!(connector_of(address), Connector::WithId("0b6c".to_owned()));
        let third = json!({"id": "B2C_1_a", "apiConnectorConfiguration": {"preTokenIssuance": {}}});
        let error = attachments(&third).unwrap_err().to_string();
        assert!(error.contains("set in the portal"), "{error}");
    }
}
