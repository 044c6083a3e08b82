//! Runs policies: a journey's steps, the technical profiles in them, the claims
//! between them. What the documents say of it and what was inferred is in the
//! fidelity table of README.md beside this folder.

pub(crate) mod bag;
pub(crate) mod context;
pub(crate) mod failure;
pub(crate) mod form;
pub(crate) mod issue;
pub(crate) mod journey;
pub(crate) mod mapping;
mod pattern;
mod precondition;
mod profile;
pub(crate) mod program;
pub(crate) mod proof;
pub(crate) mod providers;
mod resolvers;
pub(crate) mod rules;
pub(crate) mod secrets;
pub(crate) mod session;
pub(crate) mod support;
pub(crate) mod trace;
mod transformations;
#[cfg(test)]
pub(crate) mod trial;
pub(crate) mod value;
pub(crate) mod words;

use self::{bag::Bag, context::Context, program::Program};
use super::state::Tenant;

/// All that a part of a journey may look at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) program: &'a Program,
    pub(crate) context: &'a Context,
    /// The claims as they are now. Behind a page: with what was typed and what
    /// earlier validation profiles found.
    pub(crate) bag: &'a Bag,
}

impl<'a> Scene<'a> {
    pub(crate) fn with(self, bag: &'a Bag) -> Self {
        Self { bag, ..self }
    }
}
