//! Policies and service: requests are made of the policy's XML as B2C makes
//! them, and the service answers what the policy expects.

use std::collections::BTreeSet;

use idlink::domain::customer::CustomerType;
use idlink::domain::identity::Provider;
use idlink::domain::trust::Trust;
use idlink::policy::view::TechnicalProfile;
use serde_json::{Map, Value, json};

use super::{SOCIAL, built, calls, effective, relying_parties, settings};
use crate::support::business::OnFile;
use crate::support::postgres::Database;
use crate::support::service::{PASSWORD, Reply, SHOP, Service, TRADE, USERNAME, send};

const OBJECT_ID: &str = "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66";
const CORRELATION: &str = "c2f1a7d0-5b57-4a8e-9c8a-3e6e54f1b0aa";
const EMAIL: &str = "mina.k@mail.example";
const NUMBER: &str = "C-4711";

const CHECK_LOCAL: &str = "REST-CustomerLink-CheckLocal";
const CHECK_FEDERATED: &str = "REST-CustomerLink-CheckFederated";
const OUTCOME: &str = "REST-CustomerLink-Outcome";
const RECORD_LOCAL: &str = "REST-CustomerLink-RecordLocal";
const RECORD_FEDERATED: &str = "REST-CustomerLink-RecordFederated";

/// The tenant of the tests has the name that production's settings have. Its
/// sites know the customer, and it believes Facebook as the base names it.
async fn service() -> (Service, Database) {
    let (service, database) = Service::start(|setup| {
        setup.tenant.trust = Trust::new([Provider::local(), Provider::named("facebook.com")]);
    })
    .await;
    OnFile::person(NUMBER, EMAIL, CustomerType::B2c)
        .add(&service.store)
        .await;
    (service, database)
}

/// What is in the journey's bag when a profile runs.
fn bag(claim: &str) -> Option<&'static str> {
    match claim {
        "objectId" => Some(OBJECT_ID),
        "email" | "customerLinkEmail" => Some(EMAIL),
        "identityProvider" => Some("facebook.com"),
        "issuerUserId" => Some("104477002981"),
        _ => None,
    }
}

/// What claims resolvers give ("Claim resolvers": `OIDC`, `Context`, `Culture`).
fn resolved(default: &str) -> &str {
    match default {
        "{OIDC:ClientId}" => SHOP,
        "{Context:CorrelationId}" => CORRELATION,
        "{Culture:RFC5646}" => "en-US",
        plain => {
            assert!(!plain.starts_with('{'), "{plain}");
            plain
        }
    }
}

/// The body that B2C makes of a profile's input claims.
fn body(profile: TechnicalProfile<'_>) -> Value {
    let mut body = Map::new();
    for input in profile.input_claims() {
        let claim = input.claim().unwrap();
        let default = input.default_value().map(resolved);
        let value = match input.always_use_default() {
            true => default,
            false => bag(claim).or(default),
        };
        let name = input.partner_name().unwrap_or(claim);
        if let Some(value) = value {
            let before = body.insert(name.to_owned(), value.into());
            assert_eq!(before, None, "{} sends {name} twice", profile.id());
        }
    }
    Value::Object(body)
}

/// The path of a profile's address, which is on the host of the settings.
fn path(profile: TechnicalProfile<'_>) -> String {
    let address = url::Url::parse(profile.metadata("ServiceUrl").unwrap()).unwrap();
    assert_eq!(address.scheme(), "https");
    let host = &settings("custom", "Production")["IdlinkHost"];
    assert_eq!(address.host_str(), Some(&**host));
    assert_eq!((address.query(), address.fragment()), (None, None));
    address.path().to_owned()
}

async fn post(service: &Service, path: &str, body: &Value) -> Reply {
    let request = service
        .post(path)
        .basic_auth(USERNAME, Some(PASSWORD))
        .header("Content-Type", "application/json")
        .body(body.to_string());
    send(request).await
}

