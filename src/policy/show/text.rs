//! A journey for a terminal.

use std::fmt::Write as _;

use super::journey::{Journey, Profile, Step, Validation};
use super::place::Place;

impl Journey {
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "Journey {} of {}  {}",
            self.id,
            self.policy,
            joined(&self.places)
        );
        for note in &self.notes {
            let _ = writeln!(out, "! {note}");
        }
        for step in &self.steps {
            self.step(out, step);
        }
        if !self.sends.is_empty() {
            let _ = writeln!(out, "\nThe app is sent: {}", self.sends.join(", "));
        }
        for own in &self.sub_journeys {
            let end = if own.returns {
                "comes back"
            } else {
                "does not come back"
            };
            let _ = writeln!(
                out,
                "\nSub-journey {}, {end}  {}",
                own.id,
                joined(&own.places)
            );
            for step in &own.steps {
                self.step(out, step);
            }
        }
    }

    fn step(&self, out: &mut String, step: &Step) {
        let _ = writeln!(
            out,
            "\n{:>3}  {}  {}",
            step.order,
            step.title,
            joined(&step.places)
        );
        for skip in &step.skipped_if {
            let _ = writeln!(out, "       skipped if {skip}");
        }
        if let Some(page) = &step.page {
            let _ = writeln!(out, "       page {}", page.summary());
        }
        for choice in &step.choices {
            let profile = choice.profile.as_deref().unwrap_or("nothing of that name");
            let _ = writeln!(
                out,
                "       {} → {} → {profile}",
                choice.label, choice.exchange
            );
        }
        for id in step
            .sub_journeys
            .iter()
            .filter(|id| !self.has_sub_journey(id))
        {
            let _ = writeln!(out, "     · {id}: not in the policy");
        }
        for run in &step.runs {
            if let Some(profile) = self.profile(&run.profile) {
                self.run(out, profile);
            }
        }
    }

    fn run(&self, out: &mut String, profile: &Profile) {
        let places = joined(&profile.places);
        let line = format!("     · {}: {}  {places}", profile.id, profile.summary());
        let _ = writeln!(out, "{}", line.trim_end());
        if let Some(page) = &profile.page {
            let _ = writeln!(out, "         page {}", page.summary());
        }
        if !profile.asks.is_empty() {
            let _ = writeln!(out, "         asks for {}", profile.asks.join(", "));
        }
        for action in &profile.actions {
            let _ = writeln!(out, "         {} of {}:", action.button, action.control);
            self.validations(out, &action.runs);
        }
        if !profile.validations.is_empty() {
            let _ = writeln!(out, "         then, in this order:");
            self.validations(out, &profile.validations);
        }
        if let Some(session) = &profile.session {
            let _ = writeln!(out, "         session {session}");
        }
    }

    fn validations(&self, out: &mut String, validations: &[Validation]) {
        for (number, own) in validations.iter().enumerate() {
            let summary = self
                .profile(&own.profile)
                .map(Profile::summary)
                .unwrap_or_default();
            let _ = writeln!(
                out,
                "         {:>3}. {}: {summary}  {}",
                number + 1,
                own.profile,
                own.place
            );
            for remark in own.remarks() {
                let _ = writeln!(out, "              {remark}");
            }
        }
    }
}

fn joined(places: &[Place]) -> String {
    let places: Vec<_> = places.iter().map(ToString::to_string).collect();
    places.join(", ")
}
