//! The rows of product.md's table of details that are easy to get wrong, and
//! of contracts.md §7.5, over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use idlink::domain::customer::{CustomerType, LegalEntity};
use idlink::domain::directory::Directory;
use idlink::domain::language::Language;
use idlink::domain::site::{
    CustomerEmail, Disclosure, Messages, Mode, Stage, Texts, Topic, UnverifiedEmail,
};
use idlink::domain::tenant::Tenant;
use idlink::store::features::Switch;
use idlink::store::legal_entities::NumberFormat;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::business::{OnFile, site, tenant, turn, usmf};
use crate::support::postgres::connect;
use crate::support::service::{SHOP, Service, TRADE, USERNAME, credential, send};
use crate::user_flow::{assert_block, assert_continue, business, federated, local, token};

/// What a directory entry with these identities asks.
fn with_identities(identities: Value) -> Value {
    let mut body = local(TRADE, "one@example.org");
    body["identities"] = identities;
    body
}

fn sign_in_name(address: &str) -> Value {
    json!({
        "signInType": "emailAddress",
        "issuer": "contoso.onmicrosoft.com",
        "issuerAssignedId": address
    })
}

#[tokio::test]
async fn two_sign_in_names_prove_neither() {
    let (service, _database) = business().await;
    let two = json!([
        sign_in_name("one@example.org"),
        sign_in_name("x@example.org")
    ]);
    let reply = service.ask(&with_identities(two.clone())).await;
    assert_block(&reply, "unverified_address", "beside an address");
    let mut body = with_identities(two);
    body.as_object_mut().unwrap().remove("email");
    let reply = service.ask(&body).await;
    assert_block(&reply, "unverified_address", "without one");
    let same = json!([
        sign_in_name("one@example.org"),
        sign_in_name("One@Example.org")
    ]);
    let reply = service.ask(&with_identities(same)).await;
    assert_continue(
        &reply,
        json!({"extension_CustomerId": "B1"}),
        "the same twice",
    );
}

#[tokio::test]
async fn a_provider_that_no_database_can_hold_is_an_unknown_one() {
    let (service, _database) = business().await;
    let long = "x".repeat(10_000);
    for issuer in ["a\u{0}b", "google.com\u{0}", "google.com\n", long.as_str()] {
        for step in ["PostFederationSignup", "PostAttributeCollection"] {
            let body = federated(step, TRADE, issuer, "one@example.org");
            let reply = service.ask(&body).await;
            assert_block(&reply, "unverified_address", "no name");
        }
        let mut body = federated("PreTokenIssuance", TRADE, issuer, "one@example.org");
        body["objectId"] = json!("e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66");
        let refused = json!({"extension_CustomerId": "", "extension_CustomerLink": "refused"});
        assert_continue(&service.ask(&body).await, refused, "no name");
    }
}

