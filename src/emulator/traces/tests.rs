//! The interface and its pages, over traces made by hand.

use std::{fs, path::PathBuf};

use actix_web::{
    App,
    http::{Method, StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use serde_json::Value as Json;

use super::{sample, *};
use crate::{
    emulator::{
        Application, Settings,
        audit::Dialect,
        engine::{program::Program, support::Obstacle, trace::MASK},
        index,
        policies::Refused,
        state::Parts,
        try_it,
    },
    policy::set::PolicySet,
};

const POLICY: &str = r#"<TrustFrameworkPolicy PolicyId="B2C_1A_SignIn" TenantId="contoso.onmicrosoft.com">
  <!-- <script>alert(1)</script> -->
  <UserJourneys><UserJourney Id="SignIn"><OrchestrationSteps/></UserJourney></UserJourneys>
  <RelyingParty><DefaultUserJourney ReferenceId="SignIn"/></RelyingParty>
</TrustFrameworkPolicy>
"#;

fn tenant() -> Tenant {
    let mut settings = Settings::new("contoso");
    settings.applications.push(Application {
        client_id: "7c0f6c6e-2f5e-4d6b-9d4b-3c1e1e0f5a10".to_owned(),
        name: "Contoso <Shop>".to_owned(),
        secret: None,
        redirect_uris: vec!["https://shop.example/signed-in".to_owned()],
        post_logout_redirect_uris: Vec::new(),
    });
    let parts = Parts {
        base_url: "http://localhost:1".to_owned(),
        port: 1,
        saved: None,
        https: None,
        http: reqwest::Client::new(),
    };
    Tenant::new(settings, parts).unwrap()
}

/// With one policy that is served and one that is not.
fn with_policies() -> Tenant {
    let mut tenant = tenant();
    let set = PolicySet::from_texts([(sample::BASE, POLICY)]);
    let file = set.sources.ids().next().unwrap();
    let effective = set.effective(file).unwrap();
    let sources = Arc::new(set.sources.clone());
    let program = Program::new(Dialect::CustomPolicy, effective, sources).unwrap();
    tenant
        .programs
        .insert("b2c_1a_signin".to_owned(), Arc::new(program));
    tenant.refused.push(Refused {
        policy: "B2C_1A_Saml".to_owned(),
        obstacles: vec![Obstacle {
            place: Some(crate::emulator::engine::trace::Place {
                file: sample::EXTENSIONS.to_owned(),
                line: 12,
            }),
            what: "The protocol SAML2 is not supported".to_owned(),
            mend: "Use OpenIdConnect.".to_owned(),
        }],
    });
    tenant
}

struct Got {
    status: StatusCode,
    body: String,
}

impl Got {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

const HTML: &str = "text/html,application/xhtml+xml";

async fn get(tenant: &web::Data<Tenant>, path: &str, accept: &str) -> Got {
    send(tenant, Method::GET, path, accept).await
}

async fn send(tenant: &web::Data<Tenant>, method: Method, path: &str, accept: &str) -> Got {
    let routes = web::scope("/__emulator").configure(configure);
    let app = init_service(App::new().app_data(tenant.clone()).service(routes)).await;
    let request = TestRequest::default()
        .method(method)
        .uri(path)
        .insert_header((header::ACCEPT, accept));
    let response = call_service(&app, request.to_request()).await;
    let status = response.status();
    let body = read_body(response).await;
    let body = String::from_utf8(body.to_vec()).unwrap();
    Got { status, body }
}

/// What a reader sees, roughly.
fn words(page: &str) -> String {
    let mut words = String::new();
    for part in page.split('<') {
        words.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        words.push(' ');
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn page(trace: &Trace, watching: Watching) -> String {
    let summary = Summary::of(trace, Some("Contoso <Shop>"));
    let desk = Desk {
        tenant: "contoso.onmicrosoft.com",
    };
    view::page(desk, trace, &summary, watching)
}

#[test]
fn the_page_tells_how_it_ended_and_where() {
    let page = page(&sample::failed("t1"), Watching::On);
    let words = words(&page);
    for told in [
        "B2C_1A_SignUpOrSignIn_Link",
        "The application was told an error",
        "AADB2C90075 The claims exchange &#39;REST-LinkCustomer&#39; specified in step &#39;5&#39;",
        "Ended in step 5 of SignUpOrSignInLink , where REST-LinkCustomer failed TrustFrameworkExtensions.xml:88",
        "error=server_error",
        "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10",
        "5 run, 1 skipped",
        "REST 21.28 s in 3 calls",
        "No reply within 10 s.",
    ] {
        assert!(words.contains(told), "{told}\n{words}");
    }
}

#[test]
fn the_page_tells_why_a_step_ran_or_not() {
    let words = words(&page(&sample::issued("t1"), Watching::On));
    for told in [
        "3 ClaimsExchange skipped because claim objectId exists TrustFrameworkBase.xml:1224",
        "does not skip Skip if claim objectId exists: claim objectId does not exist",
        "ignored Skip if claim segment is something else than “b2c”: claim segment is missing",
        "put ClaimsExist on segment with ExecuteActionsIf=&#34;false&#34; beside it",
        "2 things that may not be meant",
    ] {
        assert!(words.contains(told), "{told}\n{words}");
    }
}

#[test]
fn what_happened_stands_in_its_order_with_validations_behind_their_page() {
    let page = page(&sample::issued("t1"), Watching::On);
    let words = words(&page);
    let mut rest = words.as_str();
    for told in [
        "Page shown Create an account",
        "Person send-code",
        "Person verify-code",
        "Person continue",
        "Behind the page REST-CheckCustomer",
        "HTTP 409",
        "&#34;userMessage&#34; : &#34;No customer has this number.",
        "Page stayed No customer has this number.",
        "Person continue",
        "HTTP 200 1.23 s 2 attempts Injected: 1.2 s late",
        "&#34;credit&#34; : 2500.00",
        "AAD-UserWriteUsingLogonEmail",
        "email as signInNames.emailAddress",
        "REST-Migrate REST validation skipped",
        "CreateTags",
        "Claims this step changed",
        "EnrichCall",
        "from the session",
        "changed displayName",
        "added segment",
        "removed tags",
        "Claims in the tokens",
    ] {
        let at = rest.find(told);
        let at = at.unwrap_or_else(|| panic!("{told} is not in\n{rest}"));
        rest = &rest[at + told.len()..];
    }
}

#[test]
fn each_place_leads_to_its_line_and_back() {
    let page = page(&sample::issued("t1"), Watching::On);
    let href =
        "/__emulator/source?file=policies%2fbase%2fTrustFrameworkBase.xml&#38;trace=t1#L1190";
    assert!(page.contains(href), "{page}");
    for number in 1..=6 {
        assert!(page.contains(&format!("href=\"#step-{number}\"")));
        assert!(page.contains(&format!("id=\"step-{number}\"")));
    }
}

#[test]
fn no_text_of_a_journey_becomes_markup_and_no_page_needs_a_script() {
    let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";
    let mut trace = sample::failed(hostile);
    let as_json = serde_json::to_string(&trace.request).unwrap();
    trace.policy = hostile.to_owned();
    trace.language = hostile.to_owned();
    trace.request.insert(hostile.to_owned(), hostile.into());
    for step in &mut trace.steps {
        step.journey = hostile.to_owned();
        step.kind = hostile.to_owned();
    }
    for html in [
        page(&trace, Watching::On),
        page(&sample::issued("t"), Watching::On),
    ] {
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(
            !html.contains(" style="),
            "the content security policy forbids it"
        );
    }
    assert!(!as_json.contains("alert"));
}

#[test]
fn what_is_masked_stays_so_and_is_read_out_as_masked() {
    let page = page(&sample::issued("t1"), Watching::On);
    assert!(page.contains(MASK));
    assert!(page.contains("<span class=\"hidden\">masked</span>"));
}

#[test]
fn only_a_running_journey_comes_again_by_itself() {
    let refreshes = |page: &str| page.contains("http-equiv=\"refresh\"");
    let running = sample::running("t1");
    assert!(refreshes(&page(&running, Watching::On)));
    assert!(!refreshes(&page(&running, Watching::Off)));
    assert!(!refreshes(&page(&sample::issued("t1"), Watching::On)));
    let words = words(&page(&running, Watching::On));
    for told in [
        "A person is at the page “Create an account” of step 2.",
        "2 ClaimsExchange LocalAccountSignUpWithLogonEmail waiting",
        "Hold it still",
    ] {
        assert!(words.contains(told), "{told}\n{words}");
    }
    assert!(
        !words.contains("Claims this step changed"),
        "it is not done"
    );
}

#[actix_web::test]
async fn a_trace_is_kept_in_place_of_its_older_self_and_the_newest_stay() {
    let tenant = tenant();
    tenant.put_trace(sample::running("first"));
    for number in 0..MAX_TRACES {
        tenant.put_trace(sample::blocked(&format!("t{number}")));
    }
    assert!(tenant.find_trace("first").is_none());
    tenant.put_trace(sample::issued("t7"));
    let kept = tenant.find_trace("t7").unwrap();
    assert_eq!(Outcome::of(&kept), Outcome::Tokens);
    assert_eq!(tenant.state().traces.len(), MAX_TRACES);
}

#[actix_web::test]
async fn programs_get_json_newest_first_and_choose() {
    let tenant = web::Data::new(tenant());
    for trace in [
        sample::failed("a"),
        sample::issued("b"),
        sample::blocked("c"),
        sample::running("d"),
    ] {
        tenant.put_trace(trace);
    }
    let cases = [
        ("", vec!["d", "c", "b", "a"]),
        ("?outcome=error", vec!["a"]),
        ("?outcome=tokens", vec!["b"]),
        ("?outcome=blocked", vec!["c"]),
        ("?outcome=open", vec!["d"]),
        ("?limit=2", vec!["d", "c"]),
        ("?policy=b2c_1a_signuporsignin_link&limit=1", vec!["d"]),
        ("?policy=B2C_1A_other", vec![]),
    ];
    for (query, ids) in cases {
        let path = format!("/__emulator/traces{query}");
        let got = get(&tenant, &path, "application/json").await.json();
        let told: Vec<_> = got
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["id"].clone())
            .collect();
        assert_eq!(told, ids, "{query}");
    }
    let failed = get(&tenant, "/__emulator/traces?outcome=error", "*/*")
        .await
        .json();
    assert_eq!(
        failed[0],
        serde_json::json!({
            "id": "a", "started": "2026-01-01T10:00:00Z", "policy": "B2C_1A_SignUpOrSignIn_Link",
            "dialect": "custom-policy", "clientId": "7c0f6c6e-2f5e-4d6b-9d4b-3c1e1e0f5a10",
            "application": "Contoso <Shop>", "outcome": "error", "code": "AADB2C90075",
            "detail": "The claims exchange 'REST-LinkCustomer' specified in step '5' returned \
                       HTTP error response with Code 'RequestTimeout' and Reason 'No reply within \
                       10 s'.",
            "stepsRun": 5, "stepsSkipped": 1, "tookUs": 21_300_400, "restUs": 21_288_700,
            "warnings": 2
        })
    );
}

#[actix_web::test]
async fn a_filter_that_is_none_is_refused() {
    let tenant = web::Data::new(tenant());
    for query in ["outcome=good", "limit=-1", "limit=x"] {
        let got = get(&tenant, &format!("/__emulator/traces?{query}"), "*/*").await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(got.json()["error"].is_string());
    }
}

#[actix_web::test]
async fn a_trace_is_json_for_programs_and_a_page_for_people() {
    let tenant = web::Data::new(tenant());
    tenant.put_trace(sample::issued("t1"));
    let json = get(&tenant, "/__emulator/traces/t1", "*/*").await.json();
    assert_eq!(json["summary"]["outcome"], "tokens");
    assert_eq!(json["steps"][2]["preconditions"][1]["claim"], "objectId");
    assert_eq!(json["end"]["claims"]["customerId"], "c-1007");
    let in_browser = get(&tenant, "/__emulator/traces/t1?format=json", HTML).await;
    assert_eq!(in_browser.json()["id"], "t1");
    let page = get(&tenant, "/__emulator/traces/t1", HTML).await;
    assert!(page.body.contains("Tokens were issued"));
    for accept in [HTML, "*/*"] {
        let got = get(&tenant, "/__emulator/traces/t2", accept).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND);
        assert!(got.body.contains("There is no trace of this journey"));
    }
}

#[actix_web::test]
async fn traces_are_forgotten_on_demand_and_by_a_reset() {
    let tenant = web::Data::new(tenant());
    tenant.put_trace(sample::issued("t1"));
    let got = send(&tenant, Method::DELETE, "/__emulator/traces", "*/*").await;
    assert_eq!(got.status, StatusCode::NO_CONTENT);
    assert!(tenant.find_trace("t1").is_none());
    tenant.put_trace(sample::issued("t1"));
    tenant.reset().unwrap();
    assert!(tenant.find_trace("t1").is_none());
}

#[actix_web::test]
async fn the_list_names_policy_outcome_and_error() {
    let tenant = web::Data::new(tenant());
    let empty = get(&tenant, "/__emulator/traces", HTML).await;
    assert!(empty.body.contains("Nothing here yet."));
    tenant.put_trace(sample::failed("a/b"));
    let page = get(&tenant, "/__emulator/traces?outcome=error", HTML)
        .await
        .body;
    assert!(page.contains("href=\"/__emulator/traces/a%2Fb\""), "{page}");
    assert!(page.contains("aria-current=\"page\">error<"), "{page}");
    let words = words(&page);
    let told = "error B2C_1A_SignUpOrSignIn_Link custom-policy AADB2C90075";
    assert!(words.contains(told), "{words}");
    assert!(words.contains("2 warnings"), "{words}");
    assert!(words.contains("Contoso &#60;Shop&#62;"), "{words}");
}

#[actix_web::test]
async fn a_policy_file_is_shown_line_by_line_and_no_other_file_is() {
    let tenant = web::Data::new(with_policies());
    tenant.put_trace(sample::issued("t1"));
    let path = "/__emulator/source?file=policies%2fbase%2fTrustFrameworkBase.xml&trace=t1";
    let page = get(&tenant, path, HTML).await.body;
    assert!(page.contains("<tr id=\"L5\">") && !page.contains("<tr id=\"L6\">"));
    assert!(page.contains("href=\"/__emulator/traces/t1\">Back to the trace"));
    assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script"));
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for file in [
        "/etc/passwd",
        "Cargo.toml",
        own,
        "policies/base/../base/TrustFrameworkBase.xml",
    ] {
        let got = get(&tenant, &format!("/__emulator/source?file={file}"), HTML).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{file}");
    }
    let list = get(&tenant, "/__emulator/source", HTML).await.body;
    assert!(words(&list).contains("Policy files policies/base/TrustFrameworkBase.xml"));
}

#[actix_web::test]
async fn the_first_page_names_what_runs_and_what_does_not() {
    let mut tenant = with_policies();
    let words = words(&index::rendered(&tenant));
    for told in [
        "1 policy that cannot be served B2C_1A_Saml The protocol SAML2 is not supported. Use OpenIdConnect. TrustFrameworkExtensions.xml:12",
        "Custom policies Policy Journey File Look B2C_1A_SignIn SignIn TrustFrameworkBase.xml:1",
        "B2C_1_signupsignin",
        "Contoso &#60;Shop&#62;",
    ] {
        assert!(words.contains(told), "{told}\n{words}");
    }
    assert!(!words.contains("Run now"), "nobody would take the answer");
    tenant.applications.push(Application {
        client_id: try_it::CLIENT.to_owned(),
        name: "Try it".to_owned(),
        secret: None,
        redirect_uris: Vec::new(),
        post_logout_redirect_uris: Vec::new(),
    });
    let page = index::rendered(&tenant);
    assert!(page.contains(
        "http://localhost:1/contoso.onmicrosoft.com/B2C_1A_SignIn/oauth2/v2.0/authorize?client_id="
    ));
    assert!(page.contains("redirect_uri=http%3a%2f%2flocalhost%3a1%2f__emulator%2fsigned-in"));
}

/// For looking at them: `SAMPLE_PAGES=folder cargo test sample_pages`, then
/// any web server over that folder.
#[actix_web::test]
async fn sample_pages_can_be_written_out() {
    let mut tenant = with_policies();
    tenant.applications.push(Application {
        client_id: try_it::CLIENT.to_owned(),
        name: "Try it".to_owned(),
        secret: None,
        redirect_uris: vec!["http://localhost:1/__emulator/signed-in".to_owned()],
        post_logout_redirect_uris: Vec::new(),
    });
    for trace in [
        sample::blocked("blocked"),
        sample::issued("issued"),
        sample::failed("failed"),
        sample::running("running"),
    ] {
        tenant.put_trace(trace);
    }
    let index = index::rendered(&tenant);
    let tenant = web::Data::new(tenant);
    let source = "/__emulator/source?file=policies%2fbase%2fTrustFrameworkBase.xml&trace=issued";
    let mut pages = vec![("index.html".to_owned(), index)];
    for (name, path) in [
        ("traces.html", "/__emulator/traces"),
        ("issued.html", "/__emulator/traces/issued"),
        ("failed.html", "/__emulator/traces/failed"),
        ("running.html", "/__emulator/traces/running?watch=no"),
        ("blocked.html", "/__emulator/traces/blocked"),
        ("source.html", source),
        ("__emulator/desk.css", "/__emulator/desk.css"),
    ] {
        let got = get(&tenant, path, HTML).await;
        assert_eq!(got.status, StatusCode::OK, "{path}");
        pages.push((name.to_owned(), got.body));
    }
    let Some(folder) = std::env::var_os("SAMPLE_PAGES").map(PathBuf::from) else {
        return;
    };
    fs::create_dir_all(folder.join("__emulator")).unwrap();
    for (name, body) in pages {
        fs::write(folder.join(name), body).unwrap();
    }
}
