//! Journeys of External ID, as a browser and an application go through them.
//! What is on the wire is written out by hand from contracts.md §4.2 and §4.3.

use std::collections::BTreeSet;

use idlink::emulator::{
    EntraIssuer, Extension, Extensions, ExternalIdFlow, LocalMethod, MappedClaim, TokenVersion,
};

use super::*;

const TENANT: &str = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const JONAS: &str = "jonas@post.example";
const START: &str = "attributeCollectionStart";
const SUBMIT: &str = "attributeCollectionSubmit";
const TOKEN: &str = "tokenIssuanceStart";
/// Entra wants more of a password than the other tests' has.
const PASSWORD: &str = "Correct horse 7";
const ALL_SCOPES: &str = "openid profile email offline_access";

fn points() -> String {
    format!("extension_{APP_ID}_Points")
}

fn flow() -> ExternalIdFlow {
    let mut flow = ExternalIdFlow::new("SignUpSignIn", &[WEB, OTHER]);
    flow.attributes = vec![
        Attribute::new("displayName").required(),
        Attribute::new("city"),
        Attribute::new("extension_Points").kind(AttributeKind::Integer),
        Attribute::new("extension_Terms")
            .kind(AttributeKind::Boolean)
            .label("I accept the terms"),
    ];
    flow.claims = vec![
        MappedClaim::same("customerId"),
        MappedClaim {
            id: "roles".to_owned(),
            name: "shop_roles".to_owned(),
        },
    ];
    flow
}

/// A tenant whose three extensions are one server that answers as told.
struct Ciam {
    tenant: Emulator,
    api: MockServer,
}

