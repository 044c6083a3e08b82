//! The page of one trace: what its template needs, in words and in order.

use askama::Template;

use super::{
    claims::{Change, ClaimRow, changes, rows},
    profile::{NoteView, Parts, ProfileView, Reason},
    summary::{Outcome, Summary, is_trap, profiles, rest_us},
    words,
};
use crate::emulator::{
    desk::{Desk, SourceLink, duration, moment},
    engine::trace::{EndRecord, Happening, Note, NoteLevel, Place, StepRecord, Trace},
    pages,
};

/// Whether the page comes again by itself while the journey runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watching {
    On,
    Off,
}

#[derive(Template)]
#[template(path = "trace.html", config = "src/emulator/askama.toml")]
struct TracePage<'a> {
    desk: Desk<'a>,
    trace: &'a Trace,
    summary: &'a Summary,
    is_open: bool,
    is_watching: bool,
    started: String,
    total: String,
    split: Split,
    end: End<'a>,
    request: Vec<ClaimRow<'a>>,
    attention: Vec<Attention<'a>>,
    steps: Vec<StepView<'a>>,
}

/// Where the time went.
struct Split {
    steps: String,
    rest: String,
    calls: usize,
    /// The part of REST, in thousandths.
    rest_share: u64,
}

struct End<'a> {
    headline: &'static str,
    /// What the application is told as `error`.
    error: Option<&'a str>,
    claims: Option<Vec<ClaimRow<'a>>>,
    /// The step in which it ended or waits.
    step: Option<usize>,
    culprit: Option<Culprit<'a>>,
}

/// The profile that failed last in the step that ended the journey.
struct Culprit<'a> {
    profile: &'a str,
    place: Option<SourceLink>,
}

/// What an author should not overlook.
struct Attention<'a> {
    step: usize,
    order: u32,
    journey: &'a str,
    text: String,
    place: Option<SourceLink>,
}

struct StepView<'a> {
    /// Counted in the trace: an order comes again in sub-journeys.
    number: usize,
    record: &'a StepRecord,
    /// The journey's name, where it is another than in the step before.
    enters: Option<&'a str>,
    state: &'static str,
    state_text: &'static str,
    is_done: bool,
    /// Its technical profiles, in short.
    subject: String,
    took: String,
    bar: Bar,
    place: Option<SourceLink>,
    skipped_because: Option<String>,
    reasons: Vec<Reason>,
    events: Vec<Event<'a>>,
    changes: Vec<Change<'a>>,
    before: Vec<ClaimRow<'a>>,
    after: Vec<ClaimRow<'a>>,
}

/// In thousandths of all time.
struct Bar {
    start: u64,
    length: u64,
    rest: u64,
}

