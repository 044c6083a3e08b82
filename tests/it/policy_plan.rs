//! `idlink policy plan`: what a tenant is sent, against a Graph that answers
//! as Microsoft's documents say.

mod graph;

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use wiremock::ResponseTemplate;

use super::policy_check::{BASE, CHILD};
use crate::support::program::Folder;
use graph::{Graph, TOKEN, refusal};

const SECRET: &str = "hunter2-of-the-keys";
const PASSWORD: &str = "hunter2-of-the-connector";

const KEYS: &str = r#"{"keys": [
  {"id": "B2C_1A_Sign", "kind": "generate", "use": "sig", "kty": "RSA"},
  {"id": "B2C_1A_Password", "kind": "secret", "use": "enc", "environment": "SHOP_KEY"}
]}"#;
const CONNECTOR: &str = r##"{
  "displayName": "idlink",
  "targetUrl": "https://signup.shop.example/connectors/shop/user-flow",
  "authenticationConfiguration": {
    "@odata.type": "#microsoft.graph.basicAuthentication",
    "username": "b2c",
    "password": "{Secret:SHOP_PASSWORD}"
  }
}"##;
const FLOW: &str = r#"{
  "id": "B2C_1_signup",
  "apiConnectorConfiguration": {
    "postAttributeCollection": {
      "@odata.id": "https://graph.microsoft.com/v1.0/identity/apiConnectors/{ApiConnector:idlink}"
    }
  }
}"#;

const PUT_BASE: &str = "PUT /beta/trustFramework/policies/B2C_1A_Base/$value";
const PUT_CHILD: &str = "PUT /beta/trustFramework/policies/B2C_1A_Child/$value";

/// Two policies without a fault. The child's name sorts before its base's.
fn policies() -> Folder {
    let folder = Folder::new();
    fs::write(folder.0.join("a-child.xml"), child()).unwrap();
    fs::write(folder.0.join("base.xml"), BASE).unwrap();
    folder
}

fn child() -> String {
    CHILD.replace("\"phone\"", "\"email\"").replace(
        "<OutputClaim ClaimTypeReferenceId=\"email\" /><!-- 😀 -->",
        "",
    )
}

/// The same, with all that stands beside policies.
fn everything() -> Folder {
    let folder = policies();
    folder.write("keys.json", KEYS);
    folder.write("connector.json", CONNECTOR);
    folder.write("flow.json", FLOW);
    folder
}

fn plan(folder: &Folder, graph: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlink"));
    command
        .args(["policy", "plan"])
        .args(arguments)
        .arg(&folder.0)
        .env("IDLINK_GRAPH_URL", graph)
        .env("IDLINK_GRAPH_TOKEN", TOKEN)
        .env("SHOP_KEY", SECRET)
        .env("SHOP_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs it. Whatever is said has none of the secrets in it.
async fn run(command: &mut Command) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    for secret in [TOKEN, SECRET, PASSWORD] {
        assert!(!said.contains(secret), "{said}");
    }
    (status.code().unwrap(), said)
}

async fn apply(folder: &Folder, graph: &Graph) -> (i32, String) {
    run(&mut plan(folder, &graph.url(), &["--apply"])).await
}

#[tokio::test]
async fn a_plan_is_told_in_its_order() {
    let folder = everything();
    let graph = "https://graph.example";
    let output = plan(&folder, graph, &["--format", "json"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["tenant"], "shop.onmicrosoft.com");
    let steps: Vec<_> = told["steps"].as_array().unwrap().iter().collect();
    let names: Vec<_> = steps
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "B2C_1A_Sign",
            "B2C_1A_Password",
            "idlink",
            "B2C_1A_Base",
            "B2C_1A_Child",
            "B2C_1_signup"
        ]
    );
    assert_eq!(
        steps[1]["requests"],
        json!([
            {
                "method": "POST",
                "path": "/beta/trustFramework/keySets",
                "contentType": "application/json",
                "body": {"json": {"id": "B2C_1A_Password"}},
            },
            {
                "method": "POST",
                "path": "/beta/trustFramework/keySets/B2C_1A_Password/uploadSecret",
                "contentType": "application/json",
                "body": {"json": {"use": "enc", "k": "{Secret:SHOP_KEY}"}},
            },
        ])
    );
    assert_eq!(
        steps[3]["requests"],
        json!([{
            "method": "PUT",
            "path": "/beta/trustFramework/policies/B2C_1A_Base/$value",
            "contentType": "application/xml",
            "body": {"file": folder.0.join("base.xml")},
        }])
    );
    assert_eq!(
        steps[5]["requests"][0]["body"]["json"]["@odata.id"],
        "https://graph.example/v1.0/identity/apiConnectors/{ApiConnector:idlink}"
    );
    let (code, said) = run(&mut plan(&folder, graph, &[])).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.starts_with("Tenant shop.onmicrosoft.com: 6 steps\n"),
        "{said}"
    );
    assert!(said.contains(&format!("     {PUT_BASE}\n")), "{said}");
}

