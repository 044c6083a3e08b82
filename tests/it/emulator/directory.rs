//! The directory, over the control interface and as Graph reads it.

use std::collections::BTreeMap;

use idlink::emulator::{self, Emulator, FederatedIdentity, SeedUser, Settings, StartError};
use serde_json::{Value, json};

use super::{
    SECRET, WEB, alone, browser, control, exchange, get_json, http, post_token, put, settings,
    sign_in, sign_up, users,
};

const ADA: &str = "0c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f10";
const GRACE: &str = "1c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f11";
const TENANT_ID: &str = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
const DOMAIN: &str = "contoso.onmicrosoft.com";

fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect()
}

async fn with_two() -> Emulator {
    let facebook = |subject: &str| FederatedIdentity {
        issuer: "facebook.com".to_owned(),
        subject: subject.to_owned(),
    };
    let mut settings = settings();
    settings.seed = vec![
        SeedUser {
            object_id: Some(ADA.parse().unwrap()),
            email: Some("ada@post.example".to_owned()),
            password: Some("Correct horse 1".to_owned()),
            sign_in_names: [("userName".to_owned(), "ada".to_owned())].into(),
            identities: vec![facebook("12345")],
            attributes: text(&[
                ("displayName", "Ada O'Lovelace"),
                ("extension_Tier", "gold"),
                ("mobile", "+44 20"),
                ("telephoneNumber", "+44 30"),
            ]),
            ..SeedUser::default()
        },
        SeedUser {
            object_id: Some(GRACE.parse().unwrap()),
            email: Some("grace@post.example".to_owned()),
            federated: Some(facebook("67890")),
            user_principal_name: Some("grace@contoso.onmicrosoft.com".to_owned()),
            attributes: text(&[("displayName", "Grace")]),
            ..SeedUser::default()
        },
    ];
    emulator::start(settings).await.unwrap()
}

fn at(tenant: &Emulator, path: &str) -> String {
    format!("{}{path}", tenant.base_url())
}

async fn patch(tenant: &Emulator, id: &str, change: &Value) -> u16 {
    let url = at(tenant, &format!("/__emulator/users/{id}"));
    let sent = http().patch(url).json(change).send().await.unwrap();
    sent.status().as_u16()
}

async fn post(tenant: &Emulator, user: &Value) -> u16 {
    let url = at(tenant, "/__emulator/users");
    let sent = http().post(url).json(user).send().await.unwrap();
    sent.status().as_u16()
}

