//! P27: claim resolvers, `{Context:CorrelationId}`.

use super::scope::Scope;
use super::spelling::did_you_mean;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::{Sources, Span};
use crate::policy::xml::Element;

/// "About claim resolvers in Azure Active Directory B2C custom policies".
const RESOLVERS: [(&str, Keys); 9] = [
    (
        "Culture",
        Keys::These(&["LanguageName", "LCID", "RegionName", "RFC5646"]),
    ),
    (
        "Policy",
        Keys::These(&[
            "PolicyId",
            "RelyingPartyTenantId",
            "TenantObjectId",
            "TrustFrameworkTenantId",
        ]),
    ),
    (
        "Context",
        Keys::These(&[
            "BuildNumber",
            "CorrelationId",
            "DateTimeInUtc",
            "DeploymentMode",
            "HostName",
            "IPAddress",
            "KMSI",
        ]),
    ),
    ("Claim", Keys::Any),
    (
        "OIDC",
        Keys::These(&[
            "AuthenticationContextReferences",
            "ClientId",
            "DomainHint",
            "LoginHint",
            "MaxAge",
            "Nonce",
            "Password",
            "Prompt",
            "RedirectUri",
            "Resource",
            "Scope",
            "Username",
        ]),
    ),
    ("OAUTH-KV", Keys::Any),
    (
        "oauth2",
        Keys::These(&["access_token", "token_type", "expires_in", "refresh_token"]),
    ),
    (
        "SAML",
        Keys::These(&[
            "AuthnContextClassReferences",
            "NameIdPolicyFormat",
            "Issuer",
            "AllowCreate",
            "ForceAuthn",
            "ProviderName",
            "RelayState",
            "Subject",
            "Binding",
        ]),
    ),
    ("SAML-Subject", Keys::Any),
];

/// What looks like a resolver and is none: settings of the build, templates of
/// the service, names of Application Insights.
const OTHERS: [&str; 3] = ["Settings", "service", "property"];

#[derive(Clone, Copy)]
enum Keys {
    These(&'static [&'static str]),
    /// The name of a claim or of a query parameter.
    Any,
}

/// `{NAMESPACE:KEY}` in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolver<'v> {
    pub(super) namespace: &'v str,
    pub(super) key: &'v str,
    /// The whole of it, braces included.
    pub(super) written: &'v str,
}

/// The resolvers in a value, known ones or not.
pub(super) fn resolvers(value: &str) -> impl Iterator<Item = Resolver<'_>> {
    value.match_indices('{').filter_map(|(at, _)| {
        let rest = value.get(at + 1..)?;
        let inner = rest.get(..rest.find(['{', '}', '"', '\''])?)?;
        if !rest.get(inner.len()..)?.starts_with('}') {
            return None;
        }
        let (namespace, key) = inner.split_once(':')?;
        let is_name = namespace.starts_with(|c: char| c.is_ascii_alphabetic())
            && namespace
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let other = OTHERS
            .iter()
            .any(|other| other.eq_ignore_ascii_case(namespace));
        // `{https://example.org}` is an address.
        let is_key = !key.trim().is_empty() && !key.starts_with("//");
        (is_name && is_key && !other).then_some(Resolver {
            namespace,
            key,
            written: value.get(at..at + inner.len() + 2)?,
        })
    })
}

/// The policy's own XML, since a resolver means the same whatever is merged.
pub(super) fn check(scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    look(&scope.file.document.root, &scope.set.sources, findings);
}

fn look(element: &Element, sources: &Sources, findings: &mut Vec<Finding>) {
    for attribute in &element.attributes {
        if ["DefaultValue", "PartnerClaimType"].contains(&&*attribute.name) {
            value(&attribute.value, attribute.value_span, sources, findings);
        }
    }
    if ["LoadUri", "RecoveryUri", "Parameter"].contains(&&*element.name)
        && let Some(text) = &element.text
    {
        value(&text.value, text.span, sources, findings);
    }
    for child in &element.children {
        look(child, sources, findings);
    }
}

fn value(value: &str, span: Span, sources: &Sources, findings: &mut Vec<Finding>) {
    for resolver in resolvers(value) {
        let Some(message) = unknown(resolver) else {
            continue;
        };
        findings.push(
            Finding::new(
                27,
                Severity::Warning,
                within(span, resolver.written, sources),
                message,
            )
            .b2c(format!(
                "AADB2C90044: The claim '{}' is not supported by the claim resolver '{}'.",
                resolver.key, resolver.namespace
            )),
        );
    }
}

