//! How much of a trace is kept: long texts are cut, and of a journey that goes
//! on and on the newest part stays.

use std::io;

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Claims, EndRecord, Happening, Note, NoteLevel, ProfileRecord, RestRecord, StepRecord, Trace,
};

/// Bytes of a text: a claim's value, a message.
const MAX_TEXT: usize = 4 * 1024;
/// Bytes of a request's or a reply's body.
const MAX_BODY: usize = 64 * 1024;
/// Items of a collection.
const MAX_ITEMS: usize = 100;
/// Bytes of all that happened in a journey, as JSON.
const MAX_TRACE: usize = 256 * 1024;

impl Trace {
    /// As much of it as is kept.
    pub(crate) fn bounded(mut self) -> Self {
        cut_claims(&mut self.request);
        match &mut self.end {
            Some(EndRecord::Tokens { claims }) => cut_claims(claims),
            Some(EndRecord::Error { description, .. }) => cut(description, MAX_TEXT),
            Some(EndRecord::Blocked { message }) => cut(message, MAX_TEXT),
            None => {}
        }
        self.steps.iter_mut().for_each(cut_step);
        forget_the_oldest(&mut self.steps);
        self
    }
}

/// Until the rest fits: happenings, and claims of all steps but the last.
fn forget_the_oldest(steps: &mut [StepRecord]) {
    let mut size: usize = steps.iter().map(weight).sum();
    let last = steps.len().saturating_sub(1);
    for (at, step) in steps.iter_mut().enumerate() {
        if size <= MAX_TRACE {
            return;
        }
        let mut forgotten = 0;
        for happening in &step.happenings {
            if size <= MAX_TRACE {
                break;
            }
            size = size.saturating_sub(weight(happening));
            forgotten += 1;
        }
        step.happenings.drain(..forgotten);
        if size > MAX_TRACE && at < last {
            size = size.saturating_sub(weight(&step.claims_before) + weight(&step.claims_after));
            step.claims_before.clear();
            step.claims_after.clear();
        }
        let text = "The trace grew too long: what happened here first is not kept.";
        let note = Note {
            level: NoteLevel::Info,
            text: text.to_owned(),
            place: None,
        };
        step.happenings.insert(0, Happening::Note(note));
    }
}

fn cut_step(step: &mut StepRecord) {
    cut_claims(&mut step.claims_before);
    cut_claims(&mut step.claims_after);
    for precondition in &mut step.preconditions {
        precondition.actual.iter_mut().for_each(cut_value);
    }
    for happening in &mut step.happenings {
        match happening {
            Happening::Page { title, .. } => cut(title, MAX_TEXT),
            Happening::Submitted { typed, .. } => cut_claims(typed),
            Happening::PageStays { message } => cut(message, MAX_TEXT),
            Happening::Profile(profile) => cut_profile(profile),
            Happening::Note(note) => cut(&mut note.text, MAX_TEXT),
        }
    }
}

fn cut_profile(profile: &mut ProfileRecord) {
    for input in &mut profile.inputs {
        cut_value(&mut input.value);
    }
    for transformation in &mut profile.transformations {
        cut_claims(&mut transformation.outputs);
    }
    cut_claims(&mut profile.outputs);
    if let Some(failure) = &mut profile.failure {
        cut(&mut failure.text, MAX_TEXT);
    }
    for note in &mut profile.notes {
        cut(&mut note.text, MAX_TEXT);
    }
    profile.rest.iter_mut().for_each(cut_rest);
}

fn cut_rest(rest: &mut RestRecord) {
    cut(&mut rest.url, MAX_TEXT);
    for (_, value) in &mut rest.request_headers {
        cut(value, MAX_TEXT);
    }
    let bodies = [&mut rest.request_body, &mut rest.reply_body];
    for body in bodies.into_iter().flatten() {
        cut(body, MAX_BODY);
    }
}

fn cut_claims(claims: &mut Claims) {
    for (_, value) in claims.iter_mut() {
        cut_value(value);
    }
}

