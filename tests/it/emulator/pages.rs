//! What a person meets in a user flow: words, fields, tabs, sessions.

use idlink::emulator::{self, AttributeKind, SessionScope};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    Desk, FLOW, PASSWORD, REDIRECT, alone, authorize_url, browser, claims, continue_with, control,
    create, proven, put, settings, sign_in, sign_up, users,
};

#[tokio::test]
async fn every_page_speaks_japanese_to_who_asks_for_it() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    browser.language = "ja-JP";
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    for words in ["サインイン", "電子メール アドレス", "今すぐサインアップ"]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let form = [("signInName", "a@b.example"), ("password", PASSWORD)];
    let page = browser.press(&page, "next", &form).await;
    assert_eq!(
        page.text("claimVerificationServerError").unwrap(),
        "アカウントが見つかりません。"
    );

    let page = browser.press(&page, "createAccount", &[]).await;
    for words in [
        "新しいパスワードの確認",
        "確認コードを送信",
        "表示名",
        "市区町村",
        ">作成<",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // An administrator's own label is as it was written.
    assert!(page.body.contains("Loyalty number"), "{}", page.body);
    let form = [
        ("email", "a@b.example"),
        ("newPassword", "weak"),
        ("reenterPassword", "weak"),
        ("extension_Age", "old"),
    ];
    let page = browser.press(&page, "continue", &form).await;
    for (field, words) in [
        ("newPassword_error", "8 ～ 64 文字"),
        ("extension_Age_error", "整数を入力してください。"),
        ("displayName_error", "この情報は必須です。"),
    ] {
        assert!(page.text(field).unwrap().contains(words), "{field}");
    }

    let page = browser
        .get(&authorize_url(&tenant, &[("prompt", "login")]))
        .await;
    let page = browser.press(&page, "google.com", &[]).await;
    let page = browser
        .press(&page, "continue", &[("issuerUserId", "7")])
        .await;
    assert!(page.body.contains("詳細情報"), "{}", page.body);
}

#[tokio::test]
async fn passwords_that_differ_have_to_be_typed_again() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = proven(&mut browser, &tenant, "jonas@post.example").await;
    let form = [
        ("newPassword", PASSWORD),
        ("reenterPassword", "Other horse 2"),
        ("displayName", "Jonas"),
    ];
    let page = browser.press(&page, "continue", &form).await;
    assert!(
        page.text("claimVerificationServerError")
            .unwrap()
            .contains("do not match")
    );
    let form = [("displayName", "Jonas")];
    let page = browser.press(&page, "continue", &form).await;
    for field in ["newPassword_error", "reenterPassword_error"] {
        assert_eq!(page.text(field).unwrap(), "This information is required.");
    }
    create(&mut browser, &page, &[]).await.code();
}

#[tokio::test]
async fn a_wrong_password_is_not_kept_for_the_next_try() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = sign_in(&mut browser, &tenant, "jonas@post.example").await;
    let form = [("signInName", "jonas@post.example")];
    let page = browser.press(&page, "next", &form).await;
    assert_eq!(
        page.text("password_error").unwrap(),
        "This information is required."
    );
}

#[tokio::test]
async fn an_address_that_is_not_proven_still_has_to_be_one() {
    let mut settings = settings();
    settings.user_flows[0].verify_email = false;
    let tenant = emulator::start(settings).await.unwrap();
    let mut browser = browser(&tenant);
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    let page = browser.press(&page, "createAccount", &[]).await;
    assert!(!page.has("email_ver_but_send"));
    let page = create(&mut browser, &page, &[("email", "no address")]).await;
    assert_eq!(
        page.text("email_error").unwrap(),
        "Please enter a valid email address."
    );
    let page = create(&mut browser, &page, &[("email", "jonas@post.example")]).await;
    page.code();
    assert_eq!(users(&tenant).await[0]["email"], "jonas@post.example");
}

#[tokio::test]
async fn a_session_of_an_account_that_is_gone_is_none() {
    let desk = Desk::new().await;
    let tier = continue_with(json!({ "extension_Tier": "gold" }));
    desk.on("PreTokenIssuance", tier).await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    let page = sign_up(&mut browser, &desk.tenant, "jonas@post.example").await;
    page.code();
    let id = users(&desk.tenant).await[0]["objectId"].clone();
    let path = format!("users/{}", id.as_str().unwrap());
    control(&desk.tenant, Method::DELETE, &path, json!({})).await;

    let page = browser.get(&authorize_url(&desk.tenant, &[])).await;
    assert!(page.has("localAccountForm"), "{}", page.body);
    let silent = authorize_url(&desk.tenant, &[("prompt", "none")]);
    let refused = browser.get(&silent).await;
    assert_eq!(
        refused.parameter("error").as_deref(),
        Some("interaction_required")
    );

    // Whoever comes next in that browser is asked about anew.
    sign_up(&mut browser, &desk.tenant, "mina@post.example")
        .await
        .code();
    let asked = desk.bodies("PreTokenIssuance").await;
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1]["email"], "mina@post.example");
}

