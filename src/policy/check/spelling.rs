//! "Did you mean …?"

/// The known name that was most likely meant, if one is near.
pub(super) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let written = written.to_ascii_lowercase();
    known
        .into_iter()
        .map(|name| {
            let folded = name.to_ascii_lowercase();
            let distance = strsim::damerau_levenshtein(&folded, &written);
            let begins = !written.is_empty() && folded.starts_with(&written);
            (distance, begins, name)
        })
        .filter(|(distance, begins, name)| *distance <= name.len().div_ceil(4) || *begins)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, name)| name)
}

/// "; did you mean `NAME`?", or nothing.
pub(super) fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(written, known)
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_offered() {
        let known = ["CompareClaims", "CopyClaim", "NullClaim"];
        assert_eq!(nearest("CompareClaim", known), Some("CompareClaims"));
        assert_eq!(nearest("copyclam", known), Some("CopyClaim"));
        assert_eq!(nearest("SendMail", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(
            did_you_mean("nulclaim", known),
            "; did you mean `NullClaim`?"
        );
    }
}