fn cut_value(value: &mut Json) {
    match value {
        Json::String(text) => cut(text, MAX_TEXT),
        Json::Array(items) => {
            let all = items.len();
            items.iter_mut().take(MAX_ITEMS).for_each(cut_value);
            if all > MAX_ITEMS {
                items.truncate(MAX_ITEMS);
                items.push(format!("… ({all} items)").into());
            }
        }
        Json::Object(members) => cut_claims(members),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn cut(text: &mut String, most: usize) {
    let all = text.len();
    if all <= most {
        return;
    }
    text.truncate(text.floor_char_boundary(most));
    text.push_str(&format!("… ({all} bytes)"));
}

/// How long it is as JSON.
fn weight(part: &impl Serialize) -> usize {
    let mut counted = Counted(0);
    // A counter takes everything, and records have nothing JSON does not know.
    match serde_json::to_writer(&mut counted, part) {
        Ok(()) => counted.0,
        Err(_) => usize::MAX / 2,
    }
}

struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;

    fn step(order: u32, happenings: Vec<Happening>) -> StepRecord {
        StepRecord {
            journey: "SignIn".to_owned(),
            order,
            kind: "ClaimsExchange".to_owned(),
            place: None,
            preconditions: Vec::new(),
            is_skipped: false,
            claims_before: Map::new(),
            claims_after: Map::new(),
            happenings,
            took_us: 0,
        }
    }

    fn trace(steps: Vec<StepRecord>) -> Trace {
        Trace {
            id: "t".to_owned(),
            correlation_id: Uuid::nil(),
            policy: "B2C_1A_x".to_owned(),
            dialect: "custom-policy",
            client_id: "shop".to_owned(),
            started: "2026-01-01T10:00:00Z".to_owned(),
            language: "en".to_owned(),
            request: Map::new(),
            steps,
            end: None,
        }
    }

    fn said(text: &str) -> Happening {
        Happening::PageStays {
            message: text.to_owned(),
        }
    }

    #[test]
    fn a_long_value_is_cut_between_characters_and_tells_its_length() {
        let mut claims = json!({"a": "é".repeat(3000), "b": vec!["x"; 150], "c": {"d": "short"}});
        cut_value(&mut claims);
        let text = claims["a"].as_str().unwrap();
        assert!(text.ends_with("é… (6000 bytes)"), "{text}");
        assert_eq!(text.chars().filter(|c| *c == 'é').count(), 2048);
        assert_eq!(claims["b"][100], json!("… (150 items)"));
        assert_eq!(claims["b"].as_array().unwrap().len(), 101);
        assert_eq!(claims["c"], json!({"d": "short"}));
    }

    #[test]
    fn of_a_journey_without_end_the_newest_part_stays() {
        let one = |order| {
            let mut step = step(order, (0..20).map(|_| said(&"x".repeat(1000))).collect());
            step.claims_before
                .insert("email".to_owned(), json!("a@b.example"));
            step
        };
        let kept = trace((1..=40).map(one).collect()).bounded();
        let size: usize = kept.steps.iter().map(weight).sum();
        assert!(size < MAX_TRACE + 40 * 400, "{size}");
        assert_eq!(kept.steps.len(), 40, "each step is still there");
        let first = &kept.steps[0];
        assert!(first.claims_before.is_empty());
        assert!(
            matches!(&first.happenings[..], [Happening::Note(note)] if note.text.contains("too long"))
        );
        assert_eq!(kept.steps[39].happenings.len(), 20);
        assert!(!kept.steps[39].claims_before.is_empty());
    }

    #[test]
    fn of_a_page_sent_again_and_again_the_newest_tries_stay() {
        let mut tries: Vec<_> = (0..600).map(|_| said(&"x".repeat(1000))).collect();
        tries.push(said("the last one"));
        let kept = trace(vec![step(1, tries)]).bounded();
        let happenings = &kept.steps[0].happenings;
        assert!(happenings.len() < 300);
        assert!(matches!(&happenings[0], Happening::Note(_)));
        let last = happenings.last().unwrap();
        assert!(matches!(last, Happening::PageStays { message } if message == "the last one"));
    }
}
