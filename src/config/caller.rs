//! The credentials of `[tenants.…]`, and `[proxy]`, which may pass one on.

use std::collections::BTreeSet;

use actix_web::http::header::{self, HeaderName};
use secrecy::ExposeSecret;

use crate::connectors::caller::{
    API_KEY_HEADER, Accepted, Authority, BasicCredential, Callers, CertificateCredential,
    Fingerprint, Method, Network, Proxy, SharedSecret,
};

use super::problem::Placed;
use super::reader::{PASSWORD, SecretKeys, Section};

const TOKEN: SecretKeys = SecretKeys {
    plain: "token",
    env: "token_env",
    file: "token_file",
};

const KEY: SecretKeys = SecretKeys {
    plain: "key",
    env: "key_env",
    file: "key_file",
};

const SECRET: SecretKeys = SecretKeys {
    plain: "secret",
    env: "secret_env",
    file: "secret_file",
};

/// A secret that stands alone, without a name beside it, must not be
/// guessable.
const SHORTEST_SECRET: usize = 16;

const PROXY_SECRET_HEADER: HeaderName = HeaderName::from_static("x-idlink-proxy-secret");

/// Headers with a meaning of their own.
const TAKEN: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::HOST,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("x-request-id"),
];

/// One credential of a tenant, for the check that no two tenants share it.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    Basic(BasicCredential),
    Bearer(SharedSecret),
    ApiKey(SharedSecret),
    Certificate(CertificateCredential),
}

