//! The request of a technical profile: where its claims go and what proves
//! the caller.

use reqwest::Method;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use x509_parser::pem::Pem;

use super::{ClientCertificate, PolicyAuthentication, ScalarVariant, SendClaimsIn, UrlVariant};
use crate::emulator::exchange::{Header, Outgoing, basic, bearer, json_content_type};

/// What a technical profile sends, whoever says so: a script or a policy.
pub(in crate::emulator) struct Sending<'a> {
    pub(in crate::emulator) service_url: &'a str,
    pub(in crate::emulator) send_claims_in: SendClaimsIn,
    pub(in crate::emulator) authentication: &'a PolicyAuthentication,
    /// By the name that travels; null does not travel.
    pub(in crate::emulator) claims: &'a Map<String, Value>,
    pub(in crate::emulator) scalars: ScalarVariant,
    pub(in crate::emulator) url_values: UrlVariant,
    /// The whole body (`ClaimUsedForRequestPayload`).
    pub(in crate::emulator) payload: Option<&'a str>,
}

/// Why a request cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::emulator) enum Unsendable {
    #[error("`service_url` {0}")]
    Url(String),
    #[error("the claim `{name}` {why}")]
    Claim { name: String, why: &'static str },
    #[error("a client certificate cannot be read: {0}")]
    Certificate(String),
}

/// The request, and what of the claims did not get into it.
pub(in crate::emulator) fn outgoing(
    sending: &Sending<'_>,
) -> Result<(Outgoing, Vec<String>), Unsendable> {
    let mut warnings = Vec::new();
    let mut outgoing = Outgoing {
        method: Method::GET,
        url: sending.service_url.to_owned(),
        headers: Vec::new(),
        body: None,
    };
    match sending.send_claims_in {
        SendClaimsIn::Body => {
            outgoing.method = Method::POST;
            outgoing.headers.push(json_content_type());
            outgoing.body = Some(match sending.payload {
                Some(payload) => payload.as_bytes().to_vec(),
                None => json_body(sending),
            });
        }
        SendClaimsIn::Form => {
            outgoing.method = Method::POST;
            let form = "application/x-www-form-urlencoded".to_owned();
            outgoing.headers.push(("Content-Type".to_owned(), form));
            let encoded = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(texts(sending)?)
                .finish();
            outgoing.body = Some(encoded.into_bytes());
        }
        SendClaimsIn::QueryString => {
            let mut url = parsed(sending.service_url)?;
            url.query_pairs_mut().extend_pairs(texts(sending)?);
            outgoing.url = url.into();
        }
        SendClaimsIn::Header => {
            let claims = texts(sending)?;
            claims.iter().try_for_each(header_sized)?;
            outgoing.headers.extend(claims);
        }
        SendClaimsIn::Url => outgoing.url = substituted(sending, &mut warnings)?,
    }
    parsed(&outgoing.url)?;
    outgoing
        .headers
        .extend(authorization(sending.authentication));
    Ok((outgoing, warnings))
}

fn parsed(url: &str) -> Result<Url, Unsendable> {
    Url::parse(url).map_err(|error| Unsendable::Url(format!("is no URL: {url}: {error}")))
}

/// Claims that have a value.
fn present<'a>(sending: &Sending<'a>) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    sending.claims.iter().filter(|(_, value)| !value.is_null())
}

fn json_body(sending: &Sending<'_>) -> Vec<u8> {
    let spelt = |value: &Value| match (sending.scalars, text(value)) {
        (ScalarVariant::String, Some(text)) => text.into(),
        _ => value.clone(),
    };
    let body: Map<String, Value> = present(sending)
        .map(|(name, value)| (name.clone(), spelt(value)))
        .collect();
    Value::Object(body).to_string().into_bytes()
}

