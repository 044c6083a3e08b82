//! What a rule looks at: one policy, alone and with what it inherits.

use crate::policy::effective::Effective;
use crate::policy::set::{PolicyFile, PolicySet};
use crate::policy::source::{FileId, Span};

pub(super) struct Scope<'a> {
    pub(super) set: &'a PolicySet,
    pub(super) file: &'a PolicyFile,
    pub(super) effective: &'a Effective,
    /// Whether all that it inherits is there. If not, nothing can be said of
    /// what is missing in it.
    pub(super) complete: bool,
}

impl Scope<'_> {
    /// The policy as B2C names it in its messages.
    pub(super) fn policy(&self) -> String {
        let tenant = self.file.tenant.as_ref().map_or("", |tenant| &tenant.value);
        format!(
            "policy \"{}\" of tenant \"{tenant}\"",
            self.file.policy_id().unwrap_or_default()
        )
    }

    /// Whether the file itself states it.
    pub(super) fn is_own(&self, span: Span) -> bool {
        span.file == self.file.file
    }

    /// The id of the policy in a file of the chain.
    pub(super) fn policy_in(&self, file: FileId) -> &str {
        let policy = self.set.get(file).and_then(PolicyFile::policy_id);
        policy.unwrap_or("another policy")
    }
}
