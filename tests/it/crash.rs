//! The program itself, killed between an answer and its link.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::linking::check_invariants;
use crate::support::business::store;
use crate::support::postgres::{connect, new_folder, own_server};

const SHOP: &str = "0c8f0c8a-51c5-4a44-9d57-5b1d7a6a5f11";
const PASSWORD: &str = "s3:cret";

fn settings(database: &tokio_postgres::Config) -> String {
    let tokio_postgres::config::Host::Unix(socket) = &database.get_hosts()[0] else {
        panic!("the embedded server listens on a socket only");
    };
    format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        management_listen = "127.0.0.1:0"
        [database]
        url = "host={} user={} dbname={}"
        [legal_entities.USMF]
        [tenants.contoso]
        issuer = "https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/"
        metadata_url = "http://127.0.0.1:9/{{policy}}/v2.0/.well-known/openid-configuration"
        policies = ["B2C_1_signupsignin"]
        trusted_providers = ["local"]
        [[tenants.contoso.credentials]]
        username = "b2c"
        password = "{PASSWORD}"
        [sites.shop]
        customer_type = "b2c"
        legal_entity = "USMF"
        tenant = "contoso"
        client_ids = ["{SHOP}"]
        "#,
        socket.display(),
        database.get_user().unwrap(),
        database.get_dbname().unwrap(),
    )
}

/// The program, and the address that it says it listens on.
async fn serve(settings: &Path) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--config")
        .arg(settings)
        .arg("serve")
        .env("IDLINK_LOG", "info")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
    let address = loop {
        let Some(line) = lines.next_line().await.unwrap() else {
            panic!("the service ended before it listened");
        };
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            panic!("{line}");
        };
        if line["message"] == "listening" {
            break line["address"].as_str().unwrap().to_owned();
        }
    };
    // Nobody may wait for a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (program, format!("http://{address}"))
}

async fn ask(client: &Client, url: &str, body: &Value) -> Option<Value> {
    let response = client
        .post(format!("{url}/connectors/contoso/user-flow"))
        .basic_auth("b2c", Some(PASSWORD))
        .json(body)
        .send()
        .await
        .ok()?;
    response.json().await.ok()
}

fn token(n: u128) -> Value {
    json!({
        "step": "PreTokenIssuance",
        "client_id": SHOP,
        "email": format!("person{n}@example.org"),
        "objectId": Uuid::from_u128(0x2000_0000_0000 + n).to_string(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_killed_in_the_middle_loses_nothing_that_it_acknowledged() {
    let server = own_server().await;
    store(server.config()).await.close();
    let folder = new_folder("crash");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("idlink.toml");
    std::fs::write(&file, settings(&server.config())).unwrap();

    let client = Client::new();
    let mut told: BTreeMap<u128, String> = BTreeMap::new();
    let next = Arc::new(AtomicUsize::new(0));
    for _round in 0..3 {
        let (mut program, url) = serve(&file).await;
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..6)
            .map(|_| {
                let (client, url) = (client.clone(), url.clone());
                let (next, stop) = (next.clone(), stop.clone());
                let acknowledged = acknowledged.clone();
                tokio::spawn(async move {
                    let mut told = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        let n = next.fetch_add(1, Ordering::SeqCst) as u128;
                        let reply = ask(&client, &url, &token(n)).await;
                        let number = reply.as_ref().map(|r| &r["extension_CustomerId"]);
                        if let Some(number) = number.and_then(Value::as_str)
                            && !number.is_empty()
                        {
                            told.push((n, number.to_owned()));
                            acknowledged.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    told
                })
            })
            .collect();
        while acknowledged.load(Ordering::SeqCst) < 60 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        program.kill().await.unwrap();
        stop.store(true, Ordering::SeqCst);
        for caller in callers {
            told.extend(caller.await.unwrap());
        }
    }

    // Whoever was told a number is told the same again, and whoever was not
    // gets one now.
    let (_program, url) = serve(&file).await;
    let mut numbers = BTreeMap::new();
    for n in 0..next.load(Ordering::SeqCst) as u128 {
        let reply = ask(&client, &url, &token(n)).await.unwrap();
        let number = reply["extension_CustomerId"].as_str().unwrap().to_owned();
        assert!(!number.is_empty(), "person {n}");
        if let Some(before) = told.get(&n) {
            assert_eq!(before, &number, "person {n}");
        }
        assert_eq!(numbers.insert(number, n), None, "one number, two persons");
    }
    assert!(told.len() >= 180);
    check_invariants(&connect(&server.config()).await).await;
}

#[tokio::test]
async fn an_answer_given_before_the_kill_is_recorded_after_it() {
    let server = own_server().await;
    store(server.config()).await.close();
    let folder = new_folder("crash");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("idlink.toml");
    std::fs::write(&file, settings(&server.config())).unwrap();
    let client = Client::new();
    let asked = json!({
        "step": "PostAttributeCollection",
        "client_id": SHOP,
        "email": "person7@example.org",
    });

    let (mut program, url) = serve(&file).await;
    let reply = ask(&client, &url, &asked).await.unwrap();
    assert_eq!(reply, json!({"version": "1.0.0", "action": "Continue"}));
    program.kill().await.unwrap();
    let sql = connect(&server.config()).await;
    let count = async |sql: &tokio_postgres::Client| -> i64 {
        let row = sql.query_one("SELECT count(*) FROM customer", &[]).await;
        row.unwrap().get(0)
    };
    assert_eq!(count(&sql).await, 0, "an answer creates nobody");

    let (_program, url) = serve(&file).await;
    let reply = ask(&client, &url, &token(7)).await.unwrap();
    assert_eq!(
        reply,
        json!({"version": "1.0.0", "action": "Continue", "extension_CustomerId": "C000001"})
    );
    assert_eq!(count(&sql).await, 1);
}