/// As .NET spells scalars.
pub(in crate::emulator) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn texts(sending: &Sending<'_>) -> Result<Vec<Header>, Unsendable> {
    let pairs = present(sending).map(|(name, value)| match text(value) {
        Some(text) => Ok((name.clone(), text)),
        None => Err(Unsendable::Claim {
            name: name.clone(),
            why: "is no scalar: only `Body` is known to carry it",
        }),
    });
    pairs.collect()
}

/// The platform's HTTP stack takes ASCII without control characters.
fn header_sized((name, value): &Header) -> Result<(), Unsendable> {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_value = value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    match is_name && is_value {
        true => Ok(()),
        false => Err(Unsendable::Claim {
            name: name.clone(),
            why: "cannot be sent as a header: ASCII only",
        }),
    }
}

/// `{claim}` in path and query gives way to the claim's value. Claims may not
/// sit in the host.
fn substituted(sending: &Sending<'_>, warnings: &mut Vec<String>) -> Result<String, Unsendable> {
    let template = sending.service_url;
    let path = template
        .find("://")
        .and_then(|scheme| {
            let after = template.get(scheme + 3..)?;
            Some(scheme + 3 + after.find(['/', '?']).unwrap_or(after.len()))
        })
        .ok_or_else(|| Unsendable::Url(format!("is no URL: {template}")))?;
    let (host, mut rest) = template.split_at(path);
    if host.contains('{') {
        let text = "has a claim in its host, where none may sit".to_owned();
        return Err(Unsendable::Url(text));
    }
    let claims = texts(sending)?;
    let mut url = host.to_owned();
    let mut used = Vec::new();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| Unsendable::Url("has a `{` without its `}`".to_owned()))?;
        url.push_str(before);
        match claims.iter().find(|(known, _)| known == name) {
            Some((_, value)) => url.push_str(&in_url(value, sending.url_values)),
            None => warnings.push(format!("`{{{name}}}` has no value; nothing took its place")),
        }
        used.push(name);
        rest = after;
    }
    url.push_str(rest);
    for (name, _) in claims {
        if !used.contains(&name.as_str()) {
            warnings.push(format!("`{name}` has no place in the URL and was not sent"));
        }
    }
    Ok(url)
}

pub(in crate::emulator) fn in_url(value: &str, variant: UrlVariant) -> String {
    let escaped = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    match variant {
        UrlVariant::Raw => value.to_owned(),
        UrlVariant::Escaped => value.bytes().map(escaped).collect(),
    }
}

fn authorization(authentication: &PolicyAuthentication) -> Option<Header> {
    match authentication {
        PolicyAuthentication::None | PolicyAuthentication::ClientCertificate { .. } => None,
        PolicyAuthentication::Basic { username, password } => Some(basic(username, password)),
        PolicyAuthentication::Bearer { token } => Some(bearer(token)),
        PolicyAuthentication::ApiKeyHeader { name, value } => Some((name.clone(), value.clone())),
    }
}

/// Certificate and key, in PEM, of the newest certificate that is valid now.
pub(in crate::emulator) fn newest_valid(
    certificates: &[ClientCertificate],
    now: i64,
) -> Result<Option<String>, Unsendable> {
    let mut newest: Option<(i64, &ClientCertificate)> = None;
    for candidate in certificates {
        let (not_before, not_after) = validity(&candidate.certificate)?;
        let is_valid = not_before <= now && now <= not_after;
        if is_valid && newest.is_none_or(|(known, _)| known < not_before) {
            newest = Some((not_before, candidate));
        }
    }
    Ok(newest.map(|(_, chosen)| format!("{}\n{}", chosen.certificate, chosen.key)))
}

fn validity(pem: &str) -> Result<(i64, i64), Unsendable> {
    let pem = Pem::iter_from_buffer(pem.as_bytes())
        .next()
        .ok_or_else(|| Unsendable::Certificate("there is no PEM block".to_owned()))?
        .map_err(|error| Unsendable::Certificate(error.to_string()))?;
    let certificate = pem
        .parse_x509()
        .map_err(|error| Unsendable::Certificate(error.to_string()))?;
    let validity = certificate.validity();
    Ok((
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    ))
}
