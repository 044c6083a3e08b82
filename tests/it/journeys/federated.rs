//! People who come by way of a provider.

use idlink::domain::customer::CustomerType::{B2b, B2c};
use idlink::domain::identity::Provider;
use idlink::domain::trust::Trust;

use super::desk::{
    CHECK_FEDERATED, Desk, OUTCOME, Policy, RECORD_FEDERATED, Site, error, is_told, told,
};
use crate::emulator::browser::{Browser, Page};
use crate::support::business::OnFile;

const MINA: &str = "mina.k@mail.example";
const NUMBER: &str = "C-4711";
/// At Facebook, with an address.
const HER: (&str, &str) = ("104477002981", MINA);

/// The page for attributes, sent as it was filled in.
async fn go_on(browser: &mut Browser, page: &Page) -> Page {
    assert!(page.has("displayName"), "{}", page.body);
    let form = [("displayName", "Mina Kaur"), ("action", "continue")];
    browser.fill(page, &form).await
}

/// What the blocked page gives as the reason.
fn reason(page: &Page) -> String {
    let reason = page.text("customerLinkMessage");
    reason.unwrap_or_else(|| panic!("not blocked: {} {:?}", page.body, page.location))
}

#[tokio::test]
async fn the_one_customer_with_the_providers_address_is_linked() {
    let desk = Desk::new(Policy::Social).await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let mut browser = desk.browser();
    let page = desk.through_facebook(&mut browser, Site::Trade, HER).await;
    assert_eq!(page.value("displayName").as_deref(), Some("Mina Kaur"));
    assert_eq!(desk.accounts().await, 0);
    let page = go_on(&mut browser, &page).await;
    let trace = desk.trace().await;
    assert_eq!(
        trace.calls(),
        [
            (OUTCOME, Some(200), 1),
            (CHECK_FEDERATED, Some(200), 1),
            (RECORD_FEDERATED, Some(200), 1),
        ]
    );
    let (claims, tokens) = desk.redeem(Site::Trade, &page).await;
    assert_eq!(claims["customerId"], NUMBER, "{claims}");
    assert_eq!(claims["customerLink"], "linked", "{claims}");
    assert_eq!(claims["idp"], "facebook.com", "{claims}");
    assert_eq!(claims["email"], MINA, "{claims}");
    let refreshed = desk.refresh(Site::Trade, &tokens).await;
    for claim in ["customerId", "customerLink", "idp", "email", "sub"] {
        assert_eq!(refreshed[claim], claims[claim], "{refreshed}");
    }

    // The second time there is no page.
    let page = desk
        .through_facebook(&mut desk.browser(), Site::Trade, HER)
        .await;
    let trace = desk.trace().await;
    assert_eq!(trace.calls(), [(RECORD_FEDERATED, Some(200), 1)]);
    let (status, answer) = desk.redeem_at_site(Site::Trade, &page).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["customer_id"], NUMBER, "{answer}");
    assert_eq!((desk.accounts().await, desk.links().await), (1, 1));
}

#[tokio::test]
async fn who_is_no_customer_is_blocked_or_becomes_one_as_the_site_has_it() {
    let desk = Desk::new(Policy::Social).await;
    let page = desk
        .through_facebook(&mut desk.browser(), Site::Trade, HER)
        .await;
    is_told(&reason(&page), "customer_not_found");
    let trace = desk.trace().await;
    assert_eq!(trace.calls(), [(OUTCOME, Some(200), 1)]);
    assert_eq!(trace.outcome(), "open");
    assert_eq!(desk.accounts().await, 0);

    let mut browser = desk.browser();
    let page = desk.through_facebook(&mut browser, Site::Shop, HER).await;
    let page = go_on(&mut browser, &page).await;
    let (claims, _) = desk.redeem(Site::Shop, &page).await;
    assert_eq!(claims["customerLink"], "linked", "{claims}");
    let number = claims["customerId"].as_str().unwrap();
    let page = desk
        .through_facebook(&mut desk.browser(), Site::Shop, HER)
        .await;
    desk.is_linked(Site::Shop, &page, number).await;
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 1);
}

#[tokio::test]
async fn an_address_that_proves_nothing_or_belongs_to_several_is_blocked() {
    let untrusted = Desk::with(Policy::Social, |setup| {
        setup.tenant.trust = Trust::new([Provider::local()]);
    })
    .await;
    let several = Desk::new(Policy::Social).await;
    for desk in [&untrusted, &several] {
        OnFile::person(NUMBER, MINA, B2b)
            .add(&desk.service.store)
            .await;
    }
    OnFile::person("C-4712", MINA, B2b)
        .add(&several.service.store)
        .await;
    let silent = ("104477002981", "");
    for (desk, who, topic, why) in [
        (&untrusted, HER, "unverified_address", "nobody believes it"),
        (&several, silent, "unverified_address", "there is none"),
        (&several, HER, "multiple_customers", "two have it"),
    ] {
        let page = desk
            .through_facebook(&mut desk.browser(), Site::Trade, who)
            .await;
        is_told(&reason(&page), topic);
        assert_eq!(desk.accounts().await, 0, "{why}");
        assert_eq!(desk.links().await, 0, "{why}");
    }
}