async fn graph(tenant: &Emulator, query: &[(&str, &str)]) -> (u16, Value) {
    let url = url::Url::parse_with_params(&at(tenant, "/graph/v1.0/users"), query).unwrap();
    let answer = http().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn ids(answer: &Value) -> Vec<&str> {
    let found = answer["value"].as_array().unwrap().iter();
    found.map(|user| user["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_user_is_shown_without_its_password() {
    let tenant = with_two().await;
    let mut shown = users(&tenant).await.remove(0);
    assert!(shown["created"].take().is_i64());
    assert!(shown["refreshTokensValidFromDateTime"].take().is_string());
    assert_eq!(
        shown,
        json!({
            "objectId": ADA,
            "created": null,
            "email": "ada@post.example",
            "isLocal": true,
            "federated": { "issuer": "facebook.com", "subject": "12345" },
            "userPrincipalName": format!("{ADA}@{DOMAIN}"),
            "signInNames": { "emailAddress": "ada@post.example", "userName": "ada" },
            "identities": [ { "issuer": "facebook.com", "subject": "12345" } ],
            "otherMails": [],
            "accountEnabled": true,
            "forceChangePasswordNextLogin": false,
            "refreshTokensValidFromDateTime": null,
            "attributes": {
                "displayName": "Ada O'Lovelace", "extension_Tier": "gold",
                "mobile": "+44 20", "telephoneNumber": "+44 30",
            },
        })
    );
    let grace = &users(&tenant).await[1];
    assert_eq!(grace["otherMails"], json!(["grace@post.example"]));
    assert_eq!(grace["signInNames"], json!({}));
}

#[tokio::test]
async fn users_are_seeded_in_the_old_form_and_in_the_rich_one() {
    let tenant = alone().await;
    let old = json!({ "email": "old@post.example", "password": "x" });
    assert_eq!(post(&tenant, &old).await, 201);
    let rich = json!({
        "objectId": ADA,
        "signInNames": { "username": "ada", "phoneNumber": "+4420" },
        "identities": [ { "issuer": "facebook.com", "subject": "1" },
                        { "issuer": "google.com", "subject": "2" } ],
        "userPrincipalName": "ada@contoso.onmicrosoft.com",
        "accountEnabled": false,
        "forceChangePasswordNextLogin": true,
        "otherMails": ["ada@post.example"],
        "attributes": { "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Points": 3 },
    });
    assert_eq!(post(&tenant, &rich).await, 201);
    let users = users(&tenant).await;
    let ada = users.iter().find(|user| user["objectId"] == ADA).unwrap();
    assert_eq!(
        ada["signInNames"],
        json!({ "userName": "ada", "phoneNumber": "+4420" })
    );
    assert_eq!(ada["identities"], rich["identities"]);
    assert_eq!(ada["userPrincipalName"], rich["userPrincipalName"]);
    assert_eq!(ada["accountEnabled"], false);
    assert_eq!(ada["forceChangePasswordNextLogin"], true);
    assert_eq!(ada["attributes"], json!({ "extension_Points": 3 }));

    let cases = [
        (
            json!({ "signInNames": { "emailAddress": "OLD@post.example" } }),
            409,
        ),
        (
            json!({ "federated": { "issuer": "google.com", "subject": "2" } }),
            409,
        ),
        (
            json!({ "signInNames": { "userName": "new" },
                    "userPrincipalName": "ADA@contoso.onmicrosoft.com" }),
            409,
        ),
        (json!({ "email": "nobody@post.example" }), 400),
        (json!({ "email": "x@post.example", "passwort": "x" }), 400),
    ];
    for (user, status) in cases {
        assert_eq!(post(&tenant, &user).await, status, "{user}");
    }
}

#[tokio::test]
async fn a_user_is_changed_where_the_change_says_so() {
    let tenant = with_two().await;
    let change = json!({
        "password": "new horse",
        "signInNames": { "emailAddress": "lovelace@post.example" },
        "accountEnabled": false,
        "refreshTokensValidFromDateTime": "2030-01-01T10:00:00Z",
        "attributes": { "extension_Tier": null, "city": "London" },
    });
    assert_eq!(patch(&tenant, ADA, &change).await, 204);
    let ada = users(&tenant).await.remove(0);
    assert_eq!(
        ada["signInNames"],
        json!({ "emailAddress": "lovelace@post.example" })
    );
    assert_eq!(ada["accountEnabled"], false);
    assert_eq!(
        ada["refreshTokensValidFromDateTime"],
        "2030-01-01T10:00:00Z"
    );
    assert_eq!(ada["identities"].as_array().unwrap().len(), 1);
    assert_eq!(ada["attributes"]["city"], "London");
    assert_eq!(ada["attributes"]["extension_Tier"], Value::Null);

    let cases = [
        (
            GRACE,
            json!({ "signInNames": { "userName": "LOVELACE@post.example" } }),
            409,
        ),
        (GRACE, json!({ "userPrincipalName": "" }), 400),
        (
            GRACE,
            json!({ "refreshTokensValidFromDateTime": "soon" }),
            400,
        ),
        (GRACE, json!({ "objectId": ADA }), 400),
        ("00000000-0000-0000-0000-000000000000", json!({}), 404),
    ];
    for (id, change, status) in cases {
        assert_eq!(patch(&tenant, id, &change).await, status, "{change}");
    }
    let url = at(&tenant, &format!("/__emulator/users/{ADA}"));
    let deleted = http().delete(&url).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let again = http().delete(&url).send().await.unwrap();
    assert_eq!(again.status(), 404);
}

#[tokio::test]
async fn graph_spells_a_user_its_own_way() {
    let tenant = with_two().await;
    let context = at(&tenant, "/graph/v1.0/$metadata#users/$entity");
    for name in [ADA.to_owned(), format!("{}@{DOMAIN}", ADA.to_uppercase())] {
        let ada = get_json(&at(&tenant, &format!("/graph/v1.0/users/{name}"))).await;
        assert_eq!(
            ada,
            json!({
                "@odata.context": context,
                "id": ADA,
                "displayName": "Ada O'Lovelace",
                "givenName": null,
                "surname": null,
                "userPrincipalName": format!("{ADA}@{DOMAIN}"),
                "businessPhones": ["+44 30"],
                "mobilePhone": "+44 20",
                "officeLocation": null,
                "jobTitle": null,
                "mail": null,
                "preferredLanguage": null,
            })
        );
    }
    let select = "id,identities,accountEnabled,creationType,\
                  extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Tier,passwordProfile";
    let url = format!("/graph/v1.0/users/{ADA}?$select={select}");
    assert_eq!(
        get_json(&at(&tenant, &url)).await,
        json!({
            "@odata.context": context,
            "id": ADA,
            "accountEnabled": true,
            "creationType": "LocalAccount",
            "extension_a3f09c1b7d6e4c58b2e1905f4d7a6c33_Tier": "gold",
            "passwordProfile": null,
            "identities": [
                { "signInType": "emailAddress", "issuer": DOMAIN,
                  "issuerAssignedId": "ada@post.example" },
                { "signInType": "userName", "issuer": DOMAIN, "issuerAssignedId": "ada" },
                { "signInType": "federated", "issuer": "facebook.com",
                  "issuerAssignedId": "12345" },
                { "signInType": "userPrincipalName", "issuer": DOMAIN,
                  "issuerAssignedId": format!("{ADA}@{DOMAIN}") },
            ],
        })
    );
    let url = at(&tenant, "/graph/v1.0/users/eve@contoso.onmicrosoft.com");
    let missing = http().get(url).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    let missing: Value = missing.json().await.unwrap();
    assert_eq!(missing["error"]["code"], "Request_ResourceNotFound");
}

#[tokio::test]
async fn graph_filters_in_a_few_forms_and_names_them_for_all_others() {
    let tenant = with_two().await;
    let identity = |id: &str, issuer: &str| {
        format!("identities/any(c:c/issuerAssignedId eq '{id}' and c/issuer eq '{issuer}')")
    };
    let cases = [
        (identity("ADA@post.example", DOMAIN), vec![ADA]),
        (identity("ada", DOMAIN), vec![ADA]),
        (identity("67890", "facebook.com"), vec![GRACE]),
        (identity("67890", "google.com"), vec![]),
        ("displayName eq 'ada o''lovelace'".to_owned(), vec![ADA]),
        (format!("id eq '{GRACE}'"), vec![GRACE]),
        ("id eq 'x'".to_owned(), vec![]),
        (
            "userPrincipalName eq 'grace@contoso.onmicrosoft.com'".to_owned(),
            vec![GRACE],
        ),
    ];
    for (filter, expected) in cases {
        let (status, found) = graph(&tenant, &[("$filter", &filter)]).await;
        assert_eq!((status, ids(&found)), (200, expected), "{filter}");
    }
    let (status, refused) = graph(&tenant, &[("$filter", "startswith(displayName,'A')")]).await;
    assert_eq!(status, 400);
    assert_eq!(refused["error"]["code"], "Request_UnsupportedQuery");
    assert_eq!(
        refused["error"]["message"],
        "The filter 'startswith(displayName,'A')' is not understood here. Understood are \
         identities/any(c:c/issuerAssignedId eq '…' and c/issuer eq '…'), displayName eq '…', \
         userPrincipalName eq '…', id eq '…'."
    );
    for query in [("$orderby", "id"), ("$top", "0"), ("$skiptoken", "x")] {
        assert_eq!(graph(&tenant, &[query]).await.0, 400, "{query:?}");
    }
}

#[tokio::test]
async fn graph_lists_page_by_page() {
    let tenant = with_two().await;
    let (_, first) = graph(&tenant, &[("$top", "1"), ("$select", "id")]).await;
    assert_eq!(first["value"], json!([{ "id": ADA }]));
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second = get_json(next).await;
    assert_eq!(second["value"], json!([{ "id": GRACE }]));
    assert_eq!(second["@odata.nextLink"], Value::Null);
}

fn with_file(file: &std::path::Path) -> Settings {
    Settings {
        state_file: Some(file.to_owned()),
        ..settings()
    }
}

#[tokio::test]
async fn a_state_file_of_version_1_is_read_and_written_anew() {
    let folder = std::env::temp_dir().join(format!("emulator-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tenant.json");
    let old = json!({
        "version": 1, "tenant_id": TENANT_ID, "port": 0, "keys": [],
        "users": [
            { "object_id": ADA, "created": 1_700_000_000, "email": "ada@post.example",
              "password": "Correct horse 1", "federated": null,
              "attributes": { "displayName": "Ada", "extension_Age": 36 } },
            { "object_id": GRACE, "created": 1_700_000_000, "email": "grace@post.example",
              "password": null,
              "federated": { "issuer": "facebook.com", "subject": "67890" },
              "attributes": {} },
        ],
    });
    std::fs::write(&file, old.to_string()).unwrap();
    let tenant = emulator::start(with_file(&file)).await.unwrap();
    let before = users(&tenant).await;
    assert_eq!(before[0]["attributes"]["extension_Age"], 36);
    assert_eq!(before[0]["created"], 1_700_000_000);
    assert_eq!(before[1]["email"], "grace@post.example");
    sign_in(&mut browser(&tenant), &tenant, "ada@post.example")
        .await
        .code();
    tenant.stop().await;

    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["version"], 2);
    let tenant = emulator::start(with_file(&file)).await.unwrap();
    assert_eq!(users(&tenant).await, before);
    tenant.stop().await;

    for (version, tenant_id) in [(3, TENANT_ID), (2, GRACE), (1, GRACE)] {
        let other = json!({ "version": version, "tenant_id": tenant_id, "port": 0, "keys": [],
                            "users": [] });
        std::fs::write(&file, other.to_string()).unwrap();
        let error = emulator::start(with_file(&file)).await.err().unwrap();
        assert!(matches!(error, StartError::StateContent(_)), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_new_password_ends_the_refresh_tokens_of_the_one_before() {
    let tenant = alone().await;
    let mut browser = browser(&tenant);
    let page = sign_up(&mut browser, &tenant, "ada@post.example").await;
    let tokens = exchange(&tenant, &page.code()).await;
    let refresh = |tokens: &Value| {
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();
        let tenant = &tenant;
        async move {
            let form = [
                ("grant_type", "refresh_token"),
                ("client_id", WEB),
                ("client_secret", SECRET),
                ("refresh_token", &token),
            ];
            post_token(tenant, &form).await
        }
    };
    let (status, tokens) = refresh(&tokens).await;
    assert_eq!(status, 200, "{tokens}");

    put(&tenant, "clock", json!({ "offset_seconds": 60 })).await;
    let id = users(&tenant).await[0]["objectId"].clone();
    let path = format!("users/{}", id.as_str().unwrap());
    let password = json!({ "password": "Another horse 2" });
    let (status, reply) = control(&tenant, reqwest::Method::PATCH, &path, password).await;
    assert_eq!(status, 204, "{reply}");
    let (status, body) = refresh(&tokens).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(body["error"], "invalid_grant");
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with("AADB2C90129: "), "{text}");
}

#[tokio::test]
async fn who_comes_by_a_name_of_the_public_dns_is_told_nothing() {
    let tenant = with_two().await;
    for path in ["__emulator/users", "__emulator/traces", "graph/v1.0/users"] {
        let url = format!("{}/{path}", tenant.base_url());
        let ask = |host: &'static str| http().get(&url).header("host", host).send();
        let refused = ask("rebound.evil.com").await.unwrap();
        assert_eq!(refused.status(), 403, "{path}");
        let text = refused.text().await.unwrap();
        assert!(!text.contains("ada"), "{path}: {text}");
        assert_eq!(ask("contoso.localhost").await.unwrap().status(), 200);
    }
}
