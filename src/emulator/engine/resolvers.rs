//! Claim resolvers, `{Context:CorrelationId}` ("About claim resolvers in Azure
//! Active Directory B2C custom policies"). Compared without regard to case.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::{Scene, value::Value};

/// Whether a text has anything that looks like a resolver.
pub(crate) fn has_resolver(text: &str) -> bool {
    parts(text).any(|part| matches!(part, Part::Resolver { .. }))
}

/// The text with its resolvers replaced. `None` if it is nothing but one that
/// has no value. One that is not known stays as it is.
pub(crate) fn resolve<'a>(text: &'a str, scene: &Scene<'_>) -> Option<Cow<'a, str>> {
    if !has_resolver(text) {
        return Some(Cow::Borrowed(text));
    }
    let mut resolved = String::with_capacity(text.len());
    for part in parts(text) {
        match part {
            Part::Text(text) => resolved.push_str(text),
            Part::Resolver { whole, space, key } => match value(space, key, scene) {
                Some(Some(value)) => resolved.push_str(&value),
                Some(None) if whole.len() == text.len() => return None,
                Some(None) => {}
                None => resolved.push_str(whole),
            },
        }
    }
    Some(Cow::Owned(resolved))
}

/// `None` if there is no such resolver.
pub(crate) fn value(space: &str, key: &str, scene: &Scene<'_>) -> Option<Option<String>> {
    let key_lower = key.to_ascii_lowercase();
    let parameter = |name: &str| scene.context.parameters.get(name).map(str::to_owned);
    let request = &scene.context.request;
    let space = space.to_ascii_lowercase();
    Some(match (space.as_str(), key_lower.as_str()) {
        ("culture", "rfc5646") => Some(scene.context.tag.clone()),
        ("culture", "languagename") => {
            let language = scene.context.tag.split('-').next();
            language.map(str::to_lowercase)
        }
        ("culture", "regionname") => {
            let region = scene.context.tag.split('-').nth(1);
            region.map(str::to_uppercase)
        }
        ("culture", "lcid") => lcid(&scene.context.tag).map(|id| id.to_string()),
        ("policy", "policyid") => Some(scene.program.id.clone()),
        ("policy", "relyingpartytenantid" | "trustframeworktenantid") => {
            Some(scene.tenant.domain.clone())
        }
        ("policy", "tenantobjectid") => Some(scene.tenant.id.to_string()),
        ("context", "buildnumber") => Some("1.0.0.0".to_owned()),
        ("context", "correlationid") => Some(scene.context.correlation_id.to_string()),
        ("context", "datetimeinutc") => Some(now_text(scene)),
        ("context", "deploymentmode") => Some(deployment_mode(scene)),
        ("context", "hostname") => Some(scene.context.host.clone()),
        ("context", "ipaddress") => Some(scene.context.ip_address.clone()),
        ("context", "kmsi") => Some(match scene.context.keep_signed_in {
            true => "True".to_owned(),
            false => "False".to_owned(),
        }),
        ("claim", _) => scene.bag.get(key).map(Value::text),
        ("oidc", "authenticationcontextreferences") => parameter("acr_values"),
        ("oidc", "clientid") => Some(request.client_id.clone()),
        ("oidc", "domainhint") => parameter("domain_hint"),
        ("oidc", "loginhint") => parameter("login_hint"),
        ("oidc", "maxage") => parameter("max_age"),
        ("oidc", "nonce") => parameter("nonce"),
        ("oidc", "password") => parameter("password"),
        ("oidc", "prompt") => parameter("prompt"),
        ("oidc", "redirecturi") => Some(request.redirect_uri.clone()),
        ("oidc", "resource") => parameter("resource"),
        ("oidc", "scope") => Some(request.scope.clone()),
        ("oidc", "username") => parameter("username"),
        ("oauth-kv", _) => {
            let found = scene.context.parameters.get_folded(key);
            found.map(str::to_owned)
        }
        ("oauth2", name) => scene.context.provider_tokens.get(name).cloned(),
        // A journey for OpenID Connect has none of these.
        ("saml" | "saml-subject", _) => None,
        _ => return None,
    })
}

fn now_text(scene: &Scene<'_>) -> String {
    let now = OffsetDateTime::from_unix_timestamp(scene.tenant.now());
    Value::Moment(now.unwrap_or(OffsetDateTime::UNIX_EPOCH)).text()
}

fn deployment_mode(scene: &Scene<'_>) -> String {
    let root = &scene.program.effective.root;
    root.value("DeploymentMode")
        .unwrap_or("Production")
        .to_owned()
}

/// Windows' number of a culture, of those that B2C's pages exist in.
fn lcid(tag: &str) -> Option<u32> {
    const CULTURES: [(&str, u32); 14] = [
        ("da", 1030),
        ("de", 1031),
        ("en", 1033),
        ("es", 3082),
        ("fi", 1035),
        ("fr", 1036),
        ("it", 1040),
        ("ja", 1041),
        ("ko", 1042),
        ("nl", 1043),
        ("pl", 1045),
        ("pt", 1046),
        ("ru", 1049),
        ("zh", 2052),
    ];
    let language = tag.split('-').next()?.to_ascii_lowercase();
    let found = CULTURES.iter().find(|(known, _)| *known == language);
    found.map(|(_, number)| *number)
}

enum Part<'a> {
    Text(&'a str),
    Resolver {
        /// With its braces.
        whole: &'a str,
        space: &'a str,
        key: &'a str,
    },
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let part = match first_resolver(rest) {
            Some((0, part, length)) => {
                rest = &rest[length..];
                return Some(part);
            }
            Some((start, _, _)) => start,
            None => rest.len(),
        };
        let (text, behind) = rest.split_at(part);
        rest = behind;
        Some(Part::Text(text))
    })
}

/// Where the first resolver begins, and how long it is.
fn first_resolver(text: &str) -> Option<(usize, Part<'_>, usize)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        let inside = &text[start + 1..];
        let end = inside.find(['{', '}'])?;
        let name = &inside[..end];
        match name.split_once(':') {
            Some((space, key)) if inside[end..].starts_with('}') && !space.is_empty() => {
                let length = end + 2;
                let whole = &text[start..start + length];
                return Some((start, Part::Resolver { whole, space, key }, length));
            }
            _ => from = start + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_told_from_other_braces() {
        let cases = [
            ("{OIDC:ClientId}", true),
            ("https://x/{Context:CorrelationId}/y", true),
            ("cpim_{0}@{RelyingPartyTenantId}", false),
            ("{{OIDC:ClientId}", true),
            ("{ \"a\": {} }", false),
            ("{", false),
        ];
        for (text, expected) in cases {
            assert_eq!(has_resolver(text), expected, "{text}");
        }
    }
}
