//! The parts of a page about one technical profile: its claims, its
//! transformations, its REST call, its preconditions and notes.

use super::{
    body::{Piece, pieces},
    claims::{ClaimRow, Shown, rows},
    words,
};
use crate::emulator::{
    desk::{SourceLink, duration},
    engine::trace::{
        FailureRecord, Note, NoteLevel, Place, PreconditionOutcome, PreconditionRecord,
        ProfileRecord, RestRecord, TransformationRecord,
    },
};

pub(super) struct Reason {
    pub(super) rule: String,
    pub(super) found: String,
    /// `skips`, `passes`, `ignored`.
    pub(super) outcome: &'static str,
    pub(super) outcome_text: &'static str,
    pub(super) trap: Option<String>,
    pub(super) place: Option<SourceLink>,
}

pub(super) struct NoteView<'a> {
    pub(super) level: &'static str,
    pub(super) level_text: &'static str,
    pub(super) text: &'a str,
    pub(super) place: Option<SourceLink>,
}

pub(super) struct ProfileView<'a> {
    pub(super) record: &'a ProfileRecord,
    pub(super) place: Option<SourceLink>,
    pub(super) took: String,
    pub(super) skipped: Option<Reason>,
    pub(super) inputs: Vec<ClaimRow<'a>>,
    pub(super) outputs: Vec<ClaimRow<'a>>,
    pub(super) before: Vec<TransformationView<'a>>,
    pub(super) after: Vec<TransformationView<'a>>,
    pub(super) rest: Option<RestView<'a>>,
    pub(super) notes: Vec<NoteView<'a>>,
}

impl ProfileView<'_> {
    pub(super) fn failure(&self) -> Option<&FailureRecord> {
        self.record.failure.as_ref()
    }
}

pub(super) struct TransformationView<'a> {
    pub(super) record: &'a TransformationRecord,
    pub(super) place: Option<SourceLink>,
    pub(super) outputs: Vec<ClaimRow<'a>>,
}

pub(super) struct RestView<'a> {
    pub(super) record: &'a RestRecord,
    pub(super) took: String,
    /// `good` or `bad`.
    pub(super) class: &'static str,
    pub(super) status: String,
    pub(super) request: Option<Vec<Piece<'a>>>,
    pub(super) reply: Option<Vec<Piece<'a>>>,
}

/// Makes the parts. Links to policy files lead back to the trace.
#[derive(Clone, Copy)]
pub(super) struct Parts<'t> {
    /// Its id.
    pub(super) trace: &'t str,
}

impl Parts<'_> {
    pub(super) fn link(&self, place: Option<&Place>) -> Option<SourceLink> {
        place.map(|place| SourceLink::new(place, Some(self.trace)))
    }

    pub(super) fn reason(&self, looked: &PreconditionRecord, is_trap: bool) -> Reason {
        let (outcome, outcome_text) = match looked.outcome {
            PreconditionOutcome::Skips => ("skips", "skips"),
            PreconditionOutcome::Passes => ("passes", "does not skip"),
            PreconditionOutcome::Ignored => ("ignored", "ignored"),
        };
        Reason {
            rule: words::rule(looked),
            found: words::found(looked),
            outcome,
            outcome_text,
            trap: is_trap.then(|| words::trap(looked)),
            place: self.link(looked.place.as_ref()),
        }
    }

    pub(super) fn note<'a>(&self, note: &'a Note) -> NoteView<'a> {
        let (level, level_text) = match note.level {
            NoteLevel::Info => ("info", "Note"),
            NoteLevel::Warning => ("warning", "Warning"),
        };
        NoteView {
            level,
            level_text,
            text: &note.text,
            place: self.link(note.place.as_ref()),
        }
    }

    pub(super) fn profile<'a>(&self, record: &'a ProfileRecord) -> ProfileView<'a> {
        let inputs = record.inputs.iter().map(|input| ClaimRow {
            id: &input.claim,
            name: Some(input.name.as_str()).filter(|name| *name != input.claim),
            value: Shown::of(&input.value),
        });
        let side = |side: &str| {
            let all = record.transformations.iter();
            let of_side = all.filter(|transformation| transformation.side == side);
            of_side.map(|own| self.transformation(own)).collect()
        };
        ProfileView {
            record,
            place: self.link(record.place.as_ref()),
            took: duration(record.took_us),
            skipped: record.skipped_by.as_ref().map(|by| self.reason(by, false)),
            inputs: inputs.collect(),
            outputs: rows(&record.outputs),
            before: side("input"),
            after: side("output"),
            rest: record.rest.as_ref().map(rest),
            notes: record.notes.iter().map(|note| self.note(note)).collect(),
        }
    }

    fn transformation<'a>(&self, record: &'a TransformationRecord) -> TransformationView<'a> {
        TransformationView {
            record,
            place: self.link(record.place.as_ref()),
            outputs: rows(&record.outputs),
        }
    }
}

fn rest(record: &RestRecord) -> RestView<'_> {
    let (class, status) = match record.status {
        Some(status @ 200..=299) => ("good", format!("HTTP {status}")),
        Some(status) => ("bad", format!("HTTP {status}")),
        None => ("bad", "no reply".to_owned()),
    };
    RestView {
        record,
        took: duration(record.took_us),
        class,
        status,
        request: record.request_body.as_deref().map(pieces),
        reply: record.reply_body.as_deref().map(pieces),
    }
}