/// Calls a profile of the social policy, which has them all, with some claims
/// changed; `null` takes one away.
async fn call(service: &Service, id: &str, changes: Value) -> Reply {
    let set = built("Production");
    let policy = effective(&set, SOCIAL);
    let profile = policy.technical_profile(id).unwrap();
    let mut body = body(profile);
    let members = body.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        assert!(members.contains_key(name), "{id} does not send {name}");
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    post(service, &path(profile), &body).await
}

#[tokio::test]
async fn every_address_is_a_route_and_every_claim_that_is_expected_is_answered() {
    let mut called = BTreeSet::new();
    for policy in relying_parties() {
        // Each with a customer whom nobody is linked to yet.
        let (service, _database) = service().await;
        for profile in calls(&policy) {
            let reply = post(&service, &path(profile), &body(profile)).await;
            assert_eq!(reply.status, 200, "{}: {}", profile.id(), reply.text);
            let answered = reply.json();
            for output in profile.output_claims() {
                let claim = output.claim().unwrap();
                let name = output.partner_name().unwrap_or(claim);
                let value = answered.get(name);
                assert!(
                    value.is_some_and(Value::is_string),
                    "{}: {name}",
                    profile.id()
                );
                let declared = policy.claim_type(claim).unwrap();
                assert_eq!(declared.data_type(), Some("string"), "{claim}");
            }
            called.insert(profile.id().to_owned());
        }
        // Another address would have been noticed.
        let elsewhere = post(&service, "/connectors/contoso/custom-policy/x", &json!({})).await;
        assert_eq!(elsewhere.status, 404);
    }
    let all = [
        CHECK_FEDERATED,
        CHECK_LOCAL,
        OUTCOME,
        RECORD_FEDERATED,
        RECORD_LOCAL,
    ];
    assert_eq!(called, all.map(str::to_owned).into());
}

#[tokio::test]
async fn a_local_sign_up_is_checked_and_recorded() {
    let (service, _database) = service().await;
    let checked = call(&service, CHECK_LOCAL, json!({})).await;
    assert_eq!(checked.json()["customerId"], NUMBER);
    let recorded = call(&service, RECORD_LOCAL, json!({})).await;
    assert_eq!(
        recorded.json(),
        json!({"customerId": NUMBER, "customerLink": "linked"})
    );
}

#[tokio::test]
async fn a_federated_sign_up_is_checked_twice_and_recorded() {
    let (service, _database) = service().await;
    let outcome = call(&service, OUTCOME, json!({})).await.json();
    assert_eq!(outcome["outcome"], "allow");
    assert_eq!(call(&service, CHECK_FEDERATED, json!({})).await.status, 200);
    let recorded = call(&service, RECORD_FEDERATED, json!({})).await;
    assert_eq!(
        recorded.json(),
        json!({"customerId": NUMBER, "customerLink": "linked"})
    );
}

