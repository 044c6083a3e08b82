//! A tenant's metadata document: passed on as it is, read for two addresses.

use url::Url;

use super::exchange::AllowedHosts;
use super::{Members, ProviderError};
use crate::domain::tenant::Tenant;

/// The metadata of one policy.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Every member, for applications that ask us for it.
    pub document: Members,
    pub token_endpoint: Url,
    pub jwks_uri: Url,
}

impl Metadata {
    /// Reads and checks a document.
    ///
    /// Not `openidconnect`'s discovery: that demands that the issuer be the
    /// address of the document, and B2C's is not.
    pub(super) fn read(
        json: &[u8],
        tenant: &Tenant,
        allowed: &AllowedHosts,
    ) -> Result<Self, ProviderError> {
        let document = Members::parse(json).map_err(|_| malformed("it is no JSON object"))?;
        let issuer = document
            .text("issuer")
            .ok_or_else(|| malformed("it has no issuer"))?;
        if !tenant.issued(&issuer) {
            return Err(ProviderError::ForeignIssuer);
        }
        let endpoint = |member| {
            let text = document
                .text(member)
                .ok_or_else(|| malformed("an endpoint is missing"))?;
            allowed.endpoint(&text, member)
        };
        Ok(Self {
            token_endpoint: endpoint("token_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            document,
        })
    }
}

fn malformed(why: &'static str) -> ProviderError {
    ProviderError::Malformed {
        what: "metadata document",
        why,
    }
}

/// Where the document of `policy` is: `template` with the policy in the place
/// of `{policy}`, in the path or in the query.
pub(super) fn address(template: &str, policy: &str) -> Result<Url, ProviderError> {
    let plain = policy
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    Url::parse(&template.replace("{policy}", policy))
        .ok()
        .filter(|url| plain && super::exchange::is_guarded(url))
        .ok_or(ProviderError::BadMetadataUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_goes_into_path_or_query() {
        let cases = [
            (
                "https://a.b2clogin.com/a.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration",
                Some(
                    "https://a.b2clogin.com/a.onmicrosoft.com/B2C_1_susi/v2.0/.well-known/openid-configuration",
                ),
            ),
            (
                "https://login.example/t/v2.0/.well-known/openid-configuration?p={policy}",
                Some("https://login.example/t/v2.0/.well-known/openid-configuration?p=B2C_1_susi"),
            ),
            (
                "http://localhost:4000/{policy}",
                Some("http://localhost:4000/B2C_1_susi"),
            ),
            ("http://login.example/{policy}", None),
            ("{policy}", None),
        ];
        for (template, expected) in cases {
            let url = address(template, "B2C_1_susi").ok();
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{template}");
        }
        assert!(address("https://login.example/{policy}", "../x").is_err());
    }
}
