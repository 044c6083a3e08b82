//! A proxy that ends TLS and passes the certificate on, and everybody else
//! who sends its header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use idlink::config::Settings;

use super::certificates::{Shown, params, self_signed};
use super::door::{Door, settings};
use crate::support::program::Folder;

const SECRET: &str = "canary-proxy-0123456789";
const OLD_SECRET: &str = "canary-proxy-of-old-times";

fn proxy(addresses: &str) -> String {
    format!(
        "[proxy]\n\
         addresses = [{addresses}]\n\
         certificate_header = \"X-Client-Cert\"\n\
         secrets = [\n\
           {{ secret = \"{SECRET}\" }},\n\
           {{ secret = \"{OLD_SECRET}\", not_after = 2020-01-01T00:00:00Z }},\n\
         ]"
    )
}

/// As nginx writes `$ssl_client_escaped_cert`.
fn escaped(pem: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    pem.bytes().map(escape).collect()
}

fn der(shown: &Shown) -> String {
    STANDARD.encode(&shown.certificate)
}

#[tokio::test]
async fn a_certificate_in_a_header_counts_from_the_proxy_alone() {
    let (shown, stranger) = (self_signed(&params("b2c")), self_signed(&params("b2c")));
    let mut old = params("b2c");
    old.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let expired = self_signed(&old);
    let keys = format!(
        "certificates = [{{ sha256 = \"{}\" }}, {{ sha256 = \"{}\" }}]",
        shown.pin(),
        expired.pin()
    );
    let here = proxy("\"10.0.0.0/8\", \"127.0.0.1\"");
    let door = Door::open_with(&here, &[("proxy-a", &keys)]).await;
    let unknown = door.told(door.ask("nobody-at-all")).await;
    let (right, secret) = (escaped(&shown.pem), Some(SECRET));
    let two = format!("{},{}", der(&shown), der(&stranger));
    let cases = [
        ("PEM", right.clone(), secret, Ok(())),
        ("DER", der(&shown), secret, Ok(())),
        ("a chain", two, secret, Ok(())),
        ("no secret", right.clone(), None, Err(("none", "missing"))),
        (
            "wrong secret",
            right.clone(),
            Some("canary-proxy-987654321"),
            Err(("none", "missing")),
        ),
        (
            "ended secret",
            right.clone(),
            Some(OLD_SECRET),
            Err(("none", "missing")),
        ),
        (
            "empty secret",
            right.clone(),
            Some(""),
            Err(("none", "missing")),
        ),
        ("empty", String::new(), secret, Err(("none", "missing"))),
        (
            "stranger's",
            der(&stranger),
            secret,
            Err(("certificate", "wrong")),
        ),
        (
            "expired",
            der(&expired),
            secret,
            Err(("certificate", "expired")),
        ),
        (
            "stranger's first",
            format!("{},{}", der(&stranger), der(&shown)),
            secret,
            Err(("certificate", "wrong")),
        ),
        (
            "garbage",
            "garbage".to_owned(),
            secret,
            Err(("certificate", "malformed")),
        ),
        (
            "base64 of garbage",
            STANDARD.encode("garbage"),
            secret,
            Err(("certificate", "malformed")),
        ),
        (
            "with more behind it",
            STANDARD.encode([&shown.certificate[..], b"x"].concat()),
            secret,
            Err(("certificate", "malformed")),
        ),
        (
            "cut short",
            right[..right.len() - 40].to_owned(),
            secret,
            Err(("certificate", "malformed")),
        ),
        (
            "its fingerprint",
            shown.pin(),
            secret,
            Err(("certificate", "malformed")),
        ),
        (
            "a word",
            "SUCCESS".to_owned(),
            secret,
            Err(("certificate", "malformed")),
        ),
    ];
    for (why, certificate, secret, expected) in cases {
        let mut request = door.ask("proxy-a").header("X-Client-Cert", &certificate);
        if let Some(secret) = secret {
            request = request.header("X-Idlink-Proxy-Secret", secret);
        }
        let (method, reason) = expected.err().unwrap_or(("", ""));
        let before = door.refused("proxy-a", method, reason).await;
        let told = door.told(request).await;
        match expected {
            Ok(()) => assert_eq!(told.status, 200, "{why}"),
            Err(_) => {
                assert_eq!(told, unknown, "{why}");
                let after = door.refused("proxy-a", method, reason).await;
                assert_eq!(after, before + 1, "{why}");
            }
        }
    }
    let twice = door
        .ask("proxy-a")
        .header("X-Idlink-Proxy-Secret", SECRET)
        .header("X-Client-Cert", &right)
        .header("X-Client-Cert", &right);
    assert_eq!(door.told(twice).await, unknown, "twice");

    door.change_with(&proxy("\"10.0.0.0/8\""), &[("proxy-a", &keys)])
        .await;
    let from_elsewhere = door
        .ask("proxy-a")
        .header("X-Idlink-Proxy-Secret", SECRET)
        .header("X-Client-Cert", &right);
    assert_eq!(door.told(from_elsewhere).await, unknown, "from elsewhere");
}

