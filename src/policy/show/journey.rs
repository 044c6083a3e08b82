//! `--journey`: what a journey does, step by step, as data. Texts are made for
//! people: on one line, and harmless to a terminal. Nothing is escaped yet.

use serde::Serialize;

use super::lines::Line;
use super::place::Place;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Journey {
    pub policy: String,
    pub id: String,
    pub places: Vec<Place>,
    /// The files, the base first.
    pub chain: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    pub steps: Vec<Step>,
    pub sub_journeys: Vec<SubJourney>,
    /// The claims that the app is sent, under the names it knows.
    pub sends: Vec<String>,
    /// All that the steps run, each once.
    pub profiles: Vec<Profile>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubJourney {
    pub id: String,
    /// Whether the journey goes on behind it.
    pub returns: bool,
    pub places: Vec<Place>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// As it is written.
    pub order: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// What it does, in words.
    pub title: String,
    pub places: Vec<Place>,
    /// Each of them keeps the step from running, in words.
    pub skipped_if: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// What it runs: one of them, if there are several.
    pub runs: Vec<Run>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_journeys: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub content_definition: String,
    pub title: Option<String>,
    /// Which of B2C's pages: `unifiedssp 2.1.19`.
    pub layout: Option<String>,
}

/// A button, a link or a form of a page where one chooses.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    pub label: String,
    /// The claims exchange.
    pub exchange: String,
    pub profile: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The claims exchange, or what else names the profile.
    pub exchange: String,
    pub profile: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub id: String,
    pub name: Option<String>,
    pub family: Family,
    /// What runs it, in words.
    pub does: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// What the page asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<String>,
    /// In the order in which they run once the page is sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validations: Vec<Validation>,
    /// The buttons of display controls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    pub places: Vec<Place>,
    /// `None` where the policy has no such profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<Line>>,
}

/// What a profile has to do with, roughly: by this pictures are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Family {
    Page,
    Directory,
    /// Calls a system of the author's.
    Rest,
    /// Signs in elsewhere.
    Elsewhere,
    /// Verifies a phone, an address, a second factor.
    Verification,
    Issuer,
    Other,
    Missing,
}

/// Another system that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Host and path.
    pub address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// How we prove who we are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    pub profile: String,
    /// Where the page is told to run it.
    pub place: Place,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped_if: Vec<String>,
    /// What is unusual about how it goes on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unusual: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    pub control: String,
    pub button: String,
    pub runs: Vec<Validation>,
}

impl Journey {
    pub fn profile(&self, id: &str) -> Option<&Profile> {
        self.profiles
            .iter()
            .find(|profile| crate::policy::view::same_id(&profile.id, id))
    }

    pub(super) fn has_sub_journey(&self, id: &str) -> bool {
        self.sub_journeys
            .iter()
            .any(|own| crate::policy::view::same_id(&own.id, id))
    }

    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl Family {
    /// Its class in a picture.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Page => "f-page",
            Self::Directory => "f-directory",
            Self::Rest => "f-rest",
            Self::Elsewhere => "f-elsewhere",
            Self::Verification => "f-verification",
            Self::Issuer => "f-issuer",
            Self::Other => "f-other",
            Self::Missing => "f-missing",
        }
    }
}

impl Profile {
    /// What it does and where it calls.
    pub(super) fn summary(&self) -> String {
        match &self.call {
            Some(call) => format!("{}: {}", self.does, call.summary()),
            None => self.does.clone(),
        }
    }
}

impl Call {
    pub(super) fn summary(&self) -> String {
        let method = self
            .method
            .map_or(String::new(), |method| format!("{method} "));
        let authentication = self.authentication.as_ref();
        let proof = authentication.map_or(String::new(), |kind| format!(" ({kind})"));
        format!("{method}{}{proof}", self.address)
    }
}

impl Page {
    pub(super) fn summary(&self) -> String {
        let layout = self.layout.as_ref();
        let layout = layout.map_or(String::new(), |layout| format!(", {layout}"));
        match &self.title {
            Some(title) => format!("{title} ({}{layout})", self.content_definition),
            None => format!("{}{layout}", self.content_definition),
        }
    }
}

impl Validation {
    /// What else there is to say of it.
    pub(super) fn remarks(&self) -> Vec<String> {
        let skips = self
            .skipped_if
            .iter()
            .map(|skip| format!("skipped if {skip}"));
        skips
            .chain(self.unusual.iter().map(ToString::to_string))
            .collect()
    }
}
