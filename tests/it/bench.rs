//! `idlink bench`, in small: that everything is measured, that every answer is
//! looked at, and that what pgbench and the peers ask is what the service asks.

use std::process::Stdio;

use idlink::domain::customer::CustomerType;
use idlink::domain::identity::Provider;
use idlink::store::candidates::Lookup;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_postgres::NoTls;

use crate::support::business::{self, OnFile};
use crate::support::postgres::database;
use crate::support::program::Folder;

async fn bench(arguments: &[&str]) -> Value {
    let folder = Folder::new();
    let output = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .arg("--data-dir")
        .arg(&folder.0)
        .arg("bench")
        .args(arguments)
        .args(["--rounds", "2", "--seconds", "0.3", "--json"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run in which something was measured, and nothing went wrong.
fn assert_run(run: &Value, what: &str, callers: u64) {
    assert_eq!(run["what"], what, "{run}");
    assert_eq!(run["callers"], callers, "{run}");
    assert_eq!(run["errors"], 0, "{run}");
    assert_eq!(run["rounds"].as_array().unwrap().len(), 2, "{run}");
    assert!(run["requests_per_second"].as_f64().unwrap() > 1.0, "{run}");
}

fn assert_latencies(run: &Value) {
    let of = |name: &str| run[name].as_f64().unwrap();
    assert!(of("p50_ms") > 0.0, "{run}");
    assert!(of("p50_ms") <= of("p99_ms"), "{run}");
    assert!(of("p99_ms") <= of("p999_ms"), "{run}");
}

fn assert_circumstances(report: &Value) {
    for name in ["processor", "cores", "memory_gb"] {
        assert!(!report["machine"][name].is_null(), "{name}");
    }
    assert_eq!(report["date"].as_str().unwrap().len(), "2026-11-29".len());
    let postgresql = report["postgresql"].as_str().unwrap();
    assert!(postgresql.starts_with("PostgreSQL 1"), "{postgresql}");
    let command = report["command"].as_str().unwrap();
    assert!(command.contains(" bench "), "{command}");
}

#[tokio::test]
async fn sign_ups_are_measured_over_https_beside_pgbench() {
    let folder = Folder::new();
    let svg = folder.0.join("chart.svg");
    let report = bench(&[
        "connector",
        "--customers",
        "1000",
        "--callers",
        "4",
        "--tls",
        "--no-peers",
        "--svg",
        svg.to_str().unwrap(),
    ])
    .await;
    assert_circumstances(&report);
    assert_eq!(report["customers"], 1000);
    let [idlink, pgbench, arriving] = report["runs"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    assert_run(idlink, "idlink", 4);
    assert_latencies(idlink);
    assert_eq!(idlink["tls"], true);
    for name in ["cpu_us_service", "cpu_us_postgres", "memory_mb"] {
        assert!(idlink[name].as_f64().unwrap() > 0.0, "{name}: {idlink}");
    }
    assert_run(pgbench, "pgbench", 4);
    assert_eq!(pgbench["tls"], false);
    assert!(pgbench["mean_ms"].as_f64().unwrap() > 0.0);
    assert_run(arriving, "idlink", 4);
    assert_latencies(arriving);
    let (arrive, answered) = (
        arriving["arrivals_per_second"].as_f64().unwrap(),
        arriving["requests_per_second"].as_f64().unwrap(),
    );
    assert!(answered < arrive * 1.1, "{answered} of {arrive}");

    assert!(report["ratios"]["pgbench"].as_f64().unwrap() > 0.0);
    for name in ["generator_ceiling", "start_ms"] {
        assert!(report["figures"][name].as_f64().unwrap() > 1.0, "{name}");
    }
    let goals = report["goals"].as_array().unwrap();
    let against_pgbench = &goals[0];
    assert_eq!(
        against_pgbench["figure"],
        "times as many requests as pgbench"
    );
    assert_eq!(against_pgbench["goal"], 1.0);
    assert_eq!(against_pgbench["reached"], report["ratios"]["pgbench"]);
    assert_eq!(
        against_pgbench["met"],
        report["ratios"]["pgbench"].as_f64().unwrap() >= 1.0
    );
    let drawn = std::fs::read_to_string(svg).unwrap();
    assert!(drawn.starts_with("<svg "), "{drawn}");
    assert_eq!(drawn.matches("<rect class=\"ours\"").count(), 2, "{drawn}");
}

#[tokio::test]
async fn first_tokens_are_measured_and_leave_all_their_rows() {
    let report = bench(&["token", "--customers", "100", "--callers", "4"]).await;
    assert_circumstances(&report);
    let [idlink, pgbench] = report["runs"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    assert_run(idlink, "idlink", 4);
    assert_latencies(idlink);
    assert_run(pgbench, "pgbench", 4);
    assert!(report["ratios"]["pgbench"].as_f64().unwrap() > 0.0);
    assert_eq!(report["goals"][0]["goal"], 0.8);
}

#[tokio::test]
async fn new_connections_are_measured() {
    let report = bench(&["tls", "--callers", "2"]).await;
    let [new, offered] = report["runs"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    assert_run(new, "new session", 2);
    assert_run(offered, "session offered", 2);
    assert!(new["cpu_us_service"].as_f64().unwrap() > 0.0, "{new}");
    // A withdrawn certificate must not live on in a session.
    assert_eq!(report["figures"]["share_resumed"], 0.0);
}

/// What the load generator makes of something that says the same to everybody,
/// and closes the connection where it says nothing.
async fn load_on(answer: Option<&'static str>) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let liar = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let Some(answer) = answer else { return };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    let mut load = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(["bench", "load"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let plan = json!({
        "address": address.to_string(),
        "certificate": null,
        "path": "/connectors/bench/user-flow",
        "authorization": "Basic x",
        "callers": 1,
        "pace": "Closed",
        "asking": {"SignUps": {"customers": 10, "stride": 7}},
        "first": 0,
        "warm_up": {"secs": 0, "nanos": 0},
        "measure": {"secs": 0, "nanos": 100_000_000},
    });
    let mut orders = load.stdin.take().unwrap();
    orders
        .write_all(format!("{plan}\ngo\n").as_bytes())
        .await
        .unwrap();
    let mut lines = BufReader::new(load.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "warm");
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "done");
    let outcome = lines.next_line().await.unwrap().unwrap();
    liar.abort();
    serde_json::from_str(&outcome).unwrap()
}

#[tokio::test]
async fn wrong_answers_are_counted_and_are_no_answers() {
    // Right for customer 0, the first question of all.
    let outcome = load_on(Some(
        "HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n\
         {\"version\":\"1.0.0\",\"action\":\"Continue\",\"extension_CustomerId\":\"US-000000000\"}",
    ))
    .await;
    let (right, wrong) = (
        outcome["answers"].as_u64().unwrap(),
        outcome["errors"]["wrong"].as_u64().unwrap(),
    );
    assert!(right > 0, "{outcome}");
    // Of ten customers and a stranger among ten questions, one is right.
    assert!(wrong > 5 * right, "{outcome}");
    assert_eq!(outcome["errors"]["refused"], 0, "{outcome}");
    let complaint = outcome["complaint"].as_str().unwrap();
    assert!(complaint.starts_with("question 1: {"), "{complaint}");
}

#[tokio::test]
async fn other_statuses_and_broken_connections_are_counted() {
    let refused = load_on(Some("HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n")).await;
    assert_eq!(refused["answers"], 0, "{refused}");
    assert!(refused["errors"]["refused"].as_u64().unwrap() > 0);
    assert_eq!(refused["complaint"], "question 0: status 503");

    let broken = load_on(None).await;
    assert_eq!(broken["answers"], 0, "{broken}");
    assert!(broken["errors"]["broken"].as_u64().unwrap() > 0);
    assert_eq!(broken["errors"]["wrong"], 0, "{broken}");
}

#[tokio::test]
async fn what_is_compared_with_asks_what_the_service_asks() {
    const CANDIDATES: &str = include_str!("../../benches/peers/candidates.sql");
    let database = database().await;
    let store = business::store(database.config()).await;
    for (number, email, customer_type) in [
        ("C1", "one@example.org", CustomerType::B2c),
        ("B1", "one@example.org", CustomerType::B2b),
        ("C2", "two@example.org", CustomerType::B2c),
        ("C3", "two@example.org", CustomerType::B2c),
    ] {
        OnFile::person(number, email, customer_type)
            .add(&store)
            .await;
    }
    let entity = business::usmf();
    let (issuer, provider) = (business::tenant().issuer.clone(), Provider::local());
    let (client, connection) = database.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    for (address, expected) in [
        ("one@example.org", vec!["C1"]),
        ("two@example.org", vec!["C2", "C3"]),
        ("new@example.org", vec![]),
    ] {
        let email = business::email(address);
        let lookup = Lookup {
            legal_entity: &entity,
            email: &email,
            customer_type: CustomerType::B2c,
            issuer: &issuer,
            provider: &provider,
            feed_max_age: None,
        };
        let candidates = store.candidates(&lookup).await.unwrap();
        let mut ours: Vec<_> = candidates.found.iter().map(|c| c.number.as_str()).collect();
        ours.sort_unstable();
        assert_eq!(ours, expected, "{address}");
        let rows = client
            .query(
                CANDIDATES,
                &[
                    &"USMF",
                    &address,
                    &1_i16,
                    &false,
                    &issuer.as_str(),
                    &provider.as_str(),
                ],
            )
            .await
            .unwrap();
        let mut theirs: Vec<String> = rows.iter().map(|row| row.get("customer_number")).collect();
        theirs.sort_unstable();
        assert_eq!(theirs, expected, "{address}");
    }
}
