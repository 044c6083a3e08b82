//! Whether two texts are the same policy.

use super::super::source::FileId;
use super::super::xml::{self, Element};

/// Whether the tenant's policy says what ours does: line ends, comments and the
/// spaces between elements do not count.
pub(super) fn policies(file: FileId, ours: &[u8], theirs: &[u8]) -> bool {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        Some(text.trim_start_matches('\u{feff}').to_owned())
    };
    let (Some(ours), Some(theirs)) = (text(ours), text(theirs)) else {
        return ours == theirs;
    };
    if ours == theirs {
        return true;
    }
    match (xml::parse(file, &ours), xml::parse(file, &theirs)) {
        (Ok(ours), Ok(theirs)) => elements(&ours.root, &theirs.root),
        (Ok(_) | Err(_), _) => false,
    }
}

fn elements(ours: &Element, theirs: &Element) -> bool {
    let attributes = |element: &Element| {
        let mut attributes: Vec<_> = element
            .attributes
            .iter()
            .map(|found| {
                (
                    found.namespace.clone(),
                    found.name.clone(),
                    found.value.clone(),
                )
            })
            .collect();
        attributes.sort();
        attributes
    };
    ours.name == theirs.name
        && ours.namespace == theirs.namespace
        && ours.text() == theirs.text()
        && attributes(ours) == attributes(theirs)
        && ours.children.len() == theirs.children.len()
        && ours
            .children
            .iter()
            .zip(&theirs.children)
            .all(|(ours, theirs)| elements(ours, theirs))
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Sources;
    use super::*;

    #[test]
    fn only_what_a_policy_says_counts() {
        let mut sources = Sources::default();
        let file = sources.add("p.xml".into(), "");
        let ours = "\u{feff}<P a=\"1\" b=\"2\">\r\n  <Q> x </Q><!-- y -->\r\n</P>";
        for theirs in [ours, "<P b='2' a='1'><Q>x</Q></P>"] {
            assert!(
                policies(file, ours.as_bytes(), theirs.as_bytes()),
                "{theirs}"
            );
        }
        for theirs in [
            "<P a='1' b='3'><Q>x</Q></P>",
            "<P a='1' b='2'><Q>y</Q></P>",
            "<P a='1' b='2'><Q>x</Q><Q/></P>",
            "<P a='1' b='2'><R>x</R></P>",
            "<P a='1' b='2'>",
            "",
        ] {
            assert!(
                !policies(file, ours.as_bytes(), theirs.as_bytes()),
                "{theirs}"
            );
        }
        assert!(policies(file, b"\xff", b"\xff") && !policies(file, b"\xff", b"\xfe"));
    }
}
