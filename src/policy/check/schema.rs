//! P01 and P02: whether one file has the shape of a policy.
//!
//! The content model is our own table; nothing but the names of things and
//! what may follow what is taken from Microsoft's
//! `TrustFrameworkPolicy_0.3.0.0.xsd`, which B2C checks against first.

mod building_blocks;
mod journeys;
mod model;
mod one_of;
mod place;
mod policy;
mod root;
mod technical_profiles;
mod values;

use std::collections::HashMap;

use super::spelling::nearest;
use super::wording::listed;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::xml::{Attribute, Element, NAMESPACE};

use model::{Content, Key, Particle, Simple, Type};
use place::{Place, names};

/// Looks at one file. `text` is the file's, in which the spans count.
pub(super) fn check(root: &Element, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !root::is_in_namespace(root, text, &mut findings) {
        // Each element of it would be wrong in the same way.
        return findings;
    }
    let mut reader = Reader { text, findings };
    reader.element(root, &policy::POLICY);
    let mut findings = reader.findings;
    root::version(root, &mut findings);
    findings
}

struct Reader<'a> {
    text: &'a str,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn element(&mut self, element: &Element, of: &Type) {
        if matches!(of.content, Content::Anything) {
            return;
        }
        self.attributes(element, of);
        match of.content {
            Content::Anything => {}
            Content::Empty => {
                self.no_children(element, "the parent element's content model is empty");
                self.no_text(element, &[]);
            }
            Content::Text(simple) => {
                self.no_children(element, "the parent element's content model is text only");
                self.text_value(element, simple);
            }
            Content::Sequence(particles) => {
                self.no_text(element, particles);
                self.sequence(element, particles);
            }
            Content::Choice(particles) => {
                self.no_text(element, particles);
                self.choice(element, particles);
            }
        }
        for key in of.keys {
            self.key(element, key);
        }
    }

    fn attributes(&mut self, element: &Element, of: &Type) {
        for attribute in &element.attributes {
            if is_about_the_schema(attribute) {
                continue;
            }
            let rule = of
                .attributes
                .iter()
                .find(|rule| attribute.namespace.is_none() && rule.name == &*attribute.name);
            match rule {
                Some(rule) => self.attribute_value(attribute, rule.value),
                None => self.unknown_attribute(element, attribute, of),
            }
        }
        for rule in of.attributes.iter().filter(|rule| rule.needed) {
            if element.attribute(rule.name).is_none() {
                self.push(
                    element.name_span,
                    format!("<{}> lacks the attribute {}", element.name, rule.name),
                    format!("The required attribute '{}' is missing.", rule.name),
                    None,
                );
            }
        }
    }

    fn attribute_value(&mut self, attribute: &Attribute, simple: Simple) {
        if let Err(complaint) = simple.check(&attribute.value) {
            self.push(
                attribute.value_span,
                format!("{}=\"{}\" is not valid", attribute.name, attribute.value),
                format!(
                    "The '{}' attribute is invalid - The value '{}' is invalid according to its datatype '{}' - {}",
                    attribute.name, attribute.value, complaint.datatype, complaint.b2c
                ),
                Some(format!("write {}", complaint.expected)),
            );
        }
    }

    fn unknown_attribute(&mut self, element: &Element, attribute: &Attribute, of: &Type) {
        let known = || {
            let names = of.attributes.iter().map(|rule| rule.name);
            names.filter(|name| element.attribute(name).is_none())
        };
        let mend = match nearest(&attribute.name, known()) {
            Some(name) => format!("did you mean {name}?"),
            None if of.attributes.is_empty() => {
                format!("take it away: <{}> has no attributes", element.name)
            }
            None => format!(
                "take it away: <{}> may have {}",
                element.name,
                listed(of.attributes.iter().map(|rule| rule.name))
            ),
        };
        self.push(
            attribute.span,
            format!("<{}> has no attribute {}", element.name, attribute.name),
            format!("The '{}' attribute is not declared.", attribute.name),
            Some(mend),
        );
    }

    fn no_children(&mut self, element: &Element, why: &str) {
        if let Some(child) = element.children.first() {
            self.push(
                child.name_span,
                format!("<{}> may hold no elements", element.name),
                format!(
                    "The element '{}' cannot contain child element '{}' because {why}.",
                    element.name, child.name
                ),
                Some(format!("take <{}> away", child.name)),
            );
        }
    }

    fn no_text(&mut self, element: &Element, particles: &[Particle]) {
        if let Some(text) = &element.text {
            let expected = particles.iter().map(|p| p.name).collect::<Vec<_>>();
            self.push(
                text.span,
                format!("<{}> may hold no text", element.name),
                format!(
                    "The element '{}' in namespace '{NAMESPACE}' cannot contain text.{}",
                    element.name,
                    expectation(&expected)
                ),
                Some("take it away, or make a comment of it".to_owned()),
            );
        }
    }

    fn text_value(&mut self, element: &Element, simple: Simple) {
        let value = self.content(element);
        let Err(complaint) = simple.check(value) else {
            return;
        };
        let blank = simple.check(value.trim()).is_ok() && !value.trim().is_empty();
        let mend = if blank {
            "take the blanks and line breaks around it away".to_owned()
        } else {
            format!("write {}", complaint.expected)
        };
        let span = element.text.as_ref().map_or(element.name_span, |t| t.span);
        let message = match value.trim() {
            "" => format!("<{}> is empty", element.name),
            said => format!("<{}> says `{said}`, which is not valid", element.name),
        };
        let b2c = format!(
            "The '{NAMESPACE}:{}' element is invalid - The value '{}' is invalid according to its datatype '{}' - {}",
            element.name,
            value.trim(),
            complaint.datatype,
            complaint.b2c
        );
        self.push(span, message, b2c, Some(mend));
    }

    /// What stands between the tags, blanks at the ends included: they count
    /// where values are enumerated.
    fn content<'e>(&'e self, element: &'e Element) -> &'e str {
        let said = element.text().unwrap_or("");
        let start = element
            .attributes
            .last()
            .map_or(element.name_span, |a| a.span)
            .end;
        let raw = || {
            let whole = self.text.get(start as usize..element.span.end as usize)?;
            let inside = &whole[whole.find('>')? + 1..];
            inside.get(..inside.rfind("</")?)
        };
        // With a reference or a comment in it, it is not what it says.
        raw().filter(|raw| raw.trim() == said).unwrap_or(said)
    }

    fn sequence(&mut self, element: &Element, particles: &[Particle]) {
        let mut place = Place::start();
        let mut broken = false;
        for child in &element.children {
            let found = particles.iter().position(|particle| names(particle, child));
            if !broken && !place.enter(particles, found) {
                self.misplaced(element, child, particles, &place, found);
                broken = true;
            }
            if let Some(particle) = found.and_then(|at| particles.get(at)) {
                self.element(child, particle.of);
            }
        }
        if !broken && let Some(missing) = place.missing(particles) {
            self.push(
                element.name_span,
                format!("<{}> lacks <{missing}>", element.name),
                format!(
                    "The element '{}' in namespace '{NAMESPACE}' has incomplete content.{}",
                    element.name,
                    expectation(&place.possible(particles))
                ),
                None,
            );
        }
    }

    fn choice(&mut self, element: &Element, particles: &[Particle]) {
        let mut chosen: Option<(usize, bool)> = None;
        for child in &element.children {
            let found = particles.iter().position(|particle| names(particle, child));
            let fits = match (found, chosen) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(at), Some((before, repeats))) => at == before && repeats,
            };
            if !fits {
                let possible: Vec<_> = match chosen {
                    Some((at, true)) => vec![particles[at].name],
                    Some((_, false)) => Vec::new(),
                    None => particles.iter().map(|particle| particle.name).collect(),
                };
                self.invalid_child(element, child, &possible, None);
                return;
            }
            if let Some(particle) = found.and_then(|at| particles.get(at)) {
                self.element(child, particle.of);
                chosen = found.map(|at| (at, particle.repeats));
            }
        }
    }

    fn misplaced(
        &mut self,
        element: &Element,
        child: &Element,
        particles: &[Particle],
        place: &Place,
        found: Option<usize>,
    ) {
        let possible = place.possible(particles);
        let mend = match found {
            Some(at) if at == place.at => format!(
                "<{}> may have one <{}>: put both into one",
                element.name, child.name
            ),
            Some(at) if at < place.at => {
                let before = element.children.iter().find(|other| {
                    particles[at + 1..]
                        .iter()
                        .any(|particle| names(particle, other))
                });
                match before {
                    Some(before) => format!("move it up, before <{}>", before.name),
                    None => format!("put it with the other <{}>", child.name),
                }
            }
            Some(_) => format!("<{}> must come before it", possible.last().unwrap_or(&"")),
            None => match nearest(&child.name, particles.iter().map(|p| p.name)) {
                Some(name) => format!("did you mean <{name}>?"),
                None => match home(&child.name, &policy::POLICY, 0) {
                    Some(parent) => format!("<{}> belongs into <{parent}>", child.name),
                    None => format!("there is no <{}> in a policy: take it away", child.name),
                },
            },
        };
        self.invalid_child(element, child, &possible, Some(mend));
    }

    fn invalid_child(
        &mut self,
        element: &Element,
        child: &Element,
        possible: &[&str],
        mend: Option<String>,
    ) {
        self.push(
            child.name_span,
            format!("<{}> may not stand here in <{}>", child.name, element.name),
            format!(
                "The element '{}' in namespace '{NAMESPACE}' has invalid child element '{}' in namespace '{}'.{}",
                element.name,
                child.name,
                child.namespace.as_deref().unwrap_or(""),
                expectation(possible)
            ),
            mend,
        );
    }

    fn key(&mut self, element: &Element, key: &Key) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for found in along(element, key.path) {
            let Some(attribute) = found.attribute(key.attribute) else {
                continue;
            };
            let value = canonical(key, &attribute.value);
            let Some(first) = seen.insert(value, attribute.value_span) else {
                continue;
            };
            seen.insert(value, first);
            self.findings.push(
                Finding::new(
                    2,
                    Severity::Error,
                    attribute.value_span,
                    format!(
                        "there are two <{}> with {}=\"{value}\"",
                        found.name, key.attribute
                    ),
                )
                .b2c(format!(
                    "There is a duplicate key sequence '{value}' for the '{NAMESPACE}:{}' key or unique identity constraint.",
                    key.name
                ))
                .mend("rename one, or put both into one")
                .related(first, "the first is here"),
            );
        }
    }

    fn push(&mut self, span: Span, message: String, b2c: String, mend: Option<String>) {
        let mut finding = Finding::new(2, Severity::Error, span, message).b2c(b2c);
        finding.mend = mend;
        self.findings.push(finding);
    }
}

