//! `--technical-profile`: an effective technical profile.

use std::fmt::Write as _;

use serde::Serialize;

use super::NotShown;
use super::lines::{Line, lines};
use super::place::{clean, path_of};
use crate::policy::set::{PolicyFile, PolicySet};

/// A technical profile with all that it inherits and includes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub policy: String,
    pub technical_profile: String,
    /// The files, the base first.
    pub chain: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    pub lines: Vec<Line>,
}

impl Profile {
    pub fn of(set: &PolicySet, file: &PolicyFile, id: &str) -> Result<Self, NotShown> {
        let effective = set.effective(file.file).ok_or(NotShown::NoPolicy)?;
        let Some(profile) = effective.technical_profile(id) else {
            return Err(NotShown::Unknown {
                kind: "technical profile",
                asked: clean(id),
                there: effective
                    .technical_profiles()
                    .map(|profile| clean(profile.id()))
                    .collect(),
                notes: super::notes(set, file),
            });
        };
        Ok(Self {
            policy: clean(file.policy_id().unwrap_or_default()),
            technical_profile: clean(profile.id()),
            chain: effective
                .chain
                .iter()
                .map(|file| path_of(&set.sources, *file))
                .collect(),
            notes: super::notes(set, file),
            lines: lines(&set.sources, profile.element),
        })
    }

    /// Each line behind its place.
    pub fn text(&self) -> String {
        let places: Vec<_> = self
            .lines
            .iter()
            .map(|line| line.place.to_string())
            .collect();
        let width = places
            .iter()
            .map(|place| place.chars().count())
            .max()
            .unwrap_or(0);
        let mut out = String::new();
        for note in &self.notes {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "! {note}");
        }
        for (line, place) in self.lines.iter().zip(places) {
            let indent = "  ".repeat(line.depth);
            let _ = write!(out, "{place:width$}  {indent}{}", line.xml);
            for other in &line.elsewhere {
                let _ = write!(out, "  <!-- {}: {} -->", other.part, other.place);
            }
            out.push('\n');
        }
        out
    }

    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}
