//! Who may call a connector, and how it is proved: Basic, bearer token, API
//! key, client certificate. The same bytes for everybody who may not.

mod certificates;
mod door;
mod limits;
mod proxies;
mod rolling;

use idlink::config::Settings;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::postgres::database;
use crate::support::program::{Folder, Program};
use door::{Door, Told, UNKNOWN, basic, shop_of};

const PASSWORD: &str = "canary:pass-word";
const TOKEN: &str = "canary-token-0123456789";
const KEY: &str = "canary-key-0123456789ab";

/// The way a request is changed before it is sent.
type Change = Box<dyn Fn(RequestBuilder) -> RequestBuilder>;

fn header(name: &'static str, value: impl Into<String>) -> Change {
    let value = value.into();
    Box::new(move |request| request.header(name, &value))
}

fn authorization(value: impl Into<String>) -> Change {
    header("Authorization", value)
}

fn both(one: Change, other: Change) -> Change {
    Box::new(move |request| other(one(request)))
}

fn nothing() -> Change {
    Box::new(|request| request)
}

/// Every one of them is told what an unknown tenant's caller is told, to the
/// last byte, and counted under its reason.
async fn assert_all_refused(
    door: &Door,
    tenant: &str,
    method: &str,
    cases: Vec<(&str, Change, &str)>,
) {
    assert!(cases.len() >= 16, "{}", cases.len());
    let unknown = door.told(door.ask("nobody-at-all")).await;
    assert_eq!(unknown.status, 401);
    for (why, change, reason) in cases {
        let counted = async || {
            door.refused(tenant, method, reason).await + door.refused(tenant, "none", reason).await
        };
        let before = counted().await;
        let told = door.told(change(door.ask(tenant))).await;
        assert_eq!(told, unknown, "{why}");
        let after = counted().await;
        assert_eq!(after, before + 1, "{why}: {reason}");
    }
}

