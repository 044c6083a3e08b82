//! JSON in strings ("JSON claims transformations").

use serde_json::{Value as Json, value::RawValue};

use super::{
    Row,
    given::{Given, Outcome, Sets, Stop, set, wrong},
    json_tree::{Members, Tree},
    xml_to_json,
};
use crate::{
    emulator::engine::value::{Kind, Value},
    policy::{merge::folded, view::InputParameter},
};

pub(super) const ROWS: &[Row] = &[
    Row::new("CreateJsonArray", |given| {
        set(
            "outputClaim",
            Json::from(vec![given.text("inputClaim")?]).to_string(),
        )
    }),
    Row::new("GenerateJson", generate),
    Row::new("GetClaimFromJson", |given| extract(given, Ok)),
    Row::new("GetClaimsFromJsonArray", |given| {
        let text = given
            .value_of_either("jsonSource", "jsonSourceClaim")?
            .text();
        match serde_json::from_str::<Vec<Json>>(&text) {
            Ok(items) => claims_of(given, &items),
            Err(_) => wrong("is given a text that is no JSON array"),
        }
    }),
    Row::new("GetClaimsFromJsonArrayV2", |given| {
        let texts = match given.value_of_either("jsonSource", "jsonSourceClaim")? {
            Value::Texts(texts) => texts.clone(),
            other => vec![other.text()],
        };
        let items = texts.iter().map(|text| serde_json::from_str(text));
        match items.collect::<Result<Vec<Json>, _>>() {
            Ok(items) => claims_of(given, &items),
            Err(_) => wrong("is given an item that is no JSON"),
        }
    }),
    Row::new("GetNumericClaimFromJson", |given| {
        extract(given, |value| match value {
            Value::Number(number) => Ok(Value::Number(number)),
            _ => wrong("finds something that is no number"),
        })
    }),
    Row::new("GetSingleItemFromJson", |given| {
        let Members(members) = object(&given.text("inputJson")?)?;
        let Some((key, value)) = members.first() else {
            return wrong("is given a JSON object that has nothing in it");
        };
        let key = ("key".to_owned(), Some(Value::from(key.as_str())));
        Ok(vec![key, ("value".to_owned(), scalar(value))])
    }),
    Row::new("GetSingleValueFromJsonArray", |given| {
        let text = given.text("inputJsonClaim")?;
        let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(&text) else {
            return wrong("is given a text that is no JSON array");
        };
        let first = items.first().and_then(|first| scalar(first));
        first.map_or_else(|| Ok(Vec::new()), |first| set("extractedClaim", first))
    }),
    Row::new("XmlStringToJsonString", |given| {
        set("json", xml_to_json::converted(&given.text("xml")?)?)
    }),
];

/// The input claims, then the parameters, each at the place its name says. A
/// claim without a value is left out (inferred).
fn generate(given: &Given<'_>) -> Outcome {
    let mut tree = Tree::empty();
    for (path, value) in given.inputs() {
        if let Some(value) = value {
            tree.insert(path, value.to_json())?;
        }
    }
    for parameter in given.parameters() {
        tree.insert(parameter.id(), constant(&parameter)?)?;
    }
    set("outputClaim", tree.text())
}

/// A number or a truth value where the parameter is declared as one.
fn constant(parameter: &InputParameter<'_>) -> Result<Json, Stop> {
    let text = parameter.value().unwrap_or_default();
    let kind = match Kind::of(parameter.data_type()) {
        kind @ (Kind::Flag | Kind::Number) => kind,
        Kind::Text | Kind::Moment | Kind::Day | Kind::Texts => Kind::Text,
    };
    match Value::read(text, kind) {
        Some(value) => Ok(value.to_json()),
        None => wrong(format!(
            "has '{text}' as its input parameter '{}', which is not of its DataType",
            parameter.id()
        )),
    }
}

/// One member of an object. "If the JSON isn't valid, or an element not found,
/// the policy won't continue" (the unit tests of the B2C community).
fn extract(given: &Given<'_>, read: fn(Value) -> Result<Value, Stop>) -> Outcome {
    let Members(members) = object(&given.text("inputJson")?)?;
    let wanted = given.parameter("claimToExtract")?;
    let Some((_, found)) = members.iter().find(|(name, _)| name == wanted) else {
        return wrong(format!("finds no '{wanted}' in its JSON"));
    };
    match scalar(found) {
        Some(value) => set("extractedClaim", read(value)?),
        None => Ok(Vec::new()),
    }
}

fn object(text: &str) -> Result<Members, Stop> {
    let read = serde_json::from_str(text);
    read.or_else(|_| wrong("is given a text that is no JSON object"))
}

/// The value in a piece of JSON; objects and arrays as they are written.
fn scalar(raw: &RawValue) -> Option<Value> {
    match serde_json::from_str(raw.get()).ok()? {
        Json::Null => None,
        Json::String(text) => Some(Value::Text(text)),
        Json::Bool(flag) => Some(Value::Flag(flag)),
        Json::Number(number) => Some(match number.as_i64() {
            Some(number) => Value::Number(number),
            None => Value::Text(number.to_string()),
        }),
        Json::Array(_) | Json::Object(_) => Some(Value::Text(raw.get().to_owned())),
    }
}