#[tokio::test]
async fn from_the_blocked_page_there_is_only_the_way_back() {
    let desk = Desk::new(Policy::Social).await;
    let mut browser = desk.browser();
    let page = desk.through_facebook(&mut browser, Site::Trade, HER).await;
    let before = reason(&page);
    assert!(!page.has("continue") && page.has("cancel"), "{}", page.body);

    // The button is not there; whoever sends the form all the same is asked
    // about again.
    let crafted = [
        vec![("action", "continue")],
        vec![],
        vec![
            ("action", "continue"),
            ("customerLinkOutcome", "allow"),
            ("customerLinkMessage", ""),
            ("objectId", "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66"),
            ("authenticationSource", "localAccountAuthentication"),
        ],
        vec![("action", "choose:SelfAsserted-Social")],
        vec![("action", "choose:AADUserWrite")],
    ];
    let mut page = page;
    for form in &crafted {
        page = browser.fill(&page, form).await;
        is_told(&reason(&page), "customer_not_found");
        assert_eq!(page.parameter("code"), None);
    }
    assert_eq!(reason(&page), before);
    is_told(&error(&page), "customer_not_found");
    assert_eq!((desk.accounts().await, desk.links().await), (0, 0));
    let trace = desk.trace().await;
    assert!(
        trace.calls().contains(&(CHECK_FEDERATED, Some(409), 1)),
        "{:?}",
        trace.calls()
    );
    assert!(!trace.ran("AAD-UserWriteUsingAlternativeSecurityId"));

    let page = browser.fill(&page, &[("action", "cancel")]).await;
    let expected = ("access_denied".to_owned(), "AADB2C90091".to_owned());
    assert_eq!(told(&page), expected);
    assert_eq!(desk.accounts().await, 0);
}

/// No button of the first page leads to what comes later.
#[tokio::test]
async fn an_exchange_that_is_not_offered_cannot_be_chosen() {
    let desk = Desk::new(Policy::Social).await;
    for exchange in [
        "SelfAsserted-Social",
        "AADUserWrite",
        "CustomerLinkRecordLocalExchange",
        "CustomerLinkOutcomeExchange",
        "NewCredentials",
    ] {
        let mut browser = desk.browser();
        let page = desk.open(&mut browser, Site::Trade).await;
        let action = format!("choose:{exchange}");
        let page = browser.fill(&page, &[("action", &action)]).await;
        assert!(page.has("next"), "{exchange}: {}", page.body);
        assert_eq!(desk.trace().await.calls(), [], "{exchange}");
    }
    assert_eq!(desk.accounts().await, 0);
}

/// Another customer with the address turns up while the page is open.
#[tokio::test]
async fn the_check_on_the_page_is_the_one_that_holds() {
    let desk = Desk::new(Policy::Social).await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let mut browser = desk.browser();
    let page = desk.through_facebook(&mut browser, Site::Trade, HER).await;
    OnFile::person("C-4712", MINA, B2b)
        .add(&desk.service.store)
        .await;
    let page = go_on(&mut browser, &page).await;
    is_told(&error(&page), "multiple_customers");
    assert_eq!(desk.accounts().await, 0);
    let trace = desk.trace().await;
    assert_eq!(
        trace.calls(),
        [(OUTCOME, Some(200), 1), (CHECK_FEDERATED, Some(409), 1)]
    );
    let page = browser.fill(&page, &[("action", "cancel")]).await;
    assert_eq!(told(&page).1, "AADB2C90091");
}

#[tokio::test]
async fn whoever_was_blocked_and_is_approved_since_is_linked_the_next_time() {
    let desk = Desk::new(Policy::Social).await;
    let mut browser = desk.browser();
    let page = desk.through_facebook(&mut browser, Site::Trade, HER).await;
    is_told(&reason(&page), "customer_not_found");
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let page = desk.through_facebook(&mut browser, Site::Trade, HER).await;
    let page = go_on(&mut browser, &page).await;
    desk.is_linked(Site::Trade, &page, NUMBER).await;
}

#[tokio::test]
async fn who_turns_back_at_the_provider_comes_back_with_nothing_done() {
    let desk = Desk::new(Policy::Social).await;
    OnFile::person(NUMBER, MINA, B2c)
        .add(&desk.service.store)
        .await;
    let mut browser = desk.browser();
    let page = desk.open(&mut browser, Site::Shop).await;
    let page = browser
        .fill(&page, &[("action", "choose:FacebookExchange")])
        .await;
    let page = browser.fill(&page, &[("action", "cancel")]).await;
    // Whether on the first page again or at the application.
    assert_eq!(page.parameter("code"), None);
    assert_eq!((desk.accounts().await, desk.links().await), (0, 0));

    let page = desk.through_facebook(&mut browser, Site::Shop, HER).await;
    let page = browser.fill(&page, &[("action", "cancel")]).await;
    assert_eq!(told(&page).1, "AADB2C90091");
    assert_eq!((desk.accounts().await, desk.links().await), (0, 0));
}
