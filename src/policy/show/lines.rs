//! An element of an effective policy, line by line, each with its origin.

use std::fmt::Write as _;

use serde::Serialize;

use super::place::{Place, clean, place};
use crate::policy::source::Sources;
use crate::policy::xml::Element;

/// A line of XML as the merged policy would have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How deep the element lies in the one that is shown.
    pub depth: usize,
    pub xml: String,
    /// Ends an element. It has the place of the beginning.
    #[serde(skip)]
    pub ends: bool,
    #[serde(flatten)]
    pub place: Place,
    /// Parts of the line that stand elsewhere: attributes, `text()`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub part: String,
    #[serde(flatten)]
    pub place: Place,
}

/// The children of a technical profile, in the order that the schema has them:
/// merging leaves those of the base before those that the child adds.
const ORDER: [&str; 24] = [
    "Domain",
    "DisplayName",
    "Description",
    "Protocol",
    "InputTokenFormat",
    "OutputTokenFormat",
    "AssuranceLevelOfOutputClaims",
    "RequiredAssuranceLevelsOfInputClaims",
    "SubjectAuthenticationRequirements",
    "Metadata",
    "CryptographicKeys",
    "IncludeInSso",
    "InputTokenSources",
    "InputClaimsTransformations",
    "InputClaims",
    "DisplayClaims",
    "PersistedClaims",
    "OutputClaims",
    "OutputClaimsTransformations",
    "ValidationTechnicalProfiles",
    "SubjectNamingInfo",
    "IncludeTechnicalProfile",
    "UseTechnicalProfileForSessionManagement",
    "EnabledForUserJourneys",
];

/// The element and all within.
pub(super) fn lines(sources: &Sources, element: &Element) -> Vec<Line> {
    let mut all = Vec::new();
    write(sources, element, 0, &mut all);
    all
}

fn write(sources: &Sources, element: &Element, depth: usize, all: &mut Vec<Line>) {
    let own = place(sources, element.span);
    let mut xml = format!("<{}", element.name);
    let mut elsewhere = Vec::new();
    for attribute in &element.attributes {
        // Writing to a string cannot fail.
        let _ = write!(xml, " {}=\"{}\"", attribute.name, escaped(&attribute.value));
        if attribute.span.file != element.span.file {
            elsewhere.push(Part {
                part: attribute.name.to_string(),
                place: place(sources, attribute.span),
            });
        }
    }
    if let Some(text) = element
        .text
        .as_ref()
        .filter(|text| text.span.file != element.span.file)
    {
        elsewhere.push(Part {
            part: "text()".to_owned(),
            place: place(sources, text.span),
        });
    }
    let text = escaped(element.text().unwrap_or_default());
    let has_children = !element.children.is_empty();
    xml.push_str(&match (text.is_empty(), has_children) {
        (true, false) => "/>".to_owned(),
        (_, true) => format!(">{text}"),
        (false, false) => format!(">{text}</{}>", element.name),
    });
    all.push(Line {
        depth,
        xml: clean(&xml),
        ends: false,
        place: own.clone(),
        elsewhere,
    });
    let mut children: Vec<_> = element.children.iter().collect();
    if &*element.name == "TechnicalProfile" {
        let rank = |name: &str| ORDER.iter().position(|own| *own == name);
        children.sort_by_key(|child| rank(&child.name).unwrap_or(ORDER.len()));
    }
    for child in children {
        write(sources, child, depth + 1, all);
    }
    if has_children {
        all.push(Line {
            depth,
            xml: format!("</{}>", element.name),
            ends: true,
            place: own,
            elsewhere: Vec::new(),
        });
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