impl Ciam {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ExternalIdFlow)) -> Self {
        let mut flow = flow();
        change(&mut flow);
        let mut settings = settings();
        settings.external_id = vec![flow];
        let tenant = emulator::start(settings).await.unwrap();
        let api = MockServer::start().await;
        let ciam = Self { tenant, api };
        let extension = ciam.extension();
        let chosen = Extensions::all(&extension);
        ciam.tenant.set_extensions("signupsignin", chosen).unwrap();
        for (event, action) in [
            (START, "continueWithDefaultBehavior"),
            (SUBMIT, "continueWithDefaultBehavior"),
        ] {
            ciam.falls_back_to(event, action, json!({})).await;
        }
        let none = json!({ "claims": {} });
        ciam.falls_back_to(TOKEN, "provideClaimsForToken", none)
            .await;
        ciam
    }

    fn extension(&self) -> Extension {
        Extension {
            // The machine that runs the tests may be busy.
            time_limit_ms: 2_000,
            maximum_retries: 0,
            ..Extension::at(&format!("{}/hook", self.api.uri()))
        }
    }

    async fn mount(&self, event: &str, reply: ResponseTemplate, priority: u8) {
        let kind = format!("microsoft.graph.authenticationEvent.{event}");
        Mock::given(matchers::body_partial_json(json!({ "type": kind })))
            .respond_with(reply)
            .with_priority(priority)
            .mount(&self.api)
            .await;
    }

    async fn falls_back_to(&self, event: &str, action: &str, members: Value) {
        let reply = ResponseTemplate::new(200).set_body_json(answer(event, action, members));
        self.mount(event, reply, 9).await;
    }

    /// What an event is answered; the first such rule counts.
    async fn on(&self, event: &str, action: &str, members: Value) {
        let reply = ResponseTemplate::new(200).set_body_json(answer(event, action, members));
        self.mount(event, reply, 1).await;
    }

    async fn broken(&self, event: &str) {
        self.mount(event, ResponseTemplate::new(500), 1).await;
    }

    /// The events that came, by the end of their type.
    async fn events(&self) -> Vec<String> {
        let bodies = self.bodies().await;
        let kinds = bodies.iter().map(|body| body["type"].as_str().unwrap());
        kinds
            .map(|kind| kind.rsplit('.').next().unwrap().to_owned())
            .collect()
    }

    async fn bodies(&self) -> Vec<Value> {
        let requests = self.api.received_requests().await.unwrap();
        let bodies = requests.iter().map(|request| &request.body);
        bodies
            .map(|body| serde_json::from_slice(body).unwrap())
            .collect()
    }

    fn authority(&self) -> String {
        let base = self.tenant.base_url();
        format!("{base}/entra/{TENANT}.ciamlogin.com/{TENANT}")
    }

    fn authorize(&self, changes: &[(&str, &str)]) -> String {
        let mut parameters = BTreeMap::from([
            ("client_id", WEB),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", ALL_SCOPES),
            ("state", "xyz"),
            ("nonce", "f7b1c0"),
        ]);
        parameters.extend(changes.iter().copied());
        let url = format!("{}/oauth2/v2.0/authorize", self.authority());
        Url::parse_with_params(&url, parameters).unwrap().into()
    }

    fn browser(&self) -> Browser {
        browser(&self.tenant)
    }

    /// A sign-up with an address up to what follows its proof.
    async fn proven(&self, browser: &mut Browser, address: &str) -> Page {
        let page = browser.get(&self.authorize(&[])).await;
        let chosen = [("action", "choose:SignUpExchange")];
        let page = browser.fill(&page, &chosen).await;
        let page = self.prove(browser, &page, "email", address).await;
        browser.fill(&page, &[("action", "continue")]).await
    }

    async fn prove(&self, browser: &mut Browser, page: &Page, claim: &str, address: &str) -> Page {
        let send = format!("send-code:{claim}");
        let form = [(claim, address), ("action", &send)];
        let page = browser.fill(page, &form).await;
        let code = self.tenant.newest_code(address).unwrap();
        let (verify, input) = (format!("verify-code:{claim}"), format!("{claim}_ver_input"));
        let form = [(input.as_str(), code.as_str()), ("action", &verify)];
        let page = browser.fill(&page, &form).await;
        assert!(page.has("claimVerificationInfo"), "{}", page.body);
        page
    }

    async fn details(&self, browser: &mut Browser, page: &Page, extra: &[(&str, &str)]) -> Page {
        assert!(page.has("displayName"), "{}", page.body);
        let mut form = vec![
            ("newPassword", PASSWORD),
            ("reenterPassword", PASSWORD),
            ("displayName", "Jonas Weber"),
            ("action", "continue"),
        ];
        form.extend(extra);
        browser.fill(page, &form).await
    }

    async fn sign_up(&self, browser: &mut Browser, address: &str) -> Page {
        let page = self.proven(browser, address).await;
        self.details(browser, &page, &[]).await
    }

    async fn sign_in(&self, browser: &mut Browser, changes: &[(&str, &str)]) -> Page {
        let mut all = vec![("prompt", "login")];
        all.extend(changes);
        let page = browser.get(&self.authorize(&all)).await;
        let form = [
            ("signInName", JONAS),
            ("password", PASSWORD),
            ("action", "continue"),
        ];
        browser.fill(&page, &form).await
    }

    async fn through_google(&self, browser: &mut Browser, form: &[(&str, &str)]) -> Page {
        let page = browser.get(&self.authorize(&[("prompt", "login")])).await;
        let chosen = [("action", "choose:google.com")];
        let page = browser.fill(&page, &chosen).await;
        let mut all = vec![("action", "continue")];
        all.extend(form);
        browser.fill(&page, &all).await
    }

    async fn token(&self, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = format!("{}/oauth2/v2.0/token", self.authority());
        let response = http().post(url).form(form).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn redeem(&self, page: &Page) -> Value {
        let (status, body) = self.token(&code_form(&page.code())).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn id(&self, page: &Page) -> Value {
        id_claims(&self.redeem(page).await)
    }
}

fn answer(event: &str, action: &str, members: Value) -> Value {
    let capital = event[..1].to_uppercase() + &event[1..];
    let mut action = json!({ "@odata.type": format!("microsoft.graph.{event}.{action}") });
    let members = members.as_object().unwrap().clone();
    action.as_object_mut().unwrap().extend(members);
    json!({ "data": {
        "@odata.type": format!("microsoft.graph.on{capital}ResponseData"),
        "actions": [action],
    } })
}

fn attribute(value: Value, kind: &str, origin: &str) -> Value {
    json!({
        "value": value,
        "@odata.type": format!("microsoft.graph.{kind}DirectoryAttributeValue"),
        "attributeType": origin,
    })
}

/// What was told to the application instead of a code.
fn refusal(page: &Page) -> (String, String) {
    let description = page.parameter("error_description").unwrap_or_else(|| {
        panic!("no error: {:?} {}", page.location, page.body);
    });
    assert_eq!(page.parameter("state").as_deref(), Some("xyz"));
    assert_eq!(page.parameter("code"), None);
    let code = description.split(':').next().unwrap().to_owned();
    (page.parameter("error").unwrap(), code)
}

fn refused(error: &str, code: &str) -> (String, String) {
    (error.to_owned(), code.to_owned())
}

#[tokio::test]
async fn metadata_tell_the_endpoints_of_the_external_tenant() {
    let ciam = Ciam::new().await;
    let authority = ciam.authority();
    let url = format!("{authority}/v2.0/.well-known/openid-configuration");
    let metadata = get_json(&url).await;
    for (member, path) in [
        ("issuer", "v2.0"),
        ("authorization_endpoint", "oauth2/v2.0/authorize"),
        ("token_endpoint", "oauth2/v2.0/token"),
        ("end_session_endpoint", "oauth2/v2.0/logout"),
        ("jwks_uri", "discovery/v2.0/keys"),
    ] {
        assert_eq!(metadata[member], format!("{authority}/{path}"), "{member}");
    }
    assert_eq!(metadata["subject_types_supported"], json!(["pairwise"]));
}

/// §4.2.1 to §4.2.3, in one journey.
#[tokio::test]
async fn a_sign_up_tells_of_three_events_under_one_correlation_id() {
    let ciam = Ciam::new().await;
    let claims = json!({ "claims": { "customerId": "C000017", "roles": ["buyer", "admin"] } });
    ciam.on(TOKEN, "provideClaimsForToken", claims).await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    assert_eq!(ciam.events().await, [START], "before the form is shown");
    let typed = [("extension_Points", "120"), ("extension_Terms", "true")];
    let page = ciam.details(&mut browser, &page, &typed).await;
    let user = users(&ciam.tenant).await.remove(0);

    let bodies = ciam.bodies().await;
    let correlation = bodies[0]["data"]["authenticationContext"]["correlationId"].clone();
    uuid::Uuid::parse_str(correlation.as_str().unwrap()).unwrap();
    let principal = |app: &str, name: &str| json!({ "appId": app, "appDisplayName": name, "displayName": name });
    let context = json!({
        "correlationId": correlation,
        "client": { "ip": "127.0.0.1", "locale": "en-us", "market": "en-us" },
        "protocol": "OAUTH2.0",
        "clientServicePrincipal": principal(WEB, "Shop"),
        "resourceServicePrincipal": principal(GRAPH, "Microsoft Graph"),
    });
    let identities = json!([{ "signInType": "email", "issuer": "contoso.onmicrosoft.com",
        "issuerAssignedId": JONAS }]);
    let start = json!({
        "attributes": { "email": attribute(json!(JONAS), "string", "builtIn") },
        "identities": identities,
    });
    let custom = "directorySchemaExtension";
    let submit = json!({
        "attributes": {
            "email": attribute(json!(JONAS), "string", "builtIn"),
            "displayName": attribute(json!("Jonas Weber"), "string", "builtIn"),
            "city": attribute(json!(""), "string", "builtIn"),
            points(): attribute(json!(120), "int64", custom),
            format!("extension_{APP_ID}_Terms"): attribute(json!(true), "boolean", custom),
        },
        "identities": identities,
    });
    let mut of_token = context.clone();
    of_token["resourceServicePrincipal"] = principal(WEB, "Shop");
    of_token["user"] = json!({
        "id": user["objectId"], "userType": "Member", "displayName": "Jonas Weber",
        "mail": JONAS, "userPrincipalName": user["userPrincipalName"],
    });
    let expected = [
        (
            START,
            GRAPH,
            "onAttributeCollectionStartCalloutData",
            Some(start),
            context.clone(),
        ),
        (
            SUBMIT,
            GRAPH,
            "onAttributeCollectionSubmitCalloutData",
            Some(submit),
            context,
        ),
        (
            TOKEN,
            WEB,
            "onTokenIssuanceStartCalloutData",
            None,
            of_token,
        ),
    ];
    assert_eq!(bodies.len(), expected.len());
    for (mut body, (event, resource, data, info, context)) in bodies.into_iter().zip(expected) {
        for name in ["clientServicePrincipal", "resourceServicePrincipal"] {
            let told = &mut body["data"]["authenticationContext"][name];
            assert!(told.as_object_mut().unwrap().remove("id").is_some());
        }
        for name in [
            "authenticationEventListenerId",
            "customAuthenticationExtensionId",
        ] {
            assert!(body["data"].as_object_mut().unwrap().remove(name).is_some());
        }
        let mut told = json!({
            "@odata.type": format!("microsoft.graph.{data}"),
            "tenantId": TENANT,
            "authenticationContext": context,
        });
        if let Some(info) = info {
            told["userSignUpInfo"] = info;
        }
        let expected = json!({
            "type": format!("microsoft.graph.authenticationEvent.{event}"),
            "source": format!("/tenants/{TENANT}/applications/{resource}"),
            "data": told,
        });
        assert_eq!(body, expected, "{event}");
    }
    for request in ciam.api.received_requests().await.unwrap() {
        let token = request.headers["authorization"].to_str().unwrap();
        let caller = claims_of_bearer(token);
        assert_eq!(caller["azp"], "99045fe1-7639-4a75-9d4a-577b6ca3810f");
    }

    let response = ciam.redeem(&page).await;
    let token = response["id_token"].as_str().unwrap();
    let keys = format!("{}/discovery/v2.0/keys", ciam.authority());
    assert!(is_signed_by(&keys, token).await);
    let mut id = super::claims(token);
    let sub = id["sub"].take();
    assert_ne!(sub, user["objectId"], "pairwise");
    let issued = id["iat"].as_i64().unwrap();
    assert_eq!(
        id,
        json!({
            "ver": "2.0", "iss": format!("{}/v2.0", ciam.authority()), "aud": WEB,
            "iat": issued, "nbf": issued, "exp": issued + 3600, "nonce": "f7b1c0", "sub": null,
            "tid": TENANT, "oid": user["objectId"], "name": "Jonas Weber",
            "preferred_username": JONAS, "email": JONAS,
            "customerId": "C000017", "shop_roles": ["buyer", "admin"],
        })
    );
}

fn claims_of_bearer(header: &str) -> Value {
    super::claims(header.strip_prefix("Bearer ").unwrap())
}

#[tokio::test]
async fn the_account_is_in_the_directory_and_graph_shows_it() {
    let ciam = Ciam::new().await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    let typed = [("city", "Bern"), ("extension_Points", "120")];
    ciam.details(&mut browser, &page, &typed).await.code();
    let user = users(&ciam.tenant).await.remove(0);
    assert_eq!(user["signInNames"], json!({ "emailAddress": JONAS }));
    assert_eq!(user["accountEnabled"], true);
    let expected = json!({ "displayName": "Jonas Weber", "city": "Bern", "extension_Points": 120 });
    assert_eq!(user["attributes"], expected);
    let url = format!("{}/graph/v1.0/users", ciam.tenant.base_url());
    let shown = get_json(&url).await;
    assert_eq!(shown["value"][0]["displayName"], "Jonas Weber");
}

#[tokio::test]
async fn the_start_fills_the_form_in() {
    let ciam = Ciam::new().await;
    let inputs = json!({ "inputs": {
        "city": "Bern", points(): 7, format!("extension_{APP_ID}_Terms"): true,
        "country": "gb",
    } });
    ciam.on(START, "setPrefillValues", inputs).await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    assert_eq!(page.value("city").as_deref(), Some("Bern"));
    assert_eq!(page.value("extension_Points").as_deref(), Some("7"));
    let tick = page.between("id=\"extension_Terms_0\"", ">").unwrap();
    assert!(tick.contains("checked"), "{tick}");
    let form = [("city", "Basel"), ("extension_Points", "7")];
    ciam.details(&mut browser, &page, &form).await.code();
    let user = users(&ciam.tenant).await.remove(0);
    let expected = json!({ "displayName": "Jonas Weber", "city": "Basel", "extension_Points": 7 });
    assert_eq!(user["attributes"], expected, "the person has the last word");
}

#[tokio::test]
async fn start_and_submit_may_show_a_block_page() {
    for event in [START, SUBMIT] {
        let ciam = Ciam::new().await;
        let page = json!({ "title": "Not available", "message": "Ask us first. K7Q2" });
        ciam.on(event, "showBlockPage", page).await;
        let mut browser = ciam.browser();
        let mut page = ciam.proven(&mut browser, JONAS).await;
        if event == SUBMIT {
            page = ciam.details(&mut browser, &page, &[]).await;
        }
        assert_eq!(page.status, 200, "{event}");
        assert_eq!(page.location, None, "{event}");
        let message = page.text("block-message");
        assert_eq!(message.as_deref(), Some("Ask us first. K7Q2"), "{event}");
        assert!(page.body.contains("<h1>Not available</h1>"), "{event}");
        assert!(users(&ciam.tenant).await.is_empty(), "{event}");
    }
}

#[tokio::test]
async fn the_submit_may_change_what_was_collected() {
    let ciam = Ciam::new().await;
    let changes = json!({ "attributes": {
        "displayName": "Jonas W.", "city": "Bern", points(): 100, "country": "gb",
    } });
    ciam.on(SUBMIT, "modifyAttributeValues", changes).await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    let typed = [("extension_Points", "120")];
    let page = ciam.details(&mut browser, &page, &typed).await;
    assert_eq!(ciam.id(&page).await["name"], "Jonas W.");
    let user = users(&ciam.tenant).await.remove(0);
    let expected = json!({ "displayName": "Jonas W.", "city": "Bern", "extension_Points": 100 });
    assert_eq!(user["attributes"], expected);
}

#[tokio::test]
async fn a_validation_error_marks_its_fields_and_the_form_stays() {
    let ciam = Ciam::new().await;
    let reply = ResponseTemplate::new(200).set_body_json(answer(
        SUBMIT,
        "showValidationError",
        json!({
            "message": "Please correct the marked fields.",
            "attributeErrors": {
                "displayName": "Use at least three letters.",
                points(): "Points cannot be negative.",
                "email": "No such domain.",
            },
        }),
    ));
    let kind = format!("microsoft.graph.authenticationEvent.{SUBMIT}");
    Mock::given(matchers::body_partial_json(json!({ "type": kind })))
        .respond_with(reply)
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&ciam.api)
        .await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    let typed = [("displayName", "J"), ("extension_Points", "-3")];
    let form: Vec<_> = [("newPassword", PASSWORD), ("reenterPassword", PASSWORD)]
        .into_iter()
        .chain(typed)
        .chain([("action", "continue")])
        .collect();
    let page = browser.fill(&page, &form).await;
    // The form does not show the address: what is said of it goes on top.
    assert_eq!(
        page.text("claimVerificationServerError").as_deref(),
        Some("Please correct the marked fields. No such domain.")
    );
    let errors = [
        ("displayName_error", "Use at least three letters."),
        ("extension_Points_error", "Points cannot be negative."),
    ];
    for (id, text) in errors {
        assert_eq!(page.text(id).as_deref(), Some(text));
    }
    assert_eq!(page.value("displayName").as_deref(), Some("J"));
    assert!(users(&ciam.tenant).await.is_empty());
    ciam.details(&mut browser, &page, &[("extension_Points", "3")])
        .await
        .code();
    assert_eq!(ciam.events().await, [START, SUBMIT, SUBMIT, TOKEN]);
    let correlations: BTreeSet<String> = ciam
        .bodies()
        .await
        .iter()
        .map(|body| body["data"]["authenticationContext"]["correlationId"].to_string())
        .collect();
    assert_eq!(correlations.len(), 1, "one journey");
}