/// Each claim that a policy sends counts: taken away or changed, the answer is
/// another one. A name that the service does not know would change nothing.
#[tokio::test]
async fn the_service_goes_by_every_claim_that_is_sent() {
    let (service, _database) = service().await;
    let unverified = "Idlink_EmailAddressNotVerified";
    let unknown = "Idlink_UnknownApplication";
    let none = "Microsoft_Dynamics_CommerceIdentityNotFound";
    let nobody = json!({"identityProvider": "unknown"});
    for (id, changes, code) in [
        (CHECK_LOCAL, json!({"email": null}), unverified),
        (CHECK_LOCAL, json!({"clientId": null}), unknown),
        // The other site has no such customer, and creates none.
        (CHECK_LOCAL, json!({"clientId": TRADE}), none),
        (CHECK_LOCAL, nobody.clone(), unverified),
        (CHECK_FEDERATED, json!({"email": null}), unverified),
        (CHECK_FEDERATED, json!({"clientId": null}), unknown),
        (CHECK_FEDERATED, nobody.clone(), unverified),
        // Whoever has an account elsewhere is not local.
        (
            CHECK_FEDERATED,
            json!({"identityProvider": null}),
            unverified,
        ),
    ] {
        let reply = call(&service, id, changes.clone()).await;
        assert_eq!(reply.status, 409, "{id} {changes}: {}", reply.text);
        assert_eq!(reply.json()["code"], code, "{id} {changes}");
        assert_eq!(reply.json()["requestId"], CORRELATION, "{id} {changes}");
    }
    // Without the account elsewhere, no provider at all is a local account.
    let local = json!({"identityProvider": null, "issuerUserId": null});
    assert_eq!(call(&service, CHECK_FEDERATED, local).await.status, 200);

    for (changes, outcome) in [
        (json!({}), "allow"),
        (json!({"email": null}), "block"),
        (json!({"clientId": null}), "block"),
        (nobody.clone(), "block"),
        (json!({"identityProvider": null}), "block"),
    ] {
        let reply = call(&service, OUTCOME, changes.clone()).await.json();
        assert_eq!(reply["outcome"], outcome, "{changes}");
        let told = reply["message"].as_str().unwrap();
        assert_eq!(told.is_empty(), outcome == "allow", "{changes}");
    }

    for id in [RECORD_LOCAL, RECORD_FEDERATED] {
        for changes in [
            json!({"objectId": null}),
            json!({"clientId": null}),
            json!({"email": null}),
            nobody.clone(),
        ] {
            let reply = call(&service, id, changes.clone()).await.json();
            assert_eq!(
                reply,
                json!({"customerId": "", "customerLink": "refused"}),
                "{id} {changes}"
            );
        }
    }
}

/// Of an application that no site has, only the language of the page is known.
#[tokio::test]
async fn the_language_of_the_page_is_that_of_the_message() {
    let (service, _database) = service().await;
    for (id, message) in [(CHECK_LOCAL, "userMessage"), (OUTCOME, "message")] {
        let told = async |changes: Value| {
            let reply = call(&service, id, changes).await.json();
            reply[message].as_str().unwrap().to_owned()
        };
        let english = told(json!({"clientId": null})).await;
        assert!(english.is_ascii(), "{english}");
        let japanese = told(json!({"clientId": null, "uiLocales": "ja-JP"})).await;
        assert!(!japanese.is_ascii(), "{japanese}");
    }
}

#[test]
fn every_call_authenticates_and_tells_nobody_our_address() {
    let texts = [
        "DefaultUserMessageIfRequestFailed",
        "UserMessageIfCircuitOpen",
        "UserMessageIfDnsResolutionFailed",
        "UserMessageIfRequestTimeout",
    ];
    for policy in relying_parties() {
        for profile in calls(&policy) {
            let id = profile.id();
            let item = |key: &str| profile.metadata(key);
            assert_eq!(item("AuthenticationType"), Some("Basic"), "{id}");
            assert_eq!(item("AllowInsecureAuthInProduction"), Some("false"), "{id}");
            assert_eq!(item("DebugMode"), Some("false"), "{id}");
            assert_eq!(item("SendClaimsIn"), Some("Body"), "{id}");
            // Without it the resolvers would be sent as they are written.
            let resolves = item("IncludeClaimResolvingInClaimsHandling");
            assert_eq!(resolves, Some("true"), "{id}");
            let keys = ["BasicAuthenticationUsername", "BasicAuthenticationPassword"];
            assert_eq!(
                keys.map(|key| profile.key(key)),
                [Some("B2C_1A_IdlinkUsername"), Some("B2C_1A_IdlinkPassword")],
                "{id}"
            );
            // A session must not answer in the service's place.
            assert_eq!(profile.session_management(), Some("SM-Noop"), "{id}");
            for key in texts {
                let text = item(key).unwrap();
                assert!(text.len() > 20 && !text.contains('{'), "{id} {key}");
            }
        }
    }
}