#[tokio::test]
async fn without_a_proxy_the_header_is_nobodys_and_behind_one_its_own_certificate_is_not_the_callers()
 {
    let shown = self_signed(&params("b2c"));
    let keys = format!("certificates = [{{ sha256 = \"{}\" }}]", shown.pin());
    let door = Door::open_tls(Folder::new(), &[("proxy-b", &keys)]).await;
    let as_proxy = |client| {
        door.ask_by(client, "proxy-b")
            .header("X-Idlink-Proxy-Secret", SECRET)
    };
    let request = as_proxy(&door.client).header("X-Client-Cert", escaped(&shown.pem));
    assert_eq!(door.status(request).await, 401, "there is no proxy");

    let tls = "[server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n";
    let more = format!("{tls}\n{}", proxy("\"127.0.0.1\""));
    door.change_with(&more, &[("proxy-b", &keys)]).await;
    // A proxy that shows a pinned certificate of its own speaks for whoever
    // it names, and it names nobody.
    let client = shown.client(&door);
    assert_eq!(door.status(as_proxy(&client)).await, 401, "names nobody");
    let request = as_proxy(&client).header("X-Client-Cert", escaped(&shown.pem));
    assert_eq!(door.status(request).await, 200, "names the caller");
    let request = door.ask_by(&client, "proxy-b");
    assert_eq!(door.status(request).await, 200, "is the caller");
}

#[test]
fn a_proxy_without_address_or_secret_is_refused() {
    let folder = Folder::new();
    let tenant = [(
        "contoso",
        "credentials = [{ username = \"a\", password = \"a\" }]",
    )];
    let problem = |section: &str| {
        let file = folder.write("idlink.toml", &settings(section, &tenant));
        let loaded = Settings::load(Some(&file), std::iter::empty());
        loaded
            .err()
            .map(|problems| problems.to_string())
            .unwrap_or_default()
    };
    let whole = proxy("\"127.0.0.1\"");
    assert_eq!(problem(&whole), "");
    let both = "must both be given: anybody could send the header otherwise";
    let cases = [
        (whole.replace("addresses = [\"127.0.0.1\"]", ""), both),
        (proxy(""), both),
        (
            "[proxy]\naddresses = [\"127.0.0.1\"]\ncertificate_header = \"x\"".to_owned(),
            both,
        ),
        (
            proxy("\"everywhere\""),
            "must be an address such as 10.0.0.5, or 10.0.0.0/24",
        ),
        (
            proxy("\"0.0.0.0/0\""),
            "must be an address such as 10.0.0.5, or 10.0.0.0/24",
        ),
        (
            whole.replace("X-Client-Cert", "Authorization"),
            "is a header with a meaning of its own",
        ),
        (
            whole.replace("X-Client-Cert", "X-Idlink-Proxy-Secret"),
            "must not be the header that carries the secret",
        ),
        (
            whole.replace(SECRET, "short"),
            "must have at least 16 characters",
        ),
    ];
    for (section, expected) in cases {
        let found = problem(&section);
        assert!(found.contains(expected), "{section}\n{found}");
        assert!(!found.contains("canary"), "{found}");
    }
}