/// §4.6: "a generic error (AADSTS1100001) and no token".
#[tokio::test]
async fn a_failed_extension_ends_the_sign_in_with_a_general_error() {
    for (event, accounts) in [(START, 0), (SUBMIT, 0), (TOKEN, 1)] {
        let ciam = Ciam::new().await;
        ciam.broken(event).await;
        let mut browser = ciam.browser();
        let mut page = ciam.proven(&mut browser, JONAS).await;
        if event != START {
            page = ciam.details(&mut browser, &page, &[]).await;
        }
        let expected = refused("server_error", "AADSTS1100001");
        assert_eq!(refusal(&page), expected, "{event}");
        let description = page.parameter("error_description").unwrap();
        assert!(!description.contains("1003002"), "{description}");
        let created = users(&ciam.tenant).await.len();
        assert_eq!(created, accounts, "{event}");
        let entry = audit(&ciam.tenant).await.pop().unwrap();
        assert_eq!(entry["errorCode"], "1003002", "{event}");
        assert_eq!(entry["dialect"], "external-id", "{event}");
        // A session would spare the person who is turned away the sign-in.
        let silent = browser.get(&ciam.authorize(&[("prompt", "none")])).await;
        let expected = refused("login_required", "AADSTS50058");
        assert_eq!(refusal(&silent), expected, "{event}");
    }
}