/// The claims in a list of pairs: `{"key": "email", "value": "a@x.org"}`.
fn claims_of(given: &Given<'_>, items: &[Json]) -> Outcome {
    let key = given.parameter("jsonSourceKeyName")?;
    let value = given.parameter("jsonSourceValueName")?;
    let must_be_there = given.may_flag_parameter("errorOnMissingClaims")? == Some(true);
    let takes_empty = given.may_flag_parameter("includeEmptyClaims")? == Some(true);
    let mut sets = Sets::new();
    for (name, claim) in given.outputs() {
        let is_it = |item: &&Json| {
            let own = item.get(key).and_then(Json::as_str);
            own.is_some_and(|own| folded(own) == folded(name))
        };
        let found = items.iter().find(is_it).and_then(|item| item.get(value));
        let Some(found) = found else {
            match must_be_there {
                true => return wrong(format!("finds no '{name}' in its JSON")),
                false => continue,
            }
        };
        let is_empty = found.is_null() || found.as_str() == Some("");
        match (is_empty, takes_empty) {
            (true, false) => {}
            (true, true) if found.is_null() => sets.push((name.to_owned(), None)),
            (true, true) | (false, _) => sets.push((name.to_owned(), read(given, claim, found)?)),
        }
    }
    Ok(sets)
}