#[tokio::test]
async fn a_tenant_gets_everything_once() {
    let (folder, graph) = (everything(), Graph::start().await);
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("✓ 6/6 user flow B2C_1_signup"), "{said}");
    assert_eq!(
        graph.changes(),
        [
            "POST /beta/trustFramework/keySets",
            "POST /beta/trustFramework/keySets/B2C_1A_Sign/generateKey",
            "POST /beta/trustFramework/keySets",
            "POST /beta/trustFramework/keySets/B2C_1A_Password/uploadSecret",
            "POST /v1.0/identity/apiConnectors",
            PUT_BASE,
            PUT_CHILD,
            "PUT /beta/identity/b2cUserFlows/B2C_1_signup/apiConnectorConfiguration/postAttributeCollection/$ref",
        ]
    );
    {
        let state = graph.state();
        assert_eq!(state.policies["B2C_1A_Base"], BASE);
        assert_eq!(
            state.key_sets["B2C_1A_Password"],
            [json!({"action": "uploadSecret", "use": "enc", "k": SECRET})]
        );
        let sent = &state.connectors[0]["authenticationConfiguration"];
        assert_eq!(sent["password"], PASSWORD);
        assert_eq!(state.flow["postAttributeCollection"], "connector-0");
    }
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(graph.changes(), [""; 0]);
    assert!(said.contains("policy B2C_1A_Base: unchanged"), "{said}");
    assert!(
        said.contains("key B2C_1A_Sign: there is one, left alone"),
        "{said}"
    );

    let forced = run(&mut plan(&folder, &graph.url(), &["--apply", "--force"])).await;
    assert_eq!(forced.0, 0, "{}", forced.1);
    assert_eq!(
        graph.changes(),
        [
            "PATCH /v1.0/identity/apiConnectors/connector-0",
            PUT_BASE,
            PUT_CHILD,
            "PUT /beta/identity/b2cUserFlows/B2C_1_signup/apiConnectorConfiguration/postAttributeCollection/$ref",
        ],
        "keys are never made anew"
    );
}

#[tokio::test]
async fn only_what_differs_is_sent_and_what_inherits_from_it() {
    let (folder, graph) = (policies(), Graph::start().await);
    assert_eq!(apply(&folder, &graph).await.0, 0);
    graph.changes();
    fs::write(
        folder.0.join("a-child.xml"),
        child().replace(">Page<", ">Form<"),
    )
    .unwrap();
    // What a policy says is the same with other spaces and comments.
    fs::write(
        folder.0.join("base.xml"),
        BASE.replace('\n', "\r\n") + "<!-- x -->",
    )
    .unwrap();
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(graph.changes(), [PUT_CHILD]);
    fs::write(folder.0.join("base.xml"), BASE.replace(">Mail<", ">Post<")).unwrap();
    assert_eq!(apply(&folder, &graph).await.0, 0);
    assert_eq!(graph.changes(), [PUT_BASE, PUT_CHILD]);
}

#[tokio::test]
async fn a_refusal_ends_the_plan_beside_our_line() {
    let (folder, graph) = (everything(), Graph::start().await);
    let message = "Validation failed: 1 validation error(s) found in policy \"B2C_1A_CHILD\" of tenant \
                   \"shop.onmicrosoft.com\".TechnicalProfile \"Page\" in policy \"B2C_1A_Child\" of tenant \
                   \"shop.onmicrosoft.com\" is odd.";
    graph.instead(PUT_CHILD, refusal(400, "AADB2C", message));
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!(
            "Graph refused policy B2C_1A_Child: {message} (400 AADB2C)"
        )),
        "{said}"
    );
    assert!(said.contains("a-child.xml:10:"), "{said}");
    assert!(said.contains("<TechnicalProfile Id=\"Page\">"), "{said}");
    assert!(
        said.contains("Done: 4 of 6 steps. Not done:\n  policy B2C_1A_Child\n  user flow"),
        "{said}"
    );
    let changes = graph.changes();
    assert_eq!(changes.iter().filter(|line| *line == PUT_CHILD).count(), 1);
    assert_eq!(changes.last().unwrap(), PUT_CHILD);

    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(graph.changes()[0], PUT_CHILD, "it goes on where it ended");
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told() {
    let (folder, graph) = (policies(), Graph::start().await);
    let mut command = plan(&folder, &graph.url(), &["--apply"]);
    let (code, said) = run(command.env("IDLINK_GRAPH_TOKEN", "another")).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("is not valid, or no longer"), "{said}");
    assert_eq!(graph.state().log.len(), 1, "not tried again");
    assert_eq!(graph.changes(), [""; 0]);

    graph.instead(
        "GET",
        refusal(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges",
        ),
    );
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Policy.ReadWrite.TrustFramework"), "{said}");

    let mut command = plan(&folder, &graph.url(), &["--apply"]);
    let (code, said) = run(command.env_remove("IDLINK_GRAPH_TOKEN")).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("IDLINK_GRAPH_TOKEN is not set"), "{said}");
}

