//! A journey as one page that needs nothing but itself.

use askama::Template;

use super::journey::{Family, Journey, Step, Validation};
use super::lines::Line;
use super::place::Place;
use crate::policy::view::same_id;

#[derive(Template)]
#[template(path = "journey.html", config = "src/policy/show/askama.toml")]
struct Page<'a> {
    journey: &'a Journey,
    /// The journey itself, and then its sub-journeys.
    parts: Vec<Part<'a>>,
    /// Made of escaped text by us.
    picture: String,
    style: &'static str,
    /// What all files have in front.
    shared: String,
    legend: [(Family, &'static str); 7],
}

struct Part<'a> {
    /// Of a sub-journey.
    title: Option<String>,
    /// Before the number of a step it makes an id.
    prefix: String,
    steps: &'a [Step],
}

const LEGEND: [(Family, &str); 7] = [
    (Family::Page, "page"),
    (Family::Directory, "directory"),
    (Family::Rest, "REST call"),
    (Family::Elsewhere, "sign-in elsewhere"),
    (Family::Verification, "verification"),
    (Family::Issuer, "issuer"),
    (Family::Other, "other"),
];

impl Journey {
    pub fn html(&self) -> Result<String, askama::Error> {
        let own = Part {
            title: None,
            prefix: "step-".to_owned(),
            steps: &self.steps,
        };
        let within = self.sub_journeys.iter().enumerate().map(|(number, sub)| {
            let end = if sub.returns {
                "comes back"
            } else {
                "does not come back"
            };
            Part {
                title: Some(format!("Sub-journey {} ({end})", sub.id)),
                prefix: sub_prefix(number),
                steps: &sub.steps,
            }
        });
        Page {
            journey: self,
            parts: std::iter::once(own).chain(within).collect(),
            picture: self.svg_in_page(),
            style: include_str!("pages/style.css"),
            shared: shared_folder(&self.chain),
            legend: LEGEND,
        }
        .render()
    }
}

impl Page<'_> {
    /// A place without the folders that all files share.
    fn short(&self, place: &Place) -> String {
        format!("{}:{}", self.file(place), place.line)
    }

    fn file<'p>(&self, place: &'p Place) -> &'p str {
        place.file.strip_prefix(&self.shared).unwrap_or(&place.file)
    }

    /// Lines, each with its file where that is another one than before. The ends
    /// of elements say nothing new.
    fn by_file<'p>(&self, lines: &'p [Line]) -> Vec<(Option<&'p str>, &'p Line)> {
        let mut last = None;
        let with_file = lines.iter().map(|line| {
            let file = Some(self.file(&line.place));
            let changes = !line.ends && file != last;
            if changes {
                last = file;
            }
            (file.filter(|_| changes), line)
        });
        with_file.collect()
    }

    fn shorts(&self, places: &[Place]) -> String {
        let places: Vec<_> = places.iter().map(|place| self.short(place)).collect();
        places.join(", ")
    }

    /// What the ids of a sub-journey begin with.
    fn sub_journey(&self, id: &str) -> Option<String> {
        let mut own = self.journey.sub_journeys.iter();
        let number = own.position(|own| same_id(&own.id, id));
        number.map(sub_prefix)
    }

    fn does(&self, own: &Validation) -> String {
        let profile = self.journey.profile(&own.profile);
        profile
            .map(super::journey::Profile::summary)
            .unwrap_or_default()
    }

    fn family(&self, own: &Validation) -> Family {
        let profile = self.journey.profile(&own.profile);
        profile.map_or(Family::Missing, |profile| profile.family)
    }
}

fn sub_prefix(number: usize) -> String {
    format!("sub-{}-step-", number + 1)
}

/// Up to and with the last separator that all paths have in common.
fn shared_folder(paths: &[String]) -> String {
    let Some((first, rest)) = paths.split_first() else {
        return String::new();
    };
    let mut shared = first.as_str();
    for path in rest {
        let same = shared.bytes().zip(path.bytes()).take_while(|(a, b)| a == b);
        shared = shared.get(..same.count()).unwrap_or_default();
    }
    let end = shared.rfind(['/', '\\']).map_or(0, |at| at + 1);
    shared.get(..end).unwrap_or_default().to_owned()
}