/// Sends a request by hand, its body in two parts with a pause between.
async fn ask_slowly(service: &Service, body: &str, pause: Duration) -> (String, Duration) {
    let mut socket = TcpStream::connect(service.address()).await.unwrap();
    // base64("b2c-caller:s3:cret")
    let head = format!(
        "POST /connectors/contoso/user-flow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Basic YjJjLWNhbGxlcjpzMzpjcmV0\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = body.split_at(body.len() / 2);
    let asked = Instant::now();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(first.as_bytes()).await.unwrap();
    let mut reply = vec![0; 4096];
    let length = match tokio::time::timeout(pause, socket.read(&mut reply)).await {
        Ok(length) => length.unwrap(),
        Err(_) => {
            socket.write_all(rest.as_bytes()).await.unwrap();
            socket.read(&mut reply).await.unwrap()
        }
    };
    let waited = asked.elapsed();
    reply.truncate(length);
    (String::from_utf8(reply).unwrap(), waited)
}

#[tokio::test]
async fn a_slow_body_is_part_of_the_deadline() {
    let (service, _database) = business().await;
    let body = local(TRADE, "one@example.org").to_string();
    let (late, after) = tokio::join!(
        ask_slowly(&service, &body, Duration::from_millis(4600)),
        ask_slowly(&service, &body, Duration::from_millis(1500)),
    );
    let (reply, waited) = late;
    assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
    assert!(reply.contains("application/json"), "{reply}");
    assert!(waited < Duration::from_millis(4400), "{waited:?}");
    let (reply, _) = after;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert!(reply.contains("B1"), "{reply}");
}

fn linked(number: &str) -> Value {
    json!({"extension_CustomerId": number, "extension_CustomerLink": "linked"})
}

fn not_linked(why: &str) -> Value {
    json!({"extension_CustomerId": "", "extension_CustomerLink": why})
}

/// English by default, and German.
fn bilingual() -> Messages {
    let texts = |word: &str| {
        let all = Topic::ALL.into_iter().flat_map(|topic| {
            Stage::ALL.map(|stage| ((topic, stage), format!("{word} {}", topic.key())))
        });
        all.collect::<Texts>()
    };
    let language = |tag| Language::parse(tag).unwrap();
    let both = [
        (language("en"), texts("English")),
        (language("de"), texts("Deutsch")),
    ];
    Messages::new(language("en"), both.into()).unwrap()
}

/// contracts.md §7.5, vector 6.
#[tokio::test]
async fn a_message_is_in_the_language_of_the_journey_or_in_the_sites_own() {
    let (service, _database) = Service::start(|setup| setup.trade.messages = bilingual()).await;
    let cases = [
        (json!("de"), "Deutsch"),
        (json!("de-AT"), "Deutsch"),
        (json!("xx de"), "Deutsch"),
        (json!("xx"), "English"),
        (json!(""), "English"),
        (Value::Null, "English"),
    ];
    let mut body = local(TRADE, "new@example.org");
    for (ui_locales, expected) in cases {
        body["ui_locales"] = ui_locales.clone();
        let text = service.ask(&body).await.json()["userMessage"].clone();
        assert_eq!(
            text,
            format!("{expected} customer_not_found"),
            "{ui_locales}"
        );
    }
    body.as_object_mut().unwrap().remove("ui_locales");
    let text = service.ask(&body).await.json()["userMessage"].clone();
    assert_eq!(text, "English customer_not_found", "missing");
}

#[tokio::test]
async fn nothing_crosses_a_legal_entity() {
    let demf = LegalEntity::parse("DEMF").unwrap();
    let (service, database) = Service::start(|setup| {
        setup.shop.legal_entity = LegalEntity::parse("DEMF").unwrap();
        setup.shop.rules.customer_type = CustomerType::B2b;
    })
    .await;
    let store = &service.store;
    store
        .ensure_legal_entity(&demf, &NumberFormat::default())
        .await
        .unwrap();
    // The same address in both, and a number of one that is free in the other.
    let ada = "ada@example.org";
    OnFile::person("U1", ada, CustomerType::B2b)
        .add(store)
        .await;
    let sql = connect(&database.config()).await;
    let copy = "
        INSERT INTO customer (legal_entity, customer_id, customer_number, kind, is_b2b, name,
               email_original, email_canonical, email_version, email_origin, state, origin,
               created_at, changed_at)
        SELECT 'DEMF', gen_random_uuid(), 'D1', kind, is_b2b, name, email_original,
               email_canonical, email_version, email_origin, state, origin, created_at, changed_at
          FROM customer";
    sql.batch_execute(copy).await.unwrap();
    OnFile::person("U2", "only@example.org", CustomerType::B2b)
        .add(store)
        .await;

    let number = |number: &str| json!({"extension_CustomerId": number});
    assert_continue(&service.ask(&local(TRADE, ada)).await, number("U1"), "USMF");
    assert_continue(&service.ask(&local(SHOP, ada)).await, number("D1"), "DEMF");
    let reply = service.ask(&local(SHOP, "only@example.org")).await;
    assert_block(&reply, "customer_not_found", "in the other one only");

    // One identity, linked once in each.
    for _ in 0..2 {
        assert_continue(&service.ask(&token(TRADE, ada)).await, linked("U1"), "USMF");
        assert_continue(&service.ask(&token(SHOP, ada)).await, linked("D1"), "DEMF");
    }
    for legal_entity in [&usmf(), &demf] {
        let links = store.links(legal_entity, None).await.unwrap();
        assert_eq!(links.len(), 1, "{}", legal_entity.as_str());
    }
}

#[tokio::test]
async fn two_sites_of_one_legal_entity_share_the_link_and_keep_their_rules() {
    let (service, _database) = business().await;
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_continue(&reply, json!({"extension_CustomerId": "B1"}), "B2B");
    let reply = service.ask(&local(SHOP, "one@example.org")).await;
    assert_continue(&reply, json!({"extension_CustomerId": "C1"}), "B2C");
    // Linked already: the number stands whatever the other site's rules say.
    let reply = service.ask(&token(SHOP, "one@example.org")).await;
    assert_continue(&reply, linked("C1"), "B2C");
    let reply = service.ask(&token(TRADE, "one@example.org")).await;
    assert_continue(&reply, linked("C1"), "at the other site");
}

#[test]
fn a_tenant_finds_no_site_of_another() {
    let (contoso, mut trade) = (tenant(), site(CustomerType::B2b));
    let fabrikam = Tenant {
        name: "fabrikam".to_owned(),
        ..Arc::unwrap_or_clone(tenant())
    };
    trade.client_ids = [TRADE.to_owned()].into();
    let directory = Directory::new([Arc::unwrap_or_clone(contoso), fabrikam], [trade]);
    assert!(directory.site_of("contoso", TRADE).is_some());
    assert!(
        directory
            .site_of("contoso", &TRADE.to_uppercase())
            .is_some()
    );
    assert!(directory.site_of("fabrikam", TRADE).is_none());
    assert!(directory.site_of("contoso", "").is_none());
}

#[tokio::test]
async fn a_credential_is_refused_from_its_end_on() {
    let now = OffsetDateTime::now_utc();
    let hour = time::Duration::hours(1);
    let (service, _database) = Service::start(|setup| {
        setup.credentials = vec![
            credential("old", Some(now - hour)),
            credential("leaving", Some(now + hour)),
            credential("new", None),
        ];
    })
    .await;
    for (password, expected) in [("old", 401), ("leaving", 200), ("new", 200)] {
        let request = service
            .post("/connectors/contoso/user-flow")
            .basic_auth(USERNAME, Some(password))
            .header("Content-Type", "application/json")
            .body(local(SHOP, "new@example.org").to_string());
        assert_eq!(send(request).await.status, expected, "{password}");
    }
}

#[tokio::test]
async fn a_linked_identity_gets_its_number_unless_its_customer_is_gone() {
    let (service, database) = business().await;
    let sql = connect(&database.config()).await;
    let set = |change: &'static str| {
        let (sql, service) = (&sql, &service);
        async move {
            let update = format!("UPDATE customer SET {change}");
            sql.batch_execute(&update).await.unwrap();
            service.ask(&token(TRADE, "one@example.org")).await
        }
    };
    assert_continue(&set("name = 'x'").await, linked("B1"), "recorded");
    assert_continue(&set("state = 'pending'").await, linked("B1"), "pending");
    for gone in ["state = 'blocked'", "state = 'erased'", "state = 'merged'"] {
        assert_continue(&set(gone).await, not_linked("refused"), gone);
    }
    turn(&service.store, Switch::Off).await;
    let reply = set("state = 'blocked'").await;
    assert_continue(&reply, not_linked("none"), "blocked, linking off");
    let reply = set("state = 'active'").await;
    assert_continue(&reply, linked("B1"), "linking off");
}