#[tokio::test]
async fn a_busy_graph_is_asked_again_when_it_says() {
    let (folder, graph) = (policies(), Graph::start().await);
    let busy =
        |status| refusal(status, "TooManyRequests", "Slow down").insert_header("Retry-After", "1");
    graph.instead(PUT_BASE, busy(429));
    graph.instead(PUT_BASE, busy(503));
    graph.instead(PUT_CHILD, refusal(504, "GatewayTimeout", "Too slow"));
    let begun = std::time::Instant::now();
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert!(begun.elapsed() >= Duration::from_secs(3), "{said}");
    assert!(
        said.contains("… policy B2C_1A_Base: Slow down (429"),
        "{said}"
    );
    assert!(said.contains("again in 1 s"), "{said}");
    let changes = graph.changes();
    assert_eq!(
        changes,
        [PUT_BASE, PUT_BASE, PUT_BASE, PUT_CHILD, PUT_CHILD]
    );

    graph.instead("GET", busy(429).insert_header("Retry-After", "3600"));
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("Graph asks to wait 60 min: try again then"),
        "{said}"
    );
}

#[tokio::test]
async fn a_fault_of_graph_is_tried_again_and_a_web_page_is_no_answer() {
    let (folder, graph) = (policies(), Graph::start().await);
    graph.instead(PUT_BASE, refusal(500, "InternalServerError", "Oops"));
    let page = ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html");
    graph.instead(PUT_CHILD, page);
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("Oops (500 InternalServerError), request 7c1e; again in 1 s"),
        "{said}"
    );
    assert!(said.contains("✓ 1/2 policy B2C_1A_Base: created"), "{said}");
    assert!(
        said.contains("policy B2C_1A_Child: a web page answers instead of Graph"),
        "{said}"
    );
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("policy B2C_1A_Base: unchanged"), "{said}");
    assert!(said.contains("policy B2C_1A_Child: created"), "{said}");
}

#[tokio::test]
async fn secrets_that_graph_repeats_are_not_told() {
    let (folder, graph) = (everything(), Graph::start().await);
    let repeated = format!("No {TOKEN} and no {SECRET}");
    graph.instead(
        "POST /beta/trustFramework/keySets/B2C_1A_Password/uploadSecret",
        refusal(400, "BadRequest", &repeated),
    );
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("No [hidden] and no [hidden] (400"), "{said}");
}

#[tokio::test]
async fn a_list_that_is_none_or_never_ends_is_not_believed() {
    let (folder, graph) = (everything(), Graph::start().await);
    let list = "GET /v1.0/identity/apiConnectors";
    let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    graph.instead(list, answer(json!({"value": {}})));
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("list of API connectors is none"), "{said}");

    let next = format!("{}/v1.0/identity/apiConnectors", graph.url());
    for _ in 0..200 {
        let page = json!({"value": [], "@odata.nextLink": next});
        graph.instead(list, answer(page));
    }
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("list of API connectors does not end"),
        "{said}"
    );
    assert!(graph.state().connectors.is_empty());
}

#[tokio::test]
async fn an_interrupted_plan_says_how_far_it_came_and_goes_on() {
    let (folder, graph) = (policies(), Graph::start().await);
    let slow = ResponseTemplate::new(201).set_delay(Duration::from_secs(30));
    graph.instead(PUT_CHILD, slow);
    let mut command = plan(&folder, &graph.url(), &["--apply"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let is_sent = || graph.state().log.iter().any(|line| line == PUT_CHILD);
    while !is_sent() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("Done: 1 of 2 steps. Not done:\n  policy B2C_1A_Child"),
        "{said}"
    );
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("policy B2C_1A_Base: unchanged"), "{said}");
}

