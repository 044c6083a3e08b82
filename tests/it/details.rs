//! The rows of product.md's table of details that are easy to get wrong, and
//! of contracts.md §7.5, over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::service::TRADE;
use crate::user_flow::{assert_block, assert_continue, business, local};

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
