//! P03 to P05: a policy's name, its tenant, and what it inherits from.

use super::Options;
use super::scope::Scope;
use crate::policy::finding::{Finding, Severity};
use crate::policy::set::{ChainProblem, PolicyFile};
use crate::policy::source::{FileId, Span};
use crate::policy::xml::Attribute;

/// What B2C puts before, or demands of, the name of each custom policy.
const PREFIX: &str = "B2C_1A_";

pub(super) fn check(scope: &Scope<'_>, options: &Options, findings: &mut Vec<Finding>) {
    name(scope.file, findings);
    tenant(scope, options, findings);
    base(scope, options, findings);
}

fn name(file: &PolicyFile, findings: &mut Vec<Finding>) {
    let Some(id) = &file.id else {
        return;
    };
    let begins = id.value.get(..PREFIX.len());
    let right = begins.is_some_and(|begin| begin.eq_ignore_ascii_case(PREFIX));
    // `{Settings:PolicyPrefix}` may bring it along.
    if right || id.value.is_empty() || id.value.starts_with('{') {
        return;
    }
    findings.push(
        Finding::new(
            3,
            Severity::Error,
            id.value_span,
            format!(
                "the policy's id `{}` does not begin with {PREFIX}",
                id.value
            ),
        )
        .b2c(format!(
            "The policy ID '{}' is not valid: it must be prefixed with '{PREFIX}'.",
            id.value
        ))
        .mend(format!(
            "call it `{PREFIX}{}`, here, in PublicPolicyUri and in the BasePolicy of its children",
            id.value.trim_start_matches("B2C_1_")
        )),
    );
}

/// Two tenants differ only if both are written out: a setting may be either.
fn differ(one: &str, other: &str) -> bool {
    let open = |tenant: &str| tenant.contains('{') || tenant.to_lowercase().contains("tenant");
    !one.eq_ignore_ascii_case(other) && !open(one) && !open(other)
}

fn tenant(scope: &Scope<'_>, options: &Options, findings: &mut Vec<Finding>) {
    let Some(tenant) = &scope.file.tenant else {
        return;
    };
    if let Some(target) = &options.tenant
        && differ(&tenant.value, target)
    {
        findings.push(wrong_tenant(
            tenant.value_span,
            format!("the policy is for `{}`, not for `{target}`", tenant.value),
            format!(
                "TenantId in the policy xml '{}' is not same as the one in login tenant '{target}'.",
                tenant.value
            ),
            format!("write `{target}`, or a setting that the environment fills in"),
        ));
    }
    findings.extend(tenant_of_base(scope, tenant));
}

fn tenant_of_base(scope: &Scope<'_>, tenant: &Attribute) -> Option<Finding> {
    let named = scope.file.base.as_ref()?.tenant.as_ref()?;
    if differ(&tenant.value, &named.value) {
        let finding = wrong_tenant(
            named.span,
            format!(
                "the base is looked for in `{}`, but the policy is for `{}`",
                named.value, tenant.value
            ),
            format!(
                "User is currently logged as a user of '{}' tenant, and the policy names '{}'.",
                tenant.value, named.value
            ),
            "write the same tenant in both places".to_owned(),
        );
        return Some(finding.related(tenant.value_span, "the policy's own tenant"));
    }
    let base = scope.set.get(scope.file.base_file()?)?;
    let of_base = base.tenant.as_ref()?;
    if !differ(&named.value, &of_base.value) {
        return None;
    }
    let finding = wrong_tenant(
        named.span,
        format!(
            "the base is looked for in `{}`, but it is a policy of `{}`",
            named.value, of_base.value
        ),
        format!(
            "TenantId in the policy xml '{}' is not same as the one in login tenant '{}'.",
            of_base.value, named.value
        ),
        "write the same tenant in all policies of the chain".to_owned(),
    );
    Some(finding.related(of_base.value_span, "the base's tenant"))
}

fn wrong_tenant(span: Span, message: String, b2c: String, mend: String) -> Finding {
    Finding::new(4, Severity::Error, span, message)
        .b2c(b2c)
        .mend(mend)
}