fn read(given: &Given<'_>, claim: &str, found: &Json) -> Result<Option<Value>, Stop> {
    match Value::from_json(found, given.world.kind(claim)) {
        Some(value) => Ok(Some(value)),
        None => wrong(format!(
            "finds a value for the claim '{claim}' that is not of its type"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::emulator::engine::transformations::testing::{Trial, texts};

    #[test]
    fn a_claim_becomes_an_array() {
        let trial = Trial::new("CreateJsonArray")
            .input("inputClaim", "some\"one@example.com")
            .output("outputClaim");
        assert_eq!(trial.text(), r#"["some\"one@example.com"]"#);
    }

    #[test]
    fn the_request_to_a_mail_service_is_put_together() {
        let trial = Trial::new("GenerateJson")
            .input("personalizations.0.to.0.email", "someone@example.com")
            .input("personalizations.0.dynamic_template_data.otp", "346349")
            .input(
                "personalizations.0.dynamic_template_data.verify-email",
                "someone@example.com",
            )
            .missing("reply_to.email")
            .parameter("template_id", "d-989077fbba9746e89f3f6411f596fb96")
            .parameter("from.email", "service@contoso.com")
            .parameter("personalizations.0.subject", "Your code")
            .output("outputClaim");
        assert_eq!(
            trial.text(),
            r#"{"personalizations":[{"to":[{"email":"someone@example.com"}],"dynamic_template_data":{"otp":"346349","verify-email":"someone@example.com"},"subject":"Your code"}],"template_id":"d-989077fbba9746e89f3f6411f596fb96","from":{"email":"service@contoso.com"}}"#
        );
    }

    #[test]
    fn numbers_and_truth_values_stay_what_they_are_and_json_in_a_string_does_not() {
        let trial = Trial::new("GenerateJson")
            .input("customer.age", Value::Number(33))
            .input("customer.isNew", Value::Flag(true))
            .input("customer.emails", r#"["a@x.org"]"#)
            .parameter_as("customer.role.id", "long", "1")
            .parameter_as("customer.role.isAdmin", "boolean", "false")
            .parameter("customer.role.name", "2")
            .output("outputClaim");
        let expected = json!({"customer": {
            "age": 33,
            "isNew": true,
            "emails": "[\"a@x.org\"]",
            "role": {"id": 1, "isAdmin": false, "name": "2"},
        }});
        assert_eq!(trial.text().parse::<Json>().unwrap(), expected);
        let odd = Trial::new("GenerateJson").parameter_as("a", "int", "many");
        assert!(odd.failure().text.contains("'many'"));
    }

    #[test]
    fn a_member_of_an_object_becomes_a_claim() {
        const PERSON: &str = r#"{"emailAddress": "someone@example.com", "displayName": "Someone",
            "id": 6353399, "active": true, "none": null, "tags": {"b": [1], "a": 2}}"#;
        let extract = |method: &str, json: &str, name: &str| {
            Trial::new(method)
                .input("inputJson", json)
                .parameter("claimToExtract", name)
                .output("extractedClaim")
        };
        let of = |name: &str| extract("GetClaimFromJson", PERSON, name).sets();
        assert_eq!(
            of("emailAddress"),
            json!({"extractedClaim": "someone@example.com"})
        );
        assert_eq!(of("displayName"), json!({"extractedClaim": "Someone"}));
        assert_eq!(
            of("active"),
            json!({"extractedClaim": "True"}),
            "as .NET spells it"
        );
        assert_eq!(
            of("tags"),
            json!({"extractedClaim": r#"{"b": [1], "a": 2}"#})
        );
        assert_eq!(of("none"), json!({}));
        let failure = |json: &str, name: &str| extract("GetClaimFromJson", json, name).failure();
        assert!(failure(PERSON, "surname").text.contains("'surname'"));
        assert!(
            failure(PERSON, "displayname")
                .text
                .contains("no 'displayname'")
        );
        assert!(failure("[1]", "x").text.contains("no JSON object"));
        let missing = Trial::new("GetClaimFromJson")
            .missing("inputJson")
            .parameter("claimToExtract", "x")
            .output("extractedClaim");
        assert_eq!(missing.sets(), json!({}));
    }

    #[test]
    fn a_number_in_an_object_becomes_a_claim() {
        let trial = |json: &str| {
            Trial::new("GetNumericClaimFromJson")
                .input("inputJson", json)
                .parameter("claimToExtract", "id")
                .output_as("extractedClaim", Kind::Number)
        };
        let found = json!({"extractedClaim": 6353399});
        assert_eq!(trial(r#"{"name": "Someone", "id": 6353399}"#).sets(), found);
        let failure = trial(r#"{"id": "x"}"#).failure();
        assert!(failure.text.contains("no number"), "{}", failure.text);
    }

    /// The reference's example, as pairs.
    fn pairs() -> [Json; 5] {
        [
            json!({"key": "email", "value": "someone@example.com"}),
            json!({"key": "displayName", "value": "Someone"}),
            json!({"key": "membershipID", "value": 6353399}),
            json!({"key": "active", "value": true}),
            json!({"key": "birthDate", "value": "2005-09-23T00:00:00Z"}),
        ]
    }

    fn claims(method: &str, source: Value, missing: &str, empty: &str) -> Trial {
        Trial::new(method)
            .input("jsonSource", source)
            .parameter_as("errorOnMissingClaims", "boolean", missing)
            .parameter_as("includeEmptyClaims", "boolean", empty)
            .parameter("jsonSourceKeyName", "key")
            .parameter("jsonSourceValueName", "value")
            .output("email")
            .output("displayName")
            .output_as("membershipID", Kind::Number)
            .output_as("active", Kind::Flag)
            .output_as("birthDate", Kind::Moment)
    }

    #[test]
    fn pairs_become_claims() {
        let expected = json!({
            "email": "someone@example.com",
            "displayName": "Someone",
            "membershipID": 6353399,
            "active": true,
            "birthDate": "2005-09-23T00:00:00.0000000Z",
        });
        let array = Value::from(json!(pairs()).to_string());
        let one = claims("GetClaimsFromJsonArray", array, "false", "false");
        assert_eq!(one.sets(), expected);
        let items: Vec<String> = pairs().iter().map(Json::to_string).collect();
        let several = Value::Texts(items);
        let two = claims("GetClaimsFromJsonArrayV2", several, "false", "false");
        assert_eq!(two.sets(), expected);
    }

    #[test]
    fn pairs_that_are_missing_or_empty_are_passed_over_or_not() {
        let source = r#"[{"key": "email", "value": ""}, {"key": "displayName", "value": null},
            {"key": "active", "value": true}]"#;
        let of = |missing: &str, empty: &str| {
            claims("GetClaimsFromJsonArray", source.into(), missing, empty)
        };
        assert_eq!(of("false", "false").sets(), json!({"active": true}));
        assert_eq!(
            of("false", "true").sets(),
            json!({"email": "", "displayName": null, "active": true})
        );
        let failure = of("true", "true").failure();
        assert!(failure.text.contains("'membershipID'"), "{}", failure.text);
    }

    #[test]
    fn what_is_no_pairs_is_an_error() {
        let of = |method: &str, source: Value| claims(method, source, "false", "false").failure();
        let one = of("GetClaimsFromJsonArray", "{".into());
        assert!(one.text.contains("no JSON array"), "{}", one.text);
        let two = of("GetClaimsFromJsonArrayV2", texts(&["{"]));
        assert!(two.text.contains("no JSON"), "{}", two.text);
        let odd = r#"[{"key": "membershipID", "value": "many"}]"#;
        let type_of = of("GetClaimsFromJsonArray", odd.into());
        assert!(type_of.text.contains("not of its type"), "{}", type_of.text);
    }

    #[test]
    fn the_first_member_is_the_one_that_is_written_first() {
        let first = |json: &str| {
            Trial::new("GetSingleItemFromJson")
                .input("inputJson", json)
                .output("key")
                .output("value")
        };
        assert_eq!(
            first(r#"{"givenName": "Emily", "aLast": "Smith"}"#).sets(),
            json!({"key": "givenName", "value": "Emily"})
        );
        assert!(first("{}").failure().text.contains("nothing in it"));
    }

    #[test]
    fn the_first_value_of_an_array_becomes_a_claim() {
        let first = |json: &str| {
            Trial::new("GetSingleValueFromJsonArray")
                .input("inputJsonClaim", json)
                .output("extractedClaim")
        };
        let found = json!({"extractedClaim": "someone@example.com"});
        assert_eq!(
            first(r#"["someone@example.com", "Someone", 6353399]"#).sets(),
            found
        );
        assert_eq!(first("[]").sets(), json!({}), "an empty array");
        assert!(first("{}").failure().text.contains("no JSON array"));
    }
}