#[tokio::test]
async fn a_slow_extension_is_asked_once_more_and_then_given_up() {
    let ciam = Ciam::new().await;
    let extension = Extension {
        time_limit_ms: 200,
        maximum_retries: 1,
        ..ciam.extension()
    };
    let chosen = Extensions::all(&extension);
    ciam.tenant.set_extensions("SignUpSignIn", chosen).unwrap();
    let slow = ResponseTemplate::new(200)
        .set_body_json(answer(START, "continueWithDefaultBehavior", json!({})))
        .set_delay(Duration::from_secs(30));
    ciam.mount(START, slow, 1).await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    assert_eq!(refusal(&page), refused("server_error", "AADSTS1100001"));
    let entry = audit(&ciam.tenant).await.pop().unwrap();
    assert_eq!(entry["errorCode"], "1003005");
    assert_eq!(entry["numberOfAttempts"], 2);
}

#[tokio::test]
async fn a_federated_person_signs_up_once_and_returns() {
    let ciam = Ciam::new().await;
    let mut browser = ciam.browser();
    let told = [
        ("email", "mina@mail.example"),
        ("issuerUserId", "104477002981"),
        ("displayName", "Mina Kaur"),
    ];
    let page = ciam.through_google(&mut browser, &told).await;
    assert_eq!(page.value("displayName").as_deref(), Some("Mina Kaur"));
    assert!(!page.has("newPassword"), "no password of ours");
    let form = [("displayName", "Mina K."), ("action", "continue")];
    let page = browser.fill(&page, &form).await;
    let id = ciam.id(&page).await;
    let shown = ["name", "email", "idp", "preferred_username"].map(|name| id[name].clone());
    let expected = [
        "Mina K.",
        "mina@mail.example",
        "google.com",
        "mina@mail.example",
    ];
    assert_eq!(shown, expected.map(Value::from));
    let bodies = ciam.bodies().await;
    let identity = json!([{ "signInType": "federated", "issuer": "google.com",
        "issuerAssignedId": "104477002981" }]);
    for body in &bodies[..2] {
        assert_eq!(body["data"]["userSignUpInfo"]["identities"], identity);
    }
    let name = &bodies[0]["data"]["userSignUpInfo"]["attributes"]["displayName"];
    assert_eq!(name["value"], "Mina Kaur", "what the provider told");
    let page = ciam.through_google(&mut browser, &told).await;
    let again = ciam.id(&page).await;
    assert_eq!((&again["oid"], &again["sub"]), (&id["oid"], &id["sub"]));
    assert_eq!(ciam.events().await, [START, SUBMIT, TOKEN, TOKEN]);
    assert_eq!(users(&ciam.tenant).await.len(), 1);
}