fn base(scope: &Scope<'_>, options: &Options, findings: &mut Vec<Finding>) {
    let file = scope.file;
    let Some(base) = &file.base else {
        return;
    };
    let span = base.policy.as_ref().map_or(base.span, |policy| policy.span);
    if let (Some(taken), Some(policy), [_, ..]) =
        (file.base_file(), &base.policy, file.candidates())
    {
        findings.push(ambiguous(scope, span, &policy.value, taken));
    }
    let Err(problem) = scope.set.chain(file.file) else {
        return;
    };
    match problem {
        // It is told of where it is.
        ChainProblem::Missing { file: at, .. } | ChainProblem::Unnamed { file: at }
            if at != file.file => {}
        // One of them was taken, or is in a trial.
        ChainProblem::Ambiguous { .. } => {}
        // The policy is not in the circle itself.
        ChainProblem::Cycle { file: last }
            if scope.set.get(last).and_then(PolicyFile::base_file) != Some(file.file) => {}
        ChainProblem::Unnamed { .. } => findings.push(
            Finding::new(
                5,
                Severity::Error,
                span,
                "the BasePolicy names no policy".to_owned(),
            )
            .mend("write the id of the policy to inherit from, or take BasePolicy away"),
        ),
        ChainProblem::Missing { policy, .. } => {
            if options.is_external(&policy) || is_unreadable(scope, &policy) {
                return;
            }
            findings.push(missing(scope, span, &policy));
        }
        ChainProblem::Cycle { .. } => findings.push(
            Finding::new(
                5,
                Severity::Error,
                span,
                format!(
                    "the policy inherits from itself, by way of `{}`",
                    base.policy.as_ref().map_or("", |policy| &policy.value)
                ),
            )
            .mend("name the next policy towards the base; the last one has no BasePolicy"),
        ),
    }
}

/// Others that are named of those that a policy may inherit from.
const MOST_NAMED: usize = 8;

fn ambiguous(scope: &Scope<'_>, span: Span, policy: &str, taken: FileId) -> Finding {
    let path = scope.set.sources.get(taken).path().display();
    let place = |file: FileId| {
        let candidate = scope.set.get(file)?;
        let id = candidate.id.as_ref().map(|id| id.value_span);
        Some(id.unwrap_or(candidate.document.root.name_span))
    };
    let finding = Finding::new(
        5,
        Severity::Warning,
        span,
        format!(
            "several files hold the base policy `{policy}`, all as near as each other: `{path}` was taken, which leaves no more errors than another"
        ),
    )
    .mend("to choose, name the folder of the base that is meant, and none that holds another");
    let finding = match place(taken) {
        Some(place) => finding.related(place, "this one was taken"),
        None => finding,
    };
    let others = scope.file.candidates().iter().copied();
    others
        .filter(|other| *other != taken)
        .take(MOST_NAMED)
        .filter_map(place)
        .fold(finding, |finding, place| {
            finding.related(place, "it may be this one")
        })
}

/// Whether the base is a file that is no XML: that is told of where it is.
fn is_unreadable(scope: &Scope<'_>, policy: &str) -> bool {
    let broken = scope.set.broken.iter().map(|finding| finding.span.file);
    let mut unread = broken.filter(|file| scope.set.get(*file).is_none());
    let named = format!("policyid=\"{}\"", policy.to_lowercase());
    unread.any(|file| {
        let text = scope.set.sources.get(file).text();
        text.to_lowercase().contains(&named)
    })
}

fn missing(scope: &Scope<'_>, span: Span, policy: &str) -> Finding {
    let mut known = scope.set.files.iter().filter_map(PolicyFile::policy_id);
    let mistyped = known
        .find(|id| strsim::damerau_levenshtein(&id.to_lowercase(), &policy.to_lowercase()) <= 2);
    let external = format!(
        "check it together with its base, or say `--external {policy}` if the tenant has it"
    );
    let mend = match mistyped {
        Some(near) => format!("did you mean `{near}`? If not, {external}"),
        None => external,
    };
    let tenant = scope
        .file
        .tenant
        .as_ref()
        .map_or("", |tenant| &tenant.value);
    Finding::new(
        5,
        Severity::Error,
        span,
        format!("the base policy `{policy}` is not among the files"),
    )
    .b2c(format!(
        "Policy with 'policyId': '{policy}' and 'tenantId': '{tenant}' cannot be found in the directory."
    ))
    .mend(mend)
}
