//! One browser, several people, several applications: whose number it is.

use idlink::domain::customer::CustomerType::{B2b, B2c};
use serde_json::json;

use super::desk::{Desk, PASSWORD, Policy, RECORD, Site, tells_no_secret};
use crate::support::business::OnFile;

const MINA: &str = "mina.k@mail.example";
const JONAS: &str = "jonas@post.example";
const HERS: &str = "C-4711";
const HIS: &str = "C-4712";

async fn desk(policy: Policy) -> Desk {
    let desk = Desk::new(policy).await;
    for (number, email) in [(HERS, MINA), (HIS, JONAS)] {
        OnFile::person(number, email, B2b)
            .add(&desk.service.store)
            .await;
    }
    desk
}

#[tokio::test]
async fn two_with_passwords_in_one_browser_each_get_their_own_number() {
    for policy in Policy::BOTH {
        let desk = desk(policy).await;
        let mut browser = desk.browser();
        let page = desk.sign_up(&mut browser, Site::Trade, MINA).await;
        let hers = desk.is_linked(Site::Trade, &page, HERS).await;
        let page = desk.sign_up(&mut browser, Site::Trade, JONAS).await;
        let his = desk.is_linked(Site::Trade, &page, HIS).await;
        assert_ne!(hers["sub"], his["sub"]);
        // The session is his now; its number is asked for, not remembered.
        let page = browser.get(&desk.url(Site::Trade, &[])).await;
        let again = desk.is_linked(Site::Trade, &page, HIS).await;
        assert_eq!(again["sub"], his["sub"]);
        assert_eq!(desk.trace().await.calls(), [(RECORD, Some(200), 1)]);
        let page = desk.sign_in(&mut browser, Site::Trade, MINA).await;
        desk.is_linked(Site::Trade, &page, HERS).await;
        assert_eq!((desk.accounts().await, desk.links().await), (2, 2));
    }
}

#[tokio::test]
async fn two_from_facebook_in_one_browser_each_get_their_own_number() {
    let (her, him) = (("104477002981", MINA), ("104477002982", JONAS));
    // With and without the application asking for a new sign-in.
    for prompt in ["login", ""] {
        let desk = desk(Policy::Social).await;
        let mut browser = desk.browser();
        let page = desk.through_facebook(&mut browser, Site::Trade, her).await;
        let page = browser.fill(&page, &[("action", "continue")]).await;
        let hers = desk.is_linked(Site::Trade, &page, HERS).await;

        let page = match prompt {
            "login" => desk.through_facebook(&mut browser, Site::Trade, him).await,
            _ => {
                // The session knows that it was Facebook, and leads there.
                let page = browser.get(&desk.url(Site::Trade, &[])).await;
                desk.come_back(&mut browser, &page, him).await
            }
        };
        assert!(page.has("displayName"), "{prompt}: {}", page.body);
        let page = browser.fill(&page, &[("action", "continue")]).await;
        let his = desk.is_linked(Site::Trade, &page, HIS).await;
        assert_ne!(hers["sub"], his["sub"], "{prompt}");
        assert_eq!(his["email"], JONAS, "{prompt}");
        assert_eq!((desk.accounts().await, desk.links().await), (2, 2));
    }
}

#[tokio::test]
async fn one_with_a_password_and_one_from_facebook_in_one_browser() {
    let desk = desk(Policy::Social).await;
    let him = ("104477002982", JONAS);
    let mut browser = desk.browser();
    let page = desk.sign_up(&mut browser, Site::Trade, MINA).await;
    let hers = desk.is_linked(Site::Trade, &page, HERS).await;
    let page = desk.through_facebook(&mut browser, Site::Trade, him).await;
    let page = browser.fill(&page, &[("action", "continue")]).await;
    let his = desk.is_linked(Site::Trade, &page, HIS).await;
    assert_ne!(hers["sub"], his["sub"]);
    assert_eq!(his["idp"], "facebook.com", "{his}");

    let page = desk.sign_in(&mut browser, Site::Trade, MINA).await;
    let again = desk.is_linked(Site::Trade, &page, HERS).await;
    assert_eq!(again["sub"], hers["sub"]);
    assert_eq!(again.get("idp"), None, "{again}");
    let page = browser.get(&desk.url(Site::Trade, &[])).await;
    desk.is_linked(Site::Trade, &page, HERS).await;
}

/// A second customer by the same name in the other site's books is nobody's
/// business here.
#[tokio::test]
async fn the_other_sites_session_needs_no_page_and_has_that_sites_number() {
    let desk = desk(Policy::Local).await;
    let mut browser = desk.browser();
    let page = desk.sign_up(&mut browser, Site::Trade, MINA).await;
    let hers = desk.is_linked(Site::Trade, &page, HERS).await;
    let page = browser.get(&desk.url(Site::Shop, &[])).await;
    let (claims, _) = desk.redeem(Site::Shop, &page).await;
    assert_eq!(claims["sub"], hers["sub"], "{claims}");
    assert_eq!(desk.trace().await.calls(), [(RECORD, Some(200), 1)]);
}

/// Every trace that is kept, as JSON and as a page, and the list of calls.
#[tokio::test]
async fn nothing_that_the_emulator_shows_tells_a_secret() {
    let desk = desk(Policy::Social).await;
    OnFile::person("C-1", "new@mail.example", B2c)
        .add(&desk.service.store)
        .await;
    let mut browser = desk.browser();
    desk.sign_up(&mut browser, Site::Trade, MINA).await;
    desk.sign_up(&mut browser, Site::Trade, "nobody@mail.example")
        .await;
    desk.sign_in(&mut browser, Site::Trade, MINA).await;
    desk.through_facebook(&mut browser, Site::Trade, ("1", JONAS))
        .await;
    let page = desk.open(&mut browser, Site::Trade).await;
    desk.enter(&mut browser, &page, PASSWORD, PASSWORD).await;

    tells_no_secret(&desk.tenant.text("audit").await);
    tells_no_secret(&desk.tenant.text("users").await);
    let list = desk.tenant.json("traces").await;
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 5);
    // Whoever types a password into the field for the address shows it to
    // whoever looks at that field.
    for trace in &list[1..] {
        let path = format!("traces/{}", trace["id"].as_str().unwrap());
        tells_no_secret(&desk.tenant.text(&path).await);
        let page = browser
            .get(&format!("{}/__emulator/{path}", desk.tenant.base))
            .await;
        assert!(page.body.contains("<html"), "{}", page.body);
        tells_no_secret(&page.body);
    }
    let calls = desk.tenant.json("audit").await;
    assert!(calls.as_array().unwrap().len() >= 4, "{calls}");
    assert_eq!(calls[0]["dialect"], json!("custom-policy"));
}
