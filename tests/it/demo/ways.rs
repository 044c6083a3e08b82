//! The shops' three ways in, from the shop's button to its page, in a browser
//! without scripts.

use super::super::emulator::browser::{Browser, Page};
use super::*;

const WAYS: [&str; 3] = ["custom-policy", "user-flow", "external-id"];
const PASSWORD: &str = "Correct-horse-1";
const ADA: &str = "ada@northwind.example";

/// Somebody with a browser of their own.
struct Person<'a> {
    demo: &'a Demo,
    browser: Browser,
}

impl<'a> Person<'a> {
    fn new(demo: &'a Demo, language: &'static str) -> Self {
        let mut browser = Browser::new(demo.address("Contoso Trade (B2B)"));
        browser.language = language;
        Self { demo, browser }
    }

    fn tenant(&self, way: &str) -> &'a str {
        self.demo.address(match way {
            "external-id" => "Mock External ID tenant",
            _ => "Mock B2C tenant",
        })
    }

    /// Follows redirects from one host to the next.
    async fn follow(&mut self, mut page: Page) -> Page {
        while let Some(location) = page.location {
            page = self.browser.get(&location).await;
        }
        page
    }

    async fn begin(&mut self, shop: &str, way: &str) -> Page {
        let page = self.browser.get(&format!("{shop}sign-in/{way}")).await;
        self.follow(page).await
    }

    async fn press(&mut self, page: &Page, button: &str, form: &[(&str, &str)]) -> Page {
        let page = self.browser.press(page, button, form).await;
        self.follow(page).await
    }

    async fn sign_up(&mut self, shop: &str, way: &str, address: &str) -> Page {
        let page = self.begin(shop, way).await;
        let page = self.press(&page, "createAccount", &[]).await;
        let page = self
            .press(&page, "email_ver_but_send", &[("email", address)])
            .await;
        let code = self.newest_code(way, address).await;
        let form = [("email_ver_input", code.as_str())];
        let mut page = self.press(&page, "email_ver_but_verify", &form).await;
        // External ID asks for the rest on a page of its own, and whoever is
        // certain to be refused does not come to it.
        if !page.has("newPassword") {
            page = self.press(&page, "continue", &[]).await;
        }
        if page.has("block-message") {
            return page;
        }
        let form = [
            ("newPassword", PASSWORD),
            ("reenterPassword", PASSWORD),
            ("displayName", "Ada Lindqvist"),
        ];
        self.press(&page, "continue", &form).await
    }

    async fn newest_code(&self, way: &str, address: &str) -> String {
        let mails = format!("{}__emulator/mailbox", self.tenant(way));
        let query = [("address", address)];
        let mails = url::Url::parse_with_params(&mails, query).unwrap();
        let mail: Value = reqwest::get(mails).await.unwrap().json().await.unwrap();
        let code = mail["code"].as_str();
        code.unwrap_or_else(|| panic!("{mail}")).to_owned()
    }

    async fn sign_in(&mut self, shop: &str, way: &str, address: &str, password: &str) -> Page {
        let page = self.begin(shop, way).await;
        let form = [("signInName", address), ("password", password)];
        self.press(&page, "next", &form).await
    }
}

/// The page of the shop to somebody who came `way`, as that customer.
fn assert_linked(page: &Page, way: &str, number: &str) {
    let told = (page.text("customer-id"), page.between("data-link=\"", "\""));
    let expected = (Some(number.to_owned()), Some("linked".to_owned()));
    assert_eq!(told, expected, "{way}: {}", page.body);
    assert!(page.body.contains(&format!("data-way=\"{way}\"")), "{way}");
}

/// What the page says to whom it refuses.
fn refusal(page: &Page) -> String {
    let elements = [
        "block-message",
        "claimVerificationServerError",
        "user-message",
    ];
    let told = elements.into_iter().find_map(|id| page.text(id));
    told.unwrap_or_else(|| panic!("{} {}", page.url, page.body))
}

