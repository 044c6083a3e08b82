//! The rows of product.md's table of details that are easy to get wrong, and
//! of contracts.md §7.5, over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::service::{Service, TRADE};
use crate::user_flow::{assert_block, assert_continue, business, federated, local};

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