impl Proof {
    /// Whether who has the one has the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Basic(a), Self::Basic(b)) => {
                a.username == b.username && a.password.expose_secret() == b.password.expose_secret()
            }
            (Self::Bearer(a), Self::Bearer(b)) | (Self::ApiKey(a), Self::ApiKey(b)) => {
                a.secret.expose_secret() == b.secret.expose_secret()
            }
            (Self::Certificate(a), Self::Certificate(b)) => match (&a.accepted, &b.accepted) {
                (Accepted::Pinned(a), Accepted::Pinned(b)) => a == b,
                (Accepted::IssuedBy(a, name), Accepted::IssuedBy(b, other)) => {
                    a == b && (name.is_none() || other.is_none() || name == other)
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub(super) fn is_certificate(&self) -> bool {
        matches!(self, Self::Certificate(_))
    }
}

/// Who may call for a tenant, and each credential with its place.
pub(super) fn read(section: &Section<'_>) -> (Callers, Vec<Placed<Proof>>) {
    let proofs: Vec<_> = [
        entries(section, "credentials", basic),
        entries(section, "bearer_tokens", bearer),
        entries(section, "api_keys", api_key),
        entries(section, "certificates", certificate),
    ]
    .into_iter()
    .flatten()
    .collect();
    let header = section
        .parsed("api_key_header", header_name)
        .map_or(API_KEY_HEADER, |found| found.value);
    let require = require(section);
    if section.is_given() && !has_any(section) {
        let key = &section.place.key;
        section.problem(format!(
            "has no credentials, so nobody could call for it: add [[{key}.credentials]] with \
             `username` and `password`"
        ));
    }
    let mut callers = Callers {
        api_key_header: header,
        require,
        ..Callers::default()
    };
    for proof in &proofs {
        match proof.value.clone() {
            Proof::Basic(credential) => callers.basic.push(credential),
            Proof::Bearer(secret) => callers.bearer.push(secret),
            Proof::ApiKey(secret) => callers.api_keys.push(secret),
            Proof::Certificate(credential) => callers.certificates.push(credential),
        }
    }
    (callers, proofs)
}

fn entries(
    section: &Section<'_>,
    key: &'static str,
    read: fn(&Section<'_>) -> Option<Proof>,
) -> Vec<Placed<Proof>> {
    section
        .sections(key)
        .iter()
        .filter_map(|entry| {
            Some(Placed {
                value: read(entry)?,
                place: entry.place.clone(),
            })
        })
        .collect()
}

const LISTS: [(&str, Method); 4] = [
    ("credentials", Method::Basic),
    ("bearer_tokens", Method::Bearer),
    ("api_keys", Method::ApiKey),
    ("certificates", Method::Certificate),
];

/// Whether there is an entry at all, sound or not.
fn has_any(section: &Section<'_>) -> bool {
    LISTS.iter().any(|(key, _)| section.has_entries(key))
}

fn require(section: &Section<'_>) -> BTreeSet<Method> {
    let found = section.each("require", |text| {
        let method = Method::ALL.into_iter().find(|m| m.as_str() == text);
        method.ok_or_else(|| {
            let words = Method::ALL.map(|method| format!("{:?}", method.as_str()));
            format!("must be {}, is {text:?}", words.join(" or "))
        })
    });
    for Placed { value, place } in &found {
        let lists = LISTS.iter().find(|(_, method)| method == value);
        if let Some((key, _)) = lists
            && !section.has_entries(key)
        {
            let tenant = &section.place.key;
            section.problem_at(
                place,
                format!("there is no [[{tenant}.{key}]], so nobody could call"),
            );
        }
    }
    let methods: BTreeSet<_> = found.iter().map(|found| found.value).collect();
    if let Some(last) = found.last()
        && methods.contains(&Method::Basic)
        && methods.contains(&Method::Bearer)
    {
        section.problem_at(
            &last.place,
            "\"basic\" and \"bearer\" are one header, of which a request has one: require one of \
             them",
        );
    }
    methods
}

fn basic(section: &Section<'_>) -> Option<Proof> {
    let username = section.required_parsed("username", |text| {
        if text.contains(|c: char| c == ':' || c.is_control()) {
            Err("must hold no colon: HTTP Basic ends the name at the first".to_owned())
        } else {
            Ok(text.to_owned())
        }
    });
    let password = section.required_secret(PASSWORD);
    let not_after = section.moment("not_after");
    Some(Proof::Basic(BasicCredential {
        username: username?.value,
        password: password?.value,
        not_after,
    }))
}

fn bearer(section: &Section<'_>) -> Option<Proof> {
    shared_secret(section, TOKEN).map(Proof::Bearer)
}

fn api_key(section: &Section<'_>) -> Option<Proof> {
    shared_secret(section, KEY).map(Proof::ApiKey)
}

fn shared_secret(section: &Section<'_>, keys: SecretKeys) -> Option<SharedSecret> {
    let secret = section.required_secret(keys);
    let not_after = section.moment("not_after");
    let secret = secret?;
    let text = secret.value.expose_secret();
    if text.len() < SHORTEST_SECRET || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        section.problem_at(
            &secret.place,
            format!(
                "must have at least {SHORTEST_SECRET} characters, all of them ASCII and none a \
                 blank: make one with `openssl rand -base64 32`"
            ),
        );
        return None;
    }
    Some(SharedSecret {
        secret: secret.value,
        not_after,
    })
}

fn certificate(section: &Section<'_>) -> Option<Proof> {
    let pin = section.parsed("sha256", |text| {
        Fingerprint::parse(text).ok_or_else(|| {
            "must be 64 hexadecimal digits, with colons or not, as `openssl x509 -noout \
             -fingerprint -sha256` prints them"
                .to_owned()
        })
    });
    let authority = section.path("authority");
    let name = section.text("name");
    let not_after = section.moment("not_after");
    let given = |key| section.has(key);
    if section.is_given() && given("sha256") == given("authority") {
        section.problem(
            "give one of `sha256` (of the caller's own certificate) and `authority` (the file with \
             the certificate of whoever issues them)",
        );
        return None;
    }
    let authority = authority.and_then(|path| {
        section.watch(&path.value);
        match Authority::load(&path.value) {
            Ok(authority) => Some(authority),
            Err(error) => {
                section.problem_at(&path.place, error.to_string());
                None
            }
        }
    });
    if let (Some(name), true) = (&name, given("sha256")) {
        section.problem_at(
            &name.place,
            "goes with `authority`: `sha256` is one certificate",
        );
    }
    let accepted = match (pin, authority) {
        (Some(pin), _) => Accepted::Pinned(pin.value),
        (None, authority) => Accepted::IssuedBy(authority?, name.map(|name| name.value)),
    };
    Some(Proof::Certificate(CertificateCredential {
        accepted,
        not_after,
    }))
}

/// `[proxy]`: who ends TLS before us and says which certificate was shown.
pub(super) fn read_proxy(section: &Section<'_>) -> Option<Proxy> {
    let addresses = section.each("addresses", |text| {
        Network::parse(text)
            .ok_or_else(|| "must be an address such as 10.0.0.5, or 10.0.0.0/24".to_owned())
    });
    let certificate_header = section.required_parsed("certificate_header", header_name);
    let secret_header = section
        .parsed("secret_header", header_name)
        .map_or(PROXY_SECRET_HEADER, |found| found.value);
    let entries = section.sections("secrets");
    let secrets: Vec<_> = entries
        .iter()
        .filter_map(|entry| shared_secret(entry, SECRET))
        .collect();
    if !section.is_given() {
        return None;
    }
    if !section.has_entries("addresses") || entries.is_empty() {
        section.problem(
            "`addresses` and [[proxy.secrets]] must both be given: anybody could send the header \
             otherwise",
        );
    }
    let certificate_header = certificate_header?;
    if certificate_header.value == secret_header {
        section.problem_at(
            &certificate_header.place,
            "must not be the header that carries the secret",
        );
    }
    Some(Proxy {
        addresses: addresses.into_iter().map(|found| found.value).collect(),
        secret_header,
        secrets,
        certificate_header: certificate_header.value,
    })
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    match HeaderName::try_from(text) {
        Ok(name) if !TAKEN.contains(&name) => Ok(name),
        Ok(_) => Err("is a header with a meaning of its own".to_owned()),
        Err(_) => Err("must be the name of a header, such as x-api-key".to_owned()),
    }
}