fn unknown(resolver: Resolver<'_>) -> Option<String> {
    let Resolver {
        namespace,
        key,
        written,
    } = resolver;
    let known = RESOLVERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(namespace));
    match known {
        None => {
            let names = RESOLVERS.iter().map(|(name, _)| *name);
            Some(format!(
                "there is no claim resolver `{written}`{}",
                did_you_mean(namespace, names)
            ))
        }
        Some((_, Keys::Any)) => None,
        Some((_, Keys::These(keys))) => {
            let is_known = keys.iter().any(|one| one.eq_ignore_ascii_case(key.trim()));
            (!is_known).then(|| {
                format!(
                    "there is no claim resolver `{written}`{}",
                    did_you_mean(key, keys.iter().copied())
                )
            })
        }
    }
}

/// Where a part of a value stands, or the value where it is written with
/// references.
pub(super) fn within(span: Span, part: &str, sources: &Sources) -> Span {
    let (start, end) = (span.start as usize, span.end as usize);
    let found = sources
        .get(span.file)
        .text()
        .get(start..end)
        .and_then(|text| text.find(part));
    let narrowed = found.and_then(|at| {
        let start = u32::try_from(start + at).ok()?;
        Some(Span {
            start,
            end: start + u32::try_from(part.len()).ok()?,
            ..span
        })
    });
    narrowed.unwrap_or(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> Vec<&str> {
        resolvers(value).map(|resolver| resolver.written).collect()
    }

    #[test]
    fn resolvers_are_found_and_other_braces_left_alone() {
        assert_eq!(
            written("{Culture:RFC5646}-{oauth-kv:any custom}"),
            ["{Culture:RFC5646}", "{oauth-kv:any custom}"]
        );
        for value in [
            "{Settings:Tenant}",
            "{service:te}",
            "{property:Policy}",
            "{tenant}",
            "{0}:{1}",
            "{\"a\": \"b\"}",
            "{a:",
            "{:a}",
            "{a:}",
            "{https://example.org}",
        ] {
            assert_eq!(written(value), [""; 0], "{value}");
        }
    }

    #[test]
    fn casing_is_nothing_and_names_are() {
        let unknown = |value: &str| resolvers(value).find_map(unknown);
        for known in [
            "{CONTEXT:KMSI}",
            "{OIDC:scope}",
            "{OAuth2:access_token}",
            "{Claim:anything}",
            "{SAML:Subject}",
        ] {
            assert_eq!(unknown(known), None, "{known}");
        }
        assert_eq!(
            unknown("{Context:CorelationId}").as_deref(),
            Some(
                "there is no claim resolver `{Context:CorelationId}`; did you mean `CorrelationId`?"
            )
        );
        assert_eq!(
            unknown("{Contex:KMSI}").as_deref(),
            Some("there is no claim resolver `{Contex:KMSI}`; did you mean `Context`?")
        );
        assert_eq!(
            unknown("{Browser:Name}").as_deref(),
            Some("there is no claim resolver `{Browser:Name}`")
        );
    }

    #[test]
    fn each_place_that_resolves_is_looked_at() {
        use super::super::trial::{finds, running_with};
        let blocks = r#"
    <ContentDefinitions><ContentDefinition Id="api.page"><LoadUri>https://example.org/«{Culture:Language}»/a.html</LoadUri><RecoveryUri>~/common/default_page_error.html</RecoveryUri><DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri></ContentDefinition></ContentDefinitions>"#;
        let profile = r#"<TechnicalProfile Id="It"><DisplayName>T</DisplayName>
      <InputClaims><InputClaim ClaimTypeReferenceId="email" DefaultValue="{Context:IPAddress} &amp; «{Context:IpAdress}»"/></InputClaims>
      <OutputClaims><OutputClaim ClaimTypeReferenceId="city" PartnerClaimType="«{oauth2:id_token}»"/></OutputClaims></TechnicalProfile>"#;
        finds(
            27,
            &[&running_with(blocks, profile, "")],
            &[
                (
                    Severity::Warning,
                    "there is no claim resolver `{Culture:Language}`; did you mean `LanguageName`?",
                ),
                (
                    Severity::Warning,
                    "there is no claim resolver `{Context:IpAdress}`; did you mean `IPAddress`?",
                ),
                (
                    Severity::Warning,
                    "there is no claim resolver `{oauth2:id_token}`",
                ),
            ],
        );
    }
}
