//! Runs one transformation as a policy writes it.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};
use time::{OffsetDateTime, macros::datetime};

use super::{run_in, world::World};
use crate::{
    emulator::engine::{
        bag::Bag,
        failure::{Failure, PageText},
        value::{Kind, Value},
    },
    policy::{source::Sources, view::ClaimsTransformation, xml},
};

/// What a transformation is tried with. Input claims have their names with
/// `in-` before it, so that they are never found by their id alone.
pub(super) struct Trial {
    method: String,
    inputs: Vec<String>,
    parameters: Vec<(String, String, String)>,
    outputs: Vec<(String, Kind)>,
    bag: Bag,
    world: Fake,
}

/// A world that is always the same.
#[derive(Default)]
struct Fake {
    kinds: Vec<(String, Kind)>,
    localized: Vec<(String, String)>,
    restriction: Vec<(String, String)>,
}

/// The clock in every trial.
pub(super) const NOW: OffsetDateTime = datetime!(2022-01-14 11:40:35 UTC);

impl Trial {
    pub(super) fn new(method: &str) -> Self {
        Self {
            method: method.to_owned(),
            inputs: Vec::new(),
            parameters: Vec::new(),
            outputs: Vec::new(),
            bag: Bag::default(),
            world: Fake::default(),
        }
    }

    pub(super) fn input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.bag.set(&format!("in-{name}"), value.into());
        self.missing(name)
    }

    /// An input claim that has no value.
    pub(super) fn missing(mut self, name: &str) -> Self {
        self.inputs.push(name.to_owned());
        self
    }

    pub(super) fn parameter(self, id: &str, value: &str) -> Self {
        self.parameter_as(id, "string", value)
    }

    pub(super) fn parameter_as(mut self, id: &str, data_type: &str, value: &str) -> Self {
        let parameter = (id.to_owned(), data_type.to_owned(), value.to_owned());
        self.parameters.push(parameter);
        self
    }

    /// An output claim that is a string.
    pub(super) fn output(self, name: &str) -> Self {
        self.output_as(name, Kind::Text)
    }

    pub(super) fn output_as(mut self, name: &str, kind: Kind) -> Self {
        self.world.kinds.push((format!("out-{name}"), kind));
        self.outputs.push((name.to_owned(), kind));
        self
    }

    pub(super) fn localized(mut self, id: &str, text: &str) -> Self {
        self.world.localized.push((id.to_owned(), text.to_owned()));
        self
    }

    pub(super) fn restriction(mut self, text: &str, value: &str) -> Self {
        let item = (text.to_owned(), value.to_owned());
        self.world.restriction.push(item);
        self
    }

    /// What is set, by the names of the output claims; null for what is taken
    /// away.
    pub(super) fn sets(&self) -> Json {
        let set = self.run().expect("it fails");
        let mut told = Map::new();
        let name = |id: &str| id.trim_start_matches("out-").to_owned();
        told.extend(set.iter().map(|(id, value)| (name(id), value.to_json())));
        told.extend(set.cleared().map(|id| (name(id), Json::Null)));
        Json::Object(told)
    }

    /// The only text that is set.
    pub(super) fn text(&self) -> String {
        let Json::Object(set) = self.sets() else {
            return String::new();
        };
        let mut texts = set.values().filter_map(Json::as_str);
        texts.next().unwrap_or_default().to_owned()
    }

    pub(super) fn failure(&self) -> Failure {
        self.run().expect_err("it does not fail")
    }

    fn run(&self) -> Result<Bag, Failure> {
        let mut sources = Sources::default();
        let text = self.xml();
        let file = sources.add("trial.xml".into(), text.clone());
        let document = xml::parse(file, &text).expect("the trial is no XML");
        let transformation = ClaimsTransformation {
            element: &document.root,
        };
        run_in(&self.world, &self.bag, &transformation)
    }

    fn xml(&self) -> String {
        let mut xml = format!(
            "<ClaimsTransformation Id=\"Tried\" TransformationMethod=\"{}\"><InputClaims>",
            self.method
        );
        for name in &self.inputs {
            let name = escaped(name);
            write!(
                xml,
                "<InputClaim ClaimTypeReferenceId=\"in-{name}\" TransformationClaimType=\"{name}\"/>"
            )
            .unwrap();
        }
        xml.push_str("</InputClaims><InputParameters>");
        for (id, data_type, value) in &self.parameters {
            let (id, value) = (escaped(id), escaped(value));
            write!(
                xml,
                "<InputParameter Id=\"{id}\" DataType=\"{data_type}\" Value=\"{value}\"/>"
            )
            .unwrap();
        }
        xml.push_str("</InputParameters><OutputClaims>");
        for (name, _) in &self.outputs {
            write!(
                xml,
                "<OutputClaim ClaimTypeReferenceId=\"out-{name}\" \
                 TransformationClaimType=\"{name}\"/>"
            )
            .unwrap();
        }
        xml.push_str("</OutputClaims></ClaimsTransformation>");
        xml
    }
}

/// The key of what the person is told, where they are.
pub(super) fn refused(failure: &Failure) -> Option<&'static str> {
    match failure.page {
        PageText::Named { key, .. } => Some(key),
        PageText::Said(_)
        | PageText::FirstOf { .. }
        | PageText::Generic
        | PageText::Fields { .. }
        | PageText::Application
        | PageText::Technical
        | PageText::Blocks { .. } => None,
    }
}

/// A collection.
pub(super) fn texts(items: &[&str]) -> Value {
    Value::Texts(items.iter().map(|item| (*item).to_owned()).collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn found(list: &[(String, String)], key: &str) -> Option<String> {
    let mut list = list.iter();
    list.find(|(own, _)| own == key)
        .map(|(_, value)| value.clone())
}

impl World for Fake {
    fn now(&self) -> OffsetDateTime {
        NOW
    }

    fn random(&self) -> [u8; 16] {
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    }

    fn kind(&self, claim: &str) -> Kind {
        let mut kinds = self.kinds.iter();
        let found = kinds.find(|(own, _)| own == claim);
        found.map_or(Kind::Text, |(_, kind)| *kind)
    }

    fn expression(&self, name: &str) -> String {
        match name {
            "TechnicalProfileId" => "Facebook-OAUTH".to_owned(),
            "AuthenticatorIssuer" => "Contoso demo".to_owned(),
            _ => "b2cdemo.onmicrosoft.com".to_owned(),
        }
    }

    fn localized(&self, element_type: &str, id: &str) -> Option<String> {
        found(&self.localized, &format!("{element_type} {id}"))
    }

    fn restriction(&self, _claim: &str) -> Vec<(String, String)> {
        self.restriction.clone()
    }

    /// Telephone numbers fit, and nothing else.
    fn fits(&self, _claim: &str, text: &str) -> bool {
        text.starts_with('+')
    }

    fn secret(&self, key: &str) -> String {
        format!("secret of {key}")
    }
}