#[tokio::test]
async fn a_returning_person_only_gets_a_token() {
    let ciam = Ciam::new().await;
    ciam.sign_up(&mut ciam.browser(), JONAS).await.code();
    let mut other = ciam.browser();
    let page = ciam.sign_in(&mut other, &[]).await;
    assert_eq!(ciam.id(&page).await["name"], "Jonas Weber");
    assert_eq!(ciam.events().await, [START, SUBMIT, TOKEN, TOKEN]);
    let user = &ciam.bodies().await[3]["data"]["authenticationContext"]["user"];
    assert_eq!(user["id"], users(&ciam.tenant).await[0]["objectId"]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_before_any_event() {
    let ciam = Ciam::new().await;
    ciam.sign_up(&mut ciam.browser(), JONAS).await.code();
    let page = ciam.proven(&mut ciam.browser(), JONAS).await;
    assert!(page.has("claimVerificationServerError"), "{}", page.body);
    assert!(page.has("email"), "the page of the address stays");
    assert_eq!(ciam.events().await, [START, SUBMIT, TOKEN]);
}

#[tokio::test]
async fn an_account_without_a_password_signs_in_with_a_code() {
    let ciam = Ciam::with(|flow| flow.local = LocalMethod::EmailOneTimePasscode).await;
    let mut browser = ciam.browser();
    let page = ciam.proven(&mut browser, JONAS).await;
    assert!(!page.has("newPassword"), "{}", page.body);
    let form = [("displayName", "Jonas Weber"), ("action", "continue")];
    let created = ciam.id(&browser.fill(&page, &form).await).await;
    let mut other = ciam.browser();
    let page = other.get(&ciam.authorize(&[])).await;
    let stays = other
        .fill(&page, &[("signInName", JONAS), ("action", "continue")])
        .await;
    assert!(stays.has("signInName"), "an address alone is no proof");
    let page = ciam.prove(&mut other, &stays, "signInName", JONAS).await;
    let page = other.fill(&page, &[("action", "continue")]).await;
    assert_eq!(ciam.id(&page).await["sub"], created["sub"]);
    let mut stranger = ciam.browser();
    let page = stranger.get(&ciam.authorize(&[])).await;
    let page = ciam
        .prove(&mut stranger, &page, "signInName", "nobody@post.example")
        .await;
    let page = stranger.fill(&page, &[("action", "continue")]).await;
    assert!(page.has("claimVerificationServerError"), "{}", page.body);
}

#[tokio::test]
async fn the_subject_is_the_applications_own_and_stays() {
    let ciam = Ciam::new().await;
    let mut browser = ciam.browser();
    let web = ciam.id(&ciam.sign_up(&mut browser, JONAS).await).await;
    let again = ciam.id(&ciam.sign_in(&mut browser, &[]).await).await;
    let page = ciam.sign_in(&mut browser, &[("client_id", OTHER)]).await;
    let mut form = code_form("");
    let code = page.code();
    for (name, value) in &mut form {
        match *name {
            "client_id" => *value = OTHER,
            "client_secret" => *value = "other",
            "code" => *value = &code,
            _ => {}
        }
    }
    let (status, body) = ciam.token(&form).await;
    assert_eq!(status, 200, "{body}");
    let other = id_claims(&body);
    assert_eq!(web["sub"], again["sub"]);
    assert_ne!(web["sub"], other["sub"]);
    assert_eq!(web["oid"], other["oid"]);
    assert_eq!(other["aud"], OTHER);
}

/// "The profile scope is required to receive this claim."
#[tokio::test]
async fn what_the_token_tells_depends_on_the_scopes() {
    let ciam = Ciam::new().await;
    ciam.sign_up(&mut ciam.browser(), JONAS).await.code();
    let personal = ["email", "name", "oid", "preferred_username"];
    for (scope, expected) in [
        ("openid", vec![]),
        ("openid email", vec!["email"]),
        ("openid profile", vec!["name", "oid", "preferred_username"]),
        ("openid profile email", personal.to_vec()),
    ] {
        let page = ciam.sign_in(&mut ciam.browser(), &[("scope", scope)]).await;
        let response = ciam.redeem(&page).await;
        let id = id_claims(&response);
        let told = personal.into_iter().filter(|name| id.get(name).is_some());
        assert_eq!(told.collect::<Vec<_>>(), expected, "{scope}");
        assert!(response.get("refresh_token").is_none(), "{scope}");
    }
}

#[tokio::test]
async fn a_session_spares_the_pages_and_not_the_token_event() {
    let ciam = Ciam::new().await;
    let mut browser = ciam.browser();
    let first = ciam.id(&ciam.sign_up(&mut browser, JONAS).await).await;
    for changes in [&[][..], &[("prompt", "none")], &[("client_id", OTHER)]] {
        let page = browser.get(&ciam.authorize(changes)).await;
        page.code();
    }
    assert_eq!(
        ciam.events().await,
        [START, SUBMIT, TOKEN, TOKEN, TOKEN, TOKEN]
    );
    let page = browser.get(&ciam.authorize(&[("prompt", "login")])).await;
    assert!(page.has("signInName"), "asked again");
    let flows = browser.get(&authorize_url(&ciam.tenant, &[])).await;
    assert_eq!(flows.location, None, "a B2C flow knows nobody by it");
    let page = browser.get(&ciam.authorize(&[])).await;
    assert_eq!(ciam.id(&page).await["sub"], first["sub"]);
    let out = format!("{}/oauth2/v2.0/logout", ciam.authority());
    let page = browser.get(&out).await;
    assert!(page.has("signed-out"), "{}", page.body);
    let page = browser.get(&ciam.authorize(&[("prompt", "none")])).await;
    assert_eq!(refusal(&page), refused("login_required", "AADSTS50058"));
}

#[tokio::test]
async fn a_refresh_asks_the_extension_again_and_tells_what_is_known_today() {
    let ciam = Ciam::new().await;
    let kind = format!("microsoft.graph.authenticationEvent.{TOKEN}");
    let body = answer(
        TOKEN,
        "provideClaimsForToken",
        json!({ "claims": { "customerId": "C1" } }),
    );
    Mock::given(matchers::body_partial_json(json!({ "type": kind })))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&ciam.api)
        .await;
    let second = json!({ "claims": { "customerId": "C2" } });
    let second = answer(TOKEN, "provideClaimsForToken", second);
    Mock::given(matchers::body_partial_json(json!({ "type": kind })))
        .respond_with(ResponseTemplate::new(200).set_body_json(second))
        .up_to_n_times(2)
        .with_priority(2)
        .mount(&ciam.api)
        .await;
    ciam.mount(TOKEN, ResponseTemplate::new(500), 3).await;
    let response = ciam
        .redeem(&ciam.sign_up(&mut ciam.browser(), JONAS).await)
        .await;
    let first = id_claims(&response);
    assert_eq!(first["customerId"], "C1");
    let id = users(&ciam.tenant).await[0]["objectId"].clone();
    let path = format!("users/{}", id.as_str().unwrap());
    let renamed = json!({ "attributes": { "displayName": "Jonas W." } });
    let (status, reply) = control(&ciam.tenant, reqwest::Method::PATCH, &path, renamed).await;
    assert_eq!(status, 204, "{reply}");
    let form = |token: &str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", WEB.to_owned()),
            ("client_secret", SECRET.to_owned()),
            ("refresh_token", token.to_owned()),
        ]
    };
    let token = response["refresh_token"].as_str().unwrap();
    let ask = |form: [(&'static str, String); 4]| {
        let ciam = &ciam;
        async move {
            let pairs: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
            ciam.token(&pairs).await
        }
    };
    // Entra's are not used up.
    for _ in 0..2 {
        let (status, body) = ask(form(token)).await;
        assert_eq!(status, 200, "{body}");
        let id = id_claims(&body);
        assert_eq!(id["customerId"], "C2");
        assert_eq!(id["name"], "Jonas W.");
        assert_eq!((&id["sub"], &id["oid"]), (&first["sub"], &first["oid"]));
        assert_eq!(id.get("nonce"), None);
        assert!(body["refresh_token"].is_string());
    }
    let bodies = ciam.bodies().await;
    let correlation = |at: usize| &bodies[at]["data"]["authenticationContext"]["correlationId"];
    assert_ne!(correlation(2), correlation(3), "a request of its own");
    let (status, body) = ask(form(token)).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(body["error"], "server_error");
    assert_eq!(body["error_codes"], json!([1_100_001]));
    let (_, _) = control(&ciam.tenant, reqwest::Method::DELETE, &path, json!({})).await;
    let (status, body) = ask(form(token)).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(body["error_codes"], json!([50_034]), "{body}");
}

