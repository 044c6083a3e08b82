//! What traces and the audit list keep, and what they hide.

use serde_json::{Value as Json, json};

use super::desk::{Policy, bag, ok, service};
use crate::emulator::engine::{trace::MASK, value::Value};

const KEYS: &str = r#"<CryptographicKeys>
    <Key Id="BasicAuthenticationUsername" StorageReferenceId="B2C_1A_User"/>
    <Key Id="BasicAuthenticationPassword" StorageReferenceId="B2C_1A_Secret"/>
</CryptographicKeys>
<InputClaims>
    <InputClaim ClaimTypeReferenceId="email"/>
    <InputClaim ClaimTypeReferenceId="newPassword" PartnerClaimType="pass"/>
    <InputClaim ClaimTypeReferenceId="tier" PartnerClaimType="client_secret" DefaultValue="cl13nt&amp;"/>
</InputClaims>
<OutputClaims>
    <OutputClaim ClaimTypeReferenceId="customerId" PartnerClaimType="echo"/>
    <OutputClaim ClaimTypeReferenceId="newPassword" PartnerClaimType="fresh"/>
</OutputClaims>"#;

#[tokio::test]
async fn secrets_are_masked_wherever_they_turn_up() {
    let reply = json!({
        "echo": "pass-w0rd\" and cl13nt& and 7h3-key", "fresh": "fr3sh-pass",
        "access_token": "eyJ0b2tlbg", "s3:cret": true,
    });
    for transport in ["Body", "Form", "QueryString", "Header"] {
        let service = service(ok(reply.clone())).await;
        let policy = Policy {
            metadata: vec![("AuthenticationType", "Basic"), ("SendClaimsIn", transport)],
            rest: KEYS,
            ..Policy::default()
        };
        let desk = policy.at(&format!("{}/x?code=7h3-key", service.uri()));
        let claims = bag(&[
            ("email", "a@b.example".into()),
            ("newPassword", "pass-w0rd\"".into()),
        ]);
        let (done, record) = desk.run(&claims).await;
        let set = done.unwrap();
        assert_eq!(
            set.get("customerId").map(Value::text).as_deref(),
            Some("pass-w0rd\" and cl13nt& and 7h3-key"),
            "the claims themselves are whole"
        );
        let rest = record.rest.clone().unwrap();
        let authorization = ("Authorization".to_owned(), format!("Basic {MASK}"));
        assert!(rest.request_headers.contains(&authorization));
        let audit = serde_json::to_string(&desk.tenant.state().audit).unwrap();
        // Of claims the policy decides: `customerId` is none that it hides.
        let shown = serde_json::to_string(&rest).unwrap();
        let inputs = serde_json::to_string(&record.inputs).unwrap();
        for secret in [
            "pass-w0rd",
            "cl13nt",
            "7h3-key",
            "fr3sh",
            "eyJ0b2tlbg",
            "s3:cret",
            "s3%3Acret",
        ] {
            for (what, text) in [("trace", &shown), ("audit", &audit), ("inputs", &inputs)] {
                assert!(
                    !text.contains(secret),
                    "{transport} {what} {secret}: {text}"
                );
            }
        }
        assert!(shown.contains("b.example"), "{transport}: {shown}");
    }
}

#[tokio::test]
async fn a_payload_hides_the_passwords_inside() {
    let service = service(ok(json!({}))).await;
    let policy = Policy {
        metadata: vec![("ClaimUsedForRequestPayload", "payload")],
        rest: r#"<InputClaims><InputClaim ClaimTypeReferenceId="payload"/></InputClaims>"#,
        ..Policy::default()
    };
    let body = r#"{"user":{"pwd":"pass-w0rd","apiKey":"k-77"},"mail":"a@b.example"}"#;
    let claims = bag(&[
        ("payload", body.into()),
        ("newPassword", "pass-w0rd".into()),
    ]);
    let (_, record) = policy.at(&service.uri()).run(&claims).await;
    let expected =
        format!(r#"{{"user":{{"pwd":"{MASK}","apiKey":"{MASK}"}},"mail":"a@b.example"}}"#);
    assert_eq!(record.rest.unwrap().request_body.unwrap(), expected);
}

#[tokio::test]
async fn long_bodies_are_cut() {
    let service = service(ok(json!({ "tier": "x".repeat(100_000) }))).await;
    let policy = Policy {
        rest: r#"<OutputClaims><OutputClaim ClaimTypeReferenceId="tier"/></OutputClaims>"#,
        ..Policy::default()
    };
    let (done, record) = policy.at(&service.uri()).run(&bag(&[])).await;
    assert_eq!(done.unwrap().get("tier").unwrap().text().len(), 100_000);
    assert_eq!(record.rest.unwrap().reply_body.unwrap().len(), 64 * 1024);
}

#[tokio::test]
async fn each_call_is_in_the_audit_list() {
    let service = service(ok(json!({ "tier": "gold", "more": 1 }))).await;
    let policy = Policy {
        rest: r#"<InputClaims><InputClaim ClaimTypeReferenceId="email"/></InputClaims>
                 <OutputClaims><OutputClaim ClaimTypeReferenceId="tier"/></OutputClaims>"#,
        ..Policy::default()
    };
    let desk = policy.at(&service.uri());
    desk.run(&bag(&[("email", "a@b.example".into())]))
        .await
        .0
        .unwrap();
    let entry: Json = serde_json::to_value(&desk.tenant.state().audit[0]).unwrap();
    for (name, value) in [
        ("dialect", json!("custom-policy")),
        ("flow", json!("B2C_1A_Desk")),
        ("step", json!("REST-Check")),
        (
            "correlationId",
            json!("00000000-0000-0000-0000-000000000b1e"),
        ),
        ("url", json!(service.uri())),
        ("numberOfAttempts", json!(1)),
        ("status", json!(200)),
        ("judgement", json!("Continue")),
        ("errorCode", json!(null)),
        ("claims", json!({ "tier": "gold" })),
        ("requestBody", json!(r#"{"email":"a@b.example"}"#)),
        (
            "warnings",
            json!(["`more` was dropped: it is no output claim"]),
        ),
    ] {
        assert_eq!(entry[name], value, "{name}");
    }
}