#[tokio::test]
async fn nobody_gets_in_with_almost_the_right_name_and_password() {
    let door = Door::open(&[
        (
            "basic-a",
            "credentials = [
                { username = \"caller\", password = \"canary:pass-word\" },
                { username = \"caller\", password = \"over\", not_after = 2020-01-01T00:00:00Z },
            ]
            api_keys = [{ key = \"canary-key-0123456789ab\" }]",
        ),
        (
            "basic-b",
            "credentials = [{ username = \"other\", password = \"theirs\" }]",
        ),
    ])
    .await;
    let right = || authorization(basic("caller", PASSWORD));
    let shown = |username: &str, password: &str| authorization(basic(username, password));
    let encoded = basic("caller", PASSWORD)["Basic ".len()..].to_owned();

    assert_eq!(door.status(right()(door.ask("basic-a"))).await, 200);
    let lower = authorization(format!("basic {encoded}"));
    assert_eq!(door.status(lower(door.ask("basic-a"))).await, 200);

    let cases = vec![
        ("none", nothing(), "missing"),
        ("wrong password", shown("caller", "wrong"), "wrong"),
        ("wrong name", shown("called", PASSWORD), "wrong"),
        ("no password", shown("caller", ""), "wrong"),
        ("neither", shown("", ""), "wrong"),
        ("swapped", shown("canary", "pass-word:caller"), "wrong"),
        ("up to the second colon", shown("caller", "canary"), "wrong"),
        (
            "one character less",
            shown("caller", "canary:pass-wor"),
            "wrong",
        ),
        (
            "one character more",
            shown("caller", "canary:pass-word "),
            "wrong",
        ),
        ("another case", shown("caller", "Canary:pass-word"), "wrong"),
        (
            "another case of the name",
            shown("Caller", PASSWORD),
            "wrong",
        ),
        ("ended", shown("caller", "over"), "ended"),
        ("another tenant's", shown("other", "theirs"), "wrong"),
        ("another name's password", shown("other", PASSWORD), "wrong"),
        (
            "not encoded",
            authorization("Basic caller:canary:pass-word"),
            "malformed",
        ),
        ("no colon", authorization("Basic Y2FsbGVy"), "malformed"),
        ("nothing encoded", authorization("Basic "), "malformed"),
        ("no scheme", authorization(encoded.clone()), "malformed"),
        (
            "another scheme",
            authorization(format!("Digest {encoded}")),
            "malformed",
        ),
        ("twice", both(right(), right()), "malformed"),
        (
            "first of two",
            both(right(), shown("caller", "wrong")),
            "malformed",
        ),
        (
            "a proxy's header",
            header("Proxy-Authorization", basic("caller", PASSWORD)),
            "missing",
        ),
        (
            "in the query",
            Box::new(|request| request.query(&[("username", "caller"), ("password", PASSWORD)])),
            "missing",
        ),
    ];
    assert_all_refused(&door, "basic-a", "basic", cases).await;
}

#[tokio::test]
async fn nobody_gets_in_with_almost_the_right_token() {
    let door = Door::open(&[
        (
            "bearer-a",
            "bearer_tokens = [
                { token = \"canary-token-0123456789\" },
                { token = \"canary-token-of-old-times\", not_after = 2020-01-01T00:00:00Z },
            ]
            api_keys = [{ key = \"canary-key-0123456789ab\" }]",
        ),
        (
            "bearer-b",
            "bearer_tokens = [{ token = \"canary-token-of-others\" }]",
        ),
    ])
    .await;
    let bearer = |token: &str| authorization(format!("Bearer {token}"));

    assert_eq!(door.status(bearer(TOKEN)(door.ask("bearer-a"))).await, 200);
    let lower = authorization(format!("bearer  {TOKEN}"));
    assert_eq!(door.status(lower(door.ask("bearer-a"))).await, 200);

    let cases = vec![
        ("none", nothing(), "missing"),
        ("another", bearer("canary-token-9876543210"), "wrong"),
        (
            "one character less",
            bearer(&TOKEN[..TOKEN.len() - 1]),
            "wrong",
        ),
        ("one character more", bearer(&format!("{TOKEN}0")), "wrong"),
        ("another case", bearer(&TOKEN.to_uppercase()), "wrong"),
        ("quoted", bearer(&format!("\"{TOKEN}\"")), "wrong"),
        ("ended", bearer("canary-token-of-old-times"), "ended"),
        (
            "another tenant's",
            bearer("canary-token-of-others"),
            "wrong",
        ),
        ("the tenant's API key", bearer(KEY), "wrong"),
        (
            "an unsigned JWT",
            bearer("eyJhbGciOiJub25lIn0.eyJhenAiOiJ4In0."),
            "wrong",
        ),
        ("an asterisk", bearer("*"), "wrong"),
        ("empty", bearer(""), "malformed"),
        (
            "with a second word",
            bearer(&format!("{TOKEN} x")),
            "malformed",
        ),
        ("no scheme", authorization(TOKEN), "malformed"),
        (
            "another scheme",
            authorization(format!("Token {TOKEN}")),
            "malformed",
        ),
        ("twice", both(bearer(TOKEN), bearer(TOKEN)), "malformed"),
        (
            "as a header of its own",
            header("X-Token", TOKEN),
            "missing",
        ),
        (
            "in the query",
            Box::new(|request| request.query(&[("access_token", TOKEN)])),
            "missing",
        ),
    ];
    assert_all_refused(&door, "bearer-a", "bearer", cases).await;
}

#[tokio::test]
async fn nobody_gets_in_with_almost_the_right_api_key() {
    let door = Door::open(&[
        (
            "key-a",
            "api_key_header = \"X-Contoso-Key\"
            api_keys = [
                { key = \"canary-key-0123456789ab\" },
                { key = \"canary-key-of-old-times\", not_after = 2020-01-01T00:00:00Z },
            ]
            bearer_tokens = [{ token = \"canary-token-0123456789\" }]",
        ),
        ("key-b", "api_keys = [{ key = \"canary-key-of-others\" }]"),
    ])
    .await;
    let key = |key: &str| header("x-contoso-key", key);

    assert_eq!(door.status(key(KEY)(door.ask("key-a"))).await, 200);
    let usual = header("x-api-key", "canary-key-of-others");
    assert_eq!(door.status(usual(door.ask("key-b"))).await, 200);

    let cases = vec![
        ("none", nothing(), "missing"),
        ("another", key("canary-key-9876543210ba"), "wrong"),
        ("one character less", key(&KEY[..KEY.len() - 1]), "wrong"),
        ("one character more", key(&format!("{KEY}a")), "wrong"),
        ("another case", key(&KEY.to_uppercase()), "wrong"),
        ("quoted", key(&format!("\"{KEY}\"")), "wrong"),
        ("in a list", key(&format!("{KEY},{KEY}")), "wrong"),
        ("with a scheme", key(&format!("Bearer {KEY}")), "wrong"),
        ("empty", key(""), "wrong"),
        ("ended", key("canary-key-of-old-times"), "ended"),
        ("another tenant's", key("canary-key-of-others"), "wrong"),
        ("the tenant's token", key(TOKEN), "wrong"),
        ("twice", both(key(KEY), key(KEY)), "malformed"),
        ("first of two", both(key(KEY), key("x")), "malformed"),
        ("under the usual name", header("x-api-key", KEY), "missing"),
        (
            "under Azure Functions' name",
            header("x-functions-key", KEY),
            "missing",
        ),
        (
            "in the query",
            Box::new(|request| request.query(&[("code", KEY)])),
            "missing",
        ),
        (
            "in a cookie",
            header("Cookie", format!("x-contoso-key={KEY}")),
            "missing",
        ),
    ];
    assert_all_refused(&door, "key-a", "api_key", cases).await;
}

#[tokio::test]
async fn with_two_methods_required_one_is_not_enough() {
    let door = Door::open(&[(
        "both-a",
        "require = [\"api_key\", \"basic\"]
        api_keys = [{ key = \"canary-key-0123456789ab\" }]
        credentials = [{ username = \"caller\", password = \"canary:pass-word\" }]
        bearer_tokens = [{ token = \"canary-token-0123456789\" }]",
    )])
    .await;
    let right = || authorization(basic("caller", PASSWORD));
    let key = || header("x-api-key", KEY);
    let wrong_key = || header("x-api-key", "canary-key-9876543210ba");
    let bearer = || authorization(format!("Bearer {TOKEN}"));
    let cases = [
        ("both", both(right(), key()), 200),
        ("the one", right(), 401),
        ("the other", key(), 401),
        ("one of them wrong", both(right(), wrong_key()), 401),
        ("one that is not required", bearer(), 401),
        ("one of them and another", both(bearer(), key()), 401),
        ("none", nothing(), 401),
    ];
    for (why, change, expected) in cases {
        let told = door.told(change(door.ask("both-a"))).await;
        assert_eq!(told.status, expected, "{why}");
    }
    assert_eq!(door.refused("both-a", "api_key", "missing").await, 1);
    assert_eq!(door.refused("both-a", "basic", "missing").await, 4);
}

#[tokio::test]
async fn a_tenants_caller_never_asks_about_another_tenants_site() {
    let door = Door::open(&[
        (
            "cross-a",
            "credentials = [{ username = \"a\", password = \"a\" }]",
        ),
        (
            "cross-b",
            "credentials = [{ username = \"b\", password = \"b\" }]",
        ),
    ])
    .await;
    let unknown = door.told(door.ask("nobody-at-all")).await;
    let foreign = door.ask("cross-b").header("Authorization", basic("a", "a"));
    assert_eq!(door.told(foreign).await, unknown, "another tenant's path");
    // On its own path with the other one's application: as one that no tenant
    // has.
    let ask = |application: String| {
        let body = json!({"step": "PostAttributeCollection", "client_id": application});
        let request = door.ask("cross-a").header("Authorization", basic("a", "a"));
        door.told(request.body(body.to_string()))
    };
    let told = ask(shop_of("cross-b")).await;
    assert_eq!(told.status, 200);
    assert!(told.body.contains("ShowBlockPage"), "{}", told.body);
    let nobodys = ask("11111111-2222-3333-4444-555555555555".to_owned()).await;
    assert_eq!(without_reference(&told), without_reference(&nobodys));
}

/// Without the last word, which is new each time.
fn without_reference(told: &Told) -> &str {
    let end = told.body.rfind(' ');
    &told.body[..end.unwrap()]
}

#[tokio::test]
async fn an_unknown_tenant_is_told_what_a_wrong_credential_is_told() {
    let door = Door::open(&[(
        "like-a",
        "credentials = [{ username = \"caller\", password = \"canary:pass-word\" }]",
    )])
    .await;
    let changes = [
        ("none", nothing()),
        ("basic", authorization(basic("caller", "wrong"))),
        ("bearer", authorization(format!("Bearer {TOKEN}"))),
        ("key", header("x-api-key", KEY)),
        ("garbage", authorization("garbage")),
        ("right, elsewhere", authorization(basic("caller", PASSWORD))),
    ];
    for (why, change) in changes {
        let unknown = door.told(change(door.ask("nobody-at-all"))).await;
        assert_eq!(unknown.status, 401, "{why}");
        if why != "right, elsewhere" {
            assert_eq!(
                unknown,
                door.told(change(door.ask("like-a"))).await,
                "{why}"
            );
        }
    }
    assert!(door.refused(UNKNOWN, "basic", "unknown tenant").await >= 1);
    let label = |text: &str| text.contains("nobody-at-all");
    assert!(!label(&door.metrics().await), "a caller's own text");
}

#[tokio::test]
async fn a_refused_caller_leaves_one_line_with_nothing_they_have_shown() {
    let (folder, database) = (Folder::new(), database().await);
    let keys = "credentials = [
            { username = \"canary-user\", password = \"canary:pass-word\" },
            { username = \"canary-user\", password = \"canary-over\", not_after = 2020-01-01T00:00:00Z },
        ]
        bearer_tokens = [{ token = \"canary-token-0123456789\" }]
        api_keys = [{ key = \"canary-key-0123456789ab\" }]
        certificates = [{ sha256 = \"PIN\" }]";
    let keys = keys.replace("PIN", &"ab".repeat(32));
    let proxy = "[proxy]\naddresses = [\"127.0.0.1\"]\ncertificate_header = \"x-cert\"\n\
                 secrets = [{ secret = \"canary-proxy-0123456789\" }]";
    folder.write("idlink.toml", &door::settings(proxy, &[("line-a", &keys)]));
    let program = Program::start(&folder, &database).await;
    let proxied = both(
        header("x-idlink-proxy-secret", "canary-proxy-0123456789"),
        header("x-cert", "canary"),
    );
    let cases = [
        ("line-a", nothing(), ["line-a", "none", "missing"]),
        (
            "line-a",
            authorization(basic("canary-user", "canary")),
            ["line-a", "basic", "wrong"],
        ),
        (
            "line-a",
            authorization(basic("canary-user", "canary-over")),
            ["line-a", "basic", "ended"],
        ),
        (
            "line-a",
            authorization("Bearer canary-wrong"),
            ["line-a", "bearer", "wrong"],
        ),
        (
            "line-a",
            header("x-api-key", "canary-wrong"),
            ["line-a", "api_key", "wrong"],
        ),
        ("line-a", proxied, ["line-a", "certificate", "malformed"]),
        (
            "canary",
            authorization(basic("canary-user", PASSWORD)),
            ["unknown", "basic", "unknown tenant"],
        ),
    ];
    let client = reqwest::Client::new();
    let mut expected = Vec::new();
    for (tenant, change, line) in cases {
        for dialect in ["user-flow", "custom-policy/check-customer"] {
            let url = format!("http://{}/connectors/{tenant}/{dialect}", program.address);
            let response = change(client.post(url)).send().await.unwrap();
            assert_eq!(response.status(), 401, "{line:?}");
            expected.push(line.map(str::to_owned));
        }
    }
    let log = program.stop().await;
    assert!(!log.contains("canary"), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| {
            line["message"]
                .as_str()
                .is_some_and(|m| m.contains("caller"))
        })
        .map(|line| {
            ["tenant", "method", "reason"].map(|name| line[name].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(refused, expected);
}

/// What is wrong with the credentials of one tenant, one a line.
fn problems(tenant: &str) -> Vec<String> {
    let folder = Folder::new();
    folder.write("no.pem", "nothing");
    let text = door::settings("", &[("contoso", tenant)]);
    let file = folder.write("idlink.toml", &text);
    let problems = match Settings::load(Some(&file), std::iter::empty()) {
        Ok(_) => return Vec::new(),
        Err(problems) => problems.to_string(),
    };
    let folder = format!("{}/", folder.0.display());
    problems
        .replace(&folder, "")
        .lines()
        .map(|line| line.split_once(": ").unwrap().1.to_owned())
        .collect()
}

#[test]
fn settings_that_would_let_nobody_or_anybody_in_are_refused() {
    let tls = "needs [server.tls], or [proxy] if TLS ends before us: nobody could show one";
    let pin = "ab".repeat(32);
    let cases = [
        (
            "bearer_tokens = [{ token = \"canary-short\" }]".to_owned(),
            "tenants.contoso.bearer_tokens[0].token: must have at least 16 characters, all of \
             them ASCII and none a blank: make one with `openssl rand -base64 32`",
        ),
        (
            "api_keys = [{ key = \"canary with some blanks\" }]".to_owned(),
            "tenants.contoso.api_keys[0].key: must have at least 16 characters, all of them ASCII \
             and none a blank: make one with `openssl rand -base64 32`",
        ),
        (
            "api_keys = [{ key = \"canary-key-0123456789ab\" }]\napi_key_header = \"Cookie\""
                .to_owned(),
            "tenants.contoso.api_key_header: is a header with a meaning of its own",
        ),
        (
            "credentials = [{ username = \"a\", password = \"a\" }]\nrequire = [\"certificate\"]"
                .to_owned(),
            "tenants.contoso.require[0]: there is no [[tenants.contoso.certificates]], so nobody \
             could call",
        ),
        (
            "credentials = [{ username = \"a\", password = \"a\" }]\nrequire = [\"mtls\"]"
                .to_owned(),
            "tenants.contoso.require[0]: must be \"basic\" or \"bearer\" or \"api_key\" or \
             \"certificate\", is \"mtls\"",
        ),
        (
            "credentials = [{ username = \"a\", password = \"a\" }]
             bearer_tokens = [{ token = \"canary-token-0123456789\" }]
             require = [\"basic\", \"bearer\"]"
                .to_owned(),
            "tenants.contoso.require[1]: \"basic\" and \"bearer\" are one header, of which a \
             request has one: require one of them",
        ),
        (
            format!("certificates = [{{ sha256 = \"{pin}\" }}]"),
            &format!("tenants.contoso.certificates[0]: {tls}"),
        ),
        (
            "certificates = [{ sha256 = \"ab:cd\" }]".to_owned(),
            "tenants.contoso.certificates[0].sha256: must be 64 hexadecimal digits, with colons or \
             not, as `openssl x509 -noout -fingerprint -sha256` prints them",
        ),
        (
            "certificates = [{}]".to_owned(),
            "tenants.contoso.certificates[0]: give one of `sha256` (of the caller's own \
             certificate) and `authority` (the file with the certificate of whoever issues them)",
        ),
        (
            "certificates = [{ authority = \"no.pem\" }]".to_owned(),
            "tenants.contoso.certificates[0].authority: no.pem is no PEM file with the certificate \
             of an authority",
        ),
        (
            String::new(),
            "tenants.contoso: has no credentials, so nobody could call for it: add \
             [[tenants.contoso.credentials]] with `username` and `password`",
        ),
    ];
    for (tenant, expected) in &cases {
        assert_eq!(problems(tenant), [*expected], "{tenant}");
    }
}
