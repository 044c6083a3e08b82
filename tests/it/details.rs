//! The rows of product.md's table of details that are easy to get wrong, and
//! of contracts.md §7.5, over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::service::TRADE;
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
