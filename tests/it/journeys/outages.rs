//! The service is away, slow, or there only at the second try.

use idlink::domain::customer::CustomerType::B2b;
use serde_json::{Value, json};

use super::desk::{
    CHECK, CHECK_FEDERATED, Desk, OUTCOME, Policy, RECORD, RECORD_FEDERATED, Site, error, told,
};
use crate::support::business::OnFile;

const MINA: &str = "mina.k@mail.example";
const NUMBER: &str = "C-4711";
const HER: (&str, &str) = ("104477002981", MINA);

/// What people are told, of `shared/TrustFrameworkExtensions_CustomerLink.xml`.
const FAILED: &str =
    "We cannot look up your customer account right now. Please try again in a few minutes.";
const UNREACHABLE: &str =
    "Looking up customer accounts is paused for a moment. Please try again in a few minutes.";
/// B2C's own words for a reply that is none; a policy has no say there.
const MISREAD: &str = "Unable to validate the information provided.";
const TIMEOUT: &str = "Looking up your customer account took too long. Please try again.";

async fn desk(policy: Policy) -> Desk {
    let desk = Desk::new(policy).await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    desk
}

/// So many milliseconds for a call, and a second try after which failures.
async fn limits(desk: &Desk, milliseconds: u64, retry_on: Value) {
    let variants = json!({ "rest_time_limit_ms": milliseconds, "retry_on": retry_on });
    desk.tenant.put("variants", variants).await;
}

#[tokio::test]
async fn a_sign_up_waits_on_its_page_until_the_service_is_back() {
    let desk = desk(Policy::Local).await;
    limits(&desk, 500, json!([])).await;
    let (store, rules) = (&desk.service, |rule: Value| json!([rule]));
    for (rule, told, status) in [
        (json!({ "fault": "connect" }), UNREACHABLE, None),
        (json!({ "fault": "broken" }), MISREAD, None),
        (json!({ "fault": "5xx" }), FAILED, Some(503)),
        (json!({ "fault": "timeout" }), TIMEOUT, None),
        (json!({ "latency_ms": 700 }), TIMEOUT, None),
        (
            json!({ "reply": { "status": 500, "body": "<html>down</html>" } }),
            FAILED,
            Some(500),
        ),
    ] {
        desk.tenant.calls(store, rules(rule.clone())).await;
        let mut browser = desk.browser();
        let page = desk.sign_up(&mut browser, Site::Trade, MINA).await;
        assert_eq!(error(&page), told, "{rule}");
        // Never our address.
        assert!(!page.body.contains("signup.contoso.example"), "{rule}");
        let trace = desk.trace().await;
        assert_eq!(trace.calls(), [(CHECK, status, 1)], "{rule}");
        assert_eq!(desk.accounts().await, 0, "{rule}");
    }
    let mut browser = desk.browser();
    let page = desk.sign_up(&mut browser, Site::Trade, MINA).await;
    desk.tenant.send_calls_to(&desk.service).await;
    let page = desk.create(&mut browser, &page, MINA).await;
    desk.is_linked(Site::Trade, &page, NUMBER).await;
}

#[tokio::test]
async fn a_call_that_fails_once_is_repeated_and_nobody_notices() {
    for rule in [
        json!({ "fault": "connect", "times": 1 }),
        json!({ "latency_ms": 1500, "times": 1 }),
    ] {
        let local = desk(Policy::Local).await;
        limits(&local, 1000, json!(["timeout", "connect"])).await;
        local
            .tenant
            .calls(
                &local.service,
                json!([with(CHECK, &rule), with(RECORD, &rule)]),
            )
            .await;
        let page = local.sign_up(&mut local.browser(), Site::Trade, MINA).await;
        local.is_linked(Site::Trade, &page, NUMBER).await;
        let trace = local.trace().await;
        let calls = [(CHECK, Some(200), 2), (RECORD, Some(200), 2)];
        assert_eq!(trace.calls(), calls, "{rule}");
        assert_eq!((local.accounts().await, local.links().await), (1, 1));
    }
    let social = desk(Policy::Social).await;
    let rule = json!({ "fault": "connect", "times": 1 });
    let rules = [OUTCOME, CHECK_FEDERATED, RECORD_FEDERATED].map(|id| with(id, &rule));
    social.tenant.calls(&social.service, json!(rules)).await;
    let mut browser = social.browser();
    let page = social
        .through_facebook(&mut browser, Site::Trade, HER)
        .await;
    let page = browser.fill(&page, &[("action", "continue")]).await;
    social.is_linked(Site::Trade, &page, NUMBER).await;
    let trace = social.trace().await;
    assert_eq!(
        trace.calls(),
        [
            (OUTCOME, Some(200), 2),
            (CHECK_FEDERATED, Some(200), 2),
            (RECORD_FEDERATED, Some(200), 2),
        ]
    );
}

