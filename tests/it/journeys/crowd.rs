//! Many people at once, at the emulator alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use url::Url;

use super::desk::{CALLBACK, LIMIT, PASSWORD, Tenant, shipped};
use crate::emulator::browser::{Browser, Page};
use crate::support::service::SHOP;

const PEOPLE: usize = 200;
/// So many come before them, one after the other, to compare with.
const ALONE: usize = 10;

/// Nothing but the base: no service is called.
const POLICY: &str = "B2C_1A_signup_signin";

/// How long each request took, by what it did.
type Times = Vec<(&'static str, Duration)>;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_people_sign_up_at_once_and_each_is_who_they_are() {
    let tenant = Arc::new(Tenant::start(&[shipped("base")]).await);
    let mut alone = Times::new();
    for person in PEOPLE..PEOPLE + ALONE {
        alone.extend(sign_up(&tenant, person).await.1);
    }
    report("one after the other", alone);

    let mut journeys = JoinSet::new();
    for person in 0..PEOPLE {
        let tenant = tenant.clone();
        journeys.spawn(async move { sign_up(&tenant, person).await });
    }
    let (mut subjects, mut times) = (BTreeMap::new(), Times::new());
    let done = async {
        while let Some(joined) = journeys.join_next().await {
            let ((address, subject), took) = joined.unwrap();
            let before = subjects.insert(address, subject);
            assert_eq!(before, None);
            times.extend(took);
        }
    };
    tokio::time::timeout(LIMIT, done).await.unwrap();
    report("all at once", times);

    // What the directory says is what each application was told.
    let users = tenant.json("users").await;
    let users = users.as_array().unwrap().iter();
    let known: BTreeMap<String, String> = users
        .map(|user| ["email", "objectId"].map(|name| user[name].as_str().unwrap().to_owned()))
        .map(|[email, id]| (email, id))
        .filter(|(email, _)| subjects.contains_key(email))
        .collect();
    assert_eq!(known, subjects);
    assert_eq!(subjects.len(), PEOPLE);
    assert_eq!(
        tenant.json("users").await.as_array().unwrap().len(),
        PEOPLE + ALONE
    );

    let traces = tenant.json("traces").await;
    let mut steps = Vec::new();
    for trace in traces.as_array().unwrap() {
        assert_eq!(trace["outcome"], "tokens", "{trace}");
        let trace = format!("traces/{}", trace["id"].as_str().unwrap());
        let trace = tenant.json(&trace).await;
        for step in trace["steps"].as_array().unwrap() {
            steps.push((
                "step",
                Duration::from_micros(step["tookUs"].as_u64().unwrap()),
            ));
        }
    }
    report("steps in traces", steps);
}

fn address(person: usize) -> String {
    format!("person{person}@crowd.example")
}

/// The address of who signed up, and the subject that the token names.
async fn sign_up(tenant: &Tenant, person: usize) -> ((String, String), Times) {
    let address = address(person);
    let url = format!(
        "{}/contoso.onmicrosoft.com/{POLICY}/oauth2/v2.0/authorize",
        tenant.base
    );
    let parameters = [
        ("client_id", SHOP),
        ("redirect_uri", CALLBACK),
        ("response_type", "id_token"),
        ("response_mode", "fragment"),
        ("scope", "openid"),
        ("nonce", "f7b1c0"),
    ];
    let url = Url::parse_with_params(&url, parameters).unwrap();
    let mut person = Person {
        browser: tenant.browser(),
        times: Times::new(),
    };
    let begun = Instant::now();
    let page = person.browser.get(url.as_str()).await;
    person.times.push(("begin", begun.elapsed()));
    let action = page.value("createAccount");
    let action = action.unwrap_or_else(|| panic!("{} {}", page.status, page.body));
    let page = person.fill("choose", &page, &[("action", &action)]).await;
    let form = [("email", &*address), ("action", "send-code:email")];
    let page = person.fill("send code", &page, &form).await;
    let mail = tenant.json(&format!("mailbox?address={address}")).await;
    let code = mail["code"].as_str().unwrap();
    let form = [("email_ver_input", code), ("action", "verify-code:email")];
    let page = person.fill("verify code", &page, &form).await;
    let form = [
        ("email", &*address),
        ("newPassword", PASSWORD),
        ("reenterPassword", PASSWORD),
        ("displayName", "Somebody"),
        ("action", "continue"),
    ];
    let page = person.fill("create", &page, &form).await;
    let token = page.parameter("id_token");
    let token = token.unwrap_or_else(|| panic!("{} {:?}", page.body, page.location));
    let claims = super::desk::claims(&serde_json::json!({ "id_token": token }));
    let subject = claims["sub"].as_str().unwrap().to_owned();
    ((address, subject), person.times)
}

struct Person {
    browser: Browser,
    times: Times,
}

impl Person {
    /// A form and the page behind its redirection: two requests.
    async fn fill(&mut self, what: &'static str, page: &Page, form: &[(&str, &str)]) -> Page {
        let begun = Instant::now();
        let page = self.browser.fill(page, form).await;
        self.times.push((what, begun.elapsed()));
        page
    }
}

/// For whoever runs this with `--nocapture`: times of a busy machine prove
/// nothing.
fn report(title: &str, times: Times) {
    let mut by_kind: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for (what, took) in times {
        by_kind.entry(what).or_default().push(took);
    }
    for (what, mut took) in by_kind {
        took.sort_unstable();
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        eprintln!(
            "{title}: {what}: p50 {:?}, p99 {:?} of {}",
            at(50),
            at(99),
            took.len()
        );
    }
}
