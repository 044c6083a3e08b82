//! Who asks too often is told to try again later, in the dialect's own words
//! and never with a status that a platform takes for a failure.

use serde_json::{Value, json};
use tokio::time::Duration;

use super::door::{Door, Told, basic, shop_of};
use crate::support::business::store;
use crate::support::postgres::{Database, database, own_server};

const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";

async fn open(tenant: &str, limits: &str) -> (Door, Database) {
    let database = database().await;
    let keys = keys(limits);
    let door = Door::open_on(store(database.config()).await, &[(tenant, &keys)]).await;
    (door, database)
}

fn keys(limits: &str) -> String {
    format!(
        "credentials = [{{ username = \"caller\", password = \"canary\" }}]\n\
         limits = {{ {limits} }}"
    )
}

async fn ask(door: &Door, tenant: &str, step: &str, email: &str) -> Told {
    let body = json!({
        "step": step,
        "client_id": shop_of(tenant),
        "ui_locales": "en-US",
        "email": email,
        "objectId": OBJECT_ID,
        "identities": [],
    });
    let request = door
        .ask(tenant)
        .header("Authorization", basic("caller", "canary"));
    door.told(request.body(body.to_string())).await
}

fn text(told: &Told) -> Value {
    serde_json::from_str(&told.body).unwrap()
}

/// What each step says when the records cannot be asked.
fn assert_put_off(told: &Told, step: &str) {
    let body = text(told);
    let message = body["userMessage"].as_str().unwrap_or_default();
    match step {
        "PreTokenIssuance" => {
            assert_eq!(told.status, 200, "{body}");
            assert_eq!(body["action"], "Continue", "{body}");
            assert_eq!(body["extension_CustomerId"], "", "{body}");
        }
        "PostFederationSignup" => {
            assert_eq!(told.status, 200, "{body}");
            assert_eq!(body["action"], "ShowBlockPage", "{body}");
            assert!(message.contains("try again"), "{body}");
        }
        _ => {
            assert_eq!(told.status, 400, "{body}");
            assert_eq!(body["action"], "ValidationError", "{body}");
            assert!(message.contains("try again"), "{body}");
        }
    }
}

async fn limited(door: &Door, tenant: &str, limit: &str) -> u64 {
    let labels = [format!("tenant=\"{tenant}\""), format!("limit=\"{limit}\"")];
    door.count("idlink_limited_total", &labels).await
}

#[tokio::test]
async fn an_address_that_is_asked_about_too_often_is_put_off_at_every_step() {
    let (door, _database) = open("often-a", "per_address_per_minute = 3").await;
    for _ in 0..3 {
        let told = ask(
            &door,
            "often-a",
            "PostAttributeCollection",
            "ada@example.org",
        )
        .await;
        // Nobody has it, so it is refused, and decided.
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!(text(&told)["action"], "ShowBlockPage");
        // Nobody vouches for it here, which is counted apart.
        let told = ask(&door, "often-a", "PostFederationSignup", "ada@example.org").await;
        assert_eq!(text(&told)["action"], "ShowBlockPage");
        assert!(!told.body.contains("try again"), "{}", told.body);
    }
    let steps = [
        "PostAttributeCollection",
        "PostFederationSignup",
        "PreTokenIssuance",
    ];
    for step in steps {
        let told = ask(&door, "often-a", step, " ADA@Example.org ").await;
        assert_put_off(&told, step);
    }
    assert_eq!(limited(&door, "often-a", "address").await, 3);
    let told = ask(
        &door,
        "often-a",
        "PostAttributeCollection",
        "bob@example.org",
    )
    .await;
    assert_eq!(told.status, 200, "another address: {}", told.body);
    // A new limit begins anew, and none is none.
    door.change(&[("often-a", &keys("per_address_per_minute = 0"))])
        .await;
    for _ in 0..8 {
        let told = ask(
            &door,
            "often-a",
            "PostAttributeCollection",
            "ada@example.org",
        )
        .await;
        assert_eq!(told.status, 200, "{}", told.body);
    }
}

#[tokio::test]
async fn whoever_only_claims_an_address_does_not_shut_out_its_owner() {
    let (door, _database) = open("claims-a", "per_address_per_minute = 1").await;
    let body = json!({
        "step": "PostAttributeCollection",
        "client_id": shop_of("claims-a"),
        "email": "ada@example.org",
        "identities": [{
            "signInType": "federated",
            "issuer": "anybody.example",
            "issuerAssignedId": "104477002981"
        }],
    });
    for _ in 0..3 {
        let request = door
            .ask("claims-a")
            .header("Authorization", basic("caller", "canary"));
        door.told(request.body(body.to_string())).await;
    }
    assert_eq!(limited(&door, "claims-a", "address").await, 2);
    let told = ask(
        &door,
        "claims-a",
        "PostAttributeCollection",
        "ada@example.org",
    )
    .await;
    assert_eq!(told.status, 200, "decided: {}", told.body);
}