fn with(profile: &str, rule: &Value) -> Value {
    let mut rule = rule.clone();
    rule["profile"] = profile.into();
    rule
}

/// A step has no page to stay on: the application is told, and nobody is in.
#[tokio::test]
async fn a_federated_sign_up_cannot_begin_without_the_service() {
    let desk = desk(Policy::Social).await;
    limits(&desk, 500, json!(["timeout", "connect"])).await;
    for (rule, attempts) in [
        (json!({ "fault": "connect" }), 2),
        (json!({ "latency_ms": 700 }), 2),
        (json!({ "fault": "5xx" }), 1),
    ] {
        desk.tenant
            .calls(&desk.service, json!([rule.clone()]))
            .await;
        let page = desk
            .through_facebook(&mut desk.browser(), Site::Trade, HER)
            .await;
        let expected = ("server_error".to_owned(), "AADB2C90075".to_owned());
        assert_eq!(told(&page), expected, "{rule}");
        let trace = desk.trace().await;
        let [(profile, _, tried)] = trace.calls()[..] else {
            panic!("{:?}", trace.calls());
        };
        assert_eq!((profile, tried), (OUTCOME, attempts), "{rule}");
        assert_eq!(trace.outcome(), "error", "{rule}");
        assert_eq!(desk.accounts().await, 0, "{rule}");
    }
}

/// The account is there, its link is not: the next sign-in makes up for it.
#[tokio::test]
async fn a_link_that_could_not_be_recorded_is_recorded_at_the_next_sign_in() {
    let local = desk(Policy::Local).await;
    let down = |profile| json!([{ "profile": profile, "fault": "connect" }]);
    local.tenant.calls(&local.service, down(RECORD)).await;
    let mut browser = local.browser();
    let page = local.sign_up(&mut browser, Site::Trade, MINA).await;
    let expected = ("server_error".to_owned(), "AADB2C90075".to_owned());
    assert_eq!(told(&page), expected);
    assert_eq!((local.accounts().await, local.links().await), (1, 0));
    let page = local.sign_in(&mut browser, Site::Trade, MINA).await;
    assert_eq!(told(&page), expected, "nobody is let in without an answer");
    local.tenant.send_calls_to(&local.service).await;
    let page = local.sign_in(&mut browser, Site::Trade, MINA).await;
    local.is_linked(Site::Trade, &page, NUMBER).await;
    assert_eq!((local.accounts().await, local.links().await), (1, 1));

    let social = desk(Policy::Social).await;
    social
        .tenant
        .calls(&social.service, down(RECORD_FEDERATED))
        .await;
    let mut browser = social.browser();
    let page = social
        .through_facebook(&mut browser, Site::Trade, HER)
        .await;
    let page = browser.fill(&page, &[("action", "continue")]).await;
    assert_eq!(told(&page), expected);
    assert_eq!((social.accounts().await, social.links().await), (1, 0));
    social.tenant.send_calls_to(&social.service).await;
    let page = social
        .through_facebook(&mut browser, Site::Trade, HER)
        .await;
    social.is_linked(Site::Trade, &page, NUMBER).await;
    assert_eq!((social.accounts().await, social.links().await), (1, 1));
}

#[tokio::test]
async fn a_caller_that_the_service_does_not_know_links_nobody() {
    let desk = Desk::with(Policy::Local, |setup| {
        setup.credentials = vec![crate::support::service::credential("another", None)];
    })
    .await;
    let page = desk.sign_up(&mut desk.browser(), Site::Shop, MINA).await;
    assert_eq!(error(&page), FAILED);
    assert_eq!(desk.trace().await.calls(), [(CHECK, Some(401), 1)]);
    assert_eq!(desk.accounts().await, 0);
}
