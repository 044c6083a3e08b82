//! Addresses in the settings: what may be reached without TLS, and how B2C's
//! own addresses end.

use std::net::SocketAddr;

use url::{Host, Url};

/// An address to listen on.
pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

/// An address that is reached through TLS, or on this machine.
pub(super) fn secure_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|_| "must be an address, such as https://login.example.com/…".to_owned())?;
    let secure = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    };
    if !secure {
        return Err("must begin with https:// (http:// only on loopback)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or a password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("must not hold a `#`".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An issuer, byte for byte as tokens name it (contracts.md §3.2).
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let url = secure_url(text)?;
    if url.query().is_some() || !text.ends_with("/v2.0/") {
        return Err(
            "must end in /v2.0/ with the last slash, as `issuer` in the tenant's metadata does"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// An issuer that may end in any way, byte for byte as tokens name it:
/// External ID's have no slash at the end, those of version 1 no `v2.0`.
pub(super) fn token_issuer(text: &str) -> Result<String, String> {
    let url = secure_url(text)?;
    if url.query().is_some() {
        return Err("must not hold a `?`: it is `iss` of the tenant's tokens".to_owned());
    }
    Ok(text.to_owned())
}

/// The address of the metadata, in which `{policy}` stands for the policy.
pub(super) fn metadata_url(text: &str) -> Result<String, String> {
    if !text.contains("{policy}") {
        return Err(
            "must hold {policy} where the name of the user flow stands, such as \
             https://contoso.b2clogin.com/contoso.onmicrosoft.com/{policy}/v2.0/.well-known/openid-configuration"
                .to_owned(),
        );
    }
    secure_url(&text.replace("{policy}", "policy")).map(|_| text.to_owned())
}

/// A host by its bare name, with a port where it is not 443.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let url = Url::parse(&format!("https://{lower}/")).ok();
    let authority = url.and_then(|url| {
        let host = url.host_str()?.to_owned();
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        })
    });
    if authority.as_ref() == Some(&lower) {
        Ok(lower)
    } else {
        Err("must be the name of a host, such as login.example.com".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let cases = [
            ("https://login.example.com/x", true),
            ("http://127.0.0.1:4000/x", true),
            ("http://[::1]:4000/x", true),
            ("http://localhost/x", true),
            ("http://login.example.com/x", false),
            ("http://127.0.0.1.example.com/x", false),
            ("https://user:pass@login.example.com/", false),
            ("https://login.example.com/#x", false),
            ("ftp://login.example.com/", false),
            ("login.example.com", false),
        ];
        for (text, expected) in cases {
            assert_eq!(secure_url(text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn an_issuer_ends_as_b2c_writes_it() {
        let guid = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
        let cases = [
            (format!("https://c.b2clogin.com/{guid}/v2.0/"), true),
            (
                format!("https://c.b2clogin.com/tfp/{guid}/b2c_1_x/v2.0/"),
                true,
            ),
            (format!("http://127.0.0.1:4000/{guid}/v2.0/"), true),
            (format!("https://c.b2clogin.com/{guid}/v2.0"), false),
            (format!("https://c.b2clogin.com/{guid}/v2.0/?p=x"), false),
            (format!("http://c.b2clogin.com/{guid}/v2.0/"), false),
        ];
        for (text, expected) in cases {
            assert_eq!(issuer(&text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_nothing_else() {
        for (text, expected) in [
            ("login.example.com", true),
            ("Login.Example.com", true),
            ("127.0.0.1", true),
            ("https://login.example.com", false),
            ("login.example.com/", false),
            ("login.example.com:8443", true),
            ("user@login.example.com", false),
            ("", false),
        ] {
            assert_eq!(host_name(text).is_ok(), expected, "{text}");
        }
    }
}
