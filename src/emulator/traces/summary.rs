//! A trace in one line.

use serde::Serialize;

use crate::emulator::engine::trace::{
    EndRecord, Happening, NoteLevel, PreconditionOutcome, ProfileRecord, StepRecord, Trace,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Tokens,
    Error,
    Blocked,
    /// A person is at a page.
    Open,
}

impl Outcome {
    pub(super) const ALL: [Self; 4] = [Self::Error, Self::Tokens, Self::Blocked, Self::Open];

    pub(super) fn of(trace: &Trace) -> Self {
        match &trace.end {
            Some(EndRecord::Tokens { .. }) => Self::Tokens,
            Some(EndRecord::Error { .. }) => Self::Error,
            Some(EndRecord::Blocked { .. }) => Self::Blocked,
            None => Self::Open,
        }
    }

    /// As the interface and the stylesheet spell it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Error => "error",
            Self::Blocked => "blocked",
            Self::Open => "open",
        }
    }

    pub(super) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) started: String,
    pub(super) policy: String,
    pub(super) dialect: &'static str,
    pub(super) client_id: String,
    /// The client's name.
    pub(super) application: Option<String>,
    pub(super) outcome: Outcome,
    /// `AADB2C90091`, of an error.
    pub(super) code: Option<String>,
    /// How it ended, or where it waits.
    pub(super) detail: String,
    pub(super) steps_run: usize,
    pub(super) steps_skipped: usize,
    /// Without the time that people took at pages.
    pub(super) took_us: u64,
    pub(super) rest_us: u64,
    pub(super) warnings: usize,
}

impl Summary {
    pub(super) fn of(trace: &Trace, application: Option<&str>) -> Self {
        let skipped = trace.steps.iter().filter(|step| step.is_skipped).count();
        let (code, detail) = ending(trace);
        Self {
            id: trace.id.clone(),
            started: trace.started.clone(),
            policy: trace.policy.clone(),
            dialect: trace.dialect,
            client_id: trace.client_id.clone(),
            application: application.map(str::to_owned),
            outcome: Outcome::of(trace),
            code,
            detail,
            steps_run: trace.steps.len() - skipped,
            steps_skipped: skipped,
            took_us: trace.steps.iter().map(|step| step.took_us).sum(),
            rest_us: trace.steps.iter().map(rest_us).sum(),
            warnings: trace.steps.iter().map(warnings).sum(),
        }
    }
}

fn ending(trace: &Trace) -> (Option<String>, String) {
    match &trace.end {
        Some(EndRecord::Tokens { claims }) => {
            let names: Vec<&str> = claims.keys().map(String::as_str).collect();
            (
                None,
                format!("{} claims: {}", names.len(), names.join(", ")),
            )
        }
        Some(EndRecord::Error { description, .. }) => match error_code(description) {
            Some((code, text)) => (Some(code.to_owned()), text.to_owned()),
            None => (None, description.clone()),
        },
        Some(EndRecord::Blocked { message }) => (None, message.clone()),
        None => (None, waiting(trace)),
    }
}

/// `AADB2C90091` and what follows it.
pub(super) fn error_code(description: &str) -> Option<(&str, &str)> {
    let (code, text) = description.split_once(": ")?;
    let is_code = code.starts_with("AAD") && !code.contains(char::is_whitespace);
    is_code.then_some((code, text))
}

fn waiting(trace: &Trace) -> String {
    let Some(step) = trace.steps.last() else {
        return "It has not begun yet.".to_owned();
    };
    let pages = step.happenings.iter().rev();
    let title = pages.filter_map(|happening| match happening {
        Happening::Page { title, .. } => Some(title),
        Happening::Submitted { .. }
        | Happening::PageStays { .. }
        | Happening::Profile(_)
        | Happening::Note(_) => None,
    });
    match title.take(1).next() {
        Some(title) => format!("A person is at the page “{title}” of step {}.", step.order),
        None => format!("Step {} is running.", step.order),
    }
}

pub(super) fn profiles(step: &StepRecord) -> impl DoubleEndedIterator<Item = &ProfileRecord> {
    step.happenings
        .iter()
        .filter_map(|happening| match happening {
            Happening::Profile(profile) => Some(&**profile),
            Happening::Page { .. }
            | Happening::Submitted { .. }
            | Happening::PageStays { .. }
            | Happening::Note(_) => None,
        })
}

pub(super) fn rest_us(step: &StepRecord) -> u64 {
    let calls = profiles(step).filter_map(|profile| profile.rest.as_ref());
    calls.map(|rest| rest.took_us).sum()
}

/// A comparison with a missing claim that was to skip the step and did not.
pub(super) fn is_trap(step: &StepRecord, at: usize) -> bool {
    let looked = step.preconditions.get(at);
    !step.is_skipped
        && looked.is_some_and(|looked| {
            looked.outcome == PreconditionOutcome::Ignored && !looked.execute_actions_if
        })
}

fn warnings(step: &StepRecord) -> usize {
    let traps = (0..step.preconditions.len()).filter(|at| is_trap(step, *at));
    let own = step
        .happenings
        .iter()
        .filter_map(|happening| match happening {
            Happening::Note(note) => Some(note),
            Happening::Page { .. }
            | Happening::Submitted { .. }
            | Happening::PageStays { .. }
            | Happening::Profile(_) => None,
        });
    let notes = own.chain(profiles(step).flat_map(|profile| &profile.notes));
    traps.count()
        + notes
            .filter(|note| note.level == NoteLevel::Warning)
            .count()
}