/// `xsi:schemaLocation` and its like may stand anywhere.
fn is_about_the_schema(attribute: &Attribute) -> bool {
    attribute.namespace.as_deref() == Some("http://www.w3.org/2001/XMLSchema-instance")
}

fn expectation(possible: &[&str]) -> String {
    if possible.is_empty() {
        return String::new();
    }
    format!(
        " List of possible elements expected: '{}' in namespace '{NAMESPACE}'.",
        possible.join(", ")
    )
}

/// The first element in which one of that name may stand.
fn home(name: &str, of: &Type, depth: usize) -> Option<&'static str> {
    let (Content::Sequence(particles) | Content::Choice(particles)) = of.content else {
        return None;
    };
    // Nothing of a policy is deeper.
    if depth > 12 {
        return None;
    }
    particles.iter().find_map(|particle| {
        let (Content::Sequence(inner) | Content::Choice(inner)) = particle.of.content else {
            return None;
        };
        if inner.iter().any(|inner| inner.name == name) {
            return Some(particle.name);
        }
        home(name, particle.of, depth + 1)
    })
}

fn along<'e>(element: &'e Element, path: &'static [&'static str]) -> Vec<&'e Element> {
    let mut found = vec![element];
    for name in path {
        found = found.iter().flat_map(|element| element.all(name)).collect();
    }
    found
}

/// Orders are compared as numbers: `01` is `1`.
fn canonical<'v>(key: &Key, value: &'v str) -> &'v str {
    if key.attribute != "Order" {
        return value;
    }
    let digits = value.trim().trim_start_matches('+');
    match digits.trim_start_matches('0') {
        "" => digits.get(..1).unwrap_or(digits),
        significant => significant,
    }
}