enum Event<'a> {
    Page {
        page: &'a str,
        title: &'a str,
    },
    Submitted {
        action: &'a str,
        typed: Vec<ClaimRow<'a>>,
        validations: Vec<ProfileView<'a>>,
    },
    Stays(&'a str),
    Profile(Box<ProfileView<'a>>),
    Note(NoteView<'a>),
}

pub(super) fn page(desk: Desk<'_>, trace: &Trace, summary: &Summary, watching: Watching) -> String {
    let view = View {
        trace,
        parts: Parts { trace: &trace.id },
    };
    let steps = view.steps(summary.took_us);
    let is_open = summary.outcome == Outcome::Open;
    pages::render(&TracePage {
        desk,
        trace,
        summary,
        is_open,
        is_watching: is_open && watching == Watching::On,
        started: moment(&trace.started),
        total: duration(summary.took_us),
        split: split(trace, summary),
        end: view.end(summary.outcome),
        request: rows(&trace.request),
        attention: view.attention(),
        steps,
    })
}

fn split(trace: &Trace, summary: &Summary) -> Split {
    let calls = trace.steps.iter().flat_map(profiles);
    Split {
        steps: duration(summary.took_us.saturating_sub(summary.rest_us)),
        rest: duration(summary.rest_us),
        calls: calls.filter(|profile| profile.rest.is_some()).count(),
        rest_share: thousandths(summary.rest_us, summary.took_us),
    }
}

/// What is over in no time is still to be seen.
const VISIBLE: u64 = 6;

fn thousandths(part: u64, all: u64) -> u64 {
    match all {
        0 => 0,
        all => (part.saturating_mul(1000) / all).min(1000),
    }
}

struct View<'a> {
    trace: &'a Trace,
    parts: Parts<'a>,
}

impl<'a> View<'a> {
    fn end(&self, outcome: Outcome) -> End<'a> {
        let headline = match outcome {
            Outcome::Tokens => "Tokens were issued",
            Outcome::Error => "The application was told an error",
            Outcome::Blocked => "It ended on a page that leads nowhere",
            Outcome::Open => "It is still running",
        };
        let (error, claims) = match &self.trace.end {
            Some(EndRecord::Tokens { claims }) => (None, Some(rows(claims))),
            Some(EndRecord::Error { error, .. }) => (Some(error.as_str()), None),
            Some(EndRecord::Blocked { .. }) | None => (None, None),
        };
        let has_failed = matches!(outcome, Outcome::Error | Outcome::Blocked);
        let last = self.trace.steps.last().filter(|_| has_failed);
        let failed = last.and_then(|step| profiles(step).next_back());
        let failed = failed.filter(|profile| profile.failure.is_some());
        End {
            headline,
            error,
            claims,
            step: Some(self.trace.steps.len()).filter(|count| *count > 0),
            culprit: failed.map(|profile| Culprit {
                profile: &profile.id,
                place: self.parts.link(profile.place.as_ref()),
            }),
        }
    }

    fn attention(&self) -> Vec<Attention<'a>> {
        let mut all = Vec::new();
        for (at, step) in self.trace.steps.iter().enumerate() {
            let mut add = |text: String, place: Option<&Place>| {
                all.push(Attention {
                    step: at + 1,
                    order: step.order,
                    journey: &step.journey,
                    text,
                    place: self.parts.link(place),
                });
            };
            for (at, looked) in step.preconditions.iter().enumerate() {
                if is_trap(step, at) {
                    add(words::trap(looked), looked.place.as_ref());
                }
            }
            for note in notes(step).filter(|note| note.level == NoteLevel::Warning) {
                add(note.text.clone(), note.place.as_ref());
            }
        }
        all
    }

    fn steps(&self, total: u64) -> Vec<StepView<'a>> {
        let mut before = 0;
        let mut journey = None;
        let mut views = Vec::new();
        for (at, record) in self.trace.steps.iter().enumerate() {
            let enters = Some(record.journey.as_str()).filter(|own| journey != Some(*own));
            journey = Some(record.journey.as_str());
            let bar = Bar {
                start: thousandths(before, total),
                length: thousandths(record.took_us, total).max(VISIBLE),
                rest: thousandths(rest_us(record), total),
            };
            before += record.took_us;
            views.push(self.step(at, record, enters, bar));
        }
        views
    }

    fn step(
        &self,
        at: usize,
        record: &'a StepRecord,
        enters: Option<&'a str>,
        bar: Bar,
    ) -> StepView<'a> {
        let is_last = at + 1 == self.trace.steps.len();
        let is_done = self.trace.end.is_some() || !is_last;
        let (state, state_text) = self.state(record, is_last);
        let skipping = record.preconditions.last().filter(|_| record.is_skipped);
        let reasons = record.preconditions.iter().enumerate();
        StepView {
            number: at + 1,
            record,
            enters,
            state,
            state_text,
            is_done,
            subject: subject(record),
            took: duration(record.took_us),
            bar,
            place: self.parts.link(record.place.as_ref()),
            skipped_because: skipping.map(words::found),
            reasons: reasons
                .map(|(at, looked)| self.parts.reason(looked, is_trap(record, at)))
                .collect(),
            events: self.events(record),
            changes: match is_done {
                true => changes(&record.claims_before, &record.claims_after),
                false => Vec::new(),
            },
            before: rows(&record.claims_before),
            after: rows(&record.claims_after),
        }
    }

    fn state(&self, record: &StepRecord, is_last: bool) -> (&'static str, &'static str) {
        if record.is_skipped {
            return ("skipped", "skipped");
        }
        match (is_last, Outcome::of(self.trace)) {
            (true, Outcome::Open) => ("waiting", "waiting"),
            (true, Outcome::Error | Outcome::Blocked) => ("failed", "ended here"),
            (true, Outcome::Tokens) | (false, _) => ("ran", "ran"),
        }
    }

    /// Validation profiles stand behind the press of the button that ran them.
    fn events(&self, record: &'a StepRecord) -> Vec<Event<'a>> {
        let mut events = Vec::new();
        for happening in &record.happenings {
            match happening {
                Happening::Page { page, title } => events.push(Event::Page { page, title }),
                Happening::Submitted { action, typed } => events.push(Event::Submitted {
                    action,
                    typed: rows(typed),
                    validations: Vec::new(),
                }),
                Happening::PageStays { message } => events.push(Event::Stays(message)),
                Happening::Note(note) => events.push(Event::Note(self.parts.note(note))),
                Happening::Profile(profile) => {
                    let view = self.parts.profile(profile);
                    match events.last_mut() {
                        Some(Event::Submitted { validations, .. }) if profile.is_validation => {
                            validations.push(view);
                        }
                        Some(_) | None => events.push(Event::Profile(Box::new(view))),
                    }
                }
            }
        }
        events
    }
}

fn notes(step: &StepRecord) -> impl Iterator<Item = &Note> {
    step.happenings
        .iter()
        .flat_map(|happening| match happening {
            Happening::Note(note) => std::slice::from_ref(note),
            Happening::Profile(profile) => &profile.notes[..],
            Happening::Page { .. } | Happening::Submitted { .. } | Happening::PageStays { .. } => {
                &[]
            }
        })
}

/// The technical profiles of the step itself, each once.
fn subject(step: &StepRecord) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for profile in profiles(step).filter(|profile| !profile.is_validation) {
        if !ids.contains(&profile.id.as_str()) {
            ids.push(&profile.id);
        }
    }
    ids.join(", ")
}
