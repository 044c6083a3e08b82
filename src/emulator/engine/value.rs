//! Values of claims, typed as the policy declares them.

use serde_json::Value as Json;
use time::{
    Date, OffsetDateTime, UtcOffset,
    format_description::well_known::Rfc3339,
    macros::{format_description, time},
};

/// What a claim holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `string`, `phoneNumber`, `userIdentity`, `duration`.
    Text(String),
    Flag(bool),
    /// `int`, `long`.
    Number(i64),
    Moment(OffsetDateTime),
    Day(Date),
    /// Every collection. Identities stand in it as JSON texts.
    Texts(Vec<String>),
}

/// The data types as far as they differ in how values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Number,
    Moment,
    Day,
    Texts,
}

impl Kind {
    /// Of a `DataType`; what is unknown or missing is text.
    pub(crate) fn of(data_type: Option<&str>) -> Self {
        let name = data_type.unwrap_or_default().trim();
        match name.to_ascii_lowercase().as_str() {
            "boolean" => Self::Flag,
            "int" | "long" => Self::Number,
            "datetime" => Self::Moment,
            "date" => Self::Day,
            name if name.ends_with("collection") => Self::Texts,
            _ => Self::Text,
        }
    }
}

impl Value {
    /// As a policy or a form writes it. `None` if it is no value of that kind.
    pub(crate) fn read(text: &str, kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Text => Self::Text(text.to_owned()),
            Kind::Flag => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Self::Flag(true),
                "false" | "0" => Self::Flag(false),
                _ => return None,
            },
            Kind::Number => Self::Number(text.trim().parse().ok()?),
            Kind::Moment => Self::Moment(moment(text)?),
            Kind::Day => Self::Day(day(text)?),
            Kind::Texts => Self::Texts(vec![text.to_owned()]),
        })
    }

    /// As a REST service, a provider or the directory tells it. `None` for null
    /// and for what is no value of that kind.
    pub(crate) fn from_json(value: &Json, kind: Kind) -> Option<Self> {
        match (value, kind) {
            (Json::Null, _) => None,
            (Json::Array(items), Kind::Texts) => {
                Some(Self::Texts(items.iter().map(json_text).collect()))
            }
            // Seconds, as tokens tell them.
            (Json::Number(seconds), Kind::Moment) => {
                let moment = OffsetDateTime::from_unix_timestamp(seconds.as_i64()?).ok()?;
                Some(Self::Moment(moment))
            }
            (value, kind) => Self::read(&json_text(value), kind),
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Flag(flag) => Json::from(*flag),
            Self::Number(number) => Json::from(*number),
            Self::Texts(texts) => Json::from(texts.clone()),
            Self::Text(_) | Self::Moment(_) | Self::Day(_) => Json::from(self.text()),
        }
    }

    /// As .NET spells it: `True`, `2026-01-01T10:00:00.0000000Z`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Flag(true) => "True".to_owned(),
            Self::Flag(false) => "False".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Moment(moment) => moment_text(*moment),
            Self::Day(day) => day.to_string(),
            Self::Texts(texts) => texts.join(","),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Flag(_) => Kind::Flag,
            Self::Number(_) => Kind::Number,
            Self::Moment(_) => Kind::Moment,
            Self::Day(_) => Kind::Day,
            Self::Texts(_) => Kind::Texts,
        }
    }

    /// Whether there is anything in it: an empty text counts as no value where
    /// a value is required.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Flag(_) | Self::Number(_) | Self::Moment(_) | Self::Day(_) => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A text as it is, anything else as JSON.
fn json_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    let zoneless = || OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339).ok();
    let midnight = || Some(day(text)?.with_time(time!(0:00)).assume_utc());
    let moment = parsed.or_else(zoneless).or_else(midnight)?;
    Some(moment.to_offset(UtcOffset::UTC))
}

fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    Date::parse(day, format_description!("[year]-[month]-[day]")).ok()
}

fn moment_text(moment: OffsetDateTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
    let utc = moment.to_offset(UtcOffset::UTC);
    // Writing digits cannot fail.
    utc.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_spelt_as_dotnet_spells_them() {
        let moment = Value::read("2026-01-01T10:00:00+01:00", Kind::Moment);
        let cases = [
            (Value::Flag(true), "True"),
            (Value::Number(-3), "-3"),
            (moment.unwrap(), "2026-01-01T09:00:00.0000000Z"),
            (Value::read("2026-02-03", Kind::Day).unwrap(), "2026-02-03"),
        ];
        for (value, text) in cases {
            assert_eq!(value.text(), text);
        }
    }

    #[test]
    fn what_does_not_fit_its_type_is_no_value() {
        let cases = [
            (json!("x"), Kind::Number),
            (json!(1.5), Kind::Number),
            (json!("maybe"), Kind::Flag),
            (json!("yesterday"), Kind::Moment),
            (json!(null), Kind::Text),
        ];
        for (value, kind) in cases {
            assert_eq!(Value::from_json(&value, kind), None, "{value}");
        }
        assert_eq!(
            Value::from_json(&json!(["a", 1]), Kind::Texts),
            Some(Value::Texts(vec!["a".to_owned(), "1".to_owned()]))
        );
    }
}
