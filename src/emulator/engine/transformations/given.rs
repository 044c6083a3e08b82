//! What a transformation is given, by the names its method knows, and what it
//! answers.

use time::{Date, OffsetDateTime};

use super::world::World;
use crate::{
    emulator::engine::{
        bag::Bag,
        value::{Kind, Value},
    },
    policy::{
        merge::folded,
        view::{ClaimRef, ClaimsTransformation, InputParameter},
    },
};

/// The claims and parameters of one transformation. Names are compared without
/// regard to case.
pub(super) struct Given<'a> {
    inputs: Vec<(&'a str, Option<&'a Value>)>,
    parameters: Vec<InputParameter<'a>>,
    outputs: Vec<(&'a str, &'a str)>,
    pub(super) world: &'a dyn World,
}

/// What is set, by the names of the output claims. `None` takes a claim away.
pub(super) type Sets = Vec<(String, Option<Value>)>;

pub(super) type Outcome = Result<Sets, Stop>;

/// Why a transformation sets nothing.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    /// An input claim has no value, and the reference does not say what happens
    /// then. Nothing is set, and the journey goes on (inferred).
    Missing,
    /// Something only an author can mend.
    Wrong(String),
    /// The person at the page is told: an assertion does not hold.
    Refused {
        /// Metadata of the page, or the id of a localized string.
        key: &'static str,
        default: &'static str,
    },
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Counts,
    Ignored,
}

impl Case {
    pub(super) fn equal(self, one: &str, other: &str) -> bool {
        match self {
            Self::Counts => one == other,
            Self::Ignored => one.to_uppercase() == other.to_uppercase(),
        }
    }

    pub(super) fn contains(self, text: &str, part: &str) -> bool {
        match self {
            Self::Counts => text.contains(part),
            Self::Ignored => text.to_uppercase().contains(&part.to_uppercase()),
        }
    }

