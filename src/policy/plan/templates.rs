//! The JSON files beside policies, told apart by what is in them (README.md).

use std::path::Path;

use serde_json::Value;

/// What a JSON file is to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    Keys,
    ApiConnector,
    UserFlow,
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
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = serde_json::from_str(text).unwrap_or(Value::Null);
    Template::of(path, &value).is_some()
}
