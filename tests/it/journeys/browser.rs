//! Our policies in a real browser, told by `tests/clients/journeys.mjs`.

use std::path::Path;

use idlink::domain::customer::CustomerType::B2b;

use super::desk::{Desk, Policy, TRY_IT};
use crate::clients::{client, said_by};
use crate::support::business::OnFile;

/// Kept by CI.
const SCREENSHOTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../screenshots");

const CUSTOMERS: [(&str, &str); 7] = [
    ("US-101", "ada@northwind.example"),
    ("US-102", "bruno@northwind.example"),
    ("US-103", "carla@northwind.example"),
    ("US-104", "dora@northwind.example"),
    ("US-105", "emil@northwind.example"),
    ("US-106", "flora@northwind.example"),
    ("US-107", "gina@northwind.example"),
];

/// One test, because all of it takes longer to start than to use; the script
/// prints a line for each chapter.
#[tokio::test]
async fn people_go_through_our_policies_in_a_real_browser() {
    let desk = Desk::with(Policy::Social, |setup| {
        setup.trade.client_ids.insert(TRY_IT.to_owned());
    })
    .await;
    for (number, email) in CUSTOMERS {
        OnFile::person(number, email, B2b)
            .add(&desk.service.store)
            .await;
    }
    std::fs::create_dir_all(SCREENSHOTS).unwrap();
    said_by(
        client("node")
            .arg("journeys.mjs")
            .env("TENANT", format!("{}/", desk.tenant.base))
            .env("AUTHORIZE", desk.try_it_url())
            .env("CALLBACK", desk.try_it_callback())
            .env("SCREENSHOTS", Path::new(SCREENSHOTS)),
    )
    .await;
}