#[tokio::test]
async fn no_limit_is_a_way_around_a_refusal_where_outages_let_people_pass() {
    let site = format!(
        "[sites.around]\n\
         customer_type = \"b2c\"\n\
         legal_entity = \"USMF\"\n\
         tenant = \"around-a\"\n\
         client_ids = [\"{}\"]\n\
         outage = \"continue\"",
        shop_of("around-b")
    );
    let keys = format!("{}\n{site}", keys("per_address_per_minute = 1"));
    let database = database().await;
    let store = store(database.config()).await;
    let door = Door::open_on(store, &[("around-a", &keys)]).await;
    let body = json!({
        "step": "PostAttributeCollection",
        "client_id": shop_of("around-b"),
        "email": "ada@example.org",
        "identities": [{
            "signInType": "federated",
            "issuer": "anybody.example",
            "issuerAssignedId": "104477002981"
        }],
    });
    for expected in ["ShowBlockPage", "ValidationError"] {
        let request = door
            .ask("around-a")
            .header("Authorization", basic("caller", "canary"));
        let told = door.told(request.body(body.to_string())).await;
        assert_eq!(text(&told)["action"], expected, "{}", told.body);
    }
}

#[tokio::test]
async fn a_tenant_that_asks_too_often_is_put_off_and_another_is_not() {
    let database = database().await;
    let (few, many) = (keys("per_second = 1"), keys(""));
    let tenants = [("wild-a", few.as_str()), ("wild-b", many.as_str())];
    let many = tenants[1].1.replace("\"canary\"", "\"canary-b\"");
    let tenants = [tenants[0], ("wild-b", many.as_str())];
    let door = Door::open_on(store(database.config()).await, &tenants).await;
    let mut statuses = Vec::new();
    for n in 0..12 {
        let email = format!("{n}@example.org");
        let told = ask(&door, "wild-a", "PostAttributeCollection", &email).await;
        if told.status != 200 {
            assert_put_off(&told, "PostAttributeCollection");
        }
        statuses.push(told.status);
    }
    let put_off = statuses.iter().filter(|status| **status == 400).count();
    assert!(put_off >= 1, "{statuses:?}");
    assert_eq!(
        limited(&door, "wild-a", "tenant").await,
        u64::try_from(put_off).unwrap()
    );
    let body = json!({
        "step": "PostAttributeCollection",
        "client_id": shop_of("wild-b"),
        "email": "ada@example.org",
    });
    for _ in 0..12 {
        let request = door
            .ask("wild-b")
            .header("Authorization", basic("caller", "canary-b"));
        let told = door.told(request.body(body.to_string())).await;
        assert_eq!(told.status, 200, "{}", told.body);
    }
    // Who may not call is told so, and is not counted.
    let before = limited(&door, "wild-a", "tenant").await;
    for _ in 0..12 {
        assert_eq!(door.status(door.ask("wild-a")).await, 401);
    }
    assert_eq!(limited(&door, "wild-a", "tenant").await, before);
}

#[tokio::test]
async fn custom_policies_are_put_off_in_their_own_words() {
    let (door, _database) = open("policy-a", "per_address_per_minute = 1").await;
    let origin = format!(
        "http://{}/connectors/policy-a/custom-policy",
        door.running.address
    );
    let ask = |service: &str| {
        let body = json!({
            "email": "ada@example.org",
            "clientId": shop_of("policy-a"),
            "objectId": OBJECT_ID,
            "identityProvider": "local",
        });
        let request = door
            .client
            .post(format!("{origin}/{service}"))
            .header("Authorization", basic("caller", "canary"))
            .header("Content-Type", "application/json");
        door.told(request.body(body.to_string()))
    };
    ask("check-customer").await;
    let told = ask("check-customer").await;
    assert_eq!(told.status, 409, "{}", told.body);
    assert_eq!(text(&told)["code"], "Idlink_TryAgainLater");
    let told = ask("customer-outcome").await;
    assert_eq!(
        (told.status, &text(&told)["outcome"]),
        (200, &json!("block"))
    );
    let told = ask("record-link").await;
    assert_eq!(told.status, 200);
    assert_eq!(text(&told)["customerLink"], "unavailable");
}

#[tokio::test]
async fn what_would_wait_too_long_is_put_off_at_once() {
    let server = own_server().await;
    let keys = keys("in_flight = 1");
    let door = Door::open_on(store(server.config()).await, &[("queue-a", &keys)]).await;
    ask(
        &door,
        "queue-a",
        "PostAttributeCollection",
        "ada@example.org",
    )
    .await;
    server.signal_all("STOP");
    let waiting = ask(
        &door,
        "queue-a",
        "PostAttributeCollection",
        "bob@example.org",
    );
    let next = async {
        let mut asked = 0;
        while limited(&door, "queue-a", "in_flight").await == 0 {
            asked += 1;
            let asking = ask(
                &door,
                "queue-a",
                "PostAttributeCollection",
                "eve@example.org",
            );
            let told = tokio::time::timeout(Duration::from_secs(10), asking)
                .await
                .unwrap();
            assert_put_off(&told, "PostAttributeCollection");
        }
        asked
    };
    let (_, asked) = tokio::join!(waiting, next);
    server.signal_all("CONT");
    assert!(asked >= 1);
}