#[tokio::test]
async fn policies_that_inherit_from_each_other_have_no_order() {
    let folder = Folder::new();
    for (own, base) in [("A", "B"), ("B", "A")] {
        let text = format!(
            "<TrustFrameworkPolicy xmlns=\"http://schemas.microsoft.com/online/cpim/schemas/2013/06\" \
             PolicyId=\"B2C_1A_{own}\" TenantId=\"t.onmicrosoft.com\">\n<BasePolicy>\
             <TenantId>t.onmicrosoft.com</TenantId><PolicyId>B2C_1A_{base}</PolicyId></BasePolicy>\
             </TrustFrameworkPolicy>"
        );
        folder.write(&format!("{own}.xml"), &text);
    }
    let (code, said) = run(&mut plan(&folder, "https://graph.example", &[])).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("error[P05]: the policy inherits from itself"),
        "{said}"
    );
    assert!(said.contains("A.xml:2:"), "{said}");
}

#[tokio::test]
async fn a_key_whose_answer_was_lost_is_not_made_twice() {
    let (folder, graph) = (everything(), Graph::start().await);
    // Graph has made the key set, and the answer says otherwise.
    graph
        .state()
        .key_sets
        .insert("B2C_1A_Sign".to_owned(), Vec::new());
    graph.instead(
        "POST /beta/trustFramework/keySets/B2C_1A_Sign",
        refusal(503, "x", "later"),
    );
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        graph.state().key_sets["B2C_1A_Sign"],
        [json!({"action": "generateKey", "use": "sig", "kty": "RSA"})]
    );
}

/// A way to Graph on which the first connections break when something was sent.
async fn breaking_off(graph: &Graph, times: usize) -> String {
    let to = graph.url().trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for connection in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            if connection < times {
                let _ = client.read(&mut [0; 16]).await;
                socket2::SockRef::from(&client)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                continue;
            }
            let to = to.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_made_again() {
    let (folder, graph) = (policies(), Graph::start().await);
    let way = breaking_off(&graph, 2).await;
    let (code, said) = run(&mut plan(&folder, &way, &["--apply"])).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&format!("the connection to {way} was lost; again in 1 s")),
        "{said}"
    );
    assert_eq!(graph.changes(), [PUT_BASE, PUT_CHILD]);
}

#[tokio::test]
async fn a_slow_graph_is_not_waited_for_without_end() {
    let (folder, graph) = (policies(), Graph::start().await);
    let slow = ResponseTemplate::new(201).set_delay(Duration::from_secs(20));
    graph.instead(PUT_BASE, slow);
    let mut command = plan(&folder, &graph.url(), &["--apply", "--timeout", "1"]);
    let (code, said) = run(&mut command).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("no answer from") && said.contains("within 1 s"),
        "{said}"
    );
}

#[tokio::test]
async fn policies_with_errors_are_sent_only_on_demand() {
    let (folder, graph) = (policies(), Graph::start().await);
    fs::write(folder.0.join("a-child.xml"), CHILD).unwrap();
    let (code, said) = apply(&folder, &graph).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("error[P06]") && said.contains("Nothing was sent"),
        "{said}"
    );
    assert_eq!(graph.state().log.len(), 0);
    let mut command = plan(&folder, &graph.url(), &["--apply", "--no-check"]);
    let (code, said) = run(&mut command).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("WARNING: --no-check"), "{said}");

    let placeholder = BASE.replace(">Mail<", ">{Settings:Mail}<");
    fs::write(folder.0.join("base.xml"), placeholder).unwrap();
    graph.changes();
    let (code, said) = run(&mut plan(&folder, &graph.url(), &["--apply", "--no-check"])).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("{Settings:Mail} is not replaced"), "{said}");
    assert!(said.contains("Run idlink policy build"), "{said}");
    assert_eq!(graph.changes(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_carried_out_ends_with_2() {
    let folder = policies();
    let cases: [(&str, &[&str], &str); 5] = [
        ("http://graph.example", &["--apply"], "https only"),
        (
            "https://user:hunter2@graph.example",
            &["--apply"],
            "no address of the form",
        ),
        ("https://graph.example", &["--force"], "--apply"),
        ("https://graph.example", &["--timeout", "0"], "--timeout"),
        (
            "https://graph.example",
            &["/nowhere-at-all"],
            "nowhere-at-all",
        ),
    ];
    for (graph, arguments, expected) in cases {
        let (code, said) = run(&mut plan(&folder, graph, arguments)).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_stops_before_anything_needs_it() {
    let (folder, graph) = (everything(), Graph::start().await);
    let mut command = plan(&folder, &graph.url(), &["--apply"]);
    let (code, said) = run(command.env_remove("SHOP_KEY")).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("the environment variable SHOP_KEY is not set"),
        "{said}"
    );
    assert!(said.contains("keys.json:3:"), "{said}");
    assert!(graph.state().policies.is_empty());
}