#[tokio::test]
async fn an_unproven_address_may_get_a_customer_of_its_own_that_matches_nobody() {
    let (service, _database) = Service::start(|setup| {
        setup.shop.rules.unverified_email = UnverifiedEmail::Separate;
        setup.trade.rules.unverified_email = UnverifiedEmail::Separate;
    })
    .await;
    OnFile::person("C1", "one@example.org", CustomerType::B2c)
        .add(&service.store)
        .await;
    for step in ["PostFederationSignup", "PostAttributeCollection"] {
        let at = |client| federated(step, client, "facebook.com", "one@example.org");
        let reply = service.ask(&at(SHOP)).await;
        assert_continue(&reply, json!({}), "no number of somebody else's");
        let reply = service.ask(&at(TRADE)).await;
        assert_block(&reply, "unverified_address", "B2C sites only");
    }
    let mut body = federated("PreTokenIssuance", SHOP, "facebook.com", "one@example.org");
    body["objectId"] = json!("11111111-6a4e-45f1-9b1c-0d4f7c2a8e66");
    let reply = service.ask(&body).await;
    assert_continue(&reply, linked("C000001"), "a customer of its own");
    let reply = service.ask(&token(SHOP, "one@example.org")).await;
    assert_continue(&reply, linked("C1"), "whose address it is");
}

#[tokio::test]
async fn a_site_may_ask_for_proof_of_the_customers_address() {
    let (service, _database) = Service::start(|setup| {
        setup.trade.rules.customer_email = CustomerEmail::Proven;
    })
    .await;
    let imported = OnFile::person("B1", "one@example.org", CustomerType::B2b);
    imported.add(&service.store).await;
    let reply = service.ask(&local(TRADE, "one@example.org")).await;
    assert_block(&reply, "not_possible", "imported");
    let reply = service.ask(&token(TRADE, "one@example.org")).await;
    assert_continue(&reply, not_linked("refused"), "imported");
}