#[tokio::test]
async fn the_token_response_has_entras_members() {
    let ciam = Ciam::new().await;
    let page = ciam.sign_up(&mut ciam.browser(), JONAS).await;
    let code = page.code();
    let mut form = code_form(&code);
    form.push(("client_info", "1"));
    let (status, response) = ciam.token(&form).await;
    assert_eq!(status, 200, "{response}");
    let members: Vec<&str> = response
        .as_object()
        .unwrap()
        .keys()
        .map(|key| &**key)
        .collect();
    let expected = [
        "access_token",
        "client_info",
        "expires_in",
        "ext_expires_in",
        "id_token",
        "refresh_token",
        "scope",
        "token_type",
    ];
    assert_eq!(members, expected);
    assert_eq!(response["expires_in"], 3600, "a number");
    let oid = &users(&ciam.tenant).await[0]["objectId"];
    let info = decoded(response["client_info"].as_str().unwrap());
    assert_eq!(info, json!({ "uid": oid, "utid": TENANT }));
    let access = super::claims(response["access_token"].as_str().unwrap());
    assert_eq!(access["aud"], GRAPH, "no scope names an API");
    assert_eq!(access["azp"], WEB);
    assert_eq!(access.get("customerId"), None);
}

#[tokio::test]
async fn a_request_that_cannot_go_back_is_told_of_on_our_page() {
    let ciam = Ciam::new().await;
    for (changes, code) in [
        (
            ("client_id", "0b7c3d21-0000-4000-8000-000000000000"),
            "AADSTS700016",
        ),
        // Registered, and in no flow.
        (("client_id", SPA), "AADSTS700016"),
        (("redirect_uri", "https://evil.example/"), "AADSTS50011"),
    ] {
        let page = ciam.browser().get(&ciam.authorize(&[changes])).await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert_eq!(
            page.text("error-code").as_deref(),
            Some(code),
            "{changes:?}"
        );
        let details = page.text("error-details").unwrap();
        assert!(details.starts_with("Trace ID: "), "{details}");
    }
    let path = format!("/entra/login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize");
    let url = format!("{}{path}", ciam.tenant.base_url());
    let answer = http().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 404, "external tenants sign in elsewhere");
    let as_policy = format!(
        "{}/contoso.onmicrosoft.com/SignUpSignIn/oauth2/v2.0/authorize",
        ciam.tenant.base_url()
    );
    let answer = http().get(as_policy).send().await.unwrap();
    assert_eq!(answer.status(), 404, "it is no policy of B2C");
}