#[tokio::test]
async fn a_connector_that_told_nothing_is_not_asked_again_in_the_session() {
    let mut settings = settings();
    settings.user_flows[0].attributes.clear();
    settings.user_flows[0].application_claims = vec!["objectId".to_owned()];
    let desk = Desk::with(settings).await;
    desk.always_continue().await;
    let mut browser = browser(&desk.tenant);
    sign_up(&mut browser, &desk.tenant, "jonas@post.example")
        .await
        .code();
    browser.get(&authorize_url(&desk.tenant, &[])).await.code();
    assert_eq!(desk.bodies("PreTokenIssuance").await.len(), 1);
}

#[tokio::test]
async fn two_tabs_are_two_journeys_of_one_person() {
    let tenant = alone().await;
    let seed = json!({ "email": "jonas@post.example", "password": PASSWORD });
    control(&tenant, Method::POST, "users", seed).await;
    let mut browser = browser(&tenant);
    let one = browser.get(&authorize_url(&tenant, &[])).await;
    let two = browser.get(&authorize_url(&tenant, &[])).await;
    let form = [("signInName", "jonas@post.example"), ("password", PASSWORD)];

    let hidden = one.hidden();
    let crossed = [("csrf", hidden[0].1.as_str()), ("action", "continue")];
    let refused = browser.post(&two.url, &crossed).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.text("error-code").unwrap(), "AADB2C90212");

    let first = browser.press(&one, "next", &form).await.code();
    let second = browser.press(&two, "next", &form).await.code();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_journey_that_was_left_for_an_hour_is_over() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    put(&tenant, "clock", json!({ "offset_seconds": 3601 })).await;
    let over = browser.press(&page, "createAccount", &[]).await;
    assert_eq!(over.status, StatusCode::BAD_REQUEST);
    assert_eq!(over.text("error-code").unwrap(), "AADB2C90046");
}

#[tokio::test]
async fn who_goes_back_to_the_first_page_may_choose_again() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let first = browser.get(&authorize_url(&tenant, &[])).await;
    let page = browser.press(&first, "google.com", &[]).await;
    assert!(page.has("providerForm"));
    // A form of the page before does nothing any more.
    let form = [("signInName", "a@b.example"), ("password", PASSWORD)];
    assert!(
        browser
            .press(&first, "next", &form)
            .await
            .has("providerForm")
    );
    let again = browser.get(&first.url).await;
    assert!(again.has("localAccountForm"));
    let page = browser.press(&again, "createAccount", &[]).await;
    assert!(page.has("newPassword"));
}

#[tokio::test]
async fn an_attribute_has_one_type_in_all_flows() {
    let mut settings = settings();
    settings.user_flows[1]
        .application_claims
        .push("extension_Age".to_owned());
    let collected = &settings.user_flows[0].attributes;
    assert!(
        collected
            .iter()
            .any(|one| one.name == "extension_Age" && one.kind == AttributeKind::Integer)
    );
    let tenant = emulator::start(settings).await.unwrap();
    let mut browser = browser(&tenant);
    let page = proven(&mut browser, &tenant, "jonas@post.example").await;
    create(&mut browser, &page, &[("extension_Age", "41")])
        .await
        .code();
    let fragment = [("response_type", "id_token"), ("redirect_uri", REDIRECT)];
    let url = authorize_url(&tenant, &fragment).replace(FLOW, "B2C_1_other");
    let token = browser.get(&url).await.parameter("id_token").unwrap();
    assert_eq!(claims(&token)["extension_Age"], 41);
}

#[tokio::test]
async fn a_page_that_is_still_open_does_not_bring_back_who_signed_out() {
    let mut settings = settings();
    settings.user_flows[1].session_scope = SessionScope::Disabled;
    let tenant = emulator::start(settings).await.unwrap();
    let mut browser = browser(&tenant);
    for address in ["jonas@post.example", "ida@post.example"] {
        sign_up(&mut browser, &tenant, address).await.code();
        browser
            .get(&super::endpoint(&tenant, "oauth2/v2.0/logout"))
            .await;
    }
    sign_in(&mut browser, &tenant, "jonas@post.example")
        .await
        .code();
    let other = authorize_url(&tenant, &[]).replace(FLOW, "B2C_1_other");
    let open = browser.get(&other).await;
    browser
        .get(&super::endpoint(&tenant, "oauth2/v2.0/logout"))
        .await;
    let form = [("signInName", "ida@post.example"), ("password", PASSWORD)];
    browser.press(&open, "next", &form).await.code();
    let page = browser.get(&authorize_url(&tenant, &[])).await;
    assert!(page.has("localAccountForm"), "{}", page.body);
}
