//! P01, as far as it concerns the root of a file.

use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::xml::{Element, NAMESPACE};

/// The one version there is ("TrustFrameworkPolicy: Attributes").
const VERSION: &str = "0.3.0.0";

/// Tells of a root outside the namespace of policies.
pub(super) fn is_in_namespace(root: &Element, text: &str, findings: &mut Vec<Finding>) -> bool {
    if root.namespace.as_deref() == Some(NAMESPACE) {
        return true;
    }
    let found = match &root.namespace {
        Some(namespace) => format!("the namespace `{namespace}`"),
        None => "no namespace".to_owned(),
    };
    findings.push(
        Finding::new(
            1,
            Severity::Error,
            namespace_span(root, text).unwrap_or(root.name_span),
            format!("<TrustFrameworkPolicy> has {found}"),
        )
        .b2c("The 'TrustFrameworkPolicy' element is not declared.")
        .mend(format!("write xmlns=\"{NAMESPACE}\" in it")),
    );
    false
}

/// Where the root's namespace is written.
fn namespace_span(root: &Element, text: &str) -> Option<Span> {
    let start = root.name_span.end;
    let tag = text.get(start as usize..root.span.end as usize)?;
    let tag = tag.get(..tag.find('>')?)?;
    let namespace = root.namespace.as_deref()?;
    let at = start + u32::try_from(tag.find(namespace)?).ok()?;
    Some(Span {
        file: root.span.file,
        start: at,
        end: at + u32::try_from(namespace.len()).ok()?,
    })
}

/// Tells of a schema version that B2C does not have.
pub(super) fn version(root: &Element, findings: &mut Vec<Finding>) {
    let Some(version) = root.attribute("PolicySchemaVersion") else {
        return;
    };
    if &*version.value == VERSION || version.value.contains('{') {
        return;
    }
    findings.push(
        Finding::new(
            1,
            Severity::Error,
            version.value_span,
            format!("PolicySchemaVersion is `{}`", version.value),
        )
        .mend(format!("write `{VERSION}`: there is no other")),
    );
}
