//! Many journeys at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::desk::{Policy, bag, ok, service};
use crate::emulator::engine::value::Value;

#[tokio::test]
async fn two_hundred_journeys_call_at_once_and_each_gets_its_own_reply() {
    let service = service(ok(json!({})).set_delay(Duration::from_millis(200))).await;
    let rest = r#"<InputClaims><InputClaim ClaimTypeReferenceId="age"/></InputClaims>"#;
    let policy = Policy {
        rest,
        ..Policy::default()
    };
    let desk = policy.at(&service.uri());
    let bags: Vec<_> = (0..200)
        .map(|age| bag(&[("age", Value::Number(age))]))
        .collect();
    let begun = Instant::now();
    let done = join_all(bags.iter().map(|bag| desk.run(bag))).await;
    let took = begun.elapsed();
    for (age, (done, record)) in done.into_iter().enumerate() {
        done.unwrap();
        let rest = record.rest.unwrap();
        assert_eq!(rest.request_body, Some(format!(r#"{{"age":{age}}}"#)));
        assert_eq!(rest.attempts, 1);
    }
    // One after the other they would take 40 seconds.
    assert!(took < Duration::from_secs(20), "{took:?}");
    eprintln!("200 calls of 200 ms each took {took:?}");
}