    /// A claim without a value equals another without one, as null equals null
    /// in .NET, and nothing else.
    pub(super) fn equal_if_any(self, one: Option<&str>, other: Option<&str>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => self.equal(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// The usual answer: one claim.
pub(super) fn set(name: &str, value: impl Into<Value>) -> Outcome {
    Ok(vec![(name.to_owned(), Some(value.into()))])
}

pub(super) fn wrong<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Wrong(text.into()))
}

impl<'a> Given<'a> {
    pub(super) fn read(
        world: &'a dyn World,
        bag: &'a Bag,
        transformation: &ClaimsTransformation<'a>,
    ) -> Self {
        let input = |reference: ClaimRef<'a>| {
            let claim = reference.claim()?;
            Some((name_of(&reference, claim), bag.get(claim)))
        };
        let output = |reference: ClaimRef<'a>| {
            let claim = reference.claim()?;
            Some((name_of(&reference, claim), claim))
        };
        Self {
            inputs: transformation.input_claims().filter_map(input).collect(),
            parameters: transformation.input_parameters().collect(),
            outputs: transformation.output_claims().filter_map(output).collect(),
            world,
        }
    }

    /// All input claims, in their order.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (&'a str, Option<&'a Value>)> {
        self.inputs.iter().copied()
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = InputParameter<'a>> {
        self.parameters.iter().copied()
    }

    /// The names of the output claims, and the claims.
    pub(super) fn outputs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.outputs.iter().copied()
    }

    pub(super) fn may_value(&self, name: &str) -> Option<&'a Value> {
        let mut inputs = self.inputs.iter();
        inputs.find(|(own, _)| folded(own) == folded(name))?.1
    }

    pub(super) fn value(&self, name: &str) -> Result<&'a Value, Stop> {
        self.may_value(name).ok_or(Stop::Missing)
    }

    pub(super) fn may_text(&self, name: &str) -> Option<String> {
        self.may_value(name).map(Value::text)
    }

    pub(super) fn text(&self, name: &str) -> Result<String, Stop> {
        self.may_text(name).ok_or(Stop::Missing)
    }

    /// The claim under the one name or the other: an older document has another
    /// than the newest.
    pub(super) fn value_of_either(&self, name: &str, older: &str) -> Result<&'a Value, Stop> {
        let found = self.may_value(name).or_else(|| self.may_value(older));
        found.ok_or(Stop::Missing)
    }

    /// The claim as a value of another kind, where there is one: published
    /// policies keep truth values and times in strings.
    fn may_read(&self, name: &str, kind: Kind) -> Result<Option<Value>, Stop> {
        let Some(value) = self.may_value(name) else {
            return Ok(None);
        };
        match converted(value, kind) {
            Some(value) => Ok(Some(value)),
            None => wrong(format!("cannot read the claim that it takes as '{name}'")),
        }
    }

    pub(super) fn may_flag(&self, name: &str) -> Result<Option<bool>, Stop> {
        let flag = self.may_read(name, Kind::Flag)?;
        Ok(flag.and_then(|value| match value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Stop> {
        self.may_flag(name)?.ok_or(Stop::Missing)
    }

    pub(super) fn may_number(&self, name: &str) -> Result<Option<i64>, Stop> {
        let number = self.may_read(name, Kind::Number)?;
        Ok(number.and_then(|value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        }))
    }

    pub(super) fn may_moment(&self, name: &str) -> Result<Option<OffsetDateTime>, Stop> {
        let moment = self.may_read(name, Kind::Moment)?;
        Ok(moment.and_then(|value| match value {
            Value::Moment(moment) => Some(moment),
            _ => None,
        }))
    }

    pub(super) fn day(&self, name: &str) -> Result<Date, Stop> {
        match self.may_read(name, Kind::Day)? {
            Some(Value::Day(day)) => Ok(day),
            _ => Err(Stop::Missing),
        }
    }

    pub(super) fn may_texts(&self, name: &str) -> Option<Vec<String>> {
        match self.may_value(name)? {
            Value::Texts(texts) => Some(texts.clone()),
            value => Some(vec![value.text()]),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Stop> {
        self.may_texts(name).ok_or(Stop::Missing)
    }

    pub(super) fn may_parameter(&self, id: &str) -> Option<&'a str> {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|own| folded(own.id()) == folded(id))?;
        Some(found.value().unwrap_or_default())
    }

    pub(super) fn parameter(&self, id: &str) -> Result<&'a str, Stop> {
        let found = self.may_parameter(id);
        found.map_or_else(|| wrong(format!("has no input parameter '{id}'")), Ok)
    }

    /// A parameter with its expressions replaced: `{RelyingPartyTenantId}`
    /// ("String claim transformations expressions").
    pub(super) fn may_template(&self, id: &str) -> Option<String> {
        Some(expanded(self.may_parameter(id)?, self.world))
    }

    pub(super) fn template(&self, id: &str) -> Result<String, Stop> {
        Ok(expanded(self.parameter(id)?, self.world))
    }

    pub(super) fn may_flag_parameter(&self, id: &str) -> Result<Option<bool>, Stop> {
        let Some(text) = self.may_parameter(id) else {
            return Ok(None);
        };
        match Value::read(text, Kind::Flag) {
            Some(Value::Flag(flag)) => Ok(Some(flag)),
            _ => wrong(format!(
                "has '{text}' as its input parameter '{id}', where true or false is expected"
            )),
        }
    }

    pub(super) fn may_number_parameter(&self, id: &str) -> Result<Option<i64>, Stop> {
        let Some(text) = self.may_parameter(id) else {
            return Ok(None);
        };
        match text.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => wrong(format!(
                "has '{text}' as its input parameter '{id}', where a number is expected"
            )),
        }
    }

    pub(super) fn number_parameter(&self, id: &str) -> Result<i64, Stop> {
        let number = self.may_number_parameter(id)?;
        number.map_or_else(|| wrong(format!("has no input parameter '{id}'")), Ok)
    }

    /// `stringComparison`: `Ordinal` or `OrdinalIgnoreCase`.
    pub(super) fn comparison(&self) -> Result<Case, Stop> {
        let written = self.parameter("stringComparison")?;
        match written.trim().to_ascii_lowercase().as_str() {
            "ordinal" => Ok(Case::Counts),
            "ordinalignorecase" => Ok(Case::Ignored),
            _ => wrong(format!("knows no stringComparison '{written}'")),
        }
    }

    /// `ignoreCase`; without it the case counts, as .NET's own default has it
    /// (inferred).
    pub(super) fn ignore_case(&self) -> Result<Case, Stop> {
        Ok(match self.may_flag_parameter("ignoreCase")? {
            Some(true) => Case::Ignored,
            Some(false) | None => Case::Counts,
        })
    }
}

/// `TransformationClaimType`, or where that is left out, the claim's own id.
fn name_of<'a>(reference: &ClaimRef<'a>, claim: &'a str) -> &'a str {
    reference.transformation_name().map_or(claim, str::trim)
}

/// A value as one of another kind. `None` if it is none of that kind.
pub(super) fn converted(value: &Value, kind: Kind) -> Option<Value> {
    if value.kind() == kind {
        return Some(value.clone());
    }
    Value::read(&value.text(), kind)
}

fn expanded(text: &str, world: &dyn World) -> String {
    let mut expanded = text.to_owned();
    for name in EXPRESSIONS {
        let written = format!("{{{name}}}");
        if expanded.contains(&written) {
            expanded = expanded.replace(&written, &world.expression(name));
        }
    }
    expanded
}

/// The first three are documented, the last is what the example of `BuildUri`
/// uses.
const EXPRESSIONS: [&str; 4] = [
    "TechnicalProfileId",
    "RelyingPartyTenantId",
    "TrustFrameworkTenantId",
    "AuthenticatorIssuer",
];
