//! What a request is called in the log, in its attempt and in what the
//! platform is told.

use uuid::Uuid;

/// The id of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// The platform's own correlation id, the same in every repeat.
    Correlated(Uuid),
    /// The same from a platform of which several extensions may ask at one
    /// step, each on its own account.
    OfExtension { correlation: Uuid, extension: Uuid },
    /// Made for this one request, because the platform sent none.
    Fresh(Uuid),
}

impl RequestId {
    /// The platform's id where it is a GUID: anything else could be anything,
    /// and it is going to be logged. `fresh` is taken instead.
    pub fn read(sent: Option<&str>, fresh: Uuid) -> Self {
        guid(sent).map_or(Self::Fresh(fresh), Self::Correlated)
    }

    /// The same where the platform names its extension beside.
    pub fn of_extension(sent: Option<&str>, extension: Option<&str>, fresh: Uuid) -> Self {
        match (guid(sent), guid(extension)) {
            (Some(correlation), Some(extension)) => Self::OfExtension {
                correlation,
                extension,
            },
            (Some(correlation), None) => Self::Correlated(correlation),
            (None, _) => Self::Fresh(fresh),
        }
    }

    pub fn id(self) -> Uuid {
        match self {
            Self::Correlated(id) | Self::Fresh(id) => id,
            Self::OfExtension { correlation, .. } => correlation,
        }
    }

    /// What makes a repeated request the same one.
    pub fn correlation(self) -> Option<Uuid> {
        match self {
            Self::Correlated(id) => Some(id),
            Self::OfExtension { correlation, .. } => Some(correlation),
            Self::Fresh(_) => None,
        }
    }

    /// What makes it another one although the correlation id is the same.
    pub fn extension(self) -> Option<Uuid> {
        match self {
            Self::OfExtension { extension, .. } => Some(extension),
            Self::Correlated(_) | Self::Fresh(_) => None,
        }
    }
}

fn guid(sent: Option<&str>) -> Option<Uuid> {
    sent.filter(|text| text.len() == 36)
        .and_then(|text| Uuid::try_parse(text).ok())
        .filter(|guid| !guid.is_nil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_guid_is_taken_over() {
        let fresh = Uuid::from_u128(7);
        let guid = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";
        let cases = [
            (Some(guid), true, "as B2C writes it"),
            (
                Some("C2F1A7D0-5B57-4A8E-9C8A-3E6E54F1B0AA"),
                true,
                "capitals",
            ),
            (Some("{Context:CorrelationId}"), false, "an unresolved name"),
            (
                Some("00000000-0000-0000-0000-000000000000"),
                false,
                "nobody's",
            ),
            (
                Some("c2f1a7d05b574a8e9c8a3e6e54f1b0aa"),
                false,
                "bare digits",
            ),
            (Some(""), false, "empty"),
            (None, false, "none"),
        ];
        for (sent, taken, why) in cases {
            let id = RequestId::read(sent, fresh);
            assert_eq!(id.correlation().is_some(), taken, "{why}");
            let expected = if taken { guid } else { &fresh.to_string() };
            assert_eq!(id.id().to_string(), expected, "{why}");
        }
    }
}