#[tokio::test]
async fn every_way_in_finds_the_same_customer_also_after_a_restart() {
    let folder = new_folder("demo");
    let demo = Demo::start(&folder).await;
    let trade = demo.address("Contoso Trade (B2B)");
    for (up, way) in [(true, WAYS[0]), (false, WAYS[1]), (true, WAYS[2])] {
        let mut ada = Person::new(&demo, "en-US");
        let page = match up {
            true => ada.sign_up(trade, way, ADA).await,
            // The account that the custom policy made.
            false => ada.sign_in(trade, way, ADA, PASSWORD).await,
        };
        assert_linked(&page, way, "US-101");
        let trace = page.between("id=\"trace-link\" href=\"", "\"").unwrap();
        let trace = ada.browser.get(&trace).await;
        assert_eq!(trace.status, StatusCode::OK, "{way}");
        assert!(trace.url.contains("/__emulator/traces/"), "{}", trace.url);
    }
    demo.interrupt().await;

    let demo = Demo::start(&folder).await;
    for way in WAYS {
        let mut ada = Person::new(&demo, "en-US");
        let page = ada.sign_in(demo.address("Contoso Trade (B2B)"), way, ADA, PASSWORD);
        assert_linked(&page.await, way, "US-101");
    }
    demo.interrupt().await;
}

#[tokio::test]
async fn every_way_in_refuses_in_the_language_of_the_person() {
    let demo = Demo::start(&new_folder("demo")).await;
    let trade = demo.address("Contoso Trade (B2B)");
    let languages = [
        (
            "en-US",
            "could not find a customer account at Contoso Trade",
        ),
        ("ja", "お客様情報がContoso Tradeに見つかりませんでした"),
    ];
    for (language, words) in languages {
        for way in WAYS {
            let mut stranger = Person::new(&demo, language);
            let address = format!("stranger-{way}@nowhere.example");
            let page = stranger.sign_up(trade, way, &address).await;
            let told = refusal(&page);
            assert!(told.contains(words), "{way} {language}: {told}");
            let lang = page.between("lang=\"", "\"");
            assert_eq!(lang.as_deref(), language.split('-').next(), "{way}");
            let home = stranger.browser.get(trade).await;
            assert!(home.has("nobody"), "{way}: {}", home.body);
        }
    }
    let users = format!(
        "{}__emulator/users",
        demo.address("Mock External ID tenant")
    );
    let users: Value = reqwest::get(users).await.unwrap().json().await.unwrap();
    assert_eq!(users, json!([]), "no account of somebody who was refused");
    demo.interrupt().await;
}

#[tokio::test]
async fn a_customer_is_linked_once_approved_whichever_way_they_came() {
    let demo = Demo::start(&new_folder("demo")).await;
    let trade = demo.address("Contoso Trade (B2B)");
    let (grace, own) = ("grace@tailspin.example", "Tailspin-2026");
    // An account that is older than linking: the shop is told when it redeems.
    let mut person = Person::new(&demo, "en-US");
    for way in ["custom-policy", "user-flow"] {
        let page = person.sign_in(trade, way, grace, own).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{way}: {}", page.body);
        assert!(refusal(&page).contains("sign-up was successful"), "{way}");
        let lookup = page.text("lookup").unwrap();
        let reference = page.text("reference").unwrap();
        assert!(
            lookup.ends_with(&format!("attempt show {reference}")),
            "{lookup}"
        );
        person = Person::new(&demo, "en-US");
    }
    // No such account at External ID: its sign-up is refused instead.
    let page = person.sign_up(trade, "external-id", grace).await;
    assert!(refusal(&page).contains("could not find"), "{}", page.body);

    run_well(&demo.data_dir, &["customer", "approve", "US-105"]).await;
    for way in ["custom-policy", "user-flow"] {
        let mut person = Person::new(&demo, "en-US");
        let page = person.sign_in(trade, way, grace, own).await;
        assert_linked(&page, way, "US-105");
    }
    let mut person = Person::new(&demo, "en-US");
    let page = person.sign_up(trade, "external-id", grace).await;
    assert_linked(&page, "external-id", "US-105");
    demo.interrupt().await;
}