#[tokio::test]
async fn other_errors_go_to_the_application_with_entras_codes() {
    let ciam = Ciam::new().await;
    for (changes, error, code) in [
        (
            ("response_type", "token"),
            "unsupported_response_type",
            "AADSTS70005",
        ),
        (("response_mode", "smoke"), "invalid_request", "AADSTS70007"),
        (("scope", "profile"), "invalid_scope", "AADSTS70011"),
        (("prompt", "shout"), "invalid_request", "AADSTS90023"),
    ] {
        let page = ciam.browser().get(&ciam.authorize(&[changes])).await;
        assert_eq!(refusal(&page), refused(error, code), "{changes:?}");
        let description = page.parameter("error_description").unwrap();
        let lines: Vec<&str> = description.split("\r\n").collect();
        assert_eq!(lines.len(), 4, "{description}");
        for (line, begin) in
            lines[1..]
                .iter()
                .zip(["Trace ID: ", "Correlation ID: ", "Timestamp: "])
        {
            assert!(line.starts_with(begin), "{description}");
        }
    }
}

#[tokio::test]
async fn cancelling_goes_back_with_entras_error() {
    let ciam = Ciam::new().await;
    let mut browser = ciam.browser();
    let first = browser.get(&ciam.authorize(&[])).await;
    let first = browser.fill(&first, &[("action", "cancel")]).await;
    let page = browser.get(&ciam.authorize(&[])).await;
    let page = browser
        .fill(&page, &[("action", "choose:google.com")])
        .await;
    let provider = browser.fill(&page, &[("action", "cancel")]).await;
    for page in [first, provider] {
        assert_eq!(refusal(&page), refused("access_denied", "AADSTS65004"));
        assert_eq!(page.parameter("error_subcode").as_deref(), Some("cancel"));
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_with_entras_codes() {
    let ciam = Ciam::new().await;
    let page = ciam.sign_up(&mut ciam.browser(), JONAS).await;
    let code = page.code();
    let with = |changes: &[(&'static str, &'static str)]| {
        let mut form = code_form(&code);
        for (name, value) in changes {
            for pair in form.iter_mut().filter(|pair| pair.0 == *name) {
                pair.1 = value;
            }
        }
        form.retain(|pair| !pair.1.is_empty());
        form
    };
    for (changes, status, error, number) in [
        (
            vec![("client_secret", "wrong")],
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            vec![("client_secret", "")],
            401,
            "invalid_client",
            7_000_218,
        ),
        (
            vec![("client_id", "nobody")],
            401,
            "invalid_client",
            700_016,
        ),
        (
            vec![("grant_type", "password")],
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (vec![("code", "")], 400, "invalid_request", 900_144),
        (vec![("code", "made up")], 400, "invalid_grant", 70_000),
        (
            vec![("redirect_uri", "https://shop.example/cb?x=1")],
            400,
            "invalid_grant",
            500_112,
        ),
        (vec![], 200, "", 0),
        (vec![], 400, "invalid_grant", 54_005),
    ] {
        let (got, body) = ciam.token(&with(&changes)).await;
        assert_eq!(got, status, "{changes:?} {body}");
        if status != 200 {
            assert_eq!(body["error"], error, "{changes:?}");
            assert_eq!(body["error_codes"], json!([number]), "{changes:?}");
            let text = body["error_description"].as_str().unwrap();
            assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
            let id = body["correlation_id"].as_str().unwrap();
            assert!(text.contains(id), "{text}");
        }
    }
    // What an external tenant gave is worth nothing at B2C's endpoints.
    let page = ciam.sign_in(&mut ciam.browser(), &[]).await;
    let (status, body) = post_token(&ciam.tenant, &code_form(&page.code())).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn a_public_client_proves_itself_with_pkce() {
    let ciam = Ciam::with(|flow| flow.applications.push(SPA.to_owned())).await;
    let page = ciam
        .browser()
        .get(&ciam.authorize(&[("client_id", SPA)]))
        .await;
    assert_eq!(refusal(&page), refused("invalid_request", "AADSTS9002325"));
    ciam.sign_up(&mut ciam.browser(), JONAS).await.code();
    let digest = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(digest.as_ref());
    let changes = [
        ("client_id", SPA),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let page = ciam.sign_in(&mut ciam.browser(), &changes).await;
    let code = page.code();
    let form = |verifier: &'static str| {
        [
            ("grant_type", "authorization_code"),
            ("client_id", SPA),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ]
    };
    let mut wrong = form("not-the-verifier-not-the-verifier-not-the-verifier").to_vec();
    wrong.push(("code", &code));
    let (status, body) = ciam.token(&wrong).await;
    assert_eq!(
        (status, &body["error_codes"]),
        (StatusCode::BAD_REQUEST, &json!([501_481]))
    );
    let mut right = form(VERIFIER).to_vec();
    right.push(("code", &code));
    let (status, body) = ciam.token(&right).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn the_authority_by_name_issues_in_its_own_name() {
    let ciam = Ciam::new().await;
    let by_name = format!(
        "{}/entra/contoso.ciamlogin.com/{TENANT}",
        ciam.tenant.base_url()
    );
    let metadata = get_json(&format!("{by_name}/v2.0/.well-known/openid-configuration")).await;
    let mut browser = ciam.browser();
    ciam.sign_up(&mut browser, JONAS).await.code();
    let url = ciam.authorize(&[]).replace(&ciam.authority(), &by_name);
    let page = browser.get(&url).await;
    let url = metadata["token_endpoint"].as_str().unwrap();
    let response = http()
        .post(url)
        .form(&code_form(&page.code()))
        .send()
        .await
        .unwrap();
    let id = id_claims(&response.json().await.unwrap());
    assert_eq!(id["iss"], metadata["issuer"]);
    let expected = ciam
        .tenant
        .entra_issuer(EntraIssuer::ExternalDomain, TokenVersion::V2);
    assert_eq!(id["iss"], expected);
}

#[tokio::test]
async fn the_trace_shows_the_calls_and_no_credential() {
    let ciam = Ciam::new().await;
    ciam.sign_up(&mut ciam.browser(), JONAS).await.code();
    let url = format!("{}/__emulator/traces", ciam.tenant.base_url());
    let list = get_json(&url).await;
    let trace = list["traces"].as_array().or(list.as_array()).unwrap()[0].clone();
    assert_eq!(trace["dialect"], "external-id", "{trace}");
    let id = trace["id"].as_str().unwrap();
    let whole = get_json(&format!("{url}/{id}")).await.to_string();
    for part in [
        "tokenIssuanceStart",
        "Bearer ••••••",
        "custom authentication extension",
    ] {
        assert!(
            whole.to_lowercase().contains(&part.to_lowercase()),
            "{part}: {whole}"
        );
    }
    assert!(!whole.contains(PASSWORD), "{whole}");
    assert!(!whole.contains("Bearer ey"), "{whole}");
}

#[tokio::test]
async fn extensions_are_chosen_while_the_tenant_runs() {
    let ciam = Ciam::new().await;
    let chosen =
        json!({ "on_token_issuance_start": { "target_url": format!("{}/x", ciam.api.uri()) } });
    put(&ciam.tenant, "extensions/SIGNUPSIGNIN", chosen.clone()).await;
    ciam.sign_up(&mut ciam.browser(), JONAS).await.code();
    assert_eq!(
        ciam.events().await,
        [TOKEN],
        "what is missing is not called"
    );
    let url = format!(
        "{}/__emulator/extensions/signupsignin",
        ciam.tenant.base_url()
    );
    let shown = get_json(&url).await;
    let shown = &shown["on_token_issuance_start"];
    assert_eq!(
        shown["target_url"],
        chosen["on_token_issuance_start"]["target_url"]
    );
    assert_eq!(shown["time_limit_ms"], 1_000);
    for (path, body, status) in [
        ("extensions/nothing", json!({}), 404),
        (
            "extensions/signupsignin",
            json!({ "on_something": null }),
            400,
        ),
        (
            "extensions/signupsignin",
            json!({ "on_token_issuance_start": { "target_url": "http://x", "time_limit_ms": 5_000 } }),
            400,
        ),
    ] {
        let (got, reply) = control(&ciam.tenant, reqwest::Method::PUT, path, body).await;
        assert_eq!(got, status, "{path} {reply}");
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_at_the_start() {
    type Change = fn(&mut Settings);
    let cases: [(Change, &str); 6] = [
        (
            |s| s.external_id[0].name = "a b".to_owned(),
            "letters, digits",
        ),
        (
            |s| s.external_id[0].applications.push("nobody".to_owned()),
            "not registered",
        ),
        (
            |s| {
                let mut second = flow();
                second.name = "Second".to_owned();
                s.external_id.push(second);
            },
            "one is the limit",
        ),
        (
            |s| {
                s.external_id[0].local = LocalMethod::None;
                s.external_id[0].providers.clear();
            },
            "neither a local method nor a provider",
        ),
        (
            |s| {
                s.external_id[0].claims.push(MappedClaim {
                    id: "x".to_owned(),
                    name: "sub".to_owned(),
                });
            },
            "restricted",
        ),
        (
            |s| {
                s.external_id[0].extensions = Extensions::all(&Extension::at("nowhere"));
            },
            "no URL",
        ),
    ];
    for (change, text) in cases {
        let mut settings = settings();
        settings.external_id = vec![flow()];
        change(&mut settings);
        match emulator::start(settings).await {
            Err(StartError::Settings(found)) => assert!(found.contains(text), "{found}"),
            Err(other) => panic!("{text}: {other}"),
            Ok(_) => panic!("{text}: it started"),
        }
    }
}

#[tokio::test]
async fn what_one_platform_gave_is_good_at_its_own_doors_only() {
    let mut settings = settings();
    let mut flow = ExternalIdFlow::new(super::FLOW, &[WEB]);
    flow.attributes = vec![Attribute::new("displayName").required()];
    settings.external_id = vec![flow];
    let tenant = emulator::start(settings).await.unwrap();
    let page = super::sign_up(&mut super::browser(&tenant), &tenant, JONAS).await;
    let code = page.code();
    let url = format!(
        "{}/entra/{TENANT}.ciamlogin.com/{TENANT}/oauth2/v2.0/token",
        tenant.base_url()
    );
    let response = super::http()
        .post(url)
        .form(&code_form(&code))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error_codes"], json!([70_000]), "{body}");
    // Which leaves it good where it is.
    super::exchange(&tenant, &code).await;
}
