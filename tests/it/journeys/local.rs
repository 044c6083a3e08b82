//! People with an address and a password.

use idlink::domain::customer::CustomerType::{B2b, B2c};
use idlink::domain::identity::Provider;
use idlink::domain::trust::Trust;
use serde_json::json;

use super::desk::{CHECK, Desk, Policy, RECORD, Site, error, is_told, shipped, told};
use crate::support::business::OnFile;
use crate::support::program::Folder;

const MINA: &str = "mina.k@mail.example";
const NUMBER: &str = "C-4711";

/// Local accounts go the same way in both policies.
#[tokio::test]
async fn the_one_customer_with_the_address_is_linked() {
    for policy in Policy::BOTH {
        let desk = Desk::new(policy).await;
        OnFile::person(NUMBER, MINA, B2b)
            .add(&desk.service.store)
            .await;
        let mut browser = desk.browser();
        let page = desk.sign_up(&mut browser, Site::Trade, MINA).await;
        let trace = desk.trace().await;
        assert_eq!(
            trace.calls(),
            [(CHECK, Some(200), 1), (RECORD, Some(200), 1)]
        );
        assert_eq!(trace.outcome(), "tokens");

        let (claims, tokens) = desk.redeem(Site::Trade, &page).await;
        assert_eq!(claims["customerId"], NUMBER, "{claims}");
        assert_eq!(claims["customerLink"], "linked", "{claims}");
        assert_eq!(claims["email"], MINA, "{claims}");
        let users = desk.tenant.json("users").await;
        assert_eq!(claims["sub"], users[0]["objectId"], "{users}");
        assert_eq!(claims["correlationId"], trace.0["correlationId"]);
        assert_eq!(desk.links().await, 1);

        let refreshed = desk.refresh(Site::Trade, &tokens).await;
        for claim in ["customerId", "customerLink", "email", "sub"] {
            assert_eq!(refreshed[claim], claims[claim], "{refreshed}");
        }

        // The second time nobody is checked any more.
        let page = desk.sign_in(&mut desk.browser(), Site::Trade, MINA).await;
        assert_eq!(desk.trace().await.calls(), [(RECORD, Some(200), 1)]);
        let (status, answer) = desk.redeem_at_site(Site::Trade, &page).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["customer_id"], NUMBER, "{answer}");
        assert_eq!(answer["customer_link"], "linked", "{answer}");
        assert_eq!(desk.links().await, 1);
    }
}

/// What `idlink policy build` writes runs as the files it is made of.
#[tokio::test]
async fn the_built_policies_link_too() {
    let output = Folder::new();
    let built = ["base", "custom"].map(|set| {
        let to = output.0.join(set);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_idlink"));
        command.args(["policy", "build"]).arg(shipped(set));
        let told = command.arg("--output").arg(&to).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        to.join("Production")
    });
    let desk = Desk::on(Policy::Local, &built, |_| {}).await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let page = desk.sign_up(&mut desk.browser(), Site::Trade, MINA).await;
    desk.is_linked(Site::Trade, &page, NUMBER).await;
}

#[tokio::test]
async fn nobodys_address_is_refused_on_the_page_and_another_one_goes_through() {
    let desk = Desk::new(Policy::Local).await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let mut browser = desk.browser();
    let page = desk
        .sign_up(&mut browser, Site::Trade, "stranger@mail.example")
        .await;
    is_told(&error(&page), "customer_not_found");
    let trace = desk.trace().await;
    assert_eq!(trace.calls(), [(CHECK, Some(409), 1)]);
    assert_eq!(trace.outcome(), "open");
    assert_eq!(trace.said(), [error(&page)]);
    assert!(!trace.ran("AAD-UserWriteUsingLogonEmail"));
    assert_eq!(desk.accounts().await, 0);

    let page = browser
        .fill(&page, &[("action", "change-email:email")])
        .await;
    let page = desk.prove(&mut browser, &page, MINA).await;
    let page = desk.create(&mut browser, &page, MINA).await;
    desk.is_linked(Site::Trade, &page, NUMBER).await;
    let trace = desk.trace().await;
    assert_eq!(
        trace.calls(),
        [
            (CHECK, Some(409), 1),
            (CHECK, Some(200), 1),
            (RECORD, Some(200), 1),
        ]
    );
    assert_eq!(desk.accounts().await, 1);
}

