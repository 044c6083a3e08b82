//! Passwords and codes: wrong, forgotten, too old, too many.

use idlink::domain::customer::CustomerType::B2b;
use serde_json::json;

use super::desk::{Desk, PASSWORD, Policy, RECORD, Site, error};
use crate::emulator::browser::{Browser, Page};
use crate::support::business::OnFile;

const MINA: &str = "mina.k@mail.example";
const NUMBER: &str = "C-4711";
const NEW: &str = "Correct-horse-2";

async fn desk_with_mina() -> Desk {
    let desk = Desk::new(Policy::Local).await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let user = json!({ "email": MINA, "password": PASSWORD });
    desk.tenant.post("users", user).await;
    desk
}

#[tokio::test]
async fn a_wrong_password_keeps_the_page_and_the_right_one_signs_in() {
    let desk = desk_with_mina().await;
    let mut browser = desk.browser();
    let page = desk.open(&mut browser, Site::Trade).await;
    let page = desk
        .enter(&mut browser, &page, MINA, "Incorrect-horse-1")
        .await;
    assert_eq!(
        error(&page),
        "The email address or the password is not correct."
    );
    let page = desk
        .enter(&mut browser, &page, "nobody@mail.example", PASSWORD)
        .await;
    assert_eq!(error(&page), "We cannot find your account.");
    assert_eq!(desk.trace().await.calls(), []);
    let page = desk.enter(&mut browser, &page, MINA, PASSWORD).await;
    desk.is_linked(Site::Trade, &page, NUMBER).await;
    let trace = desk.trace().await;
    assert_eq!(trace.calls(), [(RECORD, Some(200), 1)]);
    let text = trace.0.to_string();
    assert!(!text.contains("Incorrect-horse-1"), "{text}");
}

#[tokio::test]
async fn a_forgotten_password_is_reset_within_the_journey() {
    for policy in Policy::BOTH {
        let desk = Desk::new(policy).await;
        OnFile::person(NUMBER, MINA, B2b)
            .add(&desk.service.store)
            .await;
        let user = json!({ "email": MINA, "password": PASSWORD });
        desk.tenant.post("users", user).await;

        let mut browser = desk.browser();
        let page = desk.open(&mut browser, Site::Trade).await;
        let action = page.value("forgotPassword").unwrap();
        let page = browser.fill(&page, &[("action", &action)]).await;
        let page = desk.prove(&mut browser, &page, MINA).await;
        let page = browser
            .fill(&page, &[("email", MINA), ("action", "continue")])
            .await;
        let both = [
            ("newPassword", NEW),
            ("reenterPassword", NEW),
            ("action", "continue"),
        ];
        let page = browser.fill(&page, &both).await;
        let claims = desk.is_linked(Site::Trade, &page, NUMBER).await;
        assert_eq!(claims["email"], MINA, "{claims}");
        let text = desk.trace().await.0.to_string();
        assert!(!text.contains(NEW), "{text}");

        // The session that began so knows who it is.
        let page = browser.get(&desk.url(Site::Trade, &[])).await;
        desk.is_linked(Site::Trade, &page, NUMBER).await;

        let page = desk.open(&mut browser, Site::Trade).await;
        let page = desk.enter(&mut browser, &page, MINA, PASSWORD).await;
        assert_eq!(
            error(&page),
            "That was an earlier password. Please enter the present one."
        );
        let page = desk.enter(&mut browser, &page, MINA, NEW).await;
        desk.is_linked(Site::Trade, &page, NUMBER).await;
    }
}

#[tokio::test]
async fn who_has_no_account_cannot_reset_a_password() {
    let desk = desk_with_mina().await;
    let mut browser = desk.browser();
    let page = desk.open(&mut browser, Site::Trade).await;
    let action = page.value("forgotPassword").unwrap();
    let page = browser.fill(&page, &[("action", &action)]).await;
    let stranger = "stranger@mail.example";
    let page = desk.prove(&mut browser, &page, stranger).await;
    let page = browser
        .fill(&page, &[("email", stranger), ("action", "continue")])
        .await;
    assert_eq!(error(&page), "There is no account with this address.");
    assert_eq!(desk.trace().await.outcome(), "open");
}

async fn send_code(browser: &mut Browser, page: &Page, address: &str) -> Page {
    browser
        .fill(page, &[("email", address), ("action", "send-code:email")])
        .await
}

async fn verify(browser: &mut Browser, page: &Page, code: &str) -> Page {
    let form = [("email_ver_input", code), ("action", "verify-code:email")];
    browser.fill(page, &form).await
}

/// A code of six digits that is not this one.
fn another(code: &str) -> &'static str {
    match code {
        "000000" => "000001",
        _ => "000000",
    }
}

#[tokio::test]
async fn without_a_proven_address_no_account_is_made() {
    let desk = Desk::new(Policy::Local).await;
    let mut browser = desk.browser();
    let page = desk.open_sign_up(&mut browser, Site::Shop).await;
    let page = desk.create(&mut browser, &page, MINA).await;
    assert!(!error(&page).is_empty());
    let page = send_code(&mut browser, &page, MINA).await;
    let page = desk.create(&mut browser, &page, MINA).await;
    assert!(!error(&page).is_empty());
    // Proven is what the code was sent to, and not what was put in its place.
    let page = verify(&mut browser, &page, &desk.code(MINA).await).await;
    let page = desk
        .create(&mut browser, &page, "victim@mail.example")
        .await;
    let (claims, _) = desk.redeem(Site::Shop, &page).await;
    assert_eq!(claims["email"], MINA, "{claims}");
    assert_eq!(desk.accounts().await, 1);
}

#[tokio::test]
async fn a_code_is_for_a_while_and_for_a_few_tries() {
    let desk = Desk::new(Policy::Local).await;
    let mut browser = desk.browser();
    let page = desk.open_sign_up(&mut browser, Site::Shop).await;
    let page = send_code(&mut browser, &page, MINA).await;
    let code = desk.code(MINA).await;
    let page = verify(&mut browser, &page, another(&code)).await;
    let wrong = error(&page);

    let page = verify(&mut browser, &page, "").await;
    assert_eq!(error(&page), wrong);
    desk.tenant
        .put("clock", json!({ "offset_seconds": 601 }))
        .await;
    let page = verify(&mut browser, &page, &code).await;
    let expired = error(&page);
    assert_ne!(expired, wrong);

    // A new one, and five tries for it.
    let page = send_code(&mut browser, &page, MINA).await;
    let code = desk.code(MINA).await;
    let mut page = page;
    for _ in 0..5 {
        page = verify(&mut browser, &page, another(&code)).await;
        assert_eq!(error(&page), wrong);
    }
    page = verify(&mut browser, &page, &code).await;
    let no_more = error(&page);
    assert!(no_more != wrong && no_more != expired, "{no_more}");

    // The tenth is the last that is sent.
    for _ in 2..10 {
        page = send_code(&mut browser, &page, MINA).await;
        assert!(page.has("claimVerificationInfo"), "{}", page.body);
    }
    let last = desk.code(MINA).await;
    page = send_code(&mut browser, &page, MINA).await;
    let throttled = error(&page);
    assert_ne!(throttled, no_more);
    assert_eq!(desk.code(MINA).await, last);
    let page = verify(&mut browser, &page, &last).await;
    let page = desk.create(&mut browser, &page, MINA).await;
    desk.redeem(Site::Shop, &page).await;
}