/// `disclosure = "uniform"`: the reason is for staff alone.
#[tokio::test]
async fn where_disclosure_is_uniform_all_refusals_look_the_same() {
    let (service, _database) = Service::start(|setup| {
        setup.trade.disclosure = Disclosure::Uniform;
    })
    .await;
    for number in ["B1", "B2"] {
        OnFile::person(number, "two@example.org", CustomerType::B2b)
            .add(&service.store)
            .await;
    }
    OnFile::person("B3", "one@example.org", CustomerType::B2b)
        .add(&service.store)
        .await;
    service.ask(&token(TRADE, "one@example.org")).await;
    let mut lengths = Vec::new();
    for (address, why) in [
        ("new@example.org", "none"),
        ("two@example.org", "several"),
        ("one@example.org", "already linked"),
        ("nobody", "no address"),
        ("\"a b\"@example.org", "not comparable"),
    ] {
        let reply = service.ask(&local(TRADE, address)).await;
        assert_block(&reply, "not_possible", why);
        lengths.push(reply.text.len());
    }
    assert!(lengths.iter().all(|l| *l == lengths[0]), "{lengths:?}");
}

/// The platform takes nothing but a Continue there (contracts.md §1.2).
#[tokio::test]
async fn the_token_step_continues_whatever_is_wrong_with_the_request() {
    let (service, _database) = business().await;
    let good = token(TRADE, "one@example.org");
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for body in [
        with("email", json!(["one@example.org"])),
        with("identities", json!("google.com")),
        with("objectId", json!(7)),
        with("client_id", Value::Null),
        with("clientId", json!(TRADE)),
        with("ui_locales", json!({})),
    ] {
        let reply = service.ask(&body).await;
        assert_continue(&reply, not_linked("refused"), &body.to_string());
    }
}

#[tokio::test]
async fn where_nothing_is_enforced_a_missing_object_id_is_no_refusal() {
    let (service, _database) = Service::start(|setup| {
        setup.trade.mode = Mode::Off;
        setup.shop.mode = Mode::Observe;
    })
    .await;
    for client in [TRADE, SHOP] {
        let mut body = token(client, "one@example.org");
        body.as_object_mut().unwrap().remove("objectId");
        assert_continue(&service.ask(&body).await, not_linked("none"), client);
    }
}

/// contracts.md §1.1 leaves open what the platform does here.
#[tokio::test]
async fn a_caller_may_wait_for_permission_and_send_its_body_in_chunks() {
    let (service, _database) = business().await;
    let body = local(TRADE, "one@example.org").to_string();
    let head = "POST /connectors/contoso/user-flow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Basic YjJjLWNhbGxlcjpzMzpjcmV0\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    let mut socket = TcpStream::connect(service.address()).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut permission = [0; 25];
    socket.read_exact(&mut permission).await.unwrap();
    assert_eq!(&permission, b"HTTP/1.1 100 Continue\r\n\r\n");
    for part in body.as_bytes().chunks(50) {
        let chunk = [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        socket.write_all(&chunk).await.unwrap();
    }
    socket.write_all(b"0\r\n\r\n").await.unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.contains(r#""extension_CustomerId":"B1""#), "{reply}");
}

/// The moment the old attempt is let go is when repeats are most likely to
/// open two new ones.
#[tokio::test]
async fn a_question_repeated_at_the_end_of_its_window_opens_one_attempt() {
    let (service, database) = business().await;
    let sql = connect(&database.config()).await;
    let body = local(TRADE, "new@example.org");
    service.ask(&body).await;
    for round in 1..=10_i64 {
        sql.batch_execute("UPDATE sign_up_attempt SET asked_at = asked_at - interval '31 s'")
            .await
            .unwrap();
        let eight = futures_util::future::join_all((0..8).map(|_| service.ask(&body))).await;
        for reply in &eight {
            assert_eq!(reply.text, eight[0].text, "round {round}");
        }
        let row = sql
            .query_one(
                "SELECT count(*), count(*) FILTER (WHERE is_open), sum(times_asked)::bigint
                   FROM sign_up_attempt",
                &[],
            )
            .await
            .unwrap();
        let found: (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(found, (round + 1, 1, 1 + 8 * round));
    }
}