#[tokio::test]
async fn who_is_no_customer_becomes_one_at_a_shop_for_everybody() {
    let desk = Desk::new(Policy::Local).await;
    let mut browser = desk.browser();
    let page = desk.sign_up(&mut browser, Site::Shop, MINA).await;
    let (claims, _) = desk.redeem(Site::Shop, &page).await;
    assert_eq!(claims["customerLink"], "linked", "{claims}");
    let number = claims["customerId"].as_str().unwrap();
    assert!(number.starts_with('C') && number.len() == 7, "{number}");
    let page = desk.sign_in(&mut desk.browser(), Site::Shop, MINA).await;
    desk.is_linked(Site::Shop, &page, number).await;
    assert_eq!(desk.count("SELECT count(*) FROM customer").await, 1);
}

#[tokio::test]
async fn an_address_that_several_customers_have_is_refused() {
    let desk = Desk::new(Policy::Local).await;
    for (number, kind) in [("T-1", B2b), ("T-2", B2b), ("C-1", B2c), ("C-2", B2c)] {
        OnFile::person(number, MINA, kind)
            .add(&desk.service.store)
            .await;
    }
    for site in [Site::Trade, Site::Shop] {
        let page = desk.sign_up(&mut desk.browser(), site, MINA).await;
        is_told(&error(&page), "multiple_customers");
    }
    assert_eq!(desk.accounts().await, 0);
    assert_eq!(desk.links().await, 0);
}

#[tokio::test]
async fn where_local_accounts_are_not_trusted_their_addresses_prove_nothing() {
    let desk = Desk::with(Policy::Local, |setup| {
        setup.tenant.trust = Trust::new([Provider::named("facebook.com")]);
    })
    .await;
    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let page = desk.sign_up(&mut desk.browser(), Site::Trade, MINA).await;
    is_told(&error(&page), "unverified_address");
    assert_eq!(desk.accounts().await, 0);
}

#[tokio::test]
async fn whoever_was_refused_and_is_approved_since_is_linked_at_the_next_sign_in() {
    let desk = Desk::new(Policy::Local).await;
    let user = json!({ "email": MINA, "password": super::desk::PASSWORD });
    desk.tenant.post("users", user).await;
    let page = desk.sign_in(&mut desk.browser(), Site::Trade, MINA).await;
    let (claims, _) = desk.redeem(Site::Trade, &page).await;
    assert_eq!(claims["customerLink"], "refused", "{claims}");
    assert!(claims.get("customerId").is_none_or(|id| id == ""));

    let page = desk.sign_in(&mut desk.browser(), Site::Trade, MINA).await;
    let (status, answer) = desk.redeem_at_site(Site::Trade, &page).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(answer["error"], "invalid_grant", "{answer}");
    let message = answer["user_message"].as_str().unwrap();
    assert!(message.contains(answer["reference"].as_str().unwrap()));

    OnFile::person(NUMBER, MINA, B2b)
        .add(&desk.service.store)
        .await;
    let page = desk.sign_in(&mut desk.browser(), Site::Trade, MINA).await;
    desk.is_linked(Site::Trade, &page, NUMBER).await;
}

#[tokio::test]
async fn who_cancels_comes_back_to_the_application_with_nothing_done() {
    let desk = Desk::new(Policy::Local).await;
    let mut browser = desk.browser();
    for path in ["sign-in", "sign-up", "reset"] {
        let page = match path {
            "sign-in" => desk.open(&mut browser, Site::Shop).await,
            "sign-up" => desk.open_sign_up(&mut browser, Site::Shop).await,
            _ => {
                let page = desk.open(&mut browser, Site::Shop).await;
                let action = page.value("forgotPassword").unwrap();
                browser.fill(&page, &[("action", &action)]).await
            }
        };
        let page = browser.fill(&page, &[("action", "cancel")]).await;
        let expected = ("access_denied".to_owned(), "AADB2C90091".to_owned());
        assert_eq!(told(&page), expected, "{path}");
        assert_eq!(desk.trace().await.outcome(), "error", "{path}");
    }
    assert_eq!(desk.accounts().await, 0);
}
