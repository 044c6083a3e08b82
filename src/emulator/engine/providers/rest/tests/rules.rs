//! Calls that rules take elsewhere, answer or break.

use std::time::{Duration, Instant};

use serde_json::json;

use super::desk::{Policy, bag, ok, only, service};
use crate::emulator::{
    RestFault, RestRule, ScriptedReply, StartError, engine::value::Value, rest_rules::RestRules,
};

const FAR: &str = "https://api.contoso.invalid/v1/check?code=k1";

fn policy() -> Policy<'static> {
    Policy {
        rest: r#"<InputClaims><InputClaim ClaimTypeReferenceId="email"/></InputClaims>
                 <OutputClaims><OutputClaim ClaimTypeReferenceId="tier"/></OutputClaims>"#,
        ..Policy::default()
    }
}

fn reply(body: serde_json::Value) -> RestRule {
    RestRule {
        reply: Some(ScriptedReply {
            body,
            ..ScriptedReply::default()
        }),
        ..RestRule::default()
    }
}

#[tokio::test]
async fn a_scripted_reply_never_leaves_and_is_told_in_the_trace() {
    let desk = policy().with(FAR, |settings| {
        let mut special = reply(json!({ "tier": "none" }));
        special
            .when
            .insert("email".to_owned(), "x@y.example".into());
        settings.rest_rules = vec![special, reply(json!({ "tier": "gold for {{email}}" }))];
    });
    for (email, tier, number) in [
        ("x@y.example", "none", 1),
        ("a@b.example", "gold for a@b.example", 2),
    ] {
        let (done, record) = desk.run(&bag(&[("email", email.into())])).await;
        let set = done.unwrap();
        assert_eq!(set.get("tier").map(Value::text).as_deref(), Some(tier));
        let rest = record.rest.unwrap();
        assert_eq!(rest.url, "https://api.contoso.invalid/v1/check?code=••••••");
        assert_eq!(rest.status, Some(200));
        let injected = format!("Rule {number} of /__emulator/rest: answered with 200");
        assert_eq!(rest.injected, Some(injected));
    }
}

#[tokio::test]
async fn a_call_may_be_sent_to_this_machine() {
    let service = service(ok(json!({ "tier": "gold" }))).await;
    let desk = policy().with(FAR, |settings| {
        settings.rest_rules = vec![RestRule {
            url_prefix: Some("https://api.contoso.invalid/v1/".to_owned()),
            send_to: Some(format!("{}/api/", service.uri())),
            ..RestRule::default()
        }];
    });
    let (done, record) = desk.run(&bag(&[])).await;
    done.unwrap();
    let request = only(&service).await;
    assert_eq!(
        (request.url.path(), request.url.query()),
        ("/api/check", Some("code=k1"))
    );
    let injected = record.rest.unwrap().injected.unwrap();
    let expected = format!(
        "Rule 1 of /__emulator/rest: sent to {}/api/check?code=••••••",
        service.uri()
    );
    assert_eq!(injected, expected);
}

#[tokio::test]
async fn faults_fail_as_the_real_ones_do() {
    for (fault, times, attempts, code, trouble) in [
        (
            RestFault::Timeout,
            None,
            2,
            Some("AADB2C90075"),
            Some("there was no reply within the time limit"),
        ),
        (
            RestFault::Connect,
            None,
            2,
            Some("AADB2C90075"),
            Some("no connection could be made"),
        ),
        (
            RestFault::Broken,
            None,
            1,
            Some("AADB2C90261"),
            Some("the reply broke off or was no HTTP"),
        ),
        (
            RestFault::ServerError,
            None,
            1,
            Some("AADB2C90075"),
            Some("only 200 and 409 are answers"),
        ),
        // The retry finds the next rule.
        (RestFault::Timeout, Some(1), 2, None, None),
    ] {
        let desk = policy().with(FAR, |settings| {
            let broken = RestRule {
                fault: Some(fault),
                times,
                ..RestRule::default()
            };
            settings.rest_rules = vec![broken, reply(json!({}))];
        });
        let (done, record) = desk.run(&bag(&[])).await;
        assert_eq!(done.err().map(|f| f.code).as_deref(), code, "{fault:?}");
        let rest = record.rest.unwrap();
        assert_eq!(rest.attempts, attempts, "{fault:?}");
        assert_eq!(rest.trouble.as_deref(), trouble, "{fault:?}");
    }
}

#[tokio::test]
async fn latency_is_real_and_counts_against_the_time_limit() {
    let desk = policy().with(FAR, |settings| {
        settings.variants.rest_time_limit_ms = 300;
        settings.rest_rules = vec![
            RestRule {
                latency_ms: 60_000,
                times: Some(1),
                ..reply(json!({}))
            },
            RestRule {
                latency_ms: 50,
                ..reply(json!({}))
            },
        ];
    });
    let begun = Instant::now();
    let (done, record) = desk.run(&bag(&[])).await;
    done.unwrap();
    assert_eq!(record.rest.unwrap().attempts, 2);
    assert!(begun.elapsed() >= Duration::from_millis(350));
}

#[test]
fn rules_that_cannot_be_meant_end_the_start() {
    assert!(RestRules::new(vec![RestRule::default()]).is_err());
    let mut settings = crate::emulator::Settings::new("contoso");
    settings.rest_rules = vec![RestRule::default()];
    let parts = crate::emulator::state::Parts {
        https: None,
        base_url: String::new(),
        port: 1,
        saved: None,
        http: reqwest::Client::new(),
    };
    let refused = crate::emulator::state::Tenant::new(settings, parts).err();
    assert!(matches!(refused, Some(StartError::Settings(text)) if text.contains("rule 1")));
}
